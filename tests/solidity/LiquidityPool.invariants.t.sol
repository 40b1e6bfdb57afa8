// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {LiquidityPoolHandler} from "./LiquidityPoolHandler.sol";
import {MarketFixture} from "./MarketFixture.sol";

/// @notice Stateful fuzzing of two pools: solvency, conservation, and that no share ever loses value.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every action and U-2 after each.
contract LiquidityPoolInvariants is MarketFixture {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    LiquidityPoolHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new LiquidityPoolHandler(pool, [tokens[0], tokens[1]], BRAKE);
        // No cap stands in the way of a long history.
        for (uint256 i = 0; i < 2; ++i) {
            ResourceToken token = tokens[i];
            uint256 amount = token.balanceOf(address(this));
            market.unstock(Resource(i), market.inventoryOf(Resource(i)), address(handler));
            vm.assertTrue(token.transfer(address(handler), amount));
        }
    }

    /// @dev Foundry calls these to learn what to fuzz; `removeEverything` is for the end.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = handler.add.selector;
        selectors[1] = handler.remove.selector;
        selectors[2] = handler.giveShares.selector;
        selectors[3] = handler.swapNative.selector;
        selectors[4] = handler.swapToken.selector;
        selectors[5] = handler.donate.selector;
        selectors[6] = handler.brake.selector;
        list[0] = FuzzSelector(address(handler), selectors);
    }

    /// @dev U-1: reserves are the sum of what went in and out, and are there, gifts apart.
    function invariant_ReservesAreThere() external view {
        uint256 owed;
        for (uint256 i = 0; i < 2; ++i) {
            (uint256 native, uint256 token) = pool.reservesOf(Resource(i));
            vm.assertEq(native, handler.natives(i), "native");
            vm.assertEq(token, handler.held(i), "token");
            vm.assertEq(tokens[i].balanceOf(address(pool)), token + handler.donated(i), "balance");
            owed += native;
        }
        vm.assertEq(address(pool).balance, owed + handler.forced(), "balance");
    }

    /// @dev U-3: shares are somebody's or locked; a pool that has begun never ends.
    function invariant_SharesAreSomebodys() external view {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 sum = pool.balanceOf(address(0xdEaD), i);
            for (uint256 j = 0; j < 3; ++j) {
                sum += pool.balanceOf(handler.person(j), i);
            }
            vm.assertEq(pool.totalSupply(i), sum);
            (uint256 native, uint256 token) = pool.reservesOf(Resource(i));
            if (sum > 0) vm.assertTrue(sum >= 1_000 && native > 0 && token > 0);
        }
    }

    /// @dev U-4: at the end of each history, paused, everybody gets out.
    function afterInvariant() external {
        handler.removeEverything();
    }
}
