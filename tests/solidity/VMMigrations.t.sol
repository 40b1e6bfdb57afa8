// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";

contract VMMigrationsTest is ComputeSuite {
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

    function _pending() private returns (uint256 vmId) {
        vmId = _running();
        _migrateToUS(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Requests
    // ------------------------------------------------------------------------------------------------------------

    function test_RequestTakesRoomAtTheTarget() public {
        uint256 vmId = _running();
        vm.prank(CUSTOMER);
        vm.expectEmit();
        emit IVMLifecycle.MigrationRequested(vmId, 1, 2, 4, block.timestamp + 24 hours);
        lifecycle.migrateVM(vmId, US);
        vm.assertEq(uint256(registry.hostOf(2).leased.cpu), 2_000);
        vm.assertEq(lifecycle.entitledHost(vmId), 1);
        vm.prank(CUSTOMER);
        lifecycle.cancelMigration(vmId);
        vm.assertEq(uint256(registry.hostOf(2).leased.cpu), 0);
        _assertState(vmId, IVMLifecycle.State.Running);
    }

    function test_RequestsWithoutATargetRevert() public {
        uint256 vmId = _create();
        vm.startPrank(CUSTOMER);
        bytes4 none = IVMLifecycle.VMLifecycle_NoTarget.selector;
        vm.expectRevert(abi.encodeWithSelector(none, vmId, 0, ASIA));
        lifecycle.migrateVM(vmId, ASIA);
        vm.expectRevert(abi.encodeWithSelector(none, vmId, 1, EU));
        lifecycle.migrateVM(vmId, EU);
        vm.expectRevert(abi.encodeWithSelector(none, vmId, 1, EU));
        lifecycle.migrateToHost(vmId, 1);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_UnknownHost.selector, 4));
        lifecycle.migrateToHost(vmId, 4);
        vm.stopPrank();
        vm.prank(RIVAL);
        registry.setAccepting(3, false);
        vm.prank(CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAccepting.selector, 3));
        lifecycle.migrateToHost(vmId, 3);
    }

    /// @dev Only one migration is under way, and only its target can end it.
    function test_TwoMigrationsDoNotRace() public {
        uint256 vmId = _pending();
        bytes memory wrong = abi.encodeWithSelector(
            IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.MigrationPending
        );
        vm.startPrank(CUSTOMER);
        vm.expectRevert(wrong);
        lifecycle.migrateToHost(vmId, 3);
        // Given up and asked for anew, the old approvals and acknowledgements are worth nothing.
        Approval memory old = _waiting(vmId);
        lifecycle.cancelMigration(vmId);
        lifecycle.migrateToHost(vmId, 3);
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.Migrating)
        );
        vm.prank(vm.addr(keys[0]));
        lifecycle.approveMigration(old.vmId, old.target, old.epoch, old.expiry);
        _release(vmId);
        uint32 epoch = _epoch(vmId);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAgent.selector, 3, AGENT_2, AGENT_3));
        vm.prank(AGENT_2);
        lifecycle.acknowledgeMigration(vmId, epoch);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_StaleEpoch.selector, vmId, old.epoch, epoch));
        vm.prank(AGENT_3);
        lifecycle.acknowledgeMigration(vmId, uint32(old.epoch));
        _acknowledgeMigration(vmId);
        vm.assertEq(lifecycle.entitledHost(vmId), 3);
    }

    /// @dev A target that comes back after the migration was given up is refused: the source runs it.
    function test_LateTargetIsFenced() public {
        uint256 vmId = _pending();
        _approve(vmId, 0);
        _approve(vmId, 1);
        _release(vmId);
        uint32 epoch = _epoch(vmId);
        vm.warp(block.timestamp + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_TooLate.selector, vmId, block.timestamp));
        vm.prank(AGENT_2);
        lifecycle.acknowledgeMigration(vmId, epoch);
        lifecycle.expire(vmId);
        vm.assertEq(lifecycle.entitledHost(vmId), 1);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_StaleEpoch.selector, vmId, epoch, epoch + 1));
        vm.prank(AGENT_2);
        lifecycle.acknowledgeMigration(vmId, epoch);
        vm.assertEq(uint256(registry.hostOf(2).leased.cpu), 0);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 2_000);
    }

    /// @dev Nothing arrives that the source has not let go of, but what had failed there.
    function test_ArrivalNeedsTheRelease() public {
        uint256 vmId = _pending();
        _approve(vmId, 0);
        _approve(vmId, 1);
        uint32 epoch = _epoch(vmId);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_NotReleased.selector, vmId));
        vm.prank(AGENT_2);
        lifecycle.acknowledgeMigration(vmId, epoch);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroRecord.selector));
        vm.prank(AGENT_1);
        lifecycle.acknowledgeRelease(vmId, epoch, 0);
        _release(vmId);
        vm.assertEq(lifecycle.vmOf(vmId).record, RECORD);
        vm.expectRevert(
            abi.encodeWithSelector(IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.Migrating)
        );
        vm.prank(AGENT_1);
        lifecycle.acknowledgeRelease(vmId, epoch, RECORD);
        uint256 failed = _create();
        _start(failed);
        epoch = _epoch(failed);
        vm.prank(AGENT_1);
        lifecycle.reportFailure(failed, epoch);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(failed, 3);
        _acknowledgeMigration(failed);
        _assertState(failed, IVMLifecycle.State.Stopped);
    }

    /// @dev A migration of a VM whose capacity was reclaimed gives the source nothing back twice.
    function test_MigrationOfAReclaimedVM() public {
        uint256 vmId = _create();
        uint256 other = _create();
        vm.warp(block.timestamp + 1 hours);
        vm.prank(PROVIDER);
        lifecycle.reclaim(vmId);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        _release(vmId);
        _acknowledgeMigration(vmId);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 2_000);
        vm.assertTrue(lifecycle.vmOf(vmId).holding && lifecycle.vmOf(other).holding);
    }
}
