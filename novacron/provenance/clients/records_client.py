"""The same client over the contract's string interface, for tools that know `storeHash`, `getHash` and `verifyHash`.

Differences from anchors: metadata is stored on chain as a canonical JSON string of at most 2,048 bytes; the contract
numbers records, so that the id of a confirmed record ends in `#<number>` (the id without it, which a pending record
has, goes on working in the store that wrote it); the contract keeps no index by hash, so that only this store knows
which hashes it recorded before. Batches are anchored as by the ordinary client.

The contract would store a hash twice without objecting. A record that was refused and is stored again with the same
metadata therefore keeps its idempotency key; with other metadata it cannot, and gets a new transaction once no receipt
of the old one is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from novacron.chain import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError, MetadataTooLargeError, RevertedError, UnknownRecordError
from novacron.provenance.clients.base import canonical_metadata
from novacron.provenance.clients.dispatch import Dispatcher
from novacron.provenance.clients.groups import Group, OutboxRecord
from novacron.provenance.clients.model import RecordId, StoredHash
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.digest import hex_digest, parse_digest
from novacron.provenance.metadata import MAX_METADATA_BYTES


class RecordsDispatcher(Dispatcher):
    """Delivers single records with `storeHash`."""

    def words(self, group: Group) -> list[bytes]:
        """Nothing to ask the contract for, except for a batch."""
        return super().words(group) if group.kind == "batch" else []

    def plan(self, records: Sequence[OutboxRecord]) -> Iterator[Sequence[OutboxRecord]]:
        """One transaction each."""
        return ([record] for record in records)

    def calldata(self, group: Group) -> bytes:
        """`storeHash(hash, metadata)`, or as the ordinary client for a batch."""
        if group.kind == "batch":
            return super().calldata(group)
        (record,) = self.outbox.records_of(group)
        return self.contract.handle.encode("storeHash", hex_digest(record.digest), record.metadata.decode())

    def settle(self, group: Group, receipt: TransactionReceipt) -> None:
        """Take the record's number from the transaction's event."""
        if group.kind == "batch":
            super().settle(group, receipt)
            return
        for event in self.contract.handle.decode_logs(receipt, "HashStored"):
            number, timestamp = event.args["transactionId"], event.args["timestamp"]
            self._confirm(group, receipt.block_number, timestamp, receipt.hash, number)
            return
        raise InconsistentEndpointError(f"transaction {receipt.hash} stored a hash but its receipt has no such event")


class RecordsBlockchainClient(Web3BlockchainClient):
    """`BlockchainClient` over `storeHash`/`getHash`/`verifyHash`; see the module's description."""

    OUTBOX_FILE = "records.sqlite"
    _dispatcher_type = RecordsDispatcher

    def retrieve_hash(self, record_id: str) -> StoredHash:
        wanted = self._parse(record_id)
        if wanted.number is None:
            if self._outbox is None or wanted.submitter != self.submitter or self._outbox.find(wanted.digest) is None:
                raise UnknownRecordError(f"record {record_id} has no number and is not in this store")
            return super().retrieve_hash(record_id)
        try:
            text, metadata, timestamp, block_number, submitter = self._contract.handle.call("getHash", wanted.number)
        except RevertedError as error:
            if error.name == "Records_UnknownRecord":
                raise UnknownRecordError(f"no record {record_id} on the chain") from error
            raise
        found = RecordId(self.scope, submitter, parse_digest(text), wanted.number)
        if found != wanted:
            raise UnknownRecordError(f"record number {wanted.number} is {found}, not {wanted}")
        return StoredHash(
            id=str(found),
            hash=hex_digest(found.digest),
            metadata=_parsed(metadata),
            status="confirmed",
            chain_id=self.chain_id,
            contract=self.contract,
            submitter=found.submitter,
            timestamp=int(timestamp),
            block_number=int(block_number),
        )

    def verify_record(self, record: StoredHash) -> bool:
        if record.batch is not None:
            return super().verify_record(record)
        if not self._anchored(record):
            return False
        held = self.retrieve_hash(record.id)
        return (held.submitter, held.metadata) == (record.submitter, record.metadata)

    def _anchored(self, record: StoredHash) -> bool:
        if record.batch is not None:
            return super()._anchored(record)
        number = RecordId.parse(record.id).number
        return number is not None and bool(self._contract.handle.call("verifyHash", record.hash, number))

    def _checked_metadata(self, metadata: Mapping[str, Any] | None) -> bytes:
        text = canonical_metadata(metadata)
        if len(text) > MAX_METADATA_BYTES:
            raise MetadataTooLargeError(
                f"metadata is {len(text)} bytes of JSON; the string interface takes {MAX_METADATA_BYTES}, uncompressed"
            )
        return text

    def _refuse_anchored(self, record: OutboxRecord) -> None:
        """The contract takes a hash any number of times; only this store knows its own."""

    def _id_of(self, digest: bytes, group: Group | None) -> str:
        number = None if group is None or group.kind == "batch" else group.number
        return str(RecordId(self.scope, self.submitter, digest, number))


def _parsed(text: str) -> dict[str, Any]:
    """Metadata of a record: our own is a JSON object, others' may be any text, which is returned under "text"."""
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
