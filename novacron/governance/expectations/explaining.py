"""Explained or refused: compares what a transaction changed with what its author expected.

Each expectation is a few single facts (`Expectation.parts`). A fact takes one event, one transfer, one role change of
its kind, never two; differences of one variable add up over all expectations and must be exactly what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any, TypeVar

from novacron.exceptions import InputError
from novacron.governance.expectations.expectation import (
    AUTHORITY_ROLES,
    Expectation,
    change,
    deploys,
    ether,
    event,
    grant,
    ownership,
    proposal_guardian,
    revoke,
    role_change,
    transfer,
    upgrade,
)
from novacron.governance.expectations.facts import (
    ETH,
    CreatedPart,
    EventPart,
    Part,
    RolePart,
    TransferPart,
    WritePart,
    named_keys,
    value_of,
)
from novacron.governance.model import Effects, EventRecord, Finding, RoleChange, Transfer, Write
from novacron.governance.suite import Suite

P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class _Created:
    address: str


Item = Write | EventRecord | RoleChange | Transfer | _Created


def unexplained(effects: Effects, expectations: Sequence[Expectation], dao: Suite) -> list[Finding]:
    """Everything that nothing explains, and every expectation that did not happen; empty when all is explained.

    Each finding names the change with its values before and after, and the line that would accept it.

    Raises:
        ProposalError: an expectation names an unknown contract, event or role.
    """
    seen = _named(effects, dao)
    first = _Comparison(seen, expectations, dao)
    findings = [
        _finding(f"expected {expectations[number]}, but {'; '.join(why)}")
        for number, why in sorted(first.failed.items())
    ]
    met = [item for number, item in enumerate(expectations) if number not in first.failed]
    comparison = _Comparison(seen, met, dao)
    findings += [_finding(text) for text in comparison.mismatches]
    suggestions: list[tuple[Expectation, list[Item]]] = []
    for candidate in _candidates(comparison, dao):
        trial = _Comparison(seen, [*met, candidate], dao)
        # A suggestion that would itself fail, or upset another sum, is no help.
        if trial.failed or len(trial.mismatches) > len(comparison.mismatches):
            continue
        explained = [item for item in comparison.open if all(item is not other for other in trial.open)]
        if explained:
            suggestions.append((candidate, explained))
            met, comparison = [*met, candidate], trial
    findings += [_unexplained(items, str(candidate)) for candidate, items in suggestions]
    findings += [_unexplained([item], str(_primitive(item))) for item in comparison.open]
    return findings


# --------------------------------------------------------------------------------------------------------------------
# The comparison
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    writes: tuple[Write, ...]
    events: tuple[EventRecord, ...]
    roles: tuple[RoleChange, ...]
    transfers: tuple[Transfer, ...]
    created: tuple[_Created, ...]


@dataclass
class _Sum:
    """What expectations say that one variable changes by, in all."""

    total: int = 0
    said: list[Expectation] = field(default_factory=list)


class _Comparison:
    """Which expectations (by position) fail and why, which sums are wrong, and what is left open."""

    def __init__(self, effects: _Seen, expectations: Sequence[Expectation], dao: Suite) -> None:
        self._effects = effects
        self._expectations = expectations
        self._parts = [(number, part) for number, item in enumerate(expectations) for part in item.parts(dao)]
        self.failed: dict[int, list[str]] = {}
        self._explained: set[int] = set()
        self.mismatches: list[str] = []
        self._match(EventPart, effects.events, _same_event)
        self._match(RolePart, effects.roles, _same_role)
        self._match(TransferPart, effects.transfers, _same_transfer)
        self._match(CreatedPart, effects.created, lambda part, new: part.address in (None, new.address))
        self._match_writes()
        self._add_up()
        everything: list[Item] = [*effects.transfers, *effects.roles, *effects.writes, *effects.events]
        everything += effects.created
        self.open = [item for item in everything if id(item) not in self._explained]

    def _fail(self, number: int, why: str) -> None:
        self.failed.setdefault(number, []).append(why)

    def _match(self, kind: type[P], items: Sequence[Item], same: Callable[[P, Any], bool]) -> None:
        """One item for each part, as many as possible (augmenting paths), required parts first."""
        wanted = [(number, part) for number, part in self._parts if isinstance(part, kind)]
        wanted.sort(key=lambda pair: getattr(pair[1], "optional", False))
        owner: dict[int, int] = {}

        def place(asker: int, tried: set[int]) -> bool:
            for position, item in enumerate(items):
                if position not in tried and same(wanted[asker][1], item):
                    tried.add(position)
                    if position not in owner or place(owner[position], tried):
                        owner[position] = asker
                        return True
            return False

        for asker, (number, part) in enumerate(wanted):
            if not place(asker, set()) and not getattr(part, "optional", False):
                again = "once more " if any(same(part, item) for item in items) else ""
                self._fail(number, f"there was not {again}{part}{_similar(part, items)}")
        self._explained |= {id(items[position]) for position in owner}

    def _match_writes(self) -> None:
        for number, part in self._parts:
            if not isinstance(part, WritePart) or part.adds_up:
                continue
            named = [write for write in self._effects.writes if part.names_it(write.name)]
            fitting = [write for write in named if _fits(part, write)]
            self._explained |= {id(write) for write in fitting}
            if not fitting and not part.optional:
                seen = "; ".join(_shown(write) for write in named[:3]) or f"{part.names[0]} did not change"
                self._fail(number, seen)

    def _add_up(self) -> None:
        sums: dict[str, _Sum] = {}
        for number, part in self._parts:
            if isinstance(part, WritePart) and part.adds_up:
                entry = sums.setdefault(part.names[0], _Sum())
                entry.total += part.by or 0
                entry.said.append(self._expectations[number])
                before = part.before
                write = next((write for write in self._effects.writes if write.name == part.names[0]), None)
                if before is not None and write is not None and write.before != before:
                    self._fail(number, f"{_shown(write)}, not from {before}")
        for name, entry in sums.items():
            write = next((write for write in self._effects.writes if write.name == name), None)
            if write is None:
                if entry.total:
                    self._mismatch(f"{name} did not change", entry)
                continue
            self._explained.add(id(write))
            if _difference(write) != entry.total:
                self._mismatch(_shown(write), entry)

    def _mismatch(self, seen: str, entry: _Sum) -> None:
        said = ", ".join(dict.fromkeys(str(item) for item in entry.said))
        self.mismatches.append(f"{seen}; expects() adds up to {entry.total:+,}: {said}")


def _named(effects: Effects, dao: Suite) -> _Seen:
    """The effects with the suite's names for addresses, as expectations have them; each item an object of its own."""

    def write(item: Write) -> Write:
        contract = value_of(dao, item.contract)
        before, after = value_of(dao, item.before), value_of(dao, item.after)
        return replace(item, contract=contract, path=named_keys(dao, item.path), before=before, after=after)

    def arguments(record: EventRecord) -> tuple[tuple[str, Any], ...]:
        return tuple((name, value_of(dao, value)) for name, value in record.arguments)

    return _Seen(
        tuple(write(item) for item in effects.writes),
        tuple(replace(e, contract=value_of(dao, e.contract), arguments=arguments(e)) for e in effects.events),
        tuple(replace(r, contract=value_of(dao, r.contract), account=value_of(dao, r.account)) for r in effects.roles),
        tuple(
            replace(t, token=value_of(dao, t.token), source=value_of(dao, t.source), to=value_of(dao, t.to))
            for t in effects.transfers
            if t.amount  # moving nothing changes nothing; its event is still to be explained
        ),
        tuple(_Created(dao.resolve(address)) for address in effects.created),
    )


def _same_event(part: EventPart, record: EventRecord) -> bool:
    given = dict(record.arguments)
    return record.name == part.name and all(
        name in given and _equal(given[name], value) for name, value in part.arguments
    )


def _same_role(part: RolePart, item: RoleChange) -> bool:
    return (part.contract, part.role, part.change) == (item.contract, item.role, item.change) and part.account in (
        None,
        item.account,
    )


def _same_transfer(part: TransferPart, item: Transfer) -> bool:
    return (part.token, part.source, part.to, part.amount) == (item.token, item.source, item.to, item.amount)


def _fits(part: WritePart, write: Write) -> bool:
    return (
        (part.by is None or _difference(write) == part.by)
        and (part.to is None or _equal(write.after, part.to))
        and (part.before is None or _equal(write.before, part.before))
    )


def _equal(found: Any, said: Any) -> bool:
    """Equal, and a truth value only to a truth value: 1 and True are different words."""
    return bool(found == said) and isinstance(found, bool) == isinstance(said, bool)


def _difference(write: Write) -> int | None:
    numbers = (write.before, write.after)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in numbers):
        return None
    return int(write.after) - int(write.before)


# --------------------------------------------------------------------------------------------------------------------
# Words
# --------------------------------------------------------------------------------------------------------------------


def _finding(text: str) -> Finding:
    return Finding("error", "expects", text)


def _unexplained(items: Sequence[Item], line: str) -> Finding:
    seen = "; ".join(_shown(item) for item in items)
    return _finding(f"nothing in expects() explains: {seen}. If it is meant, add: yield {line}")


def _shown(item: Item) -> str:
    if isinstance(item, Write):
        difference = _difference(item)
        by = f" ({difference:+,})" if difference is not None else ""
        return f"{item.name} changed {_value(item.before)} → {_value(item.after)}{by}"
    if isinstance(item, EventRecord):
        return f"the event {item.name}({', '.join(f'{name}={_value(value)}' for name, value in item.arguments)})"
    if isinstance(item, RoleChange):
        side = "to" if item.change == "granted" else "from"
        return f"{item.role} of {item.contract} {item.change} {side} {item.account}"
    if isinstance(item, Transfer):
        return f"a transfer of {item.amount:,} {item.token} from {item.source} to {item.to}"
    return f"a new contract at {item.address}"


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _similar(part: Part, items: Sequence[Item]) -> str:
    """What happened instead, where something of the sort did."""
    if isinstance(part, EventPart):
        near = [item for item in items if isinstance(item, EventRecord) and item.name == part.name]
        return f" (there was {'; '.join(_shown(item) for item in near[:3])})" if near else ""
    if isinstance(part, TransferPart):
        moved = [item for item in items if isinstance(item, Transfer) and item.token == part.token]
        return f" (there was {'; '.join(_shown(item) for item in moved[:3])})" if moved else ""
    return ""


def _candidates(comparison: _Comparison, dao: Suite) -> list[Expectation]:
    """Compound expectations that could explain what is open."""
    found: list[Expectation] = []
    for item in comparison.open:
        if isinstance(item, Transfer):
            if item.token == ETH:
                found.append(ether(item.source, item.to, item.amount))
            else:
                whole = (item.token, item.source, item.to, item.amount)
                found += [transfer(*whole), transfer(*whole, balances=False)]
        elif isinstance(item, RoleChange):
            found += [candidate for candidate in _role_candidates(item) if _known(candidate, dao)]
    return found


def _role_candidates(item: RoleChange) -> list[Expectation]:
    if item.role in ("implementation", "owner", "proposalGuardian"):
        if item.change == "revoked":
            return []  # comes with the one who got it
        if item.role == "implementation":
            return [upgrade(item.contract, item.account)]
        if item.role == "owner":
            return [ownership(item.contract, item.account)]
        return [proposal_guardian(item.account, at=item.contract)]
    word = grant if item.change == "granted" else revoke
    role = int(item.role) if item.role.isdecimal() and item.role not in AUTHORITY_ROLES else item.role
    return [word(role, item.account, at=item.contract)]


def _known(candidate: Expectation, dao: Suite) -> bool:
    try:
        candidate.parts(dao)
    except InputError:  # a word for other roles than this one
        return False
    return True


def _primitive(item: Item) -> Expectation:
    """The line that explains this item alone."""
    if isinstance(item, Write):
        difference = _difference(item)
        if difference is not None and "_balances[" in item.path:
            return change(item.name, by=difference)
        return change(item.name, to=item.after)
    if isinstance(item, EventRecord):
        named = ((f"{name}_" if iskeyword(name) else name, value) for name, value in item.arguments)
        arguments = {name: value for name, value in named if name.isidentifier()}
        return event(item.name, **arguments)
    if isinstance(item, RoleChange):
        return role_change(item.contract, item.role, item.account, item.change)
    if isinstance(item, Transfer):
        if item.token == ETH:
            return ether(item.source, item.to, item.amount)
        return transfer(item.token, item.source, item.to, item.amount, balances=False)
    return deploys(item.address)
