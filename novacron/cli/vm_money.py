"""`novacron vm`: prepaid balances, topping up, settling."""

from __future__ import annotations

import click

from novacron.cli.app import App, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import (
    RESOURCE,
    amounts_text,
    by_resource,
    emit_sent,
    key_option,
    recipient_option,
    span_text,
)
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.quantities import parse_seconds
from novacron.compute.vms import VMs
from novacron.exceptions import MachineError
from novacron.market.resources import Resource, parse_tokens, tokens_text

_NUMBER = click.argument("number", type=click.IntRange(min=1))


@click.command()
@click.option("--account", help="Whose. Default: the configured account.")
@pass_app
def balance(app: App, account: str | None) -> None:
    """Show what is prepaid, and the tokens that are not deposited."""
    if account is None:
        with acting(app, COMPUTE_ADVICE) as own:
            who, deployment = own.address, own.deployment
            prepaid = VMs(deployment).balances(who)
            held = {r: int(deployment.token(r).call("balanceOf", who)) for r in Resource}
    else:
        with reading(app) as deployment:
            who, prepaid = account, VMs(deployment).balances(account)
            held = {r: int(deployment.token(r).call("balanceOf", account)) for r in Resource}
    rows = [(r.name, r.unit, tokens_text(prepaid[r], r), tokens_text(held[r], r)) for r in Resource]
    data = {"account": who, "prepaid": by_resource(prepaid), "tokens": by_resource(held)}
    app.emit(data, rows_table(f"Balances of {who}", ("token", "one is a", "prepaid", "not deposited"), rows))


@click.command()
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@click.option("--for", "beneficiary", help="Whose balance. Default: the configured account's.")
@key_option
@pass_app
def deposit(app: App, resource: Resource, amount: str, beneficiary: str | None, key: str | None) -> None:
    """Pay AMOUNT of RESOURCE into a prepaid balance, which VMs are funded from."""
    tokens = parse_tokens(amount, resource)
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        vms = VMs(account.deployment)
        receipt = vms.deposit(account, resource, tokens, beneficiary=beneficiary, key=key)
        now = vms.balances(beneficiary or account.address)
    rows = {"paid in": tokens_text(tokens, resource), "prepaid": amounts_text(now)}
    emit_sent(app, "Deposited", receipt, rows, amount=str(tokens), prepaid=by_resource(now))


@click.command()
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@recipient_option
@key_option
@pass_app
def withdraw(app: App, resource: Resource, amount: str, recipient: str | None, key: str | None) -> None:
    """Take AMOUNT (or "all") of RESOURCE out of the prepaid balance. Always works."""
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        vms = VMs(account.deployment)
        there = vms.balances(account.address)[resource]
        tokens = there if amount == "all" else parse_tokens(amount, resource)
        if tokens == 0 or (tokens > there and key is None):
            has = tokens_text(there, resource)
            raise MachineError(
                f"{account.address} has prepaid {has}; withdraw no more, and terminate VMs to free theirs"
            )
        receipt = vms.withdraw(account, resource, tokens, recipient=recipient, key=key)
    emit_sent(app, "Withdrawn", receipt, {"amount": tokens_text(tokens, resource)}, amount=str(tokens))


@click.command("top-up")
@_NUMBER
@click.argument("length")
@key_option
@pass_app
def top_up(app: App, number: int, length: str, key: str | None) -> None:
    """Fund VM NUMBER for LENGTH (such as "2 days") more. One whose funds had run out is then started again."""
    seconds = parse_seconds(length, "LENGTH")
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        vms = VMs(account.deployment)
        cost = vms.top_up_cost(vms.vm(number), seconds)
        receipt = vms.top_up(account, number, seconds, key=key)
        remaining = vms.remaining(number)
    rows = {"added": amounts_text(cost), "funds last for": span_text(remaining)}
    emit_sent(app, f"Topped up: VM {number}", receipt, rows, vm=number, added=by_resource(cost), remaining=remaining)


@click.command()
@_NUMBER
@key_option
@pass_app
def settle(app: App, number: int, key: str | None) -> None:
    """Pay the provider what VM NUMBER has used so far. Anybody may."""
    with acting(app, COMPUTE_ADVICE) as account:
        vms = VMs(account.deployment)
        receipt = vms.settle(account, number, key=key)
        settled = vms.vm(number).settled
    emit_sent(app, f"Settled: VM {number}", receipt, {"paid up to": span_text(settled)}, vm=number, settled=settled)


#: Added to `novacron vm`.
COMMANDS: tuple[click.Command, ...] = (balance, deposit, withdraw, top_up, settle)
