"""The checks of a proof that need the embedded store, and what both kinds of store have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from novacron.exceptions import NovaCronError, ProofError, UnknownRecordError
from novacron.provenance.anchoring import client_scope
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.model import RunHead
from novacron.provenance.entries import LogEntry
from novacron.provenance.proof import AnchorProof, ChainReceipt, RunProof
from novacron.provenance.report import CheckList

LOCAL_RUN_CHECKS = ("contract", "run on chain", "seal")
LOCAL_ANCHOR_CHECKS = ("contract", "anchor on chain", "metadata")


def skip(checks: CheckList, names: Sequence[str], reason: str) -> None:
    """Note that none of these checks was made."""
    for name in names:
        checks.skipped(name, reason)


def check_run_in_store(
    checks: CheckList, proof: RunProof, chain: ChainReceipt, client: BlockchainClient | None
) -> None:
    """Whether the embedded store holds, or held, the anchored head."""
    _guarded(checks, LOCAL_RUN_CHECKS, client, lambda known: _local_run(checks, proof, chain, known))


def check_anchor_in_store(checks: CheckList, proof: AnchorProof, client: BlockchainClient | None) -> None:
    """Whether the embedded store holds the record."""
    _guarded(checks, LOCAL_ANCHOR_CHECKS, client, lambda known: _local_anchor(checks, proof, known))


def decide_seal(checks: CheckList, proof: RunProof, found: bytes | None, claimed: bytes | None) -> None:
    """Compare the chain's seal (None: not sealed) with the seal that the proof claims and with a seal entry."""
    name, shown = "seal", "no model" if found is None else f"model {found.hex()}"
    if claimed is not None and found != claimed:
        checks.failed(name, f"the run is sealed with {shown}, the proof says {claimed.hex()}")
        return
    try:
        entry = LogEntry.from_bytes(proof.entry)
    except ProofError:
        checks.skipped(name, "the entry cannot be read")
        return
    if entry.type != "seal":
        if claimed is not None:
            checks.passed(name, f"the run is sealed with {shown}")
        else:
            state = "not sealed" if found is None else f"sealed since, with {shown}"
            checks.passed(name, f"the proof claims no seal; the run is {state}")
    elif found is None:
        checks.skipped(name, "the entry seals the run, but the chain does not hold the seal yet")
    else:
        digest = None if entry.checkpoint is None else entry.checkpoint.digest
        checks.decide(
            name,
            digest == found,
            f"the run is sealed with {shown}, as the entry says",
            f"the run is sealed with {shown}, the seal entry says {digest.hex() if digest else 'none'}",
        )


def _guarded(
    checks: CheckList,
    names: Sequence[str],
    client: BlockchainClient | None,
    look: Callable[[BlockchainClient], None],
) -> None:
    if client is None:
        skip(checks, names, "that the store holds it: no client for the embedded store given")
        return
    try:
        look(client)
    except NovaCronError as error:
        done = {check.name for check in checks.checks}
        left = [name for name in names if name not in done]
        checks.failed(left[0] if left else names[-1], str(error))
        skip(checks, left[1:], f"not reached: {left[0]!r} failed" if left else "")


def _same_store(checks: CheckList, contract: str, client: BlockchainClient, names: Sequence[str]) -> bool:
    scope = client_scope(client)
    if not checks.decide(
        "contract",
        scope == contract,
        f"the proof is of this store, {contract}",
        f"the client serves {scope}, the proof is of {contract}",
    ):
        skip(checks, names[1:], "not reached: 'contract' failed")
        return False
    return True


def _local_run(checks: CheckList, proof: RunProof, chain: ChainReceipt, client: BlockchainClient) -> None:
    assert proof.anchored is not None  # check_run_on_chain has looked
    assert chain.run is not None
    if not _same_store(checks, chain.contract, client, LOCAL_RUN_CHECKS):
        return
    name, anchored = "run on chain", proof.anchored
    try:
        head = client.run_head(chain.run)
    except UnknownRecordError as error:
        checks.failed(name, str(error))
        skip(checks, ("seal",), f"not reached: {name!r} failed")
        return
    wanted = (anchored.size, anchored.root, chain.owner)
    history: Iterable[RunHead] = [head]
    if head.size > anchored.size and isinstance(client, LocalBlockchainClient):
        history = client.run_history(chain.run)
    grown = "" if head.size == anchored.size else f"; it has grown to {head.size} entries since"
    good = checks.decide(
        name,
        any((known.size, known.root, known.owner) == wanted for known in history),
        f"the store holds this head of {chain.owner}: {anchored.size} entries, root {anchored.root.hex()}{grown}",
        f"the store has no head of {anchored.size} entries with root {anchored.root.hex()} of {chain.owner}; its "
        f"newest is of {head.size} with root {head.root.hex()} of {head.owner}",
    )
    checks.attested = good and checks.has_passed("anchored entry")
    decide_seal(checks, proof, head.model_digest, chain.model)


def _local_anchor(checks: CheckList, proof: AnchorProof, client: BlockchainClient) -> None:
    if _same_store(checks, proof.chain.contract, client, LOCAL_ANCHOR_CHECKS):
        checks.attested = checks.decide(
            "anchor on chain",
            client.verify_record(proof.record),
            f"the store holds the record since block {proof.record.block_number}",
            "the store does not hold this record",
        )
        if checks.attested:
            checks.passed("metadata", "as in the store")
        else:
            checks.skipped("metadata", "not reached: 'anchor on chain' failed")
