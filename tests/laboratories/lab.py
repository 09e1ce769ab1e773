"""A laboratory for end-to-end tests, watched through kubectl.

An API server, a Prometheus that says what it is told to say, and controllers as processes of their own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from canary_lab.cluster import EmbeddedCluster, Timing
from laboratories.forked import Forked, run
from laboratories.looking import KINDS, Looking
from laboratories.observed import Observed, OfEmbedded, OfReal

BIN = Path(sys.executable).parent
KUBECTL = str(BIN / "kubectl")
CANARY = str(BIN / "canary")
AGENT = "canary-core"
REAL = os.environ.get("CANARY_TEST_KUBECONFIG")
"""Kubeconfig of a cluster that takes the place of the embedded one, for the tests that do not look into that."""
PATIENCE_S = 60.0
STACKS = {"PYTHONFAULTHANDLER": "1"}
"""Has a process that is aborted write what each of its threads is at."""


class Prometheus:
    """Answers instant queries. Good unless told otherwise."""

    def __init__(self) -> None:
        self.success_rate: float | None = 100.0
        self.duration_ms: float | None = 50.0
        self.custom: dict[str, float | None] = {}
        """Value for each query that has this text in it."""
        self.down = False
        self.queries: list[str] = []
        prometheus = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
                self._answer(query)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                self._answer(parse_qs(body).get("query", [""])[0])

            def _answer(self, query: str) -> None:
                status, content = prometheus.answer(query)
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, query: str) -> tuple[int, dict[str, Any]]:
        """Status and content for a query."""
        if self.down:
            return 503, {"status": "error", "errorType": "unavailable", "error": "down"}
        self.queries.append(query)
        value = self._value(query)
        result = [] if value is None else [{"metric": {}, "value": [time.time(), str(value)]}]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def _value(self, query: str) -> float | None:
        for text, value in self.custom.items():
            if text in query:
                return value
        if query.strip() == "vector(1)":
            return 1.0
        return self.duration_ms if "bucket" in query else self.success_rate

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Controller:
    """A controller as a process."""

    def __init__(
        self, command: list[str], log: Path, environment: Mapping[str, str] | None = None, *, forked: bool = False
    ) -> None:
        self.log = log
        self._file = log.open("ab")
        out, found = self._file.fileno(), {**os.environ, **STACKS, **(environment or {})}
        self.process: Forked | subprocess.Popen[bytes] = (
            Forked(command, stdout=out, stderr=out, env=found)
            if forked
            else subprocess.Popen(command, stdout=out, stderr=out, env=found)
        )
        self.port = 0

    def wait_ready(self) -> None:
        """Wait until it serves its port."""

        def listening() -> bool:
            assert self.process.poll() is None, self.text()
            found = re.search(r"listening on port (\d+)", self.text())
            self.port = int(found[1]) if found else 0
            return self.port > 0

        eventually(listening, pause_s=0.02)

    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text()

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()
        self._file.close()

    def terminate(self) -> int:
        """End it in order.

        Returns:
            The exit code.
        """
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it writes what each thread is at
            self.process.wait()
            raise AssertionError(f"it has not ended:\n{self.text()[-20_000:]}") from None
        finally:
            self._file.close()


def eventually(true: Callable[[], Any], seconds: float = PATIENCE_S, pause_s: float = 0.1) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < end, f"never became true: {true}"
        time.sleep(pause_s)


class Watched:
    """A cluster as people see it: through kubectl, and read beside it."""

    kubeconfig: Path

    @cached_property
    def _looking(self) -> Looking:
        return Looking(self.kubeconfig)

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl and return what it prints."""
        done = subprocess.run(
            [KUBECTL, "--kubeconfig", str(self.kubeconfig), *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def apply(self, manifests: str) -> str:
        """Apply YAML documents."""
        return self.kubectl("apply", "-f", "-", stdin=manifests)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """An object, or None."""
        known = kind.partition(".")[0].lower()
        if known in KINDS:
            return self._looking.get(known, namespace, name)
        text = self.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def status(self, name: str, namespace: str) -> dict[str, Any]:
        """Status of a canary."""
        found = self.get("canary", name, namespace)
        status: dict[str, Any] = (found or {}).get("status") or {}
        return status

    def until_phase(self, phase: str, name: str, namespace: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a canary is in a phase, and return its status."""

        def there() -> dict[str, Any] | None:
            status = self.status(name, namespace)
            return status if status.get("phase") == phase else None

        try:
            found: dict[str, Any] = eventually(there, seconds, pause_s=0.05)  # some phases are over soon
        except AssertionError:
            raise AssertionError(f"not {phase}: {self.status(name, namespace)}\n{self._logs()}") from None
        return found

    def events(self, namespace: str) -> list[str]:
        """The texts of all events of canaries, oldest first."""
        items = self._looking.list("events", namespace)
        ours = [item for item in items if item["involvedObject"]["kind"] == "Canary"]
        return [item["message"] for item in sorted(ours, key=lambda item: int(item["metadata"]["resourceVersion"]))]

    def _logs(self) -> str:
        """What the controllers have printed last."""
        raise NotImplementedError


class Lab(Watched):
    """A cluster with everything that a controller needs."""

    def __init__(
        self,
        folder: Path,
        *,
        timing: Timing | None = None,
        definitions: bool = True,
        prometheus: Prometheus | None = None,
    ) -> None:
        self.folder = folder
        self._definitions = definitions
        self._embedded = None if REAL else EmbeddedCluster(timing=timing or Timing(start=0.05, stop=0.05))
        self.prometheus = prometheus or Prometheus()
        self.controllers: list[Controller] = []

    def __enter__(self) -> Self:
        if self._embedded is None:
            self.kubeconfig = Path(str(REAL))
        else:
            self._embedded.__enter__()
            self.kubeconfig = self._embedded.kubeconfig(self.folder / "kubeconfig")
        if self._definitions:
            self.apply(run([CANARY, "crds"], env=os.environ).stdout)
        from canary_lab.cluster.crds import istio

        self.apply(istio())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for controller in self.controllers:
            if controller.process.poll() is None:
                controller.kill()
        self.prometheus.stop()
        if self._embedded is not None:
            self._embedded.__exit__(kind, error, trace)

    @property
    def cluster(self) -> EmbeddedCluster:
        """The embedded cluster. A test that needs it is skipped where there is a real one."""
        if self._embedded is None:
            pytest.skip("looks into the embedded cluster")
        return self._embedded

    @property
    def observed(self) -> Observed:
        """The cluster, whichever it is, as it is seen beside kubectl."""
        return OfReal(self.kubeconfig) if self._embedded is None else OfEmbedded(self._embedded)

    def of_token(self, token: str, path: Path) -> Path:
        """Write a kubeconfig of whoever has a bearer token."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        for user in config["users"]:
            user["user"] = {"token": token}
        path.write_text(yaml.safe_dump(config))
        return path

    # -- The controller ---------------------------------------------------------------------------------------------

    def start(
        self,
        *flags: str,
        kubeconfig: Path | None = None,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Controller:
        """Start a controller and wait until it serves.

        Args:
            *flags: Win over what the laboratory sets.
            kubeconfig: Whose rights it has; otherwise it is the administrator.
            before: Flags of which the laboratory sets some anew.
            environment: Besides the environment here.
        """
        log = self.folder / f"controller-{len(self.controllers)}.log"
        command = [CANARY, "controller", *before, f"-kubeconfig={kubeconfig or self.kubeconfig}", "-port=0"]
        command += [f"-metrics-server={self.prometheus.url}", "-minimum-interval=1s", "-log-level=debug", *flags]
        found = Controller(command, log, environment, forked=True)
        self.controllers.append(found)
        found.wait_ready()
        return found

    @contextmanager
    def controller(self, *flags: str) -> Iterator[Controller]:
        """A controller that is ended in order; at once, if what is done meanwhile fails or is skipped."""
        found = self.start(*flags)
        try:
            yield found
        except BaseException:
            found.kill()
            raise
        assert found.terminate() == 0, found.text()

    def _logs(self) -> str:
        return "\n".join(controller.text()[-4000:] for controller in self.controllers)


def documents(*objects: dict[str, Any]) -> str:
    """Objects as one YAML text."""
    return yaml.safe_dump_all(objects)
