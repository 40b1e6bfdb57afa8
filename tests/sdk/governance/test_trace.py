"""What a node tells about a transaction, with its own tracers or with those that every node has."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import TraceUnavailableError
from novacron.governance.decoding import trace as tracing
from novacron.governance.decoding.trace import frames_of, trace_of
from tests.support.faulty_rpc import Answer, FaultyRpc
from tests.support.zoo import ZooStage


def test_hashes_and_what_was_hashed(zoo: ZooStage) -> None:
    receipt = zoo.send("Zoo", "mappings", zoo.people[1], 1001, "name", 3)
    trace = trace_of(zoo.fork, receipt.transaction_hash)
    assert all(int.from_bytes(keccak(item), "big") == digest for digest, item in trace.preimages.items())
    assert any(item.startswith(b"name") and len(item) == 36 for item in trace.preimages.values())


def test_struct_logs_give_the_same_as_the_tracer(zoo: ZooStage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Anvil(extra=("--steps-tracing",)) as node:
        # Struct logs are only kept by a node that was told so; the same contract is put on one.
        code = zoo.fork.rpc("eth_getCode", zoo.contracts["Zoo"].address, "latest")
        node.rpc("anvil_setCode", zoo.contracts["Zoo"].address, code)
        data = zoo.contracts["Zoo"].encode_abi("mappings", [zoo.people[1], 1001, "a longer name than a word is", 3])
        call = {"from": node.accounts[0][0], "to": zoo.contracts["Zoo"].address, "data": data}
        transaction = str(node.rpc("eth_sendTransaction", call))
        Web3(Web3.HTTPProvider(node.url)).eth.wait_for_transaction_receipt(HexBytes(transaction))
        with EndpointPool([node.url], health_interval=None) as pool:
            first = trace_of(pool, transaction)
            monkeypatch.setattr(tracing, "_HASHES", "no JavaScript here")
            second = trace_of(pool, transaction)
    assert first.preimages == second.preimages
    assert len(first.preimages) > 5
    assert first == second


def test_thousands_of_hashes_are_no_burden(zoo: ZooStage) -> None:
    effects = zoo.effects("Zoo", "hashes", 2_000)
    (write,) = effects.writes
    assert (write.path.startswith("nested["), write.after) == (True, 2_000)


def test_long_inputs_of_hashes_are_left_out(zoo: ZooStage) -> None:
    receipt = zoo.send("Zoo", "mappings", zoo.people[1], 1, "x" * 5000, 1)
    trace = trace_of(zoo.fork, receipt.transaction_hash)
    assert max(len(item) for item in trace.preimages.values()) <= 1024
    # Its name is lost, the write is not.
    assert any(write.path.startswith("slot(") for write in zoo.reader.effects(receipt.transaction_hash).writes)


def test_calls_with_their_values_and_without_what_was_undone(zoo: ZooStage) -> None:
    zoo.fork.rpc("anvil_setBalance", zoo.contracts["Actor"].address, hex(50))
    receipt = zoo.send("Actor", "attempt", "0x" + "77" * 20)
    root = frames_of(zoo.fork, receipt.transaction_hash)
    assert len(root.calls) == 1
    assert root.calls[0].error
    assert [frame.data[:4] for frame in root.walk()] == [keccak(text="attempt(address)")[:4]]


def test_a_failed_transaction_can_be_looked_at(zoo: ZooStage) -> None:
    with pytest.raises(Exception, match="Refused") as caught:
        zoo.send("Actor", "refuse", zoo.people[1])
    transaction = caught.value.transaction_hash  # type: ignore[attr-defined]
    assert frames_of(zoo.fork, transaction).error
    assert trace_of(zoo.fork, transaction).storage == {}


def test_a_node_without_traces_is_named(zoo: ZooStage) -> None:
    refusal = {"error": {"code": -32601, "message": "the method debug_traceTransaction does not exist"}}

    def rule(name: str, _: list[Any]) -> Answer | None:
        return Answer(refusal) if name.startswith("debug_") else None

    with FaultyRpc(zoo.fork.pool.labels[0]) as proxy:
        proxy.rule = rule
        with EndpointPool([proxy.url], health_interval=None, retries=1) as pool:
            with pytest.raises(TraceUnavailableError, match="debug_traceTransaction"):
                trace_of(pool, "0x" + "11" * 32)


def test_an_unknown_transaction_is_named(zoo: ZooStage) -> None:
    with pytest.raises(TraceUnavailableError, match="0x1111"):
        trace_of(zoo.fork, "0x" + "11" * 32)
