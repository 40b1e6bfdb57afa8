"""The plan: a table over all states of a VM and of its domain, and what must hold over all of them at once."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from novacron.compute.agent.domains import Domain, DomainState
from novacron.compute.agent.leases import Image, Lease, Local, Role
from novacron.compute.agent.plan import MAX_FAILURES, REPEATABLE, RESTRICTING, SHUTDOWN_GRACE, Do, plan
from novacron.compute.capacity import Capacity
from novacron.compute.state_words import State as VMState

SIZE = Capacity(1000, 1024, 10, 0)
EPOCH = 7
RECORD = bytes(range(32))


def lease(state: VMState, role: Role = Role.HOST, **changes: object) -> Lease:
    made = Lease(vm_id=1, role=role, state=state, epoch=EPOCH, capacity=SIZE, origin=VMState.RUNNING)
    return replace(made, **changes)  # type: ignore[arg-type]


def local(state: DomainState | None, *, epoch: int = EPOCH, image: int | None = None, **changes: object) -> Local:
    domain = None if state is None else Domain(1, epoch, SIZE, state)
    made = Local(domain=domain, image=None if image is None else Image(image))
    return replace(made, **changes)  # type: ignore[arg-type]


def kinds(one: Lease, other: Local) -> list[Do]:
    actions = plan(one, other)
    assert all((action.vm_id, action.epoch) == (1, EPOCH) for action in actions)
    return [action.kind for action in actions]


ABSENT, OFF, SAVED = local(None), local(DomainState.OFF), local(DomainState.SAVED, image=EPOCH)
PAUSED, RUNNING = local(DomainState.PAUSED), local(DomainState.RUNNING)
HERE = (ABSENT, OFF, SAVED, PAUSED, RUNNING)

BOOT, BACK = [Do.DEFINE, Do.START], [Do.DEFINE, Do.RESTORE, Do.RESUME]
FIVE = tuple[list[Do], list[Do], list[Do], list[Do], list[Do]]

#: What a host does by state of the VM, for a domain that is absent, off, saved, paused, running.
AS_HOST: dict[VMState, FIVE] = {
    VMState.STOPPED: ([], [], [Do.DISCARD], [Do.DESTROY], [Do.SHUTDOWN]),
    VMState.STARTING: (
        [*BOOT, Do.ACKNOWLEDGE_START],
        [*BOOT, Do.ACKNOWLEDGE_START],
        [*BACK, Do.ACKNOWLEDGE_START],
        [Do.RESUME, Do.ACKNOWLEDGE_START],
        [Do.ACKNOWLEDGE_START],
    ),
    VMState.RUNNING: (BOOT, BOOT, BACK, [Do.RESUME], []),
    VMState.STOPPING: (
        [Do.ACKNOWLEDGE_STOP],
        [Do.ACKNOWLEDGE_STOP],
        [Do.ACKNOWLEDGE_STOP],
        [Do.DESTROY],
        [Do.SHUTDOWN],
    ),
    VMState.PAUSED: ([], [], [], [], [Do.SUSPEND]),
    VMState.MIGRATION_PENDING: (BOOT, BOOT, BACK, [Do.RESUME], []),
    VMState.MIGRATING: ([Do.RELEASE], [Do.RELEASE], [Do.RELEASE], [Do.SAVE, Do.RELEASE], [Do.SAVE, Do.RELEASE]),
    VMState.FAILED: ([], [], [], [Do.SAVE], [Do.SUSPEND, Do.SAVE]),
    VMState.UNKNOWN: (
        [*BOOT, Do.RECOVER],
        [*BOOT, Do.RECOVER],
        [*BACK, Do.RECOVER],
        [Do.RESUME, Do.RECOVER],
        [Do.RECOVER],
    ),
    VMState.SUSPENDED: ([], [], [], [Do.SAVE], [Do.SUSPEND, Do.SAVE]),
    VMState.TERMINATED: ([], [Do.REMOVE], [Do.REMOVE], [Do.REMOVE], [Do.REMOVE]),
}


def test_the_table_has_every_state() -> None:
    assert set(AS_HOST) == set(VMState)


@pytest.mark.parametrize("state", VMState, ids=lambda state: state.name)
def test_a_host_does_what_the_table_says(state: VMState) -> None:
    assert [kinds(lease(state), here) for here in HERE] == list(AS_HOST[state])


@pytest.mark.parametrize("origin", [VMState.STOPPED, VMState.FAILED])
def test_a_vm_that_does_not_run_is_not_started_while_approvals_come_in(origin: VMState) -> None:
    waiting = lease(VMState.MIGRATION_PENDING, origin=origin)
    assert [kinds(waiting, here) for here in HERE] == [[], [], [], [Do.DESTROY], [Do.SHUTDOWN]]


def test_a_failed_vms_source_saves_what_runs_and_releases_nothing() -> None:
    moving = lease(VMState.MIGRATING, origin=VMState.FAILED)
    assert [kinds(moving, here) for here in HERE] == [[], [], [], [Do.SAVE], [Do.SAVE]]


def test_a_source_that_has_released_keeps_the_memory_and_runs_nothing() -> None:
    gone = lease(VMState.MIGRATING, released=True)
    assert [kinds(gone, here) for here in HERE] == [[], [], [], [], [Do.SUSPEND]]


@pytest.mark.parametrize("state", VMState, ids=lambda state: state.name)
def test_a_host_that_is_nothing_to_a_vm_removes_it(state: VMState) -> None:
    found = [kinds(lease(state, Role.NONE), here) for here in HERE]
    assert found == [[], [Do.REMOVE], [Do.REMOVE], [Do.REMOVE], [Do.REMOVE]]


# -- the target of a migration -----------------------------------------------------------------------------------------

RECEIVED = [Do.RECEIVE, Do.ACKNOWLEDGE_MIGRATION]


def test_a_target_waits_for_the_release() -> None:
    assert kinds(lease(VMState.MIGRATING, Role.TARGET), ABSENT) == []
    assert kinds(lease(VMState.MIGRATION_PENDING, Role.TARGET), ABSENT) == []


def test_a_target_receives_and_acknowledges_and_does_not_resume() -> None:
    moving = lease(VMState.MIGRATING, Role.TARGET, released=True)
    assert kinds(moving, ABSENT) == RECEIVED
    assert kinds(moving, PAUSED) == [Do.ACKNOWLEDGE_MIGRATION]
    assert kinds(moving, OFF) == [Do.ACKNOWLEDGE_MIGRATION]  # it came without a memory
    assert kinds(moving, RUNNING) == [Do.SUSPEND, Do.ACKNOWLEDGE_MIGRATION]


@pytest.mark.parametrize("state", [DomainState.OFF, DomainState.PAUSED])
def test_a_copy_that_is_not_marked_complete_is_received_again(state: DomainState) -> None:
    moving = lease(VMState.MIGRATING, Role.TARGET, released=True)
    assert kinds(moving, local(state, epoch=0)) == RECEIVED


def test_libvirts_test_driver_may_have_left_an_unmarked_copy_running() -> None:
    moving = lease(VMState.MIGRATING, Role.TARGET, released=True)
    assert kinds(moving, local(DomainState.RUNNING, epoch=0)) == [Do.SUSPEND, *RECEIVED]


def test_a_copy_of_an_earlier_attempt_is_removed_first() -> None:
    for released in (False, True):
        moving = lease(VMState.MIGRATING, Role.TARGET, released=released)
        assert kinds(moving, local(DomainState.PAUSED, epoch=EPOCH - 3)) == [Do.REMOVE]


def test_a_failed_vm_is_received_without_a_release() -> None:
    assert kinds(lease(VMState.MIGRATING, Role.TARGET, origin=VMState.FAILED), ABSENT) == RECEIVED


def test_a_target_that_cannot_receive_gives_the_vm_back() -> None:
    moving = lease(VMState.MIGRATING, Role.TARGET, released=True)
    assert kinds(moving, replace(ABSENT, failures=MAX_FAILURES)) == [Do.ABORT]


def test_after_its_acknowledgement_the_target_is_the_host_and_resumes() -> None:
    assert kinds(lease(VMState.RUNNING), local(DomainState.PAUSED, epoch=EPOCH - 1)) == [Do.MARK, Do.RESUME]


# -- funds, time, trouble ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [VMState.RUNNING, VMState.MIGRATION_PENDING], ids=lambda state: state.name)
def test_a_vm_without_funds_does_not_run(state: VMState) -> None:
    found = [kinds(lease(state, exhausted=True), here) for here in HERE]
    assert found == [[Do.EXPIRE], [Do.EXPIRE], [Do.EXPIRE], [Do.EXPIRE], [Do.SUSPEND, Do.EXPIRE]]


def test_a_deadline_that_passed_is_carried_out_and_nothing_is_started() -> None:
    for state in (VMState.STARTING, VMState.UNKNOWN):
        assert [kinds(lease(state, overdue=True), here) for here in HERE] == 5 * [[Do.EXPIRE]]
    stopping = lease(VMState.STOPPING, overdue=True)
    assert [kinds(stopping, here)[-1] for here in HERE] == 5 * [Do.EXPIRE]
    for role in (Role.HOST, Role.TARGET):
        moving = lease(VMState.MIGRATING, role, overdue=True, released=True)
        assert kinds(moving, ABSENT) == [Do.EXPIRE]


def test_a_guest_that_does_not_power_off_is_cut_off_after_its_grace() -> None:
    for state in (VMState.STOPPING, VMState.STOPPED):
        waiting = replace(RUNNING, stopping_for=SHUTDOWN_GRACE - 1)
        assert kinds(lease(state), waiting) == []
        assert kinds(lease(state), replace(waiting, stopping_for=SHUTDOWN_GRACE)) == [Do.DESTROY]


@pytest.mark.parametrize("state", [VMState.STARTING, VMState.RUNNING, VMState.UNKNOWN], ids=lambda state: state.name)
def test_a_vm_that_cannot_be_started_is_reported(state: VMState) -> None:
    assert kinds(lease(state), replace(OFF, failures=MAX_FAILURES)) == [Do.REPORT_FAILURE]
    assert Do.REPORT_FAILURE not in kinds(lease(state), replace(OFF, failures=MAX_FAILURES - 1))
    assert Do.REPORT_FAILURE not in kinds(lease(state), replace(RUNNING, failures=MAX_FAILURES))


def test_a_source_that_cannot_save_gives_the_migration_up() -> None:
    assert kinds(lease(VMState.MIGRATING), replace(RUNNING, failures=MAX_FAILURES)) == [Do.ABORT]


def test_a_snapshot_is_taken_when_it_is_due_and_nothing_else_is() -> None:
    due = replace(RUNNING, snapshot_due=True)
    assert kinds(lease(VMState.RUNNING), due) == [Do.SNAPSHOT]
    assert kinds(lease(VMState.MIGRATION_PENDING), due) == []
    assert kinds(lease(VMState.RUNNING), replace(due, domain=PAUSED.domain)) == [Do.RESUME]


# -- saved memories ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "restored"), [(0, True), (1, True), (2, True), (3, False), (50, False)])
def test_an_image_is_restored_only_where_the_vm_cannot_have_run_since(age: int, restored: bool) -> None:
    saved = local(DomainState.SAVED, epoch=EPOCH - age, image=EPOCH - age)
    assert (Do.RESTORE in kinds(lease(VMState.STARTING), saved)) is restored


def test_an_image_whose_record_is_the_latest_on_chain_is_restored_whatever_its_age() -> None:
    old = replace(ABSENT, image=Image(1, RECORD))
    assert Do.RESTORE in kinds(lease(VMState.STARTING, record=RECORD), old)
    assert Do.RESTORE not in kinds(lease(VMState.STARTING, record=bytes(32)), old)


def test_an_image_is_kept_up_to_date_while_the_vm_rests() -> None:
    saved = local(DomainState.SAVED, epoch=EPOCH - 1, image=EPOCH - 1)
    assert kinds(lease(VMState.FAILED), saved) == [Do.KEEP]
    assert kinds(lease(VMState.FAILED), SAVED) == []


# -- what holds over everything ----------------------------------------------------------------------------------------

LEASES = [
    lease(state, role, origin=origin, released=released, exhausted=exhausted, overdue=overdue)
    for state, role, origin, released, exhausted, overdue in itertools.product(
        VMState,
        Role,
        (VMState.STOPPED, VMState.RUNNING, VMState.FAILED),
        *3 * [(False, True)],
    )
]
LOCALS = [
    replace(local(state, epoch=epoch, image=image), failures=failures, stopping_for=since, snapshot_due=True)
    for state, epoch, image, failures, since in itertools.product(
        (None, *DomainState), (0, EPOCH - 4, EPOCH), (None, EPOCH - 4, EPOCH), (0, 3), (None, 90.0)
    )
]
RUNS = {Do.START, Do.RESUME}


def test_only_the_host_of_a_vm_that_is_due_to_run_runs_it() -> None:
    due = {VMState.STARTING, VMState.RUNNING, VMState.UNKNOWN, VMState.MIGRATION_PENDING}
    for one, other in itertools.product(LEASES, LOCALS):
        if RUNS & set(kinds(one, other)):
            assert one.role is Role.HOST
            assert one.state in due
            assert one.state is not VMState.MIGRATION_PENDING or one.origin is VMState.RUNNING
            assert not (one.exhausted and one.runs)


def test_nothing_is_run_acknowledged_or_lost_while_the_newest_block_disagrees() -> None:
    for one, other in itertools.product(LEASES, LOCALS):
        assert set(kinds(replace(one, current=False), other)) <= RESTRICTING


def test_what_the_newest_block_pays_nobody_for_is_halted_at_once() -> None:
    halts = {Do.SUSPEND, Do.SHUTDOWN, Do.DESTROY}
    for one, other in itertools.product(LEASES, LOCALS):
        found = set(kinds(replace(one, current=False, halted=True), other))
        if other.domain is not None and other.domain.state is DomainState.RUNNING:
            assert found & halts
        assert found <= RESTRICTING


def test_a_halt_of_the_past_does_not_stop_what_was_commanded_since() -> None:
    later = local(DomainState.RUNNING, epoch=EPOCH + 1)
    assert kinds(lease(VMState.RUNNING, current=False, halted=True), later) == []


def test_a_release_is_acknowledged_only_when_the_domain_is_off_or_is_saved_first() -> None:
    for one, other in itertools.product(LEASES, LOCALS):
        found = kinds(one, other)
        if Do.RELEASE in found:
            active = other.domain is not None and other.domain.state.active
            assert found == ([Do.SAVE, Do.RELEASE] if active else [Do.RELEASE])


def test_a_target_acknowledges_only_what_is_complete_or_received_just_before() -> None:
    for one, other in itertools.product(LEASES, LOCALS):
        found = kinds(one, other)
        if Do.ACKNOWLEDGE_MIGRATION in found:
            complete = other.domain is not None and other.domain.epoch == one.epoch
            assert complete or found[-2:] == RECEIVED
            assert one.released or one.origin is VMState.FAILED


def test_a_domain_is_removed_only_where_the_vm_is_terminated_elsewhere_or_out_of_date() -> None:
    for one, other in itertools.product(LEASES, LOCALS):
        if Do.REMOVE in kinds(one, other):
            assert one.role is not Role.HOST or one.state is VMState.TERMINATED


def test_a_lease_from_the_past_moves_nothing_and_removes_nothing() -> None:
    for one, other in itertools.product(LEASES, LOCALS):
        if other.domain is None:
            continue
        later = replace(other, domain=replace(other.domain, epoch=EPOCH + 1))
        halted = {Do.SUSPEND} if one.exhausted and one.runs else set()
        assert set(kinds(one, later)) <= REPEATABLE | halted


def test_a_chain_that_went_back_is_followed_once_that_is_certain() -> None:
    later = local(DomainState.RUNNING, epoch=EPOCH + 1)
    assert kinds(lease(VMState.STOPPED), later) == []
    assert kinds(lease(VMState.STOPPED), replace(later, rewound=True)) == [Do.SHUTDOWN]
    assert kinds(lease(VMState.STARTING), later) == [Do.ACKNOWLEDGE_START]
