"""Measuring a model: accuracy on a held-out part, k-fold cross-validation, latency, resources; one document.

The document is canonical JSON (RFC 8785) that names the model and the data by digest. Its SHA-256 is what a certifier
binds to the certificate (`IModelRegistry.certify`, `evidence`), so nobody can show another evaluation for it later.

Splits do not depend on a library's version: the examples of each class, in the order given, are shuffled by Fisher and
Yates with numbers of SplitMix64, and dealt out. Its first state is the first 8 bytes, little-endian, of
SHA-256("novacron-split-1" 00 seed 00 position of the class among the sorted labels), both in decimal. Accuracy is a
fraction; times are this machine's and differ from run to run.
"""

from __future__ import annotations

import hashlib
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from novacron.atomic import write_atomically
from novacron.exceptions import InputError
from novacron.provenance.digest import canonical_json

FORMAT = "novacron-evaluation-1"
FOLDS = 5
TEST_PART = 0.2
#: Single predictions that latencies are taken from, after as many that are not counted as `_WARM_UP`.
SAMPLES = 200
_WARM_UP = 10
_PERCENTILES = (50, 95, 99)
_MASK = 2**64 - 1
_LARGEST = 2**53 - 1  # whole number of RFC 8785

#: Inputs, examples along the first axis, to their predicted labels.
Predict = Callable[[Any], Any]
#: Inputs and labels to a model that was trained on them.
Fit = Callable[[Any, Any], Predict]


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        model_hash: 32 bytes, root of the model's manifest.
        data: SHA-256 of the inputs and labels, see `data_digest`.
        seed: of splits.
        test_part: fraction held out of the data; None where all of it was.
        examples: how many the accuracy is of.
        accuracy: fraction of them that was predicted rightly.
        folds: accuracy on each fold by a model trained on the others; empty without cross-validation.
        latency: milliseconds of one prediction, by percentile: p50, p95, p99.
        cpu: seconds of processor time of the prediction of all examples. memory: peak of this process, bytes.

    Fractions and times are rounded to six digits behind the point.

    Raises:
        InputError: a digest that has not 32 bytes, an accuracy that is no fraction, or another number out of range.
    """

    model_hash: bytes
    data: bytes
    seed: int
    test_part: float | None
    examples: int
    accuracy: float
    folds: tuple[float, ...]
    latency: Mapping[str, float]
    cpu: float
    memory: int

    def __post_init__(self) -> None:
        rounded = {
            "accuracy": _rounded(self.accuracy),
            "folds": tuple(map(_rounded, self.folds)),
            "latency": {name: _rounded(value) for name, value in self.latency.items()},
            "cpu": _rounded(self.cpu),
        }
        for name, value in rounded.items():
            object.__setattr__(self, name, value)
        if len(self.model_hash) != 32 or len(self.data) != 32:
            raise InputError("digests of a model and of data have 32 bytes")
        if not all(0.0 <= one <= 1.0 for one in (self.accuracy, *self.folds)) or len(self.folds) == 1:
            raise InputError(f"accuracies {self.accuracy}, {self.folds}: fractions, and none or at least 2 folds")
        if self.test_part is not None and not 0.0 < self.test_part < 1.0:
            raise InputError(f"test part {self.test_part}: a fraction between 0 and 1")
        times = (self.cpu, *self.latency.values())
        if set(self.latency) != {f"p{part}" for part in _PERCENTILES} or not all(
            0.0 <= one < math.inf for one in times
        ):
            raise InputError(f"times {times}: latencies p50, p95, p99, and seconds, none of them negative")
        for name, low in (("seed", 0), ("examples", 1), ("memory", 0)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= _LARGEST:
                raise InputError(f"{name} {value!r}: give a whole number from {low} to 2^53 - 1")

    @property
    def digest(self) -> bytes:
        """SHA-256 of `to_json`, 32 bytes: the evidence of a certificate."""
        return hashlib.sha256(self.to_json().encode()).digest()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        cross = None
        if self.folds:
            mean = _mean(self.folds)
            spread = math.sqrt(_mean([(score - mean) ** 2 for score in self.folds]))
            cross = {"folds": list(self.folds), "mean": _rounded(mean), "deviation": _rounded(spread)}
        return {
            "format": FORMAT,
            "model": self.model_hash.hex(),
            "data": self.data.hex(),
            "seed": self.seed,
            "test_part": self.test_part,
            "examples": self.examples,
            "accuracy": self.accuracy,
            "cross_validation": cross,
            "latency_ms": dict(self.latency),
            "cpu_seconds": self.cpu,
            "peak_memory_bytes": self.memory,
        }

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785): the bytes that `digest` is of."""
        return canonical_json(self.to_dict()).decode()

    def metrics(self) -> dict[str, float]:
        """As `ProvenanceRecorder.record_validation` takes them."""
        found = {"accuracy": self.accuracy, "latency_p95_ms": self.latency["p95"]}
        if self.folds:
            found["cross_validation_accuracy"] = _rounded(_mean(self.folds))
        return found

    def save(self, path: Path) -> None:
        """Write the document; whole or not at all."""
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a document that `save` wrote.

        Raises:
            InputError: it is none, or not to the byte what `to_json` gives.
        """
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text)
            cross = found["cross_validation"]
            read = cls(
                bytes.fromhex(found["model"]),
                bytes.fromhex(found["data"]),
                found["seed"],
                found["test_part"],
                found["examples"],
                found["accuracy"],
                tuple(cross["folds"]) if cross is not None else (),
                found["latency_ms"],
                found["cpu_seconds"],
                found["peak_memory_bytes"],
            )
            same = read.to_json() == text
        except InputError as error:
            raise InputError(f"{path} is no evaluation: {error}") from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"{path} is no evaluation: {error!r}") from error
        if not same:
            raise InputError(f"{path} is not as it was written: the evidence of a certificate is of exact bytes")
        return read


def evaluate(
    predict: Predict,
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    model_hash: bytes,
    fit: Fit | None = None,
    test_part: float | None = TEST_PART,
    folds: int = FOLDS,
    seed: int = 0,
) -> Evaluation:
    """Measure a model.

    Args:
        predict: the model. It may run whatever it runs: load models without pickle.
        inputs: (n, …). labels: (n,), whole numbers or text.
        fit: trains anew for each fold; None leaves cross-validation out.
        test_part: fraction that is held out, class by class, for the accuracy; None when the model has seen none of
            the data and all of it counts. Folds are always of all of it.
        folds: at least 2.
        seed: of splits, 0 to 2^53 - 1.

    Raises:
        InputError: arrays of different lengths, a part or number of folds that leaves a class without an example, or
            predictions of another shape than the labels.
    """
    given, wanted = np.asarray(inputs), _labels(labels)
    if given.ndim == 0 or len(given) != len(wanted) or not len(wanted):
        raise InputError(f"inputs {given.shape} and labels {wanted.shape}: give one label for each of n ≥ 1 examples")
    if len(model_hash) != 32:
        raise InputError(f"a model's digest has 32 bytes, this one has {len(model_hash)}")
    data = data_digest(given, wanted)  # before a model could change them
    chosen = np.arange(len(wanted)) if test_part is None else split(wanted, test_part, seed)[1]
    held, truth = given[chosen], wanted[chosen]
    began = time.process_time()
    accuracy = _accuracy(predict, held, truth)
    cpu = time.process_time() - began
    scores = []
    for test in stratified_folds(wanted, folds, seed) if fit is not None else ():
        rest = np.setdiff1d(np.arange(len(wanted)), test)
        assert fit is not None
        scores.append(_accuracy(fit(given[rest], wanted[rest]), given[test], wanted[test]))
    return Evaluation(
        model_hash,
        data,
        seed,
        test_part,
        len(truth),
        accuracy,
        tuple(scores),
        _latency(predict, held),
        cpu,
        _peak_memory(),
    )


def split(
    labels: ArrayLike, test_part: float = TEST_PART, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the examples to train with and of those held out, in ascending order; class by class, rounded.

    Raises:
        InputError: no fraction between 0 and 1, or a class of which nothing would be held out, or nothing left.
    """
    if not 0.0 < test_part < 1.0:
        raise InputError(f"test part {test_part}: give a fraction between 0 and 1, such as 0.2")
    train, test = [], []
    for label, positions in _shuffled(labels, seed):
        count = round(len(positions) * test_part)
        if count in (0, len(positions)):
            raise InputError(f"class {label!r} has {len(positions)} examples: too few to hold {test_part} of them out")
        test += positions[:count]
        train += positions[count:]
    return np.array(sorted(train), dtype=np.int64), np.array(sorted(test), dtype=np.int64)


def stratified_folds(labels: ArrayLike, folds: int = FOLDS, seed: int = 0) -> list[NDArray[np.int64]]:
    """Positions of each fold, in ascending order: every example in one of them, each class dealt out evenly.

    Raises:
        InputError: fewer than 2 folds, or a class with fewer examples than folds.
    """
    if folds < 2:
        raise InputError(f"{folds} folds: give 2 or more")
    dealt: list[list[int]] = [[] for _ in range(folds)]
    turn = 0
    for label, positions in _shuffled(labels, seed):
        if len(positions) < folds:
            raise InputError(f"class {label!r} has {len(positions)} examples: too few for {folds} folds")
        for position in positions:  # going on where the class before stopped keeps the folds' sizes within one
            dealt[turn % folds].append(position)
            turn += 1
    return [np.array(sorted(fold), dtype=np.int64) for fold in dealt]


def data_digest(inputs: ArrayLike, labels: ArrayLike) -> bytes:
    """SHA-256 of the type, shape and little-endian row-major bytes of inputs and labels. Raises InputError: objects."""
    total = hashlib.sha256()
    for array in (np.asarray(inputs), np.asarray(labels)):
        if array.dtype.hasobject:
            raise InputError(f"an array of {array.dtype} has no bytes of its own: give numbers or fixed-width text")
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        total.update(f"{plain.dtype.str}{plain.shape}".encode())
        total.update(plain.tobytes())
    return total.digest()


def _shuffled(labels: ArrayLike, seed: int) -> list[tuple[Any, list[int]]]:
    """Each class, in ascending order, with the positions of its examples in random order."""
    if type(seed) is not int or not 0 <= seed <= _LARGEST:
        raise InputError(f"seed {seed!r}: give a whole number from 0 to 2^53 - 1")
    wanted = _labels(labels)
    found = []
    for place, label in enumerate(np.unique(wanted)):
        positions = np.flatnonzero(wanted == label).tolist()
        start = hashlib.sha256(b"novacron-split-1\0%d\0%d" % (seed, place)).digest()
        state = int.from_bytes(start[:8], "little")
        for last in range(len(positions) - 1, 0, -1):
            state, number = _splitmix64(state)
            other = number % (last + 1)
            positions[last], positions[other] = positions[other], positions[last]
        found.append((label.item(), positions))
    return found


def _labels(labels: ArrayLike) -> NDArray[Any]:
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "biuUS":
        raise InputError(f"labels {found.shape} of {found.dtype}: give one axis of whole numbers or text")
    return found


def _splitmix64(state: int) -> tuple[int, int]:
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return state, z ^ (z >> 31)


def _accuracy(predict: Predict, inputs: Any, labels: NDArray[Any]) -> float:
    predicted = np.asarray(predict(inputs))
    if predicted.shape != labels.shape:
        raise InputError(f"the model predicts {predicted.shape} for {labels.shape} labels: give one label an example")
    if _nature(predicted) != _nature(labels):
        raise InputError(f"the model predicts {predicted.dtype}, the labels are {labels.dtype}: they are never equal")
    return float(np.count_nonzero(predicted == labels) / len(labels))


def _nature(array: NDArray[Any]) -> str:
    """What its values can be equal to."""
    return "number" if array.dtype.kind in "biuf" else array.dtype.kind


def _latency(predict: Predict, inputs: Any) -> dict[str, float]:
    times: list[float] = []
    for number in range(_WARM_UP + SAMPLES):
        at = number % len(inputs)
        one = inputs[at : at + 1]
        began = time.perf_counter()
        predict(one)
        if number >= _WARM_UP:
            times.append((time.perf_counter() - began) * 1e3)
    return {f"p{part}": float(np.percentile(times, part)) for part in _PERCENTILES}


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1_024)  # kilobytes elsewhere


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)  # of the exact sum, so the same everywhere


def _rounded(value: Any) -> float:
    return round(float(value), 6)
