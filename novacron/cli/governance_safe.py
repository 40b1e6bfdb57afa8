"""`novacron governance safe`: look at, sign and execute the transactions of a Safe."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from novacron.atomic import write_atomically
from novacron.chain.codec import signature_of, types_of
from novacron.cli.app import App, facts, pass_app
from novacron.cli.governance import acting, reading, settings_of, signer_of
from novacron.cli.governance_show import show_sent
from novacron.exceptions import InputError
from novacron.governance.lifecycle.safe import SafeAccount, SafeTransaction
from novacron.governance.lifecycle.safe_files import builder_document, load_transaction, save_transaction
from novacron.governance.lifecycle.sending import AccountSender, Call
from novacron.governance.lifecycle.signing import typed_data_signer
from novacron.governance.model import Action
from novacron.governance.suite import Suite

_PATH = click.Path(path_type=Path)


@click.group()
def safe() -> None:
    """Transactions of a Safe: what `--safe` wrote, for its owners to sign and for anybody to execute."""


@safe.command("call")
@click.argument("account", metavar="SAFE")
@click.argument("function", metavar="CONTRACT.FUNCTION")
@click.argument("arguments", nargs=-1)
@pass_app
def call_function(app: App, account: str, function: str, arguments: tuple[str, ...]) -> None:
    """Write a call of a contract of the suite for the owners of SAFE to sign.

    Names stand for addresses: `safe call GuardianSafe EmergencyBrake.pause ProofOfTraining`.
    """
    contract, _, name = function.partition(".")
    with reading(app) as workspace:
        action = workspace.dao.contract(contract).call(name, *_values(workspace.dao, contract, name, arguments))
        if not isinstance(action, Action):
            raise InputError(f"{function} only reads; there is nothing to sign")
        sender = workspace.safe_sender(account)
        words = f"{function}({', '.join(arguments)})"
        sent = sender.send(Call(f"call/{action.calldata.hex()}", action.target, action.calldata, words))
    show_sent(app, words, sent)


def _values(dao: Suite, contract: str, name: str, arguments: tuple[str, ...]) -> list[Any]:
    """Arguments from the command line, by the types that the function has."""
    items = [item for item in dao.contract(contract).abi if item.get("type") == "function"]
    fitting = [item for item in items if name in (item["name"], signature_of(item))]
    types = next((types_of(item["inputs"]) for item in fitting if len(item["inputs"]) == len(arguments)), None)
    if types is None:
        return list(arguments)  # the suite's own error names the functions there are
    return [_value(dao, kind, text) for kind, text in zip(types, arguments, strict=True)]


def _value(dao: Suite, kind: str, text: str) -> Any:
    if kind == "address":
        return dao.resolve(text)
    if kind == "string" or (kind.startswith("bytes") and not kind.endswith("]")):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        raise InputError(f"{text!r} is no {kind}; write numbers in decimal, lists and true or false as JSON") from None
    return [dao.resolve(item) for item in value] if kind == "address[]" and isinstance(value, list) else value


@safe.command("show")
@click.argument("file", type=_PATH)
@pass_app
def show_file(app: App, file: Path) -> None:
    """Print FILE: the call, its hash as the Safe itself computes it, and who has signed."""
    transaction = load_transaction(file)
    with reading(app) as workspace:
        account = SafeAccount(workspace.pool, transaction.safe)
        account.check_hash(transaction)
        _show(app, account, transaction, workspace.dao.name_of(transaction.to))


@safe.command()
@click.argument("file", type=_PATH)
@click.option(
    "--signature", help="A signature made by a wallet (0x and 130 digits). Default: the configured key signs."
)
@pass_app
def sign(app: App, file: Path, signature: str | None) -> None:
    """Add an owner's signature to FILE, after comparing its hash with the Safe's own."""
    transaction = load_transaction(file)
    with reading(app) as workspace:
        account = SafeAccount(workspace.pool, transaction.safe)
        account.check_hash(transaction)
        if signature is None:
            signer = typed_data_signer(signer_of(settings_of(app, reading=False)))
            account.require_owner(signer.address)
            transaction = transaction.signed_by(signer)
        else:
            if re.fullmatch(r"0x[0-9a-fA-F]{130}", signature) is None:
                raise InputError("a signature is 0x and 130 hexadecimal digits: r, s, v")
            transaction = transaction.with_signature(bytes.fromhex(signature[2:]))
        missing = account.missing(transaction)
        save_transaction(file, transaction)
        _show(app, account, transaction, workspace.dao.name_of(transaction.to), missing)


@safe.command("execute")
@click.argument("file", type=_PATH)
@pass_app
def execute_file(app: App, file: Path) -> None:
    """Execute FILE once enough owners have signed; the configured account pays."""
    transaction = load_transaction(file)
    with acting(app) as (workspace, sender):
        assert isinstance(sender, AccountSender)
        receipt = SafeAccount(workspace.pool, transaction.safe).execute(sender.manager, transaction)
    value = {"safeTxHash": "0x" + transaction.hash.hex(), "transaction": receipt.hash, "gas": receipt.gas_used}
    app.emit(value, facts("Executed", value))


@safe.command("export")
@click.argument("file", type=_PATH)
@click.argument("output", type=_PATH)
@pass_app
def export_file(app: App, file: Path, output: Path) -> None:
    """Write FILE as the Safe web interface's Transaction Builder imports it."""
    document = builder_document(load_transaction(file))
    write_atomically(output, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    app.emit({"written": output}, facts("Transaction Builder", {"written to": output}))


def _show(
    app: App, account: SafeAccount, transaction: SafeTransaction, target: str, missing: int | None = None
) -> None:
    lacking = account.missing(transaction) if missing is None else missing
    value: Mapping[str, Any] = {
        "title": transaction.title,
        "safe": transaction.safe,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to,
        "value": str(transaction.value),
        "data": "0x" + transaction.data.hex(),
        "safeTxHash": "0x" + transaction.hash.hex(),
        "signed": sorted(transaction.signatures),
        "missing": lacking,
        "typedData": _plain(transaction.typed_data),
    }
    rows = {name: value[name] for name in ("title", "safe", "nonce", "value", "data", "safeTxHash")}
    rows["to"] = f"{target} ({transaction.to})" if target != transaction.to else target
    rows["signed by"] = ", ".join(value["signed"]) or "nobody"
    rows["still needed"] = lacking
    app.emit(value, facts("Safe transaction", rows))


def _plain(value: Any) -> Any:
    """JSON form of typed data: bytes as 0x text, as eth_signTypedData_v4 takes them."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
