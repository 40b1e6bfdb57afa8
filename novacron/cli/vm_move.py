"""`novacron vm`: moving a VM, and the approvals that leaving a region takes."""

from __future__ import annotations

import json
from pathlib import Path

import click

from novacron.atomic import write_atomically
from novacron.chain.typed_data import typed_data_signer
from novacron.cli.app import App, facts, pass_app, read_text
from novacron.cli.network import acting, offline_signer, progress, reading, require_finished
from novacron.cli.options import emit_sent, key_option
from novacron.cli.vm import teller, timeout_option, wait_option
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.approvals import (
    Approvals,
    Request,
    SignedApproval,
    parse_request,
    sign_approval,
)
from novacron.compute.state_words import State, label
from novacron.compute.vms import VM, VMs
from novacron.market.advice import moment

_NUMBER = click.argument("number", type=click.IntRange(min=1))
_PATH = click.Path(path_type=Path)


@click.command()
@_NUMBER
@click.argument("region", required=False)
@click.option("--to-host", type=click.IntRange(min=1), help="To this host, of another provider too.")
@wait_option
@timeout_option
@pass_app
def migrate(app: App, number: int, region: str | None, to_host: int | None, wait: bool, timeout: float) -> None:
    """Move VM NUMBER to the provider's host in REGION, or to a given host. Leaving the region takes approvals.

    Until it has moved it stays where it is; if the move fails, it goes back there.
    """
    if (region is None) == (to_host is None):
        raise click.UsageError("where to? Give a REGION, or --to-host NUMBER")
    with acting(app, COMPUTE_ADVICE) as account:
        vms = VMs(account.deployment)
        if to_host is not None:
            receipt = vms.migrate_to_host(account, number, to_host)
        else:
            receipt = vms.migrate(account, number, str(region))
        found = vms.vm(number)
        target = found.target or found.host
        if wait:
            found = _arrive(app, vms, number, target, timeout)
    rows = {"state": label(found.state), "host": found.host, "to host": target}
    if found.state is State.MIGRATION_PENDING:
        rows["next"] = f"approvals: novacron vm approve {number}, or novacron vm approval-request {number} FILE"
    emit_sent(app, f"Moving VM {number}", receipt, rows, **found.to_dict())


@click.command("await-move")
@_NUMBER
@timeout_option
@pass_app
def await_move(app: App, number: int, timeout: float) -> None:
    """Wait until VM NUMBER, which is moving, has arrived; exit code 1 when it has gone back to where it was."""
    with reading(app) as deployment:
        vms = VMs(deployment)
        before = vms.vm(number)
        found = _arrive(app, vms, number, before.target or before.host, timeout)
    app.emit(found.to_dict(), facts(f"VM {number}", {"state": label(found.state), "host": found.host}))


@click.command("cancel-migration")
@_NUMBER
@pass_app
def cancel_migration(app: App, number: int) -> None:
    """Give the move of VM NUMBER up: it goes back to where it was."""
    with acting(app, COMPUTE_ADVICE) as account:
        vms = VMs(account.deployment)
        receipt = vms.cancel_migration(account, number)
        found = vms.vm(number)
    emit_sent(app, f"VM {number} stays", receipt, {"state": label(found.state), "host": found.host}, **found.to_dict())


# --------------------------------------------------------------------------------------------------------------------
# Approvals
# --------------------------------------------------------------------------------------------------------------------


@click.command()
@_NUMBER
@pass_app
def approve(app: App, number: int) -> None:
    """Approve the move of VM NUMBER, as one of its policy's approvers. The last approval needed starts it."""
    with acting(app, COMPUTE_ADVICE) as account:
        approvals = Approvals(VMs(account.deployment))
        receipt = approvals.approve(account, number)
        found = approvals.vms.vm(number)
    emit_sent(app, f"Approved: VM {number}", receipt, {"state": label(found.state)}, **found.to_dict())


@click.command("approval-request")
@_NUMBER
@click.argument("file", type=_PATH)
@pass_app
def approval_request(app: App, number: int, file: Path) -> None:
    """Write what approvers of VM NUMBER's move sign into FILE; wallets take it as typed data, too."""
    with reading(app) as deployment:
        request = Approvals(VMs(deployment)).request(number)
    write_atomically(file, json.dumps(request.typed_data, indent=2) + "\n")
    app.emit({"file": file, **_data(request)}, facts("Request", {"written into": file, **_words(request)}))


@click.command("sign-approval")
@click.argument("request", type=_PATH)
@click.argument("file", type=_PATH)
@pass_app
def sign_approval_(app: App, request: Path, file: Path) -> None:
    """Sign the REQUEST of a move into FILE, with the configured key. Needs no chain; anybody may hand FILE in."""
    asked = parse_request(read_text(request))
    if not app.as_json:
        facts("You approve", _words(asked))(app.console)
    signed = sign_approval(asked, typed_data_signer(offline_signer(app)))
    write_atomically(file, signed.to_json())
    data = {"file": file, "approver": signed.approver, **_data(asked)}
    app.emit(data, facts("Signed", {"by": signed.approver, "into": file}))


@click.command("send-approvals")
@click.argument("files", type=_PATH, nargs=-1, required=True)
@pass_app
def send_approvals(app: App, files: tuple[Path, ...]) -> None:
    """Hand in approvals that were signed into FILES, all of one move, and pay for it."""
    signed = [SignedApproval.from_json(read_text(file)) for file in files]
    with acting(app, COMPUTE_ADVICE) as account:
        approvals = Approvals(VMs(account.deployment))
        receipt = approvals.hand_in(account, signed)
        found = approvals.vms.vm(signed[0].request.vm)
    rows = {"approvals": len(signed), "state": label(found.state)}
    emit_sent(app, f"Approvals for VM {found.id}", receipt, rows, **found.to_dict())


@click.group()
def policy() -> None:
    """Who must agree before a VM leaves its region. A policy never changes."""


@policy.command("create")
@click.argument("approvers", nargs=-1, required=True)
@click.option("--threshold", type=click.IntRange(min=1), required=True, help="How many of them must agree.")
@key_option
@pass_app
def create_policy(app: App, approvers: tuple[str, ...], threshold: int, key: str | None) -> None:
    """Make a policy of APPROVERS (addresses)."""
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        number, receipt = Approvals(VMs(account.deployment)).create_policy(account, approvers, threshold, key=key)
    rows = {"policy": number, "approvers": len(approvers), "must agree": threshold}
    emit_sent(app, "Policy made", receipt, rows, policy=number)


@policy.command("show")
@_NUMBER
@pass_app
def show_policy(app: App, number: int) -> None:
    """Print policy NUMBER."""
    with reading(app) as deployment:
        approvers, threshold = Approvals(VMs(deployment)).policy(number)
    rows = {"must agree": f"{threshold} of {len(approvers)}", "approvers": ", ".join(approvers)}
    data = {"policy": number, "approvers": approvers, "threshold": threshold}
    app.emit(data, facts(f"Policy {number}", rows))


def _arrive(app: App, vms: VMs, number: int, target: int, timeout: float) -> VM:
    """Wait until a VM has arrived on a host; says how many approvals are there."""
    approvals, tell = Approvals(vms), teller(app)

    def notify(one: VM) -> None:
        tell(one)
        if one.state is State.MIGRATION_PENDING:
            count, threshold = approvals.counts(number)
            progress(app, f"{count} of {threshold} approvals; novacron vm approve {number}, or approval-request")

    moving = frozenset({State.MIGRATION_PENDING, State.MIGRATING})
    return vms.wait(
        number,
        lambda one: one.state not in moving and one.host == target,
        on_the_way=moving,
        timeout=timeout,
        notify=notify,
    )


def _words(request: Request) -> dict[str, object]:
    return {
        "VM": request.vm,
        "to host": request.target,
        "epoch": request.epoch,
        "until": moment(request.expiry),
        "contract": request.contract,
        "chain": request.chain_id,
    }


def _data(request: Request) -> dict[str, object]:
    return {
        "vm": request.vm,
        "target": request.target,
        "epoch": request.epoch,
        "expiry": request.expiry,
        "contract": request.contract,
        "chain_id": request.chain_id,
    }


#: Added to `novacron vm`.
COMMANDS: tuple[click.Command, ...] = (
    migrate,
    await_move,
    cancel_migration,
    approve,
    approval_request,
    sign_approval_,
    send_approvals,
    policy,
)
