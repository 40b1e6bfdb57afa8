"""What a policy remembers about a run: a fold over its log, kept so that it need not be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from novacron.provenance.entries import decode_metrics
from novacron.provenance.policies import PolicyEvent, policy_from_dict
from novacron.provenance.rundir import RunDirectory


class PolicyTracker:
    """The policy of a run directory and its state, shared by all recorders of the directory."""

    def __init__(self, store: RunDirectory) -> None:
        """Raises ConfigurationError for a policy this version does not know."""
        self._store = store
        self._seen: dict[str, Any] | None = None  # ahead of the store's when the last write failed
        self.policy = policy_from_dict(store.identity["policy"])

    @property
    def due(self) -> int:
        """The log size that was to be anchored last; 0 before the first anchor was asked for."""
        return int(self._known()["due"])

    @property
    def due_seen(self) -> int:
        """`due` as of this recorder's last update, without reading the store: it cannot fail."""
        return 0 if self._seen is None else int(self._seen["due"])

    def would_be_due(self, step: int | None, epoch: int | None, metrics: Mapping[str, Any]) -> bool:
        """Whether an entry with these parts would be followed by an anchor if it came next."""
        known = self._known()
        event = PolicyEvent(known["ordinal"] + 1, step, epoch, decode_metrics(metrics))
        return self.policy.due(known["state"], event)

    def update(self) -> None:
        """Let the policy see the entries it has not seen; under the lock. After a crash these may be several.

        Raises StoreError when the result cannot be kept: this recorder knows it all the same, and the next update or
        the next opening repeats it from the log.
        """
        stored: dict[str, Any] | None = self._store.get("policy")
        known, size = dict(self._newest(stored)), self._store.log.size
        if stored is not None and stored["size"] == size:
            return
        for entry in self._store.entries(known["size"], size):
            if entry.type == "seal":
                known["due"] = entry.sequence + 1
            elif entry.type != "open":
                known["ordinal"] += 1
                event = PolicyEvent(known["ordinal"], entry.step, entry.epoch, decode_metrics(entry.metrics))
                due, known["state"] = self.policy.decide(known["state"], event)
                if due:
                    known["due"] = entry.sequence + 1
        known["size"] = size
        self._seen = known
        self._store.put("policy", known)

    def _known(self) -> dict[str, Any]:
        return self._newest(self._store.get("policy"))

    def _newest(self, stored: dict[str, Any] | None) -> dict[str, Any]:
        """Another recorder may be ahead of this one, or this one of what it could write."""
        nothing = {"size": 0, "ordinal": 0, "due": 0, "state": None}
        return max(stored or nothing, self._seen or nothing, key=lambda fold: int(fold["size"]))
