"""Content identifiers: CID version 1 (github.com/multiformats/cid) with SHA-256, of a raw or a dag-pb block.

One content has one identifier, in one binary and one text form: everything else that CIDs could express (version 0,
other hashes, the identity hash that carries its content, other codecs, other alphabets) is refused. So 32 bytes on
chain suffice to find a block: they are the digest of a RAW block, `Cid.from_digest(digest)`.

Why none of the packages on PyPI is used: `docs/storage.md`.
"""

from __future__ import annotations

import base64
import binascii
import enum
from dataclasses import dataclass

from novacron.exceptions import InvalidCidError, InvalidDigestError
from novacron.provenance.digest import parse_digest, sha256

#: Bytes of a CID: version, codec, hash function, digest length, digest.
SIZE = 36
#: Characters of a CID as text: the multibase prefix and 36 bytes in base32.
TEXT_SIZE = 59

_VERSION = 0x01
_SHA2_256 = 0x12
_IDENTITY = 0x00
_BASE32 = "b"


class Codec(enum.IntEnum):
    """What a block is (multicodec table); all codes here are varints of one byte."""

    RAW = 0x55
    DAG_PB = 0x70


@dataclass(frozen=True, slots=True)
class Cid:
    """The identifier of a block. Equal content of equal codec has an equal Cid.

    Attributes:
        digest: SHA-256 of the block, 32 bytes.
        codec: how the block is to be read.
    """

    digest: bytes
    codec: Codec = Codec.RAW

    def __post_init__(self) -> None:
        if not isinstance(self.digest, bytes) or len(self.digest) != 32:
            raise InvalidCidError(f"a CID holds a SHA-256 digest of 32 bytes, got {self.digest!r:.80}")
        if not isinstance(self.codec, Codec):
            raise InvalidCidError(f"the codec of a CID is Codec.RAW or Codec.DAG_PB, got {self.codec!r:.80}")

    @classmethod
    def of(cls, block: bytes, codec: Codec = Codec.RAW) -> Cid:
        """The identifier of a block."""
        return cls(sha256(block), codec)

    @classmethod
    def from_digest(cls, digest: bytes | str, codec: Codec = Codec.RAW) -> Cid:
        """The identifier from a SHA-256 digest: 32 bytes, or 64 hexadecimal digits. On chain: of a RAW block.

        Raises:
            InvalidCidError: no such digest.
        """
        try:
            return cls(parse_digest(digest), codec)
        except InvalidDigestError as error:
            raise InvalidCidError(str(error)) from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """Parse the binary form. Raises InvalidCidError, which says what kind of CID it is instead."""
        if len(data) == SIZE and data[0] == _VERSION and data[2] == _SHA2_256 and data[3] == 32:
            try:
                return cls(bytes(data[4:]), Codec(data[1]))
            except ValueError:
                raise InvalidCidError(
                    f"CID {_shown(data)} has codec {data[1]:#04x}; only raw (0x55) and dag-pb (0x70) are read"
                ) from None
        raise InvalidCidError(f"{_shown(data)} is no CID of this kind: {_fault(bytes(data))}")

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Parse the text form: `b` and 58 characters of lower-case base32. Raises InvalidCidError."""
        if not isinstance(text, str):
            raise InvalidCidError(f"a CID is text such as bafkrei…, got {type(text).__name__}")
        shown = text if len(text) <= 80 else text[:77] + "..."
        if text.startswith("Qm") and len(text) == 46:
            raise InvalidCidError(f"{shown} is a CID of version 0; add the content with --cid-version 1 --raw-leaves")
        if not text.startswith(_BASE32) or text != text.lower():
            raise InvalidCidError(f"{shown!r} is no CID in lower-case base32 (bafkrei… or bafybei…)")
        if len(text) > 4 * TEXT_SIZE:
            raise InvalidCidError(f"{shown!r} is too long for a CID ({len(text)} characters)")
        try:
            data = base64.b32decode(text[1:].upper() + "=" * (-(len(text) - 1) % 8))
        except (binascii.Error, ValueError):
            raise InvalidCidError(f"{shown!r} is no base32") from None
        cid = cls.from_bytes(data)
        if str(cid) != text:  # the last character's unused bits
            raise InvalidCidError(f"{shown!r} is not the canonical text of {cid}; use that")
        return cid

    def __bytes__(self) -> bytes:
        return bytes((_VERSION, self.codec, _SHA2_256, len(self.digest))) + self.digest

    def __str__(self) -> str:
        return _BASE32 + base64.b32encode(bytes(self)).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self})"


def _shown(data: bytes) -> str:
    return f"0x{data[:40].hex()}" + ("…" if len(data) > 40 else "")


def _fault(data: bytes) -> str:
    if data[:2] == b"\x12\x20" and len(data) == 34:
        return "it has version 0; only version 1 is read"
    if len(data) < 4 or data[0] != _VERSION:
        return "it does not start with version 1"
    if data[2] == _IDENTITY:
        return "it uses the identity hash, which proves nothing; only SHA-256 is read"
    if data[2] != _SHA2_256 or data[3] != 32:
        return f"its hash is {data[2]:#04x} of {data[3]} bytes; only SHA-256 (0x12, 32 bytes) is read"
    return f"it has {len(data)} bytes, expected {SIZE}"
