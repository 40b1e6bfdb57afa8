"""What the ProofOfTraining contract says: anchors, batches, runs and the events they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from novacron.chain import ContractHandle, EndpointPool
from novacron.exceptions import InconsistentEndpointError, UnknownRecordError
from novacron.provenance.clients.model import RunHead

_NEAR = 1_000  # blocks: close enough to ask for logs
_BEFORE_SEAL = 50_000  # blocks searched before a seal: a week of Ethereum


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

    def extension(self, head: RunHead) -> tuple[str, int] | None:
        """Transaction hash (0x-prefixed) and block number of the extension that made `head`, None when none is found.

        The head's time leads to its block, so that few logs are searched however long the chain is. A seal has moved
        that time on; then the 50,000 blocks before the seal are searched.

        Raises:
            ChainError: the endpoints do not answer, or keep no logs.
        """
        first, last = self._around(head.updated_at)
        if head.model_digest is not None:
            first = max(0, first - _BEFORE_SEAL)
        for event in self.handle.events("RunExtended", first, last, {"run": head.run, "newSize": head.size}):
            if bytes(event.args["newRoot"]) == head.root and event.transaction_hash and event.block_number is not None:
                return event.transaction_hash, event.block_number
        return None

    def _around(self, time: int) -> tuple[int, int]:
        """A range of at most 2,001 blocks (else the whole chain is shorter) that holds every block of this time.

        `time` is in seconds. Chains with several blocks a second are covered up to 1,000 blocks of one time.
        """
        low, high = 0, self.block_number()
        while high - low > _NEAR:
            middle = (low + high) // 2
            block = self.pool.request("eth_getBlockByNumber", [hex(middle), False])
            try:
                found = int(block["timestamp"], 16)
            except (KeyError, TypeError, ValueError) as error:
                raise InconsistentEndpointError(f"an endpoint gives block {middle} no time: {error!r}") from error
            if found == time:
                return max(low, middle - _NEAR), min(high, middle + _NEAR)
            low, high = (middle, high) if found < time else (low, middle)
        return low, high
