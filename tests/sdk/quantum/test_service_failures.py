"""The service when something fails: raised, told of, never remembered, and no secret in any alert."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    ChainUnavailableError,
    ConfigurationError,
    ConfirmationTimeoutError,
    InputError,
    NovaCronError,
    QuantumError,
    RevertedError,
    StoreError,
)
from novacron.provenance.digest import sha256
from novacron.quantum.alerts import Alert, CallbackAlerts, LogAlerts, WebhookAlerts
from novacron.quantum.client import QuantumVerification
from novacron.quantum.messages import sign_request
from novacron.quantum.service import RESULT_SECONDS, BlockchainIntegrationService
from tests.sdk.quantum.desk import DATA, Desk
from tests.sdk.quantum.world import OPERATOR, WORKING_SEED, Actors, QuantumWorld
from tests.support.faulty_rpc import Drop, FaultyRpc, on


@pytest.fixture
def proxy(world: QuantumWorld) -> Iterator[FaultyRpc]:
    with FaultyRpc(world.node.url) as faulty:
        yield faulty


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 4, 6, -1, True, "2", None, 2.0])
def test_a_level_that_there_is_not_is_refused_and_told(desk: Desk, level: Any) -> None:
    with pytest.raises(InputError, match="choose one of 1, 2, 3, 5"):
        desk.data(level=level)
    (alert,) = desk.alerts
    assert (alert.error, alert.key, alert.data_hash) == ("InputError", None, sha256(DATA).hex())


def test_a_level_without_a_key_is_refused_and_told(desk: Desk, world: QuantumWorld) -> None:
    with pytest.raises(InputError, match="no ML-DSA-87 key for security level 5; it has levels 2"):
        desk.data(level=5)
    assert [one.security_level for one in desk.alerts] == [5]
    assert world.transactions(OPERATOR) == 0


@pytest.mark.parametrize("data", ["text", 5, None, Path("no/such/file")])
def test_what_is_no_datum_is_refused_and_told(desk: Desk, data: Any) -> None:
    with pytest.raises(NovaCronError):
        desk.data(data)
    assert [one.data_hash for one in desk.alerts] == [None]


def test_an_endpoint_that_is_away_is_told_and_the_next_call_succeeds_once(
    world: QuantumWorld, tmp_path: Path, proxy: FaultyRpc
) -> None:
    with ExitStack() as resources:
        desk = Desk(Actors(world, tmp_path, resources, proxy.url))
        proxy.rule = on("*", Drop())
        with pytest.raises(ChainUnavailableError):
            desk.data()
        assert [one.error for one in desk.alerts] == ["ChainUnavailableError"]
        proxy.rule = on("eth_estimateGas", Drop())  # after it was signed, before it is sent
        with pytest.raises(ChainUnavailableError):
            desk.data()
        name = desk.service._name("proof", world.working, sha256(DATA))
        proof = desk.cache.get(name)
        assert desk.cache.get(desk.service._name("result", world.working, sha256(DATA))) is None
        proxy.rule = None
        result = desk.data()
        assert not result.cached
        assert proof is not None
        assert world.w3.eth.get_transaction(result.transaction)["input"].hex().count(proof[-32:].hex()) == 1
    assert world.transactions(OPERATOR) == 1


def test_a_refusal_of_the_chain_is_told_and_never_remembered(
    world: QuantumWorld, desk: Desk, client: QuantumVerification, operator: Any
) -> None:
    client.hand_in(operator, sign_request(client.revocation(world.working.id, world.now()), world.root))
    for _ in range(2):
        with pytest.raises(RevertedError, match="is revoked as of"):
            desk.data()
        with pytest.raises(RevertedError, match="is revoked as of"):
            desk.batch([b"a", b"b"])
    assert [(one.error, one.count) for one in desk.alerts] == [("RevertedError", 1), ("RevertedError", 2)] * 2
    assert desk.alerts[0].key == world.working.id.hex()
    assert desk.alerts[0].timestamp == 1_800_000_000


def test_a_verification_that_counts_no_more_is_an_error(
    world: QuantumWorld, desk: Desk, client: QuantumVerification, operator: Any
) -> None:
    desk.data()
    desk.batch([b"a"])
    client.hand_in(operator, sign_request(client.revocation(world.working.id, 1), world.root))
    desk.seconds = RESULT_SECONDS + 1
    with pytest.raises(QuantumError, match="counts for nothing"):
        desk.data()
    with pytest.raises((QuantumError, RevertedError), match=r"counts for nothing|is revoked"):
        desk.batch([b"a"])


def test_a_key_that_is_revoked_while_the_confirmations_are_waited_for_is_noticed(
    world: QuantumWorld, desk: Desk, client: QuantumVerification, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.verify_data(operator, world.working, sha256(DATA))
    plain = BlockchainIntegrationService._confirmed

    def meanwhile(*args: Any, **options: Any) -> Any:
        client.hand_in(operator, sign_request(client.revocation(world.working.id, 1), world.root))
        return plain(*args, **options)

    monkeypatch.setattr(BlockchainIntegrationService, "_confirmed", meanwhile)
    with pytest.raises(QuantumError, match="counts no more"):
        desk.data()


def test_a_time_out_leaves_a_transaction_that_the_next_call_waits_for(world: QuantumWorld, actors: Actors) -> None:
    desk = Desk(actors, confirmations=3, timeout=0.3)
    with pytest.raises(ConfirmationTimeoutError):
        desk.data()
    assert [one.error for one in desk.alerts] == ["ConfirmationTimeoutError"]
    world.node.rpc("anvil_mine", 2)
    result = desk.data()
    assert (result.confirmations, result.cached) == (3, False)
    assert world.transactions(OPERATOR) == 1


def test_an_error_that_nobody_expected_is_told_without_its_words(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError(f"quotes {WORKING_SEED.hex()}")

    monkeypatch.setattr(QuantumVerification, "verify_data", fail)
    with pytest.raises(ZeroDivisionError):
        desk.data()
    assert [(one.error, one.message) for one in desk.alerts] == [("ZeroDivisionError", "unexpected; see the log")]


# -- caches ------------------------------------------------------------------------------------------------------------


class Broken:
    """A cache that fails, or whose content somebody else wrote."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.taken = answer, 0

    def get(self, key: str) -> bytes | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(key) if callable(self.answer) else self.answer

    def put(self, key: str, value: bytes, seconds: float) -> None:
        self.taken += 1
        if isinstance(self.answer, Exception):
            raise self.answer

    def delete(self, key: str) -> None:
        """Nothing to forget."""


@pytest.mark.parametrize(
    "answer",
    [StoreError("away"), b"", b"[]", b"\xff", b'{"batch": 1}', b"1" * 5_000],
    ids=["error", "empty", "list", "no text", "half", "long"],
)
def test_a_cache_that_fails_or_lies_is_an_empty_one(world: QuantumWorld, actors: Actors, answer: Any) -> None:
    desk = Desk(actors, cache=Broken(answer))
    assert not desk.data().cached
    assert not desk.batch([b"a", b"b"])[0].cached
    assert world.transactions(OPERATOR) == 2
    assert desk.alerts == []


def test_a_remembered_result_of_something_else_is_not_believed(world: QuantumWorld, actors: Actors) -> None:
    other = Desk(actors).data(b"other").to_bytes()
    desk = Desk(actors, cache=Broken(other))
    assert desk.data().data_hash == sha256(DATA)
    document = json.loads(other) | {"data_hash": sha256(b"third").hex(), "key": "00" * 32}
    desk = Desk(actors, cache=Broken(json.dumps(document).encode()))
    assert not desk.data(b"third").cached


def test_a_remembered_proof_is_asked_of_the_chain(world: QuantumWorld, actors: Actors) -> None:
    """A batch proof that somebody put into the cache proves nothing by being there."""
    forged = json.dumps({"root": "11" * 32, "size": 1, "path": []}).encode()
    desk = Desk(actors, cache=Broken(lambda key: forged if "/batch-proof/" in key else None))
    assert desk.batch([b"a"])[0].batch.root != bytes.fromhex("11" * 32)
    assert world.transactions(OPERATOR) == 1


# -- alerts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A server on this machine: its address, what it was sent, and the statuses it answers with."""
    received: list[dict[str, Any]] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"path": self.path, **json.loads(body)})
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hooks/s3cret?token=s3cret", received, statuses
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_sink_is_told_though_others_fail(
    actors: Actors, hook: tuple[str, list[dict[str, Any]], list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    url, received, statuses = hook

    def fail(_: Alert) -> None:
        raise ValueError("of a stranger's, quoting s3cret")

    told: list[Alert] = []
    sinks = [CallbackAlerts(fail), WebhookAlerts(url), LogAlerts(), CallbackAlerts(told.append)]
    desk = Desk(actors, alerts=sinks)
    with caplog.at_level(logging.INFO), pytest.raises(InputError):
        desk.data(level=5)
    assert len(told) == 1
    assert received == [{"path": "/hooks/s3cret?token=s3cret", **told[0].to_dict()}]
    assert "CallbackAlerts could not be told of a failure: ValueError" in caplog.text
    assert "verification failed: " in caplog.text
    statuses += [302, 500]
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with pytest.raises(InputError):
                desk.data(level=5)
    assert caplog.text.count("WebhookAlerts could not be told of a failure: ConnectionError") == 2
    assert [one["path"] for one in received] == ["/hooks/s3cret?token=s3cret"] * 3  # no redirect is followed
    assert "s3cret" not in caplog.text + repr(sinks[1])


def test_a_hook_that_is_away_is_logged_and_the_first_error_stays(
    actors: Actors, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(actors, alerts=[WebhookAlerts("http://127.0.0.1:9/x", timeout=0.5)])
    with pytest.raises(InputError, match="no ML-DSA-87 key"):
        desk.data(level=5)
    assert "WebhookAlerts could not be told" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ftp://127.0.0.1/x", "https://user:s3cret@example.org/", "x", "https://[::1", ""]
)
def test_hooks_beyond_this_machine_are_https(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        WebhookAlerts(url)
    assert "s3cret" not in str(raised.value)


def test_no_alert_holds_a_secret_or_the_data(world: QuantumWorld, tmp_path: Path, proxy: FaultyRpc) -> None:
    url = proxy.url.replace("http://", "http://user:s3cret@") + "/v2/s3cret"
    with ExitStack() as resources:
        desk = Desk(Actors(world, tmp_path, resources, url))
        proxy.rule = on("*", Drop())
        with pytest.raises(ChainUnavailableError):
            desk.data()
        with pytest.raises(ChainUnavailableError):
            desk.batch([DATA, b"x"])
        with pytest.raises(InputError):
            desk.data(level=9)
    assert len(desk.alerts) == 3
    text = json.dumps([one.to_dict() for one in desk.alerts]) + repr(desk.alerts) + repr(desk.service)
    for secret in ("s3cret", WORKING_SEED.hex(), DATA.decode(), DATA.hex(), world.private_keys[OPERATOR]):
        assert secret not in text
