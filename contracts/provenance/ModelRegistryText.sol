// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ModelRegistryText
/// @notice What a version, a name and an alias look like.
/// @dev Versions: Semantic Versioning 2.0.0, https://semver.org/spec/v2.0.0.html, of at most `MAX_VERSION` bytes, so that
/// a word holds one. Behind its end the word is zero, which is no character of a version: no loop asks for the length.
library ModelRegistryText {
    uint256 internal constant MAX_VERSION = 32;
    uint256 internal constant MAX_NAME = 63;

    /// @dev Bit `c` stands for the character `c`.
    uint256 private constant DIGITS = 0x3ff << 48;
    uint256 private constant LOWER = 0x3ffffff << 97;
    uint256 private constant UPPER = 0x3ffffff << 65;
    uint256 private constant HYPHEN = 1 << 45;
    uint256 private constant IDENTIFIER = DIGITS | LOWER | UPPER | HYPHEN;
    uint256 private constant NAME = DIGITS | LOWER | HYPHEN | 1 << 46 | 1 << 95;

    /// @dev What the readers below return where there is nothing valid; otherwise they return a position behind it.
    uint256 private constant INVALID = 0;

    // ------------------------------------------------------------------------------------------------------------
    // Versions
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whether `text` is a version of at most `MAX_VERSION` bytes.
    function isVersion(string calldata text) internal pure returns (bool) {
        uint256 length = bytes(text).length;
        if (length > MAX_VERSION) return false;
        bytes32 word = bytes32(bytes(text));
        uint256 position = _number(word, 0);
        for (uint256 i = 0; i < 2; ++i) {
            if (position == INVALID || _at(word, position) != ".") return false;
            position = _number(word, position + 1);
        }
        if (position != INVALID && _at(word, position) == "-") position = _identifiers(word, position + 1, true);
        if (position != INVALID && _at(word, position) == "+") position = _identifiers(word, position + 1, false);
        return position != INVALID && position == length;
    }

    /// @dev A number without leading zeros.
    function _number(bytes32 word, uint256 start) private pure returns (uint256 position) {
        position = start;
        while (_in(DIGITS, _at(word, position))) ++position;
        if (position == start || _hasLeadingZero(word, start, position)) return INVALID;
    }

    /// @dev Identifiers between dots. In a pre-release, those of digits only have no leading zeros.
    function _identifiers(bytes32 word, uint256 start, bool isPreRelease) private pure returns (uint256 position) {
        position = start;
        while (true) {
            bool isNumber = true;
            bytes1 character = _at(word, position);
            while (_in(IDENTIFIER, character)) {
                isNumber = isNumber && _in(DIGITS, character);
                character = _at(word, ++position);
            }
            if (position == start) return INVALID;
            if (isPreRelease && isNumber && _hasLeadingZero(word, start, position)) return INVALID;
            if (character != ".") return position;
            start = ++position;
        }
    }

    function _hasLeadingZero(bytes32 word, uint256 start, uint256 end) private pure returns (bool) {
        return end - start > 1 && _at(word, start) == "0";
    }

    // ------------------------------------------------------------------------------------------------------------
    // Names
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whether `text` may name something: 1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.
    function isName(string calldata text) internal pure returns (bool) {
        bytes calldata characters = bytes(text);
        if (characters.length == 0 || characters.length > MAX_NAME) return false;
        if (!_in(DIGITS | LOWER, characters[0])) return false;
        for (uint256 i = 1; i < characters.length; ++i) {
            if (!_in(NAME, characters[i])) return false;
        }
        return true;
    }

    /// @dev Whether `text` may be an alias: a name, but neither `latest` nor `v` and a number, which MLflow reserves.
    function isAlias(string calldata text) internal pure returns (bool) {
        if (!isName(text)) return false;
        bytes calldata characters = bytes(text);
        if (keccak256(characters) == keccak256("latest")) return false;
        if (characters[0] != "v" || characters.length == 1) return true;
        for (uint256 i = 1; i < characters.length; ++i) {
            if (!_in(DIGITS, characters[i])) return true;
        }
        return false;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Characters
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The character at a position of a word, zero behind its end.
    function _at(bytes32 word, uint256 position) private pure returns (bytes1 character) {
        return bytes1(word << (position << 3));
    }

    function _in(uint256 set, bytes1 character) private pure returns (bool) {
        return (set >> uint8(character)) & 1 != 0;
    }
}
