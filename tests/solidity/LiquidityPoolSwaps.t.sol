// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @notice Swaps, in four forms, and what all actions refuse alike.
contract LiquidityPoolSwapsTest is MarketFixture {
    uint256 private constant RN = 10 ether;
    uint256 private constant RT = 50_000e18;

    function setUp() public override {
        super.setUp();
        _addLiquidity(ALICE, Resource.CPU, RN, RT);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The four forms
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_NativeForToken(uint256 nativeIn) public {
        nativeIn = _bound(nativeIn, 1, 500 ether);
        uint256 out = nativeIn * 997 * RT / (RN * 1_000 + nativeIn * 997);
        vm.assertEq(pool.quoteNativeForToken(Resource.CPU, nativeIn), out);
        uint256 held = tokens[0].balanceOf(ALICE);
        vm.expectEmit();
        emit ILiquidityPool.NativeSwapped(Resource.CPU, BOB, ALICE, nativeIn, out);
        vm.prank(BOB);
        vm.assertEq(pool.swapNativeForToken{value: nativeIn}(Resource.CPU, out, ALICE, DEADLINE), out);
        vm.assertEq(tokens[0].balanceOf(ALICE) - held, out);
        _assertReserves(RN + nativeIn, RT - out);
    }

    function testFuzz_NativeForExactToken(uint256 out, uint256 extra) public {
        out = _bound(out, 1, RT * 9 / 10);
        extra = _bound(extra, 0, 100 ether);
        uint256 nativeIn = (RN * out * 1_000 + (RT - out) * 997 - 1) / ((RT - out) * 997);
        vm.assertEq(pool.quoteNativeForExactToken(Resource.CPU, out), nativeIn);
        (uint256 held, uint256 balance) = (tokens[0].balanceOf(ALICE), BOB.balance);
        vm.expectEmit();
        emit ILiquidityPool.NativeSwapped(Resource.CPU, BOB, ALICE, nativeIn, out);
        vm.prank(BOB);
        uint256 paid = pool.swapNativeForExactToken{value: nativeIn + extra}(Resource.CPU, out, ALICE, DEADLINE);
        vm.assertEq(paid, nativeIn);
        vm.assertEq(balance - BOB.balance, nativeIn); // the rest comes back to who paid
        vm.assertEq(tokens[0].balanceOf(ALICE) - held, out);
        _assertReserves(RN + nativeIn, RT - out);
    }

    function testFuzz_TokenForNative(uint256 tokenIn) public {
        tokenIn = _bound(tokenIn, 1e6, _cap(0) / 10);
        uint256 out = tokenIn * 997 * RN / (RT * 1_000 + tokenIn * 997);
        vm.assertEq(pool.quoteTokenForNative(Resource.CPU, tokenIn), out);
        (uint256 held, uint256 balance) = (tokens[0].balanceOf(BOB), ALICE.balance);
        vm.expectEmit();
        emit ILiquidityPool.TokenSwapped(Resource.CPU, BOB, ALICE, tokenIn, out);
        vm.prank(BOB);
        vm.assertEq(pool.swapTokenForNative(Resource.CPU, tokenIn, out, ALICE, DEADLINE), out);
        vm.assertEq(ALICE.balance - balance, out);
        vm.assertEq(held - tokens[0].balanceOf(BOB), tokenIn);
        _assertReserves(RN - out, RT + tokenIn);
    }

    function testFuzz_TokenForExactNative(uint256 out) public {
        out = _bound(out, 1, RN / 2);
        uint256 tokenIn = (RT * out * 1_000 + (RN - out) * 997 - 1) / ((RN - out) * 997);
        vm.assertEq(pool.quoteTokenForExactNative(Resource.CPU, out), tokenIn);
        (uint256 held, uint256 balance) = (tokens[0].balanceOf(BOB), ALICE.balance);
        vm.expectEmit();
        emit ILiquidityPool.TokenSwapped(Resource.CPU, BOB, ALICE, tokenIn, out);
        vm.prank(BOB);
        vm.assertEq(pool.swapTokenForExactNative(Resource.CPU, out, tokenIn, ALICE, DEADLINE), tokenIn);
        vm.assertEq(ALICE.balance - balance, out);
        vm.assertEq(held - tokens[0].balanceOf(BOB), tokenIn);
        _assertReserves(RN - out, RT + tokenIn);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Limits
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SwapBeyondItsLimitReverts(uint256 over) public {
        over = _bound(over, 1, 1e40);
        vm.startPrank(BOB);
        uint256 quote = pool.quoteNativeForToken(Resource.CPU, 1 ether);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientToken.selector, quote, quote + over)
        );
        pool.swapNativeForToken{value: 1 ether}(Resource.CPU, quote + over, BOB, DEADLINE);

        quote = pool.quoteTokenForNative(Resource.CPU, 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientNative.selector, quote, quote + over)
        );
        pool.swapTokenForNative(Resource.CPU, 1e18, quote + over, BOB, DEADLINE);

        quote = pool.quoteNativeForExactToken(Resource.CPU, 1_000e18);
        uint256 less = quote - 1 - over % quote;
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientPayment.selector, quote, less));
        pool.swapNativeForExactToken{value: less}(Resource.CPU, 1_000e18, BOB, DEADLINE);

        quote = pool.quoteTokenForExactNative(Resource.CPU, 1 ether);
        less = quote - 1 - over % quote;
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ExcessiveToken.selector, quote, less));
        pool.swapTokenForExactNative(Resource.CPU, 1 ether, less, BOB, DEADLINE);
    }

    function test_SwapOfNothingReverts() public {
        bytes memory refusal = abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ZeroAmount.selector);
        vm.startPrank(BOB);
        vm.expectRevert(refusal);
        pool.swapNativeForToken(Resource.CPU, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapNativeForExactToken{value: 1}(Resource.CPU, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapTokenForNative(Resource.CPU, 0, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapTokenForNative(Resource.CPU, 1, 0, BOB, DEADLINE); // dust that brings nothing
        vm.expectRevert(refusal);
        pool.swapTokenForExactNative(Resource.CPU, 0, 1, BOB, DEADLINE);
    }

    function testFuzz_SwapForAWholeReserveReverts(uint256 out) public {
        vm.startPrank(BOB);
        out = _bound(out, RT, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientReserve.selector, out, RT));
        pool.swapNativeForExactToken{value: 500 ether}(Resource.CPU, out, BOB, DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientReserve.selector, out, RN));
        pool.swapTokenForExactNative(Resource.CPU, out, type(uint256).max, BOB, DEADLINE);
    }

    function test_SwapInAnEmptyPoolReverts() public {
        bytes memory refusal = abi.encodeWithSelector(ILiquidityPool.LiquidityPool_Empty.selector, Resource.STO);
        vm.expectRevert(refusal);
        pool.swapNativeForToken{value: 1}(Resource.STO, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapNativeForExactToken{value: 1}(Resource.STO, 1, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapTokenForNative(Resource.STO, 1, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        pool.swapTokenForExactNative(Resource.STO, 1, 1, BOB, DEADLINE);
    }

    // ------------------------------------------------------------------------------------------------------------
    // What all actions refuse
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ActionsAfterTheDeadlineRevert(uint256 deadline) public {
        deadline = _bound(deadline, 0, START - 1);
        _assertAllRefuse(
            BOB, deadline, abi.encodeWithSelector(ILiquidityPool.LiquidityPool_Expired.selector, deadline, START), 0
        );
    }

    function test_ActionsAtTheDeadlineAreInTime() public {
        bytes[] memory calls = _actions(ALICE, START);
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(ALICE);
            (bool ok,) = address(pool).call{value: i < 3 ? 1 ether : 0}(calls[i]);
            vm.assertTrue(ok);
        }
    }

    function test_ActionsForNobodyRevert() public {
        address[2] memory recipients = [address(0), address(pool)];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InvalidRecipient.selector, recipients[i]);
            _assertAllRefuse(recipients[i], DEADLINE, refusal, 0);
        }
    }

    /// @dev Adding and swapping stop, in both directions; removing goes on.
    function test_PauseStopsEverythingButRemoving() public {
        vm.prank(BRAKE);
        pool.pauseContract();
        _assertAllRefuse(ALICE, DEADLINE, abi.encodeWithSelector(Pausable.EnforcedPause.selector), 1);
        bytes[] memory calls = _actions(ALICE, DEADLINE);
        vm.prank(ALICE);
        (bool ok,) = address(pool).call(calls[5]);
        vm.assertTrue(ok);
        vm.prank(ALICE);
        pool.transfer(BOB, 0, 1);
        vm.prank(BRAKE);
        pool.unpauseContract();
        test_ActionsAtTheDeadlineAreInTime();
    }

    /// @dev Every action but the last `exempt` ones; the last is removing.
    function _assertAllRefuse(address recipient, uint256 deadline, bytes memory refusal, uint256 exempt) private {
        bytes[] memory calls = _actions(recipient, deadline);
        for (uint256 i = 0; i + exempt < calls.length; ++i) {
            vm.prank(ALICE);
            (bool ok, bytes memory answer) = address(pool).call{value: i < 3 ? 1 ether : 0}(calls[i]);
            vm.assertFalse(ok);
            vm.assertEq(answer, refusal);
        }
    }

    /// @dev Three that are payable first; removing last.
    function _actions(address recipient, uint256 deadline) private view returns (bytes[] memory calls) {
        calls = new bytes[](6);
        calls[0] = abi.encodeCall(pool.add, (Resource.CPU, 10_000e18, 0, 0, recipient, deadline));
        calls[1] = abi.encodeCall(pool.swapNativeForToken, (Resource.CPU, 0, recipient, deadline));
        calls[2] = abi.encodeCall(pool.swapNativeForExactToken, (Resource.CPU, 1e18, recipient, deadline));
        calls[3] = abi.encodeCall(pool.swapTokenForNative, (Resource.CPU, 1e18, 0, recipient, deadline));
        calls[4] = abi.encodeCall(pool.swapTokenForExactNative, (Resource.CPU, 1e9, 1e18, recipient, deadline));
        calls[5] = abi.encodeCall(pool.remove, (Resource.CPU, 1e18, 0, 0, recipient, deadline));
    }

    function _assertReserves(uint256 native, uint256 token) private view {
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.CPU);
        vm.assertEq(rn, native);
        vm.assertEq(rt, token);
        vm.assertEq(address(pool).balance, native);
        vm.assertEq(tokens[0].balanceOf(address(pool)), token);
    }
}
