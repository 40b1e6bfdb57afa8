"""What the ProofOfTraining contract says: anchors, batches, runs and the events they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from novacron.chain import ContractHandle, EndpointPool
from novacron.exceptions import InconsistentEndpointError, UnknownRecordError
from novacron.provenance.clients.model import RunHead


@dataclass(frozen=True, slots=True)
class Slot:
    """An anchor's storage slot: block time (seconds), block number, and size (1 for a plain anchor)."""

    timestamp: int
    block_number: int
    size: int


@dataclass(frozen=True, slots=True)
class AnchorEvent:
    """The event of an anchor: encoded metadata (b"" for none) and transaction hash (0x-prefixed)."""

    metadata: bytes
    transaction_hash: str


class ProofOfTraining:
    """Reads of one deployed ProofOfTraining contract."""

    def __init__(self, pool: EndpointPool, address: str) -> None:
        """A contract at `address` on the pool's chain.

        Raises:
            ConfigurationError: the address is malformed.
        """
        self.pool = pool
        self.handle = ContractHandle(pool, address, "ProofOfTraining")
        self.address = self.handle.address

    def block_number(self) -> int:
        """Number of the newest block."""
        return int(self.pool.request("eth_blockNumber", []), 16)

    def slots(self, submitter: str, digests: Sequence[bytes]) -> list[Slot | None]:
        """The slots of several digests of one submitter; None where nothing is anchored."""
        answers = self.handle.call_many([("anchorOf", submitter, digest) for digest in digests])
        return [Slot(*answer) if answer[2] else None for answer in answers]

    def slot(self, submitter: str, digest: bytes) -> Slot | None:
        """The slot of one digest."""
        return self.slots(submitter, [digest])[0]

    def anchor_event(self, submitter: str, digest: bytes, slot: Slot) -> AnchorEvent:
        """The event that an anchor left; the query covers the one block that the slot names.

        Raises:
            InconsistentEndpointError: the block has no such event, though the contract has the anchor.
        """
        names = ("BatchAnchored", "AnchoredWithMetadata", "Anchored")
        for name in names if slot.size > 1 else reversed(names):
            filters = {"submitter": submitter, "root" if name == "BatchAnchored" else "digest": digest}
            for event in self.handle.events(name, slot.block_number, slot.block_number, filters):
                return AnchorEvent(event.args.get("metadata", b""), str(event.transaction_hash))
        raise InconsistentEndpointError(
            f"{digest.hex()} of {submitter} is anchored in block {slot.block_number}, but that block has no such "
            "event; the endpoint keeps no logs that old, or it lies"
        )

    def verify_inclusion(self, submitter: str, root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
        """Whether the contract accepts a leaf as part of an anchored batch."""
        return bool(self.handle.call("verifyInclusion", submitter, root, leaf, list(proof)))

    def run_head(self, run: bytes) -> RunHead:
        """The head of a run.

        Raises:
            UnknownRecordError: no such run.
        """
        owner, size, root, updated_at, model = self.handle.call("headOf", run)
        if int(owner, 16) == 0:
            raise UnknownRecordError(f"no run 0x{run.hex()} in contract {self.address}; open it first")
        return RunHead(
            run=run,
            owner=str(owner),
            size=int(size),
            root=bytes(root),
            updated_at=int(updated_at),
            model_digest=bytes(model) if any(bytes(model)) else None,
        )
