"""Deployments and Services of a real API server keep the contract of the workload port."""

from __future__ import annotations

import time
from typing import Any

import pytest
from attrs import define, field

from applications.declared import a_canary, a_deployment, a_namespace, patched
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import REVISION
from canary_adapters.kubernetes.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES, Obj
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_ports import ConflictError, WorkloadPort
from canary_sims.harness.contracts import WorkloadContract

pytestmark = pytest.mark.slow


@define
class DeploymentDoor:
    """What is behind the port."""

    cluster: Cluster
    namespace: str
    fewest: int | None = None
    fingerprints: Fingerprints = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.fingerprints = Fingerprints(ConfigDigests(self.cluster), track_configs=True)
        self.cluster.create(DEPLOYMENTS, self.namespace, a_deployment())

    @property
    def workload(self) -> WorkloadPort:
        spec: dict[str, Any] = {}
        if self.fewest is not None:
            spec["autoscalerRef"] = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app"}
        canary = a_canary(self.cluster.api, self.namespace, **spec)
        return workload_port(self.cluster, canary, ObjectSettings(), self.fingerprints)

    def _target(self, name: str = "app") -> Obj | None:
        return self.cluster.get(DEPLOYMENTS, self.namespace, name)

    def declare(self, name: str) -> None:
        template = a_deployment(f"example.com/app:{name}")["spec"]["template"]
        patched(self.cluster, DEPLOYMENTS, self.namespace, "app", {"spec": {"template": template}})

    def edit_primary(self) -> None:
        container = {**a_deployment()["spec"]["template"]["spec"]["containers"][0], "image": "example.com/app:edited"}
        template = {"spec": {"containers": [container]}}
        patched(self.cluster, DEPLOYMENTS, self.namespace, "app-primary", {"spec": {"template": template}})

    def autoscale(self, fewest: int) -> None:
        self.fewest = fewest
        scaler = {
            "metadata": {"name": "app"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "minReplicas": fewest,
                "maxReplicas": 9,
            },
        }
        self.cluster.create(HORIZONTAL_POD_AUTOSCALERS, self.namespace, scaler)

    def settle(self) -> None:
        end, before = time.monotonic() + 20, ""
        while time.monotonic() < end:
            now = str([self._target("app"), self._target("app-primary")])
            each = [one for one in (self._target("app"), self._target("app-primary")) if one is not None]
            done = all(
                (one["status"].get("observedGeneration") or 0) >= one["metadata"]["generation"]
                and one["status"].get("availableReplicas", 0)
                == one["status"].get("replicas", 0)
                == one["spec"]["replicas"]
                for one in each
            )
            if done and now == before:
                return
            before = now
            time.sleep(0.05)
        raise AssertionError("the cluster does not come to rest")

    def delete_target(self) -> None:
        while (target := self._target()) is not None:
            try:
                self.cluster.delete(DEPLOYMENTS, target)
            except ConflictError:
                continue

    def target_replicas(self) -> int:
        target = self._target()
        assert target is not None
        return int(target["spec"]["replicas"])

    def primary_replicas(self) -> int | None:
        primary = self._target("app-primary")
        return None if primary is None else int(primary["spec"]["replicas"])

    def primary_runs(self) -> str | None:
        primary = self._target("app-primary")
        if primary is None:
            return None
        image: str = primary["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.rpartition(":")[2]


class TestDeployments(WorkloadContract):
    """Over HTTP, with reads that go to the API server."""

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster, api: Any) -> None:
        self.cluster, self.api = cluster, api

    def door(self) -> DeploymentDoor:
        return DeploymentDoor(self.cluster, a_namespace(self.api))


# -- Services -------------------------------------------------------------------------------------------------------


def test_a_service_is_copied_and_scaled_by_note_only(cluster: Cluster, namespace: str) -> None:
    spec = {"selector": {"app": "one"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    target = cluster.create(SERVICES, namespace, {"metadata": {"name": "app"}, "spec": spec})
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=True)
    port = workload_port(cluster, a_canary(cluster.api, namespace, kind="Service"), ObjectSettings(), fingerprints)
    first = port.observe()
    assert first.primary is None
    assert first.canary is not None
    assert (first.canary.replicas, first.canary.available) == (1, 1)
    assert first.canary.revision is not None
    for _ in range(2):
        port.ensure_primary(first.canary.revision, 1)
        port.scale_canary(0)
        seen = port.observe()
        assert seen.primary is not None
        assert (seen.primary.revision, seen.primary.available) == (first.canary.revision, 1)
        assert seen.canary is not None
        assert (seen.canary.revision, seen.canary.replicas) == (first.canary.revision, 0)
    changed = cluster.patch(SERVICES, target, {"spec": {"selector": {"app": "two"}}})
    two = port.observe().canary
    assert two is not None
    assert two.revision not in {None, first.canary.revision}
    port.scale_canary(1)
    copy, primary = (cluster.get(SERVICES, namespace, f"app-{name}") for name in ("canary", "primary"))
    assert copy is not None
    assert primary is not None
    assert (copy["spec"]["selector"], primary["spec"]["selector"]) == ({"app": "two"}, {"app": "one"})
    assert two.revision is not None
    port.promote(two.revision, None)
    primary = cluster.get(SERVICES, namespace, "app-primary")
    assert primary is not None
    assert primary["spec"]["selector"] == {"app": "two"}
    assert primary["metadata"]["annotations"] == {REVISION: two.revision}
    assert len({each["spec"]["clusterIP"] for each in (changed, copy, primary)}) == 3
    assert cluster.get(SERVICES, namespace, "app") == changed
