"""Capacities in words, and what they cost: to the base unit, however often it is settled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.compute.capacity import MAX_UNITS, Capacity, parse_units, units_text
from novacron.compute.regions import region_bytes, region_text
from novacron.exceptions import InputError
from novacron.market.resources import UNIT, Resource

units = st.integers(0, MAX_UNITS)
seconds = st.integers(0, (1 << 40) - 1)


def test_words_become_thousandths() -> None:
    capacity = Capacity.parse(cpu="2 vCPU", memory="4 GB", storage="50 GB", network="10 GB/h")
    assert capacity.to_tuple() == (2_000, 4_000, 50, 10_000)
    assert str(capacity) == "2 vCPU, 4 GB memory, 50 GB storage, 10 GB/h"
    assert Capacity.parse(cpu="500 mCPU", memory="512 MB", storage="2TB") == Capacity(500, 512, 2_000)
    assert Capacity.parse(cpu="1.5", memory="0.001 TB", network="250 MB/h") == Capacity(1_500, 1_000, 0, 250)


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("4", Resource.MEM),
        ("4 GiB", Resource.MEM),
        ("50 MB", Resource.STO),
        ("10 GB", Resource.NET),
        ("-1 vCPU", Resource.CPU),
        ("0.0005 vCPU", Resource.CPU),
        ("two vCPU", Resource.CPU),
        ("1e3 vCPU", Resource.CPU),
        ("4294968 vCPU", Resource.CPU),
        ("", Resource.STO),
        ("2 vCPU/h", Resource.CPU),
    ],
)
def test_what_is_no_capacity_is_refused(text: str, resource: Resource) -> None:
    with pytest.raises(InputError, match=resource.name):
        parse_units(text, resource)


@given(units, st.sampled_from(list(Resource)))
def test_a_capacity_survives_being_written_and_read(value: int, resource: Resource) -> None:
    words = units_text(value, resource).replace(",", "").replace(" memory", "").replace(" storage", "")
    assert parse_units(words, resource) == value


@given(units, seconds)
def test_funding_covers_use_and_an_hour_of_a_unit_is_a_token(value: int, span: int) -> None:
    capacity = Capacity(cpu=value)
    funded, used = capacity.funded(span)[Resource.CPU], capacity.used(span)[Resource.CPU]
    assert 0 <= funded - used <= 1
    assert used * 3_600_000 <= value * UNIT * span <= funded * 3_600_000
    assert (
        Capacity(cpu=1_000).funded(3_600) == Capacity(cpu=1_000).used(3_600) == {**capacity.used(0), Resource.CPU: UNIT}
    )


@given(units, st.lists(st.integers(0, 10**6), max_size=8))
def test_what_is_funded_in_parts_costs_what_it_costs_at_once(value: int, parts: list[int]) -> None:
    capacity, paid, total = Capacity(sto=value), 0, 0
    for part in parts:
        paid += capacity.funded(total + part)[Resource.STO] - capacity.funded(total)[Resource.STO]
        total += part
    assert paid == capacity.funded(total)[Resource.STO]


def test_capacities_are_compared_lane_by_lane() -> None:
    assert Capacity(1, 2, 3, 4).fits(Capacity(1, 2, 3, 4))
    assert not Capacity(1, 2, 3, 4).fits(Capacity(9, 9, 9, 3))
    with pytest.raises(InputError, match="NET"):
        Capacity(net=MAX_UNITS + 1)


def test_regions_are_32_bytes_left_aligned() -> None:
    assert region_bytes("eu-west") == b"eu-west" + bytes(25)
    assert region_text(region_bytes("zürich")) == "zürich"
    assert region_text(b"\xff" * 32).startswith("0xff")
    for bad in ("", " ", "x" * 33, "ü" * 17, "a\nb", " eu", "a\0b", "\ud800"):
        with pytest.raises(InputError, match="region"):
            region_bytes(bad)
