"""JSON-RPC over HTTP to one address: persistent connections, one deadline per call, no credential in any message.

The standard library's `http.client` is used on purpose: urllib3 logs the path of every request at DEBUG level, and many
providers put the API key into the path.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import json
import os
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from novacron.exceptions import ChainError, ConfigurationError, InconsistentEndpointError, RetryableError

#: Largest answer read, in bytes; a node that sends more is broken or hostile.
MAX_ANSWER = 128 * 1024 * 1024
#: Longest Retry-After honoured, in seconds.
MAX_RETRY_AFTER = 300.0


class TransportError(RetryableError):
    """One endpoint did not answer properly. `sent`: the request may have reached it; `dropped`: closed unanswered."""

    def __init__(
        self, message: str, *, sent: bool = True, retry_after: float | None = None, dropped: bool = False
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.dropped = dropped
        self.retry_after = retry_after


def mask_url(url: str) -> str:
    """The URL without user, password, path and query: what may be shown and logged.

    Providers put API keys into each of these places, so all of them become `***`.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "?", parts.port
    except ValueError:
        return "(malformed URL)"
    text = f"{parts.scheme}://" + ("***@" if "@" in parts.netloc else "")
    text += f"[{host}]" if ":" in host else host
    text += f":{port}" if port is not None else ""
    text += "/***" if parts.path not in ("", "/") else ""
    return text + ("?***" if parts.query else "")


@dataclass(frozen=True)
class _Target:
    secure: bool
    host: str
    port: int
    path: str
    headers: dict[str, str]
    proxy: tuple[str, int] | None

    def __repr__(self) -> str:
        return f"_Target({self.host}:{self.port})"


def _basic(user: str | None, password: str | None) -> str:
    pair = f"{urllib.parse.unquote(user or '')}:{urllib.parse.unquote(password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _proxy_for(scheme: str, host: str) -> urllib.parse.SplitResult | None:
    if host in ("localhost", "::1") or host.startswith("127.") or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(scheme)
    return urllib.parse.urlsplit(proxy) if proxy else None


def _target(url: str) -> _Target:
    label = mask_url(url)
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urllib.parse.SplitResult("", "", "", "", "")
    if parts.scheme not in ("http", "https") or not host:
        if url.isalpha() and len(url) < 20:  # a plain word holds neither a key nor a password
            label = repr(url)
        raise ConfigurationError(f"{label} is no RPC address: give http://host:port or https://host/path")
    secure = parts.scheme == "https"
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "novacron"}
    if parts.username is not None or parts.password is not None:
        headers["Authorization"] = _basic(parts.username, parts.password)
    port = port or (443 if secure else 80)
    proxy = _proxy_for(parts.scheme, host)
    if proxy is None or proxy.hostname is None:
        return _Target(secure, host, port, path, headers, None)
    if not secure:  # a plain proxy wants the absolute address; https goes through a tunnel instead
        path = f"http://{host}:{port}{path}"
        if proxy.username is not None:
            headers["Proxy-Authorization"] = _basic(proxy.username, proxy.password)
    return _Target(secure, host, port, path, headers, (proxy.hostname, proxy.port or 3128))


def _retry_after(value: str | None) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or an HTTP date."""
    if value is None:
        return None
    value = value.strip()
    if value.isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    parsed = email.utils.parsedate_to_datetime(value) if "," in value else None
    return None if parsed is None else min(max(parsed.timestamp() - time.time(), 0.0), MAX_RETRY_AFTER)


class HttpTransport:
    """Posts JSON documents to one URL. Safe under threads (a connection each) and after a fork."""

    def __init__(self, url: str) -> None:
        self.label = mask_url(url)
        self._target = _target(url)
        self._local = threading.local()
        self._tls = ssl.create_default_context() if self._target.secure else None

    def __repr__(self) -> str:
        return f"<HttpTransport {self.label}>"

    def post(self, document: Any, timeout: float, *, idempotent: bool = True) -> Any:
        """Send one JSON document, return the parsed answer.

        Args:
            document: a JSON-RPC request or a list of them.
            timeout: seconds for the whole exchange.
            idempotent: whether it may be sent again after a kept-alive connection was closed without an answer.

        Raises:
            TransportError: refused, timed out, cut off, rate limited, HTTP error without a JSON-RPC body.
            InconsistentEndpointError: the body is no JSON.
        """
        body = json.dumps(document, separators=(",", ":")).encode()
        deadline = time.monotonic() + timeout
        status, retry_after, answer = self._exchange(body, deadline, idempotent)
        failure: ChainError | None = None
        parsed: Any = None
        try:
            parsed = json.loads(answer)
        except (ValueError, RecursionError):
            failure = InconsistentEndpointError(f"{self.label} answered something that is no JSON")
        if status == 429:
            raise TransportError(f"{self.label} limits the rate (HTTP 429)", retry_after=_retry_after(retry_after))
        if status >= 300:
            # Some nodes send a JSON-RPC error with status 400 or 500; that is an answer, not a failure of transport.
            if failure is None and isinstance(parsed, dict) and isinstance(parsed.get("error"), dict):
                return parsed
            wait = _retry_after(retry_after) if status == 503 else None
            raise TransportError(f"{self.label} answered HTTP {status}", retry_after=wait)
        if failure is not None:
            raise failure
        return parsed

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    def _exchange(self, body: bytes, deadline: float, idempotent: bool) -> tuple[int, str | None, bytes]:
        reused = getattr(self._local, "connection", None) is not None and self._local.pid == os.getpid()
        outcome = self._try(body, deadline)
        if isinstance(outcome, TransportError) and reused and (not outcome.sent or (outcome.dropped and idempotent)):
            outcome = self._try(body, deadline)  # the server had closed the idle connection
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def _try(self, body: bytes, deadline: float) -> tuple[int, str | None, bytes] | TransportError:
        # The failure is returned, not raised inside the handler: a context exception could hold the URL.
        sent = dropped = False
        try:
            connection = self._connection(deadline)
            try:
                connection.request("POST", self._target.path, body, self._target.headers)
            except (BrokenPipeError, ConnectionResetError):
                self.close()
                return TransportError(f"{self.label} closed the connection", sent=False)
            sent = True
            response = connection.getresponse()
            answer = self._read(response, connection, deadline)
            if response.will_close:
                self.close()
            return response.status, response.getheader("Retry-After"), answer
        except TimeoutError:
            reason = "did not answer in time"
        except ConnectionRefusedError:
            reason = "refused the connection"
        except socket.gaierror:
            reason = "has a host name that does not resolve"
        except ssl.SSLError as error:
            reason = f"failed the TLS handshake ({error.reason or 'unknown reason'})"
        except (http.client.RemoteDisconnected, ConnectionResetError):
            reason, dropped = "closed the connection without an answer", True
        except (http.client.HTTPException, OSError) as error:
            reason = f"broke off ({type(error).__name__})"
        self.close()
        return TransportError(f"{self.label} {reason}", sent=sent, dropped=dropped)

    def _connection(self, deadline: float) -> http.client.HTTPConnection:
        left = max(deadline - time.monotonic(), 0.001)
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and self._local.pid == os.getpid():
            if connection.sock is not None:
                connection.sock.settimeout(left)
                return connection
            connection.close()
        host, port = self._target.proxy or (self._target.host, self._target.port)
        if self._tls is not None:
            connection = http.client.HTTPSConnection(host, port, timeout=left, context=self._tls)
            if self._target.proxy is not None:
                connection.set_tunnel(self._target.host, self._target.port)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=left)
        connection.connect()
        self._local.connection, self._local.pid = connection, os.getpid()
        return connection

    @staticmethod
    def _read(response: http.client.HTTPResponse, connection: http.client.HTTPConnection, deadline: float) -> bytes:
        # read1 returns what has arrived, so a server that drips bytes cannot stretch the deadline.
        chunks: list[bytes] = []
        total = 0
        while chunk := response.read1(1 << 20):
            total += len(chunk)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if total > MAX_ANSWER:
                raise http.client.HTTPException("answer too long")
            if connection.sock is not None:
                connection.sock.settimeout(left)
            chunks.append(chunk)
        if response.length:  # Content-Length promised more
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read1 leaves a fully read answer open, and the connection with it
        return b"".join(chunks)
