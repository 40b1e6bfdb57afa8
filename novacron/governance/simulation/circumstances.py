"""The same execution under other circumstances: what a proposal does must not depend on who executes it, and when.

A contract can tell a fork from the chain by what a fork does without: fees, a miner, other blocks in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.exceptions import RevertedError
from novacron.governance.model import Effects, EventRecord, Finding, Write
from novacron.governance.simulation.fork import Circumstances, ForkReceipt

#: Seconds around the execution within which an integer may be a time.
_HORIZON = 10 * 366 * 86_400
_GWEI = 10**9
_WORD = re.compile(r"0x[0-9a-f]{64}")
_FEES = Circumstances(
    origin=parse_address("0x" + keccak(text="novacron: somebody else who executes").hex()[-40:]),
    gas_price=9 * _GWEI,
    base_fee=7 * _GWEI,
)
_MINER = Circumstances(coinbase=parse_address("0x" + keccak(text="novacron: some miner").hex()[-40:]))
_LATER = Circumstances(blocks=3, seconds=7 * 60)
#: Everything at once, and then, when that makes a difference, each by itself for the words.
OTHER = replace(
    _LATER, origin=_FEES.origin, gas_price=_FEES.gas_price, base_fee=_FEES.base_fee, coinbase=_MINER.coinbase
)
_EACH = (
    (_FEES, "who executes it and at which gas price"),
    (_MINER, "who makes the block"),
    (_LATER, "the time or the number of the block"),
)


@dataclass(frozen=True)
class Run:
    """One execution: its effects, the time of its block (Unix seconds) and the block's number."""

    effects: Effects
    time: int
    block: int

    @classmethod
    def of(cls, effects: Effects, receipt: ForkReceipt) -> Run:
        """From a receipt."""
        return cls(effects, receipt.timestamp, receipt.block_number)


def circumstance_findings(first: Run, again: Callable[[Circumstances], Run]) -> list[Finding]:
    """An error when the execution does something else under other circumstances.

    Args:
        again: executes once more, from the same state.
    """
    what = _difference(first, again, OTHER)
    if what is None:
        return []
    causes = [words for under, words in _EACH if _difference(first, again, under) is not None]
    causes = causes or ["who executes it, when, and at which gas price"]
    message = (
        f"what it does depends on {' and on '.join(causes)}: {what}; nobody can know before what it will do: "
        "call something else, or fix it in the call's arguments"
    )
    return [Finding("error", "circumstances", message)]


def _difference(first: Run, again: Callable[[Circumstances], Run], under: Circumstances) -> str | None:
    try:
        return next(differences(first, again(under)), None)
    except RevertedError as error:
        return f"then it fails, {error}"


def differences(first: Run, second: Run) -> Iterator[str]:
    """What two executions did differently; times may move with the execution, and block numbers with the block."""
    clock = _Clock(first, second)
    places = [{(write.address, write.path): write for write in run.effects.writes} for run in (first, second)]
    for place in sorted({*places[0], *places[1]}):
        yield from _write(places[0].get(place), places[1].get(place), clock)
    for name, left, right in (
        ("events", first.effects.events, second.effects.events),
        ("roles", first.effects.roles, second.effects.roles),
        ("transfers", first.effects.transfers, second.effects.transfers),
        ("new contracts", first.effects.created, second.effects.created),
    ):
        if len(left) != len(right):
            yield f"there are {len(left)} or {len(right)} {name}"
        for one, other in zip(left, right, strict=False):
            if not clock.same_item(one, other):
                yield f"{_shown(one)} or {_shown(other)}"


@dataclass(frozen=True)
class _Clock:
    first: Run
    second: Run

    def same(self, one: Any, other: Any) -> bool:
        if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            return len(one) == len(other) and all(map(self.same, one, other))
        if one == other:
            return True
        if all(isinstance(value, str) and _WORD.fullmatch(value) for value in (one, other)):
            one, other = int(one, 16), int(other, 16)  # a variable whose type nobody knows
        if any(isinstance(value, bool) or not isinstance(value, int) for value in (one, other)):
            return False
        if (one, other) == (self.first.block, self.second.block):
            return True
        near = abs(one - self.first.time) <= _HORIZON
        return near and int(other) - int(one) == self.second.time - self.first.time

    def same_item(self, one: Any, other: Any) -> bool:
        if isinstance(one, EventRecord) and isinstance(other, EventRecord):
            return (one.address, one.event) == (other.address, other.event) and self.same(
                one.arguments, other.arguments
            )
        return bool(one == other)  # an amount that looks like a time is none


def _write(one: Write | None, other: Write | None, clock: _Clock) -> Iterator[str]:
    if one is not None and other is not None and clock.same((one.before, one.after), (other.before, other.after)):
        return
    either = one or other
    assert either is not None
    values = [either.before if side is None else side.after for side in (one, other)]
    yield f"{either.name} becomes {values[0]} or {values[1]}"


def _shown(item: Any) -> str:
    if isinstance(item, EventRecord):
        return f"{item.name}({', '.join(f'{name}={value}' for name, value in item.arguments)})"
    return str(item)
