"""Post-quantum keys: ML-DSA (FIPS 204), SLH-DSA (FIPS 205) and ML-KEM-1024 (FIPS 203).

Signatures are of the pure mode with a context of up to 255 bytes. ML-DSA and ML-KEM are those of the `cryptography`
package, SLH-DSA that of `pqcrypto`. A secret lives inside one object and nowhere else: not in its repr, not in an
exception, not in a pickle. (Python cannot wipe memory: whoever reads this process's memory reads its keys.)
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey
from eth_abi.abi import encode as abi_encode
from pqcrypto.sign import slh_dsa_sha2_128s

from novacron.exceptions import InputError
from novacron.provenance.keccak import keccak256
from novacron.quantum.schemes import PostQuantumScheme

MAX_CONTEXT = 255
SHARED_SIZE = 32
#: ML-KEM-1024, FIPS 203 table 3, bytes; the seed is d ‖ z.
KEM_PUBLIC_SIZE, KEM_CIPHERTEXT_SIZE, KEM_SEED_SIZE = 1_568, 1_568, 64

_PRIVATE: Mapping[PostQuantumScheme, type[MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey]] = (
    MappingProxyType(
        {
            PostQuantumScheme.ML_DSA_44: MLDSA44PrivateKey,
            PostQuantumScheme.ML_DSA_65: MLDSA65PrivateKey,
            PostQuantumScheme.ML_DSA_87: MLDSA87PrivateKey,
        }
    )
)
_PUBLIC: Mapping[PostQuantumScheme, type[MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey]] = MappingProxyType(
    {
        PostQuantumScheme.ML_DSA_44: MLDSA44PublicKey,
        PostQuantumScheme.ML_DSA_65: MLDSA65PublicKey,
        PostQuantumScheme.ML_DSA_87: MLDSA87PublicKey,
    }
)


class _Signs(Protocol):
    def sign(self, message: bytes, context: bytes) -> bytes: ...


class Signer(Protocol):
    """Something that signs with one key: a `SigningKey`, or one in a key store that watches its expiry."""

    @property
    def verifying_key(self) -> VerifyingKey:
        """The public half."""

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """As `SigningKey.sign`."""


class SecretHolder:
    """Something that is never printed, pickled or copied."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret key is never pickled or copied; keep it in a key store")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret key is never pickled or copied; keep it in a key store")


@dataclass(frozen=True, repr=False)
class VerifyingKey:
    """A public signature key, encoded as its standard says.

    Raises:
        InputError: a wrong length.
    """

    scheme: PostQuantumScheme
    public_key: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "scheme", PostQuantumScheme(self.scheme))
        object.__setattr__(self, "public_key", _octets(self.public_key, "public key"))
        _sized(self.public_key, self.scheme.facts.public_key_size, f"a public key of {self.scheme}")

    def __repr__(self) -> str:
        return f"<VerifyingKey {self.scheme} {self.onchain.hex()}>"

    @cached_property
    def onchain(self) -> bytes:
        """The 32 bytes that stand for this key on chain: the id of an ML-DSA key, an SLH-DSA key itself."""
        if self.scheme.is_ml_dsa:
            return keccak256(abi_encode(["uint8", "bytes"], [int(self.scheme), self.public_key]))
        return self.public_key

    def verify(self, signature: bytes, message: bytes, context: bytes = b"") -> bool:
        """Whether this key signed the message under this context (pure mode); False for anything malformed.

        Raises:
            InputError: an argument that is no bytes.
        """
        signature, message = _octets(signature, "signature"), _octets(message, "message")
        context = _octets(context, "context")
        if len(context) > MAX_CONTEXT or len(signature) != self.scheme.facts.signature_size:
            return False
        if not self.scheme.is_ml_dsa:
            try:
                slh_dsa_sha2_128s.verify(self.public_key, message, signature, context)
            except ValueError:  # InvalidSignatureError is one
                return False
            return True
        try:
            _PUBLIC[self.scheme].from_public_bytes(self.public_key).verify(signature, message, context)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey(SecretHolder):
    """A secret signature key. Make one by `generate`, `from_seed` or `from_secret`."""

    __slots__ = ("__secret", "__signer", "__verifying_key")

    def __init__(self, signer: _Signs, secret: bytes, verifying_key: VerifyingKey) -> None:
        self.__signer, self.__secret = signer, secret
        self.__verifying_key = verifying_key

    @classmethod
    def generate(cls, scheme: PostQuantumScheme) -> SigningKey:
        """A fresh key, from the operating system's random numbers."""
        scheme = PostQuantumScheme(scheme)
        if scheme.is_ml_dsa:
            return cls.from_seed(scheme, secrets.token_bytes(scheme.facts.secret_size))
        return cls.from_secret(scheme, slh_dsa_sha2_128s.keygen()[1])

    @classmethod
    def from_seed(cls, scheme: PostQuantumScheme, seed: bytes) -> SigningKey:
        """The ML-DSA key of a seed ξ of 32 bytes (FIPS 204, algorithm 6): the same seed gives the same key.

        Raises:
            InputError: a seed of another length, or of SLH-DSA, whose library generates keys only.
        """
        if not PostQuantumScheme(scheme).is_ml_dsa:
            raise InputError(f"a key of {scheme!s} cannot be made from a seed; generate it and keep it in a key store")
        return cls.from_secret(scheme, seed)

    @classmethod
    def from_secret(cls, scheme: PostQuantumScheme, secret: bytes) -> SigningKey:
        """What `secret_bytes` gave. Raises InputError when it is no secret key of this scheme."""
        scheme, secret = PostQuantumScheme(scheme), _octets(secret, "secret key")
        _sized(secret, scheme.facts.secret_size, f"a secret key of {scheme}")
        signer: _Signs
        if scheme.is_ml_dsa:
            private = _PRIVATE[scheme].from_seed_bytes(secret)
            signer, public = private, private.public_key().public_bytes_raw()
        else:
            signer, public = _SlhDsaSigner(secret), secret[32:]  # SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root
        return cls(signer, secret, VerifyingKey(scheme, public))

    @property
    def verifying_key(self) -> VerifyingKey:
        """The public half."""
        return self.__verifying_key

    @property
    def scheme(self) -> PostQuantumScheme:
        """Its scheme."""
        return self.verifying_key.scheme

    @property
    def public_key(self) -> bytes:
        """The encoded public key."""
        return self.verifying_key.public_key

    @property
    def onchain(self) -> bytes:
        """The 32 bytes that stand for it on chain; see `VerifyingKey.onchain`."""
        return self.verifying_key.onchain

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """Sign in pure mode, hedged: each signature differs (FIPS 204 algorithm 2, FIPS 205 algorithm 22).

        Raises:
            InputError: a context of more than 255 bytes, or an argument that is no bytes.
        """
        message, context = _octets(message, "message"), _octets(context, "context")
        if len(context) > MAX_CONTEXT:
            raise InputError(f"a context has at most {MAX_CONTEXT} bytes, this one has {len(context)}")
        return self.__signer.sign(message, context)

    def secret_bytes(self) -> bytes:
        """The secret itself, for a key store: the seed ξ of ML-DSA, the private key of SLH-DSA. Never log it."""
        return self.__secret

    def __repr__(self) -> str:
        return f"<SigningKey {self.scheme} {self.onchain.hex()}>"


@dataclass(frozen=True, repr=False)
class RecipientKey:
    """A public ML-KEM-1024 key: what data is encrypted to.

    Raises:
        InputError: a wrong length, or coefficients that are not reduced (FIPS 203, section 7.2).
    """

    public_key: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "public_key", _octets(self.public_key, "public key"))
        _sized(self.public_key, KEM_PUBLIC_SIZE, "a public key of ML-KEM-1024")
        self._library_key()

    def __repr__(self) -> str:
        return f"<RecipientKey ML-KEM-1024 {self.key_id.hex()}>"

    @cached_property
    def key_id(self) -> bytes:
        """SHA-256 of the encoded public key."""
        return hashlib.sha256(self.public_key).digest()

    def encapsulate(self) -> tuple[bytes, bytes]:
        """A fresh shared secret (32 bytes) and the ciphertext (1,568 bytes) that gives it to the key's holder."""
        return self._library_key().encapsulate()

    def _library_key(self) -> MLKEM1024PublicKey:
        try:
            return MLKEM1024PublicKey.from_public_bytes(self.public_key)
        except ValueError:
            raise InputError("this is no public key of ML-KEM-1024: a coefficient is not reduced") from None


class EncryptionKey(SecretHolder):
    """A secret ML-KEM-1024 key: what decrypts."""

    __slots__ = ("__private", "__seed", "recipient")

    #: The public half.
    recipient: RecipientKey

    def __init__(self, private: MLKEM1024PrivateKey, seed: bytes) -> None:
        self.__private, self.__seed = private, seed
        self.recipient = RecipientKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> EncryptionKey:
        """A fresh key, from the operating system's random numbers."""
        return cls.from_seed(secrets.token_bytes(KEM_SEED_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> EncryptionKey:
        """The key of a seed d ‖ z of 64 bytes (FIPS 203, algorithm 16). Raises InputError."""
        seed = _octets(seed, "seed")
        _sized(seed, KEM_SEED_SIZE, "a seed of ML-KEM-1024")
        return cls(MLKEM1024PrivateKey.from_seed_bytes(seed), seed)

    @property
    def public_key(self) -> bytes:
        """The encoded public key."""
        return self.recipient.public_key

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the encoded public key."""
        return self.recipient.key_id

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared secret, 32 bytes.

        A ciphertext for another key gives a secret that nobody else has, not an error (implicit rejection): what is
        encrypted under it does not authenticate.

        Raises:
            InputError: a ciphertext of another length.
        """
        ciphertext = _octets(ciphertext, "ciphertext")
        _sized(ciphertext, KEM_CIPHERTEXT_SIZE, "a ciphertext of ML-KEM-1024")
        return self.__private.decapsulate(ciphertext)

    def secret_bytes(self) -> bytes:
        """The seed d ‖ z, for a key store. Never log it."""
        return self.__seed

    def __repr__(self) -> str:
        return f"<EncryptionKey ML-KEM-1024 {self.key_id.hex()}>"


class _SlhDsaSigner(SecretHolder):
    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        self.__secret = secret

    def sign(self, message: bytes, context: bytes) -> bytes:
        return bytes(slh_dsa_sha2_128s.sign(self.__secret, message, context))


def _octets(value: Any, what: str) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InputError(f"{what}: expected bytes, got {type(value).__name__}")
    return bytes(value)


def _sized(value: bytes, size: int, what: str) -> None:
    if len(value) != size:
        raise InputError(f"{what} has {size:,} bytes, this one has {len(value):,}")
