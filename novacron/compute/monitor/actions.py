"""What a monitor did or could not do, in words and for machines; each said once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

#: signed, reported, recorded, finalised, settled: done by this monitor. others: somebody else was faster. skipped: too
#: few samples to sign. excluded: the VM was due for less than half of the window. unfunded: no NOVA for the bond.
#: refused: the contract, or the configuration, does not allow it. peer: what somebody else serves is of no use. clock:
#: this machine's clock is wrong. retry: it could not be done now and is tried again. over: nothing is left to do.
Result = Literal[
    "signed",
    "reported",
    "recorded",
    "finalised",
    "settled",
    "others",
    "skipped",
    "excluded",
    "unfunded",
    "refused",
    "waiting",
    "peer",
    "clock",
    "retry",
    "over",
]

#: Results that a person should look at.
TROUBLE: frozenset[Result] = frozenset({"skipped", "unfunded", "refused", "peer", "clock", "retry"})


@dataclass(frozen=True)
class MonitorAction:
    """One of them.

    Attributes:
        sla_id: 0 where it concerns no agreement.
        transaction: hash of what was sent.
    """

    sla_id: int
    result: Result
    detail: str = ""
    window: int | None = None
    guarantee: int | None = None
    transaction: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "agreement": self.sla_id,
            "window": self.window,
            "guarantee": self.guarantee,
            "result": self.result,
            "detail": self.detail,
            "transaction": self.transaction,
        }


class Notes:
    """The actions of one look. What repeats from look to look is said the first time only."""

    def __init__(self) -> None:
        self._said: set[MonitorAction] = set()
        self._now: list[MonitorAction] = []

    def say(self, action: MonitorAction) -> None:
        """Note an action; transactions and retries always, the rest unless it was said before."""
        if action.transaction is None and action.result != "retry":
            if action in self._said:
                return
            self._said.add(action)
        self._now.append(action)

    def take(self) -> list[MonitorAction]:
        """What was noted since the last time."""
        now, self._now = self._now, []
        return now
