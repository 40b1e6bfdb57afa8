"""The plain model of OrderBook and ResourceStaking that test_book_machine.py compares them with."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.contracts.evm import Outcome

WHOLE = 10**18
HOUR, DAY, YEAR = 3_600, 86_400, 365 * 86_400
MAX = 2**96 - 1
SELL, BUY = 0, 1
#: Hundredths of a percent a year, by resource.
RATES = (1_000, 800, 600, 500)
#: Of a host, in the registry's double.
CAPACITY = 10_000
PAUSED: Outcome = ("EnforcedPause", ())


@dataclass
class Offer:
    maker: str
    side: int
    token: int
    remaining: int
    price: int
    min_fill: int
    expiry: int
    escrow: int = 0

    def value(self, amount: int) -> int:
        exact = Fraction(amount * self.price, WHOLE)
        return ceil(exact) if self.side == SELL else floor(exact)


@dataclass
class Stake:
    owner: str
    resource: int
    start: int
    maturity: int
    principal: int
    reward: int
    host: int = 0
    units: int = 0

    def backed(self, now: int) -> int:
        """The most units whose hours until maturity cost at most the principal."""
        if now >= self.maturity:
            return 0
        hours = Fraction(self.maturity - now, HOUR)
        return min(floor(Fraction(self.principal * 1_000, WHOLE) / hours), 2**32 - 1)


@dataclass
class Model:
    """What the two contracts promise, as dictionaries."""

    names: list[str]  # of the tokens, by resource
    listed: list[bool] = field(default_factory=lambda: [True, True])
    stopped: dict[str, bool] = field(default_factory=lambda: {"book": False, "staking": False})
    offers: dict[int, Offer] = field(default_factory=dict)
    offer_count: int = 0
    balances: dict[tuple[str, str], int] = field(default_factory=dict)  # (account, token)
    stakes: dict[int, Stake] = field(default_factory=dict)
    stake_count: int = 0
    budgets: list[int] = field(default_factory=lambda: [0] * 4)
    wallets: dict[tuple[str, str], int] = field(default_factory=dict)  # (account, token)

    def credit(self, account: str, token: str, amount: int) -> None:
        self.balances[account, token] = self.balances.get((account, token), 0) + amount

    def reserved(self, host: int, resource: int) -> int:
        return sum(s.units for s in self.stakes.values() if s.host == host and s.resource == resource)

    def no_place(self, now: int, offer: Offer, value: int) -> Outcome | None:
        amount, price, escrow = offer.remaining, offer.price, offer.escrow
        if self.stopped["book"]:
            return PAUSED
        if not self.listed[offer.token]:
            return "OrderBook_NotListed", (self.names[offer.token],)
        if price == 0 or not 1 <= offer.min_fill <= amount:
            return "OrderBook_BadTerms", (amount, price, offer.min_fill)
        if not now < offer.expiry < 2**40:
            return "OrderBook_BadExpiry", (offer.expiry, now)
        for large in (amount, price):
            if large > MAX:
                return "OrderBook_TooLarge", (large, MAX)
        if offer.side == BUY and escrow == 0:
            return "OrderBook_WorthNothing", (amount, price)
        if escrow > MAX:
            return "OrderBook_TooLarge", (escrow, MAX)
        return None if value == escrow else ("OrderBook_WrongValue", (value, escrow))

    def no_fill(
        self,
        now: int,
        number: int,
        offer: Offer,
        amount: int,
        token: int,
        value: int,
        limit: int,
        sent: int,
        deadline: int,
    ) -> Outcome | None:
        rest = offer.remaining - amount
        if self.stopped["book"]:
            return PAUSED
        if now > deadline:
            return "OrderBook_TooLate", (deadline, now)
        if number not in self.offers:
            return "OrderBook_NoOffer", (number,)
        if now >= offer.expiry:
            return "OrderBook_Expired", (number, offer.expiry)
        if rest < 0:
            return "OrderBook_MoreThanRemains", (amount, offer.remaining)
        if amount < offer.min_fill:
            return "OrderBook_FillTooSmall", (amount, offer.min_fill)
        if 0 < rest < offer.min_fill:
            return "OrderBook_LeavesTooLittle", (rest, offer.min_fill)
        if value == 0:
            return "OrderBook_WorthNothing", (amount, offer.price)
        if rest and offer.side == BUY and rest * offer.price < WHOLE:
            return "OrderBook_WorthNothing", (rest, offer.price)
        if token != offer.token:
            return "OrderBook_OtherToken", (number, self.names[token], self.names[offer.token])
        if not self.listed[token]:
            return "OrderBook_NotListed", (self.names[token],)
        if value > limit if offer.side == SELL else value < limit:
            return "OrderBook_LimitExceeded", (value, limit)
        if sent < value if offer.side == SELL else sent:
            return "OrderBook_WrongValue", (sent, value if offer.side == SELL else 0)
        return None

    def not_mine(self, number: int, caller: str) -> Outcome | None:
        position = self.stakes.get(number)
        if position is None:
            return "ResourceStaking_NoPosition", (number,)
        return None if caller == position.owner else ("ResourceStaking_NotOwner", (number, caller, position.owner))
