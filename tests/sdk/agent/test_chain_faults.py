"""A chain that is down, behind, wrong or reorganised: VMs run on, nothing is lost, nothing is destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.compute.agent.domains import DomainState
from novacron.compute.agent.outbox import Sending
from novacron.compute.agent.plan import Do
from novacron.compute.state_words import State as VMState
from novacron.exceptions import ChainError, RetryableError
from tests.sdk.agent.conftest import needs_libvirt
from tests.sdk.agent.world import AMPLE, HERE, Host, World, hosts, settle
from tests.support.faulty_rpc import AcceptThenDrop, Answer, Drop, Fault, FaultyRpc, Garbage, Lie, Status, on

pytestmark = needs_libvirt


@pytest.fixture
def proxy(world: World) -> Iterator[FaultyRpc]:
    with FaultyRpc(world.node.url) as faulty:
        yield faulty


EMPTY = Answer({"result": "0x"})
REFUSED = Answer({"error": {"code": -32000, "message": "header not found"}})
FAULTS: list[tuple[str, Fault]] = [
    ("*", Drop()),
    ("*", Status(502)),
    ("*", Garbage()),
    ("eth_call", EMPTY),
    ("eth_call", REFUSED),
    ("eth_call", Lie(lambda result: "0x" + "00" * ((len(result) - 2) // 2))),
    ("eth_call", Lie(lambda result: result[: 2 + 64 * 3])),
    ("eth_getLogs", REFUSED),
    ("eth_getLogs", Lie(lambda _: [])),
    ("eth_getBlockByNumber", Answer({"result": None})),
]


@pytest.mark.parametrize(
    ("method", "fault"), FAULTS, ids=[f"{m}-{type(f).__name__}-{i}" for i, (m, f) in enumerate(FAULTS)]
)
def test_no_domain_suffers_from_a_read_that_fails(
    world: World, proxy: FaultyRpc, tmp_path: Path, method: str, fault: Fault
) -> None:
    with hosts(world, tmp_path, url=proxy.url) as (here, _):
        vm_id = world.create()
        settle(here)
        if method == "eth_getLogs":
            (here.folder / "cursor.json").unlink()
            here.begin()
        proxy.rule = on(method, fault)
        before = here.domain(vm_id)
        for _ in range(2):
            try:
                here.agent.step()
            except ChainError:
                here.agent.offline()
        assert here.domain(vm_id) == before
        assert here.runs(vm_id)
        proxy.rule = None
        settle(here)
        assert here.runs(vm_id)


def test_an_hour_without_rpc_loses_no_command_and_no_acknowledgement(
    world: World, proxy: FaultyRpc, tmp_path: Path
) -> None:
    now = [float(world.w3.eth.get_block("latest")["timestamp"])]
    with hosts(world, tmp_path, url=proxy.url, clock=lambda: now[0], monotonic=lambda: now[0]) as (here, _):
        running, stopping, short = world.create(), world.create(), world.create(seconds=3600)
        settle(here)
        world.pass_time(600)
        now[0] += 600
        here.agent.step()
        here.agent.step()
        proxy.rule = on("*", Drop())
        world.command("stop", stopping)
        later = world.create()
        for _ in range(12):
            now[0] += 300
            with pytest.raises(ChainError):
                here.agent.step()
            here.agent.offline()
            assert here.runs(running)
        assert not here.runs(short), "its funds ended within the hour"
        halted = here.domain(short)
        assert halted is not None
        assert halted.state is DomainState.PAUSED
        world.pass_time(600)  # within the time that stop may take
        proxy.rule = None
        now[0] += 60
        for _ in range(3):
            here.agent.step()
            now[0] += 1
        assert here.runs(running)
        assert here.runs(later)
        assert (world.state(stopping), world.state(later)) == (VMState.STOPPED, VMState.RUNNING)


def test_a_host_that_hears_nothing_halts_what_may_be_another_hosts_by_now(
    world: World, proxy: FaultyRpc, tmp_path: Path
) -> None:
    now = [float(world.w3.eth.get_block("latest")["timestamp"])]
    with hosts(world, tmp_path, url=proxy.url, clock=lambda: now[0], monotonic=lambda: now[0]) as (here, there):
        moved, left = world.create(seconds=36_000), world.create(seconds=36_000)
        settle(here)
        proxy.rule = lambda method, params: Drop()
        for seconds, runs in ((300, True), (3_400, True), (200, False)):
            now[0] += seconds
            here.agent.offline()
            assert (here.runs(moved), here.runs(left)) == (runs, runs), now
        world.pass_time(301)
        world.command("expire", moved)
        world.pass_time(3_600)
        world.command("expire", moved)
        assert world.state(moved) is VMState.FAILED
        proxy.rule = None
        now[0] = float(world.w3.eth.get_block("latest")["timestamp"])
        settle(here, there, vm=moved)
        assert here.runs(left), "nobody had said that its host had vanished"
        assert not here.runs(moved)


def test_an_acknowledgement_whose_answer_was_lost_is_sent_once(world: World, proxy: FaultyRpc, tmp_path: Path) -> None:
    with hosts(world, tmp_path, url=proxy.url) as (here, _):
        settle(here)
        sent = world.w3.eth.get_transaction_count(world.agents[0][0])
        vm_id = world.create()
        proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop(), times=1)
        with pytest.raises(ChainError):
            here.agent.step()
        here.begin()
        settle(here)
        assert world.state(vm_id) is VMState.RUNNING
        assert world.w3.eth.get_transaction_count(world.agents[0][0]) == sent + 1


def test_an_acknowledgement_that_was_reorganised_away_is_sent_again(world: World, pair: list[Host]) -> None:
    here = pair[0]
    settle(here)
    vm_id = world.create()
    before = world.node.rpc("evm_snapshot")
    settle(here)
    assert world.state(vm_id) is VMState.RUNNING
    world.node.rpc("evm_revert", before)
    world.mine(3)  # another history, longer than the first
    assert world.state(vm_id) is VMState.STARTING
    settle(here)
    assert (world.state(vm_id), here.runs(vm_id)) == (VMState.RUNNING, True)


def test_a_final_acknowledgement_that_was_reorganised_away_is_sent_again(world: World, pair: list[Host]) -> None:
    here = pair[0]
    settle(here)
    vm_id = world.create()
    before = world.node.rpc("evm_snapshot")
    chain, outbox = here.agent.chain.lifecycle, here.agent.outbox
    for expected in (Sending.PENDING, Sending.FINAL):
        assert outbox.send("one", chain, "acknowledgeStart", vm_id, 2, block=10**9) is expected
    world.node.rpc("evm_revert", before)
    world.mine(3)
    assert outbox.send("one", chain, "acknowledgeStart", vm_id, 2, block=10**9) in (Sending.PENDING, Sending.FINAL)
    assert outbox.send("one", chain, "acknowledgeStart", vm_id, 2, block=10**9) is Sending.FINAL
    assert world.state(vm_id) is VMState.RUNNING


def test_a_vm_whose_start_was_reorganised_away_is_stopped_once_that_is_certain(world: World, tmp_path: Path) -> None:
    now = [float(world.w3.eth.get_block("latest")["timestamp"])]
    with hosts(world, tmp_path, clock=lambda: now[0]) as (here, _):
        vm_id = world.create(start=False)
        before = world.node.rpc("evm_snapshot")
        world.command("start", vm_id)
        settle(here)
        world.node.rpc("evm_revert", before)
        world.mine(5)
        here.agent.step()
        assert here.runs(vm_id), "an endpoint may just be behind"
        world.pass_time(120)
        here.agent.step()
        settle(here)
        assert not here.runs(vm_id)


def test_an_acknowledgement_of_an_old_epoch_is_refused_and_costs_nothing(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    sent = world.w3.eth.get_transaction_count(world.agents[0][0])
    chain = here.agent.chain.lifecycle
    assert here.agent.outbox.send("old", chain, "acknowledgeStart", vm_id, 2, block=0) is Sending.REFUSED
    assert world.w3.eth.get_transaction_count(world.agents[0][0]) == sent


def test_a_command_that_was_reorganised_away_was_never_acted_upon(world: World, tmp_path: Path) -> None:
    with hosts(world, tmp_path, confirmations=3) as (here, _):
        vm_id = world.create(start=False)
        world.mine(3)
        before = world.node.rpc("evm_snapshot")
        world.command("start", vm_id)
        world.mine()
        here.agent.step()
        assert here.domain(vm_id) is None, "two of three confirmations"
        world.node.rpc("evm_revert", before)
        world.mine(5)
        here.agent.step()
        assert here.domain(vm_id) is None
        assert world.state(vm_id) is VMState.STOPPED


def test_a_vm_whose_epoch_has_moved_on_is_not_run(world: World, tmp_path: Path) -> None:
    with hosts(world, tmp_path, confirmations=3) as (here, _):
        vm_id = world.create()
        world.mine(2)
        world.command("stop", vm_id)  # not confirmed: by the confirmed block it is Starting
        report = here.agent.step()
        assert report.done == []
        assert here.domain(vm_id) is None
        world.mine(2)
        for _ in range(4):
            here.agent.step()
            world.mine()
        assert world.state(vm_id) is VMState.STOPPED
        assert here.domain(vm_id) is None


@pytest.mark.parametrize(
    "commands",
    [("pause", "resume"), ("migrateToHost", "cancelMigration"), ("terminate",)],
    ids=lambda all_of: all_of[0],
)
def test_a_vm_does_not_run_for_nothing_until_commands_have_their_confirmations(
    world: World, tmp_path: Path, commands: tuple[str, ...]
) -> None:
    with hosts(world, tmp_path, confirmations=3) as (here, _):
        world.send(world.registry, "registerHost", HERE, world.agents[1][0], sender=world.provider)
        until = int(world.w3.eth.get_block("latest")["timestamp"]) + 86_400
        world.send(world.registry, "attest", 3, AMPLE, until, b"\x02" * 32)
        vm_id = world.create()
        world.mine(2)
        while not here.runs(vm_id) or world.state(vm_id) is not VMState.RUNNING:
            here.agent.step()
        world.mine(3)
        here.agent.step()
        assert here.runs(vm_id)
        for name in commands:
            world.command(name, vm_id, *([3] if name == "migrateToHost" else []))
        here.agent.step()  # by the confirmed block it is Running
        assert not here.runs(vm_id)
        halted = here.domain(vm_id)
        assert halted is not None
        assert halted.state is DomainState.PAUSED, "nothing of it is lost, should the chain go back"
        while world.vm(vm_id)["state"] == VMState.STARTING.value:
            world.mine(1)
            here.agent.step()
        assert here.runs(vm_id) == (world.state(vm_id) is VMState.RUNNING)


def test_a_vm_that_was_halted_runs_on_when_the_chain_went_back(world: World, tmp_path: Path) -> None:
    with hosts(world, tmp_path, confirmations=3) as (here, _):
        vm_id = world.create()
        world.mine(2)
        while not here.runs(vm_id) or world.state(vm_id) is not VMState.RUNNING:
            here.agent.step()
        world.mine(3)
        before = world.node.rpc("evm_snapshot")
        world.command("pause", vm_id)
        here.agent.step()
        assert not here.runs(vm_id)
        world.node.rpc("evm_revert", before)
        world.mine()
        here.agent.step()
        assert here.runs(vm_id)


def test_an_endpoint_that_is_behind_moves_nothing(world: World, proxy: FaultyRpc, tmp_path: Path) -> None:
    with hosts(world, tmp_path, url=proxy.url) as (here, _):
        vm_id = world.create(start=False)
        behind: Any = world.node.rpc("eth_getBlockByNumber", "latest", False)
        world.command("start", vm_id)
        settle(here)
        rule = on("eth_getBlockByNumber", Answer({"result": behind}))
        proxy.rule = lambda method, params: rule(method, params) if params[:1] == ["latest"] else None
        with pytest.raises(RetryableError, match="the endpoint is behind"):
            here.agent.step()
        here.begin()  # an agent that remembers no block: the epoch in the domain tells it
        assert [action.kind for action in here.agent.step().done] == []
        assert here.runs(vm_id)


def test_the_cursor_is_read_again_when_its_block_is_gone_or_its_file_damaged(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    for text in ("", "{", '{"subject": "another"}', '{"subject": 1, "next": "x"}'):
        (here.folder / "cursor.json").write_text(text)
        here.begin()
        assert vm_id in here.agent.chain.read().leases
    before = world.node.rpc("evm_snapshot")
    world.mine(5)
    here.agent.step()
    world.node.rpc("evm_revert", before)
    second = world.create()
    world.mine(10)
    assert second in here.agent.chain.read().leases


def test_terminated_vms_are_forgotten(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    world.command("terminate", vm_id)
    assert [action.kind for action in here.agent.step().done] == [Do.REMOVE]
    assert vm_id not in here.agent.chain.read().leases
