// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PowerTrace, PowerTraces} from "../../contracts/governance/PowerTrace.sol";
import {SeasonedPower, SeasonedPowers} from "../../contracts/governance/SeasonedPower.sol";
import {Test} from "./Vm.sol";

/// @notice The trace against the obvious: a list of all changes.
contract PowerTraceTest is Test {
    using PowerTraces for PowerTrace;

    struct Change {
        uint256 time;
        uint256[4] amounts; // by remainder of the last season
        uint256[4] lasts;
    }

    uint256 private constant SEASON = 13 weeks;
    uint256 private constant START = 230 * SEASON + 1 days;
    uint256 private constant LANE = (uint256(1) << 44) - 1;

    PowerTrace private trace;
    Change[] private changes;

    /// @dev Any number of changes, several within a second among them, looked up at and between all of them, before the
    /// first and after the last.
    function testFuzz_LookupFindsTheLastChangeUpToThen(uint256 noise, uint256 count) public {
        count = _bound(count, 1, 40);
        uint256 time = START;
        for (uint256 i = 0; i < count; ++i) {
            noise = uint256(keccak256(abi.encode(noise)));
            if (noise % 8 > 2) time += noise % 8 == 7 ? noise % (2 * SEASON) : noise % 5;
            _change(time, noise);
        }
        _sameAt(0);
        _sameAt(START - 1);
        for (uint256 i = 0; i < changes.length; ++i) {
            _sameAt(changes[i].time - 1);
            _sameAt(changes[i].time);
            _sameAt(changes[i].time + 1);
        }
        _sameAt(time + 10 * SEASON);
    }

    /// @dev Long histories: every place of the search.
    function test_LookupInLongHistories() public {
        SeasonedPower none = SeasonedPowers.create(0, 0, 230);
        SeasonedPower one = SeasonedPowers.create(1, 230, 230);
        for (uint256 count = 1; count <= 70; ++count) {
            trace.change(none, one, START + 10 * count, 230);
            vm.assertEq(trace.head >> 216, count - 1);
            for (uint256 i = 0; i <= count; ++i) {
                vm.assertEq(trace.lookup(START + 10 * i).valueIn(230), i);
                vm.assertEq(trace.lookup(START + 10 * i + 9).valueIn(230), i);
            }
        }
    }

    function test_EmptyTraceIsNothing() public view {
        vm.assertEq(trace.latest().valueIn(230), uint256(0));
        vm.assertEq(trace.lookup(START).valueIn(230), uint256(0));
    }

    /// @dev One slot at first and within a second, two in a new one; one is read.
    function test_ChangeWritesOneSlotOrTwo() public {
        vm.assertEq(_writes(START), uint256(1));
        vm.assertEq(_writes(START), uint256(1));
        vm.assertEq(_writes(START + 1), uint256(2));
        vm.assertEq(_writes(START + 1), uint256(1));
        vm.assertEq(trace.latest().valueIn(230), uint256(4));
        vm.assertEq(trace.lookup(START).valueIn(230), uint256(2));
    }

    /// @dev What was and what is, as the event tells it.
    function test_ChangeReturnsBeforeAndAfter() public {
        SeasonedPower none = SeasonedPowers.create(0, 0, 230);
        trace.change(none, SeasonedPowers.create(5, 230, 230), START, 230);
        trace.change(none, SeasonedPowers.create(7, 231, 230), START, 230);
        none = SeasonedPowers.create(0, 0, 231);
        (SeasonedPower old, SeasonedPower now_) =
            trace.change(none, SeasonedPowers.create(1, 234, 231), 231 * SEASON, 231);
        vm.assertEq(old.valueIn(231), uint256(7));
        vm.assertEq(now_.valueIn(231), uint256(8));
        vm.assertEq(now_.valueIn(232), uint256(1));
    }

    /// @dev The largest of all three parts lie apart.
    function testFuzz_PartsLieApart(uint256[4] memory lanes, uint256 time, uint256 count) public {
        time = _bound(time, 4 * SEASON, 65_000 * SEASON); // seasons have 16 bits
        count = _bound(count, 1, type(uint40).max - 1);
        uint256 word;
        uint256 sum;
        for (uint256 i = 0; i < 4; ++i) {
            word |= (lanes[i] & LANE) << (44 * i);
            sum += lanes[i] & LANE;
        }
        trace.head = (count << 216) | ((time - 1) << 176) | word;
        vm.assertEq(trace.latest().valueIn((time - 1) / SEASON), sum);
        SeasonedPower none = SeasonedPowers.create(0, 0, time / SEASON);
        trace.change(none, none, time, time / SEASON);
        vm.assertEq(trace.head >> 216, count + 1);
        vm.assertEq((trace.head >> 176) & type(uint40).max, time);
        vm.assertEq(trace.earlier[count], (count << 216) | ((time - 1) << 176) | word);
        vm.assertEq(trace.lookup(time - 1).valueIn((time - 1) / SEASON), sum);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The amount that ends with one of the four seasons becomes another.
    function _change(uint256 time, uint256 noise) private {
        Change memory change = Change(time, [uint256(0), 0, 0, 0], [uint256(0), 0, 0, 0]);
        if (changes.length > 0) change = changes[changes.length - 1];
        change.time = time;
        uint256 season = time / SEASON;
        uint256 last = season + noise % 4;
        uint256 amount = (noise >> 8) % 1e12;
        uint256 before = change.lasts[last % 4] == last ? change.amounts[last % 4] : 0;
        (change.amounts[last % 4], change.lasts[last % 4]) = (amount, last);
        changes.push(change);
        trace.change(
            SeasonedPowers.create(before, last, season), SeasonedPowers.create(amount, last, season), time, season
        );
        vm.assertEq(trace.latest().valueIn(season), _value(change, season));
    }

    function _sameAt(uint256 time) private view {
        uint256 expected;
        for (uint256 i = 0; i < changes.length && changes[i].time <= time; ++i) {
            expected = _value(changes[i], time / SEASON);
        }
        vm.assertEq(trace.lookup(time).valueIn(time / SEASON), expected);
    }

    function _value(Change memory change, uint256 season) private pure returns (uint256 value) {
        for (uint256 i = 0; i < 4; ++i) {
            if (change.lasts[i] >= season) value += change.amounts[i];
        }
    }

    function _writes(uint256 time) private returns (uint256) {
        vm.record();
        trace.change(SeasonedPowers.create(0, 0, 230), SeasonedPowers.create(1, 230, 230), time, 230);
        (, bytes32[] memory writes) = vm.accesses(address(this));
        return writes.length;
    }
}
