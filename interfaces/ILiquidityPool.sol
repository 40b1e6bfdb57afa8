// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Resource} from "./IResources.sol";
import {IERC6909Metadata, IERC6909TokenSupply} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ILiquidityPool
/// @notice Four constant-product pools, each of a resource token and the native currency. Who adds to one gets shares of
/// it, ERC-6909 tokens whose id is the resource, and with them the fee of 0.3 % on every swap; nobody else takes a fee.
/// Formulae and roundings are in docs/market.md.
/// @dev Amounts are in base units of the token (18 decimals), native amounts in wei.
///
/// *Counting.* Reserves are counted; tokens sent here and ether forced in belong to nobody and change no price, so a first
/// provider cannot inflate the value of a share against the second. The first also leaves `LOCKED_SHARES` behind.
/// The tokens are ordinary ERC-20s: none that take a fee in transit, rebase or call back.
///
/// *Reading.* What prices by this pool must know that anyone moves its reserves within one transaction: neither they nor
/// a quotation nor `sharePrice` are an oracle. They cannot be read while the pool is in the middle of an action.
///
/// *Sandwich.* Who trades around a swap and ends with the tokens they began with gains at most what the swap's limit
/// leaves; docs/market.md states the bound.
///
/// *Pause.* Stops adding and both directions of swapping, one of which alone would drain a side. Removing never stops.
interface ILiquidityPool is IERC6909TokenSupply, IERC6909Metadata {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice There must be a token for this resource.
    error LiquidityPool_NoToken(Resource resource);

    /// @notice An amount is zero, or so small that it brings nothing.
    error LiquidityPool_ZeroAmount();

    /// @notice It is `time`, later than the `deadline` in seconds that the caller has set.
    error LiquidityPool_Expired(uint256 deadline, uint256 time);

    /// @notice Nothing may be sent to `recipient`: the zero address or the pool itself.
    error LiquidityPool_InvalidRecipient(address recipient);

    /// @notice Nobody has added to the pool of this resource yet.
    error LiquidityPool_Empty(Resource resource);

    /// @notice The product of what the first provider adds has a root of `root`, no more than the `locked` shares.
    error LiquidityPool_FirstTooSmall(uint256 root, uint256 locked);

    /// @notice A reserve of this resource would not fit 128 bits with another `amount`.
    error LiquidityPool_TooMuch(Resource resource, uint256 amount);

    /// @notice The pool has a reserve of `reserve`, of which `amount` cannot be bought.
    error LiquidityPool_InsufficientReserve(uint256 amount, uint256 reserve);

    /// @notice There would be `shares`, fewer than `minShares`.
    error LiquidityPool_InsufficientShares(uint256 shares, uint256 minShares);

    /// @notice The pool has given out `circulating` shares; `shares` is more.
    error LiquidityPool_ExcessiveShares(uint256 shares, uint256 circulating);

    /// @notice There would be `amount` of the token, less than `minAmount`.
    error LiquidityPool_InsufficientToken(uint256 amount, uint256 minAmount);

    /// @notice There would be `amount` wei, less than `minAmount`.
    error LiquidityPool_InsufficientNative(uint256 amount, uint256 minAmount);

    /// @notice It takes `amount` of the token, more than `maxAmount`.
    error LiquidityPool_ExcessiveToken(uint256 amount, uint256 maxAmount);

    /// @notice It takes `amount` wei, more than the `payment` sent along.
    error LiquidityPool_InsufficientPayment(uint256 amount, uint256 payment);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `provider` has added to the pool; `recipient` got the shares.
    event LiquidityAdded(
        Resource indexed resource,
        address indexed provider,
        address indexed recipient,
        uint256 nativeAmount,
        uint256 tokenAmount,
        uint256 shares
    );

    /// @notice `provider` has given up shares; `recipient` got both amounts.
    event LiquidityRemoved(
        Resource indexed resource,
        address indexed provider,
        address indexed recipient,
        uint256 nativeAmount,
        uint256 tokenAmount,
        uint256 shares
    );

    /// @notice `trader` has bought tokens, which `recipient` got.
    event NativeSwapped(
        Resource indexed resource, address indexed trader, address indexed recipient, uint256 nativeIn, uint256 tokenOut
    );

    /// @notice `trader` has sold tokens; `recipient` got the native currency.
    event TokenSwapped(
        Resource indexed resource, address indexed trader, address indexed recipient, uint256 tokenIn, uint256 nativeOut
    );

    // ------------------------------------------------------------------------------------------------------------
    // Providing
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Add, at the pool's present ratio, as much as the payment and `maxToken` of the approved token allow; what
    /// is left of the payment comes back to the caller. The first provider sets the ratio: all of both goes in.
    /// @param minToken At least so much of the token must go in: together with `minShares` a limit on the ratio.
    /// @param deadline In seconds.
    /// @return nativeAmount Wei that went in.
    /// @return tokenAmount Tokens that went in.
    /// @return shares What `recipient` got.
    function add(
        Resource resource,
        uint256 maxToken,
        uint256 minToken,
        uint256 minShares,
        address recipient,
        uint256 deadline
    ) external payable returns (uint256 nativeAmount, uint256 tokenAmount, uint256 shares);

    /// @notice Give up `shares` of the caller for their part of both reserves.
    /// @param deadline In seconds.
    function remove(
        Resource resource,
        uint256 shares,
        uint256 minNative,
        uint256 minToken,
        address recipient,
        uint256 deadline
    ) external returns (uint256 nativeAmount, uint256 tokenAmount);

    // ------------------------------------------------------------------------------------------------------------
    // Swapping
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Sell the whole payment for at least `minToken`.
    function swapNativeForToken(Resource resource, uint256 minToken, address recipient, uint256 deadline)
        external
        payable
        returns (uint256 tokenOut);

    /// @notice Buy exactly `tokenOut`. The payment is the limit; what is left of it comes back to the caller.
    function swapNativeForExactToken(Resource resource, uint256 tokenOut, address recipient, uint256 deadline)
        external
        payable
        returns (uint256 nativeIn);

    /// @notice Sell `tokenIn`, which the caller has approved, for at least `minNative` wei.
    function swapTokenForNative(
        Resource resource,
        uint256 tokenIn,
        uint256 minNative,
        address recipient,
        uint256 deadline
    ) external returns (uint256 nativeOut);

    /// @notice Buy exactly `nativeOut` wei for at most `maxToken`, which the caller has approved.
    function swapTokenForExactNative(
        Resource resource,
        uint256 nativeOut,
        uint256 maxToken,
        address recipient,
        uint256 deadline
    ) external returns (uint256 tokenIn);

    // ------------------------------------------------------------------------------------------------------------
    // Views: none of them is an oracle
    // ------------------------------------------------------------------------------------------------------------

    /// @notice What the pool holds.
    function reservesOf(Resource resource) external view returns (uint256 native, uint256 token);

    /// @notice What 1e18 shares are worth now, rounded down; zero for a pool that nobody has added to.
    function sharePrice(Resource resource) external view returns (uint256 native, uint256 token);

    /// @notice What `add` with this payment and `maxToken` would take and give now.
    function quoteAdd(Resource resource, uint256 payment, uint256 maxToken)
        external
        view
        returns (uint256 nativeAmount, uint256 tokenAmount, uint256 shares);

    /// @notice What `remove` of `shares` would give now.
    function quoteRemove(Resource resource, uint256 shares)
        external
        view
        returns (uint256 nativeAmount, uint256 tokenAmount);

    /// @notice What `swapNativeForToken` with `nativeIn` wei would give now.
    function quoteNativeForToken(Resource resource, uint256 nativeIn) external view returns (uint256 tokenOut);

    /// @notice What `swapNativeForExactToken` of `tokenOut` would cost now.
    function quoteNativeForExactToken(Resource resource, uint256 tokenOut) external view returns (uint256 nativeIn);

    /// @notice What `swapTokenForNative` of `tokenIn` would give now.
    function quoteTokenForNative(Resource resource, uint256 tokenIn) external view returns (uint256 nativeOut);

    /// @notice What `swapTokenForExactNative` of `nativeOut` wei would take now.
    function quoteTokenForExactNative(Resource resource, uint256 nativeOut) external view returns (uint256 tokenIn);

    /// @notice The token of this resource.
    function tokenOf(Resource resource) external view returns (IERC20);

    /// @notice The fee on what goes in, in parts per million.
    function FEE() external view returns (uint256);

    /// @notice Shares of each pool that nobody can give up.
    function LOCKED_SHARES() external view returns (uint256);
}
