"""ResourceStaking: fixed-term positions, and the guarantees that they back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError, InputError, MarketError
from novacron.market.advice import MARKET_ADVICE
from novacron.market.deployment import Account, Deployment, new_key, read, recipient_of
from novacron.market.resources import UNIT, Resource

DAY = 86_400
YEAR = 365 * DAY
MIN_TERM, MAX_TERM = 30 * DAY, 365 * DAY
#: Rates of a year, hundredths of a per cent.
RATES: Mapping[Resource, int] = MappingProxyType(
    {Resource.CPU: 1_000, Resource.MEM: 800, Resource.STO: 600, Resource.NET: 500}
)


def reward_of(resource: Resource, amount: int, term: int) -> int:
    """Reward of `amount` base units for `term` seconds, base units, rounded down."""
    return amount * RATES[resource] * term // (10_000 * YEAR)


def backed_by(principal: int, remaining: int) -> int:
    """Thousandths of the token's unit per hour that a principal pays for in the `remaining` seconds, rounded down."""
    if remaining <= 0:
        return 0
    return min(principal * 1_000 * 3_600 // (UNIT * remaining), (1 << 32) - 1)


@dataclass(frozen=True)
class Position:
    """A stake.

    Attributes:
        start, maturity: Unix seconds.
        guaranteeing: whether it backs a guarantee.
        principal, reward: base units.
    """

    id: int
    owner: str
    resource: Resource
    start: int
    maturity: int
    guaranteeing: bool
    principal: int
    reward: int


@dataclass(frozen=True)
class Paid:
    """Base units that were paid out."""

    receipt: TransactionReceipt
    amount: int


class Staking:
    """The staking contract of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("ResourceStaking")

    def position(self, number: int) -> Position:
        """A position. Raises MarketError when it has been paid out or never was."""
        found = self._position(number, self.contract.call("positionOf", number))
        if found is None:
            raise MarketError(
                f"position {number} has been paid out or never was: list yours (novacron market stake list)"
            )
        return found

    def positions(self, owner: str) -> Iterator[Position]:
        """An account's positions that are not paid out, oldest first."""
        filters = {"owner": parse_address(owner, "owner")}
        events = self.contract.events("Staked", self.deployment.first_block, filters=filters)
        numbers = [event.args["positionId"] for event in events]
        answers = self.contract.call_many([("positionOf", number) for number in numbers]) if numbers else []
        for number, answer in zip(numbers, answers, strict=True):
            found = self._position(number, answer)
            if found is not None:
                yield found

    def free_budget(self, resource: Resource) -> int:
        """Base units that rewards of new stakes can be set aside from."""
        return int(self.contract.call("freeBudgetOf", int(resource)))

    def backed_by(self, number: int) -> int:
        """Units that a position's guarantee would keep now, thousandths of the token's unit per hour."""
        return int(read(self.contract, MARKET_ADVICE, "backedBy", number))

    def stake(
        self, account: Account, resource: Resource, amount: int, term: int, *, key: str | None = None
    ) -> tuple[TransactionReceipt, Position]:
        """Lock `amount` base units (approved exactly) for `term` seconds.

        Raises:
            InputError: the term is not between 30 and 365 days.
            RevertedError: with advice, as where the budget cannot pay the reward.
        """
        if not MIN_TERM <= term <= MAX_TERM:
            raise InputError(f"a term of {term} seconds is not between 30 and 365 days")
        name = new_key("market/stake", key)
        if not account.begun(name):
            account.require_held(resource, amount)
            account.allow(self.deployment.token(resource), self.contract.address, amount, name)
        receipt = account.send(name, self.contract, "stake", int(resource), amount, term)
        args = self._event(receipt, "Staked")
        start = args["maturity"] - term
        made = Position(
            args["positionId"], args["owner"], resource, start, args["maturity"], False, amount, args["reward"]
        )
        return receipt, made

    def withdraw(self, account: Account, number: int, *, recipient: str | None = None) -> Paid:
        """Pay out a matured position: principal and reward."""
        to = recipient_of(account, recipient)
        receipt = account.send(f"market/unstake/{number}", self.contract, "withdraw", number, to)
        args = self._event(receipt, "Withdrawn")
        return Paid(receipt, args["principal"] + args["reward"])

    def exit_early(self, account: Account, number: int, *, recipient: str | None = None) -> Paid:
        """Pay out the principal before maturity; the reward is given up."""
        to = recipient_of(account, recipient)
        receipt = account.send(f"market/exit/{number}", self.contract, "exitEarly", number, to)
        return Paid(receipt, self._event(receipt, "ExitedEarly")["principal"])

    def guarantee(
        self, account: Account, number: int, host: int, units: int, *, key: str | None = None
    ) -> TransactionReceipt:
        """Have `units` of a host's attested capacity kept until the position matures."""
        name = new_key(f"market/guarantee/{number}", key)
        return account.send(name, self.contract, "guarantee", number, host, units)

    def release(self, account: Account, number: int, *, key: str | None = None) -> TransactionReceipt:
        """End a position's guarantee."""
        return account.send(new_key(f"market/release/{number}", key), self.contract, "release", number)

    def fund(self, account: Account, resource: Resource, amount: int, *, key: str | None = None) -> TransactionReceipt:
        """Add `amount` base units (approved exactly) to what rewards are paid from: a gift that is not given back."""
        name = new_key("market/fund", key)
        if not account.begun(name):
            account.require_held(resource, amount)
            account.allow(self.deployment.token(resource), self.contract.address, amount, name)
        return account.send(name, self.contract, "fund", int(resource), amount)

    @staticmethod
    def _position(number: int, answer: tuple[Any, ...]) -> Position | None:
        owner, resource, start, maturity, guaranteeing, principal, reward = answer
        if maturity == 0:
            return None
        return Position(number, owner, Resource(resource), start, maturity, guaranteeing, principal, reward)

    def _event(self, receipt: TransactionReceipt, event: str) -> dict[str, Any]:
        found = self.contract.decode_logs(receipt, event)
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no {event} among its logs")
        return found[0].args
