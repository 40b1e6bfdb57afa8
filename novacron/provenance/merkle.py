"""Merkle batches in OpenZeppelin's standard-v1 format: many records under one anchored root.

Same root, proofs, multi proofs and dump as `StandardMerkleTree` of the npm package @openzeppelin/merkle-tree 1.0.8, so
that OpenZeppelin's MerkleProof verifies them on chain. A leaf is keccak256(keccak256(abi.encode(value))), leaves are
sorted by hash, a parent is the hash of its children in ascending order, and the tree is an array with the root at 0 and
the children of i at 2i + 1 and 2i + 2. Duplicated values keep a leaf each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from novacron.exceptions import InputError, InvalidDigestError, ProofFormatError, ProofInvalidError
from novacron.provenance.digest import DIGEST_SIZE, parse_digest
from novacron.provenance.keccak import keccak256
from novacron.provenance.leaves import abi_encode_leaf, coerce_leaf, json_leaf

FORMAT = "standard-v1"

BYTES32 = ("bytes32",)


@dataclass(frozen=True)
class MultiProof:
    """Proof of several leaves at once: OpenZeppelin's `MerkleProof.multiProofVerify(proof, proofFlags, root, leaves)`.

    `indices` are the proven values' positions in the batch, in the order that verification needs; `leaves` their
    leaf hashes.
    """

    indices: tuple[int, ...]
    leaves: tuple[bytes, ...]
    proof: tuple[bytes, ...]
    proof_flags: tuple[bool, ...]


def standard_leaf_hash(value: Any, leaf_encoding: Sequence[str] = BYTES32) -> bytes:
    """keccak256(keccak256(abi.encode(value))): 32 bytes.

    `value` is a sequence with one item per ABI type, or the digest itself for the default encoding. Bytes and addresses
    may be 0x-prefixed text, integers decimal or 0x-prefixed text.

    Raises:
        InputError: the value does not fit the encoding, or the encoding is no list of ABI types.
    """
    encoding = tuple(leaf_encoding)
    encoded = _digest_leaf(value) if encoding == BYTES32 else abi_encode_leaf(encoding, coerce_leaf(encoding, value))
    return keccak256(keccak256(encoded))


def verify_merkle_proof(root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `leaf` (a leaf hash) is under `root`, as OpenZeppelin's `MerkleProof.verify`; False when malformed.

    Raises:
        InputError: an argument of the wrong type.
    """
    _check_bytes(root, leaf, *_sequence(proof))
    if any(len(node) != DIGEST_SIZE for node in (root, leaf, *proof)):
        return False
    node = leaf
    for sibling in proof:
        node = _node_hash(node, sibling)
    return node == root


def verify_multi_proof(
    root: bytes, leaves: Sequence[bytes], proof: Sequence[bytes], proof_flags: Sequence[bool]
) -> bool:
    """Whether all `leaves` (leaf hashes) are under `root`, as OpenZeppelin's `MerkleProof.multiProofVerify`.

    False when malformed. No leaves at all verify with the root as the only proof node, as in the npm package.

    Raises:
        InputError: an argument of the wrong type.
    """
    _check_bytes(root, *_sequence(leaves), *_sequence(proof))
    if any(len(node) != DIGEST_SIZE for node in (root, *leaves, *proof)):
        return False
    if len(leaves) + len(proof) != len(proof_flags) + 1 or len(proof) < sum(not flag for flag in proof_flags):
        return False
    queue, position, rest = list(leaves), 0, iter(proof)
    for flag in proof_flags:
        if position + (2 if flag else 1) > len(queue):
            return False
        first = queue[position]
        second = queue[position + 1] if flag else next(rest)
        position += 2 if flag else 1
        queue.append(_node_hash(first, second))
    remaining = [*queue[position:], *rest]
    return len(remaining) == 1 and remaining[0] == root


class MerkleBatch:
    """Immutable Merkle tree over values, in the order given. Build it with `of` or `load`."""

    __slots__ = ("_positions", "_tree", "_values", "leaf_encoding")

    def __init__(
        self, tree: list[bytes], values: Sequence[Any], positions: Sequence[int], leaf_encoding: tuple[str, ...]
    ) -> None:
        self._tree = tree
        self._values = values
        self._positions = positions  # position in the tree of each value
        self.leaf_encoding = leaf_encoding

    @classmethod
    def of(
        cls, values: Sequence[Sequence[Any]] | Sequence[bytes], leaf_encoding: Sequence[str] = BYTES32
    ) -> MerkleBatch:
        """Build the tree: O(n log n) for sorting, 3n Keccak hashes.

        Args:
            values: one value per record, at least one; see `standard_leaf_hash`. With the default encoding a value may
                be a digest itself (32 bytes or hexadecimal text) instead of a list of one.
            leaf_encoding: ABI types, one per item of a value.

        Raises:
            InputError: no value, or a value that does not fit the encoding (the message names its position).
        """
        encoding = tuple(leaf_encoding)
        if not len(values):
            raise InputError("a Merkle batch needs at least one value")
        kept, hashes = _prepare(values, encoding)
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        last = 2 * len(hashes) - 2
        positions = [0] * len(hashes)
        for rank, index in enumerate(order):
            positions[index] = last - rank
        leaves = [hashes[index] for index in order]
        return cls(_build_tree(leaves), kept, positions, encoding)

    @property
    def root(self) -> bytes:
        """The Merkle root, 32 bytes."""
        return self._tree[0]

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"MerkleBatch(root=0x{self.root.hex()}, size={len(self)}, leaf_encoding={list(self.leaf_encoding)})"

    def value(self, i: int) -> tuple[Any, ...]:
        """The i-th value, one item per ABI type."""
        value = self._values[self._checked(i)]
        return (value,) if self.leaf_encoding == BYTES32 else tuple(value)

    def leaf_hash(self, i: int) -> bytes:
        """Leaf hash of the i-th value, 32 bytes."""
        return self._tree[self._positions[self._checked(i)]]

    def proof(self, i: int) -> list[bytes]:
        """Inclusion proof of the i-th value: its siblings' hashes from the leaf up.

        Raises:
            InputError: no such value.
        """
        tree, position = self._tree, self._positions[self._checked(i)]
        path: list[bytes] = []
        while position:
            path.append(tree[((position + 1) ^ 1) - 1])
            position = (position - 1) >> 1
        return path

    def proofs(self) -> Iterator[list[bytes]]:
        """The inclusion proofs of all values, in order."""
        return map(self.proof, range(len(self)))

    def multi_proof(self, indices: Sequence[int]) -> MultiProof:
        """One proof of several values (npm `getMultiProof`).

        Raises:
            InputError: no such value, or an index given twice.
        """
        by_position = {self._positions[self._checked(i)]: i for i in indices}
        if len(by_position) != len(indices):
            raise InputError("a multi proof takes each index once")
        tree = self._tree
        order = sorted(by_position, reverse=True)
        queue, head = list(order), 0
        proof: list[bytes] = []
        flags: list[bool] = []
        while head < len(queue) and queue[head] > 0:
            position = queue[head]
            head += 1
            sibling = ((position + 1) ^ 1) - 1
            paired = head < len(queue) and queue[head] == sibling
            flags.append(paired)
            if paired:
                head += 1
            else:
                proof.append(tree[sibling])
            queue.append((position - 1) >> 1)
        if not order:
            proof.append(tree[0])
        return MultiProof(
            tuple(by_position[position] for position in order),
            tuple(tree[position] for position in order),
            tuple(proof),
            tuple(flags),
        )

    def dump(self) -> dict[str, Any]:
        """JSON-ready description that `StandardMerkleTree.load` of the npm package reads (integers as decimal text)."""
        if self.leaf_encoding == BYTES32:
            values: list[list[Any]] = [[f"0x{value.hex()}"] for value in self._values]
        else:
            values = [json_leaf(value) for value in self._values]
        return {
            "format": FORMAT,
            "leafEncoding": list(self.leaf_encoding),
            "tree": [f"0x{node.hex()}" for node in self._tree],
            "values": [
                {"value": value, "treeIndex": position} for value, position in zip(values, self._positions, strict=True)
            ],
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> MerkleBatch:
        """Read a dump of this class or of the npm package, and check every hash of it.

        Raises:
            ProofFormatError: another format, or a part missing or malformed.
            ProofInvalidError: the parts do not hash to the tree.
        """
        tree, raw_values, positions, encoding = _parse_dump(data)
        try:
            kept, hashes = _prepare(raw_values, encoding)
        except InputError as error:
            raise ProofFormatError(f"Merkle dump: {error}") from error
        for index, (leaf, position) in enumerate(zip(hashes, positions, strict=True)):
            if tree[position] != leaf:
                raise ProofInvalidError(f"Merkle dump: value {index} does not hash to tree node {position}")
        for position in range(len(kept) - 1):
            if tree[position] != _node_hash(tree[2 * position + 1], tree[2 * position + 2]):
                raise ProofInvalidError(f"Merkle dump: tree node {position} is not the hash of its children")
        return cls(tree, kept, positions, encoding)

    def _checked(self, i: int) -> int:
        if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(self._values):
            raise InputError(f"no value {i!r} in a batch of {len(self._values)} (indices start at 0)")
        return i


def _prepare(values: Sequence[Any], encoding: tuple[str, ...]) -> tuple[list[Any], list[bytes]]:
    """The values as kept, and their leaf hashes, in order."""
    if encoding == BYTES32:
        kept: list[Any] = []
        for index, value in enumerate(values):
            # The common case first: batches are large and most hold plain digests.
            if type(value) is not bytes or len(value) != DIGEST_SIZE:
                try:
                    value = _digest_leaf(value)
                except InvalidDigestError as error:
                    raise InvalidDigestError(f"value {index}: {error}") from error
            kept.append(value)
        return kept, [keccak256(keccak256(value)) for value in kept]
    kept, hashes = [], []
    for index, value in enumerate(values):
        try:
            coerced = coerce_leaf(encoding, value)
            encoded = abi_encode_leaf(encoding, coerced)
        except InputError as error:
            raise InputError(f"value {index}: {error}") from error
        kept.append(coerced)
        hashes.append(keccak256(keccak256(encoded)))
    return kept, hashes


def _digest_leaf(value: Any) -> bytes:
    """abi.encode(bytes32) is the 32 bytes themselves."""
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise InvalidDigestError(f"a leaf of one bytes32 has one item, got {len(value)}")
        value = value[0]
    return parse_digest(value)


def _build_tree(leaves: list[bytes]) -> list[bytes]:
    """The tree array over sorted leaves: they fill it from its end, so node i has its children at 2i+1 and 2i+2."""
    count = len(leaves)
    tree = [b""] * (count - 1) + leaves[::-1]
    for position in range(count - 2, -1, -1):
        left, right = tree[2 * position + 1], tree[2 * position + 2]
        tree[position] = keccak256(left + right if left < right else right + left)
    return tree


def _node_hash(first: bytes, second: bytes) -> bytes:
    return keccak256(first + second if first < second else second + first)


def _parse_dump(data: Any) -> tuple[list[bytes], list[Any], list[int], tuple[str, ...]]:
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
        raise ProofFormatError(f"Merkle dump has format {found!r}, expected {FORMAT!r}")
    encoding, nodes, entries = data.get("leafEncoding"), data.get("tree"), data.get("values")
    if not isinstance(encoding, list) or not encoding or not all(isinstance(kind, str) for kind in encoding):
        raise ProofFormatError("Merkle dump: leafEncoding is not a list of ABI types")
    if not isinstance(nodes, list) or not isinstance(entries, list) or not entries:
        raise ProofFormatError("Merkle dump: tree or values is missing or empty")
    if len(nodes) != 2 * len(entries) - 1:
        raise ProofFormatError(
            f"Merkle dump: {len(entries)} values need {2 * len(entries) - 1} nodes, not {len(nodes)}"
        )
    try:
        tree = [parse_digest(node) for node in nodes]
        values = [entry["value"] for entry in entries]
        positions = [entry["treeIndex"] for entry in entries]
    except (InvalidDigestError, KeyError, TypeError) as error:
        raise ProofFormatError(f"Merkle dump: malformed tree node or value ({error})") from error
    if not all(type(position) is int for position in positions) or sorted(positions) != list(
        range(len(entries) - 1, len(nodes))
    ):
        raise ProofFormatError("Merkle dump: treeIndex values are not the positions of the leaves, each once")
    if not all(isinstance(value, list) for value in values):
        raise ProofFormatError("Merkle dump: a value is not a list")
    return tree, values, positions, tuple(encoding)


def _sequence(value: object) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InputError(f"a proof is a list of 32-byte nodes, got {type(value).__name__}")
    return value


def _check_bytes(*nodes: object) -> None:
    for node in nodes:
        if not isinstance(node, bytes):
            raise InputError(f"hashes are bytes, got {type(node).__name__}; parse text with parse_digest")
