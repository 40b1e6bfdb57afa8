"""Values as a person reads them, from the bytes of a storage slot or from an event's arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_NUMBER = re.compile(r"(u?)int(\d+)")
_BYTES = re.compile(r"bytes(\d+)")


def value_of(kind: str, raw: bytes, name_of: Callable[[str], str]) -> Any:
    """A value from storage.

    Args:
        kind: Solidity type; what is no elementary type, enum or contract stays hexadecimal.
        raw: its bytes, as many as the type has.
        name_of: what an address is called.
    """
    number = _NUMBER.fullmatch(kind)
    if number is not None:
        return int.from_bytes(raw, "big", signed=not number.group(1))
    if kind == "bool":
        return bool(raw[-1]) if raw[:-1] == bytes(len(raw) - 1) and raw[-1] < 2 else "0x" + raw.hex()
    if kind == "address" or kind.startswith(("contract ", "address ")):
        return name_of("0x" + raw[-20:].hex())
    if kind.startswith("enum "):
        return int.from_bytes(raw, "big")
    return "0x" + raw.hex()


def key_of(kind: str, raw: bytes, name_of: Callable[[str], str]) -> str:
    """A mapping's key, from what was hashed: 32 bytes, or the bytes themselves of a string or `bytes`."""
    if kind == "string":
        try:
            return '"' + raw.decode() + '"'
        except UnicodeDecodeError:
            return "0x" + raw.hex()
    if len(raw) != 32 or kind == "bytes":
        return "0x" + raw.hex()
    fixed = _BYTES.fullmatch(kind)
    if fixed is not None:
        size = int(fixed.group(1))
        return "0x" + (raw[:size] if raw[size:] == bytes(32 - size) else raw).hex()
    if kind == "address" or kind.startswith(("contract ", "address ")):
        return name_of("0x" + raw[12:].hex()) if raw[:12] == bytes(12) else "0x" + raw.hex()
    number = _NUMBER.fullmatch(kind)
    if number is not None or kind.startswith("enum "):
        return str(int.from_bytes(raw, "big", signed=number is not None and not number.group(1)))
    if kind == "bool" and int.from_bytes(raw, "big") < 2:
        return "true" if raw[-1] else "false"
    return "0x" + raw.hex()


def named(parameter: Mapping[str, Any], value: Any, name_of: Callable[[str], str]) -> Any:
    """A decoded ABI value of a parameter: addresses by name, bytes as hexadecimal, arrays and structs as tuples."""
    kind = str(parameter["type"])
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if kind.endswith("]"):
        inner = {**parameter, "type": kind[: kind.rindex("[")]}
        return tuple(named(inner, item, name_of) for item in value)
    if isinstance(value, (tuple, list)):
        members = parameter.get("components", ())
        return tuple(named(member, item, name_of) for member, item in zip(members, value, strict=True))
    return name_of(value) if kind == "address" else value
