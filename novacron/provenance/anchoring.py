"""Keeping a run's head on chain in step with its log.

Nothing is queued: what must be sent is always "from the chain's head to the log's", read anew each time. That makes
every attempt idempotent, whatever was lost in between, and lets several recorders of one run help each other.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any, Literal

from novacron.exceptions import (
    ChainError,
    ConfigurationError,
    NovaCronError,
    ProofInvalidError,
    RetryableError,
    RevertedError,
    RunConflictError,
    SealedRunError,
    SigningKeyError,
    StoreBusyError,
    StoreFullError,
    UnknownRecordError,
)
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.model import RecordId, RunHead
from novacron.provenance.digest import hex_digest, parse_digest
from novacron.provenance.entries import LogEntry
from novacron.provenance.rfc9162 import EMPTY_ROOT
from novacron.provenance.rundir import AnchoredHead, RunDirectory

#: The chain, its endpoint, the key or the client's store is not usable now: training goes on, the anchor is made later.
#: UnknownRecordError is an endpoint that does not show the run it is asked for. What is not here means that the log and
#: the chain contradict each other (RunConflictError, SealedRunError, ProofInvalidError, CorruptStoreError), or that the
#: client is the wrong one (ConfigurationError).
WAITING: tuple[type[NovaCronError], ...] = (
    ChainError,
    SigningKeyError,
    StoreBusyError,
    StoreFullError,
    UnknownRecordError,
)

_ATTEMPTS = 4  # several recorders may extend one run at once; each loser re-reads the head


@dataclass(frozen=True)
class AnchorResult:
    """What is on chain after an attempt.

    `status` is "anchored" when the chain's head covers everything that was asked for, "pending" when it does not, with
    the `reason`: the chain cannot be used now, or refuses; "unconfigured" without a client. `size` and `root` (32
    bytes) are the newest head known to be on chain, `sealed` whether the run is sealed there.
    """

    status: Literal["anchored", "pending", "unconfigured"]
    size: int
    root: bytes
    sealed: bool = False
    transaction_hash: str | None = None
    block_number: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RunBinding:
    """Where a run is anchored: `scope` is `eip155:<chain id>:<contract>` or `local:<store id>`, `run` its id there.

    `opened` once the run was seen on chain; `opened_by` is the transaction, where this directory sent it.
    """

    scope: str
    owner: str
    run: bytes
    opened: bool = False
    opened_by: str | None = None

    @property
    def kind(self) -> Literal["web3", "local"]:
        """The kind of client that serves it."""
        return "local" if self.scope.startswith("local:") else "web3"

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id; 0 for the embedded store."""
        return 0 if self.kind == "local" else int(self.scope.split(":")[1])

    @property
    def contract(self) -> str:
        """The contract's address; `local:<store id>` for the embedded store."""
        return self.scope if self.kind == "local" else self.scope.split(":")[2]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        opening = {"opened": self.opened, "opened_by": self.opened_by}
        return {"scope": self.scope, "owner": self.owner, "run": hex_digest(self.run), **opening}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> RunBinding:
        """The inverse of `to_dict`."""
        return cls(value["scope"], value["owner"], parse_digest(value["run"]), value["opened"], value["opened_by"])


def client_scope(client: BlockchainClient) -> str:
    """The chain and contract a client writes to, as its record ids begin."""
    scope = getattr(client, "scope", None)  # a read-only client has no record ids of its own
    return scope if isinstance(scope, str) else RecordId.parse(client.record_id(bytes(32))).scope


def is_sealed(store: RunDirectory) -> bool:
    """Whether the run ended: its last log entry is the seal, or the chain was seen to hold a seal."""
    return seal_entry(store) is not None or store.get("sealed_on_chain") is not None


def seal_entry(store: RunDirectory) -> LogEntry | None:
    """The seal, which is always the last entry, or None."""
    size = store.log.size
    if size == 0:
        return None
    entry = store.entry(size - 1)
    return entry if entry.type == "seal" else None


class RunAnchor:
    """The chain side of one run directory; without a client it only knows what was anchored before."""

    def __init__(self, store: RunDirectory, client: BlockchainClient | None) -> None:
        """Bind the run to the client's chain, or check that it is bound to it.

        Raises:
            ConfigurationError: the run is anchored elsewhere.
        """
        self._store, self.client = store, client
        self._searched: int | None = None  # the head whose transaction was last searched in vain
        known = store.get("chain")
        self.binding = None if known is None else RunBinding.from_dict(known)
        if client is None:
            return
        scope = client_scope(client)
        if self.binding is None or (not self.binding.opened and self.binding.scope != scope):
            run = client.run_id(store.salt, store.manifest_digest)
            self._bind(RunBinding(scope, client.submitter, run))
        else:
            self._refuse_other_scope(self.binding, scope)

    def _refuse_other_scope(self, binding: RunBinding, scope: str) -> None:
        if binding.scope != scope:
            raise ConfigurationError(
                f"{self._store.path} is anchored at {binding.scope}, the client writes to {scope}: use the same chain "
                "and contract, or start another run directory"
            )

    def _bind(self, binding: RunBinding) -> None:
        self.binding = binding
        self._store.put("chain", binding.to_dict())

    def newest(self) -> AnchoredHead | None:
        """The newest head known to be on chain, without asking it."""
        heads = self._store.heads()
        return heads[-1] if heads else None

    def head(self) -> RunHead | None:
        """The chain's head of the run, None when the run is not open there or there is no client.

        Also remembers a seal found on chain, and the transaction that made the head. Raises the client's errors, and
        RunConflictError when the chain holds a history that is not this log's, ConfigurationError when another recorder
        opened the run on another chain meanwhile.
        """
        if self.client is None or self.binding is None:
            return None
        if not self.binding.opened and (stored := self._store.get("chain")) is not None:
            newest = RunBinding.from_dict(stored)
            self._refuse_other_scope(newest, self.binding.scope)
            self.binding = newest
        try:
            head = self.client.run_head(self.binding.run)
        except UnknownRecordError:
            return None
        if not self.binding.opened:
            self._bind(replace(self.binding, opened=True))
        self._note(head)
        return head

    def probe(self) -> None:
        """Raise what `advance` would raise of a run that is open or can be opened; asks the chain once."""
        if self.head() is None and self.client is not None:
            self._refuse_stranger(self.client)

    def advance(self, target: int | None = None) -> AnchorResult:
        """Open the run on chain if need be, extend it to the log's end, and seal it if the log is sealed.

        With `target`, a head that covers that many entries is good enough; 0 only opens the run.

        Raises:
            SealedRunError: the chain's run is sealed before the log's end.
            RunConflictError: the chain's history is not this log's: the directory is an old copy, or was tampered with.
            ProofInvalidError: the chain does not accept the log's consistency proof.
            ConfigurationError: the run must be opened by another account, or the client is read-only.
            CorruptStoreError, StoreError: the run directory, or the client's store.
        """
        self._searched = None
        if self.client is None:
            return self.known("unconfigured")
        try:
            return self._result(self._advance(self.client, target))
        except WAITING as error:
            return self.known("pending", str(error))

    def known(self, status: Literal["anchored", "pending", "unconfigured"], reason: str | None = None) -> AnchorResult:
        """The newest known head as a result, without asking the chain."""
        newest = self.newest() or AnchoredHead(0, EMPTY_ROOT)
        sealed = self._store.get("sealed_on_chain") is not None
        return AnchorResult(
            status, newest.size, newest.root, sealed, newest.transaction_hash, newest.block_number, reason
        )

    def _advance(self, client: BlockchainClient, target: int | None) -> RunHead:
        head = self._opened_head(client)
        log = self._store.log
        goal = log.size if target is None else target
        for attempt in range(_ATTEMPTS):
            if head.size >= goal:
                break
            size = log.size
            if head.model_digest is not None:
                raise SealedRunError(
                    f"run 0x{head.run.hex()} is sealed on chain at {head.size} entries, the log has {size}: what came "
                    "after the seal cannot be anchored; start another run"
                )
            try:
                head = client.extend_run(head.run, size, log.root(size), log.consistency_proof(head.size, size))
            except (RunConflictError, ProofInvalidError, RevertedError, SealedRunError):
                moved = client.run_head(head.run)
                self._note(moved)  # raises when the chain's history is another one
                if moved.size == head.size or attempt == _ATTEMPTS - 1:
                    raise
                head = moved
        self._note(head)
        if head.size < goal:
            raise RetryableError(
                f"run 0x{head.run.hex()} was extended to {goal} entries, the endpoint still shows {head.size}"
            )
        seal = seal_entry(self._store)
        if seal is not None and seal.checkpoint is not None and head.size == seal.sequence + 1:
            if head.model_digest is None:
                head = client.seal_run(head.run, seal.checkpoint.digest)
                self._note(head)
            elif head.model_digest != seal.checkpoint.digest:
                raise SealedRunError(
                    f"run 0x{head.run.hex()} is sealed on chain with {head.model_digest.hex()}, the log says "
                    f"{seal.checkpoint.digest.hex()}"
                )
        return head

    def _opened_head(self, client: BlockchainClient) -> RunHead:
        head = self.head()
        if head is not None:
            return head
        binding = self._refuse_stranger(client)
        info = client.open_run(self._store.salt, self._store.manifest_digest)
        self._bind(RunBinding(binding.scope, info.owner, info.run, True, info.transaction_hash))
        head = client.run_head(info.run)
        self._note(head)
        return head

    def _refuse_stranger(self, client: BlockchainClient) -> RunBinding:
        binding = self.binding
        assert binding is not None  # set by __init__ whenever there is a client
        if client.submitter != binding.owner:
            if binding.opened:
                raise RetryableError(f"the endpoint does not show run 0x{binding.run.hex()}, which is open")
            raise ConfigurationError(
                f"run 0x{binding.run.hex()} is not open at {binding.scope}: its owner {binding.owner} must open it, "
                f"this client is {client.submitter}"
            )
        return binding

    def _note(self, head: RunHead) -> None:
        """Check that the chain's head is a prefix of the log, and remember it."""
        log, size = self._store.log, self._store.log.size
        if head.size > size:
            raise RunConflictError(
                f"the chain holds {head.size} entries of run 0x{head.run.hex()}, {self._store.path} only {size}: the "
                "directory is an old copy; restore the newest one"
            )
        if log.root(head.size) != head.root:
            raise RunConflictError(
                f"the first {head.size} entries of {self._store.path} have the root {log.root(head.size).hex()}, the "
                f"chain holds {head.root.hex()}: the log was altered, restore it from a copy"
            )
        if head.model_digest is not None and self._store.get("sealed_on_chain") is None:
            self._store.put("sealed_on_chain", hex_digest(head.model_digest))
        if head.size == 0:
            return
        # The transaction of a seal is not the one that extended the run to this size.
        extended = head.model_digest is None
        found = AnchoredHead(
            head.size,
            head.root,
            head.transaction_hash if extended else None,
            head.block_number if extended else None,
            head.updated_at if extended else None,
        )
        known = self._store.head_at(head.size)
        if known != found and (known is None or known.root != head.root or found.transaction_hash is not None):
            self._store.add_head(found)
        if found.transaction_hash is None and (known is None or known.transaction_hash is None):
            self._search_extension(head, found)

    def _search_extension(self, head: RunHead, found: AnchoredHead) -> None:
        """Learn the transaction of a head that another recorder made, or this one before a crash."""
        if self.client is None or self._searched == head.size:
            return
        self._searched = head.size
        with contextlib.suppress(ChainError):  # the head stands without it; the next advance searches again
            extension = self.client.extension_of(head)
            if extension is not None:
                self._store.add_head(replace(found, transaction_hash=extension[0], block_number=extension[1]))

    def _result(self, head: RunHead) -> AnchorResult:
        known = self._store.head_at(head.size)
        return AnchorResult(
            "anchored",
            head.size,
            head.root,
            head.model_digest is not None,
            known.transaction_hash if known else None,
            known.block_number if known else None,
        )
