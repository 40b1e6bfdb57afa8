"""Who sends the calls of a proposal's life: an account through the transaction manager, or a Safe by its owners."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from novacron.chain.answers import same_hex
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.transactions import TransactionManager
from novacron.exceptions import RetryableError
from novacron.governance.lifecycle.safe import SafeAccount, SafeTransaction
from novacron.governance.lifecycle.safe_files import file_name, load_transaction, save_transaction


@dataclass(frozen=True)
class Call:
    """One call to be made. `key` names it for good: equal keys are one transaction. Value in wei."""

    key: str
    to: str
    data: bytes
    title: str
    value: int = 0


@dataclass(frozen=True)
class Sent:
    """What became of a call: mined with this receipt, or waiting as a Safe transaction for its owners.

    Attributes:
        ignored: files of the Safe that leave nonces open before theirs, and so count for nothing.
    """

    receipt: TransactionReceipt | None = None
    safe_transaction: SafeTransaction | None = None
    file: Path | None = None
    ignored: tuple[Path, ...] = ()


class Sender(Protocol):
    """An account that makes calls."""

    @property
    def address(self) -> str:
        """Checksum address that the contracts see as the caller."""

    def send(self, call: Call) -> Sent:
        """Make the call once, however often this is repeated."""

    def begun(self, key: str) -> bool:
        """Whether a transaction of this key is on its way: it may be mined whatever we do."""

    def waiting(self, key: str) -> str | None:
        """Words for a call of this key that was begun and may still happen; None when there is none."""

    def made(self, key: str, transaction: str) -> bool:
        """Whether a mined transaction is the one of this key."""


class AccountSender:
    """A plain account. Errors are those of `TransactionManager.send`."""

    def __init__(self, manager: TransactionManager) -> None:
        self.manager = manager

    @property
    def address(self) -> str:
        """The account's address."""
        return self.manager.address

    def send(self, call: Call) -> Sent:
        """Send and wait. A key whose transaction was mined and reverted is followed by another one."""
        key = self._open_key(call.key)
        return Sent(self.manager.send(key, to=call.to, data=call.data, value=call.value))

    def begun(self, key: str) -> bool:
        """Whether a transaction of this key is signed and not final."""
        entry = self.manager.journal.get(self._open_key(key))
        return entry is not None and not entry.settled and not entry.unsigned

    def waiting(self, key: str) -> str | None:
        """A transaction that is signed and not final."""
        return "its transaction is on its way (submit again to finish it)" if self.begun(key) else None

    def made(self, key: str, transaction: str) -> bool:
        """Whether a mined transaction is the one of this key; one whose answer was lost is settled on the way."""
        found = self._open_key(key)
        with contextlib.suppress(RetryableError):
            self.manager.look_back(found)
        entry = self.manager.journal.get(found)
        return entry is not None and any(same_hex(attempt.hash, transaction) for attempt in entry.attempts)

    def _open_key(self, key: str) -> str:
        for number in itertools.count(1):
            candidate = key if number == 1 else f"{key}/{number}"
            entry = self.manager.journal.get(candidate)
            if entry is None or not entry.settled or entry.state == "mined":
                return candidate
        raise AssertionError("unreachable")


class SafeSender:
    """A Safe: a call becomes a file for its owners, who sign and execute it with `novacron governance safe`.

    Args:
        safe: the Safe.
        folder: where the files go.
    """

    def __init__(self, safe: SafeAccount, folder: Path) -> None:
        self.safe, self.folder = safe, folder

    @property
    def address(self) -> str:
        """The Safe's address."""
        return self.safe.address

    def send(self, call: Call) -> Sent:
        """Write the transaction with the Safe's next free nonce; one that waits in the folder already is kept.

        Only files that follow the Safe's nonce without a gap count: any other could put off for good what is asked for.
        """
        waiting = self._waiting()
        nonces = {transaction.nonce for _, transaction in waiting}
        free = self.safe.nonce()
        while free in nonces:
            free += 1
        ignored = tuple(path for path, transaction in waiting if transaction.nonce > free)
        wanted = (call.to, call.data, call.value, 0)
        for path, found in waiting:
            if found.nonce < free and (found.to, found.data, found.value, found.operation) == wanted:
                return Sent(safe_transaction=found, file=path, ignored=ignored)
        made = self.safe.transaction(call.to, call.data, value=call.value, nonce=free, title=call.title)
        made = replace(made, key=call.key)
        path = save_transaction(self.folder / file_name(made), made)
        return Sent(safe_transaction=made, file=path, ignored=ignored)

    def begun(self, key: str) -> bool:  # noqa: ARG002 - the protocol's
        """Never: the owners decide, and the Safe refuses what has become impossible."""
        return False

    def waiting(self, key: str) -> str | None:
        """A file that owners may still sign and execute."""
        found = next((path for path, transaction in self._waiting() if transaction.key == key), None)
        return None if found is None else f"{found} waits for the Safe's owners (delete it to give it up)"

    def made(self, key: str, transaction: str) -> bool:  # noqa: ARG002 - the protocol's
        """False: who executes a Safe's transaction is not known here."""
        return False

    def _waiting(self) -> list[tuple[Path, SafeTransaction]]:
        """Transactions of this Safe in the folder that it has not executed or passed by."""
        following = self.safe.nonce()
        found = [(path, load_transaction(path)) for path in sorted(self.folder.glob("safe-*.json"))]
        return [
            (path, one)
            for path, one in found
            if one.safe == self.safe.address and one.chain_id == self.safe.pool.chain_id() and one.nonce >= following
        ]
