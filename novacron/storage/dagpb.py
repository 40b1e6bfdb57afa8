"""File nodes: UnixFS v1 (github.com/ipfs/specs UNIXFS.md) inside dag-pb (ipld.io/specs/codecs/dag-pb).

    message PBNode { repeated PBLink Links = 2; optional bytes Data = 1; }        // the links are written first
    message PBLink { bytes Hash = 1; string Name = 2; uint64 Tsize = 3; }         // Name is "" and written
    message Data   { DataType Type = 1; bytes Data = 2; uint64 filesize = 3; repeated uint64 blocksizes = 4; … }

Only one shape is read: a File without bytes of its own whose links have no names and whose sizes add up, encoded as the
reference encoders do it. Reading is encoding again and comparing, so that a node has exactly one encoding and nothing
can hide in it (unknown fields, modes, times, other orders).
"""

from __future__ import annotations

from dataclasses import dataclass

from novacron.exceptions import InvalidCidError, InvalidDagError
from novacron.storage import varint
from novacron.storage.cid import SIZE, Cid, Codec

#: Links of a node as `ipfs add` writes it.
MAX_LINKS = 174
#: Links of a node that are read: what newer IPFS profiles (unixfs-v1-2025) write.
MAX_LINKS_READ = 1024

_FILE = 2  # DataType.File
_HASH, _NAME, _TSIZE = 0x0A, 0x12, 0x18  # fields of PBLink: number << 3 | wire type
_DATA, _LINK = 0x0A, 0x12  # of PBNode
_TYPE, _INLINE, _FILESIZE, _BLOCKSIZE = 0x08, 0x12, 0x18, 0x20  # of Data


@dataclass(frozen=True, slots=True)
class Link:
    """A child of a file node.

    Attributes:
        cid: the child: a raw leaf, or a dag-pb node.
        size: bytes of the file below it.
        total: bytes of all blocks of the child's tree, shared ones counted each time (dag-pb's Tsize).
    """

    cid: Cid
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class FileNode:
    """An inner node of a file: its children in order."""

    links: tuple[Link, ...]

    @property
    def size(self) -> int:
        """Bytes of the file below this node."""
        return sum(link.size for link in self.links)

    def encode(self) -> bytes:
        """The block, as ipfs-unixfs-importer and Kubo write it."""
        parts = []
        for link in self.links:
            tsize = varint.encode(link.total)
            body = b"".join((bytes((_HASH, SIZE)), bytes(link.cid), bytes((_NAME, 0, _TSIZE)), tsize))
            parts.append(_field(_LINK, body))
        data = bytes((_TYPE, _FILE, _FILESIZE)) + varint.encode(self.size)
        data += b"".join(bytes((_BLOCKSIZE,)) + varint.encode(link.size) for link in self.links)
        parts.append(_field(_DATA, data))
        return b"".join(parts)


def decode_node(block: bytes, cid: Cid) -> FileNode:
    """Parse a file node, whose bytes have been checked against `cid`.

    Raises:
        InvalidDagError: a folder, a symbolic link, a file with bytes in its nodes, links of another kind, too many
            links, sizes that contradict each other, or any encoding but the canonical one.
    """
    try:
        node = _parse(block)
        if node.encode() != block:  # the last word, should the parser have let something through
            raise ValueError("it is not encoded canonically, or holds more than a file's content (names, mode, times)")
    except ValueError as error:  # InvalidCidError is one
        raise InvalidDagError(f"block {cid} is no file node that is read here: {error}", cid) from error
    return node


def _parse(block: bytes) -> FileNode:
    links: list[tuple[Cid, int]] = []
    data: bytes | None = None
    position = 0
    while position < len(block):
        tag = block[position]
        body, position = _body(block, position + 1)
        if tag == _LINK and data is None:
            if len(links) == MAX_LINKS_READ:
                raise ValueError(f"it has more than {MAX_LINKS_READ} links")
            links.append(_link(body))
        elif tag == _DATA and data is None:
            data = body
        else:
            raise ValueError(f"unexpected field {tag:#04x}")
    if data is None:
        raise ValueError("it has no UnixFS data")
    filesize, sizes = _unixfs(data)
    if not links:
        raise ValueError("it has no links; a file without any is a raw block (--raw-leaves)")
    if len(sizes) != len(links):
        raise ValueError(f"it has {len(links)} links but declares {len(sizes)} sizes")
    node = FileNode(tuple(Link(cid, size, total) for (cid, total), size in zip(links, sizes, strict=True)))
    if node.size != filesize:
        raise ValueError(f"it declares {filesize} bytes but its links {node.size}")
    for link in node.links:
        # No empty child: so each step down a tree yields bytes, and reading costs no more than the size declared.
        if link.size == 0:
            raise ValueError(f"its link to {link.cid} is empty")
        if link.cid.codec is Codec.RAW and link.total != link.size:
            raise ValueError(f"its raw leaf {link.cid} has {link.size} bytes and a total of {link.total}")
    return node


def _link(body: bytes) -> tuple[Cid, int]:
    if len(body) < SIZE + 2 or body[0] != _HASH:
        raise ValueError("a link has no CID")
    hash_bytes, position = _body(body, 1)
    try:
        cid = Cid.from_bytes(hash_bytes)
    except InvalidCidError as error:
        raise ValueError(f"a link cannot be followed: {error}") from None
    name, position = _expect(body, position, _NAME)
    if name:
        raise ValueError(f"a link has the name {name[:60]!r}; a folder is not read")
    if position >= len(body) or body[position] != _TSIZE:
        raise ValueError("a link has no size")
    total, position = varint.decode(body, position + 1)
    if position != len(body):
        raise ValueError("a link holds more than CID, name and size")
    return cid, total


def _unixfs(data: bytes) -> tuple[int, list[int]]:
    if len(data) < 2 or data[0] != _TYPE:
        raise ValueError("its data has no UnixFS type")
    kind, position = varint.decode(data, 1)
    if kind != _FILE:
        names = {0: "a raw node", 1: "a folder", 3: "metadata", 4: "a symbolic link", 5: "a sharded folder"}
        raise ValueError(f"it is {names.get(kind, f'of type {kind}')}, not a file")
    if position < len(data) and data[position] == _INLINE:
        raise ValueError("it has bytes of its own; add the content with --raw-leaves")
    if position >= len(data) or data[position] != _FILESIZE:
        raise ValueError("it does not declare the file's size")
    filesize, position = varint.decode(data, position + 1)
    sizes: list[int] = []
    while position < len(data):
        if data[position] != _BLOCKSIZE or len(sizes) > MAX_LINKS_READ:
            raise ValueError("it holds more than a file's content (mode, times) or too many sizes")
        size, position = varint.decode(data, position + 1)
        sizes.append(size)
    return filesize, sizes


def _expect(data: bytes, position: int, tag: int) -> tuple[bytes, int]:
    if position >= len(data) or data[position] != tag:
        raise ValueError(f"field {tag:#04x} is missing")
    return _body(data, position + 1)


def _body(data: bytes, position: int) -> tuple[bytes, int]:
    size, position = varint.decode(data, position)
    if size > len(data) - position:
        raise ValueError("a field is cut off")
    return data[position : position + size], position + size


def _field(tag: int, body: bytes) -> bytes:
    return bytes((tag,)) + varint.encode(len(body)) + body
