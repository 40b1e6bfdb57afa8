"""Reading tensors: each format and type gives the same numbers; what is damaged is refused, pickles never loaded."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from novacron.exceptions import InputError, NovaCronError, UnreadableFileError
from novacron.models import tensors as module
from novacron.models.tensors import Tensor, tensors_of

GRID = np.arange(-6, 6, dtype=np.float64).reshape(3, 4) / 4


def values(tensor: Tensor) -> NDArray[np.float64]:
    """The whole of a tensor."""
    pieces = list(tensor.pieces())
    return np.concatenate(pieces).reshape(tensor.shape) if pieces else np.empty(tensor.shape)


def read(root: Path) -> dict[str, NDArray[np.float64]]:
    """All tensors of a model."""
    return {tensor.name: values(tensor) for tensor in tensors_of(root)}


def safetensors(header: Any, data: bytes = b"") -> bytes:
    """A file with this header, which may be anything."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, stop: int, kind: str = "F32", shape: Any = None) -> dict[str, Any]:
    """Of a safetensors header."""
    return {"dtype": kind, "shape": [(stop - begin) // 4] if shape is None else shape, "data_offsets": [begin, stop]}


def test_safetensors_npz_and_npy_give_the_same_numbers(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    save_file({"w": GRID}, tmp_path / "one" / "model.safetensors", {"format": "pt"})
    np.savez(tmp_path / "two" / "model.npz", w=GRID)
    np.save(tmp_path / "three" / "w.npy", GRID)
    for name in ("one", "two", "three"):
        found = read(tmp_path / name)
        assert list(found) == ["w"]
        assert np.array_equal(found["w"], GRID)
    assert list(read(tmp_path)) == ["one/w", "three/w", "two/w"]


def test_compressed_archives_and_other_files_beside_them(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "model.npz", w=GRID, b=GRID[0])
    (tmp_path / "config.json").write_text("{}")
    assert {name: found.shape for name, found in read(tmp_path).items()} == {"b": (4,), "w": (3, 4)}


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8"])
def test_every_type_of_numpy_is_read(tmp_path: Path, kind: str) -> None:
    array = np.abs(GRID * 4).astype(kind) if kind.startswith("u") else (GRID * 4).astype(kind)
    np.save(tmp_path / "w.npy", array)
    assert np.array_equal(read(tmp_path)["w"], array.astype(np.float64))


def test_bfloat16_and_half_precision_of_safetensors(tmp_path: Path) -> None:
    single = np.array([1.0, -2.5, 3.140625, 0.0, 2.0**-130, np.inf], dtype=np.float32)  # all have a form in bfloat16
    upper = (single.view(np.uint32) >> 16).astype("<u2").tobytes()
    half = np.array([1.5, -0.25], dtype="<f2").tobytes()
    header = {"a": entry(0, 12, "BF16", [2, 3]), "b": entry(12, 16, "F16", [2])}
    (tmp_path / "m.safetensors").write_bytes(safetensors(header, upper + half))
    found = read(tmp_path)
    assert found["a"].tolist() == [[1.0, -2.5, 3.140625], [0.0, 2.0**-130, np.inf]]
    assert found["b"].tolist() == [1.5, -0.25]


def test_a_boolean_is_zero_or_one_whatever_its_byte(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(safetensors({"a": entry(0, 4, "BOOL", [4])}, bytes([0, 1, 2, 255])))
    np.save(tmp_path / "b.npy", np.frombuffer(bytes([0, 1, 2, 255]), dtype="?"))
    assert {name: found.tolist() for name, found in read(tmp_path).items()} == {key: [0, 1, 1, 1] for key in "ab"}


def test_fortran_order_is_read_row_by_row(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", c=GRID, f=np.asfortranarray(GRID))
    np.save(tmp_path / "g.npy", np.asfortranarray(GRID))
    found = read(tmp_path)
    assert all(np.array_equal(found[name], GRID) for name in "cfg")


def test_pieces_are_of_one_size_in_either_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)
    np.savez(tmp_path / "m.npz", c=GRID, f=np.asfortranarray(GRID))
    for tensor in tensors_of(tmp_path):
        assert [len(piece) for piece in tensor.pieces()] == [5, 5, 2]
        assert np.array_equal(values(tensor), GRID)


def test_empty_tensors_and_scalars(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", none=np.empty((0, 3)), scalar=np.float32(2.5))
    save_file({"void": np.empty((2, 0), np.float32), "w": GRID}, tmp_path / "m.safetensors")
    found = read(tmp_path)
    assert {name: one.shape for name, one in found.items()} == {
        "none": (0, 3),
        "scalar": (),
        "void": (2, 0),
        "w": (3, 4),
    }
    assert found["scalar"] == 2.5


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    for shard in ("a", "b"):
        save_file({"w": GRID}, tmp_path / f"{shard}.safetensors")
    with pytest.raises(InputError, match="two tensors named 'w'"):
        tensors_of(tmp_path)


HUGE = 2**63
DAMAGED = {
    "no header": b"",
    "half a length": b"\x08\x00\x00",
    "header longer than the file": struct.pack("<Q", 200) + b"{}",
    "header of 2^63 bytes": struct.pack("<Q", HUGE) + b"{}",
    "no JSON": safetensors(b"{'a': 1}"),
    "no UTF-8": safetensors(b'{"\xff": 1}'),
    "a list": safetensors([1]),
    "deep": safetensors(b"[" * 100_000 + b"]" * 100_000),
    "no offsets": safetensors({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "an entry that is a number": safetensors({"a": 7}),
    "three offsets": safetensors({"a": entry(0, 4) | {"data_offsets": [0, 4, 8]}}, bytes(4)),
    "offsets of text": safetensors({"a": entry(0, 4) | {"data_offsets": ["0", "4"]}}, bytes(4)),
    "offsets with a fraction": safetensors({"a": entry(0, 4) | {"data_offsets": [0, 4.0]}}, bytes(4)),
    "a name twice": safetensors(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"\0",
    ),
    "a name that is no text": safetensors({"\ud800": entry(0, 4)}, bytes(4)),
    "overlapping": safetensors({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)),
    "the same bytes twice": safetensors({"a": entry(0, 4), "b": entry(0, 4)}, bytes(4)),
    "a hole": safetensors({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)),
    "backwards": safetensors({"a": entry(4, 0, shape=[1])}, bytes(4)),
    "truncated": safetensors({"a": entry(0, 8)}, bytes(7)),
    "trailing bytes": safetensors({"a": entry(0, 8)}, bytes(9)),
    "bytes before the first": safetensors({"a": entry(4, 8)}, bytes(8)),
    "another shape": safetensors({"a": entry(0, 8, shape=[3])}, bytes(8)),
    "a huge shape": safetensors({"a": entry(0, 8, shape=[2**62, 2**62])}, bytes(8)),
    "a negative shape": safetensors({"a": entry(0, 8, shape=[-1, -2])}, bytes(8)),
    "a shape of booleans": safetensors({"a": entry(0, 4, shape=[True])}, bytes(4)),
    "a shape that is a number": safetensors({"a": entry(0, 4, shape=1)}, bytes(4)),
    "a type of eight bits": safetensors({"a": entry(0, 4, "F8_E4M3", [4])}, bytes(4)),
    "a type that is a list": safetensors({"a": entry(0, 4) | {"dtype": ["F32"]}}, bytes(4)),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_safetensors_file_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "m.safetensors").write_bytes(DAMAGED[what])
    with pytest.raises(InputError, match=r"m\.safetensors"):
        tensors_of(tmp_path)


def test_an_untrue_length_of_the_header_is_not_allocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HEADER", 10)
    (tmp_path / "m.safetensors").write_bytes(safetensors({"a": entry(0, 4)}, bytes(4)))
    with pytest.raises(InputError, match="said to have"):
        tensors_of(tmp_path)


class Bomb:
    """Unpickling it would be noticed."""

    loaded = False

    def __reduce__(self) -> Any:
        return (setattr, (Bomb, "loaded", True))


def test_arrays_of_objects_are_refused_and_never_loaded(tmp_path: Path) -> None:
    array = np.array([Bomb()], dtype=object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match="never loaded"):
        tensors_of(tmp_path)
    (tmp_path / "a.npy").unlink()
    np.savez(tmp_path / "a.npz", w=array)
    with pytest.raises(InputError, match="never loaded"):
        tensors_of(tmp_path)
    assert not Bomb.loaded


def test_pickles_are_passed_over_and_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    assert tensors_of(tmp_path) == []
    (tmp_path / "model.pt").rename(tmp_path / "model.npz")
    with pytest.raises(InputError, match=r"archive/data\.pkl"):
        tensors_of(tmp_path)
    assert not Bomb.loaded


def npy(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """A file of NumPy's with this header, which may be anything."""
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header + data


def header_of(shape: str, kind: str = "<f4", fortran: bool = False) -> bytes:
    """Of a NumPy file."""
    return f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}}}\n".encode()


DAMAGED_ARRAYS = {
    "empty": b"",
    "another magic": b"NUMPY" + bytes(40),
    "magic only": b"\x93NUMPY",
    "half a header": npy(header_of("(2,)"))[:30],
    "no Python": npy(b"{'descr': \n"),
    "an open string": npy(b"{'descr': '''\n"),
    "nested": npy(b"(" * 5_000 + b"\n"),
    "a version to come": npy(header_of("(1,)"), bytes(4), b"\x09\x00"),
    "negative": npy(header_of("(-1, -1)"), bytes(4)),
    "truncated": npy(header_of("(2,)"), bytes(7)),
    "trailing bytes": npy(header_of("(2,)"), bytes(9)),
    "a huge shape": npy(header_of(f"({2**40}, {2**40})"), bytes(4)),
    "a huge shape in Fortran order": npy(header_of(f"({2**40}, {2**40})", fortran=True), bytes(4)),
    "complex": npy(header_of("(1,)", "<c8"), bytes(8)),
    "extended precision": npy(header_of("(1,)", "<f16"), bytes(16)),
    "text": npy(header_of("(1,)", "<U1"), bytes(4)),
}


@pytest.mark.parametrize("what", DAMAGED_ARRAYS)
def test_a_damaged_array_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "w.npy").write_bytes(DAMAGED_ARRAYS[what])
    with pytest.raises(InputError, match=r"w\.npy"):
        tensors_of(tmp_path)
    (tmp_path / "w.npy").unlink()
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", DAMAGED_ARRAYS[what])
    with pytest.raises(InputError, match=r"w\.npz"):
        tensors_of(tmp_path)


def test_an_archive_with_an_array_twice_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, GRID)
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("w.npy", stream.getvalue())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("w.npy", stream.getvalue())
    with pytest.raises(InputError, match="two tensors named 'w'"):
        tensors_of(tmp_path)


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans(), packed=st.booleans())
def test_a_damaged_archive_is_read_or_refused_but_never_breaks(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: bool, packed: bool
) -> None:
    folder = tmp_path_factory.mktemp("damaged", numbered=True)
    (np.savez_compressed if packed else np.savez)(folder / "m.npz", a=GRID, b=np.asfortranarray(GRID))
    data = bytearray((folder / "m.npz").read_bytes())
    place %= len(data)
    if cut:
        del data[place:]
    data[place : place + 1] = bytes([byte])
    (folder / "m.npz").write_bytes(data)
    try:
        found = read(folder)
    except (InputError, UnreadableFileError):
        return
    # What still reads has the numbers that the archive's checksum vouches for; a name or a shape may have changed.
    assert all(sorted(one.ravel()) == sorted(GRID.ravel()) for one in found.values())


def test_a_file_that_changes_after_it_was_found_is_noticed(tmp_path: Path) -> None:
    for name, save in (("w.npy", np.save), ("w.npz", np.savez)):
        path = tmp_path / name
        save(path, GRID)
        (tensor,) = tensors_of(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UnreadableFileError):
            values(tensor)
        path.unlink()
        with pytest.raises(UnreadableFileError):
            values(tensor)


def test_links_and_folders_without_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NovaCronError):
        tensors_of(tmp_path)
    np.save(tmp_path / "w.npy", GRID)
    (tmp_path / "v.npy").symlink_to(tmp_path / "w.npy")
    with pytest.raises(NovaCronError, match="link"):
        tensors_of(tmp_path)
