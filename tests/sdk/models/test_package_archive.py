"""Archives of models: the same bytes for the same model, and no path that leaves the folder."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novacron.exceptions import ArchiveError, FileChangedError, InputError, PackageMismatchError
from novacron.models import archive
from novacron.models.archive import ArchiveSource, Index, encode_index, read_archive, read_index
from novacron.models.output import Output, Verification
from novacron.models.sealed_package import Package
from novacron.models.sealing import Sealer
from novacron.provenance.manifest import FileEntry, Manifest, build_manifest, root_of_files
from novacron.quantum.keys import EncryptionKey
from tests.support.model_stores import MemoryObjectStore, small_model

ALICE = EncryptionKey.from_seed(bytes(64))


def entry(path: str, data: bytes = b"data") -> FileEntry:
    return FileEntry(path, len(data), "sha256", hashlib.sha256(data).digest())


def packed(*files: tuple[str, bytes], kind: int = 0, count: int | None = None) -> bytes:
    """An archive as the documentation has it, whatever the paths."""
    index = struct.pack(">8sBBI", b"NOVAARCH", 1, kind, len(files) if count is None else count)
    for path, data in files:
        name = path.encode("utf-8", "surrogateescape")
        index += struct.pack(">H", len(name)) + name + struct.pack(">Q", len(data)) + hashlib.sha256(data).digest()
    return index + b"".join(data for _, data in files)


def read(data: bytes, piece: int = 5) -> tuple[Index, dict[str, bytes]]:
    contents: dict[str, bytes] = {}

    class Collect:
        def begin(self, entry: FileEntry) -> None:
            self.path = entry.path
            contents[self.path] = b""

        def write(self, data: memoryview) -> None:
            contents[self.path] += bytes(data)

        def end(self) -> None:
            """Nothing more."""

    buffer = memoryview(bytearray(piece))

    def pieces() -> Iterator[memoryview]:
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            buffer[: len(part)] = part  # the same buffer each time, as `unseal` does it
            yield buffer[: len(part)]

    return read_archive(pieces(), lambda index: Collect()), contents


def source_bytes(path: Path) -> bytes:
    with ArchiveSource(path, build_manifest(path)) as source:
        buffer, parts = memoryview(bytearray(777)), []
        while count := source.readinto(buffer):
            parts.append(bytes(buffer[:count]))
    return b"".join(parts)


def test_the_format_is_the_documented_one(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model")
    paths = ["config.json", "empty.txt", "layers/0/weights.safetensors", "layers.txt"]
    assert source_bytes(model) == packed(*[(path, (model / path).read_bytes()) for path in paths])
    assert source_bytes(model / "config.json") == packed((".", (model / "config.json").read_bytes()), kind=1)


def test_what_is_read_is_what_was_packed(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model")
    index, contents = read(source_bytes(model), 100)
    assert index.manifest.root == build_manifest(model).root
    assert contents == {str(p.relative_to(model)): p.read_bytes() for p in model.rglob("*") if p.is_file()}
    assert index.digest == hashlib.sha256(encode_index(index.manifest.files)).digest()
    assert index.archive_size == len(source_bytes(model))


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(st.text("abc/.", min_size=1, max_size=6), st.binary(max_size=40), min_size=1, max_size=4),
    piece=st.integers(1, 60),
)
def test_every_archive_is_read_exactly_or_refused(files: dict[str, bytes], piece: int) -> None:
    ordered = sorted(files.items(), key=lambda item: Path(item[0]).parts)
    try:
        index, contents = read(packed(*ordered), piece)
    except ArchiveError:
        return
    assert contents == files
    for path in contents:
        assert str(Path(path)) == path
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts
    assert encode_index(index.manifest.files) == packed(*ordered)[: index.length]


ESCAPES = [
    "/etc/passwd",
    "//etc/passwd",
    "../outside",
    "..",
    "a/../../outside",
    "a/..",
    ".",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "",
    "a\0b",
    "a" * 256,
    "b/" * 40 + "c" * 300,
    "\udcff",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_a_path_that_is_not_plainly_inside_is_refused_before_any_content(path: str) -> None:
    def accept(index: Index) -> Verification:
        pytest.fail(f"accepted {[file.path for file in index.manifest.files]}")

    data = packed((path, b"data"))
    with pytest.raises(ArchiveError):
        read_archive(iter([memoryview(data)]), accept)


@pytest.mark.parametrize("path", ["../outside", "/tmp/outside", "sub/../../outside"])
def test_a_package_made_to_escape_writes_nothing_anywhere(tmp_path: Path, path: str) -> None:
    """A recipient's public key is all that one needs to make such a package."""
    data = packed((path, b"data"))
    digest = hashlib.sha256(hashlib.sha256(b"data").digest()).digest()
    sealer = Sealer([ALICE.recipient], chunk_size=64)
    store = MemoryObjectStore()
    store.put("payloads/" + sealer.salt.hex(), sealer.chunks(io.BytesIO(data)))
    index = hashlib.sha256(data[: -len(b"data")]).digest()
    package = Package(digest, index, 4, 1, sealer.header())
    (tmp_path / "in").mkdir()
    with pytest.raises(PackageMismatchError, match="not plainly inside"):
        package.fetch(store, ALICE, tmp_path / "in" / "out")
    assert [*tmp_path.rglob("*")] == [tmp_path / "in"]


@pytest.mark.parametrize(
    "files",
    [
        [("a", b"1"), ("a", b"2")],
        [("a", b"1"), ("a/b", b"2")],
        [("a", b"1"), ("a/b/c", b"2")],
        [("b", b"1"), ("a", b"2")],
        [("a/b", b"1"), ("a", b"2")],
    ],
    ids=["twice", "file and folder", "file and folder above", "order", "order of folders"],
)
def test_paths_that_cannot_all_be_or_are_out_of_order_are_refused(files: list[tuple[str, bytes]]) -> None:
    with pytest.raises(ArchiveError):
        read(packed(*files))


def test_one_file_and_a_folder_are_told_apart() -> None:
    assert read(packed((".", b"data"), kind=1))[1] == {".": b"data"}
    for data in (packed((".", b"data")), packed(("a", b"data"), kind=1), packed((".", b"1"), ("a", b"2"), kind=1)):
        with pytest.raises(ArchiveError, match=r"'\.'"):
            read(data)
    with pytest.raises(ArchiveError, match="kind 2"):
        read(packed(("a", b"data"), kind=2))


def test_every_cut_and_every_extension_is_refused() -> None:
    data = packed(("a", b"12345"), ("b", b""), ("c", b"678"))
    assert read(data)[1] == {"a": b"12345", "b": b"", "c": b"678"}
    for length in range(len(data)):
        with pytest.raises(ArchiveError):
            read(data[:length])
    with pytest.raises(ArchiveError, match="goes on"):
        read(data + b"\0")


def test_content_that_is_not_what_the_index_says_is_refused() -> None:
    data = bytearray(packed(("a", b"12345"), ("c", b"678")))
    for position in range(len(data) - 8, len(data)):
        data[position] ^= 1
        with pytest.raises(ArchiveError, match="hash"):
            read(bytes(data))
        data[position] ^= 1


@pytest.mark.parametrize("count", [0, archive.MAX_FILES + 1, 0xFFFFFFFF])
def test_a_number_of_files_beyond_the_bounds_is_refused_before_memory_is_taken(count: int) -> None:
    with pytest.raises(ArchiveError, match="lists"):
        read(packed(("a", b"data"), count=count))


def test_an_index_beyond_the_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_INDEX", 100)
    data = packed(*[(f"{number}", b"") for number in range(3)])
    with pytest.raises(ArchiveError, match="larger than 100"):
        read_index(io.BytesIO(data).read)
    with pytest.raises(ArchiveError, match="at most 100"):
        encode_index([entry(f"{number}") for number in range(3)])
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    with pytest.raises(ArchiveError, match="at most 2"):
        encode_index([entry(f"{number}") for number in range(3)])


def test_a_path_too_long_to_pack_is_said() -> None:
    with pytest.raises(ArchiveError, match="4096"):
        encode_index([entry("/".join(["d" * 200] * 30))])


def test_a_file_larger_than_any_is_refused() -> None:
    data = bytearray(packed(("a", b"data")))
    data[14 + 2 + 1 : 14 + 2 + 1 + 8] = b"\xff" * 8
    with pytest.raises(ArchiveError, match="file of"):
        read(bytes(data))


def test_a_manifest_of_other_files_is_refused_before_anything_is_packed(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model")
    manifest = build_manifest(model)
    with pytest.raises(FileChangedError, match="changed"):
        ArchiveSource(model, Manifest("m", manifest.files[1:], root_of_files(manifest.files[1:])))


@pytest.mark.parametrize("kept", ["empty.txt", "config.json", "layers.txt"])
def test_what_is_packed_must_hash_to_the_manifest_whatever_its_stamps_say(tmp_path: Path, kept: str) -> None:
    """As when a file was written twice within a tick of the clock, or a cache of digests lied."""
    model = small_model(tmp_path / "model")
    sound = build_manifest(model)
    files = [dataclasses.replace(f, digest=bytes(32)) if f.path == kept else f for f in sound.files]
    with ArchiveSource(model, Manifest("m", tuple(files), root_of_files(files))) as source:
        with pytest.raises(FileChangedError, match=kept):
            _ = [*iter(lambda: source.readinto(memoryview(bytearray(777))), 0)]


@pytest.mark.parametrize("target", ["", ".", "..", "/", "x/.."])
def test_a_target_that_is_no_new_place_is_refused(target: str) -> None:
    with pytest.raises(InputError), Output(Path(target)):
        pytest.fail("entered")
