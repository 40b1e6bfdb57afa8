"""Models that a manifest refuses: links, special and unreadable files, and files that change while they are hashed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from novacron.exceptions import FileChangedError, InputError, ManifestError, SymlinkError, UnreadableFileError
from novacron.provenance.files import await_clock_tick, hash_file, scan
from novacron.provenance.manifest import build_manifest
from tests.support.workers import in_processes

MIB = 1 << 20


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model", {"weights.bin": b"w" * 3 * MIB, "config.json": b"{}", "layers/0.bin": b"zero"})


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


def _refusal_for_nobody(folder: str) -> str:
    os.chdir(folder)
    if os.getuid() == 0:  # root may read everything, so ask as nobody
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    with pytest.raises(UnreadableFileError) as refused:
        build_manifest("model")
    return str(refused.value)


@pytest.mark.parametrize("what", ["layers/0.bin", "layers"])
def test_a_file_or_folder_without_permission_is_named(tmp_path: Path, model: Path, what: str) -> None:
    tmp_path.chmod(0o755)
    (model / what).chmod(0)
    [answer] = in_processes(_refusal_for_nobody, (str(tmp_path),))
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
