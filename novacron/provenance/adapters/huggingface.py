"""Hugging Face Trainer: what it saves and evaluates is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from novacron.provenance.adapters.frameworks import numeric_metrics, require
from novacron.provenance.recorder import ProvenanceRecorder


def trainer_callback(recorder: ProvenanceRecorder, *, seal: bool = True) -> Any:
    """A `transformers.TrainerCallback` for `Trainer(callbacks=[…])`.

    Every checkpoint folder that the Trainer saves is recorded with the last logged metrics, every evaluation as a
    validation; with `seal` the run is sealed with the last checkpoint when training ends. Only the main process
    records.

    Raises:
        ConfigurationError: transformers is not installed.
    """
    base: Any = require("transformers", "transformers").TrainerCallback
    prefix = require("transformers.trainer_utils", "transformers").PREFIX_CHECKPOINT_DIR

    class RecorderCallback(base):  # type: ignore[misc]  # a class known at run time only
        """Records the Trainer's checkpoints and evaluations."""

        def __init__(self) -> None:
            self._metrics: dict[str, Any] = {}
            self._recorded = False

        def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            """Keep the newest training metrics for the next checkpoint."""
            self._metrics.update(numeric_metrics(logs))

        def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
            """Record the folder that was just saved."""
            if not state.is_world_process_zero:
                return
            folder = Path(args.output_dir) / f"{prefix}-{state.global_step}"
            details = {"epoch": float(state.epoch or 0)}
            recorder.record_training_checkpoint(
                folder, step=int(state.global_step), metrics=self._metrics, details=details
            )
            self._recorded = True

        def on_evaluate(self, _args: Any, state: Any, _control: Any, metrics: Any = None, **_: Any) -> None:
            """Record the evaluation's metrics."""
            numbers = numeric_metrics(metrics)
            if state.is_world_process_zero and numbers:
                recorder.record_validation(numbers, step=int(state.global_step))

        def on_train_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            """Seal the run with the last checkpoint."""
            if seal and self._recorded and state.is_world_process_zero:
                recorder.seal()

    return RecorderCallback()
