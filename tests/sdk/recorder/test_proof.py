"""Proof files offline: what a good one proves, and that each kind of damage fails a named check."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from novacron.exceptions import InputError, ProofFormatError, StoreError
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.proof import Proof, RunProof
from novacron.provenance.proof_build import build_anchor_proof, proof_of_record
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.report import VerificationReport
from novacron.provenance.verify import verify_proof

Checkpoint = Callable[[int], Path]
Document = dict[str, Any]


@pytest.fixture
def run(local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path) -> Any:
    """Six entries, anchored at five."""
    with ProvenanceRecorder(tmp_path / "run", local, model="digits") as recorder:
        for epoch in range(1, 5):
            recorder.record_training_checkpoint(checkpoint(epoch), epoch=epoch, metrics={"loss": 1e20 / epoch})
        recorder.anchor()
        recorder.record_validation({"accuracy": 0.5}, epoch=4)
        yield recorder


@pytest.fixture
def document(run: ProvenanceRecorder) -> Document:
    return json.loads(run.generate_proof(2).to_bytes())  # type: ignore[no-any-return]


def failed(report: VerificationReport) -> set[str]:
    return {check.name for check in report.failures}


def test_offline_a_proof_says_exactly_what_it_could_not_check(run: ProvenanceRecorder) -> None:
    report = verify_proof(run.generate_proof(2))
    assert report.ok
    assert not report.complete
    unchecked = {check.name: check.detail for check in report.checks if check.status == "not_checked"}
    assert set(unchecked) == {"artifact", "contract", "run on chain", "seal"}
    assert "no artifact path given" in unchecked["artifact"]
    assert "no client for the embedded store" in unchecked["contract"]


def test_with_client_and_files_everything_is_checked(
    run: ProvenanceRecorder, local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    run.seal()
    path = run.generate_proof(2).save(tmp_path / "two.novaproof.json")
    report = verify_proof(path, client=local, artifact_path=checkpoint(2))
    assert report.complete, report
    assert verify_proof(path.read_bytes(), client=local).ok
    assert verify_proof(json.loads(path.read_bytes())).ok
    assert Proof.load(path) == run.generate_proof(2).__class__.load(path)


def test_every_entry_of_the_run_can_be_proven(run: ProvenanceRecorder, local: LocalBlockchainClient) -> None:
    for index, entry in enumerate(run.entries()):
        proof = Proof.from_bytes(run.generate_proof(index).to_bytes())
        assert isinstance(proof, RunProof)
        assert json.loads(proof.entry)["type"] == entry.type
        report = verify_proof(proof, client=local)
        assert report.ok
        newer = report.check("anchored entry").status
        assert newer == ("passed" if index < 5 else "not_checked")
    assert run.generate_proof(-1).index == 5
    for index in (6, -7, True, 1.5):
        with pytest.raises(InputError):
            run.generate_proof(index)  # type: ignore[arg-type]


def test_a_proof_made_with_the_chain_down_is_still_a_proof(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(checkpoint(1))
        report = recorder.verify_proof(recorder.generate_proof(), artifact_path=checkpoint(1))
    assert report.ok
    assert report.check("anchored head").status == "not_checked"
    assert "not anchored" in report.check("run on chain").detail


def test_a_flipped_byte_in_a_checkpoint_names_the_file(run: ProvenanceRecorder, checkpoint: Checkpoint) -> None:
    proof = run.generate_proof(2)
    weights = checkpoint(2) / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[500] ^= 1
    weights.write_bytes(data)
    report = verify_proof(proof, artifact_path=checkpoint_folder(weights))
    assert failed(report) == {"artifact"}
    detail = report.check("artifact").detail
    assert "weights.bin" in detail
    assert "optimizer.bin" not in detail


def checkpoint_folder(file: Path) -> Path:
    return file.parent


def test_missing_added_and_renamed_files_are_named(run: ProvenanceRecorder, checkpoint: Checkpoint) -> None:
    proof = run.generate_proof(2)
    folder = checkpoint(2)
    (folder / "weights.bin").rename(folder / "w.bin")
    (folder / "extra.bin").write_bytes(b"x")
    detail = verify_proof(proof, artifact_path=folder).check("artifact").detail
    assert "renamed: weights.bin" in detail
    assert "added: extra.bin" in detail
    assert failed(verify_proof(proof, artifact_path=folder / "nothing")) == {"artifact"}


def test_a_single_file_is_named_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(tmp_path / "model.bin")
        proof = recorder.generate_proof()
    assert verify_proof(proof, artifact_path=tmp_path / "model.bin").check("artifact").status == "passed"
    (tmp_path / "model.bin").write_bytes(b"weighty")
    assert "model.bin" in verify_proof(proof, artifact_path=tmp_path / "model.bin").check("artifact").detail


def test_an_artifact_without_manifest_is_compared_by_digest(tmp_path: Path) -> None:
    from hashlib import sha256

    (tmp_path / "model.bin").write_bytes(b"weights")
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(sha256(b"weights").digest())
        proof = recorder.generate_proof()
    assert verify_proof(proof, artifact_path=tmp_path / "model.bin").check("artifact").status == "passed"
    (tmp_path / "model.bin").write_bytes(b"weighty")
    assert verify_proof(proof, artifact_path=tmp_path / "model.bin").check("artifact").status == "failed"


def alter(document: Document, path: str, value: Any) -> Document:
    changed = copy.deepcopy(document)
    *parents, last = path.split(".")
    target: Any = changed
    for name in parents:
        target = target[int(name) if isinstance(target, list) else name]
    target[int(last) if isinstance(target, list) else last] = value
    return changed


OTHER = "ab" * 32


@pytest.mark.parametrize(
    ("path", "value", "check"),
    [
        ("entry.leaf", OTHER, "leaf"),
        ("entry.index", 3, "inclusion"),
        ("entry.index", 10**9, "inclusion"),
        ("log.size", 9, "inclusion"),
        ("log.size", 0, "inclusion"),
        ("log.root", OTHER, "inclusion"),
        ("log.inclusion", [], "inclusion"),
        ("log.inclusion.0", OTHER, "inclusion"),
        ("anchored.root", OTHER, "anchored head"),
        ("anchored.size", 4, "anchored head"),
        ("anchored.size", 2**40, "anchored head"),
        ("anchored.consistency", [], "anchored head"),
        ("anchored.consistency.0", OTHER, "anchored head"),
        ("anchored.inclusion.0", OTHER, "anchored entry"),
        ("anchored.inclusion", None, "anchored entry"),
        ("chain.run", OTHER, "run id"),
        ("chain.salt", OTHER, "run id"),
        ("chain.salt", None, "run id"),
        ("chain.owner", "somebody else", "run id"),
        ("run_manifest.model", "other", "run manifest"),
        ("run_manifest.model", {"a": 2**52}, "run manifest"),
        ("entry.decoded.epoch", 7, "entry"),
        ("entry.decoded.metrics", {"loss": 0.0}, "entry"),
        ("manifest", None, "checkpoint manifest"),
        ("manifest.name", "other", "checkpoint manifest"),
        ("manifest.files.0.size", 1, "checkpoint manifest"),
        ("manifest.files.0.path", "a.bin", "checkpoint manifest"),
    ],
)
def test_each_wrong_value_fails_its_check(document: Document, path: str, value: Any, check: str) -> None:
    report = verify_proof(alter(document, path, value))
    assert check in failed(report)
    assert not report.ok


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "novacron-proof-v2"),
        ("format", None),
        ("kind", "other"),
        ("kind", 3),
        ("created", 5),
        ("entry", []),
        ("entry.bytes", "!!"),
        ("entry.bytes", 5),
        ("entry.index", "2"),
        ("entry.index", -1),
        ("entry.index", 2.0),
        ("entry.index", True),
        ("entry.leaf", "ab"),
        ("entry.leaf", None),
        ("entry.decoded", None),
        ("log.size", None),
        ("log.inclusion", "ab"),
        ("log.inclusion.0", 5),
        ("log.inclusion.0", "zz" * 32),
        ("anchored.inclusion", {}),
        ("anchored", []),
        ("chain", "x"),
        ("chain.client", "paper"),
        ("chain.chain_id", -5),
        ("chain.transaction", "0x12"),
        ("chain.block_number", "7"),
        ("manifest", []),
        ("manifest.files", []),
        ("manifest.files.0.digest", OTHER),
        ("manifest.root", OTHER),
        ("manifest.files.0.path", "../../etc/passwd"),
        ("surprise", 1),
        ("entry.surprise", 1),
        ("log.surprise", 1),
        ("chain.surprise", 1),
    ],
)
def test_each_malformed_field_fails_the_format_check(document: Document, path: str, value: Any) -> None:
    changed = alter(document, path, value)
    report = verify_proof(json.dumps(changed).encode())
    assert [check.name for check in report.checks] == ["format"]
    assert not report.ok
    with pytest.raises(ProofFormatError):
        Proof.from_dict(changed)


@pytest.mark.parametrize("part", ["entry", "log", "anchored", "chain", "manifest", "run_manifest", "created"])
def test_each_missing_part_is_named(document: Document, part: str) -> None:
    del document[part]
    assert part in verify_proof(document).check("format").detail


def test_a_truncated_file_fails_the_format_check(run: ProvenanceRecorder) -> None:
    data = run.generate_proof(2).to_bytes()
    for cut in (0, 1, 10, len(data) // 2, len(data) - 3):
        assert failed(verify_proof(data[:cut])) == {"format"}
    for nonsense in (b"null", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b'{"format": 1, "format": 2}'):
        assert failed(verify_proof(nonsense)) == {"format"}


def test_the_entry_bytes_decide_not_their_readable_copy(document: Document) -> None:
    entry = json.loads(base64.b64decode(document["entry"]["bytes"]))
    entry["metrics"] = {"loss": 0.001}
    forged = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    changed = alter(document, "entry.bytes", base64.b64encode(forged).decode())
    changed = alter(changed, "entry.decoded", entry)
    assert failed(verify_proof(changed)) >= {"leaf", "inclusion", "anchored entry"}
    from novacron.provenance.rfc9162 import leaf_hash

    changed = alter(changed, "entry.leaf", leaf_hash(forged).hex())
    assert failed(verify_proof(changed)) == {"inclusion", "anchored entry"}


def test_a_field_named_twice_is_refused(run: ProvenanceRecorder) -> None:
    """Readers differ in which of the two they believe."""
    data = run.generate_proof(2).to_bytes()
    assert failed(verify_proof(data.replace(b'"kind": "run"', b'"kind": "run", "kind": "run"', 1))) == {"format"}


def test_an_entry_that_lies_about_its_place_fails(document: Document) -> None:
    """A log can hold an entry with any sequence; only the place it is proven at counts."""
    from novacron.provenance.rfc9162 import leaf_hash

    leaf = leaf_hash(base64.b64decode(document["entry"]["bytes"]))
    alone = {"size": 1, "root": leaf.hex(), "inclusion": []}
    moved = alter({**document, "log": alone, "anchored": None, "chain": None}, "entry.index", 0)
    report = verify_proof(moved)
    assert report.check("inclusion").status == "passed"
    assert failed(report) == {"entry"}


def test_the_proof_of_another_entry_does_not_fit(run: ProvenanceRecorder, document: Document) -> None:
    other = json.loads(run.generate_proof(3).to_bytes())
    assert "inclusion" in failed(verify_proof({**document, "log": other["log"]}))
    assert "inclusion" in failed(verify_proof({**document, "entry": other["entry"]}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_never_raises_and_never_passes(document: Document, data: st.DataObject) -> None:
    """Replace one value anywhere; only what offline nothing binds may pass: who made it, receipts, heads' sizes."""
    free = [["created"], ["generator"], ["chain"], ["anchored"], ["log", "size"], ["anchored", "size"]]
    changed = copy.deepcopy(document)
    target: Any = changed
    place: list[Any] = []
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        place.append(key)
        if not isinstance(target[key], dict | list) or not target[key] or data.draw(st.booleans()):
            break
        target = target[key]
    before = target[key]
    target[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | st.just([]) | st.just({})
    )
    report = verify_proof(changed)
    if target[key] != before and place not in free and place[0] != "chain":
        assert not report.ok, place


def test_an_unreadable_proof_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing"):
        verify_proof(tmp_path / "nothing")
    with pytest.raises(StoreError):
        verify_proof(tmp_path)


# -- anchor proofs ----------------------------------------------------------------------------------------------------


def test_a_batch_record_has_a_proof_file_too(local: LocalBlockchainClient, tmp_path: Path) -> None:
    records = local.batch_store_hashes([(bytes([n]) * 32, {"n": n}) for n in range(1, 8)])
    path = build_anchor_proof(records[3], local).save(tmp_path / "record.novaproof.json")
    offline = verify_proof(path)
    assert offline.ok
    assert offline.check("batch inclusion").status == "passed"
    assert offline.check("anchor on chain").status == "not_checked"
    online = verify_proof(path, client=local)
    assert online.ok
    assert online.check("anchor on chain").status == "passed"


@pytest.mark.parametrize(
    ("path", "value", "check"),
    [
        ("record.hash", OTHER, "record"),
        ("record.metadata", {"n": 5}, "batch inclusion"),
        ("record.batch.root", OTHER, "batch inclusion"),
        ("record.batch.proof", [], "batch inclusion"),
        ("record.batch.leafEncoding", ["bytes32"], "batch inclusion"),
        ("record.submitter", "eve", "record"),
        ("record.id", "nonsense", "record"),
        ("record.status", "pending", "record"),
        ("record.blockNumber", 9, "record"),
        ("chain.contract", "local:other", "record"),
        ("record.blockNumber", "9", "format"),
        ("record.batch.size", 1.5, "format"),
        ("record.metadata", 5, "format"),
        ("record.status", "done", "format"),
        ("chain.client", "web3", "format"),
        ("record", [], "format"),
    ],
)
def test_a_damaged_anchor_proof_fails_its_check(
    local: LocalBlockchainClient, path: str, value: Any, check: str
) -> None:
    records = local.batch_store_hashes([(bytes([n]) * 32, {"n": n}) for n in range(1, 8)])
    document = json.loads(build_anchor_proof(records[3]).to_bytes())
    assert check in failed(verify_proof(alter(document, path, value)))


def test_a_single_record_is_proven_by_its_id(local: LocalBlockchainClient) -> None:
    record = local.store_hash("cd" * 32, {"a": 1})
    proof = proof_of_record(local, record.id)
    assert verify_proof(proof, client=local).ok
    assert verify_proof(proof).check("batch inclusion").status == "passed"


def test_a_store_that_does_not_hold_the_record_fails(local: LocalBlockchainClient, tmp_path: Path) -> None:
    proof = proof_of_record(local, local.store_hash("cd" * 32).id)
    with LocalBlockchainClient(tmp_path / "other.sqlite") as other:
        assert failed(verify_proof(proof, client=other)) == {"expected", "contract"}
    document = json.loads(proof.to_bytes())
    for part in ("record.blockNumber", "chain.block_number"):
        document = alter(document, part, 77)
    report = verify_proof(document, client=local)
    assert failed(report) == {"anchor on chain"}
    assert not report.attested
