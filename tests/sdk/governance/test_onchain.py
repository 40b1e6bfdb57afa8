"""GovernorReader: proposals, tallies and voters as the chain has them."""

from __future__ import annotations

import pytest

from novacron.exceptions import InconsistentEndpointError, UnknownProposalError
from novacron.governance.model import ProposalState
from novacron.governance.onchain import GovernorReader, Tally
from tests.support.faulty_rpc import Answer, FaultyRpc, Lie, on
from tests.support.small_dao import DAY, NOVA, POWERS, STRANGER, SmallDao


def test_a_dao_without_proposals_has_none(reader: GovernorReader) -> None:
    assert reader.proposals() == []
    assert reader.state(7) is None


def test_an_unknown_id_is_an_error_that_says_so(reader: GovernorReader) -> None:
    with pytest.raises(UnknownProposalError, match="no proposal 0x00000000… on ethereum-local"):
        reader.proposal(7)


def test_a_proposal_is_read_as_it_was_made(dao: SmallDao, reader: GovernorReader) -> None:
    action = dao.mint(5 * NOVA)
    number = dao.propose(action, description="# Five CPU\n\nbecause")
    found = reader.proposal(number)
    assert (found.targets, found.values, found.calldatas) == ((action[0],), (0,), (action[2],))
    assert (found.title, found.proposer, found.state) == ("Five CPU", dao.accounts[1], ProposalState.PENDING)
    assert (found.snapshot, found.deadline) == (dao.now + DAY, dao.now + 8 * DAY)
    assert (found.eta, found.quorum, found.tally) == (0, None, Tally(0, 0, 0))


def test_every_stage_of_a_proposals_life_is_seen(dao: SmallDao, reader: GovernorReader) -> None:
    number = dao.propose(dao.mint(1), description="life")
    dao.open_vote(number)
    dao.send(dao.members[0], "Governance", "castVote", number, 0)
    dao.send(dao.members[1], "Governance", "castVote", number, 1)
    dao.send(dao.members[2], "Governance", "castVote", number, 1)
    dao.send(dao.members[3], "Governance", "castVote", number, 2)
    active = reader.proposal(number)
    assert active.state is ProposalState.ACTIVE
    assert active.tally == Tally(against=POWERS[0], for_=POWERS[1] + POWERS[2], abstain=POWERS[3])
    assert active.quorum == sum(POWERS) * 40 // 100
    dao.warp(active.deadline + 1)
    assert reader.proposal(number).state is ProposalState.DEFEATED
    assert not reader.proposal(number).live


def test_a_queued_proposal_has_the_time_from_which_it_can_be_executed(dao: SmallDao, reader: GovernorReader) -> None:
    number = dao.propose(dao.mint(1), description="queue")
    dao.carry(number)
    dao.send(dao.members[3], "Governance", "queue", *reader.proposal(number).call_arguments)
    found = reader.proposal(number)
    assert (found.state, found.eta) == (ProposalState.QUEUED, dao.now + 2 * DAY)


def test_only_live_proposals_are_live(dao: SmallDao, reader: GovernorReader) -> None:
    first = dao.propose(dao.mint(1), description="first")
    second = dao.propose(dao.mint(2), description="second")
    assert [one.id for one in reader.live()] == [first, second]
    cancelled = reader.proposal(first)
    dao.send(dao.accounts[1], "Governance", "cancel", *cancelled.call_arguments)
    assert [one.id for one in reader.live()] == [second]
    assert [one.id for one in reader.proposals()] == [first, second]


def test_proposals_made_after_the_first_look_are_seen(dao: SmallDao, reader: GovernorReader) -> None:
    first = dao.propose(dao.mint(1), description="first")
    assert [one.id for one in reader.proposals()] == [first]
    second = dao.propose(dao.mint(2), description="second")
    assert [one.id for one in reader.proposals()] == [first, second]


def test_a_proposal_that_a_reorganisation_removed_is_gone(dao: SmallDao, reader: GovernorReader) -> None:
    mark = dao.node.rpc("evm_snapshot")
    number = dao.propose(dao.mint(1), description="first")
    assert [one.id for one in reader.proposals()] == [number]
    dao.node.rpc("evm_revert", mark)
    dao.node.rpc("anvil_mine", "0x5")  # the other branch is longer
    assert reader.proposals() == []


def test_voters_are_ranked_with_their_shares(dao: SmallDao, reader: GovernorReader) -> None:
    voters = reader.voters()
    assert [(one.account, one.power) for one in voters] == list(zip(dao.members, POWERS, strict=True))
    assert sum(one.share for one in voters) == pytest.approx(1)
    assert reader.total() == sum(POWERS)
    assert reader.quorum() == sum(POWERS) * 40 // 100


def test_voters_at_a_past_moment_are_those_of_that_moment(dao: SmallDao, reader: GovernorReader) -> None:
    before = dao.now
    dao.pass_time(10)
    largest, second = dao.members[:2]
    dao.send(largest, "NovaToken", "transfer", second, 5_000_000 * NOVA)
    dao.pass_time(1)
    assert [one.power for one in reader.voters(before)] == list(POWERS)
    assert [one.power for one in reader.voters()] == [3_000_000, 2_000_000, 1_000_000, 500_000]
    assert reader.voters()[0].account == second
    assert reader.quorum(before) == reader.total(before) * 40 // 100


def test_a_delegator_is_no_voter_and_the_delegatee_has_the_sum(dao: SmallDao, reader: GovernorReader) -> None:
    giver, taker = dao.members[3], dao.members[2]
    dao.send(taker, "QuadraticVotes", "acceptDelegator", giver, True)
    dao.send(giver, "QuadraticVotes", "delegate", taker)
    powers = {one.account: one.power for one in reader.voters()}
    assert giver not in powers
    assert powers[taker] == POWERS[2] + POWERS[3]


def test_an_unverified_holder_is_no_voter(dao: SmallDao, reader: GovernorReader) -> None:
    dao.send(dao.members[0], "NovaToken", "transfer", dao.accounts[STRANGER], NOVA)
    assert dao.accounts[STRANGER] not in {one.account for one in reader.voters()}


def test_a_node_that_limits_log_ranges_is_asked_in_smaller_ones(dao: SmallDao) -> None:
    number = dao.propose(dao.mint(1), description="limited")

    def limited(method: str, params: list[object]) -> Answer | None:
        if method != "eth_getLogs":
            return None
        query = params[0]
        assert isinstance(query, dict)
        if int(query["toBlock"], 16) - int(query["fromBlock"], 16) < 10:
            return None
        return Answer({"error": {"code": -32005, "message": "block range too large, limited to 10"}})

    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url) as pool:
        proxy.rule = limited
        reader = GovernorReader(dao.suite(pool))
        assert [one.id for one in reader.proposals()] == [number]
        assert len(reader.voters()) == 4


def test_an_event_whose_content_does_not_have_its_id_is_not_believed(dao: SmallDao) -> None:
    dao.propose(dao.mint(1), description="true words")

    def forged(logs: list[dict[str, str]]) -> list[dict[str, str]]:
        real, false = b"true words".hex(), b"evil words".hex()
        return [log | {"data": log["data"].replace(real, false)} for log in logs]

    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url) as pool:
        proxy.rule = on("eth_getLogs", Lie(forged))
        with pytest.raises(InconsistentEndpointError, match="does not have that id's content"):
            GovernorReader(dao.suite(pool)).proposals()
