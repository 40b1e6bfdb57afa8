// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ResourceMarket} from "../../contracts/market/ResourceMarket.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title ResourceMarketHandler
/// @notice Drives the four curves through random histories, and keeps the sums of what has gone in and come out.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract ResourceMarketHandler is Test {
    uint256 private constant PPM = 1_000_000;

    ResourceMarket private immutable _market;
    ResourceToken[4] private _tokens;
    address private immutable _brake;
    address[3] private _people = [address(0xa1), address(0xa2), address(0xa3)];

    uint256[4] public bought;
    uint256[4] public soldBack;
    uint256[4] public stocked;
    uint256[4] public unstocked;
    uint256[4] public donated;
    uint256[4] public paidIn;
    uint256[4] public paidOut;
    uint256[4] public collected;
    uint256 public forced;
    bool public paused;
    uint256 public trades;

    constructor(ResourceMarket market, ResourceToken[4] memory tokens, address brake_) {
        (_market, _tokens, _brake) = (market, tokens, brake_);
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i].approve(address(market), type(uint256).max);
            for (uint256 j = 0; j < 3; ++j) {
                vm.prank(_people[j]);
                tokens[i].approve(address(market), type(uint256).max);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Trading
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A share of what there is, small amounts as often as large ones; sometimes a wei too little is sent.
    function buy(uint8 which, uint8 who, uint256 amount, uint8 width, uint256 extra) external {
        (Resource resource, address buyer) = (Resource(which % 4), _people[who % 3]);
        uint256 inventory = _market.inventoryOf(resource);
        amount = 1 + (amount >> (width % 200)) % (inventory == 0 ? 1 : inventory);
        if (inventory == 0) return _refused(buyer, 0, resource, amount, 0);
        uint256 cost = _market.quoteBuy(resource, amount);
        if (extra % 8 == 0) return _refused(buyer, cost - 1, resource, amount, cost);
        if (paused) return _refused(buyer, cost, resource, amount, cost);
        uint256 payment = cost + (extra % 3) * (extra % 1 ether);
        vm.deal(buyer, payment);
        vm.prank(buyer);
        vm.assertEq(_market.purchaseResource{value: payment}(resource, amount), cost);
        vm.assertEq(buyer.balance, payment - cost, "refund");
        bought[uint256(resource)] += amount;
        paidIn[uint256(resource)] += cost;
        ++trades;
    }

    /// @dev Nothing but the exact refusal.
    function _refused(address buyer, uint256 payment, Resource resource, uint256 amount, uint256 cost) private {
        vm.deal(buyer, payment);
        if (paused) {
            vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        } else if (cost == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IResourceMarket.ResourceMarket_InsufficientInventory.selector, resource, amount, uint256(0)
                )
            );
        } else {
            vm.expectRevert(
                abi.encodeWithSelector(IResourceMarket.ResourceMarket_InsufficientPayment.selector, cost, payment)
            );
        }
        vm.prank(buyer);
        _market.purchaseResource{value: payment}(resource, amount);
    }

    /// @dev Up to a tenth of an ether; the payment is spent to the last wei.
    function buyExactIn(uint8 which, uint8 who, uint256 payment, uint8 width) external {
        (Resource resource, address buyer) = (Resource(which % 4), _people[who % 3]);
        payment = 2 + (payment >> (width % 250)) % 0.1 ether;
        vm.deal(buyer, payment);
        if (paused) {
            vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
            vm.prank(buyer);
            _market.purchaseExactIn{value: payment}(resource, 0, buyer, block.timestamp);
            return;
        }
        uint256 inventory = _market.inventoryOf(resource);
        bool enough = inventory > 0 && _market.quoteBuy(resource, inventory) >= payment;
        if (!enough) return; // the refusal names an amount that is the contract's own to work out
        uint256 held = _tokens[which % 4].balanceOf(buyer);
        vm.prank(buyer);
        uint256 amount = _market.purchaseExactIn{value: payment}(resource, 1, buyer, block.timestamp);
        vm.assertEq(_tokens[which % 4].balanceOf(buyer) - held, amount);
        bought[uint256(resource)] += amount;
        paidIn[uint256(resource)] += payment;
        ++trades;
    }

    /// @dev A share of what this person has, paused or not; what brings nothing or is more than was sold is refused.
    function sell(uint8 which, uint8 who, uint256 amount, uint8 width) external {
        uint256 i = which % 4;
        (Resource resource, address seller) = (Resource(i), _people[who % 3]);
        uint256 held = _tokens[i].balanceOf(seller);
        amount = held == 0 ? 0 : 1 + (amount >> (width % 200)) % held;
        uint256 balance = seller.balance;
        uint256 sold = _market.soldOf(resource);
        bool worthless = amount <= sold && _proceeds(i, sold, amount) == 0;
        if (amount > sold) {
            vm.expectRevert(
                abi.encodeWithSelector(IResourceMarket.ResourceMarket_InsufficientSold.selector, resource, amount, sold)
            );
        } else if (worthless) {
            vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector));
        }
        vm.prank(seller);
        uint256 proceeds = _market.sellResource(resource, amount, 0, block.timestamp);
        if (amount > sold || worthless) return;
        vm.assertEq(seller.balance - balance, proceeds);
        soldBack[i] += amount;
        paidOut[i] += proceeds;
        ++trades;
    }

    /// @dev What the curve and the fee leave, as docs/market.md writes it.
    function _proceeds(uint256 i, uint256 sold, uint256 amount) private view returns (uint256) {
        IResourceMarket.Curve memory curve = _market.curveOf(Resource(i));
        uint256 value = uint256(curve.base) * amount / 1e9 * (2 * uint256(curve.steepness) + 2 * sold - amount)
            / (2 * uint256(curve.steepness)) / 1e9;
        // Close enough where it matters: below a few wei it is worked out without cutting off anything.
        if (value < 10) {
            value = uint256(curve.base) * amount * (2 * uint256(curve.steepness) + 2 * sold - amount)
                / (2 * uint256(curve.steepness) * 1e18);
        }
        return value - (value * _market.fee() + PPM - 1) / PPM;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Inventory, fees, gifts, the brake
    // ------------------------------------------------------------------------------------------------------------

    function stock(uint8 which, uint256 amount) external {
        uint256 i = which % 4;
        uint256 held = _tokens[i].balanceOf(address(this));
        if (held == 0) return;
        amount = 1 + amount % held;
        _market.stock(Resource(i), amount);
        stocked[i] += amount;
    }

    function unstock(uint8 which, uint256 amount) external {
        uint256 i = which % 4;
        uint256 inventory = _market.inventoryOf(Resource(i));
        amount = 1 + amount % (inventory + 1);
        if (amount > inventory) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IResourceMarket.ResourceMarket_InsufficientInventory.selector, Resource(i), amount, inventory
                )
            );
        }
        _market.unstock(Resource(i), amount, address(this));
        if (amount <= inventory) unstocked[i] += amount;
    }

    function setFee(uint256 fee) external {
        _market.setFee(fee % 10_001);
    }

    function collect(uint8 which) external {
        uint256 i = which % 4;
        uint256 fees = _market.feesOf(Resource(i));
        if (fees == 0) vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_NoFees.selector, i));
        _market.collectFees(Resource(i));
        collected[i] += fees;
    }

    /// @dev Tokens come as a plain transfer, ether as a self-destruct sends it.
    function donate(uint8 which, uint256 token, uint256 native) external {
        uint256 i = which % 4;
        token %= _tokens[i].balanceOf(address(this)) / 100 + 1;
        native %= 1 ether;
        bool sent = _tokens[i].transfer(address(_market), token);
        vm.deal(address(_market), address(_market).balance + native);
        vm.assertTrue(sent);
        donated[i] += token;
        forced += native;
    }

    function brake(uint8 pause) external {
        if (paused == (pause % 4 == 0)) return;
        paused = !paused;
        vm.prank(_brake);
        if (paused) _market.pauseContract();
        else _market.unpauseContract();
    }

    // ------------------------------------------------------------------------------------------------------------
    // The end
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Paused and with nothing in stock, everybody sells all that the curve has sold, one person after another.
    function sellEverything() external {
        if (!paused) {
            vm.prank(_brake);
            _market.pauseContract();
        }
        for (uint256 i = 0; i < 4; ++i) {
            if (_market.inventoryOf(Resource(i)) > 0) {
                _market.unstock(Resource(i), _market.inventoryOf(Resource(i)), address(this));
            }
            for (uint256 j = 0; j < 3; ++j) {
                uint256 held = _tokens[i].balanceOf(_people[j]);
                uint256 sold = _market.soldOf(Resource(i));
                uint256 amount = held < sold ? held : sold;
                if (amount == 0 || _proceeds(i, sold, amount) == 0) continue;
                vm.prank(_people[j]);
                _market.sellResource(Resource(i), amount, 1, block.timestamp);
            }
            // At most the dust that is worth no wei is left.
            uint256 rest = _market.soldOf(Resource(i));
            vm.assertTrue(rest == 0 || _proceeds(i, rest, rest) <= 3, "not bought back");
        }
    }
}
