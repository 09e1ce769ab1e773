"""What a rollout asks outside of the cluster, to each namespace as it was told to be: Prometheus, and a webhook."""

from __future__ import annotations

import enum
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from laboratories.lab import Prometheus

__all__ = ["BAD", "GOOD", "Answer", "Gate", "Monitoring"]

GOOD: Final = 100.0
BAD: Final = 1.0
"""Success rates, percent."""
_NAMESPACE: Final = re.compile(r'namespace="([^"]+)"')


class Answer(enum.Enum):
    """What somebody outside does in the place of an answer."""

    DOWN = "503"
    GARBAGE = "200, and nothing that makes sense"
    NOTHING = "200, without a value"
    HANGING = "it never comes"


class Monitoring(Prometheus):
    """A Prometheus that knows a success rate of each namespace."""

    def __init__(self) -> None:
        self.told: dict[str, float | Answer] = {}
        """By namespace; others are good."""
        super().__init__()

    def answer(self, query: str) -> tuple[int, dict[str, Any]]:
        """Status and content for a query."""
        found = _NAMESPACE.search(query)
        told = self.told.get(found[1], GOOD) if found is not None else 1.0
        match told:
            case Answer.DOWN | Answer.HANGING:
                return 503, {"status": "error", "errorType": "unavailable", "error": "down"}
            case Answer.GARBAGE:
                return 200, {"garbage": [query]}
            case Answer.NOTHING:
                return 200, _vector([])
            case value:
                return 200, _vector([{"metric": {}, "value": [time.time(), str(value)]}])


def _vector(result: list[dict[str, Any]]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Gate:
    """A webhook, open to all namespaces but those that it was told to be otherwise to: ``POST /NAMESPACE``."""

    def __init__(self) -> None:
        self.told: dict[str, Answer] = {}
        self._ended = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                namespace = self.path.strip("/")
                while gate.told.get(namespace) is Answer.HANGING and not gate._ended.wait(0.1):
                    pass
                self.send_response(503 if namespace in gate.told else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Whoever had waited has gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
