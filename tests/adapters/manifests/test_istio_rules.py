"""What Istio refuses is told without it, where the rule is simple; what it takes is not."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.manifests import Canary, ManifestError, read_object
from canary_adapters.manifests.istio_rules import harmful, refused_by_istio, without_effect
from canary_adapters.manifests.structure import render

Spec = dict[str, Any]


def a_canary(service: Spec | None = None, analysis: Spec | None = None) -> Canary:
    spec = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
        "service": {"port": 80, **(service or {})},
        "analysis": {"interval": "1m", "threshold": 5, "stepWeight": 10, **(analysis or {})},
    }
    raw = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "app"}, "spec": spec}
    return read_object(raw).canaries[0]


def paths(canary: Canary) -> list[str]:
    return [render(path) for path, _, _ in (*refused_by_istio(canary), *harmful(canary))]


def policy(**fields: Any) -> Spec:
    return {"trafficPolicy": fields}


def by_hash(**fields: Any) -> Spec:
    return policy(loadBalancer={"consistentHash": fields})


def by_locality(**fields: Any) -> Spec:
    return policy(loadBalancer={"localityLbSetting": fields, "simple": "RANDOM"})


POLICY = "spec.service.trafficPolicy"
REFUSED: tuple[tuple[Spec, str], ...] = (
    ({"hosts": ["*"]}, "hosts[0]"),
    ({"hosts": ["*"], "gateways": ["gw", "mesh"]}, "hosts[0]"),
    ({"hosts": ["a.example.com", "a.example.com"]}, "hosts[1]"),
    ({"hosts": ["a.example.com", "A.example.com"]}, "hosts[1]"),
    ({"hosts": ["a.example.com", "*.example.com"]}, "hosts[0]"),
    ({"hosts": ["*.a.example.com", "*.example.com"]}, "hosts[0]"),
    ({"hosts": ["https://a.example.com"]}, "hosts[0]"),
    ({"hosts": ["a.example.com:8080"]}, "hosts[0]"),
    ({"hosts": ["a b"]}, "hosts[0]"),
    ({"gateways": ["bad name"]}, "gateways[0]"),
    ({"gateways": ["*/gw"]}, "gateways[0]"),
    ({"retries": {"attempts": 1, "perTryTimeout": "0.5ms"}}, "retries.perTryTimeout"),
    ({"retries": {"perTryTimeout": "1s"}}, "retries.attempts"),
    ({"retries": {"attempts": 0, "retryOn": "5xx"}}, "retries.attempts"),
    ({"retries": {"attempts": 1, "retryOn": "bogus"}}, "retries.retryOn"),
    ({"retries": {"attempts": 1, "retryOn": "5xx,999"}}, "retries.retryOn"),
    ({"retries": {"attempts": 1, "retryOn": "5xx, reset"}}, "retries.retryOn"),
    ({"timeout": "0s"}, "timeout"),
    ({"timeout": "0.5ms"}, "timeout"),
    ({"timeout": "1500us"}, "timeout"),
    ({"rewrite": {}}, "rewrite"),
    ({"rewrite": {"type": "ReplaceFullPath"}}, "rewrite"),
    ({"headers": {"request": {"set": {"x": "100%"}}}}, "headers.request.set.x"),
    ({"headers": {"response": {"add": {"x": "%REQ(a"}}}}, "headers.response.add.x"),
    ({"headers": {"request": {"remove": ["host"]}}}, "headers.request.remove[0]"),
    ({"headers": {"request": {"set": {"a b": "1"}}}}, 'headers.request.set["a b"]'),
    ({"corsPolicy": {"maxAge": "0.5ms"}}, "corsPolicy.maxAge"),
    ({"corsPolicy": {"maxAge": "1.5s"}}, "corsPolicy.maxAge"),
    ({"corsPolicy": {"allowHeaders": ["a b"]}}, "corsPolicy.allowHeaders[0]"),
    ({"match": [{"headers": {"": {"exact": "1"}}}]}, 'match[0].headers[""]'),
    ({"match": [{"withoutHeaders": {"": {"exact": "1"}}}]}, 'match[0].withoutHeaders[""]'),
    ({"match": [{"uri": {"regex": "a" * 1025}}]}, "match[0].uri.regex"),
    (policy(connectionPool={}), "trafficPolicy.connectionPool"),
    (policy(connectionPool={"http": {"idleTimeout": "0s"}}), "trafficPolicy.connectionPool.http.idleTimeout"),
    (policy(outlierDetection={"interval": "0s"}), "trafficPolicy.outlierDetection.interval"),
    (by_hash(httpCookie={"ttl": "1s"}), "trafficPolicy.loadBalancer.consistentHash.httpCookie.name"),
    (by_hash(httpHeaderName=""), "trafficPolicy.loadBalancer.consistentHash.httpHeaderName"),
    (
        by_locality(distribute=[{"from": "a/*", "to": {"a/*": 50, "b/*": 40}}]),
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
    ),
    (
        by_locality(failover=[{"from": "a", "to": "a"}]),
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0].to",
    ),
    (policy(tls={"mode": "MUTUAL", "privateKey": "/k"}), "trafficPolicy.tls.clientCertificate"),
)


@pytest.mark.parametrize(("service", "path"), REFUSED, ids=lambda each: json.dumps(each)[:80])
def test_what_istio_refuses_of_a_service_is_named(service: Spec, path: str) -> None:
    assert paths(a_canary(service)) == [f"spec.service.{path}"]


@pytest.mark.parametrize(
    ("analysis", "path"),
    [
        ({"match": [{"headers": {"": {"exact": "1"}}}]}, 'match[0].headers[""]'),
        ({"match": [{"headers": {"x": {"regex": "a" * 1025}}}]}, "match[0].headers.x.regex"),
        ({"sessionAffinity": {"cookieName": "cc", "domain": "%x"}}, "sessionAffinity.domain"),
        ({"sessionAffinity": {"cookieName": "cc", "path": "/a%20b"}}, "sessionAffinity.path"),
        ({"sessionAffinity": {"cookieName": "cc", "path": "/; Secure"}}, "sessionAffinity.path"),
        ({"sessionAffinity": {"cookieName": "a b"}}, "sessionAffinity.cookieName"),
        ({"sessionAffinity": {"cookieName": "a;b"}}, "sessionAffinity.cookieName"),
        ({"sessionAffinity": {"cookieName": "cc", "primaryCookieName": "a=b"}}, "sessionAffinity.primaryCookieName"),
    ],
    ids=str,
)
def test_what_istio_refuses_of_an_analysis_is_named(analysis: Spec, path: str) -> None:
    assert paths(a_canary(analysis=analysis)) == [f"spec.analysis.{path}"]


@pytest.mark.parametrize("regex", ["(?=x)", "(?!a)b"])
def test_a_regular_expression_that_is_none_of_re2_is_refused_when_it_is_read(regex: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(f"RE2 has no {regex[:3]}")):
        a_canary({"match": [{"uri": {"regex": regex}}]})


TAKEN: tuple[Spec, ...] = (
    {},
    {"hosts": ["app.example.com", "app", "*.other.com", "10.0.0.1", "app.test.svc.cluster.local"]},
    {"hosts": ["*"], "gateways": ["istio-system/public"]},
    {"gateways": ["mesh", "gw", "./gw", "ns/gw", "gw.ns.svc.cluster.local"]},
    {"retries": {"attempts": 3, "perTryTimeout": "1ms", "retryOn": "5xx,reset,503,retriable-4xx"}},
    {"retries": {"attempts": 0}},
    {"timeout": "1m30.5s"},
    {"rewrite": {"uri": "/"}},
    {"headers": {"request": {"set": {"x": "100%%", "y": "%REQ(:path)%", "z": "%START_TIME%"}, "remove": ["x-a"]}}},
    {"corsPolicy": {"maxAge": "24h", "allowHeaders": ["x-a", "*"], "allowOrigins": [{"exact": "*"}]}},
    {"match": [{"uri": {"regex": "a" * 1024}, "headers": {"x": {}}}]},
    policy(connectionPool={"http": {"idleTimeout": "1ms"}}, tls={"mode": "ISTIO_MUTUAL"}),
    policy(tls={"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k"}),
    by_hash(httpCookie={"name": "user", "ttl": "0s"}),
    by_locality(distribute=[{"from": "a/*", "to": {"a/*": 60, "b/*": 40}}]),
    by_locality(failover=[{"from": "a", "to": "b"}]),
)


@pytest.mark.parametrize("service", TAKEN, ids=lambda each: json.dumps(each)[:60])
def test_what_istio_takes_is_not_named(service: Spec) -> None:
    affinity = {"cookieName": "canary-cookie", "primaryCookieName": "p", "domain": ".example.com", "path": "/a/b"}
    assert paths(a_canary(service, {"sessionAffinity": affinity})) == []


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ({}, False),
        ({"portName": "http2-web"}, False),
        ({"portName": "grpc"}, False),
        ({"portName": "web"}, False),
        ({"portName": "https"}, True),
        ({"portName": "tcp-x"}, True),
        ({"portName": "mongo"}, True),
        ({"portName": "mongo", "appProtocol": "http"}, False),
        ({"appProtocol": "https"}, True),
        ({"appProtocol": "tcp"}, False),
        ({"headless": True}, True),
    ],
    ids=str,
)
def test_what_istio_splits_no_requests_of_is_known(service: Spec, wanted: bool) -> None:
    """By a ``tcp`` that is declared, connections are split, and that is meant."""
    assert bool(list(without_effect(a_canary(service)))) is wanted


LISTS: dict[str, Callable[[list[str]], Spec]] = {
    "hosts": lambda texts: {"hosts": texts, "gateways": texts},
    "values": lambda texts: {"headers": {"request": {"set": dict(zip(texts, texts, strict=True))}}},
    "policies": lambda texts: {"retries": {"attempts": 1, "retryOn": ",".join(texts)}},
}
words = st.text(alphabet="ab*.%:-/(){}A1 ", min_size=1, max_size=30)


@given(st.sampled_from(sorted(LISTS)), st.lists(words, max_size=6, unique=True))
def test_any_text_has_an_answer_that_names_a_field(kind: str, texts: list[str]) -> None:
    canary = a_canary(LISTS[kind](texts))
    for path, _, allowed in (*refused_by_istio(canary), *harmful(canary)):
        assert path[:2] == ("spec", "service")
        assert allowed
