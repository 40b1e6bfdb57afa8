"""Gas of offers and of staking; used by tests/gas/snapshot.py.

Steady state, each transaction at a time of its own: makers have been paid before, takers have had the token before,
allowances are unlimited, and offers and positions exist. What differs from that says so in its name.
"""

from __future__ import annotations

from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import Wei

from tests.gas.governance import DAY, Chain, person, started

WHOLE = 10**18
SELL, BUY = 0, 1
CPU = 0
#: Wei for a whole token: 0.001 of the native currency.
PRICE = 10**15
FOREVER = 2**256 - 1
NATIVE = "0x" + "00" * 20
#: Name, symbol, unit and cap in whole tokens.
TOKENS = (
    ("NovaCron CPU", "CPU", "vCPU-hour", 10**6),
    ("NovaCron MEM", "MEM", "GB-hour", 2 * 10**6),
    ("NovaCron STO", "STO", "TB-hour", 5 * 10**6),
    ("NovaCron NET", "NET", "GB", 10**7),
)


def measure_book() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with started() as node:
        chain = Chain(node)
        maker, taker, staker = people = [person(1_000 + i) for i in range(3)]
        for account in people:
            chain.unlock(account)
        authority = chain.deploy("Authority", chain.deployer)
        genesis = [(account, 10_000 * WHOLE) for account in (chain.deployer, *people)]
        tokens = [
            chain.deploy("ResourceToken", name, symbol, unit, cap * WHOLE, authority.address, genesis)
            for name, symbol, unit, cap in TOKENS
        ]
        book = chain.deploy("OrderBook", authority.address, chain.deployer)
        figures = _offers(chain, book, tokens[CPU], maker, taker)
        return figures | _stakes(chain, authority, tokens, staker)


def _offers(chain: Chain, book: Contract, token: Contract, maker: str, taker: str) -> dict[str, int]:
    f, offered = book.functions, token.address
    chain.gas(f.setListed(offered, True))
    for account in (maker, taker):
        chain.gas(token.functions.approve(book.address, FOREVER), account)
    expiry = chain.time + 30 * DAY

    def place(side: int) -> tuple[int, int]:
        function = f.place(side, offered, 100 * WHOLE, PRICE, WHOLE, expiry)
        used = _gas(chain, function, maker, 100 * PRICE if side == BUY else 0)
        return int(f.offerCount().call()), used

    def fill(offer: int, side: int, amount: int) -> int:
        value = amount * PRICE // WHOLE
        function = f.fill(offer, offered, amount, value, chain.time + DAY)
        return _gas(chain, function, taker, value if side == SELL else 0)

    (sell, _), (buy, _) = place(SELL), place(BUY)
    figures = {
        "fill of a sell, the maker's first pay": fill(sell, SELL, WHOLE),
        "fill of a buy, the maker's first pay": fill(buy, BUY, WHOLE),
    }
    (sell, figures["place a sell"]), (buy, figures["place a buy"]) = place(SELL), place(BUY)
    figures |= {
        "fill of a sell, in part": fill(sell, SELL, 10 * WHOLE),
        "fill of a buy, in part": fill(buy, BUY, 10 * WHOLE),
        "fill of a sell, the rest": fill(sell, SELL, 90 * WHOLE),
        "fill of a buy, the rest": fill(buy, BUY, 90 * WHOLE),
        "cancel": chain.gas(f.cancel(place(SELL)[0]), maker),
        "withdraw native currency": chain.gas(f.withdraw(NATIVE, maker), maker),
        "withdraw tokens": chain.gas(f.withdraw(offered, maker), maker),
    }
    return figures


def _stakes(chain: Chain, authority: Contract, tokens: list[Contract], staker: str) -> dict[str, int]:
    registry = _registry(chain, authority)
    addresses = [token.address for token in tokens]
    staking = chain.deploy("ResourceStaking", authority.address, chain.deployer, registry.address, addresses)
    chain.gas(registry.functions.setStaking(staking.address))
    f, token = staking.functions, tokens[CPU].functions
    for account in (chain.deployer, staker):
        chain.gas(token.approve(staking.address, FOREVER), account)
    chain.gas(f.fund(CPU, 100 * WHOLE))
    figures = {"fund": chain.gas(f.fund(CPU, 100 * WHOLE))}

    def stake() -> int:
        return chain.gas(f.stake(CPU, 100 * WHOLE, 30 * DAY), staker)

    stake()
    figures["stake"] = stake()
    stake()
    chain.gas(f.guarantee(1, 1, 100), staker)
    figures["guarantee"] = chain.gas(f.guarantee(2, 1, 100), staker)
    figures["release"] = chain.gas(f.release(2), staker)
    figures["exit early"] = chain.gas(f.exitEarly(2, staker), staker)
    chain.wait(30 * DAY)
    figures["withdraw a matured stake"] = chain.gas(f.withdraw(3, staker), staker)
    return figures


def _registry(chain: Chain, authority: Contract) -> Contract:
    """With one host of 10 vCPU, all of which may be reserved."""
    implementation = chain.deploy("HostRegistry")
    proxy = chain.deploy("Proxy", implementation.address, implementation.encode_abi("initialize", [authority.address]))
    registry = chain.w3.eth.contract(address=proxy.address, abi=implementation.abi)
    f, capacity = registry.functions, (10_000, 0, 0, 0)
    chain.gas(f.registerHost(b"eu-west".ljust(32, b"\0"), chain.deployer))
    chain.gas(f.setReservable(1, capacity))
    chain.gas(f.attest(1, capacity, chain.time + 300 * DAY, b"\1" * 32))
    return registry


def _gas(chain: Chain, function: ContractFunction, sender: str, value: int) -> int:
    """The same as `Chain.gas`, with so many wei."""
    chain.time += 12
    chain.node.rpc("evm_setNextBlockTimestamp", chain.time)
    sent = function.transact({"from": sender, "gas": 5_000_000, "value": Wei(value)})
    receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
    if receipt["status"] != 1:
        raise RuntimeError(f"{function.fn_name} reverted")
    return int(receipt["gasUsed"])
