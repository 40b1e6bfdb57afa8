"""The report as one HTML page that needs nothing else: no script, no font, no image from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from novacron.governance.reporting.data import NOBODY, document_hash
from novacron.governance.reporting.style import STYLE
from novacron.governance.reporting.svg import vote_chart
from novacron.governance.reporting.text import (
    advice,
    call,
    difference,
    electorate_words,
    paragraphs,
    percent,
    recompute_calldata,
    shown,
    signed,
    visible,
)


def render_html(document: Mapping[str, Any]) -> str:
    """A report document as a page. Everything that comes from an author or a chain is escaped, and visible."""
    title = document["proposal"]["title"]
    verdict = "verdict" if document["ok"] else "verdict failed"
    sections = [
        _section("Findings", _findings(finding for finding in document["findings"] if finding["severity"] != "note")),
        _section("Why", _why(document["proposal"]["body"])),
        _section("Actions", "".join(_action(n, action) for n, action in enumerate(document["actions"], 1))),
        _section("What changes in storage", _writes(document["effects"]["writes"])),
        _section("Balances", _balances(document)),
        _section("Roles and ownership", _roles(document["effects"]["roles"])),
        _section("Events", _events(document["effects"]["events"])),
        _section("New contracts", _bullets(_code(address) for address in document["effects"]["created"])),
        _section("Expected by its author", _bullets(_code(line) for line in document["proposal"]["expects"])),
        _section("The vote", _vote(document["electorate"])),
        _section("With the other live proposals", _orders(document["orders"])),
        _section("Code at the targets", _table(("target", "verdict"), _code_rows(document["code"]))),
        _section("Notes", _findings(finding for finding in document["findings"] if finding["severity"] == "note")),
        _section("Gas", _gas(document["gas"])),
        _section("The proposal\u2019s own bookkeeping", _bullets(_code(name) for name in document["bookkeeping"])),
        _section("Recompute the hashes", _hashes(document)),
    ]
    chain = document["chain"]
    block = f"block {chain['block_number']:,} {_code(chain['block_hash'])}"
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>
<header><p class="soft small">NovaCron proposal <code>{escape(document["proposal"]["name"])}</code></p>
<h1>{escape(title)}</h1><div class="{verdict}">{escape(document["verdict"])}</div>
<div class=tiles>{_tiles(document)}</div>
<dl><dt>proposer</dt><dd>{_code(document["proposer"])}</dd>
<dt>simulated on</dt><dd>a fork of chain {chain["id"]} at {block}</dd>
</dl></header>
{"".join(sections)}
<footer>Simulated by NovaCron: propose, delay, vote with the voters\u2019 powers, queue, timelock, execute.</footer>
</main></body></html>
"""
    return visible(page)


def _tiles(document: Mapping[str, Any]) -> str:
    effects, electorate = document["effects"], document["electorate"]
    execute = next((row["gas"] for row in document["gas"] if row["step"] == "execute"), None)
    tiles = [
        (f"{len(document['actions'])}", "action" if len(document["actions"]) == 1 else "actions"),
        (f"{len(effects['writes'])}", "variables written"),
        (f"{len(effects['roles'])}", "roles or owners changed"),
        ("\u2013" if execute is None else f"{execute:,}", "gas to execute"),
    ]
    if electorate is not None:
        tiles.append((percent(electorate["turnout"]), "turnout needed"))
    return "".join(f"<div class=tile><b>{escape(v)}</b><span>{escape(label)}</span></div>" for v, label in tiles)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n" if body else ""


def _why(body: str) -> str:
    marks = {True: " class=kept", False: ""}
    text = "".join(f"<p{marks[kept]}>{escape(block)}</p>" for block, kept in paragraphs(body))
    return f"<div class=why>{text}</div>"


def _findings(findings: Iterable[Mapping[str, Any]]) -> str:
    parts = []
    for finding in findings:
        text, line = advice(finding["message"])
        paste = f"<code class=line>{escape(line)}</code>" if line else ""
        parts.append(
            f'<div class="finding {escape(finding["severity"])}"><b>{escape(finding["severity"])}</b>'
            f"<code>{escape(finding['check'])}</code><br>{escape(text)}{paste}</div>"
        )
    return "".join(parts)


def _action(number: int, action: Mapping[str, Any]) -> str:
    sends = ""
    if action["value_human"]:
        raw = f"<span class=soft>{escape(shown(action['value']))} wei</span>"
        sends = f"<p>sends <b>{escape(action['value_human'])}</b> {raw}</p>"
    rows = (
        (_code(item["name"]), f"<b>{escape(item['human'])}</b>" if item["human"] else "", _code(shown(item["value"])))
        for item in action["arguments"]
    )
    calldata = f"<p class=raw>{_code(action['calldata'])}</p>" if action["calldata"] != "0x" else ""
    signature = f" {_code(action['signature'])}" if action["signature"] else ""
    return (
        f"<div class=card><h3>{number}. {escape(call(action))}</h3>"
        f"<p class='soft small'>{signature} at {_code(action['target'])}</p>{sends}"
        f"{_table(('argument', 'means', 'value'), rows)}"
        f"{calldata}</div>"
    )


def _writes(writes: Sequence[Mapping[str, Any]]) -> str:
    return "".join(_write(write) for write in writes)


def _write(write: Mapping[str, Any]) -> str:
    """A variable as a difference: what it was, what it is, and by how much it moved."""
    name = _code(f"{write['contract']}.{write['path']}")
    return (
        f"<div class=diff><div class=name><span class='by soft small'>{escape(difference(write))}</span>{name} "
        f"<span class='soft small'>{escape(write['type'])}</span></div>"
        f"<div class='side minus'><span>{_value(write['before'], write['human_before'])}</span></div>"
        f"<div class='side plus'><span>{_value(write['after'], write['human_after'])}</span></div></div>"
    )


def _balances(document: Mapping[str, Any]) -> str:
    changes = ((_code(row["account"]), _amount(signed(row["change"]), row)) for row in document["balances"])
    moves = (
        (_code(row["source"]), _code(row["to"]), _amount(shown(row["amount"]), row))
        for row in document["effects"]["transfers"]
    )
    return _table(("account", "change"), changes) + _table(("from", "to", "moved"), moves)


def _amount(raw: str, row: Mapping[str, Any]) -> str:
    """An amount of a token in people's units beside the raw one; of an unknown token only that."""
    if not row["human"]:
        return f"<b>{escape(raw)}</b> base units of {_code(row['token'])}"
    return f"<b>{escape(row['human'])}</b> <span class='soft small'>{escape(raw)}</span>"


def _roles(roles: Sequence[Mapping[str, Any]]) -> str:
    marks = {"granted": "<b class=ok>granted to</b>", "revoked": "<b class=bad>revoked from</b>"}
    rows = ((_code(r["contract"]), escape(r["role"]), marks[r["change"]], _code(r["account"])) for r in roles)
    return _table(("contract", "role", "change", "account"), rows)


def _events(events: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (
            _code(f"{event['contract']}.{event['event']}"),
            "<br>".join(f"{_code(a['name'])} {_value(a['value'], a['human'])}" for a in event["arguments"]),
        )
        for event in events
    )
    return _table(("event", "arguments"), rows)


def _vote(electorate: Mapping[str, Any] | None) -> str:
    if electorate is None:
        return ""
    legend = (
        "<div class=legend><span><i style='background:var(--accent)'></i>smallest set that carries it against all "
        "others</span>"
        "<span><i style='background:var(--muted)'></i>other voters</span><span>dashed: quorum</span></div>"
    )
    blocking = ", ".join(_code(account) for account in electorate["blockers"])
    blockers = (
        f"<p class=small>Could block it, voting Against while all others vote For: {blocking}</p>" if blocking else ""
    )
    chart = vote_chart(electorate)
    return f"<p>{escape(electorate_words(electorate))}</p>{blockers}{legend + chart if chart else ''}"


def _orders(orders: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (
            escape(" → ".join(row["order"])),
            "<b class=ok>executes</b>" if row["ok"] else "<b class=bad>fails</b>",
            escape(row["reason"]),
        )
        for row in orders
    )
    return _table(("order (* is this proposal)", "outcome", "reason"), rows)


def _code_rows(code: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    return ((_code(row["target"]), escape(row["verdict"])) for row in code)


def _gas(gas: Sequence[Mapping[str, Any]]) -> str:
    rows = [(escape(row["step"]), f"{row['gas']:,}") for row in gas]
    if len(rows) > 1:
        rows.append(("<b>all steps</b>", f"<b>{sum(row['gas'] for row in gas):,}</b>"))
    return _table(("step", "gas"), rows, numbers=(1,))


def _hashes(document: Mapping[str, Any]) -> str:
    return (
        "<p>The description on the chain ends with both. <code>report.json</code> lies beside this page.</p>"
        "<p class=small>report, SHA-256<code class=line>sha256sum report.json</code>"
        f"{_code(document_hash(document).hex())}</p>"
        f"<p class=small>call data, Keccak-256<code class=line>{escape(recompute_calldata(document))}</code>"
        f"{_code(document['proposal']['calldata_hash'])}</p>"
    )


def _value(value: Any, human: str) -> str:
    raw = escape(shown(value))
    return (
        f"<b>{escape(human)}</b> <span class='soft small'>{raw}</span>" if human else f"<span class=mono>{raw}</span>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; on a narrow screen each row becomes a block. Nothing for no rows."""
    marks = [" class=n" if column in numbers else "" for column in range(len(head))]
    body = "".join(
        "<tr>"
        + "".join(f'<td{marks[n]} data-h="{escape(head[n])}">{cell}</td>' for n, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    top = "".join(f"<th{marks[n]}>{escape(cell)}</th>" for n, cell in enumerate(head))
    table = f"<table class=stack><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class=scroll>{table}</div>" if body else ""


def _bullets(items: Iterable[str]) -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _code(text: str) -> str:
    return f"<code>{escape('nobody (0x0)' if text == NOBODY else str(text))}</code>" if text else ""
