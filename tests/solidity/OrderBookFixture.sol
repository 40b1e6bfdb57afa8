// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrderBook} from "../../contracts/market/OrderBook.sol";
import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {SlotCounter} from "./SlotCounter.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title OrderBookFixture
/// @notice A book in which this contract is governance and brake, two listed tokens and three people with plenty.
abstract contract OrderBookFixture is SlotCounter {
    address internal constant MAKER = address(0x111a);
    address internal constant TAKER = address(0x7a3e);
    address internal constant STRANGER = address(0x5743);
    address internal constant NATIVE = address(0);
    IOrderBook.Side internal constant SELL = IOrderBook.Side.Sell;
    IOrderBook.Side internal constant BUY = IOrderBook.Side.Buy;
    uint256 internal constant MAX = type(uint96).max;
    uint256 internal constant START = 2_000_000_000;
    uint256 internal constant EXPIRY = START + 1 days;

    OrderBook internal book;
    HostileToken internal token;
    HostileToken internal other;

    function setUp() public virtual {
        vm.warp(START);
        book = new OrderBook(address(new OneRole(address(this))), address(this));
        (token, other) = (new HostileToken(), new HostileToken());
        book.setListed(token, true);
        book.setListed(other, true);
        address[3] memory people = [MAKER, TAKER, STRANGER];
        for (uint256 i = 0; i < people.length; ++i) {
            _equip(people[i]);
        }
    }

    function _equip(address account) internal {
        vm.deal(account, 2 ** 140);
        token.mint(account, 2 ** 100);
        other.mint(account, 2 ** 100);
        vm.startPrank(account);
        token.approve(address(book), type(uint256).max);
        other.approve(address(book), type(uint256).max);
        vm.stopPrank();
    }

    function _place(IOrderBook.Side side, uint256 amount, uint256 price, uint256 minFill)
        internal
        returns (uint256 id)
    {
        uint256 value = side == BUY ? amount * price / 1e18 : 0;
        vm.prank(MAKER);
        id = book.place{value: value}(side, token, amount, price, minFill, EXPIRY);
    }

    /// @dev By TAKER, with exactly what is needed and no limit to speak of.
    function _fill(uint256 id, uint256 amount) internal returns (uint256 value) {
        bool sell = book.offerOf(id).side == SELL;
        uint256 sent = sell ? book.quoteFill(id, amount) : 0;
        vm.prank(TAKER);
        value = book.fill{value: sent}(id, token, amount, sell ? type(uint256).max : 0, block.timestamp);
    }

    function _assertEnded(uint256 id) internal view {
        vm.assertEq(keccak256(abi.encode(book.offerOf(id))), keccak256(new bytes(256)), "the offer stands");
    }

    /// @dev What the book holds of the token and of native currency.
    function _held() internal view returns (uint256 tokens, uint256 native) {
        return (token.balanceOf(address(book)), address(book).balance);
    }

    function _error(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function _error(bytes4 selector, address a, address b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function _inexact(IERC20 which, uint256 expected, uint256 moved) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IOrderBook.OrderBook_InexactTransfer.selector, address(which), expected, moved);
    }

    function _assertStands(
        uint256 id,
        IOrderBook.Side side,
        uint256 remaining,
        uint256 price,
        uint256 minFill,
        uint256 expiry,
        uint256 escrow
    ) internal view {
        IOrderBook.Offer memory offer = book.offerOf(id);
        vm.assertEq(offer.maker, MAKER);
        vm.assertTrue(offer.side == side);
        vm.assertEq(address(offer.token), address(token));
        vm.assertEq(offer.remaining, remaining);
        vm.assertEq(offer.price, price);
        vm.assertEq(offer.minFill, minFill);
        vm.assertEq(offer.expiry, expiry);
        vm.assertEq(offer.escrow, escrow);
    }
}
