"""What is measured and how: the file whose SHA-256 is in an agreement's terms, the same for every monitor."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from novacron.compute.quantities import parse_bytes, parse_milliseconds, parse_seconds
from novacron.exceptions import InputError

#: Longest time between two samples, seconds.
LONGEST_INTERVAL = 60
#: Most of an answer's body that a probe ever reads, bytes.
LARGEST_BODY = 1024 * 1024

_KEYS = ("url", "method", "status", "contains", "body_limit", "interval", "timeout", "percentile", "warm_up")
_METHODS = ("GET", "HEAD")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Specification:
    """How a service is measured.

    Attributes:
        digest: SHA-256 of the file's bytes.
        url: http://, https:// or tcp://host:port; the service is up when it answers (HTTP), or accepts a connection.
        method: GET or HEAD.
        status: answers that count; a redirect is not followed and counts only when it is among them.
        contains: bytes that the body must hold within `body_limit`; None for any body.
        body_limit: how much of the body is read, bytes.
        interval: seconds between two samples, at most 60.
        timeout: milliseconds after which a probe has failed, from name resolution to the last byte read.
        percentile: of the latencies of answered samples, 1 to 100.
        warm_up: seconds after an excluded time that are left out as well.
    """

    digest: bytes
    url: str
    method: str
    status: frozenset[int]
    contains: bytes | None
    body_limit: int
    interval: int
    timeout: int
    percentile: int
    warm_up: int

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a specification file. Raises InputError, which names the key."""
        path = Path(path)
        try:
            return cls.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error

    @classmethod
    def parse(cls, raw: bytes, source: str = "specification") -> Self:
        """Parse a specification's bytes. Raises InputError."""
        try:
            table = tomllib.loads(raw.decode("utf-8"))
        except ValueError as error:
            raise InputError(f"{source} is no TOML: {error}") from error
        unknown = sorted(set(table) - set(_KEYS))
        if unknown:
            raise InputError(f"{source}: unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
        for key in ("url", "interval", "timeout"):
            if key not in table:
                raise InputError(f"{source}: {key} is missing")
        url = table["url"]
        parts = split_url(url, f"{source}: url")
        if parts.scheme == "tcp" and {"method", "status", "contains", "body_limit"} & table.keys():
            raise InputError(f"{source}: method, status, contains and body_limit are for http and https, not for {url}")
        made = cls(
            digest=hashlib.sha256(raw).digest(),
            url=url,
            method=_choice(table.get("method", "GET"), f"{source}: method"),
            status=_statuses(table.get("status", [200]), f"{source}: status"),
            contains=_contains(table, source),
            body_limit=parse_bytes(table.get("body_limit", "64 KiB"), f"{source}: body_limit"),
            interval=parse_seconds(table["interval"], f"{source}: interval"),
            timeout=parse_milliseconds(table["timeout"], f"{source}: timeout"),
            percentile=_integer(table.get("percentile", 95), f"{source}: percentile"),
            warm_up=parse_seconds(table.get("warm_up", "0 s"), f"{source}: warm_up"),
        )
        made._check(source)
        return made

    @property
    def parts(self) -> SplitResult:
        """The URL in parts."""
        return urlsplit(self.url)

    def _check(self, source: str) -> None:
        if not 1 <= self.interval <= LONGEST_INTERVAL:
            raise InputError(
                f"{source}: interval is {self.interval} s; sample every {LONGEST_INTERVAL} s or more often, down to 1 s"
            )
        if not 1 <= self.timeout <= self.interval * 1000:
            raise InputError(
                f"{source}: timeout is {self.timeout} ms; at least 1 ms and at most the interval of {self.interval} s"
            )
        if not 1 <= self.percentile <= 100:
            raise InputError(f"{source}: percentile is {self.percentile}; 1 to 100")
        if not 0 <= self.body_limit <= LARGEST_BODY:
            raise InputError(f"{source}: body_limit is {self.body_limit} bytes; at most {LARGEST_BODY}")
        if self.warm_up > 3600:
            raise InputError(f"{source}: warm_up is {self.warm_up} s; at most 1 hour")


def split_url(url: Any, what: str, schemes: tuple[str, ...] = ("http", "https", "tcp")) -> SplitResult:
    """An address in parts, checked: visible ASCII, a known scheme, a host, no credentials, no fragment.

    Raises:
        InputError: the URL is not shown where it holds credentials.
    """
    example = f"write {schemes[0]}://host" + (":port" if schemes == ("tcp",) else "")
    if not isinstance(url, str) or len(url) > 2000 or _VISIBLE.fullmatch(url) is None:
        raise InputError(f"{what} is no URL of visible ASCII characters; {example}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{what} is no URL; {example}") from None
    if "@" in parts.netloc:
        raise InputError(f"{what} holds credentials, which every monitor and the public would see; leave them out")
    if parts.scheme not in schemes or not host:
        raise InputError(f"{what} = {url}: use {' or '.join(f'{name}://' for name in schemes)} and a host")
    if port == 0:
        raise InputError(f"{what} = {url}: port 0 is no port")
    if parts.scheme == "tcp" and (port is None or parts.path or parts.query):
        raise InputError(f"{what} = {url}: write tcp://host:port, nothing behind it")
    if parts.fragment:
        raise InputError(f"{what} = {url}: leave the part from # on away, servers never see it")
    return parts


def _choice(value: Any, what: str) -> str:
    if value not in _METHODS:
        raise InputError(f"{what} = {value!r}; use {' or '.join(_METHODS)}")
    return str(value)


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{what} = {value!r}: a whole number")
    return value


def _statuses(value: Any, what: str) -> frozenset[int]:
    listed = value if isinstance(value, list) and value else [None]
    if not all(isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599 for one in listed):
        raise InputError(f"{what} = {value!r}: a list of HTTP status codes, such as [200]")
    return frozenset(listed)


def _contains(table: Mapping[str, Any], source: str) -> bytes | None:
    value = table.get("contains")
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise InputError(f"{source}: contains = {value!r}: a text")
    if table.get("method") == "HEAD":
        raise InputError(f"{source}: an answer to HEAD has no body that could contain {value!r}")
    return value.encode()
