"""Write-ahead journal of transactions, and the nonce ledger: one SQLite file, safe under threads and processes.

    intent → signed → sent → mined            receipt final, status 1
                          ↘  failed           receipt final, status 0; or definitely refused by all who were asked
                          ↘  replaced         its nonce was spent on a cancellation

Nonce, fees and raw signed bytes are stored in one SQLite transaction before anything is broadcast, and so is the fact
that the bytes are about to leave (`expose`). Whoever finds the row later sends the same bytes. A key is signed for
another nonce in two cases only, and both together make that it is mined at most once:

- the chain has spent the nonce on another transaction, seen in its block at the depth that counts as final;
- the nonce was given back (`release`): every endpoint that was asked refused the bytes, and none was left in doubt (a
  timeout, a lost answer, a crash). Nodes may refuse and lie. So a receipt of any attempt settles its key, whoever has
  the nonce now (that key moves to a new one in the same SQLite transaction), and no other nonce is given to a key until
  the ones it had are spent.

What remains is what the chain itself leaves open: a reorganisation deeper than the confirmations asked for, and
endpoints that all tell the same lie.

The file holds signed transactions, no keys; it is readable by its owner only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.entries import Attempt, Entry, Intent, Signed, State
from novacron.chain.fees import FeeQuote
from novacron.exceptions import (
    ChainResetError,
    CorruptStoreError,
    InconsistentEndpointError,
    InputError,
    NonceError,
    UnknownRecordError,
)
from novacron.stores import StoreConnection, open_store, snapshot, transaction

APPLICATION_ID = 0x4E4A524E  # "NJRN"
VERSION = 2

_SCHEMA = """
CREATE TABLE chains (chain_id INTEGER PRIMARY KEY, genesis TEXT NOT NULL) STRICT;
CREATE TABLE transactions (
    key TEXT PRIMARY KEY,
    chain_id INTEGER NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT,
    value TEXT NOT NULL,
    data BLOB NOT NULL,
    data_digest BLOB NOT NULL CHECK (length(data_digest) = 32),
    gas INTEGER,
    nonce INTEGER,
    state TEXT NOT NULL CHECK (state IN ('intent', 'signed', 'sent', 'mined', 'failed', 'replaced')),
    receipt TEXT,
    error TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    CHECK (state NOT IN ('signed', 'sent', 'mined', 'replaced') OR nonce IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX nonce_ledger ON transactions (chain_id, sender, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX unfinished ON transactions (chain_id, sender) WHERE state IN ('intent', 'signed', 'sent');
CREATE TABLE attempts (
    key TEXT NOT NULL REFERENCES transactions (key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    hash TEXT NOT NULL,
    raw BLOB NOT NULL,
    fee TEXT NOT NULL,
    tip TEXT NOT NULL,
    legacy INTEGER NOT NULL,
    cancels INTEGER NOT NULL,
    signed_at REAL NOT NULL,
    sent_at REAL,
    exposures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, number)
) STRICT;
"""


class Journal:
    """The journal at `path`, created when absent.

    Raises:
        CorruptStoreError, StoreBusyError, StoreFullError, StoreError: as `novacron.stores.open_store`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._connection: StoreConnection | None = None
        self._open()

    def __repr__(self) -> str:
        return f"<Journal {self.path}>"

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the journal opens it again when used."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None and connection.pid == os.getpid():
            connection.close()

    def _open(self) -> StoreConnection:
        with self._lock:
            if self._connection is None or self._connection.pid != os.getpid():  # a fork must not share it
                self._connection = open_store(self.path, schema=_SCHEMA, application_id=APPLICATION_ID, version=VERSION)
                for suffix in ("", "-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError, PermissionError):
                        self.path.with_name(self.path.name + suffix).chmod(0o600)
            return self._connection

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Entry | None:
        """The entry of a key, or None.

        Raises:
            CorruptStoreError: a stored transaction does not have the hash or data digest stored with it.
        """
        with snapshot(self._open()) as db:
            return self._read(db, key)

    def require(self, key: str) -> Entry:
        """As `get`; UnknownRecordError when there is none."""
        entry = self.get(key)
        if entry is None:
            raise UnknownRecordError(f"{self.path} has no transaction with key {key!r}")
        return entry

    def unfinished(self, chain_id: int, sender: str, *, below: int | None = None) -> list[Entry]:
        """Entries the chain has not decided, by nonce, those without one last; `below` keeps lower nonces only."""
        query = (
            "SELECT key FROM transactions WHERE chain_id = ? AND sender = ? AND state IN ('intent', 'signed', 'sent') "
            "AND (? IS NULL OR nonce < ?) ORDER BY nonce IS NULL, nonce, created_at, rowid"
        )
        with snapshot(self._open()) as db:
            keys = [row[0] for row in db.execute(query, (chain_id, sender, below, below))]
            return [entry for key in keys if (entry := self._read(db, key)) is not None]

    def entries(self) -> list[Entry]:
        """Everything, in order of creation."""
        with snapshot(self._open()) as db:
            keys = [row[0] for row in db.execute("SELECT key FROM transactions ORDER BY created_at, rowid")]
            return [entry for key in keys if (entry := self._read(db, key)) is not None]

    def next_nonce(self, chain_id: int, sender: str) -> int | None:
        """One above the highest nonce given out for this account, or None when none was."""
        with snapshot(self._open()) as db:
            return self._next_nonce(db, chain_id, sender)

    def owner_of(self, chain_id: int, sender: str, nonce: int) -> str | None:
        """Key that holds a nonce, or None."""
        with snapshot(self._open()) as db:
            return self._owner_of(db, chain_id, sender, nonce)

    # -- writing -----------------------------------------------------------------------------------------------------

    def bind_chain(self, chain_id: int, genesis: str) -> None:
        """Remember the genesis block hash of a chain id; refuse another one later.

        Raises:
            ChainResetError: this id belonged to another chain (a local node was restarted or reset).
        """
        connection = self._open()
        with snapshot(connection) as db:
            row = db.execute("SELECT genesis FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
        if row is None:
            with transaction(connection) as db:
                db.execute("INSERT OR IGNORE INTO chains VALUES (?, ?)", (chain_id, genesis.lower()))
                row = db.execute("SELECT genesis FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
        if row[0] != genesis.lower():
            raise ChainResetError(
                f"{self.path} belongs to the chain {chain_id} with genesis {row[0]}, the endpoint serves one with "
                f"{genesis.lower()}: a local chain was reset, or the RPC address is wrong. Nothing was sent; start a "
                "new journal for the new chain"
            )

    def begin(self, intent: Intent) -> Entry:
        """Store an intent, or return the entry that has its key.

        Raises:
            InputError: the key is there with another chain, sender, recipient, data or value.
        """
        with transaction(self._open()) as db:
            return self._begin(db, intent)

    def withdraw(self, key: str) -> None:
        """Forget an intent that was never signed."""
        with transaction(self._open()) as db:
            db.execute("DELETE FROM transactions WHERE key = ? AND state = 'intent'", (key,))

    def sign(
        self, intent: Intent, *, floor: int, gas: int, build: Callable[[int], Signed], spent_below: int | None = None
    ) -> Entry:
        """Give the intent a nonce and store its signed bytes, atomically. An entry that has a nonce is returned as is.

        Args:
            floor: transaction count of the account on chain; the nonce is not below it.
            gas: gas limit `build` signs.
            build: signs the transaction for a nonce; called inside the write lock.
            spent_below: nonces below this one are spent on chain for good; default `floor`.

        Raises:
            NonceError: an earlier attempt under another nonce could still be mined.
        """
        with transaction(self._open()) as db:
            entry = self._begin(db, intent)
            if not entry.unsigned:
                return entry
            following = self._next_nonce(db, intent.chain_id, intent.sender)
            nonce = floor if following is None else max(floor, following)
            return self._assign(db, entry, nonce, gas, build, floor if spent_below is None else spent_below)

    def sign_again(self, key: str, *, spent: int, floor: int, build: Callable[[int], Signed]) -> Entry:
        """New nonce for an entry whose nonce `spent` the chain has used for a foreign transaction.

        An entry that another process has moved on already is returned as it is.
        """
        with transaction(self._open()) as db:
            entry = self._required(db, key)
            if entry.settled or entry.nonce != spent:
                return entry
            following = self._next_nonce(db, entry.intent.chain_id, entry.intent.sender)
            nonce = max(floor, spent + 1, following or 0)
            return self._assign(db, entry, nonce, entry.intent.gas or 0, build, spent + 1)

    def add_attempt(self, key: str, *, after: int, build: Callable[[int], Signed]) -> Entry:
        """Store a further signed version under the same nonce (a replacement), unless somebody else just did.

        Args:
            after: number of attempts the caller saw; with more in the store nothing is signed.
        """
        with transaction(self._open()) as db:
            entry = self._required(db, key)
            if entry.settled or entry.nonce is None or len(entry.attempts) != after:
                return entry
            self._insert_attempt(db, entry, entry.nonce, build(entry.nonce))
            return self._required(db, key)

    def expose(self, key: str, attempt: Attempt) -> bool:
        """Note that an attempt is about to be sent: from here on somebody may have it.

        Returns:
            False when the key no longer has the attempt's nonce, or is settled: it must not be sent.
        """
        with transaction(self._open()) as db:
            cursor = db.execute(
                "UPDATE attempts SET exposures = exposures + 1 WHERE key = ? AND number = ? AND nonce = "
                "(SELECT nonce FROM transactions WHERE key = ? AND receipt IS NULL)",
                (key, attempt.number, key),
            )
            return cursor.rowcount == 1

    def refused(self, key: str, attempt: Attempt) -> None:
        """Take one `expose` back: everybody who was asked refused definitely, or nobody was reached."""
        with transaction(self._open()) as db:
            db.execute(
                "UPDATE attempts SET exposures = exposures - 1 WHERE key = ? AND number = ? AND exposures > 0",
                (key, attempt.number),
            )

    def mark_sent(self, key: str, attempt: int) -> None:
        """A node has accepted this attempt."""
        now = time.time()
        with transaction(self._open()) as db:
            db.execute(
                "UPDATE attempts SET sent_at = coalesce(sent_at, ?) WHERE key = ? AND number = ?", (now, key, attempt)
            )
            db.execute(
                "UPDATE transactions SET state = 'sent', error = NULL, updated_at = ? "
                "WHERE key = ? AND state IN ('signed', 'sent')",
                (now, key),
            )

    def release(self, key: str, error: str) -> bool:
        """Give back the nonce of a transaction that was definitely refused, so that no gap blocks later ones.

        Only when no attempt was ever accepted or left in doubt, and no higher nonce was given out since. False
        otherwise: the entry keeps its nonce and its bytes.
        """
        with transaction(self._open()) as db:
            entry = self._required(db, key)
            doubtful = any(attempt.sent_at is not None or attempt.exposures for attempt in entry.attempts)
            if entry.settled or entry.nonce is None or doubtful:
                return False
            now = time.time()
            if self._next_nonce(db, entry.intent.chain_id, entry.intent.sender) != entry.nonce + 1:
                db.execute("UPDATE transactions SET error = ?, updated_at = ? WHERE key = ?", (error, now, key))
                return False
            db.execute(
                "UPDATE transactions SET state = 'failed', nonce = NULL, error = ?, updated_at = ? WHERE key = ?",
                (error, now, key),
            )
            return True

    def settle(
        self,
        key: str,
        state: State,
        receipt: dict[str, Any],
        *,
        nonce: int,
        rebuild: Callable[[Entry, int], Signed],
        floor: int = 0,
        error: str | None = None,
    ) -> Entry:
        """Store the final receipt; the first one stays.

        Another key that holds the mined attempt's nonce can no longer be mined with it: it gets a new one here.

        Args:
            nonce: the mined attempt's.
            rebuild: signs the entry it is given for a new nonce; called inside the write lock.
            floor: transaction count of the account on chain.

        Raises:
            InconsistentEndpointError: the other key has a receipt for that nonce, too; nothing was changed.
        """
        text = json.dumps(receipt, separators=(",", ":"), sort_keys=True)
        with transaction(self._open()) as db:
            entry = self._required(db, key)
            if not entry.settled:
                self._displace(db, entry, nonce, rebuild, floor)
            db.execute(
                "UPDATE transactions SET state = ?, receipt = ?, nonce = coalesce(nonce, ?), error = ?, updated_at = ? "
                "WHERE key = ? AND receipt IS NULL",
                (state, text, nonce, error, time.time(), key),
            )
            return self._required(db, key)

    def reopen(self, key: str) -> Entry:
        """Take a receipt back because its block left the chain; the signed bytes stay."""
        with transaction(self._open()) as db:
            db.execute(
                "UPDATE transactions SET state = 'sent', receipt = NULL, updated_at = ? "
                "WHERE key = ? AND receipt IS NOT NULL",
                (time.time(), key),
            )
            return self._required(db, key)

    def _displace(
        self, db: sqlite3.Connection, entry: Entry, nonce: int, rebuild: Callable[[Entry, int], Signed], floor: int
    ) -> None:
        """Move another key away from a nonce that was spent on `entry`."""
        chain_id, sender = entry.intent.chain_id, entry.intent.sender
        holder = self._owner_of(db, chain_id, sender, nonce)
        if holder is None or holder == entry.key:
            return
        other = self._required(db, holder)
        if other.settled:
            raise InconsistentEndpointError(
                f"nonce {nonce} was spent on transaction {entry.key!r} now and on {holder!r} before: the chain was "
                f"reorganised deeply, or an endpoint lies; recheck {holder!r}"
            )
        following = max(floor, nonce + 1, self._next_nonce(db, chain_id, sender) or 0)
        self._assign(db, other, following, other.intent.gas or 0, lambda new: rebuild(other, new), nonce + 1)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _begin(self, db: sqlite3.Connection, intent: Intent) -> Entry:
        entry = self._read(db, intent.key)
        if entry is None:
            now = time.time()
            db.execute(
                "INSERT INTO transactions (key, chain_id, sender, recipient, value, data, data_digest, gas, state, "
                "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'intent', ?, ?)",
                (
                    *(intent.key, intent.chain_id, intent.sender, intent.to, str(intent.value), intent.data),
                    *(hashlib.sha256(intent.data).digest(), intent.gas, now, now),
                ),
            )
            return self._required(db, intent.key)
        there = entry.intent
        for name in ("chain_id", "sender", "to", "value", "data"):
            if getattr(there, name) != getattr(intent, name):
                raise InputError(
                    f"transaction key {intent.key!r} is in {self.path} already with another {name}; a key stands for "
                    "one transaction, use a new key for a new one"
                )
        return entry

    def _assign(
        self,
        db: sqlite3.Connection,
        entry: Entry,
        nonce: int,
        gas: int,
        build: Callable[[int], Signed],
        spent_below: int,
    ) -> Entry:
        open_nonces = {a.nonce for a in entry.attempts if a.nonce >= spent_below and a.nonce != nonce}
        if open_nonces:
            raise NonceError(
                f"transaction {entry.key!r} was signed with nonce {min(open_nonces)}, which the chain has not used "
                "yet; wait until it has, a second nonce now could make it happen twice"
            )
        signed = build(nonce)
        db.execute(
            "UPDATE transactions SET state = 'signed', nonce = ?, gas = ?, error = NULL, updated_at = ? WHERE key = ?",
            (nonce, gas, time.time(), entry.key),
        )
        self._insert_attempt(db, entry, nonce, signed)
        return self._required(db, entry.key)

    @staticmethod
    def _insert_attempt(db: sqlite3.Connection, entry: Entry, nonce: int, signed: Signed) -> None:
        if any(attempt.hash == signed.hash for attempt in entry.attempts):
            return  # the same bytes again, after the nonce had been given back
        fees = signed.fees
        db.execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
            (
                *(entry.key, len(entry.attempts) + 1, nonce, signed.hash, signed.raw),
                *(str(fees.max_fee_per_gas), str(fees.max_priority_fee_per_gas), int(fees.legacy)),
                *(int(signed.cancels), time.time()),
            ),
        )

    @staticmethod
    def _owner_of(db: sqlite3.Connection, chain_id: int, sender: str, nonce: int) -> str | None:
        query = "SELECT key FROM transactions WHERE chain_id = ? AND sender = ? AND nonce = ?"
        row = db.execute(query, (chain_id, sender, nonce)).fetchone()
        return None if row is None else str(row[0])

    @staticmethod
    def _next_nonce(db: sqlite3.Connection, chain_id: int, sender: str) -> int | None:
        query = "SELECT max(nonce) FROM transactions WHERE chain_id = ? AND sender = ? AND nonce IS NOT NULL"
        highest = db.execute(query, (chain_id, sender)).fetchone()[0]
        return None if highest is None else int(highest) + 1

    def _required(self, db: sqlite3.Connection, key: str) -> Entry:
        entry = self._read(db, key)
        if entry is None:
            raise UnknownRecordError(f"{self.path} has no transaction with key {key!r}")
        return entry

    def _read(self, db: sqlite3.Connection, key: str) -> Entry | None:
        row = db.execute(
            "SELECT chain_id, sender, recipient, value, data, data_digest, gas, nonce, state, receipt, error, "
            "created_at FROM transactions WHERE key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        chain_id, sender, to, value, data, digest, gas, nonce, state, receipt, error, created_at = row
        if hashlib.sha256(data).digest() != digest:
            raise CorruptStoreError(f"{self.path}: the data of transaction {key!r} does not have its digest")
        attempts = tuple(
            Attempt(number, at, hash_, raw, FeeQuote(int(fee), int(tip), 0, bool(legacy)), bool(cancels), *times)
            for number, at, hash_, raw, fee, tip, legacy, cancels, *times in db.execute(
                "SELECT number, nonce, hash, raw, fee, tip, legacy, cancels, signed_at, sent_at, exposures "
                "FROM attempts WHERE key = ? ORDER BY number",
                (key,),
            )
        )
        for attempt in attempts:
            if "0x" + keccak(attempt.raw).hex() != attempt.hash:
                raise CorruptStoreError(f"{self.path}: attempt {attempt.number} of {key!r} does not have its hash")
        intent = Intent(key, chain_id, sender, to, data, int(value), gas)
        parsed = None if receipt is None else json.loads(receipt)
        return Entry(intent, state, nonce, attempts, parsed, error, created_at)
