"""Writing a fetched model: beside its target, renamed when complete. What a crash left is removed by the next fetch."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from novacron.exceptions import InputError, StoreBusyError, StoreFullError
from novacron.models.archive import Index
from novacron.models.pickles import Inspector
from novacron.provenance.manifest import FileEntry
from novacron.stores import sync, translate_errors


class Verification:
    """Takes the contents of an archive, which the reader hashes, and keeps only what looks like pickled objects.

    Attributes:
        findings: path → what was found. containers: paths of archives, which are yet to be looked into.
    """

    def __init__(self) -> None:
        self.findings: dict[str, str] = {}
        self.containers: set[str] = set()
        self._path = ""
        self._inspector = Inspector()

    def start(self, index: Index) -> None:
        """The index was accepted."""

    def begin(self, entry: FileEntry) -> None:
        """See `Sink`."""
        self._path, self._inspector = entry.path, Inspector()

    def write(self, data: memoryview) -> None:
        """See `Sink`."""
        self._inspector.write(data)

    def end(self) -> None:
        """See `Sink`."""
        reason = self._inspector.reason()
        if reason is not None:
            self.findings[self._path] = reason
        elif self._inspector.is_container():
            self.containers.add(self._path)


class Output:
    """Takes the contents of an archive into a draft beside the target. Use as a context manager; `publish` at the end.

    The draft, `.<target>.novacron-fetch`, is a folder that only its owner may enter; the lock on it says that its
    process lives.
    """

    def __init__(self, target: Path) -> None:
        """Raises InputError: the target exists, or cannot be there."""
        if target.name in ("", ".."):
            raise InputError(f"{str(target)!r} is no place for a model; give the path of a new file or folder")
        self._target = target
        self._draft = target.with_name(f".{target.name}.novacron-fetch")
        self._content = self._draft / "model"
        self._handle = -1
        self._file = -1
        self._folders: set[Path] = set()
        self._is_file = False

    def __enter__(self) -> Self:
        target = self._target
        if not target.parent.is_dir():
            raise InputError(f"the folder {target.parent} does not exist; make it, or give another target")
        self._expect_free()
        with translate_errors(self._draft):
            with contextlib.suppress(FileExistsError):
                self._draft.mkdir(mode=0o700)
            self._handle = os.open(self._draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken = self._draft.stat().st_ino == os.fstat(self._handle).st_ino
            except (BlockingIOError, FileNotFoundError):
                taken = False
            if not taken:
                os.close(self._handle)
                raise StoreBusyError(f"another process fetches to {target}; wait until it has finished")
            status = os.fstat(self._handle)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                os.close(self._handle)
                raise InputError(f"{self._draft} was made by somebody else, who could read the model; remove it")
            self._empty()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)
        with contextlib.suppress(OSError):  # what stays is in the draft's folder, and the next fetch removes it
            self._empty()
            self._draft.rmdir()
        os.close(self._handle)

    def _empty(self) -> None:
        for path in self._draft.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _expect_free(self) -> None:
        if os.path.lexists(self._target):
            raise InputError(f"{self._target} exists; remove it or give another target: nothing is overwritten")

    def start(self, index: Index) -> None:
        """The index was accepted; its paths were checked by the reader."""
        self._is_file = index.is_file
        with translate_errors(self._target):
            free = shutil.disk_usage(self._draft).free
            if not index.is_file:
                self._mkdir(self._content)
        if free < index.manifest.size:
            raise StoreFullError(
                f"the model has {index.manifest.size} bytes and {self._target.parent} has room for {free}; free space"
            )

    def begin(self, entry: FileEntry) -> None:
        """See `Sink`."""
        path = self._content if self._is_file else self._content / entry.path
        with translate_errors(self._target):
            self._mkdir(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)

    def write(self, data: memoryview) -> None:
        """See `Sink`. Raises StoreFullError, StoreError."""
        with translate_errors(self._target):
            while data:
                data = data[os.write(self._file, data) :]

    def end(self) -> None:
        """See `Sink`."""
        with translate_errors(self._target):
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    @property
    def content(self) -> Path:
        """What was written, before it is published."""
        return self._content

    def publish(self) -> None:
        """Let the target be what was written. Raises InputError: something is there by now."""
        with translate_errors(self._target):
            for folder in sorted(self._folders):
                sync(folder)
            if self._is_file:
                try:
                    os.link(self._content, self._target)  # unlike a rename, it never replaces what is there
                except FileExistsError:
                    self._expect_free()
                    raise
            else:
                self._expect_free()
                self._content.rename(self._target)
            sync(self._target.parent)

    def _mkdir(self, folder: Path) -> None:
        if folder in self._folders or folder == self._draft:
            return
        self._mkdir(folder.parent)
        folder.mkdir(mode=0o700)
        self._folders.add(folder)
