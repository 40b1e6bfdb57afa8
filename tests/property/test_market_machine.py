"""ResourceMarket and LiquidityPool against a plain Python model in exact fractions: random histories on anvil.

Every rule predicts its outcome, the exact error or the exact events. After each step the books of both contracts and
the balances of everybody, in tokens, shares and wei, are those of the model. Transactions cost no gas here, so that
a balance is a sum of what was traded. Each example runs on a snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from web3 import Web3

from novacron.chain.anvil import Anvil
from tests.contracts.evm import send
from tests.property.market_frame import ENDOWMENT, PEOPLE, REACHED, SHAPES, STEPS, STOCK, WEI, World
from tests.property.market_model import WAD
from tests.property.market_rules import MarketMachine
from tests.support.contracts import deploy


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The contracts on an anvil of their own where gas is free."""
    with Anvil(extra=("--block-base-fee-per-gas", "0", "--balance", str(WEI // WAD))) as node:
        w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        admin, *rest = (str(account) for account in w3.eth.accounts)
        names, treasury = rest[:PEOPLE], "0x" + "7E" * 20
        authority = deploy(w3, "Authority", admin)
        genesis = [*((who, ENDOWMENT) for who in names), (admin, STOCK)]
        tokens = [
            deploy(w3, "ResourceToken", symbol, symbol, "unit", 10**24, authority.address, genesis)
            for symbol in ("CPU", "MEM")
        ]
        four = [*(token.address for token in tokens), tokens[0].address, tokens[1].address]
        curves = [(token, *shape) for token, shape in zip(four, SHAPES * 2, strict=True)]
        market = deploy(
            w3, "ResourceMarket", authority.address, admin, Web3.to_checksum_address(treasury), curves, 3_000
        )
        pool = deploy(w3, "LiquidityPool", admin, four)
        for i, token in enumerate(tokens):
            send(w3, token.functions.approve(market.address, STOCK), admin)
            send(w3, market.functions.stock(i, STOCK), admin)
            for who in names:
                for venue in (market, pool):
                    send(w3, token.functions.approve(venue.address, 2**256 - 1), who)
        for who in names:
            node.rpc("anvil_setBalance", who, hex(WEI))
        abi = [*market.abi, *pool.abi, *tokens[0].abi]
        reader = deploy(w3, "MarketReader")
        treasury = Web3.to_checksum_address(treasury)
        yield World(node, w3, tokens, market, pool, reader, admin, treasury, names, abi)


@pytest.fixture
def machine(world: World) -> type[MarketMachine]:
    """The state machine over that world."""
    REACHED.clear()
    STEPS.clear()
    return type("Machine", (MarketMachine,), {"world": world})


def test_every_rule_of_the_market_machine_can_succeed(machine: type[MarketMachine]) -> None:
    """One history by hand, through the same rules and predictions, with every error."""
    walk = machine()
    walk.begin()
    big = 2**200
    steps: list[Callable[[], None]] = [
        lambda: walk.buy(0, 0, 100 * WAD, 10**9, None, False, True),
        *(lambda i=i: walk.buy(i, 1, 3 * WAD + 1, 0, 1, False, False) for i in range(2)),
        *(lambda n=n, x=x, r=r, t=t: walk.buy(1, 0, n, x, r, t, False) for n, x, r, t in REFUSED_PURCHASES),
        *(lambda i=i: walk.buy_exact_in(i, 2, 10**12 + 7, 0, None, False) for i in range(2)),
        lambda: walk.buy_exact_in(0, 2, 10**12 + 7, -1, None, False),
        lambda: walk.sell(0, 0, 40 * WAD, False, 0, None, False),
        lambda: walk.sell(1, 1, WAD, False, 1, 1, False),
        lambda: walk.sell(1, 1, WAD, False, -1, None, False),
        lambda: walk.sell(1, 1, big, False, 0, None, False),
        lambda: walk.sell(0, 1, 0, False, 0, None, False),
        *(lambda out=out: walk.stock_or_unstock(0, 3, WAD, out, True) for out in (False, True)),
        lambda: walk.stock_or_unstock(0, 3, WAD, True, False),
        *(lambda fee=fee: walk.set_fee(fee, True) for fee in (10_001, 10_000)),
        *(lambda: walk.collect_fees(0, 3) for _ in range(2)),
        *(lambda i=i: walk.swap(i, 0, WAD, False, False, 0, None, False) for i in range(2)),  # still empty
        lambda: walk.add(0, 0, 1_000, 1_000, 0, None, False),
        *(lambda i=i: walk.add(i, 0, 10 * WAD + 3, 1_000 * WAD + 7, 0, None, False) for i in range(2)),
        lambda: walk.add(0, 1, WAD + 1, 10**22, 1, 1, False),
        lambda: walk.add(0, 1, WAD, 7 * WAD, -1, None, False),
        *(lambda t=t, e=e, x=x: walk.swap(0, 2, WAD, t, e, x, None, False) for t, e, x in FORMS),
        lambda: walk.swap(0, 2, 2**99, True, True, 0, None, False),
        lambda: walk.swap(1, 2, 2**99, True, False, 0, None, False),  # more tokens than there are
        lambda: walk.remove(0, 0, 10**18, False, 0, 1, False),
        *(lambda n=n, x=x: walk.remove(0, 2, n, False, x, None, False) for n, x in ((1, 0), (big, 0), (WAD, -1))),
        *(lambda i=i: walk.donate(i, 3, 12_345, bool(i)) for i in range(2)),
        *(lambda s=s: walk.brake(False, s, True) for s in (False, True, False)),
        *(lambda p=p: walk.brake(p, True, True) for p in (False, True)),
        lambda: walk.brake(False, True, False),
        lambda: walk.buy(0, 0, WAD, 0, None, False, True),
        lambda: walk.buy_exact_in(0, 0, WAD, 0, None, False),
        lambda: walk.add(0, 0, WAD, WAD, 0, None, False),
        lambda: walk.swap(0, 0, WAD, True, False, 0, None, False),
        *(lambda who=who: walk.remove(0, who, 0, True, 0, None, False) for who in range(2)),
        *(lambda who=who: walk.sell(0, who, 0, True, 0, None, False) for who in (1, 2, 0)),
        *(
            lambda late=late, r=r: walk.remove(1, 0, 1, False, 0, r, late)
            for late, r in ((True, None), (False, "self"))
        ),
    ]
    try:
        for step in steps:
            step()
            walk.everything_reads_as_the_model()
        assert walk.curves[0].sold == 0
    finally:
        walk.teardown()
    assert sorted(REACHED) == sorted([*NAMES, *ERRORS])


#: Amount, limit, recipient, late.
REFUSED_PURCHASES = (
    (0, 0, None, False),
    (2**200, 0, None, False),
    (WAD, -1, None, False),
    (WAD, 0, "self", False),
    (WAD, 0, "zero", False),
    (WAD, 0, None, True),
)
#: Sells the token, exact out, distance of the limit.
FORMS = [(t, e, x) for t in (False, True) for e in (False, True) for x in (0, 1, -1)]
NAMES = [
    "add",
    "collectFees",
    "pauseContract",
    "purchaseExactIn",
    "purchaseResource",
    "remove",
    "sellResource",
    "setFee",
    "stock",
    "swapNativeForExactToken",
    "swapNativeForToken",
    "swapTokenForExactNative",
    "swapTokenForNative",
    "unpauseContract",
    "unstock",
]
ERRORS = [
    "AccessManagedUnauthorized",
    "ERC20InsufficientBalance",
    "ERC6909InsufficientBalance",
    "EnforcedPause",
    "ExpectedPause",
    "LiquidityPool_Empty",
    "LiquidityPool_ExcessiveShares",
    "LiquidityPool_ExcessiveToken",
    "LiquidityPool_Expired",
    "LiquidityPool_FirstTooSmall",
    "LiquidityPool_InsufficientNative",
    "LiquidityPool_InsufficientPayment",
    "LiquidityPool_InsufficientReserve",
    "LiquidityPool_InsufficientShares",
    "LiquidityPool_InsufficientToken",
    "LiquidityPool_InvalidRecipient",
    "OwnableUnauthorizedAccount",
    "ResourceMarket_Expired",
    "ResourceMarket_FeeTooHigh",
    "ResourceMarket_InsufficientAmount",
    "ResourceMarket_InsufficientInventory",
    "ResourceMarket_InsufficientPayment",
    "ResourceMarket_InsufficientProceeds",
    "ResourceMarket_InsufficientSold",
    "ResourceMarket_InvalidRecipient",
    "ResourceMarket_NoFees",
    "ResourceMarket_ZeroAmount",
]


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(10, 30), pytest.param(100, 40, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_market_and_pool_behave_as_the_model(machine: type[MarketMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"purchaseResource", "sellResource", "add", "swapNativeForToken", "swapTokenForNative"} <= REACHED
    assert len(STEPS) > 10 * examples
