"""From samples to signed measurements, and from other monitors' to evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from novacron.chain.contracts import Block
from novacron.chain.typed_data import TypedDataSigner
from novacron.compute.exclusions import exclusions, warmed_up
from novacron.compute.measurements import Measurement, SignedMeasurement
from novacron.compute.monitor.actions import MonitorAction, Notes, Result
from novacron.compute.monitor.exchange import Exchange
from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Observed, Sample, Span, included, latency, uptime
from novacron.compute.sla import Sla
from novacron.compute.sla_terms import Terms
from novacron.exceptions import MeasurementError, NovaCronError, StoreError


@dataclass(frozen=True)
class Subject:
    """A window of an agreement that has ended."""

    sla_id: int
    window: int
    span: Span
    terms: Terms


class Measurer:
    """Signs what was sampled, and collects what others have signed.

    Args:
        sla: the contract, for excluded times and the domain.
        signer: the monitor's key.
        store: samples and measurements.
        exchanges: ways to other monitors.
        clock: wall clock, Unix seconds.
    """

    def __init__(
        self,
        sla: Sla,
        signer: TypedDataSigner,
        store: MonitorStore,
        exchanges: Sequence[Exchange],
        notes: Notes,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sla, self._signer, self._store = sla, signer, store
        self._exchanges, self._notes, self._clock = tuple(exchanges), notes, clock
        self._next: dict[tuple[int, int, int], float] = {}
        self._blocks: dict[tuple[int, int], int] = {}

    def sign(self, subject: Subject, specification: Specification, *, block: Block) -> None:
        """Sign the window's measurements that are not signed, once no sample of it can be in flight any more.

        Raises:
            ChainError: excluded times could not be read; nothing was signed.
        """
        missing = [
            number
            for number in range(len(subject.terms.guarantees))
            if self._store.measurement(subject.sla_id, number, subject.window, self._signer.address) is None
        ]
        if not missing or self._clock() < subject.span.end + specification.timeout / 1000:
            return
        samples = included(
            self._store.samples(subject.sla_id, subject.span),
            subject.span,
            self._excluded(subject, specification, block),
        )
        for number in missing:
            metric = subject.terms.guarantees[number].metric
            observed = observe(metric, samples, specification)
            if observed is None or observed.samples < subject.terms.min_samples:
                count = 0 if observed is None else observed.samples
                detail = f"{metric}: {count} samples, {subject.terms.min_samples} are needed"
                self._say(subject, "skipped", detail, number)
                continue
            measurement = Measurement.of(subject.sla_id, number, subject.window, observed)
            signed = SignedMeasurement.make(measurement, self._sla.domain, self._signer)
            if self._store.add_measurement(signed):
                words = subject.terms.guarantees[number].words(observed.value)
                self._say(subject, "signed", f"{metric} {words} from {observed.samples} samples", number)

    def collect(self, subject: Subject, *, said: int | None = None) -> None:
        """Take what other monitors have of a window, this monitor's own included: it may have lost it.

        Args:
            said: since when there is evidence on the chain that more can replace, Unix seconds; None for none. What is
                in it is taken, too: who signs for one side alone does not send it to peers.
        """
        if len(self._known(subject)) == len(subject.terms.monitors) * len(subject.terms.guarantees):
            return
        if not self._is_time_to_ask(subject, subject.span.end if said is None else said):
            return
        for exchange in self._exchanges:
            self._take_all(subject, exchange.collect(subject.sla_id, subject.window))
        if said is None:
            return
        try:
            self._take_all(subject, self._given(subject))
        except NovaCronError as error:  # an endpoint without logs: what is known goes its way
            self._say(subject, "retry", str(error))

    def _take_all(self, subject: Subject, found: Iterable[SignedMeasurement | MeasurementError]) -> None:
        for one in found:
            try:
                self._take(subject, one)
            except MeasurementError as error:
                self._say(subject, "peer", str(error))

    def _given(self, subject: Subject) -> Iterator[SignedMeasurement]:
        """What is in the chain's evidence; none of it is older than the window's end."""
        window = (subject.sla_id, subject.window)
        if window not in self._blocks:
            self._blocks[window] = self._sla.block_since(subject.span.end)
        return self._sla.evidence_given(*window, subject.terms, first_block=self._blocks[window])

    def publish(self, subject: Subject) -> list[SignedMeasurement]:
        """Let others have what this monitor has signed of a window. All that is known of it."""
        known = self._known(subject)
        for signed in known:
            if signed.monitor == self._signer.address:
                self._publish(subject, signed)
        return known

    def _known(self, subject: Subject) -> list[SignedMeasurement]:
        return self._store.measurements(subject.sla_id, subject.window)

    def _is_time_to_ask(self, subject: Subject, since: int) -> bool:
        """The older the latest news of a window, the less often others are asked: every minute after an hour."""
        now, news = self._clock(), (subject.sla_id, subject.window, since)
        if now < self._next.get(news, 0):
            return False
        self._next[news] = now + max(now - since, 0) // 60
        return True

    def _publish(self, subject: Subject, signed: SignedMeasurement) -> None:
        for exchange in self._exchanges:
            try:
                exchange.publish(signed)
            except StoreError as error:
                self._say(subject, "retry", str(error))

    def _take(self, subject: Subject, found: SignedMeasurement | MeasurementError) -> None:
        if isinstance(found, MeasurementError):
            raise found
        one = found.measurement
        if (one.sla_id, one.window) != (subject.sla_id, subject.window):
            raise MeasurementError(f"asked for another window, got {one.window} of agreement {one.sla_id}")
        before = self._store.measurement(one.sla_id, one.guarantee, one.window, found.monitor)
        if before is not None and before.measurement == one:
            return
        found.verify(self._sla.domain, subject.terms, subject.span)
        if before is not None:
            raise MeasurementError(f"{found.monitor} signed two different measurements of guarantee {one.guarantee}")
        self._store.add_measurement(found)

    def _excluded(self, subject: Subject, specification: Specification, block: Block) -> list[Span]:
        if subject.terms.vm_id == 0:
            return []
        # What ended shortly before the window still warms up in it.
        window = Span(subject.span.start - specification.warm_up, subject.span.end)
        found = exclusions(window, self._sla.lifecycle, self._sla.registry, subject.terms.vm_id, block=block)
        return warmed_up(found, specification.warm_up)

    def _say(self, subject: Subject, result: Result, detail: str, guarantee: int | None = None) -> None:
        self._notes.say(MonitorAction(subject.sla_id, result, detail, subject.window, guarantee))


def observe(metric: str, samples: Sequence[Sample], specification: Specification) -> Observed | None:
    """What samples say about a metric; None where they say nothing, or the metric is not one that is measured here."""
    if metric == "uptime":
        return uptime(samples)
    return latency(samples, specification.percentile) if metric == "latency" else None
