"""BlockchainIntegrationService: has data verified by the chain, waits for the confirmations, and says so or raises.

hash ─ result known? (1 h) ─ proof known? (24 h) ─ sign ─ submit ─ confirmations ─ result
                                                                     any failure: alert, raise, remember nothing
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from novacron.exceptions import (
    ConfigurationError,
    ConfirmationTimeoutError,
    InputError,
    NovaCronError,
    QuantumError,
)
from novacron.market.deployment import Account
from novacron.provenance.digest import parse_digest, sha256
from novacron.provenance.manifest import build_manifest
from novacron.quantum.alerts import Alert, AlertSink, LogAlerts
from novacron.quantum.client import QuantumVerification
from novacron.quantum.records import BatchProof, VerificationRecord, WorkingKey
from novacron.quantum.results import VerificationResult, path_dict, path_of
from novacron.quantum.schemes import PostQuantumScheme

if TYPE_CHECKING:
    from novacron.chain.receipts import TransactionReceipt
    from novacron.models.cache import Cache

#: Security level (NIST category) to scheme.
LEVELS: Mapping[int, PostQuantumScheme] = MappingProxyType(
    {scheme.facts.category: scheme for scheme in PostQuantumScheme}
)
DEFAULT_LEVEL = 5
#: Data under one signature of `verify_batch`.
BATCH_SIZE = 100
#: Seconds that results and proofs are remembered.
RESULT_SECONDS, PROOF_SECONDS = 3_600, 86_400

_log = logging.getLogger(__name__)
Datum = bytes | Path
T = TypeVar("T")


class BlockchainIntegrationService:
    """Has data signed by this service's keys and verified by the chain. For one event loop.

    Args:
        account: sends, and says how many confirmations are waited for.
        keys: one for each scheme that is to be offered; see LEVELS.
        cache: remembers results for 1 hour and proofs for 24; None remembers nothing.
        alerts: who is told of failures.
        clock: Unix seconds.
        timeout: seconds to wait for the confirmations of what somebody else submitted.

    Raises:
        ConfigurationError: two keys of one scheme.
    """

    def __init__(
        self,
        account: Account,
        keys: Iterable[WorkingKey],
        *,
        cache: Cache | None = None,
        alerts: Sequence[AlertSink] | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = 300.0,
    ) -> None:
        self._account, self._client = account, QuantumVerification(account.deployment)
        self._keys: dict[PostQuantumScheme, WorkingKey] = {}
        for key in keys:
            if key.scheme in self._keys:
                raise ConfigurationError(f"two keys of {key.scheme}: give one for each scheme")
            self._keys[key.scheme] = key
        self._cache, self._clock, self._timeout = cache, clock, timeout
        self._alerts: Sequence[AlertSink] = (LogAlerts(),) if alerts is None else tuple(alerts)
        self._running: dict[tuple[bytes, bytes], asyncio.Task[VerificationResult]] = {}
        self._batches = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<BlockchainIntegrationService {', '.join(str(scheme) for scheme in sorted(self._keys))}>"

    async def verify_data(self, data: Datum, security_level: int = DEFAULT_LEVEL) -> VerificationResult:
        """Have the chain verify a datum under this service's key of a security level.

        Args:
            data: bytes, or the path of a file or folder (the root of its manifest, as `novacron digest` prints it).
            security_level: NIST category: 5 ML-DSA-87, 3 ML-DSA-65, 2 ML-DSA-44, 1 SLH-DSA-SHA2-128s.

        Raises:
            InputError: no such level, or no key for it; no datum.
            QuantumError: the key was revoked. KeyExpiredError: its time is over.
            RevertedError: the chain refuses. RetryableError (ChainUnavailableError, ConfirmationTimeoutError …): call
                again with the same datum; what was sent is waited for, not sent again.
            Others as `TransactionManager.send` and `build_manifest`. Whatever is raised, alerts were sent.
        """

        async def work() -> VerificationResult:
            key = self._key(security_level)
            digest = await asyncio.to_thread(_digest, data)
            return await self._digest(digest, security_level, key)

        named = sha256(data) if isinstance(data, bytes) else None  # an alert reads no file again
        return await self._alerting(work(), security_level, digest=named)

    async def verify_digest(self, data_hash: bytes, security_level: int = DEFAULT_LEVEL) -> VerificationResult:
        """As `verify_data`, for a digest of 32 bytes that the caller has."""

        async def work() -> VerificationResult:
            return await self._digest(parse_digest(data_hash), security_level, self._key(security_level))

        named = data_hash if isinstance(data_hash, bytes) else None
        return await self._alerting(work(), security_level, digest=named)

    async def verify_batch(
        self, data: Sequence[Datum], security_level: int = DEFAULT_LEVEL
    ) -> list[VerificationResult]:
        """As `verify_data`, with one signature for each hundred data; results in the order of the data.

        Data that were verified in a batch before are not signed again. When this raises, batches that were verified
        stay so: call again with the same data.
        """

        async def work() -> list[VerificationResult]:
            key = self._key(security_level)
            if isinstance(data, (bytes, bytearray, memoryview, str, Path)) or not len(data):
                raise InputError("a batch is a list of at least one datum")
            digests = await asyncio.to_thread(lambda: [_digest(one) for one in data])
            async with self._batches:
                found: dict[bytes, VerificationResult] = {}
                for digest in dict.fromkeys(digests):
                    known = await asyncio.to_thread(self._known_in_batch, digest, security_level, key)
                    if known is not None:
                        found[digest] = known
                left = [digest for digest in dict.fromkeys(digests) if digest not in found]
                for start in range(0, len(left), BATCH_SIZE):
                    chunk = left[start : start + BATCH_SIZE]
                    results = await asyncio.to_thread(self._submit_batch, chunk, security_level, key)
                    found.update((one.data_hash, one) for one in results)
            return [found[digest] for digest in digests]

        count = len(data) if isinstance(data, (list, tuple)) else 1
        return await self._alerting(work(), security_level, count=count)

    # -- one datum ---------------------------------------------------------------------------------------------------

    def _key(self, level: int) -> WorkingKey:
        scheme = LEVELS.get(level) if type(level) is int else None
        if scheme is None:
            raise InputError(f"security level {level!r}: choose one of {', '.join(map(str, sorted(LEVELS)))}")
        if scheme not in self._keys:
            held = ", ".join(str(one.facts.category) for one in sorted(self._keys)) or "none"
            raise InputError(f"this service has no {scheme} key for security level {level}; it has levels {held}")
        return self._keys[scheme]

    async def _digest(self, digest: bytes, level: int, key: WorkingKey) -> VerificationResult:
        running = self._running.get((key.id, digest))
        if running is None:  # several callers with one datum wait for one transaction
            running = asyncio.create_task(asyncio.to_thread(self._submit, digest, level, key))
            self._running[key.id, digest] = running
            running.add_done_callback(lambda task: self._finished((key.id, digest), task))
        return await asyncio.shield(running)  # a caller who goes away takes nothing from the others

    def _finished(self, name: tuple[bytes, bytes], task: asyncio.Task[VerificationResult]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # seen by whoever still waits; not reported again where nobody does

    def _submit(self, digest: bytes, level: int, key: WorkingKey) -> VerificationResult:
        name = self._name("result", key, digest)
        known = self._remembered(name, digest, level, key)
        if known is not None:
            return known
        verified = self._client.verify_data(self._account, key, digest, proof=self._proof(key, digest))
        place = self._confirmed(verified.receipt, key.id, digest, batch=False)
        record = verified.record
        if verified.receipt is None:  # it may be another one than was seen before the confirmations
            record = self._still_good(self._client.verification(key.id, digest), digest)
        result = VerificationResult.of(digest, level, key.scheme, record, place, self._account.manager.confirmations)
        self._remember(name, result.to_bytes(), RESULT_SECONDS)
        return result

    def _proof(self, key: WorkingKey, digest: bytes) -> bytes | None:
        """The proof that was made before, or a new one; None where the datum is verified already."""
        if self._client.verification(key.id, digest) is not None:
            return None
        name = self._name("proof", key, digest)
        proof = self._recall(name)
        if proof is None or not self._client.proves(key, digest, proof):
            proof = self._client.proof(key, digest)
            self._remember(name, proof, PROOF_SECONDS)
        return proof

    # -- batches -----------------------------------------------------------------------------------------------------

    def _known_in_batch(self, digest: bytes, level: int, key: WorkingKey) -> VerificationResult | None:
        known = self._remembered(self._name("batch-result", key, digest), digest, level, key)
        raw = self._recall(self._name("batch-proof", key, digest)) if known is None else None
        if known is not None or raw is None:
            return known
        try:
            proof = path_of(json.loads(raw), digest)
        except (ValueError, TypeError, KeyError):
            return None
        if not self._client.is_verified_in_batch(key.id, proof):
            return None
        place = self._confirmed(None, key.id, proof.root, batch=True)
        batch = self._client.batch(key.id, proof.root)
        if batch is not None and batch.size != proof.size:  # the path proves nothing of it
            return None
        record = self._still_good(None if batch is None else batch.record, proof.root)
        return self._batch_result(proof, level, key, record, place)

    def _submit_batch(self, digests: Sequence[bytes], level: int, key: WorkingKey) -> list[VerificationResult]:
        verified = self._client.verify_batch(self._account, key, digests)
        root = verified.batch.root
        place = self._confirmed(verified.receipt, key.id, root, batch=True)
        return [self._batch_result(proof, level, key, verified.record, place) for proof in verified.proofs()]

    def _batch_result(
        self, proof: BatchProof, level: int, key: WorkingKey, record: VerificationRecord, place: tuple[str, int]
    ) -> VerificationResult:
        confirmations = self._account.manager.confirmations
        result = VerificationResult.of(proof.data_hash, level, key.scheme, record, place, confirmations, proof)
        self._remember(self._name("batch-result", key, proof.data_hash), result.to_bytes(), RESULT_SECONDS)
        path = json.dumps(path_dict(proof)).encode()
        self._remember(self._name("batch-proof", key, proof.data_hash), path, PROOF_SECONDS)
        return result

    # -- confirmations -----------------------------------------------------------------------------------------------

    def _confirmed(
        self, receipt: TransactionReceipt | None, key: bytes, digest: bytes, *, batch: bool
    ) -> tuple[str, int]:
        """Transaction and block, once it has the confirmations; a receipt that we waited for has them."""
        if receipt is not None:
            return receipt.hash, receipt.block_number
        deadline = time.monotonic() + self._timeout
        while True:
            found = self._client.transaction_of(key, digest, batch=batch)
            head = int(self._account.deployment.pool.request("eth_blockNumber", []), 16)
            if head - found[1] + 1 >= self._account.manager.confirmations:
                return found
            if time.monotonic() >= deadline:
                raise ConfirmationTimeoutError(
                    f"transaction {found[0]} verified {digest.hex()} and has not the "
                    f"{self._account.manager.confirmations} confirmations yet: ask again"
                )
            time.sleep(0.2)

    @staticmethod
    def _still_good(record: VerificationRecord | None, digest: bytes) -> VerificationRecord:
        if record is None or not record.good:
            raise QuantumError(f"the verification of {digest.hex()} counts no more: its key was revoked, ask again")
        return record

    # -- the cache ---------------------------------------------------------------------------------------------------

    def _name(self, kind: str, key: WorkingKey, digest: bytes) -> str:
        domain = self._client.domain
        return f"quantum/{kind}/{domain.chain_id}/{domain.contract}/{key.id.hex()}/{digest.hex()}"

    def _remembered(self, name: str, digest: bytes, level: int, key: WorkingKey) -> VerificationResult | None:
        raw = self._recall(name)
        if raw is None:
            return None
        return VerificationResult.of_bytes(raw, data_hash=digest, level=level, scheme=key.scheme, key=key.id)

    def _recall(self, name: str) -> bytes | None:
        try:
            return None if self._cache is None else self._cache.get(name)
        except NovaCronError as error:  # a cache that fails is an empty one
            _log.warning("the cache does not answer: %s", error)
            return None

    def _remember(self, name: str, value: bytes, seconds: int) -> None:
        try:
            if self._cache is not None:
                self._cache.put(name, value, seconds)
        except NovaCronError as error:
            _log.warning("the cache takes nothing: %s", error)

    # -- alerts ------------------------------------------------------------------------------------------------------

    async def _alerting(
        self, work: Coroutine[Any, Any, T], level: int, *, digest: bytes | None = None, count: int = 1
    ) -> T:
        outcome = (await asyncio.gather(work, return_exceptions=True))[0]
        if not isinstance(outcome, BaseException):
            return outcome
        known = level if type(level) is int else -1
        key = self._keys.get(LEVELS[known]) if known in LEVELS else None
        alert = Alert(
            error=type(outcome).__name__,
            # A foreign exception may quote what it was given; the words of ours do not.
            message=str(outcome) if isinstance(outcome, NovaCronError) else "unexpected; see the log",
            security_level=known,
            data_hash=None if digest is None else digest.hex(),
            key=None if key is None else key.id.hex(),
            count=count,
            timestamp=int(self._clock()),
        )
        told = await asyncio.gather(*(asyncio.to_thread(sink, alert) for sink in self._alerts), return_exceptions=True)
        for sink, answer in zip(self._alerts, told, strict=True):
            if isinstance(answer, BaseException):
                _log.error("%s could not be told of a failure: %s", type(sink).__name__, type(answer).__name__)
        raise outcome


def _digest(data: Any) -> bytes:
    if isinstance(data, Path):
        return build_manifest(data).root
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"a datum is bytes or the Path of a file or folder, not {type(data).__name__}")
    return sha256(bytes(data))
