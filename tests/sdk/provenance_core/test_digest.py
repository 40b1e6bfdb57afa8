"""Digests in and out, and canonical JSON."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import InputError, InvalidDigestError
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest, sha256
from novacron.provenance.keccak import keccak256


@given(st.binary(min_size=32, max_size=32))
def test_every_spelling_of_a_digest_is_the_same_digest(digest: bytes) -> None:
    text = digest.hex()
    for spelling in (digest, text, text.upper(), "0x" + text, "0X" + text.upper()):
        assert parse_digest(spelling) == digest
    assert hex_digest(digest) == text


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("", "0 hexadecimal digits"),
        ("0x", "0 hexadecimal digits"),
        ("ab" * 31, "62 hexadecimal digits"),
        ("ab" * 33, "66 hexadecimal digits"),
        ("ab" * 31 + "g0", "'g' at digit 62"),
        ("0x0x" + "a" * 62, "'x' at digit 1"),
        ("ab" * 32 + "\n", "is not hexadecimal"),
        (" " + "ab" * 32, "' ' at digit 0"),
        ("\u0661" * 64, "is not hexadecimal"),
        (b"\x00" * 31, "got 31"),
        (b"a" * 64, "got 64"),
        (5, "got int"),
        (None, "got NoneType"),
    ],
)
def test_anything_else_is_refused_by_name(value: object, names: str) -> None:
    with pytest.raises(InvalidDigestError, match=names):
        parse_digest(value)  # type: ignore[arg-type]


def test_hex_digest_takes_bytes_only() -> None:
    with pytest.raises(InvalidDigestError):
        hex_digest("ab" * 32)  # type: ignore[arg-type]
    with pytest.raises(InvalidDigestError):
        hex_digest(b"short")


def test_hashes_are_the_standard_ones() -> None:
    assert sha256(b"abc") == hashlib.sha256(b"abc").digest()
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_canonical_json_is_rfc_8785() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "a": [None, True],
    }
    assert (
        canonical_json(value)
        == (
            '{"a":[null,true],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )
    # Keys sort by UTF-16 code units, where the smiley's surrogates come before U+FB33.
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "value", [2**53, float("nan"), float("inf"), {1: 2}, "\ud800", {"\ud800": 1}, object(), {"a": b""}]
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(InputError):
        canonical_json(value)
