"""An app that is in operation before there is a Canary: Deployment, Service and routes, and what people see of them."""

from __future__ import annotations

from typing import Any

import yaml

from applications.demo_app import NAME, App

__all__ = [
    "BACKENDS",
    "ROUTES",
    "addresses",
    "as_people_see_it",
    "deployment_of",
    "pods",
    "read",
    "routes_of",
    "service_of",
]

ROUTES = "virtualservice.v1beta1.networking.istio.io"
BACKENDS = (f"{NAME}-primary", f"{NAME}-canary")
_OF_THE_SERVER = {"resourceVersion", "generation", "managedFields"}


def deployment_of(app: App, image: str = "v1", labels: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
    """A Deployment of two Pods, with ports ``http`` and ``metrics``.

    Args:
        app: Whose it is.
        image: Tag of its image.
        labels: By which it selects its Pods.
        **more: Further labels of the Pods.
    """
    selected = labels or {"app": app.name}
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9100}]
    container = {"name": "app", "image": f"example.com/app:{image}", "ports": ports}
    template = {"metadata": {"labels": {**selected, **more}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": selected}, "template": template},
    }


def service_of(app: App, name: str = NAME, **spec: Any) -> dict[str, Any]:
    """A Service of all Pods of the app."""
    metadata = {"name": name, "namespace": app.namespace, "labels": {"team": "shop"}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"app": app.name}, **spec},
    }


def routes_of(app: App) -> dict[str, Any]:
    """A VirtualService that sends what comes from outside to the Service."""
    route = [{"destination": {"host": app.name}}]
    http = [{"retries": {"attempts": 2, "perTryTimeout": "1s", "retryOn": "gateway-error"}, "route": route}]
    spec = {"gateways": ["istio-system/public"], "hosts": ["shop.example.com", app.name], "http": http}
    metadata = {"name": app.name, "namespace": app.namespace, "labels": {"team": "shop"}}
    return {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def read(app: App, kind: str, name: str = NAME) -> dict[str, Any]:
    """An object that has to be there."""
    there = app.lab.get(kind, name, app.namespace)
    assert there is not None, f"{kind} {name}"
    return there


def as_people_see_it(obj: dict[str, Any]) -> dict[str, Any]:
    """All of an object but what the server counts and notes."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _OF_THE_SERVER}
    return {**obj, "metadata": metadata}


def addresses(app: App, name: str = NAME) -> set[str]:
    """The Pods that a Service leads to."""
    subsets = (app.lab.get("endpoints", name, app.namespace) or {}).get("subsets") or ()
    return {each["targetRef"]["name"] for subset in subsets for each in subset.get("addresses") or ()}


def pods(app: App, name: str) -> set[str]:
    """The ready Pods of a Deployment."""
    text = app.kubectl("get", "pods", "-o", "yaml")
    ready = set()
    for pod in yaml.safe_load(text)["items"]:
        (owner,) = pod["metadata"]["ownerReferences"]
        conditions = pod["status"].get("conditions", ())
        if owner["name"].rpartition("-")[0] == name and any(
            each["type"] == "Ready" and each["status"] == "True" for each in conditions
        ):
            ready.add(pod["metadata"]["name"])
    return ready
