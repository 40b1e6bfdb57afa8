"""The way of a proposal on a fork: propose, vote, queue, execute, each as it would be on the chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.chain.errors import ErrorDecoder
from novacron.governance.model import Proposal, ProposalState, StepGas, Voter, proposal_id
from novacron.governance.onchain import GovernorReader, ranked
from novacron.governance.simulation.fork import Circumstances, Fork, ForkReceipt
from novacron.governance.suite import Suite

Progress = Callable[[str], None]

#: Who queues and executes on a fork: nobody in particular, as anybody may.
ANYBODY = parse_address("0x" + keccak(text="novacron: whoever executes").hex()[-40:])
_FOR = 1


@dataclass(frozen=True)
class Electorate:
    """Voters with their powers at a snapshot, largest first; `total` and `quorum` in the votes contract's unit."""

    voters: tuple[Voter, ...]
    total: int
    quorum: int


@dataclass
class ProposalPath:
    """One proposal on one fork. Every step raises RevertedError, with the contract's custom error, when it fails.

    Args:
        fork: where it happens.
        dao: the suite.
        proposal, description: what is proposed; the description as it is on the chain.
        errors: custom errors to know.
        progress: told what happens.
    """

    fork: Fork
    dao: Suite
    proposal: Proposal
    description: str
    errors: ErrorDecoder
    progress: Progress
    gas: list[StepGas] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = GovernorReader(self.dao.on(self.fork.pool))
        self.governor = self.reader.governor
        calls = (self.proposal.targets, self.proposal.values, self.proposal.calldatas)
        self.id = proposal_id(*calls, self.description)
        self._hashed = (*calls, keccak(text=self.description))

    def state(self) -> ProposalState | None:
        """Its state now, None when it was not proposed."""
        return self.reader.state(self.id)

    def propose(self, proposer: str) -> None:
        """Propose it in `proposer`'s name."""
        self.progress(f"propose as {self.dao.name_of(proposer)}")
        calls = (self.proposal.targets, self.proposal.values, self.proposal.calldatas)
        self._send(proposer, self.governor.encode("propose", *calls, self.description), "propose")

    def electorate(self, voters: Sequence[Voter] | None = None) -> Electorate:
        """Move to its snapshot and read who has which power then.

        Args:
            voters: accounts to ask; everybody who ever had power when None.
        """
        snapshot = int(self.governor.call("proposalSnapshot", self.id))
        self.fork.warp(max(self.fork.timestamp, snapshot + 1))
        if voters is None:
            found = self.reader.voters(snapshot)
        else:
            accounts = list(dict.fromkeys(voter.account for voter in voters))
            calls = [("getPastVotes", account, snapshot) for account in accounts]
            powers = self.reader.votes.call_many(calls) if calls else []
            found = ranked(dict(zip(accounts, powers, strict=True)))
        return Electorate(tuple(found), self.reader.total(snapshot), self.reader.quorum(snapshot))

    def vote(self, electorate: Electorate) -> bool:
        """Let the largest voters vote For until it carries; those who have voted on the chain have.

        Returns:
            Whether For and Abstain reach the quorum, and For is more than Against.
        """
        against, in_favour, abstain = (int(votes) for votes in self.governor.call("proposalVotes", self.id))
        for voter in electorate.voters:
            if in_favour + abstain >= electorate.quorum and in_favour > against:
                break
            if self.reader.has_voted(self.id, voter.account):
                continue
            name = self.dao.name_of(voter.account)
            self.progress(f"vote For as {name} ({voter.share:.1%} of the power)")
            self._send(voter.account, self.governor.encode("castVote", self.id, _FOR), f"vote {name}")
            in_favour += voter.power
        return in_favour + abstain >= electorate.quorum and in_favour > against

    def close(self) -> None:
        """Move past its deadline, which late votes may have put off."""
        deadline = int(self.governor.call("proposalDeadline", self.id))
        self.fork.warp(max(self.fork.timestamp, deadline + 1))

    def queue(self) -> None:
        """Queue it in the timelock."""
        self.progress("queue")
        self._send(ANYBODY, self.governor.encode("queue", *self._hashed), "queue")

    def execute(self) -> ForkReceipt:
        """Move to its eta and execute it."""
        self.progress("execute")
        return self._send(ANYBODY, self.governor.encode("execute", *self._hashed), "execute", at=self._eta())

    def execute_under(self, circumstances: Circumstances) -> ForkReceipt:
        """Execute it under other circumstances, to see whether it does the same."""
        data, where = self.governor.encode("execute", *self._hashed), self.governor.address
        return self.fork.send(ANYBODY, where, data, at=self._eta(), errors=self.errors, under=circumstances)

    def _eta(self) -> int:
        return max(self.fork.timestamp + 1, int(self.governor.call("proposalEta", self.id)))

    def _send(self, sender: str, data: bytes, step: str, *, at: int | None = None) -> ForkReceipt:
        receipt = self.fork.send(sender, self.governor.address, data, at=at, errors=self.errors, context=step)
        self.gas.append(StepGas(step, receipt.gas_used))
        return receipt
