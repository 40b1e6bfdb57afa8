"""The agent is killed before and after everything it does: to the hypervisor, in the journal, on disk.

The hypervisor, the chain and the files outlive it; a new agent takes over. Whatever the moment, the VM ends where its
customer wants it, in the same epoch as without a crash, and never runs on two hosts.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.compute.agent import transfer
from novacron.compute.agent.domains import DomainState
from novacron.compute.agent.driver import LibvirtHypervisor
from novacron.compute.agent.images import ImageStore
from novacron.compute.agent.plan import Do
from novacron.compute.state_words import State as VMState
from novacron.storage.records import StateRecord
from novacron.storage.storage import open_storage
from tests.sdk.agent.conftest import needs_libvirt
from tests.sdk.agent.world import Host, World, hosts, settle

pytestmark = needs_libvirt

HYPERVISOR = ("define", "mark", "start", "shutdown", "destroy", "suspend", "resume", "save", "restore", "undefine")
FILES = ("announce", "recorded", "discard")


class Killed(BaseException):
    """The agent is gone: nothing of it may catch this."""


class Fuse:
    """Counts the moments at which an agent can die, and kills it at one of them."""

    def __init__(self, at: int | None) -> None:
        self.at, self.passed = at, 0
        self.moments: list[str] = []

    def __call__(self, moment: str) -> None:
        self.moments.append(moment)
        self.passed += 1
        if self.passed - 1 == self.at:
            raise Killed(moment)


def wire(fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every operation on the hypervisor, on images and on storage be such a moment, before it and after it."""

    def mortal(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def operation(*arguments: Any, **named: Any) -> Any:
            fuse(f"before {name}")
            answer = real(*arguments, **named)
            fuse(f"after {name}")
            return answer

        monkeypatch.setattr(owner, name, operation)

    for name in HYPERVISOR:
        mortal(LibvirtHypervisor, name)
    for name in FILES:
        mortal(ImageStore, name)
    for name in ("store_state", "fetch_memory"):
        monkeypatch.setattr(f"novacron.compute.agent.reconcile.{name}", getattr(transfer, name))


def until_quiet(both: list[Host], vm_id: int) -> None:
    for _ in range(25):
        quiet = True
        for host in both:
            try:
                report = host.agent.step()
                assert not report.failures, report.failures
                quiet = quiet and report.quiet
            except Killed:
                quiet = False
                host.begin()
            assert sum(one.runs(vm_id) for one in both) <= 1
        if quiet:
            return
    raise AssertionError("the agents do not come to rest")


def life(world: World, folder: Path, fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Start, move with memory, stop, on two hosts; returns what the end looks like."""
    with monkeypatch.context() as patches, hosts(world, folder) as both:
        for host in both:
            host.on_step = lambda step, _: fuse(f"transaction {step}")
        wire(fuse, patches)
        vm_id = world.create()
        until_quiet(both, vm_id)
        assert both[0].runs(vm_id)
        world.migrate(vm_id)
        until_quiet(both, vm_id)
        assert both[1].runs(vm_id)
        world.command("stop", vm_id)
        until_quiet(both, vm_id)
        domains = [host.domain(vm_id) for host in both]
        images = [sorted(path.suffix for path in (host.folder / "images").iterdir()) for host in both]
        vm = world.vm(vm_id)
        return VMState(vm["state"]), vm["epoch"], vm["hostId"], [one and one.state for one in domains], images


def fresh(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


@pytest.fixture
def again(world: World) -> Callable[[], None]:
    """Puts the chain back to the beginning of the test."""
    saved = [world.node.rpc("evm_snapshot")]

    def revert() -> None:
        world.node.rpc("evm_revert", saved[0])
        saved[0] = world.node.rpc("evm_snapshot")

    return revert


def crash_everywhere(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, again: Callable[[], None], first: int, stride: int
) -> None:
    count = Fuse(None)
    expected = life(world, fresh(folder, "whole"), count, monkeypatch)
    assert expected[0] is VMState.STOPPED
    assert expected[2:] == (2, [None, DomainState.OFF], [[], []])
    assert {f"before {name}" for name in ("define", "start", "save", "restore", "resume")} <= set(count.moments)
    for moment in range(first, count.passed, stride):
        again()
        fuse = Fuse(moment)
        found = life(world, fresh(folder, str(moment)), fuse, monkeypatch)
        assert fuse.passed > moment
        assert found == expected, f"killed at moment {moment}: {fuse.moments[moment]}"


def test_a_crash_at_every_seventh_moment_changes_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: Callable[[], None]
) -> None:
    crash_everywhere(world, tmp_path, monkeypatch, again, first=3, stride=7)


@pytest.mark.deep
def test_a_crash_at_any_moment_changes_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: Callable[[], None]
) -> None:
    crash_everywhere(world, tmp_path, monkeypatch, again, first=0, stride=1)


def test_killed_between_define_and_acknowledge_it_starts_and_acknowledges_once(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = pair[0]
    vm_id = world.create()
    fuse = Fuse(1)  # after define
    with monkeypatch.context() as patches:
        wire(fuse, patches)
        with pytest.raises(Killed, match="after define"):
            here.agent.step()
    domain = here.domain(vm_id)
    assert domain is not None
    assert domain.state is DomainState.OFF
    here.begin()
    settle(here)
    assert (world.state(vm_id), world.vm(vm_id)["epoch"], here.runs(vm_id)) == (VMState.RUNNING, 3, True)


def test_killed_between_start_and_acknowledge_it_does_not_start_twice(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = pair[0]
    vm_id = world.create()

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patches:
        patches.setattr(type(here.agent.outbox), "send", lambda *a, **k: killed() if "VM" not in a[1] else None)
        patches.setattr(type(here.agent), "_beat", lambda *_: None)
        with pytest.raises(Killed):
            here.agent.step()
    assert here.runs(vm_id)
    here.begin()
    report = here.agent.step()
    assert [action.kind for action in report.done] == [Do.ACKNOWLEDGE_START]
    settle(here)
    assert world.state(vm_id) is VMState.RUNNING


def test_a_target_killed_before_its_acknowledgement_never_runs_what_the_source_got_back(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    settle(here)
    with monkeypatch.context() as patches:
        patches.setattr(type(there.agent), "_beat", lambda *_: None)

        def killed(*_: Any, **__: Any) -> None:
            raise Killed

        patches.setattr(type(there.agent.outbox), "send", killed)
        with pytest.raises(Killed):
            there.agent.step()
    copy = there.domain(vm_id)
    assert copy is not None
    assert (copy.state, copy.epoch) == (DomainState.PAUSED, world.vm(vm_id)["epoch"])
    world.command("cancelMigration", vm_id)
    settle(here, vm=vm_id)
    assert here.runs(vm_id)
    there.begin()
    settle(here, there, vm=vm_id)
    assert there.domain(vm_id) is None
    world.migrate(vm_id)  # and the next attempt takes the new memory, not the old copy
    settle(here, there, vm=vm_id)
    assert (here.domain(vm_id), there.runs(vm_id)) == (None, True)


def test_a_snapshot_that_was_cut_off_is_restored(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    with hosts(world, tmp_path, snapshots=600.0, monotonic=lambda: now[0]) as (here, _):
        vm_id = world.create()
        settle(here)
        now[0] += 601
        fuse = Fuse(None)
        with monkeypatch.context() as patches:
            wire(fuse, patches)
            patches.setattr(ImageStore, "link", lambda *_: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                here.agent.step()
        domain = here.domain(vm_id)
        assert domain is not None
        assert domain.state is DomainState.SAVED
        here.begin()
        assert [action.kind for action in here.agent.step().done] == [Do.DEFINE, Do.RESTORE, Do.RESUME]
        assert here.runs(vm_id)


def domain_id(host: Host, vm_id: int) -> str | None:
    """libvirt's number of the domain's present life."""
    return ET.fromstring(host.hypervisor.describe(vm_id)).get("id")


def test_a_copy_that_was_not_finished_is_not_taken_for_the_next_attempts_memory(
    world: World, pair: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    settle(here)
    with monkeypatch.context() as patches:
        patches.setattr(LibvirtHypervisor, "mark", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            there.agent.step()
    stale = domain_id(there, vm_id)
    world.command("cancelMigration", vm_id)
    settle(here)
    world.migrate(vm_id)
    settle(here)
    there.begin()
    settle(here, there, vm=vm_id)
    assert there.runs(vm_id)
    assert domain_id(there, vm_id) != stale


def test_a_save_that_libvirt_finished_without_the_agent_goes_along(world: World, pair: list[Host]) -> None:
    here, there = pair
    vm_id = world.create()
    settle(here)
    world.migrate(vm_id)
    images = ImageStore(here.folder / "images", here.agent.chain.owner())
    draft = images.announce(vm_id, world.vm(vm_id)["epoch"]).with_suffix(".image.partial")
    assert isinstance(here.hypervisor, LibvirtHypervisor)
    uuid = str(here.hypervisor.owner.uuid_of(vm_id))
    here.hypervisor._connection.lookupByUUIDString(uuid).save(str(draft))
    here.begin()
    settle(here)
    record = StateRecord.get(open_storage(here.storage), world.vm(vm_id)["record"])
    assert transfer.MEMORY in record.files
    settle(here, there, vm=vm_id)
    assert there.runs(vm_id)


def test_a_release_that_was_cut_off_is_sent_with_the_record_that_was_stored(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [float(world.w3.eth.get_block("latest")["timestamp"])]
    with hosts(world, tmp_path, clock=lambda: now[0]) as (here, _):
        vm_id = world.create()
        settle(here)
        world.migrate(vm_id)
        images = ImageStore(here.folder / "images", here.agent.chain.owner())
        with monkeypatch.context() as patches:
            patches.setattr(type(here.agent.outbox), "send", lambda *_, **__: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                here.agent.step()
        stored = images.record_of(vm_id, world.vm(vm_id)["epoch"])
        assert stored is not None
        now[0] += 5  # a record made now would be another one
        here.begin()
        settle(here)
        assert world.vm(vm_id)["record"] == stored
