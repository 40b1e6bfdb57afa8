"""All of a monitor together: samplers, the server for its peers, the looks at the chain, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from novacron.chain.typed_data import TypedDataSigner
from novacron.compute.monitor.actions import MonitorAction
from novacron.compute.monitor.config import MonitorConfig
from novacron.compute.monitor.exchange import Exchange, FolderExchange, MeasurementServer, PeerExchange
from novacron.compute.monitor.probe import NetworkProbe, Probe
from novacron.compute.monitor.sampling import Sampler
from novacron.compute.monitor.service import Monitor
from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.sla import Sla
from novacron.exceptions import RetryableError

#: Told what happened; called by several threads.
Report = Callable[[MonitorAction], None]


class Daemon:
    """A monitor as `novacron sla monitor` runs it. A context manager: closes the store.

    Args:
        config: what is measured, and how it runs.
        signer: the monitor's key.
        connect: opens the contract, with an account when `config.send`; samples are taken while it cannot.
        report: told what happens.
        confirmations: see `Monitor`.
        probe: makes the probe of a specification.
        clock: wall clock, Unix seconds.
    """

    def __init__(
        self,
        config: MonitorConfig,
        signer: TypedDataSigner,
        connect: Callable[[], AbstractContextManager[Sla]],
        report: Report,
        *,
        confirmations: int = 1,
        probe: Callable[[Specification], Probe] = NetworkProbe,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config, self._signer, self._connect, self._report = config, signer, connect, report
        self._confirmations, self._clock = confirmations, clock
        self._lock = threading.Lock()
        self.store = MonitorStore(config.store)
        # Monitors of one service look at different moments.
        phase = int(signer.address, 16)
        self.samplers = [
            Sampler(sla_id, one.interval, phase, probe(one), self.store, clock=clock, report=self._trouble(sla_id))
            for sla_id, one in config.agreements.items()
        ]

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def once(self) -> list[MonitorAction]:
        """One sample of each agreement whose turn has none, and one step. Raises ChainError."""
        for sampler in self.samplers:
            sampler.take()
        with self._connect() as sla:
            return self.monitor(sla).step()

    def run(self, stop: threading.Event) -> None:
        """Sample, serve and step until `stop` is set; ends when nothing is left to do about any agreement.

        Raises:
            StoreError: the address to serve on is taken.
            NovaCronError: the contract cannot be opened, for another reason than that the chain does not answer.
        """
        with ExitStack() as running:
            if self.config.listen is not None:
                host, port = self.config.listen
                running.enter_context(MeasurementServer(host, port, self.store.measurements))
            stops = {sampler.sla_id: threading.Event() for sampler in self.samplers}
            threads = [
                threading.Thread(target=sampler.run, args=(stops[sampler.sla_id],), daemon=True)
                for sampler in self.samplers
            ]
            running.callback(_join, threads)
            for event in stops.values():
                running.callback(event.set)
            for thread in threads:
                thread.start()
            while not stop.is_set():
                try:
                    with self._connect() as sla:
                        self._look(self.monitor(sla), stops, stop)
                    return
                except RetryableError as error:
                    self.tell(MonitorAction(0, "retry", str(error)))
                stop.wait(self.config.every)

    def monitor(self, sla: Sla) -> Monitor:
        """The monitor over an open contract."""
        return Monitor(
            sla,
            self._signer,
            self.store,
            self.config.agreements,
            exchanges_of(self.config),
            confirmations=self._confirmations,
            patience=self.config.patience,
            stagger=self.config.stagger,
            send=self.config.send,
            clock=self._clock,
        )

    def _look(self, monitor: Monitor, stops: Mapping[int, threading.Event], stop: threading.Event) -> None:
        while not stop.is_set():
            for action in monitor.step():
                self.tell(action)
            for sla_id in monitor.over:
                stops[sla_id].set()
            if len(monitor.over) == len(stops):
                return
            stop.wait(self.config.every)

    def tell(self, action: MonitorAction) -> None:
        """Report an action; one at a time."""
        with self._lock:
            self._report(action)

    def _trouble(self, sla_id: int) -> Callable[[str], None]:
        return lambda words: self.tell(MonitorAction(sla_id, "retry", words))


def exchanges_of(config: MonitorConfig) -> list[Exchange]:
    """The configured ways to other monitors."""
    found: list[Exchange] = [PeerExchange(peer) for peer in config.peers]
    if config.folder is not None:
        found.append(FolderExchange(config.folder))
    return found


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
