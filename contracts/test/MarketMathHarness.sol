// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CurveMath} from "../market/CurveMath.sol";
import {PoolMath} from "../market/PoolMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title MarketMathHarness
/// @notice Lets tests call the libraries of the markets from outside, so that a refusal can be seen.
contract MarketMathHarness {
    function price(uint128 base, uint128 steepness, uint128 sold) external pure returns (uint256) {
        return CurveMath.price(base, steepness, sold);
    }

    function areaUp(uint128 base, uint128 steepness, uint256 from, uint256 to) external pure returns (uint256) {
        return CurveMath.area(base, steepness, from, to, Math.Rounding.Ceil);
    }

    function areaDown(uint128 base, uint128 steepness, uint256 from, uint256 to) external pure returns (uint256) {
        return CurveMath.area(base, steepness, from, to, Math.Rounding.Floor);
    }

    function amountFor(uint128 base, uint128 steepness, uint128 sold, uint256 budget) external pure returns (uint256) {
        return CurveMath.amountFor(base, steepness, sold, budget);
    }

    function outputFor(uint256 amountIn, uint256 reserveIn, uint256 reserveOut) external pure returns (uint256) {
        return PoolMath.outputFor(amountIn, reserveIn, reserveOut);
    }

    function inputFor(uint256 amountOut, uint256 reserveIn, uint256 reserveOut) external pure returns (uint256) {
        return PoolMath.inputFor(amountOut, reserveIn, reserveOut);
    }
}
