"""ape run vote: votes on a proposal, with a reason.

ape run vote mint_cpu for --reason "More capacity" --network ethereum:sepolia --account me
"""

from __future__ import annotations

from typing import Any

import click
from ape.api import ProviderAPI

from novacron.cli.app import App
from novacron.cli.governance_show import show_sent
from novacron.governance.lifecycle.votes import cast_vote, parse_support
from novacron.governance.onchain import GovernorReader
from scripts._governance import GovernanceCommand, acting, acting_options


@click.command(cls=GovernanceCommand, short_help="Vote on a proposal")
@click.argument("proposal")
@click.argument("choice", type=click.Choice(["for", "against", "abstain"], case_sensitive=False))
@click.option("--reason", default="", help="Goes on the chain with the vote.")
@acting_options
def cli(provider: ProviderAPI, proposal: str, choice: str, reason: str, as_json: bool, **who: Any) -> None:
    """Vote on PROPOSAL (name or id). A vote that would not count is refused before anything is sent."""
    with acting(provider, **who) as (workspace, sender):
        number = workspace.proposal_id(proposal)
        sent = cast_vote(GovernorReader(workspace.dao), sender, number, parse_support(choice), reason)
        show_sent(App(as_json=as_json), f"Vote {choice.lower()}", sent)
