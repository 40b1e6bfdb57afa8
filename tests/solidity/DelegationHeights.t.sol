// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DelegationHeights} from "../../contracts/governance/DelegationHeights.sol";
import {Test} from "./Vm.sol";

/// @notice The word of counters against the obvious: an array of them.
contract DelegationHeightsTest is Test {
    using DelegationHeights for uint256;

    uint256 private constant FULL = type(uint24).max;
    uint256 private constant OPEN = 1 << 254;
    uint256 private constant USED = 1 << 255;

    /// @dev One more than the highest delegator, 0 without any; flags do not count.
    function testFuzz_HeightIsOneAboveTheHighestDelegator(uint24[8] memory counters, uint8 flags) public pure {
        uint256 expected;
        for (uint256 i = 0; i < 8; ++i) {
            if (counters[i] != 0) expected = i + 1;
        }
        vm.assertEq(_word(counters, flags).height(), expected);
    }

    /// @dev Counters of 0, 1 and the most, at each place alone.
    function test_HeightOfASingleDelegator() public pure {
        for (uint256 i = 0; i < 8; ++i) {
            vm.assertEq((uint256(1) << (24 * i)).height(), i + 1);
            vm.assertEq((FULL << (24 * i)).height(), i + 1);
            vm.assertEq(((FULL << (24 * i)) | OPEN | USED).height(), i + 1);
        }
        vm.assertEq(uint256(0).height(), uint256(0));
        vm.assertEq((OPEN | USED).height(), uint256(0));
    }

    function testFuzz_HasRoomUntilTheCounterIsFull(uint24[8] memory counters, uint256 below, bool full) public pure {
        below = _bound(below, 0, 7);
        if (full) counters[below] = uint24(FULL);
        vm.assertEq(_word(counters, 3).hasRoom(below), counters[below] != FULL);
    }

    /// @dev One leaves, one comes, or both; the others and the flags stay.
    function testFuzz_RecountMovesOneDelegator(
        uint24[8] memory counters,
        uint8 flags,
        uint256 removed,
        uint256 added,
        uint8 which
    ) public pure {
        removed = _bound(removed, 0, 7);
        added = _bound(added, 0, 7);
        if (counters[removed] == 0) counters[removed] = 1;
        if (counters[added] == FULL) counters[added] = uint24(FULL) - 1;
        uint256 before = _word(counters, flags);
        if (which % 3 != 0) --counters[removed];
        if (which % 3 != 1) ++counters[added];
        uint256 none = DelegationHeights.NONE;
        uint256 afterwards = before.recount(which % 3 == 0 ? none : removed, which % 3 == 1 ? none : added);
        vm.assertEq(afterwards, _word(counters, flags));
        vm.assertEq(before.recount(none, none), before);
    }

    function testFuzz_FlagsAndCountersAreApart(uint24[8] memory counters, uint8 flags, bool open) public pure {
        uint256 word = _word(counters, flags);
        vm.assertEq(word.isOpen(), flags & 1 != 0);
        vm.assertEq(word.withOpen(open), _word(counters, open ? 3 : 2));
        vm.assertEq(word.withUsed(), _word(counters, flags | 2));
    }

    function _word(uint24[8] memory counters, uint8 flags) private pure returns (uint256 word) {
        for (uint256 i = 0; i < 8; ++i) {
            word |= uint256(counters[i]) << (24 * i);
        }
        if (flags & 1 != 0) word |= OPEN;
        if (flags & 2 != 0) word |= USED;
    }
}
