"""Working keys from one master seed: fixed vectors, so that a later version makes the same keys."""

from __future__ import annotations

import copy
import hashlib
import hmac

import pytest

from novacron.exceptions import InputError
from novacron.quantum import PostQuantumScheme
from novacron.quantum.derivation import MAX_DEPTH, MasterSeed

SEED = bytes(range(64))
PATH = "release/2026-q4"


def hkdf(seed: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-512, written down again."""
    extracted = hmac.digest(b"novacron quantum key derivation v1", seed, "sha512")
    assert length <= 64
    return hmac.digest(extracted, info + b"\x01", "sha512")[:length]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_keys_are_those_that_the_documentation_describes() -> None:
    node = SEED
    for step in (b"release", b"2026-q4"):
        node = hkdf(node, b"child" + len(step).to_bytes(2, "big") + step, 64)
    derived = MasterSeed(SEED).child(PATH)
    assert derived.secret_bytes() == node
    assert derived.fingerprint == hkdf(node, b"fingerprint", 32)
    key = derived.signing_key(PostQuantumScheme.ML_DSA_87)
    assert key.secret_bytes() == hkdf(node, b"signingML-DSA-87", 32)
    assert derived.encryption_key().secret_bytes() == hkdf(node, b"encryptionML-KEM-1024", 64)


def test_the_vectors_stay() -> None:
    master = MasterSeed(SEED)
    node = master.child(PATH)
    found = {
        "child": sha(node.secret_bytes()),
        "ML-DSA-44": sha(node.signing_key(PostQuantumScheme.ML_DSA_44).public_key),
        "ML-DSA-65": sha(node.signing_key(PostQuantumScheme.ML_DSA_65).public_key),
        "ML-DSA-87": sha(node.signing_key(PostQuantumScheme.ML_DSA_87).public_key),
        "ML-KEM-1024": node.encryption_key().key_id.hex(),
        "master's own ML-DSA-87": sha(master.signing_key(PostQuantumScheme.ML_DSA_87).public_key),
    }
    assert found == {
        "child": "acb651a7b7d33b4f820c1bf8e176f8f8163e8cd9ca1933ac1ab9be1d14a0e5fd",
        "ML-DSA-44": "98c8e5358739e857aa3847ac9329a3ea1191bb42092c8fefd4096657bb0686c4",
        "ML-DSA-65": "1ea0056e1776cb9e3dbb4069b2c43c0a71e80325b0ccf9cfd3f512473fa4cd04",
        "ML-DSA-87": "87dc7a19a8b2ebd09fde1a6c529139e5d4a0d078c8e3fe20319292550b6f962d",
        "ML-KEM-1024": "52af63e72a24223ba57d92015aa651b828ac295be3af1de190c5c794b1b0208c",
        "master's own ML-DSA-87": "50dfc9d14924dd375276646ec014f45f38eb5b08d694cf0829028570bd6642f6",
    }


def test_one_step_after_the_other_is_the_whole_path() -> None:
    master = MasterSeed(SEED)
    assert master.child("release").child("2026-q4").fingerprint == master.child(PATH).fingerprint
    fingerprints = {
        master.child(path).fingerprint
        for path in ("release", "release/2026-q4", "2026-q4/release", "release2026-q4", "Release")
    }
    assert len(fingerprints) == 5
    assert MasterSeed.generate().fingerprint != MasterSeed.generate().fingerprint


@pytest.mark.parametrize("path", ["", "/", "a/", "/a", "a//b", "a b", "ä", "..", "-a", "a" * 65, "/".join("a" * 17)])
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(InputError, match=f"write 1 to {MAX_DEPTH} steps"):
        MasterSeed(SEED).child(path)


def test_a_hash_based_key_is_not_derived_and_a_seed_has_64_bytes() -> None:
    with pytest.raises(InputError, match="SLH-DSA-SHA2-128s cannot be made from a seed"):
        MasterSeed(SEED).signing_key(PostQuantumScheme.SLH_DSA_SHA2_128S)
    for seed in (b"", SEED[:32], SEED + b"\0", "x" * 64):
        with pytest.raises(InputError, match="64 bytes"):
            MasterSeed(seed)  # type: ignore[arg-type]


def test_a_master_seed_is_not_shown_or_copied() -> None:
    master = MasterSeed(SEED)
    assert SEED.hex() not in repr(master)
    assert master.fingerprint.hex() in repr(master)
    with pytest.raises(TypeError):
        copy.copy(master)
