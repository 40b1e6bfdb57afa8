"""ResourceMarket: buying from and selling to the bonding curve."""

from __future__ import annotations

from dataclasses import dataclass

from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError
from novacron.market.curve import Book, Curve
from novacron.market.deployment import Account, Deployment, new_key, recipient_of
from novacron.market.permits import can_permit, sign_permit
from novacron.market.quotes import DEADLINE, Quote, curve_quote, deadline
from novacron.market.resources import Resource

_PURCHASE = "purchaseResource(uint8,uint256,address,uint256)"
_SELL = "sellResource(uint8,uint256,uint256,address,uint256)"


@dataclass(frozen=True)
class Traded:
    """What a trade moved.

    Attributes:
        amount: base units of the token.
        native: wei paid or received, fee included.
    """

    receipt: TransactionReceipt
    amount: int
    native: int


class CurveMarket:
    """The curves of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("ResourceMarket")

    def book(self, resource: Resource) -> Book:
        """A resource's book, all of it at one block."""
        block = int(self.deployment.pool.request("eth_blockNumber", []), 16)
        number = int(resource)
        views = ("curveOf", "soldOf", "reserveOf", "inventoryOf", "feesOf")
        answers = self.contract.call_many([*((view, number) for view in views), ("fee",)], block=block)
        (_, base, steepness), sold, reserve, inventory, fees, fee = answers
        return Book(resource, Curve(base, steepness), sold, reserve, inventory, fees, fee)

    def is_paused(self) -> bool:
        """Whether purchases are stopped."""
        return bool(self.contract.call("paused"))

    def quote_buy(self, resource: Resource, amount: int) -> Quote:
        """A purchase of exactly `amount` base units. Errors as `Book.quote_buy`."""
        book = self.book(resource)
        return curve_quote(book, "buy", book.quote_buy(amount))

    def quote_buy_exact_in(self, resource: Resource, payment: int) -> Quote:
        """The most that exactly `payment` wei buy. Errors as `Book.quote_buy_exact_in`."""
        book = self.book(resource)
        return curve_quote(book, "buy", book.quote_buy_exact_in(payment))

    def quote_sell(self, resource: Resource, amount: int) -> Quote:
        """A sale of exactly `amount` base units. Errors as `Book.quote_sell`."""
        book = self.book(resource)
        return curve_quote(book, "sell", book.quote_sell(amount))

    def buy(
        self,
        account: Account,
        resource: Resource,
        amount: int,
        max_cost: int,
        *,
        recipient: str | None = None,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Traded:
        """Buy exactly `amount` base units for at most `max_cost` wei; what is left of it comes back.

        Args:
            recipient: who gets the tokens; the account when None.
            seconds: how long it may take to be mined.
            key: names this purchase, so that repeating it buys once; None for a purchase of its own.

        Raises:
            RevertedError: with advice. Others as `Account.send`.
        """
        receipt = account.send(
            new_key("market/buy", key),
            self.contract,
            _PURCHASE,
            int(resource),
            amount,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            value=max_cost,
            varying=(3,),
            value_varies=True,
        )
        return self._traded(receipt, "ResourcePurchased", "cost")

    def buy_exact_in(
        self,
        account: Account,
        resource: Resource,
        payment: int,
        min_amount: int,
        *,
        recipient: str | None = None,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Traded:
        """Spend exactly `payment` wei on at least `min_amount` base units; otherwise as `buy`."""
        receipt = account.send(
            new_key("market/buy-exact-in", key),
            self.contract,
            "purchaseExactIn",
            int(resource),
            min_amount,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            value=payment,
            varying=(1, 3),
        )
        return self._traded(receipt, "ResourcePurchased", "cost")

    def sell(
        self,
        account: Account,
        resource: Resource,
        amount: int,
        min_proceeds: int,
        *,
        recipient: str | None = None,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Traded:
        """Sell `amount` base units for at least `min_proceeds` wei; otherwise as `buy`.

        The allowance is a permit where the account signs messages, else a transaction of exactly `amount`.
        """
        name, until = new_key("market/sell", key), deadline(self.deployment.pool, seconds)
        token, receiver = self.deployment.token(resource), recipient_of(account, recipient)
        common = (int(resource), amount, min_proceeds, receiver, until)
        if not account.begun(name):
            account.require_held(resource, amount)
        if can_permit(account):
            permit = sign_permit(account, token, self.contract.address, amount, until)
            signature = (permit.v, permit.r, permit.s)
            receipt = account.send(
                name, self.contract, "sellResourceWithPermit", *common, *signature, varying=(2, 4, 5, 6, 7)
            )
        else:
            if not account.begun(name):
                account.allow(token, self.contract.address, amount, name)
            receipt = account.send(name, self.contract, _SELL, *common, varying=(2, 4))
        return self._traded(receipt, "ResourceSold", "proceeds")

    def _traded(self, receipt: TransactionReceipt, event: str, native: str) -> Traded:
        found = self.contract.decode_logs(receipt, event)
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no {event} among its logs")
        return Traded(receipt, found[0].args["amount"], found[0].args[native])
