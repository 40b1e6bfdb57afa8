"""What the deployer does for itself while it can stops its own hand-over, and is found after one that it forces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import ContractSource
from novacron.deploy.local import LOCAL_HOLDERS, REACH, deploy_local
from novacron.deploy.manifest import load_manifest
from novacron.deploy.roles import role_id
from novacron.deploy.run import DeployEvent
from novacron.exceptions import DeployError
from tests.deploy.handover_suite import STRANGER, Suite, execute, force, only, plant, propose, salt_of, vote


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
    source: ContractSource,
    tmp_path: Path,
    done: Callable[[Suite], object],
    said: str,
    left: set[tuple[str, str]],
) -> None:
    out_dir = tmp_path / "ethereum-local"
    with Anvil() as other, EndpointPool([other.url]) as pool:

        def act(event: DeployEvent) -> None:
            if (event.instance, event.step) == ("set the gate", "recorded"):
                done(Suite(other, pool, load_manifest(out_dir / "manifest.json"), source))

        with pytest.raises(DeployError, match=f"(?s)not handed over: .*{said}"):
            deploy_local(pool, out_dir, compiler=source, on_event=act)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), source)
        assert suite["Authority"].call("hasRole", 0, suite.deployer)[0]  # nothing was given up
        rights = {("Authority", "ADMIN"), ("Timelock", "DEFAULT_ADMIN_ROLE")}
        assert {(one.contract, one.role) for one in suite.found()} == rights | left
        force(suite)
        assert {(one.contract, one.role) for one in suite.found()} == left


def test_a_proposal_that_voters_of_the_deployer_have_carried_is_found_until_the_guardian_cancels_it(
    source: ContractSource, tmp_path: Path
) -> None:
    out_dir, early = tmp_path / "ethereum-local", []
    with Anvil() as other, EndpointPool([other.url]) as pool:

        def carry(event: DeployEvent) -> None:
            if (event.instance, event.step) != ("set the gate", "recorded"):
                return
            there = Suite(other, pool, load_manifest(out_dir / "manifest.json"), source)
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
            deploy_local(pool, out_dir, compiler=source, on_event=carry)
        suite = Suite(other, pool, load_manifest(out_dir / "manifest.json"), source)
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
