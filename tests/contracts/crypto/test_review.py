"""What a hostile reviewer tried: borders of rounding in every lane, dirty calldata, a turned precompile."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from eth_utils import function_signature_to_4byte_selector
from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil
from tests.contracts.evm import send
from tests.support import fips204
from tests.support.contracts import artifact, deploy
from tests.support.fips204 import N, Parameters, Polynomial, Q
from tests.support.fips204_verify import SETS, from_bytes, no_hints, pack_w, register, to_bytes, unpack_w

MAGIC, REFUSED = bytes.fromhex("024ad318"), b"\xff" * 4
PRIVATE = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey, 87: mldsa.MLDSA87PrivateKey}
HASH = bytes(range(32))


@pytest.fixture(scope="module")
def steps(w3: Web3) -> Contract:
    return deploy(w3, "MLDSAHarness")


@pytest.fixture(scope="module")
def keys(w3: Web3) -> Contract:
    return deploy(w3, "PostQuantumKeys")


# --- Borders of rounding, on the code that is deployed ---


def borders(p: Parameters) -> list[int]:
    """Where the high or the low bits of r change, and their neighbours, for r from 0 to q − 1."""
    half = p.gamma2
    return sorted({r + by for r in range(0, Q, half) for by in (-1, 0, 1) if 0 <= r + by < Q})


def turned(values: list[int], rows: int) -> list[Polynomial]:
    """Rows with all the values, each row beginning elsewhere; what is left over is filled with the largest."""
    largest = max(values)
    filled = (values + [largest] * N)[:N] if len(values) < N else values
    return [[filled[(n + 37 * row) % len(filled)] for n in range(N)] for row in range(rows)]


@pytest.mark.parametrize("name", SETS)
def test_high_bits_at_every_border_in_every_lane(steps: Contract, name: int) -> None:
    """As r, r + q and r + 2q: what hints and the inverse transform leave is below 3q."""
    p = SETS[name]
    for multiple in range(3):
        values = [r + multiple * Q for r in borders(p)]
        for start in range(0, len(values), N):
            rows = turned(values[start : start + N], p.k)
            output, _ = steps.functions.encode(name, to_bytes(pack_w(rows))).call()
            w1 = [[fips204.decompose(value % Q, p)[0] for value in row] for row in rows]
            expected = fips204.w1_encode(w1, p)
            size = len(expected) // p.k
            for i in range(p.k):
                assert output[(size + 32) * i : (size + 32) * i + size] == expected[size * i : size * (i + 1)]


@pytest.mark.parametrize("name", SETS)
def test_hints_at_every_border(steps: Contract, name: int) -> None:
    p = SETS[name]
    values = [r + multiple * Q for multiple in range(2) for r in borders(p)]
    for number, start in enumerate(range(0, len(values), p.omega)):
        part = values[start : start + p.omega]
        row = number % p.k
        rows, hints = [[2 * Q - 1] * N for _ in range(p.k)], no_hints(p)
        for n, value in enumerate(part):
            rows[row][3 * n], hints[row][3 * n] = value, 1
        y = fips204.hint_bit_pack(hints, p)
        good, words, _ = steps.functions.applyHints(to_bytes(pack_w(rows)), y, p.k, p.omega, p.gamma2).call()
        assert good
        for i, moved in enumerate(unpack_w(from_bytes(words), p.k)):
            assert max(moved) < 3 * Q
            assert [fips204.decompose(value % Q, p)[0] for value in moved] == [
                fips204.use_hint(hints[i][n], value % Q, p) for n, value in enumerate(rows[i])
            ]


@pytest.mark.parametrize("name", SETS)
def test_ends_beyond_omega_are_refused_where_nothing_else_is_wrong(steps: Contract, name: int) -> None:
    """ω + 1 hints: the ends themselves, behind the last position, would go on as ascending positions."""
    p = SETS[name]
    positions, rows = bytes(range(p.omega)), [[0] * N for _ in range(p.k)]
    for full in range(p.k):
        y = positions + bytes([p.omega] * full + [p.omega + 1] * (p.k - full))
        assert fips204.hint_bit_unpack(y, p) is None
        good, *_ = steps.functions.applyHints(to_bytes(pack_w(rows)), y, p.k, p.omega, p.gamma2).call()
        assert not good, full


# --- Rejection sampling ---


@pytest.mark.parametrize("value", [Q - 1, Q, Q + 1, (1 << 23) - 1])
def test_one_candidate_of_eight_at_the_bound_wherever_it_stands(w3: Web3, value: int) -> None:
    """Eight candidates are judged at once; here exactly one of each eight could make a difference."""
    harness = deploy(w3, "ExpandedKeyHarness")
    for place in range(8):
        group = [*range(1, 8)]
        group.insert(place, value)
        stream = b"".join(candidate.to_bytes(3, "little") for candidate in group * 42)
        column, _, done = harness.functions.take(stream, place % 4, 0, 4).call()
        assert done
        expected = fips204.rej_ntt_poly(iter(stream))
        assert column == b"".join(coefficient.to_bytes(17, "big") for coefficient in expected), place


# --- Calldata that no library would write ---


@pytest.mark.parametrize("name", SETS)
def test_what_lies_around_the_arguments_in_calldata_counts_for_nothing(w3: Web3, keys: Contract, name: int) -> None:
    """Arguments in another order, at odd places, without padding, between bytes of ones."""
    p, secret = SETS[name], PRIVATE[name].from_seed_bytes(bytes([7]) * 32)
    verifier = deploy(w3, f"MLDSA{name}", keys.address)
    key = register(w3, keys, p, secret.public_key().public_bytes_raw())
    message, context = bytes(range(70)), b"context"
    signature = bytes(secret.sign(message, context))
    selector = function_signature_to_4byte_selector("verifyMessage(bytes32,bytes,bytes,bytes)")

    def verdict(signature: bytes, behind: bytes) -> bool:
        tail, offsets, dirt = b"", {}, b"\xff" * 5
        for what, data in (("signature", signature), ("message", message), ("context", context)):
            tail += dirt
            offsets[what] = 128 + len(tail)
            tail += len(data).to_bytes(32, "big") + data
        head = b"".join(offsets[what].to_bytes(32, "big") for what in ("context", "message", "signature"))
        data = selector + key + head + tail + behind
        return int.from_bytes(w3.eth.call({"to": verifier.address, "data": data, "gas": 3_000_000})) == 1

    damaged = signature[:-1] + bytes([signature[-1] ^ 1])
    for behind in (b"", b"\xff" * 64, bytes(64)):
        assert verdict(signature, behind)
        assert not verdict(damaged, behind)
        assert not verdict(signature[:-1], signature[-1:] + behind)
        assert not verdict(signature + b"\0", behind)


# --- A precompile that was right once and is another one after a fork ---


@pytest.fixture
def adapter(w3: Web3, node: Anvil, keys: Contract) -> Iterator[tuple[Contract, bytes]]:
    """MLDSA44Precompile, which adopted an honest double at 0x12; with a key."""
    snapshot = node.rpc("evm_snapshot")
    secret = PRIVATE[44].from_seed_bytes(bytes([8]) * 32)
    public_key = bytes(secret.public_key().public_bytes_raw())
    key, signature = register(w3, keys, SETS[44], public_key), bytes(secret.sign(HASH))
    verifier = deploy(w3, "MLDSA44Precompile", deploy(w3, "MLDSA44", keys.address).address)
    built, place = artifact("MLDSAPrecompileDouble"), Web3.to_checksum_address(f"{0x12:#042x}")
    node.rpc("anvil_setCode", place, built["deployedBytecode"]["object"])
    given = HASH + signature + precompile_key(public_key)
    send(w3, w3.eth.contract(address=place, abi=built["abi"]).functions.teach(given), w3.eth.accounts[0])
    send(w3, verifier.functions.adopt(key, HASH, signature), w3.eth.accounts[0])
    assert verifier.functions.verify(key, HASH, signature).call({"gas": 600_000}) == MAGIC
    yield verifier, key
    assert node.rpc("evm_revert", snapshot) is True


def precompile_key(public_key: bytes) -> bytes:
    """Â by rows, tr, NTT(t1), four bytes a coefficient."""
    p = SETS[44]
    rho, t1 = fips204.pk_decode(public_key, p)
    matrix = [entry for row in fips204.expand_a(rho, p) for entry in row]
    tr = bytes(next(stream) for stream in [fips204.shake_stream(public_key, "shake_256")] for _ in range(64))
    parts = [b"".join(v.to_bytes(4, "big") for v in poly) for poly in (*matrix, *map(fips204.ntt, t1))]
    return b"".join(parts[:16]) + tr + b"".join(parts[16:])


def become(node: Anvil, code: str) -> None:
    """The fork: other code at 0x12."""
    node.rpc("anvil_setCode", Web3.to_checksum_address(f"{0x12:#042x}"), code)


def test_a_precompile_that_does_not_look_at_the_message_is_not_believed(
    w3: Web3, node: Anvil, keys: Contract, adapter: tuple[Contract, bytes]
) -> None:
    """ "Valid" whenever the first half of tr is that of the key: a bit of tr is noticed, the message is not."""
    verifier, key = adapter
    code = bytes(w3.eth.get_code(keys.functions.chunksOf(key).call()[2]))
    become(node, f"0x61{18_836:04x}357f{code[-64:-32].hex()}145f5260205ff3")
    forged = bytes(SETS[44].signature)
    assert verifier.functions.verify(key, HASH, forged).call() == REFUSED
    assert verifier.functions.verifyMessage(key, b"", HASH, forged).call() is False


def test_a_precompile_that_takes_its_key_out_of_the_signature_is_not_believed(
    w3: Web3, node: Anvil, adapter: tuple[Contract, bytes]
) -> None:
    """A fork makes of 0x12 a verifier of another scheme. Here: "valid" if the second word of its input is the first."""
    verifier, key = adapter
    code = "0x5f35602035145f5260205ff3"  # return(calldataload(0) == calldataload(32))
    become(node, code)
    message = os.urandom(32)
    forged = message + bytes(SETS[44].signature - 32)
    assert verifier.functions.verify(key, message, forged).call() == REFUSED
    assert verifier.functions.verifyMessage(key, b"", message, forged).call() is False
