"""Alerts: who is told when something could not be verified. They hold identifiers and words, never data or keys."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from novacron.chain.transport import mask_url
from novacron.exceptions import ConfigurationError

_log = logging.getLogger("novacron.quantum")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Alert:
    """Something that was to be verified and was not.

    Attributes:
        error: class of the error, such as "RevertedError".
        message: the error's words.
        security_level: as it was asked for.
        data_hash: 64 hexadecimal digits; None where it did not come so far, or for several data.
        key: id of the working key, likewise.
        count: how many data.
        timestamp: Unix seconds.
    """

    error: str
    message: str
    security_level: int
    data_hash: str | None
    key: str | None
    count: int
    timestamp: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"event": "novacron.quantum.verification_failed", **asdict(self)}


class AlertSink(Protocol):
    """Somebody who is told. What it raises is logged and keeps nobody else from being told."""

    def __call__(self, alert: Alert) -> None:
        """Tell them."""


class LogAlerts:
    """Alerts as errors in a log.

    Args:
        logger: default "novacron.quantum".
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or _log

    def __call__(self, alert: Alert) -> None:
        self._logger.error("verification failed: %s", json.dumps(alert.to_dict(), sort_keys=True))


class CallbackAlerts:
    """Alerts as calls of a function."""

    def __init__(self, function: Callable[[Alert], object]) -> None:
        self._function = function

    def __call__(self, alert: Alert) -> None:
        self._function(alert)


class WebhookAlerts:
    """Alerts as JSON in a POST. Any 2xx answer will do; redirects are not followed.

    Args:
        url: https; http on this machine only. What it holds as a secret is never in a message.
        timeout: seconds.

    Raises:
        ConfigurationError: another kind of address.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._label = mask_url(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or "@" in parts.netloc or parts.scheme not in ("https", "http"):
            raise ConfigurationError(f"webhook {self._label} is no https address without credentials before its host")
        if parts.scheme == "http" and host not in _LOOPBACK:
            raise ConfigurationError(f"webhook {self._label}: http is for this machine only; give an https address")
        self._host, self._port, self._timeout = host, port, timeout
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def __repr__(self) -> str:
        return f"<WebhookAlerts {self._label}>"

    def __call__(self, alert: Alert) -> None:
        """Raises ConnectionError when it was not taken."""
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            if self._tls is None
            else http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        )
        trouble: str | None = None
        try:
            body = json.dumps(alert.to_dict()).encode()
            connection.request("POST", self._target, body, {"Content-Type": "application/json"})
            status = connection.getresponse().status
            trouble = None if 200 <= status < 300 else f"answered {status}"
        except (OSError, http.client.HTTPException) as error:
            trouble = type(error).__name__
        finally:
            connection.close()
        if trouble is not None:
            raise ConnectionError(f"webhook {self._label}: {trouble}")
