// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title PoolMath
/// @notice Swaps against a constant product, of which the input less the fee counts. Derived in docs/market.md.
/// @dev Reserves and amounts are below 2^128 and reserves are not zero; the caller sees to both.
library PoolMath {
    /// @notice One, in parts per million.
    uint256 internal constant PPM = 1_000_000;
    /// @notice What of an input counts, in parts per million: all but the fee.
    uint256 internal constant KEPT = PPM - 3_000;

    /// @notice No input of 128 bits brings `amountOut` out of a reserve of `reserveOut`.
    error PoolMath_OutOfDomain(uint256 amountOut, uint256 reserveOut);

    /// @notice The largest output for `amountIn`; below `reserveOut`.
    function outputFor(uint256 amountIn, uint256 reserveIn, uint256 reserveOut) internal pure returns (uint256) {
        uint256 counted = amountIn * KEPT;
        return Math.mulDiv(counted, reserveOut, reserveIn * PPM + counted);
    }

    /// @notice The smallest input for which `outputFor` is at least `amountOut`.
    function inputFor(uint256 amountOut, uint256 reserveIn, uint256 reserveOut)
        internal
        pure
        returns (uint256 amountIn)
    {
        if (amountOut >= reserveOut) revert PoolMath_OutOfDomain(amountOut, reserveOut);
        uint256 scaled = reserveIn * PPM;
        uint256 left = (reserveOut - amountOut) * KEPT;
        // Below 2^255, so that neither the division nor the rounding leaves 256 bits.
        (uint256 high,) = Math.mul512(scaled, amountOut);
        if (high >= left >> 1) revert PoolMath_OutOfDomain(amountOut, reserveOut);
        amountIn = Math.mulDiv(scaled, amountOut, left, Math.Rounding.Ceil);
        if (amountIn > type(uint128).max) revert PoolMath_OutOfDomain(amountOut, reserveOut);
    }
}
