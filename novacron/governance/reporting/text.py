"""Words and numbers that the report's Markdown and HTML share. Works on the document, never on live objects."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

#: Digits after the point of a voting power (QuadraticVotes).
_POWER_DECIMALS = 3


def integer(value: Any) -> int | None:
    """An integer of the document (a number, or decimal text beyond 2^53 - 1); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    if isinstance(value, str) and not value.removeprefix("-").isdecimal():
        return None
    return int(value)


def shown(value: Any) -> str:
    """A value as text: integers with thousands separators, lists in brackets."""
    if value is None:
        return ""
    number = integer(value)
    if number is not None:
        return f"{number:,}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def visible(text: str) -> str:
    """A text in which nothing hides: control and format characters (Unicode Cc, Cf and the line separators), which turn
    the direction of writing or have no width, as `\\u{202e}`; tabs and newlines stay.
    """
    return "".join(f"\\u{{{ord(one):04x}}}" if _hides(one) else one for one in text)


def _hides(character: str) -> bool:
    return character not in "\t\n" and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


def signed(value: Any) -> str:
    """A difference, with its sign."""
    number = integer(value)
    return "" if number is None else f"{number:+,}"


def difference(write: Mapping[str, Any]) -> str:
    """By how much a write moved a number, in people's units where it has some; nothing for moments."""
    if write["human_difference"] or write["human_after"] or write["human_before"]:
        return str(write["human_difference"])
    return signed(write["difference"])


def paragraphs(body: str) -> list[tuple[str, bool]]:
    """The author's paragraphs, and whether their line breaks mean something (lists, quotes, tables, code)."""
    found = []
    for block in body.split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip()]
        if lines:
            kept = any(line.startswith((" ", "\t", "- ", "* ", "+ ", "> ", "#", "|", "```")) for line in lines)
            kept = kept or any(line.split(".")[0].isdecimal() for line in lines)
            found.append(("\n".join(lines) if kept else " ".join(lines), kept))
    return found


def power(value: Any) -> str:
    """A voting power in whole units, exact: 1,000.000."""
    whole, rest = divmod(integer(value) or 0, 10**_POWER_DECIMALS)
    return f"{whole:,}.{rest:0{_POWER_DECIMALS}d}"


def percent(share: float) -> str:
    """A share of 1 as per cent, one decimal."""
    return f"{100 * share:.1f} %"


def call(action: Mapping[str, Any]) -> str:
    """`CPU.mint`, `a payment to X`, or the raw target."""
    name = action["contract"] or action["target"]
    if action["signature"]:
        return f"{name}.{action['signature'].split('(')[0]}"
    return f"payment to {name}" if action["calldata"] == "0x" else f"{name}, unknown function {action['calldata'][:10]}"


def advice(message: str) -> tuple[str, str]:
    """A finding's message, and the line of Python that it suggests or ""."""
    text, found, line = message.partition("add: yield ")
    return (f"{text}add:", f"yield {line}") if found else (message, "")


def electorate_words(electorate: Mapping[str, Any]) -> str:
    """What the vote needs, in a sentence or two."""
    voters, carriers, blockers = electorate["voters"], electorate["carriers"], electorate["blockers"]
    if not voters:
        return "Nobody has voting power at the snapshot; nothing can pass."
    need = f"For and Abstain need {power(electorate['quorum'])} of {power(electorate['total'])}: a turnout of "
    need += f"{percent(electorate['turnout'])}."
    if not carriers:
        return f"{need} All voters together do not reach that."
    blocking = _count(blockers).lower()
    return f"{need} {_count(carriers)} can carry it against all others, {blocking} can block it against all others."


def _count(accounts: Sequence[str]) -> str:
    return "The largest voter" if len(accounts) == 1 else f"The {len(accounts)} largest voters"


def recompute_calldata(document: Mapping[str, Any]) -> str:
    """A shell line that prints the calldata hash."""
    actions = document["actions"]
    targets = ",".join(action["target"] for action in actions)
    values = ",".join(str(action["value"]) for action in actions)
    calldatas = ",".join(action["calldata"] for action in actions)
    types = "f(address[],uint256[],bytes[])"
    return f"cast keccak $(cast abi-encode '{types}' '[{targets}]' '[{values}]' '[{calldatas}]')"
