"""What QuantumVerification says of keys and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from novacron.provenance.merkle import MerkleBatch
from novacron.quantum.keys import Signer
from novacron.quantum.messages import ANYBODY, NO_KEY, working_id
from novacron.quantum.schemes import PostQuantumScheme


@dataclass(frozen=True)
class WorkingKey:
    """A key that signs data, and the root that authorised it."""

    root: bytes
    signer: Signer

    @property
    def id(self) -> bytes:
        """Its id on chain."""
        return working_id(self.root, self.signer.verifying_key)

    @property
    def scheme(self) -> PostQuantumScheme:
        """Its scheme."""
        return self.signer.verifying_key.scheme


@dataclass(frozen=True)
class KeyRecord:
    """A key as the chain knows it; times in Unix seconds.

    Attributes:
        root: id of its root; zero bytes for a root.
        public_key: 32 bytes, see `VerifyingKey.onchain`.
        account: the only one that may submit for it; None for anybody.
        valid_until: first second at which it is no longer valid.
        revoked_since: what it signed from then on counts for nothing; None while it is not revoked.
    """

    id: bytes
    root: bytes
    scheme: PostQuantumScheme
    public_key: bytes
    account: str | None
    valid_from: int
    valid_until: int
    revoked_since: int | None

    @classmethod
    def of(cls, key: bytes, answer: Sequence[Any]) -> Self:
        """From `keyOf`."""
        root, scheme, public_key, account, valid_from, valid_until, revoked = answer
        bound = None if account == ANYBODY else str(account)
        return cls(
            key,
            root,
            PostQuantumScheme(scheme),
            public_key,
            bound,
            valid_from,
            valid_until,
            revoked if revoked else None,
        )

    @property
    def is_root(self) -> bool:
        """Whether it signs keys rather than data."""
        return self.root == NO_KEY

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id.hex(),
            "root": None if self.is_root else self.root.hex(),
            "scheme": self.scheme.fips_name,
            "public_key": self.public_key.hex(),
            "account": self.account,
            "valid_from": self.valid_from,
            "valid_until": None if self.is_root else self.valid_until,
            "revoked_since": self.revoked_since,
        }


@dataclass(frozen=True)
class VerificationRecord:
    """That the chain verified a signature of a key.

    Attributes:
        proof_digest: keccak256 of the quantum proof.
        timestamp: Unix seconds of its block.
        verifier: account that submitted it.
        good: whether it still counts: neither key nor root was revoked as of then.
    """

    key: bytes
    proof_digest: bytes
    timestamp: int
    verifier: str
    good: bool

    @classmethod
    def of(cls, answer: Sequence[Any]) -> Self | None:
        """From `verificationOf` and its like; None where there is none."""
        key, proof_digest, timestamp, verifier, good = answer
        return cls(key, proof_digest, timestamp, str(verifier), good) if timestamp else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key": self.key.hex(),
            "proof_digest": self.proof_digest.hex(),
            "timestamp": self.timestamp,
            "verifier": self.verifier,
            "good": self.good,
        }


@dataclass(frozen=True)
class BatchRecord:
    """A verification of a Merkle root.

    Attributes:
        size: number of leaves, as the signer stated it.
    """

    record: VerificationRecord
    root: bytes
    size: int


@dataclass(frozen=True)
class BatchProof:
    """That a datum is in a batch: what `isVerifiedInBatch` takes."""

    root: bytes
    size: int
    data_hash: bytes
    path: tuple[bytes, ...]

    @classmethod
    def of(cls, batch: MerkleBatch, number: int) -> Self:
        """The proof of a batch's datum."""
        return cls(batch.root, len(batch), batch.value(number)[0], tuple(batch.proof(number)))
