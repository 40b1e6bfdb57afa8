"""What a pass did, and what the agent remembers from pass to pass."""

from __future__ import annotations

from dataclasses import dataclass, field

from novacron.compute.agent.outbox import Sending
from novacron.compute.agent.plan import Action
from novacron.exceptions import NovaCronError


@dataclass
class Report:
    """What a pass did.

    Attributes:
        vms: VMs that concern the host.
        done: actions carried out, transactions sent or looked after included.
        failures: what went wrong, by VM.
        heartbeat: what became of the heartbeat, None when none was due.
    """

    vms: int = 0
    done: list[Action] = field(default_factory=list)
    failures: dict[int, NovaCronError] = field(default_factory=dict)
    heartbeat: Sending | None = None

    @property
    def quiet(self) -> bool:
        """Whether there was nothing to do."""
        return not self.done and not self.failures


@dataclass
class Trouble:
    """What the agent remembers of a VM from pass to pass; losing it costs time only.

    Attributes:
        epoch: of the command that the rest is about.
        failures: refusals of the hypervisor in a row.
        pauses: failures of any kind in a row.
        not_before: when it is tried again.
        stopping_since: when the guest was asked to power off.
        snapshot_at: when the last snapshot was begun.
        behind_since: since when its domain has a later epoch than the chain, Unix seconds; the others are monotonic.
    """

    epoch: int = 0
    failures: int = 0
    pauses: int = 0
    not_before: float = 0.0
    stopping_since: float | None = None
    snapshot_at: float | None = None
    behind_since: float | None = None
