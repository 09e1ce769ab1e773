"""A primary whose template somebody has edited: it is seen, it is undone, and nothing else counts as an edit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from applications.declared import a_canary, a_deployment, patched
from campaigns.process import cluster_of
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import TEMPLATE
from canary_adapters.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, REPLICA_SETS, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_ports import RefusedError, WorkloadPort
from laboratories.quiet_server import QuietServer

PRIMARY = "app-primary"


@pytest.fixture
def server() -> QuietServer:
    found = QuietServer()
    found.namespace("here")
    return found


@pytest.fixture
def cluster(server: QuietServer) -> Iterator[Cluster]:
    with cluster_of(server) as found:
        yield found


def _port(cluster: Cluster) -> WorkloadPort:
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=True)
    return workload_port(cluster, a_canary(cluster.api, "here"), ObjectSettings(), fingerprints)


def _revision(port: WorkloadPort) -> str:
    canary = port.observe().canary
    assert canary is not None
    assert canary.revision is not None
    return canary.revision


def _is_edited(port: WorkloadPort) -> bool:
    primary = port.observe().primary
    assert primary is not None
    return primary.edited


def _made(cluster: Cluster, target: Obj | None = None) -> tuple[WorkloadPort, str]:
    """A primary of a target."""
    cluster.create(DEPLOYMENTS, "here", target or a_deployment())
    port = _port(cluster)
    revision = _revision(port)
    port.ensure_primary(revision, 2)
    return port, revision


def _primary(cluster: Cluster) -> Obj:
    found = cluster.get(DEPLOYMENTS, "here", PRIMARY)
    assert found is not None
    return found


def _image(cluster: Cluster, name: str, image: str) -> None:
    live = cluster.get(DEPLOYMENTS, "here", name)
    assert live is not None
    container = {**live["spec"]["template"]["spec"]["containers"][0], "image": image}
    patched(cluster, DEPLOYMENTS, "here", name, {"spec": {"template": {"spec": {"containers": [container]}}}})


def _keep_template(cluster: Cluster) -> None:
    """A ReplicaSet as the cluster's own controller makes it: with one more label."""
    primary = _primary(cluster)
    metadata = primary["metadata"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": PRIMARY, "uid": metadata["uid"]}
    template = primary["spec"]["template"]
    labels = {**template["metadata"]["labels"], "pod-template-hash": "5d5c"}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    body = {
        "metadata": {"name": f"{PRIMARY}-5d5c", "ownerReferences": [owner]},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }
    cluster.create(REPLICA_SETS, "here", body)


def test_an_edit_is_seen_and_undone_field_by_field(cluster: Cluster) -> None:
    """What was added goes as well; numbers, labels and annotations of the Deployment itself stay."""
    port, revision = _made(cluster)
    before = _primary(cluster)
    _keep_template(cluster)
    more: Obj = {
        "metadata": {"labels": {"theirs": "1"}},
        "spec": {"replicas": 5, "template": {"metadata": {"annotations": {"restartedAt": "now"}}}},
    }
    patched(cluster, DEPLOYMENTS, "here", PRIMARY, more)
    _image(cluster, PRIMARY, "example.com/app:broken")
    _image(cluster, "app", "example.com/app:2")
    assert _is_edited(port)
    port.restore_primary(revision)
    after = _primary(cluster)
    assert after["spec"] == {**before["spec"], "replicas": 5}
    assert after["metadata"]["labels"]["theirs"] == "1"
    assert not _is_edited(port)


def test_a_number_of_replicas_is_no_edit(cluster: Cluster) -> None:
    port, revision = _made(cluster)
    patched(cluster, DEPLOYMENTS, "here", PRIMARY, {"spec": {"replicas": 7, "paused": True}})
    before = _primary(cluster)
    assert not _is_edited(port)
    port.restore_primary(revision)
    assert _primary(cluster) == before


def test_configuration_that_has_changed_since_hinders_nothing(cluster: Cluster) -> None:
    """The primary refers to copies, which are as they were."""
    cluster.create(CONFIG_MAPS, "here", {"metadata": {"name": "settings"}, "data": {"a": "1"}})
    target = a_deployment()
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    port, revision = _made(cluster, target)
    before = _primary(cluster)
    _keep_template(cluster)
    patched(cluster, CONFIG_MAPS, "here", "settings", {"data": {"a": "2"}})
    _image(cluster, PRIMARY, "example.com/app:broken")
    assert _revision(_port(cluster)) != revision
    port.restore_primary(revision)
    assert _primary(cluster)["spec"] == before["spec"]


def test_what_no_replica_set_has_is_copied_from_the_target_while_that_is_the_same(cluster: Cluster) -> None:
    port, revision = _made(cluster)
    before = _primary(cluster)
    _image(cluster, PRIMARY, "example.com/app:broken")
    port.restore_primary(revision)
    assert _primary(cluster)["spec"] == before["spec"]
    assert not _is_edited(port)


def test_what_nobody_has_is_refused_and_said(cluster: Cluster) -> None:
    port, revision = _made(cluster)
    _image(cluster, PRIMARY, "example.com/app:broken")
    _image(cluster, "app", "example.com/app:2")
    before = _primary(cluster)
    with pytest.raises(RefusedError, match=r"app-primary\.here was changed by somebody else") as refused:
        port.restore_primary(revision)
    assert refused.value.reason == "PrimaryTemplateLost"
    assert _primary(cluster) == before


def test_a_primary_of_before_the_annotation_is_taken_as_it_is(cluster: Cluster) -> None:
    """An upgrade of the controller writes nothing, and takes nothing for an edit."""
    port, _ = _made(cluster)
    for foreign in (None, "", "v0:0123"):
        patched(cluster, DEPLOYMENTS, "here", PRIMARY, {"metadata": {"annotations": {TEMPLATE: foreign}}})
        _image(cluster, PRIMARY, f"example.com/app:{foreign}")
        assert not _is_edited(port)


# -- Webhooks -------------------------------------------------------------------------------------------------------


def _admission(value: Any) -> Any:
    """Sets an annotation in the templates of primaries."""

    def admit(resource: Any, subresource: str, new: Obj, old: Obj | None) -> Obj:
        if resource.plural == "deployments" and new["metadata"]["name"] == PRIMARY:
            new["spec"]["template"]["metadata"]["annotations"] = {"policy": value()}
        return new

    return admit


def test_what_a_webhook_makes_of_a_template_is_no_edit(server: QuietServer, cluster: Cluster) -> None:
    """Nor does it hinder anybody from seeing one, and undoing that."""
    server.api.admissions.append(_admission(lambda: "same"))
    port, revision = _made(cluster)
    before = _primary(cluster)
    assert before["spec"]["template"]["metadata"]["annotations"] == {"policy": "same"}
    assert not _is_edited(port)
    _keep_template(cluster)
    _image(cluster, PRIMARY, "example.com/app:broken")
    assert _is_edited(port)
    port.restore_primary(revision)
    assert _primary(cluster)["spec"] == before["spec"]
    assert not _is_edited(port)


def test_a_template_that_is_another_one_after_each_write_is_taken_as_it_is(
    server: QuietServer, cluster: Cluster
) -> None:
    """Nobody could tell an edit from what the webhook does, and to undo that would be a fight without end."""
    numbers = count()
    server.api.admissions.append(_admission(lambda: str(next(numbers))))
    port, _ = _made(cluster)
    assert not _is_edited(port)
    assert next(numbers) <= 4, "writes"
