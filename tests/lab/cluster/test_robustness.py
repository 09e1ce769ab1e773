"""Nothing that a client sends makes the server fail: it is accepted, or refused with a Status that says why."""

from __future__ import annotations

import copy
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_lab.cluster import EmbeddedCluster

CONTAINER = {
    "name": "app",
    "image": "i:1",
    "env": [{"name": "E", "value": "x"}],
    "ports": [{"containerPort": 80}],
    "resources": {"limits": {"cpu": "1"}},
    "readinessProbe": {"httpGet": {"port": 80}},
}
META = {"name": "a", "labels": {"a": "b"}, "annotations": {"x": "y"}, "finalizers": ["example.com/x"]}
SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
BODIES: dict[str, dict[str, Any]] = {
    "/apis/apps/v1/namespaces/default/deployments": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": META,
        "spec": {"replicas": 0, "selector": SELECTOR, "template": TEMPLATE, "strategy": {"type": "RollingUpdate"}},
    },
    "/api/v1/namespaces/default/services": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": META,
        "spec": {"selector": {"a": "b"}, "clusterIP": "", "ports": [{"name": "h", "port": 80, "targetPort": "h"}]},
    },
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers": {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": META,
        "spec": {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 2},
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [VERSION],
        },
    },
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": META,
        "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15, "renewTime": "2021-03-22T06:25:17.000000Z"},
    },
}
VALUES: list[Any] = [None, 1, -1, 1.5, "x", "", True, [], {}, [1], {"a": 1}, [None], [{}], "25%"]
WAYS = {
    "create": ("POST", "", "application/json"),
    "replace": ("PUT", "/{name}", "application/json"),
    "merge": ("PATCH", "/{name}", "application/merge-patch+json"),
    "strategic": ("PATCH", "/{name}", "application/strategic-merge-patch+json"),
    "apply": ("PATCH", "/{name}?fieldManager=one&force=true", "application/apply-patch+yaml"),
    "status": ("PATCH", "/{name}/status", "application/merge-patch+json"),
    "scale": ("PUT", "/{name}/scale", "application/json"),
    "delete": ("DELETE", "/{name}", "application/json"),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all parts of a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoiled(body: dict[str, Any], place: int, value: Any) -> dict[str, Any]:
    """A body with another value at one of its places."""
    body = copy.deepcopy(body)
    paths = list(places(body))
    *above, last = paths[place % len(paths)]
    node: Any = body
    for key in above:
        node = node[key]
    node[last] = copy.deepcopy(value)
    return body


@pytest.fixture(scope="module")
def connection() -> Iterator[http.client.HTTPConnection]:
    with EmbeddedCluster() as cluster:
        found = http.client.HTTPConnection(cluster.url.removeprefix("http://"))
        for path, body in BODIES.items():
            assert send(found, "POST", path, body, "application/json")[0] == 201
        yield found
        found.close()


def send(connection: http.client.HTTPConnection, method: str, path: str, body: Any, type_: str) -> tuple[int, Any]:
    connection.request(method, path, json.dumps(body), {"Content-Type": type_})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@given(
    path=st.sampled_from(sorted(BODIES)),
    way=st.sampled_from(sorted(WAYS)),
    place=st.integers(0, 100),
    value=st.sampled_from(VALUES),
)
def test_any_body_is_accepted_or_refused_with_a_reason(
    connection: http.client.HTTPConnection, path: str, way: str, place: int, value: Any
) -> None:
    method, end, type_ = WAYS[way]
    body = {} if way == "delete" and place % 2 else spoiled(BODIES[path], place, value)
    code, answer = send(connection, method, path + end.format(name=BODIES[path]["metadata"]["name"]), body, type_)
    # Also a real server answers 500 to a bad configuration in an apply, and to a member of a list without its key.
    assert code < 500 or answer["message"].startswith("failed to c") or "merge key" in answer["message"], answer
    if code >= 400:
        assert (answer["kind"], answer["status"], answer["code"]) == ("Status", "Failure", code)
        assert answer["message"]
    assert send(connection, "GET", path, None, "application/json")[0] == 200


def test_what_is_nested_too_deeply_is_refused(connection: http.client.HTTPConnection) -> None:
    deep: Any = 0
    for _ in range(300):
        deep = {"a": [deep]}
    path = "/apis/apps/v1/namespaces/default/deployments"
    for body in (deep, {**BODIES[path], "spec": deep}):
        code, answer = send(connection, "POST", path, body, "application/json")
        assert (code, answer["kind"]) == (400, "Status")
        assert "exceeded max depth" in answer["message"]


def test_warnings_of_odd_fields_are_sound_headers(connection: http.client.HTTPConnection) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments?fieldValidation=Warn&dryRun=All"
    body = BODIES["/apis/apps/v1/namespaces/default/deployments"]
    odd = {**body, "metadata": {"name": "odd"}, "spec": {**body["spec"], "a\r\nX-Injected: 1\0": 1}}
    connection.request("POST", path, json.dumps(odd), {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    assert response.status == 201
    assert response.headers["X-Injected"] is None
    assert "unknown field" in str(response.headers["Warning"])


def test_halves_of_characters_are_replaced(connection: http.client.HTTPConnection) -> None:
    """UTF-8 cannot hold them: whoever lists or watches would get no answer any more."""
    path = "/api/v1/namespaces/default/configmaps"
    body = {"metadata": {"name": "half"}, "data": {"a": "x\ud800y", "b": "\U0001f427"}}
    code, answer = send(connection, "POST", path, body, "application/json")
    assert (code, answer["data"]) == (201, {"a": "x\ufffdy", "b": "\U0001f427"})
    assert send(connection, "GET", path, None, "application/json")[0] == 200
