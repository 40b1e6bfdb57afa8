"""What the governance scripts share: the connected network as a workspace, an Ape account or a Safe as who acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from ape.logging import LogLevel, logger

from novacron.chain.fees import GWEI, FeePolicy
from novacron.cli.app import App
from novacron.cli.governance_show import show_drift, show_step
from novacron.deploy.ape_accounts import (
    ApeSigner,
    NetworkCommand,
    ape_account,
    ape_pool,
    network_folder,
    project_root,
)
from novacron.exceptions import DriftError, NovaCronError
from novacron.governance.lifecycle.sending import AccountSender, Sender
from novacron.governance.lifecycle.steps import Step
from novacron.governance.workspace import Workspace


class GovernanceCommand(NetworkCommand):
    """A command on a network whose --json is nothing but JSON: Ape's own lines go to the same place."""

    def invoke(self, ctx: click.Context) -> Any:
        """Connect, then run the command."""
        if ctx.params.get("as_json"):
            logger.set_level(LogLevel.ERROR)
        return super().invoke(ctx)


def acting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The network, who acts on it, and how to print."""
    for option in reversed(
        (
            network_option(),
            click.option("--account", "alias", help="Ape account. On a development network: the first test account."),
            click.option("--safe", help="Act as this Safe (name or address): writes a transaction for its owners."),
            click.option("--yes", is_flag=True, help="Do not ask before signing."),
            click.option("--speed", type=click.Choice(["slow", "medium", "fast"]), default="medium", show_default=True),
            click.option("--max-fee", type=float, default=500.0, show_default=True, help="At most, gwei per gas."),
            click.option("--json", "as_json", is_flag=True, help="Print JSON for machines."),
        )
    ):
        command = option(command)
    return command


@contextmanager
def reading(provider: ProviderAPI) -> Iterator[Workspace]:
    """The workspace of the connected network; errors become one sentence."""
    root = project_root()
    try:
        with ape_pool(provider) as pool:
            yield Workspace(root, root / "deployments" / network_folder(provider).removesuffix("-fork"), pool)
    except NovaCronError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def acting(
    provider: ProviderAPI, alias: str | None, safe: str | None, yes: bool, speed: str, max_fee: float
) -> Iterator[tuple[Workspace, Sender]]:
    """The workspace and who acts in it."""
    with reading(provider) as workspace:
        if safe is not None:
            yield workspace, workspace.safe_sender(safe)
            return
        account = ape_account(alias, provider)
        if yes and hasattr(account, "set_autosign"):
            account.set_autosign(True)
        fees = FeePolicy(speed=speed, max_fee_per_gas=int(max_fee * GWEI))  # type: ignore[arg-type]
        confirmations = max(1, provider.network.required_confirmations)
        manager = workspace.manager(ApeSigner(account, provider), fees, confirmations=confirmations)
        yield workspace, AccountSender(manager)


def notify(app: App) -> Callable[[str], None]:
    """Progress on standard error; nothing with --json."""
    return (lambda _: None) if app.as_json else (lambda line: click.echo(f"… {line}", err=True))


def finish(app: App, take: Callable[[], Step]) -> None:
    """Take a step, print what came of it, and leave with its exit code."""
    try:
        code = show_step(app, take())
    except DriftError as error:
        code = show_drift(app, error)
    raise SystemExit(code)
