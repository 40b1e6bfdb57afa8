"""One look at a service, and how long it took by a monotonic clock: from name resolution to the last byte read."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from novacron.compute.monitor.specification import Specification
from novacron.compute.monitor.transport import FAULTS, OWN_FAULTS, Deadline, ask, connect


@dataclass(frozen=True)
class Finding:
    """What a probe found: `failure` is None when the service answered as specified. Took microseconds."""

    took_us: int
    failure: str | None


class OwnFaultError(OSError):
    """This machine could not look: no network, no sockets, no memory. It says nothing about the service."""


class Probe(Protocol):
    """Something that looks at a service once."""

    def __call__(self) -> Finding:
        """Look. Raises OwnFaultError."""


class NetworkProbe:
    """Looks at the service of a specification over the network.

    Args:
        specification: what to look at.
        context: TLS settings; default: the system's trust store, host names checked.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        specification: Specification,
        *,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._specification, self._clock = specification, clock
        self._parts = specification.parts
        self._context = (context or ssl.create_default_context()) if self._parts.scheme == "https" else None

    def __call__(self) -> Finding:
        """Look once.

        Raises:
            OwnFaultError: the fault is this machine's.
        """
        began = self._clock()
        deadline = Deadline(began + self._specification.timeout / 1000, self._clock)
        try:
            failure = self._look(deadline)
        except FAULTS as error:
            if isinstance(error, OSError) and error.errno in OWN_FAULTS:
                raise OwnFaultError(error.errno, error.strerror) from error
            failure = _reason(error)
        ended = self._clock()
        if ended > deadline.at:  # name resolution cannot be interrupted, only judged afterwards
            failure = "timeout"
        return Finding(max(0, round((ended - began) * 1_000_000)), failure)

    def _look(self, deadline: Deadline) -> str | None:
        specification, parts = self._specification, self._parts
        if parts.scheme == "tcp":
            connect(parts.hostname or "", parts.port or 0, deadline).close()
            return None
        answer = ask(
            parts,
            deadline,
            method=specification.method,
            wanted=specification.status,
            limit=specification.body_limit,
            context=self._context,
        )
        if answer.status not in specification.status:
            return f"status {answer.status}"
        if specification.contains is not None and specification.contains not in answer.body:
            return "content"
        return None


def _reason(error: Exception) -> str:
    """A short word for a failure; the server's own words never get into the store."""
    words: tuple[tuple[type[Exception], str], ...] = (
        (TimeoutError, "timeout"),
        (ssl.SSLCertVerificationError, "tls certificate"),
        (ssl.SSLError, "tls"),
        (socket.gaierror, "name resolution"),
        (ConnectionRefusedError, "refused"),
        (ConnectionError, "connection lost"),
        (OSError, "connection"),
        (http.client.IncompleteRead, "incomplete answer"),
    )
    return next((word for kind, word in words if isinstance(error, kind)), "malformed answer")
