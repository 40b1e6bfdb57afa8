"""The four resources; amounts of them and of the native currency as people write them: exact decimals, no floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType

from novacron.exceptions import InputError

#: Base units of one whole token, and wei of one unit of the native currency.
UNIT = 10**18


class Resource(IntEnum):
    """What machine time is sold in; the numbers are those of `interfaces/IResources.sol`."""

    CPU = 0
    MEM = 1
    STO = 2
    NET = 3

    @property
    def unit(self) -> str:
        """What one whole token buys."""
        return _UNITS[self]


_UNITS: Mapping[Resource, str] = MappingProxyType(
    {Resource.CPU: "vCPU-hour", Resource.MEM: "GB-hour", Resource.STO: "TB-hour", Resource.NET: "GB"}
)
_NATIVE: Mapping[str, int] = MappingProxyType({"wei": 1, "gwei": 10**9, "eth": UNIT, "": UNIT})
_NUMBER = re.compile(r"(\d{1,30})(?:\.(\d{1,18}))?")
_QUANTITY = re.compile(rf"({_NUMBER.pattern})\s*([A-Za-z%]*)")


def parse_resource(value: object) -> Resource:
    """A resource by its name in any case, such as "cpu".

    Raises:
        InputError: no resource has this name.
    """
    if isinstance(value, Resource):
        return value
    try:
        return Resource[str(value).strip().upper()]
    except KeyError:
        raise InputError(f"there is no resource {value!r}; use {', '.join(r.name for r in Resource)}") from None


def scaled(text: str, unit: int, what: str) -> int:
    """A decimal number times `unit`, which must come out whole.

    Args:
        text: digits with at most 18 decimals after a point; no sign, no exponent.
        unit: base units of one.
        what: how a message names the value.

    Raises:
        InputError: anything else, or finer than one base unit.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{what} {text!r}: write a plain decimal number such as 12 or 0.25")
    whole, fraction = found[1], found[2] or ""
    shift: int = 10 ** len(fraction)
    value, rest = divmod(int(whole + fraction) * unit, shift)
    if rest:
        raise InputError(f"{what} {text!r} is finer than the smallest unit; use fewer decimals")
    return value


def split_quantity(text: str, what: str) -> tuple[str, str]:
    """ "2.5 vCPU" as ("2.5", "vCPU"). Raises InputError."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{what} {text!r}: write a plain decimal number such as 12 or 0.25, and its unit")
    return found[1], found[4]


def parse_tokens(text: str, resource: Resource, what: str = "amount") -> int:
    """Base units of a resource token: "12.5", or "12.5 CPU".

    Raises:
        InputError: no positive decimal number, or another resource's name behind it.
    """
    number, name = split_quantity(text, what)
    if name and name.upper() != resource.name:
        raise InputError(f"{what} {text!r}: the resource is {resource.name}; write the number alone")
    value = scaled(number, UNIT, what)
    if value == 0:
        raise InputError(f"{what} {text!r} must be more than nothing")
    return value


def parse_native(text: str, what: str = "amount") -> int:
    """Wei: "0.1" or "0.1 ETH", "25 gwei", "1000 wei". Raises InputError."""
    number, unit = split_quantity(text, what)
    if unit.lower() not in _NATIVE:
        raise InputError(f"{what} {text!r}: the unit is ETH, gwei or wei")
    value = scaled(number, _NATIVE[unit.lower()], what)
    if value == 0:
        raise InputError(f"{what} {text!r} must be more than nothing")
    return value


def parse_percent(text: str, what: str = "percentage") -> int:
    """Parts per million: "0.5" or "0.5%" is 5000. Raises InputError."""
    number, unit = split_quantity(text, what)
    if unit not in ("", "%"):
        raise InputError(f"{what} {text!r}: write per cent, such as 0.5")
    return scaled(number, 10_000, what)


def decimal_text(value: int, unit: int = UNIT) -> str:
    """`value / unit` exactly, thousands separated, without trailing zeros; `unit` is a power of ten."""
    whole, rest = divmod(abs(value), unit)
    fraction = f".{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole:,}{fraction}"


def tokens_text(value: int, resource: Resource) -> str:
    """`12.5 CPU`."""
    return f"{decimal_text(value)} {resource.name}"


def native_text(wei: int) -> str:
    """`0.1 ETH`, exactly; below a gwei in wei."""
    return f"{wei} wei" if 0 < abs(wei) < 10**9 else f"{decimal_text(wei)} ETH"


def percent_text(ppm: int) -> str:
    """Parts per million as `0.5 %`."""
    return f"{decimal_text(ppm, 10_000)} %"


def as_decimal(value: object, what: str) -> Decimal:
    """An exact decimal of a text, int or Decimal; a float is refused, since it is not what was written.

    Raises:
        InputError: anything else, or not above zero.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise InputError(f"{what} is a {type(value).__name__}: give a decimal text such as '2500.75', or an int")
    text = value.strip() if isinstance(value, str) else format(value, "f") if isinstance(value, Decimal) else str(value)
    if _NUMBER.fullmatch(text) is None or not (number := Decimal(text)) > 0:
        raise InputError(f"{what} {value!r} must be a plain decimal number above zero")
    return number
