"""Finding models by likeness: an index of embeddings on this machine, searched through product quantisation.

Vectors are kept whole in SQLite, which is what counts. Above `EXACT` models, `build` makes an inverted file of product
codes (Jégou, Douze, Schmid 2011; faiss) from them: each vector in `d / 8` codes of 8 bits. A search takes candidates
from there, and from what was added since, and ranks them by their whole vectors, so every similarity it gives is exact,
and is that of the vector whose digest it gives.

A hit is a claim of this index. Whoever acts on it compares its `vector_hash` with the registry's.

The codes are a file `codes-<SHA-256>.faiss` that a row of the database names. It is written before that row, so a crash
leaves the old codes, or the new ones, and at most a file that the next `build` removes. The codes before the present
ones stay too, for who is reading them.
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
from novacron.stores import open_store, snapshot, transaction, translate_errors

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
#: faiss learns so many codes for each piece of a vector, from as many vectors at least.
_CODES = 256
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
            question = "SELECT 1 FROM models WHERE model = ?"
            return isinstance(model_hash, bytes) and store.execute(question, (model_hash,)).fetchone() is not None

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
        """Make the codes of all models anew; False for `EXACT` models or fewer, where every vector is looked at.

        The old codes serve until the new ones are complete. Others may change the index meanwhile.

        Raises:
            StoreFullError, StoreBusyError and others, as `transaction`: the old codes stay.
        """
        with snapshot(self._store) as store:
            numbers = self._numbers(store)
        if len(numbers) <= EXACT:
            return False
        codes = self._learn(numbers)
        if codes is None:
            return False
        for start in range(0, len(numbers), _BLOCK):
            found, vectors = self._vectors(numbers[start : start + _BLOCK])
            codes.add_with_ids(_padded(vectors), found)
        data = faiss.serialize_index(codes).tobytes()
        name = f"codes-{hashlib.sha256(data).hexdigest()}.faiss"
        with transaction(self._store) as store:  # of several that build, one at a time writes and clears up
            self._clear_up({name, self._fact(store, "codes")})
            write_atomically(self.folder / name, data)
            facts = (("codes", name), ("covered", int(numbers[-1])))
            store.executemany("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", facts)
        return True

    def _clear_up(self, kept: set[str]) -> None:
        with translate_errors(self.folder):
            for pattern in ("codes-*.faiss", ".codes-*.faiss.*.new"):
                for path in self.folder.glob(pattern):
                    if path.name not in kept:
                        path.unlink(missing_ok=True)

    # -- searching ---------------------------------------------------------------------------------------------------

    def search(self, vector: Vector | Embedding, k: int = 10) -> list[Hit]:
        """The models whose embeddings are most like a vector, the best first; fewer than `k` where there are fewer.

        Args:
            vector: of the index's dimension; of any length but 0.

        Raises:
            InputError: `k` below 1, or an embedding of another kind or dimension than the index's.
            CorruptStoreError: the codes' file is damaged: build them again; or a vector is not that of its digest.
        """
        if k < 1:
            raise InputError(f"{k} hits: ask for 1 at least")
        given = vector if isinstance(vector, Embedding) else Embedding.of(vector)
        name = None
        while True:
            with snapshot(self._store) as store:
                kind, dimensions = self._fact(store, "kind"), self._fact(store, "dimensions")
                if kind is None:
                    return []
                if isinstance(vector, Embedding):
                    self._require_same_kind(store, given)
                if given.dimensions != dimensions:
                    raise InputError(f"the index has vectors of {dimensions} numbers, this one has {given.dimensions}")
                before, name = name, self._fact(store, "codes")
                try:
                    codes = None if name is None else self._loaded(name)
                except CorruptStoreError:
                    if name == before:
                        raise
                    continue  # perhaps somebody built others since this snapshot: look again
                best = self._best(store, codes, given.vector, k)
                return [self._hit(store, kind, number, similarity) for similarity, number in best]

    def _best(self, store: Any, codes: Any, asked: Vector, k: int) -> list[tuple[float, int]]:
        """Similarities and numbers of the best, among the candidates; among all where those are too few."""
        total = int(store.execute("SELECT count(*) FROM models").fetchone()[0])
        wanted = max(_REFINE * k, _LEAST)
        if codes is not None and wanted < total:
            _, found = codes.search(_padded(asked[None, :]), wanted)
            later = self._numbers(store, self._fact(store, "covered"))
            best = self._ranked(np.concatenate([found[0][found[0] >= 0], later]), asked, k)
            if len(best) == min(k, total):  # not so when many were removed since
                return best
        return self._ranked(self._numbers(store), asked, k)

    def _ranked(self, numbers: NDArray[np.int64], asked: Vector, k: int) -> list[tuple[float, int]]:
        best: list[tuple[float, int]] = []
        for found, vectors in self._blocks(numbers):
            best += zip((vectors @ asked).tolist(), found.tolist(), strict=True)
            best = sorted(best, key=lambda one: (-one[0], one[1]))[:k]
        return best

    @staticmethod
    def _numbers(store: Any, above: int = 0) -> NDArray[np.int64]:
        rows = store.execute("SELECT number FROM models WHERE number > ? ORDER BY number", (above,))
        return np.array([number for (number,) in rows], dtype=np.int64)

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

    def _hit(self, store: Any, kind: str, number: int, similarity: float) -> Hit:
        question = "SELECT model, vector_hash, vector FROM models WHERE number = ?"
        model, digest, vector = store.execute(question, (number,)).fetchone()
        if Embedding(np.frombuffer(vector, dtype="<f4"), kind).hash != digest:
            raise CorruptStoreError(f"{self.folder}: the vector of model {model.hex()} is not that of its digest")
        return Hit(model, max(-1.0, min(1.0, similarity)), digest)

    # -- codes -------------------------------------------------------------------------------------------------------

    def _learn(self, numbers: NDArray[np.int64]) -> Any:
        """An empty inverted file whose codes were learnt from an even sample; None when too few of it are left."""
        sample = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), _SAMPLE)).astype(np.int64)]
        blocks = [_padded(vectors) for _, vectors in self._blocks(sample)]
        if sum(map(len, blocks)) < _CODES:
            return None
        vectors = np.concatenate(blocks)
        width = vectors.shape[1]
        lists = min(int(len(numbers) ** 0.5), len(vectors))
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
