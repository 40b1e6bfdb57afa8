"""Signature version 4 against the values that AWS publishes: its test suite, and the S3 API reference's examples."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from novacron.storage import sigv4
from novacron.storage.sigv4 import Credentials

EMPTY = hashlib.sha256(b"").hexdigest()

# aws-sig-v4-test-suite: one set of credentials, one moment, service "service".
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SUITE_HEADERS = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"}

# "Signature Calculations for the Authorization Header", examples in the Amazon S3 API reference.
S3 = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
S3_HEADERS = {
    "Host": "examplebucket.s3.amazonaws.com",
    "x-amz-content-sha256": EMPTY,
    "x-amz-date": "20130524T000000Z",
}


def signature(header: str) -> str:
    return header.rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/", (), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),  # get-vanilla
        ("POST", "/", (), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),  # post-vanilla
        (
            "GET",
            "/",
            (("Param2", "value2"), ("Param1", "value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),  # get-vanilla-query-order-key-case
    ],
)
def test_the_suites_signatures(method: str, path: str, query: tuple[tuple[str, str], ...], expected: str) -> None:
    header = sigv4.authorization(
        SUITE,
        method=method,
        path=path,
        query=query,
        headers=SUITE_HEADERS,
        payload_hash=EMPTY,
        region="us-east-1",
        service="service",
        now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert header == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f"SignedHeaders=host;x-amz-date,Signature={expected}"
    )


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "payload", "expected"),
    [
        (
            "GET",
            "/test.txt",
            (),
            {"Range": "bytes=0-9"},
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            (),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            (("lifecycle", ""),),
            {},
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            (("prefix", "J"), ("max-keys", "2")),
            {},
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_s3_references_signatures(
    method: str, path: str, query: tuple[tuple[str, str], ...], headers: dict[str, str], payload: bytes, expected: str
) -> None:
    payload_hash = hashlib.sha256(payload).hexdigest()
    header = sigv4.authorization(
        S3,
        method=method,
        path=path,
        query=query,
        headers=S3_HEADERS | headers | {"x-amz-content-sha256": payload_hash},
        payload_hash=payload_hash,
        region="us-east-1",
        service="s3",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert signature(header) == expected


def test_the_time_is_utc_wherever_the_machine_is() -> None:
    assert sigv4.amz_date(datetime(2013, 5, 24, 2, tzinfo=timezone(timedelta(hours=2)))) == "20130524T000000Z"


def test_encoding_is_awss() -> None:
    assert sigv4.uri_encode("a b/ä~$") == "a%20b%2F%C3%A4~%24"
    assert sigv4.uri_encode("/a b/c", keep_slash=True) == "/a%20b/c"


def test_credentials_are_never_shown() -> None:
    text = repr(Credentials("AKID", "SECRET", "TOKEN"))
    assert not any(part in text for part in ("AKID", "SECRET", "TOKEN"))
