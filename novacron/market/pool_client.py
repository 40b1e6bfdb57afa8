"""LiquidityPool: swaps, and providing liquidity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError
from novacron.market.curve_client import Traded
from novacron.market.deployment import Account, Deployment, new_key, recipient_of
from novacron.market.product import Liquidity, Reserves
from novacron.market.quotes import DEADLINE, Quote, deadline, pool_quote
from novacron.market.resources import Resource


@dataclass(frozen=True)
class Provided:
    """Liquidity that was added or removed, and the receipt."""

    receipt: TransactionReceipt
    liquidity: Liquidity


class PoolMarket:
    """The pools of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("LiquidityPool")

    def reserves(self, resource: Resource) -> Reserves:
        """A pool, all of it at one block."""
        block = int(self.deployment.pool.request("eth_blockNumber", []), 16)
        calls = [("reservesOf", int(resource)), ("totalSupply", int(resource))]
        (native, token), shares = self.contract.call_many(calls, block=block)
        return Reserves(resource, native, token, shares)

    def shares_of(self, account: str, resource: Resource) -> int:
        """Shares that an account holds."""
        return int(self.contract.call("balanceOf", parse_address(account, "account"), int(resource)))

    def quote_buy(self, resource: Resource, amount: int) -> Quote:
        """A purchase of exactly `amount` base units. Errors as `Reserves.buy_exact_out`."""
        reserves = self.reserves(resource)
        return pool_quote(reserves, "buy", reserves.buy_exact_out(amount))

    def quote_buy_exact_in(self, resource: Resource, payment: int) -> Quote:
        """The most that exactly `payment` wei buy. Errors as `Reserves.buy_exact_in`."""
        reserves = self.reserves(resource)
        return pool_quote(reserves, "buy", reserves.buy_exact_in(payment))

    def quote_sell(self, resource: Resource, amount: int) -> Quote:
        """A sale of exactly `amount` base units. Errors as `Reserves.sell_exact_in`."""
        reserves = self.reserves(resource)
        return pool_quote(reserves, "sell", reserves.sell_exact_in(amount))

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
        """Buy exactly `amount` base units for at most `max_cost` wei; arguments and errors as `CurveMarket.buy`."""
        receipt = account.send(
            new_key("market/pool-buy", key),
            self.contract,
            "swapNativeForExactToken",
            int(resource),
            amount,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            value=max_cost,
            varying=(3,),
            value_varies=True,
        )
        args = self._event(receipt, "NativeSwapped")
        return Traded(receipt, args["tokenOut"], args["nativeIn"])

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
            new_key("market/pool-buy-exact-in", key),
            self.contract,
            "swapNativeForToken",
            int(resource),
            min_amount,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            value=payment,
            varying=(1, 3),
        )
        args = self._event(receipt, "NativeSwapped")
        return Traded(receipt, args["tokenOut"], args["nativeIn"])

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
        """Sell exactly `amount` base units for at least `min_proceeds` wei, approving exactly that."""
        name = new_key("market/pool-sell", key)
        if not account.begun(name):
            account.require_held(resource, amount)
            account.allow(self.deployment.token(resource), self.contract.address, amount, name)
        receipt = account.send(
            name,
            self.contract,
            "swapTokenForNative",
            int(resource),
            amount,
            min_proceeds,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            varying=(2, 4),
        )
        args = self._event(receipt, "TokenSwapped")
        return Traded(receipt, args["tokenIn"], args["nativeOut"])

    def add(
        self,
        account: Account,
        resource: Resource,
        payment: int,
        max_token: int,
        *,
        min_token: int,
        min_shares: int,
        recipient: str | None = None,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Provided:
        """Add at most `payment` wei and `max_token` base units at the pool's ratio; the rest comes back.

        Args:
            min_token, min_shares: limits on the ratio, together; see `limits_of_addition`.
        """
        name = new_key("market/pool-add", key)
        if not account.begun(name):
            account.allow(self.deployment.token(resource), self.contract.address, max_token, name)
        receipt = account.send(
            name,
            self.contract,
            "add",
            int(resource),
            max_token,
            min_token,
            min_shares,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            value=payment,
            varying=(2, 3, 5),
        )
        return self._provided(receipt, "LiquidityAdded")

    def remove(
        self,
        account: Account,
        resource: Resource,
        shares: int,
        *,
        min_native: int,
        min_token: int,
        recipient: str | None = None,
        seconds: int = DEADLINE,
        key: str | None = None,
    ) -> Provided:
        """Give up `shares` for at least `min_native` wei and `min_token` base units. Also while the pool is paused."""
        receipt = account.send(
            new_key("market/pool-remove", key),
            self.contract,
            "remove",
            int(resource),
            shares,
            min_native,
            min_token,
            recipient_of(account, recipient),
            deadline(self.deployment.pool, seconds),
            varying=(2, 3, 5),
        )
        return self._provided(receipt, "LiquidityRemoved")

    def _provided(self, receipt: TransactionReceipt, event: str) -> Provided:
        args = self._event(receipt, event)
        return Provided(receipt, Liquidity(args["nativeAmount"], args["tokenAmount"], args["shares"]))

    def _event(self, receipt: TransactionReceipt, event: str) -> Mapping[str, Any]:
        found = self.contract.decode_logs(receipt, event)
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no {event} among its logs")
        return found[0].args


def least_of(amount: int, slippage: int) -> int:
    """`amount` less `slippage` parts per million, rounded up and at least 1: a limit from a quotation."""
    return max(amount - amount * slippage // 1_000_000, 1)
