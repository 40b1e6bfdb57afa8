"""An RPC endpoint that lies, hangs, limits or dies midway: no record is confirmed wrongly, lost or repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from novacron.chain import EndpointPool
from novacron.exceptions import ChainError
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from tests.support.clients import Chain, dead_url
from tests.support.faulty_rpc import (
    AcceptThenDrop,
    Answer,
    Drip,
    Drop,
    Fault,
    FaultyRpc,
    Garbage,
    Hang,
    Lie,
    Rule,
    Status,
    on,
)

Open = Callable[..., Web3BlockchainClient]
Digest = Callable[[], bytes]


def client_over(open_client: Open, url: str, timeout: float = 1.0) -> Web3BlockchainClient:
    pool = EndpointPool([url], chain_id=31337, timeout=0.4, max_time=1.0, retries=1, cooldown=0.01)
    return open_client(pool=pool, timeout=timeout)


def reconciled_once(chain: Chain, open_client: Open, value: bytes) -> None:
    client = open_client()
    assert client.reconcile().complete
    found = client.retrieve_hash(client.record_id(value))
    assert found.status == "confirmed"
    assert client.verify_record(found)
    assert len(chain.anchors_of(value, chain.account(1))) == 1


@pytest.mark.parametrize(
    "fault",
    [Drop(), Hang(), Garbage(), Drip(), Status(429, (("Retry-After", "1"),)), Status(503)],
    ids=lambda fault: type(fault).__name__ + str(getattr(fault, "code", "")),
)
@pytest.mark.parametrize("method", ["eth_call", "eth_sendRawTransaction", "eth_getTransactionReceipt"])
def test_an_endpoint_that_fails_midway_leaves_the_record_pending(
    chain: Chain, open_client: Open, digest: Digest, fault: Fault, method: str
) -> None:
    value = digest()
    with FaultyRpc(chain.node.url) as proxy:
        client = client_over(open_client, proxy.url)
        proxy.rule = on(method, fault)
        assert client.store_hash(value, {"a": 1}).status == "pending"
        assert [record.hash for record in client.pending()] == [value.hex()]
        client.close()
    reconciled_once(chain, open_client, value)


def test_an_endpoint_that_dies_after_accepting_a_transaction_is_not_asked_twice(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    value = digest()
    with FaultyRpc(chain.node.url) as proxy:
        client = client_over(open_client, proxy.url)
        proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop())
        stored = client.store_hash(value)
        assert len(chain.anchors_of(value, chain.account(1))) == 1  # it was mined, though nobody told us
        proxy.rule = None
        client.reconcile()
        assert client.retrieve_hash(stored.id).status == "confirmed"
        client.close()
    reconciled_once(chain, open_client, value)


def _other_status(receipt: Any) -> Any:
    return receipt and {**receipt, "blockHash": "0x" + "ab" * 32}


LIES: list[tuple[str, Rule]] = [
    ("a receipt of a block that does not exist", on("eth_getTransactionReceipt", Lie(_other_status))),
    ("anchorOf cut short", on("eth_call", Lie(lambda result: result[:66]))),
    ("an anchor that is not there yet", on("eth_call", Lie(lambda result: "0x" + "00" * 96))),
    ("a result of another type", on("eth_call", Answer({"result": {"not": "hex"}}))),
    ("an empty answer", on("eth_getTransactionReceipt", Answer({}))),
]


@pytest.mark.parametrize(("name", "rule"), LIES, ids=[name for name, _ in LIES])
def test_a_lying_endpoint_confirms_nothing(
    chain: Chain, open_client: Open, digest: Digest, name: str, rule: Rule
) -> None:
    value = digest()
    with FaultyRpc(chain.node.url) as proxy:
        client = client_over(open_client, proxy.url)
        proxy.rule = rule
        try:
            assert client.store_hash(value).status == "pending"
        except ChainError:
            assert [record.hash for record in client.pending()] == [value.hex()]
        assert client.retrieve_hash(client.record_id(value)).status == "pending"
        client.close()
    reconciled_once(chain, open_client, value)


def test_an_endpoint_that_hides_events_is_not_believed(chain: Chain, open_client: Open, digest: Digest) -> None:
    stored = open_client().store_hash(digest(), {"a": 1})
    with FaultyRpc(chain.node.url) as proxy:
        pool = EndpointPool([proxy.url], chain_id=31337, retries=1)
        reader = open_client(pool=pool, read_only=True)
        proxy.rule = on("eth_getLogs", Lie(lambda logs: []))
        with pytest.raises(ChainError, match="no such event"):
            reader.retrieve_hash(stored.id)
        with pytest.raises(ChainError):
            reader.verify_record(stored)


def test_a_second_endpoint_takes_over_when_the_first_dies(chain: Chain, open_client: Open, digest: Digest) -> None:
    pool = EndpointPool([dead_url(), chain.node.url], chain_id=31337, timeout=2)
    stored = open_client(pool=pool).store_hash(digest())
    assert stored.status == "confirmed"
