"""VM state records: strict, canonical, found by 32 bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import CorruptBlockError, InvalidCidError, InvalidStateRecordError, MissingBlockError
from novacron.provenance.digest import canonical_json, sha256
from novacron.storage.cid import Cid, Codec
from novacron.storage.records import MAX_FILES, MAX_RECORD, StateRecord, StoredFile
from novacron.storage.storage import Storage
from tests.support.storage_doubles import MemoryBlockStore

CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def record_of(**changes: Any) -> StateRecord:
    values: dict[str, Any] = {
        "vm_id": 42,
        "chain_id": 31337,
        "contract": CONTRACT,
        "epoch": 7,
        "kind": "snapshot",
        "created_at": 1_790_000_000,
        "files": {"state.bin": StoredFile(Cid.of(b"state"), 5), "domain.xml": StoredFile(Cid.of(b"<d/>"), 4)},
        "previous": None,
    }
    return StateRecord(**(values | changes))


def stored(storage: Storage, **changes: Any) -> bytes:
    storage.put_bytes(b"state")
    storage.put_bytes(b"<d/>")
    return record_of(**changes).put(storage)


_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
_cids = st.builds(Cid, st.binary(min_size=32, max_size=32), st.sampled_from(Codec))
_records = st.builds(
    StateRecord,
    vm_id=st.integers(0, 2**256 - 1),
    chain_id=st.integers(1, 2**53 - 1),
    contract=st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    epoch=st.integers(0, 2**64 - 1),
    kind=st.sampled_from(["configuration", "snapshot"]),
    created_at=st.integers(0, 2**53 - 1),
    files=st.dictionaries(_names, st.builds(StoredFile, _cids, st.integers(0, 2**53 - 1)), min_size=1, max_size=5),
    previous=st.none() | st.binary(min_size=32, max_size=32),
)


@given(_records)
def test_records_survive(record: StateRecord) -> None:
    data = record.to_bytes()
    again = StateRecord.from_bytes(data)
    assert again == record
    assert hash(again) == hash(record)
    assert canonical_json(json.loads(data)) == data
    assert record.digest == sha256(data) == record.cid.digest
    assert record.cid.codec is Codec.RAW


def test_the_bytes_of_a_record_are_these() -> None:
    """Digests on chain depend on them: this may never change."""
    assert record_of(previous=b"\x01" * 32).to_bytes().decode() == (
        '{"chainId":31337,"contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3","createdAt":1790000000,"epoch":"7",'
        '"files":{"domain.xml":{"cid":"bafkreidxwtkaxbjyavpkw5k45y3dyhwmhen6czr7n3y4wfhs3j7wcugxha","size":4},'
        '"state.bin":{"cid":"bafkreiclu2ltlsstozpnnjyj5w2wy3vcg23rsor3fgtlhegdi3ypinaojy","size":5}},"kind":"snapshot",'
        '"previous":"' + "01" * 32 + '","schema":"novacron/vm-state/v1","vmId":"42"}'
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vm_id": -1}, "vm id"),
        ({"vm_id": 2**256}, "vm id"),
        ({"vm_id": True}, "vm id"),
        ({"vm_id": "42"}, "vm id"),
        ({"chain_id": 0}, "chain id"),
        ({"chain_id": 2**53}, "chain id"),
        ({"epoch": 2**64}, "epoch"),
        ({"epoch": 1.0}, "epoch"),
        ({"created_at": -1}, "created at"),
        ({"contract": "0x12"}, "contract"),
        ({"contract": CONTRACT.replace("F", "f", 1)}, "checksum"),
        ({"kind": "backup"}, "kind"),
        ({"kind": None}, "kind"),
        ({"previous": b"\x01" * 31}, "previous"),
        ({"previous": "01" * 32}, "previous"),
        ({"files": {}}, "1 to 1024 files"),
        ({"files": {f"f{n}": StoredFile(Cid.of(b""), 0) for n in range(MAX_FILES + 1)}}, "1 to 1024 files"),
        ({"files": [("a", 1)]}, "1 to 1024 files"),
        ({"files": {"a": StoredFile(Cid.of(b""), -1)}}, "size of a"),
        ({"files": {"a": StoredFile(Cid.of(b""), 2**53)}}, "size of a"),
        ({"files": {"a": StoredFile("bafk", 1)}}, "StoredFile"),  # type: ignore[arg-type]
        ({"files": {"a": Cid.of(b"")}}, "StoredFile"),
        ({"files": {f"{n:0128}": StoredFile(Cid.of(b""), 0) for n in range(MAX_FILES + 0)}}, None),
    ],
)
def test_a_value_out_of_range_is_named(changes: dict[str, Any], message: str | None) -> None:
    if message is None:  # the most that fits
        assert len(record_of(**changes).to_bytes()) < MAX_RECORD
        return
    with pytest.raises(InvalidStateRecordError, match=message):
        record_of(**changes)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\\b", "a\0", "a\n", "x" * 129, "ä", "-rf", "a b", 5],
)
def test_a_file_name_cannot_leave_its_folder(name: Any) -> None:
    with pytest.raises(InvalidStateRecordError, match="file name"):
        record_of(files={name: StoredFile(Cid.of(b""), 0)})


def _edited(**changes: Any) -> bytes:
    return canonical_json({k: v for k, v in (json.loads(record_of().to_bytes()) | changes).items() if v != "DROP"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "no record of schema"),
        (b"{}", "no record of schema"),
        (b" " * (MAX_RECORD + 1), "at most"),
        (_edited(schema="novacron/vm-state/v2"), "no record of schema"),
        (_edited(vmId=42), "vmId"),
        (_edited(vmId="042"), "vmId"),
        (_edited(vmId="-1"), "vmId"),
        (_edited(epoch="٣"), "epoch"),
        (_edited(epoch="9" * 5000), "epoch"),
        (_edited(chainId=31337.5), "chain id"),
        (_edited(chainId=None), "chain id"),
        (_edited(contract=None), "contract"),
        (_edited(contract=CONTRACT.lower()), "canonical"),
        (_edited(kind=["snapshot"]), "kind"),
        (_edited(previous="01"), "previous"),
        (_edited(previous="AB" * 32), "previous"),
        (_edited(files=[]), "files"),
        (_edited(files={"a": 5}), "file 'a'"),
        (_edited(files={"a": {"cid": "x", "size": 1}}), "file 'a'"),
        (_edited(files={"a": {"cid": str(Cid.of(b""))}}), "lacks size"),
        (_edited(files={"a": {"cid": str(Cid.of(b"")), "size": 0, "mode": 1}}), "unknown field 'mode'"),
        (_edited(files={"a": {"cid": str(Cid.of(b"")), "size": "0"}}), "size of a"),
        (_edited(files={"../a": {"cid": str(Cid.of(b"")), "size": 0}}), "file name"),
        (_edited(kind="DROP"), "lacks kind"),
        (_edited(note="x"), "unknown field 'note'"),
        (record_of().to_bytes() + b"\n", "canonical"),
        (record_of().to_bytes().replace(b":31337,", b": 31337,"), "canonical"),
        (record_of().to_bytes().replace(b'"epoch":"7"', b'"epoch":"6","epoch":"7"'), "canonical"),
        (record_of().to_bytes().replace(b"snapshot", b"sn\\u0061pshot"), "canonical"),
    ],
)
def test_only_the_canonical_bytes_are_a_record(data: bytes, message: str) -> None:
    with pytest.raises(InvalidStateRecordError, match=message):
        StateRecord.from_bytes(data)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=5), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_arbitrary_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(InvalidStateRecordError):
        StateRecord.from_bytes(data)


# -- storage ----------------------------------------------------------------------------------------------------------


def test_32_bytes_find_record_and_files(memory: Storage) -> None:
    digest = stored(memory)
    assert StateRecord.get(memory, digest) == StateRecord.verify(memory, "0x" + digest.hex()) == record_of()
    assert memory.get(StateRecord.get(memory, digest).files["state.bin"].cid) == b"state"


def test_a_record_of_absent_or_other_files_is_not_stored(memory: Storage) -> None:
    blocks = memory.blocks
    assert isinstance(blocks, MemoryBlockStore)
    with pytest.raises(MissingBlockError):
        record_of().put(memory)
    memory.put_bytes(b"state")
    with pytest.raises(InvalidStateRecordError, match=r"state\.bin .* has 5 bytes, not 6"):
        record_of(files={"state.bin": StoredFile(Cid.of(b"state"), 6)}).put(memory)
    assert len(blocks.blocks) == 1


def test_a_changed_record_or_file_is_noticed(memory: Storage) -> None:
    blocks = memory.blocks
    assert isinstance(blocks, MemoryBlockStore)
    digest = stored(memory)
    blocks.blocks[Cid.of(b"state").digest] = b"stale"
    assert StateRecord.get(memory, digest) == record_of()
    with pytest.raises(CorruptBlockError):
        StateRecord.verify(memory, digest)
    blocks.blocks[digest] = record_of(epoch=8).to_bytes()
    with pytest.raises(CorruptBlockError):
        StateRecord.get(memory, digest)


def test_what_is_no_record_is_refused_as_one(memory: Storage) -> None:
    with pytest.raises(InvalidStateRecordError):
        StateRecord.get(memory, memory.put_bytes(b"{}").digest)
    with pytest.raises(MissingBlockError):
        StateRecord.get(memory, b"\x01" * 32)
    with pytest.raises(InvalidCidError):
        StateRecord.get(memory, "0x12")


def test_a_history_is_of_one_vm_and_never_goes_forward(memory: Storage) -> None:
    first = stored(memory, epoch=1)
    second = stored(memory, epoch=1, previous=first)
    third = stored(memory, epoch=3, previous=second)
    assert [(digest, record.epoch) for digest, record in StateRecord.history(memory, third)] == [
        (third, 3),
        (second, 1),
        (first, 1),
    ]
    for changes, message in (
        ({"vm_id": 43}, "another vm id"),
        ({"chain_id": 1}, "another chain id"),
        ({"contract": "0x" + "11" * 20}, "another contract"),
        ({"epoch": 2}, "of epoch 2 follows .* of epoch 3"),
    ):
        digest = stored(memory, **({"previous": third, "epoch": 4} | changes))
        with pytest.raises(InvalidStateRecordError, match=message):
            list(StateRecord.history(memory, digest))


def test_a_record_keeps_its_files_until_it_is_dropped(embedded: Storage) -> None:
    with embedded.hold():
        state, xml = embedded.put_bytes(b"state", pin=None), embedded.put_bytes(b"<d/>", pin=None)
        first = record_of(epoch=1).put(embedded)
    second = record_of(epoch=2, files={"state.bin": StoredFile(state, 5)}, previous=first).put(embedded)
    assert record_of(epoch=1).put(embedded) == first  # again is the same
    assert embedded.collect().removed == 0
    assert StateRecord.drop(embedded, first)
    assert not StateRecord.drop(embedded, first)
    assert embedded.collect().removed == 2
    assert embedded.has(state)
    assert not embedded.has(xml)
    assert StateRecord.verify(embedded, second).epoch == 2
