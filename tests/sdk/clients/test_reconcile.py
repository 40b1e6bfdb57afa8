"""The chain down, and up again: nothing lost, nothing twice, nothing silent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from novacron.chain import EndpointPool, FeePolicy, signer_from_key
from novacron.exceptions import (
    ChainUnavailableError,
    DuplicateRecordError,
    FeeCapError,
    InsufficientFundsError,
    RevertedError,
    UnknownRecordError,
)
from novacron.provenance.clients.dispatch import MANY_LIMIT, Dispatcher
from novacron.provenance.clients.groups import Group
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from tests.support.clients import Chain
from tests.support.faulty_rpc import Answer, FaultyRpc, on
from tests.support.workers import in_processes

Open = Callable[..., Web3BlockchainClient]
Digest = Callable[[], bytes]


def test_records_wait_while_the_chain_is_down_and_are_anchored_once_later(
    chain: Chain, open_client: Open, digest: Digest
) -> None:
    down = open_client(down=True)
    plain, tagged, members = digest(), digest(), [digest() for _ in range(3)]
    stored = [down.store_hash(plain), down.store_hash(tagged, {"a": 1}), *down.batch_store_hashes(members)]
    assert {record.status for record in stored} == {"pending"}
    assert all(record.batch is not None for record in stored[2:])  # the proof is known before the anchor
    assert [record.id for record in down.pending()] == [record.id for record in stored]
    report = down.reconcile()
    assert (report.confirmed, len(report.still_pending)) == ((), 5)
    assert report.errors
    assert not report.complete
    for record in stored:
        assert down.retrieve_hash(record.id) == record
        with pytest.raises(DuplicateRecordError, match=record.id):
            down.store_hash(record.hash)
    with pytest.raises(ChainUnavailableError):
        down.verify_hash(plain, stored[0].id)
    down.close()

    up = open_client()
    assert not up.verify_hash(plain, stored[0].id)
    report = up.reconcile()
    assert report.complete
    assert {record.id for record in report.confirmed} == {record.id for record in stored}
    assert up.pending() == []
    root = stored[2].batch.root if stored[2].batch else b""
    for value in (plain, tagged, root):
        assert len(chain.anchors_of(value, chain.account(1))) == 1
    for record in stored:
        confirmed = up.retrieve_hash(record.id)
        assert (confirmed.id, confirmed.batch, confirmed.status) == (record.id, record.batch, "confirmed")
        assert up.verify_record(confirmed)
    assert up.reconcile().confirmed == ()  # each is reported once


def test_runs_need_the_chain_and_say_so(open_client: Open, digest: Digest) -> None:
    down = open_client(down=True)
    assert len(down.run_id(digest(), digest())) == 32
    for call in (
        lambda: down.open_run(digest(), digest()),
        lambda: down.extend_run(digest(), 1, digest(), []),
        lambda: down.seal_run(digest(), digest()),
        lambda: down.run_head(digest()),
    ):
        with pytest.raises(ChainUnavailableError):
            call()


def test_pending_records_without_metadata_share_transactions(chain: Chain, open_client: Open, digest: Digest) -> None:
    values = [digest() for _ in range(MANY_LIMIT + 3)]
    down = open_client(down=True)
    for value in values:
        down.store_hash(value)
    report = open_client().reconcile()
    assert len(report.confirmed) == len(values)
    assert len({record.transaction_hash for record in report.confirmed}) == 2
    assert all(len(chain.anchors_of(value, chain.account(1))) == 1 for value in values)


def test_a_digest_anchored_from_elsewhere_does_not_hold_up_the_others(
    chain: Chain, open_client: Open, digest: Digest, tmp_path: Path
) -> None:
    values, tagged, clash = [digest() for _ in range(4)], digest(), digest()
    down = open_client(down=True)
    for value in values:
        down.store_hash(value)
    down.store_hash(tagged, {"a": 1})
    down.store_hash(clash, {"mine": True})
    elsewhere = open_client(store=tmp_path / "elsewhere")
    elsewhere.store_hash(values[2])
    elsewhere.store_hash(tagged, {"a": 1})
    elsewhere.store_hash(clash, {"theirs": True})
    client = open_client()
    report = client.reconcile()
    assert {record.hash for record in report.confirmed} == {value.hex() for value in [*values, tagged]}
    ((failed,), still) = (report.failed, report.still_pending)
    assert (failed.record.hash, still) == (clash.hex(), ())
    assert "other metadata" in failed.reason
    assert [item.record.hash for item in client.failed()] == [clash.hex()]
    assert all(len(chain.anchors_of(value, chain.account(1))) == 1 for value in [*values, tagged, clash])
    with pytest.raises(DuplicateRecordError):
        client.store_hash(clash)


def test_an_underfunded_account_is_named_and_its_record_stays(
    chain: Chain, open_client: Open, digest: Digest, tmp_path: Path
) -> None:
    poor = signer_from_key(os.urandom(32))
    with EndpointPool([chain.node.url], chain_id=31337) as pool:
        client = Web3BlockchainClient(pool, chain.contract, signer=poor, store=tmp_path / "poor", timeout=5)
        value, members = digest(), [digest(), digest()]
        with pytest.raises(InsufficientFundsError, match=poor.address):
            client.store_hash(value)
        with pytest.raises(InsufficientFundsError):
            client.batch_store_hashes(members)
        report = client.reconcile()
        assert len(report.still_pending) == len(client.pending()) == 3
        assert any(poor.address in error for error in report.errors)
        assert client.failed() == []
        chain.node.rpc("anvil_setBalance", poor.address, hex(10**18))
        assert len(client.reconcile().confirmed) == 3
        assert len(chain.anchors_of(value, poor.address)) == 1
        client.close()


def test_a_fee_above_the_cap_leaves_the_record_pending(chain: Chain, open_client: Open, digest: Digest) -> None:
    value = digest()
    capped = open_client(fees=FeePolicy(max_fee_per_gas=1))
    with pytest.raises(FeeCapError):
        capped.store_hash(value)
    capped.close()
    client = open_client()
    assert [record.hash for record in client.pending()] == [value.hex()]
    assert client.reconcile().complete


def test_a_refused_record_is_listed_and_may_be_stored_again(chain: Chain, open_client: Open, digest: Digest) -> None:
    value, members = digest(), [digest(), digest()]
    with FaultyRpc(chain.node.url) as proxy:
        client = open_client(url=proxy.url)
        proxy.rule = on("eth_estimateGas", Answer({"error": {"code": 3, "message": "execution reverted: no"}}))
        with pytest.raises(RevertedError):
            client.store_hash(value)
        with pytest.raises(RevertedError):
            client.batch_store_hashes(members)
        proxy.rule = None
        failed = client.failed()
        assert [item.record.hash for item in failed] == [item.hex() for item in [value, *members]]
        assert all("reverted: no" in item.reason for item in failed)
        assert client.pending() == []
        assert client.reconcile().confirmed == ()  # not tried again by itself
        with pytest.raises(UnknownRecordError, match="reverted: no"):
            client.retrieve_hash(failed[0].record.id)
        stored = client.store_hash(value, {"second": "try"})
        assert (stored.status, stored.id) == ("confirmed", failed[0].record.id)
        again = client.batch_store_hashes(members)
        assert all(client.verify_record(record) for record in [stored, *again])
        assert client.failed() == []
        client.check()
        assert len(chain.anchors_of(value, chain.account(1))) == 1


# -- two writers ---------------------------------------------------------------------------------------------------


def _reconcile(url: str, contract: str, key: str, store: str) -> list[str]:
    with EndpointPool([url], chain_id=31337) as pool:
        with Web3BlockchainClient(pool, contract, signer=signer_from_key(key), store=store, timeout=20) as client:
            return [record.hash for record in client.reconcile().confirmed]


def _store(url: str, contract: str, key: str, store: str, worker: int, tag: bytes) -> None:
    with EndpointPool([url], chain_id=31337) as pool:
        with Web3BlockchainClient(pool, contract, signer=signer_from_key(key), store=store, timeout=20) as client:
            for number in range(6):
                value = tag + bytes([worker, number]) + bytes(14)
                if number == 3:
                    client.reconcile()
                client.store_hash(value, {"worker": worker} if number % 2 else None)


def test_processes_that_reconcile_at_once_anchor_and_report_each_record_once(
    chain: Chain, open_client: Open, digest: Digest, tmp_path: Path
) -> None:
    down = open_client(down=True)
    values = [digest() for _ in range(12)]
    for position, value in enumerate(values):
        down.store_hash(value, {"n": position} if position % 2 else None)
    batch = down.batch_store_hashes([digest(), digest()])
    down.close()
    arguments = (chain.node.url, chain.contract, chain.node.accounts[1][1], str(tmp_path / "store"))
    reported = [value for values in in_processes(_reconcile, *[arguments] * 3) for value in values]
    assert sorted(reported) == sorted([value.hex() for value in values] + [record.hash for record in batch])
    root = batch[0].batch.root if batch[0].batch else b""
    assert all(len(chain.anchors_of(value, chain.account(1))) == 1 for value in [*values, root])
    assert open_client().pending() == []


@pytest.mark.parametrize("moment", ["submit", "finish"])
def test_a_group_that_another_process_takes_apart_meanwhile_is_no_damage(
    chain: Chain, open_client: Open, digest: Digest, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    down = open_client(down=True)
    values = [digest() for _ in range(3)]
    for value in values:
        down.store_hash(value)
    down.close()
    first, second = open_client(), open_client()
    step = getattr(Dispatcher, moment)

    def overtaken(self: Dispatcher, group: Group) -> bool:
        """The second had found the group unsent, and finds it anchored when it asks the contract."""
        monkeypatch.setattr(Dispatcher, moment, step)
        if moment == "finish":
            self.manager.wait(self.outbox.key(group))
        second._writer()[1]._resolve(group, self.contract.slots(self.submitter, values))
        assert second.reconcile().complete
        return bool(step(self, group))

    monkeypatch.setattr(Dispatcher, moment, overtaken)
    report = first.reconcile()
    assert report.complete, report
    for value in values:
        assert first.retrieve_hash(first.record_id(value)).status == "confirmed"
        assert len(chain.anchors_of(value, chain.account(1))) == 1
    first.check()


def test_processes_that_store_through_one_folder_lose_and_repeat_nothing(
    chain: Chain, open_client: Open, tmp_path: Path
) -> None:
    tag = os.urandom(16)
    arguments = (chain.node.url, chain.contract, chain.node.accounts[1][1], str(tmp_path / "store"))
    in_processes(_store, *[(*arguments, number, tag) for number in range(4)])
    client = open_client()
    client.reconcile()
    assert client.pending() == []
    assert client.failed() == []
    for worker in range(4):
        for number in range(6):
            value = tag + bytes([worker, number]) + bytes(14)
            assert len(chain.anchors_of(value, chain.account(1))) == 1
            assert client.retrieve_hash(client.record_id(value)).status == "confirmed"
