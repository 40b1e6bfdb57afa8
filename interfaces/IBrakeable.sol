// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPausable} from "./IEmergencyBrake.sol";

/// @title IBrakeable
/// @notice What its owner, the EmergencyBrake, can stop: entries only, never a way out.
interface IBrakeable is IPausable {
    /// @notice Ownership cannot be given up: nobody could set the contract going again.
    error Brakeable_OwnerIsNeeded();
}
