// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMTransitions} from "./VMTransitions.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title MigrationApprovals
/// @notice See `IMigrationApprovals`.
abstract contract MigrationApprovals is VMTransitions, PausableUpgradeable, EIP712 {
    using Leases for uint256;

    bytes32 private constant APPROVAL_TYPEHASH =
        keccak256("MigrationApproval(uint256 vmId,uint256 targetHostId,uint256 epoch,uint256 expiry)");

    constructor() EIP712("NovaCron VMLifecycle", "1") {}

    // ------------------------------------------------------------------------------------------------------------
    // Policies
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IMigrationApprovals`.
    function createPolicy(address[] calldata approvers, uint256 threshold) external returns (uint256 policyId) {
        // Check
        uint256 count = approvers.length;
        if (count == 0 || count > MAX_APPROVERS) revert IMigrationApprovals.MigrationApprovals_BadApprovers(count);
        if (threshold == 0 || threshold > count) {
            revert IMigrationApprovals.MigrationApprovals_BadThreshold(threshold, count);
        }

        // Effect
        VMLifecycleStorage storage $ = _vms();
        policyId = ++$.policyCount;
        Policy storage policy = $.policies[policyId];
        policy.threshold = threshold;
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (approvers[i] <= last) revert IMigrationApprovals.MigrationApprovals_BadApprovers(i);
            last = approvers[i];
            policy.approvers.push(last);
            policy.positions[last] = i + 1;
        }
        emit IMigrationApprovals.PolicyCreated(policyId, approvers, threshold);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Approvers
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IMigrationApprovals`.
    function approveMigration(uint256 vmId, uint256 targetHostId, uint256 epoch, uint256 expiry)
        external
        whenNotPaused
    {
        Lease memory lease = _wordOf(vmId).unpack();
        _requireWaiting(vmId, lease, targetHostId, epoch, expiry);
        uint256 given = _given(vmId, lease.epoch);
        uint256 approved = _approve(vmId, msg.sender, given);
        if (approved == given) revert IMigrationApprovals.MigrationApprovals_AlreadyApproved(vmId, msg.sender);
        _count(vmId, lease, approved);
    }

    /// @notice See `IMigrationApprovals`.
    function approveMigrationBySig(
        uint256 vmId,
        uint256 targetHostId,
        uint256 epoch,
        uint256 expiry,
        address[] calldata approvers,
        bytes[] calldata signatures
    ) external whenNotPaused {
        // Check
        if (approvers.length != signatures.length || approvers.length == 0) {
            revert IMigrationApprovals.MigrationApprovals_LengthMismatch(approvers.length, signatures.length);
        }
        Lease memory lease = _wordOf(vmId).unpack();
        _requireWaiting(vmId, lease, targetHostId, epoch, expiry);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(APPROVAL_TYPEHASH, vmId, targetHostId, epoch, expiry)));
        uint256 given = _given(vmId, lease.epoch);
        uint256 approved = given;
        address last = address(0);
        for (uint256 i = 0; i < approvers.length; ++i) {
            address approver = approvers[i];
            if (approver <= last) revert IMigrationApprovals.MigrationApprovals_BadApprovers(i);
            last = approver;
            if (!SignatureChecker.isValidSignatureNowCalldata(approver, digest, signatures[i])) {
                revert IMigrationApprovals.MigrationApprovals_BadSignature(approver);
            }
            approved = _approve(vmId, approver, approved);
        }
        // One of several may have been handed in by somebody else meanwhile; all of them are a repetition.
        if (approved == given) revert IMigrationApprovals.MigrationApprovals_AlreadyApproved(vmId, approvers[0]);

        // Effect
        _count(vmId, lease, approved);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What is approved is exactly what waits, and its time is not over.
    function _requireWaiting(uint256 vmId, Lease memory lease, uint256 targetHostId, uint256 epoch, uint256 expiry)
        private
        view
    {
        _requireIn(vmId, lease, Leases.PENDING);
        if (targetHostId != lease.targetId || epoch != lease.epoch || expiry != lease.time) {
            revert IMigrationApprovals.MigrationApprovals_Mismatch(vmId, targetHostId, epoch, expiry);
        }
        _requireInTime(vmId, lease);
    }

    /// @dev `given` and the approver's bit, whether or not it was there.
    function _approve(uint256 vmId, address approver, uint256 given) private returns (uint256 approved) {
        VMLifecycleStorage storage $ = _vms();
        uint256 policyId = $.vms[vmId].policyId;
        Policy storage policy = $.policies[policyId];
        uint256 position = policy.positions[approver];
        if (position == 0) revert IMigrationApprovals.MigrationApprovals_NotApprover(policyId, approver);
        approved = given | 2 ** (position - 1);
        if (approved != given) {
            emit IMigrationApprovals.MigrationApproved(vmId, approver, _ones(approved), policy.threshold);
        }
    }

    function _count(uint256 vmId, Lease memory lease, uint256 approved) private {
        _vms().approvals[vmId] = uint256(lease.epoch) << MAX_APPROVERS | approved;
        if (_ones(approved) < _thresholdOf(vmId)) return;
        _accrue(lease);
        _leave(vmId, lease, IVMLifecycle.State.Migrating);
    }

    /// @dev Set out on a migration. A VM that runs needs funds for the time after it.
    function _leave(uint256 vmId, Lease memory lease, IVMLifecycle.State to) internal {
        if (lease.origin == IVMLifecycle.State.Running) _requireFunds(vmId, lease);
        _enter(vmId, lease, to);
    }
}
