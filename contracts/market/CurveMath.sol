// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title CurveMath
/// @notice The price B·(1 + r/S), in wei per whole token when r of the token have been sold, and its exact integral; B
/// is `base`, S is `steepness`, r is `sold`. Derived in docs/market.md.
/// @dev S and r are in base units of a token of 18 decimals. What leaves the domain (a value, an amount or S + r of
/// 2^128 or more) reverts; nothing is clamped.
library CurveMath {
    /// @notice Base units of one whole token.
    uint256 internal constant UNIT = 1e18;

    /// @notice The curve has no exact value of 128 bits between `from` and `to` tokens sold.
    error CurveMath_OutOfDomain(uint256 from, uint256 to);

    /// @notice The curve has no exact amount for `budget` wei at `sold` tokens sold.
    error CurveMath_BudgetOutOfDomain(uint256 sold, uint256 budget);

    /// @notice Price of a whole token in wei, rounded up.
    /// @dev B·(1 + r/S) is below 2^256 for all arguments, since r/S is below 2^128.
    function price(uint128 base, uint128 steepness, uint128 sold) internal pure returns (uint256) {
        return Math.mulDiv(base, uint256(steepness) + sold, steepness, Math.Rounding.Ceil);
    }

    /// @notice Wei under the curve from `from` to `to` tokens sold: B·(to − from)·(2S + from + to) / (2S·1e18).
    /// @dev `from` is at most `to`. A buyer pays it rounded up, a seller gets it rounded down.
    function area(uint128 base, uint128 steepness, uint256 from, uint256 to, Math.Rounding rounding)
        internal
        pure
        returns (uint256 value)
    {
        if (to > type(uint128).max) revert CurveMath_OutOfDomain(from, to);
        uint256 half = uint256(steepness) * UNIT;
        uint256 width = uint256(base) * (to - from);
        uint256 span = 2 * uint256(steepness) + from + to;
        // Below 2^255, so that neither the division nor the rounding leaves 256 bits.
        (uint256 high,) = Math.mul512(width, span);
        if (high >= half) revert CurveMath_OutOfDomain(from, to);
        value = Math.mulDiv(width, span, 2 * half, rounding);
        if (value > type(uint128).max) revert CurveMath_OutOfDomain(from, to);
    }

    /// @notice The largest amount whose `area` from `sold` on, rounded up, is at most `budget` wei.
    /// @dev floor(√(floor(budget·2S·1e18 / B) + (S + r)²)) − (S + r), which is exact: see docs/market.md.
    function amountFor(uint128 base, uint128 steepness, uint128 sold, uint256 budget) internal pure returns (uint256) {
        uint256 start = uint256(steepness) + sold;
        uint256 scale = 2 * uint256(steepness) * UNIT;
        (uint256 high,) = Math.mul512(budget, scale);
        if (start > type(uint128).max || high >= base) revert CurveMath_BudgetOutOfDomain(sold, budget);
        (bool fits, uint256 square) = Math.tryAdd(Math.mulDiv(budget, scale, base), start * start);
        if (!fits) revert CurveMath_BudgetOutOfDomain(sold, budget);
        return Math.sqrt(square) - start;
    }
}
