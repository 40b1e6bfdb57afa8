"""Caches forget, but never invent."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from novacron.exceptions import ConfigurationError, InputError
from novacron.models.cache import ENTRY_OVERHEAD, Cache, MemoryCache, RedisCache
from tests.support.model_stores import has_redis, redis_server
from tests.support.workers import in_threads

SECRET = b"a secret of the tests, long enough"


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not has_redis():
        pytest.skip("no Redis server on this machine (make setup says how to get one)")
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def raw(server: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(server)
    client.flushall()
    yield client
    client.close()


# -- in memory --------------------------------------------------------------------------------------------------------


def test_an_entry_ends_after_its_seconds() -> None:
    clock = Clock()
    cache = MemoryCache(clock=clock)
    cache.put("key", b"value", 60)
    clock.now += 59.9
    assert cache.get("key") == b"value"
    clock.now += 0.1
    assert cache.get("key") is None
    assert cache.size == 0
    assert cache.get("other") is None


def test_the_least_recently_used_go_first_and_the_bound_holds() -> None:
    one = len("a") + 100 + ENTRY_OVERHEAD
    cache = MemoryCache(3 * one)
    for key in "abc":
        cache.put(key, bytes(100), 60)
    cache.get("a")
    cache.put("d", bytes(100), 60)
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]
    assert cache.size == 3 * one


def test_replacing_and_deleting_give_the_bytes_back() -> None:
    cache = MemoryCache(10_000)
    cache.put("key", bytes(5000), 60)
    cache.put("key", b"small", 60)
    assert cache.size == len("key") + len(b"small") + ENTRY_OVERHEAD
    cache.delete("key")
    cache.delete("key")
    assert (cache.size, cache.get("key")) == (0, None)


def test_a_value_larger_than_the_cache_is_not_kept_and_pushes_nothing_out() -> None:
    cache = MemoryCache(1000)
    cache.put("small", b"value", 60)
    cache.put("large", bytes(1000), 60)
    assert cache.get("large") is None
    assert cache.get("small") == b"value"
    cache.put("small", bytes(1000), 60)  # no longer what is to be kept
    assert cache.get("small") is None


def test_threads_share_a_memory_cache() -> None:
    cache = MemoryCache(50 * (ENTRY_OVERHEAD + 10))
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for i in range(2000):
            cache.put(f"{(number + i) % 97}", b"value", 60)
            assert cache.get(f"{i % 97}") in (None, b"value")

    in_threads(work, *[(number,) for number in range(4)])
    assert 0 < cache.size <= 50 * (ENTRY_OVERHEAD + 10)
    for key in range(97):
        cache.delete(f"{key}")
    assert cache.size == 0


def test_a_capacity_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="-1"):
        MemoryCache(-1)


# -- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_a_lifetime_is_above_nothing_and_ends(kind: str, seconds: float) -> None:
    cache: Cache = MemoryCache() if kind == "memory" else RedisCache("redis://127.0.0.1:1/0")
    with pytest.raises(InputError, match="seconds"):
        cache.put("key", b"value", seconds)


# -- in Redis ---------------------------------------------------------------------------------------------------------


def test_processes_with_the_same_secret_share_entries(server: str, raw: redis.Redis) -> None:
    first, second = RedisCache(server, secret=SECRET), RedisCache(server, secret=SECRET)
    first.put("key", b"value", 60)
    assert second.get("key") == b"value"
    first.put("key", b"", 60)
    assert second.get("key") == b""
    second.delete("key")
    assert first.get("key") is None
    first.close()
    second.close()


def test_the_server_drops_an_entry_after_its_seconds(server: str, raw: redis.Redis) -> None:
    RedisCache(server, secret=SECRET).put("key", b"value", 90.5)
    [key] = raw.keys("novacron:cache:1:*")
    assert 89_000 < raw.pttl(key) <= 90_500


def test_an_entry_that_somebody_prolonged_has_ended_all_the_same(server: str, raw: redis.Redis) -> None:
    clock = Clock()
    cache = RedisCache(server, secret=SECRET, clock=clock)
    cache.put("key", b"value", 60)
    [key] = raw.keys()
    raw.persist(key)
    clock.now += 59
    assert cache.get("key") == b"value"
    clock.now += 1
    assert cache.get("key") is None


def test_what_another_writes_into_redis_is_not_believed(server: str, raw: redis.Redis) -> None:
    cache = RedisCache(server, secret=SECRET)
    cache.put("bad", b"refused", 60)
    cache.put("good", b"verified", 60)

    def place(key: str) -> bytes:
        return b"novacron:cache:1:" + hashlib.sha256(key.encode()).hexdigest().encode()

    stored = bytes(raw.get(place("good")) or b"")
    RedisCache(server, secret=b"another secret, long enough").put("forged", b"verified", 60)
    raw.set(place("bad"), stored)  # an entry under another key
    raw.set(place("short"), b"x")
    raw.set(place("flipped"), stored[:-1] + b"x")
    for key in ("bad", "forged", "short", "flipped"):
        assert cache.get(key) is None
    assert cache.get("good") == b"verified"


def test_without_a_secret_a_cache_believes_only_itself(server: str, raw: redis.Redis) -> None:
    first, second = RedisCache(server), RedisCache(server)
    first.put("key", b"value", 60)
    assert first.get("key") == b"value"
    assert second.get("key") is None


def test_redis_that_does_not_answer_is_an_empty_cache(caplog: pytest.LogCaptureFixture) -> None:
    cache = RedisCache("redis://127.0.0.1:1/0", password="hunter2", timeout=0.2)
    with caplog.at_level(logging.WARNING):
        cache.put("key", b"value", 60)
        assert cache.get("key") is None
        cache.delete("key")
    assert len(caplog.records) == 3
    assert "going on without it" in caplog.text
    assert "hunter2" not in caplog.text + repr(cache)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "redis://user:hunter2@127.0.0.1:6379/0", "redis://127.0.0.1/0?password=hunter2", "x"]
)
def test_a_url_with_credentials_or_of_another_kind_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisCache(url)
    assert "hunter2" not in str(caught.value)


def test_a_port_that_is_none_and_a_short_secret_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        RedisCache("redis://127.0.0.1:port/0")
    with pytest.raises(ConfigurationError, match="16"):
        RedisCache("redis://127.0.0.1/0", secret=b"short")


def test_the_cache_of_redis_leaves_nothing_on_the_disk(server: str, raw: redis.Redis) -> None:
    RedisCache(server).put("key", b"value", 60)
    folder = Path(server.removeprefix("unix://")).parent
    assert [path.name for path in folder.iterdir()] == ["redis.sock"]
