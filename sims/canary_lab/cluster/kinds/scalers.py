# ruff: noqa: ARG002, D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""HorizontalPodAutoscalers: defaults, and what their metrics and behaviour may be."""

from __future__ import annotations

from typing import Any, Final

from canary_lab.cluster.errors import Cause, forbidden, invalid, required, unsupported
from canary_lab.cluster.kinds.base import Obj, Strategy

_SOURCES: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
_LONGEST_WINDOW_S: Final = 3600
_POLICY = {"selectPolicy": "Max"}


def _check_fewest(spec: Obj) -> list[Cause]:
    """Mistakes of `minReplicas`: scaling to nothing is not enabled, and would need a metric from outside the Pods."""
    fewest, found = spec["minReplicas"], list[Cause]()
    if fewest < 1:
        found.append(invalid("spec.minReplicas", fewest, "must be greater than or equal to 1"))
    if fewest == 0 and not any(metric.get("type") in ("Object", "External") for metric in spec["metrics"]):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        found.append(forbidden("spec.metrics", why))
    return found


def _check_metrics(spec: Obj) -> list[Cause]:
    found = []
    for i, metric in enumerate(spec["metrics"]):
        where, type_ = f"spec.metrics[{i}]", metric.get("type", "")
        source = metric.get(f"{type_[:1].lower()}{type_[1:]}")
        if type_ not in _SOURCES:
            found.append(unsupported(f"{where}.type", type_, _SOURCES))
        elif source is None:
            name = f"{type_[0].lower()}{type_[1:]}"
            found.append(required(f"{where}.{name}", "must populate information for the given metric source"))
        elif type_ == "Resource" and not {"averageUtilization", "averageValue"} & set(source["target"]):
            why = "must set either a target raw value or a target utilization"
            found.append(required(f"{where}.resource.target.averageUtilization", why))
    return found


def _check_behavior(spec: Obj) -> list[Cause]:
    found = []
    for way in ("scaleUp", "scaleDown"):
        window = ((spec.get("behavior") or {}).get(way) or {}).get("stabilizationWindowSeconds") or 0
        where = f"spec.behavior.{way}.stabilizationWindowSeconds"
        if window < 0:
            found.append(invalid(where, window, "must be greater than or equal to zero"))
        elif window > _LONGEST_WINDOW_S:
            found.append(invalid(where, window, f"must be less than or equal to {_LONGEST_WINDOW_S}"))
    return found


class ScalerStrategy(Strategy):
    """A HorizontalPodAutoscaler, kept as autoscaling/v2."""

    def default(self, obj: Obj) -> None:
        spec = obj["spec"]
        spec.setdefault("minReplicas", 1)
        if not spec.get("metrics"):
            target: dict[str, Any] = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        if behavior := spec.get("behavior"):
            percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
            pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
            up: Obj = {"stabilizationWindowSeconds": 0, **_POLICY, "policies": [pods, percent]}
            down: Obj = {**_POLICY, "policies": [percent]}
            behavior["scaleUp"] = {**up, **(behavior.get("scaleUp") or {})}
            behavior["scaleDown"] = {**down, **(behavior.get("scaleDown") or {})}

    def check(self, obj: Obj) -> list[Cause]:
        spec, found = (
            obj["spec"],
            _check_fewest(obj["spec"]) + _check_metrics(obj["spec"]) + _check_behavior(obj["spec"]),
        )
        if spec["maxReplicas"] < 1:
            found.append(required("spec.maxReplicas", "must be set and greater than 0"))
        if spec["maxReplicas"] < spec["minReplicas"]:
            why = "must be greater than or equal to `minReplicas`"
            found.append(invalid("spec.maxReplicas", spec["maxReplicas"], why))
        target = spec["scaleTargetRef"]
        found += [required(f"spec.scaleTargetRef.{key}") for key in ("kind", "name") if not target.get(key)]
        if "/" not in target.get("apiVersion", ""):
            why = "apiVersion must specify API group"
            found.append(invalid("spec.scaleTargetRef.apiVersion", target.get("apiVersion", ""), why))
        return found

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return self.check(new)
