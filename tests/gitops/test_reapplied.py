"""Manifests that are applied again in the middle of a rollout: from the client's side, the server's, and by Flux."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from delivery.appliers import CLIENT_SIDE, SERVER_SIDE, apply, reconcile_with_flux
from delivery.demo import NAME, demo_bundle, primary_image, with_spec
from delivery.documented import GITOPS, blocks
from delivery.history import (
    TRAFFIC_LAWS,
    History,
    Moment,
    apex_is_with_primary,
    broken,
    phase_of,
    recorded,
    steps_while,
    traffic_meets_pods,
    weights_of,
    weights_sum_to_100,
)
from delivery.merging import Obj
from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow


def _by_kubectl(*flags: str) -> Callable[[Lab, tuple[Obj, ...]], None]:
    return lambda lab, objects: apply(lab, objects, *flags)


def _flux_that_ignores(lab: Lab, objects: tuple[Obj, ...]) -> None:
    reconcile_with_flux(lab, objects, tuple(blocks(GITOPS)["Kustomization"]["spec"]["ignore"]))


HOWS = {"client": _by_kubectl(*CLIENT_SIDE), "server": _by_kubectl(*SERVER_SIDE), "flux": reconcile_with_flux}
ALL_HOWS = {**HOWS, "ignoring-flux": _flux_that_ignores}


def _manifests(place: str, image: str, *, as_people_have_it: bool) -> tuple[Obj, ...]:
    """With replicas, and with a Service that selects the target; or with neither."""
    found = demo_bundle(place, image=image)
    if as_people_have_it:
        found = with_spec(with_spec(found, "Service", selector={"app": NAME}), "Deployment", replicas=2)
    return found.objects


def _rolled_out(lab: Lab, history: History, place: str, how: str, *, as_people_have_it: bool) -> None:
    """From the first delivery to the promotion of v2, with everything applied again at each weight, and at the end."""
    lab.kubectl("create", "namespace", place)
    manifests = {tag: _manifests(place, tag, as_people_have_it=as_people_have_it) for tag in ("v1", "v2")}
    ALL_HOWS[how](lab, manifests["v1"])
    history.until_phase("Initialized", NAME, place)
    ALL_HOWS[how](lab, manifests["v1"])
    ALL_HOWS[how](lab, manifests["v2"])
    for weight in (25, 50):
        history.until(place, partial(_has_weight, weight))
        ALL_HOWS[how](lab, manifests["v2"])
    history.until_phase("Succeeded", NAME, place)
    ALL_HOWS[how](lab, manifests["v2"])
    eventually(lambda: (lab.get("deployment", NAME, place) or {})["spec"]["replicas"] == 0, pause_s=0.3)
    assert primary_image(lab, place) == "v2"


def _has_weight(least: int, moment: Moment) -> bool:
    return weights_of(moment, NAME).get(f"{NAME}-canary", 0) >= least


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> History:
    """All stories at the same time, each in a namespace of its own."""
    stories = [*((how, False) for how in HOWS), *((how, True) for how in ALL_HOWS)]
    with (
        Lab(tmp_path_factory.mktemp("reapplied")) as lab,
        recorded(lab.cluster) as history,
        lab.controller(),
        ThreadPoolExecutor(len(stories)) as pool,
    ):
        running = [
            pool.submit(_rolled_out, lab, history, _place(how, people), how, as_people_have_it=people)
            for how, people in stories
        ]
        for each in running:
            each.result()
    return history


def _place(how: str, as_people_have_it: bool) -> str:
    return f"gitops-{how}-{'both' if as_people_have_it else 'neither'}"


@pytest.mark.parametrize("how", HOWS)
def test_manifests_that_leave_replicas_out_and_name_the_primary_are_never_in_the_way(played: History, how: str) -> None:
    """Nothing is fought over: who applies sets nothing that is ours, not even for a moment."""
    place = _place(how, as_people_have_it=False)
    assert broken(played.moments(place), NAME, *TRAFFIC_LAWS) == []
    assert _changes_of(played, place) == (["", 0, 1, 0], {f"{NAME}-primary"})


@pytest.mark.parametrize("how", ALL_HOWS)
def test_manifests_that_have_both_are_put_right_at_once(played: History, how: str) -> None:
    """What they take away from the primary comes back before the rollout goes on."""
    place = _place(how, as_people_have_it=True)
    assert broken(played.moments(place), NAME, weights_sum_to_100, traffic_meets_pods) == []
    assert steps_while(played.moments(place), NAME, apex_is_with_primary) == []
    *_, last = played.moments(place)
    assert apex_is_with_primary(last, NAME) == ""
    replicas, selected = _changes_of(played, place)
    assert replicas[-1] == 0
    # Flux leaves the Service alone, for our annotation is on it.
    assert selected == ({f"{NAME}-primary"} if "flux" in how else {NAME, f"{NAME}-primary"})


def test_flux_leaves_replicas_alone_that_it_is_told_to_ignore(played: History) -> None:
    assert _changes_of(played, _place("ignoring-flux", as_people_have_it=True))[0] == ["", 0, 2, 0]


def _changes_of(history: History, place: str) -> tuple[list[object], set[str]]:
    """The replicas of the target, change by change, and what the apex selected, from when the primary was there."""
    replicas: list[object] = [""]
    selected: set[str] = set()
    for moment in history.moments(place):
        target, apex = moment.get("apps/deployments", NAME), moment.get("core/services", NAME)
        if (
            target is None
            or apex is None
            or phase_of(moment, NAME) in {"", "Initializing"}
            or not weights_of(moment, NAME)
        ):
            continue
        if target["spec"]["replicas"] != replicas[-1]:
            replicas.append(target["spec"]["replicas"])
        selected.add(apex["spec"]["selector"]["app"])
    return replicas, selected
