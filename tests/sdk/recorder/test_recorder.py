"""Recording a run: entries, anchors by policy, sealing, and what is refused."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from novacron.exceptions import (
    ConfigurationError,
    CorruptStoreError,
    FileChangedError,
    InputError,
    InvalidDigestError,
    ManifestError,
    SealedRunError,
    SymlinkError,
    UnknownRecordError,
    UnreadableFileError,
)
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.manifest import build_manifest
from novacron.provenance.policies import AnyOf, EveryNSteps, OnImprovement
from novacron.provenance.recorder import ProvenanceRecorder
from tests.support.workers import in_threads

Record = Callable[..., ProvenanceRecorder]
Checkpoint = Callable[[int], Path]


def test_a_run_logs_its_opening_checkpoints_validations_and_seal(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint
) -> None:
    run = record(local, config={"lr": 0.1}, code_version="abc")
    saved = run.record_training_checkpoint(checkpoint(1), epoch=1, step=10, metrics={"loss": 0.5})
    run.record_validation({"accuracy": 0.9}, dataset=sha256(b"data").digest(), epoch=1)
    run.seal()
    entries = run.entries()
    assert [entry.type for entry in entries] == ["open", "checkpoint", "validation", "seal"]
    assert [entry.sequence for entry in entries] == [0, 1, 2, 3]
    assert entries[0].details is not None
    assert entries[0].details["config"] == {"lr": 0.1}
    assert entries[1].checkpoint is not None
    assert entries[1].checkpoint.digest == build_manifest(checkpoint(1)).root
    assert entries[3].checkpoint == entries[1].checkpoint
    assert saved.entry == entries[1]


def test_the_policy_decides_what_is_anchored(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint
) -> None:
    run = record(local, anchor_every=2)
    results = [run.record_training_checkpoint(checkpoint(n), epoch=n) for n in range(1, 5)]
    assert [result.status for result in results] == ["recorded", "anchored", "recorded", "anchored"]
    assert run.status().anchored_size == 5
    binding = run.status().chain
    assert binding is not None
    head = local.run_head(binding.run)
    assert (head.size, head.root) == (5, run.status().root)


def test_the_head_is_anchored_at_the_seal_without_a_policy(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint
) -> None:
    run = record(local)
    assert run.record_training_checkpoint(checkpoint(1)).status == "recorded"
    sealed = run.seal()
    assert sealed.status == "anchored"
    assert sealed.anchor is not None
    assert sealed.anchor.sealed
    binding = run.status().chain
    assert binding is not None
    head = local.run_head(binding.run)
    assert head.model_digest == build_manifest(checkpoint(1)).root
    assert head.size == 3


def test_anchor_on_improvement_or_every_few_steps(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint
) -> None:
    run = record(local, policy=AnyOf(EveryNSteps(5), OnImprovement("accuracy", 0.1)))
    statuses = [
        run.record_training_checkpoint(checkpoint(step), step=step, metrics={"accuracy": value}).status
        for step, value in [(1, 0.5), (2, 0.55), (3, 0.7), (4, math.nan), (5, 0.1)]
    ]
    assert statuses == ["anchored", "recorded", "anchored", "recorded", "anchored"]


def test_a_run_without_a_client_is_only_recorded_and_can_be_anchored_later(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    run = record(anchor_every=1)
    assert run.record_training_checkpoint(checkpoint(1), epoch=1).status == "recorded"
    run.seal()
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run", local) as again:
        assert again.last_anchor.status == "anchored"
        assert again.last_anchor.sealed


def test_the_same_checkpoint_under_two_names_keeps_both_names(record: Record, tmp_path: Path) -> None:
    run = record()
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(b"same")
        run.record_training_checkpoint(tmp_path / name)
    proofs = [run.generate_proof(index) for index in (1, 2)]
    assert [proof.manifest and proof.manifest.name for proof in proofs] == ["a.bin", "b.bin"]


def test_digests_are_recorded_without_a_manifest(record: Record) -> None:
    run = record()
    digest = sha256(b"weights").digest()
    by_bytes = run.record_training_checkpoint(digest)
    by_text = run.record_training_checkpoint("0x" + digest.hex().upper())
    assert by_bytes.entry.checkpoint == by_text.entry.checkpoint
    with pytest.raises(InvalidDigestError):
        run.record_training_checkpoint(b"short")
    with pytest.raises(InvalidDigestError):
        run.record_training_checkpoint("z" * 64)
    assert len(run.entries()) == 3


@pytest.mark.parametrize("tail", ["/" + "a" * 55, "a" * 52 + ".bin"])
def test_a_mistyped_path_as_long_as_a_digest_is_a_missing_file(record: Record, tail: str) -> None:
    run = record()
    path = "deadbeef" + tail
    assert len(path) == 64
    with pytest.raises(ManifestError, match="deadbeef"):
        run.record_training_checkpoint(path)
    with pytest.raises(ManifestError):
        run.record_training_checkpoint(Path("a" * 64))  # a Path is never a digest
    assert len(run.entries()) == 1


def test_an_existing_file_named_like_a_digest_is_hashed(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a" * 64).write_bytes(b"weights")
    entry = record().record_training_checkpoint("a" * 64).entry
    assert entry.checkpoint is not None
    assert entry.checkpoint.digest == build_manifest(Path("a" * 64)).root


def test_a_sealed_run_refuses_everything(record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint) -> None:
    run = record(local)
    run.record_training_checkpoint(checkpoint(1))
    run.seal()
    with pytest.raises(SealedRunError):
        run.record_training_checkpoint(checkpoint(2))
    with pytest.raises(SealedRunError):
        run.record_validation({"accuracy": 1.0})
    with pytest.raises(SealedRunError):
        run.seal(checkpoint(2))
    assert run.seal().index == 2  # the same seal again only completes what is pending
    assert len(run.entries()) == 3


def test_a_run_sealed_on_chain_by_somebody_else_takes_no_entry(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    run = record(local, anchor_every=1)
    run.record_training_checkpoint(checkpoint(1), epoch=1)
    binding = run.status().chain
    assert binding is not None
    local.seal_run(binding.run, b"\x07" * 32)
    with pytest.raises(SealedRunError):
        run.record_training_checkpoint(checkpoint(2), epoch=2)
    assert len(run.entries()) == 2
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run") as offline, pytest.raises(SealedRunError):
        offline.record_training_checkpoint(checkpoint(2), epoch=2)


def test_a_run_sealed_on_chain_under_unanchored_entries_can_still_be_proven(
    record: Record, local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    run = record(local)
    run.record_training_checkpoint(checkpoint(1))
    run.anchor()
    binding = run.status().chain
    assert binding is not None
    run.record_training_checkpoint(checkpoint(2))
    local.seal_run(binding.run, b"\x07" * 32)
    with pytest.raises(SealedRunError):
        run.anchor()
    run.close()
    with ProvenanceRecorder.open(tmp_path / "run", local) as again:
        assert again.verify_proof(again.generate_proof(1)).ok
        with pytest.raises(SealedRunError):
            again.record_training_checkpoint(checkpoint(3))


def test_sealing_needs_a_model_and_a_digest_that_is_not_zero(record: Record) -> None:
    run = record()
    with pytest.raises(InputError, match="no checkpoint"):
        run.seal()
    with pytest.raises(InputError, match="zero"):
        run.seal(bytes(32))
    assert len(run.entries()) == 1


def test_a_checkpoint_that_changes_while_it_is_hashed_is_not_recorded(record: Record, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(8 << 20))

    def meddle(done: int, total: int) -> None:
        if 0 < done < total:
            with big.open("ab") as file:
                file.write(b"x")

    run = record(progress=meddle)
    with pytest.raises(FileChangedError, match=r"big\.bin"):
        run.record_training_checkpoint(big)
    assert len(run.entries()) == 1
    assert list((tmp_path / "run" / "manifests").iterdir()) == []


def test_links_unreadable_and_missing_files_are_refused_by_name(record: Record, tmp_path: Path) -> None:
    run = record()
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"w")
    (folder / "link.bin").symlink_to("weights.bin")
    with pytest.raises(SymlinkError, match=r"link\.bin"):
        run.record_training_checkpoint(folder)
    (folder / "link.bin").unlink()
    with pytest.raises(ManifestError, match="nowhere"):
        run.record_training_checkpoint(tmp_path / "nowhere")
    if os.geteuid() != 0:  # root reads everything
        (folder / "weights.bin").chmod(0)
        with pytest.raises(UnreadableFileError, match=r"weights\.bin"):
            run.record_training_checkpoint(folder)
    assert len(run.entries()) == 1


def test_bad_metrics_leave_no_entry(record: Record, checkpoint: Checkpoint) -> None:
    run = record()
    with pytest.raises(InputError, match="'loss'"):
        run.record_training_checkpoint(checkpoint(1), metrics={"loss": "low"})
    with pytest.raises(InputError, match="epoch"):
        run.record_training_checkpoint(checkpoint(1), epoch=-1)
    with pytest.raises(InputError, match="at least one metric"):
        run.record_validation({})
    assert len(run.entries()) == 1


def test_a_run_folder_belongs_to_one_run(record: Record, tmp_path: Path) -> None:
    record(config={"lr": 0.1}, anchor_every=2).close()
    record(config={"lr": 0.1}, anchor_every=2).close()
    for options in ({"model": "other"}, {"config": {"lr": 0.2}}, {"anchor_every": 3}, {"code_version": "x"}):
        with pytest.raises(ConfigurationError, match="another"):
            record(**options)
    with pytest.raises(ConfigurationError, match="model="):
        ProvenanceRecorder(tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()
    with pytest.raises(ConfigurationError, match="not both"):
        record(anchor_every=2, policy=EveryNSteps(2))
    with pytest.raises(InputError, match="canonical"):
        ProvenanceRecorder(tmp_path / "fresh", model="m", config={"lr": math.nan})
    assert not (tmp_path / "fresh").exists()


def test_opening_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownRecordError, match=r"run\.json"):
        ProvenanceRecorder.open(tmp_path / "nothing")


def test_a_run_stays_on_the_chain_it_was_opened_on(
    record: Record, local: LocalBlockchainClient, tmp_path: Path
) -> None:
    record(local).close()
    with (
        LocalBlockchainClient(tmp_path / "other.sqlite") as other,
        pytest.raises(ConfigurationError, match="anchored at"),
    ):
        record(other)


def test_training_data_is_part_of_the_runs_identity(record: Record, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2\n")
    run = record(data=tmp_path / "data.csv")
    details = run.entries()[0].details
    assert details is not None
    assert details["data"]["root"] == build_manifest(tmp_path / "data.csv").root.hex()
    run.close()
    (tmp_path / "data.csv").write_text("1,3\n")
    with pytest.raises(ConfigurationError, match="another data"):
        record(data=tmp_path / "data.csv")


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": "novacron-run-dir-v1"}'])
def test_a_damaged_run_file_is_reported(record: Record, tmp_path: Path, damage: str) -> None:
    record().close()
    (tmp_path / "run" / "run.json").write_text(damage)
    with pytest.raises(CorruptStoreError, match=r"run\.json"):
        record()


def test_an_altered_identity_does_not_fit_the_log(record: Record, tmp_path: Path) -> None:
    record().close()
    path = tmp_path / "run" / "run.json"
    value = json.loads(path.read_text())
    value["manifest"]["config"] = {"lr": 5}
    path.write_text(json.dumps(value))
    with (
        ProvenanceRecorder.open(tmp_path / "run") as run,
        pytest.raises(CorruptStoreError, match="another place or run"),
    ):
        run.entries()


def test_an_altered_manifest_is_reported(record: Record, checkpoint: Checkpoint, tmp_path: Path) -> None:
    run = record()
    run.record_training_checkpoint(checkpoint(1))
    path = next((tmp_path / "run" / "manifests").iterdir())
    text = path.read_text()
    path.write_text(text.replace("weights.bin", "weighta.bin"))
    with pytest.raises(CorruptStoreError, match="altered"):
        run.generate_proof(1)
    path.unlink()
    with pytest.raises(CorruptStoreError, match="missing"):
        run.generate_proof(1)


def test_many_threads_share_one_recorder(record: Record, local: LocalBlockchainClient) -> None:
    run = record(local, anchor_every=7)

    def work(number: int) -> None:
        for step in range(10):
            run.record_training_checkpoint(sha256(b"%d %d" % (number, step)).digest(), step=step)

    in_threads(work, *[(number,) for number in range(4)])
    entries = run.entries()
    assert [entry.sequence for entry in entries] == list(range(41))
    assert len({entry.checkpoint for entry in entries[1:]}) == 40
    assert run.reconcile().size == 41


def test_the_example_in_the_recorders_documentation_runs() -> None:
    import doctest

    from novacron.provenance import recorder

    results = doctest.testmod(recorder)
    assert (results.failed, results.attempted > 5) == (0, True)
