"""The primary's HorizontalPodAutoscaler: the target's, for the primary, held up while a rollout is under way."""

from typing import Final

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import LabelFilter, ObjectNames, owner_reference
from canary_adapters.kubernetes.ownership import Ownership
from canary_adapters.kubernetes.resources import HORIZONTAL_POD_AUTOSCALERS, Obj
from canary_adapters.manifests import Canary
from canary_core import Obstacle
from canary_ports import RefusedError

__all__ = ["Autoscaler"]

HELD: Final = "canary-core/held"
"""Annotation: the fewest replicas that were asked for for the time of a rollout."""
MISSING: Final = "AutoscalerMissing"
KIND: Final = HORIZONTAL_POD_AUTOSCALERS.kind


class Autoscaler:
    """That of a target, and its copy for the primary."""

    def __init__(self, cluster: Cluster, canary: Canary, copied: LabelFilter) -> None:
        """Makes one for a canary with ``autoscalerRef``.

        Args:
            cluster: Reads and writes.
            canary: As it is declared now.
            copied: Which labels go on to the primary's. Those by which a tool finds what it has delivered must not.
        """
        ref = canary.spec.autoscaler_ref
        self._cluster, self._canary, self._copied = cluster, canary, copied
        self._ownership = Ownership(cluster, canary)
        self._name = ref.name if ref is not None else ""
        self._limits = ref.primary_scaler_replicas if ref is not None else None

    def __bool__(self) -> bool:
        """Whether the canary has an autoscaler."""
        return bool(self._name)

    @property
    def floor(self) -> int | None:
        """The fewest replicas that the target's would keep. None: there is none."""
        source = self._source() if self else None
        return _fewest(source) if source is not None else None

    @property
    def primary_floor(self) -> int | None:
        """The fewest replicas that the primary's keeps at present. None: there is none of ours."""
        clone = self._ours() if self else None
        return _fewest(clone) if clone is not None else None

    @property
    def held(self) -> int | None:
        """What was asked for for the time of a rollout."""
        clone = self._ours() if self else None
        annotations = (clone["metadata"].get("annotations") or {}) if clone is not None else {}
        found = annotations.get(HELD, "")
        return int(found) if found.isdigit() else None

    def objection(self) -> RefusedError | None:
        """Why the primary's cannot be written: it is somebody else's. None: it can be."""
        return self._ownership.refusal(HORIZONTAL_POD_AUTOSCALERS, self._clone()) if self else None

    def ensure(self, held: int | None) -> None:
        """Have the primary's as declared, with at least so many replicas, as far as its maximum allows.

        One that is somebody else's is left alone.

        Raises:
            RefusedError: The target's does not exist.
            UnavailableError: Unknown whether it was done.
            ConflictError: Somebody else wrote in between; not done.
        """
        if not self or self.objection() is not None:
            return
        source = self._source()
        if source is None:
            raise RefusedError(MISSING, self._missing)
        clone = self._clone()
        wanted = self._wanted(source, clone, held)
        if wanted != clone:
            self._ownership.put(HORIZONTAL_POD_AUTOSCALERS, wanted, clone)

    @property
    def _missing(self) -> str:
        return (
            f"spec.autoscalerRef: there is no {KIND} {self._name} in namespace {self._canary.namespace}; "
            "make it, or leave autoscalerRef out"
        )

    def obstacles(self) -> tuple[Obstacle, ...]:
        """That the target's does not exist."""
        missing = self and self._source() is None
        return (Obstacle(reason=MISSING, message=self._missing),) if missing else ()

    def _wanted(self, source: Obj, clone: Obj | None, held: int | None) -> Obj:
        spec = source["spec"]
        limits = self._limits
        most = limits.max_replicas if limits is not None and limits.max_replicas else spec["maxReplicas"]
        declared = limits.min_replicas if limits is not None and limits.min_replicas else _fewest(source)
        new = {
            **(clone["spec"] if clone is not None else {}),
            "scaleTargetRef": {**spec["scaleTargetRef"], "name": ObjectNames.of(self._canary).primary},
            "maxReplicas": most,
            "minReplicas": min(most, max(declared, held or 0)),
        }
        for part in ("metrics", "behavior"):
            new.pop(part, None)
            if spec.get(part):
                new[part] = spec[part]
        old = clone["metadata"] if clone is not None else {}
        annotations = {key: value for key, value in (old.get("annotations") or {}).items() if key != HELD}
        if held is not None:
            annotations[HELD] = str(held)
        labels = self._copied(source["metadata"].get("labels"))
        metadata: Obj = {**old} or {
            "name": f"{self._name}-primary",
            "ownerReferences": [owner_reference(self._canary)],
        }
        for part, values in (("labels", labels), ("annotations", annotations)):
            metadata.pop(part, None)
            if values:
                metadata[part] = values
        return {**(clone or {}), "metadata": metadata, "spec": new}

    def _source(self) -> Obj | None:
        return self._cluster.get(HORIZONTAL_POD_AUTOSCALERS, self._canary.namespace, self._name)

    def _ours(self) -> Obj | None:
        return self._clone() if self.objection() is None else None

    def _clone(self) -> Obj | None:
        return self._cluster.get(HORIZONTAL_POD_AUTOSCALERS, self._canary.namespace, f"{self._name}-primary")


def _fewest(scaler: Obj) -> int:
    found: int = scaler["spec"].get("minReplicas") or 1
    return found
