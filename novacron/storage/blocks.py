"""Block stores: what keeps blocks by their CID. Whatever the back end answers is hashed before anybody sees it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from novacron.exceptions import ContentTooLargeError, CorruptBlockError, MissingBlockError, StorageError
from novacron.storage.cid import Cid, Codec

#: Largest block, in bytes: what IPFS nodes exchange. A block that is written here has at most 1 MiB.
MAX_BLOCK = 2 * 1024 * 1024


class BlockStore(ABC):
    """Blocks by CID. Callers use `put` and `get`, which verify; back ends implement the methods with an underscore.

    Equal bytes are kept once. Safe with several threads and processes.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, block: bytes, codec: Codec = Codec.RAW) -> Cid:
        """Store a block unless it is there. It is durable when the surrounding `hold` has ended.

        Raises:
            ContentTooLargeError: more than `MAX_BLOCK` bytes.
            StorageError, StoreError: the back end cannot store it.
        """
        if len(block) > MAX_BLOCK:
            raise ContentTooLargeError(f"a block has at most {MAX_BLOCK} bytes, got {len(block)}; store it as a file")
        cid = Cid.of(block, codec)
        with self.hold():
            self._write(cid, block)
        return cid

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block, which hash to its CID.

        Raises:
            MissingBlockError: there is none.
            CorruptBlockError: what is stored has another hash, or is larger than any block.
            StorageError, StoreError: the back end cannot read it.
        """
        block = self._read(cid)
        if block is None:
            raise MissingBlockError(f"block {cid} is not in {self!r}", cid)
        if len(block) > MAX_BLOCK:
            raise CorruptBlockError(f"block {cid} in {self!r} has more than {MAX_BLOCK} bytes", cid)
        found = Cid.of(block, cid.codec)
        if found != cid:
            raise CorruptBlockError(
                f"block {cid} in {self!r} is corrupt: its {len(block)} bytes hash to {found}; put the content again or "
                "restore the block from a copy",
                cid,
            )
        return block

    def has(self, cid: Cid) -> bool:
        """Whether a block is stored; it is not read. Raises StorageError, StoreError."""
        return self._contains(cid)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """While this lasts, nothing that is put or read is collected; when it ends well, what was put is durable.

        Holds nest. A back end that never collects has nothing to do.
        """
        yield

    def pin(self, cids: Sequence[Cid], label: str) -> None:
        """Keep the content below each of `cids` for `label`, all or none; durable when this returns.

        A back end that never collects has nothing to do.

        Raises:
            MissingBlockError: a root is not there.
            StorageError, StoreError: the label is malformed, or the back end cannot do it.
        """
        check_label(label)
        for cid in cids:
            if not self.has(cid):
                raise MissingBlockError(f"block {cid} is not in {self!r}; it cannot be pinned", cid)

    def unpin(self, cid: Cid, label: str) -> bool:
        """End what `pin` began; False when it was not pinned. Raises StorageError where nothing can be removed."""
        raise StorageError(f"{self!r} does not remove content ({cid}, {label!r}); use that store's own tools")

    def unpin_label(self, label: str) -> int:
        """Unpin everything that `label` pins, return how much that was. Raises as `unpin`."""
        raise StorageError(f"{self!r} does not remove content ({label!r}); use that store's own tools")

    def close(self) -> None:
        """Release files and connections."""
        return

    @abstractmethod
    def _write(self, cid: Cid, block: bytes) -> None:
        """Store a block whose CID is known to fit."""

    @abstractmethod
    def _read(self, cid: Cid) -> bytes | None:
        """What is stored, unverified, None when there is nothing; at most one byte more than `MAX_BLOCK`."""

    @abstractmethod
    def _contains(self, cid: Cid) -> bool:
        """Whether something is stored."""


def check_label(label: str) -> str:
    """A pin's label: 1 to 200 printable characters. Raises StorageError."""
    if not isinstance(label, str) or not 1 <= len(label) <= 200 or not label.isprintable():
        raise StorageError(f"a pin's label is text of 1 to 200 printable characters, got {label!r:.80}")
    return label
