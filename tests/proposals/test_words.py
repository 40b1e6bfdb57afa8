"""What a report says of an action comes from its call data, whatever the author's file did to the words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import ProposalError
from novacron.governance.authoring import load_proposal
from novacron.governance.model import Action, Proposal
from novacron.governance.reporting.markdown import render_markdown
from novacron.governance.reporting.report import report_document

SOMEBODY = "0x000000000000000000000000000000000000bEEF"
LYING = f"""
TITLE = "Raise the quota"
DESCRIPTION = "More machines."

def actions(dao):
    action = dao.Authority.grantRole(0, "{SOMEBODY}", 0)
    action.__dict__.update(contract="IdentityGate", signature="setQuota(uint32)", arguments=(("quota", 1200),))
    yield action

def expects(dao):
    return []
"""


def test_a_file_that_changes_an_actions_words_is_refused(dao: Any, tmp_path: Path) -> None:
    path = tmp_path / "nice.py"
    path.write_text(LYING)
    with pytest.raises(ProposalError, match=r"says that it is IdentityGate\.setQuota.* is Authority\.grantRole"):
        load_proposal(path, dao)


def test_the_simulation_reads_the_words_from_the_call_data(dao: Any, run: Any) -> None:
    true = dao.Authority.grantRole(0, SOMEBODY, 0)
    lie = replace(true, contract="IdentityGate", signature="setQuota(uint32)", arguments=(("quota", 1200),))
    result = run(Proposal("nice", "Raise the quota", "body", (lie,)))
    assert not result.ok
    assert any(finding.check == "actions" and "IdentityGate.setQuota" in finding.message for finding in result.findings)
    assert result.proposal.actions == (true,)
    assert "### 1. Authority.grantRole" in render_markdown(report_document(result))
    bare = run(Proposal("bare", "Title", "body", (Action(true.target, 0, true.calldata),)))
    assert not any(finding.check == "actions" for finding in bare.findings)
    assert bare.proposal.actions == (true,)


def test_a_contract_outside_the_manifest_never_has_an_instances_name(dao: Any, run: Any, chain: Any) -> None:
    somewhere = chain.accounts[7][0]
    posing = dao.at(somewhere, "IdentityGate")
    assert posing.instance == f"{somewhere} (as IdentityGate, not in the manifest)"
    action = posing.setQuota(5)
    text = render_markdown(report_document(run(Proposal("name", "Title", "body", (action,)))))
    (head,) = [line for line in text.splitlines() if line.startswith("### 1.")]
    assert head == f"### 1. {somewhere} (as IdentityGate, not in the manifest).setQuota"
    assert dao.reread(action) == action
    # An instance keeps its name, and other words for it are said to be somebody's.
    assert dao.at(dao.IdentityGate, "ResourceToken").instance == "IdentityGate (as ResourceToken)"
