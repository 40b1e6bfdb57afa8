"""Change a parameter of a contract: how many accounts an attester may verify in a season."""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, change, event
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Let each attester verify 500 accounts a season"
DESCRIPTION = """
An attester that goes rogue can do harm up to its quota (`IAttestedIdentityGate`). 500 in 13 weeks is what the
attesters need; more only adds risk.
"""
QUOTA = 500


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.IdentityGate.setQuota(QUOTA)


def expects(_: Suite) -> Iterator[Expectation]:
    yield change("IdentityGate.$IdentityGate.quota", to=QUOTA)
    yield event("IdentityGate.QuotaSet", quota=QUOTA)
