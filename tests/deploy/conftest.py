"""Fixtures of the deployer's tests: a small project, a plan over it, and a chain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import LocalSigner, signer_from_key
from novacron.deploy.compiler import Compiler, ContractSource
from novacron.deploy.local import deploy_local, local_compiler
from novacron.deploy.manifest import DeploymentManifest
from tests.deploy.handover_suite import Suite
from tests.deploy.support import ROOT, SOLC, Remembering


@pytest.fixture(scope="session")
def compiled_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of solc shared by the tests of one worker."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A writable copy of the test project, with the npm packages of this one."""
    folder = Path(shutil.copytree(ROOT / "tests" / "deploy" / "project", tmp_path / "project"))
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


@pytest.fixture
def compiler(project: Path, compiled_cache: Path) -> Compiler:
    return Compiler(project, cache=compiled_cache, solc=SOLC)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


@pytest.fixture
def anvil(node: Anvil) -> Iterator[Anvil]:
    """The module's chain, put back as it was after the test."""
    state = node.rpc("evm_snapshot")
    yield node
    node.rpc("evm_revert", state)


@pytest.fixture
def pool(anvil: Anvil) -> Iterator[EndpointPool]:
    with EndpointPool([anvil.url], chain_id=31337) as endpoints:
        yield endpoints


@pytest.fixture
def signer(anvil: Anvil) -> LocalSigner:
    return signer_from_key(anvil.accounts[0][1])


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    return tmp_path / "deployments" / "testing-net"


# ----------------------------------------------------------------------------------------------------------------------
# The suite of this project, deployed and handed over once for all the tests of a worker
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def source() -> ContractSource:
    """The contracts of this project, each read once."""
    return Remembering(local_compiler())


@pytest.fixture(scope="session")
def handed_over(
    source: ContractSource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Anvil, DeploymentManifest]]:
    with Anvil() as chain:
        folder = tmp_path_factory.mktemp("handed-over") / "ethereum-local"
        yield chain, deploy_local(chain.url, folder, compiler=source)


@pytest.fixture
def suite(handed_over: tuple[Anvil, DeploymentManifest], source: ContractSource) -> Iterator[Suite]:
    """The suite; whatever a test does to its chain is undone."""
    chain, manifest = handed_over
    state = chain.rpc("evm_snapshot")
    with EndpointPool([chain.url]) as pool:
        yield Suite(chain, pool, manifest, source)
    assert chain.rpc("evm_revert", state)
