// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {HostileTrader} from "../../contracts/test/HostileTrader.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {OrderBookFixture} from "./OrderBookFixture.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

contract OrderBookAttacksTest is OrderBookFixture {
    HostileTrader private trader;

    function setUp() public override {
        super.setUp();
        trader = new HostileTrader();
        _equip(address(trader));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Tokens that move something else
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_TokenThatMovesAnotherAmountIsNotTaken(uint8 manner, bool placing) public {
        HostileToken.Manner how =
            [HostileToken.Manner.FeeInside, HostileToken.Manner.Generous, HostileToken.Manner.Idle][manner % 3];
        uint256 id = placing ? 0 : _place(BUY, 1e18, 1e15, 1);
        uint256 moved =
            how == HostileToken.Manner.FeeInside ? 99e16 - 1 : how == HostileToken.Manner.Generous ? 101e16 + 1 : 0;
        token.setManner(how);
        vm.expectRevert(_inexact(token, 1e18, moved));
        vm.prank(TAKER);
        if (placing) book.place(SELL, token, 1e18, 1e15, 1, EXPIRY);
        else book.fill(id, token, 1e18, 0, START);
    }

    /// @dev A fee that begins while tokens lie here: the taker, who pays for all, does not get less; the maker can
    /// withdraw what is left of its own.
    function test_FeeThatBeginsLater() public {
        uint256 id = _place(SELL, 2e18, 1e15, 1);
        token.setManner(HostileToken.Manner.FeeInside);
        vm.expectRevert(_inexact(token, 1e18, 99e16 - 1));
        vm.prank(TAKER);
        book.fill{value: 1e15}(id, token, 1e18, 1e15, START);
        vm.startPrank(MAKER);
        book.cancel(id);
        book.withdraw(address(token), address(0xbeef));
        vm.stopPrank();
        vm.assertEq(token.balanceOf(address(0xbeef)), 2e18 - 2e16 - 1);
    }

    /// @dev A fee on top would be paid from the offers of others: nothing leaves until it ends.
    function test_FeeOnTopIsNotPaidByOthers() public {
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        vm.prank(STRANGER);
        book.place(SELL, token, 1e18, 1e15, 1, EXPIRY);
        token.setManner(HostileToken.Manner.FeeOnTop);
        bytes memory refusal = _inexact(token, 1e18, 101e16 + 1);
        vm.expectRevert(refusal);
        vm.prank(TAKER);
        book.fill{value: 1e15}(id, token, 1e18, 1e15, START);
        vm.startPrank(MAKER);
        book.cancel(id);
        vm.expectRevert(refusal);
        book.withdraw(address(token), MAKER);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(address(book)), 2e18);
        token.setManner(HostileToken.Manner.Honest);
        vm.prank(MAKER);
        book.withdraw(address(token), MAKER);
    }

    /// @dev Neither in nor out while the token refuses; every exit of native currency works, and the offer ends.
    function testFuzz_RevertingTokenBlocksNoNativeExit(bool saysFalse) public {
        uint256 sell = _place(SELL, 2e18, 1e15, 1);
        uint256 buy = _place(BUY, 2e18, 1e15, 1);
        _fill(sell, 1e18);
        _fill(buy, 1e18);
        token.setManner(saysFalse ? HostileToken.Manner.Refusing : HostileToken.Manner.Reverting);
        bytes memory refusal = saysFalse
            ? abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
            : abi.encodeWithSelector(HostileToken.HostileToken_Reverting.selector);
        vm.startPrank(TAKER);
        vm.expectRevert(refusal);
        book.fill{value: 1e15}(sell, token, 1e18, 1e15, START);
        vm.expectRevert(refusal);
        book.fill(buy, token, 1e18, 0, START);
        vm.stopPrank();
        uint256 before = MAKER.balance;
        vm.startPrank(MAKER);
        book.cancel(buy);
        book.cancel(sell);
        vm.assertEq(book.withdraw(NATIVE, MAKER), 2e15);
        vm.expectRevert(refusal);
        book.withdraw(address(token), MAKER);
        vm.stopPrank();
        vm.assertEq(MAKER.balance - before, 2e15);
        token.setManner(HostileToken.Manner.Honest);
        vm.prank(MAKER);
        vm.assertEq(book.withdraw(address(token), MAKER), 2e18);
        (uint256 tokens, uint256 native) = _held();
        vm.assertTrue(tokens == 0 && native == 0);
    }

    /// @dev One token's trouble is no other's.
    function test_HostileTokenTouchesNoOther() public {
        vm.prank(MAKER);
        uint256 id = book.place(SELL, other, 1e18, 1e15, 1, EXPIRY);
        token.setManner(HostileToken.Manner.Reverting);
        vm.prank(TAKER);
        book.fill{value: 1e15}(id, other, 1e18, 1e15, START);
        vm.assertEq(book.balanceOf(MAKER, NATIVE), 1e15);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Calls from within
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whatever a token calls while it is moved, in each of the ways it can be moved, finds the book closed.
    function testFuzz_TokenCallsBack(uint8 what, uint8 where) public {
        uint256 sell = _place(SELL, 2e18, 1e15, 1);
        uint256 buy = _place(BUY, 2e18, 1e15, 1);
        _fill(buy, 1e18);
        token.setCall(address(book), _anyCall(what, sell));
        if (where % 4 == 0) _place(SELL, 1e18, 1e15, 1);
        else if (where % 4 == 1) _fill(sell, 1e18);
        else if (where % 4 == 2) _fill(buy, 1e18);
        else _withdraw(MAKER, address(token));
        vm.assertFalse(token.succeeded());
        vm.assertEq(
            token.answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    /// @dev So does whatever a receiver of native currency calls: a refund, the pay of a taker, a withdrawal.
    function testFuzz_ReceiverCallsBack(uint8 what, uint8 where) public {
        uint256 sell = _place(SELL, 2e18, 1e15, 1);
        uint256 buy = _place(BUY, 2e18, 1e15, 1);
        uint256 own = _placeByTrader();
        _fill(own, 1e18);
        trader.setCall(address(book), _anyCall(what, own));
        if (where % 3 == 0) _fillByTrader(sell, 2e15, 1e15);
        else if (where % 3 == 1) _fillByTrader(buy, 0, 1e15);
        else trader.act(address(book), abi.encodeCall(book.withdraw, (NATIVE, address(trader))));
        vm.assertFalse(trader.succeeded());
        vm.assertEq(
            trader.answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    // ------------------------------------------------------------------------------------------------------------
    // Receivers that do not want
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A maker that refuses native currency, or burns all gas, stops neither fills nor the end of its offer, and
    /// can have its balance sent elsewhere.
    function testFuzz_RefusingMakerBlocksNothing(bool burning) public {
        uint256 id = _placeByTrader();
        trader.setManner(burning ? HostileTrader.Manner.BurningGas : HostileTrader.Manner.Refusing);
        _fill(id, 1e18);
        vm.warp(EXPIRY);
        vm.prank(STRANGER);
        book.cancel(id);
        vm.assertEq(book.balanceOf(address(trader), NATIVE), 1e15);
        if (!burning) {
            vm.expectRevert(abi.encodeWithSelector(HostileTrader.HostileTrader_Refusing.selector));
            trader.act(address(book), abi.encodeCall(book.withdraw, (NATIVE, address(trader))));
        }
        trader.act(address(book), abi.encodeCall(book.withdraw, (NATIVE, address(0xbeef))));
        vm.assertEq(address(0xbeef).balance, 1e15);
    }

    /// @dev A taker that refuses its pay or its refund refuses its own fill, whole.
    function testFuzz_RefusingTakerFillsNothing(bool sell) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        trader.setManner(HostileTrader.Manner.Refusing);
        bytes memory call_ = abi.encodeCall(book.fill, (id, token, 1e18, 1e15, START));
        vm.expectRevert(abi.encodeWithSelector(HostileTrader.HostileTrader_Refusing.selector));
        trader.act{value: sell ? 1e15 + 1 : 0}(address(book), call_);
        _assertStands(id, sell ? SELL : BUY, 1e18, 1e15, 1, EXPIRY, sell ? 0 : 1e15);
        vm.assertEq(book.balanceOf(MAKER, sell ? NATIVE : address(token)), 0);
    }

    /// @dev Should the book ever hold less than it owes, the error says so.
    function test_MissingNativeIsNamed() public {
        _fill(_place(SELL, 1e18, 1e15, 1), 1e18);
        vm.deal(address(book), 1e15 - 1);
        vm.expectRevert(_error(Errors.InsufficientBalance.selector, 1e15 - 1, 1e15));
        vm.prank(MAKER);
        book.withdraw(NATIVE, MAKER);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Gifts
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Tokens sent and native currency forced here change no offer, quote or balance, and nobody gets them.
    function testFuzz_GiftsCountForNothing(uint96 tokens, uint96 native) public {
        uint256 sell = _place(SELL, 2e18, 1e15, 1);
        uint256 buy = _place(BUY, 2e18, 1e15, 1);
        vm.prank(STRANGER);
        vm.assertTrue(token.transfer(address(book), tokens));
        vm.deal(address(book), address(book).balance + native); // as by selfdestruct
        vm.assertEq(book.quoteFill(sell, 1e18), 1e15);
        vm.assertEq(book.quoteFill(buy, 1e18), 1e15);
        _fill(sell, 1e18);
        _fill(buy, 1e18);
        vm.startPrank(MAKER);
        book.cancel(sell);
        book.cancel(buy);
        vm.assertEq(book.withdraw(NATIVE, MAKER), 2e15);
        vm.assertEq(book.withdraw(address(token), MAKER), 2e18);
        vm.stopPrank();
        (uint256 heldTokens, uint256 heldNative) = _held();
        vm.assertEq(heldTokens, tokens);
        vm.assertEq(heldNative, native);
    }

    function testFuzz_PlainPaymentReverts(uint96 value, bytes calldata data) public {
        vm.assume(data.length < 4);
        vm.prank(TAKER);
        (bool ok,) = address(book).call{value: value}(data);
        vm.assertFalse(ok);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Rounding, dust and extremes
    // ------------------------------------------------------------------------------------------------------------

    /// @dev In k parts a taker pays at least as much, or gets at most as much, as in one; and the maker gets all that
    /// the taker does not.
    function testFuzz_PartsNeverHelpTheTaker(bool sell, uint256 amount, uint256 price, uint256 seed) public {
        (amount, price) = (_bound(amount, 1e9, 2 ** 77), _bound(price, 1e9, 2 ** 77));
        uint256 id = _place(sell ? SELL : BUY, amount, price, 1);
        uint256 whole = book.quoteFill(id, amount);
        uint256 paid = 0;
        uint256 left = amount;
        for (uint256 k = 0; k < 6 && left > 0; ++k) {
            uint256 part = k == 5 ? left : _bound(uint256(keccak256(abi.encode(seed, k))), 1, left);
            if (!sell && (part * price < 1e18 || (part < left && (left - part) * price < 1e18))) continue;
            paid += _fill(id, part);
            left -= part;
        }
        _assertEnded(id);
        vm.assertTrue(sell ? paid >= whole && paid < whole + 6 : paid <= whole && paid + 6 > whole);
        vm.assertEq(book.balanceOf(MAKER, NATIVE), sell ? paid : whole - paid);
        vm.assertEq(book.balanceOf(MAKER, address(token)), sell ? 0 : amount);
        (uint256 tokens, uint256 native) = _held();
        vm.assertEq(tokens, sell ? 0 : amount);
        vm.assertEq(native, sell ? paid : whole - paid);
    }

    /// @dev Buying from one offer and selling to another at the same price gains nothing.
    function testFuzz_RoundTripNeverGains(uint256 amount, uint256 price) public {
        (amount, price) = (_bound(amount, 1, 2 ** 77), _bound(price, 1, 2 ** 77));
        vm.assume(amount * price >= 1e18);
        uint256 sell = _place(SELL, amount, price, 1);
        uint256 buy = _place(BUY, amount, price, 1);
        uint256 before = TAKER.balance;
        _fill(sell, amount);
        _fill(buy, amount);
        vm.assertTrue(TAKER.balance <= before);
    }

    /// @dev The smallest of everything: one base unit for one wei, rounded up from a trillionth of a millionth.
    function test_Dust() public {
        uint256 id = _place(SELL, 1, 1, 1);
        vm.assertEq(_fill(id, 1), 1);
        _assertEnded(id);
    }

    /// @dev The largest of everything is placed, filled, cancelled and withdrawn whole.
    function test_Extremes() public {
        uint256 sell = _place(SELL, MAX, MAX, MAX);
        uint256 value = (MAX * MAX - 1) / 1e18 + 1;
        vm.assertEq(_fill(sell, MAX), value);
        vm.assertEq(_withdraw(MAKER, NATIVE), value);
        uint256 buy = _place(BUY, MAX, 1e18, 1);
        vm.assertEq(book.offerOf(buy).escrow, MAX);
        vm.assertEq(_fill(buy, MAX - 1), MAX - 1);
        vm.prank(MAKER);
        book.cancel(buy);
        vm.assertEq(_withdraw(MAKER, NATIVE), 1);
        vm.assertEq(_withdraw(MAKER, address(token)), MAX - 1);
    }

    /// @dev Whatever takers do, what remains can be taken in one fill: no rest below `minFill` is ever left.
    function testFuzz_NoRestIsTooSmall(bool sell, uint256 amount, uint256 minFill, uint256 seed) public {
        amount = _bound(amount, sell ? 1 : 1_000, seed % 2 == 0 ? 1e4 : 1e24);
        minFill = _bound(minFill, 1, seed % 3 == 0 ? amount : 1_000 < amount ? 1_000 : amount);
        uint256 id = _place(sell ? SELL : BUY, amount, 1e15, minFill);
        uint256 least = sell || minFill > 1_000 ? minFill : 1_000; // of a buy, 1,000 base units are worth a wei
        for (uint256 k = 0; k < 5; ++k) {
            uint256 remaining = book.offerOf(id).remaining;
            vm.assertTrue(remaining == 0 || remaining >= least);
            if (remaining == 0) return;
            uint256 part = _bound(uint256(keccak256(abi.encode(seed, k))), minFill, remaining);
            bool fits = (sell || part >= 1_000) && (part == remaining || remaining - part >= least);
            vm.prank(TAKER);
            bytes memory call_ = abi.encodeCall(book.fill, (id, token, part, sell ? type(uint256).max : 0, START));
            (bool ok,) = address(book).call{value: sell ? 1e22 : 0}(call_);
            vm.assertEq(ok, fits);
        }
        uint256 last = book.offerOf(id).remaining;
        if (last > 0) _fill(id, last);
    }

    /// @dev After a reorganisation a number may be another's offer, in another token: the taker's words do not fit it.
    function test_ReorganisedOfferIsAnotherBargain() public {
        uint256 clean = vm.snapshotState();
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        vm.revertToState(clean);
        vm.prank(STRANGER);
        vm.assertEq(book.place(SELL, other, 1e18, 1e15, 1, EXPIRY), id);
        vm.expectRevert(
            abi.encodeWithSelector(IOrderBook.OrderBook_OtherToken.selector, id, address(token), address(other))
        );
        vm.prank(TAKER);
        book.fill{value: 1e15}(id, token, 1e18, 1e15, START);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _placeByTrader() private returns (uint256) {
        bytes memory call_ = abi.encodeCall(book.place, (SELL, token, 2e18, 1e15, 1, EXPIRY));
        return abi.decode(trader.act(address(book), call_), (uint256));
    }

    function _fillByTrader(uint256 id, uint256 value, uint256 limit) private {
        trader.act{value: value}(address(book), abi.encodeCall(book.fill, (id, token, 1e18, limit, START)));
    }

    function _withdraw(address account, address what) private returns (uint256) {
        vm.prank(account);
        return book.withdraw(what, account);
    }

    function _anyCall(uint8 what, uint256 id) private view returns (bytes memory) {
        if (what % 7 == 0) return abi.encodeCall(book.place, (SELL, token, 1e18, 1e15, 1, EXPIRY));
        if (what % 7 == 1) return abi.encodeCall(book.fill, (id, token, 1e18, 0, START));
        if (what % 7 == 2) return abi.encodeCall(book.cancel, (id));
        if (what % 7 == 3) return abi.encodeCall(book.withdraw, (NATIVE, address(trader)));
        if (what % 7 == 4) return abi.encodeCall(book.offerOf, (id));
        if (what % 7 == 5) return abi.encodeCall(book.quoteFill, (id, 1e18));
        return abi.encodeCall(book.balanceOf, (MAKER, NATIVE));
    }
}
