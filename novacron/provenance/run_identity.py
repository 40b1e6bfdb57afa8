"""Who a run is: the manifest that the chain commits to when the run is opened."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novacron import __version__
from novacron.exceptions import ConfigurationError
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest
from novacron.provenance.entries import Artifact
from novacron.provenance.hash_cache import HashCache
from novacron.provenance.manifest import Manifest, build_manifest
from novacron.provenance.policies import AnchorPolicy, AtSeal
from novacron.provenance.rundir import RunDirectory

RUN_FORMAT = "novacron-run-v1"

#: A path (file or folder), a digest (32 bytes, or a text of 64 hex digits, optionally after 0x), or a manifest built
#: before. A text is a path when something exists there, or when it has a separator or a suffix: a mistyped path is then
#: reported as missing. A pathlib.Path is always a path; use it for files that are named by 64 hex digits.
ArtifactSource = str | bytes | os.PathLike[str] | Manifest


@dataclass(frozen=True)
class RunIdentity:
    """What the caller says of a run; None where it says nothing."""

    model: str | None = None
    config: Mapping[str, Any] | None = None
    data: ArtifactSource | None = None
    code_version: str | None = None
    policy: AnchorPolicy | None = None
    progress: Callable[[int, int], None] | None = None

    def hash_data(self) -> tuple[Artifact | None, Manifest | None]:
        """The reference to the training data, and its manifest where there is one."""
        return (None, None) if self.data is None else hash_artifact(self.data, None, self.progress)


def hash_artifact(
    source: ArtifactSource, cache: HashCache | None, progress: Callable[[int, int], None] | None
) -> tuple[Artifact, Manifest | None]:
    """What an entry says of `source`, with the manifest unless only a digest is given.

    `ArtifactSource` says what is taken for a path and what for a digest. Raises InvalidDigestError and ManifestError.
    """
    if isinstance(source, bytes):
        return Artifact(parse_digest(source)), None
    if isinstance(source, str) and _is_digest(source):
        return Artifact(parse_digest(source)), None
    manifest = source if isinstance(source, Manifest) else build_manifest(Path(source), cache=cache, progress=progress)
    return Artifact.of(manifest), manifest


def _is_digest(text: str) -> bool:
    if len(text.lower().removeprefix("0x")) != 64 or any(mark in text for mark in "/\\."):
        return False
    return not Path(text).exists()


def create_run(store: RunDirectory, asked: RunIdentity, created: str) -> None:
    """Write a new run's identity; `created` is RFC 3339. Another process may be first: its run is kept.

    Raises ConfigurationError without a model, InputError when the configuration has no canonical JSON form.
    """
    if not isinstance(asked.model, str) or not asked.model:
        raise ConfigurationError(f"{store.path} holds no run yet: give model=, the name of what is trained")
    data, data_manifest = asked.hash_data()
    manifest = {
        "format": RUN_FORMAT,
        "model": asked.model,
        "created": created,
        "config": dict(asked.config or {}),
        "data": data and data.to_dict(),
        "code": {"novacron": __version__, "version": asked.code_version},
    }
    canonical_json(manifest)  # refuses what cannot be hashed before anything is written
    policy = asked.policy or AtSeal()
    salt = hex_digest(secrets.token_bytes(32))
    store.create({"salt": salt, "manifest": manifest, "policy": policy.to_dict()})
    if data_manifest is not None:
        store.store_manifest(data_manifest)
    refuse_other_run(store, asked)


def refuse_other_run(store: RunDirectory, asked: RunIdentity) -> None:
    """Raise ConfigurationError when the directory's run is not the one asked for."""
    known = store.manifest
    data, _ = asked.hash_data()
    given: dict[str, tuple[Any, Any]] = {
        "model": (asked.model, known["model"]),
        "config": (None if asked.config is None else dict(asked.config), known["config"]),
        "data": (data and data.to_dict(), known["data"]),
        "code_version": (asked.code_version, known["code"]["version"]),
        "policy": (asked.policy and asked.policy.to_dict(), store.identity["policy"]),
    }
    for name, (wanted, present) in given.items():
        if wanted is not None and canonical_json(wanted) != canonical_json(present):
            raise ConfigurationError(
                f"{store.path} holds a run with another {name}: {present!r}, not {wanted!r}; "
                "choose another run directory"
            )
