// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMEnding} from "./VMEnding.sol";
import {VMTimes} from "./VMTimes.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title VMExpiry
/// @notice What anybody may do to a VM, and its provider, when the time has come.
abstract contract VMExpiry is IVMLifecycle, VMEnding, ReentrancyGuardTransient {
    using Leases for Lease;
    using Leases for uint256;

    // ------------------------------------------------------------------------------------------------------------
    // Providers
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function reclaim(uint256 vmId) external {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireProvider(vmId, lease, VMTimes.RETENTION - VMTimes.IDLE_GRACE);
        if (!lease.holding) revert VMLifecycle_WrongState(vmId, lease.state);

        // Effect
        lease.holding = false;
        _store(vmId, lease);
        _setDue(vmId, false, block.timestamp); // a VM that failed and is not started again is not held against its host for ever
        emit CapacityReclaimed(vmId, lease.hostId);

        // Interaction
        _vacate(vmId, lease.hostId);
    }

    /// @inheritdoc IVMLifecycle
    function evict(uint256 vmId) external nonReentrant {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireProvider(vmId, lease, 0);
        _end(vmId, lease);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Anybody
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function settle(uint256 vmId) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _accrue(lease);
        _store(vmId, lease);
        (address provider,) = _partiesOf(lease.hostId);
        _pay(vmId, lease, provider);
    }

    /// @inheritdoc IVMLifecycle
    function expire(uint256 vmId) external {
        Lease memory lease = _wordOf(vmId).unpack();
        if (lease.isUsing()) {
            _accrue(lease);
            if (lease.isExhausted()) return _abandon(vmId, lease, State.Suspended);
            if (!_registry().isAlive(lease.hostId)) return _abandon(vmId, lease, State.Unknown);
        }
        State state = lease.state;
        if (lease.isIn(Leases.RESTING | Leases.RUNNING | Leases.TERMINATED)) {
            revert VMLifecycle_NothingToExpire(vmId, state);
        }
        _requirePassed(vmId, lease.time);
        if (lease.isIn(Leases.IN_MIGRATION)) {
            _return(vmId, lease);
        } else if (state == State.Paused) {
            _enter(vmId, lease, State.Stopping);
        } else {
            _enter(vmId, lease, State.Failed);
            if (state == State.Starting) _setDue(vmId, true, block.timestamp); // a host that says nothing is down
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev An act of the provider, on a VM that rests, `early` seconds before its deadline at the soonest.
    function _requireProvider(uint256 vmId, Lease memory lease, uint256 early) private view {
        (address provider,) = _partiesOf(lease.hostId);
        if (msg.sender != provider) revert VMLifecycle_NotProvider(vmId, msg.sender);
        _requireIn(vmId, lease, Leases.RESTING);
        _requirePassed(vmId, lease.time - early);
    }

    function _requirePassed(uint256 vmId, uint256 time) private view {
        if (block.timestamp < time) revert VMLifecycle_TooEarly(vmId, time);
    }
}
