"""How agreements, windows and what a monitor does are printed."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console

from novacron.chain.addresses import parse_address
from novacron.cli.app import App, facts, rows_table, safe_text
from novacron.compute.monitor.actions import MonitorAction
from novacron.compute.monitor.decisions import BY_RULING, finalise_time, settle_time
from novacron.compute.quantities import nova, percent
from novacron.compute.sla import Agreement, Claim, Outcome, Sla, WindowView
from novacron.compute.sla_terms import NOBODY, Terms
from novacron.governance.units import duration
from novacron.market.advice import moment


def show_balance(app: App, account: str, amount: int) -> None:
    """A prepaid balance."""
    app.emit(
        {"account": account, "balance": str(amount)}, facts("Prepaid", {"account": account, "balance": nova(amount)})
    )


def show_agreements(app: App, sla: Sla, party: str | None) -> None:
    """All agreements, or those of somebody."""
    who = None if party is None else parse_address(party, "party")
    now, rows, values = sla.time(), [], []
    for number in range(1, sla.count() + 1):
        terms, agreement = sla.terms(number), sla.agreement(number)
        if who is not None and who not in (terms.provider, terms.customer, *terms.monitors):
            continue
        status = agreement.status(terms, now)
        promises = ", ".join(map(str, terms.guarantees))
        rows.append((number, status, terms.vm_id or "service", promises, terms.provider, terms.customer))
        values.append({"agreement": number, "status": status, "terms": terms.to_dict()})
    columns = ["agreement", "status", "vm", "promises", "provider", "customer"]
    app.emit(values, rows_table(f"{len(rows)} agreements", columns, rows))


def show_agreement(app: App, sla: Sla, sla_id: int, newest: int) -> None:
    """An agreement and its newest windows that have ended."""
    terms, agreement, now = sla.terms(sla_id), sla.agreement(sla_id), sla.time()
    ended = agreement.ended_windows(terms, now)
    views = sla.windows(sla_id, terms, agreement, range(max(ended - newest, 0), ended))
    value = {
        "agreement": sla_id,
        "status": agreement.status(terms, now),
        "started_at": agreement.started_at or None,
        "windows": agreement.windows,
        "windows_ended": ended,
        "windows_settled": agreement.settled_windows,
        "stake": str(agreement.stake),
        "terms": terms.to_dict(),
        "window_states": [_window_dict(terms, view) for view in views],
    }

    def show(console: Console) -> None:
        facts(f"Agreement {sla_id}", _facts(terms, agreement, now))(console)
        promises = [
            (number, str(one), one.words(one.severe), one.words(one.critical))
            for number, one in enumerate(terms.guarantees)
        ]
        rows_table("Promises", ["number", "promise", "severe beyond", "critical beyond"], promises)(console)
        rows = [row for view in views for row in _window_rows(terms, view, sla.arbitration_timeout)]
        columns = ["window", "ended", "promise", "outcome", "measured", "monitors", "next"]
        if rows:
            rows_table("Windows", columns, rows)(console)

    app.emit(value, show)


def show_action(app: App, action: MonitorAction) -> None:
    """What a monitor did, in one line."""
    if app.as_json:
        click.echo(safe_text(json.dumps(action.to_dict(), ensure_ascii=False)))
        return
    where = "" if not action.sla_id else f"agreement {action.sla_id}"
    where += "" if action.window is None else f" window {action.window}"
    where += "" if action.guarantee is None else f" guarantee {action.guarantee}"
    parts = [action.result, where, action.detail, action.transaction or ""]
    click.echo(safe_text("  ".join(part for part in parts if part)))


def _facts(terms: Terms, agreement: Agreement, now: int) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        ("status", agreement.status(terms, now)),
        ("provider", terms.provider),
        ("customer", terms.customer),
        ("about", f"VM {terms.vm_id}" if terms.vm_id else "a service"),
        ("specification", f"SHA-256 {terms.specification.hex()}"),
    ]
    if agreement.accepted:
        rows += [("began", moment(agreement.started_at)), ("ends", moment(agreement.end(terms)))]
    else:
        rows.append(("offered until", moment(terms.offer_expiry)))
    return [
        *rows,
        ("windows", f"{agreement.windows} of {duration(terms.window)}, {agreement.settled_windows} settled"),
        ("report within", duration(terms.report_period)),
        ("dispute within", duration(terms.dispute_period)),
        ("fee a window", nova(terms.fee)),
        ("credits", ", ".join(map(percent, terms.effective_credits))),
        ("stake left", nova(agreement.stake)),
        ("bond", nova(terms.bond)),
        ("monitors", f"{terms.quorum} of {len(terms.monitors)}, {terms.min_samples} samples each at least"),
        *((f"monitor {number}", address) for number, address in enumerate(terms.monitors)),
        ("arbitrator", "the committee" if terms.arbitrator == NOBODY else terms.arbitrator),
    ]


def _window_rows(terms: Terms, view: WindowView, arbitration_timeout: int) -> list[tuple[Any, ...]]:
    return [
        (
            view.number,
            moment(view.span.end),
            str(promise),
            claim.outcome.name.lower(),
            _measured(terms, number, claim),
            "ruling" if claim.signers == BY_RULING else claim.signers or None,
            _next(terms, view, claim, arbitration_timeout),
        )
        for number, (promise, claim) in enumerate(zip(terms.guarantees, view.claims, strict=True))
    ]


def _measured(terms: Terms, guarantee: int, claim: Claim) -> str | None:
    return None if claim.outcome is Outcome.UNMEASURED else terms.guarantees[guarantee].words(claim.value)


def _next(terms: Terms, view: WindowView, claim: Claim, arbitration_timeout: int) -> str | None:
    if view.settled:
        return "settled"
    finalise = finalise_time(terms, view, claim, arbitration_timeout)
    if finalise is not None:
        return f"finalise from {moment(finalise)}"
    settle = settle_time(terms, view)
    return None if settle is None else f"settle from {moment(settle)}"


def _window_dict(terms: Terms, view: WindowView) -> dict[str, Any]:
    return {
        "window": view.number,
        "from": view.span.start,
        "to": view.span.end,
        "credited": str(view.credited),
        "taken_from_fee": str(view.taken_from_fee),
        "settled": view.settled,
        "guarantees": [
            {
                "metric": promise.metric,
                "outcome": claim.outcome.name.lower(),
                "value": None if claim.outcome is Outcome.UNMEASURED else claim.value,
                "signers": claim.signers,
                "claimant": None if claim.claimant == NOBODY else claim.claimant,
                "since": claim.since or None,
                "dispute": claim.dispute_id or None,
            }
            for promise, claim in zip(terms.guarantees, view.claims, strict=True)
        ],
    }
