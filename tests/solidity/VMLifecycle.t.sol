// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {VMLifecycle} from "../../contracts/compute/VMLifecycle.sol";
import {VMLifecycleExtension} from "../../contracts/compute/VMLifecycleExtension.sol";
import {VMLifecycleNext} from "../../contracts/test/ComputeNext.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract VMLifecycleTest is ComputeSuite {
    uint40 private constant FUNDED = 10 hours;

    function _expect(bytes4 selector, uint256 vmId) private {
        vm.expectRevert(abi.encodeWithSelector(selector, vmId));
    }

    function _terminate(uint256 vmId) private {
        vm.prank(CUSTOMER);
        lifecycle.terminate(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Set-up, upgrade
    // ------------------------------------------------------------------------------------------------------------

    function test_ImplementationIsLockedAndProxySetUpOnce() public {
        IERC20[4] memory list;
        VMLifecycle implementation = new VMLifecycle(address(new VMLifecycleExtension()));
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        implementation.initialize(address(this), address(this), registry, list);
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        lifecycle.initialize(address(this), address(this), registry, list);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroAddress.selector));
        new VMLifecycle(STRANGER);
    }

    function test_StorageIsWhereItsNameSays() public view {
        bytes32 slot =
            keccak256(abi.encode(uint256(keccak256("novacron.storage.VMLifecycle")) - 1)) & ~bytes32(uint256(0xff));
        vm.assertEq(
            uint256(vm.load(address(lifecycle), slot)),
            uint256(1) << 224 | uint256(1) << 192 | uint160(address(registry)) // policies, default, VMs, registry
        );
        vm.assertEq(uint256(vm.load(address(lifecycle), bytes32(uint256(slot) + 1))), uint160(address(tokens[0])));
    }

    function test_Upgrade() public {
        uint256 vmId = _running();
        VMLifecycleNext next = new VMLifecycleNext(address(new VMLifecycleExtension()));
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, STRANGER));
        lifecycle.upgradeToAndCall(address(next), "");
        bytes32 before = keccak256(abi.encode(lifecycle.vmOf(vmId)));
        lifecycle.upgradeToAndCall(address(next), "");
        vm.assertEq(VMLifecycleNext(address(lifecycle)).version(), uint256(2));
        vm.assertEq(keccak256(abi.encode(lifecycle.vmOf(vmId))), before);
        _terminate(vmId);
    }

    /// @dev Called itself, the second half has nothing and nobody.
    function test_ExtensionAloneHasNothing() public {
        VMLifecycleExtension extension = new VMLifecycleExtension();
        uint256 vmId = _create();
        _expect(IVMLifecycle.VMLifecycle_UnknownVM.selector, vmId);
        vm.prank(CUSTOMER);
        extension.migrateVM(vmId, US);
        vm.expectRevert();
        vm.prank(CUSTOMER);
        extension.deposit(Resource.CPU, 1, CUSTOMER);
        vm.expectRevert();
        extension.createVM(1, _small(), 1 hours, 0, CONFIGURATION);
    }

    function test_VMTakesFiveSlots() public {
        _create();
        vm.record();
        _create();
        (, bytes32[] memory writes) = vm.accesses(address(lifecycle));
        uint256 slots = 0;
        for (uint256 i = 0; i < writes.length; ++i) {
            bool isNew = true;
            for (uint256 j = 0; j < i; ++j) {
                isNew = isNew && writes[i] != writes[j];
            }
            if (isNew && writes[i] != bytes32(0)) ++slots;
        }
        vm.assertEq(slots, 6); // and the count of VMs; nothing of this customer's is prepaid
    }

    // ------------------------------------------------------------------------------------------------------------
    // Balances
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_DepositAndWithdraw(uint256 which, uint128 amount, uint128 back) public {
        Resource resource = Resource(which % 4);
        amount = uint128(_bound(amount, 1, 1_000 * WHOLE));
        back = uint128(_bound(back, 1, amount));
        IERC20 token = IERC20(address(tokens[which % 4]));
        vm.prank(CUSTOMER);
        vm.expectEmit();
        emit IVMLifecycle.Deposited(OTHER, resource, amount, CUSTOMER);
        lifecycle.deposit(resource, amount, OTHER);
        vm.assertEq(lifecycle.balanceOf(OTHER, resource), amount);
        for (uint256 i = 0; i < 4; ++i) {
            if (i != which % 4) vm.assertEq(lifecycle.balanceOf(OTHER, Resource(i)), 0);
        }
        uint256 before = token.balanceOf(STRANGER);
        vm.prank(OTHER);
        lifecycle.withdraw(resource, back, STRANGER);
        vm.assertEq(token.balanceOf(STRANGER) - before, back);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVMLifecycle.VMLifecycle_InsufficientBalance.selector, OTHER, resource, amount - back, amount - back + 1
            )
        );
        vm.prank(OTHER);
        lifecycle.withdraw(resource, amount - back + 1, OTHER);
    }

    function test_ZeroesAreRefused() public {
        vm.startPrank(CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroAmount.selector));
        lifecycle.deposit(Resource.CPU, 0, CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroAddress.selector));
        lifecycle.deposit(Resource.CPU, 1, address(0));
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroAmount.selector));
        lifecycle.withdraw(Resource.CPU, 0, CUSTOMER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroCapacity.selector));
        lifecycle.createVM(1, _capacity(0, 1, 1, 1), 1 hours, 0, CONFIGURATION);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroCapacity.selector));
        lifecycle.createVM(1, _capacity(1, 0, 1, 1), 1 hours, 0, CONFIGURATION);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroRecord.selector));
        lifecycle.createVM(1, _small(), 1 hours, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_BadDuration.selector, 1 hours - 1));
        lifecycle.createVM(1, _small(), 1 hours - 1, 0, CONFIGURATION);
    }

    /// @dev A permit that somebody used first does no harm.
    function test_DepositWithPermit() public {
        uint256 key = 0x9e4;
        address holder = vm.addr(key);
        tokens[0].mint(holder, 10);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder,
                address(lifecycle),
                10,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked("\x19\x01", tokens[0].DOMAIN_SEPARATOR(), structHash)));
        vm.prank(STRANGER);
        tokens[0].permit(holder, address(lifecycle), 10, block.timestamp, v, r, s);
        vm.prank(holder);
        lifecycle.depositWithPermit(Resource.CPU, 10, holder, block.timestamp, v, r, s);
        vm.assertEq(_balance(holder), 10);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Creation and funds
    // ------------------------------------------------------------------------------------------------------------

    function test_CreateVM() public {
        vm.prank(CUSTOMER);
        lifecycle.deposit(Resource.CPU, 5 * WHOLE, CUSTOMER);
        uint256 before = tokens[0].balanceOf(CUSTOMER);
        uint256 vmId = _create();
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        vm.assertEq(lease.customer, CUSTOMER);
        vm.assertEq(uint256(lease.epoch), 1);
        vm.assertEq(uint256(lease.policyId), 1);
        vm.assertTrue(lease.holding);
        vm.assertEq(uint256(lease.deadline), block.timestamp + 30 days);
        vm.assertEq(lease.record, CONFIGURATION);
        vm.assertEq(lifecycle.escrowOf(vmId, Resource.CPU), 20 * WHOLE);
        // The balance first, the rest from the allowance.
        vm.assertEq(_balance(CUSTOMER), 0);
        vm.assertEq(before - tokens[0].balanceOf(CUSTOMER), 15 * WHOLE);
        vm.assertEq(uint256(registry.hostOf(1).leased.mem), 4_000);
    }

    function test_CreateInARegion() public {
        vm.startPrank(CUSTOMER);
        uint256 vmId = lifecycle.createVM(EU, 500, 600, RIVAL, 1 hours, CONFIGURATION);
        vm.assertEq(uint256(lifecycle.vmOf(vmId).hostId), 3);
        vm.assertEq(uint256(lifecycle.vmOf(vmId).capacity.mem), 600);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_NoTarget.selector, 0, 0, ASIA));
        lifecycle.createVM(ASIA, 500, 600, RIVAL, 1 hours, CONFIGURATION);
    }

    function testFuzz_CreateOnUnknownHostReverts(uint256 hostId) public {
        vm.assume(hostId == 0 || hostId > 3);
        _expect(IHostRegistry.HostRegistry_UnknownHost.selector, hostId);
        vm.prank(CUSTOMER);
        lifecycle.createVM(hostId, _small(), 1 hours, 0, CONFIGURATION);
    }

    function test_TopUpByAnybody() public {
        uint256 vmId = _create();
        vm.prank(OTHER);
        vm.expectEmit();
        emit IVMLifecycle.Funded(vmId, OTHER, 1 hours, 11 hours);
        lifecycle.topUp(vmId, 1 hours);
        vm.assertEq(lifecycle.escrowOf(vmId, Resource.CPU), 22 * WHOLE);
        _terminate(vmId);
        vm.assertEq(_balance(CUSTOMER), 22 * WHOLE);
    }

    function test_TopUpOutOfBoundsReverts() public {
        uint256 vmId = _create();
        vm.startPrank(CUSTOMER);
        _expect(IVMLifecycle.VMLifecycle_BadDuration.selector, 0);
        lifecycle.topUp(vmId, 0);
        uint40 over = type(uint40).max - FUNDED + 1;
        _expect(IVMLifecycle.VMLifecycle_BadDuration.selector, over);
        lifecycle.topUp(vmId, over);
    }

    /// @dev The idle gap between the end of the funds and the top-up never vests.
    function testFuzz_TopUpAfterExpiryChargesNoGap(uint16 gap) public {
        uint256 vmId = _running();
        _live(1, FUNDED + uint256(gap));
        vm.prank(CUSTOMER);
        lifecycle.topUp(vmId, 1 hours);
        _assertState(vmId, IVMLifecycle.State.Suspended);
        _live(1, 500);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), FUNDED);
        vm.assertEq(uint256(lifecycle.remainingOf(vmId)), 1 hours);
        _start(vmId);
        _acknowledgeStart(vmId);
        _live(1, 10);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), uint256(FUNDED) + 10);
    }

    function test_NothingRunsWithoutFunds() public {
        uint256 vmId = _running();
        _live(1, FUNDED);
        vm.prank(CUSTOMER);
        _expect(IVMLifecycle.VMLifecycle_NoFunds.selector, vmId);
        lifecycle.migrateVM(vmId, US);
        uint256 snapshot = vm.snapshotState();
        vm.prank(CUSTOMER);
        lifecycle.pause(vmId);
        vm.prank(CUSTOMER);
        _expect(IVMLifecycle.VMLifecycle_NoFunds.selector, vmId);
        lifecycle.resume(vmId);
        vm.revertToState(snapshot);
        lifecycle.expire(vmId);
        _assertState(vmId, IVMLifecycle.State.Suspended);
        vm.prank(CUSTOMER);
        _expect(IVMLifecycle.VMLifecycle_NoFunds.selector, vmId);
        lifecycle.start(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Records
    // ------------------------------------------------------------------------------------------------------------

    function test_RecordByCustomerAndEntitledAgent() public {
        uint256 vmId = _running();
        uint32 epoch = _epoch(vmId);
        vm.expectEmit();
        emit IVMLifecycle.StateRecorded(vmId, AGENT_1, RECORD, epoch);
        vm.prank(AGENT_1);
        lifecycle.recordState(vmId, epoch, RECORD);
        vm.assertEq(lifecycle.vmOf(vmId).record, RECORD);
        vm.prank(CUSTOMER);
        lifecycle.recordState(vmId, epoch, CONFIGURATION);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_NotRecorder.selector, vmId, AGENT_2));
        vm.prank(AGENT_2);
        lifecycle.recordState(vmId, epoch, RECORD);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_ZeroRecord.selector));
        vm.prank(CUSTOMER);
        lifecycle.recordState(vmId, epoch, 0);
    }

    /// @dev Else a customer could hand the target's hypervisor a memory that the source never saved.
    function test_RecordOfAMigrationIsTheReleases() public {
        uint256 vmId = _running();
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        for (uint256 i = 0; i < 2; ++i) {
            uint32 epoch = _epoch(vmId);
            bytes32 before = lifecycle.vmOf(vmId).record;
            address[3] memory recorders = [CUSTOMER, AGENT_1, AGENT_3];
            for (uint256 j = 0; j < 3; ++j) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.Migrating
                    )
                );
                vm.prank(recorders[j]);
                lifecycle.recordState(vmId, epoch, keccak256("another"));
            }
            vm.assertEq(lifecycle.vmOf(vmId).record, before);
            if (i == 0) _release(vmId);
        }
        vm.assertEq(lifecycle.vmOf(vmId).record, RECORD);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The brake
    // ------------------------------------------------------------------------------------------------------------

    function test_PauseStopsEntriesOnly() public {
        uint256 running = _running();
        uint256 stopped = _create();
        uint256 pending = _running();
        _migrateToUS(pending);
        vm.prank(CUSTOMER);
        lifecycle.deposit(Resource.CPU, 5, CUSTOMER);
        lifecycle.pauseContract();
        bytes[7] memory entries = [
            abi.encodeCall(lifecycle.deposit, (Resource.CPU, 1, CUSTOMER)),
            abi.encodeCall(lifecycle.depositWithPermit, (Resource.CPU, 1, CUSTOMER, 0, 0, 0, 0)),
            abi.encodeWithSignature(
                "createVM(uint256,(uint32,uint32,uint32,uint32),uint40,uint32,bytes32)",
                1,
                _small(),
                3_600,
                0,
                CONFIGURATION
            ),
            abi.encodeCall(lifecycle.topUp, (stopped, 1)),
            abi.encodeCall(lifecycle.start, (stopped)),
            abi.encodeCall(lifecycle.migrateVM, (stopped, US)),
            abi.encodeCall(lifecycle.approveMigration, (pending, 2, 1, 1))
        ];
        for (uint256 i = 0; i < entries.length; ++i) {
            vm.prank(CUSTOMER);
            (bool success, bytes memory reason) = address(lifecycle).call(entries[i]);
            vm.assertFalse(success);
            vm.assertEq(bytes4(reason), PausableUpgradeable.EnforcedPause.selector);
        }
        vm.startPrank(CUSTOMER);
        lifecycle.withdraw(Resource.CPU, 5, CUSTOMER);
        lifecycle.cancelMigration(pending);
        lifecycle.pause(running);
        lifecycle.stop(running);
        lifecycle.terminate(stopped);
        vm.stopPrank();
        lifecycle.settle(pending);
        uint32 epoch = _epoch(running);
        vm.prank(AGENT_1);
        lifecycle.acknowledgeStop(running, epoch);
    }
}
