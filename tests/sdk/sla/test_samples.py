"""From samples to numbers: windows, excluded times, rounding that decides nothing, medians."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.compute.exclusions import not_due, warmed_up
from novacron.compute.measurements import median
from novacron.compute.samples import Sample, Span, included, latency, merged, uptime
from novacron.compute.sla_terms import Direction
from novacron.exceptions import InputError


def sample(second: int, *, ok: bool = True, took_ms: float = 10.0, milli: int = 0) -> Sample:
    return Sample(second, second * 1000 + milli, int(took_ms * 1000), None if ok else "timeout")


spans = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 300), st.integers(0, 60))


@given(st.lists(spans, max_size=8))
def test_merged_spans_are_the_same_seconds_and_do_not_touch(given_spans: list[Span]) -> None:
    found = merged(given_spans)
    seconds = {second for span in given_spans for second in range(span.start, span.end)}
    assert {second for span in found for second in range(span.start, span.end)} == seconds
    assert all(one.end < two.start for one, two in itertools.pairwise(found))


@given(st.lists(spans, max_size=5), st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 5_000)), max_size=30))
def test_a_sample_counts_when_it_began_in_the_window_and_touches_no_excluded_time(
    excluded: list[Span], probes: list[tuple[int, int]]
) -> None:
    window = Span(50, 300)
    samples = [Sample(number, at, took * 1000) for number, (at, took) in enumerate(probes)]

    def counts(one: Sample) -> bool:
        end = one.started_ms + one.took_us // 1000
        away = all(
            end < span.start * 1000 or one.started_ms >= span.end * 1000 for span in excluded if span.end > span.start
        )
        return 50_000 <= one.started_ms < 300_000 and away

    assert included(samples, window, excluded) == [one for one in samples if counts(one)]


def test_the_last_millisecond_of_a_window_is_in_it_and_the_next_one_is_not() -> None:
    window = Span(100, 200)
    inside, outside = sample(199, milli=999), sample(200)
    assert included([sample(99, milli=999), sample(100), inside, outside], window, []) == [sample(100), inside]


def test_an_excluded_time_ends_before_its_end_and_begins_with_its_begin() -> None:
    window, excluded = Span(0, 1_000), [Span(100, 200)]
    before, into = Sample(1, 99_000, 999_000), Sample(2, 99_000, 1_000_000)
    after, last = sample(200), Sample(3, 199_999, 0)
    assert included([before, into, last, after], window, excluded) == [before, after]


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(0, 1_000_000))
def test_rounding_an_uptime_never_decides(results: list[bool], promised: int) -> None:
    samples = [sample(number, ok=ok) for number, ok in enumerate(results)]
    found = uptime(samples)
    assert found is not None
    exact = Fraction(sum(results) * 1_000_000, len(results))
    assert (found.value < promised) == (exact < promised)


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=100), st.integers(1, 100), st.integers(0, 2_000))
def test_rounding_a_latency_never_decides(took_us: list[int], percentile: int, promised: int) -> None:
    samples = [Sample(number, number * 1000, took) for number, took in enumerate(took_us)]
    found = latency(samples, percentile)
    assert found is not None
    # Nearest rank: the smallest value that at least `percentile` % of the samples do not exceed.
    exact = next(
        value for value in sorted(took_us) if sum(one <= value for one in took_us) * 100 >= percentile * len(took_us)
    )
    assert (found.value > promised) == (exact > promised * 1000)


def test_failed_samples_count_in_the_uptime_and_not_in_the_latency() -> None:
    samples = [sample(1, took_ms=5), sample(2, ok=False, took_ms=9_999), sample(3, took_ms=7.1)]
    found = latency(samples, 100)
    assert found is not None
    assert (found.value, found.samples, found.first, found.last) == (8, 2, 1, 3)
    share = uptime(samples)
    assert share is not None
    assert (share.value, share.samples) == (666_666, 3)


def test_without_samples_or_answers_nothing_is_known() -> None:
    assert uptime([]) is None
    assert latency([], 95) is None
    assert latency([sample(1, ok=False)], 95) is None


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(1, 200)), max_size=6), st.integers(1, 2_000))
def test_not_due_finds_every_second_that_the_chain_does_not_count(edges: list[tuple[int, int]], length: int) -> None:
    due = {second for start, size in edges for second in range(start, start + size)}
    window, asked = Span(0, length), 0

    def due_in(asked_spans: Sequence[Span]) -> list[int]:
        nonlocal asked
        asked += 1
        return [sum(second in due for second in range(one.start, one.end)) for one in asked_spans]

    found = not_due(window, due_in)
    assert {second for one in found for second in range(one.start, one.end)} == set(range(length)) - due
    assert asked <= 12


def test_a_service_that_comes_up_again_gets_its_warm_up() -> None:
    assert warmed_up([Span(0, 10), Span(12, 20), Span(40, 50)], 5) == [Span(0, 25), Span(40, 55)]


@pytest.mark.parametrize(
    ("values", "at_least", "at_most"),
    [([5], 5, 5), ([1, 9], 9, 1), ([3, 1, 2], 2, 2), ([4, 1, 3, 2], 3, 2), ([7, 7, 1, 1], 7, 1)],
)
def test_the_median_of_an_even_number_is_the_one_nearer_to_the_promise(
    values: list[int], at_least: int, at_most: int
) -> None:
    assert median(values, Direction.AT_LEAST) == at_least
    assert median(values, Direction.AT_MOST) == at_most


@given(st.lists(st.integers(0, 100), min_size=1, max_size=32), st.data())
def test_a_minority_of_liars_cannot_move_the_median_outside_what_the_others_say(
    honest: list[int], data: st.DataObject
) -> None:
    liars = data.draw(st.lists(st.sampled_from([0, 2**32 - 1]), max_size=max(len(honest) - 1, 0)))
    for direction in Direction:
        assert min(honest) <= median([*honest, *liars], direction) <= max(honest)


def test_nothing_has_no_median() -> None:
    with pytest.raises(InputError):
        median([], Direction.AT_LEAST)
