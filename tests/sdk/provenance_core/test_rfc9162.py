"""RFC 9162 section 2.1 against a literal transcription of its definitions, and the reference tree's known roots."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import InputError
from novacron.provenance.rfc9162 import (
    EMPTY_ROOT,
    complete_subtrees,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LIMIT = 70

# ---- the RFC's recursive definitions, literally --------------------------------------------------------------------


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    if not d:
        return sha(b"")
    if len(d) == 1:
        return sha(b"\x00" + d[0])
    k = split(len(d))
    return sha(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m: int, d: list[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: list[bytes]) -> list[bytes]:
    return subproof(m, d, True)


def subproof(m: int, d: list[bytes], b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


ENTRIES = [b"entry %d" % number for number in range(LIMIT)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [mth(ENTRIES[:size]) for size in range(LIMIT + 1)]

# ---- the Certificate Transparency reference tree --------------------------------------------------------------------

CT_ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_of_the_reference_tree() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for size, root in enumerate(CT_ROOTS, 1):
        assert root_of([leaf_hash(entry) for entry in CT_ENTRIES[:size]]).hex() == root


def test_known_proofs_of_the_reference_tree() -> None:
    def nodes(*texts: str) -> list[bytes]:
        return [bytes.fromhex(text) for text in texts]

    inclusion = nodes(
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    )
    assert verify_inclusion(leaf_hash(CT_ENTRIES[0]), 0, 8, inclusion, bytes.fromhex(CT_ROOTS[7]))
    consistency = nodes(
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
    assert verify_consistency(6, bytes.fromhex(CT_ROOTS[5]), 8, bytes.fromhex(CT_ROOTS[7]), consistency)


# ---- every size ------------------------------------------------------------------------------------------------------


def test_roots_of_every_size() -> None:
    for size in range(LIMIT + 1):
        assert root_of(LEAVES[:size]) == ROOTS[size]


def test_every_inclusion_proof_of_every_size() -> None:
    for size in range(1, LIMIT + 1):
        for index in range(size):
            expected = path(index, ENTRIES[:size])
            assert [subtree(part) for part in inclusion_path(index, size)] == expected
            assert verify_inclusion(LEAVES[index], index, size, expected, ROOTS[size])


def test_every_consistency_proof_of_every_pair_of_sizes() -> None:
    for new in range(1, LIMIT + 1):
        for old in range(1, new + 1):
            expected = proof(old, ENTRIES[:new])
            assert [subtree(part) for part in consistency_path(old, new)] == expected
            assert verify_consistency(old, ROOTS[old], new, ROOTS[new], expected)


def subtree(part: tuple[int, int]) -> bytes:
    start, count = part
    covered = [index for level, number in complete_subtrees(start, count) for index in leaves_under(level, number)]
    assert covered == list(range(start, start + count))
    return mth(ENTRIES[start : start + count])


def leaves_under(level: int, number: int) -> range:
    return range(number << level, (number + 1) << level)


def test_no_inclusion_proof_verifies_for_another_index_or_size() -> None:
    for size in range(1, 20):
        for index in range(size):
            nodes = path(index, ENTRIES[:size])
            for other_size in range(22):
                for other_index in range(-1, other_size + 1):
                    if (other_index, other_size) != (index, size) and verify_inclusion(
                        LEAVES[index], other_index, other_size, nodes, ROOTS[size]
                    ):
                        # A size is not bound by an inclusion proof alone where the path has the same shape; the head
                        # binds it. What must hold: the same index and the same turns.
                        assert shape(other_index, other_size) == shape(index, size)


def shape(index: int, size: int) -> list[bool]:
    """Left (True) or right for each sibling of the path."""
    return [start < index for start, _ in inclusion_path(index, size)]


def test_no_consistency_proof_verifies_between_other_sizes() -> None:
    for new in range(2, 16):
        for old in range(1, new):
            nodes = proof(old, ENTRIES[:new])
            for other_new in range(1, 18):
                for other_old in range(1, other_new + 1):
                    if (ROOTS[other_old], ROOTS[other_new]) != (ROOTS[old], ROOTS[new]):
                        assert not verify_consistency(other_old, ROOTS[other_old], other_new, ROOTS[other_new], nodes)


# ---- damaged proofs --------------------------------------------------------------------------------------------------

DAMAGE = st.sampled_from(["flip", "drop", "add", "swap", "short", "long"])


def damaged(nodes: list[bytes], kind: str, at: int, bit: int) -> list[bytes]:
    nodes = list(nodes)
    at %= len(nodes) + (kind == "add")
    if kind == "flip":
        changed = bytearray(nodes[at])
        changed[bit // 8] ^= 1 << bit % 8
        nodes[at] = bytes(changed)
    elif kind == "drop":
        del nodes[at]
    elif kind == "add":
        nodes.insert(at, sha(b"extra"))
    elif kind == "swap":
        other = (at + 1) % len(nodes)
        nodes[at], nodes[other] = nodes[other], nodes[at]
    else:
        nodes[at] = nodes[at][:-1] if kind == "short" else nodes[at] + b"\x00"
    return nodes


@settings(max_examples=300, deadline=None)
@given(st.data(), DAMAGE, st.integers(0, 100), st.integers(0, 255))
def test_damaged_inclusion_proofs_fail(data: st.DataObject, kind: str, at: int, bit: int) -> None:
    size = data.draw(st.integers(2, LIMIT))
    index = data.draw(st.integers(0, size - 1))
    nodes = path(index, ENTRIES[:size])
    bad = damaged(nodes, kind, at, bit)
    assert verify_inclusion(LEAVES[index], index, size, bad, ROOTS[size]) is (bad == nodes)
    assert not verify_inclusion(sha(b"another leaf"), index, size, nodes, ROOTS[size])
    assert not verify_inclusion(LEAVES[index], index, size, nodes, sha(b"another root"))


@settings(max_examples=300, deadline=None)
@given(st.data(), DAMAGE, st.integers(0, 100), st.integers(0, 255))
def test_damaged_consistency_proofs_fail(data: st.DataObject, kind: str, at: int, bit: int) -> None:
    new = data.draw(st.integers(2, LIMIT))
    old = data.draw(st.integers(1, new - 1))
    nodes = proof(old, ENTRIES[:new])
    bad = damaged(nodes, kind, at, bit)
    assert verify_consistency(old, ROOTS[old], new, ROOTS[new], bad) is (bad == nodes)
    assert not verify_consistency(old, sha(b"forked"), new, ROOTS[new], nodes)
    assert not verify_consistency(old, ROOTS[old], new, sha(b"forked"), nodes)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(0, 39), st.data())
def test_a_log_with_one_entry_replaced_is_never_consistent(size: int, position: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    position %= old
    forked = [*ENTRIES[:position], b"rewritten", *ENTRIES[position + 1 : size]]
    assert not verify_consistency(old, ROOTS[old], size, mth(forked), proof(old, forked))


# ---- edges and types -------------------------------------------------------------------------------------------------


def test_the_empty_log_is_consistent_with_everything_by_the_empty_proof_only() -> None:
    assert verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], [])
    assert verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert not verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], [ROOTS[5]])
    assert not verify_consistency(0, ROOTS[1], 5, ROOTS[5], [])
    assert not verify_consistency(0, ROOTS[1], 0, ROOTS[1], [])


def test_equal_sizes_need_equal_roots_and_no_proof() -> None:
    assert verify_consistency(5, ROOTS[5], 5, ROOTS[5], [])
    assert not verify_consistency(5, ROOTS[5], 5, ROOTS[6], [])
    assert not verify_consistency(5, ROOTS[5], 5, ROOTS[5], [ROOTS[5]])


def test_a_log_never_shrinks() -> None:
    assert not verify_consistency(6, ROOTS[6], 5, ROOTS[5], [])
    assert not verify_consistency(6, ROOTS[6], 5, ROOTS[5], proof(5, ENTRIES[:6]))
    assert not verify_consistency(-1, ROOTS[1], 5, ROOTS[5], [])
    assert not verify_consistency(3, ROOTS[3], 5, ROOTS[5], [])
    assert not verify_consistency(4, ROOTS[4], 5, ROOTS[5], [])


def test_indices_outside_the_tree_do_not_verify() -> None:
    for index, size in ((0, 0), (1, 1), (-1, 1), (5, 4), (0, -1)):
        assert not verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])
    assert verify_inclusion(LEAVES[0], 0, 1, [], LEAVES[0])


def test_bytes_shifted_between_a_leaf_and_its_sibling_do_not_verify() -> None:
    # Both spellings hash to the same root: 64 bytes split in another place.
    for cut in (0, 1, 31, 33, 64):
        both = LEAVES[0] + LEAVES[1]
        assert not verify_inclusion(both[:cut], 0, 2, [both[cut:]], ROOTS[2])
        assert not verify_inclusion(both[cut:], 1, 2, [both[:cut]], ROOTS[2])


def test_huge_numbers_and_long_proofs_end() -> None:
    assert not verify_inclusion(LEAVES[0], 2**64 - 2, 2**64 - 1, [LEAVES[0]] * 10_000, ROOTS[1])
    assert not verify_consistency(2**64 - 2, ROOTS[1], 2**64 - 1, ROOTS[2], [LEAVES[0]] * 10_000)


@pytest.mark.parametrize(
    "arguments",
    [
        ("leaf", 0, 1, [], LEAVES[0]),
        (LEAVES[0], "0", 1, [], LEAVES[0]),
        (LEAVES[0], 0, 1.0, [], LEAVES[0]),
        (LEAVES[0], False, True, [], LEAVES[0]),
        (LEAVES[0], 0, 1, None, LEAVES[0]),
        (LEAVES[0], 0, 1, b"", LEAVES[0]),
        (LEAVES[0], 0, 2, ["ab" * 32], LEAVES[0]),
        (LEAVES[0], 0, 1, [], None),
    ],
)
def test_wrong_types_raise(arguments: tuple[object, ...]) -> None:
    with pytest.raises(InputError):
        verify_inclusion(*arguments)  # type: ignore[arg-type]
    leaf, index, size, nodes, root = arguments
    with pytest.raises(InputError):
        verify_consistency(index, leaf, size, root, nodes)  # type: ignore[arg-type]


def test_root_of_refuses_what_is_no_hash() -> None:
    with pytest.raises(InputError, match="leaf hash 1 is 31 bytes"):
        root_of([LEAVES[0], LEAVES[1][:-1]])


def test_leaf_and_node_hashes_are_separated() -> None:
    assert node_hash(LEAVES[0], LEAVES[1]) != leaf_hash(LEAVES[0] + LEAVES[1])
