"""Pickled objects are found by content, refused unless allowed, and never loaded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
from safetensors.numpy import save

from novacron.exceptions import PickleRefusedError
from novacron.models.package import put_model
from novacron.models.pickles import PREFIX, find_pickles, inspect
from novacron.quantum.keys import EncryptionKey
from tests.support.model_stores import MemoryObjectStore

ALICE = EncryptionKey.from_seed(bytes(64))
RAN: list[str] = []


class Bomb:
    """Says so when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return RAN.append, ("loaded",)


class Exits:
    def __reduce__(self) -> tuple[object, tuple[int]]:
        return exit, (3,)


@pytest.fixture(autouse=True)
def _nothing_runs() -> object:
    RAN.clear()
    yield
    assert RAN == []


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def saved(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def dumped(value: object, compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=compress)
    return buffer.getvalue()


OBJECTS = np.array([{"a": 1}, None], dtype=object)
STRUCTURE = np.zeros(1, dtype=[("a", "f4"), ("b", "O")])
PICKLES = {
    **{f"protocol {protocol}": pickle.dumps(Exits(), protocol) for protocol in range(6)},
    "a dict": pickle.dumps({"weights": [1.0]}),
    "a large one": pickle.dumps(bytes(2 * PREFIX)),
    "a large list": pickle.dumps([*range(200_000)]),
    "protocol 0, large": pickle.dumps([Exits(), *range(200_000)], 0),
    "legacy torch.save": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
    "torch.save": zipped(archive__data_pkl=b"").replace(b"data_pkl", b"data.pkl"),
    "a zip with a pickle under any name": zipped(notes=b"x", **{"weights.txt": pickle.dumps(Exits())}),
    "a zip with something before it": b"#!/bin/sh\n" + zipped(a=pickle.dumps(Exits())),
    "npz": zipped(**{"w.npy": saved(OBJECTS, allow_pickle=True)}),
    "npy": saved(OBJECTS, allow_pickle=True),
    "npy structure": saved(STRUCTURE, allow_pickle=True),
    "joblib": dumped({"a": np.zeros(3)}),
    "joblib zlib": dumped({"a": np.zeros(3)}, 3),
    "joblib lzma": dumped({"a": np.zeros(3)}, ("lzma", 1)),
    "gzip": gzip.compress(pickle.dumps(Exits())),
    "bzip2": bz2.compress(pickle.dumps(Exits())),
    "xz": lzma.compress(pickle.dumps(Exits())),
    "zlib": zlib.compress(pickle.dumps(Exits())),
    "tar": tarred("model/weights.bin", pickle.dumps(Exits())),
}
HARMLESS = {
    "nothing": b"",
    "safetensors": save({"w": np.arange(1000, dtype=np.float32)}),
    "npy": saved(np.arange(1000.0)),
    "npy of text": saved(np.array(["OOO", "O"])),
    "npz": zipped(**{"w.npy": saved(np.arange(10.0))}),
    "json": json.dumps({"a": [1, 2]}).encode(),
    "words that begin with c": b"".join(b"c%d\n" % number for number in range(3000)),
    "words": b"cab\ndog\nRoe\n.\n",
    "text": b"Nothing here is code. It (really) is not.\n" * 50,
    "zeros": bytes(10_000),
    "ones": b"\xff" * 10_000,
    "floats that begin like a pickle": b"\x80\x04\xff\xff" + bytes(range(256)) * 2000,
    "a mark alone": b"\x80\x05",
    "a broken zip": zipped(a=b"x")[:-10] + b"PK\x05\x06",
    "a broken gzip": b"\x1f\x8b" + bytes(100),
    "a broken tar": bytes(257) + b"ustar" + bytes(1000),
    "gzip of text": gzip.compress(b"text" * 1000),
}


@pytest.mark.parametrize("what", PICKLES)
def test_pickles_are_found_by_content(what: str) -> None:
    assert inspect(io.BytesIO(PICKLES[what])) is not None


@pytest.mark.parametrize("what", HARMLESS)
def test_what_holds_no_pickle_is_let_pass(what: str) -> None:
    assert inspect(io.BytesIO(HARMLESS[what])) is None


def test_a_bomb_of_zeros_is_not_unpacked_whole() -> None:
    bombs = [io.BytesIO(gzip.compress(bytes(20_000_000), 1)), io.BytesIO(zipped(a=bytes(20_000_000)))]
    tracemalloc.start()
    try:
        assert [inspect(bomb) for bomb in bombs] == [None, None]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_members_that_nobody_can_look_into_count_as_pickles() -> None:
    data = bytearray(zipped(a=b"text"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1  # says that it is encrypted
    assert "encrypted" in (inspect(io.BytesIO(data)) or "")
    data = bytearray(zipped(a=b"text"))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 99  # a method that is none
    assert "cannot be looked into" in (inspect(io.BytesIO(data)) or "")


@pytest.mark.parametrize("data", [zipped(a=b"1", b=b"2", c=b"3"), tarred("a", b"1")[:1024] * 3 + bytes(1024)])
def test_more_members_than_are_looked_at_count_as_pickles(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron.models.pickles.MAX_MEMBERS", 3)
    assert inspect(io.BytesIO(data)) is None
    monkeypatch.setattr("novacron.models.pickles.MAX_MEMBERS", 2)
    assert "more than 2 members" in (inspect(io.BytesIO(data)) or "")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / "weights.safetensors").write_bytes(HARMLESS["safetensors"])
    (tmp_path / "model" / "sub" / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))  # a name proves nothing
    (tmp_path / "model" / "z.npz").write_bytes(PICKLES["npz"])
    return tmp_path / "model"


def test_each_file_with_a_pickle_is_named(model: Path) -> None:
    assert [path for path, _ in find_pickles(model)] == ["sub/weights.safetensors", "z.npz"]


def test_a_model_with_pickles_is_neither_put_nor_fetched_unless_allowed(model: Path, tmp_path: Path) -> None:
    store = MemoryObjectStore()
    with pytest.raises(PickleRefusedError, match="runs code") as caught:
        put_model(model, store=store, recipients=[ALICE.recipient])
    assert [path for path, _ in caught.value.findings] == ["sub/weights.safetensors", "z.npz"]
    assert store.objects == {}
    package = put_model(model, store=store, recipients=[ALICE.recipient], allow_pickle=True, chunk_size=50)
    with pytest.raises(PickleRefusedError) as caught:
        package.fetch(store, ALICE, tmp_path / "out")
    assert [path for path, _ in caught.value.findings] == ["sub/weights.safetensors", "z.npz"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    package.fetch(store, ALICE, tmp_path / "out", allow_pickle=True)
    assert (tmp_path / "out" / "z.npz").read_bytes() == PICKLES["npz"]
