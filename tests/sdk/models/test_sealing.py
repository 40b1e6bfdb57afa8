"""Sealed streams: what is opened is what was sealed, and every change to payload or header is noticed."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import io
import pickle
import struct
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import InputError, NotARecipientError, SealError, SealFormatError, SealTamperedError
from novacron.models.recipients import MAX_RECIPIENTS, STANZA_SIZE, TAG_SIZE, FileKey
from novacron.models.sealing import (
    FIXED_SIZE,
    MAX_CHUNK_SIZE,
    SealedHeader,
    SealedView,
    Sealer,
    rekey,
    sealed_size,
    unseal,
)
from novacron.quantum.keys import EncryptionKey, RecipientKey

CHUNK = 16
SEALED = CHUNK + TAG_SIZE
KEYS = [EncryptionKey.from_seed(bytes([number]) * 64) for number in range(4)]
ALICE, BOB, CAROL, EVE = KEYS
#: Three whole chunks and one of five bytes.
DATA = bytes(range(3 * CHUNK + 5))


def seal(data: bytes, *recipients: RecipientKey, chunk_size: int = CHUNK) -> tuple[SealedHeader, bytes]:
    sealer = Sealer(recipients or [ALICE.recipient], chunk_size=chunk_size)
    payload = b"".join(sealer.chunks(io.BytesIO(data)))
    return sealer.header(), payload


def opened(header: SealedHeader, key: EncryptionKey | FileKey, payload: bytes, piece: int = 7) -> bytes:
    file_key = key if isinstance(key, FileKey) else header.open(key)
    pieces = (payload[start : start + piece] for start in range(0, len(payload), piece))
    return b"".join(bytes(chunk) for chunk in unseal(header, file_key, pieces))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_what_is_opened_is_what_was_sealed(size: int) -> None:
    data = DATA[:size]
    header, payload = seal(data)
    assert opened(header, ALICE, payload) == data
    assert len(payload) == header.payload_size == sealed_size(size, CHUNK)
    assert header.payload_digest == hashlib.sha256(payload).digest()
    assert SealedHeader.decode(header.encode()) == header


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=300), chunk_size=st.integers(1, 80), piece=st.integers(1, 100))
def test_chunks_and_pieces_may_have_any_size(data: bytes, chunk_size: int, piece: int) -> None:
    header, payload = seal(data, chunk_size=chunk_size)
    assert opened(header, ALICE, payload, piece) == data


def test_a_source_may_give_less_than_asked_for() -> None:
    class Dripping(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(buffer[:3])

    sealer = Sealer([ALICE.recipient], chunk_size=CHUNK)
    payload = b"".join(sealer.chunks(Dripping(DATA)))
    assert opened(sealer.header(), ALICE, payload) == DATA


def test_the_format_is_the_documented_one() -> None:
    """Opened with the primitives alone, as docs/models-storage.md describes."""
    header, payload = seal(DATA, ALICE.recipient, BOB.recipient)
    data = header.encode()

    def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt, info).derive(secret)

    magic, version, suite, count, chunk_size, size, salt, digest = struct.unpack(">8sBBHIQ32s32s", data[:88])
    assert (magic, version, suite, count, chunk_size, size) == (b"NOVASEAL", 1, 1, 2, CHUNK, len(DATA))
    assert digest == hashlib.sha256(payload).digest()
    stanza = data[88 + 1648 : 88 + 2 * 1648]
    key_id, ciphertext, wrapped = stanza[:32], stanza[32:1600], stanza[1600:]
    assert key_id == hashlib.sha256(BOB.public_key).digest()
    shared = BOB.decapsulate(ciphertext)
    wrap_key = hkdf(shared, salt, b"novacron/seal/1 recipient" + key_id + ciphertext)
    file_key = AESGCM(wrap_key).decrypt(bytes(12), wrapped, None)
    mac_key = hkdf(file_key, salt, b"novacron/seal/1 header")
    assert data[-32:] == hmac.digest(mac_key, data[:-32], "sha256")
    cipher = AESGCM(hkdf(file_key, salt, b"novacron/seal/1 payload" + struct.pack(">I", CHUNK)))
    chunks = [payload[start : start + SEALED] for start in range(0, len(payload), SEALED)]
    plain = b"".join(
        cipher.decrypt(number.to_bytes(11, "big") + bytes([number == 3]), chunk, None)
        for number, chunk in enumerate(chunks)
    )
    assert plain == DATA


# -- the payload ------------------------------------------------------------------------------------------------------


def attacks(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Every change of the payload at every chunk's boundaries."""
    starts = [*range(0, len(payload), SEALED)]
    chunks = [payload[start : start + SEALED] for start in starts]
    for number, start in enumerate(starts):
        for cut in (start, start + 1, start + len(chunks[number]) - 1):
            yield f"cut at {cut}", payload[:cut]
        for position in (start, start + len(chunks[number]) - TAG_SIZE, start + len(chunks[number]) - 1):
            flipped = bytearray(payload)
            flipped[position] ^= 0x80
            yield f"flipped at {position}", bytes(flipped)
        yield f"chunk {number} dropped", b"".join(chunks[:number] + chunks[number + 1 :])
        yield f"chunk {number} twice", b"".join(chunks[: number + 1] + chunks[number:])
        yield f"chunk {number} at the end again", payload + chunks[number]
        yield f"a byte before chunk {number}", payload[:start] + b"\0" + payload[start:]
        for other in range(number):
            swapped = [*chunks]
            swapped[number], swapped[other] = swapped[other], swapped[number]
            yield f"chunks {other} and {number} swapped", b"".join(swapped)
    yield "extended by a byte", payload + b"\0"
    yield "extended by zeros", payload + bytes(SEALED)
    yield "twice", payload * 2
    yield "nothing", b""


@pytest.mark.parametrize("size", [0, 5, CHUNK, 3 * CHUNK, 3 * CHUNK + 5])
def test_every_change_at_every_chunk_boundary_is_noticed(size: int) -> None:
    header, payload = seal(DATA[:size])
    file_key = header.open(ALICE)
    count = 0
    for what, changed in attacks(payload):
        if changed == payload:
            continue
        with pytest.raises(SealTamperedError):
            pytest.fail(f"{what}: opened as {opened(header, file_key, changed)!r}")
        count += 1
    assert count >= 10


def test_what_was_given_before_the_damage_is_right() -> None:
    header, payload = seal(DATA)
    damaged = payload[: 2 * SEALED] + bytes(SEALED) + payload[3 * SEALED :]
    given: list[bytes] = []
    with pytest.raises(SealTamperedError, match="chunk 2 of 4"):
        given.extend(bytes(chunk) for chunk in unseal(header, header.open(ALICE), [damaged]))
    assert b"".join(given) == DATA[: 2 * CHUNK]


@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK, 3 * CHUNK + 5])
def test_a_recipient_cannot_shorten_or_lengthen_the_payload_by_the_size_alone(size: int) -> None:
    """The stream itself knows where it ends, also without the header's MAC."""
    header, payload = seal(DATA[:size])
    file_key = header.open(ALICE)
    for shorter in range(0, size, CHUNK):
        lying = dataclasses.replace(header, size=shorter)
        with pytest.raises(SealTamperedError):
            opened(lying, file_key, payload[: lying.payload_size])
    longer = dataclasses.replace(header, size=size + CHUNK)
    with pytest.raises(SealTamperedError):
        opened(longer, file_key, (payload + payload)[: longer.payload_size])


def test_the_chunk_size_is_bound_to_the_payloads_key() -> None:
    header, payload = seal(DATA[:CHUNK])
    lying = dataclasses.replace(header, chunk_size=CHUNK + 1)  # cuts these bytes alike
    with pytest.raises(SealTamperedError):
        opened(lying, header.open(ALICE), payload)


# -- the header -------------------------------------------------------------------------------------------------------


def test_no_byte_of_the_header_can_change() -> None:
    header, _ = seal(DATA)
    data = bytearray(header.encode())
    outcomes = set()
    for position in range(len(data)):
        data[position] ^= 1
        with pytest.raises(SealError) as caught:
            SealedHeader.decode(bytes(data)).open(ALICE)
        outcomes.add(type(caught.value))
        data[position] ^= 1
    assert SealedHeader.decode(bytes(data)).open(ALICE)
    assert outcomes == {SealFormatError, NotARecipientError, SealTamperedError}


CHANGES: dict[str, Callable[[SealedHeader, SealedHeader], SealedHeader]] = {
    "chunk size": lambda header, _: dataclasses.replace(header, chunk_size=header.chunk_size * 2),
    "size": lambda header, _: dataclasses.replace(header, size=header.size - CHUNK),
    "salt": lambda header, other: dataclasses.replace(header, salt=other.salt),
    "payload digest": lambda header, other: dataclasses.replace(header, payload_digest=other.payload_digest),
    "order of recipients": lambda header, _: dataclasses.replace(header, stanzas=header.stanzas[::-1]),
    "a recipient less": lambda header, _: dataclasses.replace(header, stanzas=header.stanzas[:1]),
    "a recipient more": lambda header, other: dataclasses.replace(header, stanzas=header.stanzas + other.stanzas[2:]),
    "another header's stanza": lambda header, other: dataclasses.replace(header, stanzas=other.stanzas[:2]),
    "another header's MAC": lambda header, other: dataclasses.replace(header, mac=other.mac),
    "a wrapped key of another": lambda header, other: dataclasses.replace(
        header, stanzas=(dataclasses.replace(header.stanzas[0], wrapped=other.stanzas[0].wrapped), header.stanzas[1])
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_field_of_the_header_is_authenticated(what: str) -> None:
    header, _ = seal(DATA, ALICE.recipient, BOB.recipient)
    other, _ = seal(DATA[::-1], ALICE.recipient, BOB.recipient, CAROL.recipient)
    changed = SealedHeader.decode(CHANGES[what](header, other).encode())
    with pytest.raises(SealTamperedError):
        changed.open(ALICE)


def test_a_header_is_read_only_whole() -> None:
    header, _ = seal(DATA, ALICE.recipient, BOB.recipient)
    data = header.encode()
    for length in (0, 7, FIXED_SIZE - 1, FIXED_SIZE, FIXED_SIZE + STANZA_SIZE, len(data) - 1):
        with pytest.raises(SealFormatError):
            SealedHeader.decode(data[:length])
    with pytest.raises(SealFormatError, match="bytes"):
        SealedHeader.decode(data + b"\0")


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (8, b"\x02"),  # version
        (9, b"\x02"),  # suite
        (10, b"\x00\x00"),  # no recipients
        (10, struct.pack(">H", MAX_RECIPIENTS + 1)),
        (12, bytes(4)),  # chunks of nothing
        (12, struct.pack(">I", MAX_CHUNK_SIZE + 1)),  # would take memory before anything is authenticated
        (16, b"\xff" * 8),
    ],
)
def test_a_header_beyond_the_bounds_is_refused_before_any_key_is_used(offset: int, value: bytes) -> None:
    data = bytearray(seal(DATA)[0].encode())
    data[offset : offset + len(value)] = value
    with pytest.raises(SealFormatError):
        SealedHeader.decode(bytes(data))


def test_a_header_that_names_a_recipient_twice_is_refused() -> None:
    header, _ = seal(DATA)
    with pytest.raises(SealFormatError, match="twice"):
        SealedHeader.decode(dataclasses.replace(header, stanzas=header.stanzas * 2).encode())


# -- recipients -------------------------------------------------------------------------------------------------------


def test_each_of_several_recipients_opens_it_and_nobody_else() -> None:
    header, payload = seal(DATA, ALICE.recipient, BOB.recipient, CAROL.recipient)
    assert header.recipients == (ALICE.key_id, BOB.key_id, CAROL.key_id)
    for key in (ALICE, BOB, CAROL):
        assert opened(header, key, payload) == DATA
    with pytest.raises(NotARecipientError, match=EVE.key_id.hex()):
        header.open(EVE)


def test_a_stanza_with_somebody_elses_id_opens_nothing() -> None:
    header, _ = seal(DATA)
    stanza = dataclasses.replace(header.stanzas[0], key_id=EVE.key_id)
    with pytest.raises(SealTamperedError):
        dataclasses.replace(header, stanzas=(stanza,)).open(EVE)


def test_rekeying_leaves_the_payload_and_shuts_out_who_was_removed() -> None:
    header, payload = seal(DATA, ALICE.recipient, BOB.recipient)
    new = rekey(header, ALICE, [ALICE.recipient, CAROL.recipient])
    for field in ("salt", "size", "chunk_size", "payload_digest"):
        assert getattr(new, field) == getattr(header, field)
    assert opened(new, ALICE, payload) == opened(new, CAROL, payload) == DATA
    with pytest.raises(NotARecipientError):
        new.open(BOB)
    assert {stanza.ciphertext for stanza in new.stanzas}.isdisjoint(stanza.ciphertext for stanza in header.stanzas)


def test_rekeying_cannot_take_back_what_a_recipient_kept() -> None:
    header, payload = seal(DATA, ALICE.recipient, BOB.recipient)
    kept = header.open(BOB)
    new = rekey(header, ALICE, [ALICE.recipient])
    assert opened(header, BOB, payload) == DATA  # the old header
    assert opened(new, kept, payload) == DATA  # the file key


def test_only_a_recipient_rekeys_and_only_what_was_not_altered() -> None:
    header, _ = seal(DATA)
    with pytest.raises(NotARecipientError):
        rekey(header, EVE, [EVE.recipient])
    with pytest.raises(SealTamperedError):
        rekey(dataclasses.replace(header, size=header.size - 1), ALICE, [ALICE.recipient])


def test_recipients_are_at_least_one_and_none_twice() -> None:
    with pytest.raises(InputError, match="nobody"):
        Sealer([])
    with pytest.raises(InputError, match="twice"):
        Sealer([ALICE.recipient, BOB.recipient, RecipientKey(ALICE.public_key)])
    header, _ = seal(DATA)
    with pytest.raises(InputError, match="nobody"):
        rekey(header, ALICE, [])
    for size in (0, -1, MAX_CHUNK_SIZE + 1):
        with pytest.raises(InputError, match="chunk"):
            Sealer([ALICE.recipient], chunk_size=size)


# -- keys -------------------------------------------------------------------------------------------------------------


def test_equal_plaintexts_look_unrelated() -> None:
    first, second = seal(DATA), seal(DATA)
    assert first[0].salt != second[0].salt
    assert first[1] != second[1]


def test_equal_chunks_of_one_payload_look_unrelated() -> None:
    _, payload = seal(bytes(4 * CHUNK))
    assert len({payload[start : start + SEALED] for start in range(0, len(payload), SEALED)}) == 4


def test_a_sealer_seals_once_and_its_header_comes_last() -> None:
    sealer = Sealer([ALICE.recipient], chunk_size=CHUNK)
    chunks = sealer.chunks(io.BytesIO(DATA))
    next(chunks)
    with pytest.raises(SealError, match="end"):
        sealer.header()
    with pytest.raises(InputError, match="used"):
        sealer.chunks(io.BytesIO(DATA))


def test_a_file_key_is_neither_shown_nor_pickled() -> None:
    secret = bytes(range(32))
    key = FileKey(secret)
    assert secret.hex() not in repr(key)
    assert repr(secret) not in repr(key)
    with pytest.raises(TypeError, match="never"):
        pickle.dumps(key)
    with pytest.raises(InputError):
        FileKey(secret[1:])


# -- reading parts ----------------------------------------------------------------------------------------------------


def view(data: bytes, start: int = 0, size: int = -1, damage: int | None = None) -> SealedView:
    header, payload = seal(data)
    stored = bytearray(payload)
    if damage is not None:
        stored[damage] ^= 1
    return SealedView(header, header.open(ALICE), lambda at, n: bytes(stored[at : at + n]), start, size)


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 53), size=st.integers(0, 53), offset=st.integers(0, 60), count=st.integers(0, 60))
def test_any_part_reads_as_it_was(start: int, size: int, offset: int, count: int) -> None:
    size = min(size, len(DATA) - start)
    with io.BufferedReader(view(DATA, start, size)) as file:
        file.seek(offset)
        assert file.read(count) == DATA[start : start + size][offset : offset + count]
        assert file.seek(0, io.SEEK_END) == size


def test_a_part_of_a_damaged_chunk_is_never_given() -> None:
    damaged = view(DATA, damage=SEALED + 3)
    assert damaged.read(CHUNK) == DATA[:CHUNK]
    with pytest.raises(SealTamperedError, match="chunk 1"):
        damaged.read(1)
    with pytest.raises(ValueError, match="position"):
        damaged.seek(-1)
