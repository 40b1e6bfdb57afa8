// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEmergencyBrake, IPausable} from "../../interfaces/IEmergencyBrake.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title EmergencyBrake
/// @notice See `IEmergencyBrake`.
contract EmergencyBrake is IEmergencyBrake, AccessManaged {
    /// @inheritdoc IEmergencyBrake
    uint256 public constant MAX_PAUSE = 72 hours;
    /// @inheritdoc IEmergencyBrake
    uint256 public constant COOLDOWN = 14 days;
    /// @inheritdoc IEmergencyBrake
    mapping(address target => uint256) public pausedUntil;

    constructor(address authority_) AccessManaged(authority_) {}

    /// @inheritdoc IEmergencyBrake
    function pause(address target) external restricted {
        // Check
        uint256 last = pausedUntil[target];
        if (last != 0 && block.timestamp < last + COOLDOWN) {
            revert EmergencyBrake_CoolingDown(target, last + COOLDOWN);
        }

        // Effect
        uint256 until = block.timestamp + MAX_PAUSE;
        pausedUntil[target] = until;
        emit TargetPaused(target, msg.sender, until);

        // Interaction
        IPausable(target).pauseContract();
    }

    /// @inheritdoc IEmergencyBrake
    function lift(address target) external {
        uint256 until = pausedUntil[target];
        if (block.timestamp < until) revert EmergencyBrake_StillPaused(target, until);
        _unpause(target);
    }

    /// @inheritdoc IEmergencyBrake
    function unpause(address target) external restricted {
        _unpause(target);
    }

    /// @inheritdoc IEmergencyBrake
    function transferTarget(address target, address newOwner) external restricted {
        IPausable(target).transferOwnership(newOwner);
    }

    /// @inheritdoc IEmergencyBrake
    function acceptTarget(address target) external restricted {
        IPausable(target).acceptOwnership();
    }

    function _unpause(address target) private {
        emit TargetUnpaused(target, msg.sender);
        IPausable(target).unpauseContract();
    }
}
