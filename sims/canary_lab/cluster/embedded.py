"""The cluster in a thread of its own, for tests and demos."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

from canary_lab.cluster import controllers, rbac
from canary_lab.cluster.admission import Admission
from canary_lab.cluster.controllers import Timing
from canary_lab.cluster.requests import RequestLog
from canary_lab.cluster.server import Middleware, Server, WebServer
from canary_lab.cluster.store import Event

_NODE = {
    "metadata": {"name": "fake-node"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.2"}},
}
_SERVICE = {
    "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
    "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
}
_SHUTDOWN = 1.0


class EmbeddedCluster:
    """A Kubernetes API server with controllers on 127.0.0.1; a context manager.

    Everybody without a bearer token is the administrator. Tokens of service accounts have the rights that RBAC gives.
    """

    def __init__(self, *, port: int = 0, timing: Timing | None = None, play_pods: bool = True) -> None:
        """Makes a cluster that does not run yet.

        Args:
            port: where to listen; 0 is any free port.
            timing: how fast Pods start and stop.
            play_pods: whether Pods become ready though nothing runs in them; otherwise something outside, such as
                `canary_lab.mesh`, is the kubelet of the node.
        """
        self._port, self._timing, self._play_pods = port, timing or Timing(), play_pods
        self._server = Server()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._error: Exception | None = None
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> RequestLog:
        """The requests that were made."""
        return self._server.requests

    @property
    def middlewares(self) -> list[Middleware]:
        """What sees each request first; a place to inject faults. It runs in the thread of the cluster."""
        return self._server.middlewares

    @property
    def admissions(self) -> list[Admission]:
        """What changes or refuses what is written, as webhooks do. It runs in the thread of the cluster."""
        return self._server.api.admissions

    def kubeconfig(self, path: Path, namespace: str = "default", token: str = "") -> Path:
        """Writes a kubeconfig for this cluster.

        Args:
            path: the file.
            namespace: that of the context.
            token: the bearer token of a service account; without it the user is the administrator. The Python client
                sends it, kubectl does not: it sends tokens over TLS only.
        """
        user = {"name": "bearer", "user": {"token": token}} if token else {"name": "admin", "user": {}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "embedded",
            "clusters": [{"name": "embedded", "cluster": {"server": self.url}}],
            "users": [user],
            "contexts": [
                {"name": "embedded", "context": {"cluster": "embedded", "user": user["name"], "namespace": namespace}}
            ],
        }
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def start(self) -> Self:
        """Starts the server and waits until it listens.

        Raises:
            OSError: the port is taken.
        """
        self._thread = threading.Thread(target=self._run, name="embedded-cluster", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._error:
            raise self._error
        return self

    def forget_history(self) -> None:
        """Compacts the history: whoever watches from an older version gets 410 Expired and has to list again."""
        self._do(self._server.store.forget_history)

    def end_watches(self) -> None:
        """Ends all watches, as a server does now and then; clients come again."""
        self._do(self._server.end_watches)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener` with every change of any object from now on, in order; none is left out.

        Args:
            listener: it runs in the thread of the cluster, which waits for it.

        Returns:
            What ends it; twice is the same as once.
        """
        ends: list[Callable[[], None]] = []
        self._do(lambda: ends.append(self._server.store.subscribe(listener)))

        def end() -> None:
            while ends:
                self._do(ends.pop())

        return end

    def _do(self, what: Callable[[], None]) -> None:
        """Does something in the thread of the cluster and waits until it is done."""
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        if self._loop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(run)
            done.wait()

    def stop(self) -> None:
        """Ends the server with all its watches; twice is the same as once."""
        if self._loop and self._stop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as e:  # `start` raises it in the thread that asked
            if self._started.is_set():
                raise
            self._error = e
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = WebServer(self._server.handle, handler_cancellation=True)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self._port)
            await site.start()
            self._port = int(runner.addresses[0][1])
            loop = controllers.start(self._server.api, self._server.addresses, self._timing, play_pods=self._play_pods)
            self._bootstrap()
            self._started.set()
            await self._stop.wait()
            loop.stop()
            self._server.end_watches()
        finally:
            await runner.cleanup()

    def _bootstrap(self) -> None:
        """What is there in a new cluster."""
        api = self._server.api
        for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
            api.make(("", "v1", "namespaces"), "", {"metadata": {"name": name}}, manager="kube-apiserver")
        api.make(("", "v1", "services"), "default", _SERVICE, manager="kube-apiserver")
        node = api.make(("", "v1", "nodes"), "", _NODE, manager="kubelet")
        api.change(
            ("", "v1", "nodes"),
            "",
            node["metadata"]["name"],
            lambda o: o.update(status=_NODE["status"]),
            subresource="status",
        )
        for plural, obj in rbac.bootstrap():
            api.make((rbac.GROUP, "v1", plural), "", obj, manager="kube-apiserver")
        self._server.store.forget_history()
