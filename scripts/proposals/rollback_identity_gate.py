"""Emergency rollback: the identity gate runs its first implementation again. See the runbook in docs/governance.md.

What the newer version has written stays; the simulation compares the storage layouts in this direction, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, upgrade
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Roll the identity gate back"
DESCRIPTION = """
The version that runs now is faulty. The first one is known to work and understands the same storage.
"""


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.IdentityGate.upgradeToAndCall(dao.IdentityGateImplementation, b"")


def expects(dao: Suite) -> Iterator[Expectation]:
    yield upgrade(dao.IdentityGate, dao.IdentityGateImplementation)
