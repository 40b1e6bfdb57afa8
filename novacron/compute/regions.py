"""Regions: texts of up to 32 bytes that providers name and auditors attest; compared byte by byte."""

from __future__ import annotations

from novacron.exceptions import InputError


def region_bytes(region: str) -> bytes:
    """A region as contracts take it: UTF-8, left-aligned in 32 bytes.

    Raises:
        InputError: empty, longer than 32 bytes, or not printable.
    """
    raw = region.encode("utf-8", "surrogatepass")
    if not region.strip() or len(raw) > 32 or not region.isprintable() or region != region.strip():
        raise InputError(f"region {region!r}: use 1 to 32 bytes of printable text, such as eu-west")
    return raw.ljust(32, b"\0")


def region_text(raw: bytes) -> str:
    """A region to read; what is no UTF-8 as hexadecimal digits."""
    try:
        return raw.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return "0x" + raw.hex()
