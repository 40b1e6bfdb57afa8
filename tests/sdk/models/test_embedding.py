"""Embeddings: the documented definition to the byte, nearness of what is related, and what has none."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from novacron.exceptions import InputError
from novacron.models import tensors
from novacron.models.embedding import DIMENSIONS, MAX_DIMENSIONS, Embedding, embed

Weights = dict[str, NDArray[Any]]


def saved(path: Path, weights: Weights) -> Path:
    """A model of one file in a folder."""
    path.mkdir(parents=True, exist_ok=True)
    save_file(weights, path / "model.safetensors")
    return path


def integers(name: str, *shape: int) -> NDArray[np.float32]:
    """Whole numbers from -32,768 to 32,767, from SHAKE-128: the same on every platform."""
    data = hashlib.shake_128(name.encode()).digest(2 * math.prod(shape))
    return np.frombuffer(data, dtype="<i2").reshape(shape).astype(np.float32)


def network(name: str) -> Weights:
    """Weights of one architecture, from a start of their own."""
    shapes = {"0.weight": (64, 128), "0.bias": (64,), "2.weight": (10, 64), "2.bias": (10,)}
    return {key: integers(f"{name}/{key}", *shape) / 32_768 for key, shape in shapes.items()}


def tuned(weights: Weights, name: str, share: float = 0.1) -> Weights:
    """A fine-tune: a change of this share of each weight's typical size."""
    return {key: one + share * integers(f"{name}/{key}", *one.shape) / 32_768 for key, one in weights.items()}


def documented(weights: Weights, dimensions: int) -> list[float]:
    """The definition in docs/model-search.md, in plain Python. For a few weights."""
    total = [0.0] * dimensions
    for name in sorted(weights, key=str.encode):
        one = weights[name]
        if not one.size:
            continue
        shape = ",".join(map(str, one.shape))
        digest = hashlib.sha256(b"novacron-sketch-1\0" + name.encode() + b"\0" + shape.encode()).digest()
        key, sketch = int.from_bytes(digest[:8], "little"), [0.0] * dimensions
        for i, value in enumerate(one.reshape(-1).astype(np.float64).tolist()):
            h = (key + i * 0x9E3779B97F4A7C15) % 2**64
            h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            h = (h ^ (h >> 27)) * 0x94D049BB133111EB % 2**64
            h ^= h >> 31
            sketch[((h >> 32) * dimensions) >> 32] += -value if h & 1 else value
        scaled, length = unit(sketch)
        if length:
            total = [t + s * (math.sqrt(one.size) / length) for t, s in zip(total, scaled, strict=True)]
    scaled, length = unit(total)
    return [float(np.float32(s / length)) for s in scaled]


def unit(vector: list[float]) -> tuple[list[float], float]:
    """Divided by its largest component, and the length of that."""
    largest = max(map(abs, vector))
    if not largest:
        return vector, 0.0
    scaled, squares = [one / largest for one in vector], 0.0
    for one in scaled:
        squares += one * one
    return scaled, math.sqrt(squares)


def cosine(one: Embedding, other: Embedding) -> float:
    """Of the angle between two embeddings."""
    return float(one.vector @ other.vector)


#: Digests of embeddings that must never change: what is registered on chain could not be found again.
FIXED = {
    16: "445c9fd8c0e88b56742de3bbc818b4ae1bfdb39b21bd808ffe53fe32056cb485",
    1_024: "1017cfe277e3a8aac0f7242c0ea5584123a77ed0184a0abdbfcf9bcd7a695cec",
    3_072: "99193cecc1acb9448e8f4d32d5ce2f95d0186476174e71559da1255e092b1377",
}


@pytest.mark.parametrize("dimensions", FIXED)
def test_the_embedding_of_given_weights_never_changes(tmp_path: Path, dimensions: int) -> None:
    found = embed(saved(tmp_path, network("base")), dimensions)
    assert found.hash.hex() == FIXED[dimensions]
    assert (found.kind, found.dimensions, found.vector.dtype.str) == ("novacron-sketch-1", dimensions, "<f4")


@pytest.mark.parametrize("dimensions", [1, 7, 64])
def test_it_is_the_documented_definition_to_the_bit(tmp_path: Path, dimensions: int) -> None:
    weights = {"b": integers("b", 5, 7) / 3, "a": integers("a", 11) * 1e-30, "void": np.empty((0, 2), np.float32)}
    weights["é"] = np.zeros((3,), np.float32)
    weights["n"] = integers("n", 3, 1, 2).astype(np.float64)
    assert embed(saved(tmp_path, weights), dimensions).vector.tolist() == documented(weights, dimensions)


def test_the_digest_is_of_the_documented_bytes() -> None:
    found = Embedding.of([3, 0, -4])
    words = b"novacron-vector-1\0own\0" + bytes([3, 0, 0, 0]) + np.array([0.6, 0, -0.8], dtype="<f4").tobytes()
    assert found.hash == hashlib.sha256(words).digest()
    assert found.hash.hex() == "e5b5b17b3de3193dde09dda0c8088bea44143ecf7a4ae0bdab139a6c78467c5b"


def test_a_fine_tune_is_nearer_to_its_base_than_a_stranger_of_the_same_architecture(tmp_path: Path) -> None:
    base = network("base")
    models = {"base": base, "fine-tune": tuned(base, "task"), "second": tuned(tuned(base, "task"), "more"),
              "stranger": network("stranger")}  # fmt: skip
    found = {name: embed(saved(tmp_path / name, weights)) for name, weights in models.items()}
    near = {name: cosine(found["base"], one) for name, one in found.items()}
    assert near["base"] == pytest.approx(1)
    assert near["base"] > near["fine-tune"] > 0.98
    assert near["fine-tune"] > near["second"] > 0.9
    assert abs(near["stranger"]) < 0.2
    assert cosine(found["fine-tune"], found["second"]) > near["second"]


def test_similarities_of_sketches_are_those_of_the_weights(tmp_path: Path) -> None:
    one, other = integers("one", 4_000), integers("other", 4_000)
    mixed = one + other
    exact = float(one @ mixed / np.linalg.norm(one) / np.linalg.norm(mixed))
    found = [embed(saved(tmp_path / str(n), {"w": w}), 3_072) for n, w in enumerate((one, mixed))]
    assert cosine(*found) == pytest.approx(exact, abs=4 / math.sqrt(3_072))


def test_scale_and_order_do_not_matter_but_names_and_shapes_do(tmp_path: Path) -> None:
    base = network("base")
    first = embed(saved(tmp_path / "a", base))
    other = saved(tmp_path / "b", {name: base[name] * 4 for name in reversed(base)})
    assert embed(other) == first
    renamed = {f"model.{name}": one for name, one in base.items()}
    assert abs(cosine(first, embed(saved(tmp_path / "c", renamed)))) < 0.2
    turned = {name: one.reshape(one.shape[::-1]) for name, one in base.items()}
    assert abs(cosine(first, embed(saved(tmp_path / "d", turned)))) < 0.3


def test_shards_and_formats_give_the_same_embedding(tmp_path: Path) -> None:
    base = network("base")
    whole = embed(saved(tmp_path / "whole", base))
    (tmp_path / "shards").mkdir()
    for number, name in enumerate(base, 1):
        save_file({name: base[name]}, tmp_path / "shards" / f"model-0000{number}-of-00004.safetensors")
    (tmp_path / "npz").mkdir()
    np.savez(tmp_path / "npz" / "weights.npz", **{name: np.asfortranarray(one) for name, one in base.items()})
    assert embed(tmp_path / "shards") == whole
    assert embed(tmp_path / "npz") == whole
    assert embed(tmp_path / "whole" / "model.safetensors") == whole


def test_precisions_stay_near(tmp_path: Path) -> None:
    base = network("base")
    found = embed(saved(tmp_path / "single", base))
    double = {name: one.astype(np.float64) for name, one in base.items()}
    half = {name: one.astype(np.float16) for name, one in base.items()}
    assert embed(saved(tmp_path / "double", double)) == found
    assert cosine(embed(saved(tmp_path / "half", half)), found) > 0.9999


def test_tensors_are_read_in_pieces_of_a_fixed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, {"w": integers("w", 1_000)})
    before = embed(path)  # whole numbers: sums are exact in any order
    monkeypatch.setattr(tensors, "CHUNK", 64)
    assert embed(path) == before


@pytest.mark.parametrize("value", [1e-300, 1e-160, 1e160, 1e300])
def test_no_tensor_is_too_small_or_too_large_to_count(tmp_path: Path, value: float) -> None:
    signs = np.sign(integers("w", 64)).astype(np.float64)
    found = embed(saved(tmp_path / "a", {"w": signs * value, "v": signs}))
    assert cosine(found, embed(saved(tmp_path / "b", {"w": signs, "v": signs}))) == pytest.approx(1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_finite_numbers_have_no_embedding(tmp_path: Path, value: float) -> None:
    weights = network("base")
    weights["2.bias"][3] = value
    with pytest.raises(InputError, match=r"'2\.bias' holds NaN, infinity"):
        embed(saved(tmp_path, weights))


def test_infinities_that_cancel_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NaN, infinity"):
        embed(saved(tmp_path, {"w": np.array([np.inf, -np.inf, np.inf, -np.inf])}), 1)


def test_models_without_weights_have_no_embedding(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds no weights"):
        embed(tmp_path)
    with pytest.raises(InputError, match="holds no weights"):
        embed(saved(tmp_path / "empty", {"w": np.empty((0, 4), np.float32)}))
    with pytest.raises(InputError, match="all numbers are zero"):
        embed(saved(tmp_path / "zero", {"w": np.zeros(4, np.float32)}))


@pytest.mark.parametrize("dimensions", [0, -1, MAX_DIMENSIONS + 1])
def test_dimensions_have_bounds(tmp_path: Path, dimensions: int) -> None:
    with pytest.raises(InputError, match="give 1 to 3,072"):
        embed(saved(tmp_path, network("base")), dimensions)


OWN: dict[str, Any] = {
    "nothing": [],
    "two axes": [[1.0, 2.0]],
    "a number": 1.0,
    "too long": np.ones(MAX_DIMENSIONS + 1),
    "NaN": [1.0, math.nan],
    "infinity": [1.0, math.inf],
    "zeros": [0.0, 0.0],
    "text": ["1", "2"],
    "objects": [1, None],
    "complex": [1j, 2],
    "ragged": [[1], [1, 2]],
    "beyond float64": [10**400],
}


@pytest.mark.parametrize("what", OWN)
def test_what_is_no_embedding_is_refused(what: str) -> None:
    with pytest.raises(InputError):
        Embedding.of(OWN[what])


@pytest.mark.parametrize("kind", ["", "two words", "nul\0", "é", "k" * 65])
def test_a_kind_is_a_word(kind: str) -> None:
    with pytest.raises(InputError, match="kind"):
        Embedding.of([1.0], kind)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40).filter(any))
def test_an_own_vector_becomes_a_read_only_unit_vector_in_its_direction(numbers: list[float]) -> None:
    found = Embedding.of(numbers)
    assert np.linalg.norm(found.vector.astype(np.float64)) == pytest.approx(1, abs=1e-6)
    assert all(float(one) * number >= 0 for one, number in zip(found.vector, numbers, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        found.vector[0] = 0


def test_equality_is_that_of_digests() -> None:
    one = Embedding.of([1, 2, 3])
    assert one == Embedding.of([2, 4, 6])
    assert hash(one) == hash(Embedding.of([2, 4, 6]))
    assert one != Embedding.of([1, 2, 3], "other")
    assert one != Embedding.of([1, 2, 4])
    assert one != [1, 2, 3]
    assert DIMENSIONS <= MAX_DIMENSIONS
