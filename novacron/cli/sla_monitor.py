"""`novacron sla monitor`: run a monitor; `novacron sla samples`: what it saw."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from novacron.chain.typed_data import typed_data_signer
from novacron.cli.app import App, pass_app, require_store, rows_table
from novacron.cli.network import acting, progress, reading, settings_of, signer_of
from novacron.cli.sla_show import show_action
from novacron.compute.monitor.actions import TROUBLE, MonitorAction
from novacron.compute.monitor.config import MonitorConfig
from novacron.compute.monitor.daemon import Daemon
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.sla import Sla
from novacron.compute.sla_advice import SLA_ADVICE
from novacron.market.advice import moment

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("config", type=_PATH)
@click.option("--once", is_flag=True, help="One sample and one look, then stop; exit code 1 when something was amiss.")
@click.pass_context
def monitor(ctx: click.Context, config: Path, once: bool) -> None:
    """Measure, sign, exchange, report and settle as the TOML file CONFIG says. SIGTERM and SIGINT stop it cleanly.

    The configured account is the monitor: its key signs measurements and pays for transactions.
    """
    app: App = ctx.obj
    settings, client = MonitorConfig.load(config), settings_of(app, reading=False)
    signer = typed_data_signer(signer_of(client))

    @contextmanager
    def connect() -> Iterator[Sla]:
        with acting(app, SLA_ADVICE) as account:
            yield Sla(account.deployment, account)

    def report(action: MonitorAction) -> None:
        show_action(app, action)
        click.get_text_stream("stdout").flush()

    with Daemon(settings, signer, connect, report, confirmations=client.confirmations) as daemon:
        if once:
            actions = daemon.once()
            for action in actions:
                report(action)
            ctx.exit(1 if any(action.result in TROUBLE for action in actions) else 0)
        numbers = ", ".join(map(str, settings.agreements))
        progress(app, f"monitor {signer.address} of agreements {numbers}, a look every {settings.every} s")
        with stopping() as stop:
            daemon.run(stop)


@click.command()
@click.argument("config", type=_PATH)
@click.argument("agreement", type=click.IntRange(min=1))
@click.argument("window", type=click.IntRange(min=0))
@pass_app
def samples(app: App, config: Path, agreement: int, window: int) -> None:
    """Print the samples of WINDOW of AGREEMENT in the store of the monitor CONFIG, for an arbitrator."""
    settings = MonitorConfig.load(config)
    require_store(settings.store)
    with reading(app) as deployment, MonitorStore(settings.store) as store:
        client = Sla(deployment)
        terms, state = client.terms(agreement), client.agreement(agreement)
        found = store.samples(agreement, state.span(terms, window))
    rows = [(moment(one.second), f"{one.took_us / 1000:.3f} ms", one.failure) for one in found]
    value = [{"started_ms": one.started_ms, "took_us": one.took_us, "failure": one.failure} for one in found]
    app.emit(value, rows_table(f"{len(rows)} samples", ["began", "took", "failure"], rows))


COMMANDS = (monitor, samples)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
