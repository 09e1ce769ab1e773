"""A cluster as Flagger leaves it: the objects that it makes, and its status, fingerprints of its own kind included."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml
from attrs import field, frozen

from applications.demo_app import NAME, App
from delivery.merging import Obj
from laboratories.lab import Lab

PROMOTED: Final = "5978589476"
APPLIED: Final = "6c4b7d8f95"
"""Its hashes; nobody else can compute them."""
CONDITIONS: Final = {
    "Initialized": ("True", "Deployment initialization completed."),
    "Waiting": ("Unknown", "Waiting for approval."),
    "Progressing": ("Unknown", "New revision detected, progressing canary analysis."),
    "WaitingPromotion": ("Unknown", "Waiting for approval."),
    "Promoting": ("Unknown", "Canary analysis completed, starting primary rolling update."),
    "Finalising": ("Unknown", "Canary analysis completed, routing all traffic to primary."),
    "Succeeded": ("True", "Canary analysis completed successfully, promotion finished."),
    "Failed": ("False", "Canary analysis failed, Deployment scaled to zero."),
}
UNWATCHED: Final = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}


@frozen(kw_only=True)
class Left:
    """Where Flagger was when it was stopped."""

    phase: str
    weight: int = 0
    """Of the canary, in the routes."""
    shown: int | None = None
    """In the status; None: the same."""
    target: str = "v1"
    """Image that is declared."""
    primary: str = "v1"
    """Image that the primary runs."""
    replicas: int = 0
    """Of the target."""
    failed: int = 0
    iterations: int = 0
    applied: str = PROMOTED
    spec: dict[str, Any] = field(factory=dict)
    """Fields of the Canary's spec that differ from the article's."""

    def make(self, lab: Lab, place: str) -> None:
        """Have it in a namespace."""
        app = App(lab, place)
        lab.kubectl("create", "namespace", place)
        lab.apply(yaml.safe_dump(app.canary(**{"revertOnDeletion": True, **self.spec})))
        canary = lab.get("canary", NAME, place)
        assert canary is not None
        owner = {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "name": NAME,
            "uid": canary["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        lab.apply(
            yaml.safe_dump_all([deployment(place, NAME, self.target, self.replicas), *self.generated(place, owner)])
        )
        finalizer = json.dumps({"metadata": {"finalizers": ["finalizer.flagger.app"]}})
        lab.kubectl("patch", "canary", NAME, "-n", place, "--type=merge", "-p", finalizer)
        status = json.dumps({"status": self.status()})
        lab.kubectl("patch", "canary", NAME, "-n", place, "--subresource=status", "--type=merge", "-p", status)

    def generated(self, place: str, owner: Obj) -> list[Obj]:
        """Primary, Services, DestinationRules and VirtualService."""
        primary = deployment(place, f"{NAME}-primary", self.primary, 1)
        primary["metadata"] |= {"ownerReferences": [owner], "annotations": {"deployment.kubernetes.io/revision": "1"}}
        pods = primary["spec"]["template"]["metadata"]
        pods["annotations"] = {"flagger-id": "0b2cb5f3-1f3d-4b8f-9a46-5b1d3f8a6c11"}
        services = [
            service(place, name, whom, owner)
            for name, whom in (
                (f"{NAME}-canary", NAME),
                (f"{NAME}-primary", f"{NAME}-primary"),
                (NAME, f"{NAME}-primary"),
            )
        ]
        rules = [rule(place, name, owner) for name in (f"{NAME}-canary", f"{NAME}-primary")]
        return [primary, *services, *rules, routes(place, self.weight, owner)]

    def status(self) -> Obj:
        """``.status`` as Flagger writes it."""
        value, message = CONDITIONS[self.phase]
        then = "2026-11-20T10:00:00Z"
        times = {"lastUpdateTime": then, "lastTransitionTime": then}
        condition = {"type": "Promoted", "status": value, "reason": self.phase, "message": message, **times}
        return {
            "phase": self.phase,
            "canaryWeight": self.weight if self.shown is None else self.shown,
            "failedChecks": self.failed,
            "iterations": self.iterations,
            "lastAppliedSpec": self.applied,
            "lastPromotedSpec": PROMOTED,
            "trackedConfigs": {},
            "lastTransitionTime": then,
            "conditions": [condition],
        }


def deployment(place: str, name: str, image: str, replicas: int) -> Obj:
    """The target or, by its name, the primary."""
    container = {"name": "app", "image": f"example.com/app:{image}", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": place, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def service(place: str, name: str, whom: str, owner: Obj) -> Obj:
    """One of the three Services."""
    metadata = {"labels": {"app": name}, "annotations": UNWATCHED, "ownerReferences": [owner]}
    ports = [{"name": "http", "protocol": "TCP", "port": 8080, "targetPort": 8080}]
    spec = {"type": "ClusterIP", "selector": {"app": whom}, "ports": ports}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place, **metadata},
        "spec": spec,
    }


def rule(place: str, name: str, owner: Obj) -> Obj:
    """One of the two DestinationRules."""
    metadata = {"name": name, "namespace": place, "annotations": UNWATCHED, "ownerReferences": [owner]}
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": metadata,
        "spec": {"host": name},
    }


def routes(place: str, weight: int, owner: Obj) -> Obj:
    """The VirtualService."""
    split = [
        {"destination": {"host": f"{NAME}-primary"}, "weight": 100 - weight},
        {"destination": {"host": f"{NAME}-canary"}, "weight": weight},
    ]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": NAME, "namespace": place, "annotations": UNWATCHED, "ownerReferences": [owner]},
        "spec": {"gateways": ["mesh"], "hosts": [NAME], "http": [{"route": split}]},
    }
