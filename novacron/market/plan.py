"""Base prices of the curves, from a plan in USD at a stated price of ETH."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from novacron.exceptions import InputError
from novacron.market.resources import UNIT, Resource, as_decimal

#: USD of one whole token: a vCPU-hour, GB-hour, TB-hour, GB.
BASE_USD: Mapping[Resource, Decimal] = MappingProxyType(
    {
        Resource.CPU: Decimal("0.001"),
        Resource.MEM: Decimal("0.0005"),
        Resource.STO: Decimal("0.0001"),
        Resource.NET: Decimal("0.00001"),
    }
)


def base_prices(eth_usd: str | int | Decimal) -> dict[Resource, int]:
    """Wei of one whole token of each resource, rounded down to a whole wei.

    Args:
        eth_usd: USD of one ETH, as an exact decimal ("2500", "3141.59"); a float is refused.

    Raises:
        InputError: not above zero, no decimal number, or so high that a price would be nothing.
    """
    rate = Fraction(as_decimal(eth_usd, "the price of ETH in USD"))
    prices = {resource: int(Fraction(usd) * UNIT / rate) for resource, usd in BASE_USD.items()}
    for resource, price in prices.items():
        if price == 0:
            raise InputError(f"at {eth_usd} USD for an ETH a {resource.unit} would cost less than a wei")
    return prices
