"""The embedded client: the same promises as the contract, kept in one SQLite file, without any network.

Its chain is a list of hash-linked blocks (see `local_ledger`). It proves to its owner that a history was not edited; it
cannot prove to a stranger *when* something was written, for which a public chain is needed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from novacron.exceptions import (
    DuplicateRecordError,
    InputError,
    UnknownRecordError,
)
from novacron.provenance.clients import local_transfer
from novacron.provenance.clients.base import BlockchainClient, canonical_metadata, normalise_items
from novacron.provenance.clients.local_ledger import Block, Ledger, Row
from novacron.provenance.clients.model import (
    BatchItem,
    FailedRecord,
    ReconcileReport,
    RecordId,
    RunHead,
    RunInfo,
    StoredHash,
)
from novacron.provenance.clients.run_rules import MAX_SIZE, check_extension, refuse_empty, refuse_sealed
from novacron.provenance.clients.tree import build_tree, parse
from novacron.provenance.digest import hex_digest, parse_digest
from novacron.provenance.metadata import encode_metadata
from novacron.provenance.rfc9162 import EMPTY_ROOT

RUN_TAG = b"novacron/local-run/1\n"


class LocalBlockchainClient(BlockchainClient):
    """Records and runs in an embedded, hash-linked chain. Safe for threads and for many processes on one file.

    Every method raises `CorruptStoreError` where what it reads was altered, `StoreFullError` when the disk is full
    (nothing is half-written) and `StoreBusyError` when another process holds the lock for over 30 s.
    """

    def __init__(
        self, path: Path | str, *, submitter: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Open the store at `path`, creating it when nothing is there.

        Args:
            path: the SQLite file.
            submitter: whose records these are. None takes the store's, "local" for a new one.
            clock: block time in seconds since the Unix epoch.

        Raises:
            CorruptStoreError: the file is damaged.
            ConfigurationError: the store belongs to another submitter.
        """
        self._ledger = Ledger(path, submitter, clock)

    @property
    def store_id(self) -> str:
        """Random id of the store, 32 hex digits; copies and imports keep it."""
        return self._ledger.store_id

    @property
    def contract(self) -> str:
        """`local:<store id>`, where an EVM client has the contract's address."""
        return f"local:{self.store_id}"

    @property
    def submitter(self) -> str:
        return self._ledger.submitter

    def record_id(self, hash_value: str | bytes) -> str:
        return self._ledger.record_id(parse_digest(hash_value))

    # -- records ---------------------------------------------------------------------------------------------------

    def store_hash(self, hash_value: str | bytes, metadata: Mapping[str, Any] | None = None) -> StoredHash:
        digest = parse_digest(hash_value)
        encode_metadata(metadata)  # the contract's limit holds here too
        text = canonical_metadata(metadata)
        ledger = self._ledger
        with ledger.writing():
            if ledger.find(digest) is not None:
                raise DuplicateRecordError(
                    f"digest {hex_digest(digest)} is recorded already as {ledger.record_id(digest)}; "
                    "a record is written once"
                )
            block = ledger.append({"kind": "anchor", "digest": hex_digest(digest), "metadata": parse(text)})
            row = Row(digest, block.number, 0, 0, text)
            ledger.put_records([row])
        return self._stored(row, block)

    def batch_store_hashes(
        self, items: Sequence[BatchItem], *, batch_metadata: Mapping[str, Any] | None = None
    ) -> list[StoredHash]:
        records = normalise_items(items)
        encode_metadata(batch_metadata)
        tree, nodes, encoding = build_tree(records)
        ledger = self._ledger
        with ledger.writing():
            block = ledger.append(
                {
                    "kind": "batch",
                    "root": hex_digest(tree.root),
                    "size": len(records),
                    "leafEncoding": list(encoding),
                    "metadata": dict(batch_metadata or {}),
                }
            )
            rows = [
                Row(digest, block.number, position, node, metadata)
                for position, ((digest, metadata), node) in enumerate(zip(records, nodes, strict=True))
            ]
            ledger.put_records(rows)
            ledger.put_tree(block.number, tree)
        return [self._stored(row, block, tree.inclusion(row.position, row.node, encoding)) for row in rows]

    def retrieve_hash(self, record_id: str) -> StoredHash:
        wanted = RecordId.parse(record_id)
        ledger = self._ledger
        if (wanted.scope, wanted.submitter, wanted.number) != (self.contract, self.submitter, None):
            raise UnknownRecordError(
                f"record {record_id} is not of this store; its ids start with {self.contract}/{self.submitter}/"
            )
        with ledger.snapshot():
            row = ledger.find(wanted.digest)
            if row is None:
                raise UnknownRecordError(f"no record {record_id} in {ledger.path}")
            block = ledger.block(row.block)
            content = block.content()
            if content.get("kind") == "anchor":
                if (content["digest"], content["metadata"]) != (hex_digest(row.digest), parse(row.metadata)):
                    raise ledger.damaged(f"the index entry of {record_id} is not what block {block.number} holds")
                return self._stored(row, block)
            if content.get("kind") != "batch":
                raise ledger.damaged(f"block {block.number}, which should hold {record_id}, holds no record")
            tree = ledger.tree(block.number)
            inclusion = tree.inclusion(row.position, row.node, content["leafEncoding"])
            if hex_digest(tree.root) != content["root"] or not inclusion.verifies(row.digest, parse(row.metadata)):
                raise ledger.damaged(f"record {record_id} was altered: it is not in the batch of block {block.number}")
            return self._stored(row, block, inclusion)

    def verify_hash(self, hash_value: str | bytes, record_id: str) -> bool:
        digest = parse_digest(hash_value)
        return self.retrieve_hash(record_id).digest == digest

    def verify_record(self, record: StoredHash) -> bool:
        try:
            return self.retrieve_hash(record.id) == record
        except (UnknownRecordError, InputError):
            return False

    def pending(self) -> list[StoredHash]:
        """Nothing ever waits here."""
        return []

    def failed(self) -> list[FailedRecord]:
        """Nothing ever fails here after it was accepted."""
        return []

    def reconcile(self) -> ReconcileReport:
        """Nothing to do."""
        return ReconcileReport()

    def records(self) -> list[StoredHash]:
        """All records, in the order they were written; each checked as by `retrieve_hash`."""
        with self._ledger.snapshot():
            number, _, _ = self._ledger.head()
            return [
                self.retrieve_hash(self._ledger.record_id(row.digest))
                for block in range(1, number + 1)
                for row in self._ledger.rows_of(block)
            ]

    def _stored(self, row: Row, block: Block, batch: Any = None) -> StoredHash:
        return StoredHash(
            id=self._ledger.record_id(row.digest),
            hash=hex_digest(row.digest),
            metadata=parse(row.metadata),
            status="confirmed",
            chain_id=0,
            contract=self.contract,
            submitter=self.submitter,
            timestamp=block.timestamp,
            block_number=block.number,
            transaction_hash="0x" + block.hash.hex(),
            batch=batch,
        )

    # -- the store as a whole --------------------------------------------------------------------------------------

    def head(self) -> tuple[int, bytes]:
        """Number and hash (32 bytes) of the last block: keep it elsewhere, and no rewrite of the file goes unseen."""
        number, digest, _ = self._ledger.head()
        return number, digest

    def check(self) -> None:
        """Replay every block and compare everything stored with it; O(file size).

        Raises:
            CorruptStoreError: naming the first block or record that was altered.
        """
        local_transfer.check(self._ledger)

    def export_json(self, path: Path | str) -> int:
        """Write the whole chain as JSON, checked before; the file appears complete or not at all.

        Returns:
            The number of blocks written.

        Raises:
            CorruptStoreError: the store is damaged; nothing is written.
            StoreFullError: the disk is full; nothing is written.
        """
        return local_transfer.export_json(self._ledger, Path(path))

    def import_json(self, path: Path | str) -> int:
        """Read an export: into a store without records, or on top of a shorter copy of the same history.

        Every block of the file is verified first, and all of it is taken or nothing.

        Returns:
            The number of blocks added.

        Raises:
            ProofFormatError: the file is no export.
            ProofInvalidError: its blocks do not form a valid chain; the message names the first bad one.
            StoreConflictError: this store holds another history.
        """
        return local_transfer.import_json(self._ledger, Path(path))

    def close(self) -> None:
        self._ledger.close()

    # -- runs ------------------------------------------------------------------------------------------------------

    def run_id(self, salt: bytes, manifest_digest: bytes) -> bytes:
        return local_run_id(self.submitter, parse_digest(salt), parse_digest(manifest_digest))

    def open_run(self, salt: bytes, manifest_digest: bytes) -> RunInfo:
        salt, manifest_digest = parse_digest(salt), parse_digest(manifest_digest)
        run = self.run_id(salt, manifest_digest)
        with self._ledger.writing():
            number = self._ledger.run_block(run)
            block = (
                self._ledger.append(
                    {
                        "kind": "run",
                        "run": hex_digest(run),
                        "salt": hex_digest(salt),
                        "manifest": hex_digest(manifest_digest),
                        "size": 0,
                        "root": hex_digest(EMPTY_ROOT),
                        "model": None,
                        "proof": [],
                    }
                )
                if number is None
                else self._ledger.block(number)
            )
            if number is None:
                self._ledger.put_run(run, block.number)
        if number is None:
            return RunInfo(run, self.submitter, salt, manifest_digest, "0x" + block.hash.hex(), block.number)
        return RunInfo(run, self.submitter, salt, manifest_digest)

    def extend_run(self, run: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> RunHead:
        root = parse_digest(new_root)
        if not 0 < new_size <= MAX_SIZE:
            raise InputError(f"a log of {new_size} entries cannot be recorded: sizes are 1 to 2**48 - 1")
        with self._ledger.writing():
            block, state = self._run(run)
            head = self._run_head(block, state)
            if (head.size, head.root) == (new_size, root):
                return head
            check_extension(head, new_size, root, proof)
            state.update(size=new_size, root=hex_digest(root), proof=[hex_digest(node) for node in proof])
            block = self._ledger.append(state)
            self._ledger.put_run(head.run, block.number)
        return self._run_head(block, state)

    def seal_run(self, run: bytes, model_digest: bytes) -> RunHead:
        model = parse_digest(model_digest)
        if not any(model):
            raise InputError("a run cannot be sealed with an all-zero model digest; zero means not sealed")
        with self._ledger.writing():
            block, state = self._run(run)
            head = self._run_head(block, state)
            if head.model_digest == model:
                return head
            refuse_sealed(head)
            refuse_empty(head)
            state.update(model=hex_digest(model), proof=[])
            block = self._ledger.append(state)
            self._ledger.put_run(head.run, block.number)
        return self._run_head(block, state)

    def run_head(self, run: bytes) -> RunHead:
        with self._ledger.snapshot():
            return self._run_head(*self._run(run))

    def run_history(self, run: bytes) -> list[RunHead]:
        """Every head the run ever had, oldest first; empty when there is no such run. Raises CorruptStoreError."""
        digest, heads = hex_digest(parse_digest(run)), []
        with self._ledger.snapshot():
            for block in self._ledger.blocks():
                state = block.content()
                if state.get("kind") == "run" and state.get("run") == digest:
                    heads.append(self._run_head(block, state))
        return heads

    def _run(self, run: bytes) -> tuple[Block, dict[str, Any]]:
        run = parse_digest(run)
        number = self._ledger.run_block(run)
        if number is None:
            raise UnknownRecordError(f"no run 0x{run.hex()} in {self._ledger.path}; open it first")
        block = self._ledger.block(number)
        state = block.content()
        if state.get("kind") != "run" or state.get("run") != hex_digest(run):
            raise self._ledger.damaged(f"block {number} should hold run {run.hex()}, but does not")
        return block, state

    def _run_head(self, block: Block, state: Mapping[str, Any]) -> RunHead:
        return RunHead(
            run=parse_digest(state["run"]),
            owner=self.submitter,
            size=int(state["size"]),
            root=parse_digest(state["root"]),
            updated_at=block.timestamp,
            model_digest=None if state["model"] is None else parse_digest(state["model"]),
            transaction_hash="0x" + block.hash.hex(),
            block_number=block.number,
        )


def local_run_id(submitter: str, salt: bytes, manifest_digest: bytes) -> bytes:
    """SHA-256 of tag, salt, manifest digest and submitter name (UTF-8): 32 bytes. Like the contract's id it commits to
    all three."""
    return hashlib.sha256(RUN_TAG + salt + manifest_digest + submitter.encode()).digest()
