"""Options and outputs that the market's, hosts' and VMs' commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App, facts
from novacron.compute.capacity import Capacity
from novacron.compute.quantities import parse_seconds
from novacron.exceptions import InputError
from novacron.market.quotes import DEADLINE, Quote
from novacron.market.resources import (
    Resource,
    decimal_text,
    native_text,
    parse_native,
    parse_percent,
    parse_resource,
    percent_text,
    tokens_text,
)


class ResourceType(click.ParamType):
    """A resource by its name, in any case."""

    name = "resource"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Resource:
        try:
            return parse_resource(value)
        except InputError as error:
            self.fail(str(error), param, ctx)


RESOURCE = ResourceType()

key_option = click.option(
    "--key", help="Name of this action: repeated with the same name, it is done once. Default: a fresh one."
)
recipient_option = click.option("--recipient", help="Who gets it. Default: the configured account.")
deadline_option = click.option(
    "--deadline",
    "seconds",
    type=click.IntRange(min=1),
    default=DEADLINE,
    show_default=True,
    help="Seconds until it can be mined no more.",
)
slippage_option = click.option(
    "--slippage", metavar="PERCENT", help="How much worse than the quotation it may get, such as 0.5."
)
_CAPACITY = (
    click.option("--network", default="0", show_default=True, help='Such as "10 GB/h".'),
    click.option("--storage", default="0", show_default=True, help='Such as "50 GB" or "2 TB".'),
    click.option("--memory", required=True, help='Such as "4 GB" or "512 MB".'),
    click.option("--cpu", required=True, help='Such as "2 vCPU" or "500 mCPU".'),
)


def capacity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--cpu, --memory, --storage, --network; see `capacity_of`."""
    for option in _CAPACITY:
        command = option(command)
    return command


def capacity_of(words: Mapping[str, str]) -> Capacity:
    """What the capacity options say. Raises InputError."""
    return Capacity.parse(**{name: words[name] for name in ("cpu", "memory", "storage", "network")})


def ask_limit(app: App, quote: Quote, limit: str | None, slippage: str | None, option: str) -> int:
    """The limit in wei, after the quotation has been shown; asked for at a terminal, refused anywhere else.

    Args:
        option: name of the option that gives the limit as an amount.
    """
    if limit is not None and slippage is not None:
        raise click.UsageError(f"{option} and --slippage both give a limit; give one")
    if not app.as_json:
        quote_facts(quote)(app.console)
    if slippage is not None:
        return quote.limit(slippage=parse_percent(slippage, "--slippage"))
    if limit is None:
        if app.as_json or not at_terminal():
            raise click.UsageError(f"how much may it cost or bring? Give {option} ETH, or --slippage PERCENT")
        what = "Most to pay" if quote.action == "buy" else "Least to receive"
        limit = click.prompt(what, default=native_text(quote.limit(slippage=5_000)))
    return quote.limit(limit=parse_native(str(limit).replace(",", ""), option))


def at_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def quote_facts(quote: Quote) -> Callable[..., None]:
    """A quotation for people: what it costs, and how far it moves the price."""
    buying = quote.action == "buy"
    return facts(
        f"{'Buying from' if buying else 'Selling to'} the {quote.venue}",
        {
            "amount": tokens_text(quote.amount, quote.resource),
            "costs" if buying else "brings": native_text(quote.native),
            "of it fee": native_text(quote.fee),
            f"average price of a {quote.resource.unit}": native_text(quote.price),
            "price now": native_text(quote.price_before),
            "price afterwards": native_text(quote.price_after),
            "price impact": percent_text(quote.impact),
        },
    )


def emit_sent(app: App, title: str, receipt: TransactionReceipt, rows: Mapping[str, Any], **data: Any) -> None:
    """What came of a transaction: `rows` for people, `data` for machines, and the receipt."""
    tail = {"transaction": receipt.hash, "block": receipt.block_number, "gas": f"{receipt.gas_used:,}"}
    machine = {
        **data,
        "transaction": receipt.hash,
        "block": receipt.block_number,
        "gas_used": receipt.gas_used,
        "fee": str(receipt.cost),
        "key": receipt.key,
    }
    app.emit(machine, facts(title, {**rows, **tail}))


def by_resource(amounts: Mapping[Resource, int]) -> dict[str, str]:
    """Base units for JSON, as decimal texts."""
    return {resource.name: str(amount) for resource, amount in amounts.items()}


def amounts_text(amounts: Mapping[Resource, int]) -> str:
    """`2 CPU, 4 MEM`; what is nothing is left out."""
    return ", ".join(tokens_text(amount, resource) for resource, amount in amounts.items() if amount) or "nothing"


def span_text(seconds: int) -> str:
    """Seconds as `1 d 2 h 3 min 4 s`, exactly."""
    parts, rest = [], max(seconds, 0)
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,} {name}")
    return " ".join(parts) or "0 s"


def parse_moment(text: str, now: int, what: str) -> int:
    """Unix seconds of `2026-12-01T10:00Z`, of `+2 days` from now, or of a plain number.

    Raises:
        InputError: none of these, or a time without its zone.
    """
    words = text.strip()
    if words.startswith("+"):
        return now + parse_seconds(words[1:], what)
    if words.isdecimal():
        return int(words)
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        raise InputError(f"{what} {text!r}: write a time such as 2026-12-01T10:00Z, or +2 days") from None
    if moment.tzinfo is None:
        raise InputError(f"{what} {text!r}: say the time zone, such as {words}Z for UTC")
    return int(moment.astimezone(UTC).timestamp())


def plain_decimal(value: int) -> str:
    """Base units as an exact decimal number without separators, as commands take it."""
    return decimal_text(value).replace(",", "")
