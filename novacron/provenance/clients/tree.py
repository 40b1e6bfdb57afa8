"""The Merkle tree of a stored batch as one byte string, so that a single proof reads O(log n) of it.

The layout is that of OpenZeppelin's standard-v1 format: node 0 is the root, the children of node i are 2i + 1 and
2i + 2, and the last n of the 2n - 1 nodes are the leaves; 32 bytes a node.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from novacron.exceptions import CorruptStoreError
from novacron.provenance.clients.model import METADATA_LEAF, PLAIN_LEAF, BatchInclusion, batch_leaf
from novacron.provenance.merkle import MerkleBatch

NODE = 32


class BatchTree:
    """The nodes of a stored tree.

    Raises:
        CorruptStoreError: their number is not that of any tree.
    """

    __slots__ = ("nodes", "size")

    def __init__(self, nodes: bytes) -> None:
        count, rest = divmod(len(nodes), NODE)
        if rest or count % 2 == 0:
            raise CorruptStoreError(f"a stored Merkle tree has {len(nodes)} bytes; restore the store from a copy")
        self.nodes = nodes
        self.size = (count + 1) // 2

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self.nodes[:NODE]

    def node(self, index: int) -> bytes:
        """Node `index`, 32 bytes."""
        return self.nodes[index * NODE : (index + 1) * NODE]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Sibling hashes from node `index` up to the root.

        Raises:
            CorruptStoreError: there is no such leaf.
        """
        if not self.size - 1 <= index < 2 * self.size - 1:
            raise CorruptStoreError(f"leaf node {index} does not exist in a stored tree of {self.size} leaves")
        path = []
        while index:
            path.append(self.node(index + 1 if index % 2 else index - 1))
            index = (index - 1) // 2
        return tuple(path)

    def inclusion(self, position: int, node: int, encoding: Sequence[str]) -> BatchInclusion:
        """The inclusion of the record at `position` of the batch whose leaf is `node`; not verified here."""
        return BatchInclusion(self.root, self.size, position, self.node(node), self.proof(node), tuple(encoding))


def leaf_encoding(records: Sequence[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The encoding of a batch of (digest, canonical JSON or b"") records: with metadata once any of them has some."""
    return METADATA_LEAF if any(metadata for _, metadata in records) else PLAIN_LEAF


def build_tree(records: Sequence[tuple[bytes, bytes]]) -> tuple[BatchTree, list[int], tuple[str, ...]]:
    """The tree over (digest, canonical JSON or b"") records: nodes, each record's node, and the leaf encoding."""
    encoding = leaf_encoding(records)
    if encoding == PLAIN_LEAF:
        batch = MerkleBatch.of([digest for digest, _ in records])
    else:
        batch = MerkleBatch.of(
            [batch_leaf(digest, parse(metadata), encoding) for digest, metadata in records], encoding
        )
    dump = batch.dump()
    nodes = bytes.fromhex("".join(node[2:] for node in dump["tree"]))
    return BatchTree(nodes), [int(value["treeIndex"]) for value in dump["values"]], encoding


def parse(metadata: bytes) -> dict[str, Any]:
    """Metadata from its stored canonical JSON; b"" is {}.

    Raises:
        CorruptStoreError: it is no JSON object.
    """
    if not metadata:
        return {}
    try:
        value = json.loads(metadata)
    except ValueError as error:
        raise CorruptStoreError("stored metadata is no JSON; restore the store from a copy") from error
    if not isinstance(value, dict):
        raise CorruptStoreError("stored metadata is no JSON object; restore the store from a copy")
    return value
