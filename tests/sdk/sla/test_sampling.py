"""Samples at their turns, durably: none twice, none of a probe that never finished, gaps stay gaps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from novacron.compute.monitor.probe import Finding, OwnFaultError
from novacron.compute.monitor.sampling import Sampler
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Sample, Span
from novacron.exceptions import CorruptStoreError
from tests.sdk.sla.conftest import Clock

ALL = Span(0, 10**9)


class Probe:
    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> Finding:
        self.looks += 1
        return Finding(self.looks * 1000, None if self.looks % 2 else "refused")


@pytest.fixture
def store(tmp_path: Path) -> MonitorStore:
    return MonitorStore(tmp_path / "monitor.sqlite")


def test_a_turn_has_one_sample_however_often_the_monitor_starts(store: MonitorStore) -> None:
    clock, probe = Clock(10_000.0), Probe()
    for _ in range(3):
        Sampler(1, 60, 0, probe, store, clock=clock).take()
    assert probe.looks == 1
    clock.now += 60
    assert Sampler(1, 60, 0, probe, store, clock=clock).take() is not None
    assert [one.took_us for one in store.samples(1, ALL)] == [1_000, 2_000]
    assert [one.failure for one in store.samples(1, ALL)] == [None, "refused"]


def test_of_two_monitors_on_one_store_the_first_to_finish_has_the_turn(store: MonitorStore) -> None:
    assert store.add_sample(1, Sample(7, 420_000, 5, None)) is True
    assert store.add_sample(1, Sample(7, 421_000, 9, "refused")) is False
    assert store.samples(1, ALL) == [Sample(7, 420_000, 5, None)]


def test_turns_that_passed_are_missing_data_and_not_caught_up_on(store: MonitorStore) -> None:
    clock = Clock(10_000.0)
    sampler = Sampler(1, 60, 0, Probe(), store, clock=clock)
    sampler.take()
    clock.now += 3_600
    sampler.take()
    assert sampler.take() is None
    assert len(store.samples(1, ALL)) == 2


@pytest.mark.parametrize("phase", [0, 17, 59, 10**40 + 5])
def test_turns_lie_on_a_grid_that_each_monitor_shifts(store: MonitorStore, phase: int) -> None:
    clock = Clock(10_000.25)
    sampler = Sampler(1, 60, phase, Probe(), store, clock=clock)
    clock.now += sampler.wait()
    assert (clock.now - phase % 60) % 60 == 0
    assert sampler.wait() == 60


def test_agreements_do_not_share_samples(store: MonitorStore) -> None:
    clock = Clock(10_000.0)
    for sla_id in (1, 2):
        assert Sampler(sla_id, 60, 0, Probe(), store, clock=clock).take() is not None
    assert len(store.samples(1, ALL)) == len(store.samples(2, ALL)) == 1


def test_a_fault_of_this_machine_leaves_no_sample(store: MonitorStore) -> None:
    said: list[str] = []

    def broken() -> Finding:
        raise OwnFaultError(101, "Network is unreachable")

    assert Sampler(1, 60, 0, broken, store, clock=Clock(10_000.0), report=said.append).take() is None
    assert store.samples(1, ALL) == []
    assert said == ["no sample: this machine cannot look (Network is unreachable)"]


def test_samples_of_a_window_are_those_that_began_in_it(store: MonitorStore) -> None:
    clock = Clock()
    sampler = Sampler(1, 60, 0, Probe(), store, clock=clock)
    for at in (119.999, 120.0, 239.999, 240.0):
        clock.now = at
        sampler.take()
    assert [one.started_ms for one in store.samples(1, Span(120, 240))] == [120_000, 239_999]
    assert [one.started_ms for one in store.samples(1, Span(0, 239))] == [119_999, 120_000]


_IN_FLIGHT = """
import sys, time
from novacron.compute.monitor.sampling import Sampler
from novacron.compute.monitor.store import MonitorStore

def probe():
    print("in flight", flush=True)
    time.sleep(600)

Sampler(1, 60, 0, probe, MonitorStore(sys.argv[1]), clock=lambda: 10_000.0).take()
"""


def test_a_probe_in_flight_when_the_monitor_is_killed_is_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    with MonitorStore(path) as store:
        Sampler(1, 60, 0, Probe(), store, clock=Clock(5_000.0)).take()
    arguments = [sys.executable, "-c", _IN_FLIGHT, str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in flight\n"
        process.kill()
    with MonitorStore(path) as store:
        assert len(store.samples(1, ALL)) == 1
        assert Sampler(1, 60, 0, Probe(), store, clock=Clock(10_001.0)).take() is not None
        assert len(store.samples(1, ALL)) == 2


def test_a_damaged_store_is_said_and_never_started_afresh(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    path.write_bytes(b"")
    with pytest.raises(CorruptStoreError):
        MonitorStore(path)
    assert path.read_bytes() == b""
