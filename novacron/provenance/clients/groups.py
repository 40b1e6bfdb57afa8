"""The rows of the outbox: records, and the groups in which they leave."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

GroupKind = Literal["single", "many", "batch"]
GroupState = Literal["open", "confirmed", "failed", "void"]


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """A record: 32-byte digest, canonical JSON of its metadata (or b""), and where it stands."""

    seq: int
    digest: bytes
    metadata: bytes
    group_id: int | None
    position: int
    node: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """One transaction's worth of records.

    Attributes:
        word: what the group commits to: the digest (single), the Merkle root (batch), or the SHA-256 of all digests
            in order (many).
        size: number of records.
        encoding: leaf encoding of a batch, empty elsewhere.
        metadata: canonical JSON that goes on chain with a batch's root.
        number: record number in the string interface, once known.
    """

    id: int
    kind: GroupKind
    word: bytes
    size: int
    encoding: tuple[str, ...]
    metadata: bytes
    state: GroupState
    block_number: int | None = None
    timestamp: int | None = None
    transaction_hash: str | None = None
    number: int | None = None

    def checksum(self) -> bytes:
        """SHA-256 over every field."""
        return hashlib.sha256(repr(tuple(getattr(self, name) for name in self.__slots__)).encode()).digest()

    def row(self) -> tuple[Any, ...]:
        """The columns after the id, checksum last."""
        return (
            self.kind,
            self.word,
            self.size,
            ",".join(self.encoding),
            self.metadata,
            self.state,
            self.block_number,
            self.timestamp,
            self.transaction_hash,
            self.number,
            self.checksum(),
        )


def word_of(digests: Sequence[bytes]) -> bytes:
    """What a group of digests (32 bytes each) commits to: the only one, or the SHA-256 of all of them in order."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()


def record_checksum(digest: bytes, metadata: bytes) -> bytes:
    """SHA-256 of a record's immutable part."""
    return hashlib.sha256(digest + metadata).digest()
