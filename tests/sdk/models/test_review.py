"""What a hostile review tried on stores, packages, policies and keys: each of these once worked."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    CorruptObjectError,
    InputError,
    KeyStoreError,
    PickleRefusedError,
    QuantumError,
    StorageError,
    StorageRefusedError,
)
from novacron.models import fetching, sealing
from novacron.models.decision import decide
from novacron.models.fetching import fetch
from novacron.models.lineage import lineage_of
from novacron.models.package import Package, put_model
from novacron.models.policy import Policy
from novacron.models.references import Reference
from novacron.models.sealed_package import HEADERS, MAX_RECORD, PAYLOADS
from novacron.models.stores import read_object
from novacron.models.stores_local import LocalObjectStore
from novacron.models.stores_s3 import S3ObjectStore
from novacron.quantum import keyfile, messages
from novacron.quantum.keys import EncryptionKey
from novacron.storage.http import parse_address
from tests.support.model_stock import KEY, Fetch
from tests.support.model_world import CERTIFIER, Actors, ModelWorld

ALICE = EncryptionKey.from_seed(bytes(64))


# -- stores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["drafts", "names", "objects"])
def test_a_store_whose_folders_lie_elsewhere_is_refused_and_nothing_there_is_removed(
    tmp_path: Path, folder: str
) -> None:
    """Opening a store clears its leftovers, and so would have cleared the home of whoever was handed this one."""
    store = LocalObjectStore(tmp_path / "handed")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("thesis.txt", ".profile", "0" * 32, "0" * 64):
        (home / name).write_text("dear")
    (store.path / folder).rmdir()
    (store.path / folder).symlink_to(home)
    with pytest.raises(StorageError, match="is a symbolic link"):
        LocalObjectStore(store.path)
    assert len([*home.iterdir()]) == 4


def test_what_a_store_has_not_written_itself_is_not_removed_by_it(tmp_path: Path) -> None:
    store, home = LocalObjectStore(tmp_path / "handed"), tmp_path / "home"
    home.mkdir()
    digest = "ab" * 32
    (home / digest).write_text("another store's")
    (store.path / "objects" / "ab").symlink_to(home)
    (store.path / "drafts" / "notes.txt").write_text("somebody's")
    (store.path / "drafts" / ("0" * 32)).write_text("left by a crash")
    (store.path / "names" / "a").write_text(f'{{"sha256": "{digest}", "size": 15}}')
    store = LocalObjectStore(store.path)
    store.delete("a")
    assert store.sweep() == 0
    assert (home / digest).exists()
    assert [path.name for path in (store.path / "drafts").iterdir()] == ["notes.txt"]


class _Endless(LocalObjectStore):
    """Gives more than it is asked for, without an end."""

    given = 0

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        for self.given in itertools.count(1):
            assert self.given < 1_000
            yield bytes(64)


def test_a_store_that_never_stops_giving_is_stopped(tmp_path: Path) -> None:
    store = _Endless(tmp_path / "store")
    with pytest.raises(CorruptObjectError, match="has more than 4096 bytes"):
        read_object(store, "record", MAX_RECORD)
    assert store.given == MAX_RECORD // 64 + 1


def test_a_service_that_serves_no_ranges_is_refused_before_it_fills_the_memory() -> None:
    address = parse_address("http://127.0.0.1:9", "S3", allow_http=True, sends_credentials=True)
    store = S3ObjectStore(address, "bucket", "", region="us-east-1", access_key="a", secret_key="b")
    store._get = lambda *_: {"ContentLength": 1 << 40, "ETag": "x", "Body": None}  # type: ignore[method-assign]
    with store, pytest.raises(StorageRefusedError, match="instead of 100: no ranges are served"):
        next(store.get("name", 0, 100))


def test_a_store_that_names_another_header_each_time_is_left(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"weights")
    store = LocalObjectStore(tmp_path / "store")
    package = put_model(tmp_path / "model", store=store, recipients=[ALICE.recipient])
    real, turns = store.get, itertools.count()

    def lying(name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if name.startswith(HEADERS):
            assert next(turns) < 100
        data = b"".join(real(name, start, length)) if not name.startswith(HEADERS) else b"".join(real("none"))
        yield data.replace(package.header_id.hex().encode(), f"{next(turns) % 100:064x}".encode())

    store.get = lying  # type: ignore[method-assign]
    with pytest.raises(CorruptObjectError, match="another header each time"):
        Package.load(store, package.model_hash)


# -- fetching --------------------------------------------------------------------------------------------------------


def test_while_the_chain_is_asked_again_the_plaintext_lies_where_the_next_fetch_clears_up(
    get: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that was killed here used to leave the model beside its target for ever, under a random name."""
    seen: list[list[str]] = []

    def asked(*arguments: Any, **options: Any) -> Any:
        seen.append([path.name for path in (tmp_path / "fetched").iterdir()])
        return decide(*arguments, **options)

    monkeypatch.setattr(fetching, "decide", asked)
    get()
    assert seen == [[], [".model.novacron-fetch"]]


def test_a_target_that_appears_during_the_download_is_not_overwritten(
    world: ModelWorld, actors: Actors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "weights.bin", tmp_path / "fetched"
    source.write_bytes(b"weights of one file")
    store = LocalObjectStore(tmp_path / "store")
    digest = put_model(source, store=store, recipients=[KEY.recipient]).model_hash
    world.register(digest, "1.0.0")
    world.certify(digest)
    judged = itertools.count()

    def asked(*arguments: Any, **options: Any) -> Any:
        if next(judged) == 1:
            target.write_text("somebody's")
        return decide(*arguments, **options)

    monkeypatch.setattr(fetching, "decide", asked)
    wanted = Reference(model_hash=digest)
    with pytest.raises(InputError, match="nothing is overwritten"):
        fetch(actors.registry, wanted, store=store, key=KEY, target=target, policy=Policy())
    assert target.read_text() == "somebody's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetched", "store", "weights.bin"]


class _InLeague(LocalObjectStore):
    """Gives other bytes to who asks for a part than to who asks for the whole."""

    parts = b""

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if length is None or not name.startswith(PAYLOADS):
            return super().get(name, start, length)
        return iter([self.parts[start : start + length]])


def test_a_pickle_is_found_though_maker_and_store_show_another_archive_to_who_looks_into_it(tmp_path: Path) -> None:
    """Whoever knows the file key can seal two payloads under it; only the hash of the whole tells them apart."""
    source, store = tmp_path / "model.pt", _InLeague(tmp_path / "store")
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02." + bytes(3_000))
    package = put_model(source, store=store, recipients=[ALICE.recipient], allow_pickle=True, chunk_size=1_024)
    header, file_key = package.header, package.header.open(ALICE)
    plain = b"".join(bytes(piece) for piece in sealing.unseal(header, file_key, store.get(package.payload)))
    plain = plain[: -package.size] + bytes(package.size)
    cipher, last = sealing._cipher(file_key, header.salt, 1_024), header.chunks - 1
    for number in range(header.chunks):
        nonce = sealing._nonce(number, last=number == last)
        store.parts += cipher.encrypt(nonce, plain[1_024 * number : 1_024 * (number + 1)], None)
    with pytest.raises(PickleRefusedError, match=r"data\.pkl"):
        package.fetch(store, ALICE, tmp_path / "fetched")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "store"]


# -- policies --------------------------------------------------------------------------------------------------------


def test_a_certificate_that_its_certifier_took_back_or_that_is_over_is_none_of_theirs(
    world: ModelWorld, actors: Actors, released: bytes
) -> None:
    policy = Policy(certified=False, certifiers=frozenset([world.accounts[CERTIFIER]]))
    graph = lineage_of(actors.registry.view(), released)
    root = graph.root
    assert root.state.certificate is not None
    for change in ({"revoked_at": graph.pin.time}, {"expires_at": graph.pin.time}):
        state = replace(root.state, certificate=replace(root.state.certificate, **change))
        other = replace(graph, nodes={**graph.nodes, released: replace(root, state=state)})
        assert len(policy.objections(other, graph.pin.time)) == 1
    assert policy.objections(graph, graph.pin.time) == []


# -- keys ------------------------------------------------------------------------------------------------------------


def test_files_that_are_nested_without_an_end_are_refused_in_words() -> None:
    deep = "[" * 60_000
    with pytest.raises(KeyStoreError, match="is no key file"):
        keyfile.read(deep, "name")
    with pytest.raises(QuantumError, match="this is no request"):
        messages.parse_request(deep)
    with pytest.raises(QuantumError, match="this is no signed request"):
        messages.SignedRequest.from_json(deep)
