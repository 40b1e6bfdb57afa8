"""CIDs and varints: one content, one identifier, one form of it."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from novacron.exceptions import InvalidCidError
from novacron.storage import varint
from novacron.storage.cid import Cid, Codec

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"  # of no bytes, as every IPFS tool gives it
DIGEST = hashlib.sha256(b"").digest()


def test_the_cid_of_nothing_is_the_well_known_one() -> None:
    assert str(Cid.of(b"")) == EMPTY
    assert Cid.parse(EMPTY).digest == DIGEST
    assert repr(Cid.of(b"")) == f"Cid({EMPTY})"


@given(st.binary(min_size=32, max_size=32), st.sampled_from(Codec))
def test_every_cid_survives_text_and_bytes(digest: bytes, codec: Codec) -> None:
    cid = Cid.from_digest(digest, codec)
    assert Cid.parse(str(cid)) == Cid.from_bytes(bytes(cid)) == Cid.from_digest(digest.hex(), codec) == cid
    assert (len(str(cid)), len(bytes(cid))) == (59, 36)
    assert str(cid).startswith("bafkrei" if codec is Codec.RAW else "bafybei")


def test_a_digest_on_chain_is_of_a_raw_block() -> None:
    assert Cid.from_digest(DIGEST).codec is Codec.RAW


@pytest.mark.parametrize("digest", [b"", DIGEST[:31], DIGEST + b"\0", "00" * 31, "zz" * 32, 5, None])
def test_no_digest_of_another_size_becomes_a_cid(digest: object) -> None:
    with pytest.raises(InvalidCidError):
        Cid.from_digest(digest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x12\x20" + DIGEST, "version 0"),
        (b"\x01\x71\x12\x20" + DIGEST, "codec 0x71"),
        (b"\x01\x55\x00\x05hello", "identity hash"),
        (b"\x01\x55\x13\x40" + DIGEST * 2, "hash is 0x13"),
        (b"\x01\x55\x12\x1f" + DIGEST[:31], "31 bytes"),
        (b"\x02\x55\x12\x20" + DIGEST, "version 1"),
        (b"\x01\x55\x12\x20" + DIGEST + b"x", "37 bytes"),
        (b"\x01\x55\x12\x20" + DIGEST[:-1], "35 bytes"),
        (b"\x81\x00\x55\x12\x20" + DIGEST, "version 1"),
        (b"", "version 1"),
    ],
)
def test_another_kind_of_cid_is_named(data: bytes, message: str) -> None:
    with pytest.raises(InvalidCidError, match=message):
        Cid.from_bytes(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH", "version 0"),
        (EMPTY.upper(), "lower-case"),
        ("z" + EMPTY[1:], "lower-case"),
        (EMPTY[:-1] + "v", "canonical"),  # the unused bits of the last character
        (EMPTY + "a", "is no"),
        (EMPTY[:-1], "is no"),
        (EMPTY + "=", "is no"),
        ("b" + "1" * 58, "no base32"),
        ("b" + "é" * 58, "no base32"),
        ("b" + "a" * 10_000, "too long"),
        ("b", "version 1"),
        ("", "lower-case"),
        (EMPTY + "\n", "is no"),
        (" " + EMPTY, "lower-case"),
    ],
)
def test_text_that_is_no_canonical_cid_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidCidError, match=message):
        Cid.parse(text)


@given(st.text(max_size=80) | st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=58, max_size=58).map("b".__add__))
@example(EMPTY)
def test_parsing_refuses_or_gives_back_the_same_text(text: str) -> None:
    with contextlib.suppress(InvalidCidError):
        assert str(Cid.parse(text)) == text


@given(st.integers(0, varint.MAXIMUM))
def test_varints_survive(value: int) -> None:
    data = varint.encode(value)
    assert varint.decode(b"x" + data + b"y", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "cut off"), (b"\x80", "cut off"), (b"\x80\x00", "shortest"), (b"\xff" * 9 + b"\x01", "nine bytes")],
)
def test_a_malformed_varint_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        varint.decode(data)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_varint_has_63_bits(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        varint.encode(value)
