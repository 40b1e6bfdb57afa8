"""Policies: when a head is anchored, and that a resumed policy decides as one that never stopped."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import ConfigurationError
from novacron.provenance.policies import (
    AllOf,
    AnchorPolicy,
    AnyOf,
    AtSeal,
    EveryNSteps,
    OnImprovement,
    PolicyEvent,
    policy_from_dict,
)

leaves = st.one_of(
    st.just(AtSeal()),
    st.builds(EveryNSteps, st.integers(1, 20)),
    st.builds(OnImprovement, st.sampled_from(["loss", "accuracy"]), st.floats(0, 1), st.sampled_from(["max", "min"])),
)
policies = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(*parts)),
    ),
    max_leaves=5,
)
events = st.lists(
    st.builds(
        PolicyEvent,
        ordinal=st.integers(1, 100),
        step=st.none() | st.integers(0, 200),
        epoch=st.none() | st.integers(0, 50),
        metrics=st.dictionaries(st.sampled_from(["loss", "accuracy"]), st.floats()),
    ),
    max_size=30,
)


def fired(policy: AnchorPolicy, sequence: list[PolicyEvent], state: Any = None) -> list[int]:
    places = []
    for place, event in enumerate(sequence):
        due, state = policy.decide(state, event)
        if due:
            places.append(place)
    return places


def steps(*numbers: int) -> list[PolicyEvent]:
    return [PolicyEvent(place, step=number) for place, number in enumerate(numbers, 1)]


def accuracies(*values: float) -> list[PolicyEvent]:
    return [PolicyEvent(place, metrics={"accuracy": value}) for place, value in enumerate(values, 1)]


def test_every_n_steps_fires_at_multiples_and_over_jumped_ones() -> None:
    assert fired(EveryNSteps(10), steps(4, 9, 13, 20, 20, 29, 55)) == [2, 3, 6]


def test_every_n_steps_counts_epochs_or_entries_without_steps() -> None:
    by_epoch = [PolicyEvent(place, epoch=place) for place in range(1, 7)]
    by_entry = [PolicyEvent(place) for place in range(1, 7)]
    assert fired(EveryNSteps(3), by_epoch) == fired(EveryNSteps(3), by_entry) == [2, 5]


def test_every_n_steps_survives_a_step_counter_that_goes_back() -> None:
    assert fired(EveryNSteps(10), steps(10, 3, 11, 20)) == [0, 3]


def test_on_improvement_needs_more_than_delta_over_the_last_anchored_value() -> None:
    policy = OnImprovement("accuracy", delta=0.25)
    assert fired(policy, accuracies(0.25, 0.375, 0.5, 0.625, 0.875)) == [0, 3]


def test_on_improvement_min_mode_takes_lower_values() -> None:
    assert fired(OnImprovement("accuracy", mode="min"), accuracies(3.0, 4.0, 2.0, 2.0, 1.0)) == [0, 2, 4]


def test_on_improvement_ignores_nan_infinity_and_other_metrics() -> None:
    sequence = [*accuracies(math.nan, math.inf), PolicyEvent(3, metrics={"loss": 1.0}), *accuracies(0.1)]
    assert fired(OnImprovement("accuracy"), sequence) == [3]


def test_all_of_fires_at_the_first_improvement_after_n_steps() -> None:
    policy = AllOf(EveryNSteps(10), OnImprovement("accuracy"))
    values = [(5, 0.5), (10, 0.6), (12, 0.7), (20, 0.55), (23, 0.8)]
    sequence = [PolicyEvent(1, step=step, metrics={"accuracy": value}) for step, value in values]
    assert fired(policy, sequence) == [1, 4]


def test_any_of_keeps_the_best_when_another_part_asks() -> None:
    policy = AnyOf(EveryNSteps(10), OnImprovement("accuracy"))
    values = [(1, 0.9), (10, 0.5), (11, 0.8), (12, 0.95)]
    sequence = [PolicyEvent(1, step=step, metrics={"accuracy": value}) for step, value in values]
    assert fired(policy, sequence) == [0, 1, 3]


@given(policies, events, st.data())
def test_a_policy_resumed_from_json_decides_as_one_that_never_stopped(
    policy: AnchorPolicy, sequence: list[PolicyEvent], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(sequence)))
    state: Any = None
    resumed: list[int] = []
    for place, event in enumerate(sequence):
        if place == cut:
            policy = policy_from_dict(json.loads(json.dumps(policy.to_dict())))
            state = json.loads(json.dumps(state))
        due, state = policy.decide(state, event)
        if due:
            resumed.append(place)
    assert resumed == fired(policy, sequence)


@given(policies, events)
def test_deciding_changes_no_state_in_place(policy: AnchorPolicy, sequence: list[PolicyEvent]) -> None:
    state: Any = None
    for event in sequence:
        before = json.dumps(state)
        _, following = policy.decide(state, event)
        assert json.dumps(state) == before
        state = following


@pytest.mark.parametrize(
    "make",
    [
        lambda: EveryNSteps(0),
        lambda: EveryNSteps(True),
        lambda: OnImprovement(""),
        lambda: OnImprovement("a", delta=-1),
        lambda: OnImprovement("a", delta=math.nan),
        lambda: OnImprovement("a", mode="up"),  # type: ignore[arg-type]
        lambda: AnyOf(),
        lambda: AllOf("x"),  # type: ignore[arg-type]
        lambda: policy_from_dict({"policy": "sometimes"}),
        lambda: policy_from_dict({"policy": "every-n-steps"}),
        lambda: policy_from_dict({"policy": "any-of", "policies": 3}),
        lambda: policy_from_dict([]),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_policy_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()
