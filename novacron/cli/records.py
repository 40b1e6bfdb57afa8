"""`novacron records`: the contract's string interface (storeHash, getHash, verifyHash)."""

from __future__ import annotations

import click

from novacron.cli.anchor import send_waiting, show_record, show_waiting
from novacron.cli.app import App, parse_metadata, pass_app
from novacron.exceptions import ConfigurationError
from novacron.provenance.clients.base import BlockchainClient


def _client(app: App) -> BlockchainClient:
    if app.settings().kind == "local":
        raise ConfigurationError("the string interface is the contract's: configure a chain, or use `novacron anchor`")
    return app.client(interface="records")


@click.group()
def records() -> None:
    """The string interface: numbered records with metadata on chain."""


@records.command()
@click.argument("digest")
@click.option("--metadata", help="A JSON object, or @FILE with one.")
@pass_app
def store(app: App, digest: str, metadata: str | None) -> None:
    """Store DIGEST with its metadata on chain; the id ends in #<number>."""
    with _client(app) as client:
        show_record(app, client.store_hash(digest, parse_metadata(metadata)), "Stored")


@records.command()
@click.argument("record_id")
@pass_app
def get(app: App, record_id: str) -> None:
    """Print the record with this id."""
    with _client(app) as client:
        show_record(app, client.retrieve_hash(record_id))


@records.command()
@click.argument("digest")
@click.argument("record_id")
@click.pass_context
def verify(ctx: click.Context, digest: str, record_id: str) -> None:
    """Ask the contract whether record RECORD_ID holds DIGEST; exit code 1 when it does not."""
    app: App = ctx.obj
    with _client(app) as client:
        good = client.verify_hash(digest, record_id)
    app.emit({"verified": good}, lambda _: click.echo("verified" if good else "not verified"))
    if not good:
        ctx.exit(1)


@records.command()
@pass_app
def pending(app: App) -> None:
    """List what waits to be stored, and what the chain refused."""
    with _client(app) as client:
        show_waiting(app, client)


@records.command()
@click.pass_context
def reconcile(ctx: click.Context) -> None:
    """Store everything that is pending; exit code 1 when something still is, or was refused."""
    with _client(ctx.obj) as client:
        if not send_waiting(ctx.obj, client):
            ctx.exit(1)
