"""One RPC endpoint: validated single and batched requests, and what is known about its health."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from novacron.chain.answers import check_answer
from novacron.chain.errors import ErrorKind, classify, kind_of
from novacron.chain.transport import HttpTransport, TransportError
from novacron.exceptions import ChainError, ChainUnavailableError, InconsistentEndpointError, WrongChainError

Answer = dict[str, Any]

#: Weight of the newest latency sample.
_EWMA = 0.3
#: Methods whose repetition changes state; prefixes of development nodes included.
_NOT_IDEMPOTENT = ("eth_sendTransaction", "personal_", "evm_", "anvil_", "hardhat_", "eth_new", "miner_", "admin_")


def repeatable(method: str) -> bool:
    """Whether a request may be sent again when it is unknown if the first one arrived."""
    return not method.startswith(_NOT_IDEMPOTENT)


@dataclass(frozen=True)
class EndpointHealth:
    """State of one endpoint. `label` hides credentials; latency in seconds, lag in blocks behind the best head."""

    label: str
    healthy: bool
    chain_id: int | None
    head: int | None
    lag: int | None
    latency: float | None
    error: str | None


class Endpoint:
    """One address and what is known about it. Created and driven by EndpointPool."""

    def __init__(self, url: str, number: int) -> None:
        self.transport = HttpTransport(url)
        self.label = self.transport.label if number == 0 else f"{self.transport.label} (#{number + 1})"
        self.number = number
        self.latency: float | None = None
        self.head: int | None = None
        self.chain_id: int | None = None
        self.verified_at = float("-inf")
        self.failures = 0
        self.closed_until = 0.0  # circuit broken
        self.limited_until = 0.0  # rate limit
        self.error: str | None = None
        self.wrong_chain = False
        self.batches = True
        self._ids = itertools.count(1)

    def __repr__(self) -> str:
        return f"<Endpoint {self.label}>"

    def exchange(self, method: str, params: Sequence[Any], timeout: float) -> Answer:
        """One request; the answer is validated. Raises TransportError, InconsistentEndpointError."""
        request_id = next(self._ids)
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        started = time.monotonic()
        # Signed bytes may be sent twice, but not unseen: a first, unanswered sending is what `broadcast` must know of.
        quiet = repeatable(method) and method != "eth_sendRawTransaction"
        answer = self.transport.post(request, timeout, idempotent=quiet)
        checked = check_answer(self.label, method, params, answer, request_id)
        self.observe(time.monotonic() - started)
        if method == "eth_blockNumber" and "result" in checked:
            self.head = int(checked["result"], 16)
        return checked

    def exchange_many(self, calls: Sequence[tuple[str, Sequence[Any]]], timeout: float) -> list[Answer]:
        """Several requests in one batch (JSON-RPC 2.0 section 6), or one by one where the node takes no batches."""
        if not self.batches or len(calls) < 2:
            return [self.exchange(method, params, timeout) for method, params in calls]
        ids = [next(self._ids) for _ in calls]
        document = [
            {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
            for request_id, (method, params) in zip(ids, calls, strict=True)
        ]
        safe = all(repeatable(method) for method, _ in calls)
        started = time.monotonic()
        answers = self.transport.post(document, timeout, idempotent=safe)
        if isinstance(answers, dict) and isinstance(answers.get("error"), dict):
            if kind_of(answers["error"]) is ErrorKind.RETRYABLE:
                raise TransportError(f"{self.label} limits batches at the moment")
            self.batches = False
            return [self.exchange(method, params, timeout) for method, params in calls]
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise InconsistentEndpointError(f"{self.label} answered a batch of {len(calls)} with something else")
        by_id = {a["id"]: a for a in answers if isinstance(a, dict) and isinstance(a.get("id"), int)}
        self.observe(time.monotonic() - started)
        return [
            check_answer(self.label, method, params, by_id.get(request_id), request_id)
            for request_id, (method, params) in zip(ids, calls, strict=True)
        ]

    def observe(self, seconds: float) -> None:
        """Count a success and its latency."""
        self.latency = seconds if self.latency is None else (1 - _EWMA) * self.latency + _EWMA * seconds
        self.failures, self.closed_until, self.error = 0, 0.0, None

    def last_failure(self) -> ChainError:
        """Why it is left alone at the moment."""
        reason = self.error or f"{self.label} is left alone after failures"
        return WrongChainError(reason) if self.wrong_chain else ChainUnavailableError(reason)


class Reader:
    """Requests pinned to one endpoint, for reads that must agree with each other. See EndpointPool.on_one."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint, self._timeout = endpoint, timeout
        self.label = endpoint.label
        self.number = endpoint.number

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """As EndpointPool.request, on this endpoint only."""
        return unwrap(self._endpoint.exchange(method, params, self._timeout), method, self.label)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """As EndpointPool.batch, on this endpoint only."""
        answers = self._endpoint.exchange_many(calls, self._timeout)
        return [unwrap(answer, call[0], self.label) for answer, call in zip(answers, calls, strict=True)]


def unwrap(answer: Answer, method: str, label: str) -> Any:
    """The result, or the node's error as an exception."""
    if "error" in answer:
        raise classify(answer["error"], context=f"{label} {method}")
    return answer["result"]
