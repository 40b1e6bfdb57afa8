"""The simulator behind a proposal's life: simulations on a fork, with the orders of execution tried out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Literal, Protocol

from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.model import Finding, Proposal, Simulation
from novacron.governance.simulation.analysis import electorate_findings
from novacron.governance.simulation.fork import Fork
from novacron.governance.simulation.orders import Subject, execution_orders
from novacron.governance.simulation.simulate import simulate, simulate_execution
from novacron.governance.simulation.upgrades import UpgradeCheck
from novacron.governance.suite import Suite

_SEVERITIES = ("error", "warning", "note")


class Simulator(Protocol):
    """Runs proposals on forks of a chain."""

    def fresh(
        self,
        dao: Suite,
        proposal: Proposal,
        proposer: str,
        describe: Callable[[Simulation | None], str],
        *,
        orders: bool = True,
    ) -> Generator[Simulation, None, None]:
        """Simulate a proposal that is not on the chain, twice on one fork.

        Args:
            describe: the description; given None for the first run, and the first run's result for the second.
            orders: whether the first run tries the orders with other live proposals, too.

        Returns:
            The thorough first run, and when that is good, the run under the final description.
        """

    def existing(
        self, dao: Suite, proposal: Proposal, description: str, stage: Literal["queue", "execute"]
    ) -> Simulation:
        """The rest of the path of a proposal on the chain, from its present state on."""

    def layouts(self, dao: Suite) -> LayoutBook:
        """Layouts of the compiled contracts."""


class ForkSimulator:
    """The real one.

    Args:
        progress: told what happens, one line each time.
        book: layouts of compiled contracts; read from the suite's artifacts when None, once.
        upgrades: what checks new implementations; over the suite's artifacts when None.
    """

    def __init__(
        self,
        progress: Callable[[str], None] | None = None,
        *,
        book: LayoutBook | None = None,
        upgrades: UpgradeCheck | None = None,
    ) -> None:
        self._progress, self._book, self._upgrades = progress, book, upgrades

    def fresh(
        self,
        dao: Suite,
        proposal: Proposal,
        proposer: str,
        describe: Callable[[Simulation | None], str],
        *,
        orders: bool = True,
    ) -> Generator[Simulation, None, None]:
        """See `Simulator`; the first run has the orders with the other live proposals and the electorate's warnings."""
        with Fork(dao.pool) as fork:
            draft = describe(None)
            first = self._simulate(fork, dao, proposal, proposer, draft)
            if first.executed and orders:
                first = self._with_orders(fork, dao, first, draft)
            yield first
            if first.ok:
                yield self._simulate(fork, dao, proposal, proposer, describe(first))

    def existing(
        self, dao: Suite, proposal: Proposal, description: str, stage: Literal["queue", "execute"]
    ) -> Simulation:
        """See `Simulator`."""
        return simulate_execution(
            dao,
            proposal,
            description,
            stage=stage,
            book=self.layouts(dao),
            upgrades=self._checks(dao),
            progress=self._progress,
        )

    def _simulate(self, fork: Fork, dao: Suite, proposal: Proposal, proposer: str, description: str) -> Simulation:
        return simulate(
            dao,
            proposal,
            proposer=proposer,
            description=description,
            fork=fork,
            book=self.layouts(dao),
            upgrades=self._checks(dao),
            progress=self._progress,
        )

    def _with_orders(self, fork: Fork, dao: Suite, simulation: Simulation, description: str) -> Simulation:
        if self._progress is not None:
            self._progress("try the orders with other live proposals")
        proposal = simulation.proposal
        subject = Subject(
            proposal.targets, proposal.values, proposal.calldatas, description, dao.resolve(simulation.proposer)
        )
        orders = execution_orders(fork, dao, subject)
        electorate = [] if simulation.electorate is None else electorate_findings(simulation.electorate)
        findings: list[Finding] = [*simulation.findings, *orders.findings, *electorate]
        findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))
        return replace(simulation, orders=orders.outcomes, findings=tuple(findings))

    def layouts(self, dao: Suite) -> LayoutBook:
        """See `Simulator`."""
        if self._book is None:
            self._book = LayoutBook(dao.artifacts)
        return self._book

    def _checks(self, dao: Suite) -> UpgradeCheck:
        """One for all runs: it remembers what Slither said of a code."""
        if self._upgrades is None:
            self._upgrades = UpgradeCheck.of_artifacts(dao.artifacts)
        return self._upgrades
