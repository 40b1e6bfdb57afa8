"""The service that the third chapter's monitors probe, the monitors, and the agreement about it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from novacron.chain import signer_from_key
from novacron.chain.typed_data import typed_data_signer
from novacron.compute.monitor.exchange import MeasurementServer, PeerExchange
from novacron.compute.monitor.probe import NetworkProbe
from novacron.compute.monitor.sampling import Sampler
from novacron.compute.monitor.service import Monitor
from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.sla_terms import Direction, Guarantee, Terms
from novacron.deploy.genesis import UNIT

if TYPE_CHECKING:
    from novacron.demo.compute import Compute

HOUR = 3_600


class WallClock:
    """The time that monitors go by, Unix seconds; the demo moves it."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> float:
        return float(self.now)


class Service:
    """An HTTP service on a free port of the loopback interface, which answers what `status` says."""

    def __init__(self) -> None:
        self.status = 200
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def specification(self) -> Specification:
        """What the monitors measure: an answer 200 within 2 s, each minute."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        return Specification.parse(f'url = "{url}"\ninterval = "60 s"\ntimeout = "2 s"\n'.encode())


@dataclass(frozen=True)
class Station:
    """One monitor: what takes its samples, and what signs and reports."""

    sampler: Sampler
    monitor: Monitor


def agreement_terms(demo: Compute, service: Service, vm: int) -> Terms:
    """Uptime of 99.9 % in windows of an hour, for 100 NOVA each, staked with 300; 3 of 5 monitors decide."""
    from novacron.demo.compute import CUSTOMER, MONITORS, PROVIDER

    return Terms(
        provider=demo.address(PROVIDER),
        customer=demo.address(CUSTOMER),
        vm_id=vm,
        specification=service.specification().digest,
        offer_expiry=demo.time() + 24 * HOUR,
        window=HOUR,
        windows=2,
        report_period=2 * HOUR,
        dispute_period=HOUR,
        fee=100 * UNIT,
        stake=300 * UNIT,
        bond=10 * UNIT,
        credits=(100_000, 250_000, 1_000_000),
        min_samples=50,
        quorum=3,
        arbitrator="0x" + "00" * 20,
        monitors=tuple(sorted((demo.address(one) for one in MONITORS), key=lambda one: int(one, 16))),
        guarantees=(Guarantee("uptime", Direction.AT_LEAST, 999_000, 990_000, 950_000),),
    )


@contextmanager
def stations(demo: Compute, service: Service, agreement: int, folder: Path) -> Iterator[list[Station]]:
    """Five monitors that exchange their signatures over HTTP on the loopback interface."""
    from novacron.demo.compute import MONITORS

    folder.mkdir()
    specification = service.specification()
    numbers = sorted(MONITORS, key=lambda one: int(demo.address(one), 16))
    with ExitStack() as stack:
        stores = [stack.enter_context(MonitorStore(folder / f"{number}.sqlite")) for number in numbers]
        servers = [stack.enter_context(MeasurementServer("127.0.0.1", 0, store.measurements)) for store in stores]
        made = []
        for place, (number, store) in enumerate(zip(numbers, stores, strict=True)):
            probe = NetworkProbe(specification)
            place_of = int(demo.address(number), 16)
            sampler = Sampler(agreement, specification.interval, place_of, probe, store, clock=demo.wall)
            monitor = Monitor(
                demo.sla(number),
                typed_data_signer(signer_from_key(demo.node.accounts[number][1])),
                store,
                {agreement: specification},
                [PeerExchange(server.url) for at, server in enumerate(servers) if at != place],
                clock=demo.wall,
            )
            made.append(Station(sampler, monitor))
        yield made
