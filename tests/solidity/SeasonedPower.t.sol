// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SeasonedPower, SeasonedPowers} from "../../contracts/governance/SeasonedPower.sol";
import {Test} from "./Vm.sol";

/// @notice The word of four lanes against the obvious: an amount for each of the seasons that it can end with.
contract SeasonedPowerTest is Test {
    uint256 private constant SEASON = 13 weeks;
    uint256 private constant LANE = (uint256(1) << 44) - 1;
    uint256 private constant LIMIT = uint256(1) << 42;

    function testFuzz_SeasonsAreThirteenWeeksFrom1970(uint256 season, uint256 second) public pure {
        season = _bound(season, 0, type(uint16).max);
        second = _bound(second, 0, SEASON - 1);
        vm.assertEq(SeasonedPowers.seasonOf(season * SEASON + second), season);
        vm.assertEq(SeasonedPowers.endOf(season), (season + 1) * SEASON);
        vm.assertEq(SeasonedPowers.seasonOf(SeasonedPowers.endOf(season)), season + 1);
    }

    /// @dev An amount counts in each season up to its last, and in none afterwards.
    function testFuzz_CreateCountsUntilItsLastSeason(uint256 amount, uint256 season, uint256 ahead, uint256 later)
        public
        pure
    {
        amount = _bound(amount, 0, LANE);
        season = _bound(season, 0, 60_000);
        uint256 last = season + _bound(ahead, 0, 3);
        uint256 asked = season + _bound(later, 0, 9);
        SeasonedPower power = SeasonedPowers.create(amount, last, season);
        vm.assertEq(power.valueIn(asked), asked <= last ? amount : 0);
        vm.assertEq(SeasonedPower.unwrap(power) >> 176, season);
    }

    function testFuzz_CreateOfWhatIsOverIsNothing(uint48 amount, uint256 season, uint256 last) public pure {
        season = _bound(season, 1, 60_000);
        last = _bound(last, 0, season - 1);
        vm.assertEq(uint256(SeasonedPower.unwrap(SeasonedPowers.create(amount, last, season))), season << 176);
    }

    /// @dev Written down again in whatever season, it is worth the same in every season from then on.
    function testFuzz_SettleChangesNoValue(uint256 word, uint256 season, uint256 later, uint256 asked) public pure {
        season = _bound(season, 0, 60_000);
        later = season + _bound(later, 0, 9);
        asked = later + _bound(asked, 0, 5);
        uint256[4] memory amounts = _amounts(word, 0);
        SeasonedPower settled = _write(amounts, season).settle(later);
        vm.assertEq(SeasonedPower.unwrap(settled) >> 176, later);
        vm.assertEq(settled.valueIn(asked), _value(amounts, season, asked));
        for (uint256 lane = 0; lane < 4; ++lane) {
            // The lane of each season from `later` on holds what ends then, and nothing of before.
            uint256 ends = later + lane;
            uint256 expected = ends < season + 4 ? amounts[ends - season] : 0;
            vm.assertEq((SeasonedPower.unwrap(settled) >> (ends % 4 * 44)) & LANE, expected);
        }
    }

    /// @dev Without `less` and with `more`, season by season, whenever it was written.
    function testFuzz_ChangeIsSeasonBySeason(uint256 word, uint256 season, uint256 age, uint256 asked) public pure {
        season = _bound(season, 10, 60_000);
        uint256 written = season - _bound(age, 0, 5);
        asked = season + _bound(asked, 0, 5);
        uint256[4] memory self = _amounts(word, 0);
        uint256[4] memory more = _amounts(word, 1);
        uint256[4] memory less;
        for (uint256 i = 0; i < 4; ++i) {
            // Of what is there in the season `season + i`, any part may go.
            uint256 there = _lane(self, written, season + i) + more[i];
            less[i] = uint256(keccak256(abi.encode(word, i))) % (there + 1);
        }
        SeasonedPower changed = _write(self, written).change(_write(less, season), _write(more, season), season);
        uint256 plus = _value(self, written, asked) + _value(more, season, asked);
        vm.assertEq(changed.valueIn(asked), plus - _value(less, season, asked));
        vm.assertEq(SeasonedPower.unwrap(changed) >> 176, season);
    }

    function testFuzz_EqualsIsEqualityOfWords(uint192 left, uint192 right) public pure {
        vm.assertTrue(SeasonedPower.wrap(left).equals(SeasonedPower.wrap(left)));
        vm.assertEq(SeasonedPower.wrap(left).equals(SeasonedPower.wrap(right)), left == right);
    }

    /// @dev The largest that can ever lie in a word: one total of 2^43 a lane.
    function test_LargestTotalsLieApart() public pure {
        uint256 most = 1 << 43;
        SeasonedPower power = SeasonedPowers.create(0, 0, 230);
        SeasonedPower none = power;
        for (uint256 last = 230; last < 234; ++last) {
            power = power.change(none, SeasonedPowers.create(most, last, 230), 230);
            // One that is changed there takes up to twice the room for a moment.
            power = power.change(SeasonedPowers.create(most, last, 230), SeasonedPowers.create(most, last, 230), 230);
        }
        for (uint256 asked = 230; asked < 236; ++asked) {
            vm.assertEq(power.valueIn(asked), asked < 234 ? (234 - asked) * most : 0);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // The obvious
    // ------------------------------------------------------------------------------------------------------------

    /// @dev `amounts[i]` ends with season `written + i`.
    function _write(uint256[4] memory amounts, uint256 written) private pure returns (SeasonedPower) {
        uint256 word = written << 176;
        for (uint256 i = 0; i < 4; ++i) {
            word |= amounts[i] << ((written + i) % 4 * 44);
        }
        return SeasonedPower.wrap(uint192(word));
    }

    function _lane(uint256[4] memory amounts, uint256 written, uint256 ends) private pure returns (uint256) {
        return ends < written + 4 ? amounts[ends - written] : 0;
    }

    function _value(uint256[4] memory amounts, uint256 written, uint256 asked) private pure returns (uint256 value) {
        for (uint256 i = 0; i < 4; ++i) {
            if (written + i >= asked) value += amounts[i];
        }
    }

    function _amounts(uint256 word, uint256 salt) private pure returns (uint256[4] memory amounts) {
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = uint256(keccak256(abi.encode(word, salt, i))) % LIMIT;
        }
    }
}
