"""`novacron quantum`: post-quantum keys, and data that the chain verified under them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from novacron.atomic import write_atomically
from novacron.cli.app import App, facts, pass_app, read_text, rows_table
from novacron.cli.network import acting, reading
from novacron.cli.quantum_key import require_output
from novacron.cli.quantum_options import (
    PATH,
    key_of,
    keys_option,
    passphrase_of,
    root_of,
    root_option,
    store_of,
    unlocking_options,
)
from novacron.exceptions import InputError, InvalidDigestError, QuantumError
from novacron.market.advice import moment
from novacron.provenance.digest import parse_digest
from novacron.provenance.manifest import build_manifest
from novacron.quantum.advice import QUANTUM_ADVICE
from novacron.quantum.client import QuantumVerification, Verified, VerifiedBatch
from novacron.quantum.records import BatchProof, VerificationRecord, WorkingKey
from novacron.quantum.results import path_dict, path_of

FORMAT = "novacron-quantum-batch-v1"


@click.group()
def quantum() -> None:
    """Post-quantum keys, and data that the chain verified under them. See docs/quantum.md."""


@quantum.command()
@click.argument("data", nargs=-1, required=True, metavar="PATH…")
@click.option("--key", "name", required=True, help="The working key in the store.")
@root_option
@click.option("--batch", type=PATH, help="One signature for all of them; write each one's proof to this file.")
@unlocking_options
@pass_app
def sign(
    app: App,
    data: tuple[str, ...],
    name: str,
    root: str,
    batch: Path | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Sign files or folders (or digests of 64 digits) and have the chain verify it.

    What is signed is the digest that `novacron digest` prints.
    """
    if batch is not None:
        require_output(batch)
    digests = [_digest(app, one) for one in data]
    signer = store_of(folder).unlock_signing(name, passphrase_of(name, passphrase_file, passphrase_env))
    key = WorkingKey(root_of(root, folder), signer)
    with acting(app, QUANTUM_ADVICE) as account:
        client = QuantumVerification(account.deployment)
        if batch is not None:
            _show_batch(app, client.verify_batch(account, key, digests), batch)
            return
        verified = [client.verify_data(account, key, digest) for digest in digests]
    value = [_verified(one) for one in verified]
    rows = [(one.data_hash.hex(), _transaction(one), moment(one.record.timestamp)) for one in verified]
    app.emit(value, rows_table(f"Verified for key 0x{key.id.hex()}", ("digest", "transaction", "time"), rows))


@quantum.command()
@click.argument("datum", metavar="PATH")
@click.option("--key", "name", help="Only this working key counts: its id, or its name in the store (with --root).")
@click.option("--root", envvar="NOVACRON_QUANTUM_ROOT", help="Its root: its id, or its name in the store.")
@click.option("--batch", type=PATH, help="The file that `sign --batch` wrote; needs --key.")
@keys_option
@click.pass_context
def verify(
    ctx: click.Context, datum: str, name: str | None, root: str | None, batch: Path | None, folder: Path | None
) -> None:
    """Ask the chain who signed a file or folder (or a digest of 64 digits); exit code 1 when nobody who counts did."""
    app: App = ctx.obj
    digest = _digest(app, datum)
    key = None if name is None else _key(name, root, folder)
    with reading(app) as deployment:
        client = QuantumVerification(deployment)
        if batch is not None:
            if key is None:
                raise click.UsageError("--batch needs --key: whose batch?")
            proof = _batch_proof(batch, digest)
            found = client.batch(key, proof.root)
            good = found is not None and client.is_verified_in_batch(key, proof)
            records = [found.record] if found is not None and good else []
        elif key is not None:
            record = client.verification(key, digest)
            records = [] if record is None else [record]
        else:
            records = client.verifications(digest)
    good = any(record.good for record in records)
    rows = [("0x" + one.key.hex(), _good(one), moment(one.timestamp), one.verifier) for one in records]
    title = f"{digest.hex()}: {'verified' if good else 'NOT VERIFIED'}"
    shown = rows_table(title, ("key", "counts", "time", "sent by"), rows)
    if not rows:
        nobody = "no: nobody signed it" if key is None else f"no: key 0x{key.hex()} did not sign it, or counts no more"
        shown = facts("NOT VERIFIED", {"digest": digest.hex(), "verified": nobody})
    app.emit({"digest": digest.hex(), "verified": good, "verifications": records}, shown)
    if not good:
        ctx.exit(1)


def _digest(app: App, words: str) -> bytes:
    path = Path(words)
    if path.exists():
        with app.progress() as progress:
            return build_manifest(path, progress=progress).root
    try:
        return parse_digest(words)
    except InvalidDigestError:
        raise InputError(f"{words!r} is no file or folder, and not the 64 hexadecimal digits of a digest") from None


def _key(words: str, root: str | None, folder: Path | None) -> bytes:
    try:
        return parse_digest(words)
    except InvalidDigestError:
        if root is None:
            raise click.UsageError("--key by its name needs --root; or give the id of the working key") from None
        return key_of(words, root_of(root, folder), folder)


def _good(record: VerificationRecord) -> str:
    return "yes" if record.good else "no: the key is revoked as of then"


def _transaction(verified: Verified | VerifiedBatch) -> str:
    return "none: it was verified before" if verified.receipt is None else verified.receipt.hash


def _verified(verified: Verified) -> dict[str, Any]:
    return {
        "digest": verified.data_hash.hex(),
        **verified.record.to_dict(),
        "transaction": None if verified.receipt is None else verified.receipt.hash,
    }


def _show_batch(app: App, verified: VerifiedBatch, path: Path) -> None:
    document = {
        "format": FORMAT,
        "key": verified.record.key.hex(),
        "proofs": [{"digest": one.data_hash.hex(), **path_dict(one)} for one in verified.proofs()],
    }
    write_atomically(path, json.dumps(document, indent=2) + "\n")
    rows = {
        "key": "0x" + verified.record.key.hex(),
        "root": "0x" + verified.batch.root.hex(),
        "data": len(verified.batch),
        "proofs": path,
        "transaction": _transaction(verified),
    }
    data = {
        "root": verified.batch.root.hex(),
        "size": len(verified.batch),
        "proofs": path,
        **verified.record.to_dict(),
        "transaction": None if verified.receipt is None else verified.receipt.hash,
    }
    app.emit(data, facts("Batch verified", rows))


def _batch_proof(path: Path, digest: bytes) -> BatchProof:
    try:
        document = json.loads(read_text(path))
        if document["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        for one in document["proofs"]:
            if one["digest"] == digest.hex():
                return path_of(one, digest)
    except (ValueError, TypeError, KeyError) as error:
        raise QuantumError(f"{path} is no file of batch proofs: {error}") from None
    raise QuantumError(f"{path} has no proof of {digest.hex()}: it is not in this batch, or was changed since")
