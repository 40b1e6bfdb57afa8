// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {OrderBookFixture} from "./OrderBookFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

contract OrderBookTest is OrderBookFixture {
    // ------------------------------------------------------------------------------------------------------------
    // place
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_PlaceSell(uint256 amount, uint256 price, uint256 minFill, uint256 expiry) public {
        (amount, price) = (_bound(amount, 1, MAX), _bound(price, 1, MAX));
        (minFill, expiry) = (_bound(minFill, 1, amount), _bound(expiry, START + 1, type(uint40).max));
        uint256 before = token.balanceOf(MAKER);
        vm.expectEmit();
        emit IOrderBook.OfferPlaced(1, MAKER, address(token), SELL, amount, price, minFill, expiry);
        vm.prank(MAKER);
        uint256 id = book.place(SELL, token, amount, price, minFill, expiry);
        _assertStands(id, SELL, amount, price, minFill, expiry, 0);
        vm.assertEq(token.balanceOf(address(book)), amount);
        vm.assertEq(before - token.balanceOf(MAKER), amount);
        vm.assertEq(book.offerCount(), 1);
    }

    function testFuzz_PlaceBuy(uint256 amount, uint256 price, uint256 minFill, uint256 expiry) public {
        (amount, price) = (_bound(amount, 1, MAX), _bound(price, 1, MAX));
        (minFill, expiry) = (_bound(minFill, 1, amount), _bound(expiry, START + 1, type(uint40).max));
        uint256 escrow = amount * price / 1e18;
        vm.assume(escrow != 0 && escrow <= MAX);
        uint256 before = MAKER.balance;
        vm.expectEmit();
        emit IOrderBook.OfferPlaced(1, MAKER, address(token), BUY, amount, price, minFill, expiry);
        vm.prank(MAKER);
        uint256 id = book.place{value: escrow}(BUY, token, amount, price, minFill, expiry);
        _assertStands(id, BUY, amount, price, minFill, expiry, escrow);
        vm.assertEq(address(book).balance, escrow);
        vm.assertEq(before - MAKER.balance, escrow);
        vm.assertEq(token.balanceOf(address(book)), 0);
    }

    function test_PlaceNumbersOffers() public {
        vm.assertEq(_place(SELL, 1e18, 1e15, 1), 1);
        vm.assertEq(_place(BUY, 1e18, 1e15, 1), 2);
        _fill(1, 1e18);
        vm.assertEq(_place(SELL, 1e18, 1e15, 1), 3);
    }

    function testFuzz_PlaceUnlistedReverts(bool sell) public {
        HostileToken unlisted = new HostileToken();
        vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_NotListed.selector, address(unlisted)));
        vm.prank(MAKER);
        book.place{value: sell ? 0 : 1e15}(sell ? SELL : BUY, unlisted, 1e18, 1e15, 1, EXPIRY);
    }

    function testFuzz_PlacePausedReverts(bool sell) public {
        book.pauseContract();
        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        _place(sell ? SELL : BUY, 1e18, 1e15, 1);
    }

    function testFuzz_PlaceBadTermsReverts(uint256 amount, uint256 price, uint256 minFill, uint8 which) public {
        (amount, price, minFill) = (_bound(amount, 1, MAX), _bound(price, 1, MAX), _bound(minFill, 1, MAX));
        if (which % 4 == 0) amount = 0;
        else if (which % 4 == 1) price = 0;
        else if (which % 4 == 2) minFill = 0;
        else minFill = _bound(minFill, amount + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_BadTerms.selector, amount, price, minFill));
        vm.prank(MAKER);
        book.place(SELL, token, amount, price, minFill, EXPIRY);
    }

    function testFuzz_PlaceTooLargeReverts(uint256 amount, uint256 price, uint8 which) public {
        uint256 tooLarge = _bound(amount, MAX + 1, type(uint256).max);
        (amount, price) = (_bound(amount, 1, MAX), _bound(price, 1, MAX));
        if (which % 3 == 0) amount = tooLarge;
        else if (which % 3 == 1) price = tooLarge;
        else vm.assume((tooLarge = amount * price / 1e18) > MAX);
        vm.expectRevert(_error(IOrderBook.OrderBook_TooLarge.selector, tooLarge, MAX));
        vm.prank(MAKER);
        book.place{value: 1}(BUY, token, amount, price, 1, EXPIRY);
    }

    function testFuzz_PlaceBadExpiryReverts(uint256 expiry, bool past) public {
        expiry = past ? _bound(expiry, 0, START) : _bound(expiry, uint256(type(uint40).max) + 1, type(uint256).max);
        vm.expectRevert(_error(IOrderBook.OrderBook_BadExpiry.selector, expiry, START));
        vm.prank(MAKER);
        book.place(SELL, token, 1e18, 1e15, 1, expiry);
    }

    function testFuzz_PlaceBuyWorthNothingReverts(uint256 amount, uint256 price) public {
        amount = _bound(amount, 1, 1e18 - 1);
        price = _bound(price, 1, (1e18 - 1) / amount);
        vm.expectRevert(_error(IOrderBook.OrderBook_WorthNothing.selector, amount, price));
        vm.prank(MAKER);
        book.place(BUY, token, amount, price, 1, EXPIRY);
    }

    function testFuzz_PlaceWithWrongValueReverts(bool sell, uint256 sent) public {
        sent = _bound(sent, 0, 2 ** 100);
        uint256 needed = sell ? 0 : 1e15;
        vm.assume(sent != needed);
        vm.expectRevert(_error(IOrderBook.OrderBook_WrongValue.selector, sent, needed));
        vm.prank(MAKER);
        book.place{value: sent}(sell ? SELL : BUY, token, 1e18, 1e15, 1, EXPIRY);
    }

    function test_PlaceWithoutAllowanceReverts() public {
        vm.startPrank(MAKER);
        token.approve(address(book), 1e18 - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(book), 1e18 - 1, 1e18)
        );
        book.place(SELL, token, 1e18, 1e15, 1, EXPIRY);
        vm.stopPrank();
        vm.assertEq(book.offerCount(), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // cancel
    // ------------------------------------------------------------------------------------------------------------

    /// @dev At any moment, paused and unlisted or not, by the maker.
    function testFuzz_CancelByMaker(bool sell, uint256 part, uint256 time, bool stopped) public {
        part = _bound(part, 1e3, 1e18 - 1);
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15 + 1, 1);
        uint256 value = _fill(id, part);
        if (stopped) _stop();
        vm.warp(_bound(time, START, 2 ** 60));
        uint256 returned = sell ? 1e18 - part : 1e15 + 1 - value;
        uint256 before = book.balanceOf(MAKER, sell ? address(token) : NATIVE);
        vm.expectEmit();
        emit IOrderBook.OfferCancelled(id, MAKER, returned);
        vm.prank(MAKER);
        book.cancel(id);
        _assertEnded(id);
        vm.assertEq(book.balanceOf(MAKER, sell ? address(token) : NATIVE) - before, returned);
    }

    function testFuzz_CancelByAnybodyAfterExpiry(address anybody, bool sell, uint256 time, bool stopped) public {
        uint256 id = _place(sell ? SELL : BUY, 1e18, 1e15, 1);
        if (stopped) _stop();
        vm.warp(_bound(time, EXPIRY, 2 ** 60));
        vm.prank(anybody);
        book.cancel(id);
        _assertEnded(id);
        vm.assertEq(book.balanceOf(MAKER, sell ? address(token) : NATIVE), sell ? 1e18 : 1e15);
    }

    function testFuzz_CancelByAnotherBeforeExpiryReverts(address anybody, uint256 time) public {
        vm.assume(anybody != MAKER);
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        vm.warp(_bound(time, START, EXPIRY - 1));
        vm.expectRevert(_error(IOrderBook.OrderBook_NotMaker.selector, anybody, MAKER));
        vm.prank(anybody);
        book.cancel(id);
    }

    function test_CancelTwiceReverts() public {
        uint256 cancelled = _place(SELL, 1e18, 1e15, 1);
        uint256 filled = _place(BUY, 1e18, 1e15, 1);
        _fill(filled, 1e18);
        vm.startPrank(MAKER);
        book.cancel(cancelled);
        uint256[3] memory gone = [cancelled, filled, 99];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_NoOffer.selector, gone[i]));
            book.cancel(gone[i]);
        }
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // withdraw
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Withdraw(bool sell, bool stopped) public {
        address recipient = address(0xbeef);
        _fill(_place(sell ? SELL : BUY, 1e18, 1e15, 1), 1e18);
        if (stopped) _stop();
        (address what, uint256 amount) = sell ? (NATIVE, uint256(1e15)) : (address(token), 1e18);
        vm.expectEmit();
        emit IOrderBook.Withdrawn(MAKER, what, recipient, amount);
        vm.prank(MAKER);
        vm.assertEq(book.withdraw(what, recipient), amount);
        vm.assertEq(sell ? recipient.balance : token.balanceOf(recipient), amount);
        vm.assertEq(book.balanceOf(MAKER, what), 0);
        (uint256 tokens, uint256 native) = _held();
        vm.assertTrue(tokens == 0 && native == 0);
    }

    function testFuzz_WithdrawNothingReverts(address account, address what) public {
        _fill(_place(SELL, 1e18, 1e15, 1), 1e18);
        vm.assume(account != MAKER || what != NATIVE);
        vm.expectRevert(_error(IOrderBook.OrderBook_NothingToWithdraw.selector, account, what));
        vm.prank(account);
        book.withdraw(what, account);
    }

    function test_WithdrawTwiceReverts() public {
        _fill(_place(SELL, 1e18, 1e15, 1), 1e18);
        vm.startPrank(MAKER);
        book.withdraw(NATIVE, MAKER);
        vm.expectRevert(_error(IOrderBook.OrderBook_NothingToWithdraw.selector, MAKER, NATIVE));
        book.withdraw(NATIVE, MAKER);
        vm.stopPrank();
    }

    function testFuzz_WithdrawToNobodyReverts(bool sell) public {
        _fill(_place(sell ? SELL : BUY, 1e18, 1e15, 1), 1e18);
        address[2] memory nobody = [address(0), address(book)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_BadRecipient.selector, nobody[i]));
            vm.prank(MAKER);
            book.withdraw(sell ? NATIVE : address(token), nobody[i]);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance and brake
    // ------------------------------------------------------------------------------------------------------------

    function test_SetListed() public {
        HostileToken late = new HostileToken();
        vm.assertFalse(book.isListed(late));
        vm.expectEmit();
        emit IOrderBook.ListedSet(address(late), true);
        book.setListed(late, true);
        vm.assertTrue(book.isListed(late));
        vm.expectEmit();
        emit IOrderBook.ListedSet(address(late), false);
        book.setListed(late, false);
        vm.assertFalse(book.isListed(late));
    }

    function test_SetListedOfNoContractReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_NoContract.selector, STRANGER));
        book.setListed(IERC20(STRANGER), true);
        vm.expectRevert(abi.encodeWithSelector(IOrderBook.OrderBook_NoContract.selector, NATIVE));
        book.setListed(IERC20(NATIVE), true);
    }

    function testFuzz_AdministrationByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        book.setListed(token, false);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        book.pauseContract();
        vm.stopPrank();
    }

    function test_OwnershipCannotBeRenounced() public {
        vm.expectRevert(abi.encodeWithSelector(IBrakeable.Brakeable_OwnerIsNeeded.selector));
        book.renounceOwnership();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Storage and views
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ValueOf(uint256 amount, uint256 price) public view {
        (amount, price) = (_bound(amount, 0, MAX), _bound(price, 0, MAX));
        uint256 up = book.valueOf(SELL, amount, price);
        uint256 down = book.valueOf(BUY, amount, price);
        vm.assertTrue(up * 1e18 >= amount * price && up * 1e18 < amount * price + 1e18);
        vm.assertTrue(down * 1e18 <= amount * price && down * 1e18 + 1e18 > amount * price);
    }

    function testFuzz_ValueOfTooLargeReverts(uint256 value) public {
        value = _bound(value, MAX + 1, type(uint256).max);
        vm.expectRevert(_error(IOrderBook.OrderBook_TooLarge.selector, value, MAX));
        book.valueOf(SELL, value, 1);
        vm.expectRevert(_error(IOrderBook.OrderBook_TooLarge.selector, value, MAX));
        book.valueOf(BUY, 1, value);
    }

    /// @dev Three slots and the count; a fill in part writes one and the maker's balance.
    function test_OfferTakesThreeSlots() public {
        vm.record();
        uint256 id = _place(SELL, 1e18, 1e15, 1);
        vm.assertEq(_written(address(book)), 4);
        vm.record();
        _fill(id, 1e17);
        vm.assertEq(_written(address(book)), 2);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _stop() private {
        book.setListed(token, false);
        book.pauseContract();
    }
}
