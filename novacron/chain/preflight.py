"""What is found out before a transaction gets a nonce: the right chain, the gas, the fees, the money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from novacron.chain.endpoints import EndpointPool
from novacron.chain.entries import Intent
from novacron.chain.errors import ErrorDecoder, ErrorKind, classify, kind_of, revert_data
from novacron.chain.fees import FeePolicy, FeeQuote
from novacron.chain.journal import Journal
from novacron.exceptions import InconsistentEndpointError, InsufficientFundsError, RejectedError

#: Gas of the cheapest transaction (yellow paper, G_transaction).
MIN_GAS = 21_000
#: Largest gas limit of a transaction since osaka (EIP-7825).
MAX_GAS = 1 << 24


@dataclass(frozen=True)
class Preflight:
    """Gas limit and fees for a transaction that would succeed now."""

    gas: int
    fees: FeeQuote


def check_chain(pool: EndpointPool, journal: Journal) -> int:
    """Chain id, after making sure that the journal belongs to this very chain.

    Raises:
        ChainResetError: same id, other genesis block.
        WrongChainError, ChainUnavailableError: as EndpointPool.request.
    """
    chain_id = pool.chain_id()
    genesis = pool.request("eth_getBlockByNumber", ["0x0", False])
    if genesis is None:
        raise InconsistentEndpointError("the node does not show block 0, so the chain cannot be told from another one")
    journal.bind_chain(chain_id, genesis["hash"])
    return chain_id


def preflight(
    pool: EndpointPool, intent: Intent, fees: FeePolicy, *, margin: int, pending: bool, decoder: ErrorDecoder | None
) -> Preflight:
    """Estimate gas, quote fees and check the balance. Nothing is signed and no nonce is used.

    Args:
        margin: per cent added to the node's estimate.
        pending: estimate on top of the account's own transactions still in flight.
        decoder: custom errors to know besides the package's own.

    Raises:
        RevertedError: the transaction would revert; custom errors by name.
        InsufficientFundsError: the account cannot pay; names balance and need.
        FeeCapError: the base fee is above the cap.
    """
    gas = intent.gas if intent.gas is not None else estimate(pool, intent, margin, pending=pending, decoder=decoder)
    quote = fees.quote(pool)
    require_funds(pool, intent, gas, quote)
    return Preflight(gas, quote)


def estimate(
    pool: EndpointPool, intent: Intent, margin: int, *, pending: bool, decoder: ErrorDecoder | None = None
) -> int:
    """`eth_estimateGas` plus `margin` per cent, within the limits of a transaction."""
    call = call_object(intent)
    answer = pool.exchange("eth_estimateGas", [call, "pending" if pending else "latest"])
    if "error" in answer and pending and kind_of(answer["error"]) is not ErrorKind.REVERTED:
        answer = pool.exchange("eth_estimateGas", [call, "latest"])  # some nodes know no pending state
    if "error" in answer:
        raise classify(answer["error"], decoder=decoder, context=f"transaction {intent.key!r}")
    used = int(answer["result"], 16)
    return max(min(used * (100 + margin) // 100, MAX_GAS), used, MIN_GAS)


def require_funds(pool: EndpointPool, intent: Intent, gas: int, quote: FeeQuote) -> None:
    """Raise InsufficientFundsError unless the account can pay the value and the highest possible fee."""
    balance = int(pool.request("eth_getBalance", [intent.sender, "latest"]), 16)
    need = intent.value + gas * quote.max_fee_per_gas
    if balance < need:
        raise InsufficientFundsError(
            f"{intent.sender} has {ether(balance)} and needs up to {ether(need)} for transaction {intent.key!r} "
            f"({gas} gas at {quote.max_fee_per_gas} wei{' plus value' if intent.value else ''}); fund the account"
        )


def call_object(intent: Intent) -> dict[str, Any]:
    """Parameters of eth_call and eth_estimateGas for an intent."""
    call: dict[str, Any] = {"from": intent.sender, "data": "0x" + intent.data.hex(), "value": hex(intent.value)}
    return call if intent.to is None else {**call, "to": intent.to}


def ether(wei: int) -> str:
    """Wei, and the same in units of 10^18."""
    return f"{wei} wei ({wei / 10**18:.6g} of the native currency)"


def revert_of(pool: EndpointPool, intent: Intent, receipt: dict[str, Any]) -> bytes:
    """Revert data of a mined, failed transaction, by repeating the call on its parent block; b"" when not to be had."""
    call = call_object(intent) | ({"gas": hex(intent.gas)} if intent.gas else {})
    parent = hex(max(int(receipt["blockNumber"], 16) - 1, 0))
    try:
        answer = pool.exchange("eth_call", [call, parent])
    except RejectedError:
        return b""
    return (revert_data(answer["error"]) or b"") if "error" in answer else b""
