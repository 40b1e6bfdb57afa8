"""Files on this machine against the chain: are they the model that they are said to be, and may it be used?"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from novacron.exceptions import ModelError, RevertedError
from novacron.market.advice import moment
from novacron.models.decision import Decision, decide
from novacron.models.lineage import certificate_text, run_text, signature_text
from novacron.models.onchain import hexed
from novacron.models.policy import Policy
from novacron.models.references import Reference
from novacron.models.registration import manifest_digest
from novacron.models.registry import ModelRegistry
from novacron.provenance.hash_cache import HashCache
from novacron.provenance.manifest import Manifest, ProgressCallback, build_manifest
from novacron.provenance.report import CheckList, VerificationReport

#: What each check is called, and the codes of the objections that it is about.
_REGISTERED = ("provisional", "unknown")
_CERTIFICATE = ("not-certified", "certificate-expired", "certifier")
_SIGNATURE = ("unsigned", "verification-void", "root")
_NAMED = frozenset(
    (*_REGISTERED, *_CERTIFICATE, *_SIGNATURE, "revoked", "ancestor-revoked", "run", "names", "stage", "owner", "stale")
)


def verify_model(
    registry: ModelRegistry,
    path: Path,
    reference: Reference | None,
    policy: Policy,
    *,
    confirmations: int = 1,
    cache: HashCache | None = None,
    progress: ProgressCallback | None = None,
) -> VerificationReport:
    """Hash a file or folder and check it against the chain, one check for each thing that can be wrong.

    Args:
        reference: what it is said to be; None looks its digest up.

    Returns:
        The report; `attested` when the registry knows the model and nothing failed.

    Raises:
        ManifestError, SymlinkError and others: it cannot be hashed, as `build_manifest`.
        ChainUnavailableError and others: the chain cannot be asked.
    """
    manifest = build_manifest(path, cache=cache, progress=progress)
    checks = CheckList(subject={"path": str(path), "model": "0x" + manifest.root.hex()})
    checks.passed("files", f"{len(manifest.files)} files of {manifest.size:,} bytes hash to 0x{manifest.root.hex()}")
    if reference is not None and not _is_said(checks, registry, manifest, reference, confirmations):
        return checks.report()
    try:
        decision = decide(registry, Reference(model_hash=manifest.root), policy, confirmations=confirmations)
    except RevertedError as error:
        if error.name != "ModelRegistry_UnknownModel":
            raise
        checks.failed("registered", f"no model {hexed(manifest.root)} is registered: other files, or never registered")
        return checks.report()
    _judge(checks, decision, manifest, policy)
    checks.attested = True
    return checks.report()


def _is_said(
    checks: CheckList, registry: ModelRegistry, manifest: Manifest, reference: Reference, confirmations: int
) -> bool:
    """Whether the files are the model that they are said to be."""
    try:
        expected = registry.view(confirmations).resolve(reference)
    except (ModelError, RevertedError) as error:
        checks.failed("identity", str(error))
        return False
    checks.subject["reference"] = str(reference)
    return checks.decide(
        "identity",
        expected == manifest.root,
        f"{reference} is {hexed(expected)}",
        f"{reference} is {hexed(expected)}, and these files are {hexed(manifest.root)}: other contents",
    )


def _judge(checks: CheckList, decision: Decision, manifest: Manifest, policy: Policy) -> None:
    root, now = decision.graph.root, decision.graph.pin.time
    model, lineage = root.state.model, root.state.lineage

    def about(name: str, codes: Collection[str], passed: str, *, asked: bool = True) -> None:
        found = [one.text for one in decision.objections if one.code in codes]
        if found:
            checks.failed(name, "; ".join(found))
        elif asked:
            checks.passed(name, passed)
        else:
            checks.skipped(name, passed)

    about("registered", _REGISTERED, f"by {model.owner} as version {model.version}, {moment(model.registered_at)}")
    about("not revoked", ("revoked",), "its owner and the certifiers stand by it")
    count = len(decision.graph.ancestors)
    about("ancestors", ("ancestor-revoked",), f"none of its {count} ancestors is revoked" if count else "it has none")
    about("certificate", _CERTIFICATE, certificate_text(root, now), asked=policy.certified or bool(policy.certifiers))
    signed = any(lineage.verification_key)
    about("signature", _SIGNATURE, signature_text(root) if signed else "it names none", asked=signed)
    sealed = any(lineage.run)
    about(
        "training run", ("run",), run_text(root) if sealed else "it names none", asked=sealed and root.run is not None
    )
    _names(checks, decision, manifest)
    if policy.stages:
        about("stage", ("stage",), model.stage.word)
    if policy.owners:
        about("owner", ("owner",), model.owner)
    about("fresh", ("stale",), f"the newest block is of {moment(decision.head.time)}", asked=policy.max_age is not None)
    for one in decision.objections:
        if one.code not in _NAMED:
            checks.failed(one.code, one.text)


def _names(checks: CheckList, decision: Decision, manifest: Manifest) -> None:
    """The digest of a model covers contents and their order; the names are in its metadata, where it has them."""
    found, here = decision.manifest_digest, manifest_digest(manifest)
    if found is not None:
        good, bad = "the files are called what they were", "the contents are the model's, but files were renamed"
        checks.decide("file names", found == here, good, bad)
    elif any(one.code == "names" for one in decision.objections):
        checks.failed("file names", "its metadata does not bind them; the policy wants it")
    else:
        checks.skipped("file names", "its metadata does not bind them, only their contents")
