// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LogProofsHarness} from "../../contracts/test/LogProofsHarness.sol";
import {NaiveLog} from "./NaiveLog.sol";
import {Test} from "./Vm.sol";

contract LogProofsTest is Test {
    uint256 private constant MAX_LEAVES = 40;
    LogProofsHarness private logs = new LogProofsHarness();

    // ------------------------------------------------------------------------------------------------------------
    // Hashes
    // ------------------------------------------------------------------------------------------------------------

    function test_EmptyRootIsHashOfNothing() public view {
        vm.assertEq(logs.emptyRoot(), sha256(""));
    }

    function testFuzz_HashNodeIsPrefixedSha256(bytes32 left, bytes32 right) public view {
        vm.assertEq(logs.hashNode(left, right), sha256(abi.encodePacked(bytes1(0x01), left, right)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Inclusion
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Every index of every size up to 17: all tree shapes with up to five levels.
    function test_InclusionHoldsForEveryLeafOfSmallLogs() public view {
        bytes32[] memory d = NaiveLog.leaves(7, 17);
        for (uint256 n = 1; n <= d.length; ++n) {
            bytes32 root = NaiveLog.root(d, 0, n);
            for (uint256 i = 0; i < n; ++i) {
                vm.assertTrue(logs.verifyInclusion(d[i], i, n, root, NaiveLog.inclusionProof(d, i, n)));
            }
        }
    }

    function testFuzz_InclusionHolds(uint256 seed, uint256 n, uint256 index) public view {
        (bytes32[] memory d, uint256 i) = _log(seed, n, index);
        bytes32[] memory proof = NaiveLog.inclusionProof(d, i, d.length);
        vm.assertTrue(logs.verifyInclusion(d[i], i, d.length, NaiveLog.root(d, 0, d.length), proof));
    }

    function testFuzz_InclusionFailsForAnotherLeaf(uint256 seed, uint256 n, uint256 index, bytes32 leaf) public view {
        (bytes32[] memory d, uint256 i) = _log(seed, n, index);
        vm.assume(leaf != d[i]);
        bytes32[] memory proof = NaiveLog.inclusionProof(d, i, d.length);
        vm.assertFalse(logs.verifyInclusion(leaf, i, d.length, NaiveLog.root(d, 0, d.length), proof));
    }

    function testFuzz_InclusionFailsForAnotherIndex(uint256 seed, uint256 n, uint256 index, uint256 other) public view {
        (bytes32[] memory d, uint256 i) = _log(seed, n, index);
        bytes32[] memory proof = NaiveLog.inclusionProof(d, i, d.length);
        bytes32 root = NaiveLog.root(d, 0, d.length);
        other = _bound(other, 0, d.length + 1);
        if (other == i) other = d.length; // and the first index beyond the end, often
        vm.assertFalse(logs.verifyInclusion(d[i], other, d.length, root, proof));
    }

    function testFuzz_InclusionFailsForIndexBeyondSize(bytes32 leaf, uint256 size, uint256 beyond) public view {
        size = _bound(size, 0, type(uint64).max);
        vm.assertFalse(logs.verifyInclusion(leaf, _bound(beyond, size, type(uint256).max), size, leaf, _none()));
    }

    /// @dev Another size may need the same path only where the leaf's way to the root is the same: the recursive
    /// verifier is the judge, and it accepts exactly when the path has the same turns.
    function testFuzz_InclusionWithAnotherSizeMatchesReference(uint256 seed, uint256 n, uint256 index, uint256 other)
        public
        view
    {
        (bytes32[] memory d, uint256 i) = _log(seed, n, index);
        other = _bound(other, 0, 2 * MAX_LEAVES);
        bytes32 root = NaiveLog.root(d, 0, d.length);
        bytes32[] memory proof = NaiveLog.inclusionProof(d, i, d.length);
        vm.assertEq(
            logs.verifyInclusion(d[i], i, other, root, proof), NaiveLog.checkInclusion(d[i], i, other, root, proof)
        );
    }

    function testFuzz_InclusionFailsForDamagedProof(uint256 seed, uint256 n, uint256 index, uint8 kind, uint256 where)
        public
        view
    {
        (bytes32[] memory d, uint256 i) = _log(seed, n, index);
        bytes32[] memory proof = NaiveLog.inclusionProof(d, i, d.length);
        bytes32[] memory damaged = _damage(proof, kind, where);
        vm.assertFalse(logs.verifyInclusion(d[i], i, d.length, NaiveLog.root(d, 0, d.length), damaged));
    }

    /// @dev Arbitrary sizes with arbitrary nodes: the root is whatever they hash to, so half the cases are valid.
    function testFuzz_InclusionMatchesReferenceForHugeLogs(
        uint256 seed,
        uint64 size,
        uint64 index,
        uint256 length,
        bool useRebuiltRoot
    ) public view {
        size = uint64(_bound(size, 1, type(uint64).max));
        index = uint64(_bound(index, 0, size - 1));
        uint256 right = _inclusionLength(index, size);
        bytes32[] memory proof = NaiveLog.leaves(seed, useRebuiltRoot ? right : _bound(length, 0, 66));
        bytes32 leaf = keccak256(abi.encode(seed));
        bytes32 root = useRebuiltRoot ? _climb(leaf, index, size, proof) : bytes32(seed);
        bool expected = NaiveLog.checkInclusion(leaf, index, size, root, proof);
        vm.assertEq(logs.verifyInclusion(leaf, index, size, root, proof), expected);
        if (useRebuiltRoot) vm.assertTrue(expected, "the rebuilt root must verify, else this test says nothing");
    }

    /// @dev A path short or long by one node, with the root that exactly this path leads to: only its length is wrong.
    function testFuzz_InclusionFailsForPathOfAnotherLength(uint256 seed, uint64 size, uint64 index) public view {
        size = uint64(_bound(size, 2, type(uint64).max));
        index = uint64(_bound(index, 0, size - 1));
        bytes32[] memory path = NaiveLog.leaves(seed, _inclusionLength(index, size));
        bytes32 leaf = keccak256(abi.encode(seed));
        bytes32 root = _climb(leaf, index, size, path);
        vm.assertTrue(logs.verifyInclusion(leaf, index, size, root, path));
        bytes32[] memory long = NaiveLog.append(path, leaf);
        vm.assertFalse(logs.verifyInclusion(leaf, index, size, NaiveLog.node(leaf, root), long));
        uint256 k = NaiveLog.split(size);
        bytes32[] memory short = _copy(path, path.length - 1);
        root = index < k ? _climb(leaf, index, k, short) : _climb(leaf, index - k, size - k, short);
        vm.assertFalse(logs.verifyInclusion(leaf, index, size, root, short));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Consistency
    // ------------------------------------------------------------------------------------------------------------

    function test_ConsistencyHoldsForEveryPairOfSmallLogs() public view {
        bytes32[] memory d = NaiveLog.leaves(11, 17);
        for (uint256 n = 1; n <= d.length; ++n) {
            bytes32 root = NaiveLog.root(d, 0, n);
            for (uint256 m = 0; m <= n; ++m) {
                bytes32[] memory proof = NaiveLog.consistencyProof(d, m, n);
                vm.assertTrue(logs.verifyConsistency(m, NaiveLog.root(d, 0, m), n, root, proof));
            }
        }
    }

    function testFuzz_ConsistencyHolds(uint256 seed, uint256 n, uint256 m) public view {
        (bytes32[] memory d, uint256 old) = _log(seed, n, m);
        bytes32[] memory proof = NaiveLog.consistencyProof(d, old, d.length);
        bytes32 oldRoot = NaiveLog.root(d, 0, old);
        vm.assertTrue(logs.verifyConsistency(old, oldRoot, d.length, NaiveLog.root(d, 0, d.length), proof));
    }

    function testFuzz_ConsistencyFailsForShrinking(uint256 seed, uint256 n, uint256 m) public view {
        (bytes32[] memory d, uint256 old) = _log(seed, n, m);
        bytes32[] memory proof = NaiveLog.consistencyProof(d, old, d.length);
        vm.assertFalse(
            logs.verifyConsistency(d.length, NaiveLog.root(d, 0, d.length), old, NaiveLog.root(d, 0, old), proof)
        );
    }

    /// @dev A log that replaced one of the old entries, with the proof that its own tree gives.
    function testFuzz_ConsistencyFailsForFork(uint256 seed, uint256 n, uint256 m, uint256 replaced) public view {
        n = _bound(n, 2, MAX_LEAVES);
        m = _bound(m, 1, n - 1);
        bytes32[] memory d = NaiveLog.leaves(seed, n);
        bytes32 oldRoot = NaiveLog.root(d, 0, m);
        replaced = _bound(replaced, 0, m - 1);
        d[replaced] = keccak256(abi.encode(d[replaced]));
        bytes32[] memory proof = NaiveLog.consistencyProof(d, m, n);
        vm.assertFalse(logs.verifyConsistency(m, oldRoot, n, NaiveLog.root(d, 0, n), proof));
    }

    function testFuzz_ConsistencyFailsForDamagedProof(uint256 seed, uint256 n, uint256 m, uint8 kind, uint256 where)
        public
        view
    {
        n = _bound(n, 2, MAX_LEAVES);
        m = _bound(m, 1, n - 1);
        bytes32[] memory d = NaiveLog.leaves(seed, n);
        bytes32[] memory damaged = _damage(NaiveLog.consistencyProof(d, m, n), kind, where);
        vm.assertFalse(logs.verifyConsistency(m, NaiveLog.root(d, 0, m), n, NaiveLog.root(d, 0, n), damaged));
    }

    function testFuzz_ConsistencyFromEmptyLog(bytes32 newRoot, uint64 size, bytes32 wrong, uint256 length) public view {
        size = uint64(_bound(size, 1, type(uint64).max));
        bytes32 empty = sha256("");
        vm.assume(wrong != empty);
        vm.assertTrue(logs.verifyConsistency(0, empty, size, newRoot, _none()));
        vm.assertFalse(logs.verifyConsistency(0, wrong, size, newRoot, _none()));
        bytes32[] memory proof = NaiveLog.leaves(uint256(newRoot), _bound(length, 1, 8));
        vm.assertFalse(logs.verifyConsistency(0, empty, size, newRoot, proof));
    }

    function testFuzz_ConsistencyOfEqualSizes(bytes32 root, bytes32 other, uint64 size, uint256 length) public view {
        vm.assume(root != other);
        vm.assertTrue(logs.verifyConsistency(size, root, size, root, _none()));
        vm.assertFalse(logs.verifyConsistency(size, root, size, other, _none()));
        bytes32[] memory proof = NaiveLog.leaves(uint256(root), _bound(length, 1, 8));
        vm.assertFalse(logs.verifyConsistency(size, root, size, root, proof));
    }

    function testFuzz_ConsistencyNeedsProofToGrow(bytes32 root, uint64 m, uint64 n) public view {
        m = uint64(_bound(m, 1, type(uint64).max - 1));
        n = uint64(_bound(n, uint256(m) + 1, type(uint64).max));
        vm.assertFalse(logs.verifyConsistency(m, root, n, root, _none()));
    }

    /// @dev Arbitrary sizes and nodes. The roots are what the nodes hash to where that is possible.
    function testFuzz_ConsistencyMatchesReferenceForHugeLogs(
        uint256 seed,
        uint64 m,
        uint64 n,
        uint256 length,
        bool useRebuiltRoots
    ) public view {
        m = uint64(_bound(m, 1, type(uint64).max - 1));
        n = uint64(_bound(n, uint256(m) + 1, type(uint64).max));
        bytes32 oldRoot = bytes32(seed);
        bytes32 newRoot = bytes32(~seed);
        bytes32[] memory proof = NaiveLog.leaves(seed, _bound(length, 0, 66));
        if (useRebuiltRoots) {
            proof = NaiveLog.leaves(seed, _consistencyLength(m, n));
            (oldRoot, newRoot) = _climbBoth(m, oldRoot, n, proof);
        }
        bool expected = NaiveLog.checkConsistency(m, oldRoot, n, newRoot, proof);
        vm.assertEq(logs.verifyConsistency(m, oldRoot, n, newRoot, proof), expected);
        if (useRebuiltRoots) vm.assertTrue(expected, "rebuilt roots must verify, else this test says nothing");
    }

    /// @dev As for inclusion: only the length of the proof is wrong.
    function testFuzz_ConsistencyFailsForPathOfAnotherLength(uint256 seed, uint64 m, uint64 n) public view {
        m = uint64(_bound(m, 1, type(uint64).max - 1));
        n = uint64(_bound(n, uint256(m) + 1, type(uint64).max));
        bytes32[] memory path = NaiveLog.leaves(seed, _consistencyLength(m, n));
        bytes32 extra = keccak256(abi.encode(seed));
        (bytes32 o, bytes32 r) = _climbBoth(m, bytes32(seed), n, path);
        vm.assertTrue(logs.verifyConsistency(m, o, n, r, path));
        bytes32[] memory other = NaiveLog.append(path, extra);
        vm.assertFalse(logs.verifyConsistency(m, NaiveLog.node(extra, o), n, NaiveLog.node(extra, r), other));
        other = _copy(path, path.length - 1);
        uint256 k = NaiveLog.split(n);
        (o, r) = m <= k
            ? _climbBoth(m, bytes32(seed), k, other, other.length, true)
            : _climbBoth(m - k, bytes32(seed), n - k, other, other.length, false);
        vm.assertFalse(logs.verifyConsistency(m, o, n, r, other));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _log(uint256 seed, uint256 n, uint256 index) private pure returns (bytes32[] memory d, uint256 i) {
        n = _bound(n, 1, MAX_LEAVES);
        return (NaiveLog.leaves(seed, n), _bound(index, 0, n - 1));
    }

    function _none() private pure returns (bytes32[] memory) {
        return new bytes32[](0);
    }

    /// @dev A flipped bit, a node dropped, a node added, or two nodes swapped; where the proof has no such node, a
    /// node is added.
    function _damage(bytes32[] memory proof, uint8 kind, uint256 where) private pure returns (bytes32[] memory out) {
        kind %= 4;
        if (kind == 3 && proof.length > 1) {
            uint256 a = where % (proof.length - 1);
            out = _copy(proof, proof.length);
            (out[a], out[a + 1]) = (proof[a + 1], proof[a]);
        } else if (kind == 2 && proof.length > 0) {
            out = _copy(proof, proof.length - 1); // the last
            uint256 gap = where % proof.length;
            for (uint256 i = gap; i < out.length; ++i) {
                out[i] = proof[i + 1];
            }
        } else if (kind == 1 && proof.length > 0) {
            out = _copy(proof, proof.length);
            out[where % proof.length] ^= bytes32(uint256(1) << (where % 256));
        } else {
            out = NaiveLog.append(proof, keccak256(abi.encode(where)));
        }
    }

    function _copy(bytes32[] memory proof, uint256 length) private pure returns (bytes32[] memory out) {
        out = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            out[i] = proof[i];
        }
    }

    /// @dev Number of nodes in PATH(index, D[size]), from the recursion.
    function _inclusionLength(uint256 index, uint256 size) private pure returns (uint256 length) {
        for (; size > 1; ++length) {
            uint256 k = NaiveLog.split(size);
            (index, size) = index < k ? (index, k) : (index - k, size - k);
        }
    }

    /// @dev Root that `proof` of the right length leads to.
    function _climb(bytes32 leaf, uint256 index, uint256 size, bytes32[] memory proof) private pure returns (bytes32) {
        return _climb(leaf, index, size, proof, proof.length);
    }

    function _climb(bytes32 leaf, uint256 index, uint256 size, bytes32[] memory proof, uint256 length)
        private
        pure
        returns (bytes32)
    {
        if (size == 1) return leaf;
        uint256 k = NaiveLog.split(size);
        if (index < k) return NaiveLog.node(_climb(leaf, index, k, proof, length - 1), proof[length - 1]);
        return NaiveLog.node(proof[length - 1], _climb(leaf, index - k, size - k, proof, length - 1));
    }

    function _consistencyLength(uint256 m, uint256 n) private pure returns (uint256 length) {
        bool whole = true;
        for (; m != n; ++length) {
            uint256 k = NaiveLog.split(n);
            if (m <= k) n = k;
            else (m, n, whole) = (m - k, n - k, false);
        }
        if (!whole) ++length;
    }

    function _climbBoth(uint256 m, bytes32 oldRoot, uint256 n, bytes32[] memory proof)
        private
        pure
        returns (bytes32, bytes32)
    {
        return _climbBoth(m, oldRoot, n, proof, proof.length, true);
    }

    function _climbBoth(uint256 m, bytes32 oldRoot, uint256 n, bytes32[] memory proof, uint256 length, bool whole)
        private
        pure
        returns (bytes32, bytes32)
    {
        if (m == n) return whole ? (oldRoot, oldRoot) : (proof[0], proof[0]);
        uint256 k = NaiveLog.split(n);
        bytes32 last = proof[length - 1];
        if (m <= k) {
            (bytes32 o, bytes32 left) = _climbBoth(m, oldRoot, k, proof, length - 1, whole);
            return (o, NaiveLog.node(left, last));
        }
        (bytes32 oldRight, bytes32 newRight) = _climbBoth(m - k, oldRoot, n - k, proof, length - 1, false);
        return (NaiveLog.node(last, oldRight), NaiveLog.node(last, newRight));
    }
}
