"""Manifests against the real model-signing package, and everything a model folder can do to go wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tracemalloc
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from novacron.exceptions import (
    InputError,
    ProofFormatError,
    ProofInvalidError,
)
from novacron.provenance.files import sort_key
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
    """The real package."""
    import model_signing
    from model_signing import hashing
    from model_signing._signing import signing

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
    assert verify_manifest(model, manifest).lines() == [
        "changed: layers/0.bin (4 bytes as before, other contents)",
        "added: extra (0 bytes)",
    ]
