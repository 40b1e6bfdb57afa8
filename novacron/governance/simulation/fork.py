"""A private copy of a chain at one block, on which anything may be tried: an anvil of our own over the real one.

Nothing that happens on it reaches the chain. Transactions are sent in anybody's name, cost no ETH, and each is mined
at once in a block whose time we choose, so that two runs over one block give the same result to the second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from novacron.chain.anvil import Anvil
from novacron.chain.contracts import Block
from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorDecoder, package_errors, revert_data
from novacron.exceptions import ChainError, ChainUnavailableError, InputError, RevertedError
from novacron.governance.simulation.relay import PoolRelay

#: Seconds that one request to the fork may take: a large call may have to fetch many slots from a far node.
TIMEOUT = 180.0
#: Gas price and base fee: nobody on a fork pays for gas, so that balances show what a transaction moved.
_FREE = "0x0"
#: Wei for fees, where there are some.
_PURSE = 10**24


@dataclass(frozen=True)
class Circumstances:
    """What a transaction may find different, for whoever wants to know whether that matters.

    Attributes:
        origin: who sends it; None leaves the sender. It gets the ETH for its fees.
        gas_price, base_fee: wei per gas.
        coinbase: who makes the block; None leaves it.
        blocks: empty ones before it.
        seconds: how much later it is.
    """

    origin: str | None = None
    gas_price: int = 0
    base_fee: int = 0
    coinbase: str | None = None
    blocks: int = 0
    seconds: int = 0


@dataclass(frozen=True)
class ForkReceipt:
    """A mined transaction: hash, gas used, the block's number and time (Unix seconds), and its raw logs."""

    transaction_hash: str
    gas_used: int
    block_number: int
    timestamp: int
    logs: tuple[dict[str, Any], ...]


class Fork:
    """A fork of a chain at a block, as a context manager.

    Args:
        source: the chain, or one endpoint's URL.
        block: number or tag to fork at; None takes the latest.
        hardfork: EVM rules.

    Attributes:
        pool: the fork's own JSON-RPC; every tool that reads a chain works on it.
        chain_id: the original's, so that signatures and EIP-712 domains stay valid.
        block_number, block_hash: of the forked block.

    Raises:
        ChainUnavailableError: the chain does not answer, or the fork does not start.
        InputError: the chain has no such block.
    """

    def __init__(self, source: EndpointPool | str, block: Block | None = None, *, hardfork: str = "prague") -> None:
        self._source = EndpointPool([source]) if isinstance(source, str) else source
        self._asked = "latest" if block is None else block
        self._hardfork = hardfork
        self._stack = contextlib.ExitStack()
        self._relay: PoolRelay | None = None
        self._now = 0
        self._gas_limit = 0
        self.pool = self._source
        self.chain_id = 0
        self.block_number = 0
        self.block_hash = ""

    def __repr__(self) -> str:
        return f"<Fork of chain {self.chain_id} at block {self.block_number}>"

    def __enter__(self) -> Fork:
        self.chain_id = self._source.chain_id()
        asked = hex(self._asked) if isinstance(self._asked, int) else self._asked
        by_hash = len(asked) == 66
        head = self._source.request("eth_getBlockByHash" if by_hash else "eth_getBlockByNumber", [asked, False])
        if head is None:
            raise InputError(f"chain {self.chain_id} has no block {self._asked} to fork at; check the number")
        self.block_number, self.block_hash = int(head["number"], 16), str(head["hash"])
        self._now, self._gas_limit = int(head["timestamp"], 16), int(head["gasLimit"], 16)
        with contextlib.ExitStack() as stack:
            self._relay = stack.enter_context(PoolRelay(self._source, self.block_number))
            self.pool = EndpointPool(
                [stack.enter_context(self._node()).url],
                chain_id=self.chain_id,
                timeout=TIMEOUT,
                max_time=TIMEOUT,
                retries=1,
                health_interval=None,
            )
            stack.callback(self.pool.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._relay = None

    def _node(self) -> Anvil:
        assert self._relay is not None
        return Anvil(
            chain_id=self.chain_id,
            hardfork=self._hardfork,
            extra=(
                *("--fork-url", self._relay.url, "--fork-block-number", str(self.block_number)),
                # A cache on disk is keyed by chain id and block, which a restarted development chain has again.
                *("--no-storage-caching", "--no-rate-limit", "--retries", "0", "--timeout", str(int(TIMEOUT * 1000))),
                *("--accounts", "0", "--auto-impersonate", "--no-mining", "--disable-min-priority-fee"),
            ),
        )

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def timestamp(self) -> int:
        """Time of the fork's newest block, Unix seconds."""
        return self._now

    @property
    def gas_limit(self) -> int:
        """Gas that fits into a block of this chain."""
        return self._gas_limit

    def rpc(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC call to the fork.

        Raises:
            ChainUnavailableError: the fork or the chain behind it does not answer.
            ChainError: as `EndpointPool.request`.
        """
        self._require_running()
        assert self._relay is not None
        before = len(self._relay.failures)
        try:
            return self.pool.request(method, parameters)
        except RevertedError:
            raise
        except ChainError as error:
            if len(self._relay.failures) > before:
                raise ChainUnavailableError(
                    f"the chain behind the fork does not give its state at block {self.block_number}: "
                    f"{self._relay.failures[-1]}; use a node that has it (an archive node for an old block)"
                ) from error
            raise

    def balance(self, address: str) -> int:
        """Wei that an account holds now."""
        return int(self.rpc("eth_getBalance", address, "latest"), 16)

    def has_code(self, address: str) -> bool:
        """Whether there is a contract at an address now."""
        return self.rpc("eth_getCode", address, "latest") not in ("0x", "0x0")

    # -- changing ----------------------------------------------------------------------------------------------------

    def send(
        self,
        sender: str,
        to: str | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int | None = None,
        at: int | None = None,
        errors: ErrorDecoder | None = None,
        context: str = "",
        under: Circumstances | None = None,
    ) -> ForkReceipt:
        """Mine one transaction in `sender`'s name, contracts included; its gas is free.

        Args:
            to: None creates a contract.
            value: wei, which the sender must have.
            gas: limit; the block's when None.
            at: time of its block, Unix seconds; one second after the newest when None.
            errors: custom errors to know besides the package's.
            context: who does what, the first words of an error.
            under: other circumstances; undo them by going back to a snapshot.

        Raises:
            RevertedError: it reverted; custom errors by name, `transaction_hash` is that of the failed transaction.
            ChainError: the fork refused it, for instance for lack of `value`.
        """
        self._require_running()
        time = self._now + 1 if at is None else at
        if under is not None:
            sender, time = under.origin or sender, time + under.seconds
            for number in range(under.blocks):
                self.warp(time - under.blocks + number)
            self.rpc("anvil_setBalance", sender, hex(_PURSE))
        if time <= self._now:
            raise InputError(f"a block cannot be at {time}: the fork is at {self._now} already")
        call: dict[str, Any] = {"from": sender, "data": "0x" + data.hex(), "value": hex(value), "gasPrice": _FREE}
        call["gas"] = hex(self._gas_limit if gas is None else gas)
        if to is not None:
            call["to"] = to
        # The base fee must be gone before the node looks at the transaction's price.
        self.rpc("anvil_setNextBlockBaseFeePerGas", _FREE if under is None else hex(under.base_fee))
        if under is not None:
            call["gasPrice"] = hex(under.gas_price)
        with self._coinbase(None if under is None else under.coinbase):
            identifier = str(self.rpc("eth_sendTransaction", call))
            self.rpc("evm_mine", {"timestamp": time})
        self._now = time
        receipt = self.rpc("eth_getTransactionReceipt", identifier)
        if receipt is None:
            self.rpc("anvil_dropTransaction", identifier)
            raise ChainError(f"{context or 'a transaction'} was not mined on the fork; its gas may not fit a block")
        if int(receipt["status"], 16) != 1:
            raise self._failure(identifier, errors, context)
        return ForkReceipt(
            identifier, int(receipt["gasUsed"], 16), int(receipt["blockNumber"], 16), time, tuple(receipt["logs"])
        )

    def warp(self, to: int) -> None:
        """Mine an empty block at a time, Unix seconds; nothing when the fork is there already.

        Raises:
            InputError: the time is past.
        """
        if to < self._now:
            raise InputError(f"the fork is at {self._now} and cannot go back to {to}; revert to a snapshot instead")
        if to > self._now:
            self.rpc("evm_mine", {"timestamp": to})
            self._now = to

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Whatever happens within the block is undone at its end."""
        mark = self.snapshot()
        try:
            yield
        finally:
            self.revert(mark)

    def snapshot(self) -> tuple[str, int]:
        """A mark to come back to, once."""
        return str(self.rpc("evm_snapshot")), self._now

    def revert(self, mark: tuple[str, int]) -> None:
        """Go back to a mark; later marks are gone.

        Raises:
            InputError: the mark was used, or was undone by an earlier one.
        """
        identifier, time = mark
        if self.rpc("evm_revert", identifier) is not True:
            raise InputError(f"the fork has no snapshot {identifier} any more; take a new one after each revert")
        self._now = time

    # -- inside ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _coinbase(self, miner: str | None) -> Iterator[None]:
        if miner is None:
            yield
            return
        usual = str(self.rpc("eth_getBlockByNumber", "latest", False)["miner"])
        self.rpc("anvil_setCoinbase", miner)
        try:
            yield
        finally:
            self.rpc("anvil_setCoinbase", usual)

    def _require_running(self) -> None:
        if self._relay is None:
            raise ChainUnavailableError("the fork is not running; use it inside its `with` block")

    def _failure(self, identifier: str, errors: ErrorDecoder | None, context: str) -> RevertedError:
        frame = self.rpc("debug_traceTransaction", identifier, {"tracer": "callTracer"})
        known = package_errors() if errors is None else errors.merged(package_errors())
        data = revert_data({"data": frame.get("output")}) or b""
        if not data and "gas" in str(frame.get("error", "")).lower():
            return RevertedError(f"{context} ran out of gas".strip(), transaction_hash=identifier)
        return known.error(data, context=context, transaction_hash=identifier)
