"""Files in a block store: put, get, open, check, pin, carry away."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from novacron.exceptions import (
    BlockError,
    ConfigurationError,
    ContentTooLargeError,
    InputError,
    MissingBlockError,
    StorageError,
)
from novacron.storage.blocks import BlockStore, check_label
from novacron.storage.car import CarSummary, export_car, import_car, write_all
from novacron.storage.cid import Cid
from novacron.storage.embedded import Collected, EmbeddedBlockStore
from novacron.storage.reader import BlockFault, ContentStat, StoredFile, stat, walk
from novacron.storage.unixfs import CHUNK, write_file

#: Label of pins that are given no other.
MANUAL = "manual"
#: Environment variable with the store's location.
LOCATION_VARIABLE = "NOVACRON_STORAGE"
#: Most bytes that `get` returns unless told otherwise.
GET_LIMIT = 64 * 1024 * 1024


class Storage:
    """Files by CID in one block store. Safe with several threads and processes as far as the block store is."""

    def __init__(self, blocks: BlockStore) -> None:
        self.blocks = blocks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Storage({self.blocks!r})"

    def close(self) -> None:
        """Close the block store."""
        self.blocks.close()

    # -- writing ------------------------------------------------------------------------------------------------------

    def put_bytes(self, data: bytes, *, pin: str | None = MANUAL) -> Cid:
        """Store `data` as a file. As `put_file`."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InputError(f"content is bytes, got {type(data).__name__}; encode text first")
        return self.put_file(io.BytesIO(data), pin=pin)

    def put_file(self, stream: BinaryIO, *, pin: str | None = MANUAL) -> Cid:
        """Store what `stream` holds from its position on, in blocks of 1 MiB; durable when this returns.

        The CID is that of `ipfs add --cid-version 1 --raw-leaves --chunker size-1048576`. Equal blocks are kept once.

        Args:
            stream: opened for reading bytes; any size.
            pin: label of the pin that keeps it from the collector; None for no pin, which is safe only inside `hold`.

        Raises:
            InputError: the stream gives text. OSError: it cannot be read.
            StorageError, StoreError: it cannot be stored; what was written so far is collected some day.
        """
        if pin is not None:
            check_label(pin)
        with self.hold():
            cid = write_file(self.blocks, stream).cid
            if pin is not None:
                self.blocks.pin([cid], pin)
        return cid

    def put_block(self, data: bytes, *, pin: str | None = MANUAL) -> Cid:
        """Store `data` as one raw block: SHA-256 of the data alone finds it again. Otherwise as `put_file`.

        Raises:
            ContentTooLargeError: more than 1 MiB.
        """
        if len(data) > CHUNK:
            raise ContentTooLargeError(f"one block holds at most {CHUNK} bytes, got {len(data)}; use put_bytes")
        return self.put_bytes(data, pin=pin)

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, cid: Cid, *, limit: int = GET_LIMIT) -> bytes:
        """The content as a whole.

        Raises:
            ContentTooLargeError: more than `limit` bytes; nothing but the root was read. Use `open` or `read_into`.
            MissingBlockError, CorruptBlockError, InvalidDagError: a faulty block, by name; nothing is returned.
            StorageError, StoreError: the store cannot be read.
        """
        with StoredFile(self.blocks, cid) as file:
            if file.size > limit:
                raise ContentTooLargeError(f"{cid} has {file.size} bytes, the limit here is {limit}")
            return file.readall()

    def open(self, cid: Cid) -> io.BufferedReader:
        """The content as a seekable file. Its `read` raises as `get`, and never returns a byte of a faulty block."""
        return io.BufferedReader(StoredFile(self.blocks, cid))

    def read_into(self, cid: Cid, sink: BinaryIO) -> int:
        """Copy the content to `sink` one block at a time, return its size in bytes. Raises as `get`; OSError."""
        with StoredFile(self.blocks, cid) as file:
            while part := file.read(CHUNK):
                write_all(sink, part)
            return file.size

    def has(self, cid: Cid) -> bool:
        """Whether the root block is there; `faults` tells whether all of the content is. Raises StorageError."""
        return self.blocks.has(cid)

    def stat(self, cid: Cid) -> ContentStat:
        """Size, blocks and depth as the inner nodes declare them; no leaf below the root is read. Raises as `get`."""
        return stat(self.blocks.get, cid)

    # -- checking -----------------------------------------------------------------------------------------------------

    def verify(self, cid: Cid) -> ContentStat:
        """Read and hash every block once. Raises as `get`, at the first faulty block."""
        return stat(self.blocks.get, cid, leaves=True)

    def faults(self, cid: Cid) -> Iterator[BlockFault]:
        """Every missing, corrupt or invalid block of the content; what is below such a block is not known."""
        found: list[BlockError] = []
        for _ in walk(self.blocks.get, cid, leaves=True, on_fault=found.append):
            yield from map(BlockFault.of, found)
            found.clear()
        yield from map(BlockFault.of, found)

    def missing(self, cid: Cid) -> Iterator[Cid]:
        """Every block of the content that is not there; leaves are asked for, not read.

        Raises:
            CorruptBlockError, InvalidDagError: an inner node is faulty, so what is below it is not known.
            StorageError, StoreError: the store cannot be read.
        """
        found: list[BlockError] = []
        for leaf, block, _ in walk(self.blocks.get, cid, leaves=False, on_fault=found.append):
            yield from _missing_of(found)
            if block is None and not self.blocks.has(leaf):
                yield leaf
        yield from _missing_of(found)

    # -- CAR ----------------------------------------------------------------------------------------------------------

    def export_car(self, cid: Cid, sink: BinaryIO) -> CarSummary:
        """Write the content as a CAR, version 1. See `novacron.storage.car.export_car`."""
        return export_car(self.blocks.get, cid, sink)

    def import_car(self, source: BinaryIO, *, pin: str | None = MANUAL) -> CarSummary:
        """Store the content of a CAR, which is checked wholly first. See `novacron.storage.car.import_car`."""
        if pin is not None:
            check_label(pin)
        with self.hold():
            summary = import_car(self.blocks, source)
            if pin is not None:
                self.blocks.pin([summary.root], pin)
        return summary

    # -- pins ---------------------------------------------------------------------------------------------------------

    def hold(self) -> AbstractContextManager[None]:
        """While this lasts, nothing that is put or read is collected. Holds nest."""
        return self.blocks.hold()

    def pin(self, cid: Cid, label: str) -> None:
        """Keep content for `label` until that label unpins it. Raises MissingBlockError when its root is not there."""
        self.blocks.pin([cid], label)

    def pin_all(self, cids: Sequence[Cid], label: str) -> None:
        """As `pin`, for several: all or none."""
        self.blocks.pin(cids, label)

    def unpin(self, cid: Cid, label: str) -> bool:
        """End a pin; False when there was none. Raises StorageError where the back end does not remove content."""
        return self.blocks.unpin(cid, label)

    def unpin_label(self, label: str) -> int:
        """End every pin of `label`; how many. Raises StorageError where the back end does not remove content."""
        return self.blocks.unpin_label(label)

    def pins(self) -> list[tuple[Cid, str]]:
        """Pinned roots and their labels. Raises StorageError where the back end keeps no list."""
        return self._embedded().pins()

    def collect(self) -> Collected:
        """Remove what no pin reaches (embedded store only).

        Raises:
            MissingBlockError, CorruptBlockError, InvalidDagError: an inner node of pinned content cannot be read;
                nothing is removed, since what it names is not known.
            StoreBusyError: somebody holds the store.
            StorageError: another back end.
        """
        blocks = self._embedded()
        return blocks.collect(lambda root: (cid for cid, _, _ in walk(blocks.get, root, leaves=False)))

    def _embedded(self) -> EmbeddedBlockStore:
        if not isinstance(self.blocks, EmbeddedBlockStore):
            raise StorageError(f"{self.blocks!r} keeps no pins of this kind; use that store's own tools")
        return self.blocks


def _missing_of(found: list[BlockError]) -> Iterator[Cid]:
    """The missing blocks among faults, which are taken from the list; raises the first of another kind."""
    while found:
        error = found.pop(0)
        if not isinstance(error, MissingBlockError):
            raise error
        yield error.cid


def open_storage(location: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Storage:
    """Open a store by its location; the caller closes it.

    Args:
        location: a folder (embedded store, created when absent), `s3://bucket/prefix`, or `kubo:http://127.0.0.1:5001`;
            None for the environment's NOVACRON_STORAGE.
        environ: where credentials and the S3 address come from, see `docs/storage.md`.

    Raises:
        ConfigurationError: no location, or a malformed one.
        StorageError, StoreError: the embedded store cannot be opened.
    """
    if location is None:
        location = environ.get(LOCATION_VARIABLE)
        if not location:
            raise ConfigurationError(f"no store is given: name a folder, or set {LOCATION_VARIABLE}")
    text = str(location)
    if text.startswith("s3:"):
        from novacron.storage.s3 import S3BlockStore

        return Storage(S3BlockStore.from_environment(text, environ))
    if text.startswith("kubo:"):
        from novacron.storage.kubo import KuboBlockStore

        return Storage(KuboBlockStore.from_environment(text.removeprefix("kubo:"), environ))
    if "://" in text:
        raise ConfigurationError(
            f"a store of kind {text.partition('://')[0]!r} is not known: give a folder, s3://bucket/prefix or "
            "kubo:http://host:port"
        )
    return Storage(EmbeddedBlockStore(Path(text)))
