"""Resources that are two views of one storage: Events in two groups, HorizontalPodAutoscalers in two versions."""

from __future__ import annotations

from typing import Any

from canary_lab.cluster.resources import Resource

Obj = dict[str, Any]

# core v1 -> events.k8s.io/v1
_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_EVENT_BACK = {new: old for old, new in _EVENT_NAMES.items()}
_EMPTY_OUTSIDE = ("reportingController", "reportingInstance", "reason", "note", "type", "action")
_CPU = "targetCPUUtilizationPercentage"


def field_path(resource: Resource, path: str) -> str:
    """Where a field of a view is in storage."""
    if resource.group != "events.k8s.io":
        return path
    first, dot, rest = path.partition(".")
    return _EVENT_BACK.get(first, first) + dot + rest


def to_view(resource: Resource, obj: Obj) -> Obj:
    """A stored object as this resource shows it."""
    if resource.group == "events.k8s.io":
        obj = {_EVENT_NAMES.get(k, k): v for k, v in obj.items()}
        obj = {k: v for k, v in obj.items() if v or k not in _EMPTY_OUTSIDE}
    elif resource.kind == "HorizontalPodAutoscaler" and resource.version == "v1":
        obj = _scaler_to_v1(obj)
    if obj.get("apiVersion") == resource.api_version:
        return obj
    return {**obj, "apiVersion": resource.api_version}


def from_view(resource: Resource, obj: Obj) -> Obj:
    """What is stored of an object that came through this resource."""
    if resource.group == "events.k8s.io":
        stored = {_EVENT_BACK.get(k, k): v for k, v in obj.items()}
        return {"reportingComponent": "", "reportingInstance": "", **stored, "apiVersion": "v1"}
    if resource.kind == "HorizontalPodAutoscaler" and resource.version == "v1":
        return _scaler_from_v1(obj)
    return obj


def _scaler_to_v1(obj: Obj) -> Obj:
    spec = {k: v for k, v in obj["spec"].items() if k not in ("metrics", "behavior")}
    for metric in obj["spec"].get("metrics") or ():
        target = (metric.get("resource") or {}).get("target") or {}
        if metric.get("resource", {}).get("name") == "cpu" and "averageUtilization" in target:
            spec[_CPU] = target["averageUtilization"]
    status = {k: v for k, v in obj["status"].items() if k not in ("currentMetrics", "conditions")}
    return {**obj, "spec": spec, "status": {"currentReplicas": 0, **status}}


def _scaler_from_v1(obj: Obj) -> Obj:
    spec = {k: v for k, v in obj["spec"].items() if k != _CPU}
    if _CPU in obj["spec"]:
        target = {"type": "Utilization", "averageUtilization": obj["spec"][_CPU]}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec, "apiVersion": "autoscaling/v2"}
