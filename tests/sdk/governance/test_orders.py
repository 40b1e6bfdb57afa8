"""Orders of execution: conflicts with other live proposals are found and named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from novacron.exceptions import RevertedError
from novacron.governance.simulation.fork import Fork
from novacron.governance.simulation.orders import ALL_ORDERS, SELF, Subject, execution_orders
from novacron.governance.suite import Suite
from tests.support.small_dao import CPU_CAP, NOVA, STRANGER, SmallDao

MOST = CPU_CAP - 10 * NOVA


@pytest.fixture
def fork(dao: SmallDao, suite: Suite) -> Iterator[Fork]:
    """Over the chain as it is when the test first uses it."""
    with Fork(suite.pool) as made:
        yield made


def subject(dao: SmallDao, *actions: tuple[str, int, bytes], by: int = 1) -> Subject:
    targets, values, calldatas = zip(*actions, strict=True)
    return Subject(targets, values, calldatas, "# Subject", dao.accounts[by])


def test_alone_there_is_no_order_to_try(dao: SmallDao, suite: Suite, fork: Fork) -> None:
    report = execution_orders(fork, suite, subject(dao, dao.mint(1)))
    assert (report.outcomes, report.findings) == ((), ())


def test_two_that_do_not_touch_each_other_pass_in_both_orders(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(2), description="# Other")
    with Fork(suite.pool) as fork:
        before = fork.timestamp
        report = execution_orders(fork, suite, subject(dao, dao.mint(1)))
        assert fork.timestamp == before
    assert [one.ok for one in report.outcomes] == [True, True]
    assert {one.order.index(SELF) for one in report.outcomes} == {0, 1}
    assert report.findings == ()


def test_two_mints_that_exceed_the_cap_together_conflict_in_both_orders(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(MOST), description="# Rival")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(20 * NOVA)))
    assert [one.ok for one in report.outcomes] == [False, False]
    messages = [finding.message for finding in report.findings]
    assert any(message.startswith("this proposal fails after Rival (0x") for message in messages)
    assert any(message.startswith("Rival (0x") and "fails after this proposal" in message for message in messages)
    assert all(f"ERC20ExceededCap({MOST + 20 * NOVA + 1000}, {CPU_CAP})" in message for message in messages)
    assert {finding.severity for finding in report.findings} == {"warning"}


def test_a_conflict_of_three_is_found_where_no_pair_conflicts(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(CPU_CAP // 2), description="# First half")
    dao.propose(dao.mint(CPU_CAP // 2 - 100 * NOVA), description="# Second half")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(200 * NOVA)))
    assert len(report.outcomes) == 6
    # Whichever comes last fails, and this proposal takes part in each.
    assert not any(one.ok for one in report.outcomes)
    assert all(len(one.order) == 3 for one in report.outcomes)


def test_another_that_fails_by_itself_is_not_blamed_on_this_one(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(2 * CPU_CAP), description="# Hopeless")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(1)))
    assert [one.ok for one in report.outcomes] == [True, True]
    assert all("fails by itself" in one.reason for one in report.outcomes)
    assert report.findings == ()


def test_one_that_cannot_pass_any_more_is_left_out(dao: SmallDao, suite: Suite) -> None:
    number = dao.propose(dao.mint(MOST), description="# Outvoted")
    dao.open_vote(number)
    for member in dao.members[:2]:
        dao.send(member, "Governance", "castVote", number, 0)
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(20 * NOVA)))
    assert report.outcomes == ()
    [finding] = report.findings
    assert (finding.severity, "Outvoted" in finding.message) == ("note", True)


def test_proposals_of_every_stage_are_brought_together(dao: SmallDao, suite: Suite) -> None:
    queued = dao.propose(dao.mint(MOST), description="# Queued")
    dao.carry(queued)
    active = dao.propose(dao.mint(3), description="# Active")
    dao.open_vote(active)
    dao.send(dao.members[0], "Governance", "castVote", active, 0)
    dao.propose(dao.mint(4), description="# Pending")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(20 * NOVA)))
    assert len(report.outcomes) == 24
    names = {name.split(" (")[0] for one in report.outcomes for name in one.order}
    assert names == {SELF, "Queued", "Active", "Pending"}
    assert any("fails after Queued" in finding.message for finding in report.findings)


def test_with_many_others_each_pair_is_tried_and_that_is_said(dao: SmallDao, suite: Suite) -> None:
    for number in range(ALL_ORDERS + 1):
        dao.propose(dao.mint(MOST if number == 3 else 1), description=f"# Number {number}")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(20 * NOVA)))
    assert len(report.outcomes) == 2 * (ALL_ORDERS + 1)
    assert all(len(one.order) == 2 for one in report.outcomes)
    assert any("not all orders" in finding.message for finding in report.findings)
    failing = {name for one in report.outcomes if not one.ok for name in one.order if name != SELF}
    assert [name.split(" (")[0] for name in failing] == ["Number 3"]


def test_a_proposal_on_the_chain_already_is_not_proposed_again(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(20 * NOVA), description="# Subject")
    dao.propose(dao.mint(MOST), description="# Rival")
    with Fork(suite.pool) as fork:
        report = execution_orders(fork, suite, subject(dao, dao.mint(20 * NOVA)))
    assert [one.ok for one in report.outcomes] == [False, False]


def test_a_proposer_below_the_threshold_is_an_error(dao: SmallDao, suite: Suite) -> None:
    dao.propose(dao.mint(2), description="# Other")
    with Fork(suite.pool) as fork, pytest.raises(RevertedError, match="GovernorInsufficientProposerVotes"):
        execution_orders(fork, suite, subject(dao, dao.mint(1), by=STRANGER))
