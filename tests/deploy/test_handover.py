"""check_handover: an honest deployment passes; whatever is left behind is found, and named with the way to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.anvil import Anvil
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.deploy import roles
from novacron.deploy.arguments import selector
from novacron.deploy.compiler import ContractSource
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.handover import HandoverReport, check_handover
from novacron.deploy.handover_view import Finding
from novacron.deploy.local import LOCAL_HOLDERS, SEASON, deploy_local, local_compiler, make_voters
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.roles import Rule, Who, role_id
from novacron.deploy.run import DeployEvent
from novacron.exceptions import DeployError, HandoverError
from tests.deploy.support import Remembering

ZERO = "0x" + "00" * 20
STRANGER = str(to_checksum_address("0x" + "57a9".rjust(40, "0")))


@pytest.fixture(scope="module")
def compiler() -> ContractSource:
    return Remembering(local_compiler())


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


@pytest.fixture(scope="module")
def manifest(chain: Anvil, compiler: ContractSource, tmp_path_factory: pytest.TempPathFactory) -> DeploymentManifest:
    return deploy_local(chain.url, tmp_path_factory.mktemp("deployed") / "ethereum-local", compiler=compiler)


class Suite:
    """The deployed suite; transactions in anybody's name."""

    def __init__(
        self, chain: Anvil, pool: EndpointPool, manifest: DeploymentManifest, compiler: ContractSource
    ) -> None:
        self.chain, self.pool, self.manifest, self.compiler = chain, pool, manifest, compiler

    def __getitem__(self, name: str) -> ContractHandle:
        record = self.manifest.instances[name]
        abi_of = self.manifest.instances[record.implementation or name]
        wanted = abi_of.package.contract if abi_of.package else abi_of.contract
        return ContractHandle(self.pool, record.address, self.compiler.compile(wanted).abi)

    @property
    def deployer(self) -> str:
        return self.chain.accounts[0][0]

    def send(self, sender: str, name: str, function: str, *arguments: Any) -> str:
        """A transaction from an instance's or account's address, whoever has its key."""
        source = self.manifest.address_of(sender) if sender in self.manifest.instances else sender
        data = "0x" + self[name].encode(function, *arguments).hex()
        return self.raw(source, self[name].address, data)

    def raw(self, sender: str, to: str | None, data: str) -> str:
        self.chain.rpc("anvil_setBalance", sender, hex(10**20))
        self.chain.rpc("anvil_impersonateAccount", sender)
        call = {"from": sender, "data": data, "gas": hex(5_000_000), **({"to": to} if to else {})}
        receipt = self.chain.rpc("eth_sendTransactionSync", call)
        self.chain.rpc("anvil_stopImpersonatingAccount", sender)
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x1", (to, data)
        return str(receipt.get("contractAddress") or "")

    def check(self, **options: Any) -> HandoverReport:
        return check_handover(self.pool, self.manifest, self.compiler, **options)

    def found(self, **options: Any) -> list[Finding]:
        report = self.check(**options)
        if report.findings:
            with pytest.raises(HandoverError):
                report.raise_if_failed()
        return list(report.findings)


@pytest.fixture
def suite(chain: Anvil, manifest: DeploymentManifest, compiler: ContractSource) -> Iterator[Suite]:
    state = chain.rpc("evm_snapshot")
    with EndpointPool([chain.url]) as pool:
        yield Suite(chain, pool, manifest, compiler)
    assert chain.rpc("evm_revert", state)


def only(found: list[Finding], contract: str, role: str, account: str, what: str, mend: str) -> None:
    """Exactly this finding."""
    assert [(one.contract, one.role, one.account) for one in found] == [(contract, role, account)], found
    assert what in found[0].what, found[0]
    assert mend in found[0].mend, found[0]


def test_an_honest_hand_over_passes_every_kind_of_check(suite: Suite) -> None:
    report = suite.check()
    report.raise_if_failed()
    assert [section.name for section in report.sections] == [
        "code", "table of roles", "members of roles", "settings of roles", "roles of functions",
        "authorities and restrictions", "timelock", "links and owners", "guardian Safe", "initialisers and proxies",
        "genesis supply", "verifications",
    ]  # fmt: skip
    assert all(section.checked for section in report.sections[:-1])


@pytest.mark.parametrize("role", ["ADMIN", "GUARDIAN", "ATTESTER"])
def test_a_role_of_the_authority_that_the_deployer_keeps_is_found(suite: Suite, role: str) -> None:
    number = roles.ROLES[role]
    suite.send("Timelock", "Authority", "grantRole", number, suite.deployer, 0)
    only(
        suite.found(), "Authority", role, suite.deployer, f"the deployer {suite.deployer} has the role {role}",
        f"renounceRole({number}, {suite.deployer})",
    )  # fmt: skip


def test_a_second_admin_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 0, STRANGER, 0)
    only(suite.found(), "Authority", "ADMIN", STRANGER, "has the role ADMIN", "revokeRole(0, ")


def test_a_member_of_a_role_outside_the_table_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 77, STRANGER, 0)
    only(suite.found(), "Authority", "77", STRANGER, "has the role 77", "revokeRole(77, ")


def test_a_role_that_begins_later_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "setGrantDelay", 2, 86_400)
    suite.chain.rpc("evm_increaseTime", 6 * 86_400)
    suite.chain.rpc("evm_mine")
    suite.send("Timelock", "Authority", "grantRole", 2, STRANGER, 0)
    found = suite.found()
    assert {(one.role, one.account) for one in found} == {("ATTESTER", STRANGER), ("ATTESTER", "")}
    assert any(" s on" in one.what for one in found)
    assert any("getRoleGrantDelay of ATTESTER is 86400" in one.what for one in found)


def test_a_grant_delay_to_come_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "setGrantDelay", 1, 3600)
    only(suite.found(), "Authority", "1", "", "the delay of 1 becomes 3600 s", "setGrantDelay(1, 0)")


def test_a_missing_role_is_found(suite: Suite) -> None:
    safe = suite.manifest.address_of("GuardianSafe")
    suite.send("Timelock", "Authority", "revokeRole", 1, safe)
    only(suite.found(), "Authority", "GUARDIAN", safe, "does not have the role GUARDIAN", f"grantRole(1, {safe}, 0)")


def test_a_role_with_a_delay_is_found(suite: Suite) -> None:
    safe = suite.manifest.address_of("GuardianSafe")
    suite.send("Timelock", "Authority", "grantRole", 1, safe, 60)
    only(suite.found(), "Authority", "GUARDIAN", safe, "with a delay of 60 s", f"grantRole(1, {safe}, 0)")


@pytest.mark.parametrize(("setter", "view"), [("setRoleAdmin", "getRoleAdmin"), ("setRoleGuardian", "getRoleGuardian")])
def test_another_administrator_or_guardian_of_a_role_is_found(suite: Suite, setter: str, view: str) -> None:
    suite.send("Timelock", "Authority", setter, 2, 1)
    only(suite.found(), "Authority", "ATTESTER", "", f"{view} of ATTESTER is 1", f"{setter}(2, 0)")


def test_a_call_left_scheduled_is_found(suite: Suite) -> None:
    token = suite["NovaToken"]
    suite.send("Timelock", "Authority", "grantRole", 0, STRANGER, 3600)
    suite.send(STRANGER, "Authority", "schedule", token.address, token.encode("mint", STRANGER, 1), 0)
    suite.send("Timelock", "Authority", "revokeRole", 0, STRANGER)
    found = [one for one in suite.found() if one.role == "scheduled call"]
    only(found, "Authority", "scheduled call", STRANGER, "has scheduled a call of NovaToken", "cancel(")


@pytest.mark.parametrize("function", ["mint(address,uint256)", "transfer(address,uint256)", "nothing()"])
def test_a_function_that_was_opened_to_another_role_is_found(suite: Suite, function: str) -> None:
    token = suite.manifest.address_of("CPU")
    suite.send("Timelock", "Authority", "setTargetFunctionRole", token, [selector(function)], 2)
    shown = function if function != "nothing()" else "0x" + selector(function).hex()
    only(
        suite.found(), "CPU", "ATTESTER", "", f"{shown} asks for the role ATTESTER, in the table it is ADMIN",
        "setTargetFunctionRole",
    )  # fmt: skip


def test_a_function_opened_to_everybody_is_found_twice(suite: Suite) -> None:
    gate = suite.manifest.address_of("IdentityGate")
    verify = selector("verify(address,uint256)")
    suite.send("Timelock", "Authority", "setTargetFunctionRole", gate, [verify], roles.PUBLIC_ROLE)
    found = suite.found()
    assert [(one.contract, one.role) for one in found] == [("IdentityGate", "PUBLIC"), ("IdentityGate", "restriction")]
    assert "admits a stranger, in the table it is ATTESTER" in found[1].what


def test_a_closed_contract_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "setTargetClosed", suite.manifest.address_of("EmergencyBrake"), True)
    only(suite.found(), "EmergencyBrake", "closed", "", "has closed its restricted functions", "setTargetClosed")


def test_an_admin_delay_is_found_before_and_after_it_begins(suite: Suite) -> None:
    token = suite.manifest.address_of("MEM")
    suite.send("Timelock", "Authority", "setTargetAdminDelay", token, 7200)
    only(suite.found(), "Authority", token, "", "becomes 7200 s", "setTargetAdminDelay")
    suite.chain.rpc("evm_increaseTime", 6 * 86_400)
    suite.chain.rpc("evm_mine")
    only(suite.found(), "MEM", "admin delay", "", "changes of it take 7200 s longer", "setTargetAdminDelay")


def test_a_contract_under_another_authority_is_found(suite: Suite) -> None:
    code = suite.compiler.compile("Authority").creation_code.hex() + suite.deployer[2:].rjust(64, "0")
    other = suite.raw(suite.deployer, None, "0x" + code)
    suite.send("Timelock", "Authority", "updateAuthority", suite.manifest.address_of("STO"), other)
    only(suite.found(), "STO", "authority", str(to_checksum_address(other)), "its authority is", "setAuthority(")


@pytest.mark.parametrize("role", ["DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"])
def test_a_role_of_the_timelock_that_the_deployer_keeps_is_found(suite: Suite, role: str) -> None:
    suite.send("Timelock", "Timelock", "grantRole", role_id(role), suite.deployer)
    only(suite.found(), "Timelock", role, suite.deployer, f"has {role}", "the deployer calls Timelock.renounceRole")


def test_an_executor_role_for_everybody_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Timelock", "grantRole", role_id("EXECUTOR_ROLE"), ZERO)
    only(suite.found(), "Timelock", "EXECUTOR_ROLE", ZERO, "everybody (the zero address)", "revokeRole")


def test_a_timelock_that_does_not_administer_itself_is_found(suite: Suite) -> None:
    timelock = suite.manifest.address_of("Timelock")
    suite.send("Timelock", "Timelock", "revokeRole", role_id("DEFAULT_ADMIN_ROLE"), timelock)
    only(suite.found(), "Timelock", "DEFAULT_ADMIN_ROLE", timelock, "does not have DEFAULT_ADMIN_ROLE", "grantRole")


def test_an_unknown_role_of_the_timelock_is_found(suite: Suite) -> None:
    suite.send("Timelock", "Timelock", "grantRole", b"\7" * 32, STRANGER)
    only(suite.found(), "Timelock", "0x" + "07" * 32, STRANGER, "has 0x0707", "revokeRole")


def test_an_operation_that_the_deployer_left_in_the_timelock_is_found_before_and_after_it_is_executed(
    suite: Suite,
) -> None:
    powers = [role_id(name) for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE")]
    for power in powers:
        suite.send("Timelock", "Timelock", "grantRole", power, suite.deployer)
    token = suite["NovaToken"]
    approval = token.encode("approve", suite.deployer, 10**27)  # the treasury's
    suite.send(suite.deployer, "Timelock", "schedule", token.address, 0, approval, bytes(32), bytes(32), 48 * 3600)
    for power in powers:
        suite.send("Timelock", "Timelock", "revokeRole", power, suite.deployer)
    only(suite.found(), "Timelock", "operation", "", "is scheduled, and no proposal", "Timelock.cancel(0x")
    suite.chain.rpc("evm_increaseTime", 48 * 3600)
    suite.send("Governance", "Timelock", "execute", token.address, 0, approval, bytes(32), bytes(32))
    only(suite.found(), "Timelock", "operation", "", "was executed, and no proposal", "deploy the suite anew")


def test_what_a_proposal_has_scheduled_and_executed_is_no_finding(suite: Suite) -> None:
    with EndpointPool([suite.chain.url]) as pool:
        make_voters(pool, suite.manifest)
    target, data = suite.manifest.address_of("IdentityGate"), suite["IdentityGate"].encode("setQuota", 1000)
    proposal = ([target], [0], [data])
    suite.chain.rpc("evm_increaseTime", 10)
    suite.send(LOCAL_HOLDERS[0], "Governance", "propose", *proposal, "The quota stays")
    suite.chain.rpc("evm_increaseTime", 86_400 + 10)
    number = suite["Governance"].call("getProposalId", *proposal, keccak(text="The quota stays"))
    for holder in LOCAL_HOLDERS:
        suite.send(holder, "Governance", "castVote", number, 1)
    suite.chain.rpc("evm_increaseTime", 7 * 86_400 + 10)
    suite.send(STRANGER, "Governance", "queue", *proposal, keccak(text="The quota stays"))
    assert not suite.found()
    suite.chain.rpc("evm_increaseTime", 48 * 3600 + 10)
    suite.send(STRANGER, "Governance", "execute", *proposal, keccak(text="The quota stays"))
    report = suite.check()
    report.raise_if_failed()
    assert report.sections[-1].checked == len(LOCAL_HOLDERS)


def test_accounts_that_the_deployer_verified_while_it_could_are_found(suite: Suite) -> None:
    season = int(str(suite.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]), 16) // SEASON  # type: ignore[index]
    suite.send("Timelock", "Authority", "grantRole", 2, suite.deployer, 0)
    suite.send(suite.deployer, "IdentityGate", "verify", STRANGER, season)
    suite.send("Timelock", "Authority", "revokeRole", 2, suite.deployer)
    only(suite.found(), "QuadraticVotes", "verification", STRANGER, "at the gate until 0 s", f"sync({STRANGER})")
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    assert not suite.found()


def test_another_proposal_guardian_is_found(suite: Suite) -> None:
    # Governance takes this call only while it executes a proposal of its own.
    layout = suite.compiler.compile("Governance").storage_layout["storage"]
    slot = next(int(one["slot"]) for one in layout if one["label"] == "_proposalGuardian")
    value = "0x" + suite.deployer[2:].rjust(64, "0")
    suite.chain.rpc("anvil_setStorageAt", suite.manifest.address_of("Governance"), f"0x{slot:064x}", value)
    only(suite.found(), "Governance", "proposalGuardian", suite.deployer, "is the deployer", "setProposalGuardian")


def test_another_gate_is_found(suite: Suite) -> None:
    suite.send("Timelock", "QuadraticVotes", "setGate", ZERO)
    only(suite.found(), "QuadraticVotes", "gate", ZERO, "its gate is", "setGate")


def test_another_quota_is_found(suite: Suite) -> None:
    suite.send("Timelock", "IdentityGate", "setQuota", 5)
    only(suite.found(), "IdentityGate", "quota", "", "its quota is 5, not 1000", "setQuota(1000)")


def test_an_owner_and_a_pending_owner_are_found(suite: Suite) -> None:
    suite.send("EmergencyBrake", "ProofOfTraining", "transferOwnership", suite.deployer)
    only(suite.found(), "ProofOfTraining", "pendingOwner", suite.deployer, "it is offered to the deployer", "transfer")
    suite.send(suite.deployer, "ProofOfTraining", "acceptOwnership")
    only(suite.found(), "ProofOfTraining", "owner", suite.deployer, "its owner is the deployer", "its owner transfers")


def test_a_deployer_among_the_guardians_is_found_twice(suite: Suite) -> None:
    suite.send("GuardianSafe", "GuardianSafe", "addOwnerWithThreshold", suite.deployer, 3)
    found = suite.found()
    assert [(one.contract, one.role, one.account) for one in found] == [
        ("GuardianSafe", "configuration", suite.deployer),
        ("GuardianSafe", "owner", suite.deployer),
    ]


def test_another_threshold_module_guard_handler_or_singleton_is_found(suite: Suite) -> None:
    safe = suite.manifest.address_of("GuardianSafe")
    suite.send("GuardianSafe", "GuardianSafe", "changeThreshold", 1)
    suite.send("GuardianSafe", "GuardianSafe", "enableModule", STRANGER)
    suite.send("GuardianSafe", "GuardianSafe", "setFallbackHandler", STRANGER)
    guard = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
    suite.chain.rpc("anvil_setStorageAt", safe, guard, "0x" + STRANGER[2:].rjust(64, "0"))
    module_guard = "0xb104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947"
    suite.chain.rpc("anvil_setStorageAt", safe, module_guard, "0x" + STRANGER[2:].rjust(64, "0"))
    said = [one.what for one in suite.found()]
    for fragment in (
        "1 owners sign, 3 are",
        "the module",
        "its fallback handler is",
        "its guard is",
        "its module guard",
    ):
        assert any(fragment in one for one in said), (fragment, said)
    assert len(said) == 5
    suite.chain.rpc("anvil_setStorageAt", safe, "0x" + "00" * 32, "0x" + STRANGER[2:].rjust(64, "0"))
    assert any("not answer like a Safe" in one.what or "singleton" in one.what for one in suite.found())


def test_another_implementation_is_found(suite: Suite) -> None:
    code = suite.compiler.compile("IdentityGate").creation_code
    other = suite.raw(suite.deployer, None, "0x" + code.hex())
    suite.send("Timelock", "IdentityGate", "upgradeToAndCall", other, b"")
    only(
        suite.found(),
        "IdentityGate",
        "implementation",
        str(to_checksum_address(other)),
        "its implementation is",
        "upgradeToAndCall",
    )


def test_an_implementation_or_proxy_that_can_be_initialised_is_found(suite: Suite) -> None:
    slot = "0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00"
    for name in ("IdentityGateImplementation", "IdentityGate"):
        suite.chain.rpc("anvil_setStorageAt", suite.manifest.address_of(name), slot, "0x" + "00" * 32)
    found = suite.found()
    assert {(one.contract, one.role) for one in found} == {
        ("IdentityGateImplementation", "initialiser"), ("IdentityGate", "initialiser"),
    }  # fmt: skip
    said = " ".join(one.what for one in found)
    assert "its initialised version is 0" in said


def test_tokens_that_the_deployer_made_for_itself_stop_the_hand_over(compiler: ContractSource, tmp_path: Path) -> None:
    out_dir = tmp_path / "ethereum-local"
    with Anvil() as other, EndpointPool([other.url]) as pool:
        deployer = other.accounts[0][0]

        def mint(event: DeployEvent) -> None:
            if (event.instance, event.step) == ("set the gate", "recorded"):
                there = Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler)
                there.send(deployer, "NovaToken", "mint", deployer, 5)

        with pytest.raises(DeployError, match=r"not handed over: NovaToken: 0\.0{17}5 were created for the deployer"):
            deploy_local(pool, out_dir, compiler=compiler, on_event=mint)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler)
        assert suite["Authority"].call("hasRole", 0, deployer)[0]  # nothing was given up
        assert {one.contract for one in suite.found()} == {"Authority", "NovaToken", "Timelock"}


def test_code_that_is_gone_stops_the_proof_at_once(suite: Suite) -> None:
    suite.chain.rpc("anvil_setCode", suite.manifest.address_of("NET"), "0x")
    report = suite.check()
    assert [section.name for section in report.sections] == ["code", "table of roles"]
    only(list(report.findings), "NET", "code", "", "there is no contract at", "verify_deployment")


def test_a_manifest_that_points_elsewhere_is_found(suite: Suite) -> None:
    record = suite.manifest.instances["Authority"]
    moved = replace(record, address=suite.manifest.address_of("Timelock"))
    changed = suite.manifest.with_record(moved)
    report = check_handover(suite.pool, changed, suite.compiler)
    assert {one.contract for one in report.findings} >= {"Authority"}
    assert all(one.role == "code" for one in report.findings)


def test_a_function_that_is_not_in_the_table_is_found(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, Mapping[str, Rule]] = dict(roles.TABLE)
    table["CPU"] = {name: rule for name, rule in table["CPU"].items() if not name.startswith("mint")}
    table["MEM"] = {**table["MEM"], "burn(uint256)": Rule(Who.EVERYBODY, "lose their own")}
    monkeypatch.setattr(roles, "TABLE", table)
    found = suite.found()
    assert [(one.contract, one.role) for one in found] == [("CPU", "table"), ("MEM", "table")]
    assert "mint(address,uint256) is not in the table" in found[0].what
    assert "burn(uint256) is in the table, and the contract has no such function" in found[1].what


def test_what_governance_has_changed_can_be_told(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 2, STRANGER, 0)
    assert suite.found()
    now = replace(LOCAL_GENESIS, attesters=(*LOCAL_GENESIS.attesters, STRANGER))
    assert not suite.found(genesis=now)


def test_a_deployment_that_is_not_complete_is_refused(suite: Suite) -> None:
    part = replace(
        suite.manifest, instances={name: one for name, one in suite.manifest.instances.items() if name != "Governance"}
    )
    with pytest.raises(DeployError, match="Governance of plan novacron are not deployed"):
        check_handover(suite.pool, part, suite.compiler)
    with pytest.raises(DeployError, match="plan novacron is not deployed"):
        check_handover(suite.pool, replace(suite.manifest, plans={}), suite.compiler)
