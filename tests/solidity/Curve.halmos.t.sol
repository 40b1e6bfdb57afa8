// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CurveMath} from "../../contracts/market/CurveMath.sol";
import {Test} from "./Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Proofs of the curve's rounding by symbolic execution; forge ignores `check_`, halmos runs them:
/// `halmos --contract CurveSymbolic --function check_ --loop 8 --forge-build-out out/forge`.
/// @dev Products and quotients of unknowns do not finish at 128 bits, nor with an unknown base or steepness at any width.
/// So X-1 and X-2 hold for one curve on which every remainder occurs, of 3 wei a base unit and a steepness of 7, and for all
/// places and amounts below 2^4. CurveMath.t.sol fuzzes the same over all 128 bits of everything, and docs/market.md
/// proves it by hand.
/// @custom:halmos --solver-timeout-assertion 300000
contract CurveSymbolic is Test {
    uint256 private constant WIDTH = 16;
    uint256 private constant PRICE = 3;
    uint128 private constant BASE = uint128(PRICE * 1e18);
    uint128 private constant STEEPNESS = 7;

    /// @dev X-1: what a buyer pays is at most a wei above the integral and never below, what a seller gets the other way
    /// round.
    function check_RoundingIsAgainstTheCaller(uint8 from, uint8 amount) external pure {
        vm.assume(from < WIDTH && amount < WIDTH);
        // The integral is numerator / 2S.
        uint256 numerator = PRICE * amount * (2 * STEEPNESS + 2 * uint256(from) + amount);
        uint256 up = _up(from, uint256(from) + amount);
        assert(up * 2 * STEEPNESS >= numerator && up * 2 * STEEPNESS < numerator + 2 * STEEPNESS);
    }

    /// @dev X-1, for who sells.
    function check_SaleIsRoundedDown(uint8 from, uint8 amount) external pure {
        vm.assume(from < WIDTH && amount < WIDTH);
        uint256 numerator = PRICE * amount * (2 * STEEPNESS + 2 * uint256(from) + amount);
        uint256 down = _down(from, uint256(from) + amount);
        assert(down * 2 * STEEPNESS <= numerator && (down + 1) * 2 * STEEPNESS > numerator);
    }

    /// @dev X-2: the formula for exact-in covers the amount, and no larger amount is covered. The root, OpenZeppelin's, is
    /// taken as what it promises: any `root` with root² ≤ x < (root + 1)².
    function check_ExactInNeverOverspends(uint8 sold, uint8 budget, uint8 root) external pure {
        vm.assume(sold < WIDTH && budget < WIDTH && root < 64);
        uint256 start = uint256(STEEPNESS) + sold;
        uint256 square = uint256(budget) * 2 * STEEPNESS / PRICE + start * start;
        vm.assume(uint256(root) * root <= square && square < (uint256(root) + 1) * (uint256(root) + 1));
        assert(root >= start);
        uint256 amount = root - start;
        assert(PRICE * amount * (2 * start + amount) <= uint256(budget) * 2 * STEEPNESS);
        assert(PRICE * (amount + 1) * (2 * start + amount + 1) > uint256(budget) * 2 * STEEPNESS);
    }

    /// @dev X-3, for all curves, and all ends of 256 bits: beyond 128 bits nothing is ever answered.
    function check_BeyondTheDomainIsRefused(uint128 base, uint128 steepness, uint256 from, uint256 to) external view {
        vm.assume(to > type(uint128).max && from <= to);
        try this.area(base, steepness, from, to) returns (uint256) {
            assert(false);
        } catch {}
    }

    function area(uint128 base, uint128 steepness, uint256 from, uint256 to) external pure returns (uint256) {
        return CurveMath.area(base, steepness, from, to, Math.Rounding.Ceil);
    }

    function _up(uint256 from, uint256 to) private pure returns (uint256) {
        return CurveMath.area(BASE, STEEPNESS, from, to, Math.Rounding.Ceil);
    }

    function _down(uint256 from, uint256 to) private pure returns (uint256) {
        return CurveMath.area(BASE, STEEPNESS, from, to, Math.Rounding.Floor);
    }
}
