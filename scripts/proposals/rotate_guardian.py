"""Put another Safe in the guardian's place, here and at the Authority.

The new Safe is deployed beforehand and stands in the manifest as `GuardianSafeNext`. The present guardian cannot cancel
this proposal, because it does nothing but replace it.
"""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, grant, proposal_guardian, revoke
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Replace the guardian"
DESCRIPTION = """
The term of the guardians ends. From the execution on the new Safe alone may cancel proposals and pause contracts for at
most 72 hours; the old one may do neither.
"""
GUARDIAN = 1


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.Governance.setProposalGuardian(dao.GuardianSafeNext)
    yield dao.Authority.revokeRole(GUARDIAN, dao.Governance.proposalGuardian())
    yield dao.Authority.grantRole(GUARDIAN, dao.GuardianSafeNext, 0)


def expects(dao: Suite) -> Iterator[Expectation]:
    yield proposal_guardian(dao.GuardianSafeNext)
    yield revoke("GUARDIAN", dao.Governance.proposalGuardian())
    yield grant("GUARDIAN", dao.GuardianSafeNext)
