"""The tensors of a model's files, in pieces and without pickle: safetensors, `.npz` and `.npy`.

Every byte of such a file is of a tensor or of its header: a file that ends early, or goes on, is refused, and so is one
whose name promises tensors that are not there. Memory stays bounded by `CHUNK` elements, except for arrays in Fortran
order, which are read whole.
"""

from __future__ import annotations

import json
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from novacron.exceptions import InputError, UnreadableFileError
from novacron.provenance.files import GIT_PATHS, FoundFile, scan

#: Elements read at a time. Part of the embedding's definition: sums are taken over such pieces.
CHUNK = 1 << 18
#: Longest header of a safetensors file, bytes, as its reference implementation has it.
MAX_HEADER = 100_000_000
_NPY = b"\x93NUMPY"
#: What a damaged archive makes zipfile and what it unpacks with raise; RuntimeError: encrypted, or an unknown method.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError, RuntimeError)
#: safetensors' types → NumPy's, little-endian. BF16 is handled apart: NumPy has none.
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2",
}  # fmt: skip

_BOOLEAN = ("?", "|b1")

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        name: its name in the model: the folder of its file, and its own name there.
        shape: sizes of its axes.
    """

    name: str
    shape: tuple[int, ...]
    _kind: str
    _bfloat16: bool
    _fortran: bool
    _open: Opener

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def pieces(self) -> Iterator[NDArray[np.float64]]:
        """Its elements in row-major order, `CHUNK` at a time, as float64.

        Raises:
            UnreadableFileError: the file is damaged, or ends early.
        """
        try:
            yield from self._pieces()
        except (OSError, *_DAMAGED) as error:
            raise UnreadableFileError(f"tensor {self.name!r} is damaged, or its file changed: {error}") from error

    def _pieces(self) -> Iterator[NDArray[np.float64]]:
        kind = np.dtype("u1" if self._kind in _BOOLEAN else self._kind)
        with self._open() as stream:
            left = self.size
            while left:
                count = left if self._fortran else min(left, CHUNK)
                data = stream.read(count * kind.itemsize)
                if len(data) != count * kind.itemsize:
                    raise UnreadableFileError(f"the file of tensor {self.name!r} ends before the tensor does")
                flat = np.frombuffer(data, dtype=kind)
                if self._bfloat16:  # the upper half of a float32
                    flat = (flat.astype(np.uint32) << np.uint32(16)).view(np.float32)
                elif self._kind in _BOOLEAN:  # what another byte than 0 and 1 casts to depends on the platform
                    flat = flat != 0
                if self._fortran:
                    whole = flat.reshape(self.shape, order="F").reshape(-1).astype(np.float64)
                    yield from (whole[at : at + CHUNK] for at in range(0, count, CHUNK))
                else:
                    yield flat.astype(np.float64)
                left -= count


def tensors_of(root: Path) -> list[Tensor]:
    """All tensors of the file or folder at `root`, by name. Other files are passed over.

    Raises:
        InputError: a damaged header, a type without numbers (objects, which are pickles; complex; float8), or two
            tensors of one name.
        UnreadableFileError, SymlinkError, ManifestError: as `build_manifest`.
    """
    found: dict[str, Tensor] = {}
    for file in scan(root, GIT_PATHS, allow_symlinks=False):
        for tensor in _of_file(file):
            if tensor.name in found:
                raise InputError(f"{root} has two tensors named {tensor.name!r}: keep them in different folders")
            found[tensor.name] = tensor
    return [found[name] for name in sorted(found, key=str.encode)]


def _of_file(file: FoundFile) -> Iterator[Tensor]:
    location = Path(file.location)
    folder = PurePosixPath(file.relative).parent.as_posix()
    prefix = "" if folder == "." else f"{folder}/"
    try:
        with location.open("rb") as stream:
            start = stream.read(8)
            if start.startswith(_NPY[:6]):
                stream.seek(0)
                size = location.stat().st_size
                yield _npy(prefix + PurePosixPath(file.relative).stem, stream, location.open, size, location)
            elif location.suffix == ".npz":
                yield from _npz(prefix, location)
            elif location.suffix == ".safetensors":
                yield from _safetensors(prefix, start, stream, location)
            elif location.suffix == ".npy":
                raise InputError(f"{location} does not begin as NumPy's files do: it is damaged")
    except OSError as error:
        raise UnreadableFileError(f"cannot read {location}: {error.strerror}") from error


def _npz(prefix: str, location: Path) -> Iterator[Tensor]:
    try:
        with zipfile.ZipFile(location) as archive:
            for info in archive.infolist():
                member = info.filename
                if not member.endswith(".npy"):
                    raise InputError(f"{location} holds {member!r}: not an archive of NumPy's")
                name, opener = prefix + member.removesuffix(".npy"), _Member(location, member)
                with archive.open(member) as stream:
                    yield _npy(name, stream, opener, info.file_size, location)
    except _DAMAGED as error:
        raise InputError(f"{location} is a damaged archive: {error}") from error


class _Member:
    """Opens a member of an archive, which closes with it."""

    def __init__(self, location: Path, member: str) -> None:
        self.location, self.member = location, member

    def __call__(self, _mode: str = "rb") -> AbstractContextManager[IO[bytes]]:
        with zipfile.ZipFile(self.location) as archive:
            return archive.open(self.member)  # keeps the file open until it is closed itself


def _npy(name: str, stream: IO[bytes], opener: Callable[..., Any], size: int, location: Path) -> Tensor:
    try:
        version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"version {version}")
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        found, fortran, kind = read(stream)
        shape = tuple(map(int, found))
        if min(shape, default=0) < 0:
            raise ValueError(f"shape {shape}")
    except (ValueError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise InputError(f"{location}, array {name!r}: its header is damaged ({error})") from error
    if kind.hasobject:
        raise InputError(f"{location}, array {name!r} holds objects, which are pickles: they are never loaded")
    if kind.kind not in "buif" or kind.itemsize > 8:
        raise InputError(f"{location}, array {name!r} is of type {kind}: give real numbers of at most 64 bits")
    start = stream.tell()
    if start + math.prod(shape) * kind.itemsize != size:
        raise InputError(f"{location}, array {name!r}: {size - start} bytes do not hold {shape} of {kind}")

    def opened() -> AbstractContextManager[IO[bytes]]:
        again: IO[bytes] = opener("rb")
        again.read(start)  # seeking would have zipfile leave out the checksum, from Python 3.12 on
        return again

    return Tensor(name, shape, kind.str, False, fortran and len(shape) > 1, opened)


def _safetensors(prefix: str, start: bytes, stream: IO[bytes], location: Path) -> Iterator[Tensor]:
    """Raises InputError for anything that its specification does not allow."""
    size = location.stat().st_size
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1
    if length > min(MAX_HEADER, size - 8):
        raise InputError(f"{location}: its header is said to have {length} bytes, the file has {size}: it is damaged")
    try:
        header = json.loads(stream.read(length), object_pairs_hook=_without_duplicates)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        spans = sorted((*_offsets(entry), name) for name, entry in entries.items())
        for name in entries:
            name.encode()  # JSON can hold what UTF-8 cannot
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{location}: its header is damaged ({error})") from error
    end = 0
    for begin, stop, name in spans:  # no holes and no overlaps, as its specification demands
        if begin != end or stop < begin:
            raise InputError(f"{location}, tensor {name!r}: its bytes {begin} to {stop} do not follow {end}")
        end = stop
    if end != size - 8 - length:
        raise InputError(f"{location}: its tensors have {end} bytes, the file has {size - 8 - length} of them")
    for begin, stop, name in spans:
        yield _safetensor(prefix + name, entries[name], begin, stop, 8 + length, location)


def _safetensor(name: str, entry: Mapping[str, Any], begin: int, stop: int, base: int, location: Path) -> Tensor:
    kind, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise InputError(f"{location}, tensor {name!r} is of type {kind!r}: give one of {', '.join(_TYPES)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise InputError(f"{location}, tensor {name!r}: its shape is {shape!r}")
    if math.prod(shape) * np.dtype(_TYPES[kind]).itemsize != stop - begin:
        raise InputError(f"{location}, tensor {name!r}: {stop - begin} bytes do not hold {shape} of {kind}")

    def opened() -> AbstractContextManager[IO[bytes]]:
        stream = location.open("rb")
        stream.seek(base + begin)
        return stream

    return Tensor(name, tuple(shape), _TYPES[kind], kind == "BF16", False, opened)


def _offsets(entry: Mapping[str, Any]) -> tuple[int, int]:
    begin, stop = entry["data_offsets"]
    if type(begin) is not int or type(stop) is not int:
        raise TypeError(f"offsets {begin!r} and {stop!r}")
    return begin, stop


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
