"""Making proof files out of a run directory or a stored hash."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from novacron.exceptions import InputError, UnknownRecordError
from novacron.provenance.anchoring import WAITING, RunAnchor
from novacron.provenance.chain_view import ContractView, Rpc
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.model import StoredHash
from novacron.provenance.entries import LogEntry, rfc3339
from novacron.provenance.manifest import Manifest
from novacron.provenance.proof import AnchoredAt, AnchorProof, ChainReceipt, RunProof, generator
from novacron.provenance.rfc9162 import leaf_hash
from novacron.provenance.rundir import AnchoredHead, RunDirectory


def client_rpc(client: BlockchainClient | None) -> Rpc | None:
    """The endpoints behind a client, None for the embedded one."""
    pool = getattr(client, "pool", None)
    return pool if callable(getattr(pool, "request", None)) else None


def build_proof(store: RunDirectory, anchor: RunAnchor, index: int, created: str) -> RunProof:
    """The proof of the entry at `index` (negative: from the end) of a run directory.

    The newest anchored head is asked from the chain where it answers, else taken from the directory.

    Raises:
        InputError: no such entry.
        CorruptStoreError: the directory is damaged. RunConflictError: it is not the chain's history.
    """
    if isinstance(index, bool) or not isinstance(index, int):
        raise InputError(f"an entry is named by its index, not {index!r}")
    head = store.log.head()
    place = index + head.size if index < 0 else index
    if not 0 <= place < head.size:
        raise InputError(f"no entry {index} in {store.path}: the log has {head.size} entries, 0 to {head.size - 1}")
    entry, data = store.entry(place), store.log.entry(place)
    with contextlib.suppress(*WAITING):  # the proof then ends at the newest head this directory knows of
        anchor.head()
    known = anchor.newest()
    anchored = known if known is None or known.size <= head.size else None
    return RunProof(
        created=created,
        generator=generator(),
        entry=data,
        decoded=entry.to_dict(),
        index=place,
        leaf=leaf_hash(data),
        run_manifest=store.manifest,
        manifest=_manifest(store, entry),
        size=head.size,
        root=head.root,
        inclusion=tuple(store.log.inclusion_proof(place, head.size)),
        anchored=None if anchored is None else _anchored(store, anchored, place, head.size),
        chain=_receipt(store, anchor, anchored),
    )


def _manifest(store: RunDirectory, entry: LogEntry) -> Manifest | None:
    artifact = entry.checkpoint or entry.dataset
    return None if artifact is None or artifact.manifest is None else store.load_manifest(artifact.manifest)


def _anchored(store: RunDirectory, head: AnchoredHead, index: int, size: int) -> AnchoredAt:
    inclusion = tuple(store.log.inclusion_proof(index, head.size)) if index < head.size else None
    return AnchoredAt(head.size, head.root, tuple(store.log.consistency_proof(head.size, size)), inclusion)


def _receipt(store: RunDirectory, anchor: RunAnchor, head: AnchoredHead | None) -> ChainReceipt | None:
    binding = anchor.binding
    if binding is None or head is None:
        return None
    model = store.get("sealed_on_chain")
    return ChainReceipt(
        client=binding.kind,
        chain_id=binding.chain_id,
        contract=binding.contract,
        owner=binding.owner,
        run=binding.run,
        salt=store.salt,
        model=None if model is None else bytes.fromhex(model),
        updated_at=head.updated_at,
        transaction=head.transaction_hash,
        block_number=head.block_number,
        block_hash=_block_hash(anchor.client, binding.contract, head.transaction_hash),
    )


def _block_hash(client: BlockchainClient | None, contract: str, transaction: str | None) -> str | None:
    rpc = client_rpc(client)
    if transaction is None:
        return None
    if contract.startswith("local:"):
        return transaction  # the embedded chain has one transaction a block
    if rpc is None:
        return None
    try:
        receipt = ContractView(rpc, contract).receipt(transaction)
    except WAITING:
        return None
    return None if receipt is None else receipt.block_hash


def build_anchor_proof(record: StoredHash, client: BlockchainClient | None = None) -> AnchorProof:
    """The proof of one stored hash, of a batch or by itself. With a client, the block's hash is looked up too.

    Raises:
        InputError: the record is pending: reconcile first.
    """
    if record.status != "confirmed":
        raise InputError(f"record {record.id} is pending: run reconcile, then make its proof")
    chain = ChainReceipt(
        client="local" if record.contract.startswith("local:") else "web3",
        chain_id=record.chain_id,
        contract=record.contract,
        owner=record.submitter,
        updated_at=record.timestamp,
        transaction=record.transaction_hash,
        block_number=record.block_number,
        block_hash=_block_hash(client, record.contract, record.transaction_hash),
    )
    return AnchorProof(rfc3339(datetime.now(UTC)), generator(), record, chain)


def proof_of_record(client: BlockchainClient, record_id: str) -> AnchorProof:
    """The proof of the record with this id. Raises UnknownRecordError, InputError when it is pending."""
    record = client.retrieve_hash(record_id)
    if record.id != record_id:
        raise UnknownRecordError(f"the client answered {record.id} for {record_id}")
    return build_anchor_proof(record, client)
