"""Change a parameter of governance itself: the time between a proposal and its vote."""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, change, event
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Vote two days after a proposal instead of one"
DESCRIPTION = """
Delegates in all time zones read the report before the snapshot is taken. One day is too short over a weekend.
"""
DELAY = 2 * 24 * 3600


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.Governance.setVotingDelay(DELAY)


def expects(_: Suite) -> Iterator[Expectation]:
    yield change("Governance._votingDelay", to=DELAY)
    yield event("Governance.VotingDelaySet", newVotingDelay=DELAY)
