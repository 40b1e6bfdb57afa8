"""What is due, and whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.compute.measurements import Evidence, Measurement, SignedMeasurement
from novacron.compute.monitor.decisions import (
    BY_RULING,
    Turn,
    batches,
    evidence_deadline,
    filing,
    filing_time,
    finalise_time,
    settle_time,
)
from novacron.compute.samples import Span
from novacron.compute.sla import Claim, Outcome, WindowView
from novacron.compute.sla_terms import NOBODY, Terms
from tests.sdk.sla.conftest import LATENCY, UPTIME

END, REPORT, DISPUTE, ARBITRATION = 100_000, 7_200, 3_600, 14 * 86_400
MONITORS = tuple(f"0x{number:040x}" for number in range(1, 6))
TERMS = Terms(
    "0x" + "a" * 40, "0x" + "b" * 40, 0, b"\1" * 32, 10**9, 3_600, 1, REPORT, DISPUTE, 1, 1, 1, (0, 0, 0), 1, 3,
    NOBODY, MONITORS, (UPTIME, LATENCY),
)  # fmt: skip
NONE = Claim(NOBODY, Outcome.UNMEASURED, 0, 0, 0, 0)


def claim(outcome: Outcome, *, signers: int = 3, value: int = 0, since: int = END + 50) -> Claim:
    return Claim(NOBODY, outcome, signers, value, since, 0)


def view(*claims: Claim, settled: bool = False) -> WindowView:
    return WindowView(0, Span(END - 3_600, END), 0, 0, settled, claims)


def evidence(value: int, signers: int) -> Evidence:
    made = Evidence.of(
        (SignedMeasurement(Measurement(1, 0, 0, value, 1, 0, 0), one, b"") for one in MONITORS[:signers]), TERMS, 0
    )
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("outcome", "signers", "there", "value", "count", "how"),
    [
        (Outcome.UNMEASURED, 0, 0, 1_000_000, 3, "file"),
        (Outcome.UNMEASURED, 0, 0, 0, 3, "file"),
        (Outcome.REPORTED, 0, 0, 0, 3, "submit"),
        (Outcome.REPORTED, 0, 0, 1_000_000, 3, "file"),
        (Outcome.MET, 3, 1_000_000, 0, 3, None),
        (Outcome.MET, 3, 1_000_000, 0, 4, "file"),
        (Outcome.MET, 3, 1_000_000, 999_000, 5, None),
        (Outcome.VIOLATED, 3, 998_000, 997_000, 5, None),
        (Outcome.VIOLATED, 3, 998_000, 900_000, 5, "file"),
        (Outcome.VIOLATED, 3, 998_000, 1_000_000, 4, "file"),
        (Outcome.VIOLATED, 5, 998_000, 1_000_000, 5, None),
        (Outcome.MET, BY_RULING, 0, 0, 5, None),
        (Outcome.DISPUTED, 3, 0, 1_000_000, 5, "file"),
        (Outcome.DISPUTED, 3, 998_000, 900_000, 5, "file"),
        (Outcome.DISPUTED, 3, 998_000, 900_000, 3, None),
        (Outcome.PENALISED, 3, 0, 1_000_000, 5, None),
    ],
)
def test_evidence_is_brought_when_nothing_is_there_or_more_monitors_say_otherwise(
    outcome: Outcome, signers: int, there: int, value: int, count: int, how: str | None
) -> None:
    assert filing(TERMS, 0, claim(outcome, signers=signers, value=there), evidence(value, count)) == how


def test_evidence_can_come_as_long_as_the_contract_takes_it() -> None:
    late = END + REPORT
    assert evidence_deadline(TERMS, view(NONE), NONE) == late
    for outcome, since, deadline in [
        (Outcome.REPORTED, END, late),
        (Outcome.VIOLATED, END, END + DISPUTE),
        (Outcome.MET, END, late),
        (Outcome.MET, late - 1, late - 1 + DISPUTE),
        (Outcome.DISPUTED, END, END + DISPUTE),
        (Outcome.PENALISED, END, None),
    ]:
        one = claim(outcome, since=since)
        assert evidence_deadline(TERMS, view(one), one) == deadline
    ruled = claim(Outcome.MET, signers=BY_RULING)
    assert evidence_deadline(TERMS, view(ruled), ruled) is None


def test_all_monitors_need_not_wait_and_a_quorum_waits_for_its_patience() -> None:
    turn = Turn(2, 5, 120)
    assert filing_time(TERMS, view(NONE), NONE, evidence(0, 5), turn, 900) == END + 240
    assert filing_time(TERMS, view(NONE), NONE, evidence(0, 3), turn, 900) == END + 900 + 240


def test_nobodys_turn_comes_too_late() -> None:
    assert filing_time(TERMS, view(NONE), NONE, evidence(0, 3), Turn(4, 5, 86_400), 86_400) == END + REPORT * 3 // 4


@given(st.integers(1, 32), st.integers(0, 10_000))
def test_each_window_has_another_first_and_all_have_turns_of_their_own(count: int, number: int) -> None:
    delays = [Turn(index, count, 10).delay(number) for index in range(count)]
    assert sorted(delays) == [10 * place for place in range(count)]
    assert delays[number % count] == 0


def test_time_finalises_what_nobody_disputed_ruled_or_proved() -> None:
    for outcome, expected in [
        (Outcome.VIOLATED, END + 50 + DISPUTE),
        (Outcome.DISPUTED, END + 50 + ARBITRATION),
        (Outcome.REPORTED, END + REPORT),
        (Outcome.MET, None),
        (Outcome.UNMEASURED, None),
        (Outcome.PENALISED, None),
    ]:
        one = claim(outcome)
        assert finalise_time(TERMS, view(one), one, ARBITRATION) == expected


def test_a_window_is_settled_when_nothing_about_it_can_change() -> None:
    late = END + REPORT
    assert settle_time(TERMS, view(NONE, NONE)) == late
    assert settle_time(TERMS, view(NONE, NONE, settled=True)) is None
    assert settle_time(TERMS, view(claim(Outcome.PENALISED), NONE)) == late
    for outcome in (Outcome.REPORTED, Outcome.VIOLATED, Outcome.DISPUTED):
        assert settle_time(TERMS, view(NONE, claim(outcome))) is None
    assert settle_time(TERMS, view(claim(Outcome.MET, since=late - 1), NONE)) == late - 1 + DISPUTE
    assert settle_time(TERMS, view(claim(Outcome.MET, since=late - 1, signers=5), NONE)) == late
    assert settle_time(TERMS, view(claim(Outcome.MET, since=late - 1, signers=BY_RULING), NONE)) == late


@given(st.sets(st.integers(0, 60)), st.integers(1, 10))
def test_batches_are_the_same_numbers_without_gaps(numbers: set[int], most: int) -> None:
    found = batches(sorted(numbers), most)
    assert [number for first, end in found for number in range(first, end)] == sorted(numbers)
    assert all(0 < end - first <= most for first, end in found)
