"""What the process tells about itself over HTTP: ``/healthz``, ``/readyz``, ``/metrics``."""

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app

from canary_adapters.controller.listener import Answer, Listener, Request, Response

__all__ = ["StatusServer"]


class StatusServer:
    """Serves until it is stopped. Whoever asks for the metrics keeps no probe waiting."""

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
        self._metrics: Any = make_wsgi_app(registry)
        self._checks = {"/healthz": healthy, "/readyz": ready}
        self._listener = Listener(self._answer, host=host, port=port)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    def stop(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def _answer(self, request: Request) -> Answer:
        if request.method not in {"GET", "HEAD"}:
            return Response.of(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.path == "/metrics":
            return partial(self._shown, request)
        check = self._checks.get(request.path)
        if check is None:
            return Response.of(HTTPStatus.NOT_FOUND)
        return Response.of(HTTPStatus.OK if check() else HTTPStatus.SERVICE_UNAVAILABLE)

    def _shown(self, request: Request) -> Response:
        """The metrics, in the format and encoding that the client can read."""
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": request.path, "QUERY_STRING": request.query}
        for name in ("accept", "accept-encoding"):
            if name in request.headers:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = request.headers[name]
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            told.append((status, headers))

        parts: Iterable[bytes] = self._metrics(environ, start)
        status, headers = told[0]
        return Response(status=HTTPStatus(int(status.partition(" ")[0])), body=b"".join(parts), headers=tuple(headers))
