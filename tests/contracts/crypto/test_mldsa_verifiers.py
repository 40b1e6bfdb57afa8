"""MLDSA44, MLDSA65, MLDSA87 with keys that PostQuantumKeys derived: Wycheproof, the `cryptography` package, edges."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from novacron.chain.anvil import Anvil
from tests.contracts.evm import refusal, send
from tests.support import fips204
from tests.support.contracts import deploy
from tests.support.fips204 import N, Parameters, Polynomial
from tests.support.fips204_verify import SETS, made, no_hints, open_key, register

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"
MAGIC, REFUSED = bytes.fromhex("024ad318"), b"\xff" * 4
PRIVATE = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey, 87: mldsa.MLDSA87PrivateKey}
PUBLIC = {44: mldsa.MLDSA44PublicKey, 65: mldsa.MLDSA65PublicKey, 87: mldsa.MLDSA87PublicKey}
COUNTS = {44: 180, 87: 241}
GAS = {44: 893_000, 65: 1_200_000, 87: 1_372_000}
"""Of a whole transaction that calls `verify`."""
HASH = bytes(range(32))


@dataclass
class World:
    """A registry and the verifiers, with the keys that were registered."""

    w3: Web3
    keys: Contract
    verifiers: dict[int, Contract]
    known: dict[tuple[int, bytes], bytes] = field(default_factory=dict)

    def key(self, name: int, public_key: bytes) -> bytes:
        """The id of a key, registered where it is not yet."""
        if (name, public_key) not in self.known:
            self.known[name, public_key] = register(self.w3, self.keys, SETS[name], public_key)
        return self.known[name, public_key]

    def accepts(self, name: int, public_key: bytes, signature: bytes, message: bytes, context: bytes = b"") -> bool:
        key = self.key(name, public_key)
        return bool(self.verifiers[name].functions.verifyMessage(key, context, message, signature).call())

    def answer(self, name: int, key: bytes, digest: bytes, signature: bytes) -> bytes:
        return bytes(self.verifiers[name].functions.verify(key, digest, signature).call())


@pytest.fixture(scope="module")
def world(w3: Web3) -> World:
    keys = deploy(w3, "PostQuantumKeys")
    return World(w3, keys, {name: deploy(w3, f"MLDSA{name}", keys.address) for name in SETS})


def secret(name: int, seed: int = 1) -> Any:
    return PRIVATE[name].from_seed_bytes(bytes([seed]) * 32)


def public(name: int, seed: int = 1) -> bytes:
    return bytes(secret(name, seed).public_key().public_bytes_raw())


def library_accepts(name: int, public_key: bytes, signature: bytes, message: bytes, context: bytes = b"") -> bool:
    try:
        PUBLIC[name].from_public_bytes(public_key).verify(signature, message, context)
    except (InvalidSignature, ValueError):  # ValueError: a context of 256 bytes
        return False
    return True


# --- Conformance ---


@pytest.mark.parametrize("name", COUNTS)
def test_wycheproof(world: World, name: int) -> None:
    """Every vector; a public key of another length is refused where it would be registered."""
    path = VECTORS / f"wycheproof_mldsa_{name}_verify_test.json"
    if not path.is_file():
        pytest.skip("the Wycheproof vectors are not here (../shared/vectors)")
    p, seen = SETS[name], 0
    for group in json.loads(path.read_text())["testGroups"]:
        public_key = bytes.fromhex(group["publicKey"])
        for test in group["tests"]:
            seen += 1
            if len(public_key) != p.public_key:
                call = world.keys.functions.registerKey(p.scheme, public_key)
                outcome = refusal(call, world.w3.eth.accounts[0])
                assert test["result"] == "invalid"
                assert outcome is not None
                assert outcome[0] == "PostQuantumKeys_WrongLength"
                continue
            message, context = bytes.fromhex(test["msg"]), bytes.fromhex(test.get("ctx", ""))
            accepted = world.accepts(name, public_key, bytes.fromhex(test["sig"]), message, context)
            assert accepted == (test["result"] == "valid"), (test["tcId"], test["comment"])
    assert seen == COUNTS[name]


def differential(world: World, name: int, cases: int, source: random.Random) -> None:
    p = SETS[name]
    for case in range(cases):
        key = secret(name, 1 + case % 3)
        public_key = bytes(key.public_key().public_bytes_raw())
        message = source.randbytes(source.choice((0, 1, 32, 69, 70, 71, 72, 135, 136, source.randrange(2_000))))
        context = source.randbytes(source.choice((0, 0, 1, 255, source.randrange(256))))
        signature = bytearray(key.sign(message, context))
        kind = case % 4
        if kind == 1:
            signature[source.randrange(len(signature))] ^= 1 << source.randrange(8)
        elif kind == 2:  # in the hints, where a byte more or less decides
            signature[-1 - source.randrange(p.omega + p.k)] = source.randrange(p.omega + 2)
        elif kind == 3 and message:
            message = message[:-1] + bytes([message[-1] ^ 128])
        expected = library_accepts(name, public_key, bytes(signature), message, context)
        assert expected or kind, "the package refuses its own signature"
        assert world.accepts(name, public_key, bytes(signature), message, context) == expected, (case, kind)


@pytest.mark.parametrize("name", SETS)
def test_agrees_with_the_cryptography_package(world: World, name: int) -> None:
    differential(world, name, 20, random.Random(name))


@pytest.mark.deep
@pytest.mark.parametrize("name", SETS)
def test_agrees_with_the_cryptography_package_in_thousands(world: World, name: int) -> None:
    differential(world, name, 3_000, random.Random())


# --- Signatures made to measure: valid but for the one thing ---


def judged(world: World, name: int, signature: bytes, message: bytes = b"m", context: bytes = b"") -> bool:
    """The verdict under the key with t1 = 0, which the package must share."""
    verdict = world.accepts(name, open_key(SETS[name]), signature, message, context)
    assert verdict == library_accepts(name, open_key(SETS[name]), signature, message, context)
    return verdict


def random_z(p: Parameters, source: random.Random) -> list[Polynomial]:
    limit = p.gamma1 - p.beta - 1
    return [[source.randint(-limit, limit) for _ in range(N)] for _ in range(p.l)]


@pytest.mark.parametrize("name", SETS)
def test_norm_bound_is_strict_and_exact(world: World, name: int) -> None:
    p, source = SETS[name], random.Random(name)
    edge = p.gamma1 - p.beta
    for value in (edge - 1, 1 - edge, edge, -edge, edge + 1, p.gamma1, 1 - p.gamma1):
        z = random_z(p, source)
        z[source.randrange(p.l)][source.randrange(N)] = value
        assert judged(world, name, made(p, z, no_hints(p), b"m")) == (abs(value) < edge), value
    for value in (0, edge - 1, 1 - edge):
        assert judged(world, name, made(p, [[value] * N] * p.l, no_hints(p), b"m"))


@pytest.mark.parametrize("name", SETS)
def test_all_hints_that_there_may_be_and_no_encoding_but_one(world: World, name: int) -> None:
    p, source = SETS[name], random.Random(name)
    z, hints = random_z(p, source), no_hints(p)
    for place in source.sample(range(p.k * N), p.omega - 3):
        hints[place // N][place % N] = 1
    y = fips204.hint_bit_pack(hints, p)
    used = y[-1]
    assert judged(world, name, made(p, z, hints, b"m"))
    wrong = [
        y[: p.omega - 1] + b"\x01" + y[p.omega :],  # padding that is not zero
        y[:used] + bytes([y[used - 1]]) + y[used + 1 :],  # … with a position that was there before
        bytes([y[1], y[0]]) + y[2:],  # descending
        bytes([y[0], y[0]]) + y[2:],  # twice the same
        y[: p.omega] + bytes([y[p.omega + 1] + 1]) + y[p.omega + 1 :],  # ends that fall
        y[:-1] + bytes([p.omega + 1]),
        y[:-1] + b"\xff",
        y[:-1] + bytes([used + 1]),  # padding taken for a position
        y[:-1] + bytes([used - 1]),  # a position taken for padding
        b"\xff" * len(y),
    ]
    for encoded in wrong:
        assert not judged(world, name, made(p, z, hints, b"m", encoded=encoded)), encoded.hex()


@pytest.mark.parametrize("name", SETS)
def test_hints_fill_up_to_omega(world: World, name: int) -> None:
    p = SETS[name]
    hints = no_hints(p)
    for n in range(p.omega):
        hints[p.k - 1][255 - n] = 1
    assert judged(world, name, made(p, [[n - 128 for n in range(N)]] * p.l, hints, b"m"))


@pytest.mark.parametrize("name", SETS)
def test_challenge_is_compared_to_its_last_byte(world: World, name: int) -> None:
    """Where t1 = 0 the challenge has no other effect than this comparison."""
    p = SETS[name]
    signature = made(p, [[1] * N] * p.l, no_hints(p), b"m")
    assert judged(world, name, signature)
    for place in (0, 1, 31, p.c_tilde - 2, p.c_tilde - 1):
        changed = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        assert not judged(world, name, changed), place


# --- What is refused ---


@pytest.mark.parametrize("name", SETS)
def test_context_and_message_are_what_was_signed(world: World, name: int) -> None:
    key, public_key = secret(name), public(name)
    for length in (0, 1, 254, 255):
        context = bytes(range(length % 256))
        signature = key.sign(HASH, context)
        assert world.accepts(name, public_key, signature, HASH, context)
        assert not world.accepts(name, public_key, signature, HASH, context + b"\0")
        assert not world.accepts(name, public_key, signature, HASH + b"\0", context)
    assert not world.accepts(name, public_key, key.sign(HASH), HASH, bytes(256))
    # 256 modulo 256 is 0: what would be hashed if the length were cut off.
    assert not world.accepts(name, public_key, key.sign(bytes(256) + HASH), HASH, bytes(256))


@pytest.mark.parametrize("name", SETS)
def test_refuses_what_is_no_signature_of_this_key(world: World, name: int) -> None:
    p, key, public_key = SETS[name], secret(name), public(name)
    signature = bytes(key.sign(HASH))
    bad = {
        "short": signature[:-1],
        "trailing zero": signature + b"\0",
        "trailing word": signature + bytes(32),
        "empty": b"",
        "zeros": bytes(p.signature),
        "ones": b"\xff" * p.signature,
        "other key": bytes(secret(name, 2).sign(HASH)),
        "other message": bytes(key.sign(HASH[::-1])),
        "first bit": bytes([signature[0] ^ 1]) + signature[1:],
        "last bit of the challenge": signature[: p.c_tilde - 1]
        + bytes([signature[p.c_tilde - 1] ^ 128])
        + signature[p.c_tilde :],
    }
    assert world.accepts(name, public_key, signature, HASH)
    for what, candidate in bad.items():
        assert not world.accepts(name, public_key, candidate, HASH), what
        assert world.answer(name, world.key(name, public_key), HASH, candidate) == REFUSED, what


@pytest.mark.parametrize("name", SETS)
def test_verify_is_that_of_erc_7913(world: World, name: int) -> None:
    signature, key = bytes(secret(name).sign(HASH)), world.key(name, public(name))
    assert world.answer(name, key, HASH, signature) == MAGIC
    for wrong in (b"", key[:-1], key + b"\0", bytes(32), public(name)):
        assert world.answer(name, wrong, HASH, signature) == REFUSED
    assert world.answer(name, key, HASH, bytes(secret(name).sign(HASH, b"context"))) == REFUSED


def test_keys_that_are_not_registered(world: World, node: Anvil) -> None:
    """Unknown, half registered, of another parameter set: an error by name, and never accepted by `verify`."""
    snapshot = node.rpc("evm_snapshot")
    half = {
        name: register(world.w3, world.keys, SETS[name], public(name, 9), steps=SETS[name].k // 3 - 1)
        for name in (65, 87)
    }
    other = {44: world.key(65, public(65)), 65: world.key(87, public(87)), 87: world.key(44, public(44))}
    for name, verifier in world.verifiers.items():
        signature = bytes(secret(name, 9).sign(HASH))
        for key in filter(None, (bytes(32), b"\xff" * 32, half.get(name), other[name])):
            call = verifier.functions.verifyMessage(key, b"", HASH, signature)
            assert refusal(call, world.w3.eth.accounts[0]) == ("MLDSA_KeyNotRegistered", (key,))
            assert world.answer(name, key, HASH, signature) == REFUSED
    for name in half:
        key = register(world.w3, world.keys, SETS[name], public(name, 9), steps=2)
        assert world.answer(name, key, HASH, bytes(secret(name, 9).sign(HASH))) == MAGIC
    assert node.rpc("evm_revert", snapshot) is True


@pytest.mark.parametrize("name", SETS)
def test_want_of_gas_is_never_acceptance(world: World, name: int) -> None:
    """From far too little gas to enough: an error, until it is the right answer."""
    key, signature = world.key(name, public(name)), bytes(secret(name).sign(HASH))
    forged = signature[:-1] + bytes([signature[-1] ^ 1])
    limits = [50_000, 110_000, 150_000, *range(200_000, GAS[name] - 30_000, 67_001)]
    for gas in limits:
        assert outcome(world, name, key, signature, gas) == "error", gas
        assert outcome(world, name, key, forged, gas) in ("error", REFUSED.hex()), gas
    assert outcome(world, name, key, signature, GAS[name] + 20_000) == MAGIC.hex()
    assert outcome(world, name, key, forged, GAS[name] + 20_000) == REFUSED.hex()


def outcome(world: World, name: int, key: bytes, signature: bytes, gas: int) -> str:
    try:
        return bytes(world.verifiers[name].functions.verify(key, HASH, signature).call({"gas": gas})).hex()
    except (Web3Exception, ValueError):
        return "error"


# --- Cost ---


@pytest.mark.parametrize("name", SETS)
def test_whole_transaction_costs_what_the_documents_say(world: World, name: int) -> None:
    key = world.key(name, public(name))
    for message in (HASH, HASH[::-1]):
        call = world.verifiers[name].functions.verify(key, message, bytes(secret(name).sign(message)))
        assert call.call() == MAGIC
        assert send(world.w3, call, world.w3.eth.accounts[0])["gasUsed"] <= GAS[name]
