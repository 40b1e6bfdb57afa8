"""OrderBook and ResourceStaking against a plain Python model: random histories of six people on anvil.

The model is dictionaries and exact fractions: what people own, what they have offered and staked. Every rule predicts
its outcome, the exact error or the exact events; after each step everything that both contracts say is compared, and
what they hold with what they owe. Each example runs on a snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError
from web3.types import Wei

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, decode_error, events, send
from tests.property.book_model import (
    BUY,
    CAPACITY,
    DAY,
    HOUR,
    MAX,
    PAUSED,
    RATES,
    SELL,
    WHOLE,
    YEAR,
    Model,
    Offer,
    Stake,
)
from tests.support.contracts import artifact, deploy

NATIVE = "0x" + "00" * 20
PEOPLE, WEALTH = 6, 10**24

people = st.integers(0, PEOPLE - 1)
picks = st.integers(0, 2**32)
pauses = st.sampled_from([0, 0, 1, 600])
amounts = st.one_of(
    st.integers(0, 10**4), st.integers(10**15, 10**22), st.sampled_from([1, WHOLE, 10 * WHOLE, MAX, MAX + 1])
)
prices = st.one_of(st.integers(0, 10**6), st.integers(10**12, 10**17), st.sampled_from([1, 10**15, WHOLE, MAX + 1]))


@dataclass(frozen=True)
class World:
    """The contracts, and the state that every example starts from."""

    node: Anvil
    w3: Web3
    book: Contract
    staking: Contract
    registry: Contract
    tokens: list[Contract]  # by resource; the first two are listed in the book
    errors: list[Any]
    admin: str
    people: list[str]


class BookMachine(RuleBasedStateMachine):
    world: World

    # -----------------------------------------------------------------------------------------------------------------
    # Frame
    # -----------------------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.snapshot = self.world.node.rpc("evm_snapshot")
        self.now = int(self.world.w3.eth.get_block("latest")["timestamp"])
        self.people, self.book, self.staking = self.world.people, self.world.book, self.world.staking
        self.names = [token.address for token in self.world.tokens]
        self.model = Model(self.names)
        for who in self.people:
            for name in self.names:
                self.model.wallets[who, name] = WEALTH
        for resource in range(4):
            self.fund(0, resource, 1_000 * WHOLE)
        for side in (SELL, BUY):
            self.place(0, side, 0, 10 * WHOLE, 10**15 + 1, None, DAY, 0, 0)
        self.stake(0, 0, 7_200 * WHOLE, 30 * DAY, 0)

    def teardown(self) -> None:
        if not hasattr(self, "snapshot"):
            return
        try:
            self.everybody_has_what_the_model_says()
        finally:
            assert self.world.node.rpc("evm_revert", self.snapshot) is True

    def later(self, seconds: int) -> None:
        """Mine an empty block so much later; calls are made as of then."""
        if seconds:
            self.now += seconds
            self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
            self.world.node.rpc("evm_mine")

    def act(
        self,
        name: str,
        sender: str,
        function: ContractFunction,
        error: Outcome | None,
        *told: tuple[str, dict[str, object]],
        value: int = 0,
    ) -> bool:
        """Do it in this very second, and compare: this error, or exactly these events of the contract."""
        contract = self.book if function.address == self.book.address else self.staking
        if error is not None:
            outcome = self.refused(function, sender, value)
            assert outcome == error, f"{name}: the contract answers {outcome}, the model {error}"
            REACHED.add(error[0])
            return False
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        sent = function.transact({"from": sender, "gas": 1_000_000, "gasPrice": Wei(10**10), "value": Wei(value)})
        receipt = self.world.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        assert receipt["status"] == 1, f"{name}: the contract answers {self.refused(function, sender, value)}"
        logs = [log for log in receipt["logs"] if log["address"] == contract.address]
        assert events(contract, {"logs": logs}) == list(told), name
        REACHED.add(name)
        return True

    def pay(self, who: str, token: str, amount: int) -> None:
        """Into somebody's pocket, or out of it; native currency is compared by what the book holds."""
        if token != NATIVE:
            self.model.wallets[who, token] += amount

    # -----------------------------------------------------------------------------------------------------------------
    # Offers
    # -----------------------------------------------------------------------------------------------------------------

    @rule(
        who=people,
        side=st.sampled_from([SELL, BUY]),
        token=st.integers(0, 1),
        amount=amounts,
        price=prices,
        parts=st.sampled_from([0, 1, 1, 3, 100, None]),
        life=st.sampled_from([0, HOUR, DAY, DAY, 2**40]),
        extra=st.sampled_from([0, 0, 0, 0, 1]),
        pause=pauses,
    )
    def place(
        self,
        who: int,
        side: int,
        token: int,
        amount: int,
        price: int,
        parts: int | None,
        life: int,
        extra: int,
        pause: int,
    ) -> None:
        self.later(pause)
        maker, name = self.people[who], self.names[token]
        min_fill = 1 if parts is None else (amount // parts if parts else amount + 1)
        offer = Offer(maker, side, token, amount, price, min_fill, self.now + life)
        escrow = offer.value(amount) if side == BUY else 0
        offer.escrow = escrow
        if side == SELL and self.model.wallets[maker, name] < amount <= MAX:
            return
        value = min(escrow, 2**97) + extra
        error = self.model.no_place(self.now, offer, value)
        terms = {"side": side, "amount": amount, "price": price, "minFill": min_fill, "expiry": offer.expiry}
        told = ("OfferPlaced", {"id": self.model.offer_count + 1, "maker": maker, "token": name, **terms})
        function = self.book.functions.place(side, name, amount, price, min_fill, offer.expiry)
        if self.act("place a sell" if side == SELL else "place a buy", maker, function, error, told, value=value):
            self.model.offer_count += 1
            self.model.offers[self.model.offer_count] = offer
            if side == SELL:
                self.pay(maker, name, -amount)

    @rule(
        who=people,
        pick=picks,
        share=st.sampled_from([0, 1, 1, 2, 3, 10]),
        more=st.sampled_from([0, 0, 0, 0, 1]),
        swap=st.sampled_from([False] * 7 + [True]),
        greed=st.sampled_from([0, 0, 0, 0, 0, 1]),
        change=st.sampled_from([0, 0, 5, -1]),
        patience=st.sampled_from([0, 0, 0, 600, -1]),
        pause=pauses,
    )
    def fill(
        self, who: int, pick: int, share: int, more: int, swap: bool, greed: int, change: int, patience: int, pause: int
    ) -> None:
        self.later(pause)
        taker, number = self.people[who], self.number(pick, self.model.offer_count)
        offer = self.model.offers.get(number, Offer(NATIVE, SELL, 0, 0, 0, 0, 0))
        amount = (offer.remaining // share if share else 0) + more
        token = 1 - offer.token if swap else offer.token
        name, value = self.names[token], offer.value(amount)
        if offer.side == SELL:
            limit, sent = max(value - greed, 0), max(value + change, 0)
        else:
            limit, sent = value + greed, 1 if change > 0 else 0
        deadline = self.now + patience
        if offer.side == BUY and amount > self.model.wallets[taker, name]:
            return
        error = self.model.no_fill(self.now, number, offer, amount, token, value, limit, sent, deadline)
        rest = offer.remaining - amount
        told = ("OfferFilled", {"id": number, "taker": taker, "amount": amount, "value": value, "remaining": rest})
        function = self.book.functions.fill(number, name, amount, limit, deadline)
        called = "fill a sell" if offer.side == SELL else "fill a buy"
        if not self.act(called, taker, function, error, told, value=sent):
            return
        offer.remaining = rest
        self.pay(taker, name, amount if offer.side == SELL else -amount)
        self.model.credit(offer.maker, *((NATIVE, value) if offer.side == SELL else (name, amount)))
        if offer.side == BUY:
            offer.escrow -= value
        if rest == 0:
            self.model.credit(offer.maker, NATIVE, offer.escrow)
            REACHED.add("rounding") if offer.escrow else None
            del self.model.offers[number]

    @rule(who=people, pick=picks, own=st.booleans(), pause=pauses)
    def cancel(self, who: int, pick: int, own: bool, pause: int) -> None:
        self.later(pause)
        number = self.number(pick, self.model.offer_count)
        offer = self.model.offers.get(number)
        caller = offer.maker if offer and own else self.people[who]
        error: Outcome | None = None
        if offer is None:
            error = ("OrderBook_NoOffer", (number,))
        elif caller != offer.maker and self.now < offer.expiry:
            error = ("OrderBook_NotMaker", (caller, offer.maker))
        returned = 0 if offer is None else offer.remaining if offer.side == SELL else offer.escrow
        told = ("OfferCancelled", {"id": number, "caller": caller, "returned": returned})
        if self.act("cancel", caller, self.book.functions.cancel(number), error, told) and offer:
            self.model.credit(offer.maker, self.names[offer.token] if offer.side == SELL else NATIVE, returned)
            del self.model.offers[number]

    @rule(who=people, token=st.sampled_from([None, 0, 1]), to=people, pause=pauses)
    def withdraw(self, who: int, token: int | None, to: int, pause: int) -> None:
        self.later(pause)
        account, recipient = self.people[who], self.people[to]
        name = NATIVE if token is None else self.names[token]
        amount = self.model.balances.get((account, name), 0)
        error = None if amount else ("OrderBook_NothingToWithdraw", (account, name))
        told = ("Withdrawn", {"account": account, "token": name, "recipient": recipient, "amount": amount})
        if self.act("withdraw", account, self.book.functions.withdraw(name, recipient), error, told):
            del self.model.balances[account, name]
            self.pay(recipient, name, amount)

    @rule(token=st.integers(0, 1), listed=st.sampled_from([True, True, True, False]))
    def set_listed(self, token: int, listed: bool) -> None:
        told = ("ListedSet", {"token": self.names[token], "listed": listed})
        self.act("list", self.world.admin, self.book.functions.setListed(self.names[token], listed), None, told)
        self.model.listed[token] = listed

    @rule(which=st.sampled_from(["book", "staking"]), stopped=st.sampled_from([False] * 5 + [True]))
    def brake(self, which: str, stopped: bool) -> None:
        if self.model.stopped[which] == stopped:
            return
        f = (self.book if which == "book" else self.staking).functions
        event = ("Paused" if stopped else "Unpaused", {"account": self.world.admin})
        self.act("brake", self.world.admin, f.pauseContract() if stopped else f.unpauseContract(), None, event)
        self.model.stopped[which] = stopped

    # -----------------------------------------------------------------------------------------------------------------
    # Stakes
    # -----------------------------------------------------------------------------------------------------------------

    @rule(
        who=people,
        resource=st.integers(0, 3),
        amount=st.one_of(st.integers(0, 300), st.integers(10**18, 10**22), st.just(10**22)),
        term=st.one_of(
            st.integers(30 * DAY, YEAR), st.sampled_from([0, 30 * DAY - 1, 30 * DAY, 30 * DAY, YEAR, YEAR + 1])
        ),
        pause=pauses,
    )
    def stake(self, who: int, resource: int, amount: int, term: int, pause: int) -> None:
        self.later(pause)
        owner, name = self.people[who], self.names[resource]
        if amount > self.model.wallets[owner, name]:
            return
        reward = floor(Fraction(amount * RATES[resource] * term, 10_000 * YEAR))
        error: Outcome | None = None
        if self.model.stopped["staking"]:
            error = PAUSED
        elif amount == 0:
            error = ("ResourceStaking_BadAmount", (amount,))
        elif not 30 * DAY <= term <= YEAR:
            error = ("ResourceStaking_BadTerm", (term,))
        elif reward == 0:
            error = ("ResourceStaking_NoReward", (resource, amount, term))
        elif reward > self.model.budgets[resource]:
            error = ("ResourceStaking_BudgetExceeded", (resource, reward, self.model.budgets[resource]))
        number, maturity = self.model.stake_count + 1, self.now + term
        sums = {"principal": amount, "reward": reward, "maturity": maturity}
        told = ("Staked", {"positionId": number, "owner": owner, "resource": resource, **sums})
        if self.act("stake", owner, self.staking.functions.stake(resource, amount, term), error, told):
            self.model.stake_count = number
            self.model.stakes[number] = Stake(owner, resource, self.now, maturity, amount, reward)
            self.model.budgets[resource] -= reward
            self.pay(owner, name, -amount)

    @rule(who=people, pick=picks, to=people, own=st.sampled_from([True, True, True, False]), wait=st.booleans())
    def leave(self, who: int, pick: int, to: int, own: bool, wait: bool) -> None:
        """At maturity, waiting for it if wished; or before."""
        number = self.number(pick, self.model.stake_count)
        position = self.model.stakes.get(number)
        if position and wait:
            self.later(max(0, position.maturity - self.now))
        caller, recipient = position.owner if position and own else self.people[who], self.people[to]
        early = position is not None and self.now < position.maturity and pick % 4 != 0
        error = self.model.not_mine(number, caller)
        told: tuple[str, dict[str, object]] = ("", {})
        if position:
            paid = {"positionId": number, "recipient": recipient, "principal": position.principal}
            told = ("ExitedEarly", paid | {"forfeited": position.reward})
            if not early:
                told = ("Withdrawn", paid | {"reward": position.reward})
            if not error and not early and self.now < position.maturity:
                error = ("ResourceStaking_NotMature", (number, position.maturity))
            if not error and early and position.host:
                error = ("ResourceStaking_Guaranteeing", (number,))
        f = self.staking.functions
        function = f.exitEarly(number, recipient) if early else f.withdraw(number, recipient)
        if not self.act("exit early" if early else "withdraw a stake", caller, function, error, told) or not position:
            return
        if early:
            self.model.budgets[position.resource] += position.reward
        elif position.host:
            self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
            send(self.world.w3, self.world.registry.functions.clear(number), self.world.admin)
        self.pay(recipient, self.names[position.resource], position.principal + (0 if early else position.reward))
        del self.model.stakes[number]

    @rule(who=people, pick=picks)
    def exit_early_too_late(self, who: int, pick: int) -> None:
        """Nobody leaves its reward behind by mistake."""
        number = self.number(pick, self.model.stake_count)
        position = self.model.stakes.get(number)
        if position and self.now >= position.maturity:
            error = ("ResourceStaking_Mature", (number, position.maturity))
            function = self.staking.functions.exitEarly(number, position.owner)
            self.act("exit early", position.owner, function, error)

    @rule(
        who=people,
        pick=picks,
        host=st.integers(1, 2),
        share=st.sampled_from([0, 1, 1, 2, 2, 7]),
        more=st.sampled_from([0, 0, 0, 1]),
        own=st.sampled_from([True, True, True, False]),
    )
    def guarantee(self, who: int, pick: int, host: int, share: int, more: int, own: bool) -> None:
        number = self.number(pick, self.model.stake_count)
        position = self.model.stakes.get(number)
        caller = position.owner if position and own else self.people[who]
        error = self.model.not_mine(number, caller)
        backed = position.backed(self.now) if position else 0
        units = (backed // share if share else 0) + more
        if self.model.stopped["staking"]:
            error = PAUSED
        elif position and not error:
            available = CAPACITY - self.model.reserved(host, position.resource)
            if position.host:
                error = ("ResourceStaking_Guaranteeing", (number,))
            elif self.now >= position.maturity:
                error = ("ResourceStaking_Mature", (number, position.maturity))
            elif not 1 <= units <= backed:
                error = ("ResourceStaking_BadUnits", (number, units, backed))
            elif units > available:
                error = ("HostRegistry_CapacityExceeded", (host, position.resource, units, available))
        until = position.maturity if position else 0
        made = {"positionId": number, "hostId": host, "owner": caller, "units": units, "until": until}
        function = self.staking.functions.guarantee(number, host, units)
        if self.act("guarantee", caller, function, error, ("GuaranteeMade", made)) and position:
            position.host, position.units = host, units

    @rule(who=people, pick=picks, own=st.booleans())
    def release(self, who: int, pick: int, own: bool) -> None:
        number = self.number(pick, self.model.stake_count)
        position = self.model.stakes.get(number)
        caller = position.owner if position and own else self.people[who]
        error = None if position and self.now >= position.maturity else self.model.not_mine(number, caller)
        if position and not error and not position.host:
            error = ("ResourceStaking_NotGuaranteeing", (number,))
        told = ("GuaranteeReleased", {"positionId": number, "caller": caller})
        if self.act("release", caller, self.staking.functions.release(number), error, told) and position:
            position.host = position.units = 0

    @rule(who=people, resource=st.integers(0, 3), amount=st.sampled_from([1, WHOLE, 100 * WHOLE]))
    def fund(self, who: int, resource: int, amount: int) -> None:
        sender = self.people[who]
        if amount > self.model.wallets[sender, self.names[resource]]:
            return
        error = PAUSED if self.model.stopped["staking"] else None
        told = ("Funded", {"resource": resource, "from": sender, "amount": amount})
        if self.act("fund", sender, self.staking.functions.fund(resource, amount), error, told):
            self.model.budgets[resource] += amount
            self.pay(sender, self.names[resource], -amount)

    @rule(resource=st.integers(0, 3), share=st.sampled_from([1, 2, 5]), more=st.sampled_from([0, 0, 1]), to=people)
    def take_back(self, resource: int, share: int, more: int, to: int) -> None:
        free, recipient = self.model.budgets[resource], self.people[to]
        amount = free // share + more
        error = ("ResourceStaking_BudgetExceeded", (resource, amount, free)) if amount > free else None
        if amount == 0:
            error = ("ResourceStaking_BadAmount", (0,))
        told = ("BudgetTaken", {"resource": resource, "recipient": recipient, "amount": amount})
        function = self.staking.functions.takeBack(resource, amount, recipient)
        if self.act("take back", self.world.admin, function, error, told):
            self.model.budgets[resource] -= amount
            self.pay(recipient, self.names[resource], amount)

    # -----------------------------------------------------------------------------------------------------------------
    # What holds after every step
    # -----------------------------------------------------------------------------------------------------------------

    @invariant()
    def both_say_and_hold_what_the_model_does(self) -> None:
        if not hasattr(self, "model"):
            return
        STEPS.append(1)
        model, owed = self.model, dict.fromkeys([NATIVE, *self.names], 0)
        for number in range(max(1, model.offer_count - 3), model.offer_count + 1):
            self.compare_offer(number)
        for offer in model.offers.values():
            assert offer.remaining >= offer.min_fill
            owed[self.names[offer.token] if offer.side == SELL else NATIVE] += (
                offer.remaining if offer.side == SELL else offer.escrow
            )
        for (account, name), amount in model.balances.items():
            assert self.book.functions.balanceOf(account, name).call() == amount
            owed[name] += amount
        assert self.world.w3.eth.get_balance(self.book.address) == owed[NATIVE]
        for number in range(max(1, model.stake_count - 3), model.stake_count + 1):
            self.compare_stake(number)
        for resource, (token, name) in enumerate(zip(self.world.tokens, self.names, strict=True)):
            promised = sum(s.principal + s.reward for s in model.stakes.values() if s.resource == resource)
            assert self.staking.functions.owedOf(resource).call() == promised
            assert self.staking.functions.freeBudgetOf(resource).call() == model.budgets[resource]
            assert token.functions.balanceOf(self.book.address).call() == owed[name]
            assert token.functions.balanceOf(self.staking.address).call() == promised + model.budgets[resource]

    def everybody_has_what_the_model_says(self) -> None:
        """And nothing is lost or made; the registry keeps what guarantees reserve."""
        for resource, (token, name) in enumerate(zip(self.world.tokens, self.names, strict=True)):
            held = {who: token.functions.balanceOf(who).call() for who in self.people}
            assert held == {who: self.model.wallets[who, name] for who in self.people}
            kept = sum(token.functions.balanceOf(c.address).call() for c in (self.book, self.staking))
            assert sum(held.values()) + kept == PEOPLE * WEALTH
            for host in (1, 2):
                reserved = self.world.registry.functions.reservedOf(host, resource).call()
                assert reserved == self.model.reserved(host, resource) <= CAPACITY

    def compare_offer(self, number: int) -> None:
        offer, said = self.model.offers.get(number), self.book.functions.offerOf(number).call()
        if offer is None:
            assert tuple(said) == (0, 0, 0, 0, NATIVE, 0, NATIVE, 0)
            return
        first = (offer.remaining, offer.escrow, offer.expiry, offer.side)
        assert tuple(said) == (*first, offer.maker, offer.price, self.names[offer.token], offer.min_fill)
        if offer.side == BUY:
            assert offer.escrow >= offer.value(offer.remaining)

    def compare_stake(self, number: int) -> None:
        position, said = self.model.stakes.get(number), self.staking.functions.positionOf(number).call()
        if position is None:
            assert tuple(said) == (NATIVE, 0, 0, 0, False, 0, 0)
            return
        times = (position.start, position.maturity, bool(position.host))
        assert tuple(said) == (position.owner, position.resource, *times, position.principal, position.reward)
        assert self.staking.functions.backedBy(number).call() == position.backed(self.now)

    def number(self, pick: int, count: int) -> int:
        """Of one of the latest, mostly; sometimes of one that never was."""
        return count + 1 if pick % 16 == 7 else max(1, count - pick // 16 % 4)

    def refused(self, function: ContractFunction, sender: str, value: int) -> Outcome | None:
        """The custom error that this call ends in, the registry's included; None if it would go through."""
        try:
            function.call({"from": sender, "value": Wei(value)})
        except ContractCustomError as error:
            return decode_error(self.world.errors, str(error.data))
        return None


#: What was reached at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()
STEPS: list[int] = []

NAMES = [
    "brake",
    "cancel",
    "exit early",
    "fill a buy",
    "fill a sell",
    "fund",
    "guarantee",
    "list",
    "place a buy",
    "place a sell",
    "release",
    "rounding",
    "stake",
    "take back",
    "withdraw",
    "withdraw a stake",
]
ERRORS = [
    "EnforcedPause",
    "HostRegistry_CapacityExceeded",
    *(
        f"OrderBook_{reason}"
        for reason in (
            "BadExpiry",
            "BadTerms",
            "Expired",
            "FillTooSmall",
            "LeavesTooLittle",
            "LimitExceeded",
            "MoreThanRemains",
            "NoOffer",
            "NotListed",
            "NotMaker",
            "NothingToWithdraw",
            "OtherToken",
            "TooLarge",
            "TooLate",
            "WorthNothing",
            "WrongValue",
        )
    ),
    *(
        f"ResourceStaking_{reason}"
        for reason in (
            "BadAmount",
            "BadTerm",
            "BadUnits",
            "BudgetExceeded",
            "Guaranteeing",
            "Mature",
            "NoPosition",
            "NoReward",
            "NotGuaranteeing",
            "NotMature",
            "NotOwner",
        )
    ),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Both contracts on an anvil of their own, six people with 1,000,000 of each token, two tokens listed."""
    with Anvil(extra=("--accounts", str(PEOPLE + 1))) as node:
        w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        admin, *names = (str(account) for account in w3.eth.accounts)
        authority = deploy(w3, "OneRole", admin)
        tokens = [deploy(w3, "HostileToken") for _ in range(4)]
        registry = deploy(w3, "RegistryDouble", CAPACITY)
        book = deploy(w3, "OrderBook", authority.address, admin)
        addresses = [token.address for token in tokens]
        staking = deploy(w3, "ResourceStaking", authority.address, admin, registry.address, addresses)
        for who in names:
            node.rpc("anvil_setBalance", who, hex(2**110))
            for token in tokens:
                send(w3, token.functions.mint(who, WEALTH), admin)
                for spender in (book, staking):
                    send(w3, token.functions.approve(spender.address, 2**256 - 1), who)
        for token in tokens[:2]:
            send(w3, book.functions.setListed(token.address, True), admin)
        errors = [*book.abi, *staking.abi, *artifact("IHostRegistry")["abi"]]
        yield World(node, w3, book, staking, registry, tokens, errors, admin, names)


@pytest.fixture
def machine(world: World) -> type[BookMachine]:
    """The state machine over that world."""
    REACHED.clear()
    STEPS.clear()
    return type("Machine", (BookMachine,), {"world": world})


def test_every_rule_of_the_book_machine_can_succeed(machine: type[BookMachine]) -> None:
    """One history by hand, through the same rules and predictions, with every error."""
    walk = machine()
    walk.begin()

    def place(side: int = SELL, amount: int = WHOLE, price: int = 10**15 + 1, **changed: Any) -> None:
        walk.place(**{"who": 0, "token": 0, "parts": None, "life": DAY, "extra": 0, "pause": 0} | changed, **{
            "side": side, "amount": amount, "price": price,
        })  # fmt: skip

    def fill(share: int = 1, **changed: Any) -> None:
        usual = {"who": 1, "pick": 0, "more": 0, "swap": False, "greed": 0, "change": 0, "patience": 0, "pause": 0}
        walk.fill(**usual | changed, share=share)

    steps = [
        *(lambda side=side: place(side) for side in (BUY, SELL)),
        lambda: fill(2),
        lambda: fill(0),  # too small
        lambda: fill(1, more=1),
        lambda: fill(1, swap=True),
        lambda: fill(1, greed=1),
        lambda: fill(1, change=-1),
        lambda: fill(1, patience=-1),
        lambda: fill(1, pick=7),
        lambda: fill(1, change=5),
        *(lambda: fill(3, pick=16) for _ in range(2)),  # the buy, which leaves some wei
        lambda: fill(1, pick=16),
        lambda: place(parts=3),
        lambda: fill(1, pick=0, more=0, swap=True),
        lambda: walk.later(0),
        lambda: place(parts=0),
        lambda: place(life=0),
        lambda: place(BUY, MAX + 1),
        lambda: place(BUY, 1, 1),
        lambda: place(BUY, extra=1),
        lambda: place(parts=1),
        lambda: fill(2),  # too small for all or nothing
        lambda: place(parts=3, amount=5 * WHOLE),
        lambda: fill(2, more=WHOLE),
        lambda: walk.set_listed(0, False),
        lambda: place(),
        lambda: walk.set_listed(0, True),
        lambda: walk.brake("book", True),
        lambda: place(),
        lambda: walk.brake("book", False),
        lambda: walk.cancel(1, 0, False, 0),
        lambda: walk.cancel(1, 0, True, 0),
        lambda: walk.cancel(1, 0, True, 0),
        lambda: place(),
        lambda: fill(1, pause=DAY),
        *(lambda token=token: walk.withdraw(0, token, 2, 0) for token in (None, None, 0)),
        *(lambda term=term: walk.stake(0, 0, 7_200 * WHOLE, term, 0) for term in (30 * DAY, 0, YEAR)),
        lambda: walk.stake(0, 0, 0, YEAR, 0),
        lambda: walk.stake(0, 0, 1, YEAR, 0),
        lambda: walk.stake(1, 1, 10**24, YEAR, 0),
        lambda: walk.guarantee(0, 16, 1, 1, 1, True),  # one unit too many
        lambda: walk.guarantee(0, 16, 1, 1, 0, True),
        lambda: walk.guarantee(0, 16, 1, 1, 0, True),
        lambda: walk.guarantee(0, 0, 1, 1, 0, False),
        lambda: walk.guarantee(0, 0, 1, 1, 0, True),  # beyond what is left of the host
        lambda: walk.leave(1, 17, 2, False, False),
        lambda: walk.leave(0, 17, 2, True, False),
        lambda: walk.leave(0, 16, 2, True, False),
        lambda: walk.release(0, 16, True),
        lambda: walk.release(0, 16, True),
        lambda: walk.leave(0, 1, 2, True, False),
        lambda: walk.leave(0, 1, 2, True, False),
        lambda: walk.later(30 * DAY),
        lambda: walk.exit_early_too_late(0, 16),
        lambda: walk.leave(0, 16, 2, True, True),
        lambda: walk.take_back(0, 1, 1, 3),
        lambda: walk.take_back(0, 1, 0, 3),
    ]  # fmt: skip
    try:
        for step in steps:
            step()
            walk.both_say_and_hold_what_the_model_does()
    finally:
        walk.teardown()
    assert sorted({*NAMES, *ERRORS} - REACHED) == []


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(10, 25), pytest.param(100, 40, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_book_and_staking_behave_as_the_model(machine: type[BookMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"place a sell", "fill a sell", "stake", "cancel"} <= REACHED
    assert len(STEPS) > 10 * examples
