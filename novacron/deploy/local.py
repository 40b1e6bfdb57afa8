"""The whole suite on a development chain in a few seconds, for tests and the demo. Never for a chain that matters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from novacron.chain.anvil import Anvil
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import Signer, signer_from_key
from novacron.deploy.apply import deploy_plan, journal_name
from novacron.deploy.artifacts import compiler_for
from novacron.deploy.compiler import ContractSource
from novacron.deploy.genesis import LOCAL_GENESIS, TREASURY, Genesis
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plans import suite
from novacron.deploy.run import DeployEvent
from novacron.exceptions import ConfigurationError, ConfirmationTimeoutError, RevertedError

ROOT = Path(__file__).resolve().parents[2]
#: Chain ids of development chains: anvil's and Hardhat's.
LOCAL_CHAINS = frozenset({31337, 1337})
#: The development accounts that hold NOVA: 5, 4, 3, 2 and 1 million.
LOCAL_HOLDERS = tuple(account for account, _ in LOCAL_GENESIS.allocations["NovaToken"] if account != TREASURY)
#: Length of a season in seconds, and how many seasons ahead a verification may last.
SEASON, REACH = 13 * 7 * 86_400, 3
#: Gas limit of one transaction that makes a voter, several times what it takes.
_GAS = 2_000_000


def local_compiler(root: Path = ROOT) -> ContractSource:
    """Contracts from `out/forge` where they are those of the tree, else compiled and kept in `.build/compiler`."""
    return compiler_for(root, fresh=False)


def deploy_local(
    chain: EndpointPool | str,
    out_dir: Path | str,
    *,
    signer: Signer | None = None,
    genesis: Genesis = LOCAL_GENESIS,
    compiler: ContractSource | None = None,
    on_event: Callable[[DeployEvent], None] | None = None,
) -> DeploymentManifest:
    """Deploy the plan `novacron` with anvil's accounts and hand it over.

    Args:
        chain: a pool over a development chain, or its address.
        out_dir: receives the manifest; name it `<ecosystem>-local`.
        signer: who deploys; anvil's first account when None.
        genesis: who gets what.
        compiler: `local_compiler()` when None.
        on_event: told of every step.

    Raises:
        ConfigurationError: the chain is no development chain.
        As `deploy_plan`.
    """
    if isinstance(chain, str):
        with EndpointPool([chain]) as pool:
            return deploy_local(pool, out_dir, signer=signer, genesis=genesis, compiler=compiler, on_event=on_event)
    if chain.chain_id() not in LOCAL_CHAINS:
        raise ConfigurationError(f"chain {chain.chain_id()} is no development chain; use `ape run deploy`")
    out_dir = Path(out_dir)
    return deploy_plan(
        chain,
        signer or signer_from_key(Anvil().accounts[0][1]),
        suite(genesis),
        out_dir / journal_name(chain, out_dir),
        out_dir,
        compiler=compiler or local_compiler(),
        poll_interval=0.1,
        on_event=on_event,
    )


def make_voters(pool: EndpointPool, manifest: DeploymentManifest, accounts: Sequence[str] = LOCAL_HOLDERS) -> None:
    """Have an attester verify development accounts for as long as possible, and each delegate its NOVA to itself.

    After that they can vote (each with its own square root) and propose. The node must hold the accounts' keys, as
    anvil does; nothing is journalled.

    Raises:
        ChainError: the node refuses, or a call reverts.
    """
    compiler = local_compiler()
    gate = ContractHandle(pool, manifest.address_of("IdentityGate"), compiler.compile("IdentityGate").abi)
    token = ContractHandle(pool, manifest.address_of("NovaToken"), compiler.compile("NovaToken").abi)
    now = int(str(pool.request("eth_getBlockByNumber", ["latest", False])["timestamp"]), 16)
    season = now // SEASON + REACH
    for account in accounts:
        _send(pool, LOCAL_GENESIS.attesters[0], gate, gate.encode("verify", account, season))
        _send(pool, account, token, token.encode("delegate", account))


def _send(pool: EndpointPool, sender: str, contract: ContractHandle, data: bytes) -> None:
    call = {"from": sender, "to": contract.address, "data": "0x" + data.hex()}
    contract.pool.request("eth_call", [call, "latest"])  # names the custom error
    # The node's own estimate is too low where the next block's second is another: a checkpoint more.
    sent = pool.request("eth_sendTransaction", [{**call, "gas": hex(_GAS)}])
    deadline = time.monotonic() + 10
    while (receipt := pool.request("eth_getTransactionReceipt", [sent])) is None:
        if time.monotonic() > deadline:
            raise ConfirmationTimeoutError(f"transaction {sent} of {sender} was not mined within 10 s")
        time.sleep(0.01)
    if receipt["status"] != "0x1":
        raise RevertedError(f"transaction {sent} of {sender} to {contract.address} reverted", transaction_hash=sent)
