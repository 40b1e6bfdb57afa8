"""One anvil for the whole folder, a fresh funded account for each test, and managers that give up quickly."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from novacron.chain import (
    Anvil,
    ContractHandle,
    EndpointPool,
    Journal,
    LocalSigner,
    TransactionManager,
    signer_from_key,
)
from tests.support.contracts import deploy_proof_of_training
from tests.support.faulty_rpc import FaultyRpc

#: Nobody's address; transfers to it always succeed.
SINK = "0x00000000000000000000000000000000000baBe5"


@dataclass(frozen=True)
class Funded:
    key: str
    address: str

    @property
    def signer(self) -> LocalSigner:
        return signer_from_key(self.key)


def fund(node: Anvil, ether: float = 100.0) -> Funded:
    account = Account.from_key(secrets.token_bytes(32))
    node.rpc("anvil_setBalance", account.address, hex(int(ether * 10**18)))
    return Funded("0x" + account.key.hex().removeprefix("0x"), account.address)


def count_of(node: Anvil, address: str, tag: str = "latest") -> int:
    return int(str(node.rpc("eth_getTransactionCount", address, tag)), 16)


def payloads(node: Anvil, address: str) -> list[bytes]:
    """Call data of every mined transaction of an account, by nonce."""
    found: dict[int, bytes] = {}
    for number in range(int(str(node.rpc("eth_blockNumber")), 16) + 1):
        block: Any = node.rpc("eth_getBlockByNumber", hex(number), True)
        for tx in block["transactions"]:
            if tx["from"].lower() == address.lower():
                found[int(tx["nonce"], 16)] = bytes.fromhex(tx["input"][2:])
    return [found[nonce] for nonce in sorted(found)]


@pytest.fixture(scope="session")
def anvil() -> Iterator[Anvil]:
    with Anvil() as node:
        yield node


@pytest.fixture
def node() -> Iterator[Anvil]:
    """An anvil of the test's own, to be reset, stalled or reorganised."""
    with Anvil() as own:
        yield own


@pytest.fixture
def account(anvil: Anvil) -> Funded:
    return fund(anvil)


@pytest.fixture
def proxy(anvil: Anvil) -> Iterator[FaultyRpc]:
    with FaultyRpc(anvil.url) as faulty:
        yield faulty


@pytest.fixture
def pool_of() -> Iterator[Callable[..., EndpointPool]]:
    """Pools that give up within a second or two."""
    made: list[EndpointPool] = []

    def make(*urls: str, **options: Any) -> EndpointPool:
        defaults: dict[str, Any] = {"timeout": 0.7, "max_time": 5.0, "backoff": 0.01, "cooldown": 0.2}
        pool = EndpointPool(urls, **(defaults | {"health_interval": None} | options))
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture
def manager(
    anvil: Anvil, account: Funded, journal: Journal, pool_of: Callable[..., EndpointPool]
) -> TransactionManager:
    return TransactionManager(pool_of(anvil.url), account.signer, journal, poll_interval=0.05, timeout=20)


@pytest.fixture(scope="session")
def proof_address(anvil: Anvil) -> str:
    return deploy_proof_of_training(anvil.url)


@pytest.fixture
def contract(anvil: Anvil, proof_address: str, pool_of: Callable[..., EndpointPool]) -> ContractHandle:
    return ContractHandle(pool_of(anvil.url), proof_address, "ProofOfTraining")
