"""The suite on an anvil of its own: deployed once, with members who can vote, and put back after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import signer_from_key
from novacron.deploy.apply import deploy_plan, journal_name
from novacron.deploy.local import LOCAL_HOLDERS, deploy_local, local_compiler, make_voters
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import Instance, Plan, SafeAccount
from novacron.governance.authoring import load_proposal
from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.model import Proposal, Simulation
from novacron.governance.simulation.simulate import simulate
from novacron.governance.simulation.upgrades import UpgradeCheck
from novacron.governance.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "out" / "forge"
_SAFE = "npm:@safe-global/safe-smart-account/build/artifacts/contracts"
_HANDLER = "CompatibilityFallbackHandler"

#: What the examples want to be there beforehand: a new implementation, and the Safe of the next guardians.
NEXT = Plan(
    name="next",
    instances=(
        Instance("IdentityGateNext", "IdentityGateNext"),
        Instance("NextSafeL2", f"{_SAFE}/SafeL2.sol/SafeL2.json"),
        Instance("NextSafeProxyFactory", f"{_SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json"),
        Instance("NextHandler", f"{_SAFE}/handler/{_HANDLER}.sol/{_HANDLER}.json"),
        SafeAccount(
            "GuardianSafeNext",
            owners=LOCAL_HOLDERS,
            threshold=3,
            contract=f"{_SAFE}/proxies/SafeProxy.sol/SafeProxy.json",
            factory="NextSafeProxyFactory",
            singleton="NextSafeL2",
            handler="NextHandler",
        ),
    ),
)

Simulate = Callable[[Proposal], Simulation]


@pytest.fixture(scope="session")
def chain() -> Iterator[Anvil]:
    with Anvil() as node:
        yield node


@pytest.fixture(scope="session")
def manifest(chain: Anvil, tmp_path_factory: pytest.TempPathFactory) -> DeploymentManifest:
    folder = tmp_path_factory.mktemp("deployments") / "ethereum-local"
    folder.mkdir()
    with EndpointPool([chain.url]) as pool:
        make_voters(pool, deploy_local(pool, folder))
        signer, journal = signer_from_key(chain.accounts[0][1]), folder / journal_name(pool, folder)
        return deploy_plan(pool, signer, NEXT, journal, folder, compiler=local_compiler(), poll_interval=0.1)


@pytest.fixture
def dao(chain: Anvil, manifest: DeploymentManifest) -> Iterator[Suite]:
    """The suite; whatever a test does to the chain is undone."""
    state = chain.rpc("evm_snapshot")
    with EndpointPool([chain.url]) as pool:
        yield Suite.connect(pool, manifest, ARTIFACTS)
    chain.rpc("evm_revert", state)


@pytest.fixture
def proposal(dao: Suite) -> Callable[[str], Proposal]:
    """A file of scripts/proposals by its name."""
    return lambda name: load_proposal(ROOT / "scripts" / "proposals" / f"{name}.py", dao)


@pytest.fixture(scope="session")
def book() -> LayoutBook:
    return LayoutBook([ARTIFACTS])


@pytest.fixture
def run(dao: Suite, book: LayoutBook) -> Simulate:
    """Simulate a proposal of the largest holder. Slither is left to the tests of `upgrades`."""
    checks = UpgradeCheck.of_artifacts([ARTIFACTS], slither=False)
    return lambda proposal: simulate(dao, proposal, proposer=LOCAL_HOLDERS[0], book=book, upgrades=checks)


@pytest.fixture
def as_timelock(chain: Anvil, dao: Suite) -> Callable[[Proposal], None]:
    """Do a proposal's actions on the chain at once, for what another proposal starts from."""

    def perform(proposal: Proposal) -> None:
        timelock = dao.Timelock.address
        chain.rpc("anvil_impersonateAccount", timelock)
        chain.rpc("anvil_setBalance", timelock, hex(10**18))
        for action in proposal.actions:
            call = {"from": timelock, "to": action.target, "data": "0x" + action.calldata.hex()}
            sent = chain.rpc("eth_sendTransaction", call)
            chain.rpc("evm_mine")  # anvil answers before it mines; after this block the receipt is there
            receipt: Any = chain.rpc("eth_getTransactionReceipt", sent)
            assert receipt["status"] == "0x1"

    return perform
