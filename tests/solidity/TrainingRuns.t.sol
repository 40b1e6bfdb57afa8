// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {ITrainingRuns} from "../../interfaces/ITrainingRuns.sol";
import {NaiveLog} from "./NaiveLog.sol";
import {Test} from "./Vm.sol";

contract TrainingRunsTest is Test {
    ProofOfTraining private proof = new ProofOfTraining(address(this));
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    bytes32 private constant MODEL = keccak256("model");

    // ------------------------------------------------------------------------------------------------------------
    // openRun
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_OpenRun(address opener, bytes32 salt, bytes32 manifest, uint40 time) public {
        vm.assume(opener != address(0));
        vm.warp(time);
        bytes32 expected = keccak256(abi.encode(opener, salt, manifest));
        vm.expectEmit();
        emit ITrainingRuns.RunOpened(expected, opener, manifest, salt);
        vm.prank(opener);
        bytes32 run = proof.openRun(salt, manifest);
        vm.assertEq(run, expected);
        vm.assertEq(proof.runId(opener, salt, manifest), expected);
        _assertHead(run, opener, 0, sha256(""), time, 0);
        vm.assertTrue(proof.isRecorder(run, opener));
    }

    function testFuzz_OpenRunTwiceReverts(bytes32 salt, bytes32 manifest, bool extended) public {
        bytes32 run = proof.openRun(salt, manifest);
        if (extended) proof.extendRun(run, 3, "root", _none());
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_AlreadyOpen.selector, run));
        proof.openRun(salt, manifest);
    }

    function test_OpenRunAfterSealReverts() public {
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 3, "root", _none());
        proof.sealRun(run, MODEL);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_AlreadyOpen.selector, run));
        proof.openRun("s", "m");
    }

    /// @dev Nobody can take the id of somebody else's run.
    function testFuzz_RunsOfTwoOwnersAreApart(bytes32 salt, bytes32 manifest) public {
        vm.prank(BOB);
        bytes32 his = proof.openRun(salt, manifest);
        vm.prank(ALICE);
        bytes32 hers = proof.openRun(salt, manifest);
        vm.assertTrue(his != hers);
        vm.assertFalse(proof.isRecorder(hers, BOB));
    }

    // ------------------------------------------------------------------------------------------------------------
    // extendRun
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ExtendUnknownRunReverts(bytes32 run, uint64 size) public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_UnknownRun.selector, run));
        proof.extendRun(run, size, "root", _none());
    }

    function testFuzz_ExtendByStrangerReverts(address stranger, uint64 size) public {
        vm.assume(stranger != address(this));
        bytes32 run = proof.openRun("s", "m");
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotRecorder.selector, run, stranger));
        vm.prank(stranger);
        proof.extendRun(run, size, "root", _none());
    }

    function test_ExtendByRevokedRecorderReverts() public {
        bytes32 run = proof.openRun("s", "m");
        proof.setRecorder(run, BOB, true);
        proof.setRecorder(run, BOB, false);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotRecorder.selector, run, BOB));
        vm.prank(BOB);
        proof.extendRun(run, 1, "root", _none());
    }

    /// @dev A recorder of one run is a stranger to every other.
    function test_ExtendByRecorderOfAnotherRunReverts() public {
        bytes32 run = proof.openRun("s", "m");
        proof.setRecorder(proof.openRun("t", "m"), BOB, true);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotRecorder.selector, run, BOB));
        vm.prank(BOB);
        proof.extendRun(run, 1, "root", _none());
    }

    function testFuzz_ExtendSealedRunReverts(uint64 size) public {
        bytes32 run = _sealedRun();
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Sealed.selector, run));
        proof.extendRun(run, size, "root", _none());
    }

    function testFuzz_ExtendToSmallerOrEqualSizeReverts(uint64 size, uint64 newSize, bytes32[] calldata path) public {
        size = uint64(_bound(size, 1, type(uint48).max));
        newSize = uint64(_bound(newSize, 0, size));
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, size, "root", _none());
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotGrowing.selector, run, size, newSize));
        proof.extendRun(run, newSize, "root", path);
    }

    function test_ExtendToSizeZeroReverts() public {
        bytes32 run = proof.openRun("s", "m");
        bytes32 empty = sha256(""); // before `expectRevert`, which means the next call, the precompile's included
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotGrowing.selector, run, 0, 0));
        proof.extendRun(run, 0, empty, _none());
    }

    function testFuzz_ExtendBeyondFortyEightBitsReverts(uint64 newSize) public {
        newSize = uint64(_bound(newSize, uint256(type(uint48).max) + 1, type(uint64).max));
        bytes32 run = proof.openRun("s", "m");
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_SizeOverflow.selector, newSize));
        proof.extendRun(run, newSize, "root", _none());
    }

    function test_ExtendToTheLargestSize() public {
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, type(uint48).max, "root", _none());
        _assertHead(run, address(this), type(uint48).max, "root", block.timestamp, 0);
    }

    function testFuzz_FirstExtensionWithProofReverts(bytes32 node, uint64 size) public {
        size = uint64(_bound(size, 1, type(uint48).max));
        bytes32 run = proof.openRun("s", "m");
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Inconsistent.selector, run, 0, size));
        proof.extendRun(run, size, node, NaiveLog.append(_none(), node));
    }

    /// @dev In steps of any size, by the owner or by a recorder; the packed neighbours stay what they were.
    function testFuzz_ExtendFollowsTheLog(uint256 seed, uint8 a, uint8 b, uint8 c, bool byRecorder) public {
        bytes32[] memory d = NaiveLog.leaves(seed, 48);
        bytes32 run = proof.openRun("s", "m");
        proof.setRecorder(run, BOB, true);
        address caller = byRecorder ? BOB : address(this);
        uint256 size = 0;
        uint8[3] memory steps = [a, b, c];
        for (uint256 i = 0; i < 3; ++i) {
            uint256 next = size + 1 + steps[i] % 16;
            bytes32 root = NaiveLog.root(d, 0, next);
            bytes32[] memory path = NaiveLog.consistencyProof(d, size, next);
            vm.warp(1_000 + i);
            vm.expectEmit();
            emit ITrainingRuns.RunExtended(run, caller, uint64(size), uint64(next), root);
            vm.prank(caller);
            proof.extendRun(run, uint64(next), root, path);
            _assertHead(run, address(this), uint64(next), root, 1_000 + i, 0);
            size = next;
        }
    }

    /// @dev A history with one old entry replaced, proven as well as it can be.
    function testFuzz_ExtendByForkReverts(uint256 seed, uint256 m, uint256 n, uint256 replaced) public {
        n = _bound(n, 2, 40);
        m = _bound(m, 1, n - 1);
        bytes32[] memory d = NaiveLog.leaves(seed, n);
        bytes32 run = proof.openRun("s", "m");
        bytes32 oldRoot = NaiveLog.root(d, 0, m);
        proof.extendRun(run, uint64(m), oldRoot, _none());
        replaced = _bound(replaced, 0, m - 1);
        d[replaced] = ~d[replaced];
        bytes32 newRoot = NaiveLog.root(d, 0, n);
        bytes32[] memory path = NaiveLog.consistencyProof(d, m, n);
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Inconsistent.selector, run, uint64(m), uint64(n))
        );
        proof.extendRun(run, uint64(n), newRoot, path);
        _assertHead(run, address(this), uint64(m), oldRoot, block.timestamp, 0);
    }

    function testFuzz_ExtendWithoutProofReverts(uint64 m, uint64 n, bytes32 root) public {
        m = uint64(_bound(m, 1, type(uint48).max - 1));
        n = uint64(_bound(n, uint256(m) + 1, type(uint48).max));
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, m, root, _none());
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Inconsistent.selector, run, m, n));
        proof.extendRun(run, n, root, _none());
    }

    // ------------------------------------------------------------------------------------------------------------
    // sealRun
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SealRun(bytes32 model, uint48 size, bytes32 root, uint40 time) public {
        vm.assume(model != 0);
        size = uint48(_bound(size, 1, type(uint48).max));
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, size, root, _none());
        vm.warp(time);
        vm.expectEmit();
        emit ITrainingRuns.RunSealed(run, model, size, root);
        proof.sealRun(run, model);
        _assertHead(run, address(this), size, root, time, model);
    }

    function testFuzz_SealUnknownRunReverts(bytes32 run) public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_UnknownRun.selector, run));
        proof.sealRun(run, MODEL);
    }

    function testFuzz_SealByAnotherReverts(address other, bool recorder) public {
        vm.assume(other != address(this));
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 1, "root", _none());
        proof.setRecorder(run, other, recorder);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotOwner.selector, run, other));
        vm.prank(other);
        proof.sealRun(run, MODEL);
    }

    function test_SealTwiceReverts() public {
        bytes32 run = _sealedRun();
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Sealed.selector, run));
        proof.sealRun(run, ~MODEL);
        _assertHead(run, address(this), 1, "root", block.timestamp, MODEL);
    }

    function test_SealWithoutModelReverts() public {
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 1, "root", _none());
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_EmptyModelDigest.selector, run));
        proof.sealRun(run, 0);
    }

    function test_SealEmptyRunReverts() public {
        bytes32 run = proof.openRun("s", "m");
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_EmptyRun.selector, run));
        proof.sealRun(run, MODEL);
    }

    // ------------------------------------------------------------------------------------------------------------
    // setRecorder
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SetRecorder(address recorder, bool authorised) public {
        vm.assume(recorder != address(this));
        bytes32 run = proof.openRun("s", "m");
        vm.expectEmit();
        emit ITrainingRuns.RecorderSet(run, recorder, authorised);
        proof.setRecorder(run, recorder, authorised);
        vm.assertEq(proof.isRecorder(run, recorder), authorised);
        vm.expectEmit();
        emit ITrainingRuns.RecorderSet(run, recorder, false);
        proof.setRecorder(run, recorder, false);
        vm.assertFalse(proof.isRecorder(run, recorder));
    }

    function testFuzz_SetRecorderOfUnknownRunReverts(bytes32 run) public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_UnknownRun.selector, run));
        proof.setRecorder(run, BOB, true);
    }

    function testFuzz_SetRecorderByAnotherReverts(address other, bool recorder) public {
        vm.assume(other != address(this));
        bytes32 run = proof.openRun("s", "m");
        proof.setRecorder(run, other, recorder);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotOwner.selector, run, other));
        vm.prank(other);
        proof.setRecorder(run, ALICE, true);
    }

    function test_SetRecorderOfSealedRunReverts() public {
        bytes32 run = _sealedRun();
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Sealed.selector, run));
        proof.setRecorder(run, BOB, true);
    }

    /// @dev The owner cannot lock itself out.
    function test_OwnerStaysRecorder() public {
        bytes32 run = proof.openRun("s", "m");
        proof.setRecorder(run, address(this), false);
        vm.assertTrue(proof.isRecorder(run, address(this)));
        proof.extendRun(run, 1, "root", _none());
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views, storage
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_UnknownRunIsZero(bytes32 run, address account, bytes32 leaf, uint64 index) public view {
        _assertHead(run, address(0), 0, 0, 0, 0);
        vm.assertFalse(proof.isRecorder(run, account));
        vm.assertFalse(proof.isRecorder(run, address(0)));
        vm.assertFalse(proof.verifyEntry(run, leaf, index, _none()));
    }

    function testFuzz_VerifyEntry(uint256 seed, uint256 n, uint256 index, uint256 other, bool isSealed) public {
        n = _bound(n, 1, 40);
        index = _bound(index, 0, n - 1);
        bytes32[] memory d = NaiveLog.leaves(seed, n);
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, uint64(n), NaiveLog.root(d, 0, n), _none());
        if (isSealed) proof.sealRun(run, MODEL);
        bytes32[] memory path = NaiveLog.inclusionProof(d, index, n);
        vm.assertTrue(proof.verifyEntry(run, d[index], uint64(index), path));
        vm.assertFalse(proof.verifyEntry(run, ~d[index], uint64(index), path));
        vm.assertFalse(proof.verifyEntry(run, d[index], uint64(index), NaiveLog.append(path, MODEL)));
        other = _bound(other, 0, type(uint64).max);
        if (other != index) vm.assertFalse(proof.verifyEntry(run, d[index], uint64(other), path));
    }

    /// @dev A root of zero in an empty run proves nothing, not even entry 0 with a leaf of zero.
    function test_VerifyEntryOfEmptyRunIsFalse() public {
        bytes32 run = proof.openRun("s", "m");
        vm.assertFalse(proof.verifyEntry(run, 0, 0, _none()));
        vm.assertFalse(proof.verifyEntry(run, sha256(""), 0, _none()));
    }

    /// @dev Two slots while open, the third on sealing.
    function test_RunTakesThreeSlots() public {
        vm.record();
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 1, "root", _none());
        proof.sealRun(run, MODEL);
        (, bytes32[] memory writes) = vm.accesses(address(proof));
        uint256 distinct = 0;
        for (uint256 i = 0; i < writes.length; ++i) {
            bool seen = false;
            for (uint256 j = 0; j < i; ++j) {
                seen = seen || writes[j] == writes[i];
            }
            if (!seen) ++distinct;
        }
        vm.assertEq(distinct, uint256(3));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _none() private pure returns (bytes32[] memory) {
        return new bytes32[](0);
    }

    function _sealedRun() private returns (bytes32 run) {
        run = proof.openRun("s", "m");
        proof.extendRun(run, 1, "root", _none());
        proof.sealRun(run, MODEL);
    }

    function _assertHead(bytes32 run, address o, uint64 size, bytes32 root, uint256 updatedAt, bytes32 model)
        private
        view
    {
        (address owner_, uint64 size_, bytes32 root_, uint64 updatedAt_, bytes32 model_) = proof.headOf(run);
        vm.assertEq(owner_, o, "owner");
        vm.assertEq(uint256(size_), uint256(size), "size");
        vm.assertEq(root_, root, "root");
        vm.assertEq(uint256(updatedAt_), updatedAt, "updatedAt");
        vm.assertEq(model_, model, "modelDigest");
    }
}
