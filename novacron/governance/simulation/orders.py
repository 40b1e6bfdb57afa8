"""Whether a proposal still executes together with the other live ones, in every order, tried out on a fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from novacron.exceptions import RevertedError
from novacron.governance.model import Finding, OrderOutcome, ProposalState, proposal_id
from novacron.governance.onchain import Core, GovernorReader, OnchainProposal, Tally, short_id
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import Suite

#: Other live proposals up to which every order is tried; with more of them, each pair both ways.
ALL_ORDERS = 4

#: How this proposal is called in an order.
SELF = "*"


@dataclass(frozen=True)
class OrderReport:
    """What came of the orders, and what a person must know about them."""

    outcomes: tuple[OrderOutcome, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Subject:
    """The proposal in question, on the chain already or not. Values in wei."""

    targets: Sequence[str]
    values: Sequence[int]
    calldatas: Sequence[bytes]
    description: str
    proposer: str

    @property
    def id(self) -> int:
        """Its proposal id."""
        return proposal_id(list(self.targets), list(self.values), list(self.calldatas), self.description)


def execution_orders(fork: Fork, dao: Suite, subject: Subject) -> OrderReport:
    """Bring this and every other live proposal to its execution on the fork, and execute them in every order.

    Each other proposal gets the votes it still can get: whoever has not voted yet votes For, largest power first. One
    that cannot pass even so can do no harm and is left out. Everything on the fork is undone at the end.

    Args:
        fork: at the block in question.
        dao: the suite; it is read through the fork.
        subject: proposed on the fork when the chain does not have it yet.

    Raises:
        RevertedError: the subject itself cannot be proposed.
        ChainUnavailableError: the fork or the chain behind it does not answer.
    """
    with fork.trying():
        stage = _Stage(fork, GovernorReader(dao.on(fork.pool)))
        others = [one for one in stage.reader.live() if one.id != subject.id]
        if not others:
            return OrderReport((), ())
        ready, findings = stage.prepare(subject, others)
        if SELF not in ready:
            return OrderReport((), tuple(findings))
        names = [name for name in ready if name != SELF]
        if len(names) <= ALL_ORDERS:
            groups = [names] if names else []
        else:
            groups = [[name] for name in names]
            message = (
                f"{len(names)} other proposals are live: each was tried with this one in both orders, not all orders"
            )
            findings.append(Finding("note", "orders", message))
        outcomes: list[OrderOutcome] = []
        for group in groups:
            outcomes += stage.try_orders({name: ready[name] for name in (SELF, *group)})
        return OrderReport(tuple(outcomes), tuple(findings + _conflicts(outcomes)))


def _conflicts(outcomes: Sequence[OrderOutcome]) -> list[Finding]:
    """One warning for each reason; the shortest order stands for all that fail alike."""
    seen: dict[str, OrderOutcome] = {}
    for outcome in sorted((one for one in outcomes if not one.ok), key=lambda one: len(one.order)):
        seen.setdefault(outcome.reason, outcome)
    return [Finding("warning", "orders", outcome.reason) for outcome in seen.values()]


class _Stage:
    """The fork, with all proposals on their way to execution."""

    def __init__(self, fork: Fork, reader: GovernorReader) -> None:
        self.fork, self.reader = fork, reader
        self.governor = reader.governor

    # -- before the execution ----------------------------------------------------------------------------------------

    def prepare(self, subject: Subject, others: Sequence[OnchainProposal]) -> tuple[dict[str, bytes], list[Finding]]:
        """Call data of `execute` for every proposal that is ready, by name, and what is to be said of the others."""
        if self.reader.state(subject.id) is None:
            arguments = (list(subject.targets), list(subject.values), list(subject.calldatas), subject.description)
            self._send(subject.proposer, self.governor.encode("propose", *arguments))
        own = self.reader.proposal(subject.id)
        waiting: list[OnchainProposal] = sorted([own, *others], key=lambda one: one.snapshot)
        for proposal in waiting:
            if proposal.state in (ProposalState.PENDING, ProposalState.ACTIVE):
                self._carry(proposal)
        self.fork.warp(max([self.fork.timestamp, *(self._read("proposalDeadline", one.id) + 1 for one in waiting)]))
        findings = []
        queued: list[OnchainProposal] = []
        for proposal in waiting:
            state = self.reader.state(proposal.id)
            if state is ProposalState.SUCCEEDED:
                self._send(subject.proposer, self.governor.encode("queue", *proposal.call_arguments))
                state = self.reader.state(proposal.id)
            if state is ProposalState.QUEUED:
                queued.append(proposal)
            elif proposal.id != own.id:
                message = f"{name_of(proposal)} cannot pass any more, so it was not tried together with this one"
                findings.append(Finding("note", "orders", message))
        if own not in queued:
            message = "this proposal did not get to its execution, so no order was tried"
            return {}, [*findings, Finding("warning", "orders", message)]
        self.fork.warp(max([self.fork.timestamp, *(self._read("proposalEta", one.id) for one in queued)]))
        ready = {name_of(one) if one.id != own.id else SELF: one for one in queued}
        return {name: self.governor.encode("execute", *one.call_arguments) for name, one in ready.items()}, findings

    def _carry(self, proposal: OnchainProposal) -> None:
        """Let those who have not voted yet vote For until it passes."""
        self.fork.warp(max(self.fork.timestamp, proposal.snapshot + 1))
        tally = Tally(*self.governor.call("proposalVotes", proposal.id))
        needed, against = self.reader.quorum(proposal.snapshot), tally.against
        in_favour = tally.for_
        for voter in self.reader.voters(proposal.snapshot):
            if in_favour + tally.abstain >= needed and in_favour > against:
                return
            if not self.reader.has_voted(proposal.id, voter.account):
                self._send(voter.account, self.governor.encode("castVote", proposal.id, 1))
                in_favour += voter.power

    # -- the orders --------------------------------------------------------------------------------------------------

    def try_orders(self, calls: dict[str, bytes]) -> list[OrderOutcome]:
        """Execute in every order; orders share their beginnings, which are executed once."""
        results: dict[tuple[str, ...], RevertedError | None] = {}
        orders: list[tuple[str, ...]] = []

        def walk(path: tuple[str, ...], left: Sequence[str]) -> None:
            if not left:
                orders.append(path)
            for name in left:
                mark = self.fork.snapshot()
                results[(*path, name)] = self._execute(calls[name])
                walk((*path, name), [one for one in left if one != name])
                self.fork.revert(mark)

        walk((), list(calls))
        return [_outcome(order, results) for order in orders]

    def _execute(self, data: bytes) -> RevertedError | None:
        try:
            self._send(self.governor.address, data)
        except RevertedError as error:
            return error
        return None

    def _send(self, sender: str, data: bytes) -> None:
        self.fork.send(sender, self.governor.address, data, errors=self.governor.errors)

    def _read(self, function: str, number: int) -> int:
        return int(self.governor.call(function, number))


def _outcome(order: tuple[str, ...], results: dict[tuple[str, ...], RevertedError | None]) -> OrderOutcome:
    """A failure counts where this proposal is its cause: it fails after others, or others fail because of it."""
    reasons, remarks = [], []
    for position, name in enumerate(order):
        path = order[: position + 1]
        error = results[path]
        if error is None:
            continue
        before = ", ".join(order[:position])
        if name == SELF and position:
            reasons.append(f"this proposal fails after {before}: {error}")
        elif name == SELF:
            reasons.append(f"this proposal fails: {error}")
        elif SELF in path and results.get(tuple(one for one in path if one != SELF)) is None:
            reasons.append(f"{name} fails after {_and_self(order[:position])}: {error}")
        else:
            remarks.append(f"{name} fails by itself: {error}")
    return OrderOutcome(order, not reasons, "; ".join(reasons or remarks))


def _and_self(names: Sequence[str]) -> str:
    return ", ".join("this proposal" if name == SELF else name for name in names)


def name_of(proposal: Core) -> str:
    """How another proposal is called: its title and the beginning of its id."""
    return f"{proposal.title or 'untitled'} ({short_id(proposal.id)})"
