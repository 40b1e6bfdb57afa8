"""States of a VM: recorded with their digest on chain, and checked block by block afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from novacron.chain import EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.compute.state_records import record_vm_state, verify_state_integrity
from novacron.compute.vms import VMs
from novacron.exceptions import InputError
from novacron.market.deployment import Account, Deployment
from novacron.storage.records import StateRecord
from novacron.storage.storage import Storage, open_storage
from tests.sdk.agent.world import World


@dataclass
class Customer:
    world: World
    vms: VMs
    account: Account
    storage: Storage
    folder: Path


@pytest.fixture
def customer(world: World, tmp_path: Path) -> Iterator[Customer]:
    with (
        EndpointPool([world.node.url], health_interval=None) as pool,
        Journal(tmp_path / "journal.db") as journal,
        open_storage(tmp_path / "storage") as storage,
    ):
        deployment = Deployment(pool, {"VMLifecycle": world.lifecycle.address})
        key = world.node.accounts[4][1]
        account = Account(deployment, TransactionManager(pool, signer_from_key(key), journal, poll_interval=0.05))
        yield Customer(world, VMs(deployment), account, storage, tmp_path)


def file(customer: Customer, name: str, content: bytes) -> Path:
    path = customer.folder / name
    path.write_bytes(content)
    return path


def test_a_state_is_stored_and_its_digest_is_on_chain(customer: Customer) -> None:
    vm_id = customer.world.create(start=False)
    files = {"disk.img": file(customer, "disk", b"x" * 3_000_000), "notes": file(customer, "notes", b"")}
    first = record_vm_state(customer.vms, customer.account, customer.storage, vm_id, files)
    assert customer.world.vm(vm_id)["record"] == first.digest
    found = verify_state_integrity(customer.vms, customer.storage, vm_id)
    assert (found.ok, found.on_chain, found.record) == (True, True, first.record)
    second = record_vm_state(customer.vms, customer.account, customer.storage, vm_id, files, kind="configuration")
    assert [digest for digest, _ in StateRecord.history(customer.storage, second.digest)] == [
        second.digest,
        first.digest,
    ]
    old = verify_state_integrity(customer.vms, customer.storage, vm_id, first.digest)
    assert (old.ok, old.on_chain) == (True, False)


def test_what_is_damaged_missing_or_of_another_vm_is_said(customer: Customer) -> None:
    vm_id, other = customer.world.create(start=False), customer.world.create(start=False)
    unknown = verify_state_integrity(customer.vms, customer.storage, vm_id)
    assert not unknown.ok, "the configuration's digest leads to no record"
    files = {"disk.img": file(customer, "disk", b"y" * 1000)}
    made = record_vm_state(customer.vms, customer.account, customer.storage, vm_id, files)
    stolen = verify_state_integrity(customer.vms, customer.storage, other, made.digest)
    assert f"the record is of VM {vm_id}" in stolen.problems[0]
    block = next((customer.folder / "storage").rglob(made.record.files["disk.img"].cid.digest.hex()))
    block.chmod(0o600)
    block.write_bytes(b"z" * 1000)
    damaged = verify_state_integrity(customer.vms, customer.storage, vm_id)
    assert not damaged.ok
    assert damaged.problems[0].startswith("disk.img: ")
    block.unlink()
    missing = verify_state_integrity(customer.vms, customer.storage, vm_id)
    assert missing.problems
    assert missing.problems != damaged.problems


def test_what_cannot_be_recorded_is_refused_before_anything_is_sent(customer: Customer) -> None:
    vm_id = customer.world.create(start=False)
    with pytest.raises(InputError, match="at least one file"):
        record_vm_state(customer.vms, customer.account, customer.storage, vm_id, {})
    with pytest.raises(InputError, match="cannot be read"):
        record_vm_state(customer.vms, customer.account, customer.storage, vm_id, {"a": customer.folder / "none"})
    customer.world.command("terminate", vm_id)
    with pytest.raises(InputError, match="is terminated"):
        record_vm_state(customer.vms, customer.account, customer.storage, vm_id, {"a": file(customer, "a", b"a")})
