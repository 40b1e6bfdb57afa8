// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

contract QuantumVerificationRecordsTest is QuantumVerificationFixture {
    bytes32 private key;

    function setUp() public override {
        super.setUp();
        key = _authorize(WORK_KEY);
    }

    // ------------------------------------------------------------------------------------------------------------
    // verifyData
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_VerifyData(bytes32 dataHash, address caller, uint256 time) public {
        vm.assume(caller != address(vm));
        vm.warp(_bound(time, START, START + LIFE - 1));
        bytes memory proof = _proof(dataHash, key, WORK_KEY, address(0));
        vm.expectEmit();
        emit IQuantumVerification.DataVerified(dataHash, key, caller, keccak256(proof));
        vm.prank(caller);
        qv.verifyData(dataHash, proof);
        vm.assertTrue(qv.isVerified(key, dataHash));
        bytes memory expected =
            abi.encode(IQuantumVerification.Verification(key, keccak256(proof), uint40(block.timestamp), caller, true));
        vm.assertEq(abi.encode(qv.verificationOf(key, dataHash)), expected);
        vm.assertEq(abi.encode(qv.verifications(dataHash)[0]), expected);
        vm.assertEq(qv.verifications(dataHash).length, uint256(1));
        // Data are no batches.
        (IQuantumVerification.Verification memory batch,) = qv.batchOf(key, dataHash);
        vm.assertEq(uint256(batch.timestamp), 0);
        vm.assertFalse(qv.isVerifiedInBatch(key, dataHash, dataHash, new bytes32[](0)));
    }

    function testFuzz_VerifyDataOnce(uint256 later, address caller) public {
        vm.assume(caller != address(vm));
        bytes memory call_ = _verifyCall(DATA, key);
        _allowed(BOB, call_);
        bytes memory before = abi.encode(qv.verifications(DATA));
        // Also when the key is over: what the caller wanted is there.
        vm.warp(_bound(later, START, type(uint40).max));
        _refused(caller, call_, _already(key, DATA));
        vm.assertEq(abi.encode(qv.verifications(DATA)), before);
    }

    function testFuzz_VerifyDataNeedsAProof(uint256 length, bytes32 start) public {
        bytes memory proof = new bytes(_bound(length, 0, 32));
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = start[i];
        }
        _refused(BOB, abi.encodeCall(qv.verifyData, (DATA, proof)), _malformed(proof.length));
        _refused(BOB, abi.encodeCall(qv.verifyBatch, (DATA, 1, proof)), _malformed(proof.length));
    }

    function testFuzz_VerifyDataNeedsAKey(bytes32 unknown) public {
        vm.assume(unknown != key && unknown != root);
        _refused(BOB, _verifyCall(DATA, unknown), _unknown(unknown));
        _refused(BOB, _batchCall("tree", 2, unknown), _unknown(unknown));
    }

    function test_VerifyDataByARoot() public {
        _refused(BOB, _verifyCall(DATA, root), _wrongKind(root));
        _refused(BOB, _batchCall("tree", 2, root), _wrongKind(root));
    }

    function testFuzz_VerifyDataOutsideTheLifeOfTheKey(uint256 time) public {
        Auth memory a = _auth("later");
        (a.validFrom, a.validUntil) = (START + 100, START + 200);
        bytes32 later = _authorize(a);
        bytes memory proof = _proof(DATA, later, "later", address(0));
        bytes32 digest = _typed(_batch("tree", 2, later, address(0)));
        bytes memory ofTree = abi.encodePacked(later, _sign("later", digest));
        time = _bound(time, START, START + 300);
        vm.warp(time);
        bytes memory call_ = abi.encodeCall(qv.verifyData, (DATA, proof));
        bytes memory batch = abi.encodeCall(qv.verifyBatch, ("tree", 2, ofTree));
        if (time >= START + 100 && time < START + 200) {
            _allowed(BOB, call_);
            _allowed(BOB, batch);
        } else {
            _refused(BOB, call_, _notValid(later, START + 100, START + 200, time));
            _refused(BOB, batch, _notValid(later, START + 100, START + 200, time));
        }
    }

    function test_VerifyDataAtTheEdgesOfALife() public {
        Auth memory a = _auth("later");
        (a.validFrom, a.validUntil) = (START + 100, START + 200);
        bytes32 later = _authorize(a);
        bytes memory call_ = abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, later, "later", address(0))));
        vm.warp(START + 99);
        _refused(BOB, call_, _notValid(later, START + 100, START + 200, START + 99));
        vm.warp(START + 200);
        _refused(BOB, call_, _notValid(later, START + 100, START + 200, START + 200));
        vm.warp(START + 100);
        _allowed(BOB, call_);
        vm.warp(START + 199);
        _allowed(BOB, abi.encodeCall(qv.verifyData, ("b", _proof("b", later, "later", address(0)))));
    }

    function testFuzz_VerifyDataForAKeyWithAnAccount(address caller) public {
        vm.assume(caller != ALICE && caller != address(vm));
        Auth memory a = _auth("hybrid");
        a.account = ALICE;
        bytes32 hybrid = _authorize(a);
        bytes memory call_ = abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, hybrid, "hybrid", ALICE)));
        _refused(caller, call_, _wrongAccount(hybrid, ALICE, caller));
        // The account alone is not enough, nor is a signature for another account.
        bytes memory other = _proof(DATA, hybrid, "hybrid", address(0));
        bytes32 digest = _typed(_verification(DATA, hybrid, ALICE));
        _refused(ALICE, abi.encodeCall(qv.verifyData, (DATA, other)), _invalid(hybrid, digest));
        _allowed(ALICE, call_);
        vm.assertEq(qv.verificationOf(hybrid, DATA).verifier, ALICE);

        digest = _typed(_batch("tree", 2, hybrid, ALICE));
        bytes memory proof = abi.encodePacked(hybrid, _sign("hybrid", digest));
        call_ = abi.encodeCall(qv.verifyBatch, ("tree", 2, proof));
        _refused(caller, call_, _wrongAccount(hybrid, ALICE, caller));
        _allowed(ALICE, call_);
    }

    function testFuzz_VerifyDataBindsTheDatum(bytes32 other, uint256 bit) public {
        vm.assume(other != DATA);
        bytes memory proof = _proof(DATA, key, WORK_KEY, address(0));
        bytes32 digest = _typed(_verification(other, key, address(0)));
        _refused(BOB, abi.encodeCall(qv.verifyData, (other, proof)), _invalid(key, digest));
        proof[32 + bit % 32] ^= bytes1(uint8(1 + bit % 255));
        digest = _typed(_verification(DATA, key, address(0)));
        _refused(BOB, abi.encodeCall(qv.verifyData, (DATA, proof)), _invalid(key, digest));
    }

    function testFuzz_RecordsTakeTwoSlots(bytes32 dataHash, uint64 size) public {
        size = uint64(_bound(size, 1, type(uint56).max));
        bytes memory call_ = _batchCall(dataHash, size, key);
        vm.record();
        _allowed(BOB, call_);
        (, bytes32[] memory writes) = vm.accesses(address(qv));
        vm.assertEq(_distinct(writes), uint256(2));
        call_ = _verifyCall(dataHash, key);
        vm.record();
        _allowed(BOB, call_);
        (, writes) = vm.accesses(address(qv));
        vm.assertEq(_distinct(writes), uint256(4)); // and the list: its length and one entry
    }

    // ------------------------------------------------------------------------------------------------------------
    // verifications
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_VerificationsOfADatumInPages(uint256 n, uint256 start, uint256 count) public {
        n = _bound(n, 0, 6);
        bytes32[] memory keys = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            bytes32 publicKey = bytes32(i + 1);
            keys[i] = _authorize(publicKey);
            vm.warp(block.timestamp + 1);
            _allowed(BOB, abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, keys[i], publicKey, address(0)))));
        }
        if (start % 2 == 0) start = _bound(start, 0, n + 1);
        if (count % 2 == 0) count = _bound(count, 0, n + 1);
        IQuantumVerification.Verification[] memory page = qv.verifications(DATA, start, count);
        uint256 left = start < n ? n - start : 0;
        vm.assertEq(page.length, count < left ? count : left);
        for (uint256 i = 0; i < page.length; ++i) {
            vm.assertEq(abi.encode(page[i]), abi.encode(qv.verificationOf(keys[start + i], DATA)));
        }
        vm.assertEq(qv.verifications(DATA).length, n);
    }

    // ------------------------------------------------------------------------------------------------------------
    // verifyBatch
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_VerifyBatch(bytes32 tree, uint64 size, address caller, uint256 time) public {
        vm.assume(caller != address(vm));
        vm.warp(_bound(time, START, START + LIFE - 1));
        size = uint64(_bound(size, 1, type(uint56).max));
        bytes memory proof = abi.encodePacked(key, _sign(WORK_KEY, _typed(_batch(tree, size, key, address(0)))));
        vm.expectEmit();
        emit IQuantumVerification.BatchVerified(tree, key, caller, size, keccak256(proof));
        vm.prank(caller);
        qv.verifyBatch(tree, size, proof);
        (IQuantumVerification.Verification memory batch, uint64 stated) = qv.batchOf(key, tree);
        bytes memory expected =
            abi.encode(IQuantumVerification.Verification(key, keccak256(proof), uint40(block.timestamp), caller, true));
        vm.assertEq(abi.encode(batch), expected);
        vm.assertEq(uint256(stated), size);
        // Roots are no data.
        vm.assertFalse(qv.isVerified(key, tree));
        vm.assertEq(qv.verifications(tree).length, uint256(0));
        _refused(BOB, abi.encodeCall(qv.verifyBatch, (tree, size, proof)), _already(key, tree));
        _allowed(BOB, _verifyCall(tree, key));
    }

    function test_VerifyBatchRejectsOtherSizes() public {
        bytes4 none = IQuantumVerification.QuantumVerification_EmptyBatch.selector;
        _refused(BOB, _batchCall("tree", 0, key), abi.encodeWithSelector(none));
        bytes4 many = IQuantumVerification.QuantumVerification_SizeOverflow.selector;
        _refused(BOB, _batchCall("tree", 2 ** 56, key), abi.encodeWithSelector(many, 2 ** 56));
        _refused(BOB, _batchCall("tree", type(uint64).max, key), abi.encodeWithSelector(many, type(uint64).max));
        _allowed(BOB, _batchCall("tree", 2 ** 56 - 1, key));
        (, uint64 size) = qv.batchOf(key, "tree");
        vm.assertEq(uint256(size), 2 ** 56 - 1);
    }

    function testFuzz_VerifyBatchBindsRootAndSize(bytes32 tree, uint64 size) public {
        size = uint64(_bound(size, 1, type(uint56).max));
        vm.assume(tree != "tree" || size != 7);
        bytes memory proof = abi.encodePacked(key, _sign(WORK_KEY, _typed(_batch("tree", 7, key, address(0)))));
        bytes32 digest = _typed(_batch(tree, size, key, address(0)));
        _refused(BOB, abi.encodeCall(qv.verifyBatch, (tree, size, proof)), _invalid(key, digest));
    }

    // ------------------------------------------------------------------------------------------------------------
    // isVerifiedInBatch
    // ------------------------------------------------------------------------------------------------------------

    function test_InclusionHoldsForEveryLeafOfSmallTreesAndOfAHundred() public {
        for (uint256 n = 1; n <= 18; ++n) {
            _allLeavesAreIn(n == 18 ? 100 : n);
        }
    }

    function testFuzz_InclusionFailsForAnythingElse(uint256 n, uint256 leaf, bytes32 other, uint256 node) public {
        n = _bound(n, 2, 60);
        (bytes32[] memory tree, bytes32 datum, bytes32[] memory path) = _signedTree(n, leaf % n, uint64(n));
        vm.assertTrue(qv.isVerifiedInBatch(key, tree[0], datum, path));
        vm.assertFalse(qv.isVerifiedInBatch(root, tree[0], datum, path));
        vm.assertFalse(qv.isVerifiedInBatch(key, other, datum, path));
        vm.assertFalse(qv.isVerifiedInBatch(key, tree[0], other, path));
        // A leaf's hash and inner nodes are no data: the leaf is hashed here, twice.
        vm.assertFalse(qv.isVerifiedInBatch(key, tree[0], tree[n - 1 + leaf % n], path));
        node %= tree.length;
        vm.assertFalse(qv.isVerifiedInBatch(key, tree[0], tree[node], _path(tree, node)));
        path[uint256(other) % path.length] ^= bytes32(uint256(1) << (leaf % 256));
        vm.assertFalse(qv.isVerifiedInBatch(key, tree[0], datum, path));
    }

    function testFuzz_InclusionIsBoundedByTheStatedSize(uint256 n, uint256 leaf, uint256 stated) public {
        n = _bound(n, 2, 60);
        stated = stated % 2 == 0 ? _bound(stated, 1, 200) : _bound(stated, 1, type(uint56).max);
        (bytes32[] memory tree, bytes32 datum, bytes32[] memory path) = _signedTree(n, leaf % n, uint64(stated));
        // Depths at which a tree of the stated size has leaves.
        (uint256 least, uint256 most) = (0, 0);
        while (2 ** (least + 1) <= stated) ++least;
        while (2 ** (most + 1) <= 2 * stated - 1) ++most;
        bool expected = path.length >= least && path.length <= most;
        vm.assertEq(qv.isVerifiedInBatch(key, tree[0], datum, path), expected);
    }

    function testFuzz_InclusionNeverReverts(bytes32 tree, uint64 size, bytes32 datum, bytes32[] calldata path) public {
        _allowed(BOB, _batchCall(tree, uint64(_bound(size, 1, type(uint56).max)), key));
        vm.assertFalse(qv.isVerifiedInBatch(key, tree, datum, path));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _allLeavesAreIn(uint256 n) private {
        bytes32[] memory tree = _tree(n, n);
        _allowed(BOB, _batchCall(tree[0], uint64(n), key));
        for (uint256 i = 0; i < n; ++i) {
            vm.assertTrue(qv.isVerifiedInBatch(key, tree[0], _datum(n, i), _path(tree, n - 1 + i)));
            vm.assertFalse(qv.isVerifiedInBatch(key, tree[0], _datum(n, n), _path(tree, n - 1 + i)));
        }
    }

    function _signedTree(uint256 n, uint256 leaf, uint64 stated)
        private
        returns (bytes32[] memory tree, bytes32 datum, bytes32[] memory path)
    {
        tree = _tree(n, n);
        _allowed(BOB, _batchCall(tree[0], stated, key));
        return (tree, _datum(n, leaf), _path(tree, n - 1 + leaf));
    }

    function _distinct(bytes32[] memory slots) private pure returns (uint256 count) {
        for (uint256 i = 0; i < slots.length; ++i) {
            bool seen = false;
            for (uint256 j = 0; j < i; ++j) {
                if (slots[j] == slots[i]) seen = true;
            }
            if (!seen) ++count;
        }
    }
}
