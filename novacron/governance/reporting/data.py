"""The report of a simulation as one canonical JSON document, and its hash.

The document holds nothing that depends on the proposal's description, into which its own hash goes: no proposal id, no
operation id. Simulating the same file at the same block gives the same bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from novacron.governance import units
from novacron.governance.contract_proxy import NamedAddress
from novacron.governance.model import (
    Action,
    Effects,
    ElectorateAnalysis,
    EventRecord,
    Finding,
    Simulation,
    Transfer,
    Write,
)
from novacron.governance.suite import NOBODY
from novacron.provenance.digest import canonical_json, sha256

__all__ = [
    "FORMAT",
    "NOBODY",
    "document_hash",
    "effects_document",
    "effects_hash",
    "plain",
    "report_bytes",
    "report_document",
]

FORMAT = "novacron-proposal-report-v1"
#: Beyond it JSON numbers are not exact everywhere (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2).
_EXACT = 2**53 - 1
#: Proposal and operation ids, and what else only the description decides, as keys of the governor's own records.
_OWN_KEY = re.compile(r"\[(?:0x[0-9a-fA-F]{64}|\d{30,})\]")


def report_document(simulation: Simulation) -> dict[str, Any]:
    """Everything that the simulation found, as plain JSON values; integers beyond 2^53 - 1 as decimal text."""
    proposal, effects = simulation.proposal, simulation.effects
    return {
        "format": FORMAT,
        "proposal": {
            "name": proposal.name,
            "title": proposal.title,
            "body": proposal.body,
            "expects": [str(expectation) for expectation in proposal.expects],
            "calldata_hash": "0x" + proposal.calldata_hash.hex(),
        },
        "chain": {
            "id": simulation.chain_id,
            "block_number": simulation.block_number,
            "block_hash": simulation.block_hash,
        },
        "proposer": simulation.proposer,
        "ok": simulation.ok,
        "executed": simulation.executed,
        "executed_at": simulation.executed_at,
        "verdict": _verdict(simulation),
        "actions": [_action(action) for action in proposal.actions],
        "effects": effects_document(effects),
        "balances": _balances(effects.transfers),
        "bookkeeping": sorted({_bookkeeping(item) for item in effects.bookkeeping}),
        "gas": [{"step": step.step, "gas": step.gas} for step in simulation.gas],
        "findings": [_finding(finding) for finding in simulation.findings],
        "code": [{"target": target, "verdict": verdict} for target, verdict in simulation.code],
        "electorate": None if simulation.electorate is None else _electorate(simulation.electorate),
        "orders": [{"order": list(o.order), "ok": o.ok, "reason": o.reason} for o in simulation.orders],
    }


def effects_document(effects: Effects) -> dict[str, Any]:
    """What a transaction changed, as plain JSON values, without the proposal's own bookkeeping.

    Two executions did the same exactly when these are equal.
    """
    return {
        "writes": [_write(write) for write in effects.writes],
        "events": [_event(event) for event in effects.events],
        "roles": [
            {"contract": role.contract, "role": role.role, "account": role.account, "change": role.change}
            for role in effects.roles
        ],
        "transfers": [
            {
                "token": item.token,
                "source": item.source,
                "to": item.to,
                "amount": plain(item.amount),
                "human": units.amount(item.amount, item.token) if item.token in units.TOKENS else "",
            }
            for item in effects.transfers
        ],
        "created": list(effects.created),
    }


def report_bytes(document: Mapping[str, Any]) -> bytes:
    """The document as the file `report.json` holds it: canonical JSON (RFC 8785), no newline at the end.

    Raises:
        InputError: a value that JSON cannot hold.
    """
    return canonical_json(document)


def document_hash(document: Mapping[str, Any]) -> bytes:
    """SHA-256 of `report_bytes(document)`, 32 bytes: what `sha256sum report.json` prints."""
    return sha256(report_bytes(document))


def effects_hash(effects: Effects) -> bytes:
    """SHA-256 of the canonical JSON of `effects_document(effects)`, 32 bytes: names one outcome exactly."""
    return sha256(canonical_json(effects_document(effects)))


def plain(value: Any) -> Any:
    """A decoded value as JSON holds it: bytes as 0x-hexadecimal text, large integers as decimal text."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(int(value))
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return str(value)


# --------------------------------------------------------------------------------------------------------------------
# Parts of the document
# --------------------------------------------------------------------------------------------------------------------


def _verdict(simulation: Simulation) -> str:
    errors = [finding for finding in simulation.findings if finding.severity == "error"]
    if not simulation.executed:
        return "It does not execute."
    if not errors:
        return "It executes, and everything that it changes is explained."
    unexplained = sum(finding.check == "expects" for finding in errors)
    counts = (
        (unexplained, "difference", "from what its author expects"),
        (len(errors) - unexplained, "failed check", ""),
    )
    reasons = [f"{count} {what}{'' if count == 1 else 's'} {rest}".strip() for count, what, rest in counts if count]
    return f"It executes, but: {' and '.join(reasons)}."


def _action(action: Action) -> dict[str, Any]:
    return {
        "target": action.target,
        "contract": action.contract,
        "signature": action.signature,
        "arguments": [
            {"name": name, "value": plain(value), "human": _said(action.contract, name, value)}
            for name, value in action.arguments
        ],
        "value": plain(action.value),
        "value_human": units.amount(action.value, "ETH") if action.value else "",
        "calldata": "0x" + action.calldata.hex(),
    }


def _said(contract: str, name: str, value: Any) -> str:
    if isinstance(value, NamedAddress):
        return value.name
    if isinstance(value, tuple) and any(isinstance(item, NamedAddress) for item in value):
        return ", ".join(str(getattr(item, "name", item)) for item in value)
    return units.describe(contract, name, value)


def _write(write: Write) -> dict[str, Any]:
    before, after = (units.describe(write.contract, write.path, value) for value in (write.before, write.after))
    numbers = all(isinstance(v, int) and not isinstance(v, bool) for v in (write.before, write.after))
    return {
        "contract": write.contract,
        "address": write.address,
        "path": write.path,
        "type": write.type,
        "before": plain(write.before),
        "after": plain(write.after),
        "difference": plain(write.after - write.before) if numbers else None,
        "human_difference": units.describe_change(write.contract, write.path, write.before, write.after)
        if numbers
        else "",
        "human_before": before or (units.describe(write.contract, write.path, 0) if after and not write.before else ""),
        "human_after": after,
    }


def _event(event: EventRecord) -> dict[str, Any]:
    return {
        "contract": event.contract,
        "address": event.address,
        "event": event.event,
        "arguments": [
            {"name": name, "value": plain(value), "human": units.describe(event.contract, name, value)}
            for name, value in event.arguments
        ],
    }


def _balances(transfers: Sequence[Transfer]) -> list[dict[str, Any]]:
    """Net change of each account's balance of each token; minted and burnt amounts belong to nobody."""
    changes: defaultdict[tuple[str, str], int] = defaultdict(int)
    for item in transfers:
        changes[item.token, item.source] -= item.amount
        changes[item.token, item.to] += item.amount
    return [
        {
            "token": token,
            "account": account,
            "change": plain(change),
            "human": units.amount(change, token) if token in units.TOKENS else "",
        }
        for (token, account), change in sorted(changes.items())
        if change and account != NOBODY
    ]


def _bookkeeping(item: Write | EventRecord) -> str:
    """Only its name: keys and values hold the proposal's id, which the description and thus this report decide."""
    return _OWN_KEY.sub("[this proposal]", item.name)


def _finding(finding: Finding) -> dict[str, Any]:
    return {"severity": finding.severity, "check": finding.check, "message": finding.message}


def _electorate(analysis: ElectorateAnalysis) -> dict[str, Any]:
    return {
        "voters": [
            {"account": voter.account, "power": plain(voter.power), "share": round(voter.share, 6)}
            for voter in analysis.voters
        ],
        "total": plain(analysis.total),
        "quorum": plain(analysis.quorum),
        "carriers": list(analysis.carriers),
        "blockers": list(analysis.blockers),
        "turnout": round(analysis.turnout, 6),
    }
