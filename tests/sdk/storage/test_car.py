"""CAR files: one complete file each, checked wholly before anything is stored."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import CarError, CorruptBlockError, MissingBlockError
from novacron.storage import varint
from novacron.storage.cid import Cid, Codec
from novacron.storage.dagpb import FileNode, Link
from novacron.storage.storage import Storage
from novacron.storage.unixfs import write_file
from tests.support.storage_doubles import MemoryBlockStore

DATA = bytes(range(60))


def exported(data: bytes = DATA) -> tuple[Cid, bytes]:
    """A file of small blocks as a CAR."""
    blocks = MemoryBlockStore()
    cid = write_file(blocks, io.BytesIO(data), chunk_size=7, max_links=3).cid
    sink = io.BytesIO()
    Storage(blocks).export_car(cid, sink)
    return cid, sink.getvalue()


def sections(car: bytes) -> list[tuple[bytes, bytes]]:
    """Header first; then CID and block of each section."""
    found, position = [], 0
    while position < len(car):
        length, start = varint.decode(car, position)
        position = start + length
        found.append((b"", car[start:position]) if not found else (car[start : start + 36], car[start + 36 : position]))
    return found


def joined(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(varint.encode(len(cid) + len(block)) + cid + block for cid, block in parts)


def refuse(car: bytes, message: str) -> None:
    """The CAR is refused, and nothing of it is stored."""
    blocks = MemoryBlockStore()
    with pytest.raises(CarError, match=message):
        Storage(blocks).import_car(io.BytesIO(car))
    assert blocks.blocks == {}


@given(st.binary(max_size=300))
def test_cars_survive(data: bytes) -> None:
    cid, car = exported(data)
    storage = Storage(MemoryBlockStore())
    summary = storage.import_car(io.BytesIO(car))
    assert summary.root == cid
    assert storage.get(cid) == data
    sink = io.BytesIO()
    assert storage.export_car(cid, sink) == summary
    assert sink.getvalue() == car


@given(st.permutations(range(6)))
def test_blocks_may_come_in_any_order_and_twice(order: list[int]) -> None:
    cid, car = exported(bytes(range(28)))
    header, *blocks = sections(car)
    storage = Storage(MemoryBlockStore())
    assert len(blocks) == 7
    shuffled = [blocks[index] for index in order] + [blocks[6], blocks[0], blocks[0]]
    assert storage.import_car(io.BytesIO(joined([header, *shuffled]))).blocks == 7
    assert storage.get(cid) == bytes(range(28))


@given(st.data())
def test_a_truncated_car_is_refused_wherever_it_ends(data: st.DataObject) -> None:
    _, car = exported()
    refuse(car[: data.draw(st.integers(0, len(car) - 1))], "truncated|empty|lacks block")


@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    cid, car = exported()
    place, flip = data.draw(st.integers(0, len(car) - 1)), data.draw(st.integers(1, 255))
    changed = car[:place] + bytes([car[place] ^ flip]) + car[place + 1 :]
    blocks = MemoryBlockStore()
    with pytest.raises(CarError):
        Storage(blocks).import_car(io.BytesIO(changed))
    assert blocks.blocks == {}
    assert Storage(MemoryBlockStore()).import_car(io.BytesIO(car)).root == cid


def test_a_block_that_is_not_its_cids_is_named_with_its_place() -> None:
    _, car = exported()
    parts = sections(car)
    place = len(joined(parts[:3]))
    parts[3] = (parts[3][0], b"evil" + parts[3][1])
    refuse(joined(parts), f"section at byte {place}: its .* bytes do not hash to its CID {Cid.from_bytes(parts[3][0])}")


def test_a_missing_block_is_named() -> None:
    _, car = exported()
    for index in range(1, len(sections(car))):
        parts = sections(car)
        lacking = Cid.from_bytes(parts.pop(index)[0])
        refuse(joined(parts), f"lacks block {lacking}")


def test_a_block_that_does_not_belong_is_refused() -> None:
    _, car = exported()
    stranger = (bytes(Cid.of(b"stranger")), b"stranger")
    refuse(car + joined([stranger]), f"block {Cid.of(b'stranger')} at byte .* does not belong")


def test_wrong_declared_sizes_are_refused() -> None:
    leaf = Cid.of(b"abcd")
    block = FileNode((Link(leaf, 5, 5),)).encode()
    root = Cid.of(block, Codec.DAG_PB)
    header = sections(exported(b"x")[1])[0][1].replace(bytes(Cid.of(b"x")), bytes(root))
    refuse(joined([(b"", header), (bytes(root), block), (bytes(leaf), b"abcd")]), "has 4 bytes where .* says 5")


def test_a_cycle_cannot_be_made_and_a_self_link_lacks_its_block() -> None:
    """A block that names itself would have to contain its own hash; one that names a made-up hash lacks that block."""
    made_up = Cid(b"\x11" * 32, Codec.DAG_PB)
    block = FileNode((Link(made_up, 5, 60),)).encode()
    root = Cid.of(block, Codec.DAG_PB)
    header = sections(exported(b"x")[1])[0][1].replace(bytes(Cid.of(b"x")), bytes(root))
    refuse(joined([(b"", header), (bytes(root), block)]), "lacks block")
    refuse(joined([(b"", header), (bytes(root), block), (bytes(made_up), block)]), "do not hash")


CID = bytes(Cid.of(b"x"))
ROOTS, TAG, VERSION = b"\xa2\x65roots", b"\xd8\x2a\x58\x25\x00", b"\x67version\x01"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"\xa1\x67version\x02", "version 2"),
        (ROOTS + b"\x80" + VERSION, "no root"),
        (ROOTS + b"\x82" + (TAG + CID) * 2 + VERSION, "several roots"),
        (ROOTS + b"\x81" + TAG + CID + b"\x67version\x02", "not one root"),
        (ROOTS + b"\x81" + TAG + CID + VERSION + b"x", "not one root"),
        (b"\xa2\x67version\x01\x65roots\x81" + TAG + CID, "not one root"),
        (ROOTS + b"\x81" + TAG + CID.replace(b"\x55", b"\x71", 1) + VERSION, "root: CID .* codec 0x71"),
        (ROOTS + b"\x81" + TAG + CID.replace(b"\x12\x20", b"\x00\x20", 1) + VERSION, "identity hash"),
        (b"<html>", "not one root"),
        (ROOTS, "not one root"),
    ],
)
def test_another_header_is_refused(header: bytes, message: str) -> None:
    refuse(joined([(b"", header), (CID, b"x")]), message)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"\xff" * 9 + b"\x01", "nine bytes"),  # a length to exhaust memory
        (b"\xff\xff\xff\xff\x7f", "is said to have"),
        (varint.encode(36 + 2 * 1024 * 1024 + 1), "is said to have"),
        (b"\x80\x00", "shortest"),
        (b"\x00", "is said to have 0 bytes"),
        (b"\x23" + b"x" * 35, "is said to have 35 bytes"),
        (b"\x80", "truncated"),
        (varint.encode(2 * 1024 * 1024) + CID, "truncated"),
        (joined([(b"\x01\x55\x00\x20" + b"x" * 32, b"")]), "identity hash"),
        (joined([(b"\x01\x71\x12\x20" + b"x" * 32, b"")]), "codec 0x71"),
        (joined([(b"\x12\x20" + b"x" * 32, b"xx")]), "version 1|version 0"),
    ],
)
def test_malformed_sections_are_refused_without_reading_on(tail: bytes, message: str) -> None:
    refuse(exported(b"x")[1] + tail, message)


@pytest.mark.parametrize("start", [b"\xff" * 10, varint.encode(2**40), b"\x00"])
def test_a_header_of_absurd_length_is_refused(start: bytes) -> None:
    refuse(start + exported()[1], "header")


def test_a_pipe_is_refused(memory: Storage) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(CarError, match="give a file"):
        memory.import_car(Pipe(exported()[1]))


def test_a_car_that_changes_between_its_two_readings_is_refused() -> None:
    cid, car = exported(b"abcdefghij")

    class Changing(io.BytesIO):
        ends = 0

        def read(self, size: int | None = -1, /) -> bytes:
            part = super().read(size)
            if not part:  # the first reading is over
                self.getbuffer()[len(car) - 1] ^= 1
            return part

    blocks = MemoryBlockStore()
    with pytest.raises(CarError, match="changed while it was read"):
        Storage(blocks).import_car(Changing(car))
    assert not Storage(blocks).has(cid) or list(Storage(blocks).faults(cid))


def test_a_faulty_block_ends_an_export_and_its_beginning_is_no_car(tmp_path: Path) -> None:
    blocks = MemoryBlockStore()
    storage = Storage(blocks)
    cid = write_file(blocks, io.BytesIO(DATA), chunk_size=7, max_links=3).cid
    last = Cid.of(DATA[56:])
    blocks.blocks[last.digest] = b"evil"
    sink = io.BytesIO()
    with pytest.raises(CorruptBlockError, match=str(last)):
        storage.export_car(cid, sink)
    refuse(sink.getvalue(), "lacks block")
    del blocks.blocks[cid.digest]
    empty = io.BytesIO()
    with pytest.raises(MissingBlockError):
        storage.export_car(cid, empty)
    assert empty.getvalue() == b""
