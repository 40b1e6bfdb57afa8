// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {IPausable} from "../../interfaces/IEmergencyBrake.sol";
import {Ownable2StepUpgradeable} from "@openzeppelin/contracts-upgradeable/access/Ownable2StepUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";

/// @title BrakeableUpgradeable
/// @notice `Brakeable` for a contract behind a proxy.
abstract contract BrakeableUpgradeable is IBrakeable, Ownable2StepUpgradeable, PausableUpgradeable {
    /// @inheritdoc IPausable
    function pauseContract() external onlyOwner {
        _pause();
    }

    /// @inheritdoc IPausable
    function unpauseContract() external onlyOwner {
        _unpause();
    }

    /// @dev A contract without an owner could stay stopped for ever.
    function renounceOwnership() public view override onlyOwner {
        revert Brakeable_OwnerIsNeeded();
    }

    /// @inheritdoc IPausable
    function paused() public view override(IPausable, PausableUpgradeable) returns (bool) {
        return super.paused();
    }

    /// @inheritdoc IPausable
    function transferOwnership(address newOwner) public override(IPausable, Ownable2StepUpgradeable) {
        super.transferOwnership(newOwner);
    }

    /// @inheritdoc IPausable
    function acceptOwnership() public override(IPausable, Ownable2StepUpgradeable) {
        super.acceptOwnership();
    }
}
