"""TransparencyLog against the RFC's definitions on a plain list, and under many writers."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from novacron.exceptions import InputError, StoreError
from novacron.provenance.log import LogHead, TransparencyLog
from novacron.provenance.rfc9162 import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from tests.support.workers import after_fork, in_processes, in_threads


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1 on leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TransparencyLog]:
    with TransparencyLog(tmp_path / "log.db") as opened:
        yield opened


def test_a_new_log_is_the_empty_tree(log: TransparencyLog) -> None:
    assert log.head() == LogHead(0, EMPTY_ROOT)
    assert (log.size, len(log), log.root(), log.root(0), list(log.entries())) == (0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert log.consistency_proof(0) == []
    log.check()


def test_every_size_has_the_rfc_root_and_its_proofs(log: TransparencyLog) -> None:
    entries = [b"entry %d" % number for number in range(40)]
    leaves = [leaf_hash(entry) for entry in entries]
    for size, entry in enumerate(entries, 1):
        assert log.append(entry) == size - 1
        assert log.head() == LogHead(size, mth(leaves[:size]))
    for size in range(1, 41):
        root = log.root(size)
        assert root == mth(leaves[:size])
        for index in range(size):
            assert verify_inclusion(leaves[index], index, size, log.inclusion_proof(index, size), root)
        for old in range(size + 1):
            assert verify_consistency(old, log.root(old), size, root, log.consistency_proof(old, size))
    assert list(log.entries()) == entries
    assert list(log.entries(3, 7)) == entries[3:7]
    assert log.entry(39) == entries[39]
    assert log.leaf_hash_at(7) == leaves[7]
    log.check()


class LogMachine(RuleBasedStateMachine):
    """Any order of appends, batches and reopening leaves the log equal to a list."""

    def __init__(self) -> None:
        super().__init__()
        self.log = TransparencyLog(Path(self.folder) / f"{os.urandom(8).hex()}.db")
        self.model: list[bytes] = []

    folder = ""

    @rule(entry=st.binary(max_size=40))
    def append(self, entry: bytes) -> None:
        assert self.log.append(entry) == len(self.model)
        self.model.append(entry)

    @rule(entries=st.lists(st.binary(max_size=5), max_size=40))
    def append_many(self, entries: list[bytes]) -> None:
        assert self.log.append_many(iter(entries)) == range(len(self.model), len(self.model) + len(entries))
        self.model += entries

    @rule()
    def reopen(self) -> None:
        path = self.log._path
        self.log.close()
        self.log = TransparencyLog(path)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, len(self.model)))
        index = data.draw(st.integers(0, size - 1))
        root = mth([leaf_hash(entry) for entry in self.model[:size]])
        assert self.log.root(size) == root
        leaf = leaf_hash(self.model[index])
        assert verify_inclusion(leaf, index, size, self.log.inclusion_proof(index, size), root)
        old_root = mth([leaf_hash(entry) for entry in self.model[:index]])
        assert verify_consistency(index, old_root, size, root, self.log.consistency_proof(index, size))

    @invariant()
    def same_as_the_list(self) -> None:
        assert self.log.head() == LogHead(len(self.model), mth([leaf_hash(entry) for entry in self.model]))
        assert list(self.log.entries()) == self.model

    def teardown(self) -> None:
        self.log.check()
        self.log.close()


def test_log_equals_a_list_under_any_history(tmp_path: Path) -> None:
    machine = type("Machine", (LogMachine,), {"folder": str(tmp_path)})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=15, deadline=None))


def test_a_large_batch_equals_single_appends(tmp_path: Path) -> None:
    entries = [b"%d" % number for number in range(40_001)]
    with TransparencyLog(tmp_path / "a.db") as one, TransparencyLog(tmp_path / "b.db") as many:
        many.append_many(entries[:17])
        many.append_many(entries[17:])
        one.append_leaf_hashes(map(leaf_hash, entries))
        assert one.head() == many.head() == LogHead(40_001, mth([leaf_hash(entry) for entry in entries]))
        many.check()
        one.check()
        assert sum(1 for _ in many.entries()) == 40_001


def test_proofs_read_few_rows(log: TransparencyLog) -> None:
    log.append_many([b"%d" % number for number in range(4095)])
    statements: list[str] = []
    log._connection.set_trace_callback(statements.append)
    log.inclusion_proof(1234)
    # 12 levels; the worst right-hand siblings are themselves made of several complete subtrees.
    assert len(statements) < 60
    statements.clear()
    log.append(b"one more")
    # Interior nodes of one append: at most one insert a level.
    assert len(statements) < 25


def test_an_open_log_sees_what_others_append(tmp_path: Path) -> None:
    with TransparencyLog(tmp_path / "log.db") as one, TransparencyLog(tmp_path / "log.db") as two:
        one.append(b"a")
        assert two.size == 1
        assert two.append(b"b") == 1
        assert list(one.entries()) == [b"a", b"b"]
        assert one.head() == two.head()


def test_a_failing_iterable_appends_nothing(log: TransparencyLog) -> None:
    def entries() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("source failed")

    with pytest.raises(RuntimeError, match="source failed"):
        log.append_many(entries())
    with pytest.raises(InputError, match="entry 1 of the call is str"):
        log.append_many([b"a", "b"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="leaf hash 1 of the call"):
        log.append_leaf_hashes([b"a" * 32, b"a" * 31])
    assert log.size == 0
    assert log.append_many([]) == range(0, 0)


def test_numbers_outside_the_log_are_refused(log: TransparencyLog) -> None:
    log.append_many([b"a", b"b", b"c"])
    for index in (-1, 3, True, "0", None):
        with pytest.raises(InputError):
            log.entry(index)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            log.inclusion_proof(index)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            log.leaf_hash_at(index)  # type: ignore[arg-type]
    for size in (-1, 4, "1"):
        with pytest.raises(InputError):
            log.root(size)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            log.inclusion_proof(0, size)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            log.consistency_proof(size)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        log.inclusion_proof(2, 2)
    with pytest.raises(InputError, match="a log only grows"):
        log.consistency_proof(3, 2)
    with pytest.raises(InputError):
        log.entries(2, 1)


def test_an_entry_appended_by_its_hash_has_no_content_but_proofs(log: TransparencyLog) -> None:
    leaf = leaf_hash(b"kept elsewhere")
    log.append_leaf_hashes([leaf, leaf])
    assert verify_inclusion(leaf, 1, 2, log.inclusion_proof(1), log.root())
    with pytest.raises(InputError, match="leaf hash only"):
        log.entry(0)
    log.check()


def _append_200(path: str, writer: int) -> None:
    with TransparencyLog(path, timeout=120) as log:
        for number in range(200):
            log.append(b"%d:%d" % (writer, number))


def test_eight_processes_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    # No log exists yet: creating it is part of the race.
    in_processes(_append_200, *[(str(path), writer) for writer in range(8)])
    with TransparencyLog(path) as log:
        entries = list(log.entries())
        assert sorted(entries) == sorted(b"%d:%d" % (writer, number) for writer in range(8) for number in range(200))
        for writer in range(8):  # each writer's own order is kept
            own = [entry for entry in entries if entry.startswith(b"%d:" % writer)]
            assert own == [b"%d:%d" % (writer, number) for number in range(200)]
        log.check()
    assert sorted(path.parent.iterdir()) == [path]  # no draft left by the losers of the race


def test_threads_share_one_log(log: TransparencyLog) -> None:
    def work(writer: int) -> None:
        for number in range(25):
            index = log.append(b"%d:%d" % (writer, number))
            if log.entry(index) != b"%d:%d" % (writer, number):
                failures.append(index)

    failures: list[int] = []
    in_threads(work, *[(writer,) for writer in range(6)])
    assert not failures
    assert log.size == 150
    log.check()


def _append_after_a_fork(path: str) -> tuple[int, int]:
    def refused() -> None:
        with pytest.raises(StoreError, match="before a fork"):
            log.append(b"b")

    with TransparencyLog(path) as log:
        log.append(b"a")
        return after_fork(refused), log.append(b"c")


def test_a_forked_child_must_open_its_own(tmp_path: Path) -> None:
    assert in_processes(_append_after_a_fork, (str(tmp_path / "log.db"),)) == [(0, 1)]


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = TransparencyLog(tmp_path / "log.db")
    log.close()
    log.close()
    with pytest.raises(StoreError, match="closed"):
        log.append(b"a")


def test_commits_are_synchronous(log: TransparencyLog) -> None:
    assert log._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert log._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert sqlite3.threadsafety >= 1
