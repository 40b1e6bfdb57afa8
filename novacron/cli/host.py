"""`novacron host`: a provider's hosts, and what auditors attest of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.network import acting, reading, require_finished
from novacron.cli.options import capacity_of, capacity_options, emit_sent, key_option, parse_moment, span_text
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.hosts import Host, Hosts
from novacron.compute.quantities import parse_seconds
from novacron.exceptions import InputError, InvalidDigestError
from novacron.market.advice import moment
from novacron.market.quotes import head_time
from novacron.provenance.digest import parse_digest

_NUMBER = click.argument("number", type=click.IntRange(min=1))


@click.group()
def host() -> None:
    """Hosts that VMs are leased on: register, have them attested, announce maintenance. See docs/provider.md."""


@host.command("list")
@click.option("--region", help="Hosts in this region only.")
@click.option("--provider", help="Hosts of this account only.")
@pass_app
def list_(app: App, region: str | None, provider: str | None) -> None:
    """List hosts and what is free on them."""
    with reading(app) as deployment:
        now = head_time(deployment.pool)
        found = list(Hosts(deployment).hosts(provider=provider, region=region))
    rows = [(one.id, one.region, one.status(now), str(one.free), one.provider) for one in found]
    columns = ("host", "region", "status", "free", "provider")
    app.emit([_data(one, now) for one in found], rows_table("Hosts", columns, rows))


@host.command()
@_NUMBER
@click.option("--holder", help="Also say what this account could lease.")
@pass_app
def show(app: App, number: int, holder: str | None) -> None:
    """Print host NUMBER: whether it is alive, what is attested, leased, kept and free."""
    with reading(app) as deployment:
        hosts, now = Hosts(deployment), head_time(deployment.pool)
        one, maintenances = hosts.host(number), hosts.maintenances(number)
        available = None if holder is None else hosts.available_to(number, holder)
    rows: dict[str, Any] = {
        "provider": one.provider,
        "agent": one.agent,
        "region": one.region,
        "status": one.status(now),
        "last heartbeat": f"{span_text(now - one.last_heartbeat)} ago"
        if one.last_heartbeat
        else "never: run its agent",
        "attested until": moment(one.attested_until) if one.attested_until else "not attested",
        "attested": one.attested,
        "leased": one.leased,
        "kept for reservations": one.open,
        "free": one.free,
        "reservable": one.reservable,
    }
    if available is not None:
        rows[f"available to {holder}"] = available
    for one_time in maintenances:
        rows[f"maintenance {moment(one_time.start)}"] = f"until {moment(one_time.end)}"
    data = _data(one, now) | {
        "maintenances": [{"start": each.start, "end": each.end} for each in maintenances],
        "available": None if available is None else available.to_dict(),
    }
    app.emit(data, facts(f"Host {number}", rows))


@host.command()
@click.argument("region")
@click.option("--agent", required=True, help="Address of the key that the agent on the host signs with.")
@key_option
@pass_app
def register(app: App, region: str, agent: str, key: str | None) -> None:
    """Register a host of yours in REGION. Next: have it attested, and run its agent."""
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        number, receipt = Hosts(account.deployment).register(account, region, agent, key=key)
    emit_sent(app, "Registered", receipt, {"host": number, "region": region, "agent": agent}, host=number)


@host.command()
@_NUMBER
@capacity_options
@click.option("--until", required=True, help="Such as +180 days, or 2027-01-01T00:00Z.")
@click.option("--evidence", required=True, help="The report: a file, or the 64 hexadecimal digits of its SHA-256.")
@key_option
@pass_app
def attest(app: App, /, number: int, until: str, evidence: str, key: str | None, **words: str) -> None:
    """Attest what host NUMBER carries, as an auditor. Less than is reserved ends all reservations of the host."""
    capacity = capacity_of(words)
    digest = _evidence(evidence)
    with acting(app, COMPUTE_ADVICE) as account:
        end = parse_moment(until, head_time(account.deployment.pool), "--until")
        require_finished(app, account, key)
        receipt = Hosts(account.deployment).attest(account, number, capacity, end, digest, key=key)
    rows = {"carries": capacity, "until": moment(end), "evidence": digest}
    emit_sent(app, f"Host {number} attested", receipt, rows, host=number, until=end, evidence=digest.hex())


@host.command()
@_NUMBER
@click.argument("what", type=click.Choice(["on", "off"]))
@key_option
@pass_app
def accepting(app: App, number: int, what: str, key: str | None) -> None:
    """Have host NUMBER take new VMs (on), or no more (off); those it has stay."""
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Hosts(account.deployment).set_accepting(account, number, what == "on", key=key)
    emit_sent(app, f"Host {number}", receipt, {"takes new VMs": what}, host=number, accepting=what == "on")


@host.command("agent")
@_NUMBER
@click.argument("address")
@key_option
@pass_app
def agent_(app: App, number: int, address: str, key: str | None) -> None:
    """Give host NUMBER another agent key; the old one can do nothing any more."""
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Hosts(account.deployment).set_agent(account, number, address, key=key)
    emit_sent(app, f"Host {number}", receipt, {"agent": address}, host=number, agent=address)


@host.command("default")
@_NUMBER
@key_option
@pass_app
def default_(app: App, number: int, key: str | None) -> None:
    """Make host NUMBER the one that a move to its region means."""
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Hosts(account.deployment).set_host_in_region(account, number, key=key)
    emit_sent(app, f"Host {number}", receipt, {"stands for its region": "yes"}, host=number)


@host.command()
@_NUMBER
@capacity_options
@key_option
@pass_app
def reservable(app: App, /, number: int, key: str | None, **words: str) -> None:
    """Say how much of host NUMBER stakers may reserve."""
    capacity = capacity_of(words)
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Hosts(account.deployment).set_reservable(account, number, capacity, key=key)
    emit_sent(app, f"Host {number}", receipt, {"reservable": capacity}, host=number, reservable=capacity.to_dict())


@host.group()
def maintenance() -> None:
    """Announced maintenance: agreements leave that time out. 24 hours ahead, for 4 hours at most, every 10 days."""


@maintenance.command()
@_NUMBER
@click.option("--start", required=True, help="Such as +25 h, or 2026-12-01T02:00Z.")
@click.option("--for", "length", required=True, help='How long, such as "2 h".')
@key_option
@pass_app
def announce(app: App, number: int, start: str, length: str, key: str | None) -> None:
    """Announce that host NUMBER is down for a time."""
    seconds = parse_seconds(length, "--for")
    if seconds == 0:
        raise InputError(f"--for {length!r}: maintenance takes some time")
    with acting(app, COMPUTE_ADVICE) as account:
        require_finished(app, account, key)
        begin = parse_moment(start, head_time(account.deployment.pool), "--start")
        receipt = Hosts(account.deployment).announce_maintenance(account, number, begin, begin + seconds, key=key)
    rows = {"from": moment(begin), "until": moment(begin + seconds)}
    emit_sent(app, f"Maintenance of host {number}", receipt, rows, host=number, start=begin, end=begin + seconds)


@maintenance.command()
@_NUMBER
@key_option
@pass_app
def cancel(app: App, number: int, key: str | None) -> None:
    """Take back the maintenance of host NUMBER that has not begun."""
    with acting(app, COMPUTE_ADVICE) as account:
        receipt = Hosts(account.deployment).cancel_maintenance(account, number, key=key)
    emit_sent(app, f"Maintenance of host {number} cancelled", receipt, {}, host=number)


def _evidence(words: str) -> bytes:
    """SHA-256 of a file, or the digest itself."""
    path = Path(words)
    if not path.is_file():
        try:
            return parse_digest(words)
        except InvalidDigestError:
            raise InputError(
                f"--evidence {words!r} is no file, and not the 64 hexadecimal digits of a SHA-256"
            ) from None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _data(one: Host, now: int) -> dict[str, Any]:
    return {**one.to_dict(), "status": one.status(now)}
