"""Hosts and gateways that a canary may have, and those that it may not: refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from applications.declared import a_canary, a_deployment, a_namespace
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.istio.virtual_service import ORIGINAL
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_core import Traffic
from canary_ports import RefusedError

pytestmark = pytest.mark.slow

STRICT = ObjectSettings(gateways=("istio-ingress/public", "shared/*"))
SPLIT = Traffic(canary_weight=10)


@pytest.fixture
def other(cluster: Cluster) -> str:
    """Another namespace, in which there are the Services ``app`` and, without an address, ``peers``."""
    name = a_namespace(cluster.api)
    for service, more in (("app", {}), ("peers", {"clusterIP": "None"})):
        spec = {"selector": {"app": "x"}, "ports": [{"port": 80}], **more}
        cluster.create(SERVICES, name, {"metadata": {"name": service}, "spec": spec})
    return name


def _given_back(cluster: Cluster, namespace: str, note: str) -> Obj:
    """A VirtualService of people with a note of how it was, taken over and given back."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    plain: Obj = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}]}]}
    cluster.create(
        VIRTUAL_SERVICES, namespace, {"metadata": {"name": "app", "annotations": {ORIGINAL: note}}, "spec": plain}
    )
    router = _router(cluster, namespace, STRICT)
    router.ensure(SPLIT)
    router.release()
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    return live


def _router(cluster: Cluster, namespace: str, settings: ObjectSettings | None = None, **service: Any) -> IstioRouter:
    canary = a_canary(cluster.api, namespace, service={"port": 80, **service})
    return IstioRouter(cluster, canary, settings or ObjectSettings())


def _written(cluster: Cluster, namespace: str) -> list[Obj]:
    return [
        obj for resource in (SERVICES, DESTINATION_RULES, VIRTUAL_SERVICES) for obj in cluster.list(resource, namespace)
    ]


def _hosts(cluster: Cluster, namespace: str) -> list[str]:
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    found: list[str] = live["spec"]["hosts"]
    return found


FOREIGN = (
    "app.OTHER",
    "App.Other.",
    "app.OTHER.svc",
    "app.OTHER.svc.cluster.local",
    "app.OTHER.svc.k8s.example.com",
    "absent.OTHER.svc.cluster.local",
    "0.peers.OTHER",
    "*.OTHER.svc.cluster.local",
    "*",
    "*.svc.cluster.local",
    "*.local",
    "10.96.0.20",
)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_host_of_another_namespace_is_refused_before_anything_is_written(
    cluster: Cluster, namespace: str, other: str, host: str
) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    host = host.replace("OTHER", other).replace("Other", other.capitalize())
    router = _router(cluster, namespace, hosts=["app.example.com", host])
    with pytest.raises(RefusedError, match=r"spec\.service\.hosts\[1\] ") as caught:
        router.ensure(Traffic())
    assert caught.value.reason == "HostOfAnotherNamespace"
    assert _written(cluster, namespace) == []
    allowed = ObjectSettings(cross_namespace_hosts=True)
    assert _router(cluster, namespace, allowed, hosts=[host]).objection() is None


@pytest.mark.parametrize(
    ("host", "gateways"),
    [
        ("app.OTHER.example.com", ["mesh"]),
        ("app.io", ["mesh"]),
        ("nobody.OTHER", ["mesh"]),
        ("www.app.OTHER", ["mesh"]),  # a Service with an address gives its Pods no names
        ("*.example.com", ["mesh"]),
        ("app", ["mesh"]),
        ("app.HERE", ["mesh"]),
        ("APP.HERE.svc.cluster.local", ["mesh", "gw"]),
        ("*.HERE.svc.cluster.local", ["mesh"]),
        ("*", ["gw"]),
        ("*.local", ["gw"]),
        ("203.0.113.7", ["istio-ingress/public"]),
    ],
)
def test_harmless_hosts_are_taken(cluster: Cluster, namespace: str, other: str, host: str, gateways: list[str]) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    host = host.replace("OTHER", other).replace("HERE", namespace)
    router = _router(cluster, namespace, hosts=[host], gateways=gateways)
    router.ensure(SPLIT)
    assert router.read() == SPLIT
    assert _hosts(cluster, namespace)[0] == host


def test_a_name_with_dots_is_a_host_too(cluster: Cluster, namespace: str, other: str) -> None:
    """Of a canary of Services no Service of this name is made that the API server would refuse."""
    raw = {"port": 80, "name": f"app.{other}"}
    canary = a_canary(cluster.api, namespace, kind="Service", service=raw)
    with pytest.raises(RefusedError, match=r"spec\.service\.name ") as caught:
        IstioRouter(cluster, canary, ObjectSettings()).ensure(Traffic())
    assert caught.value.reason == "HostOfAnotherNamespace"
    assert _written(cluster, namespace) == []


@pytest.mark.parametrize(
    ("gateway", "allowed"),
    [
        ("mesh", True),
        ("gw", True),
        ("./gw", True),
        ("HERE/gw", True),
        ("gw.HERE.svc.cluster.local", True),
        ("istio-ingress/public", True),
        ("public.istio-ingress.svc.cluster.local", True),
        ("shared/anything", True),
        ("istio-ingress/private", False),
        ("OTHER/gw", False),
        ("gw.OTHER", False),
        ("OTHER/mesh", False),
    ],
)
def test_gateways_are_those_of_the_namespace_or_of_the_list(
    cluster: Cluster, namespace: str, other: str, gateway: str, allowed: bool
) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    gateway = gateway.replace("OTHER", other).replace("HERE", namespace)
    router = _router(cluster, namespace, STRICT, gateways=["mesh", gateway])
    if allowed:
        router.ensure(SPLIT)
        assert router.read() == SPLIT
        return
    with pytest.raises(RefusedError, match=r"gateways\[1\] .* \(istio-ingress/public, shared/\*\)") as caught:
        router.ensure(Traffic())
    assert caught.value.reason == "GatewayNotAllowed"
    assert _written(cluster, namespace) == []
    _router(cluster, namespace, gateways=["mesh", gateway]).ensure(SPLIT)  # without the flag


def test_routes_that_others_delegate_to_have_neither(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    router = _router(cluster, namespace, STRICT, delegation=True)
    router.ensure(SPLIT)
    assert router.read() == SPLIT


# -- On the way -----------------------------------------------------------------------------------------------------


def test_what_is_not_allowed_any_more_stays_as_it_is_while_the_split_goes_on(
    cluster: Cluster, namespace: str, other: str
) -> None:
    """Nobody's requests are left with a canary that nobody judges, and nothing that is not allowed is written."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    _router(cluster, namespace, hosts=["app.example.com"], gateways=["mesh"]).ensure(SPLIT)
    changed = _router(
        cluster, namespace, STRICT, hosts=[f"app.{other}.svc", "x.example.com"], gateways=[f"{other}/gw", "mesh"]
    )
    assert changed.objection() is not None
    assert changed.read() == SPLIT
    changed.ensure(Traffic())
    assert changed.read() == Traffic()
    live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
    assert live is not None
    assert (live["spec"]["hosts"], live["spec"]["gateways"]) == (["app.example.com", "app"], ["mesh"])


def test_a_host_that_becomes_the_name_of_a_service_is_taken_out(cluster: Cluster, namespace: str, other: str) -> None:
    """Who has claimed a name before there was such a Service does not keep it."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    router = _router(cluster, namespace, hosts=[f"payments.{other}", "app.example.com"])
    router.ensure(SPLIT)
    router.give_way()
    assert _hosts(cluster, namespace) == [f"payments.{other}", "app.example.com", "app"]
    spec = {"selector": {"app": "x"}, "ports": [{"port": 80}]}
    cluster.create(SERVICES, other, {"metadata": {"name": "payments"}, "spec": spec})
    assert router.read() is None
    acts: list[Callable[[], None]] = [partial(router.ensure, SPLIT), router.give_way]
    for act in acts:
        live = cluster.get(VIRTUAL_SERVICES, namespace, "app")
        assert live is not None
        claimed = [f"payments.{other}", "app.example.com", "app"]
        cluster.replace(VIRTUAL_SERVICES, {**live, "spec": {**live["spec"], "hosts": claimed}})
        act()
        assert _hosts(cluster, namespace) == ["app.example.com", "app"]
    assert router.read() == SPLIT
    objection = router.objection()
    assert objection is not None
    assert f"payments.{other}" in objection.message


# -- Giving back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head", [{"hosts": ["app.OTHER.svc.cluster.local"]}, {"hosts": ["app"], "gateways": ["OTHER/gw"]}]
)
def test_what_is_given_back_is_not_what_a_canary_may_not_have(
    cluster: Cluster, namespace: str, other: str, head: Obj
) -> None:
    """The note of how it was is an annotation, which people can write, in the Canary itself too."""
    text = str(head).replace("OTHER", other).replace("'", '"')
    live = _given_back(cluster, namespace, text)
    assert (live["spec"]["hosts"], live["spec"]["gateways"]) == (["app"], ["mesh"])
    assert live["spec"]["http"][0]["route"] == [{"destination": {"host": "app"}}]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"http": 5}',
        '{"http": ["x"]}',
        '{"http": [{"route": 1}]}',
        '{"http": [{"route": [1]}]}',
        '{"http": [{"route": [{"destination": "app"}]}]}',
        '{"hosts": "app"}',
    ],
)
def test_a_note_of_how_it_was_that_somebody_has_spoilt_tells_nothing(
    cluster: Cluster, namespace: str, text: str
) -> None:
    live = _given_back(cluster, namespace, text)
    assert (live["spec"]["hosts"], live["spec"]["http"][0]["route"]) == (["app"], [{"destination": {"host": "app"}}])


# -- Others that come before ----------------------------------------------------------------------------------------


def test_an_older_one_for_the_same_host_is_said_before_anything_is_written(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    spec: Obj = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    older = cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "theirs"}, "spec": spec})
    router = _router(cluster, namespace)
    with pytest.raises(RefusedError, match=f"theirs.{namespace} comes before app for host app in the mesh") as caught:
        router.ensure(Traffic())
    assert caught.value.reason == "VirtualServiceShadowed"
    assert _written(cluster, namespace) == [older]
    cluster.delete(VIRTUAL_SERVICES, older)
    router.ensure(SPLIT)
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "younger"}, "spec": spec})
    assert router.objection() is None


def test_an_older_one_on_the_way_does_not_stop_the_split(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    router = _router(cluster, namespace)
    router.ensure(SPLIT)
    spec: Obj = {"hosts": ["app"], "exportTo": ["."], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "theirs"}, "spec": spec})
    objection = router.objection()
    assert objection is not None
    assert objection.reason == "VirtualServiceShadowed"
    router.ensure(Traffic())
    assert router.read() == Traffic()
