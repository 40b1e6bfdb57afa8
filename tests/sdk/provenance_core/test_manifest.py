"""Manifests against the real model-signing package, and everything a model folder can do to go wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import sys
import time
import tracemalloc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from novacron.exceptions import (
    FileChangedError,
    InputError,
    ManifestError,
    ProofFormatError,
    ProofInvalidError,
    SymlinkError,
    UnreadableFileError,
)
from novacron.provenance.files import await_clock_tick, hash_file, scan, sort_key
from novacron.provenance.manifest import (
    FileEntry,
    Manifest,
    build_manifest,
    diff_manifests,
    progress_bar,
    root_of_files,
    verify_manifest,
)

MIB = 1 << 20


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model", {"weights.bin": b"w" * 3 * MIB, "config.json": b"{}", "layers/0.bin": b"zero"})


# ---- against model-signing -------------------------------------------------------------------------------------------

MODELS: dict[str, dict[str, bytes]] = {
    "flat": {"a": b"1", "b": b"2", "c": b""},
    "nested": {"a/b/c/d": b"deep", "a/b.txt": b"x", "a/b/e": b"y", "z": b"z"},
    "sorted by components": {"a/b": b"1", "a.txt": b"2", "a-b/c": b"3", "a b": b"4", "A": b"5", "a/b.c/d": b"6"},
    "unicode": {"é": b"1", "e\u0301": b"2", "模型/权重.bin": b"3", "\U0001f600": b"4", "\ufb33": b"5", "ß": b"6"},
    "all empty": {"one": b"", "two/three": b""},
    "hidden": {".hidden": b"1", ".dir/file": b"2", "x/.git/config": b"3", "x/.gitignore": b"4"},
    "git": {"w": b"1", ".git/HEAD": b"2", ".git/a/b": b"3", ".gitattributes": b"4", ".gitignore": b"5",
            ".github/x": b"6", ".gitmodules": b"7", ".git2/x": b"8"},
    "same contents": {"a": b"same", "b": b"same", "c/d": b"same"},
    "several chunks": {"big": bytes(range(256)) * 20_000, "exact": b"x" * MIB, "more": b"x" * (MIB + 1)},
}  # fmt: skip


@pytest.fixture(scope="module")
def model_signing() -> Any:
    """The real package. Only its certificate signer needs pyOpenSSL, which is stood in for where it is missing."""
    missing = []
    try:
        import OpenSSL  # noqa: F401
    except ModuleNotFoundError:
        package, crypto = types.ModuleType("OpenSSL"), types.ModuleType("OpenSSL.crypto")
        package.crypto = crypto  # type: ignore[attr-defined]
        missing = ["OpenSSL", "OpenSSL.crypto"]
        sys.modules.update(dict(zip(missing, (package, crypto), strict=True)))
    import model_signing
    from model_signing import hashing
    from model_signing._signing import signing

    for name in missing:
        del sys.modules[name]
    return types.SimpleNamespace(package=model_signing, hashing=hashing, signing=signing)


def statement(model_signing: Any, manifest: Any) -> dict[str, Any]:
    from google.protobuf import json_format

    found: dict[str, Any] = json_format.MessageToDict(model_signing.signing.Payload(manifest).statement.pb)
    return canonical(found)


def canonical(found: dict[str, Any]) -> dict[str, Any]:
    """model-signing keeps ignored paths in a set, so their order says nothing."""
    serialization = found["predicate"]["serialization"]
    serialization["ignore_paths"] = sorted(serialization.get("ignore_paths", []))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_root_and_statement_are_those_of_model_signing(tmp_path: Path, model_signing: Any, name: str) -> None:
    root = write(tmp_path / "some model", MODELS[name])
    theirs = statement(model_signing, model_signing.hashing.hash(root))
    ours = build_manifest(root)
    assert ours.root.hex() == theirs["subject"][0]["digest"]["sha256"]
    assert canonical(ours.model_signing_statement()) == theirs


def test_one_file_is_a_model_too(tmp_path: Path, model_signing: Any) -> None:
    file = write(tmp_path, {"model.bin": b"content"}) / "model.bin"
    manifest = build_manifest(file)
    assert [(entry.path, entry.size) for entry in manifest.files] == [(".", 7)]
    assert manifest.root == hashlib.sha256(hashlib.sha256(b"content").digest()).digest()
    assert canonical(manifest.model_signing_statement()) == statement(model_signing, model_signing.hashing.hash(file))


def test_ignored_paths_are_those_of_model_signing(tmp_path: Path, model_signing: Any) -> None:
    root = write(
        tmp_path / "m", {"a": b"1", "logs/x": b"2", "logs/y/z": b"3", "logs2": b"4", "model.sig": b"5", ".git/x": b""}
    )
    config = model_signing.hashing.Config().set_ignored_paths(paths=["logs", "model.sig"], ignore_git_paths=False)
    ours = build_manifest(root, ignore_paths=["logs", root.absolute() / "model.sig"], ignore_git=False)
    assert [entry.path for entry in ours.files] == [".git/x", "a", "logs2"]
    assert ours.root.hex() == statement(model_signing, config.hash(root))["subject"][0]["digest"]["sha256"]
    for outside in ("..", "../x", "/", tmp_path, "."):
        with pytest.raises(InputError, match="not inside the model"):
            build_manifest(root, ignore_paths=[outside])


def test_allowed_links_to_files_are_those_of_model_signing(tmp_path: Path, model_signing: Any) -> None:
    root = write(tmp_path / "m", {"a": b"1"})
    write(tmp_path, {"outside": b"linked"})
    (root / "link").symlink_to(tmp_path / "outside")
    ours = build_manifest(root, allow_symlinks=True)
    theirs = statement(model_signing, model_signing.hashing.Config().set_allow_symlinks(True).hash(root))
    assert canonical(ours.model_signing_statement()) == theirs
    assert theirs["predicate"]["serialization"]["allow_symlinks"] is True
    assert ours.files[1] == FileEntry("link", 6, "sha256", hashlib.sha256(b"linked").digest())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6), unique=True))
def test_order_is_that_of_pure_posix_paths(names: list[str]) -> None:
    from pathlib import PurePosixPath

    assert sorted(names, key=sort_key) == sorted(names, key=PurePosixPath)


# ---- what the root depends on ----------------------------------------------------------------------------------------


def test_root_does_not_depend_on_place_name_or_times(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build_manifest(model)
    copy = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(model, copy)
    os.utime(copy / "config.json", (1, 1))
    other = build_manifest(str(copy) + "/", workers=1)
    assert (other.root, other.files, other.name) == (expected.root, expected.files, "renamed")
    monkeypatch.chdir(copy)
    for here in (".", "../renamed", "layers/.."):
        assert build_manifest(here).root == expected.root
    assert build_manifest(".").name == build_manifest("layers/..").name == "renamed"


def test_root_depends_on_every_byte(model: Path) -> None:
    before = build_manifest(model)
    with (model / "weights.bin").open("r+b") as file:
        file.seek(2 * MIB + 5)
        file.write(b"W")
    after = build_manifest(model)
    assert after.root != before.root
    diff = diff_manifests(before, after)
    assert [(old.path, new.path) for old, new in diff.changed] == [("weights.bin", "weights.bin")]
    assert (diff.added, diff.removed, diff.renamed) == ((), (), ())


def test_hashing_holds_one_chunk_a_worker_in_memory(tmp_path: Path) -> None:
    for name in "abcd":
        with (tmp_path / name).open("wb") as file:
            file.truncate(24 * MIB)
    tracemalloc.start()
    build_manifest(tmp_path, workers=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_links_are_refused_by_name(model: Path, tmp_path: Path) -> None:
    (model / "layers" / "link").symlink_to(model / "config.json")
    with pytest.raises(SymlinkError, match="layers/link"):
        build_manifest(model)
    (model / "layers" / "link").unlink()
    (model / "folder").symlink_to(tmp_path, target_is_directory=True)
    for allow in (False, True):
        with pytest.raises(SymlinkError, match="model/folder"):
            build_manifest(model, allow_symlinks=allow)
    (model / "folder").unlink()
    (model / "dangling").symlink_to("nowhere")
    with pytest.raises(SymlinkError, match="dangling"):
        build_manifest(model)
    with pytest.raises(UnreadableFileError, match="dangling"):
        build_manifest(model, allow_symlinks=True)
    (tmp_path / "to model").symlink_to(model, target_is_directory=True)
    with pytest.raises(SymlinkError, match="to model"):
        build_manifest(tmp_path / "to model")


def test_pipes_and_sockets_are_refused_without_waiting(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(model / "pipe")
    with pytest.raises(ManifestError, match=r"pipe is a pipe, socket or device"):
        build_manifest(model)
    (model / "pipe").unlink()
    monkeypatch.chdir(model)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        with pytest.raises(ManifestError, match="sock is a pipe, socket or device"):
            build_manifest(model)


def test_nothing_to_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    write(tmp_path / "only git", {".git/HEAD": b"x"})
    for name in ("empty", "only git"):
        with pytest.raises(ManifestError, match="no file to hash"):
            build_manifest(tmp_path / name)
    with pytest.raises(UnreadableFileError, match="No such file"):
        build_manifest(tmp_path / "missing")


def test_names_that_are_not_utf_8_are_refused(model: Path) -> None:
    bad = os.fsencode(model) + b"/bad\xff"
    os.close(os.open(bad, os.O_CREAT | os.O_WRONLY))
    with pytest.raises(ManifestError, match="not UTF-8"):
        build_manifest(model)
    with pytest.raises(ManifestError, match="not UTF-8"):
        build_manifest(os.fsdecode(bad))


def test_workers_below_one_are_refused(model: Path) -> None:
    with pytest.raises(InputError, match="workers"):
        build_manifest(model, workers=0)


def test_a_file_whose_reading_fails_is_named() -> None:
    # A process's memory is a regular file whose first page cannot be read: a genuine I/O error, for root too.
    with pytest.raises(UnreadableFileError, match=r"cannot read /proc/self/mem: Input/output error"):
        build_manifest("/proc/self/mem")


@pytest.mark.parametrize("what", ["layers/0.bin", "layers"])
def test_a_file_or_folder_without_permission_is_named(tmp_path: Path, model: Path, what: str) -> None:
    tmp_path.chmod(0o755)
    (model / what).chmod(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # root may read everything, so ask as nobody
        answer = "no error"
        try:
            os.chdir(tmp_path)
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            build_manifest("model")
        except UnreadableFileError as error:
            answer = str(error)
        except BaseException as error:  # noqa: BLE001  # told to the parent
            answer = repr(error)
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    answer = os.read(reader, 4096).decode()
    os.close(reader)
    (model / what).chmod(0o700)
    assert f"model/{what}" in answer
    assert "Permission denied" in answer


# ---- changing while hashed -------------------------------------------------------------------------------------------


def _append(model: Path) -> None:
    with (model / "weights.bin").open("ab") as file:
        file.write(b"more")


def _truncate(model: Path) -> None:
    os.truncate(model / "weights.bin", MIB)


def _rewrite(model: Path) -> None:
    with (model / "weights.bin").open("r+b") as file:
        file.write(b"V")


def _rewrite_and_set_time_back(model: Path) -> None:
    before = (model / "weights.bin").stat()
    _rewrite(model)
    os.utime(model / "weights.bin", ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(model: Path) -> None:
    (model / "new").write_bytes(b"w" * 3 * MIB)
    (model / "new").rename(model / "weights.bin")


def _delete(model: Path) -> None:
    (model / "weights.bin").unlink()


def _add(model: Path) -> None:
    (model / "added").write_bytes(b"x")


def _change_another(model: Path) -> None:
    (model / "config.json").write_bytes(b"[]")


CHANGES = [_append, _truncate, _rewrite, _rewrite_and_set_time_back, _replace, _delete, _add, _change_another]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("when", ["before", "during", "at the last byte"])
def test_a_model_that_changes_while_hashed_is_refused(model: Path, change: Callable[[Path], None], when: str) -> None:
    pending = [change]

    def progress(done: int, total: int) -> None:
        # config.json and layers/0.bin come first, then three chunks of weights.bin.
        ready = {"before": True, "during": done > MIB, "at the last byte": done == total}[when]
        if ready and pending:
            pending.pop()(model)

    with pytest.raises(FileChangedError, match="config.json" if change is _change_another else "weights.bin|added|new"):
        build_manifest(model, workers=1, progress=progress)
    assert not pending
    build_manifest(model, workers=1)  # at rest it is a model again


def test_a_file_longer_than_its_size_is_refused() -> None:
    # The kernel says that this regular file has no bytes, and reading it gives some.
    with pytest.raises(FileChangedError, match="0 expected"):
        build_manifest("/proc/version")


@pytest.mark.parametrize("change", [_rewrite, _rewrite_and_set_time_back], ids=lambda change: change.__name__)
def test_hashing_one_file_notices_by_itself(model: Path, change: Callable[[Path], None]) -> None:
    found = scan(model / "weights.bin", (), allow_symlinks=False)
    await_clock_tick(found)
    pending = [change]
    with pytest.raises(FileChangedError, match="changed while it was hashed"):
        hash_file(found[0], allow_symlinks=False, advance=lambda _: pending.pop()(model) if pending else None)


def test_a_file_just_written_is_read_only_after_the_clock_has_moved_on(tmp_path: Path) -> None:
    # Within one tick of the kernel's clock a second write would leave the same times.
    found = scan(write(tmp_path, {"fresh": b"1"}), (), allow_symlinks=False)
    await_clock_tick(found)
    assert time.time_ns() - found[0].stamp.ctime_ns >= 12_000_000


def test_a_file_that_becomes_a_link_or_pipe_is_neither_followed_nor_waited_on(model: Path, tmp_path: Path) -> None:
    secret = write(tmp_path, {"secret": b"w" * 3 * MIB}) / "secret"

    def becomes(make: Callable[[Path], object]) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            if done == 0:
                (model / "weights.bin").unlink()
                make(model / "weights.bin")

        return progress

    with pytest.raises(SymlinkError, match=r"weights\.bin"):
        build_manifest(model, workers=1, progress=becomes(lambda path: path.symlink_to(secret)))
    (model / "weights.bin").unlink()
    (model / "weights.bin").write_bytes(b"w")
    with pytest.raises(FileChangedError, match=r"weights\.bin"):
        build_manifest(model, workers=1, progress=becomes(os.mkfifo))


# ---- progress --------------------------------------------------------------------------------------------------------


def test_progress_counts_every_byte_once(model: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_manifest(model, progress=lambda done, total: seen.append((done, total)))
    total = 3 * MIB + 6
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_progress_bar_shows_the_description(model: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress_bar("Hashing the model", console=console) as progress:
        build_manifest(model, progress=progress)
    assert "Hashing the model" in console.file.getvalue()  # type: ignore[attr-defined]


# ---- JSON ------------------------------------------------------------------------------------------------------------


def test_json_round_trip(model: Path) -> None:
    manifest = build_manifest(model, ignore_paths=["nothing here"])
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert Manifest.from_json(manifest.to_text()) == manifest
    assert Manifest.from_json(manifest.to_text().encode()) == manifest
    assert manifest.size == 3 * MIB + 6
    assert json.loads(manifest.to_text())["files"][0] == {
        "path": "config.json",
        "size": 2,
        "algorithm": "sha256",
        "digest": hashlib.sha256(b"{}").hexdigest(),
    }


def test_a_manifest_whose_root_is_not_its_files_is_invalid(model: Path) -> None:
    good = build_manifest(model).to_json()
    for change in (
        {"root": "00" * 32},
        {"files": good["files"][:-1]},
        {"files": [{**good["files"][0], "digest": "11" * 32}, *good["files"][1:]]},
    ):
        with pytest.raises(ProofInvalidError):
            Manifest.from_json({**good, **change})


def test_malformed_manifests_are_refused(model: Path) -> None:
    good = build_manifest(model).to_json()
    first = good["files"][0]

    def with_first(**changes: Any) -> dict[str, Any]:
        return {**good, "files": [{**first, **changes}, *good["files"][1:]]}

    for bad in (
        "{", b"\xff", "[]", 5, None, {}, {**good, "format": "v2"}, {**good, "name": 5}, {**good, "files": []},
        {**good, "files": 5}, {**good, "files": good["files"][::-1]}, {**good, "files": [first, *good["files"]]},
        {**good, "root": "short"}, {**good, "serialization": []}, {**good, "serialization": {"allow_symlinks": 1}},
        {**good, "serialization": {"allow_symlinks": True, "ignore_paths": [1]}}, "[" * 100_000,
        with_first(path="../x"), with_first(path="/etc/x"), with_first(path=""), with_first(path="a//b"),
        with_first(path=5), with_first(path="\x00"), with_first(size=-1), with_first(size="2"), with_first(size=True),
        with_first(algorithm="md5"), with_first(digest="ab"), with_first(digest=None),
    ):  # fmt: skip
        with pytest.raises(ProofFormatError):
            Manifest.from_json(bad)  # type: ignore[arg-type]


# ---- differences -----------------------------------------------------------------------------------------------------

TREES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([b"1", b"2", b"3"]), min_size=1)


def manifest_of(files: dict[str, bytes]) -> Manifest:
    entries = tuple(
        FileEntry(name, len(content), "sha256", hashlib.sha256(content).digest())
        for name, content in sorted(files.items())
    )
    return Manifest("m", entries, root_of_files(entries))


@given(TREES, TREES)
def test_a_diff_turns_the_old_model_into_the_new_one(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    before, after = manifest_of(old), manifest_of(new)
    diff = diff_manifests(before, after)
    assert bool(diff) is (old != new)
    result = {file.path: file.digest for file in before.files}
    for gone in (*diff.removed, *(pair[0] for pair in diff.renamed)):
        assert gone.path not in new
        del result[gone.path]
    for was, now in diff.changed:
        assert was.path == now.path
        assert result[was.path] == was.digest != now.digest
        result[now.path] = now.digest
    for file in (*diff.added, *(pair[1] for pair in diff.renamed)):
        assert file.path not in old
        result[file.path] = file.digest
    assert result == {file.path: file.digest for file in after.files}
    for was, now in diff.renamed:
        assert was.digest == now.digest
    assert not {f.digest for f in diff.added} & {f.digest for f in diff.removed}  # else it was a rename
    assert len(diff.lines()) == sum(map(len, (diff.added, diff.removed, diff.changed, diff.renamed)))


def test_a_rename_that_keeps_the_root_is_still_reported() -> None:
    before, after = manifest_of({"a": b"1"}), manifest_of({"b": b"1"})
    assert before.root == after.root
    assert diff_manifests(before, after).lines() == ["renamed: a → b"]


def test_verify_names_the_tampered_file(model: Path) -> None:
    manifest = build_manifest(model)
    assert not verify_manifest(model, manifest)
    (model / "layers" / "0.bin").write_bytes(b"ZERO")
    (model / "extra").write_bytes(b"")
    assert verify_manifest(model, manifest).lines() == ["changed: layers/0.bin (4 → 4 bytes)", "added: extra (0 bytes)"]
