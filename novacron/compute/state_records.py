"""A VM's state: store what it is, put the digest on chain, find out later whether it is still there and whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from novacron.chain.receipts import TransactionReceipt
from novacron.compute.state_words import State
from novacron.compute.vms import VM, VMs
from novacron.exceptions import InputError, InvalidCidError, InvalidDagError, InvalidStateRecordError, StorageError
from novacron.market.deployment import Account
from novacron.storage.cid import Cid
from novacron.storage.records import StateRecord, StoredFile
from novacron.storage.storage import Storage

_NONE = bytes(32)


@dataclass(frozen=True)
class RecordedState:
    """A state that is stored, with its digest on chain."""

    digest: bytes
    record: StateRecord
    receipt: TransactionReceipt


@dataclass(frozen=True)
class StateIntegrity:
    """What was found out about a VM's recorded state.

    Attributes:
        vm_id: the VM.
        digest: what was checked.
        on_chain: whether it is the VM's latest record on chain.
        record: the record, where it can be read and is what the digest says.
        problems: what is wrong, one sentence each; empty when every block is there and whole.
    """

    vm_id: int
    digest: bytes
    on_chain: bool
    record: StateRecord | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the state can be read back, whole, and is the VM's."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "vm": self.vm_id,
            "digest": self.digest.hex(),
            "cid": str(Cid.from_digest(self.digest)),
            "on_chain": self.on_chain,
            "ok": self.ok,
            "problems": list(self.problems),
        }


def record_vm_state(
    vms: VMs,
    account: Account,
    storage: Storage,
    number: int,
    files: Mapping[str, Path],
    *,
    kind: Literal["configuration", "snapshot"] = "snapshot",
    created_at: int | None = None,
) -> RecordedState:
    """Store files as the state of a VM in its present epoch, and put the record's digest on chain.

    The record names the one before it where that is the record of this VM and can be read, so that the states of a VM
    form a chain. What was stored stays stored when the chain does not answer: repeat the call, or send the digest.

    Args:
        account: the customer, or the agent of the VM's host.
        number: the VM.
        files: by name in the record; at least one.
        created_at: Unix seconds; now when None.

    Raises:
        InputError: no files, one cannot be read, or its name is none; the VM is terminated.
        StorageError, StoreError: it cannot be stored; nothing of it is kept.
        RevertedError: the VM is unknown, its epoch moved on meanwhile, or the account may not record.
    """
    vm = vms.vm(number)
    if not files:
        raise InputError(f"VM {number}: give at least one file to record")
    if vm.state is State.TERMINATED:
        raise InputError(f"VM {number} is terminated; its state cannot be recorded any more")
    with storage.hold():
        stored: dict[str, StoredFile] = {}
        for name, path in files.items():
            try:
                with path.open("rb") as stream:
                    cid = storage.put_file(stream, pin=None)
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
            stored[name] = StoredFile(cid, storage.stat(cid).size)
        record = StateRecord(
            vm_id=number,
            chain_id=vms.deployment.pool.chain_id(),
            contract=vms.contract.address,
            epoch=vm.epoch,
            kind=kind,
            created_at=int(time.time()) if created_at is None else created_at,
            files=stored,
            previous=_previous(vms, storage, vm),
        )
        digest = record.put(storage)
    return RecordedState(digest, record, vms.record(account, number, digest))


def verify_state_integrity(vms: VMs, storage: Storage, number: int, digest: bytes | None = None) -> StateIntegrity:
    """Read a VM's recorded state back: every block is hashed, and the record must be this VM's.

    Args:
        digest: a record of the VM; None for the latest on chain.

    Raises:
        RevertedError: there is no such VM.
        ChainError: the chain does not answer.
        StorageUnavailableError and other trouble of the storage itself are problems of the answer, not exceptions.
    """
    vm = vms.vm(number)
    checked = vm.record if digest is None else digest
    found: StateRecord | None = None
    problems: list[str] = []
    try:
        found = StateRecord.get(storage, checked)
        wanted = (vms.deployment.pool.chain_id(), vms.contract.address, number)
        if (found.chain_id, found.contract, found.vm_id) != wanted:
            problems.append(
                f"the record is of VM {found.vm_id} of {found.contract} on chain {found.chain_id}, not of VM {number}"
            )
        if found.epoch > vm.epoch:
            problems.append(f"the record is of epoch {found.epoch}, the VM is at {vm.epoch}: it was not made by then")
        for name, file in found.files.items():
            problems += [f"{name}: {fault.message}" for fault in storage.faults(file.cid)]
        if not problems:
            StateRecord.verify(storage, checked)  # sizes, too
    except (StorageError, InvalidCidError, InvalidStateRecordError, InvalidDagError) as error:
        problems.append(str(error))
    return StateIntegrity(number, checked, checked == vm.record, found, tuple(problems))


def _previous(vms: VMs, storage: Storage, vm: VM) -> bytes | None:
    """The record on chain, where it is a record of this VM; a customer may have put any digest there."""
    if vm.record == _NONE:
        return None
    try:
        before = StateRecord.get(storage, vm.record)
    except (StorageError, InvalidCidError, InvalidStateRecordError):
        return None
    same = (before.chain_id, before.contract, before.vm_id) == (
        vms.deployment.pool.chain_id(),
        vms.contract.address,
        vm.id,
    )
    return vm.record if same and before.epoch <= vm.epoch else None
