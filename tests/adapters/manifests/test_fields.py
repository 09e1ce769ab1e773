"""One field at a time: what each may hold, and what is said when it holds something else."""

from collections.abc import Callable
from typing import Any

import pytest

from canary_adapters.manifests import ManifestError, read_object

Declare = Callable[..., dict[str, Any]]
INTERVAL = "must be a Go duration that begins with minutes or seconds, like 90s or 1m30s"
WINDOW = "must be a duration above zero in minutes and seconds, like 1m or 1m30s"
ABSENT = "is missing, but must be given"
UNKNOWN = "unknown field, which the API server would drop without a word"
ONE_OF = "exactly one of iterations, stepWeight, stepWeights must be given"
NUMBER_HINT = "must be a text (put it into quotes: without them YAML reads a number)"


def found(raw: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    with pytest.raises(ManifestError) as caught:
        read_object(raw)
    return [(one.path, one.value, one.allowed) for one in caught.value.mistakes]


def metric(**parts: Any) -> dict[str, Any]:
    return {"analysis.metrics": [{"name": "request-success-rate", **parts}]}


def hook(**parts: Any) -> dict[str, Any]:
    return {"analysis.webhooks": [{"name": "hook", "url": "http://hook/", **parts}]}


CASES: list[tuple[dict[str, Any], str, str | None, str]] = [
    # Types.
    ({"analysis.threshold": "5"}, "spec.analysis.threshold", '"5"', "must be a whole number (without quotes)"),
    ({"analysis.threshold": True}, "spec.analysis.threshold", "true", "must be a whole number"),
    ({"analysis.threshold": 1.5}, "spec.analysis.threshold", "1.5", "must be a whole number"),
    ({"analysis.threshold": float("nan")}, "spec.analysis.threshold", '"nan"', "must be a whole number"),
    ({"analysis.threshold": 2**63}, "spec.analysis.threshold", '"a number of more than 18 digits"',
     "must be a whole number of at most 64 bits"),
    ({"analysis.mirror": "true"}, "spec.analysis.mirror", '"true"', "must be true or false (without quotes)"),
    ({"analysis.mirror": 1}, "spec.analysis.mirror", "1", "must be true or false"),
    ({"metadata.labels": {"v": 1.1}}, "metadata.labels.v", "1.1", NUMBER_HINT),
    ({"metadata.labels": {"a.b/c": True}}, 'metadata.labels["a.b/c"]', "true",
     "must be a text (put it into quotes: YAML reads yes, no, on, off, true and false as booleans)"),
    ({"metadata.labels": ["a"]}, "metadata.labels", '["a"]', "must be a mapping"),
    ({"spec.service.hosts": "a"}, "spec.service.hosts", '"a"', "must be a list"),
    ({"spec.service.hosts": ["a", None]}, "spec.service.hosts[1]", "null", "must be a text"),
    ({"spec.targetRef": "app"}, "spec.targetRef", '"app"', "must be a mapping with apiVersion, kind, name"),
    ({"spec.service.targetPort": [1]}, "spec.service.targetPort", "[1]", "must be a number or a name"),
    # Ranges.
    ({"spec.service.port": 0}, "spec.service.port", "0", "must be a whole number from 1 to 65535"),
    ({"spec.service.targetPort": 70000}, "spec.service.targetPort", "70000", "must be a whole number from 0 to 65535"),
    ({"analysis.stepWeight": -1}, "spec.analysis.stepWeight", "-1", "must be a whole number from 0 to 100"),
    ({"analysis.stepWeight": 101}, "spec.analysis.stepWeight", "101", "must be a whole number from 0 to 100"),
    ({"analysis.maxWeight": 101}, "spec.analysis.maxWeight", "101", "must be a whole number of at most 100"),
    ({"analysis.mirrorWeight": 101}, "spec.analysis.mirrorWeight", "101", "must be a whole number from 0 to 100"),
    ({"spec.progressDeadlineSeconds": 0}, "spec.progressDeadlineSeconds", "0", "must be a whole number of at least 1"),
    ({"analysis.noDataThreshold": 0}, "spec.analysis.noDataThreshold", "0", "must be a whole number of at least 1"),
    ({"analysis.errorThreshold": -3}, "spec.analysis.errorThreshold", "-3", "must be a whole number of at least 1"),
    (metric(minSamples=0), "spec.analysis.metrics[0].minSamples", "0", "must be a whole number of at least 1"),
    # One of a few texts.
    ({"spec.targetRef.kind": "StatefulSet"}, "spec.targetRef.kind", '"StatefulSet"',
     "must be one of DaemonSet, Deployment, Service"),
    (hook(type="pre"), "spec.analysis.webhooks[0].type", '"pre"',
     ('must be one of "", confirm-rollout, pre-rollout, rollout, confirm-traffic-increase, confirm-promotion, '
     "post-rollout, event, rollback")),
    # Durations, URLs, names, expressions.
    *[({"analysis.interval": bad}, "spec.analysis.interval", f'"{bad}"', INTERVAL)
      for bad in ("", "1x", "10sfoo", "1h", "m", "1.5m", "-1m", "60", " 1m", "1m ", "1d", "1m2d", "9" * 30 + "s")],
    (metric(interval="0s"), "spec.analysis.metrics[0].interval", '"0s"', WINDOW),
    (metric(interval="1s1m"), "spec.analysis.metrics[0].interval", '"1s1m"', WINDOW),
    ({"analysis.approvalDeadline": "0s"}, "spec.analysis.approvalDeadline", '"0s"',
     "must be a Go duration above zero, like 90s or 1h30m"),
    ({"analysis.drainTime": "soon"}, "spec.analysis.drainTime", '"soon"',
     "must be a Go duration like 500ms, 90s or 1h30m"),
    *[(hook(url=bad), "spec.analysis.webhooks[0].url", f'"{bad}"', "must be an http:// or https:// URL")
      for bad in ("", "hook", "ftp://hook/", "http://", "http://h:99999/", "http://[", "http://a b/")],
    ({"metadata.name": "App"}, "metadata.name", '"App"',
     r"must be a text that matches ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"),
    ({"metadata.name": "app\n"}, "metadata.name", '"app\\n"', "must hold no control characters: U+000A at character 4"),
    ({"metadata.name": "a" * 254}, "metadata.name", '"' + "a" * 76 + "...", "must be a text of at most 253 characters"),
    ({"analysis.match": [{"headers": {"x": {"regex": "(a"}}}]}, "spec.analysis.match[0].headers.x.regex", '"(a"',
     "must be a regular expression: a ( is not closed"),
    # Missing and unknown.
    ({"metadata.name": ...}, "metadata.name", None, ABSENT),
    ({"analysis.interval": ...}, "spec.analysis.interval", None, ABSENT),
    ({"analysis.threshold": None}, "spec.analysis.threshold", None, ABSENT),
    ({"spec.service": ...}, "spec.service", None, ABSENT),
    ({"spec.targetRef.kind": ...}, "spec.targetRef.kind", None, ABSENT),
    ({"analysis.stepWeigth": 1}, "spec.analysis.stepWeigth", None, f"{UNKNOWN}; did you mean stepWeight?"),
    ({"spec.progressdeadlineseconds": 1}, "spec.progressdeadlineseconds", None,
     f"{UNKNOWN}; did you mean progressDeadlineSeconds?"),
    ({"spec.canaryAnalysis": {}}, "spec.canaryAnalysis", None, f"{UNKNOWN}; did you mean analysis?"),
    ({"spec.service.trafficPolicy": {"connectionPool": {"tcp": {}}}},
     "spec.service.trafficPolicy.connectionPool.tcp", None, f"{UNKNOWN}; known are http"),
    ({"metadata.labels": None, "metadata.colour": None}, "metadata.colour", None,
     (f"{UNKNOWN}; known are name, namespace, labels, annotations, uid, resourceVersion, generation, generateName, "
     "creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, finalizers")),
    # One of several fields.
    ({"analysis.stepWeight": ...}, "spec.analysis", None, f"{ONE_OF}, but none is"),
    ({"analysis.stepWeight": None}, "spec.analysis", None, f"{ONE_OF}, but none is"),
    ({"analysis.iterations": 3}, "spec.analysis", None, f"{ONE_OF}, not iterations and stepWeight together"),
    ({"analysis.stepWeights": [1]}, "spec.analysis", None, f"{ONE_OF}, not stepWeight and stepWeights together"),
    ({"analysis.match": [{"headers": {"x": {}}}]}, "spec.analysis.match[0].headers.x", None,
     "exactly one of exact, prefix, suffix, regex must be given, but none is"),
    ({"spec.service.match": [{"uri": {"exact": "/", "prefix": "/"}}]}, "spec.service.match[0].uri", None,
     "at most one of exact, prefix, regex must be given, not exact and prefix together"),
    # Fields that do not go together.
    ({"analysis.stepWeight": ..., "analysis.stepWeights": [5, 10, 10]}, "spec.analysis.stepWeights[2]", "10",
     "must be above the weight before it (10)"),
    ({"analysis.stepWeight": ..., "analysis.stepWeights": [5, 200]}, "spec.analysis.stepWeights[1]", "200",
     "must be a whole number from 1 to 100"),
    ({"analysis.stepWeight": ..., "analysis.stepWeights": []}, "spec.analysis.stepWeights", "[]",
     "must hold at least one weight"),
    ({"analysis.sessionAffinity": {"cookieName": "c", "primaryCookieName": "c"}},
     "spec.analysis.sessionAffinity.primaryCookieName", '"c"', "must be different from cookieName"),
    (metric(thresholdRange={"min": 2, "max": 1}), "spec.analysis.metrics[0].thresholdRange.min", "2.0",
     "must be at most max (1)"),
    (metric(name="request-duration"), "spec.analysis.metrics[0]", None,
     "needs thresholdRange or threshold: without them no value above zero would pass"),
    (metric(templateRef={"name": "t"}), "spec.analysis.metrics[0]", None,
     "needs thresholdRange or threshold: without them no value above zero would pass"),
    (metric(name="mine", threshold=1), "spec.analysis.metrics[0]", None,
     "must have a templateRef or a query, or be named request-duration or request-success-rate"),
    ({"spec.service.delegation": True, "spec.service.hosts": ["a"]}, "spec.service.hosts", '["a"]',
     "must be absent with delegation: true"),
    ({"spec.autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "a",
                             "primaryScalerReplicas": {"minReplicas": 3, "maxReplicas": 2}}},
     "spec.autoscalerRef.primaryScalerReplicas.minReplicas", "3", "must be at most maxReplicas (2)"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "value", "allowed"), CASES, ids=lambda part: str(part)[:50])
def test_a_bad_field_is_named_with_its_value_and_what_is_allowed(
    declare: Declare, changes: dict[str, Any], path: str, value: str | None, allowed: str
) -> None:
    assert found(declare(changes)) == [(path, value, allowed)]


GOOD: list[dict[str, Any]] = [
    {"analysis.threshold": 5.0},
    {"analysis.threshold": -1},
    {"analysis.maxWeight": -1},
    {"analysis.interval": "90m"},
    {"analysis.interval": "1m30s"},
    {"analysis.interval": "5ms"},
    {"analysis.iterations": 5, "analysis.stepWeight": ...},
    {"analysis.stepWeights": [1, 2, 100], "analysis.stepWeight": ...},
    {"analysis.mirror": None, "spec.provider": None},
    {"analysis.alerts": [{"name": "a", "severity": "", "providerRef": {"name": "b"}}]},
    {"spec.service.targetPort": "http"},
    {"spec.service.targetPort": 0},
    {"spec.service.match": [{"headers": {"x": {}}}]},
    {"spec.service.match": [{"uri": {"regex": r"(?i)/\pL+"}}, {"uri": {"regex": "[[a]--b]"}}]},
    metric(interval="1m30s", threshold=0),
    metric(name="mine", query="up", thresholdRange={}),
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_what_flagger_takes_is_taken(declare: Declare, changes: dict[str, Any]) -> None:
    assert read_object(declare(changes)).canaries[0].name == "app"


def test_all_mistakes_of_one_object_are_found_together(declare: Declare) -> None:
    raw = declare({"spec.service.port": "x", "analysis.interval": "1x", "analysis.iterations": 1, "spec.more": 1})
    assert [path for path, _, _ in found(raw)] == [
        "spec.service.port",
        "spec.analysis.interval",
        "spec.analysis",
        "spec.more",
    ]


@pytest.mark.parametrize(
    ("kind", "spec", "path", "allowed"),
    [
        ("MetricTemplate", {"query": "up"}, "spec.provider", ABSENT),
        ("MetricTemplate", {"query": "up", "provider": {"type": "prometheus"}}, "spec.provider.address",
         "is missing, but must be given for type prometheus"),
        ("MetricTemplate", {"query": "up", "provider": {"type": "prometheus", "address": "prom:9090"}},
         "spec.provider.address", "must be an http:// or https:// URL"),
        ("MetricTemplate", {"query": "", "provider": {"type": "datadog"}}, "spec.query",
         "must be a text that is not empty"),
        ("MetricTemplate", {"query": "up", "provider": {"type": "datadog", "headers": {"X-A": "b"}}},
         "spec.provider.headers.X-A", "must be a list"),
        ("AlertProvider", {"type": "slack"}, "spec", "exactly one of address, secretRef must be given, but none is"),
        ("AlertProvider", {"type": "slack", "address": "http://a/", "secretRef": {"name": "s"}}, "spec",
         "exactly one of address, secretRef must be given, not address and secretRef together"),
        ("AlertProvider", {"type": "irc", "address": "http://a/"}, "spec.type",
         "must be one of slack, msteams, discord, rocket, gchat"),
    ],
)  # fmt: skip
def test_templates_and_alert_providers_are_judged_too(kind: str, spec: dict[str, Any], path: str, allowed: str) -> None:
    raw = {"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert [(where, said) for where, _, said in found(raw)] == [(path, allowed)]
