"""NovaToken and QuadraticVotes against a plain Python model: random histories of twelve accounts on anvil.

The model knows balances, verifications and who delegates to whom, nothing else; power, representatives and votes are
worked out from that anew whenever they are asked for. Every rule predicts its outcome, the exact error or the exact
events. After each step everything that the contract says of the present is compared, and at the end of an example
everything that it says of every past moment. Each example runs on a snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, events, refusal, send
from tests.support.contracts import artifact, deploy

ZERO = "0x" + "00" * 20
SEASON = 13 * 7 * 86_400
NOVA = 10**18
CAP = 10**10 * NOVA
MAX_DEPTH, REACH = 8, 3
UNANSWERED, ACCEPTED, REFUSED = range(3)
PEOPLE = 12
SIGNERS = 9  # of these anvil tells the keys
FIRST_SEASON = 280  # 2039, later than any block before it

people = st.integers(0, PEOPLE - 1)
signers = st.integers(0, SIGNERS - 1)
pauses = st.sampled_from([0, 0, 0, 1, 1_000])
amounts = st.one_of(st.integers(0, 10**13), st.integers(0, 10**24), st.sampled_from([0, 1, 10**12, NOVA, CAP]))
#: Which delegatee: often the neighbour, so that chains grow long.
targets = st.one_of(st.just(-1), st.just(-1), people)


@dataclass
class Holder:
    delegatee: str
    balance: int = 0
    last_season: int = 0  # of its verification
    open: bool = False
    nonce: int = 0

    @property
    def root(self) -> int:
        return isqrt(self.balance // 10**12)


@dataclass
class Model:
    """What NovaToken and QuadraticVotes promise, as dictionaries."""

    holders: dict[str, Holder]
    answers: dict[tuple[str, str], int] = field(default_factory=dict)  # (delegatee, delegator)
    gates: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    gate: int = 0

    def power(self, who: str, season: int) -> int:
        holder = self.holders[who]
        return holder.root if holder.last_season >= season else 0

    def way(self, who: str) -> list[str]:
        """`who` and everybody above, up to the representative."""
        way = [who]
        while self.holders[way[-1]].delegatee != way[-1]:
            way.append(self.holders[way[-1]].delegatee)
        return way

    def height(self, who: str) -> int:
        return max(self.way(other).index(who) for other in self.holders if who in self.way(other))

    def votes(self, season: int) -> dict[str, int]:
        votes = dict.fromkeys(self.holders, 0)
        for who in self.holders:
            votes[self.way(who)[-1]] += self.power(who, season)
        return votes

    def whole(self, who: str, season: int) -> int:
        """Power of `who` and of everybody below."""
        return sum(self.power(other, season) for other in self.holders if who in self.way(other))


@dataclass(frozen=True)
class Moment:
    """All that voting depended on when a second was over."""

    time: int
    holders: dict[str, tuple[int, int, str]]  # root, last season, representative

    def votes(self, time: int) -> tuple[list[int], int]:
        votes = dict.fromkeys(self.holders, 0)
        for root, last, representative in self.holders.values():
            votes[representative] += root if last >= time // SEASON else 0
        return list(votes.values()), sum(root for root, last, _ in self.holders.values() if last >= time // SEASON)


@dataclass(frozen=True)
class World:
    """The contracts, and the state that every example starts from."""

    node: Anvil
    w3: Web3
    nova: Contract
    votes: Contract
    gates: tuple[Contract, Contract]
    reader: Contract
    admin: str
    people: list[str]
    keys: dict[str, str]
    gas_price: int


class QuadraticVotesMachine(RuleBasedStateMachine):
    world: World

    # -----------------------------------------------------------------------------------------------------------------
    # Frame
    # -----------------------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.snapshot = self.world.node.rpc("evm_snapshot")
        self.now = int(self.world.w3.eth.get_block("latest")["timestamp"])
        self.people, self.f = self.world.people, self.world.votes.functions
        self.model = first_model(self.people)
        self.moments: list[Moment] = []
        self.remember()

    def teardown(self) -> None:
        if not hasattr(self, "snapshot"):
            return
        try:
            self.past_reads_as_the_model()
        finally:
            assert self.world.node.rpc("evm_revert", self.snapshot) is True

    @property
    def season(self) -> int:
        return self.now // SEASON

    def wait_until(self, time: int) -> None:
        """Mine an empty block at this time; calls are made as of then."""
        if time > self.now:
            self.world.node.rpc("evm_setNextBlockTimestamp", time)
            self.world.node.rpc("evm_mine")
            self.now = time

    def act(
        self, name: str, sender: str, function: ContractFunction, error: Outcome | None, *expected: tuple[str, dict]
    ) -> bool:
        """Do it in this very second, and compare: this error, or exactly these events of the votes contract."""
        if error is not None:
            outcome = refusal(function, sender)
            assert outcome == error, f"{name}: the contract answers {outcome}, the model {error}"
            REACHED.add(error[0])
            return False
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        sent = function.transact({"from": sender, "gas": 3_000_000, "gasPrice": self.world.gas_price})
        receipt = self.world.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        assert receipt["status"] == 1, f"{name}: the contract answers {refusal(function, sender)}"
        logs = [log for log in receipt["logs"] if log["address"] == self.world.votes.address]
        assert events(self.world.votes, {"logs": logs}) == list(expected), name
        REACHED.add(name)
        return True

    def remember(self) -> None:
        """What is so when the second is over is what the past will know of it."""
        if self.moments and self.moments[-1].time == self.now:
            self.moments.pop()
        holders = {
            who: (holder.root, holder.last_season, self.model.way(who)[-1])
            for who, holder in self.model.holders.items()
        }
        self.moments.append(Moment(self.now, holders))

    # -----------------------------------------------------------------------------------------------------------------
    # Time and tokens
    # -----------------------------------------------------------------------------------------------------------------

    @rule(seasons=st.sampled_from([0, 0, 0, 0, 1, 2, 4]), offset=st.sampled_from([-1, 0, 1]))
    def wait_for_the_end_of_a_season(self, seasons: int, offset: int) -> None:
        self.wait_until((self.season + 1 + seasons) * SEASON + offset)

    @rule(source=people, to=people, amount=st.one_of(st.none(), amounts), pause=pauses)
    def transfer(self, source: int, to: int, amount: int | None, pause: int) -> None:
        self.wait_until(self.now + pause)
        sender, receiver = self.people[source], self.people[to]
        holders = self.model.holders
        value = holders[sender].balance if amount is None else min(amount, holders[sender].balance)
        changes = [] if sender == receiver else [(sender, -value), (receiver, value)]
        told = self.balances_change(changes)
        self.act("transfer", sender, self.world.nova.functions.transfer(receiver, value), None, *told)

    @rule(to=people, amount=amounts, pause=pauses)
    def mint(self, to: int, amount: int, pause: int) -> None:
        self.wait_until(self.now + pause)
        receiver = self.people[to]
        amount = min(amount, CAP - sum(holder.balance for holder in self.model.holders.values()))
        told = self.balances_change([(receiver, amount)])
        self.act("mint", self.world.admin, self.world.nova.functions.mint(receiver, amount), None, *told)

    def balances_change(self, changes: list[tuple[str, int]]) -> list[tuple[str, dict]]:
        told = []
        for who, change in changes:
            before, power = self.model.votes(self.season), self.model.power(who, self.season)
            self.model.holders[who].balance += change
            if self.model.power(who, self.season) != power:
                top = self.model.way(who)[-1]
                told.append(votes_changed(top, before[top], self.model.votes(self.season)[top]))
        return told

    # -----------------------------------------------------------------------------------------------------------------
    # Verification
    # -----------------------------------------------------------------------------------------------------------------

    @rule(
        who=people,
        ahead=st.sampled_from([None, 0, 1, 2, 3, 3, 4, 9]),
        extra=st.sampled_from([0, 0, -1, 1]),
        heard=st.sampled_from([True, True, True, False]),
        pause=pauses,
    )
    def verify(self, who: int, ahead: int | None, extra: int, heard: bool, pause: int) -> None:
        """The gate says until when; the votes contract hears of it now or later, and counts whole seasons."""
        self.wait_until(self.now + pause)
        account = self.people[who]
        until = 0 if ahead is None else (self.season + 1 + ahead) * SEASON + extra
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        send(self.world.w3, self.world.gates[self.model.gate].functions.set(account, until), account)
        self.model.gates[self.model.gate][account] = until
        if heard:
            self.sync(who, [], 0)

    @rule(who=people, more=st.lists(people, max_size=4), pause=pauses)
    def sync(self, who: int, more: list[int], pause: int) -> None:
        self.wait_until(self.now + pause)
        accounts = [self.people[i] for i in [who, *more]]
        function = self.f.syncMany(accounts) if more else self.f.sync(accounts[0])
        answer = None if more else function.call()
        told = [event for account in accounts for event in self.synced(account)]
        assert answer in (None, bool(told))
        self.act("sync many" if more else "sync", self.people[who], function, None, *told)

    def synced(self, who: str) -> list[tuple[str, dict]]:
        holder, season = self.model.holders[who], self.season
        until = self.model.gates[self.model.gate].get(who, 0)
        whole = [last for last in range(season, season + REACH + 1) if (last + 1) * SEASON <= until]
        last = whole[-1] if whole else 0
        if last == (holder.last_season if holder.last_season >= season else 0):
            return []
        top, before = self.model.way(who)[-1], self.model.votes(season)
        holder.last_season = last
        told = [votes_changed(top, before[top], self.model.votes(season)[top])] if holder.root else []
        return [*told, ("VerificationSynced", {"account": who, "verifiedUntil": (last + 1) * SEASON if last else 0})]

    @rule(who=people, stranger=st.booleans(), pause=pauses)
    def swap_gate(self, who: int, stranger: bool, pause: int) -> None:
        self.wait_until(self.now + pause)
        sender = self.people[who] if stranger else self.world.admin
        gate = self.world.gates[1 - self.model.gate].address
        error = ("AccessManagedUnauthorized", (sender,)) if stranger else None
        if self.act("swap gate", sender, self.f.setGate(gate), error, ("GateSet", {"gate": gate})):
            self.model.gate = 1 - self.model.gate

    # -----------------------------------------------------------------------------------------------------------------
    # Delegation
    # -----------------------------------------------------------------------------------------------------------------

    @rule(who=people, other=people, accepted=st.booleans(), pause=pauses)
    def answer(self, who: int, other: int, accepted: bool, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegatee, delegator = self.people[who], self.people[other]
        said = ACCEPTED if accepted else REFUSED
        told = answered(delegatee, delegator, said)
        self.act("answer", delegatee, self.f.acceptDelegator(delegator, accepted), None, told)
        self.model.answers[delegatee, delegator] = said
        assert self.f.acceptanceOf(delegatee, delegator).call() == said

    @rule(who=people, is_open=st.sampled_from([True, True, False]), pause=pauses)
    def set_open(self, who: int, is_open: bool, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegatee = self.people[who]
        told = ("OpenSet", {"delegatee": delegatee, "open": is_open})
        self.act("set open", delegatee, self.f.setOpen(is_open), None, told)
        self.model.holders[delegatee].open = is_open

    @rule(who=people, to=targets, pause=pauses)
    def delegate(self, who: int, to: int, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegator, delegatee = self.people[who], self.people[(who + 1) % PEOPLE if to < 0 else to]
        error = self.not_possible(delegator, delegatee)
        told = [] if error else self.delegated(delegator, delegatee)
        self.act("delegate", delegator, self.f.delegate(delegatee), error, *told)

    @rule(who=people, zero=st.booleans(), pause=pauses)
    def take_back(self, who: int, zero: bool, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegator = self.people[who]
        told = self.delegated(delegator, delegator)
        self.act("take back", delegator, self.f.delegate(ZERO if zero else delegator), None, *told)

    @rule(
        who=signers,
        to=targets,
        damage=st.sampled_from(["none", "none", "none", "replay", "nonce", "expired", "chain", "contract"]),
        relayer=people,
        pause=pauses,
    )
    def delegate_by_signature(self, who: int, to: int, damage: str, relayer: int, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegator, delegatee = self.people[who], self.people[(who + 1) % PEOPLE if to < 0 else to]
        nonce = self.model.holders[delegator].nonce + {"replay": -1, "nonce": 1}.get(damage, 0)
        if nonce < 0:
            return
        message = {"delegatee": delegatee, "nonce": nonce, "expiry": self.now - (damage == "expired")}
        signed = Account.sign_message(
            self.delegation(message, **({damage: True} if damage in ("chain", "contract") else {})),
            self.world.keys[delegator],
        )
        function = self.f.delegateBySig(*message.values(), signed.v, f"0x{signed.r:064x}", f"0x{signed.s:064x}")
        recovered = Account.recover_message(self.delegation(message), signature=signed.signature)
        error: Outcome | None
        if damage == "expired":
            error = ("VotesExpiredSignature", (message["expiry"],))
        elif damage in ("replay", "nonce"):
            error = ("InvalidAccountNonce", (delegator, self.model.holders[delegator].nonce))
        elif damage in ("chain", "contract"):
            # Somebody else's signature, of whom nobody has heard: an open account would take even that.
            if self.model.holders[delegatee].open and nonce == 0:
                return
            unheard = ("QuadraticVotes_NotAccepted", (recovered, delegatee))
            error = unheard if nonce == 0 else ("InvalidAccountNonce", (recovered, 0))
            assert recovered != delegator
        else:
            error = self.not_possible(delegator, delegatee)
            assert recovered == delegator
        told = [] if error else self.delegated(delegator, delegatee)
        if self.act("delegate by signature", self.people[relayer], function, error, *told):
            self.model.holders[delegator].nonce += 1

    def delegation(self, message: dict[str, Any], chain: bool = False, contract: bool = False) -> Any:
        """The EIP-712 message; made for another chain or contract if wished."""
        domain = {
            "name": "NovaCron Quadratic Votes",
            "version": "1",
            "chainId": self.world.node.chain_id + chain,
            "verifyingContract": self.world.nova.address if contract else self.world.votes.address,
        }
        kinds = {"delegatee": "address", "nonce": "uint256", "expiry": "uint256"}
        types = {"Delegation": [{"name": name, "type": kind} for name, kind in kinds.items()]}
        return encode_typed_data(domain, types, message)

    @rule(who=people, caller=targets, pause=pauses)
    def release(self, who: int, caller: int, pause: int) -> None:
        self.wait_until(self.now + pause)
        delegator = self.people[who]
        delegatee = self.model.holders[delegator].delegatee if caller < 0 else self.people[caller]
        error: Outcome | None = None
        if delegatee == delegator or self.model.holders[delegator].delegatee != delegatee:
            error = ("QuadraticVotes_NotDelegator", (delegator, delegatee))
        told = [] if error else [answered(delegatee, delegator, REFUSED), *self.delegated(delegator, delegator)]
        if self.act("release", delegatee, self.f.release(delegator), error, *told):
            self.model.answers[delegatee, delegator] = REFUSED

    def not_possible(self, delegator: str, delegatee: str) -> Outcome | None:
        said = self.model.answers.get((delegatee, delegator), UNANSWERED)
        way = self.model.way(delegatee)
        depth = self.model.height(delegator) + len(way)
        if delegator == delegatee:
            return None
        if said == REFUSED or (said == UNANSWERED and not self.model.holders[delegatee].open):
            return "QuadraticVotes_NotAccepted", (delegator, delegatee)
        if delegator in way:
            return "QuadraticVotes_Cycle", (delegator, delegatee)
        if depth > MAX_DEPTH:
            return "QuadraticVotes_TooDeep", (delegator, delegatee, depth, MAX_DEPTH)
        return None

    def delegated(self, delegator: str, delegatee: str) -> list[tuple[str, dict]]:
        holder, season = self.model.holders[delegator], self.season
        told = [
            ("DelegateChanged", {"delegator": delegator, "fromDelegate": holder.delegatee, "toDelegate": delegatee})
        ]
        if holder.delegatee == delegatee:
            return told
        whole, votes, old = self.model.whole(delegator, season), self.model.votes(season), self.model.way(delegator)[-1]
        holder.delegatee = delegatee
        new = self.model.way(delegator)[-1]
        if whole:
            told.append(votes_changed(old, votes[old], votes[old] - whole))
            votes[old] -= whole
            told.append(votes_changed(new, votes[new], votes[new] + whole))
        return told

    # -----------------------------------------------------------------------------------------------------------------
    # What holds after every step
    # -----------------------------------------------------------------------------------------------------------------

    @invariant()
    def present_reads_as_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        self.remember()
        STEPS.append(1)
        readings, total = self.world.reader.functions.read(self.world.votes.address, self.people).call()
        votes = self.model.votes(self.season)
        for who, reading in zip(self.people, readings, strict=True):
            holder, way = self.model.holders[who], self.model.way(who)
            power, until = self.model.power(who, self.season), (holder.last_season + 1) * SEASON
            expected = (votes[who], power, len(way) - 1, self.model.height(who), way[-1], holder.delegatee)
            assert tuple(reading) == (*expected, until if until > self.now else 0, holder.open)
            DEPTHS.add(len(way) - 1)
        assert total == sum(votes.values()) == sum(self.model.power(who, self.season) for who in self.people)

    def past_reads_as_the_model(self) -> None:
        """Every second in which something changed, the last one before the next change, and every end of a season."""
        end = self.now + 5 * SEASON
        self.wait_until(end)
        expected: dict[int, tuple[list[int], int]] = {self.moments[0].time - 1: ([0] * PEOPLE, -1)}
        following = [moment.time for moment in self.moments[1:]] + [end]
        for moment, until in zip(self.moments, following, strict=True):
            ends = [s * SEASON for s in range(moment.time // SEASON + 1, moment.time // SEASON + 6)]
            for time in (moment.time, moment.time + 1, until - 1, *ends, *(e - 1 for e in ends)):
                if moment.time <= time < until:
                    expected[time] = moment.votes(time)
        times = sorted(expected)[1:]
        past = self.world.reader.functions.readPast(self.world.votes.address, self.people, times).call()
        for time, (*votes, total) in zip(times, past, strict=True):
            assert (votes, total) == expected[time], f"at {time}"
            assert sum(votes) == total, f"at {time}, over voters and over verified holders"
        for function in (self.f.getPastVotes(self.people[0], end), self.f.getPastTotalSupply(end)):
            assert refusal(function, self.people[0]) == ("QuadraticVotes_FutureLookup", (end, end))


def votes_changed(who: str, before: int, afterwards: int) -> tuple[str, dict]:
    return "DelegateVotesChanged", {"delegate": who, "previousVotes": before, "newVotes": afterwards}


def answered(delegatee: str, delegator: str, answer: int) -> tuple[str, dict]:
    return "DelegatorAnswered", {"delegatee": delegatee, "delegator": delegator, "answer": answer}


def first_model(names: list[str]) -> Model:
    """Twelve holders of different balances, verified for 0 to 3 seasons more, two of three open."""
    holders = {
        who: Holder(who, balance=(i + 1) ** 2 * 10_000 * NOVA, last_season=FIRST_SEASON + i % 4, open=i % 3 != 0)
        for i, who in enumerate(names)
    }
    until = {who: (holder.last_season + 1) * SEASON for who, holder in holders.items()}
    return Model(holders, gates=(until, {}))


#: What was reached at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()
DEPTHS: set[int] = set()
STEPS: list[int] = []

NAMES = [
    "answer",
    "delegate",
    "delegate by signature",
    "mint",
    "release",
    "set open",
    "swap gate",
    "sync",
    "sync many",
    "take back",
    "transfer",
]
ERRORS = [
    "AccessManagedUnauthorized",
    "InvalidAccountNonce",
    "QuadraticVotes_Cycle",
    "QuadraticVotes_NotAccepted",
    "QuadraticVotes_NotDelegator",
    "QuadraticVotes_TooDeep",
    "VotesExpiredSignature",
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The contracts on an anvil of their own, with `first_model` in them."""
    with Anvil(extra=("--accounts", str(PEOPLE + 1), "--gas-limit", "9000000000000000")) as node:
        w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        admin, *names = (str(account) for account in w3.eth.accounts)
        model = first_model(names)
        node.rpc("evm_setNextBlockTimestamp", FIRST_SEASON * SEASON + 86_400)
        authority = deploy(w3, "Authority", admin)
        genesis = [(who, holder.balance) for who, holder in model.holders.items()]
        nova = deploy(w3, "NovaToken", authority.address, genesis)
        votes = w3.eth.contract(address=nova.functions.quadraticVotes().call(), abi=artifact("QuadraticVotes")["abi"])
        gates = deploy(w3, "GateHarness"), deploy(w3, "GateHarness")
        send(w3, votes.functions.setGate(gates[0].address), admin)
        for who, holder in model.holders.items():
            send(w3, gates[0].functions.set(who, model.gates[0][who]), admin)
            if holder.open:
                send(w3, votes.functions.setOpen(True), who)
        send(w3, votes.functions.syncMany(names), admin)
        reader = deploy(w3, "VotesReader")
        yield World(node, w3, nova, votes, gates, reader, admin, names, dict(node.accounts), 10**10)


@pytest.fixture
def machine(world: World) -> type[QuadraticVotesMachine]:
    """The state machine over that world."""
    for reached in (REACHED, DEPTHS, STEPS):
        reached.clear()
    return type("Machine", (QuadraticVotesMachine,), {"world": world})


def test_every_rule_of_the_votes_machine_can_succeed(machine: type[QuadraticVotesMachine]) -> None:
    """One history by hand, through the same rules and predictions, with every error and a chain of eight."""
    walk = machine()
    walk.begin()
    steps = [
        lambda: walk.transfer(0, 1, 5 * NOVA, 0),
        lambda: walk.mint(2, NOVA, 1),
        lambda: walk.verify(3, None, 0, True, 0),
        lambda: walk.verify(3, 9, 0, True, 0),
        lambda: walk.verify(4, 1, -1, True, 1),
        lambda: walk.swap_gate(0, True, 0),
        lambda: walk.swap_gate(0, False, 0),
        lambda: walk.sync(5, [6, 5], 0),
        lambda: walk.swap_gate(0, False, 0),
        lambda: walk.sync(5, [], 0),
        lambda: walk.delegate(5, 0, 0),  # not accepted
        *(lambda i=i: walk.set_open(i, True, 0) for i in range(PEOPLE)),
        *(lambda i=i: walk.delegate(i, -1, 0) for i in range(8)),
        lambda: walk.delegate(8, -1, 0),  # too deep
        lambda: walk.delegate(8, 0, 0),  # a cycle
        lambda: walk.transfer(0, 8, None, 1),
        lambda: walk.wait_for_the_end_of_a_season(0, -1),
        lambda: walk.transfer(8, 0, NOVA, 0),
        lambda: walk.wait_for_the_end_of_a_season(0, 0),
        lambda: walk.answer(9, 2, False, 0),
        lambda: walk.delegate(2, 9, 0),  # refused, though open
        lambda: walk.answer(9, 2, True, 0),
        *(
            lambda damage=damage: walk.delegate_by_signature(2, 9, damage, 11, 0)
            for damage in ("replay", "nonce", "expired", "none", "replay", "chain", "contract")
        ),
        lambda: walk.release(2, 0, 0),  # by another
        lambda: walk.release(2, -1, 0),
        lambda: walk.take_back(4, True, 1_000),
        lambda: walk.wait_for_the_end_of_a_season(4, 1),
        lambda: walk.sync(9, [], 0),
        lambda: walk.delegate(9, -1, 0),
    ]
    try:
        for step in steps:
            step()
            walk.present_reads_as_the_model()
    finally:
        walk.teardown()
    assert sorted(REACHED) == sorted([*NAMES, *ERRORS])
    assert set(range(MAX_DEPTH + 1)) == DEPTHS


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(10, 30), pytest.param(100, 40, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_quadratic_votes_behave_as_the_model(machine: type[QuadraticVotesMachine], examples: int, steps: int) -> None:
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
    assert {"answer", "delegate", "transfer", "sync", "QuadraticVotes_NotAccepted"} <= REACHED
    assert len(STEPS) > 10 * examples
