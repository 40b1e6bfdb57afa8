"""What the agent tells the chain: each acknowledgement once, whatever happens to the agent, the node or the block.

A statement is named by what it answers (kind, contract, VM, epoch), so that every pass may ask for it again: the
journal of `novacron.chain` knows whether it was sent. Nothing here waits for a block.
"""

from __future__ import annotations

import enum
import logging

from novacron.chain import ContractHandle, TransactionManager
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import (
    ChainResetError,
    ChainUnavailableError,
    RejectedError,
    RetryableError,
    RevertedError,
)

log = logging.getLogger(__name__)

#: Statements that were mined and reverted, after which one is given up.
_ATTEMPTS = 5


class Sending(enum.Enum):
    """What became of a statement so far."""

    #: Sent, not final yet.
    PENDING = "pending"
    #: Final on chain.
    FINAL = "final"
    #: The contract does not take it: somebody or something was faster.
    REFUSED = "refused"


class Outbox:
    """Sends the agent's statements with one account.

    Args:
        manager: its account must be the host's agent in the registry.
    """

    def __init__(self, manager: TransactionManager) -> None:
        self.manager = manager

    def send(self, key: str, contract: ContractHandle, fn: str, *args: object, block: int) -> Sending:
        """Send a statement, or look after the one that was sent.

        Args:
            key: names it for good.
            block: number of the confirmed block by which it is still wanted.

        Raises:
            ChainUnavailableError: no endpoint answers.
            ChainResetError: the journal belongs to another chain with the same id.
            RejectedError: the account cannot pay, or the fee cap is too low.
        """
        for attempt in range(_ATTEMPTS):
            name = key if attempt == 0 else f"{key}#{attempt}"
            entry = self.manager.journal.get(name)
            try:
                if entry is None:
                    contract.require_code()
                    self.manager.submit(name, to=contract.address, data=contract.encode(fn, *args))
                    return Sending.PENDING
                if not entry.settled:
                    self.manager.wait(name, timeout=0.0)
                    return Sending.FINAL
                if entry.state == "mined":
                    if TransactionReceipt.of(entry).block_number <= block:
                        # It counts as final, and the chain as we read it does not have its effect.
                        self.manager.recheck(name)
                    return Sending.FINAL
            except RevertedError as error:
                if error.transaction_hash is None:  # found before it was sent
                    log.info("%s is not taken: %s", name, error)
                    return Sending.REFUSED
            except (ChainUnavailableError, ChainResetError):
                raise
            except RetryableError as error:
                log.debug("%s: %s", name, error)
                return Sending.PENDING
            # It was mined and failed (or cancelled by hand), and is still wanted: under another name.
        raise RejectedError(f"{key} was mined and reverted {_ATTEMPTS} times; see the journal for the reasons")
