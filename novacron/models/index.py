"""Finding models by likeness: an index of embeddings on this machine, searched through product quantisation.

Vectors are kept whole in SQLite, which is what counts. Above `EXACT` models, `build` makes an inverted file of product
codes (Jégou, Douze, Schmid 2011; faiss) from them: each vector in `d / 8` codes of 8 bits. A search takes candidates
from there, and from what was added since, and ranks them by their whole vectors, so every similarity it gives is exact.

A hit is a claim of this index. Whoever acts on it compares its `vector_hash` with the registry's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from novacron.atomic import write_atomically
from novacron.exceptions import CorruptStoreError, InputError
from novacron.models.embedding import Embedding, Vector
from novacron.stores import open_store, snapshot, transaction

#: Up to so many models a search compares with every one of them; above, `build` pays.
EXACT = 5_000
#: Candidates that are ranked by their whole vectors, for each hit that is asked for, and at least.
_REFINE, _LEAST = 10, 100
#: Vectors that codes are learnt from, and lists that a search looks into.
_SAMPLE, _PROBES = 10_000, 32
#: Rounds of k-means; more hardly change which candidates are found.
_ROUNDS = 8
#: Most vectors that are compared at a time.
_BLOCK = 4_096
_CODE_WIDTH = 8
_APPLICATION = 0x4E43_5649
_SCHEMA = """
CREATE TABLE models (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    model BLOB NOT NULL UNIQUE CHECK (length(model) = 32),
    vector_hash BLOB NOT NULL CHECK (length(vector_hash) = 32),
    vector BLOB NOT NULL
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Hit:
    """A model that is like the one looked for.

    Attributes:
        model_hash: 32 bytes.
        similarity: cosine of the angle between the two, -1 to 1.
        vector_hash: 32 bytes, of the embedding that this index has.
    """

    model_hash: bytes
    similarity: float
    vector_hash: bytes


class ModelIndex:
    """The embeddings of a folder. All are of one kind and dimension, those of the first that is added.

    Several processes may use it; threads share one instance.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open the index of a folder, making it when there is none. Raises as `open_store`."""
        self.folder = Path(folder)
        self._store = open_store(self.folder / "models.sqlite", schema=_SCHEMA, application_id=_APPLICATION)
        self._codes: tuple[str, Any] | None = None  # file name and loaded index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its files."""
        self._store.close()
        self._codes = None

    def __len__(self) -> int:
        with snapshot(self._store) as store:
            return int(store.execute("SELECT count(*) FROM models").fetchone()[0])

    def __contains__(self, model_hash: object) -> bool:
        with snapshot(self._store) as store:
            return store.execute("SELECT 1 FROM models WHERE model = ?", (model_hash,)).fetchone() is not None

    # -- changing ----------------------------------------------------------------------------------------------------

    def add(self, model_hash: bytes, embedding: Embedding) -> None:
        """Add a model, or give it another embedding. Raises as `add_many`."""
        self.add_many([(model_hash, embedding)])

    def add_many(self, models: Iterable[tuple[bytes, Embedding]]) -> int:
        """Add models, all of them or none; how many.

        Raises:
            InputError: a digest that has not 32 bytes, or an embedding of another kind or dimension than the index's.
            StoreError and others, as `transaction`.
        """
        count = 0
        with transaction(self._store) as store:
            for model_hash, embedding in models:
                if len(model_hash) != 32:
                    raise InputError(f"a model's digest has 32 bytes, this one has {len(model_hash)}")
                self._require_same_kind(store, embedding)
                row = (model_hash, embedding.hash, embedding.vector.astype("<f4").tobytes())
                # A new number: codes that are built already do not speak for the new vector.
                store.execute("DELETE FROM models WHERE model = ?", (model_hash,))
                store.execute("INSERT INTO models (model, vector_hash, vector) VALUES (?, ?, ?)", row)
                count += 1
        return count

    def remove(self, model_hash: bytes) -> bool:
        """Remove a model; whether it was there."""
        with transaction(self._store) as store:
            return store.execute("DELETE FROM models WHERE model = ?", (model_hash,)).rowcount > 0

    def build(self) -> bool:
        """Make the codes of all models anew; False below `EXACT` models, where every vector is looked at.

        The old codes serve until the new ones are complete.
        """
        with snapshot(self._store) as store:
            numbers = np.array(
                [n for (n,) in store.execute("SELECT number FROM models ORDER BY number")], dtype=np.int64
            )
            before = self._fact(store, "codes")
        if len(numbers) <= EXACT:
            return False
        codes = self._learn(numbers)
        for start in range(0, len(numbers), _BLOCK):
            found, vectors = self._vectors(numbers[start : start + _BLOCK])
            codes.add_with_ids(_padded(vectors), found)
        data = faiss.serialize_index(codes).tobytes()
        name = f"codes-{hashlib.sha256(data).hexdigest()}.faiss"
        write_atomically(self.folder / name, data)
        with transaction(self._store) as store:
            facts = (("codes", name), ("covered", int(numbers[-1])))
            store.executemany("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", facts)
        if before not in (None, name):
            (self.folder / str(before)).unlink(missing_ok=True)
        return True

    # -- searching ---------------------------------------------------------------------------------------------------

    def search(self, vector: Vector, k: int = 10) -> list[Hit]:
        """The models whose embeddings are most like a vector, the best first; fewer than `k` where there are fewer.

        Args:
            vector: float32 (d,), as `Embedding.vector`.

        Raises:
            InputError: `k` below 1, or a vector of another dimension than the index's.
            CorruptStoreError: the codes' file is damaged: build them again.
        """
        if k < 1:
            raise InputError(f"{k} hits: ask for 1 at least")
        asked = np.ascontiguousarray(vector, dtype=np.float32)
        with snapshot(self._store) as store:
            dimensions = self._fact(store, "dimensions")
            if dimensions is None:
                return []
            if asked.shape != (dimensions,):
                raise InputError(f"the index has vectors of {dimensions} numbers, this one has {asked.shape}")
            candidates = self._candidates(store, asked, k)
            best: list[tuple[float, int]] = []
            for numbers, vectors in self._blocks(candidates):
                best += zip((vectors @ asked).tolist(), numbers.tolist(), strict=True)
                best = sorted(best, key=lambda one: (-one[0], one[1]))[:k]
            return [self._hit(store, number, similarity) for similarity, number in best]

    def _candidates(self, store: Any, asked: Vector, k: int) -> NDArray[np.int64]:
        """Numbers of the models worth a look: all, or what the codes say and what is not in them yet."""
        name, covered = self._fact(store, "codes"), self._fact(store, "covered") or 0
        near = np.empty(0, dtype=np.int64)
        if name is not None:
            wanted = max(_REFINE * k, _LEAST)
            _, found = self._loaded(str(name)).search(_padded(asked[None, :]), wanted)
            near = found[0][found[0] >= 0]
        later = [n for (n,) in store.execute("SELECT number FROM models WHERE number > ? ORDER BY number", (covered,))]
        return np.concatenate([near, np.array(later, dtype=np.int64)])

    def _blocks(self, numbers: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for start in range(0, len(numbers), _BLOCK):
            found, vectors = self._vectors(numbers[start : start + _BLOCK])
            if len(found):
                yield found, vectors

    def _vectors(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The vectors of models by number; those that are removed are left out."""
        with snapshot(self._store) as store:
            marks = ",".join("?" * len(numbers))
            question = f"SELECT number, vector FROM models WHERE number IN ({marks}) ORDER BY number"  # noqa: S608
            rows = store.execute(question, numbers.tolist()).fetchall()
            dimensions = int(self._fact(store, "dimensions") or 0)
        found = np.array([number for number, _ in rows], dtype=np.int64)
        return found, np.frombuffer(b"".join(data for _, data in rows), dtype="<f4").reshape(len(rows), dimensions)

    def _hit(self, store: Any, number: int, similarity: float) -> Hit:
        model, digest = store.execute("SELECT model, vector_hash FROM models WHERE number = ?", (number,)).fetchone()
        return Hit(bytes(model), max(-1.0, min(1.0, similarity)), bytes(digest))

    # -- codes -------------------------------------------------------------------------------------------------------

    def _learn(self, numbers: NDArray[np.int64]) -> Any:
        """An empty inverted file whose codes were learnt from an even sample."""
        sample = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), _SAMPLE)).astype(np.int64)]
        vectors = _padded(np.concatenate([vectors for _, vectors in self._blocks(sample)]))
        width = vectors.shape[1]
        lists = int(len(numbers) ** 0.5)
        codes = faiss.IndexIVFPQ(
            faiss.IndexFlatIP(width), width, lists, width // _CODE_WIDTH, 8, faiss.METRIC_INNER_PRODUCT
        )
        codes.nprobe = min(_PROBES, lists)
        for clustering in (codes.cp, codes.pq.cp):
            clustering.niter, clustering.min_points_per_centroid = _ROUNDS, 1
        codes.train(vectors)
        return codes

    def _loaded(self, name: str) -> Any:
        if self._codes is None or self._codes[0] != name:
            path = self.folder / name
            data = path.read_bytes() if path.is_file() else b""
            if name != f"codes-{hashlib.sha256(data).hexdigest()}.faiss":
                raise CorruptStoreError(f"{path} is damaged or missing: build the index again")
            self._codes = (name, faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)))
        return self._codes[1]

    @staticmethod
    def _fact(store: Any, name: str) -> Any:
        row = store.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _require_same_kind(self, store: Any, embedding: Embedding) -> None:
        kind, dimensions = self._fact(store, "kind"), self._fact(store, "dimensions")
        if kind is None:
            facts: Sequence[tuple[str, Any]] = (("kind", embedding.kind), ("dimensions", embedding.dimensions))
            store.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", facts)
        elif (kind, dimensions) != (embedding.kind, embedding.dimensions):
            raise InputError(
                f"the index has embeddings of kind {kind} with {dimensions} numbers, this one is of kind "
                f"{embedding.kind} with {embedding.dimensions}: keep them in an index of their own"
            )


def _padded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """With zeros up to a multiple of the codes' width, which changes no product."""
    missing = -vectors.shape[1] % _CODE_WIDTH
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, missing))), dtype=np.float32)
