// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

contract QuantumVerificationRevocationTest is QuantumVerificationFixture {
    bytes32 private constant HYBRID_ROOT = "public key of a hybrid root";
    bytes32 private key;

    function setUp() public override {
        super.setUp();
        key = _authorize(WORK_KEY);
    }

    // ------------------------------------------------------------------------------------------------------------
    // By the root
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RevokeByTheRoot(uint256 later, uint256 since, address caller, bytes32 reason) public {
        vm.assume(caller != address(vm));
        vm.warp(_bound(later, START, type(uint40).max));
        uint40 from = uint40(_bound(since, 1, block.timestamp));
        bytes memory signature = _sign(ROOT_KEY, _typed(_revocation(key, from, reason)));
        vm.expectEmit();
        emit IQuantumVerification.KeyRevoked(key, from, reason);
        vm.prank(caller);
        qv.revokeKey(key, from, reason, signature);
        vm.assertEq(uint256(qv.keyOf(key).revokedSince), uint256(from));
        vm.assertEq(qv.nonceOf(root), uint256(1));
        vm.assertFalse(qv.isValidKey(key));
        vm.assertEq(uint256(qv.keyOf(root).revokedSince), 0);
    }

    function testFuzz_RevokeARootByItself(uint256 since) public {
        uint40 from = uint40(_bound(since, 1, START));
        bytes memory call_ = _revokeCall(root, from, ROOT_KEY);
        vm.expectEmit();
        emit IQuantumVerification.KeyRevoked(root, from, "why");
        _allowed(BOB, call_);
        vm.assertEq(uint256(qv.keyOf(root).revokedSince), uint256(from));
        vm.assertFalse(qv.isValidKey(key));
        vm.assertEq(uint256(qv.keyOf(key).revokedSince), 0);
    }

    function testFuzz_RevokeRejectsWhatIsToComeAndZero(uint40 since) public {
        vm.assume(since == 0 || since > START);
        _refused(BOB, _revokeCall(key, since, ROOT_KEY), _revocationRefused(key, since, 0));
    }

    function testFuzz_RevokeMovesBackOnly(uint256 first, uint256 second) public {
        (first, second) = (_bound(first, 1, START), _bound(second, 1, START));
        _revoke(key, uint40(first));
        bytes memory call_ = _revokeCall(key, uint40(second), ROOT_KEY);
        if (second < first) _allowed(BOB, call_);
        else _refused(BOB, call_, _revocationRefused(key, second, first));
        vm.assertEq(uint256(qv.keyOf(key).revokedSince), second < first ? second : first);
    }

    function test_RevokeAgainIsRefused() public {
        bytes memory call_ = _revokeCall(key, START, ROOT_KEY);
        _allowed(BOB, call_);
        _refused(ALICE, call_, _revocationRefused(key, START, START));
    }

    function test_RevokeUnknownKey() public {
        _refused(BOB, _revokeCall("nothing", START, ROOT_KEY), _unknown("nothing"));
        _refused(BOB, abi.encodeCall(qv.revokeKey, (0, START, "why", "")), _unknown(0));
    }

    function testFuzz_RevokeBindsEachField(uint40 since, bytes32 reason) public {
        since = uint40(_bound(since, 1, START - 1));
        vm.assume(reason != "why");
        bytes memory signature = _sign(ROOT_KEY, _typed(_revocation(key, START, "why")));
        bytes32 digest = _typed(_revocation(key, since, "why"));
        _refused(BOB, abi.encodeCall(qv.revokeKey, (key, since, "why", signature)), _invalid(root, digest));
        digest = _typed(_revocation(key, START, reason));
        _refused(BOB, abi.encodeCall(qv.revokeKey, (key, START, reason, signature)), _invalid(root, digest));
        digest = _typed(_revocation(root, START, "why"));
        _refused(BOB, abi.encodeCall(qv.revokeKey, (root, START, "why", signature)), _invalid(root, digest));
    }

    function test_AWorkingKeyRevokesNothing() public {
        bytes32 digest = _typed(_revocation(key, START, "why"));
        _refused(BOB, _revokeCall(key, START, WORK_KEY), _invalid(root, digest));
        digest = _typed(_revocation(root, START, "why"));
        _refused(BOB, _revokeCall(root, START, WORK_KEY), _invalid(root, digest));
    }

    /// @dev It takes power away only: so that a theft found late can still be dated.
    function test_ARevokedRootStillRevokes() public {
        vm.warp(START + 100);
        _revoke(root, START + 50);
        _revoke(key, START + 20);
        _revoke(root, START + 10);
        vm.assertEq(uint256(qv.keyOf(root).revokedSince), START + 10);
        vm.assertEq(uint256(qv.keyOf(key).revokedSince), START + 20);
    }

    function testFuzz_RevokeForARootWithAnAccount(address caller) public {
        vm.assume(caller != ALICE && caller != address(vm));
        bytes32 hybrid = _enrol(HYBRID_ROOT, ALICE);
        bytes memory call_ = _revokeCall(hybrid, START, HYBRID_ROOT);
        _refused(caller, call_, _wrongAccount(hybrid, ALICE, caller));
        bytes32 digest = _typed(_revocation(hybrid, START, "why"));
        _refused(ALICE, _revokeCall(hybrid, START, ROOT_KEY), _invalid(hybrid, digest));
        _allowed(ALICE, call_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // By the account
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RevokeByTheAccount(uint40 since, uint256 later) public {
        Auth memory a = _auth("hybrid");
        a.account = ALICE;
        bytes32 hybrid = _authorize(a);
        uint40 time = uint40(_bound(later, START, type(uint40).max));
        vm.warp(time);
        bytes memory call_ = abi.encodeCall(qv.revokeKey, (hybrid, since, "lost", ""));
        _refused(BOB, call_, _wrongAccount(hybrid, ALICE, BOB));
        vm.expectEmit();
        emit IQuantumVerification.KeyRevoked(hybrid, time, "lost");
        _allowed(ALICE, call_);
        vm.assertEq(uint256(qv.keyOf(hybrid).revokedSince), uint256(time));
        // Once: a second time could only move it forward. The root may still move it back.
        vm.warp(uint256(time) + 1);
        _refused(ALICE, call_, _revocationRefused(hybrid, uint40(uint256(time) + 1), time));
        vm.warp(time);
        _revoke(hybrid, time - 1);
        vm.assertEq(uint256(qv.keyOf(hybrid).revokedSince), uint256(time) - 1);
    }

    function test_RevokeARootByItsAccount() public {
        bytes32 hybrid = _enrol(HYBRID_ROOT, ALICE);
        _allowed(ALICE, abi.encodeCall(qv.revokeKey, (hybrid, 1, "lost", "")));
        vm.assertEq(uint256(qv.keyOf(hybrid).revokedSince), START);
    }

    /// @dev The account of a root is a stranger to the root's keys, unless it has their root's signature.
    function test_TheAccountOfTheRootAloneRevokesNoWorkingKey() public {
        Auth memory a = _auth(WORK_KEY);
        (a.root, a.nonce) = (_enrol(HYBRID_ROOT, ALICE), 0);
        bytes memory call_ = _authorizeCall(a, _sign(HYBRID_ROOT, _typed(_authorization(a))));
        bytes32 child = abi.decode(_allowed(ALICE, call_), (bytes32));
        _refused(
            ALICE, abi.encodeCall(qv.revokeKey, (child, START, "why", "")), _wrongAccount(child, address(0), ALICE)
        );
        _allowed(ALICE, _revokeCall(child, START, HYBRID_ROOT));
    }

    /// @dev Nor is a key without an account everybody's, or nobody's: the zero address of an eth_call has no power.
    function testFuzz_RevokeWithoutSignatureNeedsAnAccount(address caller) public {
        vm.assume(caller != address(vm));
        bytes memory call_ = abi.encodeCall(qv.revokeKey, (key, START, "why", ""));
        _refused(caller, call_, _wrongAccount(key, address(0), caller));
        _refused(address(0), call_, _wrongAccount(key, address(0), address(0)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // What it takes
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RevocationTakesWhatWasVerifiedSince(uint256 time, uint256 since, bool ofRoot) public {
        time = _bound(time, START, START + LIFE - 1);
        vm.warp(time);
        bytes32[] memory tree = _tree(1, 5);
        _allowed(BOB, _verifyCall(DATA, key));
        _allowed(BOB, _batchCall(tree[0], 5, key));
        vm.warp(START + 2 * LIFE);
        uint40 from = uint40(_bound(since, START - 1, START + LIFE));
        _revoke(ofRoot ? root : key, from);
        bool good = time < from;
        vm.assertEq(qv.isVerified(key, DATA), good);
        vm.assertEq(qv.verificationOf(key, DATA).good, good);
        vm.assertEq(qv.verifications(DATA)[0].good, good);
        vm.assertEq(qv.isVerifiedInBatch(key, tree[0], _datum(1, 0), _path(tree, 4)), good);
        (IQuantumVerification.Verification memory batch,) = qv.batchOf(key, tree[0]);
        vm.assertEq(batch.good, good);
        // The record itself stays.
        vm.assertEq(uint256(qv.verificationOf(key, DATA).timestamp), time);
        vm.assertEq(uint256(batch.timestamp), time);
    }

    /// @dev Also what was verified earlier in the block of the revocation.
    function test_RevocationTakesItsOwnSecond() public {
        _allowed(BOB, _verifyCall(DATA, key));
        vm.assertTrue(qv.isVerified(key, DATA));
        _revoke(key, START);
        vm.assertFalse(qv.isVerified(key, DATA));
    }

    function test_RevocationOfOneKeyLeavesTheOthers() public {
        bytes32 other = _authorize("other");
        bytes memory proof = _proof(DATA, other, "other", address(0));
        _revoke(key, 1);
        vm.assertTrue(qv.isValidKey(other));
        _allowed(BOB, abi.encodeCall(qv.verifyData, (DATA, proof)));
        vm.assertTrue(qv.isVerified(other, DATA));
    }

    function test_ARevokedKeySignsNothingMore() public {
        _revoke(key, START);
        _refused(BOB, _verifyCall(DATA, key), _revoked(key, START));
        _refused(BOB, _batchCall("tree", 2, key), _revoked(key, START));
    }

    function test_TheKeysOfARevokedRootSignNothingMore() public {
        _revoke(root, START);
        _refused(BOB, _verifyCall(DATA, key), _revoked(root, START));
        _refused(BOB, _batchCall("tree", 2, key), _revoked(root, START));
    }
}
