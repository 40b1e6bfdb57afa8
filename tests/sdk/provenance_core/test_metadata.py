"""Metadata codec: both forms, the limit, and hostile bytes."""

from __future__ import annotations

import contextlib
import json
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import InputError, MetadataTooLargeError, ProofFormatError
from novacron.provenance.metadata import MAX_DECODED_BYTES, MAX_METADATA_BYTES, decode_metadata, encode_metadata

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), JSON, max_size=5))
def test_what_is_encoded_is_decoded(metadata: dict[str, object]) -> None:
    try:
        encoded = encode_metadata(metadata)
    except MetadataTooLargeError:
        return
    assert len(encoded) <= MAX_METADATA_BYTES
    assert decode_metadata(encoded) == metadata


def test_nothing_is_no_bytes() -> None:
    assert encode_metadata(None) == encode_metadata({}) == b""
    assert decode_metadata(b"") == {}


def test_short_metadata_stays_readable_json() -> None:
    assert encode_metadata({"step": 5, "model": "digits"}) == b'{"model":"digits","step":5}'


def test_long_metadata_is_compressed() -> None:
    metadata = {f"metric_{number}": 0.5 for number in range(300)}
    encoded = encode_metadata(metadata)
    assert encoded[0] == 1
    assert len(encoded) < len(json.dumps(metadata))
    assert decode_metadata(encoded) == metadata


def test_the_limit_is_on_the_encoded_bytes() -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"
    noise = "".join(random.Random(7).choices(alphabet, k=4000))
    longest = max(length for length in range(2000, 3000) if _fits(noise[:length]))
    assert len(encode_metadata({"x": noise[:longest]})) <= MAX_METADATA_BYTES
    with pytest.raises(MetadataTooLargeError, match="the limit is 2048"):
        encode_metadata({"x": noise[: longest + 8]})
    with pytest.raises(MetadataTooLargeError):  # it would compress below the limit, but no reader would expand it
        encode_metadata({"x": "a" * (MAX_DECODED_BYTES + 1)})


def _fits(text: str) -> bool:
    try:
        encode_metadata({"x": text})
    except MetadataTooLargeError:
        return False
    return True


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"\x02abc", "0x02"),
        (b"[1]", "0x5b"),
        (b"\x00", "0x00"),
        (b"{", "not JSON"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b"{" * 100_000, "not JSON"),
        (b"\x01", "truncated"),
        (b"\x01garbage", "damaged"),
        (b"\x01" + zlib.compress(b'{"a":1}')[:-1], "truncated"),
        (b"\x01" + zlib.compress(b'{"a":1}') + b"x", "followed by"),
        (b"\x01" + zlib.compress(b"[1,2]"), "expected an object"),
        (b"\x01" + zlib.compress(b" " * (MAX_DECODED_BYTES + 1)), "expands beyond"),
        (b"\x01" + zlib.compress(b"\x00" * (200 * MAX_DECODED_BYTES)), "expands beyond"),
        (b'{"a":"' + b"x" * MAX_DECODED_BYTES + b'"}', "refused"),
    ],
    ids=range(16),
)
def test_hostile_bytes_are_refused(data: bytes, names: str) -> None:
    with pytest.raises(ProofFormatError, match=names):
        decode_metadata(data)


def test_exactly_one_mebibyte_is_read() -> None:
    plain = b'{"a":"' + b"x" * (MAX_DECODED_BYTES - 8) + b'"}'
    assert len(decode_metadata(b"\x01" + zlib.compress(plain))["a"]) == MAX_DECODED_BYTES - 8


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    for candidate in (data, b"\x01" + data, b"{" + data):
        with contextlib.suppress(ProofFormatError):
            assert isinstance(decode_metadata(candidate), dict)


@pytest.mark.parametrize("metadata", [[1], "text", 5, {"a": object()}, {"a": 2**60}, {1: "a"}])
def test_what_is_no_json_object_is_refused(metadata: object) -> None:
    with pytest.raises(InputError):
        encode_metadata(metadata)  # type: ignore[arg-type]
