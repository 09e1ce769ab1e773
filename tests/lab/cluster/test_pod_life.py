"""What becomes of Pods in which nothing runs, and whether Services have them, on either cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

PATIENCE_S = 30.0


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


def _pod(name: str, *, image: str = "example.com/app:v1", **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "labels": {"app": name},
            "annotations": {f"verify/{key.replace('_', '-')}": value for key, value in annotations.items()},
        },
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


def _until(seen: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := seen()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def _container(core: Any, name: str, namespace: str) -> Any:
    statuses = core.read_namespaced_pod(name, namespace).status.container_statuses
    return statuses[0] if statuses else None


def _waits_for(core: Any, name: str, namespace: str, reason: str) -> Any:
    def seen() -> Any:
        found = _container(core, name, namespace)
        waiting = found.state.waiting if found is not None else None
        return found if waiting is not None and waiting.reason == reason else None

    return _until(seen)


def test_a_pod_becomes_ready_and_a_service_has_it_until_it_is_deleted(core: Any, namespace: str) -> None:
    core.create_namespaced_service(
        namespace, {"metadata": {"name": "app"}, "spec": {"selector": {"app": "good"}, "ports": [{"port": 80}]}}
    )
    core.create_namespaced_pod(namespace, _pod("good", ready_after="0.3s"))
    slices: Any = client.DiscoveryV1Api(core.api_client)

    def ready() -> list[str]:
        found = slices.list_namespaced_endpoint_slice(namespace, label_selector="kubernetes.io/service-name=app")
        every = [endpoint for each in found.items for endpoint in each.endpoints or ()]
        return [address for endpoint in every if endpoint.conditions.ready for address in endpoint.addresses]

    addresses = _until(ready)
    assert addresses == [core.read_namespaced_pod("good", namespace).status.pod_ip]
    core.delete_namespaced_pod("good", namespace)
    _until(lambda: not ready())
    _until(lambda: not core.list_namespaced_pod(namespace).items)


def test_an_image_that_cannot_be_pulled_is_said_so(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, _pod("unpulled", image="example.com/app:broken"))
    assert not _waits_for(core, "unpulled", namespace, "ImagePullBackOff").ready


def test_a_crash_loop_is_said_so(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, _pod("crashing", image="example.com/app:crash"))
    found = _waits_for(core, "crashing", namespace, "CrashLoopBackOff")
    assert (found.ready, found.restart_count, found.last_state.terminated.exit_code) == (False, 1, 1)
    assert core.read_namespaced_pod("crashing", namespace).status.phase == "Running"


def test_a_pod_that_is_ready_can_become_unready_and_ready_again(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, _pod("flapping"))
    _until(lambda: (c := _container(core, "flapping", namespace)) is not None and c.ready)
    core.patch_namespaced_pod("flapping", namespace, {"metadata": {"annotations": {"verify/ready": "never"}}})
    _until(lambda: not _container(core, "flapping", namespace).ready)
    core.patch_namespaced_pod("flapping", namespace, {"metadata": {"annotations": {"verify/ready": None}}})
    _until(lambda: _container(core, "flapping", namespace).ready)


def test_a_pod_without_a_place_has_no_node_and_goes_at_once(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, _pod("homeless", ready="pending"))
    time.sleep(0.5)
    assert core.read_namespaced_pod("homeless", namespace).spec.node_name is None
    core.delete_namespaced_pod("homeless", namespace)
    _until(lambda: not core.list_namespaced_pod(namespace).items)
