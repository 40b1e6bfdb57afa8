"""CAR version 1 (ipld.io/specs/transport/car/carv1): one complete file in one stream of blocks.

    varint(length) header     DAG-CBOR {"roots": [CID], "version": 1}
    varint(length) CID block  …

Written depth first from the root, each block once, as `ipfs dag export` does. Read in any order; but all of the file's
blocks must be there and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from novacron.exceptions import BlockError, CarError, InvalidCidError, MissingBlockError
from novacron.storage import varint
from novacron.storage.blocks import MAX_BLOCK, BlockStore
from novacron.storage.cid import SIZE, Cid, Codec
from novacron.storage.dagpb import decode_node
from novacron.storage.reader import Fetch, walk

# DAG-CBOR, whose maps have one order of keys: shorter first.
_MAP_ROOTS = b"\xa2\x65roots"
_CID_TAG = b"\xd8\x2a\x58\x25\x00"  # tag 42, 37 bytes, multibase identity
_VERSION = b"\x67version\x01"
_HEADER_SIZE = len(_MAP_ROOTS) + 1 + len(_CID_TAG) + SIZE + len(_VERSION)
_CARV2_PRAGMA = b"\xa1\x67version\x02"


@dataclass(frozen=True)
class CarSummary:
    """What a CAR file holds: its root, how many different blocks, and their bytes."""

    root: Cid
    blocks: int
    size: int


def export_car(fetch: Fetch, root: Cid, sink: BinaryIO) -> CarSummary:
    """Write the file `root` to `sink`, one block in memory at a time.

    Args:
        fetch: answers with verified bytes (`BlockStore.get`).
        root: the file's CID.
        sink: opened for writing bytes. After an error it holds the beginning of a CAR, which `import_car` refuses.

    Raises:
        MissingBlockError, CorruptBlockError, InvalidDagError: a faulty block, by name.
        StorageError, StoreError: the store cannot be read. OSError: the sink cannot be written.
    """
    header = b"".join((_MAP_ROOTS, b"\x81", _CID_TAG, bytes(root), _VERSION))
    blocks = size = 0
    for cid, block, _ in walk(fetch, root, leaves=True):
        assert block is not None
        if not blocks:  # the root could be read: only then is anything written
            write_all(sink, varint.encode(len(header)) + header)
        write_all(sink, varint.encode(SIZE + len(block)) + bytes(cid))
        write_all(sink, block)
        blocks, size = blocks + 1, size + len(block)
    return CarSummary(root, blocks, size)


def import_car(blocks: BlockStore, source: BinaryIO) -> CarSummary:
    """Store the file in a CAR. The whole of it is checked first, so a refused CAR leaves nothing in the store.

    Args:
        blocks: where to. Call it inside `blocks.hold()` and pin the root.
        source: a seekable file, opened for reading bytes, at the start of the CAR. It is read twice.

    Raises:
        CarError: malformed, truncated, several roots or none, a CID of another kind, a block that does not hash to its
            CID, a block larger than 2 MiB, a missing block, one that does not belong to the file, or bytes that
            change while they are read. The message has the position.
        StorageError, StoreError: a block cannot be stored.
    """
    if not source.seekable():
        raise CarError("a CAR is read twice: give a file, not a pipe")
    root = _read_header(source)
    places: dict[Cid, tuple[int, int]] = {}
    for position, cid, length in _sections(source):
        places.setdefault(cid, (position, length))  # some writers repeat a block; equal hashes, equal bytes

    def fetch(cid: Cid) -> bytes:
        if cid not in places:
            raise MissingBlockError(f"the CAR lacks block {cid}; it is truncated or was not exported whole", cid)
        return _block_at(source, cid, *places[cid])

    try:
        reached = set()
        for cid, block, _ in walk(fetch, root, leaves=False):
            reached.add(cid)
            if block is None:
                continue
            if cid.codec is Codec.DAG_PB:
                for link in decode_node(block, cid).links:
                    if link.cid.codec is Codec.RAW and link.cid in places and places[link.cid][1] != link.size:
                        raise CarError(f"block {link.cid} has {places[link.cid][1]} bytes where {cid} says {link.size}")
        for cid in reached:
            if cid not in places:
                fetch(cid)  # raises
    except BlockError as error:
        raise CarError(str(error)) from error
    for cid, (position, _) in places.items():
        if cid not in reached:
            raise CarError(f"block {cid} at byte {position} does not belong to the file {root}; export that file alone")
    for cid, place in places.items():
        blocks.put(_block_at(source, cid, *place), cid.codec)
    return CarSummary(root, len(places), sum(length for _, length in places.values()))


def write_all(sink: BinaryIO, data: bytes) -> None:
    """Write all of `data`: a raw file may take less than it is given; one that says nothing took it all."""
    view = memoryview(data)
    while view:
        written: int | None = sink.write(view)
        view = view[len(view) if written is None else written :]


def _read_header(source: BinaryIO) -> Cid:
    length = _read_varint(source, "header")
    if length is None:
        raise CarError("the CAR is empty")
    if not 1 <= length <= 4096:
        raise CarError(f"the CAR's header is said to have {length} bytes; expected {_HEADER_SIZE}: is this a CAR file?")
    header = _read_exactly(source, length, "header")
    if header == _CARV2_PRAGMA:
        raise CarError("this is a CAR of version 2; export it as version 1")
    count = header[len(_MAP_ROOTS)] if header.startswith(_MAP_ROOTS) and len(header) > len(_MAP_ROOTS) else None
    if count is not None and count != 0x81 and 0x80 <= count <= 0x9B:
        raise CarError("the CAR has no root" if count == 0x80 else "the CAR has several roots; export one file alone")
    start = len(_MAP_ROOTS) + 1 + len(_CID_TAG)
    if header[:start] != _MAP_ROOTS + b"\x81" + _CID_TAG or len(header) != _HEADER_SIZE or header[-9:] != _VERSION:
        raise CarError(f"the CAR's header 0x{header[:60].hex()} is not one root of CID version 1, and version 1")
    try:
        return Cid.from_bytes(header[start : start + SIZE])
    except InvalidCidError as error:
        raise CarError(f"the CAR's root: {error}") from error


def _sections(source: BinaryIO) -> Iterator[tuple[int, Cid, int]]:
    """Position, CID and size of each block, which was checked against its CID."""
    while True:
        position = source.tell()
        where = f"section at byte {position}"
        length = _read_varint(source, where)
        if length is None:
            return
        if not SIZE <= length <= SIZE + MAX_BLOCK:
            raise CarError(f"the {where} is said to have {length} bytes; expected {SIZE} to {SIZE + MAX_BLOCK}")
        section = _read_exactly(source, length, where)
        try:
            cid = Cid.from_bytes(section[:SIZE])
        except InvalidCidError as error:
            raise CarError(f"the {where}: {error}") from error
        block = section[SIZE:]
        if Cid.of(block, cid.codec) != cid:
            raise CarError(f"the {where}: its {len(block)} bytes do not hash to its CID {cid}")
        yield source.tell() - len(block), cid, len(block)


def _block_at(source: BinaryIO, cid: Cid, position: int, length: int) -> bytes:
    source.seek(position)
    block = _read_exactly(source, length, f"block at byte {position}")
    if Cid.of(block, cid.codec) != cid:
        raise CarError(f"the CAR changed while it was read: block {cid} at byte {position} is another now")
    return block


def _read_varint(source: BinaryIO, where: str) -> int | None:
    """The next varint, None at the end. Read byte by byte: nothing beyond it is consumed, and nine bytes end it."""
    data = bytearray()
    while len(data) < varint.MAX_SIZE:
        byte = source.read(1)
        if not byte:
            if data:
                raise CarError(f"the CAR is truncated in the length of the {where}")
            return None
        data += byte
        if byte[0] < 0x80:
            break
    try:
        return varint.decode(bytes(data))[0]
    except ValueError as error:
        raise CarError(f"the length of the {where}: {error}") from error


def _read_exactly(source: BinaryIO, size: int, where: str) -> bytes:
    parts = []
    left = size
    while left:
        part = source.read(left)
        if not part:
            raise CarError(f"the CAR is truncated in the {where}: {left} of {size} bytes are missing")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
