"""Merkle trees of RFC 9162 section 2.1 (Certificate Transparency 2.0) with SHA-256: hashes and proof verification.

Pure functions. The same hashes as RFC 6962. Proofs are lists of 32-byte nodes, lowest level first; a leaf is given by
its leaf hash. Verification answers False for whatever does not verify, malformed proofs included; only a value of the
wrong type raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from novacron.exceptions import InputError

EMPTY_ROOT: bytes = hashlib.sha256(b"").digest()
"""MTH of the empty list (2.1.1): SHA-256 of the empty string."""

_LEAF_PREFIX = b"\x00"
_NODE_PREFIX = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Hash of a log entry: SHA-256(0x00 || data), 32 bytes (2.1.1)."""
    return hashlib.sha256(_LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an interior node: SHA-256(0x01 || left || right), 32 bytes (2.1.1)."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes, in order; `EMPTY_ROOT` for none. Time O(n), memory O(log n).

    Raises:
        InputError: a leaf hash is not 32 bytes.
    """
    stack: list[bytes] = []
    for index, leaf in enumerate(leaf_hashes):
        if not _is_hash(leaf):
            raise InputError(f"leaf hash {index} is {_describe(leaf)}, expected 32 bytes")
        node = leaf
        # As many complete subtrees end at this leaf as its index has trailing one bits.
        while index & 1:
            node = node_hash(stack.pop(), node)
            index >>= 1
        stack.append(node)
    return fold_frontier(stack)


def fold_frontier(frontier: Sequence[bytes]) -> bytes:
    """Root of the tree whose maximal complete subtrees, largest first, have these roots (the compact frontier)."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = node_hash(left, node)
    return node


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is the leaf hash at `index` (from 0) of the tree with `size` leaves and this root (2.1.3.2).

    Raises:
        InputError: an argument of the wrong type.
    """
    _check_types(hashes=(leaf, root), numbers=(index, size), proof=proof)
    if not 0 <= index < size or not all(map(_is_hash, (leaf, root, *proof))):
        return False
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and node == root


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `new_size` leaves extends the tree of `old_size` leaves (2.1.4.2).

    Beyond the RFC's 0 < old_size < new_size: equal sizes need equal roots and an empty proof, and everything extends
    the empty tree (old_size 0 with `EMPTY_ROOT`) with an empty proof.

    Raises:
        InputError: an argument of the wrong type.
    """
    _check_types(hashes=(old_root, new_root), numbers=(old_size, new_size), proof=proof)
    if not 0 <= old_size <= new_size or not all(map(_is_hash, (old_root, new_root, *proof))):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (new_size > 0 or new_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # step 2: a power of two is one complete subtree
    if len(path) == 0:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and old_node == old_root and new_node == new_root


def inclusion_path(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots form PATH(index, D[size]) (2.1.3.1), lowest first, as (first leaf, leaf count)."""
    path: list[tuple[int, int]] = []
    start, count = 0, size
    while count > 1:
        split = _split(count)
        if index - start < split:
            path.append((start + split, count - split))
            count = split
        else:
            path.append((start, split))
            start, count = start + split, count - split
    path.reverse()
    return path


def consistency_path(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """The subtrees whose roots form PROOF(old_size, D[new_size]) (2.1.4.1), as (first leaf, leaf count).

    Needs 0 <= old_size <= new_size; empty for old_size 0 and for equal sizes.
    """
    if old_size in (0, new_size):
        return []
    path: list[tuple[int, int]] = []
    start, count, whole = 0, new_size, True
    while old_size - start != count:
        split = _split(count)
        if old_size - start <= split:
            path.append((start + split, count - split))
            count = split
        else:
            path.append((start, split))
            start, count, whole = start + split, count - split, False
    if not whole:
        path.append((start, count))
    path.reverse()
    return path


def complete_subtrees(start: int, count: int) -> list[tuple[int, int]]:
    """The maximal complete subtrees of the subtree over leaves [start, start + count), left to right: (level, index).

    A node (level, index) covers leaves [index * 2**level, (index + 1) * 2**level). `start` must be a multiple of the
    smallest power of two not below `count`, which holds for every subtree of section 2.1.
    """
    nodes: list[tuple[int, int]] = []
    while count:
        level = count.bit_length() - 1
        nodes.append((level, start >> level))
        start, count = start + (1 << level), count - (1 << level)
    return nodes


def _split(count: int) -> int:
    """Largest power of two below `count` (k in 2.1.1); count >= 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _describe(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else type(value).__name__


def _check_types(hashes: tuple[object, ...], numbers: tuple[object, ...], proof: object) -> None:
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool):
            raise InputError(f"index and sizes are integers, got {type(number).__name__}")
    for value in hashes:
        if not isinstance(value, bytes):
            raise InputError(f"hashes are bytes, got {type(value).__name__}; parse text with parse_digest")
    if not isinstance(proof, Sequence) or isinstance(proof, str | bytes):
        raise InputError(f"a proof is a list of 32-byte nodes, got {type(proof).__name__}")
    for node in proof:
        if not isinstance(node, bytes):
            raise InputError(f"proof nodes are bytes, got {type(node).__name__}; parse text with parse_digest")
