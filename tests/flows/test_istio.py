"""What teams do with Flagger and Istio, one thing after the other, with hooks that a load tester runs."""

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
    routes_of,
    service_of,
)
from laboratories.hook_lab import Hook, HookLab
from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow

STEPS = {"stepWeight": 10, "maxWeight": 30}
ITERATIONS = {"stepWeight": None, "maxWeight": None, "iterations": 2}
BETA = {"headers": {"cookie": {"regex": "^(.*?;)?(group=beta)(;.*)?$"}}}
OTHER_PORT = {"portDiscovery": True, "port": 80, "portName": "http-shop", "targetPort": "http"}
LIVE_PORT = {"name": "http", "port": 8080, "protocol": "TCP", "targetPort": "http"}
LATENCY = (
    'max(shop_latency{side="{{ variables.side }}", app=~"{{ target }}", namespace="{{ namespace }}"}[{{ interval }}])'
)


def _image_of_primary(app: App) -> str:
    image: str = read(app, "deployment", BACKENDS[0])["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


def _ports(app: App, name: str) -> dict[int, Any]:
    """Target by number."""
    return {port["port"]: port["targetPort"] for port in read(app, "service", name)["spec"]["ports"]}


def _routes(app: App) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(app, ROUTES)["spec"]["http"]
    return found


def _promoted(app: App, image: str) -> None:
    """Everything is as it is after a promotion."""
    app.until("Succeeded")
    assert _image_of_primary(app) == image
    assert "Succeeded" in app.kubectl("get", "canary")
    assert app.replicas() == 0
    assert {tuple(each["weight"] for each in route["route"]) for route in _routes(app)} <= {(100, 0), (100,)}
    eventually(lambda: addresses(app) == pods(app, BACKENDS[0]) != set())


def _latency(app: App) -> dict[str, Any]:
    """A template of another namespace, as a platform team offers it; the metric that uses it."""
    place = f"{app.namespace}-templates"
    spec = {"provider": {"type": "prometheus", "address": app.lab.prometheus.url}, "query": LATENCY}
    metadata = {"name": "latency", "namespace": place}
    template = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": metadata, "spec": spec}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
    app.lab.apply(yaml.safe_dump_all([namespace, template]))
    return {
        "name": "latency",
        "templateRef": metadata,
        "thresholdRange": {"max": 500},
        "interval": "1m",
        "templateVariables": {"side": "destination"},
    }


def test_a_canary_with_all_kinds_of_hooks_then_blue_green_on_other_ports(lab: Lab, app: App, hooks: HookLab) -> None:
    lab.apply(yaml.safe_dump(deployment_of(app)))
    metrics = [*app.canary()["spec"]["analysis"]["metrics"], _latency(app)]
    kinds = [
        hooks.gate("confirm-rollout", "/gate/check"),
        hooks.acceptance(app, BACKENDS[1]),
        hooks.load(app),
        hooks.note(app, "confirm-traffic-increase"),
        hooks.note(app, "confirm-promotion"),
        hooks.note(app, "post-rollout"),
        hooks.gate("rollback", "/rollback/check"),
        hooks.note(app, "event"),
    ]
    apex = {"annotations": {"contact": "shop@example.com"}, "labels": {"tier": "front"}}
    declared = {"port": 8080, "portDiscovery": True, "apex": apex, "headers": {"request": {"add": {"x-tries": "3"}}}}
    app.declare(service=declared, analysis={**STEPS, "metrics": metrics, "webhooks": kinds})
    app.until("Initialized")
    metadata = read(app, "service")["metadata"]
    assert metadata["annotations"]["contact"] == "shop@example.com"
    assert metadata["labels"]["tier"] == "front"
    assert read(app, "service")["spec"]["selector"] == {"app": BACKENDS[0]}
    assert [route["headers"] for route in _routes(app)] == [declared["headers"]]

    app.image("v2")
    app.until("Waiting")
    assert hooks.noted(app).count("curl") == 0
    hooks.decide(app, "/gate/open")
    _promoted(app, "v2")
    once = ["curl", "confirm-promotion", "post-rollout"]
    eventually(lambda: [each for each in hooks.noted(app) if each in once] == once)
    ran = hooks.noted(app)
    assert ran.count("confirm-traffic-increase") == 3
    assert ran.index("curl") < ran.index("hey") < ran.index("confirm-promotion")
    assert ran.count("event") >= 5
    assert hooks.visits(app)
    asked = [query for query in lab.prometheus.queries if query.startswith("max(shop_latency")]
    assert f'side="destination", app=~"{app.name}", namespace="{app.namespace}"}}[1m]' in asked[-1]

    hooks.decide(app, "/rollback/open")
    app.image("v3")
    app.until("Failed")
    assert app.weights() == [100, 0]
    assert _image_of_primary(app) == "v2"
    hooks.decide(app, "/rollback/close")

    before = hooks.noted(app).count("curl")
    kinds = [hooks.acceptance(app, BACKENDS[1]), hooks.load(app)]
    changed = {"portDiscovery": True, "port": 80, "targetPort": 8080, "portName": "http-shop"}
    app.declare(service=changed, analysis={**ITERATIONS, "metrics": metrics, "webhooks": kinds})
    eventually(lambda: all(_ports(app, name) == {80: 8080, 9100: 9100} for name in (app.name, *BACKENDS)))
    assert lab.status(app.name, app.namespace)["phase"] == "Failed"
    app.image("v4")
    _promoted(app, "v4")
    assert hooks.noted(app).count("curl") == before + 1


def _a_b_hooks(app: App, hooks: HookLab) -> list[Hook]:
    return [
        hooks.gate("confirm-rollout", "/gate/approve"),
        hooks.acceptance(app, BACKENDS[1]),
        hooks.load(app, "pre-rollout", Cookie="group=beta"),
        hooks.note(app, "rollout"),
        hooks.note(app, "confirm-traffic-increase"),
        hooks.gate("confirm-promotion", "/gate/check"),
        hooks.note(app, "post-rollout"),
        hooks.gate("rollback", "/rollback/check"),
        hooks.note(app, "event"),
    ]


def test_a_b_with_all_kinds_of_hooks_then_deletion_then_the_same_name_in_operation(
    lab: Lab, app: App, hooks: HookLab
) -> None:
    """The second time there are a Service and routes, applied as soon as the first Canary has gone."""
    lab.apply(yaml.safe_dump(deployment_of(app)))
    spec: dict[str, Any] = {"service": OTHER_PORT, "progressDeadlineSeconds": 60}
    spec["analysis"] = {**ITERATIONS, "match": [BETA], "webhooks": _a_b_hooks(app, hooks)}
    app.declare(**spec)
    app.until("Initialized")
    app.image("v2")
    app.until("WaitingPromotion")
    insiders, others = _routes(app)
    assert [match["headers"] for match in insiders["match"]] == [BETA["headers"]]
    assert [each["weight"] for each in insiders["route"]] == [0, 100]
    assert [each["destination"]["host"] for each in others["route"]] == [BACKENDS[0]]
    hooks.decide(app, "/gate/open")
    _promoted(app, "v2")
    eventually(lambda: "post-rollout" in hooks.noted(app))
    ran = hooks.noted(app)
    assert ran.index("curl") < ran.index("rollout") < ran.index("post-rollout")
    assert (ran.count("curl"), ran.count("hey"), ran.count("post-rollout")) == (1, 1, 1)
    assert ran.count("rollout") >= 2
    assert "confirm-traffic-increase" not in ran, "no weight rises"
    assert ran.count("event") >= 5
    assert set(hooks.visits(app)) == {"group=beta"}

    app.declare(**spec, revertOnDeletion=True)
    eventually(lambda: "finalizer.flagger.app" in app.kubectl("get", "canary", "-o", "jsonpath={..finalizers}"))
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    assert app.replicas() == 2

    live = service_of(app, ports=[LIVE_PORT])
    lab.apply(yaml.safe_dump_all([live, routes_of(app)]))
    before = {kind: read(app, kind) for kind in ("service", ROUTES)}
    app.declare(**spec, revertOnDeletion=True)
    app.until("Initialized")
    assert _ports(app, app.name) == {8080: "http", 80: "http", 9100: 9100}
    app.image("v3")
    _promoted(app, "v3")
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    for kind, was in before.items():
        assert as_people_see_it(read(app, kind)) == as_people_see_it(was)
    assert app.replicas() == 2
    eventually(lambda: addresses(app) == pods(app, app.name) != set())


def test_a_skipped_analysis_promotes_what_runs_and_never_what_cannot_be_pulled(
    lab: Lab, app: App, hooks: HookLab
) -> None:
    lab.apply(yaml.safe_dump(deployment_of(app)))
    spec: dict[str, Any] = {"skipAnalysis": True, "progressDeadlineSeconds": 8}
    spec["analysis"] = {**STEPS, "webhooks": [hooks.load(app)]}
    app.declare(service={"port": 8080, "portDiscovery": True}, **spec)
    app.until("Initialized")
    app.image("v2")
    _promoted(app, "v2")
    primary = read(app, "deployment", BACKENDS[0])
    served = pods(app, BACKENDS[0])
    app.image("broken")
    app.until("Failed")
    assert read(app, "deployment", BACKENDS[0])["spec"] == primary["spec"]
    assert pods(app, BACKENDS[0]) == served
    assert addresses(app) == served
    assert app.weights() == [100, 0]
    eventually(lambda: app.replicas() == 0)
    assert hooks.noted(app) == [], "there is no analysis"


def test_others_delegate_to_the_routes(lab: Lab, app: App, hooks: HookLab) -> None:
    match = [{"uri": {"prefix": "/shop"}}]
    delegate = {"name": app.name, "namespace": app.namespace}
    root = routes_of(app)
    root["metadata"]["name"] = "root"
    root["spec"] |= {"hosts": ["*"], "http": [{"match": match, "rewrite": {"uri": "/"}, "delegate": delegate}]}
    lab.apply(yaml.safe_dump_all([deployment_of(app), root]))
    before = read(app, ROUTES, "root")
    service = {"port": 80, "targetPort": 8080, "portDiscovery": True, "delegation": True}
    app.declare(service=service, analysis={**STEPS, "webhooks": [hooks.load(app)]})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights()[1] > 0)
    assert read(app, ROUTES)["spec"].keys() == {"http"}, "no hosts and no gateways: Istio demands it"
    assert {each["destination"]["port"]["number"] for each in _routes(app)[0]["route"]} == {80}
    _promoted(app, "v2")
    assert read(app, ROUTES, "root") == before
    assert hooks.visits(app)


def _three(app: App) -> list[dict[str, Any]] | None:
    """The routes of a running analysis: of who has one of the two cookies, and of who has none."""
    found = _routes(app)
    return found if len(found) == 3 else None


def _cookie_asked_for(route: dict[str, Any]) -> str:
    """The pattern of the cookie that a client must have to be routed so; empty: everybody is."""
    (match,) = route.get("match") or [{}]
    found: str = match.get("headers", {}).get("Cookie", {}).get("regex", "")
    return found


def _sets(part: dict[str, Any]) -> str:
    """What clients are asked to keep or to forget by a route, or by one of its destinations."""
    found: str = part.get("headers", {}).get("response", {}).get("add", {}).get("Set-Cookie", "")
    return found


def test_users_keep_the_version_that_they_were_given(lab: Lab, app: App, hooks: HookLab) -> None:
    """Routes and status; what visitors with cookies see is tried with a real proxy in tests/lab/mesh."""
    lab.apply(yaml.safe_dump(deployment_of(app)))
    affinity = {"cookieName": "kept", "primaryCookieName": "stable"}
    service = {"port": 80, "targetPort": 8080, "gateways": ["istio-system/public"], "hosts": ["*"]}
    analysis = {**STEPS, "interval": "2s", "sessionAffinity": affinity, "webhooks": [hooks.load(app)]}
    app.declare(service=service, analysis=analysis)
    app.until("Initialized")
    app.image("v2")
    to_canarys, to_primarys, split = eventually(lambda: _three(app))
    canarys, primarys = _cookie_asked_for(to_canarys), _cookie_asked_for(to_primarys)
    status = lab.status(app.name, app.namespace)
    given = status["sessionAffinityCookie"]
    assert given.startswith("kept=")
    assert given.removeprefix("kept=") in canarys
    assert status["primarySessionAffinityCookie"].removeprefix("stable=") in primarys
    assert [each["weight"] for each in (*to_canarys["route"], *to_primarys["route"])] == [0, 100, 100, 0]
    to_primary, to_canary = split["route"]
    assert 10 <= to_canary["weight"] <= 30
    assert _sets(to_primary).startswith("stable=")
    assert _sets(to_canary).startswith(f"{given}; Max-Age=86400")
    _promoted(app, "v2")
    assert lab.status(app.name, app.namespace)["previousSessionAffinityCookie"] == given
    forgotten, _ = _routes(app)
    assert _cookie_asked_for(forgotten) == canarys
    assert _sets(forgotten) == f"{given}; Max-Age=-1"
