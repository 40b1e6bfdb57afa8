// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {BrakeableUpgradeable} from "../access/BrakeableUpgradeable.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMEnding} from "./VMEnding.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title VMCommands
/// @notice What customers command a VM that is there.
abstract contract VMCommands is IVMLifecycle, VMEnding, BrakeableUpgradeable, ReentrancyGuardTransient {
    using Leases for uint256;

    /// @inheritdoc IVMLifecycle
    function start(uint256 vmId) external whenNotPaused {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.RESTING);
        _requireFunds(vmId, lease);

        // Effect
        bool wasHolding = lease.holding;
        lease.holding = true;
        _enter(vmId, lease, State.Starting);

        // Interaction
        if (!wasHolding) _occupy(vmId, lease.hostId);
    }

    /// @inheritdoc IVMLifecycle
    function stop(uint256 vmId) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.STOPPABLE);
        _accrue(lease);
        _enter(vmId, lease, State.Stopping);
    }

    /// @inheritdoc IVMLifecycle
    function pause(uint256 vmId) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.RUNNING);
        _accrue(lease);
        _enter(vmId, lease, State.Paused);
    }

    /// @inheritdoc IVMLifecycle
    function resume(uint256 vmId) external whenNotPaused {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.PAUSED);
        _requireFunds(vmId, lease);
        _enter(vmId, lease, State.Starting);
    }

    /// @inheritdoc IVMLifecycle
    function terminate(uint256 vmId) external nonReentrant {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.ANY_BUT_TERMINATED);
        _end(vmId, lease);
    }
}
