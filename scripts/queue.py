"""ape run queue: queues a proposal that has passed, once it still does what was announced.

ape run queue mint_cpu --network ethereum:sepolia --account me
"""

from __future__ import annotations

from typing import Any

import click
from ape.api import ProviderAPI

from novacron.cli.app import App
from scripts._governance import GovernanceCommand, acting, acting_options, finish, notify


@click.command(cls=GovernanceCommand, short_help="Queue a proposal that has passed")
@click.argument("proposal")
@click.option("--accept-drift", metavar="HASH", help="Accept exactly the differences that have this hash.")
@click.option("--tolerate-moved", is_flag=True, help="Accept the same change made to another starting value.")
@acting_options
def cli(
    provider: ProviderAPI, proposal: str, accept_drift: str | None, tolerate_moved: bool, as_json: bool, **who: Any
) -> None:
    """Queue PROPOSAL (name or id) after its vote, once it does on a fork what was announced.

    The exit code is 3 when it would do something else now.
    """
    app = App(as_json=as_json)
    with acting(provider, **who) as (workspace, sender):
        lifecycle = workspace.lifecycle(sender, notify(app))
        finish(app, lambda: lifecycle.queue(proposal, accept_drift=accept_drift, tolerate_moved=tolerate_moved))
