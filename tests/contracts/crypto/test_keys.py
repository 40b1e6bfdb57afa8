"""PostQuantumKeys on a chain: chunks byte for byte as the model derives them, steps by anybody, gas of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from novacron.chain.anvil import Anvil
from tests.contracts.evm import events, refusal
from tests.support import fips204
from tests.support.contracts import deploy

GAS_LIMIT = 8_000_000
GENERATE = {
    fips204.ML_DSA_44: mldsa.MLDSA44PrivateKey.generate,
    fips204.ML_DSA_65: mldsa.MLDSA65PrivateKey.generate,
    fips204.ML_DSA_87: mldsa.MLDSA87PrivateKey.generate,
}
SETS = {f"ML-DSA-{p.k}{p.l}": p for p in fips204.PARAMETERS}
GAS = {"ML-DSA-44": [6_950_000], "ML-DSA-65": [5_750_000, 6_250_000], "ML-DSA-87": [7_300_000, 7_300_000, 5_700_000]}
"""Of each step, at most."""


@pytest.fixture(scope="module")
def deployed_keys(w3: Web3) -> Contract:
    return deploy(w3, "PostQuantumKeys")


@pytest.fixture
def keys(node: Anvil, deployed_keys: Contract) -> Iterator[Contract]:
    snapshot = node.rpc("evm_snapshot")
    yield deployed_keys
    assert node.rpc("evm_revert", snapshot) is True


@pytest.fixture(scope="module")
def expanded_key(w3: Web3) -> Contract:
    return deploy(w3, "ExpandedKeyHarness")


@pytest.fixture
def step(w3: Web3, keys: Contract) -> Callable[[fips204.Parameters, bytes, str], TxReceipt]:
    """Does one step from an account with the gas of one transaction."""

    def do(parameters: fips204.Parameters, public_key: bytes, sender: str) -> TxReceipt:
        call = keys.functions.registerKey(parameters.scheme, public_key)
        receipt = w3.eth.wait_for_transaction_receipt(
            call.transact({"from": sender, "gas": GAS_LIMIT}), poll_latency=0.005
        )
        assert receipt["status"] == 1
        return receipt

    return do


def stored(w3: Web3, keys: Contract, key_id: bytes) -> list[bytes]:
    """Data of a key's contracts."""
    codes = [bytes(w3.eth.get_code(a)) for a in keys.functions.chunksOf(key_id).call()[2:] if int(a, 16)]
    assert all(code[0] == 0 for code in codes), "a chunk does not begin with STOP"
    return [code[1:] for code in codes]


@pytest.mark.parametrize("name", SETS)
def test_registered_chunks_are_those_of_the_model(
    w3: Web3, keys: Contract, step: Callable, alice: str, name: str
) -> None:
    parameters = SETS[name]
    public_key = GENERATE[parameters]().public_key().public_bytes_raw()
    key_id = keys.functions.keyIdOf(parameters.scheme, public_key).call()
    chunks = fips204.expanded_chunks(public_key, parameters)
    for number, limit in enumerate(GAS[name], start=1):
        receipt = step(parameters, public_key, alice)
        assert receipt["gasUsed"] <= limit
        assert keys.functions.progressOf(key_id).call() == [number, len(chunks)]
        assert stored(w3, keys, key_id) == chunks[:number]
        assert keys.functions.chunksOf(key_id).call()[:2] == [parameters.scheme, number == len(chunks)]


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_keys_of_one_byte_over_and_over(w3: Web3, keys: Contract, step: Callable, alice: str, byte: int) -> None:
    """Any bytes of the right length are a public key: t1 of nothing but zeros, and of nothing but 1023."""
    public_key = bytes([byte]) * fips204.ML_DSA_44.public_key
    step(fips204.ML_DSA_44, public_key, alice)
    key_id = keys.functions.keyIdOf(0, public_key).call()
    assert stored(w3, keys, key_id) == fips204.expanded_chunks(public_key, fips204.ML_DSA_44)


def test_stranger_finishes_from_the_logs_while_another_key_is_registered(
    w3: Web3, keys: Contract, step: Callable, alice: str, bob: str
) -> None:
    parameters, source = fips204.ML_DSA_65, random.Random(1)
    first, other = (source.randbytes(parameters.public_key) for _ in range(2))
    begun = events(keys, step(parameters, first, alice))
    step(parameters, other, alice)
    name, started = begun[0]
    assert name == "KeyRegistrationStarted"
    assert keys.functions.chunksOf(started["keyId"]).call()[:2] == [parameters.scheme, False]
    assert started["scheme"] == parameters.scheme
    finished = events(keys, step(parameters, started["publicKey"], bob))
    assert [name for name, _ in finished] == ["KeyStepDone", "KeyRegistered"]
    assert stored(w3, keys, started["keyId"]) == fips204.expanded_chunks(first, parameters)
    step(parameters, other, bob)
    key_id = keys.functions.keyIdOf(parameters.scheme, other).call()
    assert stored(w3, keys, key_id) == fips204.expanded_chunks(other, parameters)
    again = step(parameters, other, alice)
    assert again["logs"] == []
    assert keys.functions.progressOf(key_id).call() == [2, 2]


def test_refuses_other_lengths_and_schemes(keys: Contract, alice: str) -> None:
    register = keys.functions.registerKey
    for parameters in fips204.PARAMETERS:
        expected = parameters.public_key
        for length in (0, expected - 1, expected + 1):
            outcome = ("PostQuantumKeys_WrongLength", (parameters.scheme, length, expected))
            assert refusal(register(parameters.scheme, bytes(length)), alice) == outcome
    assert refusal(register(3, bytes(32)), alice) == ("PostQuantumKeys_NoRegistration", (3,))


@pytest.mark.parametrize("rows", [4, 6, 8])
def test_rejection_sampling_goes_on_until_256_coefficients(expanded_key: Contract, rows: int) -> None:
    """Candidates at q and around it, far more of them refused than SHAKE128 would ever give."""
    source, width = random.Random(rows), (27 * (rows - 1) + 61) // 8
    for share in (0.0, 0.02, 0.5, 0.9):
        row, part = source.randrange(rows), source.randrange(4)
        candidates = [
            fips204.Q + source.choice([0, 1, 8190])
            if source.random() < share
            else source.choice([0, fips204.Q - 1, source.randrange(fips204.Q)])
            for _ in range(56 * 80)
        ]
        stream = b"".join((c | source.choice([0, 1 << 23])).to_bytes(3, "little") for c in candidates)
        polynomial = fips204.rej_ntt_poly(iter(stream))
        accepted = [i for i, c in enumerate(candidates) if c < fips204.Q]
        column, used, done = expanded_key.functions.take(stream, part, row, rows).call()
        assert done
        assert used == accepted[255] // 56 + 1
        assert column == b"".join((value << (27 * row)).to_bytes(width, "big") for value in polynomial)


def test_rejection_sampling_says_when_blocks_do_not_suffice(expanded_key: Contract) -> None:
    for candidates, done in ((255, False), (256, True)):
        stream = b"".join(value.to_bytes(3, "little") for value in range(1, candidates + 1))
        stream += b"\xff" * (5 * 168 - len(stream))  # every other candidate is 2^23 - 1
        column, used, complete = expanded_key.functions.take(stream, 0, 0, 4).call()
        assert (used, complete) == (5, done)
        assert column == b"".join(value.to_bytes(17, "big") for value in [*range(1, 256), 256 if done else 0])


@pytest.mark.deep
def test_many_keys(w3: Web3, keys: Contract, step: Callable, alice: str) -> None:
    source = random.Random(204)
    for _ in range(20):
        for parameters in fips204.PARAMETERS:
            public_key = source.randbytes(parameters.public_key)
            chunks = fips204.expanded_chunks(public_key, parameters)
            for _ in chunks:
                step(parameters, public_key, alice)
            assert stored(w3, keys, keys.functions.keyIdOf(parameters.scheme, public_key).call()) == chunks
