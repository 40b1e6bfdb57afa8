// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Charges} from "./Charges.sol";
import {DueHistory} from "./DueHistory.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMBalances} from "./VMBalances.sol";
import {VMTimes} from "./VMTimes.sol";

/// @title VMTransitions
/// @notice How a VM gets from one state to another, and what it uses and pays on the way. Which command leads where is
/// in the contracts that build on this, and in docs/vm-states.md.
abstract contract VMTransitions is VMBalances {
    using DueHistory for uint256;
    using Leases for Lease;

    // ------------------------------------------------------------------------------------------------------------
    // Internal: states
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Enter a state and store the lease: a new epoch, a new deadline, and whether the VM is due to be up.
    function _enter(uint256 vmId, Lease memory lease, IVMLifecycle.State to) internal {
        (IVMLifecycle.State from, uint40 entered) = (lease.state, lease.time);
        uint256 entering = Leases.STOPPED << uint256(to); // Stopped is the lowest bit
        lease.state = to;
        lease.time = entering & Leases.TERMINATED != 0 ? 0 : uint40(block.timestamp) + _timeOf(entering);
        unchecked {
            ++lease.epoch; // 2^32 steps cost more than all the gas there is
        }
        _store(vmId, lease);
        emit IVMLifecycle.StateChanged(vmId, lease.hostId, from, to, lease.epoch);
        if (from == IVMLifecycle.State.Running) _setDue(vmId, true, entered);
        if (entering & Leases.NOT_DUE != 0) _setDue(vmId, false, block.timestamp);
    }

    /// @dev Enter a state in which a migration that may have been under way is not any more.
    function _abandon(uint256 vmId, Lease memory lease, IVMLifecycle.State to) internal {
        uint24 target = lease.targetId;
        lease.targetId = 0;
        lease.released = false;
        _enter(vmId, lease, to);
        if (target != 0) _vacate(vmId, target);
    }

    /// @dev Give a migration up: back to the source. What ran there has been saved, perhaps, and starts again.
    function _return(uint256 vmId, Lease memory lease) internal {
        IVMLifecycle.State origin = lease.origin;
        bool isDown = lease.state == IVMLifecycle.State.Migrating && origin == IVMLifecycle.State.Running;
        _abandon(vmId, lease, isDown ? IVMLifecycle.State.Starting : origin);
    }

    function _setDue(uint256 vmId, bool due, uint256 time) internal {
        VMSlots storage vm = _vms().vms[vmId];
        uint256 history = vm.due;
        if (history.isDue() != due) vm.due = history.set(due, time);
    }

    /// @dev How long until `expire` (or the provider, for a VM that rests) may act in this state; 0 in Running, never.
    function _timeOf(uint256 state) private pure returns (uint40) {
        if (state & Leases.RUNNING != 0) return 0;
        if (state & (Leases.STARTING | Leases.STOPPING) != 0) return VMTimes.COMMAND_TIMEOUT;
        if (state & Leases.RESTING != 0) return VMTimes.RETENTION;
        if (state & Leases.PAUSED != 0) return VMTimes.PAUSE_LIMIT;
        if (state & Leases.PENDING != 0) return VMTimes.APPROVAL_TIMEOUT;
        return state & Leases.MIGRATING != 0 ? VMTimes.MIGRATION_TIMEOUT : VMTimes.UNKNOWN_LIMIT;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal: use and payment
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Count what was used until now.
    function _accrue(Lease memory lease) internal view {
        if (lease.isUsing()) lease.accrue(_registry().clockOf(lease.hostId));
    }

    /// @dev Credit `provider` with what is used and not paid.
    function _pay(uint256 vmId, Lease memory lease, address provider) internal {
        VMSlots storage vm = _vms().vms[vmId];
        (uint40 settled, uint40 used) = (vm.settled, lease.used);
        if (settled == used) return;
        vm.settled = used;
        _credit(provider, Charges.payment(vm.capacity, settled, used));
        emit IVMLifecycle.Settled(vmId, provider, used - settled, used);
    }
}
