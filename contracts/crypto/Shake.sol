// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Keccak1600} from "./generated/Keccak1600.sol";

// slither-disable-start assembly,too-many-digits
/// @title Shake
/// @notice SHAKE128 and SHAKE256 (FIPS 202 §6.2) over memory, one message or four at a time.
/// @dev Arguments named `state`, `input` and `output` are memory addresses. A state is 25 words, word x + 5y for lane
/// (x, y). FIPS 202 numbers the bits of a lane from its first byte on: lanes are read and written with bytes reversed.
///
///   one message    | lane | lane | lane | lane |     each lane four times, for `Keccak1600.permute`
///   two messages   | of 1 | of 1 | of 0 | of 0 |     each lane twice, for `Keccak1600.permute2`
///   four messages  | of 3 | of 2 | of 1 | of 0 |     side by side, for `Keccak1600.permute4`
///                   255    191    127    63    0
///     part             3      2      1     0
///
/// `shape` says where a lane goes when it is multiplied by it: ONCE, TWICE or FOUR_TIMES, shifted.
/// Everything uses memory beyond the free pointer as scratch space and leaves the pointer where it was, `newState` apart.
library Shake {
    /// @notice Bytes absorbed or squeezed by one permutation.
    uint256 internal constant RATE_128 = 168;
    uint256 internal constant RATE_256 = 136;

    /// @notice The part of a state that belongs to the second message of a pair.
    uint256 internal constant SECOND = 2;

    uint256 private constant STATE_SIZE = 800;
    uint256 private constant ONCE = 1;
    uint256 private constant TWICE = 0x10000000000000001;
    uint256 private constant FOUR_TIMES = 0x0000000000000001000000000000000100000000000000010000000000000001;

    /// @notice Writes `outputLength` bytes of SHAKE128 of the `length` bytes at `input` to `output`.
    function shake128(uint256 input, uint256 length, uint256 output, uint256 outputLength) internal pure {
        _hash(RATE_128, input, length, output, outputLength);
    }

    /// @notice Writes `outputLength` bytes of SHAKE256 of the `length` bytes at `input` to `output`.
    function shake256(uint256 input, uint256 length, uint256 output, uint256 outputLength) internal pure {
        _hash(RATE_256, input, length, output, outputLength);
    }

    // --- One message at a time ---

    /// @notice Allocates a fresh state.
    function newState() internal pure returns (uint256 state) {
        assembly ("memory-safe") {
            state := mload(0x40)
            mstore(0x40, add(state, STATE_SIZE))
        }
        reset(state);
    }

    /// @notice Makes a state fresh again.
    function reset(uint256 state) internal pure {
        assembly ("memory-safe") {
            calldatacopy(state, calldatasize(), STATE_SIZE)
        }
    }

    /// @notice Absorbs a whole message into a fresh state: the first block of output is there to be squeezed.
    function absorb(uint256 state, uint256 rate, uint256 input, uint256 length) internal pure {
        unchecked {
            while (length >= rate) {
                _xorBlock(state, FOUR_TIMES, rate, input);
                Keccak1600.permute(state);
                input += rate;
                length -= rate;
            }
        }
        _xorLastBlock(state, FOUR_TIMES, rate, input, length);
        Keccak1600.permute(state);
    }

    /// @notice Writes the next `length` bytes of output, from the beginning of the current block on.
    /// @dev The last block stays current even where all of it was written: `nextBlock` goes on.
    function squeeze(uint256 state, uint256 rate, uint256 output, uint256 length) internal pure {
        unchecked {
            while (length > rate) {
                copyOut(state, 0, output, rate);
                Keccak1600.permute(state);
                output += rate;
                length -= rate;
            }
        }
        copyOut(state, 0, output, length);
    }

    /// @notice Moves on to the next block of output.
    function nextBlock(uint256 state) internal pure {
        Keccak1600.permute(state);
    }

    // --- Two messages at a time ---

    /// @notice SHAKE256 of two messages shorter than a block with one permutation: their first blocks of output are
    /// there to be copied out of parts 0 and SECOND. The state must be fresh.
    function pair256(uint256 state, uint256 input0, uint256 length0, uint256 input1, uint256 length1) internal pure {
        _xorLastBlock(state, TWICE, RATE_256, input0, length0);
        _xorLastBlock(state, TWICE << 128, RATE_256, input1, length1);
        Keccak1600.permute2(state);
    }

    /// @notice Moves on to the next block of output of both messages.
    function nextPair(uint256 state) internal pure {
        Keccak1600.permute2(state);
    }

    // --- Four messages at a time ---

    /// @notice Adds message `part`, shorter than a block, to a fresh state; `nextBlock4` then makes the first output.
    function absorbLast(uint256 state, uint256 part, uint256 rate, uint256 input, uint256 length) internal pure {
        _xorLastBlock(state, ONCE << (64 * part), rate, input, length);
    }

    /// @notice Moves on to the next block of output of all four messages.
    function nextBlock4(uint256 state) internal pure {
        Keccak1600.permute4(state);
    }

    /// @notice Writes the first `length` bytes, at most a block, of the current block of the message in `part`.
    function copyOut(uint256 state, uint256 part, uint256 output, uint256 length) internal pure {
        assembly ("memory-safe") {
            // The next four lanes at `from` as 32 bytes.
            function lanes(from, shift) -> w {
                w := and(shr(shift, mload(from)), 0xffffffffffffffff)
                w := or(shl(64, w), and(shr(shift, mload(add(from, 0x20))), 0xffffffffffffffff))
                w := or(shl(64, w), and(shr(shift, mload(add(from, 0x40))), 0xffffffffffffffff))
                w := or(shl(64, w), and(shr(shift, mload(add(from, 0x60))), 0xffffffffffffffff))
                let m := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                w := or(and(shr(8, w), m), shl(8, and(w, m)))
                m := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                w := or(and(shr(16, w), m), shl(16, and(w, m)))
                m := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                w := or(and(shr(32, w), m), shl(32, and(w, m)))
            }
            let shift := shl(6, part)
            let end := add(output, and(length, not(31)))
            for {} lt(output, end) {} {
                mstore(output, lanes(state, shift))
                output := add(output, 0x20)
                state := add(state, 0x80)
            }
            let rest := and(length, 31)
            if rest {
                let behind := shr(shl(3, rest), not(0)) // bytes of the word that stay
                mstore(output, or(and(lanes(state, shift), not(behind)), and(mload(output), behind)))
            }
        }
    }

    // --- Internal ---

    function _hash(uint256 rate, uint256 input, uint256 length, uint256 output, uint256 outputLength) private pure {
        uint256 state = newState();
        absorb(state, rate, input, length);
        squeeze(state, rate, output, outputLength);
        assembly ("memory-safe") {
            mstore(0x40, state)
        }
    }

    /// @dev The last block: what is left of the message, 1111 (SHAKE's suffix and the first bit of the padding) and the
    /// padding's last bit.
    function _xorLastBlock(uint256 state, uint256 shape, uint256 rate, uint256 input, uint256 length) private pure {
        uint256 block_;
        assembly ("memory-safe") {
            block_ := mload(0x40)
            calldatacopy(block_, calldatasize(), 0xc0)
            mcopy(block_, input, length)
            mstore8(add(block_, length), 0x1f)
            let last := sub(add(block_, rate), 1)
            mstore8(last, or(byte(0, mload(last)), 0x80))
        }
        _xorBlock(state, shape, rate, block_);
    }

    /// @dev Adds one block to the state. Both rates are a number of words and one lane.
    function _xorBlock(uint256 state, uint256 shape, uint256 rate, uint256 input) private pure {
        assembly ("memory-safe") {
            function reversed(w) -> r {
                let m := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                r := or(and(shr(8, w), m), shl(8, and(w, m)))
                m := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                r := or(and(shr(16, r), m), shl(16, and(r, m)))
                m := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                r := or(and(shr(32, r), m), shl(32, and(r, m)))
            }
            let end := sub(add(input, rate), 8)
            for {} lt(input, end) {} {
                let w := reversed(mload(input))
                mstore(state, xor(mload(state), mul(shr(192, w), shape)))
                let at := add(state, 0x20)
                mstore(at, xor(mload(at), mul(and(shr(128, w), 0xffffffffffffffff), shape)))
                at := add(state, 0x40)
                mstore(at, xor(mload(at), mul(and(shr(64, w), 0xffffffffffffffff), shape)))
                at := add(state, 0x60)
                mstore(at, xor(mload(at), mul(and(w, 0xffffffffffffffff), shape)))
                state := add(state, 0x80)
                input := add(input, 0x20)
            }
            mstore(state, xor(mload(state), mul(shr(192, reversed(mload(input))), shape)))
        }
    }
}
// slither-disable-end assembly,too-many-digits
