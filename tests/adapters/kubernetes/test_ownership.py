"""Objects of the names that are needed, made by somebody else: left alone, and said."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from applications.declared import a_canary, a_deployment, canary_of, raw_canary
from canary_adapters.istio import IstioRouter
from canary_adapters.istio.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.naming import UNWATCHED_BY_TOOLKIT
from canary_adapters.kubernetes.ownership import Owner, Ownership, owner_of
from canary_adapters.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    SECRETS,
    SERVICES,
    Obj,
    Resource,
)
from canary_adapters.kubernetes.services import ServiceRouter
from canary_adapters.kubernetes.settings import ObjectSettings
from canary_adapters.kubernetes.workload import ConfigDigests, Fingerprints, workload_port
from canary_adapters.manifests import Canary
from canary_core import Traffic
from canary_ports import ConflictError, RefusedError, WorkloadPort
from laboratories.virtual_cluster import VirtualApi

SETTINGS = ObjectSettings()
SCALER: Final = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app"}
NUMBERED: Final = "deployment.kubernetes.io/revision"
"""Annotation that Kubernetes itself puts there, whenever it comes to it."""
NOBODY: Final[list[Obj]] = []
"""Owners of what a person has made."""


def _workload(cluster: Cluster, canary: Canary) -> WorkloadPort:
    fingerprints = Fingerprints(ConfigDigests(cluster), track_configs=True)
    return workload_port(cluster, canary, SETTINGS, fingerprints)


def _make_primary(cluster: Cluster, canary: Canary) -> None:
    port = _workload(cluster, canary)
    found = port.observe().canary
    assert found is not None
    assert found.revision is not None
    port.ensure_primary(found.revision, 1)


def _route(cluster: Cluster, canary: Canary) -> None:
    IstioRouter(cluster, canary, SETTINGS).ensure(Traffic())


def _route_without_a_mesh(cluster: Cluster, canary: Canary) -> None:
    ServiceRouter(cluster, canary, SETTINGS).ensure(Traffic())


def _service(name: str) -> Obj:
    ports = [{"name": "theirs", "port": 80, "targetPort": 80, "protocol": "TCP"}]
    return {"metadata": {"name": name}, "spec": {"selector": {"who": "else"}, "ports": ports}}


def _scaler(name: str) -> Obj:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {"metadata": {"name": name}, "spec": {"scaleTargetRef": ref, "minReplicas": 1, "maxReplicas": 2}}


Begin = Callable[[Cluster, Canary], None]
RULE: Final[Obj] = {"host": "app-primary", "subsets": [{"name": "theirs"}]}
ROUTES: Final[Obj] = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}
CASES: Final[dict[str, tuple[Resource, Obj, Begin, str]]] = {
    "primary": (DEPLOYMENTS, a_deployment(name="app-primary"), _make_primary, "PrimaryNotOurs"),
    "autoscaler": (HORIZONTAL_POD_AUTOSCALERS, _scaler("app-primary"), _make_primary, "AutoscalerNotOurs"),
    "service of the primary": (SERVICES, _service("app-primary"), _route, "ServiceNotOurs"),
    "service of the canary": (SERVICES, _service("app-canary"), _route_without_a_mesh, "ServiceNotOurs"),
    "rule": (DESTINATION_RULES, {"metadata": {"name": "app-primary"}, "spec": RULE}, _route, "DestinationRuleNotOurs"),
    "apex": (SERVICES, _service("app"), _route, "ServiceNotOurs"),
    "routes": (VIRTUAL_SERVICES, {"metadata": {"name": "app"}, "spec": ROUTES}, _route, "VirtualServiceNotOurs"),
}
GIVEN: Final = frozenset({"apex", "routes"})
"""What people may have made for us to take over."""


@pytest.fixture
def canary(cluster: Cluster, namespace: str) -> Canary:
    cluster.create(DEPLOYMENTS, namespace, a_deployment())
    cluster.create(HORIZONTAL_POD_AUTOSCALERS, namespace, _scaler("app"))
    return a_canary(cluster.api, namespace, autoscalerRef=SCALER)


def _owned_by(keeper: Obj) -> list[Obj]:
    uid = keeper["metadata"]["uid"]
    return [{"apiVersion": "v1", "kind": "ConfigMap", "name": "keeper", "uid": uid, "controller": True}]


def _made(cluster: Cluster, namespace: str, resource: Resource, obj: Obj, owners: list[Obj]) -> Obj:
    return cluster.create(resource, namespace, {**obj, "metadata": {**obj["metadata"], "ownerReferences": owners}})


def _as_people_made_it(cluster: Cluster, resource: Resource, obj: Obj) -> tuple[Any, ...]:
    live = cluster.read(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
    assert live is not None
    metadata = live["metadata"]
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key != NUMBERED}
    return metadata["uid"], annotations, metadata.get("ownerReferences"), live.get("spec")


@pytest.mark.parametrize("name", CASES)
def test_what_something_else_controls_is_left_alone_and_said(
    cluster: Cluster, namespace: str, canary: Canary, name: str
) -> None:
    resource, obj, begin, reason = CASES[name]
    owners = _owned_by(cluster.create(CONFIG_MAPS, namespace, {"metadata": {"name": "keeper"}}))
    made = _made(cluster, namespace, resource, obj, owners)
    before = _as_people_made_it(cluster, resource, made)
    with pytest.raises(
        RefusedError, match=f"{obj['metadata']['name']}.{namespace} belongs to ConfigMap keeper"
    ) as caught:
        begin(cluster, canary)
    assert caught.value.reason == reason
    assert _as_people_made_it(cluster, resource, made) == before


@pytest.mark.parametrize("name", sorted(CASES.keys() - GIVEN))
def test_what_nobody_controls_but_people_have_made_is_left_alone_and_said(
    cluster: Cluster, namespace: str, canary: Canary, name: str
) -> None:
    resource, obj, begin, reason = CASES[name]
    made = _made(cluster, namespace, resource, obj, NOBODY)
    before = _as_people_made_it(cluster, resource, made)
    with pytest.raises(RefusedError, match="was made by somebody else; delete it") as caught:
        begin(cluster, canary)
    assert caught.value.reason == reason
    assert _as_people_made_it(cluster, resource, made) == before


@pytest.mark.parametrize("kind", [CONFIG_MAPS, SECRETS])
def test_a_copy_of_configuration_that_somebody_else_made_is_not_used(
    cluster: Cluster, namespace: str, kind: Resource
) -> None:
    """Its name is no secret; what it holds would get into the primary."""
    target = a_deployment()
    volume = {"configMap": {"name": "conf"}} if kind is CONFIG_MAPS else {"secret": {"secretName": "conf"}}
    target["spec"]["template"]["spec"]["volumes"] = [{"name": "v", **volume}]
    cluster.create(kind, namespace, {"metadata": {"name": "conf"}, "data": {"a": "YQ=="}})
    cluster.create(DEPLOYMENTS, namespace, target)
    canary = a_canary(cluster.api, namespace)
    port = _workload(cluster, canary)
    found = port.observe().canary
    assert found is not None
    assert found.revision is not None
    port.ensure_primary(found.revision, 1)
    clone = next(each for each in cluster.list(kind, namespace) if "-primary-" in each["metadata"]["name"])
    cluster.delete(kind, clone)
    _without_primary(cluster, namespace)
    planted = {"metadata": {"name": clone["metadata"]["name"]}, "data": {"a": "Yg=="}}
    cluster.create(kind, namespace, planted)
    with pytest.raises(RefusedError, match="was made by somebody else") as caught:
        _make_primary(cluster, canary)
    assert caught.value.reason == "ConfigNotOurs"
    assert cluster.get(DEPLOYMENTS, namespace, "app-primary") is None


def test_the_primary_of_another_canary_is_no_target(cluster: Cluster, namespace: str, canary: Canary) -> None:
    _make_primary(cluster, canary)
    other = evolve(
        canary,
        metadata=evolve(canary.metadata, name="second", uid="other"),
        spec=evolve(canary.spec, target_ref=evolve(canary.spec.target_ref, name="app-primary"), autoscaler_ref=None),
    )
    with pytest.raises(RefusedError, match=f"app-primary.{namespace} is the primary of canary app") as caught:
        _make_primary(cluster, other)
    assert caught.value.reason == "TargetIsPrimary"
    assert cluster.get(DEPLOYMENTS, namespace, "app-primary-primary") is None


WRITES: Final = {
    "istio/router.py": {"delete", "replace"},  # giving back what is ours
    "kubernetes/ownership.py": {"create", "delete", "replace"},
    "kubernetes/services/services.py": {"delete", "replace"},  # the same
    "kubernetes/store/store.py": {"patch", "replace"},  # status and finalizer of the Canary itself
    "kubernetes/workload/configs.py": {"delete"},  # copies of its own that nobody needs any more
    "kubernetes/workload/deployment.py": {"patch"},  # how many Pods the target asks for
}


def test_objects_are_written_in_one_place() -> None:
    """A write that is added elsewhere has to say here why nobody else's object can be meant."""
    root = Path(inspect.getfile(Cluster)).parents[1]
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        for verb in re.findall(r"cluster\.(create|replace|patch|delete)\(", path.read_text(encoding="utf-8")):
            found.setdefault(path.relative_to(root).as_posix(), set()).add(verb)
    assert found == WRITES


# -- What was begun goes on -----------------------------------------------------------------------------------------


def test_a_rule_that_somebody_takes_over_on_the_way_is_left_alone_and_the_split_goes_on(
    cluster: Cluster, namespace: str, canary: Canary
) -> None:
    router = IstioRouter(cluster, canary, SETTINGS)
    router.ensure(Traffic(canary_weight=10))
    ours = cluster.get(DESTINATION_RULES, namespace, "app-primary")
    assert ours is not None
    cluster.delete(DESTINATION_RULES, ours)
    theirs = cluster.create(DESTINATION_RULES, namespace, {"metadata": {"name": "app-primary"}, "spec": RULE})
    assert router.read() == Traffic(canary_weight=10)
    router.ensure(Traffic(canary_weight=20))
    assert router.read() == Traffic(canary_weight=20)
    assert cluster.get(DESTINATION_RULES, namespace, "app-primary") == theirs
    objection = router.objection()
    assert objection is not None
    assert objection.reason == "DestinationRuleNotOurs"


def test_a_rule_that_says_just_what_is_declared_is_nobodys_obstacle(
    cluster: Cluster, namespace: str, canary: Canary
) -> None:
    same = {"metadata": {"name": "app-primary"}, "spec": {"host": "app-primary"}}
    theirs = cluster.create(DESTINATION_RULES, namespace, same)
    router = IstioRouter(cluster, canary, SETTINGS)
    router.ensure(Traffic())
    assert router.objection() is None
    assert cluster.get(DESTINATION_RULES, namespace, "app-primary") == theirs


def test_an_autoscaler_that_somebody_takes_over_is_not_held(cluster: Cluster, namespace: str, canary: Canary) -> None:
    _make_primary(cluster, canary)
    ours = cluster.get(HORIZONTAL_POD_AUTOSCALERS, namespace, "app-primary")
    assert ours is not None
    cluster.delete(HORIZONTAL_POD_AUTOSCALERS, ours)
    theirs = cluster.create(HORIZONTAL_POD_AUTOSCALERS, namespace, _scaler("app-primary"))
    port = _workload(cluster, canary)
    port.hold_primary(2)
    found = port.observe().primary
    assert found is not None
    assert (found.floor, found.held) == (None, None)
    assert cluster.get(HORIZONTAL_POD_AUTOSCALERS, namespace, "app-primary") == theirs


@pytest.mark.parametrize("router", [IstioRouter, ServiceRouter])
def test_a_deletion_gives_back_what_is_ours_and_ends(
    cluster: Cluster, namespace: str, canary: Canary, router: type[Any]
) -> None:
    """Routes and a Service that something else controls by now are not waited for."""
    router(cluster, canary, SETTINGS).ensure(Traffic())
    owners = _owned_by(cluster.create(CONFIG_MAPS, namespace, {"metadata": {"name": "keeper"}}))
    theirs = []
    for resource in (SERVICES, VIRTUAL_SERVICES):
        live = cluster.get(resource, namespace, "app")
        if live is not None:
            theirs.append((resource, cluster.patch(resource, live, {"metadata": {"ownerReferences": owners}})))
    going = evolve(canary, metadata=evolve(canary.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    ending = router(cluster, going, SETTINGS)
    ending.release()
    assert ending.read() is None
    assert [cluster.get(resource, namespace, "app") for resource, _ in theirs] == [each for _, each in theirs]


# -- Whose it is ----------------------------------------------------------------------------------------------------


def _of(**owner: Any) -> list[Obj]:
    ours = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "app", "uid": "old", "controller": True}
    return [{**ours, **owner}]


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"ownerReferences": _of()}, Owner.NAMESAKE),
        ({"ownerReferences": _of(apiVersion="flagger.app/v1alpha3")}, Owner.NAMESAKE),
        ({"ownerReferences": _of(name="second")}, Owner.OTHER),
        ({"ownerReferences": _of(apiVersion="example.com/v1")}, Owner.OTHER),
        ({"ownerReferences": _of(kind="Rollout")}, Owner.OTHER),
        ({"ownerReferences": _of(controller=False)}, Owner.NOBODY),
        ({}, Owner.NOBODY),
        ({"annotations": {"canary-core/revision": "v1:x"}}, Owner.LOST),
        ({"labels": {"canary-core/clone-of": "app"}}, Owner.LOST),
        ({"annotations": UNWATCHED_BY_TOOLKIT}, Owner.LOST),
        ({"annotations": dict(list(UNWATCHED_BY_TOOLKIT.items())[:1])}, Owner.NOBODY),
    ],
    ids=str,
)
def test_owners_are_told_apart(cluster: Cluster, namespace: str, metadata: Obj, owner: Owner) -> None:
    canary = a_canary(cluster.api, namespace)
    assert owner_of({"metadata": metadata}, canary) is owner
    ours = {"metadata": {"ownerReferences": _of(uid=canary.metadata.uid, name="whatever")}}
    assert owner_of(ours, canary) is Owner.CANARY


def test_a_primary_that_flagger_left_without_an_owner_is_known_by_its_pods(cluster: Cluster, namespace: str) -> None:
    left = a_deployment(name="app-primary")
    left["spec"]["template"]["metadata"]["annotations"] = {"flagger-id": "x"}
    assert owner_of(left, a_canary(cluster.api, namespace)) is Owner.LOST


def test_what_a_canary_of_the_same_name_has_left_is_taken_over_with_its_owner() -> None:
    """Deleted and declared again: before it goes as garbage, it is ours."""
    raw = raw_canary("here")
    raw["metadata"]["uid"] = "new"
    api = VirtualApi()  # in which nothing goes as garbage meanwhile
    cluster = Cluster(api)
    guest = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}
    left = {"metadata": {"name": "app-primary", "ownerReferences": [guest, *_of()]}, "spec": {"host": "app-primary"}}
    live = cluster.create(DESTINATION_RULES, "here", left)
    Ownership(cluster, canary_of(raw)).put(DESTINATION_RULES, {**live, "spec": RULE}, live)
    found = cluster.get(DESTINATION_RULES, "here", "app-primary")
    assert found is not None
    assert found["spec"] == RULE
    assert [each["uid"] for each in found["metadata"]["ownerReferences"]] == ["x", "new"]
    assert owner_of(found, canary_of(raw)) is Owner.CANARY
    api.close()


def _without_primary(cluster: Cluster, namespace: str) -> None:
    """Its status changes while its Pods come, which is a conflict."""
    while (live := cluster.read(DEPLOYMENTS, namespace, "app-primary")) is not None:
        with contextlib.suppress(ConflictError):
            cluster.delete(DEPLOYMENTS, live)
