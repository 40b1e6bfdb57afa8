"""One secret key as an encrypted JSON file: Argon2id (RFC 9106) and AES-256-GCM.

    passphrase ─ NFC, UTF-8 ─ Argon2id(salt) ─┬ 32 bytes: AES-256-GCM key
                                              └ 32 bytes: `check` is their SHA-256, which tells a wrong passphrase from
                                                a file that was altered
    associated data = the file's other members as canonical JSON (RFC 8785)

So nothing in the file can be changed, and none be given another's name, without that it opens no more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from novacron.exceptions import InputError, KeyStoreError, WrongPassphraseError
from novacron.provenance.digest import canonical_json
from novacron.quantum.derivation import SEED_SIZE, MasterSeed
from novacron.quantum.keys import KEM_PUBLIC_SIZE, EncryptionKey, SigningKey
from novacron.quantum.schemes import PostQuantumScheme

FORMAT = "novacron-quantum-key-v1"
ML_KEM, MASTER = "ML-KEM-1024", "MASTER-SEED"
SCHEMES: Mapping[str, PostQuantumScheme] = {scheme.fips_name: scheme for scheme in PostQuantumScheme}
ALGORITHMS = (*SCHEMES, ML_KEM, MASTER)
#: Characters of a new passphrase, at least.
SHORTEST = 12

Secret = SigningKey | EncryptionKey | MasterSeed

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_HEADER = ("format", "name", "algorithm", "public_key", "created", "expires", "replaces", "origin")
_MEMBERS = frozenset((*_HEADER, "kdf", "cipher", "check", "ciphertext"))


@dataclass(frozen=True)
class KdfCost:
    """What a guess of the passphrase costs: Argon2id with the second choice of RFC 9106, section 4 (64 MiB).

    Raises:
        InputError: outside 8 KiB a lane to 1 GiB, 1 to 16 passes, 1 to 16 lanes.
    """

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if not (
            1 <= self.lanes <= 16 and 1 <= self.passes <= 16 and 8 * self.lanes <= self.memory_kib <= 1_048_576
        ):  # so that a file cannot make its reader run out of memory
            raise InputError(f"{self}: Argon2id takes 8 KiB a lane to 1 GiB, 1 to 16 passes and 1 to 16 lanes here")


@dataclass(frozen=True)
class KeyEntry:
    """What a key file says without its passphrase.

    Attributes:
        algorithm: one of ALGORITHMS.
        public_key: encoded public key; the fingerprint of a master seed.
        created, expires: Unix seconds; `expires` is the first second at which it signs no more, None for never.
        replaces: name of the key that it takes the place of.
        origin: "NAME:PATH" where it was derived from a master seed.
    """

    name: str
    algorithm: str
    public_key: bytes
    created: int
    expires: int | None = None
    replaces: str | None = None
    origin: str | None = None

    @property
    def scheme(self) -> PostQuantumScheme | None:
        """Of a signature key; None for others."""
        return SCHEMES.get(self.algorithm)

    def expired(self, now: float) -> bool:
        """Whether its time is over at a Unix time."""
        return self.expires is not None and now >= self.expires

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "algorithm": self.algorithm,
            "public_key": self.public_key.hex(),
            "created": self.created,
            "expires": self.expires,
            "replaces": self.replaces,
            "origin": self.origin,
        }


def check_name(name: str) -> str:
    """`name`, when a key may have it. Raises InputError."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InputError(
            f"{name!r} is no key name: 1 to 64 lower-case letters, digits, dots, dashes and underscores, the first a "
            "letter or digit"
        )
    return name


def describe(secret: Secret) -> tuple[str, bytes]:
    """Algorithm and public key of a secret."""
    if isinstance(secret, SigningKey):
        return secret.scheme.fips_name, secret.public_key
    if isinstance(secret, EncryptionKey):
        return ML_KEM, secret.public_key
    return MASTER, secret.fingerprint


def seal(entry: KeyEntry, secret: Secret, passphrase: str, cost: KdfCost) -> str:
    """The file's text.

    Raises:
        InputError: a passphrase of less than 12 characters.
    """
    if len(passphrase) < SHORTEST:
        raise InputError(f"the passphrase is too short: take {SHORTEST} characters or more")
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    key, check = _stretch(passphrase, salt, cost)
    members: dict[str, Any] = {
        "format": FORMAT,
        **entry.to_dict(),
        "kdf": {
            "name": "argon2id",
            "salt": salt.hex(),
            "memory_kib": cost.memory_kib,
            "passes": cost.passes,
            "lanes": cost.lanes,
        },
        "cipher": {"name": "AES-256-GCM", "nonce": nonce.hex()},
        "check": check,
    }
    sealed = AESGCM(key).encrypt(nonce, secret.secret_bytes(), canonical_json(members))
    return json.dumps({**members, "ciphertext": sealed.hex()}, indent=2) + "\n"


def read(text: str, name: str) -> tuple[KeyEntry, dict[str, Any]]:
    """What a file says, and its members for `unseal`. None of it is authentic before it has been unsealed.

    Raises:
        KeyStoreError: no key file, or another key's.
    """
    try:
        members = json.loads(text)
        if not isinstance(members, dict) or set(members) != _MEMBERS:
            raise ValueError("it has not the members of one")
        if members["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        if members["name"] != name:
            raise ValueError(f"it is that of {members['name']!r:.80}")
        entry = KeyEntry(
            name=check_name(members["name"]),
            algorithm=members["algorithm"],
            public_key=bytes.fromhex(members["public_key"]),
            created=_seconds(members["created"]),
            expires=None if members["expires"] is None else _seconds(members["expires"]),
            replaces=None if members["replaces"] is None else check_name(members["replaces"]),
            origin=None if members["origin"] is None else str(members["origin"]),
        )
        if entry.algorithm not in ALGORITHMS or len(entry.public_key) != _public_size(entry.algorithm):
            raise ValueError("its algorithm is unknown, or the public key has not its length")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise KeyStoreError(f"the file of key {name} is no key file: {error}; restore it from a copy") from None
    return entry, members


def unseal(entry: KeyEntry, members: Mapping[str, Any], passphrase: str) -> Secret:
    """The secret in a file.

    Raises:
        WrongPassphraseError: it was stored under another passphrase.
        KeyStoreError: the file was altered.
    """
    altered = KeyStoreError(f"the file of key {entry.name} was altered: it does not open; restore it from a copy")
    try:
        kdf, cipher = members["kdf"], members["cipher"]
        if (kdf["name"], cipher["name"]) != ("argon2id", "AES-256-GCM"):
            raise altered
        numbers = (kdf["memory_kib"], kdf["passes"], kdf["lanes"])
        if not all(type(number) is int for number in numbers):
            raise altered
        cost, salt, nonce = KdfCost(*numbers), bytes.fromhex(kdf["salt"]), bytes.fromhex(cipher["nonce"])
        sealed, check = bytes.fromhex(members["ciphertext"]), bytes.fromhex(members["check"])
        if len(salt) != 16 or len(nonce) != 12:
            raise altered
        associated = canonical_json({name: value for name, value in members.items() if name != "ciphertext"})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise altered from None
    key, expected = _stretch(passphrase, salt, cost)
    if not hmac.compare_digest(check, bytes.fromhex(expected)):
        raise WrongPassphraseError(f"wrong passphrase for key {entry.name}")
    try:
        secret = _secret(entry.algorithm, AESGCM(key).decrypt(nonce, sealed, associated))
    except (InvalidTag, InputError):
        raise altered from None
    if describe(secret) != (entry.algorithm, entry.public_key):
        raise altered
    return secret


def _secret(algorithm: str, raw: bytes) -> Secret:
    if algorithm in SCHEMES:
        return SigningKey.from_secret(SCHEMES[algorithm], raw)
    return EncryptionKey.from_seed(raw) if algorithm == ML_KEM else MasterSeed(raw)


def _public_size(algorithm: str) -> int:
    if algorithm in SCHEMES:
        return SCHEMES[algorithm].facts.public_key_size
    return KEM_PUBLIC_SIZE if algorithm == ML_KEM else SEED_SIZE // 2


def _stretch(passphrase: str, salt: bytes, cost: KdfCost) -> tuple[bytes, str]:
    try:
        octets = unicodedata.normalize("NFC", passphrase).encode()
    except UnicodeEncodeError:
        raise InputError("the passphrase holds characters that are no text; take another one") from None
    kdf = Argon2id(salt=salt, length=64, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    stretched = kdf.derive(octets)
    return stretched[:32], hashlib.sha256(stretched[32:]).hexdigest()


def _seconds(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise ValueError("its dates are no Unix seconds")
    return value
