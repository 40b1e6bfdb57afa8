"""The embedded block store: a folder with a file for each block, and an SQLite file with the pins.

    store/
      pins.sqlite      what is kept and for whom; it also marks the folder as a block store
      lock             flock: shared by everybody who reads or writes, exclusive for the collector
      drafts/          blocks being written
      blocks/3f/3f…    a block, named by its SHA-256 in hexadecimal

A block is written to a draft, synced, and renamed: it is there whole or not at all, and two processes that write the
same block write the same bytes. The folders are synced when the outermost `hold` ends, before a pin is written, so what
a pin names has survived. A crash leaves drafts and blocks without a pin; the collector removes them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from novacron.exceptions import StorageError, StoreBusyError, StoreError
from novacron.storage.blocks import MAX_BLOCK, BlockStore
from novacron.storage.cid import Cid, Codec
from novacron.stores import open_store, snapshot, sync, transaction, translate_errors

APPLICATION_ID = 0x4E43_4353  # "NCCS"

_SCHEMA = """
CREATE TABLE pins (
    label TEXT NOT NULL, digest BLOB NOT NULL CHECK (length(digest) = 32), codec INTEGER NOT NULL,
    PRIMARY KEY (label, digest, codec)
) STRICT, WITHOUT ROWID;
"""

_BLOCK_NAME = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Collected:
    """What a collection did: blocks kept and removed, bytes freed."""

    kept: int
    removed: int
    freed: int


class EmbeddedBlockStore(BlockStore):
    """Blocks in a local folder; safe with several threads and processes, not across a fork."""

    def __init__(self, path: Path | str, *, timeout: float = 30.0) -> None:
        """Open the store, creating it when the folder is missing or empty.

        Args:
            path: the store's folder, on a local disk.
            timeout: seconds to wait for other processes' locks.

        Raises:
            StorageError: the folder holds something else.
            CorruptStoreError, StoreFullError, StoreBusyError, StoreError: see `novacron.stores`.
        """
        self.path = Path(path)
        self._timeout = timeout
        self._guard = threading.RLock()
        self._holds = 0  # threads that hold
        self._depth = threading.local()  # holds of this thread
        self._handle: int | None = None
        self._unsynced: set[Path] = set()
        pins = self.path / "pins.sqlite"
        with translate_errors(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise StorageError(f"{self.path} is not a folder; give the path of the block store's folder")
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            foreign = not pins.exists() and any(not _is_draft_of_pins(found) for found in self.path.iterdir())
            if foreign and not pins.exists():  # asked again: another process may have created the store since
                raise StorageError(
                    f"{self.path} holds files but is no block store (no pins.sqlite); give an empty folder, or restore "
                    "the store from a copy"
                )
        self._pins = open_store(pins, schema=_SCHEMA, application_id=APPLICATION_ID, timeout=timeout)
        self._pid = os.getpid()
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._pins.close)
            with translate_errors(self.path):
                for name in ("blocks", "drafts"):
                    (self.path / name).mkdir(exist_ok=True)
                sync(self.path)
            self._sweep_drafts()
            on_error.pop_all()

    def __repr__(self) -> str:
        return f"EmbeddedBlockStore({str(self.path)!r})"

    def close(self) -> None:
        """Close the pins' database."""
        self._pins.close()

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _path(self, cid: Cid) -> Path:
        digits = cid.digest.hex()  # not the CID: a raw and a dag-pb block of equal bytes are one file
        return self.path / "blocks" / digits[:2] / digits

    def _read(self, cid: Cid) -> bytes | None:
        with translate_errors(self._path(cid)):
            try:
                with self._path(cid).open("rb") as file:
                    return file.read(MAX_BLOCK + 1)
            except FileNotFoundError:
                return None

    def _contains(self, cid: Cid) -> bool:
        with translate_errors(self._path(cid)):
            return self._path(cid).is_file()

    def _write(self, cid: Cid, block: bytes) -> None:
        target = self._path(cid)
        # A damaged block is replaced: putting content again heals the store.
        if self._read(cid) != block:
            draft = self.path / "drafts" / uuid.uuid4().hex
            with translate_errors(target):
                try:
                    with draft.open("xb") as file:
                        file.write(block)
                        file.flush()
                        os.fsync(file.fileno())
                    target.parent.mkdir(exist_ok=True)
                    draft.replace(target)
                finally:
                    draft.unlink(missing_ok=True)
        with self._guard:  # also when it was there: whoever renamed it may not have synced the folder yet
            self._unsynced.add(target.parent)

    # -- holds --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """See `BlockStore.hold`. Raises StoreBusyError while another process collects for longer than the timeout."""
        if os.getpid() != self._pid:
            raise StoreError(f"{self!r} was opened before a fork; open the store again in this process")
        depth = getattr(self._depth, "value", 0)
        if depth == 0:
            with self._guard:
                if self._holds == 0:
                    self._handle = self._lock(fcntl.LOCK_SH)
                self._holds += 1
        self._depth.value = depth + 1
        try:
            yield
            if depth == 0:
                self._sync()
        finally:
            self._depth.value = depth
            if depth == 0:
                with self._guard:
                    self._holds -= 1
                    if self._holds == 0 and self._handle is not None:
                        os.close(self._handle)
                        self._handle = None

    def _sync(self) -> None:
        # Under the guard as a whole: a thread that finds nothing left to sync must not return before it is synced.
        with self._guard:
            if self._unsynced:
                with translate_errors(self.path):
                    for folder in sorted(self._unsynced):
                        sync(folder)
                    sync(self.path / "blocks")
                self._unsynced.clear()

    def _lock(self, kind: int, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        with translate_errors(self.path):
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with contextlib.ExitStack() as on_error:
                on_error.callback(os.close, handle)
                while True:
                    try:
                        fcntl.flock(handle, kind | fcntl.LOCK_NB)
                    except BlockingIOError:
                        if time.monotonic() >= deadline:
                            doing = "collects" if kind == fcntl.LOCK_SH else "uses it"
                            raise StoreBusyError(f"{self!r} is busy: another one {doing}; repeat later") from None
                        time.sleep(0.02)
                        continue
                    on_error.pop_all()
                    return handle

    # -- pins ---------------------------------------------------------------------------------------------------------

    def pin(self, cids: Sequence[Cid], label: str) -> None:
        """Keep the content below each of `cids` for `label`. See `BlockStore.pin`."""
        with self.hold():
            super().pin(cids, label)
            self._sync()  # first what is pinned, then the pin
            with transaction(self._pins) as pins:
                pins.executemany(
                    "INSERT OR IGNORE INTO pins VALUES (?, ?, ?)",
                    [(label, cid.digest, int(cid.codec)) for cid in cids],
                )

    def unpin(self, cid: Cid, label: str) -> bool:
        """End what `pin` began; False when it was not pinned. Raises StoreError."""
        with transaction(self._pins) as pins:
            done = pins.execute(
                "DELETE FROM pins WHERE label = ? AND digest = ? AND codec = ?", (label, cid.digest, int(cid.codec))
            )
            return done.rowcount > 0

    def unpin_label(self, label: str) -> int:
        """Unpin everything that `label` pins, return how much that was. Raises StoreError."""
        with transaction(self._pins) as pins:
            return pins.execute("DELETE FROM pins WHERE label = ?", (label,)).rowcount

    def pins(self) -> list[tuple[Cid, str]]:
        """What is pinned and the labels, in a fixed order. Raises StoreError."""
        with snapshot(self._pins) as pins:
            rows = pins.execute("SELECT digest, codec, label FROM pins ORDER BY digest, codec, label").fetchall()
        try:
            return [(Cid(digest, Codec(codec)), label) for digest, codec, label in rows]
        except ValueError as error:
            raise StorageError(f"{self!r}: a pin is malformed ({error}); restore the store from a copy") from error

    # -- collecting ---------------------------------------------------------------------------------------------------

    def collect(self, reachable: Callable[[Cid], Iterable[Cid]]) -> Collected:
        """Remove every block that no pin reaches, and what crashes left behind.

        Args:
            reachable: yields the blocks below a pinned one, itself included; when it raises, nothing is removed.

        Raises:
            StoreBusyError: somebody holds the store, this process included.
            StoreError: a file cannot be removed; the next collection goes on.
        """
        handle = self._lock(fcntl.LOCK_EX)
        try:
            kept: set[bytes] = set()
            for root in dict.fromkeys(cid for cid, _ in self.pins()):
                kept.update(cid.digest for cid in reachable(root))
            removed = freed = 0
            for path in self._files():
                if bytes.fromhex(path.name) not in kept:
                    with translate_errors(path):
                        size = path.stat().st_size
                        path.unlink()
                    removed, freed = removed + 1, freed + size
            self._remove_drafts()
            return Collected(len(kept), removed, freed)
        finally:
            os.close(handle)

    def _files(self) -> Iterator[Path]:
        with translate_errors(self.path):
            folders = sorted((self.path / "blocks").iterdir())
        for folder in folders:
            with translate_errors(folder):
                paths = sorted(folder.iterdir()) if len(folder.name) == 2 else []
            for path in paths:
                # Only what this store would have named so; a stranger's file is left alone.
                if _BLOCK_NAME.fullmatch(path.name) and path.name[:2] == folder.name:
                    yield path

    def _sweep_drafts(self) -> None:
        try:
            handle = self._lock(fcntl.LOCK_EX, timeout=0)
        except StoreBusyError:  # a draft there may be somebody's; the next one to open sweeps
            return
        try:
            self._remove_drafts()
        finally:
            os.close(handle)

    def _remove_drafts(self) -> None:
        with translate_errors(self.path):
            for draft in (self.path / "drafts").iterdir():
                draft.unlink(missing_ok=True)


def _is_draft_of_pins(path: Path) -> bool:
    return path.name.startswith(".pins.sqlite.")
