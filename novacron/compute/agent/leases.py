"""What the chain wants of one VM on one host, and what that host has: the two sides that `plan` compares."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from novacron.compute.agent.domains import Domain, DomainSpec
from novacron.compute.capacity import Capacity
from novacron.compute.state_words import State as VMState


class Role(enum.Enum):
    """What a host is to a VM."""

    #: The VM is leased on it.
    HOST = "host"
    #: A migration goes to it.
    TARGET = "target"
    #: Neither: it must not have the VM.
    NONE = "none"


@dataclass(frozen=True)
class Lease:
    """One VM as the chain has it, at a block with the configured confirmations.

    Attributes:
        origin: state that a migration began in.
        released: in Migrating: the source has let go of it.
        record: digest of its latest state record; 32 bytes.
        current: whether the newest block still has the VM in the same state and epoch. Nothing is started otherwise.
        halted: whether by the newest block the VM is past this epoch and nobody pays this host to run it.
        exhausted: whether its funds are used up by now.
        funded_until: when they will be, Unix seconds, if it runs on; None while nothing is used.
        overdue: whether its deadline has passed.
    """

    vm_id: int
    role: Role
    state: VMState
    epoch: int
    capacity: Capacity
    origin: VMState = VMState.STOPPED
    released: bool = False
    record: bytes = bytes(32)
    current: bool = True
    halted: bool = False
    exhausted: bool = False
    funded_until: float | None = None
    overdue: bool = False

    @property
    def spec(self) -> DomainSpec:
        """What to define for it."""
        return DomainSpec(self.vm_id, self.epoch, self.capacity)

    @property
    def runs(self) -> bool:
        """Whether it is Running, or waits for approvals while it runs on."""
        return self.state is VMState.RUNNING or (
            self.state is VMState.MIGRATION_PENDING and self.origin is VMState.RUNNING
        )


@dataclass(frozen=True)
class Image:
    """A saved memory on this host's disk. `record`: digest of the state record that holds it, once it has one."""

    epoch: int
    record: bytes | None = None


@dataclass(frozen=True)
class Local:
    """What this host has of one VM.

    Attributes:
        domain: None when the hypervisor has none.
        stopping_for: seconds since the guest was asked to power off; None when it was not.
        failures: operations in a row that the hypervisor refused for this VM.
        snapshot_due: whether a periodic snapshot is due.
        rewound: whether the lease's epoch, though lower than the domain's, is that of a chain that has moved on since.
    """

    domain: Domain | None = None
    image: Image | None = None
    stopping_for: float | None = None
    failures: int = 0
    snapshot_due: bool = False
    rewound: bool = False
