"""The keeper: queues and executes what has passed, and leaves alone what would not do what was voted on.

All state is on the chain, in the journal and in the proposals' folders, so that a keeper can be stopped anywhere, and
several may run: whoever comes second finds the step done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from novacron.exceptions import (
    ChainError,
    DriftError,
    NovaCronError,
    ProposalStateError,
    RevertedError,
    TamperedProposalError,
    UnknownProposalError,
)
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.model import ProposalState
from novacron.governance.onchain import OnchainProposal

Result = Literal["queued", "executed", "others", "drifted", "failing", "unknown", "retry"]

#: Seconds after which a proposal that was left alone is looked at again; doubles each time up to the longest.
_FIRST_PAUSE = 300.0
_LONGEST_PAUSE = 6 * 3600.0


@dataclass(frozen=True)
class KeeperAction:
    """What a step of the keeper did about one proposal.

    Attributes:
        proposal: id, 0 where it concerns none.
        title: for people.
        result: `queued` or `executed` by this keeper; `others` did it; `drifted`: it would do something else than what
            was pinned; `failing`: its execution would revert; `unknown`: no report of it here; `retry`: it could
            not be done at the moment.
        detail: why, and what a person can do.
        transaction: hash of the step's transaction.
        mismatch: an execution did something else than predicted.
    """

    proposal: int
    title: str
    result: Result
    detail: str = ""
    transaction: str | None = None
    mismatch: bool = False


@dataclass
class _Pause:
    seconds: float
    until: float


class Keeper:
    """Looks after all proposals of one network.

    Args:
        lifecycle: with a sender, and the folders of reports.
        tolerate_moved: accept differences of the starting point alone (see `Lifecycle.queue`).
        clock: seconds; for the pauses after something that was left alone.
    """

    def __init__(
        self, lifecycle: Lifecycle, *, tolerate_moved: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lifecycle, self._tolerate_moved, self._clock = lifecycle, tolerate_moved, clock
        self._pauses: dict[int, _Pause] = {}

    def step(self) -> list[KeeperAction]:
        """Look at every live proposal once and take each step that is due.

        One that was left alone is not looked at again before its pause is over, so it is not in the result until then.

        Raises:
            ChainError: the chain does not answer at all; nothing was done.
        """
        reader = self._lifecycle.reader
        now = reader.head().timestamp
        actions = []
        live = reader.live()
        for proposal in live:
            if not _due(proposal, now) or self._is_paused(proposal.id):
                continue
            action = self._act(proposal)
            if action.result in ("queued", "executed", "others"):
                self._pauses.pop(proposal.id, None)
            elif action.result != "retry":
                self._pause(proposal.id)
            actions.append(action)
        for gone in self._pauses.keys() - {proposal.id for proposal in live}:
            del self._pauses[gone]
        return actions

    def run(self, stop: threading.Event, interval: float, report: Callable[[KeeperAction], None]) -> None:
        """Step every `interval` seconds until `stop` is set; a step that has begun is finished first."""
        while not stop.is_set():
            try:
                for action in self.step():
                    report(action)
            except ChainError as error:
                report(KeeperAction(0, "", "retry", str(error)))
            stop.wait(interval)

    def _act(self, proposal: OnchainProposal) -> KeeperAction:
        name = "queue" if proposal.state is ProposalState.SUCCEEDED else "execute"
        take = self._lifecycle.queue if name == "queue" else self._lifecycle.execute

        def left(result: Result, error: NovaCronError) -> KeeperAction:
            return KeeperAction(proposal.id, proposal.title, result, str(error))

        try:
            step = take(f"0x{proposal.id:064x}", tolerate_moved=self._tolerate_moved)
        except DriftError as error:
            return left("drifted", error)
        except (UnknownProposalError, TamperedProposalError) as error:
            return left("unknown", error)
        except (ProposalStateError, RevertedError) as error:
            return left("failing", error)
        except NovaCronError as error:  # no funds, a full disk, no answer: the other proposals do not wait for it
            return left("retry", error)
        detail, mismatch = "", False
        if step.verification is not None and not step.verification.matches:
            rows = step.verification.differences
            detail, mismatch = f"it did something else than predicted: {', '.join(row.name for row in rows)}", True
        result: Result = "others" if step.outcome == "others" else "queued" if name == "queue" else "executed"
        return KeeperAction(proposal.id, proposal.title, result, detail, step.transaction, mismatch)

    def _is_paused(self, number: int) -> bool:
        pause = self._pauses.get(number)
        return pause is not None and self._clock() < pause.until

    def _pause(self, number: int) -> None:
        before = self._pauses.get(number)
        seconds = _FIRST_PAUSE if before is None else min(2 * before.seconds, _LONGEST_PAUSE)
        self._pauses[number] = _Pause(seconds, self._clock() + seconds)


def _due(proposal: OnchainProposal, now: int) -> bool:
    if proposal.state is ProposalState.SUCCEEDED:
        return True
    return proposal.state is ProposalState.QUEUED and proposal.eta <= now
