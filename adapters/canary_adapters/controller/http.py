"""What the process tells about itself over HTTP: ``/healthz``, ``/readyz``, ``/metrics``."""

import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

__all__ = ["StatusServer"]

_Start: TypeAlias = Callable[..., Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Take the port without asking anybody for the name of this machine, as the base class does."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _DualServer(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10.0
    """Seconds for a client that says nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Probes come every few seconds: nothing to log."""


class StatusServer:
    """Serves until it is stopped."""

    def __init__(
        self,
        port: int,
        registry: CollectorRegistry,
        *,
        healthy: Callable[[], bool],
        ready: Callable[[], bool],
        host: str = "",
    ) -> None:
        """Begins to listen.

        Args:
            port: 0 is any free port.
            registry: Whose metrics are shown.
            healthy: Whether the process works; false gets it restarted.
            ready: Whether it has seen the cluster.
            host: The address to listen at. Empty: all, of IPv6 too where there is such a thing.

        Raises:
            OSError: The port is taken.
        """
        metrics: Any = make_wsgi_app(registry)
        checks = {"/healthz": healthy, "/readyz": ready}

        def application(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
            path = environ.get("PATH_INFO")
            if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
                return _answer(start, HTTPStatus.METHOD_NOT_ALLOWED)
            if path == "/metrics":
                return metrics(environ, start)  # type: ignore[no-any-return]
            if path in checks:
                return _answer(start, HTTPStatus.OK if checks[path]() else HTTPStatus.SERVICE_UNAVAILABLE)
            return _answer(start, HTTPStatus.NOT_FOUND)

        server = _Server if host or not socket.has_dualstack_ipv6() else _DualServer
        self._server = make_server(host, port, application, server_class=server, handler_class=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="status-server", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _answer(start: _Start, status: HTTPStatus) -> Iterable[bytes]:
    body = (status.phrase if status is not HTTPStatus.OK else "OK").encode()
    start(f"{status.value} {status.phrase}", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
