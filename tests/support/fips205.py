"""SLH-DSA-SHA2-128s verification (FIPS 205), written down as the standard has it: the reference for the contract.

Nothing here is meant to be fast, and nothing is shared with the contract. Algorithm numbers are those of FIPS 205.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

N, H, D, H_PRIME, A, K, LG_W, M = 16, 63, 7, 9, 12, 14, 4, 30
W = 1 << LG_W
LEN_1, LEN_2 = 8 * N // LG_W, 3
LEN = LEN_1 + LEN_2
SIGNATURE_SIZE = (1 + K * (1 + A) + H + D * LEN) * N
WOTS_HASH, WOTS_PK, TREE, FORS_TREE, FORS_ROOTS = range(5)


@dataclass(frozen=True)
class Adrs:
    """An address (§4.2). The last three words mean: key pair, chain, hash; or 0 or key pair, height, index."""

    layer: int = 0
    tree: int = 0
    type: int = 0
    pair: int = 0
    second: int = 0
    third: int = 0

    def compressed(self) -> bytes:
        """ADRSc (§11.2): 22 bytes."""
        words = b"".join(word.to_bytes(4, "big") for word in (self.pair, self.second, self.third))
        return self.layer.to_bytes(1, "big") + self.tree.to_bytes(8, "big") + self.type.to_bytes(1, "big") + words


def tweaked(seed: bytes, adrs: Adrs, message: bytes) -> bytes:
    """F, H and T (§11.2.1), which for n = 16 are one function."""
    return sha256(seed + bytes(64 - N) + adrs.compressed() + message).digest()[:N]


def hash_message(r: bytes, seed: bytes, root: bytes, message: bytes) -> bytes:
    """H_msg (§11.2.1) with MGF1-SHA-256 (RFC 8017, B.2.1)."""
    start = r + seed + sha256(r + seed + root + message).digest()
    blocks = [sha256(start + counter.to_bytes(4, "big")).digest() for counter in range(-(-M // 32))]
    return b"".join(blocks)[:M]


def base_2b(data: bytes, b: int, length: int) -> list[int]:
    """Algorithm 4: the first `length` digits of `b` bits."""
    bits = "".join(f"{byte:08b}" for byte in data)
    return [int(bits[i * b : (i + 1) * b], 2) for i in range(length)]


def digits_of(node: bytes) -> list[int]:
    """Algorithm 8, lines 1 to 7: message digits and checksum digits."""
    digits = base_2b(node, LG_W, LEN_1)
    checksum = sum(W - 1 - digit for digit in digits)
    checksum <<= (8 - LEN_2 * LG_W % 8) % 8
    return digits + base_2b(checksum.to_bytes(-(-LEN_2 * LG_W // 8), "big"), LG_W, LEN_2)


def chain(node: bytes, start: int, steps: int, seed: bytes, adrs: Adrs) -> bytes:
    """Algorithm 5."""
    for step in range(start, start + steps):
        node = tweaked(seed, replace(adrs, third=step), node)
    return node


def wots_public_key(signature: Sequence[bytes], node: bytes, seed: bytes, adrs: Adrs) -> bytes:
    """Algorithm 8."""
    ends = [
        chain(signature[i], digit, W - 1 - digit, seed, replace(adrs, type=WOTS_HASH, second=i))
        for i, digit in enumerate(digits_of(node))
    ]
    return tweaked(seed, replace(adrs, type=WOTS_PK), b"".join(ends))


def climb(node: bytes, index: int, path: Sequence[bytes], seed: bytes, adrs: Adrs) -> bytes:
    """The root above a node: the walk that Algorithms 11 and 17 have in common."""
    for height, sibling in enumerate(path, start=1):
        pair = node + sibling if index % 2 == 0 else sibling + node
        index //= 2
        node = tweaked(seed, replace(adrs, second=height, third=index), pair)
    return node


def fors_public_key(signature: Sequence[bytes], digest: bytes, seed: bytes, adrs: Adrs) -> bytes:
    """Algorithm 17."""
    roots = []
    for i, choice in enumerate(base_2b(digest, A, K)):
        secret, *path = signature[i * (A + 1) : (i + 1) * (A + 1)]
        index = (i << A) + choice
        leaf = tweaked(seed, replace(adrs, third=index), secret)
        roots.append(climb(leaf, index, path, seed, adrs))
    return tweaked(seed, replace(adrs, type=FORS_ROOTS), b"".join(roots))


def walk(message: bytes, signature: bytes, public_key: bytes) -> list[bytes]:
    """Algorithms 20 and 13: the node that each layer signs, from the FORS public key up, and the topmost root."""
    seed, root = public_key[:N], public_key[N:]
    nodes = [signature[i : i + N] for i in range(0, len(signature), N)]
    digest = hash_message(nodes[0], seed, root, message)
    tree_bytes, leaf_bytes = -(-(H - H // D) // 8), -(-(H // D) // 8)
    cut = -(-K * A // 8)
    tree = int.from_bytes(digest[cut : cut + tree_bytes], "big") % (1 << (H - H // D))
    leaf = int.from_bytes(digest[cut + tree_bytes : cut + tree_bytes + leaf_bytes], "big") % (1 << (H // D))

    at = 1 + K * (1 + A)
    walked = [fors_public_key(nodes[1:at], digest, seed, Adrs(0, tree, FORS_TREE, leaf))]
    for layer in range(D):
        wots, path = nodes[at : at + LEN], nodes[at + LEN : at + LEN + H_PRIME]
        public = wots_public_key(wots, walked[-1], seed, Adrs(layer, tree, pair=leaf))
        walked.append(climb(public, leaf, path, seed, Adrs(layer, tree, TREE)))
        at += LEN + H_PRIME
        leaf, tree = tree % (1 << H_PRIME), tree >> H_PRIME
    return walked


def verify_internal(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Algorithm 20."""
    return len(signature) == SIGNATURE_SIZE and walk(message, signature, public_key)[-1] == public_key[N:]


def framed(message: bytes, context: bytes = b"") -> bytes:
    """M' of pure signatures (Algorithm 24, line 4)."""
    return bytes([0, len(context)]) + context + message


def verify(public_key: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
    """Algorithm 24: pure SLH-DSA with a context of at most 255 bytes."""
    if len(public_key) != 2 * N or len(context) > 255:
        return False
    return verify_internal(framed(message, context), signature, public_key)


def chain_steps(message: bytes, signature: bytes, public_key: bytes) -> int:
    """Steps of all WOTS+ chains of a verification: what its price depends on. `message` is framed."""
    return sum(W - 1 - digit for node in walk(message, signature, public_key)[:-1] for digit in digits_of(node))
