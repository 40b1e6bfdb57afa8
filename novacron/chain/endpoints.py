"""Several RPC endpoints used as one: health, latency choice, failover, rate limits, circuit breaking.

The pool believes no answer it can check: wrong ids, wrong types, another chain and contradictory results make an
endpoint fail, and the next one is asked. Requests that must not be sent twice are never repeated once they may have
reached a node; `eth_sendRawTransaction` may be, since equal bytes are one transaction.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from novacron.chain.endpoint import Answer, Endpoint, EndpointHealth, Reader, repeatable, unwrap
from novacron.chain.errors import ErrorKind, classify, kind_of
from novacron.chain.transport import TransportError
from novacron.exceptions import (
    ChainError,
    ChainUnavailableError,
    ConfigurationError,
    InconsistentEndpointError,
    RetryableError,
    WrongChainError,
)

if TYPE_CHECKING:
    from web3 import Web3

log = logging.getLogger(__name__)
T = TypeVar("T")

_BATCH = 100


@dataclass(frozen=True)
class Delivery:
    """What became of signed bytes.

    Attributes:
        answer: the node's answer, `{"result": …}` or `{"error": {…}}`; None when no endpoint gave a final one.
        failure: why there is no answer.
        doubtful: an endpoint may have taken the bytes without saying so, whatever another one answered.
    """

    answer: Answer | None
    failure: ChainError | None
    doubtful: bool

    def get(self) -> Answer:
        """The answer; raises the failure where there is none."""
        if self.answer is None:
            raise self.failure or RetryableError("no endpoint answered")
        return self.answer


class EndpointPool:
    """RPC endpoints of one chain.

    Args:
        urls: http(s) addresses, preferred first while no latency is known.
        chain_id: EIP-155 id every endpoint must serve; None takes that of the first endpoint to answer.
        timeout: seconds one request to one endpoint may take.
        max_time: seconds one call may take over all retries.
        retries: rounds over all usable endpoints.
        backoff: first pause between rounds in seconds; doubles, with jitter.
        failure_threshold: failures in a row after which an endpoint is left alone.
        cooldown: seconds it is left alone, doubling with each further failure, at most 60.
        max_lag: blocks behind the best head from which an endpoint is used only when no other answers.
        health_interval: seconds between background health checks with two or more endpoints; None for never.

    Raises:
        ConfigurationError: no URL, or a malformed one.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None = None,
        timeout: float = 10.0,
        max_time: float = 30.0,
        retries: int = 4,
        backoff: float = 0.2,
        failure_threshold: int = 3,
        cooldown: float = 5.0,
        max_lag: int = 3,
        health_interval: float | None = 60.0,
    ) -> None:
        if isinstance(urls, str) or not urls:
            raise ConfigurationError("give the RPC addresses as a list with at least one URL")
        if timeout <= 0 or max_time <= 0 or retries < 1:
            raise ConfigurationError("timeout and max_time must be positive, retries at least 1")
        self._endpoints = [Endpoint(url, number) for number, url in enumerate(dict.fromkeys(urls))]
        self._configured = chain_id
        self._chain_id = chain_id
        self._timeout, self._max_time, self._retries = timeout, max_time, retries
        self._backoff, self._threshold, self._cooldown = backoff, failure_threshold, cooldown
        self._max_lag, self._health_interval = max_lag, health_interval
        self._lock = threading.RLock()
        self._checked_at = float("-inf")
        self._w3: Web3 | None = None

    def __repr__(self) -> str:
        return f"<EndpointPool {', '.join(self.labels)}>"

    def __enter__(self) -> EndpointPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def labels(self) -> tuple[str, ...]:
        """The endpoints' addresses with every credential hidden."""
        return tuple(endpoint.label for endpoint in self._endpoints)

    def __len__(self) -> int:
        return len(self._endpoints)

    # -- requests ----------------------------------------------------------------------------------------------------

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Result of one JSON-RPC method.

        Raises:
            ChainUnavailableError: no endpoint answered; `causes` names each reason.
            WrongChainError: every endpoint serves another chain.
            RevertedError, RejectedError, RetryableError: what the node answered, sorted by `errors.classify`.
        """
        return unwrap(self.exchange(method, params), method, "node")

    def exchange(self, method: str, params: Sequence[Any]) -> Answer:
        """As `request`, but a node's final error comes back as `{"error": {…}}` instead of an exception."""

        def ask(endpoint: Endpoint) -> Answer:
            return endpoint.exchange(method, params, self._timeout)

        return self._run(ask, idempotent=repeatable(method))

    def broadcast(self, raw: bytes) -> Delivery:
        """Send a signed transaction. A refusal counts as definite only where no endpoint may have taken the bytes.

        In doubt is every endpoint that was reached and gave no final answer: it timed out, broke off, sent garbage,
        or answered with an error that passes (a gateway's, for instance).
        """
        doubtful = False

        def ask(endpoint: Endpoint) -> Answer:
            nonlocal doubtful
            try:
                answer = endpoint.exchange("eth_sendRawTransaction", ["0x" + raw.hex()], self._timeout)
            except ChainError as error:
                doubtful = doubtful or getattr(error, "sent", True)
                raise
            doubtful = doubtful or _error_kind(answer) is ErrorKind.RETRYABLE
            return answer

        try:
            return Delivery(self._run(ask), None, doubtful)
        except ChainError as error:
            return Delivery(None, error, doubtful)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results of several methods, in order, from one endpoint per hundred calls.

        Raises:
            As `request`, for the first call that failed.
        """
        results: list[Any] = []
        for start in range(0, len(calls), _BATCH):
            results += self.on_one(methodcaller("batch", calls[start : start + _BATCH]))
        return results

    def batch_exchange(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Answer]:
        """As `batch`, but each answer is `{"result": …}` or `{"error": {…}}`."""
        answers: list[Answer] = []
        for start in range(0, len(calls), _BATCH):
            answers += self._run(methodcaller("exchange_many", calls[start : start + _BATCH], self._timeout))
        return answers

    def on_one(self, read: Callable[[Reader], T]) -> T:
        """Run several requests against one endpoint, so that their answers can be compared with each other.

        Args:
            read: called with a Reader; may raise InconsistentEndpointError to have the endpoint marked and the next
                one asked. It may run more than once.
        """
        return self._run(lambda endpoint: read(Reader(endpoint, self._timeout)))

    def each(self, read: Callable[[Reader], T]) -> list[tuple[str, T | ChainError]]:
        """Run `read` once against every usable endpoint; failures come back as the error itself."""
        results: list[tuple[str, T | ChainError]] = []
        for endpoint in self._ordered():
            if max(endpoint.closed_until, endpoint.limited_until) > time.monotonic():
                results.append((endpoint.label, endpoint.last_failure()))
                continue
            try:
                self._verify(endpoint)
                results.append((endpoint.label, read(Reader(endpoint, self._timeout))))
            except ChainError as error:
                if isinstance(error, (TransportError, InconsistentEndpointError, WrongChainError)):
                    self._failed(endpoint, error)
                results.append((endpoint.label, error))
        return results

    def chain_id(self) -> int:
        """EIP-155 id of the chain all endpoints must serve."""
        if self._chain_id is None:
            self.on_one(lambda reader: reader.label)  # verifying an endpoint settles the id
        assert self._chain_id is not None
        return self._chain_id

    @property
    def w3(self) -> Web3:
        """A Web3 whose every request goes through this pool."""
        with self._lock:
            if self._w3 is None:
                from novacron.chain.provider import web3_over

                self._w3 = web3_over(self)
            return self._w3

    def close(self) -> None:
        """Close this thread's connections."""
        for endpoint in self._endpoints:
            endpoint.transport.close()

    # -- health ------------------------------------------------------------------------------------------------------

    def health(self) -> list[EndpointHealth]:
        """Ask every endpoint for chain id and head, all at once; updates what the pool prefers."""
        with ThreadPoolExecutor(len(self._endpoints), thread_name_prefix="novacron-health") as workers:
            list(workers.map(self._probe, self._endpoints))
        best = self._best_head()
        return [
            EndpointHealth(
                endpoint.label,
                endpoint.error is None,
                endpoint.chain_id,
                endpoint.head,
                None if endpoint.head is None or best is None else best - endpoint.head,
                endpoint.latency,
                endpoint.error,
            )
            for endpoint in self._endpoints
        ]

    def _probe(self, endpoint: Endpoint) -> None:
        try:
            self._verify(endpoint, always=True)
            endpoint.exchange("eth_blockNumber", [], self._timeout)
        except ChainError as error:
            self._failed(endpoint, error)
        finally:
            endpoint.transport.close()  # the connection of this short-lived thread

    def _best_head(self) -> int | None:
        heads = [e.head for e in self._endpoints if e.head is not None and e.error is None]
        return max(heads, default=None)

    def _check_in_background(self) -> None:
        if self._health_interval is None or len(self._endpoints) < 2:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._checked_at < self._health_interval:
                return
            self._checked_at = now
        for endpoint in self._endpoints:
            threading.Thread(target=self._probe, args=(endpoint,), daemon=True, name="novacron-health").start()

    def _ordered(self) -> list[Endpoint]:
        """Endpoints in order of preference: up to date before lagging, then the fastest, then as configured."""
        best = self._best_head()

        def rank(endpoint: Endpoint) -> tuple[bool, float, int]:
            lagging = best is not None and endpoint.head is not None and best - endpoint.head > self._max_lag
            # An untried endpoint ranks behind one that answers, before one that failed.
            latency = endpoint.latency if endpoint.latency is not None else self._timeout / 2
            return lagging, latency + (self._timeout if endpoint.failures else 0.0), endpoint.number

        return sorted(self._endpoints, key=rank)

    def _verify(self, endpoint: Endpoint, *, always: bool = False) -> None:
        """Refuse an endpoint of another chain; asked at first use, after failures and every minute."""
        now = time.monotonic()
        if not always and now - endpoint.verified_at < 60.0:
            return
        answer = endpoint.exchange("eth_chainId", [], self._timeout)
        if "error" in answer:
            raise classify(answer["error"], context=endpoint.label)
        found = int(answer["result"], 16)
        with self._lock:
            endpoint.chain_id = found
            if self._chain_id is None:
                self._chain_id = found
            expected = self._chain_id
        if found != expected:
            endpoint.verified_at = float("-inf")
            raise WrongChainError(f"{endpoint.label} serves chain {found}, expected {expected}; it is not used")
        endpoint.verified_at = now

    # -- failover ----------------------------------------------------------------------------------------------------

    def _failed(self, endpoint: Endpoint, error: ChainError) -> None:
        now = time.monotonic()
        with self._lock:
            endpoint.failures += 1
            endpoint.error = str(error)
            endpoint.wrong_chain = isinstance(error, WrongChainError)
            endpoint.verified_at = float("-inf")
            if isinstance(error, TransportError) and error.retry_after is not None:
                endpoint.limited_until = now + error.retry_after
            elif isinstance(error, WrongChainError) or endpoint.failures >= self._threshold:
                extra = max(0, endpoint.failures - self._threshold)
                endpoint.closed_until = now + min(self._cooldown * 2 ** min(extra, 10), 60.0)
        log.warning("RPC endpoint failed: %s", error)

    def _run(self, ask: Callable[[Endpoint], T], *, idempotent: bool = True) -> T:
        """Try endpoints in order of preference until one gives a final answer."""
        self._check_in_background()
        deadline = time.monotonic() + self._max_time
        causes: dict[int, ChainError] = {}
        answered: list[tuple[T | None, ChainError | None]] = []
        for attempt in range(self._retries):
            again = False
            for endpoint in self._ordered():
                now = time.monotonic()
                if now >= deadline:
                    break
                if endpoint.closed_until > now or endpoint.limited_until > now:
                    causes.setdefault(endpoint.number, endpoint.last_failure())
                    continue
                try:
                    self._verify(endpoint)
                    result = ask(endpoint)
                except (TransportError, InconsistentEndpointError, WrongChainError) as error:
                    self._failed(endpoint, error)
                    causes[endpoint.number] = error
                    if not idempotent and getattr(error, "sent", True) and not isinstance(error, WrongChainError):
                        raise ChainUnavailableError(f"{error}; not repeated, it may have taken effect") from None
                    continue
                except RetryableError as error:  # an answer of the node; others are final and propagate
                    answered.append((None, error))
                    again = True
                    continue
                kind = _error_kind(result)
                if kind not in (ErrorKind.RETRYABLE, ErrorKind.UNSUPPORTED):
                    return result
                answered.append((result, None))
                again = again or kind is ErrorKind.RETRYABLE
            if (answered and not again) or not self._pause(attempt, deadline, bool(answered)):
                break
        if answered:
            last, failure = answered[-1]
            if failure is not None:
                raise failure
            assert last is not None
            return last
        raise self._unavailable(causes)

    def _pause(self, attempt: int, deadline: float, answered: bool) -> bool:
        """Wait before the next round; False when there is no point in one."""
        now = time.monotonic()
        if attempt + 1 >= self._retries:
            return False
        delay = self._backoff * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        waits = [max(e.closed_until, e.limited_until) - now for e in self._endpoints]
        if not answered and min(waits) > 0:
            if all(e.closed_until > now for e in self._endpoints):
                return False  # every circuit is open: fail fast, the caller may have other work
            delay = max(delay, min(waits) + 0.001)
        if now + delay >= deadline:
            return False
        time.sleep(delay)
        return True

    def _unavailable(self, causes: dict[int, ChainError]) -> ChainError:
        if len(causes) == len(self._endpoints) and all(isinstance(c, WrongChainError) for c in causes.values()):
            return WrongChainError("; ".join(str(cause) for cause in causes.values()))
        if len(self._endpoints) == 1 and len(causes) == 1:
            only = next(iter(causes.values()))
            if isinstance(only, InconsistentEndpointError):
                return only
        texts = [str(causes[number]) for number in sorted(causes)] or ["time is up"]
        return ChainUnavailableError(f"no RPC endpoint answers: {'; '.join(texts)}", texts)


def _error_kind(result: object) -> ErrorKind | None:
    if isinstance(result, dict) and isinstance(result.get("error"), dict):
        return kind_of(result["error"])
    return None
