"""Lightning: a callback that saves and records a checkpoint each epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError
from novacron.provenance.adapters.frameworks import numeric_metrics, prepare_folder, require
from novacron.provenance.recorder import ProvenanceRecorder


def lightning_callback(
    recorder: ProvenanceRecorder, folder: Path | str, *, every_n_epochs: int = 1, seal: bool = True
) -> Any:
    """A Lightning `Callback` (package lightning, or the older pytorch_lightning).

    After every `every_n_epochs` training epochs the trainer's checkpoint is saved in `folder` and recorded with the
    logged metrics; every validation (not the sanity check) is recorded; with `seal` the run is sealed when fitting
    ends. Saving happens on every rank, as Lightning requires; only the global rank zero records.

    Raises:
        ConfigurationError: neither package is installed; every_n_epochs below 1.
    """
    if every_n_epochs < 1:
        raise ConfigurationError(f"every_n_epochs is at least 1, not {every_n_epochs}")
    try:
        pytorch = require("lightning.pytorch", "lightning")
    except ConfigurationError as missing:
        try:
            pytorch = require("pytorch_lightning", "pytorch_lightning")
        except ConfigurationError:
            raise missing from None
    base: Any = pytorch.Callback
    target = prepare_folder(folder)

    class RecorderCallback(base):  # type: ignore[misc]  # a class known at run time only
        """Records the trainer's epochs and validations."""

        def __init__(self) -> None:
            super().__init__()
            self._recorded = False

        def on_train_epoch_end(self, trainer: Any, _module: Any) -> None:
            """Save and record a checkpoint."""
            epoch = int(trainer.current_epoch) + 1
            if epoch % every_n_epochs:
                return
            path = target / f"epoch-{epoch:06d}.ckpt"
            trainer.save_checkpoint(path)
            if trainer.is_global_zero:
                metrics = numeric_metrics(trainer.callback_metrics)
                recorder.record_training_checkpoint(path, epoch=epoch, step=int(trainer.global_step), metrics=metrics)
                self._recorded = True

        def on_validation_end(self, trainer: Any, _module: Any) -> None:
            """Record the validation's metrics."""
            numbers = numeric_metrics(trainer.callback_metrics)
            if trainer.is_global_zero and not trainer.sanity_checking and numbers:
                recorder.record_validation(numbers, epoch=int(trainer.current_epoch) + 1, step=int(trainer.global_step))

        def on_fit_end(self, trainer: Any, _module: Any) -> None:
            """Seal the run with the last checkpoint."""
            if seal and self._recorded and trainer.is_global_zero:
                recorder.seal()

    return RecorderCallback()
