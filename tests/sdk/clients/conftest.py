"""One anvil with one contract for the whole area; a store folder for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import Anvil, EndpointPool, signer_from_key
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from tests.support.clients import Chain, dead_url
from tests.support.contracts import deploy_proof_of_training


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    with Anvil() as node:
        yield Chain(node, deploy_proof_of_training(node.url))


@pytest.fixture
def digest() -> Callable[[], bytes]:
    return lambda: os.urandom(32)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalBlockchainClient]:
    with LocalBlockchainClient(tmp_path / "local.sqlite") as client:
        yield client


@pytest.fixture
def open_client(chain: Chain, tmp_path: Path) -> Iterator[Callable[..., Web3BlockchainClient]]:
    """Open a client on the shared chain; `down=True` gives one whose only endpoint refuses connections."""
    with ExitStack() as stack:

        def opened(
            kind: type[Web3BlockchainClient] = Web3BlockchainClient,
            *,
            account: int = 1,
            store: Path | None = None,
            url: str | None = None,
            down: bool = False,
            read_only: bool = False,
            pool: EndpointPool | None = None,
            **options: Any,
        ) -> Web3BlockchainClient:
            if pool is None:
                address = dead_url() if down else url or chain.node.url
                pool = EndpointPool([address], chain_id=31337, timeout=3, retries=1, cooldown=0.01)
                stack.callback(pool.close)
            signer = None if read_only else signer_from_key(chain.node.accounts[account][1])
            folder = None if read_only else store or tmp_path / "store"
            contract = options.pop("contract", chain.contract)
            client = kind(pool, contract, signer=signer, store=folder, timeout=options.pop("timeout", 10), **options)
            return stack.enter_context(client)

        yield opened
