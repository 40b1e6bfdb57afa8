"""The rules of the machine in test_market_machine.py: each action of the curve and of the pool, with its prediction."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.property.market_frame import PEOPLE, WEI, ZERO, MarketFrame
from tests.property.market_model import LOCK, LOCKED, WAD, Refused, fee_on

people = st.integers(0, PEOPLE - 1)
which = st.sampled_from([0, 1])
amounts = st.one_of(
    st.sampled_from([0, 1, 2, 1_000, 10**12, WAD]),
    st.integers(0, 10**6),
    st.integers(10**15, 10**19),
    st.integers(0, 10**22),
    st.integers(2**128, 2**256 - 1),
)
payments = st.one_of(
    st.sampled_from([0, 1, 2, 3]), st.integers(0, 10**9), st.integers(0, 10**17), st.integers(0, 10**22)
)
#: How far the caller's limit is from what comes: met exactly, generous, or missed by one.
limits = st.sampled_from([0, 0, 0, 1, 10**9, -1])
recipients = st.sampled_from([*[None] * 12, 1, 1, 1, "zero", "self"])
late = st.sampled_from([*[False] * 15, True])


class CurveRules(MarketFrame):
    @rule(i=which, who=people, amount=amounts, limit=limits, recipient=recipients, late=late, short=st.booleans())
    def buy(
        self, i: int, who: int, amount: int, limit: int, recipient: int | str | None, late: bool, short: bool
    ) -> None:
        sender, curve = self.people[who], self.curves[i]
        to = sender if short else self.to(recipient, sender, self.market)
        deadline = self.now - 1 if late and not short else self.now
        payment = 0
        if 0 < amount <= curve.inventory:
            value = curve.value(amount)
            payment = min(value + fee_on(value, self.fee) + limit, WEI // 100, self.wei[sender])

        def predict() -> list[Any]:
            self.checks("ResourceMarket", deadline, to)
            self.not_stopped(self.market)
            value = curve.value(amount)
            fee = fee_on(value, self.fee)
            if value + fee > payment:
                raise Refused("ResourceMarket_InsufficientPayment", value + fee, payment)
            return self.bought(i, sender, to, amount, value, fee)

        function = self.world.market.get_function_by_signature(
            "purchaseResource(uint8,uint256)" if short else "purchaseResource(uint8,uint256,address,uint256)"
        )
        self.act(sender, function(i, amount) if short else function(i, amount, to, deadline), predict, payment)

    @rule(i=which, who=people, payment=payments, limit=limits, recipient=recipients, late=late)
    def buy_exact_in(self, i: int, who: int, payment: int, limit: int, recipient: int | str | None, late: bool) -> None:
        sender, curve = self.people[who], self.curves[i]
        to, deadline = self.to(recipient, sender, self.market), self.now - late
        payment = min(payment, self.wei[sender])
        most = curve.most_for(payment, self.fee)
        minimum = max(0, most - limit)

        def predict() -> list[Any]:
            self.not_stopped(self.market)
            self.checks("ResourceMarket", deadline, to)
            value = curve.value(most)
            if most < minimum:
                raise Refused("ResourceMarket_InsufficientAmount", most, minimum)
            return self.bought(i, sender, to, most, value, payment - value)

        function = self.world.market.functions.purchaseExactIn(i, minimum, to, deadline)
        self.act(sender, function, predict, payment)

    def bought(self, i: int, sender: str, to: str, amount: int, value: int, fee: int) -> list[Any]:
        curve = self.curves[i]
        curve.sold, curve.inventory = curve.sold + amount, curve.inventory - amount
        curve.reserve, curve.fees = curve.reserve + value, curve.fees + fee
        self.move_token(i, self.market, to, amount)
        self.move_wei(sender, self.market, value + fee)
        told = {"resource": i, "buyer": sender, "recipient": to, "amount": amount, "cost": value + fee, "fee": fee}
        return [("ResourcePurchased", told)]

    @rule(i=which, who=people, amount=amounts, whole=st.booleans(), limit=limits, recipient=recipients, late=late)
    def sell(
        self, i: int, who: int, amount: int, whole: bool, limit: int, recipient: int | str | None, late: bool
    ) -> None:
        sender, curve = self.people[who], self.curves[i]
        to, deadline = self.to(recipient, sender, self.market), self.now - late
        amount = min(curve.sold, self.held[i][sender]) if whole else amount
        try:
            minimum = max(0, curve.proceeds(amount, self.fee)[0] - limit)
        except Refused:
            minimum = 0

        def predict() -> list[Any]:
            self.checks("ResourceMarket", self.now, to)
            self.checks("ResourceMarket", deadline, to)
            proceeds, fee = curve.proceeds(amount, self.fee)
            if proceeds < minimum:
                raise Refused("ResourceMarket_InsufficientProceeds", proceeds, minimum)
            self.move_token(i, sender, self.market, amount)
            curve.sold, curve.inventory = curve.sold - amount, curve.inventory + amount
            curve.reserve, curve.fees = curve.reserve - proceeds - fee, curve.fees + fee
            self.move_wei(self.market, to, proceeds)
            told = {"resource": i, "seller": sender, "recipient": to, "amount": amount}
            return [("ResourceSold", told | {"proceeds": proceeds, "fee": fee})]

        function = self.world.market.get_function_by_signature("sellResource(uint8,uint256,uint256,address,uint256)")
        self.act(sender, function(i, amount, minimum, to, deadline), predict)

    @rule(i=which, who=people, amount=st.integers(0, 10**20), out=st.booleans(), allowed=st.booleans())
    def stock_or_unstock(self, i: int, who: int, amount: int, out: bool, allowed: bool) -> None:
        sender, curve = self.world.admin if out and allowed else self.people[who], self.curves[i]

        def predict() -> list[Any]:
            if out and not allowed:
                raise Refused("AccessManagedUnauthorized", sender)
            if amount == 0:
                raise Refused("ResourceMarket_ZeroAmount")
            if out and amount > curve.inventory:
                raise Refused("ResourceMarket_InsufficientInventory", i, amount, curve.inventory)
            self.move_token(i, *((self.market, sender) if out else (sender, self.market)), amount)
            curve.inventory += -amount if out else amount
            who = {"recipient": sender} if out else {"from": sender}
            return [("ResourceUnstocked" if out else "ResourceStocked", {"resource": i, "amount": amount} | who)]

        f = self.world.market.functions
        self.act(sender, f.unstock(i, amount, sender) if out else f.stock(i, amount), predict)

    @rule(fee=st.sampled_from([0, 1, 3_000, 9_999, 10_000, 10_001]), allowed=st.sampled_from([True, True, False]))
    def set_fee(self, fee: int, allowed: bool) -> None:
        sender = self.world.admin if allowed else self.people[0]

        def predict() -> list[Any]:
            if not allowed:
                raise Refused("AccessManagedUnauthorized", sender)
            if fee > 10_000:
                raise Refused("ResourceMarket_FeeTooHigh", fee, 10_000)
            self.fee = fee
            return [("FeeSet", {"fee": fee})]

        self.act(sender, self.world.market.functions.setFee(fee), predict)

    @rule(i=which, who=people)
    def collect_fees(self, i: int, who: int) -> None:
        curve = self.curves[i]

        def predict() -> list[Any]:
            if curve.fees == 0:
                raise Refused("ResourceMarket_NoFees", i)
            amount, curve.fees = curve.fees, 0
            self.move_wei(self.market, self.world.treasury, amount)
            return [("FeesCollected", {"resource": i, "amount": amount})]

        self.act(self.people[who], self.world.market.functions.collectFees(i), predict)


class PoolRules(MarketFrame):
    def fill(self) -> None:
        for i in range(2):
            self.add(i, 0, 10 * WAD + 3, 1_000 * WAD + 7, 0, None, False)

    @rule(i=which, who=people, payment=payments, most=amounts, limit=limits, recipient=recipients, late=late)
    def add(
        self, i: int, who: int, payment: int, most: int, limit: int, recipient: int | str | None, late: bool
    ) -> None:
        sender, pool = self.people[who], self.pools[i]
        to, deadline = self.to(recipient, sender, self.pool), self.now - late
        payment, most = min(payment, self.wei[sender]), most if pool.supply else min(most, 2**127)
        try:
            minimum = max(0, pool.addition(payment, most)[2] - limit)
        except Refused:
            minimum = 0

        def predict() -> list[Any]:
            self.not_stopped(self.pool)
            self.checks("LiquidityPool", deadline, to)
            native, token, shares = pool.addition(payment, most)
            if shares < minimum:
                raise Refused("LiquidityPool_InsufficientShares", shares, minimum)
            self.move_token(i, sender, self.pool, token)
            self.move_wei(sender, self.pool, native)
            told = {"resource": i, "provider": sender, "recipient": to}
            told |= {"nativeAmount": native, "tokenAmount": token, "shares": shares}
            minted = [transferred(sender, ZERO, to, i, shares), ("LiquidityAdded", told)]
            if pool.supply == 0:
                pool.shares[LOCK] = LOCKED
                minted.insert(0, transferred(sender, ZERO, LOCK, i, LOCKED))
            pool.shares[to] = pool.shares.get(to, 0) + shares
            pool.native, pool.token = pool.native + native, pool.token + token
            return minted

        self.act(sender, self.world.pool.functions.add(i, most, 0, minimum, to, deadline), predict, payment)

    @rule(i=which, who=people, shares=amounts, whole=st.booleans(), limit=limits, recipient=recipients, late=late)
    def remove(
        self, i: int, who: int, shares: int, whole: bool, limit: int, recipient: int | str | None, late: bool
    ) -> None:
        pool = self.pools[i]
        providers = [person for person in self.people if pool.shares.get(person)]
        sender = providers[who % len(providers)] if whole and providers else self.people[who]
        to, deadline = self.to(recipient, sender, self.pool), self.now - late
        balance = pool.shares.get(sender, 0)
        shares = balance if whole else shares
        try:
            minimum = max(0, pool.removal(shares)[0] - limit)
        except Refused:
            minimum = 0

        def predict() -> list[Any]:
            self.checks("LiquidityPool", deadline, to)
            native, token = pool.removal(shares)
            if native < minimum:
                raise Refused("LiquidityPool_InsufficientNative", native, minimum)
            if shares > balance:
                raise Refused("ERC6909InsufficientBalance", sender, balance, shares, i)
            pool.shares[sender] -= shares
            pool.native, pool.token = pool.native - native, pool.token - token
            self.move_token(i, self.pool, to, token)
            self.move_wei(self.pool, to, native)
            told = {"resource": i, "provider": sender, "recipient": to}
            told |= {"nativeAmount": native, "tokenAmount": token, "shares": shares}
            return [transferred(sender, sender, ZERO, i, shares), ("LiquidityRemoved", told)]

        self.act(sender, self.world.pool.functions.remove(i, shares, minimum, 0, to, deadline), predict)

    @rule(
        i=which,
        who=people,
        amount=amounts,
        sells_token=st.booleans(),
        exact_out=st.booleans(),
        limit=limits,
        recipient=recipients,
        late=late,
    )
    def swap(
        self,
        i: int,
        who: int,
        amount: int,
        sells_token: bool,
        exact_out: bool,
        limit: int,
        recipient: int | str | None,
        late: bool,
    ) -> None:
        sender, pool = self.people[who], self.pools[i]
        to, deadline = self.to(recipient, sender, self.pool), self.now - late
        amount = min(amount, 2**100 if exact_out or sells_token else self.wei[sender])
        try:
            other = pool.needed(amount, sells_token) + limit if exact_out else pool.output(amount, sells_token) - limit
        except Refused:
            other = 0
        other = max(0, min(other, self.wei[sender]) if exact_out and not sells_token else other)
        payment = 0 if sells_token else other if exact_out else amount

        def predict() -> list[Any]:
            self.not_stopped(self.pool)
            self.checks("LiquidityPool", deadline, to)
            if exact_out:
                into, out = pool.needed(amount, sells_token), amount
                if into > other:
                    short = "LiquidityPool_ExcessiveToken" if sells_token else "LiquidityPool_InsufficientPayment"
                    raise Refused(short, into, other)
            else:
                into, out = amount, pool.output(amount, sells_token)
                if out < other:
                    side = "Native" if sells_token else "Token"
                    raise Refused(f"LiquidityPool_Insufficient{side}", out, other)
            if sells_token:
                self.move_token(i, sender, self.pool, into)
                self.move_wei(self.pool, to, out)
                pool.token, pool.native = pool.token + into, pool.native - out
                names = ("TokenSwapped", "tokenIn", "nativeOut")
            else:
                self.move_token(i, self.pool, to, out)
                self.move_wei(sender, self.pool, into)
                pool.native, pool.token = pool.native + into, pool.token - out
                names = ("NativeSwapped", "nativeIn", "tokenOut")
            return [(names[0], {"resource": i, "trader": sender, "recipient": to, names[1]: into, names[2]: out})]

        f = self.world.pool.functions
        forms = {
            (False, False): lambda: f.swapNativeForToken(i, other, to, deadline),
            (False, True): lambda: f.swapNativeForExactToken(i, amount, to, deadline),
            (True, False): lambda: f.swapTokenForNative(i, amount, other, to, deadline),
            (True, True): lambda: f.swapTokenForExactNative(i, amount, other, to, deadline),
        }
        self.act(sender, forms[sells_token, exact_out](), predict, payment)


class MarketMachine(CurveRules, PoolRules):
    @rule(
        of_pool=st.booleans(), stop=st.sampled_from([False, False, True]), allowed=st.sampled_from([True, True, False])
    )
    def brake(self, of_pool: bool, stop: bool, allowed: bool) -> None:
        contract = self.world.pool if of_pool else self.world.market
        sender = self.world.admin if allowed else self.people[0]

        def predict() -> list[Any]:
            if not allowed:
                raise Refused("OwnableUnauthorizedAccount", sender)
            if stop == self.stopped[contract.address]:
                raise Refused("EnforcedPause" if stop else "ExpectedPause")
            self.stopped[contract.address] = stop
            return [("Paused" if stop else "Unpaused", {"account": sender})]

        f = contract.functions
        self.act(sender, f.pauseContract() if stop else f.unpauseContract(), predict)

    @rule(i=which, who=people, amount=st.integers(0, 10**18), of_pool=st.booleans())
    def donate(self, i: int, who: int, amount: int, of_pool: bool) -> None:
        """Tokens sent, ether forced in: no book changes."""
        sender, to = self.people[who], self.pool if of_pool else self.market
        amount = min(amount, self.held[i][sender])
        self.move_token(i, sender, to, amount)
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        transaction = {"from": sender, "gasPrice": 0}
        sent = self.world.tokens[i].functions.transfer(to, amount).transact(transaction)  # type: ignore[arg-type]
        self.world.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        self.wei[to] += 1
        self.world.node.rpc("anvil_setBalance", to, hex(self.wei[to]))


def transferred(caller: str, source: str, to: str, number: int, amount: int) -> tuple[str, dict[str, Any]]:
    """ERC-6909's event."""
    return "Transfer", {"caller": caller, "sender": source, "receiver": to, "id": number, "amount": amount}
