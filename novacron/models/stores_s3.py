"""Objects of an S3-compatible service: multipart uploads that resume after a kill, reads that go on after a break.

boto3 speaks the protocol; attempts, errors and messages are this package's. Credentials are given to it explicitly, so
that it looks for none elsewhere (files, a cloud's metadata service), and no message repeats more of what a server says
than its error code. Proxies are not used.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from novacron.exceptions import (
    ConfigurationError,
    ContentTooLargeError,
    NovaCronError,
    StorageError,
    StorageRefusedError,
    StorageUnavailableError,
)
from novacron.models.stores import PIECE, ObjectInfo, check_object_name, check_range, counted, in_parts, missing
from novacron.storage.http import ATTEMPTS, Address, parse_address, wait_before

#: S3's own limits: the least size of a part but the last, and the most parts.
LEAST_PART, MOST_PARTS = 5 * 1024 * 1024, 10_000
PART_SIZE = 16 * 1024 * 1024
#: Part of an upload whose size is not known: room for 312 GiB.
UNKNOWN_PART_SIZE = 32 * 1024 * 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9.]{1,60}", re.ASCII)
_GONE = frozenset({"NoSuchKey", "NotFound", "404"})
_REPEATABLE = frozenset({429, 500, 502, 503, 504})


class S3ObjectStore:
    """Objects in a bucket. Safe with several threads and processes."""

    def __init__(
        self,
        address: Address,
        bucket: str,
        prefix: str,
        *,
        region: str,
        access_key: str,
        secret_key: str,
        session_token: str | None = None,
        part_size: int = PART_SIZE,
        timeout: float = 60.0,
    ) -> None:
        """Nothing is asked of the service yet.

        Args:
            address: of the service, without the bucket.
            prefix: put before each object's name with a `/`; empty for none.
            part_size: bytes of a part, as much as is held in memory; larger ones are taken for very large objects.
            timeout: seconds to wait for each answer.

        Raises:
            ConfigurationError: a malformed name, or a part below S3's least.
        """
        if _BUCKET.fullmatch(bucket) is None:
            raise ConfigurationError(f"{bucket!r:.80} is no name of an S3 bucket: give s3://bucket/prefix")
        if prefix:
            try:
                check_object_name(prefix)
            except ValueError as error:
                raise ConfigurationError(f"the prefix of an S3 store: {error}") from None
        if _REGION.fullmatch(region) is None:
            raise ConfigurationError(f"{region!r:.80} is no name of an S3 region; give one such as us-east-1")
        if part_size < LEAST_PART:
            raise ConfigurationError(f"a part has at least {LEAST_PART} bytes, got {part_size}")
        self._bucket, self._folder, self._part_size = bucket, f"{prefix}/" if prefix else "", part_size
        self._name = f"s3://{bucket}" + (f"/{prefix}" if prefix else "")
        self._label = address.label
        self._client: Any = boto3.session.Session(
            aws_access_key_id=access_key, aws_secret_access_key=secret_key, aws_session_token=session_token
        ).client(
            "s3",
            region_name=region,
            endpoint_url=address.label + address.path,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},  # attempts are counted here
                connect_timeout=timeout,
                read_timeout=timeout,
                proxies={},
                # Content-MD5 is sent with each body; the newer checksums are not known to every service.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @classmethod
    def from_environment(
        cls, location: str, environ: Mapping[str, str], *, part_size: int = PART_SIZE
    ) -> S3ObjectStore:
        """The store of `s3://bucket/prefix`, configured as `novacron.storage` is.

        Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_REGION or AWS_DEFAULT_REGION (us-east-1);
        NOVACRON_S3_ENDPOINT (Amazon's own in the region); NOVACRON_STORAGE_ALLOW_HTTP.

        Raises:
            ConfigurationError: a malformed location or address, or missing credentials.
        """
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or "@" in bucket:
            raise ConfigurationError("an S3 store is given as s3://bucket/prefix, credentials in the environment")
        lacking = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environ.get(name)]
        if lacking:
            raise ConfigurationError(f"an S3 store needs {' and '.join(lacking)} in the environment")
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        address = parse_address(
            environ.get("NOVACRON_S3_ENDPOINT") or f"https://s3.{region}.amazonaws.com",
            "NOVACRON_S3_ENDPOINT",
            allow_http=environ.get("NOVACRON_STORAGE_ALLOW_HTTP") == "1",
            sends_credentials=True,
        )
        return cls(
            address,
            bucket,
            prefix.rstrip("/"),
            region=region,
            access_key=_header_safe("AWS_ACCESS_KEY_ID", environ),
            secret_key=_header_safe("AWS_SECRET_ACCESS_KEY", environ),
            session_token=_header_safe("AWS_SESSION_TOKEN", environ) or None,
            part_size=part_size,
        )

    def __repr__(self) -> str:
        return f"S3ObjectStore({self._name!r} at {self._label})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `ObjectStore.get`. A connection that breaks is taken up where it broke, on the same object only."""
        check_range(start, length)
        if length == 0:
            return
        position, end = start, None if length is None else start + length
        etag: str | None = None
        failures = 0
        while True:
            try:
                answer = self._get(name, position, end, etag)
                if answer is None:
                    return  # begins at or beyond the end
                if etag is None or end is None:
                    given = position + int(answer["ContentLength"])
                    if end is not None and given > end:
                        raise StorageRefusedError(
                            f"{self!r} gave {given - position} bytes of {name} instead of {end - position}: no "
                            "ranges are served; use another service"
                        )
                    end, etag = given, str(answer["ETag"])
                with contextlib.closing(answer["Body"]) as body:
                    while piece := body.read(PIECE):
                        yield piece
                        position, failures = position + len(piece), 0
                if position >= end:
                    return
                reason = "fewer bytes than announced"
            except BotoCoreError as error:
                reason = type(error).__name__
            failures += 1
            if failures == ATTEMPTS:
                raise StorageUnavailableError(
                    f"{self!r} broke off at byte {position} of {name} ({reason}); repeat later"
                )
            wait_before(failures)

    def _get(self, name: str, start: int, end: int | None, etag: str | None) -> Any:
        arguments = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        if etag is not None:
            arguments["IfMatch"] = etag
        return self._call("get_object", name, {"InvalidRange": None}, **arguments)

    def stat(self, name: str) -> ObjectInfo | None:
        """See `ObjectStore.stat`."""
        found = self._call("head_object", name, dict.fromkeys(_GONE))
        if found is None:
            return None
        return ObjectInfo(name, int(found["ContentLength"]), found["LastModified"].timestamp())

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`."""
        return self.stat(name) is not None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        following: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", None, Prefix=self._folder + prefix, **following)
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(self._folder)
                yield ObjectInfo(name, int(item["Size"]), item["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}

    # -- writing ------------------------------------------------------------------------------------------------------

    def put(self, name: str, chunks: Iterable[bytes], *, size: int | None = None, resume: bool = False) -> ObjectInfo:
        """See `ObjectStore.put`. With `resume`, parts that an earlier attempt sent and that fit are not sent again.

        Raises:
            ContentTooLargeError: more parts than S3 allows.
        """
        check_object_name(name)
        parts = in_parts(counted(chunks, size), self._part_for(size))
        first, following = next(parts, b""), next(parts, None)
        if following is None:
            self._call("put_object", name, Body=first, ContentMD5=_md5(first))
            return ObjectInfo(name, len(first), time.time())
        upload, present = self._resumed(name) if resume else (None, {})
        if upload is None:
            upload = str(self._call("create_multipart_upload", name)["UploadId"])
        try:
            total = self._send(name, upload, present, first, following, parts)
        except BaseException:
            if not resume:  # else the parts wait for the next attempt, which compares each
                with contextlib.suppress(NovaCronError):
                    self._call("abort_multipart_upload", name, {"NoSuchUpload": None}, UploadId=upload)
            raise
        return ObjectInfo(name, total, time.time())

    def _part_for(self, size: int | None) -> int:
        if size is None:
            return max(self._part_size, UNKNOWN_PART_SIZE)
        return max(self._part_size, -(-size // MOST_PARTS))

    def _send(
        self,
        name: str,
        upload: str,
        present: Mapping[int, tuple[int, str]],
        first: bytes,
        following: bytes,
        rest: Iterator[bytes],
    ) -> int:
        done: list[dict[str, Any]] = []
        total = 0
        part: bytes | None = first
        upcoming: bytes | None = following
        while part is not None:
            number = len(done) + 1
            if number > MOST_PARTS:
                raise ContentTooLargeError(
                    f"{name} has more than {MOST_PARTS} parts; announce its size, or larger parts"
                )
            etag = _etag(part)
            if present.get(number) != (len(part), etag):
                sent = self._call(
                    "upload_part", name, UploadId=upload, PartNumber=number, Body=part, ContentMD5=_md5(part)
                )
                etag = str(sent["ETag"])
            done.append({"PartNumber": number, "ETag": etag})
            total += len(part)
            part, upcoming = upcoming, next(rest, None) if upcoming is not None else None
        finished = self._call(
            "complete_multipart_upload",
            name,
            {"NoSuchUpload": None},
            UploadId=upload,
            MultipartUpload={"Parts": done},
        )
        if finished is None:
            # An answer that was lost, or another process that finished the same upload: then the object is there.
            found = self.stat(name)
            if found is None or found.size != total:
                raise StorageError(f"the upload of {name} to {self!r} was aborted by somebody; repeat it")
        return total

    def _resumed(self, name: str) -> tuple[str | None, dict[int, tuple[int, str]]]:
        """The latest unfinished upload of this name and its parts: number → size, ETag. Older ones are aborted."""
        uploads = sorted(
            (item["Initiated"], str(item["UploadId"]))
            for item in self._uploads(self._folder + name)
            if item["Key"] == self._folder + name
        )
        for _, stale in uploads[:-1]:
            self._call("abort_multipart_upload", name, {"NoSuchUpload": None}, UploadId=stale)
        if not uploads:
            return None, {}
        upload = uploads[-1][1]
        parts: dict[int, tuple[int, str]] = {}
        following: dict[str, int] = {}
        while True:
            page = self._call("list_parts", name, {"NoSuchUpload": None}, UploadId=upload, **following)
            if page is None:
                return None, {}
            parts.update(
                {int(item["PartNumber"]): (int(item["Size"]), str(item["ETag"])) for item in page.get("Parts", ())}
            )
            if not page.get("IsTruncated"):
                return upload, parts
            following = {"PartNumberMarker": int(page["NextPartNumberMarker"])}

    def delete(self, name: str) -> bool:
        """See `ObjectStore.delete`."""
        there = self.exists(name)
        self._call("delete_object", name, dict.fromkeys(_GONE))
        return there

    def sweep(self, older_than: float) -> int:
        """See `ObjectStore.sweep`: aborts multipart uploads, whose parts are paid for but are no object."""
        count = 0
        latest = time.time() - older_than
        for item in [*self._uploads(self._folder)]:  # all of them first: aborting changes the list
            if item["Initiated"].timestamp() <= latest:
                name = item["Key"].removeprefix(self._folder)
                self._call("abort_multipart_upload", name, {"NoSuchUpload": None}, UploadId=item["UploadId"])
                count += 1
        return count

    def _uploads(self, prefix: str) -> Iterator[Any]:
        following: dict[str, str] = {}
        while True:
            page = self._call("list_multipart_uploads", None, Prefix=prefix, **following)
            yield from page.get("Uploads", ())
            if not page.get("IsTruncated"):
                return
            following = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    # -- requests -----------------------------------------------------------------------------------------------------

    def _call(
        self, operation: str, name: str | None, answers: Mapping[str, Any] | None = None, /, **arguments: Any
    ) -> Any:
        """One operation, repeated while it fails for a passing reason; `answers` gives results for error codes."""
        if name is not None:
            arguments["Key"] = self._folder + check_object_name(name)
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                wait_before(attempt)
            try:
                return getattr(self._client, operation)(Bucket=self._bucket, **arguments)
            except ClientError as error:
                status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
                code = str(error.response.get("Error", {}).get("Code", ""))
                if answers is not None and code in answers:
                    return answers[code]
                if status not in _REPEATABLE and code not in ("SlowDown", "InternalError", "RequestTimeout"):
                    raise self._refusal(operation, name, status, code) from None
                reason = f"HTTP {status}"
            except BotoCoreError as error:  # no connection, no answer, or a broken one
                reason = type(error).__name__
        where = f" of {name}" if name is not None else ""
        raise StorageUnavailableError(f"{self!r}: {operation}{where} failed {ATTEMPTS} times ({reason}); repeat later")

    def _refusal(self, operation: str, name: str | None, status: int, code: str) -> StorageError:
        if code in _GONE and name is not None:
            return missing(self, name)
        if code == "PreconditionFailed":
            return StorageUnavailableError(f"{name} in {self!r} was replaced while it was read; repeat")
        shown = code if _CODE.fullmatch(code) else "an error"
        hints = {
            "NoSuchBucket": "create the bucket, or name another",
            "RequestTimeTooSkewed": "set this machine's clock",
            "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY and the region",
            "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
            "AccessDenied": "check what the credentials may do",
        }
        hint = hints.get(code, "check credentials, bucket and region")
        return StorageRefusedError(f"{self!r} answered HTTP {status} {shown} to {operation}: {hint}")


def _md5(data: bytes) -> str:
    """What Content-MD5 says: the service refuses a body that was damaged on the way. No security rests on it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _etag(data: bytes) -> str:
    """The ETag of a part, except where the service encrypts with its own keys; there each part is sent again."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _header_safe(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{name} holds characters that no such value has; set it again without line breaks")
    return value


__all__ = ["S3ObjectStore"]
