"""Agreements of VMs, whose excluded times come from the chain; and the commands as people run them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.chain import Anvil
from novacron.chain.typed_data import typed_data_signer
from novacron.cli.main import cli
from novacron.compute.capacity import Capacity
from novacron.compute.exclusions import exclusions
from novacron.compute.monitor.actions import MonitorAction
from novacron.compute.monitor.config import MonitorConfig
from novacron.compute.monitor.daemon import Daemon
from novacron.compute.monitor.exchange import FolderExchange, MeasurementServer, PeerExchange
from novacron.compute.monitor.service import Monitor
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Sample, Span
from novacron.compute.sla import Outcome, Sla
from novacron.compute.sla_terms import Direction, Guarantee, Terms
from novacron.compute.vms import VMs
from novacron.deploy.manifest import load_manifest
from novacron.exceptions import ChainUnavailableError, StoreError
from novacron.market.advice import moment
from tests.sdk.sla.conftest import HOUR, NOVA, Clock, Service
from tests.support.contracts import deploy
from tests.support.market_world import Actors, MarketWorld

PROVIDER, CUSTOMER, MONITORS = 1, 4, (5, 6, 7)
SIZE = Capacity(2_000, 4_000, 50, 10_000)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketWorld]:
    """Hosts, VMs and agreements on one chain, with a manifest."""
    with Anvil() as node:
        world = MarketWorld(node, tmp_path_factory.mktemp("sla"))
        authority = deploy(world.w3, "Authority", world.admin)
        nova = deploy(
            world.w3, "NovaToken", authority.address, [(address, 100_000 * NOVA) for address in world.accounts]
        )
        court = deploy(world.w3, "CommitteeArbitrator", authority.address)
        logic = deploy(world.w3, "SLA")
        start = [authority.address, world.admin, nova.address, world.lifecycle.address, world.accounts[9]]
        proxy = deploy(world.w3, "Proxy", logic.address, logic.encode_abi("initialize", args=[*start, court.address]))
        manifest = load_manifest(world.manifest)
        record = manifest.instances["VMLifecycle"]
        for name, contract in (("SLA", proxy), ("NovaToken", nova), ("CommitteeArbitrator", court)):
            made = replace(
                record, instance=name, contract=name, source=f"contracts/{name}.sol", address=contract.address
            )
            manifest = manifest.with_record(replace(made, salt_label=name))
        manifest.save(world.manifest)
        yield world


@pytest.fixture
def world(built: MarketWorld) -> Iterator[MarketWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def actors(world: MarketWorld, tmp_path: Path) -> Iterator[Actors]:
    with contextlib.ExitStack() as resources:
        yield Actors(world, tmp_path, resources)


def make_terms(world: MarketWorld, specification: bytes, vm_id: int) -> Terms:
    return Terms(
        provider=world.provider,
        customer=world.customer,
        vm_id=vm_id,
        specification=specification,
        offer_expiry=world.now() + 10**6,
        window=HOUR,
        windows=2,
        report_period=2 * HOUR,
        dispute_period=HOUR,
        fee=100 * NOVA,
        stake=200 * NOVA,
        bond=10 * NOVA,
        credits=(0, 0, 0),
        min_samples=5,
        quorum=3,
        arbitrator="0x" + "0" * 40,
        monitors=tuple(sorted((world.accounts[number] for number in MONITORS), key=lambda one: int(one, 16))),
        guarantees=(Guarantee("uptime", Direction.AT_LEAST, 999_000, 990_000, 950_000),),
    )


class Case:
    """A VM of the customer's that is running, an agreement about it that began now, and its three monitors."""

    def __init__(self, world: MarketWorld, actors: Actors, folder: Path, stack: contextlib.ExitStack) -> None:
        self.world, self.actors = world, actors
        self.specification = Service().specification(url="http://127.0.0.1:9/", warm_up="2 min")
        customer = actors.account(CUSTOMER)
        self.vms = VMs(actors.deployment)
        self.provider = Sla(actors.deployment, actors.account(PROVIDER))
        self.customer = Sla(actors.deployment, customer)
        self.vm = self.vms.create(customer, 1, SIZE, 100 * HOUR, b"\x11" * 32)[0]
        self.start_vm()
        # The agreement begins an hour before an announced maintenance of twenty minutes.
        self.maintenance = Span(world.now() + 25 * HOUR, world.now() + 25 * HOUR + 1_200)
        world.send(
            world.registry,
            "announceMaintenance",
            1,
            self.maintenance.start,
            self.maintenance.end,
            sender=world.provider,
        )
        self.at(self.maintenance.start - 1_800)
        terms = make_terms(world, self.specification.digest, self.vm)
        self.provider.deposit(terms.stake)
        self.customer.deposit(2 * terms.fee)
        self.sla_id = self.provider.offer(terms)
        self.customer.accept(self.sla_id)
        self.terms = self.provider.terms(self.sla_id)
        self.start = self.provider.agreement(self.sla_id).started_at
        self.wall = Clock(self.start)
        self.stores, self.monitors = [], []
        for number in MONITORS:
            store = stack.enter_context(MonitorStore(folder / f"monitor-{number}.sqlite"))
            sla = Sla(actors.deployment, actors.account(number))
            sla.deposit(20 * NOVA)
            exchanges = [FolderExchange(folder / "shared")]
            signer = typed_data_signer(actors.signer(number))
            agreements = {self.sla_id: self.specification}
            self.stores.append(store)
            self.monitors.append(
                Monitor(sla, signer, store, agreements, exchanges, clock=self.wall, stagger=0, patience=0)
            )

    def start_vm(self) -> None:
        self.world.send(self.world.lifecycle, "start", self.vm, sender=self.world.customer)
        self.world.acknowledge("acknowledgeStart", self.vm, 1)

    def stop_vm(self) -> None:
        self.world.send(self.world.lifecycle, "stop", self.vm, sender=self.world.customer)
        self.world.acknowledge("acknowledgeStop", self.vm, 1)

    def at(self, time: int) -> None:
        self.world.node.rpc("evm_setNextBlockTimestamp", hex(time))
        self.world.node.rpc("evm_mine")
        self.world.beat(1)

    def sample(self, down: Callable[[int], bool]) -> None:
        """A sample a minute of the first window; it fails in the seconds for which `down` says so."""
        for at in range(self.start, self.start + HOUR, 60):
            failure = "refused" if down(at - self.start) else None
            for store in self.stores:
                store.add_sample(self.sla_id, Sample(at // 60, at * 1000, 5_000, failure))

    def step(self) -> list[MonitorAction]:
        found = []
        for monitor in (*self.monitors, *self.monitors):
            found += monitor.step()
        return found


@pytest.fixture
def case(world: MarketWorld, actors: Actors, tmp_path: Path) -> Iterator[Case]:
    with contextlib.ExitStack() as stack:
        yield Case(world, actors, tmp_path, stack)


def test_stops_of_the_customer_maintenance_and_the_warm_up_are_left_out(case: Case) -> None:
    begin = case.start + 600
    case.at(begin)
    case.stop_vm()
    case.at(begin + 420)
    case.start_vm()
    case.at(case.start + HOUR + 10)
    window = Span(case.start, case.start + HOUR)
    found = exclusions(window, case.provider.lifecycle, case.provider.registry, case.vm)
    assert len(found) == 2
    assert begin <= found[0].start <= begin + 5
    assert begin + 420 <= found[0].end <= begin + 430
    assert found[1] == case.maintenance
    left_out = sum(span.end - span.start for span in found)
    assert HOUR - left_out == case.provider.due_in(case.sla_id, 0)

    # Down exactly while it was stopped, for two minutes after it was started, and in the maintenance: the promise held.
    stop = (found[0].start - case.start, found[0].end + 120 - case.start)
    repair = (case.maintenance.start - case.start, case.maintenance.end + 120 - case.start)
    case.sample(lambda second: stop[0] <= second < stop[1] or repair[0] <= second < repair[1])
    case.wall.now = case.start + HOUR + 10
    assert "recorded" in [action.result for action in case.step()]
    claim = case.provider.claim(case.sla_id, 0, 0)
    assert (claim.outcome, claim.value, claim.signers) == (Outcome.MET, 1_000_000, 3)
    measured = case.stores[0].measurements(case.sla_id, 0)[0].measurement
    assert measured.samples == 60 - sum(
        stop[0] - 1 < s < stop[1] or repair[0] - 1 < s < repair[1] for s in range(0, HOUR, 60)
    )


def test_a_failure_beside_the_excluded_times_is_a_violation(case: Case) -> None:
    case.at(case.start + HOUR + 10)
    case.wall.now = case.start + HOUR + 10
    case.sample(lambda second: second == 0)
    assert "reported" in [action.result for action in case.step()]
    claim = case.provider.claim(case.sla_id, 0, 0)
    assert claim.outcome is Outcome.VIOLATED
    assert claim.value == 37 * 1_000_000 // 38  # 60 minutes less 20 of maintenance and 2 of warm-up


def test_a_window_that_was_mostly_excluded_is_not_reported(case: Case) -> None:
    case.at(case.start + 300)
    case.stop_vm()
    case.at(case.start + 1_500)
    case.start_vm()
    case.at(case.start + HOUR + 10)
    case.wall.now = case.start + HOUR + 10
    case.sample(lambda _: True)
    assert 2 * case.provider.due_in(case.sla_id, 0) < HOUR
    results = [action.result for action in case.step()]
    assert results.count("signed") == 3
    assert "excluded" in results
    assert "reported" not in results
    assert case.provider.claim(case.sla_id, 0, 0).outcome is Outcome.UNMEASURED


# --------------------------------------------------------------------------------------------------------------------
# Commands
# --------------------------------------------------------------------------------------------------------------------

Run = Callable[..., Result]


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@pytest.fixture
def run(world: MarketWorld, service: Service, tmp_path: Path) -> Run:
    """`novacron sla …` as an anvil account, in a folder with terms, a specification and a monitor's file."""
    (tmp_path / "anvil-local").mkdir()
    manifest = tmp_path / "anvil-local" / "manifest.json"
    manifest.write_text(world.manifest.read_text())
    (tmp_path / "service.toml").write_text(f'url = "{service.url}"\ninterval = "1 s"\ntimeout = "1 s"\n')
    monitors = ", ".join(f'"{world.accounts[number]}"' for number in MONITORS)
    (tmp_path / "terms.toml").write_text(
        f'customer = "{world.customer}"\nspecification = "service.toml"\noffer_expiry = "7 days"\nwindow = "1 h"\n'
        'windows = 2\nreport_period = "2 h"\ndispute_period = "1 h"\nfee = "100 NOVA"\nstake = "300 NOVA"\n'
        f'bond = "10 NOVA"\nmin_samples = 1\nquorum = 2\nmonitors = [{monitors}]\n'
        '[[guarantee]]\nmetric = "uptime"\nat_least = "99.9 %"\nsevere = "99 %"\ncritical = "95 %"\n'
    )
    (tmp_path / "monitor.toml").write_text(
        '[monitor]\nstore = "monitor.sqlite"\nevery = "1 s"\n\n[[agreement]]\nid = 1\nspecification = "service.toml"\n'
    )

    def command(who: int, *arguments: object, code: int = 0, as_json: bool = True) -> Result:
        environment = {"NOVACRON_RPC_URLS": world.node.url, "NOVACRON_PRIVATE_KEY": world.keys[who]}
        flags = ["--json"] if as_json else []
        words = [*flags, "--config", str(manifest), "sla", *map(str, arguments)]
        result = CliRunner(mix_stderr=False).invoke(cli, words, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert world.keys[who].removeprefix("0x") not in result.stdout + result.stderr
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return command


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_an_agreement_from_the_command_line(run: Run, world: MarketWorld, tmp_path: Path) -> None:
    run(PROVIDER, "deposit", "300 NOVA")
    run(CUSTOMER, "deposit", "200 NOVA", "--key", "fees")
    run(CUSTOMER, "deposit", "200 NOVA", "--key", "fees")
    assert answer(run(0, "balance", world.customer))["balance"] == str(200 * NOVA)
    assert answer(run(PROVIDER, "offer", tmp_path / "terms.toml")) == {"agreement": 1}
    assert answer(run(0, "show", 1))["status"] == "offered"
    accepted = run(CUSTOMER, "accept", 1, "--key", "yes", as_json=False).stdout
    assert "novacron sla monitor" in accepted
    shown = answer(run(0, "show", 1))
    begun = shown["started_at"]
    assert moment(begun + HOUR) in accepted
    assert answer(run(CUSTOMER, "accept", 1, "--key", "yes"))["first_window_end"] == begun + HOUR
    assert (shown["status"], shown["windows"], shown["stake"]) == ("active", 2, str(300 * NOVA))
    assert (shown["terms"]["fee"], shown["terms"]["bond"]) == (str(100 * NOVA), str(10 * NOVA))
    assert "uptime ≥ 99.9 %" in run(0, "show", 1, as_json=False).stdout
    assert [row["agreement"] for row in answer(run(0, "list", "--party", world.accounts[5]))] == [1]
    assert answer(run(0, "list", "--party", world.accounts[8])) == []

    assert "keeps the promise" in run(5, "report", 1, "uptime", "99.9 %", code=1).stderr
    assert "promises nothing about 'latency'" in run(5, "report", 1, "latency", "1 s", code=1).stderr
    assert "has not ended" in run(5, "settle", 1, 0, code=1).stderr
    world.pass_time(HOUR)
    run(5, "deposit", "10 NOVA")
    run(5, "report", 1, "uptime", "98 %")
    window = answer(run(0, "show", 1))["window_states"][0]
    assert window["guarantees"][0]["outcome"] == "reported"
    assert (window["credited"], window["taken_from_fee"]) == ("0", "0")
    assert "finalise from" in run(0, "show", 1, as_json=False).stdout
    world.pass_time(4 * HOUR)
    run(6, "finalise", 1, "uptime", 0)
    run(6, "settle", 1, 0, "--to", 0, as_json=False)
    run(6, "settle", 1, 1)
    run(6, "release", 1)
    assert answer(run(0, "show", 1))["status"] == "released"
    run(CUSTOMER, "withdraw", "200 NOVA")
    assert answer(run(0, "balance", world.customer))["balance"] == "0"


def test_mistakes_are_answered_in_one_line(run: Run, tmp_path: Path) -> None:
    assert "a number and a unit" in run(PROVIDER, "deposit", "300", code=1).stderr
    assert "there is no agreement 9" in run(0, "show", 9, code=1).stderr
    (tmp_path / "terms.toml").write_text("window = 5\n")
    assert "missing" in run(PROVIDER, "offer", tmp_path / "terms.toml", code=1).stderr
    (tmp_path / "service.toml").write_text('url = "http://x/"\ninterval = "5 min"\ntimeout = "1 s"\n')
    assert "60 s or more often" in run(5, "monitor", tmp_path / "monitor.toml", code=1).stderr


def test_a_monitor_looks_once_from_the_command_line(run: Run, service: Service, tmp_path: Path) -> None:
    run(PROVIDER, "deposit", "300 NOVA")
    run(CUSTOMER, "deposit", "200 NOVA")
    run(PROVIDER, "offer", tmp_path / "terms.toml")
    waiting = run(5, "monitor", tmp_path / "monitor.toml", "--once")
    assert json.loads(waiting.stdout)["result"] == "waiting"
    run(CUSTOMER, "accept", 1)
    assert run(5, "monitor", tmp_path / "monitor.toml", "--once").stdout == ""
    assert len(service.requests) >= 1
    refused = json.loads(run(8, "monitor", tmp_path / "monitor.toml", "--once", code=1).stdout)
    assert refused["result"] == "refused"
    assert "belongs to monitor" in refused["detail"]
    assert "give each monitor a store of its own" in refused["detail"]
    run(5, "samples", tmp_path / "monitor.toml", 1, 0)


def test_a_monitor_of_an_agreement_that_does_not_exist_is_refused(run: Run, tmp_path: Path) -> None:
    said = json.loads(run(5, "monitor", tmp_path / "monitor.toml", "--once", code=1).stdout)
    assert (said["agreement"], said["result"]) == (1, "refused")
    assert "there is no agreement 1" in said["detail"]
    assert "correct id in the monitor's file" in said["detail"]


def test_an_agreement_that_is_not_deep_enough_yet_is_waited_for(case: Case) -> None:
    case.provider.deposit(case.terms.stake)
    newest = case.provider.offer(case.terms)
    monitor = Monitor(
        case.provider,
        typed_data_signer(case.actors.signer(5)),
        case.stores[0],
        {newest: case.specification},
        confirmations=2,
        send=False,
        clock=case.wall,
    )
    assert [(action.result, action.detail) for action in monitor.step()] == [("waiting", "it was offered just now")]


def test_an_address_that_is_not_this_machines_is_said_with_what_to_do() -> None:
    with pytest.raises(StoreError, match=r"port 8645 of 192\.0\.2\.1 .*set listen in the monitor's file"):
        MeasurementServer("192.0.2.1", 8645, lambda *_: [])


def test_a_daemon_samples_and_serves_while_the_chain_is_away_and_stops_when_told(
    actors: Actors, service: Service, tmp_path: Path
) -> None:
    said: list[MonitorAction] = []
    enough, stop = threading.Event(), threading.Event()
    (tmp_path / "service.toml").write_text(f'url = "{service.url}"\ninterval = "1 s"\ntimeout = "1 s"\n')
    (tmp_path / "monitor.toml").write_text(
        '[monitor]\nstore = "monitor.sqlite"\nevery = "1 s"\n\n[[agreement]]\nid = 1\nspecification = "service.toml"\n'
    )

    @contextlib.contextmanager
    def connect() -> Iterator[Sla]:
        raise ChainUnavailableError("nobody answers")
        yield

    def report(action: MonitorAction) -> None:
        said.append(action)
        if len(service.requests) >= 2:
            enough.set()

    config = MonitorConfig.load(tmp_path / "monitor.toml")
    signer = typed_data_signer(actors.signer(5))
    with Daemon(config, signer, connect, report) as daemon:
        thread = threading.Thread(target=daemon.run, args=(stop,))
        thread.start()
        assert enough.wait(30)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert len(daemon.store.samples(1, Span(0, 2**33))) >= 1
    assert {action.result for action in said} == {"retry"}


def test_a_daemon_whose_address_is_taken_says_so_and_leaves_no_thread(
    actors: Actors, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "service.toml").write_text(f'url = "{service.url}"\ninterval = "1 s"\ntimeout = "1 s"\n')
    with MeasurementServer("127.0.0.1", 0, lambda *_: []) as server:
        port = server.url.rsplit(":", 1)[1]
        (tmp_path / "monitor.toml").write_text(
            f'[monitor]\nstore = "m.sqlite"\nlisten = ":{port}"\n'
            '[[agreement]]\nid = 1\nspecification = "service.toml"\n'
        )
        config = MonitorConfig.load(tmp_path / "monitor.toml")
        before = threading.active_count()
        connect: Any = contextlib.nullcontext
        with Daemon(config, typed_data_signer(actors.signer(5)), connect, lambda _: None) as daemon:
            with pytest.raises(StoreError, match=f"port {port} .*in use.*set another port as listen"):
                daemon.run(threading.Event())
        assert threading.active_count() == before
        assert list(PeerExchange(server.url).collect(1, 0)) == []
