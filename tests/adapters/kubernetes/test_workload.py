"""The primary and what belongs to it, object by object."""

from __future__ import annotations

from typing import Any

import pytest

from applications.declared import a_canary, a_deployment, patched
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import REVISION, LabelFilter
from canary_adapters.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    SECRETS,
    Obj,
    Resource,
)
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_ports import ConflictError, RefusedError, WorkloadPort

pytestmark = pytest.mark.slow

SETTINGS = ObjectSettings(copied=LabelFilter(prefixes=("team",)))


def _port(cluster: Cluster, namespace: str, *, settings: ObjectSettings = SETTINGS, **spec: Any) -> WorkloadPort:
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=settings.track_configs)
    return workload_port(cluster, a_canary(cluster.api, namespace, **spec), settings, fingerprints)


def _promote(port: WorkloadPort, replicas: int) -> None:
    """Until no status update comes in between, as the driver does."""
    while True:
        try:
            port.promote(_revision(port), replicas)
        except ConflictError:
            continue
        return


def _revision(port: WorkloadPort) -> str:
    canary = port.observe().canary
    assert canary is not None
    assert canary.revision is not None
    return canary.revision


def _get(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Obj:
    found = cluster.get(resource, namespace, name)
    assert found is not None, name
    return found


def _target() -> Obj:
    target = a_deployment("example.com/app:1")
    target["metadata"]["labels"] = {"team": "blue", "fleet": "no"}
    target["metadata"]["annotations"] = {"team/contact": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    target["spec"] |= {"minReadySeconds": 3, "progressDeadlineSeconds": 99, "revisionHistoryLimit": 2}
    target["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}
    pods = target["spec"]["template"]
    pods["metadata"]["annotations"] = {"scrape": "yes", "x.toolkit.fluxcd.io/y": "no"}
    term = {"topologyKey": "host", "labelSelector": {"matchLabels": {"app": "app"}}}
    rule = {"key": "app", "operator": "In", "values": ["app", "other"]}
    spread = {"topologyKey": "zone", "labelSelector": {"matchExpressions": [rule]}}
    pods["spec"]["affinity"] = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": spread}],
        },
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
    }
    pods["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": spread["labelSelector"],
        }
    ]
    return target


def test_the_primary_is_this(cluster: Cluster, namespace: str) -> None:
    target = cluster.create(DEPLOYMENTS, namespace, _target())
    port = _port(cluster, namespace)
    revision = _revision(port)
    port.ensure_primary(revision, 3)
    primary = _get(cluster, DEPLOYMENTS, namespace, "app-primary")
    metadata = primary["metadata"]
    assert metadata["labels"] == {"team": "blue", "app": "app-primary"}
    assert {
        k: v
        for k, v in metadata["annotations"].items()
        if not k.startswith(("canary-core/copied", "canary-core/template", "deployment.kubernetes.io/"))
    } == {
        "team/contact": "x",
        REVISION: revision,
    }
    assert metadata["ownerReferences"][0]["kind"] == "Canary"
    expected: Obj = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "app-primary"}},
        **{
            key: target["spec"][key]
            for key in ("minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy")
        },
    }
    rule = {"key": "app", "operator": "In", "values": ["app-primary", "other"]}
    template = target["spec"]["template"]
    affinity = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "host", "labelSelector": {"matchLabels": {"app": "app-primary"}}}
            ],
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchExpressions": [rule]}},
                }
            ],
        },
        "podAffinity": template["spec"]["affinity"]["podAffinity"],
    }
    constraint = {**template["spec"]["topologySpreadConstraints"][0], "labelSelector": {"matchExpressions": [rule]}}
    expected["template"] = {
        "metadata": {"labels": {"app": "app-primary"}, "annotations": {"scrape": "yes"}},
        "spec": {**template["spec"], "affinity": affinity, "topologySpreadConstraints": [constraint]},
    }
    found = primary["spec"]
    found["template"]["metadata"].pop("creationTimestamp", None)
    assert found == expected
    assert _get(cluster, DEPLOYMENTS, namespace, "app")["spec"] == target["spec"]


def test_a_promotion_takes_away_what_it_had_copied_and_leaves_what_others_put_there(
    cluster: Cluster, namespace: str
) -> None:
    """Labels of the first copy would otherwise stay, or those of other controllers go (12.1 #19)."""
    target = cluster.create(DEPLOYMENTS, namespace, _target())
    port = _port(cluster, namespace)
    port.ensure_primary(_revision(port), 2)
    primary = _get(cluster, DEPLOYMENTS, namespace, "app-primary")
    patched(cluster, DEPLOYMENTS, namespace, "app-primary", {"metadata": {"labels": {"theirs": "1"}}})
    target = cluster.read(DEPLOYMENTS, namespace, "app") or target
    container = {**target["spec"]["template"]["spec"]["containers"][0], "image": "example.com/app:2"}
    change = {
        "metadata": {"labels": {"team": None, "team2": "red"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    patched(cluster, DEPLOYMENTS, namespace, "app", change)
    _promote(port, 5)
    primary = _get(cluster, DEPLOYMENTS, namespace, "app-primary")
    assert primary["metadata"]["labels"] == {"theirs": "1", "team2": "red", "app": "app-primary"}
    assert primary["spec"]["replicas"] == 5
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/app:2"


def test_rules_about_pods_follow_the_value_of_the_label(cluster: Cluster, namespace: str) -> None:
    """Flagger compares with the name of the Deployment (12.1 #20)."""
    target = a_deployment()
    labels = {"app": "another"}
    target["spec"]["selector"]["matchLabels"] = labels
    target["spec"]["template"]["metadata"]["labels"] = labels
    term = {"topologyKey": "host", "labelSelector": {"matchLabels": labels}}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    target["spec"]["template"]["spec"]["affinity"] = {"podAntiAffinity": required}
    cluster.create(DEPLOYMENTS, namespace, target)
    port = _port(cluster, namespace)
    port.ensure_primary(_revision(port), 1)
    primary = _get(cluster, DEPLOYMENTS, namespace, "app-primary")
    assert primary["spec"]["selector"] == {"matchLabels": {"app": "another-primary"}}
    (found,) = primary["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert found["labelSelector"] == {"matchLabels": {"app": "another-primary"}}


# -- Configuration --------------------------------------------------------------------------------------------------


def _with_configs(cluster: Cluster, namespace: str, name: str = "app") -> None:
    for config in ("env", "whole", "volume", "projected", "init", "private"):
        body: Obj = {"metadata": {"name": config}, "data": {"a": config}, "binaryData": {"b": "AAE="}}
        if config == "private":
            body["metadata"]["annotations"] = {"flagger.app/config-tracking": "disabled"}
        cluster.create(CONFIG_MAPS, namespace, body)
    for name_, kind in (("opaque", "Opaque"), ("docker", "kubernetes.io/dockerconfigjson")):
        data = {".dockerconfigjson": "e30="} if name_ == "docker" else {"a": "Yg=="}
        cluster.create(SECRETS, namespace, {"metadata": {"name": name_}, "type": kind, "data": data})
    target = a_deployment(name=name)
    pods = target["spec"]["template"]["spec"]
    pods["containers"][0]["env"] = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "opaque", "key": "a"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "a", "optional": True}}},
    ]
    pods["containers"][0]["envFrom"] = [{"configMapRef": {"name": "whole"}}, {"configMapRef": {"name": "private"}}]
    pods["initContainers"] = [
        {"name": "i", "image": "example.com/i:1", "envFrom": [{"configMapRef": {"name": "init"}}]}
    ]
    pods["volumes"] = [
        {"name": "v", "configMap": {"name": "volume"}},
        {"name": "d", "secret": {"secretName": "docker"}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "projected"}}, {"secret": {"name": "opaque"}}]}},
    ]
    cluster.create(DEPLOYMENTS, namespace, target)


def _references(primary: Obj) -> list[str]:
    pods = primary["spec"]["template"]["spec"]
    env = [next(iter(each["valueFrom"].values()))["name"] for each in pods["containers"][0]["env"]]
    whole = [each["configMapRef"]["name"] for each in pods["containers"][0]["envFrom"]]
    init = [each["configMapRef"]["name"] for each in pods["initContainers"][0]["envFrom"]]
    volumes = [pods["volumes"][0]["configMap"]["name"], pods["volumes"][1]["secret"]["secretName"]]
    projected = [next(iter(each.values()))["name"] for each in pods["volumes"][2]["projected"]["sources"]]
    return [*env, *whole, *init, *volumes, *projected]


def test_configuration_is_cloned_under_versioned_names(cluster: Cluster, namespace: str, embedded: Any) -> None:
    _with_configs(cluster, namespace)
    port = _port(cluster, namespace)
    revision = _revision(port)
    port.ensure_primary(revision, 1)
    names = _references(_get(cluster, DEPLOYMENTS, namespace, "app-primary"))
    plain = [name.partition("-primary-")[0] for name in names]
    assert plain == ["env", "opaque", "absent", "whole", "private", "init", "volume", "docker", "projected", "opaque"]
    assert [name for name in names if "-primary-" not in name] == ["absent", "private", "docker"]
    clone = cluster.read(CONFIG_MAPS, namespace, names[0])
    assert clone is not None
    assert (clone["data"], clone["binaryData"], clone["immutable"]) == ({"a": "env"}, {"b": "AAE="}, True)
    assert clone["metadata"]["ownerReferences"][0]["kind"] == "Canary"
    secret = cluster.read(SECRETS, namespace, names[1])
    assert secret is not None
    assert (secret["data"], secret["type"]) == ({"a": "Yg=="}, "Opaque")
    embedded.requests.clear()
    port.ensure_primary(revision, 1)
    assert (
        sum(each.verb in {"create", "update", "patch"} for each in embedded.requests.matching(namespace=namespace)) == 0
    )


def test_running_pods_never_see_other_contents_and_old_clones_go(cluster: Cluster, namespace: str) -> None:
    """Flagger overwrites the one clone under the feet of the old pods (12.2 #14, flagger#417)."""
    _with_configs(cluster, namespace)
    port = _port(cluster, namespace)
    one = _revision(port)
    port.ensure_primary(one, 1)
    first = _references(_get(cluster, DEPLOYMENTS, namespace, "app-primary"))[0]
    source = cluster.read(CONFIG_MAPS, namespace, "env")
    assert source is not None
    cluster.patch(CONFIG_MAPS, source, {"data": {"a": "changed"}})
    two = _revision(port)
    assert two != one
    _promote(port, 1)
    second = _references(_get(cluster, DEPLOYMENTS, namespace, "app-primary"))[0]
    old = cluster.read(CONFIG_MAPS, namespace, first)
    new = cluster.read(CONFIG_MAPS, namespace, second)
    assert old is not None
    assert new is not None
    assert (old["data"], new["data"]) == ({"a": "env"}, {"a": "changed"})
    source = cluster.read(CONFIG_MAPS, namespace, "env")
    assert source is not None
    cluster.patch(CONFIG_MAPS, source, {"data": {"a": "again"}})
    _wait_until_rolled_out(cluster, namespace)
    _promote(port, 1)
    assert cluster.read(CONFIG_MAPS, namespace, first) is None
    assert cluster.read(CONFIG_MAPS, namespace, second) is not None


def _wait_until_rolled_out(cluster: Cluster, namespace: str) -> None:
    for _ in range(2000):
        primary = _get(cluster, DEPLOYMENTS, namespace, "app-primary")
        status = primary["status"]
        if (
            status.get("observedGeneration") == primary["metadata"]["generation"]
            and status.get("updatedReplicas") == status.get("replicas") == status.get("availableReplicas") == 1
        ):
            return
    raise AssertionError("never rolled out")


def test_each_object_is_read_once_for_each_version(cluster: Cluster, namespace: str, embedded: Any) -> None:
    """44 secret references once added four minutes to a rollout."""
    target = a_deployment()
    pods = target["spec"]["template"]["spec"]
    pods["containers"][0]["env"] = []
    for number in range(44):
        cluster.create(SECRETS, namespace, {"metadata": {"name": f"s{number}"}, "data": {"a": "Yg=="}})
        key = {"name": f"s{number}", "key": "a"}
        pods["containers"][0]["env"] += [{"name": f"A{number}", "valueFrom": {"secretKeyRef": key}}]
    cluster.create(DEPLOYMENTS, namespace, target)
    port = _port(cluster, namespace)
    embedded.requests.clear()
    reads: list[str] = []
    read = cluster.api.read

    def counted(resource: Resource, place: str, name: str, *, metadata_only: bool = False) -> Obj | None:
        if resource is SECRETS and not metadata_only:
            reads.append(name)
        return read(resource, place, name, metadata_only=metadata_only)

    cluster.api.read = counted  # type: ignore[method-assign, assignment]
    for _ in range(3):
        _revision(port)
    assert sorted(reads) == sorted(f"s{number}" for number in range(44))


def test_two_canaries_that_share_an_object_do_not_share_a_clone(cluster: Cluster, namespace: str) -> None:
    """Promoting one would change the other's stable copy (12.1 #37)."""
    _with_configs(cluster, namespace)
    cluster.create(
        DEPLOYMENTS, namespace, {**_get(cluster, DEPLOYMENTS, namespace, "app"), "metadata": {"name": "two"}}
    )
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "two"}
    names = []
    for port, primary in (
        (_port(cluster, namespace), "app-primary"),
        (_port(cluster, namespace, name="two", targetRef=ref), "two-primary"),
    ):
        port.ensure_primary(_revision(port), 1)
        names.append(_references(_get(cluster, DEPLOYMENTS, namespace, primary))[0])
    assert names[0] != names[1]


def test_without_tracking_everything_is_shared(cluster: Cluster, namespace: str) -> None:
    _with_configs(cluster, namespace)
    port = _port(cluster, namespace, settings=ObjectSettings(track_configs=False))
    port.ensure_primary(_revision(port), 1)
    assert not any("-primary-" in name for name in _references(_get(cluster, DEPLOYMENTS, namespace, "app-primary")))


# -- Autoscaler -----------------------------------------------------------------------------------------------------

REF = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app"}


def test_the_autoscaler_of_the_primary_is_this(cluster: Cluster, namespace: str, embedded: Any) -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}
    spec = {"scaleTargetRef": ref, "minReplicas": 2, "maxReplicas": 8, "metrics": [cpu]}
    labels = {"team": "b", "objectset.rio.cattle.io/hash": "x", "x.toolkit.fluxcd.io/y": "z"}
    scaler = {"metadata": {"name": "app", "labels": labels}, "spec": spec}
    source = cluster.create(HORIZONTAL_POD_AUTOSCALERS, namespace, scaler)
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    port = _port(cluster, namespace, autoscalerRef={**REF, "primaryScalerReplicas": {"maxReplicas": 5}})
    revision = _revision(port)
    port.ensure_primary(revision, 2)
    clone = _get(cluster, HORIZONTAL_POD_AUTOSCALERS, namespace, "app-primary")
    assert clone["metadata"]["labels"] == {"team": "b"}
    assert clone["spec"] == {**source["spec"], "scaleTargetRef": {**ref, "name": "app-primary"}, "maxReplicas": 5}
    port.hold_primary(9)
    held = _get(cluster, HORIZONTAL_POD_AUTOSCALERS, namespace, "app-primary")
    assert held["spec"]["minReplicas"] == 5
    embedded.requests.clear()
    port.hold_primary(9)
    port.ensure_primary(revision, 2)
    assert embedded.requests.count(verb="update", resource="horizontalpodautoscalers", namespace=namespace) == 0
    port.hold_primary(None)
    assert _get(cluster, HORIZONTAL_POD_AUTOSCALERS, namespace, "app-primary")["spec"] == clone["spec"]
    assert _get(cluster, HORIZONTAL_POD_AUTOSCALERS, namespace, "app") == source


def test_without_an_autoscaler_that_is_referred_to_nothing_is_made(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())

    def make() -> None:
        port = _port(cluster, namespace, autoscalerRef=REF)
        port.ensure_primary(_revision(port), 1)

    with pytest.raises(RefusedError) as caught:
        make()
    assert caught.value.reason == "AutoscalerMissing"
    assert cluster.get(DEPLOYMENTS, namespace, "app-primary") is None


def test_a_primary_of_somebody_else_is_left_alone(cluster: Cluster, namespace: str) -> None:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    foreign = cluster.create(DEPLOYMENTS, namespace, a_deployment(name="app-primary"))
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "controller": True}
    keeper = cluster.create(CONFIG_MAPS, namespace, {"metadata": {"name": "x"}})
    change = {"metadata": {"ownerReferences": [{**owner, "uid": keeper["metadata"]["uid"]}]}}
    while True:
        live = cluster.read(DEPLOYMENTS, namespace, "app-primary") or foreign
        try:
            cluster.patch(DEPLOYMENTS, live, change)
            break
        except Exception:  # noqa: BLE001, S112 - its status may change meanwhile
            continue
    port = _port(cluster, namespace)
    with pytest.raises(RefusedError) as caught:
        port.ensure_primary(_revision(port), 1)
    assert caught.value.reason == "PrimaryNotOurs"
