"""Metadata as bytes for the chain: canonical JSON, compressed when that is shorter.

The first byte says which: `{` is the JSON itself, so that it stays readable in a block explorer, and 0x01 is followed
by a zlib stream (RFC 1950) of it. No metadata is no bytes. Compression pays because calldata costs up to 40 gas a byte
under the floor of EIP-7623.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from novacron.exceptions import InputError, MetadataTooLargeError, ProofFormatError
from novacron.provenance.digest import canonical_json

MAX_METADATA_BYTES = 2048  # the contract's limit on the encoded form
MAX_DECODED_BYTES = 1024 * 1024  # guards a reader against decompression bombs

_PLAIN = 0x7B  # "{"
_ZLIB = 0x01


def encode_metadata(metadata: Mapping[str, Any] | None) -> bytes:
    """Metadata in its on-chain form, at most 2,048 bytes; None and {} give b"".

    Raises:
        MetadataTooLargeError: the encoded form is longer than 2,048 bytes.
        InputError: no mapping, or a value without canonical JSON form (RFC 8785).
    """
    if metadata is None:
        return b""
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata is a mapping of names to JSON values, got {type(metadata).__name__}")
    if not metadata:
        return b""
    plain = canonical_json(dict(metadata))
    if len(plain) > MAX_DECODED_BYTES:
        raise MetadataTooLargeError(
            f"metadata is {len(plain)} bytes of JSON; the limit is {MAX_METADATA_BYTES} encoded"
        )
    packed = bytes([_ZLIB]) + zlib.compress(plain, 9)
    encoded = packed if len(packed) < len(plain) else plain
    if len(encoded) > MAX_METADATA_BYTES:
        raise MetadataTooLargeError(
            f"metadata encodes to {len(encoded)} bytes ({len(plain)} before compression); the limit is "
            f"{MAX_METADATA_BYTES}: shorten it, or store it elsewhere and keep its digest here"
        )
    return encoded


def decode_metadata(data: bytes) -> dict[str, Any]:
    """The metadata that `encode_metadata` made these bytes of; b"" gives {}.

    Raises:
        ProofFormatError: unknown first byte, damaged stream, JSON that is no object, or more than 1 MiB decompressed.
    """
    if not data:
        return {}
    tag = data[0]
    if tag == _PLAIN:
        plain = data
        if len(plain) > MAX_DECODED_BYTES:
            raise ProofFormatError(f"metadata is {len(plain)} bytes; refused above {MAX_DECODED_BYTES}")
    elif tag == _ZLIB:
        plain = _decompress(data[1:])
    else:
        raise ProofFormatError(f"metadata starts with byte {tag:#04x}; known are 0x7b (JSON) and 0x01 (zlib)")
    try:
        value = json.loads(plain.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise ProofFormatError(f"metadata is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProofFormatError(f"metadata is a JSON {type(value).__name__}, expected an object")
    return value


def _number(text: str) -> int | float:
    # RFC 8785 writes a large float with all its digits; beyond 2**53 only a float can have been meant.
    return int(text) if len(text) <= 15 or abs(int(text)) < 2**53 else float(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _decompress(stream: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        plain = decompressor.decompress(stream, MAX_DECODED_BYTES + 1)
    except zlib.error as error:
        raise ProofFormatError(f"compressed metadata is damaged: {error}") from error
    if len(plain) > MAX_DECODED_BYTES:
        raise ProofFormatError(f"compressed metadata expands beyond {MAX_DECODED_BYTES} bytes; refused")
    if not decompressor.eof or decompressor.unused_data:
        raise ProofFormatError("compressed metadata is truncated or followed by other bytes")
    return plain
