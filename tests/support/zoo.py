"""Small contracts for the tests of traces, storage layouts and upgrades, built apart from the project's own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil, foundry_binary
from novacron.chain.endpoints import EndpointPool
from novacron.governance.decoding.effects import EffectsReader
from novacron.governance.model import Effects
from novacron.governance.simulation.fork import Fork, ForkReceipt
from novacron.governance.suite import Suite
from tests.support.small_dao import SmallDao

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "sdk" / "governance" / "solidity"


def build_zoo(base: Path) -> Path:
    """Forge's output for the contracts in `SOURCES`; built once below `base`."""
    sources = sorted(SOURCES.glob("*.sol"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    project = base / f"zoo-{digest[:16]}"
    if (project / "done").exists():
        return project / "out"
    shutil.rmtree(project, ignore_errors=True)
    (project / "contracts").mkdir(parents=True)
    for path in sources:
        shutil.copy(path, project / "contracts")
    for name in ("node_modules", ".build", "slither.config.json"):
        (project / name).symlink_to(ROOT / name)
    settings = (ROOT / "foundry.toml").read_text().replace('"out/forge"', '"out"').replace('deny = "warnings"', "")
    (project / "foundry.toml").write_text(settings)
    command = [foundry_binary("forge"), "build", "--root", project, "--cache-path", project / "cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (project / "done").touch()
    return project / "out"


@dataclass
class ZooStage:
    """The contracts on a chain, under their own names, and a fork of it."""

    contracts: dict[str, Contract]
    suite: Suite
    fork: Fork
    reader: EffectsReader
    people: list[str]

    def send(self, name: str, function: str, *arguments: Any, value: int = 0, sender: str = "") -> ForkReceipt:
        """Call a function on the fork, as the first person."""
        contract = self.contracts[name]
        data = bytes.fromhex(contract.encode_abi(function, list(arguments))[2:])
        return self.fork.send(
            sender or self.people[0], contract.address, data, value=value, errors=self.reader.errors()
        )

    def effects(self, name: str, function: str, *arguments: Any, value: int = 0) -> Effects:
        """What a call changes."""
        return self.reader.effects(self.send(name, function, *arguments, value=value).transaction_hash)

    def changes(self, name: str, function: str, *arguments: Any) -> dict[str, tuple[Any, Any]]:
        """Path → (before, after) of everything that a call writes to the contract itself."""
        effects = self.effects(name, function, *arguments)
        assert {write.contract for write in effects.writes} <= {name}
        return {write.path: (write.before, write.after) for write in effects.writes}


def small_stage(node: Anvil, artifacts: Path, deploy: dict[str, tuple[str, str, tuple[Any, ...]]]) -> SmallDao:
    """Contracts by instance name: (file, contract, arguments)."""
    stage = SmallDao(node, Web3(Web3.HTTPProvider(node.url)))
    for name, (source, contract, arguments) in deploy.items():
        stage.deploy(name, contract, *arguments, folder=artifacts, source=source)
    return stage


@pytest.fixture(scope="session")
def zoo_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_zoo(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def zoo_node(zoo_artifacts: Path) -> Iterator[tuple[SmallDao, Suite]]:
    with Anvil() as node:
        stage = small_stage(node, zoo_artifacts, {"Zoo": ("Zoo", "Zoo", ()), "Actor": ("Zoo", "Actor", ())})
        # A second member, so that names of accounts can be seen in keys and values.
        stage.contracts["Keeper"] = stage.w3.eth.contract(address=stage.accounts[1], abi=[])
        stage.sources["Keeper"], stage.blocks["Keeper"] = "Keeper", 0
        with EndpointPool([node.url], health_interval=None) as pool:
            yield stage, Suite.connect(pool, stage.manifest(), [zoo_artifacts])


@pytest.fixture(scope="session")
def zoo_fork(zoo_node: tuple[SmallDao, Suite]) -> Iterator[ZooStage]:
    stage, suite = zoo_node
    with Fork(suite.pool) as fork:
        yield ZooStage(stage.contracts, suite, fork, EffectsReader(fork, suite), stage.accounts)


@pytest.fixture
def zoo(zoo_fork: ZooStage) -> Iterator[ZooStage]:
    """The stage; whatever a test does to the fork is undone."""
    with zoo_fork.fork.trying():
        yield zoo_fork
