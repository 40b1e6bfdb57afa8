// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistryTextHarness} from "../../contracts/test/ModelRegistryTextHarness.sol";
import {Test} from "./Vm.sol";

/// @dev tests/property/test_model_registry_text.py compares with the official expression on random texts.
contract ModelRegistryTextTest is Test {
    ModelRegistryTextHarness private harness;

    function setUp() public {
        harness = new ModelRegistryTextHarness();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Versions
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Those of https://semver.org, question "Is there a suggested regular expression", of at most 32 bytes.
    function test_OfficialVersionsAreValid() public view {
        string[] memory texts = new string[](27);
        texts[0] = "0.0.4";
        texts[1] = "1.2.3";
        texts[2] = "10.20.30";
        texts[3] = "1.1.2-prerelease+meta";
        texts[4] = "1.1.2+meta";
        texts[5] = "1.1.2+meta-valid";
        texts[6] = "1.0.0-alpha";
        texts[7] = "1.0.0-beta";
        texts[8] = "1.0.0-alpha.beta";
        texts[9] = "1.0.0-alpha.beta.1";
        texts[10] = "1.0.0-alpha.1";
        texts[11] = "1.0.0-alpha0.valid";
        texts[12] = "1.0.0-alpha.0valid";
        texts[13] = "1.0.0-rc.1+build.1";
        texts[14] = "2.0.0-rc.1+build.123";
        texts[15] = "1.2.3-beta";
        texts[16] = "10.2.3-DEV-SNAPSHOT";
        texts[17] = "1.2.3-SNAPSHOT-123";
        texts[18] = "1.0.0";
        texts[19] = "2.0.0";
        texts[20] = "1.1.7";
        texts[21] = "2.0.0+build.1848";
        texts[22] = "2.0.1-alpha.1227";
        texts[23] = "1.0.0-alpha+beta";
        texts[24] = "1.2.3----R-S.12.9.1--.12+meta";
        texts[25] = "1.2.3----RC-SNAPSHOT.12.9.1--.12";
        texts[26] = "1.0.0-0A.is.legal";
        _assertAll(harness.areVersions(texts), texts, true);
    }

    /// @dev From the same place; valid there, and too long here.
    function test_OfficialVersionsThatAreTooLongAreInvalid() public view {
        string[] memory texts = new string[](4);
        texts[0] = "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay";
        texts[1] = "1.2.3----RC-SNAPSHOT.12.9.1--.12+788";
        texts[2] = "1.0.0+0.build.1-rc.10000aaa-kk-0.1";
        texts[3] = "99999999999999999999999.999999999999999999.99999999999999999";
        _assertAll(harness.areVersions(texts), texts, false);
    }

    function test_OfficialInvalidVersionsAreInvalid() public view {
        string[] memory texts = new string[](39);
        texts[0] = "1";
        texts[1] = "1.2";
        texts[2] = "1.2.3-0123";
        texts[3] = "1.2.3-0123.0123";
        texts[4] = "1.1.2+.123";
        texts[5] = "+invalid";
        texts[6] = "-invalid";
        texts[7] = "-invalid+invalid";
        texts[8] = "-invalid.01";
        texts[9] = "alpha";
        texts[10] = "alpha.beta";
        texts[11] = "alpha.beta.1";
        texts[12] = "alpha.1";
        texts[13] = "alpha+beta";
        texts[14] = "alpha_beta";
        texts[15] = "alpha.";
        texts[16] = "alpha..";
        texts[17] = "beta";
        texts[18] = "1.0.0-alpha_beta";
        texts[19] = "-alpha.";
        texts[20] = "1.0.0-alpha..";
        texts[21] = "1.0.0-alpha..1";
        texts[22] = "1.0.0-alpha...1";
        texts[23] = "1.0.0-alpha....1";
        texts[24] = "1.0.0-alpha.....1";
        texts[25] = "1.0.0-alpha......1";
        texts[26] = "1.0.0-alpha.......1";
        texts[27] = "01.1.1";
        texts[28] = "1.01.1";
        texts[29] = "1.1.01";
        texts[30] = "1.2.3.DEV";
        texts[31] = "1.2-SNAPSHOT";
        texts[32] = "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788";
        texts[33] = "1.2-RC-SNAPSHOT";
        texts[34] = "-1.0.3-gamma+b7718";
        texts[35] = "+justmeta";
        texts[36] = "9.8.7+meta+meta";
        texts[37] = "9.8.7-whatever+meta+meta";
        texts[38] =
            "99999999999999999999999.999999999999999999.99999999999999999----RC-SNAPSHOT.12.09.1--------------------------------..12";
        _assertAll(harness.areVersions(texts), texts, false);
    }

    /// @dev Nothing, a zero byte at the end or in the middle, spaces, a dot too few at each place, characters beside the
    /// ranges, 33 bytes.
    function test_OtherInvalidVersionsAreInvalid() public view {
        string[] memory texts = new string[](19);
        texts[0] = "";
        texts[1] = "1.0.0\x00";
        texts[2] = "1.0\x00.0";
        texts[3] = " 1.0.0";
        texts[4] = "1.0.0 ";
        texts[5] = "1..0";
        texts[6] = ".1.0";
        texts[7] = "1.0.";
        texts[8] = "1.0.0-";
        texts[9] = "1.0.0+";
        texts[10] = "1.0.0-+a";
        texts[11] = "1.0.0-a+";
        texts[12] = "1.0.0-a/";
        texts[13] = "1.0.0-a:";
        texts[14] = "1.0.0-@";
        texts[15] = "1.0.0-[";
        texts[16] = "1.0.0-`";
        texts[17] = "1.0.0-{";
        texts[18] = "1.0.0-alpha.4444+55555.6666666666";
        _assertAll(harness.areVersions(texts), texts, false);
    }

    /// @dev Zero alone, zeros at the front of what is not a number, and of anything in build metadata.
    function test_ZerosWhereTheyMayBe() public view {
        string[] memory texts = new string[](5);
        texts[0] = "0.0.0-0";
        texts[1] = "0.0.0-00a";
        texts[2] = "0.0.0-0-0";
        texts[3] = "0.0.0+00.01";
        texts[4] = "0.0.0-0.0+0";
        _assertAll(harness.areVersions(texts), texts, true);
        texts = new string[](3);
        texts[0] = "0.0.0-00";
        texts[1] = "0.0.0-a.00";
        texts[2] = "00.0.0";
        _assertAll(harness.areVersions(texts), texts, false);
    }

    function testFuzz_VersionOfThreeNumbersIsValid(uint24 major, uint24 minor, uint24 patch) public view {
        string[] memory texts = new string[](1);
        texts[0] = string.concat(_decimal(major), ".", _decimal(minor), ".", _decimal(patch));
        _assertAll(harness.areVersions(texts), texts, true);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Names and aliases
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Name(bytes1 first, bytes1 other, uint256 length) public view {
        length = _bound(length, 1, 63);
        bytes memory characters = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            characters[i] = "a";
        }
        (characters[0], characters[length - 1]) = length == 1 ? (first, first) : (first, other);
        string[] memory texts = new string[](1);
        texts[0] = string(characters);
        bool valid = _isAlphanumeric(first)
            && (length == 1 || _isAlphanumeric(other) || other == "." || other == "_" || other == "-");
        vm.assertEq(harness.areNames(texts)[0], valid);
    }

    function test_NamesOfTheWrongLengthAreInvalid() public view {
        string[] memory texts = new string[](2);
        texts[0] = "";
        texts[1] = "a123456789a123456789a123456789a123456789a123456789a123456789a123";
        vm.assertEq(bytes(texts[1]).length, 64);
        _assertAll(harness.areNames(texts), texts, false);
        _assertAll(harness.areAliases(texts), texts, false);
    }

    function test_AliasesThatMlflowReservesAreInvalid() public view {
        string[] memory texts = new string[](4);
        (texts[0], texts[1], texts[2], texts[3]) = ("latest", "v0", "v1", "v1234567890");
        _assertAll(harness.areNames(texts), texts, true);
        _assertAll(harness.areAliases(texts), texts, false);
    }

    function test_OtherAliasesAreValid() public view {
        string[] memory texts = new string[](10);
        (texts[8], texts[9]) = ("x1", "12");
        (texts[0], texts[1], texts[2], texts[3]) = ("champion", "latest-1", "v", "v1.0");
        (texts[4], texts[5], texts[6], texts[7]) = ("v1a", "1", "va", "lates");
        _assertAll(harness.areAliases(texts), texts, true);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _assertAll(bool[] memory are, string[] memory texts, bool valid) private pure {
        vm.assertEq(are.length, texts.length);
        for (uint256 i = 0; i < texts.length; ++i) {
            vm.assertEq(are[i], valid, texts[i]);
        }
    }

    function _isAlphanumeric(bytes1 character) private pure returns (bool) {
        return (character >= "a" && character <= "z") || (character >= "0" && character <= "9");
    }

    function _decimal(uint256 number) private pure returns (string memory) {
        if (number < 10) return string(abi.encodePacked(uint8(48 + number)));
        return string(abi.encodePacked(_decimal(number / 10), uint8(48 + number % 10)));
    }
}
