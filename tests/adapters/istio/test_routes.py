"""Routes for every strategy and option, written out by hand, and the laws that they keep."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from applications.declared import a_canary, a_deployment, canary_of, raw_canary
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.precedence import takes_all
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.istio.virtual_service import ORIGINAL, read_traffic, wanted_virtual_service
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_core import Audience, Cookies, Traffic
from canary_ports import RefusedError

EVERY_OPTION = {
    "port": 80,
    "gateways": ["istio-system/public", "mesh"],
    "hosts": ["app.example.com"],
    "match": [{"uri": {"prefix": "/api"}}],
    "rewrite": {"uri": "/"},
    "timeout": "5s",
    "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"},
    "headers": {"request": {"add": {"x-some": "header"}}},
    "corsPolicy": {"allowOrigins": [{"exact": "https://example.com"}], "allowMethods": ["GET"]},
}
CASES: dict[str, tuple[dict[str, Any], Traffic, str]] = {
    "weighted": (
        {},
        Traffic(canary_weight=10),
        "- route: [{destination: {host: app-primary}, weight: 90}, {destination: {host: app-canary}, weight: 10}]",
    ),
    "mirrored": (
        {"analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10, "mirror": True, "mirrorWeight": 20}},
        Traffic(mirrored=True),
        """
- route:
  - {destination: {host: app-primary}, weight: 100}
  - {destination: {host: app-canary}, weight: 0}
  mirror: {host: app-canary}
  mirrorPercentage: {value: 20}
""",
    ),
    "every option": (
        {"service": EVERY_OPTION},
        Traffic(canary_weight=40),
        """
- match: [{uri: {prefix: /api}}]
  rewrite: {uri: /}
  timeout: 5s
  retries: {attempts: 3, perTryTimeout: 1s, retryOn: gateway-error}
  headers: {request: {add: {x-some: header}}}
  corsPolicy: {allowOrigins: [{exact: https://example.com}], allowMethods: [GET]}
  route:
  - {destination: {host: app-primary}, weight: 60}
  - {destination: {host: app-canary}, weight: 40}
""",
    ),
    "a/b": (
        {
            "service": {"port": 80, "match": [{"uri": {"prefix": "/api"}}, {"uri": {"prefix": "/web"}}]},
            "analysis": {
                "interval": "1m",
                "threshold": 1,
                "iterations": 2,
                "match": [
                    {"headers": {"x-canary": {"exact": "insider"}}},
                    {"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}},
                ],
            },
        },
        Traffic(canary_weight=100, audience=Audience.MATCHED),
        """
- match:
  - {uri: {prefix: /api}, headers: {x-canary: {exact: insider}}}
  - {uri: {prefix: /web}, headers: {x-canary: {exact: insider}}}
  - {uri: {prefix: /api}, headers: {cookie: {regex: "^(.*?;)?(canary=always)(;.*)?$"}}}
  - {uri: {prefix: /web}, headers: {cookie: {regex: "^(.*?;)?(canary=always)(;.*)?$"}}}
  route:
  - {destination: {host: app-primary}, weight: 0}
  - {destination: {host: app-canary}, weight: 100}
- match: [{uri: {prefix: /api}}, {uri: {prefix: /web}}]
  route:
  - {destination: {host: app-primary}, weight: 100}
""",
    ),
    "session affinity": (
        {
            "analysis": {
                "interval": "2m",
                "threshold": 1,
                "stepWeight": 10,
                "sessionAffinity": {
                    "cookieName": "cc",
                    "primaryCookieName": "pc",
                    "maxAge": 600,
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Strict",
                    "path": "/",
                    "domain": "example.com",
                    "partitioned": True,
                },
            }
        },
        Traffic(canary_weight=10, cookies=Cookies(canary="abc", primary="xyz")),
        """
- match: [{headers: {Cookie: {regex: .*cc.*abc.*}}}]
  route:
  - {destination: {host: app-primary}, weight: 0}
  - {destination: {host: app-canary}, weight: 100}
- match: [{headers: {Cookie: {regex: .*pc.*xyz.*}}}]
  route:
  - {destination: {host: app-primary}, weight: 100}
  - {destination: {host: app-canary}, weight: 0}
- route:
  - destination: {host: app-primary}
    weight: 90
    headers:
      response:
        add:
          Set-Cookie: pc=xyz; Max-Age=120; Domain=example.com; HttpOnly; Partitioned; Path=/; SameSite=Strict; Secure
  - destination: {host: app-canary}
    weight: 10
    headers:
      response:
        add:
          Set-Cookie: cc=abc; Max-Age=600; Domain=example.com; HttpOnly; Partitioned; Path=/; SameSite=Strict; Secure
""",
    ),
    "a cookie that expires, beside headers of the service": (
        {
            "service": {"port": 80, "headers": {"response": {"add": {"x-a": "b"}}}},
            "analysis": {
                "interval": "1m",
                "threshold": 1,
                "stepWeight": 10,
                "sessionAffinity": {"cookieName": "cc"},
            },
        },
        Traffic(cookies=Cookies(expired="abc")),
        """
- match: [{headers: {Cookie: {regex: .*cc.*abc.*}}}]
  headers: {response: {add: {x-a: b, Set-Cookie: cc=abc; Max-Age=-1}}}
  route:
  - {destination: {host: app-primary}, weight: 100}
  - {destination: {host: app-canary}, weight: 0}
- headers: {response: {add: {x-a: b}}}
  route:
  - {destination: {host: app-primary}, weight: 100}
  - {destination: {host: app-canary}, weight: 0}
""",
    ),
    "ports outside of the mesh": (
        {"service": {"port": 80, "portDiscovery": True, "delegation": True}},
        Traffic(canary_weight=10),
        """
- route:
  - {destination: {host: app-primary, port: {number: 80}}, weight: 90}
  - {destination: {host: app-canary, port: {number: 80}}, weight: 10}
""",
    ),
}


def _canary(spec: dict[str, Any]) -> Any:
    raw = raw_canary("here", **spec)
    raw["metadata"]["uid"] = "u"
    return canary_of(raw)


@pytest.mark.parametrize("name", CASES)
def test_the_routes_are_these(name: str) -> None:
    spec, traffic, expected = CASES[name]
    found = wanted_virtual_service(_canary(spec), traffic, None)
    assert found["spec"]["http"] == yaml.safe_load(expected)
    live = {**found, "metadata": {**found["metadata"], "namespace": "here", "resourceVersion": "1"}}
    assert read_traffic(_canary(spec), live) == traffic


def test_head_and_metadata_are_these() -> None:
    service = {**EVERY_OPTION, "apex": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}
    found = wanted_virtual_service(_canary({"service": service}), Traffic(), None)
    assert (found["spec"]["hosts"], found["spec"]["gateways"]) == (
        ["app.example.com", "app"],
        ["istio-system/public", "mesh"],
    )
    assert found["metadata"] == {
        "name": "app",
        "labels": {"a": "b"},
        "annotations": {
            "c": "d",
            "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
            "helm.toolkit.fluxcd.io/driftDetection": "disabled",
        },
        "ownerReferences": [
            {
                "apiVersion": "flagger.app/v1beta1",
                "kind": "Canary",
                "name": "app",
                "uid": "u",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def test_connections_are_routed_as_connections() -> None:
    service = {"port": 5432, "appProtocol": "TCP", "match": [{"port": 5432}]}
    found = wanted_virtual_service(_canary({"service": service}), Traffic(canary_weight=30), None)
    assert found["spec"] == {
        "hosts": ["app"],
        "gateways": ["mesh"],
        "tcp": [
            {
                "match": [{"port": 5432}],
                "route": [
                    {"destination": {"host": "app-primary"}, "weight": 70},
                    {"destination": {"host": "app-canary"}, "weight": 30},
                ],
            }
        ],
    }


BOTH_WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "gateways and the mesh": (
        {"service": {"port": 80, "gateways": ["mesh", "istio-system/public"]}},
        """
- match: [{gateways: [istio-system/public]}]
  route:
  - {destination: {host: app-primary, port: {number: 80}}, weight: 90}
  - {destination: {host: app-canary, port: {number: 80}}, weight: 10}
- match: [{gateways: [mesh]}]
  route:
  - {destination: {host: app-primary}, weight: 90}
  - {destination: {host: app-canary}, weight: 10}
""",
    ),
    "conditions with gateways of their own": (
        {
            "service": {
                "port": 80,
                "gateways": ["gw", "mesh"],
                "match": [{"uri": {"prefix": "/in"}, "gateways": ["mesh"]}, {"uri": {"prefix": "/all"}}],
            }
        },
        """
- match: [{uri: {prefix: /all}, gateways: [gw]}]
  route:
  - {destination: {host: app-primary, port: {number: 80}}, weight: 90}
  - {destination: {host: app-canary, port: {number: 80}}, weight: 10}
- match: [{uri: {prefix: /in}, gateways: [mesh]}, {uri: {prefix: /all}, gateways: [mesh]}]
  route:
  - {destination: {host: app-primary}, weight: 90}
  - {destination: {host: app-canary}, weight: 10}
""",
    ),
    "conditions for the mesh alone": (
        {
            "service": {
                "port": 80,
                "gateways": ["gw", "mesh"],
                "match": [{"uri": {"prefix": "/in"}, "gateways": ["mesh"]}],
            }
        },
        """
- match: [{uri: {prefix: /in}, gateways: [mesh]}]
  route:
  - {destination: {host: app-primary}, weight: 90}
  - {destination: {host: app-canary}, weight: 10}
""",
    ),
    "gateways alone": (
        {"service": {"port": 80, "gateways": ["gw"]}},
        """
- route:
  - {destination: {host: app-primary, port: {number: 80}}, weight: 90}
  - {destination: {host: app-canary, port: {number: 80}}, weight: 10}
""",
    ),
    "the mesh alone": (
        {"service": {"port": 80}},
        "- route: [{destination: {host: app-primary}, weight: 90}, {destination: {host: app-canary}, weight: 10}]",
    ),
}


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_with_several_ports_a_gateway_is_told_which_and_the_mesh_is_not(name: str) -> None:
    """Inside of the mesh a request goes to the port that it asks for; at a gateway it asks for one of the gateway's."""
    spec, expected = BOTH_WAYS[name]
    traffic = Traffic(canary_weight=10)
    found = wanted_virtual_service(_canary(spec), traffic, None, several_ports=True)
    assert found["spec"]["http"] == yaml.safe_load(expected)
    live = {**found, "metadata": {**found["metadata"], "namespace": "here", "resourceVersion": "1"}}
    assert read_traffic(_canary(spec), live, several_ports=True) == traffic


def test_an_ab_test_at_a_gateway_and_in_the_mesh_is_read_as_it_was_written() -> None:
    spec = {
        "service": {"port": 80, "gateways": ["gw", "mesh"]},
        "analysis": {"interval": "1m", "threshold": 1, "iterations": 2, "match": [{"headers": {"x": {"exact": "y"}}}]},
    }
    traffic = Traffic(canary_weight=100, audience=Audience.MATCHED)
    found = wanted_virtual_service(_canary(spec), traffic, None, several_ports=True)
    matches = [route["match"] for route in found["spec"]["http"]]
    assert matches == [
        [{"headers": {"x": {"exact": "y"}}, "gateways": ["gw"]}],
        [{"gateways": ["gw"]}],
        [{"headers": {"x": {"exact": "y"}}, "gateways": ["mesh"]}],
        [{"gateways": ["mesh"]}],
    ]
    live = {**found, "metadata": {**found["metadata"], "namespace": "here", "resourceVersion": "1"}}
    assert read_traffic(_canary(spec), live, several_ports=True) == traffic


# -- Laws -----------------------------------------------------------------------------------------------------------

_WORDS = st.text("abcXYZ", min_size=1, max_size=5)
_COOKIES = st.builds(Cookies, canary=_WORDS, primary=_WORDS)
_SPLITS = st.one_of(
    st.builds(Traffic, canary_weight=st.integers(0, 100)),
    st.just(Traffic(mirrored=True)),
    st.builds(Traffic, canary_weight=st.integers(0, 100), audience=st.just(Audience.MATCHED)),
    st.builds(Traffic, canary_weight=st.integers(1, 100), cookies=_COOKIES),
    st.builds(Traffic, cookies=st.builds(Cookies, primary=_WORDS, expired=_WORDS)),
)
_ANALYSIS = {
    "interval": "1m",
    "threshold": 1,
    "iterations": 2,
    "match": [{"headers": {"x": {"exact": "y"}}}],
    "sessionAffinity": {"cookieName": "cc", "primaryCookieName": "pc"},
}
_FOREIGN = st.lists(
    st.fixed_dictionaries(
        {"route": st.just([{"destination": {"host": "other"}, "weight": 100}])},
        optional={"name": _WORDS, "delegate": st.just({"name": "x"}), "directResponse": st.just({"status": 503})},
    ),
    max_size=3,
)


@given(_SPLITS, _SPLITS, _FOREIGN, st.sampled_from(["app", "app.here.svc.cluster.local", None]))
def test_what_is_written_is_read_and_foreign_routes_stay_as_they_are(
    one: Traffic, two: Traffic, foreign: list[Obj], taken_over: str | None
) -> None:
    canary = _canary({"analysis": _ANALYSIS})
    mine = [{"route": [{"destination": {"host": taken_over}}]}] if taken_over else []
    spec = {"hosts": ["x"], "http": [*foreign, *mine, *foreign], "exportTo": ["."], "tls": [{"match": []}]}
    live: Obj = {"metadata": {"name": "app", "namespace": "here", "labels": {"mine": "yes"}}, "spec": spec}
    before = json.dumps(foreign)
    for traffic in (one, two):
        live = wanted_virtual_service(canary, traffic, live)
        assert read_traffic(canary, live) == traffic
        assert wanted_virtual_service(canary, traffic, live) is live
        others = [route for route in live["spec"]["http"] if "app-" not in json.dumps(route)]
        assert json.dumps(others) == json.dumps([*foreign, *foreign])
        assert (live["spec"]["exportTo"], live["spec"]["tls"]) == (["."], [{"match": []}])
        assert live["metadata"]["labels"] == {"mine": "yes"}
        assert json.loads(live["metadata"]["annotations"][ORIGINAL]) == spec  # the first, and for good (12.1 #40)
    assert json.dumps(foreign) == before


_NARROW: Obj = {"match": [{"uri": {"prefix": "/admin"}}], "route": [{"destination": {"host": "admin"}}]}
_EVERYTHING: tuple[list[Obj], ...] = (
    [],
    [{}],
    [{"uri": {"prefix": "/"}}],
    [{"uri": {"prefix": "/admin"}}, {"name": "all"}],
)


@given(_SPLITS, st.lists(st.one_of(st.just(_NARROW), _FOREIGN.filter(bool).map(lambda found: found[0])), max_size=3))
def test_in_routes_that_were_made_for_it_nobody_comes_before_with_all_requests(split: Traffic, put: list[Obj]) -> None:
    """Behind such a route ours would have no effect, and what they say would not be true."""
    canary = _canary({"analysis": _ANALYSIS})
    made = json.loads(json.dumps(wanted_virtual_service(canary, split, None)))
    for http in ([*put, *made["spec"]["http"]], put):
        live = {**made, "spec": {**made["spec"], "http": http}}
        mended = wanted_virtual_service(canary, split, live)
        ours = [index for index, route in enumerate(mended["spec"]["http"]) if "app-" in json.dumps(route)]
        before = mended["spec"]["http"][: ours[0]]
        assert before == list(itertools.takewhile(lambda route: route == _NARROW, put))
        assert [route for route in mended["spec"]["http"] if "app-" not in json.dumps(route)] == put
        assert read_traffic(canary, mended) == split
        assert (read_traffic(canary, live) is None) == (mended["spec"] != live["spec"])


@pytest.mark.parametrize("match", _EVERYTHING, ids=str)
def test_all_requests_may_be_meant_in_many_ways(match: list[Obj]) -> None:
    route: Obj = {"match": match, "route": [{"destination": {"host": "elsewhere"}}]}
    assert takes_all(route)
    assert not takes_all({**route, "match": [{"headers": {"x": {"exact": "y"}}}]})


@given(_SPLITS, st.sampled_from(["hosts", "gateways", "timeout", "weight", "match"]))
def test_a_change_by_hand_is_seen(traffic: Traffic, what: str) -> None:
    canary = _canary({"analysis": _ANALYSIS})
    live = json.loads(json.dumps(wanted_virtual_service(canary, traffic, None)))
    last = live["spec"]["http"][-1]
    if what in {"hosts", "gateways"}:
        live["spec"][what] = ["elsewhere"]
    elif what == "weight":
        last["route"][0]["weight"] += 1
    else:
        last[what] = "1s" if what == "timeout" else [{"port": 1}]
    assert read_traffic(canary, live) != traffic


# -- Over HTTP ------------------------------------------------------------------------------------------------------


def _router(cluster: Cluster, namespace: str, **spec: Any) -> IstioRouter:
    return IstioRouter(cluster, a_canary(cluster.api, namespace, **spec), ObjectSettings())


def _plain(obj: Obj | None) -> Obj:
    assert obj is not None
    drop = {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "namespace",
        "managedFields",
        "ownerReferences",
    }
    metadata = {key: value for key, value in obj["metadata"].items() if key not in drop}
    return {"metadata": metadata, "spec": obj["spec"]}


def test_services_and_rules_are_these(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    service = {
        "port": 80,
        "targetPort": "web",
        "portName": "http-main",
        "appProtocol": "http",
        "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
        "primary": {"labels": {"tier": "gold"}},
        "canary": {"annotations": {"note": "new"}},
    }
    _router(cluster, namespace, service=service).ensure(Traffic())
    flux = {
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
        "helm.toolkit.fluxcd.io/driftDetection": "disabled",
    }
    port = {"name": "http-main", "protocol": "TCP", "port": 80, "targetPort": "web", "appProtocol": "http"}
    for name, value, labels, notes in (
        ("app", "app-primary", {}, {}),
        ("app-primary", "app-primary", {"tier": "gold"}, {}),
        ("app-canary", "app", {}, {"note": "new"}),
    ):
        found = _plain(cluster.get(SERVICES, namespace, name))
        assert found["metadata"].pop("annotations").items() >= {**flux, **notes}.items()
        assert found["metadata"] == {"name": name, "labels": {"app": name, **labels}}
        assert found["spec"]["selector"] == {"app": value}
        assert found["spec"]["ports"] == [port]
        assert found["spec"]["type"] == "ClusterIP"
    for name in ("app-primary", "app-canary"):
        assert _plain(cluster.get(DESTINATION_RULES, namespace, name)) == {
            "metadata": {"name": name, "annotations": flux},
            "spec": {"host": name, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
        }


def test_drift_in_any_object_is_seen_and_mended(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    router = _router(cluster, namespace)
    traffic = Traffic(canary_weight=20)
    router.ensure(traffic)
    changes: list[tuple[Any, str, Obj]] = [
        (SERVICES, "app", {"spec": {"selector": {"app": "nobody"}}}),
        (SERVICES, "app-canary", {"spec": {"ports": [{"port": 81}]}}),
        (DESTINATION_RULES, "app-primary", {"spec": {"subsets": [{"name": "x"}]}}),
        (VIRTUAL_SERVICES, "app", {"spec": {"hosts": ["nobody"]}}),
    ]
    for resource, name, change in changes:
        live = cluster.get(resource, namespace, name)
        assert live is not None
        cluster.patch(resource, live, change)
        assert router.read() is None, name
        router.ensure(traffic)
        assert router.read() == traffic, name
    for resource, name in ((SERVICES, "app-primary"), (DESTINATION_RULES, "app-canary"), (VIRTUAL_SERVICES, "app")):
        live = cluster.get(resource, namespace, name)
        assert live is not None
        cluster.delete(resource, live)
        assert router.read() is None, name
        router.ensure(traffic)
        assert router.read() == traffic, name


def test_what_the_user_had_is_given_back(cluster: Cluster, namespace: str) -> None:
    target = a_deployment()
    target["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    cluster.create(DEPLOYMENTS, namespace, target)
    ports = [{"name": "http", "port": 80, "targetPort": 80}]
    mine = {"metadata": {"name": "app"}, "spec": {"selector": {"app": "app", "x": "y"}, "ports": ports}}
    applied = json.dumps({"spec": mine["spec"]})
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    cluster.create(SERVICES, namespace, {**mine, "metadata": {"name": "app", "annotations": annotations}})
    spec = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}], "timeout": "9s"}]}
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    router = _router(cluster, namespace)
    router.ensure(Traffic(canary_weight=10))
    assert router.read() == Traffic(canary_weight=10)
    for _ in range(2):
        router.release()
        assert router.read() is None
        service = _plain(cluster.get(SERVICES, namespace, "app"))
        assert service["spec"]["selector"] == {"app": "app", "x": "y"}
        assert service["metadata"]["annotations"] == annotations
        routes = _plain(cluster.get(VIRTUAL_SERVICES, namespace, "app"))
        routes["metadata"].pop("annotations", None)
        assert routes == {"metadata": {"name": "app"}, "spec": spec}


def test_release_without_a_target_or_routes_is_no_error(cluster: Cluster, namespace: str) -> None:
    router = _router(cluster, namespace)
    router.release()
    assert router.read() is None


@pytest.mark.parametrize(
    ("service", "existing", "words"),
    [
        ({"port": 80, "targetPort": "nobody"}, None, "targetPort nobody"),
        ({"port": 80, "targetPort": 9090}, {"port": 80, "targetPort": 8080}, "targetPort 9090"),
    ],
)
def test_ports_that_would_cut_users_off_are_refused(
    cluster: Cluster, namespace: str, service: Obj, existing: Obj | None, words: str
) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    if existing is not None:
        spec = {"selector": {"app": "app"}, "ports": [existing]}
        cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    with pytest.raises(RefusedError, match=words) as caught:
        _router(cluster, namespace, service=service).ensure(Traffic())
    assert caught.value.reason == "ServicePortMismatch"
    live = cluster.get(SERVICES, namespace, "app")
    assert live is None or live["spec"]["selector"] == {"app": "app"}


def test_a_named_port_and_its_number_are_the_same(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    spec = {"selector": {"app": "app"}, "ports": [{"port": 80, "targetPort": "web"}]}
    cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    router = _router(cluster, namespace, service={"port": 80, "targetPort": 8080})
    router.ensure(Traffic())
    assert router.read() == Traffic()


def test_discovered_ports_never_clash(cluster: Cluster, namespace: str) -> None:
    """Flagger makes a Service that the API server refuses (12.1 #26)."""
    target = a_deployment()
    containers = target["spec"]["template"]["spec"]["containers"]
    containers[0]["ports"] = [
        {"name": "web", "containerPort": 8080},
        {"name": "http", "containerPort": 8081},
        {"containerPort": 9090},
    ]
    containers.append({"name": "istio-proxy", "image": "x", "ports": [{"containerPort": 15001}]})
    cluster.create(DEPLOYMENTS, namespace, target)
    service = {"port": 80, "targetPort": 8080, "portDiscovery": True}
    _router(cluster, namespace, service=service).ensure(Traffic())
    found = cluster.get(SERVICES, namespace, "app-canary")
    assert found is not None
    assert [(each["name"], each["port"]) for each in found["spec"]["ports"]] == [
        ("http", 80),
        ("http-8081", 8081),
        ("tcp-app-2", 9090),
    ]
