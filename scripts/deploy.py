"""ape run deploy: deploys a plan on a network, exactly once.

ape run deploy --network ethereum:sepolia --account me --genesis genesis.toml --dry-run
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from rich.console import Console

from novacron.chain.fees import GWEI, FeePolicy
from novacron.deploy.ape_accounts import (
    ApeSigner,
    NetworkCommand,
    ape_account,
    ape_pool,
    ends_with_the_command,
    network_folder,
    project_root,
)
from novacron.deploy.apply import deploy_plan, first_block, journal_name, open_manifest
from novacron.deploy.artifacts import compiler_for
from novacron.deploy.genesis import LOCAL_GENESIS, load_genesis
from novacron.deploy.git import git_state
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import Plan
from novacron.deploy.plans import PLAN_NAMES, SUITE, plan_named, plans_of
from novacron.deploy.preview import preview_plan
from novacron.deploy.tables import manifest_table, preview_table, print_event
from novacron.exceptions import NovaCronError


@click.command(cls=NetworkCommand, short_help="Deploy a plan, exactly once")
@network_option()
@click.option("--plan", "plan_name", default=SUITE, show_default=True, help=f"One of: {', '.join(PLAN_NAMES)}.")
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file: who gets what, guards and attests. Development chains have a default; resuming needs none.",
)
@click.option("--account", "alias", help="Ape account that pays. On a development network: the first test account.")
@click.option("--dry-run", is_flag=True, help="Print addresses, gas and cost; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--speed", type=click.Choice(["slow", "medium", "fast"]), default="medium", show_default=True)
@click.option("--max-fee", type=float, default=500.0, show_default=True, help="Never pay more than this, gwei per gas.")
@click.option("--confirmations", type=click.IntRange(1), help="Blocks to wait for. Default: the network's.")
@click.option("--new-address", is_flag=True, help="Deploy anew what changed since it was deployed.")
def cli(
    provider: ProviderAPI,
    plan_name: str,
    genesis: Path | None,
    alias: str | None,
    dry_run: bool,
    yes: bool,
    speed: str,
    max_fee: float,
    confirmations: int | None,
    new_address: bool,
) -> None:
    """Deploy a plan through the CREATE2 deployment proxy and write deployments/<network>/manifest.json.

    Killed at any point, the same command goes on where it stopped.
    """
    console = Console(width=None if Console().is_terminal else 160)
    try:
        folder, root = network_folder(provider), project_root()
        account = ape_account(alias, provider)
        if yes and hasattr(account, "set_autosign"):
            account.set_autosign(True)
        signer = ApeSigner(account, provider)
        compiler = compiler_for(root, fresh=not provider.network.is_dev)
        fees = FeePolicy(speed=speed, max_fee_per_gas=int(max_fee * GWEI))  # type: ignore[arg-type]
        symbol = provider.network.ecosystem.fee_token_symbol
        with ape_pool(provider) as pool, tempfile.TemporaryDirectory() as scratch:
            # The journal and the manifest of a chain that ends with this command end with it, too.
            out_dir = Path(scratch) / folder if ends_with_the_command(provider) else root / "deployments" / folder
            begun = open_manifest(pool, out_dir)
            plan = _plan(plan_name, genesis, begun, provider)
            since = first_block(begun, plan)
            preview = preview_plan(pool, plan, signer.address, compiler, fees=fees, since=since)
            console.print(preview_table(preview, f"{plan.name} on {folder}, from {signer.address}", symbol))
            if dry_run:
                console.print("Dry run: nothing was sent.")
                return
            if not provider.network.is_dev and git_state(root).dirty:
                console.print("The work tree has uncommitted changes; the manifest will say so.")
            if not yes and not provider.network.is_dev:
                click.confirm("Deploy?", abort=True)
            manifest = deploy_plan(
                pool,
                signer,
                plan,
                out_dir / journal_name(pool, out_dir),
                out_dir,
                compiler=compiler,
                fees=fees,
                confirmations=confirmations or max(1, provider.network.required_confirmations),
                allow_new_address=new_address,
                on_event=lambda event: print_event(console, event),
            )
            console.print(manifest_table(manifest))
            if ends_with_the_command(provider):
                console.print("This chain ends with the command, so no manifest was written.")
            elif plan.handover:
                console.print("Handed over. `ape run check_handover` and `ape run verify_deployment` prove it.")
    except NovaCronError as error:
        raise click.ClickException(str(error)) from error


def _plan(name: str, genesis: Path | None, begun: DeploymentManifest, provider: ProviderAPI) -> Plan:
    """The plan to deploy. Without a file, a deployment that has begun goes on with what it began with."""
    if genesis is not None and name != SUITE:
        raise click.UsageError(f"plan {name} takes no --genesis; only {SUITE} does")
    if genesis is not None:
        return plan_named(name, load_genesis(genesis))
    there = plans_of(begun).get(name)
    return there or plan_named(name, LOCAL_GENESIS if provider.network.is_dev else None)
