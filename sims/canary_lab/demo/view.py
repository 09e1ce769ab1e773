"""What the demo shows at one moment, and where it is read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen
from kubernetes import config
from kubernetes.client import Configuration

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, EVENTS
from canary_adapters.manifests.analysis import REQUEST_DURATION, REQUEST_SUCCESS_RATE
from canary_adapters.prometheus.queries import BuiltIn, built_in
from canary_adapters.steering.panel import Event, Side
from canary_lab.mesh.laptop import Laptop
from canary_lab.mesh.load import Load
from canary_lab.mesh.prometheus import Prometheus
from canary_ports import PortError

__all__ = ["NAME", "NAMESPACE", "Event", "Observer", "Side", "View"]

NAMESPACE: Final = "canary-demo"
NAME: Final = "fleet-simple-app"
WINDOW_S: Final = 5
_EVENTS: Final = 7


@frozen(kw_only=True)
class View:
    """All that the screen shows."""

    elapsed_s: float
    chapter: str
    phase: str
    weight: int
    failed: int
    threshold: int
    primary: Side
    canary: Side
    events: tuple[Event, ...]
    """The last ones, oldest first."""
    requests: int
    """That users have made."""
    failures: int
    """That went wrong for them."""


class Observer:
    """Looks at cluster, Prometheus and users."""

    def __init__(self, laptop: Laptop, users: Load | None = None) -> None:
        """Makes one.

        Args:
            laptop: Runs.
            users: Whose requests are counted.
        """
        loaded = Configuration()
        config.load_kube_config(str(laptop.kubeconfig), client_configuration=loaded)
        self._api = Api(loaded, user_agent="canary-demo")
        self._prometheus = laptop.prometheus
        self.users = users
        self._began_s = time.monotonic()
        self._read = self._failures = 0

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    def look(self, chapter: str) -> View:
        """The present view."""
        canary = self._object(CANARIES, NAME)
        status = canary.get("status") or {}
        analysis = (canary.get("spec") or {}).get("analysis") or {}
        requests, failures = self.counted()
        return View(
            elapsed_s=time.monotonic() - self._began_s,
            chapter=chapter,
            phase=status.get("phase") or "",
            weight=int(status.get("canaryWeight") or 0),
            failed=int(status.get("failedChecks") or 0),
            threshold=int(analysis.get("threshold") or 0),
            primary=self._side(f"{NAME}-primary"),
            canary=self._side(NAME),
            events=self._events(),
            requests=requests,
            failures=failures,
        )

    def counted(self) -> tuple[int, int]:
        """How many requests users have made until now, and how many of them went wrong."""
        if self.users is not None:
            new = self.users.since(self._read)
            self._read += len(new)
            self._failures += sum(answer.status == 0 or answer.status >= 500 for answer in new)
        return self._read, self._failures

    def canary(self) -> dict[str, Any]:
        """The Canary; empty: there is none, or nobody answers."""
        return self._object(CANARIES, NAME)

    def phase(self) -> str:
        """Of the canary."""
        return str((self.canary().get("status") or {}).get("phase") or "")

    def _object(self, resource: Any, name: str) -> dict[str, Any]:
        try:
            return self._api.read(resource, NAMESPACE, name) or {}
        except PortError:
            return {}  # the next look will tell

    def _side(self, name: str) -> Side:
        deployment = self._object(DEPLOYMENTS, name)
        spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
        success, duration = _check(REQUEST_SUCCESS_RATE, name), _check(REQUEST_DURATION, name)
        count = _measured(self._prometheus, success.count)
        return Side(
            name=name,
            version=_version(spec),
            ready=f"{int(status.get('readyReplicas') or 0)}/{int(spec.get('replicas') or 0)}",
            rate=count / WINDOW_S if count else None,
            success=_measured(self._prometheus, success.query) if count else None,
            p99_ms=_measured(self._prometheus, duration.query) if count else None,
        )

    def _events(self) -> tuple[Event, ...]:
        try:
            items = self._api.list(EVENTS, NAMESPACE, field_selector="involvedObject.kind=Canary").items
        except PortError:
            return ()
        items.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return tuple(
            Event(
                at=str(each.get("lastTimestamp") or each.get("eventTime") or "")[11:19],
                text=str(each["message"]).replace(f".{NAMESPACE}", ""),
                is_warning=each.get("type") == "Warning",
            )
            for each in items[-_EVENTS:]
        )


def _version(spec: Mapping[str, Any]) -> str:
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("image") or "").rpartition(":")[2]


def _measured(prometheus: Prometheus | None, query: str) -> float | None:
    return prometheus.query(query) if prometheus is not None else None


def _check(check: str, workload: str) -> BuiltIn:
    """A built-in check of the controller, asked of any workload."""
    found = built_in(
        check, provider="istio", is_service=False, namespace=NAMESPACE, target=workload, window=f"{WINDOW_S}s"
    )
    if found is None:
        raise AssertionError(f"there is no built-in check {check}")
    return found
