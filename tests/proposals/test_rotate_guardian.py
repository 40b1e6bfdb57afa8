"""scripts/proposals/rotate_guardian.py."""

from __future__ import annotations

from typing import Any


def test_the_new_safe_has_both_powers_and_the_old_one_none(proposal: Any, run: Any) -> None:
    result = run(proposal("rotate_guardian"))
    assert result.ok, result.findings
    assert {(role.contract, role.role, role.account, role.change) for role in result.effects.roles} == {
        ("Governance", "proposalGuardian", "GuardianSafe", "revoked"),
        ("Governance", "proposalGuardian", "GuardianSafeNext", "granted"),
        ("Authority", "GUARDIAN", "GuardianSafe", "revoked"),
        ("Authority", "GUARDIAN", "GuardianSafeNext", "granted"),
    }
