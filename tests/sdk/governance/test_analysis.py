"""Carriers, blockers and turnout: checked against every subset of small electorates."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.governance.model import Voter
from novacron.governance.simulation.analysis import analyse, electorate_findings


def electorate(*powers: int) -> list[Voter]:
    total = sum(powers) or 1
    return [Voter(f"0x{number:040x}", power, power / total) for number, power in enumerate(powers)]


def passes(in_favour: int, against: int, quorum: int) -> bool:
    """OpenZeppelin's rule without abstentions."""
    return in_favour >= quorum and in_favour > against


@given(st.lists(st.integers(0, 40), max_size=7), st.integers(0, 100))
def test_no_smaller_set_carries_or_blocks(powers: list[int], percent: int) -> None:
    total = sum(powers)
    quorum = total * percent // 100
    found = analyse(electorate(*powers), quorum)
    indices = range(len(powers))

    def smallest(holds: object) -> int | None:
        for size in range(len(powers) + 1):
            for chosen in combinations(indices, size):
                if holds(sum(powers[i] for i in chosen)):  # type: ignore[operator]
                    return size
        return None

    carrying = smallest(lambda held: passes(held, total - held, quorum))
    assert len(found.carriers) == (carrying or 0)
    if carrying is not None:
        by_account = {voter.account: voter.power for voter in found.voters}
        held = sum(by_account[account] for account in found.carriers)
        against = sum(by_account[account] for account in found.blockers)
        assert passes(held, total - held, quorum)
        assert not passes(total - against, against, quorum)
        assert len(found.blockers) == smallest(lambda held: not passes(total - held, held, quorum))


def test_an_empty_electorate_carries_nothing_and_says_so() -> None:
    found = analyse([], 0)
    assert (found.voters, found.total, found.carriers, found.blockers, found.turnout) == ((), 0, (), (), 0.0)
    [finding] = electorate_findings(found)
    assert finding.severity == "error"
    assert "no account has voting power" in finding.message


def test_voters_without_power_count_as_none() -> None:
    assert analyse(electorate(0, 0), 0).carriers == ()


def test_a_quorum_out_of_reach_is_an_error() -> None:
    found = analyse(electorate(5, 4), 10, total=20)
    assert (found.carriers, found.blockers, found.turnout) == ((), (), 0.5)
    [finding] = electorate_findings(found)
    assert (finding.severity, "9 and the quorum is 10" in finding.message) == ("error", True)


def test_the_quorum_alone_is_not_enough_against_a_larger_rest() -> None:
    # 45 of 100 reach a quorum of 40, and lose against 55.
    assert len(analyse(electorate(45, 30, 25), 40).carriers) == 2


def test_exactly_half_does_not_carry_and_does_block() -> None:
    found = analyse(electorate(50, 25, 25), 40)
    assert (len(found.carriers), len(found.blockers)) == (2, 1)


def test_powers_beyond_floating_point_are_compared_exactly() -> None:
    half = 2**200
    assert len(analyse(electorate(half, half), 1).carriers) == 2
    assert len(analyse(electorate(half + 1, half), 1).carriers) == 1


@pytest.mark.parametrize(("powers", "words"), [((60, 40), ["alone carries", "alone blocks"]), ((50, 50), ["blocks"])])
def test_a_single_account_that_decides_is_a_warning(powers: tuple[int, ...], words: list[str]) -> None:
    findings = electorate_findings(analyse(electorate(*powers), 40))
    assert [finding.severity for finding in findings] == ["warning"] * len(words)
    assert all(word in finding.message for word, finding in zip(words, findings, strict=True))


def test_turnout_is_the_quorums_share_of_everybody() -> None:
    assert analyse(electorate(60, 40), 40, total=200).turnout == 0.2
    assert analyse(electorate(60, 40), 300, total=200).turnout == 1.0
