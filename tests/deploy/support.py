"""What the deployer's tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import Signer
from novacron.deploy.apply import deploy_plan
from novacron.deploy.compiler import CompiledContract, Compiler, CompilerSettings, ContractSource
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import (
    Account,
    Call,
    Calldata,
    Created,
    Emitted,
    Instance,
    Plan,
    Reading,
    Ref,
    SafeAccount,
)

ROOT = Path(__file__).resolve().parents[2]
SOLC = ROOT / CompilerSettings.of_project(ROOT).solc

#: Two instances, the later one in front.
PLAN = Plan(
    "testing",
    (
        Instance("MainVault", "Vault", (Ref("Registry"), 2**200, "main")),
        Instance("Registry", "Registry", (Account("deployer"),)),
    ),
)

SAFE = "npm:@safe-global/safe-smart-account/build/artifacts/contracts"
#: Development accounts 1 to 3, by their addresses.
OWNERS = (
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
)
SETTINGS = Instance("Settings", "Settings", (Account("deployer"),))
FAMILY = (
    Instance("Parent", "Parent", (7,)),
    Created("Second", "Child", "Parent", (Ref("Parent"), 8), nonce=2),
    Created("First", "Child", "Parent", (Ref("Parent"), 7)),
)
GUARDIAN = (
    Instance("SafeL2", f"{SAFE}/SafeL2.sol/SafeL2.json"),
    Instance("Factory", f"{SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json"),
    Instance("Handler", f"{SAFE}/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json"),
    SafeAccount("Guardian", OWNERS, 2, f"{SAFE}/proxies/SafeProxy.sol/SafeProxy.json", "Factory", "SafeL2", "Handler"),
)
BOX = (
    Instance("BoxImplementation", "Box"),
    Instance(
        "Box",
        "BoxProxy",
        (Ref("BoxImplementation"), Calldata("initialize(address,uint256)", (Ref("Settings"), 5))),
        implementation="BoxImplementation",
    ),
)
CALLS = (
    Call("set the limit", "Settings", "setLimit(uint256)", (9,), (Reading("Settings", "limit()", (), 9),)),
    Call(
        "label it",
        "Settings",
        "label(uint64,string)",
        (1, "ONE"),
        (Emitted("Settings", "Labelled", {"id": 1}, {"label": "ONE"}),),
    ),
)
HANDOVER = (
    Call(
        "give it away",
        "Settings",
        "give(address)",
        (Ref("Guardian"),),
        (Reading("Settings", "owner()", (), Ref("Guardian")),),
    ),
)
#: Every kind of thing that a plan can have.
RICH = Plan("rich", (SETTINGS, *FAMILY, *GUARDIAN, *BOX), CALLS, HANDOVER)


def deploy(
    pool: EndpointPool, signer: Signer, compiler: Compiler, out_dir: Path, plan: Plan = PLAN, **options: Any
) -> DeploymentManifest:
    """`deploy_plan` with the journal beside the manifest, and without patience with nodes that lag."""
    options = {"patience": 0.2, **options}
    return deploy_plan(pool, signer, plan, out_dir / "journal.sqlite", out_dir, compiler=compiler, **options)


def transactions_of(pool: EndpointPool, address: str) -> int:
    """How many transactions an account has sent."""
    return int(pool.request("eth_getTransactionCount", [address, "latest"]), 16)


def ape_environment(**extra: str) -> dict[str, str]:
    """Environment of `ape` in a subprocess, as the Makefile sets it."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{ROOT / '.build' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "ETH_HASH_BACKEND": "pysha3",
        "SOLCX_BINARY_PATH": str(SOLC.parent),
        "COLUMNS": "200",
        **extra,
    }


class Remembering:
    """A source of contracts that reads each of them once."""

    def __init__(self, source: ContractSource) -> None:
        self.root, self.settings = source.root, source.settings
        self._source, self._known = source, dict[str, CompiledContract]()

    def compile(self, contract: str) -> CompiledContract:
        if contract not in self._known:
            self._known[contract] = self._source.compile(contract)
        return self._known[contract]
