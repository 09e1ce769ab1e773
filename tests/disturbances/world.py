"""A cluster with everything that controllers and users of many namespaces need, and caches of what happens in it."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from kubernetes import config
from kubernetes.client import Configuration

from applications.declared import a_namespace, forget
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.informers import Informers
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj, Resource
from canary_lab.cluster import Info, Next, Timing
from canary_lab.cluster.errors import status
from canary_lab.mesh.snapshot import PODS
from canary_ports import PortError
from disturbances.hands import Hands
from disturbances.meter import Meter
from disturbances.outside import Gate, Monitoring
from laboratories.lab import AGENT, REAL, Controller, Lab

__all__ = ["TIMING", "World"]

TIMING: Final = Timing(start=0.5, stop=0.2, autoscaler=1.0)
_CACHED: Final = (CANARIES, DEPLOYMENTS, PODS, SERVICES, VIRTUAL_SERVICES)
_FLAGS: Final = ("-log-level=info", "-kubeconfig-qps=1000", "-kubeconfig-burst=2000")
_READY: Final = "verify/ready"
"""Annotation by which a Pod of the embedded cluster is told to be unready."""


class World:
    """A laboratory for many namespaces; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.monitoring, self.gate = Monitoring(), Gate()
        self.lab = Lab(folder, timing=TIMING, prometheus=self.monitoring)
        self.refused: dict[str, str] = {}
        """Namespaces in which the controller may not write, and to which group of kinds; empty: to none."""
        self._changes: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self._ill: dict[tuple[str, str], Callable[[str], bool]] = {}
        self._background = ThreadPoolExecutor(16, thread_name_prefix="background")
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self.gate.stop)
        self._open.enter_context(self.lab)
        self._open.callback(self._background.shutdown)
        if not REAL:
            self.lab.cluster.middlewares.append(self._refuse)
        self.api, watching = self._connect("person"), self._connect("watcher")
        self.caches = Informers(watching, _CACHED, on_change=self._changed)
        self._open.callback(self.caches.stop)
        self.caches.start()
        while not self.caches.wait(1.0):
            continue
        self.meter = Meter(self.caches)
        self.meter.start()
        self._open.callback(self.meter.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _connect(self, who: str) -> Api:
        configuration = Configuration()
        load: Any = config
        load.load_kube_config(str(self.lab.kubeconfig), client_configuration=configuration)
        found = Api(configuration, user_agent=who, connections=64)
        self._open.callback(found.close)
        return found

    # -- Namespaces -------------------------------------------------------------------------------------------------

    def namespace(self) -> str:
        """A new one."""
        return a_namespace(self.api)

    def forget(self, namespace: str) -> None:
        """Delete a namespace, and with it all that was told of it."""
        self.meter.forget(namespace)
        self.refused.pop(namespace, None)
        self._changes.pop(namespace, None)
        self._ill = {key: value for key, value in self._ill.items() if key[0] != namespace}
        with contextlib.suppress(PortError):
            forget(self.api, namespace)

    def wait_for_change(self, namespace: str, seconds: float) -> None:
        """Wait until something may have changed in a namespace, or for so long."""
        change = self._changes[namespace]
        change.wait(seconds)
        change.clear()

    def controller(self, *flags: str) -> Controller:
        """Start a controller, and wait until it serves."""
        return self.lab.start(*_FLAGS, *flags)

    async def _refuse(self, request: web.BaseRequest, info: Info, after: Next) -> web.StreamResponse:
        """A middleware of the embedded API server."""
        group = self.refused.get(info.namespace)
        is_write = info.verb in {"create", "update", "patch", "delete"}
        if group is None or not is_write or not request.headers.get("User-Agent", "").startswith(AGENT):
            return await after()
        if group and info.group != group:
            return await after()
        code, reason = (403, "Forbidden") if group else (503, "ServiceUnavailable")
        return web.json_response(status(code, reason, "refused for a while"), status=code)

    def in_background(self, what: Callable[[], None]) -> None:
        """Have something done that takes its time."""
        self._background.submit(what)

    # -- Pods that are not ready ------------------------------------------------------------------------------------

    def make_ill(self, namespace: str, chosen: Callable[[str], bool]) -> Callable[[], None]:
        """Have Pods of a namespace be unready, those that come later as well.

        Args:
            namespace: Where.
            chosen: Which, by their names.

        Returns:
            What ends it: they are ready again.
        """
        key = namespace, uuid.uuid4().hex
        self._ill[key] = chosen
        for pod in self.caches.list(PODS, namespace):
            self._look_after(pod)

        def heal() -> None:
            self._ill.pop(key, None)
            for pod in self.caches.list(PODS, namespace):
                if chosen(pod["metadata"]["name"]):
                    self._say(pod, ready=True)

        return heal

    def _changed(self, resource: Resource, obj: Obj) -> None:
        self._changes[obj["metadata"]["namespace"]].set()
        if resource is PODS:
            self._look_after(obj)

    def _look_after(self, pod: Obj) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        ill = any(key[0] == namespace and chosen(name) for key, chosen in self._ill.copy().items())
        if ill and not pod["metadata"].get("deletionTimestamp"):
            self._background.submit(self._say, pod, ready=False)

    def _say(self, pod: Obj, *, ready: bool) -> None:
        """By an annotation, which the embedded cluster's kubelet goes by, and in the status, where nobody plays one."""
        hands, name = Hands(self.api, pod["metadata"]["namespace"]), pod["metadata"]["name"]

        def annotate(found: Obj) -> None:
            annotations = found["metadata"].setdefault("annotations", {})
            annotations.pop(_READY, None)
            if not ready:
                annotations[_READY] = "never"

        def declare(found: Obj) -> None:
            for each in (found.get("status") or {}).get("conditions") or ():
                if each["type"] in {"Ready", "ContainersReady"}:
                    each["status"] = str(ready)

        with contextlib.suppress(PortError):
            hands.edit(PODS, name, annotate)
            if (pod.get("status") or {}).get("phase") == "Running":
                hands.edit(PODS, name, declare, subresource="status")
