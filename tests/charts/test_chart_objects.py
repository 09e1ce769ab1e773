"""What the charts render: names, definitions, and that a server takes all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from applications.chart_values import ARTICLE, EVERYTHING, LOAD, SETS
from canary_adapters.kubernetes.crds import definitions
from laboratories.helm import CONTROLLER, LOADTESTER, Helm, container, kinds, kubectl, one

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("chart", [CONTROLLER, LOADTESTER], ids=lambda chart: chart.name)
def test_lint_has_nothing_to_say(helm: Helm, chart: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(chart))


@pytest.mark.parametrize("name", SETS)
def test_a_server_takes_every_object(helm: Helm, cluster_config: Path, name: str) -> None:
    chart, release, values = SETS[name]
    objects = helm.render(chart, values, release=release, namespace="default")
    for obj in objects:  # namespaces do not exist in a dry run
        if "namespace" in obj["metadata"]:
            obj["metadata"]["namespace"] = "default"
    said = kubectl(
        cluster_config,
        *("apply", "--dry-run=server", "--validate=strict", "-f", "-"),
        stdin=yaml.safe_dump_all(objects),
    )
    assert len(said.splitlines()) == len(objects)
    assert "warning" not in said.lower()


@pytest.mark.parametrize("name", ["everything", "load tester, everything"])
def test_a_server_would_not_take_a_field_that_it_does_not_know(helm: Helm, cluster_config: Path, name: str) -> None:
    """The check before this one can fail, for every kind."""
    chart, release, values = SETS[name]
    objects = helm.render(chart, values, release=release, namespace="default")
    spoiled = [obj for obj in objects if obj["kind"] != "VirtualService"]  # the definition here takes any content
    for obj in spoiled:
        part = next(obj[key] for key in ("spec", "rules", "subjects", "metadata") if key in obj)
        (part[0] if isinstance(part, list) else part)["unheardOf"] = 1
        if "namespace" in obj["metadata"]:
            obj["metadata"]["namespace"] = "default"
    with pytest.raises(AssertionError) as refused:
        kubectl(
            cluster_config,
            *("apply", "--dry-run=server", "--validate=strict", "-f", "-"),
            stdin=yaml.safe_dump_all(spoiled),
        )
    assert str(refused.value).count("unheardOf") >= len(spoiled)
    for obj in spoiled:
        assert f"cannot be handled as a {obj['kind']}" in str(refused.value)


@pytest.mark.parametrize(
    ("chart", "release", "values", "expected"),
    [
        (CONTROLLER, "canary", {}, "canary"),
        (CONTROLLER, "flagger", {}, "flagger"),
        (CONTROLLER, "my-flagger", {}, "my-flagger"),
        (CONTROLLER, "rollouts", {}, "rollouts-canary"),
        (CONTROLLER, "rollouts", {"nameOverride": "flagger"}, "rollouts-flagger"),
        (CONTROLLER, "rollouts", {"fullnameOverride": "x"}, "x"),
        (LOADTESTER, "flagger-loadtester", {}, "flagger-loadtester"),
        (LOADTESTER, "load", {}, "load-loadtester"),
    ],
)
def test_names_follow_from_the_release(
    helm: Helm, chart: Path, release: str, values: dict[str, Any], expected: str
) -> None:
    assert one(helm.render(chart, values, release=release), "Deployment")["metadata"]["name"] == expected


def test_the_articles_bundle_compares_what_is_there(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, ARTICLE, release="flagger", namespace="istio-system")
    deployment = one(objects, "Deployment", "flagger")
    assert deployment["metadata"]["namespace"] == "istio-system"
    pod = "/spec/template/spec"
    paths = [f"{pod}/containers/0/resources/limits/cpu", f"{pod}/containers/0/volumeMounts", f"{pod}/volumes"]
    patched = jsonpatch.apply_patch(deployment, [{"op": "remove", "path": path} for path in paths])
    assert "volumes" not in patched["spec"]["template"]["spec"]
    assert {
        "-mesh-provider=istio",
        f"-metrics-server={ARTICLE['metricsServer']}",
        "-include-label-prefix=dummy",
    } < set(container(objects)["args"])


def test_the_articles_hook_reaches_the_load_tester(helm: Helm) -> None:
    objects = helm.render(LOADTESTER, release="flagger-loadtester", namespace="loadtester")
    service = one(objects, "Service", "flagger-loadtester")
    assert service["metadata"]["namespace"] == "loadtester"
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert container(objects)["ports"] == [{"name": "http", "containerPort": 8080}]
    assert "-port=8080" in container(objects)["args"]


def test_selectors_are_those_of_flaggers_charts(helm: Helm) -> None:
    """They cannot change: otherwise a release of Flagger's could not be upgraded."""
    controller = one(helm.render(CONTROLLER, release="flagger"), "Deployment")
    assert controller["spec"]["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "flagger",
        "app.kubernetes.io/instance": "flagger",
    }
    load = one(helm.render(LOADTESTER, release="flagger-loadtester"), "Deployment")
    assert load["spec"]["selector"]["matchLabels"] == {"app": "loadtester"}


def test_definitions_are_ours_and_are_kept(helm: Helm) -> None:
    found = [obj for obj in helm.render(CONTROLLER) if obj["kind"] == "CustomResourceDefinition"]
    for obj in found:
        assert obj["metadata"].pop("annotations")["helm.sh/resource-policy"] == "keep"
        assert obj["metadata"].pop("labels")["app.kubernetes.io/managed-by"] == "Helm"
    by_name = {obj["metadata"]["name"]: obj for obj in found}
    wanted = {}
    for obj in definitions():
        obj = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in {"annotations", "labels"}}}  # noqa: PLW2901 - what both have
        wanted[obj["metadata"]["name"]] = obj
    assert by_name == wanted


@pytest.mark.parametrize(
    ("args", "values", "there"),
    [
        ((), {}, True),
        ((), {"crd": {"create": False}}, False),
        ((), {"crd.create": True}, True),
        ((), {"crd.create": False}, False),
        ((), {"crd": {"create": False}, "crd.create": True}, True),
        (("--set", "crd.create=false"), {}, False),
        (("--set", "crd.create=true"), {}, True),
    ],
)
def test_definitions_are_asked_for_with_a_dot_or_nested(
    helm: Helm, args: tuple[str, ...], values: dict[str, Any], there: bool
) -> None:
    assert ("CustomResourceDefinition" in kinds(helm.render(CONTROLLER, values, *args))) is there


def test_istio_leads_to_the_load_tester(helm: Helm) -> None:
    objects = helm.render(LOADTESTER, LOAD, release="load", namespace="there")
    assert one(objects, "VirtualService")["spec"] == {
        "hosts": ["flagger-loadtester.flagger"],
        "gateways": ["load-loadtester"],
        "http": [
            {
                "route": [
                    {"destination": {"host": "load-loadtester.there.svc.cluster.local", "port": {"number": 80}}},
                ]
            }
        ],
    }
    plain, secure = one(objects, "Gateway", "load-loadtester")["spec"]["servers"]
    assert (plain["port"]["number"], plain["tls"]) == (80, {"httpsRedirect": True})
    assert (secure["port"]["number"], secure["tls"]["credentialName"]) == (443, "load-loadtester")
    inside = helm.render(LOADTESTER, {"istio": {"enabled": True}})
    assert one(inside, "VirtualService")["spec"]["gateways"] == ["mesh"]
    assert "Gateway" not in kinds(inside)


def test_alerts_and_dashboard_are_those_of_the_files(helm: Helm) -> None:
    objects = helm.render(CONTROLLER, EVERYTHING, release="rollouts")
    rules = one(objects, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((CONTROLLER / "rules" / "alerts.yaml").read_text("utf-8"))
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    shown = one(objects, "ConfigMap", "rollouts-canary-dashboard")
    assert json.loads(shown["data"]["canary.json"]) == json.loads(
        (CONTROLLER / "dashboards" / "canary.json").read_text("utf-8")
    )
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_monitors_leave_the_namespace_of_a_canary_alone(helm: Helm) -> None:
    """The alerts and the dashboard ask for it by that name."""
    objects = helm.render(CONTROLLER, {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}})
    (pods,) = one(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    (services,) = one(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert (pods["honorLabels"], services["honorLabels"]) == (True, True)
