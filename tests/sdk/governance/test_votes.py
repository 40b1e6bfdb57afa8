"""Votes and signed ballots: what counts reaches the chain once, what would not is refused before anything is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from novacron.chain import TransactionManager
from novacron.chain.typed_data import digest_of, signer_of, typed_data_signer
from novacron.exceptions import InputError, RevertedError, UnknownProposalError, VoteError
from novacron.governance.lifecycle.sending import AccountSender
from novacron.governance.lifecycle.votes import (
    Ballot,
    Support,
    ballot_document,
    cast_ballot,
    cast_vote,
    make_ballot,
    parse_ballot,
    parse_support,
)
from novacron.governance.onchain import GovernorReader
from novacron.governance.suite import Suite
from tests.support.small_dao import DAY, NOVA, POWERS, STRANGER, SmallDao


@pytest.fixture
def number(dao: SmallDao) -> int:
    return dao.propose(dao.mint(1), description="# Vote on me")


@pytest.fixture
def sender(manager: TransactionManager) -> AccountSender:
    return AccountSender(manager)


def sent_by(dao: SmallDao, account: int) -> int:
    return int(dao.w3.eth.get_transaction_count(dao.accounts[account]))


def test_a_vote_with_a_reason_is_counted(
    dao: SmallDao, reader: GovernorReader, sender: AccountSender, number: int
) -> None:
    dao.open_vote(number)
    sent = cast_vote(reader, sender, number, Support.AGAINST, "too much")
    assert sent.receipt is not None
    [event] = reader.governor.decode_logs(sent.receipt, "VoteCast")
    assert (event.args["reason"], event.args["weight"], event.args["support"]) == ("too much", POWERS[0], 0)
    assert reader.proposal(number).tally.against == POWERS[0]


def test_before_the_window_a_vote_is_refused_with_the_time_it_opens(
    dao: SmallDao, reader: GovernorReader, sender: AccountSender, number: int
) -> None:
    before = sent_by(dao, 1)
    with pytest.raises(VoteError, match=r"opens after 20.* UTC"):
        cast_vote(reader, sender, number, Support.FOR)
    assert sent_by(dao, 1) == before


def test_after_the_window_a_vote_is_refused(
    dao: SmallDao, reader: GovernorReader, sender: AccountSender, number: int
) -> None:
    dao.pass_time(9 * DAY)
    with pytest.raises(VoteError, match=r"is over since 20.* UTC; it is defeated"):
        cast_vote(reader, sender, number, Support.FOR)


def test_voting_twice_is_refused(dao: SmallDao, reader: GovernorReader, sender: AccountSender, number: int) -> None:
    dao.open_vote(number)
    cast_vote(reader, sender, number, Support.FOR)
    before = sent_by(dao, 1)
    with pytest.raises(VoteError, match=r"has voted on 0x.* already"):
        cast_vote(reader, sender, number, Support.AGAINST)
    assert sent_by(dao, 1) == before


def test_without_power_a_vote_is_refused(dao: SmallDao, suite: Suite, number: int, tmp_path: Path) -> None:
    dao.open_vote(number)
    stranger = AccountSender(dao.manager(STRANGER, tmp_path / "stranger.db", suite.pool))
    with pytest.raises(VoteError, match="had no voting power at"):
        cast_vote(GovernorReader(suite), stranger, number, Support.FOR)
    assert sent_by(dao, STRANGER) == 0


def test_votes_bought_after_the_snapshot_do_not_count(dao: SmallDao, suite: Suite, number: int, tmp_path: Path) -> None:
    dao.open_vote(number)
    buyer = dao.accounts[STRANGER]
    dao.send(dao.members[0], "NovaToken", "transfer", buyer, 4_000_000 * NOVA)
    dao.send(dao.accounts[5], "IdentityGate", "verify", buyer, dao.now // (91 * DAY) + 1)
    assert GovernorReader(suite).power(buyer) > 0
    with pytest.raises(VoteError, match="had no voting power"):
        cast_vote(
            GovernorReader(suite),
            AccountSender(dao.manager(STRANGER, tmp_path / "s.db", suite.pool)),
            number,
            Support.FOR,
        )


def test_an_unknown_proposal_is_named(reader: GovernorReader, sender: AccountSender) -> None:
    with pytest.raises(UnknownProposalError, match="0x00000000…"):
        cast_vote(reader, sender, 5, Support.FOR)


@pytest.mark.parametrize("text", ["yes", "", "1"])
def test_only_three_words_are_votes(text: str) -> None:
    with pytest.raises(InputError, match="for, against or abstain"):
        parse_support(text)


# -- by signature ------------------------------------------------------------------------------------------------------


def signed(dao: SmallDao, ballot: Ballot, account: int = 1) -> bytes:
    return typed_data_signer(dao.signer(account)).sign_typed_data(ballot.typed_data)


@pytest.fixture
def relayer(dao: SmallDao, suite: Suite, tmp_path: Path) -> AccountSender:
    return AccountSender(dao.manager(STRANGER, tmp_path / "relayer.db", suite.pool))


@pytest.mark.parametrize("reason", ["", "because ✓"])
def test_a_signed_vote_counts_whoever_sends_it(
    dao: SmallDao, reader: GovernorReader, relayer: AccountSender, number: int, reason: str
) -> None:
    ballot = make_ballot(reader, number, Support.FOR, dao.accounts[1], reason)
    text = json.dumps(ballot_document(ballot, signed(dao, ballot)))
    dao.open_vote(number)
    sent = cast_ballot(reader, relayer, *parse_ballot(text))
    assert sent.receipt is not None
    names = ("VoteCast", "VoteCastWithParams")
    [event] = [log for name in names for log in reader.governor.decode_logs(sent.receipt, name)]
    assert (event.args["voter"], event.args["weight"], event.args["reason"]) == (dao.accounts[1], POWERS[0], reason)


def test_our_digest_is_the_one_the_governor_checks(dao: SmallDao, reader: GovernorReader, number: int) -> None:
    """The typehash of OpenZeppelin's Governor over our document: the contract accepts the signature."""
    ballot = make_ballot(reader, number, Support.ABSTAIN, dao.accounts[2])
    dao.open_vote(number)
    weight = reader.governor.call("castVoteBySig", number, 2, dao.accounts[2], signed(dao, ballot, 2))
    assert weight == POWERS[1]
    assert signer_of(digest_of(ballot.typed_data), signed(dao, ballot, 2)) == dao.accounts[2]


def test_a_replayed_ballot_is_refused(
    dao: SmallDao, reader: GovernorReader, relayer: AccountSender, number: int
) -> None:
    ballot = make_ballot(reader, number, Support.FOR, dao.accounts[1])
    signature = signed(dao, ballot)
    dao.open_vote(number)
    cast_ballot(reader, relayer, ballot, signature)
    with pytest.raises(VoteError, match=r"nonce 0, the next one .* is 1: it was used already"):
        cast_ballot(reader, relayer, ballot, signature)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chain_id": 1}, "on chain 1, not for"),
        ({"governor": "0x" + "11" * 20}, "is for the governor 0x1111"),
        ({"nonce": 7}, "an earlier ballot comes first"),
        ({"support": Support.AGAINST}, "is not that of"),
        ({"reason": "words put into the mouth"}, "is not that of"),
        ({"voter": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"}, "is not that of"),
    ],
)
def test_a_ballot_for_anything_else_is_refused_before_it_is_sent(
    dao: SmallDao, reader: GovernorReader, relayer: AccountSender, number: int, change: dict[str, object], words: str
) -> None:
    ballot = make_ballot(reader, number, Support.FOR, dao.accounts[1])
    signature = signed(dao, ballot)
    dao.open_vote(number)
    with pytest.raises(VoteError, match=words):
        cast_ballot(reader, relayer, replace(ballot, **change), signature)  # type: ignore[arg-type]
    assert sent_by(dao, STRANGER) == 0


def test_a_signature_for_another_chain_is_refused_by_the_contract_too(
    dao: SmallDao, reader: GovernorReader, number: int
) -> None:
    ballot = make_ballot(reader, number, Support.FOR, dao.accounts[1])
    elsewhere = signed(dao, replace(ballot, chain_id=1))
    dao.open_vote(number)
    with pytest.raises(RevertedError, match="GovernorInvalidSignature"):
        reader.governor.call("castVoteBySig", number, 1, dao.accounts[1], elsewhere)


def test_a_ballot_before_the_window_is_kept_for_later(
    dao: SmallDao, reader: GovernorReader, relayer: AccountSender, number: int
) -> None:
    ballot = make_ballot(reader, number, Support.FOR, dao.accounts[1])
    with pytest.raises(VoteError, match="opens after"):
        cast_ballot(reader, relayer, ballot, signed(dao, ballot))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x"}', '{"format": "novacron-ballot-v1"}'])
def test_what_is_no_ballot_is_refused(text: str) -> None:
    with pytest.raises(VoteError, match="no signed ballot"):
        parse_ballot(text)
