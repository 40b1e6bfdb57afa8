"""Every command in every situation of a VM, from the right caller and from every wrong one, as
novacron/compute/states.py has it; and the document is that table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from novacron.compute.state_words import State
from novacron.compute.states import (
    COMMANDS,
    DAY,
    DEADLINES,
    DOCUMENT,
    HOUR,
    IDLE_GRACE,
    MIGRATING,
    PENDING,
    RESTING,
    SITUATIONS,
    USING,
    Command,
    Situation,
    Who,
    may_run,
    outcome,
    with_table,
)
from tests.support.compute import RECORD, TIMEOUT, US, ComputeWorld

RUN = ("start", "acknowledgeStart")
FAIL = ("start", "reportFailure")
APPROVE = ("approve 0", "approve 1")
PATHS: Mapping[Situation, tuple[str, ...]] = {
    Situation(State.STOPPED): (),
    Situation(State.STARTING): ("start",),
    Situation(State.RUNNING): RUN,
    Situation(State.STOPPING): (*RUN, "stop"),
    Situation(State.PAUSED): (*RUN, "pause"),
    PENDING[0]: (*RUN, "migrateVM"),
    PENDING[1]: ("migrateVM",),
    PENDING[2]: (*FAIL, "migrateVM"),
    MIGRATING[0]: (*RUN, "migrateVM", *APPROVE),
    MIGRATING[1]: ("migrateVM", *APPROVE),
    MIGRATING[2]: (*FAIL, "migrateVM", *APPROVE),
    Situation(State.FAILED): FAIL,
    Situation(State.UNKNOWN): (*RUN, "vanish", "expire"),
    Situation(State.SUSPENDED): (*RUN, "use up", "expire"),
    Situation(State.TERMINATED): ("terminate",),
}
ARGUMENTS: Mapping[str, tuple[object, ...]] = {
    "migrateVM": (US,),
    "migrateToHost": (3,),
    "topUp": (60,),
    "acknowledgeRelease": (RECORD,),
    "recordState": (RECORD,),
}
ERRORS = {
    Who.CUSTOMER: "VMLifecycle_NotCustomer",
    Who.PROVIDER: "VMLifecycle_NotProvider",
    Who.RECORDER: "VMLifecycle_NotRecorder",
    Who.APPROVER: "MigrationApprovals_NotApprover",
    **dict.fromkeys((Who.AGENT, Who.TARGET, Who.EITHER_AGENT), "HostRegistry_NotAgent"),
}


class Walk:
    """One VM on its way through situations."""

    def __init__(self, world: ComputeWorld, funded: int) -> None:
        self.world = world
        self.funded = funded
        self.vm = world.create(funded)

    def step(self, name: str) -> None:
        """One step of a path."""
        world = self.world
        agents = {"acknowledgeStart", "reportFailure", "acknowledgeRelease"}
        if name == "vanish":
            world.wait(TIMEOUT + 60)
        elif name == "use up":
            world.live([1], self.funded + 1)
        elif name.startswith("approve"):
            world.send(world.approval(self.vm), world.approvers[int(name[-1])])
        else:
            sender = world.agents[0] if name in agents else world.customer
            world.send(world.command(name, self.vm, *ARGUMENTS.get(name, ())), sender)

    def prepare(self, command: Command, situation: Situation) -> None:
        """Bring about what the command's case says, where that is possible here."""
        state = situation.state
        if command.case == "funds used up" and situation in USING:
            self.step("use up")
        elif command.case == "host vanished" and situation in USING:
            self.step("vanish")
        elif command.case == "after the deadline":
            if situation in USING:
                self.world.live([1], DEADLINES.get(state, 0))
            else:
                self.world.wait(DEADLINES.get(state, 0))
        elif command.case == "after an hour of rest" and state in RESTING:
            self.world.wait(IDLE_GRACE)
        elif command.case == "after 30 days of rest" and state in RESTING:
            self.world.wait(DEADLINES[state])
        elif command.function == "approveMigration" and state is State.MIGRATION_PENDING:
            self.step("approve 0")
        elif command.function == "acknowledgeMigration" and situation in MIGRATING[:2]:
            self.step("acknowledgeRelease")

    def call(self, command: Command) -> ContractFunction:
        """The command, with good arguments."""
        if command.function == "approveMigration":
            return self.world.approval(self.vm)
        return self.world.command(command.function, self.vm, *ARGUMENTS.get(command.function, ()))

    def situation(self) -> Situation:
        """Where the VM is."""
        vm = self.world.vm(self.vm)
        state = State(vm["state"])
        migrates = state in (State.MIGRATION_PENDING, State.MIGRATING)
        return Situation(state, State(vm["origin"]) if migrates else None)


def callers(world: ComputeWorld, who: Who, situation: Situation) -> set[str]:
    """Whom the contract lets give the command."""
    source, target, _ = world.agents
    return {
        Who.CUSTOMER: {world.customer},
        Who.AGENT: {source},
        Who.TARGET: {target},
        Who.EITHER_AGENT: {source, target},
        Who.APPROVER: {world.approvers[1]},
        Who.PROVIDER: {world.provider},
        Who.RECORDER: {world.customer, source} if may_run(situation) else {world.customer},
        Who.ANYBODY: {world.stranger},
    }[who]


def everybody(world: ComputeWorld) -> set[str]:
    """All who are somebody, the VM's host's rivals too."""
    people = (world.governance, world.customer, world.provider, world.rival, world.stranger)
    return {*people, *world.agents, *world.approvers}


@pytest.fixture(scope="module")
def made() -> Iterator[ComputeWorld]:
    with Anvil() as node:
        world = ComputeWorld(node)
        world.enrich(world.stranger, 1_000 * 10**18)
        yield world


@pytest.fixture
def world(made: ComputeWorld) -> Iterator[ComputeWorld]:
    """As made; the chain goes back afterwards."""
    snapshot, time = made.node.rpc("evm_snapshot"), made.time
    yield made
    assert made.node.rpc("evm_revert", snapshot) is True
    made.time = time


def expected_refusal(command: Command, situation: Situation) -> str:
    """The error where the table has no way on."""
    if command.function == "expire" and command.case != "after the deadline":
        timed = situation.state in DEADLINES and situation.state not in RESTING
        return "VMLifecycle_TooEarly" if timed else "VMLifecycle_NothingToExpire"
    return f"VMLifecycle_{command.refusal}"


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_commands_do_what_the_table_says(world: ComputeWorld, situation: Situation) -> None:
    # Long enough to wait for approvals in vain; short where it is to run out.
    walks = {funded: Walk(world, funded) for funded in (HOUR, 40 * HOUR)}
    for funded, walk in walks.items():
        if funded == 40 * HOUR and situation.state is State.SUSPENDED:
            continue
        for step in PATHS[situation]:
            walk.step(step)
        assert walk.situation() == situation
    for command in COMMANDS:
        brief = command.case == "funds used up" or situation.state is State.SUSPENDED
        walk = walks[HOUR if brief else 40 * HOUR]
        if situation.state is State.SUSPENDED and command.function == "start":
            world.send(world.command("topUp", walk.vm, 60), world.stranger)
        snapshot, time = world.node.rpc("evm_snapshot"), world.time
        world.beat(1)
        walk.prepare(command, situation)
        _check(world, walk, command, situation)
        assert world.node.rpc("evm_revert", snapshot) is True
        world.time = time


def _check(world: ComputeWorld, walk: Walk, command: Command, situation: Situation) -> None:
    to = outcome(command, situation)
    allowed = callers(world, command.who, situation)
    before, label = world.vm(walk.vm), f"{command} in {situation}"
    if to is None:
        for sender in allowed:
            refused = world.refusal(walk.call(command), sender)
            assert refused is not None, f"{label} went through"
            assert refused[0] == expected_refusal(command, situation), label
        return
    if command.who is not Who.ANYBODY:
        wrong = everybody(world) - allowed
        if command.who is Who.APPROVER:
            wrong -= set(world.approvers)
        for sender in wrong:
            refused = world.refusal(walk.call(command), sender)
            assert refused is not None, f"{label} from a wrong caller"
            assert refused[0] == ERRORS[command.who], label
    for sender in allowed:
        snapshot, time = world.node.rpc("evm_snapshot"), world.time
        world.send(walk.call(command), sender)
        after = world.vm(walk.vm)
        assert walk.situation() == to, label
        assert (after["epoch"] > before["epoch"]) == (to != situation), label
        assert world.lifecycle.functions.entitledHost(walk.vm).call() == (after["hostId"] if may_run(to) else 0), label
        if to != situation:
            rest = DEADLINES.get(to.state)
            assert after["deadline"] == (0 if rest is None else world.time + rest), label
        if command.who.name.endswith("AGENT") or command.who is Who.TARGET:
            assert after["used"] <= after["funded"]
        assert world.node.rpc("evm_revert", snapshot) is True
        world.time = time


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_agents_are_refused_with_an_old_epoch_and_at_the_deadline(world: ComputeWorld, situation: Situation) -> None:
    walk = Walk(world, HOUR if situation.state is State.SUSPENDED else 40 * HOUR)
    for step in PATHS[situation]:
        walk.step(step)
    agents = [c for c in COMMANDS if c.who in (Who.AGENT, Who.TARGET, Who.EITHER_AGENT)]
    epoch, functions = world.vm(walk.vm)["epoch"], world.lifecycle.functions
    for command in agents:
        for given in (epoch - 1, epoch + 1, 0):
            arguments = ARGUMENTS.get(command.function, ())
            for sender in callers(world, command.who, situation):
                refused = world.refusal(getattr(functions, command.function)(walk.vm, given, *arguments), sender)
                assert refused == ("VMLifecycle_StaleEpoch", (walk.vm, given, epoch)), f"{command} in {situation}"
    limit = DEADLINES.get(situation.state)
    if limit is None or situation.state in RESTING:
        return
    world.wait(limit)
    for command in agents:
        if outcome(command, situation) is None:
            continue
        for sender in callers(world, command.who, situation):
            refused = world.refusal(walk.call(command), sender)
            assert refused is not None, f"{command} in {situation}"
            assert refused[0] == "VMLifecycle_TooLate", f"{command} in {situation}"


def test_the_table_has_every_command_of_the_contract(world: ComputeWorld) -> None:
    of_a_vm = {
        entry["name"]
        for entry in world.lifecycle.abi
        if entry["type"] == "function"
        and entry["stateMutability"] == "nonpayable"
        and [i["name"] for i in entry["inputs"][:1]] in (["vmId"], [""])
        and entry["inputs"][0]["type"] == "uint256"
    } - {"createVM", "approveMigrationBySig", "setDefaultPolicy"}
    assert {command.function for command in COMMANDS} == of_a_vm


def test_the_document_has_the_table() -> None:
    text = DOCUMENT.read_text()
    assert with_table(text) == text, "run python -m novacron.compute.states --write"


def test_deadlines_are_those_of_the_contract(world: ComputeWorld) -> None:
    functions = world.lifecycle.functions
    names = {
        "COMMAND_TIMEOUT": State.STARTING,
        "PAUSE_LIMIT": State.PAUSED,
        "APPROVAL_TIMEOUT": State.MIGRATION_PENDING,
        "MIGRATION_TIMEOUT": State.MIGRATING,
        "UNKNOWN_LIMIT": State.UNKNOWN,
        "RETENTION": State.STOPPED,
    }
    for name, state in names.items():
        assert getattr(functions, name)().call() == DEADLINES[state], name
    assert functions.IDLE_GRACE().call() == IDLE_GRACE
    assert DEADLINES[State.PAUSED] == DAY
