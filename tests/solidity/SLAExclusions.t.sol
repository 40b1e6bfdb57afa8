// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice Agreements about a VM: whose it must be, and when it was not due.
contract SLAExclusionsTest is SLASuite {
    uint256 private constant VM_ID = 77;
    uint32 private constant HOST = 5;

    uint256 private slaId;

    function setUp() public override {
        super.setUp();
        lease.lease(VM_ID, CUSTOMER, HOST, PROVIDER);
        ISLATypes.Terms memory terms = _terms();
        terms.vmId = VM_ID;
        slaId = _agree(terms);
        _toEnd(slaId, 0, 0);
    }

    function test_AcceptOfAForeignVMReverts() public {
        ISLATypes.Terms memory terms = _terms();
        terms.vmId = VM_ID;
        uint256 offered = _offer(terms);
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_NotTheirVM.selector, VM_ID, PROVIDER, CUSTOMER);
        lease.lease(VM_ID, STRANGER, HOST, PROVIDER);
        vm.expectRevert(refusal);
        vm.prank(CUSTOMER);
        sla.accept(offered);
        lease.lease(VM_ID, CUSTOMER, HOST, STRANGER);
        vm.expectRevert(refusal);
        vm.prank(CUSTOMER);
        sla.accept(offered);
        lease.lease(VM_ID, CUSTOMER, HOST, PROVIDER);
        vm.prank(CUSTOMER);
        sla.accept(offered);
    }

    /// @dev Stopped, paused or moved by its customer for more than half of the window: not claimable, with evidence or
    /// without.
    function testFuzz_AWindowItWasNotDueInIsExcluded(uint40 due) public {
        due = uint40(_bound(due, 0, WINDOW / 2 - 1));
        lease.setDue(VM_ID, due);
        vm.assertEq(sla.dueIn(slaId, 0), due);
        _isExcluded(due);
    }

    function testFuzz_HalfOfTheWindowIsEnough(uint40 due) public {
        due = uint40(_bound(due, WINDOW / 2, WINDOW));
        lease.setDue(VM_ID, due);
        _report(slaId, UPTIME, 0, 3, 0);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 101);
    }

    /// @dev Announced maintenance is taken off what was due, and never below nothing.
    function testFuzz_MaintenanceIsExcluded(uint40 due, uint40 maintenance) public {
        due = uint40(_bound(due, 0, WINDOW));
        maintenance = uint40(_bound(maintenance, 0, WINDOW));
        lease.setDue(VM_ID, due);
        lease.setMaintenance(HOST, maintenance);
        uint256 left = due > maintenance ? due - maintenance : 0;
        vm.assertEq(sla.dueIn(slaId, 0), left);
        if (2 * left < WINDOW) _isExcluded(left);
        else _report(slaId, UPTIME, 0, 3, 0);
    }

    /// @dev The customer has moved it to another provider's host: this one answers for nothing there.
    function test_OnAnotherProvidersHostItIsExcluded() public {
        lease.lease(VM_ID, CUSTOMER, HOST + 1, STRANGER);
        vm.assertEq(sla.dueIn(slaId, 0), 0);
        _isExcluded(0);
        // On another host of the same provider, that host's maintenance counts.
        lease.lease(VM_ID, CUSTOMER, HOST + 1, PROVIDER);
        lease.setMaintenance(HOST, WINDOW);
        vm.assertEq(sla.dueIn(slaId, 0), WINDOW);
        _report(slaId, UPTIME, 0, 3, 0);
    }

    /// @dev An excluded window can still be measured, and then its fee is the provider's.
    function test_AnExcludedWindowCanBeMeasured() public {
        lease.setDue(VM_ID, 60);
        _measure(slaId, UPTIME, 0, 3, 1_000_000);
        _measure(slaId, LATENCY, 0, 3, 1);
        uint256 provider = sla.balanceOf(PROVIDER);
        vm.warp(block.timestamp + REPORT);
        sla.settleWindow(slaId, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + FEE);
    }

    /// @dev Nor does it become claimable because there was a measurement.
    function test_BetterEvidenceDoesNotOpenAnExcludedWindow() public {
        _measure(slaId, UPTIME, 0, 3, 1_000_000);
        lease.setDue(VM_ID, 60);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowExcluded.selector, slaId, 0, 60));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
    }

    function _isExcluded(uint256 due) private {
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_WindowExcluded.selector, slaId, 0, due);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
    }
}
