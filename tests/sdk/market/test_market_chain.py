"""The clients against the contracts: models to the wei, limits, keys that do a thing once, errors with advice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from novacron.chain import Journal, LocalSigner, TransactionManager
from novacron.exceptions import (
    ConfigurationError,
    InputError,
    MarketError,
    MarketRefusedError,
    OutOfDomainError,
    RevertedError,
)
from novacron.market.curve_client import CurveMarket
from novacron.market.deployment import Account
from novacron.market.offers import Side, Terms
from novacron.market.order_client import OrderMarket
from novacron.market.pool_client import PoolMarket, least_of
from novacron.market.product import LOCKED_SHARES
from novacron.market.resources import UNIT, Resource
from novacron.market.staking_client import RATES, Staking, backed_by, reward_of
from tests.support.market_world import DAY, STEEPNESS, STOCK, Actors, MarketWorld

CPU, MEM = Resource.CPU, Resource.MEM
_SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class SilentSigner:
    """Signs transactions and no messages, as some hardware does."""

    def __init__(self, inner: LocalSigner) -> None:
        self._inner = inner

    @property
    def address(self) -> str:
        return self._inner.address

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        return self._inner.sign_transaction(tx)


def provide(account: Account, native: int = 4 * UNIT, tokens: int = 1_000 * UNIT) -> PoolMarket:
    pool = PoolMarket(account.deployment)
    pool.add(account, CPU, native, tokens, min_token=1, min_shares=1)
    return pool


# -- the curve -------------------------------------------------------------------------------------------------------


@_SLOW
@given(amount=st.integers(1, 2 * STOCK), sold=st.integers(0, STOCK), payment=st.integers(0, 10**20))
def test_the_model_agrees_with_the_curve_to_the_wei(
    world: MarketWorld, customer: Account, amount: int, sold: int, payment: int
) -> None:
    market = CurveMarket(customer.deployment)
    before = world.node.rpc("evm_snapshot")
    if sold:
        book = market.book(CPU)
        value = book.quote_buy(sold)
        world.w3.eth.wait_for_transaction_receipt(
            world.market.functions.purchaseResource(0, sold).transact(
                {"from": world.admin, "value": value.value + value.fee}
            )
        )
    book = market.book(CPU)
    assert book.price == world.market.functions.getSpotPrice(0).call()
    for view, quote, argument in (
        ("quoteBuy", lambda: (lambda t: t.value + t.fee)(book.quote_buy(amount)), amount),
        ("quoteSell", lambda: (lambda t: t.value - t.fee)(book.quote_sell(amount)), amount),
        ("quoteBuyExactIn", lambda: book.quote_buy_exact_in(payment).amount, payment),
    ):
        try:
            expected: int | None = quote()
        except (InputError, MarketRefusedError, OutOfDomainError):
            expected = None
        try:
            found = int(market.contract.call(view, 0, argument))
        except RevertedError:
            found = None
        assert found == expected, view
    world.node.rpc("evm_revert", before)


def test_a_purchase_and_a_sale_do_what_was_quoted(world: MarketWorld, customer: Account) -> None:
    market, held = CurveMarket(customer.deployment), world.balance(CPU, customer.address)
    quote = market.quote_buy(CPU, 10 * UNIT)
    bought = market.buy(customer, CPU, 10 * UNIT, quote.limit(slippage=10_000))
    assert (bought.amount, bought.native) == (10 * UNIT, quote.native)
    assert world.balance(CPU, customer.address) == held + 10 * UNIT
    back = market.quote_sell(CPU, 10 * UNIT)
    sold = market.sell(customer, CPU, 10 * UNIT, back.limit(slippage=10_000))
    assert (sold.amount, sold.native) == (10 * UNIT, back.native)
    assert back.native < quote.native
    assert market.book(CPU).sold == 0


def test_spending_a_sum_spends_all_of_it(world: MarketWorld, customer: Account) -> None:
    market = CurveMarket(customer.deployment)
    quote = market.quote_buy_exact_in(CPU, 10**12)
    done = market.buy_exact_in(customer, CPU, 10**12, quote.amount, recipient=world.accounts[8])
    assert (done.amount, done.native) == (quote.amount, 10**12)
    assert world.balance(CPU, world.accounts[8]) == quote.amount


def test_a_key_buys_once_however_often_it_is_used(world: MarketWorld, customer: Account) -> None:
    market, held = CurveMarket(customer.deployment), world.balance(CPU, customer.address)
    first = market.buy(customer, CPU, UNIT, UNIT // 1000, key="order-17")
    again = market.buy(customer, CPU, UNIT, UNIT // 500, seconds=1_000, key="order-17")
    assert first.receipt.hash == again.receipt.hash
    assert world.balance(CPU, customer.address) == held + UNIT
    with pytest.raises(InputError, match="another call"):
        market.buy(customer, CPU, 2 * UNIT, UNIT // 1000, key="order-17")
    market.buy(customer, CPU, UNIT, UNIT // 1000)
    market.buy(customer, CPU, UNIT, UNIT // 1000)
    assert world.balance(CPU, customer.address) == held + 3 * UNIT


def test_a_permit_sells_in_one_transaction_and_a_silent_signer_approves_exactly(
    world: MarketWorld, actors: Actors
) -> None:
    customer = actors.account(4)
    market = CurveMarket(customer.deployment)
    market.buy(customer, CPU, 4 * UNIT, UNIT)
    count = world.w3.eth.get_transaction_count(customer.address)
    market.sell(customer, CPU, UNIT, 1)
    assert world.w3.eth.get_transaction_count(customer.address) == count + 1
    silent = actors.account(4, signer=SilentSigner(actors.signer(4)))
    market.sell(silent, CPU, UNIT, 1, key="silent")
    assert world.w3.eth.get_transaction_count(customer.address) == count + 3
    assert world.tokens[0].functions.allowance(customer.address, world.market.address).call() == 0
    market.sell(silent, CPU, UNIT, 1, key="silent")
    assert world.w3.eth.get_transaction_count(customer.address) == count + 3


def test_errors_say_what_to_do(world: MarketWorld, customer: Account) -> None:
    market = CurveMarket(customer.deployment)
    with pytest.raises(RevertedError, match=r"more than the limit of 1 wei: ask for a new quotation") as caught:
        market.buy(customer, CPU, UNIT, 1)
    assert (caught.value.name, caught.value.arguments[1]) == ("ResourceMarket_InsufficientPayment", 1)
    with pytest.raises(RevertedError, match=r"market has 100,000 CPU left.*: buy less"):
        market.buy(customer, CPU, 2 * STOCK, UNIT)
    with pytest.raises(RevertedError, match="buys no more than that back"):
        market.sell(customer, CPU, UNIT, 1)
    world.send(world.market, "pauseContract")
    with pytest.raises(RevertedError, match="paused by the guardian"):
        market.buy(customer, CPU, UNIT, UNIT)
    assert market.is_paused()
    with pytest.raises(InputError, match="deadline"):
        market.buy(customer, CPU, UNIT, UNIT, seconds=0)


def test_a_trade_that_is_mined_too_late_is_refused(world: MarketWorld, customer: Account, tmp_path: Any) -> None:
    market = CurveMarket(customer.deployment)
    with Journal(tmp_path / "late.sqlite") as journal:
        manager = TransactionManager(
            customer.deployment.pool, customer.manager.signer, journal, poll_interval=0.05, timeout=0.5
        )
        late = Account(customer.deployment, manager, customer.advice)
        world.node.rpc("evm_setAutomine", False)
        try:
            with pytest.raises(Exception, match="not final yet"):
                market.buy(late, CPU, UNIT, UNIT, seconds=60, key="late")
            assert late.unfinished(["market/"]) == [f"market/buy/late/{late.address}"]
            world.pass_time(120)
        finally:
            world.node.rpc("evm_setAutomine", True)
        with pytest.raises(RevertedError, match="it came too late"):
            market.buy(late, CPU, UNIT, UNIT, seconds=60, key="late")
        # One that has failed is tried anew under the same key.
        assert market.buy(late, CPU, UNIT, UNIT, key="late").amount == UNIT


# -- the pool --------------------------------------------------------------------------------------------------------


@_SLOW
@given(amount=st.integers(0, 2_000 * UNIT), native=st.integers(0, 10 * UNIT), shares=st.integers(0, 100 * UNIT))
def test_the_model_agrees_with_the_pool_to_the_wei(
    world: MarketWorld, customer: Account, amount: int, native: int, shares: int
) -> None:
    before = world.node.rpc("evm_snapshot")
    pool = PoolMarket(customer.deployment)
    world.send(world.tokens[0], "approve", world.pool.address, 10**30, sender=customer.address)
    arguments = (0, 1_000 * UNIT, 1, 1, customer.address, 2**40)
    world.send(world.pool, "add", *arguments, sender=customer.address, value=4 * UNIT)
    reserves = pool.reserves(CPU)
    for view, quote, argument in (
        ("quoteNativeForToken", lambda: reserves.buy_exact_in(native).token, (native,)),
        ("quoteNativeForExactToken", lambda: reserves.buy_exact_out(amount).native, (amount,)),
        ("quoteTokenForNative", lambda: reserves.sell_exact_in(amount).native, (amount,)),
        ("quoteTokenForExactNative", lambda: reserves.sell_exact_out(native).token, (native,)),
        ("quoteAdd", lambda: _triple(reserves.quote_add(native, amount)), (native, amount)),
        ("quoteRemove", lambda: _triple(reserves.quote_remove(shares))[:2], (shares,)),
    ):
        try:
            expected: Any = quote()
        except (InputError, MarketRefusedError, OutOfDomainError):
            expected = None
        try:
            found: Any = pool.contract.call(view, 0, *argument)
        except RevertedError:
            found = None
        assert found == expected, view
    world.node.rpc("evm_revert", before)


def _triple(moved: Any) -> tuple[int, int, int]:
    return moved.native, moved.token, moved.shares


def test_liquidity_is_provided_swapped_against_and_taken_back(world: MarketWorld, actors: Actors) -> None:
    customer, other = actors.account(4), actors.account(0)
    pool = provide(customer)
    assert pool.shares_of(customer.address, CPU) == pool.reserves(CPU).shares - LOCKED_SHARES
    quote = pool.quote_buy(CPU, 10 * UNIT)
    assert pool.buy(other, CPU, 10 * UNIT, quote.limit(slippage=0)).native == quote.native
    incoming = pool.quote_buy_exact_in(CPU, 10**15)
    assert pool.buy_exact_in(other, CPU, 10**15, least_of(incoming.amount, 0)).amount == incoming.amount
    back = pool.quote_sell(CPU, 5 * UNIT)
    assert pool.sell(other, CPU, 5 * UNIT, back.native).native == back.native
    before = pool.reserves(CPU)
    shares = pool.shares_of(customer.address, CPU)
    expected = before.quote_remove(shares)
    world.send(world.pool, "pauseContract")  # an exit never stops
    removed = pool.remove(customer, CPU, shares, min_native=expected.native, min_token=expected.token)
    assert removed.liquidity == expected
    with pytest.raises(RevertedError, match="paused"):
        pool.buy(other, CPU, 1, UNIT)


def test_limits_of_the_pool_hold_and_are_explained(customer: Account) -> None:
    pool = provide(customer)
    with pytest.raises(RevertedError, match="more than the limit"):
        pool.buy(customer, CPU, 10 * UNIT, 1)
    with pytest.raises(RevertedError, match="less than the limit"):
        pool.sell(customer, CPU, UNIT, UNIT)
    with pytest.raises(RevertedError, match="ratio has moved"):
        pool.add(customer, CPU, UNIT, UNIT, min_token=1, min_shares=10 * UNIT)
    with pytest.raises(RevertedError, match="nobody has added to the MEM pool"):
        pool.buy(customer, MEM, 1, 1)


# -- offers ----------------------------------------------------------------------------------------------------------


def test_offers_of_both_sides_are_placed_taken_in_parts_and_withdrawn(world: MarketWorld, actors: Actors) -> None:
    maker, taker = actors.account(4), actors.account(0)
    book, expiry = OrderMarket(maker.deployment), world.now() + DAY
    selling = book.place(maker, Terms(Side.SELL, CPU, 10 * UNIT, UNIT // 7, UNIT, expiry)).id
    buying = book.place(maker, Terms(Side.BUY, MEM, 5 * UNIT, UNIT // 9, 1, expiry)).id
    assert [offer.id for offer in book.offers()] == [buying, selling]
    assert [offer.id for offer in book.offers(CPU, maker.address)] == [selling]
    offer = book.offer(selling)
    value, rest = offer.fill(3 * UNIT, world.now())
    assert book.fill(taker, offer, 3 * UNIT, value).native == value
    assert book.offer(selling) == rest
    assert book.balance_of(maker.address, None) == value
    bid = book.offer(buying)
    worth, _ = bid.fill(bid.remaining, world.now())
    assert book.fill(taker, bid, bid.remaining, worth).native == worth
    assert book.balance_of(maker.address, MEM) == 5 * UNIT
    with pytest.raises(MarketRefusedError, match="has ended"):
        book.offer(buying)
    book.cancel(maker, selling)
    assert book.withdraw(maker, CPU).amount == 7 * UNIT
    assert book.withdraw(maker, None).native == value + bid.escrow - worth
    with pytest.raises(RevertedError, match="nothing of"):
        book.withdraw(maker, None)


def test_a_stranger_ends_an_offer_only_once_it_has_expired(world: MarketWorld, actors: Actors) -> None:
    maker, stranger = actors.account(4), actors.account(8)
    book = OrderMarket(maker.deployment)
    number = book.place(maker, Terms(Side.BUY, CPU, UNIT, UNIT, 1, world.now() + 100)).id
    with pytest.raises(RevertedError, match="anybody may end it once it has expired"):
        book.cancel(stranger, number)
    world.pass_time(100)
    with pytest.raises(RevertedError, match="expired"):
        book.fill(actors.account(0), book.offer(number), UNIT, UNIT)
    book.cancel(stranger, number)
    assert book.balance_of(maker.address, None) == UNIT


# -- staking ---------------------------------------------------------------------------------------------------------


def test_stakes_are_listed_paid_and_refused_without_a_budget(world: MarketWorld, actors: Actors) -> None:
    owner, governance = actors.account(4), actors.account(0)
    staking = Staking(owner.deployment)
    assert {r: staking.contract.call("rateOf", int(r)) for r in Resource} == dict(RATES)
    with pytest.raises(RevertedError, match=r"more than the 0 CPU left in the budget"):
        staking.stake(owner, CPU, 1_000 * UNIT, 30 * DAY)
    with pytest.raises(InputError, match="30 and 365 days"):
        staking.stake(owner, CPU, UNIT, DAY)
    staking.fund(governance, CPU, 100 * UNIT)
    _, first = staking.stake(owner, CPU, 1_000 * UNIT, 30 * DAY)
    _, second = staking.stake(owner, CPU, 720 * UNIT, 60 * DAY)
    assert first.reward == reward_of(CPU, 1_000 * UNIT, 30 * DAY)
    assert list(staking.positions(owner.address)) == [first, second]
    assert staking.free_budget(CPU) == 100 * UNIT - first.reward - second.reward
    assert staking.backed_by(second.id) == backed_by(720 * UNIT, second.maturity - world.now())
    with pytest.raises(RevertedError, match=r"matures at .* leave without the reward"):
        staking.withdraw(owner, first.id)
    with pytest.raises(RevertedError, match="use the owner's account"):
        staking.exit_early(governance, first.id)
    assert staking.exit_early(owner, second.id).amount == 720 * UNIT
    world.pass_time(31 * DAY)
    assert staking.withdraw(owner, first.id).amount == 1_000 * UNIT + first.reward
    assert list(staking.positions(owner.address)) == []
    with pytest.raises(MarketError, match="paid out"):
        staking.position(first.id)


def test_a_position_keeps_capacity_of_a_host(world: MarketWorld, actors: Actors) -> None:
    owner = actors.account(4)
    staking = Staking(owner.deployment)
    staking.fund(actors.account(0), CPU, 100 * UNIT)
    world.send(world.registry, "setReservable", 1, (4_000, 0, 0, 0), sender=world.provider)
    _, position = staking.stake(owner, CPU, 1_500 * UNIT, 30 * DAY)
    with pytest.raises(RevertedError, match=r"pays for 2\.083 tokens an hour, not 2\.5: guarantee no more"):
        staking.guarantee(owner, position.id, 1, 2_500)
    staking.guarantee(owner, position.id, 1, 2_000)
    assert staking.position(position.id).guaranteeing
    with pytest.raises(RevertedError, match="release it first"):
        staking.exit_early(owner, position.id)
    staking.release(owner, position.id)
    assert staking.exit_early(owner, position.id).amount == 1_500 * UNIT


def test_what_is_not_deployed_is_said(actors: Actors) -> None:
    with pytest.raises(ConfigurationError, match="SLA is not deployed on anvil-local"):
        actors.deployment.handle("SLA")
    assert actors.deployment.resource_of(actors.world.tokens[3].address) is Resource.NET
    assert actors.deployment.resource_of(actors.world.admin) is None


def test_the_curve_of_the_world_is_the_plans(world: MarketWorld, customer: Account) -> None:
    book = CurveMarket(customer.deployment).book(Resource.NET)
    assert (book.curve.base, book.curve.steepness, book.inventory) == (4_000_000_000, STEEPNESS, STOCK)
