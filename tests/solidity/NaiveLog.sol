// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title NaiveLog
/// @notice RFC 9162 section 2.1 written down from its recursive definitions, slow and obvious: what `LogProofs`, which
/// walks bits from the leaf up, is compared with. Shares no code with it; hashes through Solidity's own `sha256`.
library NaiveLog {
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    function leafHash(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    /// @notice Distinct leaf hashes, a function of `seed`.
    function leaves(uint256 seed, uint256 n) internal pure returns (bytes32[] memory out) {
        out = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            out[i] = leafHash(abi.encode(seed, i));
        }
    }

    /// @notice MTH(D[start:end]), section 2.1.1.
    function root(bytes32[] memory d, uint256 start, uint256 end) internal pure returns (bytes32) {
        uint256 n = end - start;
        if (n == 0) return sha256("");
        if (n == 1) return d[start];
        uint256 k = split(n);
        return node(root(d, start, start + k), root(d, start + k, end));
    }

    /// @notice PATH(index, D[0:n]), section 2.1.3.1, lowest node first.
    function inclusionProof(bytes32[] memory d, uint256 index, uint256 n) internal pure returns (bytes32[] memory) {
        return _path(d, index, 0, n);
    }

    /// @notice PROOF(m, D[0:n]), section 2.1.4.1, lowest node first. Empty for m = 0 and m = n.
    function consistencyProof(bytes32[] memory d, uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        if (m == 0) return new bytes32[](0);
        return _subProof(d, m, 0, n, true);
    }

    /// @notice The verdict on an inclusion proof, by rebuilding the root from the top of the tree down.
    function checkInclusion(bytes32 leaf, uint256 index, uint256 size, bytes32 treeRoot, bytes32[] memory proof)
        internal
        pure
        returns (bool)
    {
        if (index >= size) return false;
        (bool fits, bytes32 rebuilt) = _rebuild(leaf, index, size, proof, proof.length);
        return fits && rebuilt == treeRoot;
    }

    /// @notice The verdict on a consistency proof, by rebuilding both roots from the top of the new tree down.
    function checkConsistency(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 newSize,
        bytes32 newRoot,
        bytes32[] memory proof
    ) internal pure returns (bool) {
        if (oldSize > newSize) return false;
        if (oldSize == 0 && newSize > 0) return proof.length == 0 && oldRoot == sha256("");
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;
        (bool fits, bytes32 rebuiltOld, bytes32 rebuiltNew) =
            _rebuildBoth(oldSize, oldRoot, newSize, proof, proof.length, true);
        return fits && rebuiltOld == oldRoot && rebuiltNew == newRoot;
    }

    /// @notice The largest power of two below `n`; `n` is at least 2.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) {
            k *= 2;
        }
    }

    function append(bytes32[] memory list, bytes32 last) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }

    function _path(bytes32[] memory d, uint256 index, uint256 start, uint256 n)
        private
        pure
        returns (bytes32[] memory)
    {
        if (n <= 1) return new bytes32[](0);
        uint256 k = split(n);
        if (index < k) return append(_path(d, index, start, k), root(d, start + k, start + n));
        return append(_path(d, index - k, start + k, n - k), root(d, start, start + k));
    }

    function _subProof(bytes32[] memory d, uint256 m, uint256 start, uint256 n, bool whole)
        private
        pure
        returns (bytes32[] memory)
    {
        if (m == n) return whole ? new bytes32[](0) : append(new bytes32[](0), root(d, start, start + n));
        uint256 k = split(n);
        if (m <= k) return append(_subProof(d, m, start, k, whole), root(d, start + k, start + n));
        return append(_subProof(d, m - k, start + k, n - k, false), root(d, start, start + k));
    }

    /// @dev Root of the subtree of `size` leaves around `leaf`, from the first `length` nodes of `proof`.
    function _rebuild(bytes32 leaf, uint256 index, uint256 size, bytes32[] memory proof, uint256 length)
        private
        pure
        returns (bool, bytes32)
    {
        if (size == 1) return (length == 0, leaf);
        if (length == 0) return (false, 0);
        uint256 k = split(size);
        bytes32 last = proof[length - 1];
        if (index < k) {
            (bool left, bytes32 below) = _rebuild(leaf, index, k, proof, length - 1);
            return (left, node(below, last));
        }
        (bool right, bytes32 under) = _rebuild(leaf, index - k, size - k, proof, length - 1);
        return (right, node(last, under));
    }

    /// @dev Roots of the first `m` and of all `n` leaves of a subtree, from the first `length` nodes of `proof`.
    function _rebuildBoth(uint256 m, bytes32 oldRoot, uint256 n, bytes32[] memory proof, uint256 length, bool whole)
        private
        pure
        returns (bool, bytes32, bytes32)
    {
        if (m == n) {
            if (whole) return (length == 0, oldRoot, oldRoot);
            return length == 1 ? (true, proof[0], proof[0]) : (false, bytes32(0), bytes32(0));
        }
        if (length == 0) return (false, 0, 0);
        uint256 k = split(n);
        bytes32 last = proof[length - 1];
        if (m <= k) {
            (bool fits, bytes32 o, bytes32 l) = _rebuildBoth(m, oldRoot, k, proof, length - 1, whole);
            return (fits, o, node(l, last));
        }
        (bool fitsRight, bytes32 oldRight, bytes32 newRight) =
            _rebuildBoth(m - k, oldRoot, n - k, proof, length - 1, false);
        return (fitsRight, node(last, oldRight), node(last, newRight));
    }
}
