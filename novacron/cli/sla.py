"""`novacron sla`: service-level agreements that pay by themselves, and the monitor that measures them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App, facts, pass_app
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.sla_show import show_agreement, show_agreements, show_balance
from novacron.compute.quantities import nova, parse_milliseconds, parse_nova, parse_ppm
from novacron.compute.sla import Sla
from novacron.compute.sla_advice import SLA_ADVICE
from novacron.compute.sla_terms import Guarantee, Terms
from novacron.exceptions import InputError
from novacron.market.advice import moment

_PATH = click.Path(path_type=Path)
_ID = click.IntRange(min=1)
_COUNT = click.IntRange(min=0)
key_option = click.option("--key", help="Names this action: repeated under the same name it is done once.")


@click.group()
def sla() -> None:
    """Service-level agreements: offer, accept, measure, report, settle.

    Amounts are written with their unit: "100 NOVA".
    """


def send(app: App, title: str, key: str | None, act: Callable[[Sla], TransactionReceipt]) -> None:
    """Do something as the configured account and print its transaction."""
    with acting(app, SLA_ADVICE) as account:
        require_finished(app, account, key)
        receipt = act(Sla(account.deployment, account))
    app.emit(
        {"transaction": receipt.hash, "block": receipt.block_number, "gas": receipt.gas_used},
        facts(title, {"transaction": receipt.hash, "block": receipt.block_number, "gas": receipt.gas_used}),
    )


# --------------------------------------------------------------------------------------------------------------------
# Balances
# --------------------------------------------------------------------------------------------------------------------


@sla.command()
@click.argument("amount")
@click.option("--account", help="Whose balance. Default: the configured account's.")
@key_option
@pass_app
def deposit(app: App, amount: str, account: str | None, key: str | None) -> None:
    """Pay AMOUNT ("100 NOVA") into a prepaid balance: stakes, fees and bonds come out of it."""
    units = parse_nova(amount, "amount")
    send(app, f"Deposited {nova(units)}", key, lambda client: client.deposit(units, account=account, key=key))


@sla.command()
@click.argument("amount")
@click.option("--recipient", help="Who gets it. Default: the configured account.")
@key_option
@pass_app
def withdraw(app: App, amount: str, recipient: str | None, key: str | None) -> None:
    """Take AMOUNT ("100 NOVA") out of the prepaid balance."""
    units = parse_nova(amount, "amount")
    send(app, f"Withdrew {nova(units)}", key, lambda client: client.withdraw(units, recipient=recipient, key=key))


@sla.command()
@click.argument("account")
@pass_app
def balance(app: App, account: str) -> None:
    """Print the prepaid balance of ACCOUNT."""
    with reading(app) as deployment:
        show_balance(app, account, Sla(deployment).balance(account))


# --------------------------------------------------------------------------------------------------------------------
# Agreements
# --------------------------------------------------------------------------------------------------------------------


@sla.command()
@click.argument("terms", type=_PATH)
@key_option
@pass_app
def offer(app: App, terms: Path, key: str | None) -> None:
    """Offer an agreement on the TERMS in a TOML file, as its provider; the stake leaves the prepaid balance."""
    with acting(app, SLA_ADVICE) as account:
        require_finished(app, account, key)
        client = Sla(account.deployment, account)
        number = client.offer(Terms.from_toml(terms, now=client.time(), provider=account.address), key=key)
    then = f"the customer: novacron sla accept {number}, until {moment(client.terms(number).offer_expiry)}"
    app.emit({"agreement": number}, facts("Offered", {"agreement": number, "next": then}))


@sla.command()
@click.argument("agreement", type=_ID)
@key_option
@pass_app
def accept(app: App, agreement: int, key: str | None) -> None:
    """Accept AGREEMENT as its customer: the fees of all windows leave the prepaid balance, the first window begins."""
    with acting(app, SLA_ADVICE) as account:
        require_finished(app, account, key)
        client = Sla(account.deployment, account)
        receipt = client.accept(agreement, key=key)
        terms = client.terms(agreement)
        first = client.agreement(agreement).span(terms, 0)
    rows = {
        "transaction": receipt.hash,
        "block": receipt.block_number,
        "gas": receipt.gas_used,
        "first window ends": moment(first.end),
        "next": f"at least {terms.quorum} of the {len(terms.monitors)} monitors run: novacron sla monitor MONITOR.toml",
    }
    sent = {"transaction": receipt.hash, "block": receipt.block_number, "gas": receipt.gas_used}
    app.emit(sent | {"first_window_end": first.end}, facts(f"Accepted agreement {agreement}", rows))


@sla.command("withdraw-offer")
@click.argument("agreement", type=_ID)
@key_option
@pass_app
def withdraw_offer(app: App, agreement: int, key: str | None) -> None:
    """Take the offer AGREEMENT back, which nobody has accepted, with its stake."""
    send(app, f"Took back offer {agreement}", key, lambda client: client.withdraw_offer(agreement, key=key))


@sla.command()
@click.argument("agreement", type=_ID)
@key_option
@pass_app
def terminate(app: App, agreement: int, key: str | None) -> None:
    """End AGREEMENT with its present window; the fees of later ones go back to the customer."""
    send(app, f"Terminated agreement {agreement}", key, lambda client: client.terminate(agreement, key=key))


@sla.command()
@click.argument("agreement", type=_ID)
@key_option
@pass_app
def release(app: App, agreement: int, key: str | None) -> None:
    """Give the provider what is left of the stake of AGREEMENT, once all its windows are settled."""
    send(app, f"Released the stake of agreement {agreement}", key, lambda client: client.release(agreement, key=key))


@sla.command("list")
@click.option("--party", help="Only those in which this address is provider, customer or monitor.")
@pass_app
def list_command(app: App, party: str | None) -> None:
    """List agreements."""
    with reading(app) as deployment:
        show_agreements(app, Sla(deployment), party)


@sla.command()
@click.argument("agreement", type=_ID)
@click.option("--windows", type=click.IntRange(1, 1000), default=10, show_default=True, help="Newest windows shown.")
@pass_app
def show(app: App, agreement: int, windows: int) -> None:
    """Print AGREEMENT: its terms, its state, and what became of its newest windows."""
    with reading(app) as deployment:
        show_agreement(app, Sla(deployment), agreement, windows)


# --------------------------------------------------------------------------------------------------------------------
# Claims
# --------------------------------------------------------------------------------------------------------------------


@sla.command()
@click.argument("agreement", type=_ID)
@click.argument("metric")
@click.argument("actual")
@key_option
@pass_app
def report(app: App, agreement: int, metric: str, actual: str, key: str | None) -> None:
    """Say, with a bond, that METRIC was ACTUAL ("98.5 %", "250 ms") in the window of AGREEMENT that ended last.

    The monitors bring the evidence; when none comes, the bond is lost. Monitors report by themselves
    (`novacron sla monitor`).
    """
    with acting(app, SLA_ADVICE) as account:
        require_finished(app, account, key)
        client = Sla(account.deployment, account)
        number, promise = guarantee_of(client.terms(agreement), metric)
        value = value_of(promise, actual)
        if not promise.breaks(value):
            raise InputError(f"{promise.words(value)} keeps the promise {promise}: there is nothing to report")
        receipt = client.report(agreement, number, value, key=key)
    app.emit({"transaction": receipt.hash}, facts("Reported", {"transaction": receipt.hash}))


@sla.command()
@click.argument("agreement", type=_ID)
@click.argument("metric")
@click.argument("window", type=_COUNT)
@key_option
@pass_app
def dispute(app: App, agreement: int, metric: str, window: int, key: str | None) -> None:
    """Dispute, as the provider, that METRIC was broken in WINDOW of AGREEMENT; takes a bond and a fee."""

    def act(client: Sla) -> TransactionReceipt:
        return client.dispute(agreement, guarantee_of(client.terms(agreement), metric)[0], window, key=key)

    send(app, f"Disputed {metric} in window {window}", key, act)


@sla.command()
@click.argument("agreement", type=_ID)
@click.argument("metric")
@click.argument("window", type=_COUNT)
@key_option
@pass_app
def finalise(app: App, agreement: int, metric: str, window: int, key: str | None) -> None:
    """Carry out what time has decided about METRIC in WINDOW of AGREEMENT; anybody may."""

    def act(client: Sla) -> TransactionReceipt:
        return client.finalise(agreement, guarantee_of(client.terms(agreement), metric)[0], window, key=key)

    send(app, f"Finalised {metric} in window {window}", key, act)


@sla.command()
@click.argument("agreement", type=_ID)
@click.argument("window", type=_COUNT)
@click.option("--to", "last", type=_COUNT, help="Settle all windows up to this one, too.")
@key_option
@pass_app
def settle(app: App, agreement: int, window: int, last: int | None, key: str | None) -> None:
    """Share out the fee of WINDOW of AGREEMENT once it can no longer be reported; anybody may."""
    if last is not None and last < window:
        raise click.UsageError(f"--to {last} is before window {window}")
    end = window + 1 if last is None else last + 1
    send(app, f"Settled agreement {agreement}", key, lambda client: client.settle(agreement, window, end, key=key))


def guarantee_of(terms: Terms, metric: str) -> tuple[int, Guarantee]:
    """Number and promise of a metric. Raises InputError."""
    for number, promise in enumerate(terms.guarantees):
        if promise.metric == metric:
            return number, promise
    known = ", ".join(promise.metric for promise in terms.guarantees)
    raise InputError(f"the agreement promises nothing about {metric!r}; it has {known}")


def value_of(promise: Guarantee, text: str) -> int:
    """A value as its metric writes it. Raises InputError."""
    if promise.metric == "uptime":
        return parse_ppm(text, "actual")
    if promise.metric == "latency":
        return parse_milliseconds(text, "actual")
    if not text.isascii() or not text.isdigit():
        raise InputError(f"actual = {text!r}; {promise.metric} is a whole number")
    return int(text)
