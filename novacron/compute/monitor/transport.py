"""HTTP and TCP within one deadline: name resolution, connecting, TLS, asking and reading share the same few seconds.

`http.client` gives each read a time-out of its own, so that a server which sends a byte now and then keeps it for as
long as it likes. Here every operation gets what is left. Redirects are not followed, proxies of the environment are
not used.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import SplitResult

PORTS = {"http": 80, "https": 443}
_CHUNK = 16 * 1024

#: Faults of this machine, not of who was asked.
OWN_FAULTS = frozenset(
    {errno.ENETDOWN, errno.ENETUNREACH, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
    | {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
)
#: What asking can raise: no answer (OSError), a malformed one (HTTPException, ValueError).
FAULTS = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True)
class Deadline:
    """A moment of a monotonic clock, in seconds."""

    at: float
    clock: Callable[[], float]

    def left(self) -> float:
        """Seconds that are left. Raises TimeoutError when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the body is empty unless its status was wanted, and never longer than the limit."""

    status: int
    body: bytes


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A TCP connection to the first address that accepts one. Raises OSError."""
    problem: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = deadline.left()
        try:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(left)
                sock.connect(address)
            except OSError:
                sock.close()
                raise
        except OSError as error:
            # An address family that this machine lacks must not hide what the other one said.
            if problem is None or problem.errno in OWN_FAULTS:
                problem = error
        else:
            return sock
    raise problem or OSError(errno.EHOSTUNREACH, "no address")


def ask(
    parts: SplitResult,
    deadline: Deadline,
    *,
    method: str = "GET",
    wanted: Collection[int] = (200,),
    limit: int,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """One HTTP request.

    Args:
        parts: an http or https URL.
        wanted: statuses whose body is read.
        limit: most bytes of the body that are read; the rest stays with the server.
        context: TLS settings, needed for https.

    Raises:
        OSError, http.client.HTTPException, ValueError: no answer, or a malformed one.
    """
    host = parts.hostname or ""
    with connect(host, parts.port or PORTS[parts.scheme], deadline) as sock:
        if parts.scheme == "http":
            return _exchange(sock, parts, deadline, method, wanted, limit)
        assert context is not None, "https needs TLS settings"
        sock.settimeout(deadline.left())
        with context.wrap_socket(sock, server_hostname=host) as tls:
            return _exchange(tls, parts, deadline, method, wanted, limit)


def _exchange(
    sock: socket.socket, parts: SplitResult, deadline: Deadline, method: str, wanted: Collection[int], limit: int
) -> Answer:
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.sock = _Deadlined(sock, deadline)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc, "User-Agent": "novacron-monitor", "Accept": "*/*", "Connection": "close"}
    connection.request(method, target, headers=headers)
    with connection.getresponse() as response:
        body = _body(response, limit) if response.status in wanted else b""
        return Answer(response.status, body)


def _body(response: http.client.HTTPResponse, limit: int) -> bytes:
    found = bytearray()
    while len(found) < limit:
        chunk = response.read(min(_CHUNK, limit - len(found)))
        if not chunk:
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            break
        found += chunk
    return bytes(found)


class _Deadlined:
    """A socket whose every operation gets only the time that is left for all of them."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> IO[bytes]:  # noqa: ARG002 - http.client asks for "rb"
        return io.BufferedReader(_DeadlinedReader(self._sock, self._deadline), _CHUNK)

    def close(self) -> None:
        """Nothing: http.client closes before it has read the answer, and relies on sockets that count their readers."""


class _DeadlinedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)
