// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";

/// @notice Orders on the curve that somebody trades around: the bounds of docs/market.md.
contract ResourceMarketSandwichTest is MarketFixture {
    /// @dev However much it trades, the attacker gains at most what the victim's payment leaves above the quotation.
    function testFuzz_SandwichGainsAtMostTheSlack(uint256 before, uint256 amount, uint256 front, uint256 slack) public {
        before = _bound(before, 1, _cap(0) / 10);
        amount = _bound(amount, 1e13, _cap(0) / 10);
        front = _bound(front, 1e13, _cap(0) / 10);
        _buy(BOB, Resource.CPU, before);
        uint256 quoted = market.quoteBuy(Resource.CPU, amount);
        uint256 payment = quoted + _bound(slack, 0, 10 ether);
        uint256 balance = BOB.balance;
        _buy(BOB, Resource.CPU, front);
        vm.prank(ALICE);
        try market.purchaseResource{value: payment}(Resource.CPU, amount) {} catch {}
        _sell(BOB, Resource.CPU, front);
        if (BOB.balance > balance) vm.assertTrue(BOB.balance - balance <= payment - quoted);
    }

    /// @dev q·(1 − p) ≤ 2p·(S + r): orders so small repay no sandwich, whatever they leave as a limit.
    function testFuzz_SandwichOfASmallOrderNeverGains(uint256 before, uint256 amount, uint256 front) public {
        before = _bound(before, 1, _cap(0) / 10);
        uint256 largest = 2 * FEE * (_steepness(0) + before) / (PPM - FEE);
        amount = _bound(amount, 1e13, largest);
        front = _bound(front, 1e13, _cap(0) / 10);
        _buy(BOB, Resource.CPU, before);
        uint256 balance = BOB.balance;
        _buy(BOB, Resource.CPU, front);
        vm.prank(ALICE);
        market.purchaseResource{value: 100 ether}(Resource.CPU, amount);
        _sell(BOB, Resource.CPU, front);
        vm.assertTrue(BOB.balance <= balance);
    }

    /// @dev A sale is no different: at most what its minimum leaves below the quotation.
    function testFuzz_SandwichOfASaleGainsAtMostTheSlack(uint256 amount, uint256 front, uint256 slack) public {
        amount = _bound(amount, 1e13, _cap(0) / 10);
        front = _bound(front, 1e13, _cap(0) / 10);
        _buy(ALICE, Resource.CPU, amount);
        _buy(BOB, Resource.CPU, front);
        uint256 quoted = market.quoteSell(Resource.CPU, amount);
        uint256 minimum = quoted - _bound(slack, 0, quoted);
        uint256 balance = BOB.balance;
        _sell(BOB, Resource.CPU, front);
        vm.prank(ALICE);
        try market.sellResource(Resource.CPU, amount, minimum, DEADLINE) {} catch {}
        _buy(BOB, Resource.CPU, front);
        if (BOB.balance > balance) vm.assertTrue(BOB.balance - balance <= quoted - minimum);
    }

    /// @dev That an order large enough does repay one shows that the tests above can see a gain.
    function test_SandwichOfALargeOrderGains() public {
        uint256 balance = BOB.balance;
        _buy(BOB, Resource.CPU, 10_000e18);
        vm.prank(ALICE);
        market.purchaseResource{value: 100 ether}(Resource.CPU, 50_000e18);
        _sell(BOB, Resource.CPU, 10_000e18);
        vm.assertTrue(BOB.balance > balance);
    }
}
