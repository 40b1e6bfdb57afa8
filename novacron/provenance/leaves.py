"""ABI encoding of Merkle leaves: Python or JSON values to `abi.encode`, and back to JSON.

Text stands for bytes and integers the way it does in JavaScript, where a dump of @openzeppelin/merkle-tree holds
"0x…" and decimal digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import EncodingError, ParseError
from eth_abi.grammar import ABIType, BasicType, TupleType, parse
from eth_utils.address import is_address, to_checksum_address

from novacron.exceptions import InputError

_BASES = frozenset({"uint", "int", "bytes", "address", "bool", "string"})


def coerce_leaf(encoding: tuple[str, ...], value: Any) -> tuple[Any, ...]:
    """`value` with each item as the Python type that its ABI type takes.

    Raises:
        InputError: not one item per type, an unknown type, or an item that does not fit its type.
    """
    types = _parsed(encoding)
    if not isinstance(value, list | tuple):
        raise InputError(f"a leaf is a list with one item per ABI type, got {type(value).__name__}")
    if len(value) != len(types):
        raise InputError(f"a leaf of {list(encoding)} has {len(types)} items, got {len(value)}")
    return tuple(_coerce(kind, item) for kind, item in zip(types, value, strict=True))


def abi_encode_leaf(encoding: tuple[str, ...], value: Sequence[Any]) -> bytes:
    """abi.encode of a coerced leaf.

    Raises:
        InputError: an item is out of its type's range.
    """
    try:
        return abi_encode(encoding, value)
    except (EncodingError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"value does not fit {list(encoding)}: {error}") from error


def json_leaf(value: Sequence[Any]) -> list[Any]:
    """A coerced leaf for JSON: bytes as 0x text, integers as decimal text (JavaScript numbers would round them)."""
    return [_json_item(item) for item in value]


def _json_item(item: Any) -> Any:
    if isinstance(item, bytes):
        return f"0x{item.hex()}"
    if isinstance(item, bool):
        return item
    if isinstance(item, int):
        return str(item)
    if isinstance(item, tuple):
        return [_json_item(part) for part in item]
    return item


@lru_cache(maxsize=64)
def _parsed(encoding: tuple[str, ...]) -> tuple[ABIType, ...]:
    if not encoding:
        raise InputError("a leaf encoding names at least one ABI type")
    types = []
    for name in encoding:
        try:
            kind = parse(name)
            kind.validate()
            _check_known(kind)
        except (ParseError, ValueError, TypeError) as error:
            raise InputError(f"{name!r} is not an ABI type") from error
        types.append(kind)
    return tuple(types)


def _check_known(kind: ABIType) -> None:
    if isinstance(kind, TupleType):
        for part in kind.components:
            _check_known(part)
    elif not isinstance(kind, BasicType) or kind.base not in _BASES:
        raise ValueError("unknown base type")


def _name(kind: ABIType) -> str:
    return str(kind.to_type_str())  # type: ignore[no-untyped-call]


def _coerce(kind: ABIType, item: Any) -> Any:
    if kind.arrlist:
        if not isinstance(item, list | tuple):
            raise InputError(f"{_name(kind)} takes a list, got {type(item).__name__}")
        return tuple(_coerce(kind.item_type, part) for part in item)
    if isinstance(kind, TupleType):
        if not isinstance(item, list | tuple) or len(item) != len(kind.components):
            raise InputError(f"{_name(kind)} takes a list of {len(kind.components)} items")
        return tuple(_coerce(part, value) for part, value in zip(kind.components, item, strict=True))
    if not isinstance(kind, BasicType):
        raise InputError(f"{_name(kind)} is no ABI type of a leaf")
    return _coerce_basic(kind, item)


def _coerce_basic(kind: BasicType, item: Any) -> Any:
    name = _name(kind)
    if kind.base in ("uint", "int"):
        if isinstance(item, str):
            try:
                return int(item, 16) if item[:2] in ("0x", "0X") else int(item, 10)
            except ValueError as error:
                raise InputError(f"{item!r} is no integer ({name})") from error
        if isinstance(item, int) and not isinstance(item, bool):
            return item
    elif kind.base == "bytes":
        if isinstance(item, str) and item[:2] in ("0x", "0X"):
            try:
                return bytes.fromhex(item[2:])
            except ValueError as error:
                raise InputError(f"{item!r} is not hexadecimal ({name})") from error
        if isinstance(item, bytes | bytearray):
            return bytes(item)
    elif kind.base == "address":
        if is_address(item):
            return to_checksum_address(item)
        raise InputError(f"{item!r} is no address (20 bytes as 0x text; mixed case must be a valid EIP-55 checksum)")
    elif (kind.base == "bool" and isinstance(item, bool)) or (kind.base == "string" and isinstance(item, str)):
        return item
    raise InputError(f"{name} does not take {type(item).__name__} {item!r}")
