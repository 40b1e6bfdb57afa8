"""VMLifecycle against a plain Python model: random histories of three VMs and two hosts' agents on anvil.

The model knows states from novacron/compute/states.py, seconds from a clock of each host, and money as exact fractions
rounded where the contract promises to. Every rule predicts whether its call holds; after each step everything that the
contract says of the VMs, the balances and the hosts is compared. Each example runs on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from novacron.chain.anvil import Anvil
from novacron.compute.state_words import State
from novacron.compute.states import (
    COMMANDS,
    DEADLINES,
    IDLE_GRACE,
    RESTING,
    USING,
    Command,
    Situation,
    Who,
    may_run,
    outcome,
)
from tests.support.compute import HOUR, RECORD, SMALL, TIMEOUT, US, ComputeWorld

VMS = 3
HOSTS = (1, 2, 3)
UNIT = 10**18
PLAIN = {(c.function, c.case): c for c in COMMANDS}
REACHED: set[str] = set()

vms = st.integers(0, VMS - 1)
customers = st.sampled_from(["start", "start", "stop", "pause", "resume", "terminate", "cancelMigration"])
durations = st.sampled_from([1, 20, 200, TIMEOUT, TIMEOUT + 1, 15 * 60, HOUR, 5 * HOUR, 24 * HOUR])


def held(units: int, seconds: int) -> int:
    """Tokens for seconds, rounded up."""
    return -(-units * UNIT * seconds // 3_600_000)


def paid(units: int, seconds: int) -> int:
    """Tokens for seconds, rounded down."""
    return units * UNIT * seconds // 3_600_000


@dataclass
class Host:
    last: int
    alive: int = 0

    def clock(self, now: int) -> int:
        return self.alive + min(now - self.last, TIMEOUT)

    def beat(self, now: int) -> None:
        self.alive, self.last = self.clock(now), now


@dataclass
class Lease:
    situation: Situation
    funded: int
    entered: int
    host: int = 1
    target: int = 0
    epoch: int = 1
    since: int = 0
    used: int = 0
    settled: int = 0
    released: bool = False
    holding: bool = True
    approvals: set[int] = field(default_factory=set)

    @property
    def deadline(self) -> int:
        limit = DEADLINES.get(self.situation.state)
        return 0 if limit is None else self.entered + limit


class VMMachine(RuleBasedStateMachine):
    """One example: three VMs on host 1 and a history of commands."""

    world: ComputeWorld

    @initialize()
    def begin(self) -> None:
        world = self.world
        self.snapshot, self.start = world.node.rpc("evm_snapshot"), world.time
        self.hosts: dict[int, Host] = {}
        for number in HOSTS:
            world.beat(number)
            self.hosts[number] = Host(world.time, world.registry.functions.clockOf(number).call())
        self.leases: list[Lease] = []
        self.numbers: list[int] = []
        self.balances = {who: [self._balance(who, i) for i in range(4)] for who in self._people()}
        for _ in range(VMS):
            self.numbers.append(world.create(6 * HOUR))
            self.leases.append(Lease(Situation(State.STOPPED), 6 * HOUR, world.time))
            self._credit(world.customer, [-held(u, 6 * HOUR) for u in SMALL])

    def teardown(self) -> None:
        """Every history ends with every lease: each gives back what it has not used."""
        if not hasattr(self, "snapshot"):
            return
        try:
            for index in range(len(self.leases)):
                self.command(index, "terminate")
            self.contract_is_the_model()
        finally:
            assert self.world.node.rpc("evm_revert", self.snapshot) is True
            self.world.time = self.start

    def _people(self) -> tuple[str, ...]:
        return (self.world.customer, self.world.provider, self.world.rival)

    def _balance(self, who: str, resource: int) -> int:
        return int(self.world.lifecycle.functions.balanceOf(who, resource).call())

    def _credit(self, who: str, amounts: list[int]) -> None:
        self.balances[who] = [a + b for a, b in zip(self.balances[who], amounts, strict=True)]

    # ------------------------------------------------------------------------------------------------------------
    # The model
    # ------------------------------------------------------------------------------------------------------------

    def _accrue(self, lease: Lease, now: int) -> None:
        if lease.situation in USING:
            clock = self.hosts[lease.host].clock(now)
            lease.used = min(lease.funded, lease.used + clock - lease.since)
            lease.since = clock

    def _pay(self, lease: Lease) -> None:
        provider = self.world.rival if lease.host == 3 else self.world.provider
        self._credit(provider, [paid(u, lease.used) - paid(u, lease.settled) for u in SMALL])
        lease.settled = lease.used

    def _enter(self, lease: Lease, to: Situation, now: int) -> None:
        if to.origin is None:
            lease.target, lease.released = 0, False
        lease.situation, lease.entered = to, now
        lease.epoch += 1
        lease.approvals = set()

    def _end(self, lease: Lease, now: int) -> None:
        self._accrue(lease, now)
        self._pay(lease)
        self._credit(self.world.customer, [held(u, lease.funded) - paid(u, lease.used) for u in SMALL])
        lease.funded, lease.holding = lease.used, False
        self._enter(lease, Situation(State.TERMINATED), now)

    def _expects(self, lease: Lease, command: Command, now: int) -> Situation | None:
        """Where the command leads at `now`; None if it is refused. Accrues."""
        to = outcome(command, lease.situation)
        if to is None:
            return None
        state = lease.situation.state
        is_agents = command.who in (Who.AGENT, Who.TARGET, Who.EITHER_AGENT)
        if is_agents and lease.deadline and now >= lease.deadline:
            return None
        if command.function == "acknowledgeRelease" and lease.released:
            return None
        is_ready = lease.released or lease.situation.origin is State.FAILED
        if command.function == "acknowledgeMigration" and not is_ready:
            return None
        if command.function in ("start", "resume") and lease.used >= lease.funded:
            return None
        if command.function.startswith("migrate") and state is State.RUNNING:
            clock = self.hosts[lease.host].clock(now)
            if lease.used + clock - lease.since >= lease.funded:
                return None
        if command.function == "reclaim" and (not lease.holding or now < lease.entered + IDLE_GRACE):
            return None
        if command.function == "evict" and now < lease.deadline:
            return None
        return to

    def _send(self, index: int, name: str, sender: str, *arguments: object) -> bool:
        """Send at the next second; whether it held."""
        world = self.world
        function = world.command(name, self.numbers[index], *arguments)
        try:
            world.send(function, sender)
        except RuntimeError:
            return False
        REACHED.add(name)
        return True

    # ------------------------------------------------------------------------------------------------------------
    # Rules
    # ------------------------------------------------------------------------------------------------------------

    @rule(seconds=durations, beats=st.sets(st.sampled_from(HOSTS)))
    def wait(self, seconds: int, beats: set[int]) -> None:
        self.world.wait(seconds)
        for number in sorted(beats):
            self.world.beat(number)
            self.hosts[number].beat(self.world.time)

    @rule(
        index=vms, name=st.sampled_from(["start", "start", "stop", "pause", "resume", "terminate", "cancelMigration"])
    )
    def command(self, index: int, name: str) -> None:
        lease, now = self.leases[index], self.world.time + 1
        to = self._expects(lease, PLAIN[name, ""], now)
        assert self._send(index, name, self.world.customer) == (to is not None), (name, lease)
        if to is None:
            return
        if name == "terminate":
            self._end(lease, now)
            return
        if name == "start":
            lease.holding = True
        if to.state is not State.RUNNING:  # a request taken back leaves it running
            self._accrue(lease, now)
        self._enter(lease, to, now)

    @rule(index=vms)
    def run_up(self, index: int) -> None:
        """Two steps at once, so that most histories have something that runs."""
        self.command(index, "start")
        self.answer(index, PLAIN["acknowledgeStart", ""], False)

    @rule(index=vms)
    def lapse(self, index: int) -> None:
        """Nobody does anything until its time is over."""
        self.wait(max(TIMEOUT + 1, min(self.leases[index].deadline - self.world.time, 24 * HOUR)), set())
        self.expire(index)

    @rule(index=vms)
    def move(self, index: int) -> None:
        """The steps of a migration, as far as each holds."""
        self.migrate(index, True)
        self.approve(index, 0)
        self.approve(index, 1)
        self.answer(index, PLAIN["acknowledgeRelease", ""], False)
        self.answer(index, PLAIN["acknowledgeMigration", "released, or not needed"], True)

    @rule(index=vms, abroad=st.booleans())
    def migrate(self, index: int, abroad: bool) -> None:
        lease, now = self.leases[index], self.world.time + 1
        name, case, target = ("migrateVM", "another region", 2) if abroad else ("migrateToHost", "the same region", 3)
        if lease.host != 1:
            return  # elsewhere the target differs; one way is enough
        to = self._expects(lease, PLAIN[name, case], now)
        held_ = self._send(index, name, self.world.customer, US if abroad else target)
        assert held_ == (to is not None), (name, lease)
        if to is not None:
            self._accrue(lease, now)
            self._enter(lease, to, now)
            lease.target = target

    @rule(index=vms, who=st.integers(0, 2))
    def approve(self, index: int, who: int) -> None:
        lease, now = self.leases[index], self.world.time + 1
        may = lease.situation.state is State.MIGRATION_PENDING and now < lease.deadline and who not in lease.approvals
        if may and len(lease.approvals) == 1 and lease.situation in USING:
            clock = self.hosts[lease.host].clock(now)
            may = lease.used + clock - lease.since < lease.funded
        function = self.world.approval(self.numbers[index])
        try:
            self.world.send(function, self.world.approvers[who])
            done = True
        except RuntimeError:
            done = False
        assert done == may, lease
        if not may:
            return
        REACHED.add("approveMigration")
        lease.approvals.add(who)
        if len(lease.approvals) == 2:
            self._accrue(lease, now)
            target = lease.target
            self._enter(lease, Situation(State.MIGRATING, lease.situation.origin), now)
            lease.target = target

    @rule(
        index=vms,
        command=st.sampled_from([c for c in COMMANDS if c.who in (Who.AGENT, Who.TARGET, Who.EITHER_AGENT)]),
        by_target=st.booleans(),
    )
    def answer(self, index: int, command: Command, by_target: bool) -> None:
        lease, now = self.leases[index], self.world.time + 1
        by = lease.target if by_target and lease.target else lease.host
        to = self._expects(lease, command, now)
        if (command.who is Who.TARGET) == (by == lease.host) and command.who is not Who.EITHER_AGENT:
            to = None
        arguments = (RECORD,) if command.function == "acknowledgeRelease" else ()
        held_ = self._send(index, command.function, self.world.agents[by - 1], *arguments)
        assert held_ == (to is not None), (command.function, lease)
        if to is None:
            return
        self._accrue(lease, now)
        self.hosts[by].beat(now)
        if command.function == "acknowledgeRelease":
            lease.released = True
            return
        if command.function == "acknowledgeMigration":
            self._pay(lease)
            lease.host, lease.holding = lease.target, True
        if to.state is State.RUNNING and command.function != "abortMigration":
            lease.since = self.hosts[lease.host].clock(now)
        self._enter(lease, to, now)

    @rule(index=vms, seconds=st.sampled_from([1, HOUR]))
    def top_up(self, index: int, seconds: int) -> None:
        lease, now = self.leases[index], self.world.time + 1
        may = lease.situation.state is not State.TERMINATED
        assert self._send(index, "topUp", self.world.customer, seconds) == may
        if not may:
            return
        self._accrue(lease, now)
        if lease.situation in USING and lease.used == lease.funded:
            self._enter(lease, Situation(State.SUSPENDED), now)
        self._credit(self.world.customer, [held(u, lease.funded) - held(u, lease.funded + seconds) for u in SMALL])
        lease.funded += seconds

    @rule(index=vms)
    def settle(self, index: int) -> None:
        assert self._send(index, "settle", self.world.stranger)
        self._accrue(self.leases[index], self.world.time)
        self._pay(self.leases[index])

    @rule(index=vms)
    def expire(self, index: int) -> None:
        lease, now = self.leases[index], self.world.time + 1
        to = None
        if lease.situation in USING:
            clock, host = self.hosts[lease.host].clock(now), self.hosts[lease.host]
            if lease.used + clock - lease.since >= lease.funded:
                to = Situation(State.SUSPENDED)
            elif now - host.last > TIMEOUT:
                to = Situation(State.UNKNOWN)
        if to is None and lease.deadline and now >= lease.deadline and lease.situation.state not in RESTING:
            to = outcome(PLAIN["expire", "after the deadline"], lease.situation)
        assert self._send(index, "expire", self.world.stranger) == (to is not None), lease
        if to is not None:
            if to.state is not State.RUNNING:
                self._accrue(lease, now)
            self._enter(lease, to, now)

    @rule(index=vms, evict=st.booleans())
    def take_back(self, index: int, evict: bool) -> None:
        lease, now = self.leases[index], self.world.time + 1
        key = ("evict", "after 30 days of rest") if evict else ("reclaim", "after an hour of rest")
        to = self._expects(lease, PLAIN[key], now)
        sender = self.world.rival if lease.host == 3 else self.world.provider
        assert self._send(index, key[0], sender) == (to is not None), lease
        if to is not None:
            if evict:
                self._end(lease, now)
            lease.holding = False

    # ------------------------------------------------------------------------------------------------------------
    # What must hold
    # ------------------------------------------------------------------------------------------------------------

    @invariant()
    def contract_is_the_model(self) -> None:
        if not hasattr(self, "leases"):
            return
        functions, now = self.world.lifecycle.functions, self.world.time
        leased = dict.fromkeys(HOSTS, 0)
        for number, lease in zip(self.numbers, self.leases, strict=True):
            vm = self.world.vm(number)
            found = (vm["state"], vm["hostId"], vm["targetId"], vm["epoch"], vm["funded"], vm["settled"])
            state = lease.situation.state
            assert found == (state, lease.host, lease.target, lease.epoch, lease.funded, lease.settled), lease
            assert (vm["released"], vm["holding"], vm["deadline"]) == (lease.released, lease.holding, lease.deadline)
            used = lease.used
            if lease.situation in USING:
                used = min(lease.funded, used + self.hosts[lease.host].clock(now) - lease.since)
            assert functions.usedOf(number).call() == used, lease
            assert functions.entitledHost(number).call() == (lease.host if may_run(lease.situation) else 0)
            if lease.holding:
                leased[lease.host] += SMALL[0]
            if lease.target:
                leased[lease.target] += SMALL[0]
        for who, amounts in self.balances.items():
            assert [self._balance(who, i) for i in range(4)] == amounts
        for number in HOSTS:
            assert self.world.registry.functions.hostOf(number).call()[7][0] == leased[number]


@pytest.fixture(scope="module")
def made() -> Iterator[ComputeWorld]:
    with Anvil() as node:
        yield ComputeWorld(node)


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(12, 30), pytest.param(100, 50, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_vms_behave_as_the_model(made: ComputeWorld, examples: int, steps: int) -> None:
    REACHED.clear()
    run_state_machine_as_test(
        type("Machine", (VMMachine,), {"world": made}),
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
    assert {"start", "acknowledgeStart", "migrateVM", "settle", "expire", "terminate"} <= REACHED
