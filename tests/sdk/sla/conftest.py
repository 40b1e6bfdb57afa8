"""A chain with the SLA contract, accounts with journals of their own, a real HTTP service with injected faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.chain.signer import LocalSigner
from novacron.chain.typed_data import TypedDataSigner, typed_data_signer
from novacron.compute.monitor.specification import Specification
from novacron.compute.sla import Sla
from novacron.compute.sla_advice import SLA_ADVICE
from novacron.compute.sla_terms import Direction, Guarantee, Terms
from novacron.market.deployment import Account, Deployment
from tests.support.contracts import deploy

NOVA = 10**18
HOUR = 3_600
OWNER, PROVIDER, CUSTOMER, STRANGER, TREASURY = 0, 1, 2, 8, 9
MONITORS = (3, 4, 5, 6, 7)

UPTIME = Guarantee("uptime", Direction.AT_LEAST, 999_000, 990_000, 950_000)
LATENCY = Guarantee("latency", Direction.AT_MOST, 100, 250, 1_000)


class Clock:
    """Seconds that only the test moves."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Service:
    """An HTTP service on a free loopback port; `monotonic` is the probes' clock, which its delays move."""

    def __init__(self) -> None:
        self.monotonic = Clock(1_000.0)
        self.status, self.body, self.headers, self.delay = 200, b"all is well", {}, 0.0
        self.truncate = 0
        self.requests: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests.append(self.path)
                service.monotonic.now += service.delay
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(service.body) + service.truncate))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(service.body)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health"

    def specification(self, **changes: Any) -> Specification:
        values = {"url": self.url, "interval": "60 s", "timeout": "2 s", **changes}
        lines = [
            f"{key} = {value if isinstance(value, (int, list)) else chr(34) + value + chr(34)}"
            for key, value in values.items()
        ]
        return Specification.parse("\n".join(lines).encode())

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@dataclass
class World:
    """The chain, and everybody on it by number of anvil's account."""

    node: Anvil
    w3: Web3
    instances: dict[str, str]
    folder: Path
    pool: EndpointPool
    journals: dict[int, Journal] = field(default_factory=dict)
    on_step: Callable[[str, str], None] | None = None

    def address(self, number: int) -> str:
        return self.node.accounts[number][0]

    def key(self, number: int) -> LocalSigner:
        return signer_from_key(self.node.accounts[number][1])

    def signer(self, number: int) -> TypedDataSigner:
        return typed_data_signer(self.key(number))

    def sla(self, number: int, pool: EndpointPool | None = None) -> Sla:
        """The contract as an account sees it; each has a journal of its own."""
        if number not in self.journals:
            self.journals[number] = Journal(self.folder / f"journal-{number}.sqlite")
        chain = pool or self.pool
        options: dict[str, Any] = {"poll_interval": 0.02, "timeout": 20.0, "on_step": self.on_step}
        manager = TransactionManager(chain, self.key(number), self.journals[number], **options)
        deployment = Deployment(chain, self.instances)
        return Sla(deployment, Account(deployment, manager, SLA_ADVICE))

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def travel(self, to: int) -> None:
        """Mine a block at a time."""
        self.node.rpc("evm_setNextBlockTimestamp", hex(to))
        self.node.rpc("evm_mine")

    def terms(self, specification: bytes = b"\x01" * 32, **changes: Any) -> Terms:
        values: dict[str, Any] = {
            "provider": self.address(PROVIDER),
            "customer": self.address(CUSTOMER),
            "vm_id": 0,
            "specification": specification,
            "offer_expiry": self.now + 7 * 24 * HOUR,
            "window": HOUR,
            "windows": 2,
            "report_period": 2 * HOUR,
            "dispute_period": HOUR,
            "fee": 100 * NOVA,
            "stake": 300 * NOVA,
            "bond": 10 * NOVA,
            "credits": (100_000, 250_000, 1_000_000),
            "min_samples": 50,
            "quorum": 3,
            "arbitrator": "0x" + "0" * 40,
            "monitors": tuple(sorted((self.address(one) for one in MONITORS), key=lambda one: int(one, 16))),
            "guarantees": (UPTIME, LATENCY),
        }
        return Terms(**values | changes)

    def agree(self, terms: Terms) -> int:
        """Offered, accepted, everybody's balance filled."""
        self.sla(PROVIDER).deposit(terms.stake + 10 * terms.bond)
        self.sla(CUSTOMER).deposit(terms.windows * terms.fee)
        number = self.sla(PROVIDER).offer(terms)
        self.sla(CUSTOMER).accept(number)
        return number

    def events(self, name: str) -> list[Any]:
        return list(self.sla(STRANGER).contract.events(name))


@pytest.fixture(scope="session")
def chain() -> Iterator[tuple[Anvil, Web3, dict[str, str]]]:
    with Anvil() as node:
        w3 = Web3(Web3.HTTPProvider(node.url))
        accounts = [address for address, _ in node.accounts]
        authority = deploy(w3, "Authority", accounts[OWNER])
        holders = [(address, 100_000 * NOVA) for address in accounts]
        nova = deploy(w3, "NovaToken", authority.address, holders)
        arbitrator = deploy(w3, "CommitteeArbitrator", authority.address)
        implementation = deploy(w3, "SLA")
        # Services only: nothing is asked of the lifecycle.
        arguments = [authority.address, accounts[OWNER], nova.address, accounts[OWNER], accounts[TREASURY]]
        setup = implementation.encode_abi("initialize", [*arguments, arbitrator.address])
        proxy = deploy(w3, "Proxy", implementation.address, bytes.fromhex(setup[2:]))
        yield node, w3, {"SLA": proxy.address, "NovaToken": nova.address, "CommitteeArbitrator": arbitrator.address}


@pytest.fixture
def world(chain: tuple[Anvil, Web3, dict[str, str]], tmp_path: Path) -> Iterator[World]:
    """The chain as deployed; it goes back afterwards."""
    node, w3, instances = chain
    snapshot = node.rpc("evm_snapshot")
    with EndpointPool([node.url], health_interval=None) as pool:
        made = World(node, w3, instances, tmp_path, pool)
        yield made
        for journal in made.journals.values():
            journal.close()
    assert node.rpc("evm_revert", snapshot) is True
