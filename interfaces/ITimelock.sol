// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title ITimelock
/// @notice An OpenZeppelin TimelockController whose delay stays between 24 and 48 hours.
interface ITimelock {
    /// @notice A delay of `delay` seconds is not within `shortest` and `longest`.
    error Timelock_DelayOutOfBounds(uint256 delay, uint256 shortest, uint256 longest);

    /// @notice The shortest delay, in seconds.
    function SHORTEST_DELAY() external view returns (uint256);

    /// @notice The longest delay, in seconds.
    function LONGEST_DELAY() external view returns (uint256);
}
