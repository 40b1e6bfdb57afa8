"""Opening the clients' SQLite files."""

from __future__ import annotations

from pathlib import Path

from novacron.stores import StoreConnection, open_store


def open_file(path: Path, *, schema: str, application_id: int) -> StoreConnection:
    """As `open_store`; text that was damaged is read as it is, for the checksums to find, instead of failing to decode.

    Raises:
        CorruptStoreError: the file is damaged or no store of this kind.
    """
    connection = open_store(path, schema=schema, application_id=application_id)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection
