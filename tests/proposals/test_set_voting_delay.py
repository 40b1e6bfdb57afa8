"""scripts/proposals/set_voting_delay.py."""

from __future__ import annotations

from typing import Any


def test_governance_changes_its_own_delay(proposal: Any, run: Any) -> None:
    result = run(proposal("set_voting_delay"))
    assert result.ok, result.findings
    [write] = result.effects.writes
    assert (write.name, write.before, write.after) == ("Governance._votingDelay", 86_400, 172_800)
