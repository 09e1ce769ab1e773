"""The scale subresource: replicas of an object as a Scale."""

from __future__ import annotations

from typing import Any

from canary_lab.cluster import jsonpath
from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.selectors import to_text
from canary_lab.cluster.store import Obj, clone

_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def _paths(resource: Resource) -> Obj:
    return dict((resource.definition.get("subresources") or {}).get("scale") or {})


def read(resource: Resource, obj: Obj) -> Obj:
    """The Scale of an object.

    Raises:
        ApiError: 500, a custom resource has no number of replicas.
    """
    if resource.custom:
        paths = _paths(resource)
        replicas = jsonpath.find(obj, paths["specReplicasPath"])
        if not replicas:
            why = f'the spec replicas field "{paths["specReplicasPath"]}" does not exist'
            raise ApiError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})
        status: Obj = {"replicas": (jsonpath.find(obj, paths["statusReplicasPath"]) or [0])[0]}
        selector = (
            (jsonpath.find(obj, paths.get("labelSelectorPath", ".")) or [""])[0] if "labelSelectorPath" in paths else ""
        )
        wanted = replicas[0]
    else:
        wanted = obj["spec"].get("replicas", 0)
        status = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
        selector = to_text(obj["spec"].get("selector"))
    if selector:
        status["selector"] = selector
    meta = {k: obj["metadata"][k] for k in _META if k in obj["metadata"]}
    spec = {"replicas": wanted} if wanted else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}


def write(resource: Resource, obj: Obj, scale: Obj) -> Obj:
    """The object with the replicas, and for the check the version, of a Scale."""
    new = clone(obj)
    path = _paths(resource)["specReplicasPath"].strip(".").split(".") if resource.custom else ["spec", "replicas"]
    node: Any = new
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = (scale.get("spec") or {}).get("replicas", 0)
    if version := scale["metadata"].get("resourceVersion"):
        new["metadata"]["resourceVersion"] = version
    return new
