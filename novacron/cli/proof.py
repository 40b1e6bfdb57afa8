"""`novacron proof`: proof files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.exceptions import ConfigurationError, ProofInvalidError
from novacron.provenance.intoto import export_statement, to_statement
from novacron.provenance.proof import SUFFIX, Proof
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.report import VerificationReport
from novacron.provenance.verify import verify_proof

if TYPE_CHECKING:
    from novacron.chain.endpoints import EndpointPool
    from novacron.provenance.clients.local import LocalBlockchainClient

_PATH = click.Path(path_type=Path)
_MARK = {"passed": "passed", "failed": "FAILED", "not_checked": "not checked"}


@click.group()
def proof() -> None:
    """Proof files: make, verify, export."""


@proof.command()
@click.argument("run_dir", type=_PATH)
@click.option("--entry", type=int, default=-1, show_default=True, help="Index in the log; negative from the end.")
@click.option("-o", "--output", type=_PATH, help=f"Default: <model>-<index>{SUFFIX}.")
@pass_app
def make(app: App, run_dir: Path, entry: int, output: Path | None) -> None:
    """Write the proof file of one entry of the run in RUN_DIR."""
    with app.optional_client() as client, ProvenanceRecorder.open(run_dir, client) as recorder:
        made = recorder.generate_proof(entry)
        model = recorder.status().model
    name = "".join(character if character.isalnum() or character in "-_." else "-" for character in model)
    path = made.save(output or Path(f"{name}-{made.index}{SUFFIX}"))
    value = {"proof": path, "index": made.index, "size": made.size, "anchored": made.anchored and made.anchored.size}
    app.emit(value, facts("Proof", value))


@proof.command()
@click.argument("file", type=_PATH)
@click.option("--rpc", "rpc", multiple=True, help="JSON-RPC address of the proof's chain; repeatable.")
@click.option("--artifact", type=_PATH, help="The checkpoint's file or folder, to be hashed again.")
@click.option("--store", type=_PATH, help="The embedded store's file, for a proof made with it.")
@click.option("--complete", is_flag=True, help="Fail unless every check could be made.")
@click.pass_context
def verify(
    ctx: click.Context, file: Path, rpc: tuple[str, ...], artifact: Path | None, store: Path | None, complete: bool
) -> None:
    """Verify a proof file, offline or against a chain; exit code 1 when a check fails.

    Without --rpc, --store or a configured client the report says what could not be checked.
    """
    app: App = ctx.obj
    with contextlib.ExitStack() as stack:
        pool, client = _chain(app, stack, rpc, store)
        report = verify_proof(file, client=client, pool=pool, artifact_path=artifact)
    app.emit(report.to_dict(), lambda console: _show(console, file, report))
    if not report.ok or (complete and not report.complete):
        ctx.exit(1)


def _chain(
    app: App, stack: contextlib.ExitStack, rpc: tuple[str, ...], store: Path | None
) -> tuple[EndpointPool | None, LocalBlockchainClient | None]:
    """Where to verify: what the options name, else what is configured. No key is asked for."""
    if not rpc and store is None and app.configured:
        settings = app.settings()
        rpc, store = settings.rpc_urls, settings.store if settings.kind == "local" else None
    if rpc:
        from novacron.chain.endpoints import EndpointPool

        return stack.enter_context(EndpointPool(rpc)), None
    if store is None:
        return None, None
    from novacron.provenance.clients.local import LocalBlockchainClient

    if not store.exists():
        raise ConfigurationError(f"{store} does not exist: give the store that the proof was made with")
    return None, stack.enter_context(LocalBlockchainClient(store))


def _show(console: Console, file: Path, report: VerificationReport) -> None:
    rows = [(check.name, _MARK[check.status], check.detail) for check in report.checks]
    rows_table(f"Proof {file}", ["check", "result", "detail"], rows)(console)
    failed, skipped = len(report.failures), sum(check.status == "not_checked" for check in report.checks)
    if failed:
        verdict = f"INVALID: {failed} of {len(report.checks)} checks failed"
    elif skipped:
        verdict = f"valid as far as checked: {skipped} of {len(report.checks)} checks could not be made"
    else:
        verdict = f"valid: all {len(report.checks)} checks passed"
    console.print(verdict, soft_wrap=True)


@proof.command()
@click.argument("file", type=_PATH)
@pass_app
def show(app: App, file: Path) -> None:
    """Print what a proof file says, without verifying it."""
    found = Proof.load(file).to_dict()
    app.emit(found, lambda _: click.echo(json.dumps(found, indent=2, ensure_ascii=False)))


@proof.command("export-intoto")
@click.argument("file", type=_PATH)
@click.option("-o", "--output", type=_PATH, help="Write the statement here.")
@pass_app
def export_intoto(app: App, file: Path, output: Path | None) -> None:
    """Print (or write) the proof as an in-toto v1 statement. It is verified offline first."""
    report = verify_proof(file)
    if not report.ok:
        failure = report.failures[0]
        raise ProofInvalidError(f"the proof is invalid, nothing is exported: {failure.name}: {failure.detail}")
    found = Proof.load(file)
    if output is None:
        click.echo(json.dumps(to_statement(found), indent=2, ensure_ascii=False))
        return
    path = export_statement(found, output)
    app.emit({"statement": path}, facts("in-toto statement", {"written to": path}))
