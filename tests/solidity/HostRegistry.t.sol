// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostRegistry} from "../../contracts/compute/HostRegistry.sol";
import {HostRegistryNext} from "../../contracts/test/ComputeNext.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {ComputeSuite} from "./ComputeSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract HostRegistryTest is ComputeSuite {
    uint40 private constant DAY = 1 days;

    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
    }

    function _occupy(uint256 hostId, address holder, uint32 cpu) private {
        vm.prank(address(lifecycle));
        registry.occupy(hostId, holder, _capacity(cpu, 1, 0, 0));
    }

    function _announce(uint256 start, uint256 end) private {
        vm.prank(PROVIDER);
        registry.announceMaintenance(1, uint40(start), uint40(end));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Set-up, upgrade
    // ------------------------------------------------------------------------------------------------------------

    function test_ImplementationIsLockedAndProxySetUpOnce() public {
        HostRegistry implementation = new HostRegistry();
        _expect(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        implementation.initialize(address(this));
        _expect(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        registry.initialize(address(this));
    }

    function test_StorageIsWhereItsNameSays() public view {
        bytes32 slot =
            keccak256(abi.encode(uint256(keccak256("novacron.storage.HostRegistry")) - 1)) & ~bytes32(uint256(0xff));
        vm.assertEq(uint256(vm.load(address(registry), slot)), uint256(3) << 160 | uint160(address(lifecycle)));
        vm.assertEq(uint256(vm.load(address(registry), bytes32(uint256(slot) + 1))), uint256(uint160(STAKING)));
    }

    function test_Upgrade() public {
        _occupy(1, CUSTOMER, 7);
        HostRegistryNext next = new HostRegistryNext();
        vm.prank(STRANGER);
        _expect(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, STRANGER));
        registry.upgradeToAndCall(address(next), "");
        registry.upgradeToAndCall(address(next), "");
        vm.assertEq(HostRegistryNext(address(registry)).version(), uint256(2));
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), uint256(7));
        vm.assertEq(registry.lifecycle(), address(lifecycle));
    }

    function testFuzz_AdministrationByAnotherReverts(address caller) public {
        vm.assume(caller != address(this) && caller != AUDITOR);
        bytes memory reason = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.startPrank(caller);
        _expect(reason);
        registry.setLifecycle(caller);
        _expect(reason);
        registry.setStaking(caller);
        _expect(reason);
        registry.attest(1, _small(), uint40(block.timestamp) + DAY, "");
    }

    function test_ZeroesAreRefused() public {
        bytes memory zero = abi.encodeWithSelector(IHostRegistry.HostRegistry_ZeroAddress.selector);
        _expect(zero);
        registry.setLifecycle(address(0));
        _expect(zero);
        registry.setStaking(address(0));
        _expect(zero);
        registry.registerHost(EU, address(0));
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_ZeroRegion.selector));
        registry.registerHost(0, AGENT_1);
        vm.prank(PROVIDER);
        _expect(zero);
        registry.setAgent(1, address(0));
        vm.prank(STAKING);
        _expect(zero);
        registry.reserve(1, 1, address(0), Resource.CPU, 1, uint40(block.timestamp) + DAY);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Providers
    // ------------------------------------------------------------------------------------------------------------

    function test_RegisterHost() public {
        vm.expectEmit();
        emit IHostRegistry.HostRegistered(4, STRANGER, ASIA, OTHER);
        vm.expectEmit();
        emit IHostRegistry.HostInRegionSet(STRANGER, ASIA, 4);
        vm.prank(STRANGER);
        registry.registerHost(ASIA, OTHER);
        IHostRegistry.Host memory host = registry.hostOf(4);
        vm.assertEq(host.provider, STRANGER);
        vm.assertEq(host.agent, OTHER);
        vm.assertEq(host.region, ASIA);
        vm.assertTrue(host.accepting && host.lastHeartbeat == 0 && host.attestedUntil == 0);
        vm.assertEq(registry.hostCount(), 4);
        vm.assertEq(registry.hostIn(STRANGER, ASIA), 4);
        vm.prank(STRANGER);
        registry.registerHost(ASIA, OTHER);
        vm.assertEq(registry.hostIn(STRANGER, ASIA), 4);
        vm.prank(STRANGER);
        registry.setHostInRegion(5);
        vm.assertEq(registry.hostIn(STRANGER, ASIA), 5);
    }

    /// @dev Agent, times and whether it accepts share a word.
    function testFuzz_NeighboursKeepTheirWord(address agent, bool accepting, uint16 later) public {
        vm.assume(agent != address(0));
        _live(1, 100);
        vm.startPrank(PROVIDER);
        registry.setAccepting(1, accepting);
        registry.setAgent(1, agent);
        vm.stopPrank();
        vm.warp(block.timestamp + uint256(later));
        vm.prank(agent);
        registry.heartbeat(1);
        IHostRegistry.Host memory host = registry.hostOf(1);
        vm.assertEq(host.agent, agent);
        vm.assertEq(host.accepting, accepting);
        vm.assertEq(uint256(host.lastHeartbeat), block.timestamp);
        vm.assertEq(uint256(registry.clockOf(1)), 100 + (later < 300 ? later : 300));
        vm.assertEq(host.provider, PROVIDER);
    }

    function testFuzz_ActsOfAnotherRevert(address caller) public {
        vm.assume(caller != PROVIDER && caller != AGENT_1 && caller != address(lifecycle) && caller != STAKING);
        bytes memory reason =
            abi.encodeWithSelector(IHostRegistry.HostRegistry_NotProvider.selector, 1, caller, PROVIDER);
        vm.startPrank(caller);
        _expect(reason);
        registry.setAgent(1, caller);
        _expect(reason);
        registry.setAccepting(1, false);
        _expect(reason);
        registry.setHostInRegion(1);
        _expect(reason);
        registry.setReservable(1, _small());
        _expect(reason);
        registry.announceMaintenance(1, uint40(block.timestamp) + DAY, uint40(block.timestamp) + DAY + 1);
        _expect(reason);
        registry.cancelMaintenance(1);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAgent.selector, 1, caller, AGENT_1));
        registry.heartbeat(1);
        reason = abi.encodeWithSelector(IHostRegistry.HostRegistry_NotLifecycle.selector, caller);
        _expect(reason);
        registry.occupy(1, caller, _small());
        _expect(reason);
        registry.vacate(1, caller, _small());
        _expect(reason);
        registry.touch(1, AGENT_1);
        reason = abi.encodeWithSelector(IHostRegistry.HostRegistry_NotStaking.selector, caller);
        _expect(reason);
        registry.reserve(1, 1, caller, Resource.CPU, 1, uint40(block.timestamp) + DAY);
        _expect(reason);
        registry.release(1);
    }

    function testFuzz_UnknownHostReverts(uint256 hostId) public {
        vm.assume(hostId == 0 || hostId > 3);
        bytes memory reason = abi.encodeWithSelector(IHostRegistry.HostRegistry_UnknownHost.selector, hostId);
        _expect(reason);
        registry.hostOf(hostId);
        _expect(reason);
        registry.heartbeat(hostId);
        vm.prank(address(lifecycle));
        _expect(reason);
        registry.occupy(hostId, CUSTOMER, _small());
        vm.prank(AUDITOR);
        _expect(reason);
        registry.attest(hostId, _small(), uint40(block.timestamp) + DAY, "");
    }

    // ------------------------------------------------------------------------------------------------------------
    // Life
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Each gap counts, five minutes of it at most.
    function testFuzz_ClockCountsOnlyLife(uint16[6] memory gaps) public {
        uint256 sum = 0;
        for (uint256 i = 0; i < gaps.length; ++i) {
            vm.warp(block.timestamp + gaps[i]);
            uint256 counted = gaps[i] < 300 ? gaps[i] : 300;
            vm.assertEq(uint256(registry.clockOf(1)), sum + counted);
            vm.assertEq(registry.isAlive(1), gaps[i] <= 300);
            sum += counted;
            vm.expectEmit();
            emit IHostRegistry.Heartbeat(1, sum);
            _beat(1);
            vm.assertEq(uint256(registry.clockOf(1)), sum);
        }
    }

    function test_HostThatNeverBeatIsNotAlive() public {
        vm.prank(STRANGER);
        registry.registerHost(ASIA, OTHER);
        vm.warp(block.timestamp + 1_000);
        vm.assertFalse(registry.isAlive(4));
        vm.assertEq(uint256(registry.clockOf(4)), 0);
        vm.prank(OTHER);
        registry.heartbeat(4);
        vm.assertEq(uint256(registry.clockOf(4)), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Maintenance
    // ------------------------------------------------------------------------------------------------------------

    function test_MaintenanceIsAnnouncedAndCounted() public {
        uint256 start = block.timestamp + DAY;
        vm.expectEmit();
        emit IHostRegistry.MaintenanceAnnounced(1, start, start + 4 hours);
        _announce(start, start + 4 hours);
        vm.assertEq(uint256(registry.maintenanceIn(1, uint40(start - 10), uint40(start + 10))), 10);
        vm.assertEq(uint256(registry.maintenanceIn(1, uint40(start + 10), uint40(start + 1 days))), 4 hours - 10);
        vm.assertEq(uint256(registry.maintenanceIn(1, uint40(start + 1 days), uint40(start))), 0);
        for (uint256 i = 1; i < 4; ++i) {
            vm.warp(start + i * 10 days - 1 days);
            _announce(start + i * 10 days, start + i * 10 days + 1);
        }
        // Four were announced: the first is forgotten.
        vm.assertEq(uint256(registry.maintenanceIn(1, 0, type(uint40).max)), 3);
        (uint40[3] memory starts,) = registry.maintenancesOf(1);
        vm.assertEq(uint256(starts[2]), start + 10 days);
    }

    function test_MaintenanceOutOfBoundsReverts() public {
        uint256 start = block.timestamp + DAY;
        _expectBad(start - 1, start + 1);
        _expectBad(start, start);
        _expectBad(start, start + 4 hours + 1);
        _announce(start, start + 1);
        _expectBad(start + 10 days, start + 10 days + 1); // one lies ahead
        vm.warp(start);
        _expectBad(start + 10 days - 1, start + 10 days);
        _announce(start + 10 days, start + 10 days + 1);
    }

    /// @dev What was announced and taken back does not bring the next one nearer to the last.
    function test_CancelledMaintenanceKeepsTheSpacing() public {
        uint256 start = block.timestamp + DAY;
        _announce(start, start + 1);
        vm.warp(start);
        vm.prank(PROVIDER);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_NoMaintenanceAhead.selector, 1));
        registry.cancelMaintenance(1);
        for (uint256 i = 0; i < 4; ++i) {
            _announce(start + 20 days, start + 20 days + 1);
            vm.prank(PROVIDER);
            vm.expectEmit();
            emit IHostRegistry.MaintenanceCancelled(1, start + 20 days);
            registry.cancelMaintenance(1);
        }
        _expectBad(start + 5 days, start + 5 days + 1);
        vm.assertEq(uint256(registry.maintenanceIn(1, 0, type(uint40).max)), 1);
    }

    function _expectBad(uint256 start, uint256 end) private {
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_BadMaintenance.selector, start, end));
        _announce(start, end);
    }
}
