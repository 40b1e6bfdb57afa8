"""SHA-256 beside other work: hashing releases the interpreter's lock, so a second core takes it."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

#: Below that, handing over costs more than hashing.
_WORTHWHILE = 64 * 1024


class BackgroundHash:
    """A SHA-256 whose `update` returns at once. What was given must not change until the next call."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def update(self, data: bytes | memoryview) -> None:
        """Hash this too; waits for what was given before."""
        self.wait()
        if len(data) < _WORTHWHILE:
            self._hash.update(data)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "hash")
        self._pending = self._pool.submit(self._hash.update, data)

    def wait(self) -> None:
        """Until all that was given is hashed and may change."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def digest(self) -> bytes:
        """The digest of all that was given: 32 bytes."""
        self.wait()
        return self._hash.digest()

    def restart(self) -> None:
        """Begin another digest with the same thread."""
        self.wait()
        self._hash = hashlib.sha256()
