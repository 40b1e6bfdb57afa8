"""The embedded client: records, batches, runs, export and import."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import (
    ConfigurationError,
    DuplicateRecordError,
    InputError,
    InvalidDigestError,
    MetadataTooLargeError,
    ProofFormatError,
    ProofInvalidError,
    RunConflictError,
    SealedRunError,
    StoreConflictError,
    UnknownRecordError,
)
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.model import StoredHash
from novacron.provenance.digest import hex_digest
from novacron.provenance.rfc9162 import EMPTY_ROOT, leaf_hash, node_hash, root_of
from tests.support.workers import in_processes

D1, D2, D3 = (bytes([n]) * 32 for n in (1, 2, 3))
LEAVES = [leaf_hash(bytes([n])) for n in range(4)]


def test_a_stored_hash_is_retrieved_and_verified(local: LocalBlockchainClient) -> None:
    stored = local.store_hash("0x" + "Ab" * 32, {"epoch": 3, "loss": 0.5})
    assert stored.hash == "ab" * 32
    assert stored.id == f"local:{local.store_id}/local/{'ab' * 32}" == local.record_id("ab" * 32)
    assert (stored.status, stored.chain_id, stored.block_number, stored.batch) == ("confirmed", 0, 1, None)
    assert local.retrieve_hash(stored.id) == stored
    assert local.verify_hash("AB" * 32, stored.id)
    assert not local.verify_hash(D1, stored.id)


@pytest.mark.parametrize("bad", ["ab" * 31, "ab" * 33, "zz" * 32, b"x" * 31, "", 7, None])
def test_a_malformed_hash_is_refused_and_nothing_written(local: LocalBlockchainClient, bad: object) -> None:
    with pytest.raises(InvalidDigestError):
        local.store_hash(bad)  # type: ignore[arg-type]
    assert local.head()[0] == 0


def test_metadata_over_the_limit_is_refused_and_nothing_written(local: LocalBlockchainClient) -> None:
    with pytest.raises(MetadataTooLargeError):
        local.store_hash(D1, {"noise": os.urandom(4096).hex()})
    with pytest.raises(InputError):
        local.store_hash(D1, {"x": object()})
    assert local.head()[0] == 0


def test_a_digest_is_recorded_once_alone_or_in_a_batch(local: LocalBlockchainClient) -> None:
    stored = local.store_hash(D1)
    with pytest.raises(DuplicateRecordError, match=stored.id):
        local.store_hash(D1, {"other": True})
    with pytest.raises(DuplicateRecordError, match=stored.id):
        local.batch_store_hashes([D2, D1])
    with pytest.raises(DuplicateRecordError):
        local.batch_store_hashes([D2, D3, D2])
    local.check()
    assert [record.hash for record in local.records()] == [hex_digest(D1)]


def test_an_empty_or_malformed_batch_is_refused(local: LocalBlockchainClient) -> None:
    for bad in ([], "ab" * 32, [(D1,)], [42], [(D1, "text")]):
        with pytest.raises(InputError):
            local.batch_store_hashes(bad)  # type: ignore[arg-type]
    assert local.head()[0] == 0


def test_each_record_of_a_batch_proves_itself_alone(local: LocalBlockchainClient) -> None:
    records = local.batch_store_hashes([D1, (D2, {"epoch": 2}), (D3, None)], batch_metadata={"job": "x"})
    assert len({record.block_number for record in records}) == 1
    for index, record in enumerate(records):
        assert record.batch is not None
        assert (record.batch.index, record.batch.size) == (index, 3)
        assert record.batch.verifies(record.digest, record.metadata)
        assert not record.batch.verifies(record.digest, {"epoch": 9})
        assert not record.batch.verifies(bytes(32), record.metadata)
        assert StoredHash.from_dict(json.loads(json.dumps(record.to_dict()))) == record
        assert local.verify_record(record)
    plain = local.batch_store_hashes([bytes([9]) * 32])[0].batch
    assert plain is not None
    assert plain.leaf_encoding == ("bytes32",)
    assert not plain.verifies(bytes([9]) * 32, {"made": "up"})  # a plain leaf commits to no metadata


def test_unknown_and_foreign_ids_are_told_apart_from_malformed_ones(local: LocalBlockchainClient) -> None:
    for unknown in (local.record_id(D1), f"local:{'0' * 32}/local/{hex_digest(D1)}", local.record_id(D1) + "#1"):
        with pytest.raises(UnknownRecordError):
            local.retrieve_hash(unknown)
        with pytest.raises(UnknownRecordError):
            local.verify_hash(D1, unknown)
    for malformed in ("", "x", f"a/b/{'g' * 64}", hex_digest(D1)):
        with pytest.raises(InputError):
            local.retrieve_hash(malformed)


def test_nothing_is_ever_pending(local: LocalBlockchainClient) -> None:
    local.store_hash(D1)
    assert (local.pending(), local.failed(), local.reconcile().complete) == ([], [], True)


def test_block_time_comes_from_the_clock_and_never_runs_back(tmp_path: Path) -> None:
    times = iter([100.0, 105.9, 50.0])
    with LocalBlockchainClient(tmp_path / "s", clock=lambda: next(times)) as client:
        assert [client.store_hash(d).timestamp for d in (D1, D2)] == [105, 105]


def test_a_store_belongs_to_one_submitter(tmp_path: Path) -> None:
    LocalBlockchainClient(tmp_path / "s", submitter="alice").close()
    with LocalBlockchainClient(tmp_path / "s") as client:
        assert client.submitter == "alice"
    with pytest.raises(ConfigurationError, match="alice"):
        LocalBlockchainClient(tmp_path / "s", submitter="bob")
    with pytest.raises(ConfigurationError):
        LocalBlockchainClient(tmp_path / "t", submitter="a/b")


# -- runs ----------------------------------------------------------------------------------------------------------


def test_a_run_grows_by_proof_only_and_ends_sealed(local: LocalBlockchainClient) -> None:
    info = local.open_run(D1, D2)
    assert info.run == local.run_id(D1, D2)
    assert local.open_run(D1, D2).run == info.run
    head = local.run_head(info.run)
    assert (head.size, head.root, head.model_digest) == (0, EMPTY_ROOT, None)
    with pytest.raises(InputError, match="no entries"):
        local.seal_run(info.run, D3)
    local.extend_run(info.run, 1, root_of(LEAVES[:1]), [])
    head = local.extend_run(info.run, 3, root_of(LEAVES[:3]), [LEAVES[1], LEAVES[2]])
    assert head == local.extend_run(info.run, 3, root_of(LEAVES[:3]), [])  # repeated: unchanged
    sealed = local.seal_run(info.run, D3)
    assert sealed.model_digest == D3
    assert local.seal_run(info.run, D3) == sealed
    with pytest.raises(SealedRunError):
        local.seal_run(info.run, D1)
    with pytest.raises(SealedRunError):
        local.extend_run(info.run, 4, root_of(LEAVES), [])
    local.check()


def test_a_run_that_shrinks_forks_or_is_unknown_is_refused(local: LocalBlockchainClient) -> None:
    run = local.open_run(D1, D2).run
    two = root_of(LEAVES[:2])
    with pytest.raises(ProofInvalidError):
        local.extend_run(run, 2, two, [LEAVES[0]])  # from size 0 the proof is empty
    local.extend_run(run, 2, two, [])
    with pytest.raises(RunConflictError, match="ahead"):
        local.extend_run(run, 1, LEAVES[0], [])
    with pytest.raises(RunConflictError, match="two histories"):
        local.extend_run(run, 2, D3, [])
    forked = node_hash(node_hash(LEAVES[3], LEAVES[1]), LEAVES[2])
    with pytest.raises(ProofInvalidError):
        local.extend_run(run, 3, forked, [LEAVES[2]])
    with pytest.raises(UnknownRecordError):
        local.extend_run(D3, 1, LEAVES[0], [])
    for size in (0, -1, 2**48):
        with pytest.raises(InputError):
            local.extend_run(run, size, two, [])
    with pytest.raises(InputError, match="zero"):
        local.seal_run(run, bytes(32))
    assert local.run_head(run).size == 2


# -- export and import ---------------------------------------------------------------------------------------------


def filled(path: Path) -> LocalBlockchainClient:
    client = LocalBlockchainClient(path, clock=lambda: 1_000.0)
    client.store_hash(D1, {"a": [1, 2.5, "ü"]})
    client.batch_store_hashes([D2, (D3, {"b": None})])
    run = client.open_run(D1, D2).run
    client.extend_run(run, 2, root_of(LEAVES[:2]), [])
    client.extend_run(run, 4, root_of(LEAVES), [node_hash(LEAVES[2], LEAVES[3])])
    client.seal_run(run, D3)
    return client


def test_an_import_equals_what_was_exported(tmp_path: Path) -> None:
    source = filled(tmp_path / "a")
    assert source.export_json(tmp_path / "a.json") == 7
    copy = LocalBlockchainClient(tmp_path / "b")
    assert copy.import_json(tmp_path / "a.json") == 6
    copy.check()
    assert copy.records() == source.records()
    assert copy.head() == source.head()
    run = source.run_id(D1, D2)
    assert copy.run_head(run) == source.run_head(run)
    assert copy.import_json(tmp_path / "a.json") == 0
    source.store_hash(bytes(31) + b"\7")
    source.export_json(tmp_path / "a.json")
    assert copy.import_json(tmp_path / "a.json") == 1
    assert copy.head() == source.head()


def test_an_import_of_another_history_is_refused(tmp_path: Path) -> None:
    source = filled(tmp_path / "a")
    source.export_json(tmp_path / "a.json")
    other = LocalBlockchainClient(tmp_path / "b")
    other.store_hash(D1)
    before = other.head()
    with pytest.raises(StoreConflictError):
        other.import_json(tmp_path / "a.json")
    fork = LocalBlockchainClient(tmp_path / "c")
    fork.import_json(tmp_path / "a.json")
    fork.store_hash(bytes(31) + b"\1")
    source.store_hash(bytes(31) + b"\2")
    source.export_json(tmp_path / "a.json")
    with pytest.raises(StoreConflictError, match="block 7"):
        fork.import_json(tmp_path / "a.json")
    named = LocalBlockchainClient(tmp_path / "d", submitter="alice")
    with pytest.raises(StoreConflictError, match="alice"):
        named.import_json(tmp_path / "a.json")
    assert other.head() == before
    for client in (other, fork, named):
        client.check()
    named.store_hash(D1)  # still usable


def _damage(data: dict[str, object], where: tuple[object, ...], value: object) -> None:
    target: object = data
    for step in where[:-1]:
        target = target[step]  # type: ignore[index]
    assert target[where[-1]] != value  # type: ignore[index]
    target[where[-1]] = value  # type: ignore[index]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("blocks", 1, "body", "metadata"), {}),
        (("blocks", 1, "timestamp"), 999),
        (("blocks", 1, "hash"), "00" * 32),
        (("blocks", 2, "parent"), "11" * 32),
        (("blocks", 2, "number"), 5),
        (("blocks", 2, "records", 0, 0), "22" * 32),
        (("blocks", 2, "records", 1, 1), None),
        (("blocks", 2, "records"), []),
        (("blocks", 5, "body", "proof"), []),
        (("blocks", 0, "body", "submitter"), "mallory"),
        (("head",), "33" * 32),
    ],
)
def test_an_edited_export_is_refused_and_nothing_imported(
    tmp_path: Path, where: tuple[object, ...], value: object
) -> None:
    filled(tmp_path / "a").export_json(tmp_path / "a.json")
    data = json.loads((tmp_path / "a.json").read_text())
    _damage(data, where, value)
    (tmp_path / "a.json").write_text(json.dumps(data))
    copy = LocalBlockchainClient(tmp_path / "b")
    with pytest.raises(ProofInvalidError):
        copy.import_json(tmp_path / "a.json")
    copy.check()
    assert copy.head()[0] == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": "novacron-local-chain", "version": 1, "blocks": [1]}']
)
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, text: str, local: LocalBlockchainClient) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ProofFormatError):
        local.import_json(tmp_path / "x.json")


# -- many processes ------------------------------------------------------------------------------------------------


def _store_many(path: str, worker: int, count: int) -> None:
    with LocalBlockchainClient(path) as client:
        for number in range(count):
            client.store_hash(worker.to_bytes(16, "big") + number.to_bytes(16, "big"), {"worker": worker})


def _race(path: str) -> int:
    won = 0
    with LocalBlockchainClient(path) as client:
        for number in range(40):
            try:
                client.store_hash(number.to_bytes(32, "big"))
                won += 1
            except DuplicateRecordError:
                continue
    return won


def test_eight_processes_write_two_hundred_records_each(tmp_path: Path) -> None:
    path = str(tmp_path / "store" / "local.sqlite")  # the file is created by whoever is first
    in_processes(_store_many, *[(path, worker, 200) for worker in range(8)])
    with LocalBlockchainClient(path) as client:
        client.check()
        hashes = [record.hash for record in client.records()]
        assert client.head()[0] == 1600
    assert len(hashes) == len(set(hashes)) == 1600


def test_processes_that_store_the_same_hashes_store_each_once(tmp_path: Path) -> None:
    path = str(tmp_path / "local.sqlite")
    assert sum(in_processes(_race, *[(path,)] * 4)) == 40
    with LocalBlockchainClient(path) as client:
        client.check()
        assert client.head()[0] == 40


# -- properties ----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(
                st.binary(min_size=32, max_size=32),
                st.none() | st.dictionaries(st.text(max_size=5), st.integers(-5, 5) | st.text(max_size=5), max_size=3),
            ),
            min_size=1,
            max_size=6,
            unique_by=lambda item: item[0],
        ),
        max_size=4,
    )
)
def test_everything_accepted_is_found_again_after_reopening(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[bytes, dict[str, object] | None]]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "s"
    expected: list[StoredHash] = []
    with LocalBlockchainClient(path) as client:
        for batch in batches:
            try:
                expected += (
                    client.batch_store_hashes(batch)
                    if len(batch) > 1
                    else [client.store_hash(batch[0][0], batch[0][1])]
                )
            except DuplicateRecordError:
                known = {record.digest for record in expected}
                assert known & {item[0] for item in batch}
    with LocalBlockchainClient(path) as client:
        client.check()
        assert client.records() == expected
        assert all(client.verify_record(record) for record in expected)
