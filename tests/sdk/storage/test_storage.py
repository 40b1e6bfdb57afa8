"""Files in a store: what is put comes back, and no byte of a faulty block ever does."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import (
    ConfigurationError,
    ContentTooLargeError,
    CorruptBlockError,
    InputError,
    InvalidDagError,
    MissingBlockError,
    StorageError,
)
from novacron.storage.cid import Cid, Codec
from novacron.storage.dagpb import FileNode, Link
from novacron.storage.reader import BlockFault, StoredFile
from novacron.storage.storage import GET_LIMIT, Storage, open_storage
from novacron.storage.unixfs import MAX_LEVELS, write_file
from tests.support.storage_doubles import MemoryBlockStore


def tree(data: bytes, *, chunk: int = 4, links: int = 3) -> tuple[Storage, MemoryBlockStore, Cid]:
    """A file in small blocks."""
    blocks = MemoryBlockStore()
    cid = write_file(blocks, io.BytesIO(data), chunk_size=chunk, max_links=links).cid
    return Storage(blocks), blocks, cid


def node_of(blocks: MemoryBlockStore, *links: Link) -> Link:
    """Store a node by hand; the link that fits it."""
    node = FileNode(links)
    block = node.encode()
    return Link(blocks.put(block, Codec.DAG_PB), node.size, len(block) + sum(link.total for link in links))


def leaf_of(blocks: MemoryBlockStore, data: bytes) -> Link:
    return Link(blocks.put(data), len(data), len(data))


# -- round trips ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(2, 6))
def test_what_is_put_comes_back(data: bytes, chunk: int, links: int) -> None:
    storage, blocks, cid = tree(data, chunk=chunk, links=links)
    assert storage.get(cid) == data
    sink = io.BytesIO()
    assert storage.read_into(cid, sink) == len(data)
    assert sink.getvalue() == data
    stat = storage.stat(cid)
    assert (stat.size, stat.blocks) == (len(data), len(blocks.blocks))
    assert stat.stored == sum(map(len, blocks.blocks.values()))
    assert storage.verify(cid) == stat
    assert not list(storage.faults(cid)) + list(storage.missing(cid))


class _Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe does."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step, self._at = data, step, 0

    def read(self, size: int = -1) -> bytes:
        part = self._data[self._at : self._at + min(self._step, size)]
        self._at += len(part)
        return part


@given(st.binary(max_size=200), st.integers(1, 30))
def test_how_a_stream_is_cut_does_not_matter(data: bytes, step: int) -> None:
    blocks = MemoryBlockStore()
    cid = write_file(blocks, _Dribble(data, step), chunk_size=8, max_links=3).cid  # type: ignore[arg-type]
    assert cid == tree(data, chunk=8)[2]


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 320), st.integers(-1, 60)), max_size=12))
def test_an_open_file_reads_and_seeks_as_any_file(data: bytes, steps: list[tuple[int, int]]) -> None:
    storage, _, cid = tree(data, chunk=5, links=2)
    model = io.BytesIO(data)
    with storage.open(cid) as file:
        for place, count in steps:
            assert file.seek(place) == model.seek(place)
            assert file.read(count) == model.read(count)
            assert file.tell() == model.tell()
        assert file.seek(-min(3, len(data)), io.SEEK_END) == len(data) - min(3, len(data))


def test_equal_blocks_are_kept_once(memory: Storage) -> None:
    blocks = memory.blocks
    assert isinstance(blocks, MemoryBlockStore)
    cid = memory.put_bytes(bytes(5 * 1024 * 1024))
    assert len(blocks.blocks) == 2
    assert memory.stat(cid).size == 5 * 1024 * 1024
    blocks.reads.clear()
    memory.verify(cid)
    assert max(blocks.reads.values()) == 1  # and read once to be verified


def test_memory_does_not_grow_with_the_file(memory: Storage) -> None:
    """A file of 512 MiB of zeros, never in memory: the stream makes it, one chunk at a time."""

    class Zeros(io.RawIOBase):
        left = 512

        def read(self, size: int = -1) -> bytes:
            assert size == 1024 * 1024
            self.left -= 1
            return bytes(size) if self.left >= 0 else b""

    cid = memory.put_file(Zeros())  # type: ignore[arg-type]
    stat = memory.stat(cid)
    assert (stat.size, stat.depth) == (512 * 1024 * 1024, 3)
    with pytest.raises(ContentTooLargeError, match=f"the limit here is {GET_LIMIT}"):
        memory.get(cid)
    with memory.open(cid) as file:
        file.seek(300 * 1024**2 + 7)
        assert file.read(3) == bytes(3)


def test_one_block_is_one_block(memory: Storage) -> None:
    assert memory.put_block(b"x").codec is Codec.RAW
    with pytest.raises(ContentTooLargeError, match="put_bytes"):
        memory.put_block(bytes(1024 * 1024 + 1))
    with pytest.raises(ContentTooLargeError):
        memory.blocks.put(bytes(2 * 1024 * 1024 + 1))


def test_wrong_arguments_are_named(memory: Storage, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="encode text first"):
        memory.put_bytes("text")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="binary mode"):
        memory.put_file(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="label"):
        memory.put_bytes(b"x", pin="")
    with pytest.raises(InputError, match="a chunk has"):
        write_file(memory.blocks, io.BytesIO(), chunk_size=0)
    with pytest.raises(InputError, match="a node has 2"):
        write_file(memory.blocks, io.BytesIO(), max_links=1)
    with pytest.raises(ConfigurationError, match="NOVACRON_STORAGE"):
        open_storage(None, {})
    with pytest.raises(ConfigurationError, match="'ftp' is not known"):
        open_storage("ftp://host/x", {})
    with open_storage(None, {"NOVACRON_STORAGE": str(tmp_path / "s")}) as opened:
        assert opened.get(opened.put_bytes(b"x")) == b"x"


def test_what_keeps_no_pins_says_so(memory: Storage) -> None:
    cid = memory.put_bytes(b"x")
    for refused in (memory.pins, memory.collect, lambda: memory.unpin(cid, "a"), lambda: memory.unpin_label("a")):
        with pytest.raises(StorageError, match="own tools"):
            refused()
    with pytest.raises(MissingBlockError):
        memory.pin(Cid.of(b"absent"), "a")


# -- faults -----------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=150), st.data())
def test_a_faulty_block_is_named_and_never_returned(data: bytes, draw: st.DataObject) -> None:
    storage, blocks, cid = tree(data)
    digest = draw.draw(st.sampled_from(sorted(blocks.blocks)))
    good = blocks.blocks[digest]
    damage = draw.draw(st.sampled_from(["missing", "flipped", "cut", "longer"]))
    if damage == "missing":
        del blocks.blocks[digest]
    else:
        flipped = bytes([good[0] ^ 1]) + good[1:]
        blocks.blocks[digest] = {"flipped": flipped, "cut": good[:-1], "longer": good + b"x"}[damage]
    expected = MissingBlockError if damage == "missing" else CorruptBlockError
    for read in (storage.get, storage.verify, lambda root: storage.read_into(root, io.BytesIO())):
        with pytest.raises(expected) as caught:
            read(cid)
        assert caught.value.cid.digest == digest
        assert str(caught.value.cid) in str(caught.value)
    faults = list(storage.faults(cid))
    assert [fault.cid.digest for fault in faults] == [digest]
    assert faults[0].kind == ("missing" if damage == "missing" else "corrupt")
    if damage == "missing":
        assert [found.digest for found in storage.missing(cid)] == [digest]


def test_every_fault_is_listed() -> None:
    storage, blocks, cid = tree(bytes(range(40)))
    leaves = [Cid.of(bytes(range(n, n + 4))) for n in (0, 12, 36)]
    del blocks.blocks[leaves[0].digest]
    blocks.blocks[leaves[1].digest] = b"else"
    del blocks.blocks[leaves[2].digest]
    found = [(fault.cid, fault.kind) for fault in storage.faults(cid)]
    assert found == list(zip(leaves, ["missing", "corrupt", "missing"], strict=True))
    assert list(storage.missing(cid)) == [leaves[0], leaves[2]]


def test_bytes_before_a_faulty_block_can_be_read_and_none_after(tmp_path: Path) -> None:
    storage, blocks, cid = tree(bytes(range(12)))
    blocks.blocks[Cid.of(bytes(range(4, 8))).digest] = b"evil"
    with StoredFile(blocks, cid) as file:
        assert file.read(4) == bytes(range(4))
        with pytest.raises(CorruptBlockError):
            file.read(4)
        file.seek(8)
        assert file.read(4) == bytes(range(8, 12))
    with storage.open(cid) as buffered, pytest.raises(CorruptBlockError):
        buffered.read()


def test_a_block_is_verified_on_every_read_not_once() -> None:
    storage, blocks, cid = tree(b"abcdefgh")
    assert storage.get(cid) == b"abcdefgh"
    blocks.blocks[Cid.of(b"abcd").digest] = b"abce"
    with pytest.raises(CorruptBlockError):
        storage.get(cid)


def test_a_block_too_large_to_be_one_is_corrupt(memory: Storage) -> None:
    blocks = memory.blocks
    assert isinstance(blocks, MemoryBlockStore)
    huge = bytes(2 * 1024 * 1024 + 1)
    blocks.blocks[Cid.of(huge).digest] = huge
    with pytest.raises(CorruptBlockError, match="more than 2097152 bytes"):
        memory.get(Cid.of(huge))


# -- hostile trees ----------------------------------------------------------------------------------------------------


def refused(storage: Storage, cid: Cid, message: str) -> None:
    """Every way of reading refuses this content as invalid."""
    for read in (storage.get, storage.verify, lambda root: storage.open(root).read()):
        with pytest.raises(InvalidDagError, match=message):
            read(cid)
    assert [fault.kind for fault in storage.faults(cid)] == ["invalid"]


def test_a_leaf_of_another_size_than_declared_is_refused() -> None:
    for declared in (3, 5):
        blocks = MemoryBlockStore()
        lying = Link(blocks.put(b"abcd"), declared, declared)
        refused(Storage(blocks), node_of(blocks, lying).cid, f"holds 4 bytes of the file, its parent says {declared}")


def test_a_node_of_another_size_than_declared_is_refused() -> None:
    blocks = MemoryBlockStore()
    inner = node_of(blocks, leaf_of(blocks, b"abcd"))
    refused(Storage(blocks), node_of(blocks, Link(inner.cid, 9, inner.total)).cid, "its parent says 9")
    refused(Storage(blocks), node_of(blocks, Link(inner.cid, 4, inner.total + 1)).cid, "the blocks below")


def test_a_leaf_with_two_sizes_is_refused_though_one_is_right() -> None:
    blocks = MemoryBlockStore()
    leaf = leaf_of(blocks, b"abcd")
    refused(Storage(blocks), node_of(blocks, leaf, Link(leaf.cid, 2, 2)).cid, "its parent says 2")


def test_a_deep_tree_is_refused_and_the_deepest_allowed_is_read() -> None:
    blocks = MemoryBlockStore()
    link = leaf_of(blocks, b"abcd")
    for _ in range(MAX_LEVELS - 1):
        link = node_of(blocks, link)
    assert Storage(blocks).get(link.cid) == b"abcd"
    assert Storage(blocks).verify(link.cid).depth == MAX_LEVELS
    refused(Storage(blocks), node_of(blocks, link).cid, f"level {MAX_LEVELS + 1}")


def test_a_block_allowed_at_one_level_is_refused_at_a_deeper_one() -> None:
    blocks = MemoryBlockStore()
    low = node_of(blocks, leaf_of(blocks, b"abcd"))
    link = low
    for _ in range(MAX_LEVELS - 2):
        link = node_of(blocks, link)
    root = node_of(blocks, low, link)  # `low` is met at level 2 first
    with pytest.raises(InvalidDagError, match=f"level {MAX_LEVELS + 1}"):
        Storage(blocks).verify(root.cid)
    with pytest.raises(InvalidDagError, match=f"level {MAX_LEVELS + 1}"):
        Storage(blocks).get(root.cid)


def test_a_small_tree_of_an_enormous_file_costs_no_more_than_its_blocks() -> None:
    blocks = MemoryBlockStore()
    link = leaf_of(blocks, bytes(1024))
    for _ in range(5):
        link = node_of(blocks, *[link] * 174)
    storage = Storage(blocks)
    assert storage.verify(link.cid).blocks == 6
    assert storage.stat(link.cid).size == 1024 * 174**5
    with pytest.raises(ContentTooLargeError):
        storage.get(link.cid)
    with storage.open(link.cid) as file:
        file.seek(1024 * 174**4 * 3 + 5)
        assert file.read(10) == bytes(10)


def test_a_node_read_as_a_leaf_is_other_content() -> None:
    blocks = MemoryBlockStore()
    inner = node_of(blocks, leaf_of(blocks, b"abcd"))
    as_raw = Cid(inner.cid.digest, Codec.RAW)
    assert Storage(blocks).get(as_raw) == blocks.get(inner.cid) != Storage(blocks).get(inner.cid)
    with pytest.raises(InvalidDagError):
        Storage(blocks).get(Cid(Cid.of(b"abcd").digest, Codec.DAG_PB))


def test_a_fault_knows_its_kind() -> None:
    cid = Cid.of(b"")
    kinds = [BlockFault.of(error("", cid)).kind for error in (MissingBlockError, CorruptBlockError, InvalidDagError)]
    assert kinds == ["missing", "corrupt", "invalid"]
