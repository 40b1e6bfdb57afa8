"""`novacron store`: the embedded client's file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from novacron.cli.app import App, facts, pass_app, require_store
from novacron.exceptions import ConfigurationError
from novacron.provenance.clients.local import LocalBlockchainClient

_PATH = click.Path(path_type=Path)
_OPTION = click.option("--path", type=_PATH, help="The store's file; default: the configured one.")


def _path(app: App, path: Path | None, *, create: bool = False) -> Path:
    if path is None:
        settings = app.settings()
        if settings.kind != "local" or settings.store is None:
            raise ConfigurationError("the configured client is not the embedded one: give --path, or another --config")
        path = settings.store
    if not create:
        require_store(path)
    return path


@click.group()
def store() -> None:
    """The embedded store: export, import, check."""


@store.command("export")
@click.argument("file", type=_PATH)
@_OPTION
@pass_app
def export_store(app: App, file: Path, path: Path | None) -> None:
    """Write the whole store to FILE as JSON, after checking it."""
    with LocalBlockchainClient(_path(app, path)) as client:
        blocks = client.export_json(file)
    app.emit({"file": file, "blocks": blocks}, facts("Exported", {"file": file, "blocks": blocks}))


@store.command("import")
@click.argument("file", type=_PATH)
@_OPTION
@pass_app
def import_store(app: App, file: Path, path: Path | None) -> None:
    """Read an export into a new store, or on top of an older copy; every block is verified first."""
    target = _path(app, path, create=True)
    if not target.exists():  # try it elsewhere first: a refused import leaves no empty store behind
        with tempfile.TemporaryDirectory() as folder, LocalBlockchainClient(Path(folder) / "trial.sqlite") as trial:
            trial.import_json(file)
    with LocalBlockchainClient(target) as client:
        blocks = client.import_json(file)
    app.emit({"file": file, "blocks_added": blocks}, facts("Imported", {"file": file, "blocks added": blocks}))


@store.command("check")
@_OPTION
@pass_app
def check_store(app: App, path: Path | None) -> None:
    """Replay every block; an error names the first that was altered."""
    with LocalBlockchainClient(_path(app, path)) as client:
        client.check()
        number, digest = client.head()
        value = {"intact": True, "store": client.store_id, "blocks": number, "head": digest}
    app.emit(value, facts("Store is intact", value))
