"""Canaries and their targets on an API server, for the tests of adapters."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import yaml

from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.crds import definitions
from canary_adapters.kubernetes.resources import CANARIES, Obj, Resource
from canary_adapters.manifests import Canary, read_object
from canary_lab.cluster.crds import istio
from canary_ports import ConflictError, PortError

DEFINITIONS = Resource(
    group="apiextensions.k8s.io", version="v1", plural="customresourcedefinitions", kind="CustomResourceDefinition"
)


def install_definitions(api: Api, istios: Iterable[Obj] | None = None) -> None:
    """Have our custom resources and Istio's.

    Args:
        api: Where.
        istios: Those of Istio. None: those of the laboratory, which take any content.
    """
    for definition in [*definitions(), *(yaml.safe_load_all(istio()) if istios is None else istios)]:
        try:
            api._send("POST", DEFINITIONS.path(None), body=definition)
        except ConflictError:
            continue
    for resource in ("canaries.flagger.app", "virtualservices.networking.istio.io"):
        while not _is_established(api, resource):
            continue


def _is_established(api: Api, name: str) -> bool:
    found = api._send("GET", DEFINITIONS.path(None, name))
    conditions = (found.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def a_namespace(api: Api) -> str:
    """A new namespace."""
    name = f"place-{uuid.uuid4().hex[:8]}"
    api._send("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    return name


def patched(cluster: Cluster, resource: Resource, namespace: str, name: str, change: Obj) -> None:
    """Change some fields of an object, as somebody would who tries again until nobody else wrote in between."""
    while True:
        live = cluster.read(resource, namespace, name)
        assert live is not None
        try:
            cluster.patch(resource, live, change)
        except ConflictError:
            continue
        return


def forget(api: Api, namespace: str) -> None:
    """Delete a namespace, and with it Canaries that no controller is there to let go."""
    for each in api.list(CANARIES, namespace).items:
        if each["metadata"].get("finalizers"):
            api.patch(CANARIES, each, {"metadata": {"finalizers": None}})
    api._send("DELETE", f"/api/v1/namespaces/{namespace}")


def raw_canary(namespace: str, *, name: str = "app", kind: str = "Deployment", **spec: Any) -> Obj:
    """A Canary; what is given replaces fields of its spec."""
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "targetRef": {"apiVersion": version, "kind": kind, "name": "app"},
            "service": {"port": 80},
            "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
            **spec,
        },
    }


def a_canary(api: Api, namespace: str, **spec: Any) -> Canary:
    """A Canary that exists, so that what it owns is not garbage; made, or changed to this spec."""
    raw = raw_canary(namespace, **spec)
    while True:
        live = api.read(CANARIES, namespace, raw["metadata"]["name"])
        try:
            if live is None:
                live = api.create(CANARIES, namespace, raw)
            elif live["spec"] != raw["spec"]:
                live = api.replace(CANARIES, {**live, "spec": raw["spec"]})
        except PortError as error:
            if not isinstance(error, ConflictError):
                raise
            continue
        return canary_of(live)


def canary_of(live: Obj) -> Canary:
    """A Canary as the controller reads it."""
    return read_object({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", **live}).canaries[0]


def a_deployment(image: str = "example.com/app:one", *, name: str = "app", replicas: int = 2) -> Obj:
    """A Deployment, as a person would write it."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [{"name": "app", "image": image, "ports": [{"name": "web", "containerPort": 8080}]}]
                },
            },
        },
    }
