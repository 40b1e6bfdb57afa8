// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {InverseNTT54} from "../../contracts/crypto/generated/InverseNTT54.sol";
import {NTT51} from "../../contracts/crypto/generated/NTT51.sol";
import {NTTPair} from "../../contracts/crypto/generated/NTTPair.sol";
import {Test} from "./Vm.sol";

/// @dev The packed transforms against FIPS 204, Algorithms 41 and 42, written plainly, one polynomial at a time.
contract NTTTest is Test {
    uint256 private constant Q = 8_380_417;
    uint256 private constant GAMMA1 = 1 << 19;
    uint256 private constant OFFSET = 13 * Q;

    uint256[256] private _zetas;

    function setUp() public {
        for (uint256 m = 0; m < 256; ++m) {
            uint256 exponent;
            for (uint256 bit = 0; bit < 8; ++bit) {
                exponent |= (m >> bit & 1) << (7 - bit);
            }
            _zetas[m] = _power(1753, exponent);
        }
    }

    /// forge-config: default.fuzz.runs = 6
    function testFuzz_NTT51_IsTheStandardsTransform(uint256 seed) public view {
        uint256[] memory words = _fill(seed, 256, 51, 5, 0, Q + GAMMA1);
        uint256[][] memory expected = _transformed(words, 0, 51, 5, true);
        NTT51.forward(_address(words));
        _assertCongruent(words, 0, 51, expected, 16 * Q);
    }

    /// forge-config: default.fuzz.runs = 6
    function testFuzz_NTTPair_IsTheStandardsTransform(uint256 seed) public view {
        uint256[] memory words = _fill(seed, 512, 64, 4, OFFSET - GAMMA1, OFFSET + Q - 1);
        uint256[][] memory first = _transformed(words, 0, 64, 4, true);
        uint256[][] memory second = _transformed(words, 256, 64, 4, true);
        NTTPair.forward(_address(words));
        _assertCongruent(words, 0, 64, first, 27 * Q);
        _assertCongruent(words, 256, 64, second, 27 * Q);
    }

    /// forge-config: default.fuzz.runs = 6
    function testFuzz_InverseNTT54_IsTheStandardsTransform(uint256 seed) public view {
        uint256[] memory words = _fill(seed, 256, 54, 4, 0, 7 * Q / 2);
        uint256[][] memory expected = _transformed(words, 0, 54, 4, false);
        InverseNTT54.inverse(_address(words));
        _assertCongruent(words, 0, 54, expected, 2 * Q);
    }

    /// forge-config: default.fuzz.runs = 6
    function testFuzz_NTTPairInverse_IsTheStandardsTransform(uint256 seed) public view {
        uint256[] memory words = _fill(seed, 512, 54, 4, 0, 7 * Q / 2);
        uint256[][] memory first = _transformed(words, 0, 54, 4, false);
        uint256[][] memory second = _transformed(words, 256, 54, 4, false);
        NTTPair.inverse(_address(words));
        _assertCongruent(words, 0, 54, first, 2 * Q);
        _assertCongruent(words, 256, 54, second, 2 * Q);
    }

    function test_NTTPair_LeavesTheMemoryAroundAlone() public pure {
        uint256[] memory words = new uint256[](514);
        words[0] = type(uint256).max;
        words[513] = type(uint256).max;
        NTTPair.forward(_address(words) + 32);
        NTTPair.inverse(_address(words) + 32);
        vm.assertEq(words.length, 514);
        vm.assertEq(words[0], type(uint256).max);
        vm.assertEq(words[513], type(uint256).max);
    }

    // --- Internal ---

    /// @dev Lanes in [least, most]; a quarter of the seeds give nothing but the two ends.
    function _fill(uint256 seed, uint256 length, uint256 width, uint256 lanes, uint256 least, uint256 most)
        private
        pure
        returns (uint256[] memory words)
    {
        words = new uint256[](length);
        for (uint256 n = 0; n < length; ++n) {
            for (uint256 lane = 0; lane < lanes; ++lane) {
                uint256 drawn = uint256(keccak256(abi.encode(seed, n, lane)));
                uint256 value = seed % 4 == 0 ? (drawn & 1 == 0 ? least : most) : _bound(drawn, least, most);
                words[n] |= value << (width * lane);
            }
        }
    }

    function _transformed(uint256[] memory words, uint256 start, uint256 width, uint256 lanes, bool forward)
        private
        view
        returns (uint256[][] memory polynomials)
    {
        uint256[256] memory zetas = _zetas;
        polynomials = new uint256[][](lanes);
        for (uint256 lane = 0; lane < lanes; ++lane) {
            uint256[] memory a = new uint256[](256);
            for (uint256 n = 0; n < 256; ++n) {
                a[n] = (words[start + n] >> (width * lane) & (2 ** width - 1)) % Q;
            }
            if (forward) _ntt(a, zetas);
            else _inverse(a, zetas);
            polynomials[lane] = a;
        }
    }

    /// @dev Algorithm 41.
    function _ntt(uint256[] memory a, uint256[256] memory zetas) private pure {
        uint256 m;
        for (uint256 length = 128; length > 0; length >>= 1) {
            for (uint256 start = 0; start < 256; start += 2 * length) {
                uint256 zeta = zetas[++m];
                for (uint256 j = start; j < start + length; ++j) {
                    uint256 t = mulmod(zeta, a[j + length], Q);
                    a[j + length] = addmod(a[j], Q - t, Q);
                    a[j] = addmod(a[j], t, Q);
                }
            }
        }
    }

    /// @dev Algorithm 42.
    function _inverse(uint256[] memory a, uint256[256] memory zetas) private pure {
        uint256 m = 256;
        for (uint256 length = 1; length < 256; length <<= 1) {
            for (uint256 start = 0; start < 256; start += 2 * length) {
                uint256 zeta = Q - zetas[--m];
                for (uint256 j = start; j < start + length; ++j) {
                    uint256 t = a[j];
                    a[j] = addmod(t, a[j + length], Q);
                    a[j + length] = mulmod(zeta, t + Q - a[j + length], Q);
                }
            }
        }
        for (uint256 j = 0; j < 256; ++j) {
            a[j] = mulmod(a[j], 8_347_681, Q);
        }
    }

    function _assertCongruent(
        uint256[] memory words,
        uint256 start,
        uint256 width,
        uint256[][] memory expected,
        uint256 bound
    ) private pure {
        for (uint256 lane = 0; lane < expected.length; ++lane) {
            for (uint256 n = 0; n < 256; ++n) {
                uint256 value = words[start + n] >> (width * lane) & (2 ** width - 1);
                if (value % Q != expected[lane][n]) vm.assertEq(value % Q, expected[lane][n], "wrong residue");
                if (value >= bound) vm.assertTrue(false, "out of its bound");
            }
        }
    }

    function _power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = 1;
        for (; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, Q);
            base = mulmod(base, base, Q);
        }
    }

    function _address(uint256[] memory words) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(words, 32)
        }
    }
}
