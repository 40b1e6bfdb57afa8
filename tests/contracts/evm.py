"""What tests on anvil share: calls that say how a transaction ended, errors and events decoded by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi import decode
from eth_utils import function_abi_to_4byte_selector
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError
from web3.logs import DISCARD
from web3.types import TxReceipt

Outcome = tuple[str, tuple[Any, ...]]
"""Name and arguments of a custom error."""


def types_of(items: list[dict[str, Any]]) -> list[str]:
    """ABI types of inputs."""
    return [str(item["type"]) for item in items]


def decode_error(abi: Sequence[Any], data: str | bytes) -> Outcome:
    """The custom error of this ABI that the revert data spells."""
    raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else bytes(data)
    for entry in abi:
        if entry["type"] == "error" and function_abi_to_4byte_selector(entry) == raw[:4]:
            types = types_of(entry.get("inputs", []))
            arguments = decode(types, raw[4:])
            named = (
                Web3.to_checksum_address(a) if t == "address" else a for t, a in zip(types, arguments, strict=True)
            )
            return entry["name"], tuple(named)
    raise AssertionError(f"revert data {raw.hex()} is no error of the contract")


def refusal(function: ContractFunction, sender: str) -> Outcome | None:
    """The custom error that this call from `sender` ends in; None if it would go through."""
    try:
        function.call({"from": sender})
    except ContractCustomError as error:
        return decode_error(function.contract_abi, str(error.data))
    return None


def send(w3: Web3, function: ContractFunction, sender: str) -> TxReceipt:
    """Mine the call; the receipt of a transaction that succeeded."""
    receipt = w3.eth.wait_for_transaction_receipt(function.transact({"from": sender}), poll_latency=0.005)
    assert receipt["status"] == 1
    return receipt


def events(contract: Contract, receipt: TxReceipt | dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All events of the receipt (or of other logs) in order, each as name and arguments; every log must decode."""
    found = []
    for event in contract.events:
        for entry in event().process_receipt(receipt, errors=DISCARD):
            place = (entry["blockNumber"], entry["logIndex"])
            found.append((place, entry["event"], dict(entry["args"])))
    assert len(found) == len(receipt["logs"]), "a log of the receipt is no event of the contract"
    return [(name, arguments) for _, name, arguments in sorted(found, key=lambda item: item[0])]
