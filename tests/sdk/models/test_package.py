"""Packages: a model goes into a store sealed, and comes out whole and as it was, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    CorruptObjectError,
    FileChangedError,
    InputError,
    ManifestError,
    NotARecipientError,
    NovaCronError,
    PackageExistsError,
    PackageMismatchError,
    SealTamperedError,
    StorageUnavailableError,
    StoreBusyError,
    StoreFullError,
    SymlinkError,
    UnknownPackageError,
)
from novacron.models.output import Output
from novacron.models.package import Package, collect, put_model, stored_models
from novacron.models.stores_local import LocalObjectStore
from novacron.provenance.manifest import build_manifest
from novacron.quantum.keys import EncryptionKey
from tests.support.model_stores import MARKER, MemoryObjectStore, small_model

ALICE, BOB, EVE = (EncryptionKey.from_seed(bytes([number]) * 64) for number in (1, 2, 3))
CHUNK = 64


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small_model(tmp_path / "model")


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore()


def put(model: Path, store: Any, *keys: EncryptionKey, **options: Any) -> Package:
    recipients = [key.recipient for key in keys or (ALICE,)]
    return put_model(model, store=store, recipients=recipients, chunk_size=CHUNK, **options)


def tree(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {".": path.read_bytes()}
    return {str(found.relative_to(path)): found.read_bytes() for found in path.rglob("*") if found.is_file()}


def nothing_at(target: Path) -> bool:
    return not os.path.lexists(target) and not [p for p in target.parent.iterdir() if "novacron-fetch" in p.name]


# -- there and back ---------------------------------------------------------------------------------------------------


def test_a_folder_comes_out_as_it_went_in(model: Path, tmp_path: Path) -> None:
    with LocalObjectStore(tmp_path / "store") as store:
        package = put(model, store, ALICE, BOB)
        assert package.model_hash == build_manifest(model).root
        assert (package.size, package.files) == (sum(map(len, tree(model).values())), 4)
        assert package.recipients == (ALICE.key_id, BOB.key_id)
        assert [*stored_models(store)] == [package.model_hash]
        loaded = Package.load(store, package.model_hash)
        assert loaded == package
        for key in (ALICE, BOB):
            manifest = loaded.fetch(store, key, tmp_path / key.key_id.hex())
            assert manifest.root == package.model_hash
            assert tree(tmp_path / key.key_id.hex()) == tree(model)
        assert loaded.verify(store, ALICE).root == package.model_hash
        loaded.verify_sealed(store)


def test_a_model_of_one_file_comes_out_as_a_file(store: MemoryObjectStore, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights" * 100)
    package = put(tmp_path / "model.safetensors", store)
    package.fetch(store, ALICE, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"weights" * 100


def test_what_is_fetched_is_for_its_owner_only(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    put(model, store).fetch(store, ALICE, tmp_path / "out")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_git_files_and_empty_folders_are_left_out_as_the_models_hash_leaves_them(
    model: Path, store: MemoryObjectStore, tmp_path: Path
) -> None:
    before = put(model, store).manifest_digest
    (model / ".git").mkdir()
    (model / ".git" / "config").write_bytes(b"token")
    (model / "nothing").mkdir()
    again = put(model, MemoryObjectStore())
    assert again.manifest_digest == before


def test_the_same_model_gives_the_same_archive_and_another_ciphertext(model: Path, tmp_path: Path) -> None:
    first, second = MemoryObjectStore(), MemoryObjectStore()
    one = put(model, first)
    for path in model.rglob("*"):
        os.utime(path, (1, 1))
    two = put(model, second)
    assert (one.model_hash, one.manifest_digest, one.sealed_size) == (
        two.model_hash,
        two.manifest_digest,
        two.sealed_size,
    )
    assert one.payload_digest != two.payload_digest


def test_names_are_bound_by_the_manifest_digest_alone(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    (model / "layers.txt").rename(model / "layerz.txt")
    other = put(model, MemoryObjectStore())
    assert other.model_hash == package.model_hash  # the root covers contents and their order
    assert other.manifest_digest != package.manifest_digest
    with pytest.raises(PackageMismatchError, match="names"):
        package.fetch(store, ALICE, tmp_path / "out", manifest_digest=other.manifest_digest)
    assert nothing_at(tmp_path / "out")
    package.fetch(store, ALICE, tmp_path / "out", manifest_digest=package.manifest_digest)
    with pytest.raises(PackageExistsError, match="names"):
        put(model, store)


def test_progress_ends_where_it_says(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    package = put(model, store, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (package.size, package.size)
    seen.clear()
    package.fetch(store, ALICE, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)


# -- putting ----------------------------------------------------------------------------------------------------------


def test_a_model_that_is_there_for_the_same_recipients_is_not_sent_again(model: Path, store: MemoryObjectStore) -> None:
    package = put(model, store, ALICE, BOB)
    written: list[str] = []
    store.before = lambda operation, name: written.append(name) if operation == "put" else None
    assert put(model, store, BOB, ALICE) == package
    assert written == []


def test_other_recipients_are_refused_unless_it_is_replaced(model: Path, store: MemoryObjectStore) -> None:
    old = put(model, store, ALICE, BOB)
    with pytest.raises(PackageExistsError, match="re-key"):
        put(model, store, ALICE)
    assert Package.load(store, old.model_hash) == old
    new = put(model, store, ALICE, replace=True)
    assert new.payload != old.payload  # so that who had the old file key reads nothing of the new one
    assert Package.load(store, old.model_hash) == new
    assert {old.payload, f"headers/{old.header_id.hex()}"}.isdisjoint(store.objects)


def test_a_package_whose_payload_is_lost_is_put_anew(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    del store.objects[package.payload]
    with pytest.raises(CorruptObjectError, match="missing"):
        package.fetch(store, ALICE, tmp_path / "out")
    put(model, store).fetch(store, ALICE, tmp_path / "out")


@pytest.mark.parametrize("at", ["put", "stored"])
@pytest.mark.parametrize("folder", ["payloads/", "headers/", "packages/"])
def test_a_put_that_fails_at_any_object_leaves_nothing_that_counts(
    model: Path, store: MemoryObjectStore, tmp_path: Path, folder: str, at: str
) -> None:
    def fail(operation: str, name: str) -> None:
        if operation == at and name.startswith(folder):
            raise StorageUnavailableError("gone")

    store.before = fail
    with pytest.raises(StorageUnavailableError):
        put(model, store)
    assert [*stored_models(store)] == []
    with pytest.raises(UnknownPackageError):
        Package.load(store, build_manifest(model).root)
    store.before = lambda operation, name: None
    put(model, store).fetch(store, ALICE, tmp_path / "out")
    assert collect(store, 0.0) == {"payloads/": 0, "headers/": 1, "packages/": 2}[folder]
    assert len(store.objects) == 3


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def _same_size_and_time(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file grows": lambda model: _append(model / "layers.txt"),
    "a file of the same size and time": lambda model: _same_size_and_time(model / "layers.txt"),
    "the file that is being read": lambda model: _same_size_and_time(model / "layers" / "0" / "weights.safetensors"),
    "the file that is being read grows": lambda model: _append(model / "layers" / "0" / "weights.safetensors"),
    "the file that is being read is cut": lambda model: os.truncate(model / "layers/0/weights.safetensors", 4000),
    "a file that was read": lambda model: _same_size_and_time(model / "config.json"),
    "a file goes": lambda model: (model / "layers.txt").unlink(),
    "a file comes": lambda model: (model / "new.txt").write_bytes(b"new"),
    "a file becomes a link": lambda model: _link(model / "layers.txt"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_model_that_changes_while_it_is_sealed_is_refused(model: Path, store: MemoryObjectStore, what: str) -> None:
    done = False

    def progress(count: int, total: int) -> None:
        nonlocal done
        if count > 2000 and not done:  # within the weights: before them is config.json, behind them layers.txt
            done = True
            CHANGES[what](model)

    with pytest.raises((FileChangedError, SymlinkError)):
        put(model, store, progress=progress)
    assert done
    assert store.objects == {}


def test_what_cannot_be_a_model_is_refused(store: MemoryObjectStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="no file"):
        put(tmp_path / "empty", store)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "link").symlink_to("/etc/passwd")
    with pytest.raises(SymlinkError, match="link"):
        put(tmp_path / "model", store)
    with pytest.raises(InputError, match="nobody"):
        put_model(tmp_path / "empty", store=store, recipients=[])
    assert store.objects == {}


# -- fetching ---------------------------------------------------------------------------------------------------------


def test_a_stranger_gets_nothing(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    with pytest.raises(NotARecipientError):
        package.fetch(store, EVE, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


def test_a_changed_payload_is_noticed_wherever_it_is_changed(
    model: Path, store: MemoryObjectStore, tmp_path: Path
) -> None:
    package = put(model, store)
    payload = store.objects[package.payload]
    for position in (0, CHUNK, CHUNK + 16, len(payload) // 2, len(payload) - 1):
        damaged = bytearray(payload)
        damaged[position] ^= 1
        store.objects[package.payload] = bytes(damaged)
        with pytest.raises(SealTamperedError):
            package.fetch(store, ALICE, tmp_path / "out")
        with pytest.raises(CorruptObjectError):
            package.verify_sealed(store)
        assert nothing_at(tmp_path / "out")
    for changed in (payload[:-1], payload[: -CHUNK - 16], payload + b"\0", payload + payload[-80:], b""):
        store.objects[package.payload] = changed
        with pytest.raises(SealTamperedError):
            package.fetch(store, ALICE, tmp_path / "out")
        with pytest.raises(CorruptObjectError):
            package.verify_sealed(store)
        assert nothing_at(tmp_path / "out")


def test_a_payload_that_changes_between_the_two_passes_leaves_nothing(
    model: Path, store: MemoryObjectStore, tmp_path: Path
) -> None:
    package = put(model, store)
    payload = store.objects[package.payload]
    damaged = payload[:-1] + bytes([payload[-1] ^ 1])

    def progress(done: int, total: int) -> None:
        store.objects[package.payload] = damaged if done >= total // 2 else payload

    with pytest.raises(SealTamperedError):
        package.fetch(store, ALICE, tmp_path / "out", progress=progress)
    assert nothing_at(tmp_path / "out")


def test_another_model_under_this_ones_name_is_refused(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    """Whoever has the recipients' public keys can seal something for them; what it hashes to decides."""
    package = put(model, store)
    (model / "config.json").write_bytes(b"{}")
    evil = put(model, store)
    forged = dataclasses.replace(evil, model_hash=package.model_hash)
    with pytest.raises(PackageMismatchError, match="holds the model"):
        forged.fetch(store, ALICE, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


@pytest.mark.parametrize(
    "change", [{"size": 1}, {"files": 1}, {"manifest_digest": bytes(32)}], ids=["size", "files", "manifest digest"]
)
def test_a_record_that_claims_something_else_is_refused(
    model: Path, store: MemoryObjectStore, tmp_path: Path, change: dict[str, Any]
) -> None:
    package = dataclasses.replace(put(model, store), **change)
    with pytest.raises(PackageMismatchError, match="record"):
        package.fetch(store, ALICE, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


def test_a_damaged_record_or_header_is_reported(model: Path, store: MemoryObjectStore) -> None:
    package = put(model, store)
    record, header = f"packages/{package.model_hash.hex()}", f"headers/{package.header_id.hex()}"
    good = dict(store.objects)
    sound = json.loads(good[record])
    for changes in (
        {"format": "novacron-package-v2"},
        {"header": "../../etc/passwd"},
        {"header": "0" * 64},
        {"modelHash": "0" * 64},
        {"modelSize": -1},
        {"files": True},
        {"extra": 1},
    ):
        store.objects = {**good, record: json.dumps({**sound, **changes}).encode()}
        with pytest.raises(CorruptObjectError):
            Package.load(store, package.model_hash)
    for data in (b"", b"[]", b"\xff", b"[" * 4000):
        store.objects = {**good, record: data}
        with pytest.raises(CorruptObjectError):
            Package.load(store, package.model_hash)
    for encoded in (good[header][:-1], good[header] + b"\0", b""):
        store.objects = {**good, header: encoded}
        with pytest.raises(CorruptObjectError):
            Package.load(store, package.model_hash)
    # A header of the right name that is none: only its hash was known.
    forged = b"no header"
    name = hashlib.sha256(forged).hexdigest()
    store.objects = {**good, record: json.dumps({**sound, "header": name}).encode(), f"headers/{name}": forged}
    with pytest.raises(CorruptObjectError, match="no header"):
        Package.load(store, package.model_hash)
    for damaged in ({record: b"x" * 5000}, {record: b"x"}, {header: b"x"}):
        store.objects = {**good, **damaged}
        with pytest.raises(CorruptObjectError):
            Package.load(store, package.model_hash)
        with pytest.raises(CorruptObjectError):
            collect(store, 0.0)
        assert Package.load(store, put(model, store).model_hash).verify(store, ALICE)  # what the message says to do
    with pytest.raises(InputError, match="32 bytes"):
        Package.load(store, b"short")


def test_nothing_is_overwritten(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("nowhere")
    for target in (tmp_path / "file", tmp_path / "link", model):
        with pytest.raises(InputError, match="exists"):
            package.fetch(store, ALICE, target)
    with pytest.raises(InputError, match="does not exist"):
        package.fetch(store, ALICE, tmp_path / "no" / "folder")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_target_that_appears_meanwhile_stays_as_it_is(store: MemoryObjectStore, tmp_path: Path, kind: str) -> None:
    model = small_model(tmp_path / "model")
    package = put(model if kind == "folder" else model / "config.json", store)
    target = tmp_path / "out"

    def progress(done: int, total: int) -> None:
        if done == total:
            target.write_bytes(b"mine")

    with pytest.raises(InputError, match="exists"):
        package.fetch(store, ALICE, target, progress=progress)
    assert target.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir() if "fetch" in path.name] == []


def test_two_fetches_to_one_target_do_not_mix(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    with Output(tmp_path / "out"), pytest.raises(StoreBusyError, match="another process"):
        package.fetch(store, ALICE, tmp_path / "out")
    package.fetch(store, ALICE, tmp_path / "out")


def test_what_a_crash_left_beside_the_target_is_removed(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    left = tmp_path / ".out.novacron-fetch"
    (left / "model" / "layers").mkdir(parents=True)
    left.chmod(0o700)
    (left / "model" / "config.json").write_bytes(MARKER)
    package.fetch(store, ALICE, tmp_path / "out")
    assert not left.exists()
    assert tree(tmp_path / "out") == tree(model)


def test_a_draft_that_others_could_read_is_refused(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    (tmp_path / ".out.novacron-fetch").mkdir()
    (tmp_path / ".out.novacron-fetch").chmod(0o755)
    with pytest.raises(InputError, match="somebody else"):
        package.fetch(store, ALICE, tmp_path / "out")


def test_a_disk_without_room_is_said_before_a_byte_is_written(
    model: Path, store: MemoryObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = put(model, store)
    usage = type("Usage", (), {"free": package.size - 1})
    monkeypatch.setattr("novacron.models.output.shutil.disk_usage", lambda path: usage)
    with pytest.raises(StoreFullError, match="room"):
        package.fetch(store, ALICE, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


# -- changing ---------------------------------------------------------------------------------------------------------


def test_rekeying_changes_header_and_record_only(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    old = put(model, store, ALICE, BOB)
    payload = store.objects[old.payload]
    new = Package.load(store, old.model_hash).rekey(store, ALICE, [ALICE.recipient, EVE.recipient])
    assert store.objects[new.payload] == payload
    assert Package.load(store, old.model_hash) == new
    assert f"headers/{old.header_id.hex()}" not in store.objects
    for key in (ALICE, EVE):
        new.fetch(store, key, tmp_path / key.key_id.hex())
    with pytest.raises(NotARecipientError):
        new.fetch(store, BOB, tmp_path / "out")
    with pytest.raises(NotARecipientError):
        new.rekey(store, BOB, [BOB.recipient])
    assert len(store.objects) == 3


def test_a_rekeying_that_fails_leaves_the_old_header_in_force(model: Path, store: MemoryObjectStore) -> None:
    old = put(model, store, ALICE, BOB)
    for folder in ("headers/", "packages/"):

        def fail(operation: str, name: str, folder: str = folder) -> None:
            if operation == "put" and name.startswith(folder):
                raise StorageUnavailableError("gone")

        store.before = fail
        with pytest.raises(StorageUnavailableError):
            old.rekey(store, ALICE, [ALICE.recipient])
        assert Package.load(store, old.model_hash) == old


def test_a_package_that_is_rekeyed_while_it_is_loaded_loads(model: Path, store: MemoryObjectStore) -> None:
    old = put(model, store, ALICE, BOB)
    new: list[Package] = []

    def between(operation: str, name: str) -> None:
        if operation == "get" and name.startswith("headers/") and not new:
            new.append(old)  # before the store is used again
            new[0] = old.rekey(store, ALICE, [ALICE.recipient])

    store.before = between
    assert Package.load(store, old.model_hash) == new[0]


def test_a_package_is_copied_as_it_is_and_only_whole(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    other = MemoryObjectStore()
    package.copy_to(store, other)
    assert other.objects == store.objects
    good = store.objects[package.payload]
    store.objects[package.payload] = good[:-1] + bytes([good[-1] ^ 1])
    third = MemoryObjectStore()
    with pytest.raises(CorruptObjectError):
        package.copy_to(store, third)
    assert third.objects == {}
    rekeyed = package.rekey(store, ALICE, [BOB.recipient])
    with pytest.raises(PackageExistsError, match="another header"):
        rekeyed.copy_to(store, other)
    rekeyed.copy_to(store, other, replace=True)
    assert Package.load(other, package.model_hash) == rekeyed
    assert len(other.objects) == 3


def test_staging_goes_on_where_an_upload_failed_and_is_empty_in_the_end(
    model: Path, store: MemoryObjectStore, tmp_path: Path
) -> None:
    staging = LocalObjectStore(tmp_path / "staging")

    def fail(operation: str, name: str) -> None:
        if operation == "stored" and name.startswith("payloads/"):
            raise StorageUnavailableError("gone")

    store.before = fail
    with pytest.raises(StorageUnavailableError):
        put(model, store, staging=staging)
    [staged] = [Package.load(staging, found) for found in stored_models(staging)]
    store.before = lambda operation, name: None
    assert put(model, store, staging=staging) == staged  # the same ciphertext, not a new one
    assert [*staging.list()] == []
    staged.fetch(store, ALICE, tmp_path / "out")


def test_staging_that_was_damaged_is_sealed_anew(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    staging = MemoryObjectStore()
    staged = put(model, staging)
    staging.objects[staged.payload] = bytes(len(staging.objects[staged.payload]))
    with pytest.raises(CorruptObjectError):
        put(model, store, staging=staging)
    put(model, store, staging=staging).fetch(store, ALICE, tmp_path / "out")


def test_a_deleted_package_is_gone(model: Path, store: MemoryObjectStore) -> None:
    package = put(model, store)
    package.delete(store)
    assert store.objects == {}
    with pytest.raises(UnknownPackageError, match=package.model_hash.hex()):
        Package.load(store, package.model_hash)


def test_collecting_spares_what_counts_and_what_is_young(model: Path, store: MemoryObjectStore) -> None:
    put(model, store)
    for name in ("payloads/left", "headers/left", "strangers/thing"):
        store.put(name, [b"x"])
    assert collect(store) == 0
    assert collect(store, 0.0) == 2
    assert len(store.objects) == 4
    store.put("payloads/left", [b"x"])
    store.objects[next(name for name in store.objects if name.startswith("packages/"))] = b"damaged"
    with pytest.raises(CorruptObjectError):
        collect(store, 0.0)
    assert "payloads/left" in store.objects


def test_no_error_tells_a_key(model: Path, store: MemoryObjectStore, tmp_path: Path) -> None:
    package = put(model, store)
    payload = store.objects[package.payload]
    errors: list[BaseException] = []
    for key, damaged in ((EVE, payload), (ALICE, bytes(len(payload)))):
        store.objects[package.payload] = damaged
        with pytest.raises(NovaCronError) as caught:
            package.fetch(store, key, tmp_path / "out")
        errors.append(caught.value)
    for error in errors:
        for key in (ALICE, EVE):
            assert key.secret_bytes().hex() not in repr(error)
    assert ALICE.secret_bytes().hex() not in repr(package)
