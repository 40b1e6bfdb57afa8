"""How not to do it: mint 1,000,000 CPU without looking at the cap. The simulation shows ERC20ExceededCap."""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, mint
from novacron.governance.model import Action
from novacron.governance.suite import Suite

TITLE = "Mint 1,000,000 CPU"
DESCRIPTION = """
The treasury gets 1,000,000 CPU tokens. As long as any exist already, the cap of 1,000,000 makes this fail:
`mint_cpu.py` mints what is left instead.
"""
AMOUNT = 1_000_000 * 10**18


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.CPU.mint(dao.Timelock, AMOUNT)


def expects(dao: Suite) -> Iterator[Expectation]:
    yield mint(dao.CPU, dao.Timelock, AMOUNT)
