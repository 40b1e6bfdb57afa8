"""check_handover: what refers to what, the governor, the guardian Safe, proxies, and who was verified."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.contracts import ContractHandle
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.local import SEASON
from tests.deploy.handover_suite import STRANGER, ZERO, Suite, only, plant, poke


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


def test_accounts_that_the_deployer_verified_while_it_could_are_found(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 2, suite.deployer, 0)
    suite.send(suite.deployer, "IdentityGate", "verify", STRANGER, suite.season())
    suite.send("Timelock", "Authority", "revokeRole", 2, suite.deployer)
    role, verification = suite.found()
    only([role], "Authority", "ATTESTER", suite.deployer, "had the role ATTESTER once", "deploy the suite anew")
    only([verification], "QuadraticVotes", "verification", STRANGER, "at the gate until 0 s", f"sync({STRANGER})")
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    assert suite.found() == [role]


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
