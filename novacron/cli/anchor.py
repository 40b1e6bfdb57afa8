"""`novacron anchor`: put digests on chain through the configured client, and read them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from novacron.cli.app import App, facts, for_people, parse_metadata, pass_app, read_text, rows_table
from novacron.exceptions import InputError
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.model import StoredHash
from novacron.provenance.digest import hex_digest
from novacron.provenance.manifest import build_manifest
from novacron.provenance.proof import SUFFIX
from novacron.provenance.proof_build import proof_of_record

_PATH = click.Path(path_type=Path)


@click.group()
def anchor() -> None:
    """Anchor digests on chain, one by one or in batches."""


def show_record(app: App, record: StoredHash, title: str = "Record") -> None:
    """Print one record."""
    value = record.to_dict()
    rows = {name: value[name] for name in ("id", "hash", "status", "chainId", "contract", "submitter")}
    rows |= {name: value[name] for name in ("timestamp", "blockNumber", "transactionHash")}
    if record.metadata:
        rows["metadata"] = json.dumps(record.metadata, ensure_ascii=False)
    if record.batch is not None:
        rows["batch"] = f"{record.batch.index} of {record.batch.size} under {record.batch.root.hex()}"
    app.emit(value, facts(title, rows))


@anchor.command("hash")
@click.argument("digest")
@click.option("--metadata", help="A JSON object, or @FILE with one.")
@pass_app
def anchor_hash(app: App, digest: str, metadata: str | None) -> None:
    """Anchor DIGEST (64 hexadecimal digits). Prints the record; `pending` when the chain cannot be reached."""
    with app.client() as client:
        show_record(app, client.store_hash(digest, parse_metadata(metadata)), "Anchored")


@anchor.command("file")
@click.argument("path", type=_PATH)
@click.option("--metadata", help="A JSON object, or @FILE with one.")
@pass_app
def anchor_file(app: App, path: Path, metadata: str | None) -> None:
    """Anchor the manifest root of a file or folder."""
    with app.progress() as progress:
        found = build_manifest(path, progress=progress)
    with app.client() as client:
        show_record(app, client.store_hash(found.root, parse_metadata(metadata)), "Anchored")


@anchor.command("batch")
@click.argument("source", type=_PATH)
@click.option("--metadata", help="On chain with the batch's root: a JSON object, or @FILE with one.")
@pass_app
def anchor_batch(app: App, source: Path, metadata: str | None) -> None:
    """Anchor many digests in one transaction: one a line, or JSON lines {"hash": …, "metadata": {…}}."""
    items: list[Any] = []
    for number, line in enumerate(read_text(source).splitlines(), 1):
        text = line.strip()
        if not text:
            continue
        if not text.startswith("{"):
            items.append(text)
            continue
        try:
            value = json.loads(text)
            items.append((value["hash"], value.get("metadata")))
        except (ValueError, KeyError) as error:
            raise InputError(f"{source} line {number} is no JSON object with a hash: {error}") from error
    with app.client() as client:
        records = client.batch_store_hashes(items, batch_metadata=parse_metadata(metadata))
    value = [record.to_dict() for record in records]
    shown = records[:20] if for_people(app.console) else records
    title = f"Batch of {len(records)}" + (f", the first {len(shown)} shown" if len(records) > len(shown) else "")
    app.emit(value, rows_table(title, ["hash", "status", "id"], [(item.hash, item.status, item.id) for item in shown]))


@anchor.command("show")
@click.argument("record_id")
@pass_app
def anchor_show(app: App, record_id: str) -> None:
    """Print the record with this id."""
    with app.client(reading=True) as client:
        show_record(app, client.retrieve_hash(record_id))


@anchor.command("verify")
@click.argument("digest")
@click.argument("record_id")
@click.pass_context
def anchor_verify(ctx: click.Context, digest: str, record_id: str) -> None:
    """Ask the chain whether it holds DIGEST under RECORD_ID; exit code 1 when it does not."""
    app: App = ctx.obj
    with app.client(reading=True) as client:
        good = client.verify_hash(digest, record_id)
    app.emit({"verified": good}, lambda _: click.echo("verified" if good else "not verified"))
    if not good:
        ctx.exit(1)


@anchor.command("pending")
@pass_app
def anchor_pending(app: App) -> None:
    """List what waits to be anchored, and what the chain refused."""
    with app.client(reading=True) as client:
        show_waiting(app, client)


def show_waiting(app: App, client: BlockchainClient) -> None:
    """Print what the client's outbox holds, and what the chain refused of it."""
    waiting, failed = client.pending(), client.failed()
    value = {
        "pending": [record.to_dict() for record in waiting],
        "failed": [{"record": item.record.to_dict(), "reason": item.reason} for item in failed],
    }
    rows = [(record.hash, "pending", "") for record in waiting]
    rows += [(item.record.hash, "failed", item.reason) for item in failed]
    app.emit(value, rows_table(f"{len(waiting)} pending, {len(failed)} failed", ["hash", "status", "reason"], rows))


@anchor.command("reconcile")
@click.pass_context
def anchor_reconcile(ctx: click.Context) -> None:
    """Anchor everything that is pending; exit code 1 when something still is, or was refused."""
    with ctx.obj.client(reading=True) as client:
        if not send_waiting(ctx.obj, client):
            ctx.exit(1)


def send_waiting(app: App, client: BlockchainClient) -> bool:
    """Send what waits and print the outcome; whether nothing is left."""
    report = client.reconcile()
    value = {
        "confirmed": [record.to_dict() for record in report.confirmed],
        "still_pending": [record.to_dict() for record in report.still_pending],
        "failed": [{"record": item.record.to_dict(), "reason": item.reason} for item in report.failed],
        "errors": list(report.errors),
    }
    rows = [
        ("confirmed", len(report.confirmed)),
        ("still pending", len(report.still_pending)),
        ("failed", len(report.failed)),
        *(("why", reason) for reason in report.errors),
    ]
    app.emit(value, facts("Reconciled", rows))
    return report.complete


@anchor.command("proof")
@click.argument("record_id")
@click.option("-o", "--output", type=_PATH, help=f"Default: <digest>{SUFFIX}.")
@pass_app
def anchor_proof(app: App, record_id: str, output: Path | None) -> None:
    """Write the proof file of one record; check it with `novacron proof verify`."""
    with app.client(reading=True) as client:
        made = proof_of_record(client, record_id)
    path = made.save(output or Path(f"{hex_digest(made.record.digest)[:16]}{SUFFIX}"))
    app.emit({"proof": path}, facts("Proof", {"written to": path}))
