"""Hosts on libvirt's test driver: each a connection of its own, whose domains live as long as it does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import Anvil
from novacron.compute.agent.domains import Owner
from novacron.compute.agent.driver import LibvirtHypervisor
from tests.sdk.agent.world import Host, World, hosts

CONTRACT = "0x00000000000000000000000000000000000c0de5"
HAS_LIBVIRT = importlib.util.find_spec("libvirt") is not None
needs_libvirt = pytest.mark.skipif(not HAS_LIBVIRT, reason="no libvirt binding: `make setup` names what it lacks")


def owner(host_id: int = 1) -> Owner:
    return Owner(31337, CONTRACT, host_id)


@pytest.fixture
def host_of(tmp_path: Path) -> Iterator[Callable[..., LibvirtHypervisor]]:
    """Makes hosts by number."""
    made: list[LibvirtHypervisor] = []

    def make(host_id: int = 1, **options: Any) -> LibvirtHypervisor:
        file = tmp_path / f"host{len(made)}.xml"
        file.write_text("<node/>")
        made.append(LibvirtHypervisor(f"test://{file}", owner(host_id), **options))
        return made[-1]

    yield make
    for hypervisor in made:
        hypervisor.close()


@pytest.fixture
def host(host_of: Callable[..., LibvirtHypervisor]) -> LibvirtHypervisor:
    return host_of()


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil() as own:
        yield own


@pytest.fixture(scope="module")
def built(node: Anvil) -> World:
    return World(node)


@pytest.fixture
def world(built: World) -> Iterator[World]:
    """The market as it was built: what a test does to the chain is undone."""
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def pair(world: World, tmp_path: Path) -> Iterator[list[Host]]:
    with hosts(world, tmp_path) as made:
        yield made
