"""What ModelRegistry's errors mean, and what to do about each; what its verdicts mean."""

from __future__ import annotations

from types import MappingProxyType

from novacron.market.advice import moment
from novacron.market.deployment import Advice
from novacron.models.onchain import Stage, hexed


def _hash(digest: bytes) -> str:
    return hexed(digest) or "0x" + "00" * 32


def _moved(_: bytes, alias: str, current: bytes) -> str:
    now = f"points to {_hash(current)}" if any(current) else "points to nothing"
    return f"alias {alias} has been moved meanwhile and {now}: look at it again, then decide again"


def _too_many(count: int, limit: int) -> str:
    return f"{count} are too many: at most {limit} (8 parents, 16 data sets)"


def _frozen(_: bytes, name: str) -> str:
    return f"{f'alias {name}' if name else 'the name'} is frozen: nothing about it changes any more"


def _taken(_: bytes, version: str, other: bytes) -> str:
    return f"version {version} of this name is {_hash(other)} already, for good: release it as another version"


def _run(run: bytes, model: bytes, caller: str) -> str:
    return (
        f"run {_hash(run)} is not sealed with {_hash(model)} by {caller}: seal it with this model (novacron run seal)"
    )


def _no_offer(digest: bytes, caller: str) -> str:
    return f"{_hash(digest)} was not offered to {caller}: its owner offers it first (transfer)"


#: ModelRegistry, and what it inherits.
MODEL_ADVICE: Advice = MappingProxyType(
    {
        "AccessManagedUnauthorized": lambda caller: (
            f"{caller} has not the role for this: governance grants it (certifiers certify and revoke)"
        ),
        "ModelRegistry_EmptyModelHash": lambda: "a digest of 32 zero bytes is that of no model",
        "ModelRegistry_UnknownModel": lambda digest: (
            f"no model {_hash(digest)} is registered: register it (novacron model register), or look at its digest"
        ),
        "ModelRegistry_AlreadyRegistered": lambda digest, owner: (
            f"{_hash(digest)} is registered by {owner} already, for good or on a commitment that is no younger: look "
            "at it (novacron model show)"
        ),
        "ModelRegistry_Provisional": lambda digest, final_at: (
            f"the registration of {_hash(digest)} is provisional until {moment(final_at)}: publish it, certify it or "
            "build on it then"
        ),
        "ModelRegistry_Revoked": lambda digest, revoked_at: f"{_hash(digest)} is revoked since {moment(revoked_at)}",
        "ModelRegistry_NotOwner": lambda digest, caller: (
            f"{_hash(digest)} is not {caller}'s: use its owner's account (novacron model show)"
        ),
        "ModelRegistry_NotPendingOwner": _no_offer,
        "ModelRegistry_AlreadyCommitted": lambda *_: "this was committed already: go on and register",
        "ModelRegistry_NotCommitted": lambda commitment, number: (
            f"commitment {_hash(commitment)} is of block {number}, which is not over: wait for the next one"
            if number
            else f"the chain has no commitment {_hash(commitment)}: commit first, and register in a later block"
        ),
        "ModelRegistry_InvalidVersion": lambda version, limit: (
            f"version {version!r} is not one of Semantic Versioning 2.0.0 of at most {limit} bytes, such as 1.4.0"
        ),
        "ModelRegistry_MetadataTooLong": lambda length, limit: (
            f"metadata of {length} bytes: at most {limit}; keep the rest elsewhere, and its digest here"
        ),
        "ModelRegistry_TooMany": _too_many,
        "ModelRegistry_DuplicateParent": lambda parent: f"parent {_hash(parent)} is named twice: name it once",
        "ModelRegistry_TooManyAncestors": lambda digest, limit: (
            f"{_hash(digest)} would have more than {limit} ancestors: name nearer ones only"
        ),
        "ModelRegistry_RunMismatch": _run,
        "ModelRegistry_NotVerified": lambda key, digest: (
            f"key {_hash(key)} has no good verification of {_hash(digest)}: sign it first (novacron quantum sign)"
        ),
        "ModelRegistry_InvalidName": lambda name: (
            f"{name!r} is no name: 1 to 63 of a-z, 0-9, '.', '_', '-', the first a letter or digit; an alias is "
            "neither latest nor v1"
        ),
        "ModelRegistry_NameExists": lambda *_: "you have created this name already: use it (novacron model name show)",
        "ModelRegistry_UnknownName": lambda *_: (
            "there is no such name: look at its spelling and its publisher, or create it (novacron model name create)"
        ),
        "ModelRegistry_NotNameOwner": lambda _, caller: f"the name is not {caller}'s: use its owner's account",
        "ModelRegistry_NotPendingNameOwner": _no_offer,
        "ModelRegistry_VersionTaken": _taken,
        "ModelRegistry_NotPublished": lambda _, digest: (
            f"{_hash(digest)} is not published under this name: publish it first (novacron model publish)"
        ),
        "ModelRegistry_AliasMoved": _moved,
        "ModelRegistry_Frozen": _frozen,
        "ModelRegistry_SameStage": lambda digest, stage: f"{_hash(digest)} is in stage {Stage(stage).word} already",
        "ModelRegistry_InvalidExpiry": lambda expires, limit: (
            f"a certificate cannot end at {moment(expires)}: in the future, at most {limit // 86_400} days from now"
        ),
        "ModelRegistry_NoCertificate": lambda digest: f"{_hash(digest)} has no certificate that could be revoked",
        "ModelRegistry_InvalidReason": lambda length, limit: (
            f"a reason of {length} bytes: say in 1 to {limit} bytes why (--reason)"
        ),
        "ModelRegistry_FutureLookup": lambda time, now: (
            f"what holds at {moment(time)} is known when that second is over; it is {moment(now)}"
        ),
    }
)
