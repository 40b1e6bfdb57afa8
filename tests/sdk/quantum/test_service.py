"""The service: typed results, one transaction for each datum, batches, and what is remembered for how long."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from novacron.exceptions import (
    ChainUnavailableError,
    ConfigurationError,
    ConfirmationTimeoutError,
    InputError,
)
from novacron.provenance.digest import sha256
from novacron.provenance.manifest import build_manifest
from novacron.quantum import PostQuantumScheme, SigningKey
from novacron.quantum.client import QuantumVerification
from novacron.quantum.records import WorkingKey
from novacron.quantum.service import PROOF_SECONDS, RESULT_SECONDS
from tests.sdk.quantum.desk import DATA, LEVEL, Desk
from tests.sdk.quantum.world import OPERATOR, OTHER, Actors, QuantumWorld

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


# -- what goes well ----------------------------------------------------------------------------------------------------


def test_a_datum_is_hashed_signed_submitted_and_confirmed(
    world: QuantumWorld, desk: Desk, client: QuantumVerification
) -> None:
    result = desk.data()
    assert result.data_hash == sha256(DATA)
    assert (result.security_level, result.scheme) == (LEVEL, PostQuantumScheme.ML_DSA_44)
    assert (result.key, result.verifier, result.cached) == (world.working.id, world.accounts[OPERATOR], False)
    record = client.verification(world.working.id, result.data_hash)
    assert record is not None
    assert (record.proof_digest, record.timestamp) == (result.proof_digest, result.timestamp)
    receipt = world.w3.eth.get_transaction_receipt(result.transaction)
    assert receipt["blockNumber"] == result.block
    assert desk.alerts == []
    assert json.loads(result.to_bytes())["data_hash"] == sha256(DATA).hex()


def test_a_file_or_folder_is_named_by_the_root_of_its_manifest(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(DATA)
    assert desk.data(folder).data_hash == build_manifest(folder).root
    assert desk.data(folder / "weights.bin").data_hash == build_manifest(folder / "weights.bin").root
    digest = sha256(b"known")
    assert run(desk.service.verify_digest(digest, LEVEL)).data_hash == digest


def test_the_level_chooses_the_key(world: QuantumWorld, actors: Actors, operator: Any) -> None:
    hash_based = WorkingKey(world.root_id, SigningKey.generate(PostQuantumScheme.SLH_DSA_SHA2_128S))
    actors.authorize(operator, hash_based)
    desk = Desk(actors, keys=[world.working, hash_based])
    assert desk.data(level=1).key == hash_based.id
    assert desk.data(level=2).key == world.working.id  # the same datum, by another key
    with pytest.raises(ConfigurationError, match="two keys of ML-DSA-44"):
        Desk(actors, keys=[world.working, world.working])


def test_a_result_is_remembered_for_an_hour(world: QuantumWorld, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.data()
    desk.seconds = RESULT_SECONDS - 1
    with monkeypatch.context() as patch:
        patch.setattr(QuantumVerification, "verification", lambda *_: pytest.fail("the chain was asked"))
        again = desk.data()
    assert again == replace(first, cached=True)
    desk.seconds = RESULT_SECONDS + 1
    assert desk.data() == first  # asked again, and found on chain
    assert world.transactions(OPERATOR) == 1


def test_many_callers_with_one_datum_wait_for_one_transaction(
    world: QuantumWorld, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, begun, go = QuantumVerification.verify_data, threading.Event(), threading.Event()

    def slow(*args: Any, **options: Any) -> Any:
        begun.set()
        assert go.wait(20)
        return plain(*args, **options)

    async def many() -> list[Any]:
        leaving = asyncio.create_task(desk.service.verify_digest(sha256(DATA), LEVEL))
        await asyncio.to_thread(begun.wait, 20)
        patient = [asyncio.create_task(desk.service.verify_digest(sha256(DATA), LEVEL)) for _ in range(4)]
        await asyncio.sleep(0)
        leaving.cancel()  # who goes away takes nothing from the others
        await asyncio.gather(leaving, return_exceptions=True)
        go.set()
        return await asyncio.gather(*patient)

    monkeypatch.setattr(QuantumVerification, "verify_data", slow)
    results = run(many())
    assert len({one.transaction for one in results}) == 1
    assert world.transactions(OPERATOR) == 1
    assert desk.alerts == []


def test_what_somebody_else_submitted_is_waited_for_too(
    world: QuantumWorld, actors: Actors, client: QuantumVerification
) -> None:
    client.verify_data(actors.account(OTHER), world.working, sha256(DATA))
    desk = Desk(actors, confirmations=3, timeout=0.3)
    desk.service._timeout = 0.1
    with pytest.raises(ConfirmationTimeoutError, match="has not the 3 confirmations yet"):
        desk.data()
    world.node.rpc("anvil_mine", 2)
    result = desk.data()
    assert (result.verifier, result.confirmations) == (world.accounts[OTHER], 3)
    assert world.transactions(OPERATOR) == 0


# -- batches -----------------------------------------------------------------------------------------------------------


def test_a_batch_of_more_than_a_hundred_is_split_and_each_datum_proven(
    world: QuantumWorld, desk: Desk, client: QuantumVerification
) -> None:
    data = [b"%d" % number for number in range(103)] + [b"7"]
    results = desk.batch(data)
    assert [one.data_hash for one in results] == [sha256(one) for one in data]
    assert world.transactions(OPERATOR) == 2
    assert sorted({(one.batch.size, one.batch.root) for one in results}, reverse=True)[0][0] == 100
    assert {one.batch.size for one in results} == {100, 3}
    assert all(client.is_verified_in_batch(world.working.id, one.batch) for one in results[::20])
    assert results[7] == results[-1]


def test_data_of_a_batch_are_not_signed_again_for_a_day(
    world: QuantumWorld, desk: Desk, client: QuantumVerification, actors: Actors
) -> None:
    first = desk.batch([b"a", b"b", b"c"])
    again = desk.batch([b"c", b"a"])
    assert again == [replace(first[2], cached=True), replace(first[0], cached=True)]
    desk.seconds = RESULT_SECONDS + 1  # the results are forgotten, the proofs are not
    assert desk.batch([b"b", b"c"]) == first[1:]
    assert world.transactions(OPERATOR) == 1
    mixed = desk.batch([b"b", b"d"])
    assert [one.batch.size for one in mixed] == [3, 1]
    assert world.transactions(OPERATOR) == 2
    desk.seconds = PROOF_SECONDS + RESULT_SECONDS + 2
    assert desk.batch([b"a"])[0].batch.size == 1
    assert world.transactions(OPERATOR) == 3


def test_a_batch_that_fails_halfway_keeps_what_was_verified(
    world: QuantumWorld, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [b"%d" % number for number in range(150)]
    plain, calls = QuantumVerification.verify_batch, []

    def second_fails(self: QuantumVerification, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise ChainUnavailableError("away")
        return plain(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(QuantumVerification, "verify_batch", second_fails)
        with pytest.raises(ChainUnavailableError):
            desk.batch(data)
    assert [(one.error, one.count) for one in desk.alerts] == [("ChainUnavailableError", 150)]
    assert [one.batch.size for one in desk.batch(data)[::149]] == [100, 50]
    assert world.transactions(OPERATOR) == 2


@pytest.mark.parametrize("data", [[], b"bytes", "text", Path("x")], ids=["none", "bytes", "text", "path"])
def test_a_batch_is_a_list_of_at_least_one_datum(desk: Desk, data: Any) -> None:
    with pytest.raises(InputError, match="a batch is a list"):
        desk.batch(data)
    assert len(desk.alerts) == 1
