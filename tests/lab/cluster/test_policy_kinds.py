"""Budgets for disruption and policies of the network are completed and checked as a real server does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client

LABELS = {"matchLabels": {"app": "x"}}


def _causes(error: client.ApiException) -> list[tuple[str, str]]:
    found = json.loads(error.body or "{}")["details"]["causes"]
    return [(each["field"], each["reason"]) for each in found]


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"minAvailable": 1, "maxUnavailable": 1}, [("spec", "FieldValueInvalid")]),
        ({"minAvailable": -1}, [("spec.minAvailable", "FieldValueInvalid")]),
        ({"minAvailable": "half"}, [("spec.minAvailable", "FieldValueInvalid")]),
        ({"maxUnavailable": "101%"}, [("spec.maxUnavailable", "FieldValueInvalid")]),
        (
            {"minAvailable": 1, "unhealthyPodEvictionPolicy": "Never"},
            [("spec.unhealthyPodEvictionPolicy", "FieldValueNotSupported")],
        ),
    ],
)
def test_budgets_with_mistakes_are_refused(
    api: Any, namespace: str, spec: dict[str, Any], causes: list[tuple[str, str]]
) -> None:
    policy: Any = client.PolicyV1Api(api)
    body = {"metadata": {"name": "bad"}, "spec": {**spec, "selector": LABELS}}
    with pytest.raises(client.ApiException) as refused:
        policy.create_namespaced_pod_disruption_budget(namespace, body)
    assert refused.value.status == 422
    assert _causes(refused.value) == causes


def test_a_budget_may_change(api: Any, namespace: str) -> None:
    policy: Any = client.PolicyV1Api(api)
    body = {"metadata": {"name": "good"}, "spec": {"minAvailable": "50%", "selector": LABELS}}
    made = policy.create_namespaced_pod_disruption_budget(namespace, body)
    assert made.metadata.generation == 1
    found = policy.patch_namespaced_pod_disruption_budget("good", namespace, {"spec": {"minAvailable": 2}})
    assert (found.spec.min_available, found.metadata.generation) == (2, 2)
    with pytest.raises(client.ApiException):
        policy.patch_namespaced_pod_disruption_budget("good", namespace, {"spec": {"minAvailable": "x"}})


def test_types_of_a_network_policy_follow_from_its_rules(api: Any, namespace: str) -> None:
    networking: Any = client.NetworkingV1Api(api)
    create = networking.create_namespaced_network_policy
    closed = create(namespace, {"metadata": {"name": "closed"}, "spec": {"podSelector": {}}})
    assert closed.spec.policy_types == ["Ingress"]
    rule = {"ports": [{"port": 53}], "to": [{"namespaceSelector": LABELS, "podSelector": LABELS}]}
    both = create(namespace, {"metadata": {"name": "both"}, "spec": {"podSelector": LABELS, "egress": [rule]}})
    assert both.spec.policy_types == ["Ingress", "Egress"]
    assert both.spec.egress[0].ports[0].protocol == "TCP"


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"policyTypes": ["Both"]}, [("spec.policyTypes[0]", "FieldValueNotSupported")]),
        ({"policyTypes": ["Ingress", "Egress", "Ingress"]}, [("spec.policyTypes", "FieldValueInvalid")]),
        ({"ingress": [{"from": [{}]}]}, [("spec.ingress[0].from[0]", "FieldValueRequired")]),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
            [("spec.egress[0].to[0]", "FieldValueForbidden")],
        ),
        ({"ingress": [{"ports": [{"port": 70000}]}]}, [("spec.ingress[0].ports[0].port", "FieldValueInvalid")]),
        (
            {"ingress": [{"ports": [{"port": 1, "protocol": "ICMP"}]}]},
            [("spec.ingress[0].ports[0].protocol", "FieldValueNotSupported")],
        ),
    ],
)
def test_network_policies_with_mistakes_are_refused(
    api: Any, namespace: str, spec: dict[str, Any], causes: list[tuple[str, str]]
) -> None:
    networking: Any = client.NetworkingV1Api(api)
    body = {"metadata": {"name": "bad"}, "spec": {"podSelector": LABELS, **spec}}
    with pytest.raises(client.ApiException) as refused:
        networking.create_namespaced_network_policy(namespace, body)
    assert refused.value.status == 422
    assert _causes(refused.value) == causes
