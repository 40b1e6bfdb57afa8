"""Comparing effects: what is drift, what only follows the clock, what only starts elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from novacron.exceptions import InputError
from novacron.governance.lifecycle.drift import Outcome, compare, drift_hash
from novacron.governance.model import Effects, EventRecord, RoleChange, Transfer, Write
from novacron.governance.reporting.report import effects_document

T, DAY = 1_800_000_000, 86_400
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


def test_a_pushed_checkpoint_with_another_number_is_one_moved_row() -> None:
    def pushed(number: int, before: int = 0, after: int = 5) -> Outcome:
        path = f"_totalCheckpoints._checkpoints[{number}]._value"
        return outcome(Effects(writes=(write(path, before, after, "uint208"),)))

    [row] = compare(pushed(3), pushed(4))
    assert (row.moved, row.now) == (True, "CPU._totalCheckpoints._checkpoints[4]._value: 0 → 5")
    assert [row.moved for row in compare(pushed(3), pushed(4, after=6))] == [False]
    assert [row.moved for row in compare(pushed(3), pushed(4, before=1))] == [False]


@pytest.mark.parametrize("path", ["_roles[{}]", "_limits[{}]._value", "my_checkpoints[{}]._value", "_checkpoints[{}]"])
def test_another_key_of_a_mapping_is_another_variable(path: str) -> None:
    left, right = (outcome(Effects(writes=(write(path.format(key), 0, 1),))) for key in (5, 0))
    rows = compare(left, right)
    assert [(row.name, row.moved) for row in rows] == [
        (f"CPU.{path.format(5)}", False),
        (f"CPU.{path.format(0)}", False),
    ]


def test_only_numbers_have_a_starting_value() -> None:
    left, right = (outcome(Effects(writes=(write("name", str(start), str(start + 1), "string"),))) for start in (1, 2))
    assert [row.moved for row in compare(left, right)] == [False]


@pytest.mark.parametrize("kind", ["uint32", "uint40", "uint48", "uint64"])
def test_a_narrow_integer_may_follow_the_clock(kind: str) -> None:
    left, right = (outcome(Effects(writes=(write("since", 0, time, kind),)), time) for time in (T, T + DAY))
    assert compare(left, right) == []


@pytest.mark.parametrize("kind", ["uint", "uint72", "uint128", "uint256", "int256", "bytes32", "address"])
def test_a_wide_value_that_looks_like_a_time_differs(kind: str) -> None:
    left, right = (outcome(Effects(writes=(write("cap", 0, time, kind),)), time) for time in (T, T + DAY))
    [row] = compare(left, right)
    assert (row.pinned, row.now, row.moved) == (f"0 → {T}", f"0 → {T + DAY}", False)


def test_a_starting_value_never_follows_the_clock() -> None:
    left, right = (outcome(Effects(writes=(write("since", time, 7, "uint48"),)), time) for time in (T, T + DAY))
    assert len(compare(left, right)) == 1


def test_an_amount_in_the_range_of_times_differs_when_it_grows_like_the_clock() -> None:
    """1.8 billion base units and a day's worth of seconds more: no transfer of the same amount."""

    def paying(amount: int) -> Outcome:
        effects = Effects(
            events=(event("Transfer", to="Timelock", amount=amount, value=amount),),
            transfers=(Transfer("CPU", ADDRESS, "Timelock", amount),),
        )
        return outcome(effects, amount)

    rows = compare(paying(T), paying(T + DAY))
    assert [row.kind for row in rows] == ["event", "transfer"]
    assert str(T + DAY) in rows[1].now


@pytest.mark.parametrize("name", ["since", "eta", "etaSeconds", "verifiedUntil", "timestamp", "deadline", "voteEnd"])
def test_an_argument_that_is_a_time_by_name_may_follow_the_clock(name: str) -> None:
    left, right = (outcome(Effects(events=(event("Set", **{name: time}),)), time) for time in (T, T + DAY))
    assert compare(left, right) == []


@pytest.mark.parametrize("name", ["amount", "value", "quota", "sometimes", "delegate", "timelockBalance", "data"])
def test_any_other_argument_is_compared_exactly(name: str) -> None:
    left, right = (outcome(Effects(events=(event("Set", **{name: time}),)), time) for time in (T, T + DAY))
    assert len(compare(left, right)) == 1


def test_the_hash_names_exactly_the_differences_and_not_the_moment() -> None:
    def rows(amount: int, time: int) -> str:
        effects = replace(BASE, writes=(write("_totalSupply", 10, amount), write("since", 0, time, "uint48")))
        return drift_hash(compare(outcome(BASE), outcome(effects, time)))

    assert rows(16, T + 1) == rows(16, T + 99)
    assert rows(16, T) != rows(17, T)
    assert len(rows(16, T)) == 64


def test_what_is_no_effects_document_is_refused() -> None:
    with pytest.raises(InputError, match="no effects document"):
        compare(Outcome({"writes": [{}]}), outcome(BASE))
