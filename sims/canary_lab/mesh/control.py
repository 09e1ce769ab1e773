"""What keeps Envoy in step with the cluster: watches, renders, applies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from canary_lab.mesh.envoy import Envoy, EnvoyError
from canary_lab.mesh.snapshot import Ports, Reader, Snapshot, observe
from canary_lab.mesh.xds import Configuration, render

__all__ = ["Control"]

_LOG = logging.getLogger(__name__)
_AGAIN_S: Final = 1.0


class Control(threading.Thread):
    """Applies the present state whenever it is told that something has changed."""

    def __init__(self, envoy: Envoy, objects: Reader, node: Ports, on_applied: Callable[[], None]) -> None:
        """Makes one; `start` begins.

        Args:
            envoy: Runs already.
            objects: Of the API server.
            node: Runs the pods.
            on_applied: Called after each change that Envoy has taken.
        """
        super().__init__(name="mesh-control", daemon=True)
        self._envoy, self._objects, self._node = envoy, objects, node
        self._on_applied = on_applied
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._applied = Configuration()
        self._seen = Snapshot()

    def changed(self) -> None:
        """Tell that something has changed."""
        self._changed.set()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._changed.set()
        self.join()

    def run(self) -> None:
        """Until it is stopped."""
        while not self._stopping.is_set():
            self._changed.wait()
            self._changed.clear()
            if not self._stopping.is_set():
                self._apply()

    def _apply(self) -> None:
        try:
            self._follow()
        except EnvoyError as error:
            _LOG.error("envoy does not follow: %s", error)
            if not self._stopping.wait(_AGAIN_S):
                self._changed.set()
        except Exception:  # noqa: BLE001 - an object of somebody that makes no sense must not end the mesh
            _LOG.exception("the routes stay as they are")

    def _follow(self) -> None:
        snapshot = observe(self._objects, self._node)
        if snapshot == self._seen:
            return
        wanted = render(snapshot, self._envoy.files)
        if wanted != self._applied:
            self._envoy.apply(wanted)
        self._seen, self._applied = snapshot, wanted
        self._on_applied()
