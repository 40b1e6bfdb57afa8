"""ape run verify_deployment: proves that the code on a network is what this source tree compiles to.

ape run verify_deployment --network ethereum:sepolia
"""

from __future__ import annotations

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from rich.console import Console

from novacron.deploy.ape_accounts import NetworkCommand, ape_pool, network_folder, project_root
from novacron.deploy.apply import MANIFEST_NAME
from novacron.deploy.compiler import Compiler
from novacron.deploy.manifest import load_manifest
from novacron.deploy.plans import plans_of
from novacron.deploy.tables import verification_table
from novacron.deploy.verify import verify_deployment
from novacron.exceptions import NovaCronError


@click.command(cls=NetworkCommand, short_help="Prove that on-chain code equals the source")
@network_option()
def cli(provider: ProviderAPI) -> None:
    """Compile the source afresh and compare it with deployments/<network>/manifest.json and with the chain.

    The exit code is 1 when anything differs; each difference names the instance and the byte.
    """
    console = Console(width=None if Console().is_terminal else 160)
    root = project_root()
    out_dir = root / "deployments" / network_folder(provider).removesuffix("-fork")
    try:
        with ape_pool(provider) as pool:
            plans = plans_of(load_manifest(out_dir / MANIFEST_NAME))
            report = verify_deployment(pool, out_dir, Compiler(root), plans)
    except NovaCronError as error:
        raise click.ClickException(str(error)) from error
    console.print(verification_table(report))
    for finding in report.findings:
        console.print(finding, style="red", highlight=False, markup=False, soft_wrap=True)
    if report.findings:
        raise click.ClickException(f"{len(report.findings)} differences")
    console.print("The code on the chain is what this source compiles to.")
