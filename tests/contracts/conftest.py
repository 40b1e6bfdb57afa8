"""One anvil for the session; each test finds ProofOfTraining freshly deployed and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil
from tests.support.contracts import deploy


@pytest.fixture(scope="session")
def node() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


@pytest.fixture(scope="session")
def w3(node: Anvil) -> Web3:
    return Web3(Web3.HTTPProvider(node.url))


@pytest.fixture(scope="session")
def deployed(w3: Web3) -> Contract:
    return deploy(w3, "ProofOfTraining", w3.eth.accounts[0])


@pytest.fixture
def proof(node: Anvil, deployed: Contract) -> Iterator[Contract]:
    """The contract as deployed, owned by account 0; the chain goes back afterwards."""
    snapshot = node.rpc("evm_snapshot")
    yield deployed
    assert node.rpc("evm_revert", snapshot) is True


@pytest.fixture
def owner(w3: Web3) -> str:
    return str(w3.eth.accounts[0])


@pytest.fixture
def alice(w3: Web3) -> str:
    return str(w3.eth.accounts[1])


@pytest.fixture
def bob(w3: Web3) -> str:
    return str(w3.eth.accounts[2])
