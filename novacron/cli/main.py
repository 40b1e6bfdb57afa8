"""Entry point of the `novacron` command."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import click

from novacron import __version__
from novacron.cli.anchor import anchor
from novacron.cli.app import App, Commands
from novacron.cli.log import log
from novacron.cli.manifest import digest, manifest
from novacron.cli.proof import proof
from novacron.cli.records import records
from novacron.cli.run import run
from novacron.cli.selftest import provenance
from novacron.cli.storage import storage
from novacron.cli.store import store


class LazyGroup(click.Group):
    """A group whose modules are imported when it is used: the other commands start without them.

    Args:
        load: imports the group and adds its commands.
    """

    def __init__(self, name: str, load: Callable[[], click.Group], short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._load = load

    @cached_property
    def _loaded(self) -> click.Group:
        return self._load()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return self._loaded.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name."""
        return self._loaded.get_command(ctx, cmd_name)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The group's own help."""
        self._loaded.format_help(ctx, formatter)


def _governance() -> click.Group:
    from novacron.cli.governance import governance
    from novacron.cli.governance_call import call
    from novacron.cli.governance_safe import safe

    governance.add_command(safe)
    governance.add_command(call)
    return governance


def _market() -> click.Group:
    from novacron.cli.market import market
    from novacron.cli.market_order import order
    from novacron.cli.market_pool import pool
    from novacron.cli.market_stake import stake

    for group in (pool, order, stake):
        market.add_command(group)
    return market


def _host() -> click.Group:
    from novacron.cli.host import host

    return host


def _vm() -> click.Group:
    from novacron.cli import vm_money, vm_move
    from novacron.cli.vm import vm

    for command in (*vm_money.COMMANDS, *vm_move.COMMANDS):
        vm.add_command(command)
    return vm


def _agent() -> click.Group:
    from novacron.cli.agent import agent

    return agent


def _sla() -> click.Group:
    from novacron.cli import sla_monitor
    from novacron.cli.sla import sla

    for command in sla_monitor.COMMANDS:
        sla.add_command(command)
    return sla


def _model() -> click.Group:
    from novacron.cli import model_export, model_names, model_search, model_store
    from novacron.cli.model import model

    for part in (model_names, model_store, model_search, model_export):
        for command in part.COMMANDS:
            model.add_command(command)
    return model


def _quantum() -> click.Group:
    from novacron.cli import quantum_chain
    from novacron.cli.quantum import quantum
    from novacron.cli.quantum_key import key

    for command in quantum_chain.COMMANDS:
        key.add_command(command)
    quantum.add_command(key)
    return quantum


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="NOVACRON_CONFIG",
    help="Client configuration (.toml), or a deployment's manifest.json. Default: the NOVACRON_… environment.",
)
@click.version_option(__version__, prog_name="novacron")
@click.pass_context
def cli(ctx: click.Context, as_json: bool, config: Path | None) -> None:
    """Buy and sell machine time, prove what was trained and released, and govern the suite, on any EVM chain."""
    ctx.obj = App(config=config, as_json=as_json)


GROUPS = (
    LazyGroup("governance", _governance, "Proposals as code: simulate, submit, vote, queue, execute."),
    LazyGroup("market", _market, "Buy, sell and stake machine time; pools and offers."),
    LazyGroup("vm", _vm, "Lease virtual machines, start, stop and move them."),
    LazyGroup("agent", _agent, "The provider's daemon: runs the VMs leased on a host."),
    LazyGroup("sla", _sla, "Service-level agreements that pay by themselves; the monitor that measures them."),
    LazyGroup("model", _model, "Models: register, certify, name, fetch, verify, revoke."),
    LazyGroup("quantum", _quantum, "Post-quantum keys, and data that the chain verified under them."),
    LazyGroup("host", _host, "A provider's hosts: register, attest, show, maintenance."),
)
for command in (digest, manifest, log, anchor, records, run, proof, store, storage, provenance, *GROUPS):
    cli.add_command(command)


def main() -> None:
    """Run the command; the exit code is 0, 1 after an error, 2 after wrong usage."""
    cli(prog_name="novacron")


if __name__ == "__main__":
    main()
