"""From the outbox to the chain: each group becomes one transaction, whatever dies in between.

The order of steps is what makes it exactly once:

1. the group (its records, its idempotency key) is in the outbox;
2. where the journal does not know the key yet, the contract is asked whether a digest is anchored already;
3. `TransactionManager` stores the signed bytes under the key before it broadcasts them, so a repetition sends the same
   transaction;
4. the group is confirmed when the receipt has its depth and the contract's slot agrees.

A crash after any step leaves the group open, and the next call enters at step 2. A group is marked failed only when
its transaction was refused definitely and no signed attempt of it has a receipt; `revisit` looks again later.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from novacron.chain import Journal, TransactionManager, TransactionReceipt
from novacron.exceptions import (
    ChainError,
    FeeCapError,
    InconsistentEndpointError,
    InsufficientFundsError,
    NonceError,
    RejectedError,
    RetryableError,
    RevertedError,
    SigningKeyError,
)
from novacron.provenance.clients.groups import Group, OutboxRecord
from novacron.provenance.clients.onchain import ProofOfTraining, Slot
from novacron.provenance.clients.outbox import GroupReleased, Outbox
from novacron.provenance.clients.tree import parse
from novacron.provenance.metadata import decode_metadata, encode_metadata

log = logging.getLogger(__name__)

#: Most digests of one `anchorMany`: 64 new slots are about 1.6 million gas.
MANY_LIMIT = 64

#: Refusals that pass without the record being wrong: it stays pending, the caller is told.
BLOCKING = (InsufficientFundsError, FeeCapError, NonceError)

#: No usable answer: the record waits for a better hour or a better endpoint.
UNANSWERED = (RetryableError, InconsistentEndpointError)

_ALREADY = "Anchors_AlreadyAnchored"
_PAUSED = "Records_Paused"


@dataclass
class Outcome:
    """What a reconciliation changed."""

    confirmed: list[Group] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Dispatcher:
    """Delivers the groups of one outbox through one transaction manager."""

    def __init__(
        self,
        outbox: Outbox,
        manager: TransactionManager,
        journal: Journal,
        contract: ProofOfTraining,
        submitter: str,
        confirmations: int,
        timeout: float,
    ) -> None:
        self.outbox, self.manager, self.journal = outbox, manager, journal
        self.contract, self.submitter = contract, submitter
        self.confirmations, self.timeout = confirmations, timeout
        self._outcome: Outcome | None = None  # set on the copy that reconciles

    # -- one group -------------------------------------------------------------------------------------------------

    def deliver(self, group: Group) -> None:
        """Send one group and wait for it.

        Raises:
            RetryableError, InconsistentEndpointError: it stays open.
            InsufficientFundsError, FeeCapError, NonceError: it stays open until the cause is mended.
            RejectedError, RevertedError: it is marked failed.
        """
        if not self._guarded(group, self.submit):
            self._guarded(group, self.finish)

    def submit(self, group: Group) -> bool:
        """Steps 2 and 3; True when the group was settled without sending."""
        self.contract.handle.require_code()  # a transaction to an empty address would succeed and do nothing
        key = self.outbox.key(group)
        entry = self.journal.get(key)
        if entry is None or entry.unsigned:
            words = self.words(group)
            slots = self.contract.slots(self.submitter, words) if words else []
            if any(slots):
                self._resolve(group, slots)
                return True
        self.manager.submit(key, to=self.contract.address, data=self.calldata(group))
        return False

    def finish(self, group: Group) -> bool:
        """Step 4."""
        receipt = self.manager.wait(self.outbox.key(group), timeout=self.timeout)
        self.settle(group, receipt)
        return True

    def settle(self, group: Group, receipt: TransactionReceipt) -> None:
        """Confirm a group whose transaction is mined."""
        slot = self.contract.slot(self.submitter, self.words(group)[0])
        if slot is None:
            raise RetryableError(
                f"transaction {receipt.hash} is mined, but the endpoint does not show its anchor yet; reconcile later"
            )
        self._confirm(group, receipt.block_number, slot.timestamp, receipt.hash)

    def words(self, group: Group) -> list[bytes]:
        """What the contract holds once the group is anchored: its digests, or its root."""
        if group.kind == "many":
            return [record.digest for record in self.outbox.records_of(group)]
        return [group.word]

    def calldata(self, group: Group) -> bytes:
        """The call that anchors the group."""
        encode = self.contract.handle.encode
        if group.kind == "batch":
            return encode("anchorBatch", group.word, group.size, encode_metadata(parse(group.metadata)))
        records = self.outbox.records_of(group)
        if group.kind == "many":
            return encode("anchorMany", [record.digest for record in records])
        metadata = encode_metadata(parse(records[0].metadata))
        if not metadata:
            return encode("anchor(bytes32)", group.word)
        return encode("anchor(bytes32,bytes)", group.word, metadata)

    def plan(self, records: Sequence[OutboxRecord]) -> Iterator[Sequence[OutboxRecord]]:
        """How queued records are grouped: those without metadata by `MANY_LIMIT`, the others one by one."""
        plain = [record for record in records if not record.metadata]
        for start in range(0, len(plain), MANY_LIMIT):
            yield plain[start : start + MANY_LIMIT]
        for record in records:
            if record.metadata:
                yield [record]

    def _guarded(self, group: Group, step: Callable[[Group], bool]) -> bool:
        try:
            return self._taken(group, step)
        except GroupReleased:  # by a process that found some of it anchored while this one was about to send or settle
            return True

    def _taken(self, group: Group, step: Callable[[Group], bool]) -> bool:
        try:
            return step(group)
        except RevertedError as error:
            if error.name == _ALREADY:
                slots = self.contract.slots(self.submitter, self.words(group))
                if not any(slots):
                    raise RetryableError(f"endpoints disagree whether group {group.id} is anchored: {error}") from error
                self._resolve(group, slots)
                return True
            if error.name != _PAUSED or error.transaction_hash is not None:
                if self.revisit(group):
                    return True
                self._fail(group, str(error))
            raise
        except BLOCKING:
            raise
        except RejectedError as error:
            if self.revisit(group):
                return True
            self._fail(group, str(error))
            raise

    # -- what was refused ------------------------------------------------------------------------------------------

    def revisit(self, group: Group) -> bool:
        """Confirm a refused group whose transaction was mined all the same; True when that was so. Sends nothing.

        A node may refuse a transaction that another one has accepted, so that every attempt signed for the group
        counts: before it is marked failed, when its records are stored again, and when the outbox is reconciled.

        Raises:
            RetryableError, InconsistentEndpointError: it cannot be told at the moment.
        """
        key = self.outbox.key(group)
        if not self.manager.look_back(key) or self.journal.require(key).state != "mined":
            return False
        return self.finish(group)

    def resumable(self, group: Group) -> bool:
        """Whether something was signed for the group that the chain has not decided: only its own key may send it."""
        entry = self.journal.get(self.outbox.key(group))
        return entry is not None and bool(entry.attempts) and not entry.settled

    # -- what is anchored already ----------------------------------------------------------------------------------

    def _resolve(self, group: Group, slots: Sequence[Slot | None]) -> None:
        """Settle a group of which the contract holds something already."""
        if group.kind != "many":
            self._adopt(group, slots[0])
            return
        records = self.outbox.records_of(group)
        self.outbox.release(group)  # anchorMany would revert as a whole: the others leave in a new group
        for record, slot in zip(records, slots, strict=True):
            if slot is not None and (single := self.outbox.claim([record])) is not None:
                self._adopt(single, slot)

    def _adopt(self, group: Group, slot: Slot | None) -> None:
        """Confirm from the contract alone, once deep enough and only if it holds what we meant to write."""
        if slot is None:
            raise RetryableError(f"group {group.id} is not anchored at this endpoint yet; reconcile later")
        depth = self.contract.block_number() - slot.block_number + 1
        if depth < self.confirmations:
            raise RetryableError(
                f"0x{group.word.hex()} is in block {slot.block_number}, {depth} of {self.confirmations} confirmations"
            )
        event = self.contract.anchor_event(self.submitter, group.word, slot)
        if group.kind == "batch":
            wanted, size = parse(group.metadata), group.size
        else:
            wanted, size = parse(self.outbox.records_of(group)[0].metadata), 1
        if (decode_metadata(event.metadata), slot.size) != (wanted, size):
            self._fail(
                group, f"0x{group.word.hex()} was anchored in block {slot.block_number} with other metadata or size"
            )
            return
        self._confirm(group, slot.block_number, slot.timestamp, event.transaction_hash)

    def _confirm(
        self, group: Group, block_number: int, timestamp: int, transaction_hash: str, number: int | None = None
    ) -> None:
        settled, changed = self.outbox.confirm(group, block_number, timestamp, transaction_hash, number)
        if changed and self._outcome is not None:
            self._outcome.confirmed.append(settled)

    def _fail(self, group: Group, reason: str) -> None:
        if self.outbox.fail(group, reason):
            log.warning("group %d is refused: %s", group.id, reason)

    # -- everything ------------------------------------------------------------------------------------------------

    def reconcile(self) -> Outcome:
        """Deliver everything queued or open. Sends all transactions first, then waits for each."""
        worker, outcome = copy.copy(self), Outcome()  # threads may reconcile at once: each notes its own changes
        worker._outcome = outcome
        worker._deliver_all(outcome)
        return outcome

    def _deliver_all(self, outcome: Outcome) -> None:
        settled: set[int] = set()  # or given up for now
        try:
            self.contract.block_number()  # no new groups while nothing answers
            for group in self.outbox.failed_groups():
                try:
                    self.revisit(group)
                except ChainError as error:  # concerns this group only
                    outcome.errors.append(str(error))
            while True:
                for records in self.plan(self.outbox.queued()):
                    self.outbox.claim(records)
                groups = [group for group in self.outbox.open_groups() if group.id not in settled]
                if not groups:
                    return
                for step in (self.submit, self.finish):
                    for group in groups:
                        if group.id not in settled and self._attempt(group, step, outcome):
                            settled.add(group.id)
        except ChainError as error:  # no endpoint answers, or every one serves another chain
            outcome.errors.append(str(error))

    def _attempt(self, group: Group, step: Callable[[Group], bool], outcome: Outcome) -> bool:
        """One step of one group; a refusal concerns this group only, an unreachable chain all of them."""
        try:
            return self._guarded(group, step)
        except UNANSWERED:
            raise
        except (ChainError, SigningKeyError) as error:
            outcome.errors.append(str(error))
            return True
