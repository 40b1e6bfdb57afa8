"""A deployment that is killed anywhere goes on where it stopped: one transaction for each instance, never two."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.journal import Journal
from novacron.chain.signer import LocalSigner
from novacron.deploy.apply import DeployEvent, transaction_key
from novacron.deploy.compiler import Compiler
from novacron.deploy.onchain import code_at
from novacron.deploy.resolve import compile_plan, resolve_plan
from novacron.deploy.verify import verify_deployment
from tests.deploy.crash_runner import NAMED
from tests.deploy.support import PLAN, ROOT, deploy, transactions_of


class Crash(BaseException):
    """Stands in for the end of the process where the chain must be changed before the next run."""


def crash_at(step: str) -> object:
    def observe(event: DeployEvent) -> None:
        if event.step == step:
            raise Crash(step)

    return observe


def test_killed_at_every_point_it_deploys_exactly_once(
    anvil: Anvil, project: Path, compiled_cache: Path, compiler: Compiler, signer: LocalSigner, tmp_path: Path
) -> None:
    expected = resolve_plan(PLAN, compile_plan(PLAN, compiler), {"deployer": signer.address})  # fills the cache, too
    arguments = [anvil.url, anvil.accounts[0][1], str(project), str(compiled_cache), str(tmp_path / "runs")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.crash_runner", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    hashes = set()
    for outcome in outcomes:
        assert outcome["crash"] == -signal.SIGKILL or outcome is outcomes[-1], outcome
        assert outcome["resume"] == 0, outcome
        assert outcome["transactions"] == 2, outcome
        assert outcome["inputs"], outcome
        # Old or new manifest, never half of one: `between` was parsed, and instances come in the plan's order.
        assert outcome["between"] in ("none", ["Registry"], ["MainVault", "Registry"]), outcome
        assert {name: record[:2] for name, record in outcome["records"].items()} == {
            item.name: [item.address, False] for item in expected
        }, outcome
        hashes |= {record[2] for record in outcome["records"].values()}
    assert None not in hashes
    points = [outcome["point"] for outcome in outcomes]
    assert points[: len(NAMED)] == NAMED
    swept = points[len(NAMED) :]
    assert set(NAMED) <= set(swept)
    for point in ("before broadcast", "after broadcast", "inside journal transaction"):
        assert swept.count(point) >= 2, point
    for point in ("before rename", "after rename", "before fsync", "after fsync"):
        assert swept.count(point) >= 4, point  # two inputs and two manifests
    shutil.rmtree(tmp_path / "runs")


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
