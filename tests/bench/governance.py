"""Gas of governing with us beside a plain OpenZeppelin Governor with ERC20Votes and TimelockController, in one run.

The same action by the same executor on both, prague rules, whole transactions. The plain governor is what
OpenZeppelin's wizard writes (contracts/test/PlainGovernor.sol): linear votes, no late-quorum protection, no guardian.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.gas.governance import DAY, NOVA, ROLES, Chain, Suite, deploy_governor, governor_path, resource_token, started

VOTERS = 8


@dataclass(frozen=True)
class Comparison:
    """Gas of one step, with us and with OpenZeppelin's governor."""

    step: str
    ours: int
    plain: int

    @property
    def ratio(self) -> float:
        """Ours divided by plain."""
        return self.ours / self.plain


def plain_path(chain: Chain, voters: list[str]) -> dict[str, int]:
    """The path on a plain governor whose timelock administers an authority of its own."""
    token = chain.deploy("PlainVotesToken")
    timelock = chain.deploy("TimelockController", 2 * DAY, [], [], chain.deployer)
    governor = chain.deploy("PlainGovernor", token.address, timelock.address, 100_000 * NOVA)
    for role in ROLES:
        chain.gas(timelock.functions.grantRole(timelock.get_function_by_name(role)().call(), governor.address))
    authority = chain.deploy("Authority", chain.deployer)
    chain.gas(authority.functions.grantRole(0, timelock.address, 0))
    for account in (chain.deployer, *voters):
        chain.gas(token.functions.mint(account, 10**6 * NOVA))
        chain.gas(token.functions.delegate(account), account)
    return governor_path(chain, governor, timelock, resource_token(chain, authority.address), voters)


def measure() -> list[Comparison]:
    """Every step, from one chain."""
    with started() as node:
        chain = Chain(node)
        suite = Suite(chain, holders=VOTERS, verified=VOTERS)
        ours = governor_path(chain, *deploy_governor(suite), suite.cpu, suite.people)
        plain = plain_path(chain, suite.people)
    return [Comparison(step, ours[step], plain[step]) for step in ours]
