"""The bonding curve in exact integers: what `contracts/market/CurveMath.sol` and ResourceMarket compute, to the wei.

    price(r) = B · (1 + r / S)                        wei per whole token, r base units sold
    area(a, b) = B · (b − a) · (2S + a + b) / (2S · 10^18)

A buyer pays the area rounded up, a seller gets it rounded down, and the fee is rounded up. Formulae and proofs are in
docs/market.md. Where a contract reverts because a number leaves 128 bits, this raises `OutOfDomainError`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

from novacron.exceptions import InputError, MarketRefusedError, OutOfDomainError
from novacron.market.resources import UNIT, Resource, native_text, tokens_text

#: Parts of one.
PPM = 1_000_000
#: Highest fee that governance can set, parts per million.
MAX_FEE = 10_000
MAX_128 = (1 << 128) - 1
MAX_256 = (1 << 256) - 1


def ceil_div(dividend: int, divisor: int) -> int:
    """`dividend / divisor` rounded up; both at least 0, divisor above it."""
    return -(-dividend // divisor)


def fee_on(value: int, fee: int) -> int:
    """Fee in wei on a value in wei, `fee` in parts per million, rounded up."""
    return ceil_div(value * fee, PPM)


@dataclass(frozen=True)
class Curve:
    """The shape of a curve.

    Attributes:
        base: wei per whole token when none has been sold.
        steepness: base units of the token after whose sale the price has doubled.
    """

    base: int
    steepness: int

    def __post_init__(self) -> None:
        for name, value in (("base", self.base), ("steepness", self.steepness)):
            if not 1 <= value <= MAX_128:
                raise InputError(f"{name} {value} of a curve must be from 1 to 2^128 - 1")

    def price(self, sold: int) -> int:
        """Wei of a whole token at `sold` base units sold, rounded up."""
        return ceil_div(self.base * (self.steepness + sold), self.steepness)

    def area_up(self, start: int, end: int) -> int:
        """Wei under the curve from `start` to `end` base units sold, rounded up. Raises OutOfDomainError."""
        return self._checked(ceil_div(*self._area(start, end)), start, end)

    def area_down(self, start: int, end: int) -> int:
        """Wei under the curve from `start` to `end` base units sold, rounded down. Raises OutOfDomainError."""
        dividend, divisor = self._area(start, end)
        return self._checked(dividend // divisor, start, end)

    def amount_for(self, sold: int, budget: int) -> int:
        """The most base units whose `area_up` from `sold` on is at most `budget` wei. Raises OutOfDomainError."""
        begin = self.steepness + sold
        quotient = budget * 2 * self.steepness * UNIT // self.base
        if begin > MAX_128 or quotient + begin * begin > MAX_256:
            raise OutOfDomainError(f"the curve has no exact amount for {budget} wei at {sold} base units sold")
        return isqrt(quotient + begin * begin) - begin

    def _area(self, start: int, end: int) -> tuple[int, int]:
        if not 0 <= start <= end:
            raise InputError(f"an area reaches from {start} to {end}: it must go upwards from 0 or more")
        if end > MAX_128:
            raise OutOfDomainError(f"{end} base units sold do not fit 128 bits")
        return self.base * (end - start) * (2 * self.steepness + start + end), 2 * self.steepness * UNIT

    @staticmethod
    def _checked(value: int, start: int, end: int) -> int:
        if value > MAX_128:
            raise OutOfDomainError(f"the curve from {start} to {end} base units is worth more than 2^128 - 1 wei")
        return value


@dataclass(frozen=True)
class Trade:
    """What a trade with the curve moves.

    Attributes:
        amount: base units of the token.
        value: wei that enter or leave the reserve.
        fee: wei for the treasury, on top of the value of a purchase and out of that of a sale.
    """

    amount: int
    value: int
    fee: int


@dataclass(frozen=True)
class Book:
    """What the market keeps of one resource: its state before or after any trade.

    Attributes:
        sold, inventory: base units of the token.
        reserve, fees: wei.
        fee: of a trade, parts per million.
    """

    resource: Resource
    curve: Curve
    sold: int
    reserve: int
    inventory: int
    fees: int
    fee: int

    @property
    def price(self) -> int:
        """Wei of a whole token here, rounded up, without fee."""
        return self.curve.price(self.sold)

    def quote_buy(self, amount: int) -> Trade:
        """A purchase of exactly `amount` base units; it costs value + fee.

        Raises:
            InputError: nothing is asked for.
            MarketRefusedError: the inventory is smaller.
            OutOfDomainError: the curve has no exact value.
        """
        if amount <= 0:
            raise InputError(f"buy {amount} base units of {self.resource.name}: buy at least 1")
        if amount > self.inventory:
            raise MarketRefusedError(
                f"the market has {tokens_text(self.inventory, self.resource)} left to sell, not "
                f"{tokens_text(amount, self.resource)}; buy less, or look at the pool and the offers"
            )
        value = self.curve.area_up(self.sold, self.sold + amount)
        return Trade(amount, value, fee_on(value, self.fee))

    def quote_buy_exact_in(self, payment: int) -> Trade:
        """The largest purchase that `payment` wei cover; all of it is spent. Errors as `quote_buy`."""
        if payment < 0:
            raise InputError(f"a payment of {payment} wei is negative")
        budget = payment * PPM // (PPM + self.fee)
        amount = self.curve.amount_for(self.sold, budget)
        if amount == 0:
            raise InputError(f"{native_text(payment)} buy not even one base unit of {self.resource.name}; pay more")
        trade = self.quote_buy(amount)
        return replace(trade, fee=payment - trade.value)

    def quote_sell(self, amount: int) -> Trade:
        """A sale of exactly `amount` base units; it brings value − fee.

        Raises:
            InputError: so little that it brings nothing.
            MarketRefusedError: more than the curve has sold.
        """
        if amount < 0 or amount > self.sold:
            raise MarketRefusedError(
                f"the curve has sold {tokens_text(self.sold, self.resource)} and buys no more than that back, not "
                f"{tokens_text(amount, self.resource)}; sell less, or to the pool or an offer"
            )
        value = self.curve.area_down(self.sold - amount, self.sold)
        trade = Trade(amount, value, fee_on(value, self.fee))
        if trade.value == trade.fee:
            raise InputError(f"{amount} base units of {self.resource.name} bring nothing; sell more at once")
        return trade

    def buy(self, trade: Trade) -> Book:
        """The book after a purchase."""
        return replace(
            self,
            sold=self.sold + trade.amount,
            reserve=self.reserve + trade.value,
            inventory=self.inventory - trade.amount,
            fees=self.fees + trade.fee,
        )

    def sell(self, trade: Trade) -> Book:
        """The book after a sale."""
        return replace(
            self,
            sold=self.sold - trade.amount,
            reserve=self.reserve - trade.value,
            inventory=self.inventory + trade.amount,
            fees=self.fees + trade.fee,
        )
