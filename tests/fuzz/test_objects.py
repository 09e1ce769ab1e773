"""Objects made from our own schemas, and worse ones: each is read, or refused with a reason."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canary_adapters.controller.interests import Claims
from canary_adapters.kubernetes.crds import definitions
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.store import CanaryReader, Problem
from canary_adapters.kubernetes.store.status import Target, read_status, with_problem, written_status
from canary_adapters.manifests import (
    ManifestError,
    check_sources,
    describe_policy,
    hook_sources,
    policy_warnings,
    read_object,
)
from canary_adapters.prometheus.templates import QueryTemplateError, render
from canary_core import Policy, Progressive
from canary_ports import RefusedError
from declared import raw_canary

EXAMPLES: Final = int(os.environ.get("CANARY_FUZZ_EXAMPLES", "300"))
"""Of each kind; 10,000 by hand."""
LONGEST: Final = 8192
"""Characters of what people are told, however large the object is."""
SCHEMAS: Final = {
    each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for each in definitions()
}
VALUES: Final = {"name": "a", "namespace": "b", "target": "c", "service": "d", "ingress": "e", "route": "f"}
manyexamples: Final = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

odd_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from([
        "", " ", "\0", "\n", "a" * 63, "a" * 64, "a" * 253, "a" * 254, "x" * 5000, "-a", "a-", "A", "a.b", "a..b",
        "../..", "\u202e", "\ud800", "\U0001f427", "e\u0301", "{{ 7*7 }}", "{{ variables }}", '"} or vector(1) #', "`",
        "{% for %}",
        "http://", "http://[", "http://a:99999/", "http://169.254.169.254/", "file:///etc/passwd", "javascript:0",
        "1m", "0s", "-1s", "1e9h", "9223372036s", "1d", "99999999999999999999s", "1m30s", "(((", "(a+)+$", "[[:x:]]",
        "istio", "kubernetes", "prometheus", "slack", "Deployment", "Service", "rollout", "info", "true", "1",
    ]),
)  # fmt: skip
odd_numbers = st.one_of(
    st.integers(-3, 120),
    st.sampled_from([0, -0.0, 0.5, 1e308, -1e308, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 99.999999]),
    st.floats(allow_nan=False, allow_infinity=False),
)
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)
DEEP: Any = 0
for _ in range(300):
    DEEP = {"a": [DEEP]}


def from_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a structural schema accepts, with odd ones for what it leaves open."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            inner = {key: from_schema(value) for key, value in schema["properties"].items()}
            needed = {key: inner.pop(key) for key in schema.get("required", ())}
            return st.fixed_dictionaries(needed, optional=inner)
        case "object":
            each = schema.get("additionalProperties")
            return st.dictionaries(odd_texts, from_schema(each) if isinstance(each, dict) else odd_values, max_size=3)
        case "array":
            return st.lists(from_schema(schema["items"]), max_size=3)
        case "boolean":
            return st.booleans()
        case "number" | "integer":
            return odd_numbers
        case "string":
            return odd_texts
        case _:
            return odd_numbers | odd_texts


def a_spec(kind: str) -> st.SearchStrategy[Any]:
    return from_schema(SCHEMAS[kind]["properties"]["spec"])


def sound(draw: st.DrawFn) -> dict[str, Any]:
    """A Canary in which a part only is odd: what is wrong as a whole is refused too soon to be of interest."""
    raw = raw_canary("here")
    part = draw(a_spec("Canary"))
    for key in draw(st.lists(st.sampled_from(sorted(part)), max_size=3)) if part else ():
        raw["spec"][key] = part[key]
    analysis = draw(from_schema(SCHEMAS["Canary"]["properties"]["spec"]["properties"]["analysis"]))
    kept = draw(st.lists(st.sampled_from(sorted(analysis)), max_size=4)) if analysis else ()
    raw["spec"].setdefault("analysis", {})
    if isinstance(raw["spec"]["analysis"], dict):
        raw["spec"]["analysis"] = {**raw["spec"]["analysis"], **{key: analysis[key] for key in kept}}
    return raw


@st.composite
def canaries(draw: st.DrawFn) -> dict[str, Any]:
    """Canary objects as an API server may hand them out."""
    raw = sound(draw) if draw(st.booleans()) else {**raw_canary("here"), "spec": draw(a_spec("Canary") | odd_values)}
    raw["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "1", "namespace": "here"}
    raw["metadata"]["name"] = draw(st.sampled_from(["app", "a" * 253, "a.b-c"]))
    if draw(st.integers(0, 20)) == 0:
        raw["spec"] = {**raw_canary("here")["spec"], draw(st.sampled_from(["service", "analysis", "x"])): DEEP}
    if draw(st.booleans()):
        raw["metadata"]["labels"] = draw(st.dictionaries(odd_texts, odd_texts, max_size=2))
    return raw


def _told(error: RefusedError, raw: dict[str, Any]) -> None:
    text = str(error)
    assert text
    assert len(text) <= LONGEST
    assert len(text.splitlines()) == 1
    text.encode()  # into a status and an event
    status = with_problem({}, Problem(error.reason, error.message), now_s=1.0, generation=1)
    assert status["conditions"][0]["message"] == text


@manyexamples
@given(raw=canaries())
def test_any_canary_is_read_or_refused_with_a_reason(raw: dict[str, Any]) -> None:
    reader = CanaryReader()
    claims = Claims()
    claims.set(raw)
    try:
        loaded = reader.read(raw)
    except RefusedError as error:
        _told(error, raw)
        reader.read_to_delete(raw)
        return
    canary, policy = loaded.canary, loaded.policy
    assert describe_policy(policy)
    policy_warnings(canary)
    names = ObjectNames.of(canary)
    assert names.primary != names.target or canary.spec.target_ref.kind == "Service"
    assert len({source.id for source in check_sources(canary)}) == len(policy.checks)
    assert {source.id for source in hook_sources(canary)} == {hook.id for hook in policy.hooks}
    rollout = read_status(policy, {})
    target = Target(kind="Deployment", full="deployment app.here")
    assert written_status(policy, rollout, {}, target=target, now_s=1.0, generation=1)["rollout"]
    for source in check_sources(canary):
        _query(source.metric.query or "", source.metric.template_variables or {})


def _query(template: str, variables: Any) -> None:
    with suppress(QueryTemplateError):
        query = render(template, {**VALUES, "interval": "1m"}, variables)
        assert "{{" not in query or "{{" in template or any("{{" in value for value in variables.values())


@pytest.mark.parametrize("kind", ["MetricTemplate", "AlertProvider"])
def test_any_other_object_is_read_or_refused_with_a_reason(kind: str) -> None:
    @manyexamples
    @given(spec=a_spec(kind) | odd_values)
    def check(spec: Any) -> None:
        metadata = {"name": "a", "namespace": "here"}
        raw = {"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}
        try:
            found = read_object(raw)
        except ManifestError as error:
            for mistake in error.mistakes:
                assert len(str(mistake)) <= LONGEST
            return
        for template in found.metric_templates:
            _query(template.spec.query, {"a": '"} or vector(1) #'})

    check()


records = st.dictionaries(
    st.sampled_from(["version", "phase", "traffic", "counts", "waiting", "pending", "sinceS", "applied"]), odd_values
)
statuses = st.builds(
    lambda found, record, version: {**found, "rollout": {"version": version, **record}} if record else found,
    from_schema(SCHEMAS["Canary"]["properties"]["status"]),
    records,
    st.sampled_from([1, 2]),
)


@manyexamples
@given(status=statuses)
def test_any_status_is_taken_over_or_refused_with_a_reason(status: dict[str, Any]) -> None:
    """Whoever may write the status can write anything into it."""
    policy = Policy(strategy=Progressive(weights=(50,)))
    try:
        rollout = read_status(policy, status)
    except RefusedError as error:
        _told(error, status)
        return
    target = Target(kind="Deployment", full="deployment app.here")
    written_status(policy, rollout, status, target=target, now_s=1.0, generation=1)
