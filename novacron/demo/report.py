"""`out/report.html`: one self-contained page with the accuracy curve, the log, the costs and the checks."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from novacron.demo.costs import ETH_GWEI, POL_GWEI, Operation, sum_of
from novacron.demo.training import Epoch
from novacron.provenance.report import VerificationReport

#: Drawn in colours that occur nowhere else, then replaced by the page's, so that the chart follows light and dark.
_INK, _TRAINING, _VALIDATION = "#010203", "#040506", "#070809"


@dataclass(frozen=True)
class LogRow:
    """One entry of the log as the page shows it."""

    index: int
    type: str
    epoch: str
    metrics: str
    digest: str
    anchored: str


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    `verifications` are those of one proof under different circumstances, by their names; `shorten` makes paths in
    their details readable.
    """

    run: str
    contract: str
    chain_id: int
    head: str
    epochs: Sequence[Epoch]
    anchored_epochs: Sequence[int]
    log: Sequence[LogRow]
    operations: Sequence[Operation]
    verifications: Mapping[str, VerificationReport]
    shorten: Callable[[str], str]
    tamper: Sequence[str]
    seconds: float


def accuracy_curve(epochs: Sequence[Epoch], anchored: Sequence[int]) -> str:
    """An inline SVG of training and validation accuracy by epoch; dots mark the epochs whose head was anchored."""
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "novacron", "font.size": 10, "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(8.6, 3.2))
        axes = figure.subplots()
        numbers = [e.number for e in epochs]
        axes.plot(numbers, [e.accuracy for e in epochs], color=_TRAINING, linewidth=2, label="training")
        axes.plot(numbers, [e.validation_accuracy for e in epochs], color=_VALIDATION, linewidth=2, label="validation")
        marked = [e for e in epochs if e.number in anchored]
        axes.scatter(
            [e.number for e in marked], [e.validation_accuracy for e in marked], color=_VALIDATION, s=30, zorder=3,
            label="head anchored on chain",
        )  # fmt: skip
        axes.set_xlabel("epoch", color=_INK)
        axes.set_ylabel("accuracy", color=_INK)
        axes.set_xlim(1, max(numbers) + 0.3)
        axes.set_ylim(top=1.01)
        axes.tick_params(colors=_INK)
        axes.grid(axis="y", color=_INK, alpha=0.12)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_INK)
        axes.legend(frameon=False, labelcolor=_INK, loc="lower right")
        figure.tight_layout()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for drawn, wanted in ((_INK, "currentColor"), (_TRAINING, "var(--training)"), (_VALIDATION, "var(--validation)")):
        svg = svg.replace(drawn, wanted)
    return svg


def write(report: Report, target: Path) -> None:
    """Write the page; its folder is created."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(report), encoding="utf-8")


def render(report: Report) -> str:
    """The page as HTML. Every text of the run is escaped."""
    last = report.epochs[-1]
    total = sum_of(report.operations)
    failed = sum(len(result.failures) for result in report.verifications.values())
    tiles = [
        (f"{last.validation_accuracy:.1%}", f"validation accuracy after {last.number} epochs"),
        (f"{len(report.log)}", "entries in the log, each provable"),
        (f"{len(report.anchored_epochs)}", "heads anchored while training, one more at the seal"),
        (f"{total.gas:,}", "gas in all, deployment included"),
        (f"{failed}", "check failed: the files of the tampered checkpoint"),
    ]
    cards = "".join(
        f"<div class=tile><b>{escape(value)}</b><span>{escape(label)}</span></div>" for value, label in tiles
    )
    log_rows = [
        (str(r.index), escape(r.type), escape(r.epoch), escape(r.metrics), short(r.digest), escape(r.anchored))
        for r in report.log
    ]
    cost_rows = [
        (o.name, f"{o.count}", "" if o is total else f"{o.gas_each:,.0f}", f"{o.gas:,}", f"{o.eth:.6f}", f"{o.pol:.4f}")
        for o in [*report.operations, total]
    ]
    cost_head = ("operation", "count", "gas each", "gas", f"ETH at {ETH_GWEI:g} gwei", f"POL at {POL_GWEI:g} gwei")
    tamper = "".join(f"<li>{escape(line)}</li>" for line in report.tamper)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>NovaCron: a proven training run</title><style>{STYLE}</style></head><body><main>
<header><h1>A proven training run</h1>
<p>A classifier was trained on scikit-learn's digits. Each checkpoint was hashed and logged, the log's head was anchored
on a chain that checked that it only grew, and one entry was proven from a single file. Then one bit of one checkpoint
was flipped.</p>
</header>
<section class=tiles>{cards}</section>
<section><h2>Accuracy</h2><div class=scroll>{accuracy_curve(report.epochs, report.anchored_epochs)}</div></section>
<section><h2>Verification</h2>{verification_table(report)}</section>
<section class=tamper><h2>The tampered checkpoint</h2><ul>{tamper}</ul></section>
<section><h2>Operations and cost</h2>{table(cost_head, cost_rows)}</section>
<section><h2>The log</h2>
<dl><dt>run</dt><dd>{code(report.run)}</dd><dt>contract</dt><dd>{code(report.contract)} on chain {report.chain_id}</dd>
<dt>final head</dt><dd>{code(report.head)}</dd></dl>
{table(("#", "entry", "epoch", "metrics", "checkpoint digest", "anchored in block"), log_rows, safe=True)}</section>
<footer>Written by <code>make demo</code> in {report.seconds:.1f} s, set-up excluded.</footer>
</main></body></html>
"""


MARKS = {
    "passed": "<span class=ok>✓ passed</span>",
    "failed": "<span class=bad>✗ failed</span>",
    "not_checked": "<span class=soft>not checked</span>",
}


def verification_table(report: Report) -> str:
    """One row a check, one column a circumstance; the detail is that of a failure if there is one, else of a pass."""
    order = {"failed": 0, "passed": 1, "not_checked": 2}
    by_name = {name: {check.name: check for check in result.checks} for name, result in report.verifications.items()}
    names = list(dict.fromkeys(check for checks in by_name.values() for check in checks))
    rows = []
    for name in names:
        found = [checks.get(name) for checks in by_name.values()]
        telling = min((check for check in found if check), key=lambda check: order[check.status])
        marks = [MARKS[check.status] if check else "" for check in found]
        rows.append((escape(name), *marks, escape(report.shorten(telling.detail))))
    return table(("check", *by_name, "detail"), rows, safe=True)


def table(head: Iterable[str], rows: Iterable[Sequence[str]], *, safe: bool = False) -> str:
    """An HTML table; cells are escaped unless `safe` says that the caller did."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{c if safe else escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def short(digest: str) -> str:
    """The first 16 digits of a digest; all of it when the pointer rests there."""
    return f'<code title="{escape(digest)}">{escape(digest[:16])}…</code>' if digest else ""


def code(text: str) -> str:
    """Text in a code element, or nothing for nothing."""
    return f"<code>{escape(text)}</code>" if text else ""


STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--card:#f5f7f9;--line:#d8dee4;--ok:#1a7f37;
--bad:#c4232b;--training:#8a94a0;--validation:#0b62c4}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#9aa4af;--paper:#0f1317;--card:#171c22;--line:#2b333c;
--ok:#4cc267;--bad:#ff6b6b;--training:#8a94a0;--validation:#62a8ff}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 20px 60px}h1{margin:0 0 8px;font-size:30px;letter-spacing:-.02em}
h2{margin:36px 0 12px;font-size:18px}header p{max-width:70ch;color:var(--soft);margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin-top:28px}
.tile{background:var(--card);border-radius:10px;padding:14px 16px}.tile b{display:block;font-size:24px}
.tile span{color:var(--soft);font-size:13px}svg{width:100%;min-width:560px;height:auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:500}th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);
vertical-align:top;white-space:nowrap}td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:24ch}
code{font:12.5px ui-monospace,monospace}
.ok{color:var(--ok)}.soft{color:var(--soft)}.bad{color:var(--bad);font-weight:600}
.tamper{border-left:3px solid var(--bad);padding-left:18px}
.tamper h2{margin-top:32px}.tamper ul{padding-left:18px;margin:0}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 16px;margin:0 0 14px}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}footer{margin-top:32px;color:var(--soft);font-size:13px}
"""
