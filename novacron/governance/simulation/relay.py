"""A loopback door to an EndpointPool, for the fork's node: it gets the pool's failover and never sees its URLs.

The addresses of RPC endpoints often hold credentials, and a process's command line is no secret. So anvil forks from
this relay, which answers what reads the chain and refuses everything else: a fork can never send anything upstream.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorKind, kind_of
from novacron.exceptions import ChainError

_READING = ("eth_get", "eth_call", "eth_chainId", "eth_blockNumber", "eth_gasPrice", "eth_feeHistory", "net_version")
#: Longest request that is read; forks ask for one account or slot at a time.
_MAX_REQUEST = 1 << 22


class PoolRelay:
    """Serves JSON-RPC on a free loopback port; a context manager.

    Args:
        pool: where requests go.
        latest: block number that stands for "latest", so that a fork never sees a newer one.
    """

    def __init__(self, pool: EndpointPool, latest: int) -> None:
        self._pool = pool
        self._latest = hex(latest)
        self._cache: dict[str, dict[str, Any]] = {}
        self._server: ThreadingHTTPServer | None = None
        #: Why the chain did not answer, newest last.
        self.failures: list[str] = []

    def __repr__(self) -> str:
        return f"<PoolRelay to {self._pool!r}>"

    @property
    def url(self) -> str:
        """Address for `anvil --fork-url`."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> PoolRelay:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="novacron-relay").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, request: object) -> dict[str, Any]:
        """The JSON-RPC answer to one request."""
        if not isinstance(request, Mapping) or not isinstance(request.get("method"), str):
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no JSON-RPC request"}}
        method, parameters = str(request["method"]), list(request.get("params") or [])
        head = {"jsonrpc": "2.0", "id": request.get("id")}
        if not method.startswith(_READING):
            return head | {"error": {"code": -32601, "message": f"method {method} not supported: a fork only reads"}}
        parameters = [self._latest if item == "latest" else item for item in parameters]
        # Every read is of one block that does not change any more, so an answer holds for as long as the fork lives.
        key = json.dumps([method, parameters])
        if key not in self._cache:
            try:
                found = self._pool.exchange(method, parameters)
            except ChainError as error:
                self.failures.append(str(error))
                return head | {"error": {"code": -32000, "message": str(error)}}
            if "error" in found:
                # The fork asks for what not every node has (eth_getAccountInfo), and then for the parts of it.
                if kind_of(found["error"]) is not ErrorKind.UNSUPPORTED:
                    self.failures.append(f"{method}: {found['error'].get('message')}")
                return head | {"error": found["error"]}
            self._cache[key] = {"result": found["result"]}
        return head | self._cache[key]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A node that was stopped leaves its connections; nobody needs to read about it."""


def _handler(relay: PoolRelay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 600  # seconds a kept-alive connection may be idle
        wbufsize = -1  # header and body in one packet
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """JSON-RPC, single or batched."""
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= _MAX_REQUEST:
                self.send_error(413)
                return
            try:
                document = json.loads(self.rfile.read(length))
            except ValueError:
                self.send_error(400)
                return
            found = [relay.answer(one) for one in document] if isinstance(document, list) else relay.answer(document)
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: requests are the fork's own affair."""

    return Handler
