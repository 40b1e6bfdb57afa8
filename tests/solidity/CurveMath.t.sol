// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CurveMath} from "../../contracts/market/CurveMath.sol";
import {MarketMathHarness} from "../../contracts/test/MarketMathHarness.sol";
import {Test} from "./Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The integrals over their whole domain, against comparisons of 512 bits that divide nothing.
contract CurveMathTest is Test {
    uint256 private constant MAX = type(uint128).max;
    uint256 private constant UNIT = 1e18;

    /// @dev A curve and two points on it.
    struct Case {
        uint128 base;
        uint128 steepness;
        uint128 from;
        uint128 to;
    }

    MarketMathHarness private math;

    function setUp() public {
        math = new MarketMathHarness();
    }

    // ------------------------------------------------------------------------------------------------------------
    // price
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_PriceIsExactAndRoundedUp(uint128 base, uint128 steepness, uint128 sold, uint256 widths)
        public
        view
    {
        (base, steepness, sold) = (_narrow(base, widths), _narrow(steepness, widths >> 8), _narrow(sold, widths >> 16));
        uint256 found = math.price(base, steepness, sold);
        vm.assertTrue(_le(base, uint256(steepness) + sold, found, steepness));
        vm.assertFalse(_le(base, uint256(steepness) + sold, found - 1, steepness));
    }

    function test_PriceDoublesAtTheSteepness() public view {
        vm.assertEq(math.price(4e11, 100_000e18, 0), uint256(4e11));
        vm.assertEq(math.price(4e11, 100_000e18, 50_000e18), uint256(6e11));
        vm.assertEq(math.price(4e11, 100_000e18, 100_000e18), uint256(8e11));
        vm.assertEq(math.price(4e11, 100_000e18, 1), uint256(4e11 + 1));
        vm.assertEq(math.price(type(uint128).max, 1, type(uint128).max), MAX << 128);
    }

    // ------------------------------------------------------------------------------------------------------------
    // area
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Over all arguments of 128 bits: the exact value rounded the right way, or the refusal if it needs more.
    function testFuzz_AreaIsExactOrRefused(Case memory c, uint256 widths) public view {
        c = _shaped(c, widths);
        (uint256 width, uint256 span, uint256 divisor) = _terms(c.base, c.steepness, c.from, c.to);
        try math.areaUp(c.base, c.steepness, c.from, c.to) returns (uint256 up) {
            vm.assertTrue(_le(width, span, up, divisor), "too low");
            if (up > 0) vm.assertFalse(_le(width, span, up - 1, divisor), "too high");
        } catch (bytes memory reason) {
            _assertOutOfDomain(reason, c);
            vm.assertFalse(_le(width, span, MAX, divisor), "refused within the domain");
        }
        try math.areaDown(c.base, c.steepness, c.from, c.to) returns (uint256 down) {
            vm.assertTrue(_le(down, divisor, width, span), "too high");
            vm.assertFalse(_le(down + 1, divisor, width, span), "too low");
        } catch (bytes memory reason) {
            _assertOutOfDomain(reason, c);
            vm.assertTrue(_le(MAX + 1, divisor, width, span), "refused within the domain");
        }
    }

    function test_AreaByHand() public view {
        // 1 whole token from 0 at 4e11 with S = 100,000: 4e11 · (1 + 1/200,000).
        vm.assertEq(math.areaUp(4e11, 100_000e18, 0, 1e18), uint256(400_002_000_000));
        // From S to 2S the mean price is 2.5 base.
        vm.assertEq(math.areaUp(4e11, 100_000e18, 100_000e18, 200_000e18), uint256(25 * 4e11 * 100_000 / 10));
        vm.assertEq(math.areaDown(4e11, 100_000e18, 100_000e18, 200_000e18), uint256(25 * 4e11 * 100_000 / 10));
        // One base unit costs a wei and brings none.
        vm.assertEq(math.areaUp(4e11, 100_000e18, 0, 1), uint256(1));
        vm.assertEq(math.areaDown(4e11, 100_000e18, 0, 1), uint256(0));
        vm.assertEq(math.areaUp(4e11, 100_000e18, 7, 7), uint256(0));
    }

    function testFuzz_AreaBeyond128BitsReverts(uint128 base, uint128 steepness, uint256 from, uint256 to) public {
        (base, steepness) = (uint128(_bound(base, 1, MAX)), uint128(_bound(steepness, 1, MAX)));
        to = _bound(to, MAX + 1, type(uint256).max);
        from = _bound(from, 0, to);
        vm.expectRevert(abi.encodeWithSelector(CurveMath.CurveMath_OutOfDomain.selector, from, to));
        math.areaUp(base, steepness, from, to);
    }

    function test_AreaAtTheEdgesOfTheDomain() public {
        uint128 top = type(uint128).max;
        // B = 1e18 on a curve so steep to climb that it is flat: a base unit is a wei, up to the last.
        vm.assertEq(math.areaUp(1e18, top, 0, 1e18), uint256(1e18 + 1));
        vm.assertEq(math.areaDown(1e18, top, 0, 1e18), uint256(1e18));
        vm.expectRevert(abi.encodeWithSelector(CurveMath.CurveMath_OutOfDomain.selector, 0, MAX));
        math.areaUp(top, 1, 0, top);
        vm.expectRevert(abi.encodeWithSelector(CurveMath.CurveMath_OutOfDomain.selector, 0, MAX));
        math.areaDown(top, top, 0, top);
    }

    /// @dev Buying in any slices costs at least as much as at once, selling in any slices brings at most as much.
    function testFuzz_SlicesNeverHelp(Case memory c, uint256 widths, uint256[8] memory cuts, uint8 slices) public view {
        c = _shaped(c, widths);
        if (!_fits(c)) return;
        uint256 count = 1 + slices % 8;
        (uint256 paid, uint256 received, uint256 point) = (0, 0, c.from);
        for (uint256 i = 0; i < count; ++i) {
            uint256 next = i + 1 == count ? c.to : _bound(cuts[i], point, c.to);
            paid += math.areaUp(c.base, c.steepness, point, next);
            received += math.areaDown(c.base, c.steepness, point, next);
            point = next;
        }
        uint256 whole = math.areaUp(c.base, c.steepness, c.from, c.to);
        vm.assertTrue(paid >= whole && paid <= whole + count);
        vm.assertTrue(received <= math.areaDown(c.base, c.steepness, c.from, c.to));
        vm.assertTrue(received <= paid);
    }

    // ------------------------------------------------------------------------------------------------------------
    // amountFor
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What is bought is covered by the budget, and one base unit more would not be.
    function testFuzz_AmountForIsTheLargest(uint128 base, uint128 steepness, uint128 sold, uint128 budget, uint256 w)
        public
        view
    {
        (base, steepness) = (_narrow(base, w), _narrow(steepness, w >> 8));
        (sold, budget) = (_narrow(sold, w >> 16), _narrow(budget, w >> 24));
        try math.amountFor(base, steepness, sold, budget) returns (uint256 amount) {
            vm.assertTrue(amount <= MAX);
            _assertLargest(base, steepness, sold, budget, amount);
        } catch (bytes memory reason) {
            vm.assertEq(
                reason, abi.encodeWithSelector(CurveMath.CurveMath_BudgetOutOfDomain.selector, sold, uint256(budget))
            );
            // Then S + r passes 128 bits, or what it would buy takes S + r + q past them.
            uint256 start = uint256(steepness) + sold;
            if (start > MAX) return;
            uint256 beyond = MAX + 1 - start;
            vm.assertTrue(
                _le(uint256(base) * beyond, 2 * start + beyond, budget, 2 * uint256(steepness) * UNIT),
                "refused within the domain"
            );
        }
    }

    /// @dev Curves such as those that are deployed, where nothing is refused.
    function testFuzz_AmountForOnOrdinaryCurves(uint256 base, uint256 steepness, uint256 sold, uint256 budget)
        public
        view
    {
        base = _bound(base, 1e6, 1e18);
        steepness = _bound(steepness, 1e18, 10_000_000e18);
        sold = _bound(sold, 0, 10_000_000e18);
        budget = _bound(budget, 0, 1_000_000 ether);
        uint256 amount = math.amountFor(uint128(base), uint128(steepness), uint128(sold), budget);
        _assertLargest(uint128(base), uint128(steepness), uint128(sold), budget, amount);
        vm.assertTrue(math.areaUp(uint128(base), uint128(steepness), sold, sold + amount) <= budget);
    }

    function test_AmountForUndoesArea() public view {
        vm.assertEq(math.amountFor(4e11, 100_000e18, 0, 400_002_000_000), uint256(1e18));
        vm.assertEq(math.amountFor(4e11, 100_000e18, 0, 0), uint256(0));
        vm.assertEq(math.amountFor(type(uint128).max, 1, 0, 1), uint256(0));
    }

    function test_AmountForOfBudgetsBeyondTheDomainReverts() public {
        uint256[2] memory budgets = [type(uint256).max, uint256(1) << 200];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(CurveMath.CurveMath_BudgetOutOfDomain.selector, uint256(5), budgets[i])
            );
            math.amountFor(4e11, 100_000e18, 5, budgets[i]);
        }
    }

    function test_AmountForWhereTheCurveHasEndedReverts() public {
        vm.assertEq(math.amountFor(1, uint128(MAX - 1), 1, 0), uint256(0));
        vm.expectRevert(abi.encodeWithSelector(CurveMath.CurveMath_BudgetOutOfDomain.selector, uint256(1), uint256(0)));
        math.amountFor(1, uint128(MAX), 1, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _assertLargest(uint128 base, uint128 steepness, uint128 sold, uint256 budget, uint256 amount)
        private
        pure
    {
        uint256 start = uint256(steepness) + sold;
        uint256 scale = 2 * uint256(steepness) * UNIT;
        vm.assertTrue(_le(uint256(base) * amount, 2 * start + amount, budget, scale), "overspends");
        vm.assertFalse(_le(uint256(base) * (amount + 1), 2 * start + amount + 1, budget, scale), "buys too little");
    }

    function _assertOutOfDomain(bytes memory reason, Case memory c) private pure {
        vm.assertEq(
            reason, abi.encodeWithSelector(CurveMath.CurveMath_OutOfDomain.selector, uint256(c.from), uint256(c.to))
        );
    }

    function _fits(Case memory c) private view returns (bool) {
        try math.areaUp(c.base, c.steepness, c.from, c.to) returns (uint256) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Numerator, as two factors, and denominator of the integral.
    function _terms(uint128 base, uint128 steepness, uint128 from, uint128 to)
        private
        pure
        returns (uint256 width, uint256 span, uint256 divisor)
    {
        width = uint256(base) * (to - from);
        span = 2 * uint256(steepness) + from + to;
        divisor = 2 * uint256(steepness) * UNIT;
    }

    /// @dev a·b ≤ c·d in 512 bits.
    function _le(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 high, uint256 low) = Math.mul512(a, b);
        (uint256 high2, uint256 low2) = Math.mul512(c, d);
        return high < high2 || (high == high2 && low <= low2);
    }

    function _shaped(Case memory c, uint256 widths) private pure returns (Case memory) {
        (c.base, c.steepness) = (_narrow(c.base, widths), _narrow(c.steepness, widths >> 8));
        (c.from, c.to) = (_narrow(c.from, widths >> 16), _narrow(c.to, widths >> 24));
        if (c.from > c.to) (c.from, c.to) = (c.to, c.from);
        return c;
    }

    /// @dev Every width from 1 to 128 bits equally often; never zero.
    function _narrow(uint128 x, uint256 width) private pure returns (uint128) {
        x >>= uint8(width & 127);
        return x == 0 ? 1 : x;
    }
}
