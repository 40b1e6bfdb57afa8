"""What a monitor knows, in one SQLite file: its samples, what it has signed, what peers have signed, what is done.

A sample is stored when its probe has finished: one in flight when the process dies never existed. A measurement is
stored before anybody sees it, so that a monitor never signs two different ones of the same window, whatever happens.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from novacron.compute.measurements import Domain, Measurement, SignedMeasurement
from novacron.compute.samples import Sample, Span
from novacron.exceptions import StoreConflictError
from novacron.stores import open_store, snapshot, transaction

APPLICATION_ID = 0x4E534C41  # "NSLA"
VERSION = 1

_SCHEMA = """
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    contract TEXT NOT NULL,
    monitor TEXT NOT NULL
) STRICT;
CREATE TABLE samples (
    sla_id INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    took_us INTEGER NOT NULL,
    failure TEXT,
    PRIMARY KEY (sla_id, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX samples_by_time ON samples (sla_id, started_ms);
CREATE TABLE measurements (
    sla_id INTEGER NOT NULL,
    guarantee INTEGER NOT NULL,
    window INTEGER NOT NULL,
    monitor TEXT NOT NULL,
    value INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (sla_id, window, guarantee, monitor)
) STRICT, WITHOUT ROWID;
"""

_COLUMNS = "sla_id, guarantee, window, value, samples, first, last, monitor, signature"


class MonitorStore:
    """The store at `path`, created when absent; bound to one monitor of one contract on one chain.

    Raises:
        CorruptStoreError, StoreBusyError, StoreFullError, StoreError: as `novacron.stores.open_store`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._connection = open_store(self.path, schema=_SCHEMA, application_id=APPLICATION_ID, version=VERSION)

    def __enter__(self) -> MonitorStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def bind(self, domain: Domain, monitor: str) -> None:
        """Say whose store this is; the first time decides.

        Raises:
            StoreConflictError: it is another monitor's, or of another contract or chain.
        """
        with transaction(self._connection) as db:
            row = (domain.chain_id, domain.contract, monitor)
            db.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, ?, ?)", row)
            found = db.execute("SELECT chain_id, contract, monitor FROM identity").fetchone()
        if found != row:
            raise StoreConflictError(
                f"{self.path} belongs to monitor {found[2]} of contract {found[1]} on chain {found[0]}, configured are "
                f"{monitor}, {domain.contract} and chain {domain.chain_id}; give each monitor a store of its own"
            )

    # -- samples ------------------------------------------------------------------------------------------------------

    def add_sample(self, sla_id: int, sample: Sample) -> bool:
        """Store a finished probe; False when its slot has a sample already."""
        with transaction(self._connection) as db:
            cursor = db.execute(
                "INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?)",
                (sla_id, sample.slot, sample.started_ms, sample.took_us, sample.failure),
            )
            return cursor.rowcount == 1

    def has_sample(self, sla_id: int, slot: int) -> bool:
        """Whether a slot has its sample."""
        with snapshot(self._connection) as db:
            query = "SELECT 1 FROM samples WHERE sla_id = ? AND slot = ?"
            return db.execute(query, (sla_id, slot)).fetchone() is not None

    def samples(self, sla_id: int, window: Span) -> list[Sample]:
        """Samples that began in a time, in order."""
        with snapshot(self._connection) as db:
            rows = db.execute(
                "SELECT slot, started_ms, took_us, failure FROM samples "
                "WHERE sla_id = ? AND started_ms >= ? AND started_ms < ? ORDER BY started_ms, slot",
                (sla_id, window.start * 1000, window.end * 1000),
            )
            return [Sample(*row) for row in rows]

    # -- measurements -------------------------------------------------------------------------------------------------

    def add_measurement(self, signed: SignedMeasurement) -> bool:
        """Store a verified measurement; the first of a monitor, guarantee and window stays. False: not new."""
        one = signed.measurement
        numbers = (one.sla_id, one.guarantee, one.window, one.value, one.samples, one.first, one.last)
        with transaction(self._connection) as db:
            cursor = db.execute(
                f"INSERT OR IGNORE INTO measurements ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (*numbers, signed.monitor, signed.signature),
            )
            return cursor.rowcount == 1

    def measurements(self, sla_id: int, window: int) -> list[SignedMeasurement]:
        """All measurements of a window that are known, one a guarantee and monitor."""
        with snapshot(self._connection) as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM measurements WHERE sla_id = ? AND window = ? ORDER BY guarantee, monitor",  # noqa: S608
                (sla_id, window),
            )
            return [_signed(row) for row in rows]

    def measurement(self, sla_id: int, guarantee: int, window: int, monitor: str) -> SignedMeasurement | None:
        """The measurement of one monitor; None when there is none."""
        with snapshot(self._connection) as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM measurements "  # noqa: S608
                "WHERE sla_id = ? AND guarantee = ? AND window = ? AND monitor = ?",
                (sla_id, guarantee, window, monitor),
            ).fetchone()
            return None if row is None else _signed(row)


def _signed(row: Sequence[object] | sqlite3.Row) -> SignedMeasurement:
    *numbers, monitor, signature = row
    return SignedMeasurement(Measurement(*numbers), str(monitor), bytes(signature))  # type: ignore[arg-type]
