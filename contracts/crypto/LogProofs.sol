// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title LogProofs
/// @notice Verifies RFC 9162 inclusion and consistency proofs of a SHA-256 Merkle log.
/// @dev Both walks follow the RFC line by line; the step numbers of the RFC stand beside them. A damaged proof is
/// `false`, never a revert. Loops are bounded by the proof's length, which calldata pays for, and the 256 bits of a size.
///
///   leaf  = SHA-256(0x00 || entry)          node = SHA-256(0x01 || left || right)          empty log = SHA-256("")
library LogProofs {
    /// @notice Root of the log without entries: SHA-256 of the empty string (RFC 9162 §2.1.1).
    bytes32 internal constant EMPTY_ROOT = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855;

    /// @notice Whether `leafHash` is entry `index` of the log of `size` entries with this `root` (RFC 9162 §2.1.3.2).
    function verifyInclusion(bytes32 leafHash, uint256 index, uint256 size, bytes32 root, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false; // 1
        uint256 fn = index; // 2
        uint256 sn = size - 1;
        bytes32 r = leafHash; // 3
        for (uint256 i = 0; i < proof.length; ++i) {
            if (sn == 0) return false; // 4.1
            if (fn & 1 == 1 || fn == sn) {
                r = hashNode(proof[i], r); // 4.2, left sibling
                if (fn & 1 == 0) (fn, sn) = _shiftToOdd(fn, sn);
            } else {
                r = hashNode(r, proof[i]); // 4.2, right sibling
            }
            fn >>= 1; // 4.3
            sn >>= 1;
        }
        return sn == 0 && r == root; // 5
    }

    /// @notice Whether the log with (`newSize`, `newRoot`) begins with the log of (`oldSize`, `oldRoot`)
    /// (RFC 9162 §2.1.4.2).
    /// @dev Beyond the RFC, which leaves them open: the empty log begins every log, with an empty proof; and a log
    /// begins itself, with an empty proof.
    function verifyConsistency(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        if (oldSize > newSize) return false;
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;
        if (oldSize == 0) return proof.length == 0 && oldRoot == EMPTY_ROOT;
        if (proof.length == 0) return false; // 1

        uint256 fn = oldSize - 1; // 3
        uint256 sn = newSize - 1;
        if (fn & 1 == 1) (fn, sn) = _shiftToEven(fn, sn); // 4

        // 2 and 5: where the old log is a complete tree (fn is 0 now) its root is the implied first node.
        uint256 i = fn == 0 ? 0 : 1;
        bytes32 fr = fn == 0 ? oldRoot : proof[0];
        bytes32 sr = fr;
        for (; i < proof.length; ++i) {
            if (sn == 0) return false; // 6.1
            if (fn & 1 == 1 || fn == sn) {
                fr = hashNode(proof[i], fr); // 6.2
                sr = hashNode(proof[i], sr);
                if (fn & 1 == 0) (fn, sn) = _shiftToOdd(fn, sn);
            } else {
                sr = hashNode(sr, proof[i]); // 6.2, otherwise
            }
            fn >>= 1; // 6.3
            sn >>= 1;
        }
        return sn == 0 && fr == oldRoot && sr == newRoot; // 7
    }

    /// @notice SHA-256(0x01 || left || right), RFC 9162 §2.1.1.
    function hashNode(bytes32 left, bytes32 right) internal view returns (bytes32 node) {
        // The 65 bytes are laid beyond the free memory pointer, which stays where it is. The precompile at 0x02 costs
        // 96 gas for this input and fails only for want of gas, in which case the whole call must fail.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore8(p, 0x01)
            mstore(add(p, 0x01), left)
            mstore(add(p, 0x21), right)
            if iszero(staticcall(gas(), 0x02, p, 0x41, 0x00, 0x20)) { revert(0x00, 0x00) }
            node := mload(0x00)
        }
    }

    /// @dev Both shifted right until `fn` is odd or zero. Ends: each step halves `fn`.
    function _shiftToOdd(uint256 fn, uint256 sn) private pure returns (uint256, uint256) {
        while (fn & 1 == 0 && fn != 0) {
            fn >>= 1;
            sn >>= 1;
        }
        return (fn, sn);
    }

    /// @dev Both shifted right until `fn` is even. Ends: each step halves `fn`, and zero is even.
    function _shiftToEven(uint256 fn, uint256 sn) private pure returns (uint256, uint256) {
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        return (fn, sn);
    }
}
