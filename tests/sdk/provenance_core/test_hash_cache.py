"""Unchanged files are not read again; changed ones always are."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from novacron.exceptions import CorruptStoreError, FileChangedError, InputError
from novacron.provenance.hash_cache import FileStamp, HashCache
from novacron.provenance.manifest import build_manifest


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "layers").mkdir(parents=True)
    for name in ("a", "b", "layers/c"):
        (root / name).write_bytes(name.encode() * 1000)
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[HashCache]:
    with HashCache(tmp_path / "cache.db", settle=0) as opened:
        yield opened


@pytest.fixture
def opened(model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The model's files opened so far, by relative path."""
    seen: list[str] = []
    real = os.open

    def spy(path: Any, *arguments: Any, **named: Any) -> int:
        if str(path).startswith(f"{model}/"):
            seen.append(str(Path(path).relative_to(model)))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", spy)
    return seen


def test_unchanged_files_are_not_opened_again(model: Path, cache: HashCache, opened: list[str]) -> None:
    first = build_manifest(model, cache=cache)
    assert sorted(opened) == ["a", "b", "layers/c"]
    opened.clear()
    seen: list[tuple[int, int]] = []
    assert build_manifest(model, cache=cache, progress=lambda *counts: seen.append(counts)) == first
    assert opened == []
    assert seen == [(first.size, first.size)]


def test_only_what_changed_is_read(model: Path, cache: HashCache, opened: list[str]) -> None:
    build_manifest(model, cache=cache)
    opened.clear()
    (model / "b").write_bytes(b"new")
    (model / "d").write_bytes(b"added")
    manifest = build_manifest(model, cache=cache)
    assert sorted(opened) == ["b", "d"]
    assert manifest == build_manifest(model)


def test_a_change_hidden_behind_size_and_modification_time_is_seen(model: Path, cache: HashCache) -> None:
    before = build_manifest(model, cache=cache)
    times = (model / "a").stat()
    time.sleep(0.02)  # past the file system's clock tick
    (model / "a").write_bytes(b"A" * 1000)
    os.utime(model / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (model / "a").stat().st_mtime_ns == times.st_mtime_ns
    after = build_manifest(model, cache=cache)
    assert after.root != before.root
    assert after == build_manifest(model)


def test_a_file_replaced_by_another_is_seen(model: Path, cache: HashCache) -> None:
    build_manifest(model, cache=cache)
    (model / "a").rename(model / "swap")
    (model / "b").rename(model / "a")
    (model / "swap").rename(model / "b")
    assert build_manifest(model, cache=cache) == build_manifest(model)


def test_a_file_just_written_is_not_kept(model: Path, tmp_path: Path, opened: list[str]) -> None:
    with HashCache(tmp_path / "cache.db", settle=3600) as cache:
        build_manifest(model, cache=cache)
        assert len(cache) == 0
        build_manifest(model, cache=cache)
    assert len(opened) == 6


def test_what_was_hashed_before_a_failure_is_kept(model: Path, cache: HashCache, opened: list[str]) -> None:
    def progress(done: int, total: int) -> None:
        if done == 2000:  # a and b are read, layers/c is not
            (model / "layers" / "c").unlink()

    with pytest.raises(FileChangedError):
        build_manifest(model, cache=cache, workers=1, progress=progress)
    opened.clear()
    build_manifest(model, cache=cache)
    assert opened == []


def test_one_cache_serves_several_processes_and_places(model: Path, tmp_path: Path) -> None:
    with HashCache(tmp_path / "cache.db", settle=0) as one, HashCache(tmp_path / "cache.db", settle=0) as two:
        build_manifest(model, cache=one)
        build_manifest(model / "a", cache=two)
        assert len(one) == len(two) == 3


def test_the_key_does_not_depend_on_the_working_folder(
    model: Path, cache: HashCache, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build_manifest(model, cache=cache)
    monkeypatch.chdir(model)
    build_manifest(".", cache=cache)
    assert len(cache) == 3


def test_prune_forgets_what_is_gone(model: Path, cache: HashCache) -> None:
    build_manifest(model, cache=cache)
    (model / "a").unlink()
    assert cache.prune() == 1
    assert cache.prune() == 0
    assert len(cache) == 2


def test_a_damaged_row_is_reported_not_believed(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "cache.db"
    with HashCache(file, settle=0) as cache:
        build_manifest(model, cache=cache)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("UPDATE files SET digest = zeroblob(32) WHERE CAST(path AS TEXT) LIKE '%/b'")
    assert connection.execute("SELECT changes()").fetchone()[0] == 1
    connection.close()
    with HashCache(file) as cache, pytest.raises(CorruptStoreError, match="model/b does not match its checksum"):
        build_manifest(model, cache=cache)


def test_numbers_beyond_63_bits_fit(tmp_path: Path, cache: HashCache) -> None:
    status = SimpleNamespace(st_dev=2**64 - 1, st_ino=2**63, st_size=5, st_mtime_ns=-1, st_ctime_ns=2**62)
    stamp = FileStamp.of(status)  # type: ignore[arg-type]
    cache.remember([(tmp_path / "x", stamp, b"d" * 32)])
    assert cache.lookup(tmp_path / "x", stamp) == b"d" * 32
    assert cache.lookup(tmp_path / "y", stamp) is None


def test_a_negative_settling_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="settle"):
        HashCache(tmp_path / "cache.db", settle=-1)
