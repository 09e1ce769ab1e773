"""What is small and stands for something large: aliases, copies, exponents, patterns. None keeps the server busy."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canary_lab.cluster import EmbeddedCluster
from canary_lab.cluster.patterns import matches, pattern_error
from canary_lab.cluster.quantity import canonical, parse

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"


@pytest.fixture(scope="module")
def connection() -> Iterator[http.client.HTTPConnection]:
    with EmbeddedCluster() as cluster:
        found = http.client.HTTPConnection(cluster.url.removeprefix("http://"))
        yield found
        found.close()


def _send(connection: http.client.HTTPConnection, method: str, path: str, body: str, type_: str) -> tuple[int, Any]:
    connection.request(method, path, body, {"Content-Type": type_})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def _definition(text: dict[str, Any]) -> str:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"t": {"type": "string", **text}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return json.dumps({**kind, "metadata": {"name": "things.example.com"}, "spec": spec})


def test_a_pattern_that_backtracks_elsewhere_does_not_here(connection: http.client.HTTPConnection) -> None:
    assert _send(connection, "POST", DEFINITIONS, _definition({"pattern": "^(a+)+$"}), "application/json")[0] == 201
    thing = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "x"},
        "spec": {"t": "a" * 9999 + "!"},
    }
    code, answer = _send(connection, "POST", THINGS, json.dumps(thing), "application/json")
    assert (code, answer["reason"]) == (422, "Invalid")
    assert "should match '^(a+)+$'" in answer["message"]


def test_what_is_no_pattern_is_refused(connection: http.client.HTTPConnection) -> None:
    body = _definition({"pattern": "a(?=b)"}).replace("things", "others")
    code, answer = _send(connection, "POST", DEFINITIONS, body, "application/json")
    assert (code, answer["reason"]) == (422, "Invalid")
    assert "must be a valid regular expression, but isn't" in answer["message"]


def test_patterns_mean_what_they_mean_to_the_real_server() -> None:
    assert not matches("^a$", "a\n")  # to Python the end is also before a last line break
    assert matches(r"^\pL+$", "\u00e9")
    assert matches(r"^[^\x00-\x1f\x7f-\x9f]*$", "caf\u00e9 \U0001f427")
    assert not matches(r"^[^\x00-\x1f\x7f-\x9f]*$", "a\x9fb")
    assert pattern_error("[a-z]+") == ""
    assert pattern_error("(") != ""


def test_aliases_that_multiply_are_refused(connection: http.client.HTTPConnection) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    merged = "a0: &a0 {x: 1}\n" + "".join(
        f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    for body in (bomb, merged, "a: &a [*a]", "[" * 3000):
        code, answer = _send(connection, "POST", CONFIG_MAPS, body, "application/yaml")
        assert (code, answer["reason"]) == (400, "BadRequest"), body[:40]
    good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\ndata: {a: &a x, b: *a}\n"
    assert _send(connection, "POST", CONFIG_MAPS, good, "application/yaml")[0] == 201


def test_copies_of_copies_are_refused(connection: http.client.HTTPConnection) -> None:
    body = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "copied"}, "data": {"a": "x"}}'
    assert _send(connection, "POST", CONFIG_MAPS, body, "application/json")[0] == 201
    first = {"op": "add", "path": "/x", "value": ["x" * 1000]}
    patch = [first, *({"op": "copy", "from": "/x", "path": "/x/-"} for _ in range(40))]
    way = "application/json-patch+json"
    assert _send(connection, "PATCH", f"{CONFIG_MAPS}/copied", json.dumps(patch), way)[0] == 413
    harmless = [{"op": "copy", "from": "/data/a", "path": "/data/b"}]
    code, answer = _send(connection, "PATCH", f"{CONFIG_MAPS}/copied", json.dumps(harmless), way)
    assert (code, answer["data"]) == (200, {"a": "x", "b": "x"})


@pytest.mark.parametrize("text", ["1e999999999", "9" * 200, "1e-999999999", "1.2.3", "٣"])
def test_numbers_that_nobody_can_hold_are_none(text: str) -> None:
    assert parse(text) is None


@example("-.1E-9")
@given(st.from_regex(r"\A[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})(Ki|Gi|m|k|[eE]-?[0-9]{1,2})?\Z"))
def test_every_quantity_has_one_form_that_stays(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
