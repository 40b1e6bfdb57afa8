"""What the errors of QuantumVerification and PostQuantumKeys mean, and what to do about each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from novacron.market.advice import moment
from novacron.market.deployment import Advice
from novacron.quantum.schemes import PostQuantumScheme


def _short(key: Any) -> str:
    return f"0x{bytes(key).hex()}"


def _revoked(key: bytes, since: int) -> str:
    return (
        f"key {_short(key)} is revoked as of {moment(since)}: what it signs counts for nothing; have a root that is "
        "not revoked authorise another key"
    )


def _not_valid(key: bytes, start: int, end: int, now: int) -> str:
    if now < start:
        return f"key {_short(key)} is valid from {moment(start)} on, and it is {moment(now)}: wait"
    return (
        f"key {_short(key)} ended at {moment(end)}, and it is {moment(now)}: sign with its successor, or have the root "
        "authorise one"
    )


#: By the name of the error.
QUANTUM_ADVICE: Advice = MappingProxyType(
    {
        "QuantumVerification_UnknownKey": lambda key: (
            f"no key has the id {_short(key)}: enrol the root (novacron quantum key enrol), or have it authorise the "
            "key (novacron quantum key authorize); is the root named the right one?"
        ),
        "QuantumVerification_KeyExists": lambda key: f"key {_short(key)} is enrolled or authorised already",
        "QuantumVerification_WrongKind": lambda key: (
            f"{_short(key)} is of the other kind: a root signs keys only, a working key data only"
        ),
        "QuantumVerification_KeyNotValid": _not_valid,
        "QuantumVerification_KeyRevoked": _revoked,
        "QuantumVerification_WrongAccount": lambda key, account, caller: (
            f"only {account} may send for key {_short(key)}, not {caller}: use that account"
            if int(account, 16)
            else f"key {_short(key)} is bound to no account: its root has to sign this"
        ),
        "QuantumVerification_InvalidSignature": lambda key, _: (
            f"the chain does not accept the signature of key {_short(key)}: it is that of another key, over something "
            "else, or the key is not registered (novacron quantum key register)"
        ),
        "QuantumVerification_MalformedProof": lambda length: (
            f"a proof is the id of a key and a signature; {length} bytes are none"
        ),
        "QuantumVerification_AlreadyVerified": lambda key, digest: (
            f"key {_short(key)} signed {_short(digest)} before: look at it (novacron quantum verify)"
        ),
        "QuantumVerification_InvalidLifetime": lambda start, end, limit: (
            f"a working key cannot live from {moment(start)} until {moment(end)}: it begins now or later, ends after "
            f"that, and lives {limit // 86_400} days at most"
        ),
        "QuantumVerification_ForeignKey": lambda key, root: (
            f"{_short(key)} is no key of root {_short(root)}: name the key of that root that is to be replaced"
        ),
        "QuantumVerification_InvalidRevocation": lambda key, since, current: (
            f"key {_short(key)} cannot be revoked as of {moment(since)}: name a second that is not to come"
            + (f", and before {moment(current)}, as of which it is revoked" if current else "")
        ),
        "QuantumVerification_EmptyBatch": lambda: "a batch has at least one datum",
        "QuantumVerification_SizeOverflow": lambda size: f"a batch of {size} data is too large",
        "PostQuantumKeys_WrongLength": lambda scheme, length, expected: (
            f"a public key of {PostQuantumScheme(scheme)} has {expected:,} bytes, not {length:,}"
        ),
        "PostQuantumKeys_NoRegistration": lambda scheme: (
            f"a key of {PostQuantumScheme(scheme)} needs no registration: it can be used as it is"
        ),
        "QuantumVerification_NotAVerifier": lambda scheme, verifier: (
            f"{verifier} is no contract, so no verifier of {PostQuantumScheme(scheme)}: deploy it first"
        ),
    }
)
