// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {ResourceMarketCurves} from "./ResourceMarketCurves.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title ResourceMarketInventory
/// @notice What governance administers: what is there to be sold, and the fee.
abstract contract ResourceMarketInventory is ResourceMarketCurves, AccessManaged {
    using SafeERC20 for IERC20;

    /// @inheritdoc IResourceMarket
    address public immutable treasury;

    constructor(address authority_, address treasury_, uint256 fee_) AccessManaged(authority_) {
        if (treasury_ == address(0)) revert ResourceMarket_NoTreasury();
        treasury = treasury_;
        _setFee(fee_);
    }

    /// @inheritdoc IResourceMarket
    function stock(Resource resource, uint256 amount) external nonReentrant {
        // Check
        if (amount == 0) revert ResourceMarket_ZeroAmount();
        Book storage book = _books[uint256(resource)];
        // So that a purchase and a sale, which move between the two, never pass 128 bits.
        if (amount > type(uint128).max - book.inventory - book.sold) {
            revert ResourceMarket_TooMuchStock(resource, amount);
        }

        // Effect
        book.inventory += uint128(amount);
        emit ResourceStocked(resource, msg.sender, amount);

        // Interaction
        _token(resource).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IResourceMarket
    function unstock(Resource resource, uint256 amount, address recipient) external restricted nonReentrant {
        // Check
        if (amount == 0) revert ResourceMarket_ZeroAmount();
        _checkRecipient(recipient);
        Book storage book = _books[uint256(resource)];
        if (amount > book.inventory) {
            revert ResourceMarket_InsufficientInventory(resource, amount, book.inventory);
        }

        // Effect
        book.inventory -= uint128(amount);
        emit ResourceUnstocked(resource, recipient, amount);

        // Interaction
        _token(resource).safeTransfer(recipient, amount);
    }

    /// @inheritdoc IResourceMarket
    function setFee(uint256 fee_) external restricted {
        _setFee(fee_);
    }

    /// @inheritdoc IResourceMarket
    function collectFees(Resource resource) external nonReentrant returns (uint256 amount) {
        // Check
        Book storage book = _books[uint256(resource)];
        amount = book.fees;
        if (amount == 0) revert ResourceMarket_NoFees(resource);

        // Effect
        book.fees = 0;
        emit FeesCollected(resource, amount);

        // Interaction
        Address.sendValue(payable(treasury), amount);
    }

    function _setFee(uint256 fee_) private {
        if (fee_ > MAX_FEE) revert ResourceMarket_FeeTooHigh(fee_, MAX_FEE);
        fee = uint24(fee_);
        emit FeeSet(fee_);
    }
}
