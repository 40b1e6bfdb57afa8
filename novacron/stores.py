"""Durable local stores: opening an SQLite file safely, transactions, and SQLite's errors in this package's terms.

Every store of this package (transparency log, transaction journal, embedded client, hash cache) is opened here, so that
they share one behaviour: write-ahead logging with `synchronous=FULL` (a committed transaction survives power loss),
creation that is atomic (a store exists complete or not at all), and corruption that is reported, never repaired by
starting afresh.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from novacron.exceptions import CorruptStoreError, StoreBusyError, StoreError, StoreFullError

# A full `quick_check` at open is worth its time up to this size; beyond it the stores' own checks decide.
QUICK_CHECK_LIMIT = 8 * 1024 * 1024

_FULL_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreConnection(sqlite3.Connection):
    """An SQLite connection that knows its file, the process that opened it and the lock its threads share."""

    path: Path
    pid: int
    lock: threading.RLock


def open_store(
    path: Path | str, *, schema: str, application_id: int, version: int = 1, timeout: float = 30.0
) -> StoreConnection:
    """Open the store at `path`, creating it (and its folder) when nothing is there.

    Autocommit mode; write with `transaction`, read several statements consistently with `snapshot`. The connection may
    be shared by threads through those two; it must not be carried across `fork`: open it again in the child.

    Args:
        path: the SQLite file. `-wal` and `-shm` files appear beside it while it is open.
        schema: SQL statements that create the tables of a new store.
        application_id: 32-bit number that marks the kind of store (SQLite `PRAGMA application_id`), not 0.
        version: schema version kept in `PRAGMA user_version`.
        timeout: seconds to wait for a lock held by another process.

    Raises:
        CorruptStoreError: the file is no SQLite database, is damaged, empty, or a store of another kind.
        StoreFullError, StoreBusyError, StoreError: as `translate_errors`; StoreError too for another schema version.
    """
    path = Path(path)
    with translate_errors(path):
        if not path.exists():
            wal = path.with_name(path.name + "-wal")
            # Asked again: another process may have created the store and begun to write since.
            if wal.exists() and wal.stat().st_size and not path.exists():
                raise CorruptStoreError(f"{path}: the store is missing but {wal.name} is there; restore it from a copy")
            _create(path, schema, application_id, version)
        elif not path.is_file():
            raise StoreError(f"{path} is not a file; give the path of the store's file")
        elif path.stat().st_size == 0:
            # Creation is atomic, so an empty file never is a store in the making.
            raise CorruptStoreError(f"{path} is empty: not a store, or one that was truncated; restore it from a copy")
        try:
            with contextlib.ExitStack() as on_error:
                connection = _connect(path, timeout)
                on_error.callback(connection.close)
                _identify(connection, path, application_id, version)
                if path.stat().st_size <= QUICK_CHECK_LIMIT:
                    quick_check(connection)
                on_error.pop_all()
        except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message
            raise CorruptStoreError(f"{path} is damaged (its schema is no text); restore it from a copy") from error
    return connection


def quick_check(connection: sqlite3.Connection) -> None:
    """Check the structure of every table (`PRAGMA quick_check`); time grows with the file's size.

    Raises:
        CorruptStoreError: with SQLite's first finding.
    """
    with _sqlite_errors(_name_of(connection)):
        finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise CorruptStoreError(f"{_name_of(connection)} is damaged ({finding}); restore it from a copy")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction: `BEGIN IMMEDIATE`, then COMMIT, or ROLLBACK when the block raises.

    Threads sharing a `StoreConnection` take turns. Transactions do not nest.

    Raises:
        StoreBusyError: another process kept the write lock longer than the timeout.
        StoreFullError: the disk is full; nothing of the block was written.
        CorruptStoreError, StoreError: as `translate_errors`, for SQLite's errors only.
    """
    with _turn(connection), _sqlite_errors(_name_of(connection)):
        if connection.in_transaction:
            raise StoreError(f"{_name_of(connection)}: a transaction is open already; they do not nest")
        connection.execute("BEGIN IMMEDIATE")
        with _rolled_back_unless_committed(connection):
            yield connection
            connection.execute("COMMIT")


@contextlib.contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Read several statements from one state of the store; inside a transaction, that transaction's state."""
    with _turn(connection), _sqlite_errors(_name_of(connection)):
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN DEFERRED")
        with _rolled_back_unless_committed(connection):
            yield connection
            connection.execute("COMMIT")


@contextlib.contextmanager
def translate_errors(store: Path | str | sqlite3.Connection = "local store") -> Iterator[None]:
    """Raise SQLite's and the operating system's errors as this package's.

    Full disk, quota or file size limit → StoreFullError; lock time-out → StoreBusyError; damaged or foreign file →
    CorruptStoreError; everything else of the two → StoreError. The original stays as `__cause__`.
    """
    name = _name_of(store)
    with _sqlite_errors(name):
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            if error.errno in _FULL_ERRNO:
                raise StoreFullError(f"{name}: {reason}; nothing was written, free space and repeat") from error
            raise StoreError(f"{name}: {reason}") from error


def sqlite_store_error(error: sqlite3.Error, name: str) -> StoreError | None:
    """This package's error for one of SQLite's, or None where it reports a mistake of the calling code."""
    code = getattr(error, "sqlite_errorcode", None)
    text = str(error)
    if code is None:
        return StoreError(f"{name} is closed; open it again") if "closed" in text else None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_FULL or code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE):
        # IOERR_WRITE is how SQLite reports a quota or file size limit (EDQUOT, EFBIG).
        return StoreFullError(f"{name} cannot grow ({text}): disk, quota or size limit; nothing was written")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError(f"{name} is locked by another process ({text}); repeat when it has finished")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return CorruptStoreError(f"{name} is damaged ({text}); restore it from a copy or an export")
    if primary == sqlite3.SQLITE_ERROR and text.startswith(("no such table", "no such column")):
        return CorruptStoreError(f"{name} lacks a part of its schema ({text}); restore it from a copy or an export")
    return StoreError(f"{name}: {text}")


@contextlib.contextmanager
def _sqlite_errors(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        translated = sqlite_store_error(error, name)
        if translated is None:
            raise
        raise translated from error


@contextlib.contextmanager
def _rolled_back_unless_committed(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    finally:
        if connection.in_transaction:
            # SQLite has rolled back by itself after some errors; then a failing ROLLBACK adds nothing.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


@contextlib.contextmanager
def _turn(connection: sqlite3.Connection) -> Iterator[None]:
    if not isinstance(connection, StoreConnection):
        yield
        return
    if connection.pid != os.getpid():
        raise StoreError(f"{connection.path} was opened before a fork; open the store again in this process")
    with connection.lock:
        yield


def _name_of(store: Path | str | sqlite3.Connection) -> str:
    if isinstance(store, StoreConnection):
        return str(store.path)
    return "local store" if isinstance(store, sqlite3.Connection) else str(store)


def _connect(path: Path, timeout: float) -> StoreConnection:
    # mode=rw: never let SQLite create the file by itself, `_create` does that atomically.
    uri = f"{path.resolve().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False, factory=StoreConnection
    )
    connection.path, connection.pid, connection.lock = path, os.getpid(), threading.RLock()
    with contextlib.ExitStack() as on_error:
        on_error.callback(connection.close)
        connection.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")
        _enter_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        on_error.pop_all()
    return connection


def _enter_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # Switching the journal mode does not always call the busy handler, so wait here.
    deadline = time.monotonic() + timeout
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(f"{_name_of(connection)}: this file system has no write-ahead log; use a local disk")
        return


def _identify(connection: sqlite3.Connection, path: Path, application_id: int, version: int) -> None:
    found_id = connection.execute("PRAGMA application_id").fetchone()[0]
    found_version = connection.execute("PRAGMA user_version").fetchone()[0]
    if found_id != application_id:
        raise CorruptStoreError(
            f"{path} is another kind of database (application id {found_id:#x}, expected {application_id:#x}); "
            "give another path"
        )
    if found_version != version:
        raise StoreError(f"{path} has schema version {found_version}, this NovaCron reads {version}; use the other one")


def _create(path: Path, schema: str, application_id: int, version: int) -> None:
    """Build the store under a temporary name, then link it into place: whoever is first wins, nobody overwrites."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        # For its owner only, from the first byte on; SQLite gives -wal and -shm the mode of the file.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(
                f"BEGIN; PRAGMA application_id = {application_id}; PRAGMA user_version = {version};\n{schema}\n;COMMIT;"
            )
        finally:
            connection.close()
        sync(draft)
        with contextlib.suppress(FileExistsError):  # another process created the store first: use that one
            os.link(draft, path)
        sync(path.parent)
    finally:
        for suffix in ("", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk (fsync). Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
