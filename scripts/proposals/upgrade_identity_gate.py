"""Upgrade a contract: the identity gate runs a new implementation.

The implementation is deployed beforehand and stands in the manifest as `IdentityGateNext`. The simulation compares its
storage layout with the present one and runs Slither on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, upgrade
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Upgrade the identity gate"
DESCRIPTION = """
The new version says its version number. Verifications, quotas and roles stay as they are.
"""


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.IdentityGate.upgradeToAndCall(dao.IdentityGateNext, b"")


def expects(dao: Suite) -> Iterator[Expectation]:
    yield upgrade(dao.IdentityGate, dao.IdentityGateNext)
