// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SeasonedPower, SeasonedPowers} from "./SeasonedPower.sol";

/// @notice A `SeasonedPower` and what it was before. The latest lies in a slot with its time and with the number of
/// earlier ones, so that a change reads one slot and writes two. The tag is left out: it is the season of the time.
///
///     255          216 215          176 175                0
///    +----------------+----------------+--------------------+
///    |  earlier ones  |  time, seconds |        lanes       |
///    +----------------+----------------+--------------------+
///
/// @dev Earlier ones are kept as they were, each with the number of those before it.
struct PowerTrace {
    uint256 head;
    mapping(uint256 index => uint256) earlier;
}

/// @title PowerTraces
/// @notice Changes and lookups of a `PowerTrace`; what OpenZeppelin's Checkpoints are for other traces.
library PowerTraces {
    uint256 private constant LANES = type(uint176).max;
    uint256 private constant TIME_AT = 176;
    uint256 private constant TIME = type(uint40).max;
    uint256 private constant COUNT_AT = 216;

    /// @dev The power now, as it was written.
    function latest(PowerTrace storage self) internal view returns (SeasonedPower) {
        return _power(self.head);
    }

    /// @dev The power at `time`: after the last change of that second, or of the ones before. Recent times are found
    /// soonest.
    function lookup(PowerTrace storage self, uint256 time) internal view returns (SeasonedPower) {
        uint256 word = self.head;
        if (_time(word) <= time) return _power(word);
        uint256 count = word >> COUNT_AT;

        // All from `high` on are later than `time`, all below `low` are not.
        uint256 low = 0;
        uint256 high = count;
        for (uint256 back = 1; back <= count; back <<= 1) {
            if (_time(self.earlier[count - back]) <= time) {
                low = count - back + 1;
                break;
            }
            high = count - back;
        }
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_time(self.earlier[middle]) <= time) low = middle + 1;
            else high = middle;
        }
        return _power(low == 0 ? 0 : self.earlier[low - 1]);
    }

    /// @dev Without `less` and with `more` from `time` on, which is in `season` and not before the latest change.
    function change(PowerTrace storage self, SeasonedPower less, SeasonedPower more, uint256 time, uint256 season)
        internal
        returns (SeasonedPower old, SeasonedPower now_)
    {
        uint256 word = self.head;
        uint256 count = word >> COUNT_AT;
        old = _power(word).settle(season);
        now_ = old.change(less, more, season);
        if (_time(word) != time && word != 0) {
            self.earlier[count] = word;
            ++count;
        }
        self.head = (count << COUNT_AT) | (time << TIME_AT) | (SeasonedPower.unwrap(now_) & LANES);
    }

    function _time(uint256 word) private pure returns (uint256) {
        return (word >> TIME_AT) & TIME;
    }

    function _power(uint256 word) private pure returns (SeasonedPower) {
        return SeasonedPowers.write(word & LANES, SeasonedPowers.seasonOf(_time(word)));
    }
}
