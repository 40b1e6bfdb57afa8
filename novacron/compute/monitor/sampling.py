"""Samples at their turns: one probe an interval, stored when it has finished, never caught up on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from novacron.compute.monitor.probe import OwnFaultError, Probe
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Sample
from novacron.exceptions import StoreError


class Sampler:
    """Takes the samples of one agreement.

    Turns lie on a grid of the wall clock, shifted for each monitor, so that they do not all look at the same moment.
    A turn that passed while nobody looked (restart, stuck name resolution) is missing data.

    Args:
        sla_id: whose samples they are.
        interval: seconds between two turns.
        phase: seconds that the grid is shifted by, such as a number made of the monitor's address.
        probe: looks at the service.
        store: where samples go.
        clock: wall clock, Unix seconds.
        report: told, in words, when no sample could be taken or stored.
    """

    def __init__(
        self,
        sla_id: int,
        interval: int,
        phase: int,
        probe: Probe,
        store: MonitorStore,
        *,
        clock: Callable[[], float] = time.time,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.sla_id = sla_id
        self._interval, self._phase = interval, phase % interval
        self._probe, self._store, self._clock, self._report = probe, store, clock, report

    def take(self) -> Sample | None:
        """Look once, unless this turn has its sample; the sample that was stored."""
        now = self._clock()
        slot = self._slot(now)
        if self._store.has_sample(self.sla_id, slot):
            return None
        try:
            finding = self._probe()
        except OwnFaultError as error:
            self._report(f"no sample: this machine cannot look ({error.strerror})")
            return None
        sample = Sample(slot, int(now * 1000), finding.took_us, finding.failure)
        return sample if self._store.add_sample(self.sla_id, sample) else None

    def wait(self) -> float:
        """Seconds until the next turn."""
        now = self._clock()
        return (self._slot(now) + 1) * self._interval + self._phase - now

    def run(self, stop: threading.Event) -> None:
        """Take a sample at every turn until `stop` is set."""
        while not stop.wait(max(self.wait(), 0.0)):
            try:
                self.take()
            except StoreError as error:  # a full disk: missing data, and the next turn tries again
                self._report(f"no sample: {error}")

    def _slot(self, now: float) -> int:
        return int((now - self._phase) // self._interval)
