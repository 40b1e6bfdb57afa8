"""scripts/proposals/upgrade_identity_gate.py and rollback_identity_gate.py."""

from __future__ import annotations

from typing import Any


def test_the_gate_runs_the_new_implementation(proposal: Any, run: Any) -> None:
    result = run(proposal("upgrade_identity_gate"))
    assert result.ok, result.findings
    [write] = result.effects.writes
    assert (write.before, write.after) == ("IdentityGateImplementation", "IdentityGateNext")


def test_what_was_upgraded_is_rolled_back(dao: Any, proposal: Any, run: Any, as_timelock: Any) -> None:
    as_timelock(proposal("upgrade_identity_gate"))
    assert dao.at(dao.IdentityGate, "IdentityGateNext").version() == 2
    result = run(proposal("rollback_identity_gate"))
    assert result.ok, result.findings
    assert result.effects.writes[0].after == "IdentityGateImplementation"


def test_there_is_nothing_to_roll_back_before(proposal: Any, run: Any) -> None:
    result = run(proposal("rollback_identity_gate"))
    assert not result.ok
