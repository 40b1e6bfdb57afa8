"""From what the chain wants and what the host has to what to do: a pure function, without a memory.

Level-triggered: only the present state counts, never how it came about. So an agent that was killed anywhere, or was
away for a week, does the same as one that saw everything. Actions of one VM are carried out in order and stop at the
first failure; the next pass plans anew.

What keeps two hosts from running one VM:
- a host starts or resumes a VM only as its host, never as the target of a migration, and only while the newest block
  agrees with the confirmed one (`Lease.current`), and halts it as soon as the newest block pays for it no more
  (`Lease.halted`): a pause can be taken back, what has run cannot;
- a source acknowledges the release after the save has ended the domain;
- a target restores paused, under an epoch that marks the copy as complete.

What keeps a VM alive when a node is behind: a domain carries the epoch that it was last acted upon in, and a lease of
an earlier epoch moves nothing (`_acted_since`) until it is certain that the chain itself went back (`Local.rewound`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from novacron.compute.agent.domains import DomainState
from novacron.compute.agent.leases import Image, Lease, Local, Role
from novacron.compute.state_words import State as VMState

#: Seconds that a guest has to power off before its power is cut.
SHUTDOWN_GRACE = 60.0
#: Refusals of the hypervisor in a row after which the agent gives a command up and says so on chain.
MAX_FAILURES = 3
#: A saved memory is this VM's latest while its epoch is at most so much older: to run elsewhere and come back takes
#: three (the target's acknowledgement, a command to migrate, our acknowledgement).
_IMAGE_EPOCHS = 2


class Do(enum.Enum):
    """Kinds of actions; those of the second half are transactions."""

    DEFINE = "define"
    MARK = "mark"
    START = "start"
    RESTORE = "restore"
    RESUME = "resume"
    SUSPEND = "suspend"
    SHUTDOWN = "shutdown"
    DESTROY = "destroy"
    SAVE = "save"
    SNAPSHOT = "snapshot"
    RECEIVE = "receive"
    KEEP = "keep"
    DISCARD = "discard"
    REMOVE = "remove"

    ACKNOWLEDGE_START = "acknowledgeStart"
    ACKNOWLEDGE_STOP = "acknowledgeStop"
    REPORT_FAILURE = "reportFailure"
    RECOVER = "recover"
    RELEASE = "acknowledgeRelease"
    ACKNOWLEDGE_MIGRATION = "acknowledgeMigration"
    ABORT = "abortMigration"
    EXPIRE = "expire"


#: What may be done although the newest block has moved on: it runs nothing and loses nothing.
RESTRICTING = frozenset({Do.SUSPEND, Do.SHUTDOWN, Do.DESTROY})
#: What may be said again although a later command was carried out: the chain refuses it, or had forgotten it.
REPEATABLE = frozenset({Do.ACKNOWLEDGE_START, Do.ACKNOWLEDGE_STOP, Do.RECOVER, Do.ACKNOWLEDGE_MIGRATION, Do.EXPIRE})


@dataclass(frozen=True)
class Action:
    """One thing to do to one VM, under the epoch that it answers."""

    kind: Do
    vm_id: int
    epoch: int


def plan(lease: Lease, local: Local) -> list[Action]:
    """What to do about one VM, in order; empty when everything is as it should be."""
    if lease.role is Role.NONE or lease.state is VMState.TERMINATED:
        kinds = _absent(local)
    elif lease.role is Role.TARGET:
        kinds = _target(lease, local)
    else:
        kinds = _host(lease, local)
        if not kinds and is_latest(local.image, lease) and local.image is not None and local.image.epoch < lease.epoch:
            kinds = [Do.KEEP]
    is_past = _acted_since(lease, local) and not local.rewound
    if is_past:
        halts = lease.exhausted and lease.runs
        kinds = [kind for kind in kinds if kind in REPEATABLE or (kind is Do.SUSPEND and halts)]
    if not lease.current:
        kinds = [kind for kind in kinds if kind in RESTRICTING]
        if not kinds and lease.halted and not is_past and _is(local, DomainState.RUNNING):
            # Else it would run for nothing, or beside the next host, until the command has its confirmations; with a
            # command every few blocks for ever.
            kinds = [Do.SUSPEND]
    return [Action(kind, lease.vm_id, lease.epoch) for kind in kinds]


def is_latest(image: Image | None, lease: Lease) -> bool:
    """Whether the VM has not run since this was saved."""
    if image is None:
        return False
    return 0 <= lease.epoch - image.epoch <= _IMAGE_EPOCHS or image.record == lease.record


# -- as host ---------------------------------------------------------------------------------------------------------


def _host(lease: Lease, local: Local) -> list[Do]:
    state = lease.state
    if lease.runs:
        return _keep_running(lease, local)
    if state is VMState.STARTING:
        return _starting(lease, local)
    if state is VMState.UNKNOWN:
        return _unknown(lease, local)
    if state is VMState.STOPPING:
        if lease.overdue:
            return [*_powered_off(local), Do.EXPIRE]
        return [Do.ACKNOWLEDGE_STOP] if not _active(local) else _powered_off(local)
    if state is VMState.PAUSED:
        return ([Do.SUSPEND] if _is(local, DomainState.RUNNING) else []) + _expire(lease)
    if state is VMState.MIGRATING:
        return _source(lease, local)
    if state in (VMState.SUSPENDED, VMState.FAILED):
        # Nobody asked for its memory to be lost: it is kept for the next start. Halted first: a save may fail.
        return [*([Do.SUSPEND] if _is(local, DomainState.RUNNING) else []), *([Do.SAVE] if _active(local) else [])]
    # Stopped, or waiting for approvals to migrate while stopped or failed.
    stays = [Do.DISCARD] if local.image is not None and state is VMState.STOPPED else []
    return (_powered_off(local) or stays) + (_expire(lease) if state is VMState.MIGRATION_PENDING else [])


def _keep_running(lease: Lease, local: Local) -> list[Do]:
    if lease.exhausted:
        return ([Do.SUSPEND] if _is(local, DomainState.RUNNING) else []) + [Do.EXPIRE]
    if local.failures >= MAX_FAILURES and not _active(local):
        return [Do.REPORT_FAILURE]
    kinds = _made_to_run(lease, local)
    if not kinds and local.snapshot_due and lease.state is VMState.RUNNING:
        kinds = [Do.SNAPSHOT]
    return kinds + _expire(lease)


def _starting(lease: Lease, local: Local) -> list[Do]:
    if lease.overdue:
        return [Do.EXPIRE]
    if local.failures >= MAX_FAILURES and not _active(local):
        return [Do.REPORT_FAILURE]
    return [*_made_to_run(lease, local), Do.ACKNOWLEDGE_START]


def _unknown(lease: Lease, local: Local) -> list[Do]:
    if lease.overdue:
        return [Do.EXPIRE]
    if local.failures >= MAX_FAILURES and not _active(local):
        return [Do.REPORT_FAILURE]
    return [*_made_to_run(lease, local), Do.RECOVER]


def _made_to_run(lease: Lease, local: Local) -> list[Do]:
    """Whatever it takes until the domain runs, in the lease's epoch."""
    if _is(local, DomainState.RUNNING):
        return [] if _in_epoch(lease, local) else [Do.MARK]
    if _is(local, DomainState.PAUSED):
        return [*([] if _in_epoch(lease, local) else [Do.MARK]), Do.RESUME]
    if is_latest(local.image, lease):
        return [Do.DEFINE, Do.RESTORE, Do.RESUME]
    return [Do.DEFINE, Do.START]


def _powered_off(local: Local) -> list[Do]:
    if _is(local, DomainState.PAUSED):  # a halted guest hears no request
        return [Do.DESTROY]
    if not _is(local, DomainState.RUNNING):
        return []
    if local.stopping_for is None:
        return [Do.SHUTDOWN]
    return [Do.DESTROY] if local.stopping_for >= SHUTDOWN_GRACE else []


# -- migrations ------------------------------------------------------------------------------------------------------


def _source(lease: Lease, local: Local) -> list[Do]:
    if lease.released:
        return ([Do.SUSPEND] if _is(local, DomainState.RUNNING) else []) + _expire(lease)
    if lease.overdue:
        return [Do.EXPIRE]
    release = [] if lease.origin is VMState.FAILED else [Do.RELEASE]  # a failed VM's target does not wait for it
    if _active(local):
        return [Do.ABORT] if local.failures >= MAX_FAILURES else [Do.SAVE, *release]
    return release


def _target(lease: Lease, local: Local) -> list[Do]:
    complete = local.domain is not None and _in_epoch(lease, local)
    if not complete and local.domain is not None and local.domain.epoch != 0:
        return _absent(local)  # a copy of an earlier attempt; its memory is out of date
    if lease.state is not VMState.MIGRATING or not (lease.released or lease.origin is VMState.FAILED):
        return []
    if lease.overdue:
        return [Do.EXPIRE]
    if complete:
        halt = [Do.SUSPEND] if _is(local, DomainState.RUNNING) else []
        return [*halt, Do.ACKNOWLEDGE_MIGRATION]
    if local.failures >= MAX_FAILURES:
        return [Do.ABORT]
    halt = [Do.SUSPEND] if _is(local, DomainState.RUNNING) else []
    return [*halt, Do.RECEIVE, Do.ACKNOWLEDGE_MIGRATION]


def _absent(local: Local) -> list[Do]:
    return [Do.REMOVE] if local.domain is not None or local.image is not None else []


# -- parts -----------------------------------------------------------------------------------------------------------


def _expire(lease: Lease) -> list[Do]:
    return [Do.EXPIRE] if lease.overdue else []


def _acted_since(lease: Lease, local: Local) -> bool:
    """Whether the agent has carried out a later command than the lease knows: it was read from a chain of the past."""
    domain = 0 if local.domain is None else local.domain.epoch
    return max(domain, 0 if local.image is None else local.image.epoch) > lease.epoch


def _is(local: Local, state: DomainState) -> bool:
    return local.domain is not None and local.domain.state is state


def _active(local: Local) -> bool:
    return local.domain is not None and local.domain.state.active


def _in_epoch(lease: Lease, local: Local) -> bool:
    return local.domain is not None and local.domain.epoch >= lease.epoch
