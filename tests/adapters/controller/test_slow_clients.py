"""However many clients come, however slow: one thread serves them, and a probe is answered."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from canary_adapters.controller import listener
from canary_adapters.controller.http import StatusServer
from canary_adapters.controller.listener import Answer, Listener, Request, Response

pytestmark = pytest.mark.slow

CLIENTS = 500


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of each connection are files of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * CLIENTS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server() -> Iterator[StatusServer]:
    """One whose metrics are 2 MB."""
    registry = CollectorRegistry()
    long = Gauge("long", "Long.", ["of"], registry=registry)
    for number in range(2000):
        long.labels(f"{number}{'x' * 1000}").set(1)
    found = StatusServer(0, registry, healthy=lambda: True, ready=lambda: False, host="127.0.0.1")
    yield found
    found.stop()


@pytest.fixture
def clients(server: StatusServer, many_files: None) -> Iterator[list[socket.socket]]:
    """So many that have connected and said nothing."""
    with contextlib.ExitStack() as stack:
        yield [_connected(server.port, stack) for _ in range(CLIENTS)]


def _connected(port: int, stack: contextlib.ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))


def _sent(client: socket.socket, data: bytes) -> bool:
    """Whether it is still connected, as far as it knows."""
    try:
        client.sendall(data)
    except OSError:
        return False
    return True


def _probe(server: StatusServer) -> str:
    return requests.get(f"http://127.0.0.1:{server.port}/healthz", timeout=10).text


def _said(client: socket.socket) -> bytes:
    """Everything that it gets until the connection ends."""
    found = b""
    with contextlib.suppress(OSError):
        while piece := client.recv(65536):
            found += piece
    return found


@pytest.mark.slow
def test_slow_clients_keep_no_probe_waiting_and_take_no_threads(
    server: StatusServer, clients: list[socket.socket]
) -> None:
    """A byte at a time, nothing at all, and those who ask for much and take nothing."""
    assert "long" in requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=30).text
    before = threading.active_count()
    for text in (b"GET /metrics", b" HTTP/1.1\r\n", b"x: y\r\n"):
        for index, client in enumerate(clients):
            if index % 3:
                _sent(client, text[:1] if index % 3 == 1 else text)
        assert _probe(server) == "OK"
        assert threading.active_count() == before
    with contextlib.ExitStack() as stack:
        late = [_connected(server.port, stack) for _ in range(40)]
        for client in late:
            _sent(client, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        for _ in range(5):
            assert _probe(server) == "OK"
        assert threading.active_count() == before


@pytest.mark.slow
def test_the_oldest_that_has_asked_for_nothing_gives_way(server: StatusServer, clients: list[socket.socket]) -> None:
    assert _probe(server) == "OK"
    kept = clients[-listener.MOST + 1 :]
    gone = clients[: -listener.MOST]
    for client in kept:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert all(_said(client).startswith(b"HTTP/1.1 200 OK") for client in kept)
    for client in gone:
        _sent(client, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert [_said(client) for client in gone] == [b""] * len(gone)


def test_answers_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch, server: StatusServer) -> None:
    """Those that have waited the longest make room for new ones."""
    monkeypatch.setattr(listener, "UNSENT", 4_000_000)
    with contextlib.ExitStack() as stack:
        greedy = []
        for _ in range(12):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(("127.0.0.1", server.port))
            stack.enter_context(client)
            client.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            assert client.recv(1) == b"H"
            greedy.append(client)
        assert sum(each.unsent for each in server._listener._open) <= 4_000_000 + 2_500_000
        assert len(_said(greedy[0])) < 2_000_000
        assert len(_said(greedy[-1])) > 2_000_000


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"a" * 40_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 8000, b"\0" * 20_000],
)
def test_a_request_without_an_end_is_cut(server: StatusServer, endless: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        _sent(client, endless)
        status = int((_said(client) + b"HTTP/1.1 400 ").split()[1])
        assert status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE}
    assert _probe(server) == "OK"


def test_who_does_not_ask_in_time_is_left(monkeypatch: pytest.MonkeyPatch, server: StatusServer) -> None:
    monkeypatch.setattr(listener, "ASK_S", 0.05)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET")
        assert _said(client) == b""


def test_who_does_not_take_the_answer_in_time_is_left(monkeypatch: pytest.MonkeyPatch, server: StatusServer) -> None:
    monkeypatch.setattr(listener, "TAKE_S", 3.0)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(1) == b"H"
        while server._listener._open:
            threading.Event().wait(0.02)
        assert len(_said(client)) < 2_000_000


def test_a_request_in_pieces_and_one_that_says_no_more_are_answered(server: StatusServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        for each in b"HEAD /healthz HTTP/1.0\r\n\r\n":
            client.sendall(bytes([each]))
        client.shutdown(socket.SHUT_WR)
        head = _said(client)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert len(_said(client)) > 2_000_000


def test_metrics_come_as_the_client_can_read_them(server: StatusServer) -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    found = requests.get(f"http://127.0.0.1:{server.port}/metrics?name[]=none", headers=wanted, timeout=10)
    assert (found.status_code, found.text) == (200, "# EOF\n")
    assert found.headers["Content-Type"].startswith("application/openmetrics-text")
    assert found.headers["Content-Encoding"] == "gzip"


class _Collector:
    """One that waits, and then fails."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def collect(self) -> Any:
        self.go_on.wait(10)
        raise ValueError


def test_metrics_that_take_long_or_fail_keep_no_probe_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "QUEUED", 2)
    collector, registry = _Collector(), CollectorRegistry(auto_describe=False)
    registry.register(collector)
    server = StatusServer(0, registry, healthy=lambda: True, ready=lambda: True, host="127.0.0.1")
    try:
        with contextlib.ExitStack() as stack:
            asking = [_connected(server.port, stack) for _ in range(listener.QUEUED + 1)]
            for client in asking:
                client.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            assert _said(asking[-1]).startswith(b"HTTP/1.1 503 ")
            assert _probe(server) == "OK"
            collector.go_on.set()
            assert all(_said(client).startswith(b"HTTP/1.1 500 ") for client in asking[:-1])
    finally:
        server.stop()


def test_a_handler_that_fails_ends_its_own_answer_only() -> None:
    def handler(request: Request) -> Answer:
        if request.path == "/bad":
            raise ValueError
        return Response.of(HTTPStatus.OK)

    server = Listener(handler, host="127.0.0.1", port=0)
    try:
        for path, status in (("bad", 500), ("good", 200), ("bad", 500), ("good", 200)):
            assert requests.get(f"http://127.0.0.1:{server.port}/{path}", timeout=10).status_code == status
    finally:
        server.stop()


def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        StatusServer(
            taken.getsockname()[1], CollectorRegistry(), healthy=lambda: True, ready=lambda: True, host="127.0.0.1"
        )
