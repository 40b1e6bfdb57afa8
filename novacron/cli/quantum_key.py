"""`novacron quantum key`: post-quantum keys on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import reading
from novacron.cli.options import span_text
from novacron.cli.quantum_options import (
    keys_option,
    passphrase_of,
    public_of,
    root_of,
    store_of,
    unlocking_options,
)
from novacron.exceptions import InputError
from novacron.market.advice import moment
from novacron.quantum.client import QuantumVerification
from novacron.quantum.derivation import MasterSeed
from novacron.quantum.keyfile import ALGORITHMS, MASTER, ML_KEM, SCHEMES, KeyEntry, Secret
from novacron.quantum.keys import EncryptionKey, SigningKey
from novacron.quantum.keystore import LIFETIME, KeyStore
from novacron.quantum.messages import root_id, working_id
from novacron.quantum.records import KeyRecord
from novacron.quantum.registrar import KeyRegistrar

_DAYS = LIFETIME // 86_400
days_option = click.option("--days", type=click.IntRange(min=1), help=f"Days until it expires. [default: {_DAYS}]")


@click.group()
def key() -> None:
    """Keys: make, list, rotate; have the chain know them, authorise and revoke them. See docs/quantum.md."""


@key.command()
@click.argument("name")
@click.option(
    "--algorithm", type=click.Choice(ALGORITHMS, case_sensitive=False), default="ML-DSA-87", show_default=True
)
@days_option
@click.option("--no-expiry", is_flag=True, help="It never expires: for a root. Recipients and master seeds never do.")
@click.option("--from", "master", metavar="KEY", help="Derive it from this master seed of the store, with --path.")
@click.option("--path", help="Where below the master seed, such as release/2026-q4.")
@unlocking_options
@pass_app
def new(
    app: App,
    name: str,
    algorithm: str,
    days: int | None,
    no_expiry: bool,
    master: str | None,
    path: str | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Make a key NAME and store it under a passphrase. Next for ML-DSA: novacron quantum key register."""
    if (master is None) != (path is None):
        raise click.UsageError("--from and --path belong together")
    if no_expiry and days is not None:
        raise click.UsageError("--days and --no-expiry contradict each other")
    store = store_of(folder)
    word = passphrase_of(name, passphrase_file, passphrase_env, fresh=master is None)
    lifetime = None if no_expiry or (days is None and algorithm not in SCHEMES) else (days or _DAYS) * 86_400
    if master is None or path is None:
        entry = store.add(name, _generate(algorithm), word, lifetime=lifetime)
    else:
        once = word() if callable(word) else word  # asked for once: both files are under it
        secret = _derive(store.unlock_master(master, once).child(path), algorithm)
        entry = store.add(name, secret, once, lifetime=lifetime, origin=f"{master}:{path}")
    _show_entry(app, store, entry, "New key")


@key.command("list")
@keys_option
@pass_app
def list_(app: App, folder: Path | None) -> None:
    """List the keys of the store."""
    store, now = store_of(folder), time.time()
    entries = store.entries()
    rows = [(one.name, one.algorithm, _status(store, one, now), _expiry(one, now)) for one in entries]
    data = [_data(store, one, now) for one in entries]
    app.emit(data, rows_table("Keys", ("key", "algorithm", "status", "expires"), rows))


@key.command()
@click.argument("name")
@click.option("--chain", is_flag=True, help="Also ask the chain: registered, enrolled, authorised?")
@click.option("--root", help="With --chain: the root whose working key it is. Without: look for it as a root.")
@keys_option
@pass_app
def show(app: App, name: str, chain: bool, root: str | None, folder: Path | None) -> None:
    """Print key NAME; with --json its public key, too."""
    store = store_of(folder)
    entry = store.entry(name)
    if not chain:
        _show_entry(app, store, entry, f"Key {name}")
        return
    public = public_of(entry)
    with reading(app) as deployment:
        registered = KeyRegistrar(deployment).is_registered(public)
        id_ = root_id(public) if root is None else working_id(root_of(root, folder), public)
        client = QuantumVerification(deployment)
        record = client.find_key(id_)
        valid = record is not None and client.is_valid_key(id_)
    rows = {
        "registered": "yes" if registered else "no: novacron quantum key register",
        "id on chain": "0x" + id_.hex(),
        **_record_rows(record, valid),
    }
    onchain = {"registered": registered, "id": id_.hex(), "valid": valid, "record": record}
    _show_entry(app, store, entry, f"Key {name}", rows, onchain)


@key.command()
@click.argument("name")
@click.argument("new_name", metavar="NEW")
@days_option
@unlocking_options
@pass_app
def rotate(
    app: App,
    name: str,
    new_name: str,
    days: int | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Make a fresh key NEW that takes the place of key NAME, of its algorithm and under its passphrase.

    Next: register it, and have the root authorise it (--replaces NAME).
    """
    store = store_of(folder)
    word = passphrase_of(name, passphrase_file, passphrase_env)
    ends = store.entry(name).expires is not None
    lifetime = (days or _DAYS) * 86_400 if ends or days is not None else None
    _show_entry(app, store, store.rotate(name, new_name, word, lifetime=lifetime), "New key")


@key.command()
@click.argument("name")
@click.option("--new-passphrase-file", type=click.Path(path_type=Path, dir_okay=False), help="As --passphrase-file.")
@click.option(
    "--new-passphrase-env", default="NOVACRON_QUANTUM_NEW_PASSPHRASE", show_default=True, help="As --passphrase-env."
)
@unlocking_options
@pass_app
def passphrase(
    app: App,
    name: str,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
    new_passphrase_file: Path | None,
    new_passphrase_env: str,
) -> None:
    """Store key NAME under another passphrase. Copies of its file keep the old one."""
    store = store_of(folder)
    old = passphrase_of(name, passphrase_file, passphrase_env)
    fresh = passphrase_of(name, new_passphrase_file, new_passphrase_env, fresh=True)
    store.change_passphrase(name, old, fresh)
    _show_entry(app, store, store.entry(name), "Passphrase changed")


def _generate(algorithm: str) -> Secret:
    if algorithm in SCHEMES:
        return SigningKey.generate(SCHEMES[algorithm])
    return EncryptionKey.generate() if algorithm == ML_KEM else MasterSeed.generate()


def _derive(node: MasterSeed, algorithm: str) -> Secret:
    if algorithm == MASTER:
        return node
    if algorithm == ML_KEM:
        return node.encryption_key()
    return node.signing_key(SCHEMES[algorithm])


def _status(store: KeyStore, entry: KeyEntry, now: float) -> str:
    if entry.expired(now):
        return "expired"
    successor = store.successor(entry.name)
    return "in use" if successor is None else f"replaced by {successor.name}"


def _expiry(entry: KeyEntry, now: float) -> str:
    if entry.expires is None:
        return "never"
    left = entry.expires - int(now)
    return moment(entry.expires) + (f" (in {span_text(left)})" if left > 0 else "")


def _data(store: KeyStore, entry: KeyEntry, now: float) -> dict[str, Any]:
    successor = store.successor(entry.name)
    return {
        **entry.to_dict(),
        "onchain": None if entry.scheme is None else public_of(entry).onchain.hex(),
        "expired": entry.expired(now),
        "successor": None if successor is None else successor.name,
    }


def _show_entry(
    app: App, store: KeyStore, entry: KeyEntry, title: str, rows: dict[str, Any] | None = None, chain: Any = None
) -> None:
    now = time.time()
    shown: dict[str, Any] = {"key": entry.name, "algorithm": entry.algorithm}
    if entry.scheme is not None:
        shown["on chain"] = "0x" + public_of(entry).onchain.hex()
    shown |= {"made": moment(entry.created), "expires": _expiry(entry, now), "status": _status(store, entry, now)}
    if entry.replaces is not None:
        shown["takes the place of"] = entry.replaces
    if entry.origin is not None:
        shown["derived from"] = entry.origin
    data = _data(store, entry, now) | ({} if chain is None else {"chain": chain})
    app.emit(data, facts(title, shown | (rows or {})))


def _record_rows(record: KeyRecord | None, valid: bool) -> dict[str, Any]:
    if record is None:
        return {"known to the chain": "no"}
    rows: dict[str, Any] = {"is a": "root" if record.is_root else "working key", "account": record.account or "anybody"}
    if not record.is_root:
        rows |= {
            "valid": f"{moment(record.valid_from)} until {moment(record.valid_until)}",
            "may sign now": "yes" if valid else "no",
        }
    if record.revoked_since is not None:
        rows["revoked as of"] = moment(record.revoked_since)
    return rows


def require_output(path: Path) -> None:
    """Before a file is made with effort: it must not be there. Raises InputError."""
    if path.exists():
        raise InputError(f"{path} is there already: name another file, or move it away")
