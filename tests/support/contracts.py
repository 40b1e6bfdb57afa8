"""Deploys compiled contracts onto a test chain, straight from forge's artifacts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.contract import Contract

ROOT = Path(__file__).resolve().parents[2]


@cache
def artifact(name: str, source: str | None = None) -> dict[str, Any]:
    """Forge's artifact of `name` (defined in `source`.sol); `make build` writes it."""
    path = ROOT / "out" / "forge" / f"{source or name}.sol" / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path.relative_to(ROOT)} is missing: run `make build`")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def deploy(w3: Web3, name: str, *args: Any, sender: str | None = None, source: str | None = None) -> Contract:
    """Deploy `name` from an unlocked account of an anvil and return it ready to call."""
    built = artifact(name, source)
    factory = w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"]["object"])
    account = sender or w3.eth.accounts[0]
    receipt = w3.eth.wait_for_transaction_receipt(factory.constructor(*args).transact({"from": account}))
    assert receipt["status"] == 1, f"deployment of {name} reverted"
    return w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])


def deploy_proof_of_training(url: str, owner: str | None = None) -> str:
    """Deploy ProofOfTraining from anvil's first account; returns its address."""
    w3 = Web3(Web3.HTTPProvider(url))
    return str(deploy(w3, "ProofOfTraining", owner or w3.eth.accounts[0]).address)
