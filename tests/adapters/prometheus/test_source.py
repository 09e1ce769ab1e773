"""Checks asked of Prometheus over HTTP: what is a value, what is none, and what is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, field

from applications.declared import canary_of, raw_canary
from canary_adapters.manifests import MetricTemplate, read_object
from canary_adapters.prometheus import CanaryMetrics, PrometheusPool
from canary_core import MetricQuestion, NoData, Sample, SourceError, SourcesOnline
from canary_ports import MetricSource, RefusedError
from canary_sims.harness.contracts import MetricSourceContract
from laboratories.lab import Prometheus

RATE = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "30s"}
DURATION = {"name": "request-duration", "thresholdRange": {"max": 500}}


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    found = Prometheus()
    yield found
    found.stop()


def _source(server: Prometheus, *metrics: dict[str, Any], provider: str = "istio", **more: Any) -> CanaryMetrics:
    raw = raw_canary("here", analysis={"interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": list(metrics)})
    raw["spec"] |= more.pop("spec", {})
    wiring: dict[str, Any] = {"templates": lambda *_: None, "secrets": lambda *_: None, **more}
    return CanaryMetrics(canary_of(raw), provider=provider, metrics_server=server.url, pool=PrometheusPool(), **wiring)


def _template(url: str, query: str = "up", **provider: Any) -> MetricTemplate:
    address = {"address": url} if url else {}
    spec = {"provider": {"type": "prometheus", **address, **provider}, "query": query}
    raw = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "own", "namespace": "here"},
        "spec": spec,
    }
    return read_object(raw).metric_templates[0]


OWN = {"name": "own", "thresholdRange": {"max": 1}, "templateRef": {"name": "own"}}


@define
class Door:
    """A Prometheus that says what it is told to say."""

    server: Prometheus
    check: str = "request-success-rate"
    metrics: MetricSource = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.metrics = _source(self.server, RATE)

    def has(self, value: float) -> float:
        self.server.down, self.server.success_rate = False, value
        return value

    def has_nothing(self) -> None:
        self.server.success_rate = None

    def is_down(self) -> None:
        self.server.down = True


class TestPrometheus(MetricSourceContract):
    """Over HTTP, through prometheus-api-client."""

    @pytest.fixture(autouse=True)
    def _server(self, prometheus: Prometheus) -> None:
        self.server = prometheus

    def door(self) -> Door:
        return Door(self.server)


def test_the_built_in_queries_are_these(prometheus: Prometheus) -> None:
    source = _source(prometheus, RATE, DURATION)
    assert source.measure(MetricQuestion(check="request-success-rate")) == Sample(value=100.0)
    assert source.measure(MetricQuestion(check="request-duration")) == Sample(value=50.0)
    chosen = 'reporter="destination",destination_workload_namespace="here",destination_workload=~"app"'
    good = f'sum(rate(istio_requests_total{{{chosen},response_code!~"5.*"}}[30s]))'
    every = f"sum(rate(istio_requests_total{{{chosen}}}[30s]))"
    assert prometheus.queries == [
        f"({good} or 0 * {every}) / {every} * 100",
        f"histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{{{chosen}}}[1m])) by (le))",
    ]


def test_without_a_mesh_the_canarys_pods_are_measured_and_not_the_primarys(prometheus: Prometheus) -> None:
    source = _source(prometheus, DURATION, provider="kubernetes")
    prometheus.duration_ms = 0.25
    assert source.measure(MetricQuestion(check="request-duration")) == Sample(value=250.0)
    assert 'kubernetes_pod_name=~"app-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"' in prometheus.queries[0]
    assert 'kubernetes_pod_name!~"app-primary-.*"' in prometheus.queries[0]


def test_samples_are_counted_where_that_is_declared(prometheus: Prometheus) -> None:
    source = _source(prometheus, {**RATE, "minSamples": 20})
    prometheus.custom["increase("] = 37.4
    assert source.measure(MetricQuestion(check="request-success-rate")) == Sample(value=100.0, count=37)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([], NoData()),
        ([{"metric": {}, "value": [1, "NaN"]}], NoData()),
        ([{"metric": {}, "value": [1, "+Inf"]}], Sample(value=math.inf)),
        ([1, "7"], Sample(value=7.0)),
        ([{"metric": {"a": "1"}, "value": [1, "1"]}, {"metric": {"a": "2"}, "value": [1, "2"]}], "2 series"),
        ([{"metric": {}, "values": [[1, "1"]]}], "several values"),
        ([{"metric": {}}], "no number"),
        ("text", "no vector"),
    ],
)
def test_answers_are_taken_for_what_they_are(
    prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch, result: Any, expected: Any
) -> None:
    content = {"status": "success", "data": {"resultType": "vector", "result": result}}
    monkeypatch.setattr(prometheus, "answer", lambda _: (200, content))
    found = _source(prometheus, RATE).measure(MetricQuestion(check="request-success-rate"))
    if isinstance(expected, str):
        assert isinstance(found, SourceError)
        assert expected in found.message
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("status", "content"),
    [(400, {"error": "parse error"}), (503, {}), (200, {"status": "success"}), (200, {"data": 3}), (200, {"data": {}})],
)
def test_what_is_no_answer_is_an_error(
    prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch, status: int, content: Any
) -> None:
    monkeypatch.setattr(prometheus, "answer", lambda _: (status, content))
    source = _source(prometheus, RATE)
    assert isinstance(source.measure(MetricQuestion(check="request-success-rate")), SourceError)
    assert isinstance(source.online(), SourceError)


def test_where_nobody_listens_is_not_taken_for_slow(prometheus: Prometheus) -> None:
    source = _source(prometheus, RATE)
    prometheus.stop()
    found = source.measure(MetricQuestion(check="request-success-rate"))
    assert isinstance(found, SourceError)
    assert found.message.endswith("no connection: connection refused")


def test_an_answer_without_end_is_cut_off(prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canary_adapters.prometheus.answers.LARGEST", 1000)
    monkeypatch.setattr(prometheus, "answer", lambda _: (200, {"data": "x" * 5000}))
    found = _source(prometheus, RATE).measure(MetricQuestion(check="request-success-rate"))
    assert isinstance(found, SourceError)


def test_a_template_is_asked_where_it_says(prometheus: Prometheus) -> None:
    query = 'sum(rate(x{namespace="{{ namespace }}",app=~"{{ target }}",v="{{ variables.v }}"}[{{ interval }}]))'
    source = _source(
        prometheus,
        {**OWN, "templateVariables": {"v": 'a"b\\c'}},
        templates=lambda *_: _template(prometheus.url, query),
        spec={"metricsServer": "http://127.0.0.1:9"},
    )
    assert source.measure(MetricQuestion(check="own")) == Sample(value=100.0)
    assert prometheus.queries == ['sum(rate(x{namespace="here",app=~"app",v="a\\"b\\\\c"}[1m]))']
    assert source.online() == SourcesOnline()


def test_mistakes_in_what_is_declared_are_refused(prometheus: Prometheus) -> None:
    cases: list[tuple[Any, str]] = [
        (None, "MetricTemplateNotFound"),
        (_template(prometheus.url, type="datadog"), "MetricProviderUnsupported"),
    ]
    for template, reason in cases:
        source = _source(prometheus, OWN, templates=lambda *_, found=template: found)
        for call in (source.online, lambda found=source: found.measure(MetricQuestion(check="own"))):
            with pytest.raises(RefusedError) as caught:
                call()
            assert caught.value.reason == reason
    abroad = {**OWN, "templateRef": {"name": "own", "namespace": "there"}}
    blocked = _source(prometheus, abroad, templates=lambda *_: _template(prometheus.url), cross_namespace=False)
    with pytest.raises(RefusedError, match="cross-namespace references are blocked"):
        blocked.online()


def test_variables_that_a_metric_does_not_give_are_refused_when_declared(prometheus: Prometheus) -> None:
    """Before the first rollout; in the middle of one, where the template may have changed, they fail the check."""
    template = _template(prometheus.url, '{a="{{ variables.here }}",b="{{ variables.nobody }}"}[{{ variables.odd }}]')
    for given, words in (({"here": "1"}, "has no nobody, odd"), ({"here": "1", "nobody": "2", "odd": '"'}, "quotes")):
        source = _source(prometheus, RATE, {**OWN, "templateVariables": given}, templates=lambda *_: template)
        with pytest.raises(RefusedError, match=words) as caught:
            source.online()
        assert caught.value.reason == "TemplateVariablesInvalid"
        found = source.measure(MetricQuestion(check="own"))
        assert isinstance(found, SourceError)
        assert words in found.message
    assert prometheus.queries == []


def test_a_template_that_has_been_spoilt_since_fails_its_check(prometheus: Prometheus) -> None:
    """A rollout stays nowhere for a template that nobody can read any more, and is not begun with one."""

    def refuse(*_: str) -> MetricTemplate:
        raise RefusedError("MetricTemplateInvalid", "MetricTemplate own.here: spec.query: why")

    source = _source(prometheus, OWN, templates=refuse)
    found = source.measure(MetricQuestion(check="own"))
    assert found == SourceError(message="Metric query failed for own: MetricTemplate own.here: spec.query: why")
    with pytest.raises(RefusedError, match=r"spec\.query: why"):
        source.online()


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ({"token": b"hush"}, "Bearer hush"),
        ({"username": b"me", "password": b"hush"}, "Basic bWU6aHVzaA=="),
        ({}, None),
    ],
)
def test_credentials_are_sent_and_never_shown(
    prometheus: Prometheus, capsys: pytest.CaptureFixture[str], secret: dict[str, bytes], expected: str | None
) -> None:
    seen: list[str | None] = []
    handler: Any = prometheus._server.RequestHandlerClass
    answer = handler.do_GET

    def noted(self: Any) -> None:
        seen.append(self.headers.get("Authorization"))
        answer(self)

    handler.do_GET = noted
    template = _template(prometheus.url, secretRef={"name": "s"}, headers={"X-Scope": ["a", "b"]})
    source = _source(prometheus, OWN, templates=lambda *_: template, secrets=lambda *_: secret)
    found = [source.measure(MetricQuestion(check="own")) for _ in range(2)]
    prometheus.down = True
    found.append(source.measure(MetricQuestion(check="own")))
    if expected is None:
        assert isinstance(found[0], SourceError)
        assert seen == []
    else:
        assert seen == [expected] * 3
        assert found[0] == Sample(value=100.0)
    told = repr(found) + repr(source.__dict__) + json.dumps(capsys.readouterr()) + repr(source._server_of)
    assert "hush" not in told
