"""A plain training loop, whatever the framework.

with training_loop(recorder, "checkpoints") as loop:
    for epoch in range(1, 11):
        loss = train_one_epoch(model)
        loop.checkpoint(lambda path: path.write_bytes(dump(model)), epoch=epoch, metrics={"loss": loss})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from novacron.exceptions import InputError, NovaCronError
from novacron.provenance.adapters.frameworks import prepare_folder
from novacron.provenance.recorder import ProvenanceRecorder, RecordResult


class TrainingLoop:
    """Saves and records checkpoints in a folder; made by `training_loop`."""

    def __init__(self, recorder: ProvenanceRecorder, folder: Path | str, suffix: str = ".ckpt") -> None:
        self.recorder = recorder
        self.folder = prepare_folder(folder)
        self._suffix = suffix
        self.last: RecordResult | None = None

    def checkpoint(
        self,
        save: Callable[[Path], object],
        *,
        epoch: int | None = None,
        step: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> RecordResult:
        """Let `save(path)` write the checkpoint (a file or a folder), then record it.

        The name is `epoch-<n>` or `step-<n>` unless given. An existing checkpoint is not overwritten: it is part of the
        record.

        Raises:
            InputError: neither epoch, step nor name; a name that exists.
            otherwise as `record_training_checkpoint`.
        """
        if name is None:
            if epoch is None and step is None:
                raise InputError("a checkpoint needs an epoch, a step or a name")
            name = f"epoch-{epoch:06d}" if step is None else f"step-{step:09d}"
        path = self.folder / f"{name}{self._suffix}"
        if path.exists():
            raise InputError(f"{path} exists and may be recorded already: choose another name or folder")
        save(path)
        self.last = self.recorder.record_training_checkpoint(path, epoch=epoch, step=step, metrics=metrics)
        return self.last

    def validation(self, metrics: Mapping[str, Any], **where: Any) -> RecordResult:
        """Record a validation; arguments as `ProvenanceRecorder.record_validation`."""
        return self.recorder.record_validation(metrics, **where)


@contextmanager
def training_loop(
    recorder: ProvenanceRecorder, folder: Path | str, *, suffix: str = ".ckpt", seal: bool = True
) -> Iterator[TrainingLoop]:
    """A loop whose checkpoints go into `folder`. Leaving it normally seals the run with the last checkpoint.

    When the block raises, nothing is sealed, so that the run can be continued, and what was recorded is anchored. The
    block's own exception always comes out; an anchor that fails then is a note on it.
    """
    loop = TrainingLoop(recorder, folder, suffix)
    try:
        yield loop
    except BaseException as error:
        try:
            recorder.reconcile()
        except (NovaCronError, OSError) as failure:
            error.add_note(f"what was recorded could not be anchored: {failure}")
        raise
    if seal and loop.last is not None:
        recorder.seal()
