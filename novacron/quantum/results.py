"""What BlockchainIntegrationService answers, and how it is kept in a cache."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from novacron.quantum.records import BatchProof, VerificationRecord
from novacron.quantum.schemes import PostQuantumScheme


@dataclass(frozen=True)
class VerificationResult:
    """A datum that the chain verified, confirmed.

    Attributes:
        data_hash: 32 bytes; SHA-256 of bytes, root of the manifest of a file or folder.
        proof_digest: keccak256 of the quantum proof.
        timestamp: Unix seconds of the block.
        verifier: account that submitted it.
        transaction: hash of the transaction that verified it.
        confirmations: blocks that were waited for, the transaction's own included.
        batch: the Merkle root that was signed and the path to it, for a datum of a batch.
        cached: whether this was remembered: a revocation of the last hour would not show.
    """

    data_hash: bytes
    security_level: int
    scheme: PostQuantumScheme
    key: bytes
    proof_digest: bytes
    timestamp: int
    verifier: str
    transaction: str
    block: int
    confirmations: int
    batch: BatchProof | None = None
    cached: bool = False

    @classmethod
    def of(
        cls, data_hash: bytes, level: int, scheme: PostQuantumScheme, record: VerificationRecord,
        place: tuple[str, int], confirmations: int, batch: BatchProof | None = None,
    ) -> Self:  # fmt: skip
        """From a record, and the transaction and block that it was made in."""
        return cls(
            data_hash, level, scheme, record.key, record.proof_digest, record.timestamp, record.verifier, *place,
            confirmations, batch,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "data_hash": self.data_hash.hex(),
            "security_level": self.security_level,
            "scheme": self.scheme.fips_name,
            "key": self.key.hex(),
            "proof_digest": self.proof_digest.hex(),
            "timestamp": self.timestamp,
            "verifier": self.verifier,
            "transaction": self.transaction,
            "block": self.block,
            "confirmations": self.confirmations,
            "batch": None if self.batch is None else path_dict(self.batch),
            "cached": self.cached,
        }

    def to_bytes(self) -> bytes:
        """For a cache."""
        return json.dumps(self.to_dict()).encode()

    @classmethod
    def of_bytes(
        cls, raw: bytes, *, data_hash: bytes, level: int, scheme: PostQuantumScheme, key: bytes
    ) -> Self | None:
        """From a cache; None for anything that is no result of exactly this datum, level and key."""
        try:
            found = json.loads(raw)
            batch = None if found["batch"] is None else path_of(found["batch"], data_hash)
            made = cls(
                data_hash=bytes.fromhex(found["data_hash"]),
                security_level=int(found["security_level"]),
                scheme=scheme,
                key=bytes.fromhex(found["key"]),
                proof_digest=bytes.fromhex(found["proof_digest"]),
                timestamp=int(found["timestamp"]),
                verifier=str(found["verifier"]),
                transaction=str(found["transaction"]),
                block=int(found["block"]),
                confirmations=int(found["confirmations"]),
                batch=batch,
                cached=True,
            )
        except (ValueError, TypeError, KeyError):
            return None
        return made if (made.data_hash, made.security_level, made.key) == (data_hash, level, key) else None


def path_dict(proof: BatchProof) -> dict[str, Any]:
    """A Merkle proof for JSON."""
    return {"root": proof.root.hex(), "size": proof.size, "path": [node.hex() for node in proof.path]}


def path_of(value: Any, data_hash: bytes) -> BatchProof:
    """From `path_dict`. Raises ValueError, TypeError, KeyError; whether it proves anything is for the chain to say."""
    path = tuple(bytes.fromhex(node) for node in value["path"])
    root = bytes.fromhex(value["root"])
    if any(len(node) != 32 for node in (root, *path)):
        raise ValueError("a node has not 32 bytes")
    return BatchProof(root, int(value["size"]), data_hash, path)
