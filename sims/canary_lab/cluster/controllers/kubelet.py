# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""A scheduler and a kubelet without a node: Pods get a place, become ready after a moment, and stop after a moment.

A Pod can say otherwise, see `pod_life`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import frozen

from canary_lab.cluster.addresses import Addresses
from canary_lab.cluster.api import Api
from canary_lab.cluster.controllers.base import Controller, Loop
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.pod_life import Fate, begun, fate_of, gone_on, with_condition
from canary_lab.cluster.store import Key, Obj

PODS = ("", "v1", "pods")
NODE = "fake-node"
_MANAGER = "kubelet"


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
        elif fate_of(pod).scheduled:
            self._bind(key)

    def _bind(self, key: Key) -> None:
        pod = self.api.store.get(self.store, *key)
        if pod is None:
            return
        # What a real scheduler does through the binding subresource, which changes no generation.
        status = with_condition(pod, "PodScheduled")
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
        fate = fate_of(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(key, pod, fate)
        elif not pod["spec"].get("nodeName"):
            if fate.scheduled:
                self._bind(key)
        elif not pod["status"].get("podIP"):
            self._begin(key)
        else:
            self._run(key, pod, fate)

    def _is_due(self, key: Key, pod: Obj, step: str, after: float) -> bool:
        mark = (pod["metadata"]["uid"], step)
        due = self._due.setdefault(mark, time.monotonic() + after)
        wait = due - time.monotonic()
        if wait > 0:
            self.again(key, wait)
            return False
        self._due.pop(mark)
        return True

    def _begin(self, key: Key) -> None:
        """Gives a Pod its address; its containers wait."""
        address = self._addresses.for_pod()

        def edit(o: Obj) -> None:
            o["status"] = begun(o, address)

        self._change(key, edit)

    def _run(self, key: Key, pod: Obj, fate: Fate) -> None:
        if gone_on(pod) is None:
            return
        after = self._timing.start if fate.ready_after_s is None else fate.ready_after_s
        if pod["status"]["phase"] == "Pending" and not self._is_due(key, pod, "start", after):
            return

        def edit(o: Obj) -> None:
            o["status"] = gone_on(o) or o["status"]

        self._change(key, edit)

    def _stop(self, key: Key, pod: Obj, fate: Fate) -> None:
        after = self._timing.stop if fate.stop_after_s is None else fate.stop_after_s
        pods = self.api.registry.get(*PODS)
        if pods and self._is_due(key, pod, "stop", after):
            delete(self.api, pods, *key, DeleteOptions(grace=0, uid=pod["metadata"]["uid"]))

    def _change(self, key: Key, edit: Callable[[Obj], None]) -> None:
        self.api.change(PODS, *key, edit, manager=_MANAGER, subresource="status")
