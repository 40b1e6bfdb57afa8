"""Gas of a trade on the curve and in the pool beside Uniswap v2, in one run: `python -m tests.bench.market`.

Uniswap is the published bytecode of its npm packages: factory, pair, Router02 and WETH9. The same token, trader and
amounts on all three, prague rules, whole transactions, steady state: everybody has traded before, no slot is new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from web3.contract import Contract

from tests.gas.governance import Chain, started
from tests.gas.market import CPU, FOREVER, WAD, Venues, measure_curve, measure_pool, venues

MODULES = Path(__file__).resolve().parents[2] / "node_modules" / "@uniswap"


@dataclass(frozen=True)
class Row:
    """One trade and its gas on each venue; None where there is no such trade."""

    trade: str
    uniswap: int | None
    pool: int | None
    curve: int | None


def published(chain: Chain, package: str, name: str, *arguments: Any) -> Contract:
    """Deploy a contract of a Uniswap npm package from its published bytecode."""
    built = json.loads((MODULES / package / "build" / f"{name}.json").read_text())
    factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["evm"]["bytecode"]["object"])
    sent = factory.constructor(*arguments).transact({"from": chain.deployer, "gas": 8_000_000})
    receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
    if receipt["status"] != 1:
        raise RuntimeError(f"deployment of {name} reverted")
    chain.time = int(chain.w3.eth.get_block("latest")["timestamp"])
    return chain.w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])


def measure_uniswap(placed: Venues) -> dict[str, int]:
    """Gas of the router's calls, against a pair with the reserves of our pool."""
    chain, token, trader, gas = placed.chain, placed.tokens[CPU], placed.trader, placed.gas
    factory = published(chain, "v2-core", "UniswapV2Factory", chain.deployer)
    wrapped = published(chain, "v2-periphery", "WETH9")
    router = published(chain, "v2-periphery", "UniswapV2Router02", factory.address, wrapped.address)
    f, there, back = router.functions, [wrapped.address, token.address], [token.address, wrapped.address]
    gas(token.functions.approve(router.address, 2**256 - 1))
    # It deploys the pair: more gas than any other call.
    add = f.addLiquidityETH(token.address, 25_000 * WAD, 0, 0, trader, FOREVER)
    sent = add.transact({"from": trader, "gas": 8_000_000, "value": 10 * WAD})
    if chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)["status"] != 1:
        raise RuntimeError("addLiquidityETH reverted")
    chain.time = int(chain.w3.eth.get_block("latest")["timestamp"])
    pair = factory.functions.getPair(token.address, wrapped.address).call()
    shares = json.loads((MODULES / "v2-core" / "build" / "UniswapV2Pair.json").read_text())["abi"]
    gas(chain.w3.eth.contract(address=pair, abi=shares).functions.approve(router.address, 2**256 - 1))
    gas(f.swapExactETHForTokens(0, there, trader, FOREVER), WAD // 100)  # writes the price accumulators first
    return {
        "native for token": gas(f.swapExactETHForTokens(0, there, trader, FOREVER), WAD // 100),
        "native for exact token": gas(f.swapETHForExactTokens(WAD, there, trader, FOREVER), WAD // 100),
        "token for native": gas(f.swapExactTokensForETH(WAD, 1, back, trader, FOREVER)),
        "token for exact native": gas(f.swapTokensForExactETH(WAD // 1_000, 10 * WAD, back, trader, FOREVER)),
        "add": gas(f.addLiquidityETH(token.address, 500 * WAD, 0, 0, trader, FOREVER), WAD // 10),
        "remove": gas(f.removeLiquidityETH(token.address, WAD, 0, 0, trader, FOREVER)),
    }


def measure() -> list[Row]:
    """Every row, from one chain."""
    with started() as node:
        placed = venues(Chain(node))
        curve, pool, uniswap = measure_curve(placed), measure_pool(placed), measure_uniswap(placed)
    on_curve = {
        "native for token": curve["curve: buy, exact in"],
        "native for exact token": curve["curve: buy, with a refund"],
        "token for native": curve["curve: sell"],
    }
    return [Row(trade, used, pool[f"pool: {trade}"], on_curve.get(trade)) for trade, used in uniswap.items()]


def table(rows: list[Row]) -> Table:
    """The rows for a terminal; in brackets how much less or more than Uniswap."""
    shown = Table(title="Trading, gas beside Uniswap v2 (Router02), prague rules", title_justify="left")
    shown.add_column("trade")
    for column in ("Uniswap v2", "LiquidityPool", "ResourceMarket"):
        shown.add_column(column, justify="right")
    for row in rows:
        ours = [
            "" if used is None or row.uniswap is None else f"{used:,} ({used / row.uniswap - 1:+.0%})"
            for used in (row.pool, row.curve)
        ]
        shown.add_row(row.trade, f"{row.uniswap:,}", *ours)
    return shown


if __name__ == "__main__":
    Console(width=130).print(table(measure()))
