"""Rehearsal on Istio's own definitions: what they do not take is reported before anything begins.

The definitions are those of another release here, which takes no long timeout and does not know cookies yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import App
from laboratories.istio_kinds import published, published_as_text
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow

TOO_LONG = "must not be longer than 15s"
CORS = {"allowOrigins": [{"exact": "https://example.com"}], "maxAge": "24h"}


def _of_another_release() -> str:
    """A timeout may not be long, and of CORS nothing is known."""
    found = published()
    for version in found["VirtualService"]["spec"]["versions"]:
        route = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["http"]["items"]["properties"]
        rules = route["timeout"].setdefault("x-kubernetes-validations", [])
        if all(each["message"] != TOO_LONG for each in rules):
            rules.append({"rule": "duration(self) <= duration('15s')", "message": TOO_LONG})
        route.pop("corsPolicy", None)
    return yaml.safe_dump_all(found.values())


@pytest.fixture(scope="module", autouse=True)
def _definitions(lab: Lab) -> Iterator[None]:
    lab.apply(_of_another_release())
    yield
    lab.apply(published_as_text())


@pytest.fixture(scope="module")
def running(lab: Lab) -> Iterator[Controller]:
    """One controller for all."""
    found = lab.start()
    yield found
    assert found.terminate() == 0


def _condition(app: App) -> tuple[str, str]:
    conditions = app.lab.status(app.name, app.namespace).get("conditions") or ()
    found = [each for each in conditions if each["type"] == "Promoted"]
    return (found[0]["reason"], found[0]["message"]) if found else ("", "")


def _declare(app: App, **service: Any) -> None:
    app.kubectl("patch", "canary", app.name, "--type=merge", "-p", json.dumps({"spec": {"service": service}}))


def _failed(app: App) -> bool:
    return _condition(app)[0] == "RehearsalFailed"


def test_what_would_be_refused_is_reported_before_anything_is_made(app: App, running: Controller) -> None:
    app.deploy(service={"port": 8080, "timeout": "1h"})
    eventually(lambda: _failed(app))
    message = _condition(app)[1]
    assert "spec.http[0].timeout" in message
    assert TOO_LONG in message
    eventually(lambda: message in app.events())
    assert app.lab.get("virtualservice", app.name, app.namespace) is None
    assert app.lab.get("service", f"{app.name}-canary", app.namespace) is None
    _declare(app, timeout="10s")
    app.until("Initialized")
    assert _condition(app)[0] == "Initialized"


def test_what_would_be_dropped_is_named_by_its_field(app: App, running: Controller) -> None:
    app.deploy(service={"port": 8080, "corsPolicy": CORS})
    eventually(lambda: _failed(app))
    assert "spec.http[0].corsPolicy would be dropped" in _condition(app)[1]


def test_a_new_revision_does_not_start_before_it_is_fixed(app: App, running: Controller) -> None:
    app.deploy()
    app.until("Initialized")
    _declare(app, timeout="1h")
    eventually(lambda: _failed(app))
    app.image("v2")
    eventually(lambda: _condition(app)[0] == "RehearsalFailed")
    assert app.weights() == [100, 0]
    assert app.replicas() == 0
    _declare(app, timeout="5s")
    app.until("Succeeded")


def test_a_running_rollout_goes_on_with_what_was_valid(app: App, running: Controller) -> None:
    app.deploy(analysis={"stepWeight": 30, "maxWeight": 60})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights() == [70, 30])
    _declare(app, timeout="1h")
    eventually(lambda: _failed(app))
    app.until("Succeeded")
    assert _failed(app)
    assert app.weights() == [100, 0]


def test_nothing_is_sent_for_a_rollout(lab: Lab, app: App, running: Controller) -> None:
    """What is judged is judged once for each generation."""
    app.deploy()
    app.until("Initialized")
    before = _judged(lab, app)
    assert 0 < before <= 10
    app.image("v2")
    app.until("Succeeded")
    assert _judged(lab, app) == before


def _judged(lab: Lab, app: App) -> int:
    found = lab.cluster.requests.matching(namespace=app.namespace)
    return sum(each.dry_run for each in found)
