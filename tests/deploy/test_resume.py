"""A deployment that is killed anywhere goes on where it stopped: one transaction for each instance, never two."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.journal import Journal
from novacron.chain.signer import LocalSigner
from novacron.deploy.compiler import Compiler, ContractSource
from novacron.deploy.local import deploy_local
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.onchain import code_at
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.deploy.run import DeployEvent, transaction_key
from novacron.deploy.verify import verify_deployment
from tests.deploy.crash_runner import STEPS, killed_at
from tests.deploy.support import PLAN, RICH, ROOT, deploy, transactions_of


class Crash(BaseException):
    """Stands in for the end of the process where the chain must be changed before the next run."""


def crash_at(step: str) -> object:
    def observe(event: DeployEvent) -> None:
        if event.step == step:
            raise Crash(step)

    return observe


@dataclass(frozen=True)
class Crashes:
    """Kills deployments of one plan on one chain, each in a folder of its own, and puts the chain back after each."""

    anvil: Anvil
    pool: EndpointPool
    plan: str
    project: Path
    cache: Path
    folder: Path

    def kill(self, at: int | str, resume: Callable[[Path], DeploymentManifest]) -> dict[str, Any] | None:
        """Kill a deployment at a point and run it again; what became of it, None when there is no such point."""
        state = self.anvil.rpc("evm_snapshot")
        out_dir = self.folder / str(at).replace(" ", "-").replace(":", "") / "testing-net"
        deployer, key = self.anvil.accounts[0]
        status, point = killed_at(
            at, url=self.anvil.url, key=key, plan=self.plan, project=self.project, cache=self.cache, out_dir=out_dir
        )
        between = None
        if (out_dir / "manifest.json").exists():  # old or new, never half of one: it must parse
            between = load_manifest(out_dir / "manifest.json")
        manifest = resume(out_dir)
        again = (out_dir / "manifest.json").read_bytes()
        assert load_manifest(out_dir / "manifest.json") == manifest
        count = transactions_of(self.pool, deployer)
        if self.plan != "novacron":  # the suite's own test repeats it once
            assert resume(out_dir) == manifest, point
        assert (out_dir / "manifest.json").read_bytes() == again
        assert transactions_of(self.pool, deployer) == count, point
        assert self.anvil.rpc("evm_revert", state)
        inputs = [record.compiler_input for record in manifest.instances.values() if record.compiler_input]
        assert all((out_dir / name).exists() for name in inputs), point
        shutil.rmtree(out_dir.parent)
        if status == 0:
            return None
        return {"point": point, "transactions": count, "manifest": manifest, "between": between}


def check_simple(outcome: dict[str, Any], expected: tuple[ResolvedInstance, ...]) -> None:
    """The plan with two instances: both deployed by us, once, recorded in the plan's order."""
    manifest, between = outcome["manifest"], outcome["between"]
    assert outcome["transactions"] == 2, outcome["point"]
    assert between is None or sorted(between.instances) in (["Registry"], ["MainVault", "Registry"]), outcome["point"]
    for item in expected:
        record = manifest.instances[item.name]
        assert (record.address, record.adopted) == (item.address, False), outcome["point"]
        assert record.transaction_hash is not None


@pytest.fixture
def crashes(
    anvil: Anvil, pool: EndpointPool, project: Path, compiled_cache: Path, compiler: Compiler, tmp_path: Path
) -> Crashes:
    for contract in ("Registry", "Vault"):
        compiler.compile(contract)  # into the cache, for the processes that follow
    return Crashes(anvil, pool, "testing", project, compiled_cache, tmp_path / "runs")


@pytest.mark.parametrize("instance", ["Registry", "MainVault"])
def test_killed_after_any_step_it_deploys_exactly_once(
    crashes: Crashes, pool: EndpointPool, compiler: Compiler, signer: LocalSigner, instance: str
) -> None:
    expected = resolve_plan(PLAN, compile_plan(PLAN, compiler), {"deployer": signer.address})
    for step in STEPS:
        outcome = crashes.kill(f"step {instance} {step}", lambda where: deploy(pool, signer, compiler, where))
        assert outcome is not None
        assert outcome["point"] == f"step {instance} {step}"
        check_simple(outcome, expected)


@pytest.mark.parametrize(
    ("first", "stride"), [(3, 9), pytest.param(1, 1, marks=pytest.mark.deep)], ids=["sampled", "every-one"]
)
def test_killed_at_any_point_it_deploys_exactly_once(
    crashes: Crashes, pool: EndpointPool, compiler: Compiler, signer: LocalSigner, first: int, stride: int
) -> None:
    expected = resolve_plan(PLAN, compile_plan(PLAN, compiler), {"deployer": signer.address})
    seen = []
    for number in itertools.count(first, stride):
        outcome = crashes.kill(number, lambda where: deploy(pool, signer, compiler, where))
        if outcome is None:
            break
        check_simple(outcome, expected)
        seen.append(outcome["point"])
    assert len(seen) > 60 // stride, seen
    if stride == 1:
        for point in ("before broadcast", "after broadcast", "inside journal transaction"):
            assert seen.count(point) >= 2, point
        for point in ("before rename", "after rename", "before fsync", "after fsync"):
            assert seen.count(point) >= 4, point  # two inputs and two manifests


#: One kill for each kind of thing, at steps that differ, the hand-over's among them.
SUITE_POINTS = [
    "step GuardianSafe sent",
    "step QuadraticVotes checked",
    "step IdentityGate confirmed",
    "step SLACourt checked",
    "step list MEM signed",
    "step set the gate signed",
    "step grant EXECUTOR_ROLE to Governance recorded",
    "step grant ADMIN to Timelock mined",
    "step renounce ADMIN of the Authority broadcast",
    "step renounce ADMIN of the Authority mined",
    "step renounce DEFAULT_ADMIN_ROLE of the Timelock sent",
]
#: Every step of an instance, a factory's instance, a call, and of the hand-over.
ALL_SUITE_POINTS = [
    f"step {name} {step}"
    for name, last in (
        ("NovaToken", ("confirmed", "checked", "recorded")),
        ("GuardianSafe", ("confirmed", "checked", "recorded")),
        ("role of IdentityGate.verify", ("done", "recorded")),
        ("label role GUARDIAN", ("done", "recorded")),
        ("grant ADMIN to Timelock", ("done", "recorded")),
        ("renounce ADMIN of the Authority", ("done", "recorded")),
        ("renounce DEFAULT_ADMIN_ROLE of the Timelock", ("done", "recorded")),
    )
    for step in ("intent", "signed", "broadcast", "sent", "mined", *last)
]


@pytest.mark.parametrize(
    "points",
    [SUITE_POINTS, pytest.param(ALL_SUITE_POINTS, marks=pytest.mark.deep)],
    ids=["sampled", "every-step"],
)
def test_the_suite_killed_at_a_step_is_deployed_and_handed_over_once(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, source: ContractSource, tmp_path: Path, points: list[str]
) -> None:
    crashes = Crashes(anvil, pool, "novacron", ROOT, tmp_path, tmp_path / "runs")
    for point in points:
        outcome = crashes.kill(point, lambda where: deploy_local(pool, where, signer=signer, compiler=source))
        assert outcome is not None
        assert outcome["point"] == point
        manifest = outcome["manifest"]
        assert not any(record.adopted for record in manifest.instances.values()), point
        assert all(call.transaction_hash for call in manifest.calls), point
        made = [item for item in manifest.instances.values() if item.creator_nonce is None]
        hashes = {record.transaction_hash for record in (*made, *manifest.calls)}
        assert outcome["transactions"] == len(made) + len(manifest.calls) == len(hashes), point


@pytest.mark.deep
def test_every_kind_of_instance_and_call_survives_a_kill_at_every_point(
    crashes: Crashes, pool: EndpointPool, compiler: Compiler, signer: LocalSigner
) -> None:
    every = replace(crashes, plan="rich")
    for number in itertools.count(1, 7):
        outcome = every.kill(number, lambda where: deploy(pool, signer, compiler, where, RICH))
        if outcome is None:
            break
        assert outcome["transactions"] == 11, outcome["point"]
    assert number > 150


@pytest.mark.parametrize("step", ["broadcast", "sent"])
def test_a_transaction_left_in_the_nodes_pool_is_waited_for(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, step: str
) -> None:
    anvil.rpc("evm_setAutomine", False)
    try:
        with pytest.raises(Crash):
            deploy(pool, signer, compiler, out_dir, on_event=crash_at(step))
        pending = pool.request("eth_getTransactionCount", [signer.address, "pending"])
        assert (int(pending, 16), transactions_of(pool, signer.address)) == (1, 0)
    finally:
        anvil.rpc("evm_setAutomine", True)
    anvil.rpc("evm_mine")
    manifest = deploy(pool, signer, compiler, out_dir)
    assert transactions_of(pool, signer.address) == 2
    assert not any(record.adopted for record in manifest.instances.values())
    verify_deployment(pool, out_dir, compiler).raise_if_failed()


def test_a_transaction_that_the_node_forgot_is_sent_again_with_the_same_bytes(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    registry = resolve_plan(PLAN, compile_plan(PLAN, compiler), {"deployer": signer.address})[0]
    anvil.rpc("evm_setAutomine", False)
    try:
        with pytest.raises(Crash):
            deploy(pool, signer, compiler, out_dir, on_event=crash_at("sent"))
        with Journal(out_dir / "journal.sqlite") as journal:
            signed = journal.require(transaction_key(registry)).attempts[0].hash
        anvil.rpc("anvil_dropTransaction", signed)
    finally:
        anvil.rpc("evm_setAutomine", True)
    assert not code_at(pool, registry.address)
    manifest = deploy(pool, signer, compiler, out_dir)
    assert manifest.instances["Registry"].transaction_hash == signed
    assert transactions_of(pool, signer.address) == 2


def test_a_lost_manifest_is_written_again_from_the_journal(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir)
    (out_dir / "manifest.json").unlink()
    assert deploy(pool, signer, compiler, out_dir) == first
    assert transactions_of(pool, signer.address) == 2
