"""The demo's training run: a neural network on scikit-learn's bundled handwritten digits, one epoch at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 7
HIDDEN_LAYERS = (64, 32)
CLASSES = np.arange(10)


@dataclass(frozen=True)
class Digits:
    """1,797 images of 8 x 8 pixels, scaled to 0..1; a fifth is held out for validation."""

    train_images: Any
    test_images: Any
    train_labels: Any
    test_labels: Any


@dataclass(frozen=True)
class Epoch:
    """State after one pass over the training images. Accuracies are fractions, losses natural-log cross entropies."""

    number: int
    checkpoint: Path
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


def load(folder: Path) -> Digits:
    """Load the digits and write them as they are used to `folder`, so that the run can name its data by digest."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16.0, labels, test_size=0.2, random_state=SEED, stratify=labels)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(("train_images", "test_images", "train_labels", "test_labels"), parts, strict=True):
        np.save(folder / f"{name}.npy", part)
    return Digits(*parts)


def configuration() -> dict[str, Any]:
    """Hyperparameters of the run, as they enter its manifest."""
    return {
        "estimator": "MLPClassifier",
        "hidden_layer_sizes": list(HIDDEN_LAYERS),
        "learning_rate_init": 0.001,
        "batch_size": 64,
        "seed": SEED,
    }


def train(data: Digits, epochs: int, folder: Path) -> Iterator[Epoch]:
    """Train for `epochs` passes and save a checkpoint folder after each: weights (npz, no pickle) and configuration."""
    settings = configuration()
    model = MLPClassifier(
        hidden_layer_sizes=HIDDEN_LAYERS,
        learning_rate_init=settings["learning_rate_init"],
        batch_size=settings["batch_size"],
        random_state=SEED,
    )
    for number in range(1, epochs + 1):
        model.partial_fit(data.train_images, data.train_labels, classes=CLASSES)
        checkpoint = folder / f"epoch-{number:02d}"
        save(model, checkpoint, number)
        yield Epoch(
            number=number,
            checkpoint=checkpoint,
            loss=float(model.loss_),
            accuracy=float(model.score(data.train_images, data.train_labels)),
            validation_loss=float(log_loss(data.test_labels, model.predict_proba(data.test_images), labels=CLASSES)),
            validation_accuracy=float(model.score(data.test_images, data.test_labels)),
        )


def predictor(checkpoint: Path) -> Callable[[Any], Any]:
    """The network of a checkpoint, without pickle: images (n, 64) to labels (n,)."""
    with np.load(checkpoint / "weights.npz", allow_pickle=False) as arrays:
        layers = [(arrays[f"weights_{i}"], arrays[f"biases_{i}"]) for i in range(len(HIDDEN_LAYERS) + 1)]

    def predict(images: Any) -> Any:
        at = images
        for number, (weights, biases) in enumerate(layers):
            at = at @ weights + biases
            if number < len(HIDDEN_LAYERS):
                at = np.maximum(at, 0.0)
        return np.argmax(at, axis=1)

    return predict


def save(model: MLPClassifier, checkpoint: Path, epoch: int) -> None:
    """Write the model's parameters to the folder `checkpoint`."""
    checkpoint.mkdir(parents=True, exist_ok=True)
    arrays = {f"weights_{i}": layer for i, layer in enumerate(model.coefs_)}
    arrays |= {f"biases_{i}": layer for i, layer in enumerate(model.intercepts_)}
    np.savez(checkpoint / "weights.npz", **arrays)
    (checkpoint / "config.json").write_text(json.dumps(configuration() | {"epoch": epoch}, indent=1))
