"""The monitor: looks at the chain and its store, and takes each step that is due. All follows from what it finds.

So it can be stopped and started at any point, and many may run: whoever comes second finds the step done. Sampling goes
on by itself (`sampling`) while the chain cannot be reached; what was not signed or sent meanwhile is made up for as far
as the agreement's periods allow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from novacron.chain.typed_data import TypedDataSigner
from novacron.compute.measurements import Evidence
from novacron.compute.monitor.actions import MonitorAction, Notes, Result
from novacron.compute.monitor.decisions import Turn, replaceable_since, report_deadline
from novacron.compute.monitor.exchange import Exchange
from novacron.compute.monitor.measuring import Measurer, Subject
from novacron.compute.monitor.sending import Clerk, finish
from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.sla import Sla, WindowView
from novacron.exceptions import NovaCronError, RevertedError, StoreConflictError

#: How far this machine's clock may be behind the chain's, seconds: blocks are not from the future.
_CLOCK_TOLERANCE = 30


class Monitor:
    """One monitor of some agreements.

    Args:
        sla: the contract; with an account when it sends.
        signer: the monitor's key.
        store: samples and measurements, bound to this monitor here.
        agreements: how each agreement's service is measured.
        exchanges: ways to the other monitors.
        confirmations: blocks after which what the chain says counts for signing.
        patience, stagger, send: see `MonitorConfig`.
        clock: wall clock, Unix seconds.
    """

    def __init__(
        self,
        sla: Sla,
        signer: TypedDataSigner,
        store: MonitorStore,
        agreements: Mapping[int, Specification],
        exchanges: Sequence[Exchange] = (),
        *,
        confirmations: int = 1,
        patience: int = 900,
        stagger: int = 120,
        send: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sla, self._signer, self._store = sla, signer, store
        self._agreements, self._send, self._clock = dict(agreements), send, clock
        self._confirmations, self._patience, self._stagger = confirmations, patience, stagger
        self._notes = Notes()
        self._measurer = Measurer(sla, signer, store, exchanges, self._notes, clock=clock)
        self._first: dict[int, int] = {}
        self._over: set[int] = set()
        self._bound = False

    @property
    def over(self) -> frozenset[int]:
        """Agreements of which nothing is left to do."""
        return frozenset(self._over)

    def step(self) -> list[MonitorAction]:
        """Look at every agreement once. What cannot be done now is in the result, never raised."""
        try:
            if not self._bound:
                self._store.bind(self._sla.domain, self._signer.address)
                self._bound = True
            clear = finish(self._sla, self._notes) if self._send else False
            latest = int(self._sla.pool.request("eth_blockNumber", []), 16)
            settled_block, now = max(latest - self._confirmations + 1, 0), self._sla.time(latest)
            self._check_clock(now)
        except StoreConflictError as error:
            self._say(0, "refused", f"{error} (store in the monitor's file)")
            return self._notes.take()
        except NovaCronError as error:
            self._notes.say(MonitorAction(0, "retry", str(error)))
            return self._notes.take()
        for sla_id in self._agreements.keys() - self._over:
            try:
                self._look(sla_id, settled_block, now, clear)
            except NovaCronError as error:  # the other agreements do not wait for this one
                self._notes.say(MonitorAction(sla_id, "retry", str(error)))
        return self._notes.take()

    def _look(self, sla_id: int, block: int, now: int, clear: bool) -> None:
        specification = self._agreements[sla_id]
        try:
            terms = self._sla.terms(sla_id, block=block)
        except RevertedError as error:
            if error.name != "SLA_UnknownAgreement":
                raise
            self._absent(sla_id)
            return
        agreement = self._sla.agreement(sla_id, block=block)
        index = terms.monitor_index(self._signer.address)
        if index is None:
            self._say(sla_id, "refused", f"{self._signer.address} is no monitor of this agreement: use a monitor's key")
            return
        if not agreement.accepted:
            status = agreement.status(terms, now)
            self._say(sla_id, "waiting" if status == "offered" else "over", f"it is {status}")
            if status == "withdrawn":
                self._over.add(sla_id)
            return
        ended = agreement.ended_windows(terms, self._sla.time(block))
        open_windows = self._unsettled(sla_id, ended, block)
        views = self._sla.windows(sla_id, terms, agreement, open_windows)
        clerk = Clerk(
            self._sla,
            sla_id,
            terms,
            Turn(index, len(terms.monitors), self._stagger),
            self._patience,
            now,
            self._notes,
        )
        signs = specification.digest == terms.specification
        if not signs:
            words = f"the terms want {terms.specification.hex()}, the file is {specification.digest.hex()}"
            self._say(sla_id, "refused", f"another specification was agreed on: {words}; nothing is signed")
        for view in views:
            self._window(Subject(sla_id, view.number, view.span, terms), view, clerk, block, now, signs, clear)
        if clear:
            clerk.settle(views)
        if not views and agreement.settled_windows == agreement.windows:
            self._over.add(sla_id)
            self._say(sla_id, "over", f"all {agreement.windows} windows are settled")

    def _window(
        self,
        subject: Subject,
        view: WindowView,
        clerk: Clerk,
        block: int,
        now: int,
        signs: bool,
        clear: bool,
    ) -> None:
        terms = subject.terms
        reportable = now < report_deadline(terms, view)
        said = replaceable_since(terms, view)
        if reportable or said is not None:
            self._measurer.collect(subject, said=said)
        if signs and reportable:
            self._measurer.sign(subject, self._agreements[subject.sla_id], block=block)
        known = self._measurer.publish(subject)
        if not clear:
            return
        for number in range(len(terms.guarantees)):
            evidence = Evidence.of(known, terms, number)
            if evidence is not None:
                clerk.file(view, number, evidence)
            clerk.finalise(view, number)

    def _unsettled(self, sla_id: int, ended: int, block: int) -> list[int]:
        """Windows that have ended and are not settled for good; those before the first are not asked for again."""
        first = min(self._first.get(sla_id, 0), ended)
        found = self._sla.unsettled(sla_id, range(first, ended), block=block)
        self._first[sla_id] = found[0] if found else ended
        return found

    def _absent(self, sla_id: int) -> None:
        """An agreement that the settled block does not hold: offered since, or never."""
        known = self._sla.count()
        if sla_id <= known:
            self._say(sla_id, "waiting", "it was offered just now")
            return
        self._say(
            sla_id,
            "refused",
            f"there is no agreement {sla_id} in {self._sla.address}, which has {known}: correct id in the "
            "monitor's file (novacron sla list), or the network that is configured",
        )

    def _check_clock(self, now: int) -> None:
        behind = now - int(self._clock())
        if behind > _CLOCK_TOLERANCE:
            self._say(0, "clock", "this machine's clock is behind the chain's: samples go to the wrong windows; set it")

    def _say(self, sla_id: int, result: Result, detail: str) -> None:
        self._notes.say(MonitorAction(sla_id, result, detail))
