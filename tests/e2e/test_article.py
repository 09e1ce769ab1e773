"""The article's story with a real controller process, told by kubectl alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import App, application
from laboratories.lab import AGENT, Controller, Lab, eventually

pytestmark = pytest.mark.slow

MOST_REQUESTS = 35
"""Of a whole rollout, status writes and events included. Flagger: about 170."""


@pytest.fixture(scope="module", autouse=True)
def controller(lab: Lab) -> Iterator[Controller]:
    """One controller for all."""
    with lab.controller("-include-label-prefix=dummy") as found:
        yield found


def _table(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def _settled_log(lab: Lab, pause_s: float = 0.5) -> list[Any]:
    """Requests of the controller, once no more come for some time."""

    def ours() -> list[Any]:
        return [each for each in lab.cluster.requests.matching(agent=AGENT) if each.verb != "watch"]

    before = -1
    while before != len(ours()):
        before = len(ours())
        time.sleep(pause_s)
    return ours()


def test_from_apply_to_promotion_and_back_from_a_bad_one(lab: Lab, app: App) -> None:
    app.deploy()
    app.until("Initialized")
    eventually(lambda: _table(app.kubectl("get", "deployment"))[1][1] == "0/0")
    head, row = _table(app.kubectl("get", "canary"))
    assert head == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME", "REASON"]
    assert row[:3] == ["fleet-simple-app", "Initialized", "0"]
    rows = _table(app.kubectl("get", "deployment"))[1:]
    assert [each[:4] for each in rows] == [
        ["fleet-simple-app", "0/0", "0", "0"],
        ["fleet-simple-app-primary", "1/1", "1", "1"],
    ]

    _settled_log(lab)
    lab.cluster.requests.clear()
    app.image("v2")
    seen: list[str] = []

    def story() -> bool:
        status = lab.status(app.name, app.namespace)
        found = f"{status['phase']} {status['canaryWeight']}"
        if not seen or seen[-1] != found:
            seen.append(found)
        return str(status["phase"]) == "Succeeded"

    eventually(story, pause_s=0.02)  # or else it misses what is over soon
    weights = [each for each in seen if each.startswith("Progressing")]
    assert weights[-5:] == [f"Progressing {weight}" for weight in (10, 20, 30, 40, 50)]
    assert [each for each in seen if not each.startswith("Progressing")][-2:] == ["Finalising 0", "Succeeded 0"]
    requests = _settled_log(lab)
    print(*(f"{each.verb:7} {each.resource:20} {each.name}" for each in requests), sep="\n")  # noqa: T201 - the list, for people
    assert len(requests) <= MOST_REQUESTS
    assert {each.code for each in requests} <= {200, 201}

    assert app.weights() == [100, 0]
    assert (app.replicas(), app.replicas(f"{app.name}-primary")) == (0, 1)
    primary = lab.get("deployment", f"{app.name}-primary", app.namespace)
    assert primary is not None
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/app:v2"
    assert "objectset.rio.cattle.io/hash" not in primary["metadata"]["labels"]
    described = app.kubectl("describe", "canary")
    for text in (
        "New revision detected! Scaling up fleet-simple-app",
        "Starting canary analysis for fleet-simple-app",
        "Copying fleet-simple-app.",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down fleet-simple-app",
        "Canary analysis completed successfully, promotion finished.",
    ):
        assert text in described
    app.kubectl("wait", f"canary/{app.name}", "--for=condition=promoted", "--timeout=5s")

    lab.prometheus.success_rate = 69.17
    app.image("v3")
    app.until("Failed")
    eventually(lambda: app.replicas() == 0)
    assert app.weights() == [100, 0]
    eventually(lambda: f"Canary failed! Scaling down {app.name}.{app.namespace}" in app.events())
    events = app.events()
    assert f"Halt {app.name}.{app.namespace} advancement success rate 69.17% < 99%" in events
    assert f"Rolling back {app.name}.{app.namespace} failed checks threshold reached 10" in events
    promoted = lab.status(app.name, app.namespace)["conditions"][0]
    assert (promoted["type"], promoted["status"], promoted["reason"]) == ("Promoted", "False", "Failed")

    lab.prometheus.success_rate = 100.0
    app.image("v4")
    app.until("Succeeded")
    primary = lab.get("deployment", f"{app.name}-primary", app.namespace)
    assert primary is not None
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/app:v4"


def test_the_virtual_service_is_the_articles(lab: Lab, app: App) -> None:
    app.deploy(analysis={"stepWeight": 10, "maxWeight": 10, "interval": "600s"})
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights() == [90, 10])
    found = lab.get("virtualservice", app.name, app.namespace)
    canary = lab.get("canary", app.name, app.namespace)
    assert found is not None
    assert canary is not None
    assert found["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "name": app.name,
            "uid": canary["metadata"]["uid"],
            "blockOwnerDeletion": True,
            "controller": True,
        }
    ]
    assert found["spec"] == {
        "gateways": ["mesh"],
        "hosts": [app.name],
        "http": [
            {
                "route": [
                    {"destination": {"host": f"{app.name}-primary"}, "weight": 90},
                    {"destination": {"host": f"{app.name}-canary"}, "weight": 10},
                ]
            }
        ],
    }


def test_idle_canaries_cost_no_request(lab: Lab, app: App) -> None:
    """Fifty settled canaries, five intervals: nothing but watches."""
    namespaces = [f"{app.namespace}-idle-{number}" for number in range(50)]
    places = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    lab.apply(yaml.safe_dump_all(places))
    objects = [[*application(name), App(lab, name).canary()] for name in namespaces]
    lab.apply(yaml.safe_dump_all([each for group in objects for each in group]))

    def initialised() -> bool:
        found = json.loads(lab.kubectl("get", "canary", "-A", "-o", "json"))["items"]
        ours = [each for each in found if each["metadata"]["namespace"] in namespaces]
        return len(ours) == 50 and all((each.get("status") or {}).get("phase") == "Initialized" for each in ours)

    eventually(initialised)
    _settled_log(lab, 3.0)  # hundreds of events are sent one after the other
    lab.cluster.requests.clear()
    time.sleep(5.5)
    ours = [each for each in lab.cluster.requests.matching(agent=AGENT) if each.verb != "watch"]
    assert ours == []


def test_deletion_with_revert_gives_everything_back(lab: Lab, app: App) -> None:
    app.deploy(revertOnDeletion=True)
    app.until("Initialized")
    eventually(lambda: app.replicas() == 0)
    app.kubectl("delete", "canary", app.name, "--timeout=30s")
    assert app.replicas() == 1
    service = lab.get("service", app.name, app.namespace)
    assert service is not None
    assert service["spec"]["selector"] == {"app": app.name}
    eventually(lambda: lab.get("deployment", f"{app.name}-primary", app.namespace) is None)
    eventually(lambda: lab.get("virtualservice", app.name, app.namespace) is None)
    assert {f"Terminating canary {app.name}.{app.namespace}", f"Terminated canary {app.name}.{app.namespace}"} <= set(
        app.events()
    )


def test_requests_of_people(lab: Lab, app: App) -> None:
    app.deploy(analysis={"stepWeight": 10, "maxWeight": 50})
    app.until("Initialized")
    app.kubectl("annotate", "canary", app.name, "canary-core/request=pause/1")
    app.image("v2")
    time.sleep(2)
    assert lab.status(app.name, app.namespace)["canaryWeight"] == 0
    app.kubectl("annotate", "canary", app.name, "canary-core/request=resume/2", "--overwrite")
    eventually(lambda: lab.status(app.name, app.namespace)["canaryWeight"] >= 10)
    app.kubectl("annotate", "canary", app.name, "canary-core/request=abort/3", "--overwrite")
    app.until("Failed")
    assert app.weights() == [100, 0]
    app.kubectl("annotate", "canary", app.name, "canary-core/request=retry/4", "--overwrite")
    app.until("Succeeded")
