"""A proposal's way: simulate, submit, queue, execute, compare. Each step can be repeated and interrupted anywhere.

What is submitted is the simulated object, byte for byte. Before each later step it is simulated again from the present
chain, and any difference from the pinned effects stops it until a person accepts exactly that difference.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from novacron.exceptions import (
    ProposalStateError,
    RevertedError,
    SubmissionRefusedError,
    TamperedProposalError,
    UnknownProposalError,
)
from novacron.governance.authoring import description_of
from novacron.governance.lifecycle.drift import DriftRow, Outcome, compare
from novacron.governance.lifecycle.outcome import Check, Verification, verify_execution
from novacron.governance.lifecycle.proposal_files import ProposalFolder, StoredProposal, parse_id, stored_proposals
from novacron.governance.lifecycle.rerun import rerun_report
from novacron.governance.lifecycle.sending import Call, Sender
from novacron.governance.lifecycle.steps import (
    Prepared,
    Step,
    StepName,
    drift_error,
    errors_of,
    key_of,
    outcome_of,
    refused,
    require_accepted,
    require_explained,
    require_ready,
)
from novacron.governance.model import Proposal, ProposalState, Simulation
from novacron.governance.onchain import Core, GovernorReader, short_id
from novacron.governance.reporting.html import render_html
from novacron.governance.reporting.markdown import render_markdown
from novacron.governance.reporting.report import document_hash, effects_document, report_bytes, report_document
from novacron.governance.simulation.fork_simulator import Simulator
from novacron.governance.suite import Suite

#: As long as the hash that comes in its place, so that gas and layout of the description stay the same.
_PLACEHOLDER = "0" * 64


class Lifecycle:
    """Takes proposals through their life on one network.

    Args:
        dao: the suite.
        root: `deployments/<network>/proposals`.
        simulator: runs them on forks.
        sender: account or Safe that acts; None only simulates and reads.
        notify: told what is going on, one line each time.
    """

    def __init__(
        self,
        dao: Suite,
        root: Path,
        simulator: Simulator,
        sender: Sender | None = None,
        *,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.dao, self.root, self.sender = dao, root, sender
        self.reader = GovernorReader(dao)
        self._simulator = simulator
        self._notify = notify or (lambda _: None)

    # -- simulate ----------------------------------------------------------------------------------------------------

    def simulate(self, proposal: Proposal, proposer: str) -> Prepared:
        """Simulate, write the report, and pin it: the final description holds the report's hash.

        Raises:
            ProposalStateError: this name stands for a proposal that was submitted already.
            SubmissionRefusedError: the description itself changes the effects.
            StoreBusyError: another run works on it.
            ChainError: the chain does not answer.
        """
        folder = ProposalFolder(self.root / proposal.name)
        with folder.locked():
            return self._simulate(folder, proposal, proposer)

    def _simulate(self, folder: ProposalFolder, proposal: Proposal, proposer: str) -> Prepared:
        self._require_unsubmitted(folder)
        self._notify(f"simulating {proposal.name}")
        with closing(
            self._simulator.fresh(self.dao, proposal, proposer, lambda first: _description(proposal, proposer, first))
        ) as runs:
            simulation = next(runs)
            document = report_document(simulation)
            stored = None
            if simulation.ok:
                self._notify("simulating it again under its final description")
                self._require_same(simulation, next(runs))
                stored = self._stored(simulation, proposer)
        folder.save(stored, report_bytes(document), render_markdown(document), render_html(document))
        return Prepared(simulation, stored, folder)

    @staticmethod
    def _require_same(first: Simulation, again: Simulation) -> None:
        if not again.ok or effects_document(again.effects) != effects_document(first.effects):
            raise SubmissionRefusedError(
                f"{first.proposal.name} does something else under its final description than under a draft of it; an "
                "action must not depend on the proposal's own id"
            )

    def _stored(self, simulation: Simulation, proposer: str) -> StoredProposal:
        proposal = simulation.proposal
        return StoredProposal(
            name=proposal.name,
            chain_id=simulation.chain_id,
            governor=self.reader.governor.address,
            proposer=proposer,
            targets=tuple(proposal.targets),
            values=tuple(proposal.values),
            calldatas=tuple(proposal.calldatas),
            description=_description(proposal, proposer, simulation),
            report=report_document(simulation),
        )

    # -- submit ------------------------------------------------------------------------------------------------------

    def submit(self, proposal: Proposal) -> Step:
        """Propose exactly what was simulated; simulate first where that was not done. Never proposes twice.

        Raises:
            TamperedProposalError: the files, or the author's file, changed since the simulation.
            DriftError: it would do something else now; simulate again.
            SubmissionRefusedError: the simulation found errors.
            ChainError: as `TransactionManager.send`; call again to go on.
        """
        sender, folder = self._acting(), ProposalFolder(self.root / proposal.name)
        with folder.locked():
            if not folder.exists:
                prepared = self._simulate(folder, proposal, sender.address)
                if prepared.stored is None:
                    raise refused(prepared.simulation)
                return self._propose(folder, prepared.stored, sender)
            stored = self._own(folder)
            if self.reader.state(stored.id) is not None:
                self._require_same_file(stored, proposal, sender)
            else:
                stored.require_same(proposal, sender.address)
                if not sender.begun(key_of("propose", stored.id)):
                    self._require_unchanged(proposal, stored)
            return self._propose(folder, stored, sender)

    @staticmethod
    def _require_same_file(stored: StoredProposal, proposal: Proposal, sender: Sender) -> None:
        try:
            stored.require_same(proposal, sender.address)
        except TamperedProposalError:
            raise ProposalStateError(
                f"{stored.name} is on the chain already as {short_id(stored.id)}, and its file says something else "
                "now; to propose that, give the file another name"
            ) from None

    def _require_unchanged(self, proposal: Proposal, stored: StoredProposal) -> None:
        """Raise unless the very object to submit still does what was pinned."""
        self._notify(f"simulating {proposal.name} again from the present chain")
        with closing(
            self._simulator.fresh(self.dao, proposal, stored.proposer, lambda _: stored.description, orders=False)
        ) as runs:
            now = next(runs)
        if not now.ok:
            raise refused(now)
        rows = compare(stored.pinned, outcome_of(now))
        if rows:
            raise drift_error(stored, rows, "simulate it again to pin what it would do now")

    def _propose(self, folder: ProposalFolder, stored: StoredProposal, sender: Sender) -> Step:
        data = self.reader.governor.encode(
            "propose", list(stored.targets), list(stored.values), list(stored.calldatas), stored.description
        )
        return self._take("propose", folder, stored, data, f"propose {stored.name}", sender)

    # -- queue and execute -------------------------------------------------------------------------------------------

    def queue(self, reference: str, *, accept_drift: str | None = None, tolerate_moved: bool = False) -> Step:
        """Queue a proposal that has passed.

        Args:
            reference: its name, or its id.
            accept_drift: hash of the differences that are accepted.
            tolerate_moved: accept differences of the starting point alone, such as another balance to add to.

        Raises:
            UnknownProposalError: no report of it here, or not on the chain.
            ProposalStateError: it is not ready for this.
            DriftError: it would do something else now.
            ChainError: as `TransactionManager.send`; call again to go on.
        """
        return self._advance("queue", reference, accept_drift, tolerate_moved)

    def execute(self, reference: str, *, accept_drift: str | None = None, tolerate_moved: bool = False) -> Step:
        """Execute a queued proposal whose time has come, and compare what it did with what was predicted.

        Arguments and errors as `queue`.
        """
        return self._advance("execute", reference, accept_drift, tolerate_moved)

    def _advance(
        self, name: Literal["queue", "execute"], reference: str, accept_drift: str | None, tolerate_moved: bool
    ) -> Step:
        sender, (folder, stored) = self._acting(), self.find(reference)
        if self._done(name, stored.id):
            return self._recognised(name, folder, stored, sender)
        require_ready(name, self.reader.proposal(stored.id), self.reader.head().timestamp)
        rows: list[DriftRow] = []
        predicted = stored.pinned
        if not sender.begun(key_of(name, stored.id)):
            self._notify(f"simulating {stored.name} again from the present chain")
            rows, predicted = self.check_drift(stored, name)
            require_accepted(stored, rows, accept_drift, tolerate_moved)
        data = self.reader.governor.encode(name, *stored.call_arguments)
        step = self._take(name, folder, stored, data, f"{name} {stored.name}", sender, predicted)
        return replace(step, accepted=tuple(rows))

    def recheck(
        self,
        name: Literal["queue", "execute"],
        number: int,
        *,
        accept_drift: str | None = None,
        tolerate_moved: bool = False,
    ) -> tuple[DriftRow, ...]:
        """Check a step that somebody else is about to take, such as a Safe's owners days after they were asked.

        Args:
            number: id of the proposal; others as `queue`.

        Returns:
            The differences that were accepted; none when the step is done already, for it cannot be done twice.

        Raises:
            as `queue`.
        """
        if self._done(name, number):
            return ()
        stored = self.find(f"0x{number:064x}")[1]
        self._notify(f"simulating {stored.name} again from the present chain")
        rows, _ = self.check_drift(stored, name)
        require_accepted(stored, rows, accept_drift, tolerate_moved)
        return tuple(rows)

    def check_drift(self, stored: StoredProposal, stage: Literal["queue", "execute"]) -> tuple[list[DriftRow], Outcome]:
        """Simulate from the present chain: differences from the pinned effects, and what it would do now.

        Raises:
            ProposalStateError: it would not execute, or its report says that it should not.
        """
        require_explained(stored)
        simulation = self._simulator.existing(self.dao, stored.proposal, stored.description, stage)
        # Its effects were explained when it was simulated, as its report says; any difference from them is drift.
        if errors := errors_of(simulation, but_expects=True):
            raise ProposalStateError(f"{stored.name} must not go on now: {'; '.join(errors)}")
        now = outcome_of(simulation)
        return compare(stored.pinned, now), now

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, reference: str) -> tuple[ProposalFolder, StoredProposal]:
        """The checked files of a proposal by its name or its id.

        Raises:
            UnknownProposalError: there are none here.
            TamperedProposalError: they were changed.
        """
        folder = ProposalFolder(self.root / reference) if reference.isidentifier() else None
        if folder is not None and folder.exists:
            return folder, self._own(folder)
        number = parse_id(reference)
        known, problems = stored_proposals(self.root)
        if number is None or number not in known:
            if problems:
                raise TamperedProposalError("; ".join(problems))
            names = ", ".join(sorted(folder.name for folder in known.values())) or "none"
            raise UnknownProposalError(
                f"no proposal {reference!r} was simulated here, so there is no report to hold it to (known: {names}); "
                "get the folder of its report from its author"
            )
        return known[number], self._own(known[number])

    def rerun(self, core: Core, report: bytes) -> list[Check]:
        """Run a proposal on the chain again at its report's block (see `rerun_report`)."""
        return rerun_report(self.dao, core, report, book=self._simulator.layouts(self.dao), progress=self._notify)

    def verify(self, stored: StoredProposal, predicted: Outcome | None = None) -> Verification:
        """Compare what an executed proposal did with what was predicted (the pinned effects when None)."""
        book = self._simulator.layouts(self.dao)
        return verify_execution(self.reader, stored.proposal, stored.description, predicted or stored.pinned, book)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _acting(self) -> Sender:
        if self.sender is None:
            raise ProposalStateError("no account is given to act with; name one")
        return self.sender

    def _own(self, folder: ProposalFolder) -> StoredProposal:
        stored = folder.load()
        here = (self.dao.pool.chain_id(), self.reader.governor.address)
        if (stored.chain_id, stored.governor) != here:
            raise TamperedProposalError(
                f"{stored.name} was simulated for the governor {stored.governor} on chain {stored.chain_id}, this is "
                f"{here[1]} on chain {here[0]}; simulate again"
            )
        return stored

    def _require_unsubmitted(self, folder: ProposalFolder) -> None:
        if not folder.exists:
            return
        try:
            stored = folder.load()
        except TamperedProposalError:
            if folder.claims_submitted:
                raise
            return
        state = self.reader.state(stored.id)
        if state is not None:
            raise ProposalStateError(
                f"{folder.name} is on the chain already as {short_id(stored.id)} ({state.name.lower()}); to propose it "
                "once more, give its file another name"
            )
        waiting = None if self.sender is None else self.sender.waiting(key_of("propose", stored.id))
        if waiting is not None:
            raise ProposalStateError(
                f"{folder.name} was submitted as it is, and {waiting}; simulate it under another name"
            )

    def _done(self, name: StepName, number: int) -> bool:
        state = self.reader.state(number)
        if name == "propose":
            return state is not None
        done = (ProposalState.EXECUTED,) if name == "execute" else (ProposalState.QUEUED, ProposalState.EXECUTED)
        return state in done

    def _take(
        self,
        name: StepName,
        folder: ProposalFolder,
        stored: StoredProposal,
        data: bytes,
        title: str,
        sender: Sender,
        predicted: Outcome | None = None,
    ) -> Step:
        if self._done(name, stored.id):
            return self._recognised(name, folder, stored, sender, predicted)
        try:
            sent = sender.send(Call(key_of(name, stored.id), self.reader.governor.address, data, title))
        except RevertedError:
            # Somebody else may have been quicker, before or after our transaction left.
            if self._done(name, stored.id):
                return self._recognised(name, folder, stored, sender, predicted)
            raise
        if sent.receipt is None:
            return Step(name, stored.id, "waiting", sent=sent)
        return self._finished(name, folder, stored, sent.receipt.hash, "done", predicted)

    def _recognised(
        self,
        name: StepName,
        folder: ProposalFolder,
        stored: StoredProposal,
        sender: Sender,
        predicted: Outcome | None = None,
    ) -> Step:
        """A step that is done: by an earlier run of ours, or by somebody else."""
        event = {"propose": "ProposalCreated", "queue": "ProposalQueued", "execute": "ProposalExecuted"}[name]
        found = self.reader.event_of(stored.id, event)
        transaction = found.transaction_hash if found is not None else None
        if transaction is None:
            return Step(name, stored.id, "others")
        own = found is not None and found.args.get("proposer") == sender.address
        ours = own or sender.made(key_of(name, stored.id), transaction)
        outcome: Literal["done", "others"] = "done" if ours else "others"
        return self._finished(name, folder, stored, transaction, outcome, predicted)

    def _finished(
        self,
        name: StepName,
        folder: ProposalFolder,
        stored: StoredProposal,
        transaction: str,
        outcome: Literal["done", "others"],
        predicted: Outcome | None,
    ) -> Step:
        stored = folder.note(stored, name, transaction)
        verification = self.verify(stored, predicted) if name == "execute" else None
        return Step(name, stored.id, outcome, transaction, verification=verification)


def _description(proposal: Proposal, proposer: str, simulation: Simulation | None) -> str:
    """A draft, or the final text with the hash of the report of its simulation."""
    digest = _PLACEHOLDER if simulation is None else document_hash(report_document(simulation))
    return description_of(proposal, digest, proposer)
