"""One anvil with one contract for the area; a run folder, a checkpoint and an embedded client for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.recorder import ProvenanceRecorder
from tests.support.clients import Chain
from tests.support.contracts import deploy_proof_of_training
from tests.support.recorder import FlakyClient

if TYPE_CHECKING:
    from novacron.provenance.clients.web3_client import Web3BlockchainClient


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    with Anvil() as node:
        yield Chain(node, deploy_proof_of_training(node.url))


@pytest.fixture
def pool(chain: Chain) -> Iterator[EndpointPool]:
    with EndpointPool([chain.node.url], chain_id=31337, timeout=5, retries=1) as endpoints:
        yield endpoints


@pytest.fixture
def web3(chain: Chain, pool: EndpointPool, tmp_path: Path) -> Iterator[Web3BlockchainClient]:
    from novacron.chain.signer import signer_from_key
    from novacron.provenance.clients.web3_client import Web3BlockchainClient

    signer = signer_from_key(chain.node.accounts[2][1])
    with Web3BlockchainClient(pool, chain.contract, signer=signer, store=tmp_path / "store", timeout=10) as client:
        yield client


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalBlockchainClient]:
    with LocalBlockchainClient(tmp_path / "chain.sqlite") as client:
        yield client


@pytest.fixture
def flaky(tmp_path: Path) -> Iterator[FlakyClient]:
    with FlakyClient(tmp_path / "chain.sqlite") as client:
        yield client


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[[int], Path]:
    """A checkpoint folder with two files that depend on the number."""

    def made(number: int) -> Path:
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "weights.bin").write_bytes(bytes([number]) * 1000)
        (folder / "optimizer.bin").write_bytes(bytes([number, 1]) * 500)
        return folder

    return made


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., ProvenanceRecorder]]:
    """Open a recorder on the test's run folder, closed at the end."""
    with ExitStack() as stack:

        def opened(client: Any = None, **options: Any) -> ProvenanceRecorder:
            options.setdefault("model", "digits")
            return stack.enter_context(ProvenanceRecorder(tmp_path / "run", client, **options))

        yield opened
