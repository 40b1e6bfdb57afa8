"""How proposals, steps and differences are printed; shared by `novacron governance` and `ape run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from novacron.cli.app import App, facts, rows_table, safe_text
from novacron.exceptions import DriftError
from novacron.governance.lifecycle.drift import DriftRow
from novacron.governance.lifecycle.keeper import KeeperAction
from novacron.governance.lifecycle.outcome import Check
from novacron.governance.lifecycle.sending import Sent
from novacron.governance.lifecycle.steps import Prepared, Step
from novacron.governance.model import ProposalState, Voter
from novacron.governance.onchain import OnchainProposal
from novacron.governance.suite import Suite
from novacron.governance.units import moment

#: Exit codes beside 0 (done), 1 (error or refused) and 2 (wrong usage).
DRIFT, MISMATCH = 3, 4

_DONE = {"propose": "proposed", "queue": "queued", "execute": "executed"}


def hex_id(number: int) -> str:
    """A proposal id as all commands take it: 0x and 64 digits."""
    return f"0x{number:064x}"


def show_prepared(app: App, prepared: Prepared) -> None:
    """The outcome of a simulation."""
    simulation, stored, folder = prepared.simulation, prepared.stored, prepared.folder.path
    value: dict[str, Any] = {
        "name": prepared.folder.name,
        "ok": simulation.ok,
        "block": simulation.block_number,
        "proposer": simulation.proposer,
        "id": None if stored is None else hex_id(stored.id),
        "report_hash": None if stored is None or stored.parts.report_hash is None else stored.parts.report_hash.hex(),
        "calldata_hash": simulation.proposal.calldata_hash.hex(),
        "gas": {step.step: step.gas for step in simulation.gas},
        "findings": [vars(finding) for finding in simulation.findings],
        "orders": [{"order": list(one.order), "ok": one.ok, "reason": one.reason} for one in simulation.orders],
        "files": {name: str(folder / name) for name in ("report.html", "report.md", "report.json")},
    }

    def show(console: Console) -> None:
        effects = simulation.effects
        changes = [("write", write.name, f"{write.before} → {write.after}") for write in effects.writes]
        changes += [("event", one.name, ", ".join(f"{k}={v}" for k, v in one.arguments)) for one in effects.events]
        changes += [("role", f"{one.contract}.{one.role}", f"{one.change}: {one.account}") for one in effects.roles]
        changes += [("transfer", one.token, f"{one.source} → {one.to}: {one.amount}") for one in effects.transfers]
        if changes:
            rows_table("What it changes", ["kind", "name", "change"], changes)(console)
        findings = [(one.severity, one.check, one.message) for one in simulation.findings]
        if findings:
            rows_table("Findings", ["severity", "check", "message"], findings)(console)
        verdict = "passes" if simulation.ok else "FAILS; it cannot be submitted"
        rows = {"verdict": verdict, "id": value["id"], "calldata keccak256": value["calldata_hash"]}
        rows |= {"report sha256": value["report_hash"], "report": folder / "report.html"}
        facts(f"Simulation of {prepared.folder.name}", rows)(console)

    app.emit(value, show)


def show_step(app: App, step: Step) -> int:
    """What a step did; returns the exit code."""
    verification, sent = step.verification, step.sent
    value: dict[str, Any] = {
        "step": step.name,
        "proposal": hex_id(step.proposal),
        "outcome": step.outcome,
        "transaction": step.transaction,
        "accepted": [vars(row) for row in step.accepted],
    }
    words = {
        "done": f"{_DONE[step.name]}",
        "others": f"{_DONE[step.name]} already, by somebody else",
        "waiting": "waits for the signatures of the Safe's owners",
    }
    rows: dict[str, Any] = {"outcome": words[step.outcome], "id": hex_id(step.proposal)}
    if step.transaction is not None:
        rows["transaction"] = step.transaction
    if verification is not None:
        value["matches"], value["complete"] = verification.matches, verification.complete
        value["differences"] = [vars(row) for row in verification.differences]
        scope = "everything" if verification.complete else "its events (this node offers no traces of the rest)"
        rows["as predicted"] = f"yes, {scope}" if verification.matches else "NO, see the differences"
    if sent is not None:
        value["safe"] = safe_value(sent)
        rows |= _safe_rows(sent)

    def show(console: Console) -> None:
        if verification is not None and verification.differences:
            drift_table("Predicted and done", verification.differences, ("predicted", "done"))(console)
        facts(step.name.capitalize(), rows)(console)

    app.emit(value, show)
    return MISMATCH if verification is not None and not verification.matches else 0


def show_drift(app: App, error: DriftError) -> int:
    """The differences that stop a step; returns the exit code."""
    value = {
        "error": {"type": "DriftError", "message": str(error)},
        "accept_drift": error.effects_hash,
        "differences": [vars(row) for row in error.differences],
    }

    def show(console: Console) -> None:
        drift_table("Drift: nothing was sent", error.differences, ("pinned", "now"))(console)
        facts("Drift", {"why": str(error), "hash of these differences": error.effects_hash})(console)

    app.emit(value, show)
    return DRIFT


def drift_table(title: str, rows: Sequence[DriftRow], sides: tuple[str, str]) -> Any:
    """Differences as a table."""
    cells = [(row.kind, row.name, row.pinned, row.now, "only the start" if row.moved else "") for row in rows]
    return rows_table(title, ["kind", "name", *sides, "moved"], cells)


def show_proposals(app: App, proposals: Sequence[OnchainProposal], now: int) -> None:
    """A list of proposals."""
    value = [proposal_value(one) for one in proposals]
    rows = [
        (
            hex_id(one.id)[:18] + "…" if app.console.is_terminal else hex_id(one.id),
            one.title,
            one.state.name.lower(),
            one.tally.for_,
            one.tally.against,
            one.tally.abstain,
            one.quorum,
            next_moment(one, now),
        )
        for one in proposals
    ]
    columns = ["id", "title", "state", "for", "against", "abstain", "quorum", "next"]
    app.emit(value, rows_table(f"{len(rows)} proposals", columns, rows))


def proposal_value(one: OnchainProposal) -> dict[str, Any]:
    """A proposal as JSON."""
    return {
        "id": hex_id(one.id),
        "title": one.title,
        "state": one.state.name.lower(),
        "proposer": one.proposer,
        "votes": {"for": one.tally.for_, "against": one.tally.against, "abstain": one.tally.abstain},
        "quorum": one.quorum,
        "snapshot": one.snapshot,
        "deadline": one.deadline,
        "eta": one.eta,
        "block": one.block_number,
        "transaction": one.transaction_hash,
    }


def next_moment(one: OnchainProposal, now: int) -> str:
    """What comes next for a proposal, and when."""
    if one.state is ProposalState.PENDING:
        return f"voting from {moment(one.snapshot)}"
    if one.state is ProposalState.ACTIVE:
        return f"voting until {moment(one.deadline)}"
    if one.state is ProposalState.SUCCEEDED:
        return "queue it"
    if one.state is ProposalState.QUEUED:
        return "execute it" if one.eta <= now else f"execute from {moment(one.eta)}"
    return "-"


def show_proposal(app: App, one: OnchainProposal, dao: Suite, now: int) -> None:
    """One proposal with its actions and its whole description."""
    value = proposal_value(one) | {
        "description": one.description,
        "actions": [
            {"target": target, "contract": dao.name_of(target), "value": str(wei), "calldata": "0x" + data.hex()}
            for target, wei, data in zip(one.targets, one.values, one.calldatas, strict=True)
        ],
    }

    def show(console: Console) -> None:
        rows: dict[str, Any] = {"id": hex_id(one.id), "state": one.state.name.lower(), "next": next_moment(one, now)}
        rows |= {"proposer": dao.name_of(one.proposer), "quorum": one.quorum}
        rows |= {"votes": f"{one.tally.for_} for, {one.tally.against} against, {one.tally.abstain} abstain"}
        facts(one.title, rows)(console)
        actions = [(item["contract"], item["value"], item["calldata"]) for item in value["actions"]]
        rows_table("Actions", ["target", "wei", "call data"], actions)(console)
        for line in one.description.splitlines():
            console.print(safe_text(line), markup=False, soft_wrap=True)

    app.emit(value, show)


def show_voters(app: App, voters: Sequence[Voter], quorum: int) -> None:
    """Who votes with which power."""
    value = {"quorum": quorum, "voters": [vars(voter) for voter in voters]}
    rows = [(voter.account, voter.power, f"{voter.share:.2%}") for voter in voters]
    app.emit(value, rows_table(f"{len(rows)} voters, quorum {quorum}", ["account", "power", "share"], rows))


def show_checks(app: App, checks: Sequence[Check]) -> int:
    """A report recomputed; returns the exit code."""
    rows = [(check.what, "holds" if check.holds else "WRONG", check.detail) for check in checks]
    app.emit([vars(check) for check in checks], rows_table("Report", ["what", "verdict", "detail"], rows))
    return 0 if all(check.holds for check in checks) else 1


def show_sent(app: App, title: str, sent: Sent) -> None:
    """A vote or another call that was sent, or waits for a Safe's owners."""
    if sent.receipt is None:
        app.emit({"outcome": "waiting", "safe": safe_value(sent)}, facts(title, _safe_rows(sent)))
        return
    value = {"outcome": "done", "transaction": sent.receipt.hash, "block": sent.receipt.block_number}
    app.emit(value, facts(title, value | {"gas": sent.receipt.gas_used}))


def show_keeper(app: App, action: KeeperAction) -> None:
    """One line of the keeper's log."""
    value = vars(action) | {"proposal": hex_id(action.proposal)}
    detail = f": {action.detail}" if action.detail else ""
    line = f"{action.result}  {action.title or '-'}  {hex_id(action.proposal)[:18]}  {action.transaction or ''}{detail}"
    app.emit(value, lambda console: console.print(safe_text(line), markup=False, soft_wrap=True))


def safe_value(sent: Sent) -> dict[str, Any]:
    """A Safe transaction that waits, as JSON."""
    transaction = sent.safe_transaction
    assert transaction is not None
    return {
        "safe": transaction.safe,
        "nonce": transaction.nonce,
        "safeTxHash": "0x" + transaction.hash.hex(),
        "file": None if sent.file is None else str(sent.file),
        "ignored": [str(path) for path in sent.ignored],
    }


def _safe_rows(sent: Sent) -> dict[str, Any]:
    value = safe_value(sent)
    rows: dict[str, Any] = {
        "Safe": value["safe"],
        "nonce": value["nonce"],
        "Safe transaction hash": value["safeTxHash"],
    }
    if sent.ignored:
        rows["WARNING"] = f"ignored, there is a gap before their nonces: {', '.join(value['ignored'])}"
    return rows | {"file": value["file"], "next": f"novacron governance safe sign {value['file']}"}
