"""States of a VM and what each command makes of them: the one source of docs/vm-states.md, the tests and the agent.

`python -m novacron.compute.states --write` prints the table into the document.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from novacron.compute.state_words import State, label

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "vm-states.md"
BEGIN, END = "<!-- the table of novacron/compute/states.py -->", "<!-- end of the table -->"
MINUTE, HOUR = 60, 3_600
DAY = 24 * HOUR


class Who(Enum):
    """Who may give a command; everybody else is refused."""

    CUSTOMER = "customer"
    AGENT = "agent of its host"
    TARGET = "agent of the target"
    EITHER_AGENT = "agent of host or target"
    APPROVER = "approver"
    PROVIDER = "provider of its host"
    RECORDER = "customer, agent of the entitled host"
    ANYBODY = "anybody"


@dataclass(frozen=True)
class Situation:
    """A state, and where a migration began if one is under way."""

    state: State
    origin: State | None = None

    def __str__(self) -> str:
        name = label(self.state)
        return name if self.origin is None else f"{name} ({label(self.origin)})"


def _migrations(state: State) -> tuple[Situation, ...]:
    return tuple(Situation(state, origin) for origin in (State.RUNNING, State.STOPPED, State.FAILED))


PENDING, MIGRATING = _migrations(State.MIGRATION_PENDING), _migrations(State.MIGRATING)
SITUATIONS: tuple[Situation, ...] = (
    *(Situation(state) for state in (State.STOPPED, State.STARTING, State.RUNNING, State.STOPPING, State.PAUSED)),
    *PENDING,
    *MIGRATING,
    *(Situation(state) for state in (State.FAILED, State.UNKNOWN, State.SUSPENDED, State.TERMINATED)),
)
USING = frozenset({Situation(State.RUNNING), PENDING[0]})
"""Where time is used and paid, while the host is alive."""
RESTING = frozenset({State.STOPPED, State.FAILED, State.SUSPENDED})
ENTITLED = USING | {Situation(state) for state in (State.STARTING, State.STOPPING, State.PAUSED, State.UNKNOWN)}
"""Where the VM's host may run it; in every other situation no host may."""

DEADLINES: Mapping[State, int] = MappingProxyType(
    {
        State.STARTING: 15 * MINUTE,
        State.STOPPING: 15 * MINUTE,
        State.PAUSED: DAY,
        State.MIGRATION_PENDING: DAY,
        State.MIGRATING: HOUR,
        State.UNKNOWN: HOUR,
        **dict.fromkeys(RESTING, 30 * DAY),
    }
)
"""Seconds from entering a state to its deadline; none for Running and Terminated."""
IDLE_GRACE = HOUR

NOT_DUE = frozenset({State.STOPPING, State.PAUSED, State.MIGRATING, State.SUSPENDED, State.TERMINATED})
"""On entering these the VM is not due to be up any more; on entering Running it is."""


@dataclass(frozen=True)
class Command:
    """A call and what it leads to.

    Attributes:
        function: of `IVMLifecycle`.
        case: what distinguishes it from the same call in other circumstances; empty where nothing does.
        to: the situation it leads to from each in which it is allowed; staying is written out too.
        refusal: error elsewhere, without its prefix.
    """

    function: str
    who: Who
    to: Mapping[Situation, Situation]
    case: str = ""
    refusal: str = "WrongState"

    def __str__(self) -> str:
        return f"{self.function}, {self.case}" if self.case else self.function


def _at(*states: State) -> tuple[Situation, ...]:
    return tuple(Situation(state) for state in states)


def _all_to(state: State, situations: Iterable[Situation]) -> Mapping[Situation, Situation]:
    return MappingProxyType({situation: Situation(state) for situation in situations})


def _staying(situations: Iterable[Situation]) -> Mapping[Situation, Situation]:
    return MappingProxyType({situation: situation for situation in situations})


def _setting_out(state: State) -> Mapping[Situation, Situation]:
    begins = _at(State.RUNNING, State.STOPPED, State.FAILED)
    return MappingProxyType({situation: Situation(state, situation.state) for situation in begins})


def _back(situation: Situation) -> Situation:
    """Where a migration that is given up leaves the VM."""
    if situation.origin is None:
        raise ValueError(f"{situation} is no migration")
    is_down = situation.state is State.MIGRATING and situation.origin is State.RUNNING
    return Situation(State.STARTING if is_down else situation.origin)


_LIVING = tuple(s for s in SITUATIONS if s.state is not State.TERMINATED)
_AT_REST = tuple(s for s in SITUATIONS if s.state in RESTING)
_BACK = MappingProxyType({situation: _back(situation) for situation in (*PENDING, *MIGRATING)})
_LATE = MappingProxyType(
    {
        **_BACK,
        Situation(State.STARTING): Situation(State.FAILED),
        Situation(State.STOPPING): Situation(State.FAILED),
        Situation(State.PAUSED): Situation(State.STOPPING),
        Situation(State.UNKNOWN): Situation(State.FAILED),
    }
)
_STOPPABLE = _at(State.STARTING, State.RUNNING, State.PAUSED, State.UNKNOWN)
_REPORTED = (*_at(State.STARTING, State.RUNNING, State.STOPPING, State.PAUSED, State.UNKNOWN), *PENDING)
_ARRIVAL = MappingProxyType(
    {s: Situation(State.RUNNING if s.origin is State.RUNNING else State.STOPPED) for s in MIGRATING}
)

COMMANDS: tuple[Command, ...] = (
    Command("start", Who.CUSTOMER, _all_to(State.STARTING, _AT_REST)),
    Command("stop", Who.CUSTOMER, _all_to(State.STOPPING, _STOPPABLE)),
    Command("pause", Who.CUSTOMER, _all_to(State.PAUSED, _at(State.RUNNING))),
    Command("resume", Who.CUSTOMER, _all_to(State.STARTING, _at(State.PAUSED))),
    Command("terminate", Who.CUSTOMER, _all_to(State.TERMINATED, _LIVING)),
    Command("migrateVM", Who.CUSTOMER, _setting_out(State.MIGRATION_PENDING), "another region"),
    Command("migrateToHost", Who.CUSTOMER, _setting_out(State.MIGRATING), "the same region"),
    Command("cancelMigration", Who.CUSTOMER, _BACK),
    Command("topUp", Who.ANYBODY, _staying(_LIVING)),
    Command(
        "topUp",
        Who.ANYBODY,
        MappingProxyType({**_staying(_LIVING), **_all_to(State.SUSPENDED, USING)}),
        "funds used up",
    ),
    Command(
        "approveMigration",
        Who.APPROVER,
        MappingProxyType({s: Situation(State.MIGRATING, s.origin) for s in PENDING}),
        "the last that is needed",
    ),
    Command("acknowledgeStart", Who.AGENT, _all_to(State.RUNNING, _at(State.STARTING))),
    Command("acknowledgeStop", Who.AGENT, _all_to(State.STOPPED, _at(State.STOPPING))),
    Command("reportFailure", Who.AGENT, _all_to(State.FAILED, _REPORTED)),
    Command("recover", Who.AGENT, _all_to(State.RUNNING, _at(State.UNKNOWN))),
    Command("acknowledgeRelease", Who.AGENT, _staying(MIGRATING)),
    Command("acknowledgeMigration", Who.TARGET, _ARRIVAL, "released, or not needed"),
    Command("abortMigration", Who.EITHER_AGENT, _BACK),
    Command("recordState", Who.RECORDER, _staying(s for s in _LIVING if s.state is not State.MIGRATING)),
    Command("reclaim", Who.PROVIDER, _staying(_AT_REST), "after an hour of rest"),
    Command("evict", Who.PROVIDER, _all_to(State.TERMINATED, _AT_REST), "after 30 days of rest"),
    Command("settle", Who.ANYBODY, _staying(SITUATIONS)),
    Command("expire", Who.ANYBODY, _all_to(State.SUSPENDED, USING), "funds used up", "NothingToExpire"),
    Command("expire", Who.ANYBODY, _all_to(State.UNKNOWN, USING), "host vanished", "NothingToExpire"),
    Command("expire", Who.ANYBODY, _LATE, "after the deadline", "NothingToExpire"),
)


def outcome(command: Command, situation: Situation) -> Situation | None:
    """Where the command leads from here; None where it is refused with `command.refusal`."""
    return command.to.get(situation)


def may_run(situation: Situation) -> bool:
    """Whether the VM's host is entitled to run it."""
    return situation in ENTITLED


# ----------------------------------------------------------------------------------------------------------------------
# The document
# ----------------------------------------------------------------------------------------------------------------------


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    if seconds >= 2 * DAY:
        return f"{seconds // DAY} days"
    return f"{seconds // HOUR} h" if seconds >= HOUR else f"{seconds // MINUTE} min"


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _properties() -> list[str]:
    late = next(command for command in COMMANDS if command.case == "after the deadline")
    rows = [_row(("Situation", "Its host may run it", "Time is paid", "Deadline", "Then")), _row(["---"] * 5)]
    for situation in SITUATIONS:
        then: object = outcome(late, situation) or "–"
        if situation.state in RESTING:
            then = "the provider may evict it"
        rows.append(
            _row(
                (
                    situation,
                    "yes" if may_run(situation) else "no host may",
                    "yes" if situation in USING else "no",
                    _duration(DEADLINES.get(situation.state)),
                    then,
                )
            )
        )
    return rows


def _matrix() -> list[str]:
    rows = [_row(("Situation", "Command", "Who", "Leads to")), _row(["---"] * 4)]
    for situation in SITUATIONS:
        for command in COMMANDS:
            to = outcome(command, situation)
            if to is not None:
                rows.append(_row((situation, command, command.who.value, "the same" if to == situation else to)))
    return rows


def _refusals() -> list[str]:
    rows = [_row(("Command", "Refused elsewhere with")), _row(["---"] * 2)]
    return rows + [_row((command, f"`VMLifecycle_{command.refusal}`")) for command in COMMANDS if _is_refused(command)]


def _is_refused(command: Command) -> bool:
    return len(command.to) < len(SITUATIONS)


def render() -> str:
    """The table as Markdown."""
    parts = ("### Situations", _properties(), "### Commands", _matrix(), "### Refusals", _refusals())
    return "\n\n".join(part if isinstance(part, str) else "\n".join(part) for part in parts)


def with_table(document: str) -> str:
    """The document with the table as it is now.

    Raises:
        ValueError: it has no place for the table.
    """
    if BEGIN not in document or END not in document:
        raise ValueError(f"the document has no lines {BEGIN} and {END}")
    before, rest = document.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.split(END, 1)[1]}"


def main() -> int:
    """Print the table, or with --write put it into docs/vm-states.md."""
    parser = argparse.ArgumentParser(description="States and commands of a VM.")
    parser.add_argument("--write", action="store_true", help="put the table into docs/vm-states.md")
    if not parser.parse_args().write:
        sys.stdout.write(render() + "\n")
        return 0
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
