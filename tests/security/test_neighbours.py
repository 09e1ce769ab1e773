"""What one namespace declares never gets into another: neither by a name, nor by a write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from applications.demo_app import NAME, application, article_canary
from canary_adapters.controller.options import Options
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from laboratories.virtual_cluster import VirtualController

VICTIM = "victim"
ATTACKER = "attacker"
EVERYTHING_ALLOWED = Options(objects=ObjectSettings(cross_namespace_hosts=True))
METRIC: Obj = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
ANALYSIS: Obj = {"interval": "1m", "threshold": 2, "stepWeight": 50, "maxWeight": 50, "metrics": [METRIC]}


class Recorded:
    """The namespaces of all writes."""

    def __init__(self, controller: VirtualController) -> None:
        self.places: Counter[str] = Counter()
        send = controller.api._send

        def recorded(method: str, path: str, **more: Any) -> Obj:
            if method != "GET":
                self.places[path.partition("/namespaces/")[2].partition("/")[0]] += 1
            return send(method, path, **more)

        controller.api._send = recorded  # type: ignore[method-assign]


def _lives(controller: VirtualController, spec: Mapping[str, Any]) -> None:
    """Made, rolled out, rolled back and deleted, as far as it gets."""
    key = controller.deploy(ATTACKER, **{"analysis": ANALYSIS, "revertOnDeletion": True, **spec})
    for tag, rate in (("v1", 100.0), ("v2", 100.0), ("v3", 10.0)):
        controller.prometheus.success_rate = rate
        controller.image(key, tag)
        for _ in range(12):
            controller.tick(key)
            controller.now_s += 65.0
    canary = controller.api.cached(CANARIES, *key)
    assert canary is not None
    controller.api.delete(CANARIES, canary)
    for _ in range(5):
        controller.tick(key)
    while controller.assembly.recorder.pending:
        time.sleep(0.002)


def _ref(kind: str, name: str, version: str = "apps/v1") -> Obj:
    return {"apiVersion": version, "kind": kind, "name": name}


TRAVERSAL = f"../../{VICTIM}/x"
ATTACKS: dict[str, Obj] = {
    "hosts and gateways": {
        "service": {"port": 80, "hosts": [f"{NAME}.{VICTIM}.svc", f"x.{VICTIM}"], "gateways": [f"{VICTIM}/gw", "mesh"]}
    },
    "the name of the apex": {"service": {"port": 80, "name": f"{NAME}.{VICTIM}"}},
    "the name of a Service": {"targetRef": _ref("Service", NAME, "v1"), "service": {"port": 80, "name": f"a.{VICTIM}"}},
    "a path": {"service": {"port": 80, "name": TRAVERSAL}},
    "a path to the target": {"targetRef": _ref("Deployment", TRAVERSAL)},
    "a path to the autoscaler": {"autoscalerRef": _ref("HorizontalPodAutoscaler", TRAVERSAL, "autoscaling/v2")},
    "a namespace": {"targetRef": {**_ref("Deployment", NAME), "namespace": VICTIM}},
    "references": {
        "analysis": {
            **ANALYSIS,
            "metrics": [{"name": "x", "templateRef": {"name": "x", "namespace": VICTIM}, "thresholdRange": {"min": 1}}],
            "alerts": [{"name": "x", "severity": "info", "providerRef": {"name": "x", "namespace": VICTIM}}],
        }
    },
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_written_outside_of_the_namespace_of_the_canary(name: str) -> None:
    """With all that flags can allow: what is allowed is a name in an object, never a write."""
    with VirtualController(EVERYTHING_ALLOWED) as controller:
        deployment, _ = application(VICTIM)
        controller.api.create(DEPLOYMENTS, VICTIM, deployment)
        controller.api.create(CANARIES, VICTIM, article_canary(VICTIM))
        recorded = Recorded(controller)
        _lives(controller, ATTACKS[name])
        assert recorded.places.keys() == {ATTACKER}
        assert list(controller.api.objects["deployments", VICTIM]) == [NAME]


@pytest.fixture
def controller() -> Iterator[VirtualController]:
    with VirtualController() as found:
        yield found


SPELLINGS = (
    f"payments.{VICTIM}",
    f"Payments.{VICTIM.upper()}.",
    f"payments.{VICTIM}.svc",
    f"payments.{VICTIM}.svc.cluster.local",
    f"payments.{VICTIM}.svc.k8s.example.com.",
    f"payments.{VICTIM}.svc:8080",
    f"*.{VICTIM}.svc.cluster.local",
    f"*ts.{VICTIM}.svc.cluster.local",
    "*.svc.cluster.local",
    "*.cluster.local",
    "*",
    "10.96.7.7",
)


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_host_takes_the_requests_of_another_namespace(
    controller: VirtualController, host: str
) -> None:
    spec = {"selector": {"app": "x"}, "ports": [{"port": 80}], "clusterIP": "10.96.7.7"}
    controller.api.create(SERVICES, VICTIM, {"metadata": {"name": "payments"}, "spec": spec})
    key = controller.deploy(ATTACKER, analysis=ANALYSIS, service={"port": 80, "hosts": [host]})
    for _ in range(3):
        assert controller.tick(key).result == "refused"
    assert controller.status(key)["conditions"][0]["reason"] == "HostOfAnotherNamespace"
    assert not controller.api.objects.get(("virtualservices", ATTACKER))


def test_a_host_that_is_added_on_the_way_is_not_written(controller: VirtualController) -> None:
    """Begun harmlessly, changed in the middle: the rollout goes on with the hosts that it had."""
    key = controller.deploy(ATTACKER, analysis=ANALYSIS, service={"port": 8080, "hosts": ["a.example.com"]})
    controller.until("Initialized", key)
    controller.image(key, "v2")
    while controller.status(key)["canaryWeight"] != 50:
        controller.tick(key)
        controller.now_s += 65.0

    def change(canary: Obj) -> None:
        canary["spec"]["service"]["hosts"] = ["a.example.com", f"payments.{VICTIM}.svc.cluster.local"]

    controller.edit(CANARIES, key, change)
    for _ in range(20):
        assert controller.tick(key).result in {"ok", "refused"}
        controller.now_s += 65.0
        routes = controller.api.cached(VIRTUAL_SERVICES, *key)
        assert routes is not None
        assert routes["spec"]["hosts"] == ["a.example.com", NAME]
    assert controller.status(key)["phase"] == "Succeeded"
    assert controller.status(key)["conditions"][0]["reason"] == "HostOfAnotherNamespace"
