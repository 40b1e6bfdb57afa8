"""What a hypervisor's domain is to the agent: whose VM it is, in which epoch it was last told to run, and its state."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass

from novacron.compute.capacity import Capacity


class DomainState(enum.Enum):
    """A domain's state, as far as the agent acts on it."""

    RUNNING = "running"
    PAUSED = "paused"
    #: Not active. Its memory, if it was saved, lies in a file.
    OFF = "off"
    #: Not active, and what ended it was a save: the file is complete.
    SAVED = "saved"

    @property
    def active(self) -> bool:
        """Whether it holds memory."""
        return self in (DomainState.RUNNING, DomainState.PAUSED)


@dataclass(frozen=True)
class Owner:
    """Whose domains an agent may touch: those of one host in one VMLifecycle contract on one chain.

    Attributes:
        contract: address of the VMLifecycle contract, lower case.
    """

    chain_id: int
    contract: str
    host_id: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "contract", self.contract.lower())

    def uuid_of(self, vm_id: int) -> uuid.UUID:
        """UUID of a VM's domain, the same on every host (RFC 9562, version 5)."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:novacron:vm:{self.chain_id}:{self.contract}:{vm_id}")

    def name_of(self, vm_id: int) -> str:
        """Name of a VM's domain."""
        return f"novacron-{self.chain_id}-{self.contract[2:10]}-{vm_id}"


@dataclass(frozen=True)
class DomainSpec:
    """What to define: one VM of this owner, in the epoch of the command that is carried out."""

    vm_id: int
    epoch: int
    capacity: Capacity


@dataclass(frozen=True)
class Domain:
    """A domain of ours that the hypervisor has. `epoch` is that of the last command carried out on it."""

    vm_id: int
    epoch: int
    capacity: Capacity
    state: DomainState
