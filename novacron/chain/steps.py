"""How a key gets from one journal state to the next. Used through `novacron.chain.transactions`.

Each step writes down what it is about to do before it does it, and can be repeated by whoever comes next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from novacron.chain.endpoints import EndpointPool
from novacron.chain.entries import Attempt, Entry, Intent, Signed, State
from novacron.chain.errors import ErrorDecoder, ErrorKind, classify, kind_of, package_errors
from novacron.chain.fees import FeePolicy, FeeQuote
from novacron.chain.journal import Journal
from novacron.chain.preflight import MIN_GAS, preflight, revert_of
from novacron.chain.receipts import (
    Observation,
    TransactionReceipt,
    agreed,
    observe,
    spent_elsewhere,
    transaction_counts,
)
from novacron.chain.signer import Signer
from novacron.exceptions import (
    ConfigurationError,
    ConfirmationTimeoutError,
    FeeCapError,
    NonceError,
    NovaCronError,
    RejectedError,
    RetryableError,
)

log = logging.getLogger(__name__)

#: Called with (step, key) right after a step took effect: intent, signed, broadcast, sent, mined.
StepObserver = Callable[[str, str], None]


class TransactionSteps:
    """The state machine behind TransactionManager; see there for the arguments."""

    def __init__(
        self,
        pool: EndpointPool,
        signer: Signer,
        journal: Journal,
        fees: FeePolicy | None = None,
        *,
        confirmations: int = 1,
        poll_interval: float = 2.0,
        stuck_after: float = 120.0,
        timeout: float = 600.0,
        quorum: int = 1,
        gas_margin: int = 20,
        decoder: ErrorDecoder | None = None,
        on_step: StepObserver | None = None,
    ) -> None:
        if confirmations < 1 or quorum < 1 or gas_margin < 0 or poll_interval <= 0 or stuck_after <= 0 or timeout <= 0:
            raise ConfigurationError("confirmations and quorum must be at least 1, times positive, margin not negative")
        self.pool, self.signer, self.journal = pool, signer, journal
        self.fees = fees if fees is not None else FeePolicy()
        self.confirmations, self.quorum = confirmations, quorum
        self._poll_interval, self._stuck_after, self._timeout = poll_interval, stuck_after, timeout
        self._margin, self._decoder = gas_margin, decoder
        self._on_step = on_step

    @property
    def address(self) -> str:
        """The account that pays and signs."""
        return self.signer.address

    # -- steps -------------------------------------------------------------------------------------------------------

    def _advance(self, entry: Entry) -> Entry:
        """Sign if unsigned, broadcast if not accepted yet."""
        if entry.settled:
            return entry
        if entry.unsigned:
            entry = self._sign(entry)
            self._step("signed", entry.key)
        if not entry.settled and entry.live[-1].sent_at is None:
            entry = self._broadcast(entry)
        return entry

    def _sign(self, entry: Entry) -> Entry:
        intent = entry.intent
        spent_below: int | None = None
        try:
            if entry.attempts:
                entry, spent_below = self._look_back(entry)
                if not entry.unsigned:
                    return entry
            following = self.journal.next_nonce(intent.chain_id, intent.sender)
            floor = transaction_counts(self.pool, intent.sender, following)
            in_flight = following is not None and bool(self.journal.unfinished(intent.chain_id, intent.sender))
            ready = preflight(
                self.pool, intent, self.fees, margin=self._margin, pending=in_flight, decoder=self._decoder
            )
            return self.journal.sign(
                intent,
                floor=floor,
                gas=ready.gas,
                build=lambda nonce: self._signed(intent, nonce, ready.gas, ready.fees),
                spent_below=spent_below,
            )
        except NovaCronError:
            self.journal.withdraw(intent.key)  # nothing was signed: nothing stays behind
            raise

    def _look_back(self, entry: Entry) -> tuple[Entry, int]:
        """Settle a signed key whose receipt is final; sends nothing. Returns the entry and the account's count.

        Nodes may refuse and lie, so this comes before a key is signed again and before it is given up.

        Raises:
            ConfirmationTimeoutError: it is mined, not yet finally.
            RetryableError: one of its nonces is spent, and it is not clear yet by what.
        """
        seen = self.pool.on_one(lambda reader: observe(reader, entry))
        if seen.receipt is not None:
            trouble: str | None = f"{seen.depth} of {self.confirmations} confirmations"
            if seen.depth >= self.confirmations:
                trouble = agreed(self.pool, entry, seen, self.quorum)
            if trouble is not None:
                raise ConfirmationTimeoutError(f"transaction {entry.key!r} was mined, but is not final yet: {trouble}")
            return self._settle(entry, seen.receipt, seen.count), seen.count
        if (holder := self._shown_by(entry)) is not None:
            raise RetryableError(f"{holder} has a receipt of transaction {entry.key!r}, {seen.source} has none yet")
        for nonce in sorted({attempt.nonce for attempt in entry.attempts if attempt.nonce < seen.count}):
            if (
                not self._spent_on_ours(entry, nonce)
                and spent_elsewhere(self.pool, entry, nonce, self.confirmations) is None
            ):
                raise RetryableError(
                    f"nonce {nonce}, once given to transaction {entry.key!r}, is used and it is not clear yet by what"
                )
        return entry, seen.count

    def _spent_on_ours(self, entry: Entry, nonce: int) -> bool:
        """Whether the journal has another key's final receipt for a nonce."""
        owner = self.journal.owner_of(entry.intent.chain_id, entry.intent.sender, nonce)
        if owner is None or owner == entry.key:
            return False
        other = self.journal.require(owner)
        return other.settled and TransactionReceipt.of(other).nonce == nonce

    def _signed(self, intent: Intent, nonce: int, gas: int, fees: FeeQuote, *, cancels: bool = False) -> Signed:
        tx: dict[str, Any] = {"chainId": intent.chain_id, "nonce": nonce, **fees.fields()}
        if cancels:
            tx |= {"to": intent.sender, "value": 0, "data": b"", "gas": MIN_GAS}
        else:
            tx |= {"value": intent.value, "data": intent.data, "gas": gas}
            tx |= {} if intent.to is None else {"to": intent.to}
        return Signed(self.signer.sign_transaction(tx), fees, cancels)

    def _broadcast(self, entry: Entry, *, raises: bool = True) -> Entry:
        """Send the newest attempt. A definite first refusal gives the nonce back where that is safe."""
        for _ in range(3):
            attempt = entry.live[-1]
            if not self.journal.expose(entry.key, attempt):
                entry = self.journal.require(entry.key)
                if entry.settled:
                    return entry
                raise RetryableError(f"transaction {entry.key!r} was moved on by somebody else; wait for it again")
            delivery = self.pool.broadcast(attempt.raw)
            if delivery.failure is not None and not delivery.doubtful:  # nobody was reached
                self.journal.refused(entry.key, attempt)
            answer = delivery.get()
            self._step("broadcast", entry.key)
            kind = None if "result" in answer else kind_of(answer["error"])
            if kind is None or kind is ErrorKind.ALREADY_KNOWN:
                self.journal.mark_sent(entry.key, attempt.number)
                self._step("sent", entry.key)
                return self.journal.require(entry.key)
            if not delivery.doubtful:
                self.journal.refused(entry.key, attempt)
            if kind in (ErrorKind.NONCE_TOO_LOW, ErrorKind.REPLACEMENT_UNDERPRICED):
                return self._nonce_taken(entry, kind)
            if kind is not ErrorKind.UNDERPRICED:
                break
            entry = self._replace(entry)  # the base fee has moved since it was signed; same nonce, so no risk
        error = classify(answer["error"], decoder=self._decoder, context=f"transaction {entry.key!r}")
        if isinstance(error, RetryableError) or not raises:
            raise error if isinstance(error, RetryableError) else RetryableError(str(error))
        if not self.journal.release(entry.key, str(error)):
            raise RetryableError(
                f"{error}; it keeps nonce {attempt.nonce}, because it may have reached another node or because later "
                "transactions follow it: wait for the same key again, or cancel it"
            )
        raise error

    def _nonce_taken(self, entry: Entry, kind: ErrorKind) -> Entry:
        """Nonce too low, or held by another pending transaction: ours is mined, or somebody else's is."""
        seen = self.pool.on_one(lambda reader: observe(reader, entry))
        if seen.receipt is not None or seen.pending:
            self.journal.mark_sent(entry.key, entry.live[-1].number)
            self._step("sent", entry.key)
            return self.journal.require(entry.key)
        if kind is ErrorKind.REPLACEMENT_UNDERPRICED or seen.count > entry.live[-1].nonce:
            return entry  # `wait` finds out who has it, and signs again when that is final
        raise NonceError(
            f"the node refuses nonce {entry.nonce} of {self.address} as used, but counts only {seen.count} "
            f"transactions; transaction {entry.key!r} stays in the journal, wait for it again"
        )

    def _react(self, entry: Entry, seen: Observation) -> tuple[Entry, str]:
        """One look at the chain: settle, wait, rebroadcast, sign again or replace. Returns the entry and what is up."""
        if seen.receipt is not None:
            if seen.depth < self.confirmations:
                return entry, f"{seen.depth} of {self.confirmations} confirmations"
            objection = agreed(self.pool, entry, seen, self.quorum)
            return (self._settle(entry, seen.receipt, seen.count), "") if objection is None else (entry, objection)
        attempt = entry.live[-1]
        if seen.count > attempt.nonce:
            return self._find_out(entry, attempt)
        if not seen.pending:
            return self._broadcast(entry, raises=False), "it was broadcast again"
        if seen.count < attempt.nonce:
            return entry, self._push_lower(entry, seen.count, attempt)
        if self._is_stuck(attempt):
            return self._bump(entry), "it is stuck"
        return entry, "pending"

    def _find_out(self, entry: Entry, attempt: Attempt) -> tuple[Entry, str]:
        """The nonce is spent: on one of ours that this endpoint does not show yet, or on a foreign transaction."""
        if (holder := self._shown_by(entry)) is not None:
            return entry, f"{holder} has the receipt, others follow"
        taker = spent_elsewhere(self.pool, entry, attempt.nonce, self.confirmations)
        if taker is None:
            return entry, "its nonce is used, the receipt is not there yet"
        log.warning("nonce %d of %s was used by %s; signing %r again", attempt.nonce, self.address, taker, entry.key)
        gas = entry.intent.gas or MIN_GAS
        fees = self.fees.quote(self.pool)
        floor = transaction_counts(self.pool, self.address, None)
        entry = self.journal.sign_again(
            entry.key,
            spent=attempt.nonce,
            floor=floor,
            build=lambda nonce: self._signed(entry.intent, nonce, gas, fees, cancels=attempt.cancels),
        )
        self._step("signed", entry.key)
        return self._broadcast(entry, raises=False), f"its nonce was used by {taker}"

    def _shown_by(self, entry: Entry) -> str | None:
        """An endpoint that has a receipt of the entry, of several: one may be behind."""
        views = self.pool.each(lambda reader: observe(reader, entry)) if len(self.pool) > 1 else []
        shown = (view for _, view in views if isinstance(view, Observation) and view.receipt is not None)
        return next((view.source for view in shown), None)

    def _push_lower(self, entry: Entry, count: int, attempt: Attempt) -> str:
        """Transactions of ours with lower nonces come first: see that they move."""
        lower = self.journal.unfinished(entry.intent.chain_id, self.address, below=attempt.nonce)
        if time.time() - attempt.signed_at > min(self._stuck_after, 2.0):
            for other in lower:
                seen = self.pool.on_one(lambda reader, now=other: observe(reader, now))  # type: ignore[misc]
                if seen.receipt is None and seen.count <= other.live[-1].nonce:
                    if not seen.pending:
                        self._broadcast(other, raises=False)
                    elif self._is_stuck(other.live[-1]) and seen.count == other.live[-1].nonce:
                        self._bump(other)
        known = {other.nonce for other in lower}
        missing = [nonce for nonce in range(count, attempt.nonce) if nonce not in known]
        if missing:
            return f"nonce {missing[0]} comes first, and no transaction in this journal has it"
        return f"it waits for nonce {count}"

    def _is_stuck(self, attempt: Attempt) -> bool:
        return attempt.sent_at is not None and time.time() - attempt.sent_at > self._stuck_after

    def _bump(self, entry: Entry) -> Entry:
        try:
            return self._broadcast(self._replace(entry), raises=False)
        except FeeCapError as error:
            raise RetryableError(str(error)) from None

    def _replace(self, entry: Entry, *, cancels: bool | None = None) -> Entry:
        """Sign another version with the same nonce and at least 12.5 % higher fees."""
        last = entry.live[-1]
        try:
            now = self.fees.quote(self.pool)
        except FeeCapError:
            now = None
        fees = self.fees.raised(last.fees, now)
        cancelling = last.cancels if cancels is None else cancels
        gas = entry.intent.gas or MIN_GAS
        log.info("replacing transaction %r (nonce %d) at %d wei per gas", entry.key, last.nonce, fees.max_fee_per_gas)
        entry = self.journal.add_attempt(
            entry.key,
            after=len(entry.attempts),
            build=lambda nonce: self._signed(entry.intent, nonce, gas, fees, cancels=cancelling),
        )
        self._step("signed", entry.key)
        return entry

    # -- ends --------------------------------------------------------------------------------------------------------

    def _settle(self, entry: Entry, receipt: dict[str, Any], count: int) -> Entry:
        mined = self._attempt_of(entry, receipt)
        state: State
        text: str | None
        if mined.cancels:
            state, text = "replaced", "cancelled: its nonce was spent on a transfer of 0 to its own account"
        elif int(receipt["status"], 16) == 1:
            state, text = "mined", None
        else:
            data = revert_of(self.pool, entry.intent, receipt)
            state, text = "failed", None
            receipt = {**receipt, "revertData": "0x" + data.hex()}
        settled = self.journal.settle(
            entry.key, state, receipt, nonce=mined.nonce, rebuild=self._moved, floor=count, error=text
        )
        self._step("mined", entry.key)
        return settled

    def _moved(self, other: Entry, nonce: int) -> Signed:
        """A key signed for a new nonce at the price it had; `_broadcast` raises that where it has become too low."""
        last = other.live[-1]
        return self._signed(other.intent, nonce, other.intent.gas or MIN_GAS, last.fees, cancels=last.cancels)

    def _result(self, entry: Entry) -> TransactionReceipt:
        receipt = TransactionReceipt.of(entry)
        if entry.state == "mined":
            return receipt
        if entry.state == "replaced":
            raise RejectedError(f"transaction {entry.key!r} was {entry.error}")
        assert entry.receipt is not None
        data = bytes.fromhex(entry.receipt.get("revertData", "0x")[2:])
        context = f"transaction {entry.key!r} ({receipt.hash}) was mined in block {receipt.block_number} and"
        if not data and entry.intent.gas is not None and receipt.gas_used >= entry.intent.gas:
            context += f" used all of its {receipt.gas_used} gas:"
        known = package_errors() if self._decoder is None else self._decoder.merged(package_errors())
        raise known.error(data, context=context, transaction_hash=receipt.hash)

    @staticmethod
    def _attempt_of(entry: Entry, receipt: dict[str, Any]) -> Attempt:
        return next(a for a in entry.attempts if a.hash == receipt["transactionHash"].lower())

    def _is_unsigned(self, key: str) -> bool:
        entry = self.journal.get(key)
        return entry is None or entry.unsigned

    def _step(self, name: str, key: str) -> None:
        if self._on_step is not None:
            self._on_step(name, key)
