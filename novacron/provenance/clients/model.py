"""The values that clients take and return.

A *record* is one SHA-256 digest with optional JSON metadata, written once by one submitter. Its id is known before it
is anchored and never changes: `eip155:<chain id>:<contract>/<submitter>/<digest>` on an EVM chain (the prefix is
CAIP-10), `local:<store id>/<submitter>/<digest>` in the embedded store.

Records of a batch share one on-chain slot: the root of an OpenZeppelin standard Merkle tree. Its leaves are

* `(bytes32 digest)` when no record of the batch carries metadata, and
* `(bytes32 digest, bytes32 metadataDigest)` otherwise, where `metadataDigest` is the SHA-256 of the metadata in
  RFC 8785 canonical JSON, or 32 zero bytes for a record without metadata.

The two forms have different lengths under `abi.encode`, so neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from novacron.exceptions import InputError, InvalidDigestError, ProofFormatError
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest
from novacron.provenance.merkle import standard_leaf_hash, verify_merkle_proof

#: What `batch_store_hashes` accepts for one record: a digest, or a digest and its metadata.
BatchItem = str | bytes | tuple[str | bytes, Mapping[str, Any] | None]

Status = Literal["confirmed", "pending"]

#: Leaf encodings of a batch, see the module's description.
PLAIN_LEAF: tuple[str, ...] = ("bytes32",)
METADATA_LEAF: tuple[str, ...] = ("bytes32", "bytes32")

NO_METADATA = bytes(32)


def metadata_digest(metadata: Mapping[str, Any] | None) -> bytes:
    """SHA-256 of the canonical JSON (RFC 8785) of `metadata`, 32 bytes; 32 zero bytes when there is none."""
    return hashlib.sha256(canonical_json(dict(metadata))).digest() if metadata else NO_METADATA


def batch_leaf(digest: bytes, metadata: Mapping[str, Any] | None, encoding: Sequence[str]) -> tuple[bytes, ...]:
    """The value of one leaf: `(digest,)` or `(digest, metadata digest)`, each 32 bytes, as `encoding` says.

    Raises:
        ProofFormatError: the encoding is neither of the two this package writes.
    """
    if tuple(encoding) == PLAIN_LEAF:
        return (digest,)
    if tuple(encoding) == METADATA_LEAF:
        return (digest, metadata_digest(metadata))
    raise ProofFormatError(f"leaf encoding {list(encoding)!r} is not one of {list(PLAIN_LEAF)}, {list(METADATA_LEAF)}")


def _bytes32(value: Any, name: str) -> bytes:
    try:
        return parse_digest(value)
    except InvalidDigestError as error:
        raise ProofFormatError(f"{name}: {error}") from error


@dataclass(frozen=True, slots=True)
class BatchInclusion:
    """Where a record stands in its batch, with the proof: enough to check it without any store.

    Attributes:
        root: root of the batch's standard Merkle tree, 32 bytes; this is what the chain holds.
        size: number of records of the batch.
        index: position of the record in the list given to `batch_store_hashes`, 0-based.
        leaf_hash: `keccak256(keccak256(abi.encode(leaf)))`, 32 bytes.
        proof: sibling hashes from the leaf up, 32 bytes each.
        leaf_encoding: ABI types of the leaf, `PLAIN_LEAF` or `METADATA_LEAF`.
    """

    root: bytes
    size: int
    index: int
    leaf_hash: bytes
    proof: tuple[bytes, ...]
    leaf_encoding: tuple[str, ...] = PLAIN_LEAF

    def verifies(self, digest: bytes, metadata: Mapping[str, Any] | None) -> bool:
        """True when the leaf is that of this digest and metadata, and the proof leads from it to the root.

        A plain leaf commits to no metadata: with one, only an empty `metadata` verifies. The proof's length must be
        one that a tree of `size` leaves has, as the contract demands. Nothing proves `index`: a standard tree sorts its
        leaves by hash.
        """
        if metadata and self.leaf_encoding == PLAIN_LEAF:
            return False
        if not 0 <= self.index < self.size:
            return False
        # floor(log2(size)) <= depth <= floor(log2(2 * size - 1))
        if not self.size.bit_length() - 1 <= len(self.proof) <= (2 * self.size - 1).bit_length() - 1:
            return False
        leaf = standard_leaf_hash(batch_leaf(digest, metadata, self.leaf_encoding), self.leaf_encoding)
        return leaf == self.leaf_hash and verify_merkle_proof(self.root, leaf, self.proof)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; byte strings become 64 hex digits."""
        return {
            "root": hex_digest(self.root),
            "size": self.size,
            "index": self.index,
            "leafHash": hex_digest(self.leaf_hash),
            "proof": [hex_digest(node) for node in self.proof],
            "leafEncoding": list(self.leaf_encoding),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ProofFormatError: a field is missing or malformed.
        """
        try:
            return cls(
                root=_bytes32(value["root"], "batch.root"),
                size=_integer(value["size"], "batch.size"),
                index=_integer(value["index"], "batch.index"),
                leaf_hash=_bytes32(value["leafHash"], "batch.leafHash"),
                proof=tuple(_bytes32(node, "batch.proof") for node in value["proof"]),
                leaf_encoding=tuple(str(kind) for kind in value["leafEncoding"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ProofFormatError):
                raise
            raise ProofFormatError(f"batch inclusion is malformed: {error!r}") from error


@dataclass(frozen=True, slots=True)
class StoredHash:
    """One record, as far as the client knows it.

    Attributes:
        id: stable and self-describing, see the module's description.
        hash: 64 lower-case hex digits.
        metadata: what was stored with it; `{}` for nothing.
        status: `confirmed` once the chain holds it at the configured depth, `pending` while it waits in the outbox.
        chain_id: EIP-155 chain id; 0 for the embedded store.
        contract: checksum address; `local:<store id>` for the embedded store.
        submitter: checksum address; a name for the embedded store.
        timestamp: block time in seconds since the Unix epoch; None while pending.
        block_number: block that holds the record or its batch; None while pending.
        transaction_hash: 0x-prefixed; None while pending, or where only the contract's slot is known. For the embedded
            store it is the hash of the block.
        batch: inclusion in a batch; None for a record anchored by itself.
    """

    id: str
    hash: str
    metadata: dict[str, Any]
    status: Status
    chain_id: int
    contract: str
    submitter: str
    timestamp: int | None = None
    block_number: int | None = None
    transaction_hash: str | None = None
    batch: BatchInclusion | None = None

    @property
    def digest(self) -> bytes:
        """The hash as 32 bytes."""
        return parse_digest(self.hash)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "id": self.id,
            "hash": self.hash,
            "metadata": self.metadata,
            "status": self.status,
            "chainId": self.chain_id,
            "contract": self.contract,
            "submitter": self.submitter,
            "timestamp": self.timestamp,
            "blockNumber": self.block_number,
            "transactionHash": self.transaction_hash,
            "batch": None if self.batch is None else self.batch.to_dict(),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ProofFormatError: a field is missing or malformed.
        """
        try:
            if value["status"] not in ("confirmed", "pending"):
                raise ProofFormatError(f"status {value['status']!r} is neither 'confirmed' nor 'pending'")
            return cls(
                id=str(value["id"]),
                hash=hex_digest(_bytes32(value["hash"], "hash")),
                metadata=dict(value["metadata"]),
                status=value["status"],
                chain_id=_integer(value["chainId"], "chainId"),
                contract=str(value["contract"]),
                submitter=str(value["submitter"]),
                timestamp=_optional_int(value["timestamp"]),
                block_number=_optional_int(value["blockNumber"]),
                transaction_hash=None if value["transactionHash"] is None else str(value["transactionHash"]),
                batch=None if value["batch"] is None else BatchInclusion.from_dict(value["batch"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ProofFormatError):
                raise
            raise ProofFormatError(f"stored hash is malformed: {error!r}") from error


def _optional_int(value: Any) -> int | None:
    return None if value is None else _integer(value, "timestamp or blockNumber")


def _integer(value: Any, name: str) -> int:
    """A whole number that the contract's uint64 holds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise ProofFormatError(f"{name} is not a whole number from 0 to 2**64 - 1")
    return value


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that the chain refused for good. It stays in the outbox until it is stored again or retried.

    Attributes:
        record: the record, with status `pending`.
        reason: the error that ended it.
    """

    record: StoredHash
    reason: str


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What one `reconcile()` did.

    Attributes:
        confirmed: records this call found or made anchored; each appears in one report only.
        still_pending: records that wait for a later call.
        failed: all records of the store that were refused for good, by earlier calls too, until they are stored again.
        errors: why something is still pending, one sentence each.
    """

    confirmed: tuple[StoredHash, ...] = ()
    still_pending: tuple[StoredHash, ...] = ()
    failed: tuple[FailedRecord, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when nothing waits and nothing failed."""
        return not self.still_pending and not self.failed


@dataclass(frozen=True, slots=True)
class RunInfo:
    """An open run.

    Attributes:
        run: run id, 32 bytes; it commits to owner, salt and manifest.
        owner: who opened it: checksum address, or the embedded store's submitter name.
        salt: 32 bytes chosen by the owner.
        manifest_digest: SHA-256 of the run's manifest, 32 bytes.
        transaction_hash: 0x-prefixed; None when the run was found open and this store did not open it.
        block_number: None likewise.
    """

    run: bytes
    owner: str
    salt: bytes
    manifest_digest: bytes
    transaction_hash: str | None = None
    block_number: int | None = None


@dataclass(frozen=True, slots=True)
class RunHead:
    """The head of a run's RFC 9162 log as the chain holds it.

    Attributes:
        run: run id, 32 bytes.
        owner: who opened it.
        size: number of log entries.
        root: Merkle tree hash (RFC 9162 section 2.1.1), 32 bytes; SHA-256 of nothing at size 0.
        updated_at: block time of the last change, seconds since the Unix epoch.
        model_digest: 32 bytes once the run is sealed, None before.
        transaction_hash: transaction that made this head, 0x-prefixed, where this client knows it.
        block_number: its block, where known.
    """

    run: bytes
    owner: str
    size: int
    root: bytes
    updated_at: int
    model_digest: bytes | None = None
    transaction_hash: str | None = None
    block_number: int | None = None


_RECORD_ID = re.compile(
    r"(?P<scope>[^/#]+)/(?P<submitter>[^/#]+)/(?P<digest>[0-9a-fA-F]{64})(#(?P<number>[1-9][0-9]*))?"
)


@dataclass(frozen=True, slots=True)
class RecordId:
    """A record id in its parts.

    Attributes:
        scope: `eip155:<chain id>:<contract>` or `local:<store id>`.
        submitter: checksum address or name.
        digest: 32 bytes.
        number: id in the string interface (`…#<n>`), None elsewhere.
    """

    scope: str
    submitter: str
    digest: bytes
    number: int | None = None

    def __str__(self) -> str:
        tail = "" if self.number is None else f"#{self.number}"
        return f"{self.scope}/{self.submitter}/{hex_digest(self.digest)}{tail}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split an id.

        Raises:
            InputError: it is not of the form `<scope>/<submitter>/<64 hex digits>` with an optional `#<n>`.
        """
        match = _RECORD_ID.fullmatch(text)
        if match is None:
            raise InputError(
                f"record id {text!r} is malformed: expected '<scope>/<submitter>/<64 hex digits>', "
                "as store_hash returns it"
            )
        number = match["number"]
        return cls(match["scope"], match["submitter"], bytes.fromhex(match["digest"]), int(number) if number else None)
