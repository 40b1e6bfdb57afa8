"""Transactions that happen once: submit, wait, replace when stuck, resume after a crash.

A caller names each transaction with a key. The journal makes the key idempotent; this module moves a key from one
journal state to the next and can be stopped after any line.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from novacron.chain.addresses import parse_address
from novacron.chain.entries import Intent
from novacron.chain.preflight import check_chain
from novacron.chain.receipts import TransactionReceipt, observe
from novacron.chain.steps import TransactionSteps
from novacron.exceptions import (
    ConfirmationTimeoutError,
    InconsistentEndpointError,
    NovaCronError,
    RejectedError,
    ReorgError,
    RetryableError,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Result of resuming one key: a receipt, or the error that stands in the way."""

    key: str
    receipt: TransactionReceipt | None
    error: NovaCronError | None


class TransactionManager(TransactionSteps):
    """Sends transactions of one account to one chain.

    Args:
        pool: the chain's endpoints.
        signer: the account.
        journal: where every step is written down before it is taken.
        fees: what to pay at most.
        confirmations: blocks, the transaction's own included, after which a receipt is final.
        poll_interval: longest pause between two looks, seconds; the first pauses are shorter.
        stuck_after: seconds after which a pending transaction is replaced with higher fees.
        timeout: seconds `send` and `wait` wait.
        quorum: endpoints that must agree on a final receipt (all, when there are fewer).
        gas_margin: per cent added to gas estimates.
        decoder: custom errors to know besides the package's own.
        on_step: see StepObserver; for progress displays and crash tests.
    """

    def __repr__(self) -> str:
        return f"<TransactionManager {self.address} over {self.pool!r}>"

    # -- public ------------------------------------------------------------------------------------------------------

    def send(
        self, key: str, *, to: str | None, data: bytes, value: int = 0, gas: int | None = None
    ) -> TransactionReceipt:
        """Send a transaction and wait for its final receipt. Idempotent by `key`, across threads, processes, crashes.

        Args:
            key: names this transaction for good; the same key with the same content returns the same receipt.
            to: contract or account; None creates a contract.
            data: call data or init code.
            value: wei to transfer.
            gas: gas limit; None estimates, and finds a revert before any nonce or money is spent.

        Raises:
            InputError: the key stands for other content already; no address.
            RevertedError: it reverted, in the estimate (nothing was sent) or on chain (`transaction_hash` is set).
            InsufficientFundsError, FeeCapError, RejectedError: refused definitely by every endpoint asked.
            RetryableError: refused, but perhaps accepted by an endpoint that did not answer: call again with this key.
            ChainUnavailableError: no endpoint answers. Unsigned, it is forgotten; signed, the key stays resumable.
            ConfirmationTimeoutError, ReorgError: sent, not final in time; send or wait again with the same key.
            ChainResetError: the journal belongs to another chain with the same id.
        """
        self.submit(key, to=to, data=data, value=value, gas=gas)
        return self.wait(key)

    def submit(self, key: str, *, to: str | None, data: bytes, value: int = 0, gas: int | None = None) -> str:
        """As `send`, without waiting. Returns the hash of the newest signed version (a replacement may be mined)."""
        target = None if to is None else parse_address(to, f"transaction {key!r}: recipient")
        chain_id = check_chain(self.pool, self.journal)
        entry = self.journal.begin(Intent(key, chain_id, self.address, target, bytes(data), value, gas))
        if entry.state == "intent":
            self._step("intent", key)
        entry = self._advance(entry)
        return entry.attempts[-1].hash

    def wait(self, key: str, timeout: float | None = None) -> TransactionReceipt:
        """Wait until a submitted key is final: rebroadcast when dropped or reorganised out, replace when stuck.

        Args:
            timeout: seconds; None takes the manager's.

        Raises:
            UnknownRecordError: nothing was submitted under this key.
            Others: as `send`.
        """
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        entry = self.journal.require(key)
        if not entry.settled:
            check_chain(self.pool, self.journal)
        delay, trouble, was_mined = min(0.02, self._poll_interval), "", False
        while True:
            if entry.settled:
                return self._result(entry)
            try:
                if entry.unsigned:
                    entry = self._advance(entry)
                seen = self.pool.on_one(lambda reader, now=entry: observe(reader, now))  # type: ignore[misc]
                entry, trouble = self._react(entry, seen)
                was_mined = was_mined or seen.receipt is not None
                if was_mined and seen.receipt is None:
                    trouble = "it was mined, then reorganised out of the chain; " + trouble
            except (RetryableError, InconsistentEndpointError) as error:
                trouble = str(error)
                entry = self.journal.require(key)
            if entry.settled:
                continue
            if time.monotonic() + delay >= deadline:
                kind = ReorgError if was_mined and "reorganised" in trouble else ConfirmationTimeoutError
                raise kind(
                    f"transaction {key!r} is not final yet ({trouble or 'pending'}); it may still be mined: "
                    "wait for the same key again"
                )
            time.sleep(delay)
            delay = min(delay * 1.5, self._poll_interval)

    def resume(self, *, timeout: float | None = None) -> list[Outcome]:
        """Finish everything this account left unfinished on this chain: sign intents, rebroadcast, wait.

        Returns:
            One Outcome for each key, in order of nonces. Errors do not stop the others.
        """
        chain_id = check_chain(self.pool, self.journal)
        entries = self.journal.unfinished(chain_id, self.address)
        failures: dict[str, NovaCronError] = {}
        for entry in entries:
            try:
                self._advance(entry)
            except NovaCronError as error:
                failures[entry.key] = error
        outcomes = []
        for entry in entries:
            if entry.key in failures and self._is_unsigned(entry.key):
                outcomes.append(Outcome(entry.key, None, failures[entry.key]))
                continue
            try:
                outcomes.append(Outcome(entry.key, self.wait(entry.key, timeout), None))
            except NovaCronError as error:
                outcomes.append(Outcome(entry.key, None, error))
        return outcomes

    def look_back(self, key: str) -> bool:
        """Whether the chain has decided a key; the receipts of all its signed attempts count. Sends nothing.

        Raises:
            RetryableError: it is mined but not final, or that cannot be told at the moment.
        """
        entry = self.journal.get(key)
        if entry is None or not entry.attempts or entry.settled:
            return entry is not None and entry.settled
        check_chain(self.pool, self.journal)
        return self._look_back(entry)[0].settled

    def cancel(self, key: str) -> TransactionReceipt | None:
        """Spend the nonce of a pending key on nothing (a transfer of 0 to oneself, at higher fees), and wait.

        Returns:
            None when the key is cancelled; its receipt when it was mined first.
        """
        entry = self.journal.require(key)
        if entry.unsigned:
            self.journal.withdraw(key)
            return self.wait(key) if self.look_back(key) else None
        if not entry.settled and not entry.attempts[-1].cancels:
            entry = self._replace(entry, cancels=True)
            self._broadcast(entry)
        try:
            return self.wait(key)
        except RejectedError:
            if self.journal.require(key).state == "replaced":
                return None
            raise

    def recheck(self, key: str) -> TransactionReceipt:
        """Make sure that a final receipt is still on chain; after a deeper reorganisation, send again and wait."""
        entry = self.journal.require(key)
        if entry.settled:
            before = TransactionReceipt.of(entry)
            seen = self.pool.on_one(lambda reader: observe(reader, entry))
            if seen.receipt is None or seen.receipt["blockHash"].lower() != before.block_hash:
                log.warning("transaction %r left the chain in a reorganisation; waiting for it again", key)
                self.journal.reopen(key)
        return self.wait(key)
