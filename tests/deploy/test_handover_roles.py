"""check_handover: whatever is left behind at the Authority is found, and named with the way to mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from novacron.deploy.arguments import selector
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.rules import PUBLIC_ROLE, ROLES
from tests.deploy.handover_suite import STRANGER, Suite, only


@pytest.mark.parametrize("role", ["ADMIN", "GUARDIAN", "ATTESTER", "AUDITOR", "ARBITER", "CERTIFIER"])
def test_a_role_of_the_authority_that_the_deployer_keeps_is_found(suite: Suite, role: str) -> None:
    number = ROLES[role]
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


@pytest.mark.parametrize(("role", "field"), [(2, "attesters"), (3, "auditors"), (4, "arbiters"), (5, "certifiers")])
def test_somebody_who_should_have_a_role_now_and_never_got_it_is_found(suite: Suite, role: int, field: str) -> None:
    now = replace(LOCAL_GENESIS, **{field: (*getattr(LOCAL_GENESIS, field), STRANGER)})
    name = next(label for label, number in ROLES.items() if number == role)
    said = f"does not have the role {name}"
    only(suite.found(genesis=now), "Authority", name, STRANGER, said, f"grantRole({role}, {STRANGER}, 0)")


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
    suite.send("Timelock", "Authority", "setTargetFunctionRole", gate, [verify], PUBLIC_ROLE)
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
