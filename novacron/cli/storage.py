"""`novacron storage`: files by CID, in the embedded block store, an S3-compatible service or a Kubo node."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.exceptions import InputError, StorageError
from novacron.storage.cid import Cid
from novacron.storage.storage import LOCATION_VARIABLE, MANUAL, Storage, open_storage
from novacron.stores import translate_errors

_PATH = click.Path(path_type=Path)
_STORE = click.option(
    "--store",
    "location",
    envvar=LOCATION_VARIABLE,
    show_envvar=True,
    help="A folder, s3://bucket/prefix, or kubo:http://127.0.0.1:5001.",
)
_LABEL = click.option("--label", default=MANUAL, show_default=True, help="Name of the pin that keeps the content.")


@click.group()
def storage() -> None:
    """Content-addressed storage: files by CID, verified on every read.

    Credentials come from the environment only; see docs/storage.md.
    """


@contextlib.contextmanager
def _store(location: str | None, *, create: bool = False) -> Iterator[Storage]:
    """Open the store. Only `put` and `import` create an embedded one: a mistyped path is an error elsewhere."""
    if location and not create and "://" not in location and not Path(location).is_dir():
        raise InputError(f"{location}: there is no block store here; `novacron storage put` creates one")
    with open_storage(location) as opened:
        yield opened


@contextlib.contextmanager
def _sink(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is whole; `-` is standard output."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not force:
        raise InputError(f"{path} exists; give another name, or --force to replace it")
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    with translate_errors(path):
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@storage.command("put")
@click.argument("file", type=_PATH)
@_STORE
@_LABEL
@pass_app
def put(app: App, file: Path, location: str | None, label: str) -> None:
    """Store FILE (- for standard input) and print its CID."""
    with contextlib.ExitStack() as stack:
        source: BinaryIO = sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
        opened = stack.enter_context(_store(location, create=True))
        cid = opened.put_file(source, pin=label)
        size = opened.stat(cid).size
    app.emit({"cid": str(cid), "size": size, "label": label}, facts("Stored", {"cid": cid, "size": size}))


@storage.command("get")
@click.argument("cid")
@click.argument("file", type=_PATH)
@click.option("--force", is_flag=True, help="Replace FILE when it exists.")
@_STORE
@pass_app
def get(app: App, cid: str, file: Path, force: bool, location: str | None) -> None:
    """Write the content of CID to FILE (- for standard output); FILE appears only when all of it was verified."""
    root = Cid.parse(cid)
    with _store(location) as opened, _sink(file, force=force) as sink:
        size = opened.read_into(root, sink)
    if str(file) != "-":
        app.emit({"cid": cid, "size": size, "file": file}, facts("Read", {"cid": cid, "size": size, "file": file}))


@storage.command("stat")
@click.argument("cid")
@_STORE
@pass_app
def stat(app: App, cid: str, location: str | None) -> None:
    """Size, blocks and depth of CID as its inner nodes declare them; no leaf is read."""
    root = Cid.parse(cid)
    with _store(location) as opened:
        found = opened.stat(root)
    value = {
        "cid": cid,
        "digest": root.digest,
        "codec": root.codec.name.lower().replace("_", "-"),
        "size": found.size,
        "blocks": found.blocks,
        "stored": found.stored,
        "depth": found.depth,
    }
    app.emit(value, facts("Content", value))


@storage.command("verify")
@click.argument("cid")
@_STORE
@pass_app
@click.pass_context
def verify(ctx: click.Context, app: App, cid: str, location: str | None) -> None:
    """Read and hash every block of CID; lists each that is missing or corrupt, and then exits with 1."""
    root = Cid.parse(cid)
    with _store(location) as opened:
        faults = list(opened.faults(root))
        size = None if faults else opened.stat(root).size
    value = {
        "cid": cid,
        "intact": not faults,
        "size": size,
        "faults": [{"cid": str(fault.cid), "kind": fault.kind, "message": fault.message} for fault in faults],
    }
    if not faults:
        app.emit(value, facts("Intact", {"cid": cid, "size": size}))
        return
    app.emit(value, rows_table(f"{cid} is not intact", ["block", "fault"], [[f.cid, f.kind] for f in faults]))
    ctx.exit(1)


@storage.command("export")
@click.argument("cid")
@click.argument("file", type=_PATH)
@click.option("--force", is_flag=True, help="Replace FILE when it exists.")
@_STORE
@pass_app
def export(app: App, cid: str, file: Path, force: bool, location: str | None) -> None:
    """Write CID with all its blocks to FILE as a CAR, version 1 (- for standard output)."""
    root = Cid.parse(cid)
    with _store(location) as opened, _sink(file, force=force) as sink:
        summary = opened.export_car(root, sink)
    if str(file) != "-":
        value = {"cid": cid, "file": file, "blocks": summary.blocks, "size": summary.size}
        app.emit(value, facts("Exported", value))


@storage.command("import")
@click.argument("file", type=_PATH)
@_STORE
@_LABEL
@pass_app
def import_(app: App, file: Path, location: str | None, label: str) -> None:
    """Store the content of the CAR in FILE, after checking all of it, and print its CID."""
    with file.open("rb") as source, _store(location, create=True) as opened:
        summary = opened.import_car(source, pin=label)
    value = {"cid": str(summary.root), "blocks": summary.blocks, "size": summary.size, "label": label}
    app.emit(value, facts("Imported", {name: value[name] for name in ("cid", "blocks", "size")}))


@storage.command("pins")
@_STORE
@pass_app
def pins(app: App, location: str | None) -> None:
    """What the embedded store keeps, and for which label."""
    with _store(location) as opened:
        found = opened.pins()
    value = [{"cid": str(cid), "label": label} for cid, label in found]
    app.emit(value, rows_table("Pins", ["cid", "label"], found))


@storage.command("unpin")
@click.argument("cid")
@_STORE
@_LABEL
@pass_app
def unpin(app: App, cid: str, location: str | None, label: str) -> None:
    """Keep CID no longer for a label; `collect` frees what no label keeps."""
    with _store(location) as opened:
        if not opened.unpin(Cid.parse(cid), label):
            raise StorageError(f"{cid} is not pinned for {label!r}; `novacron storage pins` lists what is")
    app.emit({"cid": cid, "label": label}, facts("Unpinned", {"cid": cid, "label": label}))


@storage.command("collect")
@_STORE
@pass_app
def collect(app: App, location: str | None) -> None:
    """Remove every block of the embedded store that no pin reaches."""
    with _store(location) as opened:
        done = opened.collect()
    value = {"kept": done.kept, "removed": done.removed, "freed": done.freed}
    app.emit(value, facts("Collected", value))
