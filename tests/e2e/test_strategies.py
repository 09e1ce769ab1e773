"""Every strategy with a real controller over HTTP: the routes that a rollout passes through, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from applications.demo_app import App
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow

INSIDER = [{"headers": {"x-canary": {"exact": "insider"}}}]
PLAIN = {"stepWeight": None, "maxWeight": None}
BOTH = [100, 0]


@pytest.fixture(scope="module", autouse=True)
def controller(lab: Lab) -> Iterator[Controller]:
    """One for all."""
    with lab.controller() as found:
        yield found


def _shape(http: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Weights of each route, and M where it is mirrored."""
    return tuple(
        (*(each["weight"] for each in route["route"]), *(["M"] if "mirror" in route else [])) for route in http
    )


def _is_calm(shape: tuple[Any, ...]) -> bool:
    """Whether nothing goes to the canary: so it is before a rollout, with or without its conditions in place."""
    return all(route in {(100, 0), (100,)} for route in shape)


STRATEGIES: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "weights": ({"stepWeights": [1, 20, 80], **PLAIN}, [((99, 1),), ((80, 20),), ((20, 80),), ((100, 0),)]),
    "weights, given back in steps": (
        {"stepWeight": 50, "maxWeight": 50, "stepWeightPromotion": 30},
        [((50, 50),), ((80, 20),), ((100, 0),)],
    ),
    "mirrored first": (
        {"stepWeight": 50, "maxWeight": 50, "mirror": True},
        [((100, 0, "M"),), ((50, 50),), ((100, 0),)],
    ),
    "a/b": ({**PLAIN, "iterations": 2, "match": INSIDER}, [((0, 100), (100,)), ((100, 0), (100,))]),
    "blue/green": ({**PLAIN, "iterations": 2}, [((0, 100),), ((100, 0),)]),
    "blue/green, mirrored": (
        {**PLAIN, "iterations": 2, "mirror": True},
        [((100, 0, "M"),), ((0, 100),), ((100, 0),)],
    ),
    "weights for some": (
        {"stepWeight": 50, "maxWeight": 50, "match": INSIDER},
        [((50, 50), (100,)), ((100, 0), (100,))],
    ),
    "users stay where they are": (
        {"stepWeight": 50, "maxWeight": 50, "sessionAffinity": {"cookieName": "cc"}},
        [((0, 100), (50, 50)), ((100, 0), (100, 0))],
    ),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_rollout_passes_through_these_routes(lab: Lab, app: App, name: str) -> None:
    analysis, expected = STRATEGIES[name]
    app.deploy(analysis=analysis)
    app.until("Initialized")
    seen: list[tuple[Any, ...]] = []
    app.image("v2")

    def done() -> bool:
        routes = lab.get("virtualservice", app.name, app.namespace)
        assert routes is not None
        shape = _shape(routes["spec"]["http"])
        if not seen or seen[-1] != shape:
            seen.append(shape)
        return lab.status(app.name, app.namespace).get("phase") == "Succeeded"

    eventually(done)
    while seen and _is_calm(seen[0]):
        seen.pop(0)
    assert seen == expected
    assert app.replicas() == 0


def test_blue_green_without_a_mesh(lab: Lab, app: App) -> None:
    lab.prometheus.duration_ms = 0.05  # in seconds, with this provider
    app.deploy(provider="kubernetes", analysis={**PLAIN, "iterations": 2})
    app.until("Initialized")
    app.image("v2")
    app.until("Succeeded")
    apex = lab.get("service", app.name, app.namespace)
    assert apex is not None
    assert apex["spec"]["selector"] == {"app": f"{app.name}-primary"}
    assert lab.get("virtualservice", app.name, app.namespace) is None


def test_a_pair_of_services(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {"selector": {"version": "1"}, "ports": [{"port": 8080}]},
    }
    target = {"apiVersion": "v1", "kind": "Service", "name": app.name}
    lab.apply(yaml.safe_dump_all([service, app.canary(targetRef=target, analysis={"stepWeight": 50, "maxWeight": 50})]))
    app.until("Initialized")
    app.kubectl("patch", "service", app.name, "-p", '{"spec":{"selector":{"version":"2"}}}')
    app.until("Succeeded")
    primary = lab.get("service", f"{app.name}-primary", app.namespace)
    assert primary is not None
    assert primary["spec"]["selector"] == {"version": "2"}
    assert app.weights() == BOTH


def test_an_autoscaler_does_not_hold_a_rollout_up(lab: Lab, app: App) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
            "minReplicas": 1,
            "maxReplicas": 4,
        },
    }
    lab.apply(yaml.safe_dump(scaler))
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": app.name}
    app.deploy(autoscalerRef=ref, analysis={"stepWeight": 50, "maxWeight": 50})
    app.until("Initialized")
    app.image("v2")
    held = []

    def done() -> bool:
        clone = lab.get("hpa", f"{app.name}-primary", app.namespace)
        assert clone is not None
        held.append((clone["metadata"].get("annotations") or {}).get("canary-core/held"))
        return lab.status(app.name, app.namespace).get("phase") == "Succeeded"

    eventually(done)
    assert "1" in held
    eventually(lambda: "annotations" not in (lab.get("hpa", f"{app.name}-primary", app.namespace) or {})["metadata"])


def test_gates_open_and_close_over_http(lab: Lab, app: App) -> None:
    state = {"open": False}
    asked: list[str] = []

    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(self.path)
            self.send_response(200 if state["open"] else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    hooks = [{"name": "ask", "type": "confirm-promotion", "url": f"{url}/promote", "timeout": "5s"}]
    app.deploy(analysis={"stepWeight": 50, "maxWeight": 50, "webhooks": hooks})
    app.until("Initialized")
    app.image("v2")
    app.until("WaitingPromotion")
    time.sleep(1.5)
    assert app.weights() == [50, 50]
    state["open"] = True
    app.until("Succeeded")
    assert set(asked) == {"/promote"}
    eventually(
        lambda: f"Halt {app.name}.{app.namespace} advancement waiting for promotion approval ask" in app.events()
    )
    server.shutdown()
    server.server_close()
