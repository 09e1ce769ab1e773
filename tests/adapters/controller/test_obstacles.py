"""Obstacles: said in the condition and by an event before a rollout begins; one that is under way goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from canary_adapters.controller.interests import Key
from canary_adapters.controller.options import Options
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import CANARIES, HORIZONTAL_POD_AUTOSCALERS, SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from laboratories.virtual_cluster import VirtualController

OLD = "2020-01-01T00:00:00Z"
METRIC: Obj = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
SLOW: Obj = {"interval": "1m", "threshold": 3, "stepWeight": 10, "maxWeight": 50, "metrics": [METRIC]}


@pytest.fixture
def controller() -> Iterator[VirtualController]:
    with VirtualController() as found:
        yield found


def _said(controller: VirtualController, key: Key) -> tuple[str, list[str]]:
    """The reason of the condition, and the warnings among the events."""
    while controller.assembly.recorder.pending:
        time.sleep(0.002)
    events = controller.api.objects.get(("events", key[0]), {}).values()
    warnings = [each["message"] for each in events if each["type"] == "Warning"]
    return controller.status(key)["conditions"][0]["reason"], warnings


def _older(controller: VirtualController, key: Key) -> None:
    """Another VirtualService for the host that all of them have."""
    spec: Obj = {"hosts": [key[1]], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    metadata = {"name": "theirs", "creationTimestamp": OLD}
    controller.api.create(VIRTUAL_SERVICES, key[0], {"metadata": metadata, "spec": spec})


def _rule(controller: VirtualController, key: Key) -> None:
    name = f"{key[1]}-primary"
    live = controller.api.cached(DESTINATION_RULES, key[0], name)
    if live is not None:
        controller.api.delete(DESTINATION_RULES, live)
    theirs: Obj = {"metadata": {"name": name}, "spec": {"host": name, "subsets": [{"name": "x"}]}}
    controller.api.create(DESTINATION_RULES, key[0], theirs)


def _backend(controller: VirtualController, key: Key) -> None:
    name = f"{key[1]}-canary"
    live = controller.api.cached(SERVICES, key[0], name)
    if live is not None:
        controller.api.delete(SERVICES, live)
    _service(controller, key[0], name)


def _at_weight(controller: VirtualController, key: Key, weight: int) -> None:
    while controller.status(key).get("canaryWeight") != weight:
        verdict = controller.tick(key)
        assert verdict.result == "ok"
        controller.now_s += min(verdict.again_in_s or 0.0, 65.0)


OBSTACLES: dict[str, tuple[Any, str]] = {
    "routes": (_older, "VirtualServiceShadowed"),
    "rule": (_rule, "DestinationRuleNotOurs"),
    "backend": (_backend, "ServiceNotOurs"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_nothing_is_begun_where_it_would_have_no_effect(controller: VirtualController, name: str) -> None:
    place, reason = OBSTACLES[name]
    key = controller.deploy("here", analysis=SLOW)
    place(controller, key)
    before = {plural: len(objects) for (plural, _), objects in controller.api.objects.items()}
    for _ in range(3):
        assert controller.tick(key).result == "refused"
    found, warnings = _said(controller, key)
    assert found == reason
    assert len(warnings) == 1
    assert controller.status(key)["phase"] == "Initializing"
    after = {plural: len(objects) for (plural, _), objects in controller.api.objects.items() if plural != "events"}
    assert after == before


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_is_under_way_goes_on_and_the_next_does_not_begin(controller: VirtualController, name: str) -> None:
    place, reason = OBSTACLES[name]
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    _at_weight(controller, key, 20)
    place(controller, key)
    _at_weight(controller, key, 40)
    found, warnings = _said(controller, key)
    assert found == reason
    assert len([text for text in warnings if "here" in text]) == 1, warnings
    while controller.status(key)["phase"] != "Succeeded":
        assert controller.tick(key).result == "ok"
        controller.now_s += 65.0
    controller.image(key, "v3")
    assert controller.tick(key).result == "refused"
    assert _said(controller, key)[0] == reason
    routes = controller.api.cached(VIRTUAL_SERVICES, *key)
    assert routes is not None
    assert [each["weight"] for each in routes["spec"]["http"][0]["route"]] == [100, 0]


def test_a_bad_canary_is_rolled_back_whatever_stands_in_the_way(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    _at_weight(controller, key, 20)
    _older(controller, key)
    _rule(controller, key)
    _backend(controller, key)
    controller.prometheus.success_rate = 10.0
    while controller.status(key)["phase"] != "Failed":
        assert controller.tick(key).result == "ok"
        controller.now_s += 65.0
    assert controller.status(key)["canaryWeight"] == 0
    routes = controller.api.cached(VIRTUAL_SERVICES, *key)
    assert routes is not None
    assert [each["weight"] for each in routes["spec"]["http"][0]["route"]] == [100, 0]


def test_without_a_mesh_a_rollout_goes_on_past_a_backend_of_somebody_else(controller: VirtualController) -> None:
    """All traffic goes by the apex; the other two are for looking at."""
    analysis = {"interval": "1m", "threshold": 3, "iterations": 3, "metrics": [METRIC]}
    key = controller.deploy("here", analysis=analysis, provider="kubernetes")
    controller.until("Initialized", key)
    controller.image(key, "v2")
    controller.tick(key)
    _backend(controller, key)
    while controller.status(key)["phase"] != "Succeeded":
        assert controller.tick(key).result == "ok"
        controller.now_s += 65.0
    assert controller.tick(key).result == "ok"
    assert _said(controller, key)[0] == "ServiceNotOurs"


def test_when_the_obstacle_is_gone_the_rollout_begins(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW)
    _older(controller, key)
    assert controller.tick(key).result == "refused"
    theirs = controller.api.cached(VIRTUAL_SERVICES, "here", "theirs")
    assert theirs is not None
    controller.api.delete(VIRTUAL_SERVICES, theirs)
    controller.until("Initialized", key)
    assert _said(controller, key)[0] == "Initialized"


def test_a_deletion_is_not_kept_up(controller: VirtualController) -> None:
    key = controller.deploy("here", analysis=SLOW, revertOnDeletion=True)
    controller.until("Initialized", key)
    _older(controller, key)
    _rule(controller, key)
    canary = controller.api.cached(CANARIES, *key)
    assert canary is not None
    controller.api.delete(CANARIES, canary)
    for _ in range(10):
        controller.tick(key)
    assert controller.api.cached(CANARIES, *key) is None


def test_an_autoscaler_of_somebody_else_is_said_before_anything_is_made(controller: VirtualController) -> None:
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "scaler"}
    key = controller.deploy("here", analysis=SLOW, autoscalerRef=ref)
    for name in ("scaler", "scaler-primary"):
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": key[1]}
        spec = {"scaleTargetRef": target, "maxReplicas": 3}
        controller.api.create(HORIZONTAL_POD_AUTOSCALERS, "here", {"metadata": {"name": name}, "spec": spec})
    assert controller.tick(key).result == "refused"
    assert _said(controller, key)[0] == "AutoscalerNotOurs"
    assert list(controller.api.objects["deployments", "here"]) == [key[1]]


# -- Hosts of other namespaces --------------------------------------------------------------------------------------


def _service(controller: VirtualController, namespace: str, name: str) -> None:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    controller.api.create(SERVICES, namespace, {"metadata": {"name": name}, "spec": spec})


def test_a_service_that_comes_later_wakes_who_has_claimed_its_name_and_gets_it(controller: VirtualController) -> None:
    service = {"port": 8080, "hosts": ["payments.other", "app.example.com"]}
    key = controller.deploy("here", analysis=SLOW, service=service)
    controller.until("Initialized", key)
    named = {"metadata": {"namespace": "other", "name": "payments"}}
    assert controller.interests.of(SERVICES, named) == {key}
    _service(controller, "other", "payments")
    assert controller.tick(key).result == "ok"
    routes = controller.api.cached(VIRTUAL_SERVICES, *key)
    assert routes is not None
    assert routes["spec"]["hosts"] == ["app.example.com", key[1]]
    assert _said(controller, key)[0] == "HostOfAnotherNamespace"


def test_the_flags_reach_the_router(controller: VirtualController) -> None:
    service = {"port": 8080, "hosts": ["app.other.svc"], "gateways": ["other/gw", "mesh"]}
    allowed = ObjectSettings(cross_namespace_hosts=True)
    for settings, reason in (
        (ObjectSettings(), "HostOfAnotherNamespace"),
        (ObjectSettings(cross_namespace_hosts=True, gateways=()), "GatewayNotAllowed"),
        (ObjectSettings(cross_namespace_hosts=True, gateways=("other/gw",)), "Initialized"),
        (allowed, "Initialized"),
    ):
        with VirtualController(Options(objects=settings)) as other:
            key = other.deploy("here", analysis=SLOW, service=service)
            if reason == "Initialized":
                other.until(reason, key)
            else:
                assert other.tick(key).result == "refused"
            assert _said(other, key)[0] == reason


def test_who_is_woken_by_which_service() -> None:
    with VirtualController() as controller:
        key = controller.deploy("here", service={"port": 80, "hosts": ["a.b", "*.c", "d.e.svc", "f", "g.example.com"]})
        canary = controller.assembly.rolling(controller.api.cached(CANARIES, *key) or {}).prepare()
        foreign = {(place, name) for _, place, name in controller.assembly.refs(canary) if place != "here"}
    assert foreign == {("b", "a"), ("com", "example")}
