"""Strict reading of the JSON documents that strangers hand in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from novacron.exceptions import InvalidDigestError, ProofFormatError
from novacron.provenance.digest import parse_digest

MAX_DEPTH = 64  # of nested objects and lists; entries and metadata stay far below
MAX_GENERATOR = 100  # characters

_RFC3339 = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


class Fields:
    """Reads the fields of one JSON object strictly; `where` names the object in errors."""

    def __init__(self, value: Any, where: str, names: set[str]) -> None:
        if not isinstance(value, Mapping):
            raise ProofFormatError(f"{where} is not an object but {shown(value)}")
        if missing := names - set(value):
            raise ProofFormatError(f"{where} lacks {', '.join(sorted(missing))}")
        if unknown := set(value) - names:
            raise ProofFormatError(f"{where} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
        self._value, self._where = value, where

    def raw(self, name: str) -> Any:
        """The field as it is."""
        return self._value[name]

    def text(self, name: str) -> str:
        """A string."""
        value: str = self._typed(name, str, "text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string or null."""
        return None if self._value[name] is None else self.text(name)

    def time(self, name: str) -> str:
        """A time as RFC 3339 writes it."""
        value = self.text(name)
        if not _RFC3339.fullmatch(value):
            raise ProofFormatError(f"{self._where}.{name} is not a time of RFC 3339 but {shown(value)}")
        return value

    def label(self, name: str) -> str:
        """Short printable ASCII text."""
        value = self.text(name)
        if not (value.isascii() and value.isprintable() and len(value) <= MAX_GENERATOR):
            raise ProofFormatError(
                f"{self._where}.{name} is not printable ASCII text of at most {MAX_GENERATOR} characters: "
                f"{shown(value)}"
            )
        return value

    def object(self, name: str) -> dict[str, Any]:
        """A JSON object."""
        value: dict[str, Any] = self._typed(name, dict, "an object")
        return value

    def count(self, name: str) -> int:
        """A whole number from 0 to 2**53 - 1."""
        value: int = self._typed(name, int, "a whole number")
        if isinstance(value, bool) or not 0 <= value < 2**53:
            raise ProofFormatError(f"{self._where}.{name} is not a whole number from 0 to 2**53 - 1: {shown(value)}")
        return value

    def optional_count(self, name: str) -> int | None:
        """As `count`, or null."""
        return None if self._value[name] is None else self.count(name)

    def digest(self, name: str) -> bytes:
        """64 hexadecimal digits."""
        return digest_of(self._value[name], f"{self._where}.{name}")

    def optional_digest(self, name: str) -> bytes | None:
        """As `digest`, or null."""
        return None if self._value[name] is None else self.digest(name)

    def digests(self, name: str) -> tuple[bytes, ...]:
        """A list of digests."""
        items = self._typed(name, list, "a list")
        return tuple(digest_of(item, f"{self._where}.{name}[{place}]") for place, item in enumerate(items))

    def _typed(self, name: str, kind: type, description: str) -> Any:
        value = self._value[name]
        if not isinstance(value, kind):
            raise ProofFormatError(f"{self._where}.{name} is not {description} but {shown(value)}")
        return value


def digest_of(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise ProofFormatError(f"{where} is not a digest but {shown(value)}")
    try:
        return parse_digest(value)
    except InvalidDigestError as error:
        raise ProofFormatError(f"{where}: {error}") from error


def check_values(value: Any, where: str, depth: int) -> None:
    """Refuse what JSON readers disagree about, and what has no canonical form (RFC 8785, I-JSON in RFC 7493)."""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ProofFormatError(f"{where} holds a lone surrogate, which is no text")
    elif isinstance(value, int):
        if abs(value) >= 2**53:
            raise ProofFormatError(f"{where} is a number beyond 2**53 - 1")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ProofFormatError(f"{where} is a number beyond what JSON holds")
    elif isinstance(value, Mapping | list | tuple):
        if depth == 0:
            raise ProofFormatError(f"the proof is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            for name, part in value.items():
                if not isinstance(name, str):
                    raise ProofFormatError(f"{where} has a field that is not named by text")
                check_values(name, f"a name in {where}", depth)
                check_values(part, shown(name), depth - 1)
        else:
            for part in value:
                check_values(part, f"an item of {where}", depth - 1)
    elif value is not None:
        raise ProofFormatError(f"{where} is {type(value).__name__}, which JSON has not")


def shown(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a number beyond 2**64"  # Python refuses to write the longest ones
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
