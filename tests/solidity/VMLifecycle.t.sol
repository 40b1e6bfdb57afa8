// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {VMLifecycle} from "../../contracts/compute/VMLifecycle.sol";
import {VMLifecycleExtension} from "../../contracts/compute/VMLifecycleExtension.sol";
import {VMLifecycleNext} from "../../contracts/test/ComputeNext.sol";
import {HostileRegistry} from "../../contracts/test/HostileRegistry.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
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

    function _due(uint256 vmId) private view returns (uint256) {
        return lifecycle.dueIn(vmId, 0, uint40(block.timestamp));
    }

    /// @dev From now on the registry is something else.
    function _spoil(HostileRegistry.Mood mood) private {
        vm.store(
            address(registry),
            0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc,
            bytes32(uint256(uint160(address(new HostileRegistry(mood)))))
        );
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
    // Use
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Only while it runs and its host is alive.
    function test_TimeIsUsedOnlyWhileRunningAndAlive() public {
        uint256 vmId = _create();
        _live(1, 100);
        _start(vmId);
        _live(1, 100);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), 0);
        _acknowledgeStart(vmId);
        _live(1, 100);
        vm.warp(block.timestamp + 10_000); // the host is silent: five minutes count
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), 400);
        _beat(1);
        _live(1, 50);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), 450);
        vm.prank(CUSTOMER);
        lifecycle.pause(vmId);
        _live(1, 100);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), 450);
        vm.prank(CUSTOMER);
        lifecycle.resume(vmId);
        _acknowledgeStart(vmId);
        _live(1, 25);
        _stop(vmId);
        _live(1, 100);
        vm.assertEq(uint256(lifecycle.usedOf(vmId)), 475);
        lifecycle.settle(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, 475));
    }

    /// @dev The provider vanishes: everything unspent is the customer's, at once.
    function testFuzz_VanishedProviderGetsOnlyWhatWasUsed(uint32 later) public {
        uint256 vmId = _running();
        _live(1, 1_000);
        vm.warp(block.timestamp + later);
        uint256 used = 1_000 + (later < 300 ? later : 300);
        _terminate(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, used));
        vm.assertEq(_balance(CUSTOMER) + _balance(PROVIDER), 20 * WHOLE);
        vm.prank(CUSTOMER);
        lifecycle.withdraw(Resource.CPU, 20 * WHOLE - _worth(2_000, used) - 1, CUSTOMER);
    }

    function testFuzz_HowOftenItIsSettledChangesNothing(uint16[8] memory gaps) public {
        uint256 vmId = _running();
        uint256 used = 0;
        for (uint256 i = 0; i < gaps.length; ++i) {
            uint256 gap = gaps[i] % 300;
            used += gap;
            vm.warp(block.timestamp + gap);
            _beat(1);
            lifecycle.settle(vmId);
            vm.assertEq(_balance(PROVIDER), _worth(2_000, used));
            lifecycle.settle(vmId);
        }
        _terminate(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, used));
        vm.assertEq(lifecycle.escrowOf(vmId, Resource.CPU), 0);
        vm.assertEq(tokens[0].balanceOf(address(lifecycle)), _balance(PROVIDER) + _balance(CUSTOMER));
    }

    /// @dev The source is paid before the target is the host.
    function test_MigrationPaysTheSource() public {
        uint256 vmId = _running();
        _live(1, 100);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        _live(3, 200);
        _release(vmId);
        _acknowledgeMigration(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, 100));
        _live(3, 50);
        lifecycle.settle(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, 100));
        vm.assertEq(_balance(RIVAL), _worth(2_000, 150) - _worth(2_000, 100));
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 0);
        vm.assertEq(uint256(registry.hostOf(3).leased.cpu), 2_000);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Providers' and customers' silence
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A customer that never answers holds capacity for an hour, and the lease for 30 days.
    function test_SilentCustomerIsEvicted() public {
        uint256 vmId = _create();
        uint256 created = block.timestamp;
        vm.warp(created + 1 hours - 1);
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_TooEarly.selector, vmId, created + 1 hours));
        lifecycle.reclaim(vmId);
        vm.warp(created + 1 hours);
        vm.prank(PROVIDER);
        lifecycle.reclaim(vmId);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 0);
        vm.prank(PROVIDER);
        vm.expectRevert(
            abi.encodeWithSelector(IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.Stopped)
        );
        lifecycle.reclaim(vmId);
        vm.warp(created + 30 days - 1);
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(IVMLifecycle.VMLifecycle_TooEarly.selector, vmId, created + 30 days));
        lifecycle.evict(vmId);
        vm.warp(created + 30 days);
        vm.prank(PROVIDER);
        lifecycle.evict(vmId);
        vm.assertEq(_balance(CUSTOMER), 20 * WHOLE);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 0);
    }

    function test_ReclaimedCapacityIsTakenAnewAtTheStart() public {
        uint256 vmId = _create();
        vm.warp(block.timestamp + 1 hours);
        vm.prank(PROVIDER);
        lifecycle.reclaim(vmId);
        vm.prank(PROVIDER);
        registry.setAccepting(1, false);
        vm.prank(CUSTOMER);
        _expect(IHostRegistry.HostRegistry_NotAccepting.selector, 1);
        lifecycle.start(vmId);
        vm.prank(PROVIDER);
        registry.setAccepting(1, true);
        _start(vmId);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 2_000);
        vm.assertTrue(lifecycle.vmOf(vmId).holding);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The end, whatever the registry does
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_TerminateWhateverTheRegistryDoes(uint8 mood) public {
        uint256 vmId = _running();
        _live(1, 100);
        lifecycle.settle(vmId);
        _live(1, 100);
        _spoil(HostileRegistry.Mood(mood % 5));
        _terminate(vmId);
        _assertState(vmId, IVMLifecycle.State.Terminated);
        uint256 spent = _balance(PROVIDER);
        vm.assertEq(spent, _worth(2_000, 100));
        vm.assertEq(_balance(CUSTOMER), 20 * WHOLE - spent);
        vm.prank(CUSTOMER);
        lifecycle.withdraw(Resource.CPU, 20 * WHOLE - spent, CUSTOMER);
    }

    /// @dev What the provider was owed when the registry failed is paid when it is back.
    function test_ProvidersPartWaitsForTheRegistry() public {
        uint256 vmId = _running();
        _live(1, 100);
        _stop(vmId);
        bytes32 slot = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
        bytes32 code = vm.load(address(registry), slot);
        _spoil(HostileRegistry.Mood.Reverting);
        _terminate(vmId);
        vm.assertEq(_balance(PROVIDER), 0);
        vm.assertEq(lifecycle.escrowOf(vmId, Resource.CPU), _worth(2_000, 100));
        vm.store(address(registry), slot, code);
        lifecycle.settle(vmId);
        vm.assertEq(_balance(PROVIDER), _worth(2_000, 100));
        vm.assertEq(lifecycle.escrowOf(vmId, Resource.CPU), 0);
        vm.assertEq(tokens[0].balanceOf(address(lifecycle)), _balance(PROVIDER) + _balance(CUSTOMER));
    }

    /// @dev With little gas the clock cannot be made to fail, and the use not to be charged.
    function test_LittleGasDoesNotSaveTheBill() public {
        uint256 vmId = _running();
        _live(1, 250);
        for (uint256 gas_ = 25_000; gas_ < 400_000; gas_ += 1_000) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(CUSTOMER);
            (bool success,) = address(lifecycle).call{gas: gas_}(abi.encodeCall(lifecycle.terminate, (vmId)));
            if (success) {
                vm.assertEq(_balance(PROVIDER), _worth(2_000, 250));
                vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 0);
            }
            vm.revertToState(snapshot);
        }
    }

    function test_TerminateTwiceReverts() public {
        uint256 vmId = _create();
        _terminate(vmId);
        vm.prank(CUSTOMER);
        vm.expectRevert(
            abi.encodeWithSelector(IVMLifecycle.VMLifecycle_WrongState.selector, vmId, IVMLifecycle.State.Terminated)
        );
        lifecycle.terminate(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Due to be up
    // ------------------------------------------------------------------------------------------------------------

    function test_DueFromStartToStop() public {
        uint256 vmId = _running();
        _live(1, 100);
        vm.assertEq(_due(vmId), 100);
        _stop(vmId);
        _live(1, 100);
        vm.assertEq(_due(vmId), 100);
    }

    function test_FailureDoesNotEndIt() public {
        uint256 vmId = _running();
        _live(1, 100);
        uint32 epoch = _epoch(vmId);
        vm.prank(AGENT_1);
        lifecycle.reportFailure(vmId, epoch);
        vm.warp(block.timestamp + 1 hours);
        vm.assertEq(_due(vmId), 100 + 1 hours);
        _start(vmId);
        vm.warp(block.timestamp + 60);
        _acknowledgeStart(vmId);
        vm.warp(block.timestamp + 40);
        vm.assertEq(_due(vmId), 200 + 1 hours);
        vm.warp(block.timestamp + 1_000);
        lifecycle.expire(vmId); // vanished
        vm.warp(block.timestamp + 1_000);
        vm.assertEq(_due(vmId), 2_200 + 1 hours);
    }

    /// @dev A host that never starts it is down from the moment its time was over; one that says so is not.
    function test_StartThatExpiresBeginsIt() public {
        uint256 vmId = _create();
        _start(vmId);
        vm.warp(block.timestamp + 15 minutes);
        lifecycle.expire(vmId);
        vm.warp(block.timestamp + 77);
        vm.assertEq(_due(vmId), 77);
        uint256 other = _create();
        _start(other);
        uint32 epoch = _epoch(other);
        vm.prank(AGENT_1);
        lifecycle.reportFailure(other, epoch);
        vm.warp(block.timestamp + 77);
        vm.assertEq(_due(other), 0);
    }

    function test_ReclaimEndsIt() public {
        uint256 vmId = _running();
        uint32 epoch = _epoch(vmId);
        vm.prank(AGENT_1);
        lifecycle.reportFailure(vmId, epoch);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(PROVIDER);
        lifecycle.reclaim(vmId);
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(_due(vmId), 1 hours);
    }

    function test_MigrationEndsItAndArrivalBeginsIt() public {
        uint256 vmId = _running();
        _live(1, 100);
        _migrateToUS(vmId);
        _live(1, 50);
        _approve(vmId, 0);
        _approve(vmId, 1);
        vm.warp(block.timestamp + 200);
        vm.assertEq(_due(vmId), 150);
        _release(vmId);
        _acknowledgeMigration(vmId);
        vm.warp(block.timestamp + 30);
        vm.assertEq(_due(vmId), 180);
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
