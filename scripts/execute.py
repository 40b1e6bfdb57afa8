"""ape run execute: executes a queued proposal, and compares what it did with what was announced.

ape run execute mint_cpu --network ethereum:sepolia --account me
"""

from __future__ import annotations

from typing import Any

import click
from ape.api import ProviderAPI

from novacron.cli.app import App
from scripts._governance import GovernanceCommand, acting, acting_options, finish, notify


@click.command(cls=GovernanceCommand, short_help="Execute a queued proposal")
@click.argument("proposal")
@click.option("--accept-drift", metavar="HASH", help="Accept exactly the differences that have this hash.")
@click.option("--tolerate-moved", is_flag=True, help="Accept the same change made to another starting value.")
@acting_options
def cli(
    provider: ProviderAPI, proposal: str, accept_drift: str | None, tolerate_moved: bool, as_json: bool, **who: Any
) -> None:
    """Execute PROPOSAL (name or id) after the timelock, and compare what it did with what was announced.

    The exit code is 3 when it would do something else now.
    """
    app = App(as_json=as_json)
    with acting(provider, **who) as (workspace, sender):
        lifecycle = workspace.lifecycle(sender, notify(app))
        finish(app, lambda: lifecycle.execute(proposal, accept_drift=accept_drift, tolerate_moved=tolerate_moved))
