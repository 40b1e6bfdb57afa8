// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrderBook} from "../../contracts/market/OrderBook.sol";
import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {ASSETS, OrderBookHandler, TRADERS} from "./OrderBookHandler.sol";
import {Test} from "./Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @notice Stateful fuzzing: after every action of the handler the book says what the model says and holds what it owes.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract OrderBookInvariants is Test {
    uint256 private constant START = 2_000_000_000;

    OrderBook private book;
    OrderBookHandler private handler;

    function setUp() public {
        vm.warp(START);
        HostileToken[2] memory tokens = [new HostileToken(), new HostileToken()];
        // The handler is governance and brake: the second contract created from here on.
        address master = vm.computeCreateAddress(address(this), 5);
        book = new OrderBook(address(new OneRole(master)), master);
        handler = new OrderBookHandler(book, tokens, START);
        vm.assertEq(address(handler), master);
        handler.list(0, 1);
        handler.list(1, 1);
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev O-1 to O-4.
    function invariant_BookIsTheModels() external {
        _assertModel();
    }

    function _assertModel() private {
        vm.warp(handler.time());
        uint256[ASSETS] memory owed;
        uint256 count = handler.offerCount();
        vm.assertEq(book.offerCount(), count, "offers");
        for (uint256 id = 1; id <= count; ++id) {
            OrderBookHandler.Offer memory expected = handler.offerOf(id);
            IOrderBook.Offer memory offer = book.offerOf(id);
            vm.assertEq(offer.expiry, expected.expiry, "expiry");
            if (expected.expiry == 0) {
                vm.assertEq(keccak256(abi.encode(offer)), keccak256(new bytes(256)), "an offer that ended");
                continue;
            }
            vm.assertEq(offer.maker, handler.trader(expected.maker), "maker");
            vm.assertEq(offer.side == IOrderBook.Side.Sell, expected.sell, "side");
            vm.assertEq(address(offer.token), handler.addressOf(expected.asset), "token");
            vm.assertEq(offer.price, expected.price, "price");
            vm.assertEq(offer.minFill, expected.minFill, "minFill");
            vm.assertEq(offer.remaining, expected.remaining, "remaining");
            vm.assertEq(offer.escrow, expected.escrow, "escrow");
            vm.assertTrue(offer.remaining >= offer.minFill, "a rest that is too small");
            if (!expected.sell) {
                vm.assertTrue(offer.escrow >= uint256(offer.remaining) * offer.price / 1e18, "too little for a buy");
            }
            owed[expected.sell ? expected.asset : 2] += expected.sell ? offer.remaining : offer.escrow;
        }
        for (uint256 asset = 0; asset < ASSETS; ++asset) {
            uint256 wallets = 0;
            for (uint256 who = 0; who < TRADERS; ++who) {
                uint256 balance = book.balanceOf(handler.trader(who), handler.addressOf(asset));
                vm.assertEq(balance, handler.balanceOf(who, asset), "balance");
                vm.assertEq(_heldBy(handler.trader(who), asset), handler.walletOf(who, asset), "wallet");
                owed[asset] += balance;
                wallets += handler.walletOf(who, asset);
            }
            uint256 held = _heldBy(address(book), asset);
            vm.assertEq(held, owed[asset] + handler.gifts(asset), "solvency");
            vm.assertEq(held + wallets, TRADERS * handler.WEALTH(), "conservation");
        }
    }

    function _heldBy(address account, uint256 asset) private view returns (uint256) {
        return asset == 2 ? account.balance : handler.tokens(asset).balanceOf(account);
    }

    /// @dev The invariant says something only if the handler gets through: 4,000 pseudo-random actions do all of them,
    /// and meet every refusal.
    function test_BookHandlerReachesEveryAction() external {
        uint256 word = 42;
        for (uint256 i = 0; i < 4_000; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint256 c, uint256 noise) = (word >> 200, (word >> 100) % 1e9, word >> 50, word);
            if (i % 8 == 0) handler.cancel(a, b, noise);
            else if (i % 8 == 1) handler.withdraw(a, b, c, noise);
            else if (i % 8 == 2 && i % 5 == 0) handler.give(a, b, c);
            else if (i % 8 == 3 && i % 7 == 0) handler.list(a, b);
            else if (i % 8 == 4 && i % 5 == 0) handler.brake(b);
            else if (i % 2 == 0) handler.place(a, b, c, word >> 70, word >> 20, noise);
            else handler.fill(a, b, c, noise);
            if (i % 100 == 0) _assertModel();
        }
        _assertModel();
        bytes32[27] memory names = [
            bytes32("sell"),
            "buy",
            "fill sell",
            "fill buy",
            "filled",
            "rounding",
            "cancel",
            "clear away",
            "withdraw",
            "withdraw native",
            "give",
            IOrderBook.OrderBook_NoOffer.selector,
            IOrderBook.OrderBook_OtherToken.selector,
            IOrderBook.OrderBook_NotListed.selector,
            IOrderBook.OrderBook_BadTerms.selector,
            IOrderBook.OrderBook_TooLarge.selector,
            IOrderBook.OrderBook_WorthNothing.selector,
            IOrderBook.OrderBook_BadExpiry.selector,
            IOrderBook.OrderBook_Expired.selector,
            IOrderBook.OrderBook_TooLate.selector,
            IOrderBook.OrderBook_WrongValue.selector,
            IOrderBook.OrderBook_FillTooSmall.selector,
            IOrderBook.OrderBook_LeavesTooLittle.selector,
            IOrderBook.OrderBook_MoreThanRemains.selector,
            IOrderBook.OrderBook_LimitExceeded.selector,
            IOrderBook.OrderBook_NotMaker.selector,
            Pausable.EnforcedPause.selector
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 3, string(abi.encode(names[i])));
        }
    }
}
