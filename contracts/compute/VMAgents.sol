// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMTransitions} from "./VMTransitions.sol";

/// @title VMAgents
/// @notice What agents acknowledge and report of VMs on their hosts, but for migrations. The registry refuses whoever
/// is not the host's agent, and counts each as a heartbeat.
abstract contract VMAgents is IVMLifecycle, VMTransitions {
    using Leases for Lease;
    using Leases for uint256;

    /// @inheritdoc IVMLifecycle
    function acknowledgeStart(uint256 vmId, uint32 epoch) external {
        _run(vmId, epoch, Leases.STARTING);
    }

    /// @inheritdoc IVMLifecycle
    function acknowledgeStop(uint256 vmId, uint32 epoch) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, Leases.STOPPING);
        _touch(lease.hostId);
        _enter(vmId, lease, State.Stopped);
    }

    /// @inheritdoc IVMLifecycle
    function recover(uint256 vmId, uint32 epoch) external {
        _run(vmId, epoch, Leases.UNKNOWN);
    }

    /// @inheritdoc IVMLifecycle
    function reportFailure(uint256 vmId, uint32 epoch) external {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, Leases.ENTITLED | Leases.PENDING);
        uint40 clock = _touch(lease.hostId);
        if (lease.isUsing()) lease.accrue(clock);
        _abandon(vmId, lease, State.Failed);
    }

    /// @dev Running from now on: time is used again.
    function _run(uint256 vmId, uint32 epoch, uint256 states) private {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireAnswer(vmId, lease, epoch, states);
        lease.since = _touch(lease.hostId);
        _enter(vmId, lease, State.Running);
    }
}
