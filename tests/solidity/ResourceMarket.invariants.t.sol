// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {ResourceMarketHandler} from "./ResourceMarketHandler.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Stateful fuzzing of the four curves: solvency, and conservation of tokens and wei.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract ResourceMarketInvariants is MarketFixture {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    ResourceMarketHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new ResourceMarketHandler(market, tokens, BRAKE);
        authority.grantRole(0, address(handler), 0);
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i].transfer(address(handler), tokens[i].balanceOf(address(this)));
        }
    }

    /// @dev Foundry calls this to learn what to fuzz; `sellEverything` is for the end.
    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = handler.buy.selector;
        selectors[1] = handler.buyExactIn.selector;
        selectors[2] = handler.sell.selector;
        selectors[3] = handler.stock.selector;
        selectors[4] = handler.unstock.selector;
        selectors[5] = handler.setFee.selector;
        selectors[6] = handler.collect.selector;
        selectors[7] = handler.donate.selector;
        selectors[8] = handler.brake.selector;
        list[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev M-1: the reserve covers the curve from 0 to what is sold, rounded up.
    function invariant_ReserveCoversTheCurve() external view {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 sold = market.soldOf(Resource(i));
            vm.assertTrue(market.reserveOf(Resource(i)) >= _area(i, 0, sold, true), "insolvent");
        }
    }

    /// @dev M-2: every wei is reserve, fee or forced in; every one that came in is still here or was paid out.
    function invariant_WeiAreConserved() external view {
        uint256 owed;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 kept = market.reserveOf(Resource(i)) + market.feesOf(Resource(i));
            vm.assertEq(kept, handler.paidIn(i) - handler.paidOut(i) - handler.collected(i), "books");
            owed += kept;
        }
        vm.assertEq(address(market).balance, owed + handler.forced(), "balance");
    }

    /// @dev M-3: every token is in stock or a gift; what is sold is the sum of the trades.
    function invariant_TokensAreConserved() external view {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 sold = handler.bought(i) - handler.soldBack(i);
            vm.assertEq(market.soldOf(Resource(i)), sold, "sold");
            uint256 inventory = _cap(i) / 2 + handler.stocked(i) - handler.unstocked(i) - sold;
            vm.assertEq(market.inventoryOf(Resource(i)), inventory, "inventory");
            vm.assertEq(tokens[i].balanceOf(address(market)), inventory + handler.donated(i), "balance");
        }
    }

    /// @dev M-4: the price depends on what is sold alone.
    function invariant_PriceIsTheCurves() external view {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 sold = market.soldOf(Resource(i));
            uint256 price = Math.mulDiv(_base(i), _steepness(i) + sold, _steepness(i), Math.Rounding.Ceil);
            vm.assertEq(market.getSpotPrice(Resource(i)), price);
            IResourceMarket.Curve memory curve = market.curveOf(Resource(i));
            vm.assertTrue(curve.base == _base(i) && curve.steepness == _steepness(i));
        }
    }

    /// @dev M-5: at the end of each history, paused and with nothing in stock, everything sold is bought back.
    function afterInvariant() external {
        handler.sellEverything();
    }
}
