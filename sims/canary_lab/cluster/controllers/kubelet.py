# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""A scheduler and a kubelet without a node: Pods get a place, become ready after a moment, and stop after a moment.

Annotations of a Pod say otherwise: `verify/ready: never` keeps it from being ready (also later on), `verify/ready:
pending` leaves it without a node, `verify/stop-after: 3s` lets it take its time to stop. An image that ends in
`:broken` is never pulled.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from attrs import frozen

from canary_lab.cluster.addresses import Addresses
from canary_lab.cluster.api import Api
from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.controllers.base import Controller, Loop
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.store import Key, Obj

PODS = ("", "v1", "pods")
NODE = "fake-node"
READY, STOP_AFTER = "verify/ready", "verify/stop-after"
_MANAGER = "kubelet"
_UNREADY = {"reason": "ContainersNotReady"}


@frozen
class Timing:
    """How long things take that a real cluster needs time for, in seconds."""

    start: float = 0.3
    """From the creation of a Pod until it is ready."""
    stop: float = 0.3
    """From its deletion until it is gone."""
    autoscaler: float = 15.0
    """Between two looks at a HorizontalPodAutoscaler."""


class Scheduler(Controller):
    """Gives Pods a node; a Pod without one ends at once. Somebody else is the kubelet of that node."""

    store = "core/pods"

    def look(self, key: Key) -> None:
        pod = self.api.store.get(self.store, *key)
        if pod is None or pod["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in pod["metadata"]:
            pods = self.api.registry.get(*PODS)
            if pods:
                delete(self.api, pods, *key, DeleteOptions(grace=0, uid=pod["metadata"]["uid"]))
        elif (pod["metadata"].get("annotations") or {}).get(READY) != "pending":
            self._bind(key)

    def _bind(self, key: Key) -> None:
        pod = self.api.store.get(self.store, *key)
        if pod is None:
            return
        # What a real scheduler does through the binding subresource, which changes no generation.
        status = {**pod["status"], "conditions": [_condition("PodScheduled", ready=True)]}
        self.api.store.put(self.store, {**pod, "spec": {**pod["spec"], "nodeName": NODE}, "status": status})


class Kubelet(Scheduler):
    """Plays Pods: they become ready though nothing runs in them."""

    def __init__(self, api: Api, loop: Loop, addresses: Addresses, timing: Timing) -> None:
        super().__init__(api, loop)
        self._addresses, self._timing = addresses, timing
        self._due: dict[tuple[str, str], float] = {}
        """When the next step of a Pod is due, by its uid and the step."""

    def look(self, key: Key) -> None:
        pod = self.api.store.get(self.store, *key)
        if pod is None:
            return
        annotations = pod["metadata"].get("annotations") or {}
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(key, pod, annotations)
        elif not pod["spec"].get("nodeName"):
            if annotations.get(READY) != "pending":
                self._bind(key)
        elif not pod["status"].get("podIP"):
            self._begin(key, pod)
        else:
            self._run(key, pod, annotations)

    def _is_due(self, key: Key, pod: Obj, step: str, after: float) -> bool:
        mark = (pod["metadata"]["uid"], step)
        due = self._due.setdefault(mark, time.monotonic() + after)
        wait = due - time.monotonic()
        if wait > 0:
            self.again(key, wait)
            return False
        self._due.pop(mark)
        return True

    def _begin(self, key: Key, pod: Obj) -> None:
        """Gives a Pod its address; its containers wait."""
        address = self._addresses.for_pod()
        broken = any(str(c.get("image", "")).endswith(":broken") for c in pod["spec"]["containers"])
        reason = "ImagePullBackOff" if broken else "ContainerCreating"

        def edit(o: Obj) -> None:
            waiting = {"state": {"waiting": {"reason": reason}}, "ready": False, "started": False}
            o["status"] = pod_status(o, "Pending", waiting)
            o["status"] |= {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}], "startTime": timestamp()}
            o["status"] |= {"podIP": address, "podIPs": [{"ip": address}]}

        self._change(key, edit)

    def _run(self, key: Key, pod: Obj, annotations: dict[str, str]) -> None:
        containers = pod["status"].get("containerStatuses") or [{}]
        if any((c.get("state") or {}).get("waiting", {}).get("reason") == "ImagePullBackOff" for c in containers):
            return
        if pod["status"]["phase"] == "Pending" and not self._is_due(key, pod, "start", self._timing.start):
            return
        ready = annotations.get(READY) not in ("never", "pending")
        if pod["status"]["phase"] == "Running" and all(c["ready"] == ready for c in containers):
            return
        started = pod["status"].get("startTime")

        def edit(o: Obj) -> None:
            running = {"state": {"running": {"startedAt": started}}, "ready": ready, "started": True}
            o["status"] = {**o["status"], **pod_status(o, "Running", running)}

        self._change(key, edit)

    def _stop(self, key: Key, pod: Obj, annotations: dict[str, str]) -> None:
        match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", annotations.get(STOP_AFTER, ""))
        after = float(match[1]) if match else self._timing.stop
        pods = self.api.registry.get(*PODS)
        if pods and self._is_due(key, pod, "stop", after):
            delete(self.api, pods, *key, DeleteOptions(grace=0, uid=pod["metadata"]["uid"]))

    def _change(self, key: Key, edit: Callable[[Obj], None]) -> None:
        self.api.change(PODS, *key, edit, manager=_MANAGER, subresource="status")


def _condition(type_: str, *, ready: bool) -> Obj:
    reason = _UNREADY if not ready and type_ in ("ContainersReady", "Ready") else {}
    return {"type": type_, "status": str(ready), "lastProbeTime": None, "lastTransitionTime": timestamp(), **reason}


def pod_status(pod: Obj, phase: str, state: Obj) -> Obj:
    """The status of a Pod all of whose containers are in one state.

    Args:
        pod: As it was; conditions that stay keep their times.
        phase: Such as ``Running``.
        state: Fields of a container's status; ``ready`` is needed.
    """
    old = {c["type"]: c for c in pod["status"].get("conditions") or ()}
    ready = bool(state["ready"])
    wanted = {
        "PodReadyToStartContainers": True,
        "Initialized": True,
        "ContainersReady": ready,
        "Ready": ready,
        "PodScheduled": True,
    }
    conditions = [
        old[t] if t in old and old[t]["status"] == str(r) else _condition(t, ready=r) for t, r in wanted.items()
    ]
    containers = [
        {
            "name": c["name"],
            "image": c["image"],
            "imageID": f"sha256:{c['image']}",
            "restartCount": 0,
            "lastState": {},
            **state,
        }
        for c in pod["spec"]["containers"]
    ]
    return {**pod["status"], "phase": phase, "conditions": conditions, "containerStatuses": containers}
