"""Services as workloads: traffic goes to one of two copies of a Service that the user owns.

There are no pods to start or stop here. How many the machine has asked for is noted on the canary's copy, so that what
it asked for is what it observes.
"""

from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import REVISION, ObjectNames, owner_reference
from canary_adapters.kubernetes.ownership import Ownership
from canary_adapters.kubernetes.resources import SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload.fingerprint import service_fingerprint
from canary_adapters.manifests import Canary
from canary_core import Obstacle, Workload
from canary_ports import ConflictError, RefusedError, RevisionChangedError, Workloads

__all__ = ["ServiceWorkload"]

REPLICAS: Final = "canary-core/replicas"
"""Annotation of the canary's copy: the number of pods that was asked for last."""
_OF_THE_SERVER: Final = frozenset({"clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"})
"""Fields that belong to one Service and cannot be copied to another."""


class ServiceWorkload:
    """The workloads of a canary whose target is a Service: a `canary_ports.WorkloadPort`."""

    def __init__(self, cluster: Cluster, canary: Canary, settings: ObjectSettings) -> None:
        """Makes one for a tick.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            settings: What the installation decides.
        """
        self._cluster, self._canary, self._settings = cluster, canary, settings
        self._names, self._ownership = ObjectNames.of(canary), Ownership(cluster, canary)
        self._canary_name = f"{self._names.target}-canary"

    def observe(self) -> Workloads:
        """Both, from the cache. A Service is ready whenever it is there."""
        target, primary, copy = (
            self._get(name) for name in (self._names.target, self._names.primary, self._canary_name)
        )
        canary = None
        if target is not None:
            canary = _observed(service_fingerprint(target["spec"]), _asked(copy))
        stable = _observed(_annotation(primary, REVISION) or None, 1) if primary is not None else None
        return Workloads(canary=canary, primary=stable)

    def obstacles(self) -> tuple[Obstacle, ...]:
        """What would be refused of the copies."""
        objection = self.objection()
        return (objection.as_obstacle(),) if objection is not None else ()

    def kept(self) -> frozenset[str]:
        """Nothing is kept of a Service."""
        return frozenset()

    def objection(self) -> RefusedError | None:
        """Why no rollout should begin: one of the copies is somebody else's. None: it may."""
        found = (
            self._ownership.refusal(SERVICES, self._get(name), given=self._is_given(name))
            for name in (self._names.primary, self._canary_name)
        )
        return next((each for each in found if each is not None), None)

    def ensure_primary(self, revision: str, replicas: int) -> None:  # noqa: ARG002 - a Service has no pods
        """Have a copy of the target for the primary."""
        target = self._copyable(revision)
        self._ensure(self._names.primary, target, {REVISION: revision})
        self._ensure(self._canary_name, target, {REPLICAS: str(_asked(self._get(self._canary_name)))})

    def promote(self, revision: str, replicas: int | None) -> None:  # noqa: ARG002
        """Have the primary's copy as the target is."""
        target = self._copyable(revision)
        if self._get(self._names.primary) is None:
            raise ConflictError(f"service {self._names.primary} is gone")
        self._ensure(self._names.primary, target, {REVISION: revision})

    def drop_former(self) -> None:
        """Copies of a Service that was the target before are left to their owner reference."""

    def remove_primary(self) -> None:
        """A Service can always be changed in place."""

    def restore_primary(self, revision: str) -> None:
        """A copy without pods cannot fail to become ready."""

    def scale_primary(self, replicas: int) -> None:
        """A Service has no pods."""

    def hold_primary(self, replicas: int | None) -> None:
        """A Service has no autoscaler."""

    def scale_canary(self, replicas: int) -> None:
        """Take note of what was asked for, and have the canary's copy as the target is."""
        target = self._get(self._names.target)
        if target is not None:
            self._ensure(self._canary_name, target, {REPLICAS: str(replicas)})

    def _copyable(self, revision: str) -> Obj:
        target = self._get(self._names.target)
        if target is None or service_fingerprint(target["spec"]) != revision:
            raise RevisionChangedError(f"service {self._names.target} is not {revision}")
        return target

    def _ensure(self, name: str, target: Obj, annotations: dict[str, str]) -> None:
        copied = self._settings.copied
        labels = copied(target["metadata"].get("labels"))
        spec = {key: value for key, value in target["spec"].items() if key not in _OF_THE_SERVER}
        spec["ports"] = [
            {k: v for k, v in port.items() if k != "nodePort"} for port in target["spec"].get("ports") or ()
        ]
        live = self._get(name)
        if live is None:
            metadata: Obj = {
                "name": name,
                "annotations": annotations,
                "ownerReferences": [owner_reference(self._canary)],
            }
            if labels:
                metadata["labels"] = labels
            self._ownership.put(SERVICES, {"metadata": metadata, "spec": spec}, None)
            return
        old = live["metadata"]
        metadata = {**old, "annotations": {**(old.get("annotations") or {}), **annotations}}
        if labels or old.get("labels"):
            metadata["labels"] = {**(old.get("labels") or {}), **labels}
        kept = {key: live["spec"][key] for key in _OF_THE_SERVER if key in live["spec"]}
        wanted = {**live, "metadata": metadata, "spec": {**spec, **kept}}
        if service_fingerprint(wanted["spec"]) != service_fingerprint(live["spec"]) or metadata != old:
            self._ownership.put(SERVICES, wanted, live, given=self._is_given(name))

    def _is_given(self, name: str) -> bool:
        """Whether one that nobody owns is taken over: Flagger gives the primary's copy the owners of the target."""
        return name == self._names.primary

    def _get(self, name: str) -> Obj | None:
        return self._cluster.get(SERVICES, self._names.namespace, name)


def _observed(revision: str | None, replicas: int) -> Workload:
    return Workload(revision=revision, replicas=replicas, updated=replicas, total=replicas, available=replicas)


def _annotation(obj: Obj | None, key: str) -> str:
    found: str = ((obj or {"metadata": {}})["metadata"].get("annotations") or {}).get(key, "")
    return found


def _asked(copy: Obj | None) -> int:
    """Before there is a copy, the target serves."""
    found = _annotation(copy, REPLICAS)
    return int(found) if found.isdigit() else 1
