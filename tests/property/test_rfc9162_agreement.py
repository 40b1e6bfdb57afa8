"""The verifiers of RFC 9162 proofs in Solidity, in the SDK and in the naive reference agree on every proof.

More than 10,000 proofs a run, valid and damaged in every way a proof can be; a fixed seed, so a failure repeats.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from novacron.provenance import rfc9162
from tests.contracts import rfc9162_reference as naive
from tests.support.contracts import deploy

SEED = 9162
CHUNK = 500
HONEST_TREES = 850
HUGE_SIZES = 850

Inclusion = tuple[bytes, int, int, bytes, list[bytes]]
"""Leaf hash, index, size, root, proof: the order of the contract."""
Consistency = tuple[int, bytes, int, bytes, list[bytes]]
"""Old size, old root, new size, new root, proof."""


@pytest.fixture(scope="module")
def harness(w3: Web3) -> Contract:
    return deploy(w3, "LogProofsHarness")


def flip(data: bytes, rng: random.Random) -> bytes:
    bit = rng.randrange(256)
    return bytes(b ^ (1 << bit % 8) if i == bit // 8 else b for i, b in enumerate(data))


def damaged_paths(path: list[bytes], rng: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    """Each way to damage a list of nodes, once."""
    where = rng.randrange(len(path)) if path else 0
    extra = rng.randbytes(32)
    yield "added node", [*path[:where], extra, *path[where:]]
    yield "appended node", [*path, extra]
    if path:
        yield "flipped bit", [*path[:where], flip(path[where], rng), *path[where + 1 :]]
        yield "dropped node", path[:where] + path[where + 1 :]
        yield "repeated node", [*path[: where + 1], *path[where:]]
        yield "empty", []
    if len(path) > 1:
        other = (where + 1) % len(path)
        swapped = list(path)
        swapped[where], swapped[other] = swapped[other], swapped[where]
        yield "swapped nodes", swapped
        yield "reversed", path[::-1]


def tree_size(rng: random.Random) -> int:
    """Powers of two and their neighbours as often as everything else."""
    if rng.random() < 0.5:
        return max(1, (1 << rng.randrange(8)) + rng.choice((-1, 0, 1)))
    return rng.randint(1, 150)


def huge_size(rng: random.Random) -> int:
    """The edges of 64 bits and of powers of two, else any size of any length."""
    edges = (2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1, 2**32, 2**48 - 1)
    if rng.random() < 0.3:
        return rng.choice(edges)
    if rng.random() < 0.5:
        return min(2**64 - 1, max(1, (1 << rng.randrange(64)) + rng.choice((-1, 0, 1))))
    return rng.getrandbits(rng.randint(1, 64)) or 1


def inclusion_cases(rng: random.Random) -> Iterator[tuple[str, Inclusion]]:
    for _ in range(HONEST_TREES):
        size = tree_size(rng)
        leaves = [rng.randbytes(32) for _ in range(size)]
        index, root = rng.randrange(size), rfc9162.root_of(leaves)
        leaf, path = leaves[index], naive.inclusion_proof(index, leaves)
        yield "honest", (leaf, index, size, root, path)
        kind, broken = rng.choice(list(damaged_paths(path, rng)))
        yield kind, (leaf, index, size, root, broken)
        yield "wrong leaf", (flip(leaf, rng), index, size, root, path)
        yield "wrong root", (leaf, index, size, flip(root, rng), path)
        yield "index off by one", (leaf, index + rng.choice((-1, 1)) if index else 1, size, root, path)
        yield "size off by one", (leaf, index, size + rng.choice((-1, 1)), root, path)
        yield "another index", (leaf, rng.randrange(2 * size), size, root, path)
    for _ in range(HUGE_SIZES):
        size = huge_size(rng)
        index = rng.choice((0, size - 1, size // 2, rng.randrange(size)))
        leaf, root = rng.randbytes(32), rng.randbytes(32)
        path = [rng.randbytes(32) for _ in range(len(rfc9162.inclusion_path(index, size)))]
        rebuilt = naive.climb(leaf, index, size, path)
        assert rebuilt is not None
        yield "huge, rebuilt root", (leaf, index, size, rebuilt, path)
        yield "huge, another index", (leaf, rng.randrange(size), size, rebuilt, path)
        yield "huge, random proof", (leaf, index, size, root, [rng.randbytes(32) for _ in range(rng.randrange(70))])
        # Short or long by one, with the root that exactly this path leads to: only its length is wrong.
        extra = rng.randbytes(32)
        yield "long, its own root", (leaf, index, size, naive.node(extra, rebuilt), [*path, extra])
        if path:
            k = naive.split(size)
            inner = (index, k) if index < k else (index - k, size - k)
            partial = naive.climb(leaf, *inner, path[:-1])
            assert partial is not None
            yield "short, its own root", (leaf, index, size, partial, path[:-1])
        yield "index beyond size", (leaf, size + rng.randrange(3), size, rebuilt, path)
        yield "size zero", (leaf, index, 0, rebuilt, path)


def climb_part(old: int, old_root: bytes, new: int, k: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    """The roots below the top of the new tree that a proof without its last node leads to."""
    if old <= k:
        return naive.climb_both(old, old_root, k, path[:-1])
    return naive.climb_both(old - k, old_root, new - k, path[:-1], whole=False)


def consistency_cases(rng: random.Random) -> Iterator[tuple[str, Consistency]]:
    for _ in range(HONEST_TREES):
        new = tree_size(rng)
        leaves = [rng.randbytes(32) for _ in range(new)]
        old = rng.choice((rng.randint(1, new), min(new, 1 << rng.randrange(8)), new, max(1, new - 1)))
        old_root, new_root = rfc9162.root_of(leaves[:old]), rfc9162.root_of(leaves)
        path = naive.consistency_proof(old, leaves)
        yield "honest", (old, old_root, new, new_root, path)
        kind, broken = rng.choice(list(damaged_paths(path, rng)))
        yield kind, (old, old_root, new, new_root, broken)
        yield "wrong old root", (old, flip(old_root, rng), new, new_root, path)
        yield "wrong new root", (old, old_root, new, flip(new_root, rng), path)
        yield "old size off by one", (old + rng.choice((-1, 1)), old_root, new, new_root, path)
        yield "new size off by one", (old, old_root, new + rng.choice((-1, 1)), new_root, path)
        if old < new:
            yield "shrinking", (new, new_root, old, old_root, path)
        fork = list(leaves)
        fork[rng.randrange(old)] = rng.randbytes(32)
        yield "fork", (old, old_root, new, rfc9162.root_of(fork), naive.consistency_proof(old, fork))
        yield "from empty", (0, naive.EMPTY_ROOT, new, new_root, [])
        yield "from empty, wrong root", (0, new_root, new, new_root, [])
        yield "from empty, with proof", (0, naive.EMPTY_ROOT, new, new_root, [new_root])
        yield "equal, with proof", (new, new_root, new, new_root, [new_root])
        yield "equal, other root", (new, new_root, new, flip(new_root, rng), [])
    for _ in range(HUGE_SIZES):
        new = max(2, huge_size(rng))
        old = min(new - 1, rng.choice((1, new - 1, new // 2, huge_size(rng), rng.randrange(1, new))))
        old_root, other = rng.randbytes(32), rng.randbytes(32)
        path = [rng.randbytes(32) for _ in range(len(rfc9162.consistency_path(old, new)))]
        both = naive.climb_both(old, old_root, new, path)
        assert both is not None
        yield "huge, rebuilt roots", (old, both[0], new, both[1], path)
        extra = rng.randbytes(32)
        longer = (naive.node(extra, both[0]), naive.node(extra, both[1]), [*path, extra])
        yield "long, its own roots", (old, longer[0], new, longer[1], longer[2])
        k = naive.split(new)
        partial = climb_part(old, old_root, new, k, path)
        assert partial is not None
        yield "short, its own roots", (old, partial[0], new, partial[1], path[:-1])
        yield "huge, another old size", (rng.randrange(1, new), both[0], new, both[1], path)
        yield "huge, another root", (old, both[0], new, other, path)
        yield "huge, random proof", (old, old_root, new, other, [rng.randbytes(32) for _ in range(rng.randrange(70))])
    yield "both empty", (0, naive.EMPTY_ROOT, 0, naive.EMPTY_ROOT, [])
    yield "both empty, with proof", (0, naive.EMPTY_ROOT, 0, naive.EMPTY_ROOT, [naive.EMPTY_ROOT])


def disagreements(
    cases: list[tuple[str, Any]],
    bulk: Callable[[list[Any]], bytes],
    python: Callable[[Any], bool],
    reference: Callable[[Any], bool],
) -> tuple[Counter[tuple[str, bool]], list[str]]:
    """How many cases of each kind had which verdict, and the cases without one verdict."""
    counts: Counter[tuple[str, bool]] = Counter()
    differing = []
    for start in range(0, len(cases), CHUNK):
        chunk = cases[start : start + CHUNK]
        verdicts = bulk([case for _, case in chunk])
        assert len(verdicts) == len(chunk)
        for (kind, case), solidity in zip(chunk, verdicts, strict=True):
            answers = (bool(solidity), python(case), reference(case))
            counts[kind, answers[1]] += 1
            if len(set(answers)) != 1:
                differing.append(f"{kind}: (Solidity, Python, reference) say {answers} of {case}")
    return counts, differing


def test_inclusion_verifiers_agree(harness: Contract) -> None:
    cases = list(inclusion_cases(random.Random(SEED)))
    counts, differing = disagreements(
        cases,
        lambda chunk: harness.functions.verifyInclusions(chunk).call(),
        lambda c: rfc9162.verify_inclusion(c[0], c[1], c[2], c[4], c[3]),
        lambda c: naive.included(c[0], c[1], c[2], c[4], c[3]),
    )
    assert not differing, differing[:3]
    assert len(cases) >= 10_000
    # Not vacuous: what must verify did, each time; what cannot verify never did.
    assert counts["honest", True] == HONEST_TREES
    assert counts["huge, rebuilt root", True] == HUGE_SIZES
    valid = {kind for kind, verdict in counts if verdict}
    # A size off by one, or another index (which may be the same), can leave the leaf's way to the root as it was.
    assert valid <= {"honest", "huge, rebuilt root", "size off by one", "another index", "huge, another index"}
    assert sum(n for (_, verdict), n in counts.items() if not verdict) >= 5_000
    assert counts["long, its own root", False] == HUGE_SIZES
    assert counts["short, its own root", False] >= HUGE_SIZES // 2
    for kind in ("flipped bit", "dropped node", "added node", "appended node", "swapped nodes", "reversed", "empty"):
        assert counts[kind, False] >= 20, kind


def test_consistency_verifiers_agree(harness: Contract) -> None:
    cases = list(consistency_cases(random.Random(SEED + 1)))
    counts, differing = disagreements(
        cases,
        lambda chunk: harness.functions.verifyConsistencies(chunk).call(),
        lambda c: rfc9162.verify_consistency(*c),
        lambda c: naive.consistent(*c),
    )
    assert not differing, differing[:3]
    assert len(cases) >= 10_000
    assert counts["honest", True] == HONEST_TREES
    assert counts["from empty", True] == HONEST_TREES
    assert counts["huge, rebuilt roots", True] == HUGE_SIZES
    assert counts["both empty", True] == 1
    valid = {kind for kind, verdict in counts if verdict}
    # RFC 9162 proves the old entries; a new subtree that is one node of the proof may have more or fewer leaves.
    may = {"new size off by one", "huge, another old size", "old size off by one"}
    assert valid <= {"honest", "from empty", "huge, rebuilt roots", "both empty"} | may
    assert sum(n for (_, verdict), n in counts.items() if not verdict) >= 5_000
    for kind in ("flipped bit", "dropped node", "added node", "appended node", "swapped nodes", "reversed", "empty"):
        assert counts[kind, False] >= 20, kind
    assert counts["long, its own roots", False] == counts["short, its own roots", False] == HUGE_SIZES
    assert counts["fork", False] == HONEST_TREES
    assert counts["shrinking", False] >= 400
