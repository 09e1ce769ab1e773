"""What is refused, missing or renamed in the middle of a rollout: routes, pods and status agree, somebody judges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import App
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow

TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "errors"},
    "spec": {"provider": {"type": "prometheus", "address": ""}, "query": "sum(rate(requests_total[1m]))"},
}
BY_TEMPLATE = {"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1000}, "interval": "1m"}
SUCCESS = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}


@pytest.fixture(scope="module")
def running(lab: Lab) -> Iterator[Controller]:
    """One controller for all."""
    found = lab.start()
    yield found
    assert found.terminate() == 0


def _scaler(app: App) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": app.name, "namespace": app.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
            "minReplicas": 1,
            "maxReplicas": 3,
        },
    }


def _at_thirty(app: App, **spec: Any) -> None:
    """The application with a canary that has 30 % and stays there: a person has paused it."""
    analysis = {"stepWeight": 30, "maxWeight": 60, "threshold": 2, **spec.pop("analysis", {})}
    app.deploy(analysis=analysis, **spec)
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights() == [70, 30])
    app.kubectl("annotate", "canary", app.name, "canary-core/request=pause/1")
    eventually(lambda: _record(app).get("paused"))


def _status(app: App) -> dict[str, Any]:
    return app.lab.status(app.name, app.namespace)


def _record(app: App) -> dict[str, Any]:
    found: dict[str, Any] = _status(app)["rollout"]
    return found


def _condition(app: App) -> tuple[str, str]:
    (found,) = (each for each in _status(app)["conditions"] if each["type"] == "Promoted")
    return found["reason"], found["message"]


def _patch_spec(app: App, **spec: Any) -> None:
    app.kubectl("patch", "canary", app.name, "--type=merge", "-p", json.dumps({"spec": spec}))


def _rolled_back(app: App) -> None:
    app.until("Failed")
    eventually(lambda: app.weights() == [100, 0] and app.replicas() == 0)
    assert _status(app)["canaryWeight"] == 0


def test_a_template_that_is_deleted_stops_no_rollback(lab: Lab, app: App, running: Controller) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    template = {**TEMPLATE, "metadata": {"name": "errors", "namespace": app.namespace}}
    template["spec"] = {**TEMPLATE["spec"], "provider": {"type": "prometheus", "address": lab.prometheus.url}}  # type: ignore[dict-item]
    lab.apply(yaml.safe_dump(template))
    _at_thirty(app, analysis={"metrics": [SUCCESS, BY_TEMPLATE]})
    app.kubectl("delete", "metrictemplate", "errors")
    lab.prometheus.success_rate = 1.0
    _rolled_back(app)
    eventually(lambda: _condition(app)[0] == "MetricTemplateNotFound")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"analysis": {"stepWeight": 0}}, "InvalidSpec"), ({"provider": "nginx"}, "ProviderUnknown")],
    ids=["step weight", "provider"],
)
def test_a_spec_that_becomes_invalid_stops_no_rollback(
    lab: Lab, app: App, running: Controller, change: dict[str, Any], reason: str
) -> None:
    _at_thirty(app)
    _patch_spec(app, **change)
    eventually(lambda: _condition(app)[0] == reason)
    assert app.weights() == [70, 30]
    lab.prometheus.success_rate = 1.0
    _rolled_back(app)
    assert len([text for text in app.events() if text == _condition(app)[1]]) == 1


def test_abort_is_heard_although_the_spec_is_invalid(lab: Lab, app: App, running: Controller) -> None:
    _at_thirty(app)
    _patch_spec(app, analysis={"stepWeight": 0})
    eventually(lambda: _condition(app)[0] == "InvalidSpec")
    app.kubectl("annotate", "canary", app.name, "canary-core/request=abort/2", "--overwrite")
    _rolled_back(app)
    _patch_spec(app, analysis={"stepWeight": 30})
    eventually(lambda: _condition(app)[0] == "Paused")  # as an abort leaves it
    app.image("v3")
    app.kubectl("annotate", "canary", app.name, "canary-core/request=resume/3", "--overwrite")
    app.until("Succeeded")


def test_an_autoscaler_that_is_deleted_stops_no_rollback(lab: Lab, app: App, running: Controller) -> None:
    lab.kubectl("create", "namespace", app.namespace)
    lab.apply(yaml.safe_dump(_scaler(app)))
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": app.name}
    _at_thirty(app, autoscalerRef=ref)
    app.kubectl("delete", "hpa", app.name)
    lab.prometheus.success_rate = 1.0
    _rolled_back(app)
    eventually(lambda: _condition(app)[0] == "AutoscalerMissing")


def test_the_last_valid_spec_outlives_the_process(lab: Lab, app: App) -> None:
    first = lab.start()
    _at_thirty(app)
    _patch_spec(app, analysis={"stepWeight": 0})
    eventually(lambda: _condition(app)[0] == "InvalidSpec")
    first.kill()
    lab.prometheus.success_rate = 1.0
    second = lab.start()
    _rolled_back(app)
    assert second.terminate() == 0


def test_a_target_that_is_deleted_leaves_no_request_without_an_answer(lab: Lab, app: App, running: Controller) -> None:
    _at_thirty(app)
    app.kubectl("delete", "deployment", app.name)
    eventually(lambda: app.weights() == [100, 0], 5.0)


def test_a_primary_that_is_scaled_to_nothing_is_scaled_up(lab: Lab, app: App, running: Controller) -> None:
    app.deploy()
    app.until("Initialized")
    app.kubectl("scale", "deployment", f"{app.name}-primary", "--replicas=0")
    eventually(lambda: app.replicas(f"{app.name}-primary") == 1)


def test_a_primary_that_is_deleted_in_a_rollout_is_made_again_as_it_was(
    lab: Lab, app: App, running: Controller
) -> None:
    _at_thirty(app)
    app.kubectl("delete", "deployment", f"{app.name}-primary")

    def image() -> str:
        found = lab.get("deployment", f"{app.name}-primary", app.namespace) or {}
        containers = found.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [{}])
        return str(containers[0].get("image"))

    eventually(lambda: image() == "example.com/app:v1")


def _deployed(app: App, name: str) -> None:
    labels = {"app": name}
    container = {"name": "app", "image": "example.com/app:v1", "ports": [{"containerPort": 8080}]}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    metadata = {"name": name, "namespace": app.namespace}
    app.lab.apply(yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}))


def test_another_target_is_initialised_beside_the_old_one(lab: Lab, app: App, running: Controller) -> None:
    service = {"name": "shop", "port": 8080}
    app.deploy(service=service)
    app.until("Initialized")
    _deployed(app, "fresh")
    _patch_spec(app, targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "fresh"})

    def selected() -> Any:
        found = lab.get("service", "shop", app.namespace) or {}
        return found.get("spec", {}).get("selector")

    eventually(lambda: "fresh-primary" in str(selected()))
    eventually(lambda: lab.get("deployment", f"{app.name}-primary", app.namespace) is None)
    app.until("Initialized")
    assert lab.get("deployment", "fresh-primary", app.namespace) is not None
    eventually(lambda: any(text.startswith(f"Target changed from {app.name} to fresh") for text in app.events()))


def test_the_old_name_answers_when_the_service_is_called_otherwise(lab: Lab, app: App, running: Controller) -> None:
    app.deploy(service={"name": "shop", "port": 8080})
    app.until("Initialized")
    _patch_spec(app, service={"name": "store"})
    eventually(lambda: lab.get("service", "store", app.namespace) is not None)
    old = lab.get("service", "shop", app.namespace)
    assert old is not None
    assert old["spec"]["selector"] == {"app": f"{app.name}-primary"}
    eventually(lambda: any(text.startswith("Service changed from shop to store") for text in app.events()))


def test_a_port_that_a_newer_revision_calls_otherwise_takes_the_canary_out_of_traffic(
    lab: Lab, app: App, running: Controller
) -> None:
    app.deploy(canary=False)
    container = {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    app.kubectl("patch", "deployment", app.name, "-p", json.dumps(template))
    app.declare(service={"port": 8080, "targetPort": "http"}, analysis={"stepWeight": 30, "maxWeight": 60})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights() == [70, 30])
    renamed = [{"op": "replace", "path": "/spec/template/spec/containers/0/ports/0/name", "value": "web"}]
    app.kubectl("patch", "deployment", app.name, "--type=json", "-p", json.dumps(renamed))
    eventually(lambda: app.weights() == [100, 0], 10.0)
    eventually(lambda: _condition(app)[0] == "ServicePortMismatch")


def test_a_canary_that_cannot_be_stored_with_its_memory_is_told_so(lab: Lab, app: App, running: Controller) -> None:
    """It is kept with copies of its spec; once it is small enough, it is served."""
    app.deploy(canary=False)
    large = app.canary()
    large["spec"]["analysis"]["metrics"] = [
        {"name": f"own-{number}", "interval": "1m", "query": "x" * 65_000, "thresholdRange": {"min": 0}}
        for number in range(10)
    ]
    lab.kubectl("create", "-f", "-", stdin=json.dumps(large))

    def condition() -> dict[str, Any]:
        found: dict[str, Any] = (lab.status(app.name, app.namespace).get("conditions") or [{}])[0]
        return found

    eventually(lambda: condition().get("reason") == "TooLarge")
    assert "make it smaller" in condition()["message"]
    lab.kubectl("replace", "-f", "-", stdin=json.dumps(app.canary()))
    app.until("Initialized")
