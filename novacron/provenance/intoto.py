"""Proofs as in-toto v1 statements, so that supply-chain tools can carry, sign and search them.

The statement's subjects are the files of the checkpoint (or data set) with their SHA-256 digests; an entry that holds
only a digest has one subject with that digest. The predicate type

    https://novacron.dev/attestation/training-checkpoint/v1

is an identifier, not an address to fetch. Its predicate has these fields:

    entry        the log entry: type, sequence, time, step, epoch, metrics, checkpoint, data set
    run          the run's manifest: model, configuration, data, code
    log          size and root of the log's head, index and leaf hash of the entry, inclusion proof, the entry's bytes
                 in base64
    anchored     the newest anchored head, with its inclusion and consistency proofs; null when there is none
    chain        chain id, contract, run id, owner, transaction and block of that head; null when there is none

Digests are 64 hexadecimal digits. The whole novacron-proof-v1 document follows from statement and files.
See https://github.com/in-toto/attestation/tree/main/spec/v1 for statement and resource descriptor.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.exceptions import InputError, ProofInvalidError
from novacron.provenance.entries import Artifact, LogEntry
from novacron.provenance.proof import AnchorProof, Proof, RunProof
from novacron.provenance.verify import verify_proof

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
CHECKPOINT_PREDICATE = "https://novacron.dev/attestation/training-checkpoint/v1"
ANCHOR_PREDICATE = "https://novacron.dev/attestation/anchored-digest/v1"


def to_statement(proof: Proof) -> dict[str, Any]:
    """The in-toto v1 statement of a proof, ready for JSON. Nothing is stated that the proof alone does not show: it is
    verified offline first. Whether the chain holds it is for `verify.verify_proof` to say.

    An anchor proof gives a statement of type `https://novacron.dev/attestation/anchored-digest/v1` about its digest.

    Raises:
        InputError: the entry speaks of no files, so there is nothing to make a statement about.
        ProofInvalidError: a check of the proof fails.
    """
    report = verify_proof(proof)
    if not report.ok:
        failure = report.failures[0]
        raise ProofInvalidError(f"the proof is invalid, no statement is made of it: {failure.name}: {failure.detail}")
    if isinstance(proof, RunProof):
        subject, predicate_type, predicate = _subjects(proof), CHECKPOINT_PREDICATE, _predicate(proof)
    elif isinstance(proof, AnchorProof):
        subject = [{"name": proof.record.id, "digest": {"sha256": proof.record.hash}}]
        predicate_type = ANCHOR_PREDICATE
        predicate = {"record": proof.record.to_dict(), "chain": proof.chain.to_dict()}
    else:
        raise InputError(f"no statement is defined for {type(proof).__name__}")
    return {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": predicate_type, "predicate": predicate}


def export_statement(proof: Proof, path: Path | str) -> Path:
    """Write the statement as JSON; the file appears complete or not at all. Raises as `to_statement`; StoreError."""
    text = json.dumps(to_statement(proof), indent=1, ensure_ascii=False)
    write_atomically(Path(path), text.encode() + b"\n")
    return Path(path)


def _subjects(proof: RunProof) -> list[dict[str, Any]]:
    entry, manifest = LogEntry.from_bytes(proof.entry), proof.manifest
    artifact = entry.checkpoint or entry.dataset
    if artifact is None:
        raise InputError(f"entry {proof.index} ({entry.type}) speaks of no files: export the proof of a checkpoint")
    if artifact.manifest is None:
        return [{"name": f"{entry.type}-{proof.index}", "digest": {"sha256": artifact.digest.hex()}}]
    if manifest is None or Artifact.of(manifest) != artifact:
        raise ProofInvalidError(f"the proof of entry {proof.index} lacks the manifest that the entry names")
    return [
        {
            "name": manifest.name if file.path == "." else f"{manifest.name}/{file.path}",
            "digest": {file.algorithm: file.digest.hex()},
        }
        for file in manifest.files
    ]


def _predicate(proof: RunProof) -> dict[str, Any]:
    entry = {name: value for name, value in proof.decoded.items() if name not in ("format", "run")}
    return {
        "entry": entry,
        "run": dict(proof.run_manifest),
        "log": {
            "size": proof.size,
            "root": proof.root.hex(),
            "index": proof.index,
            "leaf": proof.leaf.hex(),
            "inclusion": [node.hex() for node in proof.inclusion],
            "entry": base64.b64encode(proof.entry).decode(),
        },
        "anchored": None if proof.anchored is None else proof.anchored.to_dict(),
        "chain": None if proof.chain is None else proof.chain.to_dict(),
    }
