"""Fetching a model: resolve, judge, download, hash, judge again, and only then is it there.

Nothing appears at the target before the chain's word, the policy and the hash of every file agree; whatever stops this
on the way leaves nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from novacron.exceptions import InputError, ModelMismatchError
from novacron.models.decision import Decision, decide
from novacron.models.onchain import hexed
from novacron.models.package import Package
from novacron.models.policy import Policy
from novacron.models.references import Reference
from novacron.models.registration import manifest_digest
from novacron.models.registry import ModelRegistry
from novacron.models.stores import ObjectStore
from novacron.provenance.manifest import Manifest, ProgressCallback, build_manifest
from novacron.quantum.keys import EncryptionKey


@dataclass(frozen=True)
class Fetched:
    """A model that is there now.

    Attributes:
        target: its file or folder.
        manifest: of what was written, hashed from the disk.
        names_bound: whether the chain vouches for the files' names, too, and not only for their contents.
    """

    decision: Decision
    target: Path
    manifest: Manifest
    names_bound: bool


def fetch(
    registry: ModelRegistry,
    reference: Reference,
    *,
    store: ObjectStore,
    key: EncryptionKey,
    target: Path,
    policy: Policy,
    confirmations: int = 1,
    time: int | None = None,
    allow_pickle: bool = False,
    progress: ProgressCallback | None = None,
    on_decision: Callable[[Decision], None] | None = None,
) -> Fetched:
    """Fetch the model that a reference names.

    Args:
        store: where its package is.
        key: of one of its recipients.
        target: file or folder to be made; must not be there.
        confirmations, time: as `decide`.
        allow_pickle: also write files that would run code when they are loaded as pickles.
        progress: called with (bytes done, bytes in all).
        on_decision: told the decision before anything is downloaded.

    Raises:
        ModelRefusedError: the policy, before the download or after it; names each objection.
        PackageMismatchError, ModelMismatchError: the package, or what was written of it, does not hash.
        InputError: the target is there.
        NotARecipientError, UnknownPackageError, PickleRefusedError and others, as `Package`; ChainError, as `decide`.
    """
    _require_free(target)
    decision = decide(registry, reference, policy, confirmations=confirmations, time=time)
    if on_decision is not None:
        on_decision(decision)
    decision.require_passed()
    digest, names = decision.model_hash, decision.manifest_digest
    manifests: list[Manifest] = []

    def approve(draft: Path) -> None:
        manifest = build_manifest(draft, ignore_git=False)
        if manifest.root != digest or names not in (None, manifest_digest(manifest)):
            raise ModelMismatchError(
                f"what was written is not {hexed(digest)} with its files' names: the disk or the package is damaged; "
                "nothing was kept"
            )
        # It was downloaded for a while: what was revoked in that time is not handed out either.
        decide(registry, Reference(model_hash=digest), policy, confirmations=confirmations).require_passed()
        manifests.append(manifest)

    Package.load(store, digest).fetch(
        store, key, target, allow_pickle=allow_pickle, manifest_digest=names, approve=approve, progress=progress
    )
    return Fetched(decision, target, manifests[0], names is not None)


def _require_free(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise InputError(f"{target} is there already: name another target, or remove it")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is no folder: make it first")
