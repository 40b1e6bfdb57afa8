"""SLH-DSA-SHA2-128s on chain against two others: the `pqcrypto` package and our plain reading of FIPS 205.

`pqcrypto` 1.0 signs in the pure form of FIPS 205 §10.2.1, M' = 0x00 ‖ length ‖ context ‖ message, hedged (two
signatures of one message differ), and in the pre-hash form where `hash_algorithm` says so: the reference confirms it.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import pytest
from pqcrypto import HashAlgorithm, InvalidSignatureError
from pqcrypto.sign import slh_dsa_sha2_128s as slh_dsa
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from tests.contracts.evm import send
from tests.support import fips205
from tests.support.contracts import deploy

MAGIC, REFUSED = bytes.fromhex("024ad318"), b"\xff" * 4
GAS_LIMIT, GAS_WORST = 800_000, 1_200_000
WORST_STEPS = 510
"""Of a layer whose 32 message digits are 0: 480, and 30 for its checksum 0x1e0."""


@dataclass(frozen=True)
class Signed:
    """A valid signature."""

    key: bytes
    message: bytes
    signature: bytes
    context: bytes = b""


class Signer:
    """A key pair of `pqcrypto`."""

    def __init__(self) -> None:
        self.key, self._secret = slh_dsa.keygen()

    def sign(self, message: bytes, context: bytes = b"") -> Signed:
        return Signed(self.key, message, slh_dsa.sign(self._secret, message, context), context)

    def sign_hashed(self, message: bytes) -> bytes:
        """HashSLH-DSA with SHA-256."""
        return bytes(slh_dsa.sign(self._secret, message, hash_algorithm=HashAlgorithm.Sha256))


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def verifier(w3: Web3) -> Contract:
    return deploy(w3, "SLHDSASHA2128s")


@pytest.fixture(scope="module")
def signed(signer: Signer) -> Signed:
    """A signature of a 32-byte message under the empty context: what `verify` takes."""
    return signer.sign(os.urandom(32))


def on_chain(verifier: Contract, case: Signed, **changes: bytes) -> bool:
    """What `verifyMessage` says to the case with these changes."""
    parts = {"key": case.key, "context": case.context, "message": case.message, "signature": case.signature} | changes
    return bool(verifier.functions.verifyMessage(*parts.values()).call())


def in_package(case: Signed) -> bool:
    """What `pqcrypto` says."""
    try:
        slh_dsa.verify(case.key, case.message, case.signature, case.context)
    except InvalidSignatureError:
        return False
    return True


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit turned over."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def agreed(verifier: Contract, case: Signed) -> bool:
    """The verdict of all three, which must be one."""
    verdicts = {
        on_chain(verifier, case),
        in_package(case),
        fips205.verify(case.key, case.message, case.signature, case.context),
    }
    assert len(verdicts) == 1, f"verdicts differ for {case}"
    return verdicts.pop()


def places() -> Iterator[tuple[str, int]]:
    """Every node of a signature: its name, and its number."""
    yield "R", 0
    at = 1
    for tree in range(fips205.K):
        yield f"FORS tree {tree}, secret", at
        yield from ((f"FORS tree {tree}, path {level}", at + 1 + level) for level in range(fips205.A))
        at += 1 + fips205.A
    for layer in range(fips205.D):
        yield from ((f"layer {layer}, chain {chain}", at + chain) for chain in range(fips205.LEN))
        at += fips205.LEN
        yield from ((f"layer {layer}, path {level}", at + level) for level in range(fips205.H_PRIME))
        at += fips205.H_PRIME
    assert at * fips205.N == fips205.SIGNATURE_SIZE == 7_856


@pytest.mark.parametrize(
    ("context_length", "message_length"),
    [(0, 32), (0, 0), (1, 0), (0, 1), (7, 64), (255, 32), (254, 55), (33, 2_000)],
)
def test_three_verifiers_accept_what_the_package_signs(
    verifier: Contract, signer: Signer, context_length: int, message_length: int
) -> None:
    case = signer.sign(os.urandom(message_length), os.urandom(context_length))
    assert agreed(verifier, case)
    if message_length == 32:
        verdict = verifier.functions.verify(case.key, case.message, case.signature).call()
        assert verdict == (REFUSED if context_length else MAGIC)  # `verify` is under the empty context


def test_damage_to_any_part_of_the_signature_is_refused(verifier: Contract, signed: Signed) -> None:
    """R; of each FORS tree the secret and a node of its path; of each layer two chains and two nodes of its path."""
    drawn = random.Random(205)
    groups: dict[str, list[int]] = {}
    for name, node in places():
        groups.setdefault(name.rstrip("0123456789"), []).append(node)
    assert len(groups) == 1 + 2 * fips205.K + 2 * fips205.D
    for name, nodes in groups.items():
        for node in drawn.sample(nodes, min(len(nodes), 2 if name.startswith("layer") else 1)):
            bad = flipped(signed.signature, node * 128 + drawn.randrange(128))
            assert not on_chain(verifier, signed, signature=bad), f"{name}: node {node}"
    # The checksum chains end each WOTS+ signature and are what stops a digit from being raised.
    at = 1 + fips205.K * (1 + fips205.A)
    for chain in range(fips205.LEN_1, fips205.LEN):
        assert not on_chain(verifier, signed, signature=flipped(signed.signature, (at + chain) * 128 + 127))


@pytest.mark.deep
def test_damage_to_any_node_is_refused_by_all_three(verifier: Contract, signed: Signed) -> None:
    drawn = random.Random(206)
    for name, node in places():
        for bit in (0, 127, drawn.randrange(128)):
            bad = flipped(signed.signature, node * 128 + bit)
            assert not agreed(verifier, Signed(signed.key, signed.message, bad)), f"{name}, bit {bit}"


Change = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:-1],
        lambda s: s + b"\x00",
        lambda s: s[1:],
        lambda s: b"",
        lambda s: s + s,
        lambda s: s[:32],
        lambda s: bytes(len(s)),
        lambda s: b"\xff" * len(s),
        lambda s: s[16:] + s[:16],
    ],
    ids=["one-short", "one-long", "first-missing", "empty", "twice", "a-word", "zero", "all-ones", "moved-on"],
)
def test_signatures_of_another_form_are_refused(verifier: Contract, signed: Signed, change: Change) -> None:
    bad = change(signed.signature)
    assert on_chain(verifier, signed)
    assert not on_chain(verifier, signed, signature=bad)
    assert not fips205.verify(signed.key, signed.message, bad)
    assert verifier.functions.verify(signed.key, signed.message, bad).call() == REFUSED


def test_other_keys_are_refused(verifier: Contract, signed: Signed) -> None:
    seed, root = signed.key[:16], signed.key[16:]
    other = Signer().key
    wrong = [other, bytes(32), b"\xff" * 32, root + seed, seed + other[16:], other[:16] + root]
    wrong += [flipped(signed.key, bit) for bit in (0, 127, 128, 255)]
    for key in wrong:
        assert not on_chain(verifier, signed, key=key), key.hex()
    for key in (b"", signed.key[:-1], signed.key + b"\x00", signed.key + signed.key):
        assert verifier.functions.verify(key, signed.message, signed.signature).call() == REFUSED, key.hex()


def test_other_messages_are_refused(verifier: Contract, signer: Signer) -> None:
    case = signer.sign(b"pay 100", b"invoice")
    assert agreed(verifier, case)
    for message in (b"", b"pay 10", b"pay 1000", b"pay 100\x00", b"\x00pay 100"):
        assert not on_chain(verifier, case, message=message), message
    for context in (b"", b"invoic", b"invoice\x00", b"Invoice", bytes(255)):
        assert not on_chain(verifier, case, context=context), context
    # What is context and what is message cannot be moved.
    assert not on_chain(verifier, case, context=b"invoicep", message=b"ay 100")
    assert not on_chain(verifier, case, context=b"", message=b"invoicepay 100")


def test_a_context_of_256_bytes_is_refused_though_its_length_byte_would_read_zero(
    verifier: Contract, signer: Signer
) -> None:
    text = os.urandom(256)
    case = signer.sign(text + b"message")  # M' = 0 ‖ 0 ‖ text ‖ message
    assert on_chain(verifier, case)
    assert not on_chain(verifier, case, context=text, message=b"message")
    assert not on_chain(verifier, case, context=text + b"message", message=b"")


def test_pre_hash_and_internal_signatures_are_not_pure_ones(verifier: Contract, signer: Signer) -> None:
    message = os.urandom(32)
    hashed = signer.sign_hashed(message)
    identifier = bytes.fromhex("0609608648016503040201")  # SHA-256, FIPS 205 §10.2.2
    inner = b"\x01\x00" + identifier + sha256(message).digest()
    assert fips205.verify_internal(inner, hashed, signer.key)
    for pretended in (message, inner, inner[2:]):
        assert not on_chain(verifier, Signed(signer.key, pretended, hashed))


def outcome(verifier: Contract, case: Signed, gas: int) -> bytes | None:
    """What `verify` returns within this much gas; None if it runs out."""
    try:
        return bytes(verifier.functions.verify(case.key, case.message, case.signature).call({"gas": gas}))
    except Web3Exception:
        return None


def test_want_of_gas_is_never_a_verdict(verifier: Contract, signed: Signed) -> None:
    """Below what a verdict takes a valid signature is neither accepted nor refused; a damaged one is never accepted."""
    bad = Signed(signed.key, signed.message, flipped(signed.signature, 7_855 * 8))
    need = least_gas(verifier, signed)
    assert outcome(verifier, signed, need) == MAGIC
    drawn = random.Random(need)
    limits = [
        need - 1,
        need - 2,
        need - 63,
        need - 110,
        need - 300,
        *(drawn.randrange(150_000, need) for _ in range(25)),
    ]
    for gas in limits:
        assert outcome(verifier, signed, gas) is None, gas
        assert outcome(verifier, bad, gas) in (None, REFUSED), gas
    assert outcome(verifier, bad, 2 * need) == REFUSED


def least_gas(verifier: Contract, case: Signed) -> int:
    """The smallest limit at which the case is accepted."""
    low, high = 150_000, 1_500_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if outcome(verifier, case, middle) == MAGIC else (middle, high)
    return high


def mean_steps() -> float:
    """Expected steps of a layer, over all nodes: digits are independent, the checksum follows from their sum."""
    sums = {0: 1.0}
    for _ in range(fips205.LEN_1):
        following: defaultdict[int, float] = defaultdict(float)
        for total, chance in sums.items():
            for digit in range(16):
                following[total + digit] += chance / 16
        sums = dict(following)
    return sum(chance * (s + sum(15 - (s >> shift & 15) for shift in (8, 4, 0))) for s, chance in sums.items())


def test_whole_transactions_cost_what_the_documentation_says(w3: Web3, verifier: Contract, signer: Signer) -> None:
    """The price is a constant and 237 gas a step; so a few signatures tell the mean and the worst of all."""
    constants = []
    for _ in range(4):
        case = signer.sign(os.urandom(32))
        call = verifier.functions.verify(case.key, case.message, case.signature)
        used = send(w3, call, w3.eth.accounts[0])["gasUsed"]
        zeros = (case.key + case.message + case.signature).count(0)
        steps = fips205.chain_steps(fips205.framed(case.message), case.signature, case.key)
        constants.append(used + 12 * zeros - 237 * steps)  # a zero byte of calldata costs 4 instead of 16
    # What is left depends on the way to each digit's sequence, by some gas a chain.
    assert max(constants) - min(constants) < 3_000
    base = max(constants)
    assert base + 237 * 7 * mean_steps() < GAS_LIMIT
    assert base + 237 * 7 * WORST_STEPS < GAS_WORST


def test_the_worst_layer_is_that_of_a_zero_node() -> None:
    assert sum(15 - digit for digit in fips205.digits_of(bytes(16))) == WORST_STEPS
    assert sum(15 - digit for digit in fips205.digits_of(b"\xff" * 16)) == 45
    sums = range(481)
    assert max(s + sum(15 - (s >> shift & 15) for shift in (8, 4, 0)) for s in sums) == WORST_STEPS
    assert 267 < mean_steps() < 269


@pytest.mark.deep
def test_a_thousand_signatures_valid_and_damaged(verifier: Contract) -> None:
    drawn = random.Random(1_000)
    signers = [Signer() for _ in range(50)]
    for number in range(1_000):
        signer = signers[number % len(signers)]
        case = signer.sign(drawn.randbytes(drawn.randrange(0, 2_001)), drawn.randbytes(drawn.randrange(0, 256)))
        assert agreed(verifier, case)
        bad = flipped(case.signature, drawn.randrange(8 * len(case.signature)))
        assert not agreed(verifier, Signed(case.key, case.message, bad, case.context))


@pytest.mark.deep
def test_want_of_gas_is_never_a_verdict_at_two_thousand_limits(verifier: Contract, signed: Signed) -> None:
    need = least_gas(verifier, signed)
    for gas in [*range(need - 500, need), *range(150_000, need, (need - 150_000) // 1_500)]:
        assert outcome(verifier, signed, gas) is None, gas
