"""Which proxy is on the way to a webhook."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from canary_adapters.webhook import HttpPool
from canary_adapters.webhook.http import environment_proxy

PROXY = "http://proxy.example.com:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", ".internal,exempt.example.com")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://loadtester.test/", PROXY),
        ("http://loadtester.test:8080/gate/check", PROXY),
        ("https://loadtester.test/", ""),
        ("http://loadtester.internal/", ""),
        ("http://exempt.example.com:8080/", ""),
        ("http://localhost:8080/", ""),
        ("http://127.0.0.1:8080/", ""),
        ("http://127.8.9.1/", ""),
        ("http://[::1]:8080/", ""),
    ],
)
def test_the_environment_names_it_and_this_machine_needs_none(url: str, expected: str) -> None:
    assert environment_proxy(url) == expected


def test_a_hook_is_called_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        pool = HttpPool()
        assert pool.post("http://loadtester.test/x", {}, namespace="here", timeout_s=5).ok
        pool.close()
        thread.join()
    assert seen == ["POST http://loadtester.test/x HTTP/1.1"]
