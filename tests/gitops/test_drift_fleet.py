"""Fleet sees nothing modified, missing or extra at any moment of a rollout, and what it would see without our help."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import evolve

from delivery.demo import NAME, Fleet, demo_bundle, placed, primary_image, whole_bundle, with_spec
from delivery.documented import GITOPS, blocks
from delivery.fleet import Bundle, Drift, compare_patches
from delivery.history import (
    CANARIES,
    TRAFFIC_LAWS,
    History,
    Moment,
    apex_is_with_primary,
    broken,
    live_objects,
    phase_of,
    steps_while,
    traffic_meets_pods,
    weights_of,
    weights_sum_to_100,
)
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def controller(gitops_lab: Lab) -> Iterator[Controller]:
    """As the bundle of the engine installs it."""
    with gitops_lab.controller("-include-label-prefix=dummy") as found:
        yield found


def _drifts(moments: Iterator[Moment], bundles: dict[str, Bundle]) -> list[tuple[Drift, str]]:
    """All drift at any moment from when all objects were created. The bundle is the one whose image is declared."""
    found: list[tuple[Drift, str]] = []
    complete = False
    for moment in moments:
        target = moment.get("apps/deployments", NAME)
        if target is None:
            continue
        tag = target["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
        drift = bundles[tag].drift(live_objects(moment))
        complete = complete or all(each.state != "missing" for each in drift)
        if complete:
            found += [(each, moment.told()) for each in drift]
    assert complete
    return found


def _weights_seen(history: History, place: str) -> set[int]:
    return {weights_of(moment, NAME).get(f"{NAME}-canary", -1) for moment in history.moments(place)}


def test_nothing_drifts_in_a_rollout_and_a_rollback(lab: Lab, history: History, place: str) -> None:
    """With ConfigMap and autoscaler in the bundle, so that every kind of generated object is made."""
    fleet = Fleet(lab)
    bundles = {tag: whole_bundle(place, tag) for tag in ("v1", "v2", "v3")}
    fleet.deliver(bundles["v1"])
    history.until_phase("Initialized", NAME, place)
    fleet.deliver(bundles["v2"])
    history.until_phase("Succeeded", NAME, place)
    assert primary_image(lab, place) == "v2"
    lab.prometheus.success_rate = 50.0
    fleet.deliver(bundles["v3"])
    history.until_phase("Failed", NAME, place)
    eventually(lambda: (lab.get("deployment", NAME, place) or {})["spec"]["replicas"] == 0, pause_s=0.3)
    assert _weights_seen(history, place) >= {0, 25, 50}
    assert {"HorizontalPodAutoscaler", "ConfigMap"} <= _kinds_owned(history, place)
    assert _drifts(history.moments(place), bundles) == []
    assert _untold(history.moments(place)) == []
    assert broken(history.moments(place), NAME, *TRAFFIC_LAWS) == []


def _untold(moments: Iterator[Moment]) -> list[str]:
    """Where what tools derive the health of a Canary from is not there, or of another generation at rest.

    A negative generation is the definition's: the controller has not seen the Canary yet.
    """
    found = []
    for moment in moments:
        status = (moment.get(CANARIES, NAME) or {}).get("status")
        if status is not None and status["observedGeneration"] >= 0:
            conditions = [(each.get("type"), bool(each.get("message"))) for each in status.get("conditions") or ()]
            whole = {"phase", "canaryWeight", "observedGeneration"} <= status.keys()
            found += [] if whole and conditions[:2] == [("Promoted", True), ("Ready", True)] else [moment.told()]
    return found


def test_a_change_of_the_policy_is_observed_also_at_rest(lab: Lab, history: History, place: str) -> None:
    """Tools wait for that before they say that all is well."""
    fleet = Fleet(lab)
    bundle = demo_bundle(place)
    fleet.deliver(bundle)
    history.until_phase("Initialized", NAME, place)
    policy = next(obj for obj in bundle.objects if obj["kind"] == "Canary")["spec"]["analysis"]
    fleet.deliver(with_spec(bundle, "Canary", analysis={**policy, "threshold": 7}))

    def observed() -> bool:
        canary = lab.get("canary", NAME, place)
        assert canary is not None
        assert canary["spec"]["analysis"]["threshold"] == 7
        return bool(canary["status"]["observedGeneration"] == canary["metadata"]["generation"] == 2)

    eventually(observed, pause_s=0.3)


def _kinds_owned(history: History, place: str) -> set[str]:
    *_, last = history.moments(place)
    return {obj["kind"] for obj in live_objects(last) if obj["metadata"].get("ownerReferences")}


def test_manifests_with_replicas_and_a_service_as_people_have_it_need_two_entries(
    lab: Lab, history: History, place: str
) -> None:
    """The Service selects the target, the Deployment declares its pods: each upgrade sets both; we put both right."""

    def bundle(image: str) -> Bundle:
        plain = with_spec(demo_bundle(place, image=image), "Service", selector={"app": NAME})
        return with_spec(plain, "Deployment", replicas=1)

    fleet = Fleet(lab)
    plain = {tag: bundle(tag) for tag in ("v1", "v2")}
    entries = placed(compare_patches(blocks(GITOPS)["fleet.yaml"]), place)
    with_entries = {tag: evolve(each, patches=entries) for tag, each in plain.items()}
    without = {tag: evolve(each, patches=()) for tag, each in plain.items()}
    fleet.deliver(plain["v1"])
    history.until_phase("Initialized", NAME, place)
    fleet.deliver(plain["v2"])
    history.until_phase("Succeeded", NAME, place)
    assert _drifts(history.moments(place), with_entries) == []
    states = {(drift.state, drift.ref[1]) for drift, _ in _drifts(history.moments(place), without)}
    assert states == {("modified", "Service"), ("modified", "Deployment")}
    assert broken(history.moments(place), NAME, weights_sum_to_100, traffic_meets_pods) == []
    assert steps_while(history.moments(place), NAME, apex_is_with_primary) == []
    astray = [moment.writer for moment in history.moments(place) if apex_is_with_primary(moment, NAME)]
    assert "helm" in astray  # it did happen
    *_, last = history.moments(place)
    assert apex_is_with_primary(last, NAME) == ""
    assert _replicas_asked(history, place) == [1, 0, 1, 0]  # pods that came with v2 were kept: they are the canary's


def _replicas_asked(history: History, place: str) -> list[int]:
    """Of the target, change by change, from when there was a phase."""
    asked: list[int] = []
    for moment in history.moments(place):
        target = moment.get("apps/deployments", NAME)
        if target is not None and phase_of(moment, NAME) and asked[-1:] != [target["spec"]["replicas"]]:
            asked.append(target["spec"]["replicas"])
    return asked
