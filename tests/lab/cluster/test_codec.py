"""Values as Go writes them: quantities, decoded objects, protobuf, hashes of templates, schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canary_lab.cluster import bodies, jsonpath, protobuf, schema
from canary_lab.cluster.clock import duration
from canary_lab.cluster.codec import DecodeError, Decoder
from canary_lab.cluster.kinds.pods import default_template
from canary_lab.cluster.pod_hash import pod_hash
from canary_lab.cluster.quantity import canonical


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2000m", "2"),
        ("0.5Gi", "512Mi"),
        ("100m", "100m"),
        ("1024Ki", "1Mi"),
        ("1.5", "1500m"),
        ("0", "0"),
        ("1e3", "1k"),
        ("1536Mi", "1536Mi"),
        ("many", "many"),
    ],
)
def test_quantities_have_one_form(text: str, result: str) -> None:
    assert canonical(text) == result
    assert canonical(result) == result


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5s"),
        (119, "119s"),
        (120, "2m"),
        (190, "3m10s"),
        (3600, "60m"),
        (10900, "3h1m"),
        (90000, "25h"),
        (800000, "9d"),
    ],
)
def test_ages_are_as_short_as_kubectl_prints_them(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_unknown_fields_are_dropped_and_named() -> None:
    decoder = Decoder()
    body = {
        "metadata": {"name": "a", "x": 1},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "imag": "i"}]}}},
    }
    found = decoder.decode("apps/v1.Deployment", body)
    assert decoder.unknown == ["metadata.x", "spec.template.spec.containers[0].imag"]
    assert found["spec"]["template"]["spec"]["containers"] == [{"name": "c", "resources": {}}]


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("core/v1.ConfigMap", {"data": {"n": 1}}, "number into Go struct field ConfigMap.data of type string"),
        ("core/v1.ConfigMap", {"data": []}, "array into Go struct field ConfigMap.data of type map"),
        ("apps/v1.Deployment", {"spec": {"replicas": "1"}}, "string into Go struct field DeploymentSpec.spec.replicas"),
        ("core/v1.Secret", {"data": {"a": "%"}}, "illegal base64 data at input byte 0"),
        ("core/v1.ConfigMap", {"immutable": 1}, "number into Go struct field ConfigMap.immutable of type bool"),
        ("core/v1.Event", {"eventTime": "2021-03-22T06:25:30Z"}, 'cannot parse "Z" as ".000000"'),
    ],
)
def test_a_wrong_type_is_said_in_the_words_of_go(type_: str, value: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodeError) as refused:
        Decoder().decode(type_, value)
    assert message in str(refused.value)


def test_what_go_leaves_out_and_what_it_writes_empty() -> None:
    event = Decoder().decode("core/v1.Event", {"count": 0, "metadata": {"labels": {}}})
    assert event["metadata"] == {}
    assert "count" not in event
    assert (event["source"], event["eventTime"], event["reportingComponent"]) == ({}, None, "")


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def test_protobuf_says_the_same_as_json() -> None:
    meta = _field(1, b"web") + _field(11, _field(1, b"app") + _field(2, b"x"))
    port = (
        _field(1, b"http")
        + _field(2, b"TCP")
        + _field(3, 80)
        + _field(4, _field(1, 1) + _field(2, 0) + _field(3, b"grpc"))
    )
    raw = _field(1, meta) + _field(2, _field(1, port) + _field(2, _field(1, b"app") + _field(2, b"x")))
    body = protobuf.MAGIC + _field(1, _field(1, b"v1") + _field(2, b"Service")) + _field(2, raw)
    api_version, kind, inner = protobuf.envelope(body)
    assert (api_version, kind) == ("v1", "Service")
    assert protobuf.message("core/v1.Service", inner) == {
        "metadata": {"name": "web", "labels": {"app": "x"}},
        "spec": {
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "grpc"}],
            "selector": {"app": "x"},
        },
    }


def test_broken_protobuf_is_refused() -> None:
    for raw in (b"", b"json", protobuf.MAGIC + b"\x0a\xff"):
        with pytest.raises(protobuf.ProtobufError):
            protobuf.envelope(raw)


@pytest.mark.parametrize(
    ("image", "annotations", "hash_"),
    [
        ("example/app:1", {}, "698c77d944"),
        ("example/app:2", {}, "6b4b74bdf9"),
        ("example/app:3", {"kubectl.kubernetes.io/restartedAt": "2021-03-22T06:25:17Z"}, "f84bd876b"),
        ("example/app:1", {"verify/ready": "never"}, "54597bb766"),
    ],
)
def test_templates_have_the_hashes_that_a_real_cluster_gives_them(image: str, annotations: Any, hash_: str) -> None:
    meta = {"labels": {"app": "web"}, **({"annotations": annotations} if annotations else {})}
    template = {"metadata": meta, "spec": {"containers": [{"name": "app", "image": image}]}}
    default_template(template)
    assert pod_hash(template) == hash_
    assert pod_hash(template, collisions=1) != hash_


OBJECT = {
    "type": "object",
    "properties": {"n": {"type": "integer", "default": 3}, "o": {"type": "object", "properties": {}}},
}


def test_pruning_and_defaults_follow_the_schema() -> None:
    value: dict[str, Any] = {"o": {"x": 1}, "y": 2, "n": None}
    assert schema.prune(OBJECT, value) == ["o.x", "y"]
    schema.fill(OBJECT, value)
    assert value == {"o": {}, "n": 3}


def test_all_mistakes_are_found_at_once() -> None:
    rules = {"a": {"type": "string", "enum": ["x"]}, "b": {"type": "integer", "minimum": 1}, "c": {"type": "array"}}
    found = schema.check({"type": "object", "required": ["d"], "properties": rules}, {"a": "y", "b": 0, "c": {}})
    assert {(c.field, c.reason) for c in found} == {
        ("a", "FieldValueNotSupported"),
        ("b", "FieldValueInvalid"),
        ("c", "FieldValueTypeInvalid"),
        ("d", "FieldValueRequired"),
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.n", [3]),
        (".spec.list[*]", ["a", "b"]),
        (".spec.list[-1]", ["b"]),
        ('.spec.conditions[?(@.type=="Ready")].status', ["True"]),
        (".metadata.annotations.example\\.com/x", ["y"]),
        (".metadata['name']", ["web"]),
        (".none.at.all", []),
    ],
)
def test_printer_columns_find_their_values(path: str, found: list[Any]) -> None:
    conditions = [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]
    obj = {
        "metadata": {"name": "web", "annotations": {"example.com/x": "y"}},
        "spec": {"n": 3, "list": ["a", "b"], "conditions": conditions},
    }
    assert jsonpath.find(json.loads(json.dumps(obj)), path) == found


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "-Infinity", '{"a": NaN}', "{", "", "[1,", "nul", '"x'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|unexpected"):
        bodies.parse_json(text)


def test_yaml_is_of_version_1_1_and_its_keys_become_text() -> None:
    assert bodies.parse_yaml(b"{2: a, y: c, at: 2021-03-22T06:25:17Z, n: no}") == {
        "2": "a",
        "true": "c",
        "at": "2021-03-22T06:25:17Z",
        "false": False,
    }


def test_doubled_keys_are_found_with_their_paths() -> None:
    value = bodies.parse_json('{"a": {"b": 1, "b": 2}, "l": [{"c": 1, "c": 1}]}')
    assert value == {"a": {"b": 2}, "l": [{"c": 1}]}
    assert bodies.doubled(value) == ["a.b", "l[0].c"]
