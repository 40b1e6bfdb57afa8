// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

contract QuantumVerificationKeysTest is QuantumVerificationFixture {
    bytes32 private constant NEXT_KEY = "public key of the next";
    bytes32 private constant OTHER_ROOT = "public key of another root";

    // ------------------------------------------------------------------------------------------------------------
    // authorizeKey
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Authorize(uint8 kind, bytes32 publicKey, address account, uint256 delay, uint256 life) public {
        Auth memory a = _auth(publicKey);
        (a.scheme, a.account) = (PostQuantumScheme(kind % 4), account);
        if (delay % 3 != 0) a.validFrom = uint40(_bound(delay, START, START + 400 days));
        uint40 from = a.validFrom == 0 ? START : a.validFrom;
        a.validUntil = from + uint40(_bound(life, 1, LIFE));
        bytes32 key = qv.keyIdOf(root, a.scheme, publicKey);
        bytes memory call_ = _signed(a);
        vm.expectEmit();
        emit IQuantumVerification.KeyAuthorized(root, key, a.scheme, publicKey, account, from, a.validUntil);
        vm.assertEq(_allowed(BOB, call_), abi.encode(key));
        _assertEqKeys(qv.keyOf(key), _key(a, from));
        vm.assertEq(qv.nonceOf(root), uint256(1));
        vm.assertEq(qv.isValidKey(key), from == START);
        vm.warp(from);
        vm.assertTrue(qv.isValidKey(key));
        vm.warp(a.validUntil - 1);
        vm.assertTrue(qv.isValidKey(key));
        vm.warp(a.validUntil);
        vm.assertFalse(qv.isValidKey(key));
    }

    function test_AuthorizeNeedsARoot() public {
        Auth memory a = _auth(WORK_KEY);
        (a.root, a.nonce) = ("nothing", 0);
        _refused(BOB, _signed(a), _unknown("nothing"));
        a.root = 0;
        _refused(BOB, _signed(a), _unknown(0));
    }

    function test_AuthorizeByAWorkingKey() public {
        bytes32 key = _authorize(WORK_KEY);
        Auth memory a = _auth(NEXT_KEY);
        (a.root, a.nonce) = (key, 0);
        _refused(BOB, _authorizeCall(a, _sign(WORK_KEY, _typed(_authorization(a)))), _wrongKind(key));
    }

    function testFuzz_AuthorizeForARootWithAnAccount(address caller) public {
        vm.assume(caller != ALICE && caller != address(vm));
        bytes32 other = _enrol(OTHER_ROOT, ALICE);
        Auth memory a = _auth(WORK_KEY);
        (a.root, a.nonce) = (other, 0);
        bytes memory call_ = _authorizeCall(a, _sign(OTHER_ROOT, _typed(_authorization(a))));
        _refused(caller, call_, _wrongAccount(other, ALICE, caller));
        // The account alone is not enough either.
        _refused(
            ALICE,
            _authorizeCall(a, _sign(ROOT_KEY, _typed(_authorization(a)))),
            _invalid(other, _typed(_authorization(a)))
        );
        _allowed(ALICE, call_);
    }

    function test_AuthorizeByARevokedRoot() public {
        _revoke(root, START);
        _refused(BOB, _signed(_auth(WORK_KEY)), _revoked(root, START));
    }

    function test_AuthorizeOnce() public {
        bytes memory call_ = _signed(_auth(WORK_KEY));
        bytes32 key = abi.decode(_allowed(BOB, call_), (bytes32));
        _refused(BOB, call_, _exists(key));
        // Nor with a longer life, nor when it is over or revoked.
        vm.warp(START + 100 days);
        _refused(BOB, _signed(_auth(WORK_KEY)), _exists(key));
        _revoke(key, START);
        _refused(BOB, _signed(_auth(WORK_KEY)), _exists(key));
    }

    function testFuzz_AuthorizeRejectsOtherLifetimes(uint256 time, uint40 from, uint40 until, uint8 near) public {
        vm.warp(_bound(time, START, START + 10 * uint256(LIFE)));
        if (near % 2 == 0) from = uint40(_bound(from, block.timestamp - 3, block.timestamp + 3));
        if (near % 3 == 0) from = 0;
        if (near % 5 != 0) until = uint40(_bound(until, block.timestamp - 3, block.timestamp + LIFE + 6));
        Auth memory a = _auth(WORK_KEY);
        (a.validFrom, a.validUntil) = (from, until);
        uint256 start = from == 0 ? block.timestamp : from;
        bool allowed = start >= block.timestamp && until > start && until - start <= LIFE;
        if (allowed) _allowed(BOB, _signed(a));
        else _refused(BOB, _signed(a), _lifetime(start, until));
    }

    function test_AuthorizeAtTheEdgesOfALifetime() public {
        Auth memory a = _auth(WORK_KEY);
        a.validUntil = START;
        _refused(BOB, _signed(a), _lifetime(START, START));
        a.validUntil = START + LIFE + 1;
        _refused(BOB, _signed(a), _lifetime(START, START + LIFE + 1));
        (a.validFrom, a.validUntil) = (START - 1, START + 1);
        _refused(BOB, _signed(a), _lifetime(START - 1, START + 1));
        (a.validFrom, a.validUntil) = (START, START + LIFE);
        _authorize(a);
        a = _auth(NEXT_KEY);
        a.validUntil = START + 1;
        _authorize(a);
    }

    /// @dev Whatever of a signed message is changed, the signature is no longer of it.
    function testFuzz_AuthorizeBindsEachField(uint256 field, uint256 by) public {
        bytes32 one = _authorize("one");
        bytes32 two = _authorize("two");
        Auth memory a = _auth(WORK_KEY);
        (a.account, a.replaces, a.validFrom, a.validUntil) = (ALICE, one, START + 10, START + 1_000);
        bytes memory signature = _sign(ROOT_KEY, _typed(_authorization(a)));
        field %= 7;
        if (field == 0) a.scheme = PostQuantumScheme(by % 2);
        else if (field == 1) a.publicKey = bytes32(by);
        else if (field == 2) a.account = address(uint160(_bound(by, 0, 0xa11cd)));
        else if (field == 3) a.validFrom = START + uint40(_bound(by, 11, 999));
        else if (field == 4) a.validUntil = START + uint40(_bound(by, 1_001, LIFE));
        else if (field == 5) a.replaces = by % 2 == 0 ? two : bytes32(0);
        else _authorize("another with this nonce");
        a.nonce = qv.nonceOf(root);
        _refused(BOB, _authorizeCall(a, signature), _invalid(root, _typed(_authorization(a))));
        vm.assertEq(qv.nonceOf(root), a.nonce);
    }

    /// @dev Two authorisations with one nonce: the first that is sent voids the other.
    function test_AnAuthorizationIsTakenBackByAnotherWithItsNonce() public {
        bytes memory unsent = _signed(_auth(WORK_KEY));
        _authorize(NEXT_KEY);
        Auth memory a = _auth(WORK_KEY);
        _refused(BOB, unsent, _invalid(root, _typed(_authorization(a))));
    }

    /// @dev One public key under two roots is two keys.
    function test_OnePublicKeyUnderTwoRoots() public {
        bytes32 one = _authorize(WORK_KEY);
        Auth memory a = _auth(WORK_KEY);
        (a.root, a.nonce) = (_enrol(OTHER_ROOT, address(0)), 0);
        bytes memory call_ = _authorizeCall(a, _sign(OTHER_ROOT, _typed(_authorization(a))));
        bytes32 two = abi.decode(_allowed(BOB, call_), (bytes32));
        vm.assertTrue(one != two);
        _revoke(one, START);
        vm.assertFalse(qv.isValidKey(one));
        vm.assertTrue(qv.isValidKey(two));
    }

    /// @dev Root and working key of one public key are two keys, too.
    function test_ARootMayAuthorizeItsOwnPublicKey() public {
        Auth memory a = _auth(ROOT_KEY);
        a.scheme = SLH;
        bytes32 key = _authorize(a);
        vm.assertTrue(key != root);
        _allowed(BOB, abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, key, ROOT_KEY, address(0)))));
        _refused(BOB, abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, root, ROOT_KEY, address(0)))), _wrongKind(root));
    }

    // ------------------------------------------------------------------------------------------------------------
    // replaces
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RotationEndsThePreviousKey(uint256 life, uint256 later, uint256 delay) public {
        Auth memory a = _auth(WORK_KEY);
        a.validUntil = START + uint40(_bound(life, 1, LIFE));
        bytes32 previous = _authorize(a);
        vm.warp(_bound(later, START, START + 2 * LIFE));
        Auth memory b = _auth(NEXT_KEY);
        b.replaces = previous;
        if (delay % 3 != 0) b.validFrom = uint40(_bound(delay, block.timestamp, block.timestamp + LIFE - 1));
        uint40 start = b.validFrom == 0 ? uint40(block.timestamp) : b.validFrom;
        uint40 end = a.validUntil < start ? a.validUntil : start;
        bytes memory call_ = _signed(b);
        bytes32 key = qv.keyIdOf(root, DSA, NEXT_KEY);
        vm.expectEmit();
        emit IQuantumVerification.KeyAuthorized(root, key, DSA, NEXT_KEY, address(0), start, b.validUntil);
        vm.expectEmit();
        emit IQuantumVerification.KeyRotated(previous, key, end);
        _allowed(ALICE, call_);
        a.validUntil = end;
        _assertEqKeys(qv.keyOf(previous), _key(a, START));
        _assertEqKeys(qv.keyOf(key), _key(b, start));
        // Never both at once.
        vm.warp(start);
        vm.assertFalse(qv.isValidKey(previous));
        vm.assertTrue(qv.isValidKey(key));
        vm.warp(start - 1);
        vm.assertFalse(qv.isValidKey(key));
    }

    function test_RotationKeepsWhatThePreviousKeySigned() public {
        bytes32 previous = _authorize(WORK_KEY);
        _allowed(BOB, _verifyCall(DATA, previous));
        Auth memory b = _auth(NEXT_KEY);
        b.replaces = previous;
        _authorize(b);
        vm.assertTrue(qv.isVerified(previous, DATA));
        _refused(BOB, _verifyCall("more", previous), _notValid(previous, START, START, START));
    }

    function test_RotationOfAKeyThatHasNotBegun() public {
        Auth memory a = _auth(WORK_KEY);
        a.validFrom = START + 10;
        bytes32 previous = _authorize(a);
        Auth memory b = _auth(NEXT_KEY);
        b.replaces = previous;
        _authorize(b);
        vm.warp(START + 10);
        vm.assertFalse(qv.isValidKey(previous));
        vm.assertEq(uint256(qv.keyOf(previous).validUntil), START);
    }

    function test_RotationOfNoKeyOfThisRoot() public {
        Auth memory a = _auth(WORK_KEY);
        a.replaces = "nothing";
        _refused(BOB, _signed(a), _unknown("nothing"));
        a.replaces = qv.keyIdOf(root, DSA, WORK_KEY); // itself: it does not exist yet
        _refused(BOB, _signed(a), _unknown(a.replaces));
        a.replaces = root;
        _refused(BOB, _signed(a), _wrongKind(root));

        Auth memory b = _auth(NEXT_KEY);
        (b.root, b.nonce) = (_enrol(OTHER_ROOT, address(0)), 0);
        bytes memory call_ = _authorizeCall(b, _sign(OTHER_ROOT, _typed(_authorization(b))));
        a.replaces = abi.decode(_allowed(BOB, call_), (bytes32));
        bytes memory foreign =
            abi.encodeWithSelector(IQuantumVerification.QuantumVerification_ForeignKey.selector, a.replaces, root);
        _refused(BOB, _signed(a), foreign);
        vm.assertTrue(qv.isValidKey(a.replaces));
    }

    /// @dev A root that replaces a key which is revoked or over gives it nothing back.
    function test_RotationOfARevokedKey() public {
        bytes32 previous = _authorize(WORK_KEY);
        vm.warp(START + 100);
        _revoke(previous, START + 50);
        Auth memory b = _auth(NEXT_KEY);
        b.replaces = previous;
        _authorize(b);
        vm.assertEq(uint256(qv.keyOf(previous).revokedSince), START + 50);
        vm.assertEq(uint256(qv.keyOf(previous).validUntil), START + 100);
    }
}
