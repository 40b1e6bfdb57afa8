"""`novacron agent`: the provider's daemon."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import signer_of
from novacron.compute.agent.config import AgentConfig
from novacron.compute.agent.daemon import open_agent, run
from novacron.compute.agent.report import Report
from novacron.exceptions import RetryableError

_FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def agent() -> None:
    """A provider's daemon: runs the VMs leased on a host, on its hypervisor. See docs/provider.md."""


@agent.command("run")
@_FILE
@click.option("--once", is_flag=True, help="One pass, then stop; exit code 1 when something failed.")
@click.option("--verbose", is_flag=True, help="Say what is looked after without being changed, too.")
@click.pass_context
def run_command(ctx: click.Context, file: Path, once: bool, verbose: bool) -> None:
    """Run the agent that FILE configures. SIGTERM and SIGINT stop it cleanly; VMs run on."""
    app: App = ctx.obj
    _log_to_stderr(verbose)
    config = AgentConfig.from_toml(file)
    signer = signer_of(config.chain)
    if once:
        with open_agent(config, signer) as reconciler:
            report = reconciler.step()
        app.emit(_summary(report), facts("Pass", _summary(report)))
        ctx.exit(1 if report.failures else 0)
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        pause = config.interval
        while not stop.is_set():
            try:
                with open_agent(config, signer, stop) as reconciler:
                    click.echo(f"agent of host {config.host}, every {config.interval:g} s", err=True)
                    run(reconciler, stop, config.interval, lambda report: _say(app, report))
            except RetryableError as error:  # the chain does not answer yet; nothing is known, nothing is touched
                logging.getLogger(__name__).warning("not started: %s", error)
                stop.wait(pause)
                pause = min(pause * 2, 60.0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@agent.command("status")
@_FILE
@pass_app
def status_command(app: App, file: Path) -> None:
    """Show what the agent of FILE would do now, VM by VM. Changes nothing; the agent must not be running."""
    config = AgentConfig.from_toml(file)
    with open_agent(config, signer_of(config.chain)) as reconciler:
        rows = [list(row) for row in reconciler.preview()]
    columns = ["vm", "role", "state", "epoch", "domain", "would do"]
    app.emit([dict(zip(columns, row, strict=True)) for row in rows], rows_table("VMs", columns, rows))


def _say(app: App, report: Report) -> None:
    if app.as_json and not report.quiet:
        app.emit(_summary(report))


def _summary(report: Report) -> dict[str, object]:
    return {
        "vms": report.vms,
        "done": [f"{action.kind.value} {action.vm_id}" for action in report.done],
        "failures": {str(vm): str(error) for vm, error in report.failures.items()},
        "heartbeat": None if report.heartbeat is None else report.heartbeat.value,
    }


def _log_to_stderr(verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("novacron")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
