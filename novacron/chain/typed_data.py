"""EIP-712 typed data: documents as wallets take them, their digests, and signatures over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.signer import LocalSigner
from novacron.exceptions import ConfigurationError, InputError

#: `{"types": …, "primaryType": …, "domain": …, "message": …}`, the argument of eth_signTypedData_v4.
TypedData = Mapping[str, Any]


@runtime_checkable
class TypedDataSigner(Protocol):
    """Something that signs typed data for one account."""

    @property
    def address(self) -> str:
        """EIP-55 checksum address of the account."""

    def sign_typed_data(self, document: TypedData) -> bytes:
        """65 bytes: r, s and v of 27 or 28 (EIP-712)."""


class _LocalTypedDataSigner:
    """Typed data signed by the key of a LocalSigner."""

    def __init__(self, signer: LocalSigner) -> None:
        self._signer = signer

    @property
    def address(self) -> str:
        return self._signer.address

    def sign_typed_data(self, document: TypedData) -> bytes:
        return self._signer.sign_message(signable(document))


def typed_data_signer(signer: object) -> TypedDataSigner:
    """A signer of typed data over a signer of transactions.

    Raises:
        ConfigurationError: this kind of account signs transactions only.
    """
    if isinstance(signer, TypedDataSigner):
        return signer
    if isinstance(signer, LocalSigner):
        return _LocalTypedDataSigner(signer)
    raise ConfigurationError(f"{signer!r} signs no messages; sign the printed typed data with a wallet instead")


def signable(document: TypedData) -> SignableMessage:
    """The document as eth_account signs it.

    Raises:
        InputError: it is no EIP-712 document.
    """
    try:
        return encode_typed_data(full_message=dict(document))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"no EIP-712 document: {error}") from error


def digest_of(document: TypedData) -> bytes:
    """What is signed: keccak256("\\x19\\x01" ‖ domain separator ‖ hash of the message), 32 bytes (EIP-712)."""
    message = signable(document)
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """Checksum address whose key signed a digest; None when the 65 bytes are no signature. v is 27 or 28."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    try:
        return str(to_checksum_address(Account._recover_hash(digest, signature=signature)))
    except (BadSignature, ValueError):
        return None
