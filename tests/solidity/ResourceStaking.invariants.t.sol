// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {RegistryDouble} from "../../contracts/test/RegistryDouble.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {ResourceStakingHandler, STAKERS} from "./ResourceStakingHandler.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @notice Stateful fuzzing: after every action of the handler the staking says what the model says and holds what it
/// owes.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract ResourceStakingInvariants is Test {
    uint256 private constant START = 2_000_000_000;

    ResourceStaking private staking;
    RegistryDouble private registry;
    ResourceStakingHandler private handler;

    function setUp() public {
        vm.warp(START);
        HostileToken[4] memory tokens;
        IERC20[4] memory list;
        for (uint256 i = 0; i < 4; ++i) {
            list[i] = tokens[i] = new HostileToken();
        }
        registry = new RegistryDouble(10_000);
        // The handler is governance and brake: the third contract created from here on.
        address master = vm.computeCreateAddress(address(this), 8);
        staking = new ResourceStaking(address(new OneRole(master)), master, IHostRegistry(address(registry)), list);
        handler = new ResourceStakingHandler(staking, registry, tokens, START);
        vm.assertEq(address(handler), master);
        for (uint256 i = 0; i < 4; ++i) {
            handler.fund(0, i, 1e21);
        }
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev T-1 to T-4.
    function invariant_StakingIsTheModels() external {
        _assertModel();
    }

    function _assertModel() private {
        vm.warp(handler.time());
        uint256[4] memory owed;
        uint256 count = handler.positionCount();
        vm.assertEq(staking.positionCount(), count, "positions");
        for (uint256 id = 1; id <= count; ++id) {
            ResourceStakingHandler.Position memory expected = handler.positionOf(id);
            IResourceStaking.Position memory position = staking.positionOf(id);
            vm.assertEq(position.principal, expected.principal, "principal");
            if (expected.principal == 0) {
                vm.assertEq(keccak256(abi.encode(position)), keccak256(new bytes(224)), "a position that is paid");
                continue;
            }
            vm.assertEq(position.owner, handler.staker(expected.owner), "owner");
            vm.assertEq(uint256(position.resource), expected.resource, "resource");
            vm.assertEq(position.maturity, expected.maturity, "maturity");
            vm.assertEq(position.reward, expected.reward, "reward");
            vm.assertEq(position.isGuaranteeing, expected.host != 0, "guaranteeing");
            vm.assertEq(uint256(registry.reservationOf(id).units), expected.units, "units");
            owed[expected.resource] += expected.principal + expected.reward;
        }
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(staking.owedOf(Resource(i)), owed[i], "owed");
            vm.assertEq(staking.freeBudgetOf(Resource(i)), handler.budgets(i), "budget");
            uint256 held = handler.tokens(i).balanceOf(address(staking));
            vm.assertEq(held, owed[i] + handler.budgets(i) + handler.gifts(i), "solvency");
            for (uint256 who = 0; who < STAKERS; ++who) {
                uint256 wallet = handler.tokens(i).balanceOf(handler.staker(who));
                vm.assertEq(wallet, handler.wallets(who, i), "wallet");
                held += wallet;
            }
            vm.assertEq(held, STAKERS * handler.WEALTH(), "conservation");
            for (uint256 host = 1; host <= 2; ++host) {
                uint256 reserved = registry.reservedOf(host, Resource(i));
                vm.assertEq(reserved, handler.reservedOn(host, i), "reserved");
                vm.assertTrue(reserved <= handler.CAPACITY(), "more than the host carries");
            }
        }
    }

    /// @dev The invariant says something only if the handler gets through: 3,000 pseudo-random actions do all of them,
    /// and meet every refusal.
    function test_StakingHandlerReachesEveryAction() external {
        uint256 word = 42;
        for (uint256 i = 0; i < 3_000; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint256 c, uint256 noise) = (word >> 200, word >> 100, word >> 50, word);
            if (i % 8 == 0) handler.withdraw(a, b, c, noise);
            else if (i % 8 == 1 && i % 3 == 0) handler.exitEarly(a, b, c, noise);
            else if (i % 8 == 2) handler.release(a, b, c % 2 == 0, noise);
            else if (i % 8 == 3) handler.fund(a, b, c);
            else if (i % 8 == 4 && i % 3 == 0) handler.takeBack(a, c, b, noise);
            else if (i % 8 == 4 && i % 3 == 1) handler.give(a, b, c);
            else if (i % 8 == 5 && i % 5 == 0) handler.brake(a);
            else if (i % 8 == 5 && i % 5 == 1) handler.wait(a);
            else if (i % 2 == 0) handler.stake(a, b, c, word >> 150, noise);
            else handler.guarantee(a, b, c, word >> 60, noise);
            if (i % 100 == 0) _assertModel();
        }
        _assertModel();
        bytes32[21] memory names = [
            bytes32("stake"),
            "withdraw",
            "withdraw guaranteeing",
            "exitEarly",
            "guarantee",
            "release",
            "release by another",
            "fund",
            "takeBack",
            IResourceStaking.ResourceStaking_NoPosition.selector,
            IResourceStaking.ResourceStaking_NotOwner.selector,
            IResourceStaking.ResourceStaking_BadTerm.selector,
            IResourceStaking.ResourceStaking_NoReward.selector,
            IResourceStaking.ResourceStaking_BudgetExceeded.selector,
            IResourceStaking.ResourceStaking_NotMature.selector,
            IResourceStaking.ResourceStaking_Mature.selector,
            IResourceStaking.ResourceStaking_Guaranteeing.selector,
            IResourceStaking.ResourceStaking_NotGuaranteeing.selector,
            IResourceStaking.ResourceStaking_BadUnits.selector,
            IHostRegistry.HostRegistry_CapacityExceeded.selector,
            Pausable.EnforcedPause.selector
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 3, string(abi.encode(names[i])));
        }
    }
}
