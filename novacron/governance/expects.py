"""What a proposal is expected to change, in its author's words.

    yield mint("CPU", "Timelock", 5 * 10**18)
    yield change("Governance._votingDelay", to=2 * 86_400)
    yield event("Governance.VotingDelaySet", newVotingDelay=2 * 86_400)

An account is an instance name, an address or a contract of the suite; `"0x0"` and `NOBODY` are the zero address. What
each of them stands for is exact: `transfer` explains one Transfer event of this amount and these balances' changes by
this amount, and nothing else.
"""

from __future__ import annotations

from novacron.governance.expectations.expectation import (
    Expectation,
    change,
    deploys,
    ether,
    event,
    grant,
    mint,
    ownership,
    proposal_guardian,
    revoke,
    role_change,
    transfer,
    unknown_code,
    upgrade,
)
from novacron.governance.expectations.explaining import unexplained
from novacron.governance.suite import NOBODY

__all__ = [
    "NOBODY",
    "Expectation",
    "change",
    "deploys",
    "ether",
    "event",
    "grant",
    "mint",
    "ownership",
    "proposal_guardian",
    "revoke",
    "role_change",
    "transfer",
    "unexplained",
    "unknown_code",
    "upgrade",
]
