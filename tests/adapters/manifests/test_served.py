"""What is served is one table: `canary validate` says yes to nothing that the controller or the API server refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from applications.declared import a_deployment, canary_of, raw_canary
from campaigns.process import SendingApi
from canary_adapters.controller.registry import Registry
from canary_adapters.kubernetes.answers import content_of
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.mistakes import check_served
from canary_adapters.kubernetes.resources import DEPLOYMENTS, Obj
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.store import CanaryReader
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_adapters.manifests import (
    Canary,
    Given,
    ManifestError,
    Served,
    policy_of,
    provider_of,
    read_object,
    read_text,
    unserved,
    unserved_template,
)
from canary_adapters.manifests.names import is_label, is_label_value, is_port_name, is_qualified
from canary_adapters.manifests.structure import render
from canary_core import Traffic
from canary_ports import RefusedError
from laboratories.quiet_server import QuietServer
from stories.foreign import canaries

Declare = Callable[..., dict[str, Any]]
SERVED = Served(providers=("istio", "kubernetes"), metrics=("prometheus",))
LONG = "a" * 56
DAEMON = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}
KEDA = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "app"}


def _wrong(canary: Canary, **more: Any) -> list[tuple[str, str]]:
    return [(each.reason, render(each.path)) for each in unserved(canary, SERVED, **more)]


def _reader(served: Served) -> CanaryReader:
    """As the controller makes it."""
    return CanaryReader(check=partial(check_served, served=served, mesh_provider="istio"))


# -- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"spec.provider": "nginx"}, "ProviderUnknown", "spec.provider"),
        ({"spec.provider": "istoi"}, "ProviderUnknown", "spec.provider"),
        ({"spec.targetRef": DAEMON}, "TargetKindUnsupported", "spec.targetRef.kind"),
        ({"spec.autoscalerRef": KEDA}, "AutoscalerKindUnsupported", "spec.autoscalerRef.kind"),
        ({"spec.service.targetPort": "8080"}, "InvalidSpec", "spec.service.targetPort"),
        ({"spec.service.targetPort": "a-name-of-16-xxx"}, "InvalidSpec", "spec.service.targetPort"),
        ({"spec.service.name": "my.shop"}, "InvalidSpec", "spec.service.name"),
        ({"spec.service.name": LONG}, "InvalidSpec", "spec.service.name"),
        ({"spec.targetRef.name": LONG}, "InvalidSpec", "spec.targetRef.name"),
        ({"spec.targetRef.name": "my.shop"}, "InvalidSpec", "spec.targetRef.name"),
        ({"spec.targetRef.name": "App", "spec.service.name": "app"}, "InvalidSpec", "spec.targetRef.name"),
        ({"spec.service.portName": "HTTP_main"}, "InvalidSpec", "spec.service.portName"),
        ({"spec.service.appProtocol": "a b"}, "InvalidSpec", "spec.service.appProtocol"),
        ({"spec.service.apex": {"labels": {"a b": "c"}}}, "InvalidSpec", 'spec.service.apex.labels["a b"]'),
        ({"spec.service.primary": {"labels": {"a": "b c"}}}, "InvalidSpec", "spec.service.primary.labels.a"),
        (
            {"spec.service.canary": {"annotations": {"/a": "b"}}},
            "InvalidSpec",
            'spec.service.canary.annotations["/a"]',
        ),
    ],
    ids=str,
)
def test_what_is_not_served_is_named(declare: Declare, changes: dict[str, Any], reason: str, path: str) -> None:
    (canary,) = read_object(declare(changes)).canaries
    assert _wrong(canary) == [(reason, path)]
    raw = {**declare(changes), "metadata": {"name": "app", "namespace": "test", "uid": "1", "generation": 1}}
    with pytest.raises(RefusedError) as refused:
        _reader(SERVED).read(raw)
    assert refused.value.reason == reason
    assert refused.value.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spec.service.name": "a" * 55},
        {"spec.targetRef.name": "my.shop", "spec.service.name": "shop"},
        {"spec.service.targetPort": "web"},
        {"spec.service.targetPort": 0},
        {"spec.service.portName": "http-main", "spec.service.appProtocol": "kubernetes.io/h2c"},
        {"spec.targetRef": {"apiVersion": "v1", "kind": "Service", "name": "app"}, "spec.service.portName": "X Y"},
        {"spec.service.apex": {"labels": {"a/b": ""}, "annotations": {"Example.com/A": "x y"}}},
    ],
    ids=str,
)
def test_what_is_served_is_not(declare: Declare, changes: dict[str, Any]) -> None:
    (canary,) = read_object(declare(changes)).canaries
    assert _wrong(canary) == []


def test_a_canary_without_a_provider_gets_that_of_the_controller(declare: Declare) -> None:
    (canary,) = read_object(declare()).canaries
    assert _wrong(canary, mesh_provider="linkerd") == [("ProviderUnknown", "spec.provider")]
    (found,) = unserved(canary, SERVED, mesh_provider="linkerd")
    assert "linkerd, with which the controller was started" in found.allowed


def test_the_query_of_a_template_is_asked_of_what_is_installed() -> None:
    spec = {"provider": {"type": "datadog", "address": "https://example.com"}, "query": "avg:requests{*}"}
    raw = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "dd"}, "spec": spec}
    (template,) = read_object(raw).metric_templates
    (found,) = unserved_template(template, SERVED)
    assert (found.reason, found.value) == ("MetricProviderUnsupported", "datadog")
    assert unserved_template(template, Served(providers=(), metrics=("datadog", "prometheus"))) == ()


def test_what_is_installed_is_what_the_controller_loads() -> None:
    installed, loaded = Served.installed(), Registry.load()
    assert (set(installed.providers), set(installed.metrics)) == (set(loaded.routers), set(loaded.metrics))
    assert loaded.served == installed


def test_an_object_that_is_being_deleted_can_be_let_go_whatever_it_asks_for(declare: Declare) -> None:
    raw = declare({"spec.autoscalerRef": KEDA, "spec.provider": "nginx"})
    raw["metadata"] |= {"uid": "1", "generation": 1, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    found = _reader(SERVED).read_to_delete(raw)
    assert found is not None
    assert found.canary.spec.autoscaler_ref is None


# -- What stands in the files -----------------------------------------------------------------------------------------

DEPLOYED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s}
spec: {template: {spec: {containers: [{name: app, ports: [{name: http, containerPort: 80}]}, {ports: 5}, 7]}}}
---
"""
REFERRING = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: app, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  service: {port: 80, targetPort: %s}
  analysis:
    interval: 1m
    threshold: 1
    stepWeight: 10
    metrics: [{name: errors, templateRef: {name: errors, namespace: shared}, thresholdRange: {max: 1}}]
    alerts: [{name: chat, providerRef: {name: chat}}]
"""
TEMPLATE = """
---
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: errors, namespace: %s}
spec: {provider: {type: prometheus, address: "http://p:9090"}, query: up}
"""


def _missing(text: str) -> list[str]:
    given = read_text(text)
    return [str(each) for each in Given(given).missing(given.canaries[0])]


def test_references_are_looked_for_in_what_was_given() -> None:
    """Those to objects of ours always, others where there are objects of their kind."""
    alone = REFERRING % 80
    template, chat = "MetricTemplate errors.shared", "AlertProvider chat.test"
    assert _missing(alone) == [template, chat]
    assert _missing(DEPLOYED % "app" + alone + TEMPLATE % "shared") == [chat]
    assert _missing(DEPLOYED % "other" + alone + TEMPLATE % "test") == ["Deployment app.test", template, chat]


@pytest.mark.parametrize(("port", "known"), [("web", False), ("http", True), ("80", True), ("8080", True)])
def test_a_port_that_no_container_has_is_found_if_the_target_is_given(port: str, known: bool) -> None:
    given = read_text(DEPLOYED % "app" + REFERRING % port)
    found = list(Given(given).port_faults(given.canaries[0]))
    assert [render(path) for path, _, _ in found] == ([] if known else ["spec.service.targetPort"])
    assert all("(known: http)" in said for _, _, said in found)


# -- Names, as the API server takes them ------------------------------------------------------------------------------

names = st.text("ab1-_./ A\u00e9", max_size=20) | st.sampled_from(["a" * n for n in (15, 16, 63, 64, 253, 254)])


@pytest.fixture(scope="module")
def server() -> QuietServer:
    found = QuietServer()
    found.namespace("here")
    return found


def _takes(server: QuietServer, **port: Any) -> bool:
    metadata = port.pop("metadata", {})
    obj = {"metadata": {"name": "app", **metadata}, "spec": {"ports": [{"name": "http", "port": 80, **port}]}}
    path, query = "/api/v1/namespaces/here/services", {"dryRun": "All"}
    answer = server.request("POST", path, query=query, body={"apiVersion": "v1", "kind": "Service", **obj})
    assert answer.status in {201, 422}, answer.content
    return answer.status == 201


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(name=names)
@example(name="")
@example(name="a--b")
@example(name="8080")
@example(name="example.com/a/b")
def test_names_are_those_that_the_api_server_takes(server: QuietServer, name: str) -> None:
    for fits, port in (
        (is_port_name(name), {"targetPort": name}),
        (is_label(name), {"name": name}),
        (is_label(name), {"metadata": {"name": name}}),
        (is_qualified(name), {"appProtocol": name}),
        (is_qualified(name), {"metadata": {"labels": {name: ""}}}),
        (is_qualified(name.lower()), {"metadata": {"annotations": {name: ""}}}),
        (is_label_value(name), {"metadata": {"labels": {"a": name}}}),
    ):
        if name or "appProtocol" in port or "labels" in str(port):  # an empty name is none
            assert _takes(server, **port) is fits, port


# -- Nothing is refused later -----------------------------------------------------------------------------------------


good_names = st.sampled_from(["app", "a" * 55, "my-shop", "http", "x-1"]) | names
tables = st.dictionaries(good_names, good_names, max_size=2)
metadata_of_services = st.fixed_dictionaries({}, optional={"labels": tables, "annotations": tables})
services = st.fixed_dictionaries(
    {"port": st.just(80)},
    optional={
        **dict.fromkeys(("name", "portName", "appProtocol"), good_names),
        "targetPort": good_names | st.integers(0, 65535),
        **dict.fromkeys(("apex", "primary", "canary"), metadata_of_services),
        **dict.fromkeys(("portDiscovery", "headless"), st.booleans()),
    },
)
odd_services = st.builds(
    lambda service, target: raw_canary("here", service=service, targetRef={**DAEMON, "kind": "Deployment", **target}),
    services,
    st.fixed_dictionaries({"name": good_names}),
)


def _validates(raw: Obj) -> Canary | None:
    """As `canary validate` does. None: it says no."""
    try:
        (canary,) = read_object(raw).canaries
        policy_of(canary)
    except ManifestError:
        return None
    return None if unserved(canary, Served.installed()) else canary


def _cluster(canary: Canary) -> Cluster:
    """With the target of a canary, and a port of the name that it asks for."""
    server = QuietServer()
    server.namespace(canary.namespace)

    def send(method: str, path: str, **how: Any) -> Obj:
        answer = server.request(method, path, **how)
        return content_of(f"{method} {path}", answer.status, {}, answer.data)

    cluster = Cluster(SendingApi(send))
    target = a_deployment()
    target["metadata"]["name"] = canary.spec.target_ref.name
    port = canary.spec.service.target_port
    if isinstance(port, str) and port:
        (container,) = target["spec"]["template"]["spec"]["containers"]
        container["ports"] = [{"name": port, "containerPort": 8080}]
    cluster.create(DEPLOYMENTS, canary.namespace, target)
    return cluster


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(raw=canaries() | odd_services)
@example(raw=raw_canary("here"))
@example(raw=raw_canary("here", provider="nginx"))
@example(raw=raw_canary("here", service={"port": 80, "targetPort": "8080"}))
@example(raw=raw_canary("here", service={"port": 80, "name": LONG}))
@example(raw=raw_canary("here", service={"port": 80, "apex": {"labels": {"a b": "c"}}}))
def test_what_validates_is_refused_by_nobody_for_what_stands_in_it(raw: Obj) -> None:
    raw["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "1"}
    canary = _validates(raw)
    if canary is None:
        return
    assert _reader(Served.installed()).read(raw).canary.spec == canary_of(raw).spec
    Registry.load().router(provider_of(canary))
    settled = ObjectSettings()
    cluster = (
        _cluster(canary) if canary.spec.target_ref.kind == "Deployment" else Cluster(SendingApi(lambda *_, **__: {}))
    )
    workload_port(cluster, canary, settled, Fingerprints(ConfigDigests(cluster), track_configs=True))
    if canary.spec.target_ref.kind == "Deployment":
        ServiceRouter(cluster, canary, settled).ensure(Traffic())


def test_public_examples_pass_with_nothing_to_say() -> None:
    root = Path(__file__).parents[3] / "examples"
    for path in (*root.glob("strategies/*.yaml"), *root.glob("*/canary.yaml")):
        for canary in read_text(path.read_text()).canaries:
            assert _wrong(canary) == [], path
