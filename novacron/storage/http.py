"""HTTP for remote block stores: one request at a time, a deadline, a limit on the answer, no credential in any message.

The standard library's `http.client`, as in `novacron.chain.transport` and for its reason: nothing logs what is sent.
Redirects are not followed, since a signed or authorised request must not be carried elsewhere; proxies are not used.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from novacron.chain.transport import mask_url
from novacron.exceptions import ConfigurationError, StorageUnavailableError

#: Attempts of a request, all of which may be repeated; seconds between them grow from `FIRST_WAIT`.
ATTEMPTS = 4
FIRST_WAIT = 0.2

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_REPEATABLE = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """An answer: the status, headers with names in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpError(StorageUnavailableError):
    """No answer, or not a whole one."""


@dataclass(frozen=True)
class Address:
    """Where a server is. Made by `parse_address`, holds no credentials."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def label(self) -> str:
        """What messages call it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is this machine's loopback."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_address(url: str, what: str, *, allow_http: bool, sends_credentials: bool) -> Address:
    """The address in a URL.

    Args:
        url: http or https, a host, perhaps a port and a path. Credentials in it are refused: they come from the
            environment.
        what: how a message names it.
        allow_http: send credentials unencrypted beyond this machine.
        sends_credentials: whether requests will carry any.

    Raises:
        ConfigurationError: malformed, with credentials, or unencrypted beyond this machine with credentials to send.
    """
    shown = mask_url(url)
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{what} {shown} is malformed: give https://host:port") from None
    if "@" in parts.netloc:
        raise ConfigurationError(f"{what} {shown} holds credentials; give them in the environment instead")
    plain = _PATH.fullmatch(parts.path) is not None and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise ConfigurationError(f"{what} {shown} is malformed: give https://host:port")
    secure = parts.scheme == "https"
    address = Address(secure, host, port or (443 if secure else 80), parts.path.rstrip("/"))
    if not secure and sends_credentials and not address.local and not allow_http:
        raise ConfigurationError(
            f"{what} {shown} would send credentials unencrypted: use https, or set NOVACRON_STORAGE_ALLOW_HTTP=1 in a "
            "network where nobody listens"
        )
    return address


class HttpClient:
    """Requests to one address. Safe under threads (a connection each) and after a fork."""

    def __init__(self, address: Address, *, timeout: float = 60.0) -> None:
        """Args: `timeout` is the seconds that one attempt may take."""
        self.address = address
        self._timeout = timeout
        self._local = threading.local()
        self._tls = ssl.create_default_context() if address.secure else None

    def __repr__(self) -> str:
        return f"<HttpClient {self.address.label}>"

    def close(self) -> None:
        """Close this thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    def attempt(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, limit: int
    ) -> Answer | HttpError:
        """One attempt. A failure is returned rather than raised, so that no context exception can hold the request.

        Args:
            target: path and query as they go over the wire.
            limit: most bytes of the body to read; a longer one is cut after `limit` + 1 bytes.
        """
        deadline = time.monotonic() + self._timeout
        label = self.address.label
        try:
            connection = self._connection()
            connection.request(method, target, body or None, dict(headers))
            response = connection.getresponse()
            answer = self._read(response, connection, deadline, limit)
            if response.will_close or len(answer.body) > limit:
                self.close()
            return answer
        except TimeoutError:
            reason = "did not answer in time"
        except ConnectionRefusedError:
            reason = "refused the connection"
        except socket.gaierror:
            reason = "has a host name that does not resolve"
        except ssl.SSLError as error:
            reason = f"failed the TLS handshake ({error.reason or 'unknown reason'})"
        except (http.client.HTTPException, OSError) as error:
            reason = f"broke off ({type(error).__name__})"
        self.close()
        return HttpError(f"{label} {reason}")

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and self._local.pid == os.getpid():
            if connection.sock is not None:
                connection.sock.settimeout(self._timeout)
            return connection
        address = self.address
        if self._tls is not None:
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=self._timeout, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        self._local.connection, self._local.pid = connection, os.getpid()
        return connection

    @staticmethod
    def _read(
        response: http.client.HTTPResponse, connection: http.client.HTTPConnection, deadline: float, limit: int
    ) -> Answer:
        chunks: list[bytes] = []
        total = 0
        # read1 returns what has arrived, so a server that drips bytes cannot stretch the deadline.
        while total <= limit and (chunk := response.read1(min(1 << 20, limit + 1 - total))):
            total += len(chunk)
            chunks.append(chunk)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
        if total <= limit:
            if response.length and response.status != 204:  # Content-Length promised more
                raise http.client.IncompleteRead(b"", response.length)
            response.close()  # read1 leaves a fully read answer open, and the connection with it
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, b"".join(chunks))


def is_repeatable(answer: Answer) -> bool:
    """Whether the same request may succeed later: rate limit, or a server's passing error."""
    return answer.status in _REPEATABLE


def wait_before(attempt: int) -> None:
    """Sleep before attempt `attempt` (1 is the first repetition): 0.2, 0.4, 0.8 seconds."""
    time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
