// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

contract MigrationApprovalsTest is ComputeSuite {
    struct Approval {
        uint256 vmId;
        uint256 target;
        uint256 epoch;
        uint256 expiry;
    }

    function _waiting(uint256 vmId) private view returns (Approval memory) {
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        return Approval(vmId, lease.targetId, lease.epoch, lease.deadline);
    }

    function _digest(Approval memory a) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("NovaCron VMLifecycle"),
                keccak256("1"),
                block.chainid,
                address(lifecycle)
            )
        );
        bytes32 typeHash =
            keccak256("MigrationApproval(uint256 vmId,uint256 targetHostId,uint256 epoch,uint256 expiry)");
        bytes32 structHash = keccak256(abi.encode(typeHash, a.vmId, a.target, a.epoch, a.expiry));
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function _sign(uint256 position, Approval memory a) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[position], _digest(a));
        return abi.encodePacked(r, s, v);
    }

    function _hand(Approval memory a, address[] memory approvers, bytes[] memory signatures) private {
        lifecycle.approveMigrationBySig(a.vmId, a.target, a.epoch, a.expiry, approvers, signatures);
    }

    /// @dev Signed by those positions, in that order.
    function _signed(Approval memory a, uint256 first, uint256 second)
        private
        view
        returns (address[] memory approvers, bytes[] memory signatures)
    {
        (approvers, signatures) = (new address[](2), new bytes[](2));
        (approvers[0], approvers[1]) = (vm.addr(keys[first]), vm.addr(keys[second]));
        (signatures[0], signatures[1]) = (_sign(first, a), _sign(second, a));
    }

    function _pending() private returns (uint256 vmId) {
        vmId = _running();
        _migrateToUS(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Policies
    // ------------------------------------------------------------------------------------------------------------

    function test_CreatePolicy() public {
        (address[] memory approvers, uint256 threshold) = lifecycle.policyOf(1);
        vm.assertEq(approvers.length, 3);
        vm.assertEq(threshold, 2);
        vm.prank(STRANGER);
        vm.expectEmit();
        emit IMigrationApprovals.PolicyCreated(2, approvers, 3);
        vm.assertEq(lifecycle.createPolicy(approvers, 3), 2);
        vm.expectRevert(abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_UnknownPolicy.selector, 3));
        lifecycle.policyOf(3);
    }

    function test_BadPoliciesRevert() public {
        bytes4 bad = IMigrationApprovals.MigrationApprovals_BadApprovers.selector;
        address[] memory approvers = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(bad, 0));
        lifecycle.createPolicy(approvers, 1);
        approvers = new address[](33);
        vm.expectRevert(abi.encodeWithSelector(bad, 33));
        lifecycle.createPolicy(approvers, 1);
        approvers = new address[](2);
        (approvers[0], approvers[1]) = (address(2), address(2)); // a duplicate
        vm.expectRevert(abi.encodeWithSelector(bad, 1));
        lifecycle.createPolicy(approvers, 1);
        approvers[1] = address(1); // out of order
        vm.expectRevert(abi.encodeWithSelector(bad, 1));
        lifecycle.createPolicy(approvers, 1);
        (approvers[0], approvers[1]) = (address(0), address(1));
        vm.expectRevert(abi.encodeWithSelector(bad, 0));
        lifecycle.createPolicy(approvers, 1);
        approvers[0] = address(uint160(1));
        approvers[1] = address(2);
        bytes4 threshold = IMigrationApprovals.MigrationApprovals_BadThreshold.selector;
        vm.expectRevert(abi.encodeWithSelector(threshold, 0, 2));
        lifecycle.createPolicy(approvers, 0);
        vm.expectRevert(abi.encodeWithSelector(threshold, 3, 2));
        lifecycle.createPolicy(approvers, 3);
    }

    function test_DefaultPolicyIsGovernances() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, STRANGER));
        lifecycle.setDefaultPolicy(0);
        vm.expectRevert(abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_UnknownPolicy.selector, 2));
        lifecycle.setDefaultPolicy(2);
        uint256 before = _create();
        lifecycle.setDefaultPolicy(0);
        uint256 vmId = _create();
        // A VM keeps the policy it was made with; one without cannot leave its region.
        vm.assertEq(uint256(lifecycle.vmOf(before).policyId), 1);
        vm.prank(CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_NoApprovers.selector, vmId));
        lifecycle.migrateVM(vmId, US);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        vm.prank(CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_UnknownPolicy.selector, 9));
        lifecycle.createVM(1, _small(), 1 hours, 9, CONFIGURATION);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Approvals
    // ------------------------------------------------------------------------------------------------------------

    function test_ThresholdStartsTheMigration() public {
        uint256 vmId = _pending();
        vm.expectEmit();
        emit IMigrationApprovals.MigrationApproved(vmId, vm.addr(keys[1]), 1, 2);
        _approve(vmId, 1);
        _assertState(vmId, IVMLifecycle.State.MigrationPending);
        (uint256 count, uint256 threshold) = lifecycle.approvalsOf(vmId);
        vm.assertEq(count, 1);
        vm.assertEq(threshold, 2);
        Approval memory a = _waiting(vmId);
        address approver = vm.addr(keys[1]);
        vm.expectRevert(
            abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_AlreadyApproved.selector, vmId, approver)
        );
        vm.prank(approver);
        lifecycle.approveMigration(a.vmId, a.target, a.epoch, a.expiry);
        vm.expectRevert(
            abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_NotApprover.selector, 1, STRANGER)
        );
        vm.prank(STRANGER);
        lifecycle.approveMigration(a.vmId, a.target, a.epoch, a.expiry);
        _approve(vmId, 2);
        _assertState(vmId, IVMLifecycle.State.Migrating);
        (count,) = lifecycle.approvalsOf(vmId);
        vm.assertEq(count, 0); // of the new epoch
    }

    /// @dev Bound to VM, target, epoch and expiry.
    function testFuzz_ApprovalOfSomethingElseReverts(uint256 target, uint256 epoch, uint256 expiry) public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        vm.assume(target != a.target && epoch != a.epoch && expiry != a.expiry);
        Approval[3] memory others = [
            Approval(vmId, target, a.epoch, a.expiry),
            Approval(vmId, a.target, epoch, a.expiry),
            Approval(vmId, a.target, a.epoch, expiry)
        ];
        for (uint256 i = 0; i < 3; ++i) {
            a = others[i];
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMigrationApprovals.MigrationApprovals_Mismatch.selector, vmId, a.target, a.epoch, a.expiry
                )
            );
            vm.prank(vm.addr(keys[0]));
            lifecycle.approveMigration(vmId, a.target, a.epoch, a.expiry);
        }
    }

    function test_ApprovalEndsWithItsExpiry() public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        _live(1, 9 hours);
        vm.warp(a.expiry);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_TooLate.selector, vmId, a.expiry));
        vm.prank(vm.addr(keys[0]));
        lifecycle.approveMigration(a.vmId, a.target, a.epoch, a.expiry);
    }

    /// @dev The approval that completes them starts nothing that could not run.
    function test_ApprovalOfAVMWithoutFundsReverts() public {
        uint256 vmId = _pending();
        _approve(vmId, 0);
        _live(1, 10 hours);
        Approval memory a = _waiting(vmId);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_NoFunds.selector, vmId));
        vm.prank(vm.addr(keys[1]));
        lifecycle.approveMigration(a.vmId, a.target, a.epoch, a.expiry);
        lifecycle.expire(vmId);
        _assertState(vmId, IVMLifecycle.State.Suspended);
        vm.assertEq(uint256(registry.hostOf(2).leased.cpu), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Signatures
    // ------------------------------------------------------------------------------------------------------------

    function test_SignedApprovals() public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        (address[] memory approvers, bytes[] memory signatures) = _signed(a, 0, 2);
        vm.prank(STRANGER);
        _hand(a, approvers, signatures);
        _assertState(vmId, IVMLifecycle.State.Migrating);
    }

    /// @dev One of them handed in first by somebody else does not spoil the rest; all of them again do nothing.
    function test_ReplayedSignaturesCountOnce() public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        address[] memory one = new address[](1);
        bytes[] memory signature = new bytes[](1);
        (one[0], signature[0]) = (vm.addr(keys[0]), _sign(0, a));
        _hand(a, one, signature);
        vm.expectRevert(
            abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_AlreadyApproved.selector, vmId, one[0])
        );
        _hand(a, one, signature);
        (uint256 count,) = lifecycle.approvalsOf(vmId);
        vm.assertEq(count, 1);
        (address[] memory approvers, bytes[] memory signatures) = _signed(a, 0, 1);
        _hand(a, approvers, signatures);
        _assertState(vmId, IVMLifecycle.State.Migrating);
        // Of another epoch they are worth nothing.
        vm.prank(CUSTOMER);
        lifecycle.cancelMigration(vmId);
        _acknowledgeStart(vmId);
        _migrateToUS(vmId);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMigrationApprovals.MigrationApprovals_Mismatch.selector, vmId, a.target, a.epoch, a.expiry
            )
        );
        _hand(a, approvers, signatures);
        Approval memory b = _waiting(vmId);
        vm.expectRevert(
            abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_BadSignature.selector, approvers[0])
        );
        _hand(b, approvers, signatures);
    }

    function test_DuplicateUnsortedAndForeignSignersRevert() public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        bytes4 bad = IMigrationApprovals.MigrationApprovals_BadApprovers.selector;
        (address[] memory approvers, bytes[] memory signatures) = _signed(a, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(bad, 1));
        _hand(a, approvers, signatures);
        (approvers, signatures) = _signed(a, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(bad, 1));
        _hand(a, approvers, signatures);
        (approvers, signatures) = _signed(a, 0, 2);
        signatures[1] = signatures[0];
        vm.expectRevert(
            abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_BadSignature.selector, approvers[1])
        );
        _hand(a, approvers, signatures);
        keys[0] = 0xbad; // no approver
        address[] memory one = new address[](1);
        bytes[] memory signature = new bytes[](1);
        (one[0], signature[0]) = (vm.addr(keys[0]), _sign(0, a));
        vm.expectRevert(abi.encodeWithSelector(IMigrationApprovals.MigrationApprovals_NotApprover.selector, 1, one[0]));
        _hand(a, one, signature);
    }

    function test_LengthsMustMatch() public {
        uint256 vmId = _pending();
        Approval memory a = _waiting(vmId);
        bytes4 mismatch = IMigrationApprovals.MigrationApprovals_LengthMismatch.selector;
        vm.expectRevert(abi.encodeWithSelector(mismatch, 0, 0));
        _hand(a, new address[](0), new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(mismatch, 1, 2));
        _hand(a, new address[](1), new bytes[](2));
    }
}
