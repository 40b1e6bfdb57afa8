"""S3-compatible and Kubo stores over HTTP, against doubles: a service that checks each signature, and Kubo's RPC."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from novacron.exceptions import (
    ConfigurationError,
    CorruptBlockError,
    MissingBlockError,
    NovaCronError,
    StorageError,
    StorageRefusedError,
    StorageUnavailableError,
)
from novacron.storage.cid import Cid, Codec
from novacron.storage.records import StateRecord, StoredFile
from novacron.storage.storage import Storage, open_storage
from tests.support.storage_doubles import KuboNode, S3Service

SECRETS = (S3Service.SECRET_KEY, S3Service.ACCESS_KEY, "session-token-value", "Bearer kubo-secret", "SECRET-ECHO")
DATA = bytes(range(256)) * 10_000  # three chunks, two of them different


def s3_environment(service: S3Service, **changes: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": service.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": service.SECRET_KEY,
        "NOVACRON_S3_ENDPOINT": service.url,
    } | changes


@pytest.fixture
def on_s3(s3: S3Service) -> Storage:
    return open_storage("s3://vms/states/eu", s3_environment(s3))


@pytest.fixture
def on_kubo(kubo: KuboNode) -> Storage:
    return open_storage(f"kubo:{kubo.url}", {})


def failing(work: Callable[[], Any], kind: type[NovaCronError], message: str) -> None:
    """`work` raises; no secret is in the exception, its causes or its traceback's locals that pytest would show."""
    with pytest.raises(kind, match=message) as caught:
        work()
    error: BaseException | None = caught.value
    while error is not None:
        assert not any(secret in f"{error!r} {error}" for secret in SECRETS)
        error = error.__cause__ or error.__context__


# -- S3 ---------------------------------------------------------------------------------------------------------------


def test_s3_keeps_files(on_s3: Storage, s3: S3Service) -> None:
    cid = on_s3.put_bytes(DATA)
    assert on_s3.get(cid) == DATA
    assert on_s3.verify(cid).size == len(DATA)
    assert f"/vms/states/eu/{cid}" in s3.objects
    assert (on_s3.has(cid), on_s3.has(Cid.of(b"absent"))) == (True, False)
    assert list(on_s3.missing(cid)) == []
    puts = len([1 for method, _ in s3.requests if method == "PUT"])
    on_s3.put_bytes(DATA)
    assert len([1 for method, _ in s3.requests if method == "PUT"]) == puts  # nothing is sent twice
    assert on_s3.get(on_s3.put_bytes(b"")) == b""


def test_s3_keeps_records(on_s3: Storage) -> None:
    cid = on_s3.put_bytes(b"state")
    record = StateRecord(1, 1, "0x" + "11" * 20, 1, "snapshot", 0, {"s": StoredFile(cid, 5)})
    assert StateRecord.verify(on_s3, record.put(on_s3)) == record


def test_what_s3_lacks_or_damages_is_named(on_s3: Storage, s3: S3Service) -> None:
    cid = on_s3.put_bytes(b"content")
    s3.objects[f"/vms/states/eu/{cid}"] = b"contenT"
    failing(lambda: on_s3.get(cid), CorruptBlockError, str(cid))
    s3.objects[f"/vms/states/eu/{cid}"] = b"short"
    on_s3.put_bytes(b"content")  # of another size: put again
    assert on_s3.get(cid) == b"content"
    s3.objects[f"/vms/states/eu/{cid}"] = bytes(2 * 1024 * 1024 + 5)
    failing(lambda: on_s3.get(cid), CorruptBlockError, "more than 2097152")
    s3.objects.clear()
    failing(lambda: on_s3.get(cid), MissingBlockError, str(cid))


@pytest.mark.parametrize("fault", [500, 503, 429, "cut"])
def test_passing_faults_of_s3_are_survived(on_s3: Storage, s3: S3Service, fault: int | str) -> None:
    cid = on_s3.put_bytes(b"content")
    s3.faults = [fault, fault]
    assert on_s3.get(cid) == b"content"
    s3.faults = [fault] * 20
    failing(lambda: on_s3.get(cid), StorageUnavailableError, "times|broke off")


def test_s3_refusals_say_what_to_do(s3: S3Service) -> None:
    def put(location: str = "s3://vms", **changes: str) -> Callable[[], Any]:
        return lambda: open_storage(location, s3_environment(s3, **changes)).put_bytes(b"content")

    failing(put(AWS_SECRET_ACCESS_KEY="wrong"), StorageRefusedError, "HTTP 403")
    failing(put(AWS_ACCESS_KEY_ID="AKIDOTHER"), StorageRefusedError, "HTTP 403")
    failing(put("s3://no-such-bucket"), StorageRefusedError, "NoSuchBucket to PUT .* create the bucket")
    s3.faults = [301, 301]
    failing(put(), StorageRefusedError, "HTTP 301 Moved to PUT .* the bucket is in region eu-central-1")
    clock = s3.now
    s3.now = lambda: clock() + timedelta(hours=1)
    reading = open_storage("s3://vms", s3_environment(s3))
    failing(lambda: reading.get(Cid.of(b"")), StorageRefusedError, "set this machine's clock")
    assert s3.objects == {}


def test_a_session_token_is_signed_and_sent(s3: S3Service) -> None:
    s3.token = "session-token-value"
    storage = open_storage("s3://vms", s3_environment(s3, AWS_SESSION_TOKEN=s3.token))
    assert storage.get(storage.put_bytes(b"content")) == b"content"
    without = open_storage("s3://vms", s3_environment(s3))
    failing(lambda: without.get(Cid.of(b"content")), StorageRefusedError, "InvalidToken")


@pytest.mark.parametrize(
    ("location", "changes", "message"),
    [
        ("s3://", {}, "no name of an S3 bucket"),
        ("s3:bucket", {}, "s3://bucket"),
        ("s3://Bucket_", {}, "no name of an S3 bucket"),
        ("s3://key:session-token-value@vms", {}, "do not belong into s3://"),
        ("s3://vms/a/../b", {}, "prefix"),
        ("s3://vms/a b", {}, "prefix"),
        ("s3://vms", {"AWS_ACCESS_KEY_ID": ""}, "needs AWS_ACCESS_KEY_ID in the environment"),
        ("s3://vms", {"AWS_SECRET_ACCESS_KEY": "session-token-value\nX: y"}, "AWS_SECRET_ACCESS_KEY holds characters"),
        ("s3://vms", {"AWS_REGION": "eu west"}, "region|malformed"),
        ("s3://vms", {"AWS_REGION": "x.evil.example/"}, "region"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "http://s3.example.org"}, "unencrypted"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "https://u:session-token-value@h"}, "holds credentials"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "ftp://host"}, "malformed"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "https://host/?x=1"}, "malformed"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "https://host/a%20b"}, "malformed"),
        ("s3://vms", {"NOVACRON_S3_ENDPOINT": "https://host:99999"}, "malformed"),
    ],
)
def test_a_wrong_s3_configuration_is_refused_before_anything_is_sent(
    s3: S3Service, location: str, changes: dict[str, str], message: str
) -> None:
    failing(lambda: open_storage(location, s3_environment(s3, **changes)), ConfigurationError, message)
    assert s3.requests == []


def test_http_in_a_trusted_network_has_to_be_asked_for(s3: S3Service) -> None:
    changes = {"NOVACRON_S3_ENDPOINT": "http://minio:9000", "NOVACRON_STORAGE_ALLOW_HTTP": "1"}
    assert "http://minio:9000" in repr(open_storage("s3://vms", s3_environment(s3, **changes)))


# -- Kubo -------------------------------------------------------------------------------------------------------------


def test_kubo_keeps_and_pins_files(on_kubo: Storage, kubo: KuboNode) -> None:
    cid = on_kubo.put_bytes(DATA)
    assert cid.codec is Codec.DAG_PB
    assert kubo.pins == {str(cid)}
    assert on_kubo.get(cid) == DATA
    assert on_kubo.verify(cid).size == len(DATA)
    assert (on_kubo.has(cid), on_kubo.has(Cid.of(b"absent"))) == (True, False)
    big = on_kubo.blocks.put(bytes(1024 * 1024 + 1))
    assert len(on_kubo.blocks.get(big)) == 1024 * 1024 + 1


def test_what_kubo_lacks_or_damages_is_named(on_kubo: Storage, kubo: KuboNode) -> None:
    cid = on_kubo.put_bytes(DATA)
    leaf = next(name for name in kubo.blocks if name.startswith("bafkrei"))
    kubo.blocks[leaf] = b"else"
    failing(lambda: on_kubo.get(cid), CorruptBlockError, leaf)
    del kubo.blocks[leaf]
    failing(lambda: on_kubo.get(cid), MissingBlockError, leaf)
    failing(lambda: on_kubo.pin(cid, "again"), MissingBlockError, str(cid))
    assert [str(missing) for missing in on_kubo.missing(cid)] == [leaf]


def test_passing_faults_of_kubo_are_survived(on_kubo: Storage, kubo: KuboNode) -> None:
    cid = on_kubo.put_bytes(b"content")
    kubo.faults = [502, 503]
    assert on_kubo.get(cid) == b"content"
    kubo.faults = [502] * 20
    failing(lambda: on_kubo.get(cid), StorageUnavailableError, "HTTP 502 to block/get, 4 times")
    kubo.faults = [500]
    failing(lambda: on_kubo.get(cid), StorageUnavailableError, "no reason given")


def test_a_node_that_is_no_kubo_is_said(on_kubo: Storage, kubo: KuboNode) -> None:
    kubo.faults = [404]
    failing(lambda: on_kubo.get(Cid.of(b"")), StorageRefusedError, "not Kubo's RPC")
    kubo.faults = [302]
    failing(lambda: on_kubo.get(Cid.of(b"")), StorageRefusedError, "not Kubo's RPC")


def test_a_node_that_stores_under_another_cid_is_not_believed(on_kubo: Storage, kubo: KuboNode) -> None:
    real = kubo.command

    def lying(name: str, query: dict[str, str], block: bytes | None) -> tuple[int, bytes]:
        return real(name, query, block + b"!" if block is not None else None)

    kubo.command = lying  # type: ignore[method-assign]
    failing(lambda: on_kubo.put_bytes(b"content"), StorageUnavailableError, "stored block")
    assert kubo.pins == set()


def test_kubos_authorization_comes_from_the_environment(kubo: KuboNode) -> None:
    kubo.authorization = "Bearer kubo-secret"
    environ = {"NOVACRON_KUBO_AUTHORIZATION": kubo.authorization}
    storage = open_storage(f"kubo:{kubo.url}", environ)
    assert storage.get(storage.put_bytes(b"content")) == b"content"
    without = open_storage(f"kubo:{kubo.url}", {})
    failing(lambda: without.put_bytes(b"x"), StorageRefusedError, "HTTP 403 .* check NOVACRON_KUBO_AUTHORIZATION")
    for url, message in (
        ("kubo:http://kubo.example.org:5001", "unencrypted"),
        ("kubo:http://u:Bearer@127.0.0.1:5001", "holds credentials"),
        ("kubo:127.0.0.1:5001", "malformed"),
        ("kubo:", "malformed"),
    ):
        failing(lambda url=url: open_storage(url, environ), ConfigurationError, message)  # type: ignore[misc]
    failing(
        lambda: open_storage(f"kubo:{kubo.url}", {"NOVACRON_KUBO_AUTHORIZATION": "Bearer kubo-secret\r\nX: y"}),
        ConfigurationError,
        "no value of a header",
    )


# -- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["s3", "kubo"])
def test_a_server_that_is_away_is_said_without_a_secret(
    kind: str, s3: S3Service, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        environ = s3_environment(s3, NOVACRON_S3_ENDPOINT=url, NOVACRON_KUBO_AUTHORIZATION="Bearer kubo-secret")
        with caplog.at_level(logging.DEBUG):
            storage = open_storage("s3://vms" if kind == "s3" else f"kubo:{url}", environ)
            failing(lambda: storage.put_bytes(b"x"), StorageUnavailableError, "refused the connection")
    assert not any(secret in caplog.text + repr(storage) + str(vars(storage.blocks)) for secret in SECRETS[:3])


@pytest.mark.parametrize("kind", ["s3", "kubo"])
def test_nothing_is_removed_from_a_remote_store(kind: str, on_s3: Storage, on_kubo: Storage) -> None:
    storage = on_s3 if kind == "s3" else on_kubo
    cid = storage.put_bytes(b"content")
    for refused in (storage.collect, storage.pins, lambda: storage.unpin(cid, "manual")):
        with pytest.raises(StorageError, match="own tools"):
            refused()
    assert storage.get(cid) == b"content"
