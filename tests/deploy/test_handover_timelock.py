"""check_handover: roles and operations of the timelock, and what proposals have done since the hand-over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.handover import gate
from novacron.deploy.local import LOCAL_HOLDERS, make_voters
from novacron.deploy.plans import SUITE, plans_of
from novacron.deploy.resolve import compile_plan
from novacron.deploy.roles import role_id
from tests.deploy.handover_suite import (
    IMPLEMENTATION,
    STRANGER,
    ZERO,
    Suite,
    execute,
    only,
    poke,
    propose,
    queue,
    salt_of,
    word,
)


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


def test_what_a_proposal_has_scheduled_and_executed_is_no_finding(suite: Suite) -> None:
    make_voters(suite.pool, suite.manifest)
    proposal = propose(suite, "The quota stays", ("IdentityGate", suite["IdentityGate"].encode("setQuota", 1000)))
    queue(suite, proposal)
    assert not suite.found()
    execute(suite, proposal)
    report = suite.check()
    report.raise_if_failed()
    checked = {section.name: section.checked for section in report.sections}
    assert checked["verifications"] == len(LOCAL_HOLDERS)


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
