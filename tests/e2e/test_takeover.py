"""An app in operation behind a Service and routes of its own: taken over with all that it offers, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import NAME, App
from delivery.history import (
    SERVICES,
    Moment,
    broken,
    phase_of,
    ready_pods,
    recorded,
    traffic_meets_pods,
    weights_of,
    weights_sum_to_100,
)
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow

ROUTES = "virtualservice.v1beta1.networking.istio.io"
BACKENDS = (f"{NAME}-primary", f"{NAME}-canary")
OF_THE_SERVER = {"resourceVersion", "generation", "managedFields"}


@pytest.fixture(scope="module", autouse=True)
def controller(lab: Lab) -> Iterator[Controller]:
    """One for all of them."""
    with lab.controller() as found:
        yield found


def _deployment(app: App, image: str = "v1", labels: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
    selected = labels or {"app": app.name}
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9100}]
    container = {"name": "app", "image": f"example.com/app:{image}", "ports": ports}
    pods = {"metadata": {"labels": {**selected, **more}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": selected}, "template": pods},
    }


def _service(app: App, **spec: Any) -> dict[str, Any]:
    metadata = {"name": app.name, "namespace": app.namespace, "labels": {"team": "shop"}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"app": app.name}, **spec},
    }


def _routes(app: App) -> dict[str, Any]:
    route = [{"destination": {"host": app.name}}]
    http = [{"retries": {"attempts": 2, "perTryTimeout": "1s", "retryOn": "gateway-error"}, "route": route}]
    spec = {"gateways": ["istio-system/public"], "hosts": ["shop.example.com", app.name], "http": http}
    metadata = {"name": app.name, "namespace": app.namespace, "labels": {"team": "shop"}}
    return {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def _get(app: App, kind: str, name: str = NAME) -> dict[str, Any]:
    found = app.lab.get(kind, name, app.namespace)
    assert found is not None, f"{kind} {name}"
    return found


def _as_people_see_it(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in OF_THE_SERVER}
    return {**obj, "metadata": metadata}


def _addresses(app: App, service: str = NAME) -> set[str]:
    """The Pods that a Service leads to."""
    subsets = (app.lab.get("endpoints", service, app.namespace) or {}).get("subsets") or ()
    return {each["targetRef"]["name"] for subset in subsets for each in subset.get("addresses") or ()}


def _pods(app: App, name: str) -> set[str]:
    """The ready Pods of a Deployment."""
    text = app.kubectl("get", "pods", "-o", "yaml")
    found = set()
    for pod in yaml.safe_load(text)["items"]:
        (owner,) = pod["metadata"]["ownerReferences"]
        ready = any(
            each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ())
        )
        if ready and owner["name"].rpartition("-")[0] == name:
            found.add(pod["metadata"]["name"])
    return found


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort"])
def test_a_live_service_on_another_port_with_routes_keeps_both_and_comes_back(lab: Lab, app: App, kind: str) -> None:
    """Blue/green by a cookie on port 80 for who asks at 8080 today; then deletion, with revert."""
    lab.kubectl("create", "namespace", app.namespace)
    live = _service(app, type=kind, ports=[{"name": "http", "port": 8080, "targetPort": "http"}])
    lab.apply(yaml.safe_dump_all([_deployment(app), live, _routes(app)]))
    before = {kind: _get(app, kind) for kind in ("service", ROUTES)}
    condition = {"headers": {"cookie": {"regex": "^(.*?;)?(group=beta)(;.*)?$"}}}
    analysis = {"iterations": 2, "match": [condition], "stepWeight": None, "maxWeight": None}
    service = {"portDiscovery": True, "port": 80, "portName": "http-shop", "targetPort": "http"}
    app.declare(revertOnDeletion=True, service=service, analysis=analysis)
    app.until("Initialized")
    expected = [("http", 8080, "http"), ("http-shop", 80, "http"), ("metrics", 9100, 9100)]
    for name in (app.name, *BACKENDS):
        ports = _get(app, "service", name)["spec"]["ports"]
        assert sorted((port["name"], port["port"], port["targetPort"]) for port in ports) == sorted(expected), name
    assert _get(app, "service")["spec"]["type"] == kind
    assert _get(app, "service")["spec"]["ports"][0] == before["service"]["spec"]["ports"][0]
    eventually(lambda: _addresses(app) == _pods(app, f"{app.name}-primary") != set())
    app.image("v2")
    app.until("Progressing")
    app.until("Succeeded")
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    for resource, was in before.items():
        assert _as_people_see_it(_get(app, resource)) == _as_people_see_it(was)
    eventually(lambda: _addresses(app) == _pods(app, app.name) != set())


def test_a_contradiction_is_told_and_nothing_is_touched(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    live = _service(app, ports=[{"name": "http", "port": 80, "targetPort": "http"}])
    lab.apply(yaml.safe_dump_all([_deployment(app), live]))
    before = _get(app, "service")
    app.declare(service={"port": 80, "targetPort": "metrics"})
    words = "has port 80 (http), which leads to http at present, and not to metrics"
    eventually(lambda: words in app.kubectl("describe", "canary"))
    assert lab.status(app.name, app.namespace)["conditions"][0]["reason"] == "ServicePortMismatch"
    assert _get(app, "service") == before
    assert app.replicas() == 2
    app.declare(service={"port": 80, "targetPort": "http"})
    app.until("Initialized")


def test_pods_of_another_application_are_never_behind_the_services(lab: Lab, app: App) -> None:
    """Two Deployments share a label, and the live Service tells them apart by a second one."""
    lab.kubectl("create", "namespace", app.namespace)
    web = _deployment(app, labels={"app": "shop", "tier": "web"})
    worker = _deployment(app, labels={"app": "shop", "tier": "worker"})
    worker["metadata"]["name"] = "worker"
    live = _service(app, ports=[{"name": "http", "port": 80, "targetPort": 8080}])
    live["spec"]["selector"] = {"app": "shop", "tier": "web"}
    lab.apply(yaml.safe_dump_all([web, worker, live]))
    app.declare(service={"port": 80, "targetPort": 8080}, analysis={"stepWeight": 50, "maxWeight": 50})
    app.until("Initialized")
    app.image("v2")
    app.until("Succeeded")
    primary = _pods(app, f"{app.name}-primary")
    eventually(lambda: _addresses(app) == _addresses(app, BACKENDS[0]) == primary != set())
    assert _get(app, "service")["spec"]["selector"] == {"app": "shop-primary", "tier": "web"}
    assert _get(app, "service", BACKENDS[1])["spec"]["selector"] == {"app": "shop", "tier": "web"}


def test_a_target_made_anew_with_other_labels_leaves_the_primary_its_traffic(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    lab.apply(yaml.safe_dump_all([_deployment(app), _service(app, ports=[{"port": 80, "targetPort": 8080}])]))
    service = {"port": 80, "targetPort": 8080}
    app.declare(service=service, analysis={"stepWeight": 25, "maxWeight": 50, "interval": "2s"})
    app.until("Initialized")
    app.kubectl("delete", "deployment", app.name, "--timeout=30s")
    lab.apply(yaml.safe_dump(_deployment(app, "v2", {"app.kubernetes.io/name": app.name})))
    app.until("Progressing")
    eventually(lambda: app.weights()[1] > 0)
    primary = _pods(app, f"{app.name}-primary")
    assert primary
    assert _addresses(app) == _addresses(app, BACKENDS[0]) == primary
    eventually(lambda: _addresses(app, BACKENDS[1]) == _pods(app, app.name) != set())
    app.kubectl("annotate", "canary", app.name, "canary-core/request=abort/1")
    app.until("Failed")
    assert app.weights() == [100, 0]
    assert _addresses(app) == primary


def _strands(moment: Moment, name: str) -> str:
    """Weights without a ready Pod behind them, once there are routes; and the apex, for who does not use the mesh."""
    lost = traffic_meets_pods(moment, name)
    service = moment.get(SERVICES, name)
    if lost or service is None or phase_of(moment, name) in {"", "Initializing"}:
        return lost
    selector: dict[str, str] = service["spec"]["selector"]
    return "" if ready_pods(moment, selector) else f"the apex selects {selector}, where nobody is ready"


@pytest.mark.parametrize("provider", ["istio", "kubernetes"])
def test_a_target_made_anew_with_other_labels_is_rolled_out_without_a_lost_request(
    lab: Lab, app: App, provider: str
) -> None:
    """All traffic goes to the canary while the primary is made anew with the new labels, and back again."""
    analysis: dict[str, Any] = {"stepWeight": 25, "maxWeight": 50}
    if provider == "kubernetes":
        analysis = {"stepWeight": None, "maxWeight": None, "iterations": 2, "metrics": None}
    with recorded(lab.cluster) as history:
        lab.kubectl("create", "namespace", app.namespace)
        lab.apply(yaml.safe_dump_all([_deployment(app), _service(app, ports=[{"port": 80, "targetPort": 8080}])]))
        app.declare(provider=provider, service={"port": 80, "targetPort": 8080}, analysis=analysis)
        app.until("Initialized")
        before = _get(app, "deployment", BACKENDS[0])["metadata"]["uid"]
        app.kubectl("delete", "deployment", app.name, "--timeout=30s")
        labels = {"app.kubernetes.io/name": app.name}
        lab.apply(yaml.safe_dump(_deployment(app, "v2", labels)))
        app.until("Progressing")
        app.until("Succeeded")
        primary = _get(app, "deployment", BACKENDS[0])
        selector = {"app.kubernetes.io/name": f"{app.name}-primary"}
        assert primary["metadata"]["uid"] != before
        assert primary["spec"]["selector"] == {"matchLabels": selector}
        assert _get(app, "service")["spec"]["selector"] == selector
        assert app.replicas() == 0
        assert broken(history.moments(app.namespace), app.name, weights_sum_to_100, _strands) == []
        seen = [weights_of(moment, app.name).get(BACKENDS[1]) for moment in history.moments(app.namespace)]
        assert [weight for weight in (25, 50, 100) if weight not in seen] == [] or provider == "kubernetes"


def test_a_revision_that_renames_its_port_gets_no_traffic_and_is_told(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    lab.apply(yaml.safe_dump(_deployment(app)))
    app.declare(service={"port": 80, "targetPort": "http"}, analysis={"stepWeight": 10, "interval": "3s"})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights()[1] > 0)
    third = _deployment(app, "v3")
    third["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "web"
    del third["spec"]["replicas"]
    lab.apply(yaml.safe_dump(third))
    eventually(lambda: app.weights() == [100, 0])
    words = "spec.service.targetPort http: no container of fleet-simple-app has a port of this name"
    eventually(lambda: words in app.kubectl("describe", "canary"))
    assert app.weights() == [100, 0]
    assert _addresses(app, BACKENDS[0]) == _pods(app, f"{app.name}-primary") != set()


def test_routes_that_the_owner_declares_anew_are_not_told_as_spoilt(lab: Lab, app: App) -> None:
    """And those that somebody else takes away are."""
    lab.kubectl("create", "namespace", app.namespace)
    lab.apply(yaml.safe_dump_all([_deployment(app), _service(app, ports=[{"port": 80, "targetPort": "http"}])]))
    app.declare(service={"port": 80, "targetPort": "http"})
    app.until("Initialized")
    app.declare(service={"port": 80, "targetPort": "http", "timeout": "7s", "portDiscovery": True})
    canary = f"{app.name}.{app.namespace}"
    changed = f"Canary {canary} was changed: routes set to 100/0 as it declares now"
    eventually(lambda: changed in app.kubectl("describe", "canary"))
    assert [route["timeout"] for route in _get(app, ROUTES)["spec"]["http"]] == ["7s"]
    spoilt = f"Routes of {canary} were not as declared"
    assert spoilt not in app.kubectl("describe", "canary")

    def spoil() -> bool:
        """Again and again: it is put right at once each time, and told once per interval."""
        app.kubectl("delete", ROUTES, app.name, "--ignore-not-found")
        return f"{spoilt}, set to 100/0" in app.kubectl("describe", "canary")

    eventually(spoil)
    eventually(lambda: app.lab.get(ROUTES, app.name, app.namespace))
    assert app.weights() == [100, 0]
