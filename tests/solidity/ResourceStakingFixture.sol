// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {RegistryDouble} from "../../contracts/test/RegistryDouble.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {SlotCounter} from "./SlotCounter.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ResourceStakingFixture
/// @notice Staking in which this contract is governance, brake and funder, over a registry whose every host carries
/// 10,000 units of everything.
abstract contract ResourceStakingFixture is SlotCounter {
    address internal constant STAKER = address(0x57a4);
    address internal constant STRANGER = address(0x5743);
    uint256 internal constant START = 2_000_000_000;
    uint256 internal constant CAPACITY = 10_000;
    uint256 internal constant BUDGET = 1_000_000e18;
    uint256[4] internal RATES = [uint256(1_000), 800, 600, 500];

    ResourceStaking internal staking;
    RegistryDouble internal registry;
    HostileToken[4] internal tokens;

    function setUp() public virtual {
        vm.warp(START);
        registry = new RegistryDouble(CAPACITY);
        staking = new ResourceStaking(
            address(new OneRole(address(this))), address(this), IHostRegistry(address(registry)), _newTokens()
        );
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i].mint(address(this), 2 ** 130);
            tokens[i].approve(address(staking), type(uint256).max);
            tokens[i].mint(STAKER, 2 ** 130);
            vm.prank(STAKER);
            tokens[i].approve(address(staking), type(uint256).max);
        }
    }

    function _newTokens() internal returns (IERC20[4] memory list) {
        for (uint256 i = 0; i < 4; ++i) {
            list[i] = tokens[i] = new HostileToken();
        }
    }

    function _fund(uint256 amount) internal {
        for (uint256 i = 0; i < 4; ++i) {
            staking.fund(Resource(i), amount);
        }
    }

    function _stake(Resource resource, uint256 amount, uint256 term) internal returns (uint256 positionId) {
        vm.prank(STAKER);
        positionId = staking.stake(resource, amount, term);
    }

    function _assertPaidOut(uint256 positionId) internal view {
        vm.assertEq(keccak256(abi.encode(staking.positionOf(positionId))), keccak256(new bytes(224)), "it stands");
    }

    /// @dev What the contract says that it has of each token is what it has.
    function _assertExact() internal view {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 counted = staking.owedOf(Resource(i)) + staking.freeBudgetOf(Resource(i));
            vm.assertEq(tokens[i].balanceOf(address(staking)), counted, "solvency");
        }
    }

    function _error(bytes4 selector, uint256 a) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }

    function _error(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function _error(bytes4 selector, uint256 a, uint256 b, uint256 c) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b, c);
    }

    function _notOwner(uint256 positionId, address caller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IResourceStaking.ResourceStaking_NotOwner.selector, positionId, caller, STAKER);
    }
}
