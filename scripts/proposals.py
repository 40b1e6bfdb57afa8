"""ape run proposals: lists the proposals on a network and what comes next for each.

ape run proposals --network ethereum:sepolia
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from ape_run._cli import ScriptCommand

from novacron.cli.app import App
from novacron.cli.governance_show import show_proposals
from novacron.governance.onchain import GovernorReader
from scripts._governance import GovernanceCommand, reading


@click.command(cls=GovernanceCommand, short_help="List the proposals of a network")
@network_option()
@click.option("--live", is_flag=True, help="Leave out what was executed, defeated or cancelled.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def cli(provider: ProviderAPI, live: bool, as_json: bool) -> None:
    """List the proposals with their votes, and what comes next for each."""
    with reading(provider) as workspace:
        reader = GovernorReader(workspace.dao)
        show_proposals(App(as_json=as_json), reader.proposals(live_only=live), reader.head().timestamp)


def _files_before_folders(listing: Any) -> Any:
    """Ape makes a group of the folder scripts/proposals as well, and takes the one that the file system lists last."""

    def commands(self: ScriptCommand, base_path: Path) -> dict[str, Any]:
        found: dict[str, Any] = listing(self, base_path)
        for path in base_path.glob("*.py"):
            if path.with_suffix("").is_dir() and (command := self._get_command(path)) is not None:
                found[path.stem] = command
        return found

    commands.files_before_folders = True  # type: ignore[attr-defined]
    return commands


if not hasattr(ScriptCommand._get_cli_commands, "files_before_folders"):
    ScriptCommand._get_cli_commands = _files_before_folders(ScriptCommand._get_cli_commands)
