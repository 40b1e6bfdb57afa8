"""The S3 object store against moto's real server, behind a proxy that breaks what a network breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from novacron.exceptions import (
    ConfigurationError,
    InputError,
    MissingObjectError,
    StorageRefusedError,
    StorageUnavailableError,
)
from novacron.models import stores_s3
from novacron.models.stores import open_object_store
from novacron.models.stores_s3 import LEAST_PART, S3ObjectStore
from novacron.storage.http import ATTEMPTS
from tests.support.model_stores import SMALL_PART, Fault, Rule, S3Proxy, S3World, s3_world
from tests.support.workers import end_of_processes

#: Three parts, the last one short.
DATA = os.urandom(2 * SMALL_PART + 1234)
ENVIRON = {"AWS_ACCESS_KEY_ID": "test-access", "AWS_SECRET_ACCESS_KEY": "test-secret-4c1d"}


@pytest.fixture(scope="module")
def world() -> Iterator[S3World]:
    with s3_world() as world:
        yield world


@pytest.fixture
def s3(world: S3World, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[S3ObjectStore]:
    """A store of the test's own prefix, through the proxy."""
    monkeypatch.setattr("novacron.storage.http.FIRST_WAIT", 0.0)
    world.proxy.rule = lambda method, path: None
    world.proxy.requests.clear()
    yield world.store(request.node.originalname[:60])
    world.proxy.rule = lambda method, path: None


def pieces(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def got(store: S3ObjectStore, name: str) -> bytes:
    return b"".join(store.get(name))


def uploads(store: S3ObjectStore) -> int:
    return len([*store._uploads(store._folder)])


def failing(method: str, part: str, fault: Fault, times: int) -> Rule:
    """The rule: the first so many requests that fit fail."""
    left = times

    def rule(asked: str, path: str) -> Fault | None:
        nonlocal left
        if asked == method and part in path and left > 0:
            left -= 1
            return fault
        return None

    return rule


def test_small_and_large_objects_come_back_as_they_were(world: S3World, s3: S3ObjectStore) -> None:
    assert s3.put("large", pieces(DATA), size=len(DATA)).size == len(DATA)
    assert world.proxy.count("PUT", "partNumber=") == 3
    assert got(s3, "large") == DATA
    for name, data in (("small", b"12345"), ("empty", b"")):
        s3.put(name, [data])
        assert got(s3, name) == data
    assert b"".join(s3.get("large", SMALL_PART - 2, 4)) == DATA[SMALL_PART - 2 : SMALL_PART + 2]
    assert b"".join(s3.get("large", len(DATA) - 3)) == DATA[-3:]
    assert b"".join(s3.get("large", len(DATA) + 3, 3)) == b""
    assert b"".join(s3.get("large", 3, 0)) == b""
    assert [(info.name, info.size) for info in s3.list()] == [("empty", 0), ("large", len(DATA)), ("small", 5)]
    assert [info.name for info in s3.list("la")] == ["large"]
    assert s3.delete("large")
    assert not s3.delete("large")
    assert s3.stat("large") is None
    with pytest.raises(MissingObjectError, match="large"):
        got(s3, "large")


def test_parts_are_of_five_mib_where_nothing_else_is_said() -> None:
    """S3's own least; the tests patch it, which this one does not see: the name was bound before."""
    assert LEAST_PART == 5 * 1024 * 1024


def test_an_object_of_unknown_size_is_put_all_the_same(s3: S3ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron.models.stores_s3.UNKNOWN_PART_SIZE", SMALL_PART)
    s3.put("name", pieces(DATA))
    assert got(s3, "name") == DATA


def test_another_number_of_bytes_than_announced_leaves_nothing(s3: S3ObjectStore) -> None:
    for size in (len(DATA) - 1, len(DATA) + 1):
        with pytest.raises(InputError, match="announced"):
            s3.put("name", pieces(DATA), size=size)
    assert (uploads(s3), s3.exists("name")) == (0, False)


def test_more_than_s3_lists_at_once_is_listed(
    world: S3World, s3: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        s3.put(f"{number}", [b"x"])
    real = s3._client.list_objects_v2
    monkeypatch.setattr(s3._client, "list_objects_v2", lambda **arguments: real(MaxKeys=2, **arguments))
    assert [info.name for info in s3.list()] == ["0", "1", "2", "3", "4"]


# -- failures on the way ----------------------------------------------------------------------------------------------

PASSING = [Fault(status=500), Fault(status=503), Fault(lost=True), Fault()]


@pytest.mark.parametrize("fault", PASSING, ids=["500", "503", "request lost", "answer lost"])
def test_a_passing_failure_of_any_step_of_an_upload_is_overcome(
    world: S3World, s3: S3ObjectStore, fault: Fault
) -> None:
    for method, part in (("POST", "uploads"), ("PUT", "partNumber=2"), ("POST", "uploadId=")):
        world.proxy.rule = failing(method, part, fault, ATTEMPTS - 1)
        s3.put("name", pieces(DATA), size=len(DATA))
        assert got(s3, "name") == DATA
        s3.delete("name")
    s3.sweep(-60)  # an answer to "create" that was lost leaves an upload that nobody knows


def test_a_broken_read_goes_on_where_it_broke(world: S3World, s3: S3ObjectStore) -> None:
    s3.put("name", pieces(DATA), size=len(DATA))
    world.proxy.rule = failing("GET", "name", Fault(after=SMALL_PART), 2)
    assert got(s3, "name") == DATA
    assert world.proxy.count("GET", "name") == 3


def test_a_read_that_makes_no_progress_ends(world: S3World, s3: S3ObjectStore) -> None:
    s3.put("name", pieces(DATA), size=len(DATA))
    world.proxy.requests.clear()
    world.proxy.rule = lambda method, path: Fault(after=0) if method == "GET" else None
    with pytest.raises(StorageUnavailableError, match="byte 0"):
        got(s3, "name")
    assert world.proxy.count("GET", "name") == ATTEMPTS


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(world: S3World, s3: S3ObjectStore) -> None:
    s3.put("name", pieces(DATA), size=len(DATA))
    world.proxy.rule = failing("GET", "name", Fault(after=2 * SMALL_PART), 1)
    reading = s3.get("name")
    next(reading)
    world.store(s3._folder.rstrip("/"), direct=True).put("name", [DATA[::-1]], size=len(DATA))
    with pytest.raises(StorageUnavailableError, match="replaced while it was read"):
        for _ in reading:
            pass


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(lost=True)], ids=["500", "cut"])
def test_an_upload_that_fails_for_good_leaves_nothing(world: S3World, s3: S3ObjectStore, fault: Fault) -> None:
    world.proxy.rule = lambda method, path: fault if "partNumber=3" in path else None
    with pytest.raises(StorageUnavailableError, match="upload_part"):
        s3.put("name", pieces(DATA), size=len(DATA))
    assert (uploads(s3), s3.exists("name")) == (0, False)


def test_an_upload_that_may_resume_sends_only_what_is_missing(world: S3World, s3: S3ObjectStore) -> None:
    world.proxy.rule = lambda method, path: Fault(status=503) if "partNumber=3" in path else None
    with pytest.raises(StorageUnavailableError):
        s3.put("name", pieces(DATA), size=len(DATA), resume=True)
    assert (uploads(s3), s3.exists("name")) == (1, False)
    world.proxy.rule = lambda method, path: None
    world.proxy.requests.clear()
    s3.put("name", pieces(DATA), size=len(DATA), resume=True)
    assert [path.split("partNumber=")[1][0] for _, path in world.proxy.requests if "partNumber=" in path] == ["3"]
    assert got(s3, "name") == DATA
    assert uploads(s3) == 0


def test_a_resumed_upload_sends_parts_that_differ_again(world: S3World, s3: S3ObjectStore) -> None:
    world.proxy.rule = lambda method, path: Fault(status=503) if "partNumber=3" in path else None
    with pytest.raises(StorageUnavailableError):
        s3.put("name", pieces(DATA), size=len(DATA), resume=True)
    world.proxy.rule = lambda method, path: None
    other = DATA[:SMALL_PART] + bytes(SMALL_PART) + DATA[2 * SMALL_PART :]
    world.proxy.requests.clear()
    s3.put("name", pieces(other), size=len(other), resume=True)
    assert world.proxy.count("PUT", "partNumber=") == 2
    assert got(s3, "name") == other


def _put_and_die(port: int, prefix: str, dies_at: int) -> None:
    """Upload as the test does, and be killed when part `dies_at` is about to be sent."""

    stores_s3.LEAST_PART = SMALL_PART
    store = S3World(port, S3Proxy(0)).store(prefix, direct=True)

    def chunks() -> Iterator[bytes]:
        # A part goes out when the one after the next is read.
        for number in range(4):
            if number == dies_at + 1:
                os.kill(os.getpid(), 9)
            yield bytes([number]) * SMALL_PART

    store.put("name", chunks(), size=4 * SMALL_PART, resume=True)


def test_a_killed_upload_resumes(world: S3World, s3: S3ObjectStore) -> None:
    prefix = s3._folder.rstrip("/")
    [ended] = end_of_processes(_put_and_die, [(world.port, prefix, 2)])
    assert ended.exit_code == -9
    assert (uploads(s3), s3.exists("name")) == (1, False)
    whole = b"".join(bytes([number]) * SMALL_PART for number in range(4))
    s3.put("name", pieces(whole), size=len(whole), resume=True)
    assert 0 < world.proxy.count("PUT", "partNumber=") < 4
    assert got(s3, "name") == whole


def test_older_uploads_of_the_same_name_are_aborted_and_strangers_are_not(world: S3World, s3: S3ObjectStore) -> None:
    for name in ("name", "name", "name-2"):
        s3._call("create_multipart_upload", name)
    s3.put("name", pieces(DATA), size=len(DATA), resume=True)
    assert [item["Key"] for item in s3._uploads(s3._folder)] == [s3._folder + "name-2"]


def test_sweeping_aborts_uploads_of_a_certain_age(s3: S3ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    s3._call("create_multipart_upload", "old")
    [upload] = s3._uploads(s3._folder)
    began = upload["Initiated"].timestamp()  # moto says a fixed date
    monkeypatch.setattr("novacron.models.stores_s3.time", SimpleNamespace(time=lambda: began + 3599))
    assert s3.sweep(3600) == 0
    monkeypatch.setattr("novacron.models.stores_s3.time", SimpleNamespace(time=lambda: began + 3601))
    assert s3.sweep(3600) == 1
    assert uploads(s3) == 0


def test_what_the_source_raises_leaves_nothing(s3: S3ObjectStore) -> None:
    def source() -> Iterator[bytes]:
        yield bytes(2 * SMALL_PART)
        raise LookupError("the source")

    with pytest.raises(LookupError, match="the source"):
        s3.put("name", source(), size=len(DATA))
    assert (uploads(s3), s3.exists("name")) == (0, False)


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_bucket_that_is_missing_and_no_service_at_all_are_told_apart(
    world: S3World, s3: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3World, "BUCKET", "no-such-bucket")
    with pytest.raises(StorageRefusedError, match="create the bucket"):
        world.store(direct=True).put("name", [b"x"])
    monkeypatch.undo()
    monkeypatch.setattr("novacron.storage.http.FIRST_WAIT", 0.0)
    environ = {**ENVIRON, "NOVACRON_S3_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(StorageUnavailableError, match="repeat later") as caught:
        open_object_store("s3://models/nova", environ).stat("name")
    assert "test-secret" not in str(caught.value)


def test_the_environment_configures_a_store(world: S3World) -> None:
    environ = {**ENVIRON, "NOVACRON_S3_ENDPOINT": f"http://127.0.0.1:{world.port}"}
    store = open_object_store("s3://models/a/b/", environ)
    store.put("name", [b"data"])
    assert [info.name for info in world.store("a", direct=True).list()] == ["b/name"]
    assert "test-secret" not in repr(store)
    assert "test-access" not in repr(store)


@pytest.mark.parametrize(
    ("location", "changes", "message"),
    [
        ("s3://Bad_Bucket", {}, "bucket"),
        ("s3://models/../x", {}, "prefix"),
        ("s3://key:secret@models", {}, "environment"),
        ("s3://models", {"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
        ("s3://models", {"AWS_SECRET_ACCESS_KEY": "line\nbreak"}, "line breaks"),
        ("s3://models", {"AWS_REGION": "Über all"}, "region"),
        ("s3://models", {"NOVACRON_S3_ENDPOINT": "http://s3.example.org"}, "https"),
        ("s3://models", {"NOVACRON_S3_ENDPOINT": "https://user:secret@s3.example.org"}, "credentials"),
    ],
)
def test_what_cannot_be_a_store_is_refused_before_anything_is_sent(
    location: str, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_object_store(location, {**ENVIRON, **changes})
    assert "test-secret" not in str(caught.value)


def test_a_part_below_the_least_is_refused(world: S3World) -> None:
    with pytest.raises(ConfigurationError, match="part"):
        world.store(part_size=SMALL_PART - 1)
