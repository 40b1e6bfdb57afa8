"""What a model must be before it is used. Everything that is not known to be good is refused.

The registry has its own verdict (`verdictOf`); a policy looks at the same facts once more, one by one, and can demand
more: a signature under a given root key, a sealed run, a stage, given owners or certifiers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.compute.quantities import parse_seconds
from novacron.exceptions import ConfigurationError, InputError, ModelRefusedError
from novacron.market.advice import moment
from novacron.models.lineage import LineageGraph, Node, printable
from novacron.models.onchain import Stage, Verdict, hexed, parse_stage
from novacron.models.snapshot import Pin
from novacron.provenance.digest import parse_digest

#: Verdicts that a policy without certificates lets pass, after it has looked at everything else itself.
_UNCERTIFIED = frozenset({Verdict.NOT_CERTIFIED, Verdict.CERTIFICATE_EXPIRED})


@dataclass(frozen=True)
class Objection:
    """One reason against a model.

    Attributes:
        code: the kind, a word for programs: a verdict's, or unsigned, root, run, stage, owner, certifier, names, stale.
        culprit: the model that it is about: this one, or an ancestor.
    """

    code: str
    text: str
    culprit: bytes

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"code": self.code, "text": self.text, "culprit": hexed(self.culprit)}


@dataclass(frozen=True)
class Policy:
    """What is demanded. Revoked models, descendants of revoked ones, provisional ones and void signatures never pass.

    Attributes:
        certified: a certificate that stands.
        signed: a post-quantum signature that the chain verified, and that counts.
        roots: ids of root keys of QuantumVerification, 32 bytes; the signature's key is under one of them.
        run: a training run that was sealed with the model.
        names: metadata that binds the names of the model's files, and not only their contents.
        stages: it is in one of these; empty for any.
        owners, certifiers: EIP-55 addresses; empty for anybody. Certifiers demand a certificate that stands, too.
        max_age: most seconds between the newest block that is shown and this machine's clock; None for any. A node
            that has stopped, or is kept from the chain, does not know what was revoked since.
    """

    certified: bool = True
    signed: bool = False
    roots: frozenset[bytes] = frozenset()
    run: bool = False
    names: bool = False
    stages: frozenset[Stage] = frozenset()
    owners: frozenset[str] = frozenset()
    certifiers: frozenset[str] = frozenset()
    max_age: int | None = 3_600

    @classmethod
    def from_toml(cls, path: Path | str) -> Policy:
        """Read a policy file: its `[policy]` table, or its top level without one.

        Raises:
            ConfigurationError: it cannot be read, an unknown member, or a value of the wrong kind. There is no policy
                then, so nothing passes.
        """
        try:
            document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"policy {path}: {error.strerror or type(error).__name__}") from error
        except ValueError as error:
            raise ConfigurationError(f"policy {path} is no TOML: {error}") from error
        if "policy" in document and len(document) > 1:
            raise ConfigurationError(f"policy {path}: members beside [policy]: {', '.join(sorted(document))}")
        table = document.get("policy", document)
        if not isinstance(table, dict):
            raise ConfigurationError(f"policy {path}: [policy] is a table")
        return cls.of(table, str(path))

    @classmethod
    def of(cls, members: Mapping[str, Any], source: str = "policy") -> Policy:
        """From members with the attributes' names; digests, addresses and stages as text, `max_age` as `1 h` or false.

        Raises:
            ConfigurationError: names the member.
        """
        known = [item.name for item in fields(cls)]
        found: dict[str, Any] = {}
        for name, value in members.items():
            if name not in known:
                raise ConfigurationError(f"{source}: unknown member {name!r}; known are {', '.join(known)}")
            try:
                found[name] = _member(name, value)
            except InputError as error:
                raise ConfigurationError(f"{source}: {name}: {error}") from None
        return cls(**found)

    def objections(self, graph: LineageGraph, now: float) -> list[Objection]:
        """Everything that speaks against the model at the root of a graph; nothing if it may be used.

        Args:
            graph: the model and its ancestors at one block.
            now: this machine's clock, Unix seconds. Certificates have ended when either clock says so.
        """
        root, time = graph.root, max(graph.pin.time, int(now))
        found = [*_revocations(graph), *self._certificate(root, time), *self._signature(root), *self._run(root)]
        if graph.pin.time < root.state.model.final_at:
            until = moment(root.state.model.final_at)
            found.append(_about(root, "provisional", f"is provisional until {until}: wait, then look again"))
        model = root.state.model
        if self.stages and model.stage not in self.stages:
            wanted = ", ".join(sorted(one.word for one in self.stages))
            found.append(_about(root, "stage", f"is in stage {model.stage.word}; the policy wants {wanted}"))
        if self.owners and model.owner not in self.owners:
            found.append(_about(root, "owner", f"is {model.owner}'s, whom the policy does not name"))
        return [*found, *self._verdict(root, {one.code for one in found})]

    def freshness(self, head: Pin, now: float) -> list[Objection]:
        """What speaks against believing an endpoint whose newest block is `head`."""
        behind = int(now) - head.time
        if self.max_age is None or behind <= self.max_age:
            return []
        text = (
            f"the newest block that the RPC address shows is of {moment(head.time)}, {behind} seconds ago (at most "
            f"{self.max_age}): what was revoked since is unknown; use another address"
        )
        return [Objection("stale", text, bytes(32))]

    @property
    def _wants_certificate(self) -> bool:
        """Who names certifiers wants a certificate of theirs that stands, and not one that they have taken back."""
        return self.certified or bool(self.certifiers)

    def _certificate(self, root: Node, time: int) -> Iterator[Objection]:
        found = root.state.certificate
        if self._wants_certificate and found is None:
            yield _about(root, "not-certified", "is not certified")
        elif self._wants_certificate and found is not None and found.revoked_at:
            yield _about(root, "not-certified", f"had its certificate revoked at {moment(found.revoked_at)}")
        elif self._wants_certificate and found is not None and time >= found.expires_at:
            yield _about(
                root, "certificate-expired", f"was certified until {moment(found.expires_at)}, which has passed"
            )
        if self.certifiers and (found is None or found.certifier not in self.certifiers):
            who = "nobody" if found is None else found.certifier
            yield _about(root, "certifier", f"is certified by {who}, whom the policy does not name")

    def _signature(self, root: Node) -> Iterator[Objection]:
        key, found = root.state.lineage.verification_key, root.signature
        if not any(key):
            if self.signed or self.roots:
                yield _about(root, "unsigned", "names no post-quantum signature; the policy wants one")
            return
        if found is None or not found.good:
            why = "its key or root was revoked" if found is not None else "QuantumVerification is not in the manifest"
            yield _about(root, "verification-void", f"names a signature of key {hexed(key)} that does not count: {why}")
        elif self.roots and found.root not in self.roots:
            yield _about(root, "root", f"is signed under root {hexed(found.root)}, which the policy does not name")

    def _run(self, root: Node) -> Iterator[Objection]:
        named = root.state.lineage.run
        if not any(named):
            if self.run:
                yield _about(root, "run", "names no training run; the policy wants one")
        elif root.run is None:
            if self.run:
                yield _about(root, "run", "names a run, and ProofOfTraining is not in the manifest")
        elif root.run.model_digest != root.model_hash:
            yield _about(root, "run", f"names run {hexed(named)}, which is not sealed with it")

    def _verdict(self, root: Node, codes: set[str]) -> Iterator[Objection]:
        """The registry's own word, where it knows of something that was not found here."""
        verdict = root.state.verdict
        passing = {Verdict.DEPLOYABLE} if self._wants_certificate else {Verdict.DEPLOYABLE, *_UNCERTIFIED}
        if verdict in passing or verdict.word in codes:
            return
        culprit = root.state.culprit if any(root.state.culprit) else root.model_hash
        words = f"{hexed(root.model_hash)}: the registry says {verdict.word} of {hexed(culprit)}"
        yield Objection(verdict.word, words, culprit)


def require_passed(what: str, objections: list[Objection]) -> None:
    """Raise ModelRefusedError that names every objection, if there is any."""
    if objections:
        listed = "; ".join(dict.fromkeys(one.text for one in objections))
        raise ModelRefusedError(f"{what} is refused: {listed}", objections)


def _revocations(graph: LineageGraph) -> Iterator[Objection]:
    for node in graph.nodes.values():
        if not node.revoked:
            continue
        since = moment(node.state.model.revoked_at)
        why = f" ({printable(node.reason)})" if node.reason else ""
        if node is graph.root:
            yield _about(node, "revoked", f"is revoked since {since}{why}")
            continue
        kind = graph.how_related(node.model_hash)
        who = f"{hexed(node.model_hash)} {node.state.model.version}"
        text = f"{hexed(graph.root.model_hash)} descends from {who}, {kind}, which is revoked since {since}{why}"
        yield Objection("ancestor-revoked", text, node.model_hash)


def _about(node: Node, code: str, words: str) -> Objection:
    return Objection(code, f"{hexed(node.model_hash)} {words}", node.model_hash)


def _member(name: str, value: Any) -> Any:
    if name in ("certified", "signed", "run", "names"):
        if not isinstance(value, bool):
            raise InputError(f"write true or false, not {value!r}")
        return value
    if name == "max_age":
        return None if value is False else parse_seconds(value, "max_age")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(f"write a list of texts, not {value!r}")
    if not value:
        raise InputError("the list is empty, and nothing would pass; leave it out to let anything pass")
    if name == "roots":
        return frozenset(parse_digest(one) for one in value)
    return frozenset(parse_stage(one) if name == "stages" else parse_address(one) for one in value)
