"""Which values the charts take: any combination of switches, no typo, and no word of what is not served is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laboratories.helm import CHARTS, CONTROLLER, LOADTESTER, Helm, HelmError, Obj, container, one, pod_spec

pytestmark = pytest.mark.slow

SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "namespace": st.sampled_from(["", "team-a"]),
        "rbac": st.fixed_dictionaries({"create": st.booleans()}),
        "serviceAccount": st.fixed_dictionaries({"create": st.booleans(), "name": st.sampled_from(["", "mine"])}),
        "leaderElection": st.fixed_dictionaries({"enabled": st.booleans(), "replicaCount": st.integers(0, 3)}),
        "podMonitor": st.fixed_dictionaries({"enabled": st.booleans()}),
        "serviceMonitor": st.fixed_dictionaries({"enabled": st.booleans()}),
        "podDisruptionBudget": st.fixed_dictionaries(
            {"enabled": st.booleans()}, optional={"maxUnavailable": st.sampled_from([None, 0, "10%"])}
        ),
        "networkPolicy": st.fixed_dictionaries({"enabled": st.booleans()}),
        "slack": st.none() | st.fixed_dictionaries({"url": st.sampled_from(["", "https://x.example.com/"])}),
        "clusterName": st.text("ab:#{}'\"- ", max_size=6),
    },
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(values=SWITCHES, release=st.sampled_from(["canary", "flagger", "a"]))
def test_any_combination_hangs_together(helm: Helm, values: dict[str, Any], release: str) -> None:
    """Roles are bound, accounts and secrets that are named are made, selectors meet the Pods, nobody acts twice."""
    objects = helm.render(CONTROLLER, {"crd": {"create": False}, **values}, release=release)
    names = [(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects]
    assert len(names) == len(set(names))
    deployment = one(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in _selectors(objects):
        assert selector.items() <= labels.items()
    roles = {
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects if "rules" in obj
    }
    for obj in objects:
        if "roleRef" in obj:
            reference = obj["roleRef"]
            assert (reference["kind"], obj["metadata"].get("namespace"), reference["name"]) in roles
            (subject,) = obj["subjects"]
            assert subject["name"] == pod_spec(objects)["serviceAccountName"]
    if (values.get("serviceAccount") or {}).get("create", True):
        assert one(objects, "ServiceAccount")["metadata"]["name"] == pod_spec(objects)["serviceAccountName"]
    elects = "-enable-leader-election" in container(objects)["args"]
    replicas = (values.get("leaderElection") or {}).get("replicaCount", 1)
    assert deployment["spec"]["replicas"] == replicas
    assert elects or replicas <= 1
    named = {each["valueFrom"]["secretKeyRef"]["name"] for each in container(objects).get("env", ())}
    assert named == {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Secret"}
    given_name = (values.get("clusterName") or "").strip()
    assert not given_name or f"-cluster-name={values['clusterName']}" in container(objects)["args"]


def _selectors(objects: list[Obj]) -> Iterator[dict[str, str]]:
    for obj in objects:
        selector = (obj.get("spec") or {}).get("selector") or (obj.get("spec") or {}).get("podSelector")
        if not selector:
            continue
        if obj["kind"] == "Service":
            yield selector
        elif obj["kind"] != "ServiceMonitor":
            yield selector["matchLabels"]
        else:
            assert selector["matchLabels"].items() <= one(objects, "Service")["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        ("canary", {"meshprovider": "istio"}, "additional properties 'meshprovider' not allowed"),
        ("canary", {"slack": {"chanel": "x"}}, "at '/slack': additional properties 'chanel' not allowed"),
        ("canary", {"leaderElection": {"replicas": 2}}, "at '/leaderElection': additional properties 'replicas'"),
        ("canary", {"leaderElection": {"replicaCount": "2"}}, "at '/leaderElection/replicaCount': got string"),
        ("canary", {"logLevel": "loud"}, "at '/logLevel': value must be one of"),
        ("canary", {"threadiness": 0}, "at '/threadiness': minimum"),
        ("canary", {"metricsServer": "prometheus:9090"}, "at '/metricsServer'"),
        ("canary", {"slack": {"url": "hooks.example.com"}}, "at '/slack/url'"),
        ("canary", {"crd": {"create": "yes"}}, "at '/crd/create': got string"),
        ("canary", {"crd.create": "yes"}, "at '/crd.create': got string"),
        ("canary", {"image": {"digest": "sha256:1"}}, "at '/image/digest'"),
        ("canary", {"env": {"SLACK_URL": "x"}}, "at '/env': got object"),
        ("canary", {"env": [{"value": "x"}]}, "at '/env/0': missing property 'name'"),
        ("canary", {"resources": {"limit": {}}}, "at '/resources': additional properties 'limit'"),
        ("canary", {"podLabels": {"a": 1}}, "at '/podLabels/a': got number"),
        ("canary", {"podDisruptionBudget": {"minAvailable": "some"}}, "at '/podDisruptionBudget/minAvailable'"),
        ("canary", {"extraArgs": ["port=1"]}, "at '/extraArgs/0'"),
        ("canary", {"prometheus": {"install": True}}, "prometheus.install: this chart brings no Prometheus"),
        ("canary", {"controlplane": {"kubeconfig": {"secretName": "x"}}}, "controlplane.kubeconfig.secretName: mesh"),
        ("canary", {"image": {"repository": "ghcr.io/fluxcd/flagger"}}, "image.repository: ghcr.io/fluxcd/flagger is"),
        ("loadtester", {"cmd": {"timeout": "1"}}, "at '/cmd/timeout'"),
        ("loadtester", {"cmd": {"namespaceRegex": "x"}}, "at '/cmd': additional properties 'namespaceRegex'"),
        ("loadtester", {"cmd": {"allowPrograms": ["/bin/sh"]}}, "at '/cmd/allowPrograms/0'"),
        ("loadtester", {"tenants": "yes"}, "at '/tenants': got string"),
        ("loadtester", {"gateToken": {"namespaces": ["Team A"]}}, "at '/gateToken/namespaces/0'"),
        ("loadtester", {"denyAddresses": ["localhost"]}, "at '/denyAddresses/0'"),
        ("canary", {"denyAddresses": ["metadata.google.internal"]}, "at '/denyAddresses/0'"),
        (
            "loadtester",
            {"tenants": True, "cmd": {"enableShell": True}},
            "tenants: cmd.enableShell and cmd.enableBash must",
        ),
        (
            "loadtester",
            {"tenants": True, "cmd": {"enableBash": True}},
            "tenants: cmd.enableShell and cmd.enableBash must",
        ),
        ("loadtester", {"tenants": True, "flaggerCompatible": True}, "flaggerCompatible: must be off with tenants"),
        ("loadtester", {"service": {"port": 0}}, "at '/service/port'"),
        ("loadtester", {"rbac": {"rules": [{"resource": []}]}}, "at '/rbac/rules/0'"),
        (
            "loadtester",
            {"image": {"repository": "fluxcd/flagger-loadtester"}},
            "fluxcd/flagger-loadtester is Flagger's",
        ),
    ],
)
def test_wrong_values_are_refused_with_their_path(helm: Helm, chart: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm.render(CHARTS / chart, values)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("chart", "values", "told"),
    [
        (CONTROLLER, {}, ["serves the Canary objects of all namespaces"]),
        (CONTROLLER, {"namespace": "team-a"}, ["serves the Canary objects of namespace team-a"]),
        (CONTROLLER, {"crd": {"create": False}}, ["canary crds | kubectl apply -f -"]),
        (CONTROLLER, {"meshProvider": "linkerd"}, ["meshProvider: linkerd is not served"]),
        (CONTROLLER, {"meshProvider": "kubernetes"}, []),
        (CONTROLLER, {"leaderElection": {"enabled": False, "replicaCount": 2}}, ["so they elect a leader"]),
        (CONTROLLER, {"podDisruptionBudget": {"enabled": True}}, ["from being drained"]),
        (
            CONTROLLER,
            {"ingressClass": "x", "linkerdAuthPolicy": {"create": True}, "rbac": {"pspEnabled": True}},
            ["Without effect here: ingressClass, linkerdAuthPolicy, rbac.pspEnabled."],
        ),
        (LOADTESTER, {}, ["http://load-loadtester.there/\n"]),
        (LOADTESTER, {"service": {"port": 8000}}, ["http://load-loadtester.there:8000/\n"]),
        (LOADTESTER, {"cmd": {"enableShell": True}}, ["can run anything in its Pods"]),
        (LOADTESTER, {"replicaCount": 2}, ["gates are kept in the memory of each Pod"]),
        (LOADTESTER, {"istio": {"enabled": True, "gateway": {"enabled": True}}}, ["reached from outside"]),
        (
            LOADTESTER,
            {"gateToken": {"enabled": True}},
            ["get secret load-loadtester-gates -o jsonpath='{.data.token}'"],
        ),
        (LOADTESTER, {"tenants": True, "rbac": {"create": True}}, ["get secret", "act with the rights of this role"]),
        (LOADTESTER, {"appmesh": {"enabled": True}}, ["Without effect here: appmesh."]),
    ],
)
def test_notes_tell_what_is_and_what_is_not(helm: Helm, chart: Path, values: dict[str, Any], told: list[str]) -> None:
    said = helm("install", "load", str(chart), "--namespace", "there", "--dry-run=client", values=values)
    _, _, notes = said.partition("NOTES:")
    assert notes.strip()
    for words in told:
        assert words in notes
    warnings = (
        *("Without effect", "is not served", "so they elect", "drained", "run anything", "outside", "memory"),
        *("get secret", "rights of this role"),
    )
    assert sum(word in notes for word in warnings) == sum(word in text for text in told for word in warnings)
