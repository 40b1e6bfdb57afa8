"""The plain model of ModelRegistry that test_model_registry_machine.py compares it with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeVar

from eth_abi import encode
from web3 import Web3

from tests.contracts.evm import Outcome

T = TypeVar("T")
HOUR, DAY = 3_600, 86_400
PERIOD, LONGEST = HOUR, 730 * DAY
ZERO, NOBODY = b"\0" * 32, "0x" + "00" * 20
ARCHIVED = 3
#: Why a model may be deployed, or not; the numbers are the contract's.
DEPLOYABLE, UNKNOWN, PROVISIONAL, REVOKED, ANCESTOR_REVOKED, NOT_CERTIFIED, EXPIRED, VOID = range(8)
#: https://semver.org, question "Is there a suggested regular expression".
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
RESERVED = re.compile(r"latest|v[0-9]+", re.ASCII)


def is_version(text: str) -> bool:
    """Whether this is a version of Semantic Versioning 2.0.0 of at most 32 bytes."""
    return len(text.encode()) <= 32 and SEMVER.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether this may name something."""
    return NAME.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Whether this may be an alias."""
    return is_name(text) and RESERVED.fullmatch(text) is None


def commitment_of(owner: str, model: bytes, salt: bytes) -> bytes:
    """What `owner` commits to."""
    return bytes(Web3.keccak(encode(["address", "bytes32", "bytes32"], [owner, model, salt])))


def name_id(creator: str, name: str) -> bytes:
    """Id of a name of this creator."""
    return bytes(Web3.keccak(encode(["address", "string"], [creator, name])))


@dataclass
class Certificate:
    certifier: str
    issued_at: int
    expires_at: int
    evidence: bytes
    revoked_at: int = 0


@dataclass(frozen=True)
class Commitment:
    """When somebody committed."""

    block: int
    at: int


@dataclass
class Registration:
    """What somebody registered, and on which commitment, if on any.

    Attributes:
        block: that of the registration.
    """

    owner: str
    at: int
    block: int
    commitment: Commitment | None
    vector: bytes
    version: str
    metadata: str
    kept: bool
    parents: list[tuple[bytes, int]] = field(default_factory=list)
    datasets: list[bytes] = field(default_factory=list)
    run: bytes = ZERO
    key: bytes = ZERO
    revoked_at: int = 0
    pending: str = NOBODY
    stages: list[tuple[int, int]] = field(default_factory=list)
    certificate: Certificate | None = None

    @property
    def final_at(self) -> int:
        """At once on a commitment that is an hour old by then."""
        aged = self.commitment is not None and self.at >= self.commitment.at + PERIOD
        return self.at if aged else self.at + PERIOD

    @property
    def since(self) -> int:
        """Block that it counts from: whoever committed before it displaces it."""
        return self.commitment.block if self.commitment else self.block

    @property
    def stage(self) -> int:
        return self.stages[-1][1] if self.stages else 0

    @property
    def lineage(self) -> tuple[object, ...]:
        """As the ABI has it."""
        return self.parents, self.datasets, self.run, self.key


@dataclass
class Alias:
    moves: list[tuple[int, bytes]] = field(default_factory=list)
    frozen: bool = False

    def at(self, time: int) -> bytes:
        return latest(self.moves, time, ZERO)

    @property
    def now(self) -> bytes:
        return self.moves[-1][1] if self.moves else ZERO


@dataclass
class Name:
    owner: str
    text: str
    pending: str = NOBODY
    frozen: bool = False
    versions: dict[str, bytes] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)


def latest(history: list[tuple[int, T]], time: int, otherwise: T) -> T:
    """What the last entry at or before `time` says."""
    return next((value for at, value in reversed(history) if at <= time), otherwise)


@dataclass
class Model:
    """What the contract promises, as dictionaries."""

    certifier: str
    models: dict[bytes, Registration] = field(default_factory=dict)
    commitments: dict[bytes, Commitment] = field(default_factory=dict)
    names: dict[bytes, Name] = field(default_factory=dict)
    verified: set[tuple[bytes, bytes]] = field(default_factory=set)
    runs: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)

    # Models -----------------------------------------------------------------------------------------------------------

    def not_final(self, model: bytes, now: int) -> Outcome | None:
        if model not in self.models:
            return "ModelRegistry_UnknownModel", (model,)
        final_at = self.models[model].final_at
        return ("ModelRegistry_Provisional", (model, final_at)) if now < final_at else None

    def not_own(self, model: bytes, who: str, now: int) -> Outcome | None:
        if error := self.not_final(model, now):
            return error
        return None if who == self.models[model].owner else ("ModelRegistry_NotOwner", (model, who))

    def revoked(self, model: bytes) -> Outcome | None:
        at = self.models[model].revoked_at
        return ("ModelRegistry_Revoked", (model, at)) if at else None

    def no_text(self, model: bytes, version: str, metadata: str) -> Outcome | None:
        if model == ZERO:
            return "ModelRegistry_EmptyModelHash", ()
        if not is_version(version):
            return "ModelRegistry_InvalidVersion", (version, 32)
        length = len(metadata.encode())
        return ("ModelRegistry_MetadataTooLong", (length, 2_048)) if length > 2_048 else None

    def no_register(self, model: bytes, made: Registration, salt: bytes, now: int) -> Outcome | None:
        """Why `made` cannot be registered now, in a block after every commitment."""
        if error := self.no_text(model, made.version, made.metadata):
            return error
        commitment = commitment_of(made.owner, model, salt)
        if salt != ZERO and commitment not in self.commitments:
            return "ModelRegistry_NotCommitted", (commitment, 0)
        there = self.models.get(model)
        if there and (salt == ZERO or now >= there.final_at or there.since <= self.commitments[commitment].block):
            return "ModelRegistry_AlreadyRegistered", (model, there.owner)
        for count, limit in ((len(made.datasets), 16), (len(made.parents), 8)):
            if count > limit:
                return "ModelRegistry_TooMany", (count, limit)
        for i, (parent, _) in enumerate(made.parents):
            if error := self.not_final(parent, now) or self.revoked(parent):
                return error
            if parent in [before for before, _ in made.parents[:i]]:
                return "ModelRegistry_DuplicateParent", (parent,)
        if made.run != ZERO and self.runs.get(made.run) != (made.owner, model):
            return "ModelRegistry_RunMismatch", (made.run, model, made.owner)
        if made.key != ZERO and (made.key, model) not in self.verified:
            return "ModelRegistry_NotVerified", (made.key, model)
        return None

    def ancestors(self, model: bytes) -> list[bytes]:
        """Each once, nearest first."""
        found = [parent for parent, _ in self.models[model].parents]
        for child in found:  # grows while it is read
            found += [parent for parent, _ in self.models[child].parents if parent not in found]
        return found

    def verdict(self, model: bytes, now: int) -> tuple[int, bytes]:
        """Whether it may be deployed, and whom that is about."""
        made = self.models.get(model)
        if made is None:
            return UNKNOWN, model
        if now < made.final_at:
            return PROVISIONAL, model
        if made.revoked_at:
            return REVOKED, model
        for ancestor in self.ancestors(model):
            if self.models[ancestor].revoked_at:
                return ANCESTOR_REVOKED, ancestor
        if made.certificate is None or made.certificate.revoked_at:
            return NOT_CERTIFIED, model
        if now >= made.certificate.expires_at:
            return EXPIRED, model
        if made.key != ZERO and (made.key, model) not in self.verified:
            return VOID, model
        return DEPLOYABLE, ZERO

    # Names ------------------------------------------------------------------------------------------------------------

    def not_named(self, name: bytes, who: str) -> Outcome | None:
        if name not in self.names:
            return "ModelRegistry_UnknownName", (name,)
        return None if who == self.names[name].owner else ("ModelRegistry_NotNameOwner", (name, who))

    def not_changing(self, name: bytes, who: str) -> Outcome | None:
        if error := self.not_named(name, who):
            return error
        return ("ModelRegistry_Frozen", (name, "")) if self.names[name].frozen else None

    def no_alias(self, name: bytes, who: str, text: str) -> Outcome | None:
        if error := self.not_changing(name, who):
            return error
        if not is_alias(text):
            return "ModelRegistry_InvalidName", (text,)
        found = self.names[name].aliases.get(text)
        return ("ModelRegistry_Frozen", (name, text)) if found and found.frozen else None
