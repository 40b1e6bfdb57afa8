"""The exact models: roundings, domains, splitting, round trips, and constant products."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from novacron.exceptions import InputError, MarketRefusedError, OutOfDomainError
from novacron.market.curve import MAX_128, Book, Curve, fee_on
from novacron.market.offers import MAX_VALUE, Offer, Side, Terms, value_of
from novacron.market.product import LOCKED_SHARES, Liquidity, Reserves, input_for, output_for
from novacron.market.quotes import MAX_SLIPPAGE, curve_quote, pool_quote
from novacron.market.resources import UNIT, Resource
from novacron.market.staking_client import backed_by, reward_of

bases = st.integers(1, 10**20)
#: Not so steep that a quantity below would be worth more than 2^128 wei.
steep = st.integers(10**17, 10**26)
amounts = st.integers(1, 10**26)
fees = st.integers(0, 10_000)


def book(base: int, steepness: int, sold: int = 0, *, inventory: int = 10**27, fee: int = 3_000) -> Book:
    curve = Curve(base, steepness)
    return Book(Resource.CPU, curve, sold, curve.area_up(0, sold), inventory, 0, fee)


def integral(curve: Curve, start: int, end: int) -> Fraction:
    """The area by its definition: B·∫(1 + r/S) dr / 10^18."""
    exact = (end - start) + Fraction(end * end - start * start, 2 * curve.steepness)
    return Fraction(curve.base) * exact / UNIT


# -- the curve -------------------------------------------------------------------------------------------------------


@given(bases, steep, amounts, amounts)
def test_areas_are_the_integral_rounded(base: int, steepness: int, start: int, width: int) -> None:
    curve, exact = Curve(base, steepness), integral(Curve(base, steepness), start, start + width)
    assume(exact < MAX_128)
    assert curve.area_down(start, start + width) <= exact < curve.area_down(start, start + width) + 1
    assert curve.area_up(start, start + width) - 1 < exact <= curve.area_up(start, start + width)


@given(bases, steep, amounts, st.integers(0, 10**24))
def test_exact_in_buys_the_most_that_the_budget_covers(base: int, steepness: int, sold: int, budget: int) -> None:
    curve = Curve(base, steepness)
    amount = curve.amount_for(sold, budget)
    assert curve.area_up(sold, sold + amount) <= budget < curve.area_up(sold, sold + amount + 1)


@given(bases, steep, st.integers(0, 10**24), st.integers(2, 10**24), st.data(), fees)
def test_splitting_an_order_never_helps(
    base: int, steepness: int, sold: int, amount: int, data: st.DataObject, fee: int
) -> None:
    before = book(base, steepness, sold, fee=fee)
    first = data.draw(st.integers(1, amount - 1))
    whole = before.quote_buy(amount)
    one = before.quote_buy(first)
    two = before.buy(one).quote_buy(amount - first)
    assert whole.value + whole.fee <= one.value + one.fee + two.value + two.fee


@given(bases, steep, st.integers(0, 10**24), amounts, fees)
def test_a_round_trip_never_gains_and_the_reserve_always_covers_what_is_sold(
    base: int, steepness: int, sold: int, amount: int, fee: int
) -> None:
    before = book(base, steepness, sold, fee=fee)
    bought = before.quote_buy(amount)
    after = before.buy(bought)
    assert after.reserve >= after.curve.area_up(0, after.sold)
    try:
        back = after.quote_sell(amount)
    except InputError:
        return  # so little that it brings nothing
    assert back.value - back.fee <= bought.value + bought.fee
    end = after.sell(back)
    assert end.reserve >= end.curve.area_up(0, end.sold)
    assert end.inventory == before.inventory
    paid = bought.value + bought.fee
    assert end.reserve + end.fees - before.reserve - before.fees == paid - (back.value - back.fee)


@given(bases, steep, st.integers(0, 10**24), st.integers(1, 10**24), st.integers(0, 10**18), fees)
def test_spending_a_sum_buys_no_less_than_the_amount_that_costs_it_and_spends_all(
    base: int, steepness: int, sold: int, amount: int, more: int, fee: int
) -> None:
    before = book(base, steepness, sold, fee=fee)
    trade = before.quote_buy(amount)
    payment = trade.value + trade.fee + more
    try:
        exact_in = before.quote_buy_exact_in(payment)
    except MarketRefusedError:
        return  # more than there is
    assert exact_in.amount >= amount
    assert exact_in.value + exact_in.fee == payment
    assert exact_in.fee >= fee_on(exact_in.value, fee)


def test_what_is_too_little_for_another_base_unit_is_part_of_the_fee() -> None:
    # A base unit costs 100 wei and a bit.
    trade = book(10**20, 10**26, fee=0).quote_buy_exact_in(350)
    assert (trade.amount, trade.value, trade.fee) == (3, 301, 49)


def test_the_curve_refuses_what_it_cannot_do_exactly() -> None:
    with pytest.raises(OutOfDomainError, match="128 bits"):
        Curve(1, 1).area_up(0, MAX_128 + 1)
    with pytest.raises(OutOfDomainError, match="worth more"):
        Curve(MAX_128, 1).area_up(0, UNIT)
    with pytest.raises(OutOfDomainError, match="no exact amount"):
        Curve(1, MAX_128).amount_for(0, MAX_128)
    with pytest.raises(InputError):
        Curve(0, 1)
    with pytest.raises(InputError, match="upwards"):
        Curve(1, 1).area_up(2, 1)


def test_a_book_refuses_what_the_market_would_refuse() -> None:
    small = book(10**12, UNIT, 5 * UNIT, inventory=UNIT)
    with pytest.raises(MarketRefusedError, match="has 1 CPU left"):
        small.quote_buy(UNIT + 1)
    with pytest.raises(MarketRefusedError, match="has sold 5 CPU"):
        small.quote_sell(5 * UNIT + 1)
    with pytest.raises(InputError, match="at least 1"):
        small.quote_buy(0)
    with pytest.raises(InputError, match="bring nothing"):
        small.quote_sell(1)
    with pytest.raises(InputError, match="not even one"):
        book(10**20, UNIT).quote_buy_exact_in(1)


# -- the pool --------------------------------------------------------------------------------------------------------

reserve = st.integers(10**4, 10**27)


@given(reserve, reserve, st.integers(1, 10**27))
def test_a_swap_never_lowers_the_product(native: int, token: int, amount: int) -> None:
    pool = Reserves(Resource.MEM, native, token, 10**18)
    try:
        after = pool.bought(pool.buy_exact_in(amount))
    except InputError:
        return
    assert after.native * after.token >= native * token


@given(reserve, reserve, st.data())
def test_exact_out_costs_the_least_that_brings_it(reserve_in: int, reserve_out: int, data: st.DataObject) -> None:
    out = data.draw(st.integers(1, reserve_out - 1))
    try:
        cost = input_for(out, reserve_in, reserve_out)
    except OutOfDomainError:
        assume(False)
    assert output_for(cost, reserve_in, reserve_out) >= out
    assert cost == 1 or output_for(cost - 1, reserve_in, reserve_out) < out


@given(reserve, reserve, st.integers(1, 10**24), st.integers(1, 10**24))
def test_adding_and_removing_liquidity_never_gains(native: int, token: int, payment: int, most: int) -> None:
    pool = Reserves(Resource.STO, native, token, 10**18)
    try:
        added = pool.quote_add(payment, most)
    except InputError:
        return
    assert added.native <= payment
    assert added.token <= most
    after = pool.added(added)
    back = after.quote_remove(added.shares)
    assert back.native <= added.native
    assert back.token <= added.token
    assert after.removed(back).shares == pool.shares


def test_the_first_provider_sets_the_ratio_and_leaves_shares_behind() -> None:
    empty = Reserves(Resource.NET, 0, 0, 0)
    added = empty.quote_add(4 * UNIT, UNIT)
    after = empty.added(added)
    assert (added.shares, after.shares) == (2 * UNIT - LOCKED_SHARES, 2 * UNIT)
    with pytest.raises(MarketRefusedError, match="given out"):
        after.quote_remove(added.shares + 1)
    with pytest.raises(InputError, match="add more"):
        empty.quote_add(1_000, 1_000)
    # The token part, rounded up, is just what may go in: the native part is not rounded up as well.
    assert Reserves(Resource.NET, 10_000, 7_000, 10**6).quote_add(1, 1) == Liquidity(1, 1, 100)
    with pytest.raises(MarketRefusedError, match="nobody has added"):
        empty.buy_exact_in(1)
    with pytest.raises(MarketRefusedError, match="not for sale as a whole"):
        after.buy_exact_out(after.token)
    with pytest.raises(OutOfDomainError, match="128 bits"):
        after.buy_exact_in(MAX_128)


# -- offers ----------------------------------------------------------------------------------------------------------


@given(st.sampled_from(Side), st.integers(1, MAX_VALUE), st.integers(1, 10**20), st.data())
def test_parts_of_an_offer_are_never_worth_more_to_the_taker(
    side: Side, amount: int, price: int, data: st.DataObject
) -> None:
    assume(amount > 1)
    first = data.draw(st.integers(1, amount - 1))
    parts = value_of(side, first, price) + value_of(side, amount - first, price)
    whole = value_of(side, amount, price)
    assert parts >= whole if side is Side.SELL else parts <= whole


def test_a_fill_leaves_nothing_or_at_least_the_least_fill() -> None:
    offer = Offer(7, Side.BUY, Resource.CPU, "0x", 10 * UNIT, 10 * UNIT, UNIT, 3 * UNIT, 1_000)
    value, rest = offer.fill(7 * UNIT, 999)
    assert value == 7 * UNIT
    assert rest is not None
    assert (rest.remaining, rest.escrow) == (3 * UNIT, 3 * UNIT)
    assert rest.fill(3 * UNIT, 999) == (3 * UNIT, None)
    for amount, now, words in (
        (2 * UNIT, 0, "in parts of 3 CPU or more"),
        (8 * UNIT, 0, "left with 2 CPU"),
        (11 * UNIT, 0, "has 10 CPU left"),
        (7 * UNIT, 1_000, "expired"),
    ):
        with pytest.raises(MarketRefusedError, match=words):
            offer.fill(amount, now)


def test_a_fill_leaves_nothing_that_is_worth_less_than_a_wei() -> None:
    offer = Offer(7, Side.BUY, Resource.CPU, "0x", 3, 1, UNIT // 2, 1, 1_000)
    with pytest.raises(
        MarketRefusedError, match="offer 7 would be left with 1 base units worth less than a wei: take all"
    ):
        offer.fill(2, 0)
    assert offer.fill(3, 0) == (1, None)
    sell = Offer(7, Side.SELL, Resource.CPU, "0x", 3, 0, UNIT // 2, 1, 1_000)
    assert sell.fill(2, 0)[0] == 1


@pytest.mark.parametrize(
    ("amount", "price", "least", "expiry"),
    [
        (0, 1, 1, 1),
        (1, 0, 1, 1),
        (5, UNIT, 6, 1),
        (5, UNIT, 0, 1),
        (1, 1, 1, 1),
        (MAX_VALUE + 1, 1, 1, 1),
        (1, UNIT, 1, 1 << 40),
    ],
)
def test_terms_that_the_book_would_refuse_are_refused(amount: int, price: int, least: int, expiry: int) -> None:
    with pytest.raises(InputError):
        Terms(Side.BUY, Resource.CPU, amount, price, least, expiry)


# -- quotations ------------------------------------------------------------------------------------------------------


@given(bases, steep, st.integers(0, 10**24), st.integers(10**12, 10**24), fees)
def test_a_quotation_says_how_far_the_price_moves(base: int, steepness: int, sold: int, amount: int, fee: int) -> None:
    before = book(base, steepness, sold, fee=fee)
    quote = curve_quote(before, "buy", before.quote_buy(amount))
    assert quote.price_after >= quote.price_before
    # The average price of a linear curve lies half way: impact = amount / (2 (S + r)), but for the rounding to a wei.
    half = Fraction(amount * 1_000_000, 2 * (steepness + sold))
    spot = Fraction(base * (steepness + sold), steepness) * amount / UNIT
    assert half <= quote.impact < half + 1 + Fraction(1_000_000) / spot


def test_a_limit_is_never_unlimited() -> None:
    before = book(10**12, 10**24, 10**24)
    quote = curve_quote(before, "buy", before.quote_buy(UNIT))
    assert quote.limit(slippage=10_000) == quote.native * 101 // 100
    assert quote.limit(limit=quote.native) == quote.native
    for options in ({}, {"limit": 1, "slippage": 1}, {"limit": 0}, {"slippage": -1}, {"slippage": MAX_SLIPPAGE + 1}):
        with pytest.raises(InputError):
            quote.limit(**options)
    with pytest.raises(MarketRefusedError, match="not sent"):
        quote.limit(limit=quote.native - 1)
    sale = curve_quote(before, "sell", before.quote_sell(UNIT))
    assert sale.limit(slippage=MAX_SLIPPAGE) >= sale.native // 2 > 0
    with pytest.raises(MarketRefusedError, match="not sent"):
        sale.limit(limit=sale.native + 1)


def test_pool_quotations_price_a_large_swap_worse() -> None:
    pool = Reserves(Resource.CPU, 10 * UNIT, 10_000 * UNIT, UNIT)
    small, large = (pool_quote(pool, "buy", pool.buy_exact_out(n * UNIT)) for n in (1, 1_000))
    assert small.impact < large.impact
    assert (large.price_before, large.price_after > large.price_before) == (UNIT // 1_000, True)
    sale = pool_quote(pool, "sell", pool.sell_exact_in(1_000 * UNIT))
    assert sale.price_after < sale.price_before
    assert 90_000 < sale.impact < 92_000


# -- staking ---------------------------------------------------------------------------------------------------------


def test_rewards_and_guarantees_are_rounded_down() -> None:
    year = 365 * 86_400
    assert reward_of(Resource.CPU, 1_000 * UNIT, year) == 100 * UNIT
    assert reward_of(Resource.NET, 39, year // 2) == 0
    # 30 days of one vCPU are 720 vCPU-hours.
    assert backed_by(720 * UNIT, 30 * 86_400) == 1_000
    assert backed_by(720 * UNIT - 1, 30 * 86_400) == 999
    assert backed_by(UNIT, 0) == 0
