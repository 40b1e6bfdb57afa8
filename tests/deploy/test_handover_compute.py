"""check_handover: what was done to market, hosts and agreements outside a proposal is found; a proposal's is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import ContractSource
from novacron.deploy.genesis import LOCAL_GENESIS, RESOURCE_NAMES
from novacron.deploy.local import LOCAL_HOLDERS, deploy_local, make_voters
from novacron.deploy.manifest import load_manifest
from novacron.deploy.roles import OWNERS
from novacron.deploy.rules import ROLES
from novacron.deploy.run import DeployEvent
from novacron.exceptions import DeployError
from tests.deploy.handover_suite import STRANGER, Suite, execute, force, only, poke, propose, queue, word

ANEW = "deploy the suite anew"
AUDITOR = ROLES["AUDITOR"]
REGION = b"eu".ljust(32, b"\0")
CAPACITY = (8_000, 32_000, 1_000, 10_000)
UNIT = 10**18
#: Where OpenZeppelin keeps the owner of an upgradeable contract (ERC-7201, `openzeppelin.storage.Ownable`).
OWNABLE = "0x9016d09d72d40fdae2fd8ceac6b6234c7706214fd39c1cd1e609a0528c199300"
MARKET = sorted(set(OWNERS) - {"ProofOfTraining"})

#: What is done in whose name ("" is whoever is ADMIN): instance, function, arguments.
Step = tuple[str, str, str, tuple[Any, ...]]


def instance(suite: Suite, value: Any) -> Any:
    """The address of an argument that names an instance."""
    return suite.manifest.address_of(value) if isinstance(value, str) and value in suite.manifest.instances else value


def do(suite: Suite, *steps: Step, admin: str = "Timelock") -> None:
    for sender, name, function, arguments in steps:
        suite.send(sender or admin, name, function, *(instance(suite, one) for one in arguments))


def attest(suite: Suite, auditor: str) -> None:
    """A host of the first holder, attested."""
    suite.send(LOCAL_HOLDERS[0], "HostRegistry", "registerHost", REGION, LOCAL_HOLDERS[0])
    last = suite["HostRegistry"].call("hostCount")
    latest = suite.chain.rpc("eth_getBlockByNumber", "latest", False)
    assert isinstance(latest, dict)
    until = int(latest["timestamp"], 16) + 86_400
    suite.send(auditor, "HostRegistry", "attest", last, CAPACITY, until, b"\1" * 32)


#: Each of them leaves the state as it was planned: only the events tell.
THERE_AND_BACK: dict[str, tuple[tuple[Step, ...], str, list[str]]] = {
    "lifecycle": (
        (
            ("", "HostRegistry", "setLifecycle", (STRANGER,)),
            ("", "HostRegistry", "setLifecycle", ("VMLifecycle",)),
        ),
        "HostRegistry",
        [f"LifecycleSet (lifecycle {STRANGER})", "LifecycleSet (lifecycle VMLifecycle 0x"],
    ),
    "staking": (
        (
            ("", "HostRegistry", "setStaking", (STRANGER,)),
            ("", "HostRegistry", "setStaking", ("ResourceStaking",)),
        ),
        "HostRegistry",
        [f"StakingSet (staking {STRANGER})", "StakingSet (staking ResourceStaking 0x"],
    ),
    "listing": (
        (
            ("", "OrderBook", "setListed", ("NovaToken", True)),
            ("", "OrderBook", "setListed", ("NovaToken", False)),
        ),
        "OrderBook",
        ["ListedSet (token NovaToken 0x", "listed False)"],
    ),
    "fee": (
        (
            ("", "ResourceMarket", "setFee", (10_000,)),
            ("", "ResourceMarket", "setFee", (LOCAL_GENESIS.market.fee,)),
        ),
        "ResourceMarket",
        ["FeeSet (fee 10000)", f"FeeSet (fee {LOCAL_GENESIS.market.fee})"],
    ),
    "arbitrator": (
        (
            ("", "SLA", "setDefaultArbitrator", (STRANGER,)),
            ("", "SLA", "setDefaultArbitrator", ("CommitteeArbitrator",)),
        ),
        "SLA",
        [f"DefaultArbitratorSet (arbitrator {STRANGER})", "DefaultArbitratorSet (arbitrator CommitteeArbitrator 0x"],
    ),
    "policy": (
        (
            (STRANGER, "VMLifecycle", "createPolicy", ([STRANGER], 1)),
            ("", "VMLifecycle", "setDefaultPolicy", (1,)),
        ),
        "VMLifecycle",
        ["DefaultPolicySet (policyId 1)"],
    ),
    "inventory": (
        (
            ("Timelock", "CPU", "approve", ("ResourceMarket", UNIT)),
            ("Timelock", "ResourceMarket", "stock", (0, UNIT)),
            ("", "ResourceMarket", "unstock", (0, UNIT, STRANGER)),
        ),
        "ResourceMarket",
        [f"ResourceUnstocked (resource 0, recipient {STRANGER}, amount {UNIT})"],
    ),
    "budget": (
        (
            ("Timelock", "MEM", "approve", ("ResourceStaking", UNIT)),
            ("Timelock", "ResourceStaking", "fund", (1, UNIT)),
            ("", "ResourceStaking", "takeBack", (1, UNIT, STRANGER)),
        ),
        "ResourceStaking",
        [f"BudgetTaken (resource 1, recipient {STRANGER}, amount {UNIT})"],
    ),
}


@pytest.mark.parametrize("what", THERE_AND_BACK)
def test_a_setting_that_was_another_for_a_time_is_found(suite: Suite, what: str) -> None:
    steps, contract, said = THERE_AND_BACK[what]
    do(suite, *steps)
    found = suite.found()
    assert {one.contract for one in found} == {contract}
    assert len(found) == (2 if len(steps) == 2 and what != "policy" else 1)
    assert all(one.what.endswith("was neither planned nor proposed") and ANEW in one.mend for one in found)
    shown = " ".join(one.what for one in found)
    assert all(one in shown for one in said), shown


@pytest.mark.parametrize(
    ("contract", "setter", "getter", "mend"),
    [
        ("HostRegistry", "setLifecycle", "lifecycle", "HostRegistry.setLifecycle"),
        ("HostRegistry", "setStaking", "staking", "HostRegistry.setStaking"),
        ("SLA", "setDefaultArbitrator", "defaultArbitrator", "SLA.setDefaultArbitrator"),
    ],
)
def test_another_link_is_found_with_the_event_that_made_it(
    suite: Suite, contract: str, setter: str, getter: str, mend: str
) -> None:
    do(suite, ("", contract, setter, (STRANGER,)))
    link, event = suite.found()
    only([link], contract, getter, STRANGER, f"its {getter} is {STRANGER}, not ", mend)
    assert "was neither planned nor proposed" in event.what


def test_another_fee_is_found(suite: Suite) -> None:
    poke(suite, "ResourceMarket", "fee", 10_000)
    only(suite.found(), "ResourceMarket", "fee", "", "its fee is 10000 ppm, not 3000", "setFee(3000) by a proposal")


def test_a_planned_setting_that_never_happened_is_found(suite: Suite) -> None:
    now = replace(LOCAL_GENESIS.market, fee=17)
    configuration = replace(LOCAL_GENESIS, market=now).to_json()
    plan = replace(suite.manifest.plans["novacron"], configuration=configuration)
    changed = replace(suite.manifest, plans={**suite.manifest.plans, "novacron": plan})
    other = Suite(suite.chain, suite.pool, changed, suite.compiler)
    assert ("ResourceMarket", "FeeSet", "FeeSet with {'fee': 17} never happened") in [
        (one.contract, one.role, one.what) for one in other.found()
    ]


# ----------------------------------------------------------------------------------------------------------------------
# Attestations
# ----------------------------------------------------------------------------------------------------------------------


def test_a_host_that_an_auditor_has_attested_is_no_finding(suite: Suite) -> None:
    attest(suite, LOCAL_GENESIS.auditors[0])
    report = suite.check()
    report.raise_if_failed()
    assert {one.name: one.checked for one in report.sections}["attestations of hosts"] == 1


def test_a_host_that_somebody_has_attested_who_was_no_auditor_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", AUDITOR, STRANGER, 0)
    attest(suite, STRANGER)
    suite.send("Timelock", "Authority", "revokeRole", AUDITOR, STRANGER)
    role, attestation = suite.found()
    only([role], "Authority", "AUDITOR", STRANGER, "had the role AUDITOR once", ANEW)
    only([attestation], "HostRegistry", "auditor", STRANGER, "attested hosts, and was no auditor", ANEW)


def test_an_auditor_whom_a_proposal_names_later_or_as_something_else_was_none_before(suite: Suite) -> None:
    other = LOCAL_HOLDERS[4]
    make_voters(suite.pool, suite.manifest)
    for account in (STRANGER, other):
        suite.send("Timelock", "Authority", "grantRole", AUDITOR, account, 0)
        attest(suite, account)
        suite.send("Timelock", "Authority", "revokeRole", AUDITOR, account)
    grants = [
        ("Authority", suite["Authority"].encode("grantRole", role, account, 0))
        for role, account in ((AUDITOR, STRANGER), (ROLES["ARBITER"], other))
    ]
    proposal = propose(suite, "One more auditor, one more arbiter", *grants)
    queue(suite, proposal)
    execute(suite, proposal)
    now = replace(LOCAL_GENESIS, arbiters=(*LOCAL_GENESIS.arbiters, other))
    found = [one.account for one in suite.found(genesis=now) if one.contract == "HostRegistry"]
    assert found == [STRANGER, other]


def test_an_auditor_whom_governance_has_dismissed_was_one(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    first = LOCAL_GENESIS.auditors[0]
    attest(suite, first)
    dismissal = ("Authority", suite["Authority"].encode("revokeRole", AUDITOR, first))
    proposal = propose(suite, "Another auditor", dismissal)
    queue(suite, proposal)
    execute(suite, proposal)
    assert not suite.found(genesis=replace(LOCAL_GENESIS, auditors=()))


# ----------------------------------------------------------------------------------------------------------------------
# Owners, tokens and what else a contract keeps
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MARKET)
def test_an_owner_that_is_not_the_brake_is_found_from_the_offer_on(suite: Suite, name: str) -> None:
    suite.send("EmergencyBrake", name, "transferOwnership", STRANGER)
    only(suite.found(), name, "pendingOwner", STRANGER, f"it is offered to {STRANGER}", "transferOwnership")
    suite.send(STRANGER, name, "acceptOwnership")
    only(suite.found(), name, "owner", STRANGER, f"its owner is {STRANGER}, not EmergencyBrake", "its owner transfers")


@pytest.mark.parametrize("name", ["VMLifecycleImplementation", "SLAImplementation"])
def test_an_owner_of_an_implementation_is_found(suite: Suite, name: str) -> None:
    suite.chain.rpc("anvil_setStorageAt", suite.manifest.address_of(name), OWNABLE, word(STRANGER))
    only(suite.found(), name, "initialiser", "", f"its owner is {STRANGER}", "disables initialisers")


def swap(suite: Suite, name: str, function: str, arguments: tuple[Any, ...]) -> None:
    """Have a view answer STRANGER: in the storage that it reads, or in the code where that has it as immutable."""
    contract, chain, new = suite[name], suite.chain, STRANGER[2:].lower()
    old = contract.call(function, *arguments)[2:].lower()
    call = {"to": contract.address, "data": "0x" + contract.encode(function, *arguments).hex()}
    read: Any = chain.rpc("eth_createAccessList", call, "latest")
    entries = [one for one in read["accessList"] if one["address"].lower() == contract.address.lower()]
    for slot in [slot for one in entries for slot in one["storageKeys"]]:
        value = str(chain.rpc("eth_getStorageAt", contract.address, slot, "latest"))
        chain.rpc("anvil_setStorageAt", contract.address, slot, value.replace(old, new))
    if contract.call(function, *arguments) != STRANGER:
        code = str(chain.rpc("eth_getCode", contract.address, "latest"))
        chain.rpc("anvil_setCode", contract.address, code.replace(old, new))
    assert contract.call(function, *arguments) == STRANGER


@pytest.mark.parametrize("name", RESOURCE_NAMES)
@pytest.mark.parametrize(
    ("contract", "function"), [("VMLifecycle", "token"), ("LiquidityPool", "tokenOf"), ("ResourceStaking", "tokenOf")]
)
def test_another_token_is_found(suite: Suite, contract: str, function: str, name: str) -> None:
    swap(suite, contract, function, (RESOURCE_NAMES.index(name),))
    only(suite.found(), contract, "token", STRANGER, f"its {name} is {STRANGER}", ANEW)


@pytest.mark.parametrize(
    ("contract", "function"),
    [
        ("ResourceStaking", "registry"),
        ("VMLifecycle", "registry"),
        ("ResourceMarket", "treasury"),
        ("SLA", "nova"),
        ("SLA", "lifecycle"),
        ("SLA", "treasury"),
    ],
)
def test_another_link_that_no_call_can_set_is_found(suite: Suite, contract: str, function: str) -> None:
    swap(suite, contract, function, ())
    only(suite.found(), contract, function, STRANGER, f"its {function} is {STRANGER}, not ", ANEW)


# ----------------------------------------------------------------------------------------------------------------------
# The same by a proposal, and before the hand-over
# ----------------------------------------------------------------------------------------------------------------------


def test_the_same_by_an_executed_proposal_is_no_finding(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    suite.send(STRANGER, "VMLifecycle", "createPolicy", [STRANGER], 1)
    steps: tuple[Step, ...] = (
        ("", "HostRegistry", "setLifecycle", (STRANGER,)),
        ("", "HostRegistry", "setStaking", (STRANGER,)),
        ("", "OrderBook", "setListed", ("NovaToken", True)),
        ("", "OrderBook", "setListed", ("NET", False)),
        ("", "ResourceMarket", "setFee", (9_999,)),
        ("", "SLA", "setDefaultArbitrator", (STRANGER,)),
        ("", "VMLifecycle", "setDefaultPolicy", (1,)),
        ("", "CPU", "approve", ("ResourceMarket", UNIT)),
        ("", "ResourceMarket", "stock", (0, UNIT)),
        ("", "ResourceMarket", "unstock", (0, UNIT, "Timelock")),
        ("", "CPU", "approve", ("ResourceStaking", UNIT)),
        ("", "ResourceStaking", "fund", (0, UNIT)),
        ("", "ResourceStaking", "takeBack", (0, UNIT, "Timelock")),
        ("", "Authority", "grantRole", (AUDITOR, STRANGER, 0)),
    )
    actions = [
        (name, suite[name].encode(function, *(instance(suite, one) for one in arguments)))
        for _, name, function, arguments in steps
    ]
    proposal = propose(suite, "Everything at once", *actions)
    queue(suite, proposal)
    execute(suite, proposal)
    attest(suite, STRANGER)
    now = replace(LOCAL_GENESIS, auditors=(*LOCAL_GENESIS.auditors, STRANGER))
    assert suite["ResourceMarket"].call("fee") == 9_999
    assert not suite.found(genesis=now)

    poke(suite, "ResourceMarket", "fee", LOCAL_GENESIS.market.fee)
    only(suite.found(genesis=now), "ResourceMarket", "fee", "", "is 3000 ppm, not 9999", "setFee(9999) by a proposal")
    poke(suite, "ResourceMarket", "fee", 9_999)
    do(suite, ("", "HostRegistry", "setLifecycle", ("VMLifecycle",)))  # as planned once, and not as voted
    link, event = suite.found(genesis=now)
    assert f"its lifecycle is VMLifecycle {suite.manifest.address_of('VMLifecycle')}, not {STRANGER}" in link.what
    assert event.role == "LifecycleSet"


def before_the_hand_over(suite: Suite) -> None:
    """All of it by the deployer, who is ADMIN and puts everything back."""
    suite.send(suite.deployer, "Authority", "grantRole", AUDITOR, suite.deployer, 0)
    attest(suite, suite.deployer)
    suite.send(suite.deployer, "Authority", "revokeRole", AUDITOR, suite.deployer)
    steps = [step for what in BY_THE_DEPLOYER for step in THERE_AND_BACK[what][0]]
    do(suite, *steps, admin=suite.deployer)


#: The treasury gives nothing away before the hand-over: it has no votes to execute yet.
BY_THE_DEPLOYER = tuple(what for what in THERE_AND_BACK if what not in ("inventory", "budget"))


def test_what_the_deployer_did_before_the_hand_over_and_put_back_stops_it_and_is_found_after(
    source: ContractSource, tmp_path: Path
) -> None:
    out_dir, done = tmp_path / "ethereum-local", []
    wanted = {
        ("Authority", "AUDITOR"),
        ("HostRegistry", "LifecycleSet"),
        ("HostRegistry", "StakingSet"),
        ("HostRegistry", "auditor"),
        ("OrderBook", "ListedSet"),
        ("ResourceMarket", "FeeSet"),
        ("SLA", "DefaultArbitratorSet"),
        ("VMLifecycle", "DefaultPolicySet"),
    }
    with Anvil() as other, EndpointPool([other.url]) as pool:

        def act(event: DeployEvent) -> None:
            if (event.instance, event.step) == ("list NET", "recorded"):
                done.append(event)
                before_the_hand_over(Suite(other, pool, load_manifest(out_dir / "manifest.json"), source))

        with pytest.raises(DeployError, match="not handed over: ") as caught:
            deploy_local(pool, out_dir, compiler=source, on_event=act)
        assert len(done) == 1
        for contract, role in wanted:
            assert f"{contract}: " in str(caught.value)
            assert role in str(caught.value)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), source)
        force(suite)
        assert {(one.contract, one.role) for one in suite.found()} == wanted
