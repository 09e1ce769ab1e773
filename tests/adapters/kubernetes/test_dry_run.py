"""Rehearsal on an API server with Istio's own definitions: nothing is stored, and nothing good is found fault with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import config
from kubernetes.client import Configuration

from applications.declared import DEFINITIONS, a_canary, a_deployment, a_namespace, install_definitions
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.api import Api
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.dry_run import DryRun
from canary_adapters.kubernetes.rehearsal import Rehearsed, rehearse
from canary_adapters.kubernetes.resources import DEPLOYMENTS, SERVICES, Obj
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.manifests import Canary, policy_of, provider_of
from canary_core import Traffic, foreseen_splits
from canary_lab.cluster import EmbeddedCluster
from canary_ports import RouterPort
from laboratories.istio_kinds import published

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted([*(EXAMPLES / "strategies").glob("*.yaml"), EXAMPLES / "article" / "canary.yaml"])


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A cluster with Istio's own definitions."""
    with EmbeddedCluster() as found:
        yield found


@pytest.fixture(scope="module")
def cluster(strict: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Configuration()
    path = strict.kubeconfig(tmp_path_factory.mktemp("strict") / "kubeconfig")
    config.load_kube_config(str(path), client_configuration=found)
    api = Api(found)
    install_definitions(api, published().values())
    yield Cluster(api)
    api.close()


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    return a_namespace(cluster.api)


def router_of(canary: Canary, cluster: Cluster) -> RouterPort:
    kind = IstioRouter if provider_of(canary, "istio") == "istio" else ServiceRouter
    return kind(cluster, canary, ObjectSettings())


def rehearsed(cluster: Cluster, canary: Canary) -> Rehearsed:
    return rehearse(lambda stage: router_of(canary, stage), cluster, foreseen_splits(policy_of(canary)))


def stored(cluster: Cluster, namespace: str) -> list[Obj]:
    return [each for kind in (SERVICES, VIRTUAL_SERVICES, DESTINATION_RULES) for each in cluster.list(kind, namespace)]


def example(cluster: Cluster, namespace: str, file: Path) -> Canary:
    documents = yaml.safe_load_all(file.read_text())
    spec: dict[str, Any] = next(each for each in documents if each["kind"] == "Canary")["spec"]
    spec.pop("targetRef")
    spec.pop("autoscalerRef", None)
    spec["service"].pop("targetPort", None)  # that of the example's application
    return a_canary(cluster.api, namespace, **spec)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_split_of_every_example_would_come_to_be_in_force(cluster: Cluster, namespace: str, file: Path) -> None:
    """Before there is anything, and over what there is then; nothing is stored."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    canary = example(cluster, namespace, file)
    assert rehearsed(cluster, canary) == Rehearsed()
    assert stored(cluster, namespace) == []
    router_of(canary, cluster).ensure(Traffic())
    before = stored(cluster, namespace)
    assert before
    assert rehearsed(cluster, canary) == Rehearsed()
    assert stored(cluster, namespace) == before


def test_routes_of_others_are_no_finding(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    theirs = {"name": "theirs", "match": [{"uri": {"prefix": "/x"}}], "route": [{"destination": {"host": "other"}}]}
    spec: Obj = {"hosts": ["app", "app.example.com"], "http": [theirs]}
    cluster.create(VIRTUAL_SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    canary = a_canary(cluster.api, namespace, service={"port": 80, "hosts": ["app.example.com"]})
    assert rehearsed(cluster, canary) == Rehearsed()


def test_all_that_is_wrong_is_found_at_once(cluster: Cluster, namespace: str) -> None:
    """In routes and rules; each field once, however many splits have it."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    policy = {"loadBalancer": {"consistentHash": {"httpCookie": {"ttl": "1s"}}}}
    service = {"port": 80, "timeout": "0s", "trafficPolicy": policy}
    came = rehearsed(cluster, a_canary(cluster.api, namespace, service=service))
    assert came.asked
    assert [each.ref[2] for each in came.findings] == ["app-canary", "app-primary", "app"]
    assert "httpCookie.name" in str(came.findings[0])
    assert str(came.findings[2]).startswith(f"virtualservice app.{namespace} would be refused for the split 100/0: ")
    assert "spec.http[0].timeout" in str(came.findings[2])
    refusal = came.refusal()
    assert refusal is not None
    assert all(str(each) in refusal.message for each in came.findings)


def test_a_split_that_comes_late_is_rehearsed_before_the_first(cluster: Cluster, namespace: str) -> None:
    """The conditions of an A/B test are in no route before the test begins."""
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    analysis = {"interval": "1m", "threshold": 1, "iterations": 1, "match": [{"headers": {"": {"exact": "1"}}}]}
    came = rehearsed(cluster, a_canary(cluster.api, namespace, analysis=analysis))
    assert came == Rehearsed()  # Istio's definition takes it; only its webhook refuses
    definition = published()["VirtualService"]
    for version in definition["spec"]["versions"]:
        http = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["http"]["items"]
        http["properties"]["match"]["maxItems"] = 0
    live = cluster.api._send("GET", DEFINITIONS.path(None, "virtualservices.networking.istio.io"))
    _redefine(cluster, {**live, "spec": {**live["spec"], "versions": definition["spec"]["versions"]}})
    try:
        (finding,) = rehearsed(cluster, a_canary(cluster.api, namespace, analysis=analysis)).findings
    finally:
        live = cluster.api._send("GET", DEFINITIONS.path(None, "virtualservices.networking.istio.io"))
        versions = published()["VirtualService"]["spec"]["versions"]
        _redefine(cluster, {**live, "spec": {**live["spec"], "versions": versions}})
    assert finding.split.audience.value == "matched"
    assert "spec.http[0].match" in str(finding)


def _redefine(cluster: Cluster, definition: Obj) -> None:
    cluster.api._send("PUT", DEFINITIONS.path(None, definition["metadata"]["name"]), body=definition)


# -- The cluster that keeps nothing ---------------------------------------------------------------------------------


def a_route(*hosts: str) -> Obj:
    return {"metadata": {"name": "a"}, "spec": {"hosts": list(hosts)}}


def test_what_is_written_is_read_back_and_nobody_else_sees_it(cluster: Cluster, namespace: str) -> None:
    stage = DryRun(cluster)
    made = stage.create(VIRTUAL_SERVICES, namespace, a_route("x"))
    assert stage.get(VIRTUAL_SERVICES, namespace, "a") == made
    changed = stage.replace(VIRTUAL_SERVICES, {**made, "spec": {"hosts": ["y"]}})
    assert changed["spec"] == {"hosts": ["y"]}
    patched = stage.patch(VIRTUAL_SERVICES, changed, {"spec": {"hosts": None, "gateways": ["g"]}})
    assert patched["spec"] == {"gateways": ["g"]}
    assert stage.list(VIRTUAL_SERVICES, namespace) == [patched]
    assert stage.read(VIRTUAL_SERVICES, namespace, "a") == patched
    stage.delete(VIRTUAL_SERVICES, patched)
    assert stage.get(VIRTUAL_SERVICES, namespace, "a") is None
    assert cluster.list(VIRTUAL_SERVICES, namespace) == []


def test_what_exists_is_changed_as_it_is(cluster: Cluster, namespace: str) -> None:
    cluster.create(VIRTUAL_SERVICES, namespace, a_route("x"))
    live = cluster.get(VIRTUAL_SERVICES, namespace, "a")
    stage = DryRun(cluster)
    for host in ("y", "z"):
        old = stage.get(VIRTUAL_SERVICES, namespace, "a")
        assert old is not None
        assert stage.replace(VIRTUAL_SERVICES, {**old, "spec": {"hosts": [host]}})["spec"] == {"hosts": [host]}
    assert cluster.get(VIRTUAL_SERVICES, namespace, "a") == live


def test_the_same_request_is_sent_once(cluster: Cluster, namespace: str, strict: EmbeddedCluster) -> None:
    stage = DryRun(cluster)
    assert stage.create(VIRTUAL_SERVICES, namespace, a_route("x")) == stage.create(
        VIRTUAL_SERVICES, namespace, a_route("x")
    )
    log = strict.requests.matching(namespace=namespace, resource="virtualservices", verb="create")
    assert [each.dry_run for each in log] == [True]


def test_of_subresources_there_is_no_dry_run(cluster: Cluster, namespace: str) -> None:
    """Rather than a write."""
    live = cluster.create(DEPLOYMENTS, namespace, a_deployment())
    with pytest.raises(NotImplementedError):
        DryRun(cluster).patch(DEPLOYMENTS, live, {"spec": {"replicas": 3}}, subresource="scale")


def test_an_address_that_a_dry_run_has_given_is_not_asked_for_again(cluster: Cluster, namespace: str) -> None:
    """Nobody keeps it for a Service that does not exist: others may have it by now, and that is no finding."""
    stage = DryRun(cluster)
    spec = {"selector": {"app": "app"}, "ports": [{"port": 80}]}
    made = stage.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    address = made["spec"]["clusterIP"]
    cluster.create(SERVICES, namespace, {"metadata": {"name": "other"}, "spec": {**spec, "clusterIP": address}})
    stage.replace(SERVICES, {**made, "spec": {**made["spec"], "selector": {"app": "app-primary"}}})
    assert [draft.refusal for draft in stage.drafts] == [None, None]
    assert stage.drafts[-1].came["spec"]["selector"] == {"app": "app-primary"}
