"""Object stores: where sealed models lie. Names to bytes, each object there whole or not at all.

A store is trusted with nothing: not with secrets (what it holds is sealed), nor with integrity (whoever opens what it
holds notices every change). It may lose things, and it knows their sizes and when they were read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from novacron.exceptions import ConfigurationError, CorruptObjectError, InputError, MissingObjectError

MAX_NAME = 200
#: Bytes that stores read and give at a time.
PIECE = 1024 * 1024

_NAME = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)


@dataclass(frozen=True)
class ObjectInfo:
    """An object: its name, its size in bytes, and when it was stored (seconds since 1970, by the store's clock)."""

    name: str
    size: int
    modified: float


class ObjectStore(Protocol):
    """Objects by name. Safe with several threads and processes.

    Every method raises StorageError or StoreError when the store cannot do it, InputError for a malformed name.
    """

    def put(self, name: str, chunks: Iterable[bytes], *, size: int | None = None, resume: bool = False) -> ObjectInfo:
        """Store the bytes of all chunks under a name, in place of what was there; durable when this returns.

        When this raises, also out of `chunks`, the name has what it had before.

        Args:
            size: bytes in all, where known; another number of bytes is refused.
            resume: the same bytes will be offered again after a failure, so keep what has arrived. Without it, nothing
                is left of an upload that failed.

        Raises:
            InputError: fewer or more bytes than `size`.
        """

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start`, `length` of them (None: to the end), in pieces. Fewer where the object ends.

        Raises:
            MissingObjectError: there is none.
            CorruptObjectError: what is stored is not what was put, where the store can tell.
        """

    def stat(self, name: str) -> ObjectInfo | None:
        """What is known of an object, None when there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is one."""

    def delete(self, name: str) -> bool:
        """Remove an object; False when there was none."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose names begin so, in the order of names."""

    def sweep(self, older_than: float) -> int:
        """Remove what failed uploads of more than so many seconds ago have left; returns how many things."""

    def close(self) -> None:
        """Release files and connections."""


def check_object_name(name: str) -> str:
    """The name, of letters, digits, `.`, `_`, `-`, parted by `/`. Raises InputError."""
    plain = isinstance(name, str) and len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None
    if not plain or {".", ".."} & set(name.split("/")):
        raise InputError(
            f"{name!r:.80} is no name of an object: letters, digits, '.', '_', '-', parted by '/', at most {MAX_NAME}"
        )
    return name


def check_range(start: int, length: int | None) -> None:
    """Refuse (InputError) a range that begins or has less than nothing."""
    if start < 0 or (length is not None and length < 0):
        raise InputError(f"no range of {length} bytes from {start}")


def counted(chunks: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    """The chunks; raises InputError where they are not `size` bytes, before the last of them is given."""
    done = 0
    held: bytes | None = None
    for chunk in chunks:
        if held is not None:
            yield held
        held = chunk
        done += len(chunk)
        if size is not None and done > size:
            raise InputError(f"more than the {size} bytes that were announced")
    if size is not None and done != size:
        raise InputError(f"{done} bytes instead of the {size} that were announced")
    if held is not None:
        yield held


def in_parts(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The chunks as parts of `size` bytes, the last one of fewer."""
    buffer = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            taken = min(size - len(buffer), len(view))
            buffer += view[:taken]
            view = view[taken:]
            if len(buffer) == size:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


def read_object(store: ObjectStore, name: str, limit: int) -> bytes:
    """A small object as a whole.

    Raises:
        MissingObjectError: there is none.
        CorruptObjectError: it is larger than `limit` bytes, which nothing of this kind is.
    """
    data = bytearray()
    for piece in store.get(name, 0, limit + 1):
        data += piece
        if len(data) > limit:  # at once: a store may give more than it was asked for, without an end
            raise CorruptObjectError(f"{name} in {store!r} has more than {limit} bytes; it is not what its name says")
    return bytes(data)


def missing(store: ObjectStore, name: str) -> MissingObjectError:
    """The error for an object that is not there."""
    return MissingObjectError(f"{name} is not in {store!r}")


def open_object_store(location: str, environ: Mapping[str, str]) -> ObjectStore:
    """The store at a location: a folder, or `s3://bucket/prefix` (see `S3ObjectStore.from_environment`).

    Raises:
        ConfigurationError: a malformed location, or credentials that are missing.
        StorageError, StoreError: the folder cannot be one.
    """
    # Imported here: boto3 takes a third of a second, and most stores are folders.
    if location.startswith("s3://"):
        try:
            from novacron.models.stores_s3 import S3ObjectStore
        except ImportError as error:
            raise ConfigurationError(f"{location} needs boto3, which is not installed (pip install boto3)") from error
        return S3ObjectStore.from_environment(location, environ)
    from novacron.models.stores_local import LocalObjectStore

    return LocalObjectStore(Path(location))


__all__ = ["ObjectInfo", "ObjectStore", "check_object_name", "open_object_store", "read_object"]
