"""Gas of the curve and of the pool; used by tests/gas/snapshot.py and tests/bench/market.py.

Steady state: whoever trades has traded before and the books have been written to, so that no slot is new. Every
transaction is mined in a second of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3.contract import Contract

from tests.gas.governance import Chain, person, started

WAD = 10**18
#: Symbol, unit, cap, base price in wei (of the plan, at 2,500 dollars an ether).
RESOURCES = (
    ("CPU", "vCPU-hour", 10**6 * WAD, 4 * 10**11),
    ("MEM", "GB-hour", 2 * 10**6 * WAD, 2 * 10**11),
    ("STO", "TB-hour", 5 * 10**6 * WAD, 4 * 10**10),
    ("NET", "GB", 10**7 * WAD, 4 * 10**9),
)
CPU = 0
FEE = 3_000
FOREVER = 2**40


@dataclass(frozen=True)
class Venues:
    """Curve and pool over the four tokens, stocked and filled, with a trader who has traded on both."""

    chain: Chain
    authority: Contract
    tokens: list[Contract]
    market: Contract
    pool: Contract
    trader: str

    def gas(self, function: Any, value: int = 0) -> int:
        """Gas of a call by the trader, with so much native currency.

        Raises:
            RuntimeError: it reverted.
        """
        chain = self.chain
        chain.time += 12
        chain.node.rpc("evm_setNextBlockTimestamp", chain.time)
        sent = function.transact({"from": self.trader, "gas": 1_000_000, "value": value})
        receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        if receipt["status"] != 1:
            raise RuntimeError(f"{function.fn_name} reverted")
        return int(receipt["gasUsed"])

    def overload(self, signature: str) -> Any:
        """A function of the market by its signature, of which it has several of one name."""
        return self.market.get_function_by_signature(signature)


def venues(chain: Chain) -> Venues:
    """Deploy them; half of each supply is in stock, and the pool of CPU holds 10 ether and 25,000 tokens."""
    authority = chain.deploy("Authority", chain.deployer)
    tokens = [
        chain.deploy(
            "ResourceToken", f"NovaCron {symbol}", symbol, unit, cap, authority.address, [(chain.deployer, cap)]
        )
        for symbol, unit, cap, _ in RESOURCES
    ]
    curves = [(token.address, base, cap // 10) for token, (_, _, cap, base) in zip(tokens, RESOURCES, strict=True)]
    trader, treasury = person(1), person(2)
    chain.unlock(trader)
    market = chain.deploy("ResourceMarket", authority.address, chain.deployer, treasury, curves, FEE)
    pool = chain.deploy("LiquidityPool", chain.deployer, [token.address for token in tokens])
    for number, (token, (_, _, cap, _)) in enumerate(zip(tokens, RESOURCES, strict=True)):
        chain.gas(token.functions.approve(market.address, cap))
        chain.gas(market.functions.stock(number, cap // 2))
        chain.gas(token.functions.transfer(trader, cap // 10))
    placed = Venues(chain, authority, tokens, market, pool, trader)
    for venue in (market, pool):
        placed.gas(tokens[CPU].functions.approve(venue.address, 2**256 - 1))
    placed.gas(pool.functions.add(CPU, 25_000 * WAD, 0, 0, trader, FOREVER), 10 * WAD)
    return placed


def measure_market() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with started() as node:
        placed = venues(Chain(node))
        return measure_curve(placed) | measure_pool(placed)


def measure_curve(placed: Venues) -> dict[str, int]:
    """Buying and selling CPU on the curve, and what belongs to it."""
    f, trader, gas = placed.market.functions, placed.trader, placed.gas
    buy = placed.overload("purchaseResource(uint8,uint256)")
    buy_for = placed.overload("purchaseResource(uint8,uint256,address,uint256)")
    sell = placed.overload("sellResource(uint8,uint256,uint256,uint256)")
    sell_to = placed.overload("sellResource(uint8,uint256,uint256,address,uint256)")
    figures = {"curve: buy, the very first": gas(buy(CPU, 100 * WAD), WAD)}
    figures["curve: buy, with a refund"] = gas(buy(CPU, 100 * WAD), WAD)
    cost = f.quoteBuy(CPU, 100 * WAD).call()
    figures["curve: buy, paid exactly"] = gas(buy(CPU, 100 * WAD), cost)
    figures["curve: buy, recipient and deadline"] = gas(buy_for(CPU, 100 * WAD, trader, FOREVER), WAD)
    figures["curve: buy, exact in"] = gas(f.purchaseExactIn(CPU, WAD, trader, FOREVER), WAD // 1_000)
    figures["curve: sell"] = gas(sell(CPU, 50 * WAD, 1, FOREVER))
    gas(placed.tokens[CPU].functions.approve(placed.market.address, 100 * WAD))
    figures["curve: sell, approval not for ever"] = gas(sell(CPU, 50 * WAD, 1, FOREVER))
    gas(placed.tokens[CPU].functions.approve(placed.market.address, 2**256 - 1))
    figures["curve: sell, recipient"] = gas(sell_to(CPU, 50 * WAD, 1, trader, FOREVER))
    figures["curve: stock"] = gas(f.stock(CPU, WAD))
    figures["curve: collect fees, the first to the treasury"] = gas(f.collectFees(CPU))
    gas(buy(CPU, 100 * WAD), WAD)
    figures["curve: collect fees"] = gas(f.collectFees(CPU))
    return figures


def measure_pool(placed: Venues) -> dict[str, int]:
    """Swapping CPU in the pool in four forms, adding and removing."""
    f, trader, gas = placed.pool.functions, placed.trader, placed.gas
    return {
        "pool: native for token": gas(f.swapNativeForToken(CPU, WAD, trader, FOREVER), WAD // 100),
        "pool: native for exact token": gas(f.swapNativeForExactToken(CPU, WAD, trader, FOREVER), WAD // 100),
        "pool: token for native": gas(f.swapTokenForNative(CPU, WAD, 1, trader, FOREVER)),
        "pool: token for exact native": gas(f.swapTokenForExactNative(CPU, WAD // 1_000, WAD * 10, trader, FOREVER)),
        "pool: add": gas(f.add(CPU, 500 * WAD, 0, 0, trader, FOREVER), WAD // 10),
        "pool: remove": gas(f.remove(CPU, WAD, 0, 0, trader, FOREVER)),
    }


#: What the project promises for an operation.
BOUNDS = {
    "curve: buy, with a refund": 90_000,
    "curve: buy, recipient and deadline": 90_000,
    "curve: buy, exact in": 90_000,
    "curve: sell": 70_000,
    "curve: sell, approval not for ever": 70_000,
    "curve: sell, recipient": 70_000,
    "pool: native for token": 85_000,
    "pool: native for exact token": 85_000,
    "pool: token for native": 85_000,
    "pool: token for exact native": 85_000,
}
