// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title HexDigest
/// @notice Converts a 32-byte digest to and from its 64 hexadecimal digits, 32 digits per word operation.
/// @dev A loop over 64 characters costs more than a third of a storage slot; OpenZeppelin's `Strings` and Solady's
/// `LibString` have only the loop. Here a word holds 32 characters, one per byte:
///
///   'a'  0110 0001      low nibble 1, and bit 6 says "letter": value = low nibble + 9
///   '7'  0011 0111      low nibble 7, bit 6 clear:             value = low nibble
library HexDigest {
    uint256 private constant BYTES_0F = 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
    uint256 private constant BYTES_01 = 0x0101010101010101010101010101010101010101010101010101010101010101;
    uint256 private constant PAIRS = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant QUADS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant OCTETS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant HALVES = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;

    /// @notice Digest written by 64 hexadecimal digits of any case.
    /// @param high The first 32 characters.
    /// @param low The last 32 characters.
    /// @return digest The digest, meaningless if not `valid`.
    /// @return valid Whether all 64 characters are hexadecimal digits.
    function parse(bytes32 high, bytes32 low) internal pure returns (bytes32 digest, bool valid) {
        digest = bytes32((_pack(uint256(high)) << 128) | _pack(uint256(low)));
        // `_pack` takes every character for a digit. Writing its result out again tells whether all of them were:
        // what comes back consists of digits only, and must equal the input but for the case of letters.
        (bytes32 highDigits, bytes32 lowDigits) = format(digest);
        valid = _sameDigits(uint256(high), uint256(highDigits)) && _sameDigits(uint256(low), uint256(lowDigits));
    }

    /// @notice The 64 lower-case digits of `digest`, as two words of 32 characters.
    function format(bytes32 digest) internal pure returns (bytes32 high, bytes32 low) {
        high = bytes32(_unpack(uint256(digest) >> 128));
        low = bytes32(_unpack(uint256(digest) & type(uint128).max));
    }

    /// @notice The 64 lower-case digits of `digest`.
    function toString(bytes32 digest) internal pure returns (string memory digits) {
        (bytes32 high, bytes32 low) = format(digest);
        digits = string(bytes.concat(high, low));
    }

    /// @notice Whether `character` is a hexadecimal digit.
    function isDigit(bytes1 character) internal pure returns (bool) {
        bytes1 lower = character | 0x20;
        return (character >= "0" && character <= "9") || (lower >= "a" && lower <= "f");
    }

    /// @dev 32 characters to 16 bytes in the low half. Nibbles move together: 1 → 2 → 4 → 8 → 16 → 32 per group.
    function _pack(uint256 characters) private pure returns (uint256 x) {
        unchecked {
            x = (characters & BYTES_0F) + 9 * ((characters >> 6) & BYTES_01); // at most 24 a byte: no carry
        }
        x = (x | (x >> 4)) & PAIRS;
        x = (x | (x >> 8)) & QUADS;
        x = (x | (x >> 16)) & OCTETS;
        x = (x | (x >> 32)) & HALVES;
        x = (x | (x >> 64)) & type(uint128).max;
    }

    /// @dev The low 16 bytes of `x` to 32 lower-case characters; the reverse walk of `_pack`.
    function _unpack(uint256 x) private pure returns (uint256 characters) {
        x = (x | (x << 64)) & HALVES;
        x = (x | (x << 32)) & OCTETS;
        x = (x | (x << 16)) & QUADS;
        x = (x | (x << 8)) & PAIRS;
        x = (x | (x << 4)) & BYTES_0F;
        unchecked {
            uint256 letters = ((x + 6 * BYTES_01) >> 4) & BYTES_01; // 1 in each byte above 9
            characters = x + 0x30 * BYTES_01 + 0x27 * letters; // '0' + x, and 'a' - '0' - 10 for letters
        }
    }

    /// @dev Whether `characters` equals the lower-case `digits`, allowing bit 5 to differ where `digits` has a letter.
    function _sameDigits(uint256 characters, uint256 digits) private pure returns (bool) {
        uint256 caseBits = (digits >> 1) & (0x20 * BYTES_01); // bit 6, "letter", moved to bit 5, "lower case"
        return (characters ^ digits) & ~caseBits == 0;
    }
}
