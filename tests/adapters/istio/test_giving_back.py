"""Routes of a canary that is being deleted: given back whole, whatever came in between, and with what others added."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from applications.declared import a_canary, a_deployment
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.services import ServiceRouter, Services
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_core import Traffic

SETTINGS = ObjectSettings()
SPLIT = Traffic(canary_weight=20)


def _going(canary: Canary) -> Canary:
    return evolve(canary, metadata=evolve(canary.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))


def _route(host: str, **more: Any) -> Obj:
    return {"route": [{"destination": {"host": host}}], **more}


@pytest.fixture
def canary(cluster: Cluster, namespace: str) -> Canary:
    """Whose Service and VirtualService people had made, in which it splits traffic by now."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    service = {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": 80}]}
    cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": service})
    http = [_route("elsewhere", name="admin"), _route("app", timeout="9s")]
    spec = {"hosts": ["app", "app.example.com"], "http": http}
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    found = a_canary(cluster.api, namespace)
    IstioRouter(cluster, found, SETTINGS).ensure(SPLIT)
    return _going(found)


def _http(cluster: Cluster, namespace: str) -> list[Obj]:
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    found: list[Obj] = live["spec"]["http"]
    return found


def test_routes_that_are_left_are_ours_although_the_service_is_given_back(
    cluster: Cluster, namespace: str, canary: Canary
) -> None:
    """A process that died between the two writes must not leave a split behind whose backends are about to go."""
    router = IstioRouter(cluster, canary, SETTINGS)
    Services(cluster, canary, SETTINGS).release()
    assert router.read() is not None
    router.release()
    assert router.read() is None
    assert _http(cluster, namespace) == [_route("elsewhere", name="admin"), _route("app", timeout="9s")]


def test_a_service_that_is_left_is_ours_although_the_routes_are_given_back(
    cluster: Cluster, namespace: str, canary: Canary
) -> None:
    router = IstioRouter(cluster, canary, SETTINGS)
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    cluster.delete(VIRTUAL_SERVICES, live)
    assert router.read() is not None
    router.release()
    assert router.read() is None
    service = cluster.get(SERVICES, namespace, "app")
    assert service is not None
    assert service["spec"]["selector"] == {"app": "app"}


@pytest.mark.parametrize("kind", [IstioRouter, ServiceRouter])
def test_a_service_of_ours_is_gone_before_the_canary_is(cluster: Cluster, namespace: str, kind: type[Any]) -> None:
    """Otherwise the garbage collector would take it for ours that people make when they see the Canary gone."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    found = a_canary(cluster.api, namespace)
    kind(cluster, found, SETTINGS).ensure(Traffic())
    kind(cluster, _going(found), SETTINGS).release()
    assert cluster.get(SERVICES, namespace, "app") is None


@pytest.mark.parametrize("kind", [IstioRouter, ServiceRouter])
def test_a_service_of_ours_that_is_spared_leads_to_the_target(
    cluster: Cluster, namespace: str, kind: type[Any]
) -> None:
    """With ``kubectl delete --cascade=orphan``."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    found = a_canary(cluster.api, namespace)
    kind(cluster, found, SETTINGS).ensure(Traffic())
    going = _going(found)
    spared = evolve(going, metadata=evolve(going.metadata, finalizers=("orphan",)))
    kind(cluster, spared, SETTINGS).release()
    service = cluster.get(SERVICES, namespace, "app")
    assert service is not None
    assert service["spec"]["selector"] == {"app": "app"}


def test_routes_that_are_damaged_are_given_back_all_the_same(cluster: Cluster, namespace: str, canary: Canary) -> None:
    live = cluster.get(DESTINATION_RULES, namespace, "app-canary")
    assert live is not None
    cluster.patch(DESTINATION_RULES, live, {"spec": {"subsets": [{"name": "x"}]}})
    router = IstioRouter(cluster, canary, SETTINGS)
    assert router.read() is not None
    router.release()
    assert router.read() is None


def test_routes_that_others_have_added_since_stay(cluster: Cluster, namespace: str, canary: Canary) -> None:
    """What is given back is our part, not the whole object as it was long ago (flagger#274)."""
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    http = [_route("new", name="first"), *live["spec"]["http"], _route("new", name="last")]
    cluster.patch(VIRTUAL_SERVICES, live, {"spec": {"http": http, "exportTo": ["."]}})
    router = IstioRouter(cluster, canary, SETTINGS)
    assert router.read() == SPLIT
    router.release()
    after = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert after is not None
    names = ("new", "elsewhere", "app", "new")
    assert [each["route"][0]["destination"]["host"] for each in after["spec"]["http"]] == list(names)
    assert after["spec"]["http"][2] == _route("app", timeout="9s")
    assert after["spec"]["hosts"] == ["app", "app.example.com"]
    assert after["spec"]["exportTo"] == ["."]
    assert "annotations" not in after["metadata"] or not after["metadata"]["annotations"]


def test_a_service_alone_is_ours_until_it_is_given_back(cluster: Cluster, namespace: str) -> None:
    """Without a mesh, too, in whatever order the others are."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    found = a_canary(cluster.api, namespace, provider="kubernetes")
    ServiceRouter(cluster, found, SETTINGS).ensure(Traffic())
    live = cluster.get(SERVICES, namespace, "app-canary")
    assert live is not None
    cluster.delete(SERVICES, live)
    router = ServiceRouter(cluster, _going(found), SETTINGS)
    assert router.read() is not None
    router.release()
    assert router.read() is None
