"""Tables, in which kubectl asks for what it prints: columns and cells of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from canary_lab.cluster import jsonpath
from canary_lab.cluster.clock import age
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.selectors import to_text

Obj = dict[str, Any]
Cell = Any
NONE = "<none>"


def _age(obj: Obj) -> str:
    return age(obj["metadata"].get("creationTimestamp"))


def _containers(obj: Obj) -> list[Cell]:
    containers = obj["spec"]["template"]["spec"].get("containers") or []
    selector = to_text(obj["spec"].get("selector"))
    return [",".join(c["name"] for c in containers), ",".join(c.get("image", "") for c in containers), selector]


def _deployment(obj: Obj) -> list[Cell]:
    spec, status = obj["spec"], obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0), _age(obj), *_containers(obj)]


def _replica_set(obj: Obj) -> list[Cell]:
    status = obj.get("status") or {}
    counts = [obj["spec"].get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [*counts, _age(obj), *_containers(obj)]


def _pod(obj: Obj) -> list[Cell]:
    spec, status = obj["spec"], obj.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = sum(1 for c in containers if c.get("ready"))
    reason = status.get("reason") or status.get("phase", "")
    for c in containers:
        waiting = (c.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason") or reason
    if "deletionTimestamp" in obj["metadata"]:
        reason = "Terminating"
    restarts = str(sum(c.get("restartCount", 0) for c in containers))
    where = [status.get("podIP") or NONE, spec.get("nodeName") or NONE, status.get("nominatedNodeName") or NONE]
    return [f"{ready}/{len(spec.get('containers') or ())}", reason, restarts, _age(obj), *where, NONE]


def _port(port: Obj) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port['protocol']}"


def _service(obj: Obj) -> list[Cell]:
    spec = obj["spec"]
    ports = [_port(p) for p in spec.get("ports") or ()]
    selector = ",".join(f"{k}={v}" for k, v in sorted((spec.get("selector") or {}).items()))
    outside = {"ExternalName": spec.get("externalName", ""), "LoadBalancer": "<pending>"}.get(
        spec.get("type", ""), NONE
    )
    return [
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        outside,
        ",".join(ports) or NONE,
        _age(obj),
        selector or NONE,
    ]


def _scaler(obj: Obj) -> list[Cell]:
    spec, status = obj["spec"], obj.get("status") or {}
    target = spec["scaleTargetRef"]
    targets = []
    for metric in spec.get("metrics") or ():
        wanted = (metric.get("resource") or {}).get("target") or {}
        name = (metric.get("resource") or {}).get("name", metric.get("type"))
        percent = wanted.get("averageUtilization")
        targets.append(
            f"{name}: <unknown>/" + (f"{percent}%" if percent is not None else str(wanted.get("averageValue")))
        )
    counts = [str(spec.get("minReplicas", 1)), spec.get("maxReplicas", 0), status.get("currentReplicas", 0)]
    return [f"{target['kind']}/{target['name']}", ", ".join(targets), *counts, _age(obj)]


def _event(obj: Obj) -> list[Cell]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or first
    origin = source.get("component") or ", ".join(
        t for t in (obj.get("reportingComponent"), obj.get("reportingInstance")) if t
    )
    if source.get("host"):
        origin += f", {source['host']}"
    name = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    shown = [age(last), obj.get("type", ""), obj.get("reason", ""), name, about.get("fieldPath", ""), origin]
    return [
        *shown,
        (obj.get("message") or "").strip(),
        age(first),
        obj.get("count") or 1,
        obj["metadata"].get("name", ""),
    ]


def _endpoints(obj: Obj) -> list[Cell]:
    shown = [
        f"{a['ip']}:{p['port']}"
        for s in obj.get("subsets") or ()
        for a in s.get("addresses") or ()
        for p in s.get("ports") or [{"port": 0}]
    ]
    return [",".join(shown[:3]) + (f" + {len(shown) - 3} more..." if len(shown) > 3 else "") or NONE, _age(obj)]


def _slice(obj: Obj) -> list[Cell]:
    ports = ",".join(str(p.get("port", "*")) for p in obj.get("ports") or ()) or "<unset>"
    addresses = [a for e in obj.get("endpoints") or () for a in e.get("addresses") or ()]
    return [obj.get("addressType", ""), ports, ",".join(addresses[:3]) or "<unset>", _age(obj)]


def _node(obj: Obj) -> list[Cell]:
    conditions = {c["type"]: c["status"] for c in (obj.get("status") or {}).get("conditions") or ()}
    version = ((obj.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", "")
    return ["Ready" if conditions.get("Ready") == "True" else "NotReady", NONE, _age(obj), version]


def _binding(obj: Obj) -> list[Cell]:
    return [f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}", _age(obj)]


# kind: columns (name, "#" in front: an integer, "+" in front: only when wide), and the cells after the name
_COLUMNS: dict[str, tuple[str, Callable[[Obj], list[Cell]]]] = {
    "ConfigMap": ("#Data Age", lambda o: [len(o.get("data") or ()) + len(o.get("binaryData") or ()), _age(o)]),
    "CustomResourceDefinition": ("Created_At", lambda o: [o["metadata"].get("creationTimestamp", "")]),
    "Deployment": ("Ready Up-to-date Available Age +Containers +Images +Selector", _deployment),
    "EndpointSlice": ("AddressType Ports Endpoints Age", _slice),
    "Endpoints": ("Endpoints Age", _endpoints),
    "Event": ("Last_Seen Type Reason Object +Subobject +Source Message +First_Seen +Count +Name", _event),
    "HorizontalPodAutoscaler": ("Reference Targets MinPods #MaxPods #Replicas Age", _scaler),
    "Lease": ("Holder Age", lambda o: [(o.get("spec") or {}).get("holderIdentity", ""), _age(o)]),
    "Namespace": ("Status Age", lambda o: [(o.get("status") or {}).get("phase", ""), _age(o)]),
    "Node": ("Status Roles Age Version", _node),
    "Pod": ("Ready Status Restarts Age +IP +Node +Nominated_Node +Readiness_Gates", _pod),
    "ReplicaSet": ("#Desired #Current #Ready Age +Containers +Images +Selector", _replica_set),
    "RoleBinding": ("Role Age", _binding),
    "ClusterRoleBinding": ("Role Age", _binding),
    "Secret": ("Type #Data Age", lambda o: [o.get("type", ""), len(o.get("data") or ()), _age(o)]),
    "Service": ("Type Cluster-IP External-IP Port(s) Age +Selector", _service),
}


def _definition(name: str, type_: str = "string", format_: str = "", priority: int = 0, description: str = "") -> Obj:
    return {"name": name, "type": type_, "format": format_, "description": description, "priority": priority}


def columns(resource: Resource) -> list[Obj]:
    """The column definitions of a resource."""
    first = _definition("Name", format_="name", description="Name must be unique within a namespace.")
    if resource.custom:
        return [
            first,
            *(_definition(c["name"], c["type"], c.get("format", ""), c.get("priority", 0)) for c in _printer(resource)),
        ]
    found = []
    for name in _COLUMNS.get(resource.kind, ("Age", _age))[0].split():
        bare = name.lstrip("#+").replace("_", " ")
        found.append(_definition(bare, "integer" if name.startswith("#") else "string", "", int(name.startswith("+"))))
    if resource.kind == "Event":
        found[-1]["format"] = "name"
        return found
    return [first, *found]


def _printer(resource: Resource) -> Sequence[Obj]:
    default = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    return resource.definition.get("additionalPrinterColumns") or default


def cells(resource: Resource, obj: Obj) -> list[Cell]:
    """The cells of an object; `obj` may be all but empty, as in a bookmark."""
    name = obj["metadata"].get("name", "")
    if resource.custom:
        return [name, *(_custom_cell(c, obj) for c in _printer(resource))]
    if resource.kind == "Event":
        return _event(obj)
    _, make = _COLUMNS.get(resource.kind, ("", lambda o: [_age(o)]))
    return [name, *make(obj)]


def _custom_cell(column: Obj, obj: Obj) -> Cell:
    found = jsonpath.find(obj, column["jsonPath"])
    if not found or found[0] is None:
        return None
    value, type_ = found[0], column["type"]
    if type_ == "date":
        return age(value) if isinstance(value, str) else None
    if type_ in ("integer", "number"):
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if type_ == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def table(
    resource: Resource, objects: list[Obj], meta: Obj, *, version: str = "v1", include: str = "", heads: bool = True
) -> Obj:
    """A Table of objects."""
    rows = [{"cells": cells(resource, o), "object": _row_object(o, version, include)} for o in objects]
    shown = columns(resource) if heads else None
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": meta,
        "columnDefinitions": shown,
        "rows": rows,
    }


def _row_object(obj: Obj, version: str, include: str) -> Obj | None:
    return None if include == "None" else obj if include == "Object" else partial(obj, version)


def partial(obj: Obj, version: str = "v1") -> Obj:
    """The metadata of an object as an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": obj["metadata"]}
