"""What a probe takes for up and for down, against real servers; how long, by an injected monotonic clock."""

from __future__ import annotations

import datetime
import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from novacron.compute.monitor import transport
from novacron.compute.monitor.probe import Finding, NetworkProbe, OwnFaultError
from tests.sdk.sla.conftest import Service


def look(service: Service, **changes: Any) -> Finding:
    return NetworkProbe(service.specification(**changes), clock=service.monotonic)()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """One connection after the other is given to `talk`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with connection:
                        connection.settimeout(5)
                        if context is None:
                            talk(connection)
                        else:
                            with context.wrap_socket(connection, server_side=True) as tls:
                                talk(tls)
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    return talk


def test_an_answer_as_specified_is_up_and_its_latency_is_the_monotonic_clocks(service: Service) -> None:
    service.delay = 0.25
    assert look(service) == Finding(250_000, None)
    assert service.requests == ["/health"]


@pytest.mark.parametrize("status", [500, 503, 404, 204])
def test_another_status_is_down(service: Service, status: int) -> None:
    service.status = status
    assert look(service).failure == f"status {status}"
    assert look(service, status=[status]).failure is None


def test_a_redirect_is_not_followed(service: Service) -> None:
    service.status, service.headers = 302, {"Location": service.url.replace("/health", "/elsewhere")}
    assert look(service).failure == "status 302"
    assert service.requests == ["/health"]


def test_an_answer_later_than_the_timeout_is_down_whatever_it_says(service: Service) -> None:
    service.delay = 2.5
    assert look(service).failure == "timeout"


def test_the_body_must_contain_what_was_agreed_within_the_limit(service: Service) -> None:
    service.body = b"x" * 100 + b"well"
    assert look(service, contains="well").failure is None
    assert look(service, contains="ill").failure == "content"
    assert look(service, contains="well", body_limit="103 B").failure == "content"


def test_an_endless_body_is_read_to_the_limit_and_no_further() -> None:
    received = []

    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        chunk, sent = b"y" * 65_536, 0
        try:
            while sent < 2**30:
                sent += connection.send(chunk)
        finally:
            received.append(sent)

    with raw_server(flood) as port:
        specification = Service().specification(url=f"http://127.0.0.1:{port}/", body_limit="1 MiB")
        assert NetworkProbe(specification)().failure is None
    assert received[0] < 2**28  # what fits into the buffers of two sockets, not what was offered


def test_a_truncated_body_is_down(service: Service) -> None:
    service.truncate = 10
    assert look(service).failure == "incomplete answer"


@pytest.mark.parametrize(
    "answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200]
)
def test_a_malformed_answer_is_down(answer: bytes) -> None:
    with raw_server(says(answer)) as port:
        specification = Service().specification(url=f"http://127.0.0.1:{port}/")
        assert NetworkProbe(specification)().failure in ("malformed answer", "connection lost")


def test_a_server_that_sends_a_byte_now_and_then_does_not_keep_the_probe() -> None:
    finished = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not finished.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as port:
        specification = Service().specification(url=f"http://127.0.0.1:{port}/", timeout="300 ms")
        assert NetworkProbe(specification)().failure == "timeout"
        finished.set()


def test_nobody_listening_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", f"tcp://127.0.0.1:{port}"):
        assert NetworkProbe(Service().specification(url=url))().failure == "refused"


def test_a_port_that_accepts_is_up(service: Service) -> None:
    assert look(service, url=f"tcp://127.0.0.1:{service.port}").failure is None
    assert service.requests == []


def test_a_name_that_does_not_resolve_is_down(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(transport.socket, "getaddrinfo", fail)
    assert look(service).failure == "name resolution"


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EMFILE, errno.ENETDOWN])
def test_a_fault_of_this_machine_is_no_sample(monkeypatch: pytest.MonkeyPatch, service: Service, number: int) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, "no")

    monkeypatch.setattr(transport.socket, "socket", fail)
    with pytest.raises(OwnFaultError):
        look(service)


def test_an_address_family_that_this_machine_lacks_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    real = socket.getaddrinfo("127.0.0.1", service.port, type=socket.SOCK_STREAM)
    unreachable = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 1))]
    monkeypatch.setattr(transport.socket, "getaddrinfo", lambda *_, **__: [*unreachable, *real])
    assert look(service).failure is None
    refused = [(*real[0][:4], ("127.0.0.1", 1))]
    monkeypatch.setattr(transport.socket, "getaddrinfo", lambda *_, **__: [*refused, *unreachable])
    assert look(service).failure == "refused"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert look(service).failure is None


def test_head_reads_no_body(service: Service) -> None:
    assert look(service, method="HEAD").failure is None


def certificate(folder: Path, name: str, *, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a self-signed certificate for `name`, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    begin, end = sorted((now - datetime.timedelta(hours=1), now + datetime.timedelta(days=days)))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}-{days}.pem", folder / f"{name}-{days}.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


@pytest.mark.parametrize(
    ("name", "days", "trusted", "failure"),
    [
        ("localhost", 1, True, None),
        ("localhost", 1, False, "tls certificate"),
        ("other.example", 1, True, "tls certificate"),
        ("localhost", -30, True, "tls certificate"),
    ],
)
def test_a_certificate_that_does_not_hold_is_down(
    tmp_path: Path, name: str, days: int, trusted: bool, failure: str | None
) -> None:
    server, public = certificate(tmp_path, name, days=days)
    context = ssl.create_default_context(cafile=public if trusted else None)
    with raw_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), server) as port:
        specification = Service().specification(url=f"https://localhost:{port}/")
        assert NetworkProbe(specification, context=context)().failure == failure


def test_plain_text_where_tls_was_agreed_is_down() -> None:
    with raw_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        specification = Service().specification(url=f"https://127.0.0.1:{port}/")
        assert NetworkProbe(specification)().failure == "tls"
