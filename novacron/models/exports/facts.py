"""What an export is made of: the chain's word, and local documents that were compared with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.exceptions import InputError
from novacron.models.evaluation import Evaluation
from novacron.models.lineage import LineageGraph, Node
from novacron.models.onchain import Certificate, hexed
from novacron.models.snapshot import ModelState
from novacron.provenance.manifest import Manifest

#: What all names are under, of tags and of properties.
PREFIX = "novacron"


@dataclass(frozen=True)
class ModelFacts:
    """A model as the chain has it at one block, with documents that were compared with it.

    Attributes:
        graph: the model and its ancestors, see `lineage_of`.
        chain_id: EIP-155.
        registry: address of the ModelRegistry.
        manifest: of the model's files; None where they are not at hand.
        evaluation: of this model.
        metadata: as it was registered.

    Raises:
        InputError: files, evaluation or metadata of another model; an address that is none.
    """

    graph: LineageGraph
    chain_id: int
    registry: str
    _: KW_ONLY
    manifest: Manifest | None = None
    evaluation: Evaluation | None = None
    metadata: str | None = None

    def __post_init__(self) -> None:
        parse_address(self.registry)
        wanted, model = self.model_hash, self.graph.root.state.model
        if self.chain_id < 1:
            raise InputError(f"chain id {self.chain_id}: give that of EIP-155")
        if self.manifest is not None and self.manifest.root != wanted:
            raise InputError(f"the files are those of {hexed(self.manifest.root)}, not of {hexed(wanted)}")
        if self.evaluation is not None and self.evaluation.model_hash != wanted:
            raise InputError(f"the evaluation is of {hexed(self.evaluation.model_hash)}, not of {hexed(wanted)}")
        if self.metadata is not None and keccak(self.metadata.encode()) != model.metadata_digest:
            raise InputError(f"the metadata is not what was registered for {hexed(wanted)}: its digest differs")

    @property
    def model_hash(self) -> bytes:
        """Digest of the model, 32 bytes."""
        return self.graph.root.model_hash

    @property
    def members(self) -> Mapping[str, Any]:
        """The metadata as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.metadata or "")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def member(self, *names: str) -> str | None:
        """The first of these members of the metadata that is text with something in it."""
        members = self.members
        return next((one for one in map(members.get, names) if isinstance(one, str) and one.strip()), None)

    @property
    def name(self) -> str:
        """As it was published first, else as its metadata has it, else its digest."""
        published = self.graph.root.names
        return published[0][0].name if published else self.member("name") or f"0x{self.model_hash.hex()}"

    @property
    def certified(self) -> bool:
        """Whether the evaluation is the evidence of a certificate that stands at the block."""
        found = self.graph.root.state.certificate
        given = self.evaluation
        return (
            found is not None
            and given is not None
            and found.holds(self.graph.pin.time)
            and found.evidence == given.digest
        )

    def statements(self) -> Iterator[tuple[str, str]]:
        """Everything the chain says about the model itself, as pairs of a name and a text; nothing for what it has not.

        Several pairs may have one name.
        """
        root, pin = self.graph.root, self.graph.pin
        yield "chain_id", str(self.chain_id)
        yield "registry", self.registry
        yield "block.number", str(pin.number)
        yield "block.hash", pin.hash
        yield "block.time", timestamp(pin.time)
        yield from self.of_node(root)
        for reference, version in root.names:
            yield "published", f"{reference}/{version}"
        if self.evaluation is not None:
            yield "evaluation.digest", f"0x{self.evaluation.digest.hex()}"
            yield "evaluation.certified", "true" if self.certified else "false"

    def of_node(self, node: Node) -> Iterator[tuple[str, str]]:
        """What the chain says about a model of the graph."""
        state, model = node.state, node.state.model
        yield "model", f"0x{node.model_hash.hex()}"
        yield "version", model.version
        yield "owner", model.owner
        yield "registered", timestamp(model.registered_at)
        yield "stage", model.stage.word
        yield "verdict", state.verdict.word
        yield from _digest("culprit", state.culprit)
        if node.revoked:
            yield "revoked", timestamp(model.revoked_at)
            if node.reason:
                yield "revoked.reason", node.reason
        yield from _digest("vector_hash", model.vector_hash)
        yield from _digest("metadata_digest", model.metadata_digest)
        for parent in state.lineage.parents:
            yield "parent", f"{parent.relation.word} 0x{parent.model_hash.hex()}"
        for one in state.lineage.datasets:
            yield "dataset", f"0x{one.hex()}"
        yield from _certificate(state.certificate)
        yield from _run(node, state)
        yield from _signature(node, state)


def timestamp(seconds: int) -> str:
    """ISO 8601 in UTC, of a block's time."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds: int) -> datetime:
    """A block's time."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def _digest(name: str, digest: bytes) -> Iterator[tuple[str, str]]:
    if any(digest):
        yield name, f"0x{digest.hex()}"


def _certificate(found: Certificate | None) -> Iterator[tuple[str, str]]:
    if found is None:
        return
    yield "certificate.certifier", found.certifier
    yield "certificate.issued", timestamp(found.issued_at)
    yield "certificate.expires", timestamp(found.expires_at)
    if found.revoked_at:
        yield "certificate.revoked", timestamp(found.revoked_at)
    yield from _digest("certificate.evidence", found.evidence)


def _run(node: Node, state: ModelState) -> Iterator[tuple[str, str]]:
    yield from _digest("run", state.lineage.run)
    if node.run is not None:
        yield "run.entries", str(node.run.size)
        yield "run.sealed_with_this_model", "true" if node.run.model_digest == node.model_hash else "false"


def _signature(node: Node, state: ModelState) -> Iterator[tuple[str, str]]:
    yield from _digest("signature.key", state.lineage.verification_key)
    if node.signature is not None:
        yield "signature.scheme", node.signature.scheme.fips_name
        yield "signature.good", "true" if node.signature.good else "false"
