"""A run directory: everything a recorder keeps on disk.

    run.json          who the run is: salt, manifest (model, configuration, data, code), policy. Written once
    log.sqlite        the transparency log: the truth
    manifests/        checkpoint manifests, content-addressed: <SHA-256 of the manifest's canonical JSON>.json
    hashes.sqlite     digests of files hashed before, so that unchanged files are not read again; a cache
    state.sqlite      what can be derived again or read from the chain: policy state, anchored heads and receipts
    lock              advisory lock; held while one entry is appended, never while a file is hashed or a chain is asked

A crash at any point leaves a directory that the next recorder understands: files appear by rename, rows by
transaction, and the log alone decides what was recorded.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.exceptions import (
    ConfigurationError,
    CorruptStoreError,
    ProofError,
    StoreBusyError,
    UnknownRecordError,
)
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest, sha256
from novacron.provenance.entries import LogEntry, manifest_digest
from novacron.provenance.log import TransparencyLog
from novacron.provenance.manifest import Manifest
from novacron.stores import StoreConnection, open_store, snapshot, transaction, translate_errors

STATE_ID = 0x4E43_5253  # "NCRS"
RUN_DIR_FORMAT = "novacron-run-dir-v1"

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE heads (
    size INTEGER PRIMARY KEY, root TEXT NOT NULL, transaction_hash TEXT, block_number INTEGER, updated_at INTEGER
) STRICT;
"""


@dataclass(frozen=True)
class AnchoredHead:
    """A log head known to be on chain. `root` is 32 bytes; the rest is None where the chain did not say."""

    size: int
    root: bytes
    transaction_hash: str | None = None
    block_number: int | None = None
    updated_at: int | None = None


class RunDirectory:
    """The files of one run. Safe with several threads and processes on one directory."""

    def __init__(self, path: Path | str, *, lock_timeout: float = 30.0) -> None:
        self.path = Path(path)
        self._lock_timeout = lock_timeout
        self.identity: dict[str, Any] = {}
        self.log: TransparencyLog
        self._state: StoreConnection

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / "run.json").is_file()

    def create(self, identity: Mapping[str, Any]) -> None:
        """Write run.json unless another process just did; then open. Raises StoreError, StoreFullError."""
        with translate_errors(self.path):
            (self.path / "manifests").mkdir(parents=True, exist_ok=True)
        with self.lock():
            if not self.exists:
                value = {"format": RUN_DIR_FORMAT, **identity}
                write_atomically(self.path / "run.json", json.dumps(value, indent=2, sort_keys=True).encode() + b"\n")
        self.open()

    def open(self) -> None:
        """Open an existing run. Raises UnknownRecordError when there is none, CorruptStoreError when it is damaged."""
        file = self.path / "run.json"
        if not self.exists:
            raise UnknownRecordError(f"{self.path} holds no run (no run.json): create it with `novacron run open`")
        with translate_errors(file):
            text = file.read_bytes()
        try:
            identity = json.loads(text)
            if identity["format"] != RUN_DIR_FORMAT:
                raise ConfigurationError(f"{file}: format {identity['format']!r} is not {RUN_DIR_FORMAT!r}")
            parse_digest(identity["salt"])
            for key in ("manifest", "policy"):
                if not isinstance(identity[key], dict):
                    raise TypeError(f"{key} is not an object")
        except ConfigurationError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStoreError(f"{file} is damaged ({error}); restore it from a copy") from error
        self.identity = identity
        with translate_errors(self.path):
            (self.path / "manifests").mkdir(exist_ok=True)
        self._state = open_store(
            self.path / "state.sqlite", schema=_SCHEMA, application_id=STATE_ID, timeout=self._lock_timeout
        )
        self.log = TransparencyLog(self.path / "log.sqlite", timeout=self._lock_timeout)

    def close(self) -> None:
        """Close the databases; everything recorded is durable already."""
        for part in ("log", "_state"):
            if hasattr(self, part):
                getattr(self, part).close()

    @property
    def salt(self) -> bytes:
        """32 bytes that make the run's id unique."""
        return parse_digest(self.identity["salt"])

    @property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest: model, configuration, data, code."""
        return dict(self.identity["manifest"])

    @property
    def manifest_digest(self) -> bytes:
        """SHA-256 of the canonical JSON of the run's manifest: what the chain commits to at the opening."""
        return sha256(canonical_json(self.manifest))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclude other recorders while an entry is appended. Raises StoreBusyError after the lock timeout."""
        with translate_errors(self.path):
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            deadline = time.monotonic() + self._lock_timeout
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise StoreBusyError(
                            f"{self.path}: another process has held the lock for {self._lock_timeout:g} s"
                        ) from error
                    time.sleep(0.005)
            yield
        finally:
            os.close(handle)  # releases the lock

    def entry(self, index: int) -> LogEntry:
        """The log's entry at `index`, from 0. Raises InputError for no such index, CorruptStoreError."""
        return self._parse(index, self.log.entry(index))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
        """The log's entries from `start` up to, not including, `stop`. Raises as `entry`."""
        for index, data in enumerate(self.log.entries(start, stop), start):
            yield self._parse(index, data)

    def _parse(self, index: int, data: bytes) -> LogEntry:
        try:
            entry = LogEntry.from_bytes(data)
        except ProofError as error:
            raise CorruptStoreError(f"{self.path}: entry {index} was not written by a recorder ({error})") from error
        if entry.sequence != index or entry.run != self.manifest_digest:
            raise CorruptStoreError(
                f"{self.path}: entry {index} belongs to another place or run; restore it from a copy"
            )
        return entry

    # -- checkpoint manifests ---------------------------------------------------------------------------------------

    def store_manifest(self, manifest: Manifest) -> None:
        """Keep a checkpoint's manifest under its digest."""
        path = self._manifest_path(manifest_digest(manifest))
        if not path.exists():
            write_atomically(path, manifest.to_text().encode())

    def load_manifest(self, digest: bytes) -> Manifest:
        """The manifest with this digest. Raises CorruptStoreError when it is missing or is not what its name says."""
        path = self._manifest_path(digest)
        with translate_errors(path):
            if not path.is_file():
                raise CorruptStoreError(f"{path} is missing; restore the run directory from a copy")
            data = path.read_bytes()
        try:
            manifest = Manifest.from_json(data)
        except ProofError as error:
            raise CorruptStoreError(f"{path}: {error}; restore it from a copy") from error
        if manifest_digest(manifest) != digest:
            raise CorruptStoreError(f"{path} was altered: its digest is another; restore it from a copy")
        return manifest

    def _manifest_path(self, digest: bytes) -> Path:
        return self.path / "manifests" / f"{hex_digest(digest)}.json"

    # -- derived state ------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Any:
        """A derived value (JSON), None when it was never put."""
        with snapshot(self._state) as state:
            row = state.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        """Replace a derived value (JSON)."""
        with transaction(self._state) as state:
            state.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def add_head(self, head: AnchoredHead) -> None:
        """Remember an anchored head; what is known of its transaction is kept when a later look knows less."""
        with transaction(self._state) as state:
            state.execute(
                "INSERT INTO heads VALUES (:size, :root, :transaction_hash, :block_number, :updated_at)"
                " ON CONFLICT (size) DO UPDATE SET root = excluded.root,"
                " transaction_hash = coalesce(excluded.transaction_hash, transaction_hash),"
                " block_number = coalesce(excluded.block_number, block_number),"
                " updated_at = coalesce(excluded.updated_at, updated_at)",
                {**asdict(head), "root": hex_digest(head.root)},
            )

    def head_at(self, size: int) -> AnchoredHead | None:
        """The head of this size, None when none is known to be on chain."""
        return next((head for head in self._heads("WHERE size = ?", size)), None)

    def heads(self) -> list[AnchoredHead]:
        """Every head known to be on chain, oldest first."""
        return self._heads("ORDER BY size")

    def _heads(self, clause: str, *values: int) -> list[AnchoredHead]:
        columns = "SELECT size, root, transaction_hash, block_number, updated_at FROM heads"
        with snapshot(self._state) as state:
            rows = state.execute(f"{columns} {clause}", values)
            return [AnchoredHead(row[0], parse_digest(row[1]), *row[2:]) for row in rows]
