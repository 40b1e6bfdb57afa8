"""Digests of files hashed before, so that unchanged files are not read again.

A digest is reused only while the file's device, inode, size, modification time and change time are what they were. The
change time is what makes this safe: a program can set a modification time back, not a change time. Each row carries a
checksum, so that a damaged cache is reported rather than believed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from novacron.exceptions import CorruptStoreError, InputError
from novacron.stores import open_store, snapshot, transaction

APPLICATION_ID = 0x4E43_4843  # "NCHC"

_SCHEMA = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, digest BLOB NOT NULL, checksum BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class FileStamp:
    """What tells one version of a file from another without reading it; times in nanoseconds since the epoch."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """The stamp in a stat result. Device and inode are folded to SQLite's signed 64 bits."""
        return cls(
            _signed(status.st_dev), _signed(status.st_ino), status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


class HashCache:
    """SHA-256 digests by file, in one SQLite file; safe with several threads and processes."""

    def __init__(self, path: Path | str, *, settle: float = 2.0, timeout: float = 30.0) -> None:
        """Open the cache, creating it when the file does not exist.

        Args:
            path: the SQLite file; keep it outside the folders that are hashed.
            settle: seconds a file must have been left alone before its digest is kept. A write within one tick of the
                file system's clock after the hash would leave the same times; 2 s covers every file system in use.
            timeout: seconds to wait for another process's lock.

        Raises:
            CorruptStoreError, StoreFullError, StoreBusyError, StoreError: see `novacron.stores`.
        """
        if settle < 0:
            raise InputError(f"settle is a number of seconds, 0 or more, got {settle}")
        self.path = Path(path)
        self._settle_ns = int(settle * 1e9)
        self._connection = open_store(self.path, schema=_SCHEMA, application_id=APPLICATION_ID, timeout=timeout)

    def __enter__(self) -> HashCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HashCache({str(self.path)!r})"

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def lookup(self, path: Path, stamp: FileStamp) -> bytes | None:
        """The digest kept for this version of the file at absolute `path`, or None.

        Raises:
            CorruptStoreError: the file's row does not match its checksum.
        """
        key = os.fsencode(path)
        with snapshot(self._connection) as connection:
            row = connection.execute(
                "SELECT device, inode, size, mtime_ns, ctime_ns, digest, checksum FROM files WHERE path = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        kept, digest, checksum = FileStamp(*row[:5]), row[5], row[6]
        if checksum != _row_checksum(key, kept, digest):
            raise CorruptStoreError(
                f"{self.path}: the row of {path} does not match its checksum; delete the cache file"
            )
        found: bytes | None = digest if kept == stamp else None
        return found

    def settled(self, stamp: FileStamp) -> bool:
        """Whether the file was last touched long enough ago, as of now, for its digest to be kept.

        Ask before the file is read.
        """
        return time.time_ns() - stamp.ctime_ns >= self._settle_ns

    def remember(self, rows: Iterable[tuple[Path, FileStamp, bytes]]) -> None:
        """Keep digests (32 bytes) of file versions by absolute path, all in one transaction.

        Raises:
            StoreFullError, StoreBusyError: nothing was kept.
        """
        values = []
        for path, stamp, digest in rows:
            key = os.fsencode(path)
            values.append(
                (
                    key,
                    stamp.device,
                    stamp.inode,
                    stamp.size,
                    stamp.mtime_ns,
                    stamp.ctime_ns,
                    digest,
                    _row_checksum(key, stamp, digest),
                )
            )
        if values:
            with transaction(self._connection) as connection:
                connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def __len__(self) -> int:
        with snapshot(self._connection) as connection:
            count: int = connection.execute("SELECT count(*) FROM files").fetchone()[0]
        return count

    def prune(self) -> int:
        """Forget files that no longer exist; returns how many."""
        with snapshot(self._connection) as connection:
            keys = [row[0] for row in connection.execute("SELECT path FROM files")]
        gone = [(key,) for key in keys if not os.path.lexists(key)]
        if gone:
            with transaction(self._connection) as connection:
                connection.executemany("DELETE FROM files WHERE path = ?", gone)
        return len(gone)


def _row_checksum(key: bytes, stamp: FileStamp, digest: bytes) -> bytes:
    text = f"{stamp.device} {stamp.inode} {stamp.size} {stamp.mtime_ns} {stamp.ctime_ns} {len(key)} "
    return hashlib.sha256(text.encode() + key + digest).digest()[:8]


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
