"""Why only labels with a prefix are copied: with all of them, tools find their marks on objects that are not theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery.appliers import apply
from delivery.argo import Application
from delivery.demo import NAME, Fleet, whole_bundle
from delivery.fleet import Drift
from delivery.history import History, live_objects
from laboratories.lab import Controller, Lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def controller(gitops_lab: Lab) -> Iterator[Controller]:
    """One that copies everything."""
    with gitops_lab.controller("-include-label-prefix=*") as found:
        yield found


def test_with_all_labels_copied_fleet_finds_extra_objects(lab: Lab, history: History, place: str) -> None:
    bundle = whole_bundle(place, "v1")
    Fleet(lab).deliver(bundle)
    history.until_phase("Initialized", NAME, place)
    *_, last = history.moments(place)
    found = bundle.drift(live_objects(last))
    assert {each.state for each in found} == {"extra"}
    names = {(drift.ref[1], drift.ref[3].startswith(("settings-", f"{NAME}-primary"))) for drift in found}
    assert names == {("Deployment", True), ("HorizontalPodAutoscaler", True), ("ConfigMap", True)}
    assert Drift("extra", ("apps/v1", "Deployment", place, f"{NAME}-primary")) in found


def test_argo_takes_no_copy_for_its_own_because_they_have_an_owner(lab: Lab, history: History, place: str) -> None:
    """Its label is on them all the same."""
    app = Application(name="shop", objects=whole_bundle(place, "v1").objects, tracking="label")
    lab.kubectl("create", "namespace", place)
    apply(lab, app.manifests())
    history.until_phase("Initialized", NAME, place)
    *_, last = history.moments(place)
    primary = last.get("apps/deployments", f"{NAME}-primary")
    assert primary is not None
    assert primary["metadata"]["labels"]["app.kubernetes.io/instance"] == "shop"
    assert app.to_prune(live_objects(last)) == []
