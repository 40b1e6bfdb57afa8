"""ape run propose: simulates a proposal file from end to end and, with --submit, proposes exactly that.

ape run propose mint_cpu --network ethereum:sepolia --account me
"""

from __future__ import annotations

from typing import Any

import click
from ape.api import ProviderAPI

from novacron.cli.app import App
from novacron.cli.governance_show import show_prepared
from scripts._governance import GovernanceCommand, acting, acting_options, finish, notify


@click.command(cls=GovernanceCommand, short_help="Simulate a proposal; with --submit, propose it")
@click.argument("name")
@click.option("--simulate", is_flag=True, help="Only simulate and write the report (the default).")
@click.option("--submit", is_flag=True, help="Propose exactly what was simulated.")
@acting_options
def cli(provider: ProviderAPI, name: str, simulate: bool, submit: bool, as_json: bool, **who: Any) -> None:
    """Run scripts/proposals/NAME.py on a fork, write deployments/<network>/proposals/NAME/report.html, .md and .json.

    NAME.py is Python code and runs with your rights: read it first.

    The exit code is 1 when it would fail or changes something that it does not explain, 3 when it would do something
    else now than what was simulated before.
    """
    if simulate and submit:
        raise click.UsageError("--simulate sends nothing, --submit does; give one of them")
    app = App(as_json=as_json)
    with acting(provider, **who) as (workspace, sender):
        lifecycle, proposal = workspace.lifecycle(sender, notify(app)), workspace.proposal(name)
        if submit:
            finish(app, lambda: lifecycle.submit(proposal))
        prepared = lifecycle.simulate(proposal, sender.address)
        show_prepared(app, prepared)
        raise SystemExit(0 if prepared.simulation.ok else 1)
