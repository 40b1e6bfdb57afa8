"""The key store: wrong passphrases, files that were altered, crashes, permissions, rotation, expiry to the second."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    InputError,
    KeyExpiredError,
    KeyStoreError,
    SigningKeyError,
    StoreError,
    StoreFullError,
    WrongPassphraseError,
)
from novacron.quantum import EncryptionKey, PostQuantumScheme, SigningKey
from novacron.quantum.derivation import MasterSeed
from novacron.quantum.keyfile import KdfCost
from novacron.quantum.keystore import LIFETIME, KeyStore

WORD = "correct horse battery"
#: Passphrases cost nothing in these tests.
CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)
NOW = 1_800_000_000
ML_DSA = PostQuantumScheme.ML_DSA_44


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> KeyStore:
    return KeyStore(tmp_path / "keys", clock=clock, cost=CHEAP)


def file_of(store: KeyStore, name: str) -> Path:
    return store.folder / f"{name}.json"


def names(store: KeyStore) -> list[str]:
    return [entry.name for entry in store.entries()]


# -- round trip --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", list(PostQuantumScheme), ids=str)
def test_a_signing_key_comes_back_and_signs(store: KeyStore, scheme: PostQuantumScheme) -> None:
    key = SigningKey.generate(scheme)
    entry = store.add("release", key, WORD)
    assert (entry.scheme, entry.public_key, entry.created, entry.expires) == (
        scheme,
        key.public_key,
        NOW,
        NOW + LIFETIME,
    )
    unlocked = store.unlock_signing("release", lambda: WORD)
    assert unlocked.verifying_key == key.verifying_key
    assert key.verifying_key.verify(unlocked.sign(b"m", b"c"), b"m", b"c")
    assert store.entries() == [entry]


def test_recipients_and_master_seeds_come_back(store: KeyStore) -> None:
    recipient, master = EncryptionKey.generate(), MasterSeed.generate()
    store.add("recipient", recipient, WORD, lifetime=None)
    store.add("master", master, WORD, lifetime=None)
    assert store.unlock_encryption("recipient", WORD).key_id == recipient.key_id
    assert store.unlock_master("master", WORD).fingerprint == master.fingerprint
    for unlock, name in (
        (store.unlock_signing, "recipient"),
        (store.unlock_encryption, "master"),
        (store.unlock_master, "recipient"),
    ):
        with pytest.raises(InputError, match=f"key {name} is of .*: choose one of"):
            unlock(name, WORD)


def test_a_composed_passphrase_is_the_same_however_it_was_typed(store: KeyStore) -> None:
    store.add("k", MasterSeed.generate(), "Schlüssel-Übung", lifetime=None)
    store.unlock_master("k", "Schlu\u0308ssel-U\u0308bung")


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_wrong_passphrase_says_so_and_shows_neither(store: KeyStore) -> None:
    store.add("release", SigningKey.generate(ML_DSA), WORD)
    with pytest.raises(WrongPassphraseError, match=r"^wrong passphrase for key release$") as raised:
        store.unlock_signing("release", WORD + "x")
    assert WORD not in str(raised.value.__dict__) + repr(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("word", ["", "short", "a" * 11])
def test_a_short_passphrase_stores_nothing(store: KeyStore, word: str) -> None:
    with pytest.raises(InputError, match="12 characters or more"):
        store.add("release", SigningKey.generate(ML_DSA), word)
    with pytest.raises(InputError, match="no text"):
        store.add("release", SigningKey.generate(ML_DSA), "\ud800" * 12)
    assert names(store) == []


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", ".a", "a" * 65, "ä", "a\n"])
def test_a_name_leads_nowhere_else(store: KeyStore, name: str) -> None:
    with pytest.raises(InputError, match="is no key name"):
        store.add(name, MasterSeed.generate(), WORD)
    with pytest.raises(InputError, match="is no key name"):
        store.entry(name)


def changed(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, int):
        return value + 1
    if value is None:
        return 1_900_000_000
    return ("0" if value[0] != "0" else "1") + value[1:]


FIELDS = [
    *(("format",), ("name",), ("algorithm",), ("public_key",), ("created",), ("expires",), ("replaces",), ("origin",)),
    *(("kdf", one) for one in ("name", "salt", "memory_kib", "passes", "lanes")),
    *(("cipher", "name"), ("cipher", "nonce"), ("check",), ("ciphertext",)),
]


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_no_field_of_a_file_can_be_altered(store: KeyStore, field: tuple[str, ...]) -> None:
    store.add("old", MasterSeed.generate(), WORD, lifetime=None)
    store.add("key", MasterSeed.generate(), WORD, replaces="old", origin="master:a/b")
    path = file_of(store, "key")
    document = json.loads(path.read_text())
    inner = document
    for step in field[:-1]:
        inner = inner[step]
    if field == ("algorithm",):
        inner[field[-1]] = "ML-KEM-1024"
        document["public_key"] = EncryptionKey.generate().public_key.hex()
    else:
        inner[field[-1]] = changed(inner[field[-1]])
    path.write_text(json.dumps(document))
    with pytest.raises(KeyStoreError, match=r"wrong passphrase|was altered|is no key file"):
        store.unlock("key", WORD)


def test_a_missing_an_extra_and_a_foreign_member_are_noticed(store: KeyStore) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    store.add("other", MasterSeed.generate(), WORD)
    path, text = file_of(store, "key"), file_of(store, "key").read_text()
    document = json.loads(text)
    for member in document:
        path.write_text(json.dumps({name: value for name, value in document.items() if name != member}))
        with pytest.raises(KeyStoreError, match="is no key file"):
            store.unlock("key", WORD)
    for content in (json.dumps({**document, "more": 1}), "", "[]", text[:-5], '{"format": 1}', "\0" * 100):
        path.write_text(content)
        with pytest.raises(KeyStoreError, match="is no key file"):
            store.unlock("key", WORD)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyStoreError, match="is no text"):
        store.unlock("key", WORD)
    path.write_text(file_of(store, "other").read_text())  # another key under this name
    with pytest.raises(KeyStoreError, match="it is that of 'other'"):
        store.unlock("key", WORD)


@pytest.mark.parametrize(
    ("member", "value"), [("memory_kib", 2**30), ("passes", 10**6), ("lanes", 0), ("passes", 1.0), ("passes", True)]
)
def test_a_file_cannot_exhaust_its_reader(store: KeyStore, member: str, value: Any) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    document = json.loads(file_of(store, "key").read_text())
    document["kdf"][member] = value
    file_of(store, "key").write_text(json.dumps(document))
    with pytest.raises(KeyStoreError, match="was altered"):
        store.unlock("key", WORD)


def test_the_passphrase_costs_64_mib_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    store.add("key", MasterSeed.generate(), WORD)
    kdf = json.loads(file_of(store, "key").read_text())["kdf"]
    assert (kdf["name"], kdf["memory_kib"], kdf["passes"], kdf["lanes"]) == ("argon2id", 65_536, 3, 4)
    store.unlock("key", WORD)
    with pytest.raises(InputError, match="Argon2id takes"):
        KdfCost(memory_kib=8, lanes=2)


# -- files -------------------------------------------------------------------------------------------------------------


def test_files_are_their_owners_only_whatever_the_umask(store: KeyStore) -> None:
    before = os.umask(0)
    try:
        store.add("key", MasterSeed.generate(), WORD)
        store.change_passphrase("key", WORD, WORD + "2")
    finally:
        os.umask(before)
    assert file_of(store, "key").stat().st_mode & 0o777 == 0o600
    assert store.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_not_unlocked(store: KeyStore, mode: int) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    file_of(store, "key").chmod(mode)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        store.unlock("key", WORD)


def test_links_and_folders_are_no_keys(store: KeyStore, tmp_path: Path) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    file_of(store, "key").rename(tmp_path / "elsewhere.json")
    file_of(store, "key").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(KeyStoreError, match="key key"):
        store.unlock("key", WORD)
    with pytest.raises(KeyStoreError, match="has no key nothing"):
        store.unlock("nothing", WORD)


def test_a_key_is_never_overwritten(store: KeyStore) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    text = file_of(store, "key").read_text()
    with pytest.raises(KeyStoreError, match="has a key key already"):
        store.add("key", MasterSeed.generate(), WORD)
    assert file_of(store, "key").read_text() == text
    assert [path.name for path in store.folder.iterdir() if path.name.endswith(".new")] == []


class Crash(BaseException):
    """The power goes off."""


def crash_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Crash at the given call among those that change a folder; returns how many there were."""
    seen = itertools.count(1)
    calls = [0]

    def wrap(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            calls[0] = next(seen)
            if calls[0] >= number:  # nothing is cleaned up after a crash either
                raise Crash
            return plain(*args, **options)

        return call

    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, wrap(getattr(Path, name)))
    return lambda: calls[0]


@pytest.mark.parametrize("number", range(1, 5))
def test_a_crash_while_a_key_is_written_leaves_all_of_it_or_nothing(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.add("before", MasterSeed.generate(), WORD)
    with monkeypatch.context() as patch:
        crash_at(patch, number)
        with pytest.raises(Crash):
            store.rotate("before", "after", WORD)
    written = "after" in names(store)
    assert written == (number > 2)  # the link is the moment at which it is there
    if written:
        store.unlock_master("after", WORD)
    else:
        store.rotate("before", "after", WORD)
    successor = store.successor("before")
    assert successor is not None
    assert successor.name == "after"
    store.add("next", MasterSeed.generate(), WORD)
    assert not [path for path in store.folder.iterdir() if path.name.endswith(".new")]  # the next writer cleans up


@pytest.mark.parametrize("number", range(1, 4))
def test_a_crash_while_a_passphrase_is_changed_leaves_the_old_or_the_new(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.add("key", MasterSeed.generate(), WORD)
    with monkeypatch.context() as patch:
        crash_at(patch, number)
        with pytest.raises(Crash):
            store.change_passphrase("key", WORD, WORD + "2")
    store.unlock("key", WORD + ("2" if number > 2 else ""))


def test_a_full_disk_stores_nothing_and_says_so(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add("before", MasterSeed.generate(), WORD)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreFullError):
            store.add("key", MasterSeed.generate(), WORD)
    assert names(store) == ["before"]
    store.add("key", MasterSeed.generate(), WORD)


def test_a_folder_that_cannot_be_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        KeyStore(tmp_path / "file" / "keys", cost=CHEAP).add("key", MasterSeed.generate(), WORD)


# -- time and succession -----------------------------------------------------------------------------------------------


def test_a_key_expires_to_the_second(store: KeyStore, clock: Clock) -> None:
    store.add("key", SigningKey.generate(ML_DSA), WORD, lifetime=60)
    unlocked = store.unlock_signing("key", WORD)
    clock.now = NOW + 59.999
    unlocked.sign(b"m")
    store.unlock_signing("key", WORD)
    clock.now = NOW + 60
    with pytest.raises(KeyExpiredError, match=r"key key expired at 2027-01-15 08:01:00 UTC: make its successor"):
        unlocked.sign(b"m")
    with pytest.raises(KeyExpiredError):
        store.unlock_signing("key", lambda: pytest.fail("an expired key needs no passphrase"))
    with pytest.raises(InputError, match="over before it begins"):
        store.add("none", SigningKey.generate(ML_DSA), WORD, lifetime=0)


def test_an_expired_recipient_still_decrypts(store: KeyStore, clock: Clock) -> None:
    key = EncryptionKey.generate()
    store.add("recipient", key, WORD, lifetime=60)
    clock.now = NOW + 61
    assert store.unlock_encryption("recipient", WORD).key_id == key.key_id


@pytest.mark.parametrize("algorithm", ["ML-DSA-44", "SLH-DSA-SHA2-128s", "ML-KEM-1024", "MASTER-SEED"])
def test_rotation_makes_a_key_of_the_same_kind_that_names_its_predecessor(
    store: KeyStore, clock: Clock, algorithm: str
) -> None:
    secrets = {
        "ML-DSA-44": SigningKey.generate(ML_DSA),
        "SLH-DSA-SHA2-128s": SigningKey.generate(PostQuantumScheme.SLH_DSA_SHA2_128S),
        "ML-KEM-1024": EncryptionKey.generate(),
        "MASTER-SEED": MasterSeed.generate(),
    }
    old = store.add("first", secrets[algorithm], WORD)
    clock.now = NOW + 80 * 86_400
    new = store.rotate("first", "second", WORD)
    assert (new.algorithm, new.replaces, new.expires) == (algorithm, "first", NOW + 170 * 86_400)
    assert new.public_key != old.public_key
    assert store.successor("first") == new
    assert store.successor("second") is None
    store.unlock("second", WORD)
    with pytest.raises(KeyStoreError, match="was replaced by second already"):
        store.rotate("first", "third", WORD)
    assert names(store) == ["first", "second"]


def test_rotation_asks_for_the_passphrase_of_the_old_key(store: KeyStore) -> None:
    store.add("first", MasterSeed.generate(), WORD)
    with pytest.raises(WrongPassphraseError):
        store.rotate("first", "second", WORD + "x")
    with pytest.raises(KeyStoreError, match="cannot replace one of MASTER-SEED"):
        store.add("second", EncryptionKey.generate(), WORD, replaces="first")
    with pytest.raises(KeyStoreError, match="has no key nobody"):
        store.add("second", EncryptionKey.generate(), WORD, replaces="nobody")
    assert names(store) == ["first"]


def test_a_changed_passphrase_is_the_only_one(store: KeyStore) -> None:
    seed = MasterSeed.generate()
    entry = store.add("key", seed, WORD, lifetime=None)
    store.change_passphrase("key", WORD, WORD + "2")
    assert store.entry("key") == entry
    with pytest.raises(WrongPassphraseError):
        store.unlock("key", WORD)
    assert store.unlock_master("key", WORD + "2").fingerprint == seed.fingerprint


def test_where_the_passphrase_is_missing_the_error_says_where(store: KeyStore, tmp_path: Path) -> None:
    from novacron.chain.signer import passphrase_from_env, passphrase_from_file

    store.add("key", MasterSeed.generate(), WORD)
    with pytest.raises(SigningKeyError, match="NOVACRON_NO_SUCH is not set"):
        store.unlock("key", passphrase_from_env("NOVACRON_NO_SUCH"))
    with pytest.raises(SigningKeyError, match="No such file"):
        store.unlock("key", passphrase_from_file(tmp_path / "nothing"))
    (tmp_path / "word").write_text(WORD + "\nmore")
    store.unlock("key", passphrase_from_file(tmp_path / "word"))
