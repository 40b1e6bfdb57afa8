// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Resource} from "./IResources.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IResourceMarket
/// @notice Sells the four resource tokens for the native currency, and buys back what it has sold, along one bonding
/// curve each: price(r) = base · (1 + r / steepness) wei per whole token, where r counts the tokens sold net of those
/// sold back. Formulae, roundings and their proofs are in docs/market.md.
/// @dev Amounts are in base units of a token of 18 decimals, native amounts in wei.
///
/// *Solvency.* The reserve of a resource always covers its curve from 0 to r: whatever the order of sales, all r tokens
/// can be sold back. It buys back r tokens and no more, from whoever comes first: who sells tokens that came from
/// elsewhere takes the place of a buyer, who finds the lower price that then holds, or nothing left to sell into. Governance
/// is one of them: no function pays it from a reserve, but what it holds, mints or takes out of stock it can sell here like
/// anybody, up to all r; its timelock lets others sell before.
///
/// *Counting.* Inventory, reserve and fees are counted; tokens sent here and ether forced in belong to nobody and change
/// no price. The tokens are ordinary ERC-20s: none that take a fee in transit, rebase or call back.
///
/// *Sandwich.* Who trades around an order and ends with the tokens they began with gains at most what the order leaves
/// between its price and its limit. A quotation is no oracle: anyone moves it within one transaction.
///
/// *Pause.* Stops purchases. Selling, stocking and collecting never stop.
interface IResourceMarket {
    // ------------------------------------------------------------------------------------------------------------
    // Types, errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice What fixes the price of a resource, for ever.
    struct Curve {
        IERC20 token;
        /// @dev Wei per whole token when none has been sold.
        uint128 base;
        /// @dev Base units of the token after whose sale the price has doubled.
        uint128 steepness;
    }

    /// @notice A curve needs a token, a base and a steepness.
    error ResourceMarket_InvalidCurve(Resource resource);

    /// @notice There must be a treasury.
    error ResourceMarket_NoTreasury();

    /// @notice `fee` is more than `limit`, both in parts per million.
    error ResourceMarket_FeeTooHigh(uint256 fee, uint256 limit);

    /// @notice The amount is zero, or so small that it brings nothing.
    error ResourceMarket_ZeroAmount();

    /// @notice It is `time`, later than the `deadline` in seconds that the caller has set.
    error ResourceMarket_Expired(uint256 deadline, uint256 time);

    /// @notice Nothing may be sent to `recipient`: the zero address or the market itself.
    error ResourceMarket_InvalidRecipient(address recipient);

    /// @notice It costs `cost` wei, more than the `payment` sent along.
    error ResourceMarket_InsufficientPayment(uint256 cost, uint256 payment);

    /// @notice There are `inventory` to be had, fewer than `amount`.
    error ResourceMarket_InsufficientInventory(Resource resource, uint256 amount, uint256 inventory);

    /// @notice The payment buys `amount`, fewer than `minAmount`.
    error ResourceMarket_InsufficientAmount(uint256 amount, uint256 minAmount);

    /// @notice The sale brings `proceeds` wei, less than `minProceeds`.
    error ResourceMarket_InsufficientProceeds(uint256 proceeds, uint256 minProceeds);

    /// @notice The curve has sold `sold` and buys no more than that back; `amount` is more.
    error ResourceMarket_InsufficientSold(Resource resource, uint256 amount, uint256 sold);

    /// @notice Sold and inventory together would pass 128 bits with another `amount`.
    error ResourceMarket_TooMuchStock(Resource resource, uint256 amount);

    /// @notice No fees of this resource wait to be collected.
    error ResourceMarket_NoFees(Resource resource);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `buyer` has paid `cost` wei, `fee` of it as the fee, for `amount` that `recipient` got.
    event ResourcePurchased(
        Resource indexed resource,
        address indexed buyer,
        address indexed recipient,
        uint256 amount,
        uint256 cost,
        uint256 fee
    );

    /// @notice `seller` has sold `amount` back; `recipient` got `proceeds` wei, `fee` having been taken off.
    event ResourceSold(
        Resource indexed resource,
        address indexed seller,
        address indexed recipient,
        uint256 amount,
        uint256 proceeds,
        uint256 fee
    );

    /// @notice `from` has moved `amount` into the inventory.
    event ResourceStocked(Resource indexed resource, address indexed from, uint256 amount);

    /// @notice Governance has moved `amount` out of the inventory to `recipient`.
    event ResourceUnstocked(Resource indexed resource, address indexed recipient, uint256 amount);

    /// @notice The fee is `fee` parts per million from now on.
    event FeeSet(uint256 fee);

    /// @notice `amount` wei of fees have gone to the treasury.
    event FeesCollected(Resource indexed resource, uint256 amount);

    // ------------------------------------------------------------------------------------------------------------
    // Buying
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Buy exactly `amount` for the caller. The payment is the limit; what is left of it comes back.
    /// @return cost Wei paid, fee included.
    function purchaseResource(Resource resource, uint256 amount) external payable returns (uint256 cost);

    /// @notice Buy exactly `amount` for `recipient` until `deadline` in seconds. The payment is the limit; what is left
    /// of it comes back to the caller.
    /// @return cost Wei paid, fee included.
    function purchaseResource(Resource resource, uint256 amount, address recipient, uint256 deadline)
        external
        payable
        returns (uint256 cost);

    /// @notice Spend the whole payment on as much as it buys, at least `minAmount`, for `recipient` until `deadline`.
    /// @dev What cannot be spent, less than one base unit of the token costs, is part of the fee: nothing comes back.
    /// @return amount Bought, the largest that the payment covers.
    function purchaseExactIn(Resource resource, uint256 minAmount, address recipient, uint256 deadline)
        external
        payable
        returns (uint256 amount);

    // ------------------------------------------------------------------------------------------------------------
    // Selling
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Sell `amount`, which the caller has approved, back until `deadline` for at least `minProceeds` wei.
    /// @return proceeds Wei received, the fee taken off.
    function sellResource(Resource resource, uint256 amount, uint256 minProceeds, uint256 deadline)
        external
        returns (uint256 proceeds);

    /// @notice The same; `recipient` gets the proceeds.
    function sellResource(Resource resource, uint256 amount, uint256 minProceeds, address recipient, uint256 deadline)
        external
        returns (uint256 proceeds);

    /// @notice The same with the caller's permit (ERC-2612) for `amount` until `deadline` instead of an approval.
    /// @dev A permit that somebody else has already submitted does not matter: its allowance is there.
    function sellResourceWithPermit(
        Resource resource,
        uint256 amount,
        uint256 minProceeds,
        address recipient,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 proceeds);

    // ------------------------------------------------------------------------------------------------------------
    // Inventory and fees
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Move `amount` of the caller's tokens, which it has approved, into the inventory: a gift to the market.
    function stock(Resource resource, uint256 amount) external;

    /// @notice Move `amount` out of the inventory. What has been sold does not need it: the reserve pays for that. Tokens
    /// taken out can be sold here like any others.
    /// @dev Restricted to governance.
    function unstock(Resource resource, uint256 amount, address recipient) external;

    /// @notice Take `newFee` parts per million of the curve's value on each purchase and sale from now on.
    /// @dev Restricted to governance.
    function setFee(uint256 newFee) external;

    /// @notice Send the fees of this resource to the treasury; anyone may.
    /// @return amount Wei sent.
    function collectFees(Resource resource) external returns (uint256 amount);

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Price of a whole token in wei at this point of the curve, rounded up, without fee.
    function getSpotPrice(Resource resource) external view returns (uint256);

    /// @notice What `purchaseResource` of `amount` would cost now in wei, fee included.
    function quoteBuy(Resource resource, uint256 amount) external view returns (uint256 cost);

    /// @notice What `purchaseExactIn` with `payment` wei would bring now.
    function quoteBuyExactIn(Resource resource, uint256 payment) external view returns (uint256 amount);

    /// @notice What `sellResource` of `amount` would bring now in wei, the fee taken off.
    function quoteSell(Resource resource, uint256 amount) external view returns (uint256 proceeds);

    /// @notice The token, base and steepness of this resource.
    function curveOf(Resource resource) external view returns (Curve memory);

    /// @notice Tokens that the curve has sold net of those it bought back: where on the curve the price stands.
    function soldOf(Resource resource) external view returns (uint256);

    /// @notice Wei that back the tokens sold; fees are not among them.
    function reserveOf(Resource resource) external view returns (uint256);

    /// @notice Tokens that can be bought.
    function inventoryOf(Resource resource) external view returns (uint256);

    /// @notice Wei of fees that wait to be collected.
    function feesOf(Resource resource) external view returns (uint256);

    /// @notice The fee in parts per million.
    function fee() external view returns (uint24);

    /// @notice The highest fee that can be set, in parts per million.
    function MAX_FEE() external view returns (uint256);

    /// @notice Where fees go.
    function treasury() external view returns (address);
}
