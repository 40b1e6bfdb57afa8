"""The states of a VM in words: what each means to its customer, and what to do in it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class State(IntEnum):
    """States of a VM; the numbers are those of `IVMLifecycle.State`."""

    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    PAUSED = 4
    MIGRATION_PENDING = 5
    MIGRATING = 6
    FAILED = 7
    UNKNOWN = 8
    SUSPENDED = 9
    TERMINATED = 10


#: What a customer can do in a state, and what happens by itself.
ADVICE: Mapping[State, str] = MappingProxyType(
    {
        State.STOPPED: "start it, move it, or terminate it; after an hour its capacity may be given to others",
        State.STARTING: "the host has 15 minutes to start it; then anybody may expire it",
        State.RUNNING: "it runs and is charged by the second",
        State.STOPPING: "the host has 15 minutes to stop it; then anybody may expire it",
        State.PAUSED: "nothing is charged; resume it within 24 hours, or it is stopped",
        State.MIGRATION_PENDING: "approvers have 24 hours to agree; until then it stays as it was",
        State.MIGRATING: "the hosts have an hour to move it; then it goes back to the source",
        State.FAILED: "it does not run and nothing is charged; start it again, move it, or terminate it",
        State.UNKNOWN: "its host has not been heard of and nothing is charged; wait an hour, stop or terminate it",
        State.SUSPENDED: "its funds are used up and nothing is charged; top it up and start it, or terminate it",
        State.TERMINATED: "the lease is over; what was not used is in your prepaid balance: withdraw it",
    }
)


def label(state: State) -> str:
    """A state as the contract names it: `MigrationPending`."""
    return "".join(word.capitalize() for word in state.name.split("_"))
