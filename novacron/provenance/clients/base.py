"""What every provenance client promises, whatever stands behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from novacron.exceptions import DuplicateRecordError, InputError
from novacron.provenance.clients.model import (
    METADATA_LEAF,
    NO_METADATA,
    PLAIN_LEAF,
    BatchInclusion,
    BatchItem,
    FailedRecord,
    ReconcileReport,
    RecordId,
    RunHead,
    RunInfo,
    Status,
    StoredHash,
    batch_leaf,
    metadata_digest,
)
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest

__all__ = [
    "METADATA_LEAF",
    "NO_METADATA",
    "PLAIN_LEAF",
    "BatchInclusion",
    "BatchItem",
    "BlockchainClient",
    "FailedRecord",
    "ReconcileReport",
    "RecordId",
    "RunHead",
    "RunInfo",
    "Status",
    "StoredHash",
    "batch_leaf",
    "metadata_digest",
    "normalise_items",
]


def normalise_items(items: Sequence[BatchItem]) -> list[tuple[bytes, bytes]]:
    """Each item as (digest of 32 bytes, canonical JSON of its metadata or b"").

    Raises:
        InputError: the batch is empty, or an item is neither a digest nor a (digest, metadata) pair.
        InvalidDigestError: a hash is not 32 bytes or 64 hex digits.
        DuplicateRecordError: a digest appears twice; a record is written once.
    """
    if isinstance(items, str | bytes):
        raise InputError("a batch is a list of hashes, not one hash")
    if not items:
        raise InputError("a batch needs at least one record")
    result: list[tuple[bytes, bytes]] = []
    seen: set[bytes] = set()
    for position, item in enumerate(items):
        if isinstance(item, str | bytes):
            digest, metadata = parse_digest(item), b""
        elif isinstance(item, tuple) and len(item) == 2:
            digest, metadata = parse_digest(item[0]), canonical_metadata(item[1])
        else:
            raise InputError(f"batch item {position} is neither a hash nor a (hash, metadata) pair")
        if digest in seen:
            raise DuplicateRecordError(
                f"batch item {position} repeats digest {hex_digest(digest)}; list each record once"
            )
        seen.add(digest)
        result.append((digest, metadata))
    return result


def canonical_metadata(metadata: Mapping[str, Any] | None) -> bytes:
    """Canonical JSON (RFC 8785) of `metadata`, b"" for nothing.

    Raises:
        InputError: it is no mapping with string keys, or holds a value JSON has no form for.
    """
    if metadata is None:
        return b""
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata must be a mapping, not {type(metadata).__name__}")
    return canonical_json(dict(metadata)) if metadata else b""


class BlockchainClient(ABC):
    """Stores digests so that nobody, the submitter included, can alter or backdate them afterwards.

    Every method that takes a hash accepts 32 bytes or 64 hex digits (any case, optional 0x) and raises
    `InvalidDigestError` for anything else. Clients are context managers; `close` may be called twice.
    """

    @property
    @abstractmethod
    def submitter(self) -> str:
        """Whose records this client writes: checksum address, or a name in the embedded store.

        Raises:
            ConfigurationError: the client is read-only.
        """

    @abstractmethod
    def record_id(self, hash_value: str | bytes) -> str:
        """The id that this client's record of this hash has, stored already or not."""

    @abstractmethod
    def store_hash(self, hash_value: str | bytes, metadata: Mapping[str, Any] | None = None) -> StoredHash:
        """Write one record.

        Returns:
            The record: `confirmed`, or `pending` when the chain cannot be reached now or answers nonsense; it is then
            in the outbox, and `reconcile` anchors it later, exactly once.

        Raises:
            DuplicateRecordError: this submitter recorded the digest before, pending or confirmed. The message holds
                the id.
            MetadataTooLargeError: over 2,048 bytes encoded.
            RejectedError, RevertedError: the chain refused it. The record stays listed by `failed()`, or by `pending()`
                where paying the account or raising the cap is all it needs.
            StoreFullError: the disk is full; nothing was written.
        """

    @abstractmethod
    def retrieve_hash(self, record_id: str) -> StoredHash:
        """The record with this id.

        Raises:
            InputError: the id is malformed.
            UnknownRecordError: no such record, here or on the chain.
            CorruptStoreError: the store contradicts itself.
            ChainUnavailableError: only the chain would know, and it does not answer.
        """

    @abstractmethod
    def verify_hash(self, hash_value: str | bytes, record_id: str) -> bool:
        """True when the chain holds this very hash under this id; a pending record is not verified yet.

        Raises:
            as `retrieve_hash`.
        """

    @abstractmethod
    def verify_record(self, record: StoredHash) -> bool:
        """True when the chain holds this record: digest, submitter, and for a batch its inclusion and metadata.

        Needs no store of the writer: a `StoredHash` read from JSON is enough.
        """

    @abstractmethod
    def batch_store_hashes(
        self, items: Sequence[BatchItem], *, batch_metadata: Mapping[str, Any] | None = None
    ) -> list[StoredHash]:
        """Write many records with one Merkle root, in one transaction.

        Args:
            items: hashes, or (hash, metadata) pairs; the metadata of a record is bound by its leaf, not put on chain.
            batch_metadata: goes on chain with the root, at most 2,048 bytes encoded.

        Returns:
            The records in the order given, each with its inclusion proof; all `confirmed` or all `pending`.

        Raises:
            InputError: no records.
            DuplicateRecordError: a digest appears twice or was recorded before; nothing was written.
            otherwise as `store_hash`.
        """

    @abstractmethod
    def pending(self) -> list[StoredHash]:
        """Records that wait to be anchored, oldest first."""

    @abstractmethod
    def failed(self) -> list[FailedRecord]:
        """Records that the chain refused for good, oldest first. Storing the same hash again tries anew."""

    @abstractmethod
    def reconcile(self) -> ReconcileReport:
        """Anchor everything pending, each record exactly once, however often and by however many processes this runs.

        Never raises for a chain that is down or refuses: the report says so.
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""

    # -- runs ------------------------------------------------------------------------------------------------------
    # None of these queues: the recorder keeps the log itself and repeats the call, which is idempotent.

    @abstractmethod
    def run_id(self, salt: bytes, manifest_digest: bytes) -> bytes:
        """Id of the run that `open_run` opens with the same arguments, 32 bytes; needs no chain."""

    @abstractmethod
    def open_run(self, salt: bytes, manifest_digest: bytes) -> RunInfo:
        """Open a run (two values of 32 bytes); a run that is open already is returned as it is.

        Raises:
            ChainUnavailableError: the chain cannot be reached; call again with the same arguments.
        """

    @abstractmethod
    def extend_run(self, run: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> RunHead:
        """Move the head of a run's log forward; a head that stands there already is returned as it is.

        Args:
            run: run id, 32 bytes.
            new_size: number of log entries, more than the chain's.
            new_root: Merkle tree hash at that size, 32 bytes.
            proof: consistency proof (RFC 9162 section 2.1.4) from the chain's size; empty when that is 0.

        Raises:
            UnknownRecordError: no such run.
            SealedRunError: the run is sealed.
            RunConflictError: the chain's head is ahead of `new_size`, or holds another root at it.
            ProofInvalidError: the proof does not lead from the chain's head to the new one.
            RevertedError: the caller is neither owner nor recorder.
            ChainUnavailableError: call again with the same arguments.
        """

    @abstractmethod
    def seal_run(self, run: bytes, model_digest: bytes) -> RunHead:
        """End a run with the digest of what it produced; sealing again with the same digest changes nothing.

        Raises:
            UnknownRecordError: no such run.
            SealedRunError: sealed with another digest.
            InvalidDigestError: the digest is not 32 bytes; InputError when it is all zero, or the run empty.
            RevertedError: the caller is not the owner.
            ChainUnavailableError: call again with the same arguments.
        """

    @abstractmethod
    def run_head(self, run: bytes) -> RunHead:
        """The chain's head of a run.

        Raises:
            UnknownRecordError: no such run.
        """

    def extension_of(self, head: RunHead) -> tuple[str, int] | None:  # noqa: ARG002 - a client that cannot tell
        """Transaction hash (0x-prefixed) and block number of the extension that made `head`, None where none is found.

        For a head that was read from the chain: who sent it, and when, is looked up there.

        Raises:
            ChainError: the chain does not answer, or refuses the search.
        """
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
