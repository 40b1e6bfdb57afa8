// SPDX-License-Identifier: MIT
// solhint-disable gas-calldata-parameters
pragma solidity 0.8.37;

import {InverseNTT54} from "../crypto/generated/InverseNTT54.sol";
import {NTT51} from "../crypto/generated/NTT51.sol";
import {NTTPair} from "../crypto/generated/NTTPair.sol";

/// @title NTTHarness
/// @notice The transforms in memory, with the gas they took, for tests.
contract NTTHarness {
    function forward51(uint256[256] memory words) external view returns (uint256[256] memory, uint256 used) {
        uint256 start = _address(words);
        used = gasleft();
        NTT51.forward(start);
        return (words, used - gasleft());
    }

    function forwardPair(uint256[512] memory words) external view returns (uint256[512] memory, uint256 used) {
        uint256 start = _address(words);
        used = gasleft();
        NTTPair.forward(start);
        return (words, used - gasleft());
    }

    function inverse54(uint256[256] memory words) external view returns (uint256[256] memory, uint256 used) {
        uint256 start = _address(words);
        used = gasleft();
        InverseNTT54.inverse(start);
        return (words, used - gasleft());
    }

    function inversePair(uint256[512] memory words) external view returns (uint256[512] memory, uint256 used) {
        uint256 start = _address(words);
        used = gasleft();
        NTTPair.inverse(start);
        return (words, used - gasleft());
    }

    function _address(uint256[256] memory words) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := words
        }
    }

    function _address(uint256[512] memory words) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := words
        }
    }
}
