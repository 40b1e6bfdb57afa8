"""Verifying proof files: offline, against the files they speak of, and against a chain.

Every check has a name and ends passed, failed or not checked with the reason; nothing about a proof, however damaged,
raises. The names, in order, of a run proof:

    format, entry, leaf, inclusion, run manifest, checkpoint manifest, anchored head, anchored entry, run id, artifact,
    chain id, contract, run on chain, transaction, block, trusted contract, entry on chain, seal

and of an anchor proof: format, record, batch inclusion, artifact, chain id, contract, anchor on chain, transaction,
block, metadata, trusted contract. After "artifact" comes "expected" wherever something is expected.

A proof names its own contract, chain and owner. Whether these are the right ones only the verifier can say, by an
`Expectation` or by a client; "trusted contract" says what the verification relies on.

The sizes of heads are claims as long as no chain confirms them: several sizes can share the shape of a proof, and
RFC 9162 leaves it to the signed head, here the chain's, to bind size to root.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import is_address

from novacron.exceptions import InputError, NovaCronError, ProofError, ProofFormatError
from novacron.provenance.chain_view import Rpc
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.local import local_run_id
from novacron.provenance.clients.model import RecordId
from novacron.provenance.digest import canonical_json, sha256
from novacron.provenance.entries import Artifact, LogEntry, manifest_digest
from novacron.provenance.expectation import Expectation
from novacron.provenance.files import GIT_PATHS
from novacron.provenance.keccak import keccak256
from novacron.provenance.manifest import Manifest, build_manifest, verify_manifest
from novacron.provenance.proof import AnchorProof, ChainReceipt, Proof, RunProof, read_proof_file
from novacron.provenance.report import Check, CheckList, VerificationReport
from novacron.provenance.rfc9162 import leaf_hash, verify_consistency, verify_inclusion
from novacron.provenance.verify_chain import check_anchor_on_chain, check_run_on_chain

__all__ = ["Check", "Expectation", "VerificationReport", "verify_proof"]

_MAX_LINES = 10


def verify_proof(
    proof: Proof | Path | str | bytes | Mapping[str, Any],
    *,
    client: BlockchainClient | None = None,
    pool: Rpc | None = None,
    artifact_path: Path | str | None = None,
    expect: Expectation | None = None,
) -> VerificationReport:
    """Check a proof: an object, a file (Path or str), its contents (bytes) or its document.

    Args:
        client: the client the proof was made with, or one for the same chain.
        pool: RPC endpoints (`EndpointPool`); enough by itself for a proof of an EVM chain.
        artifact_path: the checkpoint's file or folder; it is hashed again.
        expect: contract, chain id, owner and run that the proof must be of. Contract and chain id that are not given
            are those of `client`.

    Raises:
        StoreError: the proof file cannot be read.
    """
    checks = CheckList()
    try:
        parsed = _parse(proof)
    except ProofFormatError as error:
        checks.failed("format", str(error))
        return checks.report()
    checks.passed("format", f"{parsed.KIND} proof made by {parsed.generator} at {parsed.created}")
    wanted = (expect or Expectation()).with_client(client)
    if isinstance(parsed, RunProof):
        checks.subject = _subject(parsed.chain)
        _check_run(checks, parsed)
        manifest = parsed.manifest if checks.has_passed("checkpoint manifest") else None
        _check_artifact(checks, _artifact_of(parsed), manifest, artifact_path)
        _check_expected(checks, parsed.chain, wanted)
        check_run_on_chain(checks, parsed, client, pool, wanted)
    elif isinstance(parsed, AnchorProof):
        checks.subject = _subject(parsed.chain)
        _check_record(checks, parsed)
        _check_artifact(checks, Artifact(parsed.record.digest), None, artifact_path)
        _check_expected(checks, parsed.chain, wanted)
        check_anchor_on_chain(checks, parsed, client, pool, wanted)
    return checks.report()


def _subject(chain: ChainReceipt | None) -> dict[str, str]:
    if chain is None:
        return {}
    subject = {"contract": chain.contract, "chain id": str(chain.chain_id), "owner": chain.owner}
    return subject if chain.run is None else {**subject, "run": f"0x{chain.run.hex()}"}


def _check_expected(checks: CheckList, chain: ChainReceipt | None, wanted: Expectation) -> None:
    name = "expected"
    if not wanted:
        return
    if chain is not None:
        differences = "; ".join(wanted.mismatches(chain))
        checks.decide(
            name, not differences, f"the proof is of {wanted.named()}", f"the proof is of another run: {differences}"
        )
    elif wanted.owner is not None or wanted.run is not None:
        checks.failed(name, f"the proof names no chain, so it is not shown to be of {wanted.named()}")
    else:
        checks.skipped(name, f"the proof names no chain to compare with {wanted.named()}")


def _parse(proof: Proof | Path | str | bytes | Mapping[str, Any]) -> Proof:
    if isinstance(proof, Proof):
        return proof
    if isinstance(proof, bytes):
        return Proof.from_bytes(proof)
    if isinstance(proof, str | Path):
        return Proof.from_bytes(read_proof_file(Path(proof)))
    return Proof.from_dict(proof)


# -- run proofs -------------------------------------------------------------------------------------------------------


def _check_run(checks: CheckList, proof: RunProof) -> None:
    _check_entry(checks, proof)
    leaf = leaf_hash(proof.entry)
    checks.decide(
        "leaf",
        leaf == proof.leaf,
        f"the entry hashes to {leaf.hex()}",
        f"the entry hashes to {leaf.hex()}, the proof says {proof.leaf.hex()}",
    )
    checks.decide(
        "inclusion",
        verify_inclusion(leaf, proof.index, proof.size, proof.inclusion, proof.root),
        f"entry {proof.index} is in the log of {proof.size} entries with root {proof.root.hex()}",
        f"the entry is not proven to be number {proof.index} of the {proof.size} entries under {proof.root.hex()}",
    )
    _check_run_manifest(checks, proof)
    _check_checkpoint_manifest(checks, proof)
    _check_anchored(checks, proof, leaf)
    _check_run_id(checks, proof)


def _check_entry(checks: CheckList, proof: RunProof) -> None:
    try:
        entry = LogEntry.from_bytes(proof.entry)
        if canonical_json(dict(proof.decoded)) != proof.entry:
            checks.failed("entry", "the readable copy of the entry differs from its bytes")
        elif entry.sequence != proof.index:
            checks.failed("entry", f"the entry says it is number {entry.sequence}, the proof says {proof.index}")
        else:
            checks.passed("entry", f"{entry.type} of {entry.time}")
    except (ProofError, InputError) as error:
        checks.failed("entry", str(error))


def _entry(proof: RunProof) -> LogEntry | None:
    try:
        return LogEntry.from_bytes(proof.entry)
    except ProofError:
        return None


def _artifact_of(proof: RunProof) -> Artifact | None:
    entry = _entry(proof)
    return None if entry is None else entry.checkpoint or entry.dataset


def _run_digest(proof: RunProof) -> bytes | None:
    try:
        return sha256(canonical_json(dict(proof.run_manifest)))
    except InputError:
        return None


def _check_run_manifest(checks: CheckList, proof: RunProof) -> None:
    entry, digest = _entry(proof), _run_digest(proof)
    if entry is None:
        checks.skipped("run manifest", "the entry cannot be read")
        return
    checks.decide(
        "run manifest",
        digest == entry.run,
        f"the entry belongs to the run of model {proof.run_manifest.get('model')!r} ({entry.run.hex()})",
        f"the entry belongs to run {entry.run.hex()}, the proof's run manifest has another digest",
    )


def _check_checkpoint_manifest(checks: CheckList, proof: RunProof) -> None:
    name, artifact = "checkpoint manifest", _artifact_of(proof)
    if artifact is None:
        if proof.manifest is None:
            checks.passed(name, "the entry speaks of no files")
        else:
            checks.failed(name, "the proof has a manifest of files, but the entry speaks of none")
    elif artifact.manifest is None:
        if proof.manifest is None:
            checks.skipped(
                name, f"the entry holds only the digest {artifact.digest.hex()}: which files it covers is unsaid"
            )
        else:
            checks.failed(
                name, f"the entry holds only the digest {artifact.digest.hex()}, the proof's manifest is not recorded"
            )
    elif proof.manifest is None:
        checks.failed(name, "the entry speaks of files, but the proof has no manifest of them")
    else:
        expected = Artifact.of(proof.manifest)
        checks.decide(
            name,
            expected == artifact and manifest_digest(proof.manifest) == artifact.manifest,
            f"{artifact.files} files, {artifact.size} bytes, root {artifact.digest.hex()}",
            f"the manifest (root {expected.digest.hex()}, name {expected.name!r}) is not the one of the entry "
            f"(root {artifact.digest.hex()}, name {artifact.name!r})",
        )


def _check_anchored(checks: CheckList, proof: RunProof, leaf: bytes) -> None:
    anchored = proof.anchored
    if anchored is None and proof.chain is not None:
        checks.failed("anchored head", "the proof names a chain, but no head that is anchored there")
        checks.skipped("anchored entry", "not reached: 'anchored head' failed")
        return
    if anchored is None:
        checks.skipped("anchored head", "the run was not anchored when the proof was made")
        checks.skipped("anchored entry", "the run was not anchored when the proof was made")
        return
    checks.decide(
        "anchored head",
        verify_consistency(anchored.size, anchored.root, proof.size, proof.root, anchored.consistency),
        f"the head of {proof.size} entries extends the anchored head of {anchored.size}",
        f"the head of {proof.size} entries is not proven to extend the anchored head of {anchored.size}",
    )
    if anchored.inclusion is None and proof.index >= anchored.size:
        checks.skipped(
            "anchored entry", f"entry {proof.index} is newer than the anchored head of {anchored.size} entries"
        )
        return
    checks.decide(
        "anchored entry",
        anchored.inclusion is not None
        and verify_inclusion(leaf, proof.index, anchored.size, anchored.inclusion, anchored.root),
        f"entry {proof.index} is in the anchored head of {anchored.size} entries",
        f"the entry is not proven to be number {proof.index} of the {anchored.size} entries anchored",
    )


def _check_run_id(checks: CheckList, proof: RunProof) -> None:
    chain, digest = proof.chain, _run_digest(proof)
    if chain is None:
        checks.skipped("run id", "the proof names no chain")
        return
    if chain.run is None or chain.salt is None or digest is None:
        checks.failed("run id", "the proof names a chain but not the run's id and salt")
        return
    if chain.client == "local":
        expected = local_run_id(chain.owner, chain.salt, digest)
    elif is_address(chain.owner):
        expected = keccak256(encode(["address", "bytes32", "bytes32"], [chain.owner, chain.salt, digest]))
    else:
        checks.failed("run id", f"the owner {chain.owner!r} is not an address")
        return
    checks.decide(
        "run id",
        expected == chain.run,
        f"run 0x{chain.run.hex()} commits to this run manifest and to its owner {chain.owner}",
        f"owner, salt and run manifest give the id 0x{expected.hex()}, the proof says 0x{chain.run.hex()}",
    )


# -- anchor proofs ----------------------------------------------------------------------------------------------------


def _check_record(checks: CheckList, proof: AnchorProof) -> None:
    record, chain = proof.record, proof.chain
    try:
        parts = RecordId.parse(record.id)
        scope = record.contract if chain.client == "local" else f"eip155:{record.chain_id}:{record.contract}"
        same = (parts.scope, parts.submitter, parts.digest) == (scope, record.submitter, record.digest) and (
            record.chain_id,
            record.contract,
            record.submitter,
            record.transaction_hash,
            record.block_number,
            record.timestamp,
        ) == (
            chain.chain_id,
            chain.contract,
            chain.owner,
            chain.transaction,
            chain.block_number,
            chain.updated_at,
        )
        same = same and (chain.run, chain.salt, chain.model) == (None, None, None)
        checks.decide(
            "record",
            same and record.status == "confirmed",
            f"{record.hash} of {record.submitter}",
            "the record's id, its parts and the chain receipt contradict each other",
        )
        if record.batch is None:
            checks.passed("batch inclusion", "anchored by itself, not in a batch")
        else:
            checks.decide(
                "batch inclusion",
                record.batch.verifies(record.digest, record.metadata),
                f"one of {record.batch.size} records under root {record.batch.root.hex()}",
                f"the record is not proven to be one of {record.batch.size} under root {record.batch.root.hex()}",
            )
    except NovaCronError as error:
        checks.failed("record", str(error))


# -- the files --------------------------------------------------------------------------------------------------------


def _check_artifact(
    checks: CheckList, artifact: Artifact | None, manifest: Manifest | None, path: Path | str | None
) -> None:
    if path is None:
        checks.skipped("artifact", "that the files are the ones recorded: no artifact path given")
        return
    if artifact is None:
        checks.failed("artifact", f"the entry speaks of no files, so {path} cannot be one of them")
        return
    try:
        if manifest is None:
            current = build_manifest(Path(path))
            digests = {current.root} | ({_file_digest(Path(path))} if Path(path).is_file() else set())
            checks.decide(
                "artifact",
                artifact.digest in digests,
                f"{path} has the digest {artifact.digest.hex()}",
                f"{path} has the digest {current.root.hex()}, recorded is {artifact.digest.hex()}",
            )
            return
        difference = verify_manifest(Path(path), manifest)
    except (NovaCronError, OSError) as error:
        checks.failed("artifact", f"{path} cannot be hashed: {error}")
        return
    ignored = _ignored(Path(path), manifest)
    if difference:
        lines = [line.replace(": . (", f": {manifest.name} (") for line in difference.lines()]
        shown = lines[:_MAX_LINES] + ([f"and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else [])
        checks.failed("artifact", f"{path} differs from what was recorded: " + "; ".join(shown + ignored))
        return
    detail = "; ".join([f"{path}: {len(manifest.files)} files, all as recorded", *ignored])
    if set(manifest.ignore_paths).difference(GIT_PATHS):
        checks.skipped("artifact", detail)  # what the maker of the proof had left out, nobody has looked at
    else:
        checks.passed("artifact", detail)


def _ignored(path: Path, manifest: Manifest) -> list[str]:
    """What the manifest leaves out: all of its own choice, and what is there of git's."""
    names = [
        name
        for name in manifest.ignore_paths
        if name not in GIT_PATHS or (path.is_dir() and os.path.lexists(path / name))
    ]
    if not names:
        return []
    more = f" and {len(names) - _MAX_LINES} more" if len(names) > _MAX_LINES else ""
    return [f"{len(names)} paths ignored by the manifest: {', '.join(names[:_MAX_LINES])}{more}"]


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
