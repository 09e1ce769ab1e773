"""The official Python client at work: writes, conflicts, patches, watches, informers, leader election."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

# The client is typed in parts, and wants models where a dict is as good.
Informer: Any = SharedInformer
Watch: Any = watch.Watch
Lock: Any = LeaseLock
Election: Any = leaderelection.LeaderElection
ElectionConfig: Any = electionconfig.Config
WAIT = 20.0
"""Seconds after which something that should happen counts as lost."""


def deployment(name: str, replicas: int = 0) -> dict[str, Any]:
    labels = {"app": name}
    containers = [{"name": "app", "image": "example/app:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def test_an_object_is_created_read_replaced_and_deleted(api: Any, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    made = core.create_namespaced_config_map(
        namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "1"})
    )
    made.data = {"k": "2"}
    replaced = core.replace_namespaced_config_map("a", namespace, made)
    assert replaced.data == {"k": "2"}
    assert replaced.metadata.uid == made.metadata.uid
    assert replaced.metadata.resource_version != made.metadata.resource_version
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "2"}
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(client.ApiException) as gone:
        core.read_namespaced_config_map("a", namespace)
    assert (gone.value.status, gone.value.reason) == (404, "Not Found")


def test_a_write_with_an_old_version_is_a_conflict(api: Any, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    old = core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "2"}})
    with pytest.raises(client.ApiException) as refused:
        core.replace_namespaced_config_map("a", namespace, old)
    assert refused.value.status == 409
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "2"}


def test_the_client_patches_containers_by_name(api: Any, namespace: str) -> None:
    apps: Any = client.AppsV1Api(api)
    body = deployment("web")
    body["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    apps.create_namespaced_deployment(namespace, body)
    new = {"containers": [{"name": "app", "image": "example/app:2"}]}
    patched = apps.patch_namespaced_deployment("web", namespace, {"spec": {"template": {"spec": new}}})
    images = {c.name: c.image for c in patched.spec.template.spec.containers}
    assert images == {"app": "example/app:2", "side": "side:1"}
    assert patched.metadata.generation == 2


def test_a_watch_sees_what_happens_after_a_list(api: Any, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_secret(namespace, {"metadata": {"name": "before"}})
    version = core.list_namespaced_secret(namespace).metadata.resource_version
    core.create_namespaced_secret(namespace, {"metadata": {"name": "a"}})
    core.patch_namespaced_secret("a", namespace, {"stringData": {"k": "v"}})
    core.delete_namespaced_secret("a", namespace)
    seen = []
    stream = Watch()
    for event in stream.stream(core.list_namespaced_secret, namespace, resource_version=version, timeout_seconds=20):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            stream.stop()
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


@pytest.fixture
def informer(api: Any, namespace: str) -> Iterator[tuple[Any, queue.Queue[tuple[str, str]]]]:
    seen: queue.Queue[tuple[str, str]] = queue.Queue()
    found = Informer(client.CoreV1Api(api).list_namespaced_config_map, namespace=namespace, label_selector="app")

    def hear(kind: str) -> None:
        found.add_event_handler(kind, lambda o: seen.put((kind, o.metadata.name)))

    for kind in ("ADDED", "MODIFIED", "DELETED"):
        hear(kind)
    found.start()
    yield found, seen
    found.stop()


def test_an_informer_keeps_up(api: Any, namespace: str, informer: Any) -> None:
    shared, seen = informer
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "labels": {"app": "web"}}})
    assert seen.get(timeout=WAIT) == ("ADDED", "a")
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "v"}})
    assert seen.get(timeout=WAIT) == ("MODIFIED", "a")
    assert shared.cache.get_by_key(f"{namespace}/a").data == {"k": "v"}
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"app": None}}})
    assert seen.get(timeout=WAIT) == ("DELETED", "a")
    assert shared.cache.list() == []


def test_leadership_is_taken_and_noted_in_a_lease(api: Any, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started, stopped = threading.Event(), threading.Event()
    lock = Lock("leader", namespace, "one")
    lock.api_instance = client.CoordinationV1Api(api)

    def lead() -> None:
        started.set()
        raise RuntimeError("enough")  # which ends leadership

    monkeypatch.setattr(leaderelection.logger, "exception", lambda *_: None)
    settings = ElectionConfig(lock, 17, 15, 5, lead, stopped.set)
    monkeypatch.setattr(settings, "retry_period", 0.1)
    election = threading.Thread(target=Election(settings).run, daemon=True)
    election.start()
    assert started.wait(WAIT)
    assert stopped.wait(WAIT)
    election.join(WAIT)
    lease: Any = client.CoordinationV1Api(api).read_namespaced_lease("leader", namespace)
    assert lease.spec.holder_identity == "one"
    assert lease.spec.lease_duration_seconds == 17


def test_custom_resources_go_through_the_client(api: Any, namespace: str) -> None:
    group = f"{namespace}.example.com"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    definitions: Any = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition({"metadata": {"name": f"things.{group}"}, "spec": spec})
    custom: Any = client.CustomObjectsApi(api)
    head = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "a"}}
    try:
        _until_served(custom, group, namespace)
        custom.create_namespaced_custom_object(group, "v1", namespace, "things", {**head, "spec": {"n": 1}})
        with pytest.raises(client.ApiException) as refused:
            custom.patch_namespaced_custom_object(group, "v1", namespace, "things", "a", {"spec": {"n": "x"}})
        assert refused.value.status == 422
        found = custom.get_namespaced_custom_object(group, "v1", namespace, "things", "a")
        assert found["spec"] == {"n": 1}
    finally:
        definitions.delete_custom_resource_definition(f"things.{group}")


def _until_served(custom: Any, group: str, namespace: str) -> None:
    stop = threading.Event()
    for _ in range(200):
        try:
            custom.list_namespaced_custom_object(group, "v1", namespace, "things")
        except client.ApiException:
            stop.wait(0.05)
        else:
            return
    pytest.fail("the definition was never served")


def test_older_tools_get_the_document_of_the_api_in_the_form_that_they_take(api: Any) -> None:
    """Helm 3 and kubectl 1.32 refuse all objects without it, and take no JSON."""
    kind = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    method, url, head, *_ = api.param_serialize(
        "GET", "/openapi/v2", header_params={"Accept": kind}, auth_settings=["BearerToken"]
    )
    answer = api.rest_client.request(method, url, headers=head).response
    assert answer.status == 200
    assert answer.headers["Content-Type"] == kind.replace("@", ".")
    # The version of OpenAPI, then what it describes.
    assert answer.data.startswith(b"\n\x032.0\x12")
