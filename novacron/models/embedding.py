"""The embedding of a model: a fingerprint of its weights, such that like weights give like fingerprints.

Definition, `novacron-sketch-1`, with `d` dimensions (at most 3,072):

1. Tensors in the order of their names (bytes of UTF-8); those without elements are left out.
2. A tensor's key is the first 8 bytes, little-endian, of SHA-256("novacron-sketch-1" 00 name 00 shape), the shape
   in decimal, separated by commas. Its element i (row-major) has the hash h = splitmix64(key + i · 9E3779B97F4A7C15)
   modulo 2^64; it is added to component ((h >> 32) · d) >> 32, negated where h is odd. This is a count sketch
   (Charikar, Chen, Farach-Colton 2002): it keeps inner products up to an error that falls with d.
3. The sketch of a tensor of n elements is divided by its largest component (in absolute value) and then scaled to the
   length sqrt(n), so that no tensor drowns the others by the scale of its values; a sketch of zeros is left out.
   Sketches are added, and the sum, divided by its largest component, is scaled to length 1 and rounded to float32.

Every step is integer arithmetic or additions of float64 in a fixed order (`bincount` and `cumsum` add one after the
other, in pieces of `tensors.CHUNK`), so all platforms with IEEE 754 agree to the bit.

A fine-tune stays near its base. Another architecture, or the same one trained from another start, is as far as chance,
but for what both have alike, such as norms that are still all ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from novacron.exceptions import InputError
from novacron.models.tensors import Tensor, tensors_of

KIND = "novacron-sketch-1"
#: What a caller's own vectors are called.
OWN = "own"
MAX_DIMENSIONS = 3_072
DIMENSIONS = 1_024
_STEP = np.uint64(0x9E3779B97F4A7C15)
_HASH_LABEL = b"novacron-vector-1\0"

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A unit vector for a model. Two are equal when their `hash` is.

    Attributes:
        vector: float32 (d,), of length 1, read-only.
        kind: how it was made; vectors of different kinds, or dimensions, are not compared.
    """

    vector: Vector
    kind: str

    @property
    def dimensions(self) -> int:
        """Number of components."""
        return int(self.vector.shape[0])

    @property
    def hash(self) -> bytes:
        """32 bytes, the registry's `vectorHash`: SHA-256 of "novacron-vector-1" 00 kind 00 d and the components, d as
        4 bytes and components as float32, little-endian."""
        head = _HASH_LABEL + self.kind.encode() + b"\0" + self.dimensions.to_bytes(4, "little")
        return hashlib.sha256(head + self.vector.astype("<f4").tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Embedding) and self.hash == other.hash

    def __hash__(self) -> int:
        return int.from_bytes(self.hash[:8], "little")

    @classmethod
    def of(cls, vector: ArrayLike, kind: str = OWN) -> Self:
        """A caller's own vector, scaled to length 1.

        Raises:
            InputError: not one axis of 1 to 3,072 finite numbers, all of them zero, or a kind that is no word.
        """
        try:
            given = np.asarray(vector).astype(np.float64, casting="same_kind")
        except (ValueError, TypeError) as error:  # text, objects, complex numbers, lists of different lengths
            raise InputError(f"an embedding has real numbers only: {error}") from error
        if given.ndim != 1 or not 1 <= given.size <= MAX_DIMENSIONS:
            raise InputError(
                f"an embedding has one axis of 1 to {MAX_DIMENSIONS:,} numbers, this one has {given.shape}"
            )
        if not np.isfinite(given).all():
            raise InputError("an embedding has finite numbers only")
        if not (kind.isascii() and kind.isprintable() and 1 <= len(kind) <= 64) or " " in kind:
            raise InputError(f"kind {kind!r}: give a word of at most 64 letters of ASCII")
        return cls(_unit(given), kind)


def embed(path: Path | str, dimensions: int = DIMENSIONS) -> Embedding:
    """The embedding of a model's weights.

    Args:
        path: file or folder with safetensors, npz or npy files.
        dimensions: of the result, 1 to 3,072.

    Raises:
        InputError: no weights there, not a number among them, or what `tensors_of` refuses.
        UnreadableFileError and others, as `tensors_of`.
    """
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise InputError(f"{dimensions} dimensions: give 1 to {MAX_DIMENSIONS:,}")
    tensors = [tensor for tensor in tensors_of(Path(path)) if tensor.size]
    if not tensors:
        raise InputError(f"{path} holds no weights: safetensors, npz or npy files are read; give your own embedding")
    return Embedding(_unit(_sum(tensors, dimensions)), KIND)


def _sum(tensors: Sequence[Tensor], dimensions: int) -> NDArray[np.float64]:
    total = np.zeros(dimensions)
    for tensor in tensors:
        sketch = _sketch(tensor, dimensions)
        largest = np.max(np.abs(sketch))
        if not np.isfinite(largest):
            raise InputError(
                f"tensor {tensor.name!r} holds NaN, infinity, or numbers too large to add: it has no embedding"
            )
        if largest > 0.0:
            scaled = sketch / largest  # so that squares neither overflow nor vanish
            total += scaled * (np.sqrt(np.float64(tensor.size)) / _length(scaled))
    return total


def _sketch(tensor: Tensor, dimensions: int) -> NDArray[np.float64]:
    shape = ",".join(map(str, tensor.shape)).encode()
    digest = hashlib.sha256(b"\0".join((KIND.encode(), tensor.name.encode(), shape))).digest()
    key, at, sketch = np.uint64(int.from_bytes(digest[:8], "little")), 0, np.zeros(dimensions)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the sum
        for piece in tensor.pieces():
            hashes = _splitmix64(key + np.arange(at, at + piece.size, dtype=np.uint64) * _STEP)
            buckets = ((hashes >> np.uint64(32)) * np.uint64(dimensions)) >> np.uint64(32)
            signed = np.where(hashes & np.uint64(1), -piece, piece)
            sketch += np.bincount(buckets.astype(np.int64), weights=signed, minlength=dimensions)
            at += piece.size
    return sketch


def _splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea, Flood 2014); arithmetic modulo 2^64."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _length(vector: NDArray[np.float64]) -> np.float64:
    """Euclidean; added one after the other, which `np.sum` does not."""
    return np.float64(np.sqrt(np.cumsum(vector * vector)[-1]))


def _unit(vector: NDArray[np.float64]) -> Vector:
    largest = np.max(np.abs(vector))
    if largest == 0.0:
        raise InputError("all numbers are zero: there is no embedding of that")
    scaled = vector / largest
    unit: Vector = (scaled / _length(scaled)).astype(np.float32)
    unit.setflags(write=False)
    return unit
