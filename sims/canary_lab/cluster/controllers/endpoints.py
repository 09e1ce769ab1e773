# ruff: noqa: D102
# `keys` and `look` are described in `Controller`.
"""Endpoints and EndpointSlices of Services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from canary_lab.cluster.clock import timestamp
from canary_lab.cluster.controllers.base import Controller, controller_of, reference
from canary_lab.cluster.controllers.replicasets import is_ready
from canary_lab.cluster.deletion import DeleteOptions, delete
from canary_lab.cluster.store import Event, Key, Obj

ENDPOINTS, SLICES = ("", "v1", "endpoints"), ("discovery.k8s.io", "v1", "endpointslices")
_TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_NAME, _BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
_HEADLESS = {"service.kubernetes.io/headless": ""}


class EndpointsController(Controller):
    """Keeps the addresses behind a Service."""

    store = "core/services"

    def keys(self, event: Event) -> Iterable[Key]:
        if event.store == self.store:
            yield event.key
        elif event.store == "core/pods":
            labels = [(o["metadata"].get("labels") or {}).items() for o in (event.obj, event.old) if o]
            for service in self.api.store.all(self.store, event.key[0]):
                selector = service["spec"].get("selector")
                if selector and any(selector.items() <= has for has in labels):
                    yield event.key[0], service["metadata"]["name"]

    def look(self, key: Key) -> None:
        service = self.api.store.get(self.store, *key)
        if service is None:
            resource = self.api.registry.get(*ENDPOINTS)
            if resource and self.api.store.get("core/endpoints", *key):
                delete(self.api, resource, *key, DeleteOptions())
        elif service["spec"].get("selector") and "deletionTimestamp" not in service["metadata"]:
            pods = self._pods(service)
            self._keep_endpoints(key, service, pods)
            self._keep_slice(key, service, pods)

    def _pods(self, service: Obj) -> list[Obj]:
        selector = service["spec"]["selector"].items()
        found = self.api.store.all("core/pods", service["metadata"]["namespace"])
        return [
            p for p in found if selector <= (p["metadata"].get("labels") or {}).items() and p["status"].get("podIP")
        ]

    def _keep_endpoints(self, key: Key, service: Obj, pods: list[Obj]) -> None:
        headless = _HEADLESS if service["spec"].get("clusterIP") == "None" else {}
        labels = {
            **(service["metadata"].get("labels") or {}),
            "endpoints.kubernetes.io/managed-by": "endpoint-controller",
        }
        subsets = _subsets(service, [p for p in pods if "deletionTimestamp" not in p["metadata"]])

        def edit(o: Obj) -> None:
            if (o.get("subsets") or []) != subsets or o["metadata"].get("labels") != {**labels, **headless}:
                o["metadata"]["labels"] = {**labels, **headless}
                o["metadata"].setdefault("annotations", {})[_TRIGGER] = timestamp()
                o["subsets"] = subsets

        if self.api.store.get("core/endpoints", *key):
            self.api.change(ENDPOINTS, *key, edit)
        else:
            made: Obj = {"metadata": {"name": key[1]}}
            edit(made)
            self.api.make(ENDPOINTS, key[0], made)

    def _keep_slice(self, key: Key, service: Obj, pods: list[Obj]) -> None:
        groups = _by_ports(service, pods)
        ports, members = groups[0] if groups else ([], [])  # all Pods here have the same ports; one slice does
        endpoints = [_endpoint(p) for p in members] or None
        listed = [{"name": p.get("name", ""), "protocol": p["protocol"], "port": p["port"]} for p in ports] or None

        def edit(o: Obj) -> None:
            o["endpoints"], o["ports"] = endpoints, listed

        mine = [s for s in self.api.store.all("discovery.k8s.io/endpointslices", key[0]) if _owns(service, s)]
        if mine:
            self.api.change(SLICES, key[0], mine[0]["metadata"]["name"], edit)
            return
        headless = _HEADLESS if service["spec"].get("clusterIP") == "None" else {}
        labels = {**(service["metadata"].get("labels") or {}), _BY: "endpointslice-controller.k8s.io", _NAME: key[1]}
        meta = {"generateName": f"{key[1]}-", "labels": {**labels, **headless}, "ownerReferences": [reference(service)]}
        meta["annotations"] = {_TRIGGER: timestamp()}
        made: Obj = {"metadata": meta, "addressType": "IPv4"}
        edit(made)
        self.api.make(SLICES, key[0], made)


def _owns(service: Obj, slice_: Obj) -> bool:
    owner = controller_of(slice_)
    return bool(owner and owner["uid"] == service["metadata"]["uid"])


def _port_number(pod: Obj, target: Any) -> int | None:
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == target:
                return int(port["containerPort"])
    return None


def _by_ports(service: Obj, pods: list[Obj]) -> list[tuple[list[Obj], list[Obj]]]:
    """The Pods by the ports that the Service reaches on them."""
    groups: list[tuple[list[Obj], list[Obj]]] = []
    for pod in pods:
        ports = []
        for port in service["spec"].get("ports") or ():
            number = _port_number(pod, port.get("targetPort", port["port"]))
            if number is not None:
                name = {"name": port["name"]} if port.get("name") else {}
                ports.append({**name, "port": number, "protocol": port["protocol"]})
        for known, members in groups:
            if known == ports:
                members.append(pod)
                break
        else:
            groups.append((ports, [pod]))
    return groups


def _target(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _subsets(service: Obj, pods: list[Obj]) -> list[Obj]:
    found = []
    for ports, members in _by_ports(service, pods):
        subset: Obj = {}
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            some = [p for p in members if is_ready(p) == ready]
            if some:
                subset[field] = [
                    {"ip": p["status"]["podIP"], "nodeName": p["spec"].get("nodeName"), "targetRef": _target(p)}
                    for p in some
                ]
        found.append({**subset, **({"ports": ports} if ports else {})})
    return found


def _endpoint(pod: Obj) -> Obj:
    ending = "deletionTimestamp" in pod["metadata"]
    ready = is_ready(pod)
    conditions = {"ready": ready and not ending, "serving": ready, "terminating": ending}
    where = {"addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"].get("nodeName")}
    return {**where, "conditions": conditions, "targetRef": _target(pod)}
