// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Shake} from "./Shake.sol";
import {NTTPair} from "./generated/NTTPair.sol";

// slither-disable-start assembly,too-many-digits
/// @title ExpandedKey
/// @notice Derives what verification needs from an ML-DSA public key: columns of Â (FIPS 204, ExpandA) and of t.
/// @dev A column is 256 entries, entry n for coefficient n; an entry holds the column's k rows, and is read and written
/// through the word that ends with it:
///
///    … entry n - 1 |            entry n, entryBytes(k) bytes            |
///                  |  zeros  | row k-1 |  …  | row 2 | row 1 |  row 0   |
///                                                 54      27          0    row i in bits [27i, 27i + 23)
library ExpandedKey {
    /// @dev A polynomial that is being written.
    struct Polynomial {
        uint256 row;
        uint256 width; // bytes of an entry
        uint256 cursor; // address of the next entry
        uint256 end; // address behind the column
    }

    uint256 private constant Q = 8380417;
    uint256 private constant ROW_BITS = 27;
    uint256 private constant SEED_LENGTH = 34;
    uint256 private constant WORDS_LENGTH = 8192;

    /// @notice Bytes of an entry: room for a sum of 54 bits in the topmost row.
    function entryBytes(uint256 rows) internal pure returns (uint256) {
        return (ROW_BITS * (rows - 1) + 54 + 7) / 8;
    }

    /// @notice Bytes of a column.
    function columnBytes(uint256 rows) internal pure returns (uint256) {
        return 256 * entryBytes(rows);
    }

    /// @notice Columns `first` to `first + count - 1` of Â, `rows` polynomials each: FIPS 204, Algorithms 30 and 32.
    /// @param rho Address of the seed's 32 bytes.
    /// @param output Address of zeros for the columns.
    function writeMatrix(uint256 rho, uint256 rows, uint256 first, uint256 count, uint256 output) internal pure {
        uint256 state = Shake.newState();
        uint256 seed = _data(new bytes(SEED_LENGTH));
        assembly ("memory-safe") {
            mcopy(seed, rho, 32)
        }
        Polynomial[4] memory batch;
        // Column by column, four polynomials at a time; the last time they may be fewer.
        uint256 row = 0;
        uint256 left = rows * count;
        while (left > 0) {
            Shake.reset(state);
            for (uint256 part = 0; part < 4 && left > 0; ++part) {
                assembly ("memory-safe") {
                    mstore8(add(seed, 32), first)
                    mstore8(add(seed, 33), row)
                }
                Shake.absorbLast(state, part, Shake.RATE_128, seed, SEED_LENGTH);
                batch[part] = Polynomial(row, entryBytes(rows), output, output + columnBytes(rows));
                --left;
                if (++row == rows) {
                    row = 0;
                    ++first;
                    output += columnBytes(rows);
                }
            }
            bool done = false;
            while (!done) {
                Shake.nextBlock4(state);
                done = true;
                for (uint256 part = 0; part < 4; ++part) {
                    if (!takeBlock(state, part, batch[part])) done = false;
                }
            }
        }
    }

    /// @notice Writes the coefficients that one block of SHAKE128 gives for one polynomial (loop of Algorithm 30).
    /// @dev Three lanes are eight candidates of 24 bits, the first lowest, of which the top bit is dropped:
    ///
    ///   |      lane 2      |      lane 1      |      lane 0      |
    ///   | c7  | c6  | c5  | c4  | c3  | c2  | c1  | c0  |
    ///    191                                          0
    ///
    /// @param part The part of the state.
    /// @param polynomial Where to write; moves on.
    /// @return done Whether the polynomial has its 256 coefficients.
    function takeBlock(uint256 state, uint256 part, Polynomial memory polynomial) internal pure returns (bool done) {
        (uint256 row, uint256 width) = (polynomial.row, polynomial.width);
        (uint256 cursor, uint256 end) = (polynomial.cursor, polynomial.end);
        assembly ("memory-safe") {
            part := shl(6, part)
            row := mul(row, ROW_BITS)
            // From here on the word that ends with the entry.
            cursor := sub(add(cursor, width), 32)
            end := sub(add(end, width), 32)
            for { let limit := add(state, 672) } and(lt(state, limit), lt(cursor, end)) { state := add(state, 96) } {
                let x := shl(64, and(shr(part, mload(add(state, 64))), 0xffffffffffffffff))
                x := shl(64, or(x, and(shr(part, mload(add(state, 32))), 0xffffffffffffffff)))
                x := or(x, and(shr(part, mload(state)), 0xffffffffffffffff))
                x := and(x, 0x7fffff7fffff7fffff7fffff7fffff7fffff7fffff7fffff)
                // 2^23 - q added to each candidate: a top bit is set where it is not below q.
                let above := add(x, 0x001fff001fff001fff001fff001fff001fff001fff001fff)
                above := and(above, 0x800000800000800000800000800000800000800000800000)
                switch or(above, lt(end, add(cursor, shl(3, width))))
                case 0 {
                    mstore(cursor, or(mload(cursor), shl(row, and(x, 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(24, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(48, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(72, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(96, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(120, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, and(shr(144, x), 0x7fffff))))
                    cursor := add(cursor, width)
                    mstore(cursor, or(mload(cursor), shl(row, shr(168, x))))
                    cursor := add(cursor, width)
                }
                default {
                    for { let i := 0 } and(lt(i, 8), lt(cursor, end)) { i := add(i, 1) } {
                        let candidate := and(x, 0x7fffff)
                        x := shr(24, x)
                        if lt(candidate, Q) {
                            mstore(cursor, or(mload(cursor), shl(row, candidate)))
                            cursor := add(cursor, width)
                        }
                    }
                }
            }
            done := eq(cursor, end)
            cursor := sub(add(cursor, 32), width)
        }
        polynomial.cursor = cursor;
    }

    /// @notice The column of -NTT(t1 · 2^13) mod q.
    /// @param t1 Address of the encoded t1, 320 bytes a row.
    /// @param output Address of zeros for the column.
    function writeT(uint256 t1, uint256 rows, uint256 output) internal pure {
        // Twice 256 words, rows 0 to 3 and rows 4 to 7. Lanes without a row stay zero.
        uint256 words = _data(new bytes(2 * WORDS_LENGTH));
        for (uint256 row = 0; row < rows; ++row) {
            _unpackT1(t1 + 320 * row, row % 4, row < 4 ? words : words + WORDS_LENGTH);
        }
        NTTPair.forward(words);
        for (uint256 row = 0; row < rows; ++row) {
            _writeNegated(row < 4 ? words : words + WORDS_LENGTH, row, entryBytes(rows), output);
        }
    }

    /// @dev SimpleBitUnpack (FIPS 204, Algorithm 18) of ten bits a coefficient to a lane of 256 words, each 13q + t1 · 2^13
    /// as NTTPair wants; t1 · 2^13 is below q.
    function _unpackT1(uint256 t1, uint256 lane, uint256 words) private pure {
        assembly ("memory-safe") {
            lane := shl(6, lane)
            // 20 bytes are 16 coefficients, once their order is reversed.
            for { let end := add(t1, 320) } lt(t1, end) { t1 := add(t1, 20) } {
                let x := mload(t1)
                let m := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                x := or(and(shr(8, x), m), shl(8, and(x, m)))
                m := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                x := or(and(shr(16, x), m), shl(16, and(x, m)))
                m := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                x := or(and(shr(32, x), m), shl(32, and(x, m)))
                m := 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff
                x := or(and(shr(64, x), m), shl(64, and(x, m)))
                x := or(shr(128, x), shl(128, x))
                for { let limit := add(words, 512) } lt(words, limit) { words := add(words, 32) } {
                    mstore(words, or(mload(words), shl(lane, add(mul(13, Q), shl(13, and(x, 0x3ff))))))
                    x := shr(10, x)
                }
            }
        }
    }

    /// @dev A lane of 256 words, below 27q, reduced and negated to row `row` of a column.
    function _writeNegated(uint256 words, uint256 row, uint256 width, uint256 output) private pure {
        assembly ("memory-safe") {
            let lane := shl(6, and(row, 3))
            row := mul(row, ROW_BITS)
            let cursor := sub(add(output, width), 32)
            for { let end := add(words, WORDS_LENGTH) } lt(words, end) { words := add(words, 32) } {
                let x := and(shr(lane, mload(words)), 0xffffffffffffffff)
                mstore(cursor, or(mload(cursor), shl(row, mod(sub(mul(27, Q), x), Q))))
                cursor := add(cursor, width)
            }
        }
    }

    function _data(bytes memory data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(data, 32)
        }
    }
}
// slither-disable-end assembly,too-many-digits
