"""Node errors sorted, revert data decoded, fees within bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from novacron.chain import GWEI, Anvil, EndpointPool, ErrorDecoder, ErrorKind, FeePolicy, FeeQuote, classify
from novacron.chain.errors import kind_of, revert_data
from novacron.exceptions import (
    ConfigurationError,
    FeeCapError,
    InsufficientFundsError,
    NonceError,
    RejectedError,
    RetryableError,
    RevertedError,
)
from tests.support.faulty_rpc import Answer, FaultyRpc, Lie, on

PoolOf = Callable[..., EndpointPool]

# -- sorting ---------------------------------------------------------------------------------------------------------

#: (code, message) as geth, reth, anvil, erigon, nethermind, besu and hosted services send them.
MESSAGES: list[tuple[int, str, ErrorKind]] = [
    (-32000, "already known", ErrorKind.ALREADY_KNOWN),
    (-32003, "transaction already imported", ErrorKind.ALREADY_KNOWN),
    (-32000, "ALREADY_EXISTS: already known", ErrorKind.ALREADY_KNOWN),
    (-32010, "AlreadyKnown", ErrorKind.ALREADY_KNOWN),
    (-32000, "Known transaction", ErrorKind.ALREADY_KNOWN),
    (-32000, "nonce too low: next nonce 5, tx nonce 4", ErrorKind.NONCE_TOO_LOW),
    (-32003, "nonce too low", ErrorKind.NONCE_TOO_LOW),
    (-32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 4", ErrorKind.NONCE_TOO_LOW),
    (-32001, "Nonce too low", ErrorKind.NONCE_TOO_LOW),
    (-32000, "replacement transaction underpriced", ErrorKind.REPLACEMENT_UNDERPRICED),
    (-32000, "could not replace existing tx", ErrorKind.REPLACEMENT_UNDERPRICED),
    (-32010, "ReplacementNotAllowed", ErrorKind.REPLACEMENT_UNDERPRICED),
    (-32000, "transaction underpriced: tip needed 1, tip permitted 0", ErrorKind.UNDERPRICED),
    (-32003, "max fee per gas less than block base fee", ErrorKind.UNDERPRICED),
    (
        -32000,
        "max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 7",
        ErrorKind.UNDERPRICED,
    ),
    (-32010, "FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 7", ErrorKind.UNDERPRICED),
    (-32009, "Gas price below configured minimum gas price", ErrorKind.UNDERPRICED),
    (-32000, "insufficient funds for gas * price + value: balance 0, tx cost 1", ErrorKind.INSUFFICIENT_FUNDS),
    (-32003, "Insufficient funds for gas * price + value", ErrorKind.INSUFFICIENT_FUNDS),
    (-32010, "InsufficientFunds, Account balance: 0, cumulative cost: 1", ErrorKind.INSUFFICIENT_FUNDS),
    (-32004, "Upfront cost exceeds account balance", ErrorKind.INSUFFICIENT_FUNDS),
    (3, "execution reverted: nonce too low", ErrorKind.REVERTED),
    (-32000, "execution reverted: already known", ErrorKind.REVERTED),
    (-32015, "VM execution error.", ErrorKind.REVERTED),
    (-32603, "EVM error InvalidFEOpcode", ErrorKind.REVERTED),
    (-32000, "invalid opcode: INVALID", ErrorKind.REVERTED),
    (-32000, "out of gas", ErrorKind.REVERTED),
    (-32005, "limit exceeded", ErrorKind.RETRYABLE),
    (429, "Your app has exceeded its compute units per second capacity", ErrorKind.RETRYABLE),
    (-32000, "header not found", ErrorKind.RETRYABLE),
    (-32000, "missing trie node 1234 (path ) state 0x12 is not available", ErrorKind.RETRYABLE),
    (-32000, "txpool is full", ErrorKind.RETRYABLE),
    (-32000, "execution aborted (timeout = 5s)", ErrorKind.RETRYABLE),
    (-32603, "Internal error", ErrorKind.RETRYABLE),
    (-32000, "nonce too high", ErrorKind.RETRYABLE),
    (-32601, "the method eth_foo does not exist/is not available", ErrorKind.UNSUPPORTED),
    (-32601, "Method not found", ErrorKind.UNSUPPORTED),
    (-32005, "query returned more than 10000 results", ErrorKind.LOG_RANGE),
    (-32600, "eth_getLogs is limited to a 10,000 range", ErrorKind.LOG_RANGE),
    (-32000, "exceed maximum block range: 5000", ErrorKind.LOG_RANGE),
    (-32602, "Log response size exceeded.", ErrorKind.LOG_RANGE),
    (-32000, "intrinsic gas too low", ErrorKind.REJECTED),
    (-32000, "exceeds block gas limit", ErrorKind.REJECTED),
    (-32000, "max initcode size exceeded: code size 49153, limit 49152", ErrorKind.REJECTED),
    (-32602, "Failed to decode transaction", ErrorKind.REJECTED),
    (-32000, "something nobody has ever seen", ErrorKind.REJECTED),
]

CLASSES = {
    ErrorKind.NONCE_TOO_LOW: NonceError,
    ErrorKind.INSUFFICIENT_FUNDS: InsufficientFundsError,
    ErrorKind.REVERTED: RevertedError,
    ErrorKind.RETRYABLE: RetryableError,
}


@pytest.mark.parametrize(("code", "message", "kind"), MESSAGES)
def test_node_messages_are_sorted(code: int, message: str, kind: ErrorKind) -> None:
    error = {"code": code, "message": message}
    assert kind_of(error) is kind
    raised = classify(error)
    assert type(raised) is CLASSES.get(kind, RejectedError)
    assert message in str(raised)


@pytest.mark.parametrize("error", [{}, {"code": None}, {"message": None}, {"code": "x", "message": {"a": 1}}])
def test_malformed_errors_are_rejections(error: dict[str, Any]) -> None:
    assert type(classify(error)) is RejectedError


# -- revert data -----------------------------------------------------------------------------------------------------

ABI = [
    {
        "type": "error",
        "name": "Test_Refused",
        "inputs": [{"name": "who", "type": "address"}, {"name": "why", "type": "uint256[]"}],
    }
]


def encoded(name: str, types: list[str], values: list[Any]) -> bytes:
    return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: {"code": 3, "message": "execution reverted", "data": "0x" + d.hex()},
        lambda d: {"code": -32000, "message": "Execution reverted", "data": "0x" + d.hex()},
        lambda d: {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x" + d.hex()},
        lambda d: {"code": -32603, "message": "reverted", "data": {"message": "x", "data": "0x" + d.hex()}},
        lambda d: {"code": -32603, "message": "reverted", "data": {"data": {"result": "0x" + d.hex()}}},
    ],
)
def test_custom_errors_are_decoded_wherever_a_node_puts_the_data(wrap: Callable[[bytes], dict[str, Any]]) -> None:
    who = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    error = classify(wrap(encoded("Test_Refused", ["address", "uint256[]"], [who, [1, 2]])), decoder=ErrorDecoder(ABI))
    assert isinstance(error, RevertedError)
    assert (error.name, error.arguments) == ("Test_Refused", (who, (1, 2)))
    assert f"Test_Refused({who}, (1, 2))" in str(error)


def test_strings_panics_and_unknown_errors_are_described() -> None:
    decoder = ErrorDecoder()
    assert "reverted: no luck" in str(decoder.error(encoded("Error", ["string"], ["no luck"])))
    panic = decoder.error(encoded("Panic", ["uint256"], [0x32]))
    assert (panic.name, panic.arguments) == ("Panic", (0x32,))
    assert "array index out of bounds" in str(panic)
    assert "0xdeadbeef" in str(decoder.error(bytes.fromhex("deadbeef")))
    assert "without a reason" in str(decoder.error(b""))


@given(st.binary(max_size=200))
def test_no_revert_data_breaks_the_decoder(data: bytes) -> None:
    for head in (b"", bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71"), encoded("Test_Refused", [], [])[:4]):
        assert ErrorDecoder(ABI).error(head + data).data == head + data


@given(st.recursive(st.none() | st.text() | st.integers(), lambda s: st.dictionaries(st.just("data"), s)))
def test_no_error_data_breaks_the_search(data: Any) -> None:
    revert_data({"data": data})


# -- fees ------------------------------------------------------------------------------------------------------------


def block(base_fee: int | None) -> dict[str, Any]:
    members: dict[str, Any] = {"number": "0x1", "hash": "0x" + "11" * 32}
    return members if base_fee is None else members | {"baseFeePerGas": hex(base_fee)}


def chain_with(proxy: FaultyRpc, base_fee: int | None, history: Any, gas_price: int = 10 * GWEI) -> None:
    answers = {
        "eth_getBlockByNumber": block(base_fee),
        "eth_feeHistory": history,
        "eth_gasPrice": hex(gas_price),
        "eth_maxPriorityFeePerGas": hex(3 * GWEI),
    }

    def rule(method: str, _: list[Any]) -> Any:
        return Answer({"result": answers[method]}) if method in answers else None

    proxy.rule = rule


HISTORY = {
    "baseFeePerGas": [hex(20 * GWEI)] * 3 + [hex(21 * GWEI)],
    "gasUsedRatio": [0.5, 0.0, 0.9],
    "reward": [
        [hex(n * GWEI) for n in (1, 2, 5)],
        ["0x0", "0x0", "0x0"],
        [hex(n * GWEI) for n in (3, 4, 9)],
    ],
}


@pytest.mark.parametrize(("speed", "tip"), [("slow", 2), ("medium", 3), ("fast", 7)])
def test_the_tip_is_the_median_percentile_of_blocks_with_transactions(
    proxy: FaultyRpc, pool_of: PoolOf, speed: Any, tip: int
) -> None:
    chain_with(proxy, 20 * GWEI, HISTORY)
    quote = FeePolicy(speed).quote(pool_of(proxy.url))
    assert quote == FeeQuote((42 + tip) * GWEI, tip * GWEI, 21 * GWEI)
    assert quote.fields() == {
        "type": 2,
        "maxFeePerGas": (42 + tip) * GWEI,
        "maxPriorityFeePerGas": tip * GWEI,
    }


def test_without_history_the_node_suggests_the_tip(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    for history in ({}, {"baseFeePerGas": "x", "reward": None}, {"reward": [["0x1"]], "gasUsedRatio": [1.0]}):
        chain_with(proxy, 8 * GWEI, history)
        quote = FeePolicy().quote(pool_of(proxy.url))
        assert quote.max_priority_fee_per_gas == 3 * GWEI
        assert quote.base_fee == 9 * GWEI + 1


def test_a_history_with_an_impossible_base_fee_is_not_believed(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    chain_with(proxy, 8 * GWEI, HISTORY | {"baseFeePerGas": [hex(10**30)]})
    assert FeePolicy().quote(pool_of(proxy.url)).base_fee == 9 * GWEI + 1


def test_the_cap_takes_the_headroom_then_the_tip_then_refuses(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    chain_with(proxy, 20 * GWEI, HISTORY)
    pool = pool_of(proxy.url)
    assert FeePolicy(max_fee_per_gas=30 * GWEI).quote(pool) == FeeQuote(30 * GWEI, 3 * GWEI, 21 * GWEI)
    assert FeePolicy(max_fee_per_gas=22 * GWEI).quote(pool) == FeeQuote(22 * GWEI, 1 * GWEI, 21 * GWEI)
    with pytest.raises(FeeCapError, match="21000000000 wei per gas, above the cap of 20999999999"):
        FeePolicy(max_fee_per_gas=21 * GWEI - 1).quote(pool)


@pytest.mark.parametrize(("speed", "percent"), [("slow", 100), ("medium", 110), ("fast", 125)])
def test_a_chain_without_base_fee_gets_legacy_fees(proxy: FaultyRpc, pool_of: PoolOf, speed: Any, percent: int) -> None:
    chain_with(proxy, None, {})
    pool = pool_of(proxy.url)
    quote = FeePolicy(speed).quote(pool)
    assert quote.fields() == {"gasPrice": GWEI * percent // 10}
    assert FeePolicy(speed, max_fee_per_gas=10 * GWEI).quote(pool).max_fee_per_gas == 10 * GWEI
    with pytest.raises(FeeCapError):
        FeePolicy(speed, max_fee_per_gas=10 * GWEI - 1).quote(pool)
    with pytest.raises(ConfigurationError):
        FeePolicy(speed, legacy=False).quote(pool)


def test_a_berlin_chain_is_recognised(pool_of: PoolOf) -> None:
    with Anvil(hardfork="berlin") as node:
        assert FeePolicy().quote(pool_of(node.url)).legacy


def test_legacy_can_be_asked_for(anvil: Anvil, pool_of: PoolOf) -> None:
    assert FeePolicy(legacy=True).quote(pool_of(anvil.url)).legacy


def test_a_wrong_type_in_the_fee_history_fails_over(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("eth_feeHistory", Lie(lambda _: "cheap"))
    assert FeePolicy().quote(pool_of(proxy.url, anvil.url)).max_fee_per_gas > 0


@given(fee=st.integers(1, 10**12), tip=st.integers(0, 10**12), now_fee=st.integers(1, 10**12), legacy=st.booleans())
def test_a_replacement_pays_an_eighth_more_within_the_cap(fee: int, tip: int, now_fee: int, legacy: bool) -> None:
    old = FeeQuote(max(fee, tip), tip, 0, legacy)
    policy = FeePolicy(max_fee_per_gas=10**12)
    try:
        new = policy.raised(old, FeeQuote(now_fee, min(tip, now_fee), 0, legacy))
    except FeeCapError:
        assert 9 * max(old.max_fee_per_gas, tip) + 8 > 8 * 10**12
        return
    assert 8 * new.max_fee_per_gas >= 9 * old.max_fee_per_gas
    assert 8 * new.max_priority_fee_per_gas >= 9 * old.max_priority_fee_per_gas
    assert new.max_priority_fee_per_gas <= new.max_fee_per_gas <= policy.max_fee_per_gas
    assert replace(new, max_fee_per_gas=0, max_priority_fee_per_gas=0) == replace(
        old, max_fee_per_gas=0, max_priority_fee_per_gas=0
    )


@pytest.mark.parametrize("options", [{"speed": "warp"}, {"max_fee_per_gas": 0}])
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        FeePolicy(**options)
