"""Argo CD sees nothing out of sync where the documented entries are, heals nothing, and loses where they are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from delivery.appliers import Argo, self_healing
from delivery.argo import Application, Ignored
from delivery.demo import NAME, demo_bundle, primary_image, with_spec
from delivery.documented import GITOPS, blocks
from delivery.history import (
    TRAFFIC_LAWS,
    History,
    apex_is_with_primary,
    broken,
    live_objects,
    steps_while,
    traffic_meets_pods,
    weights_sum_to_100,
)
from laboratories.lab import Controller, Lab, eventually

pytestmark = pytest.mark.slow

PAGE = blocks(GITOPS)
REPLICAS, SELECTOR = map(Ignored.read, PAGE["Application"]["spec"]["ignoreDifferences"])
(BY_MANAGER,) = map(Ignored.read, PAGE["ignoreDifferences"])
RESPECTS = "RespectIgnoreDifferences=true" in PAGE["Application"]["spec"]["syncPolicy"]["syncOptions"]


@pytest.fixture(scope="module", autouse=True)
def controller(gitops_lab: Lab) -> Iterator[Controller]:
    """Without any prefix: nothing is copied."""
    with gitops_lab.controller() as found:
        yield found


def _application(place: str, image: str, *ignored: Ignored, **options: Any) -> Application:
    """With replicas in the Deployment, and a Service that selects the target, as people have them."""
    found = with_spec(demo_bundle(place, image=image), "Service", selector={"app": NAME})
    objects = with_spec(found, "Deployment", replicas=1).objects
    return Application(name="shop", objects=objects, ignored=ignored, **options)


def _declared(obj: dict[str, Any]) -> str:
    image: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


def _out_of_sync(history: History, place: str, app: Application, since: str = "v1") -> list[str]:
    """Whatever is out of sync at any moment, once all is there and the image is declared."""
    found, complete = [], False
    for moment in history.moments(place):
        out = app.out_of_sync(live_objects(moment))
        target = moment.get("apps/deployments", NAME)
        complete = complete or (not out and target is not None)
        if complete and target is not None and _declared(target) == since:
            found += [f"{ref} {moment.told()}" for ref in out]
    assert complete
    return found


@pytest.mark.parametrize(("rule", "tracking"), [(REPLICAS, "annotation"), (BY_MANAGER, "label")])
def test_with_the_documented_entries_nothing_is_out_of_sync_and_nothing_is_healed(
    lab: Lab, history: History, place: str, rule: Ignored, tracking: Any
) -> None:
    lab.kubectl("create", "namespace", place)
    app = {tag: _application(place, tag, rule, SELECTOR, tracking=tracking, respects=RESPECTS) for tag in ("v1", "v2")}
    argo = Argo(lab)
    argo.sync(app["v1"])
    history.until_phase("Initialized", NAME, place)
    with self_healing(lab, app["v1"], 0.3) as healer:
        healer.app = app["v2"]  # committed; the next look finds it and syncs
        history.until_phase("Succeeded", NAME, place)
    assert [(ref[1], ref[3]) for ref in healer.healed] == [("Deployment", NAME)]
    assert primary_image(lab, place) == "v2"
    assert _out_of_sync(history, place, app["v2"], "v2") == []
    assert broken(history.moments(place), NAME, *TRAFFIC_LAWS) == []


def test_without_entries_it_heals_all_the_time_and_the_traffic_is_right_all_the_same(
    lab: Lab, history: History, place: str
) -> None:
    """And the rollout comes to its end, at the latest when the fight does."""
    lab.kubectl("create", "namespace", place)
    app = {tag: _application(place, tag) for tag in ("v1", "v2")}
    argo = Argo(lab)
    argo.sync(app["v1"])
    history.until_phase("Initialized", NAME, place)
    with self_healing(lab, app["v1"], 0.2) as healer:
        eventually(lambda: len(healer.healed) > 3)
        healer.app = app["v2"]
        history.until_phase("Progressing", NAME, place)
        before = len(healer.healed)
        eventually(lambda: len(healer.healed) > before + 3)
    assert {ref[1] for ref in healer.healed} == {"Deployment", "Service"}
    history.until_phase("Succeeded", NAME, place)
    assert broken(history.moments(place), NAME, weights_sum_to_100, traffic_meets_pods) == []
    assert steps_while(history.moments(place), NAME, apex_is_with_primary) == []

    def put_back() -> bool:
        *_, last = history.moments(place)
        return apex_is_with_primary(last, NAME) == ""

    eventually(put_back)  # the last blow of the fight may have come after the end of the rollout
    assert _out_of_sync(history, place, evolve(app["v2"], ignored=(REPLICAS, SELECTOR)), "v2") == []
