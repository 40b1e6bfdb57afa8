"""Outages, crashes at every line that matters, and several recorders on one folder."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import signer_from_key
from novacron.exceptions import (
    ChainResetError,
    ConfigurationError,
    FeeCapError,
    InconsistentEndpointError,
    InsufficientFundsError,
    NoContractError,
    NonceError,
    NovaCronError,
    RejectedError,
    RevertedError,
    RunConflictError,
    SealedRunError,
    SigningKeyError,
    StoreBusyError,
    StoreFullError,
    UnknownRecordError,
    WrongChainError,
)
from novacron.provenance.anchoring import RunAnchor
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.log import TransparencyLog
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.rundir import RunDirectory
from novacron.provenance.verify import verify_proof
from tests.support.contracts import deploy_proof_of_training
from tests.support.recorder import FlakyClient
from tests.support.workers import output_of

Record = Callable[..., ProvenanceRecorder]

UNUSABLE = [
    ChainResetError,
    FeeCapError,
    InconsistentEndpointError,
    InsufficientFundsError,
    NoContractError,
    NonceError,
    RejectedError,
    RevertedError,
    SigningKeyError,
    StoreBusyError,
    StoreFullError,
    UnknownRecordError,
    WrongChainError,
]


def digest(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def test_with_the_chain_down_results_are_pending_and_reconcile_catches_up(record: Record, flaky: FlakyClient) -> None:
    flaky.down = True
    run = record(flaky, anchor_every=1)
    assert run.last_anchor.status == "pending"
    for epoch in range(1, 4):
        result = run.record_training_checkpoint(digest(epoch), epoch=epoch)
        assert result.status == "pending"
        assert result.anchor is not None
        assert result.anchor.reason == "no endpoint answers"
    assert run.status().pending
    assert run.seal().status == "pending"
    assert run.reconcile().status == "pending"
    flaky.down = False
    done = run.reconcile()
    assert (done.status, done.size, done.sealed) == ("anchored", 5, True)
    assert not run.status().pending
    flaky.calls.clear()
    assert run.reconcile().status == "anchored"
    assert set(flaky.calls) == {"run_head"}  # nothing is sent twice


def test_the_next_anchor_catches_up_by_itself(record: Record, flaky: FlakyClient) -> None:
    run = record(flaky, anchor_every=1)
    flaky.down = True
    assert run.record_training_checkpoint(digest(1), epoch=1).status == "pending"
    flaky.down = False
    result = run.record_training_checkpoint(digest(2), epoch=2)
    assert result.status == "anchored"
    assert result.anchor is not None
    assert result.anchor.size == 3


def test_one_record_waits_for_one_timeout(record: Record, flaky: FlakyClient) -> None:
    run = record(flaky, anchor_every=1)
    flaky.down = True
    flaky.calls.clear()
    run.record_training_checkpoint(digest(1), epoch=1)
    assert flaky.calls == ["run_head"]


def test_an_account_that_cannot_pay_does_not_stop_the_training(
    record: Record, flaky: FlakyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(flaky, anchor_every=1)

    def broke(*_: object) -> None:
        raise InsufficientFundsError("account holds 0 wei")

    with monkeypatch.context() as patch:
        patch.setattr(flaky, "extend_run", broke)
        result = run.record_training_checkpoint(digest(1), epoch=1)
    assert result.status == "pending"
    assert result.anchor is not None
    assert result.anchor.reason == "account holds 0 wei"
    assert run.reconcile().status == "anchored"


def raiser(error: NovaCronError) -> Callable[..., None]:
    def fails(*_: object) -> None:
        raise error

    return fails


@pytest.mark.parametrize("call", ["run_head", "extend_run"])
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_chain_that_cannot_be_used_never_stops_the_training(
    record: Record,
    flaky: FlakyClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: type[NovaCronError],
    call: str,
) -> None:
    """Whether it fails before the entry is logged (run_head) or after (extend_run)."""
    run = record(flaky, anchor_every=1)
    with monkeypatch.context() as patch:
        patch.setattr(flaky, call, raiser(kind("not now")))
        result = run.record_training_checkpoint(digest(1), epoch=1)
        assert (result.status, result.index) == ("pending", 1)
        assert result.anchor is not None
        assert result.anchor.reason
        assert run.anchor().status == "pending"
        with ProvenanceRecorder.open(tmp_path / "run", flaky) as again:
            assert again.last_anchor.status == "pending"
        sealed = run.seal()
        assert (sealed.status, sealed.index) == ("pending", 2)
    assert len(run.entries()) == 3
    done = run.reconcile()
    assert (done.status, done.size, done.sealed) == ("anchored", 3, True)


def test_an_endpoint_that_begins_to_answer_html_does_not_stop_the_training(
    record: Record, web3: Web3BlockchainClient, pool: EndpointPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(web3, anchor_every=1)
    assert run.record_training_checkpoint(digest(1), epoch=1).status == "anchored"

    def html(*_: object, **__: object) -> None:
        raise InconsistentEndpointError("the endpoint answered something that is no JSON")

    with monkeypatch.context() as patch:
        for endpoint in pool._endpoints:
            patch.setattr(endpoint.transport, "post", html)
        result = run.record_training_checkpoint(digest(2), epoch=2)
        assert result.status == "pending"
        assert result.anchor is not None
        assert "no JSON" in str(result.anchor.reason)
    assert run.status().size == 3
    assert run.reconcile().size == 3


def test_another_history_on_chain_is_refused_before_anything_is_logged(
    record: Record, flaky: FlakyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(flaky, anchor_every=1)
    run.record_training_checkpoint(digest(1), epoch=1)
    original = flaky.run_head
    monkeypatch.setattr(flaky, "run_head", lambda run_id: replace(original(run_id), root=digest(7)))
    for _ in range(2):
        with pytest.raises(RunConflictError, match="altered"):
            run.record_training_checkpoint(digest(2), epoch=2)
        with pytest.raises(RunConflictError):
            run.seal()
    with pytest.raises(RunConflictError):
        run.reconcile()
    assert len(run.entries()) == 2


def test_a_seal_that_arrives_after_the_entry_was_logged_is_reported_by_the_next_call(
    record: Record, flaky: FlakyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(flaky, anchor_every=1)
    run.record_training_checkpoint(digest(1), epoch=1)
    binding = run.status().chain
    assert binding is not None
    original = flaky.extend_run

    def overtaken(run_id: bytes, size: int, root: bytes, proof: list[bytes]) -> object:
        flaky.seal_run(run_id, digest(9))
        return original(run_id, size, root, proof)

    monkeypatch.setattr(flaky, "extend_run", overtaken)
    result = run.record_training_checkpoint(digest(2), epoch=2)
    assert result.status == "pending"
    assert result.anchor is not None
    assert "sealed" in str(result.anchor.reason)
    for _ in range(2):
        with pytest.raises(SealedRunError):
            run.record_training_checkpoint(digest(3), epoch=3)
    assert len(run.entries()) == 3


def test_a_busy_state_file_does_not_make_a_recorded_entry_look_unrecorded(
    record: Record, flaky: FlakyClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(RunDirectory.__init__.__kwdefaults__, "lock_timeout", 0.05)
    run = record(flaky, anchor_every=2)
    holder = sqlite3.connect(tmp_path / "run" / "state.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert run.record_training_checkpoint(digest(1), epoch=1).status == "recorded"
    result = run.record_training_checkpoint(digest(2), epoch=2)  # due, although no state can be written
    assert result.status == "pending"
    assert result.anchor is not None
    assert "locked" in str(result.anchor.reason)
    assert run.status().due == 3
    assert [entry.sequence for entry in run.entries()] == [0, 1, 2]
    holder.execute("ROLLBACK")
    holder.close()
    assert run.record_training_checkpoint(digest(3), epoch=3).status == "recorded"
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run", flaky) as again:
        assert (again.status().due, again.status().anchored_size) == (3, 3)
        assert again.record_training_checkpoint(digest(4), epoch=4).status == "anchored"


def test_a_busy_state_file_without_a_client_records_once(
    record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(RunDirectory.__init__.__kwdefaults__, "lock_timeout", 0.05)
    run = record(anchor_every=1)
    with closing(sqlite3.connect(tmp_path / "run" / "state.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert run.record_training_checkpoint(digest(1), epoch=1).status == "recorded"
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run") as again:
        assert (len(again.entries()), again.status().due) == (2, 2)


def test_a_run_that_was_opened_on_another_chain_meanwhile_is_not_opened_twice(
    record: Record, flaky: FlakyClient, tmp_path: Path
) -> None:
    flaky.down = True
    first = record(flaky)
    with LocalBlockchainClient(tmp_path / "other.sqlite") as other:
        ProvenanceRecorder.open(tmp_path / "run", other).close()
    flaky.down = False
    with pytest.raises(ConfigurationError, match="anchored at"):
        first.anchor()
    assert flaky.head()[0] == 0


# -- the transaction of a head ---------------------------------------------------------------------------------------


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("sealed_elsewhere", [False, True])
def test_a_crash_between_extension_and_note_does_not_lose_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed_elsewhere: bool
) -> None:
    """With blocks before and after it to search through, and from a store that never saw the transaction."""
    monkeypatch.setattr("novacron.provenance.clients.onchain._NEAR", 10)
    monkeypatch.setattr("novacron.provenance.clients.onchain._BEFORE_SEAL", 200)
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    with (
        Anvil() as node,
        EndpointPool([node.url], chain_id=31337, timeout=10, retries=1) as pool,
    ):
        contract = deploy_proof_of_training(node.url)
        signer = signer_from_key(node.accounts[2][1])
        pool.request("anvil_mine", [hex(150), "0xc"])
        with Web3BlockchainClient(pool, contract, signer=signer, store=tmp_path / "a", timeout=10) as client:
            run = ProvenanceRecorder(tmp_path / "run", client, model="m")
            artifact = run.record_training_checkpoint(model).entry.checkpoint
            with monkeypatch.context() as patch:
                patch.setattr(client._runs, "_with_receipt", killed)
                with pytest.raises(KeyboardInterrupt):
                    run.anchor()
            run.close()
            pool.request("anvil_mine", [hex(150), "0xc"])
            if sealed_elsewhere:
                assert artifact is not None
                client.seal_run(client.run_id(*identity(tmp_path / "run")), artifact.digest)
                pool.request("anvil_mine", [hex(100), "0xc"])
        with (
            Web3BlockchainClient(pool, contract, signer=signer, store=tmp_path / "b", timeout=10) as client,
            ProvenanceRecorder.open(tmp_path / "run", client) as again,
        ):
            done = again.reconcile()
            assert (done.status, done.size, done.sealed) == ("anchored", 2, sealed_elsewhere)
            report = verify_proof(again.generate_proof(1), pool=pool, artifact_path=model)
            assert report.check("transaction").status == "passed"
            assert report.complete
            assert done.transaction_hash is not None


def identity(path: Path) -> tuple[bytes, bytes]:
    run = RunDirectory(path)
    run.open()
    try:
        return run.salt, run.manifest_digest
    finally:
        run.close()


def test_a_node_without_logs_leaves_the_head_without_a_transaction(
    record: Record, web3: Web3BlockchainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(web3)
    run.record_training_checkpoint(digest(1))
    with monkeypatch.context() as patch:
        patch.setattr(web3._runs, "_with_receipt", lambda head, _: head)
        patch.setattr(web3, "extension_of", raiser(RejectedError("eth_getLogs is not available")))
        result = run.anchor()
    assert (result.status, result.size, result.transaction_hash) == ("anchored", 2, None)
    again = run.reconcile()  # the node keeps logs now
    assert again.transaction_hash is not None
    assert again.block_number is not None


def test_a_head_that_grew_while_it_was_read_keeps_its_own_transaction(
    record: Record, web3: Web3BlockchainClient, pool: EndpointPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(web3)
    run.record_training_checkpoint(digest(1))
    original = web3._runs._send  # type: ignore[union-attr]

    def overtaken(key: str, *call: object) -> object:
        receipt = original(key, *call)
        if call[0] == "extendRun":
            monkeypatch.undo()
            with ProvenanceRecorder.open(tmp_path / "run", web3) as faster:
                faster.record_training_checkpoint(digest(2))
                faster.anchor()
        return receipt

    monkeypatch.setattr(web3._runs, "_send", overtaken)
    assert run.anchor().size == 3
    report = verify_proof(run.generate_proof(2), pool=pool)
    assert report.check("transaction").status == "passed"


@pytest.mark.parametrize("call", ["open_run", "extend_run", "seal_run"])
def test_a_crash_after_the_chain_acted_is_recovered_by_reopening(
    record: Record, flaky: FlakyClient, tmp_path: Path, call: str
) -> None:
    def whole_run() -> None:
        run = record(flaky, anchor_every=1)
        run.record_training_checkpoint(digest(1), epoch=1)
        run.seal()

    flaky.crash_after = call
    with pytest.raises(KeyboardInterrupt):
        whole_run()
    with ProvenanceRecorder.open(tmp_path / "run", flaky) as again:
        if not again.status().sealed:
            if again.status().size == 1:
                again.record_training_checkpoint(digest(1), epoch=1)
            again.seal()
        assert again.status().size == 3
        assert again.last_anchor.sealed
        assert not again.status().pending
    blocks, _ = flaky.head()
    again_blocks = LocalBlockchainClient(tmp_path / "chain.sqlite").head()[0]
    assert blocks == again_blocks <= 4  # open, extend (perhaps twice), seal: nothing twice


def test_a_crash_between_log_and_anchor_is_recovered_by_reopening(
    record: Record, local: LocalBlockchainClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(local, anchor_every=2)
    run.record_training_checkpoint(digest(1), epoch=1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "put", killed)  # dies before the policy's state is kept
        with pytest.raises(KeyboardInterrupt):
            run.record_training_checkpoint(digest(2), epoch=2)
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run", local) as again:
        assert again.last_anchor.size == 3
        assert again.record_training_checkpoint(digest(3), epoch=3).status == "recorded"
        assert again.record_training_checkpoint(digest(4), epoch=4).status == "anchored"


def test_a_crash_before_the_first_entry_is_recovered_by_reopening(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TransparencyLog, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            record()
    with ProvenanceRecorder.open(tmp_path / "run") as again:
        assert [entry.type for entry in again.entries()] == ["open"]


def test_losing_the_derived_state_loses_nothing(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    run = record(local, anchor_every=2)
    for epoch in range(1, 4):
        run.record_training_checkpoint(digest(epoch), epoch=epoch)
    run.close()
    for path in (tmp_path / "run").glob("state.sqlite*"):
        path.unlink()
    with ProvenanceRecorder.open(tmp_path / "run", local) as again:
        assert again.last_anchor.status == "anchored"
        assert again.status().due == 3  # the policy has seen every entry again, not only the last
        assert again.record_training_checkpoint(digest(4), epoch=4).status == "anchored"
        assert again.verify_proof(again.generate_proof(3)).ok


def test_an_old_copy_of_the_folder_is_refused(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    run = record(local)
    run.record_training_checkpoint(digest(1))
    run.anchor()
    run.close()
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with ProvenanceRecorder.open(tmp_path / "run", local) as newer:
        newer.record_training_checkpoint(digest(2))
        newer.anchor()
    with pytest.raises(RunConflictError, match="old copy"):
        ProvenanceRecorder.open(tmp_path / "copy", local)


def test_a_rewritten_log_is_refused(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    run = record(local)
    run.record_training_checkpoint(digest(1))
    run.close()
    shutil.copytree(tmp_path / "run", tmp_path / "fork")
    for name, number in (("run", 2), ("fork", 3)):
        with ProvenanceRecorder.open(tmp_path / name) as branch:
            branch.record_training_checkpoint(digest(number))
    with ProvenanceRecorder.open(tmp_path / "run", local) as first:
        first.anchor()
    with pytest.raises(RunConflictError, match="altered"):
        ProvenanceRecorder.open(tmp_path / "fork", local)


def test_two_recorders_of_one_run_help_each_other(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    first = record(local, anchor_every=4)
    with LocalBlockchainClient(tmp_path / "chain.sqlite") as other_client:
        with ProvenanceRecorder.open(tmp_path / "run", other_client) as second:
            statuses = []
            for step in range(1, 9):
                recorder = first if step % 2 else second
                statuses.append(recorder.record_training_checkpoint(digest(step), step=step).status)
            assert [place for place, status in enumerate(statuses, 1) if status == "anchored"] == [4, 8]
            assert [entry.sequence for entry in second.entries()] == list(range(9))


def test_an_anchor_that_loses_the_race_reads_the_head_again(record: Record, flaky: FlakyClient, tmp_path: Path) -> None:
    run = record(flaky)
    run.record_training_checkpoint(digest(1))
    original = FlakyClient.extend_run

    def overtaken(self: FlakyClient, run_id: bytes, size: int, root: bytes, proof: list[bytes]) -> object:
        FlakyClient.extend_run = original  # type: ignore[method-assign]
        with ProvenanceRecorder.open(tmp_path / "run", self) as faster:
            faster.anchor()
            faster.record_training_checkpoint(digest(2))
            faster.anchor()
        return original(self, run_id, size, root, proof)

    FlakyClient.extend_run = overtaken  # type: ignore[method-assign, assignment]
    try:
        result = run.anchor()
    finally:
        FlakyClient.extend_run = original  # type: ignore[method-assign]
    assert (result.status, result.size) == ("anchored", 3)


WORKER = """
import sys
from hashlib import sha256
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.recorder import ProvenanceRecorder
folder, number = sys.argv[1], int(sys.argv[2])
with LocalBlockchainClient(folder + "/chain.sqlite") as client:
    with ProvenanceRecorder(folder + "/run", client, model="shared", anchor_every=5) as run:
        for step in range(1, 16):
            run.record_training_checkpoint(sha256(b"%d %d" % (number, step)).digest(), step=step)
"""


def test_several_processes_record_one_run(tmp_path: Path) -> None:
    LocalBlockchainClient(tmp_path / "chain.sqlite").close()
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), str(number)], stderr=subprocess.PIPE)
        for number in range(4)
    ]
    for code, errors in output_of(workers):
        assert code == 0, errors
    with LocalBlockchainClient(tmp_path / "chain.sqlite") as client:
        with ProvenanceRecorder.open(tmp_path / "run", client) as run:
            entries = run.entries()
            assert [entry.sequence for entry in entries] == list(range(61))
            assert len({entry.checkpoint for entry in entries[1:]}) == 60
            assert run.reconcile().size == 61


def test_a_lock_held_elsewhere_is_reported(tmp_path: Path) -> None:
    first, second = RunDirectory(tmp_path), RunDirectory(tmp_path, lock_timeout=0.05)
    with first.lock(), pytest.raises(StoreBusyError, match="held the lock"), second.lock():
        pass
    with second.lock():
        pass


def test_a_full_disk_records_nothing(record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    run = record()

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("novacron.provenance.rundir.os.fsync", full)
        with pytest.raises(StoreFullError, match="nothing was written"):
            run.record_training_checkpoint(tmp_path / "model.bin")
    assert len(run.entries()) == 1
    assert list((tmp_path / "run" / "manifests").iterdir()) == []
    assert run.record_training_checkpoint(tmp_path / "model.bin").index == 1


def test_only_the_owner_opens_a_run(record: Record, tmp_path: Path) -> None:
    class Stranger(FlakyClient):
        @property
        def submitter(self) -> str:
            return "stranger"

    with FlakyClient(tmp_path / "chain.sqlite") as owner:
        owner.down = True
        record(owner).close()
    with Stranger(tmp_path / "chain.sqlite") as stranger:
        run = RunDirectory(tmp_path / "run")
        run.open()
        with pytest.raises(ConfigurationError, match="its owner local must open it"):
            RunAnchor(run, stranger).advance()
        run.close()
