"""What the controller leaves, as Flagger reads it; and the command of the documentation that makes it harmless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from applications.demo_app import NAME, App, application
from delivery.as_flagger import First, broken_fields, first_of, lost_ports, lost_routes, requests_to_nobody
from delivery.documented import FROM_FLAGGER, script
from delivery.flagger import Left
from delivery.history import ROUTES as ROUTED
from delivery.history import recorded
from documents.terminal import Terminal
from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow

ROUTES = "virtualservice.v1beta1.networking.istio.io"
REST = {"initialized": "Initialized", "succeeded": "Succeeded", "failed": "Failed"}
LIVE_PORTS = [{"name": name, "port": port, "targetPort": port} for name, port in (("http", 8080), ("grpc", 9000))]
OTHER = {"match": [{"uri": {"prefix": "/other"}}], "route": [{"destination": {"host": "other"}}]}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A laboratory where the controller has been, and is no more: an app in each phase at rest, and one under way."""
    with Lab(tmp_path_factory.mktemp("back")) as found:
        with found.controller():
            apps = {name: App(found, name) for name in (*REST, "progressing")}
            for name, app in apps.items():
                analysis = {"interval": "1m"} if name == "progressing" else {}
                app.deploy(analysis={"stepWeight": 25, "maxWeight": 50, "threshold": 1, **analysis})
            for app in apps.values():
                app.until("Initialized")
            found.prometheus.custom = {'namespace="failed"': 10.0}
            for name in ("succeeded", "failed", "progressing"):
                apps[name].image("v2")
            for name, phase in REST.items():
                apps[name].until(phase)
            eventually(lambda: apps["progressing"].weights() == [75, 25])
        yield found


def _read(lab: Lab, kind: str, place: str, name: str = NAME) -> dict[str, Any]:
    found = lab.get(kind, name, place)
    assert found is not None
    return found


@pytest.mark.parametrize("place", [*REST, "progressing"])
def test_flagger_can_read_every_status(lab: Lab, place: str) -> None:
    assert broken_fields(_read(lab, "canary", place)) == []


@pytest.mark.parametrize("place", [*REST, "progressing"])
def test_of_a_status_that_is_left_there_it_analyses_everything(lab: Lab, place: str) -> None:
    """That of a failed revision as well; so the documentation takes away those at rest."""
    assert first_of(_read(lab, "canary", place)) is First.ANALYSES


@pytest.mark.parametrize("place", [*REST, "progressing"])
def test_it_takes_away_nothing_that_the_controller_has_made(lab: Lab, place: str) -> None:
    canary = _read(lab, "canary", place)
    for name in (NAME, f"{NAME}-primary", f"{NAME}-canary"):
        assert lost_ports(canary, _read(lab, "service", place, name)) == []
    assert lost_routes(canary, _read(lab, ROUTES, place)) == []


def test_the_command_of_the_documentation_takes_the_status_of_those_at_rest(lab: Lab) -> None:
    """Under way it would leave requests to a target without Pods, for good."""
    under_way = _read(lab, "canary", "progressing")
    target, routes = (_read(lab, kind, "progressing") for kind in ("deployment", ROUTES))
    assert requests_to_nobody({**under_way, "status": {}}, target, routes) == [25]
    Terminal({}, KUBECONFIG=str(lab.kubeconfig)).type(script(FROM_FLAGGER, "--subresource=status"))
    assert _read(lab, "canary", "progressing")["status"] == under_way["status"]
    for place in REST:
        canary, target = _read(lab, "canary", place), _read(lab, "deployment", place)
        assert first_of(canary) is First.INITIALISES
        assert target["spec"]["replicas"] == 0
        assert requests_to_nobody(canary, target, _read(lab, ROUTES, place)) == []


def test_ports_and_routes_of_a_live_app_are_lost(lab: Lab) -> None:
    """As the documentation says: they are kept here, and Flagger knows those that it declares."""
    app = App(lab, "live")
    lab.kubectl("create", "namespace", app.namespace)
    target, service = application(app.namespace)
    service["spec"]["ports"] = LIVE_PORTS
    routes = {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": NAME, "namespace": app.namespace},
        "spec": {"hosts": [NAME], "http": [OTHER, {"route": [{"destination": {"host": NAME}}]}]},
    }
    lab.apply(yaml.safe_dump_all([target, service, routes, app.canary()]))
    with lab.controller():
        app.until("Initialized")
    canary = _read(lab, "canary", app.namespace)
    assert lost_ports(canary, _read(lab, "service", app.namespace)) == [9000]
    assert lost_routes(canary, _read(lab, ROUTES, app.namespace)) == [OTHER]


def test_requests_that_flagger_has_left_to_nobody_come_back_to_the_primary(lab: Lab) -> None:
    """It was given a rollout under way without its status; then the controller comes again."""
    Left(phase="Initialized", weight=25, shown=0, target="v2").make(lab, "astray")
    app = App(lab, "astray")
    with lab.controller():
        eventually(lambda: app.weights() == [100, 0])


def test_the_controller_itself_loses_no_request_without_a_status(lab: Lab) -> None:
    """Begun anew in the middle of a rollout, it gives the traffic back before it takes Pods away."""
    place, nothing = "progressing", '{"status":null}'
    lab.kubectl("patch", "canary", NAME, "-n", place, "--subresource=status", "--type=merge", "-p", nothing)
    done = f"Initialization done! {NAME}.{place}"
    with recorded(lab.cluster) as history, lab.controller():
        eventually(lambda: lab.events(place).count(done) == 2)
        written = [moment.event for moment in history.moments(place) if moment.event.key[1] == NAME]
    weights = [
        [way["weight"] for way in each.obj["spec"]["http"][-1]["route"]] for each in written if each.store == ROUTED
    ]
    replicas = [each.obj["spec"]["replicas"] for each in written if each.store == "apps/deployments"]
    at = [each.store for each in written]
    assert weights[0] == [100, 0]
    assert 0 not in replicas or at.index(ROUTED) < at.index("apps/deployments")
