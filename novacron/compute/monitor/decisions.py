"""What is due about an agreement, decided from the chain's state alone: no memory, so nothing to lose or repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from novacron.compute.measurements import Evidence
from novacron.compute.sla import Claim, Outcome, WindowView
from novacron.compute.sla_terms import Terms

#: What an arbitrator has overruled has this many signers, more than there are monitors (`ISLA.Claim`).
BY_RULING = 255

Filing = Literal["file", "submit"]


@dataclass(frozen=True)
class Turn:
    """When one of several monitors sends what is due: one after the other, another one first each time.

    Attributes:
        index, count: position among the monitors, and how many there are.
        stagger: seconds between two turns.
    """

    index: int
    count: int
    stagger: int

    def delay(self, number: int) -> int:
        """Seconds after which it is this monitor's turn about window `number`."""
        return (self.index - number) % self.count * self.stagger


def report_deadline(terms: Terms, view: WindowView) -> int:
    """Until when first evidence can come, Unix seconds."""
    return view.span.end + terms.report_period


def evidence_deadline(terms: Terms, view: WindowView, claim: Claim) -> int | None:
    """Until when evidence can come or replace what is there, Unix seconds; None when none can."""
    reports = report_deadline(terms, view)
    if claim.outcome in (Outcome.UNMEASURED, Outcome.REPORTED):
        return reports
    replacing = claim.since + terms.dispute_period
    if claim.outcome in (Outcome.VIOLATED, Outcome.DISPUTED):
        return replacing
    if claim.outcome is Outcome.MET and claim.signers != BY_RULING:
        return max(reports, replacing)
    return None


def filing(terms: Terms, guarantee: int, claim: Claim, evidence: Evidence) -> Filing | None:
    """How evidence is to be brought: by itself, or to a report that came without; None for not at all.

    Evidence that is there is replaced when more monitors come to another credit.
    """
    if claim.outcome is Outcome.UNMEASURED:
        return "file"
    if claim.outcome is Outcome.REPORTED:
        return "submit" if evidence.tier is not None else "file"
    if claim.outcome is Outcome.PENALISED or evidence.signers <= claim.signers:
        return None
    return "file" if evidence.tier != terms.guarantees[guarantee].tier(claim.value) else None


def replaceable_since(terms: Terms, view: WindowView) -> int | None:
    """When something of a window was last said or disputed on the word of some monitors only; None for never."""
    said = (Outcome.MET, Outcome.VIOLATED, Outcome.DISPUTED)
    times = (one.since for one in view.claims if one.outcome in said and one.signers < len(terms.monitors))
    return max(times, default=None)


def filing_time(terms: Terms, view: WindowView, claim: Claim, evidence: Evidence, turn: Turn, patience: int) -> int:
    """From when on this monitor brings the evidence, Unix seconds.

    Evidence of all monitors need not wait for more. Nobody's turn comes later than three quarters into the time left.
    """
    begin = max(view.span.end, claim.since)
    complete = evidence.signers == len(terms.monitors)
    time = begin + (0 if complete else patience) + turn.delay(view.number)
    deadline = evidence_deadline(terms, view, claim) or begin
    return min(time, deadline - (deadline - begin) // 4)


def finalise_time(terms: Terms, view: WindowView, claim: Claim, arbitration_timeout: int) -> int | None:
    """From when on anybody may finalise a claim, Unix seconds; None when there is nothing to finalise."""
    if claim.outcome is Outcome.VIOLATED:
        return claim.since + terms.dispute_period
    if claim.outcome is Outcome.DISPUTED:
        return claim.since + arbitration_timeout
    return report_deadline(terms, view) if claim.outcome is Outcome.REPORTED else None


def settle_time(terms: Terms, view: WindowView) -> int | None:
    """From when on anybody may settle a window, Unix seconds; None when it is settled or a claim is open."""
    if view.settled or any(claim.outcome.open for claim in view.claims):
        return None
    times = [report_deadline(terms, view)]
    # What held on the word of some can be replaced for one dispute period by the word of more.
    times += [
        claim.since + terms.dispute_period
        for claim in view.claims
        if claim.outcome is Outcome.MET and claim.signers < len(terms.monitors)
    ]
    return max(times)


def batches(numbers: list[int], most: int) -> list[tuple[int, int]]:
    """Ascending numbers as ranges [first, end) without gaps, of at most `most` each."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number and number - found[-1][0] < most:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found
