"""Disturbances of Deployments, of their Pods, and of their autoscalers."""

from __future__ import annotations

import time
from typing import Final

from canary_adapters.kubernetes.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, Obj
from canary_lab.mesh.snapshot import PODS
from disturbances import application
from disturbances.application import IMAGE, NAME, Setup
from disturbances.disturbance import Undo, disturbance
from disturbances.place import Place
from laboratories.lab import REAL

NEVER_READY: Final = "never" if REAL else "broken"
"""Tag of an image whose Pods do not become ready: to whoever plays the Pods."""
_FOR_GOOD_S: Final = 12.0
_SCALED: Final = Setup(has_autoscaler=True, replicas=2)
_NAMED_PORT: Final = Setup(target_port="http")


def _primary(place: Place) -> str:
    return f"{place.target}-primary"


# -- The primary ----------------------------------------------------------------------------------------------------


@disturbance("primary deleted")
def primary_deleted(place: Place) -> None:
    place.hands.delete(DEPLOYMENTS, _primary(place))


@disturbance("primary deleted, without a mesh", setup=Setup(provider="kubernetes"))
def primary_deleted_without_a_mesh(place: Place) -> None:
    primary_deleted(place)


@disturbance("primary scaled to 0 by hand")
def primary_scaled_to_0(place: Place) -> None:
    place.hands.patch(DEPLOYMENTS, _primary(place), {"spec": {"replicas": 0}})


@disturbance("primary's Pods unready for good", hold_s=2.0, is_judged=False)
def primary_unready_for_good(place: Place) -> Undo:
    return place.world.make_ill(place.namespace, place.is_of(_primary(place)))


@disturbance("primary's Pods unready for a while", hold_s=1.0, is_deaf=True)
def primary_unready_for_a_while(place: Place) -> Undo:
    return place.world.make_ill(place.namespace, place.is_of(_primary(place)))


@disturbance("primary's Pods relabelled by hand")
def primary_pods_relabelled(place: Place) -> None:
    for pod in place.pods(_primary(place)):
        labels = dict.fromkeys(place.setup.labels, "somebody")
        place.hands.patch(PODS, pod["metadata"]["name"], {"metadata": {"labels": labels}})


@disturbance("primary's template edited by hand")
def primary_template_edited(place: Place) -> None:
    def edit(found: Obj) -> None:
        found["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:{NEVER_READY}"

    place.hands.edit(DEPLOYMENTS, _primary(place), edit)


@disturbance("primary's labels and annotations removed")
def primary_metadata_removed(place: Place) -> None:
    def edit(found: Obj) -> None:
        for field in ("labels", "annotations"):
            found["metadata"].pop(field, None)

    place.hands.edit(DEPLOYMENTS, _primary(place), edit)


# -- The target -----------------------------------------------------------------------------------------------------


@disturbance("canary's Pods unready for good", hold_s=_FOR_GOOD_S)
def canary_unready_for_good(place: Place) -> Undo:
    return place.world.make_ill(place.namespace, place.is_of(place.target))


@disturbance("canary's Pods unready for a while", hold_s=1.0)
def canary_unready_for_a_while(place: Place) -> Undo:
    return place.world.make_ill(place.namespace, place.is_of(place.target))


@disturbance("target deleted")
def target_deleted(place: Place) -> Undo:
    place.hands.delete(DEPLOYMENTS, place.target)
    return lambda: place.hands.make(DEPLOYMENTS, application.deployment(place.setup))


@disturbance("target made anew with other labels")
def target_made_anew_with_other_labels(place: Place) -> None:
    tag = place.version(place.target)
    place.hands.delete(DEPLOYMENTS, place.target)
    place.hands.make(DEPLOYMENTS, application.deployment(place.setup, tag=tag, labels={"app.kubernetes.io/name": NAME}))


@disturbance("a version renames the target's port", setup=_NAMED_PORT)
def port_renamed(place: Place) -> Undo:
    def named(name: str) -> None:
        place.revise("v4", lambda container: container["ports"][0].update(name=name))

    named("web")
    return lambda: named("http")


@disturbance("a version has a broken image")
def image_broken(place: Place) -> Undo:
    before = place.version(place.target)
    place.revise(NEVER_READY)
    return lambda: place.revise(before)


@disturbance("target scaled to 0 by hand")
def target_scaled_to_0(place: Place) -> None:
    place.hands.patch(DEPLOYMENTS, place.target, {"spec": {"replicas": 0}})


# -- All Pods -------------------------------------------------------------------------------------------------------


@disturbance("all Pods evicted")
def all_pods_evicted(place: Place) -> None:
    for owner in (_primary(place), place.target):
        for pod in place.pods(owner):
            _evict(place, pod)


@disturbance("nodes drained, one Pod after the other", setup=Setup(replicas=2))
def nodes_drained(place: Place) -> None:
    pods = [pod for owner in (_primary(place), place.target) for pod in place.pods(owner)]

    def drain() -> None:
        for pod in pods:
            _evict(place, pod)
            time.sleep(1.0)

    place.world.in_background(drain)


def _evict(place: Place, pod: Obj) -> None:
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": place.namespace}}
    place.hands.subresource(PODS, name, "eviction", body)


@disturbance("a neighbour with the same label", setup=Setup(labels={"app": NAME, "tier": "web"}, has_service=True))
def neighbour(place: Place) -> None:
    worker = application.deployment(place.setup, name="worker", labels={"app": NAME, "tier": "worker"})
    worker["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/worker:v1"
    place.hands.make(DEPLOYMENTS, worker)


# -- Autoscalers ----------------------------------------------------------------------------------------------------


@disturbance("target's autoscaler deleted", setup=_SCALED)
def autoscaler_deleted(place: Place) -> Undo:
    place.hands.delete(HORIZONTAL_POD_AUTOSCALERS, NAME)
    return lambda: place.hands.make(HORIZONTAL_POD_AUTOSCALERS, application.autoscaler())


@disturbance("primary's autoscaler deleted", setup=_SCALED)
def primary_autoscaler_deleted(place: Place) -> None:
    place.hands.delete(HORIZONTAL_POD_AUTOSCALERS, _primary(place))
