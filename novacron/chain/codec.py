"""Contract ABI: loading, strict encoding, decoding (Solidity contract ABI specification).

Encoding is stricter than eth_abi's own: a `bytes32` takes exactly 32 bytes (never padded), a number no bool, an address
a valid checksum where it has one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.exceptions import ConfigurationError, InputError

AbiItem = Mapping[str, Any]

_ARRAY = re.compile(r"(.*)\[(\d*)\]")
_BYTES_N = re.compile(r"bytes(\d+)")


def load_abi(name: str) -> list[dict[str, Any]]:
    """ABI of one of the package's contracts, from `novacron/chain/abi/<name>.json`.

    Raises:
        ConfigurationError: no such file, or it holds no ABI.
    """
    known = abi_names()
    if name not in known:
        raise ConfigurationError(f"no ABI named {name!r}; known: {', '.join(known) or 'none, run `make abi`'}")
    try:
        text = (resources.files("novacron.chain") / "abi" / f"{name}.json").read_text(encoding="utf-8")
        abi = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"the ABI file of {name} is no JSON; run `make abi`") from error
    abi = abi.get("abi") if isinstance(abi, dict) else abi
    if not isinstance(abi, list):
        raise ConfigurationError(f"the ABI file of {name} holds no ABI; run `make abi`")
    return abi


def abi_names() -> list[str]:
    """Names `load_abi` knows."""
    folder = resources.files("novacron.chain") / "abi"
    if not folder.is_dir():
        return []
    return sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))


def types_of(parameters: Sequence[AbiItem]) -> list[str]:
    """Canonical types, tuples written out: `["address", "(uint256,bytes)[]"]`."""
    return [collapse_if_tuple(dict(parameter)) for parameter in parameters]


def signature_of(item: AbiItem) -> str:
    """`name(type,…)` of a function, event or error."""
    return f"{item['name']}({','.join(types_of(item.get('inputs', [])))})"


def selector_of(item: AbiItem) -> bytes:
    """First four bytes of the keccak-256 of the signature."""
    return keccak(text=signature_of(item))[:4]


def topic_of(item: AbiItem) -> bytes:
    """Topic 0 of an event: keccak-256 of its signature."""
    return keccak(text=signature_of(item))


def encode_values(parameters: Sequence[AbiItem], values: Sequence[Any], what: str) -> bytes:
    """ABI encoding of the values of some parameters.

    Raises:
        InputError: wrong number of values, or one that does not fit; names `what` and the parameter.
    """
    if len(parameters) != len(values):
        raise InputError(f"{what} takes {len(parameters)} arguments, got {len(values)}")
    fitted = []
    for number, (parameter, value) in enumerate(zip(parameters, values, strict=True)):
        where = f"{what}, {parameter.get('name') or f'argument {number}'} ({parameter['type']})"
        fitted.append(_fit(str(parameter["type"]), parameter.get("components", ()), value, where))
    try:
        return abi_encode(types_of(parameters), fitted)
    except (EncodingError, OverflowError) as error:
        raise InputError(f"{what}: {error}") from error


def decode_values(parameters: Sequence[AbiItem], data: bytes) -> tuple[Any, ...]:
    """Values of some parameters from their ABI encoding; addresses checksummed, tuples and arrays as tuples.

    Raises:
        ValueError: the data is no encoding of these types.
    """
    types = types_of(parameters)
    try:
        values = abi_decode(types, data)
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"{len(data)} bytes are no ABI encoding of ({','.join(types)})") from error
    return tuple(
        _readable(str(parameter["type"]), parameter.get("components", ()), value)
        for parameter, value in zip(parameters, values, strict=True)
    )


def encode_topic(parameter: AbiItem, value: Any, what: str) -> str:
    """An indexed argument as a log topic: the value itself, or the keccak-256 of strings and bytes."""
    kind = str(parameter["type"])
    if kind in ("string", "bytes"):
        fitted = _fit(kind, (), value, what)
        return "0x" + keccak(fitted.encode() if isinstance(fitted, str) else fitted).hex()
    if is_dynamic_topic(kind):
        if not (isinstance(value, bytes) and len(value) == 32):
            raise InputError(f"{what}: filter an indexed {kind} by its 32-byte hash")
        return "0x" + value.hex()
    return "0x" + encode_values([parameter], [value], what).hex()


def is_dynamic_topic(kind: str) -> bool:
    """Whether an indexed argument of this type is stored as a hash instead of its value."""
    return kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")


def _fit(kind: str, components: Sequence[AbiItem], value: Any, where: str) -> Any:
    array = _ARRAY.fullmatch(kind)
    if array:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            raise InputError(f"{where}: expected a list, got {type(value).__name__}")
        if array.group(2) and len(value) != int(array.group(2)):
            raise InputError(f"{where}: expected {array.group(2)} items, got {len(value)}")
        return [_fit(array.group(1), components, item, f"{where}[{index}]") for index, item in enumerate(value)]
    if kind == "tuple":
        if isinstance(value, Mapping):
            missing = [c["name"] for c in components if c["name"] not in value]
            if missing or len(value) != len(components):
                raise InputError(f"{where}: expected the fields {', '.join(c['name'] for c in components)}")
            value = [value[c["name"]] for c in components]
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or len(value) != len(components):
            raise InputError(f"{where}: expected {len(components)} fields")
        return tuple(
            _fit(str(c["type"]), c.get("components", ()), item, f"{where}.{c.get('name')}")
            for c, item in zip(components, value, strict=True)
        )
    return _fit_scalar(kind, value, where)


def _fit_scalar(kind: str, value: Any, where: str) -> Any:
    if kind == "address":
        return parse_address(value, f"{where}:")
    if kind.startswith("bytes"):
        if isinstance(value, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value):
            value = bytes.fromhex(value[2:])
        if not isinstance(value, (bytes, bytearray)):
            raise InputError(f"{where}: expected bytes or 0x and hexadecimal digits, got {type(value).__name__}")
        exact = _BYTES_N.fullmatch(kind)
        if exact and len(value) != int(exact.group(1)):
            raise InputError(f"{where}: expected exactly {exact.group(1)} bytes, got {len(value)}")
        return bytes(value)
    expected = bool if kind == "bool" else str if kind == "string" else int
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise InputError(f"{where}: expected {expected.__name__}, got {type(value).__name__}")
    return value


def _readable(kind: str, components: Sequence[AbiItem], value: Any) -> Any:
    array = _ARRAY.fullmatch(kind)
    if array:
        return tuple(_readable(array.group(1), components, item) for item in value)
    if kind == "tuple":
        return tuple(
            _readable(str(c["type"]), c.get("components", ()), item) for c, item in zip(components, value, strict=True)
        )
    return to_checksum_address(value) if kind == "address" else value
