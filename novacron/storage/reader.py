"""Reading files: every block is hashed, and every node's declared sizes are held against what is below it.

A cycle is impossible (a block would have to contain its own hash). What a hostile tree can still do is declare sizes
that are not so, be very deep, or name the same child many times; so sizes are checked where they are met, the depth is
limited, and a walk that only checks visits each block once.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from novacron.exceptions import BlockError, CorruptBlockError, InvalidDagError, MissingBlockError
from novacron.storage.blocks import BlockStore
from novacron.storage.cid import Cid, Codec
from novacron.storage.dagpb import FileNode, Link, decode_node
from novacron.storage.unixfs import MAX_LEVELS

#: Answers a CID with its verified bytes.
Fetch = Callable[[Cid], bytes]


@dataclass(frozen=True)
class ContentStat:
    """What is known of a file from its inner nodes.

    Attributes:
        cid: its root.
        size: bytes of the file.
        blocks: different blocks, leaves included.
        stored: bytes of these blocks.
        depth: levels of the tree; 1 for a file of one block.
    """

    cid: Cid
    size: int
    blocks: int
    stored: int
    depth: int


@dataclass(frozen=True)
class BlockFault:
    """What is wrong with a block of a file."""

    cid: Cid
    kind: Literal["missing", "corrupt", "invalid"]
    message: str

    @classmethod
    def of(cls, error: BlockError) -> BlockFault:
        """The fault that an error tells of."""
        if isinstance(error, MissingBlockError):
            return cls(error.cid, "missing", str(error))
        return cls(error.cid, "corrupt" if isinstance(error, CorruptBlockError) else "invalid", str(error))


def check_size(link: Link, size: int) -> None:
    """Raises InvalidDagError when a child has another size than its parent declares."""
    if size != link.size:
        raise InvalidDagError(f"block {link.cid} holds {size} bytes of the file, its parent says {link.size}", link.cid)


def check_node(link: Link, node: FileNode, block: bytes) -> None:
    """Raises InvalidDagError when a node has other sizes than its parent declares."""
    check_size(link, node.size)
    total = len(block) + sum(child.total for child in node.links)
    if total != link.total:
        raise InvalidDagError(f"the blocks below {link.cid} have {total} bytes, its parent says {link.total}", link.cid)


def _check_level(cid: Cid, level: int) -> None:
    if level > MAX_LEVELS:
        raise InvalidDagError(f"block {cid} lies at level {level} of its tree; {MAX_LEVELS} are read", cid)


def walk(
    fetch: Fetch, root: Cid, *, leaves: bool, on_fault: Callable[[BlockError], None] | None = None
) -> Iterator[tuple[Cid, bytes | None, int]]:
    """Each different block of a file, parents first and in the file's order, with its bytes and its level in the tree.

    Args:
        fetch: answers with verified bytes.
        root: the file's CID.
        leaves: also read the leaves below the root; without, None stands for their bytes.
        on_fault: told of a faulty block, whose subtree is skipped; None raises.

    Raises:
        MissingBlockError, CorruptBlockError, InvalidDagError: the first faulty block, without `on_fault`.
    """
    pending: list[tuple[Cid, Link | None, int]] = [(root, None, 1)]
    # What was checked is not walked again: a leaf with its size, a node with its sizes and level (the limit of levels).
    seen: set[tuple[Cid, int, int, int]] = set()
    read: set[Cid] = set()
    while pending:
        cid, link, level = pending.pop()
        if link is not None:
            key = (cid, link.size, link.total, level > MAX_LEVELS if cid.codec is Codec.RAW else level)
            if key in seen:
                continue
            seen.add(key)
        try:
            _check_level(cid, level)
            if cid.codec is Codec.RAW:
                block = fetch(cid) if leaves or link is None else None
                if link is not None and block is not None:
                    check_size(link, len(block))
            else:
                block = fetch(cid)
                node = decode_node(block, cid)
                if link is not None:
                    check_node(link, node, block)
                pending.extend((child.cid, child, level + 1) for child in reversed(node.links))
        except BlockError as error:
            if on_fault is None:
                raise
            on_fault(error)
            continue
        if cid not in read:
            read.add(cid)
            yield cid, block, level


def stat(fetch: Fetch, root: Cid, *, leaves: bool = False) -> ContentStat:
    """Describe a file; with `leaves` after reading it wholly. Raises as `walk`."""
    size = stored = blocks = depth = 0
    leaf_sizes: dict[Cid, int] = {}
    for cid, block, level in walk(fetch, root, leaves=leaves):
        blocks, depth = blocks + 1, max(depth, level)
        if block is None:
            stored += leaf_sizes[cid]
            continue
        stored += len(block)
        if cid.codec is Codec.DAG_PB:
            node = decode_node(block, cid)
            leaf_sizes.update((link.cid, link.size) for link in node.links if link.cid.codec is Codec.RAW)
        if cid == root:
            size = len(block) if cid.codec is Codec.RAW else node.size
    return ContentStat(root, size, blocks, stored, depth)


class StoredFile(io.RawIOBase):
    """A file of a block store, opened for reading: seekable, one path of nodes and one leaf in memory."""

    def __init__(self, blocks: BlockStore, root: Cid) -> None:
        """Read the root. Raises MissingBlockError, CorruptBlockError, InvalidDagError, StorageError."""
        super().__init__()
        self._blocks = blocks
        self.cid = root
        self._position = 0
        block = blocks.get(root)
        # The path from the root to the leaf at hand: (first byte, node, first byte of each child).
        self._path: list[tuple[int, FileNode, list[int]]] = []
        self._leaf: tuple[int, bytes] | None = None
        if root.codec is Codec.RAW:
            self.size = len(block)
            self._leaf = (0, block)
        else:
            node = decode_node(block, root)
            self.size = node.size
            self._descend(0, node)

    def __repr__(self) -> str:
        return f"StoredFile({self.cid}, {self.size} bytes)"

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, as for any file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}.get(whence)
        if start is None or start + offset < 0:
            raise ValueError(f"no such position: {offset} from {whence}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` from one leaf. Raises as the constructor; nothing of a faulty block is given out."""
        if self.closed:
            raise ValueError("read of a closed file")
        if self._position >= self.size or not len(buffer):
            return 0
        start, leaf = self._leaf_at(self._position)
        part = leaf[self._position - start : self._position - start + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _descend(self, start: int, node: FileNode) -> None:
        ends = accumulate((link.size for link in node.links), initial=start)
        self._path.append((start, node, list(ends)[:-1]))

    def _leaf_at(self, position: int) -> tuple[int, bytes]:
        if self._leaf is not None and self._leaf[0] <= position < self._leaf[0] + len(self._leaf[1]):
            return self._leaf
        while len(self._path) > 1 and not self._path[-1][0] <= position < self._path[-1][0] + self._path[-1][1].size:
            self._path.pop()
        while True:
            _, node, starts = self._path[-1]
            index = bisect_right(starts, position) - 1
            link, start = node.links[index], starts[index]
            _check_level(link.cid, len(self._path) + 1)
            if link.cid.codec is Codec.RAW:
                leaf = self._blocks.get(link.cid)
                check_size(link, len(leaf))
                self._leaf = (start, leaf)
                return self._leaf
            block = self._blocks.get(link.cid)
            child = decode_node(block, link.cid)
            check_node(link, child, block)
            self._descend(start, child)
