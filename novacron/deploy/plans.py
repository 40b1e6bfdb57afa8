"""The plans that can be deployed: `ape run deploy --plan NAME`."""

from __future__ import annotations

from typing import Any

from novacron.deploy.arguments import selector
from novacron.deploy.compute_plan import compute_calls, compute_instances
from novacron.deploy.genesis import CAPS, THRESHOLD, TREASURY, UNIT, Genesis
from novacron.deploy.handover import gate
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.models_plan import models_instances
from novacron.deploy.plan import Account, Call, Calldata, Created, Emitted, Instance, Plan, Reading, Ref, SafeAccount
from novacron.deploy.roles import assigned_roles, role_id
from novacron.deploy.rules import ROLES
from novacron.exceptions import PlanError

SUITE = "novacron"
FOUNDATION = Plan(
    name="foundation",
    instances=(
        # Owner: may stop new records, and hands that right over with the two-step transferOwnership.
        Instance("ProofOfTraining", "ProofOfTraining", arguments=(Account("deployer"),)),
    ),
)
#: What can be named on the command line, the default first.
PLAN_NAMES = (SUITE, FOUNDATION.name)

#: Delay of the timelock at the beginning, seconds; governance may set it between 24 and 48 hours.
TIMELOCK_DELAY = 48 * 3600
#: Name, symbol and unit of the resource tokens.
RESOURCES = {
    "CPU": ("NovaCron CPU", "CPU", "vCPU-hour"),
    "MEM": ("NovaCron Memory", "MEM", "GB-hour"),
    "STO": ("NovaCron Storage", "STO", "TB-hour"),
    "NET": ("NovaCron Network", "NET", "GB"),
}
_SAFE = "npm:@safe-global/safe-smart-account/build/artifacts/contracts"
_DEPLOYER = Account("deployer")


def plan_named(name: str, genesis: Genesis | None = None) -> Plan:
    """The plan of this name.

    Args:
        name: one of `PLAN_NAMES`.
        genesis: what the suite starts with.

    Raises:
        PlanError: there is none; the message lists those there are. Or the suite without a genesis.
    """
    if name == FOUNDATION.name:
        return FOUNDATION
    if name != SUITE:
        raise PlanError(f"no plan is named {name!r}; there are: {', '.join(PLAN_NAMES)}")
    if genesis is None:
        raise PlanError(f"plan {SUITE} needs to know who gets what: give a genesis file (--genesis FILE)")
    return suite(genesis)


def plans_of(manifest: DeploymentManifest) -> dict[str, Plan]:
    """The plans of this source tree, the suite as it was configured for this deployment.

    Raises:
        PlanError: the recorded configuration is malformed.
    """
    plans = {FOUNDATION.name: FOUNDATION}
    there = manifest.plans.get(SUITE)
    if there is not None and there.configuration is not None:
        plans[SUITE] = suite(Genesis.from_json(there.configuration))
    return plans


def suite(genesis: Genesis) -> Plan:
    """Everything, owned by governance in the end."""
    return Plan(
        name=SUITE,
        instances=(
            # The deployer configures both and renounces both in the hand-over.
            Instance("Authority", "Authority", (_DEPLOYER,)),
            Instance("Timelock", "Timelock", (TIMELOCK_DELAY, (), (), _DEPLOYER)),
            Instance("SafeL2", f"{_SAFE}/SafeL2.sol/SafeL2.json"),
            Instance("SafeProxyFactory", f"{_SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json"),
            Instance(
                "CompatibilityFallbackHandler",
                f"{_SAFE}/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json",
            ),
            SafeAccount(
                "GuardianSafe",
                owners=genesis.guardians,
                threshold=THRESHOLD,
                contract=f"{_SAFE}/proxies/SafeProxy.sol/SafeProxy.json",
                factory="SafeProxyFactory",
                singleton="SafeL2",
                handler="CompatibilityFallbackHandler",
            ),
            Instance("NovaToken", "NovaToken", (Ref("Authority"), _allocations(genesis, "NovaToken"))),
            Created("QuadraticVotes", "QuadraticVotes", "NovaToken", (Ref("NovaToken"), Ref("Authority"))),
            *(
                Instance(
                    token,
                    "ResourceToken",
                    (*words, CAPS[token] * UNIT, Ref("Authority"), _allocations(genesis, token)),
                )
                for token, words in RESOURCES.items()
            ),
            Instance("IdentityGateImplementation", "IdentityGate"),
            Instance(
                "IdentityGate",
                "Proxy",
                (
                    Ref("IdentityGateImplementation"),
                    Calldata(
                        "initialize(address,address,uint32)",
                        (Ref("Authority"), Ref("QuadraticVotes"), genesis.quota),
                    ),
                ),
                implementation="IdentityGateImplementation",
            ),
            Instance("Governance", "Governance", (Ref("NovaToken"), Ref("Timelock"), Ref("GuardianSafe"))),
            Instance("EmergencyBrake", "EmergencyBrake", (Ref("Authority"),)),
            Instance("ProofOfTraining", "ProofOfTraining", (Ref("EmergencyBrake"),)),
            *compute_instances(genesis),
            *models_instances(),
        ),
        calls=_configuration(genesis),
        handover=_handover(),
        gate=gate,
        configuration=genesis.to_json(),
        others=(*genesis.guardians, *genesis.others),
    )


def _allocations(genesis: Genesis, token: str) -> tuple[tuple[Any, int], ...]:
    given = genesis.allocations.get(token, ())
    return tuple((Ref("Timelock") if to == TREASURY else to, amount) for to, amount in given)


def _configuration(genesis: Genesis) -> tuple[Call, ...]:
    """What the deployer sets: roles of the Authority from the table, roles of the Timelock, the gate."""
    calls = []
    for label, number in ROLES.items():
        if label != "ADMIN":
            calls.append(
                Call(
                    f"label role {label}",
                    "Authority",
                    "labelRole(uint64,string)",
                    (number, label),
                    (Emitted("Authority", "RoleLabel", {"roleId": number}, {"label": label}),),
                )
            )
    for instance, function, role in assigned_roles():
        chosen = selector(function)
        calls.append(
            Call(
                f"role of {instance}.{function.partition('(')[0]}",
                "Authority",
                "setTargetFunctionRole(address,bytes4[],uint64)",
                (Ref(instance), (chosen,), ROLES[role]),
                (
                    Reading(
                        "Authority",
                        "getTargetFunctionRole(address,bytes4)",
                        (Ref(instance), chosen),
                        ROLES[role],
                    ),
                ),
            )
        )
    calls.append(_grant("GUARDIAN", "GuardianSafe", Ref("GuardianSafe")))
    calls += [_grant(role, account, account) for role, accounts in genesis.roles.items() for account in accounts]
    calls.append(
        Call(
            "set the gate",
            "QuadraticVotes",
            "setGate(address)",
            (Ref("IdentityGate"),),
            (Reading("QuadraticVotes", "gate()", (), Ref("IdentityGate")),),
        )
    )
    calls += compute_calls()
    calls += [_timelock_role(role) for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")]
    return tuple(calls)


def _grant(role: str, name: str, account: Any) -> Call:
    return Call(
        f"grant {role} to {name}",
        "Authority",
        "grantRole(uint64,address,uint32)",
        (ROLES[role], account, 0),
        (Reading("Authority", "hasRole(uint64,address)", (ROLES[role], account), (True, 0)),),
    )


def _timelock_role(role: str) -> Call:
    number = role_id(role)
    return Call(
        f"grant {role} to Governance",
        "Timelock",
        "grantRole(bytes32,address)",
        (number, Ref("Governance")),
        (Reading("Timelock", "hasRole(bytes32,address)", (number, Ref("Governance")), True),),
    )


def _handover() -> tuple[Call, ...]:
    """ADMIN to the timelock; the deployer renounces what it has. In this order, so that somebody is always ADMIN."""
    admin, default = ROLES["ADMIN"], role_id("DEFAULT_ADMIN_ROLE")
    return (
        _grant("ADMIN", "Timelock", Ref("Timelock")),
        Call(
            "renounce ADMIN of the Authority",
            "Authority",
            "renounceRole(uint64,address)",
            (admin, _DEPLOYER),
            (Reading("Authority", "hasRole(uint64,address)", (admin, _DEPLOYER), (False, None)),),
        ),
        Call(
            "renounce DEFAULT_ADMIN_ROLE of the Timelock",
            "Timelock",
            "renounceRole(bytes32,address)",
            (default, _DEPLOYER),
            (Reading("Timelock", "hasRole(bytes32,address)", (default, _DEPLOYER), False),),
        ),
    )
