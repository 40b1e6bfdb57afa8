"""The durable outbox between a caller and a chain that may be down.

Every record is written here before anything is sent. Records leave in *groups*: a group is one transaction, and which
records it carries and under which idempotency key is stored before the transaction is built, so that a process that
dies at any line is continued by the next one with the same bytes.

    record:  queued (no group) → in a group → confirmed with its group
                                            → failed (with the reason), until it is stored again
    group:   open → confirmed | failed | void (its transaction can never succeed; the records are queued again)
             failed → confirmed (its transaction was mined all the same) | open (its record is stored again)
"""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError, CorruptStoreError, DuplicateRecordError
from novacron.provenance.clients.groups import Group, GroupKind, GroupState, OutboxRecord, record_checksum, word_of
from novacron.provenance.clients.stores import open_file
from novacron.provenance.clients.tree import BatchTree
from novacron.provenance.digest import hex_digest
from novacron.stores import StoreConnection, snapshot, transaction

APPLICATION_ID = 0x4E4F4F42  # "NOOB"

_TABLES = """
CREATE TABLE binding (
    one INTEGER PRIMARY KEY CHECK (one = 1), outbox TEXT NOT NULL, chain_id INTEGER NOT NULL, contract TEXT NOT NULL,
    submitter TEXT NOT NULL
) STRICT;
CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, word BLOB NOT NULL, size INTEGER NOT NULL,
    encoding TEXT NOT NULL, metadata BLOB NOT NULL, state TEXT NOT NULL, block_number INTEGER, timestamp INTEGER,
    transaction_hash TEXT, number INTEGER, checksum BLOB NOT NULL
) STRICT;
CREATE INDEX groups_by_state ON groups (state, id);
CREATE TABLE trees (group_id INTEGER PRIMARY KEY, nodes BLOB NOT NULL) STRICT;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, metadata BLOB NOT NULL, group_id INTEGER,
    position INTEGER NOT NULL DEFAULT 0, node INTEGER NOT NULL DEFAULT 0, reason TEXT, checksum BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_group ON records (group_id, position);
"""

_RECORD = "seq, digest, metadata, group_id, position, node, reason, checksum"
_GROUP = "id, kind, word, size, encoding, metadata, state, block_number, timestamp, transaction_hash, number, checksum"


class GroupReleased(Exception):
    """A group is void: its records were queued again and leave in others. Not damage, and nothing is left to do."""


class Outbox:
    """Records of one submitter for one contract on one chain. Safe for threads and processes."""

    def __init__(self, path: Path | str, *, chain_id: int, contract: str, submitter: str) -> None:
        """Open the outbox, or create it bound to chain, contract and submitter (checksum addresses).

        Raises:
            ConfigurationError: it is bound to something else.
            CorruptStoreError: it is damaged.
        """
        self.path = Path(path)
        binding = (chain_id, contract, submitter)
        self._db: StoreConnection = open_file(self.path, schema=_schema(*binding), application_id=APPLICATION_ID)
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._db.close)
            found = self._db.execute("SELECT outbox, chain_id, contract, submitter FROM binding").fetchone()
            if found is None:
                raise self.damaged("its binding is missing")
            if tuple(found[1:]) != binding:
                raise ConfigurationError(
                    f"outbox {self.path} belongs to chain {found[1]}, contract {found[2]}, submitter {found[3]}; "
                    f"configured are {chain_id}, {contract}, {submitter}: use another store folder"
                )
            on_error.pop_all()
        self.outbox_id = str(found[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def damaged(self, what: str) -> CorruptStoreError:
        """The error for an outbox that contradicts itself."""
        return CorruptStoreError(f"outbox {self.path}: {what}; restore it from a copy")

    def key(self, group: Group) -> str:
        """Idempotency key of a group's transaction; never used for another."""
        return f"anchor:{self.outbox_id}:{group.id}"

    # -- reading ---------------------------------------------------------------------------------------------------

    def find(self, digest: bytes) -> tuple[OutboxRecord, Group | None] | None:
        """The record of a digest with its group."""
        with snapshot(self._db):
            found = self._records("digest = ?", (digest,))
            return (found[0], self._group_of(found[0])) if found else None

    def group(self, group_id: int) -> Group:
        """A group.

        Raises:
            CorruptStoreError: it is missing or was altered.
        """
        row = self._db.execute(f"SELECT {_GROUP} FROM groups WHERE id = ?", (group_id,)).fetchone()  # noqa: S608
        if row is None:
            raise self.damaged(f"group {group_id} is missing")
        return self._group(row)

    def open_groups(self) -> list[Group]:
        """Groups whose transaction is not settled, oldest first."""
        with snapshot(self._db):
            rows = self._db.execute(f"SELECT {_GROUP} FROM groups WHERE state = 'open' ORDER BY id")  # noqa: S608
            return [self._group(row) for row in rows.fetchall()]

    def records_of(self, group: Group) -> list[OutboxRecord]:
        """The records of a group in order.

        Raises:
            CorruptStoreError: they are not the ones the group commits to.
            GroupReleased: another thread or process has released the group since it was read.
        """
        with snapshot(self._db):
            records = self._records("group_id = ? ORDER BY position", (group.id,))
            if not records and self.group(group.id).state == "void":
                raise GroupReleased(f"group {group.id} was released")
        digests = [record.digest for record in records]
        if len(records) != group.size or [record.position for record in records] != list(range(group.size)):
            raise self.damaged(f"group {group.id} has {len(records)} of its {group.size} records")
        if group.kind != "batch" and word_of(digests) != group.word:
            raise self.damaged(f"the records of group {group.id} are not the ones it was made of")
        return records

    def tree(self, group: Group) -> BatchTree:
        """The Merkle tree of a batch.

        Raises:
            CorruptStoreError: it is missing, or has another root.
        """
        row = self._db.execute("SELECT nodes FROM trees WHERE group_id = ?", (group.id,)).fetchone()
        if row is None:
            raise self.damaged(f"the tree of batch {group.id} is missing")
        tree = BatchTree(bytes(row[0]))
        if (tree.root, tree.size) != (group.word, group.size):
            raise self.damaged(f"the tree of batch {group.id} was altered")
        return tree

    def queued(self) -> list[OutboxRecord]:
        """Records without a group that have not failed, oldest first."""
        with snapshot(self._db):
            return self._records("group_id IS NULL AND reason IS NULL ORDER BY seq", ())

    def failed(self) -> list[OutboxRecord]:
        """Records refused for good, oldest first."""
        with snapshot(self._db):
            return self._records("reason IS NOT NULL ORDER BY seq", ())

    def failed_groups(self) -> list[Group]:
        """Groups refused for good whose records were not stored again, oldest first."""
        with snapshot(self._db):
            rows = self._db.execute(
                f"SELECT {_GROUP} FROM groups WHERE state = 'failed' AND id IN "  # noqa: S608
                "(SELECT group_id FROM records WHERE reason IS NOT NULL) ORDER BY id"
            )
            return [self._group(row) for row in rows.fetchall()]

    def failed_of(self, group: Group) -> list[OutboxRecord]:
        """The records that failed with a group."""
        with snapshot(self._db):
            return self._records("reason IS NOT NULL AND group_id = ? ORDER BY seq", (group.id,))

    def pending(self) -> list[tuple[OutboxRecord, Group | None]]:
        """Records not yet anchored, oldest first, with their groups."""
        with snapshot(self._db):
            groups = {group.id: group for group in self.open_groups()}
            records = [*self.queued(), *(record for group in groups.values() for record in self.records_of(group))]
        records.sort(key=lambda record: record.seq)
        return [(record, None if record.group_id is None else groups[record.group_id]) for record in records]

    def check(self) -> None:
        """Read and check every record and group.

        Raises:
            CorruptStoreError: naming the first that was altered.
        """
        with snapshot(self._db):
            rows = self._db.execute(f"SELECT {_GROUP} FROM groups ORDER BY id").fetchall()  # noqa: S608
            groups = {group.id: group for group in map(self._group, rows)}
            for record in self._records("1 ORDER BY seq", ()):
                if record.group_id is not None and record.group_id not in groups:
                    raise self.damaged(f"record {record.digest.hex()} is in group {record.group_id}, which is missing")
            for group in groups.values():
                if group.state in ("open", "confirmed"):
                    self.records_of(group)
                if group.kind == "batch" and group.state != "void":
                    self.tree(group)

    # -- writing ---------------------------------------------------------------------------------------------------

    def add(self, digest: bytes, metadata: bytes, describe: Callable[[bytes], str]) -> OutboxRecord:
        """Queue a record.

        Raises:
            DuplicateRecordError: it is here already and has not failed; `describe` gives its id.
        """
        with transaction(self._db):
            self._insert([(digest, metadata, None, 0, 0)], describe)
            return self._records("digest = ?", (digest,))[0]

    def add_batch(
        self,
        records: Sequence[tuple[bytes, bytes]],
        metadata: bytes,
        tree: BatchTree,
        nodes: Sequence[int],
        encoding: tuple[str, ...],
        describe: Callable[[bytes], str],
    ) -> Group:
        """Write a batch: its records, its tree and its group, in one transaction.

        Raises:
            DuplicateRecordError: one of the records is here already; nothing is written.
        """
        with transaction(self._db):
            group = self._new_group("batch", tree.root, len(records), encoding, metadata)
            self._insert(
                [
                    (digest, text, group.id, position, node)
                    for position, ((digest, text), node) in enumerate(zip(records, nodes, strict=True))
                ],
                describe,
            )
            self._db.execute("INSERT INTO trees VALUES (?, ?)", (group.id, tree.nodes))
        return group

    def claim(self, records: Iterable[OutboxRecord]) -> Group | None:
        """Put those of the records that are still queued into a new group; None when another process took them all."""
        with transaction(self._db):
            rows = [self._records("seq = ?", (record.seq,))[0] for record in records]
            free = [row for row in rows if row.group_id is None and row.reason is None]
            if not free:
                return None
            digests = [record.digest for record in free]
            group = self._new_group("single" if len(free) == 1 else "many", word_of(digests), len(free), (), b"")
            for position, record in enumerate(free):
                self._db.execute(
                    "UPDATE records SET group_id = ?, position = ?, node = 0 WHERE seq = ?",
                    (group.id, position, record.seq),
                )
        return group

    def confirm(
        self, group: Group, block_number: int, timestamp: int, transaction_hash: str | None, number: int | None = None
    ) -> tuple[Group, bool]:
        """Note that a group is anchored; the bool says whether this call changed that."""
        with transaction(self._db):
            current = self.group(group.id)
            (kept,) = self._db.execute("SELECT count(*) FROM records WHERE group_id = ?", (group.id,)).fetchone()
            if current.state in ("confirmed", "void") or kept != group.size:
                return current, False  # settled, or its records were stored anew in other groups
            settled = replace(
                current,
                state="confirmed",
                block_number=block_number,
                timestamp=timestamp,
                transaction_hash=transaction_hash,
                number=number,
            )
            self._update(settled)
            # A process that saw the transaction fail may have been wrong (a reorganised chain): the chain decides.
            self._db.execute("UPDATE records SET reason = NULL WHERE group_id = ?", (group.id,))
        return settled, True

    def fail(self, group: Group, reason: str) -> bool:
        """Note that a group is refused for good; False when it is settled already."""
        with self._settling(group, "failed") as changed:
            if changed:
                self._db.execute("UPDATE records SET reason = ? WHERE group_id = ?", (reason or "refused", group.id))
        return changed

    def reopen(self, group: Group, metadata: bytes) -> OutboxRecord | None:
        """Take up a refused single record again, under the same idempotency key; None when it is another record now.

        Args:
            metadata: what the record must have, since the key stands for it, too.
        """
        with transaction(self._db):
            current = self.group(group.id)
            records = self._records("group_id = ? AND reason IS NOT NULL", (group.id,))
            same = current.kind == "single" and len(records) == 1 and records[0].metadata == metadata
            if current.state != "failed" or not same:
                return None
            self._update(replace(current, state="open"))
            self._db.execute("UPDATE records SET reason = NULL WHERE group_id = ?", (group.id,))
        return replace(records[0], reason=None)

    def discard(self, record: OutboxRecord) -> bool:
        """Forget a record that is still queued; False when it no longer is."""
        with transaction(self._db):
            cursor = self._db.execute(
                "DELETE FROM records WHERE seq = ? AND group_id IS NULL AND reason IS NULL", (record.seq,)
            )
            return cursor.rowcount == 1

    def release(self, group: Group) -> bool:
        """Queue the records of a group again whose transaction can never succeed; False when it is settled already."""
        with self._settling(group, "void") as changed:
            if changed:
                self._db.execute("UPDATE records SET group_id = NULL, position = 0 WHERE group_id = ?", (group.id,))
        return changed

    @contextlib.contextmanager
    def _settling(self, group: Group, state: GroupState) -> Iterator[bool]:
        with transaction(self._db):
            current = self.group(group.id)
            if current.state == "open":
                self._update(replace(current, state=state))
            yield current.state == "open"

    # -- rows ------------------------------------------------------------------------------------------------------

    def _insert(
        self, rows: Sequence[tuple[bytes, bytes, int | None, int, int]], describe: Callable[[bytes], str]
    ) -> None:
        """Insert records; one that failed before starts anew."""
        for start in range(0, len(rows), 500):
            chunk = [row[0] for row in rows[start : start + 500]]
            marks = ",".join("?" * len(chunk))
            known = self._db.execute(
                f"SELECT digest FROM records WHERE reason IS NULL AND digest IN ({marks})",  # noqa: S608
                chunk,
            ).fetchone()
            if known is not None:
                raise DuplicateRecordError(
                    f"digest {hex_digest(known[0])} is recorded already as {describe(known[0])}; "
                    "a record is written once"
                )
            self._db.execute(f"DELETE FROM records WHERE digest IN ({marks})", chunk)  # noqa: S608
        self._db.executemany(
            "INSERT INTO records (digest, metadata, group_id, position, node, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            ((*row, record_checksum(row[0], row[1])) for row in rows),
        )

    def _new_group(self, kind: GroupKind, word: bytes, size: int, encoding: tuple[str, ...], metadata: bytes) -> Group:
        # AUTOINCREMENT never gives an id twice, so neither is an idempotency key.
        cursor = self._db.execute(
            "INSERT INTO groups (kind, word, size, encoding, metadata, state, checksum) "
            "VALUES ('', x'', 0, '', x'', '', x'')"
        )
        group = Group(int(cursor.lastrowid or 0), kind, word, size, encoding, metadata, "open")
        self._update(group)
        return group

    def _update(self, group: Group) -> None:
        columns = ", ".join(f"{name} = ?" for name in _GROUP.split(", ")[1:])
        self._db.execute(f"UPDATE groups SET {columns} WHERE id = ?", (*group.row(), group.id))  # noqa: S608

    def _group_of(self, record: OutboxRecord) -> Group | None:
        return None if record.group_id is None else self.group(record.group_id)

    def _group(self, row: sqlite3.Row | tuple[Any, ...]) -> Group:
        values = list(row)
        values[4] = tuple(filter(None, values[4].split(",")))
        group = Group(*values[:-1])
        if group.checksum() != values[-1]:
            raise self.damaged(f"group {group.id} was altered")
        return group

    def _records(self, where: str, values: Sequence[Any]) -> list[OutboxRecord]:
        rows = self._db.execute(f"SELECT {_RECORD} FROM records WHERE {where}", values).fetchall()  # noqa: S608
        for row in rows:
            if record_checksum(row[1], row[2]) != row[7]:
                raise self.damaged(f"record {bytes(row[1]).hex()} was altered")
        return [OutboxRecord(*row[:7]) for row in rows]


def _schema(chain_id: int, contract: str, submitter: str) -> str:
    # SQLite takes no parameters in a script: text goes in as hexadecimal.
    texts = ", ".join(f"CAST(x'{text.encode().hex()}' AS TEXT)" for text in (contract, submitter))
    return f"{_TABLES}INSERT INTO binding VALUES (1, '{uuid.uuid4().hex}', {int(chain_id)}, {texts});"  # noqa: S608
