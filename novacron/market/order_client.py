"""OrderBook: offers between people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError, MarketRefusedError
from novacron.market.advice import MARKET_ADVICE
from novacron.market.curve_client import Traded
from novacron.market.deployment import Account, Deployment, new_key, read, recipient_of
from novacron.market.offers import Offer, Side, Terms
from novacron.market.quotes import DEADLINE, deadline
from novacron.market.resources import Resource

#: What `balanceOf` and `withdraw` call the native currency.
NATIVE = "0x0000000000000000000000000000000000000000"
_BATCH = 100


@dataclass(frozen=True)
class Placed:
    """An offer that was placed, by its number."""

    receipt: TransactionReceipt
    id: int


class OrderMarket:
    """The order book of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("OrderBook")

    def offer(self, number: int) -> Offer:
        """An offer that stands.

        Raises:
            MarketRefusedError: it has ended or never was, or is of a token that is no resource.
        """
        found = self._offer(number, read(self.contract, MARKET_ADVICE, "offerOf", number))
        if found is None:
            raise MarketRefusedError(
                f"offer {number} has ended or never was: list the offers that stand (novacron market order list)"
            )
        return found

    def offers(self, resource: Resource | None = None, maker: str | None = None) -> Iterator[Offer]:
        """Offers of resource tokens that stand, expired ones included, newest first."""
        count = int(self.contract.call("offerCount"))
        for top in range(count, 0, -_BATCH):
            numbers = range(top, max(top - _BATCH, 0), -1)
            answers = self.contract.call_many([("offerOf", number) for number in numbers])
            for number, answer in zip(numbers, answers, strict=True):
                found = self._offer(number, answer)
                if found is None or resource not in (None, found.resource) or maker not in (None, found.maker):
                    continue
                yield found

    def balance_of(self, account: str, resource: Resource | None) -> int:
        """What an account can withdraw: base units of a resource's token, or wei when None."""
        return int(self.contract.call("balanceOf", parse_address(account, "account"), self._token(resource)))

    def place(self, account: Account, terms: Terms, *, key: str | None = None) -> Placed:
        """Place an offer; its tokens (SELL, approved exactly) or wei (BUY) go with it."""
        name, token = new_key("market/place", key), self.deployment.token(terms.resource)
        if terms.side is Side.SELL and not account.begun(name):
            account.require_held(terms.resource, terms.amount)
            account.allow(token, self.contract.address, terms.amount, name)
        receipt = account.send(
            name,
            self.contract,
            "place",
            int(terms.side),
            token.address,
            terms.amount,
            terms.price,
            terms.min_fill,
            terms.expiry,
            value=terms.escrow,
            varying=(5,),
        )
        return Placed(receipt, self._event(receipt, "OfferPlaced")["id"])

    def fill(
        self,
        account: Account,
        offer: Offer,
        amount: int,
        limit: int,
        *,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Traded:
        """Take `amount` base units of an offer.

        Args:
            limit: the most wei to pay (SELL) or the least to receive (BUY).
        """
        name, token = new_key("market/fill", key), self.deployment.token(offer.resource)
        if offer.side is Side.BUY and not account.begun(name):
            account.require_held(offer.resource, amount)
            account.allow(token, self.contract.address, amount, name)
        receipt = account.send(
            name,
            self.contract,
            "fill",
            offer.id,
            token.address,
            amount,
            limit,
            deadline(self.deployment.pool, seconds),
            value=limit if offer.side is Side.SELL else 0,
            varying=(3, 4),
            value_varies=True,
        )
        args = self._event(receipt, "OfferFilled")
        return Traded(receipt, args["amount"], args["value"])

    def cancel(self, account: Account, number: int) -> TransactionReceipt:
        """End an offer: its maker at any time, anybody once it has expired. What it held is in its maker's balance."""
        return account.send(f"market/cancel/{number}", self.contract, "cancel", number)

    def withdraw(
        self, account: Account, resource: Resource | None, *, recipient: str | None = None, key: str | None = None
    ) -> Traded:
        """Send all of the account's balance of a token, or the native currency when None, to `recipient`."""
        receipt = account.send(
            new_key("market/withdraw", key),
            self.contract,
            "withdraw",
            self._token(resource),
            recipient_of(account, recipient),
        )
        moved = self._event(receipt, "Withdrawn")["amount"]
        return Traded(receipt, 0, moved) if resource is None else Traded(receipt, moved, 0)

    def _token(self, resource: Resource | None) -> str:
        return NATIVE if resource is None else self.deployment.address_of(resource.name)

    def _offer(self, number: int, answer: tuple[Any, ...]) -> Offer | None:
        remaining, escrow, expiry, side, maker, price, token, min_fill = answer
        resource = self.deployment.resource_of(token)
        if expiry == 0 or resource is None:
            return None
        return Offer(number, Side(side), resource, maker, remaining, escrow, price, min_fill, expiry)

    def _event(self, receipt: TransactionReceipt, event: str) -> dict[str, Any]:
        found = self.contract.decode_logs(receipt, event)
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no {event} among its logs")
        return found[0].args
