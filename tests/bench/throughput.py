"""From raw entries to anchored and proven, and how it grows; OpenZeppelin's JavaScript tree in the same run."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3

from novacron.chain import Anvil, EndpointPool, LocalSigner
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.log import TransparencyLog
from novacron.provenance.merkle import MerkleBatch, verify_merkle_proof
from tests.support.contracts import deploy, deploy_proof_of_training

ROOT = Path(__file__).resolve().parents[2]
NODE_LIMIT = 100_000  # ten seconds in node; ten times that for a million says nothing new
NODE_TREE = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { createHash } = require("crypto");
const n = Number(process.argv[1]);
const values = [];
for (let i = 0; i < n; i++) values.push(["0x" + createHash("sha256").update(`entry ${i}`).digest("hex")]);
const started = process.hrtime.bigint();
const tree = StandardMerkleTree.of(values, ["bytes32"]);
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
console.log(JSON.stringify({ root: tree.root, seconds }));
"""


@dataclass(frozen=True)
class Stage:
    """Seconds per stage for `records` records."""

    records: int
    seconds: dict[str, float]
    node_tree: float | None

    @property
    def rate(self) -> float:
        """Records a second over all stages."""
        return self.records / sum(self.seconds.values())


def timed(into: dict[str, float], name: str, function: Callable[[], Any]) -> Any:
    """Run `function`, note its seconds."""
    started = time.perf_counter()
    result = function()
    into[name] = time.perf_counter() - started
    return result


def measure(records: int, w3: Web3, contract: Any, *, with_node: bool) -> Stage:
    """Hash, build the tree, anchor its root in one transaction, prove and verify every record, check some on chain."""
    seconds: dict[str, float] = {}
    raw = [b"entry %d" % i for i in range(records)]
    digests = timed(seconds, "hash", lambda: [hashlib.sha256(entry).digest() for entry in raw])
    batch = timed(seconds, "tree", lambda: MerkleBatch.of(digests))
    sender = w3.eth.accounts[1]

    def anchor() -> None:
        sent = contract.functions.anchorBatch(batch.root, records, b"").transact({"from": sender})
        if w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)["status"] != 1:
            raise RuntimeError("anchorBatch reverted")

    timed(seconds, "anchor", anchor)
    proofs = timed(seconds, "prove", lambda: [batch.proof(i) for i in range(records)])
    valid = timed(
        seconds,
        "verify",
        lambda: sum(verify_merkle_proof(batch.root, batch.leaf_hash(i), proofs[i]) for i in range(records)),
    )
    if valid != records:
        raise RuntimeError(f"only {valid} of {records} proofs verify")
    for i in (0, records // 2, records - 1):
        if not contract.functions.verifyInclusion(sender, batch.root, batch.leaf_hash(i), proofs[i]).call():
            raise RuntimeError(f"the contract refuses the proof of record {i}")
    return Stage(records, seconds, node_tree(records, batch.root) if with_node else None)


def node_tree(records: int, root: bytes) -> float | None:
    """Seconds that @openzeppelin/merkle-tree takes for the same tree; None without node. Its root must be ours."""
    node = shutil.which("node")
    if node is None:
        return None
    done = subprocess.run([node, "-e", NODE_TREE, str(records)], cwd=ROOT, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    if answer["root"] != "0x" + root.hex():
        raise RuntimeError(f"@openzeppelin/merkle-tree computes {answer['root']}, we compute 0x{root.hex()}")
    return float(answer["seconds"])


def growth(sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)) -> list[Stage]:
    """One row a size."""
    with Anvil() as node:
        w3 = Web3(Web3.HTTPProvider(node.url))
        contract = deploy(w3, "ProofOfTraining", w3.eth.accounts[0])
        return [measure(size, w3, contract, with_node=size <= NODE_LIMIT) for size in sizes]


def client_growth(folder: Path, sizes: tuple[int, ...] = (1_000, 10_000, 100_000)) -> list[tuple[int, float, float]]:
    """The same through the SDK's client: (records, seconds to hash, store durably, anchor and prove, and to verify)."""
    rows = []
    with Anvil() as node, EndpointPool([node.url], chain_id=node.chain_id) as pool:
        address = deploy_proof_of_training(node.url)
        signer = LocalSigner(Account.from_key(node.accounts[0][1]))
        with Web3BlockchainClient(pool, address, signer=signer, store=folder / "client") as client:
            for size in sizes:
                started = time.perf_counter()
                digests = [hashlib.sha256(b"%d of %d" % (i, size)).digest() for i in range(size)]
                stored = client.batch_store_hashes(digests)
                stored_in = time.perf_counter() - started
                started = time.perf_counter()
                if not all(
                    record.status == "confirmed"
                    and record.batch
                    and record.batch.verifies(bytes.fromhex(record.hash), None)
                    for record in stored
                ):
                    raise RuntimeError("a record is not confirmed, or its proof does not verify")
                rows.append((size, stored_in, time.perf_counter() - started))
    return rows


def log_growth(
    folder: Path, sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
) -> list[tuple[int, float, float]]:
    """Durable log: (entries, entries appended a second, microseconds for one inclusion proof) at each size."""
    rows = []
    with TransparencyLog(folder / "log.sqlite") as log:
        for size in sizes:
            before = log.size
            started = time.perf_counter()
            log.append_many(b"entry %d" % i for i in range(before, size))
            appended = time.perf_counter() - started
            started = time.perf_counter()
            for i in range(200):
                log.inclusion_proof(i * size // 200)
            rows.append((size, (size - before) / appended, (time.perf_counter() - started) / 200 * 1e6))
    return rows
