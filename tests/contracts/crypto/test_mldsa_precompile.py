"""The adapter to EIP-8051's precompile, against the real registry and verifier; the precompile itself is a double.

No chain has the precompile. The double knows the inputs that are valid, as built here from the raw public key by the
plain model of FIPS 204 in the layout that the adapter's interface describes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil
from tests.contracts.evm import events, refusal, send
from tests.support import fips204
from tests.support.contracts import artifact, deploy

PRECOMPILE = Web3.to_checksum_address("0x0000000000000000000000000000000000000012")
MAGIC, REFUSED = bytes.fromhex("024ad318"), b"\xff" * 4
ONE = 1
HASH = hashlib.sha256(b"a message").digest()
LITTLE_GAS = 500_000
"""Less than the verifier in Solidity takes, more than the way over the precompile."""


def expanded_key(public_key: bytes) -> bytes:
    """The key as EIP-8051 has it, with all of tr: Â by rows, tr, NTT(t1), four bytes a coefficient."""
    rho, t1 = fips204.pk_decode(public_key, fips204.ML_DSA_44)
    matrix = [entry for row in fips204.expand_a(rho, fips204.ML_DSA_44) for entry in row]

    def packed(polynomials: list[fips204.Polynomial]) -> bytes:
        return b"".join(value.to_bytes(4, "big") for polynomial in polynomials for value in polynomial)

    return packed(matrix) + hashlib.shake_256(public_key).digest(64) + packed([fips204.ntt(part) for part in t1])


@pytest.fixture(scope="module")
def secret() -> MLDSA44PrivateKey:
    return MLDSA44PrivateKey.generate()


@pytest.fixture(scope="module")
def solidity(w3: Web3, secret: MLDSA44PrivateKey) -> Contract:
    """The verifier in Solidity, with the key registered."""
    keys = deploy(w3, "PostQuantumKeys")
    send(w3, keys.functions.registerKey(0, secret.public_key().public_bytes_raw()), w3.eth.accounts[0])
    return deploy(w3, "MLDSA44", keys.address)


@pytest.fixture(scope="module")
def key(secret: MLDSA44PrivateKey, solidity: Contract, w3: Web3) -> bytes:
    keys = w3.eth.contract(address=solidity.functions.KEYS().call(), abi=artifact("PostQuantumKeys")["abi"])
    return bytes(keys.functions.keyIdOf(0, secret.public_key().public_bytes_raw()).call())


@pytest.fixture
def chain(node: Anvil) -> Iterator[None]:
    snapshot = node.rpc("evm_snapshot")
    yield
    assert node.rpc("evm_revert", snapshot) is True


@pytest.fixture
def verifier(chain: None, w3: Web3, solidity: Contract) -> Contract:
    return deploy(w3, "MLDSA44Precompile", solidity.address)


@pytest.fixture
def precompile(chain: None, node: Anvil, w3: Web3) -> Contract:
    """An honest double at the precompile's address, which knows nothing yet."""
    built = artifact("MLDSAPrecompileDouble")
    node.rpc("anvil_setCode", PRECOMPILE, built["deployedBytecode"]["object"])
    return w3.eth.contract(address=PRECOMPILE, abi=built["abi"])


@pytest.fixture(scope="module")
def signature(secret: MLDSA44PrivateKey) -> bytes:
    return secret.sign(HASH)


def taught(w3: Web3, precompile: Contract, secret: MLDSA44PrivateKey, message: bytes, signature: bytes) -> None:
    """Tell the double of a valid signature, which it is."""
    secret.public_key().verify(signature, message)
    given = message + signature + expanded_key(secret.public_key().public_bytes_raw())
    assert len(given) == 22_996
    send(w3, precompile.functions.teach(given), w3.eth.accounts[0])


def test_an_honest_precompile_is_adopted_and_then_used(
    w3: Web3,
    verifier: Contract,
    precompile: Contract,
    secret: MLDSA44PrivateKey,
    solidity: Contract,
    key: bytes,
    signature: bytes,
) -> None:
    owner = w3.eth.accounts[0]
    taught(w3, precompile, secret, HASH, signature)
    receipt = send(w3, verifier.functions.adopt(key, HASH, signature), owner)
    assert events(verifier, receipt) == [("PrecompileAdopted", {"key": key, "by": owner})]

    other = os.urandom(32)
    signed = secret.sign(other)
    taught(w3, precompile, secret, other, signed)
    assert verifier.functions.verify(key, other, signed).call({"gas": LITTLE_GAS}) == MAGIC
    assert verifier.functions.verifyMessage(key, b"", other, signed).call({"gas": LITTLE_GAS}) is True
    # The same signature of another message, and a signature that the double was not told of: both end in Solidity.
    assert verifier.functions.verify(key, HASH, signed).call() == REFUSED
    third = secret.sign(HASH)
    assert verifier.functions.verify(key, HASH, third).call() == MAGIC
    dear = send(w3, solidity.functions.verify(key, other, signed), owner)["gasUsed"]
    cheap = send(w3, verifier.functions.verify(key, other, signed), owner)["gasUsed"]
    assert cheap < LITTLE_GAS < dear


def test_contexts_and_other_lengths_are_verified_in_solidity(
    w3: Web3, verifier: Contract, precompile: Contract, secret: MLDSA44PrivateKey, key: bytes, signature: bytes
) -> None:
    taught(w3, precompile, secret, HASH, signature)
    send(w3, verifier.functions.adopt(key, HASH, signature), w3.eth.accounts[0])
    for context, message in (
        (b"context", HASH),
        (b"", b""),
        (b"", HASH + b"\x00"),
        (b"", HASH[:31]),
        (b"c" * 255, b"m"),
    ):
        signed = secret.sign(message, context)
        assert verifier.functions.verifyMessage(key, context, message, signed).call() is True
        assert verifier.functions.verifyMessage(key, context + b"x", message, signed).call() is False
    assert verifier.functions.verifyMessage(key, b"context", HASH, signature).call() is False


def test_nothing_is_adopted_where_there_is_no_precompile_or_another_one(
    w3: Web3, verifier: Contract, key: bytes, signature: bytes, secret: MLDSA44PrivateKey, node: Anvil
) -> None:
    owner = w3.eth.accounts[0]
    adopt = verifier.functions.adopt(key, HASH, signature)
    assert refusal(adopt, owner) == ("MLDSA44Precompile_NotThere", (0,))
    built = artifact("MLDSAPrecompileDouble")
    node.rpc("anvil_setCode", PRECOMPILE, built["deployedBytecode"]["object"])
    double = w3.eth.contract(address=PRECOMPILE, abi=built["abi"])
    assert refusal(adopt, owner) == ("MLDSA44Precompile_NotThere", (0,))  # honest, but of another form: it says 0
    send(w3, double.functions.setMode(ONE), owner)
    assert refusal(adopt, owner) == ("MLDSA44Precompile_NotThere", (1,))
    assert verifier.functions.adopted().call() is False
    assert verifier.functions.verify(key, HASH, signature).call() == MAGIC
    assert verifier.functions.verify(key, HASH, secret.sign(b"else")).call() == REFUSED
    bad = verifier.functions.adopt(key, HASH, bytes(2_420))
    assert refusal(bad, owner) == ("MLDSA44Precompile_NotAKnownAnswer", (key, HASH))


@pytest.mark.parametrize("mode", range(9))
def test_verdicts_stay_right_when_an_adopted_precompile_turns(
    w3: Web3,
    verifier: Contract,
    precompile: Contract,
    secret: MLDSA44PrivateKey,
    key: bytes,
    signature: bytes,
    mode: int,
) -> None:
    taught(w3, precompile, secret, HASH, signature)
    send(w3, verifier.functions.adopt(key, HASH, signature), w3.eth.accounts[0])
    send(w3, precompile.functions.setMode(mode), w3.eth.accounts[0])
    damaged = bytes([signature[0] ^ 1]) + signature[1:]
    assert verifier.functions.verify(key, HASH, signature).call() == MAGIC
    assert verifier.functions.verify(key, HASH, damaged).call() == REFUSED
    assert verifier.functions.verify(key, HASH, signature[:-1]).call() == REFUSED
    assert verifier.functions.verify(key, HASH, signature + b"\x00").call() == REFUSED
    assert verifier.functions.verify(bytes(32), HASH, signature).call() == REFUSED
    unknown = verifier.functions.verifyMessage(bytes(32), b"", HASH, signature)
    assert refusal(unknown, w3.eth.accounts[0]) == ("MLDSA_KeyNotRegistered", (bytes(32),))
