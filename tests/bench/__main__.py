"""`make bench`: prints the tables that docs/benchmarks.md quotes."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import gas, governance, market, models, throughput, vectors


def main() -> None:
    """Print every table."""
    console = Console()
    console = console if console.is_terminal else Console(width=130)
    table = Table(title="Gas, whole transaction, first write, prague rules", title_justify="left")
    for column in ("contract", "operation"):
        table.add_column(column)
    for column in ("gas", "records", "gas a record"):
        table.add_column(column, justify="right")
    table.add_column("note")
    for row in gas.measure():
        ours = "bold" if row.contract == "ProofOfTraining" else ""
        table.add_row(
            row.contract,
            row.operation,
            f"{row.gas:,}",
            f"{row.records:,}",
            f"{row.per_record:,.1f}",
            row.note,
            style=ours,
        )
    console.print(table)

    table = Table(title="Governing, gas beside a plain OpenZeppelin Governor, prague rules", title_justify="left")
    table.add_column("step")
    for column in ("Governance", "OpenZeppelin", "difference"):
        table.add_column(column, justify="right")
    for step in governance.measure():
        table.add_row(step.step, f"{step.ours:,}", f"{step.plain:,}", f"{step.ratio - 1:+.1%}")
    console.print(table)

    console.print(market.table(market.measure()))

    if importlib.util.find_spec("libvirt") is None:
        console.print("The agent: left out, Python's libvirt binding is not installed.")
    else:
        from tests.bench import agent

        agent.show(console)

    models.show(console)
    vectors.show(console)

    table = Table(title="Raw entries to anchored and proven (seconds)", title_justify="left")
    for column in ("records", "hash", "tree", "anchor", "prove", "verify", "records/s", "tree: node", "tree: ours is"):
        table.add_column(column, justify="right")
    for stage in throughput.growth():
        node = stage.node_tree
        table.add_row(
            f"{stage.records:,}",
            *(f"{stage.seconds[name]:.3f}" for name in ("hash", "tree", "anchor", "prove", "verify")),
            f"{stage.rate:,.0f}",
            "–" if node is None else f"{node:.3f}",
            "–" if node is None else f"{node / stage.seconds['tree']:.1f}x faster",
        )
    console.print(table)

    table = Table(
        title="The same through the client: durable outbox, one transaction, a proof each", title_justify="left"
    )
    for column in ("records", "hash, store, anchor, prove (s)", "verify (s)", "records/s, all of it"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for size, stored, verified in throughput.client_growth(Path(folder)):
            table.add_row(f"{size:,}", f"{stored:.3f}", f"{verified:.3f}", f"{size / (stored + verified):,.0f}")
    console.print(table)

    table = Table(title="Transparency log in SQLite (durable)", title_justify="left")
    for column in ("entries", "appended/s", "inclusion proof, µs"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for size, rate, proof in throughput.log_growth(Path(folder)):
            table.add_row(f"{size:,}", f"{rate:,.0f}", f"{proof:,.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
