"""The index of embeddings: exact where it says so, and whole after crashes, damage and other people's changes."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from novacron.exceptions import CorruptStoreError, InputError, StoreFullError
from novacron.models import index as module
from novacron.models.embedding import Embedding
from novacron.models.index import ModelIndex

WIDTH = 24


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """faiss beside other tests."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ModelIndex]:
    """An empty one."""
    with ModelIndex(tmp_path / "index") as found:
        yield found


@pytest.fixture
def coded(index: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> ModelIndex:
    """600 models in families, with codes, above the threshold."""
    monkeypatch.setattr(module, "EXACT", 300)
    monkeypatch.setattr(module, "_LEAST", 40)
    monkeypatch.setattr(module, "_ROUNDS", 2)
    index.add_many((name(number), embedding) for number, embedding in enumerate(models()))
    assert index.build()
    return index


def models(count: int = 600) -> list[Embedding]:
    """20 families."""
    random = np.random.default_rng(5)
    bases = random.normal(size=(20, WIDTH))
    return [Embedding.of(bases[n % 20] + 0.3 * random.normal(size=WIDTH)) for n in range(count)]


def name(number: int) -> bytes:
    """Digest of a model."""
    return hashlib.sha256(str(number).encode()).digest()


def exact(embeddings: dict[bytes, Embedding], asked: NDArray[Any], k: int) -> list[bytes]:
    """Names of the nearest, by looking at all."""
    near = {model: float(one.vector.astype(np.float64) @ asked) for model, one in embeddings.items()}
    return sorted(near, key=lambda model: -near[model])[:k]


def codes_of(index: ModelIndex) -> list[Path]:
    """Files of codes."""
    return sorted(index.folder.glob("*codes-*"))


def test_an_empty_index_finds_nothing(index: ModelIndex) -> None:
    assert index.search(np.ones(7, dtype=np.float32)) == []
    assert (len(index), name(1) in index, index.build(), index.remove(name(1))) == (0, False, False, False)


def test_hits_come_nearest_first_with_cosine_and_digest(index: ModelIndex) -> None:
    vectors = {b"a" * 32: [1.0, 0, 0], b"b" * 32: [1.0, 1, 0], b"c" * 32: [-1.0, 0, 0]}
    for model, vector in vectors.items():
        index.add(model, Embedding.of(vector))
    found = index.search(np.array([2, 0, 0], dtype=np.float32))
    assert [hit.model_hash for hit in found] == [b"a" * 32, b"b" * 32, b"c" * 32]
    assert [hit.similarity for hit in found] == pytest.approx([1, 0.5**0.5, -1])
    assert [hit.vector_hash for hit in found] == [Embedding.of(vector).hash for vector in vectors.values()]
    assert [hit.model_hash for hit in index.search(Embedding.of([0, 1, 0]), k=1)] == [b"b" * 32]


def test_a_model_is_replaced_and_removed(index: ModelIndex) -> None:
    index.add(name(1), Embedding.of([1, 0]))
    index.add(name(2), Embedding.of([0, 1]))
    index.add(name(1), Embedding.of([-1, 0]))
    assert len(index) == 2
    assert [hit.model_hash for hit in index.search(Embedding.of([1, 0]))] == [name(2), name(1)]
    assert index.remove(name(2))
    assert not index.remove(name(2))
    assert (name(1) in index, name(2) in index, "1" in index) == (True, False, False)
    assert [hit.similarity for hit in index.search(Embedding.of([1, 0]))] == [-1]


def test_it_is_there_when_it_is_opened_again(index: ModelIndex) -> None:
    index.add(name(1), Embedding.of([1, 2, 3], "mine"))
    with ModelIndex(index.folder) as again:
        assert [hit.model_hash for hit in again.search(Embedding.of([1, 2, 3], "mine"))] == [name(1)]
        with pytest.raises(InputError, match="of kind mine with 3 numbers"):
            again.add(name(2), Embedding.of([1, 2, 3]))


@pytest.mark.parametrize("other", [Embedding.of([1, 2, 3], "other"), Embedding.of([1, 2], "mine")])
def test_embeddings_of_another_kind_or_dimension_are_refused(index: ModelIndex, other: Embedding) -> None:
    index.add(name(1), Embedding.of([1, 2, 3], "mine"))
    with pytest.raises(InputError, match="keep them in an index of their own"):
        index.add(name(2), other)
    with pytest.raises(InputError, match="keep them in an index of their own"):
        index.search(other)


@pytest.mark.parametrize(
    ("vector", "k"),
    [([1.0, 2.0], 1), ([[1.0, 2.0, 3.0]], 1), ([1.0, np.nan, 3.0], 1), ([0.0] * 3, 1), ([1.0, 2, 3], 0)],
)
def test_a_search_for_what_is_no_vector_of_the_index_is_refused(index: ModelIndex, vector: Any, k: int) -> None:
    index.add(name(1), Embedding.of([1, 2, 3]))
    with pytest.raises(InputError):
        index.search(np.array(vector, dtype=np.float32), k)


def test_all_are_added_or_none(index: ModelIndex) -> None:
    good = (name(1), Embedding.of([1, 2]))
    for bad in ((b"short", Embedding.of([1, 2])), (name(2), Embedding.of([1, 2, 3]))):
        with pytest.raises(InputError):
            index.add_many([good, bad])
        assert len(index) == 0
    index.add(name(3), Embedding.of([1, 2, 3]))  # the kind of what was not added does not count


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any)),
        max_size=12,
    ),
    asked=st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any),
    k=st.integers(1, 7),
)
def test_small_indexes_give_what_looking_at_all_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, list[int] | None]], asked: list[int], k: int
) -> None:
    there: dict[bytes, Embedding] = {}
    with ModelIndex(tmp_path_factory.mktemp("index")) as index:
        for number, vector in steps:
            if vector is None:
                assert index.remove(name(number)) == (there.pop(name(number), None) is not None)
            else:
                there[name(number)] = Embedding.of(vector)
                index.add(name(number), there[name(number)])
        found = index.search(np.array(asked, dtype=np.float32), k)
    unit = np.array(asked) / np.linalg.norm(asked)
    near = {model: float(one.vector.astype(np.float64) @ unit) for model, one in there.items()}
    assert [hit.similarity for hit in found] == pytest.approx(sorted(near.values(), reverse=True)[:k], abs=1e-6)
    assert len({hit.model_hash for hit in found}) == len(found)
    for hit in found:
        assert hit.similarity == pytest.approx(near[hit.model_hash], abs=1e-6)
        assert hit.vector_hash == there[hit.model_hash].hash


# -- codes -----------------------------------------------------------------------------------------------------------


def test_codes_find_what_looking_at_all_finds(coded: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {name(number): one for number, one in enumerate(models())}
    searches: list[int] = []
    ranked = ModelIndex._ranked

    def counted(self: ModelIndex, numbers: NDArray[np.int64], *rest: Any) -> Any:
        searches.append(len(numbers))
        return ranked(self, numbers, *rest)

    monkeypatch.setattr(ModelIndex, "_ranked", counted)
    right = 0
    for asked in models(20):
        found = coded.search(asked, 4)
        wanted = exact(there, asked.vector.astype(np.float64), 4)
        right += len({hit.model_hash for hit in found} & set(wanted))
        assert [hit.similarity for hit in found] == sorted((hit.similarity for hit in found), reverse=True)
        for hit in found:
            assert hit.similarity == pytest.approx(float(there[hit.model_hash].vector @ asked.vector), abs=1e-5)
    assert right >= 0.95 * 80
    assert max(searches) == 40  # candidates, not all 600


def test_no_codes_are_made_for_a_few(index: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 300)
    index.add_many((name(number), one) for number, one in enumerate(models(300)))
    assert not index.build()
    assert codes_of(index) == []


def test_what_is_added_changed_or_removed_after_the_codes_counts(coded: ModelIndex) -> None:
    asked = models()[7]
    assert coded.search(asked, 1)[0].model_hash == name(7)
    opposite = Embedding.of(-asked.vector)
    coded.add(name(7), opposite)  # its codes still say that it is near
    assert coded.search(asked, 1)[0].model_hash != name(7)
    assert coded.search(opposite, 1)[0].model_hash == name(7)
    coded.add(name(9_999), asked)
    assert coded.search(asked, 1)[0].model_hash == name(9_999)
    coded.remove(name(9_999))
    assert coded.search(asked, 1)[0].model_hash != name(9_999)


def test_as_many_are_found_as_were_asked_for_while_there_are_so_many(coded: ModelIndex) -> None:
    there, asked = {name(number): one for number, one in enumerate(models())}, models()[7]
    toward = asked.vector.astype(np.float64)
    for near in exact(there, toward, 200):  # all that the codes would name
        coded.remove(near)
        del there[near]
    assert [hit.model_hash for hit in coded.search(asked, 4)] == exact(there, toward, 4)
    assert len(coded.search(asked, 50)) == 50
    assert len(coded.search(asked, 1_000)) == 400


def test_codes_are_there_when_the_index_is_opened_again(coded: ModelIndex) -> None:
    asked = models()[7]
    with ModelIndex(coded.folder) as again:
        assert again.search(asked, 4) == coded.search(asked, 4)


def test_another_process_reads_the_same(coded: ModelIndex) -> None:
    script = (
        "import sys, numpy; from novacron.models import index; index._LEAST = 40\n"
        "with index.ModelIndex(sys.argv[1]) as found:\n"
        "    hits = found.search(numpy.frombuffer(bytes.fromhex(sys.argv[2]), 'f4'), 4)\n"
        "    print(*(hit.model_hash.hex() for hit in hits))"
    )
    asked = models()[7]
    command = [sys.executable, "-c", script, str(coded.folder), asked.vector.tobytes().hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [hit.model_hash.hex() for hit in coded.search(asked, 4)]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "empty"])
def test_damaged_codes_are_noticed_and_built_again(coded: ModelIndex, damage: str) -> None:
    (path,) = codes_of(coded)
    before, data = coded.search(models()[7], 4), bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "remove":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "truncate" else b"")
    with ModelIndex(coded.folder) as again:
        with pytest.raises(CorruptStoreError, match="build the index again"):
            again.search(models()[7], 4)
        assert again.build()
        assert again.search(models()[7], 4) == before


def test_a_crash_between_the_codes_and_their_record_leaves_the_old_ones(
    coded: ModelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = codes_of(coded)
    coded.add_many((name(1_000 + number), one) for number, one in enumerate(models(100)))
    before = coded.search(models()[7], 4)

    class Crash(BaseException):
        pass

    written: list[Path] = []

    def crash(path: Path, data: bytes) -> None:
        path.with_name(f".{path.name}.{'0' * 32}.new").write_bytes(data)
        path.write_bytes(data)
        written.append(path)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomically", crash)
        with pytest.raises(Crash):
            coded.build()
    assert len(codes_of(coded)) == 3
    with ModelIndex(coded.folder) as again:
        assert again.search(models()[7], 4) == before
        again.add(name(5_000), models(601)[600])  # so that other codes are built
        assert again.build()
        assert again.search(models()[7], 4) == before
        assert len(codes_of(again)) == 2  # the present ones and those before
        assert old in codes_of(again)
        assert written[0] not in codes_of(again)


def test_a_full_disk_is_said_and_leaves_the_old_codes(coded: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    before = coded.search(models()[7], 4)

    def full(path: Path, data: bytes) -> None:
        raise StoreFullError(f"{path}: no space left for {len(data)}")

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(StoreFullError):
        coded.build()
    assert coded.search(models()[7], 4) == before


def test_a_vector_that_is_not_that_of_its_digest_is_noticed(index: ModelIndex) -> None:
    index.add(name(1), Embedding.of([1, 0]))
    with sqlite3.connect(index.folder / "models.sqlite") as other:
        other.execute("UPDATE models SET vector = ?", (np.array([0, 1], dtype="<f4").tobytes(),))
    other.close()
    with pytest.raises(CorruptStoreError, match="not that of its digest"):
        index.search(Embedding.of([1, 0]))


def test_codes_that_are_replaced_while_being_read_are_read_again(
    coded: ModelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, tries = models()[7], []
    before = coded.search(asked, 4)
    loaded = ModelIndex._loaded
    with ModelIndex(coded.folder) as reader:

        def overtaken(self: ModelIndex, found: str) -> Any:
            tries.append(found)
            if len(tries) == 1:  # the file goes, as after two builds by others
                coded.add(name(5_000), models(601)[600])
                assert coded.build()
                (coded.folder / found).unlink()
            return loaded(self, found)

        monkeypatch.setattr(ModelIndex, "_loaded", overtaken)
        assert reader.search(asked, 4) == before
        assert len(set(tries[:2])) == 2


def test_models_that_come_and_go_during_a_build_count(coded: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    learn, asked = ModelIndex._learn, models()[7]

    def meanwhile(self: ModelIndex, numbers: NDArray[np.int64]) -> Any:
        found = learn(self, numbers)
        with ModelIndex(coded.folder) as other:
            other.remove(name(7))
            other.add(name(5_000), asked)
        return found

    monkeypatch.setattr(ModelIndex, "_learn", meanwhile)
    assert coded.build()
    found = [hit.model_hash for hit in coded.search(asked, 4)]
    assert found[0] == name(5_000)
    assert name(7) not in found


def test_a_build_that_most_models_left_meanwhile_leaves_things_as_they_are(
    coded: ModelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ModelIndex._numbers

    def emptied(store: Any, above: int = 0) -> NDArray[np.int64]:
        return numbers(store, above) + 10_000  # as if those were removed

    before = codes_of(coded)
    with monkeypatch.context() as patch:
        patch.setattr(ModelIndex, "_numbers", staticmethod(emptied))
        assert not coded.build()
    assert codes_of(coded) == before


def test_threads_share_an_index(coded: ModelIndex) -> None:
    asked = models(8)
    wanted = [coded.search(one, 4) for one in asked]
    wrong: list[int] = []

    def ask(number: int) -> None:
        if any(coded.search(asked[number], 4) != wanted[number] for _ in range(5)):
            wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_width_that_is_no_multiple_of_a_codes_is_padded(index: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 256)
    monkeypatch.setattr(module, "_ROUNDS", 1)
    random = np.random.default_rng(1)
    there = {name(number): Embedding.of(random.normal(size=5)) for number in range(300)}
    index.add_many(there.items())
    assert index.build()
    asked = there[name(3)]
    assert index.search(asked, 1)[0].model_hash == name(3)
