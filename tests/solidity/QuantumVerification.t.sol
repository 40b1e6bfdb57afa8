// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {VerifierDouble} from "../../contracts/test/VerifierDouble.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

contract QuantumVerificationTest is QuantumVerificationFixture {
    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_ConstructorKeepsTheVerifiers() public view {
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(qv.verifierOf(PostQuantumScheme(i)), address(verifiers[i]));
        }
        vm.assertEq(uint256(qv.MAX_LIFETIME()), 7_776_000);
    }

    function testFuzz_ConstructorRejectsWhatHasNoCode(uint256 which, address nobody) public {
        which %= 4;
        vm.assume(nobody.code.length == 0);
        address[4] memory list =
            [address(verifiers[0]), address(verifiers[1]), address(verifiers[2]), address(verifiers[3])];
        list[which] = nobody;
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuantumVerification.QuantumVerification_NotAVerifier.selector, PostQuantumScheme(which), nobody
            )
        );
        new QuantumVerification(list);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Digests
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_DigestsAreThoseOfEIP712(uint8 kind, bytes32 over, bytes32 other, address account, uint256 noise)
        public
    {
        vm.chainId(_bound(noise, 1, type(uint64).max));
        (uint40 from, uint40 until) = (uint40(noise >> 64), uint40(noise >> 104));
        Auth memory a = Auth(over, PostQuantumScheme(kind % 4), ~over, account, from, until, other, noise);
        vm.assertEq(
            qv.rootDigest(a.scheme, a.publicKey, a.account), _typed(_enrolment(a.scheme, a.publicKey, a.account))
        );
        bytes32 digest = qv.authorizationDigest(
            a.root, a.scheme, a.publicKey, a.account, a.validFrom, a.validUntil, a.replaces, a.nonce
        );
        vm.assertEq(digest, _typed(_authorization(a)));
        vm.assertEq(
            qv.revocationDigest(a.root, a.validFrom, a.replaces), _typed(_revocation(a.root, a.validFrom, a.replaces))
        );
    }

    function testFuzz_DigestsOfDataNameTheAccount(bytes32 dataHash, uint64 size, address account) public {
        Auth memory a = _auth(WORK_KEY);
        a.account = account;
        bytes32 key = _authorize(a);
        vm.assertEq(qv.verificationDigest(dataHash, key), _typed(_verification(dataHash, key, account)));
        vm.assertEq(qv.batchDigest(dataHash, size, key), _typed(_batch(dataHash, size, key, account)));
    }

    function testFuzz_DigestsOfDataNeedAKey(bytes32 dataHash, uint64 size, bytes32 key) public {
        vm.assume(key != root);
        _refused(BOB, abi.encodeCall(qv.verificationDigest, (dataHash, key)), _unknown(key));
        _refused(BOB, abi.encodeCall(qv.batchDigest, (dataHash, size, key)), _unknown(key));
    }

    // ------------------------------------------------------------------------------------------------------------
    // enrolRoot
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_EnrolRoot(uint8 kind, bytes32 publicKey, address account, address sender, uint40 time) public {
        PostQuantumScheme scheme = PostQuantumScheme(kind % 4);
        vm.assume(publicKey != ROOT_KEY && sender != address(vm));
        vm.warp(_bound(time, 1, type(uint40).max));
        bytes32 expected = keccak256(abi.encode(bytes32(0), scheme, publicKey));
        bytes memory signature = _sign(publicKey, _typed(_enrolment(scheme, publicKey, account)));
        vm.expectEmit();
        emit IQuantumVerification.RootEnrolled(expected, scheme, publicKey, account);
        vm.prank(sender);
        vm.assertEq(qv.enrolRoot(scheme, publicKey, account, signature), expected);
        IQuantumVerification.Key memory key =
            IQuantumVerification.Key(0, scheme, publicKey, account, uint40(block.timestamp), type(uint40).max, 0);
        _assertEqKeys(qv.keyOf(expected), key);
        vm.assertEq(qv.nonceOf(expected), uint256(0));
        vm.assertFalse(qv.isValidKey(expected));
    }

    function testFuzz_EnrolRootAsksTheVerifierOfItsScheme(uint8 kind, uint8 other, bytes32 publicKey) public {
        (kind, other) = (kind % 4, other % 4);
        vm.assume(publicKey != ROOT_KEY);
        verifiers[other].setMode(VerifierDouble.Mode.REJECT);
        _enrolBy(kind, publicKey, kind == other);
    }

    function _enrolBy(uint8 kind, bytes32 publicKey, bool refused) private {
        PostQuantumScheme scheme = PostQuantumScheme(kind);
        bytes32 digest = _typed(_enrolment(scheme, publicKey, ALICE));
        bytes memory call_ = abi.encodeCall(qv.enrolRoot, (scheme, publicKey, ALICE, _sign(publicKey, digest)));
        if (refused) _refused(BOB, call_, _invalid(qv.keyIdOf(0, scheme, publicKey), digest));
        else _allowed(BOB, call_);
    }

    function testFuzz_EnrolRootNeedsTheSignatureOfTheKey(bytes32 publicKey, address account, uint256 damage) public {
        bytes32 digest = _typed(_enrolment(SLH, publicKey, account));
        bytes32 id = qv.keyIdOf(0, SLH, publicKey);
        vm.assume(publicKey != ROOT_KEY);
        bytes memory signature = _sign(publicKey, digest);
        if (damage % 4 == 0) signature[damage % 32] ^= bytes1(uint8(1 + damage % 255));
        else if (damage % 4 == 1) signature = _sign(ROOT_KEY, digest);
        else if (damage % 4 == 2) signature = bytes.concat(signature, hex"00");
        else signature = "";
        _refused(BOB, abi.encodeCall(qv.enrolRoot, (SLH, publicKey, account, signature)), _invalid(id, digest));
        _refused(BOB, abi.encodeCall(qv.keyOf, (id)), _unknown(id));
    }

    function test_EnrolRootOnce() public {
        bytes memory again = _sign(ROOT_KEY, _typed(_enrolment(SLH, ROOT_KEY, ALICE)));
        _refused(ALICE, abi.encodeCall(qv.enrolRoot, (SLH, ROOT_KEY, ALICE, again)), _exists(root));
        vm.warp(START + 5);
        _revoke(root, START);
        _refused(ALICE, abi.encodeCall(qv.enrolRoot, (SLH, ROOT_KEY, ALICE, again)), _exists(root));
        vm.assertEq(qv.keyOf(root).account, address(0));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_KeyIdIsTheHashOfRootSchemeAndKey(bytes32 over, uint8 kind, bytes32 publicKey) public view {
        PostQuantumScheme scheme = PostQuantumScheme(kind % 4);
        vm.assertEq(
            qv.keyIdOf(over, scheme, publicKey), keccak256(abi.encodePacked(over, uint256(kind % 4), publicKey))
        );
    }

    function testFuzz_OfWhatDoesNotExist(bytes32 key, bytes32 what, bytes32[] calldata path, uint256 n) public {
        vm.assume(key != root);
        _refused(BOB, abi.encodeCall(qv.keyOf, (key)), _unknown(key));
        vm.assertEq(qv.nonceOf(key), uint256(0));
        vm.assertFalse(qv.isValidKey(key));
        vm.assertFalse(qv.isVerified(key, what));
        vm.assertFalse(qv.isVerifiedInBatch(key, what, what, path));
        vm.assertEq(qv.verifications(what).length, uint256(0));
        vm.assertEq(qv.verifications(what, n, n).length, uint256(0));
        bytes memory nothing = abi.encode(IQuantumVerification.Verification(0, 0, 0, address(0), false));
        vm.assertEq(abi.encode(qv.verificationOf(key, what)), nothing);
        (IQuantumVerification.Verification memory batch, uint64 size) = qv.batchOf(key, what);
        vm.assertEq(abi.encode(batch), nothing);
        vm.assertEq(uint256(size), 0);
    }
}
