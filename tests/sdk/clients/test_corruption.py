"""A damaged, edited or full store: noticed, named, never repaired by starting afresh."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from novacron.exceptions import ConfigurationError, CorruptStoreError, StoreError, StoreFullError
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.outbox import Outbox
from novacron.provenance.clients.tree import build_tree
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.rfc9162 import leaf_hash

D1, D2, D3, D4 = (bytes([n]) * 32 for n in (1, 2, 3, 4))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "local.sqlite"
    with LocalBlockchainClient(path) as client:
        client.store_hash(D1, {"epoch": 1})
        client.batch_store_hashes([D2, (D3, {"epoch": 2})])
        run = client.open_run(D1, D2).run
        client.extend_run(run, 1, leaf_hash(b""), [])
        client.store_hash(D4)
    return path


def edit(path: Path, sql: str, *values: object) -> None:
    """Change the file behind the client's back; the edit must hit something."""
    connection = sqlite3.connect(path)
    assert connection.execute(sql, values).rowcount > 0
    connection.commit()
    connection.close()


EDITS = [
    "UPDATE blocks SET body = CAST(replace(CAST(body AS TEXT), '\"epoch\":1', '\"epoch\":7') AS BLOB) WHERE number = 1",
    "UPDATE blocks SET timestamp = timestamp - 1 WHERE number = 2",
    "UPDATE blocks SET hash = zeroblob(32) WHERE number = 3",
    "UPDATE blocks SET parent = zeroblob(32) WHERE number = 4",
    "DELETE FROM blocks WHERE number = 5",
    "DELETE FROM blocks WHERE number = 2",
    "DELETE FROM blocks",
    "DELETE FROM head",
    "UPDATE head SET records = 3",
    "UPDATE head SET number = 4",
    "UPDATE head SET hash = zeroblob(32)",
    "DELETE FROM records WHERE position = 1",
    "UPDATE records SET metadata = CAST('{\"epoch\":9}' AS BLOB) WHERE position = 1",
    "UPDATE records SET metadata = CAST('{\"epoch\":9}' AS BLOB) WHERE block = 1",
    "UPDATE records SET digest = zeroblob(32) WHERE block = 1",
    "UPDATE records SET block = 5 WHERE block = 1",
    "UPDATE records SET node = 7 WHERE position = 1",
    "UPDATE trees SET nodes = zeroblob(length(nodes))",
    "UPDATE trees SET nodes = zeroblob(7)",
    "DELETE FROM trees",
    "DELETE FROM runs",
    "UPDATE runs SET block = 3",
    "INSERT INTO runs VALUES (zeroblob(32), 3)",
    "INSERT INTO trees VALUES (3, zeroblob(32))",
]


@pytest.mark.parametrize("sql", EDITS)
def test_every_edit_of_the_store_is_found_by_open_or_check(path: Path, sql: str) -> None:
    edit(path, sql)
    before = path.stat().st_size
    with pytest.raises(CorruptStoreError, match="restore"):
        with LocalBlockchainClient(path) as client:
            client.check()
    assert path.stat().st_size >= before  # never rebuilt


def test_reading_notices_an_edited_record_without_a_full_check(path: Path) -> None:
    with LocalBlockchainClient(path) as client:
        identifiers = [client.record_id(d) for d in (D1, D3)]
        for identifier in identifiers:
            client.retrieve_hash(identifier)
        edit(path, "UPDATE records SET metadata = CAST('{\"x\":1}' AS BLOB)")
        for identifier in identifiers:
            with pytest.raises(CorruptStoreError):
                client.retrieve_hash(identifier)


def test_a_damaged_store_exports_nothing(path: Path, tmp_path: Path) -> None:
    with LocalBlockchainClient(path) as client:
        edit(path, "UPDATE trees SET nodes = zeroblob(length(nodes))")
        with pytest.raises(CorruptStoreError):
            client.export_json(tmp_path / "out.json")
    assert [item.name for item in tmp_path.iterdir() if "json" in item.name] == []


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to look like one" * 40])
def test_a_file_that_is_no_store_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with pytest.raises(CorruptStoreError):
        LocalBlockchainClient(path)
    assert path.read_bytes() == content


def test_flipped_bytes_anywhere_are_found_or_harmless(path: Path) -> None:
    with LocalBlockchainClient(path) as client:
        records = client.records()
        head = client.head()
    original = path.read_bytes()
    found = 0
    for offset in range(0, len(original), 211):
        damaged = bytearray(original)
        damaged[offset] ^= 0xFF
        path.write_bytes(damaged)
        try:
            with LocalBlockchainClient(path) as client:
                client.check()
                assert (client.records(), client.head()) == (records, head)  # a byte nobody reads
        except StoreError:
            found += 1
    assert found > 10


# -- disk full -----------------------------------------------------------------------------------------------------


def test_a_full_disk_is_reported_and_nothing_is_half_written(path: Path) -> None:
    with LocalBlockchainClient(path) as client:
        before, records = client.head(), client.records()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        try:
            with pytest.raises(StoreFullError):
                client.batch_store_hashes([n.to_bytes(32, "big") for n in range(5_000)])
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
            with pytest.raises(StoreFullError):
                client.export_json(path.with_name("export.json"))
            assert not path.with_name("export.json").exists()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert (client.head(), client.records()) == (before, records)
        client.check()
        client.store_hash(bytes(32))


def test_a_full_disk_refuses_a_record_before_anything_is_sent(open_client: Callable[..., Web3BlockchainClient]) -> None:
    client = open_client()
    first = client.store_hash(os.urandom(32))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(StoreFullError):
            client.store_hash(os.urandom(32))
        with pytest.raises(StoreFullError):
            client.batch_store_hashes([os.urandom(32)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert (client.pending(), client.failed()) == ([], [])
    client.check()
    assert client.retrieve_hash(first.id) == first
    assert client.store_hash(os.urandom(32)).status == "confirmed"


# -- the outbox ----------------------------------------------------------------------------------------------------


def outbox(path: Path) -> Outbox:
    return Outbox(path, chain_id=31337, contract="0x" + "11" * 20, submitter="0x" + "22" * 20)


@pytest.fixture
def queued(tmp_path: Path) -> Path:
    path = tmp_path / "outbox.sqlite"
    box = outbox(path)
    records = [(D1, b'{"a":1}'), (D2, b"")]
    tree, nodes, encoding = build_tree(records)
    box.add_batch(records, b"", tree, nodes, encoding, repr)
    box.claim([box.add(D3, b"", repr), box.add(D4, b"", repr)])
    box.check()
    box.close()
    return path


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE records SET metadata = x'7b7d' WHERE seq = 1",
        "UPDATE records SET digest = zeroblob(32) WHERE seq = 2",
        "UPDATE records SET group_id = 99 WHERE seq = 3",
        "UPDATE records SET position = 5 WHERE seq = 3",
        "DELETE FROM records WHERE seq = 4",
        "UPDATE groups SET state = 'confirmed' WHERE id = 1",
        "UPDATE groups SET word = zeroblob(32) WHERE id = 2",
        "DELETE FROM groups WHERE id = 2",
        "UPDATE trees SET nodes = zeroblob(96)",
        "DELETE FROM trees",
    ],
)
def test_an_edited_outbox_is_found(queued: Path, sql: str) -> None:
    edit(queued, sql)
    box = outbox(queued)
    with pytest.raises(CorruptStoreError, match="restore"):
        box.check()


def test_an_outbox_without_binding_is_damaged_not_new(queued: Path) -> None:
    edit(queued, "DELETE FROM binding")
    with pytest.raises(CorruptStoreError):
        outbox(queued)


def test_an_outbox_belongs_to_one_chain_contract_and_account(queued: Path) -> None:
    with pytest.raises(ConfigurationError, match="31337"):
        Outbox(queued, chain_id=1, contract="0x" + "11" * 20, submitter="0x" + "22" * 20)


def test_two_openers_create_one_store(tmp_path: Path, digest: Callable[[], bytes]) -> None:
    first, second = LocalBlockchainClient(tmp_path / "s"), LocalBlockchainClient(tmp_path / "s")
    assert first.store_id == second.store_id
    first.store_hash(digest())
    second.store_hash(digest())
    second.check()
    assert first.head() == second.head()
