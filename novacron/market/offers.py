"""Offers of the order book in exact integers: what `contracts/market/OrderBook.sol` computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from novacron.exceptions import InputError, MarketRefusedError
from novacron.market.curve import ceil_div
from novacron.market.resources import UNIT, Resource, native_text, tokens_text

#: Largest amount, price or escrow of an offer.
MAX_VALUE = (1 << 96) - 1
#: Largest time of an expiry, in seconds.
MAX_TIME = (1 << 40) - 1


class Side(IntEnum):
    """What the maker of an offer does."""

    SELL = 0
    BUY = 1


def value_of(side: Side, amount: int, price: int) -> int:
    """Wei of `amount` base units at `price` wei per whole token: against the taker, up for a SELL, down for a BUY.

    Raises:
        InputError: an amount or price that no offer can state.
    """
    for name, value in (("amount", amount), ("price", price)):
        if not 0 <= value <= MAX_VALUE:
            raise InputError(f"{name} {value} of an offer must be from 0 to 2^96 - 1")
    return ceil_div(amount * price, UNIT) if side is Side.SELL else amount * price // UNIT


@dataclass(frozen=True)
class Terms:
    """What a maker states.

    Attributes:
        amount, min_fill: base units of the token.
        price: wei per whole token.
        expiry: Unix seconds from which on it cannot be filled.
    """

    side: Side
    resource: Resource
    amount: int
    price: int
    min_fill: int
    expiry: int

    def __post_init__(self) -> None:
        value = value_of(self.side, self.amount, self.price)
        if self.price == 0 or not 1 <= self.min_fill <= self.amount:
            raise InputError(
                "an offer needs a price and an amount, and a least fill of no more than the amount: this has price "
                f"{native_text(self.price)}, amount {tokens_text(self.amount, self.resource)}, least fill "
                f"{tokens_text(self.min_fill, self.resource)}"
            )
        if self.expiry > MAX_TIME:
            raise InputError(f"expiry {self.expiry} is after the year 36812; use a nearer one")
        if self.side is Side.BUY and not 1 <= value <= MAX_VALUE:
            raise InputError(f"the offer is worth {value} wei; it must be from 1 to 2^96 - 1 wei")

    @property
    def escrow(self) -> int:
        """Wei that go with the offer: the whole value of a BUY, nothing for a SELL."""
        return value_of(self.side, self.amount, self.price) if self.side is Side.BUY else 0


@dataclass(frozen=True)
class Offer:
    """An offer that stands.

    Attributes:
        remaining, min_fill: base units of the token.
        escrow: wei held for a BUY.
        price: wei per whole token.
        expiry: Unix seconds.
    """

    id: int
    side: Side
    resource: Resource
    maker: str
    remaining: int
    escrow: int
    price: int
    min_fill: int
    expiry: int

    def fill(self, amount: int, now: int) -> tuple[int, Offer | None]:
        """Value of a fill in wei, and what remains of the offer; None when it ends with it.

        Raises:
            MarketRefusedError: expired, more than remains, less than the least fill, or leaving less than that.
        """
        name = f"offer {self.id}"
        if now >= self.expiry:
            raise MarketRefusedError(f"{name} expired at {self.expiry}; take another one")
        if amount > self.remaining:
            raise MarketRefusedError(f"{name} has {tokens_text(self.remaining, self.resource)} left; take no more")
        rest = self.remaining - amount
        if amount < self.min_fill:
            raise MarketRefusedError(f"{name} is taken in parts of {tokens_text(self.min_fill, self.resource)} or more")
        if 0 < rest < self.min_fill:
            raise MarketRefusedError(
                f"{name} would be left with {tokens_text(rest, self.resource)}, less than anybody may take: take all "
                f"{tokens_text(self.remaining, self.resource)}, or leave {tokens_text(self.min_fill, self.resource)}"
            )
        value = value_of(self.side, amount, self.price)
        if value == 0:
            raise MarketRefusedError(f"{amount} base units of {name} are worth less than a wei; take more")
        if rest and value_of(self.side, rest, self.price) == 0:
            raise MarketRefusedError(f"{name} would be left with {rest} base units worth less than a wei: take all")
        if rest == 0:
            return value, None
        return value, replace(self, remaining=rest, escrow=self.escrow - (value if self.side is Side.BUY else 0))
