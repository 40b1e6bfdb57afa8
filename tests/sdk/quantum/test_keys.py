"""Keys of FIPS 203, 204 and 205, against official vectors, the standards' framing, and everything malformed."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import InputError
from novacron.provenance.keccak import keccak256
from novacron.quantum import EncryptionKey, PostQuantumScheme, RecipientKey, SigningKey, VerifyingKey, parse_scheme
from tests.support import fips205

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"
SCHEMES = list(PostQuantumScheme)
# NIST ACVP-Server, gen-val/json-files/SLH-DSA-keyGen-FIPS205, SLH-DSA-SHA2-128s, test case 1.
NIST_SECRET = bytes.fromhex(
    "aa9cc7dca491fc86bcb15a709a15e9b3905c800b6e2fb9b54b6b050ee5e4de9a"
    "fa5464d1c661fed38b2a51ca3eae71bacae3d1865215e3d3850e8c1b8292bf42"
)


def vectors(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, test) of a Wycheproof file."""
    path = VECTORS / name
    if not path.is_file():
        pytest.skip(f"{name} is not in ../shared/vectors")
    document = json.loads(path.read_text())
    found = [(group, test) for group in document["testGroups"] for test in group["tests"]]
    assert len(found) == document["numberOfTests"]
    return found


@pytest.fixture(scope="module")
def keys() -> dict[PostQuantumScheme, SigningKey]:
    return {scheme: SigningKey.generate(scheme) for scheme in SCHEMES}


@pytest.mark.parametrize("scheme", [PostQuantumScheme.ML_DSA_44, PostQuantumScheme.ML_DSA_87])
def test_every_wycheproof_vector_of_ml_dsa_is_judged_right(scheme: PostQuantumScheme) -> None:
    wrong = []
    for group, test in vectors(f"wycheproof_mldsa_{scheme.fips_name[-2:]}_verify_test.json"):
        public, signature = bytes.fromhex(group["publicKey"]), bytes.fromhex(test["sig"])
        context = bytes.fromhex(test.get("ctx", ""))
        try:
            valid = VerifyingKey(scheme, public).verify(signature, bytes.fromhex(test["msg"]), context)
        except InputError:  # a public key of a wrong length is no key
            assert "IncorrectPublicKeyLength" in test["flags"]
            valid = False
        if valid != (test["result"] == "valid"):
            wrong.append(test["tcId"])
    assert wrong == []


def test_every_wycheproof_vector_of_ml_kem_is_judged_right() -> None:
    wrong = []
    for _, test in vectors("wycheproof_mlkem_1024_test.json"):
        try:
            key = EncryptionKey.from_seed(bytes.fromhex(test["seed"]))
            if "ek" in test:
                RecipientKey(bytes.fromhex(test["ek"]))
            fits = "ek" not in test or key.public_key.hex() == test["ek"]
            valid = fits and key.decapsulate(bytes.fromhex(test["c"])).hex() == test["K"]
        except InputError:
            valid = False
        if valid != (test["result"] == "valid"):
            wrong.append(test["tcId"])
    assert wrong == []


@pytest.mark.parametrize("context", [b"", bytes(range(255))], ids=["no context", "longest context"])
def test_slh_dsa_of_a_nist_key_is_framed_as_fips_205_says(context: bytes) -> None:
    key = SigningKey.from_secret(PostQuantumScheme.SLH_DSA_SHA2_128S, NIST_SECRET)
    assert key.public_key == key.onchain == NIST_SECRET[32:]
    signature = key.sign(b"message", context)
    # M' = 0 ‖ length of the context ‖ context ‖ message, and nothing else.
    assert fips205.verify_internal(bytes([0, len(context)]) + context + b"message", signature, key.public_key)
    assert not fips205.verify_internal(b"message", signature, key.public_key)
    assert not fips205.verify_internal(bytes([1, len(context)]) + context + b"message", signature, key.public_key)
    assert key.verifying_key.verify(signature, b"message", context)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_signature_is_of_one_message_one_context_and_one_key(
    scheme: PostQuantumScheme, keys: dict[PostQuantumScheme, SigningKey]
) -> None:
    key, other = keys[scheme], SigningKey.generate(scheme)
    public = key.verifying_key
    signature = key.sign(b"message", b"context")
    assert len(signature) == scheme.facts.signature_size
    assert len(key.public_key) == scheme.facts.public_key_size
    assert public.verify(signature, b"message", b"context")
    assert key.sign(b"message", b"context") != signature  # hedged
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for changed in (flipped, signature + b"\0", signature[:-1], b"", bytes(len(signature)), b"\xff" * len(signature)):
        assert not public.verify(changed, b"message", b"context")
    assert not public.verify(signature, b"messagE", b"context")
    assert not public.verify(signature, b"message", b"")
    assert not public.verify(signature, b"message", b"c" * 256)
    assert not other.verifying_key.verify(signature, b"message", b"context")


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_context_has_255_bytes_at_most(scheme: PostQuantumScheme, keys: dict[PostQuantumScheme, SigningKey]) -> None:
    if scheme.is_ml_dsa:  # the other is signed under the longest context above
        longest = b"c" * 255
        assert keys[scheme].verifying_key.verify(keys[scheme].sign(b"", longest), b"", longest)
    with pytest.raises(InputError, match="at most 255 bytes, this one has 256"):
        keys[scheme].sign(b"", b"c" * 256)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_key_is_restored_from_its_secret(
    scheme: PostQuantumScheme, keys: dict[PostQuantumScheme, SigningKey]
) -> None:
    again = SigningKey.from_secret(scheme, keys[scheme].secret_bytes())
    assert again.verifying_key == keys[scheme].verifying_key
    assert again.verifying_key.verify(keys[scheme].sign(b"m"), b"m")
    with pytest.raises(InputError, match="a secret key of"):
        SigningKey.from_secret(scheme, keys[scheme].secret_bytes() + b"\0")


def test_on_chain_a_lattice_key_is_named_by_its_hash_and_a_hash_key_by_itself(
    keys: dict[PostQuantumScheme, SigningKey],
) -> None:
    for scheme, key in keys.items():
        if not scheme.is_ml_dsa:
            assert key.onchain == key.public_key
            continue
        size = len(key.public_key)
        padded = key.public_key + bytes(-size % 32)
        encoded = b"".join(number.to_bytes(32, "big") for number in (int(scheme), 64, size)) + padded
        assert key.onchain == keccak256(encoded)


def test_ml_kem_gives_both_sides_one_secret_and_strangers_another() -> None:
    key, other = EncryptionKey.generate(), EncryptionKey.generate()
    shared, ciphertext = key.recipient.encapsulate()
    assert len(shared) == 32
    assert key.decapsulate(ciphertext) == shared
    assert EncryptionKey.from_seed(key.secret_bytes()).decapsulate(ciphertext) == shared
    assert other.decapsulate(ciphertext) != shared  # implicit rejection
    assert key.key_id == key.recipient.key_id != other.key_id
    assert RecipientKey(key.public_key) == key.recipient
    with pytest.raises(InputError, match="1,568 bytes, this one has 1,567"):
        key.decapsulate(ciphertext[:-1])
    with pytest.raises(InputError, match="not reduced"):
        RecipientKey(b"\xff" * 1_568)
    with pytest.raises(InputError, match="public key of ML-KEM-1024 has"):
        RecipientKey(key.public_key + b"\0")
    with pytest.raises(InputError, match="seed of ML-KEM-1024"):
        EncryptionKey.from_seed(bytes(63))


def test_no_secret_is_printed_copied_or_pickled(keys: dict[PostQuantumScheme, SigningKey]) -> None:
    for key in (*keys.values(), EncryptionKey.generate()):
        secret = key.secret_bytes()
        assert secret.hex() not in repr(key) + str(key)
        assert secret.hex()[:16] not in repr(key)
        assert not hasattr(key, "__dict__")
        for act in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="never pickled or copied"):
                act(key)  # type: ignore[operator]


def test_what_is_no_bytes_is_refused_by_name(keys: dict[PostQuantumScheme, SigningKey]) -> None:
    key = keys[PostQuantumScheme.ML_DSA_44]
    with pytest.raises(InputError, match="message: expected bytes, got str"):
        key.sign("text")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="signature: expected bytes, got int"):
        key.verifying_key.verify(2_420, b"")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"public key of ML-DSA-44 has 1,312 bytes, this one has 3"):
        VerifyingKey(PostQuantumScheme.ML_DSA_44, b"abc")
    with pytest.raises(InputError, match="cannot be made from a seed"):
        SigningKey.from_seed(PostQuantumScheme.SLH_DSA_SHA2_128S, bytes(32))
    assert key.verifying_key.verify(bytearray(key.sign(memoryview(b"m"))), b"m")


def test_schemes_are_named_as_the_standards_name_them() -> None:
    names = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "SLH-DSA-SHA2-128s"]
    assert [str(scheme) for scheme in SCHEMES] == names
    assert [parse_scheme(name.upper()) for name in names] == SCHEMES
    assert [int(scheme) for scheme in SCHEMES] == [0, 1, 2, 3]
    with pytest.raises(InputError, match="'Dilithium5' is no scheme: choose one of ML-DSA-44"):
        parse_scheme("Dilithium5")
