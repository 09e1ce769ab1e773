"""Istio's own definitions in the embedded cluster: unknown fields go, alternatives exclude each other, rules hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config

from canary_lab.cluster import EmbeddedCluster
from laboratories.istio_kinds import published

DESTINATIONS = [{"destination": {"host": "app-primary"}, "weight": 100}]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with EmbeddedCluster() as cluster:
        connect: Any = config.new_client_from_config
        with connect(str(cluster.kubeconfig(tmp_path_factory.mktemp("istio") / "kubeconfig"))) as api:
            definitions: Any = client.ApiextensionsV1Api(api)
            for each in published().values():
                definitions.create_custom_resource_definition(each)
            yield client.CustomObjectsApi(api)


def _stored(objects: Any, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """What a dry run says would be stored."""
    body = {"apiVersion": "networking.istio.io/v1beta1", "kind": kind, "metadata": {"name": "app"}, "spec": spec}
    place = ("networking.istio.io", "v1beta1", "default", f"{kind.lower()}s")
    found: dict[str, Any] = objects.create_namespaced_custom_object(*place, body, dry_run="All")["spec"]
    assert objects.list_namespaced_custom_object(*place)["items"] == []
    return found


def _route(**more: Any) -> dict[str, Any]:
    return {"hosts": ["app"], "http": [{"route": DESTINATIONS, **more}]}


@pytest.mark.parametrize(
    "more",
    [
        {"timeout": "1ms"},
        {"match": [{"headers": {"x": {"exact": "1"}, "y": {"regex": ".*"}, "z": {}}}]},
        {"corsPolicy": {"allowOrigins": [{"prefix": "https://"}], "maxAge": "24h"}},
        {"mirror": {"host": "app-canary"}, "mirrorPercentage": {"value": 0.5}},
    ],
)
def test_what_istio_knows_is_stored_as_it_is_sent(objects: Any, more: dict[str, Any]) -> None:
    assert _stored(objects, "VirtualService", _route(**more)) == _route(**more)


def test_what_istio_does_not_know_is_dropped(objects: Any) -> None:
    sent = _route(match=[{"headers": {"x": {"suffix": "end"}}}])
    assert _stored(objects, "VirtualService", sent) == _route(match=[{"headers": {"x": {}}}])


@pytest.mark.parametrize(
    ("kind", "spec", "wanted"),
    [
        (
            "VirtualService",
            _route(timeout="0s"),
            r"spec.http\[0\].timeout: .*0s.*must be a valid duration greater than",
        ),
        ("VirtualService", _route(retries={"attempts": 1, "perTryTimeout": "0.5ms"}), "perTryTimeout"),
        ("VirtualService", _route(match=[{"uri": {"exact": "/", "prefix": "/"}}]), r"oneOf\). Found 2 valid"),
        (
            "DestinationRule",
            {"host": "app", "trafficPolicy": {"loadBalancer": {"simple": "RANDOM", "consistentHash": {}}}},
            r"loadBalancer.* \(oneOf\). Found 2 valid",
        ),
        (
            "DestinationRule",
            {"host": "a", "trafficPolicy": {"loadBalancer": {"consistentHash": {"httpCookie": {"ttl": "1s"}}}}},
            "httpCookie.name: Required value",
        ),
    ],
)
def test_what_istio_does_not_take_is_refused(objects: Any, kind: str, spec: dict[str, Any], wanted: str) -> None:
    with pytest.raises(client.ApiException, match=r"\(422\)") as found:
        _stored(objects, kind, spec)
    text = str(found.value.body).replace('\\"', '"')
    assert re.search(wanted, text), text
