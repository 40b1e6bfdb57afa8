"""Finding pickled objects in the files of a model, by content. Nothing here loads, imports or runs what it finds.

A pickle is a program: whoever loads one runs it. Formats that hide pickles (PyTorch's .pt and .pth, joblib, NumPy
object arrays, .npz, compressed or archived ones) are looked into one level deep. This is a rail, not a proof: a file
that shows nothing here may still be code to some program, as a Keras Lambda layer or a script is.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from novacron.exceptions import PickleRefusedError, UnreadableFileError
from novacron.provenance.files import GIT_PATHS, FoundFile, scan

#: Bytes looked at from the beginning of a file or of a member of an archive.
PREFIX = 256 * 1024
#: Members of an archive that are looked at; more than that count as a finding.
MAX_MEMBERS = 10_000
#: Opcodes that must read well before something without a STOP counts as a pickle.
_ENOUGH = 16
#: Protocols 0 and 1 have no mark, and a list of words may read as one: only what names a global and calls counts.
_GLOBAL, _CALL = frozenset({"GLOBAL", "INST"}), frozenset({"REDUCE", "BUILD", "OBJ", "INST"})
_NAME = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*", re.ASCII)
_NPY = b"\x93NUMPY"
_ZIP_END = b"PK\x05\x06"
_TAIL = 65_557  # the end of a zip archive is within so many bytes of the file's


def find_pickles(root: Path, files: Sequence[FoundFile] | None = None) -> list[tuple[str, str]]:
    """The files of the model at `root` that hold pickled objects: pairs of path inside the model and what was found.

    Raises:
        UnreadableFileError, SymlinkError, ManifestError: as `build_manifest`.
    """
    found = scan(root, GIT_PATHS, allow_symlinks=False) if files is None else files
    findings = []
    for file in found:
        try:
            # A link or pipe put there since the scan is neither followed nor waited on.
            handle = os.open(file.location, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as error:
            raise UnreadableFileError(f"cannot open {file.location}: {error.strerror}") from error
        with open(handle, "rb") as stream:  # noqa: PTH123  # a handle, no path
            reason = inspect(stream)
        if reason is not None:
            findings.append((file.relative, reason))
    return findings


def refuse_pickles(findings: Sequence[tuple[str, str]]) -> None:
    """Raise PickleRefusedError when there are any."""
    if findings:
        path, reason = findings[0]
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        raise PickleRefusedError(
            f"{path!r:.200} holds {reason}{more}: loading it runs code. Save the model as safetensors, or allow "
            "pickles explicitly to keep it as opaque bytes",
            findings,
        )


def inspect(file: IO[bytes]) -> str | None:
    """What pickled objects a seekable file holds, None when none were found. Its position is anywhere afterwards."""
    inspector = Inspector()
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    inspector.write(_read(file, PREFIX))
    if size > PREFIX:
        file.seek(max(PREFIX, size - _TAIL))
        inspector.write(_read(file, _TAIL))
    return inspector.reason() or (inspect_container(file) if inspector.is_container() else None)


class Inspector:
    """Looks at one file as it goes by, keeping its beginning and its end."""

    def __init__(self) -> None:
        self._prefix = bytearray()
        self._tail = b""

    def write(self, data: bytes | memoryview) -> None:
        """The file's next bytes."""
        if len(self._prefix) < PREFIX:
            self._prefix += data[: PREFIX - len(self._prefix)]
        self._tail = (self._tail + bytes(data[-_TAIL:]))[-_TAIL:]

    def reason(self) -> str | None:
        """What pickled objects the beginning shows."""
        return _inspect_prefix(bytes(self._prefix))

    def is_container(self) -> bool:
        """Whether it may be an archive, for `inspect_container` to look into."""
        return self._prefix[:4] == b"PK\x03\x04" or _ZIP_END in self._tail or self._prefix[257:262] == b"ustar"


def inspect_container(file: IO[bytes]) -> str | None:
    """What pickled objects the members of a zip or tar archive hold."""
    return _inspect_zip(file) or _inspect_tar(file)


def _inspect_zip(file: IO[bytes]) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MAX_MEMBERS:
                return f"a zip archive of more than {MAX_MEMBERS} members, which are not looked into"
            for member in archive.infolist():
                name = member.filename
                if name.rpartition("/")[2] == "data.pkl":  # as torch.save names it
                    return f"a PyTorch archive with the pickle {name!r:.200}"
                if member.flag_bits & 1:
                    return f"the encrypted member {name!r:.200} of a zip archive, which nobody can look into"
                with archive.open(member) as stream:
                    reason = _inspect_prefix(_read(stream, PREFIX))
                if reason is not None:
                    return f"a zip archive whose member {name!r:.200} holds {reason}"
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError):
        return None  # no archive, after all, that the standard library would open
    except (NotImplementedError, RuntimeError):
        return "a zip archive with a member that cannot be looked into"
    return None


def _inspect_tar(file: IO[bytes]) -> str | None:
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for number, member in enumerate(archive):
                if number == MAX_MEMBERS:
                    return f"a tar archive of more than {MAX_MEMBERS} members, which are not looked into"
                stream = archive.extractfile(member) if member.isreg() else None
                reason = None if stream is None else _inspect_prefix(_read(stream, PREFIX))
                if reason is not None:
                    return f"a tar archive whose member {member.name!r:.200} holds {reason}"
    except (tarfile.TarError, EOFError, ValueError, OSError):
        return None
    return None


def _inspect_prefix(data: bytes) -> str | None:
    """What pickled objects begin with these bytes, also when they are compressed."""
    reason = _inspect_bytes(data)
    if reason is not None:
        return reason
    for what, plain in _decompressed(data):
        reason = _inspect_bytes(plain)
        if reason is not None:
            return f"{reason} ({what})"
    return None


def _inspect_bytes(data: bytes) -> str | None:
    if data.startswith(_NPY):
        return "a NumPy array of pickled objects" if _is_object_array(data) else None
    if len(data) >= 2 and data[0] == 0x80 and 2 <= data[1] <= 5:
        return f"a pickle (protocol {data[1]})" if _reads_as_pickle(data) else None
    return "a pickle (protocol 0 or 1)" if _calls_as_pickle(data) else None


def _reads_as_pickle(data: bytes) -> bool:
    """Whether opcodes follow the mark of protocol 2 and above."""
    count = 0
    try:
        for opcode, _, _ in pickletools.genops(io.BytesIO(data)):
            count += 1
            if opcode.name == "STOP" or count == _ENOUGH:
                return True
    except (ValueError, UnicodeError, OverflowError) as error:
        return count > 0 and _ran_out(data, error)
    return False


def _calls_as_pickle(data: bytes) -> bool:
    """Whether the bytes read as a pickle without a mark that names a global and calls it."""
    named = called = False
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            named |= opcode.name in _GLOBAL and _NAME.fullmatch(str(argument)) is not None
            called |= opcode.name in _CALL
            if opcode.name == "STOP":
                return named and called
    except (ValueError, UnicodeError, OverflowError) as error:
        return named and called and _ran_out(data, error)
    return False


def _ran_out(data: bytes, error: Exception) -> bool:
    """Whether reading stopped at the end of what was taken of a file, rather than at an opcode that is none."""
    return len(data) == PREFIX and "unknown" not in str(error)


def _is_object_array(data: bytes) -> bool:
    """Whether the header of a .npy file names a type with Python objects, also as a field of a structure."""
    header = data[8:PREFIX].split(b"\n", 1)[0]
    return re.search(rb"['\"][|<>=]?O[0-9]*['\"]", header) is not None


def _decompressed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The beginning of what these bytes are compressed from, at most `PREFIX` bytes of it."""
    try:
        if data.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
            yield "compressed by zlib", zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, PREFIX)
        elif data.startswith(b"BZh"):
            yield "compressed by bzip2", bz2.BZ2Decompressor().decompress(data, PREFIX)
        elif data.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
            yield "compressed by LZMA", lzma.LZMADecompressor().decompress(data, PREFIX)
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        return


def _read(stream: IO[bytes], count: int) -> bytes:
    """Up to `count` bytes; a raw file gives fewer at a time."""
    parts: list[bytes] = []
    while count and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


__all__ = ["Inspector", "find_pickles", "inspect", "inspect_container", "refuse_pickles"]
