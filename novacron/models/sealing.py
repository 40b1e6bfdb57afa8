"""Streaming authenticated encryption: a payload of any size, and a header apart from it.

The payload is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over AES-256-GCM, as age uses it: the
nonce of a chunk is its number and whether it is the last, so a chunk that is changed, dropped, repeated, moved or added
does not authenticate. The header holds what is needed to open it, wrapped for each recipient, under a MAC. Since it is
an object of its own, recipients change without a byte of the payload. docs/models-storage.md has both byte by byte.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from novacron.exceptions import InputError, NotARecipientError, SealError, SealFormatError, SealTamperedError
from novacron.models.background import BackgroundHash
from novacron.models.recipients import (
    KEY_SIZE,
    MAX_RECIPIENTS,
    SALT_SIZE,
    STANZA_SIZE,
    TAG_SIZE,
    FileKey,
    Stanza,
    check_recipients,
)
from novacron.quantum.keys import EncryptionKey, RecipientKey

MAGIC = b"NOVASEAL"
VERSION = 1
SUITE = 1  # ML-KEM-1024, HKDF-SHA-256, HMAC-SHA-256, AES-256-GCM

#: Plaintext bytes of a chunk. Speed is the same from 256 KiB to 4 MiB; a chunk is what a range read costs at least.
CHUNK_SIZE = 1024 * 1024
MAX_CHUNK_SIZE = 64 * 1024 * 1024
MAX_SIZE = 1 << 50

_FIXED = struct.Struct(">8sBBHIQ32s32s")
_MAC_SIZE = 32
FIXED_SIZE = _FIXED.size
MAX_HEADER_SIZE = FIXED_SIZE + MAX_RECIPIENTS * STANZA_SIZE + _MAC_SIZE


class Source(Protocol):
    """What plaintext is read from: an open file, `io.BytesIO`, an `ArchiveSource`."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer with up to its length of bytes; 0 at the end."""


@dataclass(frozen=True)
class SealedHeader:
    """What opens a payload: for whom, how it is cut, and how large it is.

    Attributes:
        chunk_size: plaintext bytes of each chunk but the last.
        size: plaintext bytes in all.
        salt: 32 random bytes, also the payload's name.
        payload_digest: SHA-256 of the payload's bytes, so that a copy can be checked without a key.
        stanzas: one for each recipient. mac: under the file key, over all before it.
    """

    chunk_size: int
    size: int
    salt: bytes
    payload_digest: bytes
    stanzas: tuple[Stanza, ...]
    mac: bytes

    @property
    def recipients(self) -> tuple[bytes, ...]:
        """Ids of the keys that open it."""
        return tuple(stanza.key_id for stanza in self.stanzas)

    @property
    def chunks(self) -> int:
        """How many chunks the payload has; an empty one has one."""
        return max(1, -(-self.size // self.chunk_size))

    @property
    def payload_size(self) -> int:
        """Bytes of the payload."""
        return sealed_size(self.size, self.chunk_size)

    @property
    def id(self) -> bytes:
        """SHA-256 of the encoded header."""
        return hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """The header's bytes."""
        return self._authenticated() + self.mac

    def _authenticated(self) -> bytes:
        count = len(self.stanzas)
        fixed = _FIXED.pack(MAGIC, VERSION, SUITE, count, self.chunk_size, self.size, self.salt, self.payload_digest)
        return fixed + b"".join(stanza.encode() for stanza in self.stanzas)

    @classmethod
    def decode(cls, data: bytes) -> SealedHeader:
        """Read what `encode` made. Only `open` shows whether it was altered.

        Raises:
            SealFormatError: no header, of another version, or malformed.
        """
        if len(data) < FIXED_SIZE or not data.startswith(MAGIC):
            raise SealFormatError(f"this is no header of sealed data ({len(data)} bytes)")
        _, version, suite, count, chunk_size, size, salt, digest = _FIXED.unpack_from(data)
        if (version, suite) != (VERSION, SUITE):
            raise SealFormatError(
                f"the header is of version {version}, suite {suite}; this NovaCron reads {VERSION} and {SUITE}"
            )
        if not 1 <= count <= MAX_RECIPIENTS or not 1 <= chunk_size <= MAX_CHUNK_SIZE or size > MAX_SIZE:
            raise SealFormatError(f"the header is malformed: {count} recipients, chunks of {chunk_size}, size {size}")
        end = FIXED_SIZE + count * STANZA_SIZE
        if len(data) != end + _MAC_SIZE:
            raise SealFormatError(
                f"a header for {count} recipients has {end + _MAC_SIZE} bytes, this one has {len(data)}"
            )
        stanzas = tuple(
            Stanza.decode(data[start : start + STANZA_SIZE]) for start in range(FIXED_SIZE, end, STANZA_SIZE)
        )
        if len({stanza.key_id for stanza in stanzas}) != count:
            raise SealFormatError("the header names a recipient twice")
        return cls(chunk_size, size, salt, digest, stanzas, data[end:])

    def open(self, key: EncryptionKey) -> FileKey:
        """The payload's key.

        Raises:
            NotARecipientError: sealed for others.
            SealTamperedError: the header is not what its maker wrote.
        """
        stanza = next((stanza for stanza in self.stanzas if stanza.key_id == key.key_id), None)
        if stanza is None:
            raise NotARecipientError(
                f"sealed for {len(self.stanzas)} other key(s), not for {key.key_id.hex()}; ask a recipient to re-key it"
            )
        file_key = stanza.unwrap(self.salt, key)
        if not hmac.compare_digest(file_key.mac(self.salt, self._authenticated()), self.mac):
            raise SealTamperedError("the header was altered: its MAC does not fit; get it again")
        return file_key


def sealed_size(size: int, chunk_size: int = CHUNK_SIZE) -> int:
    """Bytes of the payload for so many bytes of plaintext."""
    return size + TAG_SIZE * max(1, -(-size // chunk_size))


class Sealer:
    """Seals one stream. Take `chunks` to its end, then the `header`."""

    def __init__(self, recipients: Sequence[RecipientKey], *, chunk_size: int = CHUNK_SIZE) -> None:
        """Args: `recipients`: who may open it. `chunk_size`: bytes; memory used is about four times that.

        Raises:
            InputError: no recipient, one twice, or a chunk size out of bounds.
        """
        if not 1 <= chunk_size <= MAX_CHUNK_SIZE:
            raise InputError(f"a chunk has 1 to {MAX_CHUNK_SIZE} bytes, got {chunk_size}")
        self._recipients, self._chunk_size = check_recipients(recipients), chunk_size
        self.salt = secrets.token_bytes(SALT_SIZE)
        self._key = FileKey(secrets.token_bytes(KEY_SIZE))
        self._size = 0
        self._digest: bytes | None = None
        self._begun = False

    def chunks(self, source: Source) -> Iterator[bytes]:
        """The payload, chunk by chunk. Once only: a key never encrypts two streams.

        Raises:
            InputError: called twice, or more than `MAX_SIZE` bytes.
        """
        if self._begun:
            raise InputError("this sealer was used; make another one for another stream")
        self._begun = True
        return self._chunks(source)

    def _chunks(self, source: Source) -> Iterator[bytes]:
        cipher = _cipher(self._key, self.salt, self._chunk_size)
        buffers = [memoryview(bytearray(self._chunk_size)) for _ in range(2)]
        with BackgroundHash() as digest:
            length, number = _fill(source, buffers[0]), 0
            while True:
                following = _fill(source, buffers[1]) if length == self._chunk_size else 0
                chunk = cipher.encrypt(_nonce(number, last=not following), buffers[0][:length], None)
                self._size += length
                if self._size > MAX_SIZE:
                    raise InputError(f"at most {MAX_SIZE} bytes are sealed as one")
                digest.update(chunk)
                yield chunk
                if not following:
                    break
                buffers.reverse()
                length, number = following, number + 1
            self._digest = digest.digest()

    def header(self) -> SealedHeader:
        """The header of what was sealed. Raises SealError when the stream has not ended."""
        if self._digest is None:
            raise SealError("the stream has not been sealed to its end; take all its chunks first")
        bare = SealedHeader(self._chunk_size, self._size, self.salt, self._digest, (), b"")
        return _addressed(bare, self._key, self._recipients)


def rekey(header: SealedHeader, key: EncryptionKey, recipients: Sequence[RecipientKey]) -> SealedHeader:
    """A header of the same payload for other recipients, made by one of the present ones.

    It cannot take anything back: who could open the old header may have kept it, the file key or the plaintext. To keep
    somebody out of what is to come, seal that anew.

    Raises:
        NotARecipientError, SealTamperedError: as `SealedHeader.open`.
        InputError: no recipient, or one twice.
    """
    checked = check_recipients(recipients)
    return _addressed(header, header.open(key), checked)


def unseal(header: SealedHeader, key: FileKey, payload: Iterable[bytes]) -> Iterator[memoryview]:
    """The plaintext, chunk by chunk, each one authenticated before it is given.

    That all of it was there is known only when the iteration has ended without an error. A chunk is valid until the
    next one is asked for.

    Raises:
        SealTamperedError: altered, truncated, extended, repeated or reordered.
    """
    cipher = _cipher(key, header.salt, header.chunk_size)
    sealed = memoryview(bytearray(header.chunk_size + TAG_SIZE))
    plain = memoryview(bytearray(header.chunk_size))
    pieces = _Pieces(payload)
    for number in range(header.chunks):
        length = _chunk_length(header, number)
        got = pieces.fill(sealed[: length + TAG_SIZE])
        if got < length + TAG_SIZE:
            raise SealTamperedError(
                f"the payload is truncated: it ends in chunk {number} of {header.chunks}; get it again"
            )
        yield _decrypt(cipher, header, number, sealed[: length + TAG_SIZE], plain[:length])
    if pieces.fill(sealed[:1]):
        raise SealTamperedError(f"the payload goes on after its last chunk, number {header.chunks - 1}; get it again")


class SealedView(io.RawIOBase):
    """The plaintext as a seekable file, read a chunk at a time. Says nothing about the chunks that it has not read."""

    def __init__(
        self, header: SealedHeader, key: FileKey, fetch: Callable[[int, int], bytes], start: int = 0, size: int = -1
    ) -> None:
        """Args: `fetch(start, length)` gives bytes of the payload; `start`, `size`: the part of the plaintext to show.

        Raises (from `read` too):
            SealTamperedError: a chunk does not authenticate.
        """
        super().__init__()
        self._header, self._fetch = header, fetch
        self._cipher = _cipher(key, header.salt, header.chunk_size)
        self._start, self._size = start, header.size - start if size < 0 else size
        self._position = 0
        self._held: tuple[int, memoryview] | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As every file's. Raises ValueError for a position before the beginning."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"no position {origin + offset}")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the stubs' Buffer is 3.12's
        """As every raw file's: up to the end of a chunk."""
        number, offset = divmod(self._start + self._position, self._header.chunk_size)
        wanted = min(len(buffer), self._size - self._position, self._header.chunk_size - offset)
        if wanted <= 0:
            return 0
        piece = self._chunk(number)[offset : offset + wanted]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _chunk(self, number: int) -> memoryview:
        if self._held is None or self._held[0] != number:
            length = _chunk_length(self._header, number)
            begin = number * (self._header.chunk_size + TAG_SIZE)
            sealed = self._fetch(begin, length + TAG_SIZE)
            plain = memoryview(bytearray(length))
            self._held = number, _decrypt(self._cipher, self._header, number, memoryview(sealed), plain)
        return self._held[1]


class _Pieces:
    """Pieces of any size, taken as chunks of known size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def fill(self, buffer: memoryview) -> int:
        """Fill the buffer; fewer bytes only at the end."""
        done = 0
        while done < len(buffer):
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
                continue
            taken = min(len(buffer) - done, len(self._rest))
            buffer[done : done + taken] = self._rest[:taken]
            self._rest = self._rest[taken:]
            done += taken
        return done


def _addressed(header: SealedHeader, key: FileKey, recipients: Sequence[RecipientKey]) -> SealedHeader:
    stanzas = tuple(key.wrap(header.salt, recipient) for recipient in recipients)
    bare = replace(header, stanzas=stanzas, mac=b"")
    return replace(bare, mac=key.mac(header.salt, bare.encode()))


def _cipher(key: FileKey, salt: bytes, chunk_size: int) -> AESGCM:
    return AESGCM(key.derive(salt, b"payload" + chunk_size.to_bytes(4, "big")))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _chunk_length(header: SealedHeader, number: int) -> int:
    return min(header.chunk_size, header.size - number * header.chunk_size)


def _decrypt(cipher: AESGCM, header: SealedHeader, number: int, sealed: memoryview, plain: memoryview) -> memoryview:
    try:
        cipher.decrypt_into(_nonce(number, last=number == header.chunks - 1), sealed, None, plain)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a tag
        raise SealTamperedError(
            f"chunk {number} of {header.chunks} does not authenticate: altered, or not in its place; get it again"
        ) from None
    return plain


def _fill(source: Source, buffer: memoryview) -> int:
    """Read until the buffer is full or the source ends; pipes and archives give less than asked for."""
    done = 0
    while done < len(buffer):
        got = source.readinto(buffer[done:])
        if not got:
            break
        done += got
    return done


__all__ = ["CHUNK_SIZE", "SealedHeader", "SealedView", "Sealer", "Source", "rekey", "sealed_size", "unseal"]
