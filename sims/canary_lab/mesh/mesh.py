"""The mesh of a cluster on this machine: a node that runs its pods, and Envoy in front of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kubernetes import client, config
from kubernetes.client import Configuration

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.informers import Informers
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_lab.mesh.addresses import Addresses, through
from canary_lab.mesh.control import Control
from canary_lab.mesh.envoy import Envoy, EnvoyError
from canary_lab.mesh.node import Node
from canary_lab.mesh.snapshot import PODS, WATCHED

__all__ = ["Mesh"]

_SYNC_S: Final = 30.0
_PROXY_PATIENCE_S: Final = 10.0


class Mesh:
    """Runs until it is stopped; a context manager."""

    def __init__(self, kubeconfig: Path, folder: Path, *, programs: Path | None = None) -> None:
        """Makes one that does not run yet.

        Args:
            kubeconfig: Of the cluster, whose API server leaves pods alone.
            folder: For configuration, logs and `Addresses`.
            programs: A folder that comes first in the ``PATH`` of pods.
        """
        loaded = Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=loaded)
        self._folder, self._programs = folder, programs
        self._api = Api(loaded, user_agent="canary-mesh")
        self._client = client.ApiClient(loaded)
        self._envoy = Envoy(folder / "envoy")
        self._informers = Informers(self._api, WATCHED, on_change=self._told)
        logs = folder / "pods"
        logs.mkdir(parents=True, exist_ok=True)
        self.node = Node(
            self._client, logs, environment=self._environment, is_drained=self._is_drained, on_change=self._changed
        )
        self._control = Control(self._envoy, self._informers, self.node, self._applied)
        self._proxies: Mapping[str, str] = {}
        self._applied_once = threading.Condition()

    @property
    def addresses(self) -> Addresses:
        """Where things are now."""
        return Addresses.of(
            admin=self._envoy.admin,
            pid=self._envoy.pid,
            listeners=self._envoy.ports(),
            pods=self.node.table(),
        )

    def start(self) -> Self:
        """Start everything, and wait until all that there is has been seen.

        Raises:
            EnvoyError: Envoy does not come up.
            canary_ports.PortError: The API server does not answer.
        """
        self._api.get("/version")
        Addresses.forget(self._folder)
        self._envoy.start()
        self._informers.start()
        self._informers.wait(_SYNC_S)
        self._control.start()
        self._changed()
        return self

    def stop(self) -> None:
        """End everything; the cluster's objects stay as they are."""
        self.node.stop()
        self._informers.stop()
        self._control.stop()
        self._envoy.stop()
        self._api.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _told(self, resource: Resource, obj: Obj) -> None:
        if resource == PODS:
            meta = obj["metadata"]
            now = self._informers.get(PODS, meta["namespace"], meta["name"])
            exists = now is not None and now["metadata"]["uid"] == meta["uid"]
            self.node.told(now if now is not None and exists else obj, exists=exists)
        self._changed()

    def _changed(self) -> None:
        self._control.changed()

    def _applied(self) -> None:
        addresses = self.addresses
        addresses.save(self._folder)
        with self._applied_once:
            self._proxies = addresses.proxies
            self._applied_once.notify_all()

    def _environment(self, pod: Obj) -> Mapping[str, str]:
        """Requests of pods go through the proxy of their namespace, as their sidecar would have it."""
        namespace = pod["metadata"]["namespace"]
        with self._applied_once:
            self._applied_once.wait_for(lambda: namespace in self._proxies, _PROXY_PATIENCE_S)
            proxy = self._proxies.get(namespace, "")
        found = through(proxy) if proxy else {}
        if self._programs is not None:
            found["PATH"] = f"{self._programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return found

    def _is_drained(self, address: str) -> bool:
        try:
            return not self.node.ports_of(address) & self._envoy.endpoints()
        except EnvoyError:
            return True  # whoever does not run sends nothing
