"""What the demo's transactions cost, read back from the chain itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from web3 import Web3

from novacron.chain import load_abi

ETH_GWEI = 1.0
POL_GWEI = 30.0


@dataclass(frozen=True)
class Operation:
    """A kind of transaction: how often it was sent, and the gas of all of them together."""

    name: str
    count: int
    gas: int

    @property
    def gas_each(self) -> float:
        """Mean gas of one transaction."""
        return self.gas / self.count

    @property
    def eth(self) -> float:
        """Cost of all of them in ETH at `ETH_GWEI`."""
        return self.gas * ETH_GWEI * 1e-9

    @property
    def pol(self) -> float:
        """Cost of all of them in POL at `POL_GWEI`."""
        return self.gas * POL_GWEI * 1e-9


def operations(w3: Web3, contract: str, sender: str) -> list[Operation]:
    """The transactions of `sender` by contract function, in order of first use. Walks every block of a demo's chain."""
    handle = w3.eth.contract(address=Web3.to_checksum_address(contract), abi=load_abi("ProofOfTraining"))
    total: dict[str, list[int]] = {}
    for number in range(w3.eth.block_number + 1):
        for transaction in w3.eth.get_block(number, full_transactions=True)["transactions"]:
            if not isinstance(transaction, Mapping) or transaction["from"] != sender:
                continue
            name = "deploy and configure the suite"
            if transaction.get("to") == handle.address:
                name = handle.decode_function_input(transaction["input"])[0].abi_element_identifier
            total.setdefault(name, []).append(w3.eth.get_transaction_receipt(transaction["hash"])["gasUsed"])
    return [Operation(name, len(gas), sum(gas)) for name, gas in total.items()]


def sum_of(rows: Iterable[Operation]) -> Operation:
    """All rows as one."""
    rows = list(rows)
    return Operation("total", sum(r.count for r in rows), sum(r.gas for r in rows))
