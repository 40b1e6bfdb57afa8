"""What `ape run deploy` and `ape run verify_deployment` print."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from novacron.deploy.handover import HandoverReport
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.preview import Preview
from novacron.deploy.run import DeployEvent
from novacron.deploy.verify import VerificationReport

_DONE = {
    "compiled": "compiled",
    "found": "found",
    "intent": "journal: intent",
    "signed": "journal: signed",
    "broadcast": "handed to the node",
    "sent": "journal: sent",
    "mined": "journal: mined",
    "confirmed": "confirmed",
    "checked": "checked",
    "recorded": "recorded",
    "done": "took effect",
}


def amount(wei: int, symbol: str) -> str:
    """Wei in the native currency, six significant digits."""
    return f"{wei / 10**18:.6g} {symbol}"


def preview_table(preview: Preview, title: str, symbol: str) -> Table:
    """The dry run: address, whether it exists, gas and cost of each instance, and the sum."""
    table = Table(title=title, caption=_fees(preview, symbol), title_justify="left", caption_justify="left")
    for heading in ("instance", "address", "exists"):
        table.add_column(heading, no_wrap=heading == "address")
    table.add_column("gas", justify="right")
    table.add_column(f"cost ({symbol})", justify="right")
    table.add_column("note")
    for row in preview.rows:
        cost = preview.cost(row)
        table.add_row(
            row.instance if row.instance == row.contract else f"{row.instance} ({row.contract})",
            row.address,
            "yes" if row.exists else "no",
            "unknown" if row.gas is None else f"{row.gas:,}",
            "unknown" if cost is None else f"{cost / 10**18:.6g}",
            escape(row.note),
        )
    known = sum(row.gas or 0 for row in preview.rows)
    table.add_section()
    table.add_row("total", "", "", f"{known:,}", f"{preview.total / 10**18:.6g}", "")
    return table


def _fees(preview: Preview, symbol: str) -> str:
    text = f"at {preview.price / 10**9:.6g} gwei; the account has {amount(preview.balance, symbol)}"
    if preview.balance < preview.reserve:
        text += f", and may need up to {amount(preview.reserve, symbol)}: fund it first"
    return text


def manifest_table(manifest: DeploymentManifest) -> Table:
    """What is deployed on a network."""
    table = Table(title=f"{manifest.network}, chain {manifest.chain_id}", title_justify="left")
    for heading in ("instance", "address", "block", "transaction"):
        table.add_column(heading, overflow="fold")
    for name, record in sorted(manifest.instances.items()):
        block = "" if record.block_number is None else str(record.block_number)
        table.add_row(name, record.address, block, record.transaction_hash or "deployed by somebody else")
    return table


def verification_table(report: VerificationReport) -> Table:
    """One line for each instance, and its immutables below."""
    manifest = report.manifest
    table = Table(title=f"{manifest.network}, chain {manifest.chain_id}", title_justify="left")
    for heading in ("instance", "address", "code", "source", "notes"):
        table.add_column(heading, no_wrap=heading == "address")
    for item in report.instances:
        verdict = "[bold red]DIFFERS[/]" if item.findings else "[green]equal[/]"
        if not item.findings:
            verdict += ", every byte" if item.exact else ", immutables masked"
        notes = [*item.notes, *(f"{value.type} {value.name} = {value.value}" for value in item.immutables)]
        table.add_row(item.instance, item.address, f"{item.code_size:,} bytes", verdict, escape("\n".join(notes)))
    return table


def handover_table(report: HandoverReport) -> Table:
    """One line for each kind of check."""
    manifest = report.manifest
    table = Table(title=f"{manifest.network}, chain {manifest.chain_id}", title_justify="left")
    table.add_column("checked")
    table.add_column("facts", justify="right")
    table.add_column("result")
    for section in report.sections:
        count = len(section.findings)
        verdict = f"[bold red]{count} {'finding' if count == 1 else 'findings'}[/]" if count else "[green]as planned[/]"
        table.add_row(section.name, f"{section.checked:,}", verdict)
    return table


def print_event(console: Console, event: DeployEvent) -> None:
    """One progress line."""
    subject = f"{event.instance}: " if event.instance else ""
    detail = f" ({event.detail})" if event.detail else ""
    console.print(f"  {subject}{_DONE[event.step]}{detail}", highlight=False, markup=False, soft_wrap=True)
