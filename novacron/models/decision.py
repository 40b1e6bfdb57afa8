"""May this model be used? What the chain says of it at a confirmed block, and at the newest, against a policy."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import Any

from novacron.exceptions import ModelError, RevertedError
from novacron.models.lineage import LineageGraph, lineage_of
from novacron.models.onchain import hexed
from novacron.models.policy import Objection, Policy, require_passed
from novacron.models.references import Reference
from novacron.models.registration import manifest_digest_of
from novacron.models.registry import ModelRegistry
from novacron.models.snapshot import Pin, RegistryView, pin_blocks, require_canonical


@dataclass(frozen=True)
class Decision:
    """What a policy makes of a model.

    Attributes:
        reference: as the model was named.
        graph: the model and its ancestors at the confirmed block.
        head: the newest block, at which it was looked at, too.
        metadata: its text; None where it cannot be read.
        objections: why it must not be used; empty if it may.
    """

    reference: Reference
    graph: LineageGraph
    head: Pin
    metadata: str | None
    objections: tuple[Objection, ...]

    @property
    def model_hash(self) -> bytes:
        """Digest of the model, 32 bytes."""
        return self.graph.root.model_hash

    @property
    def manifest_digest(self) -> bytes | None:
        """Digest that binds the names of its files; None where its metadata has none."""
        return manifest_digest_of(self.metadata)

    @property
    def passed(self) -> bool:
        """Whether the model may be used."""
        return not self.objections

    def require_passed(self) -> None:
        """Raise ModelRefusedError that names every objection, if there is any."""
        require_passed(str(self.reference), list(self.objections))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "reference": str(self.reference),
            "model": hexed(self.model_hash),
            "version": self.graph.root.state.model.version,
            "passed": self.passed,
            "verdict": self.graph.root.state.verdict.word,
            "block": self.graph.pin.to_dict(),
            "newest_block": self.head.to_dict(),
            "manifest": None if self.manifest_digest is None else "0x" + self.manifest_digest.hex(),
            "objections": [one.to_dict() for one in self.objections],
        }


def decide(
    registry: ModelRegistry,
    reference: Reference,
    policy: Policy,
    *,
    confirmations: int = 1,
    time: int | None = None,
    now: float | None = None,
) -> Decision:
    """Look a model up and judge it.

    What speaks for a model counts once it has its confirmations; what speaks against it counts as soon as it is seen.
    So aliases are those of the confirmed block, and the model must pass there and at the newest block.

    Args:
        confirmations: of the block that is believed, itself included.
        time: Unix seconds: what an alias meant then. The model is judged by what holds now.
        now: this machine's clock, Unix seconds; None asks it.

    Raises:
        RevertedError, ModelError: no such name, version, alias or model; with advice.
        ReorgError: the block was reorganised away meanwhile.
        ChainUnavailableError and others: no answer is no permission.
    """
    pool, here = registry.deployment.pool, clock.time() if now is None else now
    pin, head = pin_blocks(pool, confirmations)
    view, newest = RegistryView(registry.deployment, pin), RegistryView(registry.deployment, head)
    model_hash = view.resolve(reference, time)
    try:
        graph = lineage_of(view, model_hash)
    except RevertedError as error:
        if error.name != "ModelRegistry_UnknownModel" or pin == head or newest.find(model_hash) is None:
            raise
        raise ModelError(
            f"{hexed(model_hash)} was registered in one of the newest {confirmations - 1} blocks, which are not "
            "confirmed yet: try again in a moment"
        ) from None
    found = [*policy.freshness(head, here), *policy.objections(graph, here)]
    if pin != head:
        found += policy.objections(lineage_of(newest, model_hash), here)
    metadata = view.metadata(graph.root.state)
    if policy.names and manifest_digest_of(metadata) is None:
        text = f"{hexed(model_hash)} has no metadata that binds its files' names; the policy wants it"
        found.append(Objection("names", text, model_hash))
    require_canonical(pool, pin)
    objections = {(one.code, one.culprit): one for one in reversed(found)}
    return Decision(reference, graph, head, metadata, tuple(reversed(objections.values())))
