"""`novacron quantum key register|enrol|authorize|revoke|approve|submit`: keys on chain, the root wherever it is.

A root that is in the store signs and is handed in at once. With --output a request is written instead: `approve` signs
it on the machine that has the root and no network, `submit` hands in what came back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from novacron.atomic import write_atomically
from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App, facts, pass_app, read_text
from novacron.cli.network import acting, progress, reading
from novacron.cli.options import parse_moment
from novacron.cli.quantum_key import require_output
from novacron.cli.quantum_options import (
    PATH,
    key_of,
    keys_option,
    passphrase_of,
    public_of,
    reason_of,
    root_of,
    root_option,
    store_of,
    unlocking_options,
)
from novacron.exceptions import InputError, QuantumError
from novacron.market.advice import moment
from novacron.market.deployment import Account
from novacron.market.quotes import head_time
from novacron.provenance.digest import parse_digest
from novacron.quantum.advice import QUANTUM_ADVICE
from novacron.quantum.client import Done, QuantumVerification
from novacron.quantum.keys import VerifyingKey
from novacron.quantum.keystore import LIFETIME, StoredSigningKey
from novacron.quantum.messages import (
    ANYBODY,
    NO_KEY,
    Domain,
    KeyAuthorization,
    KeyRevocation,
    Message,
    RootEnrolment,
    SignedRequest,
    parse_request,
    root_id,
    sign_request,
)
from novacron.quantum.registrar import KeyRegistrar

_account_option = click.option("--account", help="The only account that may send for it. Default: anybody may.")
_output_option = click.option("--output", "-o", type=PATH, help="Write a request for the root instead of sending.")


@click.command()
@click.argument("name", required=False)
@click.option("--id", "onchain", help="Finish a registration that anybody began: its 32 bytes on chain.")
@keys_option
@pass_app
def register(app: App, name: str | None, onchain: str | None, folder: Path | None) -> None:
    """Register the ML-DSA key NAME on chain: up to three transactions, resumed where they stopped."""
    if (name is None) == (onchain is None):
        raise click.UsageError("name a key of the store, or give --id")
    with acting(app, QUANTUM_ADVICE) as account:
        registrar = KeyRegistrar(account.deployment)
        if name is not None:
            public = public_of(store_of(folder).entry(name))
        else:
            started = registrar.started(parse_digest(str(onchain)))
            if started is None:
                raise QuantumError(f"nobody began to register {onchain}: whoever has the public key registers it")
            public = started
        receipts = _register(app, account, registrar, public)
    rows = {"on chain": "0x" + public.onchain.hex(), "scheme": str(public.scheme), "transactions": len(receipts)}
    data = {"onchain": public.onchain.hex(), "scheme": str(public.scheme), "transactions": [r.hash for r in receipts]}
    app.emit(data, facts("Registered", rows | {"gas": f"{sum(r.gas_used for r in receipts):,}"}))


@click.command()
@click.argument("name")
@_account_option
@click.option("--chain-id", type=click.IntRange(min=1), help="Without a network: the chain.")
@click.option("--contract", help="Without a network: address of QuantumVerification.")
@click.option("--output", "-o", type=PATH, help="Without a network: write the signed request here, for `submit`.")
@unlocking_options
@pass_app
def enrol(
    app: App,
    name: str,
    account: str | None,
    chain_id: int | None,
    contract: str | None,
    output: Path | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Enrol key NAME as a root."""
    offline = (chain_id, contract, output)
    if any(one is not None for one in offline) and any(one is None for one in offline):
        raise click.UsageError("without a network, give --chain-id, --contract and --output; with one, none of them")
    signer = store_of(folder).unlock_signing(name, passphrase_of(name, passphrase_file, passphrase_env))
    public = signer.verifying_key
    if chain_id is not None and contract is not None and output is not None:
        message = RootEnrolment(Domain(chain_id, contract), public.scheme, public.onchain, account or ANYBODY)
        _write_signed(app, output, sign_request(message, signer))
        return
    with acting(app, QUANTUM_ADVICE) as sender:
        client = QuantumVerification(sender.deployment)
        done = client.hand_in(sender, sign_request(client.enrolment(public, account), signer))
    _show_done(app, "Root enrolled", done)


@click.command()
@click.argument("name")
@root_option
@click.option("--until", help="When it ends: +90 days, or 2027-01-01T00:00Z. Default: when the key expires.")
@click.option("--from", "since", help="When it begins. Default: when it is mined.")
@_account_option
@click.option("--replaces", metavar="KEY", help="A working key of the same root that ends when this one begins.")
@_output_option
@unlocking_options
@pass_app
def authorize(
    app: App,
    name: str,
    root: str,
    until: str | None,
    since: str | None,
    account: str | None,
    replaces: str | None,
    output: Path | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Have ROOT authorise key NAME to sign data, for 90 days at most."""
    entry, root_key = store_of(folder).entry(name), root_of(root, folder)
    public = public_of(entry)

    def message(client: QuantumVerification) -> KeyAuthorization:
        now = head_time(client.deployment.pool)
        begins = 0 if since is None else parse_moment(since, now, "--from")
        last = max(now, begins) + LIFETIME
        ends = min(entry.expires or last, last) if until is None else parse_moment(until, now, "--until")
        previous = NO_KEY if replaces is None else key_of(replaces, root_key, folder)
        return client.authorization(root_key, public, ends, valid_from=begins, account=account, replaces=previous)

    if output is not None:
        with reading(app) as deployment:
            _write_request(app, output, message(QuantumVerification(deployment)))
        return
    signer = _root_signer(root, folder, passphrase_file, passphrase_env)
    with acting(app, QUANTUM_ADVICE) as sender:
        client = QuantumVerification(sender.deployment)
        done = client.hand_in(sender, sign_request(message(client), signer))
    _show_done(app, "Key authorised", done)


@click.command()
@click.argument("name", metavar="KEY")
@root_option
@click.option("--since", help="From when on its signatures count for nothing: now, or before. Default: now.")
@click.option("--reason", default="", help="Up to 32 bytes of text, or the SHA-256 of a document.")
@click.option("--own", is_flag=True, help="As the account that the key is bound to, without the root; from now on.")
@_output_option
@unlocking_options
@pass_app
def revoke(
    app: App,
    name: str,
    root: str,
    since: str | None,
    reason: str,
    own: bool,
    output: Path | None,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Revoke KEY, or the root itself where KEY is the root. Nothing undoes it."""
    if own and (since is not None or output is not None):
        raise click.UsageError("--own revokes from now on, and at once: leave --since and --output out")
    root_key, words = root_of(root, folder), reason_of(reason)
    id_ = root_key if name == root else key_of(name, root_key, folder)

    def message(client: QuantumVerification) -> KeyRevocation:
        now = head_time(client.deployment.pool)
        return client.revocation(id_, now if since is None else parse_moment(since, now, "--since"), words)

    if output is not None:
        with reading(app) as deployment:
            _write_request(app, output, message(QuantumVerification(deployment)))
        return
    signer = None if own else _root_signer(root, folder, passphrase_file, passphrase_env)
    with acting(app, QUANTUM_ADVICE) as sender:
        client = QuantumVerification(sender.deployment)
        if signer is None:
            done = client.revoke_own(sender, id_, words)
        else:
            done = client.hand_in(sender, sign_request(message(client), signer))
    _show_done(app, "Key revoked", done)


@click.command()
@click.argument("request", type=PATH)
@click.option("--key", "name", required=True, help="The root in this store.")
@click.option("--output", "-o", type=PATH, required=True, help="Where the signed request goes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@unlocking_options
@pass_app
def approve(
    app: App,
    request: Path,
    name: str,
    output: Path,
    yes: bool,
    folder: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str,
) -> None:
    """Sign REQUEST as a root, on a machine without a network."""
    if app.as_json and not yes:
        raise click.UsageError("with --json nobody is asked: give --yes, after somebody has read the request")
    message, store = parse_request(read_text(request)), store_of(folder)
    public = public_of(store.entry(name))
    if isinstance(message, KeyAuthorization) and message.root != root_id(public):
        raise QuantumError(f"this request is for root 0x{message.root.hex()}, and {name} is 0x{root_id(public).hex()}")
    if not yes:
        facts("To be signed", _words(message))(app.console)
        if not click.confirm("Sign this?", err=True):
            raise QuantumError("it was not signed")
    signer = store.unlock_signing(name, passphrase_of(name, passphrase_file, passphrase_env))
    _write_signed(app, output, sign_request(message, signer))


@click.command()
@click.argument("signed", type=PATH)
@click.option("--register", "register_", is_flag=True, help="First register the root's own ML-DSA key.")
@pass_app
def submit(app: App, signed: Path, register_: bool) -> None:
    """Hand in SIGNED, which `approve` or `enrol --output` wrote."""
    request = SignedRequest.from_json(read_text(signed))
    request.require_valid()
    with acting(app, QUANTUM_ADVICE) as account:
        if register_ and request.signer.scheme.is_ml_dsa:
            _register(app, account, KeyRegistrar(account.deployment), request.signer)
        done = QuantumVerification(account.deployment).hand_in(account, request)
    _show_done(app, f"{request.message.KIND} handed in", done)


COMMANDS = (register, enrol, authorize, revoke, approve, submit)


def _register(
    app: App, account: Account, registrar: KeyRegistrar, public: VerifyingKey
) -> tuple[TransactionReceipt, ...]:
    def told(done: int, total: int) -> None:
        progress(app, f"step {done} of {total}")

    return registrar.register(account, public, told).receipts


def _root_signer(root: str, folder: Path | None, passphrase_file: Path | None, passphrase_env: str) -> StoredSigningKey:
    store = store_of(folder)
    if root not in {entry.name for entry in store.entries()}:
        raise InputError(
            f"--root {root!r} is no key of this store: with --output a request is written for the machine that has it"
        )
    return store.unlock_signing(root, passphrase_of(root, passphrase_file, passphrase_env))


def _write_request(app: App, path: Path, message: Message) -> None:
    require_output(path)
    write_atomically(path, json.dumps(message.typed_data, indent=2) + "\n")
    app.emit({"request": path, **message.describe()}, facts(f"Request written to {path}", _words(message)))


def _write_signed(app: App, path: Path, signed: SignedRequest) -> None:
    require_output(path)
    write_atomically(path, signed.to_json())
    app.emit({"signed": path, **signed.message.describe()}, facts(f"Signed to {path}", _words(signed.message)))


def _words(message: Message) -> dict[str, Any]:
    """What a message says, times and reasons in words."""
    words = message.describe()
    for name in ("validFrom", "validUntil", "since"):
        if words.get(name):
            words[name] = f"{words[name]} ({moment(words[name])})"
    if isinstance(message, KeyAuthorization):
        words["key"] = "0x" + message.key.hex()
    if isinstance(message, KeyRevocation):
        text = message.reason.rstrip(b"\0")
        words["reason"] = text.decode() if text.isascii() and text.decode().isprintable() else words["reason"]
    return words


def _show_done(app: App, title: str, done: Done) -> None:
    record, receipt = done.key, done.receipt
    rows: dict[str, Any] = {"id": "0x" + record.id.hex(), "scheme": str(record.scheme)}
    if not record.is_root:
        rows |= {
            "root": "0x" + record.root.hex(),
            "from": moment(record.valid_from),
            "until": moment(record.valid_until),
        }
    rows["account"] = record.account or "anybody"
    if record.revoked_since is not None:
        rows["revoked as of"] = moment(record.revoked_since)
    rows["transaction"] = "none: it was done before" if receipt is None else receipt.hash
    data = {**record.to_dict(), "transaction": None if receipt is None else receipt.hash}
    app.emit(data, facts(title, rows))
