// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title DueHistory
/// @notice When a VM was due to be up: the times of the last six changes, and what holds since the newest.
///
///     255  254        240 239   200 199   160       39      0
///     | 1 |  unused | due | oldest |   …   |  …  | newest |
///
/// The highest bit keeps the word from being zero, so that no change makes a new slot.
library DueHistory {
    uint256 private constant EMPTY = 1 << 255;
    uint256 private constant DUE = 1 << 240;
    uint256 private constant TIMES = DUE - 1;
    uint256 private constant WIDTH = 40;
    uint256 private constant REMEMBERED = 6;

    function empty() internal pure returns (uint256) {
        return EMPTY;
    }

    function isDue(uint256 history) internal pure returns (bool) {
        return history & DUE != 0;
    }

    /// @dev The history after it was or was not due from `time` on. A change and its opposite in one second were none.
    function set(uint256 history, bool due, uint256 time) internal pure returns (uint256) {
        if (isDue(history) == due) return history;
        uint256 times = uint40(history) == time ? (history & TIMES) >> WIDTH : (history << WIDTH | time) & TIMES;
        return EMPTY | (due ? DUE : 0) | times;
    }

    /// @dev Seconds due in [from, to). Before the oldest change that is remembered it was not due.
    function within(uint256 history, uint256 from, uint256 to) internal pure returns (uint256 sum) {
        bool due = isDue(history);
        uint256 end = to;
        for (uint256 i = 0; i < REMEMBERED; ++i) {
            uint256 time = uint40(history >> i * WIDTH);
            if (time == 0) break;
            uint256 start = time > from ? time : from;
            if (due && end > start) sum += end - start;
            if (time < end) end = time;
            due = !due;
        }
    }
}
