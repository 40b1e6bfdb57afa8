"""One world a module; what a test does to the chain is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from novacron.chain import Anvil
from novacron.market.deployment import Account
from novacron.quantum.client import QuantumVerification
from tests.sdk.quantum.desk import Desk
from tests.sdk.quantum.world import OPERATOR, Actors, QuantumWorld


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuantumWorld]:
    with Anvil() as node:
        yield QuantumWorld(node, tmp_path_factory.mktemp("quantum"))


@pytest.fixture
def world(built: QuantumWorld) -> Iterator[QuantumWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def actors(world: QuantumWorld, tmp_path: Path) -> Iterator[Actors]:
    with ExitStack() as resources:
        yield Actors(world, tmp_path, resources)


@pytest.fixture
def operator(actors: Actors) -> Account:
    return actors.account(OPERATOR)


@pytest.fixture
def client(actors: Actors) -> QuantumVerification:
    return actors.client


@pytest.fixture
def desk(actors: Actors) -> Desk:
    return Desk(actors)
