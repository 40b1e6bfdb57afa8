// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Shake} from "./Shake.sol";

// slither-disable-start assembly,too-many-digits
/// @title MLDSAChallenge
/// @notice What an ML-DSA signature's hashes say before the algebra begins: µ and the challenge polynomial c.
library MLDSAChallenge {
    uint256 private constant MU = 64;

    /// @notice µ = SHAKE256(tr ‖ M') and c = SampleInBall(c̃) (FIPS 204, Algorithm 29).
    /// @dev Where tr ‖ M' fits into a block, one permutation serves both hashes. What it allocates stays allocated.
    /// @param input Address of tr ‖ M', `length` bytes.
    /// @param source Where c̃, `size` < 136 bytes, lies in the call data.
    /// @param words Address of 256 words that receive c's coefficients; all else in them becomes zero.
    /// @param one The coefficient 1 in its lane; −1 is its two's complement.
    /// @return mu Address of µ.
    function derive(
        uint256 input,
        uint256 length,
        uint256 source,
        uint256 size,
        uint256 tau,
        uint256 words,
        uint256 one
    ) internal pure returns (uint256 mu) {
        uint256 state = Shake.newState();
        uint256 stream;
        assembly ("memory-safe") {
            mu := mload(0x40)
            stream := add(mu, MU)
            mstore(0x40, add(stream, 160)) // a block and what a word read at its last byte reaches
            calldatacopy(stream, source, size)
            calldatacopy(words, calldatasize(), 8192) // zeros
        }
        bool paired = length < Shake.RATE_256;
        if (paired) {
            Shake.pair256(state, stream, size, input, length);
            Shake.copyOut(state, Shake.SECOND, mu, MU);
        } else {
            Shake.shake256(input, length, mu, MU);
            Shake.absorb(state, Shake.RATE_256, stream, size);
        }
        Shake.copyOut(state, 0, stream, Shake.RATE_256);
        _sample(state, paired, stream, tau, words, one);
    }

    /// @dev The loop of Algorithm 29 over the first block of output at `stream`, and over further ones of stream 0 of
    /// `state` where that does not suffice.
    function _sample(uint256 state, bool paired, uint256 stream, uint256 tau, uint256 words, uint256 one) private pure {
        uint256 signs = _littleEndian(stream);
        uint256 end = stream + Shake.RATE_256;
        uint256 next = stream + 8;
        uint256 i = 256 - tau;
        while (true) {
            assembly ("memory-safe") {
                for {} lt(i, 256) {} {
                    if eq(next, end) { break }
                    let j := byte(0, mload(next))
                    next := add(next, 1)
                    if gt(j, i) { continue }
                    let from := add(words, shl(5, j))
                    mstore(add(words, shl(5, i)), mload(from))
                    mstore(from, sub(one, mul(shl(1, one), and(signs, 1)))) // one, or −one
                    signs := shr(1, signs)
                    i := add(i, 1)
                }
            }
            if (i == 256) break;
            if (paired) Shake.nextPair(state);
            else Shake.nextBlock(state);
            Shake.copyOut(state, 0, stream, Shake.RATE_256);
            next = stream;
        }
    }

    /// @dev Eight bytes as a number, the first the lowest.
    function _littleEndian(uint256 at_) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            let word := mload(at_)
            for { let i := 0 } lt(i, 8) { i := add(i, 1) } { value := or(value, shl(shl(3, i), byte(i, word))) }
        }
    }
}
// slither-disable-end assembly,too-many-digits
