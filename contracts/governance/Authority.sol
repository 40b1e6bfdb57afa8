// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice The one OpenZeppelin AccessManager of the suite. Who may call what is in docs/access-matrix.md; after
/// hand-over the timelock alone is ADMIN.
contract Authority is AccessManager {
    /// @notice May pause through the `EmergencyBrake`, nothing else.
    uint64 public constant GUARDIAN = 1;

    /// @notice May verify accounts at the `IdentityGate`.
    uint64 public constant ATTESTER = 2;

    constructor(address initialAdmin) AccessManager(initialAdmin) {}
}
