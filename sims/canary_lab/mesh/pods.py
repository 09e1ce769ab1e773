"""The life of a pod on this machine: started, ready, started again when it ends, drained, stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.pod_life import pod_status
from canary_lab.cluster.store import Obj
from canary_lab.mesh.container import Container

__all__ = ["PodRunner", "Surroundings"]

_LOG = logging.getLogger(__name__)
_POLL_S: Final = 0.05
_PROBE_S: Final = 1.0
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 10.0
_DRAIN_S: Final = 15.0
_GRACE_S: Final = 12.0


@frozen(kw_only=True)
class Surroundings:
    """What a pod finds around it."""

    logs: Path
    """Folder for what its processes print."""
    environment: Callable[[Obj], Mapping[str, str]]
    """What is added to their environment."""
    is_drained: Callable[[str], bool]
    """Whether nobody sends anything to a pod's address (any more)."""
    report: Callable[[Obj, Obj], None]
    """Writes a pod's status."""
    remove: Callable[[Obj], None]
    """Removes the object of a pod that has stopped."""
    on_change: Callable[[], None]
    """Called when a pod got other ports, or ended."""


class PodRunner(threading.Thread):
    """Runs one pod until it is deleted."""

    def __init__(self, pod: Obj, address: str, surroundings: Surroundings) -> None:
        """Makes one; `start` begins.

        Args:
            pod: As it was bound to this node.
            address: Its own.
            surroundings: See there.
        """
        super().__init__(name=f"pod-{pod['metadata']['name']}", daemon=True)
        self._pod, self._around = pod, surroundings
        self.address = address
        self.deleted = threading.Event()
        """Set to have it drained and stopped."""
        self.abandoned = threading.Event()
        """Set before `deleted` to have it stopped at once, and its object left alone."""
        self._containers: list[Container] = []
        self._restarts = 0
        self._started_at = timestamp()

    @property
    def full_name(self) -> str:
        """Namespace and name."""
        meta = self._pod["metadata"]
        return f"{meta['namespace']}/{meta['name']}"

    @property
    def ports(self) -> dict[int, int]:
        """The ports of this machine, by the pod's."""
        return {port: own for container in self._containers for port, own in container.ports.items()}

    def kill(self) -> None:
        """Kill its processes."""
        for container in self._containers:
            container.kill()

    def run(self) -> None:
        """Live."""
        broken = any(str(each["image"]).endswith(":broken") for each in self._pod["spec"]["containers"])
        self._waiting("ImagePullBackOff" if broken else "ContainerCreating")
        if broken:
            self.deleted.wait()
        backoff_s = _FIRST_BACKOFF_S
        while not self.deleted.is_set():
            lasted = self._begin() and self._serve()
            if self.deleted.is_set():
                self._drain()
            self._end()
            if self.deleted.is_set():
                break
            self._restarts += 1
            backoff_s = _FIRST_BACKOFF_S if lasted else min(_LONGEST_BACKOFF_S, backoff_s * 2)
            self._waiting("CrashLoopBackOff")
            self.deleted.wait(backoff_s)
        if not self.abandoned.is_set():
            self._around.remove(self._pod)
        self._around.on_change()

    def _begin(self) -> bool:
        """Start the processes; whether that was possible."""
        meta = self._pod["metadata"]
        environment = self._around.environment(self._pod)
        for spec in self._pod["spec"]["containers"]:
            log = self._around.logs / f"{meta['namespace']}.{meta['name']}.{spec['name']}.log"
            container = Container(spec, meta["name"], log, environment)
            try:
                container.start()
            except OSError as error:
                _LOG.error("%s: %s", self.full_name, error)
                return False
            self._containers.append(container)
        return True

    def _serve(self) -> bool:
        """Until it is deleted or a process ends; whether it was ever ready."""
        was_ready, known = False, None
        while not self.deleted.is_set() and all(each.exit_code is None for each in self._containers):
            ready = all(each.is_ready() for each in self._containers)
            if ready != known:
                known, was_ready = ready, was_ready or ready
                self._around.on_change()  # the ports are known before anybody is told that it is ready
                self._running(ready=ready)
            self._pause(_PROBE_S if ready else _POLL_S)
        return was_ready

    def _pause(self, seconds: float) -> None:
        """Wait, but not longer than all processes run."""
        for _ in range(max(1, round(seconds / _POLL_S))):
            if self.deleted.wait(_POLL_S) or any(each.exit_code is not None for each in self._containers):
                return

    def _drain(self) -> None:
        """Wait until nobody sends to it any more, for a bounded time."""
        for _ in range(round(_DRAIN_S / _POLL_S)):
            if self.abandoned.is_set() or self._around.is_drained(self.address):
                return
            self.abandoned.wait(_POLL_S)

    def _end(self) -> None:
        for container in self._containers:
            container.terminate()
        for container in self._containers:
            container.wait(_GRACE_S)
        self._containers = []

    def _waiting(self, reason: str) -> None:
        self._report("Pending" if self._restarts == 0 else "Running", {"waiting": {"reason": reason}}, ready=False)

    def _running(self, *, ready: bool) -> None:
        self._report("Running", {"running": {"startedAt": timestamp()}}, ready=ready)

    def _report(self, phase: str, state: Obj, *, ready: bool) -> None:
        about = {"state": state, "ready": ready, "started": "running" in state, "restartCount": self._restarts}
        address = {"podIP": self.address, "podIPs": [{"ip": self.address}], "startTime": self._started_at}
        status = {**pod_status(self._pod, phase, about), "hostIP": "127.0.0.1", **address}
        self._pod = {**self._pod, "status": status}
        self._around.report(self._pod, status)
