"""Anchors as a Python user meets them: results, exact errors, exact events."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import events, refusal, send

ROOT = Path(__file__).resolve().parents[3]
DIGEST = bytes(range(1, 33))
OTHER = bytes(range(101, 133))


def plain(proof: Contract, digest: bytes):
    return proof.functions["anchor(bytes32)"](digest)


def with_metadata(proof: Contract, digest: bytes, metadata: bytes):
    return proof.functions["anchor(bytes32,bytes)"](digest, metadata)


def test_anchor_records_time_block_and_submitter(w3: Web3, proof: Contract, alice: str, bob: str) -> None:
    receipt = send(w3, plain(proof, DIGEST), alice)
    assert events(proof, receipt) == [("Anchored", {"submitter": alice, "digest": DIGEST})]
    block = w3.eth.get_block(receipt["blockNumber"])
    assert proof.functions.anchorOf(alice, DIGEST).call() == [block["timestamp"], block["number"], 1]
    assert proof.functions.anchorOf(bob, DIGEST).call() == [0, 0, 0]


@pytest.mark.parametrize("length", [0, 1, 512, 2_048])
def test_anchor_with_metadata_keeps_it_in_the_event(w3: Web3, proof: Contract, alice: str, length: int) -> None:
    metadata = bytes(i % 256 for i in range(length))
    receipt = send(w3, with_metadata(proof, DIGEST, metadata), alice)
    expected = {"submitter": alice, "digest": DIGEST, "metadata": metadata}
    assert events(proof, receipt) == [("AnchoredWithMetadata", expected)]
    assert proof.functions.anchorOf(alice, DIGEST).call()[2] == 1


def test_anchor_refuses_metadata_over_the_limit(proof: Contract, alice: str) -> None:
    error = ("Anchors_MetadataTooLong", (2_049, 2_048))
    assert refusal(with_metadata(proof, DIGEST, bytes(2_049)), alice) == error
    assert refusal(proof.functions.anchorBatch(DIGEST, 5, bytes(2_049)), alice) == error


def test_a_digest_is_anchored_once_per_submitter(w3: Web3, proof: Contract, alice: str, bob: str) -> None:
    send(w3, plain(proof, DIGEST), alice)
    before = proof.functions.anchorOf(alice, DIGEST).call()
    error = ("Anchors_AlreadyAnchored", (alice, DIGEST))
    assert refusal(plain(proof, DIGEST), alice) == error
    assert refusal(with_metadata(proof, DIGEST, b"x"), alice) == error
    assert refusal(proof.functions.anchorBatch(DIGEST, 5, b""), alice) == error
    assert refusal(proof.functions.anchorMany([OTHER, DIGEST]), alice) == error
    send(w3, proof.functions.anchorBatch(DIGEST, 9, b""), bob)
    assert proof.functions.anchorOf(alice, DIGEST).call() == before


def test_anchor_many_anchors_each_or_none(w3: Web3, proof: Contract, alice: str) -> None:
    digests = [bytes([i]) * 32 for i in range(1, 11)]
    receipt = send(w3, proof.functions.anchorMany(digests), alice)
    assert events(proof, receipt) == [("Anchored", {"submitter": alice, "digest": d}) for d in digests]
    assert all(proof.functions.anchorOf(alice, d).call()[2] == 1 for d in digests)
    assert refusal(proof.functions.anchorMany([OTHER, OTHER]), alice) == ("Anchors_AlreadyAnchored", (alice, OTHER))
    assert refusal(proof.functions.anchorMany([]), alice) == ("Anchors_EmptyBatch", ())
    assert proof.functions.anchorOf(alice, OTHER).call() == [0, 0, 0]


def test_anchor_batch_records_its_size(w3: Web3, proof: Contract, alice: str) -> None:
    receipt = send(w3, proof.functions.anchorBatch(DIGEST, 2**64 - 1, b"meta"), alice)
    expected = {"submitter": alice, "root": DIGEST, "size": 2**64 - 1, "metadata": b"meta"}
    assert events(proof, receipt) == [("BatchAnchored", expected)]
    assert proof.functions.anchorOf(alice, DIGEST).call()[2] == 2**64 - 1
    assert refusal(proof.functions.anchorBatch(OTHER, 0, b""), alice) == ("Anchors_EmptyBatch", ())


def test_anchor_takes_one_slot(w3: Web3, proof: Contract, alice: str) -> None:
    assert slots_written(w3, proof, plain(proof, DIGEST), alice) == 1
    assert slots_written(w3, proof, with_metadata(proof, OTHER, bytes(2_048)), alice) == 1
    assert slots_written(w3, proof, proof.functions.anchorBatch(b"\x07" * 32, 1_000, b"m"), alice) == 1


def slots_written(w3: Web3, proof: Contract, function, sender: str) -> int:
    """Slots of the contract that differ after the transaction."""
    receipt = send(w3, function, sender)
    tracer = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    trace = w3.provider.make_request("debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), tracer])
    after = {address.lower(): account for address, account in trace["result"]["post"].items()}
    return len(after[proof.address.lower()].get("storage", {}))


# ---------------------------------------------------------------------------------------------------------------------
# Trees of the npm package
# ---------------------------------------------------------------------------------------------------------------------

SCRIPT = """
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
const sizes = JSON.parse(process.argv[1]);
console.log(JSON.stringify(sizes.map(n => {
  const values = Array.from({length: n}, (_, i) => ['0x' + (i + 1).toString(16).padStart(64, '0'), 1000 + i]);
  const tree = StandardMerkleTree.of(values, ['bytes32', 'uint256']);
  return {n, root: tree.root, leaves: values.map((v, i) => ({leaf: tree.leafHash(v), proof: tree.getProof(i)}))};
})));
"""


@pytest.fixture(scope="module")
def npm_trees() -> list[dict]:
    command = ["node", "--input-type=module", "-e", SCRIPT, json.dumps([1, 2, 3, 5, 8, 13, 33])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_inclusion_in_trees_of_the_npm_package(
    w3: Web3, proof: Contract, alice: str, bob: str, npm_trees: list[dict]
) -> None:
    for tree in npm_trees:
        send(w3, proof.functions.anchorBatch(tree["root"], tree["n"], b""), alice)
        check = proof.functions.verifyInclusion
        for entry in tree["leaves"]:
            assert check(alice, tree["root"], entry["leaf"], entry["proof"]).call() is True
        leaf, path = entry["leaf"], entry["proof"]
        assert check(bob, tree["root"], leaf, path).call() is False  # bob anchored nothing
        assert check(alice, tree["root"], DIGEST, path).call() is False
        assert check(alice, tree["root"], leaf, [*path, DIGEST]).call() is False
        assert check(alice, DIGEST, leaf, path).call() is False
        if path:
            assert check(alice, tree["root"], leaf, path[:-1]).call() is False
            assert check(alice, tree["root"], leaf, [DIGEST, *path[1:]]).call() is False
            assert check(alice, tree["root"], tree["root"], []).call() is False  # the root is no leaf


def test_a_proof_deeper_than_the_stated_size_is_refused(
    w3: Web3, proof: Contract, alice: str, npm_trees: list[dict]
) -> None:
    tree = npm_trees[-1]
    send(w3, proof.functions.anchorBatch(tree["root"], 4, b""), alice)
    entry = tree["leaves"][0]
    assert proof.functions.verifyInclusion(alice, tree["root"], entry["leaf"], entry["proof"]).call() is False
