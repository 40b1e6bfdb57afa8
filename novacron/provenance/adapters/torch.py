"""PyTorch: state dictionaries saved with torch.save."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novacron.exceptions import InputError
from novacron.provenance.adapters.frameworks import prepare_folder, require
from novacron.provenance.recorder import ProvenanceRecorder, RecordResult


class TorchCheckpointer:
    """Saves and records the state of a module (and optimizer) from inside a training loop."""

    def __init__(self, recorder: ProvenanceRecorder, folder: Path | str) -> None:
        """Checkpoints go into `folder`. Raises ConfigurationError when PyTorch is not installed."""
        self._torch = require("torch", "torch")
        self._recorder, self._folder = recorder, prepare_folder(folder)

    def save(
        self,
        module: Any,
        *,
        optimizer: Any = None,
        epoch: int | None = None,
        step: int | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> RecordResult:
        """Save `{"model": …, "optimizer": …, "epoch": …, "step": …}` as `epoch-<n>.pt` or `step-<n>.pt`, and record it.

        Raises:
            InputError: neither epoch nor step.
            otherwise as `record_training_checkpoint`.
        """
        if epoch is None and step is None:
            raise InputError("a checkpoint needs an epoch or a step")
        state = {"model": module.state_dict(), "epoch": epoch, "step": step}
        if optimizer is not None:
            state["optimizer"] = optimizer.state_dict()
        name = f"epoch-{epoch:06d}" if step is None else f"step-{step:09d}"
        path = self._folder / f"{name}.pt"
        self._torch.save(state, path)
        details = {"module": type(module).__name__}
        return self._recorder.record_training_checkpoint(path, epoch=epoch, step=step, metrics=metrics, details=details)
