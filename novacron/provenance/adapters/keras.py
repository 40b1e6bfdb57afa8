"""Keras 3: a callback that saves and records the model each epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError
from novacron.provenance.adapters.frameworks import numeric_metrics, prepare_folder, require
from novacron.provenance.recorder import ProvenanceRecorder


def keras_callback(
    recorder: ProvenanceRecorder,
    folder: Path | str,
    *,
    every_n_epochs: int = 1,
    first_epoch: int = 1,
    seal: bool = True,
) -> Any:
    """A `keras.callbacks.Callback` for `model.fit(callbacks=[…])`.

    After every `every_n_epochs` epochs the model is saved as `folder/epoch-<n>.keras` and recorded with the training
    metrics; metrics of the validation data (`val_…`) are recorded as a validation, without the prefix. With `seal` the
    run is sealed when `fit` returns normally. `first_epoch` is the number of Keras's epoch 0.

    Raises:
        ConfigurationError: Keras (or its backend) is not installed; every_n_epochs below 1.
    """
    if every_n_epochs < 1:
        raise ConfigurationError(f"every_n_epochs is at least 1, not {every_n_epochs}")
    base: Any = require("keras", "keras").callbacks.Callback
    target = prepare_folder(folder)

    class RecorderCallback(base):  # type: ignore[misc]  # a class known at run time only
        """Records the epochs of one `fit`."""

        def __init__(self) -> None:
            super().__init__()
            self._recorded = False

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Save and record the model."""
            number = first_epoch + epoch
            metrics = numeric_metrics(logs)
            validation = {
                name.removeprefix("val_"): value for name, value in metrics.items() if name.startswith("val_")
            }
            training = {name: value for name, value in metrics.items() if not name.startswith("val_")}
            if (epoch + 1) % every_n_epochs == 0:
                path = target / f"epoch-{number:06d}.keras"
                self.model.save(path)
                recorder.record_training_checkpoint(path, epoch=number, metrics=training)
                self._recorded = True
            if validation:
                recorder.record_validation(validation, epoch=number)

        def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras passes it by name
            """Seal the run with the last checkpoint."""
            if seal and self._recorded:
                recorder.seal()

    return RecorderCallback()
