"""The report as Markdown, for review in a pull request or a forum."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from novacron.governance.reporting.data import NOBODY, document_hash
from novacron.governance.reporting.text import (
    advice,
    call,
    difference,
    electorate_words,
    percent,
    power,
    recompute_calldata,
    shown,
    signed,
    visible,
)

#: Characters that could start markup; what comes from a chain or from an author is shown, never interpreted.
_MARKUP = re.compile(r"([\\`*_{}\[\]#!|<>~&@]|:(?=//))")
_PIPE = re.compile(r"(?<!\\)\|")


def render_markdown(document: Mapping[str, Any]) -> str:
    """A report document as Markdown (GitHub's tables)."""
    parts = [
        f"# {_text(document['proposal']['title'])}",
        f"**{'PASSED' if document['ok'] else 'FAILED'}.** {_text(document['verdict'])}",
        _facts(document),
        *_findings(document["findings"]),
        "## Why",
        "\n".join(f"> {_quoted(line)}".rstrip() for line in document["proposal"]["body"].splitlines()),
        "## Actions",
        *(_action(number, action) for number, action in enumerate(document["actions"], 1)),
        "## What changes",
        *_effects(document),
        "## Expected by its author",
        _bullets(_code(line) for line in document["proposal"]["expects"]) or "Nothing.",
        *_vote(document["electorate"]),
        *_orders(document["orders"]),
        *_section("Code at the targets", ("target", "verdict"), document["code"]),
        "## Gas",
        _table(("step", "gas"), ((_text(row["step"]), f"{row['gas']:,}") for row in document["gas"])),
        "## Recompute the hashes",
        "The description on the chain ends with both hashes. `report.json` lies beside this file.",
        f"- report: `sha256sum report.json` prints `{document_hash(document).hex()}`",
        f"- calldata: {_code(recompute_calldata(document))} prints {_code(document['proposal']['calldata_hash'])}",
    ]
    return visible("\n\n".join(part for part in parts if part) + "\n")


def _facts(document: Mapping[str, Any]) -> str:
    chain = document["chain"]
    block = f"block {chain['block_number']:,} ({_code(chain['block_hash'])})"
    return _bullets(
        (f"simulated on a fork of chain {chain['id']} at {block}", f"proposer {_code(document['proposer'])}")
    )


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    if not findings:
        return []
    lines = []
    for finding in findings:
        text, line = advice(finding["message"])
        lines.append(
            f"**{finding['severity']}** {_code(finding['check'])} {_text(text)}" + (f" {_code(line)}" * bool(line))
        )
    return ["## Findings", _bullets(lines)]


def _action(number: int, action: Mapping[str, Any]) -> str:
    head = f"### {number}. {_text(call(action))}"
    facts = [f"target {_code(action['target'])}"]
    if action["signature"]:
        facts.append(f"function {_code(action['signature'])}")
    if action["value_human"]:
        facts.append(f"sends **{_text(action['value_human'])}** ({_text(shown(action['value']))} wei)")
    if action["calldata"] != "0x":
        facts.append(f"call data {_code(action['calldata'])}")
    rows = ((_code(item["name"]), _text(item["human"]), _code(shown(item["value"]))) for item in action["arguments"])
    return "\n\n".join(filter(None, (head, _bullets(facts), _table(("argument", "means", "value"), rows))))


def _effects(document: Mapping[str, Any]) -> list[str]:
    effects = document["effects"]
    writes = (
        (
            _code(f"{write['contract']}.{write['path']}"),
            _with_human(write["before"], write["human_before"]),
            _with_human(write["after"], write["human_after"]),
            _text(difference(write)),
        )
        for write in effects["writes"]
    )
    balances = ((_account(row["account"]), _amount(signed(row["change"]), row)) for row in document["balances"])
    transfers = (
        (_account(row["source"]), _account(row["to"]), _amount(shown(row["amount"]), row))
        for row in effects["transfers"]
    )
    roles = (
        (_text(r["contract"]), _text(r["role"]), _text(r["change"]), _text(r["account"])) for r in effects["roles"]
    )
    events = (
        (
            _code(f"{event['contract']}.{event['event']}"),
            "<br>".join(
                f"{_code(item['name'])} {_with_human(item['value'], item['human'])}" for item in event["arguments"]
            ),
        )
        for event in effects["events"]
    )
    parts = [
        "### Storage",
        _table(("variable", "before", "after", "difference"), writes) or "Nothing.",
        "### Balances",
        _table(("account", "change"), balances) or "None.",
        _table(("from", "to", "amount"), transfers),
        "### Roles and ownership",
        _table(("contract", "role", "change", "account"), roles) or "None.",
        "### Events",
        _table(("event", "arguments"), events) or "None.",
    ]
    if effects["created"]:
        parts += ["### New contracts", _bullets(_code(address) for address in effects["created"])]
    return parts


def _vote(electorate: Mapping[str, Any] | None) -> list[str]:
    if electorate is None:
        return []
    rows = (
        (
            _code(voter["account"]),
            power(voter["power"]),
            percent(voter["share"]),
            "yes" if voter["account"] in electorate["carriers"] else "",
            "yes" if voter["account"] in electorate["blockers"] else "",
        )
        for voter in electorate["voters"]
    )
    return ["## Vote", electorate_words(electorate), _table(("voter", "power", "share", "carries", "blocks"), rows)]


def _orders(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = (
        (_text(" → ".join(row["order"])), "executes" if row["ok"] else "**fails**", _text(row["reason"]))
        for row in orders
    )
    table = _table(("order (* is this proposal)", "outcome", "reason"), rows)
    return ["## With the other live proposals", table] if table else []


def _section(title: str, head: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    table = _table(head, (tuple(_text(row[key]) for key in head) for row in rows))
    return [f"## {title}", table] if table else []


def _account(name: str) -> str:
    return "nobody" if name == NOBODY else _code(name)


def _amount(raw: str, row: Mapping[str, Any]) -> str:
    return _with_human(raw, row["human"]) if row["human"] else f"{_code(raw)} base units of {_code(row['token'])}"


def _with_human(value: Any, human: str) -> str:
    return f"**{_text(human)}** ({_code(shown(value))})" if human else _code(shown(value))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # A pipe would end the cell, within code, too.
    body = ["| " + " | ".join(_PIPE.sub(r"\\|", cell) for cell in row) + " |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *body]) if body else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _text(value: Any) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(str(value).split()))


def _quoted(line: str) -> str:
    """A line of the author's own Markdown, without HTML and images."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("![", "\\![")


def _code(value: Any) -> str:
    """Text as code, also where it holds backticks."""
    text = " ".join(str(value).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""
