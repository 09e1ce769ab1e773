"""A cluster that has Flagger's own definition of Canary: everything works, and it may be replaced at any time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import App
from laboratories.lab import AGENT, CANARY, Lab, eventually
from stories.flagger_definition import flaggers_definition

pytestmark = pytest.mark.slow

SLOW = {"interval": "3s", "stepWeight": 10, "maxWeight": 50}
TOLD = "The definition of Canary in this cluster is not that of canary-core"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A laboratory of its own, whose definitions change."""
    with Lab(tmp_path_factory.mktemp("lab")) as found:
        yield found
        ours(found)


def ours(lab: Lab) -> None:
    """Apply the definitions of this project, as people are told to."""
    text = subprocess.run([CANARY, "crds"], check=True, capture_output=True, text=True).stdout
    lab.apply(text)
    _until_stored(lab, keeps=True)


def flaggers(lab: Lab) -> None:
    """Replace the definition of Canary by Flagger's."""
    lab.kubectl("replace", "-f", "-", stdin=yaml.safe_dump(flaggers_definition()))
    _until_stored(lab, keeps=False)


def _until_stored(lab: Lab, *, keeps: bool) -> None:
    """Wait until the server goes by a definition, as it says itself."""

    def there() -> bool:
        text = lab.kubectl("get", "--raw", "/openapi/v3/apis/flagger.app/v1beta1", check=False)
        if not text.startswith("{"):
            return False  # it is not served for a moment
        schemas: dict[str, Any] = json.loads(text)["components"]["schemas"]
        canary = next(each for name, each in schemas.items() if name.endswith(".Canary"))
        return ("rollout" in canary["properties"]["status"]["properties"]) is keeps

    eventually(there)
    time.sleep(0.5)  # what is read in a moment is decoded by it as well


def _told(app: App) -> int:
    return sum(each.startswith(TOLD) for each in app.events())


def test_the_article_under_flaggers_definition(lab: Lab, app: App) -> None:
    flaggers(lab)
    with lab.controller():
        app.deploy()
        app.until("Initialized")
        app.image("v2")
        app.until("Progressing")
        app.until("Succeeded")
        status = lab.status(app.name, app.namespace)
        assert "rollout" not in status
        assert list(status["trackedConfigs"]) == ["canary-core/status"]
        lab.prometheus.success_rate = 69.17
        app.image("v3")
        app.until("Failed")
        assert app.weights() == [100, 0]
        eventually(lambda: app.replicas() == 0)
        assert _told(app) == 1


def test_at_rest_nothing_is_asked_for_nor_written_under_it(lab: Lab, app: App) -> None:
    flaggers(lab)
    app.deploy()
    with lab.controller():
        app.until("Initialized")
        _quiet(lab)
    with lab.controller():  # nor by one that has just begun
        _quiet(lab)


def _quiet(lab: Lab) -> None:
    time.sleep(2)
    lab.cluster.requests.clear()
    time.sleep(3)
    asked = [each for each in lab.cluster.requests.matching(agent=AGENT) if each.verb != "watch"]
    assert [each for each in asked if each.resource != "leases"] == []


@pytest.mark.parametrize(
    ("to", "crash"), [(ours, False), (flaggers, True)], ids=["ours, while it runs", "flaggers, while nobody runs"]
)
def test_a_definition_that_is_replaced_in_the_middle_of_a_rollout_loses_nothing(
    lab: Lab, app: App, to: Any, *, crash: bool
) -> None:
    (flaggers if to is ours else ours)(lab)
    running = lab.start()
    app.deploy(analysis=SLOW)
    app.until("Initialized")
    app.image("v2")
    eventually(lambda: app.weights()[1] >= 20)  # what the status says may not be done yet when the process ends
    if crash:
        running.kill()
    before = app.weights()[1]
    to(lab)
    assert app.weights()[1] >= before
    if crash:
        running = lab.start()
    seen = _weights_until(app, "Succeeded")
    assert min(seen, default=before) >= before  # no analysis begins anew
    events = app.events()
    assert events.count("Starting canary analysis for fleet-simple-app." + app.namespace) == 1
    assert not any(each.startswith("Took over") for each in events)
    assert running.terminate() == 0


def _weights_until(app: App, phase: str) -> list[int]:
    found: list[int] = []

    def there() -> bool:
        status = app.lab.status(app.name, app.namespace)
        if status["phase"] == "Progressing":
            found.append(int(status["canaryWeight"]))
        return str(status["phase"]) == phase

    eventually(there)
    return found


def test_a_definition_that_keeps_neither_is_refused_by_one_write(lab: Lab, app: App) -> None:
    flaggers(lab)
    closed = flaggers_definition()
    (version,) = closed["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["trackedConfigs"]
    lab.kubectl("replace", "-f", "-", stdin=yaml.safe_dump(closed))
    time.sleep(1)
    app.deploy(analysis={"interval": "1s"})
    with lab.controller() as running:

        def condition() -> dict[str, Any]:
            found: dict[str, Any] = lab.status(app.name, app.namespace).get("conditions", [{}])[0]
            return found

        eventually(lambda: condition().get("reason") == "CustomResourceOutdated")
        lab.cluster.requests.clear()
        time.sleep(10)
        writes = [each for each in lab.cluster.requests.matching(agent=AGENT) if each.resource == "canaries"]
        assert len([each for each in writes if each.verb == "update"]) <= 3
        assert "canary crds" in condition()["message"]
        ours(lab)
        app.until("Initialized")
        assert "a mistake of the controller" not in running.text()


def test_a_definition_of_ones_own_fields_is_repaired_by_one_command(lab: Lab, app: App) -> None:
    flaggers(lab)
    with lab.controller():
        app.deploy()
        app.until("Initialized")
        head = app.kubectl("get", "canary").splitlines()[0]
        assert "REASON" not in head
        ours(lab)
        assert "REASON" in app.kubectl("get", "canary").splitlines()[0]
        app.image("v2")
        app.until("Succeeded")
        assert lab.status(app.name, app.namespace)["rollout"]["phase"] == "Succeeded"
        assert _told(app) == 1
