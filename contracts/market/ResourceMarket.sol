// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {ResourceMarketCurves} from "./ResourceMarketCurves.sol";
import {ResourceMarketInventory} from "./ResourceMarketInventory.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title ResourceMarket
/// @notice See `IResourceMarket`.
contract ResourceMarket is ResourceMarketInventory {
    using SafeERC20 for IERC20;

    constructor(address authority_, address owner_, address treasury_, Curve[4] memory curves, uint256 fee_)
        Brakeable(owner_)
        ResourceMarketCurves(curves)
        ResourceMarketInventory(authority_, treasury_, fee_)
    {}

    // ------------------------------------------------------------------------------------------------------------
    // Buying
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceMarket
    function purchaseResource(Resource resource, uint256 amount) external payable returns (uint256 cost) {
        return _purchase(resource, amount, msg.sender);
    }

    /// @inheritdoc IResourceMarket
    function purchaseResource(Resource resource, uint256 amount, address recipient, uint256 deadline)
        external
        payable
        returns (uint256 cost)
    {
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        return _purchase(resource, amount, recipient);
    }

    /// @inheritdoc IResourceMarket
    function purchaseExactIn(Resource resource, uint256 minAmount, address recipient, uint256 deadline)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 amount)
    {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Book memory book = _books[uint256(resource)];
        uint256 value;
        (amount, value) = _purchaseFor(resource, book, msg.value);
        if (amount < minAmount) revert ResourceMarket_InsufficientAmount(amount, minAmount);

        // Effect
        _recordPurchase(resource, book, recipient, amount, value, msg.value - value);

        // Interaction
        _token(resource).safeTransfer(recipient, amount);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Selling
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceMarket
    function sellResource(Resource resource, uint256 amount, uint256 minProceeds, uint256 deadline)
        external
        returns (uint256 proceeds)
    {
        return _sell(resource, amount, minProceeds, msg.sender, deadline);
    }

    /// @inheritdoc IResourceMarket
    function sellResource(Resource resource, uint256 amount, uint256 minProceeds, address recipient, uint256 deadline)
        external
        returns (uint256 proceeds)
    {
        _checkRecipient(recipient);
        return _sell(resource, amount, minProceeds, recipient, deadline);
    }

    /// @inheritdoc IResourceMarket
    function sellResourceWithPermit(
        Resource resource,
        uint256 amount,
        uint256 minProceeds,
        address recipient,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 proceeds) {
        _checkRecipient(recipient);
        // Whoever saw the permit on its way may have submitted it first; without an allowance the transfer reverts.
        try IERC20Permit(address(_token(resource))).permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        return _sell(resource, amount, minProceeds, recipient, deadline);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _purchase(Resource resource, uint256 amount, address recipient)
        private
        whenNotPaused
        nonReentrant
        returns (uint256 cost)
    {
        // Check
        Book memory book = _books[uint256(resource)];
        uint256 value = _valueOf(resource, book, amount);
        uint256 charged = _feeOn(value);
        cost = value + charged;
        if (cost > msg.value) revert ResourceMarket_InsufficientPayment(cost, msg.value);

        // Effect
        _recordPurchase(resource, book, recipient, amount, value, charged);

        // Interaction
        _token(resource).safeTransfer(recipient, amount);
        if (cost < msg.value) Address.sendValue(payable(msg.sender), msg.value - cost);
    }

    /// @dev Nothing is cut off: the amount is at most the inventory, which stocking keeps within 128 bits together with
    /// what has been sold, and the wei have been paid, of which there are fewer than 2^128.
    function _recordPurchase(
        Resource resource,
        Book memory book,
        address recipient,
        uint256 amount,
        uint256 value,
        uint256 charged
    ) private {
        book.sold += uint128(amount);
        book.reserve += uint128(value);
        book.inventory -= uint128(amount);
        book.fees += uint128(charged);
        _books[uint256(resource)] = book;
        emit ResourcePurchased(resource, msg.sender, recipient, amount, value + charged, charged);
    }

    function _sell(Resource resource, uint256 amount, uint256 minProceeds, address recipient, uint256 deadline)
        private
        nonReentrant
        returns (uint256 proceeds)
    {
        // Check
        _checkDeadline(deadline);
        Book memory book = _books[uint256(resource)];
        uint256 charged;
        (proceeds, charged) = _sale(resource, book, amount);
        if (proceeds < minProceeds) revert ResourceMarket_InsufficientProceeds(proceeds, minProceeds);

        // Effect
        book.sold -= uint128(amount);
        book.reserve -= uint128(proceeds + charged);
        book.inventory += uint128(amount);
        book.fees += uint128(charged);
        _books[uint256(resource)] = book;
        emit ResourceSold(resource, msg.sender, recipient, amount, proceeds, charged);

        // Interaction
        _token(resource).safeTransferFrom(msg.sender, address(this), amount);
        Address.sendValue(payable(recipient), proceeds);
    }
}
