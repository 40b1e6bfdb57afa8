"""One pass: read hypervisor and chain, plan, carry out. All state is in those two, the journal and the images.

The hypervisor is read first: while it does not answer, no heartbeat says that the host is alive. The order matters too
where the agent may die: a domain is saved before its release is acknowledged, an image is given up before the domain
that was restored from it runs on.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from novacron.compute.agent.domains import Domain, DomainSpec, DomainState, Owner
from novacron.compute.agent.driver import Hypervisor
from novacron.compute.agent.images import ImageStore
from novacron.compute.agent.leases import Lease, Local
from novacron.compute.agent.outbox import Outbox, Sending
from novacron.compute.agent.plan import Action, Do, is_latest, plan
from novacron.compute.agent.report import Report, Trouble
from novacron.compute.agent.transfer import fetch_memory, store_state
from novacron.compute.agent.view import ChainView, View
from novacron.compute.state_words import State as VMState
from novacron.exceptions import (
    ChainResetError,
    ChainUnavailableError,
    CorruptBlockError,
    ForeignDomainError,
    HypervisorError,
    HypervisorUnavailableError,
    InvalidDagError,
    InvalidStateRecordError,
    NovaCronError,
    RetryableError,
)
from novacron.storage.storage import Storage

log = logging.getLogger(__name__)

#: Longest pause after a VM's operations failed, in seconds; the first is 1, each further one twice as long.
_LONGEST_PAUSE = 60.0
#: Seconds by which this host's clock and the chain's may differ.
_CLOCK_SKEW = 60.0
#: Actions that are a transaction and nothing else.
_SAID = frozenset(
    {
        Do.ACKNOWLEDGE_START,
        Do.ACKNOWLEDGE_STOP,
        Do.REPORT_FAILURE,
        Do.RECOVER,
        Do.ACKNOWLEDGE_MIGRATION,
        Do.ABORT,
        Do.EXPIRE,
    }
)
#: What no later attempt can mend: the migration is given up at once.
_HOPELESS = (InvalidStateRecordError, CorruptBlockError, InvalidDagError)


class Reconciler:
    """Makes one host do what the chain says.

    Args:
        hypervisor: the host's.
        chain: reads the host's leases.
        outbox: sends acknowledgements.
        storage: where saved states go to and come from.
        images: the host's saved memories.
        heartbeat: seconds after which the host says that it is alive; well below the registry's timeout.
        snapshots: seconds between two snapshots of a running VM; None for none.
        clock: Unix seconds; monotonic: seconds that never go back.
        stop: when set, a pass ends after the VM it is at.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        chain: ChainView,
        outbox: Outbox,
        storage: Storage,
        images: ImageStore,
        *,
        heartbeat: float = 60.0,
        snapshots: float | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        stop: threading.Event | None = None,
    ) -> None:
        self.hypervisor, self.chain, self.outbox = hypervisor, chain, outbox
        self._storage, self._images = storage, images
        self._heartbeat, self._snapshots = heartbeat, snapshots
        self._clock, self._monotonic = clock, monotonic
        self._stop = threading.Event() if stop is None else stop
        self._trouble: dict[int, Trouble] = {}
        self._view: View | None = None
        self._beaten = 0.0
        self._warned: frozenset[int] = frozenset()

    def step(self) -> Report:
        """One pass over everything.

        Raises:
            HypervisorUnavailableError: the hypervisor does not answer. Nothing was done, nothing said.
            ChainError: the chain does not answer. Nothing was done but what `offline` does.
        """
        domains = self.hypervisor.domains()
        view = self._read(domains)
        report = Report(vms=len(view.leases))
        report.heartbeat = self._beat(view)
        for vm_id, lease in view.leases.items():
            if self._stop.is_set():
                break
            self._reconcile(self._at(lease), domains.get(vm_id), view, report)
            self._beat_again(view)
        for gone in self._trouble.keys() - view.leases.keys():
            del self._trouble[gone]
        return report

    def offline(self) -> Report:
        """What is done while the chain does not answer: VMs run on, but none beyond the funds that were last read, and
        none when its customer may have taken it to another host: both would write to its disk.
        """
        report = Report()
        if self._view is None:
            return report
        domains = self.hypervisor.domains()
        is_late = self._clock() >= self._view.holds_until - _CLOCK_SKEW
        for vm_id, lease in self._view.leases.items():
            domain, lease = domains.get(vm_id), self._at(lease)
            halts = is_late or (lease.exhausted and lease.runs)
            if halts and domain is not None and domain.state is DomainState.RUNNING:
                action = Action(Do.SUSPEND, vm_id, lease.epoch)
                try:
                    self.hypervisor.suspend(vm_id)
                except HypervisorError as error:
                    report.failures[vm_id] = error
                else:
                    report.done.append(action)
                    why = "it may be another host's by now" if is_late else "its funds ran out"
                    _say("suspended", vm=vm_id, reason=f"{why} while the chain does not answer")
        return report

    def preview(self) -> list[tuple[int, str, str, int, str, str]]:
        """What a pass would do: VM, role, state, epoch, domain, actions. Changes nothing."""
        domains = self.hypervisor.domains()
        rows = []
        for vm_id, lease in self._read(domains).leases.items():
            domain = domains.get(vm_id)
            found = plan(self._at(lease), Local(domain=domain, image=self._images.get(vm_id)))
            actions = ", ".join(action.kind.value for action in found) or "nothing"
            there = "-" if domain is None else domain.state.value
            rows.append((vm_id, lease.role.value, lease.state.name.capitalize(), lease.epoch, there, actions))
        return rows

    def next_exhaustion(self) -> float | None:
        """When the funds of the next running VM end, Unix seconds; None when there is none, or it is past."""
        leases = () if self._view is None else self._view.leases.values()
        ends = [lease.funded_until for lease in leases if lease.funded_until is not None]
        return min((end for end in ends if end > self._clock()), default=None)

    # -- the pass ----------------------------------------------------------------------------------------------------

    def _read(self, domains: dict[int, Domain]) -> View:
        view = self.chain.read(domains)
        if self._view is not None and view.confirmed.number < self._view.confirmed.number:
            raise RetryableError(
                f"the endpoint is behind: block {view.confirmed.number}, {self._view.confirmed.number} was acted upon"
            )
        unknown = view.unknown & domains.keys()
        if unknown - self._warned:
            _say("unknown VMs", vms=sorted(unknown), reason="the contract does not know them; their domains are left")
        self._warned, self._view = unknown, view
        return view

    def _at(self, lease: Lease) -> Lease:
        """The lease with its funds as they are now."""
        if lease.funded_until is None:
            return lease
        return replace(lease, exhausted=self._clock() >= lease.funded_until)

    def _beat_again(self, view: View) -> None:
        """A heartbeat in the middle of a long pass: many VMs to save would make the host vanish for all of them."""
        if self._monotonic() - self._beaten < self._heartbeat:
            return
        self.hypervisor.domains()  # it still answers
        heard = self.chain.host()["lastHeartbeat"]
        self._beat(replace(view, last_heartbeat=int(heard)))

    def _beat(self, view: View) -> Sending | None:
        self._beaten = self._monotonic()
        now = max(view.head.timestamp, self._clock())
        if now - view.last_heartbeat < self._heartbeat:
            return None
        registry, host = self.chain.registry, self.chain.host_id
        key = f"heartbeat:{registry.address}:{host}:{view.last_heartbeat}"
        try:
            return self.outbox.send(key, registry, "heartbeat", host, block=view.confirmed.number)
        except (ChainUnavailableError, ChainResetError):
            raise
        except NovaCronError as error:
            _say("heartbeat failed", error=str(error))
            return Sending.REFUSED

    def _reconcile(self, lease: Lease, domain: Domain | None, view: View, report: Report) -> None:
        trouble = self._trouble.setdefault(lease.vm_id, Trouble())
        if trouble.epoch != lease.epoch:  # another command: what went wrong with the last one is over
            trouble.epoch, trouble.failures, trouble.pauses, trouble.not_before = lease.epoch, 0, 0, 0.0
        if domain is None or not domain.state.active:
            trouble.stopping_since = None
        if self._monotonic() < trouble.not_before:
            return
        vm_id = lease.vm_id
        try:
            actions = plan(lease, self._local(lease, domain, view, trouble))
            for action in actions:
                if not self._do(action, lease, view, trouble):
                    break
                report.done.append(action)
            trouble.pauses = 0
            if any(action.kind not in _SAID for action in actions):
                trouble.failures = 0
        except (HypervisorUnavailableError, ChainUnavailableError, ChainResetError):
            raise
        except NovaCronError as error:
            report.failures[vm_id] = error
            self._failed(lease, error, trouble)

    def _failed(self, lease: Lease, error: NovaCronError, trouble: Trouble) -> None:
        """Only what the hypervisor refuses counts towards giving up: storage and chain come back."""
        if isinstance(error, HypervisorError):
            trouble.failures += 1
        elif isinstance(error, _HOPELESS):
            trouble.failures += 100
        pause = min(2.0**trouble.pauses, _LONGEST_PAUSE)
        trouble.pauses += 1
        trouble.not_before = self._monotonic() + pause
        kind = "foreign domain" if isinstance(error, ForeignDomainError) else "failed"
        _say(kind, vm=lease.vm_id, state=lease.state.name, epoch=lease.epoch, retry_in=pause, error=str(error))

    def _local(self, lease: Lease, domain: Domain | None, view: View, trouble: Trouble) -> Local:
        vm_id, now = lease.vm_id, self._monotonic()
        if domain is None or domain.epoch <= lease.epoch:
            trouble.behind_since = None
        elif trouble.behind_since is None:
            trouble.behind_since = max(self._clock(), view.confirmed.timestamp)
        # A block made after that moment contains whatever was acted upon before it, unless the chain went back.
        behind = trouble.behind_since
        rewound = behind is not None and view.confirmed.timestamp > behind + _CLOCK_SKEW
        if domain is not None and domain.state is DomainState.SAVED and self._images.is_unfinished(vm_id):
            self.hypervisor.save(vm_id, self._images.path_of(vm_id))  # the agent had died while libvirt saved it
        if trouble.snapshot_at is None:
            trouble.snapshot_at = now
        due = self._snapshots is not None and now - trouble.snapshot_at >= self._snapshots
        since = trouble.stopping_since
        return Local(
            domain=domain,
            image=self._images.get(vm_id),
            stopping_for=None if since is None else now - since,
            failures=trouble.failures,
            snapshot_due=due,
            rewound=rewound,
        )

    # -- actions -----------------------------------------------------------------------------------------------------

    def _do(self, action: Action, lease: Lease, view: View, trouble: Trouble) -> bool:
        """Carry out one action; False when the ones after it must not follow."""
        kind, vm_id = action.kind, action.vm_id
        if kind in _SAID:
            return self._send(action, view) is not Sending.REFUSED
        simple: dict[Do, Callable[[], None]] = {
            Do.DEFINE: lambda: self.hypervisor.define(lease.spec),
            Do.MARK: lambda: self.hypervisor.mark(lease.spec),
            Do.SUSPEND: lambda: self.hypervisor.suspend(vm_id),
            Do.DESTROY: lambda: self.hypervisor.destroy(vm_id),
            Do.DISCARD: lambda: self._images.discard(vm_id),
            Do.KEEP: lambda: self._images.keep(vm_id, lease.epoch),
            Do.RESTORE: lambda: self.hypervisor.restore(lease.spec, self._images.path_of(vm_id)),
            Do.START: lambda: self._run(self.hypervisor.start, vm_id),
            Do.RESUME: lambda: self._run(self.hypervisor.resume, vm_id),
            Do.SAVE: lambda: self.hypervisor.save(vm_id, self._images.announce(vm_id, lease.epoch)),
            Do.RECEIVE: lambda: self._receive(lease, view),
            Do.REMOVE: lambda: self._remove(vm_id),
        }
        if kind in simple:
            simple[kind]()
        elif kind is Do.SHUTDOWN:
            self.hypervisor.shutdown(vm_id)
            trouble.stopping_since = self._monotonic()
        elif kind is Do.RELEASE:
            return self._release(action, lease, view) is not Sending.REFUSED
        elif kind is Do.SNAPSHOT:
            trouble.snapshot_at = self._monotonic()  # before it: one that fails is not tried every pass
            self._snapshot(lease, view)
        _say(kind.value, vm=vm_id, state=lease.state.name, epoch=lease.epoch)
        return True

    def _run(self, operation: Callable[[int], None], vm_id: int) -> None:
        # A VM that runs on makes its image a thing of the past, which must never be restored.
        self._images.discard(vm_id)
        operation(vm_id)

    def _remove(self, vm_id: int) -> None:
        self.hypervisor.destroy(vm_id)
        self.hypervisor.undefine(vm_id)
        self._images.discard(vm_id)

    def _receive(self, lease: Lease, view: View) -> None:
        """The target's part of a migration: the epoch in the domain says that the copy is complete."""
        vm_id, owner = lease.vm_id, self._owner
        if lease.origin is VMState.RUNNING:
            path = self._images.announce(vm_id, lease.epoch)
            found = path.exists()
            if not found:
                record = self.chain.released_record(vm_id, view.confirmed)
                found = fetch_memory(self._storage, owner, vm_id, lease.epoch, record, path)
            if found:
                draft = DomainSpec(vm_id, 0, lease.capacity)
                self.hypervisor.destroy(vm_id)  # one that was not marked may hold the memory of an earlier attempt
                self.hypervisor.define(draft)
                self.hypervisor.restore(draft, path)
                self.hypervisor.mark(lease.spec)
                return
        self.hypervisor.define(lease.spec)

    def _release(self, action: Action, lease: Lease, view: View) -> Sending:
        vm_id = lease.vm_id
        record = self._images.record_of(vm_id, lease.epoch)
        if record is None:
            image = self._images.get(vm_id)
            record = self._store(lease, with_memory=lease.origin is VMState.RUNNING and is_latest(image, lease))
            self._images.recorded(vm_id, lease.epoch, record)
        return self._send(action, view, record)

    def _snapshot(self, lease: Lease, view: View) -> None:
        vm_id = lease.vm_id
        self.hypervisor.save(vm_id, self._images.announce(vm_id, lease.epoch))
        copy = self._images.link(vm_id)
        self.hypervisor.define(lease.spec)
        self.hypervisor.restore(lease.spec, self._images.path_of(vm_id))
        self._run(self.hypervisor.resume, vm_id)
        try:
            record = store_state(
                self._storage,
                self._owner,
                lease.spec,
                description=self.hypervisor.describe(vm_id),
                image=copy,
                previous=_previous(lease),
                created_at=int(self._clock()),
            )
        finally:
            copy.unlink(missing_ok=True)
        contract = self.chain.lifecycle
        key = f"recordState:{contract.address}:{vm_id}:{lease.epoch}:{record.hex()}"
        self.outbox.send(key, contract, "recordState", vm_id, lease.epoch, record, block=view.confirmed.number)

    def _store(self, lease: Lease, *, with_memory: bool) -> bytes:
        vm_id = lease.vm_id
        known = vm_id in self.hypervisor.domains()
        return store_state(
            self._storage,
            self._owner,
            lease.spec,
            description=self.hypervisor.describe(vm_id) if known else None,
            image=self._images.path_of(vm_id) if with_memory else None,
            previous=_previous(lease),
            created_at=int(self._clock()),
        )

    def _send(self, action: Action, view: View, record: bytes | None = None) -> Sending:
        contract, vm_id, epoch = self.chain.lifecycle, action.vm_id, action.epoch
        key = f"{action.kind.value}:{contract.address}:{vm_id}:{epoch}"
        arguments: list[object] = [vm_id] if action.kind is Do.EXPIRE else [vm_id, epoch]
        if record is not None:
            key += f":{record.hex()}"
            arguments.append(record)
        sent = self.outbox.send(key, contract, action.kind.value, *arguments, block=view.confirmed.number)
        _say(action.kind.value, vm=vm_id, epoch=epoch, result=sent.value)
        return sent

    @property
    def _owner(self) -> Owner:
        return self._images.owner


def _previous(lease: Lease) -> bytes | None:
    return lease.record if any(lease.record) else None


def _say(event: str, **fields: object) -> None:
    """One structured line. Nothing in it comes from a key or an address with credentials."""
    log.info("%s", json.dumps({"event": event, **fields}, default=str))
