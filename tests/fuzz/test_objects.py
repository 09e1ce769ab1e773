"""Objects made from our own schemas, and worse ones: each is read, or refused with a reason."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canary_adapters.controller.interests import Claims
from canary_adapters.kubernetes.naming import ObjectNames
from canary_adapters.kubernetes.store import CanaryReader, Problem
from canary_adapters.kubernetes.store.conditions import Target
from canary_adapters.kubernetes.store.status import read_status, with_problem, written_status
from canary_adapters.manifests import (
    ManifestError,
    Template,
    TemplateError,
    check_sources,
    describe_policy,
    hook_sources,
    policy_warnings,
    read_object,
)
from canary_core import Policy, Progressive
from canary_ports import RefusedError
from stories.foreign import SCHEMAS, a_spec, canaries, from_schema, odd_values

EXAMPLES: Final = int(os.environ.get("CANARY_FUZZ_EXAMPLES", "100"))
"""Of each kind; 10,000 by hand."""
LONGEST: Final = 8192
"""Characters of what people are told, however large the object is."""
VALUES: Final = {"name": "a", "namespace": "b", "target": "c", "service": "d", "ingress": "e", "route": "f"}
manyexamples: Final = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def _told(error: RefusedError, raw: dict[str, Any]) -> None:
    text = str(error)
    assert text
    assert len(text) <= LONGEST
    assert len(text.splitlines()) == 1
    text.encode()  # into a status and an event
    status = with_problem({}, Problem(error.reason, error.message), now_s=1.0, generation=1)
    assert status["conditions"][0]["message"] == " ".join(text.split())


@manyexamples
@given(raw=canaries())
def test_any_canary_is_read_or_refused_with_a_reason(raw: dict[str, Any]) -> None:
    reader = CanaryReader()
    claims = Claims()
    claims.set(raw, valid=False)
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
    with suppress(TemplateError):
        query = Template.read(template).fill({**VALUES, "interval": "1m"}, variables)
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
    st.sampled_from(["version", "phase", "traffic", "counts", "waiting", "pending", "since", "sinceS", "applied"]),
    odd_values,
)
statuses = st.builds(
    lambda found, record, version: {**found, "rollout": {"version": version, **record}} if record else found,
    from_schema(SCHEMAS["Canary"]["properties"]["status"]),
    records,
    st.sampled_from([1, 2, 3]),
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
