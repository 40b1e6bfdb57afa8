// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {IPausable} from "../../interfaces/IEmergencyBrake.sol";
import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title Brakeable
/// @notice A contract that its owner, the EmergencyBrake, can stop. Only what lets value in is `whenNotPaused`; every
/// way out stays open.
abstract contract Brakeable is IBrakeable, Ownable2Step, Pausable {
    constructor(address initialOwner) Ownable(initialOwner) {}

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
    function paused() public view override(IPausable, Pausable) returns (bool) {
        return super.paused();
    }

    /// @inheritdoc IPausable
    function transferOwnership(address newOwner) public override(IPausable, Ownable2Step) {
        super.transferOwnership(newOwner);
    }

    /// @inheritdoc IPausable
    function acceptOwnership() public override(IPausable, Ownable2Step) {
        super.acceptOwnership();
    }
}
