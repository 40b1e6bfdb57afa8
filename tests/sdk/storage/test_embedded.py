"""The embedded block store: files whole or not at all, pins, the collector, several threads and processes."""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path

import pytest

from novacron.exceptions import (
    CorruptBlockError,
    CorruptStoreError,
    MissingBlockError,
    StorageError,
    StoreBusyError,
    StoreError,
    StoreFullError,
)
from novacron.storage.cid import Cid
from novacron.storage.embedded import Collected, EmbeddedBlockStore
from novacron.storage.storage import Storage
from novacron.storage.unixfs import write_file
from tests.support.workers import after_fork, in_processes, in_threads


def file_of(store: Path, cid: Cid) -> Path:
    digits = cid.digest.hex()
    return store / "blocks" / digits[:2] / digits


def put_small(storage: Storage, data: bytes, label: str | None) -> Cid:
    """A file in blocks of 4 bytes."""
    with storage.hold():
        cid = write_file(storage.blocks, io.BytesIO(data), chunk_size=4, max_links=3).cid
        if label is not None:
            storage.pin(cid, label)
    return cid


def test_content_outlives_the_process(tmp_path: Path) -> None:
    with Storage(EmbeddedBlockStore(tmp_path / "deep" / "store")) as storage:
        cid = storage.put_bytes(b"x" * 3_000_000)
    with Storage(EmbeddedBlockStore(tmp_path / "deep" / "store")) as storage:
        assert storage.get(cid) == b"x" * 3_000_000
        assert storage.pins() == [(cid, "manual")]
        assert not list((tmp_path / "deep" / "store" / "drafts").iterdir())
    assert (tmp_path / "deep" / "store").stat().st_mode & 0o077 == 0  # for its owner only


def test_a_damaged_block_is_named_and_healed_by_putting_it_again(embedded: Storage, tmp_path: Path) -> None:
    cid = embedded.put_bytes(b"content")
    path = file_of(tmp_path / "store", cid)
    for damage in (b"", b"conten", b"contenT", b"content "):
        path.write_bytes(damage)
        with pytest.raises(CorruptBlockError, match=str(cid)):
            embedded.get(cid)
        assert embedded.put_bytes(b"content") == cid
        assert embedded.get(cid) == b"content"


def test_a_block_that_is_there_is_not_written_again(embedded: Storage, tmp_path: Path) -> None:
    cid = embedded.put_bytes(b"content")
    before = file_of(tmp_path / "store", cid).stat()
    embedded.put_bytes(b"content")
    after = file_of(tmp_path / "store", cid).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="no block store"):
        EmbeddedBlockStore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(StorageError, match="not a folder"):
        EmbeddedBlockStore(tmp_path / "letter.txt")


def test_a_store_without_its_pins_is_refused_rather_than_collected(tmp_path: Path) -> None:
    with Storage(EmbeddedBlockStore(tmp_path / "store")) as storage:
        cid = storage.put_bytes(b"content")
    for gone in (tmp_path / "store").glob("pins.sqlite*"):
        gone.unlink()
    with pytest.raises(StorageError, match="restore the store from a copy"):
        EmbeddedBlockStore(tmp_path / "store")
    assert file_of(tmp_path / "store", cid).exists()
    (tmp_path / "store" / "pins.sqlite").write_bytes(b"no database, but long enough to look like one" * 20)
    with pytest.raises(CorruptStoreError):
        EmbeddedBlockStore(tmp_path / "store")


def test_a_full_disk_is_said_and_leaves_no_block(
    embedded: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("novacron.storage.embedded.os.fsync", full)
    with pytest.raises(StoreFullError):
        embedded.put_bytes(b"content")
    monkeypatch.undo()
    assert not embedded.has(Cid.of(b"content"))
    assert not list((tmp_path / "store" / "drafts").iterdir())
    assert embedded.pins() == []


# -- pins and the collector -------------------------------------------------------------------------------------------


def test_content_stays_while_one_label_pins_it(embedded: Storage) -> None:
    cid = embedded.put_bytes(b"content", pin="a")
    embedded.pin(cid, "b")
    assert embedded.pins() == [(cid, "a"), (cid, "b")]
    assert embedded.unpin(cid, "a")
    assert not embedded.unpin(cid, "a")
    assert embedded.collect() == Collected(1, 0, 0)
    assert embedded.unpin_label("b") == 1
    assert embedded.collect() == Collected(0, 1, 7)
    with pytest.raises(MissingBlockError):
        embedded.get(cid)


def test_blocks_shared_with_pinned_content_stay(embedded: Storage) -> None:
    kept = put_small(embedded, b"aaaabbbbcccc", "keep")
    gone = put_small(embedded, b"aaaabbbbdddd", "drop")
    embedded.unpin_label("drop")
    assert embedded.collect().removed == 2  # the leaf dddd and the root
    assert embedded.get(kept) == b"aaaabbbbcccc"
    assert list(embedded.missing(gone)) == [gone]


def test_a_pin_of_several_is_all_or_none(embedded: Storage) -> None:
    cid = embedded.put_bytes(b"content", pin=None)
    with pytest.raises(MissingBlockError):
        embedded.pin_all([cid, Cid.of(b"absent")], "label")
    assert embedded.pins() == []


def test_nothing_is_collected_when_pinned_content_cannot_be_read(embedded: Storage, tmp_path: Path) -> None:
    root = put_small(embedded, bytes(range(40)), "keep")
    loose = embedded.put_bytes(b"loose", pin=None)
    inner = next(cid for cid in _nodes(embedded, root) if cid != root)
    path = file_of(tmp_path / "store", inner)
    good = path.read_bytes()
    for damage in (lambda: path.write_bytes(good[:-1]), path.unlink):
        damage()
        with pytest.raises((CorruptBlockError, MissingBlockError), match=str(inner)):
            embedded.collect()
        assert embedded.has(loose)
    path.write_bytes(good)
    assert embedded.collect().removed == 1
    assert embedded.get(root) == bytes(range(40))


def _nodes(storage: Storage, root: Cid) -> list[Cid]:
    from novacron.storage.reader import walk

    return [cid for cid, block, _ in walk(storage.blocks.get, root, leaves=False) if block is not None]


def test_a_strangers_file_is_not_collected(embedded: Storage, tmp_path: Path) -> None:
    cid = embedded.put_bytes(b"content", pin=None)
    folder = file_of(tmp_path / "store", cid).parent
    for stranger in (folder / "README", tmp_path / "store" / "blocks" / "note", folder / ("f" * 64)):
        stranger.write_text("mine")
    assert embedded.collect() == Collected(0, 1, 7)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["README", "f" * 64])


def test_what_a_crash_left_is_swept_when_nobody_writes(embedded: Storage, tmp_path: Path) -> None:
    draft = tmp_path / "store" / "drafts" / "of-a-dead-process"
    draft.write_bytes(b"half")
    with embedded.hold():
        EmbeddedBlockStore(tmp_path / "store").close()
        assert draft.exists()  # it might be ours
    EmbeddedBlockStore(tmp_path / "store").close()
    assert not draft.exists()


def test_the_collector_waits_for_those_who_hold_and_they_for_it(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Storage(EmbeddedBlockStore(path, timeout=0.1)) as one, Storage(EmbeddedBlockStore(path, timeout=0.1)) as two:
        with one.hold():
            cid = one.put_bytes(b"content", pin=None)
            for storage in (one, two):
                with pytest.raises(StoreBusyError):
                    storage.collect()
            with two.hold():  # holders do not exclude each other
                assert two.get(cid) == b"content"
        blocks = two.blocks
        assert isinstance(blocks, EmbeddedBlockStore)
        pinned = one.put_bytes(b"pinned")

        def while_collecting(root: Cid) -> list[Cid]:
            with pytest.raises(StoreBusyError, match="collects"):
                one.put_bytes(b"late")
            return [root]

        assert blocks.collect(while_collecting).removed == 1
        assert (one.has(pinned), one.has(cid)) == (True, False)


def test_a_hold_that_fails_lets_go(embedded: Storage) -> None:
    with pytest.raises(ZeroDivisionError), embedded.hold(), embedded.hold():
        raise ZeroDivisionError
    assert embedded.collect() == Collected(0, 0, 0)


# -- threads and processes --------------------------------------------------------------------------------------------


def test_threads_share_a_store(embedded: Storage) -> None:
    together = threading.Barrier(4)

    def work(number: int) -> None:
        together.wait(30)
        for step in range(5):
            cid = embedded.put_bytes(b"%d" % (step + number % 2))
            assert embedded.get(cid) == b"%d" % (step + number % 2)

    in_threads(work, *[(number,) for number in range(4)])
    assert embedded.collect() == Collected(6, 0, 0)


def _put_many(path: str, number: int) -> list[str]:
    with Storage(EmbeddedBlockStore(path)) as storage:
        cids = [storage.put_bytes(bytes([step]) * 1000, pin=f"p{number}") for step in range(10)]
        if number == 0:
            storage.collect()
        return [str(cid) for cid in cids]


def test_processes_create_and_fill_one_store_at_once(tmp_path: Path) -> None:
    found = in_processes(_put_many, *[(str(tmp_path / "store"), number) for number in range(3)])
    assert found[0] == found[1] == found[2]
    with Storage(EmbeddedBlockStore(tmp_path / "store")) as storage:
        assert all(not list(storage.faults(Cid.parse(cid))) for cid in found[0])
        assert len(storage.pins()) == 30
        assert storage.collect() == Collected(10, 0, 0)


def _used_after_fork(path: str) -> int:
    with Storage(EmbeddedBlockStore(path)) as storage:
        storage.put_bytes(b"x")

        def work() -> None:
            with pytest.raises(StoreError, match="before a fork"):
                storage.put_bytes(b"y")

        return after_fork(work)


def test_a_store_is_not_carried_across_a_fork(tmp_path: Path) -> None:
    assert in_processes(_used_after_fork, (str(tmp_path / "store"),)) == [0]


def test_a_copied_store_is_a_store(embedded: Storage, tmp_path: Path) -> None:
    cid = embedded.put_bytes(b"content")
    embedded.close()
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    with Storage(EmbeddedBlockStore(tmp_path / "copy")) as copy:
        assert copy.get(cid) == b"content"
