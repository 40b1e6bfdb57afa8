"""What the journal stores: intents, signed attempts and their state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from eth_utils.crypto import keccak

from novacron.chain.fees import FeeQuote
from novacron.exceptions import InputError

State = Literal["intent", "signed", "sent", "mined", "failed", "replaced"]


@dataclass(frozen=True)
class Intent:
    """What is to be done, before any nonce or fee: the identity of a key. `gas` is a wish, not part of it."""

    key: str
    chain_id: int
    sender: str
    to: str | None
    data: bytes = field(repr=False)
    value: int = 0
    gas: int | None = None

    def __post_init__(self) -> None:
        if not self.key:
            raise InputError("a transaction needs a non-empty key")
        if self.value < 0:
            raise InputError(f"transaction {self.key!r}: value {self.value} wei is negative")


@dataclass(frozen=True)
class Attempt:
    """One signed version of a transaction. `hash` is 0x and 64 digits, times are Unix seconds.

    `sent_at`: a node accepted it then. `exposures`: how often it was sent without a definite refusal coming back; above
    0, somebody may have it.
    """

    number: int
    nonce: int
    hash: str
    raw: bytes = field(repr=False)
    fees: FeeQuote
    cancels: bool
    signed_at: float
    sent_at: float | None
    exposures: int = 0


@dataclass(frozen=True)
class Signed:
    """What a signing callback returns: the raw transaction and the fees inside it."""

    raw: bytes = field(repr=False)
    fees: FeeQuote
    cancels: bool = False

    @property
    def hash(self) -> str:
        """Transaction hash: keccak-256 of the raw bytes (EIP-2718)."""
        return "0x" + keccak(self.raw).hex()


@dataclass(frozen=True)
class Entry:
    """One row with its attempts."""

    intent: Intent
    state: State
    nonce: int | None
    attempts: tuple[Attempt, ...]
    receipt: dict[str, Any] | None
    error: str | None
    created_at: float

    @property
    def key(self) -> str:
        """The caller's idempotency key."""
        return self.intent.key

    @property
    def settled(self) -> bool:
        """Whether the chain has decided: nothing about this key will change any more."""
        return self.receipt is not None

    @property
    def unsigned(self) -> bool:
        """Whether it needs a nonce: never signed, or refused by the node and given back."""
        return self.receipt is None and self.nonce is None

    @property
    def live(self) -> tuple[Attempt, ...]:
        """Attempts that carry the current nonce, oldest first."""
        return tuple(attempt for attempt in self.attempts if attempt.nonce == self.nonce)
