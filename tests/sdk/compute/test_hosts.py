"""Hosts through the registry: registered, attested, closed, under maintenance, vanished; errors with advice."""

from __future__ import annotations

import pytest

from novacron.compute.capacity import Capacity
from novacron.compute.hosts import HEARTBEAT_TIMEOUT, Hosts, Maintenance
from novacron.exceptions import InputError, RevertedError
from tests.support.market_world import AMPLE, DAY, HERE, THERE, Actors, MarketWorld

REPORT = b"\x07" * 32


def test_a_host_is_registered_attested_and_closed(world: MarketWorld, actors: Actors) -> None:
    provider, auditor = actors.account(1), actors.account(0)
    hosts = Hosts(actors.deployment)
    number, _ = hosts.register(provider, "mars", world.accounts[8])
    assert number == 3
    assert hosts.host(number).status(world.now()) == "unattested"
    until = world.now() + 100 * DAY
    hosts.attest(auditor, number, Capacity(1_000, 2_000, 3, 4), until, REPORT)
    world.send(world.registry, "heartbeat", number, sender=world.accounts[8])
    host = hosts.host(number)
    assert (host.region, host.agent, host.attested_until) == ("mars", world.accounts[8], until)
    assert host.free == Capacity(1_000, 2_000, 3, 4)
    assert host.status(world.now()) == "accepting"
    hosts.set_accepting(provider, number, False)
    assert hosts.host(number).status(world.now()) == "closed"
    world.pass_time(HEARTBEAT_TIMEOUT + 60)
    assert hosts.host(number).status(world.now()) == "vanished"
    assert not world.registry.functions.isAlive(number).call()
    hosts.set_agent(provider, number, world.accounts[9])
    assert hosts.host(number).agent == world.accounts[9]


def test_hosts_are_listed_by_region_and_provider(world: MarketWorld, actors: Actors) -> None:
    hosts = Hosts(actors.deployment)
    hosts.register(actors.account(8), HERE, world.accounts[9])
    assert [host.id for host in hosts.hosts()] == [1, 2, 3]
    assert [host.id for host in hosts.hosts(region=HERE)] == [1, 3]
    assert [host.id for host in hosts.hosts(provider=world.provider)] == [1, 2]
    assert (hosts.host_in(world.provider, THERE), hosts.host_in(world.provider, "mars")) == (2, 0)


def test_only_those_who_may_change_a_host(world: MarketWorld, actors: Actors) -> None:
    stranger, provider, hosts = actors.account(8), actors.account(1), Hosts(actors.deployment)
    with pytest.raises(RevertedError, match="use the provider's account"):
        hosts.set_accepting(stranger, 1, False)
    with pytest.raises(RevertedError, match="has not the role"):
        hosts.attest(provider, 1, Capacity(1, 1), world.now() + DAY, REPORT)
    with pytest.raises(RevertedError, match="there is no host 9"):
        hosts.host(9)
    with pytest.raises(RevertedError, match="cannot end at"):
        hosts.attest(actors.account(0), 1, Capacity(1, 1), world.now() + 1_000 * DAY, REPORT)
    with pytest.raises(InputError, match="region"):
        hosts.register(provider, "x" * 40, world.accounts[8])
    with pytest.raises(InputError, match="agent"):
        hosts.register(provider, "mars", "nobody")


def test_maintenance_is_announced_a_day_ahead_and_can_be_taken_back(world: MarketWorld, actors: Actors) -> None:
    provider, hosts = actors.account(1), Hosts(actors.deployment)
    start = world.now() + DAY + 600
    with pytest.raises(RevertedError, match="announce it 24 hours ahead"):
        hosts.announce_maintenance(provider, 1, world.now() + 3_600, world.now() + 7_200)
    with pytest.raises(InputError, match="end after it begins"):
        hosts.announce_maintenance(provider, 1, start, start)
    hosts.announce_maintenance(provider, 1, start, start + 7_200)
    assert hosts.maintenances(1) == [Maintenance(start, start + 7_200)]
    hosts.cancel_maintenance(provider, 1)
    assert hosts.maintenances(1) == []
    with pytest.raises(RevertedError, match="no maintenance that has not begun"):
        hosts.cancel_maintenance(provider, 1)


def test_what_can_be_leased_follows_the_attestation(world: MarketWorld, actors: Actors) -> None:
    hosts = Hosts(actors.deployment)
    assert hosts.available_to(1, world.customer) == Capacity(*AMPLE)
    hosts.set_reservable(actors.account(1), 1, Capacity(500))
    assert hosts.host(1).reservable == Capacity(500)
