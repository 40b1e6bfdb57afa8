"""`novacron governance safe`: look at, sign and execute the transactions of a Safe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from novacron.atomic import write_atomically
from novacron.chain.typed_data import typed_data_signer
from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.governance import (
    accept_option,
    acting,
    moved_option,
    notify,
    reading,
)
from novacron.cli.governance_call import called
from novacron.cli.governance_show import hex_id, show_drift, show_sent
from novacron.cli.network import settings_of, signer_of
from novacron.exceptions import DriftError, InputError
from novacron.governance.lifecycle.safe import SafeAccount, SafeTransaction
from novacron.governance.lifecycle.safe_calls import SafeCall, argument_words, function_words, safe_call
from novacron.governance.lifecycle.safe_files import builder_document, load_transaction, save_transaction
from novacron.governance.lifecycle.sending import AccountSender, Call
from novacron.governance.model import Action
from novacron.governance.onchain import GovernorReader
from novacron.governance.workspace import Workspace

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
        action = called(workspace.dao, contract, name, arguments)
        if not isinstance(action, Action):
            raise InputError(f"{function} only reads; there is nothing to sign")
        sender = workspace.safe_sender(account)
        words = f"{function}({', '.join(arguments)})"
        sent = sender.send(Call(f"call/{action.calldata.hex()}", action.target, action.calldata, words))
    show_sent(app, words, sent)


@safe.command("show")
@click.argument("file", type=_PATH)
@pass_app
def show_file(app: App, file: Path) -> None:
    """Print FILE: the decoded call, its hash as the Safe itself computes it, and who has signed."""
    transaction = load_transaction(file)
    with reading(app) as workspace:
        account = SafeAccount(workspace.pool, transaction.safe)
        account.check_hash(transaction)
        call = safe_call(GovernorReader(workspace.dao), transaction)
        value, show = _shown(transaction, call, account.missing(transaction))
    app.emit(value, show)


@safe.command()
@click.argument("file", type=_PATH)
@click.option(
    "--signature", help="A signature made by a wallet (0x and 130 digits). Default: the configured key signs."
)
@click.option("--yes", is_flag=True, help="Do not ask before signing.")
@accept_option
@moved_option
@click.pass_context
def sign(
    ctx: click.Context, file: Path, signature: str | None, yes: bool, accept_drift: str | None, tolerate_moved: bool
) -> None:
    """Show what FILE calls, ask, and add an owner's signature to it.

    The hash is compared with the Safe's own. A call that queues or executes a proposal is simulated from the present
    chain first; exit code 3 when it would do something else now than announced, and nothing is signed.
    """
    app: App = ctx.obj
    transaction = load_transaction(file)
    with reading(app) as workspace:
        account = SafeAccount(workspace.pool, transaction.safe)
        account.check_hash(transaction)
        if signature is None:
            signer = typed_data_signer(signer_of(settings_of(app, reading=False)))
            account.require_owner(signer.address)
        elif re.fullmatch(r"0x[0-9a-fA-F]{130}", signature) is None:
            raise InputError("a signature is 0x and 130 hexadecimal digits: r, s, v")
        call = safe_call(GovernorReader(workspace.dao), transaction)
        if not app.as_json:
            app.emit(*_shown(transaction, call, account.missing(transaction)))
        _recheck(ctx, workspace, call, accept_drift, tolerate_moved)
        _confirm(app, yes)
        if signature is None:
            transaction = transaction.signed_by(signer)
        else:
            transaction = transaction.with_signature(bytes.fromhex(signature[2:]))
        missing = account.missing(transaction)
        save_transaction(file, transaction)
    value, _ = _shown(transaction, call, missing)
    rows = {"title": call.title, "signed by": ", ".join(value["signed"]), "still needed": missing}
    app.emit(value, facts("Signed", rows))


def _confirm(app: App, yes: bool) -> None:
    if yes:
        return
    if app.as_json:
        raise click.UsageError("--json cannot ask; look at the call with `safe show`, then give --yes")
    click.confirm("Sign this?", abort=True, err=True)


def _recheck(
    ctx: click.Context, workspace: Workspace, call: SafeCall, accept_drift: str | None, tolerate_moved: bool
) -> None:
    """Simulate a step of a proposal's life again; a difference from what was announced ends the command."""
    if call.step is None or call.proposal is None:
        return
    lifecycle = workspace.lifecycle(notify=notify(ctx.obj))
    try:
        lifecycle.recheck(call.step, call.proposal, accept_drift=accept_drift, tolerate_moved=tolerate_moved)
    except DriftError as error:
        ctx.exit(show_drift(ctx.obj, error))


@safe.command("execute")
@click.argument("file", type=_PATH)
@accept_option
@moved_option
@click.pass_context
def execute_file(ctx: click.Context, file: Path, accept_drift: str | None, tolerate_moved: bool) -> None:
    """Execute FILE once enough owners have signed; the configured account pays.

    A call that queues or executes a proposal is simulated from the present chain first; exit code 3 when it would do
    something else now than announced, and nothing is sent.
    """
    app: App = ctx.obj
    transaction = load_transaction(file)
    with acting(app) as (workspace, sender):
        assert isinstance(sender, AccountSender)
        account = SafeAccount(workspace.pool, transaction.safe)
        account.check_hash(transaction)
        call = safe_call(GovernorReader(workspace.dao), transaction)
        missing = account.missing(transaction)
        if not app.as_json:
            app.emit(*_shown(transaction, call, missing))
        if not missing:  # otherwise it is refused without a simulation
            _recheck(ctx, workspace, call, accept_drift, tolerate_moved)
        receipt = account.execute(sender.manager, transaction)
    value = {
        "title": call.title,
        "safeTxHash": "0x" + transaction.hash.hex(),
        "transaction": receipt.hash,
        "gas": receipt.gas_used,
    }
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


def _shown(
    transaction: SafeTransaction, call: SafeCall, missing: int
) -> tuple[dict[str, Any], Callable[[Console], None]]:
    """A transaction as JSON and for people: first what it does, then what is signed. The file's title is left out."""
    action = call.action
    value: dict[str, Any] = {
        "title": call.title,
        "call": _call_value(action),
        "proposal": None if call.proposal is None else hex_id(call.proposal),
        "actions": [_call_value(one) for one in call.inner],
        "safe": transaction.safe,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to,
        "value": str(transaction.value),
        "data": "0x" + transaction.data.hex(),
        "safeTxHash": "0x" + transaction.hash.hex(),
        "signed": sorted(transaction.signatures),
        "missing": missing,
        "typedData": _plain(transaction.typed_data),
    }
    rows: list[tuple[str, Any]] = [
        ("title", call.title),
        (
            "contract",
            f"{action.contract} ({action.target})" if action.contract else f"{action.target}, NOT of the suite",
        ),
        ("function", action.signature or function_words(action)),
    ]
    rows += [(f"  {name}", text) for name, text in value["call"]["arguments"].items()]
    rows += [("proposal", value["proposal"])] if value["proposal"] else []
    rows += [(name, value[name]) for name in ("value", "safe", "nonce", "data", "safeTxHash")]
    rows += [("signed by", ", ".join(value["signed"]) or "nobody"), ("still needed", missing)]

    def show(console: Console) -> None:
        facts("Safe transaction", rows)(console)
        if call.inner:
            cells = [
                (
                    function_words(one),
                    ", ".join(f"{name}={text}" for name, text in _arguments(one).items()) or "0x" + one.calldata.hex(),
                    one.value,
                )
                for one in call.inner
            ]
            rows_table("The proposal's actions", ["call", "arguments", "wei"], cells)(console)

    return value, show


def _call_value(action: Action) -> dict[str, Any]:
    return {
        "contract": action.contract or None,
        "target": action.target,
        "function": action.signature or None,
        "arguments": _arguments(action),
        "value": str(action.value),
        "calldata": "0x" + action.calldata.hex(),
    }


def _arguments(action: Action) -> dict[str, str]:
    return {name: argument_words(action.contract, name, value) for name, value in action.arguments}


def _plain(value: Any) -> Any:
    """JSON form of typed data: bytes as 0x text, as eth_signTypedData_v4 takes them."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
