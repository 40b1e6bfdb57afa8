"""The entries of a training run's log: canonical JSON (RFC 8785), one schema, versioned.

    {"format": "novacron-entry-v1", "type": "checkpoint", "run": <digest of the run's manifest>, "sequence": 3,
     "time": "2031-05-06T07:08:09.012345Z", "step": 120, "epoch": 3, "metrics": {"loss": 0.25},
     "checkpoint": {"kind": "manifest", "name": "epoch-3", "root": <64 hex digits>,
                    "manifest": <64 hex digits>, "files": 2, "size": 4096}}

`sequence` is the entry's index in the log. `root` is the root of the checkpoint's manifest (the digest model-signing
knows, over the files' contents); `manifest` is the SHA-256 of the manifest itself, which covers the file names too.
A run that diverges is a fact worth recording, but JSON has no NaN: the metric values NaN, +inf and -inf are written as
the strings "NaN", "Infinity" and "-Infinity", and no other string is allowed as a metric.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from novacron.exceptions import InputError, InvalidDigestError, ProofFormatError
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest, sha256
from novacron.provenance.manifest import Manifest

ENTRY_FORMAT = "novacron-entry-v1"
TYPES = ("open", "checkpoint", "validation", "seal")
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: numbers are IEEE 754 doubles

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MANIFEST_FIELDS = {"kind", "name", "root", "manifest", "files", "size"}
_FIELDS = {"format", "type", "run", "sequence", "time", "step", "epoch", "metrics", "checkpoint", "dataset", "details"}


def rfc3339(moment: datetime) -> str:
    """`moment` (time zone aware) as RFC 3339 in UTC with microseconds and a final Z."""
    if moment.tzinfo is None:
        raise InputError(f"time {moment!r} has no time zone: pass an aware datetime")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode_metrics(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """Metrics as JSON numbers: Python and numpy scalars, zero-dimensional arrays and tensors are accepted.

    Raises InputError naming the metric for anything that is not one real number, and for an integer that a double
    cannot hold (more than 2**53 - 1 in magnitude).
    """
    encoded: dict[str, Any] = {}
    for name, value in (metrics or {}).items():
        if not isinstance(name, str) or not name:
            raise InputError(f"metric name {name!r}: use a non-empty string")
        encoded[name] = _encode_number(name, value)
    return encoded


def _encode_number(name: str, value: Any) -> Any:
    if not isinstance(value, bool | int | float | str) and callable(getattr(value, "item", None)):
        try:
            value = value.item()  # numpy, torch, jax: one element or an error
        except (ValueError, RuntimeError, TypeError) as error:
            raise InputError(f"metric {name!r} is not one number: pass a scalar ({error})") from error
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        if abs(int(value)) > MAX_SAFE_INTEGER:
            raise InputError(f"metric {name!r} = {value} is beyond 2**53 - 1, which JSON cannot hold: scale it")
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        if math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    raise InputError(f"metric {name!r} is {type(value).__name__} {value!r}: metrics are real numbers")


def decode_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The floats of encoded metrics. Raises ProofFormatError for a value `encode_metrics` never writes."""
    decoded: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, str):
            if value not in _NON_FINITE:
                raise ProofFormatError(f"metric {name!r} is the string {value!r}: only NaN, Infinity and -Infinity are")
            decoded[name] = _NON_FINITE[value]
        elif isinstance(value, int | float):
            decoded[name] = float(value)
        else:
            raise ProofFormatError(f"metric {name!r} is {value!r}, not a number")
    return decoded


def _index(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InputError(f"{name} {value!r} is not a whole number")
    if not 0 <= int(value) <= MAX_SAFE_INTEGER:
        raise InputError(f"{name} {value} is out of range: 0 to 2**53 - 1")
    return int(value)


def manifest_digest(manifest: Manifest) -> bytes:
    """SHA-256 of the manifest's canonical JSON, 32 bytes: unlike the root it covers names and sizes too."""
    return sha256(canonical_json(manifest.to_json()))


def parse_integer(digits: str) -> int | float:
    """A JSON integer as RFC 8785 means it: beyond 2**53 - 1 it is a double that happens to be whole, such as 1e20."""
    value = int(digits) if len(digits) <= 17 else float(digits)
    return value if isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER else float(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON (RFC 8259 section 6)")


@dataclass(frozen=True)
class Artifact:
    """What an entry says of a checkpoint, a model or a data set: a manifest's root, or a bare digest.

    `digest` is 32 bytes: the manifest's root where `name`, `manifest` (its own digest), `files` and `size` (bytes) are
    given.
    """

    digest: bytes
    name: str | None = None
    manifest: bytes | None = None
    files: int | None = None
    size: int | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Artifact:
        """The reference to a manifest."""
        return cls(manifest.root, manifest.name, manifest_digest(manifest), len(manifest.files), manifest.size)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of an entry."""
        if self.manifest is None:
            return {"kind": "digest", "digest": hex_digest(self.digest)}
        return {
            "kind": "manifest",
            "name": self.name,
            "root": hex_digest(self.digest),
            "manifest": hex_digest(self.manifest),
            "files": self.files,
            "size": self.size,
        }

    @classmethod
    def from_dict(cls, value: Any) -> Artifact:
        """The inverse of `to_dict`; raises ProofFormatError."""
        if not isinstance(value, dict):
            raise ProofFormatError(f"a checkpoint reference is an object, not {value!r}")
        try:
            if value.get("kind") == "digest" and set(value) == {"kind", "digest"}:
                return cls(parse_digest(value["digest"]))
            if value.get("kind") == "manifest" and set(value) == _MANIFEST_FIELDS:
                name, files, size = value["name"], _index("files", value["files"]), _index("size", value["size"])
                if isinstance(name, str) and files is not None and size is not None:
                    return cls(parse_digest(value["root"]), name, parse_digest(value["manifest"]), files, size)
        except (InputError, InvalidDigestError) as error:
            raise ProofFormatError(f"malformed checkpoint reference: {error}") from error
        raise ProofFormatError(f"malformed checkpoint reference {value!r}")


@dataclass(frozen=True)
class LogEntry:
    """One entry of a run's log. `run` is the 32-byte digest of the run's manifest, `time` RFC 3339 in UTC."""

    type: str
    run: bytes
    sequence: int
    time: str
    step: int | None = None
    epoch: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Artifact | None = None
    dataset: Artifact | None = None
    details: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise InputError(f"unknown entry type {self.type!r}: one of {', '.join(TYPES)}")
        if _index("sequence", self.sequence) is None:
            raise InputError("an entry has a sequence number")
        object.__setattr__(self, "step", _index("step", self.step))
        object.__setattr__(self, "epoch", _index("epoch", self.epoch))

    def to_dict(self) -> dict[str, Any]:
        """The entry's JSON object; absent parts are left out."""
        value: dict[str, Any] = {
            "format": ENTRY_FORMAT,
            "type": self.type,
            "run": hex_digest(self.run),
            "sequence": self.sequence,
            "time": self.time,
        }
        optional = {
            "step": self.step,
            "epoch": self.epoch,
            "metrics": dict(self.metrics) or None,
            "checkpoint": self.checkpoint and self.checkpoint.to_dict(),
            "dataset": self.dataset and self.dataset.to_dict(),
            "details": dict(self.details) if self.details else None,
        }
        value.update({name: part for name, part in optional.items() if part is not None})
        return value

    def to_bytes(self) -> bytes:
        """RFC 8785 canonical JSON: the bytes that are hashed into the log."""
        return canonical_json(self.to_dict())

    @classmethod
    def from_bytes(cls, data: bytes) -> LogEntry:
        """Parse an entry strictly. Raises ProofFormatError unless `data` is exactly what `to_bytes` writes."""
        try:
            value = json.loads(data, parse_constant=_refuse_constant, parse_int=parse_integer)
        except (ValueError, RecursionError) as error:
            raise ProofFormatError(f"the entry is not JSON: {error}") from error
        if not isinstance(value, dict) or value.get("format") != ENTRY_FORMAT:
            found = value.get("format") if isinstance(value, dict) else type(value).__name__
            raise ProofFormatError(f"the entry's format is {found!r}, not {ENTRY_FORMAT!r}")
        if unknown := set(value) - _FIELDS:
            raise ProofFormatError(f"the entry has unknown fields: {', '.join(sorted(unknown))}")
        metrics, details = value.get("metrics", {}), value.get("details")
        if (
            not isinstance(metrics, dict)
            or not isinstance(details, dict | None)
            or not isinstance(value.get("time"), str)
        ):
            raise ProofFormatError("the entry's metrics, details or time have the wrong type")
        decode_metrics(metrics)
        try:
            entry = cls(
                type=value["type"],
                run=parse_digest(value["run"]),
                sequence=value["sequence"],
                time=value["time"],
                step=value.get("step"),
                epoch=value.get("epoch"),
                metrics=metrics,
                checkpoint=Artifact.from_dict(value["checkpoint"]) if "checkpoint" in value else None,
                dataset=Artifact.from_dict(value["dataset"]) if "dataset" in value else None,
                details=details,
            )
        except KeyError as error:
            raise ProofFormatError(f"the entry lacks the field {error}") from error
        except InputError as error:
            raise ProofFormatError(f"malformed entry: {error}") from error
        if entry.to_bytes() != data:
            raise ProofFormatError("the entry's bytes are not canonical JSON (RFC 8785)")
        return entry
