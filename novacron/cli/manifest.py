"""`novacron digest` and `novacron manifest`: what a file or folder consists of."""

from __future__ import annotations

from pathlib import Path

import click

from novacron.atomic import write_atomically
from novacron.cli.app import App, facts, pass_app
from novacron.provenance.digest import hex_digest
from novacron.provenance.manifest import Manifest, build_manifest, diff_manifests, verify_manifest

_PATH = click.Path(path_type=Path)


def _build(app: App, path: Path, ignore: tuple[str, ...]) -> Manifest:
    with app.progress() as progress:
        return build_manifest(path, progress=progress, ignore_paths=ignore)


@click.command()
@click.argument("path", type=_PATH)
@click.option("--ignore", multiple=True, help="File or folder inside PATH to leave out; repeatable.")
@pass_app
def digest(app: App, path: Path, ignore: tuple[str, ...]) -> None:
    """Print the root of PATH's manifest: the digest to anchor (SHA-256, as OpenSSF model-signing computes it)."""
    found = _build(app, path, ignore)
    value = {"name": found.name, "root": hex_digest(found.root), "files": len(found.files), "size": found.size}
    app.emit(value, lambda console: console.print(hex_digest(found.root), soft_wrap=True))


@click.group()
def manifest() -> None:
    """Manifests: which files a model consists of."""


@manifest.command()
@click.argument("path", type=_PATH)
@click.option("-o", "--output", type=_PATH, help="Write the manifest here.")
@click.option("--ignore", multiple=True, help="File or folder inside PATH to leave out; repeatable.")
@pass_app
def build(app: App, path: Path, output: Path | None, ignore: tuple[str, ...]) -> None:
    """Hash PATH and print (or write) its manifest."""
    found = _build(app, path, ignore)
    if output is None:
        click.echo(found.to_text(), nl=False)
        return
    write_atomically(output, found.to_text().encode())
    value = {"manifest": output, "root": found.root, "files": len(found.files), "size": found.size}
    app.emit(value, facts("Manifest", value))


@manifest.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.pass_context
def diff(ctx: click.Context, old: Path, new: Path) -> None:
    """Say which files differ between OLD and NEW; exit code 1 when any does.

    OLD is a manifest (.json) or a model; NEW likewise.
    """
    app: App = ctx.obj
    before = _read_or_build(app, old)
    if _is_manifest(new):
        difference = diff_manifests(before, Manifest.from_json(new.read_bytes()))
    else:
        with app.progress() as progress:
            difference = verify_manifest(new, before, progress=progress)
    value = {
        "differs": bool(difference),
        "added": [file.path for file in difference.added],
        "removed": [file.path for file in difference.removed],
        "changed": [file.path for _, file in difference.changed],
        "renamed": [[was.path, now.path] for was, now in difference.renamed],
    }
    app.emit(value, lambda _: click.echo("\n".join(difference.lines()) or "no difference"))
    if difference:
        ctx.exit(1)


def _is_manifest(path: Path) -> bool:
    return path.suffix == ".json" and path.is_file()


def _read_or_build(app: App, path: Path) -> Manifest:
    return Manifest.from_json(path.read_bytes()) if _is_manifest(path) else _build(app, path, ())
