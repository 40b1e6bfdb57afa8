"""How people name a model: its digest, `publisher/name@alias`, or `publisher/name/version`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.exceptions import InputError, InvalidReferenceError

#: Longest version that the registry takes, bytes.
MAX_VERSION = 32
#: Longest name or alias, bytes.
MAX_NAME = 63

_FORMS = "write its digest (64 hexadecimal digits), publisher/name@alias, or publisher/name/version"
_DIGEST = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_NAME - 1}}}")
# MLflow's own words: `latest` moves by itself, `v1` stands for a version number.
_RESERVED = re.compile(r"latest|v[0-9]+")
# Semantic Versioning 2.0.0, the expression of semver.org.
_VERSION = re.compile(
    r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)


@dataclass(frozen=True)
class NameReference:
    """A name in somebody's namespace.

    Attributes:
        publisher: EIP-55 address of whoever created it; it stays in that namespace whoever owns it later.
    """

    publisher: str
    name: str

    def __str__(self) -> str:
        return f"{self.publisher}/{self.name}"

    @property
    def id(self) -> bytes:
        """keccak256(abi.encode(publisher, name)), as `IModelRegistry.nameIdOf`."""
        return bytes(keccak(encode(["address", "string"], [self.publisher, self.name])))


@dataclass(frozen=True)
class Reference:
    """A model as somebody names it: a digest (32 bytes), or a name with an alias or a version."""

    model_hash: bytes | None = None
    name: NameReference | None = None
    alias: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        if self.model_hash is not None:
            return "0x" + self.model_hash.hex()
        return f"{self.name}@{self.alias}" if self.alias is not None else f"{self.name}/{self.version}"


def parse_reference(text: str, publisher: str | None = None) -> Reference:
    """What a model is named by.

    Args:
        text: 64 hexadecimal digits with or without 0x, `[publisher/]name@alias` or `[publisher/]name/version`.
        publisher: whose namespace a name without a publisher is looked up in.

    Raises:
        InvalidReferenceError: none of these; says what is wrong with it.
    """
    if not isinstance(text, str) or not text:
        raise InvalidReferenceError(f"no model is named: {_FORMS}")
    match = _DIGEST.fullmatch(text)
    if match:
        digest = bytes.fromhex(match.group(1))
        if not any(digest):
            raise InvalidReferenceError("a digest of 32 zero bytes is that of no model")
        return Reference(model_hash=digest)
    owner, rest = _publisher(text, publisher)
    if "@" in rest:
        name, _, alias = rest.partition("@")
        return Reference(name=NameReference(_required(owner, text), parse_name(name, text)), alias=parse_alias(alias))
    if "/" in rest:
        name, _, version = rest.partition("/")
        checked = parse_version(version, text)
        return Reference(name=NameReference(_required(owner, text), parse_name(name, text)), version=checked)
    if re.fullmatch(r"0[xX][0-9a-fA-F]*", rest):
        raise InvalidReferenceError(f"model {_shown(text)} has {len(rest) - 2} hexadecimal digits, a digest has 64")
    parse_name(rest, text)
    raise InvalidReferenceError(f"model {_shown(text)} does not say which of them: {rest}@champion or {rest}/1.0.0")


def parse_name_reference(text: str, publisher: str | None = None) -> NameReference:
    """A name, without alias or version: `[publisher/]name`. Raises InvalidReferenceError."""
    owner, rest = _publisher(text, publisher)
    if "@" in rest or "/" in rest:
        raise InvalidReferenceError(f"name {_shown(text)}: write publisher/name, without alias or version")
    return NameReference(_required(owner, text), parse_name(rest, text))


def parse_alias_reference(text: str, publisher: str | None = None) -> tuple[NameReference, str]:
    """A name and its alias: `[publisher/]name@alias`. Raises InvalidReferenceError."""
    if "@" not in text:
        raise InvalidReferenceError(f"alias {_shown(text)}: write publisher/name@alias")
    found = parse_reference(text, publisher)
    assert found.name is not None  # there is an @ in it
    assert found.alias is not None
    return found.name, found.alias


def parse_name(name: str, shown: str | None = None) -> str:
    """A name as the registry takes it. Raises InvalidReferenceError."""
    if _NAME.fullmatch(name) is None:
        where = "" if shown in (None, name) else f" in {_shown(shown or '')}"
        raise InvalidReferenceError(
            f"name {_shown(name)}{where}: 1 to {MAX_NAME} of a-z, 0-9, '.', '_', '-', the first a letter or digit"
        )
    return name


def parse_alias(alias: str) -> str:
    """An alias as the registry takes it. Raises InvalidReferenceError."""
    if _RESERVED.fullmatch(alias):
        raise InvalidReferenceError(
            f"alias {alias!r} is reserved: an alias is moved by its owner, such as champion; a version is written "
            "name/1.0.0"
        )
    if _NAME.fullmatch(alias) is None:
        raise InvalidReferenceError(
            f"alias {_shown(alias)}: 1 to {MAX_NAME} of a-z, 0-9, '.', '_', '-', the first a letter or digit"
        )
    return alias


def parse_version(version: str, shown: str | None = None) -> str:
    """A version as the registry takes it: Semantic Versioning 2.0.0, at most 32 bytes. Raises InvalidReferenceError."""
    if len(version) > MAX_VERSION or _VERSION.fullmatch(version) is None:
        where = "" if shown in (None, version) else f" in {_shown(shown or '')}"
        raise InvalidReferenceError(
            f"version {_shown(version)}{where}: Semantic Versioning 2.0.0 of at most {MAX_VERSION} bytes, such as 1.4.0"
        )
    return version


def _publisher(text: str, publisher: str | None) -> tuple[str | None, str]:
    """The namespace, and what comes after it."""
    head, slash, rest = text.partition("/")
    if slash and re.match(r"0[xX]", head):
        return parse_address(head, "publisher", InvalidReferenceError), rest
    return publisher, text


def _required(publisher: str | None, text: str) -> str:
    if publisher is None:
        raise InvalidReferenceError(
            f"model {_shown(text)} does not say whose: write publisher/{text}, the publisher as an address"
        )
    try:
        return parse_address(publisher, "publisher", InvalidReferenceError)
    except InputError as error:
        raise InvalidReferenceError(str(error)) from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
