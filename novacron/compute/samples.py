"""What probes found, and what follows from many of them: uptime and latency over a window, excluded times left out.

Both numbers are rounded so that comparing them with a promise in whole ppm or milliseconds decides exactly as the
unrounded number would: uptime down, latency up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One finished probe.

    Attributes:
        slot: number of its turn since 1970, in intervals; a turn has at most one sample.
        started_ms: when it began, Unix time in milliseconds, by the monitor's clock.
        took_us: how long it took in microseconds, by a monotonic clock.
        failure: why it failed, None when the service answered as specified.
    """

    slot: int
    started_ms: int
    took_us: int
    failure: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the service answered as specified."""
        return self.failure is None

    @property
    def second(self) -> int:
        """When it began, in whole seconds."""
        return self.started_ms // 1000


@dataclass(frozen=True, order=True)
class Span:
    """A time from `start` (inclusive) to `end` (exclusive), Unix seconds."""

    start: int
    end: int


@dataclass(frozen=True)
class Observed:
    """What a window's samples say about one guarantee.

    Attributes:
        value: ppm or milliseconds.
        samples: how many it rests on.
        first, last: when the first and the last of them began, Unix seconds.
    """

    value: int
    samples: int
    first: int
    last: int


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same times as ascending spans that do not touch; empty ones are dropped."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.end > span.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def included(samples: Sequence[Sample], window: Span, excluded: Sequence[Span]) -> list[Sample]:
    """The samples that began in the window and, from their begin to their end, touch no excluded time."""
    spans = merged(excluded)
    starts = [span.start * 1000 for span in spans]

    def touches(sample: Sample) -> bool:
        end_ms = sample.started_ms + sample.took_us // 1000
        number = bisect_right(starts, end_ms)
        return number > 0 and spans[number - 1].end * 1000 > sample.started_ms

    return [one for one in samples if window.start <= one.second < window.end and not touches(one)]


def uptime(samples: Sequence[Sample]) -> Observed | None:
    """Share of the samples that the service answered, in ppm, rounded down; None without samples."""
    if not samples:
        return None
    good = sum(sample.ok for sample in samples)
    return _observed(good * 1_000_000 // len(samples), samples)


def latency(samples: Sequence[Sample], percentile: int) -> Observed | None:
    """Latency that `percentile` % of the answered samples keep to (nearest rank), in milliseconds, rounded up.

    Failed samples count in the uptime and not here; None when none was answered.
    """
    answered = [sample for sample in samples if sample.ok]
    if not answered:
        return None
    rank = -(-percentile * len(answered) // 100)
    took = sorted(sample.took_us for sample in answered)[rank - 1]
    return _observed(-(-took // 1000), answered)


def _observed(value: int, samples: Sequence[Sample]) -> Observed:
    seconds = [sample.second for sample in samples]
    return Observed(value, len(samples), min(seconds), max(seconds))
