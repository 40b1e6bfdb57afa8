"""Quantities as people write them: `99.9 %`, `100 ms`, `1 day`, `2.5 NOVA`. Exact, or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from novacron.exceptions import InputError

_QUANTITY = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([^\s0-9].*?)\s*")

#: Seconds of each unit of time.
_TIMES: Mapping[str, Decimal] = MappingProxyType(
    {
        name: Decimal(size)
        for names, size in (
            (("ms", "millisecond", "milliseconds"), "0.001"),
            (("s", "second", "seconds"), "1"),
            (("min", "minute", "minutes"), "60"),
            (("h", "hour", "hours"), "3600"),
            (("day", "days"), "86400"),
            (("week", "weeks"), "604800"),
        )
        for name in names
    }
)
_SHARES: Mapping[str, Decimal] = MappingProxyType({"%": Decimal(10_000), "ppm": Decimal(1)})
_NOVA: Mapping[str, Decimal] = MappingProxyType({"NOVA": Decimal(10) ** 18})
_SIZES: Mapping[str, Decimal] = MappingProxyType(
    {"B": Decimal(1), "bytes": Decimal(1), "KiB": Decimal(2**10), "MiB": Decimal(2**20)}
)


def parse_seconds(value: Any, what: str) -> int:
    """Whole seconds of a time such as `1 day`, `90 min`, `30 s`.

    Args:
        what: how a message names the value.

    Raises:
        InputError: no text, an unknown unit, or not a whole number of seconds.
    """
    return _whole(value, what, _TIMES, "seconds", "1 day")


def parse_milliseconds(value: Any, what: str) -> int:
    """Whole milliseconds of a time such as `100 ms`, `1.5 s`. Raises InputError."""
    return _whole(value, what, {name: size * 1000 for name, size in _TIMES.items()}, "milliseconds", "100 ms")


def parse_ppm(value: Any, what: str) -> int:
    """Parts per million of a share such as `99.9 %` or `999000 ppm`. Raises InputError."""
    return _whole(value, what, _SHARES, "parts per million", "99.9 %")


def parse_nova(value: Any, what: str) -> int:
    """Base units of an amount such as `100 NOVA`. Raises InputError."""
    return _whole(value, what, _NOVA, "base units (18 decimals)", "100 NOVA")


def parse_bytes(value: Any, what: str) -> int:
    """Bytes of a size such as `64 KiB`. Raises InputError."""
    return _whole(value, what, _SIZES, "bytes", "64 KiB")


def percent(ppm: int) -> str:
    """Parts per million as a percentage, exact: `99.95 %`."""
    return f"{_trimmed(Decimal(ppm) / 10_000)} %"


def milliseconds(value: int) -> str:
    """Milliseconds as text: `250 ms`."""
    return f"{value:,} ms"


def nova(amount: int) -> str:
    """Base units of NOVA, exact: `1,250.5 NOVA`."""
    whole, rest = divmod(abs(amount), 10**18)
    fraction = f".{rest:018d}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{fraction} NOVA"


def _trimmed(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _whole(value: Any, what: str, units: Mapping[str, Decimal], smallest: str, example: str) -> int:
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) <= 100 else None
    if found is None or found[2] not in units:
        known = ", ".join(dict.fromkeys(units))
        raise InputError(f'{what} = {value!r}: write a number and a unit ({known}), for example "{example}"')
    exact = Decimal(found[1].replace("_", "")) * units[found[2]]
    if exact != exact.to_integral_value():
        raise InputError(f"{what} = {value!r} is no whole number of {smallest}; round it yourself")
    return int(exact)
