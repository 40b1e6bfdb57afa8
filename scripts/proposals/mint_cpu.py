"""Mint as many CPU tokens as the cap still allows, to the treasury."""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, mint
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Mint the CPU tokens that are left under the cap"
DESCRIPTION = """
Providers have joined, and the treasury needs CPU tokens (one is a vCPU-hour) to sell for their machines.

The amount is what the cap of 1,000,000 leaves at the block of the simulation; it is fixed from then on.
"""


def left(dao: Suite) -> int:
    """CPU that may still be minted, base units."""
    return int(dao.CPU.cap() - dao.CPU.totalSupply())


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.CPU.mint(dao.Timelock, left(dao))


def expects(dao: Suite) -> Iterator[Expectation]:
    yield mint(dao.CPU, dao.Timelock, left(dao))
