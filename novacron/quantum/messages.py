"""What post-quantum keys sign for QuantumVerification: EIP-712 messages, and requests and signatures as files.

A digest is always computed here from what is known, never taken from an endpoint. A request holds a message for a key
on a machine without a network (a root key); a signed request goes back and is handed in by anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from eth_abi.abi import encode as abi_encode

from novacron.chain.addresses import parse_address
from novacron.chain.typed_data import TypedData, digest_of
from novacron.exceptions import InputError, QuantumError
from novacron.provenance.digest import DIGEST_SIZE
from novacron.provenance.keccak import keccak256
from novacron.quantum.keys import Signer, VerifyingKey
from novacron.quantum.schemes import PostQuantumScheme, parse_scheme

#: EIP-712 domain of QuantumVerification.
NAME, VERSION = "QuantumVerification", "1"
FORMAT = "novacron-quantum-signature-v1"
ANYBODY = "0x" + "00" * 20
NO_KEY = bytes(DIGEST_SIZE)
_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))


@dataclass(frozen=True)
class Domain:
    """Where a message counts: one contract on one chain."""

    chain_id: int
    contract: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "contract", parse_address(self.contract, "QuantumVerification"))


@dataclass(frozen=True)
class Message:
    """Base of the five messages; fields and types as the contract's."""

    KIND: ClassVar[str]
    #: Name in the contract, its type and the attribute here.
    LAYOUT: ClassVar[tuple[tuple[str, str, str], ...]]

    domain: Domain

    def __post_init__(self) -> None:
        for name, kind, attribute in self.LAYOUT:
            value = getattr(self, attribute)
            object.__setattr__(self, attribute, _checked(kind, value, f"{self.KIND}.{name}"))

    @property
    def typed_data(self) -> TypedData:
        """The document (EIP-712)."""
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
                self.KIND: [{"name": name, "type": kind} for name, kind, _ in self.LAYOUT],
            },
            "primaryType": self.KIND,
            "domain": {
                "name": NAME,
                "version": VERSION,
                "chainId": self.domain.chain_id,
                "verifyingContract": self.domain.contract,
            },
            "message": {name: _json(getattr(self, attribute)) for name, _, attribute in self.LAYOUT},
        }

    @property
    def digest(self) -> bytes:
        """What is signed, 32 bytes; equal to the contract's view."""
        return digest_of(self.typed_data)

    @classmethod
    def of_typed_data(cls, document: Mapping[str, Any]) -> Self:
        """From a document; anything but exactly this kind of message is refused. Raises QuantumError."""
        try:
            domain, message = document["domain"], document["message"]
            values = {attribute: _parsed(kind, message[name]) for name, kind, attribute in cls.LAYOUT}
            made = cls(Domain(_parsed("uint256", domain["chainId"]), domain["verifyingContract"]), **values)
        except (KeyError, TypeError, ValueError) as error:
            words = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)
            raise QuantumError(f"this is no {cls.KIND} of QuantumVerification: {words}") from None
        if made.typed_data != document:
            raise QuantumError(f"this asks for a signature over something else than one {cls.KIND}")
        return made

    def describe(self) -> dict[str, Any]:
        """What it says, for whoever decides whether to sign it."""
        shown = {name: _json(getattr(self, attribute)) for name, _, attribute in self.LAYOUT}
        if "scheme" in shown:
            shown["scheme"] = PostQuantumScheme(shown["scheme"]).fips_name
        return {"signs": self.KIND, "chain": self.domain.chain_id, "contract": self.domain.contract, **shown}


@dataclass(frozen=True)
class RootEnrolment(Message):
    """A root key proves that it is held."""

    KIND = "RootEnrolment"
    LAYOUT = (("scheme", "uint8", "scheme"), ("publicKey", "bytes32", "public_key"), ("account", "address", "account"))

    scheme: PostQuantumScheme
    public_key: bytes
    account: str = ANYBODY

    @property
    def key(self) -> bytes:
        """Id of the root."""
        return key_id(NO_KEY, self.scheme, self.public_key)


@dataclass(frozen=True)
class KeyAuthorization(Message):
    """A root authorises a working key; times in Unix seconds, `valid_from` 0 for when it is mined."""

    KIND = "KeyAuthorization"
    LAYOUT = (
        ("root", "bytes32", "root"),
        ("scheme", "uint8", "scheme"),
        ("publicKey", "bytes32", "public_key"),
        ("account", "address", "account"),
        ("validFrom", "uint40", "valid_from"),
        ("validUntil", "uint40", "valid_until"),
        ("replaces", "bytes32", "replaces"),
        ("nonce", "uint256", "nonce"),
    )

    root: bytes
    scheme: PostQuantumScheme
    public_key: bytes
    valid_until: int
    nonce: int
    account: str = ANYBODY
    valid_from: int = 0
    replaces: bytes = NO_KEY

    @property
    def key(self) -> bytes:
        """Id of the working key."""
        return key_id(self.root, self.scheme, self.public_key)


@dataclass(frozen=True)
class KeyRevocation(Message):
    """A root revokes a key of its own, or itself, as of a Unix second."""

    KIND = "KeyRevocation"
    LAYOUT = (("key", "bytes32", "key"), ("since", "uint40", "since"), ("reason", "bytes32", "reason"))

    key: bytes
    since: int
    reason: bytes = bytes(DIGEST_SIZE)


@dataclass(frozen=True)
class Verification(Message):
    """A working key signs a datum; `account` is the one that the key is bound to."""

    KIND = "Verification"
    LAYOUT = (("dataHash", "bytes32", "data_hash"), ("key", "bytes32", "key"), ("account", "address", "account"))

    data_hash: bytes
    key: bytes
    account: str = ANYBODY


@dataclass(frozen=True)
class Batch(Message):
    """A working key signs the root of a Merkle tree of `size` data."""

    KIND = "Batch"
    LAYOUT = (
        ("root", "bytes32", "root"),
        ("size", "uint64", "size"),
        ("key", "bytes32", "key"),
        ("account", "address", "account"),
    )

    root: bytes
    size: int
    key: bytes
    account: str = ANYBODY


#: What a root signs, and so what a request may hold.
REQUESTS: tuple[type[Message], ...] = (RootEnrolment, KeyAuthorization, KeyRevocation)


@dataclass(frozen=True)
class SignedRequest:
    """A message of a root with its signature, as it travels from the machine without a network."""

    message: Message
    signer: VerifyingKey
    signature: bytes

    def require_valid(self) -> None:
        """Raises QuantumError when the signature is not that of the named key over this message."""
        if not self.signer.verify(self.signature, self.message.digest):
            raise QuantumError(
                f"this signature of a {self.message.KIND} is not that of {self.signer!r}: the file was altered, or "
                "belongs to another request"
            )

    def to_json(self) -> str:
        """As a file."""
        document = {
            "format": FORMAT,
            "scheme": self.signer.scheme.fips_name,
            "publicKey": "0x" + self.signer.public_key.hex(),
            "signature": "0x" + self.signature.hex(),
            "request": self.message.typed_data,
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SignedRequest:
        """Read what `to_json` wrote. Raises QuantumError."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            signer = VerifyingKey(parse_scheme(document["scheme"]), _unhex(document["publicKey"]))
            return cls(request_of(document["request"]), signer, _unhex(document["signature"]))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            words = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)
            raise QuantumError(f"this is no signed request of QuantumVerification: {words}") from None


def request_of(document: Any) -> Message:
    """The message in a request's typed data. Raises QuantumError."""
    kind = document.get("primaryType") if isinstance(document, dict) else None
    for one in REQUESTS:
        if kind == one.KIND:
            return one.of_typed_data(document)
    raise QuantumError(f"this asks a root for none of {', '.join(one.KIND for one in REQUESTS)}")


def parse_request(text: str) -> Message:
    """A request from the typed data in a file. Raises QuantumError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QuantumError(f"this is no request: {error}") from None
    return request_of(document)


def sign_request(message: Message, signer: Signer) -> SignedRequest:
    """Sign a message; needs no chain."""
    return SignedRequest(message, signer.verifying_key, signer.sign(message.digest))


def key_id(root: bytes, scheme: PostQuantumScheme, public_key: bytes) -> bytes:
    """`keyIdOf`: keccak256(abi.encode(root, scheme, publicKey)); `root` zero for a root key."""
    root, public_key = _checked("bytes32", root, "root"), _checked("bytes32", public_key, "public key")
    return keccak256(abi_encode(["bytes32", "uint8", "bytes32"], [root, int(scheme), public_key]))


def root_id(key: VerifyingKey) -> bytes:
    """Id of a root by its public key."""
    return key_id(NO_KEY, key.scheme, key.onchain)


def working_id(root: bytes, key: VerifyingKey) -> bytes:
    """Id of a root's working key by its public key."""
    return key_id(root, key.scheme, key.onchain)


def _checked(kind: str, value: Any, what: str) -> Any:
    if kind == "bytes32":
        if not isinstance(value, bytes) or len(value) != DIGEST_SIZE:
            raise InputError(f"{what} has {DIGEST_SIZE} bytes")
        return value
    if kind == "address":
        return parse_address(value, what)
    limit = 1 << int(kind.removeprefix("uint"))
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise InputError(f"{what} {value!r} is no {kind}")
    if kind == "uint8":  # the only one is the scheme
        if value not in list(PostQuantumScheme):
            raise InputError(f"{what} {value} is no scheme")
        return PostQuantumScheme(value)
    return value


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return int(value) if isinstance(value, int) else value


def _parsed(kind: str, value: Any) -> Any:
    if kind == "bytes32":
        return _unhex(value)
    if kind.startswith("uint") and type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _unhex(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r:.40} is not 0x and hexadecimal digits")
    return bytes.fromhex(text[2:])
