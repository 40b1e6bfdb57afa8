"""Merkle batches against the real @openzeppelin/merkle-tree, run by node from this repository."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import InputError, InvalidDigestError, ProofFormatError, ProofInvalidError
from novacron.provenance.merkle import (
    MerkleBatch,
    standard_leaf_hash,
    verify_merkle_proof,
    verify_multi_proof,
)

REPOSITORY = Path(__file__).resolve().parents[3]
SIZES = (1, 2, 3, 5, 8, 33, 1000)

NODE_BUILD = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = cases.map(({ values, encoding, proofs, multi }) => {
  const tree = StandardMerkleTree.of(values, encoding);
  return {
    dump: tree.dump(),
    proofs: proofs.map((i) => tree.getProof(i)),
    multi: multi.map((indices) => tree.getMultiProof(indices)),
  };
});
console.log(JSON.stringify(answers));
"""

NODE_LOAD = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const dumps = JSON.parse(require("fs").readFileSync(0, "utf8"));
const trees = dumps.map((dump) => StandardMerkleTree.load(dump));
console.log(JSON.stringify(trees.map((tree) => [tree.root, tree.length])));
"""


def node(script: str, value: Any) -> Any:
    executable = shutil.which("node")
    assert executable, "node is part of the tool chain"
    done = subprocess.run(
        [executable, "-e", script], input=json.dumps(value), cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def digests(count: int, tag: str = "") -> list[bytes]:
    return [hashlib.sha256(f"{tag}{number}".encode()).digest() for number in range(count)]


def hexes(nodes: Any) -> list[str]:
    return [f"0x{node.hex()}" for node in nodes]


def spread(size: int) -> list[int]:
    return sorted({0, size // 2, size - 1, min(3, size - 1)})


def cases() -> list[dict[str, Any]]:
    found = []
    for size in SIZES:
        found.append({"values": [[f"0x{value.hex()}"] for value in digests(size)], "encoding": ["bytes32"]})
    rows = digests(33, "address")
    found.append(
        {
            "values": [[f"0x{row[:20].hex()}", str(10**18 * n)] for n, row in enumerate(rows)],
            "encoding": ["address", "uint256"],
        }
    )
    found.append(
        {
            "values": [
                [f"name {n} é", n % 2 == 0, f"0x{row[:n].hex()}", [str(n), "0x0f"], str(-n), f"0x{row[:4].hex()}"]
                for n, row in enumerate(rows[:9])
            ],
            "encoding": ["string", "bool", "bytes", "uint8[]", "int64", "bytes4"],
        }
    )
    found.append({"values": [[["1", "0x" + "22" * 32], ["a", "b"]]], "encoding": ["(uint256,bytes32)", "string[2]"]})
    same = [[f"0x{value.hex()}"] for value in digests(3)]
    found.append({"values": [*same, same[1], *same], "encoding": ["bytes32"]})  # duplicates
    for case in found:
        size = len(case["values"])
        case["proofs"] = list(range(size)) if size < 50 else spread(size)
        case["multi"] = [[], spread(size), list(range(size)) if size < 50 else list(range(0, size, 7))]
    return found


@pytest.fixture(scope="module")
def from_npm() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    asked = cases()
    return list(zip(asked, node(NODE_BUILD, asked), strict=True))


def test_dumps_and_roots_are_those_of_the_npm_package(from_npm: Any) -> None:
    for case, answer in from_npm:
        batch = MerkleBatch.of(case["values"], case["encoding"])
        ours, theirs = batch.dump(), answer["dump"]
        assert ours["tree"] == theirs["tree"]
        assert f"0x{batch.root.hex()}" == theirs["tree"][0]
        assert [entry["treeIndex"] for entry in ours["values"]] == [entry["treeIndex"] for entry in theirs["values"]]
        assert (ours["format"], ours["leafEncoding"]) == (theirs["format"], theirs["leafEncoding"])
        loaded = MerkleBatch.load(json.loads(json.dumps(theirs)))
        assert (loaded.root, len(loaded)) == (batch.root, len(batch))


def test_default_dump_is_identical_to_the_npm_package(from_npm: Any) -> None:
    for case, answer in from_npm:
        if case["encoding"] == ["bytes32"]:
            assert MerkleBatch.of(case["values"]).dump() == answer["dump"]


def test_proofs_are_those_of_the_npm_package(from_npm: Any) -> None:
    for case, answer in from_npm:
        batch = MerkleBatch.of(case["values"], case["encoding"])
        for index, theirs in zip(case["proofs"], answer["proofs"], strict=True):
            proof = batch.proof(index)
            assert hexes(proof) == theirs
            assert batch.leaf_hash(index) == standard_leaf_hash(case["values"][index], case["encoding"])
            assert verify_merkle_proof(batch.root, batch.leaf_hash(index), proof)


def test_multi_proofs_are_those_of_the_npm_package(from_npm: Any) -> None:
    for case, answer in from_npm:
        batch = MerkleBatch.of(case["values"], case["encoding"])
        for indices, theirs in zip(case["multi"], answer["multi"], strict=True):
            multi = batch.multi_proof(indices)
            assert hexes(multi.proof) == theirs["proof"]
            assert list(multi.proof_flags) == theirs["proofFlags"]
            assert hexes(multi.leaves) == hexes(
                standard_leaf_hash(value, case["encoding"]) for value in theirs["leaves"]
            )
            assert sorted(multi.indices) == sorted(indices)
            assert [batch.leaf_hash(index) for index in multi.indices] == list(multi.leaves)
            assert verify_multi_proof(batch.root, multi.leaves, multi.proof, multi.proof_flags)


def test_the_npm_package_loads_our_dumps() -> None:
    batches = [MerkleBatch.of(case["values"], case["encoding"]) for case in cases()]
    assert node(NODE_LOAD, [batch.dump() for batch in batches]) == [[f"0x{b.root.hex()}", len(b)] for b in batches]


# ---- without node ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40), st.data())
def test_every_value_is_proven_and_no_other(values: list[bytes], data: st.DataObject) -> None:
    batch = MerkleBatch.of(values)
    for index, proof in enumerate(batch.proofs()):
        assert verify_merkle_proof(batch.root, standard_leaf_hash(values[index]), proof)
        assert batch.value(index) == (values[index],)
        other = data.draw(st.binary(min_size=32, max_size=32))
        assert verify_merkle_proof(batch.root, standard_leaf_hash(other), proof) is (other == values[index])
        if proof:
            bad = [*proof[:-1], hashlib.sha256(proof[-1]).digest()]
            assert not verify_merkle_proof(batch.root, batch.leaf_hash(index), bad)
            assert not verify_merkle_proof(batch.root, batch.leaf_hash(index), proof[:-1])
    indices = data.draw(st.lists(st.integers(0, len(values) - 1), unique=True))
    multi = batch.multi_proof(indices)
    assert verify_multi_proof(batch.root, multi.leaves, multi.proof, multi.proof_flags)
    if multi.leaves:
        bad_leaves = [hashlib.sha256(multi.leaves[0]).digest(), *multi.leaves[1:]]
        assert not verify_multi_proof(batch.root, bad_leaves, multi.proof, multi.proof_flags)
    assert MerkleBatch.load(batch.dump()).dump() == batch.dump()


def test_digests_may_come_in_any_spelling() -> None:
    values = digests(3)
    expected = MerkleBatch.of(values).root
    assert MerkleBatch.of([value.hex() for value in values]).root == expected  # type: ignore[arg-type]
    assert MerkleBatch.of([[f"0X{value.hex().upper()}"] for value in values]).root == expected
    assert MerkleBatch.of([(value,) for value in values]).root == expected


def test_malformed_proofs_do_not_verify() -> None:
    batch = MerkleBatch.of(digests(4))
    leaf, proof = batch.leaf_hash(0), batch.proof(0)
    assert not verify_merkle_proof(batch.root, leaf, [*proof[:-1], proof[-1][:-1]])
    assert not verify_merkle_proof(batch.root[:-1], leaf, proof)
    assert not verify_merkle_proof(batch.root, leaf + b"\x00", proof)
    assert not verify_multi_proof(batch.root, [leaf], proof, [True, True])
    assert not verify_multi_proof(batch.root, [leaf], proof, [False])
    assert not verify_multi_proof(batch.root, [leaf], proof, [False, False, False])
    assert not verify_multi_proof(batch.root, [], [], [])
    assert not verify_multi_proof(batch.root, [leaf] * 3, [], [False, True])
    assert not verify_multi_proof(batch.root, [leaf], [leaf, leaf], [True, True])
    assert not verify_multi_proof(batch.root, [leaf, leaf], [], [True, False])
    assert verify_multi_proof(batch.root, [], [batch.root], [])


@pytest.mark.parametrize("bad", [None, b"", "ab", 5, [None], ["ab" * 32]])
def test_wrong_types_raise(bad: Any) -> None:
    batch = MerkleBatch.of(digests(2))
    with pytest.raises(InputError):
        verify_merkle_proof(batch.root, batch.leaf_hash(0), bad)
    with pytest.raises(InputError):
        verify_multi_proof(batch.root, [batch.leaf_hash(0)], bad, [])
    with pytest.raises(InputError):
        verify_merkle_proof("root", batch.leaf_hash(0), [])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "encoding", "names"),
    [
        ([], ("bytes32",), "at least one value"),
        ([b"\x00" * 32, b"\x00" * 31], ("bytes32",), "value 1: .*got 31"),
        ([["ab" * 32, "ab" * 32]], ("bytes32",), "value 0: .*one item"),
        ([["zz" * 32]], ("bytes32",), "value 0"),
        ([["1"]], ("uint257",), "not an ABI type"),
        ([["1"]], ("what",), "not an ABI type"),
        ([["1"]], (), "at least one ABI type"),
        ([["256"]], ("uint8",), "value 0: .*uint8"),
        ([["-1"]], ("uint8",), "value 0"),
        ([["one"]], ("uint8",), "'one' is no integer"),
        ([[True]], ("uint8",), "does not take bool"),
        ([[1.5]], ("uint8",), "does not take float"),
        ([["0x12"]], ("address",), "no address"),
        ([["0xzz"]], ("bytes",), "not hexadecimal"),
        ([["plain"]], ("bytes",), "does not take str"),
        ([["0x" + "11" * 5]], ("bytes4",), "value 0"),
        ([[1]], ("bool",), "does not take int"),
        ([["1", "2"]], ("uint8",), "1 items, got 2"),
        ([["1"]], ("uint8[]",), "takes a list"),
        ([[["1"]]], ("uint8[2]",), "value 0"),
        ([[["1"]]], ("(uint8,uint8)",), "takes a list of 2"),
        (["text"], ("string",), "one item per ABI type"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_position(values: Any, encoding: Any, names: str) -> None:
    with pytest.raises(InputError, match=names):
        MerkleBatch.of(values, encoding)


def test_indices_outside_the_batch_are_refused() -> None:
    batch = MerkleBatch.of(digests(3))
    for index in (-1, 3, True, "0", None):
        with pytest.raises(InputError, match="no value"):
            batch.proof(index)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="once"):
        batch.multi_proof([1, 1])


def test_damaged_dumps_are_refused() -> None:
    good = MerkleBatch.of(digests(4)).dump()

    def damaged(**changes: Any) -> dict[str, Any]:
        return {**json.loads(json.dumps(good)), **changes}

    wrong_node = damaged()
    wrong_node["tree"][1] = "0x" + "11" * 32
    wrong_value = damaged()
    wrong_value["values"][2]["value"] = ["0x" + "11" * 32]
    for dump in (wrong_node, wrong_value):
        with pytest.raises(ProofInvalidError):
            MerkleBatch.load(dump)
    same_leaf = damaged()
    same_leaf["values"][1] = same_leaf["values"][0]
    for dump in (
        {},
        None,
        [],
        damaged(format="standard-v2"),
        damaged(leafEncoding="bytes32"),
        damaged(leafEncoding=[]),
        damaged(leafEncoding=["nonsense"]),
        damaged(tree=good["tree"][:-1]),
        damaged(tree=[1] * 7),
        damaged(values=[]),
        damaged(values=[{"value": ["0x11"], "treeIndex": 3 + n} for n in range(4)]),
        damaged(values=[{"treeIndex": 3 + n} for n in range(4)]),
        damaged(values=[{**entry, "treeIndex": True} for entry in good["values"]]),
        same_leaf,
    ):
        with pytest.raises(ProofFormatError):
            MerkleBatch.load(dump)  # type: ignore[arg-type]


def test_a_wrong_digest_is_an_invalid_digest_error() -> None:
    with pytest.raises(InvalidDigestError):
        standard_leaf_hash(b"short")
