"""What comes of the steps of a proposal's life, and the words for what stands in their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from novacron.exceptions import DriftError, ProposalStateError, SubmissionRefusedError
from novacron.governance.lifecycle.drift import DriftRow, Outcome, drift_hash
from novacron.governance.lifecycle.outcome import Verification
from novacron.governance.lifecycle.proposal_files import ProposalFolder, StoredProposal
from novacron.governance.lifecycle.sending import Sent
from novacron.governance.model import Finding, ProposalState, Simulation
from novacron.governance.onchain import OnchainProposal, short_id
from novacron.governance.reporting.report import effects_document
from novacron.governance.units import moment

StepName = Literal["propose", "queue", "execute"]

_LOST = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED)


@dataclass(frozen=True)
class Prepared:
    """A simulated proposal.

    Attributes:
        simulation: what was found.
        stored: the object to submit; None when the simulation failed, then only the report was written.
        folder: where the files are.
    """

    simulation: Simulation
    stored: StoredProposal | None
    folder: ProposalFolder


@dataclass(frozen=True)
class Step:
    """What came of one step.

    Attributes:
        name: which.
        proposal: id.
        outcome: `done` by us, now or before; `others` did it; `waiting` for the owners of a Safe.
        transaction: hash of the transaction that did it, None while it waits.
        accepted: differences that were accepted before sending.
        verification: after an execution, actual against predicted effects.
        sent: for a Safe, its transaction and file.
    """

    name: StepName
    proposal: int
    outcome: Literal["done", "others", "waiting"]
    transaction: str | None = None
    accepted: tuple[DriftRow, ...] = ()
    verification: Verification | None = None
    sent: Sent | None = None


def outcome_of(simulation: Simulation) -> Outcome:
    """Effects and time of a simulated execution."""
    return Outcome(effects_document(simulation.effects), simulation.executed_at)


def key_of(name: StepName, number: int) -> str:
    """Names the transaction of a step for good."""
    return f"{name}/{number:064x}"


def require_ready(name: StepName, proposal: OnchainProposal, now: int) -> None:
    """Raise ProposalStateError unless a proposal can be queued, or executed, at `now` (Unix seconds)."""
    state, title = proposal.state, f"{proposal.title} ({short_id(proposal.id)})"
    if state in _LOST:
        raise ProposalStateError(f"{title} is {state.name.lower()}; it can never be executed")
    if state is ProposalState.PENDING:
        raise ProposalStateError(f"voting on {title} opens after {moment(proposal.snapshot)}")
    if state is ProposalState.ACTIVE:
        raise ProposalStateError(f"voting on {title} ends at {moment(proposal.deadline)}; {name} it then")
    if name == "execute" and state is ProposalState.SUCCEEDED:
        raise ProposalStateError(f"{title} has passed and is not queued; queue it first")
    if name == "execute" and now < proposal.eta:
        raise ProposalStateError(f"{title} is in the timelock; it can be executed from {moment(proposal.eta)} on")


def drift_error(stored: StoredProposal, rows: Sequence[DriftRow], advice: str) -> DriftError:
    """The error for differences from the pinned effects; `advice` says what to do."""
    shown = "; ".join(f"{row.name}: {row.pinned} was pinned, now {row.now}" for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return DriftError(f"{stored.name} would do something else now: {shown}{more}; {advice}", drift_hash(rows), rows)


def errors_of(simulation: Simulation, *, but_expects: bool = False) -> list[str]:
    """Messages of a simulation's errors, one at least when it did not execute.

    Args:
        but_expects: leave out what the author's expectations do not explain.
    """

    def counts(finding: Finding) -> bool:
        return finding.severity == "error" and not (but_expects and finding.check == "expects")

    errors = [finding.message for finding in simulation.findings if counts(finding)]
    return errors if errors or simulation.executed else ["its execution fails on the fork"]


def require_accepted(
    stored: StoredProposal, rows: Sequence[DriftRow], accepted: str | None, tolerate_moved: bool
) -> None:
    """Raise DriftError unless there are no differences, or exactly these are accepted."""
    open_rows = [row for row in rows if not (tolerate_moved and row.moved)]
    if open_rows and accepted != drift_hash(rows):
        raise drift_error(stored, rows, f"to accept exactly this, give --accept-drift {drift_hash(rows)}")


def require_explained(stored: StoredProposal) -> None:
    """Raise ProposalStateError unless the report says that all went well and the author had explained the effects.

    The explanations themselves are code, which is not run again: what they were checked against is in the report.
    """
    report = stored.report
    try:
        errors = [finding["message"] for finding in report["findings"] if finding["severity"] == "error"]
        changes = any(report["effects"][kind] for kind in ("writes", "events", "roles", "transfers", "created"))
        if report["ok"] is not True or report["executed"] is not True or errors:
            why = "; ".join(errors) or "it is not ok"
        elif changes and not report["proposal"]["expects"]:
            why = "its author expects nothing, and it changes something"
        else:
            return
    except (KeyError, TypeError) as error:
        why = f"it is malformed: {error!r}"
    raise ProposalStateError(f"{stored.name} must not go on: its own report speaks against it: {why}")


def refused(simulation: Simulation) -> SubmissionRefusedError:
    """The error for a proposal whose simulation found errors."""
    return SubmissionRefusedError(
        f"{simulation.proposal.name} was not submitted: {'; '.join(errors_of(simulation))}; mend it, then try again"
    )
