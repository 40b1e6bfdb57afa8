// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Capacities} from "./Capacities.sol";
import {Charges} from "./Charges.sol";
import {DueHistory} from "./DueHistory.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMTimes} from "./VMTimes.sol";
import {VMTransitions} from "./VMTransitions.sol";

/// @title VMViews
/// @notice What can be read of VMs, balances and approvals.
abstract contract VMViews is IVMLifecycle, VMTransitions {
    using Capacities for uint128;
    using DueHistory for uint256;
    using Leases for Lease;
    using Leases for uint256;

    /// @inheritdoc IVMLifecycle
    uint40 public constant MIN_LEASE = VMTimes.MIN_LEASE;
    /// @inheritdoc IVMLifecycle
    uint40 public constant COMMAND_TIMEOUT = VMTimes.COMMAND_TIMEOUT;
    /// @inheritdoc IVMLifecycle
    uint40 public constant PAUSE_LIMIT = VMTimes.PAUSE_LIMIT;
    /// @inheritdoc IVMLifecycle
    uint40 public constant APPROVAL_TIMEOUT = VMTimes.APPROVAL_TIMEOUT;
    /// @inheritdoc IVMLifecycle
    uint40 public constant MIGRATION_TIMEOUT = VMTimes.MIGRATION_TIMEOUT;
    /// @inheritdoc IVMLifecycle
    uint40 public constant UNKNOWN_LIMIT = VMTimes.UNKNOWN_LIMIT;
    /// @inheritdoc IVMLifecycle
    uint40 public constant IDLE_GRACE = VMTimes.IDLE_GRACE;
    /// @inheritdoc IVMLifecycle
    uint40 public constant RETENTION = VMTimes.RETENTION;

    // ------------------------------------------------------------------------------------------------------------
    // VMs
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function vmCount() external view returns (uint256) {
        return _vms().vmCount;
    }

    /// @inheritdoc IVMLifecycle
    function vmOf(uint256 vmId) external view returns (VM memory) {
        return _view(vmId, _wordOf(vmId).unpack());
    }

    /// @inheritdoc IVMLifecycle
    function vmsOf(uint256[] calldata vmIds) external view returns (VM[] memory vms) {
        vms = new VM[](vmIds.length);
        for (uint256 i = 0; i < vmIds.length; ++i) {
            vms[i] = _view(vmIds[i], _vms().vms[vmIds[i]].lease.unpack());
        }
    }

    /// @inheritdoc IVMLifecycle
    function entitledHost(uint256 vmId) external view returns (uint256 hostId) {
        return _wordOf(vmId).unpack().entitled();
    }

    /// @inheritdoc IVMLifecycle
    function usedOf(uint256 vmId) external view returns (uint40) {
        return _accrued(vmId).used;
    }

    /// @inheritdoc IVMLifecycle
    function remainingOf(uint256 vmId) external view returns (uint40) {
        Lease memory lease = _accrued(vmId);
        return lease.funded - lease.used;
    }

    /// @inheritdoc IVMLifecycle
    function escrowOf(uint256 vmId, Resource resource) external view returns (uint256) {
        Lease memory lease = _wordOf(vmId).unpack();
        VMSlots storage vm = _vms().vms[vmId];
        uint256 units = vm.capacity.lane(uint256(resource));
        // After the end nothing is held but what the provider is still owed.
        uint256 held =
            lease.state == State.Terminated ? Charges.paid(units, lease.used) : Charges.held(units, lease.funded);
        return held - Charges.paid(units, vm.settled);
    }

    /// @inheritdoc IVMLifecycle
    function dueIn(uint256 vmId, uint40 from, uint40 to) external view returns (uint40) {
        Lease memory lease = _wordOf(vmId).unpack();
        uint256 history = _vms().vms[vmId].due;
        if (lease.state == State.Running) history = history.set(true, lease.time);
        return uint40(history.within(from, to));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Balances and the rest
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function balanceOf(address account, Resource resource) external view returns (uint256) {
        return _balance(account, uint256(resource));
    }

    /// @inheritdoc IVMLifecycle
    function token(Resource resource) external view returns (address) {
        return address(_vms().tokens[uint256(resource)]);
    }

    /// @inheritdoc IVMLifecycle
    function registry() external view returns (address) {
        return address(_registry());
    }

    // ------------------------------------------------------------------------------------------------------------
    // Approvals
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMigrationApprovals
    function policyOf(uint256 policyId) external view returns (address[] memory approvers, uint256 threshold) {
        Policy storage policy = _vms().policies[policyId];
        threshold = policy.threshold;
        if (threshold == 0) revert MigrationApprovals_UnknownPolicy(policyId);
        approvers = policy.approvers;
    }

    /// @inheritdoc IMigrationApprovals
    function defaultPolicy() external view returns (uint256) {
        return _vms().defaultPolicy;
    }

    /// @inheritdoc IMigrationApprovals
    function approvalsOf(uint256 vmId) external view returns (uint256 count, uint256 threshold) {
        return (_ones(_given(vmId, _wordOf(vmId).unpack().epoch)), _thresholdOf(vmId));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _accrued(uint256 vmId) private view returns (Lease memory lease) {
        lease = _wordOf(vmId).unpack();
        _accrue(lease);
    }

    function _view(uint256 vmId, Lease memory lease) private view returns (VM memory) {
        VMSlots storage vm = _vms().vms[vmId];
        return VM({
            customer: vm.customer,
            policyId: vm.policyId,
            state: lease.state,
            origin: lease.origin,
            released: lease.released,
            holding: lease.holding,
            epoch: lease.epoch,
            hostId: lease.hostId,
            targetId: lease.targetId,
            since: lease.since,
            used: lease.used,
            funded: lease.funded,
            settled: vm.settled,
            deadline: lease.deadline(),
            capacity: vm.capacity.unpack(),
            record: vm.record
        });
    }
}
