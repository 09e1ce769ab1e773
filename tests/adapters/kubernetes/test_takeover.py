"""A live Service that a canary takes over keeps all that it offers, and comes back as it was."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from attrs import evolve

from applications.declared import a_canary, a_deployment
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import VIRTUAL_SERVICES
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.originals import LARGEST, NOTE
from canary_adapters.kubernetes.resources import CANARIES, DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary
from canary_core import Traffic
from canary_ports import RefusedError, RouterPort

pytestmark = pytest.mark.slow

SETTINGS = ObjectSettings()
BACKENDS = ("app-primary", "app-canary")
CONTAINER_PORTS = [{"name": "web", "containerPort": 8080}, {"name": "metrics", "containerPort": 9100}]


def _target(**ports: Any) -> Obj:
    found = a_deployment()
    found["spec"]["template"]["spec"]["containers"][0]["ports"] = ports.get("ports", CONTAINER_PORTS)
    return found


def _live(cluster: Cluster, namespace: str, ports: list[Obj], **spec: Any) -> Obj:
    """A Service of people; what is returned is as the API server stores it."""
    cluster.create(DEPLOYMENTS, namespace, _target())
    body = {
        "metadata": {"name": "app", "labels": {"team": "shop"}, "annotations": {"example.com/owner": "people"}},
        "spec": {"selector": {"app": "app"}, "ports": ports, **spec},
    }
    return copy.deepcopy(cluster.create(SERVICES, namespace, body))


def _router(
    cluster: Cluster, namespace: str, kind: type[Any] = ServiceRouter, **spec: Any
) -> tuple[RouterPort, Canary]:
    canary = a_canary(cluster.api, namespace, **{"provider": "kubernetes", **spec})
    router: RouterPort = kind(cluster, canary, SETTINGS)
    return router, canary


def _taken_over(cluster: Cluster, namespace: str, **service: Any) -> RouterPort:
    router, _ = _router(cluster, namespace, service={"port": 80, "targetPort": "web", **service})
    router.ensure(Traffic())
    assert router.read() == Traffic()
    return router


def _get(cluster: Cluster, namespace: str, name: str = "app") -> Obj:
    found = cluster.get(SERVICES, namespace, name)
    assert found is not None, name
    return found


def _ports(cluster: Cluster, namespace: str, name: str = "app") -> list[tuple[Any, ...]]:
    ports = _get(cluster, namespace, name)["spec"]["ports"]
    return [(port.get("name"), port["port"], port["protocol"], port["targetPort"]) for port in ports]


def _as_people_see_it(service: Obj) -> Obj:
    """Field by field, but for what changes with every write."""
    metadata = {
        key: value for key, value in service["metadata"].items() if key not in {"resourceVersion", "managedFields"}
    }
    return {**service, "metadata": metadata}


# -- The family -----------------------------------------------------------------------------------------------------


def test_another_number_is_added_and_the_live_one_stays(cluster: Cluster, namespace: str) -> None:
    _live(cluster, namespace, [{"name": "http", "port": 8080, "targetPort": "web"}])
    _taken_over(cluster, namespace, portName="http-shop", portDiscovery=True)
    expected = [("http", 8080, "TCP", "web"), ("http-shop", 80, "TCP", "web"), ("metrics", 9100, "TCP", 9100)]
    for name in ("app", *BACKENDS):
        assert sorted(_ports(cluster, namespace, name)) == sorted(expected), name


def test_one_port_more_than_declared_stays(cluster: Cluster, namespace: str) -> None:
    live = [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "metrics", "port": 9090, "targetPort": "metrics"},
    ]
    _live(cluster, namespace, live)
    _taken_over(cluster, namespace, targetPort=8080)
    for name in ("app", *BACKENDS):
        assert _ports(cluster, namespace, name) == [("http", 80, "TCP", 8080), ("metrics", 9090, "TCP", "metrics")]


def test_one_port_less_than_discovered_is_added(cluster: Cluster, namespace: str) -> None:
    _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": "web"}])
    _taken_over(cluster, namespace, portDiscovery=True)
    for name in ("app", *BACKENDS):
        assert _ports(cluster, namespace, name) == [("http", 80, "TCP", "web"), ("metrics", 9100, "TCP", 9100)]


def test_a_service_that_is_declared_as_it_will_be_is_no_contradiction(cluster: Cluster, namespace: str) -> None:
    """So that GitOps finds no drift, Git names the label of the primary, also before there is one."""
    _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": "web"}], selector={"app": "app-primary"})
    _taken_over(cluster, namespace)
    assert _get(cluster, namespace)["spec"]["selector"]["app"] == "app-primary"


def test_another_name_for_the_same_port_stays_the_live_one(cluster: Cluster, namespace: str) -> None:
    """An Ingress or a monitor may refer to it."""
    _live(cluster, namespace, [{"name": "web", "port": 80, "targetPort": "web", "appProtocol": "http"}])
    _taken_over(cluster, namespace, portName="http-shop")
    for name in ("app", *BACKENDS):
        assert _ports(cluster, namespace, name) == [("web", 80, "TCP", "web")]
        assert _get(cluster, namespace, name)["spec"]["ports"][0]["appProtocol"] == "http"


def test_a_name_that_is_taken_for_the_same_program_gets_the_number_behind_it(cluster: Cluster, namespace: str) -> None:
    _live(cluster, namespace, [{"name": "http", "port": 8080, "targetPort": "web"}])
    _taken_over(cluster, namespace)
    assert _ports(cluster, namespace) == [("http", 8080, "TCP", "web"), ("http-80", 80, "TCP", "web")]


def test_a_discovered_port_of_a_name_that_is_taken_is_offered_all_the_same(cluster: Cluster, namespace: str) -> None:
    """A public manifest: `http` is one program of three, and the declared port is another."""
    ports = [{"name": "http", "containerPort": 9003}, {"name": "mcp", "containerPort": 8081}]
    target = _target(ports=[*ports, {"name": "http-ui", "containerPort": 9090}])
    cluster.create(DEPLOYMENTS, namespace, target)
    router, _ = _router(cluster, namespace, service={"port": 9090, "portDiscovery": True})
    router.ensure(Traffic())
    expected = [("http", 9090, "TCP", 9090), ("http-9003", 9003, "TCP", 9003), ("mcp", 8081, "TCP", 8081)]
    assert sorted(_ports(cluster, namespace, "app-canary")) == sorted(expected)


def test_three_live_ports_under_their_own_names_stay_as_they_are(cluster: Cluster, namespace: str) -> None:
    """The same with a live Service."""
    ports = [{"name": "http", "containerPort": 9003}, {"name": "mcp", "containerPort": 8081}]
    cluster.create(DEPLOYMENTS, namespace, _target(ports=[*ports, {"name": "http-ui", "containerPort": 9090}]))
    numbers = {"http": 9003, "mcp-server": 8081, "http-ui": 9090}
    live = [{"name": name, "port": number, "targetPort": number} for name, number in numbers.items()]
    cluster.create(
        SERVICES, namespace, {"metadata": {"name": "app"}, "spec": {"selector": {"app": "app"}, "ports": live}}
    )
    router, _ = _router(cluster, namespace, service={"port": 9090, "portDiscovery": True})
    router.ensure(Traffic())
    expected = [(name, number, "TCP", number) for name, number in numbers.items()]
    for name in ("app", *BACKENDS):
        assert sorted(_ports(cluster, namespace, name)) == sorted(expected)


def test_udp_beside_tcp_stays(cluster: Cluster, namespace: str) -> None:
    live = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353},
        {"name": "web-udp", "port": 80, "protocol": "UDP", "targetPort": 8443},
    ]
    _live(cluster, namespace, live)
    _taken_over(cluster, namespace)
    for name in ("app", *BACKENDS):
        assert sorted(_ports(cluster, namespace, name)) == [
            ("dns", 53, "UDP", 5353),
            ("http", 80, "TCP", "web"),
            ("web-udp", 80, "UDP", 8443),
        ]


def test_a_udp_port_is_discovered_as_what_it_is(cluster: Cluster, namespace: str) -> None:
    ports = [{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "dns-tcp", "containerPort": 53}]
    cluster.create(DEPLOYMENTS, namespace, _target(ports=[*CONTAINER_PORTS[:1], *ports]))
    _taken_over(cluster, namespace, portDiscovery=True)
    assert sorted(_ports(cluster, namespace)) == [
        ("dns", 53, "UDP", 53),
        ("dns-tcp", 53, "TCP", 53),
        ("http", 80, "TCP", "web"),
    ]


def test_a_node_port_stays_and_the_added_port_gets_one(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"name": "http", "port": 8080, "targetPort": "web"}], type="NodePort")
    router = _taken_over(cluster, namespace)
    found = _get(cluster, namespace)["spec"]
    assert found["type"] == "NodePort"
    assert found["ports"][0] == live["spec"]["ports"][0]
    assert found["ports"][1]["nodePort"] not in {None, live["spec"]["ports"][0]["nodePort"]}
    for name in BACKENDS:
        backend = _get(cluster, namespace, name)["spec"]
        assert (backend["type"], [port.get("nodePort") for port in backend["ports"]]) == ("ClusterIP", [None, None])
    router.ensure(Traffic())
    assert _get(cluster, namespace)["spec"] == found
    router.release()
    assert _get(cluster, namespace)["spec"] == live["spec"]


def test_all_else_of_a_live_service_stays(cluster: Cluster, namespace: str) -> None:
    fields = {
        "type": "LoadBalancer",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "externalTrafficPolicy": "Local",
        "internalTrafficPolicy": "Local",
        "loadBalancerClass": "example.com/inside",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "externalIPs": ["192.0.2.7"],
        "publishNotReadyAddresses": True,
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    }
    live = _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": "web"}], **fields)
    _taken_over(cluster, namespace, portDiscovery=True)
    found = _get(cluster, namespace)
    changed = {"selector", "ports"}
    assert {k: v for k, v in found["spec"].items() if k not in changed} == {
        k: v for k, v in live["spec"].items() if k not in changed
    }
    assert found["spec"]["ports"][0] == live["spec"]["ports"][0]
    assert found["metadata"]["labels"] == live["metadata"]["labels"]
    assert found["metadata"]["annotations"].items() >= live["metadata"]["annotations"].items()
    assert "ownerReferences" not in found["metadata"]


def test_a_headless_service_stays_headless(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"name": "http", "port": 8080, "targetPort": "web"}], clusterIP="None")
    router = _taken_over(cluster, namespace)
    assert _get(cluster, namespace)["spec"]["clusterIP"] == "None"
    assert _ports(cluster, namespace) == [("http", 8080, "TCP", "web"), ("http-80", 80, "TCP", "web")]
    router.release()
    assert _get(cluster, namespace)["spec"] == live["spec"]


def test_a_port_without_a_name_gets_one_of_no_protocol_and_only_if_it_must(cluster: Cluster, namespace: str) -> None:
    """A mesh that looks for itself what is spoken there goes on doing so."""
    live = _live(cluster, namespace, [{"port": 8080, "targetPort": "web"}])
    router = _taken_over(cluster, namespace)
    for name in ("app", *BACKENDS):
        assert sorted(_ports(cluster, namespace, name)) == [
            ("http", 80, "TCP", "web"),
            ("port-8080", 8080, "TCP", "web"),
        ]
    router.release()
    assert _get(cluster, namespace)["spec"] == live["spec"]


def test_a_single_port_without_a_name_stays_without_one(cluster: Cluster, namespace: str) -> None:
    """It would have no endpoints for a moment under a new one."""
    _live(cluster, namespace, [{"port": 80, "targetPort": "web"}])
    _taken_over(cluster, namespace)
    assert _ports(cluster, namespace) == [(None, 80, "TCP", "web")]
    assert _ports(cluster, namespace, "app-primary") == [("http", 80, "TCP", "web")]


def test_the_declared_port_without_a_name_gets_the_declared_one(cluster: Cluster, namespace: str) -> None:
    _live(cluster, namespace, [{"port": 80, "targetPort": "web"}])
    _taken_over(cluster, namespace, portDiscovery=True)
    assert _ports(cluster, namespace) == [("http", 80, "TCP", "web"), ("metrics", 9100, "TCP", 9100)]


def test_what_the_declared_port_speaks_is_said_and_given_back(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"name": "tcp-x", "port": 80, "targetPort": "web"}])
    router = _taken_over(cluster, namespace, appProtocol="http")
    assert _get(cluster, namespace)["spec"]["ports"] == [{**live["spec"]["ports"][0], "appProtocol": "http"}]
    router.release()
    assert _get(cluster, namespace)["spec"] == live["spec"]


# -- What cannot be ------------------------------------------------------------------------------------------------

HTTP = {"name": "http", "port": 80, "targetPort": "web"}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = {
    "the number of another program": (
        {"ports": [HTTP]},
        {"port": 80, "targetPort": "metrics"},
        "ServicePortMismatch",
        ("spec.service.targetPort metrics", "port 80 (http), which leads to web", "declare targetPort: web"),
    ),
    "the name of another program": (
        {"ports": [{"name": "http", "port": 9100, "targetPort": 9100}]},
        {"port": 80, "targetPort": "web"},
        "ServicePortMismatch",
        ("port 9100 (http), which leads to 9100", "port 80 (http), which leads to web", "another portName"),
    ),
    "another word for what is spoken": (
        {"ports": [{**HTTP, "appProtocol": "tcp"}]},
        {"port": 80, "targetPort": "web", "appProtocol": "http"},
        "ServicePortMismatch",
        ("spec.service.appProtocol http", "says tcp for port 80 (http)"),
    ),
    "an external name": (
        {"type": "ExternalName", "externalName": "shop.example.com"},
        {"port": 80, "targetPort": "web"},
        "ServiceElsewhere",
        ("another name of shop.example.com", "spec.service.name"),
    ),
    "no selector": (
        {"ports": [HTTP], "selector": None},
        {"port": 80, "targetPort": "web"},
        "ServiceElsewhere",
        ("has no selector",),
    ),
    "the pods of somebody else": (
        {"ports": [HTTP], "selector": {"app": "app", "slot": "green"}},
        {"port": 80, "targetPort": "web"},
        "ServiceElsewhere",
        ("selects app=app,slot=green", "deployment app"),
    ),
    "a name that no container has": (
        {"ports": [HTTP]},
        {"port": 8080, "targetPort": "nobody"},
        "ServicePortMismatch",
        ("spec.service.targetPort nobody", "known: metrics, web"),
    ),
}


@pytest.mark.parametrize("kind", [ServiceRouter, IstioRouter])
@pytest.mark.parametrize("what", REFUSED)
def test_a_contradiction_is_refused_before_anything_is_written(
    cluster: Cluster, namespace: str, kind: type[Any], what: str
) -> None:
    spec, service, reason, parts = REFUSED[what]
    live = _live(cluster, namespace, spec.get("ports", []), **{k: v for k, v in spec.items() if k != "ports"})
    router, _ = _router(cluster, namespace, kind, service=service)
    with pytest.raises(RefusedError) as caught:
        router.ensure(Traffic())
    assert caught.value.reason == reason
    assert [part for part in parts if part not in caught.value.message] == []
    assert router.read() is None
    assert _get(cluster, namespace) == live
    assert [cluster.get(SERVICES, namespace, name) for name in BACKENDS] == [None, None]
    assert cluster.get(VIRTUAL_SERVICES, namespace, "app") is None


def test_what_an_earlier_canary_took_over_is_peoples_when_another_one_comes(cluster: Cluster, namespace: str) -> None:
    """It was deleted without revert: the note says what is people's, and that counts for the next one as well."""
    live = _live(cluster, namespace, [HTTP])
    _taken_over(cluster, namespace, portDiscovery=True)
    old = cluster.api.read(CANARIES, namespace, "app")
    assert old is not None
    cluster.api.delete(CANARIES, old)
    for name in BACKENDS:
        while (backend := cluster.read(SERVICES, namespace, name)) is not None:
            cluster.delete(SERVICES, backend)
    router, _ = _router(cluster, namespace, service={"port": 80, "targetPort": "metrics"})
    with pytest.raises(RefusedError, match="declare targetPort: web"):
        router.ensure(Traffic())
    router, _ = _router(cluster, namespace, service={"port": 9100, "targetPort": 8080})
    router.ensure(Traffic())
    assert sorted(_ports(cluster, namespace)) == [("http", 80, "TCP", "web"), ("http-9100", 9100, "TCP", 8080)]
    router.release()
    assert _as_people_see_it(_get(cluster, namespace)) == _as_people_see_it(live)


def test_a_number_and_a_name_for_one_port_are_no_contradiction(cluster: Cluster, namespace: str) -> None:
    _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": 8080}])
    _taken_over(cluster, namespace)
    assert _ports(cluster, namespace) == [("http", 80, "TCP", 8080)]


def test_a_port_that_led_to_nobody_may_lead_somewhere(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": "nobody"}])
    router = _taken_over(cluster, namespace)
    assert _ports(cluster, namespace) == [("http", 80, "TCP", "web")]
    router.release()
    assert _get(cluster, namespace)["spec"] == live["spec"]


def test_a_note_for_which_there_is_no_room_is_refused(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [HTTP])
    full = {"metadata": {"annotations": {"example.com/book": "x" * (LARGEST - 60)}}}
    live = copy.deepcopy(cluster.patch(SERVICES, live, full))
    router, _ = _router(cluster, namespace, service={"port": 80, "targetPort": "web"})
    with pytest.raises(RefusedError) as caught:
        router.ensure(Traffic())
    assert (caught.value.reason, str(LARGEST) in caught.value.message) == ("OriginalTooLarge", True)
    assert _get(cluster, namespace) == live


def test_a_virtual_service_without_room_for_a_note_is_refused_before_anything_is_written(
    cluster: Cluster, namespace: str
) -> None:
    live = _live(cluster, namespace, [HTTP])
    http = [{"route": [{"destination": {"host": "app"}}], "name": "x" * LARGEST}]
    routes = {"metadata": {"name": "app"}, "spec": {"hosts": ["app"], "http": http}}
    cluster.create(VIRTUAL_SERVICES, namespace, routes)
    router, _ = _router(cluster, namespace, IstioRouter, service={"port": 80, "targetPort": "web"})
    with pytest.raises(RefusedError, match="virtualservice app") as caught:
        router.ensure(Traffic())
    assert caught.value.reason == "OriginalTooLarge"
    assert _get(cluster, namespace) == live
    assert cluster.get(SERVICES, namespace, "app-primary") is None


@pytest.mark.parametrize(
    ("port", "refused"),
    [
        ({"name": "tcp-shop"}, True),
        ({"name": "mongo"}, True),
        ({"name": "web", "appProtocol": "TCP"}, True),
        ({"name": "tcp-shop", "appProtocol": "http"}, False),
        ({"name": "grpc-shop"}, False),
        ({"name": "shop"}, False),
        ({}, False),
    ],
)
def test_a_port_at_which_istio_splits_no_requests_is_refused(
    cluster: Cluster, namespace: str, port: Obj, refused: bool
) -> None:
    live = _live(cluster, namespace, [{**port, "port": 80, "targetPort": "web"}])
    router, _ = _router(cluster, namespace, IstioRouter, service={"port": 80, "targetPort": "web"})
    if not refused:
        router.ensure(Traffic())
        assert router.read() == Traffic()
        return
    with pytest.raises(RefusedError, match="declare appProtocol: http"):
        router.ensure(Traffic())
    assert _get(cluster, namespace) == live
    router, _ = _router(
        cluster, namespace, IstioRouter, service={"port": 80, "targetPort": "web", "appProtocol": "tcp"}
    )
    router.ensure(Traffic())
    assert router.read() == Traffic()


# -- And back -------------------------------------------------------------------------------------------------------


def _routes_of_people(cluster: Cluster, namespace: str) -> Obj:
    spec = {
        "hosts": ["shop.example.com", "app"],
        "gateways": ["istio-system/public"],
        "http": [{"retries": {"attempts": 2}, "route": [{"destination": {"host": "app"}}]}],
        "exportTo": ["."],
    }
    metadata = {
        "name": "app",
        "labels": {"team": "shop"},
        "annotations": {"helm.toolkit.fluxcd.io/driftDetection": "enabled"},
    }
    return copy.deepcopy(cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": metadata, "spec": spec}))


APEX = {"labels": {"team": "canaries", "tier": "gold"}, "annotations": {"note": "ours"}}


def test_service_and_routes_come_back_field_by_field(cluster: Cluster, namespace: str) -> None:
    """Whatever happened between: weights, a change of the declared port, a restart in the middle of giving back."""
    live = _live(cluster, namespace, [{"port": 8080, "targetPort": "web"}], type="NodePort")
    routes = _routes_of_people(cluster, namespace)
    service = {"portDiscovery": True, "portName": "http-shop", "targetPort": "web", "apex": APEX}
    for port, weight in ((80, 0), (80, 30), (81, 60)):
        router, _ = _router(cluster, namespace, IstioRouter, service={**service, "port": port})
        router.ensure(Traffic(canary_weight=weight))
        assert router.read() == Traffic(canary_weight=weight)
    numbers = [port["port"] for port in _get(cluster, namespace)["spec"]["ports"]]
    assert sorted(numbers) == [81, 8080, 9100]
    _, canary = _router(cluster, namespace, service={**service, "port": 81})
    going = evolve(canary, metadata=evolve(canary.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    router = IstioRouter(cluster, going, SETTINGS)
    assert router.read() is not None
    for _ in range(2):
        router.release()
        assert router.read() is None
        assert _as_people_see_it(_get(cluster, namespace)) == _as_people_see_it(live)
        found = cluster.get(VIRTUAL_SERVICES, namespace, "app")
        assert found is not None
        change = {"generation": routes["metadata"]["generation"]}
        found = {**found, "metadata": {**found["metadata"], **change}}
        assert _as_people_see_it(found) == _as_people_see_it(routes)


def test_what_kubectl_noted_long_ago_is_not_taken_for_how_it_was(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"name": "http", "port": 80, "targetPort": "web"}])
    applied = {"spec": {"selector": {"app": "old"}, "ports": [{"port": 1}]}}
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    live = copy.deepcopy(cluster.patch(SERVICES, live, {"metadata": {"annotations": note}}))
    router = _taken_over(cluster, namespace)
    router.release()
    assert _as_people_see_it(_get(cluster, namespace)) == _as_people_see_it(live)


def test_what_others_make_of_it_meanwhile_stays(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [{"port": 8080, "targetPort": "web"}])
    router = _taken_over(cluster, namespace)
    now = _get(cluster, namespace)
    ports = [*now["spec"]["ports"], {"name": "admin", "port": 9000, "targetPort": 9000}]
    change = {"metadata": {"labels": {"new": "yes"}}, "spec": {"ports": ports, "sessionAffinity": "ClientIP"}}
    cluster.patch(SERVICES, now, change)
    assert router.read() is None  # the backends lack the new port
    router.ensure(Traffic())
    assert sorted(port[1] for port in _ports(cluster, namespace, "app-primary")) == [80, 8080, 9000]
    router.release()
    found = _get(cluster, namespace)
    assert found["metadata"]["labels"] == {"team": "shop", "new": "yes"}
    assert found["spec"]["sessionAffinity"] == "ClientIP"
    assert _ports(cluster, namespace) == [("port-8080", 8080, "TCP", "web"), ("admin", 9000, "TCP", 9000)]
    assert found["metadata"]["annotations"] == live["metadata"]["annotations"]


def test_a_selector_that_people_apply_meanwhile_is_put_right_and_given_back(cluster: Cluster, namespace: str) -> None:
    target = _target()
    target["spec"]["template"]["metadata"]["labels"]["tier"] = "web"
    cluster.create(DEPLOYMENTS, namespace, target)
    body = {"metadata": {"name": "app"}, "spec": {"selector": {"app": "app"}, "ports": [HTTP]}}
    cluster.create(SERVICES, namespace, body)
    router = _taken_over(cluster, namespace)
    for selector in ({"app": "app", "tier": "web"}, {"app": "nobody", "tier": None}):
        cluster.patch(SERVICES, _get(cluster, namespace), {"spec": {"selector": selector}})
        assert router.read() != Traffic()
        router.ensure(Traffic())
        assert _get(cluster, namespace)["spec"]["selector"]["app"] == "app-primary"
    router.release()
    assert _get(cluster, namespace)["spec"]["selector"] == {"app": "app", "tier": "web"}


def test_a_service_that_flagger_took_over_without_a_note_is_given_back_to_the_target(
    cluster: Cluster, namespace: str
) -> None:
    """It replaced the ports, and only kubectl may know the selector."""
    live = _live(cluster, namespace, [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}])
    flux = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}
    change = {"metadata": {"annotations": flux}, "spec": {"selector": {"app": "app-primary"}}}
    taken = copy.deepcopy(cluster.patch(SERVICES, live, change))
    router = _taken_over(cluster, namespace)
    assert _get(cluster, namespace) == taken
    _taken_over(cluster, namespace, port=81)
    router.release()
    found = _get(cluster, namespace)
    assert (found["spec"]["selector"], found["metadata"]["annotations"]) == (
        {"app": "app"},
        live["metadata"]["annotations"],
    )


def test_kubectl_is_asked_for_a_selector_that_no_note_knows(cluster: Cluster, namespace: str) -> None:
    """Of a Service that Flagger took over, and that was changed once more since, with a note."""
    target = _target()
    target["spec"]["template"]["metadata"]["labels"]["team"] = "shop"
    flux = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}
    people = {"app": "app", "team": "shop"}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": {"selector": people}})}
    cluster.create(DEPLOYMENTS, namespace, target)
    metadata = {"name": "app", "annotations": {**flux, **applied}}
    taken = {"metadata": metadata, "spec": {"selector": {"app": "app-primary"}, "ports": [HTTP]}}
    cluster.create(SERVICES, namespace, taken)
    router = _taken_over(cluster, namespace, port=81)
    assert NOTE in _get(cluster, namespace)["metadata"]["annotations"]
    router.release()
    assert _get(cluster, namespace)["spec"]["selector"] == people


def test_a_service_that_nobody_had_to_change_is_led_to_the_target_all_the_same(
    cluster: Cluster, namespace: str
) -> None:
    """As delivered from Git with the selector of the primary, which goes with the canary."""
    cluster.create(DEPLOYMENTS, namespace, _target())
    port = {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}
    body = {"metadata": {"name": "app"}, "spec": {"selector": {"app": "app-primary"}, "ports": [port]}}
    live = copy.deepcopy(cluster.create(SERVICES, namespace, body))
    primary = a_deployment(name="app-primary")
    cluster.create(DEPLOYMENTS, namespace, primary)
    router = _taken_over(cluster, namespace)
    assert _get(cluster, namespace) == live
    router.release()
    assert _get(cluster, namespace)["spec"]["selector"] == {"app": "app"}


@pytest.mark.parametrize("applied", ["[" * 100_000, "[]", '{"spec": 1}', '{"spec": {"selector": ["app"]}}'])
def test_a_note_of_kubectl_that_somebody_has_spoilt_tells_nothing(
    cluster: Cluster, namespace: str, applied: str
) -> None:
    cluster.create(DEPLOYMENTS, namespace, _target())
    cluster.create(DEPLOYMENTS, namespace, a_deployment(name="app-primary"))
    metadata = {"name": "app", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}
    port = {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}
    spec = {"selector": {"app": "app-primary"}, "ports": [port]}
    cluster.create(SERVICES, namespace, {"metadata": metadata, "spec": spec})
    router = _taken_over(cluster, namespace)
    router.release()
    assert _get(cluster, namespace)["spec"]["selector"] == {"app": "app"}


def test_a_service_that_was_not_taken_over_yet_is_left_alone(cluster: Cluster, namespace: str) -> None:
    live = _live(cluster, namespace, [HTTP])
    router, _ = _router(cluster, namespace)
    router.release()
    assert _get(cluster, namespace) == live


SPOILT = [
    "",
    "[",
    "[1]",
    "[" * 100_000,
    '{"selector": 1, "written": [], "ports": [], "added": [2], "annotations": "x"}',
    '{"added": 1, "ports": {"8080/TCP": {"name": 5, "nodePort": 1, "targetPort": "web"}, "80/TCP": 7}}',
]


@pytest.mark.parametrize("text", SPOILT, ids=range(len(SPOILT)))
def test_a_note_that_somebody_has_spoilt_harms_nobody(cluster: Cluster, namespace: str, text: str) -> None:
    _live(cluster, namespace, [{"name": "http", "port": 8080, "targetPort": "web"}])
    router = _taken_over(cluster, namespace)
    cluster.patch(SERVICES, _get(cluster, namespace), {"metadata": {"annotations": {NOTE: text}}})
    router.ensure(Traffic())
    assert router.read() == Traffic()
    router.release()
    assert _get(cluster, namespace)["spec"]["selector"] == {"app": "app"}
    assert 8080 in [port["port"] for port in _get(cluster, namespace)["spec"]["ports"]]
