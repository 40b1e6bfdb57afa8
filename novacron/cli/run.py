"""`novacron run`: training runs recorded in a folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from novacron.cli.app import App, facts, parse_metadata, pass_app
from novacron.exceptions import InputError
from novacron.provenance.anchoring import AnchorResult
from novacron.provenance.recorder import ProvenanceRecorder, RecordResult, RunStatus

_PATH = click.Path(path_type=Path)


@click.group()
def run() -> None:
    """Training runs: open, record, reconcile, seal.

    Without a configured client entries are only logged; a later command with one anchors them.
    """


def _status(app: App, status: RunStatus, anchor: AnchorResult) -> None:
    chain = status.chain
    value = {
        "path": status.path,
        "model": status.model,
        "size": status.size,
        "root": status.root,
        "sealed": status.sealed,
        "sealed_on_chain": status.sealed_on_chain,
        "anchored_size": status.anchored_size,
        "pending": status.pending,
        "chain": None if chain is None else chain.to_dict(),
        "anchor": _anchor(anchor),
    }
    rows: dict[str, Any] = {
        "model": status.model,
        "entries": status.size,
        "root": status.root,
        "anchored": f"{status.anchored_size} of {status.size} entries",
        "pending": f"yes: {anchor.reason or 'no client is configured'}" if status.pending else "no",
        "sealed": "here and on chain" if status.sealed_on_chain else "here only" if status.sealed else "no",
        "chain": chain and chain.scope,
        "run": chain and f"0x{chain.run.hex()}",
    }
    app.emit(value, facts(f"Run {status.path}", rows))


def _anchor(anchor: AnchorResult) -> dict[str, Any]:
    return {
        "status": anchor.status,
        "size": anchor.size,
        "root": anchor.root,
        "sealed": anchor.sealed,
        "transaction_hash": anchor.transaction_hash,
        "block_number": anchor.block_number,
        "reason": anchor.reason,
    }


def _result(app: App, result: RecordResult) -> None:
    anchor = result.anchor
    value = {
        "index": result.index,
        "leaf_hash": result.leaf_hash,
        "status": result.status,
        "entry": result.entry.to_dict(),
        "anchor": None if anchor is None else _anchor(anchor),
    }
    rows = {"index": result.index, "leaf hash": result.leaf_hash, "status": result.status}
    if anchor is not None and anchor.reason:
        rows["reason"] = anchor.reason
    if anchor is not None and anchor.transaction_hash:
        rows["transaction"] = anchor.transaction_hash
    app.emit(value, facts(f"Recorded {result.entry.type}", rows))


def _metrics(pairs: tuple[str, ...]) -> dict[str, float | int]:
    metrics: dict[str, float | int] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if name in metrics:
            raise InputError(f"metric {name!r} is given twice")
        try:
            metrics[name] = int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError as error:
            raise InputError(f"metric {pair!r} is not NAME=NUMBER") from error
        if not equals or not name:
            raise InputError(f"metric {pair!r} is not NAME=NUMBER")
        if isinstance(metrics[name], float) and math.isinf(metrics[name]) and "inf" not in text.lower():
            raise InputError(f"metric {pair!r} is too large for a number")
    return metrics


@run.command("open")
@click.argument("run_dir", type=_PATH)
@click.option("--model", required=True, help="Name of what is trained.")
@click.option("--config-json", help="The run's configuration: a JSON object, or @FILE with one.")
@click.option("--data", type=_PATH, help="The training data; its manifest's root becomes part of the run's id.")
@click.option("--code-version", help="For example a git commit.")
@click.option("--anchor-every", type=int, help="Anchor every N steps (epochs where no step is given).")
@pass_app
def open_run(
    app: App,
    run_dir: Path,
    model: str,
    config_json: str | None,
    data: Path | None,
    code_version: str | None,
    anchor_every: int | None,
) -> None:
    """Start a run in RUN_DIR, and open it on chain when a client is configured."""
    with app.optional_client() as client, app.progress() as progress:
        with ProvenanceRecorder(
            run_dir,
            client,
            model=model,
            config=parse_metadata(config_json),
            data=data,
            code_version=code_version,
            anchor_every=anchor_every,
            progress=progress,
        ) as recorder:
            status, anchor = recorder.status(), recorder.last_anchor
    _status(app, status, anchor)


@run.command()
@click.argument("run_dir", type=_PATH)
@pass_app
def status(app: App, run_dir: Path) -> None:
    """Print what RUN_DIR holds and what of it is known to be on chain. Asks no chain."""
    with ProvenanceRecorder.open(run_dir) as recorder:
        found, anchor = recorder.status(), recorder.last_anchor
    _status(app, found, anchor)


@run.command()
@click.argument("run_dir", type=_PATH)
@click.argument("path", type=_PATH)
@click.option("--epoch", type=int)
@click.option("--step", type=int)
@click.option("--metric", "metrics", multiple=True, metavar="NAME=NUMBER", help="Repeatable; nan and inf are allowed.")
@pass_app
def checkpoint(
    app: App, run_dir: Path, path: Path, epoch: int | None, step: int | None, metrics: tuple[str, ...]
) -> None:
    """Record the checkpoint at PATH (a file or folder)."""
    numbers = _metrics(metrics)
    with app.optional_client() as client, app.progress() as progress:
        with ProvenanceRecorder.open(run_dir, client, progress=progress) as recorder:
            result = recorder.record_training_checkpoint(path, epoch=epoch, step=step, metrics=numbers)
    _result(app, result)


@run.command()
@click.argument("run_dir", type=_PATH)
@click.option("--metric", "metrics", multiple=True, required=True, metavar="NAME=NUMBER", help="Repeatable.")
@click.option("--dataset", type=_PATH, help="The validation data.")
@click.option("--epoch", type=int)
@click.option("--step", type=int)
@pass_app
def validation(
    app: App, run_dir: Path, metrics: tuple[str, ...], dataset: Path | None, epoch: int | None, step: int | None
) -> None:
    """Record the result of a validation."""
    numbers = _metrics(metrics)
    with app.optional_client() as client, app.progress() as progress:
        with ProvenanceRecorder.open(run_dir, client, progress=progress) as recorder:
            result = recorder.record_validation(numbers, dataset=dataset, epoch=epoch, step=step)
    _result(app, result)


@run.command()
@click.argument("run_dir", type=_PATH)
@click.pass_context
def reconcile(ctx: click.Context, run_dir: Path) -> None:
    """Bring the chain up to the log's end; exit code 1 when it cannot be used now."""
    app: App = ctx.obj
    with app.client() as client, ProvenanceRecorder.open(run_dir, client) as recorder:
        anchor = recorder.reconcile()
        found = recorder.status()
    _status(app, found, anchor)
    if anchor.status != "anchored":
        ctx.exit(1)


@run.command()
@click.argument("run_dir", type=_PATH)
@click.option("--model", "model", type=_PATH, help="The final model; default: the last checkpoint.")
@pass_app
def seal(app: App, run_dir: Path, model: Path | None) -> None:
    """End the run with its model; nothing can be recorded afterwards."""
    with app.optional_client() as client, app.progress() as progress:
        with ProvenanceRecorder.open(run_dir, client, progress=progress) as recorder:
            result = recorder.seal(model)
    _result(app, result)
