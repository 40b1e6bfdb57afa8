"""What tests of the on-chain ML-DSA verifiers share: words of lanes, keys on a chain, and signatures made to measure.

Under a public key whose t1 is zero everybody can sign: w = Â z does not depend on c, so z and the hints may be chosen
at will and c̃ computed afterwards. That gives valid signatures exactly at the edges of the standard's checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

from web3 import Web3
from web3.contract import Contract

from tests.support import fips204
from tests.support.fips204 import N, Parameters, Polynomial, Q

SETS: dict[int, Parameters] = {44: fips204.ML_DSA_44, 65: fips204.ML_DSA_65, 87: fips204.ML_DSA_87}
LANE_WIDTHS = {44: 51, 65: 64, 87: 64}
"""Bits of a lane of the forward transform."""
W_LANE = 54
STEP_GAS = 8_000_000


def pack(polynomials: Sequence[Polynomial], width: int) -> list[int]:
    """256 words with the polynomials in lanes of `width` bits."""
    return [sum(poly[n] << (width * lane) for lane, poly in enumerate(polynomials)) for n in range(N)]


def unpack(words: Sequence[int], width: int, count: int) -> list[Polynomial]:
    """The first `count` lanes of 256 words."""
    return [[(word >> (width * lane)) & ((1 << width) - 1) for word in words] for lane in range(count)]


def to_bytes(words: Sequence[int]) -> bytes:
    return b"".join((word % (1 << 256)).to_bytes(32, "big") for word in words)


def from_bytes(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32)]


def pack_w(rows: Sequence[Polynomial]) -> list[int]:
    """Rows of w where the verifiers have them: | 3 | 1 | 2 | 0 | in one word, or even and odd ones in two."""
    if len(rows) == 4:
        return pack([rows[0], rows[2], rows[1], rows[3]], W_LANE)
    return pack(rows[::2], W_LANE) + pack(rows[1::2], W_LANE)


def unpack_w(words: Sequence[int], k: int) -> list[Polynomial]:
    """The inverse of `pack_w`."""
    if k == 4:
        first, third, second, fourth = unpack(words, W_LANE, 4)
        return [first, second, third, fourth]
    even, odd = unpack(words[:N], W_LANE, k // 2), unpack(words[N:], W_LANE, k // 2)
    return [row for pair in zip(even, odd, strict=True) for row in pair]


def register(w3: Web3, keys: Contract, p: Parameters, public_key: bytes, steps: int = 3) -> bytes:
    """Register a key on PostQuantumKeys, or do its first steps; its id."""
    for _ in range(steps):
        call = keys.functions.registerKey(p.scheme, public_key)
        sent = call.transact({"from": w3.eth.accounts[0], "gas": STEP_GAS})
        assert w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)["status"] == 1
    return bytes(keys.functions.keyIdOf(p.scheme, public_key).call())


# --- Signatures made to measure ---


def open_key(p: Parameters, rho: bytes = b"\x05" * 32) -> bytes:
    """A public key with t1 = 0."""
    return rho + bytes(p.public_key - 32)


@cache
def _matrix(rho: bytes, p: Parameters) -> list[list[Polynomial]]:
    return fips204.expand_a(rho, p)


def made(
    p: Parameters,
    z: list[Polynomial],
    hints: list[Polynomial],
    message: bytes,
    context: bytes = b"",
    encoded: bytes | None = None,
) -> bytes:
    """A signature under `open_key(p)` with this z and these hints; `encoded` in place of the hints' encoding."""
    key = open_key(p)
    a_hat = _matrix(key[:32], p)
    z_hat = [fips204.ntt([value % Q for value in poly]) for poly in z]
    w1 = []
    for i in range(p.k):
        row = [sum(a_hat[i][j][n] * z_hat[j][n] for j in range(p.l)) % Q for n in range(N)]
        w1.append([fips204.use_hint(hints[i][n], r, p) for n, r in enumerate(fips204.inverse_ntt(row))])
    tr = hashlib.shake_256(key).digest(64)
    mu = hashlib.shake_256(tr + fips204.message_of(message, context)).digest(64)
    c_tilde = hashlib.shake_256(mu + fips204.w1_encode(w1, p)).digest(p.c_tilde)
    return fips204.sig_encode(c_tilde, z, fips204.hint_bit_pack(hints, p) if encoded is None else encoded, p)


def no_hints(p: Parameters) -> list[Polynomial]:
    return [[0] * N for _ in range(p.k)]
