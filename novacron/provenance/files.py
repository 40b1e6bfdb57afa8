"""Finding and hashing the files of a model: what counts, what is refused, and proof that nothing moved meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from novacron.exceptions import FileChangedError, ManifestError, SymlinkError, UnreadableFileError
from novacron.provenance.hash_cache import FileStamp

GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
"""What model-signing ignores by default, in the model's top folder only."""

_CLOCK_TICK = 0.012  # seconds; a kernel stamps files by a clock that advances every 1 to 10 ms

_CHUNK = 1 << 20  # bytes read at a time: memory per worker


@dataclass(frozen=True)
class FoundFile:
    """A regular file of a model. `relative` is its POSIX path inside the model, "." for a model of one file."""

    relative: str
    location: Path
    stamp: FileStamp


def sort_key(relative: str) -> tuple[str, ...]:
    """Order of files in a manifest: by path components, as model-signing sorts (not by the text of the path)."""
    return PurePosixPath(relative).parts


def scan(root: Path, ignore_paths: Iterable[str], *, allow_symlinks: bool) -> list[FoundFile]:
    """All files of the model at `root` (a folder, or one file), in manifest order.

    Ignored paths are relative to the model; what they hold is not even looked at.

    Raises:
        SymlinkError: a symbolic link, unless allowed; links to folders are never allowed, for their contents would not
            be covered.
        UnreadableFileError: a file or folder that cannot be looked at.
        ManifestError: a special file (pipe, socket, device), a name that is not UTF-8, or no file at all.
    """
    ignored = frozenset(ignore_paths)
    status = _status(root, allow_symlinks)
    if stat.S_ISREG(status.st_mode):
        return [FoundFile(".", root, FileStamp.of(status))]
    found: list[FoundFile] = []
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except OSError as error:
            raise UnreadableFileError(f"cannot list folder {folder}: {error.strerror}") from error
        for name in names:
            location, relative = folder / name, prefix + name
            if relative in ignored:
                continue
            check_name(location, name)
            status = _status(location, allow_symlinks)
            if stat.S_ISDIR(status.st_mode):
                pending.append((location, relative + "/"))
            else:
                found.append(FoundFile(relative, location, FileStamp.of(status)))
    if not found:
        raise ManifestError(f"{root} holds no file to hash; give the folder or file of the model")
    found.sort(key=lambda file: sort_key(file.relative))
    return found


def await_clock_tick(files: Iterable[FoundFile]) -> None:
    """Wait, at most 12 ms, until a further write to any of the files would change its stamp.

    A file written and written again within one tick of the file system's clock keeps its times; read before the tick is
    over, the second write would go unnoticed.
    """
    newest = max((file.stamp.ctime_ns for file in files), default=0)
    age = (time.time_ns() - newest) / 1e9
    if age < _CLOCK_TICK:
        time.sleep(min(_CLOCK_TICK, _CLOCK_TICK - age))


def hash_file(file: FoundFile, *, allow_symlinks: bool, advance: Callable[[int], None]) -> bytes:
    """SHA-256 of a file's content, read in chunks of 1 MiB; `advance` is told the bytes of each.

    Raises:
        FileChangedError: the file is not, before, during and after, the version that `scan` found.
        SymlinkError, UnreadableFileError: it became a link; it cannot be opened or read.
    """
    # A link or pipe put in the file's place since the scan is neither followed nor waited on.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if allow_symlinks else os.O_NOFOLLOW)
    try:
        handle = os.open(file.location, flags)
    except FileNotFoundError as error:
        raise FileChangedError(f"{file.location} disappeared while the model was hashed") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SymlinkError(f"{file.location} became a symbolic link while the model was hashed") from error
        raise UnreadableFileError(f"cannot open {file.location}: {error.strerror}") from error
    try:
        _expect_unchanged(file, os.fstat(handle))
        digest, length = hashlib.sha256(), 0
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        while count := os.readv(handle, [buffer]):
            digest.update(view[:count])
            length += count
            advance(count)
            if length > file.stamp.size:
                break  # a file that grows as fast as it is read must not keep us here
        if length != file.stamp.size:
            raise _changed(file, f"{length} bytes read, {file.stamp.size} expected")
        _expect_unchanged(file, os.fstat(handle))
    except OSError as error:
        raise UnreadableFileError(f"cannot read {file.location}: {error.strerror}") from error
    finally:
        os.close(handle)
    return digest.digest()


def expect_same(before: list[FoundFile], after: list[FoundFile]) -> None:
    """Refuse a model whose files are not the same as before hashing.

    Raises:
        FileChangedError: names the first file that came, went or changed.
    """
    old = {file.relative: file for file in before}
    for file in after:
        known = old.pop(file.relative, None)
        if known is None:
            raise FileChangedError(f"{file.location} appeared while the model was hashed; hash it when nothing writes")
        if known.stamp != file.stamp:
            raise _changed(known, "size, time or identity differ")
    for file in old.values():
        raise FileChangedError(f"{file.location} disappeared while the model was hashed; hash it when nothing writes")


def _expect_unchanged(file: FoundFile, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or FileStamp.of(status) != file.stamp:
        raise _changed(file, "size, time or identity differ")


def _changed(file: FoundFile, how: str) -> FileChangedError:
    return FileChangedError(f"{file.location} changed while it was hashed ({how}); hash it when nothing writes to it")


def _status(location: Path, allow_symlinks: bool) -> os.stat_result:
    """Status of a file or folder, of a link's target where links are allowed."""
    try:
        status = location.lstat()
        if stat.S_ISLNK(status.st_mode):
            if not allow_symlinks:
                raise SymlinkError(
                    f"{location} is a symbolic link; replace it by what it points to ({_target(location)})"
                )
            status = location.stat()
            if stat.S_ISDIR(status.st_mode):
                raise SymlinkError(f"{location} is a symbolic link to a folder, whose files would not be covered")
    except OSError as error:
        raise UnreadableFileError(f"cannot look at {location}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ManifestError(f"{location} is a pipe, socket or device; a model holds files and folders only")
    return status


def _target(location: Path) -> str:
    return ascii(os.readlink(location))  # noqa: PTH115  # the text of the link, resolved or not


def check_name(location: Path, name: str) -> None:
    """Refuse (ManifestError) a name that JSON and other systems could not hold."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ManifestError(f"the name of {str(location)!a} is not UTF-8; rename it") from error
