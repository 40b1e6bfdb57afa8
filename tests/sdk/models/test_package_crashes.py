"""Packages when things go wrong: killed processes, full disks, and no plaintext where none belongs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import StorageUnavailableError, StoreFullError, UnknownPackageError
from novacron.models import stores_s3
from novacron.models.package import Package, collect, put_model, stored_models
from novacron.models.stores_local import LocalObjectStore
from novacron.provenance.manifest import build_manifest
from novacron.quantum.keys import EncryptionKey
from tests.support.model_stores import MARKER, SMALL_PART, Fault, S3Proxy, S3World, s3_world, small_model
from tests.support.workers import end_of_processes

ALICE = EncryptionKey.from_seed(bytes(64))
CHUNK = 1024


def put(model: Path, store: Any, **options: Any) -> Package:
    return put_model(model, store=store, recipients=[ALICE.recipient], chunk_size=CHUNK, **options)


def same(left: Path, right: Path) -> bool:
    def tree(path: Path) -> dict[str, bytes]:
        return {str(found.relative_to(path)): found.read_bytes() for found in path.rglob("*") if found.is_file()}

    return tree(left) == tree(right)


# -- killed -----------------------------------------------------------------------------------------------------------


def _die() -> None:
    os.kill(os.getpid(), 9)


def _put_and_die(model: str, folder: str, point: str) -> None:
    """Put a model and be killed: within the payload, or when the object of this folder is about to get its name."""
    import novacron.models.stores_local as module

    real = module.write_atomically

    def named(path: Path, content: str) -> None:
        if path.name.startswith(point):
            _die()
        real(path, content)

    module.write_atomically = named
    halfway = (lambda done, total: _die() if done > total // 2 else None) if point == "content" else None
    put(Path(model), LocalObjectStore(folder), progress=halfway)


def _fetch_and_die(folder: str, digest: str, target: str, after: float) -> None:
    store = LocalObjectStore(folder)
    package = Package.load(store, bytes.fromhex(digest))
    package.fetch(store, ALICE, Path(target), progress=lambda done, total: _die() if done >= after * total else None)


def test_a_killed_put_leaves_nothing_that_counts_and_the_next_one_does_it(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model", fill=50_000)
    points = ["content", "payloads", "headers", "packages"]
    ends = end_of_processes(_put_and_die, [(str(model), str(tmp_path / point), point) for point in points])
    assert [end.exit_code for end in ends] == [-9] * 4
    for point in points:
        with LocalObjectStore(tmp_path / point) as store:
            assert [*stored_models(store)] == []
            put(model, store).fetch(store, ALICE, tmp_path / f"{point}-out")
            assert same(model, tmp_path / f"{point}-out")
            collect(store, 0.0)
            assert len([*store.list()]) == 3
            assert len([path for path in (tmp_path / point / "objects").rglob("*") if path.is_file()]) == 3
            assert [*(tmp_path / point / "drafts").iterdir()] == []


def test_a_killed_fetch_leaves_no_target_and_the_next_one_clears_up(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model", fill=50_000)
    with LocalObjectStore(tmp_path / "store") as store:
        package = put(model, store)
        digest, targets = package.model_hash.hex(), [tmp_path / name for name in ("early", "late", "end")]
        calls = [
            (str(tmp_path / "store"), digest, str(target), after)
            for target, after in zip(targets, (0.2, 0.8, 1.0), strict=True)
        ]
        assert [end.exit_code for end in end_of_processes(_fetch_and_die, calls)] == [-9] * 3
        for target in targets:
            assert not target.exists()
            package.fetch(store, ALICE, target)
            assert same(model, target)
        assert [path.name for path in tmp_path.iterdir() if "fetch" in path.name] == []


def _stage_and_die(model: str, staging: str, port: int, dies_at: int) -> None:
    stores_s3.LEAST_PART = SMALL_PART
    store = S3World(port, S3Proxy(0)).store("killed", direct=True)
    real = store._call

    def call(operation: str, *arguments: Any, **named: Any) -> Any:
        if named.get("PartNumber") == dies_at:
            _die()
        return real(operation, *arguments, **named)

    store._call = call  # type: ignore[method-assign]
    put(Path(model), store, staging=LocalObjectStore(staging))


@pytest.fixture(scope="module")
def world() -> Iterator[S3World]:
    with s3_world() as world:
        yield world


def test_a_killed_upload_to_s3_goes_on_from_staging(world: S3World, tmp_path: Path) -> None:
    model = small_model(tmp_path / "model", fill=5 * SMALL_PART)
    staging = tmp_path / "staging"
    [ended] = end_of_processes(_stage_and_die, [(str(model), str(staging), world.port, 4)])
    assert ended.exit_code == -9
    store = world.store("killed")
    with pytest.raises(UnknownPackageError):
        Package.load(store, build_manifest(model).root)
    world.proxy.requests.clear()
    package = put(model, store, staging=LocalObjectStore(staging))
    sent = [path.split("partNumber=")[1].split("&")[0] for _, path in world.proxy.requests if "partNumber=" in path]
    assert sent == ["4", "5", "6", "7"]
    package.fetch(store, ALICE, tmp_path / "out")
    assert same(model, tmp_path / "out")


def test_s3_that_fails_midway_leaves_nothing_that_counts(
    world: S3World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("novacron.storage.http.FIRST_WAIT", 0.0)
    model = small_model(tmp_path / "model", fill=3 * SMALL_PART)
    store = world.store("midway")
    for method, part in (("PUT", "partNumber=2"), ("PUT", "/headers/"), ("PUT", "/packages/")):
        world.proxy.rule = lambda asked, path, method=method, part=part: (  # type: ignore[misc]
            Fault(status=500) if asked == method and part in path else None
        )
        with pytest.raises(StorageUnavailableError):
            put(model, store)
        world.proxy.rule = lambda asked, path: None
        assert [*stored_models(store)] == []
        assert [*store._uploads(store._folder)] == []
    # A connection that breaks now and then is no failure.
    count = 0

    def flaky(asked: str, path: str) -> Fault | None:
        nonlocal count
        count += 1
        return [None, Fault(lost=True), Fault(after=100), Fault(status=503)][count % 4]

    world.proxy.rule = flaky
    package = put(model, store)
    package.fetch(store, ALICE, tmp_path / "out")
    world.proxy.rule = lambda asked, path: None
    assert same(model, tmp_path / "out")
    assert count > 10


# -- full -------------------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_neither_a_package_nor_a_target(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model", fill=300_000)
    store = LocalObjectStore(tmp_path / "store")
    package = put(model, store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = LocalObjectStore(tmp_path / "full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(StoreFullError, match="free space"):
            put(model, full)
        with pytest.raises(StoreFullError, match="free space"):
            package.fetch(store, ALICE, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [*full.list()] == []
    assert [path for folder in ("drafts", "objects") for path in (full.path / folder).iterdir()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "model", "store"]


# -- no plaintext -----------------------------------------------------------------------------------------------------


def leaks(folder: Path, *allowed: Path) -> list[str]:
    """Files below `folder`, and files that this process has open though they have no name, that hold `MARKER`."""
    found = []
    paths = [path for path in folder.rglob("*") if path.is_file() and not any(path.is_relative_to(a) for a in allowed)]
    for handle in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(handle)  # noqa: PTH115  # a deleted file's target does not resolve
        except FileNotFoundError:
            continue
        if target.endswith("(deleted)") and str(folder) in target:
            paths.append(handle)
    for path in paths:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        # A piece of the marker is enough; what is compressed or encoded is not looked for.
        if MARKER[:12] in data:
            found.append(str(path))
    return found


def test_no_plaintext_is_on_the_disk_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: S3World
) -> None:
    model = small_model(tmp_path / "model", fill=20_000)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    staging, target = LocalObjectStore(tmp_path / "staging"), tmp_path / "out"
    scans = 0

    def scan(*allowed: Path) -> None:
        nonlocal scans
        scans += 1
        assert leaks(tmp_path, model, *allowed) == []

    store = world.store("plaintext")
    package = put(model, store, staging=staging, progress=lambda done, total: scan())
    scan()
    local = LocalObjectStore(tmp_path / "local")
    package.copy_to(store, local)
    scan()
    draft = tmp_path / ".out.novacron-fetch"

    def during(done: int, total: int) -> None:
        assert not target.exists()
        scan(*([draft] if done > total // 2 else []))

    package.fetch(local, ALICE, target, progress=during)
    scan(target)
    assert scans > 40
    # The scan finds what it looks for:
    assert {*leaks(tmp_path, model)} == {
        str(target / name) for name in ("config.json", "layers.txt", "layers/0/weights.safetensors")
    }


# -- memory -----------------------------------------------------------------------------------------------------------

_LARGE = """
import resource, sys
from pathlib import Path
from novacron.models.package import put_model
from novacron.models.stores_local import LocalObjectStore
from novacron.quantum.keys import EncryptionKey

key = EncryptionKey.generate()
folder = Path(sys.argv[1])
store = LocalObjectStore(folder / "store")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
package = put_model(folder / "model.bin", store=store, recipients=[key.recipient])
package.verify(store, key)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    done = subprocess.run(
        [sys.executable, "-c", _LARGE, str(tmp_path)], capture_output=True, text=True, timeout=300, check=True
    )
    assert int(done.stdout) < 60 * 1024  # KiB
    (tmp_path / "model.bin").unlink()
