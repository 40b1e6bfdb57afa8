"""What QuantumVerification promises, as dictionaries: no packing, no digests, no gas. Shares no code with the SDK.

A signature is the pair of a public key and the message that it signed; `digest` turns a message into EIP-712's 32 bytes
by `eth_account`, which knows nothing of our contract either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

Message = tuple[str, dict[str, Any]]
Event = tuple[str, dict[str, Any]]

DAY = 86_400
LIFE = 90 * DAY
FOREVER = 2**40 - 1
ZERO = "0x" + "00" * 20
NONE = bytes(32)
ML_DSA_87, SLH_DSA = 2, 3

FIELDS = {
    "RootEnrolment": "uint8 scheme,bytes32 publicKey,address account",
    "KeyAuthorization": "bytes32 root,uint8 scheme,bytes32 publicKey,address account,uint40 validFrom,"
    "uint40 validUntil,bytes32 replaces,uint256 nonce",
    "KeyRevocation": "bytes32 key,uint40 since,bytes32 reason",
    "Verification": "bytes32 dataHash,bytes32 key,address account",
    "Batch": "bytes32 root,uint64 size,bytes32 key,address account",
}
DOMAIN = "string name,string version,uint256 chainId,address verifyingContract"


def fields(text: str) -> list[dict[str, str]]:
    """`text` as EIP-712's JSON has it."""
    pairs = [part.split(" ") for part in text.split(",")]
    return [{"type": kind, "name": name} for kind, name in pairs]


def digest(chain: int, contract: str, message: Message) -> bytes:
    """EIP-712 digest of a message for one contract on one chain."""
    kind, values = message
    domain = {"name": "QuantumVerification", "version": "1", "chainId": chain, "verifyingContract": contract}
    types = {"EIP712Domain": fields(DOMAIN), kind: fields(FIELDS[kind])}
    full = {"types": types, "primaryType": kind, "domain": domain, "message": values}
    signable = encode_typed_data(full_message=full)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def key_id(root: bytes, scheme: int, public_key: bytes) -> bytes:
    """Id of a key; `root` zero for a root."""
    return keccak(encode(["bytes32", "uint8", "bytes32"], [root, scheme, public_key]))


class Refused(Exception):
    """The contract answers with this custom error."""

    def __init__(self, reason: str, *arguments: Any) -> None:
        super().__init__(reason, arguments)
        self.outcome = (f"QuantumVerification_{reason}", arguments)


@dataclass(frozen=True)
class Signed:
    """A signature: whose, and of what."""

    public_key: bytes
    message: Message


@dataclass
class Key:
    root: bytes
    scheme: int
    public_key: bytes
    account: str
    since: int
    until: int = FOREVER
    revocations: list[int] = field(default_factory=list)
    nonce: int = 0

    @property
    def revoked(self) -> int | None:
        return min(self.revocations, default=None)


@dataclass
class Record:
    proof_digest: bytes
    timestamp: int
    verifier: str
    size: int = 0


@dataclass
class QuantumModel:
    """The contract at the second `now`. Each action returns its events, or raises `Refused`."""

    chain: int
    contract: str
    now: int
    keys: dict[bytes, Key] = field(default_factory=dict)
    records: dict[tuple[str, bytes, bytes], Record] = field(default_factory=dict)

    def enrol(self, scheme: int, public_key: bytes, account: str, signed: Signed) -> list[Event]:
        root = key_id(NONE, scheme, public_key)
        if root in self.keys:
            raise Refused("KeyExists", root)
        message = ("RootEnrolment", {"scheme": scheme, "publicKey": public_key, "account": account})
        self.check(root, public_key, message, signed)
        self.keys[root] = Key(NONE, scheme, public_key, account, self.now)
        told = {"root": root, "scheme": scheme, "publicKey": public_key, "account": account}
        return [("RootEnrolled", told)]

    def authorize(
        self, sender: str, root: bytes, scheme: int, public_key: bytes, account: str,
        valid_from: int, valid_until: int, replaces: bytes, signed: Signed,
    ) -> list[Event]:  # fmt: skip
        r = self.existing(root)
        if r.root != NONE:
            raise Refused("WrongKind", root)
        self.sent_by(root, sender)
        if r.revoked is not None:
            raise Refused("KeyRevoked", root, r.revoked)
        key = key_id(root, scheme, public_key)
        if key in self.keys:
            raise Refused("KeyExists", key)
        start = valid_from or self.now
        if not (self.now <= start < valid_until <= start + LIFE):
            raise Refused("InvalidLifetime", start, valid_until, LIFE)
        if replaces != NONE:
            old = self.existing(replaces)
            if old.root == NONE:
                raise Refused("WrongKind", replaces)
            if old.root != root:
                raise Refused("ForeignKey", replaces, root)
        self.check(root, r.public_key, self.authorization(root, scheme, public_key, account, valid_from, valid_until,
                                                          replaces, r.nonce), signed)  # fmt: skip
        r.nonce += 1
        self.keys[key] = Key(root, scheme, public_key, account, start, valid_until)
        told = {"root": root, "key": key, "scheme": scheme, "publicKey": public_key, "account": account}
        events: list[Event] = [("KeyAuthorized", told | {"validFrom": start, "validUntil": valid_until})]
        if replaces != NONE:
            old.until = min(old.until, start)
            events.append(("KeyRotated", {"previous": replaces, "key": key, "end": old.until}))
        return events

    def revoke(self, sender: str, key: bytes, since: int, reason: bytes, signed: Signed | None) -> list[Event]:
        k = self.existing(key)
        if signed is None:
            if sender != k.account:
                raise Refused("WrongAccount", key, k.account, sender)
            since = self.now
        if not 0 < since <= self.now or (k.revoked is not None and since >= k.revoked):
            raise Refused("InvalidRevocation", key, since, k.revoked or 0)
        if signed is not None:
            root = key if k.root == NONE else k.root
            self.sent_by(root, sender)
            message = ("KeyRevocation", {"key": key, "since": since, "reason": reason})
            self.check(root, self.keys[root].public_key, message, signed)
        k.revocations.append(since)
        return [("KeyRevoked", {"key": key, "since": since, "reason": reason})]

    def verify(self, sender: str, what: bytes, size: int, key: bytes, signed: Signed, proof: bytes) -> list[Event]:
        """Data where `size` is zero, else a batch."""
        k = self.existing(key)
        if k.root == NONE:
            raise Refused("WrongKind", key)
        self.sent_by(key, sender)
        kind = "Batch" if size else "Verification"
        if (kind, key, what) in self.records:
            raise Refused("AlreadyVerified", key, what)
        for one in (key, k.root):
            if self.keys[one].revoked is not None:
                raise Refused("KeyRevoked", one, self.keys[one].revoked)
        if not k.since <= self.now < k.until:
            raise Refused("KeyNotValid", key, k.since, k.until, self.now)
        self.check(key, k.public_key, self.statement(what, size, key), signed)
        record = Record(keccak(proof), self.now, sender, size)
        self.records[kind, key, what] = record
        told = {"key": key, "verifier": sender, "proofDigest": record.proof_digest}
        if size:
            return [("BatchVerified", {"root": what, "size": size} | told)]
        return [("DataVerified", {"dataHash": what} | told)]

    # What is read

    def good(self, key: bytes, record: Record) -> bool:
        return not any(
            since <= record.timestamp for one in (key, self.keys[key].root) for since in self.keys[one].revocations
        )

    def valid(self, key: bytes) -> bool:
        k = self.keys[key]
        if k.root == NONE or k.revocations or self.keys[k.root].revocations:
            return False
        return k.since <= self.now < k.until

    def verifications(self, what: bytes) -> list[tuple[Any, ...]]:
        """In the order in which they were made."""
        found = [(key, record) for (kind, key, data), record in self.records.items()
                 if kind == "Verification" and data == what]  # fmt: skip
        return [self.shown(key, record) for key, record in found]

    def shown(self, key: bytes, record: Record) -> tuple[Any, ...]:
        """As the contract's struct Verification."""
        return key, record.proof_digest, record.timestamp, record.verifier, self.good(key, record)

    # What is signed

    @staticmethod
    def authorization(
        root: bytes, scheme: int, public_key: bytes, account: str,
        valid_from: int, valid_until: int, replaces: bytes, nonce: int,
    ) -> Message:  # fmt: skip
        values = {"root": root, "scheme": scheme, "publicKey": public_key, "account": account, "validFrom": valid_from}
        return "KeyAuthorization", values | {"validUntil": valid_until, "replaces": replaces, "nonce": nonce}

    def statement(self, what: bytes, size: int, key: bytes) -> Message:
        whose = {"key": key, "account": self.keys[key].account}
        return ("Batch", {"root": what, "size": size} | whose) if size else ("Verification", {"dataHash": what} | whose)

    # Checks

    def existing(self, key: bytes) -> Key:
        if key not in self.keys:
            raise Refused("UnknownKey", key)
        return self.keys[key]

    def sent_by(self, key: bytes, sender: str) -> None:
        if self.keys[key].account not in (ZERO, sender):
            raise Refused("WrongAccount", key, self.keys[key].account, sender)

    def check(self, key: bytes, public_key: bytes, message: Message, signed: Signed) -> None:
        if signed != Signed(public_key, message):
            raise Refused("InvalidSignature", key, digest(self.chain, self.contract, message))
