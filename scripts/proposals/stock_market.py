"""Give the market something to sell: the treasury stocks the curve with CPU tokens that it holds.

Two actions, because a contract takes tokens only where it may: the approval is used up by the second one to the last
unit, so that no allowance is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from novacron.governance.expects import Expectation, change, event, transfer
from novacron.governance.model import Action
from novacron.governance.suite import Suite
from novacron.market.resources import Resource

TITLE = "Stock the market with 100,000 CPU"
DESCRIPTION = """
The treasury's CPU tokens (one is a vCPU-hour) are for sale from the execution on, at the price of the curve. Nothing
is created: what nobody has bought comes back by `ResourceMarket.unstock`.
"""
AMOUNT = 100_000 * 10**18


def actions(dao: Suite) -> Iterator[Action]:
    yield dao.CPU.approve(dao.ResourceMarket, AMOUNT)
    yield dao.ResourceMarket.stock(Resource.CPU, AMOUNT)


def expects(dao: Suite) -> Iterator[Expectation]:
    yield event("CPU.Approval", owner=dao.Timelock, spender=dao.ResourceMarket, value=AMOUNT)
    yield transfer(dao.CPU, dao.Timelock, dao.ResourceMarket, AMOUNT)
    yield change("ResourceMarket._books[0].inventory", by=AMOUNT)
    yield event("ResourceMarket.ResourceStocked", resource=Resource.CPU, from_=dao.Timelock, amount=AMOUNT)
