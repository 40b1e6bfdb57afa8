"""The record that describes a new VM: stored off chain, its digest on chain from the VM's first moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from novacron.chain.receipts import TransactionReceipt
from novacron.compute.capacity import Capacity
from novacron.compute.vms import VMs
from novacron.exceptions import InputError
from novacron.market.deployment import Account
from novacron.provenance.digest import canonical_json
from novacron.storage.records import StateRecord, StoredFile
from novacron.storage.storage import Storage

#: File of a configuration record that says what the VM has.
LEASE = "lease.json"
#: Epoch that a VM is created in.
FIRST_EPOCH = 1


def store_configuration(
    vms: VMs,
    storage: Storage,
    number: int,
    capacity: Capacity,
    files: Mapping[str, Path],
    *,
    created_at: int | None = None,
) -> bytes:
    """Store what describes VM `number`; returns the record's digest, 32 bytes.

    Args:
        files: further files by name (an image, a cloud-init file).
        created_at: Unix seconds; now when None.

    Raises:
        InputError: a file cannot be read, or has the name of the lease.
        StorageError, StoreError: it cannot be stored; nothing of it is kept.
    """
    if LEASE in files:
        raise InputError(f"a file named {LEASE} is made here; give yours another name")
    with storage.hold():
        stored = {LEASE: storage.put_bytes(canonical_json(capacity.to_dict()), pin=None)}
        for name, path in files.items():
            try:
                with path.open("rb") as stream:
                    stored[name] = storage.put_file(stream, pin=None)
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
        return StateRecord(
            vm_id=number,
            chain_id=vms.deployment.pool.chain_id(),
            contract=vms.contract.address,
            epoch=FIRST_EPOCH,
            kind="configuration",
            created_at=int(time.time()) if created_at is None else created_at,
            files={name: StoredFile(cid, storage.stat(cid).size) for name, cid in stored.items()},
        ).put(storage)


def create_described(
    vms: VMs,
    account: Account,
    storage: Storage,
    host: int,
    capacity: Capacity,
    seconds: int,
    *,
    files: Mapping[str, Path],
    policy: int = 0,
    key: str | None = None,
) -> tuple[int, TransactionReceipt]:
    """Create a VM whose configuration is stored here. Returns its number, and the receipt.

    A record names its VM, whose number is not known before it is there: the next one is assumed, and where somebody
    else was faster, the right record is put on chain at once. Should that be interrupted, `vm record` repeats it.
    """
    expected = vms.count() + 1
    digest = store_configuration(vms, storage, expected, capacity, files)
    number, receipt = vms.create(account, host, capacity, seconds, digest, policy=policy, key=key)
    given = vms.contract.decode_logs(receipt, "VMCreated")[0].args["configuration"]
    if given != digest:  # a repetition: the record of the first time counts
        StateRecord.drop(storage, digest)
    elif number != expected:
        StateRecord.drop(storage, digest)
        vms.record(account, number, store_configuration(vms, storage, number, capacity, files))
    return number, receipt
