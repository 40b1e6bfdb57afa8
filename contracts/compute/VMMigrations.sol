// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {DueHistory} from "./DueHistory.sol";
import {Lease, Leases} from "./Leases.sol";
import {MigrationApprovals} from "./MigrationApprovals.sol";

/// @title VMMigrations
/// @notice Migrations: asked for by the customer, let go of by the source, taken over by the target. From the moment
/// that nothing more needs approval until the target has acknowledged, nobody may run the VM.
abstract contract VMMigrations is MigrationApprovals {
    using Leases for uint256;

    // ------------------------------------------------------------------------------------------------------------
    // Customers
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IVMLifecycle`.
    function migrateVM(uint256 vmId, bytes32 targetRegion) external whenNotPaused {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.MOVABLE);
        (address provider,) = _partiesOf(lease.hostId);
        _request(vmId, lease, _registry().hostIn(provider, targetRegion), targetRegion);
    }

    /// @notice See `IVMLifecycle`.
    function migrateToHost(uint256 vmId, uint256 targetHostId) external whenNotPaused {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.MOVABLE);
        _request(vmId, lease, targetHostId, _registry().regionOf(targetHostId));
    }

    /// @notice See `IVMLifecycle`.
    function cancelMigration(uint256 vmId) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireCommand(vmId, lease, Leases.IN_MIGRATION);
        _return(vmId, lease);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Agents
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IVMLifecycle`.
    function acknowledgeRelease(uint256 vmId, uint32 epoch, bytes32 record) external {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, Leases.MIGRATING);
        if (lease.released) revert IVMLifecycle.VMLifecycle_WrongState(vmId, lease.state);
        if (record == 0) revert IVMLifecycle.VMLifecycle_ZeroRecord();
        _touch(lease.hostId);

        // Effect
        lease.released = true;
        _store(vmId, lease);
        _vms().vms[vmId].record = record;
        emit IVMLifecycle.MigrationReleased(vmId, lease.hostId, record);
    }

    /// @notice See `IVMLifecycle`.
    function acknowledgeMigration(uint256 vmId, uint32 epoch) external {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, Leases.MIGRATING);
        IVMLifecycle.State origin = lease.origin;
        if (!lease.released && origin != IVMLifecycle.State.Failed) {
            revert IVMLifecycle.VMLifecycle_NotReleased(vmId);
        }
        (uint24 source, uint24 target, bool wasHolding) = (lease.hostId, lease.targetId, lease.holding);
        lease.since = _touch(target);

        // Effect
        (address provider,) = _partiesOf(source);
        _pay(vmId, lease, provider);
        lease.hostId = target;
        lease.targetId = 0;
        lease.released = false;
        lease.holding = true;
        _enter(
            vmId, lease, origin == IVMLifecycle.State.Running ? IVMLifecycle.State.Running : IVMLifecycle.State.Stopped
        );
        // What it was due elsewhere, its new provider does not answer for: nor for what it itself hosted before that.
        (address newProvider,) = _partiesOf(target);
        if (newProvider != provider) _vms().vms[vmId].due = DueHistory.empty();

        // Interaction
        if (wasHolding) _vacate(vmId, source);
    }

    /// @notice See `IVMLifecycle`.
    function abortMigration(uint256 vmId, uint32 epoch) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, Leases.IN_MIGRATION);
        (, address agent) = _partiesOf(lease.hostId);
        _touch(msg.sender == agent ? lease.hostId : lease.targetId);
        _return(vmId, lease);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _request(uint256 vmId, Lease memory lease, uint256 target, bytes32 region) private {
        // Check
        uint256 source = lease.hostId;
        if (target == 0 || target == source) revert IVMLifecycle.VMLifecycle_NoTarget(vmId, target, region);
        bool isAbroad = _registry().regionOf(source) != region;
        if (isAbroad && _thresholdOf(vmId) == 0) revert IVMLifecycle.VMLifecycle_NoApprovers(vmId);

        // Effect
        lease.origin = lease.state;
        lease.targetId = uint24(target);
        _accrue(lease);
        _leave(vmId, lease, isAbroad ? IVMLifecycle.State.MigrationPending : IVMLifecycle.State.Migrating);
        emit IVMLifecycle.MigrationRequested(vmId, source, target, lease.epoch, lease.time);

        // Interaction: the target must have room
        _occupy(vmId, target);
    }
}
