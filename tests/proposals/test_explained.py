"""Explained or refused, on the chain: what a proposal does beyond its words, and the report of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from novacron.governance import expects
from novacron.governance.reporting.report import render_html, report_bytes, report_document
from novacron.governance.reporting.text import advice

EXAMPLES = ("mint_cpu", "stock_market", "set_quota", "set_voting_delay", "rotate_guardian", "upgrade_identity_gate")


def test_what_is_smuggled_in_is_named_with_its_values(dao: Any, proposal: Any, run: Any) -> None:
    honest = proposal("mint_cpu")
    smuggled = replace(honest, actions=(*honest.actions, dao.IdentityGate.setQuota(7)))
    result = run(smuggled)
    assert result.executed
    assert not result.ok
    messages = [finding.message for finding in result.findings if finding.severity == "error"]
    assert len(messages) == 2
    assert any("IdentityGate.$IdentityGate.quota changed 1,000 → 7 (-993)" in message for message in messages)
    assert any("IdentityGate.QuotaSet(quota=7)" in message for message in messages)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_suggested_lines_accept_exactly_what_happened(name: str, dao: Any, proposal: Any, run: Any) -> None:
    words = {word: getattr(expects, word) for word in expects.__all__}
    silent = run(replace(proposal(name), expects=()))
    lines = [advice(finding.message)[1] for finding in silent.findings if finding.check == "expects"]
    assert lines
    told = tuple(eval(line.removeprefix("yield "), words) for line in lines)
    assert expects.unexplained(silent.effects, told, dao) == []


def test_the_same_block_gives_the_same_report(proposal: Any, run: Any) -> None:
    documents = [report_document(run(proposal("rotate_guardian"))) for _ in range(2)]
    assert report_bytes(documents[0]) == report_bytes(documents[1])
    html = render_html(documents[0])
    assert "GuardianSafeNext" in html
    assert "everything that it changes is explained" in html
