"""Votes: with a reason, by transaction or by signature (EIP-712 ballots of OpenZeppelin's Governor)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.typed_data import digest_of, signer_of
from novacron.exceptions import InputError, UnknownProposalError, VoteError
from novacron.governance.lifecycle.sending import Call, Sender, Sent
from novacron.governance.model import ProposalState
from novacron.governance.onchain import GovernorReader, OnchainProposal, short_id
from novacron.governance.units import moment

FORMAT = "novacron-ballot-v1"


class Support(IntEnum):
    """OpenZeppelin's GovernorCountingSimple.VoteType, same numbers."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


def parse_support(text: str) -> Support:
    """`for`, `against` or `abstain`. Raises InputError."""
    try:
        return Support[text.strip().upper()]
    except KeyError:
        raise InputError(f"{text!r} is no vote: for, against or abstain") from None


def check_vote(reader: GovernorReader, number: int, voter: str) -> int:
    """Power a vote would have now.

    Raises:
        UnknownProposalError: no such proposal.
        VoteError: outside the window, cast already, or without power.
    """
    proposal = reader.proposal(number)
    _check_window(proposal)
    if reader.has_voted(number, voter):
        raise VoteError(f"{voter} has voted on {short_id(number)} already; a vote is final")
    power = reader.power(voter, proposal.snapshot)
    if power == 0:
        raise VoteError(
            f"{voter} had no voting power at {moment(proposal.snapshot)}, the moment that counts: only verified "
            "holders have it, and one who delegates gives it to the delegatee"
        )
    return power


def _check_window(proposal: OnchainProposal) -> None:
    if proposal.state is ProposalState.PENDING:
        raise VoteError(f"voting on {short_id(proposal.id)} opens after {moment(proposal.snapshot)}; vote then")
    if proposal.state is not ProposalState.ACTIVE:
        raise VoteError(
            f"voting on {short_id(proposal.id)} is over since {moment(proposal.deadline)}; it is "
            f"{proposal.state.name.lower()}"
        )


def cast_vote(reader: GovernorReader, sender: Sender, number: int, support: Support, reason: str = "") -> Sent:
    """Vote. Repeating it sends nothing new; a vote that would not count is refused before anything is sent.

    Raises:
        UnknownProposalError, VoteError: as `check_vote`.
        ChainError: as `TransactionManager.send`.
    """
    check_vote(reader, number, sender.address)
    if reason:
        data = reader.governor.encode("castVoteWithReason", number, int(support), reason)
    else:
        data = reader.governor.encode("castVote", number, int(support))
    title = f"vote {support.name.lower()} on {short_id(number)}"
    return sender.send(Call(f"vote/{number:064x}/{sender.address}", reader.governor.address, data, title))


# --------------------------------------------------------------------------------------------------------------------
# By signature
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ballot:
    """A vote to be signed; somebody else may then send it and pay for it.

    Attributes:
        chain_id, governor, name, version: the EIP-712 domain.
        proposal: id.
        voter: whose vote it is.
        nonce: the voter's at the governor; each signature counts once.
        reason: "" signs the short form.
    """

    chain_id: int
    governor: str
    name: str
    version: str
    proposal: int
    support: Support
    voter: str
    nonce: int
    reason: str = ""

    @property
    def typed_data(self) -> dict[str, Any]:
        """The EIP-712 document: `Ballot`, or `ExtendedBallot` with a reason (OpenZeppelin Governor 5.x)."""
        domain = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
        fields = [("proposalId", "uint256"), ("support", "uint8"), ("voter", "address"), ("nonce", "uint256")]
        message = {"proposalId": self.proposal, "support": int(self.support), "voter": self.voter, "nonce": self.nonce}
        kind = "Ballot"
        if self.reason:
            kind, fields = "ExtendedBallot", [*fields, ("reason", "string"), ("params", "bytes")]
            message |= {"reason": self.reason, "params": b""}
        return {
            "types": {"EIP712Domain": _members(domain), kind: _members(fields)},
            "primaryType": kind,
            "domain": {
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.governor,
            },
            "message": message,
        }


def make_ballot(reader: GovernorReader, number: int, support: Support, voter: str, reason: str = "") -> Ballot:
    """A ballot with the voter's present nonce; it can be signed before voting opens.

    Raises:
        UnknownProposalError: no such proposal.
        VoteError: the governor's EIP-712 domain is not its own.
    """
    if reader.state(number) is None:
        raise UnknownProposalError(f"there is no proposal {short_id(number)} to vote on")
    account = parse_address(voter, "voter")
    domain, nonce = reader.governor.call_many([("eip712Domain",), ("nonces", account)])
    _, name, version, chain_id, contract, _, _ = domain
    if (chain_id, contract) != (reader.dao.pool.chain_id(), reader.governor.address):
        raise VoteError(f"the governor signs for chain {chain_id} and contract {contract}, which is not where it is")
    return Ballot(chain_id, contract, str(name), str(version), number, support, account, int(nonce), reason)


def cast_ballot(reader: GovernorReader, sender: Sender, ballot: Ballot, signature: bytes) -> Sent:
    """Send somebody's signed ballot.

    Raises:
        VoteError: signed for another chain, contract or nonce, by another key, or as `check_vote`.
    """
    expected = make_ballot(reader, ballot.proposal, ballot.support, ballot.voter, ballot.reason)
    if ballot.chain_id != expected.chain_id or ballot.governor != expected.governor:
        raise VoteError(
            f"this ballot is for the governor {ballot.governor} on chain {ballot.chain_id}, not for "
            f"{expected.governor} on chain {expected.chain_id}"
        )
    if ballot.nonce != expected.nonce:
        raise VoteError(
            f"this ballot has nonce {ballot.nonce}, the next one of {ballot.voter} is {expected.nonce}: "
            + ("it was used already" if ballot.nonce < expected.nonce else "an earlier ballot comes first")
        )
    code = reader.dao.pool.request("eth_getCode", [ballot.voter, "latest"])
    # A contract's signature (ERC-1271) is judged by the contract itself, when the transaction is estimated.
    if code in ("0x", "0x0") and signer_of(digest_of(expected.typed_data), signature) != ballot.voter:
        raise VoteError(f"the signature is not that of {ballot.voter} over this ballot")
    check_vote(reader, ballot.proposal, ballot.voter)
    choice = int(ballot.support)
    if ballot.reason:
        arguments = (ballot.proposal, choice, ballot.voter, ballot.reason, b"", signature)
        data = reader.governor.encode("castVoteWithReasonAndParamsBySig", *arguments)
    else:
        data = reader.governor.encode("castVoteBySig", ballot.proposal, choice, ballot.voter, signature)
    key = f"ballot/{ballot.proposal:064x}/{ballot.voter}/{ballot.nonce}/{sender.address}"
    title = f"vote of {ballot.voter} on {short_id(ballot.proposal)}"
    return sender.send(Call(key, reader.governor.address, data, title))


def ballot_document(ballot: Ballot, signature: bytes) -> dict[str, Any]:
    """A signed ballot as JSON, for whoever sends it."""
    return {
        "format": FORMAT,
        "chainId": ballot.chain_id,
        "governor": ballot.governor,
        "name": ballot.name,
        "version": ballot.version,
        "proposal": f"0x{ballot.proposal:064x}",
        "support": ballot.support.name.lower(),
        "voter": ballot.voter,
        "nonce": ballot.nonce,
        "reason": ballot.reason,
        "signature": "0x" + signature.hex(),
    }


def parse_ballot(text: str) -> tuple[Ballot, bytes]:
    """A signed ballot from its JSON.

    Raises:
        VoteError: it is none, or misses a part.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        ballot = Ballot(
            chain_id=int(document["chainId"]),
            governor=parse_address(document["governor"]),
            name=str(document["name"]),
            version=str(document["version"]),
            proposal=int(document["proposal"], 16),
            support=parse_support(document["support"]),
            voter=parse_address(document["voter"]),
            nonce=int(document["nonce"]),
            reason=str(document["reason"]),
        )
        return ballot, bytes.fromhex(document["signature"].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise VoteError(f"this is no signed ballot: {reason}") from None


def _members(pairs: list[tuple[str, str]]) -> list[Mapping[str, str]]:
    return [{"name": name, "type": kind} for name, kind in pairs]
