// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {OrderBookEscrow} from "./OrderBookEscrow.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title OrderBook
/// @notice See `IOrderBook`.
contract OrderBook is IOrderBook, OrderBookEscrow, Brakeable, AccessManaged {
    /// @inheritdoc IOrderBook
    uint256 public constant MAX_VALUE = type(uint96).max;

    /// @dev Base units of a token that a price is for.
    uint256 private constant WHOLE = 1e18;

    /// @inheritdoc IOrderBook
    uint256 public offerCount;
    mapping(IERC20 token => bool) private _listed;
    mapping(uint256 id => Offer) private _offers;

    /// @param authority_ AccessManager that says who may list tokens.
    /// @param initialOwner EmergencyBrake, which may stop `place` and `fill`.
    constructor(address authority_, address initialOwner) Brakeable(initialOwner) AccessManaged(authority_) {}

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IOrderBook
    function place(Side side, IERC20 token, uint256 amount, uint256 price, uint256 minFill, uint256 expiry)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256 id)
    {
        // Check
        if (!_listed[token]) revert OrderBook_NotListed(address(token));
        if (price == 0 || minFill == 0 || minFill > amount) revert OrderBook_BadTerms(amount, price, minFill);
        if (expiry <= block.timestamp || expiry > type(uint40).max) {
            revert OrderBook_BadExpiry(expiry, block.timestamp);
        }
        _requireStorable(amount);
        _requireStorable(price);
        uint256 escrow = 0;
        if (side == Side.Buy) {
            escrow = _valueOf(side, amount, price);
            if (escrow == 0) revert OrderBook_WorthNothing(amount, price);
            _requireStorable(escrow);
        }
        if (msg.value != escrow) revert OrderBook_WrongValue(msg.value, escrow);

        // Effect
        id = ++offerCount;
        _offers[id] = Offer({
            remaining: uint96(amount),
            escrow: uint96(escrow),
            expiry: uint40(expiry),
            side: side,
            maker: msg.sender,
            price: uint96(price),
            token: token,
            minFill: uint96(minFill)
        });
        emit OfferPlaced(id, msg.sender, address(token), side, amount, price, minFill, expiry);

        // Interaction
        if (side == Side.Sell) _collect(token, msg.sender, amount);
    }

    /// @inheritdoc IOrderBook
    function fill(uint256 id, IERC20 token, uint256 amount, uint256 limit, uint256 deadline)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256 value)
    {
        // Check
        if (block.timestamp > deadline) revert OrderBook_TooLate(deadline, block.timestamp);
        Offer storage offer = _offers[id];
        Side side;
        uint256 remaining;
        (side, value, remaining) = _quote(offer, id, amount);
        if (address(offer.token) != address(token)) {
            revert OrderBook_OtherToken(id, address(token), address(offer.token));
        }
        if (!_listed[token]) revert OrderBook_NotListed(address(token));

        if (side == Side.Sell) {
            if (value > limit) revert OrderBook_LimitExceeded(value, limit);
            if (value > msg.value) revert OrderBook_WrongValue(msg.value, value);

            // Effect
            _credit(offer.maker, NATIVE, value);
            _reduce(offer, id, remaining, 0);
            emit OfferFilled(id, msg.sender, amount, value, remaining);

            // Interaction
            _payInFull(token, msg.sender, amount);
            if (msg.value > value) Address.sendValue(payable(msg.sender), msg.value - value);
        } else {
            if (value < limit) revert OrderBook_LimitExceeded(value, limit);
            if (msg.value != 0) revert OrderBook_WrongValue(msg.value, 0);

            // Effect
            _credit(offer.maker, address(token), amount);
            _reduce(offer, id, remaining, value);
            emit OfferFilled(id, msg.sender, amount, value, remaining);

            // Interaction
            _collect(token, msg.sender, amount);
            Address.sendValue(payable(msg.sender), value);
        }
    }

    /// @inheritdoc IOrderBook
    function cancel(uint256 id) external nonReentrant {
        // Check
        Offer storage offer = _offers[id];
        (address maker, Side side) = (offer.maker, offer.side);
        if (maker == address(0)) revert OrderBook_NoOffer(id);
        if (msg.sender != maker && block.timestamp < offer.expiry) revert OrderBook_NotMaker(msg.sender, maker);

        // Effect
        uint256 returned = side == Side.Sell ? offer.remaining : offer.escrow;
        _credit(maker, side == Side.Sell ? address(offer.token) : NATIVE, returned);
        delete _offers[id];
        emit OfferCancelled(id, msg.sender, returned);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IOrderBook
    function setListed(IERC20 token, bool listed) external restricted {
        if (address(token).code.length == 0) revert OrderBook_NoContract(address(token));
        _listed[token] = listed;
        emit ListedSet(address(token), listed);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IOrderBook
    function offerOf(uint256 id) external view nonReentrantView returns (Offer memory) {
        return _offers[id];
    }

    /// @inheritdoc IOrderBook
    function isListed(IERC20 token) external view returns (bool) {
        return _listed[token];
    }

    /// @inheritdoc IOrderBook
    function quoteFill(uint256 id, uint256 amount) external view nonReentrantView returns (uint256 value) {
        (, value,) = _quote(_offers[id], id, amount);
    }

    /// @inheritdoc IOrderBook
    function valueOf(Side side, uint256 amount, uint256 price) external pure returns (uint256 value) {
        _requireStorable(amount);
        _requireStorable(price);
        return _valueOf(side, amount, price);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What a fill of `amount` is worth and leaves, if it is possible now.
    function _quote(Offer storage offer, uint256 id, uint256 amount)
        private
        view
        returns (Side side, uint256 value, uint256 remaining)
    {
        uint256 expiry = offer.expiry;
        if (expiry == 0) revert OrderBook_NoOffer(id);
        if (block.timestamp >= expiry) revert OrderBook_Expired(id, expiry);
        (side, remaining) = (offer.side, offer.remaining);
        if (amount > remaining) revert OrderBook_MoreThanRemains(amount, remaining);
        remaining -= amount;
        uint256 minFill = offer.minFill;
        if (amount < minFill) revert OrderBook_FillTooSmall(amount, minFill);
        if (remaining != 0 && remaining < minFill) revert OrderBook_LeavesTooLittle(remaining, minFill);
        uint256 price = offer.price;
        value = _valueOf(side, amount, price);
        if (value == 0) revert OrderBook_WorthNothing(amount, price);
        if (remaining != 0 && _valueOf(side, remaining, price) == 0) revert OrderBook_WorthNothing(remaining, price);
    }

    /// @dev After a fill. The values of parts, each rounded down, may add up to less than that of the whole: what the
    /// last fill leaves of the escrow is the maker's.
    function _reduce(Offer storage offer, uint256 id, uint256 remaining, uint256 paid) private {
        uint256 escrow = offer.escrow - paid;
        if (remaining != 0) {
            (offer.remaining, offer.escrow) = (uint96(remaining), uint96(escrow));
            return;
        }
        if (escrow != 0) _credit(offer.maker, NATIVE, escrow);
        delete _offers[id];
    }

    /// @dev Both below 2^96, so the product is below 2^192.
    function _valueOf(Side side, uint256 amount, uint256 price) private pure returns (uint256) {
        return side == Side.Sell ? Math.ceilDiv(amount * price, WHOLE) : amount * price / WHOLE;
    }

    function _requireStorable(uint256 value) private pure {
        if (value > MAX_VALUE) revert OrderBook_TooLarge(value, MAX_VALUE);
    }
}
