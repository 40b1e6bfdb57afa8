// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HexDigestHarness} from "../../contracts/test/HexDigestHarness.sol";
import {Test} from "./Vm.sol";

contract HexDigestTest is Test {
    bytes private constant DIGITS = "0123456789abcdef";
    HexDigestHarness private hexDigest = new HexDigestHarness();

    function test_FormatsKnownVector() public view {
        vm.assertEq(
            hexDigest.toString(sha256("abc")),
            string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }

    function test_ParsesKnownVectorOfMixedCase() public view {
        (bytes32 digest, bool valid) =
            hexDigest.parse("BA7816bf8F01cfea414140DE5dae2223", "B00361a396177A9CB410ff61f20015aD");
        vm.assertTrue(valid);
        vm.assertEq(digest, sha256("abc"));
    }

    function testFuzz_ParseUndoesFormat(bytes32 digest) public view {
        (bytes32 high, bytes32 low) = hexDigest.format(digest);
        (bytes32 parsed, bool valid) = hexDigest.parse(high, low);
        vm.assertTrue(valid);
        vm.assertEq(parsed, digest);
    }

    function testFuzz_FormatMatchesDigitByDigit(bytes32 digest) public view {
        bytes memory expected = new bytes(64);
        for (uint256 i = 0; i < 32; ++i) {
            expected[2 * i] = DIGITS[uint8(digest[i]) >> 4];
            expected[2 * i + 1] = DIGITS[uint8(digest[i]) & 0x0f];
        }
        vm.assertEq(hexDigest.toString(digest), string(expected));
    }

    /// @dev Every case pattern: bit i of `upper` makes character i upper case.
    function testFuzz_ParseIgnoresCase(bytes32 digest, uint64 upper) public view {
        bytes memory text = bytes(hexDigest.toString(digest));
        for (uint256 i = 0; i < 64; ++i) {
            if ((upper >> i) & 1 == 1 && text[i] >= "a") text[i] = text[i] ^ 0x20;
        }
        (bytes32 parsed, bool valid) = _parse(text);
        vm.assertTrue(valid);
        vm.assertEq(parsed, digest);
    }

    /// @dev 64 positions × 256 characters: control characters 0x10 to 0x19, 0x40, 0x47 'G', 0x60, 0x67 'g' and every
    /// byte from 0x80 among them.
    function test_ParseAcceptsExactlyDigitsAtEveryPosition() public view {
        for (uint256 position = 0; position < 64; ++position) {
            bytes memory text = bytes("0123456789abcdefABCDEF0123456789fedcba9876543210FEDCBA9876543210");
            uint256 accepted = 0;
            for (uint256 c = 0; c < 256; ++c) {
                text[position] = bytes1(uint8(c));
                (bytes32 digest, bool valid) = _parse(text);
                vm.assertEq(valid, _isDigit(uint8(c)));
                if (!valid) continue;
                ++accepted;
                uint8 nibble = uint8(digest[position / 2]);
                nibble = position % 2 == 0 ? nibble >> 4 : nibble & 0x0f;
                vm.assertEq(uint256(nibble), uint256(_value(uint8(c))));
            }
            vm.assertEq(accepted, uint256(22));
        }
    }

    /// @dev Two wrong characters at once, so that one could in principle make up for the other.
    function testFuzz_ParseRejectsWrongPairs(bytes32 digest, uint8 first, uint8 second, uint8 here, uint8 there)
        public
        view
    {
        bytes memory text = bytes(hexDigest.toString(digest));
        text[here % 64] = bytes1(first);
        text[there % 64] = bytes1(second);
        (, bool valid) = _parse(text);
        vm.assertEq(valid, _allDigits(text));
    }

    function testFuzz_ParseOfArbitraryWords(bytes32 high, bytes32 low) public view {
        (, bool valid) = hexDigest.parse(high, low);
        vm.assertEq(valid, _allDigits(bytes.concat(high, low)));
    }

    function test_IsDigitKnowsAllCharacters() public view {
        for (uint256 c = 0; c < 256; ++c) {
            vm.assertEq(hexDigest.isDigit(bytes1(uint8(c))), _isDigit(uint8(c)));
        }
    }

    function _parse(bytes memory text) private view returns (bytes32, bool) {
        bytes32 high;
        bytes32 low;
        assembly ("memory-safe") {
            high := mload(add(text, 0x20))
            low := mload(add(text, 0x40))
        }
        return hexDigest.parse(high, low);
    }

    function _allDigits(bytes memory text) private pure returns (bool) {
        for (uint256 i = 0; i < text.length; ++i) {
            if (!_isDigit(uint8(text[i]))) return false;
        }
        return true;
    }

    function _isDigit(uint8 c) private pure returns (bool) {
        return (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102);
    }

    function _value(uint8 c) private pure returns (uint8) {
        if (c <= 57) return c - 48;
        return c <= 70 ? c - 55 : c - 87;
    }
}
