"""What the adapters share: lazy imports, file names, and the numbers among a framework's logs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError, InputError
from novacron.provenance.entries import encode_metrics
from novacron.stores import translate_errors


def require(module: str, package: str) -> Any:
    """Import a framework when its adapter is first used.

    Raises:
        ConfigurationError: it is not installed; says which package to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing.split(".")[0] != module.split(".")[0]:
            raise ConfigurationError(
                f"{package} is installed but lacks its dependency {missing}: install it"
            ) from error
        raise ConfigurationError(f"{package} is not installed: install it to use this adapter") from error


def numeric_metrics(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entries of a framework's logs that are single real numbers; the rest is not part of the record."""
    metrics: dict[str, Any] = {}
    for name, value in (logs or {}).items():
        try:
            encode_metrics({name: value})
        except InputError:
            continue
        metrics[name] = value
    return metrics


def prepare_folder(folder: Path | str) -> Path:
    """The folder for checkpoints, created when absent. Raises StoreError."""
    path = Path(folder)
    with translate_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path
