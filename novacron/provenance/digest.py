"""Digests as this package passes them around, and the canonical JSON that they are taken over."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import rfc8785

from novacron.exceptions import InputError, InvalidDigestError

DIGEST_SIZE = 32  # bytes of a SHA-256 or Keccak-256 digest

_HEX_DIGEST = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})", re.ASCII)


def parse_digest(value: str | bytes) -> bytes:
    """The 32 bytes of a digest given as bytes, or as 64 hexadecimal digits of any case with an optional 0x.

    Raises:
        InvalidDigestError: wrong type, length or alphabet.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if len(raw) != DIGEST_SIZE:
            raise InvalidDigestError(f"a digest is {DIGEST_SIZE} bytes, got {len(raw)}")
        return raw
    if not isinstance(value, str):
        raise InvalidDigestError(f"a digest is text of 64 hexadecimal digits or 32 bytes, got {type(value).__name__}")
    match = _HEX_DIGEST.fullmatch(value)
    if match:
        return bytes.fromhex(match.group(1))
    digits = value[2:] if value[:2] in ("0x", "0X") else value
    shown = value if len(value) <= 80 else value[:77] + "..."
    for position, character in enumerate(digits):
        if character not in "0123456789abcdefABCDEF":
            raise InvalidDigestError(f"digest {shown!r}: {character!r} at digit {position} is not hexadecimal")
    raise InvalidDigestError(f"digest {shown!r} has {len(digits)} hexadecimal digits, expected 64")


def hex_digest(digest: bytes) -> str:
    """64 lower-case hexadecimal digits without 0x, for a digest of 32 bytes.

    Raises:
        InvalidDigestError: not 32 bytes.
    """
    if not isinstance(digest, bytes | bytearray | memoryview):
        raise InvalidDigestError(f"a digest is 32 bytes, got {type(digest).__name__}; parse text with parse_digest")
    return parse_digest(digest).hex()


def sha256(data: bytes) -> bytes:
    """SHA-256 (FIPS 180-4) of `data`: 32 bytes."""
    return hashlib.sha256(data).digest()


def canonical_json(value: Any) -> bytes:
    """`value` as canonical JSON (RFC 8785, JCS) in UTF-8: equal values give equal bytes.

    Raises:
        InputError: not representable: another type than None, bool, int, float, str, list, tuple, dict with text keys;
            an integer beyond ±(2**53 - 1); NaN or infinity; text with a lone surrogate.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise InputError(f"value has no canonical JSON form (RFC 8785): {error}") from error
