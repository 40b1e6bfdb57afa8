"""The local object store: an object is there whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pathlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    CorruptObjectError,
    InputError,
    MissingObjectError,
    StorageError,
    StoreBusyError,
    StoreFullError,
)
from novacron.models.stores import open_object_store, read_object
from novacron.models.stores_local import LocalObjectStore
from tests.support.workers import end_of_processes, in_processes, in_threads


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "store", timeout=0.2)


def content(store: LocalObjectStore, name: str) -> bytes | None:
    try:
        return b"".join(store.get(name))
    except MissingObjectError:
        return None


def files(store: LocalObjectStore, folder: str) -> list[Path]:
    return [path for path in (store.path / folder).rglob("*") if path.is_file()]


def test_what_is_got_is_what_was_put(store: LocalObjectStore) -> None:
    data = os.urandom(2_500_000)
    info = store.put("folder/name-1.x", [data[:7], b"", data[7:]], size=len(data))
    assert (info.name, info.size) == ("folder/name-1.x", len(data))
    assert content(store, "folder/name-1.x") == data
    assert store.stat("folder/name-1.x") == info.__class__(info.name, info.size, pytest.approx(info.modified, abs=5))
    assert b"".join(store.get("folder/name-1.x", 1_048_570, 20)) == data[1_048_570:1_048_590]
    assert b"".join(store.get("folder/name-1.x", len(data) - 3)) == data[-3:]
    assert b"".join(store.get("folder/name-1.x", len(data) + 1, 5)) == b""
    assert b"".join(store.get("folder/name-1.x", 5, 0)) == b""


def test_names_are_listed_in_order_and_by_prefix(store: LocalObjectStore) -> None:
    for name in ("b/2", "b", "a/1", "b/10"):
        store.put(name, [name.encode()])
    assert [info.name for info in store.list()] == ["a/1", "b", "b/10", "b/2"]
    assert [(info.name, info.size) for info in store.list("b/")] == [("b/10", 4), ("b/2", 3)]


def test_a_name_is_replaced_and_deleted_with_its_content(store: LocalObjectStore) -> None:
    store.put("name", [b"old"])
    store.put("name", [b"new"])
    assert content(store, "name") == b"new"
    assert len(files(store, "objects")) == 1
    assert store.delete("name")
    assert not store.delete("name")
    assert not store.exists("name")
    assert content(store, "name") is None
    assert files(store, "objects") == []


def test_content_stays_while_another_name_has_it(store: LocalObjectStore) -> None:
    store.put("one", [b"same"])
    store.put("two", [b"same"])
    assert len(files(store, "objects")) == 1
    store.delete("one")
    assert content(store, "two") == b"same"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "..", "a/../b", ".", "a b", "a+b", "ä", "a\n", "x" * 201])
def test_a_name_that_is_none_is_refused(store: LocalObjectStore, name: str) -> None:
    for call in (lambda: store.put(name, [b"x"]), lambda: store.stat(name), lambda: list(store.get(name))):
        with pytest.raises(InputError, match="name of an object"):
            call()


def test_another_number_of_bytes_than_announced_is_refused(store: LocalObjectStore) -> None:
    store.put("name", [b"old"])
    for chunks in ([b"12"], [b"12", b"34"], []):
        with pytest.raises(InputError, match="announced"):
            store.put("name", chunks, size=3)
    assert content(store, "name") == b"old"
    assert files(store, "drafts") == []


def test_what_the_source_raises_leaves_what_was_there(store: LocalObjectStore) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise LookupError("the source")

    store.put("name", [b"old"])
    with pytest.raises(LookupError, match="the source"):
        store.put("name", failing())
    assert content(store, "name") == b"old"
    assert files(store, "drafts") == []
    assert len(files(store, "objects")) == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "extend", "lose"])
def test_damaged_content_is_an_error_before_its_end_is_given(store: LocalObjectStore, damage: str) -> None:
    data = os.urandom(1_100_000)
    store.put("name", [data])
    [path] = files(store, "objects")
    if damage == "lose":
        path.unlink()
    else:
        changed = {"flip": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "extend": data + b"x"}[damage]
        path.write_bytes(changed)
    given: list[bytes] = []
    with pytest.raises(CorruptObjectError, match="put it again"):
        given.extend(store.get("name"))
    assert len(b"".join(given)) < len(data)
    store.put("name", [data])  # heals it
    assert content(store, "name") == data


def test_a_damaged_name_is_reported_until_it_is_put_again_or_deleted(store: LocalObjectStore) -> None:
    store.put("name", [b"data"])
    for text in ("", "{}", '{"sha256": "../../x", "size": 1}', '{"sha256": "' + "a" * 64 + '", "size": -1}'):
        (store.path / "names" / "name").write_text(text)
        reopened = LocalObjectStore(store.path)
        with pytest.raises(CorruptObjectError, match="damaged"):
            reopened.stat("name")
        with pytest.raises(CorruptObjectError, match="damaged"):
            list(reopened.get("name"))
        with pytest.raises(CorruptObjectError, match="damaged"):
            reopened.sweep()
        reopened.put("name", [b"again"])  # mends it
        assert content(reopened, "name") == b"again"
    (store.path / "names" / "name").write_text("")
    assert store.delete("name")
    assert not store.exists("name")


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"x")
    with pytest.raises(StorageError, match="no object store"):
        LocalObjectStore(tmp_path / "photos")
    with pytest.raises(StorageError, match="not a folder"):
        LocalObjectStore(tmp_path / "photos" / "cat.jpg")
    LocalObjectStore(tmp_path / "store")
    (tmp_path / "store" / "novacron-objects").write_text("novacron object store, version 2\n")
    with pytest.raises(StorageError, match="another version"):
        LocalObjectStore(tmp_path / "store")


def test_a_location_without_a_scheme_is_a_folder(tmp_path: Path) -> None:
    store = open_object_store(str(tmp_path / "store"), {})
    assert isinstance(store, LocalObjectStore)


def test_a_small_object_is_read_up_to_its_limit(store: LocalObjectStore) -> None:
    store.put("name", [b"12345"])
    assert read_object(store, "name", 5) == b"12345"
    with pytest.raises(CorruptObjectError, match="more than 4"):
        read_object(store, "name", 4)


# -- crashes ----------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process is dead: nothing it would still do to the disk happens."""


def crash_at(step: int, work: Callable[[], object]) -> int:
    """Run `work`, die before its `step`-th change to the disk; how many changes were begun."""
    changes = 0

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal changes
            changes += 1
            if changes > step:
                raise Crash
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink", "mkdir"):
            patch.setattr(pathlib.Path, name, guarded(getattr(pathlib.Path, name)))
        patch.setattr(os, "fsync", guarded(os.fsync))
        work()
    return changes


@pytest.mark.parametrize("operation", ["put", "replace", "delete"])
def test_a_crash_at_any_point_leaves_the_old_or_the_new(tmp_path: Path, operation: str) -> None:
    def prepared(folder: Path) -> LocalObjectStore:
        store = LocalObjectStore(folder)
        store.put("other", [b"other"])
        if operation != "put":
            store.put("name", [b"old"])
        return store

    def work(store: LocalObjectStore) -> None:
        if operation == "delete":
            store.delete("name")
        else:
            store.put("name", [b"n", b"ew"])

    old, new = None if operation == "put" else b"old", None if operation == "delete" else b"new"
    counting = prepared(tmp_path / "count")
    changes = crash_at(10**9, lambda: work(counting))
    seen = set()
    for step in range(changes):
        folder = tmp_path / str(step)
        store = prepared(folder)
        with pytest.raises(Crash):
            crash_at(step, lambda store=store: work(store))  # type: ignore[misc]
        reopened = LocalObjectStore(folder)
        seen.add(content(reopened, "name"))
        assert content(reopened, "name") in (old, new)
        assert content(reopened, "other") == b"other"
        reopened.sweep()
        names = [path for path in files(reopened, "names") if not path.name.startswith(".")]
        assert len(files(reopened, "objects")) == len(names)  # nothing is left behind, nothing lost
        assert files(reopened, "drafts") == []
        assert len(files(reopened, "names")) == len(names)
        work(reopened)
        assert content(reopened, "name") == new
    assert changes > 2
    assert seen <= {old, new}
    assert old in seen


def test_what_gets_a_name_has_reached_the_disk(store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    renamed: list[Path] = []
    sync, replace = os.fsync, pathlib.Path.replace

    def recording(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        sync(handle)

    def checked(self: Path, target: Path) -> Path:
        assert self.stat().st_ino in synced, f"{self} was renamed before it was synced"
        renamed.append(target)
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recording)
    monkeypatch.setattr(pathlib.Path, "replace", checked)
    store.put("name", [b"data"])
    content, name = renamed
    assert [content.parent.parent.name, name.parent.name] == ["objects", "names"]
    order = [synced.index(folder.stat().st_ino) for folder in (content.parent, content.parent.parent, name.parent)]
    assert order == sorted(order)  # the content's folders before the name that points there


def _put_and_die(folder: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        os.kill(os.getpid(), 9)

    LocalObjectStore(folder).put("name", chunks())


def test_a_killed_put_leaves_a_draft_that_the_next_one_to_open_removes(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    [ended] = end_of_processes(_put_and_die, [(str(folder),)])
    assert ended.exit_code == -9
    assert len(list((folder / "drafts").iterdir())) == 1
    store = LocalObjectStore(folder)
    assert files(store, "drafts") == []
    assert list(store.list()) == []


def test_a_full_disk_is_said_and_leaves_what_was_there(store: LocalObjectStore) -> None:
    store.put("name", [b"old"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreFullError, match="free space"):
            store.put("name", [bytes(60_000)] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert content(store, "name") == b"old"
    assert files(store, "drafts") == []
    assert len(files(store, "objects")) == 1


# -- several at once --------------------------------------------------------------------------------------------------


def test_the_collector_waits_for_who_writes_and_says_so(store: LocalObjectStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"1"
        with pytest.raises(StoreBusyError, match="writes"):
            store.sweep()
        yield b"2"

    store.put("name", chunks())
    assert content(store, "name") == b"12"
    with (store.path / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreBusyError, match="collects"):
            store.put("name", [b"x"])


def test_opening_a_store_leaves_the_draft_of_who_writes(store: LocalObjectStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"1"
        assert len(files(LocalObjectStore(store.path), "drafts")) == 1
        yield b"2"

    store.put("name", chunks())
    assert content(store, "name") == b"12"


def _put_many(folder: str, number: int) -> None:
    store = LocalObjectStore(folder)
    for i in range(15):
        store.put("shared", [b"%d-%d" % (number, i)])
        store.put(f"own/{number}", [b"%d" % i])
        assert b"-" in b"".join(store.get("shared"))


def test_processes_and_threads_share_a_store(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    in_processes(_put_many, (str(folder), 0), (str(folder), 1))
    in_threads(_put_many, (str(folder), 2), (str(folder), 3))
    store = LocalObjectStore(folder)
    store.sweep()
    assert [content(store, f"own/{number}") for number in range(4)] == [b"14"] * 4
    digests = {hashlib.sha256(content(store, info.name) or b"").hexdigest() for info in store.list()}
    assert {path.name for path in files(store, "objects")} == digests
