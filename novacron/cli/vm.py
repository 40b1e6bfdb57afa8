"""`novacron vm`: leases of virtual machines; this file: looking, creating, and the commands of a VM's life."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import acting, progress, reading, require_finished
from novacron.cli.options import (
    amounts_text,
    by_resource,
    capacity_of,
    capacity_options,
    emit_sent,
    key_option,
    span_text,
)
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.choices import choices
from novacron.compute.configuration import create_described
from novacron.compute.hosts import Hosts
from novacron.compute.quantities import parse_seconds
from novacron.compute.state_words import ADVICE, State, label
from novacron.compute.vms import VM, VMs
from novacron.exceptions import InputError, MachineError
from novacron.market.advice import moment
from novacron.market.deployment import Account
from novacron.provenance.digest import parse_digest
from novacron.storage.storage import LOCATION_VARIABLE, open_storage

_NUMBER = click.argument("number", type=click.IntRange(min=1))
wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until the host has acknowledged."
)
timeout_option = click.option(
    "--timeout", type=click.FloatRange(min=1), default=900.0, show_default=True, help="Seconds to wait."
)


@click.group()
def vm() -> None:
    """Virtual machines as leases: create, start, stop, move, get everything unspent back. See docs/customer.md."""


@vm.command("list")
@click.option("--customer", help="Whose. Default: the configured account.")
@click.option("--all", "everything", is_flag=True, help="Terminated ones, too.")
@pass_app
def list_(app: App, customer: str | None, everything: bool) -> None:
    """List VMs."""
    if customer is None:
        with acting(app, COMPUTE_ADVICE) as account:
            found = VMs(account.deployment).vms_of(account.address)
    else:
        with reading(app) as deployment:
            found = VMs(deployment).vms_of(customer)
    found = [one for one in found if everything or one.state is not State.TERMINATED]
    rows = [
        (one.id, label(one.state), one.host, str(one.capacity), span_text(one.funded - one.used), one.epoch)
        for one in found
    ]
    columns = ("VM", "state", "host", "capacity", "funded for (last known)", "epoch")
    app.emit([one.to_dict() for one in found], rows_table("VMs", columns, rows))


@vm.command()
@_NUMBER
@pass_app
def show(app: App, number: int) -> None:
    """Print VM NUMBER: its state, what that means, its money and its times."""
    with reading(app) as deployment:
        vms = VMs(deployment)
        one, remaining, escrow = vms.vm(number), vms.remaining(number), vms.escrow(number)
        entitled, used = vms.entitled_host(number), vms.used(number)
    rows: dict[str, Any] = {
        "customer": one.customer,
        "state": label(one.state),
        "that is": ADVICE[one.state],
        "you can": ", ".join(choices(one.state)) or "nothing any more",
        "host": one.host,
        "may run it now": f"host {entitled}" if entitled else "nobody",
        "capacity": one.capacity,
        "used": span_text(used),
        "funds last for": span_text(remaining),
        "held for it": amounts_text(escrow),
        "epoch": one.epoch,
        "state record": one.record,
    }
    if one.target:
        rows["moves to host"] = one.target
    if one.deadline:
        rows["deadline"] = moment(one.deadline)
    data = one.to_dict() | {
        "used": used,
        "remaining": remaining,
        "entitled_host": entitled or None,
        "choices": choices(one.state),
        "escrow": by_resource(escrow),
    }
    app.emit(data, facts(f"VM {number}", rows))


@vm.command()
@capacity_options
@click.option("--host", "host_number", type=click.IntRange(min=1), help="On this host (novacron host list).")
@click.option("--region", help="With --provider: on the provider's host in this region.")
@click.option("--provider", help="With --region.")
@click.option("--for", "length", required=True, help='How long it can run on this funding, such as "1 day".')
@click.option(
    "--policy", type=click.IntRange(min=0), default=0, help="Who approves moves abroad. Default: as governance says."
)
@click.option("--configuration", help="Digest of its record, where you have stored that yourself.")
@click.option("--file", "files", multiple=True, metavar="NAME=PATH", help="A further file of its record.")
@click.option("--store", envvar=LOCATION_VARIABLE, help="Where its record is stored. Default: beside the manifest.")
@key_option
@pass_app
def create(
    app: App,
    /,
    host_number: int | None,
    region: str | None,
    provider: str | None,
    length: str,
    policy: int,
    configuration: str | None,
    files: tuple[str, ...],
    store: str | None,
    key: str | None,
    **words: str,
) -> None:
    """Lease a VM, stopped. It is paid from your prepaid balance; what that lacks is taken from your tokens."""
    capacity, seconds = capacity_of(words), parse_seconds(length, "--for")
    named = _files(files)
    if configuration is not None and (named or store is not None):
        raise click.UsageError("--configuration names a record that is stored; --file and --store make one")
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        vms = VMs(account.deployment)
        where = host_number or _host_in(account, region, provider)
        cost = capacity.funded(seconds)
        progress(app, f"{capacity} for {span_text(seconds)} takes {amounts_text(cost)}")
        if configuration is not None:
            digest = parse_digest(configuration)
            number, receipt = vms.create(account, where, capacity, seconds, digest, policy=policy, key=key)
        else:
            with open_storage(store or str(_default_store(account))) as storage:
                number, receipt = create_described(
                    vms, account, storage, where, capacity, seconds, files=named, policy=policy, key=key
                )
    held, then = amounts_text(cost), f"novacron vm start {number}"
    rows = {"VM": number, "host": where, "capacity": capacity, "held": held, "next": then}
    emit_sent(app, "Created", receipt, rows, vm=number, host=where, held=by_resource(cost))


@vm.command()
@_NUMBER
@wait_option
@timeout_option
@pass_app
def start(app: App, number: int, wait: bool, timeout: float) -> None:
    """Start VM NUMBER (Stopped, Failed or Suspended), and wait until it runs."""
    _command(app, number, VMs.start, "Started", State.RUNNING, frozenset({State.STARTING}), wait, timeout)


@vm.command()
@_NUMBER
@wait_option
@timeout_option
@pass_app
def stop(app: App, number: int, wait: bool, timeout: float) -> None:
    """Stop VM NUMBER; it is charged for no second after this."""
    _command(app, number, VMs.stop, "Stopped", State.STOPPED, frozenset({State.STOPPING}), wait, timeout)


@vm.command()
@_NUMBER
@pass_app
def pause(app: App, number: int) -> None:
    """Pause VM NUMBER for 24 hours at most; it is charged for no second from now on."""
    _command(app, number, VMs.pause, "Paused", State.PAUSED, frozenset(), False, 1.0)


@vm.command()
@_NUMBER
@wait_option
@timeout_option
@pass_app
def resume(app: App, number: int, wait: bool, timeout: float) -> None:
    """Run paused VM NUMBER on."""
    _command(app, number, VMs.resume, "Resumed", State.RUNNING, frozenset({State.STARTING}), wait, timeout)


@vm.command()
@_NUMBER
@pass_app
def terminate(app: App, number: int) -> None:
    """End the lease of VM NUMBER, in any state. What is not used goes to your prepaid balance: then withdraw it."""
    _command(app, number, VMs.terminate, "Terminated", State.TERMINATED, frozenset(), False, 1.0)


@vm.command()
@_NUMBER
@pass_app
def expire(app: App, number: int) -> None:
    """Do to VM NUMBER what time has decided: a deadline passed, its funds ran out, its host vanished. Anybody may."""
    _command(app, number, VMs.expire, "Expired", None, frozenset(), False, 1.0)


def _command(
    app: App,
    number: int,
    send: Callable[[VMs, Account, int], TransactionReceipt],
    title: str,
    goal: State | None,
    on_the_way: frozenset[State],
    wait: bool,
    timeout: float,
) -> None:
    with acting(app, COMPUTE_ADVICE) as account:
        vms = VMs(account.deployment)
        receipt = send(vms, account, number)
        found = vms.vm(number)
        if wait and goal is not None and found.state is not goal:
            found = vms.wait(
                number, lambda one: one.state is goal, on_the_way=on_the_way, timeout=timeout, notify=teller(app)
            )
    rows = {"state": label(found.state), "that is": ADVICE[found.state], "epoch": found.epoch}
    emit_sent(app, f"{title}: VM {number}", receipt, rows, **found.to_dict())


def teller(app: App) -> Callable[[VM], None]:
    """Says where a VM is, on standard error."""
    return lambda one: progress(app, f"VM {one.id} is {label(one.state)}: {ADVICE[one.state]}")


def _host_in(account: Account, region: str | None, provider: str | None) -> int:
    if region is None or provider is None:
        raise click.UsageError("where? Give --host, or --region and --provider (novacron host list)")
    number = Hosts(account.deployment).host_in(provider, region)
    if number == 0:
        raise MachineError(
            f"{provider} has no host in {region}; list those that are there: novacron host list --region {region}"
        )
    return number


def _default_store(account: Account) -> Path:
    """The embedded store beside the network's journal."""
    return Path(account.manager.journal.path).parent / "storage"


def _files(words: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not separator or not name or not path:
            raise InputError(f"--file {word!r}: write NAME=PATH, such as image.qcow2=./image.qcow2")
        found[name] = Path(path)
    return found
