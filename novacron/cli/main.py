"""Entry point of the `novacron` command."""

from __future__ import annotations

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
from novacron.cli.store import store


class GovernanceGroup(click.Group):
    """`novacron governance`, whose modules are imported when it is used: the other commands start without them."""

    @cached_property
    def _loaded(self) -> click.Group:
        from novacron.cli.governance import governance
        from novacron.cli.governance_call import call
        from novacron.cli.governance_safe import safe

        governance.add_command(safe)
        governance.add_command(call)
        return governance

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return self._loaded.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name."""
        return self._loaded.get_command(ctx, cmd_name)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The group's own help."""
        self._loaded.format_help(ctx, formatter)


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
    """Prove what was trained, promoted and released, on any EVM chain, and govern the suite."""
    ctx.obj = App(config=config, as_json=as_json)


governance = GovernanceGroup("governance", short_help="Proposals as code: simulate, submit, vote, queue, execute.")
for command in (digest, manifest, log, anchor, records, run, proof, store, provenance, governance):
    cli.add_command(command)


def main() -> None:
    """Run the command; the exit code is 0, 1 after an error, 2 after wrong usage."""
    cli(prog_name="novacron")


if __name__ == "__main__":
    main()
