"""Files as `ipfs add --cid-version 1 --raw-leaves --chunker size-1048576` builds them: a balanced tree, in one pass.

Chunks of 1 MiB become raw leaves, 174 leaves a node, 174 nodes the next, up to one root. A file of one chunk is that
chunk. In memory there is one chunk and, for each level, at most 174 links.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from novacron.exceptions import InputError
from novacron.storage.blocks import MAX_BLOCK, BlockStore
from novacron.storage.cid import Codec
from novacron.storage.dagpb import MAX_LINKS, MAX_LINKS_READ, FileNode, Link

#: Bytes of a chunk.
CHUNK = 1024 * 1024
#: Levels of a tree, leaves included: with the usual nodes five of them hold an exabyte.
MAX_LEVELS = 32


def write_file(blocks: BlockStore, stream: BinaryIO, *, chunk_size: int = CHUNK, max_links: int = MAX_LINKS) -> Link:
    """Store what `stream` holds from its position on. Call it inside `blocks.hold()`.

    Args:
        blocks: where to.
        stream: opened for reading bytes; never in memory as a whole.
        chunk_size: bytes of a leaf; other than 1 MiB gives other CIDs.
        max_links: links of a node, 2 … 1,024; other than 174 gives other CIDs.

    Returns:
        The root, as a link to it would be: CID, bytes of the file, bytes of its blocks.

    Raises:
        InputError: a chunk size or number of links out of range, or the stream is one of text.
        StorageError, StoreError: a block cannot be stored. OSError: the stream cannot be read.
    """
    if not 1 <= chunk_size <= MAX_BLOCK:
        raise InputError(f"a chunk has 1 to {MAX_BLOCK} bytes, got {chunk_size}")
    if not 2 <= max_links <= MAX_LINKS_READ:
        raise InputError(f"a node has 2 to {MAX_LINKS_READ} links, got {max_links}")
    levels: list[list[Link]] = [[]]
    for chunk in _chunks(stream, chunk_size):
        cid = blocks.put(chunk, Codec.RAW)
        _add(blocks, levels, 0, Link(cid, len(chunk), len(chunk)), max_links)
    # What is left on each level becomes its last node, even of one link; the highest level's only node is the root.
    for height in range(MAX_LEVELS):
        links = levels[height]
        if len(links) == 1 and height == len(levels) - 1:
            return links[0]
        if links:
            levels[height] = []
            _add(blocks, levels, height + 1, _node(blocks, links), max_links)
    raise InputError(f"the stream needs a tree of more than {MAX_LEVELS} levels")


def _add(blocks: BlockStore, levels: list[list[Link]], height: int, link: Link, max_links: int) -> None:
    if height == len(levels):
        levels.append([])
    # A full node is closed when the next link comes, not before: it may turn out to be the root.
    if len(levels[height]) == max_links:
        full, levels[height] = levels[height], []
        _add(blocks, levels, height + 1, _node(blocks, full), max_links)
    levels[height].append(link)


def _node(blocks: BlockStore, links: list[Link]) -> Link:
    node = FileNode(tuple(links))
    block = node.encode()
    return Link(blocks.put(block, Codec.DAG_PB), node.size, len(block) + sum(link.total for link in links))


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    first = True
    while chunk := _read(stream, size):
        first = False
        yield chunk
        if len(chunk) < size:
            return
    if first:
        yield b""


def _read(stream: BinaryIO, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not isinstance(part, bytes):
            raise InputError(f"the stream gives {type(part).__name__} instead of bytes; open the file in binary mode")
        if not part:
            break
        if len(part) > size:
            raise InputError(f"the stream gave {len(part)} bytes when asked for {size}")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
