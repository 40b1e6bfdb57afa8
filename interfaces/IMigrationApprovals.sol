// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IMigrationApprovals
/// @notice Who must agree before a VM leaves its region. A policy names its approvers and how many of them it takes; it
/// never changes, and neither does the policy of a VM: whoever steals a customer's key cannot move the VM abroad.
/// @dev An approval counts for one VM, target host, epoch and expiry. Any step of the VM changes the epoch.
interface IMigrationApprovals {
    error MigrationApprovals_UnknownPolicy(uint256 policyId);
    /// @notice 1 to 32 approvers in strictly ascending order, none of them zero; this one is out of order.
    error MigrationApprovals_BadApprovers(uint256 index);
    /// @notice 1 to all approvers.
    error MigrationApprovals_BadThreshold(uint256 threshold, uint256 approvers);
    error MigrationApprovals_NotApprover(uint256 policyId, address account);
    error MigrationApprovals_AlreadyApproved(uint256 vmId, address approver);
    /// @notice The approval names something else than what waits for approval.
    error MigrationApprovals_Mismatch(uint256 vmId, uint256 targetHostId, uint256 epoch, uint256 expiry);
    error MigrationApprovals_BadSignature(address approver);
    error MigrationApprovals_LengthMismatch(uint256 approvers, uint256 signatures);

    event PolicyCreated(uint256 indexed policyId, address[] approvers, uint256 threshold);
    event DefaultPolicySet(uint256 policyId);
    event MigrationApproved(uint256 indexed vmId, address indexed approver, uint256 count, uint256 threshold);

    /// @notice Make a policy, for good. @param approvers strictly ascending, 1 to 32.
    function createPolicy(address[] calldata approvers, uint256 threshold) external returns (uint256 policyId);
    /// @notice The policy of VMs created without naming one. @dev Restricted to governance.
    function setDefaultPolicy(uint256 policyId) external;
    /// @notice Approve, as one of the approvers of the VM's policy. The approval that completes the threshold starts the migration.
    function approveMigration(uint256 vmId, uint256 targetHostId, uint256 epoch, uint256 expiry) external;
    /// @notice Hand in approvals that were signed: EIP-712
    /// `MigrationApproval(uint256 vmId,uint256 targetHostId,uint256 epoch,uint256 expiry)`, approvers strictly ascending.
    function approveMigrationBySig(
        uint256 vmId,
        uint256 targetHostId,
        uint256 epoch,
        uint256 expiry,
        address[] calldata approvers,
        bytes[] calldata signatures
    ) external;

    function policyOf(uint256 policyId) external view returns (address[] memory approvers, uint256 threshold);
    function defaultPolicy() external view returns (uint256);
    /// @notice Approvals of the VM's present epoch.
    function approvalsOf(uint256 vmId) external view returns (uint256 count, uint256 threshold);
}
