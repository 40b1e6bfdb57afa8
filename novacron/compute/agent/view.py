"""What the chain says about one host: which VMs concern it, and what they are due to be.

Everything is read at block hashes (EIP-1898): at a block with the configured confirmations, by which the agent acts,
and at the newest one, by which it refuses to start what is about to change and counts funds.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.chain import ContractHandle, EndpointPool, load_abi
from novacron.compute.agent.domains import Owner
from novacron.compute.agent.leases import Lease, Role
from novacron.compute.capacity import Capacity
from novacron.compute.state_words import State as VMState
from novacron.compute.states import DEADLINES
from novacron.exceptions import ConfigurationError, InconsistentEndpointError, RetryableError

log = logging.getLogger(__name__)

#: VMs asked for in one call: the answer stays below the limits that nodes set to a call.
_CHUNK = 200
#: Blocks that are searched again when the last one searched is no longer on the chain.
_REWIND = 1_000
#: Blocks in which a migration's release is looked for: more than an hour of them.
_MIGRATION_BLOCKS = 20_000
#: Seconds of silence after which the registry takes a host to have vanished (`HEARTBEAT_TIMEOUT`).
_SILENCE = 300
_ZERO = "0x" + 40 * "0"
_TIMED = frozenset(
    {
        VMState.STARTING,
        VMState.STOPPING,
        VMState.PAUSED,
        VMState.MIGRATION_PENDING,
        VMState.MIGRATING,
        VMState.UNKNOWN,
    }
)


@dataclass(frozen=True)
class Block:
    """A block: number, hash (0x and 64 digits) and time (Unix seconds)."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True)
class View:
    """One reading of the chain.

    Attributes:
        confirmed: the block that the agent acts by.
        head: the newest block.
        last_heartbeat: when the host was last heard of, as the newest block has it, in seconds.
        leases: VMs that concern the host, by id.
        unknown: ids asked for that the contract does not know.
    """

    confirmed: Block
    head: Block
    last_heartbeat: int
    leases: dict[int, Lease]
    unknown: frozenset[int] = frozenset()

    @property
    def holds_until(self) -> float:
        """When, if the host is not heard of again, its VMs may be Failed and on their way elsewhere; Unix seconds.

        They become Unknown when the silence has lasted, and anybody makes them Failed when that has.
        """
        return max(self.head.timestamp, self.last_heartbeat + _SILENCE) + DEADLINES[VMState.UNKNOWN]


class ChainView:
    """Reads the leases of one host.

    Args:
        pool: the chain's endpoints.
        lifecycle, registry: addresses of VMLifecycle and HostRegistry.
        host_id: the host.
        confirmations: blocks, the block's own included, after which the agent acts by it.
        cursor: file that remembers how far the events were read, and whose VMs were found.
        first_block: where the contract's events begin.
        clock: Unix seconds.
    """

    def __init__(
        self,
        pool: EndpointPool,
        lifecycle: str,
        registry: str,
        host_id: int,
        *,
        confirmations: int = 1,
        cursor: Path,
        first_block: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if confirmations < 1:
            raise ConfigurationError(f"confirmations = {confirmations}: at least 1, which is the newest block itself")
        self.pool, self.host_id, self._confirmations = pool, host_id, confirmations
        self.lifecycle = ContractHandle(pool, lifecycle, "VMLifecycle")
        self.registry = ContractHandle(pool, registry, "HostRegistry")
        self._fields = _components("VMLifecycle", "vmsOf")
        self._host_fields = _components("HostRegistry", "hostOf")
        self._cursor = _Cursor(cursor, f"{self.lifecycle.address}:{host_id}", first_block)
        self._clock = clock

    def owner(self) -> Owner:
        """Whose domains the host's are."""
        return Owner(self.pool.chain_id(), self.lifecycle.address, self.host_id)

    def host(self, block: str = "latest") -> dict[str, Any]:
        """The host's entry in the registry, by field.

        Raises:
            RevertedError: the registry has no such host.
        """
        return dict(zip(self._host_fields, self.registry.call("hostOf", self.host_id, block=block), strict=True))

    def read(self, local: Iterable[int] = ()) -> View:
        """The leases now; `local` are VMs that the host has domains of, whatever the events say.

        Raises:
            ChainError: the chain does not answer; nothing is known.
        """
        head, confirmed = self._blocks()
        ids = sorted(self._cursor.follow(self.pool, confirmed, self._events) | set(local))
        newest, clock, heard = self._vms(ids, head)
        settled = newest if head == confirmed else self._vms(ids, confirmed)[0]
        leases: dict[int, Lease] = {}
        unknown, gone = set(), set()
        for vm_id in ids:
            vm = settled[vm_id]
            if vm["customer"] == _ZERO:
                unknown.add(vm_id)
                continue
            lease = self._lease(vm_id, vm)
            leases[vm_id] = self._now(lease, newest[vm_id], head, clock)
            if lease.role is Role.NONE or lease.state is VMState.TERMINATED:
                gone.add(vm_id)
        self._cursor.forget(gone)
        return View(confirmed, head, heard, leases, frozenset(unknown))

    def released_record(self, vm_id: int, until: Block) -> bytes:
        """Digest of the state that a VM's source released it with.

        From the event and not from the VM, whose record may be a later one by the newest block: what a target restores
        must be what its source's agent saved.

        Raises:
            RetryableError: the node does not show the event.
        """
        first = max(until.number - _MIGRATION_BLOCKS, 0)
        found = list(self.lifecycle.events("MigrationReleased", first, until.number, {"vmId": vm_id}))
        if not found:
            raise RetryableError(
                f"the endpoint shows no release of VM {vm_id} between blocks {first} and {until.number}"
            )
        return bytes(found[-1].args["record"])

    # -- inside ------------------------------------------------------------------------------------------------------

    def _blocks(self) -> tuple[Block, Block]:
        head = self._block("latest")
        number = max(head.number - self._confirmations + 1, 0)
        return head, head if number == head.number else self._block(hex(number))

    def _block(self, tag: str) -> Block:
        found = self.pool.request("eth_getBlockByNumber", [tag, False])
        if found is None:
            raise InconsistentEndpointError(f"the node does not show block {tag}, which is below its own head")
        return Block(int(found["number"], 16), str(found["hash"]).lower(), int(found["timestamp"], 16))

    def _events(self, first: int, last: int) -> set[int]:
        """VMs that events between two blocks bring to the host."""
        found: set[int] = set()
        for name, argument in (
            ("VMCreated", "hostId"),
            ("StateChanged", "hostId"),
            ("MigrationRequested", "targetHostId"),
        ):
            for event in self.lifecycle.events(name, first, last, {argument: self.host_id}):
                found.add(int(event.args["vmId"]))
        return found

    def _vms(self, ids: list[int], block: Block) -> tuple[dict[int, dict[str, Any]], int, int]:
        """VMs by id, the host's clock and its last heartbeat, at one block."""
        chunks = [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
        answers = self.lifecycle.call_many([("vmsOf", chunk) for chunk in chunks], block=block.hash) if chunks else []
        clock, host = self.registry.call_many([("clockOf", self.host_id), ("hostOf", self.host_id)], block=block.hash)
        found: dict[int, dict[str, Any]] = {}
        for chunk, answer in zip(chunks, answers, strict=True):
            if len(answer) != len(chunk):
                raise InconsistentEndpointError(f"vmsOf answered {len(answer)} VMs for {len(chunk)} ids")
            for vm_id, values in zip(chunk, answer, strict=True):
                found[vm_id] = dict(zip(self._fields, values, strict=True))
        return found, int(clock), int(dict(zip(self._host_fields, host, strict=True))["lastHeartbeat"])

    def _lease(self, vm_id: int, vm: dict[str, Any]) -> Lease:
        state = VMState(vm["state"])
        migrating = state in (VMState.MIGRATION_PENDING, VMState.MIGRATING)
        if vm["hostId"] == self.host_id:
            role = Role.HOST
        elif migrating and vm["targetId"] == self.host_id:
            role = Role.TARGET
        else:
            role = Role.NONE
        return Lease(
            vm_id=vm_id,
            role=role,
            state=state,
            epoch=int(vm["epoch"]),
            capacity=Capacity.of(vm["capacity"]),
            origin=VMState(vm["origin"]),
            released=bool(vm["released"]),
            record=bytes(vm["record"]),
        )

    def _now(self, lease: Lease, newest: dict[str, Any], head: Block, clock: int) -> Lease:
        """The lease with what only the newest block can say."""
        seen = self._lease(lease.vm_id, newest)
        current = (seen.role, seen.state, seen.epoch, seen.released) == (
            lease.role,
            lease.state,
            lease.epoch,
            lease.released,
        )
        # A guest that is to power off, or whose host is back, goes on; elsewhere billing has ended with the block.
        goes_on = seen.runs or seen.state in (VMState.STOPPING, VMState.UNKNOWN)
        halted = seen.epoch > lease.epoch and not (seen.role is Role.HOST and goes_on)
        funded_until = None
        if seen.role is Role.HOST and seen.runs:
            remaining = int(newest["funded"]) - int(newest["used"]) - max(clock - int(newest["since"]), 0)
            now = self._clock()
            funded_until = now - max(now - head.timestamp, 0.0) + remaining
        deadline = int(newest["deadline"])
        overdue = current and seen.state in _TIMED and 0 < deadline <= head.timestamp
        return replace(lease, current=current, halted=halted, funded_until=funded_until, overdue=overdue)


class _Cursor:
    """How far events were read, and the VMs found and still of interest; what is lost of it is read again."""

    def __init__(self, path: Path, subject: str, first_block: int) -> None:
        self._path, self._subject, self._first = path, subject, first_block
        self._next, self._hash = first_block, ""
        self._vms: set[int] = set()
        self._gone: set[int] = set()
        self._load()

    def follow(self, pool: EndpointPool, until: Block, events: Callable[[int, int], set[int]]) -> set[int]:
        if self._next > self._first:
            last = pool.request("eth_getBlockByNumber", [hex(self._next - 1), False])
            if last is None or str(last["hash"]).lower() != self._hash:
                log.warning("block %d was reorganised out of the chain; events are read again", self._next - 1)
                self._next = max(self._next - _REWIND, self._first)
        if self._next <= until.number:
            found = events(self._next, until.number)
            changed = not found <= self._vms
            self._vms |= found
            self._gone -= found
            self._next, self._hash = until.number + 1, until.hash
            if changed or self._gone:
                self._store()
        return set(self._vms)

    def forget(self, vms: set[int]) -> None:
        """Ask no more for VMs that are gone once the host has removed them; another event brings them back."""
        self._gone = vms & self._vms
        self._vms -= vms

    def _load(self) -> None:
        try:
            found = json.loads(self._path.read_text())
            if found["subject"] == self._subject and int(found["first"]) <= self._first:
                self._next, self._hash = int(found["next"]), str(found["hash"])
                self._vms = {int(vm) for vm in found["vms"]}
        except (OSError, ValueError, KeyError, TypeError):
            self._next, self._hash, self._vms = self._first, "", set()  # everything is on the chain

    def _store(self) -> None:
        document = {
            "subject": self._subject,
            "first": self._first,
            "next": self._next,
            "hash": self._hash,
            "vms": sorted(self._vms),
        }
        write_atomically(self._path, json.dumps(document) + "\n")


def _components(contract: str, function: str) -> list[str]:
    """Names of the fields of the struct that a function returns."""
    item = next(item for item in load_abi(contract) if item.get("name") == function)
    return [str(field["name"]) for field in item["outputs"][0]["components"]]
