"""After the execution: what a proposal really did, beside what was predicted; and reports checked against the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.answers import same_hex
from novacron.exceptions import InconsistentEndpointError, ProposalStateError, TraceUnavailableError
from novacron.governance.authoring import parse_description
from novacron.governance.decoding.effects import Bookkeeping, EffectsReader
from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.lifecycle.drift import DriftRow, Outcome, compare
from novacron.governance.model import Effects, Proposal, calldata_hash
from novacron.governance.onchain import Core, GovernorReader, short_id
from novacron.governance.reporting.html import render_html
from novacron.governance.reporting.markdown import render_markdown
from novacron.governance.reporting.report import effects_document


@dataclass(frozen=True)
class Verification:
    """Actual effects of an execution against the predicted ones.

    Attributes:
        transaction: hash of the execution.
        differences: empty when it did what was predicted.
        complete: False where the node offers no traces, and only events were compared.
        inside: contract (such as a Safe) whose transaction it was; what that one noted of itself is left out.
    """

    transaction: str
    differences: tuple[DriftRow, ...]
    complete: bool
    inside: str | None = None

    @property
    def matches(self) -> bool:
        """Whether it did what was predicted, as far as that could be seen."""
        return not self.differences


def verify_execution(
    reader: GovernorReader, proposal: Proposal, description: str, predicted: Outcome, book: LayoutBook | None = None
) -> Verification:
    """Compare an executed proposal with its prediction.

    Raises:
        ProposalStateError: it was not executed through the Governor.
        ChainError: the chain does not answer.
    """
    bookkeeping = Bookkeeping.of(reader.dao, proposal, description)
    event = reader.event_of(bookkeeping.proposal, "ProposalExecuted")
    if event is None or event.transaction_hash is None or event.block_number is None:
        raise ProposalStateError(f"{proposal.name} ({short_id(bookkeeping.proposal)}) was not executed by the Governor")
    block = reader.dao.pool.request("eth_getBlockByNumber", [hex(event.block_number), False])
    if not isinstance(block, dict):
        raise InconsistentEndpointError(f"the node does not have block {event.block_number} any more")
    at = int(block["timestamp"], 16)
    effects_reader = EffectsReader(reader.dao.pool, reader.dao, book)
    complete = True
    try:
        actual = effects_document(effects_reader.effects(event.transaction_hash, bookkeeping))
        expected: Mapping[str, Any] = predicted.effects
    except TraceUnavailableError:
        complete = False
        actual = _events_only(
            effects_document(_from_receipt(effects_reader, reader, event.transaction_hash, bookkeeping))
        )
        expected = _events_only(predicted.effects)
    around = _sent_to(reader, event.transaction_hash)
    if around is not None:
        actual = _without(actual, around, expected)
    rows = compare(Outcome(expected, predicted.at), Outcome(actual, at))
    return Verification(event.transaction_hash, tuple(rows), complete, around)


def _sent_to(reader: GovernorReader, transaction: str) -> str | None:
    """The contract that called the Governor, None when the transaction went to the Governor itself."""
    found = reader.dao.pool.request("eth_getTransactionByHash", [transaction])
    target = found.get("to") if isinstance(found, dict) else None
    if not target or same_hex(target, reader.governor.address):
        return None
    return parse_address(str(target).lower())


def _without(effects: Mapping[str, Any], contract: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Effects without those of one contract, unless the proposal was to touch it itself."""
    kept = dict(effects)
    for kind in ("writes", "events"):
        if all(item["address"] != contract for item in expected[kind]):
            kept[kind] = [item for item in effects[kind] if item["address"] != contract]
    return kept


def _from_receipt(
    effects_reader: EffectsReader, reader: GovernorReader, transaction: str, bookkeeping: Bookkeeping
) -> Effects:
    """The events of a transaction, which every node has; without the proposal's bookkeeping."""
    receipt = reader.dao.pool.request("eth_getTransactionReceipt", [transaction])
    effects_reader.contracts.at(int(receipt["blockNumber"], 16))
    events = [effects_reader.event_of(log) for log in receipt["logs"]]
    return Effects(events=tuple(one for one in events if bookkeeping.of_event(one) is None))


def _events_only(effects: Mapping[str, Any]) -> dict[str, Any]:
    return {"writes": [], "events": effects["events"], "roles": [], "transfers": [], "created": []}


@dataclass(frozen=True)
class Check:
    """One statement of a proposal's description, and whether it holds."""

    what: str
    holds: bool
    detail: str


def verify_report(core: Core, report: bytes) -> list[Check]:
    """Recompute what the description of a proposal on the chain says: anybody with report.json can do this.

    Args:
        core: the proposal as the chain has it.
        report: the bytes of report.json.
    """
    parts = parse_description(core.description)
    digest = hashlib.sha256(report).digest()
    calls = calldata_hash(list(core.targets), list(core.values), list(core.calldatas))
    return [
        _hash_check("report", parts.report_hash, digest),
        _hash_check("calldata", parts.calldata_hash, calls),
        Check(
            "proposer",
            parts.proposer == core.proposer,
            f"the description names {parts.proposer or 'nobody'}, proposed by {core.proposer}",
        ),
    ]


def verify_pages(report: bytes, folder: Path) -> list[Check]:
    """Render the announced report again and compare it with the pages in `folder` that people read.

    Args:
        report: the bytes of report.json, whose hash the description holds.
        folder: where report.md and report.html may lie; a page that is not there is not checked.
    """
    document = json.loads(report)
    pages = {"report.md": render_markdown(document), "report.html": render_html(document)}
    return [
        Check(name, (folder / name).read_bytes() == text.encode(), "compared with what report.json says, to the byte")
        for name, text in pages.items()
        if (folder / name).is_file()
    ]


def _hash_check(what: str, stated: bytes | None, found: bytes) -> Check:
    if stated is None:
        return Check(what, False, f"the description has no {what} hash; recomputed: {found.hex()}")
    return Check(what, stated == found, f"the description says {stated.hex()}, recomputed: {found.hex()}")
