"""How fast the nearest model is found, and what the index takes: `python -m tests.bench.vectors --models 100000`.

The models are families: unit vectors around bases, as fine-tunes lie around what they were made from. What is looked
for is a fine-tune that the index does not have. Every step runs in a process of its own, so that its peak of memory is
its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from novacron.models.embedding import MAX_DIMENSIONS, Embedding
from novacron.models.index import ModelIndex

MODELS, QUERIES, HITS = 100_000, 100, 10
#: Members of a family, and how far they lie from its base: cosines of 0.8 among themselves.
_FAMILY, _SPREAD = 50, 0.5
_BATCH = 2_000


@dataclass(frozen=True)
class Step:
    """Seconds, and the peak of resident memory in bytes."""

    seconds: float
    peak: int


@dataclass(frozen=True)
class Measured:
    """An index.

    Attributes:
        database, codes: bytes of the files.
        fill, build: how it was made. search: opening it and all queries.
        query: milliseconds of one, by percentile: p50, p95, max. first: of the one that loads the codes.
        recall: fraction of the nearest `HITS` that were found. nearest: fraction of queries whose first hit is right.
    """

    models: int
    dimensions: int
    database: int
    codes: int
    fill: Step
    build: Step
    search: Step
    query: dict[str, float]
    first: float
    recall: float
    nearest: float


def _name(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "little")).digest()


def _vectors(numbers: NDArray[np.int64], dimensions: int, salt: int = 0) -> NDArray[np.float32]:
    """The models of these numbers; with another salt, other members of the same families."""
    found = np.empty((len(numbers), dimensions), dtype=np.float32)
    for row, number in enumerate(numbers.tolist()):
        family = np.random.default_rng([7, number // _FAMILY]).standard_normal(dimensions, dtype=np.float32)
        own = np.random.default_rng([11, salt, number]).standard_normal(dimensions, dtype=np.float32)
        found[row] = family + _SPREAD * own
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def _fill(folder: Path, count: int, dimensions: int) -> None:
    def batch(start: int) -> Iterator[tuple[bytes, Embedding]]:
        numbers = np.arange(start, min(start + _BATCH, count))
        for number, vector in zip(numbers.tolist(), _vectors(numbers, dimensions), strict=True):
            yield _name(number), Embedding.of(vector, "bench")

    with ModelIndex(folder) as index:
        for start in range(0, count, _BATCH):
            index.add_many(batch(start))


def _build(folder: Path, count: int, dimensions: int) -> None:
    with ModelIndex(folder) as index:
        if not index.build():
            raise SystemExit(f"{count} models of {dimensions} dimensions are searched without codes: give more")


def _exact(asked: NDArray[np.float32], count: int, dimensions: int) -> list[list[bytes]]:
    """The nearest, by looking at all."""
    near = np.empty((len(asked), count), dtype=np.float32)
    for start in range(0, count, _BATCH):
        numbers = np.arange(start, min(start + _BATCH, count))
        near[:, numbers] = asked @ _vectors(numbers, dimensions).T
    best = np.argsort(-near, axis=1)[:, :HITS]
    return [[_name(number) for number in row] for row in best.tolist()]


def _asked(count: int, dimensions: int) -> NDArray[np.float32]:
    return _vectors(np.linspace(0, count - 1, QUERIES).astype(np.int64), dimensions, salt=1)


def _search(folder: Path, count: int, dimensions: int) -> dict[str, object]:
    faiss.omp_set_num_threads(1)
    times, found = [], []
    with ModelIndex(folder) as index:
        for vector in _asked(count, dimensions):
            began = time.perf_counter()
            hits = index.search(vector, HITS)
            times.append((time.perf_counter() - began) * 1e3)
            found.append([hit.model_hash.hex() for hit in hits])
    later = np.array(times[1:])
    query = {"p50": float(np.median(later)), "p95": float(np.percentile(later, 95)), "max": float(later.max())}
    return {"query": query, "first": times[0], "found": found}


def measure(count: int = MODELS, dimensions: int = MAX_DIMENSIONS) -> Measured:
    """Fill an index, build its codes, search. Takes 6 bytes of the temporary folder a number."""
    with tempfile.TemporaryDirectory() as name:
        steps, answer = {}, {}
        for what in ("fill", "build", "search"):
            command = [sys.executable, "-m", "tests.bench.vectors", "--step", what, "--folder", name]
            sizes = ["--models", str(count), "--dimensions", str(dimensions)]
            done = subprocess.run([*command, *sizes], stdout=subprocess.PIPE, text=True, check=True)
            seconds, peak, answer = json.loads(done.stdout)
            steps[what] = Step(seconds, peak)
        folder = Path(name)
        database = sum(path.stat().st_size for path in folder.glob("models.sqlite*"))
        codes = sum(path.stat().st_size for path in folder.glob("codes-*"))
    wanted = _exact(_asked(count, dimensions), count, dimensions)
    found = [[bytes.fromhex(one) for one in row] for row in answer["found"]]
    right = sum(len(set(one) & set(other)) for one, other in zip(found, wanted, strict=True))
    nearest = sum(one[0] == other[0] for one, other in zip(found, wanted, strict=True))
    return Measured(
        count,
        dimensions,
        database,
        codes,
        **steps,
        query=answer["query"],
        first=answer["first"],
        recall=right / (QUERIES * HITS),
        nearest=nearest / QUERIES,
    )


def show(console: Console, count: int = MODELS, dimensions: int = MAX_DIMENSIONS) -> None:
    """Print the table."""
    found = measure(count, dimensions)
    title = f"The nearest of {count:,} models, {dimensions:,} dimensions"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("", justify="right")
    rows = [
        ("a query, median", f"{found.query['p50']:.1f} ms"),
        ("a query, 95th percentile", f"{found.query['p95']:.1f} ms"),
        ("a query, longest", f"{found.query['max']:.1f} ms"),
        ("the first one, which loads the codes", f"{found.first:.0f} ms"),
        (f"of the {HITS} nearest, found", f"{found.recall:.1%}"),
        ("the nearest found", f"{found.nearest:.1%}"),
        ("vectors in SQLite", f"{found.database / 1e6:,.0f} MB"),
        ("codes", f"{found.codes / 1e6:,.0f} MB"),
    ]
    for what, step in (("fill", found.fill), ("build", found.build), ("open and search", found.search)):
        rows.append((f"{what}: time", f"{step.seconds:,.1f} s"))
        rows.append((f"{what}: peak of memory", f"{step.peak / 1e6:,.0f} MB"))
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Print the table, for an index of the size given."""
    parser = argparse.ArgumentParser(description="Speed, recall and size of the search for the nearest model.")
    parser.add_argument("--models", type=int, default=MODELS, help=f"how many (default: {MODELS})")
    parser.add_argument("--dimensions", type=int, default=MAX_DIMENSIONS, help=f"(default: {MAX_DIMENSIONS})")
    parser.add_argument("--step", choices=("fill", "build", "search"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step = {"fill": _fill, "build": _build, "search": _search}[options.step]
        began = time.perf_counter()
        answer = step(options.folder, options.models, options.dimensions)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
        print(json.dumps([time.perf_counter() - began, peak, answer]))
        return
    needed = 6 * options.models * options.dimensions
    if shutil.disk_usage(tempfile.gettempdir()).free < needed:
        parser.error(f"{tempfile.gettempdir()} has no room for {needed} bytes; give a smaller --models")
    console = Console()
    show(console if console.is_terminal else Console(width=130), options.models, options.dimensions)


if __name__ == "__main__":
    main()
