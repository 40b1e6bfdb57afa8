"""What the deployer's tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import Signer
from novacron.deploy.apply import deploy_plan
from novacron.deploy.compiler import Compiler, CompilerSettings
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import Account, Instance, Plan, Ref

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


def deploy(
    pool: EndpointPool, signer: Signer, compiler: Compiler, out_dir: Path, plan: Plan = PLAN, **options: Any
) -> DeploymentManifest:
    """`deploy_plan` with the journal beside the manifest."""
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
