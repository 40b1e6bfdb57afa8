"""The constant-product pool in exact integers: what `contracts/market/PoolMath.sol` and LiquidityPool compute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

from novacron.exceptions import InputError, MarketRefusedError, OutOfDomainError
from novacron.market.curve import MAX_128, PPM, ceil_div
from novacron.market.resources import UNIT, Resource, native_text, tokens_text

#: Of what goes in, parts per million.
FEE = 3_000
KEPT = PPM - FEE
#: Shares that the first provider leaves behind.
LOCKED_SHARES = 1_000


def output_for(amount_in: int, reserve_in: int, reserve_out: int) -> int:
    """The largest output for `amount_in`; below `reserve_out`."""
    counted = amount_in * KEPT
    return counted * reserve_out // (reserve_in * PPM + counted)


def input_for(amount_out: int, reserve_in: int, reserve_out: int) -> int:
    """The smallest input for which `output_for` is at least `amount_out`. Raises OutOfDomainError."""
    if amount_out >= reserve_out:
        raise OutOfDomainError(f"a reserve of {reserve_out} cannot give {amount_out}; ask for less")
    amount = ceil_div(reserve_in * PPM * amount_out, (reserve_out - amount_out) * KEPT)
    if amount > MAX_128:
        raise OutOfDomainError(f"no input of 128 bits brings {amount_out} out of a reserve of {reserve_out}")
    return amount


@dataclass(frozen=True)
class Swap:
    """Wei and base units of the token that change hands."""

    native: int
    token: int


@dataclass(frozen=True)
class Liquidity:
    """What goes into a pool or comes out of it: wei, base units of the token, shares."""

    native: int
    token: int
    shares: int


@dataclass(frozen=True)
class Reserves:
    """One pool.

    Attributes:
        native: wei.
        token: base units.
        shares: all of them, the locked ones included.
    """

    resource: Resource
    native: int
    token: int
    shares: int

    @property
    def price(self) -> int:
        """Wei of a whole token, rounded up, without fee. Raises MarketRefusedError when the pool is empty."""
        self._require_some()
        return ceil_div(self.native * UNIT, self.token)

    def buy_exact_in(self, native: int) -> Swap:
        """Tokens for exactly `native` wei. Raises InputError, MarketRefusedError, OutOfDomainError."""
        self._require_some()
        self._require_fits("native", native)
        return self._some(Swap(native, output_for(native, self.native, self.token)))

    def buy_exact_out(self, token: int) -> Swap:
        """Exactly `token` base units for wei. Raises InputError, MarketRefusedError, OutOfDomainError."""
        self._require_some()
        if token >= self.token:
            held = tokens_text(self.token, self.resource)
            raise MarketRefusedError(f"the pool holds {held}, which is not for sale as a whole; buy less")
        swap = self._some(Swap(input_for(token, self.native, self.token), token))
        self._require_fits("native", swap.native)
        return swap

    def sell_exact_in(self, token: int) -> Swap:
        """Wei for exactly `token` base units. Raises InputError, MarketRefusedError, OutOfDomainError."""
        self._require_some()
        self._require_fits("token", token)
        return self._some(Swap(output_for(token, self.token, self.native), token))

    def sell_exact_out(self, native: int) -> Swap:
        """Tokens for exactly `native` wei. Raises InputError, MarketRefusedError, OutOfDomainError."""
        self._require_some()
        if native >= self.native:
            raise MarketRefusedError(f"the pool holds {native_text(self.native)}; ask for less")
        swap = self._some(Swap(native, input_for(native, self.token, self.native)))
        self._require_fits("token", swap.token)
        return swap

    def quote_add(self, payment: int, max_token: int) -> Liquidity:
        """What `add` with `payment` wei and at most `max_token` base units takes and gives.

        The first provider sets the ratio: all of both goes in. Later all of one goes in and as much of the other as
        belongs to it, rounded up; shares are rounded down.

        Raises:
            InputError: too little to get a share.
            OutOfDomainError: a reserve would not fit 128 bits.
        """
        if payment <= 0 or max_token <= 0:
            raise InputError("both wei and tokens go into a pool; give some of each")
        self._require_fits("native", payment)
        if self.shares == 0:
            self._require_fits("token", max_token)
            root = isqrt(payment * max_token)
            if root <= LOCKED_SHARES:
                raise InputError(f"the first to add leaves {LOCKED_SHARES} shares behind; add more")
            return Liquidity(payment, max_token, root - LOCKED_SHARES)
        native, token = payment, ceil_div(payment * self.token, self.native)
        if token > max_token:
            native, token = ceil_div(max_token * self.native, self.token), max_token
        self._require_fits("token", token)
        shares = min(native * self.shares // self.native, token * self.shares // self.token)
        if shares == 0:
            raise InputError("that is too little to get a share of the pool; add more")
        return Liquidity(native, token, shares)

    def quote_remove(self, shares: int) -> Liquidity:
        """What `shares` give, rounded down. Raises InputError, MarketRefusedError."""
        if shares <= 0:
            raise InputError(f"give up at least 1 share, not {shares}")
        if shares > self.shares - LOCKED_SHARES:
            raise MarketRefusedError(
                f"the pool has given out {max(self.shares - LOCKED_SHARES, 0)} shares, not {shares}"
            )
        return Liquidity(shares * self.native // self.shares, shares * self.token // self.shares, shares)

    def bought(self, swap: Swap) -> Reserves:
        """The pool after somebody has bought tokens."""
        return replace(self, native=self.native + swap.native, token=self.token - swap.token)

    def sold(self, swap: Swap) -> Reserves:
        """The pool after somebody has sold tokens to it."""
        return replace(self, native=self.native - swap.native, token=self.token + swap.token)

    def added(self, added: Liquidity) -> Reserves:
        """The pool after an addition."""
        locked = 0 if self.shares else LOCKED_SHARES
        return replace(
            self,
            native=self.native + added.native,
            token=self.token + added.token,
            shares=self.shares + added.shares + locked,
        )

    def removed(self, removed: Liquidity) -> Reserves:
        """The pool after a removal."""
        return replace(
            self,
            native=self.native - removed.native,
            token=self.token - removed.token,
            shares=self.shares - removed.shares,
        )

    def _require_some(self) -> None:
        if self.shares == 0:
            raise MarketRefusedError(
                f"nobody has added to the {self.resource.name} pool yet; trade with the curve (novacron market buy)"
            )

    def _require_fits(self, side: str, amount: int) -> None:
        if amount + getattr(self, side) > MAX_128:
            raise OutOfDomainError(f"with {amount} more the pool's reserve would not fit 128 bits; trade less")

    @staticmethod
    def _some(swap: Swap) -> Swap:
        if swap.native <= 0 or swap.token <= 0:
            raise InputError("that is so little that it brings nothing; trade more at once")
        return swap
