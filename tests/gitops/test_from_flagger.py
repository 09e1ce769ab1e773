"""What Flagger left, in each phase, is carried on where it was; and what we leave, Flagger can carry on."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from applications.demo_app import NAME, App
from delivery.documented import FROM_FLAGGER, command
from delivery.flagger import APPLIED, CONDITIONS, Left
from delivery.history import (
    CANARIES,
    OURS,
    TRAFFIC_LAWS,
    History,
    Moment,
    broken,
    phase_of,
    recorded,
    weights_of,
)
from laboratories.lab import CANARY, Lab

pytestmark = pytest.mark.slow

EVENTS = "core/events"
PRIMARY = f"{NAME}-primary"
STEPS = {"analysis": {"interval": "1s", "threshold": 3, "stepWeight": 10, "maxWeight": 50}}
UNDER_WAY: dict[str, Any] = {"target": "v2", "replicas": 1, "applied": APPLIED, "spec": STEPS}

LEFT = {
    "initialized": Left(phase="Initialized"),
    "succeeded": Left(phase="Succeeded", spec={"analysis": {"interval": "1s", "stepWeight": 50, "maxWeight": 50}}),
    "failed": Left(phase="Failed", target="v2", applied=APPLIED),
    "progressing": Left(phase="Progressing", weight=30, failed=1, **UNDER_WAY),
    "waiting-promotion": Left(phase="WaitingPromotion", weight=50, shown=0, iterations=-1, **UNDER_WAY),
    "promoting": Left(phase="Promoting", weight=50, primary="v2", **UNDER_WAY),
    "waiting": Left(phase="Waiting", target="v2", spec=STEPS),
    "finalising": Left(phase="Finalising", primary="v2", **UNDER_WAY),
}
SETTLED = {"initialized": "Initialized", "succeeded": "Succeeded", "failed": "Failed"}
MOVING = tuple(name for name in LEFT if name not in SETTLED)


class Gate:
    """A webhook that says no until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gate.asked.set()
                self.send_response(200 if gate.open.is_set() else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.hook = {
            "name": "gate",
            "type": "confirm-promotion",
            "url": f"http://127.0.0.1:{self._server.server_port}/",
            "timeout": "5s",
        }

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A laboratory of its own: what is taken over here, no other test's controller works on."""
    with Lab(tmp_path_factory.mktemp("flagger")) as found:
        yield found


@pytest.fixture(scope="session")
def taken_over(lab: Lab) -> History:
    """Every phase in a namespace of its own; then a controller starts, and everything comes to rest."""
    with closing(Gate()) as gate, recorded(lab.cluster) as history, ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(_left(name, gate).make, lab, name) for name in LEFT]:
            made.result()
        for name in LEFT:
            history.until(name, _ready)
        with lab.controller():
            for name, phase in SETTLED.items():
                assert phase_of(history.until(name, _is_ours), NAME) == phase
            assert gate.asked.wait(30)
            gate.open.set()
            for name in MOVING:
                history.until_phase("Succeeded", NAME, name)
                App(lab, name).kubectl("wait", f"canary/{NAME}", "--for=condition=promoted", "--timeout=5s")
    return history


def _left(name: str, gate: Gate) -> Left:
    left = LEFT[name]
    if name != "waiting-promotion":
        return left
    analysis = {**STEPS["analysis"], "webhooks": [gate.hook]}
    return Left(
        phase="WaitingPromotion", weight=50, shown=0, iterations=-1, **{**UNDER_WAY, "spec": {"analysis": analysis}}
    )


def _ready(moment: Moment) -> bool:
    """Every Deployment has the pods that it asks for, and Flagger has said where it is."""
    items = [moment.get("apps/deployments", name) for name in (NAME, PRIMARY)]
    has = [(each or {}).get("status", {}).get("availableReplicas", 0) for each in items]
    return phase_of(moment, NAME) != "" and has == [each["spec"]["replicas"] if each else -1 for each in items]


def _is_ours(moment: Moment) -> bool:
    status = (moment.get(CANARIES, NAME) or {}).get("status") or {}
    return str(status.get("lastAppliedSpec", "")).startswith("v1:")


def _since_taken_over(history: History, place: str) -> Iterator[Moment]:
    """From our first write on."""
    ours = False
    for moment in history.moments(place):
        ours = ours or moment.writer == OURS
        if ours:
            yield moment


def _image(moment: Moment, name: str) -> str:
    found = moment.get("apps/deployments", name)
    assert found is not None
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


@pytest.mark.parametrize("place", SETTLED)
def test_what_had_come_to_rest_stays_at_rest(taken_over: History, place: str) -> None:
    """Nothing is written but the status: the objects are in order as they are."""
    since = [(phase_of(moment, NAME), moment.event.store) for moment in _since_taken_over(taken_over, place)]
    assert set(since) - {(SETTLED[place], EVENTS)} == {(SETTLED[place], CANARIES)}
    assert broken(_since_taken_over(taken_over, place), NAME, *TRAFFIC_LAWS) == []


@pytest.mark.parametrize("place", MOVING)
def test_what_was_under_way_ends_well(taken_over: History, place: str) -> None:
    *_, last = taken_over.moments(place)
    target = last.get("apps/deployments", NAME)
    assert target is not None
    assert (_image(last, PRIMARY), target["spec"]["replicas"]) == ("v2", 0)
    assert weights_of(last, NAME) == {PRIMARY: 100, f"{NAME}-canary": 0}
    assert broken(_since_taken_over(taken_over, place), NAME, *TRAFFIC_LAWS) == []


@pytest.mark.parametrize(
    ("place", "weights", "phases"),
    [
        ("progressing", [30, 40, 50, 0], ["Progressing", "Promoting", "Finalising", "Succeeded"]),
        ("waiting-promotion", [50, 0], ["WaitingPromotion", "Promoting", "Finalising", "Succeeded"]),
        ("promoting", [50, 0], ["Promoting", "Finalising", "Succeeded"]),
        ("finalising", [0], ["Finalising", "Succeeded"]),
    ],
)
def test_it_goes_on_from_where_it_was_and_not_from_the_start(
    taken_over: History, place: str, weights: list[int], phases: list[str]
) -> None:
    seen_weights: list[int] = []
    seen_phases: list[str] = []
    for moment in _since_taken_over(taken_over, place):
        weight, phase = weights_of(moment, NAME)[f"{NAME}-canary"], phase_of(moment, NAME)
        if seen_weights[-1:] != [weight]:
            seen_weights.append(weight)
        if seen_phases[-1:] != [phase]:
            seen_phases.append(phase)
    assert (seen_weights, seen_phases) == (weights, phases)


def test_counters_are_kept(taken_over: History) -> None:
    statuses = [
        (moment.get(CANARIES, NAME) or {}).get("status") or {}
        for moment in _since_taken_over(taken_over, "progressing")
    ]
    assert {status["failedChecks"] for status in statuses if status["phase"] == "Progressing"} == {1}


def test_a_new_image_is_rolled_out_afterwards_and_going_back_is_possible(lab: Lab, taken_over: History) -> None:
    """Then the objects are those that Flagger would have made, but for metadata of ours, and so is the status."""
    place, app = "succeeded", App(lab, "succeeded")
    with lab.controller():
        app.image("v3")
        app.until("Progressing")
        app.until("Succeeded")
    canary = lab.get("canary", NAME, place)
    assert canary is not None
    assert canary["metadata"]["finalizers"] == ["finalizer.flagger.app"]
    ours: dict[str, Any] = canary["status"]
    flaggers = Left(phase="Succeeded").status()
    assert {key: type(ours.get(key)) for key in flaggers if key != "trackedConfigs"} == {
        key: type(value) for key, value in flaggers.items() if key != "trackedConfigs"
    }
    condition = ours["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("Promoted", "Succeeded")
    assert (condition["status"], condition["message"]) == CONDITIONS["Succeeded"]
    owner = {"uid": canary["metadata"]["uid"], "name": NAME, "kind": "Canary", "apiVersion": "flagger.app/v1beta1"}
    for wanted in Left(phase="Succeeded", primary="v3").generated(place, owner):
        live = lab.get(wanted["kind"], wanted["metadata"]["name"], place)
        assert live is not None
        assert live["metadata"]["ownerReferences"][0].items() >= owner.items()
        assert _told_apart(live) == _told_apart(wanted)


def _told_apart(obj: dict[str, Any]) -> dict[str, Any]:
    """What Flagger compares, or finds its objects by."""
    spec = obj["spec"]
    match obj["kind"]:
        case "Deployment":
            pods = spec["template"]
            found = {"selector": spec["selector"], "labels": pods["metadata"]["labels"], "replicas": spec["replicas"]}
            return {**found, "image": pods["spec"]["containers"][0]["image"]}
        case "Service":
            return {"selector": spec["selector"], "ports": spec["ports"]}
        case _:
            return dict(spec)


def test_what_flagger_serves_can_be_checked_beforehand(lab: Lab, taken_over: History) -> None:
    kubectl, canary = " ".join(command(FROM_FLAGGER, "canary validate")).split(" | ")
    served = lab.kubectl(*kubectl.split()[1:])
    done = subprocess.run([CANARY, *canary.split()[1:]], input=served, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"progressing/{NAME}: 10 %" in done.stdout


def test_with_an_empty_status_it_is_initialised_anew_without_a_rollout(lab: Lab, taken_over: History) -> None:
    """As Flagger does it when it is asked to begin anew; so this is how to go back to it without an analysis."""
    place, app = "finalising", App(lab, "finalising")
    before = lab.get("deployment", PRIMARY, place)
    assert before is not None
    nothing = '{"status":null}'
    lab.kubectl("patch", "canary", NAME, "-n", place, "--subresource=status", "--type=merge", "-p", nothing)
    assert lab.status(NAME, place).get("phase", "") == ""
    with recorded(lab.cluster) as history, lab.controller():
        app.until("Initialized")
        seen = {phase_of(moment, NAME) for moment in history.moments(place)}
    assert seen <= {"", "Initializing", "Initialized"}
    after = lab.get("deployment", PRIMARY, place)
    assert after is not None
    assert after["spec"]["template"] == before["spec"]["template"]
    assert app.weights() == [100, 0]


def test_a_canary_that_flagger_finalises_can_be_deleted(lab: Lab, taken_over: History) -> None:
    """The finalizer is the one that both know."""
    place, app = "failed", App(lab, "failed")
    with lab.controller():
        app.kubectl("delete", "canary", NAME, "--timeout=30s")
    assert app.replicas() == 1
    service = lab.get("service", NAME, place)
    assert service is None or yaml.safe_dump(service["spec"]["selector"]) == f"app: {NAME}\n"
