"""Differences between what a proposal was shown to do and what it would do now, or has done.

Both sides are `report.effects_document`s. Values that only follow the clock (a time of execution, or a fixed time after
it) are equal when they moved exactly as far as the execution did. Only what can be a time counts: a value written to an
integer of at most 64 bits, and an event's argument that is a time by its name. An amount never does.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from novacron.exceptions import InputError
from novacron.provenance.digest import canonical_json, sha256

Kind = Literal["write", "event", "role", "transfer", "created"]

#: Seconds around the execution within which an integer may be a time.
_HORIZON = 10 * 366 * 86_400
_INTEGER = re.compile(r"-?\d{1,78}")
_SOLIDITY_INTEGER = re.compile(r"u?int(\d*)")
#: Types of at most so many bits may hold a time; amounts have more.
_TIME_BITS = 64
#: Last words of the names of events' arguments that are times.
_TIMES = frozenset(
    (
        *("time", "timestamp", "timepoint", "eta", "since", "until", "deadline", "expiry", "expiration", "expires"),
        *("schedule", "scheduled", "start", "end"),
    )
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
#: A pushed element of an OpenZeppelin `Checkpoints` trace; how many there are before it is no matter of the proposal.
_CHECKPOINT = re.compile(r"((?:^|\.)_checkpoints)\[\d+\](?=\._(?:key|value)$)")


@dataclass(frozen=True)
class DriftRow:
    """One difference.

    Attributes:
        kind: what differs.
        name: `Contract.variable[key]`, `Contract.Event`, …
        pinned, now: both sides as text; "-" where there is nothing.
        moved: whether only the starting value of the very same variable is another one: the same amount is added to
            it or taken away; or the same checkpoint is pushed behind another number of them.
    """

    kind: Kind
    name: str
    pinned: str
    now: str
    moved: bool = False


@dataclass(frozen=True)
class Outcome:
    """Effects of one execution, and its time in Unix seconds (None: unknown, then times are compared exactly)."""

    effects: Mapping[str, Any]
    at: int | None = None


def compare(pinned: Outcome, now: Outcome) -> list[DriftRow]:
    """Every difference, in the order of the pinned effects; empty when the two did the same.

    Raises:
        InputError: one of them is no effects document.
    """
    clock = _Clock(pinned.at, now.at)
    rows: list[DriftRow] = []
    try:
        rows += _writes(pinned.effects["writes"], now.effects["writes"], clock)
        rows += _sequence("event", _events(pinned.effects), _events(now.effects), clock)
        rows += _sequence("role", _roles(pinned.effects), _roles(now.effects), clock)
        rows += _sequence("transfer", _transfers(pinned.effects), _transfers(now.effects), clock)
        created = [[("created", list(side.effects["created"]))] for side in (pinned, now)]
        rows += _sequence("created", created[0], created[1], clock)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"no effects document: {error!r}") from None
    return rows


def drift_hash(rows: Sequence[DriftRow]) -> str:
    """64 hexadecimal digits that name exactly these differences; what `--accept-drift` takes.

    Times in them are relative to the execution, so that the hash is the same a minute later.
    """
    return sha256(canonical_json([[row.kind, row.name, row.pinned, row.now] for row in rows])).hex()


@dataclass(frozen=True)
class _Time:
    """A value that may be a time."""

    value: Any


@dataclass(frozen=True)
class _Clock:
    """Times of both executions."""

    pinned: int | None
    now: int | None

    def same(self, before: Any, after: Any) -> bool:
        """Whether two values are equal, or both are times at the same distance from the executions they belong to."""
        if isinstance(before, list) and isinstance(after, list):
            pairs = zip(before, after, strict=False)
            return len(before) == len(after) and all(self.same(left, right) for left, right in pairs)
        if before == after and type(before) is type(after) and type(_bare(before)) is type(_bare(after)):
            return True
        first, second = self._distance(before, self.pinned), self._distance(after, self.now)
        return first is not None and first == second

    def show(self, value: Any, at: int | None) -> str:
        """A value as text; a time as its distance from the execution."""
        if isinstance(value, list):
            return "[" + ", ".join(self.show(item, at) for item in value) + "]"
        distance = self._distance(value, at)
        return str(_bare(value)) if distance is None else f"execution{distance:+d}s"

    @staticmethod
    def _distance(value: Any, at: int | None) -> int | None:
        number = integer(value.value) if isinstance(value, _Time) else None
        if at is None or number is None or abs(number - at) > _HORIZON:
            return None
        return number - at


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, _Time) else value


def _written(write: Mapping[str, Any]) -> Any:
    """What is written, marked when its type may hold a time."""
    found = _SOLIDITY_INTEGER.fullmatch(str(write["type"]))
    narrow = found is not None and int(found[1] or 256) <= _TIME_BITS
    return _Time(write["after"]) if narrow else write["after"]


def _argument(name: str, value: Any) -> list[Any]:
    """An event's argument, marked when its name says that it is a time: `since`, `verifiedUntil`, `etaSeconds`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if words and words[-1] == "seconds":
        words.pop()
    return [name, _Time(value) if words and words[-1] in _TIMES else value]


def integer(value: Any) -> int | None:
    """An integer of a report: a JSON number, or decimal text beyond 2^53; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None


# --------------------------------------------------------------------------------------------------------------------
# Storage
# --------------------------------------------------------------------------------------------------------------------


def _writes(pinned: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], clock: _Clock) -> Iterator[DriftRow]:
    fresh = {_place(write): write for write in now}
    gone = []
    for write in pinned:
        match = fresh.pop(_place(write), None)
        if match is None:
            gone.append(write)
        elif not (_equal(write["before"], match["before"]) and clock.same(_written(write), _written(match))):
            yield _write_row(write, match, clock)
    # What is left is written on one side only; a checkpoint may just have another number.
    spare: defaultdict[tuple[str, str], deque[Mapping[str, Any]]] = defaultdict(deque)
    for write in fresh.values():
        spare[_trace(write)].append(write)
    for write in gone:
        candidates = spare[_trace(write)]
        yield _write_row(write, candidates.popleft() if candidates else None, clock)
    for candidates in spare.values():
        for write in candidates:
            yield _write_row(None, write, clock)


def _write_row(pinned: Mapping[str, Any] | None, now: Mapping[str, Any] | None, clock: _Clock) -> DriftRow:
    either = pinned if pinned is not None else now
    assert either is not None
    texts = [
        "-" if side is None else f"{side['before']} → {clock.show(_written(side), at)}"
        for side, at in ((pinned, clock.pinned), (now, clock.now))
    ]
    name = _name(either)
    if pinned is not None and now is not None and name != _name(now):
        texts[1] = f"{_name(now)}: {texts[1]}"
    moved = pinned is not None and now is not None and _moved(pinned, now, clock)
    return DriftRow("write", name, texts[0], texts[1], moved)


def _moved(pinned: Mapping[str, Any], now: Mapping[str, Any], clock: _Clock) -> bool:
    """Whether the same amount is added to another value of one variable; or the same checkpoint is pushed elsewhere."""
    if pinned["type"] != now["type"]:
        return False
    if _place(pinned) != _place(now):
        pushed = _trace(pinned) == _trace(now) and integer(pinned["before"]) == integer(now["before"]) == 0
        return pushed and clock.same(_written(pinned), _written(now))
    return _difference(pinned) is not None and _difference(pinned) == _difference(now)


def _difference(write: Mapping[str, Any]) -> int | None:
    if _SOLIDITY_INTEGER.fullmatch(str(write["type"])) is None:
        return None
    before, after = integer(write["before"]), integer(write["after"])
    return None if before is None or after is None else after - before


def _equal(before: Any, after: Any) -> bool:
    return type(before) is type(after) and bool(before == after)


def _trace(write: Mapping[str, Any]) -> tuple[str, str]:
    """The place of a write, that of a checkpoint without its number."""
    return str(write["address"]), _CHECKPOINT.sub(r"\1[…]", str(write["path"]))


def _place(write: Mapping[str, Any]) -> tuple[str, str]:
    return str(write["address"]), str(write["path"])


def _name(write: Mapping[str, Any]) -> str:
    return f"{write['contract']}.{write['path']}"


# --------------------------------------------------------------------------------------------------------------------
# Events, roles, transfers
# --------------------------------------------------------------------------------------------------------------------

_Item = tuple[str, list[Any]]


def _events(effects: Mapping[str, Any]) -> list[_Item]:
    return [
        (
            f"{event['contract']}.{event['event']}",
            [event["address"], *(_argument(argument["name"], argument["value"]) for argument in event["arguments"])],
        )
        for event in effects["events"]
    ]


def _roles(effects: Mapping[str, Any]) -> list[_Item]:
    return [(f"{role['contract']}.{role['role']}", [role["account"], role["change"]]) for role in effects["roles"]]


def _transfers(effects: Mapping[str, Any]) -> list[_Item]:
    return [(item["token"], [item["source"], item["to"], item["amount"]]) for item in effects["transfers"]]


def _sequence(kind: Kind, pinned: Sequence[_Item], now: Sequence[_Item], clock: _Clock) -> Iterator[DriftRow]:
    """Differences of two sequences whose order counts; items at both ends that agree are left out first."""
    start = 0
    while start < min(len(pinned), len(now)) and _same_item(pinned[start], now[start], clock):
        start += 1
    end = 0
    while end < min(len(pinned), len(now)) - start and _same_item(pinned[-1 - end], now[-1 - end], clock):
        end += 1
    before, after = pinned[start : len(pinned) - end], now[start : len(now) - end]
    for position in range(max(len(before), len(after))):
        left = before[position] if position < len(before) else None
        right = after[position] if position < len(after) else None
        if left is not None and right is not None and _same_item(left, right, clock):
            continue
        if left is not None and right is not None and left[0] == right[0]:
            yield DriftRow(kind, left[0], clock.show(left[1], clock.pinned), clock.show(right[1], clock.now))
            continue
        if left is not None:
            yield DriftRow(kind, left[0], clock.show(left[1], clock.pinned), "-")
        if right is not None:
            yield DriftRow(kind, right[0], "-", clock.show(right[1], clock.now))


def _same_item(left: _Item, right: _Item, clock: _Clock) -> bool:
    return left[0] == right[0] and clock.same(left[1], right[1])
