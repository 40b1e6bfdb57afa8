// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {LiquidityPoolReserves} from "./LiquidityPoolReserves.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title LiquidityPool
/// @notice See `ILiquidityPool`.
contract LiquidityPool is LiquidityPoolReserves {
    using SafeERC20 for IERC20;

    /// @dev Holds the locked shares; nobody has its key.
    address private constant LOCK = 0x000000000000000000000000000000000000dEaD;

    constructor(address owner_, IERC20[4] memory tokens) Brakeable(owner_) LiquidityPoolReserves(tokens) {}

    // ------------------------------------------------------------------------------------------------------------
    // Providing
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityPool
    function add(
        Resource resource,
        uint256 maxToken,
        uint256 minToken,
        uint256 minShares,
        address recipient,
        uint256 deadline
    ) external payable whenNotPaused nonReentrant returns (uint256 nativeAmount, uint256 tokenAmount, uint256 shares) {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        (nativeAmount, tokenAmount, shares) = _addition(resource, reserves, msg.value, maxToken);
        if (tokenAmount < minToken) revert LiquidityPool_InsufficientToken(tokenAmount, minToken);
        if (shares < minShares) revert LiquidityPool_InsufficientShares(shares, minShares);

        // Effect
        if (reserves.native == 0) _mint(LOCK, uint256(resource), LOCKED_SHARES);
        reserves.native += uint128(nativeAmount);
        reserves.token += uint128(tokenAmount);
        _reserves[uint256(resource)] = reserves;
        _mint(recipient, uint256(resource), shares);
        emit LiquidityAdded(resource, msg.sender, recipient, nativeAmount, tokenAmount, shares);

        // Interaction
        _token(resource).safeTransferFrom(msg.sender, address(this), tokenAmount);
        if (nativeAmount < msg.value) Address.sendValue(payable(msg.sender), msg.value - nativeAmount);
    }

    /// @inheritdoc ILiquidityPool
    function remove(
        Resource resource,
        uint256 shares,
        uint256 minNative,
        uint256 minToken,
        address recipient,
        uint256 deadline
    ) external nonReentrant returns (uint256 nativeAmount, uint256 tokenAmount) {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        (nativeAmount, tokenAmount) = _removal(resource, reserves, shares);
        if (nativeAmount < minNative) revert LiquidityPool_InsufficientNative(nativeAmount, minNative);
        if (tokenAmount < minToken) revert LiquidityPool_InsufficientToken(tokenAmount, minToken);

        // Effect
        _burn(msg.sender, uint256(resource), shares);
        reserves.native -= uint128(nativeAmount);
        reserves.token -= uint128(tokenAmount);
        _reserves[uint256(resource)] = reserves;
        emit LiquidityRemoved(resource, msg.sender, recipient, nativeAmount, tokenAmount, shares);

        // Interaction
        _token(resource).safeTransfer(recipient, tokenAmount);
        Address.sendValue(payable(recipient), nativeAmount);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Swapping
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityPool
    function swapNativeForToken(Resource resource, uint256 minToken, address recipient, uint256 deadline)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 tokenOut)
    {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        tokenOut = _outputFor(resource, msg.value, reserves.native, reserves.token);
        if (tokenOut < minToken) revert LiquidityPool_InsufficientToken(tokenOut, minToken);

        // Effect, Interaction
        _sellNative(resource, reserves, msg.value, tokenOut, recipient);
    }

    /// @inheritdoc ILiquidityPool
    function swapNativeForExactToken(Resource resource, uint256 tokenOut, address recipient, uint256 deadline)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 nativeIn)
    {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        nativeIn = _inputFor(resource, tokenOut, reserves.native, reserves.token);
        if (nativeIn > msg.value) revert LiquidityPool_InsufficientPayment(nativeIn, msg.value);

        // Effect, Interaction
        _sellNative(resource, reserves, nativeIn, tokenOut, recipient);
        if (nativeIn < msg.value) Address.sendValue(payable(msg.sender), msg.value - nativeIn);
    }

    /// @inheritdoc ILiquidityPool
    function swapTokenForNative(
        Resource resource,
        uint256 tokenIn,
        uint256 minNative,
        address recipient,
        uint256 deadline
    ) external whenNotPaused nonReentrant returns (uint256 nativeOut) {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        nativeOut = _outputFor(resource, tokenIn, reserves.token, reserves.native);
        if (nativeOut < minNative) revert LiquidityPool_InsufficientNative(nativeOut, minNative);

        // Effect, Interaction
        _sellToken(resource, reserves, tokenIn, nativeOut, recipient);
    }

    /// @inheritdoc ILiquidityPool
    function swapTokenForExactNative(
        Resource resource,
        uint256 nativeOut,
        uint256 maxToken,
        address recipient,
        uint256 deadline
    ) external whenNotPaused nonReentrant returns (uint256 tokenIn) {
        // Check
        _checkDeadline(deadline);
        _checkRecipient(recipient);
        Reserves memory reserves = _reserves[uint256(resource)];
        tokenIn = _inputFor(resource, nativeOut, reserves.token, reserves.native);
        if (tokenIn > maxToken) revert LiquidityPool_ExcessiveToken(tokenIn, maxToken);

        // Effect, Interaction
        _sellToken(resource, reserves, tokenIn, nativeOut, recipient);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _sellNative(
        Resource resource,
        Reserves memory reserves,
        uint256 nativeIn,
        uint256 tokenOut,
        address recipient
    ) private {
        // Effect
        reserves.native += uint128(nativeIn);
        reserves.token -= uint128(tokenOut);
        _reserves[uint256(resource)] = reserves;
        emit NativeSwapped(resource, msg.sender, recipient, nativeIn, tokenOut);

        // Interaction
        _token(resource).safeTransfer(recipient, tokenOut);
    }

    function _sellToken(
        Resource resource,
        Reserves memory reserves,
        uint256 tokenIn,
        uint256 nativeOut,
        address recipient
    ) private {
        // Effect
        reserves.token += uint128(tokenIn);
        reserves.native -= uint128(nativeOut);
        _reserves[uint256(resource)] = reserves;
        emit TokenSwapped(resource, msg.sender, recipient, tokenIn, nativeOut);

        // Interaction
        _token(resource).safeTransferFrom(msg.sender, address(this), tokenIn);
        Address.sendValue(payable(recipient), nativeOut);
    }
}
