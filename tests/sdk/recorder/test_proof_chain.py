"""Proofs against a real chain: anvil with the real contract, and a chain that does not agree."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ChainUnavailableError
from novacron.provenance.proof import RunProof
from novacron.provenance.proof_build import build_anchor_proof
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.verify import verify_proof
from novacron.provenance.verify_chain import ANCHOR_CHECKS, RUN_CHECKS
from tests.support.clients import Chain, dead_url

if TYPE_CHECKING:
    from novacron.provenance.clients.web3_client import Web3BlockchainClient

Checkpoint = Callable[[int], Path]


@pytest.fixture
def run(web3: Web3BlockchainClient, checkpoint: Checkpoint, tmp_path: Path) -> Any:
    with ProvenanceRecorder(tmp_path / "run", web3, model="digits", anchor_every=2) as recorder:
        for epoch in range(1, 5):
            recorder.record_training_checkpoint(checkpoint(epoch), epoch=epoch, metrics={"loss": 1 / epoch})
        yield recorder


def outcomes(report: Any, names: Sequence[str] = RUN_CHECKS) -> dict[str, str]:
    return {name: report.check(name).status for name in names}


class Rpc:
    """A pool whose answers to one method are replaced."""

    def __init__(self, pool: EndpointPool, method: str, answer: Callable[[Sequence[Any], Any], Any]) -> None:
        self._pool, self._method, self._answer = pool, method, answer

    def chain_id(self) -> int:
        return self._pool.chain_id()

    def request(self, method: str, params: Sequence[Any]) -> Any:
        result = self._pool.request(method, params)
        return self._answer(params, copy.deepcopy(result)) if method == self._method else result


def test_a_sealed_run_is_proven_completely(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint, chain: Chain
) -> None:
    sealed = run.seal()
    assert sealed.status == "anchored"
    proof = run.generate_proof(2)
    assert proof.chain is not None
    assert (proof.chain.client, proof.chain.chain_id, proof.chain.contract) == ("web3", 31337, chain.contract)
    assert proof.chain.transaction is not None
    assert proof.chain.block_hash is not None
    report = verify_proof(proof.to_bytes(), pool=pool, artifact_path=checkpoint(2))
    assert report.complete, report
    assert set(outcomes(report).values()) == {"passed"}


def test_offline_the_chains_checks_are_named_and_not_made(run: ProvenanceRecorder) -> None:
    report = verify_proof(run.generate_proof(2))
    assert report.ok
    assert set(outcomes(report).values()) == {"not_checked"}
    assert "no RPC given" in report.check("run on chain").detail
    assert report.check("run id").status == "passed"  # keccak256(abi.encode(owner, salt, manifest digest)), offline


def test_a_proof_stays_valid_when_the_run_grows(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint
) -> None:
    proof = run.generate_proof(2)
    run.record_training_checkpoint(checkpoint(5), epoch=6)
    run.seal()
    report = verify_proof(proof, pool=pool)
    assert set(outcomes(report).values()) == {"passed"}, report
    assert "grown to 7" in report.check("run on chain").detail
    assert "as of block" in report.check("entry on chain").detail
    assert "sealed since" in report.check("seal").detail


def test_an_entry_newer_than_the_anchored_head_is_not_on_chain_yet(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint
) -> None:
    run.record_training_checkpoint(checkpoint(5), epoch=5)
    report = verify_proof(run.generate_proof(-1), pool=pool)
    assert report.ok
    assert report.check("anchored entry").status == "not_checked"
    assert report.check("entry on chain").status == "not_checked"


@pytest.mark.parametrize(
    ("path", "value", "check"),
    [
        (("anchored", "root"), "ab" * 32, "run on chain"),
        (("anchored", "size"), 100, "run on chain"),
        (("chain", "transaction"), "0x" + "ab" * 32, "transaction"),
        (("chain", "block_number"), 0, "transaction"),
        (("chain", "block_hash"), "0x" + "ab" * 32, "transaction"),
        (("chain", "owner"), "0x" + "11" * 20, "run on chain"),
        (("chain", "run"), "ab" * 32, "run on chain"),
        (("chain", "contract"), "0x" + "11" * 20, "contract"),
        (("chain", "chain_id"), 1, "chain id"),
        (("chain", "model"), "ab" * 32, "seal"),
        (("entry", "index"), 1, "entry on chain"),
    ],
)
def test_each_false_claim_about_the_chain_fails_its_check(
    run: ProvenanceRecorder, pool: EndpointPool, path: tuple[str, str], value: Any, check: str
) -> None:
    document = json.loads(run.generate_proof(2).to_bytes())
    document[path[0]][path[1]] = value
    assert check in {found.name for found in verify_proof(document, pool=pool).failures}


def test_the_transaction_of_another_head_does_not_fit(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint
) -> None:
    first = json.loads(run.generate_proof(2).to_bytes())
    run.record_training_checkpoint(checkpoint(5), epoch=6)
    later = json.loads(run.generate_proof(2).to_bytes())
    for name in ("transaction", "block_number", "block_hash"):
        later["chain"][name] = first["chain"][name]
    assert [check.name for check in verify_proof(later, pool=pool).failures] == ["transaction"]


def test_a_dead_endpoint_is_no_verdict(run: ProvenanceRecorder) -> None:
    with EndpointPool([dead_url()], timeout=0.5, retries=1, max_time=2) as dead:
        report = verify_proof(run.generate_proof(2), pool=dead)
    assert report.ok
    assert set(outcomes(report).values()) == {"not_checked"}
    assert "no endpoint answers" in report.check("chain id").detail


def test_an_endpoint_that_dies_midway_leaves_the_rest_unchecked(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    def gone(_: Sequence[Any], __: Any) -> Any:
        raise ChainUnavailableError("connection reset")

    report = verify_proof(run.generate_proof(2), pool=Rpc(pool, "eth_getTransactionReceipt", gone))
    assert report.ok
    assert outcomes(report) == {
        **dict.fromkeys(RUN_CHECKS, "not_checked"),
        **dict.fromkeys(("chain id", "contract", "run on chain"), "passed"),
    }


def test_a_reorganised_block_fails(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    def reorganised(_: Sequence[Any], block: Any) -> Any:
        return {**block, "hash": "0x" + "cd" * 32}

    report = verify_proof(run.generate_proof(2), pool=Rpc(pool, "eth_getBlockByNumber", reorganised))
    assert [check.name for check in report.failures] == ["block"]


def test_garbage_from_the_endpoint_fails_without_a_traceback(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    report = verify_proof(run.generate_proof(2), pool=Rpc(pool, "eth_call", lambda *_: "0x12"))
    assert [check.name for check in report.failures] == ["run on chain"]
    assert "not a ProofOfTraining contract" in report.check("run on chain").detail
    report = verify_proof(run.generate_proof(2), pool=Rpc(pool, "eth_getTransactionReceipt", lambda *_: {"a": 1}))
    assert [check.name for check in report.failures] == ["transaction"]


def test_a_failed_transaction_anchors_nothing(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    report = verify_proof(
        run.generate_proof(2), pool=Rpc(pool, "eth_getTransactionReceipt", lambda _, found: {**found, "status": "0x0"})
    )
    assert [check.name for check in report.failures] == ["transaction"]


def test_a_forgotten_old_state_is_not_a_failure(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint
) -> None:
    from novacron.exceptions import RejectedError

    proof = run.generate_proof(2)
    run.record_training_checkpoint(checkpoint(5), epoch=6)

    def pruned(params: Sequence[Any], result: Any) -> Any:
        if params[1] != "latest":
            raise RejectedError("missing trie node")
        return result

    report = verify_proof(proof, pool=Rpc(pool, "eth_call", pruned))
    assert report.ok
    assert "does not keep the state" in report.check("entry on chain").detail


def test_a_run_survives_a_pending_phase_on_a_real_chain(
    chain: Chain, checkpoint: Checkpoint, tmp_path: Path, pool: EndpointPool
) -> None:
    from novacron.chain.signer import signer_from_key
    from novacron.provenance.clients.web3_client import Web3BlockchainClient

    signer = signer_from_key(chain.node.accounts[3][1])
    with EndpointPool([dead_url()], chain_id=31337, timeout=0.5, retries=1, max_time=2) as dead:
        with Web3BlockchainClient(dead, chain.contract, signer=signer, store=tmp_path / "a", timeout=5) as client:
            with ProvenanceRecorder(tmp_path / "run", client, model="digits", anchor_every=1) as run:
                assert run.record_training_checkpoint(checkpoint(1), epoch=1).status == "pending"
    with Web3BlockchainClient(pool, chain.contract, signer=signer, store=tmp_path / "a", timeout=10) as client:
        with ProvenanceRecorder.open(tmp_path / "run", client) as run:
            assert run.last_anchor.status == "anchored"
            assert run.seal().status == "anchored"
            assert verify_proof(run.generate_proof(1), pool=pool).ok


@pytest.mark.parametrize("batch", [False, True])
def test_an_anchored_record_is_proven_against_the_chain(
    web3: Web3BlockchainClient, pool: EndpointPool, batch: bool, tmp_path: Path
) -> None:
    import os

    digest = os.urandom(32)
    record = (
        web3.batch_store_hashes([(digest, {"a": 1}), os.urandom(32), os.urandom(32)])[0]
        if batch
        else web3.store_hash(digest, {"a": 1})
    )
    proof = build_anchor_proof(record, web3)
    report = verify_proof(proof.to_bytes(), pool=pool)
    assert set(outcomes(report, ANCHOR_CHECKS).values()) == {"passed"}, report
    assert set(outcomes(verify_proof(proof), ANCHOR_CHECKS).values()) == {"not_checked"}
    document = json.loads(proof.to_bytes())
    document["record"]["timestamp"] += 1
    document["chain"]["updated_at"] += 1
    failures = {check.name for check in verify_proof(document, pool=pool).failures}
    assert failures == {"anchor on chain", "block"}
    if not batch:
        document = json.loads(proof.to_bytes())
        document["record"]["metadata"] = {"a": 2}
        assert {check.name for check in verify_proof(document, pool=pool).failures} == {"metadata"}


def test_a_proof_object_and_its_file_are_the_same(run: ProvenanceRecorder, tmp_path: Path) -> None:
    proof = run.generate_proof(1)
    assert RunProof.load(proof.save(tmp_path / "one.novaproof.json")) == proof
