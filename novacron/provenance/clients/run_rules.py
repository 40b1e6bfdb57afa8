"""The contract's rules for runs, checked by every client before anything is written or paid for."""

from __future__ import annotations

from collections.abc import Sequence

from novacron.exceptions import InputError, ProofInvalidError, RunConflictError, SealedRunError
from novacron.provenance.clients.model import RunHead
from novacron.provenance.rfc9162 import verify_consistency

MAX_SIZE = 2**48 - 1  # entries of one log


def refuse_sealed(head: RunHead) -> None:
    """Raise SealedRunError for a sealed run."""
    if head.model_digest is not None:
        raise SealedRunError(
            f"run 0x{head.run.hex()} is sealed with model digest {head.model_digest.hex()} at size {head.size}; "
            "open another run"
        )


def refuse_empty(head: RunHead) -> None:
    """Raise InputError for a run without entries."""
    if head.size == 0:
        raise InputError(f"run 0x{head.run.hex()} holds no entries; extend it before sealing it")


def check_extension(head: RunHead, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """The contract's rules for extending a run, checked before paying for the transaction.

    Raises:
        SealedRunError, RunConflictError, ProofInvalidError: as `BlockchainClient.extend_run`.
    """
    name = f"run 0x{head.run.hex()}"
    refuse_sealed(head)
    if new_size == head.size:
        raise RunConflictError(
            f"{name}: the chain holds root {head.root.hex()} at size {new_size}, not {new_root.hex()}: "
            "two histories of one run"
        )
    if new_size < head.size:
        raise RunConflictError(
            f"{name}: the chain's head is at size {head.size}, ahead of {new_size}; a log cannot shrink: "
            "read run_head and continue from there"
        )
    if not verify_consistency(head.size, head.root, new_size, new_root, list(proof)):
        raise ProofInvalidError(
            f"{name}: the consistency proof does not lead from size {head.size} to size {new_size}: "
            "the log was forked, or the proof is for other sizes"
        )
