// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LiquidityPool} from "../../contracts/market/LiquidityPool.sol";
import {HookToken} from "../../contracts/test/HookToken.sol";
import {HostileReceiver} from "../../contracts/test/HostileReceiver.sol";
import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What somebody might try against the pools.
contract LiquidityPoolAttacksTest is MarketFixture {
    HostileReceiver private hostile;

    function setUp() public override {
        super.setUp();
        hostile = new HostileReceiver();
        vm.deal(address(hostile), 100 ether);
        tokens[0].transfer(address(hostile), 10_000e18);
        hostile.execute(address(tokens[0]), 0, abi.encodeCall(tokens[0].approve, (address(pool), type(uint256).max)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Slices, round trips
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SwapInSlicesNeverBringsMore(uint256 amount, uint256[6] memory cuts, uint8 slices) public {
        _addLiquidity(ALICE, Resource.CPU, 10 ether, 50_000e18);
        amount = _bound(amount, 1e12, 100 ether);
        uint256 whole = pool.quoteNativeForToken(Resource.CPU, amount);
        (uint256 got, uint256 count) = (0, 2 + slices % 6);
        vm.startPrank(BOB);
        for (uint256 i = 0; i < count && amount > 0; ++i) {
            uint256 part = i + 1 == count ? amount : _bound(cuts[i], 1, amount);
            got += pool.swapNativeForToken{value: part}(Resource.CPU, 0, BOB, DEADLINE);
            amount -= part;
        }
        vm.assertTrue(got <= whole);
    }

    function testFuzz_ThereAndBackNeverGains(uint256 native, uint256 token, uint256 amount) public {
        _addLiquidity(ALICE, Resource.CPU, _bound(native, 1e9, 500 ether), _bound(token, 1e9, _cap(0) / 10));
        uint256 balance = BOB.balance;
        amount = _bound(amount, 1, 500 ether);
        vm.startPrank(BOB);
        try pool.swapNativeForToken{value: amount}(Resource.CPU, 0, BOB, DEADLINE) returns (uint256 out) {
            try pool.swapTokenForNative(Resource.CPU, out, 0, BOB, DEADLINE) {} catch {}
        } catch {}
        vm.assertTrue(BOB.balance <= balance);
    }

    function testFuzz_AddAndRemoveNeverGains(uint256[2] memory first, uint256[2] memory second) public {
        _addLiquidity(ALICE, Resource.CPU, _bound(first[0], 1e9, 500 ether), _bound(first[1], 1e9, _cap(0) / 10));
        (uint256 balance, uint256 held) = (BOB.balance, tokens[0].balanceOf(BOB));
        vm.startPrank(BOB);
        try pool.add{value: _bound(second[0], 1, 500 ether)}(
            Resource.CPU, _bound(second[1], 1, _cap(0) / 10), 0, 0, BOB, DEADLINE
        ) returns (
            uint256, uint256, uint256 shares
        ) {
            pool.remove(Resource.CPU, shares, 0, 0, BOB, DEADLINE);
        } catch {}
        vm.assertTrue(BOB.balance <= balance && tokens[0].balanceOf(BOB) <= held);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The first provider, donations
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The first provider takes the smallest pool there is and gives it all he has: the second loses no more than the
    /// rounding of one share.
    function testFuzz_FirstProviderCannotInflate(uint256 token, uint256 native, uint256 amount) public {
        _addLiquidity(BOB, Resource.CPU, 1_001, 1_001);
        vm.prank(BOB);
        tokens[0].transfer(address(pool), _bound(token, 1, _cap(0) / 20));
        vm.deal(address(pool), address(pool).balance + _bound(native, 1, 1e30));
        amount = _bound(amount, 1, _cap(0) / 1e4);
        uint256 shares = _addLiquidity(ALICE, Resource.CPU, amount, amount);
        vm.assertEq(shares, amount);
        vm.prank(ALICE);
        (uint256 nativeOut, uint256 tokenOut) = pool.remove(Resource.CPU, shares, 0, 0, ALICE, DEADLINE);
        vm.assertTrue(nativeOut == amount && tokenOut == amount);
    }

    function testFuzz_DonationsChangeNothing(uint256 token, uint256 native) public {
        _addLiquidity(ALICE, Resource.CPU, 10 ether, 50_000e18);
        bytes32 before = _reading();
        vm.prank(BOB);
        tokens[0].transfer(address(pool), _bound(token, 1, _cap(0) / 20));
        vm.deal(address(pool), address(pool).balance + _bound(native, 1, 1e30));
        vm.assertEq(_reading(), before);
        (bool plain,) = address(pool).call{value: 1}("");
        vm.assertFalse(plain);
    }

    /// @dev Somebody moves the ratio before an addition: the minimum of shares that was quoted refuses it.
    function testFuzz_RatioMovedBeforeAnAddition(uint256 amount) public {
        _addLiquidity(ALICE, Resource.CPU, 10 ether, 50_000e18);
        (,, uint256 shares) = pool.quoteAdd(Resource.CPU, 1 ether, 5_000e18);
        vm.prank(BOB);
        pool.swapNativeForToken{value: _bound(amount, 1e12, 100 ether)}(Resource.CPU, 0, BOB, DEADLINE);
        (,, uint256 fewer) = pool.quoteAdd(Resource.CPU, 1 ether, 5_000e18);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_InsufficientShares.selector, fewer, shares));
        vm.prank(ALICE);
        pool.add{value: 1 ether}(Resource.CPU, 5_000e18, 0, shares, ALICE, DEADLINE);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Reentrancy, refusal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A receiver that calls back while it is paid finds every action, every price and the supply closed.
    function test_ReceiverThatCallsBackFindsEverythingClosed() public {
        address self = address(hostile);
        hostile.execute(
            address(pool), 10 ether, abi.encodeCall(pool.add, (Resource.CPU, 5_000e18, 0, 0, self, DEADLINE))
        );
        bytes[] memory calls = _callsBack();
        bytes[4] memory actions = [
            abi.encodeCall(pool.remove, (Resource.CPU, 1e18, 0, 0, self, DEADLINE)),
            abi.encodeCall(pool.swapTokenForNative, (Resource.CPU, 1e18, 0, self, DEADLINE)),
            abi.encodeCall(pool.swapNativeForExactToken, (Resource.CPU, 1e15, self, DEADLINE)),
            abi.encodeCall(pool.add, (Resource.CPU, 1e18, 0, 0, self, DEADLINE))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            hostile.prepare(address(pool), calls[i]);
            for (uint256 j = 0; j < 4; ++j) {
                hostile.execute(address(pool), j < 2 ? 0 : 1 ether, actions[j]);
                vm.assertEq(hostile.calls(), 4 * i + j + 1);
                _assertClosed(hostile.succeeded(), hostile.answer());
            }
        }
    }

    /// @dev So does a token that calls back in the middle of a transfer, which ours never does.
    function test_TokenThatCallsBackFindsEverythingClosed() public {
        HookToken token = new HookToken(address(this), 1_000_000e18);
        IERC20[4] memory list = [IERC20(token), token, token, token];
        pool = new LiquidityPool(BRAKE, list);
        token.approve(address(pool), type(uint256).max);
        pool.add{value: 10 ether}(Resource.CPU, 5_000e18, 0, 0, address(this), DEADLINE);
        bytes[] memory calls = _callsBack();
        for (uint256 i = 0; i < calls.length; ++i) {
            token.prepare(address(pool), calls[i]);
            pool.add{value: 1 ether}(Resource.CPU, 1e18, 0, 0, address(this), DEADLINE);
            _assertClosed(token.succeeded(), token.answer());
            pool.swapNativeForToken{value: 1 ether}(Resource.CPU, 0, address(this), DEADLINE);
            _assertClosed(token.succeeded(), token.answer());
            pool.swapTokenForNative(Resource.CPU, 1e18, 0, address(this), DEADLINE);
            _assertClosed(token.succeeded(), token.answer());
            pool.remove(Resource.CPU, 1e18, 0, 0, address(this), DEADLINE);
            _assertClosed(token.succeeded(), token.answer());
            vm.assertEq(token.calls(), 4 * (i + 1));
        }
    }

    /// @dev Who refuses ether stops itself only, and can still name another recipient.
    function test_ReceiverThatRefusesStopsItselfOnly() public {
        address self = address(hostile);
        hostile.execute(
            address(pool), 10 ether, abi.encodeCall(pool.add, (Resource.CPU, 5_000e18, 0, 0, self, DEADLINE))
        );
        hostile.refuse(true);
        uint256 shares = pool.balanceOf(self, 0);
        vm.expectRevert(abi.encodeWithSelector(HostileReceiver.HostileReceiver_Refused.selector));
        hostile.execute(address(pool), 0, abi.encodeCall(pool.remove, (Resource.CPU, shares, 0, 0, self, DEADLINE)));
        vm.prank(BOB);
        pool.swapTokenForNative(Resource.CPU, 1e18, 0, BOB, DEADLINE);
        hostile.execute(address(pool), 0, abi.encodeCall(pool.remove, (Resource.CPU, shares, 0, 0, BOB, DEADLINE)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Sandwich
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Rn + v − k/(Rt − limit): that is all there is to gain around a swap of v, in however many steps, for who ends
    /// with the tokens they began with.
    function testFuzz_SandwichGainsAtMostWhatTheLimitLeaves(uint256 v, uint256 x, uint256 slack, uint256 cut) public {
        (uint256 rn, uint256 rt) = (10 ether, 50_000e18);
        _addLiquidity(ALICE, Resource.CPU, rn, rt);
        (v, x) = (_bound(v, 1e9, 10 ether), _bound(x, 1e9, 100 ether));
        uint256 limit = pool.quoteNativeForToken(Resource.CPU, v);
        limit -= _bound(slack, 0, limit);
        uint256 balance = BOB.balance;
        vm.prank(BOB);
        uint256 front = pool.swapNativeForToken{value: x}(Resource.CPU, 0, BOB, DEADLINE);
        vm.prank(ALICE);
        try pool.swapNativeForToken{value: v}(Resource.CPU, limit, ALICE, DEADLINE) {}
        catch {
            v = 0;
            limit = 0;
        }
        cut = _bound(cut, 0, front);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 part = i == 0 ? cut : front - cut;
            if (part < 1e9) {
                vm.prank(BOB);
                tokens[0].transfer(TREASURY, part);
                continue;
            }
            vm.prank(BOB);
            pool.swapTokenForNative(Resource.CPU, part, 0, BOB, DEADLINE);
        }
        uint256 bound_ = rn + v - Math.ceilDiv(rn * rt, rt - limit);
        // Tokens thrown away above are tokens he no longer has: less than the bound all the more.
        if (BOB.balance > balance) vm.assertTrue(BOB.balance - balance <= bound_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Values that overflow
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_AmountsBeyond128BitsAreRefusedByName(uint256 amount) public {
        _addLiquidity(ALICE, Resource.CPU, 10 ether, 50_000e18);
        amount = _bound(amount, type(uint128).max - 10 ether + 1, type(uint256).max);
        bytes memory refusal =
            abi.encodeWithSelector(ILiquidityPool.LiquidityPool_TooMuch.selector, Resource.CPU, amount);
        vm.expectRevert(refusal);
        pool.quoteNativeForToken(Resource.CPU, amount);
        vm.expectRevert(refusal);
        pool.quoteAdd(Resource.CPU, amount, 1);
        if (amount <= type(uint128).max) return; // the reserve of the token is larger, and empty pools take this much
        vm.expectRevert(refusal);
        pool.swapTokenForNative(Resource.CPU, amount, 0, ALICE, DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.LiquidityPool_TooMuch.selector, Resource.MEM, amount));
        pool.quoteAdd(Resource.MEM, 1, amount);
    }

    /// @dev However much of the token somebody is ready to add, only what fits the payment goes in.
    function testFuzz_AnyMaximumOfTokensFits(uint256 maxToken) public {
        _addLiquidity(ALICE, Resource.CPU, 10 ether, 50_000e18);
        maxToken = _bound(maxToken, 5_000e18, type(uint256).max);
        vm.prank(BOB);
        (uint256 native, uint256 token,) = pool.add{value: 1 ether}(Resource.CPU, maxToken, 0, 0, BOB, DEADLINE);
        vm.assertTrue(native == 1 ether && token == 5_000e18);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _reading() private view returns (bytes32) {
        (uint256 rn, uint256 rt) = pool.reservesOf(Resource.CPU);
        (uint256 pn, uint256 pt) = pool.sharePrice(Resource.CPU);
        return keccak256(
            abi.encode(
                rn,
                rt,
                pn,
                pt,
                pool.quoteNativeForToken(Resource.CPU, 1 ether),
                pool.quoteTokenForNative(Resource.CPU, 1e18)
            )
        );
    }

    function _callsBack() private view returns (bytes[] memory calls) {
        calls = new bytes[](15);
        calls[0] = abi.encodeCall(pool.reservesOf, (Resource.CPU));
        calls[1] = abi.encodeCall(pool.sharePrice, (Resource.CPU));
        calls[2] = abi.encodeCall(pool.totalSupply, (0));
        calls[3] = abi.encodeCall(pool.quoteAdd, (Resource.CPU, 1e18, 1e18));
        calls[4] = abi.encodeCall(pool.quoteRemove, (Resource.CPU, 1e18));
        calls[5] = abi.encodeCall(pool.quoteNativeForToken, (Resource.CPU, 1e18));
        calls[6] = abi.encodeCall(pool.quoteNativeForExactToken, (Resource.CPU, 1e18));
        calls[7] = abi.encodeCall(pool.quoteTokenForNative, (Resource.CPU, 1e18));
        calls[8] = abi.encodeCall(pool.quoteTokenForExactNative, (Resource.CPU, 1e9));
        calls[9] = abi.encodeCall(pool.add, (Resource.CPU, 1e18, 0, 0, ALICE, DEADLINE));
        calls[10] = abi.encodeCall(pool.remove, (Resource.CPU, 1e18, 0, 0, ALICE, DEADLINE));
        calls[11] = abi.encodeCall(pool.swapNativeForToken, (Resource.CPU, 0, ALICE, DEADLINE));
        calls[12] = abi.encodeCall(pool.swapNativeForExactToken, (Resource.CPU, 1, ALICE, DEADLINE));
        calls[13] = abi.encodeCall(pool.swapTokenForNative, (Resource.CPU, 1e18, 0, ALICE, DEADLINE));
        calls[14] = abi.encodeCall(pool.swapTokenForExactNative, (Resource.CPU, 1, 1e18, ALICE, DEADLINE));
    }

    function _assertClosed(bool succeeded, bytes memory answer) private pure {
        vm.assertFalse(succeeded);
        vm.assertEq(answer, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
    }

    receive() external payable {}
}
