"""File nodes: one shape, one encoding, nothing hidden, nothing that contradicts itself."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import InvalidDagError
from novacron.storage import varint
from novacron.storage.cid import Cid, Codec
from novacron.storage.dagpb import MAX_LINKS_READ, FileNode, Link, decode_node

LEAF = Link(Cid.of(b"leaf"), 4, 4)
INNER = Link(Cid.of(b"node", Codec.DAG_PB), 9, 100)

_links = st.builds(
    lambda digest, codec, size, extra: Link(Cid(digest, codec), size, size + (extra if codec is Codec.DAG_PB else 0)),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(Codec),
    st.integers(1, 2**40),
    st.integers(0, 2**40),
)


def field(tag: int, body: bytes) -> bytes:
    return bytes((tag,)) + varint.encode(len(body)) + body


def block_of(
    links: list[Link],
    *,
    kind: bytes = b"\x08\x02",
    filesize: int | None = None,
    sizes: list[int] | None = None,
    name: bytes = b"",
    extra: bytes = b"",
    cid: bytes | None = None,
) -> bytes:
    """A node written by hand, so that each part of it can be wrong."""
    out = b""
    for link in links:
        body = field(0x0A, bytes(link.cid) if cid is None else cid) + field(0x12, name)
        out += field(0x12, body + b"\x18" + varint.encode(link.total))
    declared = [link.size for link in links] if sizes is None else sizes
    data = kind + b"\x18" + varint.encode(sum(declared) if filesize is None else filesize)
    data += b"".join(b"\x20" + varint.encode(size) for size in declared) + extra
    return out + field(0x0A, data)


def read(block: bytes) -> FileNode:
    return decode_node(block, Cid.of(block, Codec.DAG_PB))


@given(st.lists(_links, min_size=1, max_size=20))
def test_nodes_survive(links: list[Link]) -> None:
    node = FileNode(tuple(links))
    assert read(node.encode()) == node
    assert node.encode() == block_of(links)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (block_of([]), "no links"),
        (b"", "no UnixFS data"),
        (block_of([LEAF])[:-1], "cut off"),
        (block_of([LEAF], kind=b"\x08\x01"), "a folder"),
        (block_of([LEAF], kind=b"\x08\x04"), "a symbolic link"),
        (block_of([LEAF], kind=b"\x08\x05"), "a sharded folder"),
        (block_of([LEAF], kind=b"\x08\x63"), "type 99"),
        (block_of([LEAF], kind=b""), "no UnixFS type"),
        (block_of([LEAF], kind=b"\x08\x02\x12\x01x"), "bytes of its own"),
        (block_of([LEAF], name=b"readme"), "a folder is not read"),
        (block_of([LEAF, INNER], filesize=14), "declares 14 bytes but its links 13"),
        (block_of([LEAF, INNER], sizes=[13]), "2 links but declares 1 sizes"),
        (block_of([LEAF], sizes=[4, 0]), "1 links but declares 2 sizes"),
        (block_of([Link(LEAF.cid, 0, 0)]), "is empty"),
        (block_of([Link(LEAF.cid, 4, 5)]), "total of 5"),
        (block_of([Link(INNER.cid, 2**63 - 1, 1), INNER], filesize=5), "declares 5 bytes"),
        (block_of([LEAF], extra=b"\x38\xa4\x03"), "mode, times"),
        (block_of([LEAF]) + field(0x0A, b""), "unexpected field"),
        (block_of([LEAF]) + field(0x12, b""), "unexpected field"),
        (field(0x1A, b"x") + block_of([LEAF]), "unexpected field"),
        (block_of([LEAF], cid=b"\x01\x55\x00\x04leaf" + b"x" * 28), "identity hash"),
        (block_of([LEAF], cid=bytes(LEAF.cid).replace(b"\x55", b"\x71", 1)), "codec 0x71"),
        (block_of([LEAF] * (MAX_LINKS_READ + 1)), "more than 1024 links"),
        (block_of([LEAF]).replace(b"\x18\x04\x20", b"\x18\x84\x00\x20"), "shortest|cut off|unexpected|declare"),
    ],
)
def test_any_other_node_is_refused(block: bytes, message: str) -> None:
    with pytest.raises(InvalidDagError, match=message) as caught:
        read(block)
    assert caught.value.cid == Cid.of(block, Codec.DAG_PB)


def test_sizes_that_overflow_are_refused() -> None:
    links = [Link(INNER.cid, 2**63 - 1, 1), INNER]
    with pytest.raises(InvalidDagError):
        read(block_of(links, filesize=0))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(block: bytes) -> None:
    with pytest.raises(InvalidDagError):
        read(block)


@given(st.lists(_links, min_size=1, max_size=4), st.data())
def test_a_changed_byte_gives_another_node_or_none(links: list[Link], data: st.DataObject) -> None:
    block = bytearray(FileNode(tuple(links)).encode())
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(InvalidDagError):
        assert read(bytes(block)).encode() == block
