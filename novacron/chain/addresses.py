"""Account and contract addresses (EIP-55)."""

from __future__ import annotations

import re
from typing import Any

from eth_utils.address import to_checksum_address

from novacron.exceptions import InputError

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def parse_address(value: Any, what: str = "address", error: type[InputError] = InputError) -> str:
    """The EIP-55 form of an address.

    Args:
        value: 0x and 40 hexadecimal digits, or 20 bytes. Digits of both cases must carry a valid EIP-55 checksum.
        what: how a message names the value.
        error: class raised.

    Raises:
        InputError: or the given subclass; names the value.
    """
    if isinstance(value, (bytes, bytearray)) and len(value) == 20:
        return str(to_checksum_address(bytes(value)))
    if not isinstance(value, str) or _ADDRESS.fullmatch(value) is None:
        raise error(f"{what} {value!r} is no address: expected 0x and 40 hexadecimal digits")
    checksummed = str(to_checksum_address(value))
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and value != checksummed:
        raise error(f"{what} {value} has a wrong EIP-55 checksum; a digit may be mistyped")
    return checksummed
