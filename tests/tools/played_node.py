"""A node of a real control plane on which nothing runs: a scheduler and a kubelet that report what Pods ask for."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from typing import Any, Final

import urllib3
from kubernetes import client, config, watch

from canary_lab.cluster.pod_life import begun, fate_of, gone_on

NAME: Final = "played-node"
START_S: Final = 0.1
STOP_S: Final = 0.1
_GONE: Final = 404
_CHANGED: Final = 409
_THEIRS: Final = 500
_ROOM: Final = {"cpu": "1000", "memory": "1000Gi", "pods": "10000"}
_LOST: Final = (urllib3.exceptions.HTTPError, OSError)


class PlayedNode:
    """One node; every Pod gets a place on it, an address, and the statuses that `pod_life` describes."""

    def __init__(self, kubeconfig: str) -> None:
        connect: Any = config.new_client_from_config
        self._core: Any = client.CoreV1Api(connect(kubeconfig))
        self._addresses = itertools.count(2)
        self._seen: set[tuple[str, str]] = set()
        """Steps of Pods that are done or under way, by uid and step."""

    def start(self) -> None:
        """Register the node, and serve its Pods from a thread of its own for as long as the process runs."""
        condition = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        self._core.create_node({"metadata": {"name": NAME}, "spec": {"podCIDR": "10.244.0.0/16"}})
        self._core.patch_node_status(
            NAME, {"status": {"conditions": [condition], "capacity": _ROOM, "allocatable": _ROOM}}
        )
        threading.Thread(target=self._serve, daemon=True, name=NAME).start()

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(client.ApiException, *_LOST):
                stream = watch.Watch().stream(self._core.list_pod_for_all_namespaces, timeout_seconds=300)
                for event in stream:
                    if event["type"] == "DELETED":
                        self._forget(event["raw_object"]["metadata"]["uid"])
                    else:
                        self._look(event["raw_object"])

    def _forget(self, uid: str) -> None:
        self._seen = {step for step in self._seen if step[0] != uid}

    def _look(self, pod: Any) -> None:
        fate, uid, version = fate_of(pod), pod["metadata"]["uid"], pod["metadata"]["resourceVersion"]
        if "deletionTimestamp" in pod["metadata"]:
            self._in(STOP_S if fate.stop_after_s is None else fate.stop_after_s, (uid, "stop"), self._end, pod)
        elif not pod["spec"].get("nodeName"):
            if fate.scheduled:
                self._in(0, (uid, "bind"), self._bind, pod)
        elif not pod["status"].get("podIP"):
            self._in(0, (uid, f"begin {version}"), self._begin, pod)
        elif gone_on(pod) is not None:
            pending = pod["status"]["phase"] == "Pending"
            late = START_S if fate.ready_after_s is None else fate.ready_after_s
            self._in(late if pending else 0, (uid, f"go on {version}"), self._go_on, pod)

    def _in(self, seconds: float, step: tuple[str, str], act: Callable[[Any], None], pod: Any) -> None:
        if step in self._seen:
            return
        self._seen.add(step)
        timer = threading.Timer(seconds, self._act, (act, pod))
        timer.daemon = True
        timer.start()

    def _act(self, act: Callable[[Any], None], pod: Any) -> None:
        while True:
            try:
                return act(pod)
            except client.ApiException as error:
                if error.status in (_GONE, _CHANGED):
                    return None  # whatever it is now is told by the watch
                if error.status and error.status < _THEIRS:
                    raise
                threading.Event().wait(0.5)
            except _LOST:  # a server that is started again
                threading.Event().wait(0.5)

    def _bind(self, pod: Any) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        body = {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
        # The answer is a Status, which the client cannot read as a Binding.
        self._core.create_namespaced_pod_binding(
            pod["metadata"]["name"], pod["metadata"]["namespace"], body, _preload_content=False
        )

    def _begin(self, pod: Any) -> None:
        number = next(self._addresses)
        self._report(pod, begun(pod, f"10.244.{number // 250 % 250}.{number % 250 + 1}"))

    def _go_on(self, pod: Any) -> None:
        status = gone_on(pod)
        if status is not None:
            self._report(pod, status)

    def _report(self, pod: Any, status: Any) -> None:
        metadata = pod["metadata"]
        self._core.replace_namespaced_pod_status(
            metadata["name"], metadata["namespace"], {**pod, "status": status}, _preload_content=False
        )

    def _end(self, pod: Any) -> None:
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        self._core.delete_namespaced_pod(metadata["name"], metadata["namespace"], body=options, _preload_content=False)
