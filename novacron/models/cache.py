"""Caches with a lifetime: in memory, or in Redis.

A cache may forget anything at any time, and what it forgets is computed again; so one that does not answer is an empty
one, with a warning in the log. What it must never do is invent: an entry in Redis carries a MAC over its key, value and
end, since whoever else writes to that Redis could otherwise put "verified" there.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import secrets
import struct
import threading
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from novacron.chain.transport import mask_url
from novacron.exceptions import ConfigurationError, InputError

#: Bytes that an entry takes in memory beyond its key and value, roughly.
ENTRY_OVERHEAD = 200

_NAMESPACE = "novacron:cache:1:"
_TAG = 32
_END = struct.Struct(">Q")  # milliseconds since the epoch
_LEAST_SECRET = 16

_log = logging.getLogger(__name__)


class Cache(Protocol):
    """What keeps bytes under a name for a while."""

    def get(self, key: str) -> bytes | None:
        """What was put under `key`, None when that is over, was forgotten or never was."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep `value` under `key` for at most so many seconds, more than 0 (else InputError)."""

    def delete(self, key: str) -> None:
        """Forget `key`."""


class MemoryCache:
    """A cache in this process, bounded in bytes: the least recently used go first. Safe under threads."""

    def __init__(self, capacity: int = 64 * 1024 * 1024, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: `capacity` in bytes, keys and bookkeeping included; `clock` gives seconds that never go back.

        Raises:
            InputError: a capacity below 0.
        """
        if capacity < 0:
            raise InputError(f"the capacity of a cache is a number of bytes, 0 or more, got {capacity}")
        self._capacity, self._clock = capacity, clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MemoryCache({self._capacity})"

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._size

    def get(self, key: str) -> bytes | None:
        """See `Cache`."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            if self._clock() >= found[0]:
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return found[1]

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """See `Cache`. A value that is larger than the cache is not kept."""
        end = self._clock() + _checked(seconds)
        with self._lock:
            self._remove(key)
            cost = _cost(key, value)
            if cost > self._capacity:
                return
            while self._size + cost > self._capacity:
                self._remove(next(iter(self._entries)))
            self._entries[key] = (end, bytes(value))
            self._size += cost

    def delete(self, key: str) -> None:
        """See `Cache`."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: str) -> None:
        gone = self._entries.pop(key, None)
        if gone is not None:
            self._size -= _cost(key, gone[1])


class RedisCache:
    """A cache in Redis that several processes share. A server that does not answer counts as an empty cache."""

    def __init__(
        self,
        url: str,
        *,
        secret: bytes | None = None,
        password: str | None = None,
        timeout: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked of the server yet.

        Args:
            url: `redis://host:port/database`, `rediss://…` (TLS) or `unix:///path`, without credentials.
            secret: what entries are authenticated with, at least 16 bytes; processes that share entries share it.
                None: a random one, so that this object believes only itself.
            password: of the server; take it from the environment, not from a command line.
            timeout: seconds to wait for the server.
            clock: seconds since the epoch.

        Raises:
            ConfigurationError: a malformed URL, or one with credentials; a short secret.
        """
        shown = mask_url(url)
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ConfigurationError(f"{shown} is no Redis server: give redis://host:port/0, rediss:// or unix://")
        if "@" in parts.netloc or parts.query:
            raise ConfigurationError(f"{shown} holds credentials or options; give the password in the environment")
        if secret is not None and len(secret) < _LEAST_SECRET:
            raise ConfigurationError(f"the secret of a cache has at least {_LEAST_SECRET} bytes")
        self._name, self._clock = shown, clock
        self._secret = secrets.token_bytes(32) if secret is None else bytes(secret)
        try:
            self._client = redis.Redis.from_url(
                url,
                password=password,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 1),
                protocol=2,
            )
        except ValueError as error:
            raise ConfigurationError(
                f"{shown} is no Redis server: {type(error).__name__} in its port or database"
            ) from (None)

    def __repr__(self) -> str:
        return f"RedisCache({self._name!r})"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, key: str) -> bytes | None:
        """See `Cache`. What this secret did not make, or whose end has passed, is as if it were not there."""
        try:
            stored = self._client.get(self._place(key))
        except (redis.RedisError, OSError) as error:
            self._unavailable(error)
            return None
        if not isinstance(stored, bytes) or len(stored) < _TAG + _END.size:
            return None
        tag, sealed = stored[:_TAG], stored[_TAG:]
        if not hmac.compare_digest(tag, self._tag(key, sealed)):
            return None
        if self._clock() * 1000 >= _END.unpack_from(sealed)[0]:  # also when somebody prolonged it in Redis
            return None
        return sealed[_END.size :]

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """See `Cache`."""
        milliseconds = max(1, math.floor(_checked(seconds) * 1000))
        sealed = _END.pack(int(self._clock() * 1000) + milliseconds) + bytes(value)
        try:
            self._client.set(self._place(key), self._tag(key, sealed) + sealed, px=milliseconds)
        except (redis.RedisError, OSError) as error:
            self._unavailable(error)

    def delete(self, key: str) -> None:
        """See `Cache`."""
        try:
            self._client.delete(self._place(key))
        except (redis.RedisError, OSError) as error:
            self._unavailable(error)

    @staticmethod
    def _place(key: str) -> str:
        return _NAMESPACE + hashlib.sha256(key.encode()).hexdigest()

    def _tag(self, key: str, sealed: bytes) -> bytes:
        name = hashlib.sha256(key.encode()).digest()
        return hmac.digest(self._secret, name + sealed, "sha256")

    def _unavailable(self, error: Exception) -> None:
        _log.warning("the cache %s does not answer (%s); going on without it", self._name, type(error).__name__)


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + ENTRY_OVERHEAD


def _checked(seconds: float) -> float:
    if not seconds > 0 or not math.isfinite(seconds):
        raise InputError(f"an entry is kept for a number of seconds above 0, got {seconds!r}")
    return seconds


__all__ = ["Cache", "MemoryCache", "RedisCache"]
