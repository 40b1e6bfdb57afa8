"""in-toto v1 statements, read by the real in-toto package."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from novacron.exceptions import InputError
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.intoto import ANCHOR_PREDICATE, CHECKPOINT_PREDICATE, export_statement, to_statement
from novacron.provenance.proof_build import build_anchor_proof
from novacron.provenance.recorder import ProvenanceRecorder

Record = Callable[..., ProvenanceRecorder]


def parsed(path: Path) -> Statement:
    statement = Statement.copy_from_pb(json_format.Parse(path.read_text(), statement_pb2.Statement()))
    statement.validate()
    return statement


def test_a_checkpoints_statement_is_valid_and_names_its_files(
    record: Record, local: LocalBlockchainClient, checkpoint: Callable[[int], Path], tmp_path: Path
) -> None:
    run = record(local)
    run.record_training_checkpoint(checkpoint(1), epoch=1, metrics={"loss": 0.5})
    sealed = run.seal()
    statement = parsed(export_statement(run.generate_proof(sealed), tmp_path / "statement.json"))
    assert statement.pb.predicate_type == CHECKPOINT_PREDICATE
    digests = {subject.name: dict(subject.digest) for subject in statement.pb.subject}
    weights = (checkpoint(1) / "weights.bin").read_bytes()
    assert digests["checkpoint-1/weights.bin"] == {"sha256": sha256(weights).hexdigest()}
    assert set(digests) == {"checkpoint-1/weights.bin", "checkpoint-1/optimizer.bin"}
    predicate = json_format.MessageToDict(statement.pb.predicate)
    assert predicate["run"]["model"] == "digits"
    assert predicate["entry"]["type"] == "seal"
    assert predicate["chain"]["contract"] == local.contract
    assert predicate["anchored"]["size"] == 3


def test_a_single_file_and_a_bare_digest_are_subjects(record: Record, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    run = record()
    run.record_training_checkpoint(tmp_path / "model.bin")
    run.record_training_checkpoint(sha256(b"other").digest())
    subjects = [to_statement(run.generate_proof(index))["subject"] for index in (1, 2)]
    assert subjects == [
        [{"name": "model.bin", "digest": {"sha256": sha256(b"weights").hexdigest()}}],
        [{"name": "checkpoint-2", "digest": {"sha256": sha256(b"other").hexdigest()}}],
    ]


def test_an_entry_without_files_has_no_statement(record: Record) -> None:
    with pytest.raises(InputError, match="no files"):
        to_statement(record().generate_proof(0))


def test_an_anchored_digest_has_a_statement(local: LocalBlockchainClient, tmp_path: Path) -> None:
    record = local.store_hash("cd" * 32)
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(to_statement(build_anchor_proof(record))))
    statement = parsed(path)
    assert statement.pb.predicate_type == ANCHOR_PREDICATE
    assert dict(statement.pb.subject[0].digest) == {"sha256": "cd" * 32}
