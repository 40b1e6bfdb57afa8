"""What sealed models are tested with: stores in memory and in moto's S3, a proxy that misbehaves, Redis, models."""

from __future__ import annotations

import contextlib
import copy
import http.client
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from novacron.models.stores import ObjectInfo, check_object_name, missing
from novacron.models.stores_s3 import S3ObjectStore
from novacron.storage.http import parse_address

REDIS = Path(__file__).resolve().parents[2] / ".build" / "bin" / "redis-server"

#: What tests take for the least part, here and in moto: five MiB a part take time and show no more.
SMALL_PART = 64 * 1024

#: What is in every file of `small_model`, and must be nowhere but there.
MARKER = b"PLAINTEXT-MARKER-7f3a"


def small_model(folder: Path, *, fill: int = 5000) -> Path:
    """A folder with a few files, an empty one and a subfolder among them; each other one holds `MARKER`."""
    (folder / "layers" / "0").mkdir(parents=True)
    (folder / "config.json").write_bytes(b'{"marker": "' + MARKER + b'"}')
    (folder / "empty.txt").write_bytes(b"")
    (folder / "layers" / "0" / "weights.safetensors").write_bytes((MARKER + bytes(range(100))) * (fill // 100))
    (folder / "layers.txt").write_bytes(MARKER)
    return folder


class MemoryObjectStore:
    """An object store in a dict. `before` is called with each operation's name and object and may raise."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, float] = {}
        self.before: Callable[[str, str], None] = lambda operation, name: None

    def put(self, name: str, chunks: Iterable[bytes], *, size: int | None = None, resume: bool = False) -> ObjectInfo:
        self.before("put", check_object_name(name))
        data = b"".join(bytes(chunk) for chunk in chunks)
        assert size is None or size == len(data)
        self.before("stored", name)
        self.objects[name], self.modified[name] = data, time.time()
        return ObjectInfo(name, len(data), self.modified[name])

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.before("get", name)
        if name not in self.objects:
            raise missing(self, name)
        data = self.objects[name][start:]
        data = data if length is None else data[:length]
        for position in range(0, len(data), 999):
            yield data[position : position + 999]

    def stat(self, name: str) -> ObjectInfo | None:
        found = self.objects.get(name)
        return None if found is None else ObjectInfo(name, len(found), self.modified.get(name, 0.0))

    def exists(self, name: str) -> bool:
        return name in self.objects

    def delete(self, name: str) -> bool:
        self.before("delete", name)
        return self.objects.pop(name, None) is not None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for name in sorted(self.objects):
            if name.startswith(prefix):
                yield ObjectInfo(name, len(self.objects[name]), self.modified.get(name, 0.0))

    def sweep(self, older_than: float) -> int:
        return 0

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Fault:
    """What the proxy does to a request: answer a status, or cut the connection.

    Attributes:
        status: to answer without asking the service.
        after: bytes of the answer to pass on before the connection is cut; None: none, but the service was asked.
        lost: cut before the service hears of it.
    """

    status: int | None = None
    after: int | None = None
    lost: bool = False


Rule = Callable[[str, str], Fault | None]


class S3Proxy:
    """A proxy on the loopback before an S3 service. It keeps the Host header, so that signatures stay right.

    Attributes:
        rule: asked with method and path of each request what goes wrong; None: nothing.
        requests: method and path of each.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.rule: Rule = lambda method, path: None
        self.requests: list[tuple[str, str]] = []
        self.port = 0

    def count(self, method: str, part: str = "") -> int:
        """Requests of this method whose path and query hold `part`."""
        return sum(m == method and part in path for m, path in self.requests)

    @contextlib.contextmanager
    def serve(self) -> Iterator[S3Proxy]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.requests.append((self.command, self.path))
                fault = proxy.rule(self.command, self.path)
                if fault is not None and fault.status is not None:
                    self.send_response(fault.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if fault is not None and fault.lost:
                    self.cut()
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", proxy._upstream, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                upstream.request(self.command, self.path, body or None, headers)
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                if fault is not None and fault.after is None:
                    self.cut()
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(data if fault is None else data[: fault.after])
                if fault is not None:
                    self.wfile.flush()
                    self.cut()

            def cut(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A connection that broke is no news."""

        server = Server(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)


class S3World:
    """moto's server, a bucket, and the proxy before it."""

    BUCKET = "models"

    def __init__(self, port: int, proxy: S3Proxy) -> None:
        self.port, self.proxy = port, proxy
        self._clients: dict[tuple[int, str, int], S3ObjectStore] = {}

    def store(self, prefix: str = "nova", *, direct: bool = False, part_size: int = SMALL_PART) -> S3ObjectStore:
        """A store in the bucket, through the proxy unless `direct`."""
        port = self.port if direct else self.proxy.port
        address = parse_address(f"http://127.0.0.1:{port}", "test", allow_http=False, sends_credentials=True)
        known = self._clients.get((port, self.BUCKET, part_size))
        if known is not None:  # a client of boto3 takes long to make
            store = copy.copy(known)
            store._folder, store._name = f"{prefix}/", f"s3://{self.BUCKET}/{prefix}"
            return store
        store = self._clients[port, self.BUCKET, part_size] = S3ObjectStore(
            address,
            self.BUCKET,
            prefix,
            region="us-east-1",
            access_key="test-access",
            secret_key="test-secret-4c1d",
            part_size=part_size,
            timeout=20.0,
        )
        return store


@contextlib.contextmanager
def s3_world(least_part: int = SMALL_PART) -> Iterator[S3World]:
    """moto's real server in a thread, on a free port of the loopback."""
    import moto.s3.models
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", least_part)
        patch.setattr("novacron.models.stores_s3.LEAST_PART", least_part)
        yield from _served(ThreadedMotoServer("127.0.0.1", 0, verbose=False))


def _served(server: Any) -> Iterator[S3World]:
    server.start()
    try:
        host, port = server.get_host_and_port()
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("PUT", f"/{S3World.BUCKET}")
        assert connection.getresponse().status == 200
        connection.close()
        with S3Proxy(port).serve() as proxy:
            yield S3World(port, proxy)
    finally:
        server.stop()


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a Redis server of our own on a socket in `folder`, that writes nothing to the disk."""
    path = folder / "redis.sock"
    options = {"port": "0", "unixsocket": str(path), "save": "", "appendonly": "no", "dir": str(folder)}
    command = [str(REDIS), *(part for name, value in options.items() for part in (f"--{name}", value))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not path.exists():
            assert process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.01)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(10)


def has_redis() -> bool:
    """Whether `make setup` found a Redis server (it leaves an empty file where there is none)."""
    return REDIS.exists() and os.access(REDIS, os.X_OK) and REDIS.stat().st_size > 0 and bool(shutil.which(str(REDIS)))
