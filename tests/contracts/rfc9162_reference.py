"""RFC 9162 section 2.1 from its recursive definitions: slow, obvious, and without any code of the SDK.

Proofs are verified from the top of the tree down, by rebuilding the roots; the SDK and the contract walk bits from the
leaf up. What all three agree on is unlikely to be wrong in all three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


EMPTY_ROOT = sha256(b"")


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def split(n: int) -> int:
    """Largest power of two below n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH (2.1.1) over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH (2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion_proof(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion_proof(index - k, leaves[k:]), root(leaves[:k])]


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF (2.1.4.1); empty for old size 0."""
    return _subproof(old, leaves, True) if old else []


def _subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], whole), root(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), root(leaves[:k])]


def climb(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to, None if it has not exactly the nodes it needs."""
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    k = split(size)
    if index < k:
        below = climb(leaf, index, k, proof[:-1])
        return None if below is None else node(below, proof[-1])
    below = climb(leaf, index - k, size - k, proof[:-1])
    return None if below is None else node(proof[-1], below)


def climb_both(
    m: int, old_root: bytes, n: int, proof: Sequence[bytes], whole: bool = True
) -> tuple[bytes, bytes] | None:
    """Both roots that a consistency proof leads to (0 < m <= n), None if it has not exactly the nodes it needs."""
    if m == n:
        if whole:
            return (old_root, old_root) if not proof else None
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    k = split(n)
    if m <= k:
        both = climb_both(m, old_root, k, proof[:-1], whole)
        return None if both is None else (both[0], node(both[1], proof[-1]))
    both = climb_both(m - k, old_root, n - k, proof[:-1], False)
    return None if both is None else (node(proof[-1], both[0]), node(proof[-1], both[1]))


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> bool:
    return index < size and climb(leaf, index, size, proof) == tree_root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """As the contract defines the cases that the RFC leaves open: size 0, and equal sizes."""
    if old > new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    return climb_both(old, old_root, new, proof) == (old_root, new_root)
