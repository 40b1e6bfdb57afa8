// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HexDigest} from "../crypto/HexDigest.sol";

/// @title HexDigestHarness
/// @notice Test only: makes the internal functions of `HexDigest` callable.
contract HexDigestHarness {
    function parse(bytes32 high, bytes32 low) external pure returns (bytes32 digest, bool valid) {
        return HexDigest.parse(high, low);
    }

    function format(bytes32 digest) external pure returns (bytes32 high, bytes32 low) {
        return HexDigest.format(digest);
    }

    function toString(bytes32 digest) external pure returns (string memory) {
        return HexDigest.toString(digest);
    }

    function isDigit(bytes1 character) external pure returns (bool) {
        return HexDigest.isDigit(character);
    }
}
