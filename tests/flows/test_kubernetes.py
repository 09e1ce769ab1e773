"""What teams do with Flagger and without a mesh: blue/green, with hooks that a load tester runs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from applications.demo_app import App
from applications.in_operation import (
    BACKENDS,
    ROUTES,
    addresses,
    as_people_see_it,
    deployment_of,
    pods,
    read,
    service_of,
)
from laboratories.hook_lab import HookLab
from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow

APEX = "shop-svc"
SERVICE = {"port": 80, "targetPort": 8080, "name": APEX, "portDiscovery": True}
TEAM = "team.example.com/owner"


def _spec(app: App, hooks: HookLab) -> dict[str, Any]:
    """A Canary whose Services are not called as its target is."""
    app.lab.prometheus.duration_ms = 0.05  # in seconds, with this provider
    kinds = [
        hooks.gate("confirm-rollout", "/gate/approve"),
        hooks.acceptance(app, f"{APEX}-canary"),
        hooks.load(app),
    ]
    analysis = {"stepWeight": None, "maxWeight": None, "iterations": 5, "webhooks": kinds}
    return {"provider": "kubernetes", "service": SERVICE, "analysis": analysis, "progressDeadlineSeconds": 60}


def _labelled(app: App) -> dict[str, Any]:
    found = deployment_of(app)
    found["metadata"] |= {"labels": {TEAM: "shop", "other": "x"}, "annotations": {TEAM: "Ada Lovelace"}}
    return found


def _promoted(app: App, image: str) -> None:
    app.until("Succeeded")
    container = read(app, "deployment", BACKENDS[0])["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"example.com/app:{image}"
    assert app.replicas() == 0
    eventually(lambda: addresses(app, APEX) == pods(app, BACKENDS[0]) != set())


def test_blue_green_behind_a_live_service_of_another_name(lab: Lab, app: App, hooks: HookLab) -> None:
    live = service_of(app, APEX, ports=[{"name": "http", "port": 8080, "targetPort": "http"}])
    lab.apply(yaml.safe_dump_all([_labelled(app), live]))
    before = read(app, "service", APEX)
    app.declare(**_spec(app, hooks), revertOnDeletion=True)
    app.until("Initialized")
    for part in ("labels", "annotations"):
        copied = read(app, "deployment", BACKENDS[0])["metadata"][part]
        assert (TEAM in copied, "other" in copied) == (True, False)
    for name in (APEX, f"{APEX}-primary", f"{APEX}-canary"):
        ports = read(app, "service", name)["spec"]["ports"]
        assert {port["port"]: port["targetPort"] for port in ports} == {8080: "http", 80: 8080, 9100: 9100}
    assert lab.get("service", app.name, app.namespace) is None
    assert lab.get(ROUTES, app.name, app.namespace) is None
    app.image("v2")
    eventually(lambda: "hey" in hooks.noted(app))
    assert addresses(app, APEX) == pods(app, BACKENDS[0]) != set()
    _promoted(app, "v2")
    assert hooks.noted(app).count("curl") == 1
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    assert as_people_see_it(read(app, "service", APEX)) == as_people_see_it(before)
    assert app.replicas() == 2


def _autoscaler(app: App, percent: int) -> dict[str, Any]:
    """Of the target, by the share of its processors that is in use."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    metadata = {"name": app.name, "namespace": app.namespace}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def test_an_autoscaler_whose_target_value_changes_under_way(lab: Lab, app: App, hooks: HookLab) -> None:
    """The primary's gets it, and keeps what is its own."""
    scaler = _autoscaler(app, 99)
    live = service_of(app, APEX, ports=[{"name": "http", "port": 8080, "targetPort": "http"}])
    lab.apply(yaml.safe_dump_all([deployment_of(app), live, scaler]))
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": app.name}
    app.declare(**_spec(app, hooks), autoscalerRef=ref)
    app.until("Initialized")
    first = read(app, "hpa", BACKENDS[0])["spec"]
    assert first["metrics"] == scaler["spec"]["metrics"]
    assert first["scaleTargetRef"]["name"] == BACKENDS[0]
    app.image("v2")
    app.until("Progressing")
    path = "/spec/metrics/0/resource/target/averageUtilization"
    app.kubectl("patch", "hpa", app.name, "--type=json", "-p", f'[{{"op":"replace","path":"{path}","value":50}}]')
    _promoted(app, "v2")
    changed = _autoscaler(app, 50)["spec"]
    eventually(lambda: read(app, "hpa", BACKENDS[0])["spec"] == {**first, "metrics": changed["metrics"]})
    assert read(app, "hpa", app.name)["spec"] == changed
