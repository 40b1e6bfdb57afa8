// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PoolMath} from "../../contracts/market/PoolMath.sol";
import {MarketMathHarness} from "../../contracts/test/MarketMathHarness.sol";
import {Test} from "./Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

contract PoolMathTest is Test {
    uint256 private constant MAX = type(uint128).max;

    MarketMathHarness private math;

    function setUp() public {
        math = new MarketMathHarness();
    }

    /// @dev in·kept·(Rout − out) ≥ out·Rin·10⁶ holds for the output and not for one more.
    function testFuzz_OutputIsTheLargest(uint128 amountIn, uint128 reserveIn, uint128 reserveOut, uint256 w)
        public
        view
    {
        (uint256 x, uint256 rx, uint256 ry) = _shaped(amountIn, reserveIn, reserveOut, w);
        uint256 out = math.outputFor(x, rx, ry);
        vm.assertTrue(out < ry, "empties the reserve");
        vm.assertTrue(_covers(x, out, rx, ry), "too high");
        vm.assertFalse(_covers(x, out + 1, rx, ry), "too low");
    }

    /// @dev The product of the reserves never falls, even if nothing is taken as the fee.
    function testFuzz_ProductNeverFalls(uint128 amountIn, uint128 reserveIn, uint128 reserveOut, uint256 w)
        public
        view
    {
        (uint256 x, uint256 rx, uint256 ry) = _shaped(amountIn, reserveIn, reserveOut, w);
        uint256 out = math.outputFor(x, rx, ry);
        vm.assertTrue(_le(rx, ry, rx + x, ry - out));
        vm.assertTrue(_le(rx, ry, rx + x - x * 3_000 / 1_000_000, ry - out));
    }

    /// @dev The input brings what was asked for, and one less would not.
    function testFuzz_InputIsTheSmallest(uint128 amountOut, uint128 reserveIn, uint128 reserveOut, uint256 w)
        public
        view
    {
        (uint256 out, uint256 rx, uint256 ry) = _shaped(amountOut, reserveIn, reserveOut, w);
        if (ry == 1) ry = 2;
        out = _bound(out, 1, ry - 1);
        try math.inputFor(out, rx, ry) returns (uint256 x) {
            vm.assertTrue(math.outputFor(x, rx, ry) >= out, "brings too little");
            vm.assertTrue(x == 1 || math.outputFor(x - 1, rx, ry) < out, "asks too much");
        } catch (bytes memory reason) {
            vm.assertEq(reason, abi.encodeWithSelector(PoolMath.PoolMath_OutOfDomain.selector, out, ry));
            vm.assertTrue(math.outputFor(MAX, rx, ry) < out, "refused within the domain");
        }
    }

    function testFuzz_OutputOfTheWholeReserveReverts(uint128 reserveIn, uint128 reserveOut, uint256 out) public {
        out = _bound(out, reserveOut, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(PoolMath.PoolMath_OutOfDomain.selector, out, uint256(reserveOut)));
        math.inputFor(out, reserveIn, reserveOut);
    }

    function test_InputBeyondTheDomainReverts() public {
        uint256[2] memory outs = [MAX - 1, MAX / 2 + MAX / 4]; // beyond 256 bits, and beyond 128
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PoolMath.PoolMath_OutOfDomain.selector, outs[i], MAX));
            math.inputFor(outs[i], MAX, MAX);
        }
    }

    /// @dev Slices bring at most as much as the whole, within one base unit of rounding for each.
    function testFuzz_SlicesNeverHelp(uint128 amountIn, uint128 reserveIn, uint128 reserveOut, uint256 w, uint8 slices)
        public
        view
    {
        (uint256 x, uint256 rx, uint256 ry) = _shaped(amountIn, reserveIn, reserveOut, w);
        uint256 whole = math.outputFor(x, rx, ry);
        uint256 count = 1 + slices % 8;
        uint256 got;
        for (uint256 left = count; left > 0; --left) {
            uint256 part = left == 1 ? x : x / left;
            uint256 out = math.outputFor(part, rx, ry);
            (rx, ry, x, got) = (rx + part, ry - out, x - part, got + out);
        }
        vm.assertTrue(got <= whole);
    }

    function test_OutputByHand() public view {
        // 0.3 % of 1,000 go off; 997 · 10,000 / (1,000 + 997).
        vm.assertEq(math.outputFor(1_000, 1_000, 10_000), uint256(4_992));
        vm.assertEq(math.inputFor(4_992, 1_000, 10_000), uint256(1_000));
        vm.assertEq(math.outputFor(1, 1_000, 1_000), uint256(0));
        vm.assertEq(math.outputFor(MAX, MAX, MAX), uint256(169885588292526613957428384381308416034));
    }

    function _covers(uint256 x, uint256 out, uint256 rx, uint256 ry) private pure returns (bool) {
        return _le(out, rx * 1_000_000, x * 997_000, ry - out);
    }

    /// @dev a·b ≤ c·d in 512 bits.
    function _le(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 high, uint256 low) = Math.mul512(a, b);
        (uint256 high2, uint256 low2) = Math.mul512(c, d);
        return high < high2 || (high == high2 && low <= low2);
    }

    /// @dev Every width from 1 to 128 bits equally often; never zero.
    function _shaped(uint128 x, uint128 rx, uint128 ry, uint256 w) private pure returns (uint256, uint256, uint256) {
        (x, rx, ry) = (x >> uint8(w & 127), rx >> uint8((w >> 8) & 127), ry >> uint8((w >> 16) & 127));
        return (x == 0 ? 1 : x, rx == 0 ? 1 : rx, ry == 0 ? 1 : ry);
    }
}
