"""`novacron market`: prices, quotations, buying and selling."""

from __future__ import annotations

from typing import Any

import click

from novacron.cli.app import App, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import (
    RESOURCE,
    ask_limit,
    deadline_option,
    emit_sent,
    key_option,
    quote_facts,
    recipient_option,
    slippage_option,
)
from novacron.exceptions import InputError, MarketError
from novacron.market.advice import MARKET_ADVICE
from novacron.market.curve_client import CurveMarket
from novacron.market.deployment import Deployment
from novacron.market.pool_client import PoolMarket, least_of
from novacron.market.quotes import MAX_SLIPPAGE, Action, Quote
from novacron.market.resources import (
    Resource,
    native_text,
    parse_native,
    parse_percent,
    parse_tokens,
    percent_text,
    tokens_text,
)

_VENUES: dict[str, type[CurveMarket] | type[PoolMarket]] = {"curve": CurveMarket, "pool": PoolMarket}
venue_option = click.option(
    "--venue", type=click.Choice(["curve", "pool"]), default="curve", show_default=True, help="Whom to trade with."
)


@click.group()
def market() -> None:
    """Machine time for the native currency: at the curve, at the pools, and from person to person.

    Every trade has a limit and a deadline. See docs/customer.md and docs/market.md.
    """


@market.command()
@pass_app
def prices(app: App) -> None:
    """Show what each resource costs now, and how much there is of it."""
    rows, data = [], []
    with reading(app) as deployment:
        curve, pool = CurveMarket(deployment), PoolMarket(deployment)
        for resource in Resource:
            book, reserves = curve.book(resource), pool.reserves(resource)
            pool_price = reserves.price if reserves.shares else None
            data.append(
                {
                    "resource": resource.name,
                    "unit": resource.unit,
                    "curve_price": str(book.price),
                    "sold": str(book.sold),
                    "inventory": str(book.inventory),
                    "reserve": str(book.reserve),
                    "fee_ppm": book.fee,
                    "pool_price": None if pool_price is None else str(pool_price),
                    "pool_native": str(reserves.native),
                    "pool_tokens": str(reserves.token),
                }
            )
            rows.append(
                (
                    resource.name,
                    resource.unit,
                    native_text(book.price),
                    tokens_text(book.inventory, resource),
                    percent_text(book.fee),
                    None if pool_price is None else native_text(pool_price),
                    tokens_text(reserves.token, resource),
                )
            )
    columns = ("token", "one is a", "curve", "to be had", "fee", "pool", "in pool")
    app.emit(data, rows_table("Prices", columns, rows))


@market.command()
@click.argument("action", type=click.Choice(["buy", "sell"]))
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@pass_app
def quote(app: App, action: Action, resource: Resource, amount: str) -> None:
    """Say what buying or selling AMOUNT of RESOURCE would cost or bring at the curve and at the pool."""
    tokens, quotes, refusals = parse_tokens(amount, resource), [], {}
    with reading(app) as deployment:
        for venue in _VENUES:
            try:
                quotes.append(_quote(deployment, venue, action, resource, tokens))
            except (MarketError, InputError) as error:
                refusals[venue] = str(error)
    if not quotes:
        raise MarketError("; ".join(f"{venue}: {reason}" for venue, reason in refusals.items()))

    def show(console: Any) -> None:
        for one in quotes:
            quote_facts(one)(console)
        for venue, reason in refusals.items():
            click.echo(f"{venue}: {reason}", file=console.file)

    app.emit({"quotes": [one.to_dict() for one in quotes], "refused": refusals}, show)


@market.command()
@click.argument("resource", type=RESOURCE)
@click.argument("amount", required=False)
@click.option("--spend", metavar="ETH", help="Spend exactly this instead of buying an amount.")
@click.option("--max-cost", metavar="ETH", help="The most to pay.")
@click.option("--min-amount", metavar="TOKENS", help="With --spend: the least to get.")
@slippage_option
@venue_option
@recipient_option
@deadline_option
@key_option
@pass_app
def buy(
    app: App,
    resource: Resource,
    amount: str | None,
    spend: str | None,
    max_cost: str | None,
    min_amount: str | None,
    slippage: str | None,
    venue: str,
    recipient: str | None,
    seconds: int,
    key: str | None,
) -> None:
    """Buy AMOUNT of RESOURCE (or as much as --spend buys), for no more than the limit."""
    if (amount is None) == (spend is None):
        raise click.UsageError("give an AMOUNT, or --spend ETH")
    if (spend is None and min_amount is not None) or (spend is not None and max_cost is not None):
        raise click.UsageError("--max-cost goes with an AMOUNT, --min-amount with --spend")
    options: dict[str, Any] = {"recipient": recipient, "seconds": seconds, "key": key}
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        trader = _VENUES[venue](account.deployment)
        if amount is not None:
            offered = trader.quote_buy(resource, parse_tokens(amount, resource))
            most = ask_limit(app, offered, max_cost, slippage, "--max-cost")
            done = trader.buy(account, resource, offered.amount, most, **options)
        else:
            offered = trader.quote_buy_exact_in(resource, parse_native(str(spend), "--spend"))
            least = _least(app, offered, min_amount, slippage)
            done = trader.buy_exact_in(account, resource, offered.native, least, **options)
    rows = {"bought": tokens_text(done.amount, resource), "paid": native_text(done.native)}
    emit_sent(app, "Bought", done.receipt, rows, resource=resource.name, amount=str(done.amount), paid=str(done.native))


@market.command()
@click.argument("resource", type=RESOURCE)
@click.argument("amount")
@click.option("--min-proceeds", metavar="ETH", help="The least to receive.")
@slippage_option
@venue_option
@recipient_option
@deadline_option
@key_option
@pass_app
def sell(
    app: App,
    resource: Resource,
    amount: str,
    min_proceeds: str | None,
    slippage: str | None,
    venue: str,
    recipient: str | None,
    seconds: int,
    key: str | None,
) -> None:
    """Sell AMOUNT of RESOURCE, for no less than the limit."""
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        trader = _VENUES[venue](account.deployment)
        offered = trader.quote_sell(resource, parse_tokens(amount, resource))
        least = ask_limit(app, offered, min_proceeds, slippage, "--min-proceeds")
        done = trader.sell(account, resource, offered.amount, least, recipient=recipient, seconds=seconds, key=key)
    rows = {"sold": tokens_text(done.amount, resource), "received": native_text(done.native)}
    data = {"resource": resource.name, "amount": str(done.amount), "received": str(done.native)}
    emit_sent(app, "Sold", done.receipt, rows, **data)


def _quote(deployment: Deployment, venue: str, action: Action, resource: Resource, amount: int) -> Quote:
    trader = _VENUES[venue](deployment)
    return trader.quote_buy(resource, amount) if action == "buy" else trader.quote_sell(resource, amount)


def _least(app: App, offered: Quote, min_amount: str | None, slippage: str | None) -> int:
    """The least amount of a purchase that spends a given sum."""
    if (min_amount is None) == (slippage is None):
        raise click.UsageError("give one limit: --min-amount TOKENS, or --slippage PERCENT")
    if not app.as_json:
        quote_facts(offered)(app.console)
    if min_amount is not None:
        least = parse_tokens(min_amount, offered.resource, "--min-amount")
        if offered.amount < least:
            bought = tokens_text(offered.amount, offered.resource)
            raise MarketError(f"it buys {bought} now, less than {min_amount}; not sent")
        return least
    share = parse_percent(str(slippage), "--slippage")
    if share > MAX_SLIPPAGE:
        raise InputError(f"a slippage of {slippage} per cent is no limit; use {MAX_SLIPPAGE // 10_000} at most")
    return least_of(offered.amount, share)
