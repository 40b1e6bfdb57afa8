"""Recording a training run: each checkpoint and validation becomes an entry of an append-only log, anchored on chain.

A plain training loop needs ten lines:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from novacron.provenance.clients.local import LocalBlockchainClient
    >>> from novacron.provenance.recorder import ProvenanceRecorder
    >>> folder = Path(tempfile.mkdtemp())
    >>> client = LocalBlockchainClient(folder / "chain.sqlite")
    >>> with ProvenanceRecorder(folder / "run", client, model="demo", config={"lr": 0.1}, anchor_every=2) as run:
    ...     for epoch in range(1, 5):
    ...         checkpoint = folder / f"epoch-{epoch}.bin"
    ...         _ = checkpoint.write_bytes(bytes([epoch]) * 64)  # train, then save the weights
    ...         _ = run.record_training_checkpoint(checkpoint, epoch=epoch, metrics={"loss": 1 / epoch})
    ...     sealed = run.seal(checkpoint)
    ...     proof = run.generate_proof(sealed)
    ...     report = run.verify_proof(proof, artifact_path=checkpoint)
    >>> sealed.status, report.ok
    ('anchored', True)
    >>> client.close()
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from novacron.exceptions import ConfigurationError, InputError, NovaCronError, SealedRunError, StoreError
from novacron.provenance.anchoring import WAITING, AnchorResult, RunAnchor, RunBinding, is_sealed, seal_entry
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.entries import Artifact, LogEntry, encode_metrics, rfc3339
from novacron.provenance.hash_cache import HashCache
from novacron.provenance.policies import AnchorPolicy, EveryNSteps
from novacron.provenance.policy_tracker import PolicyTracker
from novacron.provenance.rfc9162 import leaf_hash
from novacron.provenance.run_identity import ArtifactSource, RunIdentity, create_run, hash_artifact, refuse_other_run
from novacron.provenance.rundir import RunDirectory

if TYPE_CHECKING:
    from novacron.provenance.proof import Proof, RunProof
    from novacron.provenance.verify import VerificationReport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordResult:
    """One recorded entry.

    `status`: "recorded" when the policy asked for no anchor, "anchored" when the chain's head covers the entry,
    "pending" when an anchor was due but could not be made: the entry is safe in the log, and the next anchor or
    `reconcile()` catches up. `anchor` says more (`anchor.reason`), None for "recorded".
    """

    index: int
    leaf_hash: bytes
    entry: LogEntry
    status: Literal["recorded", "anchored", "pending"]
    anchor: AnchorResult | None = None


@dataclass(frozen=True)
class RunStatus:
    """What a run directory holds and what of it is on chain, as far as known without asking the chain.

    `due` is the log size that the policy wanted anchored last; `pending` is true while `anchored_size` is less, or
    while a sealed run is not sealed on chain.
    """

    path: Path
    model: str
    size: int
    root: bytes
    sealed: bool
    sealed_on_chain: bool
    due: int
    anchored_size: int
    pending: bool
    chain: RunBinding | None


class ProvenanceRecorder:
    """Records one training run in `run_dir` and keeps its head on chain. Safe with several recorders on one directory.

    Reopening an existing directory continues the run, also after a crash: what was logged but not anchored is anchored
    then. A chain that cannot be used never stops the training, whatever is wrong with it; see `RecordResult.status`.
    What records an entry either raises an error of this package, and nothing was logged, or returns.
    """

    def __init__(
        self,
        run_dir: Path | str,
        client: BlockchainClient | None = None,
        *,
        model: str | None = None,
        config: Mapping[str, Any] | None = None,
        data: ArtifactSource | None = None,
        code_version: str | None = None,
        policy: AnchorPolicy | None = None,
        anchor_every: int | None = None,
        clock: Callable[[], datetime] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Start a run, or continue the one in `run_dir`.

        Args:
            run_dir: folder of the run, created when absent.
            client: where heads are anchored; None records without anchoring. The caller closes it.
            model: name of what is trained; required for a new run.
            config: hyperparameters and whatever else belongs to the run; JSON values.
            data: the training data: path, digest or manifest.
            code_version: for example a git commit.
            policy: when heads are anchored; default: at the seal, and when `anchor()` is called.
            anchor_every: short for `policy=EveryNSteps(n)`.
            clock: time of the entries (an aware datetime), for tests.
            progress: called with (bytes done, bytes in all) while files are hashed.

        Raises:
            ConfigurationError: no model for a new run; both or contradicting policies; a directory that belongs to
                another run, or to a run anchored on another chain.
            InputError: `config` has no canonical JSON form.
            ManifestError: `data` cannot be hashed.
            CorruptStoreError, RunConflictError: the directory is damaged, or an old copy.
        """
        if policy is not None and anchor_every is not None:
            raise ConfigurationError("give either policy or anchor_every, not both")
        if anchor_every is not None:
            policy = EveryNSteps(anchor_every)
        asked = RunIdentity(model, config, data, code_version, policy, progress)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._progress = progress
        self._store = RunDirectory(run_dir)
        self._hashes: HashCache | None = None
        try:
            if self._store.exists:
                self._store.open()
                refuse_other_run(self._store, asked)
            else:
                create_run(self._store, asked, self._now())
            self._policy = PolicyTracker(self._store)
            self._append_opening()
            self._anchor = RunAnchor(self._store, client)
            self.last_anchor = self._catch_up()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        run_dir: Path | str,
        client: BlockchainClient | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Continue the run in `run_dir`. Raises UnknownRecordError when there is none; else as the constructor."""
        if not RunDirectory(run_dir).exists:
            RunDirectory(run_dir).open()  # raises with the reason
        return cls(run_dir, client, progress=progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ProvenanceRecorder({str(self._store.path)!r})"

    def close(self) -> None:
        """Close the run's files. The run is not sealed, the client not closed."""
        self._store.close()
        if self._hashes is not None:
            self._hashes.close()

    # -- recording ----------------------------------------------------------------------------------------------------

    def record_training_checkpoint(
        self,
        checkpoint: ArtifactSource,
        *,
        step: int | None = None,
        epoch: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> RecordResult:
        """Log a checkpoint: a file or folder (hashed now), or its digest.

        `metrics` are real numbers, NaN and infinities included (see `entries`); `details` any JSON values.

        Raises:
            SealedRunError: the run is sealed, here or on chain.
            RunConflictError, ConfigurationError: the chain holds another history, or the client may not open the run.
            InputError: a metric, step or epoch that cannot be recorded.
            ManifestError: the checkpoint cannot be hashed: missing, a symbolic link, unreadable, changing meanwhile.
            StoreFullError, StoreBusyError, CorruptStoreError: the run directory cannot be read or written.
            In every case nothing was recorded, and the call can be repeated.
        """
        self._refuse_sealed()
        encoded = encode_metrics(metrics)
        artifact = self._artifact(checkpoint)
        return self._record("checkpoint", step, epoch, encoded, checkpoint=artifact, details=details)

    def record_validation(
        self,
        metrics: Mapping[str, Any],
        *,
        dataset: ArtifactSource | None = None,
        step: int | None = None,
        epoch: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> RecordResult:
        """Log the result of a validation on `dataset` (path, digest or manifest). Raises as a checkpoint does."""
        self._refuse_sealed()
        encoded = encode_metrics(metrics)
        if not encoded:
            raise InputError("a validation records at least one metric")
        artifact = None if dataset is None else self._artifact(dataset)
        return self._record("validation", step, epoch, encoded, dataset=artifact, details=details)

    def seal(self, model: ArtifactSource | None = None, *, metrics: Mapping[str, Any] | None = None) -> RecordResult:
        """End the run with the model it produced (default: the last checkpoint), anchor it and seal it on chain.

        Calling it again with the same model only completes what is pending.

        Raises:
            SealedRunError: sealed with another model, or on chain before the log's end.
            InputError: there is no checkpoint and no model is given, or its digest is zero.
            otherwise as `record_training_checkpoint`.
        """
        encoded = encode_metrics(metrics)
        artifact = self._last_checkpoint() if model is None else self._artifact(model)
        if not any(artifact.digest):
            raise InputError("a run cannot be sealed with an all-zero model digest: on chain, zero means not sealed")
        seal = seal_entry(self._store)
        if seal is None:
            self._refuse_sealed()
            down = self._anchor_probe()
            seal = self._append("seal", None, None, encoded, checkpoint=artifact)
            return self._result(seal, down or self._anchor_logged())
        if seal.checkpoint is None or seal.checkpoint.digest != artifact.digest:
            digest = seal.checkpoint.digest.hex() if seal.checkpoint else "?"
            raise SealedRunError(f"{self._store.path} is sealed with model {digest}, not {artifact.digest.hex()}")
        return self._result(seal, self.anchor())

    def _record(
        self, kind: str, step: int | None, epoch: int | None, metrics: dict[str, Any], **parts: Any
    ) -> RecordResult:
        down = self._anchor_probe() if self._policy.would_be_due(step, epoch, metrics) else None
        entry = self._append(kind, step, epoch, metrics, **parts)
        due = self._policy.due_seen > entry.sequence
        return self._result(entry, (down or self._anchor_logged()) if due else None)

    def _append(
        self, kind: str, step: int | None, epoch: int | None, metrics: dict[str, Any], **parts: Any
    ) -> LogEntry:
        with self._store.lock():
            self._refuse_sealed()
            entry = LogEntry(
                type=kind,
                run=self._store.manifest_digest,
                sequence=self._store.log.size,
                time=self._now(),
                step=step,
                epoch=epoch,
                metrics=metrics,
                **parts,
            )
            self._store.log.append(entry.to_bytes())
            try:
                self._policy.update()
            except StoreError as error:  # the entry is recorded; the next update or opening derives this again
                log.warning("the anchor policy's state of %s could not be kept: %s", self._store.path, error)
        return entry

    def _result(self, entry: LogEntry, anchor: AnchorResult | None) -> RecordResult:
        status: Literal["recorded", "anchored", "pending"] = "recorded"
        if anchor is not None and anchor.status != "unconfigured":
            status = anchor.status
        return RecordResult(entry.sequence, leaf_hash(entry.to_bytes()), entry, status, anchor)

    # -- anchoring ----------------------------------------------------------------------------------------------------

    def anchor(self) -> AnchorResult:
        """Bring the chain's head up to the log's end now, whatever the policy says.

        Returns:
            What is on chain; `pending` with the reason when the chain cannot be used now.

        Raises:
            SealedRunError, RunConflictError, ProofInvalidError, ConfigurationError: the log cannot be anchored here
                (see `anchoring.RunAnchor.advance`).
        """
        self.last_anchor = self._anchor.advance()
        return self.last_anchor

    def reconcile(self) -> AnchorResult:
        """Complete whatever is pending: the opening, the head, the seal. Safe to call at any time and repeatedly."""
        return self.anchor()

    def status(self) -> RunStatus:
        """The run's state, from the directory alone."""
        head, newest, due = self._store.log.head(), self._anchor.newest(), self._policy.due
        anchored = newest.size if newest else 0
        sealed = seal_entry(self._store) is not None
        on_chain = self._store.get("sealed_on_chain") is not None
        return RunStatus(
            path=self._store.path,
            model=self._store.manifest["model"],
            size=head.size,
            root=head.root,
            sealed=sealed or on_chain,
            sealed_on_chain=on_chain,
            due=due,
            anchored_size=anchored,
            pending=self._anchor.binding is not None and (anchored < due or (sealed and not on_chain)),
            chain=self._anchor.binding,
        )

    def _catch_up(self) -> AnchorResult:
        """At opening: open the run on chain, and anchor what a crash or an outage left behind."""
        with self._store.lock():
            self._policy.update()
        try:
            return self._anchor.advance(self._policy.due)
        except SealedRunError as error:  # entries are refused from now on; proofs of what is there still work
            return self._anchor.known("pending", str(error))

    def _anchor_logged(self) -> AnchorResult:
        """Anchor what was just logged. It is recorded whatever happens here, so no error of ours comes out."""
        try:
            return self.anchor()
        except NovaCronError as error:  # the next record, anchor or opening raises it, before anything is logged
            status: Literal["pending", "unconfigured"] = "unconfigured" if self._anchor.client is None else "pending"
            self.last_anchor = replace(self.last_anchor, status=status, reason=str(error))
            return self.last_anchor

    def _anchor_probe(self) -> AnchorResult | None:
        """Ask the chain before appending what would be anchored: a run sealed or forked elsewhere takes no entry then.

        Returns what to report when the chain cannot be used, so that one record waits for one time-out, not several.
        """
        try:
            self._anchor.probe()
        except WAITING as error:
            self.last_anchor = self._anchor.known("pending", str(error))
            return self.last_anchor
        self._refuse_sealed()
        return None

    # -- proofs -------------------------------------------------------------------------------------------------------

    def entries(self) -> list[LogEntry]:
        """All entries, oldest first. Raises CorruptStoreError."""
        return list(self._store.entries())

    def generate_proof(self, entry: int | RecordResult = -1) -> RunProof:
        """The proof of one entry (an index, negative from the end, or a result), in one file: `proof.save(path)`.

        Raises:
            InputError: no such entry.
            CorruptStoreError: the run directory is damaged.
        """
        from novacron.provenance.proof_build import build_proof

        index = entry.index if isinstance(entry, RecordResult) else entry
        return build_proof(self._store, self._anchor, index, self._now())

    def verify_proof(
        self, proof: Proof | Path | str | bytes | Mapping[str, Any], *, artifact_path: Path | str | None = None
    ) -> VerificationReport:
        """Check a proof against this recorder's client; see `verify.verify_proof`."""
        from novacron.provenance.verify import verify_proof

        return verify_proof(proof, client=self._anchor.client, artifact_path=artifact_path)

    # -- small helpers -------------------------------------------------------------------------------------------------

    def _now(self) -> str:
        return rfc3339(self._clock())

    def _append_opening(self) -> None:
        with self._store.lock():
            if self._store.log.size == 0:
                manifest = self._store.manifest
                opening = LogEntry("open", self._store.manifest_digest, 0, manifest["created"], details=manifest)
                self._store.log.append(opening.to_bytes())

    def _refuse_sealed(self) -> None:
        if is_sealed(self._store):
            raise SealedRunError(f"{self._store.path} is sealed: start another run")

    def _last_checkpoint(self) -> Artifact:
        for index in range(self._store.log.size - 1, -1, -1):
            entry = self._store.entry(index)
            if entry.checkpoint is not None:
                return entry.checkpoint
        raise InputError(f"{self._store.path} has no checkpoint to seal: record one, or name the model")

    def _artifact(self, source: ArtifactSource) -> Artifact:
        artifact, manifest = hash_artifact(source, self._cache(), self._progress)
        if manifest is not None:
            self._store.store_manifest(manifest)
        return artifact

    def _cache(self) -> HashCache:
        if self._hashes is None:
            self._hashes = HashCache(self._store.path / "hashes.sqlite")
        return self._hashes
