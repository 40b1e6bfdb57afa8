"""Proof files: everything a stranger needs to check one log entry or one anchored hash, in one JSON document.

A *run* proof (`"kind": "run"`) holds a log entry with its exact bytes, the run's manifest, the manifest of the files
the entry speaks of, the inclusion proof to the log's head when the proof was made, the newest anchored head with the
consistency proof that leads from it to that head, and where the chain holds it. An *anchor* proof
(`"kind": "anchor"`) holds one stored hash, of a batch or by itself. Digests are 64 hexadecimal digits, addresses and
transaction hashes have 0x.

Reading is strict: a missing, unknown or mistyped field raises ProofFormatError naming it. Reading checks form only;
`verify.verify_proof` checks truth.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from eth_utils.address import is_address

from novacron import __version__
from novacron.atomic import write_atomically
from novacron.exceptions import ProofError, ProofFormatError
from novacron.provenance.clients.model import StoredHash
from novacron.provenance.digest import hex_digest
from novacron.provenance.entries import parse_integer
from novacron.provenance.fields import MAX_DEPTH, Fields, check_values, digest_of, shown
from novacron.provenance.manifest import Manifest
from novacron.stores import translate_errors

PROOF_FORMAT = "novacron-proof-v1"
SUFFIX = ".novaproof.json"
MAX_BYTES = 256 * 1024 * 1024

ClientKind = Literal["web3", "local"]


@dataclass(frozen=True)
class AnchoredAt:
    """The newest anchored head: `consistency` leads from it to the head of the proof (RFC 9162 section 2.1.4);
    `inclusion` proves the entry in it directly, None when the entry is newer."""

    size: int
    root: bytes
    consistency: tuple[bytes, ...]
    inclusion: tuple[bytes, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        inclusion = None if self.inclusion is None else [node.hex() for node in self.inclusion]
        consistency = [node.hex() for node in self.consistency]
        return {"size": self.size, "root": self.root.hex(), "consistency": consistency, "inclusion": inclusion}

    @classmethod
    def from_dict(cls, value: Any) -> AnchoredAt:
        """The inverse; raises ProofFormatError."""
        fields = Fields(value, "anchored", {"size", "root", "consistency", "inclusion"})
        inclusion = None if fields.raw("inclusion") is None else fields.digests("inclusion")
        size = fields.count("size")
        if size == 0:
            raise ProofFormatError("anchored.size is 0: an empty head anchors nothing")
        return cls(size, fields.digest("root"), fields.digests("consistency"), inclusion)


@dataclass(frozen=True)
class ChainReceipt:
    """Where the chain holds what is proven. `chain_id` is 0 and `contract` `local:<store id>` for the embedded store.

    `run`, `owner` and `salt` (None in an anchor proof) give the run's id; `model` is the digest it was sealed with.
    `transaction`, `block_number` and `block_hash` (0x-prefixed) are None where this recorder did not see them.
    """

    client: ClientKind
    chain_id: int
    contract: str
    owner: str
    run: bytes | None = None
    salt: bytes | None = None
    model: bytes | None = None
    updated_at: int | None = None
    transaction: str | None = None
    block_number: int | None = None
    block_hash: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "client": self.client,
            "chain_id": self.chain_id,
            "contract": self.contract,
            "owner": self.owner,
            "run": self.run and hex_digest(self.run),
            "salt": self.salt and hex_digest(self.salt),
            "model": self.model and hex_digest(self.model),
            "updated_at": self.updated_at,
            "transaction": self.transaction,
            "block_number": self.block_number,
            "block_hash": self.block_hash,
        }

    @classmethod
    def from_dict(cls, value: Any) -> ChainReceipt:
        """The inverse; raises ProofFormatError."""
        fields = Fields(value, "chain", set(cls.__dataclass_fields__))
        client = fields.text("client")
        if client not in ("web3", "local"):
            raise ProofFormatError(f"chain.client is {client!r}, not 'web3' or 'local'")
        transaction, block_hash = fields.optional_text("transaction"), fields.optional_text("block_hash")
        for name, text in (("transaction", transaction), ("block_hash", block_hash)):
            if text is not None:
                digest_of(text, f"chain.{name}")
        for name in ("contract", "owner"):
            if client == "web3" and not is_address(fields.text(name)):
                raise ProofFormatError(f"chain.{name} is not an address but {shown(fields.text(name))}")
        return cls(
            client="web3" if client == "web3" else "local",
            chain_id=fields.count("chain_id"),
            contract=fields.text("contract"),
            owner=fields.text("owner"),
            run=fields.optional_digest("run"),
            salt=fields.optional_digest("salt"),
            model=fields.optional_digest("model"),
            updated_at=fields.optional_count("updated_at"),
            transaction=transaction,
            block_number=fields.optional_count("block_number"),
            block_hash=block_hash,
        )


@dataclass(frozen=True)
class Proof(ABC):
    """A proof file. `created` is RFC 3339, `generator` the program that wrote it."""

    created: str
    generator: str

    KIND: ClassVar[str]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""

    def to_bytes(self) -> bytes:
        """The file's contents: indented JSON in UTF-8."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False).encode() + b"\n"

    def save(self, path: Path | str) -> Path:
        """Write the file (by convention `<name>.novaproof.json`); it appears complete or not at all.

        Raises:
            StoreFullError, StoreError: it cannot be written.
        """
        write_atomically(Path(path), self.to_bytes())
        return Path(path)

    @staticmethod
    def load(path: Path | str) -> Proof:
        """Read a proof file. Raises ProofFormatError; StoreError when the file cannot be read."""
        return Proof.from_bytes(read_proof_file(Path(path)))

    @staticmethod
    def from_bytes(data: bytes | str) -> Proof:
        """Parse a proof file's contents. Raises ProofFormatError."""
        try:
            value = json.loads(
                data, parse_constant=_refuse_constant, parse_int=parse_integer, object_pairs_hook=_unique
            )
        except (ValueError, RecursionError) as error:
            raise ProofFormatError(f"not JSON, or cut off: {error}") from error
        return Proof.from_dict(value)

    @staticmethod
    def from_dict(value: Any) -> Proof:
        """Read a proof's JSON document. Raises ProofFormatError."""
        if not isinstance(value, Mapping) or value.get("format") != PROOF_FORMAT:
            found = value.get("format") if isinstance(value, Mapping) else value
            raise ProofFormatError(f"format is {shown(found)}, expected {PROOF_FORMAT!r}")
        check_values(value, "the proof", MAX_DEPTH)
        if value.get("kind") == RunProof.KIND:
            return RunProof.read(value)
        if value.get("kind") == AnchorProof.KIND:
            return AnchorProof.read(value)
        raise ProofFormatError(f"kind is {shown(value.get('kind'))}, not 'run' or 'anchor'")

    def _envelope(self) -> dict[str, Any]:
        return {"format": PROOF_FORMAT, "kind": self.KIND, "created": self.created, "generator": self.generator}


@dataclass(frozen=True)
class RunProof(Proof):
    """The proof of one entry of a training run. Byte strings are 32 bytes, but `entry`, the entry's exact bytes.

    `decoded` repeats the entry for readers; `run_manifest` is what `openRun` committed to.
    """

    entry: bytes
    decoded: Mapping[str, Any]
    index: int
    leaf: bytes
    run_manifest: Mapping[str, Any]
    manifest: Manifest | None
    size: int
    root: bytes
    inclusion: tuple[bytes, ...]
    anchored: AnchoredAt | None
    chain: ChainReceipt | None

    KIND: ClassVar[str] = "run"

    def to_dict(self) -> dict[str, Any]:
        return {
            **self._envelope(),
            "entry": {
                "index": self.index,
                "bytes": base64.b64encode(self.entry).decode(),
                "leaf": self.leaf.hex(),
                "decoded": dict(self.decoded),
            },
            "run_manifest": dict(self.run_manifest),
            "manifest": None if self.manifest is None else self.manifest.to_json(),
            "log": {"size": self.size, "root": self.root.hex(), "inclusion": [node.hex() for node in self.inclusion]},
            "anchored": None if self.anchored is None else self.anchored.to_dict(),
            "chain": None if self.chain is None else self.chain.to_dict(),
        }

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> RunProof:
        """Parse the document of a run proof. Raises ProofFormatError."""
        names = {"format", "kind", "created", "generator", "entry", "run_manifest"}
        top = Fields(value, "the proof", names | {"manifest", "log", "anchored", "chain"})
        entry = Fields(top.raw("entry"), "entry", {"index", "bytes", "leaf", "decoded"})
        log = Fields(top.raw("log"), "log", {"size", "root", "inclusion"})
        try:
            data = base64.b64decode(entry.text("bytes"), validate=True)
            manifest = None if top.raw("manifest") is None else Manifest.from_json(top.object("manifest"))
            if manifest is not None and manifest.to_json() != top.object("manifest"):
                raise ProofFormatError("manifest has unknown fields, or fields of a wrong type or form")
        except ProofFormatError:
            raise
        except ProofError as error:
            raise ProofFormatError(f"manifest: {error}") from error
        except ValueError as error:  # binascii.Error, or text that is not ASCII
            raise ProofFormatError(f"entry.bytes is not base64: {error}") from error
        return cls(
            created=top.time("created"),
            generator=top.label("generator"),
            entry=data,
            decoded=entry.object("decoded"),
            index=entry.count("index"),
            leaf=entry.digest("leaf"),
            run_manifest=top.object("run_manifest"),
            manifest=manifest,
            size=log.count("size"),
            root=log.digest("root"),
            inclusion=log.digests("inclusion"),
            anchored=None if top.raw("anchored") is None else AnchoredAt.from_dict(top.raw("anchored")),
            chain=None if top.raw("chain") is None else ChainReceipt.from_dict(top.raw("chain")),
        )


@dataclass(frozen=True)
class AnchorProof(Proof):
    """The proof of one stored hash; a batch's inclusion proof is part of the record."""

    record: StoredHash
    chain: ChainReceipt

    KIND: ClassVar[str] = "anchor"

    def to_dict(self) -> dict[str, Any]:
        return {**self._envelope(), "record": self.record.to_dict(), "chain": self.chain.to_dict()}

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> AnchorProof:
        """Parse the document of an anchor proof. Raises ProofFormatError."""
        top = Fields(value, "the proof", {"format", "kind", "created", "generator", "record", "chain"})
        record = StoredHash.from_dict(top.object("record"))
        if record.to_dict() != top.object("record"):
            raise ProofFormatError("record has fields of a wrong type or form")
        return cls(top.time("created"), top.label("generator"), record, ChainReceipt.from_dict(top.raw("chain")))


def generator() -> str:
    """What this version writes into `generator`."""
    return f"novacron {__version__}"


def read_proof_file(path: Path) -> bytes:
    """The file's contents. Raises StoreError when it cannot be read, ProofFormatError when it is far too large."""
    with translate_errors(path):
        if path.stat().st_size > MAX_BYTES:
            raise ProofFormatError(f"{path} is larger than {MAX_BYTES} bytes: not a proof file")
        return path.read_bytes()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # readers differ in which of two they believe
        raise ValueError("an object names a field twice")
    return value
