"""The string interface behind the same client."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from web3 import Web3

from novacron.chain import EndpointPool
from novacron.exceptions import (
    ChainUnavailableError,
    DuplicateRecordError,
    MetadataTooLargeError,
    RejectedError,
    RetryableError,
    RevertedError,
    UnknownRecordError,
)
from novacron.provenance.clients.records_client import RecordsBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from tests.support.clients import Chain, mined
from tests.support.contracts import artifact
from tests.support.faulty_rpc import AcceptThenDrop, Answer, FaultyRpc, Status, in_turn, on

Open = Callable[..., Web3BlockchainClient]
Digest = Callable[[], bytes]


def test_a_record_has_the_contracts_number_in_its_id(chain: Chain, open_client: Open, digest: Digest) -> None:
    client, value = open_client(RecordsBlockchainClient), digest()
    stored = client.store_hash(value, {"model": "ü", "epoch": 3})
    base, number = stored.id.split("#")
    assert base == client.record_id(value)
    w3 = Web3(Web3.HTTPProvider(chain.node.url))
    contract = w3.eth.contract(address=chain.contract, abi=artifact("ProofOfTraining")["abi"])  # type: ignore[call-overload]
    text, metadata, timestamp, block, submitter = contract.functions.getHash(int(number)).call()
    assert (text, metadata) == (value.hex(), '{"epoch":3,"model":"ü"}')
    assert (timestamp, block, submitter) == (stored.timestamp, stored.block_number, stored.submitter)
    reader = open_client(RecordsBlockchainClient, read_only=True)
    assert replace(reader.retrieve_hash(stored.id), transaction_hash=stored.transaction_hash) == stored
    assert client.retrieve_hash(base) == stored
    assert reader.verify_hash(value, stored.id)
    assert not reader.verify_hash(digest(), stored.id)
    assert reader.verify_record(stored)
    assert not reader.verify_record(replace(stored, metadata={}))


def test_wrong_numbers_hashes_and_submitters_are_refused(chain: Chain, open_client: Open, digest: Digest) -> None:
    client, value = open_client(RecordsBlockchainClient), digest()
    stored = client.store_hash(value)
    base, number = stored.id.split("#")
    for unknown in (
        f"{base}#{int(number) + 1000}",
        f"{client.record_id(digest())}#{number}",
        stored.id.replace(chain.account(1), chain.account(2)),
        client.record_id(digest()),
    ):
        with pytest.raises(UnknownRecordError):
            client.retrieve_hash(unknown)
    with pytest.raises(DuplicateRecordError):
        client.store_hash(value)
    with pytest.raises(MetadataTooLargeError):
        client.store_hash(digest(), {"noise": os.urandom(2048).hex()})


def test_foreign_metadata_is_returned_as_text(chain: Chain, open_client: Open, digest: Digest) -> None:
    w3 = Web3(Web3.HTTPProvider(chain.node.url))
    contract = w3.eth.contract(address=chain.contract, abi=artifact("ProofOfTraining")["abi"])  # type: ignore[call-overload]
    value = digest()
    contract.functions.storeHash(value.hex(), "free text").transact({"from": chain.account(3)})
    number = contract.functions.getTransactionCount().call()
    reader = open_client(RecordsBlockchainClient, read_only=True)
    scope = f"eip155:31337:{chain.contract}/{chain.account(3)}/{value.hex()}"
    assert reader.retrieve_hash(f"{scope}#{number}").metadata == {"text": "free text"}


def test_a_pending_record_gets_its_number_when_it_is_reconciled(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    value = digest()
    pending = open_client(RecordsBlockchainClient, down=True).store_hash(value, {"a": 1})
    assert (pending.status, "#" in pending.id) == ("pending", False)
    client = open_client(RecordsBlockchainClient)
    assert not client.verify_hash(value, pending.id)
    (confirmed,) = client.reconcile().confirmed
    assert confirmed.id.startswith(pending.id + "#")
    assert client.retrieve_hash(pending.id) == confirmed
    assert len(chain.records_of(value)) == 1


def test_the_other_interface_neither_sends_nor_claims_what_this_one_queued(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    value = digest()
    open_client(RecordsBlockchainClient, down=True).store_hash(value, {"a": 1})
    anchors = open_client()
    assert (list(anchors.reconcile().confirmed), anchors.pending()) == ([], [])
    assert anchors.store_hash(value).status == "confirmed"
    assert chain.records_of(value) == []
    (record,) = open_client(RecordsBlockchainClient).reconcile().confirmed
    assert "#" in record.id
    assert (len(chain.records_of(value)), len(chain.anchors_of(value, record.submitter))) == (1, 1)


def test_batches_are_anchored_as_usual(open_client: Open, digest: Digest) -> None:
    client = open_client(RecordsBlockchainClient)
    records = client.batch_store_hashes([digest(), (digest(), {"a": 1})])
    assert all(record.status == "confirmed" and client.verify_record(record) for record in records)
    assert all(client.verify_hash(record.hash, record.id) for record in records)


def test_a_paused_contract_leaves_the_record_pending_and_says_so(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    w3 = Web3(Web3.HTTPProvider(chain.node.url))
    contract = w3.eth.contract(address=chain.contract, abi=artifact("ProofOfTraining")["abi"])  # type: ignore[call-overload]
    client, value = open_client(RecordsBlockchainClient), digest()
    contract.functions.pauseContract().transact({"from": chain.account(0)})
    try:
        with pytest.raises(RevertedError, match="Records_Paused"):
            client.store_hash(value)
        report = client.reconcile()
        assert [record.hash for record in report.still_pending] == [value.hex()]
        assert any("Records_Paused" in error for error in report.errors)
    finally:
        contract.functions.unpauseContract().transact({"from": chain.account(0)})
    assert client.reconcile().complete
    assert len(chain.records_of(value)) == 1


REFUSAL = Answer({"error": {"code": -32000, "message": "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"}})


def test_a_record_that_one_endpoint_took_and_another_refused_is_stored_once(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    value = digest()
    with FaultyRpc(chain.node.url) as first, FaultyRpc(chain.node.url) as second:
        first.rule = second.rule = in_turn("eth_sendRawTransaction", AcceptThenDrop(), REFUSAL)
        with EndpointPool([first.url, second.url], chain_id=31337, retries=1, health_interval=None) as pool:
            client = open_client(RecordsBlockchainClient, pool=pool)
            assert client.store_hash(value, {"a": 1}).status == "pending"
            assert client.failed() == []
    with pytest.raises(DuplicateRecordError):
        open_client(RecordsBlockchainClient).store_hash(value, {"a": 1})
    report = open_client(RecordsBlockchainClient).reconcile()
    assert [record.hash for record in report.confirmed] == [value.hex()]
    assert report.complete
    assert len(chain.records_of(value)) == 1


def refused(chain: Chain, open_client: Open, value: bytes) -> str:
    """A record every endpoint refused; returns the signed bytes."""
    with FaultyRpc(chain.node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", REFUSAL)
        with open_client(RecordsBlockchainClient, url=proxy.url) as client:
            with pytest.raises(RejectedError, match="configured cap"):
                client.store_hash(value, {"a": 1})
            assert [item.record.hash for item in client.failed()] == [value.hex()]
            assert not client.reconcile().complete
        return str(next(params[0] for method, params in proxy.calls if method == "eth_sendRawTransaction"))


@pytest.mark.parametrize("metadata", [{"a": 1}, {"other": 2}])
def test_storing_a_refused_record_again_finds_that_it_was_mined(
    chain: Chain, open_client: Open, digest: Digest, metadata: dict[str, int]
) -> None:
    value = digest()
    raw = refused(chain, open_client, value)
    mined(chain.node, raw)  # the node that refused had kept it
    with FaultyRpc(chain.node.url) as proxy:
        client = open_client(RecordsBlockchainClient, url=proxy.url)
        proxy.rule = on("*", Status(503))
        with pytest.raises(RetryableError, match="nothing was stored"):
            client.store_hash(value, metadata)
    client = open_client(RecordsBlockchainClient)
    with pytest.raises(DuplicateRecordError):
        client.store_hash(value, metadata)
    assert client.retrieve_hash(client.record_id(value)).status == "confirmed"
    assert client.failed() == []
    assert len(chain.records_of(value)) == 1


def test_reconciling_finds_that_a_refused_record_was_mined(chain: Chain, open_client: Open, digest: Digest) -> None:
    value = digest()
    raw = refused(chain, open_client, value)
    client = open_client(RecordsBlockchainClient)
    report = client.reconcile()
    assert (report.confirmed, [item.record.hash for item in report.failed]) == ((), [value.hex()])
    assert not report.complete
    mined(chain.node, raw)
    report = client.reconcile()
    assert [record.hash for record in report.confirmed] == [value.hex()]
    assert report.complete
    assert len(chain.records_of(value)) == 1


def test_a_refused_record_stored_again_keeps_its_transaction(chain: Chain, open_client: Open, digest: Digest) -> None:
    value = digest()
    raw = refused(chain, open_client, value)
    client = open_client(RecordsBlockchainClient)
    assert client.store_hash(value, {"a": 1}).status == "confirmed"
    with pytest.raises(ChainUnavailableError, match="nonce too low"):
        chain.node.rpc("eth_sendRawTransaction", raw)
    assert len(chain.records_of(value)) == 1
    client.check()
