"""What a VM's customer can do in a state: the table of `novacron.compute.states` in the words of `novacron vm`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from novacron.compute.state_words import State
from novacron.compute.states import COMMANDS, Who

#: Commands of `novacron vm` by the contract's function.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "start": "start",
        "stop": "stop",
        "pause": "pause",
        "resume": "resume",
        "migrateVM": "migrate",
        "cancelMigration": "cancel-migration",
        "topUp": "top-up",
        "terminate": "terminate",
    }
)


def choices(state: State) -> tuple[str, ...]:
    """Commands of `novacron vm` that a customer can give in a state, whatever else its circumstances."""
    open_now = {
        command.function
        for command in COMMANDS
        if command.who in (Who.CUSTOMER, Who.ANYBODY) and any(situation.state is state for situation in command.to)
    }
    return tuple(words for function, words in _WORDS.items() if function in open_now)
