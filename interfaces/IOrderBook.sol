// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IOrderBook
/// @notice Offers between people: tokens for native currency (`Sell`) or native currency for tokens (`Buy`), at a price
/// that the maker states, filled in parts by anybody until they expire.
///
/// - What an offer promises lies here from the moment it is placed: tokens for a `Sell`, native currency for a `Buy`.
/// - The taker is paid at once. The maker's proceeds, and what is left of an offer that ends, are added to a balance
///   that the maker withdraws, so that no maker can stand in the way of a fill or of the end of an offer.
/// - Prices are in wei for 1e18 base units of the token. A value is rounded against the taker: up for the taker of a
///   `Sell`, who pays it, down for the taker of a `Buy`, who receives it.
/// - A fill takes all that remains, or at least `minFill` and leaves at least `minFill` that is worth a wei: no rest too
///   small to be worth its gas remains, and what remains can be taken whole.
/// - Governance lists the tokens. Unlisting one, or the brake, stops `place` and `fill`; `cancel` and `withdraw` always
///   work, and what an offer holds in one currency never depends on another.
///
/// @dev Only what has been sent through these functions counts: native currency forced into the contract and tokens sent
/// to it belong to nobody. A token that brings less than was sent, or takes more, is refused as it happens; one whose
/// balances change without transfers must not be listed.
interface IOrderBook {
    /// @notice What the maker does.
    enum Side {
        /// @dev Gives tokens for native currency.
        Sell,
        /// @dev Gives native currency for tokens.
        Buy
    }

    /// @notice An offer that stands; all zero when it has ended or never was.
    /// @dev Three slots; a fill writes the first alone, and the last fill and `cancel` clear all.
    ///
    ///     0   side 8 | expiry 40 | escrow 96 | remaining 96
    ///     1   price 96 | maker 160
    ///     2   minFill 96 | token 160
    struct Offer {
        /// @dev Base units of the token still to be sold or bought.
        uint96 remaining;
        /// @dev Wei held for a `Buy`; 0 for a `Sell`, which holds `remaining`.
        uint96 escrow;
        /// @dev From this second on it cannot be filled, and anybody may end it.
        uint40 expiry;
        Side side;
        address maker;
        /// @dev Wei for 1e18 base units of the token.
        uint96 price;
        IERC20 token;
        /// @dev Least amount of a fill, and of what it leaves, in base units of the token.
        uint96 minFill;
    }

    /// @notice Nothing has this number, or it has ended.
    error OrderBook_NoOffer(uint256 id);

    /// @notice The offer is of `offered`, not of `token`.
    error OrderBook_OtherToken(uint256 id, address token, address offered);

    /// @notice Governance has not listed `token`, or no longer does.
    error OrderBook_NotListed(address token);

    /// @notice `token` is no contract.
    error OrderBook_NoContract(address token);

    /// @notice `amount`, `price` and `minFill` are at least 1 and `minFill` is at most `amount`.
    error OrderBook_BadTerms(uint256 amount, uint256 price, uint256 minFill);

    /// @notice `value` is above `max`, the largest that an offer can state or hold.
    error OrderBook_TooLarge(uint256 value, uint256 max);

    /// @notice `amount`, offered, taken or left, is worth less than 1 wei at this price.
    error OrderBook_WorthNothing(uint256 amount, uint256 price);

    /// @notice An offer must expire later than now, and before the year 36812.
    error OrderBook_BadExpiry(uint256 expiry, uint256 time);

    /// @notice The offer has expired.
    error OrderBook_Expired(uint256 id, uint256 expiry);

    /// @notice The caller's `deadline` has passed.
    error OrderBook_TooLate(uint256 deadline, uint256 time);

    /// @notice `sent` wei came with the call, `needed` are asked for.
    error OrderBook_WrongValue(uint256 sent, uint256 needed);

    /// @notice A fill must be at least `minFill`.
    error OrderBook_FillTooSmall(uint256 amount, uint256 minFill);

    /// @notice A fill must leave nothing or at least `minFill`, not `rest`.
    error OrderBook_LeavesTooLittle(uint256 rest, uint256 minFill);

    /// @notice Only `remaining` is left of the offer.
    error OrderBook_MoreThanRemains(uint256 amount, uint256 remaining);

    /// @notice `value` wei are more than the taker pays, or less than the taker accepts: `limit`.
    error OrderBook_LimitExceeded(uint256 value, uint256 limit);

    /// @notice Until the offer expires, only its maker can end it.
    error OrderBook_NotMaker(address caller, address maker);

    /// @notice `account` has nothing of `token` to withdraw.
    error OrderBook_NothingToWithdraw(address account, address token);

    /// @notice `recipient` can be sent nothing.
    error OrderBook_BadRecipient(address recipient);

    /// @notice A transfer of `expected` moved `moved`.
    error OrderBook_InexactTransfer(address token, uint256 expected, uint256 moved);

    /// @notice `maker` offers `amount` of `token` at `price`.
    event OfferPlaced(
        uint256 indexed id,
        address indexed maker,
        address indexed token,
        Side side,
        uint256 amount,
        uint256 price,
        uint256 minFill,
        uint256 expiry
    );

    /// @notice `taker` has given or taken `amount` for `value` wei; the offer has ended if nothing remains.
    event OfferFilled(uint256 indexed id, address indexed taker, uint256 amount, uint256 value, uint256 remaining);

    /// @notice `caller` has ended the offer; `returned` base units of the token or wei are in its maker's balance.
    event OfferCancelled(uint256 indexed id, address indexed caller, uint256 returned);

    /// @notice `account` has withdrawn its balance of `token` (zero: native currency) to `recipient`.
    event Withdrawn(address indexed account, address indexed token, address indexed recipient, uint256 amount);

    /// @notice `token` may be offered and filled from now on, or no longer.
    event ListedSet(address indexed token, bool listed);

    /// @notice Largest price, amount and escrow of an offer: 2^96 - 1.
    function MAX_VALUE() external view returns (uint256);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Place an offer. A `Sell` takes `amount` of `token` by allowance; with a `Buy` exactly
    /// `valueOf(Side.Buy, amount, price)` wei are sent.
    /// @param amount Base units of `token` to sell or buy.
    /// @param price Wei for 1e18 base units.
    /// @param minFill Least part of a fill, and of what it leaves; 1 for any, `amount` for all or nothing.
    /// @param expiry Second from which on it cannot be filled.
    /// @return id Its number; the first is 1.
    function place(Side side, IERC20 token, uint256 amount, uint256 price, uint256 minFill, uint256 expiry)
        external
        payable
        returns (uint256 id);

    /// @notice Take `amount` of an offer. Of a `Sell` the caller pays `quoteFill(id, amount)` out of the wei sent with
    /// the call, and gets the tokens and the rest of the wei; to a `Buy` it gives `amount` of the token by allowance and
    /// gets the wei.
    /// @dev Token, amount and limit say all that the taker agrees to: an offer that got this number in a
    /// reorganised chain cannot be another bargain.
    /// @param token Token that the caller takes the offer to be of.
    /// @param limit Most that the caller pays, or least that it receives, in wei.
    /// @param deadline Last second at which the call may be mined.
    /// @return value Wei that were paid or received.
    function fill(uint256 id, IERC20 token, uint256 amount, uint256 limit, uint256 deadline)
        external
        payable
        returns (uint256 value);

    /// @notice End an offer; what it holds is added to its maker's balance. Its maker may do so at any time, anybody
    /// once it has expired.
    function cancel(uint256 id) external;

    /// @notice Send all of the caller's balance of `token` (zero: native currency) to `recipient`.
    /// @return amount What was sent, in base units or wei.
    function withdraw(address token, address recipient) external returns (uint256 amount);

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Allow or stop offers and fills of `token`.
    /// @dev Restricted to governance.
    function setListed(IERC20 token, bool listed) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice The offer of this number; all zero when it has ended or never was.
    function offerOf(uint256 id) external view returns (Offer memory offer);

    /// @notice How many offers have been placed; their numbers are 1 to this.
    function offerCount() external view returns (uint256);

    /// @notice Whether `token` may be offered and filled.
    function isListed(IERC20 token) external view returns (bool);

    /// @notice What `account` can withdraw of `token` (zero: native currency), in base units or wei.
    function balanceOf(address account, address token) external view returns (uint256);

    /// @notice Wei that `amount` of the offer costs (`Sell`) or brings (`Buy`), as a fill would count it now.
    /// @dev Reverts when the offer has ended or expired or the amount cannot be filled.
    function quoteFill(uint256 id, uint256 amount) external view returns (uint256 value);

    /// @notice Wei of `amount` base units at `price`, rounded up for the taker of a `Sell` and down for that of a `Buy`.
    function valueOf(Side side, uint256 amount, uint256 price) external pure returns (uint256 value);
}
