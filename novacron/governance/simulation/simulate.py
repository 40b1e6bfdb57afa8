"""Runs a proposal on a fork as it would run on the chain, and tells what it does and what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from novacron.exceptions import ConfigurationError, InputError, RevertedError
from novacron.governance.authoring import description_of
from novacron.governance.decoding.effects import Bookkeeping, EffectsReader
from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.decoding.trace import Trace, trace_of
from novacron.governance.expectations.expectation import accepted_code
from novacron.governance.expectations.explaining import unexplained
from novacron.governance.model import (
    Effects,
    ElectorateAnalysis,
    Finding,
    Proposal,
    ProposalState,
    Simulation,
    Voter,
)
from novacron.governance.simulation.analysis import analyse
from novacron.governance.simulation.circumstances import Run, circumstance_findings
from novacron.governance.simulation.code_check import CodeCheck
from novacron.governance.simulation.failures import FailureReader, action_name
from novacron.governance.simulation.fork import Circumstances, Fork, ForkReceipt
from novacron.governance.simulation.met import addresses_met
from novacron.governance.simulation.path import Electorate, Progress, ProposalPath
from novacron.governance.simulation.still_acts import governance_findings
from novacron.governance.simulation.upgrades import Contracts, UpgradeCheck, not_among, upgrades_in, upgrades_of
from novacron.governance.suite import Suite

#: Largest gas limit of a transaction since osaka (EIP-7825); a chain may adopt it before the execution.
MOST_GAS = 1 << 24
_ORDER = {"error": 0, "warning": 1, "note": 2}


def simulate(
    dao: Suite,
    proposal: Proposal,
    *,
    proposer: str,
    description: str | None = None,
    voters: Sequence[Voter] | None = None,
    block: int | None = None,
    fork: Fork | None = None,
    book: LayoutBook | None = None,
    upgrades: UpgradeCheck | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Propose, vote, queue and execute a proposal on a fork.

    The largest voters vote For until it carries, with the powers that they have at the snapshot. Every failure becomes
    a finding; what `expects` does not explain does, too.

    Args:
        dao: the suite on the chain to fork.
        proposer: account or instance in whose name it is proposed.
        description: as it will be on the chain; one with empty hashes when None, which is as long.
        voters: accounts to ask for their power; everybody who ever had some when None.
        block: to fork at; the latest when None. Not together with `fork`.
        fork: to run on; everything is undone at the end. One of our own when None.
        book: layouts, when the caller has read them already.
        upgrades: what checks new implementations; one over the suite's artifacts when None.
        progress: called with a line about each step.

    Raises:
        ChainUnavailableError: the chain or the fork does not answer.
        ProposalError: an expectation names something that does not exist.
        ConfigurationError: no artifacts; a build is missing.
    """
    sender = dao.resolve(proposer)
    text = description_of(proposal, bytes(32), sender) if description is None else description
    with _running(dao, fork, block) as (on, tell):
        run = _Run.start(on, dao, proposal, text, book, upgrades, progress or tell)
        run.check_code()
        if run.step("propose", lambda: run.path.propose(sender)) and run.carry(voters):
            run.finish()
        return run.result(sender)


def simulate_execution(
    dao: Suite,
    proposal: Proposal,
    description: str,
    *,
    stage: Literal["queue", "execute"],
    proposer: str = "",
    block: int | None = None,
    fork: Fork | None = None,
    book: LayoutBook | None = None,
    upgrades: UpgradeCheck | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """What a proposal that exists on the chain would do if it went on now: queue and execute, or execute.

    Args:
        description: as it is on the chain.
        stage: the next step. It must be possible now, but for the timelock's delay, which is waited for on the fork.
        proposer: who proposed it, for the result.
        others: as `simulate`.

    Raises:
        as `simulate`.
    """
    with _running(dao, fork, block) as (on, tell):
        run = _Run.start(on, dao, proposal, description, book, upgrades, progress or tell)
        run.check_code()
        state = run.path.state()
        wanted = ProposalState.SUCCEEDED if stage == "queue" else ProposalState.QUEUED
        if state is not wanted:
            found = "does not exist on the chain" if state is None else f"is {state.name.title()}"
            message = f"the proposal {found}; to {stage} it, it must be {wanted.name.title()}"
            run.findings.append(Finding("error", stage, message))
        else:
            run.finish()
        return run.result(dao.resolve(proposer) if proposer else "")


@contextlib.contextmanager
def _running(dao: Suite, fork: Fork | None, block: int | None) -> Iterator[tuple[Fork, Progress]]:
    def tell(line: str) -> None:
        """Nobody listens."""

    if fork is None:
        with Fork(dao.pool, block) as own:
            yield own, tell
        return
    if block is not None:
        raise InputError("give block or fork, not both: a fork has its block")
    with fork.trying():
        yield fork, tell


@dataclass
class _Run:
    """A simulation as it goes on."""

    fork: Fork
    dao: Suite
    path: ProposalPath
    effects_reader: EffectsReader
    failures: FailureReader
    upgrades: UpgradeCheck
    findings: list[Finding]
    code_check: CodeCheck | None = None
    code: tuple[tuple[str, str], ...] = ()
    electorate: ElectorateAnalysis | None = None
    effects: Effects = field(default_factory=Effects)
    executed_at: int | None = None

    @classmethod
    def start(
        cls,
        fork: Fork,
        dao: Suite,
        proposal: Proposal,
        description: str,
        book: LayoutBook | None,
        upgrades: UpgradeCheck | None,
        progress: Progress,
    ) -> _Run:
        proposal, contradictions = _reread(proposal, dao)
        reader = EffectsReader(fork, dao, book)
        artifacts = reader.book.artifacts
        if not artifacts.contracts:
            raise ConfigurationError(
                "there are no compiled contracts to recognise code by; run `make build`, then simulate again"
            )
        path = ProposalPath(fork, dao, proposal, description, reader.errors(), progress)
        check = upgrades or UpgradeCheck.of_artifacts(dao.artifacts)
        return cls(fork, dao, path, reader, FailureReader(fork, dao, artifacts), check, contradictions)

    @property
    def proposal(self) -> Proposal:
        """What is simulated."""
        return self.path.proposal

    def check_code(self) -> None:
        """Compare the code at the targets with the manifest, and look at new implementations."""
        self.path.progress("check the code at the targets")
        artifacts = self.effects_reader.book.artifacts
        accepted = accepted_code(self.proposal.expects, self.dao)
        check = self.code_check = CodeCheck(self.fork, self.dao, artifacts, self.upgrades.root, accepted)
        fresh = [upgrade.implementation for upgrade in upgrades_of(self.proposal)]
        verdicts = check.targets([*self.proposal.targets, *fresh])
        self.code = tuple((verdict.name, verdict.verdict) for verdict in verdicts)
        self.findings += [verdict.finding for verdict in verdicts if verdict.finding is not None]
        contracts = Contracts(self.effects_reader.contracts)
        self.findings += self.upgrades.findings(upgrades_of(self.proposal), self.dao, contracts, self.path.progress)

    def step(self, name: str, act: object) -> bool:
        """Do a step; a revert becomes a finding."""
        assert callable(act)
        try:
            act()
        except RevertedError as error:
            self.findings.append(self.failures.step(name, error))
            return False
        return True

    def carry(self, voters: Sequence[Voter] | None) -> bool:
        """From proposed to succeeded."""
        electorate = self.path.electorate(voters)
        self.electorate = analyse(electorate.voters, electorate.quorum, electorate.total)
        carried = False

        def vote() -> None:
            nonlocal carried
            carried = self.path.vote(electorate)

        if not self.step("vote", vote):
            return False
        if not carried:
            self.findings.append(_no_quorum(electorate))
            return False
        self.path.close()
        return True

    def finish(self) -> None:
        """From succeeded, or queued, to executed; then what it did."""
        if self.path.state() is ProposalState.SUCCEEDED and not self.step("queue", self.path.queue):
            return
        before = self.fork.snapshot()
        balance = self.fork.balance(self.dao.address_of("Timelock"))
        nothing_there = [number for number in range(len(self.proposal.actions)) if not self._has_code(number)]
        try:
            receipt = self.path.execute()
        except RevertedError as error:
            self.findings.append(self.failures.execution(self.proposal, error, balance))
            self._call_nothing(nothing_there)
            return
        self.executed_at = receipt.timestamp
        # An earlier action may have created what a later one calls.
        self._call_nothing([number for number in nothing_there if not self._has_code(number)])
        trace = trace_of(self.fork, receipt.transaction_hash)
        self._read_effects(receipt, trace)
        self._check_upgrades(receipt, trace)
        if self.code_check is not None:
            self.findings += self.code_check.met(addresses_met(self.effects, trace, self.dao))
        self.findings += governance_findings(self.fork, self.dao, self.effects)
        self._check_gas(receipt)
        self.fork.revert(before)
        self._check_circumstances(Run.of(self.effects, receipt))

    def result(self, proposer: str) -> Simulation:
        """Everything found so far; errors first."""
        return Simulation(
            proposal=self.proposal,
            chain_id=self.fork.chain_id,
            block_number=self.fork.block_number,
            block_hash=self.fork.block_hash,
            proposer=proposer,
            executed=self.executed_at is not None,
            effects=self.effects,
            gas=tuple(self.path.gas),
            findings=tuple(sorted(self.findings, key=lambda finding: _ORDER[finding.severity])),
            electorate=self.electorate,
            code=self.code,
            executed_at=self.executed_at,
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _has_code(self, number: int) -> bool:
        """Whether an action calls a contract, or does not call at all."""
        action = self.proposal.actions[number]
        return not action.calldata or self.fork.has_code(action.target)

    def _call_nothing(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            message = (
                f"{action_name(self.proposal, number, self.dao)}: there is no contract at "
                f"{self.proposal.actions[number].target}; the call would succeed and do nothing; check the address"
            )
            self.findings.append(Finding("error", "code", message))

    def _read_effects(self, receipt: ForkReceipt, trace: Trace) -> None:
        self.path.progress("read what it changed")
        bookkeeping = Bookkeeping.of(self.dao, self.proposal, self.path.description)
        self.effects = self.effects_reader.effects(receipt.transaction_hash, bookkeeping, trace=trace)
        self.findings += unexplained(self.effects, self.proposal.expects, self.dao)

    def _check_upgrades(self, receipt: ForkReceipt, trace: Trace) -> None:
        """What no action's own call data says: an upgrade through another contract's call."""
        found = not_among(upgrades_in(receipt, trace), upgrades_of(self.proposal))
        if found:
            contracts = Contracts.around(receipt, self.fork, self.dao, self.effects_reader.book.artifacts)
            self.findings += self.upgrades.findings(found, self.dao, contracts, self.path.progress)

    def _check_circumstances(self, first: Run) -> None:
        """Execute it again, from where the first execution began."""
        self.path.progress("execute it once more under other circumstances")
        bookkeeping = Bookkeeping.of(self.dao, self.proposal, self.path.description)

        def again(under: Circumstances) -> Run:
            with self.fork.trying():
                receipt = self.path.execute_under(under)
                return Run.of(self.effects_reader.effects(receipt.transaction_hash, bookkeeping), receipt)

        self.findings += circumstance_findings(first, again)

    def _check_gas(self, receipt: ForkReceipt) -> None:
        if receipt.gas_used > MOST_GAS:
            message = (
                f"the execution uses {receipt.gas_used:,} gas, more than a transaction may on chains with EIP-7825 "
                f"({MOST_GAS:,}); split the proposal"
            )
            self.findings.append(Finding("warning", "gas", message))


def _reread(proposal: Proposal, dao: Suite) -> tuple[Proposal, list[Finding]]:
    """The proposal with the words that its call data gives, and where its own said something else."""
    read = tuple(dao.reread(action) for action in proposal.actions)
    findings = []
    for number, (said, found) in enumerate(zip(proposal.actions, read, strict=True), 1):
        if said.contradicts(found):
            message = (
                f"action {number} of {len(read)} says that it is {said.contract}.{said.signature}, but its call data "
                f"is {found.contract or found.target}.{found.signature or '0x' + found.calldata[:4].hex()}; load it "
                "again from its author's file"
            )
            findings.append(Finding("error", "actions", message))
    return replace(proposal, actions=read), findings


def _no_quorum(electorate: Electorate) -> Finding:
    held = sum(voter.power for voter in electorate.voters)
    share = f"{held / electorate.total:.1%} of the power" if electorate.total else "no power at all"
    message = (
        f"the vote does not carry: all {len(electorate.voters)} voters together have {held:,} ({share}), and "
        f"For and Abstain need {electorate.quorum:,}; more holders must be verified and delegate, or vote themselves"
    )
    return Finding("error", "vote", message)
