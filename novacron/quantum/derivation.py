"""Working keys from one master seed: hierarchical, hardened, deterministic.

    master ─ child("release") ─ child("2026-q4") ─ signing_key(ML-DSA-87)
                                                 └ encryption_key()

Each step is HKDF-SHA-512 (RFC 5869) of the seed above it, so a seed gives everything below it and nothing beside or
above it: a department can be handed its own node. With SALT the ASCII text "novacron quantum key derivation v1":

    child(c)           = HKDF(seed, SALT, "child"   ‖ len(c) as two bytes, big-endian ‖ c in UTF-8, 64 bytes)
    signing_key(s)     = ML-DSA key of ξ     = HKDF(seed, SALT, "signing" ‖ FIPS name of s, 32 bytes)
    encryption_key()   = ML-KEM key of d ‖ z = HKDF(seed, SALT, "encryption" ‖ "ML-KEM-1024", 64 bytes)
    fingerprint        =                       HKDF(seed, SALT, "fingerprint", 32 bytes), which is public

"release/2026-q4" is the two steps "release" and "2026-q4". SLH-DSA keys are generated, not derived: their library has
no key generation from a seed.
"""

from __future__ import annotations

import re
import secrets

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from novacron.exceptions import InputError
from novacron.quantum.keys import KEM_SEED_SIZE, EncryptionKey, SecretHolder, SigningKey
from novacron.quantum.schemes import PostQuantumScheme

SEED_SIZE = 64
MAX_DEPTH = 16

_SALT = b"novacron quantum key derivation v1"
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class MasterSeed(SecretHolder):
    """64 secret bytes from which keys follow; the master, or the seed of one of its children."""

    __slots__ = ("__seed",)

    def __init__(self, seed: bytes) -> None:
        """Raises InputError when it has not 64 bytes."""
        if not isinstance(seed, bytes) or len(seed) != SEED_SIZE:
            raise InputError(f"a master seed has {SEED_SIZE} bytes")
        self.__seed = seed

    @classmethod
    def generate(cls) -> MasterSeed:
        """A fresh seed, from the operating system's random numbers."""
        return cls(secrets.token_bytes(SEED_SIZE))

    def child(self, path: str) -> MasterSeed:
        """The seed at a path below this one, such as "release/2026-q4".

        Raises:
            InputError: an empty or malformed step, or more than 16 of them.
        """
        seed = self.__seed
        for step in parse_path(path):
            encoded = step.encode()
            seed = _hkdf(seed, b"child" + len(encoded).to_bytes(2, "big") + encoded, SEED_SIZE)
        return MasterSeed(seed)

    def signing_key(self, scheme: PostQuantumScheme) -> SigningKey:
        """This node's ML-DSA key. Raises InputError for SLH-DSA."""
        scheme = PostQuantumScheme(scheme)
        return SigningKey.from_seed(scheme, _hkdf(self.__seed, b"signing" + scheme.fips_name.encode(), 32))

    def encryption_key(self) -> EncryptionKey:
        """This node's ML-KEM-1024 key."""
        return EncryptionKey.from_seed(_hkdf(self.__seed, b"encryption" + b"ML-KEM-1024", KEM_SEED_SIZE))

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that tell this seed from others and nothing else about it."""
        return _hkdf(self.__seed, b"fingerprint", 32)

    def secret_bytes(self) -> bytes:
        """The seed itself, for a key store. Never log it."""
        return self.__seed

    def __repr__(self) -> str:
        return f"<MasterSeed {self.fingerprint.hex()}>"


def parse_path(path: str) -> list[str]:
    """The steps of a path. Raises InputError."""
    steps = path.split("/")
    if len(steps) > MAX_DEPTH or not all(_STEP.fullmatch(step) for step in steps):
        raise InputError(
            f"path {path!r}: write 1 to {MAX_DEPTH} steps between slashes, each of letters, digits, dots, dashes and "
            "underscores, such as release/2026-q4"
        )
    return steps


def _hkdf(seed: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA512(), length, _SALT, info).derive(seed)
