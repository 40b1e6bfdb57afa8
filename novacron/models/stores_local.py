"""The local object store: a folder, addressed by content.

    store/
      novacron-objects  marks the folder as such a store
      lock              flock: shared by everybody who writes, exclusive for the collector
      drafts/           objects being written
      objects/3f/3f…    contents, named by their SHA-256 in hexadecimal
      names/a+b         which content the name a/b has now

Content is written to a draft, synced and renamed; the name is written after that, atomically. A crash leaves drafts
and content without a name, which count for nothing and are collected. A full read is hashed: damage is an error, never
data.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from novacron.atomic import write_atomically
from novacron.exceptions import CorruptObjectError, StorageError, StoreBusyError
from novacron.models.background import BackgroundHash
from novacron.models.stores import PIECE, ObjectInfo, check_object_name, check_range, counted, missing
from novacron.stores import sync, translate_errors

_MARK, _FORMAT = "novacron-objects", "novacron object store, version 1\n"
_DIGEST = re.compile("[0-9a-f]{64}")
_DRAFT, _SHARD = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{2}")
_SEPARATOR = "+"  # no name of an object holds one


@dataclass(frozen=True)
class _Pointer:
    """What a name has: the content's digest and size."""

    digest: str
    size: int


class LocalObjectStore:
    """Objects in a local folder. Safe with several threads and processes, not over a network file system."""

    def __init__(self, folder: Path | str, *, timeout: float = 30.0) -> None:
        """Open the store, creating it when the folder is missing or empty.

        Args:
            timeout: seconds to wait while another process collects.

        Raises:
            StorageError: the folder holds something else.
            StoreFullError, StoreError: it cannot be written.
        """
        self.path = Path(folder)
        self._timeout = timeout
        mark = self.path / _MARK
        with translate_errors(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise StorageError(f"{self.path} is not a folder; give the path of the object store's folder")
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not mark.exists():
                strangers = [found.name for found in self.path.iterdir() if not found.name.startswith(f".{_MARK}.")]
                if strangers and not mark.exists():  # asked again: another process may have created it since
                    raise StorageError(
                        f"{self.path} holds files but is no object store (no {_MARK}); give an empty folder"
                    )
                write_atomically(mark, _FORMAT)
            if mark.read_bytes() != _FORMAT.encode():
                raise StorageError(f"{self.path} is an object store of another version; use the NovaCron that made it")
            for name in ("drafts", "names", "objects"):
                (self.path / name).mkdir(exist_ok=True)
                if (self.path / name).is_symlink():  # what is removed there would be removed from somewhere else
                    raise StorageError(f"{self.path / name} is a symbolic link, which no object store has; remove it")
            sync(self.path)
        # A draft there may be somebody's, then the next one to open sweeps. A damaged name is told to who asks for it.
        with contextlib.suppress(StoreBusyError, CorruptObjectError):
            self._collect(None, timeout=0)

    def __repr__(self) -> str:
        return f"LocalObjectStore({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `ObjectStore.get`. A read of the whole object is hashed before its last piece is given."""
        check_range(start, length)
        pointer, handle = self._open(name)
        left = max(0, pointer.size - start if length is None else min(length, pointer.size - start))
        whole = left == pointer.size
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(os.close, handle)
            digest = cleanup.enter_context(BackgroundHash())
            while left:
                with translate_errors(self.path):
                    piece = os.pread(handle, min(PIECE, left), start)
                if not piece:
                    raise self._corrupt(name, pointer)
                start, left = start + len(piece), left - len(piece)
                if whole:
                    digest.update(piece)
                    if not left and digest.digest().hex() != pointer.digest:
                        raise self._corrupt(name, pointer)
                yield piece

    def _open(self, name: str) -> tuple[_Pointer, int]:
        pointer = self._pointer(name)
        while pointer is not None:
            path = self._content(pointer.digest)
            with translate_errors(path):
                try:
                    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                except FileNotFoundError:
                    again = self._pointer(name)  # replaced and collected between the two reads, or really lost
                    if again == pointer:
                        raise self._corrupt(name, pointer) from None
                    pointer = again
                    continue
                if os.fstat(handle).st_size != pointer.size:
                    os.close(handle)
                    raise self._corrupt(name, pointer)
                return pointer, handle
        raise missing(self, name)

    def stat(self, name: str) -> ObjectInfo | None:
        """See `ObjectStore.stat`."""
        pointer = self._pointer(name)
        if pointer is None:
            return None
        with translate_errors(self.path):
            try:
                modified = self._name_file(name).stat().st_mtime
            except FileNotFoundError:
                return None
        return ObjectInfo(name, pointer.size, modified)

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`."""
        return self._pointer(name) is not None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        with translate_errors(self.path):
            names = sorted(self._name_of(path) for path in (self.path / "names").iterdir() if path.name[0] != ".")
        for name in names:
            info = self.stat(name) if name.startswith(prefix) else None
            if info is not None:
                yield info

    # -- writing ------------------------------------------------------------------------------------------------------

    def put(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        size: int | None = None,
        resume: bool = False,  # noqa: ARG002  # the protocol's
    ) -> ObjectInfo:
        """See `ObjectStore.put`. There is nothing to resume: what was written here is written again as fast."""
        target = self._name_file(check_object_name(name))
        with self._lock(fcntl.LOCK_SH, self._timeout):
            digest, length = self._write(counted(chunks, size))
            replaced = self._readable_pointer(name)
            write_atomically(target, json.dumps({"sha256": digest, "size": length}) + "\n")
        if replaced is not None and replaced.digest != digest:
            self._free(replaced)
        return ObjectInfo(name, length, time.time())

    def _write(self, chunks: Iterator[bytes]) -> tuple[str, int]:
        draft = self.path / "drafts" / uuid.uuid4().hex
        length = 0
        with contextlib.ExitStack() as cleanup:
            digest = cleanup.enter_context(BackgroundHash())
            with translate_errors(self.path):
                file = cleanup.enter_context(open(draft, "xb", buffering=0))  # noqa: PTH123  # Path.open cannot be raw
            cleanup.callback(draft.unlink, missing_ok=True)
            for chunk in chunks:  # what the source raises is its own
                digest.update(chunk)
                with translate_errors(self.path):
                    view = memoryview(chunk)
                    while view:
                        view = view[file.write(view) :]
                length += len(chunk)
            name = digest.digest().hex()
            target = self._content(name)
            with translate_errors(self.path):
                os.fsync(file.fileno())
                target.parent.mkdir(exist_ok=True)
                draft.replace(target)  # also over a damaged one: putting content again heals it
                sync(target.parent)
                sync(target.parent.parent)
        return name, length

    def delete(self, name: str) -> bool:
        """See `ObjectStore.delete`. The content goes too, unless another name has it or somebody writes just now."""
        path = self._name_file(name)
        pointer = self._readable_pointer(name)
        with translate_errors(self.path):
            there = path.exists()
            path.unlink(missing_ok=True)
            sync(self.path / "names")
        if pointer is not None:
            self._free(pointer)
        return there

    def sweep(self, older_than: float = 0.0) -> int:  # noqa: ARG002  # the protocol's
        """See `ObjectStore.sweep`. Nobody writes meanwhile, so age does not matter here.

        Raises:
            StoreBusyError: somebody writes.
            CorruptObjectError: a name is damaged; what it had may be anything, so nothing is removed. Delete that name.
        """
        return self._collect(None, timeout=self._timeout)

    def _free(self, pointer: _Pointer) -> None:
        with contextlib.suppress(StoreBusyError, CorruptObjectError):  # then a later sweep does it
            self._collect(pointer.digest, timeout=0)

    def _collect(self, only: str | None, *, timeout: float) -> int:
        """Remove the content that no name has (`only` this one), and, with None, the drafts."""
        removed = 0
        with self._lock(fcntl.LOCK_EX, timeout), translate_errors(self.path):
            names = [self._name_of(path) for path in (self.path / "names").iterdir() if path.name[0] != "."]
            kept = {pointer.digest for pointer in map(self._pointer, names) if pointer is not None}
            if only is not None:
                path = self._content(only)
                if only not in kept and not path.parent.is_symlink():
                    path.unlink(missing_ok=True)
                return 0
            leftovers = [path for path in (self.path / "names").iterdir() if path.name[0] == "."]
            # Only what this store would have named so, in folders of its own; a stranger's file is left alone.
            leftovers += [path for path in (self.path / "drafts").iterdir() if _DRAFT.fullmatch(path.name)]
            for folder in (self.path / "objects").iterdir():
                if _SHARD.fullmatch(folder.name) and not folder.is_symlink():
                    leftovers += [p for p in folder.iterdir() if _DIGEST.fullmatch(p.name) and p.name not in kept]
            for path in leftovers:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    # -- files --------------------------------------------------------------------------------------------------------

    def _content(self, digest: str) -> Path:
        return self.path / "objects" / digest[:2] / digest

    def _name_file(self, name: str) -> Path:
        return self.path / "names" / check_object_name(name).replace("/", _SEPARATOR)

    @staticmethod
    def _name_of(path: Path) -> str:
        return path.name.replace(_SEPARATOR, "/")

    def _pointer(self, name: str) -> _Pointer | None:
        path = self._name_file(name)
        with translate_errors(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            read = json.loads(data)
            pointer = _Pointer(read["sha256"], read["size"])
            sound = _DIGEST.fullmatch(pointer.digest) is not None and type(pointer.size) is int and pointer.size >= 0
        except (ValueError, TypeError, KeyError):
            sound = False
        if not sound:
            raise CorruptObjectError(f"{path} is damaged: it names no content; put the object again")
        return pointer

    def _readable_pointer(self, name: str) -> _Pointer | None:
        """For who is about to replace or delete the name: a damaged one is mended so."""
        try:
            return self._pointer(name)
        except CorruptObjectError:
            return None

    def _corrupt(self, name: str, pointer: _Pointer) -> CorruptObjectError:
        return CorruptObjectError(
            f"{name} in {self!r} is corrupt: its content {pointer.digest} is missing or damaged; put it again"
        )

    @contextlib.contextmanager
    def _lock(self, kind: int, timeout: float) -> Iterator[None]:
        deadline = time.monotonic() + timeout
        with translate_errors(self.path):
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                with translate_errors(self.path):
                    try:
                        fcntl.flock(handle, kind | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        pass
                if time.monotonic() >= deadline:
                    doing = "collects" if kind == fcntl.LOCK_SH else "writes"
                    raise StoreBusyError(f"{self!r} is busy: another one {doing}; repeat later")
                time.sleep(0.02)
            yield
        finally:
            os.close(handle)


__all__ = ["LocalObjectStore"]
