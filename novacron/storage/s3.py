"""Blocks as objects of an S3-compatible service: one object for each block, named by its CID.

Requests are path-style (`/bucket/prefix/bafkrei…`) and signed with version 4. The hash that S3 wants of each body is
the block's own digest, so the service refuses a block that was damaged on the way. Nothing is ever deleted: pins are
not kept and content is not collected; use the service's own tools.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from novacron.exceptions import ConfigurationError, StorageRefusedError, StorageUnavailableError
from novacron.storage import sigv4
from novacron.storage.blocks import MAX_BLOCK, BlockStore
from novacron.storage.cid import Cid
from novacron.storage.http import (
    ATTEMPTS,
    Address,
    Answer,
    HttpClient,
    HttpError,
    is_repeatable,
    parse_address,
    wait_before,
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()


class S3BlockStore(BlockStore):
    """Blocks in a bucket. Safe with several threads and processes."""

    def __init__(
        self,
        address: Address,
        bucket: str,
        prefix: str,
        region: str,
        credentials: sigv4.Credentials,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked of the service yet.

        Args:
            address: of the service, without the bucket.
            bucket: its name. prefix: put before each object's name with a `/`; empty for none.
            region: what the signature names; us-east-1 where the service knows none.
            credentials: never shown.
            clock: the time to sign with.

        Raises:
            ConfigurationError: a malformed name.
        """
        if _BUCKET.fullmatch(bucket) is None:
            raise ConfigurationError(
                f"{bucket!r:.80} is no name of an S3 bucket: give s3://bucket or s3://bucket/prefix"
            )
        if prefix and (_PREFIX.fullmatch(prefix) is None or {".", ".."} & set(prefix.split("/"))):
            raise ConfigurationError(
                f"prefix {prefix!r:.80} is not made of names (letters, digits, '.', '_', '-') and /"
            )
        if _REGION.fullmatch(region) is None:
            raise ConfigurationError(f"{region!r:.80} is no name of an S3 region; give one such as us-east-1")
        self._client = HttpClient(address)
        self._bucket, self._region, self._credentials, self._clock = bucket, region, credentials, clock
        self._folder = f"{address.path}/{bucket}/" + (f"{prefix}/" if prefix else "")
        self._name = f"s3://{bucket}" + (f"/{prefix}" if prefix else "")

    @classmethod
    def from_environment(cls, location: str, environ: Mapping[str, str]) -> S3BlockStore:
        """The store of `s3://bucket/prefix`.

        Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_REGION or AWS_DEFAULT_REGION (us-east-1);
        NOVACRON_S3_ENDPOINT (Amazon's own in the region); NOVACRON_STORAGE_ALLOW_HTTP.

        Raises:
            ConfigurationError: a malformed location or address, or missing credentials.
        """
        if not location.startswith("s3://"):
            raise ConfigurationError("an S3 store is given as s3://bucket or s3://bucket/prefix")
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        if "@" in bucket:
            raise ConfigurationError("credentials do not belong into s3://…; set AWS_ACCESS_KEY_ID and the others")
        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environ.get(name)]
        if missing:
            raise ConfigurationError(f"an S3 store needs {' and '.join(missing)} in the environment")
        credentials = sigv4.Credentials(
            _header_safe("AWS_ACCESS_KEY_ID", environ),
            _header_safe("AWS_SECRET_ACCESS_KEY", environ),
            _header_safe("AWS_SESSION_TOKEN", environ) or None,
        )
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        address = parse_address(
            environ.get("NOVACRON_S3_ENDPOINT") or f"https://s3.{region}.amazonaws.com",
            "NOVACRON_S3_ENDPOINT",
            allow_http=environ.get("NOVACRON_STORAGE_ALLOW_HTTP") == "1",
            sends_credentials=True,
        )
        return cls(address, bucket, prefix.rstrip("/"), region, credentials)

    def __repr__(self) -> str:
        return f"S3BlockStore({self._name!r} at {self._client.address.label})"

    def close(self) -> None:
        """Close this thread's connection."""
        self._client.close()

    def _write(self, cid: Cid, block: bytes) -> None:
        # A block that is there whole is not sent again; one of another size is damaged, and replaced.
        present = self._request("HEAD", cid)
        if present.status == 200 and present.headers.get("content-length") == str(len(block)):
            return
        answer = self._request("PUT", cid, block)
        if answer.status != 200:
            raise self._refusal(answer, "PUT", cid)

    def _read(self, cid: Cid) -> bytes | None:
        answer = self._request("GET", cid)
        if answer.status == 404 and _code(answer) in ("", "NoSuchKey"):
            return None
        if answer.status != 200:
            raise self._refusal(answer, "GET", cid)
        return answer.body

    def _contains(self, cid: Cid) -> bool:
        answer = self._request("HEAD", cid)
        if answer.status not in (200, 404):
            raise self._refusal(answer, "HEAD", cid)
        return answer.status == 200

    def _request(self, method: str, cid: Cid, body: bytes = b"") -> Answer:
        path = self._folder + str(cid)
        outcome: Answer | HttpError = HttpError("")
        for attempt in range(ATTEMPTS):
            if attempt:
                wait_before(attempt)
            outcome = self._client.attempt(method, path, self._signed(method, path, body), body, limit=MAX_BLOCK)
            if isinstance(outcome, Answer) and not is_repeatable(outcome):
                return outcome
        if isinstance(outcome, HttpError):
            raise outcome
        raise StorageUnavailableError(f"{self!r} answered HTTP {outcome.status} to {method} of {cid}, {ATTEMPTS} times")

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        now = self._clock()
        payload_hash = hashlib.sha256(body).hexdigest() if body else _EMPTY_HASH
        headers = {
            "Host": self._client.address.authority,
            "X-Amz-Content-Sha256": payload_hash,
            "X-Amz-Date": sigv4.amz_date(now),
        }
        if self._credentials.session_token is not None:
            headers["X-Amz-Security-Token"] = self._credentials.session_token
        headers["Authorization"] = sigv4.authorization(
            self._credentials,
            method=method,
            path=sigv4.uri_encode(path, keep_slash=True),
            headers=headers,
            payload_hash=payload_hash,
            region=self._region,
            service="s3",
            now=now,
        )
        return headers

    def _refusal(self, answer: Answer, method: str, cid: Cid) -> StorageRefusedError:
        code = _code(answer)
        said = f"HTTP {answer.status}" + (f" {code}" if code else "")
        hints = {
            "NoSuchBucket": "create the bucket, or name another",
            "RequestTimeTooSkewed": "set this machine's clock",
            "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY and the region",
            "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
            "AccessDenied": "check what the credentials may do",
        }
        hint = hints.get(code, "check credentials, bucket and region")
        if 300 <= answer.status < 400:
            region = answer.headers.get("x-amz-bucket-region", "")
            hint = f"the bucket is in region {region}" if _REGION.fullmatch(region) else "the bucket is elsewhere"
        return StorageRefusedError(f"{self!r} answered {said} to {method} of {cid}: {hint}")


def _code(answer: Answer) -> str:
    """The error's code in the XML of S3; nothing else of what a server says is repeated."""
    found = _CODE.search(answer.body[:4096])
    return found.group(1).decode() if found else ""


def _header_safe(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{name} holds characters that no such value has; set it again without line breaks")
    return value
