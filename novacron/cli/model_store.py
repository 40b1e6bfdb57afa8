"""`novacron model put`, `fetch`, `rekey`, `check`, `verify` and `lineage`: the files, and whether they may be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from novacron.atomic import write_atomically
from novacron.cli.app import App, facts, for_people, pass_app, rows_table, safe_text
from novacron.cli.model_keys import decryption_key, decryption_options, recipient_of
from novacron.cli.model_options import (
    PATH,
    Consumer,
    at_option,
    consuming,
    policy_of,
    policy_options,
    publisher_option,
    resolved,
    time_of,
)
from novacron.cli.network import progress
from novacron.cli.quantum_options import keys_option
from novacron.exceptions import ConfigurationError
from novacron.market.advice import moment
from novacron.models.decision import Decision, decide
from novacron.models.fetching import fetch
from novacron.models.lineage import LineageGraph, lineage_lines, lineage_of
from novacron.models.lineage_svg import lineage_svg
from novacron.models.onchain import hexed
from novacron.models.package import Package, put_model
from novacron.models.stores import ObjectStore, open_object_store
from novacron.models.stores_local import LocalObjectStore
from novacron.models.verification import verify_model
from novacron.provenance.report import VerificationReport

_MARK = {"passed": "passed", "failed": "FAILED", "not_checked": "not checked"}
_store_option = click.option(
    "--store",
    "location",
    envvar="NOVACRON_MODEL_STORE",
    help="Where packages are: a folder, or s3://bucket/prefix.",
)
_pickle_option = click.option(
    "--allow-pickle", is_flag=True, help="Take files that run code when they are loaded. They are never loaded here."
)


@click.command()
@click.argument("source", type=PATH)
@click.option("--to", "recipients", multiple=True, required=True, metavar="KEY|FILE", help="For whom. Repeatable.")
@_store_option
@keys_option
@click.option("--staging", type=PATH, help="Folder to seal into first, so that a killed upload goes on where it was.")
@click.option("--replace", is_flag=True, help="Replace a package for other recipients.")
@_pickle_option
@pass_app
def put(
    app: App,
    /,
    source: Path,
    recipients: tuple[str, ...],
    location: str | None,
    folder: Path | None,
    staging: Path | None,
    replace: bool,
    allow_pickle: bool,
) -> None:
    """Seal the model in SOURCE for its recipients and store the package."""
    keys = [recipient_of(word, folder) for word in recipients]
    with _store(location, make=True) as store, app.progress("Sealing") as update:
        local = None if staging is None else LocalObjectStore(staging)
        package = put_model(
            source,
            store=store,
            recipients=keys,
            staging=local,
            replace=replace,
            allow_pickle=allow_pickle,
            progress=update,
        )
    _show_package(app, "Stored", package)


@click.command()
@click.argument("reference")
@click.option("--to", "recipients", multiple=True, required=True, metavar="KEY|FILE", help="For whom from now on.")
@_store_option
@decryption_options
@publisher_option
@pass_app
def rekey(
    app: App, /, reference: str, recipients: tuple[str, ...], location: str | None, publisher: str | None, **words: Any
) -> None:
    """Seal a package for other recipients, without sealing its data again.

    Who could open it before and kept the old header, or the model, still has it.
    """
    keys = [recipient_of(word, words["folder"]) for word in recipients]
    digest = resolved(app, reference, publisher)
    with _store(location) as store:
        package = Package.load(store, digest).rekey(store, decryption_key(words), keys)
    _show_package(app, "Re-keyed", package)


@click.command("fetch")
@click.argument("reference")
@click.argument("target", type=PATH)
@_store_option
@decryption_options
@policy_options
@at_option
@_pickle_option
@publisher_option
@pass_app
def fetch_(
    app: App,
    /,
    reference: str,
    target: Path,
    location: str | None,
    at: str | None,
    allow_pickle: bool,
    publisher: str | None,
    **words: Any,
) -> None:
    """Fetch a model to TARGET, if the chain and the policy let it be used, and if it hashes.

    Refused is what is revoked or descends from what is, what is not certified, and whatever the policy demands besides.
    """
    policy = policy_of(words)

    def told(decision: Decision) -> None:
        if decision.passed:
            progress(app, f"{reference} is {hexed(decision.model_hash)}, as of block {decision.graph.pin.number}")

    with consuming(app, publisher) as consumer, _store(location) as store, app.progress("Opening") as update:
        done = fetch(
            consumer.registry,
            consumer.reference(reference),
            store=store,
            key=decryption_key(words),
            target=target,
            policy=policy,
            confirmations=consumer.confirmations,
            time=time_of(at),
            allow_pickle=allow_pickle,
            progress=update,
            on_decision=told,
        )
    names = "bound" if done.names_bound else "not bound: the model's metadata covers their contents only"
    value = {
        **done.decision.to_dict(),
        "target": str(done.target),
        "files": len(done.manifest.files),
        "size": done.manifest.size,
        "names_bound": done.names_bound,
    }
    rows = {
        "target": done.target,
        "model": hexed(done.decision.model_hash),
        "version": done.decision.graph.root.state.model.version,
        "files": f"{len(done.manifest.files)}, {done.manifest.size:,} bytes, hashed as written",
        "names of the files": names,
        "as of block": f"{done.decision.graph.pin.number}, {moment(done.decision.graph.pin.time)}",
    }
    app.emit(value, facts("Fetched", rows))


@click.command()
@click.argument("reference")
@policy_options
@at_option
@publisher_option
@click.pass_context
def check(ctx: click.Context, /, reference: str, at: str | None, publisher: str | None, **words: Any) -> None:
    """Say whether a model may be used: exit code 0 if it may, 1 if not, or if that cannot be told."""
    app: App = ctx.obj
    policy = policy_of(words)
    with consuming(app, publisher) as consumer:
        decision = decide(
            consumer.registry,
            consumer.reference(reference),
            policy,
            confirmations=consumer.confirmations,
            time=time_of(at),
        )
    root = decision.graph.root
    rows = [
        ("model", hexed(decision.model_hash)),
        ("version", root.state.model.version),
        ("may be used", "yes" if decision.passed else "NO"),
        *(("because", one.text) for one in decision.objections),
    ]
    app.emit(decision.to_dict(), facts(reference, rows))
    if not decision.passed:
        ctx.exit(1)


@click.command()
@click.argument("path", type=PATH)
@click.argument("reference", required=False)
@policy_options
@publisher_option
@click.pass_context
def verify(ctx: click.Context, /, path: Path, reference: str | None, publisher: str | None, **words: Any) -> None:
    """Check the model in PATH against the chain: that it is REFERENCE (or registered at all), and may be used.

    Exit code: 0 every check that was made passed, 1 one failed.
    """
    app: App = ctx.obj
    policy = policy_of(words)
    with consuming(app, publisher) as consumer, app.progress() as update:
        said = None if reference is None else consumer.reference(reference)
        report = verify_model(
            consumer.registry, path, said, policy, confirmations=consumer.confirmations, progress=update
        )
    app.emit(report.to_dict(), lambda console: _show_report(console, path, report))
    if not report.ok:
        ctx.exit(1)


@click.command()
@click.argument("reference")
@click.option("--svg", type=PATH, help="Draw it into this file, too.")
@at_option
@publisher_option
@pass_app
def lineage(app: App, reference: str, svg: Path | None, at: str | None, publisher: str | None) -> None:
    """Print what a model descends from, with runs, signatures, certificates and revocations."""
    with consuming(app, publisher) as consumer:
        graph = _graph(consumer, reference, at)
    if svg is not None:
        write_atomically(svg, lineage_svg(graph, reference))

    def show(console: Console) -> None:
        for line in lineage_lines(graph):
            click.echo(safe_text(line), file=console.file)
        click.echo(f"as of block {graph.pin.number}, {moment(graph.pin.time)}", file=console.file)
        if svg is not None:
            click.echo(f"drawn in {safe_text(str(svg))}", file=console.file)

    app.emit({**graph.to_dict(), "svg": None if svg is None else str(svg)}, show)


def _graph(consumer: Consumer, reference: str, at: str | None) -> LineageGraph:
    view = consumer.registry.view(consumer.confirmations)
    return lineage_of(view, view.resolve(consumer.reference(reference), time_of(at)), names=True)


@contextmanager
def _store(location: str | None, *, make: bool = False) -> Iterator[ObjectStore]:
    if location is None:
        raise ConfigurationError("where are the packages? Give --store FOLDER or s3://…, or set NOVACRON_MODEL_STORE")
    if not make and "://" not in location and not Path(location).is_dir():
        raise ConfigurationError(f"there is no store at {location}: is it misspelt? `novacron model put` makes one")
    store = open_object_store(location, os.environ)
    try:
        yield store
    finally:
        store.close()


def _show_package(app: App, title: str, package: Package) -> None:
    value = {
        "model": hexed(package.model_hash),
        "manifest": hexed(package.manifest_digest),
        "files": package.files,
        "size": package.size,
        "sealed_size": package.sealed_size,
        "recipients": [one.hex() for one in package.recipients],
    }
    rows = {**value, "size": f"{package.size:,} bytes", "sealed_size": f"{package.sealed_size:,} bytes"}
    rows["recipients"] = ", ".join(one.hex() for one in package.recipients)
    app.emit(value, facts(title, {name.replace("_", " "): one for name, one in rows.items()}))


def _show_report(console: Console, path: Path, report: VerificationReport) -> None:
    rows = [(one.name, _MARK[one.status], one.detail) for one in report.checks]
    rows_table(f"{path}: {report.verdict}", ("check", "result", "detail"), rows)(console)
    if not for_people(console):
        click.echo(f"verdict\t{report.verdict}\t", file=console.file)


COMMANDS: tuple[click.Command, ...] = (put, rekey, fetch_, check, verify, lineage)
