"""The frame of the machine in test_market_machine.py: the chain, the model, and how an action is compared with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, decode_error, events
from tests.property.market_model import Curve, Pool, Refused

ZERO = "0x" + "00" * 20
PEOPLE = 4
FOREVER = 2**40
#: Two of the four: one of the plan, and one whose every trade leaves a remainder, with prices of many wei a base unit.
SHAPES = ((4 * 10**11, 10**23), (7 * 10**18 + 3, 999_999_999_999_999_989))
ENDOWMENT, STOCK = 10**22, 5 * 10**21
WEI = 10**24

#: What was reached at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()
STEPS: list[int] = []


@dataclass(frozen=True)
class World:
    """The contracts, and the state that every example starts from."""

    node: Anvil
    w3: Web3
    tokens: list[Contract]
    market: Contract
    pool: Contract
    reader: Contract
    admin: str
    treasury: str
    people: list[str]
    abi: list[Any]


class MarketFrame(RuleBasedStateMachine):
    world: World

    @initialize(filled=st.sampled_from([True, True, True, False]))
    def begin(self, filled: bool = False) -> None:
        world = self.world
        self.snapshot = world.node.rpc("evm_snapshot")
        self.now = int(world.w3.eth.get_block("latest")["timestamp"])
        self.people, self.market, self.pool = world.people, world.market.address, world.pool.address
        self.curves = [Curve(i, base, steepness, STOCK) for i, (base, steepness) in enumerate(SHAPES)]
        self.pools = [Pool(i) for i in range(2)]
        self.fee, self.stopped = 3_000, {self.market: False, self.pool: False}
        self.wei = dict.fromkeys(self.people, WEI) | {self.market: 0, self.pool: 0, world.treasury: 0}
        self.held = [
            dict.fromkeys(self.people, ENDOWMENT) | {self.market: STOCK, self.pool: 0, world.admin: 0} for _ in range(2)
        ]
        if filled:
            self.fill()

    def fill(self) -> None:
        """Put something into the pools; the rules know how."""
        raise NotImplementedError

    def teardown(self) -> None:
        if hasattr(self, "snapshot"):
            assert self.world.node.rpc("evm_revert", self.snapshot) is True

    def act(self, sender: str, function: ContractFunction, predict: Callable[[], list[Any]], value: int = 0) -> None:
        """Do it in this very second, and compare: the error that the model raises, or the events it returns."""
        name = function.fn_name
        transaction = {"from": sender, "gas": 2_000_000, "gasPrice": 0, "value": value}
        expected, refused = outcome_of(predict)
        if refused is not None:
            assert self.refusal(function, transaction) == refused, name
            REACHED.add(refused[0])
            return
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        receipt = self.world.w3.eth.wait_for_transaction_receipt(function.transact(transaction), poll_latency=0.005)
        assert receipt["status"] == 1, f"{name}: the contract answers {self.refusal(function, transaction)}"
        contract = self.world.pool if function.address == self.pool else self.world.market
        logs = [log for log in receipt["logs"] if log["address"] == contract.address]
        assert events(contract, {"logs": logs}) == expected, name
        REACHED.add(name)

    def refusal(self, function: ContractFunction, transaction: dict[str, Any]) -> Outcome | None:
        try:
            function.call(transaction)  # type: ignore[arg-type]
        except ContractCustomError as error:
            return decode_error(self.world.abi, str(error.data))
        return None

    def checks(self, prefix: str, deadline: int, recipient: str) -> None:
        if deadline < self.now:
            raise Refused(f"{prefix}_Expired", deadline, self.now)
        if recipient in (ZERO, self.market if prefix == "ResourceMarket" else self.pool):
            raise Refused(f"{prefix}_InvalidRecipient", recipient)

    def not_stopped(self, address: str) -> None:
        if self.stopped[address]:
            raise Refused("EnforcedPause")

    def move_token(self, i: int, source: str, to: str, amount: int) -> None:
        if amount > self.held[i][source]:
            raise Refused("ERC20InsufficientBalance", source, self.held[i][source], amount)
        self.held[i][source] -= amount
        self.held[i][to] += amount

    def move_wei(self, source: str, to: str, amount: int) -> None:
        self.wei[source] -= amount
        self.wei[to] += amount

    def to(self, choice: int | str | None, sender: str, contract: str) -> str:
        return {None: sender, 1: self.people[1], "zero": ZERO, "self": contract}[choice]

    @invariant()
    def everything_reads_as_the_model(self) -> None:
        if not hasattr(self, "snapshot"):
            return
        f = self.world.reader.functions
        for i, (curve, pool) in enumerate(zip(self.curves, self.pools, strict=True)):
            holders = list(self.held[i])
            books, tokens, shares = f.read(self.market, self.pool, i, holders, self.people).call()
            on_curve = [curve.sold, curve.reserve, curve.inventory, curve.fees, curve.price()]
            assert list(books) == [*on_curve, pool.supply, pool.native, pool.token]
            assert curve.reserve >= curve.area(0, curve.sold)
            assert dict(zip(holders, tokens, strict=True)) == self.held[i]
            assert shares == [pool.shares.get(who, 0) for who in self.people]
        assert f.balances(list(self.wei)).call() == list(self.wei.values())
        STEPS.append(1)


def outcome_of(predict: Callable[[], list[Any]]) -> tuple[list[Any], Outcome | None]:
    """The events that the model returns, or the error that it raises."""
    try:
        return predict(), None
    except Refused as refused:
        return [], refused.outcome
