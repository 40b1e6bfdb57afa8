"""Five monitors of a real service on a real chain: an outage, the report, the penalty; silence; restarts; races."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from novacron.chain import EndpointPool
from novacron.compute.measurements import Evidence, Measurement, SignedMeasurement
from novacron.compute.monitor.actions import MonitorAction
from novacron.compute.monitor.exchange import Exchange, FolderExchange, MeasurementServer, PeerExchange
from novacron.compute.monitor.probe import NetworkProbe
from novacron.compute.monitor.sampling import Sampler
from novacron.compute.monitor.service import Monitor
from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Span
from novacron.compute.sla import Outcome
from novacron.compute.sla_terms import Terms
from tests.sdk.sla.conftest import CUSTOMER, MONITORS, NOVA, PROVIDER, STRANGER, TREASURY, Clock, Service, World

DONE = ("reported", "recorded", "finalised", "settled")


@dataclass
class Station:
    """One monitor with its store, its clock and its server."""

    number: int
    store: MonitorStore
    sampler: Sampler
    monitor: Monitor


@dataclass
class Net:
    world: World
    service: Service
    specification: Specification
    terms: Terms
    sla_id: int
    wall: Clock
    stations: list[Station]

    @property
    def start(self) -> int:
        return self.world.sla(STRANGER).agreement(self.sla_id).started_at

    def sample(self, window: int, *, down: Sequence[int] = (), slow: Sequence[int] = (), who: int = 5) -> None:
        """Twelve turns of a window: in those of `down` the service fails, in those of `slow` it takes 0.4 s."""
        for turn in range(12):
            self.wall.now = self.start + window * self.terms.window + turn * 300 + 1
            self.service.status = 503 if turn in down else 200
            self.service.delay = 0.4 if turn in slow else 0.02
            for station in self.stations[:who]:
                assert station.sampler.take() is not None

    def at(self, time: int) -> None:
        """Chain and clocks are at a time."""
        self.world.travel(time)
        self.wall.now = time

    def step(self, who: int = 5) -> list[tuple[int, MonitorAction]]:
        """All monitors look once; what they did on the chain."""
        found = []
        for number, station in enumerate(self.stations[:who]):
            found += [(number, action) for action in station.monitor.step()]
        return [(number, action) for number, action in found if action.result in DONE]

    def results(self, who: int = 5) -> list[str]:
        return [action.result for _, action in self.step(who)]


def open_net(
    world: World, service: Service, folder: Path, exit_stack: contextlib.ExitStack, *, peers: bool, bond: bool = True
) -> Net:
    specification = service.specification(percentile=90)
    terms = world.terms(specification.digest, min_samples=10)
    sla_id = world.agree(terms)
    wall, stations, servers = Clock(world.now), [], []
    numbers = sorted(MONITORS, key=lambda number: int(world.address(number), 16))
    stores = []
    for number in numbers:
        store = exit_stack.enter_context(MonitorStore(folder / f"monitor-{number}.sqlite"))
        stores.append(store)
        servers.append(exit_stack.enter_context(MeasurementServer("127.0.0.1", 0, store.measurements)))
        if bond:
            world.sla(number).deposit(2 * terms.bond)
    for place, (number, store) in enumerate(zip(numbers, stores, strict=True)):
        others: list[Exchange] = [PeerExchange(one.url) for at, one in enumerate(servers) if at != place]
        exchanges = others if peers else [FolderExchange(folder / "shared")]
        stations.append(make_station(world, service, specification, sla_id, number, store, exchanges, wall))
    return Net(world, service, specification, terms, sla_id, wall, stations)


def make_station(
    world: World,
    service: Service,
    specification: Specification,
    sla_id: int,
    number: int,
    store: MonitorStore,
    exchanges: Sequence[Exchange],
    wall: Clock,
    pool: EndpointPool | None = None,
    confirmations: int = 1,
) -> Station:
    probe = NetworkProbe(specification, clock=service.monotonic)
    sampler = Sampler(sla_id, specification.interval, int(world.address(number), 16), probe, store, clock=wall)
    monitor = Monitor(
        world.sla(number, pool),
        world.signer(number),
        store,
        {sla_id: specification},
        exchanges,
        confirmations=confirmations,
        clock=wall,
    )
    return Station(number, store, sampler, monitor)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as opened:
        yield opened


def test_an_outage_is_measured_reported_finalised_and_paid(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=True)
    client, terms = world.sla(STRANGER), net.terms
    balances = {who: client.balance(world.address(who)) for who in (PROVIDER, CUSTOMER)}
    net.sample(0, down=[4], slow=[9])
    net.at(net.start + terms.window + 10)

    # Each signs; the last to look already finds the others' measurements over HTTP.
    acted = net.step() + net.step()
    assert [(number, action.result, action.guarantee) for number, action in acted] == [
        (0, "reported", 0),
        (0, "recorded", 1),
    ]
    uptime, latency = (client.claim(net.sla_id, guarantee, 0) for guarantee in (0, 1))
    assert (uptime.outcome, uptime.value, uptime.signers) == (Outcome.VIOLATED, 11 * 1_000_000 // 12, 5)
    assert uptime.claimant == world.address(net.stations[0].number)
    assert (latency.outcome, latency.value) == (Outcome.MET, 20)
    assert net.results() == []

    net.sample(1)
    net.at(uptime.since + terms.dispute_period)
    acted = net.step() + net.step()
    assert [(number, action.result, action.window) for number, action in acted] == [
        (0, "finalised", 0),
        (1, "recorded", 1),
        (1, "recorded", 1),
    ]
    assert net.results() == []
    assert client.claim(net.sla_id, 0, 0).outcome is Outcome.PENALISED
    assert terms.guarantees[0].tier(uptime.value) == 2
    assert client.balance(world.address(CUSTOMER)) - balances[CUSTOMER] == terms.credit(2)
    assert client.balance(uptime.claimant) == 2 * terms.bond

    net.at(net.start + 2 * terms.window + terms.report_period + 5 * 120)
    assert net.step()[0][1].result == "settled"
    assert net.results() == []
    assert client.balance(world.address(CUSTOMER)) - balances[CUSTOMER] == terms.credit(2)
    assert client.balance(world.address(PROVIDER)) - balances[PROVIDER] == 2 * terms.fee
    assert client.agreement(net.sla_id).stake == terms.stake - terms.credit(2)
    assert client.balance(world.address(TREASURY)) == 0
    assert {frozenset(station.monitor.over) for station in net.stations} == {frozenset({net.sla_id})}
    for name, count in (("ViolationReported", 1), ("Measured", 3), ("Penalised", 1), ("WindowSettled", 2)):
        assert len(world.events(name)) == count, name


def test_silent_monitors_leave_the_window_unmeasured_and_the_customer_gets_the_fee(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    client, terms = world.sla(STRANGER), net.terms
    before = {who: client.balance(world.address(who)) for who in (PROVIDER, CUSTOMER)}
    net.sample(0, down=range(12), who=2)  # two of five: no quorum, whatever they saw
    net.at(net.start + terms.window + 1_800)
    assert net.results(who=2) + net.results(who=2) == []
    net.at(net.start + terms.window + terms.report_period + 5 * 120)
    assert net.results(who=2) == ["settled"]
    assert client.claim(net.sla_id, 0, 0).outcome is Outcome.UNMEASURED
    assert client.balance(world.address(CUSTOMER)) == before[CUSTOMER] + terms.fee
    assert client.balance(world.address(PROVIDER)) == before[PROVIDER]
    assert world.events("Penalised") == []


def test_a_quorum_waits_for_the_others_and_then_reports_without_them(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    net.sample(0, down=[3], who=3)
    end = net.start + net.terms.window
    net.at(end + 5)
    assert net.results(3) + net.results(3) == []
    net.at(end + 900)
    assert sorted(net.results(3)) == ["recorded", "reported"]
    claim = world.sla(STRANGER).claim(net.sla_id, 0, 0)
    assert (claim.signers, claim.outcome) == (3, Outcome.VIOLATED)


def test_more_monitors_that_say_otherwise_replace_the_evidence_of_fewer(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    client, end = world.sla(STRANGER), net.start + net.terms.window
    for turn in range(12):
        net.wall.now = net.start + turn * 300 + 1
        for number, station in enumerate(net.stations):
            service.status = 503 if number < 2 and turn == 5 else 200  # the first two lose sight of it once
            station.sampler.take()
    net.at(end + 1_000)
    acted = [action for number in (1, 2, 0) for action in net.stations[number].monitor.step()]
    first = client.claim(net.sla_id, 0, 0)
    assert first.outcome is Outcome.VIOLATED, acted
    assert first.signers == 3
    net.at(net.world.now + 600)
    acted_later = net.results() + net.results()
    claim = client.claim(net.sla_id, 0, 0)
    assert (claim.outcome, claim.signers, claim.value) == (Outcome.MET, 5, 1_000_000), acted_later
    assert client.balance(first.claimant) == 2 * net.terms.bond


def test_what_two_of_five_sign_for_the_provider_alone_is_answered_by_all_five(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    client, end = world.sla(STRANGER), net.start + net.terms.window
    net.sample(0, down=range(12), who=3)
    net.at(end + 10)
    assert net.step(who=3) == []  # they have signed, and wait for the other two
    honest = [one for one in net.stations[0].store.measurements(net.sla_id, 0) if one.measurement.guarantee == 0]
    lie = Measurement(net.sla_id, 0, 0, 1_000_000, 12, net.start, end - 1)
    bought = [SignedMeasurement.make(lie, client.domain, world.signer(one.number)) for one in net.stations[3:]]
    picked = Evidence.of([honest[0], *bought], net.terms, 0)
    assert picked is not None
    client.file(net.sla_id, 0, 0, net.terms, picked)
    assert client.claim(net.sla_id, 0, 0).outcome is Outcome.MET
    net.at(world.now + 600)
    acted = net.results(who=3)
    claim = client.claim(net.sla_id, 0, 0)
    assert (claim.outcome, claim.signers, claim.value) == (Outcome.VIOLATED, 5, 0), acted


def test_a_monitor_without_a_bond_leaves_the_report_to_the_next(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False, bond=False)
    world.sla(net.stations[1].number).deposit(10 * NOVA)
    net.sample(0, down=[1])
    net.at(net.start + net.terms.window + 10)
    said = [action for _ in range(2) for station in net.stations for action in station.monitor.step()]
    assert [action.result for action in said].count("unfunded") == 1  # it says so once
    assert world.sla(STRANGER).claim(net.sla_id, 0, 0).outcome is Outcome.UNMEASURED
    net.at(net.start + net.terms.window + 10 + 120)
    assert [(number, action.result) for number, action in net.step()] == [(1, "reported")]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", ["intent", "signed", "broadcast", "sent", "mined"])
def test_a_monitor_that_dies_anywhere_signs_and_sends_nothing_twice(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack, step: str
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    net.sample(0, down=[1])
    net.at(net.start + net.terms.window + 10)
    for station in net.stations[1:]:
        station.monitor.step()
    first = net.stations[0]

    def kill(reached: str, key: str) -> None:
        if reached == step and key.startswith("sla/report/"):
            raise Killed

    world.on_step = kill
    exchanges = [FolderExchange(tmp_path / "shared")]
    arguments = (world, service, net.specification, net.sla_id, first.number, first.store, exchanges, net.wall)
    with pytest.raises(Killed):
        make_station(*arguments).monitor.step()
    world.on_step = None
    signed = first.store.measurements(net.sla_id, 0)
    again = make_station(*arguments)
    acted = again.monitor.step() + again.monitor.step()
    assert [action.result for action in acted if action.result not in ("reported", "recorded")] == []
    assert first.store.measurements(net.sla_id, 0) == signed
    assert len(world.events("ViolationReported")) == 1
    assert len(world.events("Measured")) == 1
    assert world.sla(first.number).balance(world.address(first.number)) == net.terms.bond
    assert net.results() == []


def test_a_report_that_a_reorganisation_took_away_is_sent_again(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    net.sample(0, down=[1])
    net.at(net.start + net.terms.window + 10)
    for station in net.stations[1:]:
        station.monitor.step()
    before = world.node.rpc("evm_snapshot")
    assert [action.result for action in net.stations[0].monitor.step() if action.transaction] == [
        "reported",
        "recorded",
    ]
    assert world.node.rpc("evm_revert", before) is True
    world.travel(world.now + 60)
    assert world.sla(STRANGER).claim(net.sla_id, 0, 0).outcome is Outcome.UNMEASURED
    assert [action.result for action in net.stations[0].monitor.step() if action.transaction] == [
        "reported",
        "recorded",
    ]
    assert len(world.events("ViolationReported")) == 1


def test_while_the_chain_is_away_samples_are_taken_and_made_up_for_afterwards(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    with EndpointPool(["http://127.0.0.1:9"], chain_id=31337, health_interval=None, retries=1, max_time=1.0) as dead:
        lost = make_station(
            world,
            service,
            net.specification,
            net.sla_id,
            net.stations[0].number,
            net.stations[0].store,
            [],
            net.wall,
            dead,
        )
        net.sample(0, down=[1])
        net.wall.now = net.start + net.terms.window + 10
        assert [action.result for action in lost.monitor.step()] == ["retry"]
    net.at(net.start + net.terms.window + 1_800)
    net.step()
    net.step()
    assert world.sla(STRANGER).claim(net.sla_id, 0, 0).outcome is Outcome.VIOLATED
    own = world.address(net.stations[0].number)
    known = net.stations[0].store.measurements(net.sla_id, 0)
    assert [one.measurement.guarantee for one in known if one.monitor == own] == [0, 1]  # made up for


def test_a_monitor_takes_its_own_measurement_back_from_its_peers_rather_than_sign_another(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    net.sample(0, down=[1])
    first = net.stations[0]
    net.at(net.start + net.terms.window + 10)
    first.monitor.step()
    signed = first.store.measurements(net.sla_id, 0)
    # A backup of the store with part of the samples: on its own it would sign something else.
    restored = stack.enter_context(MonitorStore(tmp_path / "restored.sqlite"))
    for one in first.store.samples(net.sla_id, Span(net.start, net.start + net.terms.window))[2:]:
        restored.add_sample(net.sla_id, one)
    shared = [FolderExchange(tmp_path / "shared")]
    arguments = (world, service, net.specification, net.sla_id, first.number, restored, shared, net.wall)
    assert [action.result for action in make_station(*arguments).monitor.step()] == []
    assert restored.measurements(net.sla_id, 0) == signed


def test_another_specification_than_the_agreed_one_signs_nothing(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    net.sample(0)
    first = net.stations[0]
    other = service.specification(percentile=50)
    wrong = make_station(
        world, service, other, net.sla_id, first.number, first.store, [FolderExchange(tmp_path / "shared")], net.wall
    )
    net.at(net.start + net.terms.window + 10)
    assert "refused" in [action.result for action in wrong.monitor.step()]
    assert first.store.measurements(net.sla_id, 0) == []


def test_a_key_that_is_no_monitor_and_an_offer_that_waits_do_nothing(
    world: World, service: Service, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    net = open_net(world, service, tmp_path, stack, peers=False)
    store = stack.enter_context(MonitorStore(tmp_path / "stranger.sqlite"))
    stranger = make_station(world, service, net.specification, net.sla_id, STRANGER, store, [], net.wall)
    assert [action.result for action in stranger.monitor.step()] == ["refused"]
    assert stranger.monitor.step() == []
    world.sla(PROVIDER).deposit(net.terms.stake)
    waiting = world.sla(PROVIDER).offer(world.terms(net.specification.digest))
    station = net.stations[0]
    other = make_station(world, service, net.specification, waiting, station.number, station.store, [], net.wall)
    assert [action.result for action in other.monitor.step()] == ["waiting"]
