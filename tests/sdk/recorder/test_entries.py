"""Entries: canonical JSON, and the numbers that JSON cannot hold."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import InputError, ProofFormatError
from novacron.provenance.entries import Artifact, LogEntry, decode_metrics, encode_metrics, rfc3339

RUN = bytes(range(32))
TIME = "2031-05-06T07:08:09.012345Z"


def entry(**parts: Any) -> LogEntry:
    return LogEntry(**{"type": "checkpoint", "run": RUN, "sequence": 3, "time": TIME, **parts})


def test_entry_bytes_are_canonical_json_with_a_format() -> None:
    data = entry(step=7, metrics={"loss": 0.5, "accuracy": 1.0}, checkpoint=Artifact(RUN)).to_bytes()
    value = json.loads(data)
    assert value["format"] == "novacron-entry-v1"
    assert value["checkpoint"] == {"kind": "digest", "digest": RUN.hex()}
    assert data == json.dumps(value, sort_keys=True, separators=(",", ":")).replace("1.0}", "1}").encode()


@given(
    st.dictionaries(st.text(min_size=1), st.floats() | st.integers(-(2**53) + 1, 2**53 - 1), max_size=5),
    st.none() | st.integers(0, 2**53 - 1),
)
def test_every_entry_is_read_back_with_the_same_numbers(metrics: dict[str, Any], step: int | None) -> None:
    original = entry(metrics=encode_metrics(metrics), step=step)
    parsed = LogEntry.from_bytes(original.to_bytes())
    assert parsed.step == step
    assert parsed.to_bytes() == original.to_bytes()
    numbers = decode_metrics(parsed.metrics)
    for name, value in metrics.items():
        assert numbers[name] == float(value) or (math.isnan(numbers[name]) and math.isnan(value))


def test_a_diverged_run_is_recorded_as_strings() -> None:
    metrics = encode_metrics({"a": math.nan, "b": math.inf, "c": -math.inf})
    assert metrics == {"a": "NaN", "b": "Infinity", "c": "-Infinity"}


def test_numpy_scalars_and_zero_dimensional_arrays_are_numbers() -> None:
    metrics = encode_metrics({"a": np.float32(0.5), "b": np.int64(3), "c": np.array(0.25), "d": np.bool_(True)})
    assert metrics == {"a": 0.5, "b": 3, "c": 0.25, "d": True}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("NaN", "'loss'"),
        ("0.5", "'loss'"),
        (None, "'loss'"),
        (1j, "'loss'"),
        ([0.5], "'loss'"),
        (np.array([1.0, 2.0]), "not one number"),
        (2**53, "2\\*\\*53"),
        (-(2**60), "2\\*\\*53"),
    ],
)
def test_a_metric_that_is_no_number_is_named(value: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        encode_metrics({"loss": value})


@pytest.mark.parametrize("name", ["", 3])
def test_a_metric_needs_a_name(name: Any) -> None:
    with pytest.raises(InputError, match="metric name"):
        encode_metrics({name: 1.0})


@pytest.mark.parametrize("step", [-1, 1.5, "3", True, 2**53])
def test_a_step_is_a_whole_number(step: Any) -> None:
    with pytest.raises(InputError, match="step"):
        entry(step=step)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "novacron-entry-v2"},
        {"type": "surprise"},
        {"sequence": "3"},
        {"sequence": -1},
        {"sequence": None},
        {"run": "zz"},
        {"time": 5},
        {"metrics": {"loss": "low"}},
        {"metrics": {"loss": None}},
        {"metrics": []},
        {"details": []},
        {"checkpoint": {"kind": "digest"}},
        {"checkpoint": {"kind": "manifest", "name": "x", "root": "00" * 32}},
        {"checkpoint": []},
        {"extra": 1},
    ],
)
def test_an_altered_entry_is_refused_when_read(change: dict[str, Any]) -> None:
    value = {**json.loads(entry().to_bytes()), **change}
    with pytest.raises(ProofFormatError):
        LogEntry.from_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff", b'{"format":"novacron-entry-v1"}', b"[" * 100_000]
)
def test_bytes_that_are_no_entry_are_refused(data: bytes) -> None:
    with pytest.raises(ProofFormatError):
        LogEntry.from_bytes(data)


def test_entries_that_are_not_canonical_are_refused() -> None:
    with pytest.raises(ProofFormatError, match="canonical"):
        LogEntry.from_bytes(entry().to_bytes().replace(b",", b", ", 1))


def test_times_are_utc_and_need_a_zone() -> None:
    moment = datetime(2031, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2030-12-31T23:00:00.000000Z"
    assert rfc3339(datetime(2031, 1, 1, tzinfo=UTC)) == "2031-01-01T00:00:00.000000Z"
    with pytest.raises(InputError, match="zone"):
        rfc3339(datetime(2031, 1, 1))
