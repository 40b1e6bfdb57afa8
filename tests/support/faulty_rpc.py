"""A JSON-RPC proxy in front of a real node that misbehaves on demand.

    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_blockNumber", Garbage())

A rule sees each call and returns a fault or None. The proxy records every call it received.
"""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Call = tuple[str, list[Any]]


class Fault:
    """Base of all faults."""


@dataclass(frozen=True)
class Drop(Fault):
    """Close the connection without an answer, without asking the node."""


@dataclass(frozen=True)
class AcceptThenDrop(Fault):
    """Let the node do it, then die before answering."""


@dataclass(frozen=True)
class Hang(Fault):
    """Never answer (until the proxy stops)."""


@dataclass(frozen=True)
class Status(Fault):
    """An HTTP error."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Garbage(Fault):
    """These bytes instead of an answer."""

    body: bytes = b"<html>gateway</html>"


@dataclass(frozen=True)
class Drip(Fault):
    """An answer that arrives byte by byte and never ends."""


@dataclass(frozen=True)
class Answer(Fault):
    """A whole JSON-RPC answer of our own; `id` is filled in unless given."""

    members: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lie(Fault):
    """The node's result, changed."""

    change: Callable[[Any], Any]


Rule = Callable[[str, list[Any]], Fault | None]


def on(method: str, fault: Fault, times: int | None = None) -> Rule:
    """A rule that answers `method` ("*" for all) with a fault, the first `times` times."""
    left = [times]

    def rule(name: str, _: list[Any]) -> Fault | None:
        if method not in ("*", name) or left[0] == 0:
            return None
        if left[0] is not None:
            left[0] -= 1
        return fault

    return rule


def in_turn(method: str, *faults: Fault) -> Rule:
    """A rule that answers `method` with each fault once, in order, then with the last; proxies may share it."""
    left = list(faults)

    def rule(name: str, _: list[Any]) -> Fault | None:
        if name != method:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return rule


class FaultyRpc:
    """The proxy, as a context manager; `url` is where it listens."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rule: Rule | None = None
        self.calls: list[Call] = []
        self.path = "/"
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, method: str) -> int:
        """How often a method was asked for."""
        return sum(1 for name, _ in self.calls if name == method)

    def __enter__(self) -> FaultyRpc:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        stop = threading.Thread(target=self._server.shutdown, daemon=True)  # it waits for the server without a bound
        stop.start()
        stop.join(10)
        self._server.server_close()  # daemon threads are not waited for
        self._thread.join(5)
        assert not stop.is_alive(), "the proxy does not stop"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 60  # seconds a kept-alive connection may be idle, so that its thread ends some day

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                proxy._serve(self, json.loads(raw))

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler, document: Any) -> None:
        requests = document if isinstance(document, list) else [document]
        faults: list[Fault | None] = []
        for request in requests:
            self.calls.append((request["method"], request["params"]))
            faults.append(self.rule(request["method"], request["params"]) if self.rule else None)
        for fault in faults:
            if isinstance(fault, AcceptThenDrop):
                self._forward(document)
            if isinstance(fault, (Drop, AcceptThenDrop)):
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            if isinstance(fault, Hang):
                self._stopping.wait(60)
                handler.close_connection = True
                return
            if isinstance(fault, Status):
                self._reply(handler, fault.code, b"no", fault.headers)
                return
            if isinstance(fault, Garbage):
                self._reply(handler, 200, fault.body)
                return
            if isinstance(fault, Drip):
                self._drip(handler)
                return
        answers = [self._answer(request, fault) for request, fault in zip(requests, faults, strict=True)]
        self._reply(handler, 200, json.dumps(answers if isinstance(document, list) else answers[0]).encode())

    def _answer(self, request: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        if isinstance(fault, Answer):
            return {"jsonrpc": "2.0", "id": request["id"], **fault.members}
        answer: dict[str, Any] = self._forward(request)
        if isinstance(fault, Lie) and "result" in answer:
            answer["result"] = fault.change(answer["result"])
        return answer

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not self._stopping.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                break
        handler.close_connection = True

    def _forward(self, document: Any) -> Any:
        body = json.dumps(document).encode()
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    @staticmethod
    def _reply(
        handler: BaseHTTPRequestHandler, code: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        handler.send_response(code)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
