"""`novacron market stake`: resource tokens for a fixed term, and guarantees of capacity."""

from __future__ import annotations

from typing import Any

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import RESOURCE, emit_sent, key_option, recipient_option
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.capacity import parse_units, units_text
from novacron.compute.quantities import parse_seconds
from novacron.exceptions import MarketRefusedError, RevertedError
from novacron.market.advice import moment
from novacron.market.resources import Resource, decimal_text, parse_tokens, percent_text, tokens_text
from novacron.market.staking_client import RATES, Position, Staking


@click.group()
def stake() -> None:
    """Lock resource tokens for 30 to 365 days at a fixed rate; the reward is set aside when the stake is made."""


@stake.command("open")
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@click.option("--term", required=True, help='How long, such as "90 days".')
@key_option
@pass_app
def open_(app: App, resource: Resource, amount: str, term: str, key: str | None) -> None:
    """Lock AMOUNT of RESOURCE for a term."""
    tokens, seconds = parse_tokens(amount, resource), parse_seconds(term, "--term")
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        receipt, made = Staking(account.deployment).stake(account, resource, tokens, seconds, key=key)
    rows = {
        "position": made.id,
        "locked": tokens_text(made.principal, resource),
        "reward": tokens_text(made.reward, resource),
        "matures": moment(made.maturity),
    }
    emit_sent(app, "Staked", receipt, rows, **_data(made))


@stake.command("list")
@click.option("--owner", help="Whose. Default: the configured account.")
@pass_app
def list_(app: App, owner: str | None) -> None:
    """List positions that are not paid out."""
    if owner is None:
        with acting(app, COMPUTE_ADVICE) as account:
            found = list(Staking(account.deployment).positions(account.address))
    else:
        with reading(app) as deployment:
            found = list(Staking(deployment).positions(owner))
    rows = [
        (
            one.id,
            tokens_text(one.principal, one.resource),
            tokens_text(one.reward, one.resource),
            moment(one.maturity),
            "yes" if one.guaranteeing else "no",
        )
        for one in found
    ]
    columns = ("position", "locked", "reward", "matures", "backs a guarantee")
    app.emit([_data(one) for one in found], rows_table("Positions", columns, rows))


@stake.command()
@click.argument("number", type=click.IntRange(min=1))
@pass_app
def show(app: App, number: int) -> None:
    """Print position NUMBER, and how much capacity it would keep."""
    with reading(app) as deployment:
        staking = Staking(deployment)
        one, backed = staking.position(number), staking.backed_by(number)
    rows = {
        "owner": one.owner,
        "locked": tokens_text(one.principal, one.resource),
        "reward": tokens_text(one.reward, one.resource),
        "since": moment(one.start),
        "matures": moment(one.maturity),
        "backs a guarantee": "yes" if one.guaranteeing else "no",
        "a guarantee made now keeps": units_text(backed, one.resource),
    }
    app.emit({**_data(one), "backed_units": backed}, facts(f"Position {number}", rows))


@stake.command()
@pass_app
def budget(app: App) -> None:
    """Show what rewards of new stakes can be paid from."""
    with reading(app) as deployment:
        staking = Staking(deployment)
        found = {resource: staking.free_budget(resource) for resource in Resource}
    rows = [(r.name, percent_text(RATES[r] * 100), tokens_text(amount, r)) for r, amount in found.items()]
    data = [{"resource": r.name, "rate_bps": RATES[r], "free": str(amount)} for r, amount in found.items()]
    app.emit(data, rows_table("Rewards", ("token", "a year", "budget left"), rows))


@stake.command()
@click.argument("number", type=click.IntRange(min=1))
@recipient_option
@pass_app
def withdraw(app: App, number: int, recipient: str | None) -> None:
    """Pay out matured position NUMBER: principal and reward."""
    with acting(app, COMPUTE_ADVICE) as account:
        staking = Staking(account.deployment)
        done = staking.withdraw(account, number, recipient=recipient)
    emit_sent(
        app,
        f"Position {number}",
        done.receipt,
        {"paid out": f"{decimal_text(done.amount)} tokens"},
        amount=str(done.amount),
    )


@stake.command("exit")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--give-up-reward", is_flag=True, required=True, help="Say that you mean it.")
@recipient_option
@pass_app
def exit_(app: App, number: int, give_up_reward: bool, recipient: str | None) -> None:  # noqa: ARG001 - click's
    """Take the principal of position NUMBER out before maturity; the reward is lost."""
    with acting(app, COMPUTE_ADVICE) as account:
        done = Staking(account.deployment).exit_early(account, number, recipient=recipient)
    emit_sent(
        app,
        f"Position {number}",
        done.receipt,
        {"paid out": f"{decimal_text(done.amount)} tokens"},
        amount=str(done.amount),
    )


@stake.command()
@click.argument("number", type=click.IntRange(min=1))
@click.argument("host", type=click.IntRange(min=1))
@click.argument("units")
@key_option
@pass_app
def guarantee(app: App, number: int, host: int, units: str, key: str | None) -> None:
    """Have UNITS (such as "2 vCPU") of HOST kept for you until position NUMBER matures."""
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        staking = Staking(account.deployment)
        resource = staking.position(number).resource
        wanted = parse_units(units, resource, "UNITS")
        try:
            receipt = staking.guarantee(account, number, host, wanted, key=key)
        except RevertedError as error:
            if error.name != "ResourceStaking_BadUnits":
                raise
            # The contract's error does not say of which resource they are.
            backed = units_text(error.arguments[2], resource)
            raise MarketRefusedError(
                f"position {number} pays for {backed}, not {units_text(wanted, resource)}: guarantee no more than "
                "that, or stake more"
            ) from error
    rows = {"kept": units_text(wanted, resource), "on host": host}
    emit_sent(app, f"Guarantee of position {number}", receipt, rows, position=number, host=host, units=wanted)


@stake.command()
@click.argument("number", type=click.IntRange(min=1))
@key_option
@pass_app
def release(app: App, number: int, key: str | None) -> None:
    """End the guarantee of position NUMBER: its owner at any time, anybody once it has matured."""
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Staking(account.deployment).release(account, number, key=key)
    emit_sent(app, f"Guarantee of position {number} ended", receipt, {}, position=number)


@stake.command()
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@key_option
@pass_app
def fund(app: App, resource: Resource, amount: str, key: str | None) -> None:
    """Add AMOUNT of RESOURCE to what rewards are paid from. It is not given back."""
    tokens = parse_tokens(amount, resource)
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        receipt = Staking(account.deployment).fund(account, resource, tokens, key=key)
    emit_sent(app, "Funded", receipt, {"added": tokens_text(tokens, resource)}, amount=str(tokens))


def _data(one: Position) -> dict[str, Any]:
    return {
        "position": one.id,
        "owner": one.owner,
        "resource": one.resource.name,
        "start": one.start,
        "maturity": one.maturity,
        "guaranteeing": one.guaranteeing,
        "principal": str(one.principal),
        "reward": str(one.reward),
    }
