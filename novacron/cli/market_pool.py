"""`novacron market pool`: the constant-product pools and shares in them. Swaps: `market buy|sell --venue pool`."""

from __future__ import annotations

import click

from novacron.cli.app import App, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import (
    RESOURCE,
    deadline_option,
    emit_sent,
    key_option,
    plain_decimal,
    recipient_option,
)
from novacron.exceptions import InputError, MarketRefusedError
from novacron.market.advice import MARKET_ADVICE
from novacron.market.pool_client import PoolMarket, Provided, least_of
from novacron.market.product import Liquidity
from novacron.market.quotes import MAX_SLIPPAGE
from novacron.market.resources import (
    UNIT,
    Resource,
    decimal_text,
    native_text,
    parse_native,
    parse_percent,
    parse_tokens,
    scaled,
    tokens_text,
)

_slippage = click.option(
    "--slippage", metavar="PERCENT", required=True, help="How far the pool's ratio may have moved, such as 0.5."
)


@click.group()
def pool() -> None:
    """Pools of a resource and the native currency; who adds to one earns 0.3 % of every swap.

    Swap with `novacron market buy|sell --venue pool`.
    """


@pool.command()
@click.option("--account", help="Also show this account's shares.")
@pass_app
def show(app: App, account: str | None) -> None:
    """Show the pools."""
    rows, data = [], []
    with reading(app) as deployment:
        market = PoolMarket(deployment)
        for resource in Resource:
            found = market.reserves(resource)
            held = market.shares_of(account, resource) if account is not None else None
            price = found.price if found.shares else None
            data.append(
                {
                    "resource": resource.name,
                    "native": str(found.native),
                    "token": str(found.token),
                    "shares": str(found.shares),
                    "price": None if price is None else str(price),
                    "held": None if held is None else str(held),
                }
            )
            rows.append(
                (
                    resource.name,
                    native_text(found.native),
                    tokens_text(found.token, resource),
                    None if price is None else native_text(price),
                    plain_decimal(found.shares),
                    None if held is None else plain_decimal(held),
                )
            )
    app.emit(data, rows_table("Pools", ("pool", "native", "tokens", "price", "shares", "held"), rows))


@pool.command()
@click.argument("resource", type=RESOURCE)
@click.option("--native", required=True, metavar="ETH", help="The most to add of the native currency.")
@click.option("--tokens", required=True, metavar="TOKENS", help="The most to add of the resource.")
@_slippage
@recipient_option
@deadline_option
@key_option
@pass_app
def add(
    app: App,
    resource: Resource,
    native: str,
    tokens: str,
    slippage: str,
    recipient: str | None,
    seconds: int,
    key: str | None,
) -> None:
    """Add to the pool of RESOURCE at its present ratio; the first to add sets it."""
    share = _share(slippage)
    payment, most = parse_native(native, "--native"), parse_tokens(tokens, resource, "--tokens")
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        market = PoolMarket(account.deployment)
        quoted = market.reserves(resource).quote_add(payment, most)
        done = market.add(
            account,
            resource,
            payment,
            most,
            min_token=least_of(quoted.token, share),
            min_shares=least_of(quoted.shares, share),
            recipient=recipient,
            seconds=seconds,
            key=key,
        )
    _emit(app, "Added", resource, done)


@pool.command()
@click.argument("resource", type=RESOURCE)
@click.argument("shares")
@_slippage
@recipient_option
@deadline_option
@key_option
@pass_app
def remove(
    app: App,
    resource: Resource,
    shares: str,
    slippage: str,
    recipient: str | None,
    seconds: int,
    key: str | None,
) -> None:
    """Give up SHARES (a number, or "all") of the pool of RESOURCE. Works while everything else is paused, too."""
    share = _share(slippage)
    with acting(app, MARKET_ADVICE) as account:
        require_finished(app, account, key)
        market = PoolMarket(account.deployment)
        held = market.shares_of(account.address, resource)
        wanted = held if shares == "all" else scaled(shares, UNIT, "shares")
        if wanted == 0 or wanted > held:
            raise MarketRefusedError(f"{account.address} has {decimal_text(held)} shares of the {resource.name} pool")
        quoted: Liquidity = market.reserves(resource).quote_remove(wanted)
        done = market.remove(
            account,
            resource,
            wanted,
            min_native=least_of(quoted.native, share) if quoted.native else 0,
            min_token=least_of(quoted.token, share) if quoted.token else 0,
            recipient=recipient,
            seconds=seconds,
            key=key,
        )
    _emit(app, "Removed", resource, done)


def _share(slippage: str) -> int:
    share = parse_percent(slippage, "--slippage")
    if share > MAX_SLIPPAGE:
        raise InputError(f"a slippage of {slippage} per cent is no limit; use {MAX_SLIPPAGE // 10_000} at most")
    return share


def _emit(app: App, title: str, resource: Resource, done: Provided) -> None:
    moved = done.liquidity
    rows = {
        "native": native_text(moved.native),
        "tokens": tokens_text(moved.token, resource),
        "shares": plain_decimal(moved.shares),
    }
    data = {"native": str(moved.native), "token": str(moved.token), "shares": str(moved.shares)}
    emit_sent(app, title, done.receipt, rows, resource=resource.name, **data)
