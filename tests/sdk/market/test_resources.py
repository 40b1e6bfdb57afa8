"""Amounts as people write them: exact or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.exceptions import InputError
from novacron.market.plan import base_prices
from novacron.market.resources import (
    UNIT,
    Resource,
    decimal_text,
    native_text,
    parse_native,
    parse_percent,
    parse_resource,
    parse_tokens,
    percent_text,
    tokens_text,
)


@given(st.integers(1, 10**30))
def test_an_amount_survives_being_written_and_read(value: int) -> None:
    assert parse_tokens(decimal_text(value).replace(",", ""), Resource.CPU) == value


@pytest.mark.parametrize(
    ("text", "wei"),
    [("1", UNIT), ("0.5 ETH", UNIT // 2), ("25 gwei", 25 * 10**9), ("7 wei", 7), ("0.000000000000000001", 1)],
)
def test_native_amounts_have_units(text: str, wei: int) -> None:
    assert parse_native(text) == wei


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1e3", "1,000", "0x10", "1 BTC", "0.5 wei", "NaN", "1.", ".5", "1" * 31, "½", "0.0"]
)
def test_what_is_no_amount_of_money_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="amount"):
        parse_native(text)


def test_tokens_of_another_resource_are_refused() -> None:
    assert parse_tokens("2 cpu", Resource.CPU) == 2 * UNIT
    with pytest.raises(InputError, match="the resource is CPU"):
        parse_tokens("2 MEM", Resource.CPU)
    with pytest.raises(InputError, match="finer"):
        parse_native("0.1 wei")


def test_percentages_are_parts_per_million() -> None:
    assert (parse_percent("0.5"), parse_percent("12.3456 %"), parse_percent("0")) == (5_000, 123_456, 0)
    with pytest.raises(InputError):
        parse_percent("0.00001")
    assert percent_text(5_000) == "0.5 %"


def test_texts_are_exact() -> None:
    assert tokens_text(1_234_500_000_000_000_000_001, Resource.STO) == "1,234.500000000000000001 STO"
    assert (native_text(12), native_text(10**9), native_text(0)) == ("12 wei", "0.000000001 ETH", "0 ETH")


def test_resources_have_the_contracts_numbers() -> None:
    assert [parse_resource(name) for name in ("cpu", "Mem", "STO", Resource.NET)] == [0, 1, 2, 3]
    with pytest.raises(InputError, match="GPU"):
        parse_resource("GPU")


# -- base prices -----------------------------------------------------------------------------------------------------


def test_base_prices_are_the_plan_at_the_stated_price() -> None:
    assert base_prices("2500") == {
        Resource.CPU: 400_000_000_000,
        Resource.MEM: 200_000_000_000,
        Resource.STO: 40_000_000_000,
        Resource.NET: 4_000_000_000,
    }


@given(st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10**9), places=2))
def test_base_prices_are_exact_to_the_wei(rate: Decimal) -> None:
    for price, usd in zip(base_prices(rate).values(), (100_000, 50_000, 10_000, 1_000), strict=True):
        cents = int(rate * 100)  # usd is in hundred-millionths of a dollar
        assert price * cents * 10**6 <= usd * UNIT < (price + 1) * cents * 10**6


@pytest.mark.parametrize("bad", [0, "0", -1, "-2500", "", "abc", 2500.0, True, None, "1e3", "NaN", Decimal("Infinity")])
def test_a_price_of_eth_that_is_none_is_refused(bad: Any) -> None:
    with pytest.raises(InputError, match="price of ETH"):
        base_prices(bad)


def test_an_eth_so_dear_that_a_resource_would_cost_nothing_is_refused() -> None:
    assert base_prices(10**13)[Resource.NET] == 1
    with pytest.raises(InputError, match="less than a wei"):
        base_prices(10**14)
