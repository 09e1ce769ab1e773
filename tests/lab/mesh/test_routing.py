"""A real Envoy does what VirtualServices and DestinationRules say; each part tried with requests."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import requests

from canary_lab.mesh.addresses import Addresses
from canary_lab.mesh.container import listens
from canary_lab.mesh.snapshot import Sidecar
from laboratories.lab import eventually
from laboratories.mesh_parts import (
    CANARY,
    NAMESPACE,
    PORT,
    PRIMARY,
    App,
    Mesh,
    a_port,
    a_rule,
    a_virtual_service,
    split,
    to,
)

URL = f"http://app:{PORT}"
FEW = 40


class User:
    """Somebody in the namespace, with a connection and cookies of their own."""

    def __init__(self, addresses: Addresses, proxy: str = "") -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"http": proxy or addresses.proxies[NAMESPACE]}

    def get(self, path: str = "/", **more: Any) -> requests.Response:
        return self.session.get(f"{URL}{path}", timeout=10, **more)

    def version(self, path: str = "/", **more: Any) -> str:
        return self.get(path, **more).headers.get("x-app-version", "")

    def versions(self, count: int = FEW, **more: Any) -> Counter[str]:
        return Counter(self.version(**more) for _ in range(count))


def test_a_service_without_a_virtual_service_goes_where_it_points(mesh: Mesh) -> None:
    user = User(mesh.route())
    assert user.versions(5) == {"v1": 5}
    names = (f"{CANARY}:{PORT}", f"{CANARY}.{NAMESPACE}:{PORT}", f"{CANARY}.{NAMESPACE}.svc.cluster.local:{PORT}")
    assert [user.session.get(f"http://{name}/", timeout=5).headers["x-app-version"] for name in names] == ["v2"] * 3


def test_short_names_are_those_of_the_callers_namespace(mesh: Mesh) -> None:
    elsewhere = Sidecar(name="mesh:elsewhere", namespace="elsewhere")
    user = User(mesh.route(sidecars=(elsewhere,)), proxy=mesh.route(sidecars=(elsewhere,)).proxies["elsewhere"])
    assert user.get().status_code == 404
    assert user.session.get(f"http://app.{NAMESPACE}:{PORT}/", timeout=5).status_code == 200


@pytest.mark.parametrize(("weight", "low", "high"), [(0, 0, 0), (10, 2, 18), (50, 38, 62), (100, 100, 100)])
def test_weights_are_shares_of_requests(mesh: Mesh, weight: int, low: int, high: int) -> None:
    user = User(mesh.route(a_virtual_service({"route": split(weight)})))
    assert low <= user.versions(100)["v2"] <= high


MATCHES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("header exact", {"headers": {"x-user": {"exact": "insider"}}}, {"headers": {"x-user": "insider"}}, {}),
    ("header prefix", {"headers": {"x-user": {"prefix": "in"}}}, {"headers": {"x-user": "insider"}}, {}),
    ("header suffix", {"headers": {"x-user": {"suffix": "er"}}}, {"headers": {"x-user": "insider"}}, {}),
    (
        "header regex",
        {"headers": {"x-user": {"regex": "in.*"}}},
        {"headers": {"x-user": "insider"}},
        {"headers": {"x-user": "an insider"}},
    ),
    ("header present", {"headers": {"x-user": {}}}, {"headers": {"x-user": "any"}}, {}),
    (
        "both headers",
        {"headers": {"a": {"exact": "1"}, "b": {"exact": "2"}}},
        {"headers": {"a": "1", "b": "2"}},
        {"headers": {"a": "1"}},
    ),
    (
        "cookie",
        {"headers": {"cookie": {"regex": r"^(.*?;\s*)?(canary=always)(;.*)?$"}}},
        {"headers": {"cookie": "a=1; canary=always"}},
        {"headers": {"cookie": "canary=never"}},
    ),
    ("without header", {"withoutHeaders": {"x-bot": {"exact": "yes"}}}, {}, {"headers": {"x-bot": "yes"}}),
    ("without any", {"withoutHeaders": {"x-bot": {}}}, {}, {"headers": {"x-bot": "no"}}),
    ("path exact", {"uri": {"exact": "/a"}}, {"path": "/a"}, {"path": "/a/b"}),
    ("path prefix", {"uri": {"prefix": "/a"}}, {"path": "/a/b"}, {"path": "/b"}),
    ("path regex", {"uri": {"regex": "/[ab]+"}}, {"path": "/abba"}, {"path": "/abc"}),
    ("path, any case", {"uri": {"prefix": "/A"}, "ignoreUriCase": True}, {"path": "/a"}, {"path": "/b"}),
    ("query", {"queryParams": {"v": {"exact": "2"}}}, {"params": {"v": "2"}}, {"params": {"v": "22"}}),
]


@pytest.mark.parametrize(("what", "match", "yes", "no"), MATCHES, ids=[each[0] for each in MATCHES])
def test_a_condition_decides(
    mesh: Mesh, what: str, match: Mapping[str, Any], yes: dict[str, Any], no: dict[str, Any]
) -> None:
    routes: list[dict[str, Any]] = [{"match": [match], "route": split(100)}, {"route": [to(PRIMARY)]}]
    user = User(mesh.route(a_virtual_service(*routes)))
    assert user.version(**yes) == "v2"
    assert user.version(**no) == "v1"


def test_host_and_method_can_be_conditions(mesh: Mesh) -> None:
    match = {"authority": {"prefix": "one."}, "method": {"exact": "PUT"}, "scheme": {"exact": "http"}}
    routes: list[dict[str, Any]] = [{"match": [match], "route": split(100)}, {"route": [to(PRIMARY)]}]
    user = User(mesh.route(a_virtual_service(*routes, hosts=["one.example.com", "two.example.com"])))

    def version(method: str, host: str) -> str:
        answer = user.session.request(method, f"http://{host}.example.com/", timeout=5)
        return answer.headers["x-app-version"]

    asked = [("PUT", "one"), ("GET", "one"), ("PUT", "two")]
    assert [version(*each) for each in asked] == ["v2", "v1", "v1"]


def test_any_of_several_conditions_will_do(mesh: Mesh) -> None:
    match = [{"headers": {"x": {"exact": "1"}}}, {"headers": {"y": {"exact": "1"}}}]
    user = User(mesh.route(a_virtual_service({"match": match, "route": split(100)}, {"route": [to(PRIMARY)]})))
    assert [user.version(headers={name: "1"}) for name in ("x", "y", "z")] == ["v2", "v2", "v1"]


def test_the_caller_and_the_port_can_be_conditions(mesh: Mesh) -> None:
    insider = Sidecar(name=f"mesh:{NAMESPACE}/insider", namespace=NAMESPACE, labels={"app": "insider"})
    match = [{"sourceLabels": {"app": "insider"}}, {"sourceNamespace": "elsewhere"}, {"port": 9999}]
    routes: list[dict[str, Any]] = [{"match": match, "route": split(100)}, {"route": [to(PRIMARY)]}]
    elsewhere = Sidecar(name="mesh:elsewhere", namespace="elsewhere")
    addresses = mesh.route(a_virtual_service(*routes), sidecars=(insider, elsewhere))
    assert User(addresses).version() == "v1"
    assert User(addresses, addresses.proxies[f"{NAMESPACE}/insider"]).version() == "v2"
    other = User(addresses, addresses.proxies["elsewhere"])
    assert other.session.get(f"http://app.{NAMESPACE}:{PORT}/", timeout=5).headers["x-app-version"] == "v2"


def test_no_route_for_a_request_is_404(mesh: Mesh) -> None:
    user = User(mesh.route(a_virtual_service({"match": [{"uri": {"prefix": "/a"}}], "route": split(50)})))
    assert user.get("/b").status_code == 404


def test_mirrored_requests_reach_the_canary_and_cannot_hurt(mesh: Mesh) -> None:
    failing = App("v3", ERROR_RATE="100%")
    mesh.apps.append(failing)
    ports = (a_port("app"), a_port(PRIMARY, mesh.primary.port), a_port(CANARY, failing.port, workload="mirrored"))
    route = {"route": split(0), "mirror": {"host": CANARY}, "mirrorPercentage": {"value": 100}}
    eventually(lambda: listens(failing.port))
    user = User(mesh.route(a_virtual_service(route), ports=ports))
    assert [user.get().status_code for _ in range(20)] == [200] * 20

    def counted() -> int:
        text = requests.get(f"{mesh.envoy.admin}/stats?filter=mirrored.upstream_rq_500", timeout=5).text
        found = re.search(r"upstream_rq_500: (\d+)", text)
        return int(found[1]) if found else 0

    assert eventually(lambda: counted() == 20)


def test_users_keep_the_version_that_their_cookie_names(mesh: Mesh) -> None:
    """The routes that session affinity makes; see `canary_adapters.istio.routes`."""
    cookie = {"match": [{"headers": {"Cookie": {"regex": ".*who.*abc.*"}}}], "route": split(100)}
    primary, canary = split(50)
    canary["headers"] = {"response": {"add": {"Set-Cookie": "who=abc; Max-Age=600; Path=/"}}}
    addresses = mesh.route(a_virtual_service(cookie, {"route": [primary, canary]}))
    seen = []
    for _ in range(FEW):
        user = User(addresses)
        first = user.get()
        has = "who=abc" in first.headers.get("set-cookie", "")
        assert has == (first.headers["x-app-version"] == "v2")
        later = [user.version(headers={"cookie": "b=1; who=abc"} if has else {}) for _ in range(3)]
        if has:
            assert later == ["v2"] * 3
        seen.append(first.headers["x-app-version"])
    assert set(seen) == {"v1", "v2"}


def test_headers_are_set_added_and_removed(mesh: Mesh) -> None:
    request = {"set": {"x-who": "50%", "host": "other"}, "add": {"x-more": "1"}, "remove": ["x-secret"]}
    response = {"set": {"x-app-version": "hidden"}, "add": {"x-way": "mesh"}, "remove": ["content-type"]}
    route = {"headers": {"request": request, "response": response}, "route": [to(PRIMARY)]}
    answer = User(mesh.route(a_virtual_service(route))).get(headers={"x-who": "me", "x-secret": "s", "x-more": "0"})
    got = answer.json()["headers"]
    assert (got["x-who"], got["host"], "x-secret" in got) == ("50%", "other", False)
    assert answer.headers["x-app-version"] == "hidden"
    assert answer.headers["x-way"] == "mesh"
    assert "content-type" not in answer.headers


def test_a_slow_answer_is_cut_off(mesh: Mesh) -> None:
    slow = App("slow", LATENCY="5s")
    mesh.apps.append(slow)
    eventually(lambda: listens(slow.port))
    ports = (a_port("app", slow.port),)
    user = User(mesh.route(a_virtual_service({"timeout": "0.2s", "route": [to("app")]}), ports=ports))
    assert user.get().status_code == 504


def test_a_failed_try_is_repeated_where_that_is_declared(mesh: Mesh) -> None:
    failing = App("flaky", ERROR_RATE="50%")
    mesh.apps.append(failing)
    eventually(lambda: listens(failing.port))
    ports = (a_port("app", failing.port),)
    retries = {"attempts": 20, "retryOn": "gateway-error,500", "perTryTimeout": "2s"}
    user = User(mesh.route(a_virtual_service({"retries": retries, "route": [to("app")]}), ports=ports))
    assert {user.get().status_code for _ in range(FEW)} == {200}
    user = User(mesh.route(a_virtual_service({"retries": {"attempts": 0}, "route": [to("app")]}), ports=ports))
    assert {user.get().status_code for _ in range(FEW)} == {200, 500}


@pytest.mark.parametrize(
    ("uri", "rewrite", "path", "seen"),
    [
        ({"prefix": "/old"}, {"uri": "/new"}, "/old/x?q=1", "/new/x"),
        ({"exact": "/old"}, {"uri": "/new"}, "/old", "/new"),
        ({"regex": "/o.*"}, {"uri": "/new"}, "/old/x", "/new"),
        (None, {"uri": "/new/"}, "/x", "/new/x"),
    ],
)
def test_a_path_is_rewritten(mesh: Mesh, uri: Any, rewrite: dict[str, str], path: str, seen: str) -> None:
    match: dict[str, Any] = {"match": [{"uri": uri}]} if uri else {}
    route = {**match, "rewrite": {**rewrite, "authority": "elsewhere"}, "route": [to(PRIMARY)]}
    answer = User(mesh.route(a_virtual_service(route))).get(path).json()
    assert (answer["path"], answer["host"]) == (seen, "elsewhere")


def test_redirects_and_direct_answers(mesh: Mesh) -> None:
    routes: list[dict[str, Any]] = [
        {"match": [{"uri": {"prefix": "/r"}}], "redirect": {"uri": "/there", "redirectCode": 308}},
        {"match": [{"uri": {"prefix": "/d"}}], "directResponse": {"status": 418, "body": {"string": "tea"}}},
    ]
    user = User(mesh.route(a_virtual_service(*routes)))
    moved = user.get("/r", allow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, f"{URL}/there")
    assert (user.get("/d").status_code, user.get("/d").text) == (418, "tea")


def test_scripts_of_other_origins_are_let_in_as_declared(mesh: Mesh) -> None:
    policy = {"allowOrigins": [{"exact": "http://shop"}], "allowMethods": ["GET", "PUT"], "maxAge": "1m"}
    user = User(mesh.route(a_virtual_service({"corsPolicy": policy, "route": [to(PRIMARY)]})))
    asking = {"origin": "http://shop", "access-control-request-method": "PUT"}
    answer = user.session.options(f"{URL}/", headers=asking, timeout=5)
    assert answer.headers["access-control-allow-origin"] == "http://shop"
    assert answer.headers["access-control-allow-methods"] == "GET,PUT"
    assert answer.headers["access-control-max-age"] == "60"
    other = user.session.options(f"{URL}/", headers={**asking, "origin": "http://evil"}, timeout=5)
    assert "access-control-allow-origin" not in other.headers


def test_the_edge_has_hosts_and_routes_of_its_own(mesh: Mesh) -> None:
    edge = Sidecar(name="gateway:istio-system/public", namespace="istio-system", gateway="istio-system/public")
    public = a_virtual_service({"route": split(100)}, hosts=["shop.example.com"], gateways=["istio-system/public"])
    inside = a_virtual_service({"route": split(0)}, name="inside")
    addresses = mesh.route(public, inside, sidecars=(edge,))
    url = addresses.gateways["istio-system/public"]
    assert requests.get(url, headers={"host": "shop.example.com"}, timeout=5).headers["x-app-version"] == "v2"
    assert requests.get(url, headers={"host": "shop.example.com:8080"}, timeout=5).status_code == 200
    assert requests.get(url, headers={"host": "other.example.com"}, timeout=5).status_code == 404
    assert User(addresses).version() == "v1"


def test_a_delegate_decides_under_the_conditions_of_who_delegates(mesh: Mesh) -> None:
    delegate = {"name": "inner", "namespace": NAMESPACE}
    outer = a_virtual_service({"match": [{"uri": {"prefix": "/api"}}], "delegate": delegate}, {"route": [to(PRIMARY)]})
    inner = a_virtual_service({"route": split(100)}, name="inner")
    del inner["spec"]["hosts"]
    user = User(mesh.route(outer, inner))
    assert (user.version("/api/x"), user.version("/x")) == ("v2", "v1")


def test_connections_are_split_by_weight(mesh: Mesh) -> None:
    ports = tuple(
        a_port(name, own.tcp_port, is_tcp=True)
        for name, own in (("app", mesh.primary), (PRIMARY, mesh.primary), (CANARY, mesh.canary))
    )

    def versions(count: int, weight: int) -> Counter[str]:
        routes = [{"match": [{"port": PORT}], "route": split(weight)}]
        place = mesh.route(a_virtual_service(tcp=routes), ports=ports).tcp[f"{NAMESPACE}/app:{PORT}"]
        host, _, port = place.partition(":")
        seen: Counter[str] = Counter()
        for _ in range(count):
            with socket.create_connection((host, int(port)), 5) as connection, connection.makefile("rwb") as file:
                seen[file.readline().decode().strip()] += 1
                file.write(b"hello\n")
                file.flush()
                assert file.readline() == b"hello\n"
        return seen

    assert versions(5, 0) == {"v1": 5}
    assert 20 <= versions(80, 50)["v2"] <= 60
    assert versions(5, 100) == {"v2": 5}


def test_the_same_key_goes_to_the_same_pod(mesh: Mesh) -> None:
    rule = a_rule("app", loadBalancer={"consistentHash": {"httpHeaderName": "x-user"}})
    ports = (a_port("app", mesh.primary.port, mesh.canary.port),)
    user = User(mesh.route(rules=(rule,), ports=ports))
    by_user = [{user.version(headers={"x-user": f"u{number}"}) for _ in range(4)} for number in range(12)]
    assert all(len(each) == 1 for each in by_user)
    assert {version for each in by_user for version in each} == {"v1", "v2"}


def test_requests_beyond_a_limit_are_refused(mesh: Mesh) -> None:
    policy = {"connectionPool": {"http": {"http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1}}}
    mesh.route(rules=(a_rule("app", **policy),))
    found = requests.get(f"{mesh.envoy.admin}/clusters?format=json", timeout=5).json()
    limits = {
        each["name"]: each["circuit_breakers"]["thresholds"][0]["max_pending_requests"]
        for each in found["cluster_statuses"]
        if each["name"].startswith(f"{NAMESPACE}|")
    }
    assert limits[f"{NAMESPACE}|app|{PORT}|{PRIMARY}"] == 1
    assert limits[f"{NAMESPACE}|{CANARY}|{PORT}|app"] > 1000


def test_nobody_behind_a_service_is_503(mesh: Mesh) -> None:
    user = User(mesh.route(ports=(a_port("app"),)))
    assert user.get().status_code == 503
    user = User(mesh.route(a_virtual_service({"route": [to("no-such-service")]}), ports=(a_port("app"),)))
    assert user.get().status_code == 503


def _values(text: str, pattern: str) -> Iterable[str]:
    return re.findall(pattern, text)


def test_each_workload_is_measured_under_its_name(mesh: Mesh) -> None:
    dotted = a_port("dotted", mesh.primary.port, workload="my.app")
    user = User(mesh.route(a_virtual_service({"route": split(50)}), ports=(*mesh_ports(mesh), dotted)))
    user.versions(20)
    assert user.session.get(f"http://dotted:{PORT}/", timeout=5).status_code == 200
    text = requests.get(f"{mesh.envoy.admin}/stats/prometheus?usedonly", timeout=5).text
    names = set(_values(text, r'envoy_cluster_upstream_rq\{[^}]*envoy_cluster_name="([^"]+)"'))
    assert {f"{NAMESPACE}/{PRIMARY}", f"{NAMESPACE}/app", f"{NAMESPACE}/my_app"} <= names


def mesh_ports(mesh: Mesh) -> tuple[Any, ...]:
    """The usual Services."""
    mesh.route()
    return mesh.snapshot.ports
