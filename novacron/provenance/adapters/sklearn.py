"""scikit-learn estimators, saved with joblib (which scikit-learn brings along)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from novacron.exceptions import InputError
from novacron.provenance.adapters.frameworks import prepare_folder, require
from novacron.provenance.recorder import ProvenanceRecorder, RecordResult


def record_estimator(
    recorder: ProvenanceRecorder,
    estimator: Any,
    path: Path | str,
    *,
    epoch: int | None = None,
    step: int | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> RecordResult:
    """Save a fitted estimator to `path` and record it.

    Raises:
        ConfigurationError: scikit-learn is not installed.
        otherwise as `record_training_checkpoint`.
    """
    require("sklearn", "scikit-learn")
    prepare_folder(Path(path).parent)
    require("joblib", "joblib").dump(estimator, path)
    details = {"estimator": type(estimator).__name__}
    return recorder.record_training_checkpoint(path, epoch=epoch, step=step, metrics=metrics, details=details)


def fit_recorded(
    recorder: ProvenanceRecorder,
    estimator: Any,
    x: Any,
    y: Any,
    *,
    folder: Path | str,
    epochs: int,
    classes: Sequence[Any] | None = None,
    batch_size: int | None = None,
    validation: tuple[Any, Any] | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
    first_epoch: int = 1,
) -> Any:
    """Train with `partial_fit`, recording a checkpoint and, with `validation`, a validation each epoch.

    Args:
        x, y: training data, `len(x)` samples.
        epochs: passes over the data.
        classes: all class labels, for classifiers.
        batch_size: samples of one `partial_fit`; None for all.
        validation: (x, y) for `estimator.score`.
        on_epoch: told (epoch, metrics) after each.
        first_epoch: number of the first epoch, to continue a run.

    Returns:
        The estimator.

    Raises:
        ConfigurationError: scikit-learn is not installed.
        InputError: the estimator has no partial_fit; epochs or batch size below 1.
        otherwise as `record_training_checkpoint`.
    """
    utils = require("sklearn.utils", "scikit-learn")
    if not hasattr(estimator, "partial_fit"):
        raise InputError(f"{type(estimator).__name__} has no partial_fit: fit it, then use record_estimator")
    size = len(x) if batch_size is None else batch_size
    if epochs < 1 or size < 1:
        raise InputError(f"epochs {epochs} and batch size {size} must be at least 1")
    extra = {} if classes is None else {"classes": classes}
    for epoch in range(first_epoch, first_epoch + epochs):
        for batch in utils.gen_batches(len(x), size):
            estimator.partial_fit(x[batch], y[batch], **extra)
        metrics = {"train_score": float(estimator.score(x, y))}
        path = Path(folder) / f"epoch-{epoch:06d}.joblib"
        record_estimator(recorder, estimator, path, epoch=epoch, metrics=metrics)
        if validation is not None:
            metrics["validation_score"] = float(estimator.score(*validation))
            recorder.record_validation({"score": metrics["validation_score"]}, epoch=epoch)
        if on_epoch is not None:
            on_epoch(epoch, metrics)
    return estimator
