"""The client for the ProofOfTraining contract on any EVM chain."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from eth_utils.address import is_address, to_checksum_address

from novacron.chain import EndpointPool, FeePolicy, Journal, Signer, TransactionManager
from novacron.exceptions import (
    ConfigurationError,
    CorruptStoreError,
    DuplicateRecordError,
    InputError,
    RejectedError,
    RetryableError,
    UnknownRecordError,
)
from novacron.provenance.clients.base import BlockchainClient, canonical_metadata, normalise_items
from novacron.provenance.clients.dispatch import UNANSWERED, Dispatcher
from novacron.provenance.clients.groups import Group, OutboxRecord
from novacron.provenance.clients.model import (
    BatchInclusion,
    BatchItem,
    FailedRecord,
    ReconcileReport,
    RecordId,
    RunHead,
    RunInfo,
    StoredHash,
)
from novacron.provenance.clients.onchain import ProofOfTraining
from novacron.provenance.clients.outbox import Outbox
from novacron.provenance.clients.tree import BatchTree, build_tree, parse
from novacron.provenance.clients.web3_runs import Web3Runs
from novacron.provenance.digest import hex_digest, parse_digest
from novacron.provenance.metadata import decode_metadata, encode_metadata

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.sqlite"


class Web3BlockchainClient(BlockchainClient):
    """Anchors records through a durable outbox; safe for threads and for processes that share a store folder.

    Every record is in the outbox before anything is sent. When the chain cannot be reached the result says `pending`;
    `reconcile` anchors it later, exactly once, also after a crash.
    """

    _dispatcher_type: type[Dispatcher] = Dispatcher

    #: In the store folder. Each interface has its own: what one queued is never sent, nor found, by the other.
    OUTBOX_FILE = "outbox.sqlite"

    def __init__(
        self,
        pool: EndpointPool,
        contract: str,
        *,
        signer: Signer | None = None,
        store: Path | str | None = None,
        journal: Journal | None = None,
        fees: FeePolicy | None = None,
        confirmations: int = 1,
        timeout: float = 120.0,
        on_step: Callable[[str, str], None] | None = None,
    ) -> None:
        """A client for one contract and one account.

        Args:
            pool: endpoints of the chain; one without a configured chain id is asked for it here.
            contract: address of a ProofOfTraining contract.
            signer: the submitter's account; None for a client that only reads.
            store: folder of the outbox and, unless `journal` is given, the transaction journal. Needed to write; a
                folder belongs to one chain, contract and submitter.
            journal: a journal shared with other users of the same account. It stays open on `close`.
            fees: fee policy; default medium speed.
            confirmations: blocks that make a record confirmed, counting its own.
            timeout: seconds to wait for a transaction before its record is left pending.
            on_step: told (step, idempotency key) after every step of a transaction, for progress displays.

        Raises:
            ConfigurationError: malformed address, a signer without a store, or a store of another account.
            ChainUnavailableError: the chain id is not configured and no endpoint tells it.
            CorruptStoreError: outbox or journal is damaged.
        """
        if confirmations < 1:
            raise ConfigurationError(f"confirmations must be at least 1, not {confirmations}")
        self._pool, self._contract = pool, ProofOfTraining(pool, contract)
        self._chain_id, self._signer = pool.chain_id(), signer
        self._outbox: Outbox | None = None
        self._dispatcher: Dispatcher | None = None
        self._runs: Web3Runs | None = None
        self._owned = contextlib.ExitStack()
        if signer is None:
            return
        if store is None:
            raise ConfigurationError("a client that writes needs a store folder for its outbox; give store=…")
        with contextlib.ExitStack() as stack:
            folder = Path(store)
            address = self._contract.address
            outbox = Outbox(
                folder / self.OUTBOX_FILE, chain_id=self._chain_id, contract=address, submitter=signer.address
            )
            stack.callback(outbox.close)
            if journal is None:
                journal = Journal(folder / JOURNAL_FILE)
                stack.callback(journal.close)
            manager = TransactionManager(
                pool, signer, journal, fees, confirmations=confirmations, timeout=timeout, on_step=on_step
            )
            self._dispatcher = self._dispatcher_type(
                outbox, manager, journal, self._contract, signer.address, confirmations, timeout
            )
            self._outbox = outbox
            self._runs = Web3Runs(manager, journal, self._contract, signer.address, timeout)
            self._owned = stack.pop_all()

    @property
    def contract(self) -> str:
        """Checksum address of the contract."""
        return self._contract.address

    @property
    def pool(self) -> EndpointPool:
        """The chain's endpoints."""
        return self._pool

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._chain_id

    @property
    def scope(self) -> str:
        """What every record id starts with: `eip155:<chain id>:<contract>`."""
        return f"eip155:{self._chain_id}:{self.contract}"

    @property
    def submitter(self) -> str:
        if self._signer is None:
            raise ConfigurationError("this client is read-only: it was opened without a signer")
        return self._signer.address

    def record_id(self, hash_value: str | bytes) -> str:
        return str(RecordId(self.scope, self.submitter, parse_digest(hash_value)))

    # -- writing ---------------------------------------------------------------------------------------------------

    def store_hash(self, hash_value: str | bytes, metadata: Mapping[str, Any] | None = None) -> StoredHash:
        outbox, dispatcher = self._writer()
        digest = parse_digest(hash_value)
        text = self._checked_metadata(metadata)
        record = self._taken_up(digest, text) or outbox.add(digest, text, self.record_id)
        try:
            self._refuse_anchored(record)
            group = outbox.claim([record]) or self._entry(digest)[1]  # else another process is sending it already
            if group is not None and group.state == "open":
                dispatcher.deliver(group)
        except UNANSWERED as error:
            log.warning("record %s is pending: %s", self.record_id(digest), error)
        record, group = self._entry(digest)
        if record.reason is not None:
            raise RejectedError(f"record {self.record_id(digest)} was refused: {record.reason}")
        return self._stored(record, group)

    def batch_store_hashes(
        self, items: Sequence[BatchItem], *, batch_metadata: Mapping[str, Any] | None = None
    ) -> list[StoredHash]:
        outbox, dispatcher = self._writer()
        records = normalise_items(items)
        encode_metadata(batch_metadata)  # refuses what is too large for the chain
        self._revisit({digest for digest, _ in records})
        tree, nodes, encoding = build_tree(records)
        group = outbox.add_batch(records, canonical_metadata(batch_metadata), tree, nodes, encoding, self.record_id)
        try:
            dispatcher.deliver(group)
        except UNANSWERED as error:
            log.warning("batch 0x%s of %d records is pending: %s", group.word.hex(), group.size, error)
        group = outbox.group(group.id)
        return [
            self._stored(
                OutboxRecord(0, digest, metadata, group.id, position, node, None),
                group,
                tree.inclusion(position, node, encoding),
            )
            for position, ((digest, metadata), node) in enumerate(zip(records, nodes, strict=True))
        ]

    def pending(self) -> list[StoredHash]:
        return self._described(self._outbox.pending()) if self._outbox else []

    def failed(self) -> list[FailedRecord]:
        return self._failures(self._outbox.failed()) if self._outbox else []

    def reconcile(self) -> ReconcileReport:
        outbox, dispatcher = self._writer()
        outcome = dispatcher.reconcile()
        confirmed = [(record, group) for group in outcome.confirmed for record in outbox.records_of(group)]
        return ReconcileReport(
            confirmed=tuple(self._described(confirmed)),
            still_pending=tuple(self.pending()),
            failed=tuple(self.failed()),
            errors=tuple(dict.fromkeys(outcome.errors)),
        )

    def check(self) -> None:
        """Check every row of the outbox.

        Raises:
            CorruptStoreError: naming the first that was altered.
        """
        if self._outbox is not None:
            self._outbox.check()

    def close(self) -> None:
        self._owned.close()

    def own(self, pool: EndpointPool) -> Self:
        """Close `pool` together with this client."""
        self._owned.callback(pool.close)
        return self

    def _revisit(self, digests: set[bytes]) -> list[Group]:
        """Groups that hold a digest that was refused before, and still is after a look at the chain."""
        outbox, dispatcher = self._writer()
        still = []
        for group in outbox.failed_groups():
            if digests.isdisjoint(record.digest for record in outbox.failed_of(group)):
                continue
            try:
                if not dispatcher.revisit(group):
                    still.append(group)
            except UNANSWERED as error:
                raise RetryableError(
                    f"a transaction of group {group.id} was refused before, and whether it was mined all the same "
                    f"cannot be told at the moment ({error}); nothing was stored, repeat later"
                ) from error
        return still

    def _taken_up(self, digest: bytes, metadata: bytes) -> OutboxRecord | None:
        """The record, when it was refused after it was signed: the same transaction is tried again."""
        outbox, dispatcher = self._writer()
        for group in self._revisit({digest}):
            if dispatcher.resumable(group) and (record := outbox.reopen(group, metadata)) is not None:
                return record
        return None

    def _refuse_anchored(self, record: OutboxRecord) -> None:
        """Give up a record that this account anchored from elsewhere."""
        outbox, _ = self._writer()
        slot = self._contract.slot(self.submitter, record.digest)
        if slot is not None and outbox.discard(record):
            raise DuplicateRecordError(
                f"digest {hex_digest(record.digest)} is recorded already as {self.record_id(record.digest)}, in block "
                f"{slot.block_number}; a record is written once"
            )

    # -- reading ---------------------------------------------------------------------------------------------------

    def retrieve_hash(self, record_id: str) -> StoredHash:
        wanted = self._parse(record_id)
        if self._outbox is not None and wanted.submitter == self.submitter:
            found = self._outbox.find(wanted.digest)
            if found is not None and found[0].reason is None:
                return self._checked(self._stored(*found))
            if found is not None:
                raise UnknownRecordError(f"record {record_id} was refused: {found[0].reason}; store it again")
        slot = self._contract.slot(wanted.submitter, wanted.digest)
        if slot is None:
            raise UnknownRecordError(
                f"no record {record_id} on the chain; a record of a batch is known to its writer's store and to its "
                "proof only"
            )
        event = self._contract.anchor_event(wanted.submitter, wanted.digest, slot)
        return StoredHash(
            id=str(wanted),
            hash=hex_digest(wanted.digest),
            metadata=decode_metadata(event.metadata),
            status="confirmed",
            chain_id=self._chain_id,
            contract=self.contract,
            submitter=wanted.submitter,
            timestamp=slot.timestamp,
            block_number=slot.block_number,
            transaction_hash=event.transaction_hash,
        )

    def verify_hash(self, hash_value: str | bytes, record_id: str) -> bool:
        digest = parse_digest(hash_value)
        record = self.retrieve_hash(record_id)
        return record.digest == digest and self._anchored(record)

    def verify_record(self, record: StoredHash) -> bool:
        if (record.chain_id, record.contract.lower()) != (self._chain_id, self.contract.lower()):
            return False
        if not self._anchored(record):
            return False
        if record.batch is not None:
            return True
        slot = self._contract.slot(record.submitter, record.digest)
        if slot is None:
            return False
        event = self._contract.anchor_event(record.submitter, record.digest, slot)
        return decode_metadata(event.metadata) == record.metadata

    def _anchored(self, record: StoredHash) -> bool:
        """Whether the chain holds the record's digest, or its batch with the record in it."""
        batch = record.batch
        if batch is None:
            return self._contract.slot(record.submitter, record.digest) is not None
        if not batch.verifies(record.digest, record.metadata):
            return False
        slot = self._contract.slot(record.submitter, batch.root)
        if slot is None or slot.size != batch.size:
            return False
        return self._contract.verify_inclusion(record.submitter, batch.root, batch.leaf_hash, batch.proof)

    # -- runs ------------------------------------------------------------------------------------------------------

    def run_id(self, salt: bytes, manifest_digest: bytes) -> bytes:
        return self._run_writer().run_id(salt, manifest_digest)

    def open_run(self, salt: bytes, manifest_digest: bytes) -> RunInfo:
        return self._run_writer().open(salt, manifest_digest)

    def extend_run(self, run: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> RunHead:
        return self._run_writer().extend(run, new_size, new_root, proof)

    def seal_run(self, run: bytes, model_digest: bytes) -> RunHead:
        return self._run_writer().seal(run, model_digest)

    def set_recorder(self, run: bytes, recorder: str, authorised: bool = True) -> None:
        """Let another account extend this account's run, or no longer. Repeating it changes nothing.

        Raises:
            RevertedError: not the owner, or the run is sealed or unknown.
            ChainUnavailableError: call again with the same arguments.
        """
        self._run_writer().set_recorder(run, recorder, authorised)

    def run_head(self, run: bytes) -> RunHead:
        return self._contract.run_head(parse_digest(run))

    def extension_of(self, head: RunHead) -> tuple[str, int] | None:
        return self._contract.extension(head)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _writer(self) -> tuple[Outbox, Dispatcher]:
        if self._outbox is None or self._dispatcher is None:
            raise ConfigurationError("this client is read-only: open it with a signer and a store folder")
        return self._outbox, self._dispatcher

    def _run_writer(self) -> Web3Runs:
        if self._runs is None:
            raise ConfigurationError("this client is read-only: open it with a signer and a store folder")
        return self._runs

    def _checked_metadata(self, metadata: Mapping[str, Any] | None) -> bytes:
        encode_metadata(metadata)  # refuses what is too large for the chain
        return canonical_metadata(metadata)

    def _parse(self, record_id: str) -> RecordId:
        wanted = RecordId.parse(record_id)
        if wanted.scope.lower() != self.scope.lower():
            raise UnknownRecordError(f"record {record_id} is of another chain or contract than {self.scope}")
        if not is_address(wanted.submitter):
            raise InputError(f"record id {record_id!r} names no submitter's address")
        return RecordId(self.scope, to_checksum_address(wanted.submitter), wanted.digest, wanted.number)

    def _entry(self, digest: bytes) -> tuple[OutboxRecord, Group | None]:
        found = self._writer()[0].find(digest)
        if found is None:
            raise CorruptStoreError(f"record {digest.hex()} vanished from the outbox; restore it from a copy")
        return found

    def _checked(self, record: StoredHash) -> StoredHash:
        if record.batch is not None and not record.batch.verifies(record.digest, record.metadata):
            raise CorruptStoreError(f"record {record.id} in the outbox is not in its batch; restore it from a copy")
        return record

    def _described(self, entries: Sequence[tuple[OutboxRecord, Group | None]]) -> list[StoredHash]:
        outbox, _ = self._writer()
        trees: dict[int, BatchTree] = {}
        result = []
        for record, group in entries:
            inclusion = None
            if group is not None and group.kind == "batch":
                if group.id not in trees:
                    trees[group.id] = outbox.tree(group)
                inclusion = trees[group.id].inclusion(record.position, record.node, group.encoding)
            result.append(self._stored(record, group, inclusion))
        return result

    def _failures(self, records: Sequence[OutboxRecord]) -> list[FailedRecord]:
        return [FailedRecord(self._stored(record, None), record.reason or "") for record in records]

    def _stored(self, record: OutboxRecord, group: Group | None, inclusion: BatchInclusion | None = None) -> StoredHash:
        if inclusion is None and group is not None and group.kind == "batch":
            inclusion = self._writer()[0].tree(group).inclusion(record.position, record.node, group.encoding)
        return StoredHash(
            id=self._id_of(record.digest, group),
            hash=hex_digest(record.digest),
            metadata=parse(record.metadata),
            status="confirmed" if group is not None and group.state == "confirmed" else "pending",
            chain_id=self._chain_id,
            contract=self.contract,
            submitter=self.submitter,
            timestamp=None if group is None else group.timestamp,
            block_number=None if group is None else group.block_number,
            transaction_hash=None if group is None else group.transaction_hash,
            batch=inclusion,
        )

    def _id_of(self, digest: bytes, group: Group | None) -> str:  # noqa: ARG002 - the string interface needs it
        return self.record_id(digest)
