"""What of the market, the hosts and the agreements is not as it was planned, or was otherwise once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from novacron.deploy.genesis import RESOURCE_NAMES
from novacron.deploy.handover_history import ANEW
from novacron.deploy.handover_view import Finding, Section, View, position
from novacron.deploy.rules import ROLES


def settings(view: View) -> Section:
    """Every setting that the deployer could have made was the plan's; later ones are proposals'."""
    findings, checked = [], 0
    for (instance, event), planned in _planned(view).items():
        left = list(planned)
        for log in view.events(instance, event):
            checked += 1
            said = {name: log.args[name] for name in planned[0]} if planned else {}
            if said in left:
                left.remove(said)
            elif not view.governed(log):
                words = ", ".join(f"{name} {_shown(view, value)}" for name, value in dict(log.args).items())
                what = f"{event} ({words}) was neither planned nor proposed"
                findings.append(Finding(instance, event, "", what, ANEW))
        if not view.before:
            findings += [
                Finding(instance, event, "", f"{event} with {one} never happened", "deploy the suite anew")
                for one in left
            ]
    return Section("settings of market, hosts and agreements", checked, tuple(findings))


def current(view: View) -> Section:
    """What the market charges and which tokens are meant are as planned, or as the latest proposal has set them."""
    findings = []
    fee = view.recorded.market.fee
    for log in view.events("ResourceMarket", "FeeSet"):
        fee = log.args["fee"] if view.governed(log) else fee
    if (found := view.handle("ResourceMarket").call("fee")) != fee:
        mend = f"ResourceMarket.setFee({fee}) by a proposal"
        findings.append(Finding("ResourceMarket", "fee", "", f"its fee is {found} ppm, not {fee}", mend))
    names = (("VMLifecycle", "token"), ("LiquidityPool", "tokenOf"), ("ResourceStaking", "tokenOf"))
    for instance, function in names:
        answers = view.handle(instance).call_many([(function, index) for index in range(len(RESOURCE_NAMES))])
        for name, found in zip(RESOURCE_NAMES, answers, strict=True):
            if found != view.address(name):
                what = f"its {name} is {view.name_of(found)}"
                findings.append(Finding(instance, "token", found, what, "deploy the suite anew"))
    return Section("fee and tokens", 1 + len(names) * len(RESOURCE_NAMES), tuple(findings))


def attestations(view: View) -> Section:
    """Hosts were attested by the planned auditors, or by those whom a proposal had named by then."""
    named = dict.fromkeys((*view.recorded.auditors, *view.genesis.auditors), (0, 0))
    for log in view.events("Authority", "RoleGranted"):
        if log.args["roleId"] == ROLES["AUDITOR"] and view.governed(log):
            named.setdefault(log.args["account"], position(log))
    logs = list(view.events("HostRegistry", "Attested"))
    strange = dict.fromkeys(
        log.args["auditor"]
        for log in logs
        if (since := named.get(log.args["auditor"])) is None or position(log) < since
    )
    findings = [
        Finding("HostRegistry", "auditor", one, f"{view.name_of(one)} attested hosts, and was no auditor", ANEW)
        for one in strange
    ]
    return Section("attestations of hosts", len(logs), tuple(findings))


def _planned(view: View) -> Mapping[tuple[str, str], list[dict[str, Any]]]:
    """Events of the deployment itself, by instance and event; any other is a proposal's."""
    return {
        ("HostRegistry", "LifecycleSet"): [{"lifecycle": view.address("VMLifecycle")}],
        ("HostRegistry", "StakingSet"): [{"staking": view.address("ResourceStaking")}],
        ("OrderBook", "ListedSet"): [{"token": view.address(name), "listed": True} for name in RESOURCE_NAMES],
        ("ResourceMarket", "FeeSet"): [{"fee": view.recorded.market.fee}],
        ("ResourceMarket", "ResourceUnstocked"): [],
        ("ResourceStaking", "BudgetTaken"): [],
        ("VMLifecycle", "DefaultPolicySet"): [],
        ("SLA", "DefaultArbitratorSet"): [{"arbitrator": view.address("CommitteeArbitrator")}],
    }


def _shown(view: View, value: Any) -> str:
    return view.name_of(value) if isinstance(value, str) and value.startswith("0x") else str(value)
