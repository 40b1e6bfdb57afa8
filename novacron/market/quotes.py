"""What a trade would cost or bring now, how far it moves the price, and the limit that goes with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import InputError, MarketRefusedError
from novacron.market.curve import PPM, Book, Trade, ceil_div
from novacron.market.product import Reserves, Swap
from novacron.market.resources import UNIT, Resource, native_text, percent_text

Action = Literal["buy", "sell"]
Venue = Literal["curve", "pool"]

#: Largest slippage that is a limit at all, parts per million.
MAX_SLIPPAGE = 500_000
#: Seconds that a trade has to be mined.
DEADLINE = 600


@dataclass(frozen=True)
class Quote:
    """A trade as it would be made now.

    Attributes:
        amount: base units of the token.
        native: wei paid for a purchase, or received for a sale, fee included.
        fee: wei of it that are the fee.
        price_before, price_after: wei per whole token without fee, rounded up.
        impact: how much worse the average price is than the present one, parts per million, fee left out, rounded up.
    """

    action: Action
    venue: Venue
    resource: Resource
    amount: int
    native: int
    fee: int
    price_before: int
    price_after: int
    impact: int

    @property
    def price(self) -> int:
        """Average wei per whole token, fee included: rounded up for a purchase, down for a sale."""
        if self.action == "buy":
            return ceil_div(self.native * UNIT, self.amount)
        return self.native * UNIT // self.amount

    def limit(self, *, limit: int | None = None, slippage: int | None = None) -> int:
        """The most wei to pay, or the least to receive.

        Args:
            limit: wei, as the caller says.
            slippage: parts per million away from the quotation, rounded in the caller's favour.

        Raises:
            InputError: neither or both are given, or one that is no limit.
            MarketRefusedError: the quotation is beyond the limit already.
        """
        if (limit is None) == (slippage is None):
            raise InputError("give one limit: an amount, or a slippage")
        if slippage is not None:
            if not 0 <= slippage <= MAX_SLIPPAGE:
                raise InputError(
                    f"a slippage of {percent_text(slippage)} is no limit; use 0 to {percent_text(MAX_SLIPPAGE)}"
                )
            if self.action == "buy":
                return self.native + self.native * slippage // PPM
            return max(self.native - self.native * slippage // PPM, 1)
        assert limit is not None
        if limit <= 0:
            raise InputError(f"a limit of {limit} wei is none; give what you would really pay or accept")
        if self.action == "buy" and self.native > limit:
            raise MarketRefusedError(
                f"it costs {native_text(self.native)} now, more than {native_text(limit)}; not sent"
            )
        if self.action == "sell" and self.native < limit:
            raise MarketRefusedError(
                f"it brings {native_text(self.native)} now, less than {native_text(limit)}; not sent"
            )
        return limit

    def to_dict(self) -> Mapping[str, Any]:
        """For JSON; all numbers as decimal texts of wei, base units or parts per million."""
        return {
            "action": self.action,
            "venue": self.venue,
            "resource": self.resource.name,
            "amount": str(self.amount),
            "native": str(self.native),
            "fee": str(self.fee),
            "price": str(self.price),
            "price_before": str(self.price_before),
            "price_after": str(self.price_after),
            "impact_ppm": self.impact,
        }


def curve_quote(book: Book, action: Action, trade: Trade) -> Quote:
    """A quotation of a trade with the curve."""
    buying = action == "buy"
    after = book.buy(trade) if buying else book.sell(trade)
    spot = book.curve.base * (book.curve.steepness + book.sold), book.curve.steepness
    native = trade.value + trade.fee if buying else trade.value - trade.fee
    impact = _impact(buying, trade.value, trade.amount, *spot)
    return Quote(action, "curve", book.resource, trade.amount, native, trade.fee, book.price, after.price, impact)


def pool_quote(reserves: Reserves, action: Action, swap: Swap) -> Quote:
    """A quotation of a swap; the fee, which stays in the pool, is counted in wei at the present price."""
    buying = action == "buy"
    after = reserves.bought(swap) if buying else reserves.sold(swap)
    fee = ceil_div((swap.native if buying else swap.native * PPM // (PPM - 3_000)) * 3_000, PPM)
    value = swap.native - fee if buying else swap.native + fee
    impact = _impact(buying, value, swap.token, reserves.native * UNIT, reserves.token)
    return Quote(action, "pool", reserves.resource, swap.token, swap.native, fee, reserves.price, after.price, impact)


def deadline(pool: EndpointPool, seconds: int = DEADLINE) -> int:
    """Unix seconds `seconds` from now: from the chain's newest block or this clock, whichever is later.

    A chain without traffic is behind the clock, a development chain may be ahead of it.

    Raises:
        InputError: not in the future.
    """
    if seconds <= 0:
        raise InputError(f"a deadline in {seconds} seconds has passed; use 60 or more")
    return max(head_time(pool), int(time.time())) + seconds


def head_time(pool: EndpointPool) -> int:
    """Timestamp of the newest block, Unix seconds."""
    return int(pool.request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)


def _impact(buying: bool, value: int, amount: int, spot_wei: int, spot_per: int) -> int:
    """How much worse value / amount is than the spot price spot_wei / spot_per per whole token; parts per million."""
    at_spot = spot_wei * amount  # over spot_per * UNIT
    paid = value * spot_per * UNIT
    difference = paid - at_spot if buying else at_spot - paid
    return max(ceil_div(difference * PPM, at_spot), 0)
