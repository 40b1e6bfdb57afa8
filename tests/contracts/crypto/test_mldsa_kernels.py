"""The loops of the ML-DSA verifiers one by one against the plain model of FIPS 204, with the extremes of every lane."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from web3 import Web3
from web3.contract import Contract

from tests.support import fips204
from tests.support.contracts import deploy
from tests.support.fips204 import N, Polynomial, Q
from tests.support.fips204_verify import (
    LANE_WIDTHS,
    SETS,
    from_bytes,
    no_hints,
    pack,
    pack_w,
    to_bytes,
    unpack,
    unpack_w,
)
from tools.kernels import mldsa as mldsa_kernels
from tools.kernels import ntt as ntt_kernels
from tools.lanes import Bounds

GAMMA1 = 1 << 19
TRANSFORMS = {
    # name: width, lanes, words a coefficient, least and largest input, its reference, bound of the output in q
    "forward51": (51, 5, 1, 0, Q + GAMMA1, fips204.ntt, 16),
    "forwardPair": (64, 4, 2, 13 * Q - GAMMA1, 14 * Q - 1, fips204.ntt, 27),
    "inverse54": (54, 4, 1, 0, 7 * Q // 2, fips204.inverse_ntt, 2),
    "inversePair": (54, 4, 2, 0, 7 * Q // 2, fips204.inverse_ntt, 2),
}
GAS = {"forward51": 128_000, "forwardPair": 215_000, "inverse54": 136_000, "inversePair": 261_000}
KERNEL_GAS = {  # unpack, product, encode
    44: (46_600, 116_500, 23_500),
    65: (75_600, 154_400, 27_900),
    87: (82_500, 194_300, 29_300),
}


@pytest.fixture(scope="module")
def transforms(w3: Web3) -> Contract:
    return deploy(w3, "NTTHarness")


@pytest.fixture(scope="module")
def steps(w3: Web3) -> Contract:
    return deploy(w3, "MLDSAHarness")


def inputs(kind: str, count: int, least: int, largest: int) -> list[Polynomial]:
    source = random.Random(kind)
    values = {
        "least": lambda: least,
        "largest": lambda: largest,
        "extremes": lambda: source.choice((least, largest)),
        "random": lambda: source.randint(least, largest),
    }[kind]
    return [[values() for _ in range(N)] for _ in range(count)]


# --- Transforms ---


@pytest.mark.parametrize("kind", ["least", "largest", "extremes", "random"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_agrees_with_the_standard_and_keeps_its_bounds(transforms: Contract, name: str, kind: str) -> None:
    width, count, words, least, largest, reference, bound = TRANSFORMS[name]
    polynomials = inputs(kind, count * words, least, largest)
    packed = [word for i in range(words) for word in pack(polynomials[count * i : count * (i + 1)], width)]
    output, gas = transforms.functions[name](packed).call()
    for i in range(words):
        part = output[N * i : N * (i + 1)]
        assert all(word >> (width * count) == 0 for word in part)
        for poly, got in zip(polynomials[count * i :], unpack(part, width, count), strict=False):
            assert [value % Q for value in got] == reference([value % Q for value in poly])
            assert max(got) < bound * Q
    assert gas <= GAS[name]


def test_one_lane_at_its_largest_leaves_the_others_alone(transforms: Contract) -> None:
    for name in ("forward51", "inversePair"):
        width, count, words, least, largest, reference, _ = TRANSFORMS[name]
        for lane in range(count):
            polynomials = [[largest if i == lane else least] * N for i in range(count)] * words
            packed = pack(polynomials[:count], width) * words
            output, _ = transforms.functions[name](packed).call()
            for i, got in enumerate(unpack(output[-N:], width, count)):
                assert [v % Q for v in got] == reference([v % Q for v in polynomials[i]]), (name, lane)


def test_unused_lanes_stay_zero(transforms: Contract) -> None:
    """ML-DSA-65 leaves two lanes of its second word alone."""
    words = [13 * Q + 5] * N + [(13 * Q - 1) | (13 * Q + 1) << 64] * N
    output, _ = transforms.functions.forwardPair(words).call()
    assert all(word >> 128 == 0 for word in output[N:])


def test_generator_refuses_bounds_that_do_not_hold() -> None:
    wide = ntt_kernels.WIDE
    with pytest.raises(ValueError, match="lane"):
        ntt_kernels.Inverse(wide, Bounds(wide, 40 * Q), 1).build()
    transform = ntt_kernels.Forward(ntt_kernels.FOUR, Bounds(ntt_kernels.FOUR, 9 * Q, 8 * Q), 1, 28)
    transform.signed = True
    with pytest.raises(ValueError, match="offset"):
        transform.build()
    with pytest.raises(ValueError, match="lane"):
        list(mldsa_kernels.product(replace(mldsa_kernels.SETS[2], largest=40 * Q)))


# --- z out of the signature ---


def z_polynomials(name: int, values: dict[tuple[int, int], int]) -> list[Polynomial]:
    """Random z below the bound, but for the coefficients (polynomial, index) given."""
    p, source = SETS[name], random.Random(len(values))
    limit = p.gamma1 - p.beta - 1
    z = [[source.randint(-limit, limit) for _ in range(N)] for _ in range(p.l)]
    for (j, n), value in values.items():
        z[j][n] = value
    return z


def packed_z(name: int, z: list[Polynomial]) -> bytes:
    p = SETS[name]
    return fips204.sig_encode(b"", z, b"", p)


def empty(name: int) -> bytes:
    return bytes(32 * N * (1 if name == 44 else 2))


def lanes_of(name: int, data: bytes) -> list[Polynomial]:
    """z_0 … z_(l-1), c as the forward transform finds them."""
    words, count = from_bytes(data), 5 if name == 44 else 4
    parts = [unpack(words[i : i + N], LANE_WIDTHS[name], count) for i in range(0, len(words), N)]
    return [poly for part in parts for poly in part][: SETS[name].l + 1]


@pytest.mark.parametrize("name", SETS)
def test_unpacked_coefficients_are_those_of_the_signature(steps: Contract, name: int) -> None:
    p = SETS[name]
    offset = Q if name == 44 else 13 * Q
    edges = {(j, n): sign * (p.gamma1 - p.beta - 1) for j in range(p.l) for n, sign in ((0, 1), (1, -1), (255, 1))}
    z = z_polynomials(name, edges)
    good, words, gas = steps.functions.unpack(name, empty(name), packed_z(name, z)).call()
    assert good
    *polynomials, c = lanes_of(name, words)
    assert polynomials == [[offset + value for value in poly] for poly in z]
    assert c == [offset] * N
    assert gas <= KERNEL_GAS[name][0]


@pytest.mark.parametrize("name", SETS)
def test_norm_is_judged_at_the_exact_edge_in_every_lane(steps: Contract, name: int) -> None:
    """γ1 − β − 1 passes, γ1 − β does not; so do −(…); and the extremes of the encoding, −γ1 + 1 and γ1, fail."""
    p, source = SETS[name], random.Random(name)
    edge = p.gamma1 - p.beta
    for j in range(p.l):
        n = source.randrange(N)
        values = (edge - 1, 1 - edge, edge, -edge) if j else (edge, -edge, p.gamma1, 1 - p.gamma1)
        for value in values:
            data = packed_z(name, z_polynomials(name, {(j, n): value}))
            assert steps.functions.unpack(name, empty(name), data).call()[0] == (abs(value) < edge), (j, n, value)


# --- Product ---


def key_of(p: fips204.Parameters, columns: list[list[Polynomial]]) -> bytes:
    """Columns as PostQuantumKeys stores them."""
    width = (27 * (p.k - 1) + 54 + 7) // 8
    return b"".join(
        sum(rows[i][n] << (27 * i) for i in range(p.k)).to_bytes(width, "big") for rows in columns for n in range(N)
    )


@pytest.mark.parametrize("kind", ["least", "largest", "extremes", "random"])
@pytest.mark.parametrize("name", SETS)
def test_product_is_exact_up_to_the_largest_sums(steps: Contract, name: int, kind: str) -> None:
    p = SETS[name]
    largest = mldsa_kernels.SETS[list(SETS).index(name)].largest
    factors = inputs(kind, p.l + 1, 0, largest)
    columns = [inputs(kind, p.k, 0, Q - 1) for _ in range(p.l + 1)]
    count = 5 if name == 44 else 4
    words = [word for i in range(0, p.l + 1, count) for word in pack(factors[i : i + count], LANE_WIDTHS[name])]
    output, gas = steps.functions.product(name, to_bytes(words), key_of(p, columns)).call()
    rows = unpack_w(from_bytes(output), p.k)
    for i in range(p.k):
        expected = [sum(columns[j][i][n] * factors[j][n] for j in range(p.l + 1)) % Q for n in range(N)]
        assert [value % Q for value in rows[i]] == expected
        assert max(rows[i]) <= 7 * Q // 2
    assert gas <= KERNEL_GAS[name][1]


# --- High bits ---


def high_bits(values: np.ndarray, m: int, carry: int) -> np.ndarray:
    """What `encode` computes in a lane; `carry` is what the lane below may spill into it."""
    reciprocal, half = ((1 << 54) + Q // 2) // Q, (1 << 53) // m
    scaled = values * np.uint64(reciprocal)
    scaled += np.uint64(half + carry)
    scaled >>= np.uint64(50 if m == 16 else 8)
    scaled &= np.uint64(15 if m == 16 else (1 << 46) - 1)
    if m == 44:
        scaled *= np.uint64(44)
        scaled >>= np.uint64(46)
    return scaled


@pytest.mark.parametrize("p", [fips204.ML_DSA_44, fips204.ML_DSA_87], ids=["44", "16"])
def test_high_bits_of_every_coefficient(p: fips204.Parameters) -> None:
    """All r in [0, q), as r, r + q and r + 2q: a lane of w is below 2q, and a hint adds less than q."""
    m = (Q - 1) // (2 * p.gamma2)
    r = np.arange(Q, dtype=np.uint64)
    # FIPS 204, Algorithm 36: r0 = r mod± 2γ2, r1 = (r − r0) / 2γ2, and 0 where r − r0 = q − 1.
    low = r % np.uint64(2 * p.gamma2)
    expected = r // np.uint64(2 * p.gamma2) + (low > np.uint64(p.gamma2))
    expected[expected == m] = 0
    for sample in (0, 1, p.gamma2, p.gamma2 + 1, Q - p.gamma2, Q - 1 - p.gamma2, Q - 1):
        assert int(expected[sample]) == fips204.decompose(sample, p)[0]
    for multiple in (0, 2):  # the error grows with the value, so what is between is right too
        for carry in (0, 8):
            assert np.array_equal(high_bits(r + np.uint64(multiple * Q), m, carry), expected)


@pytest.mark.parametrize("p", [fips204.ML_DSA_44, fips204.ML_DSA_87], ids=["44", "16"])
def test_adding_to_a_coefficient_is_using_its_hint(p: fips204.Parameters) -> None:
    """Exhaustive, as `MLDSAHints` does it: r + 2γ2 where r0 > 0, else r + q − 2γ2, all modulo q."""
    m, length = (Q - 1) // (2 * p.gamma2), 2 * p.gamma2
    r = np.arange(Q, dtype=np.int32)
    low = r % length
    r0_positive = (low >= 1) & (low <= p.gamma2)
    r1 = (r // length + (low > p.gamma2)) % m
    expected = np.where(r0_positive, r1 + 1, r1 - 1) % m
    for sample in (0, 1, p.gamma2, p.gamma2 + 1, Q - p.gamma2, Q - 1 - p.gamma2, Q - 1):
        assert int(expected[sample]) == fips204.use_hint(1, sample, p)
    moved = (r + np.where(r0_positive, length, Q - length)) % Q
    assert np.array_equal((moved // length + (moved % length > p.gamma2)) % m, expected)


@pytest.mark.parametrize("name", SETS)
def test_encoded_rows_are_those_of_the_standard(steps: Contract, name: int) -> None:
    p, source = SETS[name], random.Random(name)
    borders = [(multiple * 2 + 1) * p.gamma2 + by for multiple in range(4) for by in (-1, 0, 1)]
    choices = [0, 1, Q - 1, Q, 2 * Q - 1, 2 * Q, 3 * Q - 1, *borders]
    rows = [[source.choice((source.choice(choices), source.randrange(3 * Q))) for _ in range(N)] for _ in range(p.k)]
    output, gas = steps.functions.encode(name, to_bytes(pack_w(rows))).call()
    w1 = [[fips204.decompose(value % Q, p)[0] for value in row] for row in rows]
    size, expected = len(fips204.w1_encode(w1, p)) // p.k, fips204.w1_encode(w1, p)
    for i in range(p.k):
        assert output[(size + 32) * i : (size + 32) * i + size] == expected[size * i : size * (i + 1)]
    assert gas <= KERNEL_GAS[name][2]


# --- Hints ---


def applied(steps: Contract, name: int, rows: list[Polynomial], y: bytes) -> tuple[bool, list[Polynomial]]:
    p = SETS[name]
    good, words, _ = steps.functions.applyHints(to_bytes(pack_w(rows)), y, p.k, p.omega, p.gamma2).call()
    return good, unpack_w(from_bytes(words), p.k)


@pytest.mark.parametrize("name", SETS)
def test_hints_move_high_bits_as_the_standard_says(steps: Contract, name: int) -> None:
    p, source = SETS[name], random.Random(name)
    edges = [0, 1, p.gamma2, p.gamma2 + 1, 2 * p.gamma2, Q - 1, Q - 1 - p.gamma2, Q - p.gamma2, Q, 2 * Q - 1]
    rows = [[source.choice((*edges, source.randrange(2 * Q))) for _ in range(N)] for _ in range(p.k)]
    hints = no_hints(p)
    for place in source.sample(range(p.k * N), p.omega - 4):
        hints[place // N][place % N] = 1
    for i, n in ((0, 0), (0, 255), (p.k - 1, 0), (p.k - 1, 255)):
        hints[i][n] = 1
    good, moved = applied(steps, name, rows, fips204.hint_bit_pack(hints, p))
    assert good
    for i in range(p.k):
        assert [fips204.decompose(value % Q, p)[0] for value in moved[i]] == [
            fips204.use_hint(hints[i][n], value % Q, p) for n, value in enumerate(rows[i])
        ]
        assert max(moved[i]) < 3 * Q


@pytest.mark.parametrize("name", SETS)
def test_every_encoding_of_hints_is_judged_as_the_standard_judges_it(steps: Contract, name: int) -> None:
    p, source = SETS[name], random.Random(name)
    rows = [[0] * N for _ in range(p.k)]
    full = bytes([*range(p.omega), *[p.omega] * p.k])
    sparse = bytes([3, 9, *[0] * (p.omega - 2), 1, *[2] * (p.k - 1)])
    cases = [full, sparse, bytes(p.omega + p.k), b"\xff" * (p.omega + p.k)]
    for base in (full, sparse):
        for place in range(p.omega + p.k):
            for value in {0, 1, base[place] + 1 & 255, base[place] - 1 & 255, p.omega, p.omega + 1, 255}:
                if source.random() < 0.03:
                    cases.append(base[:place] + bytes([value]) + base[place + 1 :])
    verdicts = {True: 0, False: 0}
    for y in cases:
        expected = fips204.hint_bit_unpack(y, p) is not None
        assert applied(steps, name, rows, y)[0] == expected, y.hex()
        verdicts[expected] += 1
    assert min(verdicts.values()) >= 3


# --- Challenge ---


def sampled(seed: bytes, tau: int) -> Polynomial:
    """Algorithm 29 for any τ: the signs beyond the 64th are plus."""
    c, stream = [0] * N, fips204.shake_stream(seed, "shake_256")
    signs = int.from_bytes(bytes(next(stream) for _ in range(8)), "little")
    for i in range(N - tau, N):
        j = next(byte for byte in stream if byte <= i)
        c[i], c[j] = c[j], -1 if signs >> (i + tau - N) & 1 else 1
    return c


@pytest.mark.parametrize("length", [66, 98, 135, 136, 137, 400], ids=lambda n: f"{n} bytes")
def test_challenge_and_mu(steps: Contract, length: int) -> None:
    """On both ways, one permutation for both hashes or not; τ = 250 needs more than one block of SHAKE."""
    for p in SETS.values():
        message, seed = random.Random(length).randbytes(length), random.Random(p.tau).randbytes(p.c_tilde)
        one = 1 << {32: 204, 48: 64, 64: 192}[p.c_tilde]
        assert sampled(seed, p.tau) == fips204.sample_in_ball(seed, p)
        for tau in (p.tau, 250):
            mu, words, _ = steps.functions.challenge(message, seed, tau, one).call()
            assert mu == next_bytes(message)
            assert from_bytes(words) == [value * one % (1 << 256) for value in sampled(seed, tau)]


def next_bytes(message: bytes) -> bytes:
    stream = fips204.shake_stream(message, "shake_256")
    return bytes(next(stream) for _ in range(64))
