"""A VM's saved state on its way through `novacron.storage`: what a source stores and a target fetches."""

from __future__ import annotations

import os
from pathlib import Path

from novacron.compute.agent.domains import DomainSpec, Owner
from novacron.exceptions import InvalidStateRecordError
from novacron.provenance.digest import canonical_json
from novacron.storage.records import StateRecord, StoredFile
from novacron.storage.storage import Storage

#: Files of a state record that the agent writes.
LEASE, DOMAIN, MEMORY = "lease.json", "domain.xml", "memory.image"


def store_state(
    storage: Storage,
    owner: Owner,
    spec: DomainSpec,
    *,
    description: str | None,
    image: Path | None,
    previous: bytes | None,
    created_at: int,
) -> bytes:
    """Store a VM's size, its domain's XML and its saved memory; returns the record's digest for the chain.

    Args:
        description: the domain's XML, if the hypervisor has one.
        image: the saved memory; None for a VM that does not run.
        previous: digest of the record before this one.
        created_at: seconds since 1970.

    Raises:
        StorageError, StoreError: it cannot be stored; nothing of it is kept.
    """
    size = spec.capacity
    lease = {"cpu": size.cpu, "memory": size.mem, "storage": size.sto, "network": size.net}
    with storage.hold():
        files = {LEASE: _bytes(storage, canonical_json(lease))}
        if description is not None:
            files[DOMAIN] = _bytes(storage, description.encode())
        if image is not None:
            with image.open("rb") as stream:
                cid = storage.put_file(stream, pin=None)
            files[MEMORY] = StoredFile(cid, storage.stat(cid).size)
        return StateRecord(
            vm_id=spec.vm_id,
            chain_id=owner.chain_id,
            contract=owner.contract,
            epoch=spec.epoch,
            kind="snapshot",
            created_at=created_at,
            files=files,
            previous=previous,
        ).put(storage)


def fetch_memory(storage: Storage, owner: Owner, vm_id: int, epoch: int, digest: bytes, path: Path) -> bool:
    """Write the memory that a record holds to `path`, whole or not at all, verified block by block.

    Returns:
        False when the record holds none: the VM did not run.

    Raises:
        InvalidStateRecordError: the record is of another VM, contract, chain or epoch, or its files do not fit it.
        CorruptBlockError, InvalidDagError: what lies in the storage is not what the digest says.
        StorageError, StoreError: it cannot be read now.
    """
    record = StateRecord.get(storage, digest)
    found = (record.chain_id, record.contract.lower(), record.vm_id, record.epoch, record.kind)
    wanted = (owner.chain_id, owner.contract, vm_id, epoch, "snapshot")
    if found != wanted:
        raise InvalidStateRecordError(f"record {digest.hex()} is of {found}, the chain gave it for {wanted}")
    memory = record.files.get(MEMORY)
    if memory is None:
        return False
    draft = path.with_name(path.name + ".fetched")
    try:
        with draft.open("wb") as sink:
            written = storage.read_into(memory.cid, sink)
            sink.flush()
            os.fsync(sink.fileno())
        if written != memory.size:
            raise InvalidStateRecordError(f"{MEMORY} of record {digest.hex()} has {written} bytes, not {memory.size}")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _bytes(storage: Storage, data: bytes) -> StoredFile:
    return StoredFile(storage.put_bytes(data, pin=None), len(data))
