"""Agents on a chain: what a VM's whole life looks like, and that a second look changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from web3.exceptions import ContractCustomError

from novacron.compute.agent.domains import Domain, DomainSpec, DomainState
from novacron.compute.agent.driver import LibvirtHypervisor
from novacron.compute.agent.outbox import Sending
from novacron.compute.agent.plan import MAX_FAILURES, Do
from novacron.compute.agent.view import ChainView
from novacron.compute.state_words import State as VMState
from novacron.exceptions import (
    ForeignDomainError,
    HypervisorError,
    HypervisorUnavailableError,
    InvalidStateRecordError,
)
from novacron.storage.records import StateRecord
from novacron.storage.storage import open_storage
from tests.sdk.agent.conftest import needs_libvirt
from tests.sdk.agent.world import HERE, Host, World, hosts, settle

pytestmark = needs_libvirt


def done(host: Host) -> list[Do]:
    """What one pass of a host's agent does."""
    report = host.agent.step()
    assert not report.failures, report.failures
    return [action.kind for action in report.done]


def state(host: Host, vm_id: int) -> DomainState | None:
    found = host.domain(vm_id)
    return None if found is None else found.state


def test_a_vm_lives_as_its_customer_commands(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create(start=False)
    settle(here)
    assert state(here, vm_id) is None, "a VM that nobody has started needs no domain"
    for command, chain, domain in [
        ("start", VMState.RUNNING, DomainState.RUNNING),
        ("pause", VMState.PAUSED, DomainState.PAUSED),
        ("resume", VMState.RUNNING, DomainState.RUNNING),
        ("stop", VMState.STOPPED, DomainState.OFF),
        ("start", VMState.RUNNING, DomainState.RUNNING),
        ("terminate", VMState.TERMINATED, None),
    ]:
        world.command(command, vm_id)
        settle(here, there, vm=vm_id)
        assert (world.state(vm_id), state(here, vm_id)) == (chain, domain), command
    assert state(there, vm_id) is None
    assert list((here.folder / "images").iterdir()) == []


def test_an_agent_that_has_nothing_to_do_sends_nothing(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    before = world.w3.eth.get_transaction_count(world.agents[0][0])
    for _ in range(3):
        assert done(here) == []
    assert world.w3.eth.get_transaction_count(world.agents[0][0]) == before
    assert here.runs(vm_id)


def test_a_domain_that_stopped_by_itself_is_started_again(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    here.hypervisor.destroy(vm_id)
    assert done(here) == [Do.DEFINE, Do.START]
    assert here.runs(vm_id)


def test_a_host_that_lost_its_domains_starts_them_again(world: World, tmp_path: Path) -> None:
    with hosts(world, tmp_path) as (here, _):
        vm_id = world.create()
        settle(here)
    with hosts(world, tmp_path) as (here, _):
        assert here.domain(vm_id) is None
        settle(here)
        assert here.runs(vm_id)
        assert world.state(vm_id) is VMState.RUNNING


# -- migrations --------------------------------------------------------------------------------------------------------


def test_a_vm_moves_with_its_memory_and_runs_on_one_host_at_a_time(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here, there, vm=vm_id)
    world.command("migrateVM", vm_id, b"there".ljust(32, b"\0"))
    settle(here, there, vm=vm_id)
    assert here.runs(vm_id), "it runs on while approvals come in"
    world.approve(vm_id)
    settle(here, there, vm=vm_id)
    assert world.state(vm_id) is VMState.RUNNING
    assert world.vm(vm_id)["hostId"] == 2
    assert (state(here, vm_id), state(there, vm_id)) == (None, DomainState.RUNNING)
    record = StateRecord.verify(open_storage(here.storage), world.vm(vm_id)["record"])
    assert set(record.files) == {"domain.xml", "lease.json", "memory.image"}
    for host in pair:
        assert not [path for path in (host.folder / "images").iterdir() if path.suffix == ".image"]


def test_a_vm_can_move_there_and_back_again(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here, there, vm=vm_id)
    for region, host in ((b"there".ljust(32, b"\0"), 2), (HERE, 1), (b"there".ljust(32, b"\0"), 2)):
        world.migrate(vm_id, region)
        settle(here, there, vm=vm_id)
        assert (world.state(vm_id), world.vm(vm_id)["hostId"]) == (VMState.RUNNING, host)
    assert (here.runs(vm_id), there.runs(vm_id)) == (False, True)


def test_a_target_does_not_resume_before_its_acknowledgement_is_final(world: World, tmp_path: Path) -> None:
    with hosts(world, tmp_path, confirmations=3) as (here, there):
        vm_id = world.create()
        for _ in range(8):
            here.agent.step()
            world.mine()
        world.migrate(vm_id)
        world.mine(2)
        while not world.vm(vm_id)["released"]:
            here.agent.step()
        world.mine(2)
        while world.vm(vm_id)["hostId"] == 1:
            there.agent.step()
        head = world.w3.eth.block_number
        there.agent.step()
        assert state(there, vm_id) is DomainState.PAUSED
        world.mine()
        there.agent.step()
        assert world.w3.eth.block_number == head + 1
        assert state(there, vm_id) is DomainState.PAUSED
        world.mine()
        there.agent.step()
        assert state(there, vm_id) is DomainState.RUNNING


@pytest.mark.parametrize("start", [False, True])
def test_a_vm_that_does_not_run_moves_too(world: World, pair: list[Host], start: bool) -> None:
    here, there = pair
    vm_id = world.create(start=start)
    settle(here)
    if start:
        world.command("stop", vm_id)
        settle(here)
    world.migrate(vm_id)
    settle(here, there, vm=vm_id)
    assert (world.state(vm_id), world.vm(vm_id)["hostId"]) == (VMState.STOPPED, 2)
    assert (state(here, vm_id), state(there, vm_id)) == (None, DomainState.OFF)
    world.command("start", vm_id)
    settle(here, there, vm=vm_id)
    assert there.runs(vm_id)


def test_a_migration_given_up_before_the_release_leaves_the_vm_running(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here, there, vm=vm_id)
    world.migrate(vm_id)
    world.command("cancelMigration", vm_id)
    assert done(here) == [Do.MARK, Do.ACKNOWLEDGE_START]
    settle(here, there, vm=vm_id)
    assert (world.state(vm_id), world.vm(vm_id)["hostId"]) == (VMState.RUNNING, 1)
    assert (state(here, vm_id), state(there, vm_id)) == (DomainState.RUNNING, None)


def test_a_source_restores_what_it_saved_when_the_target_never_came(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    settle(here)
    assert (world.vm(vm_id)["released"], state(here, vm_id)) == (True, DomainState.SAVED)
    world.pass_time(3601)
    assert Do.EXPIRE in done(here)
    assert Do.RESTORE in done(here)
    settle(here, there, vm=vm_id)
    assert (world.state(vm_id), here.runs(vm_id)) == (VMState.RUNNING, True)


def test_a_record_that_was_tampered_with_gives_the_vm_back(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    settle(here)
    record = StateRecord.get(open_storage(here.storage), world.vm(vm_id)["record"])
    block = record.files["memory.image"].cid.digest.hex()
    damaged = list(here.storage.rglob(block))
    assert len(damaged) == 1
    damaged[0].chmod(0o600)
    damaged[0].write_bytes(damaged[0].read_bytes()[:-1] + b"!")
    assert list(there.agent.step().failures) == [vm_id]
    there.begin()  # it asks again, as if its pause were over, and once more after the first answer
    assert list(there.agent.step().failures) == [vm_id]
    assert state(there, vm_id) is None
    world.command("cancelMigration", vm_id)
    settle(here, there, vm=vm_id)
    assert here.runs(vm_id)


def test_a_customer_cannot_put_a_record_of_its_own_in_the_place_of_the_release(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    settle(here)
    with pytest.raises(ContractCustomError):
        world.command("recordState", vm_id, world.vm(vm_id)["epoch"], b"\x66" * 32)
    settle(here, there, vm=vm_id)
    assert there.runs(vm_id)


def test_the_record_of_another_vm_is_not_restored(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    first, second = world.create(), world.create()
    settle(here)
    for vm_id in (first, second):
        world.migrate(vm_id)
    settle(here)
    released = ChainView.released_record
    monkeypatch.setattr(ChainView, "released_record", lambda chain, _, until: released(chain, second, until))
    report = there.agent.step()
    assert isinstance(report.failures[first], InvalidStateRecordError)
    assert (there.domain(first), second in report.failures) == (None, False)
    monkeypatch.undo()
    there.begin()
    settle(here, there, vm=first)
    assert (there.runs(first), there.runs(second)) == (True, True)


# -- funds, heartbeats, time -------------------------------------------------------------------------------------------


def test_a_vm_whose_funds_ran_out_is_halted_before_anybody_says_so_and_comes_back(
    world: World, pair: list[Host]
) -> None:
    here, _ = pair
    vm_id = world.create(seconds=3600)
    settle(here)
    for _ in range(15):
        world.pass_time(250)
        here.agent.step()
    assert not here.runs(vm_id)
    settle(here)
    assert (world.state(vm_id), state(here, vm_id)) == (VMState.SUSPENDED, DomainState.SAVED)
    world.command("topUp", vm_id, 3600)
    world.command("start", vm_id)
    assert Do.RESTORE in done(here)
    settle(here)
    assert (world.state(vm_id), here.runs(vm_id)) == (VMState.RUNNING, True)


def test_a_halted_vm_runs_on_when_it_is_topped_up_in_time(world: World, tmp_path: Path) -> None:
    ahead = [0.0]
    base = float(world.w3.eth.get_block("latest")["timestamp"])
    with hosts(world, tmp_path, clock=lambda: base + ahead[0]) as (here, _):
        vm_id = world.create(seconds=3600)
        settle(here)
        ahead[0] = 3700.0  # the chain stands still, the agent's clock does not
        report = here.agent.step()
        assert Do.SUSPEND in [action.kind for action in report.done]
        assert world.state(vm_id) is VMState.RUNNING, "the chain's own clock has not come so far"
        world.command("topUp", vm_id, 3600)
        assert done(here) == [Do.RESUME]


def test_a_host_says_that_it_is_alive_when_that_is_due(world: World, pair: list[Host]) -> None:
    here = pair[0]
    assert here.agent.step().heartbeat is Sending.PENDING
    assert here.agent.step().heartbeat is None
    world.pass_time(61)
    assert here.agent.step().heartbeat is Sending.PENDING
    latest = int(world.w3.eth.get_block("latest")["timestamp"])
    assert world.registry.functions.hostOf(1).call()[4] == latest


def test_a_host_whose_hypervisor_does_not_answer_does_not_say_that_it_is_alive(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = pair[0]

    def down(_: Any) -> dict[int, Domain]:
        raise HypervisorUnavailableError("down")

    monkeypatch.setattr(LibvirtHypervisor, "domains", down)
    before = world.registry.functions.hostOf(1).call()[4]
    with pytest.raises(HypervisorUnavailableError):
        here.agent.step()
    assert world.registry.functions.hostOf(1).call()[4] == before


def test_a_host_that_had_vanished_recovers_its_vms(world: World, pair: list[Host]) -> None:
    here = pair[0]
    vm_id = world.create()
    settle(here)
    world.pass_time(301)
    world.command("expire", vm_id)
    assert world.state(vm_id) is VMState.UNKNOWN
    settle(here)
    assert (world.state(vm_id), here.runs(vm_id)) == (VMState.RUNNING, True)


# -- trouble -----------------------------------------------------------------------------------------------------------


def test_a_vm_that_cannot_start_is_reported_and_the_others_run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    with hosts(world, tmp_path, monotonic=lambda: now[0]) as (here, _):
        good, bad = world.create(), world.create()
        start = LibvirtHypervisor.start

        def broken(self: LibvirtHypervisor, vm_id: int) -> None:
            if vm_id == bad:
                raise HypervisorError("no")
            start(self, vm_id)

        monkeypatch.setattr(LibvirtHypervisor, "start", broken)
        for _ in range(MAX_FAILURES):
            assert list(here.agent.step().failures) == [bad]
            assert here.agent.step().failures == {}, "it waits before it tries again"
            now[0] += 60
        here.agent.step()
        assert (world.state(good), world.state(bad)) == (VMState.RUNNING, VMState.FAILED)
        monkeypatch.setattr(LibvirtHypervisor, "start", start)
        world.command("start", bad)  # another command: what went wrong before does not count
        settle(here)
        assert (world.state(bad), here.runs(bad)) == (VMState.RUNNING, True)


def test_a_stranger_in_the_place_of_a_vm_is_left_alone_and_the_vm_reported(world: World, tmp_path: Path) -> None:
    now = [0.0]
    with hosts(world, tmp_path, monotonic=lambda: now[0]) as (here, _):
        vm_id = world.create()
        assert isinstance(here.hypervisor, LibvirtHypervisor)
        stranger = here.hypervisor._connection.defineXML(
            f"<domain type='test'><name>stranger</name><uuid>{here.hypervisor.owner.uuid_of(vm_id)}</uuid>"
            "<memory unit='MB'>128</memory><os><type>hvm</type></os></domain>"
        )
        stranger.create()
        for _ in range(MAX_FAILURES):
            assert isinstance(here.agent.step().failures[vm_id], ForeignDomainError)
            now[0] += 60
        here.agent.step()
        assert world.state(vm_id) is VMState.FAILED
        assert stranger.isActive()


def test_a_guest_that_ignores_the_request_is_cut_off(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    with hosts(world, tmp_path, monotonic=lambda: now[0]) as (here, _):
        vm_id = world.create()
        settle(here)
        monkeypatch.setattr(LibvirtHypervisor, "shutdown", lambda *_: None)
        world.command("stop", vm_id)
        assert done(here) == [Do.SHUTDOWN]
        now[0] += 59
        assert done(here) == []
        now[0] += 1
        assert done(here) == [Do.DESTROY]
        assert done(here) == [Do.ACKNOWLEDGE_STOP]


def test_a_vm_that_the_contract_does_not_know_is_left_alone(world: World, pair: list[Host]) -> None:
    here = pair[0]
    size = here.agent.hypervisor.domains()
    assert size == {}
    vm_id = world.create()
    settle(here)
    lease = here.agent.chain.read().leases[vm_id]
    here.hypervisor.define(DomainSpec(999, 5, lease.capacity))
    here.hypervisor.start(999)
    settle(here)
    world.pass_time(120)  # long enough to be certain that no endpoint is behind
    settle(here)
    assert here.runs(999)


def test_snapshots_are_recorded_on_chain_and_the_vm_runs_on(world: World, tmp_path: Path) -> None:
    now = [0.0]
    with hosts(world, tmp_path, snapshots=600.0, monotonic=lambda: now[0]) as (here, _):
        vm_id = world.create()
        settle(here)
        before = world.vm(vm_id)["record"]
        now[0] += 601
        assert done(here) == [Do.SNAPSHOT]
        assert here.runs(vm_id)
        assert world.vm(vm_id)["record"] != before
        record = StateRecord.verify(open_storage(here.storage), world.vm(vm_id)["record"])
        assert (record.vm_id, record.epoch, record.previous) == (vm_id, world.vm(vm_id)["epoch"], before)
        assert done(here) == []
