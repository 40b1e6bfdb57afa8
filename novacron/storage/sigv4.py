"""AWS Signature Version 4 for one service, in the Authorization header (docs.aws.amazon.com, "Create a signed AWS API
request"). Checked against AWS's published values in tests/sdk/storage/test_sigv4.py.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"
_SPACES = re.compile(" +")


@dataclass(frozen=True)
class Credentials:
    """Keys of an S3 account; no part of them is ever shown."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def uri_encode(text: str, *, keep_slash: bool = False) -> str:
    """Percent-encode as AWS defines it: everything but A–Z a–z 0–9 - . _ ~, and `/` where it separates."""
    return urllib.parse.quote(text, safe="/~" if keep_slash else "~")


def canonical_query(query: Sequence[tuple[str, str]]) -> str:
    """Name and value pairs, encoded and in order."""
    return "&".join(f"{name}={value}" for name, value in sorted((uri_encode(n), uri_encode(v)) for n, v in query))


def canonical_request(
    method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], payload_hash: str
) -> tuple[str, str]:
    """The canonical request and the list of signed headers. `path` is encoded already; all headers are signed."""
    lowered = sorted((name.lower(), _SPACES.sub(" ", value.strip())) for name, value in headers.items())
    signed = ";".join(name for name, _ in lowered)
    lines = [method, path, canonical_query(query), *(f"{name}:{value}" for name, value in lowered), "", signed]
    return "\n".join([*lines, payload_hash]), signed


def authorization(
    credentials: Credentials,
    *,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str],
    payload_hash: str,
    region: str,
    service: str,
    now: datetime,
) -> str:
    """The Authorization header.

    Args:
        credentials: the session token, if any, must be among the headers as x-amz-security-token.
        method: of HTTP.
        path: percent-encoded once, as it goes over the wire.
        query: name and value pairs, not encoded.
        headers: everything to sign, `Host` and `X-Amz-Date` among them.
        payload_hash: SHA-256 of the body in hexadecimal.
        region: such as us-east-1. service: such as s3.
        now: the time in X-Amz-Date.
    """
    moment = amz_date(now)
    request, signed = canonical_request(method, path, query, headers, payload_hash)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"{_ALGORITHM} Credential={credentials.access_key}/{scope},SignedHeaders={signed},Signature={signature}"


def amz_date(now: datetime) -> str:
    """A time as X-Amz-Date writes it, 20130524T000000Z."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
