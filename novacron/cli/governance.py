"""`novacron governance`: proposals from simulation to execution, votes, reports and the keeper."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from novacron.atomic import write_atomically
from novacron.chain.endpoints import EndpointPool
from novacron.chain.typed_data import typed_data_signer
from novacron.cli import governance_show as shown
from novacron.cli.app import App, facts, pass_app, read_text
from novacron.cli.network import fees_of, settings_of, signer_of
from novacron.exceptions import DriftError, InputError
from novacron.governance.lifecycle.cancel import cancel_proposal
from novacron.governance.lifecycle.keeper import Keeper, KeeperAction
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.lifecycle.outcome import verify_pages, verify_report
from novacron.governance.lifecycle.proposal_files import REPORT
from novacron.governance.lifecycle.sending import AccountSender, Sender
from novacron.governance.lifecycle.steps import Step
from novacron.governance.lifecycle.votes import (
    ballot_document,
    cast_ballot,
    cast_vote,
    make_ballot,
    parse_ballot,
    parse_support,
)
from novacron.governance.onchain import GovernorReader
from novacron.governance.workspace import Workspace
from novacron.provenance.clients.config import ClientConfig

_PATH = click.Path(path_type=Path)
_safe = click.option("--safe", help="Act as this Safe (name or address): writes a transaction for its owners.")
accept_option = click.option(
    "--accept-drift", metavar="HASH", help="Accept exactly the differences that have this hash."
)
moved_option = click.option(
    "--tolerate-moved", is_flag=True, help="Accept the same change made to another starting value."
)


@click.group()
def governance() -> None:
    """Proposals as code: simulate, submit, vote, queue, execute, and prove that what was done was announced.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 it would do something else now than announced, 4 it did
    something else than announced.
    """


# --------------------------------------------------------------------------------------------------------------------
# Configuration
# --------------------------------------------------------------------------------------------------------------------


@contextmanager
def workspace_of(config: ClientConfig) -> Iterator[Workspace]:
    """The project and network of the configured manifest."""
    assert config.manifest is not None
    _, chain_id = config.deployed() if config.contract else (None, config.chain_id)
    with EndpointPool(config.rpc_urls, chain_id=chain_id, timeout=config.rpc_timeout) as pool:
        yield Workspace.of_manifest(config.manifest, pool)


@contextmanager
def reading(app: App) -> Iterator[Workspace]:
    """A workspace that needs no key."""
    with workspace_of(settings_of(app, reading=True)) as workspace:
        yield workspace


@contextmanager
def acting(app: App, safe: str | None = None) -> Iterator[tuple[Workspace, Sender]]:
    """A workspace and who acts in it: the configured account, or a Safe."""
    config = settings_of(app, reading=safe is not None)
    with workspace_of(config) as workspace:
        if safe is not None:
            yield workspace, workspace.safe_sender(safe)
            return
        options: dict[str, Any] = {"confirmations": config.confirmations, "timeout": config.timeout}
        yield workspace, AccountSender(workspace.manager(signer_of(config), fees_of(config), **options))


def notify(app: App) -> Callable[[str], None]:
    """Progress on standard error; nothing with --json."""
    return (lambda _: None) if app.as_json else (lambda line: click.echo(f"… {line}", err=True))


# --------------------------------------------------------------------------------------------------------------------
# Proposing
# --------------------------------------------------------------------------------------------------------------------


@governance.command()
@click.argument("name")
@click.option("--proposer", help="In whose name (name or address). Default: the configured account.")
@click.pass_context
def simulate(ctx: click.Context, name: str, proposer: str | None) -> None:
    """Simulate scripts/proposals/NAME.py from end to end on a fork, and write its report. Sends nothing.

    NAME.py is Python code and runs with your rights: read it first.
    """
    app: App = ctx.obj
    config = settings_of(app, reading=proposer is not None)
    with workspace_of(config) as workspace:
        who = workspace.dao.resolve(proposer) if proposer is not None else signer_of(config).address
        prepared = workspace.lifecycle(notify=notify(app)).simulate(workspace.proposal(name), who)
    shown.show_prepared(app, prepared)
    ctx.exit(0 if prepared.simulation.ok else 1)


@governance.command()
@click.argument("name")
@click.option("--submit", is_flag=True, help="Submit what was simulated. Without it nothing is sent.")
@_safe
@click.pass_context
def propose(ctx: click.Context, name: str, submit: bool, safe: str | None) -> None:
    """Simulate NAME and, with --submit, propose exactly what was simulated; repeating it proposes nothing twice.

    scripts/proposals/NAME.py is Python code and runs with your rights: read it first.
    """
    app: App = ctx.obj
    with acting(app, safe) as (workspace, sender):
        lifecycle, proposal = workspace.lifecycle(sender, notify(app)), workspace.proposal(name)
        if not submit:
            prepared = lifecycle.simulate(proposal, sender.address)
            shown.show_prepared(app, prepared)
            ctx.exit(0 if prepared.simulation.ok else 1)
        finish(ctx, lambda: lifecycle.submit(proposal))


@governance.command()
@click.argument("proposal")
@accept_option
@moved_option
@_safe
@click.pass_context
def queue(ctx: click.Context, proposal: str, accept_drift: str | None, tolerate_moved: bool, safe: str | None) -> None:
    """Queue PROPOSAL (name or id) after its vote, once it does on a fork what was announced."""
    advance(ctx, safe, lambda life: life.queue(proposal, accept_drift=accept_drift, tolerate_moved=tolerate_moved))


@governance.command()
@click.argument("proposal")
@accept_option
@moved_option
@_safe
@click.pass_context
def execute(
    ctx: click.Context, proposal: str, accept_drift: str | None, tolerate_moved: bool, safe: str | None
) -> None:
    """Execute PROPOSAL (name or id) after the timelock, and compare what it did with what was announced."""
    advance(ctx, safe, lambda life: life.execute(proposal, accept_drift=accept_drift, tolerate_moved=tolerate_moved))


@governance.command()
@click.argument("proposal")
@_safe
@pass_app
def cancel(app: App, proposal: str, safe: str | None) -> None:
    """Cancel PROPOSAL (name or id): its proposer before voting opens, the guardian until it is executed."""
    with acting(app, safe) as (workspace, sender):
        sent = cancel_proposal(GovernorReader(workspace.dao), sender, workspace.proposal_id(proposal))
    shown.show_sent(app, "Cancel", sent)


def advance(ctx: click.Context, safe: str | None, take: Callable[[Lifecycle], Step]) -> None:
    """Take a step as the configured account or a Safe."""
    with acting(ctx.obj, safe) as (workspace, sender):
        lifecycle = workspace.lifecycle(sender, notify(ctx.obj))
        finish(ctx, lambda: take(lifecycle))


def finish(ctx: click.Context, take: Callable[[], Step]) -> None:
    """Take a step and print what came of it; drift has a table and an exit code of its own."""
    try:
        code = shown.show_step(ctx.obj, take())
    except DriftError as error:
        code = shown.show_drift(ctx.obj, error)
    ctx.exit(code)


# --------------------------------------------------------------------------------------------------------------------
# Voting
# --------------------------------------------------------------------------------------------------------------------


@governance.command()
@click.argument("proposal")
@click.argument("choice", type=click.Choice(["for", "against", "abstain"], case_sensitive=False))
@click.option("--reason", default="", help="Goes on the chain with the vote.")
@click.option("--sign", "ballot", type=_PATH, help="Sign the vote into this file instead; anybody may send it.")
@_safe
@pass_app
def vote(app: App, proposal: str, choice: str, reason: str, ballot: Path | None, safe: str | None) -> None:
    """Vote on PROPOSAL (name or id): for, against or abstain."""
    support = parse_support(choice)
    if ballot is not None:
        if safe is not None:
            raise click.UsageError("a Safe votes by transaction; --sign is for accounts with a key")
        config = settings_of(app, reading=False)
        with workspace_of(config) as workspace:
            signer = typed_data_signer(signer_of(config))
            number = workspace.proposal_id(proposal)
            made = make_ballot(GovernorReader(workspace.dao), number, support, signer.address, reason)
        document = ballot_document(made, signer.sign_typed_data(made.typed_data))
        write_atomically(ballot, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        app.emit({"ballot": ballot}, facts("Ballot", {"signed into": ballot, "voter": made.voter, "nonce": made.nonce}))
        return
    with acting(app, safe) as (workspace, sender):
        number = workspace.proposal_id(proposal)
        sent = cast_vote(GovernorReader(workspace.dao), sender, number, support, reason)
    shown.show_sent(app, f"Vote {support.name.lower()}", sent)


@governance.command("send-ballot")
@click.argument("file", type=_PATH)
@pass_app
def send_ballot(app: App, file: Path) -> None:
    """Send the signed vote in FILE and pay for it."""
    ballot, signature = parse_ballot(read_text(file))
    with acting(app) as (workspace, sender):
        sent = cast_ballot(GovernorReader(workspace.dao), sender, ballot, signature)
    shown.show_sent(app, f"Vote of {ballot.voter}", sent)


@governance.command()
@pass_app
def voters(app: App) -> None:
    """List who has voting power now."""
    with reading(app) as workspace:
        reader = GovernorReader(workspace.dao)
        shown.show_voters(app, reader.voters(), reader.quorum())


# --------------------------------------------------------------------------------------------------------------------
# Looking
# --------------------------------------------------------------------------------------------------------------------


@governance.command()
@click.option("--live", is_flag=True, help="Leave out what was executed, defeated or cancelled.")
@pass_app
def proposals(app: App, live: bool) -> None:
    """List the proposals on the chain."""
    with reading(app) as workspace:
        reader = GovernorReader(workspace.dao)
        shown.show_proposals(app, reader.proposals(live_only=live), reader.head().timestamp)


@governance.command()
@click.argument("proposal")
@pass_app
def show(app: App, proposal: str) -> None:
    """Print PROPOSAL (name or id): state, votes, actions, description."""
    with reading(app) as workspace:
        reader = GovernorReader(workspace.dao)
        found = reader.proposal(workspace.proposal_id(proposal))
        shown.show_proposal(app, found, workspace.dao, reader.head().timestamp)


@governance.command("verify-report")
@click.argument("proposal")
@click.option("--report", type=_PATH, help="The report.json to check. Default: the one in the proposal's folder.")
@click.option(
    "--simulate", is_flag=True, help="Run the proposal on the chain again at the report's block; compare the effects."
)
@click.pass_context
def verify_report_command(ctx: click.Context, proposal: str, report: Path | None, simulate: bool) -> None:
    """Recompute what the description of PROPOSAL (name or id) on the chain says: report, calldata, proposer.

    That shows that the report is the announced one. Whether it is true, --simulate finds out: what the chain has is run
    again on a fork, without the author's file, and must have the effects that the report says.
    """
    with reading(ctx.obj) as workspace:
        if report is None:
            report = workspace.lifecycle().find(proposal)[0].path / REPORT
        try:
            raw = report.read_bytes()
        except OSError as error:
            raise InputError(f"{report} cannot be read: {error.strerror}") from error
        core = GovernorReader(workspace.dao).proposal(workspace.proposal_id(proposal))
        checks = verify_report(core, raw)
        if checks[0].holds:  # else it is not known whose report this is
            checks += verify_pages(raw, report.parent)
        if simulate:
            checks += workspace.lifecycle(notify=notify(ctx.obj)).rerun(core, raw)
    ctx.exit(shown.show_checks(ctx.obj, checks))


# --------------------------------------------------------------------------------------------------------------------
# Keeper
# --------------------------------------------------------------------------------------------------------------------


@governance.command("keeper")
@click.option("--once", is_flag=True, help="One look, then stop; exit code 1 when something was left alone.")
@click.option("--interval", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds.")
@moved_option
@click.pass_context
def keeper_command(ctx: click.Context, once: bool, interval: float, tolerate_moved: bool) -> None:
    """Queue and execute what has passed, as long as it does what was announced. SIGTERM and SIGINT stop it cleanly."""
    app: App = ctx.obj
    with acting(app) as (workspace, sender):
        keeper = Keeper(workspace.lifecycle(sender, notify(app)), tolerate_moved=tolerate_moved)
        if once:
            actions = keeper.step()
            for action in actions:
                shown.show_keeper(app, action)
            bad = any(one.result not in ("queued", "executed", "others") or one.mismatch for one in actions)
            ctx.exit(1 if bad else 0)
        stop = threading.Event()
        before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            notify(app)(f"keeper of {workspace.dao.manifest.network}, every {interval:g} s")
            keeper.run(stop, interval, lambda action: _log(app, action))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _log(app: App, action: KeeperAction) -> None:
    shown.show_keeper(app, action)
    click.get_text_stream("stdout").flush()
