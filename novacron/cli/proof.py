"""`novacron proof`: proof files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from novacron.cli.app import App, facts, json_text, pass_app, rows_table, safe_text
from novacron.exceptions import ConfigurationError, ProofInvalidError
from novacron.provenance.digest import parse_digest
from novacron.provenance.expectation import Expectation
from novacron.provenance.intoto import export_statement, to_statement
from novacron.provenance.proof import SUFFIX, Proof
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.report import VerificationReport
from novacron.provenance.verify import verify_proof

if TYPE_CHECKING:
    from novacron.chain.endpoints import EndpointPool
    from novacron.provenance.clients.local import LocalBlockchainClient

_PATH = click.Path(path_type=Path)
#: Exit code when no check failed, but the chain or store that was asked does not attest what is proven.
_UNATTESTED = 3
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
    with app.optional_client(reading=True) as client, ProvenanceRecorder.open(run_dir, client) as recorder:
        made = recorder.generate_proof(entry)
        model = recorder.status().model
    name = "".join(character if character.isalnum() or character in "-_." else "-" for character in model)
    path = made.save(output or Path(f"{name}-{made.index}{SUFFIX}"))
    value = {"proof": path, "index": made.index, "size": made.size, "anchored": made.anchored and made.anchored.size}
    app.emit(value, facts("Proof", value))


@dataclass(frozen=True)
class Trust:
    """The options that say where to verify, and what the proof must be of."""

    rpc: tuple[str, ...]
    store: Path | None
    contract: str | None
    owner: str | None
    run: str | None
    manifest: Path | None


def _trust_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of `Trust` to a command."""
    options = (
        click.option("--rpc", multiple=True, help="JSON-RPC address of the proof's chain; repeatable."),
        click.option("--store", type=_PATH, help="The embedded store's file, for a proof made with it."),
        click.option("--contract", help="The ProofOfTraining that you trust; otherwise the configured one."),
        click.option("--owner", help="The owner that the run (or the submitter that the anchor) must be of."),
        click.option("--run", help="The run id that the proof must be of, 64 hexadecimal digits."),
        click.option(
            "--manifest", type=_PATH, help="Deployment manifest.json with the trusted contract and its chain."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@proof.command()
@click.argument("file", type=_PATH)
@click.option("--artifact", type=_PATH, help="The checkpoint's file or folder, to be hashed again.")
@click.option("--complete", is_flag=True, help="Fail unless every check could be made.")
@_trust_options
@click.pass_context
def verify(ctx: click.Context, /, file: Path, artifact: Path | None, complete: bool, **trust: Any) -> None:
    """Verify a proof file, offline or against a chain.

    A proof names its own contract and owner: say with --contract (or --manifest) and --owner which ones you trust.
    Without --rpc, --store or a configured client the report says what could not be checked.

    Exit code: 0 no check failed; 1 a check failed; 3 no check failed, but the chain or store that was asked does not
    attest what is proven, for it did not answer, or holds no head of a trusted contract with this entry.
    """
    app: App = ctx.obj
    with _verified(app, file, artifact, Trust(**trust)) as (report, asked):
        app.emit(report.to_dict(), lambda console: _show(console, file, report, asked))
    if not report.ok or (complete and not report.complete):
        ctx.exit(1)
    if asked and not report.attested:
        ctx.exit(_UNATTESTED)


@contextmanager
def _verified(app: App, file: Path, artifact: Path | None, trust: Trust) -> Iterator[tuple[VerificationReport, bool]]:
    """The report of a proof file, and whether a chain or store was asked."""
    with contextlib.ExitStack() as stack:
        expect = _expectation(app, trust)
        pool, client = _chain(app, stack, trust.rpc, trust.store)
        report = verify_proof(file, client=client, pool=pool, artifact_path=artifact, expect=expect)
        yield report, pool is not None or client is not None


def _expectation(app: App, trust: Trust) -> Expectation:
    """What the options name; contract and chain that they do not name are the configured ones."""
    from novacron.provenance.clients.config import ClientConfig

    contract, chain_id = trust.contract, None
    if trust.manifest is not None:
        settings = ClientConfig("web3", manifest=trust.manifest, contract=trust.contract)
        contract, chain_id = settings.deployed()
    elif contract is None and trust.store is None and app.configured:
        settings = app.settings()
        if settings.kind == "web3":
            contract, chain_id = settings.deployed()
    return Expectation(contract, chain_id, trust.owner, None if trust.run is None else parse_digest(trust.run))


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


def _show(console: Console, file: Path, report: VerificationReport, asked: bool) -> None:
    rows = [(check.name, _MARK[check.status], check.detail) for check in report.checks]
    rows_table(f"Proof {file}", ["check", "result", "detail"], rows)(console)
    failed, skipped = len(report.failures), sum(check.status == "not_checked" for check in report.checks)
    if report.verdict == "invalid":
        verdict = f"INVALID: {failed} of {len(report.checks)} checks failed"
    elif report.verdict == "valid":
        verdict = f"valid: all {len(report.checks)} checks passed"
    else:
        verdict = f"valid as far as checked: {skipped} of {len(report.checks)} checks could not be made"
    if report.ok and asked and not report.attested:
        verdict = f"NOT ATTESTED by a trusted contract or store; {verdict}"
    claims = ", ".join(f"{name} {value}" for name, value in report.subject.items())
    for line in [verdict, f"of: {claims}"] if claims else [verdict]:
        console.print(safe_text(line), soft_wrap=True, markup=False)


@proof.command()
@click.argument("file", type=_PATH)
@pass_app
def show(app: App, file: Path) -> None:
    """Print what a proof file says, without verifying it."""
    found = Proof.load(file).to_dict()
    app.emit(found, lambda _: click.echo(json_text(found)))


@proof.command("export-intoto")
@click.argument("file", type=_PATH)
@click.option("-o", "--output", type=_PATH, help="Write the statement here.")
@_trust_options
@pass_app
def export_intoto(app: App, /, file: Path, output: Path | None, **trust: Any) -> None:
    """Print (or write) the proof as an in-toto v1 statement, once it is verified as `verify` does.

    Against a chain or store (--rpc, --store, or the configured one) it must also attest what is stated.
    """
    with _verified(app, file, None, Trust(**trust)) as (report, asked):
        if not report.ok:
            failure = report.failures[0]
            raise ProofInvalidError(f"the proof is invalid, nothing is exported: {failure.name}: {failure.detail}")
        if asked and not report.attested:
            raise ProofInvalidError(
                "no trusted contract or store attests the proof, nothing is exported: `novacron proof verify` says why"
            )
    found = Proof.load(file)
    if output is None:
        click.echo(json_text(to_statement(found)))
        return
    path = export_statement(found, output)
    app.emit({"statement": path}, facts("in-toto statement", {"written to": path}))
