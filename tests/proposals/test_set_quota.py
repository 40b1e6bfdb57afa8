"""scripts/proposals/set_quota.py."""

from __future__ import annotations

from typing import Any


def test_the_quota_and_nothing_else_changes(proposal: Any, run: Any) -> None:
    result = run(proposal("set_quota"))
    assert result.ok, result.findings
    assert [(write.name, write.after) for write in result.effects.writes] == [("IdentityGate.$IdentityGate.quota", 500)]
