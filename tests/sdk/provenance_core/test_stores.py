"""Opening stores, transactions and the translation of SQLite's errors."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from novacron.exceptions import CorruptStoreError, StoreBusyError, StoreError, StoreFullError
from novacron.stores import StoreConnection, open_store, snapshot, sqlite_store_error, transaction, translate_errors
from tests.support.workers import in_threads

SCHEMA = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT;"
ID = 0x54455354


def opened(path: Path, **changes: object) -> StoreConnection:
    return open_store(path, **{"schema": SCHEMA, "application_id": ID, **changes})  # type: ignore[arg-type]


def count(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT count(*) FROM t").fetchone()[0]
    return found


def test_a_store_is_created_with_its_folder_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "s.db"
    connection = opened(path, version=3)
    for pragma, value in (("application_id", ID), ("user_version", 3), ("foreign_keys", 1), ("synchronous", 2)):
        assert connection.execute(f"PRAGMA {pragma}").fetchone()[0] == value
    connection.close()
    assert [file.name for file in path.parent.iterdir()] == ["s.db"]
    opened(path, version=3).close()


def test_another_kind_or_version_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "s.db").close()
    with pytest.raises(CorruptStoreError, match="another kind"):
        opened(tmp_path / "s.db", application_id=7)
    with pytest.raises(StoreError, match="schema version 1, this NovaCron reads 2"):
        opened(tmp_path / "s.db", version=2)


def test_a_store_that_vanished_under_its_write_ahead_log_is_not_recreated(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 'x')")
    (tmp_path / "s.db").unlink()
    with pytest.raises(CorruptStoreError, match=r"s\.db-wal is there"):
        opened(tmp_path / "s.db")
    connection.close()


def test_a_broken_schema_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        opened(tmp_path / "s.db", schema="CREATE TABLE t (a); CREATE NONSENSE;")
    assert list(tmp_path.iterdir()) == []


def test_paths_with_special_characters(tmp_path: Path) -> None:
    for name in ("with space", "a?b=c", "50%25", "#hash", "é"):
        opened(tmp_path / name).close()
        assert (tmp_path / name).is_file()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")

    def fail(error: BaseException) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1, 'x')")
            raise error

    for error in (RuntimeError("stop"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
        assert count(connection) == 0
        assert not connection.in_transaction
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 'x')")
    assert count(connection) == 1
    connection.close()


def test_transactions_do_not_nest_but_snapshots_join(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 'x')")
        with snapshot(connection):
            assert count(connection) == 1
    with pytest.raises(StoreError, match="do not nest"):
        with transaction(connection), transaction(connection):
            pass
    connection.close()


def test_a_snapshot_does_not_see_later_writes(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "s.db"), opened(tmp_path / "s.db")
    with snapshot(one):
        assert count(one) == 0
        with transaction(two):
            two.execute("INSERT INTO t VALUES (1, 'x')")
        assert count(one) == 0
    assert count(one) == 1
    one.close()
    two.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")

    def work(first: int) -> None:
        for number in range(first, first + 50):
            with transaction(connection):
                connection.execute("INSERT INTO t VALUES (?, 'x')", (number,))

    in_threads(work, *[(1000 * number,) for number in range(4)])
    assert count(connection) == 200
    connection.close()


def test_a_lock_that_is_not_given_up_is_busy(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "s.db"), opened(tmp_path / "s.db", timeout=0.05)
    with transaction(one):
        with pytest.raises(StoreBusyError, match=r"s\.db is locked"):
            with transaction(two):
                pass
    one.close()
    two.close()


def test_a_constraint_is_a_store_error_outside_and_sqlite_s_inside(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 'x')")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO t VALUES (1, 'y')")
    with pytest.raises(StoreError, match="UNIQUE constraint") as caught:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1, 'y')")
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    assert count(connection) == 1
    connection.close()


def test_a_full_store_rolls_back(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    rows = [(number, "x" * 1000) for number in range(1000)]
    with pytest.raises(StoreFullError, match="nothing was written"), transaction(connection):
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    assert count(connection) == 0
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 'fits')")
    connection.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EFBIG, StoreFullError),
        (errno.EACCES, StoreError),
        (errno.EIO, StoreError),
    ],
)
def test_operating_system_errors_are_translated(code: int, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError, match=r"journal\.db") as caught, translate_errors("journal.db"):
        raise OSError(code, "reason")
    assert type(caught.value) is kind


def test_errors_of_other_kinds_pass_through(tmp_path: Path) -> None:
    connection = opened(tmp_path / "s.db")
    with pytest.raises(ConnectionError), transaction(connection):  # an OSError that is none of the store's
        raise ConnectionError("the network")
    with pytest.raises(CorruptStoreError, match="mine"), translate_errors():
        raise CorruptStoreError("mine")
    with pytest.raises(sqlite3.ProgrammingError), transaction(connection):  # a mistake of the calling code
        connection.execute("INSERT INTO t VALUES (?, ?)", (1,))
    connection.close()
    with pytest.raises(StoreError, match="closed"), transaction(connection):
        pass


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusyError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusyError),
        (sqlite3.SQLITE_LOCKED, StoreBusyError),
        (sqlite3.SQLITE_FULL, StoreFullError),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFullError),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StoreFullError),
        (sqlite3.SQLITE_IOERR_READ, StoreError),
        (sqlite3.SQLITE_CORRUPT, CorruptStoreError),
        (sqlite3.SQLITE_CORRUPT_INDEX, CorruptStoreError),
        (sqlite3.SQLITE_NOTADB, CorruptStoreError),
        (sqlite3.SQLITE_READONLY, StoreError),
        (sqlite3.SQLITE_CANTOPEN, StoreError),
    ],
)
def test_sqlite_codes_are_sorted(code: int, kind: type[StoreError]) -> None:
    error = sqlite3.OperationalError("reason")
    error.sqlite_errorcode = code
    assert type(sqlite_store_error(error, "s.db")) is kind


def test_a_damaged_schema_text_is_corruption_and_no_decoding_error(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    open_store(path, schema="CREATE TABLE quite_long_name (a)", application_id=7).close()
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE") == 1
    path.write_bytes(content.replace(b"CREATE TABLE", b"\xff\xfe\xfd\xfcE TABLE"))
    with pytest.raises(CorruptStoreError, match="damaged"):
        open_store(path, schema="", application_id=7)
