// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacities} from "../../contracts/compute/Capacities.sol";
import {HostRegistry} from "../../contracts/compute/HostRegistry.sol";
import {VMLifecycle} from "../../contracts/compute/VMLifecycle.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {HOSTS, VMLifecycleHandler} from "./VMLifecycleHandler.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Stateful fuzzing of hosts and VMs; the numbers are those of docs/invariants.md.
contract VMLifecycleInvariants is Test {
    using Capacities for Capacity;
    using Capacities for uint128;

    VMLifecycleHandler private handler;
    VMLifecycle private lifecycle;
    HostRegistry private registry;
    address[4] private tokens;

    function setUp() public {
        handler = new VMLifecycleHandler();
        address lifecycle_;
        address registry_;
        (lifecycle_, registry_, tokens) = handler.suite();
        (lifecycle, registry) = (VMLifecycle(lifecycle_), HostRegistry(registry_));
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev W-1: every token held is in a balance or in the escrow of a VM, for each resource.
    function invariant_TokensAreConserved() external {
        _assertTokens();
    }

    /// @dev W-2, C-1: what is leased of a host is what VMs hold there, and what is reserved is never more than attested.
    function invariant_CapacityIsWhatVMsHold() external view {
        _assertCapacity();
    }

    /// @dev W-3, W-4, W-5, C-2, C-3: found on the way, after each action.
    function invariant_NothingWentWrongOnTheWay() external view {
        vm.assertEq(handler.wrong(), "");
        for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
            IVMLifecycle.VM memory lease = lifecycle.vmOf(i);
            vm.assertTrue(lease.used <= lease.funded && lease.settled <= lease.used, "funds");
        }
    }

    /// @dev The handler reaches what it is for.
    function afterInvariant() external {
        _assertTokens();
        // Every VM can be ended, and everything taken out.
        vm.warp(handler.time());
        for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
            IVMLifecycle.VM memory lease = lifecycle.vmOf(i);
            if (lease.state == IVMLifecycle.State.Terminated) continue;
            vm.prank(lease.customer);
            lifecycle.terminate(i);
        }
        address[4] memory accounts = [address(0xc057), address(0x07e5), address(0x9407), address(0x41fa)];
        for (uint256 i = 0; i < 16; ++i) {
            uint256 balance = lifecycle.balanceOf(accounts[i / 4], Resource(i % 4));
            if (balance == 0) continue;
            vm.prank(accounts[i / 4]);
            lifecycle.withdraw(Resource(i % 4), balance, accounts[i / 4]);
        }
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(IERC20(tokens[i]).balanceOf(address(lifecycle)), 0, "left behind");
        }
        _assertCapacity();
    }

    function _assertTokens() private {
        vm.warp(handler.time());
        address[4] memory accounts = [address(0xc057), address(0x07e5), address(0x9407), address(0x41fa)];
        for (uint256 j = 0; j < 4; ++j) {
            uint256 sum = 0;
            for (uint256 i = 0; i < 4; ++i) {
                sum += lifecycle.balanceOf(accounts[i], Resource(j));
            }
            for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
                sum += lifecycle.escrowOf(i, Resource(j));
            }
            vm.assertEq(sum, IERC20(tokens[j]).balanceOf(address(lifecycle)), "tokens");
        }
    }

    function _assertCapacity() private view {
        for (uint256 h = 1; h <= HOSTS; ++h) {
            IHostRegistry.Host memory host = registry.hostOf(h);
            for (uint256 j = 0; j < 4; ++j) {
                uint256 sum = 0;
                for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
                    IVMLifecycle.VM memory lease = lifecycle.vmOf(i);
                    uint256 units = lease.capacity.pack().lane(j);
                    if (lease.holding && lease.hostId == h) sum += units;
                    if (lease.targetId == h) sum += units;
                }
                vm.assertEq(host.leased.pack().lane(j), sum, "leased");
                vm.assertTrue(host.reserved.pack().lane(j) <= host.attested.pack().lane(j), "reserved");
                vm.assertTrue(host.open.pack().lane(j) <= host.reserved.pack().lane(j), "open");
            }
        }
    }
}
