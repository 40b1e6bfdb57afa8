"""One anvil for each module of property tests; the random inputs are the same on every run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from novacron.chain.anvil import Anvil


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    # No cap on the gas of an eth_call: thousands of proofs are verified in one.
    with Anvil(extra=("--gas-limit", "9000000000000000")) as anvil:
        yield anvil


@pytest.fixture(scope="module")
def w3(node: Anvil) -> Web3:
    return Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
