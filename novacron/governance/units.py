"""Numbers as people say them: tokens, ETH, durations, moments. Always beside the raw number, never in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from novacron.governance.expectations.expectation import AUTHORITY_ROLES

#: (symbol, decimals) of the suite's tokens by instance name.
TOKENS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "ETH": ("ETH", 18),
        "NovaToken": ("NOVA", 18),
        **{symbol: (symbol, 18) for symbol in ("CPU", "MEM", "STO", "NET")},
    }
)

_AMOUNT = re.compile(r"_balances\[|_allowances\[|(?:^|[._])(?:total_?supply|cap|amount|value)$", re.IGNORECASE)
_THRESHOLD = re.compile(r"proposal_?threshold$", re.IGNORECASE)
_DURATION = re.compile(r"(?:delay|period|duration|extension|cooldown)$", re.IGNORECASE)
_MOMENT = re.compile(r"(?:since|until|timestamp|deadline|eta)(?:\[[^\]]*\])*$", re.IGNORECASE)
_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def amount(value: int, token: str) -> str:
    """Base units of a token by its instance name, exact: `1,250,000.5 CPU`; the bare number for an unknown token."""
    if token not in TOKENS:
        return f"{value:,}"
    symbol, decimals = TOKENS[token]
    whole, rest = divmod(abs(value), 10**decimals)
    fraction = f".{rest:0{decimals}d}".rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole:,}{fraction} {symbol}"


def duration(seconds: int) -> str:
    """`2 days`, `1 day 12 hours`; at most two units, exact only when two suffice (the raw number stands beside it)."""
    words, rest = [], seconds
    for size, name in _SPANS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count:,} {name}{'' if count == 1 else 's'}")
    return " ".join(words[:2]) or "0 seconds"


def moment(timestamp: int) -> str:
    """Unix seconds as `2026-11-21 10:28:00 UTC`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def describe(contract: str, name: str, value: Any) -> str:
    """What a number of this name says to a person; "" where nothing is to be added.

    Args:
        contract: instance name of the contract that has the variable, argument or event.
        name: path of the variable, or name of the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    if name == "roleId":
        return next((label for label, number in AUTHORITY_ROLES.items() if number == value), "")
    if contract in TOKENS and _AMOUNT.search(name):
        return amount(value, contract)
    if _THRESHOLD.search(name):
        return amount(value, "NovaToken")
    if _DURATION.search(name) and 0 <= value < 10**10:
        return duration(value)
    if _MOMENT.search(name) and 10**9 <= value < 10**10:
        return moment(value)
    return ""


def describe_change(contract: str, name: str, before: int, after: int) -> str:
    """The difference of two such numbers with its sign; "" where there is nothing to say, as between two moments."""
    if _MOMENT.search(name):
        return ""
    text = describe(contract, name, abs(after - before))
    return f"{'-' if after < before else '+'}{text}" if text else ""
