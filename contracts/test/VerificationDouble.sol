// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title VerificationDouble
/// @notice Says about keys and data what it is told to, or answers as nobody should: only what ModelRegistry asks.
contract VerificationDouble {
    enum Manner {
        Honest,
        Reverting,
        Burning,
        RevertingWithTrue,
        Silent,
        ShortTrue,
        Two,
        LongTrue
    }

    error VerificationDouble_Reverting();

    Manner public manner;
    mapping(bytes32 key => mapping(bytes32 dataHash => bool)) private _verified;

    function set(bytes32 key, bytes32 dataHash, bool verified) external {
        _verified[key][dataHash] = verified;
    }

    function misbehave(Manner how) external {
        manner = how;
    }

    function isVerified(bytes32 key, bytes32 dataHash) external view returns (bool) {
        if (manner == Manner.Honest) return _verified[key][dataHash];
        if (manner == Manner.Reverting) revert VerificationDouble_Reverting();
        uint256 size = manner == Manner.Silent ? 0 : manner == Manner.ShortTrue ? 31 : manner == Manner.Two ? 32 : 64;
        uint256 word = manner == Manner.Two ? 2 : 1;
        bool burns = manner == Manner.Burning;
        bool reverts = manner == Manner.RevertingWithTrue;
        // Answers `size` bytes of `word`, reverts with it, or burns all gas; a 1 of 31 bytes stands in the first of them.
        assembly ("memory-safe") {
            if burns { invalid() }
            if eq(size, 31) { word := shl(8, word) }
            mstore(0x00, word)
            mstore(0x20, 0)
            if reverts { revert(0x00, 0x20) }
            return(0x00, size)
        }
    }
}
