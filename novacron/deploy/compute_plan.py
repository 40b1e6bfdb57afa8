"""The part of the suite's plan that sells machine time: market, hosts, VMs, agreements."""

from __future__ import annotations

from typing import Any

from novacron.deploy.genesis import RESOURCE_NAMES, Genesis
from novacron.deploy.plan import Call, Calldata, Created, Instance, Item, Reading, Ref
from novacron.market.plan import base_prices
from novacron.market.resources import Resource

_AUTHORITY, _BRAKE, _TREASURY = Ref("Authority"), Ref("EmergencyBrake"), Ref("Timelock")
_TOKENS = tuple(Ref(token) for token in RESOURCE_NAMES)


def compute_instances(genesis: Genesis) -> tuple[Item, ...]:
    """Contracts, each after what it needs; all of them owned and administered by governance in the end."""
    bases = base_prices(genesis.market.eth_usd)
    curves = tuple((Ref(token), bases[Resource[token]], genesis.market.steepness[token]) for token in RESOURCE_NAMES)
    return (
        Instance("ResourceMarket", "ResourceMarket", (_AUTHORITY, _BRAKE, _TREASURY, curves, genesis.market.fee)),
        Instance("LiquidityPool", "LiquidityPool", (_BRAKE, _TOKENS)),
        Instance("OrderBook", "OrderBook", (_AUTHORITY, _BRAKE)),
        *_proxied("HostRegistry", "initialize(address)", (_AUTHORITY,)),
        Instance("ResourceStaking", "ResourceStaking", (_AUTHORITY, _BRAKE, Ref("HostRegistry"), _TOKENS)),
        # Rules that do not fit into one contract: VMLifecycle's code is given the other half, SLA's creates it.
        Instance("VMLifecycleExtension", "VMLifecycleExtension"),
        *_proxied(
            "VMLifecycle",
            "initialize(address,address,address,address[4])",
            (_AUTHORITY, _BRAKE, Ref("HostRegistry"), _TOKENS),
            code=(Ref("VMLifecycleExtension"),),
        ),
        Instance("CommitteeArbitrator", "CommitteeArbitrator", (_AUTHORITY,)),
        *_proxied(
            "SLA",
            "initialize(address,address,address,address,address,address)",
            (_AUTHORITY, _BRAKE, Ref("NovaToken"), Ref("VMLifecycle"), _TREASURY, Ref("CommitteeArbitrator")),
        ),
        Created("SLATermsBook", "SLATermsBook", "SLAImplementation"),
        Created("SLACourt", "SLACourt", "SLAImplementation", nonce=2),
    )


def compute_calls() -> tuple[Call, ...]:
    """What the deployer sets: who leases and reserves hosts, and what can be offered for sale."""
    return (
        _set("HostRegistry", "setLifecycle", "lifecycle", "VMLifecycle"),
        _set("HostRegistry", "setStaking", "staking", "ResourceStaking"),
        *(
            Call(
                f"list {token}",
                "OrderBook",
                "setListed(address,bool)",
                (Ref(token), True),
                (Reading("OrderBook", "isListed(address)", (Ref(token),), True),),
            )
            for token in RESOURCE_NAMES
        ),
    )


def _proxied(
    name: str, initialiser: str, arguments: tuple[Any, ...], *, code: tuple[Any, ...] = ()
) -> tuple[Instance, Instance]:
    implementation = f"{name}Implementation"
    setup = Calldata(initialiser, arguments)
    return (
        Instance(implementation, name, code),
        Instance(name, "Proxy", (Ref(implementation), setup), implementation=implementation),
    )


def _set(instance: str, setter: str, getter: str, to: str) -> Call:
    return Call(
        f"{setter} of {instance}",
        instance,
        f"{setter}(address)",
        (Ref(to),),
        (Reading(instance, f"{getter}()", (), Ref(to)),),
    )
