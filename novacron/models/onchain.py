"""What ModelRegistry, ProofOfTraining and QuantumVerification hold about a model, as the interfaces name it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from novacron.exceptions import InputError
from novacron.quantum.schemes import PostQuantumScheme

ZERO = bytes(32)


class _Words(IntEnum):
    """An enum of the chain with a word for each value."""

    @property
    def word(self) -> str:
        """As people write it: `fine-tune`, `production`."""
        return self.name.lower().replace("_", "-")

    def __str__(self) -> str:
        return self.word


_W = TypeVar("_W", bound=_Words)


class Relation(_Words):
    """How a model came from its parent."""

    BASE = 0
    FINE_TUNE = 1
    DISTILLATION = 2
    MERGE = 3


class Stage(_Words):
    """Where a model stands; MLflow's words."""

    NONE = 0
    STAGING = 1
    PRODUCTION = 2
    ARCHIVED = 3


class Verdict(_Words):
    """Why a model may be deployed, or not."""

    DEPLOYABLE = 0
    UNKNOWN = 1
    PROVISIONAL = 2
    REVOKED = 3
    ANCESTOR_REVOKED = 4
    NOT_CERTIFIED = 5
    CERTIFICATE_EXPIRED = 6
    VERIFICATION_VOID = 7


def parse_relation(text: str) -> Relation:
    """`base`, `fine-tune`, `distillation` or `merge`, in any case. Raises InputError."""
    return _parsed(Relation, text, "relation")


def parse_stage(text: str) -> Stage:
    """`none`, `staging`, `production` or `archived`, in any case. Raises InputError."""
    return _parsed(Stage, text, "stage")


def _parsed(kind: type[_W], text: str, what: str) -> _W:
    for value in kind:
        if text.strip().lower().replace("_", "-") == value.word:
            return value
    raise InputError(f"{what} {text!r} is none of {', '.join(value.word for value in kind)}")


@dataclass(frozen=True)
class Parent:
    """A model that another one was made from."""

    model_hash: bytes
    relation: Relation


@dataclass(frozen=True)
class Lineage:
    """Everything about a model that is fixed at its registration, besides its digest and version.

    Attributes:
        datasets: roots of the manifests of the data it was trained on, 32 bytes each.
        run: run of ProofOfTraining that was sealed with it, or zero.
        verification_key: key of QuantumVerification that signed it, or zero.
    """

    parents: tuple[Parent, ...] = ()
    datasets: tuple[bytes, ...] = ()
    run: bytes = ZERO
    verification_key: bytes = ZERO

    @classmethod
    def of(cls, answer: tuple[Any, ...]) -> Lineage:
        """From `lineageOf`."""
        parents, datasets, run, key = answer
        return cls(tuple(Parent(one, Relation(relation)) for one, relation in parents), tuple(datasets), run, key)

    def to_tuple(self) -> tuple[Any, ...]:
        """As `register` takes it."""
        parents = [(parent.model_hash, int(parent.relation)) for parent in self.parents]
        return (parents, list(self.datasets), self.run, self.verification_key)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; digests as 0x and 64 digits, null for none."""
        return {
            "parents": [{"model": hexed(one.model_hash), "relation": one.relation.word} for one in self.parents],
            "datasets": [hexed(one) for one in self.datasets],
            "run": hexed(self.run),
            "verification_key": hexed(self.verification_key),
        }


@dataclass(frozen=True)
class Model:
    """A registered model; see `IModelRegistry.Model`. Times are Unix seconds, `revoked_at` 0 while it is not."""

    model_hash: bytes
    owner: str
    registered_at: int
    final_at: int
    revoked_at: int
    vector_hash: bytes
    metadata_digest: bytes
    version: str
    stage: Stage
    metadata_kept: bool

    @classmethod
    def of(cls, model_hash: bytes, answer: tuple[Any, ...]) -> Model:
        """From `models`."""
        owner, registered_at, final_at, revoked_at, vector_hash, digest, version, stage, kept = answer
        times = (registered_at, final_at, revoked_at)
        return cls(model_hash, owner, *times, vector_hash, digest, version, Stage(stage), kept)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": hexed(self.model_hash),
            "owner": self.owner,
            "version": self.version,
            "stage": self.stage.word,
            "registered_at": self.registered_at,
            "final_at": self.final_at,
            "revoked_at": self.revoked_at or None,
            "vector_hash": hexed(self.vector_hash),
            "metadata_digest": hexed(self.metadata_digest),
            "metadata_kept": self.metadata_kept,
        }


@dataclass(frozen=True)
class Certificate:
    """The latest certificate of a model; times are Unix seconds, `revoked_at` 0 while it is not."""

    certifier: str
    issued_at: int
    expires_at: int
    revoked_at: int
    evidence: bytes

    @classmethod
    def of(cls, answer: tuple[Any, ...]) -> Certificate | None:
        """From `certificateOf`; None where there never was one."""
        return cls(*answer) if int(answer[1]) else None

    def holds(self, now: int) -> bool:
        """Whether it stands at a second."""
        return not self.revoked_at and now < self.expires_at

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "certifier": self.certifier,
            "issued_at": self.issued_at,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at or None,
            "evidence": hexed(self.evidence),
        }


@dataclass(frozen=True)
class RunHead:
    """The head of a training run; `model_digest` is zero while it is not sealed."""

    run: bytes
    owner: str
    size: int
    root: bytes
    updated_at: int
    model_digest: bytes

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": hexed(self.run),
            "owner": self.owner,
            "entries": self.size,
            "root": hexed(self.root),
            "updated_at": self.updated_at,
            "sealed_with": hexed(self.model_digest),
        }


@dataclass(frozen=True)
class Signature:
    """A post-quantum verification that the chain made.

    Attributes:
        key: id of the working key, 32 bytes.
        root: id of the root key that signed it.
        good: whether it still counts.
        timestamp: Unix seconds; 0 when the key never signed the model.
    """

    key: bytes
    root: bytes
    scheme: PostQuantumScheme
    timestamp: int
    verifier: str
    good: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key": hexed(self.key),
            "root": hexed(self.root),
            "scheme": self.scheme.fips_name,
            "verified_at": self.timestamp,
            "verifier": self.verifier,
            "good": self.good,
        }


def hexed(digest: bytes) -> str | None:
    """0x and 64 digits; None for zero, which stands for nothing everywhere in the registry."""
    return "0x" + digest.hex() if any(digest) else None


def short(digest: bytes) -> str:
    """The beginning and the end of a digest, for pictures and sentences that have the whole of it elsewhere."""
    return f"0x{digest.hex()[:8]}…{digest.hex()[-4:]}"
