"""Gas of every operation, exact to the unit, on prague:
`python -m tests.gas.snapshot [--write]`.

Whole transactions, intrinsic gas and calldata included. Inputs and times are fixed, so the figures change only when the
contracts, the compiler or its settings do; digests have no zero byte, which would be cheaper. A run, a digest and a
record are each written for the first time. Deployment is left out: its calldata ends in a hash of the comments.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import Web3

from novacron.chain.anvil import Anvil
from tests.contracts import rfc9162_reference as rfc
from tests.gas.book import measure_book
from tests.gas.compute import measure_compute
from tests.gas.governance import measure_governance
from tests.gas.market import BOUNDS as MARKET_BOUNDS
from tests.gas.market import measure_market
from tests.gas.models import BOUNDS as MODEL_BOUNDS
from tests.gas.models import measure_models
from tests.gas.quantum import BOUNDS as QUANTUM_BOUNDS
from tests.gas.quantum import measure_quantum
from tests.gas.sla import measure_sla
from tests.support.contracts import deploy

SNAPSHOT = Path(__file__).with_name("snapshot.json")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "gas.md"
BEGIN, END = "<!-- figures of {section} in tests/gas/snapshot.json -->", "<!-- end of the figures of {section} -->"
COMMAND = "python -m tests.gas.snapshot --write"


@dataclass(frozen=True)
class Bound:
    """What the project promises for an operation: gas of the transaction divided by `records`."""

    limit: int
    records: int = 1


BOUNDS = {
    "anchor": Bound(46_600),
    "anchor, metadata 512 B": Bound(61_000),
    "anchorBatch of 1,000": Bound(50, records=1_000),
    "extendRun 999 to 1,000, owner": Bound(60_000),
    "extendRun 1,000 to 1,001, recorder": Bound(60_000),
    "storeHash": Bound(85_000),
    "storeHash, metadata 512 B": Bound(250_000),
    "propose, one action": Bound(75_000),
    "castVote, first": Bound(90_000),
    "delegate, depth 1": Bound(130_000),
    "transfer, both undelegated, neither verified": Bound(60_000),
    "transfer, one at depth 8, the other not verified": Bound(160_000),
    **{name: Bound(limit) for name, limit in MARKET_BOUNDS.items()},
    "fill of a sell, the maker's first pay": Bound(100_000),
    "fill of a buy, the maker's first pay": Bound(100_000),
    "stake": Bound(130_000),
    "VM: createVM": Bound(260_000),
    "VM: start": Bound(55_000),
    "VM: acknowledgeStart": Bound(55_000),
    "VM: acknowledgeStop": Bound(55_000),
    "VM: stop": Bound(85_000),
    "VM: settle": Bound(85_000),
    "SLA: reportViolation, evidence of 5 monitors": Bound(200_000),
    "SLA: reportViolation of a VM, evidence of 5 monitors": Bound(200_000),
    "SLA: recordMeasurement, 5 monitors": Bound(200_000),
    "SLA: finalise, undisputed": Bound(200_000),
    **{name: Bound(limit) for name, limit in {**MODEL_BOUNDS, **QUANTUM_BOUNDS}.items()},
}

Figures = dict[str, dict[str, int]]
"""Gas used by section and operation."""


def digest(name: str) -> bytes:
    """32 bytes without a zero among them, a function of `name`."""
    return hashlib.sha256(name.encode()).digest().replace(b"\0", b"\1")


def noise(length: int) -> bytes:
    """Metadata that does not compress, without a zero byte."""
    return b"".join(digest(f"metadata {i}") for i in range(length // 32 + 1))[:length]


def text(length: int) -> str:
    """The same as characters of one byte each."""
    return noise(length).hex()[:length]


def measure() -> Figures:
    """All sections, each from a chain of its own."""
    return {
        "ProofOfTraining": measure_proof_of_training(),
        "Governance": measure_governance(),
        "Curve and pool": measure_market(),
        "Orders and staking": measure_book(),
        "VMs": {f"VM: {name}": used for name, used in measure_compute().items()},
        "Models": measure_models(),
        "Post-quantum verifiers": measure_quantum(),
        "Agreements": {f"SLA: {name}": used for name, used in measure_sla().items()},
    }


def measure_proof_of_training() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    figures: dict[str, int] = {}
    with Anvil() as node:
        w3 = Web3(Web3.HTTPProvider(node.url))
        deployer, sender, recorder = (str(account) for account in w3.eth.accounts[:3])
        proof = deploy(w3, "ProofOfTraining", deployer, sender=deployer)
        f = proof.functions

        def gas(name: str, function: Any, caller: str = sender) -> None:
            receipt = w3.eth.wait_for_transaction_receipt(function.transact({"from": caller}), poll_latency=0.005)
            if receipt["status"] != 1:
                raise RuntimeError(f"{name} reverted")
            figures[name] = int(receipt["gasUsed"])

        gas("anchor", f["anchor(bytes32)"](digest("plain")))
        for length in (0, 32, 512, 2_048):
            function = f["anchor(bytes32,bytes)"](digest(f"with {length}"), noise(length))
            gas(f"anchor, metadata {length:,} B", function)
        gas("anchorBatch of 1,000", f.anchorBatch(digest("batch"), 1_000, b""))
        gas("anchorBatch of 1,000, metadata 512 B", f.anchorBatch(digest("batch with"), 1_000, noise(512)))
        for count in (1, 10, 100):
            gas(f"anchorMany of {count}", f.anchorMany([digest(f"many {count} {i}") for i in range(count)]))

        salt, manifest = digest("salt"), digest("manifest")
        run = f.runId(sender, salt, manifest).call()
        leaves = [digest(f"leaf {i}") for i in range(1_500)]
        gas("openRun", f.openRun(salt, manifest))
        gas("setRecorder", f.setRecorder(run, recorder, True))
        steps = ((0, 999, "owner"), (999, 1_000, "owner"), (1_000, 1_001, "recorder"), (1_001, 1_500, "owner"))
        for old, new, who in steps:
            path = rfc.consistency_proof(old, leaves[:new])
            function = f.extendRun(run, new, rfc.root(leaves[:new]), path)
            caller = recorder if who == "recorder" else sender
            gas(f"extendRun {old:,} to {new:,}, {who}", function, caller)
        gas("sealRun", f.sealRun(run, digest("model")))

        gas("storeHash, the very first", f.storeHash(digest("first").hex(), ""))
        gas("storeHash", f.storeHash(digest("record").hex(), ""))
        for length in (32, 33, 512, 2_048):
            gas(f"storeHash, metadata {length:,} B", f.storeHash(digest(f"record {length}").hex(), text(length)))
        gas("pauseContract", f.pauseContract(), deployer)
        gas("unpauseContract", f.unpauseContract(), deployer)
        gas("transferOwnership", f.transferOwnership(sender), deployer)
        gas("acceptOwnership", f.acceptOwnership())
    return figures


def broken_bounds(figures: Figures) -> list[str]:
    """The promises that these figures break, as sentences."""
    used = {name: gas for section in figures.values() for name, gas in section.items()}
    return [
        f"{name}: {used[name] / bound.records:,.1f} gas a record, promised at most {bound.limit:,}"
        for name, bound in BOUNDS.items()
        if used[name] > bound.limit * bound.records
    ]


def table(figures: dict[str, int]) -> str:
    """Markdown for docs/gas.md."""
    lines = ["| Operation | Gas | Promise |", "|---|---:|---:|"]
    for name, used in figures.items():
        bound = BOUNDS.get(name)
        promise = "" if bound is None else f"≤ {bound.limit * bound.records:,}"
        lines.append(f"| {name} | {used:,} | {promise} |")
    return "\n".join(lines)


def with_tables(document: str, figures: Figures) -> str:
    """The text of docs/gas.md with the figures of each section between its two markers."""
    for section, used in figures.items():
        begin, end = BEGIN.format(section=section), END.format(section=section)
        before, after = document[: document.index(begin) + len(begin)], document[document.index(end) :]
        document = f"{before}\n{table(used)}\n{after}"
    return document


def main(arguments: list[str] | None = None) -> int:
    """Print the table; with --write keep the figures in snapshot.json. 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description="Gas of every operation, exact to the unit")
    parser.add_argument("--write", action="store_true", help="rewrite snapshot.json and docs/gas.md")
    options = parser.parse_args(arguments)
    figures = measure()
    for section, used in figures.items():
        print(f"{section}\n{table(used)}\n")
    for sentence in broken_bounds(figures):
        print(sentence, file=sys.stderr)
    if options.write:
        SNAPSHOT.write_text(json.dumps(figures, indent=2) + "\n")
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), figures))
    return 1 if broken_bounds(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
