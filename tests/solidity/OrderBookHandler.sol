// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrderBook} from "../../contracts/market/OrderBook.sol";
import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {Test} from "./Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

uint256 constant TRADERS = 4;
/// @dev Two tokens and, last, native currency.
uint256 constant ASSETS = 3;

/// @title OrderBookHandler
/// @notice Drives an order book through random histories of four traders, beside the plainest model of it.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract OrderBookHandler is Test {
    struct Offer {
        uint256 maker;
        bool sell;
        uint256 asset;
        uint256 price;
        uint256 minFill;
        uint256 expiry;
        uint256 remaining;
        uint256 escrow;
    }

    uint256 public constant WEALTH = 2 ** 110;
    uint256 private constant NATIVE = 2;
    uint256 private constant MAX = type(uint96).max;

    OrderBook public immutable BOOK;
    HostileToken[2] public tokens;

    /// @dev Time is kept here: `block.timestamp` would be read once by the optimiser.
    uint256 public time;
    bool public paused;
    bool[2] public listed;
    Offer[] private _offers;
    uint256[ASSETS][TRADERS] private _wallets;
    uint256[ASSETS][TRADERS] private _balances;
    uint256[ASSETS] public gifts;
    mapping(bytes32 name => uint256) public calls;

    /// @dev Governance and brake of the book is this contract.
    constructor(OrderBook book, HostileToken[2] memory tokens_, uint256 time_) {
        (BOOK, tokens, time) = (book, tokens_, time_);
        for (uint256 i = 0; i < TRADERS; ++i) {
            vm.deal(trader(i), WEALTH);
            _wallets[i] = [WEALTH, WEALTH, WEALTH];
            for (uint256 j = 0; j < 2; ++j) {
                tokens[j].mint(trader(i), WEALTH);
                vm.prank(trader(i));
                tokens[j].approve(address(book), type(uint256).max);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Traders
    // ------------------------------------------------------------------------------------------------------------

    function place(uint256 who, uint256 what, uint256 amount, uint256 price, uint256 minFill, uint256 noise) external {
        _tick(noise);
        Offer memory made;
        (made.maker, made.sell, made.asset) = (who % TRADERS, what & 1 == 0, (what >> 1) % 2);
        made.remaining = _amount(amount);
        made.price = noise % 32 == 3 ? 0 : noise % 32 == 4 ? MAX + 1 : _bound(price, 1, price % 4 == 0 ? 1e9 : 1e18);
        made.minFill = noise % 3 == 0 ? 1 : _bound(minFill, 1, made.remaining + 1);
        if (noise % 32 == 5) made.minFill = noise % 64 == 5 ? 0 : made.remaining + 1;
        made.expiry = time + noise % 5 * 6 hours + (noise % 16 == 6 ? 0 : 1);
        uint256 escrow = made.sell ? 0 : made.remaining * made.price / 1e18;
        uint256 sent = noise % 32 == 7 ? escrow + 1 : escrow;
        if (sent > _wallets[made.maker][NATIVE] || made.remaining > _wallets[made.maker][made.asset]) return;
        bytes memory call_ = abi.encodeCall(
            BOOK.place,
            (
                made.sell ? IOrderBook.Side.Sell : IOrderBook.Side.Buy,
                tokens[made.asset],
                made.remaining,
                made.price,
                made.minFill,
                made.expiry
            )
        );
        if (!_expect(
                made.sell ? bytes32("sell") : bytes32("buy"), made.maker, sent, call_, _noPlace(made, escrow, sent)
            )) {
            return;
        }
        made.escrow = escrow;
        _wallets[made.maker][made.sell ? made.asset : NATIVE] -= made.sell ? made.remaining : escrow;
        _offers.push(made);
    }

    function fill(uint256 who, uint256 id, uint256 part, uint256 noise) external {
        _tick(noise);
        (who, id) = (who % TRADERS, _anyId(id, noise));
        Offer memory offer = _offerOf(id);
        uint256 amount = noise % 3 == 0 ? offer.remaining : _bound(part, 0, offer.remaining + 1);
        if (noise % 3 == 1 && offer.remaining / 2 >= offer.minFill) amount = offer.remaining / 2;
        if (noise % 32 == 11) ++amount;
        uint256 asset = noise % 16 == 1 ? 1 - offer.asset : offer.asset;
        uint256 product = amount * offer.price;
        uint256 value = product / 1e18;
        if (offer.sell && product % 1e18 != 0) ++value;
        uint256 limit = noise % 16 != 2 ? value : offer.sell ? (value == 0 ? 0 : value - 1) : value + 1;
        uint256 sent = offer.sell ? (noise % 16 == 9 ? value / 2 : value + noise % 7) : noise % 16 == 9 ? 1 : 0;
        uint256 deadline = noise % 32 == 10 ? time - 1 : time;
        if (sent > _wallets[who][NATIVE] || amount > _wallets[who][offer.asset]) return;
        bytes memory refusal = _noFill(offer, id, amount, asset, value);
        if (time > deadline && !paused) refusal = _error(IOrderBook.OrderBook_TooLate.selector, deadline, time);
        if (refusal.length == 0) refusal = _noPay(offer, value, limit, sent);
        bytes memory call_ = abi.encodeCall(BOOK.fill, (id, tokens[asset], amount, limit, deadline));
        if (!_expect(offer.sell ? bytes32("fill sell") : bytes32("fill buy"), who, sent, call_, refusal)) return;
        _wallets[who][NATIVE] = offer.sell ? _wallets[who][NATIVE] - value : _wallets[who][NATIVE] + value;
        _wallets[who][asset] = offer.sell ? _wallets[who][asset] + amount : _wallets[who][asset] - amount;
        _balances[offer.maker][offer.sell ? NATIVE : asset] += offer.sell ? value : amount;
        Offer storage stored = _offers[id - 1];
        stored.remaining -= amount;
        if (!offer.sell) stored.escrow -= value;
        if (stored.remaining == 0) {
            if (stored.escrow > 0) ++calls["rounding"];
            _balances[offer.maker][NATIVE] += stored.escrow;
            delete _offers[id - 1];
            ++calls["filled"];
        }
    }

    function cancel(uint256 who, uint256 id, uint256 noise) external {
        _tick(noise);
        (who, id) = (who % TRADERS, _anyId(id, noise));
        Offer memory offer = _offerOf(id);
        if (noise % 3 == 0) who = offer.maker;
        bytes memory refusal = "";
        if (offer.expiry == 0) {
            refusal = abi.encodeWithSelector(IOrderBook.OrderBook_NoOffer.selector, id);
        } else if (who != offer.maker && time < offer.expiry) {
            refusal = abi.encodeWithSelector(IOrderBook.OrderBook_NotMaker.selector, trader(who), trader(offer.maker));
        }
        bytes32 name = who == offer.maker ? bytes32("cancel") : bytes32("clear away");
        if (!_expect(name, who, 0, abi.encodeCall(BOOK.cancel, (id)), refusal)) return;
        _balances[offer.maker][offer.sell ? offer.asset : NATIVE] += offer.sell ? offer.remaining : offer.escrow;
        delete _offers[id - 1];
    }

    function withdraw(uint256 who, uint256 asset, uint256 to, uint256 noise) external {
        _tick(noise);
        (who, asset, to) = (who % TRADERS, asset % ASSETS, to % TRADERS);
        bytes memory refusal = "";
        if (_balances[who][asset] == 0) {
            refusal =
                abi.encodeWithSelector(IOrderBook.OrderBook_NothingToWithdraw.selector, trader(who), addressOf(asset));
        }
        bytes memory call_ = abi.encodeCall(BOOK.withdraw, (addressOf(asset), trader(to)));
        if (!_expect(asset == NATIVE ? bytes32("withdraw native") : bytes32("withdraw"), who, 0, call_, refusal)) {
            return;
        }
        _wallets[to][asset] += _balances[who][asset];
        _balances[who][asset] = 0;
    }

    /// @dev A gift that nobody asked for.
    function give(uint256 who, uint256 asset, uint256 amount) external {
        (who, asset) = (who % TRADERS, asset % ASSETS);
        amount = _bound(amount, 0, 1e18);
        if (amount > _wallets[who][asset]) return;
        if (asset == NATIVE) {
            vm.deal(address(BOOK), address(BOOK).balance + amount); // as by selfdestruct
            vm.deal(trader(who), trader(who).balance - amount);
        } else {
            vm.prank(trader(who));
            vm.assertTrue(tokens[asset].transfer(address(BOOK), amount));
        }
        _wallets[who][asset] -= amount;
        gifts[asset] += amount;
        ++calls["give"];
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance and brake
    // ------------------------------------------------------------------------------------------------------------

    function list(uint256 asset, uint256 noise) external {
        asset %= 2;
        listed[asset] = noise % 4 != 0;
        BOOK.setListed(tokens[asset], listed[asset]);
    }

    function brake(uint256 noise) external {
        if (paused == (noise % 8 == 0)) return;
        paused = !paused;
        if (paused) BOOK.pauseContract();
        else BOOK.unpauseContract();
    }

    // ------------------------------------------------------------------------------------------------------------
    // The model
    // ------------------------------------------------------------------------------------------------------------

    function offerCount() external view returns (uint256) {
        return _offers.length;
    }

    function offerOf(uint256 id) external view returns (Offer memory) {
        return _offers[id - 1];
    }

    function balanceOf(uint256 who, uint256 asset) external view returns (uint256) {
        return _balances[who][asset];
    }

    function walletOf(uint256 who, uint256 asset) external view returns (uint256) {
        return _wallets[who][asset];
    }

    function addressOf(uint256 asset) public view returns (address) {
        return asset == NATIVE ? address(0) : address(tokens[asset]);
    }

    function trader(uint256 who) public pure returns (address) {
        return address(uint160(0x7ade00 + who));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _noPlace(Offer memory made, uint256 escrow, uint256 sent) private view returns (bytes memory) {
        if (paused) return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        if (!listed[made.asset]) {
            return abi.encodeWithSelector(IOrderBook.OrderBook_NotListed.selector, addressOf(made.asset));
        }
        if (made.price == 0 || made.minFill == 0 || made.minFill > made.remaining) {
            return
                abi.encodeWithSelector(IOrderBook.OrderBook_BadTerms.selector, made.remaining, made.price, made.minFill);
        }
        if (made.expiry <= time) return _error(IOrderBook.OrderBook_BadExpiry.selector, made.expiry, time);
        if (made.remaining > MAX) return _error(IOrderBook.OrderBook_TooLarge.selector, made.remaining, MAX);
        if (made.price > MAX) return _error(IOrderBook.OrderBook_TooLarge.selector, made.price, MAX);
        if (!made.sell && escrow == 0) {
            return _error(IOrderBook.OrderBook_WorthNothing.selector, made.remaining, made.price);
        }
        if (escrow > MAX) return _error(IOrderBook.OrderBook_TooLarge.selector, escrow, MAX);
        if (sent != escrow) return _error(IOrderBook.OrderBook_WrongValue.selector, sent, escrow);
        return "";
    }

    function _noFill(Offer memory offer, uint256 id, uint256 amount, uint256 asset, uint256 value)
        private
        view
        returns (bytes memory)
    {
        if (paused) return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        if (offer.expiry == 0) return abi.encodeWithSelector(IOrderBook.OrderBook_NoOffer.selector, id);
        if (time >= offer.expiry) return _error(IOrderBook.OrderBook_Expired.selector, id, offer.expiry);
        if (amount > offer.remaining) {
            return _error(IOrderBook.OrderBook_MoreThanRemains.selector, amount, offer.remaining);
        }
        if (amount < offer.minFill) return _error(IOrderBook.OrderBook_FillTooSmall.selector, amount, offer.minFill);
        uint256 rest = offer.remaining - amount;
        if (rest != 0 && rest < offer.minFill) {
            return _error(IOrderBook.OrderBook_LeavesTooLittle.selector, rest, offer.minFill);
        }
        if (value == 0) return _error(IOrderBook.OrderBook_WorthNothing.selector, amount, offer.price);
        if (!offer.sell && rest > 0 && rest * offer.price < 1e18) {
            return _error(IOrderBook.OrderBook_WorthNothing.selector, rest, offer.price);
        }
        if (asset != offer.asset) {
            return abi.encodeWithSelector(
                IOrderBook.OrderBook_OtherToken.selector, id, addressOf(asset), addressOf(offer.asset)
            );
        }
        if (listed[asset]) return "";
        return abi.encodeWithSelector(IOrderBook.OrderBook_NotListed.selector, addressOf(asset));
    }

    function _noPay(Offer memory offer, uint256 value, uint256 limit, uint256 sent)
        private
        pure
        returns (bytes memory)
    {
        if (offer.sell ? value > limit : value < limit) {
            return _error(IOrderBook.OrderBook_LimitExceeded.selector, value, limit);
        }
        if (offer.sell ? sent < value : sent != 0) {
            return _error(IOrderBook.OrderBook_WrongValue.selector, sent, offer.sell ? value : 0);
        }
        return "";
    }

    /// @dev Calls, and fails the campaign unless the outcome is the predicted one. True if it went through.
    function _expect(bytes32 name, uint256 who, uint256 value, bytes memory call_, bytes memory refusal)
        private
        returns (bool)
    {
        vm.prank(trader(who));
        (bool ok, bytes memory said) = address(BOOK).call{value: value}(call_);
        if (refusal.length == 0) {
            vm.assertTrue(ok, "an allowed action was refused");
            ++calls[name];
        } else {
            vm.assertFalse(ok, "a forbidden action went through");
            vm.assertEq(said, refusal);
            ++calls[bytes4(refusal)];
        }
        return ok;
    }

    /// @dev Mostly one that stands; sometimes one that has ended or that never was.
    function _anyId(uint256 id, uint256 noise) private view returns (uint256) {
        uint256 count = _offers.length;
        id = 1 + id % (count + 1);
        if (noise % 16 == 8) return id;
        if (noise % 4 < 2 && count > 4) id = count - id % 4; // the latest again and again, so that parts add up
        for (uint256 i = 0; i < 8 && _offerOf(id).expiry <= time; ++i) {
            id = 1 + id % (_offers.length + 1);
        }
        return id;
    }

    function _offerOf(uint256 id) private view returns (Offer memory offer) {
        if (id <= _offers.length) offer = _offers[id - 1];
    }

    /// @dev From a single base unit over whole tokens to too much.
    function _amount(uint256 amount) private pure returns (uint256) {
        if (amount % 4 == 0) return _bound(amount, 0, 1e4);
        if (amount % 64 == 1) return _bound(amount, MAX, MAX + 1);
        return _bound(amount, 1e15, 1e24);
    }

    function _error(bytes4 selector, uint256 a, uint256 b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function _tick(uint256 noise) private {
        noise = uint256(keccak256(abi.encode(noise)));
        if (noise % 4 == 0) time += (noise >> 8) % 30 minutes;
        vm.warp(time);
    }
}
