"""ResourceMarket and LiquidityPool as docs/market.md describes them, in exact fractions: it rounds where that rounds.

Each action returns what the contract answers, or raises `Refused` with the contract's error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Any

WAD = 10**18
PPM = 10**6
LOCKED = 1_000
LOCK = "0x000000000000000000000000000000000000dEaD"
KEPT = Fraction(997, 1_000)


class Refused(Exception):
    """The contract reverts with this error and these arguments."""

    def __init__(self, name: str, *arguments: Any) -> None:
        super().__init__(name)
        self.outcome = (name, arguments)


@dataclass
class Curve:
    """One resource on the curve. Base in wei a token, the rest in base units of the token or wei."""

    number: int
    base: int
    steepness: int
    inventory: int
    sold: int = 0
    reserve: int = 0
    fees: int = 0

    def area(self, start: int, end: int) -> Fraction:
        """The price integrated from one place to another."""

        def integral(r: int) -> Fraction:
            return Fraction(self.base, WAD) * (r + Fraction(r * r, 2 * self.steepness))

        return integral(end) - integral(start)

    def price(self) -> int:
        return ceil(self.base * (1 + Fraction(self.sold, self.steepness)))

    def value(self, amount: int) -> int:
        """What a purchase costs, without fee."""
        if amount == 0:
            raise Refused("ResourceMarket_ZeroAmount")
        if amount > self.inventory:
            raise Refused("ResourceMarket_InsufficientInventory", self.number, amount, self.inventory)
        return ceil(self.area(self.sold, self.sold + amount))

    def most_for(self, payment: int, fee: int) -> int:
        """The largest amount that a payment covers with the fee, by bisection."""
        low, high = 0, 1
        while self._cost(high, fee) <= payment:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._cost(middle, fee) <= payment else (low, middle)
        return low

    def proceeds(self, amount: int, fee: int) -> tuple[int, int]:
        """What a sale brings, and the fee."""
        if amount > self.sold:
            raise Refused("ResourceMarket_InsufficientSold", self.number, amount, self.sold)
        value = floor(self.area(self.sold - amount, self.sold))
        charged = fee_on(value, fee)
        if value == charged:
            raise Refused("ResourceMarket_ZeroAmount")
        return value - charged, charged

    def _cost(self, amount: int, fee: int) -> int:
        value = ceil(self.area(self.sold, self.sold + amount))
        return value + fee_on(value, fee)


def fee_on(value: int, fee: int) -> int:
    """Rounded up."""
    return ceil(Fraction(value * fee, PPM))


@dataclass
class Pool:
    """One pool. Shares by holder, locked ones included."""

    number: int
    native: int = 0
    token: int = 0
    shares: dict[str, int] = field(default_factory=dict)

    @property
    def supply(self) -> int:
        return sum(self.shares.values())

    def addition(self, payment: int, most: int) -> tuple[int, int, int]:
        """Native, token and shares of an addition."""
        if payment == 0 or most == 0:
            raise Refused("LiquidityPool_ZeroAmount")
        if self.supply == 0:
            root = isqrt(payment * most)
            if root <= LOCKED:
                raise Refused("LiquidityPool_FirstTooSmall", root, LOCKED)
            return payment, most, root - LOCKED
        native, token = payment, ceil(Fraction(payment * self.token, self.native))
        if token > most:
            native, token = ceil(Fraction(most * self.native, self.token)), most
        shares = floor(min(Fraction(native * self.supply, self.native), Fraction(token * self.supply, self.token)))
        if shares == 0:
            raise Refused("LiquidityPool_ZeroAmount")
        return native, token, shares

    def removal(self, shares: int) -> tuple[int, int]:
        """Native and token for shares."""
        if shares == 0:
            raise Refused("LiquidityPool_ZeroAmount")
        if self.supply == 0:
            raise Refused("LiquidityPool_Empty", self.number)
        if shares > self.supply - LOCKED:
            raise Refused("LiquidityPool_ExcessiveShares", shares, self.supply - LOCKED)
        part = Fraction(shares, self.supply)
        return floor(part * self.native), floor(part * self.token)

    def output(self, amount: int, of_token: bool) -> int:
        """What comes out for an input; `of_token`: the input is the token."""
        reserve_in, reserve_out = self._sides(amount, of_token)
        out = floor(reserve_out * KEPT * amount / (reserve_in + KEPT * amount))
        if out == 0:
            raise Refused("LiquidityPool_ZeroAmount")
        return out

    def needed(self, amount: int, of_token: bool) -> int:
        """What must go in for an output."""
        reserve_in, reserve_out = self._sides(amount, of_token)
        if amount >= reserve_out:
            raise Refused("LiquidityPool_InsufficientReserve", amount, reserve_out)
        return ceil(Fraction(reserve_in * amount, reserve_out - amount) / KEPT)

    def _sides(self, amount: int, of_token: bool) -> tuple[int, int]:
        if amount == 0:
            raise Refused("LiquidityPool_ZeroAmount")
        if self.supply == 0:
            raise Refused("LiquidityPool_Empty", self.number)
        return (self.token, self.native) if of_token else (self.native, self.token)
