"""A model as one stream of bytes: an index of its files, then their contents. The same model gives the same bytes.

The index comes first, so that a reader knows every path, size and digest, and with them the model's hash, before it
takes the first byte of content. Only contents and paths are kept: no times, owners, modes, links or empty folders, none
of which a model's hash covers. docs/models-storage.md has the format byte by byte.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from novacron.exceptions import ArchiveError, FileChangedError, ProofError, SymlinkError, UnreadableFileError
from novacron.models.background import BackgroundHash
from novacron.provenance.files import FoundFile, expect_same, scan
from novacron.provenance.hash_cache import FileStamp
from novacron.provenance.manifest import ALGORITHM, FileEntry, Manifest, root_of_files

MAGIC = b"NOVAARCH"
VERSION = 1
KIND_FOLDER, KIND_FILE = 0, 1

#: Bounds on what a reader keeps in memory, whatever an archive says.
MAX_FILES = 1 << 18
MAX_INDEX = 64 * 1024 * 1024
MAX_PATH = 4096
_MAX_COMPONENT = 255
_MAX_SIZE = 1 << 50

_FIXED = struct.Struct(">8sBBI")
_PATH_LENGTH = struct.Struct(">H")
_ENTRY = struct.Struct(">Q32s")


@dataclass(frozen=True)
class Index:
    """What an archive holds.

    Attributes:
        manifest: the files; its root is the model's hash.
        digest: SHA-256 of the index, which binds the files' names too.
        length: bytes that the index takes.
    """

    manifest: Manifest
    digest: bytes
    length: int

    @property
    def is_file(self) -> bool:
        """Whether the model is one file rather than a folder."""
        return self.manifest.files[0].path == "."

    @property
    def archive_size(self) -> int:
        """Bytes of the whole archive."""
        return self.length + self.manifest.size


class Sink(Protocol):
    """What the contents of an archive are given to, file by file."""

    def begin(self, entry: FileEntry) -> None:
        """A file begins."""

    def write(self, data: memoryview) -> None:
        """Its next bytes; they are valid during the call only."""

    def end(self) -> None:
        """It is complete and hashes to what the index says."""


def encode_index(files: Sequence[FileEntry]) -> bytes:
    """The index of these files, which are in manifest order.

    Raises:
        ArchiveError: too many files, or paths too long.
    """
    if len(files) > MAX_FILES:
        raise ArchiveError(f"a model of {len(files)} files: at most {MAX_FILES} are packed; put them into fewer")
    kind = KIND_FILE if [file.path for file in files] == ["."] else KIND_FOLDER
    parts = [_FIXED.pack(MAGIC, VERSION, kind, len(files))]
    for file in files:
        path = file.path.encode()
        if len(path) > MAX_PATH:
            raise ArchiveError(f"the path {file.path[:80]!r}… has {len(path)} bytes, at most {MAX_PATH} are packed")
        parts += (_PATH_LENGTH.pack(len(path)), path, _ENTRY.pack(file.size, file.digest))
    index = b"".join(parts)
    if len(index) > MAX_INDEX:
        raise ArchiveError(f"the paths of the model take {len(index)} bytes, at most {MAX_INDEX} are packed")
    _check_paths([file.path for file in files], kind)
    return index


class ArchiveSource:
    """The archive of a model on disk, read as one stream. What is read must be what was hashed."""

    def __init__(self, root: Path, manifest: Manifest, *, advance: Callable[[int], None] | None = None) -> None:
        """Args: `manifest`: of `build_manifest(root)` just now. `advance`: told of the bytes of content as they go.

        Raises:
            FileChangedError: the files are not those of the manifest.
            ArchiveError: as `encode_index`.
        """
        self._root, self._manifest, self._advance = root, manifest, advance
        self._found = scan(root, manifest.ignore_paths, allow_symlinks=False)
        if [(file.relative, file.stamp.size) for file in self._found] != [(f.path, f.size) for f in manifest.files]:
            raise FileChangedError(f"{root} changed after it was hashed; pack it when nothing writes to it")
        self._index = encode_index(manifest.files)
        self.index = Index(manifest, hashlib.sha256(self._index).digest(), len(self._index))
        self._sent = 0  # bytes of the index
        self._next = 0  # the file to open next
        self._handle: int | None = None
        self._length = 0  # bytes read of the open file
        self._digest = BackgroundHash()

    def __enter__(self) -> ArchiveSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._digest.__exit__(None, None, None)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def readinto(self, buffer: memoryview, /) -> int:
        """The next bytes; 0 when all was read and nothing has changed since the model was hashed.

        Raises:
            FileChangedError, SymlinkError, UnreadableFileError: name the file.
        """
        self._digest.wait()  # it may still be reading the caller's buffer
        if self._sent < len(self._index):
            taken = min(len(buffer), len(self._index) - self._sent)
            buffer[:taken] = self._index[self._sent : self._sent + taken]
            self._sent += taken
            return taken
        while True:
            if self._handle is None:
                if self._next == len(self._found):
                    expect_same(self._found, scan(self._root, self._manifest.ignore_paths, allow_symlinks=False))
                    return 0
                self._open(self._found[self._next])
            count = self._read(buffer)
            if count:
                return count
            self._finish()

    def _open(self, file: FoundFile) -> None:
        try:
            self._handle = os.open(file.location, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise FileChangedError(f"{file.location} disappeared while the model was packed") from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise SymlinkError(f"{file.location} became a symbolic link while the model was packed") from error
            raise UnreadableFileError(f"cannot open {file.location}: {error.strerror}") from error
        self._expect_unchanged(file, self._handle)

    def _read(self, buffer: memoryview) -> int:
        file = self._found[self._next]
        assert self._handle is not None
        try:
            # Never beyond the size in the index: a file that grows is noticed at its end.
            count = os.readv(self._handle, [buffer[: file.stamp.size - self._length]])
        except OSError as error:
            raise UnreadableFileError(f"cannot read {file.location}: {error.strerror}") from error
        self._digest.update(buffer[:count])
        self._length += count
        if self._advance is not None and count:
            self._advance(count)
        return count

    def _finish(self) -> None:
        file, entry = self._found[self._next], self._manifest.files[self._next]
        assert self._handle is not None
        if self._length != entry.size or self._digest.digest() != entry.digest:
            raise _changed(file)
        self._expect_unchanged(file, self._handle)
        os.close(self._handle)
        self._handle = None
        self._digest.restart()
        self._next, self._length = self._next + 1, 0

    @staticmethod
    def _expect_unchanged(file: FoundFile, handle: int) -> None:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or FileStamp.of(status) != file.stamp:
            raise _changed(file)


def read_index(take: Callable[[int], bytes], *, name: str = "model") -> Index:
    """The index at the beginning of an archive; `take(n)` gives its next n bytes, fewer only at the end.

    Raises:
        ArchiveError: malformed, beyond the bounds, or a path that is not plainly inside the model.
    """
    digest, length = hashlib.sha256(), 0

    def exactly(count: int) -> bytes:
        nonlocal length
        data = take(count)
        if len(data) != count:
            raise ArchiveError("the archive ends within its index")
        digest.update(data)
        length += count
        if length > MAX_INDEX:
            raise ArchiveError(f"the index of the archive is larger than {MAX_INDEX} bytes")
        return data

    magic, version, kind, count = _FIXED.unpack(exactly(_FIXED.size))
    if magic != MAGIC or version != VERSION or kind not in (KIND_FOLDER, KIND_FILE):
        raise ArchiveError(f"no archive of a model that this NovaCron reads (version {version}, kind {kind})")
    if not 1 <= count <= MAX_FILES:
        raise ArchiveError(f"the archive lists {count} files; 1 to {MAX_FILES} are read")
    files = []
    for _ in range(count):
        path = exactly(_PATH_LENGTH.unpack(exactly(_PATH_LENGTH.size))[0])
        size, content = _ENTRY.unpack(exactly(_ENTRY.size))
        if size > _MAX_SIZE:
            raise ArchiveError(f"the archive lists a file of {size} bytes")
        try:
            files.append(FileEntry(path.decode(), size, ALGORITHM, content))
        except UnicodeDecodeError:
            raise ArchiveError(f"the archive lists a file whose path is not UTF-8: {path[:80]!r}") from None
    _check_paths([file.path for file in files], kind)
    try:
        manifest = Manifest(name, tuple(files), root_of_files(files))
    except ProofError as error:
        raise ArchiveError(f"the archive's index: {error}") from error
    return Index(manifest, digest.digest(), length)


def read_archive(pieces: Iterator[memoryview], accept: Callable[[Index], Sink], *, name: str = "model") -> Index:
    """Read an archive to its end, hashing every file.

    Args:
        pieces: its bytes, in pieces of any size.
        accept: told of the index before any content; gives what takes the contents, or raises.

    Raises:
        ArchiveError: malformed, truncated, extended, or a file that does not hash to what the index says.
    """
    rest = memoryview(b"")

    def piece(limit: int) -> memoryview:
        nonlocal rest
        while not rest:
            following = next(pieces, None)
            if following is None:
                return rest
            rest = following
        taken, rest = rest[:limit], rest[limit:]
        return taken

    def take(count: int) -> bytes:
        data = bytearray()
        while len(data) < count and (part := piece(count - len(data))):
            data += part
        return bytes(data)

    index = read_index(take, name=name)
    sink = accept(index)
    with BackgroundHash() as digest:
        for entry in index.manifest.files:
            sink.begin(entry)
            digest.restart()
            left = entry.size
            while left:
                part = piece(left)
                if not part:
                    raise ArchiveError(f"the archive ends within {entry.path!r}")
                left -= len(part)
                digest.update(part)
                sink.write(part)
                digest.wait()  # before the next piece overwrites this one
            if digest.digest() != entry.digest:
                raise ArchiveError(f"{entry.path!r} in the archive does not hash to what its index says")
            sink.end()
    if piece(1):
        raise ArchiveError("the archive goes on after its last file")
    return index


def _check_paths(paths: Sequence[str], kind: int) -> None:
    """Refuse (ArchiveError) what could be written outside a folder, or over another file of the same archive."""
    if (kind == KIND_FILE) != (list(paths) == ["."]):
        raise ArchiveError("an archive of one file has the one path '.', an archive of a folder never has it")
    if kind == KIND_FILE:
        return
    files = set(paths)
    if len(files) != len(paths):
        raise ArchiveError("the archive lists a path twice")
    for path in paths:
        pure = PurePosixPath(path)
        plain = bool(path) and "\0" not in path and not pure.is_absolute() and str(pure) == path
        if not plain or path == "." or ".." in pure.parts:
            raise ArchiveError(f"the archive lists the path {path!r:.200}, which is not plainly inside the model")
        if any(len(part.encode()) > _MAX_COMPONENT for part in pure.parts):
            raise ArchiveError(f"the archive lists a name of more than {_MAX_COMPONENT} bytes: {path!r:.200}")
        for parent in pure.parents:
            if str(parent) in files:
                raise ArchiveError(f"the archive lists {str(parent)!r:.200} as a file and as a folder")


def _changed(file: FoundFile) -> FileChangedError:
    return FileChangedError(f"{file.location} changed after it was hashed; pack it when nothing writes to it")


__all__ = ["ArchiveSource", "Index", "Sink", "encode_index", "read_archive", "read_index"]
