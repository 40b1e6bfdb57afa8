"""A plain model of ML-DSA (FIPS 204), written line by line after the standard: what contracts are held to.

Polynomials are lists of 256 integers in [0, q). Nothing here is fast or guarded against timing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

Polynomial = list[int]

Q = 8_380_417
N = 256
D = 13
ZETA = 1753


@dataclass(frozen=True)
class Parameters:
    """A column of FIPS 204, Table 1; sizes in bytes as in Table 2."""

    scheme: int
    """Its number in `PostQuantumScheme`."""
    k: int
    l: int  # noqa: E741 - the standard's name
    tau: int
    gamma1: int
    gamma2: int
    beta: int
    omega: int
    c_tilde: int
    public_key: int
    signature: int


ML_DSA_44 = Parameters(0, 4, 4, 39, 1 << 17, (Q - 1) // 88, 78, 80, 32, 1312, 2420)
ML_DSA_65 = Parameters(1, 6, 5, 49, 1 << 19, (Q - 1) // 32, 196, 55, 48, 1952, 3309)
ML_DSA_87 = Parameters(2, 8, 7, 60, 1 << 19, (Q - 1) // 32, 120, 75, 64, 2592, 4627)
PARAMETERS = (ML_DSA_44, ML_DSA_65, ML_DSA_87)


def shake_stream(data: bytes, algorithm: str = "shake_128") -> Iterator[int]:
    """The bytes of a SHAKE of `data`, without end."""
    length, given = 1024, 0
    while True:
        output = hashlib.new(algorithm, data).digest(length)  # type: ignore[call-arg]
        yield from output[given:]
        given, length = length, 2 * length


# --- §7.1 Conversion between data types ---


def bytes_to_bits(data: bytes) -> list[int]:
    """Algorithm 13."""
    return [(byte >> i) & 1 for byte in data for i in range(8)]


def simple_bit_pack(w: Polynomial, b: int) -> bytes:
    """Algorithm 16: coefficients in [0, b]."""
    width = b.bit_length()
    return sum(value << (width * i) for i, value in enumerate(w)).to_bytes(32 * width, "little")


def simple_bit_unpack(v: bytes, b: int) -> Polynomial:
    """Algorithm 18."""
    width, bits = b.bit_length(), int.from_bytes(v, "little")
    return [(bits >> (width * i)) & ((1 << width) - 1) for i in range(N)]


def bit_pack(w: Polynomial, a: int, b: int) -> bytes:
    """Algorithm 17: signed coefficients in [-a, b]."""
    return simple_bit_pack([b - value for value in w], a + b)


def bit_unpack(v: bytes, a: int, b: int) -> Polynomial:
    """Algorithm 19: signed coefficients."""
    return [b - value for value in simple_bit_unpack(v, a + b)]


def hint_bit_pack(h: list[Polynomial], p: Parameters) -> bytes:
    """Algorithm 20."""
    y = bytearray(p.omega + p.k)
    index = 0
    for i in range(p.k):
        for j in range(N):
            if h[i][j]:
                y[index] = j
                index += 1
        y[p.omega + i] = index
    return bytes(y)


def hint_bit_unpack(y: bytes, p: Parameters) -> list[Polynomial] | None:
    """Algorithm 21; None for a malformed encoding."""
    h = [[0] * N for _ in range(p.k)]
    index = 0
    for i in range(p.k):
        if not index <= y[p.omega + i] <= p.omega:
            return None
        first = index
        while index < y[p.omega + i]:
            if index > first and y[index - 1] >= y[index]:
                return None
            h[i][y[index]] = 1
            index += 1
    if any(y[index : p.omega]):
        return None
    return h


# --- §7.2 Encodings of keys and signatures ---


def pk_decode(pk: bytes, p: Parameters) -> tuple[bytes, list[Polynomial]]:
    """Algorithm 23: ρ and t1."""
    width = 320
    return pk[:32], [simple_bit_unpack(pk[32 + width * i : 32 + width * (i + 1)], 1023) for i in range(p.k)]


def sig_decode(signature: bytes, p: Parameters) -> tuple[bytes, list[Polynomial], list[Polynomial] | None]:
    """Algorithm 27: c̃, z (signed coefficients) and h."""
    width = 32 * (1 + (p.gamma1 - 1).bit_length())
    z = signature[p.c_tilde : p.c_tilde + width * p.l]
    return (
        signature[: p.c_tilde],
        [bit_unpack(z[width * i : width * (i + 1)], p.gamma1 - 1, p.gamma1) for i in range(p.l)],
        hint_bit_unpack(signature[p.c_tilde + width * p.l :], p),
    )


def sig_encode(c_tilde: bytes, z: list[Polynomial], hint: bytes, p: Parameters) -> bytes:
    """Algorithm 26, of an encoded hint."""
    return c_tilde + b"".join(bit_pack(poly, p.gamma1 - 1, p.gamma1) for poly in z) + hint


def w1_encode(w1: list[Polynomial], p: Parameters) -> bytes:
    """Algorithm 28."""
    return b"".join(simple_bit_pack(poly, (Q - 1) // (2 * p.gamma2) - 1) for poly in w1)


# --- §7.3 Pseudorandom sampling ---


def sample_in_ball(seed: bytes, p: Parameters) -> Polynomial:
    """Algorithm 29; signed coefficients."""
    c = [0] * N
    stream = shake_stream(seed, "shake_256")
    signs = bytes_to_bits(bytes(next(stream) for _ in range(8)))
    for i in range(N - p.tau, N):
        j = next(stream)
        while j > i:
            j = next(stream)
        c[i] = c[j]
        c[j] = -1 if signs[i + p.tau - N] else 1
    return c


def rej_ntt_poly(stream: Iterator[int]) -> Polynomial:
    """Algorithm 30 over the stream of bytes of its SHAKE128."""
    a: Polynomial = []
    while len(a) < N:
        low, middle, high = next(stream), next(stream), next(stream)
        candidate = low | middle << 8 | (high & 0x7F) << 16
        if candidate < Q:
            a.append(candidate)
    return a


def expand_a(rho: bytes, p: Parameters) -> list[list[Polynomial]]:
    """Algorithm 32: Â by rows."""
    return [[rej_ntt_poly(shake_stream(rho + bytes([s, r]))) for s in range(p.l)] for r in range(p.k)]


# --- §7.4 High-order and low-order bits ---


def decompose(r: int, p: Parameters) -> tuple[int, int]:
    """Algorithm 36."""
    r %= Q
    r0 = r % (2 * p.gamma2)
    if r0 > p.gamma2:
        r0 -= 2 * p.gamma2
    if r - r0 == Q - 1:
        return 0, r0 - 1
    return (r - r0) // (2 * p.gamma2), r0


def use_hint(hint: int, r: int, p: Parameters) -> int:
    """Algorithm 40."""
    m = (Q - 1) // (2 * p.gamma2)
    r1, r0 = decompose(r, p)
    if not hint:
        return r1
    return (r1 + 1) % m if r0 > 0 else (r1 - 1) % m


# --- §7.5 NTT ---


def bit_rev8(m: int) -> int:
    """Algorithm 43."""
    return int(f"{m:08b}"[::-1], 2)


ZETAS = [pow(ZETA, bit_rev8(k), Q) for k in range(N)]
"""Appendix B."""


def ntt(w: Polynomial) -> Polynomial:
    """Algorithm 41."""
    a, m, length = [value % Q for value in w], 0, 128
    while length >= 1:
        for start in range(0, N, 2 * length):
            m += 1
            z = ZETAS[m]
            for j in range(start, start + length):
                t = z * a[j + length] % Q
                a[j + length] = (a[j] - t) % Q
                a[j] = (a[j] + t) % Q
        length //= 2
    return a


def inverse_ntt(w_hat: Polynomial) -> Polynomial:
    """Algorithm 42."""
    a, m, length = [value % Q for value in w_hat], 256, 1
    while length < N:
        for start in range(0, N, 2 * length):
            m -= 1
            z = -ZETAS[m]
            for j in range(start, start + length):
                t = a[j]
                a[j] = (t + a[j + length]) % Q
                a[j + length] = z * (t - a[j + length]) % Q
        length *= 2
    return [8_347_681 * value % Q for value in a]


# --- §5, §6 Verification ---


def message_of(message: bytes, context: bytes) -> bytes:
    """M' of Algorithm 3 for a context of at most 255 bytes."""
    return bytes([0, len(context)]) + context + message


def verify_internal(pk: bytes, m: bytes, signature: bytes, p: Parameters) -> bool:
    """Algorithm 8, of M' = `m`; lengths checked as §3.6.2 asks."""
    if len(pk) != p.public_key or len(signature) != p.signature:
        return False
    rho, t1 = pk_decode(pk, p)
    c_tilde, z, h = sig_decode(signature, p)
    if h is None:
        return False
    a_hat = expand_a(rho, p)
    mu = hashlib.shake_256(hashlib.shake_256(pk).digest(64) + m).digest(64)
    c_hat = ntt(sample_in_ball(c_tilde, p))
    z_hat = [ntt(poly) for poly in z]
    w1 = []
    for i in range(p.k):
        t_hat = ntt([value << D for value in t1[i]])
        row = [(sum(a_hat[i][j][n] * z_hat[j][n] for j in range(p.l)) - c_hat[n] * t_hat[n]) % Q for n in range(N)]
        w1.append([use_hint(h[i][n], value, p) for n, value in enumerate(inverse_ntt(row))])
    norm = max(abs(value) for poly in z for value in poly)
    return norm < p.gamma1 - p.beta and c_tilde == hashlib.shake_256(mu + w1_encode(w1, p)).digest(p.c_tilde)


# --- The expanded key of PostQuantumKeys ---


def expanded_chunks(pk: bytes, p: Parameters) -> list[bytes]:
    """What PostQuantumKeys stores of a public key: columns of Â by threes (all four of ML-DSA-44), then -t̂, then tr.

    A column is 256 entries; an entry packs its k rows at 27-bit spacing, row 0 lowest, big-endian.
    An entry has room for a sum of 54 bits in its topmost row.
    """
    rho, t1 = pk_decode(pk, p)
    width = (27 * (p.k - 1) + 54 + 7) // 8

    def column(rows: list[Polynomial]) -> bytes:
        return b"".join(sum(rows[i][n] << (27 * i) for i in range(p.k)).to_bytes(width, "big") for n in range(N))

    a_hat = expand_a(rho, p)
    columns = [column([a_hat[i][j] for i in range(p.k)]) for j in range(p.l)]
    negated = [[-value % Q for value in ntt([c << D for c in t1[i]])] for i in range(p.k)]
    per_chunk = 4 if p.k == 4 else 3
    chunks = [b"".join(columns[j : j + per_chunk]) for j in range(0, p.l, per_chunk)]
    chunks[-1] += column(negated) + hashlib.shake_256(pk).digest(64)
    return chunks
