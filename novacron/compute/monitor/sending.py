"""Sends what is due, once: one monitor does, the others see that it was done; a race costs a little gas, no more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from novacron.chain.receipts import TransactionReceipt
from novacron.compute.measurements import Evidence
from novacron.compute.monitor.actions import MonitorAction, Notes, Result
from novacron.compute.monitor.decisions import (
    Turn,
    batches,
    evidence_deadline,
    filing,
    filing_time,
    finalise_time,
    settle_time,
)
from novacron.compute.quantities import nova
from novacron.compute.sla import Sla, WindowView
from novacron.compute.sla_terms import Terms
from novacron.exceptions import NovaCronError, RetryableError, RevertedError

#: Reverts that mean: somebody else was faster, or it is not yet (no longer) time. The next look decides anew.
_RACES = frozenset(
    {
        "SLA_NoBetterEvidence",
        "SLA_WrongOutcome",
        "SLA_AlreadySettled",
        "SLA_ReportPeriodOver",
        "SLA_ReportPeriodRuns",
        "SLA_DisputePeriodOver",
        "SLA_DisputePeriodRuns",
        "SLA_ClaimOpen",
        "SLA_WindowOpen",
    }
)
_MOST_WINDOWS = 50


class Clerk:
    """Takes the steps about an agreement that time and evidence have decided.

    Args:
        sla: with an account.
        turn: of this monitor in this agreement.
        patience: see `MonitorConfig`.
        now: timestamp of the newest block.
    """

    def __init__(self, sla: Sla, sla_id: int, terms: Terms, turn: Turn, patience: int, now: int, notes: Notes) -> None:
        self._sla, self._id, self._terms, self._turn = sla, sla_id, terms, turn
        self._patience, self._now, self._notes = patience, now, notes

    def file(self, view: WindowView, guarantee: int, evidence: Evidence) -> None:
        """Bring evidence when it is this monitor's turn and nobody else has."""
        claim, terms = view.claims[guarantee], self._terms
        how, deadline = filing(terms, guarantee, claim, evidence), evidence_deadline(terms, view, claim)
        if how is None or deadline is None or self._now >= deadline:
            return
        if self._now < filing_time(terms, view, claim, evidence, self._turn, self._patience):
            return
        broken = evidence.tier is not None
        if broken and how == "file" and not self._can_report(view, guarantee):
            return
        name = f"{self._id}/{guarantee}/{view.number}/{_digest(evidence)}"
        words = f"{terms.guarantees[guarantee].words(evidence.value)} by {evidence.signers} monitors"
        result: Result = "reported" if broken else "recorded"
        if how == "submit":
            self._once(
                lambda: self._sla.submit_evidence(self._id, guarantee, view.number, terms, evidence, key=name),
                MonitorAction(self._id, result, words, view.number, guarantee),
            )
            return
        self._once(
            lambda: self._sla.file(self._id, guarantee, view.number, terms, evidence, key=name),
            MonitorAction(self._id, result, words, view.number, guarantee),
        )

    def finalise(self, view: WindowView, guarantee: int) -> None:
        """Finalise a claim when it is time."""
        claim = view.claims[guarantee]
        due = finalise_time(self._terms, view, claim, self._sla.arbitration_timeout)
        if due is None or self._now < due + self._turn.delay(view.number):
            return
        name = f"{self._id}/{guarantee}/{view.number}/{claim.since}"
        words = f"was {claim.outcome.name.lower()}"
        self._once(
            lambda: self._sla.finalise(self._id, guarantee, view.number, key=name),
            MonitorAction(self._id, "finalised", words, view.number, guarantee),
        )

    def settle(self, views: list[WindowView]) -> None:
        """Settle the windows whose time it is."""
        due = []
        for view in views:
            time = settle_time(self._terms, view)
            if time is not None and self._now >= time + self._turn.delay(view.number):
                due.append(view.number)
        for first, end in batches(due, _MOST_WINDOWS):
            name = f"{self._id}/{first}-{end}"
            words = f"window {first}" if end == first + 1 else f"windows {first} to {end - 1}"
            self._once(
                lambda first=first, end=end, name=name: self._sla.settle(self._id, first, end, key=name),  # type: ignore[misc]
                MonitorAction(self._id, "settled", words, first),
            )

    def _can_report(self, view: WindowView, guarantee: int) -> bool:
        """Whether the window can be reported, and the bond paid."""
        terms = self._terms
        if terms.vm_id:
            due = self._sla.due_in(self._id, view.number)
            if 2 * due < terms.window:
                words = f"the VM was due for {due} s of {terms.window} s"
                self._notes.say(MonitorAction(self._id, "excluded", words, view.number, guarantee))
                return False
        balance = self._sla.balance(self._sla.account.address)
        if balance < terms.bond:
            words = (
                f"a report takes a bond of {nova(terms.bond)}, there are {nova(balance)}: deposit more "
                "(novacron sla deposit)"
            )
            self._notes.say(MonitorAction(self._id, "unfunded", words, view.number, guarantee))
            return False
        return True

    def _once(self, act: Callable[[], TransactionReceipt], done: MonitorAction) -> None:
        manager = self._sla.account.manager

        def note(result: Result, detail: str, transaction: str | None = None) -> None:
            self._notes.say(MonitorAction(done.sla_id, result, detail, done.window, done.guarantee, transaction))

        try:
            # What an earlier look has sent is not sent again; should a reorganisation have taken it away, it is.
            receipt = manager.recheck(act().key)
        except RevertedError as error:
            note("others" if error.name in _RACES else "refused", str(error))
        except RetryableError as error:
            note("retry", str(error))
        except NovaCronError as error:  # no gas, a fee above the cap, a full disk: the rest does not wait for it
            note("refused", str(error))
        else:
            note(done.result, done.detail, receipt.hash)


def finish(sla: Sla, notes: Notes) -> bool:
    """Wait for what an earlier run has sent; whether nothing is left under way."""
    account, clear = sla.account, True
    for key in account.unfinished(("sla/",)):
        try:
            account.manager.wait(key)
        except RevertedError as error:
            notes.say(MonitorAction(0, "others", f"{key}: {error}"))
        except NovaCronError as error:
            notes.say(MonitorAction(0, "retry", f"{key}: {error}"))
            clear = False
    return clear


def _digest(evidence: Evidence) -> str:
    """Names evidence: the same measurements are one transaction."""
    signatures = b"".join(one.signature for one in evidence.measurements)
    return hashlib.sha256(signatures).hexdigest()[:16]
