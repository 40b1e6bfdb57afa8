"""`novacron market order`: offers from person to person."""

from __future__ import annotations

from typing import Any

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import (
    RESOURCE,
    deadline_option,
    emit_sent,
    key_option,
    parse_moment,
    recipient_option,
)
from novacron.exceptions import MarketRefusedError
from novacron.market.advice import MARKET_ADVICE, moment
from novacron.market.offers import Offer, Side, Terms, value_of
from novacron.market.order_client import OrderMarket
from novacron.market.quotes import head_time
from novacron.market.resources import Resource, native_text, parse_native, parse_resource, parse_tokens, tokens_text


@click.group()
def order() -> None:
    """Offers from person to person, at a price that the maker states, taken in parts until they expire."""


@order.command("list")
@click.option("--resource", type=RESOURCE, help="Offers of this resource only.")
@click.option("--maker", help="Offers of this account only.")
@click.option("--expired", is_flag=True, help="Expired ones, too: anybody may end them.")
@pass_app
def list_(app: App, resource: Resource | None, maker: str | None, expired: bool) -> None:
    """List the offers that stand, newest first."""
    with reading(app) as deployment:
        now = head_time(deployment.pool)
        found = [o for o in OrderMarket(deployment).offers(resource, maker) if expired or o.expiry > now]
    columns = ("offer", "side", "left", "price", "at least", "expires", "maker")
    rows = [
        (
            one.id,
            one.side.name.lower(),
            tokens_text(one.remaining, one.resource),
            native_text(one.price),
            tokens_text(one.min_fill, one.resource),
            moment(one.expiry),
            one.maker,
        )
        for one in found
    ]
    app.emit([_data(one) for one in found], rows_table("Offers", columns, rows))


@order.command()
@click.argument("number", type=click.IntRange(min=1))
@pass_app
def show(app: App, number: int) -> None:
    """Print offer NUMBER."""
    with reading(app) as deployment:
        one = OrderMarket(deployment).offer(number)
    rows = {
        "side": f"{one.side.name.lower()}s {one.resource.name}",
        "left": tokens_text(one.remaining, one.resource),
        "price": native_text(one.price),
        "all of it is worth": native_text(value_of(one.side, one.remaining, one.price)),
        "taken in parts of at least": tokens_text(one.min_fill, one.resource),
        "expires": moment(one.expiry),
        "maker": one.maker,
    }
    app.emit(_data(one), facts(f"Offer {number}", rows))


@order.command()
@click.argument("side", type=click.Choice(["sell", "buy"]))
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@click.option("--price", required=True, metavar="ETH", help="Of one whole token.")
@click.option("--min-fill", metavar="TOKENS", help="Least part that may be taken. Default: any.")
@click.option("--expires", required=True, help="Such as +7 days, or 2026-12-01T10:00Z.")
@key_option
@pass_app
def place(
    app: App,
    side: str,
    resource: Resource,
    amount: str,
    price: str,
    min_fill: str | None,
    expires: str,
    key: str | None,
) -> None:
    """Offer to sell or buy AMOUNT of RESOURCE; what the offer promises goes into it at once."""
    tokens = parse_tokens(amount, resource)
    least = 1 if min_fill is None else parse_tokens(min_fill, resource, "--min-fill")
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        expiry = parse_moment(expires, head_time(account.deployment.pool), "--expires")
        terms = Terms(Side[side.upper()], resource, tokens, parse_native(price, "--price"), least, expiry)
        placed = OrderMarket(account.deployment).place(account, terms, key=key)
    rows = {"offer": placed.id, "amount": tokens_text(tokens, resource), "price": native_text(terms.price)}
    emit_sent(app, "Placed", placed.receipt, rows, offer=placed.id)


@order.command()
@click.argument("number", type=click.IntRange(min=1))
@click.argument("amount")
@click.option("--limit", metavar="ETH", help="The most to pay or least to receive. Default: exactly what it says.")
@deadline_option
@key_option
@pass_app
def fill(app: App, number: int, amount: str, limit: str | None, seconds: int, key: str | None) -> None:
    """Take AMOUNT (or "all") of offer NUMBER, at its price."""
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        market = OrderMarket(account.deployment)
        one = market.offer(number)
        tokens = one.remaining if amount == "all" else parse_tokens(amount, one.resource)
        value, _ = one.fill(tokens, head_time(account.deployment.pool))
        bound = value if limit is None else parse_native(limit, "--limit")
        if value > bound if one.side is Side.SELL else value < bound:
            words = "costs" if one.side is Side.SELL else "brings"
            raise MarketRefusedError(f"that part of the offer {words} {native_text(value)}, beyond the limit; not sent")
        done = market.fill(account, one, tokens, bound, seconds=seconds, key=key)
    taken, paid = ("bought", "paid") if one.side is Side.SELL else ("sold", "received")
    rows = {taken: tokens_text(done.amount, one.resource), paid: native_text(done.native)}
    data = {"resource": one.resource.name, "amount": str(done.amount), paid: str(done.native)}
    emit_sent(app, f"Offer {number}", done.receipt, rows, offer=number, **data)


@order.command()
@click.argument("number", type=click.IntRange(min=1))
@pass_app
def cancel(app: App, number: int) -> None:
    """End offer NUMBER: yours at any time, anybody's once it has expired. Then withdraw."""
    with acting(app, MARKET_ADVICE) as account:
        receipt = OrderMarket(account.deployment).cancel(account, number)
    emit_sent(app, f"Offer {number} ended", receipt, {"next": "novacron market order withdraw"}, offer=number)


@order.command()
@click.option("--account", help="Whose. Default: the configured account.")
@pass_app
def balance(app: App, account: str | None) -> None:
    """Show what filled and ended offers have left to be withdrawn."""
    if account is None:
        with acting(app, MARKET_ADVICE) as own:
            found = _balances(OrderMarket(own.deployment), own.address)
    else:
        with reading(app) as deployment:
            found = _balances(OrderMarket(deployment), account)
    rows = {("native" if r is None else r.name): _text(amount, r) for r, amount in found.items()}
    data = {("native" if r is None else r.name): str(amount) for r, amount in found.items()}
    app.emit(data, facts("To be withdrawn", rows))


@order.command()
@click.argument("what", default="native")
@recipient_option
@key_option
@pass_app
def withdraw(app: App, what: str, recipient: str | None, key: str | None) -> None:
    """Withdraw all of WHAT (a resource, or "native") that filled and ended offers have left."""
    resource = None if what.lower() in ("native", "eth") else parse_resource(what)
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        done = OrderMarket(account.deployment).withdraw(account, resource, recipient=recipient, key=key)
    amount = done.native if resource is None else done.amount
    data = {"of": "native" if resource is None else resource.name, "amount": str(amount)}
    emit_sent(app, "Withdrawn", done.receipt, {"amount": _text(amount, resource)}, **data)


def _balances(market: OrderMarket, account: str) -> dict[Resource | None, int]:
    return {resource: market.balance_of(account, resource) for resource in (None, *Resource)}


def _text(amount: int, resource: Resource | None) -> str:
    return native_text(amount) if resource is None else tokens_text(amount, resource)


def _data(one: Offer) -> dict[str, Any]:
    return {
        "offer": one.id,
        "side": one.side.name.lower(),
        "resource": one.resource.name,
        "remaining": str(one.remaining),
        "escrow": str(one.escrow),
        "price": str(one.price),
        "min_fill": str(one.min_fill),
        "expiry": one.expiry,
        "maker": one.maker,
    }
