"""Evaluations: splits that are what they say, figures as scikit-learn has them, documents that cannot be changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from novacron.exceptions import InputError
from novacron.models.evaluation import Evaluation, data_digest, evaluate, split, stratified_folds
from novacron.provenance.entries import encode_metrics

MODEL = hashlib.sha256(b"model").digest()


def flowers(count: int = 60) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Three classes that overlap."""
    random = np.random.default_rng(3)
    labels = np.arange(count) % 3
    return random.normal(size=(count, 4)) + labels[:, None], labels


def fit(inputs: Any, labels: Any) -> Any:
    """Neighbours, of scikit-learn."""
    return KNeighborsClassifier(3).fit(inputs, labels).predict


def example(**changes: Any) -> Evaluation:
    """An evaluation without measuring."""
    values: dict[str, Any] = {
        "model_hash": MODEL,
        "data": hashlib.sha256(b"data").digest(),
        "seed": 7,
        "test_part": 0.2,
        "examples": 12,
        "accuracy": 11 / 12,
        "folds": (2 / 3, 1 / 3, 1 / 7, 1.0, 1 / 9),
        "latency": {"p50": 0.1, "p95": 0.25, "p99": 1 / 3},
        "cpu": 0.5,
        "memory": 123_456_789,
    }
    return Evaluation(**values | changes)


# -- splits ----------------------------------------------------------------------------------------------------------

classes = st.lists(st.integers(5, 30), min_size=1, max_size=5)


def labels_of(counts: list[int]) -> NDArray[np.int64]:
    """Labels with so many of each class, mixed up."""
    return np.random.default_rng(len(counts)).permutation(np.repeat(np.arange(len(counts)), counts))


@given(counts=classes, part=st.floats(0.11, 0.89), seed=st.integers(0, 2**53 - 1))
def test_a_split_holds_out_its_part_of_each_class(counts: list[int], part: float, seed: int) -> None:
    labels = labels_of(counts)
    train, test = split(labels, part, seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert (list(train), list(test)) == (sorted(train), sorted(test))
    for label, count in enumerate(counts):
        held = np.count_nonzero(labels[test] == label)
        assert abs(held - count * part) <= 0.5 + 1e-9
        assert 0 < held < count
    assert all(np.array_equal(*pair) for pair in zip(split(labels, part, seed), (train, test), strict=True))


@given(counts=classes, folds=st.integers(2, 5), seed=st.integers(0, 2**53 - 1))
def test_folds_share_out_every_class_evenly(counts: list[int], folds: int, seed: int) -> None:
    labels = labels_of(counts)
    dealt = stratified_folds(labels, folds, seed)
    assert len(dealt) == folds
    assert sorted(np.concatenate(dealt)) == list(range(len(labels)))
    sizes = [len(fold) for fold in dealt]
    assert max(sizes) - min(sizes) <= 1
    for label, count in enumerate(counts):
        shares = [np.count_nonzero(labels[fold] == label) for fold in dealt]
        assert sum(shares) == count
        assert max(shares) - min(shares) <= 1


def documented_order(count: int, seed: int, place: int) -> list[int]:
    """How docs/model-search.md shuffles the examples of a class."""
    state = int.from_bytes(hashlib.sha256(f"novacron-split-1\0{seed}\0{place}".encode()).digest()[:8], "little")
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        other = (z ^ (z >> 31)) % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order


@pytest.mark.parametrize("seed", [0, 1, 2**53 - 1])
def test_splits_are_the_documented_ones(seed: int) -> None:
    labels = np.array(["cat", "dog", "dog"] * 10)
    cats, dogs = (np.flatnonzero(labels == one)[documented_order(n, seed, place)].tolist()
                  for place, (one, n) in enumerate((("cat", 10), ("dog", 20))))  # fmt: skip
    assert split(labels, 0.2, seed)[1].tolist() == sorted(cats[:2] + dogs[:4])
    dealt = cats + dogs
    assert [fold.tolist() for fold in stratified_folds(labels, 4, seed)] == [sorted(dealt[n::4]) for n in range(4)]


def test_splits_never_change() -> None:
    labels = np.array(["cat", "dog"] * 5)
    assert split(labels, 0.2, 0)[1].tolist() == [3, 6]
    assert [fold.tolist() for fold in stratified_folds(labels, 5, 1)] == [[5, 8], [0, 1], [2, 7], [3, 4], [6, 9]]


def test_seeds_give_splits_that_have_nothing_to_do_with_each_other() -> None:
    labels = np.zeros(200, dtype=np.int64)
    held = [set(split(labels, 0.5, seed)[1].tolist()) for seed in range(20)]
    overlaps = [len(one & other) for n, one in enumerate(held) for other in held[:n]]
    assert max(abs(overlap - 50) for overlap in overlaps) < 25  # seven standard deviations


@pytest.mark.parametrize("part", [0.0, 1.0, -0.2, 1.5, float("nan")])
def test_a_part_is_a_fraction(part: float) -> None:
    with pytest.raises(InputError, match="fraction"):
        split([0, 1] * 10, part)


@pytest.mark.parametrize("seed", [-1, 2**53, 1.0, True])
def test_a_seed_is_a_whole_number_that_json_can_hold(seed: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        split([0, 1] * 10, 0.2, seed)


def test_a_class_that_is_too_small_is_named() -> None:
    with pytest.raises(InputError, match="class 1 has 2 examples"):
        split([0] * 10 + [1] * 2)
    with pytest.raises(InputError, match="class 'rare' has 4 examples: too few for 5"):
        stratified_folds(["often"] * 10 + ["rare"] * 4)
    with pytest.raises(InputError, match="give 2 or more"):
        stratified_folds([0] * 10, 1)


# -- measuring -------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_scikit_learn() -> None:
    inputs, labels = flowers()
    train, test = split(labels, seed=4)
    predict = fit(inputs[train], labels[train])
    found = evaluate(predict, inputs, labels, model_hash=MODEL, fit=fit, seed=4)
    assert (found.test_part, found.examples, found.seed, found.model_hash) == (0.2, len(test), 4, MODEL)
    assert found.accuracy == round(accuracy_score(labels[test], predict(inputs[test])), 6)
    scores = []
    for fold in stratified_folds(labels, seed=4):
        rest = np.delete(np.arange(len(labels)), fold)
        scores.append(accuracy_score(labels[fold], fit(inputs[rest], labels[rest])(inputs[fold])))
    assert found.folds == pytest.approx(scores, abs=1e-6)
    assert 0 < found.accuracy < 1
    assert len(set(scores)) > 1
    assert found.metrics()["cross_validation_accuracy"] == pytest.approx(np.mean(scores), abs=1e-6)
    assert 0 < found.latency["p50"] <= found.latency["p95"] <= found.latency["p99"]
    assert found.memory > 1 << 20
    assert found.cpu >= 0


def test_all_of_the_data_counts_where_the_model_saw_none_of_it() -> None:
    inputs, labels = flowers()
    found = evaluate(lambda asked: np.zeros(len(asked), int), inputs, labels, model_hash=MODEL, test_part=None)
    assert (found.examples, found.test_part, found.folds) == (60, None, ())
    assert found.accuracy == round(1 / 3, 6)
    assert "cross_validation_accuracy" not in found.metrics()


def test_labels_may_be_text() -> None:
    labels = np.array(["cat", "dog"] * 10)
    found = evaluate(lambda asked: np.where(asked > 0, "dog", "cat"), np.arange(20) % 2, labels, model_hash=MODEL)
    assert found.accuracy == 1


def test_folds_are_tested_by_a_model_that_never_saw_them() -> None:
    inputs = np.arange(40)
    labels = inputs % 2

    def remember(seen: Any, known: Any) -> Any:
        table = dict(zip(seen.tolist(), known.tolist(), strict=True))
        return lambda asked: np.array([table.get(one, -1) for one in asked.tolist()])

    found = evaluate(remember(inputs, labels), inputs, labels, model_hash=MODEL, fit=remember)
    assert (found.accuracy, found.folds) == (1.0, (0.0,) * 5)


def test_a_model_that_writes_into_its_inputs_does_not_change_their_digest() -> None:
    inputs, labels = flowers()
    before = data_digest(inputs, labels)

    def vandal(asked: Any) -> Any:
        asked[:] = 0
        return np.zeros(len(asked), int)

    assert evaluate(vandal, inputs, labels, model_hash=MODEL, test_part=None).data == before


LABELS: dict[str, Any] = {
    "fewer": [0, 1] * 29,
    "none": [],
    "two axes": [[0]] * 60,
    "fractions": [0.5] * 60,
    "NaN": [float("nan")] * 60,
    "objects": [None] * 60,
}


@pytest.mark.parametrize("what", LABELS)
def test_labels_that_are_none_are_refused(what: str) -> None:
    with pytest.raises(InputError, match="labels"):
        evaluate(lambda asked: np.zeros(len(asked)), flowers()[0], LABELS[what], model_hash=MODEL)


PREDICTED: dict[str, Any] = {
    "probabilities": lambda asked: np.zeros((len(asked), 3)),
    "one for all": lambda _: 0,
    "too few": lambda asked: np.zeros(len(asked) - 1),
    "text for numbers": lambda asked: ["1"] * len(asked),
    "objects": lambda asked: [None] * len(asked),
}


@pytest.mark.parametrize("what", PREDICTED)
def test_predictions_that_cannot_be_compared_are_refused(what: str) -> None:
    inputs, labels = flowers()
    with pytest.raises(InputError, match="the model predicts"):
        evaluate(PREDICTED[what], inputs, labels, model_hash=MODEL)


def test_a_digest_of_another_length_is_refused() -> None:
    inputs, labels = flowers()
    with pytest.raises(InputError, match="32 bytes, this one has 2"):
        evaluate(fit(inputs, labels), inputs, labels, model_hash=b"ab")


def test_the_digest_of_data_is_of_type_shape_and_values() -> None:
    inputs, labels = flowers()
    digest = data_digest(inputs, labels)
    assert digest == data_digest(np.asfortranarray(inputs), labels.astype(">i8"))
    others = [
        (inputs + 1, labels),
        (inputs, labels + 1),
        (inputs.astype("f4"), labels),
        (inputs.reshape(30, 8), labels),
        (inputs, labels.astype("i4")),
        (labels, inputs),
    ]
    assert len({digest, *(data_digest(*pair) for pair in others)}) == 7
    with pytest.raises(InputError, match="no bytes of its own"):
        data_digest(np.array([None]), labels)


# -- the document ----------------------------------------------------------------------------------------------------


def test_the_document_and_its_digest_never_change() -> None:
    found = example()
    assert json.loads(found.to_json()) == found.to_dict()
    text = (
        '{"accuracy":0.916667,"cpu_seconds":0.5,"cross_validation":{"deviation":0.3383,'
        '"folds":[0.666667,0.333333,0.142857,1,0.111111],"mean":0.450794},'
        '"data":"3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7","examples":12,'
        '"format":"novacron-evaluation-1","latency_ms":{"p50":0.1,"p95":0.25,"p99":0.333333},'
        '"model":"9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","peak_memory_bytes":123456789,'
        '"seed":7,"test_part":0.2}'
    )
    assert found.to_json() == text
    assert found.digest == hashlib.sha256(found.to_json().encode()).digest()
    assert found.digest.hex() == "c3800283bb73ac9b4584ec55fa6cec19e7e7464ea70bf835c16cf5a075769740"


fractions = st.floats(0, 1)
times = st.floats(0, 1e6)


@given(
    accuracy=fractions,
    folds=st.lists(fractions, min_size=2, max_size=7) | st.just([]),
    times=st.tuples(times, times, times, times),
    seed=st.integers(0, 2**53 - 1),
    part=st.none() | st.floats(0.01, 0.99),
)
def test_every_evaluation_is_read_back_with_its_digest(
    tmp_path_factory: pytest.TempPathFactory,
    accuracy: float,
    folds: list[float],
    times: tuple[float, float, float, float],
    seed: int,
    part: float | None,
) -> None:
    latency = dict(zip(("p50", "p95", "p99"), times, strict=False))
    found = example(accuracy=accuracy, folds=tuple(folds), latency=latency, cpu=times[3], seed=seed, test_part=part)
    path = tmp_path_factory.getbasetemp() / "evaluation.json"
    found.save(path)
    again = Evaluation.load(path)
    assert again == found
    assert again.digest == found.digest == hashlib.sha256(path.read_bytes()).digest()


def changed(name: str, value: Any) -> str:
    """The document with another member."""
    return json.dumps(example().to_dict() | {name: value}, sort_keys=True, separators=(",", ":"))


TAMPERED = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "white space": example().to_json() + "\n",
    "another order": json.dumps(dict(reversed(example().to_dict().items())), separators=(",", ":")),
    "another format": changed("format", "novacron-evaluation-2"),
    "a member more": changed("note", "approved"),
    "a mean that is not that of the folds": changed(
        "cross_validation", {"deviation": 0, "folds": [0.5, 0.5], "mean": 1}
    ),
    "one fold": changed("cross_validation", {"deviation": 0, "folds": [1], "mean": 1}),
    "a number beyond float64": changed("accuracy", 10**400),
    "seven digits": changed("accuracy", 0.1234567),
    "more than all": changed("accuracy", 1.5),
    "accuracy of text": changed("accuracy", "1"),
    "a short digest": changed("model", "ab"),
    "a digest in capitals": changed("model", MODEL.hex().upper()),
    "no such part": changed("test_part", 2),
    "a negative time": changed("cpu_seconds", -1),
    "other percentiles": changed("latency_ms", {"p50": 1, "p95": 1}),
    "no examples": changed("examples", 0),
    "half an example": changed("examples", 1.5),
    "memory of text": changed("peak_memory_bytes", "1"),
    "not a number": changed("accuracy", float("nan")),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_document_that_is_not_as_it_was_written_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(TAMPERED[what])
    with pytest.raises(InputError, match=r"evaluation\.json"):
        Evaluation.load(path)


def test_a_document_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Evaluation.load(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is no evaluation"):
        Evaluation.load(tmp_path / "bytes.json")


@pytest.mark.parametrize(
    "changes",
    [{"accuracy": 1.1}, {"accuracy": float("nan")}, {"folds": (0.5,)}, {"folds": (0.5, -0.1)}, {"cpu": float("inf")},
     {"latency": {"p50": 1.0}}, {"data": b""}, {"seed": -1}, {"seed": True}, {"examples": 0}, {"memory": 2**53},
     {"test_part": 0.0}],
    ids=str,
)  # fmt: skip
def test_an_evaluation_has_figures_that_can_be(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        example(**changes)


def test_metrics_are_what_the_recorder_of_a_run_takes() -> None:
    metrics = example().metrics()
    assert set(metrics) == {"accuracy", "latency_p95_ms", "cross_validation_accuracy"}
    assert len(encode_metrics(metrics)) == 3
