// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileRegistry} from "../../contracts/test/HostileRegistry.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";

contract VMLifecycleUseTest is ComputeSuite {
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
}
