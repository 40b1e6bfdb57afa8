"""ape run check_handover: proves from the chain that the deployer has handed everything over.

ape run check_handover --network ethereum:sepolia
"""

from __future__ import annotations

from pathlib import Path

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from rich.console import Console

from novacron.deploy.ape_accounts import NetworkCommand, ape_pool, network_folder, project_root
from novacron.deploy.apply import MANIFEST_NAME, require_same_chain
from novacron.deploy.artifacts import compiler_for
from novacron.deploy.genesis import load_genesis
from novacron.deploy.handover import check_handover
from novacron.deploy.manifest import load_manifest
from novacron.deploy.tables import handover_table
from novacron.exceptions import NovaCronError


@click.command(cls=NetworkCommand, short_help="Prove that the deployer holds no right any more")
@network_option()
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Who should be guardian and attester now. Default: what the deployment began with.",
)
def cli(provider: ProviderAPI, genesis: Path | None) -> None:
    """Compare every right on the chain with the table of roles and with the configuration of the deployment.

    The exit code is 1 when anything differs; each finding names contract, role, account and how to mend it.
    """
    console = Console(width=None if Console().is_terminal else 160)
    root = project_root()
    path = root / "deployments" / network_folder(provider).removesuffix("-fork") / MANIFEST_NAME
    try:
        manifest = load_manifest(path)
        expected = None if genesis is None else load_genesis(genesis)
        with ape_pool(provider) as pool:
            require_same_chain(pool, manifest, path)
            compiler = compiler_for(root, fresh=not provider.network.is_dev)
            report = check_handover(pool, manifest, compiler, genesis=expected)
    except NovaCronError as error:
        raise click.ClickException(str(error)) from error
    console.print(handover_table(report))
    for finding in report.findings:
        console.print(str(finding), style="red", highlight=False, markup=False, soft_wrap=True)
    if report.findings:
        raise click.ClickException(f"the hand-over is not complete; findings: {len(report.findings)}")
    console.print("The deployer holds no right. The timelock administers everything, itself included.")
