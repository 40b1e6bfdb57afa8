// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

contract ResourceMarketInventoryTest is MarketFixture {
    // ------------------------------------------------------------------------------------------------------------
    // stock, unstock
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_StockByAnybody(uint256 amount) public {
        amount = _bound(amount, 1, _cap(0) / 10);
        vm.expectEmit();
        emit IResourceMarket.ResourceStocked(Resource.CPU, ALICE, amount);
        vm.prank(ALICE);
        market.stock(Resource.CPU, amount);
        vm.assertEq(market.inventoryOf(Resource.CPU), _cap(0) / 2 + amount);
        vm.assertEq(tokens[0].balanceOf(address(market)), _cap(0) / 2 + amount);
    }

    function test_StockOfNothingReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector));
        market.stock(Resource.CPU, 0);
    }

    function testFuzz_StockBeyond128BitsReverts(uint256 amount) public {
        _buy(ALICE, Resource.CPU, 1e18);
        amount = _bound(amount, type(uint128).max - _cap(0) / 2 + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_TooMuchStock.selector, Resource.CPU, amount)
        );
        market.stock(Resource.CPU, amount);
    }

    /// @dev All that is unsold can go; what is sold is still bought back.
    function testFuzz_Unstock(uint256 sold) public {
        sold = _bound(sold, 1e12, _cap(0) / 2 - 1);
        _buy(BOB, Resource.CPU, sold);
        uint256 unsold = market.inventoryOf(Resource.CPU);
        vm.expectEmit();
        emit IResourceMarket.ResourceUnstocked(Resource.CPU, TREASURY, unsold);
        market.unstock(Resource.CPU, unsold, TREASURY);
        vm.assertEq(market.inventoryOf(Resource.CPU), uint256(0));
        vm.assertEq(tokens[0].balanceOf(TREASURY), unsold);
        _sell(BOB, Resource.CPU, sold);
        vm.assertEq(market.inventoryOf(Resource.CPU), sold);
    }

    /// @dev What docs/market.md says about governance: taken out of stock, tokens are sold like any others.
    function testFuzz_UnstockedTokensCanBeSoldInTheBuyersPlace(uint256 sold) public {
        sold = _bound(sold, 1e12, _cap(0) / 4);
        _buy(BOB, Resource.CPU, sold);
        market.unstock(Resource.CPU, sold, address(this));
        market.sellResource(Resource.CPU, sold, 0, TREASURY, DEADLINE);
        vm.assertTrue(market.reserveOf(Resource.CPU) <= 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IResourceMarket.ResourceMarket_InsufficientSold.selector, Resource.CPU, sold, uint256(0)
            )
        );
        _sell(BOB, Resource.CPU, sold);
    }

    function test_UnstockBeyondTheInventoryReverts() public {
        _buy(BOB, Resource.CPU, 1e18);
        uint256 unsold = _cap(0) / 2 - 1e18;
        vm.expectRevert(
            abi.encodeWithSelector(
                IResourceMarket.ResourceMarket_InsufficientInventory.selector, Resource.CPU, unsold + 1, unsold
            )
        );
        market.unstock(Resource.CPU, unsold + 1, TREASURY);
    }

    function test_UnstockOfNothingOrForNobodyReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector));
        market.unstock(Resource.CPU, 0, TREASURY);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_InvalidRecipient.selector, address(market))
        );
        market.unstock(Resource.CPU, 1, address(market));
    }

    // ------------------------------------------------------------------------------------------------------------
    // fees, pause
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SetFee(uint256 fee) public {
        fee = _bound(fee, 0, 10_000);
        vm.expectEmit();
        emit IResourceMarket.FeeSet(fee);
        market.setFee(fee);
        vm.assertEq(uint256(market.fee()), fee);
        vm.assertFalse(market.paused()); // its neighbour in the slot
        uint256 value = _area(0, 0, 7e18, true);
        vm.assertEq(market.quoteBuy(Resource.CPU, 7e18), value + (value * fee + PPM - 1) / PPM);
    }

    function testFuzz_SetFeeAboveTheLimitReverts(uint256 fee) public {
        fee = _bound(fee, 10_001, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_FeeTooHigh.selector, fee, uint256(10_000))
        );
        market.setFee(fee);
    }

    function testFuzz_CollectFeesByAnybody(address anybody) public {
        _buy(BOB, Resource.CPU, 1_000e18);
        _buy(BOB, Resource.NET, 1_000e18);
        uint256 fees = market.feesOf(Resource.CPU);
        (uint256 reserve, uint256 other) = (market.reserveOf(Resource.CPU), market.feesOf(Resource.NET));
        vm.expectEmit();
        emit IResourceMarket.FeesCollected(Resource.CPU, fees);
        vm.prank(anybody);
        vm.assertEq(market.collectFees(Resource.CPU), fees);
        vm.assertEq(TREASURY.balance, fees);
        vm.assertEq(market.feesOf(Resource.CPU), uint256(0));
        vm.assertEq(market.reserveOf(Resource.CPU), reserve);
        vm.assertEq(market.feesOf(Resource.NET), other);
    }

    function test_CollectNoFeesReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_NoFees.selector, Resource.MEM));
        market.collectFees(Resource.MEM);
    }

    function testFuzz_AdministrationByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        market.setFee(1);
        vm.expectRevert(refusal);
        market.unstock(Resource.CPU, 1, caller);
        vm.assume(caller != BRAKE);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        market.pauseContract();
    }

    /// @dev Purchases stop; sales, stocking, unstocking and collecting go on, and the fee stays.
    function test_PauseStopsPurchasesOnly() public {
        _buy(BOB, Resource.CPU, 10e18);
        vm.prank(BRAKE);
        market.pauseContract();
        bytes memory refusal = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18);
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18, ALICE, DEADLINE);
        vm.expectRevert(refusal);
        market.purchaseExactIn{value: 1 ether}(Resource.CPU, 0, ALICE, DEADLINE);
        _sell(BOB, Resource.CPU, 9e18);
        vm.prank(BOB);
        market.sellResource(Resource.CPU, 1e17, 0, ALICE, DEADLINE);
        vm.prank(BOB);
        market.sellResourceWithPermit(Resource.CPU, 1e17, 0, ALICE, DEADLINE, 27, 0, 0);
        market.stock(Resource.CPU, 1);
        market.unstock(Resource.CPU, 1, TREASURY);
        market.collectFees(Resource.CPU);
        market.setFee(FEE);
        vm.prank(BRAKE);
        market.unpauseContract();
        _buy(BOB, Resource.CPU, 1e18);
    }

    function test_OwnershipCannotBeGivenUp() public {
        vm.expectRevert(abi.encodeWithSelector(IBrakeable.Brakeable_OwnerIsNeeded.selector));
        vm.prank(BRAKE);
        market.renounceOwnership();
    }

    receive() external payable {}
}
