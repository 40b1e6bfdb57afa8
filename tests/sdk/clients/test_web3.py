"""Anchors and runs through the web3 client, against anvil."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from novacron.chain import EndpointPool
from novacron.exceptions import (
    ConfigurationError,
    DuplicateRecordError,
    InputError,
    InvalidDigestError,
    MetadataTooLargeError,
    NoContractError,
    ProofInvalidError,
    RevertedError,
    RunConflictError,
    SealedRunError,
    UnknownRecordError,
    WrongChainError,
)
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.model import StoredHash
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.rfc9162 import EMPTY_ROOT, leaf_hash, root_of
from tests.support.clients import Chain

Open = Callable[..., Web3BlockchainClient]
Digest = Callable[[], bytes]
LEAVES = [leaf_hash(bytes([n])) for n in range(4)]


@pytest.mark.parametrize("metadata", [None, {"epoch": 3, "loss": 0.25}, {"text": "lorem ipsum " * 400}])
def test_a_stored_hash_is_on_chain_once_and_found_by_anybody(
    chain: Chain, open_client: Open, digest: Digest, metadata: dict[str, object] | None
) -> None:
    client, value = open_client(), digest()
    stored = client.store_hash(value.hex().upper(), metadata)
    assert stored.id == f"eip155:31337:{chain.contract}/{chain.account(1)}/{value.hex()}" == client.record_id(value)
    assert (stored.status, stored.metadata, stored.chain_id) == ("confirmed", metadata or {}, 31337)
    assert len(chain.anchors_of(value, chain.account(1))) == 1
    reader = open_client(read_only=True)
    assert reader.retrieve_hash(stored.id) == stored == client.retrieve_hash(stored.id)
    assert reader.verify_hash(value, stored.id)
    assert not reader.verify_hash(digest(), stored.id)
    assert reader.verify_record(stored)
    assert not reader.verify_record(replace(stored, metadata={"made": "up"}))
    assert not reader.verify_record(replace(stored, submitter=chain.account(2)))
    assert not reader.verify_record(replace(stored, chain_id=1))


def test_bad_input_is_refused_before_anything_is_written(open_client: Open, digest: Digest) -> None:
    client = open_client(down=True)
    with pytest.raises(InvalidDigestError):
        client.store_hash("ab" * 31)
    with pytest.raises(MetadataTooLargeError):
        client.store_hash(digest(), {"noise": os.urandom(4096).hex()})
    with pytest.raises(MetadataTooLargeError):
        client.batch_store_hashes([digest()], batch_metadata={"noise": os.urandom(4096).hex()})
    with pytest.raises(InputError):
        client.batch_store_hashes([])
    assert client.pending() == []


def test_a_batch_is_one_transaction_and_each_record_proves_itself(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    client = open_client()
    items = [digest(), (digest(), {"epoch": 1}), (digest(), None), digest()]
    records = client.batch_store_hashes(items, batch_metadata={"job": 7})
    roots = {record.batch.root for record in records if record.batch}
    assert len(roots) == len({record.transaction_hash for record in records}) == 1
    (root,) = roots
    assert len(chain.anchors_of(root, chain.account(1))) == 1
    reader = open_client(read_only=True)
    assert reader.retrieve_hash(client.record_id(root)).metadata == {"job": 7}
    for index, record in enumerate(records):
        assert record.batch is not None
        assert record.batch.index == index
        assert record.status == "confirmed"
        assert client.retrieve_hash(record.id) == record
        assert client.verify_hash(record.hash, record.id)
        portable = StoredHash.from_dict(json.loads(json.dumps(record.to_dict())))
        assert reader.verify_record(portable)
        assert not reader.verify_record(replace(record, metadata={"made": "up"}))
        assert not reader.verify_record(replace(record, hash="00" * 32))
        assert not reader.verify_record(replace(record, batch=replace(record.batch, size=5)))
        assert not reader.verify_record(replace(record, batch=replace(record.batch, proof=record.batch.proof[:-1])))
        with pytest.raises(UnknownRecordError, match="batch"):
            reader.retrieve_hash(record.id)


def test_a_digest_is_recorded_once(chain: Chain, open_client: Open, digest: Digest, tmp_path: Path) -> None:
    client, value = open_client(), digest()
    stored = client.store_hash(value, {"a": 1})
    with pytest.raises(DuplicateRecordError, match=stored.id):
        client.store_hash(value)
    with pytest.raises(DuplicateRecordError, match=stored.id):
        client.batch_store_hashes([digest(), value])
    elsewhere = open_client(store=tmp_path / "elsewhere")  # same account, other store: only the chain knows
    with pytest.raises(DuplicateRecordError, match="block"):
        elsewhere.store_hash(value, {"a": 2})
    assert elsewhere.pending() == []
    assert elsewhere.failed() == []
    assert elsewhere.retrieve_hash(stored.id) == stored
    other = open_client(account=2, store=tmp_path / "other").store_hash(value)  # another submitter's own claim
    assert other.id != stored.id
    assert len(chain.anchors_of(value, chain.account(1))) == 1


def test_ids_of_other_chains_contracts_or_shapes_are_refused(chain: Chain, open_client: Open, digest: Digest) -> None:
    reader, value = open_client(read_only=True), digest().hex()
    me = chain.account(1)
    for unknown in (
        f"eip155:1:{chain.contract}/{me}/{value}",
        f"eip155:31337:{me}/{me}/{value}",
        f"local:abc/local/{value}",
        f"eip155:31337:{chain.contract}/{me}/{value}",
    ):
        with pytest.raises(UnknownRecordError):
            reader.retrieve_hash(unknown)
    for malformed in ("", value, f"eip155:31337:{chain.contract}/nobody/{value}"):
        with pytest.raises(InputError):
            reader.retrieve_hash(malformed)


def test_a_read_only_client_says_so(open_client: Open, digest: Digest) -> None:
    reader = open_client(read_only=True)
    assert (reader.pending(), reader.failed()) == ([], [])
    for attempt in (
        lambda: reader.store_hash(digest()),
        lambda: reader.batch_store_hashes([digest()]),
        reader.reconcile,
        lambda: reader.open_run(digest(), digest()),
        lambda: reader.submitter,
    ):
        with pytest.raises(ConfigurationError, match="read-only"):
            attempt()


def test_an_address_without_contract_is_named_and_no_money_spent(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    empty = "0x" + "12" * 20
    client = open_client(contract=empty, account=7)
    nonce = chain.node.rpc("eth_getTransactionCount", chain.account(7), "latest")
    with pytest.raises(NoContractError, match="0x1212"):
        client.store_hash(digest())
    with pytest.raises(NoContractError):
        client.batch_store_hashes([digest()])
    assert chain.node.rpc("eth_getTransactionCount", chain.account(7), "latest") == nonce


def test_another_chain_than_the_configured_one_is_refused(chain: Chain, open_client: Open, digest: Digest) -> None:
    pool = EndpointPool([chain.node.url], chain_id=1, retries=1)
    client = open_client(pool=pool)
    value = digest()
    with pytest.raises(WrongChainError, match="31337"):
        client.store_hash(value)
    assert [record.hash for record in client.pending()] == [value.hex()]  # not lost
    report = client.reconcile()
    assert len(report.still_pending) == 1
    assert any("31337" in error for error in report.errors)
    assert chain.anchors_of(value, chain.account(1)) == []


def test_a_store_of_another_account_is_refused(open_client: Open, tmp_path: Path) -> None:
    open_client(store=tmp_path / "s")
    with pytest.raises(ConfigurationError, match="belongs to"):
        open_client(store=tmp_path / "s", account=2)
    with pytest.raises(ConfigurationError, match="confirmations"):
        open_client(confirmations=0)


def test_a_record_is_pending_until_it_has_its_depth(chain: Chain, open_client: Open, digest: Digest) -> None:
    client, value = open_client(confirmations=3, timeout=0.3), digest()
    stored = client.store_hash(value)
    assert (stored.status, stored.block_number) == ("pending", None)
    chain.node.rpc("anvil_mine", "0x2")
    report = client.reconcile()
    assert [record.id for record in report.confirmed] == [stored.id]
    assert client.retrieve_hash(stored.id).status == "confirmed"
    assert len(chain.anchors_of(value, chain.account(1))) == 1


# -- runs ----------------------------------------------------------------------------------------------------------


def test_a_run_grows_and_is_sealed_and_every_call_may_be_repeated(open_client: Open, digest: Digest) -> None:
    client, salt, manifest, model = open_client(), digest(), digest(), digest()
    info = client.open_run(salt, manifest)
    assert (info.run, info.owner) == (client.run_id(salt, manifest), client.submitter)
    assert info.transaction_hash is not None
    assert client.open_run(salt, manifest) == info
    assert client.run_head(info.run).root == EMPTY_ROOT
    with pytest.raises(InputError, match="no entries"):
        client.seal_run(info.run, model)
    head = client.extend_run(info.run, 1, root_of(LEAVES[:1]), [])
    assert client.extend_run(info.run, 1, root_of(LEAVES[:1]), []) == head
    assert head.transaction_hash is not None
    head = client.extend_run(info.run, 3, root_of(LEAVES[:3]), [LEAVES[1], LEAVES[2]])
    assert (head.size, head.root) == (3, root_of(LEAVES[:3]))
    sealed = client.seal_run(info.run, model)
    assert client.seal_run(info.run, model) == sealed
    assert sealed.model_digest == model
    with pytest.raises(SealedRunError):
        client.seal_run(info.run, digest())
    with pytest.raises(SealedRunError):
        client.extend_run(info.run, 4, root_of(LEAVES), [])


def test_a_run_that_shrinks_forks_or_is_unknown_is_refused_without_a_transaction(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    client = open_client(account=6)
    run = client.open_run(digest(), digest()).run
    client.extend_run(run, 2, root_of(LEAVES[:2]), [])
    nonce = chain.node.rpc("eth_getTransactionCount", chain.account(6), "latest")
    with pytest.raises(RunConflictError, match="ahead"):
        client.extend_run(run, 1, LEAVES[0], [])
    with pytest.raises(RunConflictError, match="two histories"):
        client.extend_run(run, 2, digest(), [])
    with pytest.raises(ProofInvalidError):
        client.extend_run(run, 3, root_of([LEAVES[3], *LEAVES[1:3]]), [LEAVES[2]])
    with pytest.raises(UnknownRecordError):
        client.extend_run(digest(), 1, LEAVES[0], [])
    with pytest.raises(UnknownRecordError):
        client.seal_run(digest(), digest())
    for size in (0, 2**48):
        with pytest.raises(InputError):
            client.extend_run(run, size, LEAVES[0], [])
    assert chain.node.rpc("eth_getTransactionCount", chain.account(6), "latest") == nonce


def test_only_authorised_recorders_extend_a_run(
    chain: Chain, open_client: Open, digest: Digest, tmp_path: Path
) -> None:
    owner, recorder = open_client(), open_client(account=2, store=tmp_path / "recorder")
    run = owner.open_run(digest(), digest()).run
    with pytest.raises(RevertedError, match="NotRecorder"):
        recorder.extend_run(run, 1, root_of(LEAVES[:1]), [])
    owner.set_recorder(run, chain.account(2))
    owner.set_recorder(run, chain.account(2))
    assert recorder.extend_run(run, 1, root_of(LEAVES[:1]), []).size == 1  # the same call, now allowed
    owner.set_recorder(run, chain.account(2), False)
    with pytest.raises(RevertedError, match="NotRecorder"):
        recorder.extend_run(run, 2, root_of(LEAVES[:2]), [LEAVES[1]])
    owner.set_recorder(run, chain.account(2), True)  # once more, which needs a new transaction
    assert recorder.extend_run(run, 2, root_of(LEAVES[:2]), [LEAVES[1]]).size == 2
    with pytest.raises(RevertedError, match="NotOwner"):
        recorder.seal_run(run, digest())
    # The owner, whose own view was of size 0, is told where the chain stands.
    with pytest.raises(RunConflictError, match="size 2"):
        owner.extend_run(run, 1, root_of(LEAVES[:1]), [])


def test_local_and_web3_refuse_the_same_things(open_client: Open, local: LocalBlockchainClient, digest: Digest) -> None:
    salt, manifest, value = digest(), digest(), digest()
    steps: list[Callable[[Web3BlockchainClient | LocalBlockchainClient], object]] = [
        lambda c: c.store_hash(value, {"a": 1}).metadata,
        lambda c: c.store_hash(value).hash,
        lambda c: c.batch_store_hashes([value]),
        lambda c: [r.batch for r in c.batch_store_hashes([bytes(31) + b"\1", (salt, {"b": 2})])],
        lambda c: c.extend_run(digest(), 1, LEAVES[0], []),
        lambda c: c.open_run(salt, manifest).manifest_digest,
        lambda c: c.extend_run(c.run_id(salt, manifest), 1, LEAVES[0], [LEAVES[1]]),
        lambda c: c.seal_run(c.run_id(salt, manifest), manifest).size,
        lambda c: c.extend_run(c.run_id(salt, manifest), 2, root_of(LEAVES[:2]), []).root,
        lambda c: c.extend_run(c.run_id(salt, manifest), 1, LEAVES[0], []).root,
        lambda c: c.extend_run(c.run_id(salt, manifest), 2, LEAVES[0], []).root,
        lambda c: c.extend_run(c.run_id(salt, manifest), 4, root_of(LEAVES), [LEAVES[0]]).root,
        lambda c: c.seal_run(c.run_id(salt, manifest), bytes(32)),
        lambda c: c.seal_run(c.run_id(salt, manifest), manifest).model_digest,
        lambda c: c.seal_run(c.run_id(salt, manifest), salt),
        lambda c: c.verify_hash(value, c.record_id(value)),
        lambda c: c.verify_hash(salt, c.record_id(value)),
        lambda c: c.verify_hash(digest(), c.record_id(digest())),
    ]

    def outcome(
        step: Callable[[Web3BlockchainClient | LocalBlockchainClient], object],
        client: Web3BlockchainClient | LocalBlockchainClient,
    ) -> object:
        try:
            return step(client)
        except Exception as error:  # noqa: BLE001 - the very type is what is compared
            return type(error).__name__

    web3 = open_client()
    outcomes = [(outcome(step, local), outcome(step, web3)) for step in steps]
    assert [left for left, _ in outcomes] == [right for _, right in outcomes]
    assert sum(isinstance(left, str) and left.endswith("Error") for left, _ in outcomes) == 11
