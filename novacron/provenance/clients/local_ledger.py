"""The embedded chain: blocks in SQLite, each committing to the one before it.

A block is `number, parent, timestamp, body`, and its hash is

    SHA-256(tag || number (8 bytes) || parent (32) || timestamp (8) || body)

with the integers big-endian and the body canonical JSON (RFC 8785). The body says what happened:

    genesis  store id and submitter name
    anchor   one digest with its metadata
    batch    the root of a Merkle batch; the records stand in their own table and are bound by that root
    run      the whole state of one run after it was opened, extended or sealed, with the consistency proof

The other tables only index the blocks; `check` replays the blocks and compares. What this cannot detect is an attacker
who rewrites the whole file consistently: against that, keep the head's hash, or anchor on a public chain.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError, CorruptStoreError, DuplicateRecordError, StoreConflictError
from novacron.provenance.clients.stores import open_file
from novacron.provenance.clients.tree import BatchTree
from novacron.provenance.digest import canonical_json, hex_digest
from novacron.stores import StoreConnection, snapshot, transaction

APPLICATION_ID = 0x4E4F4C43  # "NOLC"
BLOCK_TAG = b"novacron/local-block/1\n"
NO_PARENT = bytes(32)

_TABLES = """
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, parent BLOB NOT NULL, timestamp INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE records (
    digest BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, node INTEGER NOT NULL,
    metadata BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX records_of_block ON records (block, position);
CREATE TABLE trees (block INTEGER PRIMARY KEY, nodes BLOB NOT NULL) STRICT;
CREATE TABLE runs (run BLOB PRIMARY KEY, block INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash BLOB NOT NULL, records INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        number: 0 for the genesis block.
        parent: hash of the block before it, 32 bytes; zero for the genesis block.
        timestamp: seconds since the Unix epoch; never earlier than the parent's.
        body: canonical JSON.
        hash: 32 bytes.
    """

    number: int
    parent: bytes
    timestamp: int
    body: bytes
    hash: bytes

    @classmethod
    def make(cls, number: int, parent: bytes, timestamp: int, body: Mapping[str, Any]) -> Block:
        """A block with its hash computed."""
        text = canonical_json(dict(body))
        return cls(number, parent, timestamp, text, block_hash(number, parent, timestamp, text))

    @property
    def intact(self) -> bool:
        """True when the hash is that of the content."""
        return self.hash == block_hash(self.number, self.parent, self.timestamp, self.body)

    def content(self) -> dict[str, Any]:
        """The body, parsed."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise CorruptStoreError(f"block {self.number} holds no object; restore the store from an export")
        return value


def block_hash(number: int, parent: bytes, timestamp: int, body: bytes) -> bytes:
    """Hash of a block, 32 bytes; see the module's description."""
    header = number.to_bytes(8, "big") + parent + timestamp.to_bytes(8, "big")
    return hashlib.sha256(BLOCK_TAG + header + body).digest()


@dataclass(frozen=True, slots=True)
class Row:
    """Where a record stands: its block, its place in the batch (0 alone), its node of the tree, its metadata."""

    digest: bytes
    block: int
    position: int
    node: int
    metadata: bytes


class Ledger:
    """Blocks of one store. Safe for threads and processes: every append is one SQLite transaction."""

    def __init__(self, path: Path | str, submitter: str | None, clock: Callable[[], float]) -> None:
        """Open the store, or create it with a genesis block.

        Raises:
            CorruptStoreError: damaged, or the last blocks do not fit together.
            ConfigurationError: the store belongs to another submitter, or the name is not usable.
        """
        self.path = Path(path)
        if submitter is not None and (not submitter or set(submitter) & set("/#")):
            raise ConfigurationError(f"submitter {submitter!r} must be a name without '/' and '#'")
        self._clock = clock
        self.named = submitter is not None  # the caller asked for this submitter
        # The genesis block is part of the schema, so that a store without one is damaged and never a new one.
        self._db: StoreConnection = open_file(
            self.path, schema=_schema(submitter or "local", int(clock())), application_id=APPLICATION_ID
        )
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._db.close)
            self.check_ends()
            genesis = self.block(0)
            self.identify(genesis)
            if submitter not in (None, self.submitter):
                raise ConfigurationError(f"{self.path} belongs to submitter {self.submitter!r}, not {submitter!r}")
            on_error.pop_all()

    def identify(self, genesis: Block) -> None:
        """Take the store's id and submitter from its genesis block."""
        content = genesis.content()
        self.genesis = genesis.hash
        self.store_id = str(content["store"])
        self.submitter = str(content["submitter"])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def damaged(self, what: str) -> CorruptStoreError:
        """The error for a store that contradicts itself."""
        return CorruptStoreError(f"{self.path}: {what}; restore the store from a copy or an export")

    # -- reading ---------------------------------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """Context manager: read several values from one state."""
        return snapshot(self._db)

    def head(self) -> tuple[int, bytes, int]:
        """Number and hash of the last block, and how many records there are."""
        row = self._db.execute("SELECT number, hash, records FROM head").fetchone()
        if row is None:
            raise self.damaged("the head is missing")
        return int(row[0]), bytes(row[1]), int(row[2])

    def block(self, number: int) -> Block:
        """A block, checked against its hash and against the block after it (or the head).

        Raises:
            CorruptStoreError: it is missing or was edited.
        """
        row = self._db.execute("SELECT number, parent, timestamp, body, hash FROM blocks WHERE number = ?", (number,))
        found = row.fetchone()
        if found is None:
            raise self.damaged(f"block {number} is missing")
        block = Block(*found)
        if not block.intact:
            raise self.damaged(f"block {number} was altered: its content does not have its hash")
        after = self._db.execute("SELECT parent FROM blocks WHERE number = ?", (number + 1,)).fetchone()
        if (after[0] if after else self.head()[1]) != block.hash:
            raise self.damaged(f"block {number} was replaced: what follows commits to another one")
        return block

    def blocks(self) -> Iterator[Block]:
        """All blocks in order, unchecked."""
        for row in self._db.execute("SELECT number, parent, timestamp, body, hash FROM blocks ORDER BY number"):
            yield Block(*row)

    def find(self, digest: bytes) -> Row | None:
        """The record of a digest, as indexed."""
        row = self._db.execute(
            "SELECT digest, block, position, node, metadata FROM records WHERE digest = ?", (digest,)
        ).fetchone()
        return None if row is None else Row(*row)

    def rows_of(self, number: int) -> list[Row]:
        """The records of a block, in the order they were given."""
        return [
            Row(*row)
            for row in self._db.execute(
                "SELECT digest, block, position, node, metadata FROM records WHERE block = ? ORDER BY position",
                (number,),
            )
        ]

    def tree(self, number: int) -> BatchTree:
        """The Merkle tree of a batch block."""
        row = self._db.execute("SELECT nodes FROM trees WHERE block = ?", (number,)).fetchone()
        if row is None:
            raise self.damaged(f"the tree of batch block {number} is missing")
        return BatchTree(bytes(row[0]))

    def run_block(self, run: bytes) -> int | None:
        """Number of the block that holds the present state of a run."""
        row = self._db.execute("SELECT block FROM runs WHERE run = ?", (run,)).fetchone()
        return None if row is None else int(row[0])

    # -- writing ---------------------------------------------------------------------------------------------------

    def writing(self) -> Any:
        """Context manager: one transaction; `append` and the `put_…` calls belong inside."""
        return transaction(self._db)

    def append(self, body: Mapping[str, Any], timestamp: int | None = None) -> Block:
        """Add a block to the chain, inside `writing`."""
        number, parent, _ = self.head()
        before = self.block(number)
        (genesis,) = self._db.execute("SELECT hash FROM blocks WHERE number = 0").fetchone()
        if genesis != self.genesis:
            raise StoreConflictError(f"{self.path} took the history of an import meanwhile; open it again")
        stamp = max(before.timestamp, int(self._clock())) if timestamp is None else timestamp
        block = Block.make(number + 1, parent, stamp, body)
        self._db.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?, ?)",
            (block.number, block.parent, block.timestamp, block.body, block.hash),
        )
        self._db.execute("UPDATE head SET number = ?, hash = ?", (block.number, block.hash))
        return block

    def put_records(self, rows: list[Row]) -> None:
        """Index the records of a block, inside `writing`.

        Raises:
            DuplicateRecordError: one of them is recorded already.
        """
        try:
            self._db.executemany(
                "INSERT INTO records (digest, block, position, node, metadata) VALUES (?, ?, ?, ?, ?)",
                ((row.digest, row.block, row.position, row.node, row.metadata) for row in rows),
            )
        except sqlite3.IntegrityError as error:
            known = next((row.digest for row in rows if (old := self.find(row.digest)) and old.block != row.block), b"")
            raise DuplicateRecordError(
                f"digest {hex_digest(known)} is recorded already as {self.record_id(known)}; a record is written once"
                if known
                else "a digest appears twice in this batch; list each record once"
            ) from error
        self._db.execute("UPDATE head SET records = records + ?", (len(rows),))

    def put_tree(self, number: int, tree: BatchTree) -> None:
        """Keep the tree of a batch block, inside `writing`."""
        self._db.execute("INSERT INTO trees VALUES (?, ?)", (number, tree.nodes))

    def put_run(self, run: bytes, number: int) -> None:
        """Point a run at the block with its present state, inside `writing`."""
        self._db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?)", (run, number))

    def adopt(self, genesis: Block) -> None:
        """Replace the genesis block of a store without any other block, inside `writing`."""
        self._db.execute(
            "UPDATE blocks SET timestamp = ?, body = ?, hash = ? WHERE number = 0",
            (genesis.timestamp, genesis.body, genesis.hash),
        )
        self._db.execute("UPDATE head SET hash = ?", (genesis.hash,))
        self.genesis = genesis.hash

    def record_id(self, digest: bytes) -> str:
        """`local:<store id>/<submitter>/<digest>`."""
        return f"local:{self.store_id}/{self.submitter}/{hex_digest(digest)}"

    # -- integrity -------------------------------------------------------------------------------------------------

    def check_ends(self) -> dict[str, Any]:
        """Check the genesis block, the last block and its link; returns the genesis block's content.

        Raises:
            CorruptStoreError: they do not fit together.
        """
        with snapshot(self._db):
            number, _, records = self.head()
            last = self.block(number)
            if number and self.block(number - 1).hash != last.parent:
                raise self.damaged(f"block {number} does not follow block {number - 1}")
            (highest, count) = self._db.execute("SELECT max(number), count(*) FROM blocks").fetchone()
            if highest != number or count != number + 1:
                raise self.damaged(f"the head is block {number}, but {count} blocks up to {highest} are stored")
            (counted,) = self._db.execute("SELECT count(*) FROM records").fetchone()
            if counted != records:
                raise self.damaged(f"the head counts {records} records, {counted} are stored")
            genesis = self.block(0).content()
        if genesis.get("kind") != "genesis" or not {"store", "submitter"} <= genesis.keys():
            raise self.damaged("the first block is no genesis block")
        return genesis

    def counts(self) -> tuple[int, int]:
        """Rows of the indexes of trees and runs."""
        (trees,) = self._db.execute("SELECT count(*) FROM trees").fetchone()
        (runs,) = self._db.execute("SELECT count(*) FROM runs").fetchone()
        return int(trees), int(runs)


def _schema(submitter: str, timestamp: int) -> str:
    genesis = Block.make(
        0, NO_PARENT, timestamp, {"kind": "genesis", "format": 1, "store": uuid.uuid4().hex, "submitter": submitter}
    )
    return (  # SQLite takes no parameters in a script; every value here is an integer or hexadecimal
        f"{_TABLES}INSERT INTO blocks VALUES "  # noqa: S608
        f"(0, x'{NO_PARENT.hex()}', {genesis.timestamp}, x'{genesis.body.hex()}', x'{genesis.hash.hex()}');\n"
        f"INSERT INTO head VALUES (1, 0, x'{genesis.hash.hex()}', 0);"
    )
