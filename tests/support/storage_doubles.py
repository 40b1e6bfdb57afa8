"""Block stores for tests: in memory, an S3-like service that checks signatures, and a double of Kubo's RPC.

The servers compute signatures, hashes and CIDs with the standard library alone, not with the code that they test.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import hashlib
import hmac
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from novacron.storage.blocks import BlockStore
from novacron.storage.cid import Cid
from novacron.storage.dagpb import decode_node


class MemoryBlockStore(BlockStore):
    """Blocks in a dict, by digest; `reads` counts how often each was read."""

    def __init__(self) -> None:
        self.blocks: dict[bytes, bytes] = {}
        self.reads: dict[bytes, int] = {}

    def _write(self, cid: Cid, block: bytes) -> None:
        self.blocks[cid.digest] = block

    def _read(self, cid: Cid) -> bytes | None:
        self.reads[cid.digest] = self.reads.get(cid.digest, 0) + 1
        return self.blocks.get(cid.digest)

    def _contains(self, cid: Cid) -> bool:
        return cid.digest in self.blocks


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class S3Service:
    """What an S3-like service has and does.

    Attributes:
        objects: by path, `/bucket/key`.
        buckets: that exist.
        requests: method and path of each request that came in.
        faults: answers to give instead of the right ones, first first: a status, or "cut" for a body cut short.
        now: the service's clock.
    """

    ACCESS_KEY = "AKIDEXAMPLE"
    SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.buckets = {"vms"}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[int | str] = []
        self.token: str | None = None
        self.port = 0
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def refuse(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str] | None:
        """Status and code of the error that a request deserves, as S3 checks one."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            return 403, "AccessDenied"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, day, region, service, end = parts["Credential"].split("/")
        if key != self.ACCESS_KEY:
            return 403, "InvalidAccessKeyId"
        signed = parts["SignedHeaders"].split(";")
        if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed) or signed != sorted(signed):
            return 403, "AccessDenied"
        if self.token is not None and (headers.get("x-amz-security-token") != self.token):
            return 403, "InvalidToken"
        date = headers["x-amz-date"]
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((self.now() - sent).total_seconds()) > 900 or date[:8] != day:
            return 403, "RequestTimeTooSkewed"
        address = urllib.parse.urlsplit(path)
        lines = [method, address.path, address.query, *(f"{name}:{headers[name]}" for name in signed), ""]
        request = "\n".join([*lines, ";".join(signed), headers["x-amz-content-sha256"]])
        scope = f"{day}/{region}/{service}/{end}"
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        secret = ("AWS4" + self.SECRET_KEY).encode()
        for part in (day, region, service, end):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        if hmac.new(secret, text.encode(), hashlib.sha256).hexdigest() != parts["Signature"]:
            return 403, "SignatureDoesNotMatch"
        if hashlib.sha256(body).hexdigest() != headers["x-amz-content-sha256"]:
            return 400, "XAmzContentSHA256Mismatch"
        if address.path.split("/")[1] not in self.buckets:
            return 404, "NoSuchBucket"
        return None

    @contextmanager
    def serve(self) -> Iterator[S3Service]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

            def answer(self, status: int, body: bytes = b"", *, length: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                if status == 301:
                    self.send_header("x-amz-bucket-region", "eu-central-1")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def error(self, status: int, code: str) -> None:
                self.answer(status, f"<Error><Code>{code}</Code><Message>SECRET-ECHO</Message></Error>".encode())

            def handle_request(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.requests.append((self.command, self.path))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fault = service.faults.pop(0) if service.faults else None
                if isinstance(fault, int):
                    self.error(fault, "InternalError" if fault >= 500 else "SlowDown" if fault == 429 else "Moved")
                    return
                refused = service.refuse(self.command, self.path, headers, body)
                if refused:
                    self.error(*refused)
                elif self.command == "PUT":
                    service.objects[self.path] = body
                    self.answer(200)
                elif self.path not in service.objects:
                    self.error(404, "NoSuchKey")
                elif fault == "cut":
                    found = service.objects[self.path]
                    self.answer(200, found[:-1], length=len(found))
                    self.close_connection = True
                else:
                    self.answer(200, service.objects[self.path])

            def do_GET(self) -> None:
                self.handle_request()

            def do_PUT(self) -> None:
                self.handle_request()

            def do_HEAD(self) -> None:
                self.handle_request()

        with _serving(Handler) as self.port:
            yield self


class KuboNode:
    """What a Kubo node has and does, as far as the RPC commands used here go (Kubo 0.39).

    Attributes:
        blocks: by text CID.
        pins: recursive ones.
        authorization: the header that a proxy before it asks for.
        faults: statuses to answer instead, first first.
    """

    def __init__(self) -> None:
        self.blocks: dict[str, bytes] = {}
        self.pins: set[str] = set()
        self.requests: list[str] = []
        self.authorization: str | None = None
        self.faults: list[int] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def missing(self, cid: str) -> str | None:
        """The first block below `cid` that is not here."""
        if cid not in self.blocks:
            return cid
        parsed = Cid.parse(cid)
        links = decode_node(self.blocks[cid], parsed).links if cid.startswith("bafyb") else ()
        return next((found for link in links if (found := self.missing(str(link.cid)))), None)

    def command(self, name: str, query: dict[str, str], block: bytes | None) -> tuple[int, bytes]:
        """Status and body of one command."""

        def error(message: str) -> tuple[int, bytes]:
            return 500, json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()

        if query.get("offline") != "true":
            return error("this double looks for nothing in the network")
        if name == "block/put":
            codec = {"raw": 0x55, "dag-pb": 0x70}.get(query.get("cid-codec", ""))
            if codec is None or query.get("mhtype") != "sha2-256" or block is None:
                return error("bad options")
            if len(block) > 1024 * 1024 and query.get("allow-big-block") != "true":
                return error("produced block is over 1MiB: big blocks can't be exchanged with other peers.")
            raw = bytes((1, codec, 0x12, 32)) + hashlib.sha256(block).digest()
            cid = "b" + base64.b32encode(raw).decode().lower().rstrip("=")
            self.blocks[cid] = block
            return 200, json.dumps({"Key": cid, "Size": len(block)}).encode()
        cid = query.get("arg", "")
        if name == "pin/add":
            lacking = self.missing(cid)
            if lacking:
                return error(f"pin: block was not found locally (offline): ipld: could not find {lacking}")
            self.pins.add(cid)
            return 200, json.dumps({"Pins": [cid]}).encode()
        if cid not in self.blocks:
            return error(f"block was not found locally (offline): ipld: could not find {cid}")
        if name == "block/get":
            return 200, self.blocks[cid]
        if name == "block/stat":
            return 200, json.dumps({"Key": cid, "Size": len(self.blocks[cid])}).encode()
        return 404, b"404 page not found\n"

    @contextmanager
    def serve(self) -> Iterator[KuboNode]:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.answer(405, b"405 - Method Not Allowed\n")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                address = urllib.parse.urlsplit(self.path)
                name = address.path.removeprefix("/api/v0/")
                node.requests.append(name)
                if node.faults:
                    self.answer(node.faults.pop(0), b"bad gateway")
                elif node.authorization is not None and self.headers.get("Authorization") != node.authorization:
                    self.answer(403, b"403 - Forbidden\n")
                else:
                    self.answer(*node.command(name, dict(urllib.parse.parse_qsl(address.query)), self.block(body)))

            def block(self, body: bytes) -> bytes | None:
                kind = self.headers.get("Content-Type", "")
                if not kind.startswith("multipart/form-data"):
                    return None
                head = f"Content-Type: {kind}\r\n\r\n".encode()
                message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
                (part,) = message.iter_parts()  # type: ignore[attr-defined]
                payload: bytes = part.get_payload(decode=True)
                return payload

        with _serving(Handler) as self.port:
            yield self
