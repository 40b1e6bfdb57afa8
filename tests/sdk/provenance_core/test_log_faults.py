"""A log that is damaged, full or locked: reported by name, never rebuilt, nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from novacron.exceptions import CorruptStoreError, StoreBusyError, StoreError, StoreFullError
from novacron.provenance.log import TransparencyLog
from tests.support.workers import killed_after

ENTRIES = [b"entry %d" % number for number in range(13)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "log.db"
    with TransparencyLog(file) as log:
        log.append_many(ENTRIES)
    return file


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, statement
    connection.close()


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("UPDATE head SET size = 12", "head row 1"),
        ("UPDATE head SET size = -13", "head row 1"),
        ("UPDATE head SET root = zeroblob(32)", "head row 1"),
        ("UPDATE head SET frontier = zeroblob(96)", "head row 1"),
        ("UPDATE head SET checksum = x'00'", "head row 1"),
        ("DELETE FROM head", "head row 1 is missing"),
        ("DELETE FROM entries WHERE position = 12", "entries row is 11"),
        ("INSERT INTO entries VALUES (13, zeroblob(32), x'00')", "entries row is 13"),
        ("UPDATE nodes SET hash = zeroblob(32) WHERE position = 6", "nodes row 6"),
        ("DELETE FROM nodes WHERE position = 6", "nodes row 6"),
        ("UPDATE entries SET leaf = zeroblob(32) WHERE position = 12", "entries row 12"),
        ("DELETE FROM entries", "entries row is None"),
        ("DROP TABLE nodes", "no such table"),
        ("DROP TABLE head", "no such table"),
    ],
)
def test_damage_to_the_head_is_found_at_opening(path: Path, statement: str, names: str) -> None:
    tamper(path, statement)
    before = path.read_bytes()
    with pytest.raises(CorruptStoreError, match=names):
        TransparencyLog(path)
    assert path.read_bytes() == before  # left as it is


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("UPDATE entries SET entry = x'00' WHERE position = 4", "entries row 4 does not match"),
        ("UPDATE entries SET leaf = zeroblob(32) WHERE position = 3", "entries row 3 does not match"),
        ("UPDATE entries SET leaf = zeroblob(31), entry = NULL WHERE position = 3", "entries row 3"),
        ("DELETE FROM entries WHERE position = 5", "entries row 5 is missing"),
        ("UPDATE nodes SET hash = zeroblob(32) WHERE position = 0", "nodes row 0"),
        ("DELETE FROM nodes WHERE position = 2", "nodes row 2"),
        ("INSERT INTO nodes VALUES (99, zeroblob(32))", "nodes row 99 belongs to no entry"),
        ("INSERT INTO nodes VALUES (-1, zeroblob(32))", "nodes row 0"),
        ("INSERT INTO entries VALUES (-1, zeroblob(32), NULL)", "entries row -1"),
    ],
)
def test_the_full_check_names_the_first_bad_row(path: Path, statement: str, names: str) -> None:
    tamper(path, statement)
    with TransparencyLog(path) as log, pytest.raises(CorruptStoreError, match=names):
        log.check()


def test_a_consistent_forgery_of_an_entry_and_its_leaf_is_found(path: Path) -> None:
    # Entry and leaf hash agree, but the stored node above does not.
    from novacron.provenance.rfc9162 import leaf_hash

    tamper(path, f"UPDATE entries SET entry = x'66', leaf = x'{leaf_hash(b'f').hex()}' WHERE position = 4")
    with TransparencyLog(path) as log:
        with pytest.raises(CorruptStoreError, match="nodes row 3"):
            log.check()
        with pytest.raises(CorruptStoreError, match="above entries row 4"):
            log.inclusion_proof(4)


def test_damage_is_found_when_it_is_read(path: Path) -> None:
    tamper(
        path,
        "UPDATE entries SET entry = x'00' WHERE position = 4",
        "UPDATE nodes SET hash = zeroblob(32) WHERE position = 0",
    )
    with TransparencyLog(path) as log:
        with pytest.raises(CorruptStoreError, match="entries row 4"):
            log.entry(4)
        with pytest.raises(CorruptStoreError, match="entries row 4"):
            list(log.entries())
        with pytest.raises(CorruptStoreError, match="do not hash to the root"):
            log.inclusion_proof(2)  # its path uses nodes row 0
        with pytest.raises(CorruptStoreError, match="consistent"):
            log.consistency_proof(3)


def test_a_missing_page_of_entries_is_found_when_it_is_read(path: Path) -> None:
    tamper(path, "DELETE FROM entries WHERE position = 5")
    with TransparencyLog(path) as log, pytest.raises(CorruptStoreError, match="entries row 5 is missing"):
        list(log.entries())


def test_every_overwritten_page_is_found_at_opening(path: Path) -> None:
    with TransparencyLog(path) as log:
        log.append_many([b"x" * 200] * 300)
    original = path.read_bytes()
    pages = len(original) // 4096
    assert pages > 10
    for number in range(pages):
        path.write_bytes(original[: number * 4096] + b"\xa5" * 4096 + original[(number + 1) * 4096 :])
        with pytest.raises(CorruptStoreError):
            TransparencyLog(path)


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + b"\x00" * 84])
def test_a_file_that_is_no_log_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "log.db"
    file.write_bytes(content)
    with pytest.raises(CorruptStoreError):
        TransparencyLog(file)
    assert file.read_bytes() == content


def test_a_truncated_log_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for size in (len(data) // 2, 4096, 100, 0):
        path.write_bytes(data[:size])
        with pytest.raises(CorruptStoreError):
            TransparencyLog(path)


def test_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    tamper(file, "CREATE TABLE t (a)")
    with pytest.raises(CorruptStoreError, match="another kind of database"):
        TransparencyLog(file)


def test_a_folder_in_the_log_s_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a file"):
        TransparencyLog(tmp_path)


# ---- a full disk -----------------------------------------------------------------------------------------------------


def test_a_full_store_appends_nothing_and_loses_nothing(path: Path) -> None:
    with TransparencyLog(path) as log:
        head = log.head()
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # a genuine SQLITE_FULL
        with pytest.raises(StoreFullError, match="nothing was written"):
            log.append_many([b"x" * 1000] * 1000)
        assert log.head() == head
        log.check()
        log._connection.execute("PRAGMA max_page_count = 1000000")
        assert log.append(b"there is room again") == 13
        log.check()


FILL = """
import resource, signal, sys
from novacron.exceptions import StoreFullError
from novacron.provenance.log import TransparencyLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with TransparencyLog(sys.argv[1]) as log:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    kept = log.size
    try:
        while True:
            log.append_many([b"y" * 500] * 20)
            kept = log.size
    except StoreFullError as error:
        print(kept)
"""

CREATE = """
import resource, signal, sys
from novacron.exceptions import StoreFullError
from novacron.provenance.log import TransparencyLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    TransparencyLog(sys.argv[1])
except StoreFullError:
    print("full")
"""


def test_a_file_size_limit_loses_nothing_that_was_appended(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    kept = int(done.stdout)
    assert kept > 13
    with TransparencyLog(path) as log:
        assert log.size == kept
        assert list(log.entries(0, 13)) == ENTRIES
        log.check()
        log.append(b"more")


def test_creating_on_a_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    done = subprocess.run([sys.executable, "-c", CREATE, str(file)], capture_output=True, text=True, timeout=120)
    assert done.stdout == "full\n", done.stderr
    assert list(tmp_path.iterdir()) == []
    TransparencyLog(file).close()


# ---- locks and crashes -----------------------------------------------------------------------------------------------


def test_a_held_lock_is_a_busy_store(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with TransparencyLog(path, timeout=0.05) as log:
        with pytest.raises(StoreBusyError):
            log.append(b"a")
        assert log.size == 13  # reading goes on
        other.execute("ROLLBACK")
        assert log.append(b"a") == 13
    other.close()


WRITER = """
import sys
from novacron.provenance.log import TransparencyLog
with TransparencyLog(sys.argv[1]) as log:
    number = log.size
    while True:
        log.append_many([b"%d" % (number + offset) for offset in range(7)])
        number += 7
        print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_batches_and_everything_it_reported(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
        with killed_after(writer):
            assert writer.stdout is not None
            reported = int(writer.stdout.readline())
            time.sleep(0.02)
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.communicate(timeout=30)[0]
        complete = [line for line in rest.split("\n")[:-1] if line]
        reported = int(complete[-1]) if complete else reported
        with TransparencyLog(file) as log:
            assert log.size >= reported
            assert log.size % 7 == 0
            assert list(log.entries()) == [b"%d" % number for number in range(log.size)]
            log.check()
