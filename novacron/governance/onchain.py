"""Proposals, votes and voters as the chain has them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.contracts import Block, ContractHandle, EventLog
from novacron.exceptions import InconsistentEndpointError, RevertedError, UnknownProposalError
from novacron.governance.model import Action, ProposalState, Voter, proposal_id
from novacron.governance.suite import Suite

#: Proposals that may still change something.
LIVE = frozenset({ProposalState.PENDING, ProposalState.ACTIVE, ProposalState.SUCCEEDED, ProposalState.QUEUED})

#: Newest blocks whose logs are read again each time: a reorganisation may have replaced them.
_REORG_BLOCKS = 64


@dataclass(frozen=True)
class Head:
    """A block: number, hash (0x and 64 digits) and time in Unix seconds."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True)
class Tally:
    """Votes cast so far, in the votes contract's unit."""

    against: int
    for_: int
    abstain: int


@dataclass(frozen=True)
class Core:
    """A proposal as its ProposalCreated event has it; nothing of this ever changes.

    Attributes:
        id: OpenZeppelin's proposal id.
        proposer: checksum address.
        targets, values, calldatas: the actions; values in wei.
        description: the whole text.
        snapshot: moment whose voting power counts, Unix seconds.
        block_number, transaction_hash: where it was created.
    """

    id: int
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str
    snapshot: int
    block_number: int
    transaction_hash: str

    @property
    def title(self) -> str:
        """First line of the description, without `#`."""
        return next((line.lstrip("# ").strip() for line in self.description.splitlines() if line.strip()), "")

    @property
    def description_hash(self) -> bytes:
        """Keccak-256 of the description, 32 bytes: how queue and execute name it."""
        return bytes(keccak(text=self.description))

    @property
    def call_arguments(self) -> tuple[list[str], list[int], list[bytes], bytes]:
        """Arguments of `queue`, `execute` and `cancel`."""
        return list(self.targets), list(self.values), list(self.calldatas), self.description_hash

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions, not decoded."""
        return tuple(map(Action, self.targets, self.values, self.calldatas))


@dataclass(frozen=True)
class OnchainProposal(Core):
    """A proposal and how it stands at one block.

    Attributes:
        state: at that block.
        tally: votes so far.
        deadline: last moment a vote counts, Unix seconds; late-quorum protection may have moved it.
        eta: from when it can be executed, Unix seconds; 0 while it is not queued.
        quorum: For and Abstain that it needs; None while its snapshot is not past.
    """

    state: ProposalState
    tally: Tally
    deadline: int
    eta: int
    quorum: int | None

    @property
    def live(self) -> bool:
        """Whether it may still be executed."""
        return self.state in LIVE


class GovernorReader:
    """Reads the suite's Governance and votes contract. Safe to share between threads.

    Args:
        dao: the suite; its pool is asked.
        chunk: most blocks asked for in one log query; smaller ones follow where a node refuses.
    """

    def __init__(self, dao: Suite, *, chunk: int = 10_000) -> None:
        self.dao = dao
        self.governor: ContractHandle = dao.contract("Governance").handle
        self.votes: ContractHandle = dao.contract("QuadraticVotes").handle
        self._first = _deployed_at(dao, "Governance")
        self._chunk = chunk
        self._lock = threading.Lock()
        self._created: dict[int, Core] = {}
        self._created_to = self._first

    # -- the chain ---------------------------------------------------------------------------------------------------

    def head(self) -> Head:
        """The newest block."""
        block = self.dao.pool.request("eth_getBlockByNumber", ["latest", False])
        if not isinstance(block, dict):
            raise InconsistentEndpointError("the node has no latest block")
        return Head(int(block["number"], 16), str(block["hash"]), int(block["timestamp"], 16))

    # -- proposals ---------------------------------------------------------------------------------------------------

    def proposals(self, *, live_only: bool = False) -> list[OnchainProposal]:
        """Every proposal, oldest first, as it stands at the newest block.

        Args:
            live_only: leave out what was executed, cancelled, defeated or has expired.
        """
        head = self.head()
        found = self._stand(self._cores(head), head)
        return [proposal for proposal in found if proposal.live or not live_only]

    def live(self) -> list[OnchainProposal]:
        """Proposals that may still be executed, oldest first."""
        return self.proposals(live_only=True)

    def proposal(self, number: int) -> OnchainProposal:
        """One proposal by its id.

        Raises:
            UnknownProposalError: there is none.
        """
        head = self.head()
        core = next((core for core in self._cores(head) if core.id == number), None)
        if core is None:
            raise UnknownProposalError(
                f"no proposal {short_id(number)} on {self.dao.manifest.network} up to block {head.number}; "
                "`proposals` lists those there are"
            )
        return self._stand([core], head)[0]

    def find(self, number: int) -> OnchainProposal | None:
        """As `proposal`, or None; one call where it does not exist."""
        return None if self.state(number) is None else self.proposal(number)

    def state(self, number: int, *, block: Block = "latest") -> ProposalState | None:
        """State of a proposal, None when there is none of this id."""
        try:
            return ProposalState(self.governor.call("state", number, block=block))
        except RevertedError as error:
            if error.name == "GovernorNonexistentProposal":
                return None
            raise

    # -- voters ------------------------------------------------------------------------------------------------------

    def voters(self, timepoint: int | None = None) -> list[Voter]:
        """Accounts that vote, largest power first, with their power and share at a moment.

        Args:
            timepoint: Unix seconds in the past; None for the newest block.
        """
        head = self.head()
        accounts = self.delegatees(head.number)
        calls: list[tuple[Any, ...]]
        if timepoint is None:
            calls = [("getVotes", account) for account in accounts]
        else:
            calls = [("getPastVotes", account, timepoint) for account in accounts]
        powers = self.votes.call_many(calls, block=head.number) if calls else []
        return ranked(dict(zip(accounts, powers, strict=True)))

    def delegatees(self, to_block: int) -> list[str]:
        """Every account that ever had voting power, by its first DelegateVotesChanged event."""
        first = _deployed_at(self.dao, "NovaToken")  # whose constructor creates the votes contract
        logs = self.votes.events("DelegateVotesChanged", first, to_block, chunk=self._chunk)
        return list(dict.fromkeys(str(log.args["delegate"]) for log in logs))

    def power(self, account: str, timepoint: int | None = None) -> int:
        """Voting power of an account at a past moment (Unix seconds), None for now."""
        if timepoint is None:
            return int(self.votes.call("getVotes", account))
        return int(self.votes.call("getPastVotes", account, timepoint))

    def total(self, timepoint: int | None = None) -> int:
        """Sum of all voting power at a past moment (Unix seconds), None for now."""
        if timepoint is None:
            return int(self.votes.call("getTotalSupply"))
        return int(self.votes.call("getPastTotalSupply", timepoint))

    def quorum(self, timepoint: int | None = None) -> int:
        """For and Abstain that a proposal needs whose snapshot is at `timepoint` (past Unix seconds), None for now."""
        if timepoint is not None:
            return int(self.governor.call("quorum", timepoint))
        # `quorum` refuses the present moment: the same fraction of the present total.
        calls = [("quorumNumerator",), ("quorumDenominator",)]
        numerator, denominator = self.governor.call_many(calls)
        return self.total() * int(numerator) // int(denominator)

    def has_voted(self, number: int, account: str) -> bool:
        """Whether an account has voted on a proposal."""
        return bool(self.governor.call("hasVoted", number, account))

    def event_of(self, number: int, name: str) -> EventLog | None:
        """The newest event `name` (such as ProposalExecuted) of a proposal; None when there is none."""
        head = self.head()
        created = next((core.block_number for core in self._cores(head) if core.id == number), self._first)
        logs = list(self.governor.events(name, created, head.number, chunk=self._chunk))
        return next((log for log in reversed(logs) if log.args.get("proposalId") == number), None)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _cores(self, head: Head) -> list[Core]:
        with self._lock:
            start = max(self._first, min(self._created_to, head.number) - _REORG_BLOCKS)
            kept = {number: core for number, core in self._created.items() if core.block_number < start}
            for log in self.governor.events("ProposalCreated", start, head.number, chunk=self._chunk):
                core = _core(log)
                kept[core.id] = core
            self._created, self._created_to = kept, head.number + 1
            return list(kept.values())

    def _stand(self, cores: Sequence[Core], head: Head) -> list[OnchainProposal]:
        reads = ("state", "proposalVotes", "proposalDeadline", "proposalEta")
        calls = [(read, core.id) for core in cores for read in reads]
        answers = self.governor.call_many(calls, block=head.number) if calls else []
        past = [core for core in cores if core.snapshot < head.timestamp]
        needed = [("quorum", core.snapshot) for core in past]
        quorums = self.governor.call_many(needed, block=head.number) if needed else []
        quorum_of = {core.id: int(quorum) for core, quorum in zip(past, quorums, strict=True)}
        found = []
        for position, core in enumerate(cores):
            state, tally, deadline, eta = answers[position * len(reads) : (position + 1) * len(reads)]
            found.append(
                OnchainProposal(
                    **vars(core),
                    state=ProposalState(state),
                    tally=Tally(*map(int, tally)),
                    deadline=int(deadline),
                    eta=int(eta),
                    quorum=quorum_of.get(core.id),
                )
            )
        return found


def _deployed_at(dao: Suite, instance: str) -> int:
    """Block an instance was deployed in; 0 where the manifest cannot tell (it was adopted)."""
    record = dao.manifest.instances.get(instance)
    return (record.block_number if record is not None else None) or 0


def short_id(number: int) -> str:
    """A proposal id as people compare it: 0x, its first eight hexadecimal digits and …"""
    return f"0x{number:064x}"[:10] + "…"


def ranked(powers: dict[str, int]) -> list[Voter]:
    """Voters with power, largest first (equal ones by address), with their shares of the sum."""
    total = sum(powers.values())
    order = sorted(((account, power) for account, power in powers.items() if power), key=lambda one: (-one[1], one[0]))
    return [Voter(account, power, power / total) for account, power in order]


def _core(log: EventLog) -> Core:
    args = log.args
    targets, values = tuple(args["targets"]), tuple(args["values"])
    calldatas, description = tuple(args["calldatas"]), str(args["description"])
    number = int(args["proposalId"])
    if proposal_id(list(targets), list(values), list(calldatas), description) != number:
        raise InconsistentEndpointError(f"the event of proposal {short_id(number)} does not have that id's content")
    if log.block_number is None or log.transaction_hash is None:
        raise InconsistentEndpointError(f"the event of proposal {short_id(number)} is in no block")
    return Core(
        id=number,
        proposer=str(args["proposer"]),
        targets=targets,
        values=values,
        calldatas=calldatas,
        description=description,
        snapshot=int(args["voteStart"]),
        block_number=log.block_number,
        transaction_hash=log.transaction_hash,
    )
