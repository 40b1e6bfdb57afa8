"""docs/access-matrix.md lists every state-changing function of every contract, and its restrictions are real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from novacron.chain import load_abi
from novacron.chain.anvil import Anvil
from tests.support.contracts import deploy

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "access-matrix.md").read_text()
ZERO = b"\0" * 32


def documented(contract: str) -> dict[str, str]:
    """Function signature → who, from the contract's table."""
    section = DOC.split(f"## {contract}", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", section, flags=re.M))


def compiled(contract: str) -> set[str]:
    """Signatures of the state-changing functions in the ABI."""
    return {
        f"{item['name']}({','.join(argument['type'] for argument in item['inputs'])})"
        for item in load_abi(contract)
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }


@pytest.fixture(scope="module")
def contract() -> Iterator[Contract]:
    with Anvil() as node:
        w3 = Web3(Web3.HTTPProvider(node.url))
        yield deploy(w3, "ProofOfTraining", w3.eth.accounts[0])


def test_the_table_is_complete() -> None:
    assert set(documented("ProofOfTraining")) == compiled("ProofOfTraining")


def test_nothing_is_payable() -> None:
    assert not [item["name"] for item in load_abi("ProofOfTraining") if item.get("stateMutability") == "payable"]


RESTRICTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "extendRun(bytes32,uint64,bytes32,bytes32[])": ((1, ZERO, []), "TrainingRuns_NotRecorder(bytes32,address)"),
    "sealRun(bytes32,bytes32)": ((b"\1" * 32,), "TrainingRuns_NotOwner(bytes32,address)"),
    "setRecorder(bytes32,address,bool)": (("0x" + "11" * 20, True), "TrainingRuns_NotOwner(bytes32,address)"),
    "pauseContract()": ((), "Records_NotOwner(address)"),
    "unpauseContract()": ((), "Records_NotOwner(address)"),
    "transferOwnership(address)": (("0x" + "11" * 20,), "Records_NotOwner(address)"),
    "acceptOwnership()": ((), "Records_NotPendingOwner(address)"),
}


def test_every_function_that_is_not_for_everybody_is_proven_here() -> None:
    restricted = {name for name, who in documented("ProofOfTraining").items() if who != "everybody"}
    assert restricted == set(RESTRICTED)


@pytest.mark.parametrize("signature", RESTRICTED)
def test_a_stranger_is_refused(contract: Contract, signature: str) -> None:
    w3 = contract.w3
    owner, stranger = w3.eth.accounts[1], w3.eth.accounts[2]
    salt = Web3.keccak(text=signature)
    w3.eth.wait_for_transaction_receipt(contract.functions.openRun(salt, ZERO).transact({"from": owner}))
    run = contract.functions.runId(owner, salt, ZERO).call()
    arguments, error = RESTRICTED[signature]
    if signature.split("(")[1].startswith("bytes32"):
        arguments = (run, *arguments)
    with pytest.raises(ContractCustomError) as caught:
        contract.functions[signature](*arguments).call({"from": stranger})
    assert str(caught.value.data).startswith("0x" + Web3.keccak(text=error)[:4].hex())
