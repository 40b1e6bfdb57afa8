"""Gas of the post-quantum verifiers, their kernels, and of key registration; used by tests/gas/snapshot.py.

Signatures come from `signatures.json`, since signing is randomised: each is of `MESSAGE`, by a key that signed nothing
else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from web3.contract import Contract

from tests.gas.governance import Chain, started

#: The 32 bytes that every signature is of.
MESSAGE = hashlib.sha256(b"NovaCron gas snapshot").digest().replace(b"\0", b"\1")
SIGNATURES = Path(__file__).with_name("signatures.json")
MAGIC = bytes.fromhex("024ad318")  # IERC7913SignatureVerifier.verify
#: What the project promises: gas of a whole transaction.
BOUNDS = {
    "ML-DSA-44: verify": 1_600_000,
    "ML-DSA-65: verify": 2_100_000,
    "ML-DSA-87: verify": 2_500_000,
    "SLH-DSA-SHA2-128s: verify": 800_000,
    **{
        f"{scheme}: registerKey, step {step}": 8_000_000
        for scheme, steps in (("ML-DSA-44", 1), ("ML-DSA-65", 2), ("ML-DSA-87", 3))
        for step in range(1, steps + 1)
    },
}
#: Scheme → the contract that verifies it, in the order of their numbers.
VERIFIERS = {"ML-DSA-44": "MLDSA44", "ML-DSA-65": "MLDSA65", "ML-DSA-87": "MLDSA87"}
SLH = "SLH-DSA-SHA2-128s"


def measure_quantum() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    figures: dict[str, int] = {}
    signed = {
        scheme: {what: base64.b64decode(text) for what, text in one.items()}
        for scheme, one in json.loads(SIGNATURES.read_text()).items()
    }
    with started() as node:
        chain = Chain(node)
        keys = chain.deploy("PostQuantumKeys")
        for number, (scheme, name) in enumerate(VERIFIERS.items()):
            public = signed[scheme]["publicKey"]
            step, complete = 0, False
            while not complete:
                step += 1
                function = keys.functions.registerKey(number, public)
                key, complete = function.call({"gas": 16_000_000})
                figures[f"{scheme}: registerKey, step {step}"] = _gas(chain, function)
            figures[f"{scheme}: verify"] = _verify(
                chain, chain.deploy(name, keys.address), key, signed[scheme]["signature"]
            )
        figures |= _phases(chain)
        verifier = chain.deploy("SLHDSASHA2128s")
        figures[f"{SLH}: verify"] = _verify(chain, verifier, signed[SLH]["publicKey"], signed[SLH]["signature"])
    return figures


def _phases(chain: Chain) -> dict[str, int]:
    """Gas of the kernels alone, which does not depend on their input."""
    transforms = chain.deploy("NTTHarness").functions
    names = ("one state", "two states", "four states")
    keccak = dict(zip(names, chain.deploy("Keccak1600Harness").functions.gas().call(), strict=True))
    return {f"Keccak-f[1600], {name}": int(used) for name, used in keccak.items()} | {
        "NTT, five polynomials": int(transforms.forward51([0] * 256).call()[1]),
        "NTT, eight polynomials": int(transforms.forwardPair([0] * 512).call()[1]),
        "inverse NTT, four polynomials": int(transforms.inverse54([0] * 256).call()[1]),
        "inverse NTT, eight polynomials": int(transforms.inversePair([0] * 512).call()[1]),
    }


def _verify(chain: Chain, verifier: Contract, key: bytes, signature: bytes) -> int:
    function = verifier.functions.verify(key, MESSAGE, signature)
    if function.call({"gas": 16_000_000}) != MAGIC:
        raise RuntimeError(f"the signature in {SIGNATURES.name} is not accepted")
    return _gas(chain, function)


def _gas(chain: Chain, function: Any) -> int:
    chain.time += 12
    chain.node.rpc("evm_setNextBlockTimestamp", chain.time)
    sent = function.transact({"from": chain.deployer, "gas": 16_000_000})
    receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
    if receipt["status"] != 1:
        raise RuntimeError(f"{function.fn_name} reverted")
    return int(receipt["gasUsed"])
