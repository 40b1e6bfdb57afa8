"""`novacron log`: an append-only log with RFC 9162 proofs, in one file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from novacron.atomic import write_atomically
from novacron.cli.app import App, facts, pass_app, read_text
from novacron.exceptions import InputError, ProofFormatError, ProofInvalidError
from novacron.provenance.fields import Fields
from novacron.provenance.log import TransparencyLog
from novacron.provenance.rfc9162 import leaf_hash, verify_consistency, verify_inclusion

INCLUSION_FORMAT = "novacron-log-inclusion-v1"
CONSISTENCY_FORMAT = "novacron-log-consistency-v1"

_PATH = click.Path(path_type=Path)


def _existing(path: Path) -> TransparencyLog:
    if not path.exists():
        raise InputError(f"{path} does not exist: create a log with `novacron log append`")
    return TransparencyLog(path)


@click.group()
def log() -> None:
    """Append-only logs with RFC 9162 proofs."""


@log.command()
@click.argument("path", type=_PATH)
@click.argument("entries", nargs=-1)
@click.option("--file", "files", multiple=True, type=_PATH, help="Append a file's bytes as one entry; repeatable.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Append each line of standard input.")
@pass_app
def append(app: App, path: Path, entries: tuple[str, ...], files: tuple[Path, ...], from_stdin: bool) -> None:
    """Append ENTRIES (texts) to the log at PATH, creating it when absent; all of them or none."""
    data = [entry.encode() for entry in entries]
    for file in files:
        try:
            data.append(file.read_bytes())
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from error
    if from_stdin:
        data += [line.rstrip(b"\r\n") for line in sys.stdin.buffer]
    if not data:
        raise click.UsageError("nothing to append: give entries, --file or --stdin")
    with TransparencyLog(path) as target:
        indices = target.append_many(data)
        head = target.head()
    value = {"first": indices.start, "last": indices.stop - 1, "size": head.size, "root": head.root}
    app.emit(value, facts("Appended", value))


@log.command()
@click.argument("path", type=_PATH)
@pass_app
def head(app: App, path: Path) -> None:
    """Print the log's size and root."""
    with _existing(path) as source:
        found = source.head()
    app.emit({"size": found.size, "root": found.root}, facts("Log head", {"size": found.size, "root": found.root}))


@log.command()
@click.argument("path", type=_PATH)
@click.argument("index", type=int)
@click.option("--size", type=int, help="Prove it in the log as it was at this size.")
@click.option("-o", "--output", type=_PATH, help="Write the proof here.")
@pass_app
def prove(app: App, path: Path, index: int, size: int | None, output: Path | None) -> None:
    """Prove that entry INDEX is in the log."""
    with _existing(path) as source:
        at = source.size if size is None else size
        document = {
            "format": INCLUSION_FORMAT,
            "index": index,
            "size": at,
            "leaf": source.leaf_hash_at(index).hex(),
            "root": source.root(at).hex(),
            "proof": [node.hex() for node in source.inclusion_proof(index, at)],
        }
    _deliver(app, document, output)


@log.command()
@click.argument("path", type=_PATH)
@click.argument("old", type=int)
@click.argument("new", type=int, required=False)
@click.option("-o", "--output", type=_PATH, help="Write the proof here.")
@pass_app
def consistency(app: App, path: Path, old: int, new: int | None, output: Path | None) -> None:
    """Prove that the log of size NEW (default: now) extends the log of size OLD."""
    with _existing(path) as source:
        at = source.size if new is None else new
        document = {
            "format": CONSISTENCY_FORMAT,
            "old_size": old,
            "old_root": source.root(old).hex(),
            "new_size": at,
            "new_root": source.root(at).hex(),
            "proof": [node.hex() for node in source.consistency_proof(old, at)],
        }
    _deliver(app, document, output)


def _deliver(app: App, document: dict[str, Any], output: Path | None) -> None:
    if output is None:
        click.echo(json.dumps(document, indent=2))
        return
    write_atomically(output, json.dumps(document, indent=2).encode() + b"\n")
    app.emit({"proof": output}, facts("Proof", {"written to": output}))


@log.command()
@click.argument("proof", type=_PATH)
@click.option("--entry", help="The entry's text; its leaf hash must be the proof's.")
@click.option("--file", "file", type=_PATH, help="A file with the entry's bytes.")
@click.option("--root", help="The root you trust; it must be the proof's (the new one of a consistency proof).")
@pass_app
def verify(app: App, proof: Path, entry: str | None, file: Path | None, root: str | None) -> None:
    """Verify a proof made by `log prove` or `log consistency`. Without --root it is only consistent with itself."""
    try:
        document = json.loads(read_text(proof))
    except ValueError as error:
        raise ProofFormatError(f"{proof} is not JSON: {error}") from error
    kind = document.get("format") if isinstance(document, dict) else None
    if kind == INCLUSION_FORMAT:
        fields = Fields(document, "the proof", {"format", "index", "size", "leaf", "root", "proof"})
        leaf, final = fields.digest("leaf"), fields.digest("root")
        good = verify_inclusion(leaf, fields.count("index"), fields.count("size"), fields.digests("proof"), final)
        data = entry.encode() if entry is not None else None if file is None else file.read_bytes()
        if data is not None and leaf_hash(data) != leaf:
            raise ProofInvalidError(f"the entry's leaf hash is {leaf_hash(data).hex()}, the proof is of {leaf.hex()}")
        checked_entry = data is not None
    elif kind == CONSISTENCY_FORMAT:
        names = {"format", "old_size", "old_root", "new_size", "new_root", "proof"}
        fields = Fields(document, "the proof", names)
        final, checked_entry = fields.digest("new_root"), False
        old = (fields.count("old_size"), fields.digest("old_root"))
        good = verify_consistency(*old, fields.count("new_size"), final, fields.digests("proof"))
    else:
        raise ProofFormatError(f"{proof}: format {kind!r} is neither {INCLUSION_FORMAT} nor {CONSISTENCY_FORMAT}")
    if not good:
        raise ProofInvalidError(f"{proof} does not verify")
    if root is not None and root.lower().removeprefix("0x") != final.hex():
        raise ProofInvalidError(f"{proof} leads to the root {final.hex()}, not to {root}")
    value = {"valid": True, "root": final, "root_checked": root is not None, "entry_checked": checked_entry}
    app.emit(value, facts("Proof verifies", value))


@log.command()
@click.argument("path", type=_PATH)
@pass_app
def check(app: App, path: Path) -> None:
    """Check every row of the log; an error names the first bad one."""
    with _existing(path) as source:
        source.check()
        found = source.head()
    app.emit({"intact": True, "size": found.size, "root": found.root}, facts("Log is intact", {"size": found.size}))
