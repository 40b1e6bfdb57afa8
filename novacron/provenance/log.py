"""Append-only log with RFC 9162 proofs, durable in SQLite.

Rows are only ever added. `entries` holds each entry with its leaf hash; `nodes` holds the root of every complete
interior subtree, written once, when its last leaf arrives; `head` holds size, root and compact frontier under a
checksum. An append therefore writes 2n rows for n entries and reads one; a proof reads O(log n) rows.

Interior nodes are keyed by the order in which they are completed, so that rows are only appended to the table: the node
at `level` whose last leaf is e has position e - popcount(e) + level - 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from novacron.exceptions import CorruptStoreError, InputError
from novacron.provenance import rfc9162
from novacron.stores import open_store, quick_check, snapshot, transaction

APPLICATION_ID = 0x4E43_5452  # "NCTR"

_TABLES = """
CREATE TABLE entries (position INTEGER PRIMARY KEY, leaf BLOB NOT NULL, entry BLOB) STRICT;
CREATE TABLE nodes (position INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
"""

_PAGE = 1024  # rows read at a time when walking the log
_CHUNK = 16_384  # entries hashed and inserted at a time


@dataclass(frozen=True)
class LogHead:
    """What a log commits to: its number of entries and the RFC 9162 root over them (32 bytes)."""

    size: int
    root: bytes


class TransparencyLog:
    """An append-only log in one file, shared safely by threads and processes; see the module's text for its form."""

    def __init__(self, path: Path | str, *, timeout: float = 30.0) -> None:
        """Open the log, creating an empty one when the file does not exist.

        Opening checks the head against its checksum and the stored frontier, and a small file's structure; `check`
        verifies every row.

        Args:
            path: the SQLite file.
            timeout: seconds to wait for another process's lock.

        Raises:
            CorruptStoreError: the file is damaged or not a transparency log. It is left as it is.
            StoreFullError, StoreBusyError, StoreError: see `novacron.stores.translate_errors`.
        """
        self._path = Path(path)
        self._connection = open_store(self._path, schema=_schema(), application_id=APPLICATION_ID, timeout=timeout)
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._connection.close)
            self._check_head()
            on_error.pop_all()

    def __enter__(self) -> TransparencyLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TransparencyLog({str(self._path)!r})"

    def close(self) -> None:
        """Close the file. Everything appended is durable already."""
        self._connection.close()

    # ------------------------------------------------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------------------------------------------------

    def append(self, entry: bytes) -> int:
        """Append one entry durably; returns its index (from 0). O(log n).

        Raises:
            InputError: the entry is not bytes.
            StoreFullError, StoreBusyError: nothing was appended.
        """
        return self.append_many((entry,)).start

    def append_many(self, entries: Iterable[bytes]) -> range:
        """Append entries in order in one transaction, all or none; returns their indices.

        Raises:
            as `append`.
        """
        rows = []
        for position, entry in enumerate(entries):
            if not isinstance(entry, bytes):
                raise InputError(f"log entries are bytes, entry {position} of the call is {type(entry).__name__}")
            rows.append((hashlib.sha256(b"\x00" + entry).digest(), entry))
        return self._append(rows)

    def append_leaf_hashes(self, leaf_hashes: Iterable[bytes]) -> range:
        """Append leaf hashes (`rfc9162.leaf_hash`) without their entries, all or none; returns their indices.

        `entry` raises for these.

        Raises:
            InputError: a leaf hash is not 32 bytes. Otherwise as `append`.
        """
        rows: list[tuple[bytes, bytes | None]] = []
        for position, leaf in enumerate(leaf_hashes):
            if not isinstance(leaf, bytes) or len(leaf) != 32:
                raise InputError(f"leaf hash {position} of the call is not 32 bytes")
            rows.append((leaf, None))
        return self._append(rows)

    def _append(self, rows: Sequence[tuple[bytes, bytes | None]]) -> range:
        if not rows:
            size = self.size
            return range(size, size)
        with transaction(self._connection) as connection:
            start, frontier = self._read_head(connection)
            for offset in range(0, len(rows), _CHUNK):
                _insert(connection, start + offset, rows[offset : offset + _CHUNK], frontier)
            self._write_head(connection, start + len(rows), frontier)
        return range(start, start + len(rows))

    # ------------------------------------------------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of entries, as of now: another process may have appended."""
        return self.head().size

    def __len__(self) -> int:
        return self.size

    def head(self) -> LogHead:
        """Current size and root."""
        with snapshot(self._connection) as connection:
            size, frontier = self._read_head(connection)
        return LogHead(size, rfc9162.fold_frontier(frontier))

    def root(self, size: int | None = None) -> bytes:
        """Root over the first `size` entries (default: all), 32 bytes.

        Raises:
            InputError: size is negative or beyond the log.
        """
        with snapshot(self._connection) as connection:
            current, frontier = self._read_head(connection)
            if size is None or size == current:
                return rfc9162.fold_frontier(frontier)
            return self._subtree(connection, 0, _checked_size(size, current))

    def entry(self, index: int) -> bytes:
        """The entry at `index`, checked against its leaf hash.

        Raises:
            InputError: no such index, or only its leaf hash was appended.
            CorruptStoreError: the entry does not hash to its leaf hash.
        """
        return next(self.entries(_checked_index(index, self.size), index + 1))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Entries from `start` up to, not including, `stop` (default: the size when called), a page at a time.

        Raises:
            InputError: the range is not inside the log. Otherwise as `entry`.
        """
        size = self.size
        stop = size if stop is None else _checked_size(stop, size)
        if not 0 <= start <= stop:
            raise InputError(f"entries {start} to {stop} are not a range inside a log of {size}")
        return self._entries(start, stop)

    def _entries(self, start: int, stop: int) -> Iterator[bytes]:
        for position, leaf, entry in self._rows(start, stop):
            if entry is None:
                raise InputError(f"entry {position} of {self._path} was appended as a leaf hash only")
            if rfc9162.leaf_hash(entry) != leaf:
                raise self._corrupt(f"entries row {position} does not match its leaf hash")
            yield entry

    def leaf_hash_at(self, index: int) -> bytes:
        """Leaf hash of the entry at `index`, 32 bytes.

        Raises:
            InputError: no such index.
        """
        with snapshot(self._connection) as connection:
            _checked_index(index, self._read_head(connection)[0])
            return self._node(connection, 0, index)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """PATH(index, D[size]) of RFC 9162 section 2.1.3.1, `size` by default the current one. O(log n) rows read.

        Raises:
            InputError: no such index or size.
            CorruptStoreError: the stored nodes do not give a valid proof.
        """
        with snapshot(self._connection) as connection:
            current, frontier = self._read_head(connection)
            size = current if size is None else _checked_size(size, current)
            _checked_index(index, size)
            proof = [self._subtree(connection, *part) for part in rfc9162.inclusion_path(index, size)]
            root = rfc9162.fold_frontier(frontier) if size == current else self._subtree(connection, 0, size)
            leaf = self._node(connection, 0, index)
        if not rfc9162.verify_inclusion(leaf, index, size, proof, root):
            raise self._corrupt(f"the nodes above entries row {index} do not hash to the root of size {size}")
        return proof

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """PROOF(old_size, D[new_size]) of RFC 9162 section 2.1.4.1, `new_size` by default the current one.

        Empty for old_size 0 and for equal sizes. O(log n) rows read.

        Raises:
            InputError: not 0 <= old_size <= new_size <= size of the log.
            CorruptStoreError: the stored nodes do not give a valid proof.
        """
        with snapshot(self._connection) as connection:
            current, frontier = self._read_head(connection)
            new_size = current if new_size is None else _checked_size(new_size, current)
            if _checked_size(old_size, current) > new_size:
                raise InputError(f"no consistency proof from size {old_size} back to {new_size}: a log only grows")
            proof = [self._subtree(connection, *part) for part in rfc9162.consistency_path(old_size, new_size)]
            root = rfc9162.fold_frontier(frontier) if new_size == current else self._subtree(connection, 0, new_size)
            old_root = self._subtree(connection, 0, old_size)
        if not rfc9162.verify_consistency(old_size, old_root, new_size, root, proof):
            raise self._corrupt(f"the nodes do not prove size {old_size} consistent with size {new_size}")
        return proof

    # ------------------------------------------------------------------------------------------------------------
    # Integrity
    # ------------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Verify every row: file structure, each entry's leaf hash, each interior node, the head. O(n).

        Raises:
            CorruptStoreError: names the first bad row.
        """
        quick_check(self._connection)
        with snapshot(self._connection) as connection:
            size, frontier = self._read_head(connection)
            nodes = iter(connection.execute("SELECT position, hash FROM nodes ORDER BY position"))
            stack: list[bytes] = []
            expected = 0
            for position, leaf, entry in connection.execute(
                "SELECT position, leaf, entry FROM entries ORDER BY position"
            ):
                if position != expected or position >= size:
                    row = min(position, expected)
                    raise self._corrupt(f"entries row {row} is {'missing' if row < size else 'beyond the head'}")
                if len(leaf) != 32 or (entry is not None and rfc9162.leaf_hash(entry) != leaf):
                    raise self._corrupt(f"entries row {position} does not match its leaf hash")
                node, rest = leaf, position
                while rest & 1:
                    node = rfc9162.node_hash(stack.pop(), node)
                    rest >>= 1
                    wanted = position - position.bit_count() + (position.bit_length() - rest.bit_length()) - 1
                    if next(nodes, None) != (wanted, node):
                        raise self._corrupt(f"nodes row {wanted} is missing or wrong")
                stack.append(node)
                expected += 1
            if expected != size:
                raise self._corrupt(f"entries row {expected} is missing, the head counts {size}")
            surplus = next(nodes, None)
            if surplus is not None:
                raise self._corrupt(f"nodes row {surplus[0]} belongs to no entry")
            if stack != frontier:
                raise self._corrupt("head row 1 is not the head of the entries")

    def _check_head(self) -> None:
        """What can be checked in O(log n): the head, the last entry and the nodes of the frontier agree."""
        with snapshot(self._connection) as connection:
            size, frontier = self._read_head(connection)
            last = connection.execute("SELECT max(position) FROM entries").fetchone()[0]
            if (-1 if last is None else last) != size - 1:
                raise self._corrupt(f"the last entries row is {last}, the head row counts {size} entries")
            for (level, index), node in zip(rfc9162.complete_subtrees(0, size), frontier, strict=True):
                if self._node(connection, level, index) != node:
                    name = f"nodes row {_position(level, index)}" if level else f"entries row {index}"
                    raise self._corrupt(f"{name} differs from the head's frontier")

    # ------------------------------------------------------------------------------------------------------------
    # Rows
    # ------------------------------------------------------------------------------------------------------------

    def _rows(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes | None]]:
        # Rows never change, so pages need no common snapshot, and none is held while the caller works.
        for first in range(start, stop, _PAGE):
            after = min(first + _PAGE, stop)
            with snapshot(self._connection) as connection:
                page = connection.execute(
                    "SELECT position, leaf, entry FROM entries WHERE position >= ? AND position < ? ORDER BY position",
                    (first, after),
                ).fetchall()
            for expected, row in enumerate(page, start=first):
                if row[0] != expected:
                    raise self._corrupt(f"entries row {expected} is missing")
                yield row
            if len(page) != after - first:
                raise self._corrupt(f"entries row {first + len(page)} is missing")

    def _read_head(self, connection: sqlite3.Connection) -> tuple[int, list[bytes]]:
        row = connection.execute("SELECT size, root, frontier, checksum FROM head").fetchone()
        if row is None:
            raise self._corrupt("head row 1 is missing")
        size, root, packed, checksum = row
        frontier = [packed[offset : offset + 32] for offset in range(0, len(packed), 32)]
        if (
            checksum != _head_checksum(size, root, packed)
            or len(packed) != 32 * size.bit_count()
            or rfc9162.fold_frontier(frontier) != root
        ):
            raise self._corrupt("head row 1 does not match its checksum")
        return size, frontier

    def _write_head(self, connection: sqlite3.Connection, size: int, frontier: Sequence[bytes]) -> None:
        root, packed = rfc9162.fold_frontier(frontier), b"".join(frontier)
        connection.execute(
            "UPDATE head SET size = ?, root = ?, frontier = ?, checksum = ?",
            (size, root, packed, _head_checksum(size, root, packed)),
        )

    def _subtree(self, connection: sqlite3.Connection, start: int, count: int) -> bytes:
        """Root of the subtree over leaves [start, start + count), from stored nodes."""
        parts = rfc9162.complete_subtrees(start, count)
        return rfc9162.fold_frontier([self._node(connection, level, index) for level, index in parts])

    def _node(self, connection: sqlite3.Connection, level: int, index: int) -> bytes:
        if level:
            position, query = _position(level, index), "SELECT hash FROM nodes WHERE position = ?"
        else:
            position, query = index, "SELECT leaf FROM entries WHERE position = ?"
        row = connection.execute(query, (position,)).fetchone()
        if row is None or len(row[0]) != 32:
            raise self._corrupt(f"{'nodes' if level else 'entries'} row {position} is missing or malformed")
        node: bytes = row[0]
        return node

    def _corrupt(self, what: str) -> CorruptStoreError:
        return CorruptStoreError(f"{self._path}: {what}; restore the log from a copy, it is not rebuilt")


def _insert(
    connection: sqlite3.Connection, start: int, rows: Sequence[tuple[bytes, bytes | None]], frontier: list[bytes]
) -> None:
    """Insert entries from index `start` on and the interior nodes that they complete; `frontier` is updated."""
    sha256 = hashlib.sha256
    nodes: list[tuple[int, bytes]] = []
    position = start - start.bit_count()  # = the number of interior nodes of a log of `start` entries
    for index, (leaf, _) in enumerate(rows, start):
        node = leaf
        while index & 1:
            node = sha256(b"\x01" + frontier.pop() + node).digest()
            nodes.append((position, node))
            position += 1
            index >>= 1
        frontier.append(node)
    connection.executemany(
        "INSERT INTO entries (position, leaf, entry) VALUES (?, ?, ?)",
        ((index, leaf, entry) for index, (leaf, entry) in enumerate(rows, start)),
    )
    connection.executemany("INSERT INTO nodes (position, hash) VALUES (?, ?)", nodes)


def _schema() -> str:
    """The tables, and the head of the empty log: a log without a head row has lost it."""
    empty, checksum = rfc9162.EMPTY_ROOT, _head_checksum(0, rfc9162.EMPTY_ROOT, b"")
    return f"{_TABLES}INSERT INTO head VALUES (1, 0, x'{empty.hex()}', x'', x'{checksum.hex()}');"  # noqa: S608  # hexadecimal


def _position(level: int, index: int) -> int:
    last = ((index + 1) << level) - 1
    return last - last.bit_count() + level - 1


def _head_checksum(size: int, root: bytes, frontier: bytes) -> bytes:
    return hashlib.sha256(b"novacron log head %d " % size + root + frontier).digest()


def _checked_size(size: int, limit: int) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= limit:
        raise InputError(f"size {size!r} is not between 0 and {limit}, the log's size")
    return size


def _checked_index(index: int, size: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < size:
        raise InputError(f"no entry {index!r} in a log of {size} entries (indices start at 0)")
    return index
