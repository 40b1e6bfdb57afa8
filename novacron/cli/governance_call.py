"""`novacron governance call`: any function of the suite from the command line, for what has no command of its own."""

from __future__ import annotations

import json
import uuid
from typing import Any

import click

from novacron.chain.codec import signature_of, types_of
from novacron.cli.app import App, pass_app
from novacron.cli.governance import acting, reading
from novacron.cli.governance_show import show_sent
from novacron.exceptions import InputError
from novacron.governance.lifecycle.sending import Call
from novacron.governance.model import Action
from novacron.governance.suite import Suite


@click.command("call")
@click.argument("function", metavar="CONTRACT.FUNCTION")
@click.argument("arguments", nargs=-1)
@click.option("--value", type=click.IntRange(min=0), default=0, show_default=True, help="Wei to send along.")
@pass_app
def call(app: App, function: str, arguments: tuple[str, ...], value: int) -> None:
    """Call a contract of the suite: send a transaction, or print what a view answers.

    Names stand for addresses: `call EmergencyBrake.lift ProofOfTraining`, `call QuadraticVotes.verifiedUntil 0x…`.
    """
    contract, _, name = function.partition(".")
    with reading(app) as workspace:
        action = called(workspace.dao, contract, name, arguments, value)
    if not isinstance(action, Action):
        answer = plain(action)
        app.emit({"result": answer}, lambda console: console.print(str(answer), markup=False, highlight=False))
        return
    words = f"{function}({', '.join(arguments)})"
    with acting(app) as (workspace, sender):
        # Each invocation is a call of its own: the same words may be meant again, a season later.
        sent = sender.send(Call(f"call/{uuid.uuid4().hex}", action.target, action.calldata, words, value))
    show_sent(app, words, sent)


def called(dao: Suite, contract: str, name: str, arguments: tuple[str, ...], value: int = 0) -> Any:
    """What `dao.<contract>.<name>(…)` gives for arguments from the command line: an Action, or a view's answer.

    Raises:
        InputError: an argument is not of its type.
        UnknownContractError, ProposalError: no such contract or function.
    """
    words = values_of(dao, contract, name, arguments)
    return dao.contract(contract).call(name, *words, **({"value": value} if value else {}))


def values_of(dao: Suite, contract: str, name: str, arguments: tuple[str, ...]) -> list[Any]:
    """Arguments from the command line, by the types that the function has."""
    items = [item for item in dao.contract(contract).abi if item.get("type") == "function"]
    fitting = [item for item in items if name in (item["name"], signature_of(item))]
    types = next((types_of(item["inputs"]) for item in fitting if len(item["inputs"]) == len(arguments)), None)
    if types is None:
        return list(arguments)  # the suite's own error names the functions there are
    return [_value(dao, kind, text) for kind, text in zip(types, arguments, strict=True)]


def plain(value: Any) -> Any:
    """A view's answer as text or JSON: bytes in hexadecimal."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


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
