"""The embedded store after a crash at every point, and as a state machine against a dict."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from novacron.storage import embedded
from novacron.storage.cid import Cid
from novacron.storage.embedded import EmbeddedBlockStore
from novacron.storage.storage import Storage
from novacron.storage.unixfs import write_file


class Crash(BaseException):
    """The process is dead: nothing it would still do to the disk happens."""


class Disk:
    """What of a store has reached the disk: files that were synced, and names in folders that were synced since.

    Attributes:
        changes: begun so far.
    """

    def __init__(self, store: Path) -> None:
        self.store, self.changes = store, 0
        paths = list((store / "blocks").rglob("*"))
        self._files = {path.stat().st_ino for path in paths if path.is_file()}
        self._names = {
            path.stat().st_ino: {child.name for child in path.iterdir()}
            for path in [store / "blocks", *paths]
            if path.is_dir()
        }

    def synced(self, handle: int) -> None:
        """`handle` was synced: a file's content, or a folder's names."""
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            self._names[status.st_ino] = set(os.listdir(handle))
        else:
            self._files.add(status.st_ino)

    def lose_power(self) -> None:
        """Lose what was not synced: names vanish, content is cut in half."""
        folder = self.store / "blocks"
        for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder first
            known = path.name in self._names.get(path.parent.stat().st_ino, ())
            if path.is_file() and path.stat().st_ino not in self._files:
                os.truncate(path, path.stat().st_size // 2)
            if not known:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for draft in (self.store / "drafts").iterdir():
            os.truncate(draft, draft.stat().st_size // 2)


@contextlib.contextmanager
def crash_at(step: int, store: Path | None = None) -> Iterator[Disk]:
    """Die at the `step`-th change to the disk, before it is made; afterwards no clean-up reaches the disk either.

    Args:
        step: from 0; a number that is never reached lets everything happen.
        store: the store's folder; power is lost in the end, so that what was not synced is gone. None: it only crashes.
    """
    disk = Disk(store or Path("/nonexistent"))

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            disk.changes += 1
            if disk.changes > step:
                raise Crash
            result = real(*args, **kwargs)
            if real is real_fsync:
                disk.synced(args[0])
            return result

        return call

    @contextlib.contextmanager
    def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with real_transaction(connection) as inside:
            yield inside
            disk.changes += 1
            if disk.changes > step:
                raise Crash

    real_transaction, real_fsync = embedded.transaction, os.fsync
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "unlink", "mkdir"):
                patch.setattr(pathlib.Path, name, guarded(getattr(pathlib.Path, name)))
            patch.setattr(os, "fsync", guarded(os.fsync))
            patch.setattr(embedded, "transaction", transaction)
            yield disk
    finally:
        if store is not None:
            disk.lose_power()


def put(storage: Storage, data: bytes, label: str | None) -> Cid:
    with storage.hold():
        cid = write_file(storage.blocks, io.BytesIO(data), chunk_size=4, max_links=2).cid
        if label is not None:
            storage.pin(cid, label)
    return cid


def cid_of(data: bytes) -> Cid:
    from tests.support.storage_doubles import MemoryBlockStore

    return write_file(MemoryBlockStore(), io.BytesIO(data), chunk_size=4, max_links=2).cid


OLD, NEW = b"old", b"newtwo"  # one block; two leaves and their node


def test_a_crash_at_any_point_of_a_put_leaves_the_old_and_no_half_of_the_new(tmp_path: Path) -> None:
    with Storage(EmbeddedBlockStore(tmp_path / "count")) as storage:
        put(storage, OLD, "old")
        with crash_at(10**9) as disk:
            put(storage, NEW, "new")
    assert disk.changes > 12
    for step in range(disk.changes):
        path = tmp_path / str(step)
        with Storage(EmbeddedBlockStore(path)) as storage:
            old = put(storage, OLD, "old")
        dying = Storage(EmbeddedBlockStore(path))
        with pytest.raises(Crash), crash_at(step, path):
            put(dying, NEW, "new")
        dying.close()  # as the system closes a dead process's files
        with Storage(EmbeddedBlockStore(path)) as storage:
            assert not list((path / "drafts").iterdir())
            assert storage.pins() == [(old, "old")]
            assert storage.get(old) == OLD
            # A block that is there is whole, whatever was lost with the crash.
            for file in (path / "blocks").glob("*/*"):
                storage.blocks.get(Cid.from_digest(file.name))
            storage.collect()
            assert [file.name for file in (path / "blocks").glob("*/*")] == [old.digest.hex()]
            assert storage.get(put(storage, NEW, "new")) == NEW


def test_what_was_put_survives_the_loss_of_power(tmp_path: Path) -> None:
    for name, work in {
        "pinned": lambda storage: put(storage, NEW, "new"),
        "held": lambda storage: put(storage, NEW, None),
        "alone": lambda storage: storage.put_block(NEW, pin=None),
    }.items():
        with Storage(EmbeddedBlockStore(tmp_path / name)) as storage, crash_at(10**9, tmp_path / name):
            cid = work(storage)
        with Storage(EmbeddedBlockStore(tmp_path / name)) as storage:
            assert storage.get(cid) == NEW


def test_a_crash_at_any_point_of_a_collection_costs_nothing_that_is_pinned(tmp_path: Path) -> None:
    def fill(storage: Storage) -> Cid:
        old = put(storage, OLD, "old")
        put(storage, NEW, "new")
        storage.unpin_label("new")
        return old

    with Storage(EmbeddedBlockStore(tmp_path / "count")) as storage:
        fill(storage)
        with crash_at(10**9) as disk:
            storage.collect()
    assert disk.changes > 2
    for step in range(disk.changes):
        path = tmp_path / str(step)
        with Storage(EmbeddedBlockStore(path)) as storage:
            old = fill(storage)
            with pytest.raises(Crash), crash_at(step):
                storage.collect()
        with Storage(EmbeddedBlockStore(path)) as storage:
            assert storage.get(old) == OLD
            storage.collect()
            assert storage.collect().removed == 0
            assert storage.get(old) == OLD


def test_a_crash_at_any_point_of_creating_a_store_is_mended_by_opening_it(tmp_path: Path) -> None:
    step = 0
    while True:
        path = tmp_path / str(step)
        try:
            with crash_at(step):
                EmbeddedBlockStore(path).close()
        except Crash:
            with Storage(EmbeddedBlockStore(path)) as storage:
                assert storage.get(put(storage, NEW, "x")) == NEW
            step += 1
            continue
        break
    assert step > 5


class BlockStoreMachine(RuleBasedStateMachine):
    """Puts, pins, damage, collections and crashes, against dicts.

    Model: `pins` is what must be readable; `known` what was ever put; everything else may be there or not.
    """

    content = Bundle("content")

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(prefix="novacron-blocks-"))
        self.storage = Storage(EmbeddedBlockStore(self.path / "store", timeout=1.0))
        self.known: dict[Cid, bytes] = {}
        self.pins: set[tuple[Cid, str]] = set()

    def teardown(self) -> None:
        self.storage.close()
        shutil.rmtree(self.path)

    def reopen(self) -> None:
        self.storage.close()
        self.storage = Storage(EmbeddedBlockStore(self.path / "store", timeout=1.0))

    @rule(target=content, data=st.binary(max_size=24), label=st.sampled_from("ab"))
    def put(self, data: bytes, label: str) -> Cid:
        cid = put(self.storage, data, label)
        self.known[cid] = data
        self.pins.add((cid, label))
        return cid

    @rule(data=st.binary(max_size=24), label=st.sampled_from("ab"), step=st.integers(0, 40), power=st.booleans())
    def crash_while_putting(self, data: bytes, label: str, step: int, power: bool) -> None:
        try:
            with crash_at(step, self.path / "store" if power else None):
                put(self.storage, data, label)
            self.pins.add((cid_of(data), label))
        except Crash:
            pass
        self.known[cid_of(data)] = data
        self.reopen()

    @rule(step=st.integers(0, 10))
    def crash_while_collecting(self, step: int) -> None:
        with contextlib.suppress(Crash), crash_at(step):
            self.storage.collect()
        self.reopen()

    @rule(cid=content, label=st.sampled_from("ab"))
    def unpin(self, cid: Cid, label: str) -> None:
        assert self.storage.unpin(cid, label) == ((cid, label) in self.pins)
        self.pins.discard((cid, label))

    @rule(label=st.sampled_from("ab"))
    def unpin_label(self, label: str) -> None:
        assert self.storage.unpin_label(label) == sum(of == label for _, of in self.pins)
        self.pins = {pin for pin in self.pins if pin[1] != label}

    @rule()
    def collect(self) -> None:
        self.storage.collect()
        for cid in self.known.keys() - {cid for cid, _ in self.pins}:
            reachable = any(cid.digest in self.digests(root) for root, _ in self.pins)
            assert self.storage.has(cid) == reachable

    @precondition(lambda self: self.pins)
    @rule(pick=st.integers(0, 1000), place=st.integers(0, 1000))
    def damage_and_heal(self, pick: int, place: int) -> None:
        root = sorted({cid for cid, _ in self.pins}, key=str)[pick % len({cid for cid, _ in self.pins})]
        digests = sorted(self.digests(root))
        name = digests[place % len(digests)].hex()
        file = self.path / "store" / "blocks" / name[:2] / name
        file.write_bytes(file.read_bytes() + b"!")
        assert [fault.cid.digest.hex() for fault in self.storage.faults(root)] == [name]
        assert put(self.storage, self.known[root], "a") == root
        self.pins.add((root, "a"))

    def digests(self, root: Cid) -> set[bytes]:
        from tests.support.storage_doubles import MemoryBlockStore

        blocks = MemoryBlockStore()
        write_file(blocks, io.BytesIO(self.known[root]), chunk_size=4, max_links=2)
        return set(blocks.blocks)

    @invariant()
    def what_is_pinned_is_there(self) -> None:
        assert set(self.storage.pins()) == self.pins
        for cid, _ in self.pins:
            assert self.storage.get(cid) == self.known[cid]

    @invariant()
    def every_block_that_is_there_is_whole(self) -> None:
        for file in (self.path / "store" / "blocks").glob("*/*"):
            self.storage.blocks.get(Cid.from_digest(file.name))


TestBlockStore = pytest.mark.filterwarnings("ignore")(BlockStoreMachine.TestCase)
TestBlockStore.settings = settings(max_examples=20, stateful_step_count=20, derandomize=True, deadline=None)
