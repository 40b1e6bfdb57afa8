"""How monitors hand each other what they signed: each serves it over HTTP, or puts it into a folder that all can read.

Nothing that comes in is believed: it is parsed strictly and its signature checked before anything is done with it. What
goes out is public. A monitor serves all it has verified, its own and others', so that two which cannot reach each other
meet through a third.
"""

from __future__ import annotations

import errno
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from novacron.atomic import write_atomically
from novacron.compute.measurements import SignedMeasurement
from novacron.compute.monitor.specification import split_url
from novacron.compute.monitor.transport import FAULTS, Deadline, ask
from novacron.exceptions import MeasurementError, StoreError
from novacron.stores import translate_errors

#: Largest answer that is read: 32 monitors × 8 guarantees of well under 1 KiB each.
LARGEST_ANSWER = 512 * 1024
_LARGEST_FILE = 4 * 1024
_TIMEOUT = 10.0
_CONNECTIONS = 32
_PATH = re.compile(r"/v1/measurements/([0-9]{1,18})/([0-9]{1,18})")

#: Reads what is known of (agreement, window).
Known = Callable[[int, int], Sequence[SignedMeasurement]]


class Exchange(Protocol):
    """A way to other monitors."""

    def publish(self, signed: SignedMeasurement) -> None:
        """Let others have a measurement; repeating it does no harm. Raises StoreError."""

    def collect(self, sla_id: int, window: int) -> Iterator[SignedMeasurement | MeasurementError]:
        """What others have, unverified, and a MeasurementError for each source or item that is of no use."""


class PeerExchange:
    """Asks peers over HTTP. They get what we have from our `MeasurementServer`.

    Args:
        url: of the peer's server, http or https.

    Raises:
        InputError: not such a URL.
    """

    def __init__(self, url: str, *, timeout: float = _TIMEOUT, context: ssl.SSLContext | None = None) -> None:
        parts = split_url(url, "peer", ("http", "https"))
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None

    def publish(self, signed: SignedMeasurement) -> None:
        """Nothing: peers fetch."""

    def collect(self, sla_id: int, window: int) -> Iterator[SignedMeasurement | MeasurementError]:
        """What the peer serves of a window."""
        parts = urlsplit(f"{self.url}/v1/measurements/{sla_id}/{window}")
        deadline = Deadline(time.monotonic() + self._timeout, time.monotonic)
        try:
            answer = ask(parts, deadline, limit=LARGEST_ANSWER + 1, context=self._context)
        except FAULTS as error:
            yield MeasurementError(f"peer {self.url} does not answer ({type(error).__name__})")
            return
        if answer.status != 200 or len(answer.body) > LARGEST_ANSWER:
            problem = f"status {answer.status}" if answer.status != 200 else f"more than {LARGEST_ANSWER} bytes"
            yield MeasurementError(f"peer {self.url} answered {problem}")
            return
        yield from _parsed(answer.body, f"peer {self.url}")


class FolderExchange:
    """A folder that all monitors can write and read, such as a shared or synchronised one: one small file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, signed: SignedMeasurement) -> None:
        """Write the file, unless it is there."""
        one = signed.measurement
        path = self.folder / f"{one.sla_id}-{one.window}-{one.guarantee}-{signed.monitor}.json"
        text = json.dumps({"measurements": [signed.to_dict()]}) + "\n"
        with translate_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_bytes() == text.encode():
                return
        write_atomically(path, text)

    def collect(self, sla_id: int, window: int) -> Iterator[SignedMeasurement | MeasurementError]:
        """What the files of a window hold."""
        for path in sorted(self.folder.glob(f"{sla_id}-{window}-*.json")):
            try:
                with path.open("rb") as file:
                    raw = file.read(_LARGEST_FILE + 1)
            except OSError as error:
                yield MeasurementError(f"{path.name} cannot be read: {error.strerror}")
                continue
            if len(raw) > _LARGEST_FILE:
                yield MeasurementError(f"{path.name} is larger than {_LARGEST_FILE} bytes: no measurement")
                continue
            yield from _parsed(raw, path.name)


class MeasurementServer:
    """Serves what a monitor knows: `GET /v1/measurements/<agreement>/<window>`. A context manager.

    Args:
        host, port: where to listen; port 0 takes a free one.
        known: reads what is known.

    Raises:
        StoreError: the address is taken or not this machine's.
    """

    def __init__(self, host: str, port: int, known: Known) -> None:
        try:
            self._server = _Server((host, port), _handler(known))
        except OSError as error:
            raise StoreError(_cannot_listen(host, port, error)) from error
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> MeasurementServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use: another monitor, or another program, listens there; stop that one, or "
            "set another port as listen in the monitor's file, and tell the peers"
        )
    return (
        f"cannot listen on port {port} of {host} ({error.strerror or type(error).__name__}): set listen in the "
        'monitor\'s file to an address of this machine and a port from 1024 on, such as "127.0.0.1:8645"'
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):  # a crowd is turned away; peers ask again in the next round
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: what a stranger's connection died of is not our output's business."""


def _handler(known: Known) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "novacron-monitor", ""
        timeout = _TIMEOUT

        def do_GET(self) -> None:
            found = _PATH.fullmatch(self.path)
            if found is None:
                self.send_error(404)
                return
            try:
                measurements = known(int(found[1]), int(found[2]))
            except StoreError:
                self.send_error(503)
                return
            body = json.dumps({"measurements": [one.to_dict() for one in measurements]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return Handler


def _parsed(raw: bytes, source: str) -> Iterator[SignedMeasurement | MeasurementError]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        yield MeasurementError(f"{source}: no JSON")
        return
    items = value.get("measurements") if isinstance(value, dict) else None
    if not isinstance(items, list):
        yield MeasurementError(f"{source}: no list of measurements")
        return
    for item in items:
        try:
            yield SignedMeasurement.from_dict(item)
        except MeasurementError as error:
            yield MeasurementError(f"{source}: {error}")
