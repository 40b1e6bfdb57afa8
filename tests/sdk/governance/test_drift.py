"""Comparing effects: what is drift, what only follows the clock, what only starts elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from novacron.exceptions import InputError
from novacron.governance.lifecycle.drift import Outcome, compare, drift_hash
from novacron.governance.model import Effects, EventRecord, RoleChange, Transfer, Write
from novacron.governance.reporting.report import effects_document

T = 1_800_000_000
ADDRESS = "0x" + "11" * 20


def write(path: str, before: Any, after: Any, kind: str = "uint256") -> Write:
    return Write(ADDRESS, "CPU", path, kind, before, after)


def event(name: str, **arguments: Any) -> EventRecord:
    return EventRecord(ADDRESS, "CPU", name, tuple(arguments.items()))


BASE = Effects(
    writes=(write("_totalSupply", 10, 15), write("_paused", False, True, "bool")),
    events=(event("Transfer", to="Timelock", amount=5), event("Paused", account="Timelock")),
    roles=(RoleChange("Authority", "GUARDIAN", "GuardianSafe", "granted"),),
    transfers=(Transfer("CPU", ADDRESS, "Timelock", 5),),
    created=(ADDRESS,),
)


def outcome(effects: Effects, at: int | None = T) -> Outcome:
    return Outcome(effects_document(effects), at)


def test_the_same_effects_do_not_differ() -> None:
    assert compare(outcome(BASE), outcome(BASE)) == []
    assert compare(outcome(BASE, None), outcome(BASE, T)) == []


@pytest.mark.parametrize(
    ("change", "kind", "name"),
    [
        ({"writes": (write("_totalSupply", 10, 16), BASE.writes[1])}, "write", "CPU._totalSupply"),
        ({"writes": BASE.writes[:1]}, "write", "CPU._paused"),
        ({"writes": (*BASE.writes, write("_cap", 1, 2))}, "write", "CPU._cap"),
        ({"events": (event("Transfer", to="Timelock", amount=6), BASE.events[1])}, "event", "CPU.Transfer"),
        ({"events": BASE.events[:1]}, "event", "CPU.Paused"),
        ({"roles": ()}, "role", "Authority.GUARDIAN"),
        ({"roles": (replace(BASE.roles[0], change="revoked"),)}, "role", "Authority.GUARDIAN"),
        ({"transfers": (replace(BASE.transfers[0], to="0xevil"),)}, "transfer", "CPU"),
        ({"created": ()}, "created", "created"),
    ],
)
def test_every_kind_of_difference_is_found_and_named(change: dict[str, Any], kind: str, name: str) -> None:
    [row] = compare(outcome(BASE), outcome(replace(BASE, **change)))
    assert (row.kind, row.name, row.moved) == (kind, name, False)


def test_events_in_another_order_differ() -> None:
    assert compare(outcome(BASE), outcome(replace(BASE, events=BASE.events[::-1])))


def test_true_is_not_one() -> None:
    other = replace(BASE, writes=(BASE.writes[0], write("_paused", False, 1, "uint8")))
    assert [row.name for row in compare(outcome(BASE), outcome(other))] == ["CPU._paused"]


def test_times_that_moved_with_the_execution_are_equal() -> None:
    def at(time: int) -> Outcome:
        effects = Effects(writes=(write("since", 0, time, "uint48"), write("until", 0, time + 3600, "uint48")))
        return outcome(replace(effects, events=(event("Granted", since=time, account="x"),)), time)

    assert compare(at(T), at(T + 12_345)) == []


def test_a_time_with_another_distance_from_the_execution_differs() -> None:
    def at(time: int, lasting: int) -> Outcome:
        return outcome(Effects(writes=(write("until", 0, time + lasting, "uint48"),)), time)

    [row] = compare(at(T, 3600), at(T + 50, 7200))
    assert (row.pinned, row.now) == ("0 → execution+3600s", "0 → execution+7200s")


def test_an_amount_that_grew_like_the_clock_differs() -> None:
    [row] = compare(
        outcome(BASE, T), outcome(replace(BASE, writes=(write("_totalSupply", 10, 65), BASE.writes[1])), T + 50)
    )
    assert row.now == "10 → 65"


def test_without_times_every_time_differs() -> None:
    left, right = (Effects(writes=(write("since", 0, time, "uint48"),)) for time in (T, T + 9))
    assert len(compare(outcome(left, None), outcome(right, None))) == 1


def test_the_same_change_from_another_start_counts_as_moved() -> None:
    big = 2**70  # beyond what JSON numbers hold: text in the document
    left, right = Effects(writes=(write("a", big, big + 5),)), Effects(writes=(write("a", big + 9, big + 14),))
    [row] = compare(outcome(left), outcome(right))
    assert row.moved
    [row] = compare(outcome(left), outcome(Effects(writes=(write("a", big + 9, big + 5),))))
    assert not row.moved


def test_a_checkpoint_with_another_number_is_one_moved_row() -> None:
    left = Effects(writes=(write("_checkpoints[3]._value", 0, 5),))
    right = Effects(writes=(write("_checkpoints[4]._value", 0, 5),))
    [row] = compare(outcome(left), outcome(right))
    assert (row.moved, row.now) == (True, "CPU._checkpoints[4]._value: 0 → 5")


def test_the_hash_names_exactly_the_differences_and_not_the_moment() -> None:
    def rows(amount: int, time: int) -> str:
        effects = replace(BASE, writes=(write("_totalSupply", 10, amount), write("since", 0, time)))
        return drift_hash(compare(outcome(BASE), outcome(effects, time)))

    assert rows(16, T + 1) == rows(16, T + 99)
    assert rows(16, T) != rows(17, T)
    assert len(rows(16, T)) == 64


def test_what_is_no_effects_document_is_refused() -> None:
    with pytest.raises(InputError, match="no effects document"):
        compare(Outcome({"writes": [{}]}), outcome(BASE))
