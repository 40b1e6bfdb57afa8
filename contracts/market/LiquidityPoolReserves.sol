// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {PoolMath} from "./PoolMath.sol";
import {IERC6909TokenSupply} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ERC6909Metadata} from "@openzeppelin/contracts/token/ERC6909/extensions/ERC6909Metadata.sol";
import {ERC6909TokenSupply} from "@openzeppelin/contracts/token/ERC6909/extensions/ERC6909TokenSupply.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title LiquidityPoolReserves
/// @notice The reserves, the shares in them, and what an action would bring now.
abstract contract LiquidityPoolReserves is
    ILiquidityPool,
    Brakeable,
    ERC6909TokenSupply,
    ERC6909Metadata,
    ReentrancyGuardTransient
{
    /// @dev One slot for each resource.
    ///
    ///      255                                  128 127                                    0
    ///     +----------------------------------------+----------------------------------------+
    ///     |  token: base units                     |  native: wei                           |
    ///     +----------------------------------------+----------------------------------------+
    struct Reserves {
        uint128 native;
        uint128 token;
    }

    /// @inheritdoc ILiquidityPool
    uint256 public constant FEE = PoolMath.PPM - PoolMath.KEPT;
    /// @inheritdoc ILiquidityPool
    uint256 public constant LOCKED_SHARES = 1_000;

    IERC20 private immutable _cpuToken;
    IERC20 private immutable _memToken;
    IERC20 private immutable _stoToken;
    IERC20 private immutable _netToken;

    Reserves[4] internal _reserves;

    constructor(IERC20[4] memory tokens) {
        for (uint256 i = 0; i < 4; ++i) {
            if (address(tokens[i]) == address(0)) revert LiquidityPool_NoToken(Resource(i));
            string memory symbol_ = IERC20Metadata(address(tokens[i])).symbol();
            _setName(i, string.concat("NovaCron pool share ", symbol_));
            _setSymbol(i, string.concat(symbol_, "-LP"));
            _setDecimals(i, 18);
        }
        (_cpuToken, _memToken, _stoToken, _netToken) = (tokens[0], tokens[1], tokens[2], tokens[3]);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityPool
    function reservesOf(Resource resource) external view nonReentrantView returns (uint256 native, uint256 token) {
        Reserves memory reserves = _reserves[uint256(resource)];
        return (reserves.native, reserves.token);
    }

    /// @inheritdoc ILiquidityPool
    function sharePrice(Resource resource) external view returns (uint256 native, uint256 token) {
        uint256 supply = totalSupply(uint256(resource));
        if (supply == 0) return (0, 0);
        return _partOf(_reserves[uint256(resource)], 1e18, supply);
    }

    /// @inheritdoc ILiquidityPool
    function quoteAdd(Resource resource, uint256 payment, uint256 maxToken)
        external
        view
        nonReentrantView
        returns (uint256 nativeAmount, uint256 tokenAmount, uint256 shares)
    {
        return _addition(resource, _reserves[uint256(resource)], payment, maxToken);
    }

    /// @inheritdoc ILiquidityPool
    function quoteRemove(Resource resource, uint256 shares)
        external
        view
        nonReentrantView
        returns (uint256 nativeAmount, uint256 tokenAmount)
    {
        return _removal(resource, _reserves[uint256(resource)], shares);
    }

    /// @inheritdoc ILiquidityPool
    function quoteNativeForToken(Resource resource, uint256 nativeIn)
        external
        view
        nonReentrantView
        returns (uint256 tokenOut)
    {
        Reserves memory reserves = _reserves[uint256(resource)];
        return _outputFor(resource, nativeIn, reserves.native, reserves.token);
    }

    /// @inheritdoc ILiquidityPool
    function quoteNativeForExactToken(Resource resource, uint256 tokenOut)
        external
        view
        nonReentrantView
        returns (uint256 nativeIn)
    {
        Reserves memory reserves = _reserves[uint256(resource)];
        return _inputFor(resource, tokenOut, reserves.native, reserves.token);
    }

    /// @inheritdoc ILiquidityPool
    function quoteTokenForNative(Resource resource, uint256 tokenIn)
        external
        view
        nonReentrantView
        returns (uint256 nativeOut)
    {
        Reserves memory reserves = _reserves[uint256(resource)];
        return _outputFor(resource, tokenIn, reserves.token, reserves.native);
    }

    /// @inheritdoc ILiquidityPool
    function quoteTokenForExactNative(Resource resource, uint256 nativeOut)
        external
        view
        nonReentrantView
        returns (uint256 tokenIn)
    {
        Reserves memory reserves = _reserves[uint256(resource)];
        return _inputFor(resource, nativeOut, reserves.token, reserves.native);
    }

    /// @inheritdoc ILiquidityPool
    function tokenOf(Resource resource) external view returns (IERC20) {
        return _token(resource);
    }

    /// @inheritdoc IERC6909TokenSupply
    /// @dev Not readable in the middle of an action, as the reserves beside it are not.
    function totalSupply(uint256 id)
        public
        view
        override(ERC6909TokenSupply, IERC6909TokenSupply)
        nonReentrantView
        returns (uint256)
    {
        return super.totalSupply(id);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(ERC6909TokenSupply, ERC6909Metadata, IERC165)
        returns (bool)
    {
        return super.supportsInterface(interfaceId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What goes in of a payment and `maxToken`, rounded up, and the shares for it, rounded down.
    function _addition(Resource resource, Reserves memory reserves, uint256 payment, uint256 maxToken)
        internal
        view
        returns (uint256 nativeAmount, uint256 tokenAmount, uint256 shares)
    {
        if (payment == 0 || maxToken == 0) revert LiquidityPool_ZeroAmount();
        _checkRoom(resource, reserves.native, payment);
        uint256 supply = super.totalSupply(uint256(resource));
        if (supply == 0) {
            _checkRoom(resource, 0, maxToken);
            uint256 root = Math.sqrt(payment * maxToken);
            if (root <= LOCKED_SHARES) revert LiquidityPool_FirstTooSmall(root, LOCKED_SHARES);
            return (payment, maxToken, root - LOCKED_SHARES);
        }
        (nativeAmount, tokenAmount) = (payment, Math.ceilDiv(payment * reserves.token, reserves.native));
        if (tokenAmount > maxToken) {
            (nativeAmount, tokenAmount) = (Math.ceilDiv(maxToken * reserves.native, reserves.token), maxToken);
        }
        _checkRoom(resource, reserves.token, tokenAmount);
        shares = Math.min(nativeAmount * supply / reserves.native, tokenAmount * supply / reserves.token);
        if (shares == 0) revert LiquidityPool_ZeroAmount();
    }

    /// @dev Both parts for `shares`, rounded down.
    function _removal(Resource resource, Reserves memory reserves, uint256 shares)
        internal
        view
        returns (uint256 nativeAmount, uint256 tokenAmount)
    {
        if (shares == 0) revert LiquidityPool_ZeroAmount();
        uint256 supply = super.totalSupply(uint256(resource));
        if (supply == 0) revert LiquidityPool_Empty(resource);
        if (shares > supply - LOCKED_SHARES) revert LiquidityPool_ExcessiveShares(shares, supply - LOCKED_SHARES);
        return _partOf(reserves, shares, supply);
    }

    /// @dev What an input brings, rounded down.
    function _outputFor(Resource resource, uint256 amountIn, uint256 reserveIn, uint256 reserveOut)
        internal
        pure
        returns (uint256 amountOut)
    {
        if (amountIn == 0) revert LiquidityPool_ZeroAmount();
        if (reserveIn == 0) revert LiquidityPool_Empty(resource);
        _checkRoom(resource, reserveIn, amountIn);
        amountOut = PoolMath.outputFor(amountIn, reserveIn, reserveOut);
        if (amountOut == 0) revert LiquidityPool_ZeroAmount();
    }

    /// @dev What an output takes, rounded up.
    function _inputFor(Resource resource, uint256 amountOut, uint256 reserveIn, uint256 reserveOut)
        internal
        pure
        returns (uint256 amountIn)
    {
        if (amountOut == 0) revert LiquidityPool_ZeroAmount();
        if (reserveIn == 0) revert LiquidityPool_Empty(resource);
        if (amountOut >= reserveOut) revert LiquidityPool_InsufficientReserve(amountOut, reserveOut);
        amountIn = PoolMath.inputFor(amountOut, reserveIn, reserveOut);
        _checkRoom(resource, reserveIn, amountIn);
    }

    function _token(Resource resource) internal view returns (IERC20) {
        if (resource == Resource.CPU) return _cpuToken;
        if (resource == Resource.MEM) return _memToken;
        if (resource == Resource.STO) return _stoToken;
        return _netToken;
    }

    function _checkDeadline(uint256 deadline) internal view {
        if (block.timestamp > deadline) revert LiquidityPool_Expired(deadline, block.timestamp);
    }

    function _checkRecipient(address recipient) internal view {
        if (recipient == address(0) || recipient == address(this)) revert LiquidityPool_InvalidRecipient(recipient);
    }

    /// @dev A reserve and `amount` together must fit 128 bits.
    function _checkRoom(Resource resource, uint256 reserve, uint256 amount) internal pure {
        if (amount > type(uint128).max - reserve) revert LiquidityPool_TooMuch(resource, amount);
    }

    function _update(address from, address to, uint256 id, uint256 amount)
        internal
        override(ERC6909, ERC6909TokenSupply)
    {
        super._update(from, to, id, amount);
    }

    function _partOf(Reserves memory reserves, uint256 shares, uint256 supply) private pure returns (uint256, uint256) {
        return (shares * reserves.native / supply, shares * reserves.token / supply);
    }
}
