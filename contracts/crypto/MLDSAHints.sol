// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// slither-disable-start assembly,too-many-digits
/// @title MLDSAHints
/// @notice Hints of an ML-DSA signature (FIPS 204, Algorithms 21 and 40), applied to w before its high bits are taken.
/// @dev A hint moves the high bits of one coefficient to the next higher interval of length 2γ2, or to the next lower
/// one, according to the sign of its low bits r0. Adding 2γ2 (or q − 2γ2) to the coefficient does just that, also where
/// it leads past q − 1 = m · 2γ2 and the residue loses or gains the one by which q is longer: r0 > 0 can lose one, and
/// r0 ≤ 0 can gain one, without leaving the interval (−γ2, γ2]. So the high bits of all coefficients are taken at once
/// afterwards, and few have to be looked at.
///
///   y:  0                                  ω        ω + k
///       +----------+----------+--+---------+---------+
///       | of row 0 | of row 1 |… | 0 … 0   | ends    |     positions ascend within a row; ends[i] is where row i ends
///       +----------+----------+--+---------+---------+
library MLDSAHints {
    uint256 private constant Q = 8_380_417;
    uint256 private constant LANE = 54;
    uint256 private constant SECOND = 8_192;

    /// @notice Whether the hints are encoded in the one way there is; if so, they have been applied.
    /// @param source Where y, `omega` + `rows` bytes, lies in the call data.
    /// @param words Address of w in lanes of 54 bits: of four rows | 3 | 1 | 2 | 0 |, of more the even rows, and 8,192
    /// bytes further the odd ones. Lanes are below 2q.
    function applyAll(uint256 source, uint256 words, uint256 rows, uint256 omega, uint256 gamma2)
        internal
        pure
        returns (bool)
    {
        unchecked {
            uint256 index;
            for (uint256 row = 0; row < rows; ++row) {
                uint256 end = _byteAt(source + omega + row);
                if (end < index || end > omega) return false;
                (uint256 base, uint256 shift) = rows == 4
                    ? (words, LANE * ((row >> 1) + ((row & 1) << 1)))
                    : (words + SECOND * (row & 1), LANE * (row >> 1));
                if (!_row(source + index, source + end, base, shift, gamma2)) return false;
                index = end;
            }
            return _isZero(source + index, source + omega);
        }
    }

    /// @dev The hints of a row; false if their positions do not ascend.
    function _row(uint256 from, uint256 to, uint256 base, uint256 shift, uint256 gamma2)
        private
        pure
        returns (bool ok)
    {
        assembly ("memory-safe") {
            ok := 1
            let length := shl(1, gamma2)
            let down := sub(Q, length)
            let difference := sub(length, down)
            let next := 0 // the least position that may come
            for {} iszero(eq(from, to)) { from := add(from, 1) } {
                let n := byte(0, calldataload(from))
                if lt(n, next) {
                    ok := 0
                    break
                }
                next := add(n, 1)
                let place := add(base, shl(5, n))
                let word := mload(place)
                // r0 > 0 if and only if r modulo 2γ2 lies in [1, γ2].
                let r := mod(mod(and(shr(shift, word), 0x3fffffffffffff), Q), length)
                let delta := add(down, mul(difference, lt(sub(r, 1), gamma2)))
                mstore(place, add(word, shl(shift, delta)))
            }
        }
    }

    /// @dev Whether the call data from `from` to `to` is all zero.
    function _isZero(uint256 from, uint256 to) private pure returns (bool zero) {
        assembly ("memory-safe") {
            let found := 0
            for {} lt(from, to) { from := add(from, 32) } {
                let length := sub(to, from)
                let behind := mul(lt(length, 32), sub(256, shl(3, length)))
                found := or(found, shr(behind, calldataload(from)))
            }
            zero := iszero(found)
        }
    }

    function _byteAt(uint256 source) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, calldataload(source))
        }
    }
}
// slither-disable-end assembly,too-many-digits
