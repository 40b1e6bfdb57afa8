"""Gas of our three ways in beside the Ethereum Attestation Service and a string-struct contract, in one run.

Whole transactions (21,000 and calldata included), each the first write of its digest, on an anvil with prague rules.
EAS is the published bytecode of its npm package; the string-struct contract is contracts/test/StringStructProof.sol.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil
from novacron.provenance import rfc9162
from tests.support.contracts import deploy

ROOT = Path(__file__).resolve().parents[2]
EAS = ROOT / "node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts"
ZERO = "0x" + "00" * 20


@dataclass(frozen=True)
class Row:
    """One operation and what it cost. `records` is how many digests the transaction secured."""

    contract: str
    operation: str
    gas: int
    records: int = 1
    note: str = ""

    @property
    def per_record(self) -> float:
        """Gas for one digest."""
        return self.gas / self.records


def random_bytes(length: int, seed: int) -> bytes:
    """Deterministic bytes without zeros, the dearest calldata."""
    blocks = (hashlib.sha256(f"{seed}:{i}".encode()).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length].replace(b"\0", b"\1")


def checkpoint_metadata(length: int) -> bytes:
    """Realistic checkpoint metadata: canonical JSON of exactly `length` bytes."""
    base: dict[str, Any] = {"dataset": "digits", "framework": "scikit-learn", "layers": []}
    text = ""
    for i in range(1, 1000):
        base["layers"].append({"name": f"dense_{i}", "shape": [64, i], "lr": round(0.001 / i, 7), "loss": 1 / (i + 1)})
        grown = json.dumps(base, separators=(",", ":"), sort_keys=True)
        if len(grown) > length - 10:
            break
        text = grown
    return (text[:-1] + ',"pad":"' + "x" * (length - len(text) - 9) + '"}').encode()


def eas_contract(w3: Web3, name: str, *args: Any) -> Contract:
    """Deploy a contract of the EAS npm package from its published bytecode."""
    built = json.loads((EAS / f"{name}.sol" / f"{name}.json").read_text())
    factory = w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    receipt = w3.eth.wait_for_transaction_receipt(factory.constructor(*args).transact({"from": w3.eth.accounts[0]}))
    return w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])


def measure() -> list[Row]:
    """Every row, from one chain."""
    rows: list[Row] = []
    with Anvil() as node:
        w3 = Web3(Web3.HTTPProvider(node.url))
        sender = w3.eth.accounts[1]

        def gas(function: Any) -> int:
            receipt = w3.eth.wait_for_transaction_receipt(function.transact({"from": sender}))
            if receipt["status"] != 1:
                raise RuntimeError(f"{function.fn_name} reverted")
            return int(receipt["gasUsed"])

        ours = deploy(w3, "ProofOfTraining", sender)
        naive = deploy(w3, "StringStructProof")
        registry = eas_contract(w3, "SchemaRegistry")
        eas = eas_contract(w3, "EAS", registry.address)
        gas(registry.functions.register("bytes32 digest,string metadata", ZERO, False))
        schema = registry.events.Registered.get_logs(from_block=0)[0]["args"]["uid"]

        def attest(data: bytes) -> Any:
            return eas.functions.attest((schema, (ZERO, 0, False, b"\0" * 32, data, 0)))

        digest = iter(random_bytes(32, seed) for seed in range(10_000))
        json512, json2048 = checkpoint_metadata(512), checkpoint_metadata(2048)
        noise512, noise2048 = random_bytes(512, -1), random_bytes(2048, -2)
        packed = {len(text): b"\x01" + zlib.compress(text, 9) for text in (json512, json2048)}
        one, meta = ours.functions["anchor(bytes32)"], ours.functions["anchor(bytes32,bytes)"]

        def ours_row(operation: str, function: Any, records: int = 1, note: str = "") -> None:
            rows.append(Row("ProofOfTraining", operation, gas(function), records, note))

        ours_row("anchor(digest)", one(next(digest)))
        rows.append(
            Row("EAS", "timestamp(digest)", gas(eas.functions.timestamp(next(digest))), 1, "keeps no submitter")
        )
        ours_row("anchorMany(100)", ours.functions.anchorMany([next(digest) for _ in range(100)]), 100)
        many = eas.functions.multiTimestamp([next(digest) for _ in range(100)])
        rows.append(Row("EAS", "multiTimestamp(100)", gas(many), 100, "keeps no submitter"))
        ours_row("anchorBatch(1,000)", ours.functions.anchorBatch(next(digest), 1000, b""), 1000, "Merkle root")
        ours_row("anchor + 512 B", meta(next(digest), noise512), 1, "incompressible, in the event")
        ours_row("anchor + 512 B", meta(next(digest), packed[512]), 1, f"JSON compressed to {len(packed[512])} B")
        ours_row("anchor + 2,048 B", meta(next(digest), noise2048), 1, "incompressible, in the event")
        ours_row("anchor + 2,048 B", meta(next(digest), packed[2048]), 1, f"JSON compressed to {len(packed[2048])} B")
        rows.append(Row("EAS", "attest(digest)", gas(attest(next(digest))), 1, "data on chain"))
        rows.append(Row("EAS", "attest + 512 B", gas(attest(next(digest) + noise512)), 1, "data on chain"))
        rows.append(Row("EAS", "attest + 2,048 B", gas(attest(next(digest) + noise2048)), 1, "data on chain"))

        salt, manifest = next(digest), next(digest)
        run = ours.functions.runId(sender, salt, manifest).call()
        leaves = [rfc9162.leaf_hash(random_bytes(32, i)) for i in range(1500)]
        ours_row("openRun", ours.functions.openRun(salt, manifest))
        root = rfc9162.root_of(leaves[:999])
        ours_row("extendRun 0 → 999", ours.functions.extendRun(run, 999, root, []), 999, "first head")
        for old, new in ((999, 1000), (1000, 1500)):
            proof = consistency(old, leaves[:new])
            function = ours.functions.extendRun(run, new, rfc9162.root_of(leaves[:new]), proof)
            ours_row(f"extendRun {old:,} → {new:,}", function, new - old, f"proof of {len(proof)} nodes verified")
        ours_row("sealRun", ours.functions.sealRun(run, next(digest)))

        for size, text in ((0, ""), (32, "m" * 32), (512, json512.decode()), (2048, json2048.decode())):
            label = f"storeHash + {size:,} B" if size else "storeHash"
            ours_row(label, ours.functions.storeHash(next(digest).hex(), text), 1, "metadata readable on chain")
            rows.append(Row("string struct", label, gas(naive.functions.storeHash(next(digest).hex(), text))))
    return rows


def consistency(old: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.4.1, straight from the definition (small sizes only)."""

    def subproof(m: int, part: list[bytes], whole: bool) -> list[bytes]:
        n = len(part)
        if m == n:
            return [] if whole else [rfc9162.root_of(part)]
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            return [*subproof(m, part[:k], whole), rfc9162.root_of(part[k:])]
        return [*subproof(m - k, part[k:], False), rfc9162.root_of(part[:k])]

    return subproof(old, leaves, True)
