"""When a training run's head goes on chain.

A policy is a frozen value; what it remembers is a separate JSON value, its *state*, so that a resumed run continues
where it stopped. State changes only when an anchor is asked for: `due` compares an event with the last anchored one,
`after` returns the state once the event is anchored. Both are pure.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from novacron.exceptions import ConfigurationError

State = Any
"""A JSON value: None before the first anchor."""


@dataclass(frozen=True)
class PolicyEvent:
    """What a policy sees of a log entry.

    `ordinal` counts the checkpoints and validations of the run, from 1; `metrics` holds floats (NaN and infinities
    included).
    """

    ordinal: int
    step: int | None = None
    epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """The event's place in training: its step, else its epoch, else its ordinal."""
        if self.step is not None:
            return self.step
        return self.epoch if self.epoch is not None else self.ordinal


class AnchorPolicy(ABC):
    """Decides which entries are followed by an anchor of the log's head."""

    @abstractmethod
    def due(self, state: State, event: PolicyEvent) -> bool:
        """Whether the head must be anchored after `event`."""

    @abstractmethod
    def after(self, state: State, event: PolicyEvent) -> State:
        """The state after `event` was found due."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """A JSON description that `policy_from_dict` reads."""

    def decide(self, state: State, event: PolicyEvent) -> tuple[bool, State]:
        """(due, next state) in one call."""
        if self.due(state, event):
            return True, self.after(state, event)
        return False, state


@dataclass(frozen=True)
class AtSeal(AnchorPolicy):
    """Anchor only when the run is sealed or `anchor()` is called."""

    def due(self, state: State, event: PolicyEvent) -> bool:  # noqa: ARG002
        return False

    def after(self, state: State, event: PolicyEvent) -> State:  # noqa: ARG002
        return state

    def to_dict(self) -> dict[str, Any]:
        return {"policy": "at-seal"}


@dataclass(frozen=True)
class EveryNSteps(AnchorPolicy):
    """Anchor when training passes a multiple of `n` steps (epochs where no step is given, entries where neither is).

    A multiple that is jumped over counts: with n = 10, steps 4, 9, 13, 20 anchor at 13 and 20.
    """

    n: int

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ConfigurationError(f"EveryNSteps needs a whole number of at least 1, not {self.n!r}")

    def due(self, state: State, event: PolicyEvent) -> bool:
        return event.position // self.n > (0 if state is None else int(state["multiple"]))

    def after(self, state: State, event: PolicyEvent) -> State:  # noqa: ARG002
        return {"multiple": event.position // self.n}

    def to_dict(self) -> dict[str, Any]:
        return {"policy": "every-n-steps", "n": self.n}


@dataclass(frozen=True)
class OnImprovement(AnchorPolicy):
    """Anchor when `metric` is better than its last anchored value by more than `delta`.

    The first finite value counts as an improvement; NaN never does. Entries without the metric are passed over.
    """

    metric: str
    delta: float = 0.0
    mode: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise ConfigurationError(f"OnImprovement needs the name of a metric, not {self.metric!r}")
        if self.mode not in ("max", "min"):
            raise ConfigurationError(f"OnImprovement mode is 'max' or 'min', not {self.mode!r}")
        if isinstance(self.delta, bool) or not isinstance(self.delta, int | float) or not 0 <= self.delta < math.inf:
            raise ConfigurationError(f"OnImprovement delta is a finite number of at least 0, not {self.delta!r}")

    def due(self, state: State, event: PolicyEvent) -> bool:
        value = event.metrics.get(self.metric)
        if value is None or not math.isfinite(value):
            return False
        if state is None:
            return True
        gain = value - float(state["best"])
        return (gain if self.mode == "max" else -gain) > self.delta

    def after(self, state: State, event: PolicyEvent) -> State:  # noqa: ARG002
        return {"best": float(event.metrics[self.metric])}

    def to_dict(self) -> dict[str, Any]:
        return {"policy": "on-improvement", "metric": self.metric, "delta": float(self.delta), "mode": self.mode}


@dataclass(frozen=True, init=False)
class _Combined(AnchorPolicy):
    policies: tuple[AnchorPolicy, ...]

    def __init__(self, *policies: AnchorPolicy) -> None:
        if not policies or not all(isinstance(policy, AnchorPolicy) for policy in policies):
            raise ConfigurationError(f"{type(self).__name__} needs one or more policies, not {policies!r}")
        object.__setattr__(self, "policies", policies)

    def _states(self, state: State) -> Sequence[State]:
        return [None] * len(self.policies) if state is None else state

    def _due(self, state: State, event: PolicyEvent) -> list[bool]:
        return [policy.due(own, event) for policy, own in zip(self.policies, self._states(state), strict=True)]

    def after(self, state: State, event: PolicyEvent) -> State:
        # A part that was not due keeps what it remembers: an anchor asked for by another must not lower its best.
        return [
            policy.after(own, event) if policy.due(own, event) else own
            for policy, own in zip(self.policies, self._states(state), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        name = "any-of" if isinstance(self, AnyOf) else "all-of"
        return {"policy": name, "policies": [policy.to_dict() for policy in self.policies]}


class AnyOf(_Combined):
    """Anchor when at least one of the policies asks for it."""

    def due(self, state: State, event: PolicyEvent) -> bool:
        return any(self._due(state, event))


class AllOf(_Combined):
    """Anchor when every policy asks for it, each measured from the last anchor.

    `AllOf(EveryNSteps(10), OnImprovement("accuracy"))` anchors at the first improvement after each ten steps.
    """

    def due(self, state: State, event: PolicyEvent) -> bool:
        return all(self._due(state, event))


def policy_from_dict(description: Mapping[str, Any]) -> AnchorPolicy:
    """The policy that `to_dict` described.

    Raises ConfigurationError for an unknown policy or a missing or malformed field.
    """
    if not isinstance(description, Mapping):
        raise ConfigurationError(f"a policy is described by an object, not {description!r}")
    name = description.get("policy")
    try:
        if name == "at-seal":
            return AtSeal()
        if name == "every-n-steps":
            return EveryNSteps(description["n"])
        if name == "on-improvement":
            return OnImprovement(description["metric"], description.get("delta", 0.0), description.get("mode", "max"))
        if name in ("any-of", "all-of"):
            parts = [policy_from_dict(part) for part in description["policies"]]
            return AnyOf(*parts) if name == "any-of" else AllOf(*parts)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"policy {name!r} lacks or garbles a field: {error}") from error
    raise ConfigurationError(f"unknown policy {name!r}: use at-seal, every-n-steps, on-improvement, any-of or all-of")
