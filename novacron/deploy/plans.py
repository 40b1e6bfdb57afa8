"""The plans that can be deployed: `ape run deploy --plan NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from novacron.deploy.plan import Account, Instance, Plan
from novacron.exceptions import PlanError

FOUNDATION = Plan(
    name="foundation",
    instances=(
        # Owner: may stop new records, and hands that right over with the two-step transferOwnership.
        Instance("ProofOfTraining", "ProofOfTraining", arguments=(Account("deployer"),)),
    ),
)

PLANS: Mapping[str, Plan] = MappingProxyType({plan.name: plan for plan in (FOUNDATION,)})


def plan_named(name: str) -> Plan:
    """The plan of this name.

    Raises:
        PlanError: there is none; the message lists those there are.
    """
    if name not in PLANS:
        raise PlanError(f"no plan is named {name!r}; there are: {', '.join(sorted(PLANS))}")
    return PLANS[name]
