// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {OrderBookFixture} from "./OrderBookFixture.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

contract OrderBookFillsTest is OrderBookFixture {
    /// @dev The taker pays the value rounded up, gets its tokens and the rest of its wei; the maker's balance grows.
    function testFuzz_FillSell(uint256 amount, uint256 price, uint256 part, uint256 extra) public {
        (amount, price) = (_bound(amount, 1, MAX), _bound(price, 1, MAX));
        (part, extra) = (_bound(part, 1, amount), _bound(extra, 0, 2 ** 100));
        uint256 id = _place(SELL, amount, price, 1);
        uint256 value = (part * price + 1e18 - 1) / 1e18;
        (uint256 tokens, uint256 native) = (token.balanceOf(TAKER), TAKER.balance);
        vm.assertEq(book.quoteFill(id, part), value);
        vm.expectEmit();
        emit IOrderBook.OfferFilled(id, TAKER, part, value, amount - part);
        vm.prank(TAKER);
        vm.assertEq(book.fill{value: value + extra}(id, token, part, value, START), value);
        vm.assertEq(token.balanceOf(TAKER) - tokens, part);
        vm.assertEq(native - TAKER.balance, value);
        vm.assertEq(book.balanceOf(MAKER, NATIVE), value);
        if (part == amount) _assertEnded(id);
        else _assertStands(id, SELL, amount - part, price, 1, EXPIRY, 0);
    }

    /// @dev The taker gets the value rounded down; the tokens and, at the end, what rounding left are the maker's.
    function testFuzz_FillBuy(uint256 amount, uint256 price, uint256 part) public {
        (amount, price) = (_bound(amount, 1, 2 ** 77), _bound(price, 1, 2 ** 77));
        vm.assume(amount * price >= 1e18);
        part = _bound(part, (1e18 + price - 1) / price, amount);
        if ((amount - part) * price < 1e18) part = amount; // a rest that is worth nothing cannot be left
        uint256 id = _place(BUY, amount, price, 1);
        uint256 escrow = book.offerOf(id).escrow;
        uint256 value = part * price / 1e18;
        (uint256 tokens, uint256 native) = (token.balanceOf(TAKER), TAKER.balance);
        vm.assertEq(book.quoteFill(id, part), value);
        vm.expectEmit();
        emit IOrderBook.OfferFilled(id, TAKER, part, value, amount - part);
        vm.prank(TAKER);
        vm.assertEq(book.fill(id, token, part, value, START), value);
        vm.assertEq(tokens - token.balanceOf(TAKER), part);
        vm.assertEq(TAKER.balance - native, value);
        vm.assertEq(book.balanceOf(MAKER, address(token)), part);
        if (part == amount) {
            _assertEnded(id);
            vm.assertEq(escrow, value);
        } else {
            _assertStands(id, BUY, amount - part, price, 1, EXPIRY, escrow - value);
        }
    }

    /// @dev Anybody, the maker too, may be the taker.
    function testFuzz_FillOwnOffer(bool sell) public {
        uint256 id = _place(sell ? SELL : BUY, 2e18, 1e15, 1);
        vm.prank(MAKER);
        book.fill{value: sell ? 1e15 : 0}(id, token, 1e18, 1e15, START);
        vm.assertEq(book.balanceOf(MAKER, sell ? NATIVE : address(token)), sell ? 1e15 : 1e18);
    }

    function testFuzz_FillAtTheLastSecond(bool sell) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        vm.warp(EXPIRY - 1);
        _fill(id, 1e18);
        _assertEnded(id);
    }

    function testFuzz_FillExpiredReverts(bool sell, uint256 time) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        time = _bound(time, EXPIRY, 2 ** 60);
        vm.warp(time);
        _refuse(id, token, 1e18, 1e15, time, 1e15, _error(IOrderBook.OrderBook_Expired.selector, id, EXPIRY));
        vm.expectRevert(_error(IOrderBook.OrderBook_Expired.selector, id, EXPIRY));
        book.quoteFill(id, 1e18);
    }

    function testFuzz_FillTooLateReverts(uint256 deadline) public {
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        deadline = _bound(deadline, 0, START - 1);
        _refuse(id, token, 1e18, 1e15, deadline, 1e15, _error(IOrderBook.OrderBook_TooLate.selector, deadline, START));
    }

    function testFuzz_FillOfNoOfferReverts(uint256 id) public {
        vm.assume(id != 1);
        _place(SELL, 1e18, 1e15, 1);
        bytes memory refusal = abi.encodeWithSelector(IOrderBook.OrderBook_NoOffer.selector, id);
        _refuse(id, token, 1e18, 1e15, START, 1e15, refusal);
        vm.expectRevert(refusal);
        book.quoteFill(id, 1e18);
    }

    function test_FillOfOtherTokenReverts() public {
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        bytes memory refusal =
            abi.encodeWithSelector(IOrderBook.OrderBook_OtherToken.selector, id, address(other), address(token));
        _refuse(id, other, 1e18, 1e15, START, 1e15, refusal);
    }

    function testFuzz_FillUnlistedReverts(bool sell) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        book.setListed(token, false);
        bytes memory refusal = abi.encodeWithSelector(IOrderBook.OrderBook_NotListed.selector, address(token));
        _refuse(id, token, 1e18, 1e15, START, sell ? 1e15 : 0, refusal);
        book.setListed(token, true);
        _fill(id, 1e18);
    }

    function testFuzz_FillPausedReverts(bool sell) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        book.pauseContract();
        bytes memory refusal = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        _refuse(id, token, 1e18, 1e15, START, sell ? 1e15 : 0, refusal);
        book.unpauseContract();
        _fill(id, 1e18);
    }

    function testFuzz_FillUnderpaidReverts(uint256 sent) public {
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        sent = _bound(sent, 0, 1e15 - 1);
        _refuse(id, token, 1e18, 1e15, START, sent, _error(IOrderBook.OrderBook_WrongValue.selector, sent, 1e15));
    }

    function testFuzz_FillBuyWithValueReverts(uint256 sent) public {
        uint256 id = _place(BUY, 1e18, 1e15, 1);
        sent = _bound(sent, 1, 2 ** 100);
        _refuse(id, token, 1e18, 1e15, START, sent, _error(IOrderBook.OrderBook_WrongValue.selector, sent, 0));
    }

    function testFuzz_FillBeyondLimitReverts(bool sell, uint256 limit) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        limit = sell ? _bound(limit, 0, 1e15 - 1) : _bound(limit, 1e15 + 1, type(uint256).max);
        bytes memory refusal = _error(IOrderBook.OrderBook_LimitExceeded.selector, 1e15, limit);
        _refuse(id, token, 1e18, limit, START, sell ? 1e15 : 0, refusal);
    }

    function testFuzz_FillTooSmallReverts(uint256 amount, uint256 minFill) public {
        minFill = _bound(minFill, 1, 1e18);
        amount = _bound(amount, 0, minFill - 1);
        uint256 id = _place(SELL, 1e18, 1e15, minFill);
        bytes memory refusal = _error(IOrderBook.OrderBook_FillTooSmall.selector, amount, minFill);
        _refuse(id, token, amount, 1e15, START, 1e15, refusal);
    }

    function testFuzz_FillLeavingTooLittleReverts(uint256 rest, uint256 minFill) public {
        minFill = _bound(minFill, 2, 5e17);
        rest = _bound(rest, 1, minFill - 1);
        uint256 id = _place(SELL, 1e18, 1e15, minFill);
        bytes memory refusal = _error(IOrderBook.OrderBook_LeavesTooLittle.selector, rest, minFill);
        _refuse(id, token, 1e18 - rest, 1e15, START, 1e15, refusal);
    }

    function testFuzz_FillMoreThanRemainsReverts(uint256 amount) public {
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        _fill(id, 4e17);
        amount = _bound(amount, 6e17 + 1, type(uint256).max);
        bytes memory refusal = _error(IOrderBook.OrderBook_MoreThanRemains.selector, amount, 6e17);
        _refuse(id, token, amount, 1e15, START, 1e15, refusal);
    }

    /// @dev Nobody gives tokens for nothing, whatever its limit.
    function test_FillWorthNothingReverts() public {
        uint256 id = _place(BUY, 1e18, 1e15, 1);
        _refuse(id, token, 999, 0, START, 0, _error(IOrderBook.OrderBook_WorthNothing.selector, 999, 1e15));
        vm.assertEq(_fill(id, 1_000), 1);
    }

    /// @dev Otherwise a buy would stand that nobody can fill; before its expiry the maker alone could end it.
    function testFuzz_FillLeavingNothingWorthReverts(uint256 rest) public {
        uint256 id = _place(BUY, 1e18, 1e15, 1);
        rest = _bound(rest, 1, 999);
        bytes memory refusal = _error(IOrderBook.OrderBook_WorthNothing.selector, rest, 1e15);
        _refuse(id, token, 1e18 - rest, 0, START, 0, refusal);
        _fill(id, 1e18 - 1_000);
        vm.assertEq(_fill(id, 1_000), 1);
        _assertEnded(id);
    }

    function _refuse(
        uint256 id,
        IERC20 which,
        uint256 amount,
        uint256 limit,
        uint256 deadline,
        uint256 sent,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        vm.prank(TAKER);
        book.fill{value: sent}(id, which, amount, limit, deadline);
    }
}
