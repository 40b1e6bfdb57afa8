"""Hits of a search by likeness, each compared with what the registry says of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from novacron.models.index import Hit
from novacron.models.onchain import Verdict, hexed
from novacron.models.snapshot import ModelState, RegistryView


@dataclass(frozen=True)
class Match:
    """A model that is like the one looked for.

    Attributes:
        hit: what the index claims.
        state: what the registry has; None where it has no such model.
    """

    hit: Hit
    state: ModelState | None

    @property
    def bound(self) -> bool:
        """Whether the embedding that was compared is the one that the model's owner registered."""
        return self.state is not None and self.state.model.vector_hash == self.hit.vector_hash

    @property
    def deployable(self) -> bool:
        """Whether it is bound, and may be deployed at the view's block."""
        return self.bound and self.state is not None and self.state.verdict is Verdict.DEPLOYABLE

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": hexed(self.hit.model_hash),
            "similarity": self.hit.similarity,
            "vector_hash": hexed(self.hit.vector_hash),
            "bound": self.bound,
            "registered": self.state is not None,
            "version": None if self.state is None else self.state.model.version,
            "owner": None if self.state is None else self.state.model.owner,
            "verdict": Verdict.UNKNOWN.word if self.state is None else self.state.verdict.word,
        }


def matches(view: RegistryView, hits: Sequence[Hit]) -> list[Match]:
    """The hits in their order, with what the registry has of each at the view's block.

    Raises:
        ChainUnavailableError and others: an index alone says nothing about a model.
    """
    found = view.verdicts([hit.model_hash for hit in hits]) if hits else []
    known = [hit.model_hash for hit, one in zip(hits, found, strict=True) if one is not Verdict.UNKNOWN]
    states = {state.model_hash: state for state in view.states(known)} if known else {}
    return [Match(hit, states.get(hit.model_hash)) for hit in hits]


def deployable_matches(view: RegistryView, search: Callable[[int], Sequence[Hit]], count: int) -> list[Match]:
    """The best `count` that may be deployed, with the embedding that was registered; fewer where there are fewer.

    Args:
        search: the best so many hits of the index.
    """
    asked = count
    while True:
        hits = search(asked)
        good = [match for match in matches(view, hits) if match.deployable]
        if len(good) >= count or len(hits) < asked:
            return good[:count]
        asked *= 4
