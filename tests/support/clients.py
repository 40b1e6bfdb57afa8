"""What the tests of the provenance clients share: the chain under test and independent looks at it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any

from web3 import Web3

from novacron.chain.anvil import Anvil


@dataclass(frozen=True)
class Chain:
    """A node with a ProofOfTraining contract."""

    node: Anvil
    contract: str

    def account(self, number: int) -> str:
        """Address of a development account."""
        return self.node.accounts[number][0]

    def anchors_of(self, digest: bytes, submitter: str) -> list[dict[str, Any]]:
        """Every anchor event of a digest, plain, with metadata or as a batch root, read without our own client."""
        names = (
            "Anchored(address,bytes32)",
            "AnchoredWithMetadata(address,bytes32,bytes)",
            "BatchAnchored(address,bytes32,uint64,bytes)",
        )
        topics = [
            ["0x" + Web3.keccak(text=name).hex().removeprefix("0x") for name in names],
            "0x" + submitter[2:].lower().rjust(64, "0"),
            "0x" + digest.hex(),
        ]
        query = {"address": self.contract, "fromBlock": "0x0", "toBlock": "latest", "topics": topics}
        logs = self.node.rpc("eth_getLogs", query)
        assert isinstance(logs, list)
        return logs

    def records_of(self, digest: bytes) -> list[dict[str, Any]]:
        """Every HashStored event of a hash in the string interface."""
        event = Web3.keccak(text="HashStored(uint256,string,address,uint256,uint256)").hex().removeprefix("0x")
        topics = ["0x" + event, None, "0x" + Web3.keccak(text=digest.hex()).hex().removeprefix("0x")]
        query = {"address": self.contract, "fromBlock": "0x0", "toBlock": "latest", "topics": topics}
        logs = self.node.rpc("eth_getLogs", query)
        assert isinstance(logs, list)
        return logs


def dead_url() -> str:
    """A loopback address where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


def mined(node: Anvil, raw: str) -> None:
    """Send signed bytes (0x…) past every proxy and wait for their receipt: anvil answers before it mines."""
    sent = node.rpc("eth_sendRawTransaction", raw)
    deadline = time.monotonic() + 30
    while node.rpc("eth_getTransactionReceipt", sent) is None:
        assert time.monotonic() < deadline, f"anvil has not mined {sent} after 30 seconds"
        time.sleep(0.01)
