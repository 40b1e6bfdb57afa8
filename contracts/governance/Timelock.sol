// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITimelock} from "../../interfaces/ITimelock.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice See `ITimelock`. It owns the suite: the Authority's only ADMIN, the treasury, and its own administrator.
contract Timelock is ITimelock, TimelockController {
    /// @inheritdoc ITimelock
    uint256 public constant SHORTEST_DELAY = 24 hours;
    /// @inheritdoc ITimelock
    uint256 public constant LONGEST_DELAY = 48 hours;

    constructor(uint256 delay, address[] memory proposers, address[] memory executors, address admin)
        TimelockController(delay, proposers, executors, admin)
    {
        _requireWithinBounds(delay);
    }

    /// @notice Change the delay of operations scheduled from now on; only by an operation of its own.
    function updateDelay(uint256 newDelay) public override {
        _requireWithinBounds(newDelay);
        super.updateDelay(newDelay);
    }

    function _requireWithinBounds(uint256 delay) private pure {
        if (delay < SHORTEST_DELAY || delay > LONGEST_DELAY) {
            revert Timelock_DelayOutOfBounds(delay, SHORTEST_DELAY, LONGEST_DELAY);
        }
    }
}
