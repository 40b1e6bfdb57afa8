"""Unsigned varints as multiformats and Protocol Buffers write them: seven bits a byte, least significant group first.

Multiformats (github.com/multiformats/unsigned-varint) allows 63 bits in at most nine bytes, and only the shortest form;
this package holds Protocol Buffers to the same, since IPFS never writes anything else.
"""

from __future__ import annotations

#: The largest value, 2**63 - 1.
MAXIMUM = (1 << 63) - 1
#: Bytes of the longest varint.
MAX_SIZE = 9


def encode(value: int) -> bytes:
    """The shortest varint of `value`, 0 … 2**63 - 1. Raises ValueError beyond."""
    if not 0 <= value <= MAXIMUM:
        raise ValueError(f"{value} does not fit a varint (0 … 2**63 - 1)")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes, start: int = 0) -> tuple[int, int]:
    """The varint at `start` of `data`, and the position after it.

    Raises:
        ValueError: cut off, longer than nine bytes, or not the shortest form.
    """
    value = 0
    for count in range(MAX_SIZE):
        position = start + count
        if position >= len(data):
            raise ValueError("a varint is cut off")
        byte = data[position]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if byte == 0 and count:
                raise ValueError("a varint is not in its shortest form")
            return value, position + 1
    raise ValueError("a varint is longer than nine bytes")
