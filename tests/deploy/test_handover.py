"""check_handover: an honest deployment passes; whatever is left behind is found, and named with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from novacron.deploy.handover import HandoverReport, check_handover, gate
from novacron.deploy.handover_view import Finding
from novacron.deploy.local import LOCAL_HOLDERS, REACH, SEASON, deploy_local, local_compiler, make_voters
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.plans import SUITE, plans_of
from novacron.deploy.resolve import compile_plan
from novacron.deploy.roles import role_id
from novacron.deploy.rules import Rule, Who
from novacron.deploy.run import DeployEvent
from novacron.exceptions import DeployError, HandoverError
from tests.deploy.support import Remembering

ZERO = "0x" + "00" * 20
IMPLEMENTATION = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
#: Targets, values in wei and call data; and the description.
Proposal = tuple[tuple[list[str], list[int], list[bytes]], str]
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

    def season(self) -> int:
        return int(str(self.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]), 16) // SEASON  # type: ignore[index]

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


def word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def poke(suite: Suite, name: str, label: str, value: int) -> None:
    """Write a variable of an instance that nobody can write without a vote."""
    layout = suite.compiler.compile(name).storage_layout
    item = next(one for one in layout["storage"] if one["label"] == label)
    bits, shift = 8 * int(layout["types"][item["type"]]["numberOfBytes"]), 8 * int(item["offset"])
    address, slot = suite.manifest.address_of(name), hex(int(item["slot"]))
    old = int(str(suite.chain.rpc("eth_getStorageAt", address, slot, "latest")), 16)
    new = old & ~(((1 << bits) - 1) << shift) | value << shift
    suite.chain.rpc("anvil_setStorageAt", address, f"0x{int(slot, 16):064x}", f"0x{new:064x}")


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
        "early proposals", "settings of the governor", "treasury allowances", "supply", "verifications",
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
    operation, allowance = suite.found()
    only([operation], "Timelock", "operation", "", "was executed, and no proposal", "deploy the suite anew")
    only([allowance], "NovaToken", "allowance", suite.deployer, "may take 1,000,000,000 of the", "approve(")


def propose(suite: Suite, description: str, *actions: tuple[str, bytes]) -> Proposal:
    """A proposal of the first holder; actions are instance and call data."""
    batch = (
        [suite.manifest.address_of(name) for name, _ in actions],
        [0] * len(actions),
        [data for _, data in actions],
    )
    suite.chain.rpc("evm_increaseTime", 10)
    suite.chain.rpc("evm_mine")
    suite.send(LOCAL_HOLDERS[0], "Governance", "propose", *batch, description)
    return batch, description


def vote(suite: Suite, proposal: Proposal) -> None:
    """Everybody votes for it."""
    batch, description = proposal
    suite.chain.rpc("evm_increaseTime", suite["Governance"].call("votingDelay") + 10)
    number = suite["Governance"].call("getProposalId", *batch, keccak(text=description))
    for holder in LOCAL_HOLDERS:
        suite.send(holder, "Governance", "castVote", number, 1)
    suite.chain.rpc("evm_increaseTime", 7 * 86_400 + 10)
    suite.chain.rpc("evm_mine")


def queue(suite: Suite, proposal: Proposal) -> None:
    """Everybody votes for it, and a stranger queues it."""
    vote(suite, proposal)
    batch, description = proposal
    suite.send(STRANGER, "Governance", "queue", *batch, keccak(text=description))


def execute(suite: Suite, proposal: Proposal) -> None:
    """A stranger executes what is queued."""
    batch, description = proposal
    suite.chain.rpc("evm_increaseTime", 48 * 3600 + 10)
    suite.send(STRANGER, "Governance", "execute", *batch, keccak(text=description))


def salt_of(suite: Suite, description: str) -> bytes:
    """What Governance schedules a proposal's operation with."""
    governor = int(suite.manifest.address_of("Governance"), 16) << 96
    return bytes((governor ^ int.from_bytes(keccak(text=description), "big")).to_bytes(32, "big"))


def test_what_a_proposal_has_scheduled_and_executed_is_no_finding(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    proposal = propose(suite, "The quota stays", ("IdentityGate", suite["IdentityGate"].encode("setQuota", 1000)))
    queue(suite, proposal)
    assert not suite.found()
    execute(suite, proposal)
    report = suite.check()
    report.raise_if_failed()
    assert report.sections[-1].checked == len(LOCAL_HOLDERS)


def test_tokens_allowances_settings_and_upgrades_of_a_proposal_are_no_finding(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    code = suite.compiler.compile("IdentityGateNext").creation_code
    following = str(to_checksum_address(suite.raw(suite.deployer, None, "0x" + code.hex())))
    governance, token = suite["Governance"], suite["NovaToken"]
    proposal = propose(
        suite,
        "Much at once",
        ("NovaToken", token.encode("mint", STRANGER, 7)),
        ("NovaToken", token.encode("approve", STRANGER, 8)),
        ("CPU", suite["CPU"].encode("mint", STRANGER, 9)),
        ("IdentityGate", suite["IdentityGate"].encode("upgradeToAndCall", following, b"")),
        ("Governance", governance.encode("setVotingDelay", 2 * 86_400)),
        ("Governance", governance.encode("setVotingPeriod", 8 * 86_400)),
        ("Governance", governance.encode("setProposalThreshold", 10**18)),
        ("Governance", governance.encode("updateQuorumNumerator", 30)),
    )
    queue(suite, proposal)
    execute(suite, proposal)
    assert governance.call("votingDelay") == 2 * 86_400
    assert token.call("balanceOf", STRANGER) == 7
    assert not suite.found()
    account = LOCAL_GENESIS.attesters[0]  # the new code counts accounts as the old one did
    suite.send(account, "IdentityGate", "verify", STRANGER, suite.season())
    assert not suite.found()

    poke(suite, "Governance", "_votingDelay", 86_400)
    only(suite.found(), "Governance", "votingDelay", "", "is 86400, not 172800", "setVotingDelay(172800)")
    poke(suite, "Governance", "_votingDelay", 2 * 86_400)
    back = suite.manifest.address_of("IdentityGateImplementation")
    suite.chain.rpc("anvil_setStorageAt", suite.manifest.address_of("IdentityGate"), IMPLEMENTATION, word(back))
    only(suite.found(), "IdentityGate", "implementation", back, f"not {following}", f"upgradeToAndCall({following}")


def test_an_operation_that_looks_like_a_proposals_is_found(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    data = suite["NovaToken"].encode("approve", suite.deployer, 10**27)
    (targets, values, datas), description = propose(suite, "Nobody votes on this", ("NovaToken", data))
    for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE"):
        suite.send("Timelock", "Timelock", "grantRole", role_id(name), suite.deployer)
    batch = (targets, values, datas, bytes(32), salt_of(suite, description))
    suite.send(suite.deployer, "Timelock", "scheduleBatch", *batch, 48 * 3600)
    suite.chain.rpc("evm_increaseTime", 48 * 3600)
    suite.send(suite.deployer, "Timelock", "executeBatch", *batch)
    for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE"):
        suite.send("Timelock", "Timelock", "revokeRole", role_id(name), suite.deployer)
    operation, allowance = suite.found()
    only([operation], "Timelock", "operation", "", "was executed, and no proposal has queued it", "anew")
    only([allowance], "NovaToken", "allowance", suite.deployer, "no proposal allowed it", "approve(")


def test_a_queued_operation_that_was_cancelled_and_scheduled_again_by_somebody_else_is_found(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    proposal = propose(suite, "Once", ("CPU", suite["CPU"].encode("mint", STRANGER, 1)))
    queue(suite, proposal)
    (targets, values, datas), description = proposal
    batch = (targets, values, datas, bytes(32), salt_of(suite, description))
    suite.send("Governance", "Timelock", "cancel", suite["Timelock"].call("hashOperationBatch", *batch))
    assert not suite.found()
    suite.send("Governance", "Timelock", "scheduleBatch", *batch, 48 * 3600)
    only(suite.found(), "Timelock", "operation", "", "is scheduled, and no proposal", "cancel(")


@pytest.mark.parametrize("token", ["NovaToken", "CPU", "MEM", "STO", "NET"])
def test_an_allowance_of_the_treasury_is_found_until_it_is_taken_back(suite: Suite, token: str) -> None:
    suite.send("Timelock", token, "approve", STRANGER, 5 * 10**18)
    only(suite.found(), token, "allowance", STRANGER, f"{STRANGER} may take 5 of the treasury's", f"approve({STRANGER}")
    suite.send("Timelock", token, "approve", STRANGER, 0)
    suite.send(LOCAL_HOLDERS[0], token, "approve", STRANGER, 5)  # of its own
    assert not suite.found()


@pytest.mark.parametrize(
    ("setting", "wanted", "setter"),
    [
        ("votingDelay", 86_400, "setVotingDelay"),
        ("votingPeriod", 604_800, "setVotingPeriod"),
        ("proposalThreshold", 10**23, "setProposalThreshold"),
    ],
)
def test_another_setting_of_the_governor_is_found(suite: Suite, setting: str, wanted: int, setter: str) -> None:
    poke(suite, "Governance", f"_{setting}", 17)
    only(suite.found(), "Governance", setting, "", f"its {setting} is 17, not {wanted}", f"{setter}({wanted})")


def test_another_quorum_is_found(suite: Suite) -> None:
    layout = suite.compiler.compile("Governance").storage_layout["storage"]
    slot = next(int(one["slot"]) for one in layout if one["label"] == "_quorumNumeratorHistory")
    first = "0x" + keccak(slot.to_bytes(32, "big")).hex()  # of the checkpoints: value above 48 bits of time
    suite.chain.rpc("anvil_setStorageAt", suite.manifest.address_of("Governance"), first, f"0x{1 << 48:064x}")
    only(suite.found(), "Governance", "quorumNumerator", "", "is 1, not 40", "updateQuorumNumerator(40)")


def test_accounts_that_the_deployer_verified_while_it_could_are_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 2, suite.deployer, 0)
    suite.send(suite.deployer, "IdentityGate", "verify", STRANGER, suite.season())
    suite.send("Timelock", "Authority", "revokeRole", 2, suite.deployer)
    role, verification = suite.found()
    only([role], "Authority", "ATTESTER", suite.deployer, "had the role ATTESTER once", "deploy the suite anew")
    only([verification], "QuadraticVotes", "verification", STRANGER, "at the gate until 0 s", f"sync({STRANGER})")
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    assert suite.found() == [role]


def test_an_attester_that_a_proposal_has_made_and_dismissed_is_no_finding(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    authority, first = suite["Authority"], LOCAL_GENESIS.attesters[0]
    proposal = propose(
        suite,
        "Another attester for a moment",
        ("Authority", authority.encode("grantRole", 2, STRANGER, 0)),
        ("Authority", authority.encode("revokeRole", 2, STRANGER)),
        ("Authority", authority.encode("revokeRole", 2, LOCAL_GENESIS.attesters[1])),
    )
    queue(suite, proposal)
    execute(suite, proposal)
    assert not suite.found(genesis=replace(LOCAL_GENESIS, attesters=(first,)))


def test_before_the_hand_over_nothing_counts_as_done_by_a_proposal(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    proposal = propose(suite, "Some CPU", ("CPU", suite["CPU"].encode("mint", STRANGER, 1)))
    queue(suite, proposal)
    execute(suite, proposal)
    assert not suite.found()
    compiled = compile_plan(plans_of(suite.manifest)[SUITE], suite.compiler)
    said = gate(suite.pool, suite.manifest, compiled)
    assert [one.partition(":")[0] for one in said] == ["Timelock", "CPU"]


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


def test_a_quota_that_was_another_for_a_time_is_found(suite: Suite) -> None:
    suite.send("Timelock", "IdentityGate", "setQuota", 10**6)
    suite.send("Timelock", "IdentityGate", "setQuota", 1000)
    assert [one.what for one in suite.found()] == [
        f"its quota was set to {quota}, and not by a proposal" for quota in (10**6, 1000)
    ]


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


def test_an_upgrade_and_its_return_are_found(suite: Suite) -> None:
    code = suite.compiler.compile("IdentityGate").creation_code
    other = str(to_checksum_address(suite.raw(suite.deployer, None, "0x" + code.hex())))
    back = suite.manifest.address_of("IdentityGateImplementation")
    for one in (other, back):
        suite.send("Timelock", "IdentityGate", "upgradeToAndCall", one, b"")
    found = suite.found()
    assert [(one.contract, one.role, one.account) for one in found] == [
        ("IdentityGate", "upgrade", other),
        ("IdentityGate", "upgrade", back),
    ]
    assert "and not by a proposal" in found[0].what


def plant(suite: Suite) -> str:
    """As code that somebody upgrades to can do it: verifications in storage, and the implementation put back."""
    gate, attester = suite.manifest.address_of("IdentityGate"), LOCAL_GENESIS.attesters[0]
    code = suite.compiler.compile("IdentityGate").creation_code
    other = str(to_checksum_address(suite.raw(suite.deployer, None, "0x" + code.hex())))
    admin = suite.deployer if suite["Authority"].call("hasRole", 0, suite.deployer)[0] else "Timelock"
    suite.send(admin, "IdentityGate", "upgradeToAndCall", other, b"")
    mapping = 0x3E05AE8AD08C4F2B278D5BF63B6F37900924468AFC3FCD6A85C76FF97FF3A600 + 1
    slot = keccak(bytes.fromhex(word(STRANGER)[2:]) + mapping.to_bytes(32, "big"))
    made = int(str(suite.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]), 16)  # type: ignore[index]
    value = int(attester, 16) | suite.season() + 3 << 160 | made << 192
    suite.chain.rpc("anvil_setStorageAt", gate, "0x" + slot.hex(), f"0x{value:064x}")
    back = word(suite.manifest.address_of("IdentityGateImplementation"))
    suite.chain.rpc("anvil_setStorageAt", gate, IMPLEMENTATION, back)
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    assert suite["IdentityGate"].call("isVerified", STRANGER)
    assert suite["QuadraticVotes"].call("verifiedUntil", STRANGER)
    return other


def test_verifications_that_code_of_an_upgrade_has_planted_are_found(suite: Suite) -> None:
    other = plant(suite)
    upgrade, attestation = suite.found()
    only([upgrade], "IdentityGate", "upgrade", other, "and not by a proposal", "deploy the suite anew")
    only([attestation], "QuadraticVotes", "attestation", STRANGER, "no attester had verified it", "anew")


def test_a_verification_of_another_gate_that_is_gone_again_is_found(suite: Suite) -> None:
    code = suite.compiler.compile("GateHarness").creation_code
    other = suite.raw(suite.deployer, None, "0x" + code.hex())
    harness = ContractHandle(suite.pool, str(to_checksum_address(other)), suite.compiler.compile("GateHarness").abi)
    suite.raw(STRANGER, other, "0x" + harness.encode("set", STRANGER, (suite.season() + 2) * SEASON).hex())
    suite.send("Timelock", "QuadraticVotes", "setGate", harness.address)
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    suite.send("Timelock", "QuadraticVotes", "setGate", suite.manifest.address_of("IdentityGate"))
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    suite.send(LOCAL_GENESIS.attesters[0], "IdentityGate", "verify", STRANGER, suite.season() + 1)  # too late
    only(suite.found(), "QuadraticVotes", "attestation", STRANGER, "was counted as verified", "anew")


def test_another_authority_that_is_gone_again_is_found(suite: Suite) -> None:
    token = suite.manifest.address_of("STO")
    suite.send("Timelock", "Authority", "updateAuthority", token, suite.manifest.address_of("GuardianSafe"))
    suite.send("GuardianSafe", "STO", "setAuthority", suite.manifest.address_of("Authority"))
    assert {(one.contract, one.role) for one in suite.found()} == {("STO", "authority")}


def test_a_former_second_admin_and_what_it_made_after_the_hand_over_are_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 0, STRANGER, 0)
    suite.send(STRANGER, "NovaToken", "mint", STRANGER, 8 * 10**18)
    suite.send(STRANGER, "Authority", "renounceRole", 0, STRANGER)
    admin, supply = suite.found()
    only([admin], "Authority", "ADMIN", STRANGER, "had the role ADMIN once", "deploy the suite anew")
    only([supply], "NovaToken", "supply", STRANGER, f"8 were created for {STRANGER}, not by", "deploy the suite anew")


def test_what_was_done_before_the_blocks_that_the_manifest_names_is_found_all_the_same(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 0, STRANGER, 0)
    suite.chain.rpc("evm_mine")
    latest = int(str(suite.chain.rpc("eth_blockNumber")), 16)
    later = suite.manifest
    for record in suite.manifest.instances.values():
        later = later.with_record(replace(record, block_number=latest))
    report = check_handover(suite.pool, later, suite.compiler)
    only(list(report.findings), "Authority", "ADMIN", STRANGER, "has the role ADMIN", "revokeRole(0, ")
    sent = suite.chain.rpc("eth_getBlockByNumber", "latest", True)
    assert isinstance(sent, dict)
    last = suite.chain.rpc("eth_getBlockByNumber", hex(latest - 1), False)
    assert isinstance(last, dict)
    for record in suite.manifest.instances.values():  # and another transaction
        later = later.with_record(replace(record, block_number=latest, transaction_hash=last["transactions"][0]))
    report = check_handover(suite.pool, later, suite.compiler)
    only(list(report.findings), "Authority", "ADMIN", STRANGER, "has the role ADMIN", "revokeRole(0, ")


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


def mint(suite: Suite) -> None:
    suite.send(suite.deployer, "NovaToken", "mint", suite.deployer, 5)


def schedule_as_a_proposal(suite: Suite) -> None:
    """Give a batch away from the treasury, with the salt of a proposal that is there, and execute it."""
    suite.send(LOCAL_HOLDERS[0], "NovaToken", "delegate", LOCAL_HOLDERS[0])
    data = suite["NovaToken"].encode("transfer", suite.deployer, 10**27)
    (targets, values, datas), description = propose(suite, "Nobody votes on this", ("NovaToken", data))
    batch = (targets, values, datas, bytes(32), salt_of(suite, description))
    for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE"):
        suite.send(suite.deployer, "Timelock", "grantRole", role_id(name), suite.deployer)
    suite.send(suite.deployer, "Timelock", "scheduleBatch", *batch, 48 * 3600)
    suite.chain.rpc("evm_increaseTime", 48 * 3600 + 10)
    suite.send(suite.deployer, "Timelock", "executeBatch", *batch)
    for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE"):
        suite.send(suite.deployer, "Timelock", "revokeRole", role_id(name), suite.deployer)


def force(suite: Suite) -> None:
    """The hand-over, without the deployer's own proof."""
    suite.send(suite.deployer, "Authority", "grantRole", 0, suite.manifest.address_of("Timelock"), 0)
    suite.send(suite.deployer, "Authority", "renounceRole", 0, suite.deployer)
    suite.send(suite.deployer, "Timelock", "renounceRole", role_id("DEFAULT_ADMIN_ROLE"), suite.deployer)
    for power in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        assert suite["Timelock"].call("hasRole", role_id(power), suite.manifest.address_of("Governance"))


def schedule_and_cancel(suite: Suite) -> None:
    gate, powers = suite["IdentityGate"], [role_id("PROPOSER_ROLE"), role_id("CANCELLER_ROLE")]
    for power in powers:
        suite.send(suite.deployer, "Timelock", "grantRole", power, suite.deployer)
    call = (gate.address, 0, gate.encode("quota"), bytes(32), bytes(32))
    suite.send(suite.deployer, "Timelock", "schedule", *call, 48 * 3600)
    suite.send(suite.deployer, "Timelock", "cancel", suite["Timelock"].call("hashOperation", *call))
    for power in powers:
        suite.send(suite.deployer, "Timelock", "revokeRole", power, suite.deployer)


@pytest.mark.parametrize(
    ("done", "said", "left"),
    [
        (mint, r"NovaToken: 0\.0{17}5 were created for the deployer", {("NovaToken", "supply")}),
        (
            schedule_as_a_proposal,
            "Timelock: the operation 0x.* was executed",
            {("Timelock", "operation"), ("Governance", "proposal")},
        ),
        (schedule_and_cancel, "Timelock: the operation 0x.* was scheduled and cancelled", set()),
        (
            plant,
            "IdentityGate: it was upgraded to 0x",
            {("IdentityGate", "upgrade"), ("QuadraticVotes", "attestation")},
        ),
    ],
)
def test_what_the_deployer_did_for_itself_stops_the_hand_over_and_is_found_after_one_that_it_forced(
    compiler: ContractSource,
    tmp_path: Path,
    done: Callable[[Suite], object],
    said: str,
    left: set[tuple[str, str]],
) -> None:
    out_dir = tmp_path / "ethereum-local"
    with Anvil() as other, EndpointPool([other.url]) as pool:

        def act(event: DeployEvent) -> None:
            if (event.instance, event.step) == ("set the gate", "recorded"):
                done(Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler))

        with pytest.raises(DeployError, match=f"(?s)not handed over: .*{said}"):
            deploy_local(pool, out_dir, compiler=compiler, on_event=act)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler)
        assert suite["Authority"].call("hasRole", 0, suite.deployer)[0]  # nothing was given up
        rights = {("Authority", "ADMIN"), ("Timelock", "DEFAULT_ADMIN_ROLE")}
        assert {(one.contract, one.role) for one in suite.found()} == rights | left
        force(suite)
        assert {(one.contract, one.role) for one in suite.found()} == left


def test_a_proposal_that_voters_of_the_deployer_have_carried_is_found_until_the_guardian_cancels_it(
    compiler: ContractSource, tmp_path: Path
) -> None:
    out_dir, early = tmp_path / "ethereum-local", []
    with Anvil() as other, EndpointPool([other.url]) as pool:

        def carry(event: DeployEvent) -> None:
            if (event.instance, event.step) != ("set the gate", "recorded"):
                return
            there = Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler)
            there.send(there.deployer, "Authority", "grantRole", 2, there.deployer, 0)
            for holder in LOCAL_HOLDERS:  # each stands for one of many accounts of its own
                there.send(there.deployer, "IdentityGate", "verify", holder, there.season() + REACH)
                there.send(holder, "NovaToken", "delegate", holder)
            gift = there["NovaToken"].encode("transfer", there.deployer, 10**27)
            delay = ("Governance", there["Governance"].encode("setVotingDelay", 1))
            early.append(propose(there, "Before anybody looks", ("NovaToken", gift), delay))
            vote(there, early[0])
            there.send(there.deployer, "Authority", "revokeRole", 2, there.deployer)
            there.send(there.deployer, "QuadraticVotes", "syncMany", list(LOCAL_HOLDERS))

        with pytest.raises(DeployError, match=r"(?s)not handed over: .*Governance: the proposal \d+ was made before"):
            deploy_local(pool, out_dir, compiler=compiler, on_event=carry)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), compiler)
        state = other.rpc("evm_snapshot")
        (targets, values, datas), description = early[0]
        suite.send("GuardianSafe", "Governance", "cancel", targets, values, datas, keccak(text=description))
        rights = {"ADMIN", "DEFAULT_ADMIN_ROLE", "ATTESTER"}
        assert {one.role for one in suite.found()} == rights  # what the deployer has, and had
        assert other.rpc("evm_revert", state)
        force(suite)
        role, found = suite.found()
        only([role], "Authority", "ATTESTER", suite.deployer, "had the role ATTESTER once", "anew")
        only([found], "Governance", "proposal", "", "was made before the hand-over", "the guardian cancels it")
        suite.send(STRANGER, "Governance", "queue", targets, values, datas, keccak(text=description))
        only(suite.found()[1:], "Timelock", "operation", "", "is scheduled, and no proposal", "cancel(")
        execute(suite, early[0])
        _, operation, setting = suite.found()
        only([operation], "Timelock", "operation", "", "was executed, and no proposal", "anew")
        only([setting], "Governance", "votingDelay", "", "is 1, not 86400", "setVotingDelay(86400)")


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
