"""A node without containers: each pod that is bound to it is a few processes on this machine."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from canary_lab.cluster.store import Obj
from canary_lab.mesh.pods import PodRunner, Surroundings

__all__ = ["Node"]

_LOG = logging.getLogger(__name__)


class Node:
    """What a kubelet does, as far as a rollout can notice."""

    def __init__(
        self,
        api: client.ApiClient,
        logs: Path,
        *,
        environment: Callable[[Obj], Mapping[str, str]],
        is_drained: Callable[[str], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Makes one; it runs the pods that it is told of.

        Args:
            api: The API server.
            logs: Folder for what the pods print.
            environment: What is added to the environment of a pod's processes.
            is_drained: Whether nobody sends anything to a pod's address (any more).
            on_change: Called when a pod got other ports, or ended; from several threads.
        """
        self._pods = client.CoreV1Api(api)
        self._around = Surroundings(
            logs=logs,
            environment=environment,
            is_drained=is_drained,
            report=self._report,
            remove=self._remove,
            on_change=on_change,
        )
        self._runners: dict[str, PodRunner] = {}
        self._numbers = itertools.count(2)
        self._lock = threading.Lock()
        self._stopped = False

    def told(self, pod: Obj, *, exists: bool) -> None:
        """Tell of a pod as it is now, or that it is gone."""
        uid = pod["metadata"]["uid"]
        with self._lock:
            runner = self._runners.get(uid)
            if runner is None and exists and pod["spec"].get("nodeName") and not self._stopped:
                runner = self._runners[uid] = PodRunner(pod, self._next_address(), self._around)
                runner.start()
            if not exists:
                self._runners.pop(uid, None)
        if runner is not None and (not exists or "deletionTimestamp" in pod["metadata"]):
            runner.deleted.set()

    def port(self, address: str, port: int) -> int | None:
        """The port of this machine behind a port of a pod's address. None: there is none."""
        return next((each.ports.get(port) for each in self._all() if each.address == address), None)

    def ports_of(self, address: str) -> set[int]:
        """All ports of this machine that belong to a pod's address."""
        return {own for each in self._all() if each.address == address for own in each.ports.values()}

    def table(self) -> dict[str, dict[str, int]]:
        """The ports of this machine by pod (``namespace/name``) and by the pod's ports."""
        return {each.full_name: {str(port): own for port, own in each.ports.items()} for each in self._all()}

    def kill(self, full_name: str) -> None:
        """Kill the processes of a pod, as if they had crashed; it is started again.

        Args:
            full_name: ``namespace/name``.
        """
        for each in self._all():
            if each.full_name == full_name:
                each.kill()

    def stop(self) -> None:
        """End all processes; the objects of the pods stay as they are."""
        with self._lock:
            self._stopped = True
        runners = self._all()
        for runner in runners:
            runner.abandoned.set()
            runner.deleted.set()
        for runner in runners:
            runner.join()

    def _all(self) -> list[PodRunner]:
        with self._lock:
            return list(self._runners.values())

    def _next_address(self) -> str:
        number = next(self._numbers)
        return f"10.244.{number // 250 % 250}.{number % 250 + 1}"

    def _report(self, pod: Obj, status: Obj) -> None:
        meta = pod["metadata"]
        body = {"metadata": {"uid": meta["uid"]}, "status": status}
        with _unless_gone():
            self._pods.patch_namespaced_pod_status(
                meta["name"], meta["namespace"], body, _content_type="application/merge-patch+json"
            )

    def _remove(self, pod: Obj) -> None:
        meta = pod["metadata"]
        body = client.V1DeleteOptions(grace_period_seconds=0, preconditions=client.V1Preconditions(uid=meta["uid"]))
        with _unless_gone():
            self._pods.delete_namespaced_pod(meta["name"], meta["namespace"], body=body)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """A pod may be gone, its name may be another one's, and the server may be gone: then nobody is to be told."""
    try:
        yield
    except ApiException as error:
        if error.status not in {404, 409}:
            raise
    except urllib3.exceptions.HTTPError as error:
        _LOG.warning("the API server cannot be told of a pod: %s", error)
