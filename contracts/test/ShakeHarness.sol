// SPDX-License-Identifier: MIT
// solhint-disable gas-calldata-parameters
pragma solidity 0.8.37;

import {Shake} from "../crypto/Shake.sol";

/// @notice Calls the library from outside.
contract ShakeHarness {
    /// @dev Output between two words that must stay: the function fails where a byte beyond is written.
    uint256 private constant GUARD = 0xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5;

    error Overwritten();

    function shake128(bytes memory input, uint256 length) external pure returns (bytes memory output) {
        output = _guarded(length);
        Shake.shake128(_data(input), input.length, _data(output), length);
        _check(output);
    }

    function shake256(bytes memory input, uint256 length) external pure returns (bytes memory output) {
        output = _guarded(length);
        Shake.shake256(_data(input), input.length, _data(output), length);
        _check(output);
    }

    /// @notice `blocks` blocks, one by one.
    function stream256(bytes memory input, uint256 blocks) external pure returns (bytes memory output) {
        output = _guarded(blocks * Shake.RATE_256);
        uint256 state = Shake.newState();
        Shake.absorb(state, Shake.RATE_256, _data(input), input.length);
        for (uint256 i = 0; i < blocks; ++i) {
            if (i != 0) Shake.nextBlock(state);
            Shake.squeeze(state, Shake.RATE_256, _data(output) + i * Shake.RATE_256, Shake.RATE_256);
        }
        _check(output);
    }

    /// @notice `blocks` blocks of each.
    function pair256(bytes memory input0, bytes memory input1, uint256 blocks)
        external
        pure
        returns (bytes memory output0, bytes memory output1)
    {
        output0 = _guarded(blocks * Shake.RATE_256);
        output1 = _guarded(blocks * Shake.RATE_256);
        uint256 state = Shake.newState();
        Shake.pair256(state, _data(input0), input0.length, _data(input1), input1.length);
        for (uint256 i = 0; i < blocks; ++i) {
            if (i != 0) Shake.nextPair(state);
            Shake.copyOut(state, 0, _data(output0) + i * Shake.RATE_256, Shake.RATE_256);
            Shake.copyOut(state, Shake.SECOND, _data(output1) + i * Shake.RATE_256, Shake.RATE_256);
        }
        _check(output0);
        _check(output1);
    }

    /// @notice `blocks` blocks of SHAKE128 of four inputs, all four blocks after one another.
    function four128(bytes[4] memory inputs, uint256 blocks) external pure returns (bytes memory output) {
        output = _guarded(4 * blocks * Shake.RATE_128);
        uint256 place = _data(output);
        uint256 state = Shake.newState();
        Shake.reset(state);
        for (uint256 k = 0; k < 4; ++k) {
            Shake.absorbLast(state, k, Shake.RATE_128, _data(inputs[k]), inputs[k].length);
        }
        for (uint256 i = 0; i < blocks; ++i) {
            Shake.nextBlock4(state);
            for (uint256 k = 0; k < 4; ++k) {
                Shake.copyOut(state, k, place, Shake.RATE_128);
                place += Shake.RATE_128;
            }
        }
        _check(output);
    }

    /// @notice Gas of one SHAKE256.
    function gas256(bytes memory input, uint256 length) external view returns (uint256 used) {
        bytes memory output = new bytes(length);
        used = gasleft();
        Shake.shake256(_data(input), input.length, _data(output), length);
        used -= gasleft();
    }

    function _guarded(uint256 length) private pure returns (bytes memory output) {
        output = new bytes(length);
        assembly ("memory-safe") {
            let end := add(add(output, 0x20), length)
            mstore(end, GUARD)
            mstore(0x40, add(end, 0x20))
        }
    }

    function _check(bytes memory output) private pure {
        uint256 word;
        assembly ("memory-safe") {
            word := mload(add(add(output, 0x20), mload(output)))
        }
        if (word != GUARD) revert Overwritten();
    }

    function _data(bytes memory data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(data, 0x20)
        }
    }
}
