"""Who may open sealed data: the file key, wrapped for each recipient by ML-KEM-1024 (FIPS 203).

    shared, ciphertext = ML-KEM-1024.Encaps(recipient)
    wrap key           = HKDF-SHA-256(shared, salt, "novacron/seal/1 recipient" ‖ key id ‖ ciphertext)
    wrapped            = AES-256-GCM(wrap key, nonce 0, file key)

A wrap key is used once, so its nonce may be constant. Salt, key id and ciphertext go into its derivation: a stanza that
is carried to another header, or presented for another key, opens nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from novacron.exceptions import InputError, SealFormatError, SealTamperedError
from novacron.quantum.keys import KEM_CIPHERTEXT_SIZE, EncryptionKey, RecipientKey

KEY_SIZE = SALT_SIZE = KEY_ID_SIZE = 32
TAG_SIZE = 16
WRAPPED_SIZE = KEY_SIZE + TAG_SIZE
STANZA_SIZE = KEY_ID_SIZE + KEM_CIPHERTEXT_SIZE + WRAPPED_SIZE

#: More would make a header of over 100 MiB; nobody has so many.
MAX_RECIPIENTS = 1024

_DOMAIN = b"novacron/seal/1 "
_NONCE = bytes(12)


class FileKey:
    """The key of one payload and all its headers. Never shown, pickled or compared by accident."""

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise InputError(f"a file key has {KEY_SIZE} bytes, this one has {len(secret)}")
        self.__secret = bytes(secret)

    def __repr__(self) -> str:
        return "<FileKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a file key is never pickled or copied; it lives in a header, wrapped for its recipients")

    def derive(self, salt: bytes, purpose: bytes) -> bytes:
        """A key of 32 bytes for one purpose."""
        return _hkdf(self.__secret, salt, purpose)

    def mac(self, salt: bytes, data: bytes) -> bytes:
        """HMAC-SHA-256 over a header. It commits to the file key too: no second key gives the same header."""
        return hmac.digest(self.derive(salt, b"header"), data, "sha256")

    def wrap(self, salt: bytes, recipient: RecipientKey) -> Stanza:
        """This key, for one recipient; fresh each time."""
        shared, ciphertext = recipient.encapsulate()
        wrapped = AESGCM(_wrap_key(shared, salt, recipient.key_id, ciphertext)).encrypt(_NONCE, self.__secret, None)
        return Stanza(recipient.key_id, ciphertext, wrapped)


@dataclass(frozen=True)
class Stanza:
    """One recipient's part of a header: the key's id, the ML-KEM ciphertext, the wrapped file key."""

    key_id: bytes
    ciphertext: bytes
    wrapped: bytes

    def encode(self) -> bytes:
        """`STANZA_SIZE` bytes."""
        return self.key_id + self.ciphertext + self.wrapped

    @classmethod
    def decode(cls, data: bytes) -> Stanza:
        """What `encode` made."""
        if len(data) != STANZA_SIZE:
            raise SealFormatError(f"a recipient's part of a header has {STANZA_SIZE} bytes, this one has {len(data)}")
        middle = KEY_ID_SIZE + KEM_CIPHERTEXT_SIZE
        return cls(data[:KEY_ID_SIZE], data[KEY_ID_SIZE:middle], data[middle:])

    def unwrap(self, salt: bytes, key: EncryptionKey) -> FileKey:
        """The file key.

        Raises:
            SealTamperedError: the stanza is not what was made for this key. (ML-KEM itself never says so: a damaged
                ciphertext gives a secret that nothing was wrapped under.)
        """
        shared = key.decapsulate(self.ciphertext)
        try:
            secret = AESGCM(_wrap_key(shared, salt, self.key_id, self.ciphertext)).decrypt(_NONCE, self.wrapped, None)
        except InvalidTag:
            raise SealTamperedError(
                f"the header's part for key {self.key_id.hex()} was altered, or is of another header; get it again"
            ) from None
        return FileKey(secret)


def check_recipients(recipients: Sequence[RecipientKey]) -> tuple[RecipientKey, ...]:
    """The recipients, at least one, none twice. Raises InputError."""
    if not recipients:
        raise InputError("nobody could open what is sealed for no recipient; give at least one public key")
    if len(recipients) > MAX_RECIPIENTS:
        raise InputError(f"at most {MAX_RECIPIENTS} recipients, got {len(recipients)}")
    seen: set[bytes] = set()
    for recipient in recipients:
        if recipient.key_id in seen:
            raise InputError(f"the recipient {recipient.key_id.hex()} is given twice")
        seen.add(recipient.key_id)
    return tuple(recipients)


def _wrap_key(shared: bytes, salt: bytes, key_id: bytes, ciphertext: bytes) -> bytes:
    return _hkdf(shared, salt, b"recipient" + key_id + ciphertext)


def _hkdf(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_SIZE, salt, _DOMAIN + purpose).derive(secret)
