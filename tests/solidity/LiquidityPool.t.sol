// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LiquidityPool} from "../../contracts/market/LiquidityPool.sol";
import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {
    IERC165,
    IERC6909,
    IERC6909Metadata,
    IERC6909TokenSupply
} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Shares: the pools, adding and removing.
contract LiquidityPoolTest is MarketFixture {
    address private constant LOCK = address(0xdEaD);
    uint256 private constant ID = uint256(Resource.MEM);

    // ------------------------------------------------------------------------------------------------------------
    // constructor, metadata
    // ------------------------------------------------------------------------------------------------------------

    function test_Constructor() public view {
        string[4] memory symbols = ["CPU", "MEM", "STO", "NET"];
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(address(pool.tokenOf(Resource(i))), address(tokens[i]));
            vm.assertEq(pool.name(i), string.concat("NovaCron pool share ", symbols[i]));
            vm.assertEq(pool.symbol(i), string.concat(symbols[i], "-LP"));
            vm.assertEq(uint256(pool.decimals(i)), uint256(18));
            vm.assertEq(pool.totalSupply(i), uint256(0));
            (uint256 native, uint256 token) = pool.reservesOf(Resource(i));
            vm.assertEq(native + token, uint256(0));
            (native, token) = pool.sharePrice(Resource(i));
            vm.assertEq(native + token, uint256(0));
        }
        vm.assertEq(pool.FEE(), uint256(3_000));
        vm.assertEq(pool.LOCKED_SHARES(), uint256(1_000));
        vm.assertEq(pool.owner(), BRAKE);
        vm.assertTrue(pool.supportsInterface(type(IERC165).interfaceId));
        vm.assertTrue(pool.supportsInterface(type(IERC6909).interfaceId));
        vm.assertTrue(pool.supportsInterface(type(IERC6909TokenSupply).interfaceId));
        vm.assertTrue(pool.supportsInterface(type(IERC6909Metadata).interfaceId));
        vm.assertFalse(pool.supportsInterface(0xffffffff));
    }

    function testFuzz_ConstructorRefusesAMissingToken(uint8 which) public {
        which %= 4;
        IERC20[4] memory list;
        for (uint256 i = 0; i < which; ++i) {
            list[i] = IERC20(address(tokens[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_NoToken.selector, Resource(which)));
        new LiquidityPool(BRAKE, list);
    }

    // ------------------------------------------------------------------------------------------------------------
    // add
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The first sets the ratio, pays in everything, and leaves a thousand shares behind.
    function testFuzz_AddFirst(uint256 native, uint256 token) public {
        native = _bound(native, 1, 1_000 ether);
        token = _bound(token, 1_002_001 / native + 1, _cap(ID) / 10);
        uint256 root = Math.sqrt(native * token);
        vm.expectEmit();
        emit ILiquidityPool.LiquidityAdded(Resource.MEM, ALICE, BOB, native, token, root - 1_000);
        vm.prank(ALICE);
        (uint256 nativeIn, uint256 tokenIn, uint256 shares) =
            pool.add{value: native}(Resource.MEM, token, token, root - 1_000, BOB, DEADLINE);
        vm.assertTrue(nativeIn == native && tokenIn == token && shares == root - 1_000);
        vm.assertEq(pool.balanceOf(BOB, ID), root - 1_000);
        vm.assertEq(pool.balanceOf(LOCK, ID), uint256(1_000));
        vm.assertEq(pool.totalSupply(ID), root);
        _assertReserves(native, token);
    }

    /// @dev As much as both limits allow at the present ratio, rounded up; shares rounded down; the rest comes back.
    function testFuzz_AddAtTheRatio(uint256[2] memory first, uint256[2] memory second) public {
        _start(first);
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.MEM);
        uint256 supply = pool.totalSupply(ID);
        (uint256 native, uint256 token) = (_bound(second[0], 1e12, 500 ether), _bound(second[1], 1e12, _cap(ID) / 20));
        (uint256 expectedNative, uint256 expectedToken) = (native, Math.ceilDiv(native * rt, rn));
        if (expectedToken > token) (expectedNative, expectedToken) = (Math.ceilDiv(token * rn, rt), token);
        uint256 expected = Math.min(expectedNative * supply / rn, expectedToken * supply / rt);
        _assertQuoted(native, token, expectedNative, expectedToken, expected);

        vm.expectEmit();
        emit ILiquidityPool.LiquidityAdded(Resource.MEM, BOB, BOB, expectedNative, expectedToken, expected);
        vm.prank(BOB);
        pool.add{value: native}(Resource.MEM, token, expectedToken, expected, BOB, DEADLINE);

        vm.assertEq(BOB.balance, 1_000 ether - expectedNative);
        vm.assertEq(pool.balanceOf(BOB, ID), expected);
        vm.assertEq(pool.totalSupply(ID), supply + expected);
        _assertReserves(rn + expectedNative, rt + expectedToken);
        // A share is worth no less of either than before.
        vm.assertTrue((rn + expectedNative) * supply >= rn * (supply + expected));
        vm.assertTrue((rt + expectedToken) * supply >= rt * (supply + expected));
    }

    function test_AddTooLittleFirstReverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_FirstTooSmall.selector, uint256(1_000), uint256(1_000))
        );
        _addLiquidity(ALICE, Resource.MEM, 1_000, 1_000);
        _addLiquidity(ALICE, Resource.MEM, 1_001, 1_001);
        vm.assertEq(pool.balanceOf(ALICE, ID), uint256(1));
    }

    function test_AddOfNothingReverts() public {
        bytes memory refusal = abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ZeroAmount.selector);
        vm.expectRevert(refusal);
        _addLiquidity(ALICE, Resource.MEM, 0, 1e18);
        vm.expectRevert(refusal);
        _addLiquidity(ALICE, Resource.MEM, 1e18, 0);
        // So little that it is worth no share.
        _addLiquidity(ALICE, Resource.MEM, 1, 1e18);
        vm.prank(BOB);
        pool.swapNativeForToken{value: 100 ether}(Resource.MEM, 0, BOB, DEADLINE);
        vm.expectRevert(refusal);
        _addLiquidity(BOB, Resource.MEM, 1, 1e18);
    }

    function testFuzz_AddBelowTheMinimaReverts(uint256[2] memory first, uint256 over) public {
        _start(first);
        (, uint256 token, uint256 shares) = pool.quoteAdd(Resource.MEM, 1 ether, 1_000e18);
        over = _bound(over, 1, 1e40);
        vm.startPrank(BOB);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientToken.selector, token, token + over)
        );
        pool.add{value: 1 ether}(Resource.MEM, 1_000e18, token + over, 0, BOB, DEADLINE);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientShares.selector, shares, shares + over)
        );
        pool.add{value: 1 ether}(Resource.MEM, 1_000e18, 0, shares + over, BOB, DEADLINE);
    }

    // ------------------------------------------------------------------------------------------------------------
    // remove
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Remove(uint256[2] memory first, uint256 shares) public {
        uint256 held = _start(first);
        shares = _bound(shares, 1, held);
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.MEM);
        (uint256 native, uint256 token) = (shares * rn / (held + 1_000), shares * rt / (held + 1_000));
        (uint256 quotedNative, uint256 quotedToken) = pool.quoteRemove(Resource.MEM, shares);
        vm.assertTrue(quotedNative == native && quotedToken == token);
        (uint256 balance, uint256 tokens_) = (BOB.balance, tokens[ID].balanceOf(BOB));

        vm.expectEmit();
        emit ILiquidityPool.LiquidityRemoved(Resource.MEM, ALICE, BOB, native, token, shares);
        vm.prank(ALICE);
        pool.remove(Resource.MEM, shares, native, token, BOB, DEADLINE);

        vm.assertEq(BOB.balance - balance, native);
        vm.assertEq(tokens[ID].balanceOf(BOB) - tokens_, token);
        vm.assertEq(pool.balanceOf(ALICE, ID), held - shares);
        _assertReserves(rn - native, rt - token);
    }

    /// @dev Nothing but the locked shares is left, and the next provider finds a pool that works.
    function testFuzz_RemoveEverything(uint256[2] memory first) public {
        uint256 held = _start(first);
        vm.prank(ALICE);
        pool.remove(Resource.MEM, held, 0, 0, ALICE, DEADLINE);
        vm.assertEq(pool.totalSupply(ID), uint256(1_000));
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.MEM);
        vm.assertTrue(rn > 0 && rt > 0);
        vm.assertTrue(_addLiquidity(BOB, Resource.MEM, 500 ether, _cap(ID) / 20) > 0);
    }

    function testFuzz_RemoveMoreThanOneHasReverts(uint256[2] memory first, uint256 shares) public {
        uint256 held = _start(first);
        shares = _bound(shares, held + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ExcessiveShares.selector, shares, held));
        vm.prank(ALICE);
        pool.remove(Resource.MEM, shares, 0, 0, ALICE, DEADLINE);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, BOB, uint256(0), uint256(1), ID)
        );
        vm.prank(BOB);
        pool.remove(Resource.MEM, 1, 0, 0, BOB, DEADLINE);
    }

    function test_RemoveOfNothingReverts() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ZeroAmount.selector));
        pool.remove(Resource.MEM, 0, 0, 0, ALICE, DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_Empty.selector, Resource.MEM));
        pool.remove(Resource.MEM, 1, 0, 0, ALICE, DEADLINE);
    }

    function testFuzz_RemoveBelowTheMinimaReverts(uint256[2] memory first, uint256 over) public {
        uint256 shares = _start(first) / 2;
        (uint256 native, uint256 token) = pool.quoteRemove(Resource.MEM, shares);
        over = _bound(over, 1, 1e40);
        vm.startPrank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientNative.selector, native, native + over)
        );
        pool.remove(Resource.MEM, shares, native + over, 0, ALICE, DEADLINE);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientToken.selector, token, token + over)
        );
        pool.remove(Resource.MEM, shares, 0, token + over, ALICE, DEADLINE);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Shares
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Shares are the holder's: they move, and whoever holds them removes; pools are apart.
    function test_SharesMoveAndPoolsAreApart() public {
        uint256 shares = _addLiquidity(ALICE, Resource.MEM, 1 ether, 1_000e18);
        _addLiquidity(ALICE, Resource.NET, 2 ether, 1_000e18);
        vm.prank(ALICE);
        pool.transfer(BOB, ID, shares);
        vm.prank(BOB);
        pool.remove(Resource.MEM, shares, 0, 0, BOB, DEADLINE);
        (uint256 native, uint256 token) = pool.reservesOf(Resource.NET);
        vm.assertTrue(native == 2 ether && token == 1_000e18);
        vm.assertEq(pool.balanceOf(BOB, uint256(Resource.NET)), uint256(0));
    }

    function test_SharePriceGrowsWithEverySwap() public {
        _addLiquidity(ALICE, Resource.MEM, 10 ether, 1_000e18);
        (uint256 native, uint256 token) = pool.sharePrice(Resource.MEM);
        vm.startPrank(BOB);
        for (uint256 i = 0; i < 10; ++i) {
            uint256 out = pool.swapNativeForToken{value: 1 ether}(Resource.MEM, 0, BOB, DEADLINE);
            pool.swapTokenForNative(Resource.MEM, out, 0, BOB, DEADLINE);
        }
        (uint256 nativeNow, uint256 tokenNow) = pool.sharePrice(Resource.MEM);
        vm.assertTrue(nativeNow > native && tokenNow >= token);
        (uint256 rn,) = pool.reservesOf(Resource.MEM);
        vm.assertEq(nativeNow, rn * 1e18 / pool.totalSupply(ID));
    }

    function test_OwnershipCannotBeGivenUp() public {
        vm.expectRevert(abi.encodeWithSelector(IBrakeable.Brakeable_OwnerIsNeeded.selector));
        vm.prank(BRAKE);
        pool.renounceOwnership();
    }

    /// @dev ALICE adds first; the shares she gets.
    function _start(uint256[2] memory amounts) private returns (uint256) {
        uint256 native = _bound(amounts[0], 1e12, 500 ether);
        return _addLiquidity(ALICE, Resource.MEM, native, _bound(amounts[1], 1e12, _cap(ID) / 10));
    }

    function _assertQuoted(uint256 payment, uint256 maxToken, uint256 native, uint256 token, uint256 shares)
        private
        view
    {
        (uint256 quotedNative, uint256 quotedToken, uint256 quoted) = pool.quoteAdd(Resource.MEM, payment, maxToken);
        vm.assertEq(quotedNative, native);
        vm.assertEq(quotedToken, token);
        vm.assertEq(quoted, shares);
    }

    function _assertReserves(uint256 native, uint256 token) private view {
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.MEM);
        vm.assertEq(rn, native);
        vm.assertEq(rt, token);
        vm.assertEq(address(pool).balance, native);
        vm.assertEq(tokens[ID].balanceOf(address(pool)), token);
    }
}
