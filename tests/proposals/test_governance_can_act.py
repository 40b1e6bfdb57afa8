"""A proposal after which the DAO could not act any more is refused, however well its author explains it."""

from __future__ import annotations

from typing import Any

import pytest

from novacron.deploy.local import LOCAL_HOLDERS
from novacron.governance.expects import NOBODY
from novacron.governance.model import Action, Proposal, Simulation

CHECK = "governance can still act"
DAY = 86_400


def findings(result: Simulation, severity: str = "error") -> list[str]:
    found = [finding for finding in result.findings if finding.check == CHECK and finding.severity == severity]
    return [finding.message for finding in found]


def after(run: Any, *actions: Action) -> Simulation:
    result: Simulation = run(Proposal("name", "Title", "body", actions))
    assert result.executed, result.findings
    return result


@pytest.mark.parametrize(
    ("instance", "function", "arguments", "words"),
    [
        ("QuadraticVotes", "setGate", (NOBODY,), "no gate any more"),
        ("QuadraticVotes", "setGate", (LOCAL_HOLDERS[2],), "where there is no contract"),
        ("Governance", "updateQuorumNumerator", (81,), "the quorum is 81 of 100"),
        ("Governance", "setVotingPeriod", (60 * DAY,), "61.0 days"),
        ("Governance", "setProposalThreshold", (10**28,), "nobody proposes ever again"),
        ("Governance", "updateTimelock", (LOCAL_HOLDERS[2],), "no contract: nothing is executed ever again"),
    ],
)
def test_settings_that_stop_governance(
    instance: str, function: str, arguments: tuple[Any, ...], words: str, dao: Any, run: Any
) -> None:
    result = after(run, dao.contract(instance).call(function, *arguments))
    (message,) = findings(result)
    assert words in message


def test_what_only_moves_the_settings_is_allowed(dao: Any, run: Any) -> None:
    actions = (dao.Governance.setVotingPeriod(30 * DAY), dao.Governance.updateQuorumNumerator(60))
    assert findings(after(run, *actions)) == []


def test_a_timelock_on_which_the_governor_has_no_role(dao: Any, run: Any) -> None:
    role = dao.Timelock.PROPOSER_ROLE()
    (message,) = findings(after(run, dao.Timelock.revokeRole(role, dao.Governance)))
    assert "the Governance lacks PROPOSER_ROLE at its timelock Timelock" in message


def test_the_last_attester_is_missed(dao: Any, run: Any) -> None:
    handle = dao.Authority.handle
    attesters = {log.args["account"] for log in handle.events("RoleGranted", filters={"roleId": 2})}
    revoke = [dao.Authority.revokeRole(2, account) for account in sorted(attesters)]
    result = after(run, *revoke)
    (message,) = findings(result, "warning")
    assert "the last ATTESTER" in message
    replaced = after(run, *revoke, dao.Authority.grantRole(2, LOCAL_HOLDERS[0], 0))
    assert findings(replaced, "warning") == []
