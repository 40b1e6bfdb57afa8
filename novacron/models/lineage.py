"""Where a model came from: the graph of its ancestors, with runs, signatures, certificates and revocations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from novacron.exceptions import ConfigurationError, InconsistentEndpointError
from novacron.market.advice import moment
from novacron.models.onchain import Parent, RunHead, Signature, Verdict, hexed
from novacron.models.references import NameReference
from novacron.models.snapshot import ModelState, Pin, RegistryView

#: Most distinct ancestors that the registry lets a model have.
MAX_ANCESTORS = 64


@dataclass(frozen=True)
class Node:
    """A model of the graph.

    Attributes:
        run: head of its run; None where it names none, or the manifest has no ProofOfTraining.
        signature: what the chain verified; None where it names none, or the manifest has no QuantumVerification.
        reason: why it was revoked, where that can be read.
        names: under which names, and as which version each, it was published.
    """

    state: ModelState
    run: RunHead | None = None
    signature: Signature | None = None
    reason: str | None = None
    names: tuple[tuple[NameReference, str], ...] = ()

    @property
    def model_hash(self) -> bytes:
        """Its digest, 32 bytes."""
        return self.state.model_hash

    @property
    def revoked(self) -> bool:
        """Whether it itself is revoked."""
        return self.state.model.revoked_at > 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        state = self.state
        return {
            **state.model.to_dict(),
            "verdict": state.verdict.word,
            "culprit": hexed(state.culprit),
            "pending_owner": state.pending_owner,
            "lineage": state.lineage.to_dict(),
            "certificate": None if state.certificate is None else state.certificate.to_dict(),
            "run": None if self.run is None else self.run.to_dict(),
            "signature": None if self.signature is None else self.signature.to_dict(),
            "revocation_reason": self.reason,
            "names": [{"name": str(name), "version": version} for name, version in self.names],
        }


@dataclass(frozen=True)
class LineageGraph:
    """A model and all its ancestors at one block, nearest first; the model itself is the first node."""

    pin: Pin
    nodes: dict[bytes, Node]

    @property
    def root(self) -> Node:
        """The model itself."""
        return next(iter(self.nodes.values()))

    @property
    def ancestors(self) -> list[Node]:
        """All others, nearest first."""
        return list(self.nodes.values())[1:]

    def path_to(self, ancestor: bytes) -> list[Parent]:
        """The shortest way from the model to an ancestor, without the model itself."""
        before: dict[bytes, tuple[bytes, Parent]] = {}
        for node in self.nodes.values():
            for parent in node.state.lineage.parents:
                before.setdefault(parent.model_hash, (node.model_hash, parent))
        found: list[Parent] = []
        at = ancestor
        while at != self.root.model_hash:
            at, parent = before[at]
            found.insert(0, parent)
        return found

    def how_related(self, ancestor: bytes) -> str:
        """`its parent`, `its grandparent`, `an ancestor 4 generations back`."""
        steps = len(self.path_to(ancestor))
        words = {1: "its parent", 2: "its grandparent", 3: "its great-grandparent"}
        return words.get(steps, f"an ancestor {steps} generations back")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"block": self.pin.to_dict(), "nodes": [node.to_dict() for node in self.nodes.values()]}


def lineage_of(view: RegistryView, model_hash: bytes, *, names: bool = False) -> LineageGraph:
    """Walk from a model to all its ancestors, all at the view's block.

    Args:
        names: also look up under which names all of them are published, which only events tell.

    Raises:
        RevertedError: with advice: no such model.
        InconsistentEndpointError: more ancestors than the registry allows.
    """
    states: dict[bytes, ModelState] = {}
    frontier = [model_hash]
    while frontier:
        states |= {state.model_hash: state for state in view.states(frontier)}
        if len(states) > MAX_ANCESTORS + 1:
            raise InconsistentEndpointError(f"{hexed(model_hash)} has more ancestors than the registry allows")
        parents = (parent.model_hash for one in frontier for parent in states[one].lineage.parents)
        frontier = [one for one in dict.fromkeys(parents) if one not in states]
    nodes, published = {}, view.names_of(list(states)) if names else {}
    for one, state in states.items():
        run, signature = _run(view, state), _signature(view, state)
        reason = view.revocation_reason(state.model)
        nodes[one] = Node(state, run, signature, reason, tuple(published.get(one, ())))
    return LineageGraph(view.pin, nodes)


def _run(view: RegistryView, state: ModelState) -> RunHead | None:
    if not any(state.lineage.run):
        return None
    try:
        return view.run(state.lineage.run)
    except ConfigurationError:  # not in the manifest: unknown, which a policy does not take for good
        return None


def _signature(view: RegistryView, state: ModelState) -> Signature | None:
    if not any(state.lineage.verification_key):
        return None
    try:
        return view.signature(state.lineage.verification_key, state.model_hash)
    except ConfigurationError:
        return None


# -- text ------------------------------------------------------------------------------------------------------------


def lineage_lines(graph: LineageGraph) -> Iterator[str]:
    """The graph as a tree of lines. What several models descend from is written out once."""
    yield from _branch(graph, graph.root, "", "", "", set())


def _branch(graph: LineageGraph, node: Node, first: str, rest: str, relation: str, shown: set[bytes]) -> Iterator[str]:
    digest = hexed(node.model_hash)
    word = f"{relation} " if relation else ""
    if node.model_hash in shown:
        yield f"{first}{word}{digest} (see above)"
        return
    shown.add(node.model_hash)
    mark = " REVOKED" if node.revoked else ""
    if node.state.verdict is Verdict.ANCESTOR_REVOKED:
        mark = " (descends from a revoked model)"
    yield f"{first}{word}{digest} {node.state.model.version}{mark}"
    parents = node.state.lineage.parents
    bar = "│ " if parents else "  "
    for line in node_lines(node, graph.pin.time):
        yield f"{rest}{bar}{printable(line)}"
    for number, parent in enumerate(parents, 1):
        stem, below = ("└─ ", "   ") if number == len(parents) else ("├─ ", "│  ")
        child = graph.nodes[parent.model_hash]
        yield from _branch(graph, child, rest + stem, rest + below, parent.relation.word, shown)


def node_lines(node: Node, now: int) -> list[str]:
    """What there is to say about one model, a sentence fragment a line."""
    state, model = node.state, node.state.model
    lines = [f"owner {model.owner}, registered {moment(model.registered_at)}"]
    if node.names:
        lines.append("published as " + ", ".join(f"{name}/{version}" for name, version in node.names))
    if int(model.stage):
        lines.append(f"stage {model.stage.word}")
    if node.revoked:
        why = f": {node.reason}" if node.reason else ""
        lines.append(f"revoked {moment(model.revoked_at)}{why}")
    elif now < model.final_at:
        lines.append(f"provisional until {moment(model.final_at)}")
    lines.append(certificate_text(node, now))
    if any(state.lineage.run):
        lines.append(run_text(node))
    if any(state.lineage.verification_key):
        lines.append(signature_text(node))
    lines += [f"trained on {hexed(one)}" for one in state.lineage.datasets]
    return lines


def certificate_text(node: Node, now: int) -> str:
    """The certificate in words."""
    found = node.state.certificate
    if found is None:
        return "not certified"
    if found.revoked_at:
        return f"certificate of {found.certifier} revoked {moment(found.revoked_at)}"
    ended = "expired" if now >= found.expires_at else "until"
    return f"certified by {found.certifier}, {ended} {moment(found.expires_at)}"


def run_text(node: Node) -> str:
    """The run in words."""
    run = node.run
    if run is None:
        return f"run {hexed(node.state.lineage.run)} (ProofOfTraining is not in the manifest)"
    sealed = "sealed" if run.model_digest == node.model_hash else "NOT sealed with this model"
    return f"run {hexed(run.run)}, {run.size} entries, {sealed}"


def signature_text(node: Node) -> str:
    """The post-quantum signature in words."""
    found = node.signature
    if found is None:
        return (
            f"signed by key {hexed(node.state.lineage.verification_key)} (QuantumVerification is not in the manifest)"
        )
    state = "" if found.good else ", VOID: its key or root was revoked"
    return f"signed with {found.scheme.fips_name} by key {hexed(found.key)}, {moment(found.timestamp)}{state}"


def printable(text: str) -> str:
    """`text` with everything that is not seen, or steers a terminal, written as its code point: a stranger wrote it."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
